"""A database that something of ours is kept in, whichever it is: who may write when, and every fault a sentence."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Union

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError, IntegrityError

from patrol_missions.core.errors import InputError

PATIENCE_S = 10.0
"""How long to wait for others who write, and for a server that does not answer."""


Target = Union[str, Path]
"""An SQLite file, or an address such as ``postgresql://host/database``."""


class DamagedError(InputError):
    """The database is not what was made."""


@dataclass(frozen=True)
class Kept:
    """What is kept in a database, as sentences name it.

    :param name: such as ``audit log``
    :param a_name: the same with its article
    :param clash: what happened when a key was there already; ``{}`` is the database
    :param after_clash: what to do then
    :param after_loss: what to do when the connection was lost in the middle
    """

    name: str
    a_name: str
    clash: str
    after_clash: str
    after_loss: str


def is_address(target: Target) -> bool:
    """Whether a target is on a server."""
    return isinstance(target, str) and "://" in target


_FAULTS = (DBAPIError, UnicodeError)  # the latter where text is damaged, be it in what the database says of that


class Database(ABC):
    """A database as those see it who keep something in it.

    :param name: what people call it, such as ``the database “police” on db.example.org``
    """

    def __init__(self, name: str, kept: Kept, engine: Engine) -> None:
        self.name = name
        self._kept, self._engine = kept, engine

    def close(self) -> None:
        """Let go of it."""
        self._engine.dispose()

    @abstractmethod
    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """One state to read from, whatever others write meanwhile."""

    @abstractmethod
    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """A transaction during which nobody else writes; given up when anything is raised."""

    @abstractmethod
    def check_new(self, connection: Connection) -> None:
        """Raise :class:`InputError` where our tables cannot be made."""

    @abstractmethod
    def _reached(self, error: BaseException) -> InputError:
        """Why the database could not be reached."""

    @abstractmethod
    def _told(self, error: BaseException) -> InputError:
        """What went wrong with a statement."""

    @contextmanager
    def _transaction(self, **options: object) -> Iterator[Connection]:
        """A transaction; what the database says against it becomes a sentence."""
        try:
            connection = self._engine.connect()
        except (*_FAULTS, OSError) as error:
            raise self._reached(getattr(error, "orig", error)) from error
        try:
            with connection, connection.execution_options(**options).begin():
                yield connection
        except IntegrityError as error:  # the keys hold even where locks do not, as on some network drives
            raise InputError(self._kept.clash.format(self.name), self._kept.after_clash) from error
        except _FAULTS as error:
            raise self._told(getattr(error, "orig", error)) from error
