"""A result in a GeoPackage stays whole until the next one is: cancelling, failing or dying changes nothing."""

from __future__ import annotations

import sqlite3

import pytest
from conftest import Listener
from made_layers import box, polygons
from qgis.core import (
    QgsFeature,
    QgsFeatureRequest,
    QgsField,
    QgsFields,
    QgsGeometry,
    QgsProcessingException,
    QgsProcessingOutputLayerDefinition,
    QgsProcessingUtils,
    QgsProject,
    QgsRectangle,
    QgsVectorLayer,
    QgsWkbTypes,
)
from qgis.PyQt.QtCore import QVariant

from patrol_missions.bridge.drafts import Drafts
from patrol_missions.bridge.processes import Silence
from patrol_missions.core.errors import Canceled, InputError
from patrol_missions.gui.recipes import Files


class Cancels(Listener):
    """Cancels when the progress passes a mark."""

    def __init__(self, mark):
        super().__init__()
        self.progressChanged.connect(lambda percent: percent > mark and self.cancel())


@pytest.fixture
def files(tmp_path):
    return Files(tmp_path / "it's “here”.gpkg")


def draft(drafts, files, name, context, rows, looked_up_by=""):
    """Write to a table as an algorithm does; gives where it will be in the end."""
    fields = QgsFields()
    fields.append(QgsField("number", QVariant.Int))
    value = drafts.instead_of(files.table(name, QgsProject.instance()), context, looked_up_by)
    crs = polygons(crs="EPSG:32618").crs()
    sink, uri = QgsProcessingUtils.createFeatureSink(
        value.sink.staticValue(), context, fields, QgsWkbTypes.Type.Point, crs
    )
    for number in range(rows):
        feature = QgsFeature(fields)
        feature.setAttributes([number])
        feature.setGeometry(QgsGeometry.fromWkt(f"POINT({number} 0)"))
        assert sink.addFeature(feature)
    del sink
    return drafts.place(uri, context)


def tables(files):
    """Rows per table, as the file itself tells."""
    connection = sqlite3.connect(files.package)
    names = [name for (name,) in connection.execute("SELECT table_name FROM gpkg_contents ORDER BY table_name")]
    rows = {name: connection.execute(f'SELECT count(*) FROM "{name}"').fetchone()[0] for name in names}
    assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    assert connection.execute("PRAGMA foreign_key_check").fetchall() == []
    assert not connection.execute("SELECT 1 FROM sqlite_master WHERE sql LIKE '%unfinished%'").fetchall() or any(
        name.endswith("_unfinished") for name in names
    )
    connection.close()
    return rows


def test_a_result_takes_the_place_of_the_one_before_when_it_is_whole(files, context):
    for rows in (10, 30):
        drafts = Drafts()
        place = draft(drafts, files, "missions", context, rows)
        assert tables(files) == {**({"missions": 10} if rows == 30 else {}), "missions_unfinished": rows}
        drafts.deliver(Silence())
        assert tables(files) == {"missions": rows}
    layer = QgsVectorLayer(place, "Missions", "ogr")
    assert layer.featureCount() == 30
    assert layer.hasSpatialIndex() == layer.SpatialIndexPresence.SpatialIndexPresent
    found = layer.getFeatures(QgsFeatureRequest(QgsRectangle(4.5, -1, 7.5, 1)))
    assert [feature["number"] for feature in found] == [5, 6, 7]


def indexed(path):
    """The indexed columns of a GeoPackage's tables."""
    connection = sqlite3.connect(path)
    found = connection.execute("SELECT sql FROM sqlite_master WHERE type = 'index'")
    told = [sql for (sql,) in found if sql and "_by_" in sql]
    connection.close()
    return told


def test_a_table_is_indexed_by_what_its_rows_are_looked_up_by(files, context):
    for _ in range(2):  # the second takes the place of the first, index and all
        drafts = Drafts()
        draft(drafts, files, "missions", context, 10, "number")
        drafts.deliver(Silence())
        assert tables(files) == {"missions": 10}
        assert indexed(files.package) == ['CREATE INDEX "missions_by_number" ON "missions" ("number")']


def test_a_whole_file_is_indexed_too(tmp_path, context):
    path = tmp_path / "dose map.gpkg"
    for _ in range(2):
        drafts = Drafts()
        fields = QgsFields()
        fields.append(QgsField("number", QVariant.Int))
        value = drafts.instead_of(str(path), context, "number")
        crs = polygons(crs="EPSG:32618").crs()
        sink, _uri = QgsProcessingUtils.createFeatureSink(value, context, fields, QgsWkbTypes.Type.Point, crs)
        del sink
        drafts.deliver(Silence())
        assert indexed(path) == ['CREATE INDEX "dose map_by_number" ON "dose map" ("number")']


def test_a_forecast_is_looked_up_by_the_start_of_its_shifts(chain):
    assert indexed(chain.path("forecast")) == ['CREATE INDEX "forecast_by_start" ON "forecast" ("start")']


