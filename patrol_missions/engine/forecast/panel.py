"""Incidents as arrays by cell, shift instance and category, each with the moment from which it was known.

Two sorted lists stand for the whole panel (cells x shift instances x categories is never laid out):

* *events*, one per incident, for everything about places;
* *entries*, one per incident and shift instance that it may have happened in, with its aoristic weight, for everything
  about shifts, and as what the models learn to expect.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from patrol_missions.core import grid
from patrol_missions.core.errors import InputError
from patrol_missions.core.tables import Table
from patrol_missions.engine.data import aoristic
from patrol_missions.engine.data.shifts import Instances, ShiftPlan
from patrol_missions.engine.forecast.raster import Raster

DAY_S = 86_400
WEEK_S = 7 * DAY_S
_QUIET_S = 36 * 3600  # longer without a single incident means that the data end, unless incidents are rare
_LATE_REPORT_S = 14 * DAY_S


@dataclass(frozen=True, eq=False)
class Cells:
    """The grid.

    :param column: grid column, int64, shape (cells,)
    :param row: grid row, int64, shape (cells,)
    :param share_inside: share of the square inside the jurisdiction, float64, shape (cells,)
    :param size_m: side in metres
    """

    column: np.ndarray
    row: np.ndarray
    share_inside: np.ndarray
    size_m: float
    raster: Raster

    @classmethod
    def of(cls, table: Table, size_m: float) -> Cells:
        """Cells from the table that crosses the wall (``col, row, share_inside``)."""
        column, row = table["col"].astype(np.int64), table["row"].astype(np.int64)
        share = table["share_inside"].astype(np.float64) if "share_inside" in table else np.ones(len(column))
        raster = Raster.of(column, row)
        # A sliver keeps a little weight, so that no density is ever divided by zero.
        return cls(column, row, np.clip(np.nan_to_num(share, nan=1.0), 0.01, 1.0), size_m, raster)

    def __len__(self) -> int:
        return len(self.column)


@dataclass(frozen=True, eq=False)
class Events:
    """Incidents in the order in which they became known; all arrays have shape (events,).

    :param cell: int32
    :param category: int32
    :param first: begin of the interval in which it happened, seconds UTC, int64
    :param last: end of that interval; equal to ``first`` where the moment is known
    :param known: moment from which it was known, seconds UTC, int64, ascending, never before ``last``
    """

    cell: np.ndarray
    category: np.ndarray
    first: np.ndarray
    last: np.ndarray
    known: np.ndarray

    @cached_property
    def time(self) -> np.ndarray:
        """Middle of the interval, seconds UTC, int64."""
        return (self.first + self.last) // 2

    def __len__(self) -> int:
        return len(self.cell)


@dataclass(frozen=True, eq=False)
class Entries:
    """Aoristic shares of incidents in shift instances, in the order in which they became known; shape (entries,).

    :param cell: int32
    :param category: int32
    :param instance: row of the panel's instances, int32
    :param weight: share of the incident, float32, above 0
    :param time: middle of the incident's interval, seconds UTC, int64
    :param known: seconds UTC, int64, ascending
    """

    cell: np.ndarray
    category: np.ndarray
    instance: np.ndarray
    weight: np.ndarray
    time: np.ndarray
    known: np.ndarray


@dataclass(frozen=True)
class Intake:
    """What became of the rows of the incident table; a row that fails several tests counts at the first.

    :param read: rows read
    :param left_out: reason and rows, in the order of the tests
    """

    read: int
    left_out: tuple[tuple[str, int], ...]

    @classmethod
    def of(cls, tests: Sequence[tuple[str, np.ndarray]]) -> Intake:
        """Counts from reasons and masks of the rows that pass, each of shape (rows,)."""
        passed = np.ones(len(tests[0][1]), dtype=bool)
        left_out = []
        for reason, good in tests:
            left_out.append((reason, int((passed & ~good).sum())))
            passed &= good
        return cls(len(passed), tuple(left_out))


@dataclass(frozen=True, eq=False)
class Panel:
    """Everything that is known about incidents, by cell, shift and category.

    :param intake: how many rows there were, and why some are not in it
    :param begin: first moment of the history, seconds UTC
    :param end: moment as of which the history was taken, seconds UTC; nothing in the panel became known later
    """

    cells: Cells
    categories: tuple[str, ...]
    plan: ShiftPlan
    instances: Instances
    events: Events
    entries: Entries
    intake: Intake
    begin: int
    end: int

    @property
    def counts(self) -> np.ndarray:
        """Incidents per category, int64."""
        return np.bincount(self.events.category, minlength=len(self.categories))

    def labels(self, category: int, known_by: int) -> Labels:
        """Incidents of a category per cell and instance, as known at a moment."""
        rows = (self.entries.category == category) & (self.entries.known <= known_by)
        key = self.entries.instance[rows].astype(np.int64) * len(self.cells) + self.entries.cell[rows]
        keys, place = np.unique(key, return_inverse=True)
        return Labels(keys, np.bincount(place, self.entries.weight[rows], minlength=len(keys)), len(self.cells))


@dataclass(frozen=True, eq=False)
class Labels:
    """What really happened, where anything did: keys ``instance * cells + cell`` ascending, and incidents there."""

    key: np.ndarray
    count: np.ndarray
    cells: int

    def between(self, first: int, last: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Instance, cell and incidents for the instances ``first`` up to (not including) ``last``."""
        low, high = np.searchsorted(self.key, [first * self.cells, last * self.cells])
        key = self.key[low:high]
        return key // self.cells, key % self.cells, self.count[low:high]


