"""Baselines, features and their blindness to the future."""

from __future__ import annotations

import numpy as np
import pytest
from forecast_makers import FIRST, SIZE_M, grid_table, hot_city, incident_table, panel_of

from patrol_missions.core.errors import InputError
from patrol_missions.core.tables import Table
from patrol_missions.engine.forecast import baselines, indicators, tuning
from patrol_missions.engine.forecast.baselines import FAMILIES, POOLED, Baseline
from patrol_missions.engine.forecast.calendar import Calendar
from patrol_missions.engine.forecast.day_factor import DayFactor
from patrol_missions.engine.forecast.features import Features, frequent
from patrol_missions.engine.forecast.history import History
from patrol_missions.engine.forecast.panel import DAY_S, WEEK_S, Cells, Panel
from patrol_missions.engine.forecast.sampling import sample
from patrol_missions.engine.forecast.surface import DEFAULT, Surfaces

ALL = [each for family in FAMILIES.values() for each in family]


@pytest.fixture(scope="module")
def city() -> tuple[Table, Table]:
    return hot_city()


@pytest.fixture(scope="module")
def panel(city: tuple[Table, Table]) -> Panel:
    return panel_of(*city)


def features_at(panel: Panel, as_of: int) -> Features:
    history = History(panel).advance(as_of)
    coming = panel.plan.following(np.datetime64(as_of, "s"), 21)
    surfaces = Surfaces(panel.cells, [DEFAULT] * len(panel.categories))
    none = indicators.compute(panel.cells, [], {})
    return Features(history, coming, surfaces, none, frequent(panel.counts), DayFactor(Calendar("US-PA", -75.2, 40.0)))


def test_every_baseline_spreads_everything_and_rules_no_cell_out(panel: Panel) -> None:
    for as_of in (panel.begin, panel.begin + 30 * DAY_S, panel.end):
        history = History(panel).advance(as_of)
        share = baselines.shares(history, 0, ALL)
        np.testing.assert_allclose(share.sum(axis=1), 1.0, rtol=1e-6)
        assert (share > 0).all()


def test_counts_are_shrunk_as_written(panel: Panel) -> None:
    history = History(panel).advance(panel.end)
    counts = history.total[0]
    light, heavy = (baselines.shares(history, 0, [Baseline("count", prior=p)])[0] for p in (1e-9, 1e6))
    np.testing.assert_allclose(light, counts / counts.sum(), atol=1e-9)
    smooth = panel.cells.raster.smooth(counts, 2.0)
    np.testing.assert_allclose(heavy, 0.98 * smooth / smooth.sum() + 0.02 / len(counts), rtol=1e-3)


def test_a_category_with_few_incidents_borrows_the_map_of_all() -> None:
    incidents, cells = hot_city(categories=("Theft", "Theft"))
    first = incidents.take(np.arange(len(incidents)) < 2)
    joined = {name: np.concatenate([incidents[name], first[name]]) for name in incidents.columns}
    joined["category"] = np.concatenate([incidents["category"], np.ones(2, dtype=np.int32)])
    both = panel_of(Table(joined, {"category": ("Theft", "Rare")}), cells)
    history = History(both).advance(both.end)
    share = baselines.shares(history, both.categories.index("Rare"), [POOLED])[0]
    everything = baselines.shares(history, both.categories.index("Theft"), [Baseline("kernel", 730.0, 2.0)])[0]
    assert np.corrcoef(share, everything)[0, 1] > 0.9


def test_rhythm_follows_shift_and_weekday() -> None:
    # Mondays have five incidents by day, Saturdays fifteen by night; nothing else ever happens.
    days = np.arange(0, 700)
    weekday = days % 7  # 2018-01-01 was a Monday
    local = [FIRST + np.timedelta64(int(d), "D") + np.timedelta64(10, "h") for d in days[weekday == 0]] * 5
    local += [FIRST + np.timedelta64(int(d), "D") + np.timedelta64(23 * 60 + 30, "m") for d in days[weekday == 5]] * 15
    count = len(local)
    place = (np.full(count, 2000.5 * SIZE_M), np.full(count, 17000.5 * SIZE_M))
    cells = grid_table(2, 2)
    zone = panel_of(*hot_city(days=30, incidents=100)).plan.zone
    panel = panel_of(incident_table(*place, ["Theft"] * count, zone.to_utc(np.array(local))), cells)
    history = History(panel).advance(panel.end)
    rhythm = baselines.rhythm(history)[0]
    assert rhythm[0, 0] * 20 / 7 == pytest.approx(5.0, rel=0.1)
    assert rhythm[2, 5] * 20 / 7 == pytest.approx(15.0, rel=0.1)
    assert rhythm[0, 3] < 0.05
    coming = panel.plan.following(np.datetime64(panel.end, "s"), 21)
    assert baselines.totals(history, coming)[0].sum() == pytest.approx(20.0, rel=0.1)


