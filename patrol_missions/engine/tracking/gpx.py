"""Track points of GPX 1.0 and 1.1, as the bytes of the file come.

A file may come from anywhere, so that it may hold no document type, by which a few bytes could stand for gigabytes or
for another file; GPX needs none.
"""

from __future__ import annotations

import xml.etree.ElementTree as ET  # nosec B405 - document types are refused as they begin
from collections import Counter

from patrol_missions.core.errors import InputError
from patrol_missions.engine.tracking.clock import moment
from patrol_missions.engine.tracking.fixes import Fix, Refusal
from patrol_missions.engine.tracking.lines import NO_TIME, UNREADABLE
from patrol_missions.engine.tracking.values import FASTEST_MPS, RANGE_ERROR_M, number

_POINT = "trkpt"
_VALUES = frozenset({"time", "speed", "course", "hdop"})
_LONGEST = 64  # characters of a value; longer ones are none
_DEEPEST = 64
_QUIET_BYTES = 4 << 20  # a tag that long is an attempt to fill the memory


class GpxReader:
    """Reports out of the bytes of a GPX file.

    :param unit: whose track it is
    :param file: name of the file, for what is said of it
    :param rejected: where points without use are counted, by why
    """

    def __init__(self, unit: str, file: str, rejected: Counter[str]) -> None:
        self._file = file
        self._points = _Points(unit, file, rejected)
        self._parser = ET.XMLParser(target=self._points)  # nosec B314 - document types are refused as they begin
        self._quiet = 0

    def feed(self, data: bytes) -> list[Fix]:
        """Reports that the bytes complete.

        :raises InputError: this is no GPX file
        """
        self._quiet += len(data)
        self._read(data)
        if self._points.moved:
            self._quiet, self._points.moved = 0, False
        elif self._quiet > _QUIET_BYTES:
            raise InputError(f"The file {self._file} is no GPX file.")
        return self._points.taken()

    def close(self) -> list[Fix]:
        """What is left at the end of the file.

        :raises InputError: the file is incomplete
        """
        self._read(None)
        return self._points.taken()

    def _read(self, data: bytes | None) -> None:
        try:
            if data is None:
                self._parser.close()
            else:
                self._parser.feed(data)
        except (ET.ParseError, ValueError, LookupError) as error:
            raise InputError(
                f"The file {self._file} is no whole GPX file: {error}.", "Copy or export it anew."
            ) from None


class _Points:
    """What the parser of XML calls for each tag."""

    def __init__(self, unit: str, file: str, rejected: Counter[str]) -> None:
        self.moved = False
        self._unit, self._file, self._rejected = unit, file, rejected
        self._found: list[Fix] = []
        self._depth = 0
        self._place: tuple[str, str] | None = None
        self._values: dict[str, str] = {}
        self._text: str | None = None

    def taken(self) -> list[Fix]:
        """Reports since this was last asked."""
        found, self._found = self._found, []
        return found

    def doctype(self, name: str, public: str | None, system: str | None) -> None:  # noqa: ARG002 - as it is called
        raise InputError(f"The file {self._file} has a document type, which no GPX file needs.", "It is not opened.")

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        self.moved = True
        self._depth += 1
        if self._depth > _DEEPEST:
            raise InputError(f"The file {self._file} is no GPX file: its tags are {_DEEPEST} deep.")
        name = _local(tag)
        if name == _POINT:
            self._place, self._values = (attributes.get("lon", ""), attributes.get("lat", "")), {}
        self._text = "" if self._place and name in _VALUES else None

    def data(self, text: str) -> None:
        self.moved = True
        if self._text is not None and len(self._text) <= _LONGEST:
            self._text += text[:_LONGEST]

    def end(self, tag: str) -> None:
        self._depth -= 1
        name = _local(tag)
        if self._text is not None:
            self._values.setdefault(name, self._text.strip())
            self._text = None
        if name == _POINT and self._place:
            result = self._fix(*self._place)
            self._place = None
            if isinstance(result, Fix):
                self._found.append(result)
            else:
                self._rejected[result] += 1

    def close(self) -> None:
        """The file is at its end."""

    def _fix(self, lon: str, lat: str) -> Fix | str:
        at = moment(self._values.get("time", ""))
        if at is None:
            return NO_TIME
        try:
            longitude, latitude = number(lon, -180, 180), number(lat, -90, 90)
            speed = number(self._values.get("speed", ""), 0, FASTEST_MPS)
            heading = number(self._values.get("course", ""), 0, 360)
            dilution = number(self._values.get("hdop", ""), 0, 1e4)
        except ValueError:
            return UNREADABLE
        if longitude is None or latitude is None:
            return Refusal.NO_POSITION.value
        return Fix(self._unit, at, longitude, latitude, dilution * RANGE_ERROR_M if dilution else None, speed, heading)


def _local(tag: str) -> str:
    """A tag's name without its namespace, which differs between versions of GPX."""
    return tag.rpartition("}")[2]
