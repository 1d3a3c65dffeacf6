"""The public register of published plans: what everybody may know of them, small numbers of missions withheld.

A number is withheld where it is small, and so is the total of a plan where it would give such numbers back. The numbers
of missions that were asked for are among a plan's settings and say nearly the same, so they are never in the register;
nor are cells, names of persons, and reasons.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from patrol_missions.core.tables import Table
from patrol_missions.engine.missions.audit import Record
from patrol_missions.engine.missions.publication import KIND

SMALLEST = 5
"""Fewest missions that are told, unless something else is asked for."""

_SETTINGS = ("harm_kept", "ceiling", "exploration", "control", "dose_minutes")


def withheld(counts: NDArray[np.int64], smallest: int) -> tuple[NDArray[np.bool_], bool]:
    """Which of some numbers are withheld, and whether their total is.

    The total is told where the numbers withheld, which are known to be small, can still be shared out in several ways:
    where they are two at least, and their sum is neither small itself nor as large as it can be.

    :param counts: 0 or more, shape (n,)
    :param smallest: the least number that may be told, 2 at least; 0 withholds nothing
    :returns: shape (n,), and one for the total
    """
    hidden = np.asarray(counts < smallest, dtype=bool)
    number, together = int(hidden.sum()), int(counts[hidden].sum())
    open_to_doubt = number >= 2 and smallest <= together < number * (smallest - 1)
    return hidden, number > 0 and not open_to_doubt


def register(records: Iterable[Record], smallest: int = SMALLEST) -> Table:
    """One row per plan, shift and district, in the order of publication.

    :param records: of the audit log; those of no plan are left out
    """
    rows = [row for record in records if record.kind == KIND for row in _rows(record, smallest)]
    columns: dict[str, np.ndarray] = {
        "record": np.array([row["record"] for row in rows], dtype=np.int32),
        "published": _moments(rows, "published"),
        "shift_date": _moments(rows, "shift_date"),
        **{
            name: np.array([row[name] for row in rows], dtype=np.float64)
            for name in ("missions", "plan_missions", "harm_kept", *(f"set_{each}" for each in _SETTINGS))
        },
        "withheld": np.array([row["withheld"] for row in rows], dtype=bool),
    }
    table = Table(columns)
    for name in ("shift", "district", "hash"):
        table = table.with_text(name, [row[name] for row in rows])
    return table


def _rows(record: Record, smallest: int) -> list[dict[str, Any]]:
    """The rows of one plan; numbers that are withheld are NaN."""
    districts = record.content["districts"]
    counts = np.array([each["missions"] for each in districts], dtype=np.int64)
    hidden, hides_total = withheld(counts, smallest)
    settings: Mapping[str, Any] = record.content["settings"]
    same = {
        "record": record.number,
        "published": record.at,
        "plan_missions": np.nan if hides_total else float(counts.sum()),
        "hash": record.hash,
        **{f"set_{name}": settings.get(name, np.nan) for name in _SETTINGS},
    }
    return [
        {
            **same,
            "shift_date": each["shift_date"],
            "shift": each["shift"],
            "district": each["district"],
            "missions": np.nan if hide else float(each["missions"]),
            "harm_kept": np.nan if each["harm_kept"] is None else each["harm_kept"],
            "withheld": bool(hide),
        }
        for each, hide in zip(districts, hidden.tolist())
    ]


def _moments(rows: list[dict[str, Any]], name: str) -> np.ndarray:
    return np.array([str(row[name]).rstrip("Z") for row in rows], dtype="datetime64[s]")
