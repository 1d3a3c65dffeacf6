"""The next-morning report through Processing: layers in, a page and tables out, and sentences for what cannot be."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
from made_layers import box, memory_layer
from qgis.core import (
    NULL,
    QgsFeature,
    QgsFeatureRequest,
    QgsGeometry,
    QgsProcessingException,
    QgsVectorLayer,
)
from sample_chain import Chain


def morning_after(chain: Chain) -> QgsVectorLayer:
    """The clean incidents, and in every shift of the missions one in each mission, and two where there is none."""
    layer = chain.layer("clean").materialize(QgsFeatureRequest())
    example = next(layer.getFeatures("category = 'Theft from vehicle'"))
    missions = list(chain.layer("missions").getFeatures())
    taken = {(mission["start"], mission["cell_id"]) for mission in missions}
    spots = [(mission["start"], mission.geometry().centroid()) for mission in missions]
    for start in {mission["start"] for mission in missions}:
        free = [cell for cell in chain.layer("forecast").getFeatures() if cell["start"] == start]
        free = [cell for cell in free if (start, cell["cell_id"]) not in taken]
        spots += [(start, cell.geometry().centroid()) for cell in (free[0], free[-1])]
    added = []
    for number, (start, spot) in enumerate(spots):
        feature = QgsFeature(example)
        feature.setGeometry(QgsGeometry(spot))
        values = (("event_id", f"night {number}"), ("start", start.addSecs(3600)), ("end", NULL), ("reported", NULL))
        for field, value in values:
            feature[field] = value
        added.append(feature)
    assert layer.dataProvider().addFeatures(added)[0]
    return layer


def report(chain: Chain, incidents: Any, **given: Any) -> dict[str, Any]:
    import processing

    parameters = {"MISSIONS": chain.path("missions"), "INCIDENTS": incidents, "REPORT": "TEMPORARY_OUTPUT", **given}
    parameters = {name: value for name, value in parameters.items() if value is not None}
    return dict(processing.run("patrolmissions:capturereport", parameters))


def rows(layer: QgsVectorLayer) -> list[dict[str, Any]]:
    return [dict(zip(layer.fields().names(), feature.attributes())) for feature in layer.getFeatures()]


def test_missions_are_judged_beside_other_choices(chain: Chain, keep: Any, tmp_path: Path) -> None:
    page = tmp_path / "morning.html"
    answer = report(
        chain,
        keep(morning_after(chain)),
        FORECAST=chain.path("forecast"),
        REPORT=str(page),
        OUTPUT="memory:",
        EXPOSURE="memory:",
    )
    missions = chain.layer("missions").featureCount()
    shifts = len({row["start"] for row in rows(chain.layer("missions"))})
    assert answer["INCIDENT_COUNT"] == pytest.approx(missions + 2 * shifts)
    assert answer["CAUGHT"] == pytest.approx(missions / (missions + 2 * shifts))
    assert 0 < answer["BY_LOT"] < 0.2
    found = {(row["part"], row["name"], row["measure"], row["choice"]): row for row in rows(answer["OUTPUT"])}
    mine, chance = (found["all", "all", "incidents", choice] for choice in ("missions", "chance"))
    assert mine["low"] < mine["share"] < mine["high"]
    assert chance["lead_low"] > 0
    assert mine["lead"] == NULL
    assert {row["choice"] for row in found.values()} == {"missions", "chance", "greedy", "last week"}
    assert sum(row["missions"] for row in rows(answer["EXPOSURE"])) == missions
    text = page.read_text(encoding="utf-8")
    assert "more than by lot" in text
    assert "times in America/New_York" in text  # as the missions say


def test_visits_neighbourhoods_and_the_plan_before(chain: Chain, keep: Any) -> None:
    missions = chain.layer("missions")
    stays = [
        (mission.geometry().centroid().asWkt(), [mission["start"], mission["start"].addSecs(15 * 60)])
        for mission in list(missions.getFeatures())[::2]
    ]
    crs = missions.crs().authid()
    visits = memory_layer("Point", stays, "start:datetime,end:datetime", crs, name="Stays")
    extent = chain.layer("forecast").extent()
    middle = (extent.xMinimum() + extent.xMaximum()) / 2
    halves = [
        (box(left, extent.yMinimum(), right, extent.yMaximum()), [name, people])
        for name, left, right, people in (
            ("Mill", extent.xMinimum(), middle, 8000),
            ("Quay", middle, extent.xMaximum(), 2000),
        )
    ]
    answer = report(
        chain,
        keep(morning_after(chain)),
        FORECAST=chain.path("forecast"),
        VISITS=keep(visits),
        AREAS=keep(memory_layer("Polygon", halves, "name:string,people:int", crs, name="Areas")),
        AREA_FIELD="name",
        AREA_PEOPLE_FIELD="people",
        PREVIOUS=chain.path("missions"),
        OUTPUT="memory:",
        EXPOSURE="memory:",
    )
    exposure = {row["area"]: row for row in rows(answer["EXPOSURE"])}
    assert set(exposure) == {"Mill", "Quay"}
    assert sum(row["delivered_minutes"] for row in exposure.values()) == pytest.approx(15 * len(stays))
    assert {row["name"] for row in rows(answer["OUTPUT"]) if row["part"] == "area"} >= {"Mill", "Quay"}
    for row in exposure.values():
        assert row["minutes_per_1000"] == pytest.approx(1000 * row["planned_minutes"] / row["people"])
    assert 2000 < sum(row["people"] for row in exposure.values()) < 10_000  # some of the boxes is outside the cells
    assert "Minutes per 1,000 people" in Path(answer["REPORT"]).read_text(encoding="utf-8")


def test_a_plan_file_and_a_record_bring_their_own_missions_and_forecast(
    chain: Chain, keep: Any, tmp_path: Path
) -> None:
    import processing

    plan, log = str(tmp_path / "plan.zip"), str(tmp_path / "audit.sqlite")
    asked = {"FORECAST": chain.path("forecast"), "MISSIONS_PER_DISTRICT": 2, "OUTPUT": "memory:", "PLAN": plan}
    processing.run("patrolmissions:allocatemissions", asked)
    processing.run(
        "patrolmissions:publishplan",
        {"PLAN": plan, "AUTHOR": "Capt. Ito", "APPROVAL": "Fits.", "LOG": log, "NEW_LOG": True},
    )
    incidents = keep(morning_after(chain))
    usual = report(chain, incidents, FORECAST=chain.path("forecast"), OUTPUT="memory:")
    ground = {"MISSIONS": None, "GRID": chain.path("grid"), "OUTPUT": "memory:"}
    for way in ({"PLAN": plan}, {"LOG": log, "NUMBER": 1}):
        answer = report(chain, incidents, **ground, **way)
        assert answer["CAUGHT"] == pytest.approx(usual["CAUGHT"])
        assert rows(answer["OUTPUT"]) == rows(usual["OUTPUT"])
    areas = {"AREAS": chain.path("districts"), "AREA_FIELD": "district"}
    answer = report(chain, incidents, **ground, PLAN=plan, **areas)
    assert "area" in {row["part"] for row in rows(answer["OUTPUT"])}


def test_without_a_forecast_there_is_no_comparison(chain: Chain, keep: Any) -> None:
    answer = report(chain, keep(morning_after(chain)), OUTPUT="memory:")
    assert answer["CAUGHT"] > 0
    assert math.isnan(answer["BY_LOT"])
    assert {row["choice"] for row in rows(answer["OUTPUT"])} == {"missions"}


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"MISSIONS": "grid"}, "has no field “mission_id”, “shift”"),
        ({"PREVIOUS": "grid"}, "has no field “mission_id”, “shift”"),
        ({"INCIDENTS": "places"}, "choose a layer made by Check incidents"),
        ({"FORECAST": "grid"}, "choose a layer made by Forecast risk"),
        ({"AREAS": "districts"}, "The neighbourhoods have no name field"),
        ({"AREAS": "districts", "AREA_FIELD": "district"}, "Neighbourhoods need the forecast"),
        ({"WEIGHTS": [["Robbery", "much", ""]]}, "The severity of “Robbery” is “much”, which is not a number"),
        ({"TIME_ZONE": "Mars"}, "Mars"),
        ({"PLAN": "no.zip"}, "Give missions in one way"),
        ({"MISSIONS": None}, "Give missions in one way"),
        ({"MISSIONS": None, "LOG": "no.sqlite"}, "Give the number of the plan's record"),
        ({"MISSIONS": None, "PLAN": "no.zip"}, "needs the grid"),
        ({"MISSIONS": None, "PLAN": "no.zip", "GRID": "grid", "FORECAST": "forecast"}, "has its own forecast"),
        ({"MISSIONS": None, "PLAN": "no.zip", "GRID": "grid"}, "The plan no.zip cannot be read"),
        ({}, "No shift of the missions had begun when the last incident did"),
    ],
)
def test_what_cannot_be_judged_is_said(chain: Chain, given: dict[str, Any], sentence: str) -> None:
    made = ("grid", "places", "districts", "forecast", "no.zip", "no.sqlite")
    layers = {name: chain.path(value) for name, value in given.items() if value in made}
    with pytest.raises(QgsProcessingException) as refused:
        report(chain, **{"incidents": chain.path("clean"), **given, **layers})
    assert sentence in str(refused.value)
    assert "unexpected" not in str(refused.value)
