"""Check, train, forecast and allocate on a small made-up city: what comes out is whole and fits together."""

from __future__ import annotations

import csv
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import Listener
from made_layers import memory_layer
from qgis.core import (
    QgsFeatureRequest,
    QgsProcessingContext,
    QgsProcessingException,
    QgsProject,
    QgsVectorLayer,
    QgsWkbTypes,
)
from qgis.PyQt.QtCore import NULL, QDateTime, Qt
from sample_chain import ODD, ZONE, Chain

from patrol_missions.core.grid import parse_cell_id


def column(layer: QgsVectorLayer, name: str) -> np.ndarray:
    """A field's values in the layer's order."""
    request = QgsFeatureRequest().setFlags(QgsFeatureRequest.Flag.NoGeometry)
    return np.array([feature[name] for feature in layer.getFeatures(request)], dtype=object)


def test_check_keeps_what_can_be_planned_with(chain: Chain) -> None:
    answer, clean = chain.answers["checkincidents"], chain.layer("clean")
    assert answer["VERDICT"] in ("ok", "caution")
    assert answer["SENTENCE"].endswith(".")
    assert answer["ROWS_READ"] == chain.layer("incidents").featureCount()
    assert answer["ROWS_KEPT"] == clean.featureCount() > 2000
    assert clean.wkbType() == QgsWkbTypes.Type.Point
    assert clean.crs() == chain.layer("grid").crs()
    assert clean.fields().names()[1:] == [
        "event_id", "category", "category_raw", "start", "end", "reported", "start_local", "time_known", "cell_id",
        "district",
    ]  # fmt: skip


def test_clean_incidents_lie_in_the_cells_they_name(chain: Chain) -> None:
    cells = {f["cell_id"]: (f.geometry(), f["district"]) for f in chain.layer("grid").getFeatures()}
    for feature in chain.layer("clean").getFeatures():
        square, district = cells[feature["cell_id"]]
        assert square.intersects(feature.geometry())
        assert feature["district"] == district


