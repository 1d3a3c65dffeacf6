"""Parsers of position reports under a fuzzer that keeps what reaches new lines of them: what it reaches, what breaks.

    pip install atheris
    python benchmarks/fuzz_guided.py [millions of bytes per parser, 10 by default]

Run it with a Python that has the engine's packages and atheris, which is libFuzzer for Python and works without a
network; where it is absent, the script says so. ``PATROL_STAGE`` or build/stage holds the staged plugin. The fuzzer
starts from the messages of ``fuzz_parsers.py`` and of the tests, and changes bytes as it likes; as it cannot guess a
checksum, half of its lines get the one that fits. Whatever comes in, a parser gives the same however it is cut, refuses
in a sentence what it refuses, and gives positions that are on the Earth. A fault ends the parser's run and is told with
its bytes.
"""

from __future__ import annotations

import dis
import importlib
import importlib.util
import inspect
import json
import math
import os
import random
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
STAGE = os.environ.get("PATROL_STAGE", str(ROOT / "build" / "stage"))
sys.path[:0] = [STAGE, str(ROOT / "benchmarks"), str(ROOT / "tests" / "engine")]

PACKAGE = "patrol_missions.engine.tracking"
MODULES = {
    "NMEA": ("nmea", "nmea_epoch", "lines"),
    "TAIP": ("taip", "lines"),
    "gpsd": ("gpsd_json", "lines"),
    "GPX": ("gpx",),
    "OsmAnd": ("osmand",),
    "files": ("track_files",),
}
SEEDS = 300
NOW = 1_773_840_500.0
_FILES = {b"\0": "log.nmea.gz", b"\1": "log.gpx", b"\2": "log.nmea"}
_DEVICES = {"/dev/a": "car 1"}
LONGEST = 20_000  # bytes; more than any line may have
WITHIN_S = 10


class Targets:
    """What the fuzzer calls, by the parser's name; made once the parsers can be imported.

    :ivar found: reports so far
    :ivar rejected: what was refused so far, by why
    """

    def __init__(self) -> None:
        from patrol_missions.core.errors import InputError
        from patrol_missions.engine.tracking import gpsd_json, gpx, lines, nmea, osmand, taip, track_files

        self._error, self._xor, self._gpx, self._osmand, self._files = InputError, lines.xor, gpx, osmand, track_files
        self.found = 0
        self.rejected: Counter[str] = Counter()
        self._folder = Path(tempfile.mkdtemp())
        a_log = nmea.Dates(from_now=False)
        dated = (nmea.NmeaParser, lambda unit: nmea.NmeaParser(unit, a_log))
        self.run: dict[str, Callable[[bytes], None]] = {
            "NMEA": lambda data: self._stream(dated[len(data) % 2], self._with_checksums(data, b"$", b"")),
            "TAIP": lambda data: self._stream(taip.TaipParser, self._with_checksums(data, b">", b"<")),
            "gpsd": lambda data: self._stream(lambda unit: gpsd_json.GpsdParser(unit, _DEVICES), data),
            "GPX": self._points,
            "OsmAnd": self._request,
            "files": self._file,
        }
        self._now = NOW

    def _with_checksums(self, data: bytes, mark: bytes, end: bytes) -> bytes:
        """Lines with the checksum that fits, unless the first byte of all is odd."""
        if not data or data[0] % 2:
            return data
        made = []
        for line in data[1:].split(b"\n"):
            before, begun, body = line.rpartition(mark)
            body = body.partition(b"*")[0]
            summed = body if mark == b"$" else mark + body + b"*"
            made.append(b"%b%b%b*%02X%b" % (before, begun, body, self._xor(summed), end) if begun else line)
        return b"\r\n".join(made)

    def _stream(self, kind: Callable[[str], Any], data: bytes) -> None:
        whole, parts = kind("car"), kind("car")
        found = whole.feed(data + b"\n", self._now) + whole.finish(self._now)
        size = 1 + len(data) % 7
        cut = [fix for at in range(0, len(data), size) for fix in parts.feed(data[at : at + size], self._now)]
        cut += parts.feed(b"\n", self._now) + parts.finish(self._now)
        if cut != found or parts.rejected != whole.rejected:
            raise AssertionError("The same bytes, cut otherwise, gave other reports.")
        self.rejected.update(whole.rejected)
        self._look(found)

    def _points(self, data: bytes) -> None:
        reader = self._gpx.GpxReader("car", "a.gpx", self.rejected)
        try:
            self._look([*reader.feed(data[:50]), *reader.feed(data[50:]), *reader.close()])
        except self._error as error:
            self._refused(error)

    def _request(self, data: bytes) -> None:
        try:
            if data.startswith(b"{"):
                self._look([self._osmand.parse_json(data, self._now)])
            else:
                self._look([self._osmand.parse_query(data.decode("utf-8", "replace"), self._now)])
        except self._error as error:
            self._refused(error)

    def _file(self, data: bytes) -> None:
        path = self._folder / _FILES.get(data[:1], "log.csv")
        path.write_bytes(data[data[:1] in _FILES :])
        log = self._files.TrackFile(path, "car")
        try:
            self._look(list(log.fixes()))
        except self._error as error:
            self._refused(error)
        self.rejected.update(log.rejected)

    def _refused(self, error: Any) -> None:
        if not error.message.rstrip().endswith(".") or "\n" in error.message:
            raise AssertionError(f"This is no sentence: {error.message!r}")
        self.rejected["in a sentence"] += 1

    def _look(self, found: list[Any]) -> None:
        self.found += len(found)
        for fix in found:
            numbers = [fix.at, fix.longitude, fix.latitude, fix.accuracy_m, fix.speed_mps, fix.heading_deg]
            on_earth = abs(fix.longitude) <= 180 and abs(fix.latitude) <= 90
            if not on_earth or not all(math.isfinite(each) for each in numbers if each is not None):
                raise AssertionError(f"This is no report: {fix}")


