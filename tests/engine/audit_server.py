"""A PostgreSQL server of our own, in a folder of its own, on a free port; it ends with the tests."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import psycopg

PASSWORD = "pass word/of: the@tests"  # with all that an address writes otherwise


def programs() -> Path | None:
    """The folder with the newest server's programs, as Debian lays them."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda each: int(each.parts[-3]))
    return found[-1].parent if found else None


class Running:
    """A server that can be stopped and started again."""

    def __init__(self, command: list[str], folder: Path, port: int, user: dict[str, Any]) -> None:
        self._command, self._folder, self._user = command, folder, user
        self.port = port
        self.start()

    def start(self) -> None:
        with (self._folder / "log").open("ab") as log:
            self._server = subprocess.Popen(self._command, cwd=self._folder, stdout=log, stderr=log, **self._user)
        _wait(self.port, self._server, self._folder / "log")

    def stop(self) -> None:
        """At once, as with a cable pulled: nobody is asked to end."""
        self._server.send_signal(signal.SIGQUIT)
        self._server.wait(30)


@contextmanager
def running(binaries: Path) -> Iterator[int]:
    """The port of a running server, whose user ``postgres`` has the password."""
    with restartable(binaries) as server:
        yield server.port


@contextmanager
def restartable(binaries: Path) -> Iterator[Running]:
    """A running server, whose user ``postgres`` has the password."""
    user = {}
    if os.geteuid() == 0:  # which the server refuses to run as
        known = pwd.getpwnam("postgres")
        user = {"user": known.pw_uid, "group": known.pw_gid, "extra_groups": []}
    folder = Path(tempfile.mkdtemp(prefix="audit_server_"))
    try:
        (folder / "password").write_text(PASSWORD)
        for path in (folder, folder / "password"):
            os.chown(path, user.get("user", -1), user.get("group", -1))
        how = ["-U", "postgres", "--auth=scram-sha-256", "--pwfile=password", "--locale=C", "--encoding=UTF8"]
        command = [str(binaries / "initdb"), "-D", "data", *how]
        subprocess.run(command, cwd=folder, check=True, capture_output=True, **user)
        port = _free_port()
        command = [str(binaries / "postgres"), "-D", "data", "-p", str(port), "-k", str(folder), "-h", "127.0.0.1"]
        server = Running(command, folder, port, user)
        try:
            yield server
        finally:
            server.stop()
    finally:
        shutil.rmtree(folder)


def connect(port: int, database: str = "postgres") -> psycopg.Connection:
    return psycopg.connect(
        host="127.0.0.1", port=port, user="postgres", password=PASSWORD, dbname=database, autocommit=True
    )


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


def _wait(port: int, server: subprocess.Popen[bytes], log: Path) -> None:
    end = time.monotonic() + 30
    while server.poll() is None and time.monotonic() < end:
        with suppress(psycopg.OperationalError):
            connect(port).close()
            return
        time.sleep(0.05)
    raise AssertionError(log.read_text())
