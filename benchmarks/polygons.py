"""Polygons of a GeoPackage, and which of them holds a point; for benchmarks, which run without QGIS."""

from __future__ import annotations

import sqlite3
import struct
from pathlib import Path as File

import numpy as np
from matplotlib.path import Path

_ENVELOPES = (0, 32, 48, 48, 64)  # bytes, by the kind in GeoPackage's header


def holding(file: File, table: str, field: str, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Value of a field of the polygon that holds each point, ``None`` for none; object array.

    :param x: in the layer's CRS
    """
    found = np.full(len(x), None, dtype=object)
    points = np.column_stack([x, y])
    with sqlite3.connect(f"file:{file}?mode=ro", uri=True) as base:
        for blob, value in base.execute(f'SELECT geom, "{field}" FROM "{table}"'):
            inside = np.zeros(len(x), dtype=bool)
            for ring in _rings(blob):
                inside ^= Path(ring).contains_points(points)  # holes take out what their outline held
            found[inside] = value
    return found


def _rings(blob: bytes) -> list[np.ndarray]:
    """Rings of a polygon or multipolygon, each of shape (points, 2)."""
    rings: list[np.ndarray] = []
    _read(blob, 8 + _ENVELOPES[(blob[3] >> 1) & 7], rings)
    return rings


def _read(blob: bytes, at: int, rings: list[np.ndarray]) -> int:
    order = "<" if blob[at] == 1 else ">"
    kind, count = struct.unpack_from(f"{order}II", blob, at + 1)
    at += 9
    for _ in range(count):
        if kind % 1000 == 6:
            at = _read(blob, at, rings)
            continue
        (points,) = struct.unpack_from(f"{order}I", blob, at)
        rings.append(np.frombuffer(blob, f"{order}f8", 2 * points, at + 4).reshape(-1, 2))
        at += 4 + 16 * points
    return at
