"""From the facts of ``city_crimes`` to the law of each category: how much background where, when, and at which events.

The weight of a component in a cell is its land times powers of residents and workers, times
``(1 + density) ** coefficient`` for each kind of place, times the exponential of poverty and of a smooth field that no
layer shows.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from patrol_missions.core import grid
from patrol_missions.engine.data.city_crimes import CLOCKS, Clock, Component, Crime
from patrol_missions.engine.data.city_layout import CELL_SIZE_M, Layout
from patrol_missions.engine.data.city_places import People, Places, PlannedEvents, Venue
from patrol_missions.engine.data.city_process import Process, growth, kernel
from patrol_missions.engine.data.city_random import RESIDUALS, smooth_field, stream
from patrol_missions.engine.data.zones import Zone

PLACE_REACH_M: Mapping[str, float] = {
    "bar": 200.0, "shop": 200.0, "fuel station": 200.0, "transit stop": 200.0,
    "parking": 250.0, "school": 250.0, "park": 300.0,
}  # fmt: skip
"""How far each kind of place is felt: standard deviation of its Gaussian kernel."""

CROWD_BEFORE_H, CROWD_AFTER_H = 1.0, 2.0
"""Visitors are about from so long before an event's start until so long after its end."""

_YEAR_H = 365.25 * 24.0
_DAY_BEGINS_H = 6
_FIELD_SCALE_CELLS = 1.3


@dataclass(frozen=True, eq=False)
class Axis:
    """The simulation's clock: whole hours of UTC, and the local hour that each of them is.

    :param origin: first hour, UTC, datetime64[s]
    :param hours: how many there are
    :param zone: whose wall time people live by
    """

    origin: np.datetime64
    hours: int
    zone: Zone

    def at(self, utc: np.ndarray) -> np.ndarray:
        """Hours since the origin of UTC moments, float64."""
        return np.asarray((np.asarray(utc, dtype="datetime64[s]") - self.origin).astype(np.int64) / 3600.0)

    def moments(self, hours: np.ndarray) -> np.ndarray:
        """UTC moments (datetime64[s], whole seconds gone by) of hours since the origin."""
        return np.asarray(self.origin + np.floor(hours * 3600.0).astype("timedelta64[s]"))

    @cached_property
    def local(self) -> np.ndarray:
        """Wall time in the middle of every hour, datetime64[s]."""
        return self.zone.to_local(self.origin + (np.arange(self.hours) * 3600 + 1800).astype("timedelta64[s]"))

    @cached_property
    def day_and_hour(self) -> tuple[np.ndarray, np.ndarray]:
        """For every hour: weekday (0 = Monday) of the day that began at 06:00, hours since its midnight."""
        shifted = self.local - np.timedelta64(_DAY_BEGINS_H, "h")
        day = shifted.astype("datetime64[D]")
        hour = (self.local - day.astype("datetime64[s]")).astype(np.int64) / 3600.0
        return (day.astype(np.int64) + 3) % 7, hour


@dataclass(frozen=True, eq=False)
class Surroundings:
    """What the cells know of places, people and poverty.

    :param densities: kernel density of each kind of place at the cells' centres, each of shape (cells,)
    :param residents: people who live there, mean 1, shape (cells,)
    :param workers: people who work there, mean 1, shape (cells,)
    :param poverty: mean 0 and variance 1, shape (cells,)
    """

    densities: Mapping[str, np.ndarray]
    residents: np.ndarray
    workers: np.ndarray
    poverty: np.ndarray


def surroundings(layout: Layout, places: Places, people: People) -> Surroundings:
    """Look around from every cell."""
    x, y = grid.centres(layout.cells.columns, layout.cells.rows, CELL_SIZE_M)
    densities = {}
    for kind, reach_m in PLACE_REACH_M.items():
        total = np.zeros(len(x))
        for px, py in places.of(kind):
            total += np.exp(-((x - px) ** 2 + (y - py) ** 2) / (2.0 * reach_m**2))
        densities[kind] = total
    size = np.bincount(layout.area[layout.area >= 0])
    workers = layout.mean_in_cells(np.append(people.workers / size, 0.0)[layout.area])
    residents = layout.mean_in_cells(layout.density)
    lack = _standard(np.log(people.vacancy)) - _standard(np.log(people.median_income))
    poverty = layout.mean_in_cells(np.append(lack, 0.0)[layout.area])
    return Surroundings(densities, residents / residents.mean(), workers / workers.mean(), _standard(poverty))


def _standard(values: np.ndarray) -> np.ndarray:
    return np.asarray((values - values.mean()) / max(float(values.std()), 1e-12))


def profile(clock: Clock, axis: Axis) -> np.ndarray:
    """Factor of every hour, shape (hours,)."""
    weekday, hour = axis.day_and_hour
    shape = np.where(np.isin(weekday, clock.days_off), _bumps(clock.weekend, hour), _bumps(clock.weekday, hour))
    return np.asarray(shape * np.array(clock.days)[weekday])


def _bumps(bumps: tuple[tuple[float, float, float], ...], hour: np.ndarray) -> np.ndarray:
    total = np.ones_like(hour)
    for peak, width, height in bumps:
        off = (hour - peak + 12.0) % 24.0 - 12.0
        total += height * np.exp(-(off**2) / (2.0 * width**2))
    return total


