"""The real gpsd as the judge of our reading of NMEA: a log is played to it, and positions are compared by time.

gpsfake pretends to be a serial receiver and starts a gpsd of its own. gpsd moves dates from before its own making by
1,024 weeks, so that moments are compared within that time only.
"""

from __future__ import annotations

import shutil
import socket
import subprocess
from dataclasses import dataclass
from pathlib import Path

from patrol_missions.engine.tracking.fixes import Fix
from patrol_missions.engine.tracking.gpsd_json import GpsdParser
from patrol_missions.engine.tracking.nmea import NmeaParser
from patrol_missions.engine.tracking.nmea_epoch import Dates

GPSFAKE = shutil.which("gpsfake")
WITHIN_DEGREES = 1e-5
_COUNTER_S = 1_024 * 7 * 86_400
_TRIES = 3  # now and then gpsfake connects before its gpsd listens


@dataclass(frozen=True)
class Comparison:
    """What both make of a log.

    :param same: moments at which both say the same place
    :param apart: moments at which they do not
    :param only_gpsd: moments of which only gpsd tells
    :param only_ours: moments of which only we tell
    :param refused: why sentences or moments were not taken, as we count it
    """

    same: list[float]
    apart: list[float]
    only_gpsd: list[float]
    only_ours: list[float]
    refused: dict[str, int]


def gpsd_reports(log: Path) -> list[Fix]:
    """What the real gpsd reports of a log."""
    for _ in range(_TRIES):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        command = [str(GPSFAKE), "-1", "-q", "-p", "-P", str(port), str(log)]
        ended = subprocess.run(command, capture_output=True, timeout=120, check=False)
        if b'"class":"WATCH"' in ended.stdout:
            return GpsdParser("car").feed(ended.stdout, 0.0)
    raise RuntimeError(f"gpsfake does not play {log.name}: {ended.stderr.decode(errors='replace')}")


def our_reports(log: Path) -> tuple[list[Fix], dict[str, int]]:
    """What we report of a log, and what we refuse."""
    parser = NmeaParser("car", Dates(from_now=False, week_counter=False))
    found = parser.feed(log.read_bytes() + b"\n", 0.0) + parser.finish(0.0)
    return found, dict(parser.rejected)


def compare(log: Path) -> Comparison:
    """Play a log to both."""
    gpsd = _by_moment(gpsd_reports(log))
    found, refused = our_reports(log)
    ours = _by_moment(found)
    both = sorted(gpsd.keys() & ours.keys())
    same = [at for at in both if _near(gpsd[at], ours[at])]
    return Comparison(
        same,
        sorted(set(both) - set(same)),
        sorted(gpsd.keys() - ours.keys()),
        sorted(ours.keys() - gpsd.keys()),
        refused,
    )


def _by_moment(found: list[Fix]) -> dict[float, Fix]:
    return {round(fix.at % _COUNTER_S, 2): fix for fix in found}


def _near(one: Fix, other: Fix) -> bool:
    return max(abs(one.longitude - other.longitude), abs(one.latitude - other.latitude)) <= WITHIN_DEGREES