def seeds() -> dict[str, Callable[[random.Random], bytes]]:
    """What the fuzzer starts from, by the parser's name; to be asked for when the parsers are there."""
    import fuzz_parsers as messages
    import nmea_features

    written = list(nmea_features.WHOLE.values())

    def sentences(rng: random.Random) -> bytes:
        if rng.random() < 0.5:
            return rng.choice(written)
        return b"".join(messages.nmea(rng).replace(b"*", rng.choice((b"*", b","))) for _ in range(4))

    return {
        "NMEA": sentences,
        "TAIP": lambda rng: b"".join(messages.taip(rng) for _ in range(3)),
        "gpsd": lambda rng: b"".join(rng.choice((messages.gpsd, _greeting))(rng) for _ in range(3)),
        "GPX": lambda rng: rng.choice((b"", b"<!DOCTYPE gpx>")) + _track(messages.gpx(rng)),
        "OsmAnd": lambda rng: rng.choice((messages.query, _phone, _other_query))(rng),
        "files": lambda rng: rng.choice((_table, lambda _: b"\2" + messages.nmea(rng)))(rng),
    }


def _track(point: bytes) -> bytes:
    return b"<gpx><trk><trkseg>%b</trkseg></trk></gpx>" % point


def _other_query(rng: random.Random) -> bytes:
    return b"deviceid=7&valid=%b&location=41.5,-93.7&hdop=1&heading=3" % rng.choice((b"true", b"false"))


def _greeting(rng: random.Random) -> bytes:
    said = (
        {"class": "VERSION", "release": "3.25", "proto_major": 3, "proto_minor": 15},
        {"class": "DEVICES", "devices": [{"class": "DEVICE", "path": "/dev/a", "activated": "2026-03-18T13:28:20Z"}]},
        {
            "class": "TPV",
            "device": "/dev/a",
            "mode": 3,
            "time": 1_773_840_500.5,
            "lat": 1.5,
            "lon": 2,
            "epx": 3,
            "epy": 4,
        },
    )
    return json.dumps(rng.choice(said)).encode() + b"\n"


def _phone(rng: random.Random) -> bytes:
    coords = {"latitude": rng.uniform(-91, 91), "longitude": rng.uniform(-181, 181), "speed": 1.5, "heading": 92}
    location = {"timestamp": rng.choice(("2026-03-18T13:28:20.5Z", 1_773_840_500, "x")), "coords": coords}
    return json.dumps({"device_id": "CAR7", "location": location}).encode()


def _table(rng: random.Random) -> bytes:
    separator = rng.choice(",;\t|")
    place = [f"{rng.uniform(-91, 91):.5f}", f"{rng.uniform(-181, 181):.5f}"]
    rows = [
        ["unit", "time", "lat", "lon", "speed kmh", "heading", "accuracy"],
        ["car 7", "2026-03-18T13:28:20Z", *place, "36", "92", "5"],
        ["", "1773840500", "41.5", "", "", '"9', ""],
    ]
    return "\n".join(separator.join(row) for row in rows).encode()


