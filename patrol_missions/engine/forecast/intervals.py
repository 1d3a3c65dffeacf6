"""How far counts stray from what is expected.

They stray more than a Poisson law says, as weeks and places have luck of their own: a negative binomial with mean *m*
has the variance m + a m^2, and *a* is taken from the backtest by moments (Cameron & Trivedi 1998, *Regression Analysis
of Count Data*, section 3.3).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import stats

from patrol_missions.engine.forecast.calibration import CENTRES, Tally

COUNTS_LEVEL = 0.8
_FEWEST_WEEKS = 8
_NO_STRAY = 1e-9


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
