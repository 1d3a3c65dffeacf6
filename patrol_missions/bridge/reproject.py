"""Coordinates from one reference system into another, in arrays."""

from __future__ import annotations

import struct

import numpy as np
from qgis.core import (
    QgsCoordinateReferenceSystem,
    QgsCoordinateTransform,
    QgsCoordinateTransformContext,
    QgsCsException,
    QgsGeometry,
)

from patrol_missions.bridge.processes import Feedback
from patrol_missions.core.errors import Canceled, InputError

_CHUNK = 100_000
_LINE_HEADER = struct.Struct("<BII")
_LINE_STRING = 2


def reproject(
    x: np.ndarray,
    y: np.ndarray,
    source: QgsCoordinateReferenceSystem,
    target: QgsCoordinateReferenceSystem,
    transforms: QgsCoordinateTransformContext,
    feedback: Feedback,
) -> tuple[np.ndarray, np.ndarray]:
    """Coordinates (float64, shape (n,)) in the target system; NaN where there are none or they cannot be transformed.

    :raises InputError: one of the systems is not known
    """
    if not (source.isValid() and target.isValid()):
        raise InputError("The coordinates' reference system is not known.", "Set the CRS in the layer's properties.")
    result = np.full((len(x), 2), np.nan)
    usable = np.flatnonzero(np.isfinite(x) & np.isfinite(y))
    if source.isGeographic():
        usable = usable[(np.abs(y[usable]) <= 90.0) & (np.abs(x[usable]) <= 360.0)]
    points = np.stack([x[usable], y[usable]], axis=1)
    transform = QgsCoordinateTransform(source, target, transforms)
    if transform.isShortCircuited():
        result[usable] = points
        return result[:, 0].copy(), result[:, 1].copy()
    for start in range(0, len(points), _CHUNK):
        if feedback.isCanceled():
            raise Canceled
        part = slice(start, start + _CHUNK)
        result[usable[part]] = _transformed(points[part], transform)
    return result[:, 0].copy(), result[:, 1].copy()


def _transformed(points: np.ndarray, transform: QgsCoordinateTransform) -> np.ndarray:
    """Points, shape (n, 2), transformed together; those that cannot be are NaN and take no other with them."""
    together = _all_at_once(points, transform)
    if together is not None:
        return together
    # Bad coordinates pile up at a few places (0, 0; the centre of a far-off country): look at each place once.
    places, place_of = np.unique(points, axis=0, return_inverse=True)
    return _by_halves(places, transform)[place_of.reshape(-1)]


def _by_halves(points: np.ndarray, transform: QgsCoordinateTransform) -> np.ndarray:
    together = _all_at_once(points, transform)
    if together is not None:
        return together
    if len(points) == 1:
        return np.full((1, 2), np.nan)
    middle = len(points) // 2
    return np.concatenate([_by_halves(points[:middle], transform), _by_halves(points[middle:], transform)])


def _all_at_once(points: np.ndarray, transform: QgsCoordinateTransform) -> np.ndarray | None:
    """Points as one line's vertices, because a geometry is transformed in one call; None when any of them fails."""
    doubled = np.concatenate([points, points[-1:]])  # a line has two vertices at least
    header = _LINE_HEADER.pack(1, _LINE_STRING, len(doubled))
    line = QgsGeometry()
    line.fromWkb(header + doubled.astype("<f8").tobytes())
    try:
        if line.transform(transform) != 0:
            return None
    except QgsCsException:
        return None
    moved = np.frombuffer(bytes(line.asWkb()), dtype="<f8", offset=_LINE_HEADER.size).reshape(-1, 2)[:-1]
    return moved if np.isfinite(moved).all() else None
