"""What QGIS loads: the Processing provider and, in the desktop, the dock with its button; all undone in ``unload``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from qgis.core import QgsApplication
from qgis.PyQt import sip
from qgis.PyQt.QtCore import QCoreApplication, Qt
from qgis.PyQt.QtGui import QIcon
from qgis.PyQt.QtWidgets import QAction

from patrol_missions.gui import log, settings
from patrol_missions.processing_algorithms.provider import PatrolMissionsProvider

if TYPE_CHECKING:
    from qgis.gui import QgisInterface

    from patrol_missions.gui.dock import PatrolDock
    from patrol_missions.gui.why_tool import WhyTool

ICON = Path(__file__).parent / "resources" / "icons" / "patrol_missions.svg"
WHY_ICON = ICON.with_name("explainforecast.svg")


class PatrolMissionsPlugin:
    """The plugin as QGIS knows it.

    ``qgis_process`` calls :meth:`initProcessing` alone, with no interface; the desktop calls :meth:`initGui`.
    """

    def __init__(self, iface: QgisInterface | None) -> None:
        self.iface = iface
        self._provider: PatrolMissionsProvider | None = None
        self._handler: log.QgisLogHandler | None = None
        self._action: QAction | None = None
        self._why_action: QAction | None = None
        self.dock: PatrolDock | None = None
        self.why: WhyTool | None = None

    def initProcessing(self) -> None:  # noqa: N802 - QGIS's name
        """Offer the algorithms."""
        if self._handler is None:
            self._handler = log.install()
        if self._provider is None:
            self._provider = PatrolMissionsProvider()
            QgsApplication.processingRegistry().addProvider(self._provider)

    def initGui(self) -> None:  # noqa: N802 - QGIS's name
        """Offer the algorithms, the button and the dock."""
        self.initProcessing()
        if self.iface is None:
            return
        from patrol_missions.gui.dock import PatrolDock

        self.dock = PatrolDock(self.iface)
        self.iface.addDockWidget(Qt.DockWidgetArea.RightDockWidgetArea, self.dock)
        self.dock.setUserVisible(False)

        self._action = QAction(QIcon(str(ICON)), self.tr("Patrol Missions"), self.iface.mainWindow())
        self._action.setObjectName("patrolMissionsAction")
        self._action.setToolTip(self.tr("Show or hide the Patrol Missions panel"))
        self.dock.setToggleVisibilityAction(self._action)
        self.iface.addToolBarIcon(self._action)
        # not addPluginToMenu: a submenu for one entry, and QGIS leaves the empty submenu behind
        self.iface.pluginMenu().addAction(self._action)
        self._offer_why()
        if not settings.WELCOMED.get():
            settings.WELCOMED.set(True)
            self.dock.setUserVisible(True)
            if self.iface.mainWindow().isVisible():
                self.dock.widen()
            else:  # at start-up the window is laid out later
                self.iface.initializationCompleted.connect(self.dock.widen)

    def _offer_why(self) -> None:
        """The map tool that tells why a cell is forecast as it is."""
        from patrol_missions.gui.why_tool import WhyTool

        self._why_action = QAction(QIcon(str(WHY_ICON)), self.tr("Why here?"), self.iface.mainWindow())
        self._why_action.setObjectName("patrolMissionsWhyAction")
        self._why_action.setToolTip(self.tr("Click a cell of the risk map to learn why it is forecast as it is"))
        self.why = WhyTool(self.iface, self.dock.state, self._why_action, self.dock)
        self.iface.addToolBarIcon(self._why_action)
        self.iface.pluginMenu().addAction(self._why_action)

    def unload(self) -> None:
        """Take back everything, so that the plugin can be loaded again."""
        if self.why is not None:  # before the dock, whose state it reads
            self.why.tear_down()
            sip.delete(self.why)
            self.why = None
        for action in (self._action, self._why_action):
            if action is not None:
                self.iface.pluginMenu().removeAction(action)
                self.iface.removeToolBarIcon(action)
                action.deleteLater()
        self._action = self._why_action = None
        if self.dock is not None:
            self.dock.tear_down()
            self.iface.removeDockWidget(self.dock)
            # at once: until a later deletion, its widgets would still answer signals while Python forgets their slots
            sip.delete(self.dock)
            self.dock = None
        if self._provider is not None:
            QgsApplication.processingRegistry().removeProvider(self._provider)
            self._provider = None
        if self._handler is not None:
            log.remove(self._handler)
            self._handler = None

    @staticmethod
    def tr(text: str) -> str:
        """The text in the user's language."""
        return QCoreApplication.translate("PatrolMissionsPlugin", text)
