"""The sample city: its truth is true, its history is what was asked for, its map tiles, its mess is in the file."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from patrol_missions.core import grid
from patrol_missions.core.errors import InputError
from patrol_missions.core.jobs import JobResult
from patrol_missions.engine import jobs
from patrol_missions.engine.context import JobContext
from patrol_missions.engine.data import city_polygons, sample_city
from patrol_missions.engine.data.categories import suggest
from patrol_missions.engine.data.city_crimes import CRIMES
from patrol_missions.engine.data.city_layout import CELL_SIZE_M, PIXEL_M, make_layout
from patrol_missions.engine.data.city_places import STADIUM
from patrol_missions.engine.data.city_process import (
    REACH_CELLS,
    CellMap,
    Happenings,
    expected_counts,
    kernel,
    offset_probabilities,
    simulate,
)
from patrol_missions.engine.data.city_random import stream, unit_process
from patrol_missions.engine.data.sample_city import City, CityParameters, make_city
from patrol_missions.engine.data.zones import zone

SMALL: Mapping[str, Any] = {"cells": 150, "years": 1, "incidents": 6_000, "forecast_shifts": 6}
LABELS = [crime.label for crime in CRIMES]


def job(**parameters: Any) -> JobResult:
    return jobs.find("sample_city")({**SMALL, **parameters}, {}, JobContext(Path()))


def city(**parameters: Any) -> City:
    return make_city(CityParameters.read({**SMALL, **parameters}), JobContext(Path()))


@pytest.fixture(scope="module")
def messy() -> JobResult:
    return job(cells=400, incidents=40_000)


@pytest.fixture(scope="module")
def clean() -> JobResult:
    return job(cells=400, incidents=40_000, mess=False)


@pytest.fixture(scope="module")
def dense() -> City:
    """Few cells and many incidents, so that what just happened weighs heavily in what comes next."""
    return city(cells=100, incidents=60_000, years=0.5, forecast_shifts=9)


def continuations(made: City, label: str, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Truth of a category, shape (shifts, cells), and counts of so many simulated futures of its history."""
    number = LABELS.index(label)
    process, history, world = made.processes[number], made.happened[number], made.world
    cells = world.layout.cells
    starts, ends = world.axis.at(made.instances.start), world.axis.at(made.instances.end)
    repeats = kernel(cells, process.spread_m, CELL_SIZE_M)
    truth = expected_counts(process, repeats, history, world.end, starts, ends)
    recent = history.time > world.end - 60 * 24.0
    past = Happenings(history.time[recent], history.cell[recent], history.parent[recent], history.generation[recent])
    counts = np.empty((count, *truth.shape))
    horizon = float(ends.max())
    for run in range(count):
        future = simulate(process, cells, world.end, horizon, stream(run, 101), stream(run, 102), past)
        for shift, (start, end) in enumerate(zip(starts, ends)):
            inside = (future.time >= start) & (future.time < end)
            counts[run, shift] = np.bincount(future.cell[inside], minlength=len(cells))
    return truth, counts


