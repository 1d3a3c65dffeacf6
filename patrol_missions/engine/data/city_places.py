"""What stands in the sample city: places, excluded grounds, people and incomes of neighbourhoods, planned events."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from patrol_missions.engine.data.city_layout import PIXEL_M, Layout
from patrol_missions.engine.data.city_random import EVENTS, PLACES, normal, pick, smooth_field, stream
from patrol_missions.engine.data.zones import Zone

STADIUM, ARENA, HOSPITAL, POLICE, STOP, PARK = "stadium", "arena", "hospital", "police station", "transit stop", "park"

_STREET, _CENTRE, _HOMES = range(3)


@dataclass(frozen=True)
class _Kind:
    """How many there are for 100 cells, and how they lie: along main streets, about the centre, where people live."""

    name: str
    per_100_cells: float
    pulls: tuple[float, float, float]


_KINDS = (
    _Kind("bar", 4.5, (0.50, 0.45, 0.05)),
    _Kind("shop", 14.0, (0.60, 0.25, 0.15)),
    _Kind("fuel station", 2.0, (0.80, 0.0, 0.20)),
    _Kind("parking", 4.0, (0.25, 0.60, 0.15)),
    _Kind("school", 3.0, (0.05, 0.0, 0.95)),
    _Kind(PARK, 2.2, (0.0, 0.05, 0.95)),
)

_FIRST = ("Copper", "Juniper", "Beacon", "Marlow", "Granite", "Cedar", "Lantern", "Willow", "Anchor", "Clover", "Hazel",
          "Summit", "Larkin", "Quarry", "Ferry", "Garnet", "Holly", "Market", "Tanner", "Windmill")  # fmt: skip
_SECOND: Mapping[str, tuple[str, ...]] = {
    "bar": ("Tavern", "Bar", "Taproom", "Lounge", "Ale House"),
    "shop": ("Market", "Hardware", "Grocery", "Pharmacy", "Outfitters", "Electronics"),
    "fuel station": ("Fuel", "Service Station"),
    "parking": ("Garage", "Parking Lot"),
    "school": ("Elementary School", "Middle School", "High School"),
    PARK: ("Park", "Green", "Playground"),
    STOP: ("Street Stop", "Avenue Stop"),
    HOSPITAL: ("General Hospital",),
    STADIUM: ("Field",),
    ARENA: ("Arena",),
    POLICE: ("Police Headquarters",),
}


@dataclass(frozen=True, eq=False)
class Places:
    """Points of interest; all arrays have shape (n,)."""

    kind: np.ndarray
    name: np.ndarray
    x: np.ndarray
    y: np.ndarray

    def of(self, kind: str) -> np.ndarray:
        """Coordinates of the places of a kind, shape (k, 2)."""
        chosen = self.kind == kind
        return np.column_stack([self.x[chosen], self.y[chosen]])


@dataclass(frozen=True, eq=False)
class People:
    """Neighbourhoods as a census has them; all arrays have shape (areas,).

    :param population: residents
    :param workers: people who work there
    :param median_income: of households, in dollars a year
    :param vacancy: share of homes that stand empty, in percent
    """

    population: np.ndarray
    workers: np.ndarray
    median_income: np.ndarray
    vacancy: np.ndarray


@dataclass(frozen=True, eq=False)
class PlannedEvents:
    """Games and concerts; all arrays have shape (n,).

    :param venue: row of the venue among the venues
    :param start: UTC, datetime64[s]
    :param end: UTC, datetime64[s]
    :param attendance: visitors
    """

    venue: np.ndarray
    start: np.ndarray
    end: np.ndarray
    attendance: np.ndarray


@dataclass(frozen=True)
class Venue:
    """Where events take place; ``reach_m`` is how far their visitors spread (standard deviation)."""

    kind: str
    name: str
    x: float
    y: float
    reach_m: float
    seats: int


def make_places(seed: int, layout: Layout) -> Places:
    """Places of every kind, on the land of the city."""
    rng = stream(seed, PLACES)
    pulls = _pulls(layout)
    kinds: list[str] = []
    spots: list[np.ndarray] = []
    size = len(layout.cells)
    for kind in _KINDS:
        count = max(2, round(kind.per_100_cells * size / 100))
        weight = sum(share * pull for share, pull in zip(kind.pulls, pulls))
        kinds += [kind.name] * count
        spots.append(_scattered(rng, layout, np.asarray(weight), count))
    stops = _stops(layout)
    kinds += [STOP] * len(stops)
    spots.append(stops)
    central, edge = _ground(layout, 0.15), _ground(layout, 0.6)
    for kind_name, where, count in (
        (POLICE, central, 1),
        (HOSPITAL, pulls[_HOMES] * central, 1),
        (HOSPITAL, pulls[_HOMES] * edge, min(size // 1200, 3)),
        (ARENA, pulls[_CENTRE] * central, 1),
        (STADIUM, edge, 1),
    ):
        kinds += [kind_name] * count
        spots.append(_scattered(rng, layout, where, count))
    points = np.vstack(spots)
    return Places(np.array(kinds), _names(rng, kinds), points[:, 0].copy(), points[:, 1].copy())


def _pulls(layout: Layout) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Rasters that sum to 1 over the land: main streets, the centre, homes."""
    on_street = np.zeros(layout.inside.shape, dtype=bool)
    for line in layout.streets:
        fine = np.column_stack([np.interp(np.linspace(0, 1, 4000), np.linspace(0, 1, len(line)), v) for v in line.T])
        on_street.ravel()[layout.pixels_at(fine)] = True
    off_m = ndimage.distance_transform_edt(~on_street) * PIXEL_M
    from_centre = _distance_to_centre(layout)
    radius = np.sqrt(layout.land.sum() / np.pi) * PIXEL_M
    street = np.exp(-((off_m / 60.0) ** 2)) * (0.15 + np.exp(-from_centre / (0.5 * radius)))
    centre = np.exp(-((from_centre / (0.10 * radius + 250.0)) ** 2) / 2)
    street, centre, homes = (np.where(layout.land, pull, 0.0) for pull in (street, centre, layout.density))
    return street / street.sum(), centre / centre.sum(), homes / homes.sum()


