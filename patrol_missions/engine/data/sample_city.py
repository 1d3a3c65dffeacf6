"""Job ``sample_city``: a simulated city with its history and the known truth of what to expect next.

The city is invented and lies in the open sea, so that it can be mistaken for no real one. Same seed, same tables.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import partial
from typing import Any

import numpy as np

from patrol_missions.core.errors import InputError
from patrol_missions.core.jobs import JobResult
from patrol_missions.core.names import expected_fields
from patrol_missions.core.shifts import parse_shifts
from patrol_missions.core.tables import Table
from patrol_missions.engine.context import JobContext
from patrol_missions.engine.data import city_tables
from patrol_missions.engine.data.city_crimes import CRIMES
from patrol_missions.engine.data.city_intensity import Axis, Surroundings, World, make_process, surroundings
from patrol_missions.engine.data.city_layout import CELL_SIZE_M, EPSG, PIXEL_M, Layout, make_layout
from patrol_missions.engine.data.city_mess import Incidents, clean_record, messy_record
from patrol_missions.engine.data.city_places import POLICE, Places, make_events, make_people, make_places, venues
from patrol_missions.engine.data.city_process import Happenings, Process, expected_counts, kernel, simulate
from patrol_missions.engine.data.city_random import BACKGROUND, OFFSPRING, POSITIONS, normal, stream
from patrol_missions.engine.data.shifts import Instances, ShiftPlan
from patrol_missions.engine.data.zones import zone

SHIFTS: tuple[Mapping[str, str], ...] = (
    {"name": "Day", "start": "07:00", "end": "15:00"},
    {"name": "Evening", "start": "15:00", "end": "23:00"},
    {"name": "Night", "start": "23:00", "end": "07:00"},
)
"""Shifts of the truth when none are given."""

_SETTLING_DAYS = 60  # simulated before the history begins, so that near repeats are in full swing from its first day
_MOST_TRUTH_ROWS = 8_000_000
_NEAR_M = 60.0
_FIRST_DAY, _LAST_DAY = date(1995, 1, 1), date(2090, 12, 31)  # time zones are known, settling time included


@dataclass(frozen=True)
class CityParameters:
    """What is asked for.

    :param seed: same seed, same city
    :param cells: about so many cells of 250 m
    :param years: length of the history
    :param incidents: expected number of incidents of all categories in the history
    :param forecast_shifts: number of shifts after the history for which the truth is told
    :param mess: whether incidents are recorded with the mistakes of real files
    :param time_zone: IANA name of the zone whose wall time the city lives by
    :param end_date: last day of the history
    :param shifts: the shifts of the truth
    """

    seed: int = 1
    cells: int = 1600
    years: float = 3.0
    incidents: int = 60_000
    forecast_shifts: int = 21
    mess: bool = True
    time_zone: str = "America/New_York"
    end_date: str = "2024-12-31"
    shifts: Sequence[Mapping[str, Any]] = SHIFTS

    @classmethod
    def read(cls, parameters: Mapping[str, Any]) -> CityParameters:
        """From a job's parameters; :class:`InputError` names what cannot be used."""
        known = cls.__dataclass_fields__
        made = cls(**{key: value for key, value in parameters.items() if key in known and value is not None})
        made.check()
        return made

    def check(self) -> None:
        """Raise :class:`InputError` for numbers that make no city."""
        number = (int, float)
        for value, kinds, name, low, high, hint in (
            (self.cells, int, "number of cells", 100, 25_000, "A cell is 250 m wide; 1,600 make a city of 100 km²."),
            (self.years, number, "number of years", 0.25, 20, "Three years of history are enough to train on."),
            (self.incidents, int, "number of incidents", 100, 5_000_000, "1,600 cells have some 20,000 a year."),
            (self.forecast_shifts, int, "number of shifts ahead", 0, 3_000, "21 make a week of three a day."),
            (self.seed, int, "seed", 0, 2**63 - 1, "Any whole number from 0 will do."),
        ):
            if isinstance(value, bool) or not isinstance(value, kinds) or not low <= value <= high:
                whole = "a whole number" if kinds is int else "a number"
                raise InputError(f"The {name} is {value}, and it must be {whole} from {low:,} to {high:,}.", hint)
        if self.forecast_shifts * self.cells > _MOST_TRUTH_ROWS:
            raise InputError(
                f"The truth for {self.forecast_shifts:,} shifts in {self.cells:,} cells would have more than "
                f"{_MOST_TRUTH_ROWS:,} rows.",
                "Ask for fewer shifts ahead or fewer cells.",
            )
        try:
            known = _FIRST_DAY <= date.fromisoformat(self.end_date) <= _LAST_DAY
        except (ValueError, TypeError):
            known = False
        if not known:
            raise InputError(
                f"The last day reads “{self.end_date}”, and it must be a date from {_FIRST_DAY} to {_LAST_DAY}.",
                "Write it like 2024-12-31.",
            )


