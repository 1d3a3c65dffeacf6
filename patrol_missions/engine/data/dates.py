"""Dates and times out of text columns, in whatever one format a records system wrote them.

Texts are grouped by their *shape*, the text with every digit replaced by 0: a column of a million dates has a handful
of shapes. Each shape is understood once, and its numbers are then read for all its rows at once.

Day-first and month-first dates look alike (03/04/2020). The whole column decides: a first number above 12 anywhere
means the day comes first, a second number above 12 means the month does. When no row decides, month-first is taken and
the column is called ambiguous; between dots, as in 03.04.2020, the day comes first.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from patrol_missions.engine.data.zones import Zone

OF_THE_LAYER = "dates of the layer"
"""What columns are taken for that hold dates already."""

_WIDEST = 48  # characters that are looked at; longer texts are no dates
_MISSING = frozenset({"", "null", "none", "nan", "nat", "n/a", "na", "-", "(null)", "<null>"})
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_ZERO = ord("0")
_PIVOT = 70  # two-digit years from 70 on lie in the 1900s
_FORMATS = {
    "ymd": "year-month-day",
    "named": "month by name",
    "compact": "yyyymmdd",
    "epoch": "seconds since 1970 (UTC)",
    "millis": "milliseconds since 1970 (UTC)",
}

_TIME = (
    r"(?:[t, ]+(?P<H>0{1,2}):(?P<M>00)(?::(?P<S>00)(?:[.,]0+)?)?\s*(?P<half>[ap]\.?m\.?)?"
    r"\s*(?P<zone>z|utc|gmt|[+-]00:?(?:00)?)?)?"
)
_SHAPES = tuple(
    (kind, re.compile(pattern + (_TIME if kind not in ("epoch", "millis") else "")))
    for kind, pattern in (
        ("ymd", r"(?P<y>0{4})(?P<s>[-/.])(?P<m>0{1,2})(?P=s)(?P<d>0{1,2})"),
        ("order", r"(?P<a>0{1,2})(?P<s>[-/.])(?P<b>0{1,2})(?P=s)(?P<y>0{4}|00)"),
        ("compact", r"(?P<y>0{4})(?P<m>00)(?P<d>00)(?:[t ]?(?P<H1>00)(?P<M1>00)(?P<S1>00)?(?P<z1>z)?)?"),
        ("named", r"(?P<d>0{1,2})[- ./]?(?P<mon>[a-z]{3,9})\.?[- ./,]*(?P<y>0{4}|00)"),
        ("named", r"(?P<mon>[a-z]{3,9})\.?[- ]?(?P<d>0{1,2}),?[- ]?(?P<y>0{4})"),
        ("epoch", r"(?P<e>0{9,10})(?:\.0+)?"),
        ("millis", r"(?P<e>0{12,13})(?:\.0+)?"),
    )
)


@dataclass(frozen=True, eq=False)
class ParsedDates:
    """A column of dates as its source wrote them; arrays have shape (n,).

    :param wall: date and time as written, datetime64[s]; NaT where missing or not understood
    :param offset_s: seconds ahead of UTC that the text itself states, int32; 0 where ``has_offset`` is False
    :param has_offset: True where the text carries Z or an offset, so that its moment is certain
    :param has_time: True where a time of day was written at all
    :param missing: rows without any text
    :param failed: rows whose text is not understood
    :param examples: up to three different texts that are not understood
    :param formats: what the column was taken for, most frequent first, in words
    :param ambiguous: nothing in the column tells day-first from month-first
    :param mixed: rows that contradict the order of day and month of the others (they count as failed)
    """

    wall: np.ndarray
    offset_s: np.ndarray
    has_offset: np.ndarray
    has_time: np.ndarray
    missing: int = 0
    failed: int = 0
    examples: tuple[str, ...] = ()
    formats: tuple[str, ...] = ()
    ambiguous: bool = False
    mixed: int = 0

    def to_utc(self, zone: Zone, written_in_utc: bool) -> np.ndarray:
        """Moments in UTC: stated offsets count; without one the clock is the zone's, or UTC when so said.

        Rows without a time of day are local days whatever the clock.
        """
        utc = self.wall - self.offset_s.astype("timedelta64[s]")
        local = ~self.has_offset if not written_in_utc else ~self.has_time
        if local.any():
            utc[local] = zone.to_utc(self.wall[local])
        return utc


@dataclass(eq=False)
class _Column:
    wall: np.ndarray
    offset_s: np.ndarray
    has_offset: np.ndarray
    has_time: np.ndarray
    failed: np.ndarray
    formats: dict[str, int] = field(default_factory=dict)

    def add(self, name: str, rows: int) -> None:
        if rows:
            self.formats[name] = self.formats.get(name, 0) + rows


@dataclass(frozen=True, eq=False)
class _Group:
    rows: np.ndarray
    digits: np.ndarray
    kind: str
    match: re.Match[str]

    def number(self, *names: str) -> np.ndarray | None:
        """The number in the first of the named groups that the shape has, int64, shape of ``rows``."""
        for name in names:
            if name in self.match.re.groupindex and self.match[name] is not None:
                begin, end = self.match.span(name)
                return self.at(begin, end)
        return None

    def at(self, begin: int, end: int) -> np.ndarray:
        """The number between two positions of the text, int64; 0 when there is nothing between them."""
        value = np.zeros(len(self.rows), dtype=np.int64)
        for position in range(begin, end):
            value = value * 10 + self.digits[position]
        return value

    def text(self, name: str) -> str:
        return (self.match[name] or "") if name in self.match.re.groupindex else ""


def parse_dates(values: np.ndarray) -> ParsedDates:
    """Understand a column of dates.

    :param values: datetime64 (taken as it is), text, or whole numbers such as 20200131 and seconds since 1970
    """
    if values.dtype.kind == "M":
        return _from_datetimes(values.astype("datetime64[s]"))
    if values.dtype.kind in "iuf":
        finite = np.isfinite(values)
        numbers = np.where(finite, values, 0).astype(np.int64).astype("<U20")
        values = np.where(finite, numbers, "")
    return _from_text(values.astype(str) if values.dtype.kind != "U" else values)


def _from_datetimes(wall: np.ndarray) -> ParsedDates:
    nothing = np.zeros(len(wall), dtype=bool)
    missing = int(np.isnat(wall).sum())
    return ParsedDates(
        wall, np.zeros(len(wall), dtype=np.int32), nothing, ~np.isnat(wall), missing, formats=(OF_THE_LAYER,)
    )


def _from_text(values: np.ndarray) -> ParsedDates:
    n = len(values)
    nat = np.full(n, np.datetime64("NaT", "s"))
    column = _Column(
        nat, np.zeros(n, dtype=np.int32), np.zeros(n, dtype=bool), np.zeros(n, dtype=bool), np.zeros(n, dtype=bool)
    )
    unordered: list[_Group] = []
    missing = 0
    for rows, codes, shape in _shapes(values):
        if shape.strip() in _MISSING:
            missing += len(rows)
            continue
        group = _understand(rows, codes, shape)
        if group is None:
            column.failed[rows] = True
        elif group.kind == "order":
            unordered.append(group)
        elif group.kind in ("epoch", "millis"):
            _read_epoch(column, group)
        else:
            month = _named_month(group) if group.kind == "named" else group.number("m")
            _read(column, group, group.number("y"), month, group.number("d"), _FORMATS[group.kind])
    ambiguous, mixed = _read_unordered(column, unordered)
    failed = np.flatnonzero(column.failed)
    examples = tuple(dict.fromkeys(text[:60] for text in values[failed[:1000]].tolist()))[:3]
    formats = tuple(sorted(column.formats, key=lambda name: -column.formats[name]))
    return ParsedDates(
        column.wall,
        column.offset_s,
        column.has_offset,
        column.has_time,
        missing,
        len(failed),
        examples,
        formats,
        ambiguous,
        mixed,
    )


def _shapes(values: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray, str]]:
    """Rows, characters (uint8, shape (width, rows)) and shape of each group of texts that are alike but for digits."""
    if len(values) == 0:
        return
    characters = _characters(values)
    # Odd multipliers of 64 random bits make texts of different shape fall on different sums.
    multipliers = np.random.default_rng(20).integers(1, 1 << 63, len(characters), dtype=np.uint64) * np.uint64(
        2
    ) + np.uint64(1)
    shape_of = np.arange(256, dtype=np.uint64) + np.uint64(1)
    shape_of[_ZERO : _ZERO + 10] = _ZERO + 1  # all digits count as the character 0
    sums = np.zeros(len(values), dtype=np.uint64)
    for position, multiplier in zip(characters, multipliers):
        sums += (shape_of * multiplier)[position]
    _, first, inverse = np.unique(sums, return_index=True, return_inverse=True)
    order = np.argsort(inverse, kind="stable")
    bounds = np.searchsorted(inverse[order], np.arange(len(first) + 1))
    for group, example in enumerate(first):
        rows = order[bounds[group] : bounds[group + 1]]
        text = characters[:, example].tobytes().rstrip(b"\0").decode("latin-1").lower()
        yield rows, characters[:, rows], re.sub(r"\d", "0", text)


def _characters(values: np.ndarray) -> np.ndarray:
    """Texts as a matrix of characters, one row a position; no-break spaces are spaces, what is not Latin is 255."""
    width = min(max(values.dtype.itemsize // 4, 1), _WIDEST + 1)
    codes = np.ascontiguousarray(values.astype(f"<U{width}", copy=False)).view(np.uint32).reshape(len(values), width)
    characters = np.minimum(codes, 255).astype(np.uint8)
    if len(codes) and codes.max() > 127:
        characters[(codes == 0xA0) | (codes == 0x202F)] = 32
    return np.ascontiguousarray(characters.T)


def _understand(rows: np.ndarray, characters: np.ndarray, shape: str) -> _Group | None:
    stripped = shape.strip()
    if len(shape) > _WIDEST or not stripped.isascii():
        return None
    lead = len(shape) - len(shape.lstrip())
    digits = characters[lead : lead + len(stripped)] - np.uint8(_ZERO)
    for kind, pattern in _SHAPES:
        match = pattern.fullmatch(stripped)
        if match:
            return _Group(rows, digits, kind, match)
    return None


def _named_month(group: _Group) -> np.ndarray:
    month = _MONTHS.index(group.text("mon")[:3]) + 1 if group.text("mon")[:3] in _MONTHS else 0
    return np.full(len(group.rows), month, dtype=np.int64)


def _read_epoch(column: _Column, group: _Group) -> None:
    seconds = group.number("e")
    if seconds is None:
        return
    if group.kind == "millis":
        seconds = seconds // 1000
    column.wall[group.rows] = seconds.astype("datetime64[s]")
    column.has_offset[group.rows] = column.has_time[group.rows] = True
    column.add(_FORMATS[group.kind], len(group.rows))


def _read_unordered(column: _Column, groups: list[_Group]) -> tuple[bool, int]:
    """Read dates of which either number may be the day; whether nothing decided, and how many rows contradict."""
    if not groups:
        return False, 0
    first = [group.number("a") for group in groups]
    second = [group.number("b") for group in groups]
    day_first = sum(int((a > 12).sum()) for a in first if a is not None)
    month_first = sum(int((b > 12).sum()) for b in second if b is not None)
    undecided = day_first == month_first == 0
    dotted = all(group.text("s") == "." for group in groups)
    take_day_first = day_first > month_first or (undecided and dotted)
    name = "day/month/year" if take_day_first else "month/day/year"
    for group, a, b in zip(groups, first, second):
        month, day = (b, a) if take_day_first else (a, b)
        _read(column, group, group.number("y"), month, day, name)
    return undecided and not dotted, min(day_first, month_first)


def _read(
    column: _Column, group: _Group, year: np.ndarray | None, month: np.ndarray | None, day: np.ndarray | None, name: str
) -> None:
    if year is None or month is None or day is None:
        column.failed[group.rows] = True
        return
    if group.match.end("y") - group.match.start("y") == 2:
        year = year + np.where(year >= _PIVOT, 1900, 2000)
    seconds, good = _time_of_day(group)
    good &= (month >= 1) & (month <= 12) & (day >= 1) & (year >= 1000)
    months = ((year - 1970) * 12 + np.where(good, month, 1) - 1).astype("datetime64[M]")
    days = months.astype("datetime64[D]") + (np.where(good, day, 1) - 1)
    good &= days.astype("datetime64[M]") == months  # the 31st of a month of 30 days is no date
    rows = group.rows[good]
    column.wall[rows] = days[good].astype("datetime64[s]") + seconds[good]
    column.has_time[rows] = bool(group.text("H") or group.text("H1"))
    offset = group.text("zone") or group.text("z1")
    if offset:
        column.has_offset[rows] = True
        column.offset_s[rows] = _stated_offset(group)[good]
    column.failed[group.rows[~good]] = True
    column.add(name, len(rows))


def _time_of_day(group: _Group) -> tuple[np.ndarray, np.ndarray]:
    """Seconds since midnight, and where they make a time of day."""
    nothing = np.zeros(len(group.rows), dtype=np.int64)
    hour, minute, second = (group.number(key, f"{key}1") for key in "HMS")
    hour, minute, second = (nothing if value is None else value for value in (hour, minute, second))
    good = (hour < 24) & (minute < 60) & (second < 60)
    half = group.text("half")
    if half:
        good &= (hour >= 1) & (hour <= 12)
        hour = hour % 12 + (12 if half[0] == "p" else 0)
    return hour * 3600 + minute * 60 + second, good


def _stated_offset(group: _Group) -> np.ndarray:
    text = group.text("zone")
    if not text.startswith(("+", "-")):
        return np.zeros(len(group.rows), dtype=np.int32)
    begin, end = group.match.span("zone")
    minutes = group.at(end - 2, end) if len(text) > 3 else 0
    seconds = group.at(begin + 1, begin + 3) * 3600 + minutes * 60
    return (seconds if text[0] == "+" else -seconds).astype(np.int32)