def _distance_to_centre(layout: Layout) -> np.ndarray:
    off = layout.centres_of(np.arange(layout.inside.size)) - np.array(layout.centre)
    return np.asarray(np.hypot(*off.T).reshape(layout.inside.shape))


def _ground(layout: Layout, share: float) -> np.ndarray:
    """Land well away from the water's edge, about so far (share of the city's radius) from the centre."""
    deep = ndimage.binary_erosion(layout.land, iterations=4)
    radius = np.sqrt(layout.land.sum() / np.pi) * PIXEL_M
    away = _distance_to_centre(layout) / radius - share
    fit = np.where(deep if deep.any() else layout.land, np.exp(-((away / 0.08) ** 2) / 2), 0.0)
    return np.asarray(fit + 1e-12 * layout.land)


def _scattered(rng: np.random.Generator, layout: Layout, weight: np.ndarray, count: int) -> np.ndarray:
    """Points drawn by a raster of weights, anywhere within the pixel."""
    if count == 0:
        return np.empty((0, 2))
    pixels = pick(rng, weight.ravel(), count)
    return np.asarray(layout.centres_of(pixels) + PIXEL_M * (rng.random((count, 2)) - 0.5))


def _stops(layout: Layout) -> np.ndarray:
    """Transit stops every 400 m along the main streets, on land."""
    found = []
    for line in layout.streets:
        walked = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(line, axis=0).T))])
        at = np.arange(0.0, walked[-1], 400.0)
        found.append(np.column_stack([np.interp(at, walked, v) for v in line.T]))
    points = np.vstack(found)
    return np.asarray(points[layout.land.ravel()[layout.pixels_at(points)]])


def _names(rng: np.random.Generator, kinds: list[str]) -> np.ndarray:
    first = pick(rng, np.ones(len(_FIRST)), len(kinds))
    second = rng.random(len(kinds))
    return np.array(
        [f"{_FIRST[i]} {_SECOND[kind][int(u * len(_SECOND[kind]))]}" for kind, i, u in zip(kinds, first, second)]
    )


def excluded_grounds(layout: Layout, places: Places) -> list[tuple[str, str, np.ndarray]]:
    """Kind, name and pixels (bool raster) of what no patrol is planned for: the river, police station and hospitals."""
    grounds = [("water", "River", layout.water)] if layout.water.any() else []
    for kind, half in ((POLICE, 1), (HOSPITAL, 2)):
        for number in np.flatnonzero(places.kind == kind):
            pixel = int(layout.pixels_at(np.array([[places.x[number], places.y[number]]]))[0])
            row, column = divmod(pixel, layout.inside.shape[1])
            ground = np.zeros_like(layout.inside)
            ground[row - half : row + half + 1, column - half : column + half + 1] = True
            grounds.append((kind, str(places.name[number]), ground & layout.land))
    return grounds


