"""The regression under the trees: known effects come back, what is rare is shrunk, nothing runs away."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from patrol_missions.engine.forecast import metrics, model, regression
from patrol_missions.engine.forecast.regression import Regression
from patrol_missions.engine.forecast.sampling import TrainingSet


def made(features: np.ndarray, log_mean: np.ndarray, weight: np.ndarray | None = None, seed: int = 1) -> TrainingSet:
    """Rows whose counts are Poisson around a log mean, on a flat surface of one in a hundred."""
    count = np.random.default_rng(seed).poisson(0.01 * np.exp(log_mean))
    rows = len(count)
    weight = np.ones(rows) if weight is None else weight
    surface = np.full(rows, np.log(0.01))
    origin = np.zeros(rows, dtype=np.int64)
    return TrainingSet(features.astype(np.float32), count.astype(np.float32), weight, surface, origin)


def fit(rows: TrainingSet, *signs: int) -> Regression:
    """The regression; weights without a sign are free."""
    return regression.fit(rows, np.array(signs or [0] * rows.features.shape[1]))


@pytest.fixture(scope="module")
def signal() -> np.ndarray:
    return np.random.default_rng(0).normal(size=(200_000, 3))


def test_even_effects_come_back(signal: np.ndarray) -> None:
    truth = 0.6 * signal[:, 0] - 0.3 * signal[:, 1] + 0.2
    found = fit(made(signal, truth))
    slope, intercept = np.polyfit(truth, found.log_factor(signal.astype(np.float32)), 1)
    assert slope == pytest.approx(1.0, abs=0.08)
    assert intercept == pytest.approx(0.0, abs=0.05)
    assert abs(found.weight[2]) < 0.03


def test_the_total_is_that_of_the_rows(signal: np.ndarray) -> None:
    rows = made(signal, 0.5 * signal[:, 0], weight=np.random.default_rng(3).uniform(1, 50, len(signal)))
    found = fit(rows)
    expected = rows.weight * np.exp(rows.log_surface + found.log_factor(rows.features))
    assert expected.sum() == pytest.approx((rows.weight * rows.count).sum(), rel=1e-3)


def test_counts_count_less_and_less() -> None:
    counts = np.random.default_rng(2).poisson(np.geomspace(0.1, 30, 100_000))[:, None].astype(float)
    found = fit(made(counts, np.log1p(counts[:, 0]) / 2))
    told = found.log_factor(np.array([[0.0], [1.0], [10.0], [11.0]], np.float32))
    assert told[1] - told[0] > 4 * (told[3] - told[2]) > 0


def test_few_incidents_say_little() -> None:
    signal = np.random.default_rng(4).normal(size=(2000, 2))
    found = fit(made(signal, np.zeros(2000)))
    assert np.abs(found.weight).max() < 0.1


def test_far_from_what_was_seen_nothing_runs_away(signal: np.ndarray) -> None:
    found = fit(made(signal, 0.8 * signal[:, 0]))
    far = found.log_factor(np.array([[1e6, 0, 0], [6.0, 0, 0]], np.float32))
    assert far[0] == pytest.approx(far[1])


def test_a_feature_that_never_moves_has_no_effect(signal: np.ndarray) -> None:
    features = np.column_stack([signal[:, 0], np.full(len(signal), 7.0), np.zeros(len(signal))])
    found = fit(made(features, 0.5 * signal[:, 0]))
    assert found.weight[1:].tolist() == [0.0, 0.0]
    assert np.isfinite(found.log_factor(features.astype(np.float32))).all()


def test_contributions_add_up_and_alike_features_share_their_gain(signal: np.ndarray) -> None:
    twins = np.column_stack([signal[:, 0], signal[:, 0] + 0.01 * signal[:, 2], signal[:, 1]])
    rows = made(twins, 0.6 * signal[:, 0])
    found = fit(rows)
    told = found.contributions(rows.features).sum(axis=1) + found.constant
    np.testing.assert_allclose(told, found.log_factor(rows.features), atol=1e-12)
    alone = fit(made(signal[:, :1], 0.6 * signal[:, 0]))
    assert found.gain[:2].sum() == pytest.approx(alone.gain[0], rel=0.05)
    assert found.gain[2] < 0.02 * alone.gain[0]


def test_read_back_it_says_the_same(signal: np.ndarray) -> None:
    found = fit(made(signal, 0.5 * signal[:, 1]))
    again = Regression.from_json(json.loads(json.dumps(found.to_json())))
    some = signal[:100].astype(np.float32)
    np.testing.assert_array_equal(again.log_factor(some), found.log_factor(some))
    with pytest.raises(ValueError, match="lengths"):
        Regression.from_json({**found.to_json(), "weight": [1.0]})


def test_a_weight_keeps_its_sign_and_the_others_make_the_best_of_it(signal: np.ndarray) -> None:
    signal = signal + 0.5 * signal[:, [1]]
    rows = made(signal, rows_mean(signal))
    free, held, as_found = fit(rows), fit(rows, 0, 1, 0), fit(rows, 1, -1, 0)
    assert free.weight[1] < -0.2
    assert held.weight[1] == 0.0
    np.testing.assert_allclose(held.weight[[0, 2]], fit(made(signal[:, [0, 2]], rows_mean(signal))).weight, atol=1e-4)
    np.testing.assert_allclose(as_found.weight, free.weight, atol=1e-4)


def rows_mean(signal: np.ndarray) -> np.ndarray:
    """The log mean of the test above."""
    return np.asarray(0.5 * signal[:, 0] - 0.4 * signal[:, 1])


def test_the_gains_of_regression_and_trees_are_in_the_same_coin() -> None:
    """Each feature's gain is what it took off the deviance: the line by the regression, the step by the trees."""
    features = np.random.default_rng(6).gamma(1.0, 1.0, (100_000, 3))
    truth = 0.5 * np.minimum(features[:, 0], 2.0) + 0.6 * (np.abs(features[:, 1] - 0.7) < 0.3)
    rows = made(features, 1.5 + truth, seed=7)
    flat = np.full(len(rows), np.log(rows.count.mean()))
    rows = replace(rows, log_surface=flat)
    found = model.fit(rows, np.zeros(3, dtype=np.int64), 1, rounds=60)

    def deviance(log_factor: np.ndarray) -> float:
        return metrics.deviance(rows.count.astype(np.float64), np.exp(flat + log_factor))

    line = found.regression.log_factor(rows.features)
    by_line, by_trees = deviance(0 * flat) - deviance(line), deviance(line) - deviance(found.log_factor(rows.features))
    trees = found.gains() - found.regression.gain
    assert by_line > 0.2 * by_trees > 0
    assert found.regression.gain.sum() == pytest.approx(by_line, rel=0.2)
    assert trees.sum() == pytest.approx(by_trees, rel=0.2)
    assert trees[1] > 0.8 * trees.sum()
    assert found.gains()[2] < 0.05 * found.gains().sum()
