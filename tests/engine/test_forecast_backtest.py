"""Calibration, scores against slow ways of computing them, and the rule of choice."""

from __future__ import annotations

import math

import numpy as np
import pytest
from forecast_makers import hot_city, panel_of

from patrol_missions.engine.forecast import backtest, baselines, calibration, choice, indicators, timeline
from patrol_missions.engine.forecast.backtest import MODEL, Backtest, CategoryBacktest, Judged
from patrol_missions.engine.forecast.baselines import DEFAULTS
from patrol_missions.engine.forecast.calibration import BINS, CENTRES, Calibration, Tally
from patrol_missions.engine.forecast.day_factor import DayFactor
from patrol_missions.engine.forecast.features import Features
from patrol_missions.engine.forecast.history import History
from patrol_missions.engine.forecast.panel import WEEK_S, Panel
from patrol_missions.engine.forecast.surface import Surfaces
from patrol_missions.engine.forecast.workers import Workers


def drawn(log: np.ndarray, calibrated: np.ndarray, seed: int) -> Tally:
    """A tally of forecasts (shifts, rows) whose true log expectation is ``calibrated``."""
    rng = np.random.default_rng(seed)
    tally = Tally.empty(1, len(log))
    for shift, (row, true) in enumerate(zip(log, calibrated)):
        count = rng.poisson(np.exp(true)).astype(float)
        tally.add(0, shift, row, row[count > 0], count[count > 0])
    return tally


def test_calibration_finds_level_per_shift_and_slope() -> None:
    rng = np.random.default_rng(1)
    log = rng.normal(-4.0, 1.5, (3, 300_000))
    true = np.array([[-0.3], [0.0], [0.4]]) + 0.8 * (log + 2.5) - 2.5
    found = calibration.fit(drawn(log, true, 2))
    assert found.slope == pytest.approx(0.8, abs=0.02)
    recovered = found.apply(log, np.arange(3)[:, None])
    np.testing.assert_allclose(np.exp(recovered).sum(axis=1), np.exp(true).sum(axis=1), rtol=0.03)


def test_few_incidents_change_little_and_none_nothing() -> None:
    log = np.full((2, 1000), -5.0)
    few = calibration.fit(drawn(log, log + 1.0, 3))
    assert abs(few.slope - 1) < 0.05
    assert max(np.abs(few.level)) < 0.45
    assert calibration.fit(Tally.empty(1, 2)) == Calibration.none(2)


def test_deviance_of_a_tally_is_that_of_its_rows() -> None:
    rng = np.random.default_rng(4)
    log = rng.normal(-3.0, 1.0, (2, 50_000))
    count = rng.poisson(np.exp(log)).astype(float)
    tally = Tally.empty(1, 2)
    for shift in range(2):
        tally.add(0, shift, log[shift], log[shift][count[shift] > 0], count[shift][count[shift] > 0])
    moved = Calibration((0.1, -0.2), 0.9, -2.0)
    exact = moved.apply(log, np.arange(2)[:, None])
    slow = 2 * (np.exp(exact).sum() - (count * exact).sum())
    assert moved.deviance(tally) == pytest.approx(slow, rel=2e-4)
    after = calibration.recalibrated(tally, moved)
    assert Calibration.none(2).deviance(after) == pytest.approx(slow, rel=2e-3)
    ratio, slope = calibration.unpenalised(tally)
    assert ratio == pytest.approx(count.sum() / np.exp(log).sum(), rel=2e-3)
    assert slope == pytest.approx(1.0, abs=0.05)


@pytest.fixture(scope="module")
def panel() -> Panel:
    return panel_of(*hot_city(days=200, incidents=4000))


def deviance(happened: np.ndarray, expected: np.ndarray) -> np.ndarray:
    """Poisson deviance, element by element."""
    certain = np.where(happened > 0, happened * np.log(np.maximum(happened, 1e-9) / expected), 0)
    return 2 * (certain - happened + expected)


def test_a_week_is_judged_as_by_hand(panel: Panel) -> None:
    """Deviance and hits of one baseline, computed again from the full table of cells and shifts."""
    when = timeline.of(panel)
    settings = [dict(DEFAULTS) for _ in panel.categories]
    test = Backtest(len(when.backtest), 3, settings, [None, None], Workers(1), panel.cells)
    labels = [panel.labels(category, panel.end) for category in range(2)]
    history, none = History(panel), indicators.compute(panel.cells, [], {})
    slow_deviance, slow_hits, slow_cells = [], [], np.zeros(len(panel.cells))
    for number, origin in enumerate(when.backtest):
        rows = timeline.span(panel, int(origin), WEEK_S)
        surfaces = Surfaces(panel.cells, [DEFAULTS["B4"]] * 2)
        coming = panel.instances.take(rows)
        features = Features(history.advance(int(origin)), coming, surfaces, none, (0, 1), DayFactor())
        test.week(number, features, labels, rows.start, rows.stop)
        share = baselines.shares(history, 0, [DEFAULTS["B2"]])[0]
        expected = features.totals[0][:, None] * share[None, :]
        happened = np.zeros_like(expected)
        instance, cell, count = labels[0].between(rows.start, rows.stop)
        happened[instance - rows.start, cell] = count
        slow_deviance.append(deviance(happened, expected).sum())
        slow_cells += happened.sum(axis=0)
        top = np.argsort(-share, kind="stable")[: math.ceil(0.05 * len(share))]
        slow_hits.append(happened[:, top].sum())
    judged = test.finish()[0]
    assert len(when.backtest) >= 6
    assert judged.methods["B2"].deviance[0] == pytest.approx(slow_deviance[0], rel=1e-3), "nothing to calibrate on yet"
    assert judged.methods["B2"].deviance.sum() == pytest.approx(sum(slow_deviance), rel=0.05)
    np.testing.assert_allclose(judged.methods["B2"].found(0.05), slow_hits, atol=1e-6)
    np.testing.assert_allclose(judged.happened, slow_cells, atol=1e-4)
    uniform = judged.methods["B0"].hits.sum(axis=0) / judged.observed.sum()
    np.testing.assert_allclose(uniform, np.ceil(np.array(backtest.CURVE_SHARES) * 256) / 256, rtol=1e-6)
    assert judged.explained("B0") == 0.0
    assert judged.explained("B4") > 0.05


