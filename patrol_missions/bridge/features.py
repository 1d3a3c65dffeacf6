"""Tables as features of a layer."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from qgis.core import QgsFeature, QgsFeatureSink, QgsField, QgsFields, QgsGeometry
from qgis.PyQt.QtCore import QDateTime, Qt, QVariant

from patrol_missions.bridge.processes import Feedback
from patrol_missions.core.errors import Canceled, InputError
from patrol_missions.core.tables import Table

_ROWS = 2_000
_SIGNIFICANT = 7  # what a float32 holds; more would show its rounding as digits


def fields_of(table: Table, names: Iterable[str]) -> QgsFields:
    """Fields for the named columns, in that order."""
    fields = QgsFields()
    for name in names:
        fields.append(QgsField(name, _qgis_type(table, name)))
    return fields


def write_rows(
    table: Table,
    names: Sequence[str],
    sink: QgsFeatureSink,
    feedback: Feedback,
    shapes: Sequence[bytes | None] | None = None,
) -> None:
    """Add every row to a sink whose fields are :func:`fields_of` the same names.

    NaN, NaT and codes without a label become NULL; times are written as UTC.

    :param shapes: well-known binary per row, None for a row without a place
    """
    fields = fields_of(table, names)
    columns = [_values(table, name) for name in names]
    batch: list[QgsFeature] = []
    for row in range(len(table)):
        feature = QgsFeature(fields)
        feature.setAttributes([column[row] for column in columns])
        shape = shapes[row] if shapes is not None else None
        if shape is not None:
            geometry = QgsGeometry()
            geometry.fromWkb(shape)
            feature.setGeometry(geometry)
        batch.append(feature)
        if len(batch) == _ROWS:
            add_features(batch, sink, feedback)
            feedback.setProgress(100.0 * (row + 1) / len(table))
            batch = []
    add_features(batch, sink, feedback, last=True)


def add_features(batch: list[QgsFeature], sink: QgsFeatureSink, feedback: Feedback, last: bool = False) -> None:
    """Add features to a sink, which writes them some time later; after the ``last`` all of them are written."""
    if feedback.isCanceled():
        raise Canceled
    added = not batch or sink.addFeatures(batch, QgsFeatureSink.Flag.FastInsert)
    if not added or (last and not sink.flushBuffer()):
        reason = sink.lastError() if hasattr(sink, "lastError") else ""
        raise InputError(
            f"The output could not be written ({reason or 'no reason was given'}).",
            "Look whether the disk is full and the file may be written, or choose another place.",
        )


def _qgis_type(table: Table, name: str) -> Any:
    values = table[name]
    kind = values.dtype.kind
    if name in table.labels or kind == "U":
        return QVariant.String
    if kind in "iu":
        return QVariant.LongLong if values.dtype.itemsize > 4 else QVariant.Int
    return {"b": QVariant.Bool, "f": QVariant.Double, "M": QVariant.DateTime}[kind]


def _values(table: Table, name: str) -> list[Any]:
    """A column as the Python objects that QGIS takes, None for NULL."""
    values = table[name]
    if name in table.labels:
        return list(table.text(name))
    if values.dtype.kind == "M":
        return _times(values)
    if values.dtype.kind == "f":
        listed = _shown(values).tolist()
        return [None if number != number else number for number in listed]  # noqa: PLR0124 - NaN alone differs from itself
    return list(values.tolist())


def _times(values: np.ndarray) -> list[Any]:
    """Times in UTC; a few distinct ones are the rule, so that each is made once."""
    distinct, place = np.unique(values.astype("M8[s]"), return_inverse=True)
    gaps = np.isnat(distinct)
    seconds = np.where(gaps, 0, distinct.astype(np.int64)).tolist()
    made = [
        None if gap else QDateTime.fromSecsSinceEpoch(second, Qt.TimeSpec.UTC)
        for second, gap in zip(seconds, gaps.tolist())
    ]
    return [made[index] for index in place.tolist()]


def _shown(values: np.ndarray) -> np.ndarray:
    """float64; of float32 only the digits that mean something."""
    if values.dtype.itemsize > 4:
        return values
    numbers = values.astype(np.float64)
    size = np.abs(np.where(np.isfinite(numbers) & (numbers != 0), numbers, 1.0))
    scale = 10.0 ** (_SIGNIFICANT - 1 - np.floor(np.log10(size)))
    return np.round(numbers * scale) / scale