@dataclass(frozen=True, eq=False)
class City:
    """The simulated city, for tests and benchmarks that need more than its tables.

    :param processes: law of every category, in the order of ``CRIMES``
    :param happened: incidents of every category, settling time included
    :param instances: occurrences of the shifts of the truth
    """

    parameters: CityParameters
    places: Places
    world: World
    processes: tuple[Process, ...]
    happened: tuple[Happenings, ...]
    plan: ShiftPlan
    instances: Instances


def run(parameters: Mapping[str, Any], tables: Mapping[str, Table], context: JobContext) -> JobResult:  # noqa: ARG001
    """Make the city.

    :param parameters: as in :class:`CityParameters`
    :param tables: none
    :return: tables ``boundary``, ``districts``, ``exclusions``, ``areas`` (attributes; the polygon of row i is in the
        rows of ``<name>_vertices`` with ``feature`` i), ``places``, ``events``, ``incidents``, ``truth``;
        values ``epsg``, ``cell_size_m``, ``time_zone``, ``history_start``, ``history_end`` (UTC), ``categories``
        (field of the truth by category), ``category_of_raw`` (what every raw text stands for), and counts
    """
    asked = CityParameters.read(parameters)
    city = make_city(asked, context.part(0.0, 0.6))
    layout = city.world.layout
    context.progress(0.6, "Writing down the incidents")
    incidents = placed_incidents(city)
    axis, places = city.world.axis, city.places
    if asked.mess:
        exported = axis.zone.to_local(axis.moments(np.array([city.world.end])))[0]
        station = places.of(POLICE)[0]
        context.progress(0.65)
        record = messy_record(asked.seed, incidents, axis, layout, (float(station[0]), float(station[1])), exported)
    else:
        record = clean_record(incidents, axis, layout)
    context.progress(0.75, "Foretelling the truth")
    truth = truth_table(city, context.part(0.75, 0.95))
    context.progress(0.95, "Drawing the map")
    people = make_people(asked.seed, layout, places)
    made = {
        **city_tables.polygon_tables(layout, places, people),
        "places": city_tables.places_table(places),
        "events": city_tables.events_table(city.world.events, city.world.venues),
        "incidents": city_tables.incidents_table(record, layout),
        "truth": truth,
    }
    context.progress(1.0)
    return JobResult(values=_values(city, len(incidents), made), tables=made)


def make_city(asked: CityParameters, context: JobContext) -> City:
    """Lay the city out and let its history happen."""
    context.progress(0.0, "Laying out the city")
    plan = ShiftPlan(parse_shifts(asked.shifts), asked.time_zone)
    layout = make_layout(asked.seed, asked.cells, context.part(0.0, 0.15).progress)
    context.progress(0.15, "Placing bars, schools and stops")
    places = make_places(asked.seed, layout)
    people = make_people(asked.seed, layout, places)
    world, instances = _world(asked, layout, places, plan, surroundings(layout, places, people))
    total = sum(crime.share for crime in CRIMES)
    processes, happened = [], []
    for number, crime in enumerate(CRIMES):
        part = context.part(0.2 + 0.8 * number / len(CRIMES), 0.2 + 0.8 * (number + 1) / len(CRIMES))
        part.progress(0.0, f"Simulating: {crime.label.lower()}")
        process = make_process(world, crime, number + 1, asked.incidents * crime.share / total)
        processes.append(process)
        background, repeats = (stream(asked.seed, purpose, number) for purpose in (BACKGROUND, OFFSPRING))
        step = partial(part.progress, 0.5)
        happened.append(simulate(process, layout.cells, 0.0, world.end, background, repeats, step=step))
    return City(asked, places, world, tuple(processes), tuple(happened), plan, instances)


