"""The job “export_register”: an audit log in, what everybody may know of its plans out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from patrol_missions.core.errors import InputError
from patrol_missions.core.jobs import JobResult
from patrol_missions.core.tables import Table
from patrol_missions.engine.context import JobContext
from patrol_missions.engine.missions.audit_store import open_log
from patrol_missions.engine.missions.register import SMALLEST, register


def run(parameters: Mapping[str, Any], tables: Mapping[str, Table], context: JobContext) -> JobResult:  # noqa: ARG001
    """Make the public register.

    Parameters
    ----------
    parameters
        ``log`` (path, or address of a PostgreSQL database); ``smallest`` number of missions that is told.
    tables
        None.
    context
        Takes progress.

    Returns
    -------
    JobResult
        Table ``register`` (:func:`patrol_missions.engine.missions.register.register`); values ``plans`` and
        ``withheld`` (numbers).
    """
    asked = parameters.get("smallest")
    smallest = SMALLEST if asked is None else int(asked)
    if smallest < 0 or smallest == 1:
        raise InputError(
            f"The fewest missions to tell are {smallest}.", "Choose 2 or more, such as 5, or 0 to tell every number."
        )
    with open_log(str(parameters["log"])) as log:
        context.progress(0.05, "Verifying the log")
        found = log.verify()
        if found:
            raise InputError(
                f"The audit log is not sound: {found[0].what}",
                "Run Verify audit log; nothing is made public from a log that is not as it was written.",
            )
        context.progress(0.6, "Making the register")
        table = register(log.records(), smallest)
    context.progress(1.0)
    values = {"plans": len(set(table["record"].tolist())), "withheld": int(table["withheld"].sum())}
    return JobResult(values, {"register": table})
