"""Shares of what happened, with intervals that are honest about small numbers, and differences of two of them.

A share is a ratio of two sums over *units*, which are independent of each other: single incidents, or days where there
are enough. Its interval is that of Clopper and Pearson at the effective number of incidents (Korn & Graubard 1998,
*Survey Methodology* 24:193-201): as many equal ones as would make the share as uncertain as it is. It stays wide where
nothing or everything was caught. The interval of a difference of two shares of the same incidents comes from both of
theirs and from how they go together (Newcombe 1998, *Statistics in Medicine* 17:2635-2650; Zou & Donner 2008,
*Statistics in Medicine* 27:1693-1702).
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from scipy.special import betaincinv, ndtri, stdtrit

from patrol_missions.core.law_groups import Floats

LEVEL = 0.95
"""Chance with which an interval is to hold what it is of."""

_TAIL = (1.0 - LEVEL) / 2.0
_STEADY = 1e-12  # a smaller variance is none


@dataclass(frozen=True, eq=False)
class Share:
    """A share, or a difference of two, with its interval; NaN where nothing happened.

    :param value: 0 to 1, differences -1 to 1
    :param low: lower end of the interval
    :param high: upper end
    :param pull: by how much each unit pulls the share, to first order, shape (units,); empty for a difference
    """

    value: float
    low: float
    high: float
    pull: Floats = field(default_factory=lambda: np.zeros(0))

    def minus(self, other: Share) -> Share:
        """The difference to another share of the same units."""
        together = float(np.sqrt((self.pull**2).sum() * (other.pull**2).sum()))
        alike = float(np.clip((self.pull @ other.pull) / together, -1.0, 1.0)) if together > _STEADY else 0.0
        down = _joined(self.value - self.low, other.high - other.value, alike)
        up = _joined(self.high - self.value, other.value - other.low, alike)
        value = self.value - other.value
        return Share(value, max(value - down, -1.0), min(value + up, 1.0))


def share(caught: Floats, whole: Floats, most: float = np.inf) -> Share:
    """Share of the whole that was caught.

    :param caught: of each unit, never above its whole, shape (units,)
    :param whole: same shape
    :param most: largest effective number of incidents: that of :func:`effective` where each is caught or not; infinite
        where each counts with a chance that is known, whose mean may be more certain than any count
    """
    total = float(whole.sum())
    if total <= 0:
        return Share(np.nan, np.nan, np.nan, np.zeros(len(whole)))
    value = float(np.clip(caught.sum() / total, 0.0, 1.0))
    pull = (caught - value * whole) / total
    units, variance = int(np.count_nonzero(whole > 0)), float((pull**2).sum())
    number = most
    if variance > _STEADY and units > 1:
        # Few units tell little about the variance itself, and by their own mean it is too small.
        doubt = (_t(most - 1.0) / _t(units - 1.0)) ** 2 * _freedom(units) / _freedom(most)
        number = min(value * (1.0 - value) / variance * doubt, most)
    return Share(value, *_limits(value, number), pull)


def effective(whole: Floats) -> float:
    """Number of equal incidents that tell as much as these, which count differently (Kish 1965, *Survey Sampling*).

    :param whole: what each incident counts, shape (incidents,)
    """
    squares = float((whole**2).sum())
    return float(whole.sum()) ** 2 / squares if squares > 0 else 0.0


def _freedom(number: float) -> float:
    """What is left of so many, as a share of them, when their mean is taken from themselves."""
    return max(1.0 - 1.0 / number, 0.5) if number > 0 else 0.5


def _t(freedom: float) -> float:
    """Student's quantile of the upper tail."""
    return float(stdtrit(max(freedom, 1.0), 1.0 - _TAIL)) if np.isfinite(freedom) else float(ndtri(1.0 - _TAIL))


def _limits(value: float, number: float) -> tuple[float, float]:
    """Ends of the interval of a share of so many equal incidents."""
    if not np.isfinite(number):
        return value, value
    hits = value * number
    low = float(betaincinv(hits, number - hits + 1.0, _TAIL)) if hits > 0 else 0.0
    high = float(betaincinv(hits + 1.0, number - hits, 1.0 - _TAIL)) if hits < number else 1.0
    return min(low, value), max(high, value)


def _joined(one: float, other: float, alike: float) -> float:
    """Length of the arm of a difference from the arms of both shares."""
    return float(np.sqrt(max(one**2 + other**2 - 2.0 * alike * one * other, 0.0)))
