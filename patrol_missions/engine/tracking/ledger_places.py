"""Where a ledger is kept: an SQLite file, or PostgreSQL where several desktops share it."""

from __future__ import annotations

from pathlib import Path

from patrol_missions.engine.storage.database import Database, Kept, Target, is_address
from patrol_missions.engine.storage.postgres import PostgresDatabase
from patrol_missions.engine.storage.sqlite import SqliteFile, is_local

_LEDGER = Kept(
    "ledger",
    "a ledger",
    "Somebody wrote to the ledger in {} at the same moment.",
    "Write the same again.",
    "Write the same again: what is there already stays as it is.",
)
_TURN = 5_075_171_984  # number of the advisory lock that whoever writes takes: no other program's, most likely
_BATCHES_MAY_GO = "synchronous = NORMAL"
_ALL_IS_ON_THE_DISK = "synchronous = FULL"  # without a write-ahead log, less may damage the file
_FORGOTTEN_IS_GONE = "secure_delete = ON"


def database_of(target: Target, *, create: bool) -> Database:
    """The database at a target.

    In a file with a write-ahead log a batch that was written is safe when the program ends or is killed at any moment.
    When the computer itself loses power, the last batches since the last checkpoint of SQLite may be lost, in the order
    in which they came, and never a part of one; the file stays whole.
    """
    if is_address(target):
        return PostgresDatabase(str(target), _LEDGER, _TURN)
    path = Path(target)
    safety = _BATCHES_MAY_GO if is_local(path) else _ALL_IS_ON_THE_DISK
    return SqliteFile(path, _LEDGER, (safety, _FORGOTTEN_IS_GONE), create=create)
