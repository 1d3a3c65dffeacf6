"""What tests of live tracking share: sources that run for a while, and a format of reports that is easily written."""

from __future__ import annotations

import asyncio
import os
import time
from collections import Counter
from contextlib import asynccontextmanager, contextmanager, suppress
from urllib.parse import parse_qs

from patrol_missions.core.errors import InputError
from patrol_missions.engine.tracking.fixes import Fix
from patrol_missions.engine.tracking.limits import Guard, Limits

LONGEST = 1024


class LineParser:
    """Lines of unit, time, longitude and latitude; the unit may be empty."""

    def __init__(self, unit: str = "") -> None:
        self.rejected: Counter[str] = Counter()
        self._unit, self._rest, self._skipping = unit, b"", False

    def feed(self, data: bytes, now: float) -> list[Fix]:
        *lines, rest = (self._rest + data).split(b"\n")
        self._rest = rest[:LONGEST]
        if len(rest) > LONGEST:
            self._skipping, self._rest = True, b""
        found = []
        for line in lines:
            if self._skipping or len(line) > LONGEST:
                self._skipping = False
                self.rejected["line too long"] += 1
                continue
            try:
                unit, at, longitude, latitude = line.decode("ascii").strip().split(",")
                found.append(Fix(unit or self._unit, float(at), float(longitude), float(latitude)))
            except ValueError:
                self.rejected["not understood"] += 1
        return found

    def finish(self, now: float) -> list[Fix]:
        return []


def parse_query(query: str, now: float) -> Fix:
    given = {name: values[0] for name, values in parse_qs(query).items()}
    try:
        return Fix(given["id"], float(given["timestamp"]), float(given["lon"]), float(given["lat"]))
    except (KeyError, ValueError) as error:
        raise InputError("The report lacks something.") from error


def any_unit(**more) -> Guard:
    return Guard(Limits(units=None, **more))


@contextmanager
def pseudo_port():
    """The end of a pseudo terminal that a device would hold, and the name of the port at its other end."""
    import pty
    import tty

    device, port = pty.openpty()
    tty.setraw(port)
    try:
        yield device, os.ttyname(port)
    finally:
        for descriptor in (device, port):
            with suppress(OSError):
                os.close(descriptor)


class Heard:
    """What a source gave and said."""

    def __init__(self) -> None:
        self.fixes: list[Fix] = []
        self.states: list = []

    @property
    def texts(self) -> list[str]:
        return [state.text for state in self.states]

    async def until(self, condition, seconds: float = 5.0) -> None:
        end = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < end, (self.states, self.fixes[-3:])
            await asyncio.sleep(0.005)

    async def until_fixes(self, count: int, seconds: float = 5.0) -> None:
        await self.until(lambda: len(self.fixes) >= count, seconds)

    async def until_says(self, words: str, seconds: float = 5.0) -> None:
        await self.until(lambda: any(words in text for text in self.texts), seconds)


@asynccontextmanager
async def running(source):
    """A source that runs within the block; what was heard of it."""
    heard = Heard()
    task = asyncio.ensure_future(source.run(heard.fixes.extend, heard.states.append))
    try:
        yield heard
        if task.done():
            task.result()
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
