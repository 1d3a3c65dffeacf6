"""What is known of units and missions right now, from what the gateway tells."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

Cell = tuple[int, int]

WAITING, RUNNING, AMBER, DONE, OVER = "waiting", "in progress", "nearly done", "done", "over-dosed"
"""States of a mission; the values are those of the layer."""

_LEVELS = {"waiting": WAITING, "started": RUNNING, "amber": AMBER, "done": DONE, "over": OVER}
_TRAIL_S = 600.0


@dataclass
class Unit:
    """A unit as it was last heard of; times are seconds since 1970 UTC.

    :param trail: time, longitude, latitude of the last minutes
    """

    name: str
    at: float = 0.0
    longitude: float = 0.0
    latitude: float = 0.0
    heading_deg: float | None = None
    speed_mps: float | None = None
    cell: Cell | None = None
    silent: bool = False
    trail: list[tuple[float, float, float]] = field(default_factory=list)


@dataclass
class Mission:
    """A mission of the plan.

    :param start, end: its shift
    :param minutes: what it had at ``at``
    :param inside: units that are in it
    """

    mission_id: str
    cells: frozenset[Cell]
    dose_minutes: float
    start: float = 0.0
    end: float = math.inf
    state: str = WAITING
    minutes: float = 0.0
    at: float = 0.0
    inside: set[str] = field(default_factory=set)

    def runs(self, now: float) -> bool:
        """Whether its shift runs."""
        return self.start <= now < self.end

    def minutes_at(self, now: float) -> float:
        """Minutes that it has: they run while a unit is inside and its shift runs."""
        if not (self.inside and self.at):
            return self.minutes
        return self.minutes + max(0.0, min(now, self.end) - max(self.at, self.start)) / 60.0

    def left_s(self, now: float) -> float:
        """Seconds until it is done; below 0 beyond."""
        return 60.0 * (self.dose_minutes - self.minutes_at(now))


@dataclass(frozen=True)
class Coverage:
    """What the missions of the running shifts have got of their minutes.

    :param delivered: no mission counts with more than it was to get
    :param running: begun, and not done yet
    """

    missions: int
    done: int
    running: int
    planned: float
    delivered: float

    @property
    def waiting(self) -> int:
        """Missions where nobody has been yet."""
        return self.missions - self.done - self.running


class LiveModel:
    """Takes one event after the other.

    :ivar moved: units whose position changed since :meth:`taken`
    :ivar changed: missions whose state changed since then
    """

    def __init__(self) -> None:
        self.clear()

    def clear(self) -> None:
        """Know nothing."""
        self.units: dict[str, Unit] = {}
        self.missions: dict[str, Mission] = {}
        self._in_cell: dict[Cell, list[Mission]] = {}
        self.moved: set[str] = set()
        self.changed: set[str] = set()

    def set_missions(self, missions: Iterable[Mission]) -> None:
        """Time these from now on."""
        self.missions = {mission.mission_id: mission for mission in missions}
        self._in_cell = {}
        for mission in self.missions.values():
            for cell in mission.cells:
                self._in_cell.setdefault(cell, []).append(mission)
        for unit in self.units.values():
            for mission in self._missions_in(unit.cell):
                mission.inside.add(unit.name)
        self.changed = set(self.missions)

    def missions_in(self, cell: Cell | None, now: float) -> list[Mission]:
        """Missions of a cell whose shift runs."""
        return [mission for mission in self._missions_in(cell) if mission.runs(now)]

    def _missions_in(self, cell: Cell | None) -> list[Mission]:
        """Those of any shift: a unit may be there before the shift begins."""
        return self._in_cell.get(cell, []) if cell is not None else []

    def apply(self, event: Mapping[str, Any]) -> None:
        """Take up an event; what is not known is passed over."""
        kind, at = str(event.get("event")), float(event.get("at") or 0.0)
        if kind == "fix":
            self._move(event, at)
        elif kind in ("entered", "left"):
            self._cross(event, at, kind == "entered")
        elif kind in ("silent", "back"):
            self._unit(event).silent = kind == "silent"
            self.moved.add(str(event["unit"]))
        elif kind in _LEVELS:
            mission = self.missions.get(str(event.get("mission")))
            if mission is not None:
                mission.state, mission.minutes, mission.at = _LEVELS[kind], float(event.get("minutes") or 0.0), at
                self.changed.add(mission.mission_id)

    def coverage(self, now: float) -> Coverage:
        """How far the missions are whose shift runs."""
        due = [mission for mission in self.missions.values() if mission.runs(now)]
        return Coverage(
            len(due),
            sum(mission.state in (DONE, OVER) for mission in due),
            sum(mission.state in (RUNNING, AMBER) for mission in due),
            sum(mission.dose_minutes for mission in due),
            sum(min(mission.minutes_at(now), mission.dose_minutes) for mission in due),
        )

    def taken(self) -> tuple[set[str], set[str]]:
        """Units that moved and missions that changed since the last call."""
        moved, changed, self.moved, self.changed = self.moved, self.changed, set(), set()
        return moved, changed

    def _unit(self, event: Mapping[str, Any]) -> Unit:
        name = str(event.get("unit"))
        return self.units.setdefault(name, Unit(name))

    def _move(self, event: Mapping[str, Any], at: float) -> None:
        unit = self._unit(event)
        if at < unit.at:
            return
        unit.at, unit.longitude, unit.latitude = at, float(event["longitude"]), float(event["latitude"])
        unit.heading_deg, unit.speed_mps, unit.silent = event.get("heading_deg"), event.get("speed_mps"), False
        unit.trail.append((at, unit.longitude, unit.latitude))
        if unit.trail[0][0] < at - 2 * _TRAIL_S:  # cut now and then, not with every report
            unit.trail = [point for point in unit.trail if point[0] >= at - _TRAIL_S]
        self.moved.add(unit.name)

    def _cross(self, event: Mapping[str, Any], at: float, enters: bool) -> None:
        unit = self._unit(event)
        cell = (int(event["cell"][0]), int(event["cell"][1]))
        if enters:
            unit.cell = cell
        for mission in self._missions_in(cell):
            mission.minutes, mission.at = mission.minutes_at(at), at
            (mission.inside.add if enters else mission.inside.discard)(unit.name)
            self.changed.add(mission.mission_id)
