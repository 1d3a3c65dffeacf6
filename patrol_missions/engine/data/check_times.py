"""What can be wrong with the time of day: defaults for “unknown”, bare dates, and clocks of another zone."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.stats import poisson

from patrol_missions.engine.data.record import Finding, Record

_SURE = 1e-6  # chance at which a spike counts as one; thousands of types and times are looked at
_TIMES = 3.0  # so many times its neighbours, and most rows of a spike are defaults, not events of that minute
_MINUTES = 1440
# Minute of the day that systems put for “unknown”, and the minutes that it is compared with. Times are often rounded to
# the hour, so an hour is compared with other full hours.
_DEFAULTS = {0: (1320, 1380, 60, 120), 720: (600, 660, 780, 840), 1: (2, 3, 4, 5)}
_TROUGH = range(2, 8)  # hours in which the quietest hour of a city's record falls
_ENOUGH = 500


@dataclass(frozen=True)
class Spike:
    """A time of day that stands for “unknown” in one crime type.

    :param raw: crime type
    :param minute: minute of the day
    :param rows: rows at exactly that minute
    :param of: rows of the type with a date
    """

    raw: str
    minute: int
    rows: int
    of: int

    @property
    def clock(self) -> str:
        """The time of day, as HH:MM."""
        return f"{self.minute // 60:02d}:{self.minute % 60:02d}"


@dataclass(frozen=True, eq=False)
class Clock:
    """What is known of the rows' time of day; arrays have shape (n,).

    :param known: the time of day is known
    :param start: UTC; local midnight where the time is not known
    :param spikes: types whose time of day is a default
    :param by_the_minute: times are finer than full hours
    """

    known: np.ndarray
    start: np.ndarray
    spikes: tuple[Spike, ...]
    by_the_minute: bool


def read_clock(record: Record) -> Clock:
    """Decide which rows tell the time of day.

    A row does not when its text is a bare date, or when it stands at 00:00, 00:01 or 12:00 exactly and its crime type
    has far more rows there than at comparable times: at least 3 times as many, and more than chance brings once in a
    million.
    """
    dated = ~np.isnat(record.start)
    known = dated & record.dates.has_time
    local_default, spikes = _defaults(record, record.local, known)
    written = record.dates.wall
    start = record.start.copy()
    midnight = dated & (~record.dates.has_time | local_default)
    start[midnight] = record.zone.to_utc(record.local[midnight].astype("datetime64[D]"))
    if record.written_in_utc or record.dates.has_offset.any():
        # A default of the source's own clock; the date that it belongs to is the one that was written.
        of_source, more = _defaults(record, written, known & ~local_default & (written != record.local))
        start[of_source] = record.zone.to_utc(written[of_source].astype("datetime64[D]"))
        local_default, spikes = local_default | of_source, spikes + more
    known = known & ~local_default
    minutes = _seconds(record.local[known])
    by_the_minute = len(minutes) == 0 or float((minutes % 3600 != 0).mean()) > 0.1
    return Clock(known, start, tuple(sorted(spikes, key=lambda spike: -spike.rows)), by_the_minute)


def _seconds(wall: np.ndarray) -> np.ndarray:
    return wall.astype(np.int64) % 86_400


def _defaults(record: Record, wall: np.ndarray, rows: np.ndarray) -> tuple[np.ndarray, list[Spike]]:
    """Rows at a default time of their type, and the types."""
    types = len(record.mapping)
    at = np.flatnonzero(rows)
    seconds = _seconds(wall[at])
    codes = record.category[at]
    totals = np.bincount(codes, minlength=types)
    full = seconds % 60 == 0
    histogram = np.bincount(codes[full] * _MINUTES + seconds[full] // 60, minlength=types * _MINUTES).reshape(
        types, _MINUTES
    )
    marked = np.zeros(len(wall), dtype=bool)
    spikes: list[Spike] = []
    for minute, others in _DEFAULTS.items():
        spiked = _stands_out(histogram[:, minute], histogram[:, others].mean(axis=1), totals)
        # Types too small to stand out by themselves may do so together.
        rest = ~spiked & (histogram[:, minute] > 0)
        pooled = histogram[~spiked].sum(axis=0)
        if rest.any() and _stands_out(pooled[minute], pooled[list(others)].mean(), totals[~spiked].sum()):
            spiked |= rest
        chosen = full & (seconds == minute * 60) & spiked[codes]
        marked[at[chosen]] = True
        spikes += [
            Spike(record.mapping[i].raw, minute, int(histogram[i, minute]), int(totals[i]))
            for i in np.flatnonzero(spiked)
        ]
    return marked, spikes


def _stands_out(count: np.ndarray, neighbours: np.ndarray, total: np.ndarray) -> np.ndarray:
    expected = np.maximum(neighbours, np.asarray(total) / _MINUTES)
    unlikely = poisson.sf(np.asarray(count) - 1, np.maximum(expected, 1e-9)) < _SURE
    return np.asarray((np.asarray(count) >= 3) & (count >= _TIMES * expected) & unlikely)


def clock_findings(record: Record, clock: Clock) -> list[Finding]:
    """Bare dates, default times, full hours, and signs of another time zone."""
    dated = ~np.isnat(record.start)
    n = int(dated.sum())
    if not n:
        return []
    unknown = n - int(clock.known.sum())
    if unknown >= 0.95 * n:
        written = "at 00:00" if record.dates.has_time[dated].any() else "without a time of day"
        return [
            Finding(
                "caution",
                "Date only",
                unknown,
                unknown / n,
                f"The record holds dates only: {_percent(unknown / n)} of rows are {written}. Shifts of one day "
                f"cannot be told apart.",
                "Ask for the field with the time of day. Until then each incident counts in all shifts of its day by "
                "their length, and one shift a day is the honest plan.",
            )
        ]
    found = _default_findings(record, clock, n)
    if not clock.by_the_minute:
        rows = int(clock.known.sum())
        found.append(
            Finding(
                "note",
                "Full hours",
                rows,
                rows / n,
                "Nine of ten times are on the full hour.",
                "Fine for shifts that begin on the hour; rows that share type, hour and place are not taken for one "
                "event.",
            )
        )
    return found + _zone_findings(record, clock)


def _default_findings(record: Record, clock: Clock, n: int) -> list[Finding]:
    found = []
    bare = int((~np.isnat(record.start) & ~record.dates.has_time).sum())
    if bare:
        found.append(
            Finding(
                "note",
                "Bare dates",
                bare,
                bare / n,
                f"{bare:,} rows have a date without a time of day.",
                "They count in all shifts of their day by length.",
            )
        )
    for minute, name in ((0, "Midnight"), (1, "Midnight"), (720, "Noon")):
        spikes = [spike for spike in clock.spikes if spike.minute == minute]
        if not spikes:
            continue
        rows = sum(spike.rows for spike in spikes)
        named = "; ".join(f"{spike.raw or 'blank'} ({_part(spike)})" for spike in spikes[:5]) + (
            " and others" if len(spikes) > 5 else ""
        )
        severity = (
            "caution"
            if rows > 0.05 * n or any(spike.rows >= 0.5 * spike.of and _is_used(record, spike) for spike in spikes)
            else "note"
        )
        found.append(
            Finding(
                severity,
                f"{name} spike",
                rows,
                rows / n,
                f"{spikes[0].clock} stands for an unknown time of day: {named}.",
                "These rows keep their date and count in all shifts of that day by length, never as the shift at "
                f"{spikes[0].clock}.",
            )
        )
    return found


def _part(spike: Spike) -> str:
    return f"all {spike.rows:,} rows" if spike.rows == spike.of else f"{spike.rows:,} of {spike.of:,} rows"


def _is_used(record: Record, spike: Spike) -> bool:
    return any(mapped.use for mapped in record.mapping if mapped.raw == spike.raw)


def quietest_hour(wall: np.ndarray) -> int | None:
    """Middle hour of the three quietest in a row, or ``None`` when there are too few times or none is quiet."""
    if len(wall) < _ENOUGH:
        return None
    hours = np.bincount(_seconds(wall) // 3600, minlength=24)
    three = hours + np.roll(hours, 1) + np.roll(hours, -1)
    return int(three.argmin()) if three.min() < 0.6 * three.mean() else None


def _zone_findings(record: Record, clock: Clock) -> list[Finding]:
    found = []
    local, written = record.local[clock.known], record.dates.wall[clock.known]
    quiet = quietest_hour(local)
    if quiet is not None and quiet not in _TROUGH:
        other, name = (written, "local time") if record.written_in_utc else (record.zone.to_local(written), "UTC")
        then = quietest_hour(other)
        guess = (
            f" Read as {name}, it would be {then:02d}:00, as it should." if then in _TROUGH and then is not None else ""
        )
        found.append(
            Finding(
                "caution",
                "Time zone",
                len(local),
                1.0,
                f"The quietest hour of the record is around {quiet:02d}:00 local time; in cities it is between 02:00 "
                f"and 07:00.{guess}",
                "Check the time zone and whether the times are local or UTC.",
            )
        )
    elif quiet is not None:
        found.append(
            Finding(
                "good",
                "Time zone",
                len(local),
                1.0,
                f"The quietest hour is around {quiet:02d}:00 local time, as in other cities.",
            )
        )
    gap = _skipped_hour(record, clock)
    return found + ([gap] if gap else [])


def _skipped_hour(record: Record, clock: Clock) -> Finding | None:
    """Times that the clock never showed in spring are ordinary hours in UTC."""
    if record.written_in_utc:
        return None
    wall = record.dates.wall[clock.known & ~record.dates.has_offset]
    rows = int(record.zone.skipped(wall).sum())
    week = np.timedelta64(7, "D")
    usual = (int(record.zone.skipped(wall - week).sum()) + int(record.zone.skipped(wall + week).sum())) / 2
    if usual >= 10 and rows > 0.3 * usual:
        return Finding(
            "caution",
            "Skipped hour",
            rows,
            rows / max(len(wall), 1),
            f"{rows:,} rows carry a time that the clocks skipped in spring, about as many as in the same hour of "
            f"other weeks.",
            "The times are probably UTC or standard time all year; check the setting.",
        )
    if rows:
        return Finding(
            "note",
            "Skipped hour",
            rows,
            rows / max(len(wall), 1),
            f"{rows:,} rows carry a time that the clocks skipped in spring; they are read as the moment of the change.",
        )
    return None


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"
