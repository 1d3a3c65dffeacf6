"""Expected incidents without machine learning: level x place x time, as every analyst could work them out.

    expected(cell, instance) = level(week) x rhythm(shift, weekday) x share(cell)

* *level*: incidents a day in the whole jurisdiction, from the last weeks, moved by last year's season.
* *rhythm*: share of a day's incidents that falls in one instance of a shift on a weekday.
* *share*: how the incidents spread over cells; this is where the baselines differ.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from patrol_missions.engine.data.shifts import Instances
from patrol_missions.engine.forecast import cell_effects, etas
from patrol_missions.engine.forecast.history import HALF_LIVES_DAYS, SEASON_WEEKS, History, weekdays
from patrol_missions.engine.forecast.panel import WEEK_S

LEVEL_HALF_LIFE_WEEKS = 4.0
LEVEL_WEEKS = 26
SEASON_EXPONENT = 0.6
RHYTHM_PRIOR = 20.0
"""Incidents' worth of trust in the smoother rhythm (the shift's own, the pooled one) before the data outweigh it."""
_SEASON_PRIOR = 30.0
_LEVEL_PRIOR = 5.0
_WIDE_CELLS = 4.0
_UNIFORM_PART = 0.02
_FEWEST_WEEKS = 4


@dataclass(frozen=True)
class Baseline:
    """One way to spread incidents over cells.

    :param kind: ``uniform``, ``count`` (all history), ``year`` (365 days), ``decay``, ``kernel``, ``pooled``,
        ``effects`` or ``etas``
    :param half_life_days: memory of ``decay``, ``kernel`` and ``effects``, one of the history's half-lives (0
        for all history); of the excitation of ``etas``
    :param width_cells: standard deviation of ``kernel``, in cell sides
    :param prior: incidents per cell, on average, by which counts are shrunk towards a smoother map
    :param trigger: incidents that one incident brings about, of ``etas``
    """

    kind: str
    half_life_days: float = 0.0
    width_cells: float = 0.0
    prior: float = 0.0
    trigger: float = 0.0

    @property
    def code(self) -> str:
        """Short name in tables, such as ``B3``."""
        return _CODES[self.kind]

    @property
    def words(self) -> str:
        """What people call it."""
        return {
            "uniform": "same everywhere",
            "count": "all-time count per cell",
            "year": "count of the last 365 days per cell",
            "decay": f"recency-weighted count per cell, half-life {self.half_life_days:g} days",
            "kernel": f"recency-weighted kernel density, half-life {self.half_life_days:g} days, "
            f"width {self.width_cells:g} cells",
            "pooled": "all categories together, smoothed, with the category's few incidents on top",
            "effects": "Poisson regression with cell effects, "
            + (f"half-life {self.half_life_days:g} days" if self.half_life_days else "all history"),
            "etas": f"self-exciting model, {self.trigger:.2f} more incidents per incident, "
            f"half of them within {self.half_life_days:.3g} days",
        }[self.kind]


_CODES = {
    "uniform": "B0",
    "count": "B1",
    "year": "B2",
    "decay": "B3",
    "kernel": "B4",
    "pooled": "B5",
    "effects": "B6",
    "etas": "B7",
}
UNIFORM = Baseline("uniform")
POOLED = Baseline("pooled", width_cells=2.0, prior=50.0)
"""For categories with few incidents; its ``prior`` is in incidents altogether, not per cell."""

PRIORS = (0.03, 0.1, 0.3, 1.0)
_WIDTHS = (0.6, 0.9, 1.3, 2.0)
_MEMORIES = HALF_LIVES_DAYS[1:]
_EXCITED_DAYS = (1.0, 7.0, 28.0, 91.0, 182.0)
FAMILIES: dict[str, tuple[Baseline, ...]] = {
    "B0": (UNIFORM,),
    "B1": tuple(Baseline("count", prior=p) for p in PRIORS),
    "B2": tuple(Baseline("year", prior=p) for p in PRIORS),
    "B3": tuple(Baseline("decay", h, prior=p) for h in _MEMORIES for p in PRIORS),
    "B4": tuple(Baseline("kernel", h, w) for h in _MEMORIES for w in _WIDTHS),
    "B5": (POOLED,),
    "B6": tuple(Baseline("effects", h) for h in (0.0, 365.0, 730.0)),
    "B7": tuple(Baseline("etas", h, prior=p, trigger=etas.USUAL_TRIGGER) for h in _EXCITED_DAYS for p in PRIORS),
}
"""Settings tried for each baseline on weeks before the backtest; the trigger of B7 is not tried but fitted."""

DEFAULTS = {
    "B0": UNIFORM,
    "B1": Baseline("count", prior=0.1),
    "B2": Baseline("year", prior=0.1),
    "B3": Baseline("decay", 365.0, prior=0.1),
    "B4": Baseline("kernel", 365.0, 0.9),
    "B5": POOLED,
    "B6": Baseline("effects"),
    "B7": Baseline("etas", 28.0, prior=0.1, trigger=etas.USUAL_TRIGGER),
}
"""Where there are too few weeks to try settings."""


def excited(history: History, category: int, candidates: Sequence[Baseline]) -> list[Baseline]:
    """The candidates, those of kind ``etas`` with the trigger that is likeliest by what is known."""
    cell, time = history.known(category)
    span = (history.panel.begin, history.as_of)
    memories = {each.half_life_days for each in candidates if each.kind == "etas"}
    found = {days: etas.fit(cell, time, span, days) for days in memories}
    return [replace(each, trigger=found[each.half_life_days]) if each.kind == "etas" else each for each in candidates]


def shares(history: History, category: int, candidates: Sequence[Baseline]) -> np.ndarray:
    """How a category's incidents spread over cells by each baseline, shape (candidates, cells); rows sum to 1."""
    maps = _Maps(history, category)
    return np.stack([maps.share(each) for each in candidates])


