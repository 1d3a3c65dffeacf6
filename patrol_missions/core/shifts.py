"""Shifts as a user writes them: names, wall times and weekdays."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from patrol_missions.core.errors import InputError

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