def make_people(seed: int, layout: Layout, places: Places) -> People:
    """Residents where the city is dense, workers where shops are, poorer and emptier patches that hang together."""
    rng = stream(seed, PLACES, 1)
    areas = int(layout.area.max()) + 1
    inside = layout.area >= 0
    label = layout.area[inside]
    size = np.bincount(label, minlength=areas)
    residents = np.bincount(label, weights=layout.density[inside], minlength=areas)
    population = residents / residents.sum() * len(layout.cells) * 210.0
    shops = np.vstack([places.of("shop"), places.of("parking")])
    jobs = np.bincount(layout.area.ravel()[layout.pixels_at(shops)], minlength=areas) + 0.004 * size
    workers = jobs / jobs.sum() * population.sum() * 0.55
    scale = np.sqrt(layout.land.sum() / np.pi)
    wealth_field = smooth_field(rng, layout.inside.shape, 0.22 * scale)
    wealth = np.bincount(label, weights=wealth_field[inside], minlength=areas) / size + 0.35 * normal(rng, areas)
    income = 58_000 * np.exp(0.38 * wealth)
    vacancy = np.clip(8.0 * np.exp(-0.55 * wealth + 0.35 * normal(rng, areas)), 0.5, 45.0)
    return People(
        np.round(population).astype(np.int64),
        np.round(workers).astype(np.int64),
        np.round(income / 100).astype(np.int64) * 100,
        np.round(vacancy, 1),
    )


def venues(places: Places) -> tuple[Venue, ...]:
    """The stadium and the arena."""
    result = []
    for kind, reach_m, seats in ((STADIUM, 600.0, 42_000), (ARENA, 450.0, 17_000)):
        row = int(np.flatnonzero(places.kind == kind)[0])
        result.append(Venue(kind, str(places.name[row]), float(places.x[row]), float(places.y[row]), reach_m, seats))
    return tuple(result)


def make_events(
    seed: int, zone: Zone, stages: tuple[Venue, ...], first_day: np.datetime64, last_day: np.datetime64
) -> PlannedEvents:
    """Ball games from April to September, arena games in winter and concerts all year, days inclusive."""
    rng = stream(seed, EVENTS)
    days = np.arange(first_day, last_day + 1)
    month = days.astype("datetime64[M]").astype(np.int64) % 12 + 1
    weekday = (days.astype(np.int64) + 3) % 7
    chance = rng.random((3, len(days)))
    weekend = np.isin(weekday, (4, 5, 6))
    season = (month >= 4) & (month <= 9)
    calendar = (
        (0, season & (chance[0] < np.where(weekend, 0.65, 0.40)), 3.0, 0.62),
        (1, ((month >= 10) | (month <= 3)) & (chance[1] < np.where(weekend, 0.45, 0.22)), 2.5, 0.80),
        (1, ~season & (chance[1] >= 0.45) & np.isin(weekday, (4, 5)) & (chance[2] < 0.4), 3.0, 0.85),
        (1, season & np.isin(weekday, (4, 5)) & (chance[2] < 0.6), 3.0, 0.85),
    )
    venue, start, hours, filled = [], [], [], []
    for at, chosen, length, usual in calendar:
        held = days[chosen]
        matinee = (rng.random(len(held)) < 0.35) & np.isin(weekday[chosen], (5, 6))
        start.append(held.astype("datetime64[s]") + np.where(matinee, 13 * 3600 + 300, 19 * 3600 + 300))
        venue.append(np.full(len(held), at, dtype=np.int32))
        hours.append(np.full(len(held), length))
        filled.append(np.clip(usual + 0.18 * normal(rng, len(held)), 0.2, 1.0))
    begin = zone.to_utc(np.concatenate(start))
    end = begin + (np.concatenate(hours) * 3600).astype(np.int64).astype("timedelta64[s]")
    order = np.argsort(begin, kind="stable")
    at_venue = np.concatenate(venue)[order]
    seats = np.array([stage.seats for stage in stages])[at_venue]
    attendance = np.round(seats * np.concatenate(filled)[order] / 10).astype(np.int64) * 10
    return PlannedEvents(at_venue, begin[order], end[order], attendance)
