"""Rows of a table that say where something was and from when to when: planned events, visits of patrol."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from patrol_missions.core.errors import InputError
from patrol_missions.core.tables import Table
from patrol_missions.engine.data.zones import Zone


@dataclass(frozen=True)
class Words:
    """What the rows are called.

    :param one: one of them, without an article
    :param many: several
    :param blank: the parameter that is left blank for none
    """

    one: str
    many: str
    blank: str


@dataclass(frozen=True, eq=False)
class Spans:
    """The rows that have a place and times.

    :param rows: their indices in the table, int64, shape (spans,)
    :param x: in the grid's CRS, float64
    :param y: the same
    :param start: seconds UTC, int64
    :param end: seconds UTC, int64, never before the start
    :param warnings: what to tell the user
    """

    rows: np.ndarray
    x: np.ndarray
    y: np.ndarray
    start: np.ndarray
    end: np.ndarray
    warnings: tuple[str, ...]


def of(table: Table, zone: Zone, words: Words) -> Spans:
    """Rows of a table with ``x, y`` and ``start, end`` (UTC) or ``start_local, end_local`` (the zone's wall time).

    :raises InputError: when the table has rows but none is whole, or one ends before it starts
    """
    start, end = _times(table, "start", zone), _times(table, "end", zone)
    x, y = table["x"].astype(np.float64), table["y"].astype(np.float64)
    placed, timed = np.isfinite(x) & np.isfinite(y), ~(np.isnat(start) | np.isnat(end))
    for there, what in ((placed, "a place"), (timed, "a start and an end"), (placed & timed, "a place and times")):
        if len(table) and not there.any():
            raise InputError(f"No {words.one} has {what}.", f"Choose a layer with them, or leave {words.blank} blank.")
    rows = np.flatnonzero(placed & timed)
    start, end = start[rows].astype(np.int64), end[rows].astype(np.int64)
    early = int((end < start).sum())
    if early:
        what = f"A {words.one} ends before it starts" if early == 1 else f"{early} {words.many} end before they start"
        raise InputError(f"{what}.", "Mend the times.")
    lost = len(table) - len(rows)
    told = (f"{words.many.capitalize()} without a place or a time are left out: {lost}.",) if lost else ()
    return Spans(rows, x[rows], y[rows], start, end, told)


def _times(table: Table, name: str, zone: Zone) -> np.ndarray:
    """Moments of ``start`` or ``end`` in UTC, datetime64[s]."""
    if name in table:
        return table[name].astype("datetime64[s]")
    return zone.to_utc(table[f"{name}_local"].astype("datetime64[s]"))
