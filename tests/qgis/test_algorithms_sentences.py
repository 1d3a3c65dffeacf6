"""What cannot be used is said in one sentence that names the layer, the file or the setting."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import Listener
from made_layers import box, memory_layer, polygons
from qgis.core import (
    QgsApplication,
    QgsFeatureRequest,
    QgsProcessingContext,
    QgsProcessingException,
    QgsProcessingFeatureSourceDefinition,
    QgsProject,
    QgsVectorLayer,
)
from qgis.PyQt.QtCore import NULL
from sample_chain import Chain

from patrol_missions.core.errors import InputError
from patrol_missions.processing_algorithms import category_map
from patrol_missions.processing_algorithms import parameters as shared

X, Y = 480_000, 4_420_000
GRID = "cell_id:string,col:integer,row:integer,district:string,share_inside:double"
CLEAN = "category:string,start:datetime,end:datetime,reported:datetime,time_known:bool"
FORECAST = (
    "cell_id:string,district:string,shift:string,shift_date:datetime,start:datetime,end:datetime,harm:double,rank:integer,"
    "percentile:double"
)


@pytest.fixture
def grid(processing: Any) -> QgsVectorLayer:
    """Eight by four cells."""
    boundary = polygons(box(X, Y, X + 2000, Y + 1000))
    return processing.run("patrolmissions:buildgrid", {"BOUNDARY": boundary, "OUTPUT": "memory:"})["OUTPUT"]


@pytest.fixture
def refused(processing: Any, feedback: Listener) -> Any:
    """Run an algorithm that must refuse; gives its sentence."""

    def run(algorithm: str, **parameters: Any) -> str:
        with pytest.raises(QgsProcessingException) as caught:
            processing.run(f"patrolmissions:{algorithm}", parameters, feedback=feedback)
        sentence = str(caught.value)
        assert "Traceback" not in sentence
        assert "unexpected" not in sentence
        return sentence

    return run


def incidents(rows: list[list[Any]], fields: str = "kind:string,at:string", name: str = "Calls") -> QgsVectorLayer:
    """Points spread over the cells of ``grid``, with attributes."""
    spots = np.random.default_rng(3).uniform((X, Y), (X + 2000, Y + 1000), (len(rows), 2))
    return memory_layer("Point", [(f"POINT({x} {y})", row) for (x, y), row in zip(spots, rows)], fields, name=name)


def check(layer: Any, grid: QgsVectorLayer, **other: Any) -> dict[str, Any]:
    """Parameters of Check incidents for the layer of :func:`incidents`."""
    return {
        "INCIDENTS": layer,
        "GRID": grid,
        "CATEGORY_FIELD": "kind",
        "START_FIELD": "at",
        "TIME_ZONE": "America/New_York",
        "OUTPUT": "memory:",
        **other,
    }


def test_empty_incidents(refused: Any, grid: QgsVectorLayer) -> None:
    assert "Layer “Calls” is empty." in refused("checkincidents", **check(incidents([]), grid))
    empty = memory_layer("Point", [], CLEAN, name="Clean")
    assert "Layer “Clean” is empty." in refused("trainmodel", GRID=grid, INCIDENTS=empty, MODEL="TEMPORARY_OUTPUT")


def test_a_layer_that_was_removed_from_the_project(processing: Any, grid: QgsVectorLayer) -> None:
    """In a run the parameters are ids of the project's layers; each may be gone when its turn comes."""
    layers = [incidents([["a", "b"]], name="911 calls"), polygons(box(X, Y, X + 99, Y + 99), name="Town")]
    ids = [QgsProject.instance().addMapLayer(layer).id() for layer in layers]
    QgsProject.instance().removeMapLayers(ids)
    calls, town = ids

    def refusal(name: str, parameters: dict[str, Any]) -> str:
        algorithm = QgsApplication.processingRegistry().createAlgorithmById(f"patrolmissions:{name}")
        context = QgsProcessingContext()
        context.setProject(QgsProject.instance())
        return algorithm.checkParameterValues(parameters, context)[1]

    remedy = "is not in the project any more. Add it to the project again, or choose another layer."
    assert refusal("checkincidents", check(calls, grid)) == f"Layer “911_calls”, chosen as “Incidents”, {remedy}"
    definition = QgsProcessingFeatureSourceDefinition(calls, selectedFeaturesOnly=True)
    assert refusal("checkincidents", check(definition, grid)) == f"Layer “911_calls”, chosen as “Incidents”, {remedy}"
    assert "Layer “Town”, chosen as “" in refusal("buildgrid", {"BOUNDARY": town, "OUTPUT": "memory:"})
    assert "Layer “Town”, chosen as “" in refusal(
        "buildgrid", {"BOUNDARY": grid, "EXCLUSIONS": [town], "OUTPUT": "memory:"}
    )
    history = {
        "GRID": grid,
        "INCIDENTS": memory_layer("Point", [(None, [None] * 5)], CLEAN),
        "INDICATORS": [grid, calls],
    }
    sentence = refusal("trainmodel", {**history, "TIME_ZONE": "Europe/Berlin", "MODEL": "TEMPORARY_OUTPUT"})
    assert "Layer “911_calls”, chosen as “" in sentence


