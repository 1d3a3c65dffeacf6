"""Backtest model on the sample chain: report, tables, sentences."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import sample_chain
from qgis.core import QgsProcessingException, QgsVectorLayer


def run(processing: Any, feedback: Any, **other: Any) -> dict[str, Any]:
    chain = sample_chain.made()
    shifts = [["Day", "07:00", "19:00", "Mon-Sun"], ["Night “late”", "19:00", "07:00", ""]]
    given = chain.history(TIME_ZONE=sample_chain.ZONE, SHIFTS=shifts, **{"WEEKS": 26, **other})
    given["INCIDENTS"] += "|subset=category IN ('Burglary', 'Robbery', 'Theft from vehicle')"  # enough, and sooner
    answer: dict[str, Any] = processing.run("patrolmissions:backtestmodel", given, feedback=feedback)
    return answer


def rows(path: str) -> list[dict[str, Any]]:
    layer = QgsVectorLayer(path, "table", "ogr")
    names = layer.fields().names()
    return [dict(zip(names, feature.attributes())) for feature in layer.getFeatures()]


def test_it_reports_every_forecast_by_category_plan_and_district(
    processing: Any, feedback: Any, tmp_path: Path
) -> None:
    paths = {name: str(tmp_path / f"{name.lower()}.gpkg") for name in ("SCORES", "DISTRICTS")}
    answer = run(
        processing,
        feedback,
        REFIT_WEEKS=26,
        WINDOW="The two years before",
        MISSIONS_PER_DISTRICT=2,
        WEIGHTS_PRESET="Sentence days",
        REPORT=str(tmp_path / "report.html"),
        **paths,
    )
    page = Path(answer["REPORT"]).read_text(encoding="utf-8")
    assert "26 weeks" in page
    assert "2 missions in each district" in page
    scores, districts = rows(paths["SCORES"]), rows(paths["DISTRICTS"])
    assert {"B0", "B3", "B6", "B7", "Rule"} <= {row["forecast"] for row in scores}
    caught = [row for row in scores if row["metric"] == "preventable_harm_caught_by_missions"]
    assert {row["category"] for row in caught} == {"All categories"}
    assert all(0 <= row["low"] <= row["value"] <= row["high"] <= 1 for row in caught)
    grid = rows(sample_chain.made().path("grid"))
    assert {row["district"] for row in districts} == {row["district"] for row in grid}
    assert isinstance(answer["BETTER"], str)


def test_more_weeks_than_there_are_get_a_sentence(processing: Any, feedback: Any, tmp_path: Path) -> None:
    with pytest.raises(QgsProcessingException, match="whole weeks; to test 300 of them, 326 are needed"):
        run(processing, feedback, WEEKS=300, REPORT=str(tmp_path / "report.html"))
