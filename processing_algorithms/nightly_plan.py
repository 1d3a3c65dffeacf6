"""Nightly plan: the model that runs check, forecast and allocate in one go, offered beside the algorithms."""

from __future__ import annotations

from pathlib import Path

from qgis.core import QgsProcessingModelAlgorithm
from qgis.PyQt.QtCore import QCoreApplication
from qgis.PyQt.QtGui import QIcon

from patrol_missions.bridge import environment
from patrol_missions.processing_algorithms.base import DOCUMENTATION, RESOURCES

MODEL = RESOURCES / "models" / "nightly_plan.model3"


def tr(text: str) -> str:
    """The text in the user's language."""
    return QCoreApplication.translate("NightlyPlanAlgorithm", text)


class NightlyPlanAlgorithm(QgsProcessingModelAlgorithm):
    """A model file as an algorithm of our provider: with an id, an icon and the engine's sentence.

    Its steps are found in the registry when the file is read, so the provider must be registered by then.
    """

    def __init__(self, file: Path = MODEL) -> None:
        super().__init__()
        self._file = file
        self.fromFile(str(file))
        self.setSourceFilePath(str(file))

    def createInstance(self) -> NightlyPlanAlgorithm:  # noqa: N802 - QGIS's name
        """A fresh one from the same file."""
        made = type(self)(self._file)
        made.setProvider(self.provider())
        return made

    def name(self) -> str:
        """The algorithm's id."""
        return "nightlyplan"

    def displayName(self) -> str:  # noqa: N802 - QGIS's name
        """The algorithm's name for people."""
        return tr("Nightly plan")

    def shortDescription(self) -> str:  # noqa: N802 - QGIS's name
        """One line on what it does."""
        return tr("Checks the incidents, forecasts the risk and allocates the missions in one run.")

    def group(self) -> str:
        """The task it belongs to, for people."""
        return QCoreApplication.translate("PatrolAlgorithm", "Missions")

    def groupId(self) -> str:  # noqa: N802 - QGIS's name
        """The task it belongs to, for ever."""
        return "missions"

    def tags(self) -> list[str]:
        """Words that find it."""
        return tr("nightly,plan,model,chain,batch,schedule,missions,forecast,check").split(",")

    def svgIconPath(self) -> str:  # noqa: N802 - QGIS's name
        """File of the icon."""
        return str(RESOURCES / "icons" / "nightlyplan.svg")

    def icon(self) -> QIcon:
        """The icon."""
        return QIcon(self.svgIconPath())

    def helpUrl(self) -> str:  # noqa: N802 - QGIS's name
        """Its page."""
        return f"{DOCUMENTATION}#nightlyplan"

    def canExecute(self) -> tuple[bool, str]:  # noqa: N802 - QGIS's name
        """Whether its steps are there and the engine that they need."""
        fine, sentence = super().canExecute()
        return environment.can_execute() if fine else (fine, sentence)