def test_empty_grid_and_forecast(refused: Any) -> None:
    empty = memory_layer("Polygon", [], GRID, name="No cells")
    assert "Layer “No cells” is empty." in refused("checkincidents", **check(incidents([["a", "b"]]), empty))
    forecast = memory_layer("Polygon", [], f"{FORECAST},expected_theft:double", name="Nothing ahead")
    assert "Layer “Nothing ahead” is empty." in refused("allocatemissions", FORECAST=forecast, OUTPUT="memory:")


def test_grid_in_degrees(refused: Any) -> None:
    degrees = memory_layer(
        "Polygon", [(box(-75, 39, -74.9, 39.1), ["0E0N", 0, 0, "x", 1.0])], GRID, "EPSG:4326", "Degrees"
    )
    sentence = refused("checkincidents", **check(incidents([["a", "b"]]), degrees))
    assert "Layer “Degrees” is in degrees (EPSG:4326)" in sentence


def test_a_layer_that_is_no_grid(refused: Any) -> None:
    town = polygons(box(X, Y, X + 2000, Y + 1000), name="Town")
    sentence = refused("checkincidents", **check(incidents([["a", "b"]]), town))
    assert "Layer “Town” has no field “cell_id”, “col”" in sentence
    assert "choose a layer made by Build grid" in sentence


def test_a_grid_that_was_moved(refused: Any, engine_python: Path) -> None:
    moved = memory_layer("Polygon", [(box(X + 9, Y, X + 259, Y + 250), ["1920E17680N", 1920, 17680, "x", 1.0])], GRID,
                         name="Moved")  # fmt: skip
    assert "is not the square of 250 m that its id names" in refused(
        "checkincidents", **check(incidents([["a", "2020-01-01"]]), moved)
    )


def test_time_field_with_numbers(refused: Any, grid: QgsVectorLayer) -> None:
    layer = incidents([["theft", 20200101.0]], "kind:string,at:double")
    sentence = refused("checkincidents", **check(layer, grid))
    assert "Field “at” of layer “Calls” holds double: choose a date field, or text that gives dates." in sentence


def test_fields_that_are_not_there(refused: Any, grid: QgsVectorLayer) -> None:
    layer = incidents([["theft", "2020-01-01"]])
    assert "Layer “Calls” has no field “was”" in refused("checkincidents", **check(layer, grid, END_FIELD="was"))


def test_lines_are_no_incidents(refused: Any, grid: QgsVectorLayer) -> None:
    lines = memory_layer(
        "LineString", [(f"LINESTRING({X} {Y},{X} {Y + 9})", ["a", "b"])], "kind:string,at:string", name="Roads"
    )
    assert "Layer “Roads” has no points" in refused("checkincidents", **check(lines, grid))


def test_table_without_coordinates(refused: Any, grid: QgsVectorLayer) -> None:
    table = memory_layer("None", [(None, ["a", "b"])], "kind:string,at:string", name="Export")
    assert "Layer “Export” is a table: choose its fields with the coordinates." in refused(
        "checkincidents", **check(table, grid)
    )


def test_points_without_crs(refused: Any, grid: QgsVectorLayer) -> None:
    lost = memory_layer("Point", [(f"POINT({X} {Y})", ["a", "b"])], "kind:string,at:string", crs="", name="Lost")
    assert "Layer “Lost” has no coordinate reference system" in refused("checkincidents", **check(lost, grid))


def test_unknown_time_zone(refused: Any, grid: QgsVectorLayer, engine_python: Path) -> None:
    layer = incidents([["theft", "2020-01-01 10:00"]])
    assert "Mars/Phobos" in refused("checkincidents", **check(layer, grid, TIME_ZONE="Mars/Phobos"))


