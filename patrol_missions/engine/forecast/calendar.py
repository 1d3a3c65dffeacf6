"""What is known of coming days years ahead: holidays and their eves, school days, darkness and moonlight.

Holidays come from the ``holidays`` package, sun and moon from ``astral``. A shift belongs to the day on which it
starts, also where it runs on past midnight.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timezone
from functools import lru_cache

import holidays as public
import numpy as np
from astral import Observer, moon
from astral.sun import elevation

from patrol_missions.core.errors import InputError
from patrol_missions.engine.data.shifts import Instances
from patrol_missions.engine.forecast.history import weekdays

_DAY = np.timedelta64(1, "D")
_YEARS = range(1990, 2061)
_SAMPLES = 8  # moments of a shift at which the sun is looked up
_SUNSET_DEGREES = -0.833  # centre of the sun when its upper edge, seen through the air, touches the horizon
_MOON_CYCLE = 28.0  # of astral's phases, 14 being full
_MOVED = (" (observed)", " (in lieu)", " (substituted)")


@dataclass(frozen=True)
class Calendar:
    """What a jurisdiction's days are like; the default knows nothing of them.

    :param holidays: country by its ISO code, with the region after a hyphen, such as ``US-PA``; blank for none
    :param longitude: of the jurisdiction's centre, degrees east; ``None`` leaves sun and moon out
    :param latitude: degrees north
    :param terms: first and last day of every school term, as ISO dates
    :raises InputError: when the holidays of the country or region are not known
    """

    holidays: str = ""
    longitude: float | None = None
    latitude: float | None = None
    terms: tuple[tuple[str, str], ...] = ()

    def __post_init__(self) -> None:
        if self.holidays:
            _named(self.holidays)

    def columns(self, instances: Instances) -> dict[str, np.ndarray]:
        """Features of shift instances by name, each float64 of shape (instances,); the same names for any instances."""
        day = instances.date.astype("datetime64[D]")
        found: dict[str, np.ndarray] = {}
        if self.holidays:
            found |= _holidays(day, _named(self.holidays))
        if self.terms:
            found["school day"] = self._school(day)
        if self.longitude is not None and self.latitude is not None:
            found["darkness"] = darkness(instances, self.longitude, self.latitude)
            found["moonlight"] = found["darkness"] * np.array([_moon(each) for each in day.astype(object)])
        return found

    def _school(self, day: np.ndarray) -> np.ndarray:
        first, last = (np.array(each, dtype="datetime64[D]") for each in zip(*self.terms))
        term = ((day[:, None] >= first) & (day[:, None] <= last)).any(axis=1)
        return np.asarray(term & (weekdays(day) < 5), dtype=np.float64)


def darkness(instances: Instances, longitude: float, latitude: float) -> np.ndarray:
    """Share of each shift instance (0 to 1) between sunset and sunrise."""
    spans = zip(instances.start.astype(np.int64).tolist(), instances.end.astype(np.int64).tolist())
    return np.array([_dark_share(start, end, longitude, latitude) for start, end in spans], dtype=np.float64)


def _holidays(day: np.ndarray, named: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Any holiday, the eve of one, and every one by its name."""
    free = np.unique(np.concatenate(list(named.values())))
    found = {"holiday": np.isin(day, free), "eve": np.isin(day + _DAY, free) & ~np.isin(day, free)}
    found |= {f"holiday {name}": np.isin(day, days) for name, days in named.items() if not name.endswith(_MOVED)}
    return {name: values.astype(np.float64) for name, values in found.items()}


@lru_cache(maxsize=16)
def _named(code: str) -> dict[str, np.ndarray]:
    """Days of each public holiday of a country or region; datetime64[D]."""
    country, _, region = code.strip().partition("-")
    try:
        regions = public.country_holidays(country.upper()).subdivisions
        # Most regions are written in capitals, some are not: AU-NSW Western, DE-Augsburg.
        known = next((each for each in regions if each.upper() == region.upper()), region)
        listed = public.country_holidays(country.upper(), subdiv=known or None, years=_YEARS)
    except NotImplementedError as error:
        raise InputError(
            f"The public holidays of “{code}” are not known.",
            "Give a country's ISO code such as DE, or with its region such as US-PA; leave it blank for none.",
        ) from error
    days: dict[str, list[date]] = {}
    for day, name in sorted(listed.items()):
        days.setdefault(name, []).append(day)
    return {name: np.array(days[name], dtype="datetime64[D]") for name in sorted(days)}


@lru_cache(maxsize=2**16)
def _dark_share(start: int, end: int, longitude: float, latitude: float) -> float:
    """Share of a span (seconds UTC) in which the sun is down; kept, as the same spans are asked for again and again."""
    place = Observer(latitude, longitude)
    step = (end - start) / _SAMPLES
    moments = [datetime.fromtimestamp(start + step * (sample + 0.5), timezone.utc) for sample in range(_SAMPLES)]
    return sum(elevation(place, moment, False) < _SUNSET_DEGREES for moment in moments) / _SAMPLES


@lru_cache(maxsize=2**14)
def _moon(day: date) -> float:
    """Share of the moon that is lit."""
    return float((1.0 - np.cos(2.0 * np.pi * moon.phase(day) / _MOON_CYCLE)) / 2.0)
