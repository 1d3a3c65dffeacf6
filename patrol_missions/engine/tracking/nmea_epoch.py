"""What NMEA sentences say, and how those of one moment come to one report.

A receiver says where it is several times a second, each time in part: GGA has the accuracy, RMC the date and the speed,
GST the error, ZDA the year. The sentences of one moment carry its time of day; the ones without (VTG, GSA) follow them.
A moment is over when another begins. A receiver keeps its order, though: the kind of sentence that was the last one of
the moment before ends the next one, too, so that a report is not held back until the receiver speaks again.

The layout of the sentences is pynmea2's. Its conversion is not used: it makes 0 degrees of a latitude without north or
south, leaves a text where it finds no number, and holds a u-blox receiver's good fix (navigation status V, which means
"not told") for none.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace

import pynmea2  # type: ignore[import-untyped]

from patrol_missions.engine.tracking.clock import midnight, nearest, with_week_counter
from patrol_missions.engine.tracking.fixes import Fix, Refusal
from patrol_missions.engine.tracking.lines import ESTIMATED, NO_DATE, NO_TIME
from patrol_missions.engine.tracking.values import FASTEST_MPS, KNOT_MPS, RANGE_ERROR_M, number

_SAME_S = 0.015  # receivers round the time of one moment differently from sentence to sentence
_NO_FIX = Refusal.NO_POSITION.value
_TWICE = Refusal.TWICE.value
_PIVOT = 80  # two-digit years from 80 on, when GPS began, lie in the 1900s
_MODES = {"N": _NO_FIX, "E": ESTIMATED, "M": ESTIMATED, "S": ESTIMATED}
_QUALITIES = {"": _NO_FIX, "0": _NO_FIX, "6": ESTIMATED, "7": ESTIMATED, "8": ESTIMATED}
_TIME = re.compile(r"([01][0-9]|2[0-3])([0-5][0-9])([0-5][0-9]|60)(\.[0-9]*)?")
_DATE = re.compile(r"([0-9]{2})([0-9]{2})([0-9]{2})")
# Without a point a minute has lost its fraction; 60 minutes are what receivers make of 59.99999 when they round.
_DEGREES = re.compile(r" *([0-9]{0,3})([0-5][0-9]\.[0-9]*|60\.0*)")

Value = Callable[[str], str]
"""The text of a sentence's field by pynmea2's name for it; empty where the sentence has none."""


@dataclass(frozen=True)
class Said:
    """What sentences say of a moment; ``None`` where they do not.

    :param second: of the day, UTC
    :param date: midnight of the day, seconds since 1970 UTC
    :param place: longitude and latitude
    :param dilution: horizontal, of precision
    :param spread_m: one standard deviation, horizontal
    :param refusal: why the position cannot be used
    """

    second: float | None = None
    date: float | None = None
    place: tuple[float, float] | None = None
    speed_mps: float | None = None
    heading_deg: float | None = None
    dilution: float | None = None
    spread_m: float | None = None
    refusal: str | None = None

    def with_more(self, more: Said) -> Said:
        """With what another sentence of the moment adds; the later one counts where both say something."""
        known = {name: value for name, value in vars(more).items() if value is not None and name != "second"}
        return replace(self, **known)

    def accuracy_m(self) -> float | None:
        """One standard deviation, horizontal."""
        if self.spread_m is not None:
            return self.spread_m
        return None if self.dilution is None else self.dilution * RANGE_ERROR_M


def read(kind: str, fields: list[str]) -> Said:
    """What a sentence says; ``ValueError`` where a field is not what it should be.

    :param kind: one of :data:`KINDS`
    """
    places = _PLACES[kind]

    def value(name: str) -> str:
        place = places[name]
        return fields[place] if place < len(fields) else ""

    return _READERS[kind](value)


def _rmc(value: Value) -> Said:
    second = _second(value)
    good = value("status") in ("A", "D")  # D: by differences, as receivers before NMEA 2.3 say
    refusal = _MODES.get(value("mode_indicator")) if good else _NO_FIX
    if refusal:
        return Said(second, refusal=refusal)
    speed = number(value("spd_over_grnd"), 0, FASTEST_MPS / KNOT_MPS)
    return Said(
        second, _date(value("datestamp")), _place(value), None if speed is None else speed * KNOT_MPS,
        number(value("true_course"), 0, 360),
    )  # fmt: skip


def _gga(value: Value) -> Said:
    satellites = value("num_sats")
    refusal = _NO_FIX if satellites and not satellites.strip("0") else _QUALITIES.get(value("gps_qual"))
    if refusal:
        return Said(_second(value), refusal=refusal)
    return Said(_second(value), place=_place(value), dilution=_dilution(value("horizontal_dil")))


def _gns(value: Value) -> Said:
    modes = value("mode_indicator")  # a letter for each system of satellites
    if not any(mode not in _MODES for mode in modes):
        return Said(_second(value), refusal=ESTIMATED if modes.strip("N") else _NO_FIX)
    return Said(_second(value), place=_place(value), dilution=_dilution(value("hdop")))


def _gll(value: Value) -> Said:
    refusal = _NO_FIX if value("status") != "A" else _MODES.get(value("faa_mode"))
    return Said(_second(value), refusal=refusal) if refusal else Said(_second(value), place=_place(value))


def _vtg(value: Value) -> Said:
    speed = number(value("spd_over_grnd_kts"), 0, FASTEST_MPS / KNOT_MPS)
    if value("faa_mode") == "N" or speed is None:
        return Said()
    return Said(speed_mps=speed * KNOT_MPS, heading_deg=number(value("true_track"), 0, 360))


def _zda(value: Value) -> Said:
    parts = [value(name) for name in ("year", "month", "day")]
    return Said(_second(value), midnight(*(int(part) for part in parts)) if all(parts) else None)


def _gsa(value: Value) -> Said:
    return Said(dilution=_dilution(value("hdop")))


def _gst(value: Value) -> Said:
    north, east = (number(value(f"std_dev_{name}"), 0, 1e6) for name in ("latitude", "longitude"))
    return Said(_second(value), spread_m=None if north is None or east is None else (north**2 + east**2) ** 0.5)


_READERS: dict[str, Callable[[Value], Said]] = {
    "RMC": _rmc, "GGA": _gga, "GNS": _gns, "GLL": _gll, "VTG": _vtg, "ZDA": _zda, "GSA": _gsa, "GST": _gst,
}  # fmt: skip
_PLACES = {kind: pynmea2.TalkerSentence.sentence_types[kind].name_to_idx for kind in _READERS}
KINDS = frozenset(_READERS)
"""Sentences that are read; all others are passed over."""

_WITH_TIME = frozenset({"RMC", "GGA", "GNS", "GLL"})


def _second(value: Value) -> float | None:
    text = value("timestamp")
    if not text:
        return None
    if not _TIME.fullmatch(text):
        raise ValueError(text)
    return int(text[:2]) * 3_600 + int(text[2:4]) * 60 + float(text[4:])


def _date(text: str) -> float | None:
    if not text:
        return None
    found = _DATE.fullmatch(text)
    if not found:
        raise ValueError(text)
    day, month, year = map(int, found.groups())
    return midnight(year + (1_900 if year >= _PIVOT else 2_000), month, day)


def _place(value: Value) -> tuple[float, float] | None:
    if not value("lat") and not value("lon"):
        return None
    return _degrees(value("lon"), value("lon_dir"), "EW", 180.0), _degrees(value("lat"), value("lat_dir"), "NS", 90.0)


def _degrees(text: str, side: str, sides: str, largest: float) -> float:
    found = _DEGREES.fullmatch(text)
    sign = sides.find(side) if len(side) == 1 else -1
    if not found or sign < 0:
        raise ValueError(text)
    degrees = int(found[1] or 0) + float(found[2]) / 60
    if degrees > largest:
        raise ValueError(text)
    return -degrees if sign else degrees


def _dilution(text: str) -> float | None:
    return number(text, 0, 1e4) or None  # 0 is what receivers write that do not know it


@dataclass(frozen=True)
class Dates:
    """How a time of day comes to its date.

    :param from_now: a stream that never tells a date is live, and its times are within half a day of now; in a log
        they are not, and its reports are refused
    :param week_counter: put right dates that are 1,024 or 2,048 weeks too early, where that makes them those of today
    """

    from_now: bool = True
    week_counter: bool = True


class Receiver:
    """One unit's sentences, moment by moment.

    :param unit: whose they are
    """

    def __init__(self, unit: str, dates: Dates) -> None:
        self._unit, self._dates = unit, dates
        self._said: Said | None = None
        self._told = False
        self._newest = self._last = ""
        self._heard: dict[str, int] = {}
        self._dated: tuple[float, float] | None = None

    def take(self, kind: str, said: Said, now: float, body: bytes) -> list[Fix | str]:
        """Take a sentence; reports that are complete with it, and why others come to none.

        :param body: its bytes; the same ones twice in a moment are a packet that was sent again
        """
        if said.second is None and kind in _WITH_TIME:
            return [*self.finish(now), said.refusal or NO_TIME]
        done: list[Fix | str] = []
        if said.second is not None and not self._is_now(said.second):
            done += self.finish(now)
            self._said, self._told, self._heard = said, False, {}
        elif self._said is not None:
            self._said = self._said.with_more(said)
        if said.second is not None:
            if self._heard.get(kind) == hash(body):
                return [*done, _TWICE]
            self._heard[kind] = hash(body)
        if said.date is not None and said.second is not None:
            self._dated = (said.date + said.second, now)
        self._newest = kind
        return [*done, *self._tell(now)] if kind == self._last else done

    def finish(self, now: float) -> list[Fix | str]:
        """The moment is over: nothing more is said of it."""
        done = self._tell(now)
        if self._said is not None:
            self._said, self._last = None, self._newest
        return done

    def _is_now(self, second: float) -> bool:
        return self._said is not None and self._said.second is not None and abs(second - self._said.second) < _SAME_S

    def _tell(self, now: float) -> list[Fix | str]:
        said = self._said
        if said is None or said.second is None or self._told:
            return []
        self._told = True
        if said.refusal:
            return [said.refusal]
        if said.place is None:
            return []
        at = self._moment(said.second, said.date, now)
        if at is None:
            return [NO_DATE]
        return [Fix(self._unit, at, *said.place, said.accuracy_m(), said.speed_mps, said.heading_deg)]

    def _moment(self, second: float, date: float | None, now: float) -> float | None:
        """The moment of a time of day: by its own date, else the nearest to when it must be by the last date told."""
        if date is not None:
            at = date + second
        elif self._dated is not None:
            told, heard = self._dated
            at = nearest(second, told + now - heard)
        elif self._dates.from_now:
            at = nearest(second, now)
        else:
            return None
        return with_week_counter(at, now) if self._dates.week_counter else at
