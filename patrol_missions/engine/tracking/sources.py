"""What all sources of position reports share: what they say of themselves, how they come back, and how they are made.

A source never ends by itself and never fails for good: what goes wrong is told in one sentence, and it is tried again
after a while. It is ended by cancelling it.
"""

from __future__ import annotations

import asyncio
import errno
import random
import socket
import ssl
import time
from collections import Counter, OrderedDict
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from patrol_missions.core.errors import InputError
from patrol_missions.engine.tracking.fixes import Fix
from patrol_missions.engine.tracking.limits import Guard

WAITING, RUNNING, SILENT, FAILED, STOPPED = "waiting", "running", "silent", "failed", "stopped"

Take = Callable[[list[Fix]], None]
"""Hears reports, on the event loop's thread."""


@dataclass(frozen=True)
class SourceState:
    """How a source is.

    :param state: ``waiting`` (for somebody to connect or speak), ``running``, ``silent``, ``failed`` (it is tried
        again) or ``stopped``
    :param text: the same in one sentence, for people
    """

    name: str
    state: str
    text: str


Told = Callable[[SourceState], None]


class Parser(Protocol):
    """Makes reports from bytes, cut anywhere; its memory is bounded."""

    rejected: Counter[str]

    def feed(self, data: bytes, now: float) -> list[Fix]:
        """Reports that are complete with these bytes; ``now`` is in seconds since 1970 UTC."""

    def finish(self, now: float) -> list[Fix]:
        """Reports that waited for more: nothing has come for a while, or nothing will."""


ParserFor = Callable[[str], Parser]
"""Makes a parser for a unit; formats that name units themselves do not need its name."""


class Source(Protocol):
    """Where reports come from."""

    name: str

    async def run(self, take: Take, told: Told) -> None:
        """Give what comes in to ``take``, and how it goes to ``told``, until cancelled."""


class Backoff:
    """How long to wait before trying again: longer each time, not all at the same moment, and short after a success."""

    def __init__(self, first_s: float = 0.5, most_s: float = 30.0) -> None:
        self._first_s, self._most_s = first_s, most_s
        self._next_s = first_s

    def wait_s(self) -> float:
        """Seconds to wait now."""
        waited = self._next_s
        self._next_s = min(self._most_s, 2 * waited)
        return waited * random.uniform(0.75, 1.0)  # nosec B311 - nothing secret

    def reset(self) -> None:
        """It worked."""
        self._next_s = self._first_s


class Ear:
    """Listens to what comes in of one source, and says how it is: once, when it changes.

    :param silent_s: after which a source that has spoken counts as silent
    :param garbage: what to say when most of what comes in is no text
    """

    _LOOK_AT = 200  # bytes: less than a second of the slowest receivers
    _GARBAGE = 0.2

    def __init__(self, name: str, told: Told, silent_s: float, garbage: str = "") -> None:
        self._name, self._told, self._silent_s = name, told, silent_s
        self._garbage = garbage or "What comes in is no text that a receiver sends."
        self._last = SourceState(name, "", "")
        self._heard_at = time.monotonic()
        self._bytes = self._odd = 0
        self._fixed = self._open = False

    def say(self, state: str, text: str) -> None:
        """Tell how the source is, unless that is what was told last."""
        now = SourceState(self._name, state, text)
        if now != self._last:
            self._last = now
            self._told(now)

    def opened(self, text: str) -> None:
        """It is connected and may speak."""
        self._heard_at, self._open, self._fixed = time.monotonic(), True, False
        self._bytes = self._odd = 0
        self.say(WAITING, text)

    def closed(self) -> None:
        """It cannot speak, so its silence says nothing."""
        self._open = False

    def heard(self, data: bytes, fixes: int, passed: int) -> None:
        """Bytes came in; so many reports were in them, and so many of these may be taken."""
        self._heard_at = time.monotonic()
        if fixes:
            self.found(passed)
            return
        self._bytes += len(data)
        self._odd += len(data.translate(None, _TEXT))
        if self._bytes < self._LOOK_AT:
            return
        if self._odd > self._GARBAGE * self._bytes:
            self.say(FAILED, self._garbage)
        elif not self._fixed:
            self.say(WAITING, "It speaks, but has sent no position yet.")
        self._bytes, self._odd = self._bytes // 2, self._odd // 2

    def found(self, passed: int) -> None:
        """There are reports; so many of them may be taken."""
        self._fixed, self._bytes, self._odd = True, 0, 0
        if passed:
            self.say(RUNNING, "Positions come in.")
        elif self._last.state != RUNNING:
            self.say(WAITING, "Positions come in, but none of a unit that is tracked.")

    def look(self) -> None:
        """Say so when it has been silent for long."""
        silent_s = time.monotonic() - self._heard_at
        if self._open and silent_s >= self._silent_s:
            self.say(SILENT, f"Nothing has been heard for {self._silent_s:.0f} s.")

    @property
    def look_every_s(self) -> float:
        """How often to look, so that silence is told in time."""
        return min(1.0, self._silent_s / 4)


