"""Every check of an incident table, what is left of it, and whether a plan may be made from it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from patrol_missions.core.tables import Table
from patrol_missions.engine.data import check_history, check_places, check_repeats, check_times
from patrol_missions.engine.data.check_categories import category_findings
from patrol_missions.engine.data.check_history import History
from patrol_missions.engine.data.check_places import Pile
from patrol_missions.engine.data.check_repeats import Repeats
from patrol_missions.engine.data.check_times import Clock
from patrol_missions.engine.data.record import INSIDE, SEVERITIES, Cells, Finding, Record


@dataclass(frozen=True, eq=False)
class Checked:
    """Outcome of all checks.

    :param keep: rows fit for planning, shape (rows read,)
    :param findings: the gravest first
    :param verdict: ``"ok"``, ``"caution"`` or ``"stop"``
    :param sentence: the verdict and its ground
    """

    record: Record
    cells: Cells
    clock: Clock
    history: History
    repeats: Repeats
    piles: list[Pile]
    keep: np.ndarray
    findings: tuple[Finding, ...]
    verdict: str
    sentence: str


def check(record: Record, cells: Cells, minimum_geocoding: float, now: np.datetime64) -> Checked:
    """Run every check.

    :param minimum_geocoding: least share (0 to 1) of rows with a usable place; below it the verdict is stop. Ratcliffe
        (2004) found 85 % to be the least at which maps of crime keep their shape.
    :param now: UTC; later rows are in the future
    """
    clock = check_times.read_clock(record)
    history = check_history.read_history(record, now)
    repeats = check_repeats.repeats(record, clock.known & clock.by_the_minute)
    piles = check_places.piles(record)
    record = check_places.without_bogus(record, piles)
    dated = ~np.isnat(record.start)
    keep = (
        record.use
        & dated
        & (record.place == INSIDE)
        & ~history.future
        & ~history.stray
        & ~repeats.exact
        & ~repeats.same_event
    )
    found = _findings(record, clock, history, repeats, piles, keep, minimum_geocoding)
    verdict, sentence = _verdict(found, len(record), int(keep.sum()))
    return Checked(record, cells, clock, history, repeats, piles, keep, tuple(found), verdict, sentence)


def _findings(
    record: Record,
    clock: Clock,
    history: History,
    repeats: Repeats,
    piles: list[Pile],
    keep: np.ndarray,
    minimum: float,
) -> list[Finding]:
    if len(record) == 0:
        return [
            Finding(
                "stop", "Rows", 0, 0.0, "The incident layer has no rows.", "Choose another layer, or clear its filter."
            )
        ]
    days = clock_days(record, clock)[keep]
    planning, labels = planning_categories(record, keep)
    found = [
        *category_findings(record),
        *check_history.date_findings(record, history),
        *check_places.geocoding(record, minimum),
        *check_places.wild_places(record),
        *check_places.pile_findings(piles, len(record)),
        *check_times.clock_findings(record, clock),
        *check_repeats.repeat_findings(repeats),
        *check_history.gap_findings(days, history),
        *check_history.level_findings(days, planning, labels, history),
        *check_history.surge_findings(days, planning, labels, history),
        *check_history.calendar_findings(days, history),
        *check_history.interval_findings(record),
        *check_history.lag_findings(record),
        *check_history.length_findings(history, int(keep.sum())),
    ]
    return sorted(found, key=lambda finding: SEVERITIES.index(finding.severity))


def clock_days(record: Record, clock: Clock) -> np.ndarray:
    """Local date (datetime64[D]) of every row's start."""
    return record.zone.to_local(clock.start).astype("datetime64[D]")


def planning_categories(record: Record, keep: np.ndarray) -> tuple[np.ndarray, tuple[str, ...]]:
    """Planning category of the kept rows as codes (int32), and the categories, most frequent first."""
    names = [mapped.category for mapped in record.mapping]
    distinct = list(dict.fromkeys(names))
    of_type = np.array([distinct.index(name) for name in names], dtype=np.int64)
    codes = of_type[record.category[keep]] if keep.any() else np.zeros(0, dtype=np.int64)
    counts = np.bincount(codes, minlength=len(distinct))
    order = [i for i in np.argsort(-counts, kind="stable").tolist() if counts[i]]
    place = np.zeros(len(distinct), dtype=np.int32)
    place[order] = np.arange(len(order), dtype=np.int32)
    return place[codes], tuple(distinct[i] for i in order)


