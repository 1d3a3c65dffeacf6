"""The runner: one algorithm after another in the background, one progress, one cancel, one sentence when it fails."""

from __future__ import annotations

import gc
import time
import weakref
from typing import ClassVar

import pytest
from qgis.core import (
    QgsApplication,
    QgsProcessingAlgorithm,
    QgsProcessingException,
    QgsProcessingParameterNumber,
    QgsProcessingProvider,
    QgsTask,
)
from qgis.PyQt import sip
from qgis.PyQt.QtCore import QCoreApplication, QEvent, QEventLoop, QTimer

from patrol_missions.gui import runner as runner_module
from patrol_missions.gui.recipes import Files
from patrol_missions.gui.runner import Runner, Step


class Waits(QgsProcessingAlgorithm):
    """Runs for the given time unless it is cancelled; below zero it fails."""

    NAME = "waits"

    def name(self):
        return self.NAME

    displayName = name  # noqa: N815

    def createInstance(self):  # noqa: N802
        return type(self)()

    def initAlgorithm(self, configuration=None):  # noqa: N802
        self.addParameter(QgsProcessingParameterNumber("SECONDS", "Seconds", QgsProcessingParameterNumber.Type.Double))

    def processAlgorithm(self, parameters, context, feedback):  # noqa: N802
        seconds = self.parameterAsDouble(parameters, "SECONDS", context)
        if seconds < 0:
            feedback.pushDebugInfo("Traceback: the gory details")
            raise QgsProcessingException("Time does not run backwards.")
        feedback.setProgressText("Waiting")
        feedback.pushInfo("begun")
        end = time.monotonic() + seconds
        while time.monotonic() < end and not feedback.isCanceled():
            feedback.setProgress(100 * (1 - (end - time.monotonic()) / seconds))
            time.sleep(0.01)
        return {"WAITED": seconds}


class Deaf(Waits):
    """Does not hear a cancel: it is deep in something long."""

    NAME = "deaf"
    ends: ClassVar = []

    def processAlgorithm(self, parameters, context, feedback):  # noqa: N802
        feedback.pushInfo("begun")
        end = time.monotonic() + self.parameterAsDouble(parameters, "SECONDS", context)
        while time.monotonic() < end:
            time.sleep(0.01)
        Deaf.ends.append(
            (sip.isdeleted(feedback), feedback.isCanceled(), self.parameterAsString({}, "SECONDS", context))
        )
        feedback.pushInfo("at last")
        return {}


class Crashes(Waits):
    NAME = "crashes"

    def processAlgorithm(self, parameters, context, feedback):  # noqa: N802
        raise ZeroDivisionError("a defect")


class Unable(Waits):
    NAME = "unable"

    def canExecute(self):  # noqa: N802
        return False, "The engine is not set up."


class _Provider(QgsProcessingProvider):
    def id(self):
        return "patroltests"

    def name(self):
        return "Tests"

    def loadAlgorithms(self):  # noqa: N802
        for algorithm in (Waits, Deaf, Crashes, Unable):
            self.addAlgorithm(algorithm())


@pytest.fixture(scope="module")
def provider(processing):
    provider = _Provider()
    QgsApplication.processingRegistry().addProvider(provider)
    yield provider
    QgsApplication.processingRegistry().removeProvider(provider)


class Heard:
    """Everything that a runner says, in order."""

    def __init__(self, runner):
        self.ends, self.progress, self.said, self.done = [], [], [], []
        runner.succeeded.connect(lambda title, keys: self.ends.append(("succeeded", title)))
        runner.failed.connect(lambda title, sentence: self.ends.append(("failed", sentence)))
        runner.canceled.connect(lambda title: self.ends.append(("canceled", title)))
        runner.progressed.connect(lambda percent, text: self.progress.append((percent, text)))
        runner.said.connect(lambda kind, text: self.said.append((kind, text)))
        runner.step_done.connect(self.done.append)

    def wait(self, what=lambda heard: heard.ends, seconds=15):
        loop = QEventLoop()
        timer = QTimer()
        timer.timeout.connect(lambda: what(self) and loop.quit())
        timer.start(5)
        QTimer.singleShot(seconds * 1000, loop.quit)
        loop.exec()
        timer.stop()
        assert what(self), (self.ends, self.said)


@pytest.fixture
def runner(provider, project):
    runner = Runner(project)
    yield runner
    runner.tear_down()
    QCoreApplication.processEvents()


@pytest.fixture
def heard(runner):
    return Heard(runner)


def waits(seconds, key="wait", algorithm="waits", weight=1.0):
    return Step(key, f"patroltests:{algorithm}", f"Wait {key}", lambda: {"SECONDS": seconds}, {}, weight)


def test_steps_run_in_order_with_one_progress_by_weight(runner, heard):
    runner.run("A run", [waits(0.1, "one", weight=3.0), waits(0.1, "two", weight=1.0)])
    assert runner.busy()
    heard.wait()
    assert heard.ends == [("succeeded", "A run")]
    assert [done.step.key for done in heard.done] == ["one", "two"]
    assert heard.done[0].values == {"WAITED": 0.1}
    percents = [percent for percent, _ in heard.progress]
    assert percents == sorted(percents)
    assert max(percents) <= 100.0
    assert any(percent == pytest.approx(75.0) for percent in percents), "the second step begins at its weight"
    assert ("info", "begun") in heard.said
    assert ("step", "Waiting") in heard.said
    assert "Waiting" in [text for _, text in heard.progress], "a new step is shown before its first progress"
    assert not runner.busy()