def steps(history: History, category: int, baseline: Baseline) -> np.ndarray:
    """The maps by which a baseline is reached, as shares of shape (4, cells).

    The same everywhere by area, what all categories together do (where the baseline borrows from them), how the
    category spreads over the wider surroundings, and the baseline's own map. A step that is not made repeats the last.
    """
    maps = _Maps(history, category)
    even, share = maps.uniform, maps.share(baseline)
    if baseline.kind == "uniform":
        return np.stack([even, even, even, even])
    if baseline.kind == "pooled":
        return np.stack([even, maps.everybody(baseline), share, share])
    if baseline.kind == "effects":
        return np.stack([even, even, even, share])
    return np.stack([even, even, maps.smoother(), share])


class _Maps:
    """The maps of one category at one moment; each smoothing is done once."""

    def __init__(self, history: History, category: int) -> None:
        self.history, self.category = history, category
        cells = history.panel.cells
        self.uniform = cells.share_inside / cells.share_inside.sum()
        self.raster = cells.raster
        self._smooth: dict[tuple[float, float], np.ndarray] = {}
        self._expected: dict[tuple[float, float], np.ndarray] = {}
        self._wide: np.ndarray | None = None

    def share(self, baseline: Baseline) -> np.ndarray:
        if baseline.kind == "uniform":
            return self.uniform
        if baseline.kind == "pooled":
            return self._pooled(baseline)
        if baseline.kind == "kernel":
            return self._blend(self._kernel(baseline.half_life_days, baseline.width_cells))
        if baseline.kind == "effects":
            return self._effects(baseline)
        counts = self._counts(baseline)
        prior = baseline.prior * len(counts)
        return np.asarray((counts + prior * self.smoother()) / (counts.sum() + prior))

    def _counts(self, baseline: Baseline) -> np.ndarray:
        if baseline.kind == "count":
            return np.asarray(self.history.total[self.category])
        if baseline.kind == "year":
            return np.asarray(self.history.within(365.0)[self.category])
        if baseline.kind == "etas":
            return self._excited(baseline)
        return self._decayed(baseline.half_life_days)

    def _decayed(self, half_life_days: float) -> np.ndarray:
        return np.asarray(self.history.decayed[HALF_LIVES_DAYS.index(half_life_days), self.category])

    def _kernel(self, half_life_days: float, width_cells: float) -> np.ndarray:
        key = (half_life_days, width_cells)
        if key not in self._smooth:
            self._smooth[key] = self.raster.smooth(self._decayed(half_life_days), width_cells).astype(np.float64)
        return self._smooth[key]

    def smoother(self) -> np.ndarray:
        """The smooth map that counts are shrunk towards."""
        if self._wide is None:
            self._wide = self._blend(self.raster.smooth(self.history.total[self.category], _WIDE_CELLS / 2))
        return self._wide

    def _blend(self, density: np.ndarray) -> np.ndarray:
        """A density as shares, mixed with a little of the uniform map so that no cell is ever impossible."""
        total = float(density.sum())
        if total <= 0:
            return self.uniform
        return np.asarray((1 - _UNIFORM_PART) * density / total + _UNIFORM_PART * self.uniform, dtype=np.float64)

    def _effects(self, baseline: Baseline) -> np.ndarray:
        half_life = baseline.half_life_days
        counts = self._decayed(half_life) if half_life else np.asarray(self.history.total[self.category])
        rate = cell_effects.shrunk(counts, self.uniform)
        return rate / rate.sum() if counts.any() else self.uniform

    def _excited(self, baseline: Baseline) -> np.ndarray:
        key = (baseline.half_life_days, baseline.trigger)
        if key not in self._expected:
            span = (self.history.panel.begin, self.history.as_of)
            self._expected[key] = etas.expected(*self.history.known(self.category), len(self.uniform), span, *key)
        return self._expected[key]

    def everybody(self, baseline: Baseline) -> np.ndarray:
        """How all categories together spread."""
        return self._blend(self.raster.smooth(self.history.total.sum(axis=0), baseline.width_cells))

    def _pooled(self, baseline: Baseline) -> np.ndarray:
        city = self.everybody(baseline)
        own = self.raster.smooth(self.history.total[self.category], baseline.width_cells)
        return np.asarray((own + baseline.prior * city) / (own.sum() + baseline.prior), dtype=np.float64)