def _verdict(found: list[Finding], read: int, kept: int) -> tuple[str, str]:
    stops = [finding for finding in found if finding.severity == "stop"]
    cautions = [finding for finding in found if finding.severity == "caution"]
    if stops:
        return "stop", f"Do not plan with this table yet: {stops[0].finding} {stops[0].remedy}".strip()
    fit = f"{kept:,} of {read:,} rows are fit for planning"
    if cautions:
        names = list(dict.fromkeys(finding.check.lower() for finding in cautions))
        listed = names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
        return "caution", f"Usable with care: {fit}; mind what is said on {listed}."
    return "ok", f"Fit for planning: {fit}."


def clean_table(checked: Checked) -> Table:
    """The table ``incidents``: rows fit for planning, nothing person-level, times in UTC."""
    record, keep = checked.record, checked.keep
    rows = np.flatnonzero(keep)
    planning, labels = planning_categories(record, keep)
    start, known = checked.clock.start[rows], checked.clock.known[rows]
    end = _optional(record.end, rows)
    swapped = known & (end < start)
    start, end = np.where(swapped, end, start), np.where(swapped, start, end)
    cell = record.cell[rows]
    used = np.unique(record.category[rows])
    district = checked.cells.district[cell].astype(np.int32)
    columns = {
        "x": record.x[rows],
        "y": record.y[rows],
        "category": planning,
        "start": start,
        "end": end,
        "reported": _optional(record.reported, rows),
        "time_known": known,
        "source_row": rows.astype(np.int64),
        "event_id": _ids(record, rows),
        "category_raw": np.searchsorted(used, record.category[rows]).astype(np.int32),
        "start_local": _local_text(record.zone.to_local(start), known),
        "district": district,
        "col": checked.cells.columns[cell].astype(np.int64),
        "row": checked.cells.rows[cell].astype(np.int64),
    }
    raw_labels = tuple(record.mapping[i].raw for i in used.tolist())
    return Table(columns, {"category": labels, "category_raw": raw_labels, "district": checked.cells.districts})


def _optional(values: np.ndarray | None, rows: np.ndarray) -> np.ndarray:
    return np.full(len(rows), np.datetime64("NaT", "s")) if values is None else values[rows]


def _ids(record: Record, rows: np.ndarray) -> np.ndarray:
    """Ids as text; the number of the row in the layer where there is none."""
    return (rows + 1).astype("<U20") if record.event_id is None else record.event_id[rows].astype(str)


def _local_text(local: np.ndarray, known: np.ndarray) -> np.ndarray:
    minutes = (
        np.char.replace(np.datetime_as_string(local, unit="m"), "T", " ") if len(local) else np.zeros(0, dtype="<U16")
    )
    return np.where(known, minutes, minutes.astype("<U10"))


def findings_table(checked: Checked) -> Table:
    """The table ``findings``, the gravest first."""
    found = checked.findings
    table = Table(
        {
            "rows": np.array([f.rows for f in found], dtype=np.int64),
            "share": np.array([f.share for f in found], dtype=np.float64),
        }
    )
    for name in ("severity", "check", "finding", "remedy"):
        table = table.with_text(name, [getattr(f, name) for f in found])
    return Table(
        {name: table.columns[name] for name in ("severity", "check", "rows", "share", "finding", "remedy")},
        table.labels,
    )


def mapping_table(record: Record) -> Table:
    """The table ``category_map`` as used, most frequent types first; ``use`` is yes or no."""
    rows = np.bincount(record.category, minlength=len(record.mapping)).astype(np.int64)
    order = np.argsort(-rows, kind="stable")
    table = Table({"rows": rows[order]})
    mapping = [record.mapping[i] for i in order]
    for name in ("raw", "category", "reason"):
        table = table.with_text(name, [getattr(mapped, name) for mapped in mapping])
    table = table.with_text("use", ["yes" if mapped.use else "no" for mapped in mapping])
    return Table({name: table.columns[name] for name in ("raw", "category", "use", "reason", "rows")}, table.labels)
