"""What happens to incidents on their way into an agency's file: the clean record, and the mess of real ones.

Both give the same columns. Times are wall time without a zone, cut to minutes, as an agency exports them. The mess
changes how incidents are recorded and never what happened: the truth stays the truth.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from scipy.spatial import cKDTree

from patrol_missions.engine.data.city_crimes import CRIMES
from patrol_missions.engine.data.city_intensity import Axis
from patrol_missions.engine.data.city_layout import CELL_SIZE_M, PIXEL_M, Layout
from patrol_missions.engine.data.city_random import MESS, exponential, normal, pick, stream

MINUTE, HOUR, DAY = 60, 3_600, 86_400

_AWAY_HOURS: Mapping[str, tuple[float, float]] = {  # median hours that the victim was away, share of such incidents
    "Burglary": (9.0, 0.80),
    "Motor vehicle theft": (9.0, 0.70),
    "Theft from vehicle": (10.0, 0.65),
    "Vandalism": (9.0, 0.40),
}
_TIME_UNKNOWN: Mapping[str, float] = {"Homicide": 1.0, "Fraud": 0.30, "Theft": 0.03, "Burglary": 0.02}
_NOON: Mapping[str, float] = {"Fraud": 0.08, "Theft": 0.015}
_AT_STATION: Mapping[str, float] = {"Fraud": 0.10, "All other offenses": 0.05, "Theft": 0.012, "Robbery": 0.005}
_UNPLACED: Mapping[str, float] = {"Fraud": 0.10, "All other offenses": 0.05}
_LATE: Mapping[str, float] = {"Fraud": 0.6, "Theft": 0.12, "Theft from vehicle": 0.10, "Burglary": 0.08}
_UNPLACED_ELSE, _UNPLACED_BAD_DISTRICT, _LATE_ELSE, _UNKNOWN_ELSE = 0.025, 0.19, 0.03, 0.004


@dataclass(frozen=True, eq=False)
class Incidents:
    """What happened, in the order of time; all arrays have shape (n,).

    :param crime: index into ``CRIMES``
    :param hour: hours since the axis' origin
    :param x: metres; of the true spot
    :param y: metres; of the true spot
    :param cell: index into the layout's cells
    """

    crime: np.ndarray
    hour: np.ndarray
    x: np.ndarray
    y: np.ndarray
    cell: np.ndarray

    def __len__(self) -> int:
        return len(self.crime)


@dataclass(frozen=True, eq=False)
class Recorded:
    """What the file says; all arrays have shape (n,), times are wall time, datetime64[s]."""

    event_id: np.ndarray
    raw: np.ndarray
    raw_labels: tuple[str, ...]
    start: np.ndarray
    end: np.ndarray
    reported: np.ndarray
    x: np.ndarray
    y: np.ndarray
    district: np.ndarray

    def take(self, rows: np.ndarray) -> Recorded:
        """Some rows, in the order given."""
        names = ("event_id", "raw", "start", "end", "reported", "x", "y", "district")
        return replace(self, **{name: getattr(self, name)[rows] for name in names})


def _by_crime(shares: Mapping[str, float], otherwise: float = 0.0) -> np.ndarray:
    return np.array([shares.get(crime.label, otherwise) for crime in CRIMES])


def clean_record(incidents: Incidents, axis: Axis, layout: Layout) -> Recorded:
    """The record of an agency that makes no mistakes: one row each, true minute and spot, reported within the hour."""
    wall = axis.zone.to_local(axis.moments(incidents.hour)).astype("datetime64[m]").astype("datetime64[s]")
    return Recorded(
        event_id=_ids(wall),
        raw=incidents.crime.astype(np.int32),
        raw_labels=tuple(crime.label for crime in CRIMES),
        start=wall,
        end=np.full(len(wall), np.datetime64("NaT", "s")),
        reported=wall + np.timedelta64(20, "m"),
        x=incidents.x,
        y=incidents.y,
        district=_district(layout, incidents),
    )


def _ids(wall: np.ndarray) -> np.ndarray:
    """Year and running number."""
    year = wall.astype("datetime64[Y]").astype(np.int64) + 1970
    return np.asarray(year * 100_000_000 + np.arange(1, len(wall) + 1))


def _district(layout: Layout, incidents: Incidents) -> np.ndarray:
    pixels = layout.pixels_at(np.column_stack([incidents.x, incidents.y]))
    return np.asarray(layout.district_of_area[layout.area.ravel()[pixels]].astype(np.int32))


def messy_record(
    seed: int, incidents: Incidents, axis: Axis, layout: Layout, station: tuple[float, float], exported: np.datetime64
) -> Recorded:
    """The same incidents as real agencies have them.

    :param station: x and y of the police station, where incidents without a known place are put
    :param exported: wall time of the export; what is reported later is not in the file
    """
    rng = stream(seed, MESS)
    record = clean_record(incidents, axis, layout)
    raw, labels = _raw_texts(rng, incidents.crime)
    start, end = _intervals(rng, incidents.crime, record.start)
    start, end = _rounded_and_unknown(rng, incidents.crime, start, end)
    reported = _reported(rng, incidents.crime, record.start, start, end)
    start, end = _slips(rng, start, end)
    points = block_points(stream(seed, MESS, 1), layout)
    spots = _on_blocks(stream(seed, MESS, 2), incidents, layout, points)
    x, y = _geocoded(rng, incidents, spots, len(layout.district_names), record.district, station)
    whole = replace(record, raw=raw, raw_labels=labels, start=start, end=end, reported=reported, x=x, y=y)
    return _repeated(rng, whole.take(np.flatnonzero(reported <= exported)), exported)


def _raw_texts(rng: np.random.Generator, crime: np.ndarray) -> tuple[np.ndarray, tuple[str, ...]]:
    """Free text: several words for one thing, and a few rows typed by hand with other capitals."""
    texts = tuple(text for each in CRIMES for text in each.raw)
    shares = [np.array(list(each.raw.values())) for each in CRIMES]
    offset = np.concatenate([[0], np.cumsum([len(share) for share in shares])])
    cumulative = np.concatenate([number + np.cumsum(share) / share.sum() for number, share in enumerate(shares)])
    code = np.searchsorted(cumulative, crime + rng.random(len(crime)), side="right")
    code = np.clip(code, offset[crime], offset[crime + 1] - 1)
    typed = rng.random(len(crime)) < 0.003
    return (code + len(texts) * typed).astype(np.int32), texts + tuple(f"{text.title()} " for text in texts)


def _intervals(rng: np.random.Generator, crime: np.ndarray, wall: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Nobody saw it: from when the owner left until the loss was found; some never say when it was found."""
    count = len(crime)
    median, share = (np.array([_AWAY_HOURS.get(each.label, (0.0, 0.0))[k] for each in CRIMES])[crime] for k in (0, 1))
    unseen = rng.random(count) < share
    away_h = median * np.exp(0.55 * normal(rng, count))
    away_h = np.where(rng.random(count) < 0.03, away_h * 30.0, away_h)
    before = (away_h * rng.random(count) * HOUR).astype(np.int64)
    after = (away_h * HOUR).astype(np.int64) - before
    start = np.where(unseen, wall - before, wall)
    end = np.where(unseen, wall + after, wall)
    said = rng.random(count) < np.where(unseen, 0.88, 0.35)
    end = np.where(said, end, np.datetime64("NaT", "s"))
    return _cut(start, 60), _cut(end, 60)


