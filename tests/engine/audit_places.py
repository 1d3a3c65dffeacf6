"""Places to keep an audit log in, with what a forger needs: statements past the guards of the database."""

from __future__ import annotations

import os
import re
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import audit_server


@dataclass(frozen=True)
class File:
    """An SQLite file."""

    target: Path

    def run(self, *statements: str) -> None:
        with closing(sqlite3.connect(self.target, isolation_level=None)) as connection:
            for statement in statements:
                connection.execute(statement)

    def forge(self, *statements: str) -> None:
        """Run statements while no trigger is there, and put the triggers back."""
        with self.unguarded() as connection:
            for statement in statements:
                connection.execute(statement)

    @contextmanager
    def unguarded(self) -> Iterator[sqlite3.Connection]:
        """A connection while no trigger is there; they are back afterwards, as they were."""
        with closing(sqlite3.connect(self.target, isolation_level=None)) as connection:
            triggers = connection.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'").fetchall()
            for name, _ in triggers:
                connection.execute(f"DROP TRIGGER {name}")
            yield connection
            for _, sql in triggers:
                connection.execute(sql)


@dataclass(frozen=True)
class Server:
    """A database of a PostgreSQL server."""

    port: int
    database: str

    @property
    def target(self) -> str:
        return self.address("postgres", audit_server.PASSWORD)

    def address(self, user: str, password: str) -> str:
        return f"postgresql://{user}:{quote(password, safe='')}@127.0.0.1:{self.port}/{self.database}"

    def run(self, *statements: str) -> None:
        with closing(audit_server.connect(self.port, self.database)) as connection:
            for statement in statements:
                connection.execute(statement)

    def dumped(self) -> str:
        """All that is in it, as statements that make it anew."""
        programs = audit_server.programs()
        assert programs is not None
        command = [programs / "pg_dump", "--inserts", "-h", "127.0.0.1", "-p", str(self.port), "-U", "postgres"]
        environment = {**os.environ, "PGPASSWORD": audit_server.PASSWORD}
        dump = subprocess.run([*command, self.database], env=environment, capture_output=True, text=True, check=True)
        return re.sub(r"^\\.*$", "", dump.stdout, flags=re.MULTILINE)  # without what only its own program reads

    def forge(self, *statements: str) -> None:
        """Run statements while triggers and foreign keys sleep."""
        self.run("SET session_replication_role = replica", *statements)
