"""Every metric by hand, and against a slow way of computing it that shares no code."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest

from patrol_missions.engine.forecast import metrics

EXPECTED = np.array([[0.5, 0.25, 0.125, 0.125], [0.1, 0.2, 0.3, 0.4]])
COUNT = np.array([[2.0, 0.0, 1.0, 0.0], [0.0, 0.0, 0.0, 3.0]])


def sparse(count: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    row, cell = np.nonzero(count)
    return row, cell, count[row, cell]


def random_case(seed: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    expected = np.round(rng.gamma(0.5, 0.4, (5, 30)), 1) + 0.05  # rounded, so that there are ties
    return expected, rng.poisson(expected).astype(float)


def test_deviance_by_hand() -> None:
    # 2 ln(2 / 0.5) + 1 ln(1 / 0.125) + 3 ln(3 / 0.4), minus observed 6, plus expected 2; twice that
    by_hand = 2 * (2 * math.log(4) + math.log(8) + 3 * math.log(7.5) - 6 + 2)
    assert metrics.deviance(COUNT, EXPECTED) == pytest.approx(by_hand)
    assert metrics.deviance(COUNT, COUNT) == pytest.approx(0.0, abs=1e-9)


@pytest.mark.parametrize("seed", range(3))
def test_log_score_is_the_log_probability(seed: int) -> None:
    expected, count = random_case(seed)
    slow = sum(int(y) * math.log(mean) - mean - math.lgamma(y + 1) for y, mean in zip(count.ravel(), expected.ravel()))
    quick = metrics.saturated(sparse(count)[2]) - metrics.deviance(count, expected) / 2
    assert quick == pytest.approx(slow)


def test_hits_by_hand_with_ties_drawn_by_lot() -> None:
    row, cell, count = sparse(COUNT)
    # Row 1 catches 2 at its first cell; the third ties with the fourth for places beyond the second.
    hits = count @ metrics.chance_flagged(EXPECTED, row, cell, np.array([1, 3]))
    np.testing.assert_allclose(hits, [2 + 3, 2 + 0.5 + 3])
    score = np.array([[4.0, 2.0, 2.0, 2.0, 1.0]])
    chance = metrics.chance_flagged(score, np.zeros(5, dtype=int), np.arange(5), np.array([2, 4]))
    np.testing.assert_allclose(chance, [[1.0, 1.0], [1 / 3, 1.0], [1 / 3, 1.0], [1 / 3, 1.0], [0.0, 0.0]])


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("flagged", [1, 4])
def test_hits_are_the_mean_over_all_ways_to_break_ties(seed: int, flagged: int) -> None:
    expected, count = random_case(seed)
    expected, count = expected[:, :8], count[:, :8]
    row, cell, what = sparse(count)
    slow = 0.0
    for scores, happened in zip(expected, count):
        least = sorted(scores)[-flagged]
        sure = [i for i, s in enumerate(scores) if s > least]
        tied = [i for i, s in enumerate(scores) if s == least]
        ways = list(itertools.combinations(tied, flagged - len(sure)))
        slow += sum(happened[sure].sum() + sum(happened[i] for i in way) for way in ways) / len(ways)
    assert what @ metrics.chance_flagged(expected, row, cell, np.array([flagged])) == pytest.approx(slow)


@pytest.mark.parametrize("seed", range(3))
def test_most_hits_is_what_the_best_choice_catches(seed: int) -> None:
    _, count = random_case(seed)
    row, _, what = sparse(count)
    for flagged in (1, 2, 7, 30):
        slow = sum(sum(sorted(happened)[-flagged:]) for happened in count)
        assert metrics.most_hits(row, what, flagged) == pytest.approx(slow)


def test_indices_by_hand() -> None:
    # 30 of 100 incidents in 2 % of the area, where 60 would have been possible: 15 times chance, half of the best.
    hits = np.array([30.0, 0.0])
    np.testing.assert_allclose(metrics.pai(hits, np.array([100.0, 7.0]), 0.02), [15.0, 0.0])
    np.testing.assert_allclose(metrics.pei(hits, np.array([60.0, 2.0])), [0.5, 0.0])
    np.testing.assert_allclose(metrics.search_efficiency(hits, 5.0, np.array([2.0, 2.0])), [3.0, 0.0])


def test_turnover_by_hand() -> None:
    score = np.array([[9.0, 8, 1, 1], [9.0, 1, 8, 1], [1.0, 1, 9, 8], [1.0, 1, 9, 8]])
    chosen = metrics.Cut.of(score, np.array([2])).flags(score)
    assert chosen.sum(axis=1).tolist() == [2, 2, 2, 2]
    np.testing.assert_allclose(metrics.turnover(chosen), [0.5, 0.5, 0.0])


def test_calibration_line_finds_the_slope_that_incidents_were_drawn_with() -> None:
    rng = np.random.default_rng(5)
    log = np.linspace(-8, 0, 40)
    cells = np.full((30, 40), 2000.0)
    incidents = rng.poisson(cells * np.exp(0.3 + 0.8 * log)).astype(float)
    line = metrics.calibration_line(log, cells, incidents)
    assert line.slope == pytest.approx(0.8, abs=0.01)
    assert line.influence.sum() == pytest.approx(0.0, abs=1e-6)
    # Leaving a week out moves the slope by minus its influence.
    for week in (0, 7):
        without = np.arange(30) != week
        moved = metrics.calibration_line(log, cells[without], incidents[without]).slope - line.slope
        assert moved == pytest.approx(-line.influence[week], rel=0.15, abs=1e-5)
    assert math.isnan(metrics.calibration_line(log, cells, 0 * incidents).slope)


def test_the_interval_of_the_slope_holds_the_truth_as_often_as_it_says() -> None:
    held = 0
    log = np.linspace(-6, -1, 100)
    for seed in range(60):
        rng = np.random.default_rng(seed)
        cells = rng.integers(0, 80, (30, 100)).astype(float)
        incidents = rng.poisson(cells * np.exp(0.9 * (log + 3) - 3)).astype(float)
        line = metrics.calibration_line(log, cells, incidents)
        low, high = metrics.interval(line.slope + (metrics.block_draws(30, rng) - 1.0) @ line.influence)
        held += low <= 0.9 <= high
    assert 51 <= held <= 60


def test_the_interval_of_a_ratio_holds_the_truth_as_often_as_it_says() -> None:
    held = 0
    for seed in range(150):
        rng = np.random.default_rng(seed)
        incidents = rng.poisson(200, 40).astype(float)
        hits = rng.binomial(incidents.astype(int), 0.3).astype(float)
        draws = metrics.block_draws(40, rng)
        assert (draws.sum(axis=1) == 40).all()
        low, high = metrics.interval((draws @ hits) / (draws @ incidents))
        held += low <= 0.3 <= high
    assert 0.88 * 150 <= held <= 150 - 1
    assert all(math.isnan(value) for value in metrics.interval(np.full(5, np.nan)))
