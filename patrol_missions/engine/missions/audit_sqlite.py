"""The audit log in an SQLite file of its own."""

from __future__ import annotations

import ctypes
import os
import sqlite3
import struct
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from sqlalchemy import Connection

from patrol_missions.core.errors import InputError
from patrol_missions.engine.missions import audit_tables
from patrol_missions.engine.missions.audit_database import AUDIT_LOG, AuditDatabase
from patrol_missions.engine.storage.sqlite import SqliteFile

_TYPES = {"text": "TEXT", "integer": "INTEGER", "bytes": "BLOB"}
_OBJECTS = "SELECT type, name, sql FROM sqlite_master WHERE name NOT LIKE 'sqlite_stat%'"
_HERE, _BIRTH, _BIRTH_AT = -100, 0x800, 80  # of statx(2): AT_FDCWD, STATX_BTIME, and where the answer has it
# EXTRA is FULL and more: without a write-ahead log, an append lasts only once its journal is gone from the disk, too.
# The full sync is for macOS, where disks else say that they have written before they have.
_SETTINGS = ("synchronous = EXTRA", "fullfsync = ON", "checkpoint_fullfsync = ON", "foreign_keys = ON")


class AuditFile(SqliteFile, AuditDatabase):
    """An audit log's file, which is there, or may be made where its folder is."""

    def __init__(self, path: Path, *, create: bool) -> None:
        super().__init__(path, AUDIT_LOG, _SETTINGS, create=create)

    def make(self, connection: Connection) -> None:
        """Make tables and triggers."""
        self.check_new(connection)
        for statement in _statements():
            connection.exec_driver_sql(statement)

    def place(self, connection: Connection) -> str:
        """The file system's number for the file, and when it was made: they stay when it moves; copies have others."""
        del connection
        try:
            return f"file {self._path.stat().st_ino} {_birth(self._path)}".strip()
        except OSError as error:
            raise InputError(
                f"The audit log {self._path} is gone ({error.strerror}).",
                "See whether its drive is there; open it again.",
            ) from error

    def damages(self, connection: Connection) -> Iterator[str]:
        """Sentences on tables and triggers that are not as they were made, and on what SQLite itself finds."""
        wrong = [str(row[0]) for row in connection.exec_driver_sql("PRAGMA integrity_check")]
        if wrong != ["ok"]:
            yield f"SQLite finds the file {self._path} damaged ({'; '.join(wrong[0].splitlines())})."
        with closing(sqlite3.connect(":memory:")) as pristine:
            for statement in _statements():
                pristine.execute(statement)
            made = {f"{kind} {name}": sql for kind, name, sql in pristine.execute(_OBJECTS)}
        there = {f"{kind} {name}": sql for kind, name, sql in connection.exec_driver_sql(_OBJECTS)}
        yield from audit_tables.differences(made, there)


def _birth(path: Path) -> str:
    """When a file was made, where Linux tells: it gives the number of a file that is gone to the next one.

    The file must not be opened for that, since closing it would end all locks that this process has on it.
    """
    if sys.platform != "linux":
        return ""
    library = ctypes.CDLL(None)
    answer = ctypes.create_string_buffer(256)
    if not hasattr(library, "statx") or library.statx(_HERE, os.fsencode(path.absolute()), 0, _BIRTH, answer):
        return ""
    (known,) = struct.unpack_from("I", answer)
    second, nanosecond = struct.unpack_from("qI", answer, _BIRTH_AT)
    return f"{second}.{nanosecond:09d}" if known & _BIRTH else ""


def _statements() -> Iterator[str]:
    """All that makes the tables, and triggers that let nobody change or take away rows."""
    yield from audit_tables.making(_TYPES)
    for name, keys in audit_tables.KEYS.items():
        # What is inserted in the place of a row (INSERT OR REPLACE) fires no trigger of deletion.
        same = " OR ".join(" AND ".join(f"{key} = NEW.{key}" for key in each) for each in keys)
        for what, when in (
            ("UPDATE", ""),
            ("DELETE", ""),
            ("INSERT", f" WHEN EXISTS (SELECT 1 FROM {name} WHERE {same})"),  # nosec B608 - our own tables' names
        ):
            yield (
                f"CREATE TRIGGER {name}_{what.lower()} BEFORE {what} ON {name}{when} "
                f"BEGIN SELECT RAISE(ABORT, '{audit_tables.REFUSAL}'); END"
            )
