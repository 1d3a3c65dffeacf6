"""Something of ours in an SQLite file of its own."""

from __future__ import annotations

import ctypes
import re
import sqlite3
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.parse import quote

from sqlalchemy import Connection, QueuePool, create_engine, event, text

from patrol_missions.core.errors import InputError
from patrol_missions.engine.storage import database
from patrol_missions.engine.storage.database import DamagedError, Database, Kept

_WRITES = "patrol_writes"
_LOCAL = frozenset(
    {"apfs", "bcachefs", "btrfs", "exfat", "ext2", "ext3", "ext4", "f2fs", "jfs", "ntfs", "ntfs3", "overlay", "tmpfs"}
    | {"vfat", "xfs", "zfs"}
)
_LOCAL_DRIVES = (2, 3, 6)  # removable, fixed, RAM disk, as Windows counts them
_NOT_WRITABLE = ("readonly", "unable to open database file")
_DAMAGED = ("malformed", "corrupt", "no such", "file format", "codec")


class SqliteFile(Database):
    """A file that is there, or may be made where its folder is.

    :param settings: pragmas of every connection
    """

    def __init__(self, path: Path, kept: Kept, settings: Sequence[str], *, create: bool) -> None:
        self._path, self._settings = path, settings
        _check_path(path, kept, create=create)
        self._may_make = create
        engine = create_engine("sqlite://", creator=self._open, poolclass=QueuePool, hide_parameters=True)
        event.listen(engine, "begin", _begin)
        super().__init__(f"the file {path}", kept, engine)

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """One state to read from, whatever others write meanwhile."""
        with self._transaction() as connection:
            yield connection

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """A transaction during which nobody else writes; given up when anything is raised."""
        with self._transaction(**{_WRITES: True}) as connection:
            yield connection

    def check_new(self, connection: Connection) -> None:
        """Raise :class:`InputError` for a file that something else is in."""
        if connection.scalar(text("SELECT count(*) FROM sqlite_master")):
            raise InputError(
                f"The file {self._path} holds another database.",
                f"Give the {self._kept.name} a file of its own, with a new name.",
            )

    def _reached(self, error: BaseException) -> InputError:
        return self._told(error)

    def _told(self, error: BaseException) -> InputError:
        said, path, name = str(error), self._path, self._kept.name
        if "locked" in said or "busy" in said:
            return InputError(
                f"The {name} {path} is locked: another program has been writing to it for more than "
                f"{database.PATIENCE_S:g} s.",
                "Try again when it has finished.",
            )
        if "disk is full" in said:
            return InputError(f"The disk is full: the {name} {path} could not be written.", "Make room there.")
        if "disk I/O error" in said:
            return InputError(
                f"The {name} {path} could not be written or read: the disk is full, or faulty.",
                "Make room there; if there is enough, have the disk or the network drive looked at.",
            )
        if any(words in said for words in _NOT_WRITABLE):
            return InputError(
                f"The {name} {path} cannot be opened or written to: its file, folder or drive does not let you.",
                "Choose a file in a folder in which you may write.",
            )
        if "not a database" in said:
            return DamagedError(f"The file {path} is not {self._kept.a_name}.", "Choose another file.")
        if any(words in said for words in _DAMAGED):
            return DamagedError(
                f"The {name} {path} is damaged ({said}).",
                "Go on from an undamaged copy, and have this one looked at.",
            )
        return InputError(f"The {name} {path} cannot be used ({said}).", "See whether its drive is there.")

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
            timeout=database.PATIENCE_S,
            isolation_level=None,
            check_same_thread=False,
            uri=True,
        )
        try:
            connection.text_factory = _lenient
            self._choose_journal(connection)
            for setting in self._settings:
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
        """Whether there is more than the file itself holds."""
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


def _check_path(path: Path, kept: Kept, *, create: bool) -> None:
    try:
        is_folder, has_folder, is_there = path.is_dir(), path.parent.is_dir(), path.exists()
    except OSError as error:
        raise InputError(
            f"The {kept.name} {path} cannot be reached ({error.strerror}).", "Choose another file."
        ) from error
    if is_folder:
        raise InputError(f"The {kept.name} {path} is a folder.", "Choose a file.")
    if create and not has_folder:
        raise InputError(
            f"There is no folder {path.parent} for {kept.a_name}.", "Make it first, or choose another one."
        )
    if not create and not is_there:
        raise InputError(f"There is no {kept.name} {path}.", "Choose another file, or make a new one.")


def _begin(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE" if connection.get_execution_options().get(_WRITES) else "BEGIN")


def _lenient(stored: bytes) -> str:
    """Text that can be read whatever is stored; what was damaged differs all the same."""
    return stored.decode("utf-8", "surrogateescape")


def _uri(path: Path) -> str:
    posix = path.absolute().as_posix()
    return f"file://{'' if posix.startswith('/') else '/'}{quote(posix)}"
