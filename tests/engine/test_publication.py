"""Publishing plans: what a record holds, what is refused, plans made again from the log, whole after any death."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from killing import END
from missions_forecast import LABELS, forecast

from patrol_missions.core.errors import InputError
from patrol_missions.core.jobs import JobResult
from patrol_missions.core.tables import Table
from patrol_missions.engine.context import JobContext
from patrol_missions.engine.jobs import find
from patrol_missions.engine.missions.audit_store import open_log
from patrol_missions.engine.missions.plan_file import PlanFile

PROCESS = Path(__file__).with_name("publication_process.py")
TIMES = int(os.environ.get("PATROL_KILLED_TIMES", "20"))
"""How often the process that publishes is killed."""


def overrides(table: Table) -> Table:
    at = {"col": table["col"][[3]], "row": table["row"][[3]]}
    made = Table({**at, "to_col": at["col"], "to_row": at["row"]})
    for name, text in (("kind", "add"), ("reason", "Street fair"), ("author", "Bo")):
        made = made.with_text(name, [text])
    return made


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A plan file with an override."""
    folder = tmp_path_factory.mktemp("plan")
    table = forecast()
    given = {"time_zone": "America/New_York", "labels": LABELS, "seed": 7}
    job = find("allocate_missions")
    job(given, {"forecast": table, "overrides": overrides(table)}, JobContext(folder, lambda _: None))
    return folder / "plan.zip"


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "audit.sqlite"


def do(name: str, **parameters: Any) -> JobResult:
    given = {key: str(value) if isinstance(value, Path) else value for key, value in parameters.items()}
    return find(name)(given, {}, JobContext(Path(), lambda _: None))


def publish(plan: Path, log: Path, **more: Any) -> JobResult:
    given = {"author": "Ana Ruiz", "approval": "Fair and within limits", "new": True, **more}
    return do("publish_plan", plan=plan, log=log, **given)


def test_a_record_tells_what_a_plan_was_made_of(made: Path, log: Path, tmp_path: Path) -> None:
    model = tmp_path / "model.zip"
    model.write_bytes(b"a model")
    answer = publish(made, log, model=model).values
    plan = PlanFile.unpack(made.read_bytes(), made.name)
    with open_log(log) as opened:
        record = opened.record(1)
        assert (answer["number"], answer["hash"], answer["at"]) == (1, record.hash, record.at)
        assert opened.attachment(record.attachments["plan.zip"]) == made.read_bytes()
        assert opened.verify() == []
    content = record.content
    assert (record.kind, record.author) == ("plan", "Ana Ruiz")
    assert content["approval"] == "Fair and within limits"
    assert content["settings"]["seed"] == 7
    assert content["model"] == {"name": "model.zip", "sha256": hashlib.sha256(b"a model").hexdigest()}
    assert sorted(content["inputs"]) == ["forecast", "overrides"]
    assert content["weights"] == plan.values["weights"]
    assert [each["reason"] for each in content["overrides"]] == ["Street fair"]
    assert content["figures"]["missions"] == answer["missions"] == len(plan.results["missions"])
    assert sum(each["missions"] for each in content["districts"]) == answer["missions"]
    assert content["districts"][0]["shift_date"] == "2020-01-03T00:00:00Z"
    assert content["versions"] == plan.versions


def test_a_plan_is_published_once(made: Path, log: Path, tmp_path: Path) -> None:
    publish(made, log)
    plan = PlanFile.unpack(made.read_bytes(), made.name)
    again = tmp_path / "again.zip"  # the same plan, as other versions would have kept it
    again.write_bytes(replace(plan, versions={**plan.versions, "scipy": "0"}).pack())
    for each in (made, again):
        with pytest.raises(InputError, match="published already: record 1, by Ana Ruiz"):
            publish(each, log, author="Bo")


@pytest.mark.parametrize("missing", ["author", "approval"])
def test_a_plan_is_a_persons_act(made: Path, log: Path, missing: str) -> None:
    with pytest.raises(InputError, match=r"Nobody approves|without a word of approval"):
        publish(made, log, **{missing: "  "})
    with open_log(log) as opened:
        assert opened.records() == ()


def test_a_log_is_made_when_asked_for_alone(made: Path, log: Path) -> None:
    with pytest.raises(InputError, match="There is no audit log"):
        publish(made, log, new=False)
    assert not log.exists()


