"""Reports of telephones and trackers over HTTP, as the apps OsmAnd and Traccar Client send them; with TLS where given.

A report is answered with 200 only when it is in the ledger: a telephone keeps what was not answered and sends it again.
"""

from __future__ import annotations

import asyncio
import hmac
import ssl
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, cast
from urllib.parse import parse_qs, urlsplit

import h11

from patrol_missions.core.errors import InputError, PatrolError
from patrol_missions.engine.tracking.fixes import Fix
from patrol_missions.engine.tracking.limits import Guard
from patrol_missions.engine.tracking.source_net import Crowd
from patrol_missions.engine.tracking.sources import (
    Backoff,
    Ear,
    Hearing,
    Take,
    Told,
    keep_trying,
    number_of,
    text_of,
)

TOKEN = "request without the right token"  # nosec B105 - words for a counter
SLOW = "request not complete in time"
REQUEST = "bad request"

_HEADERS = 8 * 1024
_BODY = 8 * 1024
_AT_ONCE = 64 * 1024  # what may wait of one connection while one of its requests is being answered

ParseQuery = Callable[[str, float], Fix]
Written = Callable[[], Awaitable[bool]]


class HttpSource:
    """A port for HTTP requests.

    :param settings: ``name``, ``port``, and perhaps ``host`` (127.0.0.1), ``token``, ``certificate`` and ``key`` (PEM
        files), ``silent_s`` (300)
    :param parse: a report from the query of a request, or an :class:`InputError`
    :param written: waits until all that was taken so far is in the ledger; false where it cannot be
    """

    def __init__(self, settings: Mapping[str, Any], parse: ParseQuery, guard: Guard, written: Written) -> None:
        self.name = text_of(settings, "name")
        self.host = text_of(settings, "host", "127.0.0.1")
        self.port = int(number_of(settings, "port", None, 0, 65535))
        self.token = text_of(settings, "token", "")
        self._silent_s = number_of(settings, "silent_s", 300.0, 0.1, 86400)
        self._tls = _tls(text_of(settings, "certificate", ""), text_of(settings, "key", ""))
        self.parse, self.guard, self.written = parse, guard, written

    async def run(self, take: Take, told: Told) -> None:
        """Listen until cancelled."""
        ear = Ear(self.name, told, self._silent_s)
        hearing = Hearing(self.guard, ear, take)

        async def attempt(_backoff: Backoff) -> None:
            await self._serve(hearing)

        await keep_trying(hearing, attempt, f"Port {self.port} of {self.host}")

    async def _serve(self, hearing: Hearing) -> None:
        crowd = Crowd(self.guard)
        within_s = self.guard.limits.header_s if self._tls else None
        server = await asyncio.get_running_loop().create_server(
            lambda: _Request(self, hearing, crowd), self.host, self.port,
            backlog=1024, ssl=self._tls, ssl_handshake_timeout=within_s,
        )  # fmt: skip
        self.port = server.sockets[0].getsockname()[1]
        hearing.ear.opened(f"Port {self.port} is open; nobody has sent anything yet.")
        try:
            while True:
                await asyncio.sleep(1.0)
                crowd.close_idle(time.monotonic())
        finally:
            server.close()
            crowd.close()

    def may(self, query: str, authorization: str) -> bool:
        """Whether a request has the token, in its query or its header."""
        if not self.token:
            return True
        given = parse_qs(query).get("token", [""])[0] or authorization.partition("Bearer ")[2]
        return hmac.compare_digest(given.encode(), self.token.encode())


def _tls(certificate: str, key: str) -> ssl.SSLContext | None:
    if not certificate:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        context.load_cert_chain(certificate, key or None)
    except (OSError, ssl.SSLError) as error:
        raise InputError(
            f"The certificate {certificate} cannot be used ({error.strerror or error}).",
            "Name a certificate and its key, both as PEM files that this account can read.",
        ) from error
    return context


