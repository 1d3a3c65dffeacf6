"""What goes into the ledger and comes out of it, and the rows that it stands in."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from patrol_missions.engine.tracking.fixes import Fix
from patrol_missions.engine.tracking.stays import Rules, Stay

VISIT, PASS = "visit", "pass"
"""Kinds of stays: a pass is shorter than what has a dose."""

LEFT, GAP, CALLED_AWAY, END = "left", "gap", "called away", "end"
"""What ended a stay: the unit left, was not heard any more, was called away, or the reports ended."""

LIVE, IMPORT = "live", "import"
"""Where a stay comes from."""

Row = dict[str, Any]


@dataclass(frozen=True)
class Heard:
    """A report as it was received.

    :param received_at: seconds since 1970 UTC, by our clock
    :param source: the receiver or connection that it came from
    """

    fix: Fix
    received_at: float
    source: str = ""

    @property
    def is_whole(self) -> bool:
        """Whether it tells a place and a time: others cannot be journalled, and nothing would come of them."""
        fix = self.fix
        return all(map(math.isfinite, (fix.at, fix.longitude, fix.latitude, self.received_at)))

    def row(self) -> Row:
        """As the journal has it."""
        fix = self.fix
        return {
            "unit": _clean(fix.unit),
            "at_s": fix.at,
            "longitude": fix.longitude,
            "latitude": fix.latitude,
            "accuracy_m": fix.accuracy_m,
            "speed_mps": fix.speed_mps,
            "heading_deg": fix.heading_deg,
            "received_s": self.received_at,
            "source": _clean(self.source),
        }

    @classmethod
    def of(cls, row: Mapping[str, Any]) -> Heard:
        """From the journal."""
        fix = Fix(
            row["unit"], row["at_s"], row["longitude"], row["latitude"],
            row["accuracy_m"], row["speed_mps"], row["heading_deg"],
        )  # fmt: skip
        return cls(fix, row["received_s"], row["source"])


@dataclass(frozen=True)
class Entry:
    """A unit's stay in the ledger; see the constants of this module.

    :param unit: blank once it is forgotten
    """

    unit: str
    stay: Stay
    kind: str
    ended_by: str
    mission_id: str = ""
    source: str = LIVE

    @classmethod
    def of(cls, unit: str, stay: Stay, rules: Rules, *, ended_by: str = LEFT, **more: str) -> Entry:
        """A stay with the kind that its length gives it; one that ended in a gap says so."""
        kind = VISIT if stay.seconds >= rules.shortest_s else PASS
        return cls(unit, stay, kind, GAP if stay.gap else ended_by, **more)

    @property
    def is_visit(self) -> bool:
        """Whether it is long enough to have a dose."""
        return self.kind == VISIT

    def row(self) -> Row:
        """As the table of stays has it."""
        col, row = self.stay.cell
        return {
            "unit": _clean(self.unit),
            "col": col,
            "row": row,
            "start_s": self.stay.start,
            "end_s": self.stay.end,
            "kind": self.kind,
            "ended_by": self.ended_by,
            "mission_id": _clean(self.mission_id),
            "source": self.source,
        }

    @classmethod
    def of_row(cls, row: Mapping[str, Any]) -> Entry:
        """From the table of stays."""
        stay = Stay((row["col"], row["row"]), row["start_s"], row["end_s"], row["ended_by"] == GAP)
        return cls(row["unit"], stay, row["kind"], row["ended_by"], row["mission_id"], row["source"])


@dataclass(frozen=True)
class Gap:
    """A time in which a unit was not heard, seconds since 1970 UTC."""

    unit: str
    start: float
    end: float

    def row(self) -> Row:
        """As the table of gaps has it."""
        return {"unit": _clean(self.unit), "start_s": self.start, "end_s": self.end}


@dataclass(frozen=True)
class Assignment:
    """A mission given to a unit, by whom; ``end`` is ``None`` as long as it has it."""

    unit: str
    mission_id: str
    start: float
    end: float | None = None
    author: str = ""

    def row(self) -> Row:
        """As the table of assignments has it."""
        return {
            "unit": _clean(self.unit),
            "mission_id": _clean(self.mission_id),
            "start_s": self.start,
            "end_s": self.end,
            "author": _clean(self.author),
        }


@dataclass(frozen=True)
class Note:
    """Something that a person said: ``start``, ``stop``, ``called away``, ``undo`` ..."""

    kind: str
    at: float
    unit: str = ""
    mission_id: str = ""
    author: str = ""
    text: str = ""

    def row(self) -> Row:
        """As the table of notes has it."""
        texts = {name: _clean(getattr(self, name)) for name in ("kind", "unit", "mission_id", "author", "text")}
        return {**texts, "at_s": self.at}


@dataclass(frozen=True)
class Batch:
    """What is written at once.

    :param checkpoints: by unit what ``Track.kept()`` gave: what was settled by reports of this batch and those before
    """

    heard: Sequence[Heard] = ()
    stays: Sequence[Entry] = ()
    gaps: Sequence[Gap] = ()
    assignments: Sequence[Assignment] = ()
    notes: Sequence[Note] = ()
    checkpoints: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    def states(self) -> list[Row]:
        """The checkpoints as their table has them."""
        return [
            {"unit": _clean(unit), "settled_s": kept["settled_at"], "state": json.dumps(kept, allow_nan=False)}
            for unit, kept in self.checkpoints.items()
        ]


def _clean(text: str) -> str:
    """Text that every database takes: one byte that none can hold must not stop the ledger."""
    return text.replace("\0", "").encode("utf-8", "replace").decode()
