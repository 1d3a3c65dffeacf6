"""Well-known binary of points and squares, in arrays."""

from __future__ import annotations

import struct
from collections.abc import Sequence

import numpy as np

_POINT_BYTES = 21
_SQUARE = np.dtype([("order", "u1"), ("type", "<u4"), ("rings", "<u4"), ("points", "<u4"), ("xy", "<f8", (5, 2))])
_POINT_RECORD = np.dtype([("order", "u1"), ("type", "<u4"), ("x", "<f8"), ("y", "<f8")])
_POINT, _MULTIPOINT = 1, 4


def point_coordinates(shapes: Sequence[bytes | None]) -> tuple[np.ndarray, np.ndarray]:
    """Coordinates (float64) of points; NaN for none, for an empty one and for what is no point.

    Of a multipoint, its first point; heights and measures are left out.
    """
    xy = np.full((len(shapes), 2), np.nan)
    plain = np.fromiter((s is not None and len(s) == _POINT_BYTES for s in shapes), dtype=bool, count=len(shapes))
    if plain.any():
        joined = b"".join(s for s, is_plain in zip(shapes, plain.tolist()) if is_plain and s is not None)
        xy[plain] = _plain_points(np.frombuffer(joined, dtype=np.uint8).reshape(-1, _POINT_BYTES))
    for row in np.flatnonzero(~plain).tolist():
        xy[row] = _any_point(shapes[row])
    return xy[:, 0].copy(), xy[:, 1].copy()


def packed_point_coordinates(shapes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The same for an array of equally long WKB (dtype ``V``)."""
    if shapes.dtype.itemsize != _POINT_BYTES:
        return point_coordinates([bytes(shape) for shape in shapes])
    xy = _plain_points(np.ascontiguousarray(shapes).view(np.uint8).reshape(-1, _POINT_BYTES))
    return xy[:, 0].copy(), xy[:, 1].copy()


def _plain_points(raw: np.ndarray) -> np.ndarray:
    """Coordinates, shape (n, 2), of 2-D points given as bytes, shape (n, 21)."""
    xy = np.ascontiguousarray(raw[:, 5:]).view("<f8").reshape(-1, 2)
    odd = (raw[:, :5] != np.array([1, _POINT, 0, 0, 0], dtype=np.uint8)).any(axis=1)
    if odd.any():
        xy = xy.copy()
        for row in np.flatnonzero(odd).tolist():
            xy[row] = _any_point(raw[row].tobytes())
    return xy


def _any_point(shape: bytes | None) -> tuple[float, float]:
    nothing = (np.nan, np.nan)
    if not shape or len(shape) < _POINT_BYTES:
        return nothing
    order = "<" if shape[0] == 1 else ">"
    kind = struct.unpack_from(order + "I", shape, 1)[0] & 0xFFFF  # without the flags of the older 3-D variety
    if kind % 1000 == _MULTIPOINT:
        return _any_point(shape[9:])
    if kind % 1000 != _POINT:
        return nothing
    x, y = struct.unpack_from(order + "dd", shape, 5)
    return x, y


def points(x: np.ndarray, y: np.ndarray) -> list[bytes | None]:
    """One 2-D point (21 bytes) per pair of coordinates; None where either is not finite."""
    shapes = np.zeros(len(x), dtype=_POINT_RECORD)
    shapes["order"], shapes["type"], shapes["x"], shapes["y"] = 1, _POINT, x, y
    packed = shapes.tobytes()
    finite = (np.isfinite(x) & np.isfinite(y)).tolist()
    return [packed[i * _POINT_BYTES : (i + 1) * _POINT_BYTES] if finite[i] else None for i in range(len(finite))]


def squares(columns: np.ndarray, rows: np.ndarray, size_m: float) -> list[bytes]:
    """One polygon (93 bytes) per grid cell, counter-clockwise from its lower left corner."""
    shapes = np.zeros(len(columns), dtype=_SQUARE)
    shapes["order"], shapes["type"], shapes["rings"], shapes["points"] = 1, 3, 1, 5
    corners = np.array([(0, 0), (1, 0), (1, 1), (0, 1), (0, 0)], dtype=np.float64)
    cells = np.stack([np.asarray(columns, dtype=np.float64), np.asarray(rows, dtype=np.float64)], axis=1)
    shapes["xy"] = (cells[:, None, :] + corners) * size_m
    packed, width = shapes.tobytes(), _SQUARE.itemsize
    return [packed[start : start + width] for start in range(0, len(packed), width)]
