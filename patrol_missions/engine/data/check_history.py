"""What can be wrong with the dates: stray years, gaps, jumps, late reports and intervals that say little."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.stats import poisson

from patrol_missions.engine.data.aoristic import CAP_HOURS
from patrol_missions.engine.data.dates import OF_THE_LAYER, ParsedDates
from patrol_missions.engine.data.record import Finding, Record

_DAY = np.timedelta64(1, "D")
_FEWEST_FOR_STRAYS = 200
_FEWEST_A_DAY = 10  # at so many a day, a day without any is no chance
_SHORTEST_DAYS = 365
_FEWEST_ROWS = 100
_SURE = 1e-6


@dataclass(frozen=True, eq=False)
class History:
    """The period that the record covers; ``days`` is counted from ``first`` to ``last`` (local dates, datetime64[D]).

    :param future: rows dated after now, shape (n,)
    :param stray: rows outside the period in which the record is kept, shape (n,)
    """

    future: np.ndarray
    stray: np.ndarray
    first: np.datetime64
    last: np.datetime64

    @property
    def days(self) -> int:
        """Days from the first to the last, both counted."""
        return 0 if np.isnat(self.first) else int((self.last - self.first).astype(int)) + 1


def read_history(record: Record, now: np.datetime64) -> History:
    """Find the months in which the record is really kept, and the rows beyond them.

    The record begins with the first month that holds at least 5 % of a usual month, which is the month that the middle
    incident lies in when months are sorted by size; it ends with the last such month and the one after, as the newest
    month is often incomplete.
    """
    dated = ~np.isnat(record.start)
    future = dated & (record.start > now + _DAY)
    usable = dated & ~future & record.use
    months = record.local.astype("datetime64[M]").astype(np.int64)
    stray = np.zeros(len(record), dtype=bool)
    if usable.sum() >= _FEWEST_FOR_STRAYS:
        base = int(months[usable].min())
        counts = np.bincount(months[usable] - base)
        by_size = np.sort(counts)
        usual = by_size[np.searchsorted(np.cumsum(by_size), counts.sum() / 2)]
        kept = np.flatnonzero(counts >= 0.05 * usual)
        stray = dated & ~future & ((months < base + kept[0]) | (months > base + kept[-1] + 1))
    days = record.local[usable & ~stray].astype("datetime64[D]")
    if not len(days):
        return History(future, stray, np.datetime64("NaT", "D"), np.datetime64("NaT", "D"))
    return History(future, stray, days.min(), days.max())


def date_findings(record: Record, history: History) -> list[Finding]:
    """Dates that cannot be read, are ambiguous, lie in the future or far from the record."""
    dates, n = record.dates, max(len(record), 1)
    found = []
    bad = dates.failed + dates.missing
    if len(record) and bad == len(record):
        shown = f", such as {_quoted(dates.examples)}" if dates.examples else ""
        return [
            Finding(
                "stop",
                "Dates",
                bad,
                1.0,
                f"None of the {len(record):,} dates can be understood{shown}.",
                "Choose the field that holds the date and time, or convert it to dates such as 2024-01-31 22:15.",
            )
        ]
    if dates.failed:
        severity = "stop" if dates.failed > 0.2 * n else "caution" if dates.failed > 0.01 * n else "note"
        found.append(
            Finding(
                severity,
                "Dates",
                dates.failed,
                dates.failed / n,
                f"{dates.failed:,} dates cannot be understood, such as {_quoted(dates.examples)}.",
                "Mend them in the source; these rows are left out.",
            )
        )
    if dates.missing:
        found.append(
            Finding(
                "caution" if dates.missing > 0.05 * n else "note",
                "Dates",
                dates.missing,
                dates.missing / n,
                f"{dates.missing:,} rows have no date and are left out.",
            )
        )
    return found + _format_findings(dates, n) + _out_of_range(record, history, n)


def _format_findings(dates: ParsedDates, n: int) -> list[Finding]:
    if dates.ambiguous:
        taken = next(name for name in dates.formats if "/" in name)
        return [
            Finding(
                "caution",
                "Date format",
                len(dates.wall),
                1.0,
                f"Nothing in the column tells day-first from month-first dates; {taken} was taken.",
                "Check a date that you know, or export dates as year-month-day.",
            )
        ]
    if not dates.formats or dates.formats[0] == OF_THE_LAYER:
        return []
    mixed = f"; {dates.mixed:,} rows contradict the order of day and month and are left out" if dates.mixed else ""
    sentence = f"Dates are read as {' and '.join(dates.formats[:3])}{mixed}."
    return [Finding("caution" if dates.mixed else "good", "Date format", dates.mixed, dates.mixed / n, sentence)]


def _out_of_range(record: Record, history: History, n: int) -> list[Finding]:
    found = []
    future, stray = int(history.future.sum()), int(history.stray.sum())
    if future:
        found.append(
            Finding(
                "caution",
                "Future dates",
                future,
                future / n,
                f"{future:,} rows are dated in the future and are left out.",
                "Check the time zone and the date format, then the rows themselves.",
            )
        )
    if stray:
        years = np.unique(record.local[history.stray].astype("datetime64[Y]")).astype(str)
        named = ", ".join(years[:6].tolist()) + (" ..." if len(years) > 6 else "")
        found.append(
            Finding(
                "note",
                "Stray dates",
                stray,
                stray / n,
                f"{stray:,} rows ({named}) lie outside the months in which the record is kept, {history.first} to "
                f"{history.last}.",
                "They are left out, so that the record does not seem to begin with years of next to no crime.",
            )
        )
    return found


def length_findings(history: History, kept: int) -> list[Finding]:
    """Whether there is enough to learn from."""
    if kept == 0:
        return [
            Finding(
                "stop",
                "Enough to learn from",
                0,
                0.0,
                "No row is left to plan by.",
                "See the other findings for what removes them.",
            )
        ]
    years = history.days / 365.25
    if kept < _FEWEST_ROWS:
        return [
            Finding(
                "stop",
                "Enough to learn from",
                kept,
                1.0,
                f"Only {kept:,} usable {'row is' if kept == 1 else 'rows are'} left, too few to learn from.",
                "Use a longer history or more crime types; a few hundred rows are the least.",
            )
        ]
    if history.days < _SHORTEST_DAYS:
        return [
            Finding(
                "stop",
                "Enough to learn from",
                kept,
                1.0,
                f"The record covers {history.days:,} days, less than a year.",
                "Add at least one whole year, so that the seasons can be learnt.",
            )
        ]
    if years < 1.95:
        return [
            Finding(
                "caution",
                "Enough to learn from",
                kept,
                1.0,
                f"The record covers {years:.1f} years; seasons cannot be told from trends.",
                "Two years or more are better.",
            )
        ]
    return [
        Finding(
            "good",
            "Enough to learn from",
            kept,
            1.0,
            f"{kept:,} usable rows over {years:.1f} years, {history.first} to {history.last}.",
        )
    ]


def gap_findings(days: np.ndarray, history: History) -> list[Finding]:
    """Days and months in which the record fails; ``days`` are local dates (datetime64[D]) of the kept rows."""
    if len(days) == 0:
        return []
    counts = np.bincount((days - history.first).astype(np.int64), minlength=history.days)
    found = []
    empty = np.flatnonzero(counts == 0)
    if np.median(counts) >= _FEWEST_A_DAY and len(empty):
        named = ", ".join((history.first + empty[:5]).astype(str).tolist()) + (" ..." if len(empty) > 5 else "")
        found.append(
            Finding(
                "caution",
                "Empty days",
                0,
                len(empty) / history.days,
                f"{len(empty):,} {'day has' if len(empty) == 1 else 'days have'} no rows although a usual day has "
                f"{np.median(counts):.0f}: {named}.",
                "Load the missing days; the model would take them for days without crime.",
            )
        )
    return found + _weak_months(days, history) + _weak_end(counts)


def _weak_months(days: np.ndarray, history: History) -> list[Finding]:
    months = days.astype("datetime64[M]")
    first = history.first.astype("datetime64[M]")
    counts = np.bincount((months - first).astype(np.int64)).astype(float)
    weak = []
    for i in range(1, len(counts) - 1):
        around = np.r_[counts[max(i - 3, 1) : i], counts[i + 1 : min(i + 4, len(counts) - 1)]]
        if len(around) and np.median(around) >= 30 and counts[i] < 0.5 * np.median(around):
            weak.append(i)
    if not weak:
        return []
    named = ", ".join(f"{first + i} ({counts[i]:,.0f} rows)" for i in weak[:6])
    return [
        Finding(
            "caution",
            "Weak months",
            int(counts[weak].sum()),
            len(weak) / len(counts),
            f"{len(weak)} {'month holds' if len(weak) == 1 else 'months hold'} less than half of those around: "
            f"{named}.",
            "Check whether the export is complete there.",
        )
    ]


def _weak_end(counts: np.ndarray) -> list[Finding]:
    if len(counts) < 120:
        return []
    newest, before = counts[-14:].mean(), counts[-104:-14].mean()
    if before < 1 or newest > 0.6 * before:
        return []
    return [
        Finding(
            "caution",
            "Newest days",
            int(counts[-14:].sum()),
            14 / len(counts),
            f"The newest two weeks hold {newest:.1f} rows a day against {before:.1f} in the three months before.",
            "The end of the record seems incomplete; load again later or plan as of an earlier day.",
        )
    ]


def level_findings(days: np.ndarray, category: np.ndarray, labels: tuple[str, ...], history: History) -> list[Finding]:
    """Categories whose level differs much between two whole years that follow each other."""
    first = history.first.astype("datetime64[M]") + (0 if str(history.first).endswith("-01") else 1)
    months = (days.astype("datetime64[M]") - first).astype(np.int64)
    span = int((history.last.astype("datetime64[M]") - first).astype(int))
    if span < 24:
        return []
    shifts = []
    for code, label in enumerate(labels):
        mine = months[(category == code) & (months >= 0) & (months < span)]
        year = np.convolve(np.bincount(mine, minlength=span), np.ones(12), mode="valid")
        before, after = year[:-12], year[12:]
        ratio = np.abs(np.log((after + 5) / (before + 5)))
        at = int(ratio.argmax())
        if ratio[at] > np.log(1.4) and max(before[at], after[at]) >= 120:
            shifts.append((ratio[at], f"{label} {before[at]:,.0f} to {after[at]:,.0f} a year around {first + at + 12}"))
    if not shifts:
        return []
    named = "; ".join(text for _, text in sorted(shifts, reverse=True)[:5])
    return [
        Finding(
            "note",
            "Level shifts",
            0,
            0.0,
            f"The yearly level changes much: {named}.",
            "Fine if crime changed; if recording changed, plan by the time after it only.",
        )
    ]


def surge_findings(days: np.ndarray, category: np.ndarray, labels: tuple[str, ...], history: History) -> list[Finding]:
    """Months in which a category holds more than twice what it holds in the months around."""
    if len(days) == 0:
        return []
    first = history.first.astype("datetime64[M]")
    months = (days.astype("datetime64[M]") - first).astype(np.int64)
    surges, rows = [], 0
    for code, label in enumerate(labels):
        counts = np.bincount(months[category == code], minlength=int(months.max()) + 1)
        for i in np.flatnonzero(counts >= _FEWEST_ROWS):
            around = (
                np.median(np.r_[counts[max(i - 3, 0) : i], counts[i + 1 : i + 4]]) if len(counts) > 3 else counts[i]
            )
            if around > 0 and counts[i] > 2 * around:
                surges.append(f"{label} {first + i} ({counts[i]:,} against {around:,.0f})")
                rows += int(counts[i])
    if not surges:
        return []
    named = "; ".join(surges[:6]) + (" ..." if len(surges) > 6 else "")
    return [
        Finding(
            "note",
            "Surges",
            rows,
            rows / len(days),
            f"Single months stand far above those around: {named}.",
            "Find out why (unrest, a storm, a change of recording): a recent surge weighs on the forecast.",
        )
    ]


def calendar_findings(days: np.ndarray, history: History) -> list[Finding]:
    """Dates that stand for an unknown day: the first of a month, and 1 January above all."""
    if len(days) < _FEWEST_ROWS or history.days < _SHORTEST_DAYS:
        return []
    months = days.astype("datetime64[M]")
    day = (days - months).astype(np.int64) + 1
    january = (months.astype(np.int64) % 12) == 0
    found = []
    for rows, name, remedy in (
        (
            day[~january],
            "First of the month",
            "The day is probably unknown in many of them; ask how the source fills it.",
        ),
        (
            day[january],
            "First of January",
            "Either fireworks night or the day that the source puts for an unknown one; look at the types.",
        ),
    ):
        counts = np.bincount(rows, minlength=32)
        usual = counts[2:29].mean()
        if counts[1] > 1.5 * usual and poisson.sf(counts[1] - 1, max(usual, 1e-9)) < _SURE:
            found.append(
                Finding(
                    "note",
                    name,
                    int(counts[1]),
                    counts[1] / len(days),
                    f"{counts[1]:,} rows fall on the {name.lower()}, {counts[1] / max(usual, 1):.1f} times a usual "
                    f"day.",
                    remedy,
                )
            )
    return found


def interval_findings(record: Record) -> list[Finding]:
    """How exact start and end are."""
    if record.end is None:
        return []
    both = record.use & ~np.isnat(record.start) & ~np.isnat(record.end)
    rows = int(both.sum())
    if not rows:
        return []
    hours = (record.end[both] - record.start[both]).astype(np.int64) / 3600
    swapped, size = int((hours < 0).sum()), np.abs(hours)
    day, long, week = (int((size > limit).sum()) for limit in (24, CAP_HOURS, 168))
    found = [
        Finding(
            "note",
            "Intervals",
            rows,
            rows / max(int(record.use.sum()), 1),
            f"{rows:,} rows have a start and an end, in the middle {np.median(size):.1f} hours apart; {day:,} over a "
            f"day, {week:,} over a week.",
            f"Each counts in the shifts it may belong to; {long:,} longer than {CAP_HOURS:.0f} hours count in the "
            f"first {CAP_HOURS:.0f}.",
        )
    ]
    if swapped:
        found.append(
            Finding(
                "caution" if swapped > 0.05 * rows else "note",
                "Swapped ends",
                swapped,
                swapped / rows,
                f"{swapped:,} rows end before they start; the two are swapped.",
            )
        )
    return found


def lag_findings(record: Record) -> list[Finding]:
    """How late incidents are reported."""
    if record.reported is None:
        return []
    both = record.use & ~np.isnat(record.start) & ~np.isnat(record.reported)
    rows = int(both.sum())
    if not rows:
        return []
    days = (record.reported[both] - record.start[both]).astype(np.int64) / 86_400
    negative = int((days < -1.0).sum())  # a day of slack: many reports carry a bare date
    median, late = (float(value) for value in np.quantile(days, (0.5, 0.9)))
    found = [
        Finding(
            "note",
            "Report lag",
            rows,
            rows / max(int(record.use.sum()), 1),
            f"Half of the incidents are reported within {_span(median)}, nine of ten within {_span(late)}.",
            "The forecast learns only from what was known at the time.",
        )
    ]
    if negative:
        found.append(
            Finding(
                "caution" if negative > 0.01 * rows else "note",
                "Reported too early",
                negative,
                negative / rows,
                f"{negative:,} rows were reported before they happened.",
                "One of the two dates is wrong; check the fields.",
            )
        )
    return found


def _span(days: float) -> str:
    hours = max(days, 0) * 24
    if hours < 1.5:
        return f"{hours * 60:.0f} minutes"
    return f"{hours:.0f} hours" if hours < 48 else f"{days:.0f} days"


def _quoted(examples: tuple[str, ...]) -> str:
    return ", ".join(f"“{text}”" for text in examples)
