"""Wall time, processor time and peak memory of a command and all of its children (Linux: sampled from /proc)."""

from __future__ import annotations

import os
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

_SAMPLE_S = 0.02
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True)
class Run:
    """What one run of a command took; ``peak_mb`` is the highest sum of resident memory of its process tree."""

    wall_s: float
    cpu_s: float
    peak_mb: float
    exit_code: int
    output: str


def measure(command: Sequence[str], env: Mapping[str, str] | None = None) -> Run:
    """Run a command to its end in a session of its own and measure the whole tree."""
    before = os.times()
    start = time.perf_counter()
    process = subprocess.Popen(
        command, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True
    )
    peak = 0
    done = threading.Event()

    def sample() -> None:
        nonlocal peak
        while not done.is_set():
            peak = max(peak, _tree_bytes(process.pid))
            done.wait(_SAMPLE_S)

    sampler = threading.Thread(target=sample, daemon=True)
    sampler.start()
    output, _ = process.communicate()
    wall = time.perf_counter() - start
    done.set()
    sampler.join()
    after = os.times()
    cpu = after.children_user - before.children_user + after.children_system - before.children_system
    return Run(wall, cpu, peak / 1e6, process.returncode, output)


def _tree_bytes(root: int) -> int:
    parents: dict[int, int] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
            except OSError:  # it ended between listing and reading
                continue
            parents[int(entry.name)] = int(fields[1])
    tree = {root}
    grown = True
    while grown:
        children = {pid for pid, parent in parents.items() if parent in tree} - tree
        tree |= children
        grown = bool(children)
    return sum(_resident_bytes(pid) for pid in tree)


def _resident_bytes(pid: int) -> int:
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * _PAGE_BYTES
    except OSError:
        return 0
