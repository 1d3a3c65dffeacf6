"""The audit log in a PostgreSQL database, which several desktops share."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress

from sqlalchemy import URL, Connection, create_engine, make_url, text
from sqlalchemy.exc import ArgumentError, DBAPIError

from patrol_missions.core.errors import InputError
from patrol_missions.engine.missions import audit_database, audit_tables
from patrol_missions.engine.missions.audit_database import DamagedError, Database

_TYPES = {"text": "text", "integer": "integer", "bytes": "bytea"}
_SCHEMES = ("postgresql", "postgresql+psycopg", "postgres")
_TURN = 5_075_171_983  # number of the advisory lock that whoever writes takes: no other program's, most likely
_REFUSE = "patrol_audit_refuse"
_BODY = f" BEGIN RAISE EXCEPTION '{audit_tables.REFUSAL}'; END "
_TRIGGER = (
    f"CREATE TRIGGER {_REFUSE} BEFORE DELETE OR UPDATE OR TRUNCATE ON {{}} "
    f"FOR EACH STATEMENT EXECUTE FUNCTION {_REFUSE}()"
)
# Everything that belongs to the tables: name, and definition in PostgreSQL's own words.
_OBJECTS = text("""
WITH ours AS (SELECT oid, relname FROM pg_class WHERE oid = ANY(CAST(:tables AS regclass[])))
SELECT 'column ' || relname || '.' || attname,
       format_type(atttypid, atttypmod) || CASE WHEN attnotnull THEN '' ELSE ', may be empty' END
FROM ours JOIN pg_attribute ON attrelid = ours.oid WHERE attnum > 0 AND NOT attisdropped
UNION ALL SELECT 'key ' || relname || ': ' || pg_get_constraintdef(c.oid, true), 'valid: ' || convalidated
FROM ours JOIN pg_constraint c ON conrelid = ours.oid WHERE contype IN ('p', 'u', 'f', 'c', 'x')
UNION ALL SELECT 'trigger ' || relname || '.' || tgname,
       CAST(tgenabled AS text) || ' ' || pg_get_triggerdef(t.oid, true) || prosrc
