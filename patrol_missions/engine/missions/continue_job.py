"""The job “continue_log”: a copy of an audit log in, which goes on as the log from now on."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timezone
from typing import Any

from patrol_missions.core.errors import InputError
from patrol_missions.core.jobs import JobResult
from patrol_missions.core.tables import Table
from patrol_missions.engine.context import JobContext
from patrol_missions.engine.missions.audit_store import open_log


def run(parameters: Mapping[str, Any], tables: Mapping[str, Table], context: JobContext) -> JobResult:  # noqa: ARG001
    """Go on with a copy.

    Parameters
    ----------
    parameters
        ``log`` (path, or address of a PostgreSQL database), ``author`` and ``reason``.
    tables
        None.
    context
        Takes progress.

    Returns
    -------
    JobResult
        Values ``number``, ``hash`` and ``at`` of the record that says so.
    """
    author, reason = (str(parameters.get(name) or "").strip() for name in ("author", "reason"))
    if not author:
        raise InputError("Nobody says that the audit log is to go on here.", "Give the name of the person who does.")
    context.progress(0.05, "Verifying the log")
    with open_log(str(parameters["log"])) as log:
        found = log.verify()
        if found:
            raise InputError(f"The audit log is not sound: {found[0].what}", "Go on from an undamaged copy.")
        record = log.continue_here(author, reason, datetime.now(timezone.utc))
    context.progress(1.0)
    return JobResult({name: getattr(record, name) for name in ("number", "hash", "at")})
