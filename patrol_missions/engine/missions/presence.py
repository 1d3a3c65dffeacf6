"""Visits of patrol from a table, in the cells of a plan or of a map of doses."""

from __future__ import annotations

from patrol_missions.core import grid
from patrol_missions.core.errors import InputError
from patrol_missions.core.tables import Table
from patrol_missions.engine.data.dose import Visits
from patrol_missions.engine.data.zones import Zone
from patrol_missions.engine.forecast import spans
from patrol_missions.engine.forecast.spans import Words

_WORDS = Words("visit of patrol", "visits of patrol", "the visits")


def read(cells: Table, table: Table, size_m: float, clock: Zone) -> tuple[Visits, tuple[str, ...]]:
    """Visits of two minutes or more, and sentences that the user should read.

    :param cells: ``col``, ``row``
    :param table: ``x``, ``y`` in the grid's CRS; ``start``, ``end`` in UTC or ``start_local``, ``end_local``
    :param size_m: side of a cell
    :param clock: of local times
    :raises InputError: when there are rows but none is whole or in a cell, or a visit ends before it starts
    """
    found = spans.of(table, clock, _WORDS)
    cell = grid.locate(found.x, found.y, cells["col"], cells["row"], size_m)
    if len(cell) and (cell < 0).all():
        raise InputError(
            "No visit of patrol is inside the grid.",
            "Choose a layer of visits with its right coordinate reference system, and the grid of the same place.",
        )
    return Visits.of(len(cells), cell, found.start, found.end), found.warnings