FROM ours JOIN pg_trigger t ON tgrelid = ours.oid JOIN pg_proc p ON p.oid = tgfoid WHERE NOT tgisinternal
UNION ALL SELECT 'rule ' || relname || '.' || rulename, pg_get_ruledef(r.oid)
FROM ours JOIN pg_rewrite r ON ev_class = ours.oid
""")
_TABLE_NUMBER = """
SELECT oid || '.' || CAST(CAST('patrol_audit_records' AS regclass) AS oid)
FROM pg_database WHERE datname = current_database()
"""
_SERVER_NUMBER = """
SELECT system_identifier || '.' || substr(pg_walfile_name(pg_current_wal_insert_lsn()), 1, 8) FROM pg_control_system()
"""
_FULL, _LOCKED, _NO_TABLE = "53100", "55P03", "42P01"
_FORBIDDEN = ("25006", "42501")


class PostgresDatabase(Database):
    """A database on a server, at an address such as ``postgresql://host/database``."""

    def __init__(self, address: str) -> None:
        url = _url(address)
        self._server = f"{url.host or 'this computer'}{f':{url.port}' if url.port else ''}"
        engine = create_engine(
            url,
            isolation_level="REPEATABLE READ",
            pool_pre_ping=True,
            hide_parameters=True,
            # What is prepared on one connection is not there on the next where a pool stands before the server.
            connect_args={"connect_timeout": int(audit_database.PATIENCE_S), "prepare_threshold": None},
        )
        super().__init__(f"the database “{url.database or url.username}” on {self._server}", engine)

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """One state of the log to read from, whatever others write meanwhile."""
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
            connection.execute(text("SELECT pg_advisory_xact_lock(:turn)"), {"turn": _TURN})
            yield connection

    def make(self, connection: Connection) -> None:
        """Make tables and triggers."""
        encoding = connection.scalar(text("SHOW server_encoding"))
        if encoding != "UTF8":
            raise InputError(f"{_capital(self.name)} keeps texts as {encoding}.", "Give the log a database with UTF8.")
        for statement in audit_tables.making(_TYPES):
            connection.exec_driver_sql(statement)
        connection.exec_driver_sql(f"CREATE FUNCTION {_REFUSE}() RETURNS trigger LANGUAGE plpgsql AS $${_BODY}$$")
        for name in audit_tables.KEYS:
            connection.exec_driver_sql(_TRIGGER.format(name))

    def place(self, connection: Connection) -> str:
        """Numbers of database and table, and of the server and its timeline where it tells: no copy has all of them.

        A restored dump makes another table; a standby that takes over, or a server that was set back to an earlier
        moment, begins another timeline.
        """
        place = f"database {connection.scalar(text(_TABLE_NUMBER))}"
        with suppress(DBAPIError), connection.begin_nested():
            place += f" {connection.scalar(text(_SERVER_NUMBER))}"
        return place

    def damages(self, connection: Connection) -> Iterator[str]:
        """Sentences on tables and triggers that are not as they were made."""
        rows = connection.execute(_OBJECTS, {"tables": list(audit_tables.COLUMNS)})
        there = {str(name): str(definition) for name, definition in rows}
        yield from audit_tables.differences(_made(), there)

    def _reached(self, error: BaseException) -> InputError:
        reason = (str(error).strip().splitlines() or [type(error).__name__])[-1]
        if "FATAL" in reason or "password" in reason:  # the server answered
            return InputError(
                f"The server {self._server} did not let you into the audit log in {self.name} "
                f"({reason.split('FATAL:')[-1].strip()}).",
                "Mend user, password or the database's name, or ask who runs the server.",
            )
        return InputError(
            f"The server {self._server} of the audit log does not answer ({reason}).",
            "See whether it runs and can be reached from here, or mend its name and port.",
        )

    def _told(self, error: BaseException) -> InputError:
        state = str(getattr(error, "sqlstate", None) or "")
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        if state == _LOCKED:
            return InputError(
                f"The audit log in {self.name} is locked: another program has been writing to it for more than "
                f"{audit_database.PATIENCE_S:g} s.",
                "Try again when it has finished.",
            )
        if state == _FULL:
            return InputError(f"The disk of the server {self._server} is full.", "Ask who runs it to make room.")
        if state in _FORBIDDEN:
            return InputError(
                f"You may not do this with the audit log in {self.name} ({reason}).",
                "Ask who runs the server for the right to read the log's tables, and to add to them.",
            )
        if state == _NO_TABLE:
            return DamagedError(f"The audit log in {self.name} is incomplete ({reason}).", "Restore it from a backup.")
        if not state or state.startswith(("08", "57")):
            return InputError(
                f"The connection to the audit log in {self.name} was lost ({reason}).",
                "Look whether the record is in the log before you publish again.",
            )
        return InputError(f"{_capital(self.name)} refused what was asked of the audit log ({reason}).")


def _url(address: str) -> URL:
    try:
        url = make_url(address)
    except (ArgumentError, ValueError):  # which may show the password
        url = None
    if url is None or url.drivername not in _SCHEMES or not (url.database or url.username):
        raise InputError(
            "The address of the audit log's database cannot be understood.",
            "Write it like postgresql://host/database, with the user and perhaps a password before the host.",
        ) from None
    return url.set(drivername="postgresql+psycopg")


def _be_patient(connection: Connection) -> None:
    connection.execute(text(f"SET LOCAL lock_timeout = {round(audit_database.PATIENCE_S * 1000)}"))


def _made() -> dict[str, str]:
    """What belongs to the tables when nobody has touched them; see ``_OBJECTS``."""
    made = {}
    for name, columns in audit_tables.COLUMNS.items():
        made.update({f"column {name}.{each}": _TYPES[kind] for each, kind in columns.items()})
        made.update({f"key {name}: {each}": "valid: true" for each in audit_tables.CONSTRAINTS[name]})
    made.update({f"trigger {name}.{_REFUSE}": f"O {_TRIGGER.format(name)}{_BODY}" for name in audit_tables.KEYS})
    return made


def _capital(words: str) -> str:
    return words[0].upper() + words[1:]
