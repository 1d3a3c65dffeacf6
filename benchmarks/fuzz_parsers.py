"""Parsers of position reports under bytes that nobody would send: nothing breaks, and nothing grows.

    python benchmarks/fuzz_parsers.py [millions of bytes per parser, 10 by default]

Run it with the engine's Python; ``PATROL_STAGE`` or build/stage holds the staged plugin. Real messages are mixed with
noise and spoilt, before and after their checksum is made: bytes changed, lost, doubled, turned round and cut off. Two
parsers of a kind get the same bytes, cut at different places, and must find and refuse the same. What a parser keeps is
measured again and again.
"""

from __future__ import annotations

import gc
import os
import random
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, os.environ.get("PATROL_STAGE", str(ROOT / "build" / "stage")))

from patrol_missions.core.errors import InputError  # noqa: E402 - needs the path above
from patrol_missions.engine.tracking.gpsd_json import GpsdParser  # noqa: E402
from patrol_missions.engine.tracking.gpx import GpxReader  # noqa: E402
from patrol_missions.engine.tracking.lines import xor  # noqa: E402
from patrol_missions.engine.tracking.nmea import NmeaParser  # noqa: E402
from patrol_missions.engine.tracking.osmand import parse_query  # noqa: E402
from patrol_missions.engine.tracking.taip import TaipParser  # noqa: E402

NOW = 1_773_840_500.0
BLOCK = 1 << 16
SEED = 20_260_318
LARGEST_KEPT = 1 << 20
"""Bytes: a thousand units with an open moment each, and nothing besides."""


def nmea(rng: random.Random) -> bytes:
    """A sentence of a unit, mostly whole."""
    second = f"{rng.randrange(24):02d}{rng.randrange(60):02d}{rng.randrange(60):02d}.{rng.randrange(100):02d}"
    place = f"41{rng.uniform(10, 59):.5f},{rng.choice('NS')},093{rng.uniform(10, 59):.5f},{rng.choice('EW')}"
    body = rng.choice(
        (
            f"GPRMC,{second},A,{place},3.252,92.3,180326,,,A",
            f"GNGGA,{second},{place},{rng.randrange(9)},09,1.0,278.0,M,-31.4,M,,",
            f"GPGLL,{place},{second},A,A",
            f"GNGNS,{second},{place},AAN,09,1.4,278.0,-31.4,,",
            "GPVTG,92.3,T,,M,10.0,N,18.5,K,A",
            f"GPZDA,{second},18,03,2026,00,00",
            f"GPGST,{second},11,,,,3.0,4.0,1.1",
            "GNGSA,A,3,29,20,18,16,,,,,,,,,0.99,0.54,0.83,1",
            "GPGSV,1,1,03,28,28,095,33,04,30,150,46,02,07,178,32",
        )
    ).encode()
    body = spoilt(body, rng)  # with a checksum that fits, so that it is read
    unit = b"CAR%d" % rng.randrange(3_000)
    tag = b"s:" + unit
    before = rng.choice((b"", b"", unit + b",", unit + b" ", b"\\%b*%02X\\" % (tag, xor(tag))))
    return b"%b$%b*%02X\r\n" % (before, body, xor(body))


def taip(rng: random.Random) -> bytes:
    """A message of a modem, mostly whole."""
    place = f"{rng.randrange(-9_000_000, 9_000_000):+08d}{rng.randrange(-18_000_000, 18_000_000):+09d}"
    second = f"{rng.randrange(86_400):05d}"
    moving = f"{rng.randrange(120):03d}{rng.randrange(361):03d}{rng.randrange(10)}{rng.randrange(3)}"
    said = rng.choice((f"RPV{second}", f"REV012410{rng.randrange(7)}{second}", "RGP041120190000", "RCP", "QPV"))
    body = b">%b;*" % spoilt(f"{said}{place}{moving};ID={rng.randrange(9_999):04d}".encode(), rng)
    return b"%b%02X<\r\n" % (body, xor(body))


def gpsd(rng: random.Random) -> bytes:
    """A line of gpsd."""
    place = f'"lat":{rng.uniform(-91, 91):.7f},"lon":{rng.uniform(-181, 181):.7f}'
    return rng.choice(
        (
            f'{{"class":"TPV","device":"/dev/a","mode":{rng.randrange(4)},"time":"2026-03-18T13:28:20.6Z",{place}}}\r\n',
            f'{{"class":"DEVICE","path":"/dev/{rng.randrange(10**6)}","activated":0}}\r\n',
            '{"class":"ERROR","message":"no"}\r\n',
            '{"class":"SKY","satellites":[{"PRN":1},{"PRN":2}]}\r\n',
        )
    ).encode()


def gpx(rng: random.Random) -> bytes:
    """A point of a track."""
    place = f'lat="{rng.uniform(-91, 91):.6f}" lon="{rng.uniform(-181, 181):.6f}"'
    return f"<trkpt {place}><time>2026-03-18T13:28:20Z</time><speed>3</speed></trkpt>\n".encode()


