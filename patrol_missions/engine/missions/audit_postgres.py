"""The audit log in a PostgreSQL database, which several desktops share."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress

from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError

from patrol_missions.engine.missions import audit_tables
from patrol_missions.engine.missions.audit_database import AUDIT_LOG, AuditDatabase
from patrol_missions.engine.storage.postgres import PostgresDatabase

_TYPES = {"text": "text", "integer": "integer", "bytes": "bytea"}
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


class AuditServer(PostgresDatabase, AuditDatabase):
    """An audit log in a database on a server, at an address such as ``postgresql://host/database``."""

    def __init__(self, address: str) -> None:
        super().__init__(address, AUDIT_LOG, _TURN)

    def make(self, connection: Connection) -> None:
        """Make tables and triggers."""
        self.check_new(connection)
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


def _made() -> dict[str, str]:
    """What belongs to the tables when nobody has touched them; see ``_OBJECTS``."""
    made = {}
    for name, columns in audit_tables.COLUMNS.items():
        made.update({f"column {name}.{each}": _TYPES[kind] for each, kind in columns.items()})
        made.update({f"key {name}: {each}": "valid: true" for each in audit_tables.CONSTRAINTS[name]})
    made.update({f"trigger {name}.{_REFUSE}": f"O {_TRIGGER.format(name)}{_BODY}" for name in audit_tables.KEYS})
    return made
