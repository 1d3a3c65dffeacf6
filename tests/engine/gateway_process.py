"""A gateway in a process of its own, as the plugin starts it, and clients of it."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

from patrol_missions.core import messages

BOOTSTRAP = (
    "import sys; sys.path.insert(0, sys.argv[1]); import patrol_missions; del sys.path[0]\n"
    "from patrol_missions.engine.tracking.gateway import main; main(sys.argv[2:])"
)
CRS = "EPSG:32633"
LONGITUDE, LATITUDE = 13.4, 52.5


def settings(folder: Path, /, **more) -> dict:
    return {
        "folder": str(folder / "run"),
        "grid": {"crs": CRS, "size_m": 250},
        "ledger": str(folder / "ledger.db"),
        "limits": {"units": "any"},
        "sources": [{"kind": "tcp_server", "name": "cars", "format": "taip", "port": 0}],
        **more,
    }


def taip(unit: str, at: float, longitude: float = LONGITUDE, latitude: float = LATITUDE) -> bytes:
    """A report as vehicle modems send it."""
    second = int(at) % 86_400
    body = f">RPV{second:05d}{latitude * 1e5:+08.0f}{longitude * 1e5:+09.0f}00000032;ID={unit};*"
    check = 0
    for sign in body.encode():
        check ^= sign
    return f"{body}{check:02X}<\r\n".encode()


class Client:
    """One who listens to a gateway."""

    def __init__(self, folder: Path, token: str | None = None) -> None:
        door = json.loads((folder / "gateway.json").read_text())
        self._socket = socket.create_connection((door["host"], door["port"]), 10)
        self._lines = self._socket.makefile("rb")
        self._number = 0
        self.events: list[dict] = []
        self.send({"token": (folder / "gateway.token").read_text() if token is None else token})
        self.greeting = self.line()

    def __enter__(self):
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._lines.close()
        self._socket.close()

    def send(self, message: dict) -> None:
        self._socket.sendall(json.dumps(message).encode() + b"\n")

    def line(self, seconds: float = 10.0) -> dict:
        """The next line; an empty object at the end."""
        self._socket.settimeout(seconds)
        return json.loads(self._lines.readline() or b"{}")

    def ask(self, do: str, **more) -> dict:
        """The answer to a command; events meanwhile are kept."""
        self._number += 1
        self.send({"do": do, "id": self._number, **more})
        while True:
            line = self.line()
            if line.get("event") == "answer":
                assert line["id"] == self._number
                return line
            assert line, "the gateway hung up"
            self.events.append(line)

    def until(self, condition, seconds: float = 10.0) -> dict:
        """The first event, of those kept and those to come, that fulfils a condition."""
        end = time.monotonic() + seconds
        while True:
            event = self.events.pop(0) if self.events else self.line(max(0.01, end - time.monotonic()))
            assert event, "the gateway hung up"
            if condition(event):
                return event

    def until_event(self, kind: str, /, seconds: float = 10.0, **what) -> dict:
        wanted = {"event": kind, **what}
        return self.until(lambda event: all(event.get(name) == value for name, value in wanted.items()), seconds)


class Gateway:
    """A running gateway.

    :param before: what its Python does first
    """

    def __init__(self, folder: Path, /, before: str = "", **more) -> None:
        self.folder = folder / "run"
        given = settings(folder, **more)
        path = folder / "settings.json"
        path.write_text(json.dumps(given))
        command = [
            sys.executable,
            "-I",
            "-u",
            "-X",
            "utf8",
            "-c",
            f"{before}\n{BOOTSTRAP}",
            os.environ["PATROL_STAGE"],
            str(path),
        ]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=folder)
        self.first = messages.decode(self.process.stdout.readline().decode())

    def __enter__(self):
        assert isinstance(self.first, messages.Hello), (self.first, self.process.stderr.read())
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self.process.stdout.close()
        self.process.stderr.close()

    def client(self, token: str | None = None) -> Client:
        return Client(self.folder, token)

    def port(self, source: str = "cars") -> int:
        """Where a source listens."""
        end = time.monotonic() + 10
        with self.client() as client:
            while time.monotonic() < end:
                for each in client.ask("snapshot")["sources"]:
                    if each["name"] == source and each["state"] != "failed":
                        return each["port"]
                time.sleep(0.02)
        raise AssertionError(source)

    def car(self, source: str = "cars") -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port(source)), 10)

    def end(self, number: int = signal.SIGTERM, seconds: float = 15.0) -> tuple[int, str]:
        """End it; its exit code and what it wrote to standard error."""
        self.process.send_signal(number)
        _, errors = self.process.communicate(timeout=seconds)
        return self.process.returncode, errors.decode()
