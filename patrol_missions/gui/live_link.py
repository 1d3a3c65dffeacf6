"""Ties the live session to the project: its grid, its missions and its forecast, and the risk wherever one looks."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from qgis.core import QgsCoordinateTransform, QgsCsException, QgsPointXY, QgsProject, QgsVectorLayer
from qgis.gui import QgsMapCanvas
from qgis.PyQt.QtCore import QCoreApplication, QDateTime, QObject, QTimer, QTimeZone, pyqtSignal

from patrol_missions.bridge.environment import EngineEnvironment
from patrol_missions.core.errors import PatrolError
from patrol_missions.core.grid import cell_id, columns_rows
from patrol_missions.core.names import expected_fields
from patrol_missions.gui import recipes
from patrol_missions.gui.live_missions import live_missions
from patrol_missions.gui.live_session import ON, LiveSession
from patrol_missions.gui.live_sources import GPSD, QGIS
from patrol_missions.gui.missions import Mission, as_utc
from patrol_missions.gui.nearby import Nearby
from patrol_missions.gui.project_state import ProjectState
from patrol_missions.gui.qgis_gps import QgisGps
from patrol_missions.gui.risk_here import Here, ShiftMissions, ShiftRisk
from patrol_missions.gui.weights_book import categories_of

_EVERYBODY = ["0.0.0.0/0", "::/0"]
_MOUSE_MS = 150  # the mouse rests so long before the risk under it is looked up


class LiveLink(QObject):
    """What the session is told of the project, and what the map is asked for the page."""

    risk_changed = pyqtSignal(object, str)  # Here or None, and where

    def __init__(self, canvas: QgsMapCanvas, state: ProjectState, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._canvas, self._state = canvas, state
        self.session = LiveSession(canvas, self)
        self.session.changed.connect(self._follow_unit)
        self.gps = QgisGps(self)
        self.gps.heard.connect(self._report)
        self._gps_unit = ""
        self._unit = ""
        self._risk: ShiftRisk | None = None
        self._risk_of: list[Any] = []
        self._missions_here: ShiftMissions | None = None
        self._nearby: Nearby | None = None
        self._planned_at = ""
        self._mouse = QTimer(self)
        self._mouse.setSingleShot(True)
        self._mouse.setInterval(_MOUSE_MS)
        self._mouse.timeout.connect(self._look_under_mouse)
        self._point = QgsPointXY()
        canvas.xyCoordinates.connect(self._moved)

    def tear_down(self) -> None:
        """Let go of map and gateway; the gateway goes on."""
        self._canvas.xyCoordinates.disconnect(self._moved)
        self.gps.stop()
        self.session.tear_down()

    def problem(self, engine_problem: str) -> str:
        """Why nothing can be tracked; empty where it can. A plan that was made anew is passed on."""
        if engine_problem:
            return engine_problem
        if self._state.layer("missions") is None:
            return tr("There are no missions to time yet. Plan them on the Plan page first.")
        at = str(self._state.value("allocate", "at"))
        if self.session.state == ON and at != self._planned_at:
            self._planned_at = at
            self.session.set_missions(self._missions())
        return ""

    def project_opened(self) -> None:
        """Join the gateway of this project, where one goes on from the last time."""
        self.session.leave()
        self._risk = self._missions_here = self._nearby = None
        ready = self._state.layer("missions") is not None and bool(self._state.data.package)
        if ready and self.session.rejoin(self._folder(), self._missions()):
            self._put_on_map()

    def start(self, source: dict[str, Any]) -> None:
        """Track units from a source."""
        grid = self._state.layer("grid")
        if grid is None:
            self.session.failed.emit(tr("The grid was removed from the project. Check the data again."))
            return
        try:
            python = str(EngineEnvironment().python())
            recipes.files_of(self._state.data)
        except (PatrolError, OSError) as error:
            self.session.failed.emit(str(error))
            return
        own = source["kind"] == QGIS
        self._gps_unit = source["unit"] if own else ""
        (self.gps.start if own else self.gps.stop)()
        from_outside = source.get("host", "127.0.0.1") != "127.0.0.1" and source["kind"] != GPSD
        settings = {
            "folder": str(self._folder()),
            "ledger": recipes.ledger_of(self._state),
            "grid": {"crs": grid.crs().toWkt(), "size_m": self._state.data.cell_size_m},
            "sources": [] if own else [source],
            # strangers’ units stand in quarantine until somebody lets them in
            "limits": {"units": [], "addresses": _EVERYBODY} if from_outside else {"units": None},
        }
        self._planned_at = str(self._state.value("allocate", "at"))
        self.session.start(python, self._folder(), settings, self._missions())
        self._put_on_map()

    def stop(self) -> None:
        """End live tracking."""
        self.gps.stop()
        self.session.stop()

    def _report(self, report: dict[str, Any]) -> None:
        """Pass on what QGIS's receiver says."""
        if self.session.state == ON:
            self.session.ask("report", fixes=[{"unit": self._gps_unit, **report}])

    def enter(self, unit: str, mission: Mission | None) -> None:
        """Say that a unit is in a mission."""
        if mission is None:
            self.session.failed.emit(tr("Choose the mission in the list of the Plan page first."))
        else:
            self.session.ask("enter", unit=unit, mission=mission.mission_id)

    def follow(self, unit: str) -> None:
        """Tell the risk where a unit is; an empty text follows the mouse."""
        self._unit = unit
        self._follow_unit()

    # --- the risk here

    def _follow_unit(self) -> None:
        unit = self.session.model.units.get(self._unit)
        if unit is not None and unit.cell is not None:
            self._tell(unit.cell, f"{unit.name} ({cell_id(*unit.cell)})")

    def _moved(self, point: QgsPointXY) -> None:
        self._point = point
        if not self._unit and self.session.state == ON:
            self._mouse.start()

    def _look_under_mouse(self) -> None:
        layer = self._state.layer("forecast")
        if layer is None:
            return
        here = self._canvas.mapSettings().destinationCrs()
        try:
            point = QgsCoordinateTransform(here, layer.crs(), QgsProject.instance()).transform(self._point)
        except QgsCsException:
            return
        columns, rows = columns_rows([point.x()], [point.y()], self._state.data.cell_size_m)
        cell = int(columns[0]), int(rows[0])
        self._tell(cell, cell_id(*cell))

    def _tell(self, cell: tuple[int, int], place: str) -> None:
        risk = self._shift_risk()
        here: Here | None = risk.here(cell) if risk is not None else None
        if here is not None:
            reasons, tactic = self._missions_here.at(cell) if self._missions_here is not None else ("", "")
            recent = self._nearby.around(cell) if self._nearby is not None else None
            here = replace(here, reasons=reasons or here.reasons, tactic=tactic, recent=recent)
        self.risk_changed.emit(here, place)

    def _shift_risk(self) -> ShiftRisk | None:
        """The forecast of the shift that runs; read anew when it ends, or when a layer was made anew or removed."""
        state = self._state
        layer, missions, incidents = (state.layer(role) for role in ("forecast", "missions", "incidents"))
        if layer is None:
            return None
        now = QDateTime.fromSecsSinceEpoch(int(self.session.now()), QTimeZone.utc())
        made = [
            (each.id() if each is not None else "", state.value(key, "at"))
            for each, key in ((layer, "forecast"), (missions, "allocate"), (incidents, "check"))
        ]
        over = self._risk is not None and now >= self._risk.end and not self._is_last()
        if self._risk is None or made != self._risk_of or over:
            names = {field: name for name, field in expected_fields(categories_of(state)).items()}
            risk = ShiftRisk(layer, names, now)
            size_m = state.data.cell_size_m
            self._missions_here = (
                ShiftMissions(missions, size_m, risk.shift, risk.start) if missions is not None else None
            )
            self._nearby = Nearby(incidents, size_m, risk.start) if incidents is not None else None
            self._risk, self._risk_of = risk, made
        return self._risk

    def _is_last(self) -> bool:
        """Whether the shift that was read is the forecast's last one, which is shown after its end, too."""
        layer: QgsVectorLayer | None = self._state.layer("forecast")
        if layer is None or self._risk is None:
            return True
        return bool(as_utc(layer.maximumValue(layer.fields().lookupField("end"))) <= self._risk.end)

    # --- the project

    def _folder(self) -> Path:
        return Path(recipes.files_of(self._state.data).beside("live"))

    def _missions(self) -> list[dict[str, Any]]:
        layer = self._state.layer("missions")
        return live_missions(layer, self._state.data.cell_size_m) if layer is not None else []

    def _put_on_map(self) -> None:
        grid = self._state.layer("grid") or self._state.layer("missions")
        if grid is not None:
            self.session.put_on_map(self._state.data.jurisdiction, grid.crs(), self._state.data.cell_size_m)


def tr(text: str) -> str:
    """The text in the user's language."""
    return QCoreApplication.translate("LiveLink", text)
