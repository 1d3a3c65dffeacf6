"""The cells of missions in drawn boxes."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from patrol_missions.core.tables import Table
from patrol_missions.engine.tracking.stays import Cell

Cells = dict[int, set[Cell]]


def cells(edges: Table, size_m: float) -> Cells:
    """The cells whose middle is in each box, by the row of its mission.

    :param edges: ``mission`` (row), and ``x1, y1, x2, y2`` (metres): the edges of all rings of its polygon in any order
    """
    missions = edges["mission"]
    ends = np.column_stack([edges[name] for name in ("x1", "y1", "x2", "y2")])
    return {number: _within(ends[missions == number], size_m) for number in np.unique(missions).tolist()}


def _within(edges: NDArray[np.float64], size_m: float) -> set[Cell]:
    """A middle is inside where an odd number of edges is west of it."""
    lowest, highest = edges[:, [1, 3]].min(), edges[:, [1, 3]].max()
    found: set[Cell] = set()
    for row in range(math.floor(lowest / size_m), math.ceil(highest / size_m)):
        y = (row + 0.5) * size_m
        x1, y1, x2, y2 = edges[(edges[:, 1] <= y) != (edges[:, 3] <= y)].T
        crossings = np.sort(x1 + (y - y1) / (y2 - y1) * (x2 - x1)) / size_m - 0.5
        for first, last in zip(crossings[::2].tolist(), crossings[1::2].tolist()):
            found.update((column, row) for column in range(math.ceil(first), math.ceil(last)))
    return found
