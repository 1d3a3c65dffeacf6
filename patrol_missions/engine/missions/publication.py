"""Publishing a plan: what its record in the audit log holds, and what stands in the way of one.

The record tells what a reader must know to judge a plan without opening it; the plan file goes with it as an
attachment, so that the plan can be made again from the log alone.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np

from patrol_missions.core.errors import InputError
from patrol_missions.core.tables import Table
from patrol_missions.engine.context import JobContext
from patrol_missions.engine.missions import audit
from patrol_missions.engine.missions.audit import Record
from patrol_missions.engine.missions.audit_store import AuditLog
from patrol_missions.engine.missions.plan_file import FORMAT, PlanFile
from patrol_missions.engine.missions.replay import replay

KIND = "plan"
"""Kind of the record of a published plan."""

ATTACHMENT = "plan.zip"
"""Name of the plan file among the attachments of its record."""

_APART = ("settings", "weights", "weights_version", "warnings")
_PER_DISTRICT = ("shift_date", "shift", "district", "start", "end", "missions", "by_hand", "controls", "harm_kept")


@dataclass(frozen=True)
class Candidate:
    """A plan that somebody is to publish.

    :param data: the plan file as it is
    :param model: name and SHA-256 of the model behind the forecast, where it is known
    """

    plan: PlanFile
    data: bytes
    model: Mapping[str, str] | None = None

    @classmethod
    def read(cls, path: Path, model: Path | None = None) -> Candidate:
        """A plan file, and the model; :class:`InputError` says what is wrong with them."""
        data = _bytes(path, "plan", FORMAT.choose)
        known = None
        if model is not None:
            content = _bytes(model, "model", "Choose the model that the forecast was made with.")
            known = {"name": model.name, "sha256": hashlib.sha256(content).hexdigest()}
        return cls(PlanFile.unpack(data, path.name), data, known)

    @property
    def fingerprints(self) -> dict[str, str]:
        """SHA-256 of what was asked and of what came of it, however the file was packed."""
        return {"request": self.plan.fingerprint("in"), "result": self.plan.fingerprint("out")}

    def content(self, approval: str) -> dict[str, Any]:
        """What the record holds.

        :param approval: why the author approves of the plan
        """
        values = self.plan.values
        return {
            "approval": approval,
            "fingerprints": self.fingerprints,
            "inputs": {name: _digest(table) for name, table in self.plan.tables.items()},
            "model": dict(self.model) if self.model is not None else None,
            "parameters": dict(self.plan.parameters),
            "settings": values["settings"],
            "weights": values["weights"],
            "weights_version": values.get("weights_version", ""),
            "overrides": _rows(self.plan.tables["overrides"]) if "overrides" in self.plan.tables else [],
            "figures": {name: value for name, value in values.items() if name not in _APART},
            "districts": _rows(self.plan.results["allocation"], _PER_DISTRICT),
            "warnings": values["warnings"],
            "versions": dict(self.plan.versions),
        }


def check_replay(candidate: Candidate, context: JobContext) -> None:
    """Make the plan again.

    :raises InputError: when something else comes of it
    """
    again = replay(candidate.plan, context)
    if not again.identical:
        raise InputError(
            f"The plan made again is not the plan in the file: {again.differences[0]}",
            " ".join(
                [*again.versions, "Make the plan anew with this version of the plugin, or publish it unreplayed."]
            ),
        )


def publish(log: AuditLog, candidate: Candidate, author: str, approval: str, at: datetime) -> Record:
    """Append a plan to the log.

    :param author: the person who approves of it
    :param at: with a time zone
    :raises InputError: nobody approves, or there is no approval, the plan is there already, or the log takes nothing
    """
    if not author.strip():
        raise InputError("Nobody approves of the plan.", "Give the name of the person who does.")
    if not approval.strip():
        raise InputError("The plan is to be published without a word of approval.", "Write down why it is approved of.")
    records = log.records()
    for record in records:
        if record.kind == KIND and record.content.get("fingerprints") == candidate.fingerprints:
            raise InputError(
                f"The plan was published already: record {record.number}, by {record.author}, at {record.at}.",
                "Refer to that record, or publish another plan.",
            )
    content = candidate.content(approval.strip())
    # Whoever publishes between the look above and this is not overlooked: the log refuses, and one looks again.
    seen = audit.head_hash(log.log_id, records[-1] if records else None)
    return log.append(KIND, author.strip(), content, {ATTACHMENT: candidate.data}, at, seen)


def published(log: AuditLog, number: int) -> PlanFile:
    """The plan of a record; :class:`InputError` where the record is of no plan or the file is not as it was written."""
    record = log.record(number)
    if not audit.is_as_written(record):
        raise InputError(f"Record {number} is not as it was written.", "Verify the log; ask for a backup.")
    if record.kind != KIND or ATTACHMENT not in record.attachments:
        raise InputError(f"Record {number} of the audit log is no plan but “{record.kind}”.", "Choose another record.")
    return PlanFile.unpack(log.attachment(record.attachments[ATTACHMENT]), f"of record {number}")


def _bytes(path: Path, thing: str, hint: str) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise InputError(f"The {thing} {path.name} cannot be read ({error.strerror}).", hint) from error


def _digest(table: Table) -> str:
    """SHA-256 of a table: names, types, labels and bytes of its columns."""
    digest = hashlib.sha256()
    for name, values in table.columns.items():
        head = [name, values.dtype.str, len(values), list(table.labels.get(name, ()))]
        digest.update(audit.canonical(head).encode())
        digest.update(np.ascontiguousarray(values).tobytes())
    return digest.hexdigest()


def _rows(table: Table, names: tuple[str, ...] | None = None) -> list[dict[str, Any]]:
    """A table as JSON: moments as text, nothing for what is no number."""
    columns = {name: _plain(table, name) for name in names or tuple(table.columns) if name in table}
    return [dict(zip(columns, row)) for row in zip(*columns.values())]


def _plain(table: Table, name: str) -> list[Any]:
    values = table[name]
    if values.dtype.kind == "M":
        return [None if np.isnat(each) else f"{np.datetime_as_string(each, 's')}Z" for each in values]
    if values.dtype.kind == "f":
        return [each if np.isfinite(each) else None for each in values.tolist()]
    return list(table.text(name)) if name in table.labels else values.tolist()
