"""What missions have got of their time, and what is told of it: started, nearly done, done, too much."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from patrol_missions.engine.tracking.stays import Cell

STARTED, AMBER, DONE, OVER = "started", "amber", "done", "over"
_ORDER = (STARTED, AMBER, DONE, OVER)


@dataclass(frozen=True)
class Mission:
    """A mission as the timers see it.

    :param cells: the cell, or those of a drawn box
    :param start, end: when its shift is, seconds since 1970 UTC
    :param minutes: its dose
    :param most_minutes: beyond so many it is over-dosed
    :param unit: that has it by the plan; blank for none
    """

    mission_id: str
    cells: tuple[Cell, ...]
    start: float
    end: float
    minutes: float = 15.0
    most_minutes: float = 30.0
    unit: str = ""

    @classmethod
    def of(cls, row: Mapping[str, Any]) -> Mission:
        """From a row of JSON with the names of the fields."""
        cells = tuple((int(column), int(number)) for column, number in row["cells"])
        known = {name: float(row[name]) for name in ("minutes", "most_minutes") if row.get(name) is not None}
        unit = str(row.get("unit") or "")
        return cls(str(row["mission_id"]), cells, float(row["start"]), float(row["end"]), **known, unit=unit)


@dataclass(frozen=True)
class Presence:
    """A unit's time in a cell: ``end`` is the last time it was heard, for one who is still there."""

    unit: str
    start: float
    end: float


def minutes(mission: Mission, presences: Iterable[Presence]) -> float:
    """Minutes of a mission's shift in which anybody was there; two units at once count once."""
    total, reached = 0.0, mission.start
    for each in sorted(presences, key=lambda each: each.start):
        start, end = max(each.start, reached), min(each.end, mission.end)
        if end > start:
            total += end - start
            reached = end
    return total / 60.0


def level(mission: Mission, done: float, amber: float) -> str:
    """What so many minutes come to.

    :param amber: share of the dose from which it is nearly done
    """
    if done > mission.most_minutes:
        return OVER
    if done >= mission.minutes:
        return DONE
    return AMBER if done >= amber * mission.minutes else STARTED


def passed(before: str, now: str) -> Sequence[str]:
    """What is told when a timer goes from one level to another: each level on the way, and none twice."""
    first = _ORDER.index(before) + 1 if before else 0
    return _ORDER[first : _ORDER.index(now) + 1]
