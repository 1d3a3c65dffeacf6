"""A forecast of the sample city held against the truth that the city was made from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from scipy import stats

from patrol_missions.core.jobs import JobResult
from patrol_missions.core.shifts import parse_shifts
from patrol_missions.core.tables import Table, encode_text
from patrol_missions.engine.context import JobContext
from patrol_missions.engine.data import sample_city
from patrol_missions.engine.data.shifts import Instances, ShiftPlan
from patrol_missions.engine.data.zones import zone
from patrol_missions.engine.forecast import backtest, baselines, calibration, events, indicators, panel, training
from patrol_missions.engine.forecast.day_factor import DayFactor
from patrol_missions.engine.forecast.features import Features
from patrol_missions.engine.forecast.history import History
from patrol_missions.engine.forecast.panel import Cells
from patrol_missions.engine.forecast.surface import Surfaces
from patrol_missions.engine.forecast.training import Trained
from patrol_missions.engine.forecast.workers import Workers

SHIPPED = "shipped"
SURFACE = "surface"
_NO_PLACES = ("police station", "hospital")


@dataclass(frozen=True, eq=False)
class Held:
    """Forecasts and truth of one category, all of shape (instances, cells)."""

    category: str
    ships: str
    truth: np.ndarray
    expected: dict[str, np.ndarray]

    def loss(self, code: str) -> np.ndarray:
        """Expected Poisson deviance per incident that a forecast loses against the truth, per cell."""
        return self.lost(code).sum(axis=0) / self.truth.sum()

    def lost(self, code: str) -> np.ndarray:
        """Expected Poisson deviance that a forecast loses against the truth, shape (instances, cells)."""
        forecast = self.expected[code]
        return 2 * (forecast - self.truth + self.truth * np.log(self.truth / forecast))

    def rank(self, code: str, cells: np.ndarray | slice = slice(None)) -> float:
        """Spearman's rank correlation with the truth over cell-shifts."""
        return float(stats.spearmanr(self.expected[code][:, cells].ravel(), self.truth[:, cells].ravel())[0])

    def slope(self, code: str, cells: np.ndarray | slice = slice(None)) -> float:
        """Slope of the Poisson regression of the truth on the log of the forecast; 1 is right."""
        log, truth = np.log(self.expected[code][:, cells]), self.truth[:, cells]
        x = log - np.average(log, weights=truth)
        level, slope = np.log(truth.sum() / np.exp(x).sum()), 1.0
        for _ in range(30):
            mean = np.exp(level + slope * x)
            gradient = np.array([(truth - mean).sum(), ((truth - mean) * x).sum()])
            cross = (mean * x).sum()
            step = np.linalg.solve([[mean.sum(), cross], [cross, (mean * x**2).sum()]], gradient)
            level, slope = level + step[0], slope + step[1]
        return float(slope)


def resampled(held: Held, code: str, statistic: Any, draws: int = 60, seed: int = 1) -> np.ndarray:
    """2.5 and 97.5 % points of a statistic over resampled cells."""
    rng = np.random.default_rng(seed)
    count = held.truth.shape[1]
    return np.quantile([statistic(held, code, rng.integers(0, count, count)) for _ in range(draws)], [0.025, 0.975])


def make(folder: Path, **parameters: Any) -> JobResult:
    """The city's tables, incidents recorded without mistakes."""
    return sample_city.run({"mess": False, **parameters}, {}, JobContext(folder, lambda message: None))


def tables_of(city: JobResult) -> tuple[Table, Table, list[dict[str, str]], dict[str, Table]]:
    """Clean incidents, cells, indicators and their tables."""
    raw, known = city.tables["incidents"], city.values["category_of_raw"]
    meaning = [known[text]["category"] if known[text]["planned"] else None for text in raw.labels["category_raw"]]
    category = np.array(meaning, dtype=object)[raw["category_raw"]]
    keep = np.flatnonzero(np.not_equal(category, None))
    clock = zone(city.values["time_zone"])
    codes, labels = encode_text(category[keep])
    columns = {name: raw[name][keep] for name in ("x", "y")}
    columns |= {name: clock.to_utc(raw[name][keep]) for name in ("start", "end", "reported")}
    truth, count = city.tables["truth"], city.values["cells"]
    cells = Table({"col": truth["col"][:count], "row": truth["row"][:count], "share_inside": np.ones(count)})
    places = city.tables["places"]
    listed, found = [], {}
    for code, kind in enumerate(places.labels["kind"]):
        if kind not in _NO_PLACES:
            rows = places["kind"] == code
            listed.append({"name": f"{kind}s", "table": f"indicator_{code}"})
            found[f"indicator_{code}"] = Table({"x": places["x"][rows], "y": places["y"][rows]})
    return Table({**columns, "category": codes}, {"category": labels}), cells, listed, found


def events_of(city: JobResult) -> events.Events:
    """The city's events, past and to come, as its grid sees them."""
    cells = Cells.of(tables_of(city)[1], city.values["cell_size_m"])
    found = events.of(cells, {"events": city.tables["events"]}, zone(city.values["time_zone"]))
    assert found is not None
    return found


def coming_shifts(city: JobResult) -> Instances:
    """The shifts whose truth is known."""
    plan = ShiftPlan(parse_shifts(sample_city.SHIFTS), city.values["time_zone"])
    starts = city.tables["truth"]["start"][:: city.values["cells"]]
    return plan.following(starts[0], len(starts))


def hold(
    city: JobResult, seed: int = 1, categories: Sequence[str] | None = None, planned: events.Events | None = None
) -> tuple[list[Held], Trained]:
    """Train on the city's history and hold every forecast of the coming shifts, calibrated alike, against the truth."""
    incidents, cell_table, listed, found = tables_of(city)
    cells = Cells.of(cell_table, city.values["cell_size_m"])
    plan = ShiftPlan(parse_shifts(sample_city.SHIFTS), city.values["time_zone"])
    history = panel.build(incidents, cells, plan, categories)
    places = replace(indicators.compute(cells, listed, found), events=planned)
    trained = training.train(history, places, DayFactor(), seed, Workers(2), lambda part, text: None)
    truth, count = city.tables["truth"], len(cells)
    coming = coming_shifts(city)
    surfaces = Surfaces(cells, trained.starts)
    features = Features(History(history).advance(history.end), coming, surfaces, places, trained.others, DayFactor())
    result = []
    for index, choice in enumerate(trained.choices):
        if not trained.backtests:
            continue
        shares = baselines.shares(features.history, index, list(trained.settings[index].values()))
        total = np.log(features.totals[index])[:, None]
        expected = {}
        for code, share in zip(trained.settings[index], shares):
            fitted = calibration.fit(trained.backtests[index].methods[code].tally)
            expected[code] = np.exp(fitted.apply(np.log(share)[None] + total, coming.shift[:, None]))
        expected[SURFACE] = np.exp(features.log_share(index)[None] + total)
        trees = trained.trees[index]
        if trees is None:
            expected[SHIPPED] = expected[choice.ships]
        else:
            log = backtest.log_expected(trees, features, index)
            expected[SHIPPED] = np.exp(choice.calibration.apply(log, coming.shift[:, None]))
        true = truth[city.values["categories"][choice.category]].reshape(len(coming), count)
        result.append(Held(choice.category, choice.ships, true, expected))
    return result, trained
