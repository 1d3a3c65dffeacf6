"""Visits of patrol through the algorithms: points or cells, any CRS and clock, learnt from, refused with a sentence."""

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
    QgsProcessingFeedback,
    QgsProject,
    QgsVectorLayer,
)
from sample_chain import ZONE, Chain

from patrol_missions.bridge.sources import LayerSource
from patrol_missions.core.errors import InputError
from patrol_missions.processing_algorithms import visits

TIMES = "start:string,end:string"
STAY = ("2024-12-30 19:00", "2024-12-30 19:15")
PERSONS = {"officer": "M. Roe", "badge": "4711", "unit_name": "Roe"}


@pytest.fixture
def refused(chain: Chain, processing: Any) -> Any:
    """Run a forecast with a layer of visits and return the sentence that it is refused with."""

    return lambda layer: chain.refusal("forecastrisk", MODEL=chain.path("model.zip"), OUTPUT="memory:", VISITS=layer)


def read(layer: QgsVectorLayer) -> Any:
    grid, transforms = QgsCoordinateReferenceSystem("EPSG:32618"), QgsCoordinateTransformContext()
    return visits.read(LayerSource.from_layer(layer), grid, transforms, 250.0, QgsProcessingFeedback())


def test_points_and_cells_say_the_same_and_no_field_about_persons_is_read() -> None:
    fields = TIMES + "".join(f",{name}:string" for name in PERSONS)
    points = read(memory_layer("Point", [("POINT(-75 39.3)", [*STAY, *PERSONS.values()])], fields, "EPSG:4326"))
    assert set(points.columns) == {"x", "y", "start", "end"}
    assert points["x"][0] == pytest.approx(500_000, abs=1)
    column, row = (int(points[name][0] // 250) for name in ("x", "y"))
    rows = [(None, [f"{column}E{row}N", *STAY, "4711"]), (None, [None, *STAY, "4711"]), (None, ["-1E2N", *STAY, ""])]
    cells = read(memory_layer("None", rows, "CELL_ID:string,start_local:string,end_local:string,badge:string"))
    assert set(cells.columns) == {"x", "y", "start_local", "end_local"}
    assert (cells["x"][0] // 250, cells["y"][0] // 250) == (column, row)
    assert np.isnan(cells["x"][1])
    assert (cells["x"][2], cells["y"][2]) == (-125.0, 625.0)
    assert cells["end_local"].astype(str).tolist() == ["2024-12-30T19:15:00"] * 3
    with pytest.raises(InputError, match="“Main Street” is not a cell id"):
        read(memory_layer("None", [(None, ["Main Street", *STAY])], f"cell_id:string,{TIMES}"))


def test_an_empty_layer_is_read_as_nobody() -> None:
    for kind, fields in (("Point", TIMES), ("None", f"cell_id:string,{TIMES}")):
        assert len(read(memory_layer(kind, [], fields))) == 0


def test_layers_that_cannot_be_visits_are_refused(refused: Any) -> None:
    spot = "POINT(750000 4350000)"
    assert "Layer “Made” does not say when its visits were." in refused(
        memory_layer("Point", [(spot, STAY)], "begin:string,to:string")
    )
    nowhere = "Layer “Made” does not say where its visits were."
    assert nowhere in refused(memory_layer("None", [(None, STAY)], TIMES))
    assert nowhere in refused(memory_layer("Polygon", [(box(0, 0, 1, 1), ["1E1N", *STAY])], f"cell_id:string,{TIMES}"))
    assert "A visit of patrol ends before it starts." in refused(memory_layer("Point", [(spot, STAY[::-1])], TIMES))
    assert "No visit of patrol has a place." in refused(memory_layer("Point", [(None, STAY)], TIMES))
    assert "No visit of patrol has a start and an end." in refused(memory_layer("Point", [(spot, ("", ""))], TIMES))
    assert "holds what is not a date" in refused(memory_layer("Point", [(spot, ("soon", "later"))], TIMES))
    assert "No visit of patrol is inside the grid." in refused(memory_layer("Point", [("POINT(0 0)", STAY)], TIMES))


def test_a_model_trained_with_visits_forecasts_and_explains_with_them(
    chain: Chain, processing: Any, feedback: Listener, tmp_path: Path
) -> None:
    """An hour on the evenings of every other fortnight, nine days before the end the last; many thefts on the others.

    The visits are points, or a table of cells.
    """
    cell = next(chain.layer("grid").getFeatures())
    spot, patrolled = cell.geometry().centroid(), cell["cell_id"]
    first = np.datetime64(chain.answers["forecastrisk"]["FIRST_START"][:10])
    before = np.arange(1, 540)
    away = (before - 9) // 14 % 2 != 0
    crowds = chain.crowded(spot, first - before[away])
    stays = [(f"{day} 19:00:00", f"{day} 20:00:00") for day in first - before[~away]]
    local = "start_local:string,end_local:string"
    points = memory_layer("Point", [(spot.asWkt(), stay) for stay in stays], local, name="Visits")
    rows = [(None, [patrolled, *stay]) for stay in stays]
    table = memory_layer("None", rows, f"cell_id:string,{local}", name="Cells")
    nobody = memory_layer("Point", [], local, name="Nobody")
    QgsProject.instance().addMapLayers([points, table, nobody])
    model = str(tmp_path / "model.zip")
    shifts = [["Day", "07:00", "19:00", "Mon-Sun"], ["Night", "19:00", "07:00", ""]]
    more = {"TIME_ZONE": ZONE, "SHIFTS": shifts, "VISITS": points, "MODEL": model, "INCIDENTS": crowds}
    more["CARD"] = str(tmp_path / "card.html")
    processing.run("patrolmissions:trainmodel", chain.history(**more))
    assert f"Visits of patrol: {len(stays)} of two minutes or more" in (tmp_path / "card.html").read_text("utf-8")
    harm = {}
    for name, layer in (("points", points), ("table", table), ("nobody", nobody), ("none", None)):
        feedback.warnings.clear()
        output = str(tmp_path / f"{name}.gpkg")
        given = chain.history(MODEL=model, SHIFT_COUNT=4, OUTPUT=output, VISITS=layer, INCIDENTS=crowds)
        processing.run("patrolmissions:forecastrisk", given, feedback=feedback)
        found = QgsVectorLayer(output, name, "ogr")
        harm[name] = [feature["harm"] for feature in found.getFeatures()]
        told = any(
            "The model was trained with visits of patrol, and none are given" in each for each in feedback.warnings
        )
        assert told == (layer is None)
    assert harm["points"] == harm["table"]
    assert harm["nobody"] == harm["none"]
    forecast = str(tmp_path / "points.gpkg")
    more = {"INCIDENTS": crowds, "VISITS": points, "REASONS": 50, "OUTPUT": "memory:"}
    explain = chain.history(MODEL=model, FORECAST=forecast, CELLS=patrolled, **more)
    answer = processing.run("patrolmissions:explainforecast", explain)
    assert answer["ROWS"] > 0
    assert "visits of patrol" not in answer["WARNINGS"]
    reasons = {each["cell_id"]: each["reasons"] for each in QgsVectorLayer(forecast).getFeatures()}
    assert "in the last 28 days, but not in the last 7" in reasons[patrolled]
    for layer in (points, table, nobody):
        QgsProject.instance().removeMapLayer(layer.id())
