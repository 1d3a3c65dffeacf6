"""Making expected incidents agree with what happens: level per shift and one slope per category.

    calibrated = exp(level[shift] + slope x log(expected) + (1 - slope) x centre)

A slope below 1 pulls exaggerated contrasts between cells together. Level and slope are fitted by penalised Poisson
regression on weeks that the model has not seen; the penalties count as a number of incidents that say "leave it as it
is", so few incidents change little.

Weeks are remembered as counts of cell-shifts and incidents by narrow bins of log expected incidents (5 % wide), so
nothing as large as the panel is kept, and any calibration can be tried on them afterwards.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

LOWEST, HIGHEST, STEP = -27.0, 6.0, 0.05
BINS = round((HIGHEST - LOWEST) / STEP)
CENTRES = LOWEST + STEP * (np.arange(BINS) + 0.5)

_LEVEL_PRIOR = 30.0
_SLOPE_PRIOR = 100.0
_ROUNDS = 25


@dataclass(frozen=True, eq=False)
class Tally:
    """Cell-shifts and incidents by week, shift and bin of log expected incidents.

    :param cells: cell-shifts, float64, shape (weeks, shifts, bins)
    :param incidents: aoristic incidents, float64, same shape
    """

    cells: np.ndarray
    incidents: np.ndarray

    @classmethod
    def empty(cls, weeks: int, shifts: int) -> Tally:
        """A tally of nothing yet."""
        return cls(np.zeros((weeks, shifts, BINS)), np.zeros((weeks, shifts, BINS)))

    def add(self, week: int, shift: int, log_expected: np.ndarray, log_happened: np.ndarray, count: np.ndarray) -> None:
        """Add one shift's cell-shifts (any shape), and those where something happened with how much."""
        self.cells[week, shift] += np.bincount(bins(log_expected.ravel()), minlength=BINS)
        self.incidents[week, shift] += np.bincount(bins(log_happened), count, minlength=BINS)

    @property
    def observed(self) -> np.ndarray:
        """Incidents per week."""
        return np.asarray(self.incidents.sum(axis=(1, 2)))

    def first(self, weeks: int) -> Tally:
        """The first weeks."""
        return Tally(self.cells[:weeks], self.incidents[:weeks])

    def week(self, index: int) -> Tally:
        """One week."""
        return Tally(self.cells[index : index + 1], self.incidents[index : index + 1])


@dataclass(frozen=True)
class Calibration:
    """Level per shift (log), slope, and the log expectation about which the slope turns."""

    level: tuple[float, ...]
    slope: float = 1.0
    centre: float = 0.0

    @classmethod
    def none(cls, shifts: int) -> Calibration:
        """Leaves everything as it is."""
        return cls((0.0,) * shifts)

    def apply(self, log_expected: np.ndarray, shift: np.ndarray) -> np.ndarray:
        """Log of calibrated expected incidents; the two arrays broadcast against each other."""
        return np.asarray(np.array(self.level)[shift] + self.slope * (log_expected - self.centre) + self.centre)

    def deviance(self, tally: Tally) -> float:
        """Poisson deviance of a tally, up to a constant that is the same for all forecasts of the same weeks."""
        log = self.apply(CENTRES[None, :], np.arange(len(self.level))[:, None])
        return float(2 * (np.sum(tally.cells * np.exp(log)) - np.sum(tally.incidents * log)))

    def to_json(self) -> dict[str, Any]:
        """For the bundle."""
        return {"level": list(self.level), "slope": self.slope, "centre": self.centre}

    @classmethod
    def from_json(cls, document: dict[str, Any]) -> Calibration:
        """From the bundle."""
        return cls(tuple(float(v) for v in document["level"]), float(document["slope"]), float(document["centre"]))


def bins(log_expected: np.ndarray) -> np.ndarray:
    """Bin of each log expectation, int64; what lies beyond the ends falls into the outermost."""
    index = ((log_expected - LOWEST) * (1.0 / STEP)).astype(np.int64)
    return np.clip(index, 0, BINS - 1)


