"""How far counts of cells say more than chance: a Poisson regression with independent cell effects.

    count(cell) ~ Poisson(exposure(cell) x effect(cell)),  effect(cell) ~ Gamma(mean 1, shape a)

The expected effect given the count is (count + a) / (exposure + a): each cell's own rate, shrunk towards the city's by
as much as the counts themselves ask for (empirical Bayes; Clayton & Kaldor 1987, Biometrics 43:671-681).
"""

from __future__ import annotations

import numpy as np
from scipy import optimize
from scipy.special import digamma

_LEAST, _MOST = 1e-3, 1e3
_PRECISION = 1e-2  # of the logarithm of the shape


def shrunk(counts: np.ndarray, inside: np.ndarray) -> np.ndarray:
    """Expected incidents of each cell, shape (cells,).

    :param counts: incidents, fading or not, shape (cells,)
    :param inside: share of the area in each cell, sums to 1
    """
    exposure = inside * counts.sum()
    shape = _shape(counts, exposure)
    return np.asarray(exposure * (counts + shape) / (exposure + shape))


def _shape(counts: np.ndarray, exposure: np.ndarray) -> float:
    """The likeliest shape of the effects: large when cells differ by no more than chance."""

    def slope(log_shape: float) -> float:
        """Derivative of the negative-binomial log likelihood of all counts."""
        a = np.exp(log_shape)
        spread = digamma(counts + a) - digamma(a) + np.log(a / (a + exposure)) + (exposure - counts) / (a + exposure)
        return float(spread.sum())

    low, high = np.log(_LEAST), np.log(_MOST)
    if counts.sum() <= 0 or slope(high) >= 0:
        return _MOST
    if slope(low) <= 0:
        return _LEAST
    return float(np.exp(optimize.brentq(slope, low, high, xtol=_PRECISION)))
