"""What visits of patrol are worth, and what of it is left later: pure reckoning, the same for forecast and missions.

A visit is one stay of a patrol in a cell. Its *effective dose* grows with the minutes, ever slower, and is 1 for a
quarter of an hour or more; what is shorter than two minutes is a pass and counts nothing:

    dose(m) = min(1, (1 - exp(-m / 6)) / (1 - exp(-15 / 6)))   for m >= 2

The quarter of an hour is where stays at hot spots stopped gaining (Koper 1995, *Justice Quarterly* 12:649-672; Telep,
Mitchell & Weisburd 2014, *Justice Quarterly* 31:905-933, tried 12 to 16 minutes). The curve between is an assumption.

What is left of a dose fades in two parts, a fast one in hours and a slow one in days:

    left(age) = (1 - slow) * exp(-age / fast) + slow * max(0, 1 - age / days)
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

SHORTEST_MIN = 2.0
"""A shorter stay is a pass."""

FULL_MIN = 15.0
"""A stay of so many minutes has the whole dose."""

_BUILD_UP_MIN = 6.0
_HOUR_S = 3_600
_DAY_S = 86_400


def effective(minutes: np.ndarray) -> np.ndarray:
    """Effective dose of stays, from 0 to 1, float64, same shape."""
    minutes = np.asarray(minutes, dtype=np.float64)
    grown = np.expm1(-minutes / _BUILD_UP_MIN) / np.expm1(-FULL_MIN / _BUILD_UP_MIN)
    return np.where(minutes < SHORTEST_MIN, 0.0, np.minimum(grown, 1.0))


def left(age_s: np.ndarray, fast_hours: float, slow_share: float, slow_days: float) -> np.ndarray:
    """Share of a dose that still acts at an age in seconds, from 1 to 0, float64, same shape.

    :param fast_hours: time constant of the fast part
    :param slow_share: share of the dose that is the slow part, 0 to 1
    :param slow_days: days after which nothing of the slow part is left
    """
    age_s = np.asarray(age_s, dtype=np.float64)
    fast = np.exp(-age_s / (fast_hours * _HOUR_S))
    slow = np.maximum(1.0 - age_s / (slow_days * _DAY_S), 0.0)
    return np.asarray((1.0 - slow_share) * fast + slow_share * slow)


def mean_left(
    youngest_s: np.ndarray, oldest_s: np.ndarray, fast_hours: float, slow_share: float, slow_days: float
) -> np.ndarray:
    """Mean of :func:`left` over the ages between two, float64, same shape; what is to come (ages below 0) acts wholly.

    :param youngest_s: age in seconds
    :param oldest_s: the same, never below the youngest
    """
    fading = (fast_hours, slow_share, slow_days)
    young, old = (np.asarray(age, dtype=np.float64) for age in (youngest_s, oldest_s))
    to_come = np.minimum(old, 0.0) - np.minimum(young, 0.0)
    width = old - young
    area = to_come + _left_until(np.maximum(old, 0.0), *fading) - _left_until(np.maximum(young, 0.0), *fading)
    return np.where(width > 0, area / np.where(width > 0, width, 1.0), left(np.maximum(old, 0.0), *fading))


def _left_until(age_s: np.ndarray, fast_hours: float, slow_share: float, slow_days: float) -> np.ndarray:
    """Integral of :func:`left` from 0 to an age, in seconds."""
    fast_s, slow_s = fast_hours * _HOUR_S, slow_days * _DAY_S
    while_slow = np.minimum(age_s, slow_s)
    slow = while_slow - while_slow**2 / (2.0 * slow_s)
    return np.asarray(-(1.0 - slow_share) * fast_s * np.expm1(-age_s / fast_s) + slow_share * slow)


@dataclass(frozen=True, eq=False)
class Visits:
    """Visits without passes, in the order in which they ended.

    :param cells: number of cells
    :param cell: index of the cell, int64, shape (visits,)
    :param end: seconds UTC, int64, ascending; a visit is known from its end on
    :param minutes: how long it was, float64
    """

    cells: int
    cell: np.ndarray
    end: np.ndarray
    minutes: np.ndarray

    @classmethod
    def of(cls, cells: int, cell: np.ndarray, start: np.ndarray, end: np.ndarray) -> Visits:
        """Visits from their cells (-1: in none, left out), start and end (seconds UTC), in any order."""
        minutes = (end - start) / 60.0
        # One order for the same visits, so that sums are the same to the last digit.
        order = np.lexsort((minutes, cell, end))
        order = order[((minutes >= SHORTEST_MIN) & (cell >= 0))[order]]
        return cls(cells, cell[order].astype(np.int64), end[order].astype(np.int64), minutes[order])

    def __len__(self) -> int:
        return len(self.cell)

    @cached_property
    def dose(self) -> np.ndarray:
        """Effective dose of each, shape (visits,)."""
        return effective(self.minutes)

    @cached_property
    def start(self) -> np.ndarray:
        """When each began, seconds UTC, int64, shape (visits,)."""
        return self.end - np.rint(60.0 * self.minutes).astype(np.int64)

    def between(self, after: int, until: int) -> Visits:
        """Those that ended after one moment and by another, seconds UTC."""
        rows = slice(*np.searchsorted(self.end, [after, until], side="right").tolist())
        return Visits(self.cells, self.cell[rows], self.end[rows], self.minutes[rows])

    def faded(self, as_of: int, half_life_days: float) -> np.ndarray:
        """Sum of the doses per cell, float64, shape (cells,); one that ended an age ago counts 2^(-age / half-life).

        Only visits that have ended by ``as_of`` (seconds UTC) are counted.
        """
        known = slice(0, int(np.searchsorted(self.end, as_of, side="right")))
        age = (as_of - self.end[known]) / _DAY_S
        return np.bincount(self.cell[known], self.dose[known] * 0.5 ** (age / half_life_days), minlength=self.cells)

    def minutes_within(self, as_of: int, days: float) -> np.ndarray:
        """Minutes per cell of the visits that ended in the days up to ``as_of``, float64, shape (cells,)."""
        first, last = np.searchsorted(self.end, [as_of - int(days * _DAY_S), as_of], side="right")
        return np.bincount(self.cell[first:last], self.minutes[first:last], minlength=self.cells)

    @cached_property
    def beside_another(self) -> np.ndarray:
        """Whether each began while an earlier one went on in its cell, bool, shape (visits,)."""
        found = np.zeros(len(self), dtype=bool)
        if len(self) == 0:
            return found
        order = np.lexsort((self.end, self.start, self.cell))
        first = int(self.start.min())
        # Cells one after the other on one line of time.
        base = self.cell[order] * (int(self.end.max()) - first + 1) - first
        latest = np.maximum.accumulate(base + self.end[order])
        found[order[1:]] = (base + self.start[order])[1:] < latest[:-1]
        return found
