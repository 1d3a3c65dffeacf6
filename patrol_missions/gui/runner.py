"""Runs Processing algorithms one after another in the background, with one progress, one cancel and one log."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from qgis.core import (
    QgsApplication,
    QgsProcessingAlgorithm,
    QgsProcessingAlgRunnerTask,
    QgsProcessingContext,
    QgsProcessingFeedback,
    QgsProject,
    QgsVectorLayer,
)
from qgis.PyQt.QtCore import QObject, pyqtSignal

from patrol_missions.core.errors import PatrolError
from patrol_missions.gui.layers import roles

LOGGER = logging.getLogger(__name__)

_PATIENCE_MS = 5000
"""How long unloading the plugin or opening another project waits for a cancelled task; then it is left to itself."""


@dataclass(frozen=True)
class Step:
    """One algorithm of a run.

    ``parameters`` is called when the step's turn comes, since it may need what earlier steps made. ``roles`` says
    which outputs are layers for the project, and in which role. ``weight`` is the step's share of the run's time.
    """

    key: str
    algorithm: str
    title: str
    parameters: Callable[[], dict[str, Any]]
    roles: Mapping[str, str] = field(default_factory=dict)
    weight: float = 1.0


@dataclass(frozen=True)
class Done:
    """What a step gave: the algorithm's outputs, and its layers by role, not yet in the project."""

    step: Step
    values: Mapping[str, Any]
    layers: Mapping[str, QgsVectorLayer]


class RunFeedback(QgsProcessingFeedback):
    """Passes on what an algorithm says. Its methods are called in the task's thread, so they only emit."""

    said = pyqtSignal(str, str)  # kind ("step", "info", "warning", "error"), text

    def __init__(self) -> None:
        super().__init__(False)  # the runner logs under our own tag
        self.error = ""

    def setProgressText(self, text: str) -> None:  # noqa: N802 - QGIS's name
        """The step that the algorithm is at."""
        self.said.emit("step", text)

    def reportError(self, error: str, fatalError: bool = False) -> None:  # noqa: N802, N803 - QGIS's names
        """A problem; the last one is what stopped the algorithm."""
        self.error = error
        self.said.emit("error", error)

    def pushWarning(self, warning: str) -> None:  # noqa: N802 - QGIS's name
        """Something the user should know."""
        self.said.emit("warning", warning)

    def pushInfo(self, info: str) -> None:  # noqa: N802 - QGIS's name
        """A line for the log."""
        self.said.emit("info", info)

    def pushCommandInfo(self, info: str) -> None:  # noqa: N802 - QGIS's name
        """A command, for the log."""
        self.said.emit("info", info)

    def pushConsoleInfo(self, info: str) -> None:  # noqa: N802 - QGIS's name
        """What another program said, for the log."""
        self.said.emit("info", info)

    def pushDebugInfo(self, info: str) -> None:  # noqa: N802 - QGIS's name
        """Tracebacks and the like go to QGIS's log alone."""
        self.said.emit("debug", info)


