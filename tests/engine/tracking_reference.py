"""A plain reckoning of stays and of the timers of missions, to hold the engine against.

It shares nothing with the engine: it looks ahead where it likes, begins anew where it can, and counts whole seconds.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Optional

SIZE = 250.0
SILENT_S, GONE_S = 180, 300
"""After more seconds than these without a report a unit is silent, and later it has left."""

LEVELS = ("started", "amber", "done", "over")

Point = tuple[float, float, float]
"""Second, easting and northing."""

Stretch = tuple[int, int, float, float]
"""Column, row, start and end of a stay."""

Report = tuple[str, int, float, float]
"""Unit, second, easting and northing."""

Told = tuple[str, int, str, Optional[tuple[int, int]]]
"""What is told, of which second, of which unit or mission, and the cell that was entered or left."""


def utm_10(longitude: float, latitude: float) -> tuple[float, float]:
    """Easting and northing by Krüger's series: to the nanometre within the zone."""
    a, flattening, scale = 6378137.0, 1 / 298.257223563, 0.9996
    n = flattening / (2 - flattening)
    radius = a / (1 + n) * (1 + n**2 / 4 + n**4 / 64)
    alpha = (
        n / 2 - 2 * n**2 / 3 + 5 * n**3 / 16 + 41 * n**4 / 180,
        13 * n**2 / 48 - 3 * n**3 / 5 + 557 * n**4 / 1440,
        61 * n**3 / 240 - 103 * n**4 / 140,
        49561 * n**4 / 161280,
    )
    phi, lam = math.radians(latitude), math.radians(longitude + 123.0)
    e = 2 * math.sqrt(n) / (1 + n)
    t = math.sinh(math.atanh(math.sin(phi)) - e * math.atanh(e * math.sin(phi)))
    xi, eta = math.atan2(t, math.cos(lam)), math.atanh(math.sin(lam) / math.hypot(1, t))
    x = eta + sum(each * math.cos(2 * j * xi) * math.sinh(2 * j * eta) for j, each in enumerate(alpha, 1))
    y = xi + sum(each * math.sin(2 * j * xi) * math.cosh(2 * j * eta) for j, each in enumerate(alpha, 1))
    return 500_000 + scale * radius * x, scale * radius * y


def pieces(points: list[Point]) -> Iterator[list[Point]]:
    """Stretches of believed reports without a silence of more than three minutes: looks ahead, keeps no state."""
    piece: list[Point] = []
    place = 0
    while place < len(points):
        if not piece:
            piece = [points[place]]
        elif points[place][0] - piece[-1][0] > 180:
            yield piece
            piece = [points[place]]
        elif near(piece[-1], points[place]):
            piece.append(points[place])
        else:  # a jump: believed when the reports there agree, and none of them can be reached, three times in a row
            there = points[place : place + 3]
            lasting = (
                len(there) == 3
                and all(near(one, other) for one, other in zip(there, there[1:]))
                and not any(near(piece[-1], each) for each in there)
                and there[-1][0] - piece[-1][0] <= 180
            )
            if lasting:
                yield piece
                piece = list(there)
                place += 2
        place += 1
    if piece:
        yield piece


def near(one: Point, other: Point) -> bool:
    return math.dist(one[1:], other[1:]) <= 70 * (other[0] - one[0])


def stays(piece: list[Point]) -> Iterator[Stretch]:
    """From each place where a stay begins, look for the first report by which it is over."""
    begin = 0
    while True:
        col, row = (math.floor(each / SIZE) for each in piece[begin][1:])
        inside = [(math.floor(x / SIZE), math.floor(y / SIZE)) == (col, row) for _, x, y in piece]
        over = None
        for place in range(begin + 1, len(piece)):
            if inside[place]:
                continue
            first = place
            while not inside[first - 1]:
                first -= 1
            _, x, y = piece[place]
            away = math.hypot(
                max(col * SIZE - x, 0, x - (col + 1) * SIZE), max(row * SIZE - y, 0, y - (row + 1) * SIZE)
            )
            if away > 30 or piece[place][0] - piece[first][0] > 90:
                over = first
                break
        if over is None:
            yield col, row, piece[begin][0], piece[-1][0]
            return
        yield col, row, piece[begin][0], piece[over][0]
        begin = over


# --- what is told, and when