def rhythm(history: History) -> np.ndarray:
    """Share of a day's incidents in one instance of each shift by weekday, shape (categories, shifts, 7).

    Shrunk from the length of the shift, over all categories together, to the category's own: at each step first by
    shift and by weekday, then by both, with :data:`RHYTHM_PRIOR` incidents' worth of trust in the smoother one.
    """
    per_day = history.faded_total / max(history.faded_days, 1e-9)
    day_share = np.array([shift.length_minutes / 1440.0 for shift in history.panel.plan.shifts])
    flat = np.repeat(day_share[None, :, None], 7, axis=2)
    city = _sharpen(flat, history.by_weekday.sum(axis=0)[None], history.instances_by_weekday, per_day.sum()[None])
    return _sharpen(city, history.by_weekday, history.instances_by_weekday, per_day)


def _sharpen(target: np.ndarray, counts: np.ndarray, instances: np.ndarray, per_day: np.ndarray) -> np.ndarray:
    """Pull a smoother rhythm towards counts over exposure, by shift and by weekday first, then by both."""
    trust = RHYTHM_PRIOR
    exposure = instances[None] * per_day[:, None, None]
    expected = exposure * target
    by_shift = (counts.sum(axis=2) + trust) / (expected.sum(axis=2) + trust)
    by_day = (counts.sum(axis=1) + trust) / (expected.sum(axis=1) + trust)
    overall = (counts.sum(axis=(1, 2)) + trust) / (expected.sum(axis=(1, 2)) + trust)
    nearer = target * by_shift[:, :, None] * by_day[:, None, :] / overall[:, None, None]
    sharp = nearer * (counts + trust) / (exposure * nearer + trust)
    # Shrinking every slot by itself would not keep the sum of them all.
    kept = (counts.sum(axis=(1, 2)) + trust) / ((exposure * sharp).sum(axis=(1, 2)) + trust)
    return np.asarray(sharp * kept[:, None, None])


