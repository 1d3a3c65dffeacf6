"""Risk surfaces: the likeliest under the model they state, sharp where much is known, blind to the future."""

from __future__ import annotations

import numpy as np
import pytest
from forecast_makers import SIZE_M, grid_table, hot_city, incident_table, panel_of
from scipy import optimize

from patrol_missions.engine.forecast import baselines, tuning
from patrol_missions.engine.forecast.baselines import Baseline
from patrol_missions.engine.forecast.history import HALF_LIVES_DAYS, History
from patrol_missions.engine.forecast.panel import DAY_S, WEEK_S, Panel
from patrol_missions.engine.forecast.surface import (
    DEFAULT,
    MEMORY_DAYS,
    REFIT_DAYS,
    TRIED,
    Roughness,
    Surfaces,
)

_K, _ALL_OTHERS = 0.3, Roughness(1.0, 0.3)


@pytest.fixture(scope="module")
def panel() -> Panel:
    return panel_of(*hot_city())


def counts_at(panel: Panel, as_of: int) -> np.ndarray:
    return np.asarray(History(panel).advance(as_of).decayed[HALF_LIVES_DAYS.index(MEMORY_DAYS)])


def slow_log_rate(panel: Panel, counts: np.ndarray, told: np.ndarray | None, roughness: Roughness) -> np.ndarray:
    """The likeliest log rates by a general minimiser on dense matrices, written from the published formula."""
    column, row = panel.cells.column, panel.cells.row
    beside = (np.abs(column[:, None] - column) + np.abs(row[:, None] - row)) == 1
    rooted = np.diag(np.maximum(beside.sum(axis=1), 2) + _K**2) - beside
    precision = rooted @ rooted / (4 * np.pi * _K**2) / roughness.smooth**2
    exposure = panel.cells.share_inside / panel.cells.share_inside.sum() * counts.sum()
    cells = len(counts)
    design = np.ones((cells, 1)) if told is None else np.column_stack([np.ones(cells), told - told.mean()])
    width = design.shape[1]
    trust = np.array([1e-6, 1.0])[:width]

    def value_and_gradient(v: np.ndarray) -> tuple[float, np.ndarray]:
        beta, smooth, own = v[:width], v[width : width + cells], v[width + cells :]
        log = design @ beta + smooth + own
        mean = exposure * np.exp(log)
        pulls = [trust * beta, precision @ smooth, own / roughness.own**2]
        value = (mean - counts * log).sum() + 0.5 * (beta @ pulls[0] + smooth @ pulls[1] + own @ pulls[2])
        left = mean - counts
        return float(value), np.concatenate([design.T @ left + pulls[0], left + pulls[1], left + pulls[2]])

    found = optimize.minimize(
        value_and_gradient,
        np.zeros(width + 2 * cells),
        jac=True,
        method="L-BFGS-B",
        options={"maxiter": 20_000, "maxfun": 40_000, "ftol": 1e-15, "gtol": 1e-7, "maxcor": 30},
    ).x
    return np.asarray(design @ found[:width] + found[width : width + cells] + found[width + cells :])


@pytest.mark.parametrize("roughness", [DEFAULT, Roughness(0.3, 0.8)])
def test_it_is_the_likeliest_under_the_published_model(panel: Panel, roughness: Roughness) -> None:
    counts = counts_at(panel, panel.end)
    others = slow_log_rate(panel, counts[0], None, _ALL_OTHERS)
    expected = slow_log_rate(panel, counts[1], others, roughness)
    found = Surfaces(panel.cells, [roughness] * 2).log_share(History(panel).advance(panel.end), 1)
    np.testing.assert_allclose(found - found.mean(), expected - expected.mean(), atol=5e-3)


def test_shares_add_up_and_no_cell_is_impossible(panel: Panel) -> None:
    surfaces = Surfaces(panel.cells, [DEFAULT] * 2)
    history = History(panel)
    for as_of in (panel.begin, panel.begin + 3 * DAY_S, panel.end):
        history.advance(as_of)
        for category in range(2):
            share = np.exp(surfaces.log_share(history, category))
            assert share.sum() == pytest.approx(1.0)
            assert share.min() > 0


