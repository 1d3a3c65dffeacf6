"""A risk surface per category: how its incidents spread over cells, smooth where little is known, sharp where much is.

A Poisson regression with two effects per cell (Besag, York & Mollié 1991, Ann. Inst. Statist. Math. 43:1-20):

    log rate(cell) = level + slope x other categories' log rate(cell) + smooth(cell) + own(cell)

*smooth* is a Gaussian field with the precision ``(k^2 - Laplacian)^2``, a Matérn field of smoothness 1 (Lindgren, Rue &
Lindström 2011, J. R. Statist. Soc. B 73:423-498); *own* is independent from cell to cell. A kernel density smooths busy
and quiet places alike; here a cell's own incidents count for more the more there are, and what happens nearby, or there
in other categories, fills in for the rest. The most likely surface is found by Newton steps.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Union

import numpy as np
from scipy import sparse
from scipy.sparse import linalg

from patrol_missions.engine.forecast import baselines
from patrol_missions.engine.forecast.baselines import Baseline
from patrol_missions.engine.forecast.history import HALF_LIVES_DAYS, History
from patrol_missions.engine.forecast.panel import DAY_S, Cells

MEMORY_DAYS = 730.0
"""Half-life of the counts that surfaces are fitted to."""

REFIT_DAYS = 28
"""A surface describes places, which change slowly: it is kept for so long while moving through the history."""

_K = 0.3  # per cell side; correlation reaches about sqrt(8) / k = 9 cells
_VARIANCE = 1.0 / (4.0 * np.pi * _K**2)  # of the unscaled field
_SLOPE_PRECISION = 1.0
_LEVEL_PRECISION = 1e-6
_MOST_STEPS = 60
_SHORTEST_PART = 2.0**-20
_CLOSE_ENOUGH = 1e-3
_SLOW = 0.6
_HIGHEST_LOG = 50.0  # a step that goes wild is refused, not overflown
_LEAST_SHARE = 1e-9


@dataclass(frozen=True)
class Roughness:
    """How far a category's log rates may lie from what the other categories say; both are standard deviations.

    :param smooth: of the smooth field
    :param own: of each cell's own effect
    """

    smooth: float
    own: float


DEFAULT = Roughness(0.8, 0.3)
TRIED = (
    DEFAULT,
    Roughness(0.8, 0.01),
    Roughness(0.5, 0.3),
    Roughness(0.3, 0.5),
    Roughness(0.8, 0.5),
    Roughness(0.3, 0.8),
    Roughness(0.5, 1.5),
)
"""Settings tried on weeks before the backtest, the default first."""

Start = Union[Roughness, Baseline]
"""From what a category's trees start: a surface of this roughness, or a baseline that follows its places better."""

_ALL_OTHERS = Roughness(1.0, 0.3)


@dataclass(eq=False)
class _Effects:
    """Where the search for a surface stands: coefficients (level, slope) and both effects, shape (cells,)."""

    beta: np.ndarray
    smooth: np.ndarray
    own: np.ndarray

    @classmethod
    def none(cls, coefficients: int, cells: int) -> _Effects:
        return cls(np.zeros(coefficients), np.zeros(cells), np.zeros(cells))

    def log_rate(self, design: np.ndarray) -> np.ndarray:
        return np.asarray(design @ self.beta + self.smooth + self.own)

    def moved(self, step: _Effects, part: float) -> _Effects:
        return _Effects(self.beta + part * step.beta, self.smooth + part * step.smooth, self.own + part * step.own)


@dataclass(eq=False)
class _Found:
    """Where a search ended, and the matrix that pointed the way; the next search starts from both."""

    effects: _Effects
    factor: _Factor | None


@dataclass(eq=False)
class _Fitted:
    """Surfaces of one category, kept until they are too old."""

    as_of: int
    log_share: np.ndarray
    own: _Found
    others: _Found


