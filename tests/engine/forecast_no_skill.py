"""Cities in which there is nothing to learn beyond a map, to see what the rule claims to have found there.

Incidents are drawn from a known rate per cell that never changes: no season, no rhythm, no repeats.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from forecast_makers import FIRST, SIZE_M, grid_table, incident_table, panel_of
from scipy import ndimage

from patrol_missions.engine.data.zones import zone
from patrol_missions.engine.forecast import indicators, timeline, training
from patrol_missions.engine.forecast.backtest import MODEL, CategoryBacktest
from patrol_missions.engine.forecast.choice import Choice
from patrol_missions.engine.forecast.day_factor import DayFactor
from patrol_missions.engine.forecast.panel import WEEK_S
from patrol_missions.engine.forecast.timeline import Design
from patrol_missions.engine.forecast.workers import Workers

NOISE, SCATTERED, SMOOTH = "noise", "scattered", "smooth"
"""All cells alike; each cell with a rate of its own; rates that are alike in cells near each other."""

WIDTH = 12
ZONE = "America/New_York"


@dataclass(eq=False)
class _Truth:
    """Watches a backtest and adds up by how much each forecast misses the true expectation.

    :param missed: expected Poisson deviance against the truth, by forecast
    """

    of_cells: list[np.ndarray]
    missed: dict[str, float] = field(default_factory=dict)

    def forecast(self, week: int, category: int, code: str, expected: np.ndarray, happened: Any) -> None:
        true = self.of_cells[week]
        off = true * np.log(true / np.maximum(expected, 1e-12)) - true + expected
        self.missed[code] = self.missed.get(code, 0.0) + 2.0 * float(off.sum())

    def week_over(self, week: int, categories: Any) -> None:
        """Nothing more to do."""


@dataclass(frozen=True)
class Verdict:
    """What the rule chose in a city.

    :param missed: deviance from the truth of each forecast, per incident
    """

    choice: Choice
    judged: CategoryBacktest
    missed: dict[str, float]

    @property
    def ships_model(self) -> bool:
        return self.choice.uses_trees

    @property
    def best_baseline(self) -> str:
        return self.judged.best_baseline()

    @property
    def model_is_nearer(self) -> bool:
        """Whether the model is truly nearer to the truth than every baseline."""
        return self.missed[MODEL] < min(missed for code, missed in self.missed.items() if code != MODEL)


def rates(kind: str, rng: np.random.Generator) -> np.ndarray:
    """Shares of the cells in all incidents; but for noise, a tenth of the cells has about half of the incidents."""
    heat = np.ones((WIDTH, WIDTH))
    if kind == SCATTERED:
        heat = rng.gamma(0.5, 1.0, (WIDTH, WIDTH)) + 0.02
    elif kind == SMOOTH:
        surface = ndimage.gaussian_filter(rng.normal(size=(WIDTH, WIDTH)), 1.5, mode="wrap")
        heat = np.exp(1.5 * surface / surface.std())
    return np.asarray((heat / heat.sum()).ravel())


def judged(kind: str, seed: int, days: int, incidents: int) -> Verdict:
    """One seeded city, and what the rule of choice makes of its backtest."""
    rng = np.random.default_rng([seed, (NOISE, SCATTERED, SMOOTH).index(kind)])
    cells, share = grid_table(WIDTH, WIDTH), rates(kind, rng)
    count = int(rng.poisson(incidents))
    local = FIRST + np.sort(rng.random(count) * days * 86_400).astype("timedelta64[s]")
    chosen = rng.choice(len(share), count, p=share)
    x = (cells["col"][chosen] + rng.random(count)) * SIZE_M
    y = (cells["row"][chosen] + rng.random(count)) * SIZE_M
    panel = panel_of(incident_table(x, y, np.full(count, "Theft"), zone(ZONE).to_utc(local)), cells)
    origins = timeline.of(panel, Design()).backtest
    start, end = panel.instances.start.astype(np.int64), panel.instances.end.astype(np.int64)
    hours = [(end - start)[timeline.span(panel, int(origin), WEEK_S)] for origin in origins]
    truth = _Truth([each[:, None] * share * (incidents / (days * 86_400.0)) for each in hours])
    none = indicators.compute(panel.cells, [], {})
    found = training.judge(panel, none, DayFactor(), seed, Workers(1), lambda *_: None, Design(), truth)
    happened = float(found.backtests[0].observed.sum())
    missed = {code: total / happened for code, total in truth.missed.items()}
    return Verdict(found.choices[0], found.backtests[0], missed)


def wilson(hits: int, runs: int) -> tuple[float, float]:
    """95 % interval of a share (Wilson 1927, JASA 22:209-212)."""
    z = 1.959964
    centre, spread = hits + z * z / 2, z * float(np.sqrt(hits * (runs - hits) / runs + z * z / 4))
    return max((centre - spread) / (runs + z * z), 0.0), min((centre + spread) / (runs + z * z), 1.0)
