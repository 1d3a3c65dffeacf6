"""Moments that receivers tell in part: a time of day without a date, a week counter that began anew, a text."""

from __future__ import annotations

import math
import re
from datetime import date, datetime, timedelta, timezone, tzinfo

DAY_S = 86_400.0
_WEEK_S = 7 * DAY_S
_COUNTER_WEEKS = 1_024  # GPS counts its weeks with ten bits
_EPOCH = date(1970, 1, 1)
_MILLIS = 1e11  # seconds up to here (the year 5138), milliseconds above (from March 1973)
_ISO = re.compile(
    r"([0-9]{4})-([0-9]{2})-([0-9]{2})[T ]([0-9]{2}):([0-9]{2})(?::([0-9]{2})([.,][0-9]{1,12})?)?"
    r"\s*(?:([Zz]|UTC)|([+-])([0-9]{2}):?([0-9]{2})?)?"
)
_NUMBER = re.compile(r"[0-9]{1,14}(?:\.[0-9]{1,12})?")


def midnight(year: int, month: int, day: int) -> float:
    """Seconds since 1970 UTC at which a day begins; ``ValueError`` where there is no such day."""
    try:
        return (date(year, month, day) - _EPOCH).days * DAY_S
    except OverflowError:
        raise ValueError(year) from None


def nearest(second_of_day: float, moment: float) -> float:
    """The moment of that time of day within half a day of another."""
    return math.floor((moment - second_of_day) / DAY_S + 0.5) * DAY_S + second_of_day


def with_week_counter(at: float, now: float) -> float:
    """Put right a date of a receiver whose week counter began anew: it is 1,024 or 2,048 weeks too early.

    Only where the right date is within a day of now, so that no other date is ever touched.
    """
    for times in (1, 2):
        moved = at + times * _COUNTER_WEEKS * _WEEK_S
        if abs(moved - now) <= DAY_S:
            return moved
    return at


def moment(text: str, zone: tzinfo = timezone.utc) -> float | None:
    """Seconds since 1970 UTC of an ISO 8601 text or a count of seconds or milliseconds; ``None`` where it is neither.

    :param zone: what a text without an offset is in
    """
    text = text.strip()
    if _NUMBER.fullmatch(text):
        number = float(text)
        return number / 1_000 if number > _MILLIS else number
    found = _ISO.fullmatch(text)
    if not found:
        return None
    *parts, fraction, utc, sign, hours, minutes = found.groups()
    try:
        year, month, day, hour, minute, second = (int(part or 0) for part in parts)
        at = datetime(year, month, day, hour, minute, second, tzinfo=_zone(utc, sign, hours, minutes) or zone)
        return at.timestamp() + float((fraction or "0").replace(",", "."))
    except (ValueError, OverflowError):
        return None


def _zone(utc: str | None, sign: str | None, hours: str | None, minutes: str | None) -> tzinfo | None:
    if utc:
        return timezone.utc
    if not sign:
        return None
    ahead = timedelta(hours=int(hours or 0), minutes=int(minutes or 0))
    return timezone(ahead if sign == "+" else -ahead)
