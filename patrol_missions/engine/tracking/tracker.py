"""All units at once: position reports in; who entered and left what, timers of missions, and stays for the ledger out.

Whatever is told at once may be put right by a report that comes late; what is handed to the ledger is final.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from patrol_missions.engine.tracking import timers
from patrol_missions.engine.tracking.fixes import Belief, Fix, Refusal
from patrol_missions.engine.tracking.stays import Cell, Point, Rules, Stay
from patrol_missions.engine.tracking.timers import Mission, Presence
from patrol_missions.engine.tracking.track import Track

FIX, ENTERED, LEFT, SILENT, BACK = "fix", "entered", "left", "silent", "back"

Project = Callable[[np.ndarray, np.ndarray], "tuple[np.ndarray, np.ndarray]"]
"""Longitudes and latitudes to metres of the grid."""


@dataclass(frozen=True)
class Alarms:
    """When something is told.

    :param amber: share of a mission's minutes from which it is nearly done
    :param silent_s: after so long without a report a unit is silent
    :param lateness_s: how late a report may come
    """

    amber: float = 0.8
    silent_s: float = 180.0
    lateness_s: float = 120.0


@dataclass(frozen=True)
class Event:
    """Something that happened.

    :param at: seconds since 1970 UTC
    :param minutes: of a mission so far
    :param fix: where the unit is, for events of the kind ``fix``
    """

    kind: str
    at: float
    unit: str = ""
    cell: Cell | None = None
    mission: str = ""
    minutes: float | None = None
    fix: Fix | None = None

    def json(self) -> dict[str, Any]:
        """As clients get it."""
        told: dict[str, Any] = {"event": self.kind, "at": self.at}
        if self.unit:
            told["unit"] = self.unit
        if self.cell is not None:
            told["cell"] = list(self.cell)
        if self.mission:
            told["mission"] = self.mission
        if self.minutes is not None:
            told["minutes"] = round(self.minutes, 3)
        if self.fix is not None:
            told |= {
                "longitude": self.fix.longitude,
                "latitude": self.fix.latitude,
                "speed_mps": self.fix.speed_mps,
                "heading_deg": self.fix.heading_deg,
            }
        return told


@dataclass
class _Unit:
    """A unit's track, and what was told of it."""

    track: Track
    cell: Cell | None = None
    silent: bool = False


@dataclass
class _Timer:
    """A mission, the final stays in it, and what was told of it."""

    mission: Mission
    final: list[Presence] = field(default_factory=list)
    told: str = ""


