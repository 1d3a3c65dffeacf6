"""The map tools that decide against the draw: a click on a cell, a click on each end of a move, a box that is drawn."""

from __future__ import annotations

from collections.abc import Callable

from qgis.core import (
    QgsCoordinateTransform,
    QgsCsException,
    QgsExpression,
    QgsFeatureRequest,
    QgsGeometry,
    QgsPointXY,
    QgsProject,
    QgsRectangle,
    QgsVectorLayer,
    QgsWkbTypes,
)
from qgis.gui import QgisInterface, QgsMapTool, QgsMapToolEmitPoint, QgsMapToolExtent, QgsRubberBand
from qgis.PyQt import sip
from qgis.PyQt.QtCore import QObject, Qt, pyqtSignal
from qgis.PyQt.QtGui import QColor, QPalette

from patrol_missions.core.grid import cell_id, columns_rows
from patrol_missions.gui.override_layer import BOX, MOVE, Override
from patrol_missions.gui.project_state import ProjectState


class OverrideTool(QObject):
    """One kind at a time; what is clicked or drawn becomes a draft, which somebody still has to give reasons for."""

    drafted = pyqtSignal(object)  # Override without reason and author
    hinted = pyqtSignal(str)  # what to click next, or why a click was of no use; empty when the tool is put away
    ended = pyqtSignal()

    def __init__(self, iface: QgisInterface, state: ProjectState, parent: QObject) -> None:
        super().__init__(parent)
        self._canvas, self._state, self._kind, self._from = iface.mapCanvas(), state, "", ""
        self._band = QgsRubberBand(self._canvas, QgsWkbTypes.GeometryType.PolygonGeometry)
        self._band.setWidth(3)
        self.points = QgsMapToolEmitPoint(self._canvas)
        self.points.setCursor(Qt.CursorShape.CrossCursor)
        self.points.canvasClicked.connect(self._clicked)
        self.box = QgsMapToolExtent(self._canvas)
        self.box.extentChanged.connect(self._drawn)
        for tool in (self.points, self.box):
            tool.deactivated.connect(self._put_away)

    def tear_down(self) -> None:
        """Take the tools and the mark off."""
        self.stop()
        self._canvas.scene().removeItem(self._band)
        sip.delete(self.points)
        sip.delete(self.box)

    def start(self, kind: str) -> None:
        """Take up the tool of a kind."""
        self.stop()
        self._kind = kind
        self._canvas.setMapTool(self._tool())
        self.hinted.emit(self._hint())

    def stop(self) -> None:
        """Put the tool away."""
        if self._kind:
            self._canvas.unsetMapTool(self._tool())

    def choose(self, kind: str, cell: str) -> None:
        """Decide of a cell that was chosen elsewhere than on the map."""
        layer = self._state.layer("forecast")
        if layer is not None:
            self.drafted.emit(Override(kind, shape_of(layer, cell), "", "", cell_id=cell))

    def _tool(self) -> QgsMapTool:
        return self.box if self._kind == BOX else self.points

    def _hint(self) -> str:
        if self._kind == BOX:
            return self.tr("Draw a box on the map.")
        if self._kind != MOVE:
            return self.tr("Click a cell on the map.")
        if self._from:
            return self.tr("Click the cell that gets the mission of {cell}.").format(cell=self._from)
        return self.tr("Click the cell of the mission, then the cell that gets it.")

    def _put_away(self) -> None:
        self._kind = self._from = ""
        self._band.reset(QgsWkbTypes.GeometryType.PolygonGeometry)
        self.box.clearRubberBand()
        self.hinted.emit("")
        self.ended.emit()

    def _clicked(self, point: QgsPointXY, _button: Qt.MouseButton) -> None:
        layer = self._state.layer("forecast")
        there = self._in(layer, lambda to: to.transform(point)) if layer is not None else None
        name, shape = cell_at(layer, there) if layer is not None and there is not None else ("", QgsGeometry())
        if not name:
            self.hinted.emit(self.tr("There is no cell of the forecast. {hint}").format(hint=self._hint()))
            return
        if self._kind == MOVE and self._from in ("", name):
            self._from = name
            self._mark(shape, layer)
            self.hinted.emit(self._hint())
            return
        start, self._from = self._from, ""
        self._band.reset(QgsWkbTypes.GeometryType.PolygonGeometry)
        self.hinted.emit(self._hint())
        if start:
            self.drafted.emit(Override(MOVE, shape, "", "", cell_id=start, to_cell_id=name))
        else:
            self.drafted.emit(Override(self._kind, shape, "", "", cell_id=name))

    def _drawn(self, extent: QgsRectangle) -> None:
        layer = self._state.layer("forecast")
        if extent.isEmpty() or layer is None:
            return
        shape = QgsGeometry.fromRect(extent)
        self.box.clearRubberBand()
        if self._in(layer, shape.transform) is None:
            return
        if not shape.intersects(QgsGeometry.fromRect(layer.extent())):
            self.hinted.emit(self.tr("The box lies outside of the forecast. Draw it over its cells."))
            return
        self.drafted.emit(Override(BOX, shape, "", ""))

    def _in(self, layer: QgsVectorLayer, act: Callable[[QgsCoordinateTransform], object]) -> object | None:
        """What was done with the transform from the map to the layer; None where the layer's CRS does not reach."""
        here = self._canvas.mapSettings().destinationCrs()
        try:
            return act(QgsCoordinateTransform(here, layer.crs(), QgsProject.instance()))
        except QgsCsException:
            return None

    def _mark(self, shape: QgsGeometry, layer: QgsVectorLayer) -> None:
        colour = self._canvas.palette().color(QPalette.ColorRole.Highlight)
        self._band.setStrokeColor(colour)
        clear = QColor(colour)
        clear.setAlphaF(0.12)
        self._band.setFillColor(clear)
        self._band.setToGeometry(shape, layer)


def cell_at(layer: QgsVectorLayer, point: QgsPointXY) -> tuple[str, QgsGeometry]:
    """Id and square of the cell at a point in the layer's CRS; an empty id outside of all."""
    first = next(layer.getFeatures(QgsFeatureRequest().setLimit(1)), None)
    if first is None or first.geometry().isNull():
        return "", QgsGeometry()
    size = round(first.geometry().boundingBox().width(), 6)
    columns, rows = columns_rows([point.x()], [point.y()], size)
    name = cell_id(int(columns[0]), int(rows[0]))
    shape = shape_of(layer, name)
    return ("", shape) if shape.isNull() else (name, shape)


def shape_of(layer: QgsVectorLayer, name: str) -> QgsGeometry:
    """Square of a cell; null where the layer does not have it."""
    request = QgsFeatureRequest().setFilterExpression(f'"cell_id" = {QgsExpression.quotedString(name)}').setLimit(1)
    found = next(layer.getFeatures(request), None)
    return QgsGeometry(found.geometry()) if found is not None else QgsGeometry()