@pytest.mark.parametrize(
    "pattern",
    ["%Y-%m-%dT%H:%M:%S", "%m/%d/%Y %I:%M:%S %p", "%d.%m.%Y %H:%M", "%Y%m%d %H%M", "%d %b %Y %H:%M"],
)
def test_text_dates_of_five_formats(processing: Any, grid: QgsVectorLayer, engine_python: Path, pattern: str) -> None:
    moments = np.datetime64("2022-01-01T10:30") + np.arange(0, 800, 3).astype("timedelta64[D]")
    layer = incidents([["THEFT", moment.item().strftime(pattern)] for moment in moments])
    answer = processing.run("patrolmissions:checkincidents", check(layer, grid))
    assert answer["ROWS_KEPT"] == len(moments)
    local = sorted(feature["start_local"] for feature in answer["OUTPUT"].getFeatures())
    assert local == [str(moment).replace("T", " ") for moment in moments]


def test_a_thousand_categories_with_quotes_and_emoji(
    processing: Any, grid: QgsVectorLayer, engine_python: Path, tmp_path: Path
) -> None:
    raws = [f"Theft “{n}” 'x' \"y\" 🚲; <i>, {n}" for n in range(1000)]
    layer = incidents([[raw, "2022-03-01 10:30"] for raw in raws])
    written = tmp_path / "map.csv"
    answer = processing.run(
        "patrolmissions:checkincidents", check(layer, grid, MAP_OUTPUT=str(written), REPORT=str(tmp_path / "r.html"))
    )
    assert answer["ROWS_READ"] == 1000
    assert {row["raw"] for row in category_map.read(written)} == set(raws)
    assert "<i>" not in (tmp_path / "r.html").read_text(encoding="utf-8")
    assert {feature["category_raw"] for feature in answer["OUTPUT"].getFeatures()} <= set(raws)


def test_one_incident(processing: Any, refused: Any, grid: QgsVectorLayer, engine_python: Path) -> None:
    answer = processing.run("patrolmissions:checkincidents", check(incidents([["THEFT", "2022-03-01 10:30"]]), grid))
    assert answer["ROWS_READ"] == 1
    assert answer["VERDICT"] == "stop"
    clean = answer["OUTPUT"]
    assert clean.featureCount() == 1
    assert next(clean.getFeatures())["end"] in (None, NULL)
    sentence = refused("trainmodel", GRID=grid, INCIDENTS=clean, TIME_ZONE="UTC", MODEL="TEMPORARY_OUTPUT")
    assert "Only 1 incident can be used" in sentence


def test_failing_on_bad_data_leaves_the_report(
    refused: Any, grid: QgsVectorLayer, engine_python: Path, tmp_path: Path
) -> None:
    layer = incidents([["THEFT", "2022-03-01 10:30"]])
    report = tmp_path / "report.html"
    sentence = refused("checkincidents", **check(layer, grid, STOP_ON_BAD_DATA=True, REPORT=str(report)))
    assert f"See the data quality report: {report}" in sentence
    assert report.is_file()


def test_mapping_without_its_columns(refused: Any, grid: QgsVectorLayer, engine_python: Path, tmp_path: Path) -> None:
    mapping = tmp_path / "map.csv"
    mapping.write_text("type;group\nx;y\n", encoding="utf-8")
    layer = incidents([["THEFT", "2022-03-01 10:30"]])
    sentence = refused("checkincidents", **check(layer, grid, CATEGORY_MAP=str(mapping)))
    assert f"The category mapping {mapping} has no column raw, category, use." in sentence


def test_mapping_with_semicolons_and_other_spellings(tmp_path: Path) -> None:
    mapping = tmp_path / "map.csv"
    mapping.write_bytes('\ufeffRaw; Category;USE;note\r\n"a;\nb ";Theft;yes;x\r\n'.encode())
    assert category_map.read(mapping) == [{"raw": "a;\nb ", "category": "Theft", "use": "yes"}]


def test_raw_incidents_are_not_trained_on(refused: Any, grid: QgsVectorLayer) -> None:
    raw = incidents([["theft", "2020-01-01"]])
    sentence = refused("trainmodel", GRID=grid, INCIDENTS=raw, MODEL="TEMPORARY_OUTPUT")
    assert "Layer “Calls” has no field “category”, “start”" in sentence
    assert "choose a layer made by Check incidents" in sentence