def level(history: History, weeks_ahead: int) -> np.ndarray:
    """Incidents a day per category in each of the coming weeks, shape (categories, weeks_ahead).

    Recent weeks, weighted by half-life and corrected for what is not reported yet, times the ratio of the same target
    week to the same recent weeks one and two years ago, raised to :data:`SEASON_EXPONENT`.
    """
    counts = history.weekly()
    return _level(counts, history.completeness(LEVEL_WEEKS), _long_run(history), weeks_ahead)


def past_levels(history: History, weeks: int) -> np.ndarray:
    """What :func:`level` would have expected of past weeks as each began, newest first, shape (categories, <= weeks).

    From what is known of the weeks before it now, which is more than was known then. Ends where fewer than
    :data:`_FEWEST_WEEKS` came before.
    """
    counts = history.weekly(weeks + SEASON_WEEKS)
    complete = history.completeness(LEVEL_WEEKS)
    complete = np.concatenate([complete, np.ones((len(counts), weeks))], axis=1)
    long_run = _long_run(history)
    found = [
        _level(counts[:, back:], complete[:, back:], long_run, 1)
        for back in range(1, min(weeks, counts.shape[1] - _FEWEST_WEEKS) + 1)
    ]
    return np.concatenate(found, axis=1) if found else np.zeros((len(counts), 0))


def _long_run(history: History) -> np.ndarray:
    days = max((history.as_of - history.panel.begin) / 86_400, 7.0)
    return np.asarray((history.total.sum(axis=1) + 0.5) / days)


def level_weights(weeks: int) -> np.ndarray:
    """How much each of the last weeks, newest first, says about the coming ones; shape (at most weeks,)."""
    return np.asarray(0.5 ** (np.arange(min(weeks, LEVEL_WEEKS)) / LEVEL_HALF_LIFE_WEEKS))


def _level(counts: np.ndarray, complete: np.ndarray, long_run: np.ndarray, weeks_ahead: int) -> np.ndarray:
    """Level after weekly counts (newest first), of which a share is known (``complete``)."""
    weight = level_weights(counts.shape[1])
    recent = len(weight)
    if recent == 0:
        return np.repeat(long_run[:, None], weeks_ahead, axis=1)
    days = 7 * complete[:, :recent] @ weight
    per_day = (counts[:, :recent] @ weight + _LEVEL_PRIOR) / (days + _LEVEL_PRIOR / long_run)
    return np.asarray(per_day[:, None] * _season(counts, weight, weeks_ahead))


def _season(counts: np.ndarray, weight: np.ndarray, weeks_ahead: int) -> np.ndarray:
    """Ratio of the target weeks to the recent weeks in earlier years, shrunk; shape (categories, weeks_ahead)."""
    categories, weeks = counts.shape
    ratio = np.ones((categories, weeks_ahead))
    for ahead in range(weeks_ahead):
        target = np.zeros(categories)
        before = np.zeros(categories)
        for year in (52, 104):
            centre = year - 1 - (ahead % 52)
            if centre < 2 or year + len(weight) > weeks:
                continue
            target += counts[:, centre - 2 : centre + 3].mean(axis=1)
            before += counts[:, year : year + len(weight)] @ weight / weight.sum()
        ratio[:, ahead] = ((4 * target + _SEASON_PRIOR) / (4 * before + _SEASON_PRIOR)) ** SEASON_EXPONENT
    return ratio


def totals(history: History, instances: Instances) -> np.ndarray:
    """Expected incidents in the whole jurisdiction per category and instance, shape (categories, instances)."""
    start = instances.start.astype(np.int64)
    ahead = np.maximum((start - history.as_of) // WEEK_S, 0)
    levels = level(history, int(ahead.max(initial=0)) + 1)
    return np.asarray(levels[:, ahead] * pattern(history, instances))


def pattern(history: History, instances: Instances) -> np.ndarray:
    """Share of a day's incidents in each instance, by :func:`rhythm` and its length, shape (categories, instances)."""
    nominal = np.array([shift.length_minutes / 60.0 for shift in history.panel.plan.shifts])[instances.shift]
    usual = rhythm(history)[:, instances.shift, weekdays(instances.date)]
    return np.asarray(usual * (instances.exposure_hours / nominal))
