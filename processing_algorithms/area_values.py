"""Numbers of polygons as numbers of cells: amounts shared out by area, rates averaged by area."""

from __future__ import annotations

from collections.abc import Sequence
from math import isfinite

import numpy as np
from qgis.core import QgsFeature
from qgis.PyQt.QtCore import NULL

from patrol_missions.bridge.sources import LayerSource
from patrol_missions.core.grid import Block
from patrol_missions.core.names import slug
from patrol_missions.processing_algorithms.areas import AreaReader
from patrol_missions.processing_algorithms.cell_shares import Window, cell_shares
from patrol_missions.processing_algorithms.progress import PartialFeedback

_NO_DATA = frozenset({-222222222, -333333333, -555555555, -666666666, -888888888, -999999999})
"""What the United States census bureau writes in its tables where there is no estimate."""


def area_values(
    reader: AreaReader,
    layer: LayerSource,
    wanted: tuple[Sequence[str], Sequence[str]],
    cells: tuple[np.ndarray, np.ndarray, float],
    feedback: PartialFeedback,
) -> list[tuple[str, np.ndarray]]:
    """Fields ``<name>_sum`` and ``<name>_mean`` with their values, float64, shape (cells,), NaN where there is none.

    :param wanted: fields to share out, and fields to average
    :param cells: columns, rows and side of the cells
    """
    sums, means = wanted
    columns, rows, size_m = cells
    block = Block.of(columns, rows)
    height, width = block.index.shape
    window = Window(block.column, block.row, width, height)
    total = np.zeros((len(sums), len(columns)))
    mean, weight = (np.zeros((len(means), len(columns))) for _ in range(2))
    for number, (feature, area) in enumerate(reader.polygons(layer)):
        feedback.setProgress(100.0 * number / max(layer.count, 1))
        near = Window.around(area.boundingBox(), size_m).overlap(window)
        if near is None:
            continue
        shares = cell_shares(area, near, size_m, feedback.isCanceled)
        index = block.index[near.within(window)]
        touched = (shares > 0) & (index >= 0)
        cell, share = index[touched], shares[touched]
        for place, name in enumerate(sums):
            value = _number(feature, name)
            if value is not None:
                total[place, cell] += value * share * size_m**2 / area.area()
        for place, name in enumerate(means):
            value = _number(feature, name)
            if value is not None:
                mean[place, cell] += value * share
                weight[place, cell] += share
    averages = np.where(weight > 0, mean / np.where(weight > 0, weight, 1.0), np.nan)
    named = [(f"{slug(name)}_sum", values) for name, values in zip(sums, total)]
    named += [(f"{slug(name)}_mean", values) for name, values in zip(means, averages)]
    return named


def _number(feature: QgsFeature, name: str) -> float | None:
    """A field's value, None where it has none."""
    value = feature[name]
    if value is None or value == NULL:
        return None
    number = float(value)
    return number if isfinite(number) and number not in _NO_DATA else None
