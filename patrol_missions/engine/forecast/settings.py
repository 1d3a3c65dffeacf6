"""Parameters and tables that training and forecasting read in the same way."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from patrol_missions.core.errors import InputError
from patrol_missions.core.shifts import parse_shifts
from patrol_missions.core.tables import Table
from patrol_missions.engine.data.shifts import ShiftPlan

_MOST_THREADS = 8


def shift_plan(parameters: Mapping[str, Any]) -> ShiftPlan:
    """Shifts and time zone as asked for."""
    return ShiftPlan(parse_shifts(parameters["shifts"]), str(parameters["time_zone"]))


def threads(parameters: Mapping[str, Any]) -> int:
    """Threads to compute with; 0 or nothing leaves it to the machine."""
    asked = int(parameters.get("threads") or 0)
    return asked if asked > 0 else min(os.cpu_count() or 1, _MOST_THREADS)


def moment(text: object, what: str) -> np.datetime64 | None:
    """A UTC moment from ISO text, such as ``2020-01-03T22:00:00Z``; ``None`` for nothing."""
    if text is None or not str(text).strip():
        return None
    clean = str(text).strip().removesuffix("Z").removesuffix("+00:00")
    try:
        found = np.datetime64(clean, "s")
    except ValueError as error:
        raise InputError(
            f"The {what} reads “{text}”, which is not a date and time.", "Write it like 2020-01-03T22:00:00Z."
        ) from error
    return None if np.isnat(found) else found


def words(when: np.datetime64 | int) -> str:
    """A UTC moment as ISO text."""
    return f"{np.array(when).astype('datetime64[s]')}Z"


def present(table: Table, listed: Sequence[str] | None) -> tuple[tuple[str, ...], list[str]]:
    """Categories to learn, and those asked for of which there is no incident."""
    labels = table.labels.get("category", ())
    counts = np.bincount(table["category"][table["category"] >= 0], minlength=len(labels))
    there = {label for label, count in zip(labels, counts) if count}
    wanted = sorted(there) if listed is None else list(dict.fromkeys(listed))
    return tuple(name for name in wanted if name in there), [name for name in wanted if name not in there]


def fingerprint(table: Table) -> str:
    """SHA-256 of a table's columns and labels, whatever their order; says whether two runs saw the same data."""
    digest = hashlib.sha256()
    for name in sorted(table.columns):
        values = table.text(name).astype(str) if name in table.labels else table.columns[name]
        digest.update(f"{name}:{values.dtype.kind}:{len(values)};".encode())
        digest.update(np.ascontiguousarray(values).tobytes())
    return digest.hexdigest()
