"""The incident table as it was handed in, read once: dates understood, crime types mapped, places located."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from patrol_missions.core.grid import locate
from patrol_missions.core.tables import Table
from patrol_missions.engine.data.categories import NO_TYPE, Mapped, alike
from patrol_missions.engine.data.dates import ParsedDates, parse_dates
from patrol_missions.engine.data.zones import Zone

# What is wrong with a row's place, if anything.
INSIDE, OUTSIDE, FAR, NULL_ISLAND, MISSING, BOGUS = range(6)

SEVERITIES = ("stop", "caution", "note", "good")
"""From what stops a plan to what is as it should be."""


@dataclass(frozen=True)
class Finding:
    """One thing found out about the table.

    :param severity: one of :data:`SEVERITIES`
    :param check: short name of the check
    :param rows: rows it concerns
    :param share: those rows as a share (0 to 1) of the rows that were looked at
    :param finding: a sentence that says what is the matter
    :param remedy: a sentence that says what to do, blank when there is nothing to do
    """

    severity: str
    check: str
    rows: int
    share: float
    finding: str
    remedy: str = ""


@dataclass(frozen=True, eq=False)
class Cells:
    """The planned cells; arrays have shape (cells,).

    :param district: index into ``districts``, -1 for none
    """

    columns: np.ndarray
    rows: np.ndarray
    size_m: float
    district: np.ndarray
    districts: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class Record:
    """All rows as read; arrays have shape (n,).

    :param category: index into ``mapping``
    :param mapping: what becomes of each raw crime type
    :param use: rows whose type is used for planning
    :param start: UTC, datetime64[s]
    :param local: wall time of the start in the jurisdiction's zone
    :param place: one of the constants above
    :param cell: index into the cells, -1 outside
    :param event_id: text or whole numbers, or ``None`` when the layer has none
    :param district: the source's own district as codes into ``districts``, or ``None``
    """

    zone: Zone
    written_in_utc: bool
    x: np.ndarray
    y: np.ndarray
    raw_x: np.ndarray
    raw_y: np.ndarray
    category: np.ndarray
    mapping: tuple[Mapped, ...]
    use: np.ndarray
    dates: ParsedDates
    start: np.ndarray
    local: np.ndarray
    end: np.ndarray | None
    reported: np.ndarray | None
    place: np.ndarray
    cell: np.ndarray
    event_id: np.ndarray | None
    district: np.ndarray | None
    districts: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.x)

    @property
    def geocoded(self) -> np.ndarray:
        """Rows with a place in or near the planned area."""
        return self.place <= OUTSIDE


def read_cells(table: Table, size_m: float) -> Cells:
    """The cells of the table ``cells``."""
    district, districts = (
        _codes(table, "district") if "district" in table else (np.full(len(table), -1, dtype=np.int32), ())
    )
    return Cells(table["col"], table["row"], size_m, district, districts)


def raw_types(table: Table) -> tuple[np.ndarray, tuple[str, ...]]:
    """Raw crime types as codes (int32) and texts; rows without one have the text :data:`NO_TYPE`.

    Spellings that differ in case and spaces only are one type, under the most frequent of them.
    """
    codes, labels = _codes(table, "category")
    texts = (*labels, NO_TYPE) if (codes < 0).any() else labels
    codes = np.where(codes < 0, np.int32(len(labels)), codes)
    groups: dict[str, int] = {}
    group_of = np.array([groups.setdefault(alike(text), len(groups)) for text in texts], dtype=np.int32)
    merged: list[str] = [""] * len(groups)
    rows = np.bincount(codes, minlength=len(texts))
    for i in np.argsort(rows, kind="stable").tolist():  # the most frequent spelling comes last and stays
        merged[group_of[i]] = texts[i]
    return (group_of[codes] if len(texts) else codes), tuple(merged)


def read(
    table: Table, cells: Cells, zone: Zone, written_in_utc: bool, codes: np.ndarray, mapping: Sequence[Mapped]
) -> Record:
    """Understand every row of ``incidents_raw``; what cannot be understood stays in, marked as such."""
    dates = parse_dates(table["start"])
    start = dates.to_utc(zone, written_in_utc)
    x, y = table["x"], table["y"]
    raw_x, raw_y = (table[name] if name in table else table[name[-1]] for name in ("raw_x", "raw_y"))
    cell = locate(x, y, cells.columns, cells.rows, cells.size_m)
    use_by_type = np.array([mapped.use for mapped in mapping], dtype=bool)
    district, districts = _codes(table, "district") if "district" in table else (None, ())
    return Record(
        zone=zone,
        written_in_utc=written_in_utc,
        x=x,
        y=y,
        raw_x=raw_x,
        raw_y=raw_y,
        category=codes,
        mapping=tuple(mapping),
        use=use_by_type[codes] if len(codes) else np.zeros(0, dtype=bool),
        dates=dates,
        start=start,
        local=zone.to_local(start),
        end=_moments(table, "end", zone, written_in_utc, ~dates.has_time),
        reported=_moments(table, "reported", zone, written_in_utc, np.zeros(len(table), dtype=bool)),
        place=_places(x, y, raw_x, raw_y, cell, cells),
        cell=cell,
        event_id=table.columns.get("event_id"),
        district=district,
        districts=districts,
    )


def _moments(table: Table, name: str, zone: Zone, written_in_utc: bool, day_is_enough: np.ndarray) -> np.ndarray | None:
    """UTC moments of an optional column; a bare day means its end, so that it cannot come before a time on that day."""
    if name not in table:
        return None
    dates = parse_dates(table[name])
    moments = dates.to_utc(zone, written_in_utc)
    bare = ~dates.has_time & ~np.isnat(moments) & ~day_is_enough
    if bare.any():
        moments[bare] = zone.next_midnight(moments[bare])
    return moments


def _places(
    x: np.ndarray, y: np.ndarray, raw_x: np.ndarray, raw_y: np.ndarray, cell: np.ndarray, cells: Cells
) -> np.ndarray:
    place = np.full(len(x), OUTSIDE, dtype=np.int8)
    place[cell >= 0] = INSIDE
    if len(cells.columns):
        place[(cell < 0) & _far(x, y, cells)] = FAR
    known = np.isfinite(raw_x) & np.isfinite(raw_y)
    place[~(np.isfinite(x) & np.isfinite(y))] = FAR  # there is a coordinate, but none that the grid's system can show
    place[~known] = MISSING
    # Records systems write 0 or -1 into a coordinate that they do not know.
    place[known & (np.isin(raw_x, (0.0, -1.0)) | np.isin(raw_y, (0.0, -1.0)))] = NULL_ISLAND
    return place


def _far(x: np.ndarray, y: np.ndarray, cells: Cells) -> np.ndarray:
    """Points farther from the planned area than the area is long."""
    low_x, high_x = cells.columns.min() * cells.size_m, (cells.columns.max() + 1) * cells.size_m
    low_y, high_y = cells.rows.min() * cells.size_m, (cells.rows.max() + 1) * cells.size_m
    reach = max(high_x - low_x, high_y - low_y)
    return (x < low_x - reach) | (x > high_x + reach) | (y < low_y - reach) | (y > high_y + reach)


def _codes(table: Table, name: str) -> tuple[np.ndarray, tuple[str, ...]]:
    values = table[name]
    if name in table.labels:
        return values, table.labels[name]
    texts, codes = np.unique(values.astype(str), return_inverse=True)
    return codes.astype(np.int32), tuple(texts.tolist())
