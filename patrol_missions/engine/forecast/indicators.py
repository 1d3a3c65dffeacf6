"""Places that shift risk (bars, stations, schools ...): how far the nearest is, and how densely they stand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.spatial import cKDTree

from patrol_missions.core import grid
from patrol_missions.core.errors import InputError
from patrol_missions.core.tables import Table
from patrol_missions.engine.forecast.panel import Cells

RADII_M = (250.0, 500.0)
"""Places are counted within these distances of a cell's centre, each weighing 1 at the centre and 0 at the radius."""

FARTHEST_M = 750.0
"""Distances end here: from farther on, a distance is a coordinate in disguise (see :mod:`.features`)."""


@dataclass(frozen=True, eq=False)
class Indicators:
    """Place layers seen from the cells.

    :param names: what people call each layer
    :param distance_m: from each cell's centre to the nearest place, float32, shape (layers, cells), at most 750 m
    :param density: distance-weighted number of places within each radius, float32, shape (layers, radii, cells)
    """

    names: tuple[str, ...]
    distance_m: np.ndarray
    density: np.ndarray

    def columns(self) -> tuple[list[str], list[np.ndarray]]:
        """Names and values of the features they make."""
        names: list[str] = []
        values: list[np.ndarray] = []
        for index, name in enumerate(self.names):
            names.append(f"distance to {name}")
            values.append(self.distance_m[index])
            for place, radius in enumerate(RADII_M):
                names.append(f"{name} within {radius:g} m")
                values.append(self.density[index, place])
        return names, values


def compute(cells: Cells, listed: Sequence[Mapping[str, Any]], tables: Mapping[str, Table]) -> Indicators:
    """Indicators from point tables.

    :param listed: ``[{"name": "bars", "table": "indicator_0"}, ...]``
    :param tables: the job's tables; each indicator has columns ``x, y`` in the grid's CRS
    """
    x, y = grid.centres(cells.column, cells.row, cells.size_m)
    centres = np.column_stack([x, y])
    names: list[str] = []
    distance = np.full((len(listed), len(cells)), FARTHEST_M, dtype=np.float32)
    density = np.zeros((len(listed), len(RADII_M), len(cells)), dtype=np.float32)
    for index, each in enumerate(listed):
        name, key = str(each["name"]), str(each["table"])
        if name in names:
            raise InputError(f"Two indicator layers are called “{name}”.", "Rename one of the layers.")
        if key not in tables:
            raise InputError(f"The places of the indicator “{name}” are missing.", "Choose the layer again.")
        names.append(name)
        points = np.column_stack([tables[key]["x"], tables[key]["y"]]).astype(np.float64)
        points = points[np.isfinite(points).all(axis=1)]
        if len(points):
            near, _ = cKDTree(points).query(centres)
            distance[index] = np.minimum(near, FARTHEST_M)
            density[index] = _densities(centres, points)
    return Indicators(tuple(names), distance, density)


def _densities(centres: np.ndarray, points: np.ndarray) -> np.ndarray:
    widest = max(RADII_M)
    pairs = cKDTree(centres).sparse_distance_matrix(cKDTree(points), widest, output_type="ndarray")
    result = np.zeros((len(RADII_M), len(centres)))
    for place, radius in enumerate(RADII_M):
        weight = np.maximum(1.0 - pairs["v"] / radius, 0.0)
        result[place] = np.bincount(pairs["i"], weight, minlength=len(centres))
    return result
