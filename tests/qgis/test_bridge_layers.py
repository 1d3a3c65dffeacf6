"""Layers as tables: the fast way and the slow way give the same, and both give what the file says."""

from __future__ import annotations

import sqlite3
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from osgeo import gdal, ogr, osr
from qgis.core import (
    QgsCoordinateReferenceSystem,
    QgsCoordinateTransformContext,
    QgsFeature,
    QgsGeometry,
    QgsPointXY,
    QgsProcessingAlgorithm,
    QgsProcessingFeatureSourceDefinition,
    QgsProcessingParameterFeatureSource,
    QgsProject,
    QgsVectorLayer,
    edit,
)

from patrol_missions.bridge.batches import As
from patrol_missions.bridge.columnar import columnar_file
from patrol_missions.bridge.layers import CoordinateFields, read_points, read_table
from patrol_missions.bridge.sources import LayerSource
from patrol_missions.core.errors import Canceled, InputError
from patrol_missions.core.tables import Table

UTM = QgsCoordinateReferenceSystem("EPSG:32618")
DEGREES = QgsCoordinateReferenceSystem("EPSG:4326")
TRANSFORMS = QgsCoordinateTransformContext()

FIELDS = {
    "text": (ogr.OFTString, ogr.OFSTNone),
    "small": (ogr.OFTInteger, ogr.OFSTNone),
    "large": (ogr.OFTInteger64, ogr.OFSTNone),
    "real": (ogr.OFTReal, ogr.OFSTNone),
    "flag": (ogr.OFTInteger, ogr.OFSTBoolean),
    "day": (ogr.OFTDate, ogr.OFSTNone),
    "moment": (ogr.OFTDateTime, ogr.OFSTNone),
    "written": (ogr.OFTString, ogr.OFSTNone),
}
ROWS = [
    ("POINT (-75.1 40)", ('it\'s "quoted"', 1, 2**40, 0.5, 0, "2020-01-01", "2020-03-08T02:30:00Z", "1/2/2020 3 PM")),
    (None, ("😀 emoji", -2, -5, 3.0, 1, "1969-12-31", "1969-12-31T23:59:59Z", " 2020-01-02 ")),
    ("POINT EMPTY", ("", 0, 0, -0.25, 0, "2020-02-29", "2020-01-01T10:00:00", "")),
    ("POINT (-75.2 40.1)", (None,) * 8),
    ("POINT (-75.3 39.9)", (" padded ", 7, 7, 1e300, 1, "9999-12-31", "2020-12-31T23:59:59.999Z", "x" * 60)),
    ("POINT (0 0)", ("ß“”—", 7, 8, 1.5, 0, "2020-01-01", "2020-03-08T02:30:00Z", "2020-01-01T00:00:00Z")),
]
COLUMNS = {
    **{f"label_{name}": (name, As.LABEL) for name in FIELDS},
    **{f"id_{name}": (name, As.ID) for name in FIELDS},
    **{f"time_{name}": (name, As.TIME) for name in FIELDS},
    **{f"number_{name}": (name, As.NUMBER) for name in FIELDS},
    **{f"flag_{name}": (name, As.FLAG) for name in FIELDS},
}


def write(path: Path, rows=ROWS, kind=ogr.wkbPoint, driver="GPKG", name="points", repeat=1) -> str:
    """Write rows with GDAL, so that what is tested did not write them; the layer's source for QGIS."""
    system = osr.SpatialReference()
    system.ImportFromEPSG(4326)
    system.SetAxisMappingStrategy(osr.OAMS_TRADITIONAL_GIS_ORDER)
    dataset = ogr.GetDriverByName(driver).CreateDataSource(str(path))
    layer = dataset.CreateLayer(name, system if kind != ogr.wkbNone else None, kind)
    for field, (field_type, subtype) in FIELDS.items():
        definition = ogr.FieldDefn(field, field_type)
        definition.SetSubType(subtype)
        layer.CreateField(definition)
    layer.StartTransaction()
    for shape, values in rows * repeat:
        feature = ogr.Feature(layer.GetLayerDefn())
        if shape and kind != ogr.wkbNone:
            feature.SetGeometry(ogr.CreateGeometryFromWkt(shape))
        for field, value in zip(FIELDS, values):
            if value is not None:
                feature.SetField(field, value)
        layer.CreateFeature(feature)
    layer.CommitTransaction()
    return f"{path}|layername={name}"


