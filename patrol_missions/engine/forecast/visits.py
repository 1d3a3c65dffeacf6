"""What patrol did lately, as the models see it: so that deterrence is not read as low risk.

While patrol is on, incidents are fewer, and so are the counts that the forecast stands on. Beside each other, a dose
with a short memory, about the days for which deterrence lasts after a visit (four in Barnes et al. 2020, SocArXiv
kwf98), and one as old as the counts of late tell whether patrol that held them down goes on or has gone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from patrol_missions.core import grid
from patrol_missions.core.errors import InputError
from patrol_missions.core.tables import Table
from patrol_missions.engine.data.dose import Visits
from patrol_missions.engine.data.zones import Zone
from patrol_missions.engine.forecast import spans
from patrol_missions.engine.forecast.panel import DAY_S, Cells
from patrol_missions.engine.forecast.spans import Words

_HALF_LIVES_DAYS = (3.0, 28.0)
_AROUND = 1  # which of them that of the neighbours has
FEATURES = (*(f"patrol {days:g} d" for days in _HALF_LIVES_DAYS), f"patrol around {_HALF_LIVES_DAYS[_AROUND]:g} d")
"""Names of the features that visits make."""

_WORDS = Words("visit of patrol", "visits of patrol", "the visits")
_HINT = "Choose a layer of visits with its right coordinate reference system, or leave the visits blank."
_LATE_DAYS = 3
_SHORT_DAYS = 60


@dataclass(frozen=True, eq=False)
class Patrol:
    """Visits, seen from the cells.

    :param warnings: what to tell the user
    """

    visits: Visits
    cells: Cells
    warnings: tuple[str, ...] = ()

    def columns(self, as_of: int) -> list[np.ndarray]:
        """The features as known at a moment (seconds UTC), each of shape (cells,), in the order of their names."""
        own = [self.visits.faded(as_of, days) for days in _HALF_LIVES_DAYS]
        around = self.cells.raster.neighbourhood(own[_AROUND], 1) - own[_AROUND]
        return [*own, np.maximum(around, 0.0)]

    @cached_property
    def period(self) -> tuple[str, str]:
        """Days (UTC) of the first and the last visit's end."""
        first, last = (str(np.datetime64(int(moment), "s"))[:10] for moment in self.visits.end[[0, -1]])
        return first, last

    def begins_late(self, begin: int) -> list[str]:
        """A warning when the visits begin long after the history (seconds UTC)."""
        if self.visits.end[0] - begin <= _SHORT_DAYS * DAY_S:
            return []
        text = f"The visits of patrol begin on {self.period[0]}, long after the incidents; until then the model takes "
        return [text + "all cells for unpatrolled."]

    def ends_early(self, end: int) -> list[str]:
        """A warning when the visits end days before the history (seconds UTC)."""
        days = (end - self.visits.end[-1]) / DAY_S if len(self.visits) else 0.0
        if days <= _LATE_DAYS:
            return []
        text = f"The last visit of patrol ended {days:.0f} days before the last incident became known; since then "
        return [text + "all cells count as unpatrolled."]


def none(cells: Cells) -> Patrol:
    """Nobody patrolled."""
    nothing = np.zeros(0, dtype=np.int64)
    return Patrol(Visits.of(len(cells), nothing, nothing, nothing), cells)


def of(cells: Cells, tables: Mapping[str, Table], zone: Zone) -> Patrol | None:
    """The visits of a job's table ``visits``; ``None`` where there is no such table.

    It has ``x, y`` in the grid's CRS, ``start`` and ``end`` (UTC) or ``start_local`` and ``end_local`` (the zone's wall
    time), and may be empty: nobody patrolled.

    :raises InputError: when it has rows but none is whole or in a cell, or a visit ends before it starts
    """
    if "visits" not in tables:
        return None
    found = spans.of(tables["visits"], zone, _WORDS)
    cell = grid.locate(found.x, found.y, cells.column, cells.row, cells.size_m)
    if len(cell) and (cell < 0).all():
        raise InputError("No visit of patrol is inside the grid.", _HINT)
    return Patrol(Visits.of(len(cells), cell, found.start, found.end), cells, found.warnings)


def to_learn_from(cells: Cells, tables: Mapping[str, Table], zone: Zone) -> Patrol | None:
    """As :func:`of`, for training; :class:`InputError` when there is no visit."""
    found = of(cells, tables, zone)
    if found is not None and len(found.visits) == 0:
        raise InputError(
            "There is no visit of patrol of two minutes or more to learn from.",
            "Choose a layer with visits, or leave the visits blank.",
        )
    return found
