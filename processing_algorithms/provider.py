"""The provider: the explicit list of what Processing offers of ours."""

from __future__ import annotations

from qgis.core import QgsApplication, QgsProcessingProvider
from qgis.PyQt.QtGui import QIcon

from patrol_missions.processing_algorithms.add_indicators import AddIndicatorsAlgorithm
from patrol_missions.processing_algorithms.allocate_missions import AllocateMissionsAlgorithm
from patrol_missions.processing_algorithms.backtest_model import BacktestModelAlgorithm
from patrol_missions.processing_algorithms.base import RESOURCES, PatrolAlgorithm
from patrol_missions.processing_algorithms.build_grid import BuildGridAlgorithm
from patrol_missions.processing_algorithms.capture_report import CaptureReportAlgorithm
from patrol_missions.processing_algorithms.check_incidents import CheckIncidentsAlgorithm
from patrol_missions.processing_algorithms.continue_log import ContinueLogAlgorithm
from patrol_missions.processing_algorithms.create_sample_city import CreateSampleCityAlgorithm
from patrol_missions.processing_algorithms.dose_map import DoseMapAlgorithm
from patrol_missions.processing_algorithms.explain_forecast import ExplainForecastAlgorithm
from patrol_missions.processing_algorithms.export_register import ExportRegisterAlgorithm
from patrol_missions.processing_algorithms.forecast_risk import ForecastRiskAlgorithm
from patrol_missions.processing_algorithms.import_tracks import ImportTracksAlgorithm
from patrol_missions.processing_algorithms.nightly_plan import NightlyPlanAlgorithm
from patrol_missions.processing_algorithms.publish_plan import PublishPlanAlgorithm
from patrol_missions.processing_algorithms.replay_plan import ReplayPlanAlgorithm
from patrol_missions.processing_algorithms.setup_engine import SetupEngineAlgorithm
from patrol_missions.processing_algorithms.shift_report import ShiftReportAlgorithm
from patrol_missions.processing_algorithms.trade_off import TradeOffAlgorithm
from patrol_missions.processing_algorithms.train_model import TrainModelAlgorithm
from patrol_missions.processing_algorithms.verify_audit import VerifyAuditAlgorithm

ALGORITHMS: tuple[type[PatrolAlgorithm], ...] = (
    SetupEngineAlgorithm,
    CreateSampleCityAlgorithm,
    BuildGridAlgorithm,
    AddIndicatorsAlgorithm,
    CheckIncidentsAlgorithm,
    ImportTracksAlgorithm,
    TrainModelAlgorithm,
    BacktestModelAlgorithm,
    ForecastRiskAlgorithm,
    ExplainForecastAlgorithm,
    AllocateMissionsAlgorithm,
    TradeOffAlgorithm,
    DoseMapAlgorithm,
    CaptureReportAlgorithm,
    ShiftReportAlgorithm,
    PublishPlanAlgorithm,
    ReplayPlanAlgorithm,
    VerifyAuditAlgorithm,
    ExportRegisterAlgorithm,
    ContinueLogAlgorithm,
)

_SHORT_NAMES = frozenset({"shp", "tab", "mif"})


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

    def supportedOutputVectorLayerExtensions(self) -> list[str]:  # noqa: N802 - QGIS's name
        """All that QGIS writes but the formats that cut field names short."""
        return [each for each in super().supportedOutputVectorLayerExtensions() if each not in _SHORT_NAMES]

    def load(self) -> bool:
        """Load, and listen for the moment when QGIS has registered the provider."""
        QgsApplication.processingRegistry().providerAdded.connect(self._complete)
        return super().load()

    def unload(self) -> None:
        """Stop listening."""
        registry = QgsApplication.processingRegistry()
        if registry is not None:  # when QGIS 3.44 ends, the registry goes before its providers
            registry.providerAdded.disconnect(self._complete)

    def loadAlgorithms(self) -> None:  # noqa: N802 - QGIS's name
        """Add every algorithm, and the models once their steps can be found in the registry."""
        for algorithm in ALGORITHMS:
            self.addAlgorithm(algorithm())
        if QgsApplication.processingRegistry().providerById(self.id()) is not None:
            self.addAlgorithm(NightlyPlanAlgorithm())

    def _complete(self, provider: str) -> None:
        if provider == self.id():
            self.refreshAlgorithms()
