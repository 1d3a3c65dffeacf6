"""Tables as layers: values, times and squares arrive as they were, in whatever time zone the computer is."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from qgis.core import (
    NULL,
    QgsCoordinateReferenceSystem,
    QgsCoordinateTransformContext,
    QgsFeature,
    QgsFeatureSink,
    QgsGeometry,
    QgsProcessingUtils,
    QgsProject,
    QgsVectorFileWriter,
    QgsVectorLayer,
    QgsWkbTypes,
)

from patrol_missions.bridge.features import fields_of, write_rows
from patrol_missions.bridge.places import read_grid, read_indicator
from patrol_missions.bridge.processes import Silence
from patrol_missions.bridge.reproject import reproject
from patrol_missions.bridge.sources import LayerSource
from patrol_missions.bridge.wkb import points, squares
from patrol_missions.core.errors import Canceled, InputError
from patrol_missions.core.tables import Table

UTM = QgsCoordinateReferenceSystem("EPSG:32618")
DEGREES = QgsCoordinateReferenceSystem("EPSG:4326")
TRANSFORMS = QgsCoordinateTransformContext()

MOMENTS = np.array(["2020-03-08T02:30:00", "1969-12-31T23:59:59", "NaT"], dtype="M8[s]")
TABLE = Table(
    {
        "label": np.array([1, -1, 0], dtype=np.int32),
        "text": np.array(["plain", "“😀” 'quoted'", ""]),
        "small": np.array([1, -2, 3], dtype=np.int32),
        "large": np.array([2**40, -1, 0], dtype=np.int64),
        "exact": np.array([1 / 3, np.nan, 1e-9]),
        "short": np.array([0.1, np.nan, 123456.7], dtype=np.float32),
        "moment": MOMENTS,
        "flag": np.array([True, False, True]),
    },
    {"label": ("Theft", "Robbery")},
)


def write(path: Path, table: Table, shapes=None, kind=QgsWkbTypes.Type.NoGeometry, crs=UTM) -> None:
    fields = fields_of(table, table.columns)
    options = QgsVectorFileWriter.SaveVectorOptions()
    options.driverName, options.layerName = "GPKG", "rows"
    sink = QgsVectorFileWriter.create(str(path), fields, kind, crs, TRANSFORMS, options)
    assert sink.hasError() == QgsVectorFileWriter.WriterError.NoError
    write_rows(table, list(table.columns), sink, Silence(), shapes)
    del sink


def database(path: Path, query: str) -> list[tuple]:
    with sqlite3.connect(path) as connection:
        return connection.execute(query).fetchall()


def test_values_arrive_as_they_were(tmp_path):
    path = tmp_path / "rows.gpkg"
    write(path, TABLE)
    rows = database(path, "SELECT label, text, small, large, exact, short, flag FROM rows")
    assert rows == [
        ("Robbery", "plain", 1, 2**40, 1 / 3, 0.1, 1),
        (None, "“😀” 'quoted'", -2, -1, None, None, 0),
        ("Theft", "", 3, 0, 1e-9, 123456.7, 1),
    ]


def test_memory_layers_hold_null_and_not_nothing(qgis_application):
    layer = QgsVectorLayer("None?field=x:double&field=when:datetime", "scratch", "memory")
    table = Table({"x": np.array([np.nan]), "when": np.array(["NaT"], dtype="M8[s]")})
    write_rows(table, ["x", "when"], layer.dataProvider(), Silence())
    feature = next(layer.getFeatures())
    assert feature["x"] == NULL
    assert feature["when"] == NULL


def write_times(path: str) -> None:
    """Run by a child in another time zone."""
    write(Path(path), Table({"moment": MOMENTS}))


@pytest.mark.parametrize("zone", ["America/New_York", "Asia/Kathmandu"])
def test_times_are_written_in_utc_wherever_the_computer_is(tmp_path, stage, zone):
    path = tmp_path / "rows.gpkg"
    program = (
        "import sys, gc; sys.path[:0] = sys.argv[1:3]\n"
        "from qgis.core import QgsApplication; application = QgsApplication([], False); application.initQgis()\n"
        "import test_bridge_features as tests; tests.write_times(sys.argv[3])\n"
    )
    subprocess.run(
        [sys.executable, "-c", program, str(stage), str(Path(__file__).parent), str(path)],
        env={**os.environ, "TZ": zone, "QT_QPA_PLATFORM": "offscreen"},
        check=True,
        timeout=60,
    )
    written = [row[0] for row in database(path, "SELECT moment FROM rows")]
    assert [text and text[:19] for text in written] == ["2020-03-08T02:30:00", "1969-12-31T23:59:59", None]
    # QGIS 3.22 leaves the zone out; newer ones write it.
    assert {text[19:] for text in written if text} in ({".000"}, {"Z"}, {".000Z"})


def test_squares_are_valid_and_where_their_cells_are():
    columns, rows = np.array([0, -3, 1943]), np.array([0, 2, 17702])
    for shape, column, row in zip(squares(columns, rows, 250.0), columns.tolist(), rows.tolist()):
        geometry = QgsGeometry()
        geometry.fromWkb(shape)
        assert geometry.isGeosValid()
        assert geometry.area() == 250.0**2
        box = geometry.boundingBox()
        assert (box.xMinimum(), box.yMinimum()) == (column * 250.0, row * 250.0)
        assert QgsGeometry.fromRect(box).equals(geometry)


def test_rows_without_a_place_have_no_shape(tmp_path):
    path = tmp_path / "rows.gpkg"
    x, y = np.array([1.5, np.nan, 3.0]), np.array([2.5, 1.0, np.inf])
    write(path, TABLE, points(x, y), QgsWkbTypes.Type.Point)
    layer = QgsVectorLayer(f"{path}|layername=rows", "rows", "ogr")
    shapes = [feature.geometry() for feature in layer.getFeatures()]
    assert shapes[0].asWkt() == "Point (1.5 2.5)"
    assert [shape.isNull() or shape.isEmpty() for shape in shapes] == [False, True, True]


class Cancelled(Silence):
    def isCanceled(self) -> bool:  # noqa: N802
        return True


def test_writing_can_be_cancelled_and_a_full_sink_has_a_sentence(qgis_application):
    layer = QgsVectorLayer("None?field=x:double", "scratch", "memory")
    table = Table({"x": np.arange(3.0)})
    with pytest.raises(Canceled):
        write_rows(table, ["x"], layer.dataProvider(), Cancelled())

    class Full(QgsFeatureSink):
        def addFeatures(self, features, flags=None) -> bool:  # noqa: N802
            return False

        def lastError(self) -> str:  # noqa: N802
            return "no space left"

    with pytest.raises(InputError, match=r"could not be written \(no space left\)"):
        write_rows(table, ["x"], Full(), Silence())


# --- coordinates


def test_coordinates_as_qgis_transforms_them_and_bad_ones_alone_are_lost():
    rng = np.random.default_rng(3)
    x, y = rng.uniform(-75.3, -74.9, 5_000), rng.uniform(39.8, 40.2, 5_000)
    bad = {7: (np.nan, 40.0), 99: (-75.0, 91.0), 1_000: (5e6, 4e6), 2_500: (105.0, 0.0), 4_999: (np.inf, 0.0)}
    for row, (bad_x, bad_y) in bad.items():
        x[row], y[row] = bad_x, bad_y
    east, north = reproject(x, y, DEGREES, UTM, TRANSFORMS, Silence())
    lost = np.flatnonzero(~np.isfinite(east)).tolist()
    assert set(lost) <= set(bad)
    assert {7, 99, 1_000, 4_999} <= set(lost)
    for row in (0, 1_234, 4_998):
        geometry = QgsGeometry.fromWkt(f"POINT ({float(x[row])!r} {float(y[row])!r})")
        from qgis.core import QgsCoordinateTransform

        geometry.transform(QgsCoordinateTransform(DEGREES, UTM, TRANSFORMS))
        assert (east[row], north[row]) == pytest.approx((geometry.asPoint().x(), geometry.asPoint().y()), abs=1e-6)


def test_a_single_point_none_at_all_and_the_same_system():
    nothing = np.empty(0)
    assert len(reproject(nothing, nothing, DEGREES, UTM, TRANSFORMS, Silence())[0]) == 0
    assert len(reproject(nothing, nothing, UTM, UTM, TRANSFORMS, Silence())[0]) == 0
    one = reproject(np.array([-75.0]), np.array([0.0]), DEGREES, UTM, TRANSFORMS, Silence())
    assert one[0][0] == pytest.approx(500_000, abs=1e-6)
    assert one[1][0] == pytest.approx(0, abs=1e-6)
    same = reproject(np.array([3.0, np.nan]), np.array([4.0, 1.0]), UTM, UTM, TRANSFORMS, Silence())
    np.testing.assert_array_equal(same[0], [3.0, np.nan])


# --- the grid and indicators


def grid_layer(tmp_path, size=250.0, columns=(10, 11, 10), rows=(20, 20, 21), names=None) -> LayerSource:
    columns, rows = np.array(columns), np.array(rows)
    names = names or [f"{c}E{r}N" for c, r in zip(columns, rows)]
    table = Table({"cell_id": np.array(names), "share_inside": np.array([1.0, 0.5, 0.25])}).with_text(
        "district", ["A", "B", None]
    )
    path = tmp_path / "grid.gpkg"
    path.unlink(missing_ok=True)
    write(path, table, squares(columns, rows, size), QgsWkbTypes.Type.Polygon)
    return LayerSource.from_layer(QgsVectorLayer(f"{path}|layername=rows", "My grid", "ogr"))


def test_a_grid_is_read_in_its_order(tmp_path):
    cells, size = read_grid(grid_layer(tmp_path))
    assert size == 250.0
    assert cells["col"].tolist() == [10, 11, 10]
    assert cells["row"].tolist() == [20, 20, 21]
    assert list(cells.text("district")) == ["A", "B", None]
    assert cells["share_inside"].tolist() == [1.0, 0.5, 0.25]


def test_what_is_no_grid_has_a_sentence(tmp_path):
    with pytest.raises(InputError, match="“My grid” holds a cell more than once"):
        read_grid(grid_layer(tmp_path, columns=(10, 10, 11), rows=(20, 20, 20)))
    with pytest.raises(InputError, match="“hello” is not a cell id"):
        read_grid(grid_layer(tmp_path, names=["hello", "11E20N", "10E21N"]))
    with pytest.raises(InputError, match="Cell 12E20N of grid “My grid” is not the square of 250 m"):
        read_grid(grid_layer(tmp_path, names=["10E20N", "12E20N", "10E21N"]))
    path = tmp_path / "other.gpkg"
    write(path, Table({"x": np.arange(2)}), squares(np.arange(2), np.arange(2), 9.0), QgsWkbTypes.Type.Polygon)
    other = LayerSource.from_layer(QgsVectorLayer(f"{path}|layername=rows", "Other", "ogr"))
    with pytest.raises(InputError, match="Layer “Other” has no field “cell_id”"):
        read_grid(other)


def shapes_layer(kind: str, *shapes: str, crs: str = "EPSG:32618") -> LayerSource:
    layer = QgsVectorLayer(f"{kind}?crs={crs}", "shapes", "memory")
    features = []
    for shape in shapes:
        feature = QgsFeature()
        if shape:
            feature.setGeometry(QgsGeometry.fromWkt(shape))
        features.append(feature)
    layer.dataProvider().addFeatures(features)
    source = LayerSource.from_layer(layer)
    QgsProject.instance().addMapLayer(layer)  # keeps it alive for its source
    return source


def test_indicators_of_points_lines_and_areas(qgis_application):
    table = read_indicator(shapes_layer("MultiPoint", "MULTIPOINT ((1 2),(3 4))", ""), UTM, TRANSFORMS, 50)
    assert sorted(zip(table["x"], table["y"])) == [(1, 2), (3, 4)]

    table = read_indicator(shapes_layer("LineString", "LINESTRING (0 0, 0 200)"), UTM, TRANSFORMS, 50)
    assert np.diff(np.sort(table["y"])).max() <= 50
    assert set(table["x"]) == {0.0}

    table = read_indicator(shapes_layer("Polygon", "POLYGON ((0 0,400 0,400 400,0 400,0 0))"), UTM, TRANSFORMS, 50)
    inside = (table["x"] > 0) & (table["x"] < 400) & (table["y"] > 0) & (table["y"] < 400)
    assert inside.sum() == 7 * 7
    here = np.hypot(table["x"] - 210, table["y"] - 190)
    assert here.min() < 50


def test_indicators_know_their_kind(qgis_application):
    layer = QgsVectorLayer("Point?crs=EPSG:32618&field=kind:string", "places", "memory")
    for number, kind in enumerate(("bar", "school", " bar ", None, "")):
        feature = QgsFeature(layer.fields())
        feature.setGeometry(QgsGeometry.fromWkt(f"POINT ({number} 0)"))
        feature.setAttribute("kind", kind)
        layer.dataProvider().addFeatures([feature])
    QgsProject.instance().addMapLayer(layer)
    source = LayerSource.from_layer(layer)
    assert read_indicator(source, UTM, TRANSFORMS, 50, kind_field="kind").text("kind").tolist() == [
        "bar",
        "school",
        "bar",
        None,
        None,
    ]
    assert read_indicator(source, UTM, TRANSFORMS, 50, kind_field="absent").text("kind").tolist() == [None] * 5


def test_indicators_that_cannot_be_placed_are_counted(feedback):
    source = shapes_layer("Point", "POINT (-75 40)", "POINT (5e8 4e8)", crs="EPSG:4326")
    table = read_indicator(source, UTM, TRANSFORMS, 50, feedback)
    assert len(table) == 1
    assert len(feedback.warnings) == 1
    assert feedback.warnings[0].startswith("1 features of layer “shapes” cannot be placed")


def test_indicators_too_large_to_measure_have_a_sentence(qgis_application):
    source = shapes_layer("Polygon", "POLYGON ((0 0,900000 0,900000 900000,0 900000,0 0))")
    with pytest.raises(InputError, match="too large"):
        read_indicator(source, UTM, TRANSFORMS, 50)


def test_a_sink_of_processing_takes_the_rows(context):
    fields = fields_of(TABLE, TABLE.columns)
    sink, identifier = QgsProcessingUtils.createFeatureSink(
        "memory:", context, fields, QgsWkbTypes.Type.NoGeometry, UTM
    )
    write_rows(TABLE, list(TABLE.columns), sink, Silence())
    layer = QgsProcessingUtils.mapLayerFromString(identifier, context)
    assert layer.featureCount() == 3
