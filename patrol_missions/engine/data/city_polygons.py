"""Polygons from a raster of labels: neighbours share one line, so that they tile without gaps or overlaps.

The lines between labels are traced once, as arcs between the corners where three or more labels meet; each arc is
smoothed with its ends held; polygons of the labels, or of groups of labels, are put together from the same arcs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from patrol_missions.core.tables import Table

OUTSIDE = -1

Ring = np.ndarray
"""Closed line, first point repeated, shape (k, 2)."""

Polygon = list[list[Ring]]
"""Parts, each an outer ring (counter-clockwise) followed by its holes (clockwise)."""


@dataclass(frozen=True, eq=False)
class Arc:
    """A line between two labels.

    :param points: smoothed, shape (k, 2), x and y
    :param first: corner (raster index) where it begins; the same as ``last`` for a closed line
    :param last: corner where it ends
    :param leaving: direction of its first raster step, 0 right, 1 up, 2 left, 3 down
    :param arriving: direction of its last raster step
    :param left: label to its left
    :param right: label to its right
    """

    points: np.ndarray
    first: int
    last: int
    leaving: int
    arriving: int
    left: int
    right: int

    def turned(self) -> Arc:
        """The same line walked the other way."""
        leaving, arriving = (self.arriving + 2) % 4, (self.leaving + 2) % 4
        return Arc(self.points[::-1], self.last, self.first, leaving, arriving, self.right, self.left)


def trace(labels: np.ndarray, origin: tuple[float, float], size: float, tolerance: float) -> list[Arc]:
    """The lines between the labels of a raster.

    :param labels: integers, row 0 is the lowest, shape (rows, columns); ``OUTSIDE`` all around the edge
    :param origin: x and y of the raster's lower left corner
    :param size: side of a pixel
    :param tolerance: how far points may be left out of the smoothed line, 0 for lines along the pixels' sides
    """
    steps = _steps(labels)
    width = labels.shape[1] + 1
    arcs = []
    for chain, closed in _chains(steps):
        corners = [steps[i][0] for i in chain] + [steps[chain[-1]][1]]
        rows, columns = np.divmod(np.array(corners), width)
        points = np.column_stack([origin[0] + columns * size, origin[1] + rows * size])
        if tolerance > 0:
            points = _smoothed(points, closed, tolerance)
        begin, end = steps[chain[0]], steps[chain[-1]]
        arcs.append(Arc(points, begin[0], end[1], begin[2], end[2], begin[3], begin[4]))
    return arcs


Step = tuple[int, int, int, int, int]
"""From corner, to corner, direction, label to the left, label to the right."""


def _steps(labels: np.ndarray) -> list[Step]:
    """Every pixel side between two labels, walked upwards or to the right."""
    width = labels.shape[1] + 1
    rows, columns = np.nonzero(labels[:, :-1] != labels[:, 1:])
    corner = rows * width + columns + 1
    upward = np.column_stack(
        [corner, corner + width, np.full(len(rows), 1), labels[rows, columns], labels[rows, columns + 1]]
    )
    rows, columns = np.nonzero(labels[:-1] != labels[1:])
    corner = (rows + 1) * width + columns
    rightward = np.column_stack(
        [corner, corner + 1, np.full(len(rows), 0), labels[rows + 1, columns], labels[rows, columns]]
    )
    return [tuple(step) for step in np.concatenate([upward, rightward]).tolist()]


def _chains(steps: list[Step]) -> list[tuple[list[int], bool]]:
    """Steps strung together between nodes, and whether they close without one; steps are turned round in place."""
    at_corner: dict[int, list[int]] = {}
    for number, step in enumerate(steps):
        at_corner.setdefault(step[0], []).append(number)
        at_corner.setdefault(step[1], []).append(number)
    used = [False] * len(steps)

    def follow(number: int, corner: int) -> list[int]:
        chain = []
        while True:
            used[number] = True
            step = steps[number]
            if step[0] != corner:
                step = steps[number] = (step[1], step[0], (step[2] + 2) % 4, step[4], step[3])
            chain.append(number)
            corner = step[1]
            after = [other for other in at_corner[corner] if not used[other]]
            if len(at_corner[corner]) != 2 or not after:
                return chain
            number = after[0]

    nodes = sorted(corner for corner, found in at_corner.items() if len(found) != 2)
    chains = [(follow(number, node), False) for node in nodes for number in at_corner[node] if not used[number]]
    chains += [(follow(number, steps[number][0]), True) for number in range(len(steps)) if not used[number]]
    return chains


def _smoothed(points: np.ndarray, closed: bool, tolerance: float) -> np.ndarray:
    """The staircase made a line: middles of its steps, rounded twice, and thinned out."""
    middles = (points[:-1] + points[1:]) / 2.0
    line = np.vstack([middles, middles[:1]]) if closed else np.vstack([points[:1], middles, points[-1:]])
    for _ in range(2):
        inner = (line[:-2] + 2.0 * line[1:-1] + line[2:]) / 4.0
        if closed:
            seam = (line[-2:-1] + 2.0 * line[:1] + line[1:2]) / 4.0
            line = np.vstack([seam, inner, seam])
        else:
            line = np.vstack([line[:1], inner, line[-1:]])
    if closed:  # a closed line must keep three points or more, so its halves are thinned out one by one
        half = len(line) // 2
        return np.vstack([_thinned(line[: half + 1], tolerance / 4.0)[:-1], _thinned(line[half:], tolerance / 4.0)])
    return _thinned(line, tolerance)


def _thinned(line: np.ndarray, tolerance: float) -> np.ndarray:
    """Points of a line such that none of those left out is farther off than the tolerance (Douglas & Peucker 1973)."""
    keep = np.zeros(len(line), dtype=bool)
    keep[[0, -1]] = True
    stack = [(0, len(line) - 1)]
    while stack:
        first, last = stack.pop()
        if last - first < 2:
            continue
        chord = line[last] - line[first]
        inner = line[first + 1 : last] - line[first]
        length = float(np.hypot(*chord))
        off = np.abs(inner[:, 0] * chord[1] - inner[:, 1] * chord[0]) / length if length > 0 else np.hypot(*inner.T)
        farthest = int(np.argmax(off))
        if off[farthest] > tolerance:
            middle = first + 1 + farthest
            keep[middle] = True
            stack += [(first, middle), (middle, last)]
    return np.asarray(line[keep])


def assemble(arcs: Sequence[Arc], group_of: np.ndarray) -> list[Polygon]:
    """Polygons of groups of labels, in the order of the groups' numbers.

    :param arcs: of :func:`trace`
    :param group_of: group number (0, 1, ...) of every label, shape (labels,)
    """
    groups = np.append(group_of, OUTSIDE)  # label -1 finds the last entry
    borders: list[list[Arc]] = [[] for _ in range(int(group_of.max()) + 1)]
    for arc in arcs:
        left, right = groups[arc.left], groups[arc.right]
        if left != right:
            if left != OUTSIDE:
                borders[left].append(arc)
            if right != OUTSIDE:
                borders[right].append(arc.turned())
    return [_parts(_rings(border)) for border in borders]


def _rings(border: list[Arc]) -> list[Ring]:
    """Arcs with the inside to their left, joined end to start; where lines touch in a corner, they turn left."""
    leaving: dict[int, list[Arc]] = {}
    for arc in border:
        leaving.setdefault(arc.first, []).append(arc)
    rings = []
    for start in border:
        if start not in leaving.get(start.first, []):
            continue
        leaving[start.first].remove(start)
        ring, arc = [start.points], start
        while arc.last != start.first:
            came = arc.arriving
            arc = max(leaving[arc.last], key=lambda other: (other.leaving - came + 1) % 4)
            leaving[arc.first].remove(arc)
            ring.append(arc.points[1:])
        rings.append(np.vstack(ring))
    return rings


def _parts(rings: list[Ring]) -> Polygon:
    """Outer rings with the holes that lie in them."""
    areas = [signed_area(ring) for ring in rings]
    outer = sorted((i for i, area in enumerate(areas) if area > 0), key=lambda i: areas[i])
    parts = {i: [rings[i]] for i in outer}
    for hole in (ring for ring, area in zip(rings, areas) if area < 0):
        around = next((i for i in outer if contains(rings[i], hole[0])), outer[-1])
        parts[around].append(hole)
    return [parts[i] for i in reversed(outer)]


def signed_area(ring: Ring) -> float:
    """Area of a closed ring, positive when it is walked counter-clockwise."""
    x, y = (ring - ring[0]).T
    return float(np.sum(x[:-1] * y[1:] - x[1:] * y[:-1]) / 2.0)


def contains(ring: Ring, point: np.ndarray) -> bool:
    """Whether a point lies inside a closed ring (crossings of a ray to the right)."""
    x, y = ring.T
    crossing = (y[:-1] > point[1]) != (y[1:] > point[1])
    x0, x1, y0, y1 = (v[crossing] for v in (x[:-1], x[1:], y[:-1], y[1:]))
    return bool(np.count_nonzero(x0 + (point[1] - y0) * (x1 - x0) / (y1 - y0) > point[0]) % 2)


def vertex_table(polygons: Sequence[Polygon]) -> Table:
    """Polygons as one row per vertex: feature, part and ring number (0 is the outer ring), x and y."""
    parts = [(f, p, part) for f, polygon in enumerate(polygons) for p, part in enumerate(polygon)]
    rings = [(f, p, r, ring) for f, p, part in parts for r, ring in enumerate(part)]
    lengths = [len(ring) for *_, ring in rings]
    columns = {
        name: np.repeat(np.array([item[k] for item in rings], dtype=np.int32), lengths)
        for k, name in enumerate(("feature", "part", "ring"))
    }
    points = np.vstack([ring for *_, ring in rings]) if rings else np.empty((0, 2))
    return Table({**columns, "x": points[:, 0].copy(), "y": points[:, 1].copy()})
