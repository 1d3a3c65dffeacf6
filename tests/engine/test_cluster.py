"""Tasks on a real Dask cluster of two worker processes: the same bytes as here; a sentence for all that is wrong."""

from __future__ import annotations

import operator
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from forecast_makers import Said, hot_city, train_parameters

from patrol_missions.core.errors import EngineError, InputError, WorkerError
from patrol_missions.core.jobs import Job, read_result, write_job
from patrol_missions.core.tables import Table
from patrol_missions.engine import cluster, cluster_jobs
from patrol_missions.engine.forecast import backtest_job, settings, train_job
from patrol_missions.engine.forecast.workers import Workers

pytest.importorskip(
    "distributed", reason="NO DASK: the tests on a cluster need the packages of requirements-cluster.lock"
)


@contextmanager
def running(*folders: Path) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """A cluster's address and process; its workers see no other folder of ours."""
    command = [sys.executable, "-I", str(Path(__file__).with_name("cluster_process.py")), *map(str, folders)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        yield process.stdout.readline().strip(), process
    finally:
        process.stdin.close()
        process.wait(30)


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory, stage: Path) -> Path:
    """A folder that holds the package as a worker has it installed, away from the stage."""
    folder = tmp_path_factory.mktemp("site")
    shutil.copytree(stage / "patrol_missions", folder / "patrol_missions", ignore=shutil.ignore_patterns("*.pyc"))
    return folder


@pytest.fixture(scope="module")
def scheduler(installed: Path) -> Iterator[str]:
    with running(installed) as (address, _):
        yield address


def refused(address: str) -> None:
    with cluster.reach(address):
        pytest.fail("The cluster was taken.")


