"""Position reports as trails: points that a map shows one time after the other."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from patrol_missions.core.tables import Table
from patrol_missions.engine.tracking.stays import Rules

_FADES_S = 600.0  # as long as a point belongs to the trail
_EVERY_S = 10.0  # closer reports of a unit are left out: there would be too many for a map


def table(reports: Iterable[tuple[str, float, float, float]]) -> Table:
    """A row per point.

    ``unit``; ``start`` and ``end`` of its time on the trail, and ``until``, as long as it is the unit's last known
    place (UTC); ``longitude``, ``latitude``.

    :param reports: unit, seconds since 1970 UTC, longitude, latitude; by unit and time
    """
    units: list[str] = []
    rows: list[tuple[float, float, float]] = []
    for unit, at, longitude, latitude in reports:
        if not (units and units[-1] == unit and at < rows[-1][0] + _EVERY_S):
            units.append(unit)
            rows.append((at, longitude, latitude))
    start, east, north = np.array(rows, dtype=np.float64).reshape(-1, 3).T.copy()
    until = start + Rules.gap_s  # beyond, nobody knows where it was
    followed = np.array([one == other for one, other in zip(units, units[1:])], dtype=bool)
    until[:-1][followed] = np.minimum(until[:-1], start[1:])[followed]
    moments = {"start": start, "end": start + _FADES_S, "until": until}
    columns = {name: np.rint(seconds).astype(np.int64).astype("datetime64[s]") for name, seconds in moments.items()}
    return Table({**columns, "longitude": east, "latitude": north}).with_text("unit", units)
