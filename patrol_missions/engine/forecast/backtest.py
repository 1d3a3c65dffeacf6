"""Judging models and baselines on weeks they have not seen, each week forecast with what was known as it began.

Every forecast, the model's and the baselines' alike, is calibrated before each week on the weeks of the backtest
before it, so that what is judged is what would have been in use, and no forecast wins merely by a better level.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from patrol_missions.engine.forecast import baselines, calibration, metrics
from patrol_missions.engine.forecast.baselines import Baseline
from patrol_missions.engine.forecast.blocks import Blocks
from patrol_missions.engine.forecast.calibration import Calibration, Tally
from patrol_missions.engine.forecast.features import Features
from patrol_missions.engine.forecast.model import Trees
from patrol_missions.engine.forecast.panel import Cells, Labels
from patrol_missions.engine.forecast.workers import Workers

AREA_SHARES = (0.01, 0.05)
"""Shares of the cells, per shift, on which the table of scores reports hit rates."""

CURVE_SHARES = (0.0025, 0.005, 0.0075, 0.01, 0.015, 0.02, 0.03, 0.04, 0.05, 0.075, 0.1, 0.15, 0.2)
"""Shares of the cells, per shift, at which hits are counted."""

MODEL = "LightGBM"
_DRAWS = 2000
_CHUNK_ROWS = 32_768


@dataclass(eq=False)
class Judged:
    """How one forecast of one category did.

    :param tally: what was expected and what happened, before calibration
    :param hits: incidents in the cells with the highest expectation, shape (weeks, :data:`CURVE_SHARES`)
    :param deviance: Poisson deviance per week after running calibration, shape (weeks,)
    :param by_block: the same by block of cells, up to a constant per week and block that is the same for all forecasts
        of the category, shape (weeks, blocks)
    :param expected: incidents expected per cell in all weeks, after running calibration, shape (cells,)
    """

    tally: Tally
    hits: np.ndarray
    deviance: np.ndarray
    by_block: np.ndarray = field(default_factory=lambda: np.zeros((0, 0)))
    expected: np.ndarray = field(default_factory=lambda: np.zeros(0))

    def found(self, share: float) -> np.ndarray:
        """Incidents per week in one of the :data:`CURVE_SHARES`, shape (weeks,)."""
        return np.asarray(self.hits[:, CURVE_SHARES.index(share)])


@dataclass(eq=False)
class CategoryBacktest:
    """All forecasts of one category, by code (``B0`` ... and :data:`MODEL`).

    :param raw_total: what the trees expected in all weeks before they are given the total of level and rhythm
    :param happened: incidents per cell in all weeks, shape (cells,)
    """

    methods: dict[str, Judged] = field(default_factory=dict)
    raw_total: float = 0.0
    happened: np.ndarray = field(default_factory=lambda: np.zeros(0))

    @property
    def observed(self) -> np.ndarray:
        """Incidents per week."""
        return next(iter(self.methods.values())).tally.observed

    def explained(self, code: str) -> float:
        """Share of the uniform baseline's deviance that a forecast explains."""
        nothing = self.methods["B0"].deviance.sum()
        return float(1.0 - self.methods[code].deviance.sum() / nothing) if nothing > 0 else 0.0

    def best_baseline(self) -> str:
        """Code of the baseline with the lowest deviance."""
        return min((code for code in self.methods if code != MODEL), key=lambda code: self.methods[code].deviance.sum())


@dataclass(frozen=True)
class Gain:
    """How much more deviance than a baseline the model explains, with a 95 % interval.

    :param relative: difference over what the baseline explains (0.05 = 5 % more)
    """

    baseline: str
    relative: float
    low: float
    high: float

    @property
    def certain(self) -> bool:
        """True when the whole interval lies above zero."""
        return self.low > 0