def small(days: int = 300) -> dict[str, Table]:
    incidents, cells = hot_city()
    return {
        "incidents": incidents.take(incidents["start"] > incidents["start"].max() - np.timedelta64(days, "D")),
        "cells": cells,
    }


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with what training gives on this computer."""
    folder = tmp_path_factory.mktemp("here")
    result = train_job.run(train_parameters(), small(), Said(folder).context)
    assert result.values["categories"]["Theft"]["ships"] == "LightGBM", "trees must be in it for this to mean much"
    return folder


def test_training_gives_the_same_bytes_on_a_cluster(
    scheduler: str, here: Path, tmp_path: Path, monkeypatch: Any
) -> None:
    sent: list[Any] = []
    start = cluster.Cluster.start
    monkeypatch.setattr(cluster.Cluster, "start", lambda self, *given: sent.append(given) or start(self, *given))
    train_job.run(train_parameters(scheduler=scheduler), small(), Said(tmp_path).context)
    assert len(sent) >= 4, "two categories, before the backtest and after it"
    for file in ("model.zip", "model_card.html"):
        assert (tmp_path / file).read_bytes() == (here / file).read_bytes()


def test_moved_grids_are_tested_the_same_on_a_cluster(scheduler: str, tmp_path: Path) -> None:
    pages = []
    for name, more in (("here", {}), ("there", {"scheduler": scheduler})):
        folder = tmp_path / name
        folder.mkdir()
        given = train_parameters(weeks=26, refit_weeks=26, jitters=2, **more)
        backtest_job.run(given, small(400), Said(folder).context)
        pages.append((folder / "backtest.html").read_bytes())
    assert pages[0] == pages[1]


def test_without_an_address_there_is_no_cluster() -> None:
    for blank in (None, "", "  "):
        with cluster.reach(blank) as found:
            assert found is None


def test_tasks_answer_in_their_order_and_gaps_stay(scheduler: str) -> None:
    with cluster.reach(scheduler) as found:
        there = Workers(1, found).apart(lambda i: partial(operator.mul, 2, i) if i != 1 else None, 4)
    assert there == Workers(2).apart(lambda i: partial(operator.mul, 2, i) if i != 1 else None, 4) == [0, None, 4, 6]


def test_what_is_wrong_with_a_task_comes_back_as_its_sentence(scheduler: str) -> None:
    with cluster.reach(scheduler) as found, pytest.raises(InputError, match="reads “soon”") as caught:
        found.start(partial(settings.moment, "soon", "as-of time")).result()
    assert "Write it like" in caught.value.hint


@pytest.mark.parametrize("address", ["cluster", "http://host:8786", "tcp://host", "tcp://host:port", "host:8786"])
def test_what_is_no_address_is_told(address: str) -> None:
    with pytest.raises(InputError, match="is not the address of a scheduler"), cluster.reach(address):
        pass


def test_a_scheduler_that_does_not_answer_is_told_soon() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"tcp://127.0.0.1:{free.getsockname()[1]}"
    begin = time.monotonic()
    with pytest.raises(InputError, match="No scheduler answers at") as caught, cluster.reach(address):
        pass
    assert "blank" in caught.value.hint
    assert time.monotonic() - begin < 10


def test_workers_without_the_package_are_told() -> None:
    with running() as (address, _), pytest.raises(InputError, match="lacks Patrol Missions") as caught:
        refused(address)
    assert "Install the wheel" in caught.value.hint


def test_workers_with_other_code_are_told(installed: Path, tmp_path: Path) -> None:
    shutil.copytree(installed / "patrol_missions", tmp_path / "patrol_missions")
    with (tmp_path / "patrol_missions" / "engine" / "forecast" / "model.py").open("a") as file:
        file.write("# another build\n")
    with running(tmp_path) as (address, _), pytest.raises(InputError, match="has Patrol Missions"):
        refused(address)


@pytest.mark.parametrize(
    ("package", "version", "sentence"),
    [
        ("lightgbm", "1.0", r"has lightgbm 1\.0; this computer has"),
        ("python", "2.7.1", r"has python 2\.7\.1; this computer has"),
        ("scipy", None, r"has scipy \(none\); this computer has"),
        ("", None, "has no workers"),
    ],
)
def test_a_cluster_that_would_give_other_numbers_is_told(
    scheduler: str, monkeypatch: Any, package: str, version: str | None, sentence: str
) -> None:
    import distributed

    look_up = distributed.Client.get_versions

    def other(self: Any, **given: Any) -> Any:
        found = look_up(self, **given)
        for worker in found["workers"].values():
            worker["packages"][package] = version
        return found if package else {**found, "workers": {}}

    monkeypatch.setattr(distributed.Client, "get_versions", other)
    with pytest.raises(InputError, match=sentence), cluster.reach(scheduler):
        pass


def test_a_scheduler_lost_in_mid_run_is_told(installed: Path) -> None:
    with running(installed) as (address, process), cluster.reach(address) as found:
        pending = found.start(partial(time.sleep, 60))
        process.kill()
        with pytest.raises(WorkerError, match="lost in mid-run") as caught:
            pending.result()
    assert "blank" in caught.value.hint


def test_without_dask_the_sentence_says_what_to_install(monkeypatch: Any, scheduler: str) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(EngineError, match="cannot use a cluster") as caught, cluster.reach(scheduler):
        pass
    named = caught.value.hint.split('"')[-2]
    assert Path(named).is_file()
    assert "--hash" in Path(named).read_text(encoding="utf-8")


def test_jurisdictions_are_whole_jobs_and_one_that_fails_holds_up_no_other(
    scheduler: str, here: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tables = small()
    few = {**tables, "incidents": tables["incidents"].take(np.arange(5))}
    for name, given in (("north", tables), ("south", few)):
        (tmp_path / name).mkdir()
        write_job(tmp_path / name, Job("train_model", train_parameters(scheduler="tcp://elsewhere:1"), given))
    assert cluster_jobs.main([scheduler, str(tmp_path / "south"), str(tmp_path / "north")]) == 1
    result = read_result(tmp_path / "north")
    assert (tmp_path / "north" / result.files["model"]).read_bytes() == (here / "model.zip").read_bytes()
    assert not (tmp_path / "south" / "result.json").exists()
    said = capsys.readouterr().err
    assert "a model needs at least 20" in said
    assert f"{tmp_path / 'north'}: Done." in said