def fit(tally: Tally, level_prior: float = _LEVEL_PRIOR, slope_prior: float = _SLOPE_PRIOR) -> Calibration:
    """The calibration under which a tally is likeliest, given the priors; none where nothing happened.

    Newton steps on the penalised Poisson log-likelihood, which is concave.
    """
    cells, incidents = tally.cells.sum(axis=0), tally.incidents.sum(axis=0)
    shifts = len(cells)
    expected = cells * np.exp(CENTRES)
    if incidents.sum() <= 0 or expected.sum() <= 0:
        return Calibration.none(shifts)
    centre = float((expected * CENTRES).sum() / expected.sum())
    offset = CENTRES - centre
    beta = np.concatenate([np.zeros(shifts), [1.0]])
    for _ in range(_ROUNDS):
        mean = cells * np.exp(np.minimum(beta[:-1, None] + beta[-1] * offset[None] + centre, HIGHEST))
        gradient = np.concatenate(
            [
                (incidents - mean).sum(axis=1) - level_prior * beta[:-1],
                [((incidents - mean) * offset).sum() - slope_prior * (beta[-1] - 1.0)],
            ]
        )
        cross = (mean * offset).sum(axis=1)
        hessian = np.zeros((shifts + 1, shifts + 1))
        hessian[np.arange(shifts), np.arange(shifts)] = mean.sum(axis=1) + level_prior
        hessian[:-1, -1] = hessian[-1, :-1] = cross
        hessian[-1, -1] = (mean * offset**2).sum() + slope_prior
        step = np.clip(np.linalg.solve(hessian, gradient), -1.0, 1.0)
        beta += step
        if np.abs(step).max() < 1e-9:
            break
    return Calibration(tuple(float(v) for v in beta[:-1]), float(beta[-1]), centre)


def unpenalised(tally: Tally) -> tuple[float, float]:
    """Total ratio (observed over expected) and slope that the weeks themselves ask for, for the reports."""
    expected = float((tally.cells * np.exp(CENTRES)).sum())
    free = fit(Tally(tally.cells.sum(axis=1, keepdims=True), tally.incidents.sum(axis=1, keepdims=True)), 1e-6, 1e-6)
    return float(tally.incidents.sum()) / max(expected, 1e-12), free.slope


def recalibrated(tally: Tally, calibration: Calibration) -> Tally:
    """The tally that the same weeks would have given after a calibration (to the width of a bin)."""
    moved = bins(calibration.apply(CENTRES[None, :], np.arange(tally.cells.shape[1])[:, None]))
    result = Tally.empty(len(tally.cells), tally.cells.shape[1])
    for week in range(len(tally.cells)):
        for shift, target in enumerate(moved):
            result.cells[week, shift] = np.bincount(target, tally.cells[week, shift], minlength=BINS)
            result.incidents[week, shift] = np.bincount(target, tally.incidents[week, shift], minlength=BINS)
    return result


def running(tally: Tally) -> Tally:
    """The tally as it would have been with each week calibrated on the weeks before it."""
    weeks = [recalibrated(tally.week(week), fit(tally.first(week))) for week in range(len(tally.cells))]
    if not weeks:
        return tally
    return Tally(np.concatenate([each.cells for each in weeks]), np.concatenate([each.incidents for each in weeks]))


def tenths(tally: Tally, parts: int = 10) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Cell-shifts, expected and observed incidents in ten groups of rising expectation that expect about as many each.

    Groups that would be empty are left out; each array has shape (groups,).
    """
    cells, observed = tally.cells.sum(axis=(0, 1)), tally.incidents.sum(axis=(0, 1))
    expected = cells * np.exp(CENTRES)
    total = float(expected.sum())
    group = np.minimum((np.cumsum(expected) - expected / 2) / max(total, 1e-12) * parts, parts - 1e-9).astype(np.int64)
    sums = [np.bincount(group, values, minlength=parts) for values in (cells, expected, observed)]
    filled = sums[0] > 0
    return sums[0][filled], sums[1][filled], sums[2][filled]