class Runner(QObject):
    """One run at a time."""

    started = pyqtSignal(str)  # title of the run
    progressed = pyqtSignal(float, str)  # percent of the whole run, what is being done
    said = pyqtSignal(str, str)  # kind, text
    step_done = pyqtSignal(object)  # Done
    succeeded = pyqtSignal(str, list)  # title of the run, keys of its steps
    failed = pyqtSignal(str, str)  # title of the run, the sentence
    canceled = pyqtSignal(str)  # title of the run

    def __init__(self, project: QgsProject, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._project = project
        self._title = ""
        self._steps: list[Step] = []
        self._at = -1
        self._text = ""
        self._furthest = 0.0
        self._task: QgsProcessingAlgRunnerTask | None = None
        self._awaited = False

    def busy(self) -> bool:
        """Whether a run is under way."""
        return bool(self._steps)

    def run(self, title: str, steps: Sequence[Step]) -> None:
        """Start a run; while another is under way this does nothing, as its buttons are disabled."""
        if self.busy() or not steps:
            return
        self._title, self._steps, self._at, self._furthest = title, list(steps), -1, 0.0
        self.started.emit(title)
        self._next()

    def cancel(self) -> None:
        """Ask the task to stop; ``canceled`` follows when it has."""
        if self._task is not None:
            self._feedback.cancel()
            self._task.cancel()

    def stop(self) -> None:
        """Cancel and wait until the task is at rest and its files are closed; ``canceled`` follows later.

        A task that is deep in something long is not waited for any longer than the user would.
        """
        self.cancel()
        if self._task is not None and not self._awaited:
            self._awaited = True  # a task that is waited for a second time makes QGIS hang
            self._task.waitForFinished(_PATIENCE_MS)

    def tear_down(self) -> None:
        """Stop, so that no task says anything to what is being unloaded."""
        self.blockSignals(True)
        self.stop()

    # --- one step

    def _next(self) -> None:
        self._at += 1
        if self._at == len(self._steps):
            keys = [step.key for step in self._steps]
            self.succeeded.emit(self._end(), keys)
            return
        step = self._steps[self._at]
        self._text = step.title
        self._tell_progress(0.0)
        self.said.emit("title", step.title)
        try:
            self._start(step)
        except PatrolError as error:
            self._hear("error", str(error))
            self._fail(str(error))

    def _start(self, step: Step) -> None:
        algorithm = QgsApplication.processingRegistry().createAlgorithmById(step.algorithm)
        if algorithm is None:
            raise PatrolError(f"The algorithm {step.algorithm} is not there.", "Switch the Processing plugin on.")
        context, feedback = self._context(), RunFeedback()
        context.setFeedback(feedback)
        feedback.progressChanged.connect(self._tell_progress)
        feedback.said.connect(self._hear)
        parameters = step.parameters()
        for fine, sentence in _checks(algorithm, parameters, context):
            if not fine:
                raise PatrolError(sentence)
        task = QgsProcessingAlgRunnerTask(algorithm, parameters, context, feedback)
        task.setDescription(f"{self._title}: {step.title}")
        task.executed.connect(self._executed)
        # QGIS keeps references to these, not the objects. They must live as long as the task does, and it may outlive
        # us where it does not hear a cancel in time, so they are tied to the task itself.
        kept = (algorithm, parameters, context, feedback)
        task.executed.connect(lambda *_: kept)
        self._task, self._feedback, self._context_now = task, feedback, context
        self._awaited = False
        QgsApplication.taskManager().addTask(task)

    def _context(self) -> QgsProcessingContext:
        context = QgsProcessingContext()
        context.setProject(self._project)
        return context

    def _executed(self, successful: bool, results: dict[str, Any]) -> None:
        step, feedback, context = self._steps[self._at], self._feedback, self._context_now
        self._task = None
        if feedback.isCanceled():
            title = self._end()
            self.canceled.emit(title)
        elif not successful:
            self._fail(_sentence(feedback.error))
        else:
            try:
                done = Done(step, results, _take_layers(step, results, context, feedback))
            except PatrolError as error:
                self._fail(str(error))
                return
            self.step_done.emit(done)
            self._next()

    def _fail(self, sentence: str) -> None:
        title = self._end()
        self.failed.emit(title, sentence)

    def _end(self) -> str:
        title = self._title
        self._title, self._steps, self._task = "", [], None
        return title

    # --- what it says

    def _hear(self, kind: str, text: str) -> None:
        if kind == "step":
            self._text = text
            self.progressed.emit(self._furthest, text)
        else:
            LOGGER.log(_LEVELS.get(kind, logging.INFO), "%s", text)
        self.said.emit(kind, text)

    def _tell_progress(self, percent: float) -> None:
        total = sum(step.weight for step in self._steps) or 1.0
        before = sum(step.weight for step in self._steps[: self._at])
        share = self._steps[self._at].weight if self._at < len(self._steps) else 0.0
        # never backwards, even where an algorithm counts its parts one after another
        self._furthest = max(self._furthest, (before * 100.0 + share * min(percent, 100.0)) / total)
        self.progressed.emit(self._furthest, self._text)


_LEVELS = {"info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR, "debug": logging.INFO}


def _sentence(error: str) -> str:
    """What stopped an algorithm, without the traceback that QGIS gives where one raised something unforeseen."""
    lines = [line for line in error.splitlines() if line.strip()]
    if not lines:
        return "The step stopped without saying why; the log may tell."
    if lines[0].startswith("Traceback"):
        LOGGER.error("%s", error)
        return f"An unexpected error stopped the step ({lines[-1]}); the log has the details."
    return " ".join(lines)


def _checks(
    algorithm: QgsProcessingAlgorithm, parameters: dict[str, Any], context: QgsProcessingContext
) -> list[tuple[bool, str]]:
    able = algorithm.canExecute()
    return [able] if not able[0] else [algorithm.checkParameterValues(parameters, context)]


def _take_layers(
    step: Step, results: Mapping[str, Any], context: QgsProcessingContext, feedback: QgsProcessingFeedback
) -> dict[str, QgsVectorLayer]:
    """Open the layers a step wrote and have them styled."""
    details, titles = context.layersToLoadOnCompletion(), roles()
    layers: dict[str, QgsVectorLayer] = {}
    for output, role in step.roles.items():
        source = results.get(output)
        if not source:
            continue
        # one in memory comes with the answer, any other is in its file
        title = titles[role].title if role in titles else role
        layer = context.takeResultLayer(str(source)) or QgsVectorLayer(str(source), title, "ogr")
        if not layer.isValid():
            raise PatrolError(f"{step.title}: the result {source} cannot be opened.", "Look in the log.")
        styler = details[source].postProcessor() if source in details else None
        if styler is not None:
            styler.postProcessLayer(layer, context, feedback)
        layers[role] = layer
    return layers