class Surfaces:
    """The maps from which all categories' trees start; surfaces are fitted again every :data:`REFIT_DAYS`.

    :param starts: of each category
    """

    def __init__(self, cells: Cells, starts: Sequence[Start]) -> None:
        self.starts = tuple(starts)
        self._solver = _Solver(cells)
        self._fitted: dict[int, _Fitted] = {}

    def log_share(self, history: History, category: int) -> np.ndarray:
        """Log of each cell's share of the category's incidents, float64, shape (cells,); never of the future."""
        start = self.starts[category]
        if isinstance(start, Baseline):
            share = baselines.shares(history, category, [start])[0]
            return np.asarray(np.log(np.maximum(share, _LEAST_SHARE)))
        last = self._fitted.get(category)
        if last is None or history.as_of - last.as_of >= REFIT_DAYS * DAY_S or history.as_of < last.as_of:
            last = self._fit(history, category, last, start)
            self._fitted[category] = last
        return last.log_share

    def parts(self, history: History, category: int) -> np.ndarray:
        """What a log share is made of, shape (4, cells); the rows add up to :meth:`log_share`.

        The cell's area, the other categories there, the category's surroundings, and its own incidents in the cell.
        """
        start = self.starts[category]
        log_share = self.log_share(history, category)
        if isinstance(start, Baseline):
            return baseline_parts(history, category, start)
        fitted = self._fitted[category]
        told = fitted.others.effects.log_rate(np.ones((len(log_share), 1)))
        effects = fitted.own.effects
        elsewhere = effects.beta[1] * (told - told.mean())
        rest = log_share - elsewhere - effects.smooth - effects.own
        return np.stack([rest, elsewhere, effects.smooth, effects.own])

    def try_out(self, history: History, category: int) -> np.ndarray:
        """Log shares under each of :data:`TRIED`, shape (settings, cells)."""
        fitted = None
        shares = []
        for roughness in TRIED:
            fitted = self._fit(history, category, fitted, roughness)
            shares.append(fitted.log_share)
        return np.stack(shares)

    def _fit(self, history: History, category: int, last: _Fitted | None, roughness: Roughness) -> _Fitted:
        counts = history.decayed[HALF_LIVES_DAYS.index(MEMORY_DAYS)]
        elsewhere = counts.sum(axis=0) - counts[category]
        flat = np.ones((len(elsewhere), 1))
        others = self._solver.fit(elsewhere, flat, _ALL_OTHERS, last.others if last else None)
        told = others.effects.log_rate(flat)
        design = np.column_stack([flat, told - told.mean()])
        own = self._solver.fit(counts[category], design, roughness, last.own if last else None)
        return _Fitted(history.as_of, self._solver.log_share(own.effects, design), own, others)


def baseline_parts(history: History, category: int, baseline: Baseline) -> np.ndarray:
    """What a baseline's log share is made of, as in :meth:`Surfaces.parts`."""
    logs = np.log(np.maximum(baselines.steps(history, category, baseline), _LEAST_SHARE))
    return np.diff(logs, axis=0, prepend=0.0)


class _Solver:
    """Newton's method on the penalised Poisson log-likelihood, which is concave."""

    def __init__(self, cells: Cells) -> None:
        self.inside = cells.share_inside / cells.share_inside.sum()
        rooted = _K**2 * sparse.identity(len(cells)) + cells.raster.laplacian()
        self.precision = sparse.csc_matrix(rooted @ rooted) * _VARIANCE

    def fit(self, counts: np.ndarray, design: np.ndarray, roughness: Roughness, last: _Found | None) -> _Found:
        """The likeliest effects for counts (shape (cells,)) with the columns of ``design`` as what is known besides."""
        at = last.effects if last else _Effects.none(design.shape[1], len(counts))
        factor = last.factor if last else None
        total = float(counts.sum())
        if total <= 0:
            return _Found(_Effects.none(design.shape[1], len(counts)), None)
        trust = np.full(design.shape[1], _SLOPE_PRECISION)
        trust[0] = _LEVEL_PRECISION
        problem = _Problem(
            counts,
            self.inside * total,
            design,
            trust,
            sparse.csc_matrix(self.precision / roughness.smooth**2),
            1.0 / roughness.own**2,
        )
        here, before = problem.look(at), np.inf
        for _ in range(_MOST_STEPS):
            step = factor.step(here.gradient) if factor else None
            there = problem.look(at.moved(step, 1.0)) if step else None
            # The matrix is taken apart anew only where the old one has ceased to point the way.
            if step is None or there is None or _size(step) > _SLOW * before or there.value <= here.value:
                factor = _Factor(problem, here.mean)
                step = factor.step(here.gradient)
                there = problem.look(at.moved(step, 1.0))
            part = 1.0
            while there.value < here.value and part > _SHORTEST_PART:
                part /= 2.0
                there = problem.look(at.moved(step, part))
            at, here, before = at.moved(step, part), there, _size(step)
            if before < _CLOSE_ENOUGH:
                break
        return _Found(at, factor)

    def log_share(self, effects: _Effects, design: np.ndarray) -> np.ndarray:
        """Effects as log shares that sum to 1."""
        rate = self.inside * np.exp(effects.log_rate(design))
        return np.asarray(np.log(np.maximum(rate / rate.sum(), _LEAST_SHARE)))