def test_parameters_are_asked_when_the_turn_comes(runner, heard):
    asked = []

    def second():
        asked.append([done.step.key for done in heard.done])
        return {"SECONDS": 0.01}

    runner.run("A run", [waits(0.01, "one"), Step("two", "patroltests:waits", "Two", second)])
    heard.wait()
    assert asked == [["one"]]


def test_a_second_run_waits_its_turn(runner, heard):
    runner.run("First", [waits(0.2)])
    runner.run("Second", [waits(0.01)])
    heard.wait()
    assert heard.ends == [("succeeded", "First")]


def test_cancel_stops_at_once_and_leaves_the_rest_undone(runner, heard):
    runner.run("Long", [waits(30, "one"), waits(30, "two")])
    heard.wait(lambda h: ("info", "begun") in h.said)
    began = time.monotonic()
    runner.cancel()
    heard.wait()
    assert time.monotonic() - began < 1.0
    assert heard.ends == [("canceled", "Long")]
    assert heard.done == []
    assert not runner.busy()


@pytest.mark.parametrize(
    ("algorithm", "seconds", "sentence"),
    [("waits", -1.0, "Time does not run backwards."), ("unable", 1.0, "The engine is not set up."),
     ("missing", 1.0, "is not there"), ("crashes", 1.0, "a defect")],
)  # fmt: skip
def test_a_failure_ends_the_run_with_one_sentence(runner, heard, algorithm, seconds, sentence):
    runner.run("Bad", [waits(seconds, algorithm=algorithm), waits(0.01, "never")])
    heard.wait()
    ((end, text),) = heard.ends
    assert end == "failed"
    assert sentence in text
    assert "Traceback" not in text
    assert heard.done == []


def test_missing_parameters_are_a_sentence(runner, heard):
    runner.run("Bad", [Step("one", "patroltests:waits", "One", dict)])
    heard.wait()
    assert heard.ends[0][0] == "failed"
    assert "SECONDS" in heard.ends[0][1]


def test_layers_are_handed_over_and_written_again(runner, heard, project, tmp_path):
    """The second run replaces a table of a GeoPackage that the project has open."""
    files = Files(tmp_path / "it's “here”.gpkg")

    def grid(size):
        return {
            "TYPE": 2, "EXTENT": "0,1000,0,1000 [EPSG:32618]", "HSPACING": size, "VSPACING": size, "CRS": "EPSG:32618",
            "OUTPUT": files.table("grid", project),
        }  # fmt: skip

    def step(size):
        return Step("grid", "native:creategrid", "Grid", lambda: grid(size), {"OUTPUT": "grid"})

    runner.run("Grid", [step(100)])
    heard.wait()
    first = heard.done[0].layers["grid"]
    project.addMapLayer(first)
    assert len(list(first.getFeatures())) == 100
    runner.run("Grid", [step(200)])
    heard.wait(lambda h: len(h.ends) == 2)
    assert heard.ends[1] == ("succeeded", "Grid"), heard.ends
    second = heard.done[1].layers["grid"]
    assert len(list(second.getFeatures())) == 25


def test_stopping_waits_for_the_task_and_may_be_asked_twice(runner, heard):
    runner.run("Long", [waits(30)])
    heard.wait(lambda h: ("info", "begun") in h.said)
    (task,) = QgsApplication.taskManager().activeTasks()
    runner.stop()
    assert task.status() in (QgsTask.TaskStatus.Complete, QgsTask.TaskStatus.Terminated)
    runner.stop()
    heard.wait(lambda h: h.ends)
    assert heard.ends == [("canceled", "Long")]
    assert not runner.busy()


def test_tearing_down_waits_for_the_task(provider, project):
    runner = Runner(project)
    heard = Heard(runner)
    runner.run("Long", [waits(30)])
    heard.wait(lambda h: ("info", "begun") in h.said)
    runner.tear_down()
    assert QgsApplication.taskManager().countActiveTasks() <= 1  # stopped, its last signal may still be on its way
    began = time.monotonic()
    while QgsApplication.taskManager().countActiveTasks() and time.monotonic() - began < 5:
        QCoreApplication.processEvents()
    assert QgsApplication.taskManager().countActiveTasks() == 0
    assert heard.ends == [], "a torn-down runner says nothing more"


def test_a_task_that_does_not_hear_is_left_to_itself_with_all_it_needs(provider, project, monkeypatch):
    """As when the plugin is unloaded while something long goes on: the runner goes, what the task talks to stays."""
    monkeypatch.setattr(runner_module, "_PATIENCE_MS", 50)
    runner = Runner(project)
    heard = Heard(runner)
    runner.run("Long", [waits(1.0, algorithm="deaf")])
    heard.wait(lambda h: ("info", "begun") in h.said)
    feedback, context = weakref.ref(runner._feedback), weakref.ref(runner._context_now)
    began = time.monotonic()
    runner.tear_down()
    assert time.monotonic() - began < 0.5
    sip.delete(runner)
    del runner, heard
    gc.collect()
    assert feedback() is not None
    assert context() is not None
    while QgsApplication.taskManager().countActiveTasks() and time.monotonic() - began < 5:
        QCoreApplication.processEvents()
    assert Deaf.ends == [(False, True, "")]
    while feedback() is not None and time.monotonic() - began < 5:
        QCoreApplication.processEvents()
        QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
        gc.collect()
    assert feedback() is None, "nothing of it stays"
