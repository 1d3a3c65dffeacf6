"""How good a forecast was: pure functions of what was expected and what happened.

Formulas and their sources are in ``docs/metrics.md``. What happened is given sparsely, as row (shift instance), cell
and count of everything that is not zero; counts may be fractions where incidents are spread over an uncertain time.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import gammaln

AREAS = (0.005, 0.01, 0.02, 0.05)
"""Shares of the cells, flagged in each shift, at which forecasts are compared."""

DRAWS = 2000
_LEVEL = 0.95
_ROUNDS = 60
_TINY = 1e-12


def deviance(count: np.ndarray, expected: np.ndarray) -> float:
    """Poisson deviance 2 sum[y ln(y / e) - (y - e)]; 0 when everything happened as expected."""
    ratio = np.where(count > 0, count, 1.0) / np.maximum(np.where(count > 0, expected, 1.0), _TINY)
    return float(2.0 * np.sum(count * np.log(ratio) - (count - expected)))


def saturated(count: np.ndarray) -> float:
    """Highest log probability that any Poisson forecast can give to counts above zero, that of the counts themselves.

    The log score of a forecast is this minus half its deviance.
    """
    return float(np.sum(count * np.log(count) - count - gammaln(count + 1.0)))


@dataclass(frozen=True, eq=False)
class Cut:
    """Where the flagging of the highest scores ends in each row, for several numbers of flagged cells.

    :param least: lowest score that is flagged, shape (rows, choices)
    :param share: how many of the cells with just that score are flagged, 0 to 1, same shape
    """

    least: np.ndarray
    share: np.ndarray

    @classmethod
    def of(cls, score: np.ndarray, flagged: np.ndarray) -> Cut:
        """Cut each row of scores.

        :param flagged: how many cells are flagged in each row, at least one; several choices, shape (choices,)
        """
        flagged = np.minimum(flagged, score.shape[1])
        place = score.shape[1] - flagged
        least = np.partition(score, np.unique(place), axis=1)[:, place]
        share = np.empty(least.shape)
        for choice, number in enumerate(flagged):
            edge = least[:, [choice]]
            higher, equal = (np.count_nonzero(each, axis=1) for each in (score > edge, score == edge))
            share[:, choice] = (number - higher) / equal
        return cls(least, share)

    def chance(self, row: np.ndarray, score: np.ndarray) -> np.ndarray:
        """Chance (0 to 1) that cells of these rows and scores are flagged, ties being drawn by lot.

        :return: shape (cells, choices)
        """
        least = self.least[row]
        tied = np.where(score[:, None] == least, self.share[row], 0.0)
        return np.asarray(np.where(score[:, None] > least, 1.0, tied))

    def flags(self, score: np.ndarray, choice: int = 0) -> np.ndarray:
        """The flagged cells, ties to the first; bool, shape of the scores that were cut."""
        least = self.least[:, [choice]]
        higher, tied = score > least, score == least
        if (self.share[:, choice] < 1.0).any():
            room = np.round(self.share[:, choice] * np.count_nonzero(tied, axis=1))
            tied &= np.cumsum(tied, axis=1) <= room[:, None]
        return np.asarray(higher | tied)


def chance_flagged(score: np.ndarray, row: np.ndarray, cell: np.ndarray, flagged: np.ndarray) -> np.ndarray:
    """Chance that each cell is among the highest of its row: :meth:`Cut.chance` of :meth:`Cut.of`."""
    return Cut.of(score, flagged).chance(row, score[row, cell])


def most_hits(row: np.ndarray, count: np.ndarray, flagged: int) -> float:
    """Most incidents that any choice of ``flagged`` cells in each row could have caught."""
    order = np.lexsort((-count, row))
    ordered = row[order]
    place = np.arange(len(row)) - np.searchsorted(ordered, ordered)
    return float(count[order][place < flagged].sum())


def pai(hits: np.ndarray, incidents: np.ndarray, share: float) -> np.ndarray:
    """Prediction accuracy index: share of incidents caught over share of area flagged; 1 is as good as chance."""
    return np.asarray(hits / incidents / share)


def pei(hits: np.ndarray, most: np.ndarray) -> np.ndarray:
    """Prediction efficiency index: incidents caught over the most that the same area could catch; at most 1."""
    return np.asarray(hits / most)


def search_efficiency(hits: np.ndarray, area_km2: float, weeks: np.ndarray) -> np.ndarray:
    """Search efficiency rate: incidents caught per square kilometre flagged and week."""
    return np.asarray(hits / area_km2 / weeks)


def turnover(chosen: np.ndarray) -> np.ndarray:
    """Share of each row's flagged cells that the row before did not flag; shape (rows - 1,)."""
    kept = (chosen[1:] & chosen[:-1]).sum(axis=1)
    return np.asarray(1.0 - kept / np.maximum(chosen[1:].sum(axis=1), 1))


@dataclass(frozen=True, eq=False)
class Line:
    """The line that log expectations should lie on: log rate = level + slope x log expected.

    :param slope: 1 when contrasts between cells are right, below 1 when they are exaggerated
    :param influence: by how much each week pulls the slope, to first order, shape (weeks,)
    """

    slope: float
    influence: np.ndarray


def calibration_line(log_expected: np.ndarray, cells: np.ndarray, incidents: np.ndarray) -> Line:
    """Poisson regression of incidents on log expectations that come in groups.

    :param log_expected: of each group, shape (groups,)
    :param cells: cell-shifts by week and group, shape (weeks, groups)
    :param incidents: same shape
    """
    all_cells, all_incidents = cells.sum(axis=0), incidents.sum(axis=0)
    expected = all_cells * np.exp(log_expected)
    if all_incidents.sum() <= 0 or expected.sum() <= 0:
        return Line(float("nan"), np.zeros(len(cells)))
    centre = float(expected @ log_expected / expected.sum())
    offset = log_expected - centre
    level, slope = centre + float(np.log(all_incidents.sum() / expected.sum())), 1.0
    hessian = np.eye(2)
    for _ in range(_ROUNDS):
        mean = all_cells * np.exp(np.minimum(level + slope * offset, 30.0))
        left = all_incidents - mean
        hessian = np.array([[mean.sum(), mean @ offset], [mean @ offset, mean @ offset**2]]) + 1e-9 * np.eye(2)
        step = np.clip(np.linalg.solve(hessian, [left.sum(), left @ offset]), -1.0, 1.0)
        level, slope = level + float(step[0]), slope + float(step[1])
        if np.abs(step).max() < 1e-10:
            break
    rate = np.exp(level + slope * offset)
    left = incidents - cells * rate
    pull = np.linalg.solve(hessian, np.stack([left.sum(axis=1), left @ offset]))
    return Line(slope, pull[1])


def block_draws(weeks: int, rng: np.random.Generator) -> np.ndarray:
    """How often each week is drawn in each bootstrap sample of whole weeks; float64, shape (draws, weeks)."""
    drawn = (rng.random((DRAWS, weeks)) * weeks).astype(np.int64)
    key = drawn + weeks * np.arange(DRAWS)[:, None]
    return np.bincount(key.ravel(), minlength=DRAWS * weeks).reshape(DRAWS, weeks).astype(np.float64)


def interval(values: np.ndarray) -> tuple[float, float]:
    """Middle 95 % of bootstrap values; not a number where none is."""
    values = values[np.isfinite(values)]
    if len(values) == 0:
        return float("nan"), float("nan")
    low, high = np.quantile(values, [(1 - _LEVEL) / 2, (1 + _LEVEL) / 2])
    return float(low), float(high)
