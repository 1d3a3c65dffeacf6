"""The plan file: all that a plan was made from, and what came of it, in one sealed file.

``plan.json`` has the request's parameters, the result's figures and the versions of what reckoned; ``in/<table>/`` and
``out/<table>/`` hold the tables' columns as NumPy's plain arrays. So a plan can be made again years later without any
other file, and held against what it was.
"""

from __future__ import annotations

import hashlib
import io
import json
import platform
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import scipy

from patrol_missions import __version__
from patrol_missions.core.tables import Table
from patrol_missions.engine.data.sealed import BROKEN, Format

SCHEMA = 1
"""Version of the file's format."""

FORMAT = Format(
    "patrol missions plan",
    SCHEMA,
    "plan.json",
    "plan",
    "Choose a plan file that Allocate missions made.",
    "Make the plan again",
)


def versions() -> dict[str, str]:
    """What numbers come from."""
    return {
        "patrol_missions": __version__,
        "python": platform.python_version(),
        "numpy": np.__version__,
        "scipy": scipy.__version__,
        "machine": platform.machine(),
    }


@dataclass(frozen=True)
class PlanFile:
    """A plan with its request.

    :param parameters: of the job that made it
    :param tables: that it was made from
    :param values: figures that came of it
    :param results: tables that came of it
    :param versions: of what reckoned
    """

    parameters: Mapping[str, Any]
    tables: Mapping[str, Table]
    values: Mapping[str, Any]
    results: Mapping[str, Table]
    versions: Mapping[str, str] = field(default_factory=versions)

    def pack(self) -> bytes:
        """The file; the same plan gives the same bytes where the same versions reckoned."""
        document = {
            "request": {"parameters": dict(self.parameters), "tables": _labels(self.tables)},
            "result": {"values": dict(self.values), "tables": _labels(self.results)},
            "versions": dict(self.versions),
        }
        return FORMAT.pack(document, {**_columns("in", self.tables), **_columns("out", self.results)})

    @classmethod
    def unpack(cls, content: bytes, name: str) -> PlanFile:
        """Read a plan file; :class:`InputError` says what is wrong with it.

        :param name: what sentences call it
        """
        document, files = FORMAT.unpack(content, name)
        try:
            request, result = document["request"], document["result"]
            return cls(
                request["parameters"],
                _tables("in", request["tables"], files),
                result["values"],
                _tables("out", result["tables"], files),
                document["versions"],
            )
        except BROKEN as error:
            raise FORMAT.damaged(name) from error

    def fingerprint(self, what: str) -> str:
        """SHA-256 of the request (``in``) or of the result (``out``), whatever the file was compressed with."""
        tables, values = (self.tables, self.parameters) if what == "in" else (self.results, self.values)
        digest = hashlib.sha256(_canonical({"values": dict(values), "labels": _labels(tables)}))
        for name, data in sorted(_columns(what, tables).items()):
            digest.update(f"{name}:{len(data)};".encode())
            digest.update(data)
        return digest.hexdigest()


def differences(one: PlanFile, other: PlanFile) -> list[str]:
    """What sets two results apart, in sentences; none when they are the same to the byte."""
    said = []
    for name in sorted({*one.results, *other.results}):
        before, after = one.results.get(name), other.results.get(name)
        if before is None or after is None:
            said.append(f"The table “{name}” is in one of the two only.")
        else:
            said += _table_differences(name, before, after)
    changed = sorted(
        name for name in {*one.values, *other.values} if _told(one.values, name) != _told(other.values, name)
    )
    if changed:
        said.append(f"Other figures: {', '.join(changed)}.")
    return said


def _table_differences(name: str, before: Table, after: Table) -> list[str]:
    if len(before) != len(after):
        return [f"The table “{name}” had {len(before)} rows and has {len(after)}."]
    said = []
    for column in [*before.columns, *(each for each in after.columns if each not in before)]:
        if column not in before or column not in after:
            said.append(f"“{column}” of the table “{name}” is in one of the two only.")
            continue
        same_bytes = before[column].dtype == after[column].dtype and before[column].tobytes() == after[column].tobytes()
        if same_bytes and before.labels.get(column) == after.labels.get(column):
            continue
        one, two = before.text(column), after.text(column)
        off = np.asarray(one != two, dtype=bool)
        if before[column].dtype.kind == "f" and after[column].dtype.kind == "f":
            off &= ~(np.isnan(before[column]) & np.isnan(after[column]))
        count = int(off.sum())
        size = ""
        if count and before[column].dtype.kind == "f" and after[column].dtype.kind == "f":
            size = f", by {np.nanmax(np.abs(one[off].astype(float) - two[off].astype(float))):.1g} at most"
        said.append(f"“{column}” of the table “{name}” differs in {count} of {len(before)} rows{size}.")
    return said


def _told(values: Mapping[str, Any], name: str) -> bytes:
    return _canonical(values[name]) if name in values else b""


def _canonical(value: Any) -> bytes:
    return json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()


def _labels(tables: Mapping[str, Table]) -> dict[str, Any]:
    """What of the tables goes into the document: their columns in order, and labels."""
    return {
        name: {"columns": list(table.columns), "labels": {each: list(texts) for each, texts in table.labels.items()}}
        for name, table in tables.items()
    }


def _columns(prefix: str, tables: Mapping[str, Table]) -> dict[str, bytes]:
    return {
        f"{prefix}/{name}/{number}.npy": _to_bytes(values)
        for name, table in tables.items()
        for number, values in enumerate(table.columns.values())
    }


def _tables(prefix: str, described: Mapping[str, Any], files: Mapping[str, bytes]) -> dict[str, Table]:
    found = {}
    for name, each in described.items():
        columns = {
            column: _from_bytes(files[f"{prefix}/{name}/{number}.npy"]) for number, column in enumerate(each["columns"])
        }
        found[name] = Table(columns, {column: tuple(texts) for column, texts in each["labels"].items()})
    return found


def _to_bytes(values: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    np.lib.format.write_array(buffer, np.ascontiguousarray(values), version=(1, 0), allow_pickle=False)
    return buffer.getvalue()


def _from_bytes(data: bytes) -> np.ndarray:
    return np.asarray(np.lib.format.read_array(io.BytesIO(data), allow_pickle=False))
