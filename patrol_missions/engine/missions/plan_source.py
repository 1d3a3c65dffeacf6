"""Which plan is meant: the one of a plan file, or of a record of the audit log."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from patrol_missions.core.errors import InputError
from patrol_missions.engine.missions import publication
from patrol_missions.engine.missions.audit_store import open_log
from patrol_missions.engine.missions.plan_file import PlanFile
from patrol_missions.engine.missions.publication import Candidate


def is_given(parameters: Mapping[str, Any]) -> bool:
    """Whether a job was given a plan."""
    return bool(parameters.get("plan") or parameters.get("log"))


def read(parameters: Mapping[str, Any]) -> PlanFile:
    """The plan.

    :param parameters: ``plan`` (path), or ``log`` (path, or address of a PostgreSQL database) and a record’s ``number``
    :raises InputError: both are given, or neither, or there is no such plan
    """
    plan, log, number = (parameters.get(name) for name in ("plan", "log", "number"))
    if plan and not log:
        return Candidate.read(Path(str(plan))).plan
    if plan or not log or number is None:
        raise InputError(
            "It is not clear which plan is meant.", "Give a plan file, or an audit log and a record's number."
        )
    with open_log(str(log)) as opened:
        return publication.published(opened, int(number))