def _cut(times: np.ndarray, seconds: int) -> np.ndarray:
    """Times cut down to whole multiples of so many seconds of wall time."""
    whole = times.astype(np.int64) // seconds * seconds
    return np.where(np.isnat(times), times, whole.astype("datetime64[s]"))


def _rounded_and_unknown(
    rng: np.random.Generator, crime: np.ndarray, start: np.ndarray, end: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Half of the times at whole five minutes; midnight, and sometimes noon, where only the day is known."""
    rough = rng.random(len(crime)) < 0.5
    start = np.where(rough, _cut(start, 5 * MINUTE), start)
    end = np.where(rough, _cut(end, 5 * MINUTE), end)
    chance = rng.random(len(crime))
    unknown = _by_crime(_TIME_UNKNOWN, _UNKNOWN_ELSE)[crime]
    midnight = chance < unknown
    noon = ~midnight & (chance < unknown + _by_crime(_NOON)[crime])
    day = _cut(start, DAY)
    start = np.where(midnight, day, np.where(noon, day + 12 * HOUR, start))
    return start, np.where(midnight | noon, np.datetime64("NaT", "s"), end)


def _reported(
    rng: np.random.Generator, crime: np.ndarray, wall: np.ndarray, start: np.ndarray, end: np.ndarray
) -> np.ndarray:
    """Minutes, hours or days after it was found; fraud weeks later."""
    found = np.fmax(np.fmax(wall, start), end)
    chance = rng.random(len(crime))
    late = chance < _by_crime(_LATE, _LATE_ELSE)[crime]
    mean_s = np.where(late, 5.0 * DAY, np.where(chance < 0.6, 25.0 * MINUTE, 5.0 * HOUR))
    mean_s = np.where(late & (crime == _index("Fraud")), 20.0 * DAY, mean_s)
    return _cut(found + (mean_s * exponential(rng, len(crime))).astype(np.int64), 60)


def _index(label: str) -> int:
    return next(i for i, crime in enumerate(CRIMES) if crime.label == label)


def _slips(rng: np.random.Generator, start: np.ndarray, end: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Start and end in each other's place, and years mistyped into the future."""
    swapped = (rng.random(len(start)) < 0.015) & (end > start)
    start, end = np.where(swapped, end, start), np.where(swapped, start, end)
    future = rng.random(len(start)) < 0.0002
    years = np.timedelta64(10 * 365 * DAY, "s")
    return np.where(future, start + years, start), np.where(future, end + years, end)


def _geocoded(
    rng: np.random.Generator,
    incidents: Incidents,
    spots: np.ndarray,
    districts: int,
    district: np.ndarray,
    station: tuple[float, float],
) -> tuple[np.ndarray, np.ndarray]:
    """Middles of blocks, the police station, nothing, 0/0, swapped, in degrees, or out of town."""
    count = len(incidents)
    x, y = spots.T
    at_station = rng.random(count) < _by_crime(_AT_STATION)[incidents.crime]
    x, y = np.where(at_station, station[0], x), np.where(at_station, station[1], y)
    bad = district == districts // 2
    unplaced = np.where(bad, _UNPLACED_BAD_DISTRICT, _by_crime(_UNPLACED, _UNPLACED_ELSE)[incidents.crime])
    chance, what = rng.random(count), rng.random(count)
    far_m, angle = 15_000.0 + 40_000.0 * rng.random(count), 2.0 * np.pi * rng.random(count)
    missing = chance < unplaced
    x, y = np.where(missing, np.nan, x), np.where(missing, np.nan, y)
    wrong = ~missing & (chance > 0.990)
    choices = (
        (what < 0.45, 0.0, 0.0),
        ((what >= 0.45) & (what < 0.60), y, x),
        ((what >= 0.60) & (what < 0.70), -72.1 + x * 1e-8, 39.2 + y * 1e-9),
        (what >= 0.70, x + far_m * np.cos(angle), y + far_m * np.sin(angle)),
    )
    for chosen, new_x, new_y in choices:
        x, y = np.where(wrong & chosen, new_x, x), np.where(wrong & chosen, new_y, y)
    return x, y


def block_points(rng: np.random.Generator, layout: Layout) -> np.ndarray:
    """Middles of street blocks on land, where geocoders put incidents; every district's streets run their own way."""
    side = layout.inside.shape[0] * PIXEL_M
    middle = np.array(layout.origin) + side / 2.0
    district = np.append(layout.district_of_area, -1)[layout.area].ravel()
    usable = layout.cell_of_pixel.ravel() >= 0
    found = []
    for number in range(len(layout.district_names)):
        turn, streets_m, block_m = np.pi / 2.0 * rng.random(), 80.0 + 40.0 * rng.random(), 110.0 + 60.0 * rng.random()
        along, across = (
            v.ravel() for v in np.meshgrid(np.arange(-side, side, block_m), np.arange(-side, side, streets_m))
        )
        offset = along + 0.35 * block_m * (2.0 * rng.random(len(along)) - 1.0)  # blocks differ in length
        turned = [offset * np.cos(turn) - across * np.sin(turn), offset * np.sin(turn) + across * np.cos(turn)]
        points = middle + np.column_stack(turned)
        points = points[(np.abs(points - middle) < side / 2.0).all(axis=1)]
        pixels = layout.pixels_at(points)
        found.append(points[usable[pixels] & (district[pixels] == number)])
    return np.vstack(found)


def _on_blocks(rng: np.random.Generator, incidents: Incidents, layout: Layout, points: np.ndarray) -> np.ndarray:
    """A near block middle of the same cell, so that geocoding blurs places but not the counts of cells; shape (n, 2).

    Busy blocks draw from farther away: each block lies off the map by a height of its own, which adds to its distance.
    """
    owner = layout.cell_of_pixel.ravel()[layout.pixels_at(points)]
    apart = 100.0 * CELL_SIZE_M  # cells are pulled apart, so that the nearest point is never one of another cell
    height = 120.0 * np.sqrt(rng.random(len(points)))
    tree = cKDTree(np.column_stack([points, owner * apart, height]))
    asked = np.column_stack([incidents.x, incidents.y, incidents.cell * apart, np.zeros(len(incidents))])
    distance, nearest = tree.query(asked, distance_upper_bound=3.0 * CELL_SIZE_M)
    near = np.isfinite(distance)
    return np.where(near[:, None], points[np.where(near, nearest, 0)], np.column_stack([incidents.x, incidents.y]))


def _repeated(rng: np.random.Generator, record: Recorded, exported: np.datetime64) -> Recorded:
    """Some rows twice under one number: plain copies, and copies whose report was amended days later."""
    count = len(record.event_id)
    copies = pick(rng, np.ones(count), int(0.004 * count)) if count else np.empty(0, dtype=np.int64)
    amended = rng.random(len(copies)) < 0.3
    again = record.take(copies)
    later = np.minimum(again.reported + np.timedelta64(2 * DAY, "s"), exported)
    rows = record.take(np.concatenate([np.arange(count), copies]))
    rows = replace(rows, reported=np.concatenate([record.reported, np.where(amended, later, again.reported)]))
    return rows.take(np.argsort(rows.event_id, kind="stable"))
