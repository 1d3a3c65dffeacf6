"""How sure the scores of a backtest are, and how far counts stray from what is expected.

Scores are drawn anew from whole weeks, so that what belongs together within a week stays together; every score and
every forecast uses the same draws. Counts stray more than a Poisson law says, as weeks and places have luck of
their own: a negative binomial with mean *m* has the variance m + a m^2, and *a* is taken from the backtest by moments
(Cameron & Trivedi 1998, *Regression Analysis of Count Data*, section 3.3).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy import stats

from patrol_missions.engine.forecast.calibration import CENTRES, Tally

LEVEL = 0.95
COUNTS_LEVEL = 0.8
_DRAWS = 2000
_ROUNDS = 12
_FEWEST_WEEKS = 8
_NO_STRAY = 1e-9


@dataclass(frozen=True)
class Interval:
    """A value and the ends of its interval."""

    value: float
    low: float
    high: float


class Weeks:
    """The same resampled weeks for every score.

    :param weeks: weeks of the backtest, at least one
    """

    def __init__(self, weeks: int, rng: np.random.Generator) -> None:
        drawn = (rng.random((_DRAWS, weeks)) * weeks).astype(np.int64)
        times = np.stack([np.bincount(row, minlength=weeks) for row in drawn])
        # The weeks as they were come first.
        self.times = np.concatenate([np.ones((1, weeks)), times])

    def interval(self, score: Callable[[np.ndarray], np.ndarray]) -> Interval:
        """A score with its 95 % interval.

        :param score: takes how often each week counts, shape (draws, weeks), and gives the score of each draw
        """
        drawn = score(self.times)
        tail = (1.0 - LEVEL) / 2
        low, high = np.nanquantile(drawn[1:], [tail, 1.0 - tail]) if np.isfinite(drawn[1:]).any() else (np.nan,) * 2
        return Interval(float(drawn[0]), float(low), float(high))

    def ratio(self, above: np.ndarray, below: np.ndarray) -> Interval:
        """Sum of one weekly value over the sum of another, both of shape (weeks,)."""
        return self.interval(lambda times: _over(times @ above, times @ below))

    def slope(self, tally: Tally) -> Interval:
        """Calibration slope: how contrasts between cells ought to be stretched (above 1) or shrunk (below)."""
        return self.interval(lambda times: slopes(tally, times))


def slopes(tally: Tally, times: np.ndarray) -> np.ndarray:
    """Slope *b* of the Poisson regression ``log mean = a + b log(expected)``, for weeks that count so often.

    Newton steps for all draws at once.

    :param times: shape (draws, weeks)
    :return: shape (draws,); NaN where nothing was expected or nothing happened
    """
    cells, happened = tally.cells.sum(axis=1), tally.incidents.sum(axis=1)
    used = cells.any(axis=0)
    log = CENTRES[used]
    cells, happened = times @ cells[:, used], times @ happened[:, used]
    total = happened.sum(axis=1, keepdims=True)
    expected = cells * np.exp(log)
    centre = _over((expected * log).sum(axis=1, keepdims=True), expected.sum(axis=1, keepdims=True))
    offset = log - centre
    slope = np.ones((len(times), 1))
    for _ in range(_ROUNDS):
        # Whatever the slope, the level makes the totals agree, so only the slope is sought.
        mean = cells * np.exp(slope * offset)
        mean *= _over(total, mean.sum(axis=1, keepdims=True))
        first = _over((mean * offset).sum(axis=1, keepdims=True), total)
        spread = (mean * (offset - first) ** 2).sum(axis=1, keepdims=True)
        slope += np.clip(_over(((happened - mean) * offset).sum(axis=1, keepdims=True), spread), -0.5, 0.5)
    return np.asarray(slope[:, 0])


def stray(happened: np.ndarray, expected: np.ndarray) -> float:
    """*a* of the variance m + a m^2 by moments, never below 0."""
    squares = float((expected**2).sum())
    return max(float(((happened - expected) ** 2 - expected).sum()) / squares, 0.0) if squares > 0 else 0.0


def count_range(expected: np.ndarray | float, a: float, level: float = COUNTS_LEVEL) -> tuple[np.ndarray, np.ndarray]:
    """Smallest and largest count that are to be expected with the given probability, or a little more.

    :param expected: means above 0, any shape
    :param a: :func:`stray`; 0 for a Poisson law
    """
    mean = np.asarray(expected, dtype=np.float64)
    ends = ((1.0 - level) / 2, (1.0 + level) / 2)
    if a <= _NO_STRAY:
        low, high = (stats.poisson.ppf(end, mean) for end in ends)
    else:
        low, high = (stats.nbinom.ppf(end, 1.0 / a, 1.0 / (1.0 + a * mean)) for end in ends)
    return np.asarray(low), np.asarray(high)


@dataclass(frozen=True)
class CountRange:
    """How many incidents there will be, with a range that holds them in four of five cases.

    :param held: share of the tested cases whose count lay in their range
    """

    expected: float
    low: float
    high: float
    held: float


def whole_city(tally: Tally) -> CountRange | None:
    """The city's incidents in one shift, the range of each tested week taken from the weeks before it.

    :param tally: after running calibration
    :return: ``None`` when there are too few weeks
    """
    expected = (tally.cells * np.exp(CENTRES)).sum(axis=2)
    happened = tally.incidents.sum(axis=2)
    weeks = len(expected)
    if weeks <= _FEWEST_WEEKS or expected.sum() <= 0:
        return None
    held = []
    for week in range(_FEWEST_WEEKS, weeks):
        low, high = count_range(expected[week], stray(happened[:week], expected[:week]))
        held.append((np.round(happened[week]) >= low) & (np.round(happened[week]) <= high))
    mean = float(expected.mean())
    low, high = count_range(mean, stray(happened, expected))
    return CountRange(mean, float(low), float(high), float(np.mean(held)))


def busiest_cells(happened: np.ndarray, expected: np.ndarray, share: float, part: float) -> CountRange | None:
    """One of the busiest cells, over a part of the tested time.

    The range of one half of the cells takes *a* from the other half.

    :param happened: incidents per cell in the tested time, shape (cells,)
    :param expected: the same, as forecast
    :param share: share of the cells that are called the busiest
    :param part: length of time to speak of over the tested time
    :return: ``None`` when nothing was expected
    """
    if len(expected) == 0 or expected.sum() <= 0:
        return None
    busiest = np.argsort(-expected, kind="stable")[: max(round(share * len(expected)), 2)]
    happened, expected = happened[busiest], expected[busiest]
    held = np.zeros(len(busiest), dtype=bool)
    half = np.arange(len(busiest)) % 2 == 0
    for mine in (half, ~half):
        low, high = count_range(expected[mine], stray(happened[~mine], expected[~mine]))
        held[mine] = (np.round(happened[mine]) >= low) & (np.round(happened[mine]) <= high)
    mean = float(expected.mean()) * part
    low, high = count_range(mean, stray(happened, expected))
    return CountRange(mean, float(low), float(high), float(held.mean()))


def _over(above: np.ndarray, below: np.ndarray) -> np.ndarray:
    """Quotient, NaN where there is nothing to divide by."""
    return np.divide(above, below, out=np.full(np.broadcast(above, below).shape, np.nan), where=np.asarray(below) > 0)
