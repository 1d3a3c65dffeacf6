"""TAIP, the ASCII interface of Trimble's receivers and of many vehicle modems.

``>RPV46640+4197412-0752857900015802;ID=5102;*71<`` says: seconds of the day, latitude, longitude, miles an hour,
heading, where it comes from, how old it is, whose it is. The day is the one that puts the report within half a day of
now; event reports (EV) tell the GPS week, and those of some modems (GP) the date.
"""

from __future__ import annotations

import re
from collections import Counter

from patrol_missions.engine.tracking.clock import DAY_S, midnight, nearest, with_week_counter
from patrol_missions.engine.tracking.fixes import Fix, Refusal
from patrol_missions.engine.tracking.lines import (
    ESTIMATED,
    NO_CHECKSUM,
    NO_MESSAGE,
    UNREADABLE,
    WRONG_CHECKSUM,
    Lines,
    xor,
)
from patrol_missions.engine.tracking.values import MPH_MPS

_PLACE = r"(?P<lat>[+-][0-9]{7})(?P<lon>[+-][0-9]{8})"
_MOVING = r"(?P<mph>[0-9]{3})(?P<heading>[0-9]{3})"
_QUALITY = r"(?P<source>[0-9])(?P<age>[0-9])"
_MESSAGES = {
    "PV": re.compile(r"(?P<second>[0-9]{5})" + _PLACE + _MOVING + _QUALITY),
    "EV": re.compile(r"[0-9]{2}(?P<week>[0-9]{4})(?P<weekday>[0-6])(?P<second>[0-9]{5})" + _PLACE + _MOVING + _QUALITY),
    "LN": re.compile(
        r"(?P<second>[0-9]{8})(?P<lat>[+-][0-9]{9})(?P<lon>[+-][0-9]{10})[+-][0-9]{8}"
        r"(?P<mph>[0-9]{4})[+-][0-9]{4}(?P<heading>[0-9]{4})[0-9A-Za-z]*?" + _QUALITY
    ),
    "GP": re.compile(
        r"(?P<day>[0-9]{2})(?P<month>[0-9]{2})(?P<year>[0-9]{2})(?P<clock>[0-9]{6})"
        + _PLACE + _MOVING + r"(?P<mode>[0-9])[0-9A-Fa-f]*"
    ),
}  # fmt: skip
"""Reports with a position. Counts of digits tell where the decimal point is: two or three digits before it in degrees,
three in speeds and headings, five in seconds of the day."""

_CHECKSUM = re.compile(rb"(.*\*)([0-9A-Fa-f]{2})", re.DOTALL)
_UNIT = re.compile(r"ID=([ -~]{1,32})")
_DEAD_RECKONING = "68"
_UNKNOWN_SOURCE = "9"
_NOT_AVAILABLE = "0"
_GPS_BEGAN = midnight(1980, 1, 6)


class TaipParser:
    """Position reports out of a stream of TAIP messages.

    :param unit: whose messages they are that name no unit
    :param checksums: whether a message needs its checksum; a wrong one is never taken
    :ivar rejected: how much could not be used, by why
    """

    def __init__(self, unit: str, *, checksums: bool = True) -> None:
        self.rejected: Counter[str] = Counter()
        self._unit, self._checksums = unit, checksums
        self._lines = Lines(self.rejected, ends=rb"[<\r\n]")

    def feed(self, data: bytes, now: float) -> list[Fix]:
        """Reports that the bytes complete.

        :param data: as they come, cut anywhere
        :param now: seconds since 1970 UTC
        """
        found = []
        for line in self._lines.feed(data):
            try:
                result = self._message(line, now)
            except ValueError:
                result = UNREADABLE
            if isinstance(result, Fix):
                found.append(result)
            elif result:
                self.rejected[result] += 1
        return found

    def finish(self, now: float) -> list[Fix]:  # noqa: ARG002 - the shape of all parsers
        """Nothing: each message is a report of its own."""
        return []

    def _message(self, line: bytes, now: float) -> Fix | str | None:
        """The report of a message, why it has none, or ``None`` for a message of another kind."""
        _, begun, message = line.rpartition(b">")
        if not begun:
            return NO_MESSAGE
        checked = _CHECKSUM.fullmatch(message)
        if checked and int(checked[2], 16) != xor(b">" + checked[1]):
            return WRONG_CHECKSUM
        if not checked and self._checksums:
            return NO_CHECKSUM
        body, *extras = message.decode("ascii").split(";")
        kind = body[1:3]
        if body[:1] != "R" or kind not in _MESSAGES:
            return None
        found = _MESSAGES[kind].fullmatch(body[3:])
        if not found:
            return UNREADABLE
        name = next(filter(None, map(_UNIT.fullmatch, extras)), None)
        return _fix(name[1] if name else self._unit, found.groupdict(), now)


def _fix(unit: str, said: dict[str, str], now: float) -> Fix | str:
    if said.get("source") == _UNKNOWN_SOURCE or _NOT_AVAILABLE in (said.get("age"), said.get("mode")):
        return Refusal.NO_POSITION.value
    if said.get("source", "-") in _DEAD_RECKONING:
        return ESTIMATED
    longitude, latitude = _decimal(said["lon"], 4), _decimal(said["lat"], 3)
    heading = _decimal(said["heading"], 3)
    if abs(longitude) > 180 or abs(latitude) > 90 or heading > 360:
        return UNREADABLE
    speed = _decimal(said["mph"], 3) * MPH_MPS
    return Fix(unit, _moment(said, now), longitude, latitude, speed_mps=speed, heading_deg=heading)


def _moment(said: dict[str, str], now: float) -> float:
    if "clock" in said:
        clock = said["clock"]
        second = int(clock[:2]) * 3_600 + int(clock[2:4]) * 60 + int(clock[4:])
        return midnight(2_000 + int(said["year"]), int(said["month"]), int(said["day"])) + second
    second_of_day = _decimal(said["second"], 5)
    if "week" in said:
        day = int(said["week"]) * 7 + int(said["weekday"])
        return with_week_counter(_GPS_BEGAN + day * DAY_S + second_of_day, now)
    return nearest(second_of_day, now)


def _decimal(text: str, before: int) -> float:
    """A number whose decimal point stands, unwritten, after so many signs and digits."""
    return float(f"{text[:before]}.{text[before:]}")