def test_what_a_killed_run_left_is_overwritten(files, context):
    for rows in (10, 30):
        drafts = Drafts()
        draft(drafts, files, "missions", context, rows)
        if rows == 10:
            drafts.deliver(Silence())
    # the second was never delivered: the process died
    assert tables(files) == {"missions": 10, "missions_unfinished": 30}
    drafts = Drafts()
    draft(drafts, files, "missions", context, 20)
    drafts.deliver(Silence())
    assert tables(files) == {"missions": 20}


def test_all_results_of_a_run_take_their_places_or_none(files, context):
    drafts = Drafts()
    for name in ("missions", "summary"):
        draft(drafts, files, name, context, 10)
    drafts.deliver(Silence())
    drafts = Drafts()
    for name in ("missions", "summary"):
        draft(drafts, files, name, context, 20)
    connection = sqlite3.connect(files.package)
    connection.execute('ALTER TABLE "summary_unfinished" RENAME TO "gone"')
    connection.close()
    with pytest.raises(InputError, match="what the file held before is still there"):
        drafts.deliver(Silence())
    drafts.discard()
    connection = sqlite3.connect(files.package)
    counts = [connection.execute(f'SELECT count(*) FROM "{name}"').fetchone() for name in ("missions", "summary")]
    connection.close()
    assert counts == [(10,), (10,)]


def test_a_cancel_at_the_end_delivers_nothing(files, context):
    drafts = Drafts()
    draft(drafts, files, "missions", context, 10)
    feedback = Listener()
    feedback.cancel()
    with pytest.raises(Canceled):
        drafts.deliver(feedback)
    drafts.discard()
    assert tables(files) == {}


@pytest.mark.parametrize(
    "value",
    ["memory:", "TEMPORARY_OUTPUT", "/no/such/a.gpkg", "ogr:dbname='a.sqlite' table=\"a\"",
     QgsProcessingOutputLayerDefinition("a.shp"), None],
)  # fmt: skip
def test_other_outputs_are_written_as_qgis_does(value, context):
    assert Drafts().instead_of(value, context) is None


@pytest.mark.parametrize("mark", [40, 60, 99.9])
def test_cancelling_an_algorithm_while_it_writes_leaves_what_was_there(processing, files, context, mark):
    boundary = polygons(box(480_000, 4_420_000, 500_000, 4_440_000))
    parameters = {"BOUNDARY": boundary, "SIZE": 500.0, "OUTPUT": files.table("grid", QgsProject.instance())}
    made = processing.run("patrolmissions:buildgrid", parameters, context=context, feedback=Listener())
    assert "unfinished" not in made["OUTPUT"]
    assert list(context.layersToLoadOnCompletion()) == [made["OUTPUT"]]
    assert tables(files) == {"grid": 1600}
    with_more = {**parameters, "SIZE": 250.0}
    processing.run("patrolmissions:buildgrid", with_more, context=context, feedback=Cancels(mark))
    assert tables(files) == {"grid": 1600}
    processing.run("patrolmissions:buildgrid", with_more, context=context, feedback=Listener())
    assert tables(files) == {"grid": 6400}


@pytest.mark.parametrize("kind", [str, QgsProcessingOutputLayerDefinition])
def test_a_whole_file_is_replaced_when_the_next_is_whole(processing, files, context, kind):
    def run(size, feedback):
        parameters = {"BOUNDARY": polygons(box(480_000, 4_420_000, 500_000, 4_440_000)), "SIZE": size}
        output = kind(str(files.package))
        return processing.run(
            "patrolmissions:buildgrid", {**parameters, "OUTPUT": output}, context=context, feedback=feedback
        )

    for size, mark, rows in ((500.0, 101, 1600), (250.0, 60, 1600), (250.0, 99.9, 1600), (250.0, 101, 6400)):
        context.setLayersToLoadOnCompletion({})
        made = run(size, Cancels(mark))
        (table,) = tables(files).items()
        assert table == (files.package.stem, rows)
        assert [path.name for path in files.package.parent.iterdir()] == [files.package.name]
        if mark == 101:
            assert made["OUTPUT"] == str(files.package)
            assert QgsVectorLayer(made["OUTPUT"], "Grid", "ogr").featureCount() == rows
            assert list(context.layersToLoadOnCompletion()) in ([], [made["OUTPUT"]])


def test_an_algorithm_that_fails_while_it_writes_leaves_what_was_there(processing, files, context, monkeypatch):
    from patrol_missions.processing_algorithms import build_grid

    boundary = polygons(box(480_000, 4_420_000, 500_000, 4_440_000))
    parameters = {"BOUNDARY": boundary, "SIZE": 500.0, "OUTPUT": files.table("grid", QgsProject.instance())}
    processing.run("patrolmissions:buildgrid", parameters, context=context, feedback=Listener())
    write = build_grid.add_features

    def fails(batch, sink, feedback, last=False):
        write(batch[:100], sink, feedback, last)
        raise InputError("The disk is full.")

    monkeypatch.setattr(build_grid, "add_features", fails)
    with pytest.raises(QgsProcessingException, match="The disk is full"):
        processing.run("patrolmissions:buildgrid", parameters, context=context, feedback=Listener())
    assert tables(files) == {"grid": 1600}
