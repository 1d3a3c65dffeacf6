"""Logs of past patrols, report by report: GPX, NMEA and CSV, gzipped or not.

Files are read as a stream, so that a year of a fleet needs no more memory than a night of a car.
"""

from __future__ import annotations

import csv
import gzip
import re
import zlib
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timezone, tzinfo
from itertools import chain
from pathlib import Path

from patrol_missions.core.errors import InputError
from patrol_missions.engine.tracking.clock import moment
from patrol_missions.engine.tracking.fixes import Fix, Refusal
from patrol_missions.engine.tracking.gpx import GpxReader
from patrol_missions.engine.tracking.lines import NO_TIME, NO_UNIT, UNREADABLE, Lines
from patrol_missions.engine.tracking.nmea import NmeaParser
from patrol_missions.engine.tracking.nmea_epoch import Dates
from patrol_missions.engine.tracking.values import FASTEST_MPS, KNOT_MPS, MPH_MPS, number

_CHUNK = 65_536
_LONGEST_ROW = 16_384
_SEPARATORS = ",;\t|"
_NAMES = {
    "unit": ("unit", "unit_id", "unitid", "vehicle", "vehicle_id", "car", "call_sign", "callsign", "device_id"),
    "date": ("date", "date_utc", "day"),
    "time": ("time", "time_utc", "timestamp", "datetime", "date_time", "unix_time", "epoch", "utc", "fix_time", "at"),
    "lat": ("lat", "latitude", "y"),
    "lon": ("lon", "lng", "long", "longitude", "x"),
    "heading": ("heading", "heading_deg", "course", "bearing", "track"),
    "accuracy": ("accuracy", "accuracy_m", "horizontal_accuracy"),
}
_SPEEDS = {
    f"speed_{name}": mps
    for names, mps in (("mps m_s ms", 1.0), ("kmh km_h kph", 1 / 3.6), ("mph", MPH_MPS), ("knots kn kt kts", KNOT_MPS))
    for name in names.split()
}


@dataclass
class TrackFile:
    """A log of positions on disk.

    :param path: .gpx, .csv, .tsv, or anything else for NMEA; each may be gzipped (.gz)
    :param unit: whose positions they are where the file does not say
    :param zone: what times without an offset are in; those of GPX and NMEA are in UTC
    :ivar rejected: how many positions could not be used, by why, as far as has been read
    """

    path: Path
    unit: str
    zone: tzinfo = timezone.utc
    rejected: Counter[str] = field(default_factory=Counter, init=False)

    def fixes(self) -> Iterator[Fix]:
        """The reports in the order of the file.

        :raises InputError: the file cannot be read, is not what its name says, or holds no report at all
        """
        reports = {".gpx": self._gpx, ".csv": self._csv, ".tsv": self._csv}.get(self._kind(), self._nmea)
        found = False
        with self._readable():
            for fix in reports():
                found = True
                yield fix
        if not found:
            why = ", ".join(f"{count} × {reason}" for reason, count in self.rejected.most_common(3))
            raise InputError(
                f"The file {self.path.name} holds no position with a time" + (f" ({why})." if why else "."),
                "Choose a recorded track: routes and waypoints do not say when a unit was where.",
            )

    def _kind(self) -> str:
        return Path(self.path.name.lower().removesuffix(".gz")).suffix

    @contextmanager
    def _readable(self) -> Iterator[None]:
        try:
            yield
        except FileNotFoundError:
            raise InputError(f"There is no file {self.path}.") from None
        except (EOFError, zlib.error, gzip.BadGzipFile):
            raise InputError(f"The gzip file {self.path.name} is damaged or incomplete.") from None
        except OSError as error:
            raise InputError(f"The file {self.path} cannot be read: {error.strerror or error}.") from None

    def _chunks(self) -> Iterator[bytes]:
        zipped = self.path.suffix.lower() == ".gz"
        with gzip.open(self.path) if zipped else self.path.open("rb") as file:
            while chunk := file.read(_CHUNK):
                yield chunk

    def _nmea(self) -> Iterator[Fix]:
        parser = NmeaParser(self.unit, Dates(from_now=False, week_counter=False))
        self.rejected = parser.rejected
        for chunk in chain(self._chunks(), (b"\n",)):
            yield from parser.feed(chunk, 0.0)
        yield from parser.finish(0.0)

    def _gpx(self) -> Iterator[Fix]:
        reader = GpxReader(self.unit, self.path.name, self.rejected)
        for chunk in self._chunks():
            yield from reader.feed(chunk)
        yield from reader.close()

    def _csv(self) -> Iterator[Fix]:
        lines = self._texts()
        header = next(lines, "").lstrip("\ufeff")
        separator = max(_SEPARATORS, key=header.count)
        columns = _Columns(next(csv.reader([header], delimiter=separator), []), self.path.name)
        try:
            for row in csv.reader(lines, delimiter=separator):
                result = columns.fix(row, self.unit, self.zone)
                if isinstance(result, Fix):
                    yield result
                else:
                    self.rejected[result] += 1
        except csv.Error:
            raise InputError(
                f"The table {self.path.name} has a quotation mark that is never closed.", "Export the table anew."
            ) from None

    def _texts(self) -> Iterator[str]:
        lines = Lines(self.rejected, _LONGEST_ROW)
        for chunk in chain(self._chunks(), (b"\n",)):
            yield from (line.decode("utf-8", "replace").replace("\0", "") for line in lines.feed(chunk))


class _Columns:
    """Where a table has what, by the names of its columns."""

    def __init__(self, header: list[str], file: str) -> None:
        names = [re.sub(r"[^a-z0-9]+", "_", name.strip().lower()).strip("_") for name in header]
        self._at = {
            what: next((names.index(name) for name in known if name in names), None) for what, known in _NAMES.items()
        }
        speeds = [name for name in names if name in _SPEEDS]  # without its unit a speed may be anything
        self._at["speed"] = names.index(speeds[0]) if speeds else None
        self._speed_mps = _SPEEDS[speeds[0]] if speeds else 1.0
        missing = [what for what in ("time", "lat", "lon") if self._at[what] is None]
        if missing:
            raise InputError(
                f"The table {file} has no column for {' and '.join(missing)}.",
                f"Columns are found by name; it may be {' or '.join(_NAMES[missing[0]])}.",
            )

    def fix(self, row: list[str], unit: str, zone: tzinfo) -> Fix | str:
        """The report of a row, or why it has none."""
        named = self._text(row, self._at["unit"]) or unit
        if not named:
            return NO_UNIT
        time = self._text(row, self._at["time"])
        at = moment(time, zone)
        if at is None:
            at = moment(f"{self._text(row, self._at['date'])} {time}", zone)
        if at is None:
            return NO_TIME
        try:
            longitude = number(self._text(row, self._at["lon"]), -180, 180)
            latitude = number(self._text(row, self._at["lat"]), -90, 90)
            speed = number(self._text(row, self._at["speed"]), 0, FASTEST_MPS / self._speed_mps)
            heading = number(self._text(row, self._at["heading"]), 0, 360)
            accuracy = number(self._text(row, self._at["accuracy"]), 0, 1e7)
        except ValueError:
            return UNREADABLE
        if longitude is None or latitude is None:
            return Refusal.NO_POSITION.value
        return Fix(
            named, at, longitude, latitude, accuracy or None,
            None if speed is None else speed * self._speed_mps, heading,
        )  # fmt: skip

    @staticmethod
    def _text(row: list[str], place: int | None) -> str:
        return "" if place is None or place >= len(row) else row[place].strip()
