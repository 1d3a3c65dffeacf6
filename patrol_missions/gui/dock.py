"""The panel at the side of the map: its pages, and what they share."""

from __future__ import annotations

from qgis.gui import QgisInterface, QgsDockWidget
from qgis.PyQt.QtWidgets import QStackedWidget


class PatrolDock(QgsDockWidget):
    """Holds the pages; the pages fill parameters, the runner runs them, the project's state tells what changed."""

    def __init__(self, iface: QgisInterface) -> None:
        super().__init__(iface.mainWindow())
        self.setObjectName("patrolMissionsDock")
        self.setWindowTitle(self.tr("Patrol Missions"))
        self._pages = QStackedWidget(self)
        self.setWidget(self._pages)

    def tear_down(self) -> None:
        """Let go of everything outside of this widget."""
