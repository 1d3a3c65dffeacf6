"""Sources with real ports, sockets and a real gpsd: they come back by themselves, and say what is wrong."""

from __future__ import annotations

import asyncio
import os
import shutil
import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from datetime import datetime, timezone
from pathlib import Path

import pytest
from tracking_fakes import LineParser, any_unit, pseudo_port, running

from patrol_missions.core.errors import InputError
from patrol_missions.engine.tracking import sources
from patrol_missions.engine.tracking.fixes import Fix
from patrol_missions.engine.tracking.gpsd_json import GpsdParser
from patrol_missions.engine.tracking.limits import Guard, Limits
from patrol_missions.engine.tracking.nmea import NmeaParser
from patrol_missions.engine.tracking.source_gpsd import GpsdSource
from patrol_missions.engine.tracking.source_net import TcpClient, TcpServer, UdpServer
from patrol_missions.engine.tracking.source_replay import ReplaySource
from patrol_missions.engine.tracking.source_serial import SerialSource
from patrol_missions.engine.tracking.sources import Backoff, sentence
from patrol_missions.engine.tracking.taip import TaipParser

LINE = b"car 1,1000,13.4,52.5\n"
FIX = Fix("car 1", 1000.0, 13.4, 52.5)


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


def rmc(second: int) -> bytes:
    """A sentence of a receiver that stands still, in one minute of 2026-11-28."""
    body = f"GPRMC,1200{second:02d}.00,A,5230.0000,N,01324.0000,E,0.0,0.0,281126,,"
    check = 0
    for sign in body.encode():
        check ^= sign
    return f"${body}*{check:02X}\r\n".encode()


MINUTE = datetime(2026, 11, 28, 12, tzinfo=timezone.utc).timestamp()


# --- serial ports


def serial_source(port: str, **more) -> SerialSource:
    return SerialSource({"name": "receiver", "port": port, "unit": "car 1", **more}, LineParser, any_unit())


def test_a_serial_port_is_read_and_free_afterwards():
    async def play():
        with pseudo_port() as (device, port):
            async with running(serial_source(port)) as heard:
                await heard.until_says("is open")
                os.write(device, LINE[:7])
                await asyncio.sleep(0.05)
                os.write(device, LINE[7:] + b",1001,13.4,52.5\n")
                await heard.until_fixes(2)
            async with running(serial_source(port)) as again:
                await again.until_says("is open")
            return heard

    heard = asyncio.run(play())
    assert heard.fixes == [FIX, Fix("car 1", 1001.0, 13.4, 52.5)]
    assert [state.state for state in heard.states] == ["waiting", "running"]


def test_sentences_of_a_receiver_come_through_a_serial_port():
    async def play():
        with pseudo_port() as (device, port):
            source = SerialSource({"name": "receiver", "port": port, "unit": "car 1"}, NmeaParser, any_unit())
            async with running(source) as heard:
                await heard.until_says("is open")
                for second in range(10):
                    os.write(device, rmc(second))
                    await asyncio.sleep(0.01)
                await heard.until_fixes(9)
                return heard.fixes

    assert [fix.at - MINUTE for fix in asyncio.run(play())][:9] == list(range(9))


def test_a_port_that_is_busy_is_told_and_taken_when_it_is_free():
    async def play():
        with pseudo_port() as (_, port):
            async with running(serial_source(port)) as first:
                await first.until_says("is open")
                async with running(serial_source(port)) as second:
                    await second.until_says("is in use by another program")
                    held = second
                    assert not [each for each in second.states if each.state == "waiting"]
            async with running(serial_source(port)) as third:
                await third.until_says("is open")
            return held

    asyncio.run(play())


def test_a_port_that_is_not_there_is_told_and_taken_when_it_is_plugged_in(tmp_path):
    async def play():
        port = tmp_path / "ttyUSB0"
        async with running(serial_source(str(port))) as heard:
            await heard.until_says("is not there; plug the receiver in")
            with pseudo_port() as (device, real):
                port.symlink_to(real)
                await heard.until_says("is open")
                os.write(device, LINE)
                await heard.until_fixes(1)
                os.close(device)  # unplugged
                await heard.until_says("plug the receiver in again")

    asyncio.run(play())


