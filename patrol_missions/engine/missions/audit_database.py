"""What the audit log needs of the database that it is kept in, whichever it is."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Connection, Engine, inspect
from sqlalchemy.exc import DBAPIError, IntegrityError

from patrol_missions.core.errors import InputError
from patrol_missions.engine.missions import audit_tables

PATIENCE_S = 10.0
"""How long to wait for others who write, and for a server that does not answer."""


class DamagedError(InputError):
    """The database is not what was made."""


_FAULTS = (DBAPIError, UnicodeError)  # the latter where text is damaged, be it in what the database says of that


class Database(ABC):
    """A database as the audit log sees it.

    :param name: what people call it, such as ``the database “police” on db.example.org``
    """

    def __init__(self, name: str, engine: Engine) -> None:
        self.name = name
        self._engine = engine

    def close(self) -> None:
        """Let go of it."""
        self._engine.dispose()

    @abstractmethod
    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """One state of the log to read from, whatever others write meanwhile."""

    @abstractmethod
    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """A transaction during which nobody else writes; given up when anything is raised."""

    @abstractmethod
    def make(self, connection: Connection) -> None:
        """Make tables and triggers."""

    @abstractmethod
    def place(self, connection: Connection) -> str:
        """Where this database is, in words that a copy of it does not share."""

    @abstractmethod
    def damages(self, connection: Connection) -> Iterator[str]:
        """Sentences on tables and triggers that are not as they were made, and on what the database itself finds."""

    @abstractmethod
    def _reached(self, error: BaseException) -> InputError:
        """Why the database could not be reached."""

    @abstractmethod
    def _told(self, error: BaseException) -> InputError:
        """What went wrong with a statement."""

    def has_log(self, connection: Connection) -> bool:
        """Whether there is a log in it."""
        return inspect(connection).has_table(audit_tables.LOG.name)

    def lives(self, place: str, here: str) -> bool:
        """Whether two answers of :meth:`place` may be of one database; not everybody is told more than two words."""
        mine, theirs = place.split(), here.split()
        return mine[:2] == theirs[:2] and all(one == other for one, other in zip(mine, theirs))

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
            raise InputError(
                f"Somebody published to the audit log in {self.name} at the same moment.",
                "Look at it, and publish again.",
            ) from error
        except _FAULTS as error:
            raise self._told(getattr(error, "orig", error)) from error
