"""Jobs that go wrong in every way a job can, for the tests of the wall; they run in a real worker."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import time
import warnings

import numpy as np

from patrol_missions.core.errors import InputError
from patrol_missions.core.jobs import JobResult
from patrol_missions.core.tables import Table


def echo(parameters, tables, context):
    """Everything a job may say, and all kinds of answers."""
    half = context.part(0.5, 1.0)
    context.progress(0.25, "First step")
    context.log("a line")
    context.warning("careful")
    half.progress(0.5, "Second step")
    (context.folder / "report.html").write_text("<p>“done”</p>", encoding="utf-8")
    return JobResult({"parameters": parameters}, tables, {"report": "report.html"})


def noisy(parameters, tables, context):
    """What libraries print, by every way there is, among messages."""
    for number in range(50):
        print("print", number)  # noqa: T201
        context.progress(number / 50)
    os.write(1, b"half a line")
    os.write(1, b"\xff\xfe binary \x00 \n")
    subprocess.run(["echo", "a child's words"], check=True)
    print("to stderr", file=sys.stderr)  # noqa: T201
    warnings.warn("an old way of doing it", stacklevel=1)
    return JobResult({"done": True})


def flood(parameters, tables, context):
    for number in range(20_000):
        print("line", number)  # noqa: T201
        context.progress(number / 20_000)
    return JobResult({"done": True})


def forever(parameters, tables, context):
    child = subprocess.Popen(["sleep", "600"])
    context.progress(0.1, f"pids {os.getpid()} {child.pid} {context.folder}")
    while True:
        time.sleep(0.01)


def deaf(parameters, tables, context):
    """Does not end when asked to."""
    import signal

    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    forever(parameters, tables, context)


def greedy(parameters, tables, context):
    resource.setrlimit(resource.RLIMIT_AS, (2 << 30, 2 << 30))
    return JobResult({"sum": float(np.ones(1 << 40, dtype=np.uint8).sum())})


def full_disk(parameters, tables, context):
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))
    return JobResult(tables={"large": Table({"x": np.arange(10_000)})})


def broken(parameters, tables, context):
    return 1 / 0


def refusing(parameters, tables, context):
    raise InputError("The table is empty.", "Give one with rows.")


def leaving(parameters, tables, context):
    sys.exit("as a script would")


def vanishing(parameters, tables, context):
    print("last words", file=sys.stderr, flush=True)  # noqa: T201
    os._exit(7)


def crashing(parameters, tables, context):
    os.abort()


def surroundings(parameters, tables, context):
    return JobResult({"environment": dict(os.environ), "path": sys.path, "isolated": sys.flags.isolated})


def unreadable(parameters, tables, context):
    return JobResult({"number": float("nan")})


NAMES = [name for name, job in list(globals().items()) if getattr(job, "__module__", "") == __name__]
