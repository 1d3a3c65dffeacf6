"""Aoristic weights: which shift instances an incident may have happened in, and with what share of its interval.

Many incidents are known only as an interval: the car was there at 22:00 and gone at 07:00. Each shift instance gets the
share of that interval that it covers (Ratcliffe 2000, aoristic analysis):

    weight(incident, instance) = length(interval and instance) / length(interval)

so with shifts that tile the day the weights of an incident add up to 1. Overlapping shifts each get their own share, as
each is planned for itself; the part of an interval that no shift covers drops out.

* An incident without an end, or whose end equals its start, is a point and weighs 1 in every instance that holds it.
* An end before the start is a slip of the pen: the two are swapped.
* An interval longer than ``cap_hours`` (48) says nothing about the time of day and little about a far-off end: it is
  spread evenly over its first 48 hours, two whole days, which gives every shift the share that its length deserves.
* When only the day is known, the interval is the whole local day (23, 24 or 25 hours), or the days from first to last.

>>> entries = spread(plan.instances(first, last), start, end, time_known)
>>> np.bincount(entries.instance, entries.weight, minlength=len(instances))      # expected count per instance
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from patrol_missions.engine.data.shifts import Instances

CAP_HOURS = 48.0


@dataclass(frozen=True, eq=False)
class Entries:
    """Sparse weights, ordered by incident, then instance; all arrays have shape (m,).

    :param incident: row of the incident, int64
    :param instance: row of the shift instance, int64
    :param weight: share of the incident's interval, float64, above 0 and at most 1
    """

    incident: np.ndarray
    instance: np.ndarray
    weight: np.ndarray

    def __len__(self) -> int:
        return len(self.weight)


def intervals(
    instances: Instances, start: np.ndarray, end: np.ndarray | None, time_known: np.ndarray | None, cap_hours: float
) -> tuple[np.ndarray, np.ndarray]:
    """First and last moment (UTC, datetime64[s]) of each incident after the rules above; equal for a point.

    Without a start (NaT) both are NaT.
    """
    first = np.asarray(start).astype("datetime64[s]")
    last = first if end is None else np.asarray(end).astype("datetime64[s]")
    last = np.where(np.isnat(last), first, last)
    first, last = np.minimum(first, last), np.maximum(first, last)
    if time_known is not None and len(first):
        whole = ~np.asarray(time_known, dtype=bool) & ~np.isnat(first)
        first, last = first.copy(), last.copy()
        first[whole] = instances.zone.midnight(first[whole])
        last[whole] = instances.zone.next_midnight(last[whole])
    cap = np.timedelta64(round(cap_hours * 3600), "s")
    return first, np.where(last - first > cap, first + cap, last)


def spread(
    instances: Instances,
    start: np.ndarray,
    end: np.ndarray | None = None,
    time_known: np.ndarray | None = None,
    cap_hours: float = CAP_HOURS,
) -> Entries:
    """Weights of incidents over shift instances.

    :param instances: from :meth:`ShiftPlan.instances`; what lies outside them drops out
    :param start: UTC, datetime64, shape (n,); NaT gives no weight anywhere
    :param end: UTC, datetime64, shape (n,), NaT where none; ``None`` when no incident has an end
    :param time_known: False where only the local day is known, shape (n,); ``None`` means all known
    :param cap_hours: longest interval that is taken at its word
    """
    begin, finish = intervals(instances, start, end, time_known, cap_hours)
    incident = np.flatnonzero(~np.isnat(begin))
    begin_s, finish_s = begin[incident].astype(np.int64), finish[incident].astype(np.int64)
    parts = [_of_one_shift(instances, rows, begin_s, finish_s) for rows in _by_shift(instances)]
    if not parts:
        empty = np.zeros(0, dtype=np.int64)
        return Entries(empty, empty, np.zeros(0))
    rows, columns, weights = (np.concatenate(pieces) for pieces in zip(*parts))
    order = np.argsort(rows * len(instances) + columns, kind="stable")  # a few sorted runs, which this kind merges
    return Entries(incident[rows[order]], columns[order], weights[order])


def _by_shift(instances: Instances) -> list[np.ndarray]:
    """Rows of each shift's instances; within one shift they never overlap, so starts and ends both ascend."""
    return [np.flatnonzero(instances.shift == shift) for shift in np.unique(instances.shift)]


def _of_one_shift(
    instances: Instances, rows: np.ndarray, begin: np.ndarray, finish: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    starts, ends = instances.start[rows].astype(np.int64), instances.end[rows].astype(np.int64)
    point = begin == finish
    low = np.searchsorted(ends, begin, side="right")
    high = np.where(point, np.searchsorted(starts, begin, side="right"), np.searchsorted(starts, finish, side="left"))
    count = np.maximum(high - low, 0)
    incident = np.repeat(np.arange(len(begin)), count)
    within = np.arange(len(incident)) - np.repeat(np.cumsum(count) - count, count)
    position = np.repeat(low, count) + within
    overlap = np.minimum(ends[position], finish[incident]) - np.maximum(starts[position], begin[incident])
    length = np.where(point, 1, finish - begin)[incident]
    weight = np.where(point[incident], 1.0, overlap / length)
    return incident, rows[position], weight