class _Request(asyncio.Protocol):
    """One connection, with one request after the other."""

    def __init__(self, source: HttpSource, hearing: Hearing, crowd: Crowd) -> None:
        self._source, self._hearing, self._crowd = source, hearing, crowd
        self._talk = h11.Connection(h11.SERVER, max_incomplete_event_size=_HEADERS)
        self._head: h11.Request | None = None
        self._body = b""
        self._answering: asyncio.Task[None] | None = None
        self._deadline: asyncio.TimerHandle | None = None
        self._waiting = 0
        self.transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See who calls; the request has to be complete soon."""
        self.transport = cast(asyncio.Transport, transport)
        if self._crowd.join(self, transport):
            self._expect()

    def data_received(self, data: bytes) -> None:
        """Go on with the request."""
        if self.transport is None or self.transport.is_closing():
            return
        try:
            self._talk.receive_data(data)
            if self._answering is None:
                if self._deadline is None:
                    self._expect()
                self._read()
                return
        except h11.RemoteProtocolError as error:
            self._refuse(error.error_status_hint or 400, "This is no HTTP request.", REQUEST)
            return
        self._waiting += len(data)
        if self._waiting > _AT_ONCE:
            self.transport.abort()

    def connection_lost(self, _error: Exception | None) -> None:
        """Let go."""
        self._crowd.leave(self)
        self._in_time()

    def _read(self) -> None:
        while True:
            event = self._talk.next_event()
            if isinstance(event, h11.Request):
                self._head, self._body = event, b""
            elif isinstance(event, h11.Data):
                self._body += event.data
                if len(self._body) > _BODY:
                    self._refuse(413, "The request is too large.", REQUEST)
                    return
            elif isinstance(event, h11.EndOfMessage):
                self._in_time()
                self._answering = asyncio.ensure_future(self._reply())
                return
            elif isinstance(event, h11.ConnectionClosed):
                self._close()
                return
            else:  # more has to come
                if self._talk.they_are_waiting_for_100_continue:
                    self._send(h11.InformationalResponse(status_code=100, headers=[]))
                return

    async def _reply(self) -> None:
        try:
            status, text = await self._result()
        except PatrolError as error:
            self._source.guard.counted[REQUEST] += 1
            status, text = 400, error.message
        self._answer(status, text)
        self._answering = None
        self._next()

    def _next(self) -> None:
        """Go on with a request that came while another was answered, or wait for one."""
        self._waiting = 0
        if self._talk.our_state is h11.DONE and self._talk.their_state is h11.DONE:
            self._talk.start_next_cycle()
            try:
                self._read()
            except h11.RemoteProtocolError as error:
                self._refuse(error.error_status_hint or 400, "This is no HTTP request.", REQUEST)
        else:
            self._close()

    async def _result(self) -> tuple[int, str]:
        """Take what the request says; status and text of the answer."""
        head, source = self._head, self._source
        if head is None or head.method not in (b"GET", b"POST"):
            return 405, "Send reports with GET or POST."
        query = urlsplit(head.target.decode("latin-1")).query
        authorization = dict(head.headers).get(b"authorization", b"").decode("latin-1")
        form = self._body.decode("utf-8", "replace").strip()
        if form and "=" in form:
            query = f"{query}&{form}" if query else form
        if not source.may(query, authorization):
            source.guard.counted[TOKEN] += 1
            return 401, "The token is missing or wrong."
        fix = source.parse(query, time.time())
        passed = source.guard.passed([fix], time.monotonic())
        self._hearing.ear.heard(b"", 1, len(passed))
        if not passed:
            return 403, "This unit is not tracked, or sends too much."
        self._crowd.useful(self)
        self._hearing.take(passed)
        if await source.written():
            return 200, ""
        return 503, "The report could not be kept; send it again."

    def _refuse(self, status: int, text: str, why: str) -> None:
        self._source.guard.counted[why] += 1
        self._in_time()
        self._answer(status, text)
        self._close()

    def _answer(self, status: int, text: str) -> None:
        if self._talk.our_state not in (h11.IDLE, h11.SEND_RESPONSE):
            return
        body = f"{text}\n".encode() if text else b""
        headers = [("content-length", str(len(body))), ("content-type", "text/plain; charset=utf-8")]
        if status == 401:
            headers.append(("www-authenticate", "Bearer"))
        self._send(h11.Response(status_code=status, headers=headers))
        if body:
            self._send(h11.Data(data=body))
        self._send(h11.EndOfMessage())

    def _send(self, event: Any) -> None:
        try:
            data = self._talk.send(event)
        except h11.LocalProtocolError:  # the other side broke the rules meanwhile: nothing can be said to it
            self._close()
            return
        if data and self.transport is not None and not self.transport.is_closing():
            self.transport.write(data)

    def _close(self) -> None:
        if self.transport is not None and not self.transport.is_closing():
            self.transport.close()

    def _expect(self) -> None:
        """Start the time within which the request has to be complete."""
        self._deadline = asyncio.get_running_loop().call_later(self._source.guard.limits.header_s, self._late)

    def _in_time(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _late(self) -> None:
        self._deadline = None
        self._refuse(408, "The request was not complete in time.", SLOW)