@pytest.mark.skipif(os.geteuid() == 0 and shutil.which("setpriv") is None, reason="root may open everything")
def test_a_port_that_one_may_not_open_is_told(tmp_path):
    code = """
import asyncio, sys
sys.path[:0] = sys.argv[2:]
from test_tracking_sources import serial_source
from tracking_fakes import running
async def play():
    async with running(serial_source(sys.argv[1])) as heard:
        await heard.until_says("dialout")
asyncio.run(play())
"""
    with pseudo_port() as (_, port):
        Path(port).chmod(0o000)
        paths = [os.environ["PATROL_STAGE"], str(Path(__file__).parent)]
        who = ["setpriv", "--bounding-set", "-dac_override,-dac_read_search", "--inh-caps", "-all"]
        if os.geteuid() == 0:
            os.chown(port, 12345, 12345)
        ended = subprocess.run(
            [*(who if os.geteuid() == 0 else []), sys.executable, "-c", code, port, *paths],
            capture_output=True, text=True, timeout=30, check=False,
        )  # fmt: skip
    assert ended.returncode == 0, ended.stderr


def test_a_wrong_rate_is_told():
    async def play():
        with pseudo_port() as (device, port):
            async with running(serial_source(port, baud=9600)) as heard:
                await heard.until_says("is open")
                os.write(device, bytes(range(128, 256)) * 4)
                await heard.until_says("9600 baud may be the wrong rate")
                assert heard.states[-1].state == "failed"
                os.write(device, b"\n" + LINE)
                await heard.until_fixes(1)
                assert heard.states[-1].state == "running"

    asyncio.run(play())


def test_silence_is_told_once():
    async def play():
        with pseudo_port() as (device, port):
            async with running(serial_source(port, silent_s=1.0)) as heard:
                await heard.until_says("is open")
                os.write(device, LINE)
                await heard.until_fixes(1)
                await heard.until_says("Nothing has been heard for 1 s")
                await asyncio.sleep(1.2)
                os.write(device, LINE)
                await heard.until_fixes(2)
                return [state.state for state in heard.states]  # now: on a busy machine the end may be silent, too

    assert asyncio.run(play()) == ["waiting", "running", "silent", "running"]


# --- TCP and UDP


def test_a_client_connects_again_and_what_was_cut_is_not_mixed():
    async def play():
        port = free_port()
        source = TcpClient({"name": "hub", "port": port}, LineParser, any_unit())
        async with running(source) as heard:
            await heard.until_says("refuses the connection")
            calls = []

            async def serve(_reader, writer):
                calls.append(writer)
                writer.write(LINE + b"car 2,10")  # the connection is cut within a line
                await writer.drain()
                if len(calls) == 1:
                    writer.close()

            server = await asyncio.start_server(serve, "127.0.0.1", port)
            await heard.until_fixes(2)
            assert "closed the connection" in " ".join(heard.texts)
            server.close()
            for writer in calls:
                writer.close()
            return heard

    assert asyncio.run(play()).fixes == [FIX, FIX]


def test_a_client_that_knows_no_host():
    async def play():
        source = TcpClient({"name": "hub", "host": "no.such.host.invalid", "port": 5}, LineParser, any_unit())
        async with running(source) as heard:
            await heard.until(lambda: heard.states, 10)
            return heard

    assert asyncio.run(play()).states[0].state == "failed"


@contextmanager
def calling(source):
    with socket.create_connection((source.host, source.port)) as call:
        yield call


