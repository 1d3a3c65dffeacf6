"""Stays as a table, as dose map, allocation and capture report take visits of patrol."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from patrol_missions.core import grid
from patrol_missions.core.tables import Table
from patrol_missions.engine.tracking.ledger_rows import Entry


def table(entries: Sequence[Entry], size_m: float) -> Table:
    """A row per stay, in the order given.

    ``col, row``; ``x, y``, the middle of the cell (metres); ``start, end`` (UTC, whole seconds); ``minutes``; ``unit``,
    ``kind``, ``ended_by``, ``mission_id``.
    """
    col, row = np.array([each.stay.cell for each in entries], dtype=np.int64).reshape(-1, 2).T
    x, y = grid.centres(col, row, size_m)
    start, end = (
        np.array([getattr(each.stay, name) for each in entries], dtype=np.float64) for name in ("start", "end")
    )
    columns = {
        "col": col,
        "row": row,
        "x": x,
        "y": y,
        "start": _moments(start),
        "end": _moments(end),
        "minutes": (end - start) / 60.0,
    }
    found = Table(columns)
    for name in ("unit", "kind", "ended_by", "mission_id"):
        found = found.with_text(name, [getattr(each, name) or None for each in entries])
    return found


def _moments(seconds: np.ndarray) -> np.ndarray:
    return np.rint(seconds).astype(np.int64).astype("datetime64[s]")
