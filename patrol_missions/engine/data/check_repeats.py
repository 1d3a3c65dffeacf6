"""The same row twice, the same id twice, and one event in several rows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from patrol_missions.engine.data.record import Finding, Record


@dataclass(frozen=True, eq=False)
class Repeats:
    """Rows (boolean masks) that repeat an earlier one.

    :param exact: same id, type, time and place: the same row twice
    :param same_event: other id, but same type, minute and place: further victims or charges of one event
    :param repeated_id: rows whose id occurred before with other content
    """

    exact: np.ndarray
    same_event: np.ndarray
    repeated_id: np.ndarray


def repeats(record: Record, time_is_exact: np.ndarray) -> Repeats:
    """Find repeated rows; rows whose time is not known to the minute are never taken for the same event."""
    frame = pd.DataFrame(
        {
            "type": record.category,
            "start": record.start.astype(np.int64),
            "x": np.round(record.raw_x, 7),
            "y": np.round(record.raw_y, 7),
        }
    )
    nothing = np.zeros(len(record), dtype=bool)
    exact = repeated_id = nothing
    if record.event_id is not None:
        ids = pd.factorize(record.event_id)[0]
        blank = np.char.strip(record.event_id) == "" if record.event_id.dtype.kind == "U" else nothing
        exact = frame.assign(id=ids).duplicated().to_numpy() & ~blank
        repeated_id = pd.Series(ids).duplicated().to_numpy() & ~blank & ~exact
    sure = time_is_exact & ~exact & record.geocoded & ~np.isnat(record.start)
    same = nothing.copy()
    same[sure] = frame[sure].duplicated().to_numpy()
    return Repeats(exact, same, repeated_id)


_KINDS = (
    (
        "exact",
        "Rows repeated",
        ("repeats", "repeat"),
        "an earlier row in id, type, time and place; one of each is kept.",
    ),
    (
        "repeated_id",
        "Repeated ids",
        ("carries", "carry"),
        (
            "the id of an earlier row but another type, time or place; all are kept, as reports of several offences "
            "look "
            "like this."
        ),
    ),
    (
        "same_event",
        "One event, several rows",
        ("shares", "share"),
        (
            "type, minute and place with an earlier row, as several victims of one event do; each event is kept once, "
            "because patrol deters events."
        ),
    ),
)


def repeat_findings(found: Repeats) -> list[Finding]:
    """What repeated rows there are, and what is done with them."""
    result = []
    for field, check, (one, many), rest in _KINDS:
        mask: np.ndarray = getattr(found, field)
        count = int(mask.sum())
        if count:
            subject = f"1 row {one}" if count == 1 else f"{count:,} rows {many}"
            result.append(Finding("note", check, count, count / len(mask), f"{subject} {rest}"))
    return result
