"""Runs in QGIS before plugins load (``PYQGIS_STARTUP``): an error there is written down, not shown in a dialog that
nobody closes."""

from __future__ import annotations

import os
import traceback
from pathlib import Path

import qgis.utils


def _note(kind: type, value: BaseException, trace: object, *args: object, **kwargs: object) -> None:
    with (Path(os.environ["PATROL_DESKTOP_OUT"]) / "exceptions.txt").open("a", encoding="utf-8") as file:
        file.write("".join(traceback.format_exception(kind, value, trace)))


qgis.utils.showException = _note
