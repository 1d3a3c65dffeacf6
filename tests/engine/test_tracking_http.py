"""Reports over HTTP and TLS with real sockets: the good are answered once they are kept, the bad harm nobody."""

from __future__ import annotations

import asyncio
import shutil
import ssl
import subprocess
import time
from contextlib import suppress

import pytest
from tracking_fakes import any_unit, parse_query, running

from patrol_missions.core.errors import InputError
from patrol_missions.engine.tracking.fixes import Fix
from patrol_missions.engine.tracking.source_http import HttpSource

FIX = Fix("car 1", 1000.0, 13.4, 52.5)
QUERY = "id=car+1&timestamp=1000&lon=13.4&lat=52.5"


def http_source(guard=None, written=None, **more) -> HttpSource:
    async def at_once():
        return True

    return HttpSource({"name": "phones", "port": 0, **more}, parse_query, guard or any_unit(), written or at_once)


async def ask(source, request: bytes, secure=None, seconds=5.0) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", source.port, ssl=secure)
    writer.write(request)
    try:
        return await asyncio.wait_for(reader.read(), seconds)
    finally:
        writer.close()


def request(target: str = f"/?{QUERY}", method="GET", body="", *headers: str) -> bytes:
    lines = [f"{method} {target} HTTP/1.1", "Host: x", "Connection: close", *headers]
    if body:
        lines.append(f"Content-Length: {len(body)}")
    return ("\r\n".join(lines) + "\r\n\r\n" + body).encode("latin-1")


def answers(*requests: bytes, **more):
    """Status lines of a source's answers, and what was heard."""

    async def play():
        source = http_source(**more)
        async with running(source) as heard:
            await heard.until_says("is open")
            found = [(await ask(source, each)).partition(b"\r\n")[0].decode() for each in requests]
            return [int(each.split()[1]) if each else 0 for each in found], heard

    return asyncio.run(play())


def test_reports_by_get_and_post():
    found, heard = answers(request(), request("/", "POST", QUERY), request(f"/?{QUERY}", "POST"))
    assert found == [200] * 3
    assert heard.fixes == [FIX] * 3


def test_several_reports_over_one_connection_also_without_waiting():
    async def play():
        source = http_source()
        async with running(source) as heard:
            await heard.until_says("is open")
            one = request().replace(b"Connection: close\r\n", b"")
            reply = await ask(source, one + one + request())
            assert reply.count(b"HTTP/1.1 200") == 3
            return heard.fixes

    assert asyncio.run(play()) == [FIX] * 3


def test_bad_requests_are_answered_and_counted():
    guard = any_unit()
    bad = [
        b"nonsense\r\n\r\n", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" * 3 + b"\r\n\r\n",
        request("/?id=car"), request("/", "DELETE"), request("/", "POST", "x=" + "y" * 10_000),
        b"GET / HTTP/1.1\r\nX: " + b"y" * 20_000, request("/?id=<b>&timestamp=1&lon=1&lat=1"),
        request("/", "POST", "", "Content-Length: five"),
    ]  # fmt: skip
    found, heard = answers(*bad, guard=guard)
    assert found[2:7] == [400, 405, 413, 431, 403]
    assert all(400 <= status < 500 for status in (*found[:2], found[7]))
    assert not heard.fixes
    assert guard.counted["bad request"] >= 5
    assert guard.counted["name of a unit not allowed"] == 1


def test_the_token_is_asked_for():
    guard, right = any_unit(), "s e/cret"
    found, heard = answers(
        request(), request(f"/?{QUERY}&token=wrong"), request("/?" + QUERY, "GET", "", "Authorization: Bearer wrong"),
        request(f"/?{QUERY}&token=s+e%2Fcret"), request("/?" + QUERY, "GET", "", f"Authorization: Bearer {right}"),
        request("/", "POST", f"{QUERY}&token=s+e%2Fcret"), guard=guard, token=right,
    )  # fmt: skip
    assert found == [401, 401, 401, 200, 200, 200]
    assert len(heard.fixes) == 3
    assert guard.counted["request without the right token"] == 3


def test_a_report_is_answered_when_it_is_written():
    async def play():
        kept = asyncio.Event()

        async def written():
            await kept.wait()
            return True

        source = http_source(written=written)
        async with running(source) as heard:
            await heard.until_says("is open")
            asked = asyncio.ensure_future(ask(source, request()))
            await heard.until_fixes(1)
            await asyncio.sleep(0.1)
            assert not asked.done()
            kept.set()
            return await asked

    assert b" 200 " in asyncio.run(play())


def test_a_report_that_cannot_be_kept_is_sent_again():
    async def never():
        return False

    assert answers(request(), written=never)[0] == [503]


def test_a_request_that_never_ends_is_cut_off():
    guard = any_unit(header_s=0.5)

    async def play():
        source = http_source(guard)
        async with running(source) as heard:
            await heard.until_says("is open")
            reader, writer = await asyncio.open_connection("127.0.0.1", source.port)
            start = time.monotonic()

            async def drip():
                for letter in request():
                    writer.write(bytes([letter]))
                    await asyncio.sleep(0.1)

            dripping = asyncio.ensure_future(drip())
            reply = await reader.read()
            dripping.cancel()
            writer.close()
            assert time.monotonic() - start < 2
            return reply

    assert b" 408 " in asyncio.run(play())
    assert guard.counted["request not complete in time"] == 1


def make_certificate(folder):
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "key.pem", "-out", "cert.pem"]
    command += ["-days", "2", "-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1"]
    subprocess.run(command, cwd=folder, check=True, capture_output=True)
    return str(folder / "cert.pem"), str(folder / "key.pem")


@pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl makes the certificate")
def test_reports_over_a_secure_connection(tmp_path):
    certificate, key = make_certificate(tmp_path)

    async def play():
        source = http_source(any_unit(header_s=0.5), certificate=certificate, key=key)
        async with running(source) as heard:
            await heard.until_says("is open")
            reply = await ask(source, request(), ssl.create_default_context(cafile=certificate))
            with pytest.raises(ssl.SSLError):
                await ask(source, request(), ssl.create_default_context())
            plain = b""
            with suppress(ConnectionError):
                plain = await ask(source, request())
            assert b" 200 " not in plain
            reader, writer = await asyncio.open_connection("127.0.0.1", source.port)
            assert await asyncio.wait_for(reader.read(), 3) == b"", "a handshake that does not come is not waited for"
            writer.close()
            return reply, heard.fixes

    reply, fixes = asyncio.run(play())
    assert b" 200 " in reply
    assert fixes == [FIX]


def test_a_certificate_that_cannot_be_read(tmp_path):
    (tmp_path / "cert.pem").write_text("nothing")
    for name in ("cert.pem", "none.pem"):
        with pytest.raises(InputError, match=name):
            http_source(certificate=str(tmp_path / name))