def scores(truth: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Standard scores of mean counts against the truth."""
    return (counts.mean(axis=0) - truth) / np.sqrt(counts.var(axis=0, ddof=1) / len(counts))


# --- the truth


@pytest.mark.parametrize("label", ["Theft from vehicle", "Burglary"])
def test_truth_is_the_mean_of_many_futures_of_one_history(dense: City, label: str) -> None:
    truth, counts = continuations(dense, label, 1_500)
    z_shift = scores(truth.sum(axis=1), counts.sum(axis=2))
    z_cell = scores(truth.sum(axis=0), counts.sum(axis=1))
    assert np.abs(z_shift).max() < 4.0
    # The sum of squares of k standard scores has mean k and variance 2k.
    assert abs((z_cell**2).mean() - 1.0) < 5.0 * np.sqrt(2.0 / z_cell.size)
    assert abs(scores(truth.sum(), counts.sum(axis=(1, 2)))) < 4.0


def test_truth_without_the_history_would_be_found_out(dense: City) -> None:
    truth, counts = continuations(dense, "Theft from vehicle", 400)
    number = LABELS.index("Theft from vehicle")
    world, process = dense.world, dense.processes[number]
    none = np.empty(0, dtype=np.int64)
    nothing = Happenings(np.empty(0), none, none, none)
    starts, ends = world.axis.at(dense.instances.start), world.axis.at(dense.instances.end)
    repeats = kernel(world.layout.cells, process.spread_m, CELL_SIZE_M)
    forgetful = expected_counts(process, repeats, nothing, world.end, starts, ends)
    assert abs(scores(forgetful.sum(), counts.sum(axis=(1, 2)))) > 10.0
    assert abs(scores(truth.sum(), counts.sum(axis=(1, 2)))) < 4.0


def test_recent_incidents_raise_the_truth_where_they_were(dense: City) -> None:
    number = LABELS.index("Burglary")
    process, history, world = dense.processes[number], dense.happened[number], dense.world
    starts, ends = world.axis.at(dense.instances.start), world.axis.at(dense.instances.end)
    repeats = kernel(world.layout.cells, process.spread_m, CELL_SIZE_M)
    before = expected_counts(process, repeats, history, world.end, starts, ends)
    cell = int(np.argmax(world.layout.cells.land_share))
    more = Happenings(
        np.append(history.time, world.end - 1.0), np.append(history.cell, cell),
        np.append(history.parent, -1), np.append(history.generation, 0),
    )  # fmt: skip
    rise = (expected_counts(process, repeats, more, world.end, starts, ends) - before).sum(axis=0)
    assert np.argmax(rise) == cell
    assert rise.min() > -1e-12
    away = np.hypot(*(v - v[cell] for v in (world.layout.cells.columns, world.layout.cells.rows)))
    assert rise[away > 12].sum() < 1e-3 * rise.sum()


def test_truth_of_parts_adds_up_to_the_whole_on_a_day_of_25_hours() -> None:
    parts = job(end_date="2024-11-02", forecast_shifts=3).tables["truth"]
    whole = job(
        end_date="2024-11-02", forecast_shifts=1, shifts=[{"name": "All day", "start": "07:00", "end": "07:00"}]
    ).tables["truth"]
    assert (parts["end"][-1] - parts["start"][0]).astype(int) == 86_400
    night = job(end_date="2024-11-02", forecast_shifts=1, shifts=[{"name": "Sunday", "start": "00:00", "end": "00:00"}])
    assert (night.tables["truth"]["end"][0] - night.tables["truth"]["start"][0]).astype(int) == 25 * 3_600
    for field in parts.columns:
        if field.startswith("expected_"):
            summed = parts[field].reshape(3, -1).sum(axis=0)
            np.testing.assert_allclose(summed, whole[field], rtol=1e-7)


def test_truth_covers_the_next_shifts_and_every_cell(clean: JobResult) -> None:
    truth = clean.tables["truth"]
    cells = clean.values["cells"]
    assert len(truth) == 6 * cells
    assert truth.text("shift")[::cells].tolist() == ["Day", "Evening", "Night"] * 2
    assert str(truth["shift_date"][0]) == "2025-01-01T00:00:00"
    assert str(truth["start"][0]) == "2025-01-01T12:00:00"  # 07:00 in New York
    assert str(clean.values["history_end"]) == "2025-01-01T05:00:00Z"
    fields = list(clean.values["categories"].values())
    assert [name for name in truth.columns if name.startswith("expected_")] == fields
    assert len(fields) == 6
    assert all((truth[name] > 0).all() for name in fields)
    assert len(set(zip(truth["col"][:cells].tolist(), truth["row"][:cells].tolist()))) == cells


def test_a_full_stadium_raises_the_truth_around_it_while_it_lasts() -> None:
    made = city(end_date="2024-06-30", forecast_shifts=42)
    events, world = made.world.events, made.world
    number = LABELS.index("Theft from vehicle")
    process = made.processes[number]
    stadium = next(k for k, venue in enumerate(world.venues) if venue.kind == STADIUM)
    rates = process.rates[len(CRIMES[number].components) + stadium]
    soon = (events.venue == stadium) & (events.start > world.axis.moments(np.array([world.end]))[0])
    game = int(world.axis.at(events.start[soon])[0]) + 1
    assert rates[game] > 0
    assert rates[game - 6] == 0
    near = int(np.argmax(process.weights[len(CRIMES[number].components) + stadium]))
    rows = grid.centres(world.layout.cells.columns, world.layout.cells.rows, CELL_SIZE_M)
    venue = world.venues[stadium]
    assert np.hypot(rows[0][near] - venue.x, rows[1][near] - venue.y) < 3 * CELL_SIZE_M
    background = process.rates[:, game] @ process.weights
    without = process.rates[: len(CRIMES[number].components), game] @ process.weights[: len(CRIMES[number].components)]
    assert background[near] > 1.5 * without[near]


# --- the process


def test_offsets_are_those_of_uniform_first_incidents_and_normal_distances() -> None:
    rng = np.random.default_rng(5)
    drawn = np.floor((250.0 * rng.random(400_000) + 180.0 * rng.standard_normal(400_000)) / 250.0).astype(int)
    seen = np.bincount(drawn + REACH_CELLS + 2, minlength=13)[2 : 2 + 2 * REACH_CELLS + 1] / 400_000
    np.testing.assert_allclose(offset_probabilities(180.0, 250.0), seen, atol=0.003)
    assert offset_probabilities(180.0, 250.0).sum() == pytest.approx(1.0, abs=1e-12)


def test_near_repeats_on_water_and_outside_are_lost() -> None:
    columns, rows = (v.ravel() for v in np.meshgrid(np.arange(15), np.arange(15)))
    share = np.where(columns == 7, 0.4, 1.0)
    found = kernel(CellMap(columns, rows, share), 200.0, 250.0).toarray()
    sums = found.sum(axis=1).reshape(15, 15)
    assert sums[7, 1] == pytest.approx(sums[7, 13])
    assert sums[7, 7] < 0.75  # the strip of water
    assert sums[0, 0] < 0.55  # the corner of the map
    whole = kernel(CellMap(columns, rows, np.ones(225)), 200.0, 250.0).toarray()
    assert whole.sum(axis=1).reshape(15, 15)[7, 7] == pytest.approx(1.0, abs=1e-12)


@pytest.mark.parametrize("label", ["Theft", "Theft from vehicle", "Robbery"])
def test_as_many_incidents_as_asked_for(label: str) -> None:
    number = LABELS.index(label)
    asked, seen = 0.0, 0
    for seed in range(1, 9):
        made = city(seed=seed, cells=100, incidents=40_000, forecast_shifts=0)
        asked += 40_000 * CRIMES[number].share / sum(crime.share for crime in CRIMES)
        seen += int((made.happened[number].time >= made.world.start).sum())
    # Clusters make counts vary more than Poisson counts, by 1 / (1 - offspring)^2 (Hawkes & Oakes 1974).
    spread = np.sqrt(asked) / (1.0 - CRIMES[number].offspring)
    assert abs(seen - asked) < 4.0 * spread + 0.004 * asked


def test_share_of_near_repeats_is_that_of_the_law(dense: City) -> None:
    for number, crime in enumerate(CRIMES):
        happened = dense.happened[number]
        share = float((happened.generation > 0).mean())
        assert 0.7 * crime.offspring - 0.02 < share < 1.05 * crime.offspring + 0.02  # some are lost at the edges


def test_near_repeats_come_soon_and_near(dense: City) -> None:
    number = LABELS.index("Theft from vehicle")
    happened, crime = dense.happened[number], CRIMES[number]
    young = np.flatnonzero(happened.generation > 0)
    lag_days = (happened.time[young] - happened.time[happened.parent[young]]) / 24.0
    assert (lag_days > 0).all()
    assert np.mean(lag_days) == pytest.approx(crime.decay_days, rel=0.1)
    spots = sample_city._spots(dense.world.layout, happened, stream(1, 6))
    metres = np.hypot(*(spots[young] - spots[happened.parent[young]]).T)
    assert np.median(metres) < 2.5 * crime.spread_m


def test_bars_matter_on_weekend_nights() -> None:
    made = city(cells=900, incidents=80_000, years=1)
    incidents = sample_city.placed_incidents(made)
    bars = made.world.around.densities["bar"]
    busy, quiet = bars > np.quantile(bars, 0.98), bars < np.quantile(bars, 0.5)
    wall = made.world.axis.zone.to_local(made.world.axis.moments(incidents.hour)) - np.timedelta64(6, "h")
    weekday = (wall.astype("datetime64[D]").astype(int) + 3) % 7
    hour = wall.astype("datetime64[h]").astype(int) % 24
    night = np.isin(weekday, (4, 5)) & (hour >= 16) & (hour < 21)  # 22:00 to 03:00
    assault = incidents.crime == LABELS.index("Aggravated assault")
    share = [float(night[assault & group[incidents.cell]].mean()) for group in (busy, quiet)]
    assert share[0] > 1.25 * share[1]


def test_a_unit_process_has_rate_one() -> None:
    points = unit_process(stream(3, 1), 50_000.0)
    assert abs(len(points) - 50_000) < 4.0 * np.sqrt(50_000)
    assert (np.diff(points) > 0).all()
    assert points[-1] < 50_000.0
    assert len(unit_process(stream(3, 1), 0.0)) == 0


# --- the same seed


def test_same_seed_same_tables_other_seed_others(messy: JobResult) -> None:
    again = job(cells=400, incidents=40_000)
    other = job(cells=400, incidents=40_000, seed=2)
    for name, table in messy.tables.items():
        for column, values in table.columns.items():
            assert values.tobytes() == again.tables[name][column].tobytes(), (name, column)
        assert table.labels == again.tables[name].labels
    assert dict(messy.values) == dict(again.values)
    for name in ("boundary_vertices", "places", "incidents"):
        assert messy.tables[name]["x"].tobytes() != other.tables[name]["x"].tobytes()


def test_mess_changes_the_file_and_not_the_truth(messy: JobResult, clean: JobResult) -> None:
    for column, values in clean.tables["truth"].columns.items():
        assert values.tobytes() == messy.tables["truth"][column].tobytes()
    assert list(clean.tables["incidents"].columns) == list(messy.tables["incidents"].columns)


# --- the map


@pytest.mark.parametrize(("seed", "cells"), [(1, 100), (17, 150), (11, 300), (4, 1600), (2, 6000)])
def test_layers_tile_and_have_the_cells_asked_for(seed: int, cells: int) -> None:
    layout = make_layout(seed, cells)
    assert abs(len(layout.cells) - cells) <= 0.02 * cells
    arcs = city_polygons.trace(layout.area, layout.origin, PIXEL_M, 6.0)
    count = int(layout.area.max()) + 1
    boundary = city_polygons.assemble(arcs, np.zeros(count, dtype=np.int64))
    districts = city_polygons.assemble(arcs, layout.district_of_area)
    areas = city_polygons.assemble(arcs, np.arange(count))
    total = area_of(boundary[0])
    assert total == pytest.approx(layout.inside.sum() * PIXEL_M**2, rel=0.004)
    assert sum(map(area_of, districts)) == pytest.approx(total, rel=1e-9)
    assert sum(map(area_of, areas)) == pytest.approx(total, rel=1e-9)
    assert 4 <= len(districts) <= 12
    assert len(districts) == len(layout.district_names)
    assert all(len(polygon) == 1 for polygon in [*districts, *areas, *boundary])
    assert min(map(area_of, areas)) > 10_000.0
    assert layout.water.any()
    assert layout.cells.land_share.min() >= 0.25


def area_of(polygon: city_polygons.Polygon) -> float:
    return sum(city_polygons.signed_area(ring) for part in polygon for ring in part)


def test_polygons_with_holes_islands_and_touching_corners() -> None:
    labels = np.full((12, 12), -1)
    labels[1:8, 1:8] = 0
    labels[3:6, 3:6] = 1  # an island in a hole of label 0
    labels[8:10, 8:10] = 0  # touches in a corner
    labels[4, 4] = -1  # a hole in the island
    made = city_polygons.assemble(city_polygons.trace(labels, (100.0, 200.0), 10.0, 0.0), np.array([0, 1]))
    assert [area_of(polygon) for polygon in made] == [100.0 * (labels == k).sum() for k in (0, 1)]
    assert [len(part) for part in made[0]] == [2, 1]
    assert [len(part) for part in made[1]] == [2]
    corner = min(made[0][0][0].tolist())
    assert corner == [110.0, 210.0]
    table = city_polygons.vertex_table(made)
    assert table["feature"].max() == 1
    assert table["part"].max() == 1
    assert table["ring"].max() == 1


def test_incidents_of_a_clean_file_lie_on_land_in_the_cells_of_the_truth(clean: JobResult) -> None:
    incidents, truth = clean.tables["incidents"], clean.tables["truth"]
    cells = clean.values["cells"]
    where = grid.locate(incidents["x"], incidents["y"], truth["col"][:cells], truth["row"][:cells], CELL_SIZE_M)
    assert (where >= 0).all()


def test_places_areas_and_events_are_filled(clean: JobResult) -> None:
    tables = clean.tables
    assert {"bar", "school", "transit stop", "shop", "parking", "park", "stadium", "hospital", "police station"} <= set(
        tables["places"].text("kind")
    )
    assert tables["exclusions"]["kind"].tolist()[:2] == ["water", "police station"]
    assert (tables["areas"]["population"] > 0).all()
    assert tables["boundary"]["population"][0] == tables["areas"]["population"].sum()
    events = tables["events"]
    assert (events["end"] > events["start"]).all()
    assert events["end"].max() > np.datetime64(clean.values["history_end"].rstrip("Z"))
    assert (events["attendance"] > 1000).all()
    wall = zone("America/New_York").to_local(events["start"])
    assert set((wall.astype("datetime64[h]").astype(int) % 24).tolist()) <= {13, 19}


# --- the file


def test_a_clean_file_has_no_mistakes(clean: JobResult) -> None:
    incidents = clean.tables["incidents"]
    assert len(incidents) == clean.values["incidents"]
    assert len(np.unique(incidents["event_id"])) == len(incidents)
    assert np.isfinite(incidents["x"]).all()
    assert np.isnat(incidents["end"]).all()
    assert (incidents["reported"] > incidents["start"]).all()
    assert set(incidents.text("category_raw")) <= set(LABELS)
    assert incidents["start"].min() >= np.datetime64("2024-01-01")
    assert incidents["start"].max() < np.datetime64("2025-01-01")
    assert (np.diff(incidents["start"].astype(int)) >= -3600).all()  # wall time falls back once a year


def test_a_messy_file_has_every_trouble_of_real_ones(messy: JobResult) -> None:
    incidents = messy.tables["incidents"]
    count = len(incidents)
    x, y, start, end = (incidents[name] for name in ("x", "y", "start", "end"))
    raw = incidents.text("category_raw")
    stands_for = np.array([LABELS.index(messy.values["category_of_raw"][t.strip().upper()]["category"]) for t in raw])
    assert 0.03 < np.isnan(x).mean() < 0.07
    district = incidents.text("district")
    rates = {name: float(np.isnan(x[district == name]).mean()) for name in set(district)}
    assert sum(rate > 0.15 for rate in rates.values()) == 1
    assert ((x == 0) & (y == 0)).sum() > 20
    assert (x > 4e6).sum() > 5  # swapped
    assert ((np.abs(x) < 180) & (np.abs(y) < 90) & (x != 0)).sum() > 3  # degrees
    spots, sizes = np.unique(np.column_stack([x, y])[(x > 1e5)], axis=0, return_counts=True)
    assert sizes.max() > 0.008 * count  # the police station
    assert len(spots) < 0.5 * count  # blocks
    homicide = stands_for == LABELS.index("Homicide")
    midnight = start.astype(int) % 86_400 == 0
    assert midnight[homicide].all()
    assert midnight[~homicide].mean() < 0.06
    burglary = stands_for == LABELS.index("Burglary")
    assert (end[burglary] > start[burglary]).mean() > 0.5
    assert (end < start).sum() > 20
    assert np.isnat(end[burglary]).mean() > 0.1
    assert (end - start > np.timedelta64(7, "D")).sum() > 20
    assert 0.002 < 1 - len(np.unique(incidents["event_id"])) / count < 0.006
    future = start > np.datetime64("2025-01-01")
    assert 1 <= future.sum() < 30
    assert (incidents["reported"] <= np.datetime64("2025-01-01")).all()
    lag = (incidents["reported"] - start)[~future]
    assert (lag > np.timedelta64(3, "D")).mean() > 0.01
    assert len(set(raw)) > 30
    assert {"NARCOTICS - POSSESSION", "BURGLARY - RESIDENTIAL / FORCED", "All Other Offenses "} <= set(raw)


def test_planning_categories_are_found_again_from_the_raw_texts() -> None:
    for crime in CRIMES:
        for text in (*crime.raw, crime.label):
            mapped = suggest(text)
            assert mapped.use == crime.planned, text
            assert not crime.planned or mapped.category == crime.label, text


def test_geocoding_to_blocks_keeps_counts_of_cells(messy: JobResult, clean: JobResult) -> None:
    cells = clean.values["cells"]
    counts = []
    for made in (messy, clean):
        incidents, truth = made.tables["incidents"], made.tables["truth"]
        where = grid.locate(incidents["x"], incidents["y"], truth["col"][:cells], truth["row"][:cells], CELL_SIZE_M)
        counts.append(np.bincount(where[where >= 0], minlength=cells))
    off = np.sort(np.abs(counts[0] / counts[1].clip(1) - 0.94)[counts[1] > 60])
    assert off[int(0.7 * len(off))] < 0.1  # all but the district that geocodes badly and the police station


# --- bad input


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"cells": 0}, "number of cells is 0"),
        ({"cells": -5}, "number of cells is -5"),
        ({"cells": 1_000_000}, "from 100 to 25,000"),
        ({"cells": "many"}, "number of cells is many"),
        ({"years": 0}, "number of years is 0"),
        ({"incidents": 1_000_000_000}, "number of incidents is 1000000000"),
        ({"incidents": float("nan")}, "number of incidents is nan"),
        ({"cells": 20_000, "forecast_shifts": 3_000}, "more than 8,000,000 rows"),
        ({"cells": 1600.5}, "must be a whole number"),
        ({"end_date": "yesterday"}, "“yesterday”, and it must be a date"),
        ({"end_date": "NaT"}, "“NaT”, and it must be a date"),
        ({"end_date": "0999-01-01"}, "“0999-01-01”"),
        ({"time_zone": "Atlantis/Capital"}, "no time zone called “Atlantis/Capital”"),
        ({"shifts": []}, "There are no shifts"),
        ({"shifts": [{"name": "Day", "start": "7 o'clock", "end": "15:00"}]}, "start of shift “Day”"),
        ({"seed": -1}, "seed is -1"),
    ],
)
def test_bad_input_gives_a_sentence(wrong: dict[str, Any], words: str) -> None:
    with pytest.raises(InputError, match=words):
        job(**wrong)