def test_blocks_split_the_deviance_and_cells_the_expectation(panel: Panel) -> None:
    """By block and by cell, forecasts are compared with the very numbers that decide between them."""
    when = timeline.of(panel)
    settings = [dict(DEFAULTS) for _ in panel.categories]
    test = Backtest(2, 3, settings, [None, None], Workers(1), panel.cells)
    labels = [panel.labels(category, panel.end) for category in range(2)]
    history, none = History(panel), indicators.compute(panel.cells, [], {})
    slow = {code: np.zeros((2, len(panel.cells))) for code in ("B1", "B4")}
    expected_cells = np.zeros(len(panel.cells))
    for number, origin in enumerate(when.backtest[:2]):
        rows = timeline.span(panel, int(origin), WEEK_S)
        surfaces = Surfaces(panel.cells, [DEFAULTS["B4"]] * 2)
        coming = panel.instances.take(rows)
        features = Features(history.advance(int(origin)), coming, surfaces, none, (0, 1), DayFactor())
        test.week(number, features, labels, rows.start, rows.stop)
        instance, cell, count = labels[0].between(rows.start, rows.stop)
        for code, each in slow.items():
            share = baselines.shares(history, 0, [DEFAULTS[code]])[0]
            known = calibration.fit(test.categories[0].methods[code].tally.first(number))
            log = known.apply(np.log(features.totals[0][:, None] * share[None, :]), features.instances.shift[:, None])
            happened = np.zeros_like(log)
            happened[instance - rows.start, cell] = count
            each[number] = deviance(happened, np.exp(log)).sum(axis=0)
            expected_cells += np.exp(log).sum(axis=0) * (code == "B4")
    judged = test.finish()[0].methods
    of_cell, count = test.blocks.of_cell, test.blocks.count
    assert count == 16, "16 x 16 cells, and no block smaller than 4 x 4"
    difference = np.stack([np.bincount(of_cell, row, count) for row in slow["B1"] - slow["B4"]])
    np.testing.assert_allclose(judged["B1"].by_block - judged["B4"].by_block, difference, atol=1e-6)
    np.testing.assert_allclose(judged["B4"].expected, expected_cells, rtol=1e-6)
    np.testing.assert_allclose(judged["B4"].deviance, slow["B4"].sum(axis=1), rtol=1e-6)


def results(
    model: float, baseline: float, noise: float, seed: int, weeks: int = 26, ratio: float = 1.0
) -> CategoryBacktest:
    """A made-up backtest in which the model's weekly deviance is so much below the baseline's."""
    rng = np.random.default_rng(seed)
    tally = Tally.empty(weeks, 1)
    place = int(np.argmin(np.abs(CENTRES + 3.0)))
    tally.incidents[:, 0, place] = 40.0
    tally.cells[:, 0, place] = 40.0 / np.exp(CENTRES[place])
    made = CategoryBacktest(raw_total=40.0 * weeks * ratio)
    weekly = 200 + rng.normal(0, 20, weeks)
    for code, level in (("B0", 100.0), ("B4", baseline), ("B5", baseline + 5), (MODEL, model)):
        deviance = weekly + level + rng.normal(0, noise, weeks)
        made.methods[code] = Judged(tally, np.zeros((weeks, 2)), deviance)
    return made


def decide(made: CategoryBacktest, incidents: int = 5000) -> choice.Choice:
    return choice.choose("Theft", incidents, dict(DEFAULTS), made, "", np.random.default_rng(1))


def test_trees_ship_only_when_they_win_beyond_doubt() -> None:
    sure, unsure = decide(results(0.0, 20.0, 5.0, 1)), decide(results(0.0, 1.0, 20.0, 1))
    assert sure.ships == MODEL
    assert all(gain.certain for gain in sure.gains)
    assert "explains more than every baseline" in sure.why
    assert unsure.ships in ("B4", "B5")
    assert "not certainly better" in unsure.why


def test_pure_noise_hardly_ever_ships_trees() -> None:
    wins = sum(decide(results(0.0, 0.0, 10.0, seed)).ships == MODEL for seed in range(100))
    assert wins <= 5


def test_wrong_totals_are_refused_however_well_they_rank() -> None:
    refused = decide(results(0.0, 20.0, 5.0, 1, ratio=4.0))
    assert refused.ships == "B4"
    assert "refused" in refused.why
    assert "4.00 times" in refused.why


def test_few_incidents_borrow_and_say_so() -> None:
    few = decide(results(0.0, 20.0, 5.0, 1), incidents=12)
    assert few.ships == "B5"
    assert "Only 12 incidents" in few.why


def test_the_interval_holds_the_difference_as_often_as_it_says() -> None:
    held = 0
    for seed in range(120):
        gain = next(
            g for g in backtest.gains(results(0.0, 10.0, 15.0, seed), np.random.default_rng(seed)) if g.baseline == "B4"
        )
        explained = 100.0 - 10.0
        held += gain.low <= 10.0 / explained <= gain.high
    assert held >= 100


def test_bins_cover_what_occurs() -> None:
    assert calibration.bins(np.array([-100.0, CENTRES[7], 100.0])).tolist() == [0, 7, BINS - 1]
