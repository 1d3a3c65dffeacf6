"""The map tool “Why here?”: a click on the map picks the forecast's cell and opens its panel."""

from __future__ import annotations

from qgis.core import QgsCoordinateTransform, QgsCsException, QgsPointXY, QgsProject, QgsWkbTypes
from qgis.gui import QgisInterface, QgsMapToolEmitPoint, QgsRubberBand
from qgis.PyQt import sip
from qgis.PyQt.QtCore import QObject, Qt
from qgis.PyQt.QtGui import QColor, QPalette
from qgis.PyQt.QtWidgets import QAction, QDockWidget

from patrol_missions.gui.project_state import ProjectState
from patrol_missions.gui.why_facts import Cell, find_cell
from patrol_missions.gui.why_panel import WhyPanel


class WhyTool(QObject):
    """Ties the button, the map and the panel together; all of it is taken back in :meth:`tear_down`.

    :param beside: the dock with which the panel shares its place
    """

    def __init__(self, iface: QgisInterface, state: ProjectState, action: QAction, beside: QDockWidget) -> None:
        super().__init__(iface.mainWindow())
        self._iface, self._state, self._beside, self._canvas = iface, state, beside, iface.mapCanvas()
        self.panel = WhyPanel(state, iface.mainWindow())
        iface.addDockWidget(Qt.DockWidgetArea.RightDockWidgetArea, self.panel)
        self.panel.hide()  # setUserVisible does nothing while the window is not shown yet
        self._band = QgsRubberBand(self._canvas, QgsWkbTypes.GeometryType.PolygonGeometry)
        self._band.setWidth(3)
        self.tool = QgsMapToolEmitPoint(self._canvas)
        action.setCheckable(True)
        self.tool.setAction(action)
        self.tool.setCursor(Qt.CursorShape.WhatsThisCursor)
        self.tool.canvasClicked.connect(self._clicked)
        self.panel.visibilityChanged.connect(self._seen)
        action.triggered.connect(self._start)

    def tear_down(self) -> None:
        """Take the tool, the panel and the mark off."""
        self._canvas.unsetMapTool(self.tool)
        self._canvas.scene().removeItem(self._band)
        self.panel.tear_down()
        self._iface.removeDockWidget(self.panel)
        sip.delete(self.panel)
        sip.delete(self.tool)

    def _start(self) -> None:
        self._canvas.setMapTool(self.tool)
        self._open()

    def _open(self) -> None:
        """Show the panel, as a tab of the plugin's dock unless the user gave it a place of its own."""
        window = self._iface.mainWindow()
        same_side = window.dockWidgetArea(self.panel) == window.dockWidgetArea(self._beside)
        if self.panel.isHidden() and same_side and not self.panel.isFloating():
            window.tabifyDockWidget(self._beside, self.panel)
        self.panel.setUserVisible(True)

    def _clicked(self, point: QgsPointXY, _button: Qt.MouseButton) -> None:
        self._open()
        layer = self._state.layer("forecast")
        cell = None
        if layer is not None:
            here = self._canvas.mapSettings().destinationCrs()
            try:
                there = QgsCoordinateTransform(here, layer.crs(), QgsProject.instance()).transform(point)
                cell = find_cell(layer, there)
            except QgsCsException:  # the forecast's CRS does not reach there
                cell = None
        self._mark(cell)
        if cell is None:
            self.panel.say_outside()
        else:
            self.panel.show_cell(cell, layer)

    def _mark(self, cell: Cell | None) -> None:
        layer = self._state.layer("forecast")
        if cell is None or layer is None:
            self._band.reset(QgsWkbTypes.GeometryType.PolygonGeometry)
            return
        colour = self._canvas.palette().color(QPalette.ColorRole.Highlight)
        self._band.setStrokeColor(colour)
        clear = QColor(colour)
        clear.setAlphaF(0.12)
        self._band.setFillColor(clear)
        self._band.setToGeometry(cell.shape, layer)

    def _seen(self, visible: bool) -> None:
        if not visible:
            self._band.reset(QgsWkbTypes.GeometryType.PolygonGeometry)
