"""The job “publish_plan”: a plan file in, a record of the audit log out."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from patrol_missions.core.jobs import JobResult
from patrol_missions.core.tables import Table
from patrol_missions.engine.context import JobContext
from patrol_missions.engine.missions import publication
from patrol_missions.engine.missions.audit_store import open_log
from patrol_missions.engine.missions.publication import Candidate


def run(parameters: Mapping[str, Any], tables: Mapping[str, Table], context: JobContext) -> JobResult:  # noqa: ARG001
    """Append a plan to the audit log.

    Parameters
    ----------
    parameters
        ``plan`` and perhaps ``model`` (paths); ``author`` and ``approval``; ``log`` (path, or address of a PostgreSQL
        database); ``new`` (make a log where there is none); ``replay`` (make the plan again first, unless false).
    tables
        None.
    context
        Takes progress.

    Returns
    -------
    JobResult
        Values ``number``, ``hash``, ``previous`` and ``at`` of the record, ``log_id`` and ``missions``.
    """
    context.progress(0.05, "Reading the plan")
    model = parameters.get("model")
    candidate = Candidate.read(Path(str(parameters["plan"])), Path(str(model)) if model else None)
    if parameters.get("replay", True):
        context.progress(0.1, "Making the plan again")
        publication.check_replay(candidate, context.part(0.1, 0.8))
    context.progress(0.8, "Publishing the plan")
    with open_log(str(parameters["log"]), create=bool(parameters.get("new"))) as log:
        now = datetime.now(timezone.utc)
        author, approval = (str(parameters.get(name) or "") for name in ("author", "approval"))
        record = publication.publish(log, candidate, author, approval, now)
        context.progress(1.0)
        named = {name: getattr(record, name) for name in ("number", "hash", "previous", "at")}
        return JobResult({**named, "log_id": log.log_id, "missions": int(candidate.plan.values["missions"])})
