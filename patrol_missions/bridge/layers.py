"""Layers as tables: incidents, grids, indicators and the plugin's own results."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
from qgis.core import QgsCoordinateReferenceSystem, QgsCoordinateTransformContext

from patrol_missions.bridge.batches import As, Batch, Collector
from patrol_missions.bridge.columnar import NotColumnar
from patrol_missions.bridge.processes import Feedback, Silence
from patrol_missions.bridge.reproject import reproject
from patrol_missions.bridge.sources import LayerSource
from patrol_missions.core.errors import Canceled, InputError
from patrol_missions.core.tables import Table

Columns = Mapping[str, tuple[str, As]]
"""Name of a column in the table: the layer's field, and what it becomes."""


@dataclass(frozen=True)
class CoordinateFields:
    """Fields that hold coordinates (numbers, or their text) in a table without geometry, and what they are in."""

    x_field: str
    y_field: str
    crs: QgsCoordinateReferenceSystem


def read_table(source: LayerSource, columns: Columns, feedback: Feedback | None = None) -> Table:
    """Fields of a layer as a table, in the layer's order."""
    return _read(source, columns, feedback or Silence(), geometry=False)[0]


def read_points(
    source: LayerSource,
    columns: Columns,
    target: QgsCoordinateReferenceSystem,
    transforms: QgsCoordinateTransformContext,
    feedback: Feedback | None = None,
    coordinates: CoordinateFields | None = None,
) -> Table:
    """A point layer, or a table with coordinate fields, as a table.

    Beside the columns asked for it has ``raw_x, raw_y`` (float64, as in the source) and ``x, y`` (float64, in the
    target system), NaN where a row has no place or none that can be transformed. Of a multipoint the first counts.
    """
    feedback = feedback or Silence()
    if coordinates is not None:
        names = {"raw_x": (coordinates.x_field, As.NUMBER), "raw_y": (coordinates.y_field, As.NUMBER)}
        table, _, _ = _read(source, {**columns, **names}, feedback, geometry=False)
        raw_x, raw_y, crs = table["raw_x"], table["raw_y"], coordinates.crs
    else:
        if not source.is_spatial:
            raise InputError(
                f"Layer “{source.name}” is a table without points.", "Name the fields that hold the coordinates."
            )
        table, raw_x, raw_y = _read(source, columns, feedback, geometry=True)
        crs = source.crs
    if not crs.isValid():
        raise InputError(
            f"Layer “{source.name}” has no coordinate reference system.", "Set it in the layer's properties."
        )
    x, y = reproject(raw_x, raw_y, crs, target, transforms, feedback)
    return Table({**table.columns, "raw_x": raw_x, "raw_y": raw_y, "x": x, "y": y}, table.labels)


def _read(
    source: LayerSource, columns: Columns, feedback: Feedback, geometry: bool
) -> tuple[Table, np.ndarray, np.ndarray]:
    """The table, and raw coordinates (empty without geometry)."""
    spelled = {column: (source.field_name(field), kind) for column, (field, kind) in columns.items()}
    names = list(dict.fromkeys(field for field, _ in spelled.values()))
    if source.columnar is not None:
        try:
            return _collect(source, spelled, source.columnar.batches(source.fields, names, geometry), feedback)
        except NotColumnar as reason:
            feedback.pushDebugInfo(f"Layer “{source.name}” is read feature by feature ({reason or 'not columnar'}).")
    return _collect(source, spelled, source.batches(names, geometry), feedback)


def _collect(
    source: LayerSource, columns: Columns, batches: Iterable[Batch], feedback: Feedback
) -> tuple[Table, np.ndarray, np.ndarray]:
    collectors = {column: Collector(field, kind) for column, (field, kind) in columns.items()}
    xs, ys = [np.empty(0)], [np.empty(0)]
    rows = 0
    for batch in batches:
        if feedback.isCanceled():
            raise Canceled
        for column, (field, _) in columns.items():
            collectors[column].add(batch.values[field], batch.missing[field])
        if batch.x is not None and batch.y is not None:
            xs.append(batch.x)
            ys.append(batch.y)
            rows += len(batch.x)
        elif columns:
            rows += len(batch.missing[next(iter(batch.missing))])
        feedback.setProgress(100.0 * min(rows / max(source.count, 1), 1.0))
    done = {column: collector.column() for column, collector in collectors.items()}
    table = Table(
        {column: values for column, (values, _) in done.items()},
        {column: labels for column, (_, labels) in done.items() if labels is not None},
    )
    return table, np.concatenate(xs), np.concatenate(ys)
