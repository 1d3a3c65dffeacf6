"""Our reading of NMEA beside the real gpsd's on logs of real receivers and on what these do not show; and its speed.

    python benchmarks/gpsd.py [part of a log's name]

Run it with the engine's Python; ``PATROL_STAGE`` or build/stage holds the staged plugin. The logs are read from
``../shared/data/nmea``, which is not part of the project, and played to gpsd by gpsfake (about two minutes); where one
of them is absent, the script says so. Each log also goes through a serial port, both kinds of TCP source and UDP; what
comes out must be the same to the last digit.
"""

from __future__ import annotations

import asyncio
import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [os.environ.get("PATROL_STAGE", str(ROOT / "build" / "stage")), str(ROOT / "tests" / "engine")]

import pynmea2  # noqa: E402 - needs the path above
from gpsd_player import GPSFAKE, WITHIN_DEGREES, Comparison, compare  # noqa: E402
from log_player import WAYS, direct, play  # noqa: E402
from nmea_features import NOWHERE, WHOLE, WITHOUT_TWO  # noqa: E402

from patrol_missions.engine.tracking.nmea import NmeaParser  # noqa: E402
from patrol_missions.engine.tracking.nmea_epoch import KINDS  # noqa: E402

LOGS = ROOT.parent / "shared" / "data" / "nmea"
CHUNK = 512
TIMES = 5
BEGIN = "gpsd tells the first position without its time, or not at all, until it knows the receiver's cycle"
END = "the last moment of the log is not over, so that gpsd does not tell of it"
WHY = {
    "AMOD_AGL3080": "gpsd takes estimates (mode E), and passes over a moment of which there is GGA alone",
    "blumax": BEGIN,
    "bn-9015": BEGIN,
    "garmin48": BEGIN,
    "geos": BEGIN,
    "gp-320fw": BEGIN,
    "hp58534a": "gpsd tells the first position without its time, as the date comes later",
    "humminbird": BEGIN,
    "isync": END,
    "motorola": BEGIN,
    "triton400": "gpsd passes over a moment of which there is GLL alone, as GGA broke off",
    "ublox-lea-5h": END,
    "venus": END,
}
"""What is behind the moments that only one of both tells, looked up in the logs."""


def sentences_per_second(data: bytes) -> tuple[float, float]:
    """Of one core: ours, and pynmea2's, which is given what we read of the log, and asked for place and time alone."""
    lines = [line for line in data.splitlines() if line[:1] == b"$"]
    data = b"\r\n".join(lines)
    texts = [line.decode("latin-1") for line in lines if line[3:6].decode("latin-1") in KINDS]

    def ours() -> None:
        parser = NmeaParser("car")
        for at in range(0, len(data), CHUNK):
            parser.feed(data[at : at + CHUNK], 0.0)

    def peer() -> None:
        for text in texts:
            said = pynmea2.parse(text, check=True)
            if hasattr(said, "latitude"):
                _ = said.latitude, said.longitude, said.timestamp

    return len(lines) / fastest(ours), len(lines) / fastest(peer)


def fastest(work: Callable[[], None]) -> float:
    """Seconds of the core that a work took at its best."""
    spent = []
    for _ in range(TIMES):
        begun = time.process_time()
        work()
        spent.append(time.process_time() - begun)
    return min(spent)


def ways_apart(data: bytes) -> list[str]:
    """The ways through which not all of a log comes as it is."""
    expected = direct(NmeaParser, data).fixes
    return [way for way in WAYS if asyncio.run(play(way, NmeaParser, data)).fixes != expected]


def say(name: str, found: Comparison, apart: list[str]) -> None:
    """One line of the table."""
    counts = f"{len(found.same):6}{len(found.apart):7}{len(found.only_gpsd):11}{len(found.only_ours):11}"
    refused = ", ".join(f"{count} × {why}" for why, count in found.refused.items())
    print(f"{name:38}{counts}  {', '.join(apart) or 'same':7}  {refused}", flush=True)


def real_logs(logs: list[Path]) -> int:
    """Logs of real receivers; how many have positions that differ."""
    differ = total = 0
    notes = []
    for log in logs:
        found, apart = compare(log), ways_apart(log.read_bytes())
        differ += bool(found.apart or apart)
        total += len(found.same)
        if found.only_gpsd or found.only_ours:
            why = next((why for name, why in WHY.items() if log.name.startswith(name)), "not yet explained")
            notes.append(f"{log.name}: {why}.")
        say(log.name, found, apart)
    print(
        f"{len(logs)} logs, {total:,} positions within {WITHIN_DEGREES:g} degrees of gpsd's, {differ} logs with others."
    )
    print("\n".join(notes))
    return differ


def written_logs(wanted: str) -> int:
    """Logs that are written by hand; how many have positions that differ."""
    logs = {name: data for name, data in {**WHOLE, **WITHOUT_TWO, **NOWHERE}.items() if wanted in name}
    differ = 0
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "written.log")
        for name, data in logs.items():
            path.write_bytes(data)
            found, apart = compare(path), ways_apart(data)
            differ += bool(found.apart or apart)
            say(name, found, apart)
    print(f"{len(logs)} logs written by hand, {differ} with other positions than gpsd's.")
    return differ


def main() -> int:
    """All logs; how many have positions that differ."""
    if GPSFAKE is None or not LOGS.is_dir():
        print(f"gpsfake or {LOGS} is absent: nothing to compare with.")
        return 0
    wanted = sys.argv[1] if len(sys.argv) > 1 else ""
    logs = sorted(path for path in LOGS.iterdir() if path.suffix in {".log", ".txt"} and wanted in path.name)
    print(f"{'log':38}{'same':>6}{'apart':>7}{'gpsd only':>11}{'ours only':>11}  through  refused by us")
    differ = real_logs(logs) + written_logs(wanted)
    if logs:
        ours, peer = sentences_per_second(max(logs, key=lambda log: log.stat().st_size).read_bytes())
        print(f"{ours:,.0f} sentences a second into reports; pynmea2 alone goes through the log at {peer:,.0f}.")
    return differ


if __name__ == "__main__":
    sys.exit(main())
