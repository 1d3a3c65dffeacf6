"""Explain forecast on the sample chain: rows, fields, choice of cells, sentences."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
import sample_chain
from qgis.core import QgsFeatureRequest, QgsProcessingException, QgsProcessingFeatureSourceDefinition, QgsProject

from patrol_missions.processing_algorithms.explain_forecast import ExplainForecastAlgorithm as Algorithm


def parameters(chain: sample_chain.Chain, **other: Any) -> dict[str, Any]:
    usual = {"FORECAST": chain.path("forecast"), "MODEL": chain.path("model.zip"), "OUTPUT": "memory:explanations"}
    return chain.history(**{**usual, **other})


def run(processing: Any, feedback: Any, **other: Any) -> tuple[list[Any], dict[str, Any]]:
    answer = processing.run(
        "patrolmissions:explainforecast", parameters(sample_chain.made(), **other), feedback=feedback
    )
    return list(answer[Algorithm.OUTPUT].getFeatures()), answer


def test_the_top_cells_of_every_shift_are_explained(processing: Any, feedback: Any) -> None:
    chain = sample_chain.made()
    rows, answer = run(processing, feedback, TOP=2, REASONS=3)
    assert answer["ROWS"] == len(rows)
    assert answer["KNOWN"].endswith("Z")
    assert answer["WARNINGS"] == ""
    forecast = chain.layer("forecast")
    wanted = {(f["cell_id"], f["start"].toMSecsSinceEpoch()): f for f in forecast.getFeatures() if f["rank"] <= 2}
    told = Counter((f["cell_id"], f["start"].toMSecsSinceEpoch(), f["category"]) for f in rows)
    assert {key[:2] for key in told} == set(wanted)
    assert max(told.values()) <= 3
    for row in rows:
        assert row["text"]
        assert row["direction"] == ("raises" if row["effect"] >= 1 else "lowers")
        assert 0 <= row["share"] <= 100
        top = wanted[row["cell_id"], row["start"].toMSecsSinceEpoch()]
        assert (row["district"], row["shift"]) == (top["district"], top["shift"])
    categories = {row["category"] for row in rows}
    assert sample_chain.ODD in categories
    assert len(told) == len(wanted) * len(categories)
    theft = next(row for row in rows if row["category"] == "Robbery")
    assert theft["expected"] == pytest.approx(
        wanted[theft["cell_id"], theft["start"].toMSecsSinceEpoch()]["expected_robbery"], rel=1e-3
    )
    assert feedback.progress[-1] > 80


def test_named_cells_and_one_category(processing: Any, feedback: Any) -> None:
    chain = sample_chain.made()
    names = sorted({f["cell_id"] for f in chain.layer("forecast").getFeatures()})[:2]
    rows, _ = run(processing, feedback, CELLS=f" {names[0]}, {names[1]}", CATEGORY=sample_chain.ODD)
    assert {row["cell_id"] for row in rows} == set(names)
    assert {row["category"] for row in rows} == {sample_chain.ODD}
    assert len({row["start"].toMSecsSinceEpoch() for row in rows}) == 4


def test_selected_cells_alone(processing: Any, feedback: Any) -> None:
    layer = sample_chain.made().layer("forecast")
    QgsProject.instance().addMapLayer(layer, False)
    try:
        best = next(layer.getFeatures(QgsFeatureRequest().setFilterExpression('"rank" = 1').setLimit(1)))
        layer.select(best.id())
        rows, _ = run(processing, feedback, FORECAST=QgsProcessingFeatureSourceDefinition(layer.id(), True))
        assert {(row["cell_id"], row["shift"]) for row in rows} == {(best["cell_id"], best["shift"])}
    finally:
        QgsProject.instance().removeMapLayer(layer.id())


@pytest.mark.parametrize(
    ("other", "sentence"),
    [
        ({"CELLS": "nowhere"}, "“nowhere” is not a cell id"),
        ({"CELLS": "1E1N"}, "has no cell 1E1N"),
        ({"CATEGORY": "Piracy"}, "does not know the category “Piracy”"),
        ({"MODEL": "/nowhere.zip"}, "does not exist"),
        ({"INDICATORS": []}, "is missing"),
    ],
)
def test_what_cannot_work_is_a_sentence(processing: Any, feedback: Any, other: dict[str, Any], sentence: str) -> None:
    with pytest.raises(QgsProcessingException, match=sentence):
        run(processing, feedback, **other)


def test_a_layer_that_is_no_forecast_is_told(processing: Any, feedback: Any) -> None:
    with pytest.raises(QgsProcessingException, match="choose a layer made by Forecast risk"):
        run(processing, feedback, FORECAST=sample_chain.made().path("grid"))
