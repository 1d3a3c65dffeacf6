"""The plan's missions as live tracking takes them."""

from __future__ import annotations

import math
from typing import Any

from qgis.core import NULL, QgsFeature, QgsGeometry, QgsPointXY, QgsVectorLayer

from patrol_missions.core.grid import parse_cell_id
from patrol_missions.gui.missions import as_utc

_TOO_MUCH = 2.0  # times its minutes, and a mission is over-dosed


def live_missions(layer: QgsVectorLayer, size_m: float) -> list[dict[str, Any]]:
    """Rows with id, cells, start and end (seconds since 1970 UTC), minutes, and the unit where the plan names one."""
    there = set(layer.fields().names())
    rows = []
    for feature in layer.getFeatures():
        visits, unit = (feature[name] if name in there else None for name in ("visits", "unit"))
        minutes = float(feature["dose_minutes"]) * (1 if visits in (None, NULL) else int(visits))
        rows.append(
            {
                "mission_id": str(feature["mission_id"]),
                "cells": [list(cell) for cell in cells_of(feature, size_m)],
                "start": float(as_utc(feature["start"]).toSecsSinceEpoch()),
                "end": float(as_utc(feature["end"]).toSecsSinceEpoch()),
                "minutes": minutes,
                "most_minutes": _TOO_MUCH * minutes,
                **({} if unit in (None, NULL, "") else {"unit": str(unit)}),
            }
        )
    return rows


def cells_of(feature: QgsFeature, size_m: float) -> list[tuple[int, int]]:
    """The mission's cell, and of a drawn box all cells whose middle is in it."""
    column, row = parse_cell_id(str(feature["cell_id"]))
    cells = {(int(column), int(row))}
    shape: QgsGeometry = feature.geometry()
    if not shape.isNull():
        extent = shape.boundingBox()
        for east in range(math.floor(extent.xMinimum() / size_m), math.ceil(extent.xMaximum() / size_m)):
            for north in range(math.floor(extent.yMinimum() / size_m), math.ceil(extent.yMaximum() / size_m)):
                middle = QgsGeometry.fromPointXY(QgsPointXY((east + 0.5) * size_m, (north + 0.5) * size_m))
                if shape.contains(middle):
                    cells.add((east, north))
    return sorted(cells)
