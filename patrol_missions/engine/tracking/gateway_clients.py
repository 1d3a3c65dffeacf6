"""Those who listen to the gateway, such as QGIS: a stream of events for each, and commands from them, as lines of JSON.

No client can hold the gateway or another client up: who does not read fast enough misses events, and is told how many.
"""

from __future__ import annotations

import asyncio
import hmac
import json
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any

from patrol_missions.core.errors import InputError, PatrolError

MOST_CLIENTS = 32
_BACKLOG = 4 << 20  # bytes that wait for one client
_LONGEST_LINE = 1 << 20
_LONGEST_TOKEN_LINE = 1024

Command = Callable[[Mapping[str, Any]], Awaitable[Mapping[str, Any]]]


class Client:
    """One who listens.

    :ivar follows: units whose positions it wants; ``None`` wants all
    """

    def __init__(self, writer: asyncio.StreamWriter) -> None:
        self._writer = writer
        self._missed = 0
        self.follows: frozenset[str] | None = None

    def give(self, lines: bytes, count: int) -> None:
        """Send lines, or count them as missed while too much waits for it already."""
        waiting = self._writer.transport.get_write_buffer_size()
        if waiting > _BACKLOG or (self._missed and waiting > _BACKLOG // 2):
            self._missed += count
            return
        if self._missed:
            text = f"{self._missed} events were left out, because they were not read in time."
            self._writer.write(encode({"event": "state", "missed": self._missed, "text": text}))
            self._missed = 0
        self._writer.write(lines)

    def answer(self, message: Mapping[str, Any]) -> None:
        """Send an answer, which is never left out: a client that does not read asks for none."""
        self._writer.write(encode(message))


def encode(message: Mapping[str, Any]) -> bytes:
    """One line of JSON."""
    return json.dumps(message, ensure_ascii=True, separators=(",", ":")).encode() + b"\n"


class Clients:
    """All who listen.

    :param token: what each has to say first
    :param greeting: what each is told then
    :param commands: what they may ask for, by its name; each gives what the answer holds
    :param header_s: within which the token has to come
    """

    def __init__(
        self, token: str, greeting: Mapping[str, Any], commands: Mapping[str, Command], header_s: float
    ) -> None:
        self._token, self._greeting, self._commands, self._header_s = token, greeting, commands, header_s
        self._clients: set[Client] = set()
        self._calls: dict[asyncio.Task[Any], asyncio.StreamWriter] = {}
        self.refused = 0

    def __len__(self) -> int:
        return len(self._clients)

    async def listen(self, host: str, port: int) -> asyncio.base_events.Server:
        """Open the port for them."""
        return await asyncio.start_server(self._call, host, port, limit=_LONGEST_LINE)

    def tell(self, events: Iterable[Mapping[str, Any]]) -> None:
        """Stream events to all."""
        if not self._clients:
            return
        lines = [(each["unit"] if each["event"] == "fix" else "", encode(each)) for each in events]
        if not lines:
            return
        whole = b"".join(line for _, line in lines)
        for client in self._clients:
            if client.follows is None:
                client.give(whole, len(lines))
            else:
                wanted = [line for unit, line in lines if not unit or unit in client.follows]
                if wanted:
                    client.give(b"".join(wanted), len(wanted))

    async def close(self) -> None:
        """Say good-bye to all."""
        for writer in self._calls.values():
            writer.close()
        for task in list(self._calls):
            task.cancel()
        await asyncio.gather(*self._calls, return_exceptions=True)

    async def _call(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is None or len(self._calls) >= MOST_CLIENTS:
            writer.close()
            return
        self._calls[task] = writer
        client = Client(writer)
        try:
            if await self._knows_token(reader):
                client.answer(self._greeting)
                self._clients.add(client)
                await self._converse(client, reader, writer)
            else:
                self.refused += 1
                client.answer({"event": "answer", "ok": False, "text": "The token is missing or wrong."})
        except (OSError, ValueError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass  # it is gone, speaks no lines, or the gateway ends
        finally:
            self._clients.discard(client)
            del self._calls[task]
            writer.close()

    async def _knows_token(self, reader: asyncio.StreamReader) -> bool:
        try:
            line = await asyncio.wait_for(reader.readuntil(b"\n"), self._header_s)
            given = json.loads(line[:_LONGEST_TOKEN_LINE])
        except (ValueError, asyncio.TimeoutError, asyncio.LimitOverrunError, asyncio.IncompleteReadError):
            return False
        said = given.get("token") if isinstance(given, dict) else None
        return isinstance(said, str) and hmac.compare_digest(said.encode(), self._token.encode())

    async def _converse(self, client: Client, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while line := await reader.readline():
            asked: Any = {}
            try:
                asked = json.loads(line)
                found = await self._do(client, asked)
                answer = {"ok": True, **found}
            except PatrolError as error:
                answer = {"ok": False, "text": error.message, "hint": error.hint}
            except ValueError:
                answer = {"ok": False, "text": "A command is a line with an object of JSON."}
            number = asked.get("id") if isinstance(asked, dict) else None
            client.answer({"event": "answer", "id": number, **answer})
            await writer.drain()  # who does not read its answers gets no more

    async def _do(self, client: Client, asked: Any) -> Mapping[str, Any]:
        name = asked.get("do") if isinstance(asked, dict) else None
        if name == "follow":
            units = asked.get("units")
            client.follows = None if units is None else frozenset(map(str, units))
            return {}
        command = self._commands.get(name) if isinstance(name, str) else None
        if command is None:
            known = ", ".join(sorted([*self._commands, "follow"]))
            raise InputError("There is no such command.", f"The commands are {known}.")
        return await command(asked)