def test_level_follows_the_last_weeks_and_last_years_season() -> None:
    rng = np.random.default_rng(4)
    day = np.arange(0, 900)
    rate = 20 * (1 + 0.5 * np.sin(2 * np.pi * day / 365.25)) * np.where(day > 600, 2.0, 1.0)
    when = np.repeat(day, rng.poisson(rate)) * DAY_S + rng.integers(0, DAY_S, int(1e6))[: int(1e6)][0]
    start = FIRST + when.astype("timedelta64[s]")
    count = len(when)
    place = (np.full(count, 2000.5 * SIZE_M), np.full(count, 17000.5 * SIZE_M))
    panel = panel_of(incident_table(*place, ["Theft"] * count, start), grid_table(2, 2))
    history = History(panel).advance(panel.begin + 880 * DAY_S)
    ahead = baselines.level(history, 2)[0]
    true = [rate[880:887].mean(), rate[887:894].mean()]
    np.testing.assert_allclose(ahead, true, rtol=0.12)
    assert abs(ahead[0] / count * 900 - 1) > 0.1, "the long-run mean would have been wrong"


def garbled(incidents: Table, after: int, seed: int) -> Table:
    """The same incidents with everything that became known later moved in place, time and kind."""
    rng = np.random.default_rng(seed)
    late = incidents["start"].astype(np.int64) > after
    columns = {name: values.copy() for name, values in incidents.columns.items()}
    columns["x"][late] = rng.permutation(columns["x"][late])
    columns["y"][late] = rng.permutation(columns["y"][late])
    columns["category"][late] = 1 - columns["category"][late]
    span = int(incidents["start"].astype(np.int64).max()) - after
    columns["start"][late] = (after + 1 + rng.random(late.sum()) * span).astype(np.int64).astype("datetime64[s]")
    return Table(columns, incidents.labels)


def test_no_feature_sees_the_future(city: tuple[Table, Table], panel: Panel) -> None:
    incidents, cells = city
    as_of = panel.begin + 300 * DAY_S
    other = panel_of(garbled(incidents, as_of, 9), cells)
    assert not np.array_equal(other.labels(0, other.end).key, panel.labels(0, panel.end).key)
    one, two = features_at(panel, as_of), features_at(other, as_of)
    cell = np.arange(len(panel.cells)).repeat(21)
    instance = np.tile(np.arange(21), len(panel.cells))
    for category in range(2):
        np.testing.assert_array_equal(one.rows(category, cell, instance), two.rows(category, cell, instance))
        np.testing.assert_array_equal(
            one.log_surface(category, cell, instance), two.log_surface(category, cell, instance)
        )
    past = panel_of(garbled(incidents, as_of - 3 * DAY_S, 9), cells)
    three = features_at(past, as_of)
    assert not np.array_equal(one.rows(0, cell, instance), three.rows(0, cell, instance)), "the test can see changes"


def test_a_late_report_stays_unseen_until_it_comes(city: tuple[Table, Table], panel: Panel) -> None:
    incidents, cells = city
    as_of = panel.begin + 300 * DAY_S
    columns = dict(incidents.columns)
    week = np.flatnonzero(np.abs(incidents["start"].astype(np.int64) - (as_of - 4 * DAY_S)) < 3 * DAY_S)
    assert len(week) > 50
    columns["reported"] = columns["reported"].copy()
    columns["reported"][week] = np.datetime64(as_of + 5 * DAY_S, "s")
    late = features_at(panel_of(Table(columns, incidents.labels), cells), as_of)
    without = features_at(panel_of(incidents.take(np.setdiff1d(np.arange(len(incidents)), week)), cells), as_of)
    cell = np.arange(len(panel.cells))
    zero = np.zeros_like(cell)
    np.testing.assert_array_equal(late.rows(0, cell, zero), without.rows(0, cell, zero))


def test_features_have_names_and_are_finite(panel: Panel) -> None:
    features = features_at(panel, panel.begin + 200 * DAY_S)
    cell = np.arange(len(panel.cells))
    rows = features.rows(1, cell, np.full(len(cell), 5))
    assert rows.dtype == np.float32
    assert rows.shape[1] == len(features.names()) == len(set(features.names()))
    assert np.isfinite(rows).all()


