"""A jurisdiction's GeoPackage stays readable for the layers that are open while others are written into it."""

from __future__ import annotations

import pytest
from qgis.core import (
    QgsFeature,
    QgsFields,
    QgsGeometry,
    QgsProcessingContext,
    QgsProcessingUtils,
    QgsVectorLayer,
    QgsWkbTypes,
)

from patrol_missions.core.errors import InputError
from patrol_missions.gui.package_hold import PackageHold
from patrol_missions.gui.recipes import Files


def write(files, project, name):
    """A layer as an algorithm writes it."""
    context = QgsProcessingContext()
    context.setProject(project)
    destination = files.table(name, project).sink.staticValue()
    crs = QgsVectorLayer("Point?crs=EPSG:32618", "x", "memory").crs()
    sink, uri = QgsProcessingUtils.createFeatureSink(destination, context, QgsFields(), QgsWkbTypes.Type.Point, crs)
    feature = QgsFeature()
    feature.setGeometry(QgsGeometry.fromWkt("POINT(1 2)"))
    sink.addFeature(feature)
    del sink
    return uri


def test_open_layers_can_be_read_after_others_were_written(project, tmp_path):
    files = Files(tmp_path / "city.gpkg")
    hold = PackageHold(project)
    hold.hold(files.package)
    layers = []
    for number in range(4):
        layer = QgsVectorLayer(write(files, project, f"t{number}"), f"t{number}", "ogr")
        assert layer.isValid()
        project.addMapLayer(layer)
        layers.append(layer)
        for each in layers:
            each.dataProvider().reloadData()  # forget what was counted: ask the file again
            assert each.dataProvider().featureCount() == 1
    assert (tmp_path / "city.gpkg-wal").exists(), "the log is kept while the layers are open"
    hold.release()
    for each in layers:
        each.dataProvider().reloadData()
        assert each.dataProvider().featureCount() == 1


def test_layers_that_were_open_before_can_be_read_while_it_is_held(project, tmp_path):
    """As when a project is opened again and the next run begins."""
    files = Files(tmp_path / "city.gpkg")
    first = PackageHold(project)
    first.hold(files.package)
    uri = write(files, project, "t")
    first.release()
    layer = QgsVectorLayer(uri, "t", "ogr")
    project.addMapLayer(layer)
    assert layer.featureCount() == 1
    hold = PackageHold(project)
    hold.hold(files.package)
    assert layer.featureCount() == 1
    assert len(list(layer.getFeatures())) == 1
    hold.release()


def test_holding_another_file_lets_go_of_the_first(project, tmp_path):
    hold = PackageHold(project)
    hold.hold(tmp_path / "one.gpkg")
    hold.hold(tmp_path / "two.gpkg")
    assert not (tmp_path / "one.gpkg-wal").exists()
    assert (tmp_path / "two.gpkg-wal").exists()
    hold.release()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["one.gpkg", "two.gpkg"]


def test_a_file_that_is_no_geopackage_is_a_sentence(project, tmp_path):
    path = tmp_path / "text.gpkg"
    path.write_text("not a database", encoding="utf-8")
    with pytest.raises(InputError, match="cannot be written"):
        PackageHold(project).hold(path)


def test_a_place_that_cannot_be_written_is_a_sentence(project, tmp_path):
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(InputError, match="cannot be written"):
        PackageHold(project).hold(tmp_path / "file" / "city.gpkg")