# --- the fuzzer, in a process for each parser


def fuzz(name: str, size: int, folder: str) -> None:
    """Fuzz a parser with so many bytes; what reaches something new is kept in the folder."""
    import atheris  # type: ignore[import-not-found]

    with atheris.instrument_imports(include=[PACKAGE]):
        targets = Targets()
    fed = runs = 0

    def one(data: bytes) -> None:
        nonlocal fed, runs
        targets.run[name](data)
        fed, runs = fed + len(data), runs + 1
        if fed >= size:
            told = {"fed": fed, "runs": runs, "found": targets.found, "rejected": targets.rejected.most_common(6)}
            sys.stdout.write(json.dumps(told))
            sys.stdout.flush()
            os._exit(0)

    rng, make = random.Random(0), seeds()[name]
    for number in range(SEEDS):
        seed = make(rng) + b"x" * (number // (SEEDS - 1)) * (LONGEST - 1_000)  # one with a long line
        Path(folder, f"seed{number}").write_bytes(seed)
    flags = ["-seed=1", f"-max_len={LONGEST}", f"-timeout={WITHIN_S}", "-rss_limit_mb=1024", "-verbosity=0"]
    atheris.Setup([name, *flags, f"-artifact_prefix={folder}-", folder], one)
    atheris.Fuzz()


# --- which lines were reached


def reached(name: str, folder: str) -> None:
    """Give all that was kept to the parser once more, and say which of its lines run, and how many there are."""
    targets = Targets()
    modules = [importlib.import_module(f"{PACKAGE}.{each}") for each in MODULES[name]]
    files = {str(module.__file__): module for module in modules}
    seen: dict[str, set[int]] = {file: set() for file in files}

    def trace(frame: FrameType, _event: str, _argument: Any) -> Any:
        file = frame.f_code.co_filename
        if file not in seen:
            return None
        seen[file].add(frame.f_lineno)
        return trace

    sys.settrace(trace)
    for path in sorted(Path(folder).iterdir()):
        targets.run[name](path.read_bytes())
    sys.settrace(None)
    told = {}
    for file in files:
        code = compile(Path(file).read_bytes(), file, "exec")
        lines = set(_lines_of_functions(code))
        told[Path(file).name] = (len(lines & seen[file]), len(lines), sorted(lines - seen[file]))
    print(json.dumps(told))


def _lines_of_functions(code: CodeType) -> Iterator[int]:
    if code.co_flags & inspect.CO_OPTIMIZED:
        yield from (line for _, line in dis.findlinestarts(code) if line)
    for inner in code.co_consts:
        if isinstance(inner, CodeType):
            yield from _lines_of_functions(inner)


def main() -> int:
    """All parsers, one after the other; how many have a fault."""
    if importlib.util.find_spec("atheris") is None:
        print("atheris is absent (pip install atheris): nothing was fuzzed.")
        return 0
    size = int(float(sys.argv[1] if len(sys.argv) > 1 else 10) * 1e6)
    faults = 0
    for name in MODULES:
        with tempfile.TemporaryDirectory() as folder:
            ended = _again("fuzz", name, str(size), folder)
            if ended.returncode:
                faults += 1
                print(f"{name}: a fault.\n{ended.stdout[-2_000:]}\n{ended.stderr[-600:]}", flush=True)
                continue
            told = json.loads(ended.stdout[ended.stdout.index('{"fed"') :])
            kept = len(list(Path(folder).iterdir()))
            fed = f"{told['fed'] / 1e6:.1f} million bytes, {told['runs']:,} inputs"
            print(f"{name}: {fed}, {kept} kept, {told['found']:,} reports")
            print("    refused: " + ", ".join(f"{count:,} × {why}" for why, count in told["rejected"]))
            for file, (lines, of, missing) in json.loads(_again("reached", name, folder).stdout).items():
                rest = f"; not: {', '.join(map(str, missing))}" if missing else ""
                print(f"    {file}: {lines} of {of} lines of functions{rest}", flush=True)
    return faults


def _again(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(Path(__file__).resolve()), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


if __name__ == "__main__":
    if sys.argv[1:2] == ["fuzz"]:
        fuzz(sys.argv[2], int(sys.argv[3]), sys.argv[4])
    elif sys.argv[1:2] == ["reached"]:
        reached(sys.argv[2], sys.argv[3])
    else:
        sys.exit(main())
