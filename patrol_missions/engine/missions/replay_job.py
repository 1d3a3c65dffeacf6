"""The job “replay_plan”: a plan file, or a record of the audit log, in; whether the same comes of it again out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from patrol_missions.core.jobs import JobResult
from patrol_missions.core.tables import Table
from patrol_missions.engine.context import JobContext
from patrol_missions.engine.missions import plan_source
from patrol_missions.engine.missions.replay import replay


def run(parameters: Mapping[str, Any], tables: Mapping[str, Table], context: JobContext) -> JobResult:  # noqa: ARG001
    """Make a plan again.

    Parameters
    ----------
    parameters
        ``plan`` (path), or ``log`` (path, or address of a PostgreSQL database) and ``number`` of a record.
    tables
        None.
    context
        Takes progress.

    Returns
    -------
    JobResult
        Table ``differences`` (``what``, a sentence each); values ``identical``, ``versions`` (sentences on what
        reckoned then and reckons now) and ``missions``.
    """
    context.progress(0.05, "Reading the plan")
    kept = plan_source.read(parameters)
    context.progress(0.1, "Making the plan again")
    again = replay(kept, context.part(0.1, 1.0))
    context.progress(1.0)
    values = {
        "identical": again.identical,
        "versions": list(again.versions),
        "missions": int(kept.values["missions"]),
    }
    return JobResult(values, {"differences": Table({}).with_text("what", again.differences)})
