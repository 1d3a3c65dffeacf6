"""One position report, and why one may not be believed."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import Enum


@dataclass(frozen=True)
class Fix:
    """A unit's position at a moment.

    :param unit: call sign or vehicle; never a person
    :param at: seconds since 1970-01-01 UTC, by the receiver's clock
    :param longitude: degrees, WGS 84
    :param latitude: degrees, WGS 84
    :param accuracy_m: how far off it may be (one standard deviation, horizontal), where the receiver says so
    :param speed_mps: over ground
    :param heading_deg: true, clockwise from north
    """

    unit: str
    at: float
    longitude: float
    latitude: float
    accuracy_m: float | None = None
    speed_mps: float | None = None
    heading_deg: float | None = None


class Refusal(Enum):
    """Why a report is not taken; the values are shown and counted."""

    NO_POSITION = "no position"
    INACCURATE = "too inaccurate"
    FUTURE = "from the future"
    LATE = "too late"
    TWICE = "heard twice"
    JUMP = "an implausible jump"


@dataclass(frozen=True)
class Belief:
    """What a report must be like.

    :param accuracy_m: largest inaccuracy; a mission's cell measures 250 m
    :param ahead_s: how far a receiver's clock may run ahead of ours
    """

    accuracy_m: float = 50.0
    ahead_s: float = 60.0

    def refusal(self, fix: Fix, now: float) -> Refusal | None:
        """Why a report is refused by itself; ``None`` where it may be believed."""
        there = math.isfinite(fix.longitude) and math.isfinite(fix.latitude) and math.isfinite(fix.at)
        if not there or abs(fix.longitude) > 180 or abs(fix.latitude) > 90 or (fix.longitude, fix.latitude) == (0, 0):
            return Refusal.NO_POSITION
        if fix.accuracy_m is not None and not fix.accuracy_m <= self.accuracy_m:
            return Refusal.INACCURATE
        if fix.at > now + self.ahead_s:
            return Refusal.FUTURE
        return None
