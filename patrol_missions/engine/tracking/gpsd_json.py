"""What gpsd says on its socket: a JSON object on each line.

gpsd has put a receiver's sentences together, so that each TPV object is a report. Several devices are one unit (two
receivers in a car), unless each of them is said to be a unit of its own.
"""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Mapping
from typing import Any

from patrol_missions.engine.tracking.clock import moment
from patrol_missions.engine.tracking.fixes import Fix, Refusal
from patrol_missions.engine.tracking.lines import NO_MESSAGE, NO_TIME, NO_UNIT, UNREADABLE, Lines
from patrol_missions.engine.tracking.values import FASTEST_MPS

GPSD_ERROR = "an error of gpsd"
PROTOCOL = 3
"""Major number of gpsd's protocol that is understood; since 2010."""

_LONGEST = 10_240  # gpsd's own bound for an object; its lists of satellites are long
_DEVICES = 64
_TO_ONE_SIGMA = 0.5  # gpsd's errors are those of 95 %


class GpsdParser:
    """Position reports out of gpsd's JSON.

    :param unit: whose reports they are
    :param units: units by the path of their device; reports of other devices are refused
    :ivar rejected: how much could not be used, by why
    :ivar devices: whether each device that gpsd has named is in use, by its path
    :ivar protocol: major number of the protocol, once gpsd has told it
    :ivar error: gpsd's last complaint
    """

    def __init__(self, unit: str, units: Mapping[str, str] | None = None) -> None:
        self.rejected: Counter[str] = Counter()
        self.devices: dict[str, bool] = {}
        self.protocol: int | None = None
        self.error = ""
        self._unit, self._units = unit, units
        self._lines = Lines(self.rejected, _LONGEST)

    def feed(self, data: bytes, now: float) -> list[Fix]:  # noqa: ARG002 - the shape of all parsers
        """Reports that the bytes complete.

        :param data: as they come, cut anywhere
        :param now: of no use here: gpsd tells whole dates
        """
        found = []
        for line in self._lines.feed(data):
            result = self._line(line)
            if isinstance(result, Fix):
                found.append(result)
            elif result:
                self.rejected[result] += 1
        return found

    def finish(self, now: float) -> list[Fix]:  # noqa: ARG002 - the shape of all parsers
        """Nothing: gpsd has put the sentences of a moment together."""
        return []

    def _line(self, line: bytes) -> Fix | str | None:
        """The report of a line, why it has none, or ``None`` for one that is of no concern."""
        if not line.startswith(b"{"):
            return NO_MESSAGE
        try:
            said = json.loads(line)
        except (ValueError, RecursionError):
            return UNREADABLE
        kind = said.get("class")
        if kind == "TPV":
            return self._report(said)
        if kind == "ERROR":
            self.error = str(said.get("message", ""))[:200]
            return GPSD_ERROR
        if kind == "VERSION":
            major = said.get("proto_major")
            self.protocol = major if isinstance(major, int) else None
        elif kind == "DEVICE":
            self._device(said)
        elif kind == "DEVICES":
            for each in _list(said.get("devices"))[:_DEVICES]:
                self._device(each)
        return None

    def _device(self, said: Any) -> None:
        path = said.get("path") if isinstance(said, dict) else None
        if isinstance(path, str) and (path in self.devices or len(self.devices) < _DEVICES):
            self.devices[path] = bool(said.get("activated"))

    def _report(self, said: dict[str, Any]) -> Fix | str:
        unit = self._unit
        if self._units is not None:
            device = said.get("device")
            unit = self._units.get(device, "") if isinstance(device, str) else ""
            if not unit:
                return NO_UNIT
        longitude, latitude = _number(said, "lon", 180.0), _number(said, "lat", 90.0)
        mode = said.get("mode")
        if not isinstance(mode, int) or mode < 2 or longitude is None or latitude is None:  # 2: with a position
            return Refusal.NO_POSITION.value
        time = said.get("time")
        at = moment(str(time)) if isinstance(time, (str, int, float)) else None
        if at is None:
            return NO_TIME
        speed, heading = _number(said, "speed", FASTEST_MPS), _number(said, "track", 360.0)
        return Fix(
            unit, at, longitude, latitude, _accuracy_m(said),
            None if speed is None else abs(speed), None if heading is None else heading % 360,
        )  # fmt: skip


def _accuracy_m(said: dict[str, Any]) -> float | None:
    """One standard deviation, horizontal, of gpsd's bounds."""
    whole, east, north = (_number(said, name, 1e7) for name in ("eph", "epx", "epy"))
    if whole is None and east is not None and north is not None:
        whole = math.hypot(east, north)
    return abs(whole) * _TO_ONE_SIGMA if whole else None


def _number(said: dict[str, Any], name: str, largest: float) -> float | None:
    value = said.get(name)
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not abs(value) <= largest:
        return None
    return float(value)


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
