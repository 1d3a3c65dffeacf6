"""The plugin in a real QGIS window, driven by clicks."""

from __future__ import annotations

from pathlib import Path

import desktop
import pytest

pytestmark = pytest.mark.skipif(bool(desktop.missing()), reason=desktop.missing() or "never")


@pytest.fixture
def play(tmp_path, stage, engine_python):
    """Play a scenario with the engine at hand."""

    def start(scenario: str, seconds: float, **options: object) -> desktop.Played:
        return desktop.play(scenario, tmp_path, stage, seconds, **options)

    return start


@pytest.fixture
def engine_python(monkeypatch):
    """A Python with the engine's packages."""
    import os

    path = os.environ.get("PATROL_ENGINE_PYTHON", "")
    if not Path(path).is_file():
        pytest.skip("ENGINE ABSENT: set PATROL_ENGINE_PYTHON to a Python with the engine's packages.")
    return path


def test_first_plan(play):
    played = play("first_plan", 240)
    assert not played.errors(), "\n".join(played.errors())
    assert len(played.steps) == played.planned > 10
    assert played.tracebacks == []
    assert [line for line in played.log if "Traceback" in line] == []
    assert played.exit_code == 0, played.output[-3000:]


def test_why_here(play):
    played = play("why_here", 240)
    assert not played.errors(), "\n".join(played.errors())
    assert len(played.steps) == played.planned > 6
    assert played.tracebacks == []
    assert played.exit_code == 0, played.output[-3000:]


def test_overrides(play):
    played = play("overrides", 240)
    assert not played.errors(), "\n".join(played.errors())
    assert len(played.steps) == played.planned > 6
    assert played.tracebacks == []
    assert played.exit_code == 0, played.output[-3000:]


def test_weights(play):
    played = play("weights", 240)
    assert not played.errors(), "\n".join(played.errors())
    assert len(played.steps) == played.planned > 6
    assert played.tracebacks == []
    assert played.exit_code == 0, played.output[-3000:]


def test_live(play):
    played = play("live", 300)
    assert not played.errors(), "\n".join(played.errors())
    assert len(played.steps) == played.planned > 5
    assert played.tracebacks == []
    assert played.exit_code == 0, played.output[-3000:]


def test_own_data(play):
    played = play("own_data", 150)
    assert not played.errors(), "\n".join(played.errors())
    assert len(played.steps) == played.planned > 4
    assert played.tracebacks == []
    assert played.exit_code == 0, played.output[-3000:]


def test_newcomer(play):
    played = play("newcomer", 240)
    assert not played.errors(), "\n".join(played.errors())
    assert len(played.steps) == played.planned > 6
    assert played.tracebacks == []
    assert played.exit_code == 0, played.output[-3000:]
