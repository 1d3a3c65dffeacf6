"""Local wall time and UTC for whole columns at once, through a table of the zone's clock changes.

One rule turns wall time into UTC: *the first moment at which the clock shows that time or a later one*. So a time that
a clock change skips is the moment of the change, a time that is shown twice is its first showing, and later wall times
never come before earlier ones. Spans that abut on the wall therefore abut in UTC on every day of the year.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from functools import lru_cache
from zoneinfo import ZoneInfo

import numpy as np

from patrol_missions.core.errors import InputError

_FIRST_YEAR, _LAST_YEAR = 1970, 2100
_STEP_S = 86_400  # no zone has ever changed its clocks and changed them back within a day
_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)


@dataclass(frozen=True, eq=False)
class Zone:
    """A time zone as a table: offset ``offsets[i]`` holds from ``changes[i - 1]`` until ``changes[i]``.

    Exact from 1970 to 2100; outside, the nearest known offset is used.

    :param name: IANA name, such as ``America/New_York``
    :param changes: moments at which the offset changes, seconds since 1970 UTC, int64, shape (n,)
    :param offsets: seconds that local time is ahead of UTC, int64, shape (n + 1,)
    :param reached: wall-clock time (seconds) that the clock has gone past by the end of each stretch, shape (n,)
    """

    name: str
    changes: np.ndarray
    offsets: np.ndarray
    reached: np.ndarray

    def to_local(self, utc: np.ndarray) -> np.ndarray:
        """Wall time (datetime64[s], no offset) of UTC moments; NaT stays NaT."""
        moments = np.asarray(utc).astype("datetime64[s]")
        seconds = moments.astype(np.int64)
        local = seconds + self.offsets[np.searchsorted(self.changes, seconds, side="right")]
        return _keep_missing(moments, local)

    def to_utc(self, local: np.ndarray) -> np.ndarray:
        """First UTC moment (datetime64[s]) at which the clock shows each wall time or a later one; NaT stays NaT."""
        wall = np.asarray(local).astype("datetime64[s]")
        seconds = wall.astype(np.int64)
        stretch = np.searchsorted(self.reached, seconds, side="right")
        utc = seconds - self.offsets[stretch]
        if len(self.changes):
            begins = self.changes[np.maximum(stretch, 1) - 1]
            utc = np.where((stretch > 0) & (utc < begins), begins, utc)
        return _keep_missing(wall, utc)

    def skipped(self, local: np.ndarray) -> np.ndarray:
        """True for wall times that the clock never shows, because a change jumps over them."""
        wall = np.asarray(local).astype("datetime64[s]")
        return ~np.isnat(wall) & (self.to_local(self.to_utc(wall)) != wall)

    def next_midnight(self, utc: np.ndarray) -> np.ndarray:
        """UTC moment at which the local day of each moment ends."""
        return self.to_utc(self.to_local(utc).astype("datetime64[D]") + 1)

    def midnight(self, utc: np.ndarray) -> np.ndarray:
        """UTC moment at which the local day of each moment begins."""
        return self.to_utc(self.to_local(utc).astype("datetime64[D]"))


def _keep_missing(given: np.ndarray, seconds: np.ndarray) -> np.ndarray:
    result = seconds.astype("datetime64[s]")
    return np.where(np.isnat(given), np.datetime64("NaT", "s"), result)


@lru_cache(maxsize=64)
def zone(name: str) -> Zone:
    """The zone of an IANA name; :class:`InputError` when there is none of that name."""
    try:
        found = ZoneInfo(name)
    except (KeyError, ValueError, OSError, TypeError) as error:
        raise InputError(
            f"There is no time zone called “{name}”.", "Use an IANA name such as America/New_York or Europe/London."
        ) from error
    changes, offsets = _clock_changes(found)
    return Zone(name, changes, offsets, np.maximum.accumulate(changes + offsets[:-1]))


def _clock_changes(found: ZoneInfo) -> tuple[np.ndarray, np.ndarray]:
    """Moments and offsets, by sampling every day and halving the days on which the offset differs."""
    first = int(datetime(_FIRST_YEAR, 1, 1, tzinfo=timezone.utc).timestamp())
    last = int(datetime(_LAST_YEAR, 1, 1, tzinfo=timezone.utc).timestamp())
    changes: list[int] = []
    offsets = [_offset(found, first)]
    for day in range(first, last, _STEP_S):
        later = _offset(found, day + _STEP_S)
        if later == offsets[-1]:
            continue
        before, after = day, day + _STEP_S
        while after - before > 1:
            middle = (before + after) // 2
            before, after = (middle, after) if _offset(found, middle) == offsets[-1] else (before, middle)
        changes.append(after)
        offsets.append(later)
    return np.array(changes, dtype=np.int64), np.array(offsets, dtype=np.int64)


def _offset(found: ZoneInfo, seconds: int) -> int:
    moment = (_EPOCH + timedelta(seconds=seconds)).astimezone(found)
    return round((moment.utcoffset() or timedelta()).total_seconds())
