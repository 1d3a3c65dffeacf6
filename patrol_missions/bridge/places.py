"""The grid and indicators: layers whose shapes matter, as tables."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

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

from patrol_missions.bridge.batches import As
from patrol_missions.bridge.layers import read_table
from patrol_missions.bridge.processes import Feedback, Silence
from patrol_missions.bridge.sources import LayerSource
from patrol_missions.core.errors import Canceled, InputError
from patrol_missions.core.grid import parse_cell_id
from patrol_missions.core.tables import Table

_REBUILD = "Build the grid again with Build grid, and do not edit or reproject it."
_TOLERANCE = 1e-3  # of a cell's side
_MOST_POINTS = 5_000_000


def read_grid(
    source: LayerSource, feedback: Feedback | None = None, numbers: Sequence[str] = ()
) -> tuple[Table, float]:
    """Cells of a grid layer in its order, and their side in metres.

    The table has ``col, row`` (int64), ``district`` (coded) and ``share_inside`` (float64), and the fields in
    ``numbers`` as ``field_0``, ``field_1`` and so on (float64, NaN where there is no number).

    :raises InputError: the layer is no grid made by Build grid, or its squares are not where their ids say
    """
    columns = {
        "cell_id": ("cell_id", As.ID),
        "district": ("district", As.LABEL),
        "share_inside": ("share_inside", As.NUMBER),
        **{f"field_{place}": (name, As.NUMBER) for place, name in enumerate(numbers)},
    }
    table = read_table(source, columns, feedback)
    if len(table) == 0:
        raise InputError(f"Grid “{source.name}” has no cells.", _REBUILD)
    names = table["cell_id"].tolist()
    if len(set(names)) < len(names):
        raise InputError(f"Grid “{source.name}” holds a cell more than once.", _REBUILD)
    cells = np.array([parse_cell_id(str(name)) for name in names], dtype=np.int64).reshape(-1, 2)
    size_m = _cell_size(source, cells)
    found = {"col": cells[:, 0], "row": cells[:, 1]}
    kept = {name: values for name, values in table.columns.items() if name != "cell_id"}
    return Table({**found, **kept}, table.labels), size_m


def _cell_size(source: LayerSource, cells: np.ndarray) -> float:
    """The squares' side; every square must lie where its id says."""
    boxes = [feature.geometry().boundingBox() for feature in source.features([], geometry=True)]
    edges = np.array([(b.xMinimum(), b.yMinimum(), b.xMaximum(), b.yMaximum()) for b in boxes])
    size = round(float(edges[0, 2] - edges[0, 0]), 6)
    wanted = np.concatenate([cells, cells + 1], axis=1) * size
    if not size > 0 or len(edges) != len(cells):
        raise InputError(f"Grid “{source.name}” has cells without a shape.", _REBUILD)
    wrong = np.flatnonzero(~(np.abs(edges - wanted) <= _TOLERANCE * size).all(axis=1))
    if len(wrong):
        column, row = cells[wrong[0]]
        raise InputError(
            f"Cell {column}E{row}N of grid “{source.name}” is not the square of {size:g} m that its id names.", _REBUILD
        )
    return size


def read_indicator(
    source: LayerSource,
    target: QgsCoordinateReferenceSystem,
    transforms: QgsCoordinateTransformContext,
    spacing_m: float,
    feedback: Feedback | None = None,
    kind_field: str = "",
) -> Table:
    """Any layer's shapes as points ``x, y`` (float64) in the target system, and the ``kind`` (coded) of each.

    Points stay as they are; lines give a point at least every ``spacing_m`` metres; areas give their outline likewise
    and their inside as a lattice, so that whoever stands in one is near it. The kind is the value of ``kind_field``; no
    kind without that field.
    """
    feedback = feedback or Silence()
    transform = QgsCoordinateTransform(source.crs, target, transforms)
    pieces, lost, total = [np.empty((0, 2))], 0, 0
    kinds: list[str | None] = []
    place = source.fields.lookupField(kind_field) if kind_field else -1
    for number, feature in enumerate(source.features([kind_field] if place >= 0 else [], geometry=True)):
        if feedback.isCanceled():
            raise Canceled
        feedback.setProgress(100.0 * number / max(source.count, 1))
        geometry = feature.geometry()
        if geometry.isNull() or geometry.isEmpty():
            continue
        try:
            moved = geometry.transform(transform) == 0
        except QgsCsException:
            moved = False
        if not moved:
            lost += 1
            continue
        points = np.array(list(_points(geometry, spacing_m)), dtype=np.float64).reshape(-1, 2)
        pieces.append(points)
        kinds += [_kind(feature.attribute(place)) if place >= 0 else None] * len(points)
        total += len(points)
        if total > _MOST_POINTS:
            raise InputError(
                f"Layer “{source.name}” is too large or too detailed to measure distances to.",
                "Choose a layer of single places, or simplify it.",
            )
    if lost:
        feedback.pushWarning(f"{lost} features of layer “{source.name}” cannot be placed in the grid's CRS.")
    xy = np.concatenate(pieces)
    found = Table({"x": xy[:, 0].copy(), "y": xy[:, 1].copy()}).with_text("kind", kinds)
    return found.take(np.isfinite(xy).all(axis=1))


def _kind(value: object) -> str | None:
    """A kind as text; blank and missing ones are none."""
    return None if value is None or value == NULL else str(value).strip() or None


def _points(geometry: QgsGeometry, spacing_m: float) -> Iterator[tuple[float, float]]:
    kind = geometry.type()
    if kind != QgsWkbTypes.GeometryType.PointGeometry:
        if kind == QgsWkbTypes.GeometryType.PolygonGeometry:
            yield from _inside(geometry, spacing_m)
        geometry = geometry.densifyByDistance(spacing_m)
    for vertex in geometry.vertices():
        yield vertex.x(), vertex.y()


def _inside(geometry: QgsGeometry, spacing_m: float) -> Iterator[tuple[float, float]]:
    """Lattice points within an area."""
    box: QgsRectangle = geometry.boundingBox()
    if box.width() * box.height() / spacing_m**2 > _MOST_POINTS:
        raise InputError("An area is too large to measure distances to.", "Choose a layer of places in the city.")
    engine = QgsGeometry.createGeometryEngine(geometry.constGet())
    engine.prepareGeometry()
    for row in range(math.ceil(box.yMinimum() / spacing_m), math.floor(box.yMaximum() / spacing_m) + 1):
        for column in range(math.ceil(box.xMinimum() / spacing_m), math.floor(box.xMaximum() / spacing_m) + 1):
            x, y = column * spacing_m, row * spacing_m
            if engine.contains(QgsPoint(x, y)):
                yield x, y
