"""Something of ours in a PostgreSQL database, which several desktops share."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import URL, Connection, create_engine, make_url, text
from sqlalchemy.exc import ArgumentError

from patrol_missions.core.errors import InputError
from patrol_missions.engine.storage import database
from patrol_missions.engine.storage.database import DamagedError, Database, Kept

_SCHEMES = ("postgresql", "postgresql+psycopg", "postgres")
_FULL, _LOCKED, _NO_TABLE = "53100", "55P03", "42P01"
_FORBIDDEN = ("25006", "42501")


class PostgresDatabase(Database):
    """A database on a server, at an address such as ``postgresql://host/database``.

    :param turn: number of the advisory lock that whoever writes takes
    """

    def __init__(self, address: str, kept: Kept, turn: int) -> None:
        self._turn = turn
        url = _url(address, kept)
        self._server = f"{url.host or 'this computer'}{f':{url.port}' if url.port else ''}"
        engine = create_engine(
            url,
            isolation_level="REPEATABLE READ",
            pool_pre_ping=True,
            hide_parameters=True,
            # What is prepared on one connection is not there on the next where a pool stands before the server.
            connect_args={"connect_timeout": int(database.PATIENCE_S), "prepare_threshold": None},
        )
        super().__init__(f"the database “{url.database or url.username}” on {self._server}", kept, engine)

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """One state to read from, whatever others write meanwhile."""
        with self._transaction() as connection:
            _be_patient(connection)
            yield connection

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """A transaction during which nobody else writes; given up when anything is raised."""
        # Every statement must see what was there when the turn came, not when the waiting began.
        with self._transaction(isolation_level="READ COMMITTED") as connection:
            _be_patient(connection)
            connection.execute(text("SET LOCAL synchronous_commit = on"))
            connection.execute(text("SELECT pg_advisory_xact_lock(:turn)"), {"turn": self._turn})
            yield connection

    def check_new(self, connection: Connection) -> None:
        """Raise :class:`InputError` for a database that cannot hold all texts."""
        encoding = connection.scalar(text("SHOW server_encoding"))
        if encoding != "UTF8":
            raise InputError(
                f"{_capital(self.name)} keeps texts as {encoding}.",
                f"Give the {self._kept.name} a database with UTF8.",
            )

    def _reached(self, error: BaseException) -> InputError:
        reason = (str(error).strip().splitlines() or [type(error).__name__])[-1]
        if "FATAL" in reason or "password" in reason:  # the server answered
            return InputError(
                f"The server {self._server} did not let you into the {self._kept.name} in {self.name} "
                f"({reason.split('FATAL:')[-1].strip()}).",
                "Mend user, password or the database's name, or ask who runs the server.",
            )
        return InputError(
            f"The server {self._server} of the {self._kept.name} does not answer ({reason}).",
            "See whether it runs and can be reached from here, or mend its name and port.",
        )

    def _told(self, error: BaseException) -> InputError:
        state = str(getattr(error, "sqlstate", None) or "")
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        if state == _LOCKED:
            return InputError(
                f"The {self._kept.name} in {self.name} is locked: another program has been writing to it for more than "
                f"{database.PATIENCE_S:g} s.",
                "Try again when it has finished.",
            )
        if state == _FULL:
            return InputError(f"The disk of the server {self._server} is full.", "Ask who runs it to make room.")
        if state in _FORBIDDEN:
            return InputError(
                f"You may not do this with the {self._kept.name} in {self.name} ({reason}).",
                "Ask who runs the server for the right to read its tables, and to add to them.",
            )
        if state == _NO_TABLE:
            return DamagedError(
                f"The {self._kept.name} in {self.name} is incomplete ({reason}).", "Restore it from a backup."
            )
        if not state or state.startswith(("08", "57")):
            return InputError(
                f"The connection to the {self._kept.name} in {self.name} was lost ({reason}).",
                self._kept.after_loss,
            )
        return InputError(f"{_capital(self.name)} refused what was asked of the {self._kept.name} ({reason}).")


def _url(address: str, kept: Kept) -> URL:
    try:
        url = make_url(address)
    except (ArgumentError, ValueError):  # which may show the password
        url = None
    if url is None or url.drivername not in _SCHEMES or not (url.database or url.username):
        raise InputError(
            f"The address of the {kept.name}'s database cannot be understood.",
            "Write it like postgresql://host/database, with the user and perhaps a password before the host.",
        ) from None
    return url.set(drivername="postgresql+psycopg")


def _be_patient(connection: Connection) -> None:
    connection.execute(text(f"SET LOCAL lock_timeout = {round(database.PATIENCE_S * 1000)}"))


def _capital(words: str) -> str:
    return words[0].upper() + words[1:]
