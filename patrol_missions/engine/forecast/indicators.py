"""What shifts risk beside incidents: places (bars, schools ...), numbers of cells, planned events, visits of patrol."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from scipy.spatial import cKDTree

from patrol_missions.core import grid, withheld
from patrol_missions.core.errors import InputError
from patrol_missions.core.nearness import FARTHEST_M, RADII_M
from patrol_missions.core.tables import Table
from patrol_missions.engine.forecast.events import Events
from patrol_missions.engine.forecast.panel import Cells
from patrol_missions.engine.forecast.visits import Patrol


@dataclass(frozen=True, eq=False)
class Indicators:
    """Place layers seen from the cells, fields of the grid, planned events and visits of patrol.

    :param names: what people call each layer
    :param distance_m: from each cell's centre to the nearest place, float32, shape (layers, cells), at most 750 m
    :param density: distance-weighted number of places within each radius (a place weighs 1 at a cell's centre and 0 at
        the radius), float32, shape (layers, radii, cells)
    :param fields: names of the grid's fields
    :param values: their values, the city's median where a cell has none, float32, shape (fields, cells)
    :param events: ``None`` where the models know nothing of events
    :param patrol: ``None`` where the models know nothing of visits
    """

    names: tuple[str, ...]
    distance_m: np.ndarray
    density: np.ndarray
    fields: tuple[str, ...]
    values: np.ndarray
    events: Events | None = None
    patrol: Patrol | None = None

    def columns(self) -> tuple[list[str], list[np.ndarray]]:
        """Names and values of the features that places and fields make."""
        names: list[str] = []
        values: list[np.ndarray] = []
        for index, name in enumerate(self.names):
            names.append(f"distance to {name}")
            values.append(self.distance_m[index])
            for place, radius in enumerate(RADII_M):
                names.append(f"{name} within {radius:g} m")
                values.append(self.density[index, place])
        names += [f"value of {name}" for name in self.fields]
        return names, [*values, *self.values]

    def only(self, names: Sequence[str], fields: Sequence[str]) -> Indicators:
        """Some of the layers and fields, in the order given."""
        layers = [self.names.index(name) for name in names]
        values = self.values[[self.fields.index(name) for name in fields]]
        return replace(
            self,
            names=tuple(names),
            distance_m=self.distance_m[layers],
            density=self.density[layers],
            fields=tuple(fields),
            values=values,
        )


def of(cells: Cells, parameters: Mapping[str, Any], tables: Mapping[str, Table]) -> Indicators:
    """The indicators of a job, from its parameters ``indicators`` and ``indicator_fields``."""
    return compute(cells, parameters.get("indicators") or [], tables, parameters.get("indicator_fields") or [])


def compute(
    cells: Cells,
    listed: Sequence[Mapping[str, Any]],
    tables: Mapping[str, Table],
    fields: Sequence[Mapping[str, Any]] = (),
) -> Indicators:
    """Indicators from point tables and from columns of the cells.

    :param listed: ``[{"name": "bars", "table": "indicator_0"}, ...]``
    :param tables: the job's tables; each indicator has columns ``x, y`` in the grid's CRS
    :param fields: ``[{"name": "median_income", "column": "field_0"}, ...]``, columns of the table ``cells``
    :raises InputError: a layer or field is missing, named twice, empty, or may not steer patrols
    """
    x, y = grid.centres(cells.column, cells.row, cells.size_m)
    centres = np.column_stack([x, y])
    names: list[str] = []
    distance = np.full((len(listed), len(cells)), FARTHEST_M, dtype=np.float32)
    density = np.zeros((len(listed), len(RADII_M), len(cells)), dtype=np.float32)
    for index, each in enumerate(listed):
        name, key = str(each["name"]), str(each["table"])
        _check_name(name)
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
    return Indicators(tuple(names), distance, density, *_fields(cells, fields, tables))


def _check_name(name: str) -> None:
    told = withheld.reason(name)
    if told:
        raise InputError(
            f"The indicator “{name}” is about {told}, which may not steer patrols.", "Leave it out of the indicators."
        )


def _fields(
    cells: Cells, fields: Sequence[Mapping[str, Any]], tables: Mapping[str, Table]
) -> tuple[tuple[str, ...], np.ndarray]:
    """Names of the grid's fields and their values, shape (fields, cells), without gaps."""
    names = tuple(str(each["name"]) for each in fields)
    values = np.zeros((len(names), len(cells)), dtype=np.float32)
    for index, (name, each) in enumerate(zip(names, fields)):
        _check_name(name)
        if name in names[:index]:
            raise InputError(f"The indicator field “{name}” is given twice.", "Choose every field once.")
        column = tables["cells"][str(each["column"])].astype(np.float32)
        known = np.isfinite(column)
        if not known.any():
            raise InputError(f"Field “{name}” of the grid has no number in any cell.", "Leave it out, or fill it in.")
        values[index] = np.where(known, column, np.median(column[known]))
    return names, values


def _densities(centres: np.ndarray, points: np.ndarray) -> np.ndarray:
    widest = max(RADII_M)
    pairs = cKDTree(centres).sparse_distance_matrix(cKDTree(points), widest, output_type="ndarray")
    result = np.zeros((len(RADII_M), len(centres)))
    for place, radius in enumerate(RADII_M):
        weight = np.maximum(1.0 - pairs["v"] / radius, 0.0)
        result[place] = np.bincount(pairs["i"], weight, minlength=len(centres))
    return result