def _world(
    asked: CityParameters, layout: Layout, places: Places, plan: ShiftPlan, around: Surroundings
) -> tuple[World, Instances]:
    """The time axis from the settling time to the last shift, and the events along it."""
    clock = zone(asked.time_zone)
    last_day = np.datetime64(asked.end_date, "D")
    first_day = last_day + 1 - round(365.25 * asked.years)
    start, end = clock.to_utc(np.array([first_day, last_day + 1]).astype("datetime64[s]"))
    instances = plan.following(end, asked.forecast_shifts)
    horizon = max([end, *instances.end]) + np.timedelta64(1, "D")
    origin = start.astype("datetime64[h]").astype("datetime64[s]") - np.timedelta64(_SETTLING_DAYS, "D")
    hours = int((horizon - origin).astype(np.int64) // 3600) + 1
    axis = Axis(origin, hours, clock)
    stages = venues(places)
    events = make_events(asked.seed, clock, stages, first_day - _SETTLING_DAYS, horizon.astype("datetime64[D]") + 14)
    first, last = axis.at(np.array([start, end]))
    return World(asked.seed, layout, around, axis, events, stages, float(first), float(last)), instances


def placed_incidents(city: City) -> Incidents:
    """All incidents of the history with their true spots, in the order of time."""
    parts = []
    for number, happened in enumerate(city.happened):
        spots = _spots(city.world.layout, happened, stream(city.parameters.seed, POSITIONS, number))
        kept = np.flatnonzero(happened.time >= city.world.start)
        crime = np.full(len(kept), number, dtype=np.int32)
        parts.append((crime, happened.time[kept], spots[kept, 0], spots[kept, 1], happened.cell[kept]))
    columns = [np.concatenate(column) for column in zip(*parts)]
    order = np.argsort(columns[1], kind="stable")
    return Incidents(*(column[order] for column in columns))


def _spots(layout: Layout, happened: Happenings, rng: np.random.Generator) -> np.ndarray:
    """Spots on land of the cells: anywhere for background, near the first incident for near repeats, shape (n, 2)."""
    cell = layout.cell_of_pixel.ravel()
    pixels = np.flatnonzero(cell >= 0)
    pixels = pixels[np.argsort(cell[pixels], kind="stable")]
    held = np.bincount(cell[pixels], minlength=len(layout.cells))
    first = np.concatenate([[0], np.cumsum(held)[:-1]])
    count = len(happened)
    chosen = first[happened.cell] + (rng.random(count) * held[happened.cell]).astype(np.int64)
    spots = layout.centres_of(pixels[chosen]) + PIXEL_M * (rng.random((count, 2)) - 0.5)
    moved = _NEAR_M * normal(rng, (count, 2))
    for generation in range(1, int(happened.generation.max(initial=0)) + 1):
        young = np.flatnonzero(happened.generation == generation)
        near = spots[happened.parent[young]] + moved[young]
        fits = cell[layout.pixels_at(near)] == happened.cell[young]
        spots[young[fits]] = near[fits]
    return np.asarray(spots)


def truth_table(city: City, context: JobContext) -> Table:
    """Expected incidents per cell, shift instance and planned category, given the history."""
    world, instances = city.world, city.instances
    cells = world.layout.cells
    starts, ends = world.axis.at(instances.start), world.axis.at(instances.end)
    planned = [number for number, crime in enumerate(CRIMES) if crime.planned]
    fields = expected_fields(CRIMES[number].label for number in planned)
    columns: dict[str, np.ndarray] = {
        "col": np.tile(cells.columns, len(instances)),
        "row": np.tile(cells.rows, len(instances)),
        "shift": np.repeat(instances.shift.astype(np.int32), len(cells)),
        "shift_date": np.repeat(instances.date, len(cells)),
        "start": np.repeat(instances.start, len(cells)),
        "end": np.repeat(instances.end, len(cells)),
    }
    for done, (number, field) in enumerate(zip(planned, fields.values())):
        process = city.processes[number]
        part = context.part(done / len(planned), (done + 1) / len(planned))
        repeats = kernel(cells, process.spread_m, CELL_SIZE_M)
        counts = expected_counts(process, repeats, city.happened[number], world.end, starts, ends, part.progress)
        columns[field] = counts.ravel()
    return Table(columns, {"shift": tuple(shift.name for shift in city.plan.shifts)})


def _values(city: City, happened: int, made: Mapping[str, Table]) -> dict[str, Any]:
    axis, world = city.world.axis, city.world
    first, last = axis.moments(np.array([world.start, world.end]))
    raw = {text: crime for crime in CRIMES for text in (*crime.raw, crime.label)}
    return {
        "epsg": EPSG,
        "cell_size_m": CELL_SIZE_M,
        "time_zone": city.parameters.time_zone,
        "history_start": f"{first}Z",
        "history_end": f"{last}Z",
        "cells": len(world.layout.cells),
        "incidents": happened,
        "rows": {name: len(table) for name, table in made.items() if not name.endswith("_vertices")},
        "categories": expected_fields(crime.label for crime in CRIMES if crime.planned),
        "category_of_raw": {text: {"category": crime.label, "planned": crime.planned} for text, crime in raw.items()},
    }
