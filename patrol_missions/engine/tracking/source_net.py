"""Reports over the network: a connection to a hub, or a port that units or hubs connect or send to."""

from __future__ import annotations

import asyncio
import re
import time
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

from patrol_missions.core.errors import InputError
from patrol_missions.engine.tracking import limits
from patrol_missions.engine.tracking.limits import Allowance, Guard
from patrol_missions.engine.tracking.sources import (
    FAILED,
    Backoff,
    Ear,
    Hearing,
    Parser,
    ParserFor,
    Take,
    Told,
    keep_trying,
    number_of,
    sentence,
    text_of,
)

_CONNECT_WITHIN_S = 10.0
_MOST = 1 << 16
# A message of NMEA or TAIP without its end; nothing goes over a mark, so that hostile bytes cost no time.
_BEGUN = re.compile(rb"[$!](?![^$!]*\*[0-9A-Fa-f]{2})[^$!]*\Z|>[^<>]*\Z")


class TcpClient:
    """Connects to a hub, a modem or a receiver with a network port, and listens.

    :param settings: ``name``, ``host``, ``port``, and perhaps ``unit`` and ``silent_s`` (60)
    :param greeting: what is said first
    """

    def __init__(self, settings: Mapping[str, Any], parser: ParserFor, guard: Guard, greeting: bytes = b"") -> None:
        self.name = text_of(settings, "name")
        self._host = text_of(settings, "host", "127.0.0.1")
        self._port = int(number_of(settings, "port", None, 1, 65535))
        self._unit = text_of(settings, "unit", self._host)
        self._silent_s = number_of(settings, "silent_s", 60.0, 0.1, 86400)
        self._parser, self._guard, self._greeting = parser, guard, greeting

    async def run(self, take: Take, told: Told) -> None:
        """Connect and listen until cancelled."""
        ear = Ear(self.name, told, self._silent_s)
        hearing = Hearing(self._guard, ear, take)

        async def attempt(backoff: Backoff) -> None:
            await self._listen(hearing, backoff)

        await keep_trying(hearing, attempt, self._where)

    @property
    def _where(self) -> str:
        return f"{self._host}, port {self._port},"

    async def _listen(self, hearing: Hearing, backoff: Backoff) -> None:
        connecting = asyncio.open_connection(self._host, self._port, limit=_MOST)
        try:
            reader, writer = await asyncio.wait_for(connecting, _CONNECT_WITHIN_S)
        except asyncio.TimeoutError as error:
            raise TimeoutError from error
        try:
            writer.write(self._greeting)
            hearing.ear.opened(f"Connected to {self._where[:-1]}.")
            parser, allowance = self._parser(self._unit), _allowance(hearing.guard)
            while data := await reader.read(_MOST):
                if hearing.hear(parser, data):
                    backoff.reset()
                wait_s = allowance.owe(len(data), time.monotonic())
                if wait_s:
                    await asyncio.sleep(wait_s)
        finally:
            writer.close()


class _Server:
    """What a TCP and a UDP port have in common.

    :param settings: ``name``, ``port``, and perhaps ``host`` (127.0.0.1), ``units`` (unit by address; others are called
        by their address), ``silent_s`` (60)
    """

    def __init__(self, settings: Mapping[str, Any], parser: ParserFor, guard: Guard) -> None:
        self.name = text_of(settings, "name")
        self.host = text_of(settings, "host", "127.0.0.1")
        self.port = int(number_of(settings, "port", None, 0, 65535))
        self._silent_s = number_of(settings, "silent_s", 60.0, 0.1, 86400)
        units = settings.get("units", {})
        if not isinstance(units, Mapping) or not all(isinstance(each, str) for each in units.values()):
            raise InputError(f"The source “{self.name}” needs “units” as an object of addresses and names.")
        self._units = units
        self._parser, self._guard = parser, guard

    async def run(self, take: Take, told: Told) -> None:
        """Listen until cancelled."""
        ear = Ear(self.name, told, self._silent_s)
        hearing = Hearing(self._guard, ear, take)

        async def attempt(_backoff: Backoff) -> None:
            await self._serve(hearing)

        await keep_trying(hearing, attempt, self._where)

    @property
    def _where(self) -> str:
        return f"Port {self.port} of {self.host}"

    def _parser_of(self, address: str) -> Parser:
        return self._parser(self._units.get(address, address))

    async def _serve(self, hearing: Hearing) -> None:
        raise NotImplementedError


class TcpServer(_Server):
    """A port that units or hubs connect to."""

    async def _serve(self, hearing: Hearing) -> None:
        loop = asyncio.get_running_loop()
        crowd = Crowd(hearing.guard)
        server = await loop.create_server(lambda: _Caller(self, hearing, crowd), self.host, self.port, backlog=1024)
        self.port = server.sockets[0].getsockname()[1]
        hearing.ear.opened(f"Port {self.port} is open; nobody has sent anything yet.")
        try:
            while True:
                await asyncio.sleep(1.0)
                crowd.close_idle(time.monotonic())
        finally:
            server.close()
            crowd.close()