@dataclass(frozen=True, eq=False)
class World:
    """All that the categories share.

    :param start: first moment of the history, hours on the axis
    :param end: its end
    """

    seed: int
    layout: Layout
    around: Surroundings
    axis: Axis
    events: PlannedEvents
    venues: tuple[Venue, ...]
    start: float
    end: float

    def field(self, number: int) -> np.ndarray:
        """A smooth field over the cells, variance about 1, that no layer shows; all categories share number 0."""
        cells = self.layout.cells
        rows, columns = cells.rows - cells.rows.min(), cells.columns - cells.columns.min()
        shape = (int(rows.max()) + 1, int(columns.max()) + 1)
        field = smooth_field(stream(self.seed, RESIDUALS, number), shape, _FIELD_SCALE_CELLS)
        return np.asarray(field[rows, columns])


def make_process(world: World, crime: Crime, number: int, incidents: float) -> Process:
    """The law of a category under which about so many incidents happen in the history.

    :param number: of the category, from 1
    :param incidents: expected number of incidents in the history, near repeats included
    """
    crowd_weights, crowd_rates = _crowds(world, crime)
    weights = np.vstack([_weights(world, crime, number), crowd_weights])
    clocks = np.vstack([_per_history(world, profile(CLOCKS[part.clock], world.axis)) for part in crime.components])
    shares = np.array([part.share for part in crime.components])
    slow = _slow(world, crime, number)
    rates = np.vstack([shares[:, None] * clocks * slow, crowd_rates])
    rhythm = shares @ clocks
    rates /= sum(_integral(world, row) for row in rates)
    process = Process(
        weights, rates, rhythm / rhythm.mean(), crime.offspring, 24.0 * crime.decay_days, crime.spread_m, CELL_SIZE_M
    )
    wanted = incidents / growth(process, kernel(world.layout.cells, crime.spread_m, CELL_SIZE_M))
    return replace(process, rates=wanted * rates)


def _weights(world: World, crime: Crime, number: int) -> np.ndarray:
    """How each component lies over the cells, rows sum to 1."""
    unseen = crime.patchiness * (0.7 * world.field(0) + np.sqrt(1.0 - 0.7**2) * world.field(number))
    common = np.exp(crime.poverty * world.around.poverty + unseen) * world.layout.cells.land_share
    rows = np.array([common * _pull(world.around, part) for part in crime.components])
    return np.asarray(rows / rows.sum(axis=1, keepdims=True))


def _pull(around: Surroundings, part: Component) -> np.ndarray:
    pull = (around.residents + 0.02) ** part.residents * (around.workers + 0.02) ** part.workers
    for kind, coefficient in part.places.items():
        pull = pull * (1.0 + around.densities[kind]) ** coefficient
    return np.asarray(pull)


def _slow(world: World, crime: Crime, number: int) -> np.ndarray:
    """Season, trend and a wave over years, by hour."""
    hours = np.arange(world.axis.hours) + 0.5
    local = world.axis.local
    day_of_year = (local - local.astype("datetime64[Y]").astype("datetime64[s]")).astype(np.int64) / 86_400.0
    phase = 2.0 * np.pi * float(stream(world.seed, RESIDUALS, number, 1).random())
    log_rate = crime.season * np.cos(2.0 * np.pi * (day_of_year - crime.season_peak) / 365.25)
    log_rate = log_rate + crime.trend * (hours - world.start) / _YEAR_H
    return np.asarray(np.exp(log_rate + 0.06 * np.sin(2.0 * np.pi * hours / (2.3 * _YEAR_H) + phase)))


def _crowds(world: World, crime: Crime) -> tuple[np.ndarray, np.ndarray]:
    """A component for each venue: near it, while its visitors are about, in proportion to their number."""
    cells = world.layout.cells
    x, y = grid.centres(cells.columns, cells.rows, CELL_SIZE_M)
    weights = np.empty((len(world.venues), len(cells)))
    rates = np.zeros((len(world.venues), world.axis.hours))
    for row, venue in enumerate(world.venues):
        near = cells.land_share * np.exp(-((x - venue.x) ** 2 + (y - venue.y) ** 2) / (2.0 * venue.reach_m**2))
        weights[row] = near / near.sum()
    first = world.axis.at(world.events.start) - CROWD_BEFORE_H
    last = world.axis.at(world.events.end) + CROWD_AFTER_H
    rise = crime.crowd * world.events.attendance / 10_000 / (world.end - world.start)
    for venue_row, begin, finish, more in zip(world.events.venue, first, last, rise):
        hours = np.arange(max(int(begin), 0), min(int(np.ceil(finish)), world.axis.hours))
        about = np.clip(np.minimum(hours + 1, finish) - np.maximum(hours, begin), 0.0, 1.0)
        rates[venue_row, hours] += more * about
    return weights, rates


def _integral(world: World, rates: np.ndarray) -> float:
    """Integral over the history of a rate that is constant within hours."""
    total = np.concatenate([[0.0], np.cumsum(rates)])
    first, last = np.interp([world.start, world.end], np.arange(len(total)), total)
    return float(last - first)


def _per_history(world: World, factor: np.ndarray) -> np.ndarray:
    return np.asarray(factor / _integral(world, factor))
