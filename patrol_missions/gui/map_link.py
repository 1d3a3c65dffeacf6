"""What the panel does to the map: highlight, zoom, open a mission, show one shift; all of it taken back at the end."""

from __future__ import annotations

from qgis.core import (
    QgsCoordinateTransform,
    QgsCsException,
    QgsDateTimeRange,
    QgsFeature,
    QgsGeometry,
    QgsInterval,
    QgsProject,
    QgsVectorLayer,
    QgsWkbTypes,
)
from qgis.gui import QgisInterface, QgsRubberBand
from qgis.PyQt.QtGui import QColor, QPalette
from qgis.PyQt.QtWidgets import QDockWidget

from patrol_missions.gui.compat import TEMPORAL_ANIMATED, TEMPORAL_FIXED_RANGE, TEMPORAL_OFF

_SURROUNDINGS = 9.0
"""A mission's cell with its neighbourhood: the view is this many cells wide."""

_FRAME_S = 60.0


class MapLink:
    """The only part of the panel that touches the canvas."""

    def __init__(self, iface: QgisInterface) -> None:
        self._iface = iface
        self._canvas = iface.mapCanvas()
        self._band = QgsRubberBand(self._canvas, QgsWkbTypes.GeometryType.PolygonGeometry)
        self._band.setWidth(4)
        self._filters_time = False

    def tear_down(self) -> None:
        """Take the highlight and the time filter off the map."""
        self.show_time(None)
        self._band.reset(QgsWkbTypes.GeometryType.PolygonGeometry)
        self._canvas.scene().removeItem(self._band)

    def highlight(self, layer: QgsVectorLayer | None, feature_id: int = -1) -> None:
        """Draw a ring around a feature; no layer clears it."""
        geometry = _geometry(layer, feature_id)
        if layer is None or geometry.isNull():
            self._band.reset(QgsWkbTypes.GeometryType.PolygonGeometry)
            return
        colour = self._canvas.palette().color(QPalette.ColorRole.Highlight)
        self._band.setStrokeColor(colour)
        colour.setAlphaF(0.2)
        self._band.setFillColor(colour)
        self._band.setToGeometry(geometry, layer)

    def zoom(self, layer: QgsVectorLayer, feature_id: int) -> None:
        """Bring a feature into the middle, with its neighbourhood."""
        geometry = _geometry(layer, feature_id)
        if geometry.isNull():
            return
        settings = self._canvas.mapSettings()
        to_map = QgsCoordinateTransform(
            layer.crs(), settings.destinationCrs(), QgsProject.instance().transformContext()
        )
        try:
            extent = to_map.transformBoundingBox(geometry.boundingBox())
        except QgsCsException:  # the map's CRS does not reach there
            return
        extent.scale(_SURROUNDINGS)
        self._canvas.setExtent(extent)
        self._canvas.refresh()
        colour = self._canvas.palette().color(QPalette.ColorRole.Highlight)
        clear = QColor(colour)
        clear.setAlphaF(0.0)
        self._canvas.flashFeatureIds(layer, [feature_id], colour, clear, 1, 400)

    def zoom_to_layer(self, layer: QgsVectorLayer) -> None:
        """Show the whole of a layer."""
        # the first layers of a project make QGIS zoom to them later: have it do so now
        self._iface.layerTreeCanvasBridge().setCanvasLayers()
        settings = self._canvas.mapSettings()
        extent = settings.layerExtentToOutputExtent(layer, layer.extent())
        if not extent.isEmpty():
            extent.scale(1.05)
            self._canvas.setExtent(extent)
            self._canvas.refresh()

    def open(self, layer: QgsVectorLayer, feature_id: int) -> None:
        """Show a feature's form."""
        feature: QgsFeature = layer.getFeature(feature_id)
        if feature.isValid():
            self._iface.openFeatureForm(layer, feature, False, False)

    def show_time(self, during: QgsDateTimeRange | None) -> None:
        """Let the map show one time's features alone; None shows all, if it was us who filtered."""
        controller = self._canvas.temporalController()
        if during is None:
            if self._filters_time and controller is not None:
                controller.setNavigationMode(TEMPORAL_OFF)
            self._filters_time = False
            return
        if controller is not None:
            # the user's own temporal controller, so that its panel tells what is shown and can switch it off
            controller.setTemporalExtents(during)
            controller.setNavigationMode(TEMPORAL_FIXED_RANGE)
        self._canvas.setTemporalRange(during)
        self._filters_time = True

    def play(self, during: QgsDateTimeRange) -> None:
        """Have QGIS's temporal controller play a time by the minute, and show its panel at the beginning."""
        controller = self._canvas.temporalController()
        if controller is None:
            return
        controller.setTemporalExtents(during)
        controller.setFrameDuration(QgsInterval(_FRAME_S))
        controller.setNavigationMode(TEMPORAL_ANIMATED)
        controller.rewindToStart()
        self._filters_time = True
        panel = self._iface.mainWindow().findChild(QDockWidget, "Temporal Controller")
        if panel is not None:
            panel.show()
            panel.raise_()


def _geometry(layer: QgsVectorLayer | None, feature_id: int) -> QgsGeometry:
    return layer.getGeometry(feature_id) if layer is not None and layer.isValid() else QgsGeometry()
