"""The self-exciting baseline and the regression with cell effects, on cities drawn from their own laws."""

from __future__ import annotations

import numpy as np
import pytest
from forecast_makers import hot_city, panel_of

from patrol_missions.engine.forecast import baselines, cell_effects, etas, tuning
from patrol_missions.engine.forecast.baselines import FAMILIES
from patrol_missions.engine.forecast.history import History
from patrol_missions.engine.forecast.panel import DAY_S, WEEK_S


def excited_city(
    trigger: float, half_life_days: float, seed: int, days: float = 900.0
) -> tuple[np.ndarray, np.ndarray]:
    """Cells and times (days) of incidents that call forth others, born generation by generation."""
    rng = np.random.default_rng(seed)
    background = rng.gamma(0.5, 0.02, 300)
    cells = [np.repeat(np.arange(300), rng.poisson(background * days))]
    times = [rng.random(len(cells[0])) * days]
    while len(cells[-1]):
        children = rng.poisson(trigger, len(cells[-1]))
        born = np.repeat(times[-1], children) + rng.exponential(half_life_days / np.log(2), int(children.sum()))
        inside = born < days
        cells.append(np.repeat(cells[-1], children)[inside])
        times.append(born[inside])
    return np.concatenate(cells), np.concatenate(times)


@pytest.mark.parametrize(("trigger", "half_life_days"), [(0.4, 7.0), (0.25, 3.0), (0.0, 7.0)])
def test_the_trigger_that_incidents_were_drawn_with_is_found(trigger: float, half_life_days: float) -> None:
    found = []
    for seed in range(5):
        cell, day = excited_city(trigger, half_life_days, seed)
        found.append(etas.fit(cell, (day * DAY_S).astype(np.int64), (0, 900 * DAY_S), half_life_days))
    assert np.mean(found) == pytest.approx(trigger, abs=0.05)


def test_sums_over_the_past_are_those_of_two_loops() -> None:
    rng = np.random.default_rng(2)
    cell, day = np.sort(rng.integers(0, 4, 60)), rng.random(60) * 50
    day = day[np.lexsort((day, cell))]
    excited = etas._past(cell, day, 0.2)
    for i in range(60):
        waits = [day[i] - day[j] for j in range(i) if cell[j] == cell[i]]
        assert excited[i] == pytest.approx(sum(np.exp(-0.2 * wait) for wait in waits))


def test_expectation_by_hand() -> None:
    # One incident just now, one long ago in another cell, in a history of 100 days: half-life one week, trigger 0.5.
    now = 100 * DAY_S
    cell, time = np.array([0, 1]), np.array([now, 0])
    found = etas.expected(cell, time, 3, (0, now), 7.0, 0.5)
    # Cell 0 has called forth nothing yet; half of its children, a quarter of an incident, come within the week.
    assert found[0] == pytest.approx(1.0 + 100 * 0.25 / 7)
    # Nearly all children of cell 1 have had their time: half an incident is background.
    assert found[1] == pytest.approx(0.5, abs=1e-3)
    assert found[2] == 0.0


def test_cell_effects_are_shrunk_by_as_much_as_counts_ask_for() -> None:
    rng = np.random.default_rng(4)
    inside = np.full(2000, 1 / 2000)
    for shape in (0.3, 1.5):
        rate = rng.gamma(shape, 5.0 / shape, 2000)
        counts = rng.poisson(rate).astype(float)
        mean = counts.mean()
        # The posterior mean under the law that the counts were drawn from.
        right = mean * (counts + shape) / (mean + shape)
        np.testing.assert_allclose(cell_effects.shrunk(counts, inside), right, rtol=0.08)
    alike = rng.poisson(np.full(2000, 5.0)).astype(float)
    assert np.ptp(cell_effects.shrunk(alike, inside)) < 0.15 * np.ptp(alike)
    assert cell_effects.shrunk(np.zeros(2000), inside).sum() == 0.0


def test_what_is_fitted_is_kept_by_the_setting_and_sees_no_later_incident() -> None:
    panel = panel_of(*hot_city())
    origins = panel.begin + 250 * DAY_S + WEEK_S * np.arange(8)
    settings, _ = tuning.choose(panel, origins, lambda part: None)
    fitted = settings[0]["B7"]
    history = History(panel).advance(int(origins[1]))  # every second week is tried, the last one among them
    assert fitted in baselines.excited(history, 0, FAMILIES["B7"])
    assert 0 < fitted.trigger < 0.95
    assert "more incidents per incident" in fitted.words
    assert fitted.code == "B7"