@dataclass
class Hearing:
    """Where what is heard goes, for all connections of one source.

    A report may wait in its parser for what else is said of its moment. Nobody waits for a stream that has paused or
    ended: it is finished then.
    """

    guard: Guard
    ear: Ear
    take: Take
    _speaking: OrderedDict[Parser, float] = field(default_factory=OrderedDict)

    def hear(self, parser: Parser, data: bytes) -> int:
        """Give bytes to a parser and what is in them to the tracker; how many reports may be taken."""
        now = time.monotonic()
        self._speaking[parser] = now
        self._speaking.move_to_end(parser)
        fixes = parser.feed(data, time.time())
        passed = self._passed(parser, fixes, now)
        self.ear.heard(data, len(fixes), len(passed))
        if passed:
            self.take(passed)
        return len(passed)

    def end(self, parser: Parser) -> None:
        """A stream is over: its last line is whole, or never will be."""
        if self._speaking.pop(parser, None) is not None:
            self._finish(parser, parser.feed(b"\n", time.time()))

    def end_all(self) -> None:
        """All streams are over."""
        for parser in list(self._speaking):
            self.end(parser)

    async def watch(self) -> None:
        """See again and again who has paused and whether all are silent, until cancelled."""
        while True:
            await asyncio.sleep(self.ear.look_every_s)
            self.ear.look()
            before = time.monotonic() - _PAUSE_S
            while self._speaking and next(iter(self._speaking.values())) <= before:
                parser, _ = self._speaking.popitem(last=False)
                self._finish(parser, [])

    def _finish(self, parser: Parser, fixes: list[Fix]) -> None:
        fixes = fixes + parser.finish(time.time())
        passed = self._passed(parser, fixes, time.monotonic())
        if fixes:
            self.ear.found(len(passed))
        if passed:
            self.take(passed)

    def _passed(self, parser: Parser, fixes: list[Fix], now: float) -> list[Fix]:
        if parser.rejected:
            self.guard.counted.update(parser.rejected)
            parser.rejected.clear()
        return self.guard.passed(fixes, now)


_PAUSE_S = 2.0  # receivers that speak every second pause for less
_TEXT = bytes([9, 10, 13, *range(32, 127)])


async def keep_trying(hearing: Hearing, attempt: Callable[[Backoff], Awaitable[None]], where: str) -> None:
    """Connect again and again, until cancelled.

    :param attempt: connects and hears until the connection ends; it resets the back-off when something has come in
    :param where: what is connected to, for the sentence
    """
    backoff, ear = Backoff(), hearing.ear
    watching = asyncio.ensure_future(hearing.watch())
    try:
        while True:
            try:
                await attempt(backoff)
                trouble = f"{where} closed the connection."
            except OSError as error:
                trouble = sentence(error, where)
            finally:
                hearing.end_all()
            ear.closed()
            wait_s = backoff.wait_s()
            ear.say(FAILED, trouble)
            await asyncio.sleep(wait_s)
    finally:
        watching.cancel()


def sentence(error: OSError, where: str) -> str:
    """Why something cannot be opened, in one sentence with what to do about it."""
    if isinstance(error, socket.gaierror):
        return f"{where} is not known: the name of the computer cannot be found."
    if isinstance(error, ssl.SSLError):
        return f"{where}: no secure connection ({error.reason or 'TLS'})."
    known = _REASONS.get(error.errno or 0)
    if known is None and isinstance(error, TimeoutError):
        known = _REASONS[errno.ETIMEDOUT]
    return f"{where} {known}" if known else f"{where} cannot be opened ({error.strerror or error})."


_REASONS = {
    errno.EACCES: "may not be opened by you; the account needs the right to (on Linux, the group “dialout”).",
    errno.EPERM: "may not be opened by you; the account needs the right to.",
    errno.EADDRINUSE: "is in use by another program; end that one, or take another port.",
    errno.EADDRNOTAVAIL: "is no address of this computer.",
    errno.EBUSY: "is in use by another program; end that one first.",
    errno.EWOULDBLOCK: "is in use by another program; end that one first.",
    errno.ENOENT: "is not there; plug the receiver in.",
    errno.ENXIO: "is not there; plug the receiver in.",
    errno.ENODEV: "is not there; plug the receiver in.",
    errno.EIO: "is gone; plug the receiver in again.",
    errno.ECONNREFUSED: "refuses the connection; nothing listens there.",
    errno.ECONNRESET: "broke the connection off.",
    errno.ETIMEDOUT: "does not answer.",
    errno.EHOSTUNREACH: "cannot be reached.",
    errno.ENETUNREACH: "cannot be reached; there is no network.",
}


def text_of(settings: Mapping[str, Any], key: str, default: str | None = None) -> str:
    """A text of a source's settings.

    :raises InputError: it is missing, or no text
    """
    value = settings.get(key, default)
    if not isinstance(value, str) or (not value and default is None):
        raise InputError(f"The source “{settings.get('name', '?')}” needs a text for “{key}”.", _SEE)
    return value


def number_of(settings: Mapping[str, Any], key: str, default: float | None, low: float, high: float) -> float:
    """A number of a source's settings, from ``low`` to ``high``.

    :raises InputError: it is missing, no number, or out of bounds
    """
    value = settings.get(key, default)
    if not isinstance(value, (int, float)) or isinstance(value, bool) or not low <= value <= high:
        raise InputError(
            f"The source “{settings.get('name', '?')}” needs a number from {low:g} to {high:g} for “{key}”.", _SEE
        )
    return value


_SEE = "See “Sources and security” in live.md."