class Watcher(Protocol):
    """Is told every forecast of every week, to keep what a backtest itself does not."""

    def forecast(
        self,
        week: int,
        category: int,
        code: str,
        expected: np.ndarray,
        happened: tuple[np.ndarray, np.ndarray, np.ndarray],
    ) -> None:
        """One forecast as it would have been in use; several threads may tell of different categories at once.

        :param expected: calibrated incidents, shape (instances, cells)
        :param happened: instance, cell and incidents where there were any
        """

    def week_over(self, week: int, categories: Sequence[CategoryBacktest]) -> None:
        """All forecasts of a week were told; ``categories`` holds what was found up to and with this week."""


class Backtest:
    """Collects weeks for all categories.

    :param settings: for each category the baselines by code
    :param trees: for each category its model, or ``None``; models may be replaced between weeks
    :param cells: the grid
    :param watcher: is told everything
    """

    def __init__(
        self,
        weeks: int,
        shifts: int,
        settings: Sequence[dict[str, Baseline]],
        trees: Sequence[Trees | None],
        workers: Workers,
        cells: Cells,
        watcher: Watcher | None = None,
    ) -> None:
        self.settings, self.trees, self.workers, self.watcher = settings, trees, workers, watcher
        self.categories = [CategoryBacktest(happened=np.zeros(len(cells))) for _ in settings]
        self.blocks = Blocks.of(cells)
        for category, chosen in enumerate(settings):
            codes = [*chosen, MODEL] if trees[category] else list(chosen)
            for code in codes:
                self.categories[category].methods[code] = Judged(
                    Tally.empty(weeks, shifts),
                    np.zeros((weeks, len(CURVE_SHARES))),
                    np.zeros(weeks),
                    np.zeros((weeks, self.blocks.count)),
                    np.zeros(len(cells)),
                )

    def week(self, number: int, features: Features, labels: Sequence[Labels], first: int, last: int) -> None:
        """Forecast and judge one week; ``features`` are as known at its begin, for panel rows ``first`` to ``last``."""
        self.workers.each(
            lambda category: self._week(number, category, features, labels[category], first, last), len(self.settings)
        )
        if self.watcher is not None:
            self.watcher.week_over(number, self.categories)

    def _week(self, number: int, category: int, features: Features, labels: Labels, first: int, last: int) -> None:
        chosen = self.settings[category]
        instance, cell, count = labels.between(first, last)
        happened = (instance - first, cell, count)
        self.categories[category].happened += np.bincount(cell, count, minlength=len(self.blocks.of_cell))
        shares = baselines.shares(features.history, category, list(chosen.values()))
        log_totals = np.log(np.maximum(features.totals[category], 1e-12))
        for code, share in zip(chosen, shares):
            log = np.log(np.maximum(share, 1e-12))[None, :] + log_totals[:, None]
            self._judge(category, code, number, features, log, happened, log[:1])
        trees = self.trees[category]
        if trees is not None:
            raw = raw_log_expected(trees, features, category)
            self.categories[category].raw_total += float(np.exp(raw).sum())
            log = rescaled(raw, features, category)
            self._judge(category, MODEL, number, features, log, happened, log)

    def _judge(
        self,
        category: int,
        code: str,
        week: int,
        features: Features,
        log: np.ndarray,
        happened: tuple[np.ndarray, np.ndarray, np.ndarray],
        order: np.ndarray,
    ) -> None:
        """Book one forecast of one week; ``order`` ranks the cells, one row if every instance has the same order."""
        judged = self.categories[category].methods[code]
        instance, cell, count = happened
        shift = features.instances.shift
        known = calibration.fit(judged.tally.first(week))
        expected = _per_cell(known, log, shift, len(order) == 1)
        told = count * known.apply(log[instance, cell], shift[instance])
        judged.expected += expected
        judged.by_block[week] = 2 * (self.blocks.sums(expected) - self.blocks.sums(told, cell))
        constant = 2 * float(np.sum(count * np.log(np.maximum(count, 1e-12))) - count.sum())
        judged.deviance[week] = constant + judged.by_block[week].sum()
        for each in np.unique(shift):
            mine = shift[instance] == each
            judged.tally.add(week, int(each), log[shift == each], log[instance[mine], cell[mine]], count[mine])
        row = np.minimum(instance, len(order) - 1)
        flagged = np.array([math.ceil(share * log.shape[1]) for share in CURVE_SHARES])
        judged.hits[week] = count @ metrics.chance_flagged(order, row, cell, flagged)
        if self.watcher is not None:
            self.watcher.forecast(week, category, code, np.exp(known.apply(log, shift[:, None])), happened)

    def finish(self) -> list[CategoryBacktest]:
        """What was found."""
        return self.categories