def test_clean_times_are_utc(chain: Chain) -> None:
    """New York is four or five hours behind, so the local text is that much earlier than the field."""
    behind = set()
    for feature in chain.layer("clean").getFeatures():
        if feature["time_known"]:
            local = QDateTime.fromString(feature["start_local"], "yyyy-MM-dd HH:mm")
            digits = QDateTime(feature["start"].date(), feature["start"].time(), Qt.TimeSpec.UTC)
            there = QDateTime(local.date(), local.time(), Qt.TimeSpec.UTC)
            behind.add(there.secsTo(digits) // 60)
    assert behind == {240, 300}


def test_report_and_findings(chain: Chain) -> None:
    page = Path(chain.path("report.html")).read_text(encoding="utf-8")
    assert "<html" in page
    assert "http" not in page.replace("http://www.w3.org", "")
    findings = chain.layer("findings")
    assert findings.fields().names()[1:] == ["severity", "check", "rows", "share", "finding", "remedy"]
    assert {"Geocoding by district", "Null island", "Enforcement-driven types"} <= {
        f["check"] for f in findings.getFeatures()
    }
    assert not list(Path(chain.folder).glob(".*part"))


def test_mapping_is_written_to_be_used_again(chain: Chain) -> None:
    with Path(chain.path("mapping_used.csv")).open(encoding="utf-8-sig", newline="") as file:
        rows = {row["raw"]: row for row in csv.DictReader(file)}
    assert rows["THEFT - RETAIL"]["category"] == ODD
    assert rows["THEFT - RETAIL"]["use"] == "yes"
    assert sum(int(row["rows"]) for row in rows.values()) == chain.answers["checkincidents"]["ROWS_READ"]
    assert ODD in set(column(chain.layer("clean"), "category"))


def test_mapping_used_again_gives_the_same(chain: Chain, processing: Any) -> None:
    parameters = chain.check(
        CATEGORY_MAP=chain.path("mapping_used.csv"), OUTPUT="memory:", MAP_OUTPUT="TEMPORARY_OUTPUT"
    )
    again = processing.run("patrolmissions:checkincidents", parameters)
    assert Path(again["MAP_OUTPUT"]).read_bytes() == Path(chain.path("mapping_used.csv")).read_bytes()
    assert list(column(again["OUTPUT"], "category")) == list(column(chain.layer("clean"), "category"))


def test_model_card_and_scores(chain: Chain) -> None:
    answer = chain.answers["trainmodel"]
    assert ODD in answer["CATEGORIES"]
    card = Path(answer["CARD"]).read_text(encoding="utf-8")
    assert "🚲" in card
    assert "<b>🚲" not in card
    assert ODD in set(column(chain.layer("scores"), "category"))


def test_forecast_has_every_cell_in_every_shift(chain: Chain) -> None:
    grid, forecast = chain.layer("grid"), chain.layer("forecast")
    assert forecast.featureCount() == 4 * grid.featureCount()
    assert forecast.crs() == grid.crs()
    squares = {f["cell_id"]: f.geometry() for f in grid.getFeatures()}
    for feature in forecast.getFeatures():
        assert feature.geometry().equals(squares[feature["cell_id"]])
    starts = column(forecast, "start")
    assert len(set(map(str, starts))) == 4
    assert set(column(forecast, "shift")) == {"Day", "Night “late”"}


def test_relative_paths_are_those_of_the_shell(
    chain: Chain, processing: Any, engine_python: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(chain.folder)
    monkeypatch.setenv("PATROL_ENGINE_PYTHON", os.path.relpath(engine_python))
    answer = processing.run(
        "patrolmissions:forecastrisk", chain.history(MODEL="model.zip", SHIFT_COUNT=1, OUTPUT="memory:")
    )
    assert answer["OUTPUT"].featureCount() == chain.layer("grid").featureCount()


def test_forecast_numbers(chain: Chain) -> None:
    forecast = chain.layer("forecast")
    expected = [name for name in forecast.fields().names() if name.startswith("expected_")]
    assert "expected_theft_2_wheel_quick_b_etc" in expected
    for name in expected:
        values = column(forecast, name).astype(float)
        assert np.isfinite(values).all()
        assert (values >= 0).all()
        assert values.max() > 0
    harm, rank, percentile = (column(forecast, name).astype(float) for name in ("harm", "rank", "percentile"))
    cells = chain.layer("grid").featureCount()
    for shift in range(4):
        part = slice(shift * cells, (shift + 1) * cells)
        assert sorted(rank[part]) == list(range(1, cells + 1))
        assert (np.diff(harm[part][np.argsort(rank[part])]) <= 0).all()
        assert percentile[part].min() == 0
        assert percentile[part].max() == 100


def test_fields_of_the_grid_from_measuring_to_forecast(chain: Chain, processing: Any, tmp_path: Path) -> None:
    """What Add indicators measures is learned from, and asked for again by the forecast."""
    wide = processing.run(
        "patrolmissions:addindicators",
        {"GRID": chain.path("grid"), "LAYERS": [chain.path("places")], "RADII": "400",
         "OUTPUT": str(tmp_path / "wide.gpkg")},
    )  # fmt: skip
    fields = ["bar_count_400m", "bar_nearest_m"]
    assert set(fields) <= set(wide["FIELDS"].split(","))
    model, card = (str(tmp_path / name) for name in ("model.zip", "card.html"))
    given = chain.history(GRID=wide["OUTPUT"], INDICATORS=None)
    processing.run(
        "patrolmissions:trainmodel",
        {**given, "TIME_ZONE": ZONE, "INDICATOR_FIELDS": fields, "SHIFTS": ["All day", "00:00", "00:00", ""],
         "MODEL": model, "CARD": card},
    )  # fmt: skip
    assert "bar_count_400m and bar_nearest_m" in Path(card).read_text(encoding="utf-8")
    given |= {"MODEL": model, "SHIFT_COUNT": 1, "OUTPUT": "memory:"}
    forecast = processing.run("patrolmissions:forecastrisk", {**given, "INDICATOR_FIELDS": fields[::-1]})["OUTPUT"]
    assert forecast.featureCount() == chain.layer("grid").featureCount()
    with pytest.raises(QgsProcessingException, match="not among the indicator fields: “bar_count_400m”"):
        processing.run("patrolmissions:forecastrisk", {**given, "INDICATOR_FIELDS": fields[1:]})


def test_weights_of_ones_own(chain: Chain, processing: Any) -> None:
    """Only one category counts: harm is its expected incidents times its weight."""
    categories = chain.answers["trainmodel"]["CATEGORIES"].splitlines()
    rows = [[name, "0" if name != "Burglary" else "100", "0.5"] for name in categories]
    parameters = chain.history(MODEL=chain.path("model.zip"), SHIFT_COUNT=1, WEIGHTS=rows, OUTPUT="memory:")
    layer = processing.run("patrolmissions:forecastrisk", parameters)["OUTPUT"]
    burglary = column(layer, "expected_burglary").astype(float)
    np.testing.assert_allclose(column(layer, "harm").astype(float), 50 * burglary, rtol=1e-5)
    assert set(column(layer, "top_category")) == {"Burglary"}


def test_a_category_without_any_incident_now(chain: Chain, processing: Any) -> None:
    """The model knows burglaries, and the latest incidents have none: the forecast still stands."""
    clean = chain.layer("clean")
    clean.setSubsetString("category <> 'Burglary'")
    parameters = chain.history(
        MODEL=chain.path("model.zip"), SHIFT_COUNT=1, START="2025-01-01T05:00:00Z", OUTPUT="memory:", INCIDENTS=clean
    )
    layer = processing.run("patrolmissions:forecastrisk", parameters)["OUTPUT"]
    assert np.isfinite(column(layer, "expected_burglary").astype(float)).all()


def test_start_decides_the_first_shift(chain: Chain, processing: Any) -> None:
    parameters = chain.history(
        MODEL=chain.path("model.zip"), SHIFT_COUNT=1, START="2024-12-30T13:00:00Z", OUTPUT="memory:"
    )
    answer = processing.run("patrolmissions:forecastrisk", parameters)
    assert answer["FIRST_START"] == "2024-12-31T00:00:00Z"  # the night from 19:00 in New York


def test_missions_are_as_many_as_asked_for(chain: Chain) -> None:
    missions, summary = chain.layer("missions"), chain.layer("summary")
    districts = set(column(chain.layer("grid"), "district"))
    assert chain.answers["allocatemissions"]["MISSIONS"] == missions.featureCount() == 2 * 4 * len(districts)
    assert summary.featureCount() == 4 * len(districts)
    assert len(set(column(missions, "mission_id"))) == missions.featureCount()
    assert set(column(missions, "order")) == {1, 2}
    assert all(0 < p <= 1 for p in column(missions, "inclusion_probability"))


def test_missions_carry_the_forecast_of_their_cell(chain: Chain) -> None:
    rows = {
        (f["cell_id"], f["start"].toString(Qt.DateFormat.ISODate)): (f.geometry(), f["harm"], f["district"])
        for f in chain.layer("forecast").getFeatures()
    }
    for mission in chain.layer("missions").getFeatures():
        shape, harm, district = rows[mission["cell_id"], mission["start"].toString(Qt.DateFormat.ISODate)]
        assert mission.geometry().equals(shape)
        assert mission["harm"] == pytest.approx(harm, rel=1e-6)
        assert mission["district"] == district
        assert mission["purpose"].endswith(".")
        assert mission["start"] <= mission["window_start"] < mission["window_end"] <= mission["end"]


def test_windows_are_told_in_the_zone_of_the_model(chain: Chain) -> None:
    mission = next(chain.layer("missions").getFeatures())
    utc = mission["window_start"]
    assert mission["window"].startswith(f"{(utc.time().hour() - 5) % 24:02d}:{utc.time().minute():02d}")


def test_same_seed_same_plan_and_another_seed_another(chain: Chain, processing: Any) -> None:
    def plan(**other: Any) -> list[str]:
        parameters = {"FORECAST": chain.path("forecast"), "MISSIONS_PER_DISTRICT": 2, "OUTPUT": "memory:", **other}
        return list(column(processing.run("patrolmissions:allocatemissions", parameters)["OUTPUT"], "cell_id"))

    first = list(column(chain.layer("missions"), "cell_id"))
    assert plan() == first
    assert plan(SEED=2) != first


def test_quotas_as_text_of_the_command_line(chain: Chain, processing: Any) -> None:
    districts = sorted(set(column(chain.layer("grid"), "district")))
    parameters = {
        "FORECAST": chain.path("forecast"), "QUOTAS": f"{districts[0]},0,{districts[1]},5", "OUTPUT": "memory:",
    }  # fmt: skip
    layer = processing.run("patrolmissions:allocatemissions", parameters)["OUTPUT"]
    found = list(column(layer, "district"))
    assert districts[0] not in found
    assert found.count(districts[1]) == 5 * 4


def test_weights_chosen_when_allocating(chain: Chain, processing: Any) -> None:
    parameters = {"FORECAST": chain.path("forecast"), "WEIGHTS_PRESET": "Sentence days", "OUTPUT": "memory:"}
    layer = processing.run("patrolmissions:allocatemissions", parameters)["OUTPUT"]
    assert max(column(layer, "harm").astype(float)) < max(column(chain.layer("missions"), "harm").astype(float))


def test_memory_layers_of_a_project_give_the_same_missions(
    chain: Chain, processing: Any, context: QgsProcessingContext
) -> None:
    """The desktop's temporary layers go another way to the engine than files do."""
    forecast = chain.layer("forecast").materialize(QgsFeatureRequest())
    QgsProject.instance().addMapLayer(forecast, False)
    try:
        parameters = {"FORECAST": forecast.id(), "MISSIONS_PER_DISTRICT": 2, "OUTPUT": "memory:"}
        layer = processing.run("patrolmissions:allocatemissions", parameters, context=context)["OUTPUT"]
        assert list(column(layer, "cell_id")) == list(column(chain.layer("missions"), "cell_id"))
    finally:
        QgsProject.instance().removeMapLayer(forecast.id())


def test_a_table_with_coordinates(chain: Chain, processing: Any) -> None:
    """The same incidents as a table in degrees keep the same rows."""
    table = []
    layer = chain.layer("incidents")
    from qgis.core import QgsCoordinateReferenceSystem, QgsCoordinateTransform

    to_degrees = QgsCoordinateTransform(
        layer.crs(), QgsCoordinateReferenceSystem("EPSG:4326"), QgsProject.instance().transformContext()
    )
    for feature in layer.getFeatures():
        if feature.hasGeometry() and abs(feature.geometry().asPoint().x()) > 1:
            spot = to_degrees.transform(feature.geometry().asPoint())
            start = feature["start"]
            text = start.toString("MM/dd/yyyy hh:mm AP") if start not in (None, NULL) else None
            table.append((None, [feature["category_raw"], text, repr(spot.x()), repr(spot.y())]))
    made_table = memory_layer("None", table, "kind:string,at:string,lon:string,lat:string", name="Export")
    parameters = {
        "INCIDENTS": made_table,
        "GRID": chain.path("grid"),
        "CATEGORY_FIELD": "kind",
        "START_FIELD": "at",
        "X_FIELD": "lon",
        "Y_FIELD": "lat",
        "TIME_ZONE": "America/New_York",
        "CATEGORY_MAP": chain.path("mapping.csv"),
        "OUTPUT": "memory:",
    }
    answer = processing.run("patrolmissions:checkincidents", parameters)
    assert answer["ROWS_KEPT"] == pytest.approx(chain.answers["checkincidents"]["ROWS_KEPT"], rel=0.03)
    assert {parse_cell_id(name) for name in column(answer["OUTPUT"], "cell_id")} <= {
        parse_cell_id(name) for name in column(chain.layer("grid"), "cell_id")
    }


def test_cancel_while_the_engine_works(chain: Chain, processing: Any, feedback: Listener, tmp_path: Path) -> None:
    feedback.progressChanged.connect(lambda percent: percent > 12 and feedback.cancel())
    parameters = chain.history(TIME_ZONE="America/New_York", MODEL=str(tmp_path / "model.zip"))
    assert processing.run("patrolmissions:trainmodel", parameters, feedback=feedback) == {}
    assert list(tmp_path.iterdir()) == []


def test_weather_to_come_moves_the_forecast(chain: Chain, tmp_path: Path) -> None:
    """In this city rainy days had as many incidents as dry ones, so a storm moves the totals, but little."""
    import processing

    first = np.datetime64(chain.answers["forecastrisk"]["FIRST_START"][:10])
    past = [f"{first - day},{(day * 7919) % 3},\n" for day in range(2, 500)]
    storm = [f"{first + day},60,{first - 3}T00:00:00\n" for day in range(3)]
    weather = tmp_path / "weather.csv"
    weather.write_text("Date,precipitation,issued\n" + "".join(past + storm), encoding="utf-8")
    harm = []
    for table in (None, str(weather)):
        parameters = chain.history(MODEL=chain.path("model.zip"), SHIFT_COUNT=4, WEATHER=table, OUTPUT="memory:")
        harm.append(column(processing.run("patrolmissions:forecastrisk", parameters)["OUTPUT"], "harm").sum())
    assert harm[0] != harm[1]
    assert abs(np.log(harm[1] / harm[0])) < 0.4
