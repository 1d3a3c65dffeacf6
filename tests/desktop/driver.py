"""Runs inside QGIS (``qgis --code``): drives the window as a user would and writes down what happened.

A scenario is a Python file with functions ``step_*(desk)``, run in their order; the first that fails ends it.
"""

from __future__ import annotations

import importlib.util
import json
import os
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

from qgis.core import QgsApplication, QgsProject
from qgis.PyQt.QtCore import QEventLoop, QPoint, Qt, QTimer
from qgis.PyQt.QtTest import QTest
from qgis.PyQt.QtWidgets import QApplication, QWidget
from qgis.utils import iface, plugins

OUT = Path(os.environ["PATROL_DESKTOP_OUT"])


class Desk:
    """What a scenario has at hand."""

    def __init__(self) -> None:
        self.iface = iface
        self.window = iface.mainWindow()
        self.notes: dict[str, Any] = {}
        self.log: list[str] = []
        self.tracebacks: list[str] = []

    @property
    def plugin(self) -> Any:
        """The plugin as QGIS loaded it."""
        return plugins["patrol_missions"]

    @property
    def dock(self) -> Any:
        """Its panel."""
        return self.plugin.dock

    def wait(self, seconds: float, what: str, ready: Callable[[], object]) -> None:
        """Let QGIS work until something is so."""
        end = time.monotonic() + seconds
        while not ready():
            if time.monotonic() > end:
                raise AssertionError(f"waited {seconds:.0f} s in vain for {what}")
            self.breathe(30)

    def breathe(self, milliseconds: int = 0) -> None:
        """Let the event loop turn, with its timers."""
        loop = QEventLoop()
        QTimer.singleShot(milliseconds, loop.quit)
        loop.exec()

    def click(self, widget: QWidget, position: QPoint | None = None) -> None:
        """A left click, as with the mouse; the widget must be there to be clicked."""
        self.wait(5, f"{widget.objectName() or type(widget).__name__} to be clickable",
                  lambda: widget.isVisible() and widget.isEnabled())  # fmt: skip
        modifier = Qt.KeyboardModifier.NoModifier
        QTest.mouseClick(widget, Qt.MouseButton.LeftButton, modifier, position or widget.rect().center())
        self.breathe()

    def wait_for_run(self, seconds: float) -> None:
        """Until the runner rests; a failed run is a failure here."""
        runner = self.dock.runner
        self.wait(seconds, "the run to end", lambda: not runner.busy())

    def messages(self) -> list[str]:
        """What the message bar says now."""
        bar = self.iface.messageBar()
        return [item.text() for item in bar.items()]

    def grab(self, name: str, widget: QWidget | None = None) -> None:
        """A screenshot beside the results."""
        self.breathe(50)
        (widget or self.window).grab().save(str(OUT / f"{name}.png"))

    def canvas_ready(self, seconds: float = 20) -> None:
        """Until the map has been drawn."""
        canvas = self.iface.mapCanvas()
        self.breathe(60)  # a refresh starts from a timer
        self.wait(seconds, "the map", lambda: not canvas.isDrawing())


def _run() -> None:
    desk = Desk()
    QgsApplication.messageLog().messageReceived.connect(lambda text, tag, level: desk.log.append(f"[{tag}] {text}"))
    results, steps = [], []
    try:
        spec = importlib.util.spec_from_file_location("scenario", os.environ["PATROL_DESKTOP_SCENARIO"])
        scenario = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(scenario)
        steps = [(name, value) for name, value in vars(scenario).items() if name.startswith("step_")]
    except Exception:  # noqa: BLE001 - it goes into the report
        results = [{"step": "load", "error": traceback.format_exc(), "seconds": 0.0}]
    for name, step in steps:
        began = time.monotonic()
        error = ""
        try:
            step(desk)
        except Exception:  # noqa: BLE001 - it goes into the report
            error = traceback.format_exc()
            desk.grab(f"failed_{name}")
        results.append({"step": name, "error": error, "seconds": round(time.monotonic() - began, 2)})
        if error:
            break
    early = OUT / "exceptions.txt"
    if early.is_file():
        desk.tracebacks.insert(0, early.read_text(encoding="utf-8"))
    answer = {
        "steps": results,
        "planned": len(steps),
        "notes": desk.notes,
        "log": desk.log,
        "tracebacks": desk.tracebacks,
    }
    (OUT / "results.json").write_text(json.dumps(answer, indent=1), encoding="utf-8")
    QgsProject.instance().clear()  # QGIS asks about unsaved projects and about layers in temporary folders
    QApplication.instance().setQuitOnLastWindowClosed(True)
    QTimer.singleShot(0, iface.actionExit().trigger)


QTimer.singleShot(0, _run)
