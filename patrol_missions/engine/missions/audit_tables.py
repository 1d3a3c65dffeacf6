"""The tables of the audit log, the same on SQLite and PostgreSQL, and how those of a database differ from them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from sqlalchemy import column, table

COLUMNS: Mapping[str, Mapping[str, str]] = {
    "patrol_audit": {"log_id": "text", "format": "integer", "place": "text"},
    "patrol_audit_records": {
        "number": "integer",
        "kind": "text",
        "at": "text",
        "author": "text",
        "content": "text",
        "previous": "text",
        "hash": "text",
    },
    "patrol_audit_attachments": {"sha256": "text", "stored_sha256": "text", "data": "bytes"},
    "patrol_audit_attached": {"number": "integer", "name": "text", "sha256": "text"},
}
"""Columns and their types by table, in the order of making; none of them may be empty.

``patrol_audit`` has one row: the log, and where it lives. ``patrol_audit_attached`` says which attachment a record has
under which name. Attachments are compressed, and stand under the SHA-256 of their plain bytes; that of the bytes as
stored is there, too, since zlib does not mind every bit that flips.
"""

CONSTRAINTS: Mapping[str, tuple[str, ...]] = {
    "patrol_audit": ("PRIMARY KEY (log_id)",),
    "patrol_audit_records": ("PRIMARY KEY (number)", "UNIQUE (previous)"),
    "patrol_audit_attachments": ("PRIMARY KEY (sha256)",),
    "patrol_audit_attached": (
        "PRIMARY KEY (number, name)",
        "FOREIGN KEY (number) REFERENCES patrol_audit_records(number)",
        "FOREIGN KEY (sha256) REFERENCES patrol_audit_attachments(sha256)",
    ),
}

KEYS: Mapping[str, tuple[tuple[str, ...], ...]] = {
    "patrol_audit_records": (("number",), ("previous",)),
    "patrol_audit_attachments": (("sha256",),),
    "patrol_audit_attached": (("number", "name"),),
}
"""Tables that are only added to, with what makes a row of them unique."""

REFUSAL = "The audit log is append-only."

LOG, RECORDS, ATTACHMENTS, ATTACHED = (table(name, *map(column, columns)) for name, columns in COLUMNS.items())


def making(types: Mapping[str, str]) -> list[str]:
    """Statements that make the tables.

    :param types: the database's names for ``text``, ``integer`` and ``bytes``
    """
    statements = []
    for name, columns in COLUMNS.items():
        lines = [f"{each} {types[kind]} NOT NULL" for each, kind in columns.items()]
        statements.append(f"CREATE TABLE {name} ({', '.join([*lines, *CONSTRAINTS[name]])})")
    return statements


def differences(made: Mapping[str, object], there: Mapping[str, object]) -> Iterator[str]:
    """What is missing, changed or new among tables, columns, keys and triggers: by name, such as ``trigger x``."""
    for name in sorted({*made, *there}):
        if name not in there:
            yield f"The {name} of the log is missing."
        elif name not in made:
            yield f"The {name} was not made with the log."
        elif made[name] != there[name]:
            yield f"The {name} of the log is not as it was made."