def log_expected(trees: Trees, features: Features, category: int) -> np.ndarray:
    """Log of the model's expected incidents before calibration, float64, shape (instances, cells).

    Trees say how incidents spread over cells; how many there are in all is left to level and rhythm, which follow the
    last weeks, while trees would repeat what was usual in the years of training.
    """
    return rescaled(raw_log_expected(trees, features, category), features, category)


def rescaled(raw: np.ndarray, features: Features, category: int) -> np.ndarray:
    """Log expectations of shape (instances, cells), moved so that each instance has the total of level and rhythm."""
    totals = np.log(np.maximum(features.totals[category], 1e-12))
    return np.asarray(raw + (totals - np.log(np.exp(raw).sum(axis=1)))[:, None])


def raw_log_expected(trees: Trees, features: Features, category: int) -> np.ndarray:
    """Log of risk surface times trees, float64, shape (instances, cells).

    The trees are asked once for all instances that look alike to them, a bounded number of rows at a time.
    """
    examples, kind = features.kinds
    cells = np.arange(len(features.history.panel.cells))
    factor = np.empty((len(examples), len(cells)))
    step = max(_CHUNK_ROWS // max(len(cells), 1), 1)
    for first in range(0, len(examples), step):
        chunk = examples[first : first + step]
        rows = features.rows(category, np.tile(cells, len(chunk)), np.repeat(chunk, len(cells)))
        factor[first : first + len(chunk)] = trees.log_factor(rows).reshape(len(chunk), len(cells))
    totals = np.log(np.maximum(features.totals[category], 1e-12))
    return np.asarray(factor[kind] + features.log_share(category)[None, :] + totals[:, None])


def gains(category: CategoryBacktest, rng: np.random.Generator) -> list[Gain]:
    """The model against every baseline: paired bootstrap of whole weeks (2,000 draws, percentile interval)."""
    weeks = len(category.observed)
    draws = (rng.random((_DRAWS, weeks)) * weeks).astype(np.int64)
    nothing = category.methods["B0"].deviance
    model = category.methods[MODEL].deviance
    result = []
    for code, judged in category.methods.items():
        if code == MODEL:
            continue
        better = judged.deviance - model
        # What the baseline explains; for B0 (nothing) and hopeless ones the model's own share is the yardstick.
        scale = float((nothing - judged.deviance).sum())
        if scale <= max(0.05 * float((nothing - model).sum()), 0.0):
            scale = float(np.abs(nothing - model).sum()) or 1.0
        sums = better[draws].sum(axis=1) / scale
        low, high = np.quantile(sums, [0.025, 0.975])
        result.append(Gain(code, float(better.sum() / scale), float(low), float(high)))
    return result


def _per_cell(known: Calibration, log: np.ndarray, shift: np.ndarray, one_map: bool) -> np.ndarray:
    """Calibrated incidents per cell over all instances of a week; ``one_map``: instances differ by level only."""
    if not one_map:
        return np.asarray(np.exp(known.apply(log, shift[:, None])).sum(axis=0))
    total = np.exp(known.apply(log[:, 0], shift)).sum()
    return np.asarray(total * np.exp(known.slope * (log[0] - log[0, 0])))
