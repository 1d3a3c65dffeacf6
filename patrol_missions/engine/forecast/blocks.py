"""Blocks of cells, large enough for enough to happen in each that a comparison of forecasts means something there."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from patrol_missions.engine.forecast.panel import Cells

_MOST_BLOCKS = 400
_SMALLEST_SIDE = 4
_SMALLEST_SIDE_M = 1000.0


@dataclass(frozen=True, eq=False)
class Blocks:
    """Which block each cell lies in.

    :param side_cells: side of a block in cells
    :param of_cell: block of each cell, int64, shape (cells,)
    :param count: number of blocks
    """

    side_cells: int
    of_cell: np.ndarray
    count: int

    @classmethod
    def of(cls, cells: Cells) -> Blocks:
        """Square blocks of at least 4 x 4 cells and a kilometre, about 400 of them at most."""
        smallest = max(_SMALLEST_SIDE, round(_SMALLEST_SIDE_M / cells.size_m))
        side = max(smallest, round((len(cells) / _MOST_BLOCKS) ** 0.5))
        place = np.stack([cells.column // side, cells.row // side], axis=1)
        found, of_cell = np.unique(place, axis=0, return_inverse=True)
        return cls(side, of_cell.reshape(-1).astype(np.int64), len(found))

    def sums(self, values: np.ndarray, cell: np.ndarray | None = None) -> np.ndarray:
        """Sum per block of one value per cell, or of values that belong to the given cells; shape (blocks,)."""
        where = self.of_cell if cell is None else self.of_cell[cell]
        return np.asarray(np.bincount(where, values, minlength=self.count))
