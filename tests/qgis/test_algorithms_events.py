"""Planned events through the algorithms: read in any CRS and clock, felt in the forecast, refused with a sentence."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import Listener
from made_layers import box, memory_layer
from qgis.core import (
    QgsCoordinateReferenceSystem,
    QgsCoordinateTransformContext,
    QgsProcessingException,
    QgsProcessingFeedback,
    QgsProject,
    QgsVectorLayer,
)
from qgis.PyQt.QtCore import QDateTime, Qt
from sample_chain import ZONE, Chain

from patrol_missions.bridge.sources import LayerSource
from patrol_missions.processing_algorithms import events

TIMES = "start:string,end:string"
EVENING = ("2024-12-30 19:00", "2024-12-30 22:00")
REASON = "a planned event nearby in this shift"


@pytest.fixture
def refused(chain: Chain, processing: Any) -> Any:
    """Run a forecast with an events layer and return the sentence that it is refused with."""

    return lambda layer: chain.refusal("forecastrisk", MODEL=chain.path("model.zip"), OUTPUT="memory:", EVENTS=layer)


def read(layer: QgsVectorLayer) -> Any:
    grid, transforms = QgsCoordinateReferenceSystem("EPSG:32618"), QgsCoordinateTransformContext()
    return events.read(LayerSource.from_layer(layer), grid, transforms, QgsProcessingFeedback())


def test_it_is_read_in_the_grids_crs_and_by_either_clock() -> None:
    degrees = memory_layer(
        "Point", [("POINT(-75 39.3)", ["2024-05-01T18:00:00Z", "2024-05-01T20:00:00"])], TIMES, "EPSG:4326"
    )
    found = read(degrees)
    assert set(found.columns) == {"x", "y", "start", "end"}
    assert found["x"][0] == pytest.approx(500_000, abs=1)
    assert found["start"].astype(str).tolist() == ["2024-05-01T18:00:00"]
    moments = [QDateTime.fromString(f"2024-05-01T{hour}:00:00", Qt.DateFormat.ISODate) for hour in (18, 20)]
    fields = "Start_Local:datetime,End_Local:datetime,REACH_M:integer,name:string"
    local = read(memory_layer("MultiPoint", [("MULTIPOINT((5 6),(7 8))", [*moments, 300, "Game"])], fields))
    assert set(local.columns) == {"x", "y", "start_local", "end_local", "reach_m"}
    assert local["end_local"].astype(str).tolist() == ["2024-05-01T20:00:00"]
    assert (local["x"][0], local["reach_m"][0]) == (5.0, 300.0)


def test_layers_that_cannot_be_events_are_refused(refused: Any) -> None:
    row = [("POINT(750000 4350000)", EVENING)]
    assert "Layer “Made” does not say when its events take place." in refused(
        memory_layer("Point", row, "begin:string,to:string")
    )
    table = memory_layer("None", [(None, EVENING)], TIMES)
    assert "Layer “Made” has no points that say where its events take place." in refused(table)
    areas = memory_layer("Polygon", [(box(0, 0, 1, 1), EVENING)], TIMES)
    assert "no points" in refused(areas)
    back = memory_layer("Point", [(row[0][0], EVENING[::-1])], TIMES)
    assert "A planned event ends before it starts." in refused(back)
    nowhere = memory_layer("Point", [(None, EVENING)], TIMES)
    assert "No planned event has a place." in refused(nowhere)
    never = memory_layer("Point", [(row[0][0], ("", ""))], TIMES)
    assert "No planned event has a start and an end." in refused(never)
    soon = memory_layer("Point", [(row[0][0], ("soon", "later"))], TIMES)
    assert "holds what is not a date" in refused(soon)


def test_nothing_is_learned_from_an_empty_list(chain: Chain, processing: Any, tmp_path: Path) -> None:
    for name, layer in (
        ("EVENTS", memory_layer("Point", [], TIMES)),
        ("WEATHER", memory_layer("None", [], "date:string,temperature:double")),
        ("SCHOOL_TERMS", memory_layer("None", [], TIMES)),
    ):
        parameters = chain.history(MODEL=str(tmp_path / "model.zip"), **{name: layer})
        with pytest.raises(QgsProcessingException, match="Layer “Made” is empty"):
            processing.run("patrolmissions:trainmodel", parameters)


def test_a_model_trained_with_events_forecasts_with_them(
    chain: Chain, processing: Any, feedback: Listener, tmp_path: Path
) -> None:
    """Games on every third evening of the history and of the forecast, in the grid's first cell, with many thefts."""
    cell = next(chain.layer("grid").getFeatures())
    spot = cell.geometry().centroid().asWkt()
    first = np.datetime64(chain.answers["forecastrisk"]["FIRST_START"][:10])
    days = first + np.arange(-540, 9, 3)
    games = memory_layer(
        "Point",
        [(spot, [f"{day} 19:00:00", f"{day} 22:00:00", None]) for day in days],
        "start_local:string,end_local:string,reach_m:double",
        name="Games",
    )
    QgsProject.instance().addMapLayer(games)
    model = str(tmp_path / "model.zip")
    shifts = [["Day", "07:00", "19:00", "Mon-Sun"], ["Night", "19:00", "07:00", ""]]
    more = {"TIME_ZONE": ZONE, "SHIFTS": shifts, "EVENTS": games, "MODEL": model}
    crowds = chain.crowded(cell.geometry().centroid(), days[days < first])
    processing.run("patrolmissions:trainmodel", chain.history(**more, INCIDENTS=crowds))
    told = {}
    none = memory_layer("Point", [], "start_local:string,end_local:string,reach_m:double", name="None are planned")
    for name, layer in (("with", games), ("none", none), ("without", None)):
        given = chain.history(MODEL=model, INCIDENTS=crowds, SHIFT_COUNT=6, OUTPUT="memory:", EVENTS=layer)
        answer = processing.run("patrolmissions:forecastrisk", given, feedback=feedback)
        told[name] = {
            (f["cell_id"], f["shift_date"].date().toString("yyyy-MM-dd"), f["shift"]): f["reasons"]
            for f in answer["OUTPUT"].getFeatures()
        }
        if name != "without":
            assert not feedback.warnings or not any("events" in each for each in feedback.warnings)
    assert any("The model was trained with planned events, and none are given" in each for each in feedback.warnings)
    assert not any(REASON in each for each in told["without"].values())
    assert told["none"] == told["without"]
    night = [key for key, reasons in told["with"].items() if key[0] == cell["cell_id"] and REASON in reasons]
    assert night
    assert {np.datetime64(day) for _, day, _ in night} <= set(days)
    assert {shift for _, _, shift in night} == {"Night"}
    QgsProject.instance().removeMapLayer(games.id())