def build(
    incidents: Table,
    cells: Cells,
    plan: ShiftPlan,
    categories: Sequence[str] | None = None,
    as_of: np.datetime64 | None = None,
) -> Panel:
    """The panel of an incident table, as known at ``as_of`` (default: all of it).

    An incident is known from its report on; without a report, from the end of the interval in which it happened. Those
    outside the cells, without a time or category, or not yet known at ``as_of`` do not count.

    :raises InputError: when no incident is left
    """
    labels = incidents.labels.get("category", ())
    names = tuple(categories) if categories is not None else tuple(sorted(labels))
    cell = grid.locate(incidents["x"], incidents["y"], cells.column, cells.row, cells.size_m)
    lookup = np.array([names.index(label) if label in names else -1 for label in labels] + [-1], dtype=np.int64)
    category = lookup[incidents["category"]]
    first, last, known = _times(incidents, plan)
    limit = _latest(first, known, as_of)
    tests = [
        ("of a category that is not forecast", category >= 0),
        ("without a usable time", first >= 0),
        ("outside the grid, or without a place", cell >= 0),
        ("not known yet, or reported long after the history ends", known <= limit),
    ]
    keep = np.flatnonzero(np.logical_and.reduce([good for _, good in tests]))
    if len(keep) == 0:
        raise InputError(
            "No incident of the chosen categories lies inside the grid with a usable time.",
            "Check that incidents and grid cover the same place and that the incidents come from Check incidents.",
        )
    keep = keep[np.argsort(known[keep], kind="stable")]
    begin = int(first[keep].min())
    instances = plan.instances(_moment(begin), _moment(limit + 1))
    events = Events(
        cell[keep].astype(np.int32),
        category[keep].astype(np.int32),
        first[keep],
        last[keep],
        known[keep],
    )
    entries = _entries(incidents.take(keep), instances, events)
    return Panel(cells, names, plan, instances, events, entries, Intake.of(tests), begin, limit)


def _times(incidents: Table, plan: ShiftPlan) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """First and last possible moment and the moment it was known, seconds UTC (-1: no time)."""
    start = incidents["start"].astype("datetime64[s]")
    missing = np.full(len(start), np.datetime64("NaT"), dtype="datetime64[s]")
    end = incidents["end"].astype("datetime64[s]") if "end" in incidents else missing
    reported = incidents["reported"].astype("datetime64[s]") if "reported" in incidents else missing
    some = plan.instances(np.datetime64(0, "s"), np.datetime64(1, "s"))  # only its clock is used
    certain = incidents["time_known"].astype(bool) if "time_known" in incidents else None
    first, last = aoristic.intervals(some, start, end, certain, aoristic.CAP_HOURS)
    known = np.fmax(np.fmax(last, end), reported)
    return tuple(np.where(np.isnat(v), -1, v.astype(np.int64)) for v in (first, last, known))  # type: ignore[return-value]


def _latest(first: np.ndarray, known: np.ndarray, as_of: np.datetime64 | None) -> int:
    """Moment as of which the history is taken: as asked, else when its last incident became known.

    A report long after the last incident says when a file was made or holds a slip of the pen; it does not stretch the
    history. Nor does a moment long after the data end: silence would pass for a city without incidents.
    """
    limit = None if as_of is None else int(as_of.astype("datetime64[s]").astype(np.int64))
    usable = (first >= 0) if limit is None else (first >= 0) & (known <= limit)
    if not usable.any():
        return limit or 0
    newest = int(first[usable].max())
    prompt = known[usable & (known <= newest + _LATE_REPORT_S)]
    settled = int(prompt.max(initial=newest))
    if limit is None:
        return settled
    between = (settled - int(first[usable].min())) / int(usable.sum())
    return limit if limit - settled <= max(_QUIET_S, 10 * between) else settled


def _entries(incidents: Table, instances: Instances, events: Events) -> Entries:
    columns = incidents.columns
    spread = aoristic.spread(instances, incidents["start"], columns.get("end"), columns.get("time_known"))
    who = spread.incident
    return Entries(
        events.cell[who],
        events.category[who],
        spread.instance.astype(np.int32),
        spread.weight.astype(np.float32),
        events.time[who],
        events.known[who],
    )


def _moment(seconds: int) -> np.datetime64:
    return np.datetime64(seconds, "s")