@dataclass(frozen=True, eq=False)
class _View:
    """A problem seen from one point: incidents expected in each cell, the value and its gradient."""

    mean: np.ndarray
    value: float
    gradient: _Effects


@dataclass(frozen=True, eq=False)
class _Problem:
    """The penalised log-likelihood of one fit.

    :param exposure: incidents expected in each cell if all were alike, shape (cells,)
    :param trust: precision of each coefficient around 0
    :param precision: of the smooth field
    :param own: precision of the own effects
    """

    counts: np.ndarray
    exposure: np.ndarray
    design: np.ndarray
    trust: np.ndarray
    precision: sparse.csc_matrix
    own: float

    def look(self, at: _Effects) -> _View:
        log = at.log_rate(self.design)
        mean = self.exposure * np.exp(np.minimum(log, _HIGHEST_LOG))
        pulls = _Effects(self.trust * at.beta, self.precision @ at.smooth, self.own * at.own)
        pulled = at.beta @ pulls.beta + at.smooth @ pulls.smooth + at.own @ pulls.own
        left = self.counts - mean
        gradient = _Effects(self.design.T @ left - pulls.beta, left - pulls.smooth, left - pulls.own)
        return _View(mean, float(self.counts @ log - mean.sum() - pulled / 2.0), gradient)


class _Factor:
    """The matrix of second derivatives at one point, taken apart so that Newton steps are cheap.

    The own effects are eliminated by hand (their block is diagonal), the coefficients by their Schur complement; the
    smooth field's sparse block is factorised.
    """

    def __init__(self, problem: _Problem, mean: np.ndarray) -> None:
        self.mean, self.own, self.design = mean, problem.own, problem.design
        self.kept = mean / (mean + problem.own)
        diagonal = problem.own * self.kept
        block = sparse.csc_matrix(problem.precision + sparse.diags(diagonal))
        self._lu = linalg.splu(
            block, permc_spec="MMD_AT_PLUS_A", diag_pivot_thresh=0.0, options={"SymmetricMode": True}
        )
        self._coupling = diagonal[:, None] * self.design
        self._pulled = self._lu.solve(self._coupling)
        self._schur = self.design.T @ self._coupling + np.diag(problem.trust) - self._coupling.T @ self._pulled

    def step(self, gradient: _Effects) -> _Effects:
        """Newton's step for a gradient."""
        passed = self.kept * gradient.own
        solved = self._lu.solve(gradient.smooth - passed)
        beta = np.linalg.solve(self._schur, gradient.beta - self.design.T @ passed - self._coupling.T @ solved)
        smooth = solved - self._pulled @ beta
        own = (gradient.own - self.mean * (smooth + self.design @ beta)) / (self.mean + self.own)
        return _Effects(beta, smooth, own)


def _size(step: _Effects) -> float:
    return float(max(np.abs(step.beta).max(), np.abs(step.smooth).max(), np.abs(step.own).max()))
