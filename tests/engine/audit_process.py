"""Processes that append to an audit log until they are done or killed, and say what was appended.

``append TARGET NAME COUNT`` appends so many records and prints the number and hash of each. ``killed TARGET TIMES
SEED`` forks a process that appends without end, kills it at a random moment, and again; it prints the same of what
each reported before it died, and ``killed`` after each.
"""

from __future__ import annotations

import os
import random
import sys
from datetime import datetime, timezone

sys.path.insert(0, os.environ["PATROL_STAGE"])

from killing import kill_again_and_again, say

from patrol_missions.engine.missions.audit_store import AuditLog, open_log

LONGEST_S = 0.1


def append(log: AuditLog, name: str, step: int) -> str:
    data = {"plan": f"{name} {step}".encode() * 5000, "noise": random.Random(f"{name}{step}").randbytes(20_000)}
    record = log.append("plan", name, {"step": step}, data, datetime.now(timezone.utc))
    return f"{record.number} {record.hash}"


def forever(target: str, name: str, report: int) -> None:
    with open_log(target) as log:
        step = 0
        while True:
            step += 1
            os.write(report, f"{append(log, name, step)}\n".encode())


def killed(target: str, times: int, seed: int) -> None:
    with open_log(target):
        pass  # what must be imported is so before the first of them

    def work(name: str, report: int) -> None:
        forever(target, name, report)

    kill_again_and_again(work, times, seed, LONGEST_S)


if __name__ == "__main__":
    what, where, *more = sys.argv[1:]
    if what == "append":
        with open_log(where, create=True) as shared:
            for count in range(int(more[1])):
                say(append(shared, more[0], count))
    else:
        killed(where, *map(int, more))
