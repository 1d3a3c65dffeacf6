"""Planned events seen from the cells: a game raises risk around the stadium, for those hours.

Events are announced, so those to come are known as those past are. They touch few cells for few hours: only the touched
pairs of a cell and a shift instance are ever computed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy.spatial import cKDTree

from patrol_missions.core import grid
from patrol_missions.core.errors import InputError
from patrol_missions.core.tables import Table
from patrol_missions.engine.data.shifts import Instances
from patrol_missions.engine.data.zones import Zone
from patrol_missions.engine.forecast import spans
from patrol_missions.engine.forecast.panel import Cells
from patrol_missions.engine.forecast.spans import Words

FEATURE = "planned events nearby"
"""Name of the feature that they make."""

REACH_M = 500.0
"""How far an event is felt where its reach is not given."""

FARTHEST_REACH_M = 5000.0
_AROUND_S = 3600  # before the start and after the end, while people come and go
_MOST = 2.0
_WORDS = Words("planned event", "planned events", "the events")


@dataclass(frozen=True, eq=False)
class Nearby:
    """How near planned events are, in all touched pairs of a cell and a shift instance.

    :param key: instance x cells + cell, int64, ascending, shape (pairs,)
    :param value: share of the shift times distance weight, summed over events, at most 2; float32, shape (pairs,)
    """

    cells: int
    key: np.ndarray
    value: np.ndarray

    def of(self, cell: np.ndarray, instance: np.ndarray) -> np.ndarray:
        """The value of cells and instances (indices, shape (rows,)), 0 where nothing is near; float32."""
        found = np.zeros(len(cell), dtype=np.float32)
        if len(self.key):
            wanted = np.asarray(instance, dtype=np.int64) * self.cells + cell
            place = np.minimum(np.searchsorted(self.key, wanted), len(self.key) - 1)
            there = self.key[place] == wanted
            found[there] = self.value[place[there]]
        return found

    @property
    def instances(self) -> np.ndarray:
        """Instances in which any cell is touched (indices)."""
        return np.unique(self.key // self.cells)


@dataclass(frozen=True, eq=False)
class Events:
    """Planned events.

    :param begin: from when on each is felt, seconds UTC, int64, shape (events,)
    :param over: until when
    :param place: where each takes place (index), shape (events,)
    :param first: where the cells of each place begin in the next two, int64, shape (places + 1,)
    :param cell: cells (indices) within reach of a place, int64
    :param weight: 1 in the cell of the place, falling to 0 at its reach
    :param warnings: what to tell the user
    """

    cells: int
    begin: np.ndarray
    over: np.ndarray
    place: np.ndarray
    first: np.ndarray
    cell: np.ndarray
    weight: np.ndarray
    warnings: tuple[str, ...] = ()

    def nearby(self, instances: Instances) -> Nearby:
        """How near events are to each cell during the instances, which are ordered by their start."""
        start, end = (moments.astype(np.int64) for moments in (instances.start, instances.end))
        if len(start) == 0:
            return Nearby(self.cells, np.zeros(0, np.int64), np.zeros(0, np.float32))
        low = np.searchsorted(start, self.begin - (end - start).max(), side="right")
        high = np.searchsorted(start, self.over, side="left")
        event, instance = _spread(low, np.maximum(high - low, 0))
        felt = np.minimum(self.over[event], end[instance]) - np.maximum(self.begin[event], start[instance])
        event, instance, felt = (each[felt > 0] for each in (event, instance, felt))
        share = felt / (end - start)[instance]
        place = self.place[event]
        pair, at = _spread(self.first[place], np.diff(self.first)[place])
        key, row = np.unique(instance[pair] * self.cells + self.cell[at], return_inverse=True)
        value = np.bincount(row.reshape(-1), share[pair] * self.weight[at], minlength=len(key))
        return Nearby(self.cells, key, np.minimum(value, _MOST).astype(np.float32))


def none(cells: Cells) -> Events:
    """A list without any event."""
    nothing, empty = np.zeros(0, dtype=np.int64), np.zeros(0)
    return Events(len(cells), nothing, nothing, nothing, np.zeros(1, np.int64), nothing, empty)


def of(cells: Cells, tables: Mapping[str, Table], zone: Zone) -> Events | None:
    """The events of a job's table ``events``; ``None`` where there is no such table.

    It has ``x, y`` in the grid's CRS, ``start`` and ``end`` (UTC) or ``start_local`` and ``end_local`` (the zone's
    wall time), and, if given, ``reach_m``. Rows without a place or a time are left out; a table without rows says that
    nothing is planned.

    :raises InputError: when no row is whole, an event ends before it starts, or a reach is none
    """
    if "events" not in tables:
        return None
    table = tables["events"]
    if len(table) == 0:
        return none(cells)
    found = spans.of(table, zone, _WORDS)
    whole = found.rows
    reach = table["reach_m"][whole].astype(np.float64) if "reach_m" in table else np.full(len(whole), np.nan)
    reach = np.where(np.isnan(reach), REACH_M, reach)
    if not ((reach > 0) & (reach <= FARTHEST_REACH_M)).all():
        raise InputError(
            f"A planned event has a reach of {reach[(reach <= 0) | (reach > FARTHEST_REACH_M)][0]:g} m.",
            f"Give metres above 0 and up to {FARTHEST_REACH_M:g}, or nothing for {REACH_M:g}.",
        )
    spots, place = np.unique(np.column_stack([found.x, found.y, reach]), axis=0, return_inverse=True)
    first, cell, weight = _within_reach(cells, spots)
    warnings = list(found.warnings)
    if len(cell) == 0:
        warnings.append("No planned event reaches any cell of the grid.")
    felt = (found.start - _AROUND_S, found.end + _AROUND_S)
    return Events(len(cells), *felt, place.reshape(-1), first, cell, weight, tuple(warnings))


def _within_reach(cells: Cells, spots: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Cells within reach of spots (x, y, reach) and their weights; distances are counted from the cell's square."""
    half = cells.size_m / 2
    centres = np.column_stack(grid.centres(cells.column, cells.row, cells.size_m))
    near = cKDTree(centres).query_ball_point(spots[:, :2], spots[:, 2] + half * np.sqrt(2), return_sorted=True)
    count = np.array([len(each) for each in near], dtype=np.int64)
    cell = np.concatenate([np.array(each, dtype=np.int64) for each in near])
    spot = np.repeat(np.arange(len(spots)), count)
    away = np.maximum(np.abs(centres[cell] - spots[spot, :2]) - half, 0.0)
    weight = 1.0 - np.hypot(away[:, 0], away[:, 1]) / spots[spot, 2]
    kept = weight > 0
    first = np.concatenate([[0], np.cumsum(np.bincount(spot[kept], minlength=len(spots)))])
    return first.astype(np.int64), cell[kept], weight[kept]


def _spread(first: np.ndarray, count: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Row and number of every element of the ranges that begin at ``first`` and have ``count`` numbers."""
    row = np.repeat(np.arange(len(count)), count)
    skipped = np.cumsum(count) - count
    return row, np.arange(len(row)) - skipped[row] + first[row]
