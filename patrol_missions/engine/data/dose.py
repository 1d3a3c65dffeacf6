"""What visits of patrol are worth, and what of it is left later: pure reckoning, the same for forecast and missions.

A visit is one stay of a patrol in a cell. Its *effective dose* grows with the minutes, ever slower, and is 1 for a
quarter of an hour or more; what is shorter than two minutes is a pass and counts nothing:

    dose(m) = min(1, (1 - exp(-m / 6)) / (1 - exp(-15 / 6)))   for m >= 2

The quarter of an hour is where stays at hot spots stopped gaining (Koper 1995, *Justice Quarterly* 12:649-672; Telep,
Mitchell & Weisburd 2014, *Justice Quarterly* 31:905-933, tried 12 to 16 minutes). The curve between is an assumption.
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
_DAY_S = 86_400


def effective(minutes: np.ndarray) -> np.ndarray:
    """Effective dose of stays, from 0 to 1, float64, same shape."""
    minutes = np.asarray(minutes, dtype=np.float64)
    grown = np.expm1(-minutes / _BUILD_UP_MIN) / np.expm1(-FULL_MIN / _BUILD_UP_MIN)
    return np.where(minutes < SHORTEST_MIN, 0.0, np.minimum(grown, 1.0))


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