class Tracker:
    """Knows where everybody is.

    :ivar refused: how many reports were refused, by reason
    """

    def __init__(
        self, project: Project, rules: Rules, belief: Belief, alarms: Alarms, missions: Iterable[Mission] = ()
    ) -> None:
        self._project, self._rules, self._belief, self._alarms = project, rules, belief, alarms
        self._units: dict[str, _Unit] = {}
        self._timers: dict[str, _Timer] = {}
        self._missions_in: dict[Cell, list[_Timer]] = {}
        self._near: dict[Cell, set[str]] = {}
        self._settled: list[tuple[str, Stay]] = []
        self.refused: Counter[Refusal] = Counter()
        self.set_missions(missions)

    # --- missions

    def set_missions(self, missions: Iterable[Mission]) -> None:
        """Time these missions; those that are known go on with what they have."""
        known, self._timers = self._timers, {}
        for each in missions:
            timer = self._timers[each.mission_id] = known.get(each.mission_id) or _Timer(each)
            timer.mission = each  # its minutes or its shift may be others now
        self._missions_in = {}
        for timer in self._timers.values():
            for cell in timer.mission.cells:
                self._missions_in.setdefault(cell, []).append(timer)
        self._near = {cell: set(self._units) for cell in self._missions_in}

    def minutes(self) -> dict[str, float]:
        """Minutes that each mission has got so far."""
        return {name: self._minutes(timer) for name, timer in self._timers.items()}

    # --- reports

    def take(self, fixes: Sequence[Fix], now: float) -> list[Event]:
        """Take reports in the order in which they came; what is to be told of them at once.

        :param now: seconds since 1970 UTC, by the clock that the reports are held against
        """
        believed = []
        for fix in fixes:
            refusal = self._belief.refusal(fix, now)
            if refusal is None:
                believed.append(fix)
            else:
                self.refused[refusal] += 1
        if not believed:
            return []
        x, y = self._project(
            np.array([fix.longitude for fix in believed]), np.array([fix.latitude for fix in believed])
        )
        events: list[Event] = []
        touched: dict[str, None] = {}
        for fix, east, north in zip(believed, x.tolist(), y.tolist()):
            unit = self._units.get(fix.unit)
            if unit is None:
                unit = self._units[fix.unit] = _Unit(Track(self._rules, self._alarms.lateness_s))
            refusal = unit.track.add(Point(fix.at, east, north), fix.accuracy_m or 0.0)
            if refusal is not None:
                self.refused[refusal] += 1
                continue
            if unit.silent:
                unit.silent = False
                events.append(Event(BACK, fix.at, fix.unit))
            if fix.at >= unit.track.newest:
                events.append(Event(FIX, fix.at, fix.unit, fix=fix))
            touched[fix.unit] = None
        cells: dict[Cell, None] = {}
        for name in touched:
            unit = self._units[name]
            events += self._moved(name, unit, cells)
            self._settle(name, unit.track.settle())
        return [*events, *self._time(cells, now)]

    def tick(self, now: float) -> list[Event]:
        """What time alone changes: units that fall silent, and stays that nothing can change any more."""
        events: list[Event] = []
        cells: dict[Cell, None] = {}
        for name, unit in self._units.items():
            waited = now - unit.track.newest
            if waited > self._alarms.silent_s and not unit.silent and unit.cell is not None:
                unit.silent = True
                events.append(Event(SILENT, now, name, unit.cell))
            if waited > self._rules.gap_s + self._alarms.lateness_s and unit.track.state is not None:
                self._settle(name, unit.track.close())
                if unit.cell is not None:
                    cells[unit.cell] = None
                    events.append(Event(LEFT, unit.track.newest, name, unit.cell))
                    unit.cell = None
        return [*events, *self._time(cells, now)]

    def close(self) -> None:
        """Let all stays end with what is known of them: the watch is over, and nothing more is heard."""
        for name, unit in self._units.items():
            self._settle(name, unit.track.close())

    def settled(self) -> list[tuple[str, Stay]]:
        """Units and stays that are final since the last call, for the ledger."""
        settled, self._settled = self._settled, []
        return settled

    # --- going on after a restart

    def kept(self, units: Iterable[str] | None = None) -> dict[str, dict[str, Any]]:
        """What is settled of each unit, or of some, as JSON takes it."""
        wanted = self._units if units is None else [name for name in units if name in self._units]
        return {name: self._units[name].track.kept() for name in wanted}

    def resume(self, kept: Mapping[str, Mapping[str, Any]], stays: Iterable[tuple[str, Stay]]) -> None:
        """Go on from what :meth:`kept` gave and the stays that were final; the missions were set before.

        Then take the reports of the journal once more: those that are settled are refused, and what is told of the
        others was told before.
        """
        for name, each in kept.items():
            self._units[name] = _Unit(Track.resumed(self._rules, self._alarms.lateness_s, each))
        for name, stay in stays:
            for timer in self._missions_in.get(stay.cell, ()):
                timer.final.append(Presence(name, stay.start, stay.end))

    # --- inside

    def _moved(self, name: str, unit: _Unit, cells: dict[Cell, None]) -> list[Event]:
        """Entered and left, as far as it was not told yet; the cells concerned are added to ``cells``."""
        state = unit.track.state
        if state is None:
            return []
        for cell in (state.cell, *(stay.cell for stay in unit.track.ended())):
            if cell in self._near:
                self._near[cell].add(name)
                cells[cell] = None
        if state.cell == unit.cell:
            return []
        events = []
        if unit.cell is not None:
            events.append(Event(LEFT, state.since, name, unit.cell))
        unit.cell = state.cell
        return [*events, Event(ENTERED, state.since, name, unit.cell)]

    def _settle(self, name: str, stays: Iterable[Stay]) -> None:
        for stay in stays:
            self._settled.append((name, stay))
            for timer in self._missions_in.get(stay.cell, ()):
                timer.final.append(Presence(name, stay.start, stay.end))

    def _time(self, cells: Iterable[Cell], now: float) -> list[Event]:
        """What the timers of missions in some cells have to tell."""
        concerned = {id(timer): timer for cell in cells for timer in self._missions_in.get(cell, ())}
        if not concerned:
            return []
        events = []
        for timer in concerned.values():
            done = self._minutes(timer)
            inside = any(self._present(cell) for cell in timer.mission.cells)
            if done <= 0 and not (inside and timer.mission.start <= now < timer.mission.end):
                continue
            level = timers.level(timer.mission, done, self._alarms.amber)
            if timer.told and timers.passed(level, timer.told):
                continue  # a late report took minutes away; what was told is not taken back
            cell, name = timer.mission.cells[0], timer.mission.mission_id
            events += [
                Event(each, now, cell=cell, mission=name, minutes=done) for each in timers.passed(timer.told, level)
            ]
            timer.told = level
        return events

    def _present(self, cell: Cell) -> list[Presence]:
        """Stays in a mission's cell that are not final yet; units that have none there are forgotten for it."""
        found, gone = [], []
        for name in self._near.get(cell, ()):
            track = self._units[name].track
            stays = [*track.ended(), *([track.state.stay()] if track.state is not None else [])]
            here = [Presence(name, stay.start, stay.end) for stay in stays if stay.cell == cell]
            found += here
            if not here:
                gone.append(name)
        self._near.get(cell, set()).difference_update(gone)
        return found

    def _minutes(self, timer: _Timer) -> float:
        return timers.minutes(
            timer.mission, [*timer.final, *(each for cell in timer.mission.cells for each in self._present(cell))]
        )