def query(rng: random.Random) -> bytes:
    """A request of a phone."""
    place = f"lat={rng.uniform(-91, 91):.6f}&lon={rng.uniform(-181, 181):.6f}"
    return f"id=CAR{rng.randrange(9)}&timestamp={rng.randrange(2**34)}&{place}&speed=3&bearing=92&accuracy=5".encode()


def spoilt(data: bytes, rng: random.Random) -> bytes:
    """A message, often with something wrong."""
    way = rng.randrange(12)
    one, other = sorted((rng.randrange(len(data)), rng.randrange(len(data))))
    if way == 0:
        return data[:one] + bytes([rng.randrange(256)]) + data[one + 1 :]
    if way == 1:
        return data[:one] + data[other:]
    if way == 2:
        return data[:other] + data[one:]
    if way == 3:
        return rng.randbytes(rng.randrange(200))
    if way == 4:
        return data[:one] + data[one:other] * rng.randrange(60) + data[other:]
    if way == 5:
        return data[:one] + data[one:other][::-1] + data[other:]
    return data


def block(message: Callable[[random.Random], bytes], rng: random.Random) -> bytes:
    """About so many bytes of messages."""
    parts, size = [], 0
    while size < BLOCK:
        part = spoilt(message(rng), rng)
        parts.append(part)
        size += len(part)
    return b"".join(parts)


def pieces(data: bytes, rng: random.Random) -> list[bytes]:
    """The bytes, cut anywhere."""
    places = sorted({0, len(data), *(rng.randrange(len(data)) for _ in range(rng.choice((0, 10, 3_000))))})
    return [data[one:other] for one, other in zip(places, places[1:])]


def kept(thing: Any) -> int:
    """Bytes of all that an object holds, classes and modules aside."""
    seen: dict[int, Any] = {}
    rest = [thing]
    while rest:
        each = rest.pop()
        if id(each) not in seen and not isinstance(each, (type, ModuleType, FunctionType)):
            seen[id(each)] = each
            rest += gc.get_referents(each)
    return sum(map(sys.getsizeof, seen.values()))


def run_stream(name: str, parser: type[Any], message: Callable[[random.Random], bytes], size: int) -> None:
    """Feed two parsers of a kind, and say what came of it."""
    rng = random.Random(SEED)
    one, other = parser("car"), parser("car")
    spent = largest = found = fed = 0
    while fed < size:
        data = block(message, rng)
        fed += len(data)
        parts = pieces(data, rng)
        begun = time.process_time()
        fixes = [fix for part in parts for fix in one.feed(part, NOW)]
        spent += time.process_time() - begun
        found += len(fixes)
        if fixes != other.feed(data, NOW) or one.rejected != other.rejected:
            raise SystemExit(f"{name}: the same bytes, cut otherwise, gave other reports.")
        largest = max(largest, kept(one))
        if largest > LARGEST_KEPT:
            raise SystemExit(f"{name}: it keeps {largest} bytes.")
    say(name, fed, spent, found, one.rejected, largest)


def run_gpx(size: int) -> None:
    """Points in files that break off at the first fault, as XML does."""
    rng = random.Random(SEED)
    rejected: Counter[str] = Counter()
    found = fed = files = 0
    begun = time.process_time()
    while fed < size:
        reader = GpxReader("car", "a.gpx", rejected)
        files += 1
        try:
            reader.feed(b"<gpx><trk><trkseg>")
            while fed < size:
                part = gpx(rng)
                part = spoilt(part, rng) if rng.random() < 0.05 else part
                fed += len(part)
                found += len(reader.feed(part))
        except InputError:
            rejected["files broken off"] += 1
    say("GPX", fed, time.process_time() - begun, found, rejected, 0)


def run_queries(size: int) -> None:
    """Requests, each of them a report or a sentence."""
    rng = random.Random(SEED)
    rejected: Counter[str] = Counter()
    found = fed = 0
    spent = 0.0
    while fed < size:
        text = spoilt(query(rng), rng).decode("latin-1")
        fed += len(text)
        begun = time.process_time()
        try:
            parse_query(text, NOW)
            found += 1
        except InputError as error:
            rejected[error.message.split("“")[0]] += 1
        spent += time.process_time() - begun
    say("OsmAnd", fed, spent, found, rejected, 0)


def say(name: str, fed: int, spent: float, found: int, rejected: Counter[str], largest: int) -> None:
    """One line for a parser, and one for what it refused."""
    holds = f", keeps {largest / 1_024:.0f} KB at most" if largest else ""
    print(f"{name}: {fed / 1e6:.1f} million bytes in {spent:.1f} s, {found:,} reports{holds}")
    print(
        "    refused: " + ", ".join(f"{count:,} × {why.strip()}" for why, count in rejected.most_common(9)), flush=True
    )


def main() -> None:
    """All parsers, one after the other."""
    size = int(float(sys.argv[1] if len(sys.argv) > 1 else 10) * 1e6)
    run_stream("NMEA", NmeaParser, nmea, size)
    run_stream("TAIP", TaipParser, taip, size)
    run_stream("gpsd", GpsdParser, gpsd, size)
    run_gpx(size)
    run_queries(size)


if __name__ == "__main__":
    main()
