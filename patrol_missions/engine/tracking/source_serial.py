"""A receiver on a serial port, USB ones included; read in a thread, because ports cannot be waited for everywhere."""

from __future__ import annotations

import asyncio
import errno
import re
import threading
from collections.abc import Callable, Mapping
from typing import Any

from patrol_missions.engine.tracking.limits import Guard
from patrol_missions.engine.tracking.sources import (
    Backoff,
    Ear,
    Hearing,
    ParserFor,
    Take,
    Told,
    keep_trying,
    number_of,
    text_of,
)

_WAIT_S = 0.2
_MOST = 4096


class SerialSource:
    """One unit's receiver.

    :param settings: ``name``, ``port`` (``/dev/ttyUSB0``, ``COM3``), ``unit``, and perhaps ``baud`` (4800) and
        ``silent_s`` (30)
    """

    def __init__(self, settings: Mapping[str, Any], parser: ParserFor, guard: Guard) -> None:
        self.name = text_of(settings, "name")
        self._port = text_of(settings, "port")
        self._unit = text_of(settings, "unit")
        self._baud = int(number_of(settings, "baud", 4800, 50, 4_000_000))
        self._silent_s = number_of(settings, "silent_s", 30.0, 0.1, 86400)
        self._parser, self._guard = parser, guard

    async def run(self, take: Take, told: Told) -> None:
        """Read until cancelled; the port is free afterwards."""
        garbage = f"What comes in is no NMEA; {self._baud} baud may be the wrong rate for this receiver."
        ear = Ear(self.name, told, self._silent_s, garbage)
        hearing = Hearing(self._guard, ear, take)

        async def attempt(backoff: Backoff) -> None:
            await self._read(hearing, backoff)

        await keep_trying(hearing, attempt, f"The port {self._port}")

    async def _read(self, hearing: Hearing, backoff: Backoff) -> None:
        loop = asyncio.get_running_loop()
        ended = threading.Event()
        parser = self._parser(self._unit)

        def hear(data: bytes) -> None:
            if hearing.hear(parser, data):
                backoff.reset()

        def tell(what: Callable[..., None], *arguments: Any) -> None:
            if not ended.is_set():
                loop.call_soon_threadsafe(what, *arguments)

        def work() -> None:
            with _open(self._port, self._baud) as port:
                tell(hearing.ear.opened, f"The port {self._port} is open.")
                while not ended.is_set():
                    data = port.read(max(1, min(_MOST, port.in_waiting)))
                    if data:
                        tell(hear, data)

        reading = loop.run_in_executor(None, _speak_plainly, work)
        try:
            await asyncio.shield(reading)
        finally:
            ended.set()
            await asyncio.wait([reading])  # whoever starts it again must find the port free


def _open(port: str, baud: int) -> Any:
    import serial

    return serial.Serial(port, baud, timeout=_WAIT_S, exclusive=True)


def _speak_plainly(work: Callable[[], None]) -> None:
    """Do something with a port; what pyserial hides in texts is raised as what it is."""
    import serial

    try:
        work()
    except serial.SerialException as error:
        number = error.errno
        if number is None:
            found = re.search(r"\[Errno (\d+)\]", str(error))
            number = int(found.group(1)) if found else _by_words(str(error))
        raise OSError(number, str(error)) from error
    except OSError:
        raise
    except (TypeError, ValueError) as error:  # a port that is closed under a read; a rate that a port does not know
        raise OSError(errno.EIO, str(error)) from error


def _by_words(text: str) -> int:
    if "PermissionError" in text or "lock" in text:  # Windows, for a port that another program has
        return errno.EBUSY
    if "FileNotFoundError" in text:
        return errno.ENOENT
    return errno.EIO