@pytest.mark.parametrize(
    ("shifts", "words"),
    [
        ([], "There are no shifts."),
        (["Day", "07:00", "15:00"], "do not fill rows of 4"),
        (["Day", "7 o'clock", "15:00", "Mon-Sun"], "7 o'clock"),
    ],
)
def test_shifts_that_cannot_be(chain: Chain, refused: Any, shifts: list[str], words: str) -> None:
    sentence = refused(
        "trainmodel", **chain.history(SHIFTS=shifts, TIME_ZONE="America/New_York", MODEL="TEMPORARY_OUTPUT")
    )
    assert words in sentence


def test_files_that_are_no_model(chain: Chain, refused: Any, tmp_path: Path) -> None:
    text, empty = tmp_path / "text.zip", tmp_path / "empty.zip"
    text.write_text("hello")
    with zipfile.ZipFile(empty, "w") as archive:
        archive.writestr("readme.txt", "hello")

    def forecast(model: Path) -> str:
        return refused("forecastrisk", **chain.history(MODEL=str(model), OUTPUT="memory:"))

    assert f"The model bundle {tmp_path / 'none.zip'} does not exist." in forecast(tmp_path / "none.zip")
    assert f"The file {text} is no model bundle" in forecast(text)
    assert "empty.zip" in forecast(empty)


def test_forecast_on_another_grid(chain: Chain, processing: Any, refused: Any) -> None:
    coarse = processing.run(
        "patrolmissions:buildgrid", {"BOUNDARY": chain.path("boundary"), "SIZE": 500, "OUTPUT": "memory:"}
    )["OUTPUT"]
    sentence = refused("forecastrisk", **chain.history(MODEL=chain.path("model.zip"), GRID=coarse, OUTPUT="memory:"))
    assert "500 m" in sentence


def test_forecast_without_the_indicators_of_the_model(chain: Chain, refused: Any) -> None:
    sentence = refused(
        "forecastrisk", **chain.history(MODEL=chain.path("model.zip"), INDICATORS=None, OUTPUT="memory:")
    )
    assert "“bar” is missing" in sentence


def run_native(name: str, **parameters: Any) -> QgsVectorLayer:
    """The memory layer that one of QGIS's own algorithms makes."""
    import processing

    return processing.run(f"native:{name}", {"OUTPUT": "memory:", **parameters})["OUTPUT"]


@pytest.mark.parametrize(
    ("parameters", "words"),
    [
        ({"INDICATOR_FIELDS": ["PctBlack"]}, "“PctBlack” is about the race, ethnicity or origin of residents"),
        ({"INDICATOR_FIELDS": ["col"]}, "Field “col” of the grid is no indicator"),
        ({"INDICATOR_FIELDS": ["parks"]}, "has no field “parks”"),
        ({"INDICATOR_FIELDS": ["note"]}, "Field “note” of layer “"),
        ({"KIND_FIELD": "ethnicity"}, "“ethnicity” is about the race, ethnicity or origin of residents"),
    ],
)
def test_fields_that_are_no_indicators(chain: Chain, refused: Any, parameters: dict[str, Any], words: str) -> None:
    grid = run_native("fieldcalculator", INPUT=chain.path("grid"), FIELD_NAME="note", FIELD_TYPE=2, FORMULA="'a'")
    grid = run_native("fieldcalculator", INPUT=grid, FIELD_NAME="PctBlack", FIELD_TYPE=0, FORMULA="1")
    more = {"TIME_ZONE": "UTC", "MODEL": "TEMPORARY_OUTPUT"}
    assert words in refused("trainmodel", **chain.history(GRID=grid, **more, **parameters))
    more = {"MODEL": chain.path("model.zip"), "OUTPUT": "memory:"}
    assert words in refused("forecastrisk", **chain.history(GRID=grid, **more, **parameters))


def test_allocation_needs_a_forecast(refused: Any, grid: QgsVectorLayer) -> None:
    sentence = refused("allocatemissions", FORECAST=grid, OUTPUT="memory:")
    assert "choose a layer made by Forecast risk" in sentence
    bare = memory_layer("Polygon", [(box(X, Y, X + 250, Y + 250), [None] * 9)], FORECAST, name="Bare")
    assert "Layer “Bare” has no field of expected incidents" in refused(
        "allocatemissions", FORECAST=bare, OUTPUT="memory:"
    )


