"""Python's logging, shown in QGIS's log panel under the plugin's name."""

from __future__ import annotations

import logging

from qgis.core import Qgis, QgsApplication

TAG = "Patrol Missions"
LOGGER = logging.getLogger("patrol_missions")


class QgisLogHandler(logging.Handler):
    """Hands every record of the package to QGIS's message log; safe to call from any thread, as the log itself is."""

    def emit(self, record: logging.LogRecord) -> None:
        log = QgsApplication.messageLog()
        if log is not None:  # QGIS is closing
            # the log's own tab is enough; the message bar speaks for itself and only once
            log.logMessage(self.format(record), TAG, _level(record.levelno), False)


def _level(levelno: int) -> Qgis.MessageLevel:
    if levelno >= logging.ERROR:
        return Qgis.MessageLevel.Critical
    return Qgis.MessageLevel.Warning if levelno >= logging.WARNING else Qgis.MessageLevel.Info


def install() -> QgisLogHandler:
    """Start to show the package's records; hand the answer to :func:`remove`."""
    handler = QgisLogHandler(logging.INFO)
    handler.setFormatter(logging.Formatter("%(message)s"))
    LOGGER.addHandler(handler)
    LOGGER.setLevel(logging.INFO)
    return handler


def remove(handler: QgisLogHandler) -> None:
    """Undo :func:`install`."""
    LOGGER.removeHandler(handler)
    LOGGER.setLevel(logging.NOTSET)
    handler.close()