class Crowd:
    """All connections of one source, the one that was of no use for longest first."""

    def __init__(self, guard: Guard) -> None:
        self._guard = guard
        self._members: OrderedDict[Any, float] = OrderedDict()

    def __len__(self) -> int:
        return len(self._members)

    def join(self, member: asyncio.Protocol, transport: asyncio.BaseTransport) -> bool:
        """Let a connection in; whether it may stay."""
        peer = transport.get_extra_info("peername")
        if not peer or not self._guard.lets_in(peer[0]):
            cast(asyncio.Transport, transport).abort()
            return False
        if len(self._members) >= self._guard.limits.connections:
            oldest = next(iter(self._members))
            self._guard.counted[limits.CONNECTIONS] += 1
            self._put_out(oldest)
        self._members[member] = time.monotonic()
        return True

    def useful(self, member: asyncio.Protocol) -> None:
        """It has sent something that counts."""
        if member in self._members:
            self._members[member] = time.monotonic()
            self._members.move_to_end(member)

    def leave(self, member: asyncio.Protocol) -> None:
        """It is gone."""
        self._members.pop(member, None)

    def close_idle(self, now: float) -> None:
        """Close what has been of no use for long."""
        while self._members:
            member, since = next(iter(self._members.items()))
            if now - since < self._guard.limits.idle_s:
                return
            self._guard.counted[limits.IDLE] += 1
            self._put_out(member)

    def close(self) -> None:
        """Close all."""
        while self._members:
            self._put_out(next(iter(self._members)))

    def _put_out(self, member: Any) -> None:
        del self._members[member]
        member.transport.abort()


class _Caller(asyncio.Protocol):
    """One connection: no task and no buffer of its own, so that ten thousand cost little."""

    __slots__ = ("_allowance", "_crowd", "_hearing", "_parser", "_server", "transport")

    def __init__(self, server: TcpServer, hearing: Hearing, crowd: Crowd) -> None:
        self._server, self._hearing, self._crowd = server, hearing, crowd
        self._parser: Parser | None = None
        self._allowance = _allowance(hearing.guard)
        self.transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See who calls."""
        self.transport = cast(asyncio.Transport, transport)
        if self._crowd.join(self, transport):
            self._parser = self._server._parser_of(transport.get_extra_info("peername")[0])  # noqa: SLF001 - its own

    def data_received(self, data: bytes) -> None:
        """Hear; who sends too fast has to wait."""
        if self._parser is None or self.transport is None:
            return
        if self._hearing.hear(self._parser, data):
            self._crowd.useful(self)
        wait_s = self._allowance.owe(len(data), time.monotonic())
        if wait_s:
            self._hearing.guard.counted[limits.BYTES] += 1
            self.transport.pause_reading()
            asyncio.get_running_loop().call_later(wait_s, self._resume)

    def connection_lost(self, _error: Exception | None) -> None:
        """Let go; what the stream has said last counts, too."""
        self._crowd.leave(self)
        if self._parser is not None:
            self._hearing.end(self._parser)
            self._parser = None

    def _resume(self) -> None:
        if self.transport is not None and not self.transport.is_closing():
            self.transport.resume_reading()


class UdpServer(_Server):
    """A port that units send to: whole lines, or a stream that is cut into datagrams anywhere."""

    async def _serve(self, hearing: Hearing) -> None:
        loop = asyncio.get_running_loop()
        lost: asyncio.Future[None] = loop.create_future()
        transport, _ = await loop.create_datagram_endpoint(
            lambda: _Letterbox(self, hearing, lost), (self.host, self.port)
        )
        self.port = transport.get_extra_info("sockname")[1]
        hearing.ear.opened(f"Port {self.port} is open; nobody has sent anything yet.")
        try:
            await lost
        finally:
            transport.close()


@dataclass
class _Sender:
    """Who sends datagrams.

    :param begun: how the message begins in which the last datagram ended, if it did: some senders send no end of the
        line, others cut a stream into datagrams anywhere
    """

    parser: Parser
    allowance: Allowance
    begun: bytes = b""

    def lines(self, data: bytes) -> bytes:
        """The next datagram, with the end of its last line unless more of that has to come."""
        text = self.begun + data
        found = _BEGUN.search(text, text.rfind(b"\n") + 1)
        self.begun = found[0][:1] if found else b""
        return data if found else data + b"\n"


class _Letterbox(asyncio.DatagramProtocol):
    """All datagrams of a port, with a parser for each of the latest senders."""

    def __init__(self, server: UdpServer, hearing: Hearing, lost: asyncio.Future[None]) -> None:
        self._server, self._hearing, self._lost = server, hearing, lost
        self._senders: OrderedDict[str, _Sender] = OrderedDict()

    def datagram_received(self, data: bytes, address: tuple[Any, ...]) -> None:
        """Hear, if the sender may speak."""
        host, guard = address[0], self._hearing.guard
        sender = self._senders.get(host)
        if sender is None:
            if not guard.lets_in(host):
                return
            sender = _Sender(self._server._parser_of(host), _allowance(guard))  # noqa: SLF001 - its own
            self._senders[host] = sender
            if len(self._senders) > guard.limits.connections:
                _, silent = self._senders.popitem(last=False)
                self._hearing.end(silent.parser)
        if not sender.allowance.spend(len(data), time.monotonic()):
            guard.counted[limits.BYTES] += 1
            return
        self._senders.move_to_end(host)
        self._hearing.hear(sender.parser, sender.lines(data))

    def error_received(self, error: Exception) -> None:
        """Say what the system says; the port stays open."""
        if isinstance(error, OSError):
            self._hearing.ear.say(FAILED, sentence(error, f"Port {self._server.port}"))

    def connection_lost(self, error: Exception | None) -> None:
        """The port is gone."""
        if not self._lost.done():
            self._lost.set_result(None) if error is None else self._lost.set_exception(error)


def _allowance(guard: Guard) -> Allowance:
    rate = guard.limits.bytes_per_second
    return Allowance(rate, max(rate, float(_MOST)))
