"""Shifts: named spans of local wall time, and their occurrences on the time line.

>>> from patrol_missions.core.shifts import parse_shifts
>>> plan = ShiftPlan(parse_shifts([
...     {"name": "Day", "start": "07:00", "end": "15:00", "weekdays": ""},
...     {"name": "Late", "start": "15:00", "end": "23:00", "weekdays": "Mon-Sun"},
...     {"name": "Night", "start": "23:00", "end": "07:00"},
... ]), "America/New_York")
>>> year = plan.instances(np.datetime64("2019-01-01T05:00:00"), np.datetime64("2020-01-01T05:00:00"))
>>> len(year), str(year.exposure_hours[year.date == np.datetime64("2019-03-09")].round(1))
(1096, '[8. 8. 7.]')
>>> tonight = plan.following(np.datetime64("2020-01-01T18:00:00"), 3)
>>> [plan.shifts[i].name for i in tonight.shift]
['Late', 'Night', 'Day']
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from patrol_missions.core.errors import InputError
from patrol_missions.core.shifts import Shift
from patrol_missions.engine.data.zones import Zone, zone


@dataclass(frozen=True, eq=False)
class Instances:
    """Occurrences of shifts, ordered by start, then by the shift's place in the plan; all arrays have shape (n,).

    :param zone: the plan's time zone
    :param shift: index into the plan's shifts, int32
    :param date: operational date, the local date of the start as midnight, datetime64[s]
    :param start: UTC, datetime64[s]
    :param end: UTC, datetime64[s], always after the start
    """

    zone: Zone
    shift: np.ndarray
    date: np.ndarray
    start: np.ndarray
    end: np.ndarray

    @cached_property
    def exposure_hours(self) -> np.ndarray:
        """Real hours between start and end, float64."""
        return (self.end - self.start).astype(np.int64) / 3600.0

    def __len__(self) -> int:
        return len(self.shift)

    def take(self, rows: np.ndarray | slice) -> Instances:
        """Some of the occurrences (indices, mask or slice), in the order given."""
        return Instances(self.zone, self.shift[rows], self.date[rows], self.start[rows], self.end[rows])


@dataclass(frozen=True)
class ShiftPlan:
    """The shifts of a jurisdiction and the time zone of their wall times."""

    shifts: tuple[Shift, ...]
    time_zone: str

    def __post_init__(self) -> None:
        if not self.shifts:
            raise InputError("There are no shifts.", "Add at least one shift with a name, a start and an end.")
        zone(self.time_zone)

    @property
    def zone(self) -> Zone:
        """Clock table of the plan's zone."""
        return zone(self.time_zone)

    def instances(self, start_utc: np.datetime64, end_utc: np.datetime64) -> Instances:
        """Every occurrence that touches ``[start_utc, end_utc)``, whole, not clipped.

        A clock change that swallows a shift entirely leaves no occurrence of it that day.
        """
        moments = np.array([start_utc, end_utc], dtype="datetime64[s]")
        if np.isnat(moments).any():
            raise InputError("The first or last moment of the period is missing.")
        first, last = self.zone.to_local(moments).astype("datetime64[D]")
        # Two days of margin: a shift of the day before may still run, and a zone may once have skipped a day.
        dates = np.arange(first - 2, last + 2, dtype="datetime64[D]")
        found = self._starting_on(dates)
        return found.take((found.end > moments[0]) & (found.start < moments[1]))

    def following(self, start_utc: np.datetime64, count: int) -> Instances:
        """The first ``count`` occurrences that start at or after a UTC moment."""
        moment = start_utc.astype("datetime64[s]")
        per_week = sum(len(shift.weekdays) for shift in self.shifts)
        days = np.timedelta64(7 * (count // per_week + 2), "D")
        found = self.instances(moment, moment + days)
        return found.take(np.flatnonzero(found.start >= moment)[:count])

    def _starting_on(self, dates: np.ndarray) -> Instances:
        weekday = (dates.astype(np.int64) + 3) % 7  # 1970-01-01 was a Thursday
        shift, date = [], []
        for index, each in enumerate(self.shifts):
            mine = dates[np.isin(weekday, each.weekdays)]
            shift.append(np.full(len(mine), index, dtype=np.int32))
            date.append(mine)
        shifts, days = np.concatenate(shift), np.concatenate(date).astype("datetime64[s]")
        begin = np.array([each.start_minutes * 60 for each in self.shifts])[shifts]
        length = np.array([each.length_minutes * 60 for each in self.shifts])[shifts]
        start = self.zone.to_utc(days + begin)
        end = self.zone.to_utc(days + (begin + length))
        order = np.lexsort((shifts, start))
        order = order[(end > start)[order]]
        return Instances(self.zone, shifts[order], days[order], start[order], end[order])
