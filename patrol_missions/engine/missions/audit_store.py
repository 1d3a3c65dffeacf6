"""The audit log in a database: an SQLite file, or PostgreSQL where several desktops share it.

Records are appended one at a time, each in one transaction, and nothing is ever changed or taken away. A log knows
where it lives: a copy can be read and verified, but nothing is appended to it until somebody says that it goes on.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, func, insert, select, update

from patrol_missions.core.errors import InputError
from patrol_missions.engine.missions import audit, audit_rows
from patrol_missions.engine.missions.audit import Finding, Record
from patrol_missions.engine.missions.audit_database import AuditDatabase
from patrol_missions.engine.missions.audit_postgres import AuditServer
from patrol_missions.engine.missions.audit_sqlite import AuditFile
from patrol_missions.engine.missions.audit_tables import ATTACHED, ATTACHMENTS, LOG, RECORDS
from patrol_missions.engine.storage.database import DamagedError, Target, is_address

MOVED = "moved"
"""Kind of the record that says that a copy of a log goes on as the log."""


@contextmanager
def open_log(target: Target, *, create: bool = False) -> Iterator[AuditLog]:
    """The log in an SQLite file, or at an address such as ``postgresql://host/database``.

    :param create: make a new log where there is none
    :raises InputError: there is none, or it cannot be reached, or is of a newer version
    """
    database: AuditDatabase
    database = AuditServer(str(target)) if is_address(target) else AuditFile(Path(target), create=create)
    try:
        if create:
            with database.writing() as connection:
                if not database.has_log(connection):
                    _make(database, connection)
        with database.reading() as connection:
            log_id = _log_id(database, connection)
        yield AuditLog(database, log_id)
    finally:
        database.close()


class AuditLog:
    """An open log; see :func:`open_log`.

    :param log_id: 128 random bits, hex
    """

    def __init__(self, database: AuditDatabase, log_id: str) -> None:
        self._database = database
        self.log_id = log_id

    def append(
        self,
        kind: str,
        author: str,
        content: Mapping[str, Any],
        attachments: Mapping[str, bytes],
        at: datetime,
        after: str | None = None,
    ) -> Record:
        """Add a record with its attachments, all or nothing.

        :param attachments: plain bytes by name
        :param at: with a time zone
        :param after: hash of the record that the author has seen as the last one (:func:`audit.head_hash`)
        :raises InputError: this is a copy, or another record came meanwhile, or the database does not take it
        """
        packed = {name: audit_rows.Packed.of(data) for name, data in attachments.items()}
        with self._database.writing() as connection:
            here, lives = self._places(connection)
            head = self._sound_head(connection)
            if not self._database.lives(lives, here):
                raise _is_copy(self._database.name, head)
            if after is not None and after != audit.head_hash(self.log_id, head):
                raise self._parted(connection, head, after)
            return self._add(connection, head, kind, author, content, packed, at)

    def lives_here(self) -> bool:
        """Whether records can be appended here: not to a copy, before :meth:`continue_here`."""
        with self._database.reading() as connection:
            here, lives = self._places(connection)
        return self._database.lives(lives, here)

    def continue_here(self, author: str, reason: str, at: datetime) -> Record:
        """Say, in a record of its own, that this copy goes on as the log, and append to it from now on.

        :raises InputError: this is no copy, or there is no reason
        """
        if not reason.strip():
            raise InputError("The audit log is to go on in another place without a reason.", "Write the reason down.")
        with self._database.writing() as connection:
            here, lives = self._places(connection)
            if self._database.lives(lives, here):
                raise InputError("The audit log lives here already.", "Publish as ever.")
            connection.execute(update(LOG).values(place=here))
            content = {"reason": reason, "from": self._blurred(lives), "to": self._blurred(here)}
            return self._add(connection, self._sound_head(connection), MOVED, author, content, {}, at)

    def head(self) -> Record | None:
        """The last record, None for an empty log."""
        with self._database.reading() as connection:
            return audit_rows.head(connection)

    def record(self, number: int) -> Record:
        """The record of that number, as it is stored; :class:`InputError` where there is none."""
        with self._database.reading() as connection:
            found = audit_rows.records(connection, RECORDS.c.number == number)
            if found:
                return found[0][0]
            head = audit_rows.head(connection)
        raise InputError(
            f"The audit log has no record {number}.",
            f"Its last record is {head.number}." if head is not None else "It is empty.",
        )

    def records(self) -> tuple[Record, ...]:
        """All records by their numbers, as they are stored: :meth:`verify` tells whether they are as written."""
        with self._database.reading() as connection:
            return tuple(record for record, _ in audit_rows.records(connection))

    def attachment(self, sha256: str) -> bytes:
        """Plain bytes; :class:`InputError` where they are missing or not what was written."""
        with self._database.reading() as connection:
            row = connection.execute(select(ATTACHMENTS).where(ATTACHMENTS.c.sha256 == sha256)).first()
        if row is None:
            raise InputError(f"The audit log has no attachment {sha256}.", "Take the hash from the record.")
        data = audit_rows.Packed(*row).unpacked()
        if data is None:
            raise InputError(
                f"The attachment {sha256} of the audit log is not as it was written.",
                "Verify the log; ask for a backup.",
            )
        return data

    def verify(self, expected: tuple[int, str] | None = None) -> list[Finding]:
        """Everything that is wrong with the log and its database; nothing for one that is as it was written.

        :param expected: number and hash of a record that was witnessed elsewhere
        """
        found: list[Finding] = []
        try:
            with self._database.reading() as connection:
                found += [Finding(None, what) for what in self._database.damages(connection)]
                stored = audit_rows.records(connection)
                hashes = dict(audit_rows.hashes(connection))
                found += [
                    Finding(number, f"Attachments are kept for record {number}, which is not there.")
                    for number in audit_rows.strays(connection)
                ]
        except DamagedError as error:
            return [*found, Finding(None, error.message)]
        in_chain = audit.findings(self.log_id, [record for record, _ in stored], hashes, expected)
        told = {finding.number for finding in in_chain}
        for record, is_as_written in stored:
            if not is_as_written and record.number not in told:
                found.append(Finding(record.number, f"Record {record.number} is stored otherwise than it was written."))
        return found + in_chain

    def _places(self, connection: Connection) -> tuple[str, str]:
        """Where this database is, and where the log lives."""
        return self._database.place(connection), str(connection.scalar(select(LOG.c.place)))

    def _blurred(self, place: str) -> str:
        """What stands for a place in a record that many may read: it can be checked, and says nothing."""
        return hashlib.sha256(f"{self.log_id} {place}".encode()).hexdigest()

    def _sound_head(self, connection: Connection) -> Record | None:
        """The last record; nothing is to follow one that was changed."""
        head = audit_rows.head(connection)
        if head is not None and not audit.is_as_written(head):
            raise InputError(
                f"The last record of the audit log in {self._database.name}, {head.number}, is not as it was written.",
                "Verify the log, and go on from an undamaged copy.",
            )
        return head

    def _parted(self, connection: Connection, head: Record | None, after: str) -> InputError:
        """Why a record cannot follow the one that its author saw last."""
        seen = select(func.count()).select_from(RECORDS).where(RECORDS.c.hash == after)
        if head is None or (after != audit.origin(self.log_id) and not connection.scalar(seen)):
            return InputError(
                f"The record that this one is to follow is not in the audit log in {self._database.name}.",
                "It is another log, or a backup that was restored: compare it with one that has that record.",
            )
        return InputError(
            f"Somebody published meanwhile: record {head.number} (“{head.kind}”), by {head.author}, at {head.at}.",
            "Look at it, and publish again.",
        )

    def _add(
        self,
        connection: Connection,
        head: Record | None,
        kind: str,
        author: str,
        content: Mapping[str, Any],
        packed: Mapping[str, audit_rows.Packed],
        at: datetime,
    ) -> Record:
        hashes = {name: str(each.sha256) for name, each in packed.items()}
        record = audit.next_record(self.log_id, head, kind, author, content, hashes, at)
        connection.execute(insert(RECORDS).values(audit_rows.columns(record)))
        for each in {each.sha256: each for each in packed.values()}.values():
            if connection.scalar(select(func.count()).where(ATTACHMENTS.c.sha256 == each.sha256)) == 0:
                connection.execute(insert(ATTACHMENTS).values(vars(each)))
        for name, sha256 in hashes.items():
            connection.execute(insert(ATTACHED).values(number=record.number, name=name, sha256=sha256))
        return record


def _make(database: AuditDatabase, connection: Connection) -> None:
    database.make(connection)
    row = {"log_id": audit.new_log_id(), "format": audit.SCHEMA, "place": database.place(connection)}
    connection.execute(insert(LOG).values(row))


def _log_id(database: AuditDatabase, connection: Connection) -> str:
    if not database.has_log(connection):
        raise InputError(f"There is no audit log in {database.name}.", "Choose another place, or make a new log.")
    rows = connection.execute(select(LOG.c.log_id, LOG.c.format)).all()
    if len(rows) != 1 or not isinstance(rows[0].format, int):
        raise InputError(f"The audit log in {database.name} is damaged.", "Go on from an undamaged copy.")
    log_id, version = rows[0]
    if version != audit.SCHEMA:
        raise InputError(
            f"The audit log in {database.name} has format {version}; this version of the plugin reads format "
            f"{audit.SCHEMA}.",
            "Install the version of the plugin that wrote to it.",
        )
    return str(log_id)


def _is_copy(name: str, head: Record | None) -> InputError:
    last = f"its last record is {head.number}" if head is not None else "it is empty"
    return InputError(
        f"The audit log in {name} is a copy or a restored backup; {last}.",
        "If the original is in use, publish there. Otherwise confirm that the log goes on here.",
    )
