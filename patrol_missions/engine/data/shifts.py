"""Shifts: named spans of local wall time, and their occurrences on the time line.

>>> plan = ShiftPlan(parse_shifts([
...     {"name": "Day", "start": "07:00", "end": "15:00", "weekdays": ""},
...     {"name": "Late", "start": "15:00", "end": "23:00", "weekdays": "Mon-Sun"},
...     {"name": "Night", "start": "23:00", "end": "07:00"},
... ]), "America/New_York")
>>> year = plan.instances(np.datetime64("2019-01-01T05:00:00"), np.datetime64("2020-01-01T05:00:00"))
>>> len(year), str(year.exposure_hours[year.date == np.datetime64("2019-03-09")].round(1))
(1096, '[8. 8. 7.])')
>>> tonight = plan.following(np.datetime64("2020-01-01T18:00:00"), 3)
>>> [plan.shifts[i].name for i in tonight.shift]
['Late', 'Night', 'Day']
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from patrol_missions.core.errors import InputError
from patrol_missions.engine.data.zones import Zone, zone

EVERY_DAY = (0, 1, 2, 3, 4, 5, 6)

_MINUTES_A_DAY = 1440
_TIME = re.compile(r"(\d{1,2})(?:[:.h]?([0-5]\d))?(?::00)?\s*(am|pm|a\.m\.|p\.m\.)?")
_DAY_NAMES = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_DAY_GROUPS = {
    "weekdays": (0, 1, 2, 3, 4),
    "weekends": (5, 6),
    "daily": EVERY_DAY,
    "every day": EVERY_DAY,
    "all": EVERY_DAY,
}
_TIME_HINT = "Write times as 07:00 or 19:30, 00:00 to 23:59."
_DAYS_HINT = "Write days like Mon-Fri or Sat, Sun; leave blank for every day."


@dataclass(frozen=True)
class Shift:
    """A named span of local wall time on some weekdays.

    An end at or before the start lies on the next day; an end equal to the start makes 24 hours.

    :param name: what people call it
    :param start: wall time ``"HH:MM"``
    :param end: wall time ``"HH:MM"``
    :param weekdays: days on which it *starts*, 0 = Monday
    """

    name: str
    start: str
    end: str
    weekdays: tuple[int, ...] = EVERY_DAY

    @property
    def start_minutes(self) -> int:
        """Minutes from local midnight to the start."""
        return _minutes(self.start)

    @property
    def length_minutes(self) -> int:
        """Wall-clock length, 1 to 1440; real hours differ on days with a clock change."""
        return (_minutes(self.end) - _minutes(self.start) - 1) % _MINUTES_A_DAY + 1


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


def parse_shifts(rows: Iterable[Mapping[str, object]]) -> tuple[Shift, ...]:
    """Shifts from rows of text as a user writes them; rows that are blank throughout are passed over.

    :param rows: mappings with ``name``, ``start``, ``end`` and optionally ``weekdays``
    :raises InputError: names the shift and what is wrong with it
    """
    shifts: list[Shift] = []
    for number, row in enumerate(rows, start=1):
        name, start, end, days = (str(row.get(key) or "").strip() for key in ("name", "start", "end", "weekdays"))
        if not (name or start or end or days):
            continue
        if not name:
            raise InputError(f"Shift {number} has no name.", "Give every shift a name, such as Night.")
        if any(name.casefold() == other.name.casefold() for other in shifts):
            raise InputError(
                f"Two shifts are called “{name}”.", "Give every shift a name of its own, such as Night (weekend)."
            )
        shifts.append(Shift(name, _clock(start, name, "start"), _clock(end, name, "end"), parse_weekdays(days, name)))
    return tuple(shifts)


def parse_weekdays(text: str, shift_name: str = "") -> tuple[int, ...]:
    """Weekdays (0 = Monday) from text such as ``"Mon-Fri"``, ``"Sat, Sun"``, ``"Fri-Mon"``; blank is every day."""
    wanted = re.sub(r"[–—]|\bto\b", "-", text.strip().lower())
    if not wanted:
        return EVERY_DAY
    if wanted in _DAY_GROUPS:
        return _DAY_GROUPS[wanted]
    joined = re.sub(r"\s*-\s*", "-", re.sub(r"\band\b|[,;&/]", " ", wanted))
    days: set[int] = set()
    for part in joined.split() or [""]:
        ends = [_weekday(word, text, shift_name) for word in part.split("-")]
        if len(ends) > 2:
            raise _bad_days(text, shift_name)
        days.update((ends[0] + step) % 7 for step in range((ends[-1] - ends[0]) % 7 + 1))
    return tuple(sorted(days))


def _weekday(word: str, text: str, shift_name: str) -> int:
    clean = word.strip(" .")
    found = [i for i, name in enumerate(_DAY_NAMES) if len(clean) >= 2 and name.startswith(clean)]
    if len(found) != 1:
        raise _bad_days(text, shift_name)
    return found[0]


def _bad_days(text: str, shift_name: str) -> InputError:
    owner = f"of shift “{shift_name}” " if shift_name else ""
    return InputError(f"The weekdays {owner}read “{text}”, which cannot be understood.", _DAYS_HINT)


def _clock(text: str, shift_name: str, edge: str) -> str:
    match = _TIME.fullmatch(text.lower())
    if not text or match is None:
        said = f"reads “{text}”, which is not a time of day" if text else "is missing"
        raise InputError(f"The {edge} of shift “{shift_name}” {said}.", _TIME_HINT)
    hour, minute, half = int(match[1]), int(match[2] or 0), (match[3] or "")[:1]
    if half:
        valid = 1 <= hour <= 12
        hour = hour % 12 + (12 if half == "p" else 0)
    else:
        valid = hour < 24 or (hour == 24 and minute == 0 and edge == "end")
        hour %= 24
    if not valid:
        raise InputError(f"The {edge} of shift “{shift_name}” reads “{text}”, which is not a time of day.", _TIME_HINT)
    return f"{hour:02d}:{minute:02d}"


def _minutes(clock: str) -> int:
    return int(clock[:2]) * 60 + int(clock[3:])