def test_a_damaged_plan_is_refused(made: Path, log: Path, tmp_path: Path) -> None:
    data = bytearray(made.read_bytes())
    data[len(data) // 2] ^= 1
    (tmp_path / "bad.zip").write_bytes(data)
    with pytest.raises(InputError, match="is damaged"):
        publish(tmp_path / "bad.zip", log)
    with pytest.raises(InputError, match="cannot be read"):
        publish(tmp_path / "none.zip", log)
    assert not log.exists()


def edited(made: Path, folder: Path) -> Path:
    """A sealed file whose result is not what its request gives."""
    plan = PlanFile.unpack(made.read_bytes(), made.name)
    missions = plan.results["missions"]
    columns = {**missions.columns, "col": missions["col"] + np.ones(1, dtype=missions["col"].dtype)}
    forged = replace(plan, results={**plan.results, "missions": Table(columns, missions.labels)})
    (folder / "forged.zip").write_bytes(forged.pack())
    return folder / "forged.zip"


def test_a_plan_that_does_not_follow_from_its_request_is_refused(made: Path, log: Path, tmp_path: Path) -> None:
    forged = edited(made, tmp_path)
    with pytest.raises(InputError, match="made again is not the plan in the file: “col” of the table “missions”"):
        publish(forged, log)
    assert not log.exists()
    assert publish(forged, log, replay=False).values["number"] == 1


def test_plans_are_made_again(made: Path, log: Path, tmp_path: Path) -> None:
    publish(made, log)
    publish(edited(made, tmp_path), log, replay=False)
    for given in ({"plan": made}, {"log": log, "number": 1}):
        answer = do("replay_plan", **given)
        assert answer.values["identical"]
        assert answer.values["versions"] == []
        assert len(answer.tables["differences"]) == 0
    answer = do("replay_plan", log=log, number=2)
    assert not answer.values["identical"]
    assert "“col” of the table “missions”" in answer.tables["differences"].text("what")[0]
    with pytest.raises(InputError, match="has no record 3"):
        do("replay_plan", log=log, number=3)
    for unclear in ({}, {"log": log}, {"plan": made, "log": log, "number": 1}):
        with pytest.raises(InputError, match="not clear which plan is meant"):
            do("replay_plan", **unclear)


def test_a_log_is_verified(made: Path, log: Path, tmp_path: Path) -> None:
    record = publish(made, log).values
    shutil.copy(log, tmp_path / "copy.sqlite")
    publish(edited(made, tmp_path), log, replay=False)
    answer = do("verify_audit", log=log, number=1, hash=record["hash"].upper(), copy=tmp_path / "copy.sqlite")
    assert answer.values["sound"]
    assert answer.values["records"] == 2
    assert answer.values["sentence"].startswith("The audit log is sound: 2 records")
    answer = do("verify_audit", log=log, number=1, hash="0" * 64)
    assert answer.tables["findings"].text("what")[0] == "Record 1 is not the one that was witnessed elsewhere."
    assert not answer.values["sound"]
    answer = do("verify_audit", log=tmp_path / "copy.sqlite", number=2, hash="0" * 64)
    assert "its end was cut off" in answer.values["sentence"]
    with pytest.raises(InputError, match="number or hash is missing"):
        do("verify_audit", log=log, number=1)


def test_another_log_is_no_copy(made: Path, log: Path, tmp_path: Path) -> None:
    publish(made, log)
    publish(made, tmp_path / "other.sqlite")
    answer = do("verify_audit", log=log, copy=tmp_path / "other.sqlite")
    assert answer.tables["findings"]["number"].tolist() == [0]
    assert "began apart" in answer.values["sentence"]


def test_an_empty_log_is_sound(log: Path) -> None:
    with open_log(log, create=True):
        pass
    assert do("verify_audit", log=log).values["sentence"] == "The audit log is sound, and empty."


def run(stage: Path, *arguments: object) -> subprocess.Popen[str]:
    environment = {**os.environ, "PATROL_STAGE": str(stage)}
    command = [sys.executable, str(PROCESS), *map(str, arguments)]
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)


def test_of_two_who_publish_the_same_plan_one_does(made: Path, log: Path, stage: Path) -> None:
    with open_log(log, create=True):
        pass
    said = [each.communicate(timeout=60)[0] for each in [run(stage, "publish", log, made, name) for name in "AB"]]
    refused = [words for words in said if words.startswith("refused: ")]
    assert len(refused) == 1
    assert "published already" in refused[0] or "Somebody published meanwhile" in refused[0]
    with open_log(log) as opened:
        assert len(opened.records()) == 1
        assert opened.verify() == []


def test_whoever_dies_while_publishing_leaves_whole_records(made: Path, log: Path, stage: Path) -> None:
    with open_log(log, create=True):
        pass
    process = run(stage, "killed", log, made, TIMES, 20260301)
    lives = process.communicate(timeout=300)[0].split(END)[:-1]
    assert process.returncode == 0
    assert len(lives) == TIMES
    with open_log(log) as opened:
        assert opened.verify() == []
        records = opened.records()
        for life, words in enumerate(lives):
            reported = [line.split() for line in words.splitlines()]
            mine = [[str(record.number), record.hash] for record in records if record.author == f"life {life}"]
            assert mine[: len(reported)] == reported
            assert len(mine) <= len(reported) + 1, "one at most was written and not yet reported"
        for record in records:
            PlanFile.unpack(opened.attachment(record.attachments["plan.zip"]), "plan")
    assert len(records) > TIMES // 4
