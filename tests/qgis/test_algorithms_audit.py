"""The audit log through Processing: plans published by a person, made again, and the log verified."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import Listener
from qgis.core import NULL, QgsProcessingException

from patrol_missions.bridge import worker_process
from patrol_missions.core.jobs import Job
from patrol_missions.core.tables import Table
from patrol_missions.processing_algorithms import audit_inputs


@pytest.fixture(scope="module")
def plan(engine_python: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The plan file of twelve cells in one shift."""
    cells = np.arange(12)
    start = np.datetime64("2026-03-01T17:00:00", "s")
    columns = {
        "col": 2000 + cells,
        "row": np.full(12, 17400),
        "shift_date": np.full(12, np.datetime64("2026-03-01", "s")),
        "start": np.full(12, start),
        "end": np.full(12, start + np.timedelta64(8, "h")),
        "exposure_hours": np.full(12, 8.0),
        "expected_theft": 0.01 * (1 + cells),
        "harm": 10.0 * (1 + cells),
        "peak_start": np.full(12, start),
        "peak_end": np.full(12, start + np.timedelta64(2, "h")),
    }
    forecast = Table(columns)
    for name, text in (("district", "West"), ("shift", "Evening"), ("reasons", "steady")):
        forecast = forecast.with_text(name, [text] * 12)
    path = tmp_path_factory.mktemp("plan") / "plan.zip"
    job = Job("allocate_missions", {"labels": {"expected_theft": "Theft"}}, {"forecast": forecast})
    worker_process.run_job(engine_python, job, keep={"plan": path})
    return path


def publish(processing: Any, plan: Path, log: Path, **more: Any) -> dict[str, Any]:
    given = {"PLAN": str(plan), "AUTHOR": "Ana Ruiz", "APPROVAL": "Fair", "LOG": str(log), "NEW_LOG": True, **more}
    return processing.run("patrolmissions:publishplan", given)


def test_a_plan_is_published_made_again_and_verified(processing: Any, plan: Path, tmp_path: Path) -> None:
    log = tmp_path / "audit.sqlite"
    record = publish(processing, plan, log, MODEL=str(plan))
    assert record["NUMBER"] == 1
    assert len(record["HASH"]) == 64
    assert record["MOMENT"].endswith("Z")
    assert record["MISSIONS"] == 3
    for given in ({"LOG": str(log), "NUMBER": 1}, {"PLAN": str(plan)}):
        again = processing.run("patrolmissions:replayplan", {**given, "OUTPUT": "memory:"})
        assert again["IDENTICAL"] is True
        assert (again["VERSIONS"], again["MISSIONS"]) == ("", 3)
        assert again["OUTPUT"].featureCount() == 0
    given = {"LOG": str(log), "NUMBER": 1, "HASH": record["HASH"], "COPY": str(log), "OUTPUT": "memory:"}
    verdict = processing.run("patrolmissions:verifyaudit", given)
    assert verdict["SOUND"] is True
    assert (verdict["RECORDS"], verdict["LAST_HASH"]) == (1, record["HASH"])
    assert "1 record, of" in verdict["VERDICT"]
    assert verdict["OUTPUT"].featureCount() == 0


def test_what_is_wrong_is_a_row(processing: Any, plan: Path, tmp_path: Path) -> None:
    log = tmp_path / "audit.sqlite"
    publish(processing, plan, log)
    given = {"LOG": str(log), "NUMBER": 2, "HASH": "0" * 64, "OUTPUT": "memory:"}
    verdict = processing.run("patrolmissions:verifyaudit", given)
    assert verdict["SOUND"] is False
    row = next(verdict["OUTPUT"].getFeatures())
    assert row["number"] == 2
    assert row["what"] in verdict["VERDICT"]
    assert "its end was cut off" in row["what"]


def test_the_register_withholds_small_numbers(processing: Any, plan: Path, tmp_path: Path) -> None:
    log = tmp_path / "audit.sqlite"
    record = publish(processing, plan, log)
    for smallest, missions in ((5, NULL), (0, 3)):
        given = {"LOG": str(log), "SMALLEST": smallest, "OUTPUT": "memory:"}
        answer = processing.run("patrolmissions:exportregister", given)
        (row,) = answer["OUTPUT"].getFeatures()
        assert (answer["PLANS"], answer["WITHHELD"]) == (1, int(smallest > 0))
        assert (row["missions"], row["plan_missions"]) == (missions, missions)
        assert (row["district"], row["shift"], row["hash"]) == ("West", "Evening", record["HASH"])
    with pytest.raises(QgsProcessingException, match="The fewest missions to tell are 1"):
        processing.run("patrolmissions:exportregister", {**given, "SMALLEST": 1})


@pytest.mark.parametrize(
    ("more", "sentence"),
    [
        ({"AUTHOR": ""}, "AUTHOR"),
        ({"AUTHOR": "  "}, "Nobody approves of the plan"),
        ({"APPROVAL": " "}, "without a word of approval"),
        ({"NEW_LOG": False}, "There is no audit log"),
        ({"PLAN": "absent.zip"}, "The plan absent.zip cannot be read"),
        ({"LOG": "postgresql://"}, "cannot be understood"),
    ],
)
def test_what_cannot_be_published_is_said(
    processing: Any, plan: Path, tmp_path: Path, feedback: Listener, more: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(QgsProcessingException) as refused:
        publish(processing, plan, tmp_path / "audit.sqlite", **more)
    assert sentence in str(refused.value)


def test_a_plan_is_published_once(processing: Any, plan: Path, tmp_path: Path) -> None:
    publish(processing, plan, tmp_path / "audit.sqlite")
    with pytest.raises(QgsProcessingException, match="published already: record 1, by Ana Ruiz"):
        publish(processing, plan, tmp_path / "audit.sqlite")


def test_places_are_paths_or_addresses() -> None:
    assert audit_inputs.place("") == ""
    assert audit_inputs.place("audit.sqlite") == str(Path("audit.sqlite").absolute())
    assert audit_inputs.place(" postgresql://host/police ") == "postgresql://host/police"