def opened(source: str) -> QgsVectorLayer:
    layer = QgsVectorLayer(source, "points", "ogr")
    assert layer.isValid()
    return layer


def same(one: Table, other: Table) -> None:
    assert list(one.columns) == list(other.columns)
    assert dict(one.labels) == dict(other.labels)
    for name in one.columns:
        assert one[name].dtype.kind == other[name].dtype.kind, name
        np.testing.assert_array_equal(one[name], other[name], err_msg=name)


def both_ways(layer: QgsVectorLayer, columns=COLUMNS, points=True) -> Table:
    """Read both ways, hold them against each other, and give one."""
    source = LayerSource.from_layer(layer)
    assert source.columnar is not None, "the fast way was not taken, so nothing would be compared"
    slow = replace(source, columnar=None)
    if points:
        fast_table, slow_table = (read_points(s, columns, UTM, TRANSFORMS) for s in (source, slow))
    else:
        fast_table, slow_table = (read_table(s, columns) for s in (source, slow))
    same(fast_table, slow_table)
    return fast_table


class Tattle:
    """Feedback that tells whether the fast way was given up."""

    def __init__(self, cancel_after: int = -1) -> None:
        self.debug: list[str] = []
        self._cancel_after = cancel_after
        self._asked = 0

    def isCanceled(self) -> bool:  # noqa: N802
        self._asked += 1
        return 0 <= self._cancel_after < self._asked

    def setProgress(self, progress: float) -> None:  # noqa: N802
        assert 0 <= progress <= 100

    def pushDebugInfo(self, info: str) -> None:  # noqa: N802
        self.debug.append(info)


@pytest.fixture
def mixed(tmp_path) -> QgsVectorLayer:
    return opened(write(tmp_path / "mixed.gpkg"))


def test_the_fast_way_is_really_taken(mixed):
    feedback = Tattle()
    read_points(LayerSource.from_layer(mixed), COLUMNS, UTM, TRANSFORMS, feedback)
    assert feedback.debug == []


def test_every_type_of_field_both_ways(mixed):
    table = both_ways(mixed)
    assert list(table.text("label_text")) == ['it\'s "quoted"', "😀 emoji", "", None, " padded ", "ß“”—"]
    assert list(table.text("label_large")) == [str(2**40), "-5", "0", None, "7", "8"]
    assert list(table.text("label_real")) == ["0.5", "3", "-0.25", None, "1e+300", "1.5"]
    assert list(table.text("label_flag")) == ["false", "true", "false", None, "true", "false"]
    assert table["id_large"].tolist() == [str(2**40), "-5", "0", "", "7", "8"]
    moments = ["2020-03-08T02:30:00", "1969-12-31T23:59:59", "2020-01-01T10:00:00", "NaT"]
    assert [str(t) for t in table["time_moment"]] == [*moments, "2020-12-31T23:59:59", moments[0]]
    assert str(table["time_day"][1]) == "1969-12-31T00:00:00"
    assert table["time_written"].tolist()[:4] == ["1/2/2020 3 PM", "2020-01-02", "", ""]
    assert len(table["time_written"][4]) == 40, "text that is no date is cut short"
    assert table["flag_flag"].tolist() == [False, True, False, False, True, False]
    np.testing.assert_array_equal(table["number_real"], [0.5, 3.0, -0.25, np.nan, 1e300, 1.5])


def test_coordinates_both_ways(mixed):
    table = both_ways(mixed)
    np.testing.assert_array_equal(table["raw_x"], [-75.1, np.nan, np.nan, -75.2, -75.3, 0.0])
    assert np.isfinite(table["x"]).tolist()[:5] == [True, False, False, True, True]
    # Scale 0.9996 on the central meridian of zone 18 (75° W): 0.1° at 40° N is 8,535.97 m westwards of 500 km east.
    assert table["x"][0] == pytest.approx(500_000 - 8_535.97, abs=1)
    assert table["y"][0] == pytest.approx(4_427_760, abs=5)


