"""Set up engine: make, adopt, check or remove the Python environment that the statistics run in."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from qgis.core import (
    QgsProcessingContext,
    QgsProcessingFeedback,
    QgsProcessingOutputNumber,
    QgsProcessingOutputString,
    QgsProcessingParameterEnum,
    QgsProcessingParameterFile,
)

from patrol_missions.bridge.environment import INSTALLED_MB, VARIABLE, EngineEnvironment
from patrol_missions.bridge.setup import create
from patrol_missions.core.errors import EngineError
from patrol_missions.processing_algorithms.base import PatrolAlgorithm


class SetupEngineAlgorithm(PatrolAlgorithm):
    """The engine's environment, without which only the grid can be built."""

    NEEDS_ENGINE = False
    GROUP = "engine"

    ACTION = "ACTION"
    PYTHON = "PYTHON"
    ENGINE_PYTHON = "ENGINE_PYTHON"
    SIZE_MB = "SIZE_MB"

    CREATE, USE, CHECK, REMOVE = range(4)

    def name(self) -> str:
        """The algorithm's id."""
        return "setupengine"

    def displayName(self) -> str:  # noqa: N802 - QGIS's name
        """The algorithm's name for people."""
        return self.tr("Set up engine")

    def shortDescription(self) -> str:  # noqa: N802 - QGIS's name
        """One line on what it does."""
        return self.tr("Makes, adopts, checks or removes the private Python environment of the statistics.")

    def keywords(self) -> str:
        """Words that find it."""
        return self.tr("install,environment,python,pip,packages,engine,setup,remove,uninstall")

    def help_text(self) -> str:
        """What it does and gives."""
        return self.tr(
            "<p>The statistics run in a Python environment of their own, so that nothing is ever installed into QGIS's "
            "Python. This step makes it in the folder of your QGIS profile (about {size} MB, of which 150 MB are "
            "downloaded from pypi.org through QGIS's proxy), with the exact versions that the plugin was tested with, "
            "each checked by its hash.</p><p>It can be cancelled: the next run goes on where it stopped. Without "
            "access to the internet, take an existing Python 3.9 or newer that has the packages of the plugin's file "
            "requirements.txt.</p>"
        ).format(size=INSTALLED_MB)

    def initAlgorithm(self, configuration: dict[str, Any] | None = None) -> None:  # noqa: N802 - QGIS's name
        """Declare parameters and outputs."""
        actions = [
            self.tr("Create the private environment (or go on, or update it)"),
            self.tr("Use an existing Python"),
            self.tr("Check that the engine works"),
            self.tr("Remove the private environment"),
        ]
        self.add(
            QgsProcessingParameterEnum(self.ACTION, self.tr("Action"), actions, defaultValue=self.CREATE),
            self.tr("What to do. Removing also forgets a Python that was named before."),
        )
        self.add(
            # "All files (*.*)", the default, refuses names without a dot.
            QgsProcessingParameterFile(self.PYTHON, self.tr("Python"), optional=True, fileFilter="(*)"),
            self.tr(
                "The Python program (python.exe on Windows). To use an existing Python: the one to take. To create: "
                "the one to make the environment with, or empty for QGIS's own."
            ),
        )
        self.add_outputs(
            QgsProcessingOutputString(self.ENGINE_PYTHON, self.tr("The engine's Python")),
            QgsProcessingOutputNumber(self.SIZE_MB, self.tr("Size of the private environment (MB)")),
        )

    def problem(self, parameters: dict[str, Any], context: QgsProcessingContext) -> str:
        """An existing Python must be named, and exist."""
        action = self.parameterAsEnum(parameters, self.ACTION, context)
        python = self.parameterAsFile(parameters, self.PYTHON, context)
        if action == self.USE and not python:
            return self.tr("Name the Python to use.")
        if action in (self.CREATE, self.USE) and python and not Path(python).is_file():
            return self.tr("The Python {python} does not exist.").format(python=python)
        return ""

    def process(
        self, parameters: dict[str, Any], context: QgsProcessingContext, feedback: QgsProcessingFeedback
    ) -> dict[str, Any]:
        """Do it, and say which Python the engine has now."""
        engine = EngineEnvironment()
        action = self.parameterAsEnum(parameters, self.ACTION, context)
        named = self.parameterAsFile(parameters, self.PYTHON, context)
        python = Path(named) if named else None
        if action == self.CREATE:
            create(engine, feedback, python)
        elif action == self.USE and python is not None:
            engine.use(python, feedback)
        elif action == self.REMOVE:
            engine.remove()
            feedback.pushInfo(self.tr("The private environment is removed."))
        else:
            self._report(engine.check(feedback), feedback)
        if os.environ.get(VARIABLE):
            feedback.pushWarning(
                self.tr("The environment variable {name} is set: its Python is used whatever the settings say.").format(
                    name=VARIABLE
                )
            )
        try:
            in_use = str(engine.python())
        except EngineError:
            in_use = ""
        stamp = engine.stamp()
        return {self.ENGINE_PYTHON: in_use, self.SIZE_MB: stamp.size_mb if stamp else 0}

    def _report(self, answer: dict[str, Any], feedback: QgsProcessingFeedback) -> None:
        feedback.pushInfo(
            self.tr("Python {version}: {path}").format(version=answer["python"], path=answer["executable"])
        )
        for package, version in answer["packages"].items():
            feedback.pushInfo(f"{package} {version}")
        feedback.pushInfo(self.tr("The engine works."))