def test_planning_computes_the_very_features_of_training(panel: Panel) -> None:
    """One step from nothing, as planning does, equals many small ones, as training does (to rounding)."""
    as_of = panel.begin + 300 * DAY_S
    steps = History(panel)
    for moment in range(panel.begin + 100 * DAY_S, as_of + 1, 8 * DAY_S):
        steps.advance(moment)
    one, many = features_at(panel, as_of), features_at(panel, as_of)
    many.history = steps
    cell = np.arange(len(panel.cells))
    two = np.full_like(cell, 2)
    np.testing.assert_allclose(one.rows(0, cell, two), many.rows(0, cell, two), rtol=1e-4, atol=1e-4)


def test_a_weighted_sample_stands_for_all_cell_shifts(panel: Panel) -> None:
    as_of = panel.begin + 300 * DAY_S
    features = features_at(panel, as_of)
    start = panel.instances.start.astype(np.int64)
    first, last = (int(v) for v in np.searchsorted(start, [as_of, as_of + WEEK_S]))
    labels = panel.labels(0, panel.end)
    share = np.exp(features.log_share(0))
    _, _, happened = labels.between(first, last)
    sums = []
    for seed in range(40):
        cell, instance, count, weight = sample(features, 0, labels, first, last, 800, np.random.default_rng(seed))
        assert count.sum() == pytest.approx(happened.sum())
        assert instance.max() < last - first
        sums.append([weight.sum(), (weight * share[cell]).sum()])
    truth = np.array([len(share) * (last - first), last - first])
    error = np.std(sums, axis=0) / np.sqrt(len(sums))
    assert (np.abs(np.mean(sums, axis=0) - truth) < 4 * error + 1e-9).all()


def test_settings_are_tried_only_on_the_weeks_given(city: tuple[Table, Table], panel: Panel) -> None:
    incidents, cells = city
    end = panel.begin + 300 * DAY_S
    origins = end - WEEK_S * np.arange(8, 0, -1)
    later = panel_of(garbled(incidents, end, 5), cells)
    settings, starts = tuning.choose(panel, origins, lambda part: None)
    assert (settings, starts) == tuning.choose(later, origins, lambda part: None)
    assert set(settings[0]) == set(FAMILIES)
    assert len(starts) == 2


def test_indicators_measure_distance_and_density() -> None:
    cells = panel_of(*hot_city(days=30, incidents=100)).cells
    x, y = (cells.column[0] + 0.5) * SIZE_M, (cells.row[0] + 0.5) * SIZE_M
    bars = Table({"x": np.array([x + 100.0, np.nan]), "y": np.array([y, 0.0])})
    found = indicators.compute(cells, [{"name": "bars", "table": "indicator_0"}], {"indicator_0": bars})
    assert found.distance_m[0, 0] == pytest.approx(100.0)
    np.testing.assert_allclose(found.density[0, :, 0], [0.6, 0.8])
    assert found.columns()[0] == ["distance to bars", "bars within 250 m", "bars within 500 m"]


def test_fields_of_the_grid_are_indicators_without_gaps() -> None:
    table = hot_city(days=30, incidents=100)[1]
    income = np.arange(len(table), dtype=np.float64)
    income[:2] = np.nan, np.inf
    cells = panel_of(hot_city(days=30, incidents=100)[0], table).cells
    tables = {"cells": Table({**table.columns, "field_0": income, "field_1": -income}, table.labels)}
    fields = [{"name": "income", "column": "field_0"}, {"name": "vacancies", "column": "field_1"}]
    found = indicators.of(cells, {"indicator_fields": fields}, tables)
    names, values = found.columns()
    assert names == ["value of income", "value of vacancies"]
    np.testing.assert_array_equal(values[0][2:], income[2:])
    median = np.median(income[2:])
    assert values[0][:2].tolist() == [median, median]
    turned = found.only([], ["vacancies", "income"])
    np.testing.assert_array_equal(turned.values, found.values[::-1])


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        (["pct_black"], "“pct_black” is about the race, ethnicity or origin of residents"),
        (["income", "income"], "“income” is given twice"),
        (["nothing"], "Field “nothing” of the grid has no number in any cell"),
        (["absent"], "has no column “absent”"),
    ],
)
def test_fields_that_cannot_be_indicators_get_a_sentence(fields: list[str], sentence: str) -> None:
    table = grid_table(3, 3)
    numbers = {"income": np.ones(9), "pct_black": np.ones(9), "nothing": np.full(9, np.nan)}
    cells = Cells.of(table, SIZE_M)
    listed = [{"name": name, "column": name} for name in fields]
    with pytest.raises(InputError, match=sentence):
        indicators.compute(cells, [], {"cells": Table({**table.columns, **numbers}, table.labels)}, listed)
    with pytest.raises(InputError, match="“Parolees” is about single persons, which may not steer patrols"):
        indicators.compute(cells, [{"name": "Parolees", "table": "indicator_0"}], {})
