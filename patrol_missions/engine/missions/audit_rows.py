"""The audit log's records and attachments as rows of its tables, and back."""

from __future__ import annotations

import hashlib
import json
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, func, select

from patrol_missions.core.errors import InputError
from patrol_missions.engine.missions import audit
from patrol_missions.engine.missions.audit import Record
from patrol_missions.engine.missions.audit_tables import ATTACHED, ATTACHMENTS, RECORDS

_AT_ONCE = 8  # attachments in memory


@dataclass(frozen=True)
class Packed:
    """An attachment as it is stored: SHA-256 of its plain bytes, that of the compressed ones, and these."""

    sha256: object
    stored_sha256: object
    data: object

    @classmethod
    def of(cls, plain: bytes) -> Packed:
        """What to store."""
        data = zlib.compress(plain)
        return cls(hashlib.sha256(plain).hexdigest(), hashlib.sha256(data).hexdigest(), data)

    def unpacked(self) -> bytes | None:
        """The plain bytes, None where they are not what was written."""
        if not isinstance(self.data, bytes) or hashlib.sha256(self.data).hexdigest() != self.stored_sha256:
            return None
        try:
            plain = zlib.decompress(self.data)
        except zlib.error:
            return None
        return plain if hashlib.sha256(plain).hexdigest() == self.sha256 else None


def head(connection: Connection) -> Record | None:
    """The last record, None where there is none."""
    last = select(func.max(RECORDS.c.number)).scalar_subquery()
    found = records(connection, RECORDS.c.number == last)
    return found[0][0] if found else None


def records(connection: Connection, *which: Any) -> list[tuple[Record, bool]]:
    """Records by their numbers, and whether each is stored in the way in which this version writes it."""
    attachments: dict[int, dict[str, str]] = {}
    for number, name, sha256 in connection.execute(
        select(ATTACHED.c.number, ATTACHED.c.name, ATTACHED.c.sha256)
        .join_from(ATTACHED, RECORDS, ATTACHED.c.number == RECORDS.c.number)
        .where(*which)
    ):
        attachments.setdefault(number, {})[str(name)] = str(sha256)
    rows = connection.execute(select(RECORDS).where(*which).order_by(RECORDS.c.number))
    names = list(rows.keys())
    return [_read(dict(zip(names, row)), attachments.get(row.number, {})) for row in rows]


def _read(row: Mapping[str, Any], attachments: Mapping[str, str]) -> tuple[Record, bool]:
    try:
        content = json.loads(row["content"])
    except (TypeError, ValueError, RecursionError):
        content = None
    if not isinstance(content, dict):
        content = {"unreadable": str(row["content"])}
    texts = {name: str(value) for name, value in row.items() if name not in ("number", "content")}
    number = row["number"] if isinstance(row["number"], int) else 0
    record = Record(number=number, content=content, attachments=attachments, **texts)
    try:
        return record, columns(record) == dict(row)
    except InputError:  # nothing that was ever written
        return record, False


def columns(record: Record) -> dict[str, Any]:
    """What is stored of a record, but for its attachments."""
    fields = {name: value for name, value in vars(record).items() if name != "attachments"}
    return {**fields, "content": audit.canonical(record.content)}


def strays(connection: Connection) -> Iterator[int]:
    """Numbers of records that are not there and have attachments all the same."""
    there = select(RECORDS.c.number)
    yield from connection.scalars(select(ATTACHED.c.number).where(ATTACHED.c.number.not_in(there)).distinct())


def hashes(connection: Connection) -> Iterator[tuple[str, str]]:
    """What each attachment is kept under, and SHA-256 of what it is, blank where it cannot be read."""
    for row in connection.execute(select(ATTACHMENTS).execution_options(yield_per=_AT_ONCE)):
        key = str(row.sha256)
        yield key, key if Packed(*row).unpacked() is not None else ""
