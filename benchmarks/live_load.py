"""Thousands of cars report once a second over TCP: what is told and written, how soon, and at what cost.

    python benchmarks/live_load.py [seconds, default 60] [units, default 5000]

Run it with the engine's Python, and ``PATROL_STAGE`` or build/stage holding the staged plugin. Each car has a
connection of its own and drives at 10 m/s; the reports of a second are spread over it. Latency is from the moment at
which a report is written to the car's socket until its event has been read from the gateway's stream; Linux only.
"""

from __future__ import annotations

import asyncio
import json
import math
import os
import resource
import sqlite3
import subprocess
import sys
import tempfile
import time
from contextlib import closing
from pathlib import Path

STAGE = Path(os.environ.get("PATROL_STAGE", Path(__file__).resolve().parent.parent / "build" / "stage"))
START = (
    "import sys; sys.path.insert(0, sys.argv[1]); import patrol_missions; del sys.path[0]; "
    "from patrol_missions.engine.tracking.gateway import main; main(sys.argv[2:])"
)
SLICES = 20  # of a second
LONGITUDE, LATITUDE = 13.4, 52.5
DRAIN_S = 15.0


def taip(unit: str, second: int, longitude: float, latitude: float) -> bytes:
    """A report as vehicle modems send it."""
    body = f">RPV{second % 86_400:05d}{latitude * 1e5:+08.0f}{longitude * 1e5:+09.0f}02209032;ID={unit};*".encode()
    check = 0
    for sign in body:
        check ^= sign
    return b"%s%02X<\r\n" % (body, check)


class Load:
    """All cars and one client of the gateway, in this process."""

    def __init__(self, units: int, seconds: int) -> None:
        self.units, self.seconds = units, seconds
        self.sent: dict[tuple[str, float], float] = {}
        self.latencies: list[float] = []
        self.kinds: dict[str, int] = {}
        self.sent_count = 0

    async def listen(self, reader: asyncio.StreamReader) -> None:
        """Read events as fast as they come."""
        while line := await reader.readline():
            now = time.perf_counter()
            event = json.loads(line)
            kind = event["event"]
            self.kinds[kind] = self.kinds.get(kind, 0) + 1
            if kind == "fix":
                sent = self.sent.pop((event["unit"], event["at"]), None)
                if sent is not None:
                    self.latencies.append(now - sent)
            elif kind == "state":
                print(event["text"])

    async def drive(self, port: int) -> None:
        """Report from all cars, once a second each."""
        cars = []
        for number in range(self.units):
            _, writer = await asyncio.open_connection("127.0.0.1", port)
            cars.append((f"U{number:04d}", writer, LATITUDE + number // 100 * 0.001, LONGITUDE + number % 100 * 0.001))
        start, began = time.monotonic(), int(time.time())
        for step in range(self.seconds * SLICES):
            await asyncio.sleep(start + step / SLICES - time.monotonic())
            at = began + step // SLICES
            for unit, writer, latitude, longitude in cars[step % SLICES :: SLICES]:
                driven = longitude + step / SLICES * 10 / 111_320 / math.cos(math.radians(latitude))
                self.sent[unit, float(at)] = time.perf_counter()
                self.sent_count += 1
                writer.write(taip(unit, at, driven, latitude))
        for _, writer, _, _ in cars:
            writer.close()


def used(pid: int) -> tuple[float, float]:
    """Memory in MB and CPU seconds of a process."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    ticks = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6, (int(ticks[11]) + int(ticks[12])) / os.sysconf("SC_CLK_TCK")


async def measure(run: Path, pid: int, load: Load) -> None:
    """Connect, drive, wait for the last events, and say what came of it."""
    door = json.loads((run / "gateway.json").read_text())
    reader, writer = await asyncio.open_connection(door["host"], door["port"], limit=1 << 24)
    writer.write(json.dumps({"token": (run / "gateway.token").read_text()}).encode() + b'\n{"do":"snapshot"}\n')
    await reader.readline()
    port = json.loads(await reader.readline())["sources"][0]["port"]
    listening = asyncio.ensure_future(load.listen(reader))
    memory, cpu = used(pid)
    driving = asyncio.ensure_future(load.drive(port))
    start, memories = time.monotonic(), []
    while not driving.done():
        await asyncio.sleep(1.0)
        memories.append(used(pid)[0])
    await driving
    took = time.monotonic() - start
    spent = used(pid)[1] - cpu
    end = time.monotonic() + DRAIN_S
    while load.sent and time.monotonic() < end:
        await asyncio.sleep(0.1)
    listening.cancel()
    writer.close()
    found = sorted(load.latencies)
    told = ", ".join(f"{count} {kind}" for kind, count in sorted(load.kinds.items()))
    print(f"{load.units} units, {took:.0f} s: {load.sent_count} reports sent, {len(found)} told, {len(load.sent)} lost")
    print(f"events: {told}")
    if found:
        shares = {"p50": 0.5, "p99": 0.99, "p99.9": 0.999}
        delays = {name: found[int(share * len(found))] for name, share in shares.items()}
        print(", ".join(f"{name} {1000 * delay:.0f} ms" for name, delay in {**delays, "longest": found[-1]}.items()))
    marks = {name: memories[min(len(memories) - 1, int(share * len(memories)))] for name, share in
             {"a quarter": 0.25, "half": 0.5, "the end": 1.0}.items()}  # fmt: skip
    print(f"memory: {memory:.0f} MB at the start, " + ", ".join(f"{mb:.0f} at {name}" for name, mb in marks.items()))
    print(f"CPU of the gateway: {spent / took:.0%} of one core")


def main(seconds: int, units: int) -> None:
    """Start a gateway, load it, end it, and count what is in its ledger."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    with tempfile.TemporaryDirectory() as folder:
        run = Path(folder) / "run"
        path = Path(folder) / "settings.json"
        path.write_text(json.dumps({
            "folder": str(run), "grid": {"crs": "EPSG:32633", "size_m": 250}, "ledger": f"{folder}/ledger.db",
            "limits": {"units": "any"},
            "sources": [{"kind": "tcp_server", "name": "cars", "format": "taip", "port": 0}],
        }))  # fmt: skip
        command = [sys.executable, "-I", "-u", "-c", START, str(STAGE), str(path)]
        gateway = subprocess.Popen(command, stdout=subprocess.PIPE)
        try:
            print(gateway.stdout.readline().decode().strip())
            load = Load(units, seconds)
            asyncio.run(measure(run, gateway.pid, load))
            start = time.monotonic()
            gateway.terminate()
            gateway.wait(120)
            print(f"ended within {time.monotonic() - start:.1f} s")
        finally:
            gateway.kill()
        with closing(sqlite3.connect(f"{folder}/ledger.db")) as ledger:
            (count,) = ledger.execute("select count(*) from patrol_journal").fetchone()
        print(f"in the ledger: {count} reports, {load.sent_count - count} missing")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 60, int(sys.argv[2]) if len(sys.argv) > 2 else 5_000)
