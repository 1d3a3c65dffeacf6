"""How far places are from cells, and how densely they stand: exact distances from centres to points, lines and areas.

Shapes are straight segments; a point is one without length, an area its outline and the centres of the cells inside it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from patrol_missions.core import grid
from patrol_missions.core.grid import Block

RADII_M = (250.0, 500.0)
"""Places are counted within these distances of a cell's centre."""

FARTHEST_M = 750.0
"""Distances end here: from farther on, a distance is a coordinate in disguise, and models learn each place by heart."""

_PAIRS = 2_000_000  # of piece and cell that are looked at together


@dataclass(frozen=True, eq=False)
class Segments:
    """Shapes of many features.

    :param ends: x and y of the begin, x and y of the end of each segment, metres, float64, shape (segments, 4)
    :param feature: which feature each belongs to, int64, ascending, shape (segments,)
    """

    ends: np.ndarray
    feature: np.ndarray

    def take(self, rows: np.ndarray) -> Segments:
        """Some of the segments (a mask)."""
        return Segments(self.ends[rows], self.feature[rows])


@dataclass(frozen=True, eq=False)
class Near:
    """Features seen from the cells' centres.

    :param distance_m: to the nearest, at most :data:`FARTHEST_M`, float64, shape (cells,)
    :param count: features within each radius, int64, shape (radii, cells)
    :param density: kernel density of features per km², float64, shape (radii, cells)
    """

    distance_m: np.ndarray
    count: np.ndarray
    density: np.ndarray


def near(
    columns: np.ndarray,
    rows: np.ndarray,
    size_m: float,
    segments: Segments,
    radii_m: Sequence[float],
    tell: Callable[[float], None] | None = None,
) -> Near:
    """Distance to the nearest feature, and number and density of features within radii.

    The kernel is the quartic one, 3 / (pi r^2) (1 - d^2 / r^2)^2 (Silverman 1986, Density Estimation, eq. 4.5), with
    *d* the distance from the cell's centre to the nearest point of the feature.

    :param tell: hears the share done (0 to 1); what it raises ends the work
    """
    cells = len(columns)
    found = Near(
        np.full(cells, FARTHEST_M),
        np.zeros((len(radii_m), cells), dtype=np.int64),
        np.zeros((len(radii_m), cells)),
    )
    reach = max(FARTHEST_M, *radii_m)
    x, y = grid.centres(columns, rows, size_m)
    box = (x.min() - reach, y.min() - reach, x.max() + reach, y.max() + reach)
    pieces = _pieces(segments.take(_overlaps(segments.ends, box)), size_m)
    block = Block.of(columns, rows)
    offsets = _offsets(reach, size_m)
    step = max(_PAIRS // len(offsets), 1)
    feature, cell, distance = np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0)
    for begin in range(0, len(pieces.feature), step):
        if tell is not None:
            tell(begin / len(pieces.feature))
        part = Segments(pieces.ends[begin : begin + step], pieces.feature[begin : begin + step])
        pairs = _pairs(part, block, x, y, size_m, offsets, reach)
        feature, cell, distance = (np.concatenate(both) for both in zip((feature, cell, distance), pairs))
        feature, cell, distance = _nearest(feature, cell, distance, cells)
        # The last feature may go on in the next part.
        whole = feature < part.feature[-1]
        _add(found, cell[whole], distance[whole], radii_m)
        feature, cell, distance = feature[~whole], cell[~whole], distance[~whole]
    _add(found, cell, distance, radii_m)
    return found


def _overlaps(ends: np.ndarray, box: tuple[float, float, float, float]) -> np.ndarray:
    """Which segments' own boxes overlap a box."""
    low, high = np.minimum(ends[:, :2], ends[:, 2:]), np.maximum(ends[:, :2], ends[:, 2:])
    return np.asarray((high >= box[:2]).all(axis=1) & (low <= box[2:]).all(axis=1))


def _pieces(segments: Segments, longest_m: float) -> Segments:
    """The segments cut into equal pieces of no more than a length."""
    ends = segments.ends
    length = np.hypot(ends[:, 2] - ends[:, 0], ends[:, 3] - ends[:, 1])
    parts = np.maximum(np.ceil(length / longest_m), 1).astype(np.int64)
    which = np.repeat(np.arange(len(ends)), parts)
    number = np.arange(len(which)) - np.repeat(np.cumsum(parts) - parts, parts)
    low, high = number / parts[which], (number + 1) / parts[which]
    start, way = ends[which, :2], ends[which, 2:] - ends[which, :2]
    return Segments(
        np.concatenate([start + low[:, None] * way, start + high[:, None] * way], axis=1), segments.feature[which]
    )


def _offsets(reach: float, size_m: float) -> np.ndarray:
    """Columns and rows from the cell of a piece's middle to those whose centres may be in reach, shape (n, 2)."""
    most = int(reach / size_m + 1)
    line = np.arange(-most, most + 1)
    pairs = np.stack(np.meshgrid(line, line), axis=2).reshape(-1, 2)
    # The middle is up to half a side off its cell's centre each way, and a piece reaches half a side from its middle.
    gap = np.hypot(*np.maximum(np.abs(pairs) - 0.5, 0.0).T) - 0.5
    return pairs[gap * size_m <= reach]


def _pairs(
    pieces: Segments, block: Block, x: np.ndarray, y: np.ndarray, size_m: float, offsets: np.ndarray, reach: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Feature, cell and distance of every piece and cell within reach."""
    middle = (pieces.ends[:, :2] + pieces.ends[:, 2:]) / 2.0
    column, row = grid.columns_rows(middle[:, 0], middle[:, 1], size_m)
    at = block.at(column[:, None] + offsets[:, 0], row[:, None] + offsets[:, 1])
    piece, place = np.nonzero(at >= 0)
    cell = at[piece, place].astype(np.int64)
    start, way = pieces.ends[piece, :2], (pieces.ends[:, 2:] - pieces.ends[:, :2])[piece]
    towards = np.stack([x[cell], y[cell]], axis=1) - start
    square = (way**2).sum(axis=1)
    along = np.clip((towards * way).sum(axis=1) / np.where(square > 0, square, 1.0), 0.0, 1.0)
    distance = np.hypot(*(towards - along[:, None] * way).T)
    close = distance <= reach
    return pieces.feature[piece[close]], cell[close], distance[close]


def _nearest(
    feature: np.ndarray, cell: np.ndarray, distance: np.ndarray, cells: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The smallest distance of each feature and cell."""
    if len(feature) == 0:
        return feature, cell, distance
    key = feature * cells + cell
    order = np.argsort(key, kind="stable")
    key = key[order]
    first = np.flatnonzero(np.concatenate([[True], np.diff(key) != 0]))
    return key[first] // cells, key[first] % cells, np.minimum.reduceat(distance[order], first)


def _add(found: Near, cell: np.ndarray, distance: np.ndarray, radii_m: Sequence[float]) -> None:
    """Take distances of features, one for each feature and cell, into account."""
    np.minimum.at(found.distance_m, cell, distance)
    cells = len(found.distance_m)
    for place, radius in enumerate(radii_m):
        within = distance <= radius
        found.count[place] += np.bincount(cell[within], minlength=cells)
        weight = 3e6 / (np.pi * radius**2) * (1.0 - (distance[within] / radius) ** 2) ** 2
        found.density[place] += np.bincount(cell[within], weight, minlength=cells)
