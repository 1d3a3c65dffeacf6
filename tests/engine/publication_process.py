"""Processes that publish plans to an audit log, and say what was published.

``publish LOG PLAN AUTHOR`` publishes one plan and prints its number and hash, or the sentence that refuses it.
``killed LOG PLAN TIMES SEED`` forks a process that publishes variants of the plan without end, kills it at a random
moment, and again; it prints what each reported before it died, and ``killed`` after each.
"""

from __future__ import annotations

import os
import sys
from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path

sys.path.insert(0, os.environ["PATROL_STAGE"])

from killing import kill_again_and_again, say

from patrol_missions.core.errors import InputError
from patrol_missions.engine.missions import publication
from patrol_missions.engine.missions.audit_store import AuditLog, open_log
from patrol_missions.engine.missions.publication import Candidate

LONGEST_S = 0.15


def publish(log: AuditLog, candidate: Candidate, author: str) -> str:
    record = publication.publish(log, candidate, author, "Fair and within limits", datetime.now(timezone.utc))
    return f"{record.number} {record.hash}"


def variant(candidate: Candidate, name: str) -> Candidate:
    """The same plan under another parameter, so that it is another plan."""
    plan = replace(candidate.plan, parameters={**candidate.plan.parameters, "variant": name})
    return Candidate(plan, plan.pack())


def forever(target: str, candidate: Candidate, name: str, report: int) -> None:
    with open_log(target) as log:
        step = 0
        while True:
            step += 1
            os.write(report, f"{publish(log, variant(candidate, f'{name} {step}'), name)}\n".encode())


def killed(target: str, candidate: Candidate, times: int, seed: int) -> None:
    with open_log(target):
        pass  # what must be imported is so before the first of them

    def work(name: str, report: int) -> None:
        forever(target, candidate, name, report)

    kill_again_and_again(work, times, seed, LONGEST_S)


if __name__ == "__main__":
    what, where, file, *more = sys.argv[1:]
    given = Candidate.read(Path(file))
    if what == "publish":
        with open_log(where, create=True) as shared:
            try:
                say(publish(shared, given, more[0]))
            except InputError as error:
                say(f"refused: {error.message}")
    else:
        killed(where, given, *map(int, more))