def test_a_forecast_with_a_spoilt_cell_id(chain: Chain, refused: Any) -> None:
    forecast = chain.layer("forecast").materialize(QgsFeatureRequest().setLimit(3))
    forecast.dataProvider().changeAttributeValues({1: {forecast.fields().lookupField("cell_id"): "not a cell"}})
    assert "“not a cell” is not a cell id." in refused("allocatemissions", FORECAST=forecast, OUTPUT="memory:")


@pytest.mark.parametrize(
    ("parameters", "words"),
    [
        ({"QUOTAS": ["Central", "two"]}, "The number of missions of “Central” is “two”, which is not a number."),
        ({"QUOTAS": ["Central", "1.5"]}, "District “Central” has “1.5” missions."),
        ({"QUOTAS": ["Central", "1", "Central", "2"]}, "District “Central” has two rows of missions."),
        ({"WEIGHTS": [["Theft", "much", "1"]]}, "The severity of “Theft” is “much”, which is not a number."),
        ({"WEIGHTS": [["Piracy", "1", "1"]]}, "Piracy"),
        ({"TIME_ZONE": "Mars/Phobos"}, "Mars/Phobos"),
        ({"HARM_KEPT": 0}, "HARM_KEPT"),
    ],
)
def test_settings_of_the_allocation(chain: Chain, refused: Any, parameters: dict[str, Any], words: str) -> None:
    assert words in refused("allocatemissions", FORECAST=chain.path("forecast"), OUTPUT="memory:", **parameters)


def test_shapefiles_are_refused(chain: Chain, refused: Any, tmp_path: Path) -> None:
    sentence = refused("allocatemissions", FORECAST=chain.path("forecast"), OUTPUT=str(tmp_path / "missions.shp"))
    assert "shp" in sentence


def test_a_destination_that_cannot_be_written(chain: Chain, refused: Any, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    target = tmp_path / "file" / "card.html"
    sentence = refused("checkincidents", **chain.check(OUTPUT="memory:", REPORT=str(target)))
    assert str(tmp_path / "file") in sentence


@pytest.mark.parametrize(
    ("value", "rows"),
    [
        (["a", "b", "c", "d"], [["a", "b"], ["c", "d"]]),
        ([["a", "b"], ["c"]], [["a", "b"], ["c", ""]]),
        ("a,b,c,d", [["a", "b"], ["c", "d"]]),
        ('"a,x",1\nb,2', [["a,x", "1"], ["b", "2"]]),
        (["", "", "c", 2], [["c", "2"]]),
        ([], []),
        (None, []),
    ],
)
def test_tables_arrive_in_many_shapes(value: Any, rows: list[list[str]]) -> None:
    assert shared.matrix_rows(value, 2, "Table") == rows


@pytest.mark.parametrize("value", ["a\nb,2", [["a"], ["b", "2"]], ["a", "", "b", "2"]])
def test_lines_may_leave_out_what_a_row_can_do_without(value: Any) -> None:
    assert shared.matrix_rows(value, 2, "Table", least=1) == [["a", ""], ["b", "2"]]
    assert shared.matrix_rows("a", 2, "Table", least=1) == [["a", ""]]


def test_tables_with_a_value_missing() -> None:
    with pytest.raises(InputError, match="has 3 values, which do not fill rows of 2"):
        shared.matrix_rows(["a", "b", "c"], 2, "Table")


def test_tables_of_days_without_their_fields_or_with_odd_dates(chain: Chain, refused: Any, tmp_path: Path) -> None:
    def csv(name: str, text: str) -> str:
        (tmp_path / name).write_text(text, encoding="utf-8")
        return str(tmp_path / name)

    wrong, odd = csv("heat.csv", "day,heat\n2019-01-01,3\n"), csv("odd.csv", "date,temperature\nsoon,3\n")
    more = {"MODEL": chain.path("model.zip"), "OUTPUT": "memory:"}
    assert "Table “heat” has no field “date”" in refused("forecastrisk", **chain.history(WEATHER=wrong, **more))
    assert "has no field “start”" in refused("forecastrisk", **chain.history(SCHOOL_TERMS=wrong, **more))
    assert "holds what is not a date" in refused("forecastrisk", **chain.history(WEATHER=odd, **more))


def test_holidays_of_nowhere(chain: Chain, refused: Any) -> None:
    more = {"TIME_ZONE": "UTC", "MODEL": "TEMPORARY_OUTPUT", "HOLIDAYS": "US-XX"}
    assert "public holidays of “US-XX” are not known" in refused("trainmodel", **chain.history(**more))
