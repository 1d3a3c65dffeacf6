"""Which unit has which mission by the plan that is timed, and what of it is new to the ledger."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from patrol_missions.engine.tracking.ledger_rows import Assignment
from patrol_missions.engine.tracking.timers import Mission

Assigned = Mapping[tuple[str, str, float], Assignment]
"""Assignments by unit, mission and start."""


def by_key(assignments: Iterable[Assignment]) -> Assigned:
    """As :data:`Assigned`."""
    return {(each.unit, each.mission_id, each.start): each for each in assignments}


def of_missions(missions: Iterable[Mission], author: str, known: Assigned) -> Assigned:
    """Those of the missions that name a unit, for the whole of their shift.

    :param author: who gives them, unless it is known who did before
    """
    named = [Assignment(each.unit, each.mission_id, each.start, each.end, author) for each in missions if each.unit]
    return {
        key: replace(each, author=known[key].author or author) if key in known else each
        for key, each in by_key(named).items()
    }


def changes(before: Assigned, after: Assigned, now: float) -> list[Assignment]:
    """What the ledger is to be told: what is new, and, ended now, what a unit has no more."""
    given = [each for key, each in after.items() if before.get(key) != each]
    taken = [
        replace(each, end=max(each.start, now))
        for key, each in before.items()
        if key not in after and each.end is not None and each.end > now
    ]
    return given + taken
