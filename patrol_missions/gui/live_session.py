"""A running watch: the gateway behind it, what it tells, and the map that follows; it goes on when QGIS ends."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from qgis.core import QgsApplication, QgsCoordinateReferenceSystem, QgsProject
from qgis.gui import QgsMapCanvas
from qgis.PyQt.QtCore import QObject, QTimer, pyqtSignal

from patrol_missions.bridge.gateway_process import Door, StartingGateway, door
from patrol_missions.core.errors import PatrolError
from patrol_missions.gui.live_client import LiveClient
from patrol_missions.gui.live_layers import LiveLayers
from patrol_missions.gui.live_model import LiveModel, Mission
from patrol_missions.gui.live_overlay import LiveOverlay
from patrol_missions.gui.settings import AUTHOR

OFF, STARTING, ON = "off", "starting", "on"

_ASK_MS, _SHOW_MS = 100, 200
_DRAW_S = 1.0
_PATIENCE_S = 60.0


class LiveSession(QObject):
    """Starts, finds again and ends the watch of one jurisdiction."""

    changed = pyqtSignal()  # state, units or missions
    failed = pyqtSignal(str)
    said = pyqtSignal(str)  # a source or the ledger, in a sentence
    finished = pyqtSignal(str)  # id of a mission that has its minutes

    def __init__(self, canvas: QgsMapCanvas, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._canvas = canvas
        self.state = OFF
        self.model = LiveModel()
        self.sources: dict[str, dict[str, Any]] = {}
        self.refused: dict[str, int] = {}
        self.quarantined: dict[str, int] = {}
        self._client = LiveClient(self)
        self._client.connected.connect(self._connected)
        self._client.told.connect(self._hear)
        self._client.lost.connect(self._lost)
        self._starting: StartingGateway | None = None
        self._to_start: tuple[str, Path, dict[str, Any]] | None = None
        self._since = 0.0
        self._missions: list[dict[str, Any]] = []
        self._layers: LiveLayers | None = None
        self._overlay: LiveOverlay | None = None
        self._ahead_s = 0.0
        self._drawn_at = 0.0
        self._waiting = QTimer(self)
        self._waiting.setInterval(_ASK_MS)
        self._waiting.timeout.connect(self._await_door)
        self._showing = QTimer(self)
        self._showing.setInterval(_SHOW_MS)
        self._showing.timeout.connect(self._follow)

    def tear_down(self) -> None:
        """Let go of the map and of the gateway, which goes on."""
        self._waiting.stop()
        self._showing.stop()
        self._client.lost.disconnect(self._lost)
        self._client.close()
        self._take_off_map()

    def now(self) -> float:
        """Seconds since 1970 UTC by the gateway's clock, which in a replay is that of the log."""
        return time.time() + self._ahead_s

    # --- beginning and ending

    def start(
        self, python: str, folder: Path, settings: Mapping[str, Any], missions: Sequence[Mapping[str, Any]]
    ) -> None:
        """Start a gateway, or join the one that runs in the folder.

        :param settings: of the gateway
        :param missions: rows as the gateway takes them
        """
        self._missions = [dict(each) for each in missions]
        self._to_start = python, folder, {**settings, "missions": self._missions}
        if not self.rejoin(folder):
            self._start_process()

    def _start_process(self) -> None:
        if self._to_start is None:
            return
        (python, folder, settings), self._to_start = self._to_start, None
        try:
            self._starting = StartingGateway(python, folder, settings)
        except PatrolError as error:
            self._give_up(str(error))
            return
        self._since = time.monotonic()
        self._set_state(STARTING)
        self._waiting.start()

    def rejoin(self, folder: Path, missions: Sequence[Mapping[str, Any]] | None = None) -> bool:
        """Join the gateway that runs in a folder; whether its files say that one does."""
        found = door(folder)
        if missions is not None:
            self._missions = [dict(each) for each in missions]
        if found is not None:
            self._open(found)
        return found is not None

    def set_missions(self, missions: Sequence[Mapping[str, Any]]) -> None:
        """Time these from now on."""
        self._missions = [dict(each) for each in missions]
        self.model.set_missions(_mission(row) for row in self._missions)
        self._send_missions()

    def _send_missions(self) -> None:
        """Tell the gateway, which keeps which unit has which, and by whom; and hear what they have had already."""
        author = AUTHOR.get() or QgsApplication.userFullName()
        self.ask("missions", missions=self._missions, author=author)
        self._client.ask("snapshot", self._take_snapshot)

    def leave(self) -> None:
        """Go from the gateway, which goes on."""
        self._waiting.stop()
        self._starting = None
        self._set_state(OFF)  # first, so that the line is not told as lost
        self._client.close()
        self._take_off_map()

    def stop(self) -> None:
        """End the gateway."""
        if self._client.is_open():
            self._client.ask("stop")
        self._waiting.stop()
        self._starting = None
        self._set_state(OFF)
        self._take_off_map()

    def ask(self, do: str, **what: Any) -> None:
        """Send a command; a refusal is told."""

        def answered(answer: dict[str, Any]) -> None:
            if not answer.get("ok"):
                self.failed.emit(" ".join(filter(None, [answer.get("text"), answer.get("hint")])))

        self._client.ask(do, answered, **what)

    def put_on_map(self, jurisdiction: str, crs: QgsCoordinateReferenceSystem, size_m: float) -> None:
        """Show units and missions as layers, and countdowns over them."""
        self._take_off_map()
        self._layers = LiveLayers(QgsProject.instance(), jurisdiction, crs, size_m)
        self._overlay = LiveOverlay(self._canvas, self.model, self.now)
        self._overlay.set_grid(crs, size_m)
        self._showing.start()

    def show(self) -> None:
        """Bring map and page up to date."""
        self._drawn_at = time.monotonic()
        if self._layers is not None:
            self._layers.show(self.model, self.now())
            if not self._canvas.isDrawing():  # a map that is begun anew before it is done is never seen
                self._layers.draw()
        if self._overlay is not None:
            self._overlay.update()
        self.changed.emit()

    def _follow(self) -> None:
        """Write what moved at once, since thousands of units together would hold QGIS up; show it once a second."""
        if time.monotonic() - self._drawn_at >= _DRAW_S:
            self.show()
        elif self._layers is not None:
            self._layers.show(self.model, self.now())

    def _take_off_map(self) -> None:
        self._showing.stop()
        if self._overlay is not None:
            self._canvas.scene().removeItem(self._overlay)
        if self._layers is not None:
            self._layers.remove()
        self._overlay = self._layers = None

    # --- the gateway

    def _await_door(self) -> None:
        starting = self._starting
        if starting is None:
            return
        try:
            found = starting.door()
        except PatrolError as error:
            self._give_up(str(error))
            return
        if found is not None:
            self._waiting.stop()
            self._starting = None
            self._open(found)
        elif time.monotonic() - self._since > _PATIENCE_S:
            self._give_up(self.tr("Live tracking did not start within a minute. Look in the log of its folder."))

    def _give_up(self, sentence: str) -> None:
        self._waiting.stop()
        self._starting = None
        self._set_state(OFF)
        self.failed.emit(sentence)

    def _open(self, found: Door) -> None:
        self._set_state(STARTING)
        self._client.open(found)

    def _connected(self) -> None:
        self._to_start = None
        self.model.clear()
        self.model.set_missions(_mission(row) for row in self._missions)
        self._send_missions()
        self._set_state(ON)

    def _take_snapshot(self, answer: dict[str, Any]) -> None:
        self._ahead_s = float(answer.get("now") or time.time()) - time.time()
        for each in answer.get("sources") or []:
            self.sources[str(each.get("name"))] = each
        self.refused, self.quarantined = answer.get("refused") or {}, answer.get("quarantined") or {}
        for event in answer.get("events") or []:
            self.model.apply(event)
        for name, minutes in (answer.get("minutes") or {}).items():
            mission = self.model.missions.get(name)
            if mission is not None:
                mission.minutes, mission.at = float(minutes), self.now()
        self.changed.emit()

    def _lost(self) -> None:
        if self.state == STARTING and self._to_start is not None:
            self._start_process()  # the gateway that was there has been killed
        elif self.state != OFF:
            self._set_state(OFF)
            self.failed.emit(self.tr("The line to live tracking was lost. Connect again: what it hears is kept."))

    def _hear(self, events: Sequence[Mapping[str, Any]]) -> None:
        for event in events:
            kind = event.get("event")
            if kind == "source":
                self.sources[str(event.get("name"))] = dict(event)
                self.said.emit(str(event.get("text") or ""))
            elif kind == "refused":
                self.refused, self.quarantined = dict(event["refused"]), dict(event["quarantined"])
            elif kind == "state":
                self.said.emit(str(event.get("text") or ""))
            else:
                self.model.apply(event)
                if kind == "fix" and abs(float(event["at"]) - self.now()) > 60.0:
                    self._ahead_s = float(event["at"]) - time.time()  # a replay, or one that was put to another time
                if kind == "done":
                    self.finished.emit(str(event.get("mission")))

    def _set_state(self, state: str) -> None:
        self.state = state
        self.changed.emit()


def _mission(row: Mapping[str, Any]) -> Mission:
    cells = frozenset((int(column), int(number)) for column, number in row["cells"])
    minutes, start, end = (float(row[name]) for name in ("minutes", "start", "end"))
    return Mission(str(row["mission_id"]), cells, minutes, start, end)
