"""In how many shifts in a row patrol was in each cell.

A stay belongs to one shift: of those that are on when it begins, the one that began last. A run of shifts goes on until
a *rest*: a shift that is over, had no patrol in the cell, and overlaps no shift that had. So a shift passed over while
patrol came in another at the same time is no rest, and hours in which no shift is on neither count nor end a run.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from patrol_missions.core.law_groups import Ints


@dataclass(frozen=True, eq=False)
class ShiftRuns:
    """Which shifts had patrol in which cells.

    :param start: of the shift instances, seconds UTC, ascending, shape (shifts,)
    :param end: of the same
    :param there: whether a stay belongs to the shift, shape (shifts, cells)
    """

    start: Ints
    end: Ints
    there: NDArray[np.bool_]

    @classmethod
    def none(cls, start: Ints, end: Ints, cells: int) -> ShiftRuns:
        """No patrol anywhere."""
        return cls(start, end, np.zeros((len(start), cells), dtype=bool))

    def plus(self, cell: Ints, begin: Ints) -> ShiftRuns:
        """With more stays, by their cells and when they began (seconds UTC); those in no shift change nothing."""
        shift = self._shift_at(begin)
        there = self.there.copy()
        there[shift[shift >= 0], cell[shift >= 0]] = True
        return replace(self, there=there)

    def in_a_row(self, moment_s: int) -> Ints:
        """Shifts with patrol since the last rest as of a moment (seconds UTC), shape (cells,).

        A shift that is still to end may yet have patrol, so it is no rest; one that has patrol to come counts.
        """
        count = np.zeros(self.there.shape[1], dtype=np.int64)
        going = np.ones(len(count), dtype=bool)
        for shift in range(len(self.start) - 1, -1, -1):
            if self.end[shift] <= moment_s:
                at_once = (self.start < self.end[shift]) & (self.end > self.start[shift])
                going &= self.there[at_once].any(axis=0)
                if not going.any():
                    break
            count += going & self.there[shift]
        return count

    def _shift_at(self, moment_s: Ints) -> Ints:
        """The shift on at each moment that began last; -1 where none is on."""
        if len(self.start) == 0:
            return np.full(len(moment_s), -1, dtype=np.int64)
        shift = np.searchsorted(self.start, moment_s, side="right").astype(np.int64) - 1
        latest_end = np.maximum.accumulate(self.end)
        while True:
            over = (shift >= 0) & (self.end[shift] <= moment_s)
            if not over.any():
                return shift
            shift = np.where(over, np.where(latest_end[shift] > moment_s, shift - 1, -1), shift)
