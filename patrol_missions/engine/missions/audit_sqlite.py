"""The audit log in an SQLite file of its own."""

from __future__ import annotations

import ctypes
import os
import re
import sqlite3
import struct
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from urllib.parse import quote

from sqlalchemy import Connection, QueuePool, create_engine, event, text

from patrol_missions.core.errors import InputError
from patrol_missions.engine.missions import audit_database, audit_tables
from patrol_missions.engine.missions.audit_database import DamagedError, Database

_TYPES = {"text": "TEXT", "integer": "INTEGER", "bytes": "BLOB"}
_WRITES = "audit_writes"
_LOCAL = frozenset(
    {"apfs", "bcachefs", "btrfs", "exfat", "ext2", "ext3", "ext4", "f2fs", "jfs", "ntfs", "ntfs3", "overlay", "tmpfs"}
    | {"vfat", "xfs", "zfs"}
)
_OBJECTS = "SELECT type, name, sql FROM sqlite_master WHERE name NOT LIKE 'sqlite_stat%'"
_LOCAL_DRIVES = (2, 3, 6)  # removable, fixed, RAM disk, as Windows counts them
_HERE, _BIRTH, _BIRTH_AT = -100, 0x800, 80  # of statx(2): AT_FDCWD, STATX_BTIME, and where the answer has it
# EXTRA is FULL and more: without a write-ahead log, an append lasts only once its journal is gone from the disk, too.
# The full sync is for macOS, where disks else say that they have written before they have.
_SETTINGS = ("synchronous = EXTRA", "fullfsync = ON", "checkpoint_fullfsync = ON", "foreign_keys = ON")
_NOT_WRITABLE = ("readonly", "unable to open database file")
_DAMAGED = ("malformed", "corrupt", "no such", "file format", "codec")


class SqliteFile(Database):
    """An audit log's file, which is there, or may be made where its folder is."""

    def __init__(self, path: Path, *, create: bool) -> None:
        self._path = path
        _check_path(path, create=create)
        self._may_make = create
        engine = create_engine("sqlite://", creator=self._open, poolclass=QueuePool, hide_parameters=True)
        event.listen(engine, "begin", _begin)
        super().__init__(f"the file {path}", engine)

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """One state of the log to read from, whatever others write meanwhile."""
        with self._transaction() as connection:
            yield connection

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """A transaction during which nobody else writes; given up when anything is raised."""
        with self._transaction(**{_WRITES: True}) as connection:
            yield connection

    def make(self, connection: Connection) -> None:
        """Make tables and triggers."""
        if connection.scalar(text("SELECT count(*) FROM sqlite_master")):
            raise InputError(
                f"The file {self._path} holds another database.",
                "Give the audit log a file of its own, with a new name.",
            )
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

    def _reached(self, error: BaseException) -> InputError:
        return self._told(error)

    def _told(self, error: BaseException) -> InputError:
        said, path = str(error), self._path
        if "locked" in said or "busy" in said:
            return InputError(
                f"The audit log {path} is locked: another program has been writing to it for more than "
                f"{audit_database.PATIENCE_S:g} s.",
                "Try again when it has finished.",
            )
        if "disk is full" in said:
            return InputError(f"The disk is full: the audit log {path} could not be written.", "Make room there.")
        if "disk I/O error" in said:
            return InputError(
                f"The audit log {path} could not be written or read: the disk is full, or faulty.",
                "Make room there; if there is enough, have the disk or the network drive looked at.",
            )
        if any(words in said for words in _NOT_WRITABLE):
            return InputError(
                f"The audit log {path} cannot be opened or written to: its file, folder or drive does not let you.",
                "Choose a file in a folder in which you may write.",
            )
        if "not a database" in said:
            return DamagedError(f"The file {path} is not an audit log.", "Choose another file.")
        if any(words in said for words in _DAMAGED):
            return DamagedError(
                f"The audit log {path} is damaged ({said}).",
                "Go on from an undamaged copy, and have this one looked at.",
            )
        return InputError(f"The audit log {path} cannot be used ({said}).", "See whether its drive is there.")

    def _open(self) -> sqlite3.Connection:
        """A connection; to a file in a place that cannot be written to, one that takes it for unchanging."""
        try:
            return self._connect(f"mode={'rwc' if self._may_make else 'rw'}")
        except sqlite3.OperationalError as error:
            if self._is_pending() or not any(words in str(error) for words in _NOT_WRITABLE):
                raise
            return self._connect("immutable=1")

    def _connect(self, how: str) -> sqlite3.Connection:
        connection = sqlite3.connect(
            f"{_uri(self._path)}?{how}",
            timeout=audit_database.PATIENCE_S,
            isolation_level=None,
            check_same_thread=False,
            uri=True,
        )
        try:
            connection.text_factory = _lenient
            self._choose_journal(connection)
            for setting in _SETTINGS:
                connection.execute(f"PRAGMA {setting}")
            connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
        except BaseException:
            connection.close()
            raise
        return connection

    def _choose_journal(self, connection: sqlite3.Connection) -> None:
        """A write-ahead log only on a drive of this computer's own, which alone lets processes share memory."""
        if not is_local(self._path):
            connection.execute("PRAGMA journal_mode = DELETE")
        elif self._may_make and not self._path.stat().st_size:
            with suppress(sqlite3.OperationalError):  # somebody else is making it at this moment
                connection.execute("PRAGMA journal_mode = WAL")

    def _is_pending(self) -> bool:
        """Whether there is more of the log than the file itself holds."""
        waiting = [self._path.with_name(f"{self._path.name}-{end}") for end in ("wal", "journal")]
        return any(each.exists() and each.stat().st_size > 0 for each in waiting)


def is_local(path: Path) -> bool:
    """Whether a file is on a drive of this computer's own, as far as the system says."""
    whole = path.resolve()
    if sys.platform == "win32":
        return ctypes.windll.kernel32.GetDriveTypeW(whole.drive.rstrip("\\") + "\\") in _LOCAL_DRIVES
    mounts = Path("/proc/self/mounts")
    if not mounts.exists():
        return False
    kinds = {}
    for line in mounts.read_text(encoding="utf-8", errors="surrogateescape").splitlines():
        _, folder, kind, *_ = line.split(" ")
        kinds[re.sub(r"\\([0-7]{3})", lambda found: chr(int(found[1], 8)), folder)] = kind
    return next((kinds[str(each)] for each in (whole, *whole.parents) if str(each) in kinds), "") in _LOCAL


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


def _check_path(path: Path, *, create: bool) -> None:
    try:
        is_folder, has_folder, is_there = path.is_dir(), path.parent.is_dir(), path.exists()
    except OSError as error:
        raise InputError(
            f"The audit log {path} cannot be reached ({error.strerror}).", "Choose another file."
        ) from error
    if is_folder:
        raise InputError(f"The audit log {path} is a folder.", "Choose a file.")
    if create and not has_folder:
        raise InputError(f"There is no folder {path.parent} for an audit log.", "Make it first, or choose another one.")
    if not create and not is_there:
        raise InputError(f"There is no audit log {path}.", "Choose another file, or make a new log.")


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


def _begin(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE" if connection.get_execution_options().get(_WRITES) else "BEGIN")


def _lenient(stored: bytes) -> str:
    """Text that can be read whatever is stored; what was damaged differs all the same."""
    return stored.decode("utf-8", "surrogateescape")


def _uri(path: Path) -> str:
    posix = path.absolute().as_posix()
    return f"file://{'' if posix.startswith('/') else '/'}{quote(posix)}"