def test_a_server_names_units_by_their_address():
    async def play():
        source = TcpServer({"name": "in", "port": 0, "units": {"127.0.0.1": "car 9"}}, LineParser, any_unit())
        async with running(source) as heard:
            await heard.until_says("is open")
            with calling(source) as call, calling(source) as other:
                call.sendall(b",1,13,52\n")
                other.sendall(LINE)
                await heard.until_fixes(2)
            return {fix.unit for fix in heard.fixes}

    assert asyncio.run(play()) == {"car 9", "car 1"}


async def ends(call) -> bool:
    """Whether the other side closes without a word."""
    try:
        return await asyncio.get_running_loop().sock_recv(call, 1) == b""
    except ConnectionError:
        return True


def test_strange_addresses_are_shut_out():
    guard = Guard(Limits(addresses=["10.0.0.0/8"], units=None))

    async def play():
        source = TcpServer({"name": "in", "port": 0}, LineParser, guard)
        letters = UdpServer({"name": "letters", "port": 0}, LineParser, guard)
        async with running(source) as heard, running(letters) as more:
            await heard.until_says("is open")
            await more.until_says("is open")
            with calling(source) as call:
                call.setblocking(False)
                assert await asyncio.wait_for(ends(call), 2)
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as letter:
                letter.sendto(LINE, ("127.0.0.1", letters.port))
            await heard.until(lambda: guard.counted["address not allowed"] == 2)
            assert not heard.fixes
            assert not more.fixes

    asyncio.run(play())


def test_a_port_that_another_program_has():
    async def play():
        with socket.create_server(("127.0.0.1", 0)) as held:
            port = held.getsockname()[1]
            async with running(TcpServer({"name": "in", "port": port}, LineParser, any_unit())) as heard:
                await heard.until_says("is in use by another program")
                held.close()
                await heard.until_says("is open")

    asyncio.run(play())


def test_datagrams():
    guard = any_unit()

    async def play():
        source = UdpServer({"name": "letters", "port": 0}, LineParser, guard)
        async with running(source) as heard:
            await heard.until_says("is open")
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as letter:
                for data in (LINE.strip(), b"\xff" * 2000, LINE + LINE, b""):
                    letter.sendto(data, ("127.0.0.1", source.port))
                await heard.until_fixes(3)
            return heard.fixes

    assert asyncio.run(play()) == [FIX] * 3
    assert guard.counted["line too long"] == 1


@pytest.mark.parametrize(
    ("parser", "stream"),
    [
        (NmeaParser, rmc(1) + rmc(2) + rmc(3)),
        (TaipParser, b">RPV46640+4197412-0752857900015802;ID=5102;*71<>RPV46641+4197412-0752857900015802;ID=5102;*70<"),
    ],
)
@pytest.mark.parametrize("size", [10, 33, 64])
def test_a_stream_that_is_cut_into_datagrams_anywhere(parser, stream, size):
    guard = any_unit()
    whole = parser("127.0.0.1")

    async def play():
        source = UdpServer({"name": "letters", "port": 0}, parser, guard)
        async with running(source) as heard:
            await heard.until_says("is open")
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as letter:
                for at in range(0, len(stream), size):
                    letter.sendto(stream[at : at + size], ("127.0.0.1", source.port))
                await heard.until_fixes(2)
        return heard.fixes

    assert len(asyncio.run(play())) == len(whole.feed(stream, time.time()) + whole.finish(time.time()))
    assert not guard.counted


def test_a_report_does_not_wait_when_its_stream_pauses(monkeypatch):
    monkeypatch.setattr(sources, "_PAUSE_S", 0.1)
    guard = any_unit()

    async def play():
        letters = UdpServer({"name": "letters", "port": 0, "silent_s": 0.4}, NmeaParser, guard)
        calls = TcpServer({"name": "calls", "port": 0, "silent_s": 0.4}, NmeaParser, guard)
        async with running(letters) as by_letter, running(calls) as by_call:
            await by_letter.until_says("is open")
            await by_call.until_says("is open")
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as letter, calling(calls) as call:
                letter.sendto(rmc(1), ("127.0.0.1", letters.port))
                call.sendall(rmc(1) + rmc(2)[:30])
                await by_letter.until_fixes(1)
                await by_call.until_says("Positions come in")
                call.sendall(rmc(2)[30:])  # a line that pauses is whole nevertheless
                await by_call.until_fixes(2)
                return by_letter.fixes, by_call.fixes

    by_letter, by_call = asyncio.run(play())
    assert [fix.at - MINUTE for fix in by_letter] == [1]
    assert [fix.at - MINUTE for fix in by_call] == [1, 2]
    assert not guard.counted