def test_nothing_known_is_the_same_everywhere(panel: Panel) -> None:
    share = np.exp(Surfaces(panel.cells, [DEFAULT] * 2).log_share(History(panel), 0))
    np.testing.assert_allclose(share, 1.0 / len(panel.cells))


def test_the_way_through_history_does_not_matter(panel: Panel) -> None:
    """Warm starts end where a cold start ends."""
    walked, history = Surfaces(panel.cells, [DEFAULT] * 2), History(panel)
    for as_of in range(panel.begin + 60 * DAY_S, panel.end, REFIT_DAYS * DAY_S):
        history.advance(as_of)
        warm = [walked.log_share(history, category) for category in range(2)]
    cold = Surfaces(panel.cells, [DEFAULT] * 2)
    for category in range(2):
        np.testing.assert_allclose(warm[category], cold.log_share(history, category), atol=5e-3)


def test_it_is_kept_for_some_weeks_and_then_made_anew(panel: Panel) -> None:
    surfaces, history = Surfaces(panel.cells, [DEFAULT] * 2), History(panel)
    begin = panel.begin + 200 * DAY_S
    first = surfaces.log_share(history.advance(begin), 0)
    assert surfaces.log_share(history.advance(begin + (REFIT_DAYS - 1) * DAY_S), 0) is first
    assert not np.array_equal(surfaces.log_share(history.advance(begin + REFIT_DAYS * DAY_S), 0), first)
    earlier = surfaces.log_share(History(panel).advance(begin), 0)
    np.testing.assert_allclose(earlier, first, atol=5e-3)  # never of the future


def test_a_quiet_category_takes_its_places_from_the_others() -> None:
    rng = np.random.default_rng(4)
    cells = grid_table(12, 12)
    busy = rng.choice(144, 20, replace=False)
    chosen = np.concatenate([rng.choice(busy, 3000), rng.choice(busy, 25)])
    names = np.array(["Theft"] * 3000 + ["Robbery"] * 25)
    where = [(cells[key][chosen] + 0.5) * SIZE_M for key in ("col", "row")]
    start = np.datetime64("2018-01-01", "s") + rng.integers(0, 300 * DAY_S, len(chosen)).astype("timedelta64[s]")
    panel = panel_of(incident_table(*where, names, np.sort(start)), cells)
    rare = panel.categories.index("Robbery")
    share = np.exp(Surfaces(panel.cells, [DEFAULT] * 2).log_share(History(panel).advance(panel.end), rare))
    none_yet = np.setdiff1d(busy, chosen[3000:])
    quiet = np.setdiff1d(np.arange(144), busy)
    assert share[none_yet].min() > 3 * np.median(share[quiet])


def test_rougher_settings_follow_the_counts_more_closely(panel: Panel) -> None:
    counts = counts_at(panel, panel.end)[0]
    history = History(panel).advance(panel.end)
    far = []
    for own in (0.01, 0.3, 1.0):
        share = np.exp(Surfaces(panel.cells, [Roughness(0.5, own)] * 2).log_share(history, 0))
        far.append(np.abs(share - counts / counts.sum()).sum())
    assert far[0] > far[1] > far[2]


def test_all_settings_can_be_tried_at_once(panel: Panel) -> None:
    history = History(panel).advance(panel.end)
    tried = Surfaces(panel.cells, [DEFAULT] * 2).try_out(history, 0)
    for roughness, log_share in zip(TRIED, tried):
        alone = Surfaces(panel.cells, [roughness] * 2).log_share(history, 0)
        np.testing.assert_allclose(log_share, alone, atol=5e-3)


def test_a_baseline_can_stand_in_for_a_surface(panel: Panel) -> None:
    """Where places wander, as a hot spot of two weeks does here, a count of short memory follows them better."""
    weeks = panel.end - WEEK_S * np.arange(8, 0, -1)
    _, starts = tuning.choose(panel, weeks, lambda part: None)
    assert all(isinstance(start, Baseline) for start in starts)
    history = History(panel).advance(panel.end)
    share = np.exp(Surfaces(panel.cells, starts).log_share(history, 0))
    np.testing.assert_allclose(share, baselines.shares(history, 0, [starts[0]])[0])
