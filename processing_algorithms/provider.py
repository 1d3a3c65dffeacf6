"""The provider: the explicit list of what Processing offers of ours."""

from __future__ import annotations

from qgis.core import QgsProcessingProvider
from qgis.PyQt.QtGui import QIcon

from patrol_missions.processing_algorithms.allocate_missions import AllocateMissionsAlgorithm
from patrol_missions.processing_algorithms.base import RESOURCES, PatrolAlgorithm
from patrol_missions.processing_algorithms.build_grid import BuildGridAlgorithm
from patrol_missions.processing_algorithms.check_incidents import CheckIncidentsAlgorithm
from patrol_missions.processing_algorithms.forecast_risk import ForecastRiskAlgorithm
from patrol_missions.processing_algorithms.train_model import TrainModelAlgorithm

ALGORITHMS: tuple[type[PatrolAlgorithm], ...] = (
    BuildGridAlgorithm,
    CheckIncidentsAlgorithm,
    TrainModelAlgorithm,
    ForecastRiskAlgorithm,
    AllocateMissionsAlgorithm,
)


class PatrolMissionsProvider(QgsProcessingProvider):
    """Algorithms and models under the id ``patrolmissions``."""

    def id(self) -> str:
        """The provider's id, for ever."""
        return "patrolmissions"

    def name(self) -> str:
        """The provider's name, for people."""
        return "Patrol Missions"

    def svgIconPath(self) -> str:  # noqa: N802 - QGIS's name
        """File of the icon."""
        return str(RESOURCES / "icons" / "patrol_missions.svg")

    def icon(self) -> QIcon:
        """The icon."""
        return QIcon(self.svgIconPath())

    def loadAlgorithms(self) -> None:  # noqa: N802 - QGIS's name
        """Add every algorithm."""
        for algorithm in ALGORITHMS:
            self.addAlgorithm(algorithm())