@dataclass
class Plan:
    """A mission, and what of it was reckoned.

    :ivar final: seconds of it that no report changes any more
    :ivar level: how many of the levels were told
    """

    name: str
    cells: frozenset[tuple[int, int]]
    start: int
    end: int
    minutes: int = 15
    most_minutes: int = 30
    final: set[int] = field(default_factory=set)
    level: int = 0

    def seconds(self, stays: Iterable[Stretch]) -> set[int]:
        """Seconds of its shift that some stays have in its cells."""
        return {
            second
            for col, row, start, end in stays
            if (col, row) in self.cells
            for second in range(max(int(start), self.start), min(int(end), self.end))
        }

    def reached(self, seconds: int) -> int:
        """How many of the levels so many seconds come to."""
        done = seconds >= 60 * self.minutes
        return 1 + (10 * seconds >= 8 * 60 * self.minutes) + done + (seconds > 60 * self.most_minutes)


class Reckoning:
    """What comes of reports in order, at most one of a unit in a second, and of the quiet between and after them.

    :ivar told: all that is told, in its order
    :ivar stays: unit, column, row, start and end
    """

    def __init__(self, reports: Sequence[Report], plans: Sequence[Plan]) -> None:
        self._plans = plans
        cells = {cell for plan in plans for cell in plan.cells}
        self._plans_in = {cell: [plan for plan in plans if cell in plan.cells] for cell in cells}
        self._since: dict[str, list[Point]] = {}  # a unit's reports since its stay began
        self._stay: dict[str, Stretch] = {}
        self._silent: set[str] = set()
        self.told: list[Told] = []
        self.stays: list[tuple[str, int, int, int, int]] = []
        for at, _, _, number in sorted(_moments(reports)):
            unit, heard_at, x, y = reports[number]
            if at == heard_at:
                self._hear(unit, at, x, y)
            elif at == heard_at + SILENT_S + 1:
                self._silent.add(unit)
                self.told.append(("silent", at, unit, self._stay[unit][:2]))
            else:
                self.told.append(("left", heard_at, unit, self._stay[unit][:2]))
                self._end(unit, [self._stay.pop(unit)])
                del self._since[unit]

    def minutes(self) -> dict[str, float]:
        """What each mission has got."""
        return {plan.name: len(plan.final) / 60 for plan in self._plans}

    def _hear(self, unit: str, at: int, x: float, y: float) -> None:
        if unit in self._silent:
            self._silent.remove(unit)
            self.told.append(("back", at, unit, None))
        reports = [*self._since.get(unit, ()), (at, x, y)]
        *over, now = [stay for piece in pieces(reports) for stay in stays(piece)]
        self._since[unit] = [each for each in reports if each[0] >= now[2]]
        before, self._stay[unit] = self._stay.get(unit), now
        if before is None or before[:2] != now[:2]:
            if before is not None:
                self.told.append(("left", int(now[2]), unit, before[:2]))
            self.told.append(("entered", int(now[2]), unit, now[:2]))
        self._end(unit, over)
        cells = {stay[:2] for stay in (*over, now)}
        for plan in {plan.name: plan for cell in cells for plan in self._plans_in.get(cell, ())}.values():
            self._time(plan, at)

    def _end(self, unit: str, over: Iterable[Stretch]) -> None:
        for stay in over:
            col, row, start, end = stay
            self.stays.append((unit, col, row, int(start), int(end)))
            for plan in self._plans_in.get((col, row), ()):
                plan.final |= plan.seconds([stay])

    def _time(self, plan: Plan, at: int) -> None:
        inside = [stay for stay in self._stay.values() if stay[:2] in plan.cells]
        seconds = len(plan.final | plan.seconds(inside))
        if seconds or (inside and plan.start <= at < plan.end):
            reached = plan.reached(seconds)
            self.told += [(level, at, plan.name, None) for level in LEVELS[plan.level : reached]]
            plan.level = max(plan.level, reached)


def _moments(reports: Sequence[Report]) -> Iterator[tuple[int, bool, int, int]]:
    """Moments at which something may be told, which of one second come first, and the number of the report.

    Reports come before what silence tells, and that by which unit was heard first.
    """
    following: dict[str, int] = {}
    ranks: dict[str, int] = {}
    for unit, *_ in reports:
        ranks.setdefault(unit, len(ranks))
    for number in range(len(reports) - 1, -1, -1):
        unit, at, _, _ = reports[number]
        quiet_s = following.get(unit, 1 << 60) - at
        yield at, False, number, number
        for wait_s in (SILENT_S, GONE_S):
            if quiet_s > wait_s + 1:
                yield at + wait_s + 1, True, ranks[unit], number
        following[unit] = at
