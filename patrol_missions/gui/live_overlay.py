"""What is painted over the map while units are live: trails that fade with time, and the countdown in each mission."""

from __future__ import annotations

import time
from collections.abc import Callable

from qgis.core import QgsCoordinateReferenceSystem, QgsCoordinateTransform, QgsCsException, QgsPointXY, QgsProject
from qgis.gui import QgsMapCanvas, QgsMapCanvasItem
from qgis.PyQt.QtCore import QPointF, QRectF, Qt
from qgis.PyQt.QtGui import QColor, QFont, QPainter, QPainterPath, QPen

from patrol_missions.gui.live_model import AMBER, DONE, OVER, RUNNING, LiveModel

TRAIL_S = 600.0
"""A trail shows so many seconds."""

_ABOVE_PX = 5.0
_MOST_TRAILS = 200  # beyond, trails would hide the map
_COLOURS = {RUNNING: "#1b7837", AMBER: "#b35806", DONE: "#2166ac", OVER: "#b2182b"}


class LiveOverlay(QgsMapCanvasItem):
    """Drawn anew with the canvas, and each second by whoever owns it.

    :param now: seconds since 1970 UTC; of a replay, its own time
    """

    def __init__(self, canvas: QgsMapCanvas, model: LiveModel, now: Callable[[], float] = time.time) -> None:
        super().__init__(canvas)
        self._canvas, self._model, self._now = canvas, model, now
        self._grid_crs, self._size_m = QgsCoordinateReferenceSystem(), 250.0
        self.setZValue(50)

    def set_grid(self, crs: QgsCoordinateReferenceSystem, size_m: float) -> None:
        """Where cells are."""
        self._grid_crs, self._size_m = crs, size_m

    def boundingRect(self) -> QRectF:  # noqa: N802 - Qt's name
        """The whole map."""
        return QRectF(self._canvas.rect())

    def paint(self, painter: QPainter, *_: object) -> None:
        """Paint trails, then countdowns."""
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        now = self._now()
        self._paint_trails(painter, now)
        self._paint_countdowns(painter, now)

    def _paint_trails(self, painter: QPainter, now: float) -> None:
        if len(self._model.units) > _MOST_TRAILS:
            return
        to_map = self._transform(QgsCoordinateReferenceSystem("EPSG:4326"))
        colour = QColor("#1f4e79")
        for unit in self._model.units.values():
            points = [(at, self._pixel(to_map, x, y)) for at, x, y in unit.trail if at >= now - TRAIL_S]
            for (_, one), (at, other) in zip(points, points[1:]):
                if one is None or other is None:
                    continue
                colour.setAlphaF(max(0.0, min(0.8, 0.8 * (1.0 - (now - at) / TRAIL_S))))
                painter.setPen(QPen(colour, 2.5, Qt.PenStyle.SolidLine, Qt.PenCapStyle.RoundCap))
                painter.drawLine(one, other)

    def _paint_countdowns(self, painter: QPainter, now: float) -> None:
        to_map = self._transform(self._grid_crs)
        font = QFont(painter.font())
        font.setBold(True)
        for mission in self._model.missions.values():
            if not mission.inside or not mission.runs(now):
                continue
            # Over the cells and not in them, where the unit's own sign would hide it.
            column = sum(cell[0] for cell in mission.cells) / len(mission.cells) + 0.5
            top = max(cell[1] for cell in mission.cells) + 1
            place = self._pixel(to_map, column * self._size_m, top * self._size_m)
            if place is not None:
                colour = QColor(_COLOURS.get(mission.state, "#333"))
                self._write(painter, font, place, clock(mission.left_s(now)), colour)

    @staticmethod
    def _write(painter: QPainter, font: QFont, place: QPointF, text: str, colour: QColor) -> None:
        """A number above a place, with a white halo, so that it can be read on any map."""
        path = QPainterPath()
        path.addText(QPointF(0, 0), font, text)
        box = path.boundingRect()
        path.translate(place - QPointF(box.center().x(), box.bottom() + _ABOVE_PX))
        painter.strokePath(path, QPen(QColor("#ffffff"), 4, Qt.PenStyle.SolidLine, Qt.PenCapStyle.RoundCap))
        painter.fillPath(path, colour)

    def _transform(self, crs: QgsCoordinateReferenceSystem) -> QgsCoordinateTransform:
        return QgsCoordinateTransform(crs, self._canvas.mapSettings().destinationCrs(), QgsProject.instance())

    def _pixel(self, to_map: QgsCoordinateTransform, x: float, y: float) -> QPointF | None:
        try:
            return self.toCanvasCoordinates(to_map.transform(QgsPointXY(x, y)))
        except QgsCsException:  # the map's CRS does not reach there
            return None


def clock(seconds: float) -> str:
    """Minutes and seconds, with a plus beyond the end: ``12:05``, ``+1:30``."""
    whole = round(abs(seconds))
    return f"{'+' if seconds < 0 and whole else ''}{whole // 60}:{whole % 60:02d}"
