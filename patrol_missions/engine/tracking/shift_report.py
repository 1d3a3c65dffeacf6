"""What missions were to get of patrol and what they got: by mission and category, and by unit only when asked.

Nothing here ranks anybody: rows come in the order of the plan, and units, where they are asked for, by their names.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from patrol_missions.core.tables import Table
from patrol_missions.engine.tracking.drawn_boxes import Cells
from patrol_missions.engine.tracking.ledger_rows import PASS, VISIT, Entry
from patrol_missions.engine.tracking.stays import Cell, Rules

Span = tuple[float, float]


@dataclass
class _Line:
    """A row of the report."""

    part: str
    name: str
    missions: int = 0
    planned: float = 0.0
    delivered: float = 0.0
    visits: int = 0
    passes: int = 0

    def add(self, planned: float, delivered: float, visits: int, passes: int) -> None:
        """Take one mission more."""
        self.missions += 1
        self.planned += planned
        self.delivered += delivered
        self.visits += visits
        self.passes += passes


@dataclass
class _Lines:
    """All rows, in the order in which they are first named."""

    rows: dict[tuple[str, str], _Line] = field(default_factory=dict)

    def __getitem__(self, key: tuple[str, str]) -> _Line:
        return self.rows.setdefault(key, _Line(*key))


def report(
    missions: Table, stays: Sequence[Entry], between: Span, *, by_unit: bool = False, boxes: Cells | None = None
) -> Table:
    """Minutes planned and delivered.

    A minute of a mission is delivered when a visit is in its cell in its shift, whoever came; two units at once count
    once. What is outside of ``between`` counts nowhere. Passes are counted and deliver nothing. Stays of a unit that
    follow each other in the cells of one box are one stay.

    :param missions: ``mission_id, col, row, start, end`` (UTC), ``dose_minutes``, perhaps ``category``
    :param stays: visits and passes that have a part in ``between``
    :param boxes: the cells of missions in drawn boxes, by the row of the mission
    :param by_unit: rows per unit, too: in how many missions it was, and its own minutes there
    :returns: ``part`` (all, mission, category, unit), ``name``, ``missions``, ``planned_minutes`` (NaN for units, who
        have no plan of their own), ``delivered_minutes``, ``share`` (NaN without a plan), ``visits``, ``passes``
    """
    by_cell: dict[Cell, list[Entry]] = {}
    for entry in stays:
        by_cell.setdefault(entry.stay.cell, []).append(entry)
    lines = _Lines()
    total, own = lines["all", ""], _Lines()
    categories = missions.text("category") if "category" in missions else [None] * len(missions)
    starts, ends = (missions[name].astype("datetime64[s]").astype(np.int64).tolist() for name in ("start", "end"))
    places = enumerate(zip(missions["col"].tolist(), missions["row"].tolist()))
    cells = [{cell, *(boxes or {}).get(number, ())} for number, cell in places]
    grouped = _Lines()
    for mission, category, theirs, start, end, planned in zip(
        missions.text("mission_id"), categories, cells, starts, ends, missions["dose_minutes"].tolist()
    ):
        there = [each for cell in theirs for each in by_cell.get(cell, ())]
        whole = _joined(there) if len(theirs) > 1 else there
        here = [each for each in whole if each.stay.end >= start and each.stay.start <= end]
        window = max(start, between[0]), min(end, between[1])
        visits = [each for each in here if each.is_visit]
        told = planned, _minutes(visits, window), len(visits), len(here) - len(visits)
        for line in (total, lines["mission", str(mission)], *([grouped["category", category]] if category else [])):
            line.add(*told)
        for unit in sorted({each.unit for each in here}) if by_unit else ():
            came = [each for each in here if each.unit == unit]
            stayed = [each for each in came if each.is_visit]
            own["unit", unit].add(np.nan, _minutes(stayed, window), len(stayed), len(came) - len(stayed))
    units = sorted(own.rows.values(), key=lambda line: line.name)
    return _table([*lines.rows.values(), *grouped.rows.values(), *units])


def _joined(stays: Iterable[Entry]) -> list[Entry]:
    """Stays in a box: a unit that goes from one of its cells to the next has never left."""
    found: list[Entry] = []
    for each in sorted(stays, key=lambda each: (each.unit, each.stay.start)):
        last = found[-1] if found else None
        if last is not None and last.unit == each.unit and last.stay.end == each.stay.start:
            stay = last.stay._replace(end=each.stay.end)
            long = last.is_visit or each.is_visit or stay.seconds >= Rules.shortest_s
            found[-1] = replace(last, stay=stay, kind=VISIT if long else PASS)
        else:
            found.append(each)
    return found


def _minutes(visits: Iterable[Entry], window: Span) -> float:
    """Minutes of a time in which anybody was there."""
    seconds, reached = 0.0, window[0]
    for each in sorted(visits, key=lambda each: each.stay.start):
        start, end = max(each.stay.start, reached), min(each.stay.end, window[1])
        if end > start:
            seconds += end - start
            reached = end
    return seconds / 60.0


def _table(lines: Sequence[_Line]) -> Table:
    planned, delivered = (np.array([getattr(line, name) for line in lines]) for name in ("planned", "delivered"))
    share = np.divide(delivered, planned, out=np.full(len(lines), np.nan), where=planned > 0)
    columns = {
        "missions": np.array([line.missions for line in lines]),
        "planned_minutes": planned,
        "delivered_minutes": delivered,
        "share": share,
        "visits": np.array([line.visits for line in lines]),
        "passes": np.array([line.passes for line in lines]),
    }
    return Table(columns).with_text("part", [line.part for line in lines]).with_text("name", [x.name for x in lines])
