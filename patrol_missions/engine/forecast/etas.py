"""The self-exciting model of Mohler et al. 2015 (J. Am. Stat. Ass. 110:1399-1411), fitted to a grid.

    rate(cell, t) = background(cell) + sum over its earlier incidents i of  trigger x w x exp(-w (t - t_i))

Every incident of a cell raises the rate there for a while: *trigger* is the number of incidents that one brings about,
*w* how fast that fades (half of them come within ln 2 / w). Both are found by expectation and maximisation on what is
known; the background of each cell is what its earlier incidents do not explain.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from patrol_missions.engine.forecast.panel import DAY_S

_HALF_LIFE_DAYS = (1.0, 365.0)
_MOST_TRIGGER = 0.95
_ROUNDS = 200
_CLOSE_ENOUGH = 1e-3
_FEWEST = 50
_TINY = 1e-300
_AHEAD_DAYS = 7.0


@dataclass(frozen=True)
class Excitation:
    """How incidents call forth others in the same cell.

    :param trigger: incidents that one incident brings about, 0 to 0.95
    :param half_life_days: time within which half of them come
    """

    trigger: float
    half_life_days: float

    @property
    def rate(self) -> float:
        """Rate of fading, per day."""
        return float(np.log(2.0) / self.half_life_days)


USUAL = Excitation(0.2, 30.0)
"""Where the search starts, and what holds where there are too few incidents to search."""


def fit(cell: np.ndarray, time: np.ndarray, begin: int, end: int) -> Excitation:
    """The likeliest excitation.

    :param cell: of each incident, shape (incidents,)
    :param time: of each incident, seconds, shape (incidents,)
    :param begin: first moment of the history, seconds
    :param end: last moment of the history, seconds
    """
    if len(cell) < _FEWEST:
        return USUAL
    order = np.lexsort((time, cell))
    cell, day = cell[order], time[order] / DAY_S
    same = np.concatenate([[False], cell[1:] == cell[:-1]])
    wait = np.concatenate([[0.0], np.diff(day)])
    span = max((end - begin) / DAY_S, 1.0)
    _, place = np.unique(cell, return_inverse=True)
    background = np.bincount(place) * (1.0 - USUAL.trigger) / span
    now = USUAL
    for _ in range(_ROUNDS):
        excited, waited = _past(same, wait, now.rate)
        offspring = now.trigger * now.rate * excited
        whole = background[place] + offspring
        from_past = offspring / np.maximum(whole, _TINY)
        children = float(from_past.sum())
        background = np.bincount(place, 1.0 - from_past) / span
        # Mean wait of children, each of their possible parents weighted by the chance that it is the one.
        waiting = float((now.trigger * now.rate * waited / np.maximum(whole, _TINY)).sum())
        # Children of the last incidents are still to come.
        parents = float((1.0 - np.exp(-now.rate * (end / DAY_S - day))).sum())
        half_life = np.clip(np.log(2.0) * waiting / max(children, _TINY), *_HALF_LIFE_DAYS)
        better = Excitation(float(min(children / max(parents, 1e-9), _MOST_TRIGGER)), float(half_life))
        moved = abs(np.log(better.half_life_days / now.half_life_days)) + abs(better.trigger - now.trigger)
        now = better
        if moved < _CLOSE_ENOUGH:
            break
    return now


def expected(
    cell: np.ndarray, time: np.ndarray, cells: int, span: tuple[int, int], excitation: Excitation
) -> np.ndarray:
    """What the model expects of each cell over the coming week, on the scale of a history's count; shape (cells,).

    The background is such that the model expects of each cell's past as many incidents as there were: all incidents
    less those that earlier ones have called forth so far.

    :param span: begin of the history, and now, seconds
    """
    begin, as_of = span
    still = np.bincount(cell, np.exp(-excitation.rate * (as_of - time) / DAY_S), minlength=cells)
    count = np.bincount(cell, minlength=cells)
    background = count - excitation.trigger * (count - still)
    # The aftermath fades during the week.
    a_day = excitation.trigger * still * (1.0 - np.exp(-excitation.rate * _AHEAD_DAYS)) / _AHEAD_DAYS
    return np.asarray(background + a_day * (as_of - begin) / DAY_S)


def _past(same: np.ndarray, wait: np.ndarray, rate: float) -> tuple[np.ndarray, np.ndarray]:
    """For every incident the sums over earlier ones of its cell of exp(-rate x wait), and of wait x exp(-rate x wait).

    Both follow the rule s[i] = f[i] (s[i-1] + ...), solved for all incidents at once by doubling.
    """
    factor = np.where(same, np.exp(-rate * wait), 0.0)
    excited = _chain(factor, factor)
    return excited, _chain(factor, wait * excited)


def _chain(factor: np.ndarray, added: np.ndarray) -> np.ndarray:
    """``s[i] = factor[i] * s[i - 1] + added[i]`` in log2(longest chain) passes."""
    factor, total = factor.copy(), added.copy()
    step = 1
    while step < len(factor) and factor.any():
        total[step:] += factor[step:] * total[:-step].copy()
        factor[step:] *= factor[:-step].copy()
        step *= 2
    return total
