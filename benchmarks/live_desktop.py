"""The desktop while thousands of units move: how late its event loop is, beside the same window without the units.

    python benchmarks/live_desktop.py [seconds, default 60] [units, default 2000]

Run it with a Python that can import QGIS, and ``PATROL_STAGE`` or build/stage holding the staged plugin; the gateway
and the cars of ``live_load.py`` run by the engine's Python in ``PATROL_ENGINE_PYTHON`` or build/venv-engine. A window
with a map of 10,000 cells, the Live page, and a plan of missions is open; a timer of 10 ms tells by how much it comes
late. Before the units come the map is drawn anew once a second, as any canvas that shows a moving layer is.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

HERE = Path(__file__).resolve().parent
STAGE = Path(os.environ.get("PATROL_STAGE", HERE.parent / "build" / "stage"))
ENGINE = os.environ.get("PATROL_ENGINE_PYTHON", str(HERE.parent / "build" / "venv-engine" / "bin" / "python"))
sys.path.insert(0, str(STAGE))
if not os.environ.get("DISPLAY"):
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

from qgis.core import (  # noqa: E402 - after the platform is chosen
    QgsApplication,
    QgsCoordinateReferenceSystem,
    QgsFeature,
    QgsGeometry,
    QgsProject,
    QgsRectangle,
    QgsVectorLayer,
)
from qgis.gui import QgsMapCanvas  # noqa: E402 - as above
from qgis.PyQt.QtCore import Qt, QTimer  # noqa: E402 - as above
from qgis.PyQt.QtWidgets import QSplitter  # noqa: E402 - as above

TICK_MS, SIDE, SIZE_M, MISSIONS = 10, 100, 250, 60
CRS, WEST, SOUTH = "EPSG:32633", 390_000, 5_817_000
DRIVE = (
    "import asyncio, sys; from live_load import Load; port, *load = map(int, sys.argv[1:]); "
    "asyncio.run(Load(*load).drive(port))"
)


class Lateness:
    """By how much the event loop comes late, seconds."""

    def __init__(self) -> None:
        self._timer = QTimer()
        self._timer.setTimerType(Qt.TimerType.PreciseTimer)
        self._timer.timeout.connect(self._tick)
        self._due = 0.0
        self.found: list[float] = []

    def during(self, seconds: float) -> str:
        """Let the application run for a while; what came of it."""
        self.found, self._due = [], time.perf_counter() + TICK_MS / 1000
        self._timer.start(TICK_MS)
        end = time.perf_counter() + seconds
        while time.perf_counter() < end:
            QgsApplication.processEvents()
            time.sleep(0.0005)
        self._timer.stop()
        p50, p99, p999 = 1000 * np.percentile(self.found, [50, 99, 99.9])
        return f"late by {p50:.0f} ms (p50), {p99:.0f} ms (p99), {p999:.0f} ms (p99.9), {1000 * max(self.found):.0f} ms"

    def _tick(self) -> None:
        now = time.perf_counter()
        # Every tick that was due since then had to wait until now.
        while self._due <= now:
            self.found.append(now - self._due)
            self._due += TICK_MS / 1000


def cells() -> QgsVectorLayer:
    """A map below the units."""
    layer = QgsVectorLayer(f"Polygon?crs={CRS}", "Cells", "memory")
    features = []
    for number in range(SIDE * SIDE):
        x, y = WEST + number % SIDE * SIZE_M, SOUTH + number // SIDE * SIZE_M
        feature = QgsFeature()
        feature.setGeometry(QgsGeometry.fromRect(QgsRectangle(x, y, x + SIZE_M, y + SIZE_M)))
        features.append(feature)
    layer.dataProvider().addFeatures(features)
    layer.updateExtents()
    return layer


def missions() -> list[dict[str, object]]:
    """Missions all over the ground, in a shift that runs."""
    now, rng = time.time(), np.random.default_rng(1)
    chosen = rng.choice(SIDE * SIDE, MISSIONS, replace=False)
    column, row = WEST // SIZE_M, SOUTH // SIZE_M
    return [
        {
            "mission_id": f"m{cell}", "cells": [[int(column + cell % SIDE), int(row + cell // SIDE)]],
            "start": now - 600, "end": now + 8 * 3600, "minutes": 15, "most_minutes": 30,
        }
        for cell in chosen
    ]  # fmt: skip


def window() -> tuple[QSplitter, QgsMapCanvas]:
    """A map beside room for the page."""
    canvas, splitter = QgsMapCanvas(), QSplitter()
    layer = cells()
    QgsProject.instance().addMapLayer(layer)
    canvas.setCachingEnabled(True)  # as QGIS has it
    canvas.setParallelRenderingEnabled(True)
    canvas.setDestinationCrs(QgsCoordinateReferenceSystem(CRS))
    canvas.setLayers([layer])
    canvas.setExtent(layer.extent())
    splitter.addWidget(canvas)
    splitter.resize(1400, 900)
    splitter.show()
    return splitter, canvas


def main(seconds: int, units: int) -> None:
    """Open the window, measure without and with units."""
    QgsApplication.setPrefixPath(os.environ.get("QGIS_PREFIX_PATH", "/usr"), True)
    application = QgsApplication([], True)
    application.initQgis()
    from patrol_missions.gui.live_session import ON, LiveSession
    from patrol_missions.gui.page_live import LivePage

    with tempfile.TemporaryDirectory() as folder:
        splitter, canvas = window()
        session = LiveSession(canvas)
        page = LivePage(session)
        splitter.addWidget(page)
        session.failed.connect(print)
        project, lateness = QgsProject.instance(), Lateness()
        drawn: list[float] = []
        canvas.mapCanvasRefreshed.connect(lambda: drawn.append(time.perf_counter()))
        again = QTimer()
        again.timeout.connect(canvas.refreshAllLayers)
        again.start(1000)
        lateness.during(2)
        print(f"{SIDE * SIDE:,} cells drawn anew each second: {lateness.during(min(seconds, 30))}", flush=True)
        again.stop()

        run = Path(folder) / "run"
        settings = {
            "folder": str(run), "grid": {"crs": CRS, "size_m": SIZE_M}, "ledger": f"{folder}/ledger.db",
            "limits": {"units": "any"},
            "sources": [{"kind": "tcp_server", "name": "cars", "format": "taip", "port": 0}],
        }  # fmt: skip
        session.start(ENGINE, run, settings, missions())
        crs = QgsCoordinateReferenceSystem(CRS)
        session.put_on_map("City", crs, SIZE_M)
        canvas.setLayers(sorted(project.mapLayers().values(), key=lambda layer: layer.geometryType()))
        end = time.monotonic() + 60
        while not (session.state == ON and session.sources) and time.monotonic() < end:
            lateness.during(0.1)
        port = next(iter(session.sources.values()))["port"]
        command = [ENGINE, "-c", DRIVE, str(port), str(units), str(seconds + 20)]
        driving = subprocess.Popen(command, cwd=HERE, env={**os.environ, "PATROL_STAGE": str(STAGE)})
        try:
            while len(session.model.units) < units and time.monotonic() < end + 60:
                lateness.during(0.2)
            drawn.clear()
            told = lateness.during(seconds)
            in_missions = sum(bool(mission.inside) for mission in session.model.missions.values())
            print(
                f"{len(session.model.units):,} units once a second: {told}; the map was drawn {len(drawn)} times in "
                f"{seconds} s; {in_missions} of {MISSIONS} missions run",
                flush=True,
            )
            if len(sys.argv) > 3:
                splitter.grab().save(sys.argv[3])
        finally:
            driving.kill()
            session.stop()
            lateness.during(1.0)
            session.tear_down()
        project.clear()


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 60, int(sys.argv[2]) if len(sys.argv) > 2 else 2_000)
