"""Whole jobs side by side on a cluster, such as the training of a model for each of many jurisdictions.

    python -m patrol_missions.engine.cluster_jobs tcp://host:8786 jobs/north jobs/south

Each folder holds a job as :func:`patrol_missions.core.jobs.write_job` writes it, and gets its answer as a worker of
QGIS would give it: ``result.json``, tables and files.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from patrol_missions.core import messages
from patrol_missions.core.errors import PatrolError
from patrol_missions.core.jobs import Job, JobResult, read_job, write_result
from patrol_missions.engine import cluster, jobs
from patrol_missions.engine.context import JobContext


def main(arguments: Sequence[str] | None = None) -> int:
    """Do the jobs of some folders; 0 when all went well. One that fails does not hold up the others."""
    address, *folders = sys.argv[1:] if arguments is None else arguments
    failed = 0
    with cluster.reach(address) as helping:
        if helping is None:
            raise SystemExit("The first argument is the address of a scheduler, such as tcp://host:8786.")
        pending = [(Path(folder), helping.start(partial(do, read_job(Path(folder))))) for folder in folders]
        for folder, each in pending:
            try:
                result, files, said = each.result()
            except PatrolError as error:
                sys.stderr.write(f"{folder}: {error}\n")
                failed += 1
                continue
            for name, content in files.items():
                (folder / name).write_bytes(content)
            write_result(folder, result)
            sys.stderr.write("".join(f"{folder}: {text}\n" for text in [*said, "Done."]))
    return 1 if failed else 0


def do(job: Job) -> tuple[JobResult, dict[str, bytes], list[str]]:
    """A job's answer, the files in it, and what there was to warn of; with one thread and no further cluster."""
    said: list[str] = []

    def hear(message: Any) -> None:
        if isinstance(message, messages.Warning):
            said.append(message.text)

    parameters = {**job.parameters, "threads": 1, "scheduler": ""}
    with TemporaryDirectory(prefix="patrol_missions_") as folder:
        result = jobs.find(job.name)(parameters, job.tables, JobContext(Path(folder), hear))
        files = {name: (Path(folder) / name).read_bytes() for name in result.files.values()}
    return result, files, said


if __name__ == "__main__":
    raise SystemExit(main())
