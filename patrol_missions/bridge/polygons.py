"""Polygons that crossed the wall as vertices, as well-known binary."""

from __future__ import annotations

import struct

import numpy as np

from patrol_missions.core.tables import Table

_POLYGON, _MULTIPOLYGON = 3, 6


def polygon_shapes(vertices: Table, count: int) -> list[bytes | None]:
    """One multipolygon per feature; None for a feature without vertices.

    :param vertices: a row per vertex with ``feature``, ``part``, ``ring`` (0 is the outer one), ``x``, ``y``; the rows
        of a ring follow each other and its first point is repeated at its end
    :param count: how many features there are
    """
    keys = np.column_stack([vertices[name] for name in ("feature", "part", "ring")])
    begins = np.flatnonzero(np.any(np.diff(keys, axis=0, prepend=-1) != 0, axis=1))
    ends = np.append(begins[1:], len(vertices))
    points = np.column_stack([vertices["x"], vertices["y"]]).astype("<f8")
    features: list[dict[int, list[bytes]]] = [{} for _ in range(count)]
    for begin, end in zip(begins.tolist(), ends.tolist()):
        feature, part, _ = keys[begin].tolist()
        features[feature].setdefault(part, []).append(struct.pack("<I", end - begin) + points[begin:end].tobytes())
    return [_multipolygon(list(parts.values())) if parts else None for parts in features]


def _multipolygon(parts: list[list[bytes]]) -> bytes:
    polygons = [struct.pack("<BII", 1, _POLYGON, len(rings)) + b"".join(rings) for rings in parts]
    return struct.pack("<BII", 1, _MULTIPOLYGON, len(polygons)) + b"".join(polygons)
