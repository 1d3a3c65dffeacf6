"""A Poisson regression on the features of training rows: what acts evenly, before trees look for what does not.

    log factor = constant + sum over features of weight x (feature - mean) / spread

Features that are never negative, such as counts and distances, are taken as log(1 + value / scale), since the tenth
incident says less than the first. Means and spreads are weighted by what the surface expects, so that they are those of
incidents, not of the many empty cells. A ridge penalty shrinks the weights; it counts like so many incidents that say
"no effect" (Hoerl & Kennard 1970, Technometrics 12:55-67). Values are cut off far from the mean: a line knows nothing
of what it has not seen.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from scipy.linalg import solve_triangular
from scipy.optimize import lsq_linear

from patrol_missions.engine.forecast.sampling import TrainingSet

_RIDGE = 100.0
_FARTHEST = 5.0  # spreads from the mean
_SCALE = 0.3  # of the mean
_ROUNDS = 25
_CHUNK_ROWS = 32_768
_CLOSE = 1e-7
_TINY = 1e-9
_STILL = 1e-6  # a feature that moves by less does not move
_ARRAYS = ("scale", "mean", "spread", "weight", "gain")


@dataclass(frozen=True, eq=False)
class Regression:
    """Weights of standardised features, each of shape (features,).

    :param scale: 0 where a feature is taken as it is
    :param gain: by how much each feature lowered the deviance in training, to second order; those that say the same
        share what they say together
    :param constant: the same for all rows
    """

    scale: np.ndarray
    mean: np.ndarray
    spread: np.ndarray
    weight: np.ndarray
    gain: np.ndarray
    constant: float

    def log_factor(self, features: np.ndarray) -> np.ndarray:
        """Log of expected incidents over the surface's, float64, shape (rows,)."""
        return np.asarray(self.standard(features) @ self.weight + self.constant)

    def contributions(self, features: np.ndarray) -> np.ndarray:
        """What each feature adds to the log factor, counted from its mean; float64, shape (rows, features)."""
        return self.standard(features) * self.weight

    def to_json(self) -> dict[str, Any]:
        """For the bundle."""
        return {name: getattr(self, name).tolist() for name in _ARRAYS} | {"constant": self.constant}

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Regression:
        """The same again; :class:`ValueError` when the lengths differ."""
        scale, mean, spread, weight, gain = (np.array(document[name], np.float64) for name in _ARRAYS)
        if len({each.shape for each in (scale, mean, spread, weight, gain)}) != 1:
            raise ValueError("lengths")
        return cls(scale, mean, spread, weight, gain, float(document["constant"]))

    def standard(self, features: np.ndarray) -> np.ndarray:
        """Features as they are weighted, float64, shape (rows, features)."""
        values = (_taken(features, self.scale) - self.mean) / self.spread
        return np.asarray(np.clip(values, -_FARTHEST, _FARTHEST, out=values))


def fit(rows: TrainingSet, signs: np.ndarray) -> Regression:
    """The most likely weights under the penalty, by Newton's method.

    :param signs: 1 where a weight must not be below 0, -1 where not above, 0 where it is free; shape (features,)
    """
    features, expected = rows.features, rows.weight * np.exp(rows.log_surface)
    usual = features.mean(axis=0, dtype=np.float64)
    scale = np.where((features.min(axis=0) >= 0) & (usual > 0), _SCALE * usual, 0.0)
    empty = np.zeros(len(scale))
    mean, square = empty.copy(), empty.copy()
    for chunk in _chunks(len(rows)):
        values = _taken(features[chunk], scale)
        mean += expected[chunk] @ values
        square += expected[chunk] @ values**2
    mean /= expected.sum()
    spread = np.sqrt(np.maximum(square / expected.sum() - mean**2, 0.0))
    spread = np.where(spread > _STILL * (1.0 + np.abs(mean)), spread, 1.0)
    return _newton(rows, Regression(scale, _firm(mean), _firm(spread), empty, empty, 0.0), signs)


def _newton(rows: TrainingSet, found: Regression, signs: np.ndarray) -> Regression:
    width = len(found.weight)
    values = np.ones((len(rows), width + 1), dtype=np.float32)
    for chunk in _chunks(len(rows)):
        values[chunk, :width] = found.standard(rows.features[chunk])
    penalty = np.append(np.full(width, _RIDGE), _TINY)
    bounds = np.append(np.where(signs > 0, 0.0, -np.inf), -np.inf), np.append(np.where(signs < 0, 0.0, np.inf), np.inf)
    weight = np.zeros(width + 1)
    for _ in range(_ROUNDS):
        gradient, curvature = -penalty * weight, np.diag(penalty)
        for chunk in _chunks(len(rows)):
            part = values[chunk].astype(np.float64)
            expected = rows.weight[chunk] * np.exp(rows.log_surface[chunk] + part @ weight)
            gradient += (rows.count[chunk] * rows.weight[chunk] - expected) @ part
            curvature += (part * expected[:, None]).T @ part
        step = _best(curvature, gradient + curvature @ weight, bounds) - weight
        weight += step / max(float(np.abs(step).max()), 1.0)
        if np.abs(step).max() < _CLOSE:
            break
    weight = np.round(weight, 5) + 0.0  # a weight of none may come as -0
    told = np.zeros(width + 1)
    for chunk in _chunks(len(rows)):
        part = values[chunk].astype(np.float64)
        told += (rows.weight[chunk] * np.exp(rows.log_surface[chunk]) * (part @ weight - weight[-1])) @ part
    gain = _firm(weight[:-1] * told[:-1])
    return replace(found, weight=weight[:-1], gain=gain, constant=float(weight[-1]))


def _best(curvature: np.ndarray, slope: np.ndarray, bounds: tuple[np.ndarray, np.ndarray]) -> np.ndarray:
    """The x within bounds that minimises x curvature x / 2 - slope x."""
    root = np.linalg.cholesky(curvature)
    target = solve_triangular(root, slope, lower=True)
    return np.asarray(lsq_linear(root.T, target, bounds, method="bvls").x)


def _firm(values: np.ndarray) -> np.ndarray:
    """Values without their last digits, which depend on the order of summing, and that on a machine's number of cores.

    Models are to be the same everywhere; this is why weights are rounded, too.
    """
    return values.astype(np.float32).astype(np.float64) + 0.0


def _taken(features: np.ndarray, scale: np.ndarray) -> np.ndarray:
    """Features with the skewed ones as logs, float64."""
    values = features.astype(np.float64)
    logged = np.flatnonzero(scale)
    values[:, logged] = np.log1p(np.maximum(values[:, logged], 0.0) / scale[logged])
    return values


def _chunks(rows: int) -> Iterator[slice]:
    return (slice(first, first + _CHUNK_ROWS) for first in range(0, rows, _CHUNK_ROWS))
