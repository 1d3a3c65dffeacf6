"""Processes that append to an audit log until they are done or killed, and say what was appended.

``append TARGET NAME COUNT`` appends so many records and prints the number and hash of each. ``killed TARGET TIMES
SEED`` forks a process that appends without end, kills it at a random moment, and again; it prints the same of what
each reported before it died, and ``killed`` after each, which no hash ends with.
"""

from __future__ import annotations

import os
import random
import signal
import sys
import time
from datetime import datetime, timezone

sys.path.insert(0, os.environ["PATROL_STAGE"])

from patrol_missions.engine.missions.audit_store import AuditLog, open_log

LONGEST_S = 0.1


def append(log: AuditLog, name: str, step: int) -> str:
    data = {"plan": f"{name} {step}".encode() * 5000, "noise": random.Random(f"{name}{step}").randbytes(20_000)}
    record = log.append("plan", name, {"step": step}, data, datetime.now(timezone.utc))
    return f"{record.number} {record.hash}"


def say(words: str) -> None:
    sys.stdout.write(f"{words}\n")
    sys.stdout.flush()


def forever(target: str, name: str, report: int) -> None:
    with open_log(target) as log:
        step = 0
        while True:
            step += 1
            os.write(report, f"{append(log, name, step)}\n".encode())


def killed(target: str, times: int, seed: int) -> None:
    moments = random.Random(seed)
    with open_log(target):
        pass  # what must be imported is so before the first of them
    for life in range(times):
        reports, report = os.pipe()
        child = os.fork()
        if child == 0:
            os.close(reports)
            try:
                forever(target, f"life {life}", report)
            finally:
                os._exit(1)
        os.close(report)
        time.sleep(moments.uniform(0, LONGEST_S))
        os.kill(child, signal.SIGKILL)
        _, status = os.waitpid(child, 0)
        assert os.WIFSIGNALED(status), "it ended by itself"
        with os.fdopen(reports) as lines:
            say(lines.read() + "killed")


if __name__ == "__main__":
    what, where, *more = sys.argv[1:]
    if what == "append":
        with open_log(where, create=True) as shared:
            for count in range(int(more[1])):
                say(append(shared, more[0], count))
    else:
        killed(where, *map(int, more))
