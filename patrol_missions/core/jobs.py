"""The job folder: what one run of the worker is asked (``job.json``) and what it answers (``result.json``)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from patrol_missions.core import tables
from patrol_missions.core.errors import WorkerError
from patrol_missions.core.messages import SCHEMA
from patrol_missions.core.tables import Table

_JOB = "job.json"
_RESULT = "result.json"


@dataclass(frozen=True)
class Job:
    """A request: the job's name, its JSON parameters and its input tables."""

    name: str
    parameters: Mapping[str, Any] = field(default_factory=dict)
    tables: Mapping[str, Table] = field(default_factory=dict)


@dataclass(frozen=True)
class JobResult:
    """An answer: JSON values, output tables, and files by their names within the job folder."""

    values: Mapping[str, Any] = field(default_factory=dict)
    tables: Mapping[str, Table] = field(default_factory=dict)
    files: Mapping[str, str] = field(default_factory=dict)


def write_job(folder: Path, job: Job) -> None:
    """Put a request into an existing, empty folder."""
    _write(folder, _JOB, "in", {"job": job.name, "parameters": dict(job.parameters)}, job.tables)


def read_job(folder: Path) -> Job:
    """Read the request in a folder."""
    document, found = _read(folder, _JOB)
    return Job(document["job"], document["parameters"], found)


def write_result(folder: Path, result: JobResult) -> None:
    """Put the answer beside the request; the document is written last, so its presence means it is whole."""
    _write(folder, _RESULT, "out", {"values": dict(result.values), "files": dict(result.files)}, result.tables)


def read_result(folder: Path) -> JobResult:
    """Read the answer in a folder."""
    document, found = _read(folder, _RESULT)
    return JobResult(document["values"], found, document["files"])


def _write(folder: Path, name: str, prefix: str, document: dict[str, Any], content: Mapping[str, Table]) -> None:
    saved = {key: tables.save(table, folder / f"{prefix}_{key}.npz") for key, table in content.items()}
    text = json.dumps({"schema": SCHEMA, **document, "tables": saved}, ensure_ascii=False, allow_nan=False)
    (folder / name).write_text(text, encoding="utf-8")


def _read(folder: Path, name: str) -> tuple[dict[str, Any], dict[str, Table]]:
    try:
        document = json.loads((folder / name).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise WorkerError(f"The file {name} of the job cannot be read ({error}).", "Run the step again.") from error
    if document.get("schema") != SCHEMA:
        raise WorkerError(
            f"The job was written in format {document.get('schema')}, and this version reads format {SCHEMA}.",
            "Restart QGIS so that both sides use the same version of the plugin.",
        )
    return document, {key: tables.load(folder, descriptor) for key, descriptor in document["tables"].items()}
