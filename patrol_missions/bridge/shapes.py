"""Shapes of any layer as straight segments in the grid's CRS, for measuring from the cells."""

from __future__ import annotations

import math
import struct
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from qgis.core import (
    NULL,
    QgsCoordinateReferenceSystem,
    QgsCoordinateTransform,
    QgsCoordinateTransformContext,
    QgsCsException,
    QgsGeometry,
    QgsPoint,
    QgsRectangle,
    QgsWkbTypes,
)

from patrol_missions.bridge.processes import Feedback
from patrol_missions.bridge.sources import LayerSource
from patrol_missions.core.errors import Canceled, InputError
from patrol_missions.core.nearness import Segments

_MOST_SEGMENTS = 10_000_000
_POINT, _LINE, _POLYGON = 1, 2, 3


@dataclass(frozen=True)
class Target:
    """Where shapes are wanted.

    :param crs: of the grid
    :param transforms: the project's choice of transformations
    :param size_m: side of the cells
    :param box: around the cells
    """

    crs: QgsCoordinateReferenceSystem
    transforms: QgsCoordinateTransformContext
    size_m: float
    box: QgsRectangle


def read_segments(
    source: LayerSource, target: Target, feedback: Feedback, kind_field: str = ""
) -> dict[str | None, Segments]:
    """The segments of each kind; features are numbered from 0, each point of a multipoint as one.

    Areas are their outlines and, as points, the centres of the cells inside them. The kind is the value of
    ``kind_field``, ``None`` without a value or without that field.
    """
    transform = QgsCoordinateTransform(source.crs, target.crs, target.transforms)
    place = source.fields.lookupField(kind_field) if kind_field else -1
    ends: dict[str | None, list[np.ndarray]] = {}
    numbers: dict[str | None, list[int]] = {}
    lost = total = 0
    for row, feature in enumerate(source.features([kind_field] if place >= 0 else [], geometry=True)):
        if feedback.isCanceled():
            raise Canceled
        feedback.setProgress(100.0 * row / max(source.count, 1))
        geometry = feature.geometry()
        if geometry.isNull() or geometry.isEmpty():
            continue
        if not _moved(geometry, transform):
            lost += 1
            continue
        kind = _kind(feature.attribute(place)) if place >= 0 else None
        for shape in _features(geometry, target):
            ends.setdefault(kind, []).append(shape)
            numbers.setdefault(kind, []).append(len(shape))
            total += len(shape)
        if total > _MOST_SEGMENTS:
            raise InputError(
                f"Layer “{source.name}” is too large or too detailed to measure distances to.",
                "Clip it to the city, or simplify it.",
            )
    if lost:
        feedback.pushWarning(f"{lost} features of layer “{source.name}” cannot be placed in the grid's CRS.")
    return {
        kind: Segments(np.concatenate(shapes), np.repeat(np.arange(len(shapes)), numbers[kind]))
        for kind, shapes in ends.items()
    }


def _moved(geometry: QgsGeometry, transform: QgsCoordinateTransform) -> bool:
    """Transform the geometry in its place; whether that went well."""
    try:
        if geometry.transform(transform) != 0:
            return False
    except QgsCsException:
        return False
    return bool(geometry.boundingBox().isFinite())


def _kind(value: object) -> str | None:
    """A kind as text; blank and missing ones are none."""
    return None if value is None or value == NULL else str(value).strip() or None


def _features(geometry: QgsGeometry, target: Target) -> Iterator[np.ndarray]:
    """The segments, shape (n, 4), of each thing that counts as one feature."""
    if geometry.type() == QgsWkbTypes.GeometryType.PointGeometry:
        for vertex in geometry.vertices():
            yield np.array([[vertex.x(), vertex.y(), vertex.x(), vertex.y()]])
        return
    parts = [np.concatenate([line[:-1], line[1:]], axis=1) for line in _lines(geometry)]
    if geometry.type() == QgsWkbTypes.GeometryType.PolygonGeometry:
        parts.append(_inside(geometry, target))
    yield np.concatenate(parts)


def _lines(geometry: QgsGeometry) -> Iterator[np.ndarray]:
    """The vertices, shape (n, 2), of every line and ring."""
    if QgsWkbTypes.isCurvedType(geometry.wkbType()):
        geometry.convertToStraightSegment()
    flat = geometry.constGet().clone()
    flat.dropZValue()
    flat.dropMValue()
    yield from _Wkb(bytes(flat.asWkb())).lines()


class _Wkb:
    """Well-known binary of lines and polygons without heights, from its first byte to its last."""

    def __init__(self, data: bytes) -> None:
        self._data, self._at = data, 0

    def lines(self) -> Iterator[np.ndarray]:
        self._at += 1  # byte order, which is this computer's: little-endian wherever QGIS runs
        kind = self._number()
        if kind == _LINE:
            yield self._vertices()
        elif kind == _POLYGON:
            for _ in range(self._number()):
                yield self._vertices()
        elif kind == _POINT:
            self._at += 16
        else:
            for _ in range(self._number()):
                yield from self.lines()

    def _number(self) -> int:
        (number,) = struct.unpack_from("<I", self._data, self._at)
        self._at += 4
        return int(number)

    def _vertices(self) -> np.ndarray:
        count = self._number()
        xy = np.frombuffer(self._data, "<f8", 2 * count, self._at).reshape(count, 2)
        self._at += 16 * count
        return xy


def _inside(geometry: QgsGeometry, target: Target) -> np.ndarray:
    """The centres of the cells that lie inside an area, as segments without length, shape (n, 4)."""
    box, size_m = geometry.boundingBox().intersect(target.box), target.size_m
    engine = QgsGeometry.createGeometryEngine(geometry.constGet())
    engine.prepareGeometry()
    found = []
    if not box.isEmpty():
        for row in range(math.floor(box.yMinimum() / size_m), math.floor(box.yMaximum() / size_m) + 1):
            for column in range(math.floor(box.xMinimum() / size_m), math.floor(box.xMaximum() / size_m) + 1):
                x, y = (column + 0.5) * size_m, (row + 0.5) * size_m
                if engine.contains(QgsPoint(x, y)):
                    found.append((x, y, x, y))
    return np.array(found, dtype=np.float64).reshape(-1, 4)
