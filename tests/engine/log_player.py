"""Plays the bytes of a log, without a pause, to the sources that units send to, through real ports of this computer."""

from __future__ import annotations

import asyncio
import os
import socket
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any
from unittest.mock import patch

from tracking_fakes import any_unit, pseudo_port, running

from patrol_missions.engine.tracking import sources
from patrol_missions.engine.tracking.fixes import Fix
from patrol_missions.engine.tracking.source_net import TcpClient, TcpServer, UdpServer
from patrol_missions.engine.tracking.source_serial import SerialSource

UNIT = "car 1"
HERE = "127.0.0.1"
NOW = 1_773_840_500.0
"""When all is played: positions without a date are those of this day."""
CUT = "UDP cut anywhere"
_DATAGRAM, _CUT = 1_400, 1_001
_WITHIN_S = 20.0


@dataclass(frozen=True)
class Found:
    """What came out of a log.

    :param rejected: how much could not be used, by why
    """

    fixes: list[Fix]
    rejected: Counter[str]


class _Watched:
    """A parser, and how far it is."""

    def __init__(self, parser: Any) -> None:
        self._parser, self.rejected = parser, parser.rejected
        self.received, self.finished = 0, False

    def feed(self, data: bytes, now: float) -> list[Fix]:
        self.received += len(data)
        return self._parser.feed(data, now)

    def finish(self, now: float) -> list[Fix]:
        self.finished = True
        return self._parser.finish(now)


def direct(parser: Callable[[str], Any], data: bytes) -> Found:
    """What a parser makes of a log that it gets as a whole."""
    one = parser(UNIT)
    return Found(one.feed(data + b"\n", NOW) + one.finish(NOW), one.rejected)


async def play(way: str, parser: Callable[[str], Any], data: bytes) -> Found:
    """Play a log to a source; what is tracked and what is counted of it.

    :param way: one of :data:`WAYS`
    """
    made: list[_Watched] = []
    guard = any_unit(bytes_per_second=1e9, reports_at_once=1_000_000)

    def parser_for(unit: str) -> _Watched:
        made.append(_Watched(parser(unit)))
        return made[-1]

    def source(kind: Any, **settings: Any) -> Any:
        return kind({"name": way, "unit": UNIT, "units": {HERE: UNIT}, **settings}, parser_for, guard)

    with patch.object(sources.time, "time", lambda: NOW):
        fixes = await _WAYS[way](source, made, data)
    return Found(fixes, guard.counted)


async def _serial(source: Any, made: list[_Watched], data: bytes) -> list[Fix]:
    with pseudo_port() as (device, port):
        async with running(source(SerialSource, port=port)) as heard:
            await heard.until_says("is open")
            rest = memoryview(data)
            while rest:
                rest = rest[os.write(device, rest) :]
            await heard.until(lambda: made[0].received == len(data), _WITHIN_S)
            os.close(device)
            await heard.until(lambda: made[0].finished, _WITHIN_S)
    return heard.fixes


async def _tcp_client(source: Any, made: list[_Watched], data: bytes) -> list[Fix]:
    async def serve(_reader: Any, writer: asyncio.StreamWriter) -> None:
        writer.write(data)
        writer.close()

    async with await asyncio.start_server(serve, HERE, 0) as server:
        port = server.sockets[0].getsockname()[1]
        async with running(source(TcpClient, host=HERE, port=port)) as heard:
            await heard.until(lambda: made and made[0].finished, _WITHIN_S)
    return heard.fixes


async def _tcp_server(source: Any, made: list[_Watched], data: bytes) -> list[Fix]:
    server = source(TcpServer, port=0)
    async with running(server) as heard:
        await heard.until_says("is open")
        _, writer = await asyncio.open_connection(HERE, server.port)
        writer.write(data)
        writer.close()
        await heard.until(lambda: made and made[0].finished, _WITHIN_S)
    return heard.fixes


async def _udp(source: Any, made: list[_Watched], data: bytes) -> list[Fix]:
    return await _letters(source, made, datagrams(data))


async def _udp_cut(source: Any, made: list[_Watched], data: bytes) -> list[Fix]:
    return await _letters(source, made, [data[at : at + _CUT] for at in range(0, len(data), _CUT)])


async def _letters(source: Any, made: list[_Watched], sent: list[bytes]) -> list[Fix]:
    server = source(UdpServer, port=0)
    async with running(server) as heard:
        await heard.until_says("is open")
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as letter:
            letter.connect((HERE, server.port))
            for datagram in sent:
                letter.send(datagram)
                await asyncio.sleep(0)  # so that no more are on their way than a socket holds
        await heard.until(lambda: made and made[0].received >= sum(map(len, sent)), _WITHIN_S)
    return heard.fixes


def datagrams(data: bytes) -> list[bytes]:
    """The bytes in datagrams of whole lines."""
    found = [b""]
    for line in data.splitlines(keepends=True):
        if len(found[-1]) + len(line) > _DATAGRAM and found[-1].endswith(b"\n"):
            found.append(b"")
        found[-1] += line
    return found


_WAYS: dict[str, Callable[[Any, list[_Watched], bytes], Awaitable[list[Fix]]]] = {
    "serial": _serial,
    "TCP client": _tcp_client,
    "TCP server": _tcp_server,
    "UDP": _udp,
    CUT: _udp_cut,
}
WAYS = tuple(_WAYS)
