"""From positions to stays in cells: a plain fold over one unit's reports in the order of their times.

A unit is in the cell in which it was first seen until it has left: until it is further than ``beyond_m`` outside, or
has been outside for longer than ``after_s``. A unit that strays over the border and comes back never left. It left when
it was first outside, so that every second between two reports belongs to exactly one stay, unless the reports are
further apart than ``gap_s``: then nobody knows where the unit was, and the time belongs to none.

A report that would need more than ``fastest_mps`` is not believed, until ``jumps`` of them in a row agree with each
other: then the unit really is there.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

Cell = tuple[int, int]
"""Column and row in the grid."""


@dataclass(frozen=True)
class Rules:
    """How stays are told. Lengths in metres, times in seconds.

    :param size_m: side of a cell
    :param shortest_s: what is shorter is a pass, not a visit: the least that has a dose (``engine.data.dose``)
    """

    size_m: float = 250.0
    after_s: float = 90.0
    beyond_m: float = 30.0
    gap_s: float = 180.0
    fastest_mps: float = 70.0
    jumps: int = 3
    shortest_s: float = 120.0


class Point(NamedTuple):
    """A believed report in the grid's plane: seconds since 1970 UTC, metres."""

    at: float
    x: float
    y: float


class Stay(NamedTuple):
    """A time in one cell; ``gap`` where it ended because nothing was heard any more."""

    cell: Cell
    start: float
    end: float
    gap: bool = False

    @property
    def seconds(self) -> float:
        """How long it lasted."""
        return self.end - self.start


class State(NamedTuple):
    """All that is known of a unit after a report.

    :param last: the last report that was believed
    :param cell: where the unit counts as being, since ``since``
    :param outside: reports from outside of the cell, as long as the unit may yet come back
    :param doubted: reports that would be jumps, as long as they may yet be true
    """

    last: Point
    cell: Cell
    since: float
    outside: tuple[Point, ...] = ()
    doubted: tuple[Point, ...] = ()

    def stay(self) -> Stay:
        """The stay so far."""
        return Stay(self.cell, self.since, self.last.at)


def cell_of(point: Point, rules: Rules) -> Cell:
    """The cell that a point is in."""
    return math.floor(point.x / rules.size_m), math.floor(point.y / rules.size_m)


def step(state: State | None, point: Point, rules: Rules) -> tuple[State, tuple[Stay, ...]]:
    """Take one report, later than all before; the new state, and the stays that it ended."""
    if state is None:
        return _at(point, rules), ()
    waited = point.at - state.last.at
    if waited > rules.gap_s:
        return _at(point, rules), (state.stay()._replace(gap=True),)
    if not _reachable(state.last, point, rules):
        return _doubt(state, point, rules)
    if cell_of(point, rules) == state.cell:
        return State(point, state.cell, state.since), ()
    outside = (*state.outside, point)
    if point.at - outside[0].at <= rules.after_s and _distance(point, state.cell, rules) <= rules.beyond_m:
        return State(point, state.cell, state.since, outside), ()
    left = Stay(state.cell, state.since, outside[0].at)
    there, ended = _replay(outside, rules)
    return there, (left, *ended)


def _doubt(state: State, point: Point, rules: Rules) -> tuple[State, tuple[Stay, ...]]:
    agree = not state.doubted or _reachable(state.doubted[-1], point, rules)
    doubted = (*state.doubted, point) if agree else (point,)
    if len(doubted) < rules.jumps:
        return state._replace(doubted=doubted), ()
    there, ended = _replay(doubted, rules)
    return there, (state.stay()._replace(gap=True), *ended)


def _replay(points: tuple[Point, ...], rules: Rules) -> tuple[State, tuple[Stay, ...]]:
    """Begin anew at the first of some points and go through the others."""
    state = _at(points[0], rules)
    ended: list[Stay] = []
    for point in points[1:]:
        state, more = step(state, point, rules)
        ended += more
    return state, tuple(ended)


def _at(point: Point, rules: Rules) -> State:
    return State(point, cell_of(point, rules), point.at)


def _reachable(one: Point, other: Point, rules: Rules) -> bool:
    return math.hypot(other.x - one.x, other.y - one.y) <= rules.fastest_mps * (other.at - one.at)


def _distance(point: Point, cell: Cell, rules: Rules) -> float:
    """How far a point is outside of a cell."""
    size = rules.size_m
    dx = max(cell[0] * size - point.x, 0.0, point.x - (cell[0] + 1) * size)
    dy = max(cell[1] * size - point.y, 0.0, point.y - (cell[1] + 1) * size)
    return math.hypot(dx, dy)
