"""The web requests by which phones and trackers report: OsmAnd, Traccar Client and their kind.

Older apps send a query, ``id=CAR7&timestamp=1773840500&lat=41.57&lon=-93.75&speed=3.2&bearing=92&accuracy=5``, with the
speed in knots; newer ones a JSON object, ``{"device_id": "CAR7", "location": {"timestamp": "2026-03-18T13:28:20Z",
"coords": {"latitude": 41.57, "longitude": -93.75, "speed": 1.6, "heading": 92}}}``, with the speed in metres a second.
"""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import parse_qsl

from patrol_missions.core.errors import InputError
from patrol_missions.engine.tracking.clock import moment
from patrol_missions.engine.tracking.fixes import Fix
from patrol_missions.engine.tracking.values import FASTEST_MPS, KNOT_MPS, RANGE_ERROR_M, number

_LONGEST = 2_048
_LONGEST_JSON = 16_384
_FIELDS = 64
_LONGEST_NAME = 64


def parse_query(query: str, now: float) -> Fix:
    """The report of a request.

    :param query: what stands after the question mark, or the body of a form
    :param now: seconds since 1970 UTC; the time of a report that tells none
    :raises InputError: with a sentence on what is wrong
    """
    if len(query) > _LONGEST:
        raise InputError(f"The report is longer than {_LONGEST} characters.")
    try:
        said = dict(parse_qsl(query, max_num_fields=_FIELDS))
    except ValueError:
        raise InputError(f"The report has more than {_FIELDS} values.") from None
    return _fix(said, KNOT_MPS, now)


def parse_json(body: bytes, now: float) -> Fix:
    """The report of a request whose body is a JSON object.

    :param now: seconds since 1970 UTC; the time of a report that tells none
    :raises InputError: with a sentence on what is wrong
    """
    if len(body) > _LONGEST_JSON:
        raise InputError(f"The report is longer than {_LONGEST_JSON} bytes.")
    try:
        whole = _object(json.loads(body))
    except (ValueError, RecursionError):
        raise InputError("The report is no JSON.") from None
    location = _object(whole.get("location"))
    coords = _object(location.get("coords"))
    said = {
        "id": whole.get("device_id"),
        "timestamp": location.get("timestamp"),
        "lat": coords.get("latitude"),
        "lon": coords.get("longitude"),
        **{name: coords.get(name) for name in ("speed", "heading", "accuracy")},
    }
    return _fix({name: str(value) for name, value in said.items() if value is not None}, 1.0, now)


def _object(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _fix(said: dict[str, str], speed_mps: float, now: float) -> Fix:
    """The report of some values.

    :param speed_mps: the unit of their speed
    """
    unit = said.get("id") or said.get("deviceid") or ""
    if not 0 < len(unit) <= _LONGEST_NAME or not unit.isprintable():
        raise InputError("The report does not say whose it is.", "Set the device identifier to the unit's call sign.")
    if said.get("valid", "true").lower() not in ("true", "1"):
        raise InputError(f"The device of {unit} says itself that its position is not valid.")
    latitude, longitude = _place(said)
    accuracy = _number(said, "accuracy", 0.0, 1e7)
    dilution = _number(said, "hdop", 0.0, 1e4)
    speed = _number(said, "speed", -1.0, FASTEST_MPS / speed_mps)
    heading = _number(said, "bearing" if "bearing" in said else "heading", -1.0, 360.0)
    return Fix(
        unit, _moment(said.get("timestamp"), now), longitude, latitude,
        accuracy or (dilution * RANGE_ERROR_M if dilution else None),
        None if speed is None or speed < 0 else speed * speed_mps,
        None if heading is None or heading < 0 else heading,
    )  # fmt: skip


def _moment(text: str | None, now: float) -> float:
    if text is None:
        return now
    at = moment(text)
    if at is None:
        raise InputError(
            f"The time “{_shown(text)}” is not understood.", "Seconds or milliseconds since 1970, or ISO 8601, are."
        )
    return at


def _place(said: dict[str, str]) -> tuple[float, float]:
    """Latitude and longitude."""
    if "location" in said:
        latitude, _, longitude = said["location"].partition(",")
        said = {"lat": latitude, "lon": longitude}
    found = _number(said, "lat", -90.0, 90.0), _number(said, "lon", -180.0, 180.0)
    if found[0] is None or found[1] is None:
        raise InputError("The report has no position.", "It needs lat and lon, or location, in degrees.")
    return found[0], found[1]


def _number(said: dict[str, str], name: str, least: float, largest: float) -> float | None:
    """A value; ``None`` where the report does not have it."""
    text = said.get(name, "")
    try:
        return number(text, least, largest)
    except ValueError:
        raise InputError(f"The value “{_shown(text)}” of {name} is no number from {least:g} to {largest:g}.") from None


def _shown(text: str) -> str:
    """The beginning of a stranger's text, on one line."""
    return "".join(sign if sign.isprintable() else " " for sign in text[:32])
