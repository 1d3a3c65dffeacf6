"""Streets in cells: how many metres of them, and how many places where they meet."""

from __future__ import annotations

import numpy as np

from patrol_missions.core import grid

_SNAP_M = 0.1
_FEWEST_WAYS = 3


def lengths(columns: np.ndarray, rows: np.ndarray, size_m: float, ends: np.ndarray) -> np.ndarray:
    """Metres of street in each cell, float64, shape (cells,); exact, since streets are cut along the grid's lines.

    :param ends: x and y of the begin, x and y of the end of straight segments, metres, shape (segments, 4)
    """
    count = len(ends)
    cuts = [(np.arange(count), np.zeros(count)), (np.arange(count), np.ones(count))]
    cuts += [_cuts(ends[:, axis], ends[:, axis + 2], size_m) for axis in (0, 1)]
    segment, share = (np.concatenate(each) for each in zip(*cuts))
    order = np.lexsort((share, segment))
    segment, share = segment[order], share[order]
    same = segment[1:] == segment[:-1]
    begin, end, of = share[:-1][same], share[1:][same], segment[:-1][same]
    way = ends[:, 2:] - ends[:, :2]
    middle = ends[of, :2] + ((begin + end) / 2.0)[:, None] * way[of]
    cell = grid.locate(middle[:, 0], middle[:, 1], columns, rows, size_m)
    metres = (end - begin) * np.hypot(*way.T)[of]
    return np.bincount(cell[cell >= 0], metres[cell >= 0], minlength=len(columns)).astype(np.float64)


def _cuts(begin: np.ndarray, end: np.ndarray, size_m: float) -> tuple[np.ndarray, np.ndarray]:
    """Where segments cross the grid's lines of one direction: which segment, and at which share of its way."""
    low, high = np.minimum(begin, end) / size_m, np.maximum(begin, end) / size_m
    first = np.floor(low).astype(np.int64) + 1
    many = np.maximum(np.ceil(high).astype(np.int64) - first, 0)
    segment = np.repeat(np.arange(len(begin)), many)
    line = first[segment] + np.arange(len(segment)) - np.repeat(np.cumsum(many) - many, many)
    return segment, (line * size_m - begin[segment]) / (end - begin)[segment]


def intersections(columns: np.ndarray, rows: np.ndarray, size_m: float, ends: np.ndarray) -> np.ndarray:
    """Places in each cell where three or more ways meet, int64, shape (cells,).

    Streets meet where they share a vertex (within about 0.1 m), so that a bridge is no intersection; ways drawn twice
    count once.

    :param ends: as for :func:`lengths`
    """
    snapped = np.round(ends / _SNAP_M).astype(np.int64).reshape(-1, 2)
    node, index = np.unique(grid.cell_keys(snapped[:, 0], snapped[:, 1]), return_inverse=True)
    place = np.zeros((len(node), 2))
    place[index.reshape(-1)] = ends.reshape(-1, 2)
    pair = np.sort(index.reshape(-1, 2), axis=1)
    pair = np.unique(pair[pair[:, 0] != pair[:, 1]], axis=0)
    ways = np.bincount(pair.reshape(-1), minlength=len(node))
    crossing = place[ways >= _FEWEST_WAYS]
    cell = grid.locate(crossing[:, 0], crossing[:, 1], columns, rows, size_m)
    return np.bincount(cell[cell >= 0], minlength=len(columns)).astype(np.int64)
