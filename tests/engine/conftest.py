"""Where the engine keeps what must last: an SQLite file, and a database of a real PostgreSQL server."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path

import audit_server
import pytest
from audit_places import File, Server

_NAMES = map("database_{}".format, itertools.count())


@pytest.fixture(scope="session")
def port() -> Iterator[int]:
    """A PostgreSQL server."""
    binaries = audit_server.programs()
    if binaries is None:
        pytest.skip("POSTGRESQL ABSENT: no /usr/lib/postgresql/*/bin, so nothing was tested on a server.")
    with audit_server.running(binaries) as number:
        yield number


@pytest.fixture
def server(port: int) -> Server:
    """An empty database."""
    name = next(_NAMES)
    Server(port, "postgres").run(f"CREATE DATABASE {name}")
    return Server(port, name)


@pytest.fixture
def file(tmp_path: Path) -> File:
    """A file that is not there yet."""
    return File(tmp_path / "kept.sqlite")


@pytest.fixture(params=["file", "server"])
def place(request: pytest.FixtureRequest) -> File | Server:
    """Either."""
    return request.getfixturevalue(request.param)
