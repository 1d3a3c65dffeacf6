"""Position reports of the past, all at once and in any order: the stays that they come to."""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from operator import attrgetter

import numpy as np

from patrol_missions.core.tables import Table
from patrol_missions.engine.tracking import visits_table
from patrol_missions.engine.tracking.fixes import Belief, Fix, Refusal
from patrol_missions.engine.tracking.ledger_rows import END, GAP, IMPORT, LEFT, Entry, Gap
from patrol_missions.engine.tracking.projection import Project
from patrol_missions.engine.tracking.stays import Cell, Point, Rules, Stay
from patrol_missions.engine.tracking.track import Track

_TOGETHER_S = 1.0  # reports are sorted by time, so that only those of one moment compete


@dataclass
class Reports:
    """Believed reports, gathered in little memory.

    :param belief: what a report must be like
    :param now: seconds since 1970 UTC; no report of the past is later
    :ivar refused: how many were refused, by why
    """

    belief: Belief
    now: float
    refused: Counter[str] = field(default_factory=Counter)
    _codes: dict[str, int] = field(default_factory=dict)
    _unit: array[int] = field(default_factory=lambda: array("l"))
    _numbers: array[float] = field(default_factory=lambda: array("d"))

    def __len__(self) -> int:
        return len(self._unit)

    def add(self, fix: Fix) -> None:
        """Take a report, or refuse it."""
        refusal = self.belief.refusal(fix, self.now)
        if refusal is not None:
            self.refused[refusal.value] += 1
            return
        self._unit.append(self._codes.setdefault(fix.unit, len(self._codes)))
        self._numbers.extend((fix.at, fix.longitude, fix.latitude, fix.accuracy_m or 0.0))

    def units(self) -> list[str]:
        """Names of all units, in order."""
        return sorted(self._codes)

    def trails(self) -> Iterator[tuple[str, float, float, float]]:
        """Unit, time, longitude and latitude, by unit and time."""
        for unit, numbers in self._by_unit():
            yield from ((unit, at, longitude, latitude) for at, longitude, latitude, _ in numbers.tolist())

    def by_unit(self, project: Project) -> Iterator[tuple[str, Iterator[tuple[Point, float]]]]:
        """Units by name, each with its reports by time and how far off they may be.

        Reports that have no place in the plane are refused.
        """
        for unit, numbers in self._by_unit():
            yield unit, self._points(numbers, project)

    def _by_unit(self) -> Iterator[tuple[str, np.ndarray]]:
        codes, numbers = np.frombuffer(self._unit, dtype=np.dtype("l")), np.frombuffer(self._numbers).reshape(-1, 4)
        order = np.lexsort((numbers[:, 0], codes))
        bounds = np.searchsorted(codes[order], np.arange(len(self._codes) + 1))
        for unit in self.units():
            code = self._codes[unit]
            yield unit, numbers[order[bounds[code] : bounds[code + 1]]]

    def _points(self, numbers: np.ndarray, project: Project) -> Iterator[tuple[Point, float]]:
        at, longitude, latitude, accuracy = numbers.T
        x, y = project(longitude, latitude)
        there = np.isfinite(x) & np.isfinite(y)
        self.refused[Refusal.NO_POSITION.value] += int((~there).sum())
        for moment, east, north, off in zip(*(each[there].tolist() for each in (at, x, y, accuracy))):
            yield Point(moment, east, north), off


@dataclass(frozen=True)
class Past:
    """What reports of the past come to.

    :param entries: visits and passes by their start
    :param gaps: when units were not heard, between times in which they were
    :param refused: reports that were of no use, by why
    """

    entries: list[Entry]
    gaps: list[Gap]
    refused: dict[str, int]

    def within(self, cells: set[Cell]) -> Past:
        """Only what happened in some cells; gaps stay, since nobody knows where the units were."""
        return Past([each for each in self.entries if each.stay.cell in cells], self.gaps, self.refused)

    def table(self, size_m: float) -> Table:
        """The entries; see :func:`visits_table.table`."""
        return visits_table.table(self.entries, size_m)


def fold(reports: Reports, project: Project, rules: Rules, progress: Callable[[float], None] = lambda _: None) -> Past:
    """The stays of all units, as live tracking would have told them had every report come in time.

    :param project: into the plane of the grid
    :param progress: hears which part is done
    """
    entries: list[Entry] = []
    gaps: list[Gap] = []
    units = len(reports.units())
    for number, (unit, points) in enumerate(reports.by_unit(project)):
        progress(number / units)
        theirs = [
            Entry.of(unit, stay, rules, ended_by=ended_by, source=IMPORT)
            for stay, ended_by in _stays(points, rules, reports.refused)
        ]
        entries += theirs
        gaps += [
            Gap(unit, one.stay.end, other.stay.start) for one, other in zip(theirs, theirs[1:]) if one.ended_by == GAP
        ]
    entries.sort(key=lambda each: (each.stay.start, each.unit))
    gaps.sort(key=attrgetter("start", "unit"))
    return Past(entries, gaps, {why: count for why, count in sorted(reports.refused.items()) if count})


def _stays(points: Iterable[tuple[Point, float]], rules: Rules, refused: Counter[str]) -> Iterator[tuple[Stay, str]]:
    """A unit's stays, each with what ended it unless that was a gap."""
    track = Track(rules, _TOGETHER_S)
    for point, accuracy_m in points:
        refusal = track.add(point, accuracy_m)
        if refusal is not None:
            refused[refusal.value] += 1
        yield from ((stay, LEFT) for stay in track.settle())
    rest = track.close()
    yield from ((stay, END if stay is rest[-1] else LEFT) for stay in rest)