def test_senders_that_flood_are_cut():
    guard = any_unit(bytes_per_second=100_000)

    async def play():
        source = UdpServer({"name": "letters", "port": 0}, LineParser, guard)
        async with running(source) as heard:
            await heard.until_says("is open")
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as letter:
                for _ in range(50):
                    letter.sendto(b"x" * 10_000, ("127.0.0.1", source.port))
                    await asyncio.sleep(0)
            await heard.until(lambda: guard.counted["too many bytes"] > 10)

    asyncio.run(play())


# --- hostile connections


def resident() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def test_a_line_without_end_costs_no_memory_and_nobody_else_waits():
    guard = any_unit(bytes_per_second=2e9)
    size = int(os.environ.get("PATROL_LONG_LINE_MB", "100")) * 1_000_000

    async def play():
        source = TcpServer({"name": "in", "port": 0}, LineParser, guard)
        async with running(source) as heard:
            await heard.until_says("is open")
            with calling(source) as good:
                before, rest = resident(), size
                _, writer = await asyncio.open_connection("127.0.0.1", source.port)
                while rest > 0:
                    writer.write(b"x" * 250_000)
                    rest -= 250_000
                    await writer.drain()
                    if rest % 25_000_000 == 0:
                        good.sendall(LINE)
                writer.write(b"\n" + LINE)
                await heard.until_fixes(size // 25_000_000 + 1)
                grown = resident() - before
                writer.close()
                return grown

    assert asyncio.run(play()) < 20_000_000
    assert guard.counted["line too long"] == 1


def test_who_sends_too_fast_waits_and_nothing_is_lost():
    guard = any_unit(bytes_per_second=100_000, reports_at_once=100_000)
    count = 15_000

    async def play():
        source = TcpServer({"name": "in", "port": 0}, LineParser, guard)
        async with running(source) as heard:
            await heard.until_says("is open")
            start = time.monotonic()
            _, writer = await asyncio.open_connection("127.0.0.1", source.port)
            writer.write(LINE * count)
            await heard.until_fixes(count, 10)
            writer.close()
            return time.monotonic() - start

    assert asyncio.run(play()) > 0.8 * (count * len(LINE) - 100_000) / 100_000 - 0.7
    assert guard.counted["too many bytes"] > 0


def test_as_many_connections_as_the_system_gives_leave_the_good_one_alone():
    import resource

    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    count = min(10_000, (soft - 200) // 2)
    guard = any_unit(connections=count // 2)

    async def play():
        source = TcpServer({"name": "in", "port": 0}, LineParser, guard)
        async with running(source) as heard:
            await heard.until_says("is open")
            calls, before, sent = [], resident(), 0
            try:
                with calling(source) as good:
                    for number in range(count):
                        call = socket.socket()
                        call.setblocking(False)
                        calls.append(call)
                        await asyncio.get_running_loop().sock_connect(call, ("127.0.0.1", source.port))
                        if number % 100 == 0:
                            good.sendall(LINE)
                            sent += 1
                            await heard.until_fixes(sent)
                    return resident() - before
            finally:
                for call in calls:
                    call.close()

    grown = asyncio.run(play())
    assert guard.counted["too many connections"] >= count - count // 2
    assert grown < 12_000 * count


def test_connections_of_no_use_are_closed():
    guard = any_unit(idle_s=0.5)

    async def play():
        source = TcpServer({"name": "in", "port": 0}, LineParser, guard)
        async with running(source) as heard:
            await heard.until_says("is open")
            with calling(source) as call:
                call.sendall(b"x")  # a byte that is no report does not help
                call.setblocking(False)
                assert await asyncio.wait_for(ends(call), 3)

    asyncio.run(play())
    assert guard.counted["silent connection closed"] == 1


# --- replay


def log(count=100):
    return [Fix("car 1", 1000.0 + number, 13.4, 52.5) for number in range(count)]


def replay(**more):
    return ReplaySource({"name": "past", "file": "x", **more}, log, any_unit())


def test_a_replay_goes_at_its_speed():
    async def play():
        source = replay(speed=100)
        async with running(source) as heard:
            start = time.monotonic()
            await heard.until_says("to its end")
            return heard, time.monotonic() - start, source.now()

    heard, took, now = asyncio.run(play())
    assert heard.fixes == log()
    assert 0.85 < took < 2.5
    assert now == pytest.approx(1099, abs=30)


def test_a_replay_stands_still_and_is_put_elsewhere():
    async def play():
        source = replay(speed=100)
        async with running(source) as heard:
            await heard.until_fixes(10)
            source.pause()
            await heard.until_says("paused")
            count = len(heard.fixes)
            await asyncio.sleep(0.2)
            assert len(heard.fixes) == count
            source.seek(1090.0)
            source.pause(False)
            await heard.until_says("to its end")
            assert heard.fixes[count:] == log()[90:]
            count = len(heard.fixes)
            source.seek(1050.0)
            await heard.until_fixes(count + 50)
            assert heard.fixes[count:] == log()[50:]

    asyncio.run(play())


# --- gpsd


@pytest.mark.skipif(shutil.which("gpsfake") is None, reason="GPSD ABSENT: nothing was tested with a real gpsd")
def test_a_real_gpsd(tmp_path):
    path = tmp_path / "drive.nmea"
    path.write_bytes(b"".join(map(rmc, range(60))))
    port = free_port()
    fake = subprocess.Popen(
        ["gpsfake", "-q", "-n", "-c", "0.05", "-P", str(port), str(path)],
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
    )  # fmt: skip

    async def play():
        source = GpsdSource({"name": "gpsd", "port": port, "unit": "car 1"}, GpsdParser, any_unit())
        async with running(source) as heard:
            await heard.until_fixes(5, 20)
            return heard.fixes

    try:
        fixes = asyncio.run(play())
    finally:
        os.killpg(fake.pid, 15)
        fake.wait(10)
    assert fixes[0].unit == "car 1"
    assert (fixes[0].longitude, fixes[0].latitude) == pytest.approx((13.4, 52.5))
    assert all(MINUTE <= fix.at < MINUTE + 60 for fix in fixes)


# --- what all have in common


def test_waits_grow_are_spread_and_end_with_success():
    backoff = Backoff(1.0, 30.0)
    waits = [backoff.wait_s() for _ in range(10)]
    assert all(0.75 * 2**number <= wait <= 2**number for number, wait in enumerate(waits[:5]))
    assert all(22.5 <= wait <= 30 for wait in waits[5:])
    assert len(set(waits)) == 10
    backoff.reset()
    assert backoff.wait_s() <= 1.0


@pytest.mark.parametrize("number", range(1, 134))
def test_every_error_of_the_system_becomes_a_sentence(number):
    text = sentence(OSError(number, os.strerror(number)), "The port")
    assert text.startswith("The port ")
    assert text.endswith(".")
    assert "Errno" not in text


@pytest.mark.parametrize(
    "settings",
    [
        {"port": "x"},
        {"port": "x", "unit": ""},
        {"unit": "car 1"},
        {"port": 5, "unit": "car 1"},
        {"port": "x", "unit": "c", "baud": 0},
    ],
)
def test_settings_that_are_wrong_are_told(settings):
    with pytest.raises(InputError, match="receiver"):
        SerialSource({"name": "receiver", **settings}, LineParser, any_unit())
