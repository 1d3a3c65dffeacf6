"""Forks a process that works without end, kills it at a random moment, and again; says what each reported before."""

from __future__ import annotations

import os
import random
import signal
import sys
import time
from collections.abc import Callable

END = "killed\n"
"""Stands after what each life reported; no hash ends with it."""


def say(words: str) -> None:
    """Print a line that whoever reads has at once."""
    sys.stdout.write(f"{words}\n")
    sys.stdout.flush()


def kill_again_and_again(work: Callable[[str, int], None], times: int, seed: int, longest_s: float) -> None:
    """Start so many lives, one after the other, and kill each.

    :param work: takes the life's name and a file descriptor to report to, and never ends by itself
    :param longest_s: no life is longer
    """
    moments = random.Random(seed)
    for life in range(times):
        reports, report = os.pipe()
        child = os.fork()
        if child == 0:
            os.close(reports)
            try:
                work(f"life {life}", report)
            finally:
                os._exit(1)
        os.close(report)
        time.sleep(moments.uniform(0, longest_s))
        os.kill(child, signal.SIGKILL)
        _, status = os.waitpid(child, 0)
        assert os.WIFSIGNALED(status), "it ended by itself"
        with os.fdopen(reports) as lines:
            say(lines.read() + END.strip())
