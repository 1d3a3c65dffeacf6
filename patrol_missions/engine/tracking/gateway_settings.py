"""The gateway's settings: a JSON file, so that it runs without a desktop, too; and the lock on its run folder."""

from __future__ import annotations

import json
import os
import secrets
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, TypeVar

from patrol_missions.core.errors import InputError
from patrol_missions.engine.tracking.fixes import Belief
from patrol_missions.engine.tracking.ledger import KEPT_DAYS
from patrol_missions.engine.tracking.limits import Limits
from patrol_missions.engine.tracking.stays import Rules
from patrol_missions.engine.tracking.timers import Mission
from patrol_missions.engine.tracking.tracker import Alarms

LOCK, TOKEN, DOOR = "gateway.lock", "gateway.token", "gateway.json"
"""Files in the run folder: whose it is, what clients must know, and where they find the gateway."""

_SEE = "See “The gateway” in live.md."
_Numbers = TypeVar("_Numbers", Rules, Belief, Alarms)


@dataclass(frozen=True)
class Settings:
    """All that a gateway is told when it starts.

    :param folder: run folder: lock, token, log and the port for clients
    :param crs: of the grid, projected, in metres
    :param ledger: an SQLite file, or the address of a PostgreSQL database
    :param sources: settings of each source, with ``kind`` and ``name``
    :param host, port: where clients connect; port 0 is any that is free
    :param checkpoint_s: how often what is known of each unit is kept
    :param keep_days: for so long the ledger keeps reports, notes and the units of stays
    """

    folder: Path
    crs: str
    ledger: str
    rules: Rules = field(default_factory=Rules)
    belief: Belief = field(default_factory=Belief)
    alarms: Alarms = field(default_factory=Alarms)
    limits: Limits = field(default_factory=Limits)
    sources: tuple[Mapping[str, Any], ...] = ()
    missions: tuple[Mission, ...] = ()
    token_file: Path | None = None
    host: str = "127.0.0.1"
    port: int = 0
    checkpoint_s: float = 60.0
    keep_days: float = KEPT_DAYS

    @classmethod
    def read(cls, path: Path) -> Settings:
        """Settings from a file.

        :raises InputError: it cannot be read, or something in it is wrong
        """
        given = read_json(path)
        if not isinstance(given, dict):
            raise InputError(f"{path} holds no object of settings.", _SEE)
        unknown = set(given) - {*(each.name for each in fields(cls)), "grid"} - {"crs"}
        if unknown:
            raise InputError(f"The gateway has no setting “{min(unknown)}”.", _SEE)
        grid = _part(given, "grid", dict)
        size = {"size_m": grid["size_m"]} if "size_m" in grid else {}
        token_file = _part(given, "token_file", str)
        sources = _part(given, "sources", list)
        if not all(isinstance(each, dict) for each in sources):
            raise InputError("The setting “sources” has to be a list of objects.", _SEE)
        return cls(
            Path(_needed(given, "folder")),
            _needed(grid, "crs"),
            _needed(given, "ledger"),
            _numbers(Rules, {**_part(given, "rules", dict), **size}),
            _numbers(Belief, _part(given, "belief", dict)),
            _numbers(Alarms, _part(given, "alarms", dict)),
            Limits.read(_part(given, "limits", dict)),
            tuple(sources),
            missions_of(given.get("missions") or [], path.parent),
            Path(token_file) if token_file else None,
            str(given.get("host", cls.host)),
            int(_number(given, "port", cls.port)),
            _number(given, "checkpoint_s", cls.checkpoint_s),
            _number(given, "keep_days", cls.keep_days),
        )


def read_json(path: Path) -> Any:
    """What a file holds.

    :raises InputError: it cannot be read
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror or error}).", _SEE) from error
    except ValueError as error:
        raise InputError(f"{path} is no JSON file ({error}).", _SEE) from error


def missions_of(given: Any, beside: Path = Path()) -> tuple[Mission, ...]:
    """Missions from a list of objects, or from the file that has it.

    :raises InputError: one of them lacks something
    """
    rows = read_json(beside / given) if isinstance(given, str) else given
    try:
        return tuple(Mission.of(row) for row in rows)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise InputError(
            f"The missions cannot be read ({type(error).__name__}: {error}).",
            "Each needs mission_id, cells (pairs of column and row), start and end (seconds since 1970 UTC).",
        ) from error


def _part(given: Mapping[str, Any], name: str, kind: type) -> Any:
    value = given.get(name, kind())
    if not isinstance(value, kind):
        words = "an object" if kind is dict else "a list" if kind is list else "a text"
        raise InputError(f"The setting “{name}” has to be {words}.", _SEE)
    return value


def _needed(given: Mapping[str, Any], name: str) -> str:
    value = given.get(name)
    if not isinstance(value, str) or not value:
        raise InputError(f"The setting “{name}” is missing.", _SEE)
    return value


def _number(given: Mapping[str, Any], name: str, default: float) -> float:
    value = given.get(name, default)
    if not isinstance(value, (int, float)) or isinstance(value, bool) or value < 0:
        raise InputError(f"The setting “{name}” cannot be {value!r}.", _SEE)
    return value


def _numbers(cls: type[_Numbers], given: Mapping[str, Any]) -> _Numbers:
    defaults = {each.name: each.default for each in fields(cls)}
    for name in given:
        if name not in defaults:
            raise InputError(f"There is no setting “{name}”; there are {', '.join(defaults)}.", _SEE)
        if _number(given, name, 0) == 0:
            raise InputError(f"The setting “{name}” has to be more than 0.", _SEE)
    return cls(**given)


# --- the run folder


@contextmanager
def owned(folder: Path) -> Iterator[None]:
    """Hold a run folder, so that no second gateway runs in it; the system lets go of it however the process ends.

    :raises InputError: another gateway has it, or it cannot be written
    """
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        lock = (folder / LOCK).open("a+b")
    except OSError as error:
        raise InputError(
            f"The run folder {folder} cannot be used ({error.strerror or error}).", "Choose another one."
        ) from error
    with lock:
        try:
            _lock(lock.fileno())
        except OSError as error:
            lock.seek(0)
            holder = lock.read(20).decode("ascii", "replace").strip()
            raise InputError(
                f"A gateway (process {holder}) runs in {folder} already.", "Connect to it, or end it first."
            ) from error
        lock.truncate(0)
        lock.write(f"{os.getpid()}\n".encode())
        lock.flush()
        yield


def _lock(descriptor: int) -> None:
    if sys.platform == "win32":
        import msvcrt

        os.lseek(descriptor, 1 << 20, os.SEEK_SET)  # beyond what is written, which others may still read
        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
    else:
        import fcntl

        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)


def write_private(path: Path, text: str) -> None:
    """Write a file that nobody else may read; whoever looks finds the old one or the new one, whole."""
    partial = path.with_name(f".{path.name}.part")
    partial.unlink(missing_ok=True)
    descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
    partial.replace(path)


def token_of(settings: Settings) -> str:
    """What clients must say first; made if there is none yet.

    :raises InputError: the file cannot be read, or is empty
    """
    path = settings.token_file or settings.folder / TOKEN
    try:
        if not path.exists():
            write_private(path, secrets.token_urlsafe(32))
        token = path.read_text(encoding="utf-8").strip()
    except OSError as error:
        raise InputError(f"The token file {path} cannot be used ({error.strerror or error}).", _SEE) from error
    if len(token) < 16:
        raise InputError(f"The token in {path} is too short.", "Delete the file, and a new one is made.")
    return token
