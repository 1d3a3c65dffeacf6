"""The receiver that QGIS itself is connected to, from its GPS panel: joined, never opened or closed."""

from __future__ import annotations

import math
from contextlib import suppress
from typing import Any

from qgis.core import QgsApplication, QgsGpsConnection, QgsGpsInformation
from qgis.PyQt.QtCore import QDateTime, QObject, Qt, QTimer, pyqtSignal

_LOOK_MS = 2000  # nothing tells when a connection comes or goes
_MPS_PER_KMH = 1.0 / 3.6


class QgisGps(QObject):
    """Tells a position a second at most, and whether there is a connection."""

    heard = pyqtSignal(dict)  # at, longitude, latitude, and where known accuracy_m, speed_mps, heading_deg
    joined = pyqtSignal(bool)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._connection: QgsGpsConnection | None = None
        self._last_at = 0.0
        self._looking = QTimer(self)
        self._looking.setInterval(_LOOK_MS)
        self._looking.timeout.connect(self._look)

    def start(self) -> None:
        """Join the connection that there is, or the next one."""
        self._looking.start()
        self._look()

    def stop(self) -> None:
        """Leave it."""
        self._looking.stop()
        self._join(None)

    def _look(self) -> None:
        there = QgsApplication.gpsConnectionRegistry().connectionList()
        if self._connection not in there:
            self._join(there[0] if there else None)

    def _join(self, connection: QgsGpsConnection | None) -> None:
        if self._connection is not None:
            with suppress(RuntimeError, TypeError):  # QGIS has deleted it
                self._connection.stateChanged.disconnect(self._take)
        self._connection = connection
        if connection is not None:
            connection.stateChanged.connect(self._take)
        self.joined.emit(connection is not None)

    def _take(self, told: QgsGpsInformation) -> None:
        report = report_of(told)
        # QGIS tells the same moment once for each sentence of it
        if report is not None and report["at"] >= self._last_at + 1.0:
            self._last_at = report["at"]
            self.heard.emit(report)


def report_of(told: QgsGpsInformation) -> dict[str, Any] | None:
    """A position report; None where there is no fix, or no time yet."""
    moment = told.utcDateTime
    if not told.isValid() or not moment.isValid():
        return None
    report: dict[str, Any] = {
        "at": QDateTime(moment.date(), moment.time(), Qt.TimeSpec.UTC).toMSecsSinceEpoch() / 1000.0,
        "longitude": told.longitude,
        "latitude": told.latitude,
    }
    for name, value in (
        ("accuracy_m", told.hacc if told.hacc and told.hacc > 0 else None),
        ("speed_mps", told.speed * _MPS_PER_KMH),
        ("heading_deg", told.direction),
    ):
        if value is not None and math.isfinite(value) and value >= 0:
            report[name] = float(value)
    return report