def test_ids_without_gaps_stay_numbers_and_gaps_in_row_ids_do_no_harm(tmp_path):
    path = tmp_path / "gaps.gpkg"
    source = write(path)
    with sqlite3.connect(path) as database:
        for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            database.execute(f'DROP TRIGGER "{name}"')
        database.execute("DELETE FROM points WHERE fid IN (2, 4)")
    table = both_ways(opened(source), {"number": ("fid", As.ID), "large": ("large", As.ID)})
    assert table["number"].tolist() == [1, 3, 5, 6]
    assert table["number"].dtype == table["large"].dtype == np.int64


@pytest.mark.parametrize("rows", [20_000, 20_001, 6])
def test_many_batches_both_ways(tmp_path, rows):
    repeat = -(-rows // len(ROWS))
    source = write(tmp_path / "many.gpkg", repeat=repeat)
    columns = {"text": ("text", As.LABEL), "id": ("large", As.ID), "moment": ("moment", As.TIME)}
    table = both_ways(opened(source), columns)
    assert len(table) == repeat * len(ROWS)
    assert len(table.labels["text"]) == 5


def test_booleans_arrive_whole(tmp_path):
    wanted = [bool(n * n % 7 % 2) for n in range(100)]
    rows = [("POINT (0 0)", (None, None, None, None, int(flag), None, None, None)) for flag in wanted]
    table = both_ways(opened(write(tmp_path / "flags.gpkg", rows)), {"flag": ("flag", As.FLAG)})
    assert table["flag"].tolist() == wanted


def test_heights_and_multipoints(tmp_path):
    for name, kind, shapes in (
        ("z", ogr.wkbPoint25D, ["POINT Z (1 2 3)", None, "POINT Z (4 5 6)"]),
        ("m", ogr.wkbPointZM, ["POINT ZM (1 2 3 9)", None, "POINT ZM (4 5 6 9)"]),
        ("multi", ogr.wkbMultiPoint, ["MULTIPOINT ((1 2),(7 8))", None, "MULTIPOINT ((4 5))"]),
    ):
        source = write(tmp_path / f"{name}.gpkg", [(s, (None,) * 8) for s in shapes], kind)
        table = both_ways(opened(source), {})
        np.testing.assert_array_equal(table["raw_x"], [1, np.nan, 4], err_msg=name)
        np.testing.assert_array_equal(table["raw_y"], [2, np.nan, 5], err_msg=name)


def test_the_layers_filter_holds_both_ways(mixed):
    mixed.setSubsetString('"small" = 7 OR "text" LIKE \'%😀%\'')
    table = both_ways(mixed)
    assert list(table.text("label_text")) == ["😀 emoji", " padded ", "ß“”—"]
    flagless = both_ways(mixed, {"small": ("small", As.ID)})
    assert flagless["small"].tolist() == [-2, 7, 7]


def test_a_filter_that_is_a_query_is_read_the_slow_way(mixed):
    mixed.setSubsetString("SELECT * FROM points WHERE small = 7")
    source = LayerSource.from_layer(mixed)
    assert source.columnar is None
    assert len(read_table(source, {"small": ("small", As.ID)})) == 2


def test_offsets_in_times_are_read_the_slow_way_with_the_digits_as_written(tmp_path):
    path = tmp_path / "offset.gpkg"
    source = write(path)
    with sqlite3.connect(path) as database:
        for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            database.execute(f'DROP TRIGGER "{name}"')
        database.execute("UPDATE points SET moment = '2020-07-01T22:15:00+02:00' WHERE fid = 6")
    feedback = Tattle()
    table = read_table(LayerSource.from_layer(opened(source)), {"moment": ("moment", As.TIME)}, feedback)
    assert "feature by feature" in feedback.debug[0]
    assert str(table["moment"][5]) == "2020-07-01T22:15:00"


def test_tables_without_shapes_and_csv_both_ways(tmp_path):
    table = both_ways(opened(write(tmp_path / "plain.gpkg", kind=ogr.wkbNone)), points=False)
    assert len(table) == len(ROWS)
    path = tmp_path / "incidents.csv"
    path.write_text('id,x,cat,when\n1,-75.1,a,2020-01-01 10:00\n2,,"b ""c""",\n3,"5,2",é,2020\n', encoding="utf-8")
    columns = {"cat": ("cat", As.LABEL), "when": ("when", As.TIME), "x": ("x", As.NUMBER)}
    layer = opened(str(path))
    source = LayerSource.from_layer(layer)
    fast = read_table(source, columns)
    same(fast, read_table(replace(source, columnar=None), columns))
    assert list(fast.text("cat")) == ["a", 'b "c"', "é"]
    np.testing.assert_array_equal(fast["x"], [-75.1, np.nan, 5.2])


def test_coordinates_from_fields(tmp_path):
    path = tmp_path / "incidents.csv"
    path.write_text("x,y\n-75.1,40\nabc,40\n,\n 999 ,40\n-75.1,95\n", encoding="utf-8")
    source = LayerSource.from_layer(opened(str(path)))
    with pytest.raises(InputError, match="table without points"):
        read_points(source, {}, UTM, TRANSFORMS)
    table = read_points(source, {}, UTM, TRANSFORMS, coordinates=CoordinateFields("X", "y", DEGREES))
    assert np.isfinite(table["x"]).tolist() == [True, False, False, False, False]
    np.testing.assert_array_equal(table["raw_x"], [-75.1, np.nan, np.nan, 999.0, -75.1])


def test_delimited_text_layers(tmp_path):
    path = tmp_path / "incidents.csv"
    path.write_text("lon,lat,cat\n-75.1,40,a\n-75.2,40.1,b\n", encoding="utf-8")
    layer = QgsVectorLayer(f"{path.as_uri()}?delimiter=,&xField=lon&yField=lat&crs=EPSG:4326", "t", "delimitedtext")
    source = LayerSource.from_layer(layer)
    assert source.columnar is None
    table = read_points(source, {"cat": ("cat", As.LABEL)}, UTM, TRANSFORMS)
    np.testing.assert_array_equal(table["raw_x"], [-75.1, -75.2])
    assert list(table.text("cat")) == ["a", "b"]


def test_edited_layers_are_read_as_edited(mixed):
    with edit(mixed):
        mixed.deleteFeature(1)
        source = LayerSource.from_layer(mixed)
        assert source.columnar is None
        assert len(read_table(source, COLUMNS)) == len(ROWS) - 1


def test_fields_of_qgis_alone_are_read_the_slow_way(mixed):
    from qgis.core import QgsField
    from qgis.PyQt.QtCore import QVariant

    mixed.addExpressionField('"small" * 2', QgsField("doubled", QVariant.Int))
    table = read_table(LayerSource.from_layer(mixed), {"doubled": ("doubled", As.NUMBER)})
    np.testing.assert_array_equal(table["doubled"], [2, -4, 0, np.nan, 14, 14])


def test_memory_layers(qgis_application):
    layer = QgsVectorLayer("Point?crs=EPSG:4326&field=cat:string&field=when:datetime", "scratch", "memory")
    feature = QgsFeature(layer.fields())
    feature.setAttributes(["a", None])
    feature.setGeometry(QgsGeometry.fromPointXY(QgsPointXY(-75.1, 40)))
    layer.dataProvider().addFeatures([feature, QgsFeature(layer.fields())])
    table = read_points(
        LayerSource.from_layer(layer), {"cat": ("cat", As.LABEL), "when": ("when", As.TIME)}, UTM, TRANSFORMS
    )
    assert list(table.text("cat")) == ["a", None]
    assert np.isnat(table["when"]).all()
    assert np.isfinite(table["x"]).tolist() == [True, False]


def test_empty_layers_keep_their_types(tmp_path):
    table = both_ways(opened(write(tmp_path / "empty.gpkg", [])))
    assert len(table) == 0
    assert table["time_moment"].dtype == "M8[s]"


def test_missing_fields_and_systems_and_long_ids_have_sentences(mixed, tmp_path):
    source = LayerSource.from_layer(mixed)
    with pytest.raises(InputError, match=r"no field “nope”.*It has fid, text"):
        read_table(source, {"a": ("nope", As.LABEL)})
    with pytest.raises(InputError, match="no coordinate reference system"):
        read_points(replace(source, crs=QgsCoordinateReferenceSystem()), {}, UTM, TRANSFORMS)
    rows = [("POINT (0 0)", ("long " * 30, 1, 1, 1.0, 0, None, None, None))]
    with pytest.raises(InputError, match="Field “text” holds texts of 150 bytes, too long for an id"):
        read_table(LayerSource.from_layer(opened(write(tmp_path / "long.gpkg", rows))), {"id": ("text", As.ID)})


@pytest.mark.parametrize("columnar", [True, False])
def test_reading_can_be_cancelled(mixed, columnar):
    source = LayerSource.from_layer(mixed)
    source = source if columnar else replace(source, columnar=None)
    with pytest.raises(Canceled):
        read_table(source, COLUMNS, Tattle(cancel_after=0))


class OneInput(QgsProcessingAlgorithm):
    """An algorithm with a feature source, to see what a parameter's value does."""

    def __init__(self) -> None:
        super().__init__()
        self.initAlgorithm()

    def initAlgorithm(self, configuration=None):  # noqa: N802
        self.addParameter(QgsProcessingParameterFeatureSource("INPUT", "Input"))

    def name(self):
        return "oneinput"

    def displayName(self):  # noqa: N802
        return "One input"

    def createInstance(self):  # noqa: N802
        return OneInput()

    def processAlgorithm(self, parameters, context, feedback):  # noqa: N802
        return {}


def test_what_the_user_set_on_the_input_is_respected(mixed, context):
    QgsProject.instance().addMapLayer(mixed)
    mixed.selectByIds([1, 5])
    algorithm = OneInput()

    def rows(value) -> tuple[bool, int]:
        source = LayerSource.from_parameter(algorithm, {"INPUT": value}, "INPUT", context)
        return source.columnar is not None, len(read_table(source, {"text": ("text", As.LABEL)}))

    definition = QgsProcessingFeatureSourceDefinition
    assert rows(mixed) == (True, 6)
    assert rows(mixed.id()) == (True, 6)
    assert rows(mixed.source()) == (True, 6)
    assert rows(definition(mixed.id())) == (True, 6)
    assert rows(definition(mixed.id(), selectedFeaturesOnly=True)) == (False, 2)
    assert rows(definition(mixed.id(), selectedFeaturesOnly=False, featureLimit=3)) == (False, 3)
    if hasattr(definition, "filterExpression"):
        assert rows(definition(mixed.id(), filterExpression='"small" = 7')) == (False, 2)
    with pytest.raises(InputError, match="chosen as “Input”, cannot be opened"):
        LayerSource.from_parameter(algorithm, {"INPUT": "/no/such/file.gpkg"}, "INPUT", context)


@pytest.mark.parametrize("definition", [{}, {"featureLimit": 5}, {"selectedFeaturesOnly": True}])
def test_a_layer_may_be_removed_before_it_is_read(context, definition):
    for _ in range(5):  # memory that was given back need not be overwritten at once
        layer = QgsVectorLayer("Point?crs=EPSG:32618&field=text:string", "Points", "memory")
        made = []
        for number in range(20):
            made.append(QgsFeature(layer.fields()))
            made[-1].setAttributes([str(number)])
            made[-1].setGeometry(QgsGeometry.fromPointXY(QgsPointXY(number, 0)))
        layer.dataProvider().addFeatures(made)
        QgsProject.instance().addMapLayer(layer)
        layer.selectByIds([1, 2, 3, 4, 5])
        value = QgsProcessingFeatureSourceDefinition(layer.id(), **definition) if definition else layer.id()
        source = LayerSource.from_parameter(OneInput(), {"INPUT": value}, "INPUT", context)
        QgsProject.instance().removeMapLayer(layer.id())
        del layer
        table = read_points(source, {"text": ("text", As.LABEL)}, UTM, TRANSFORMS)
        assert len(table) == source.count == (5 if definition else 20)


def test_the_fast_way_is_fast(tmp_path):
    """A guard with room for a busy machine; benchmarks/layer_to_table.py measures."""
    import time

    layer = opened(write(tmp_path / "many.gpkg", repeat=3_000))
    source = LayerSource.from_layer(layer)
    columns = {"text": ("text", As.LABEL), "moment": ("moment", As.TIME)}
    took = {}
    for way in (source, replace(source, columnar=None)):
        start = time.process_time()
        read_points(way, columns, UTM, TRANSFORMS)
        took[way.columnar is None] = time.process_time() - start
    assert took[True] > 3 * took[False]


def test_gdal_keeps_its_own_manners(mixed):
    before = gdal.GetUseExceptions()
    assert columnar_file(mixed) is not None
    read_table(LayerSource.from_layer(mixed), COLUMNS)
    assert gdal.GetUseExceptions() == before
