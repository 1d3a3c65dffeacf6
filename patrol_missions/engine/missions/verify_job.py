"""The job “verify_audit”: an audit log in, everything that is wrong with it out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from patrol_missions.core.errors import InputError
from patrol_missions.core.jobs import JobResult
from patrol_missions.core.tables import Table
from patrol_missions.engine.context import JobContext
from patrol_missions.engine.missions import audit
from patrol_missions.engine.missions.audit import Finding
from patrol_missions.engine.missions.audit_store import AuditLog, open_log


def run(parameters: Mapping[str, Any], tables: Mapping[str, Table], context: JobContext) -> JobResult:  # noqa: ARG001
    """Verify the audit log.

    Parameters
    ----------
    parameters
        ``log`` (path, or address of a PostgreSQL database); perhaps ``number`` and ``hash`` of a record that was
        witnessed elsewhere, and ``copy``: another copy of the log to compare it with.
    tables
        None.
    context
        Takes progress.

    Returns
    -------
    JobResult
        Table ``findings`` (``number`` of the record, 0 for the log as a whole, and ``what``); values ``sound``,
        ``records``, ``hash`` of the last record and ``sentence``.
    """
    expected = _witnessed(parameters)
    context.progress(0.05, "Verifying the log")
    with open_log(str(parameters["log"])) as log:
        found = log.verify(expected)
        head = log.head() if not found else None
        if parameters.get("copy"):
            context.progress(0.6, "Comparing with the copy")
            with open_log(str(parameters["copy"])) as copy:
                found += _compared(log, copy)
    context.progress(1.0)
    sound = not found
    if not sound:
        sentence = f"The audit log is not sound: {found[0].what}"
    elif head is None:
        sentence = "The audit log is sound, and empty."
    else:
        count = "1 record," if head.number == 1 else f"{head.number} records, the last"
        sentence = f"The audit log is sound: {count} of {head.at} by {head.author}."
    values = {
        "sound": sound,
        "records": head.number if head is not None else 0,
        "hash": head.hash if head is not None else "",
        "sentence": sentence,
    }
    numbers = np.array([finding.number or 0 for finding in found], dtype=np.int32)
    table = Table({"number": numbers}).with_text("what", [finding.what for finding in found])
    return JobResult(values, {"findings": table})


def _witnessed(parameters: Mapping[str, Any]) -> tuple[int, str] | None:
    number, text = parameters.get("number"), str(parameters.get("hash") or "").strip().lower()
    if number is None and not text:
        return None
    if number is None or not text:
        raise InputError(
            "Of the record that was witnessed elsewhere, number or hash is missing.", "Give both, or neither."
        )
    return int(number), text


def _compared(log: AuditLog, copy: AuditLog) -> list[Finding]:
    """Where the copy is damaged, or the two went on apart; that one of them is older is no fault."""
    found = [Finding(each.number, f"In the copy: {each.what}") for each in copy.verify()]
    if found:
        return found
    if log.log_id != copy.log_id:
        return [Finding(None, "The two are not copies of one audit log: they began apart.")]
    compared = audit.compare(log.records(), copy.records())
    if compared.relation == audit.PARTED:
        return [Finding(compared.shared + 1, f"The two went on apart after record {compared.shared}.")]
    return []
