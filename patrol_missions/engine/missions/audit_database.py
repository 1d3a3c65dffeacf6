"""What the audit log needs of the database that it is kept in, whichever it is."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator

from sqlalchemy import Connection, inspect

from patrol_missions.engine.missions import audit_tables
from patrol_missions.engine.storage.database import Database, Kept

AUDIT_LOG = Kept(
    "audit log",
    "an audit log",
    "Somebody published to the audit log in {} at the same moment.",
    "Look at it, and publish again.",
    "Look whether the record is in the log before you publish again.",
)


class AuditDatabase(Database):
    """A database as the audit log sees it."""

    @abstractmethod
    def make(self, connection: Connection) -> None:
        """Make tables and triggers."""

    @abstractmethod
    def place(self, connection: Connection) -> str:
        """Where this database is, in words that a copy of it does not share."""

    @abstractmethod
    def damages(self, connection: Connection) -> Iterator[str]:
        """Sentences on tables and triggers that are not as they were made, and on what the database itself finds."""

    def has_log(self, connection: Connection) -> bool:
        """Whether there is a log in it."""
        return inspect(connection).has_table(audit_tables.LOG.name)

    def lives(self, place: str, here: str) -> bool:
        """Whether two answers of :meth:`place` may be of one database; not everybody is told more than two words."""
        mine, theirs = place.split(), here.split()
        return mine[:2] == theirs[:2] and all(one == other for one, other in zip(mine, theirs))
