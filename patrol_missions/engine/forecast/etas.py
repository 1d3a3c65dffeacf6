"""The self-exciting model of Mohler et al. 2015 (J. Am. Stat. Ass. 110:1399-1411), fitted to a grid.

    rate(cell, t) = background(cell) + sum over its earlier incidents i of  trigger x w x exp(-w (t - t_i))

Every incident of a cell raises the rate there for a while: *trigger* is the number of incidents that one brings about,
*w* how fast that fades (half of them come within ln 2 / w). Trigger and background, which is what a cell's earlier
incidents do not explain, are found by expectation and maximisation on what is known. The half-life is not: what is
likeliest is a day or less, since one affair is often recorded as several incidents, and that says nothing of next week.
"""

from __future__ import annotations

import numpy as np

from patrol_missions.engine.forecast.panel import DAY_S

USUAL_TRIGGER = 0.2
"""Where the search starts, and what holds where there are too few incidents to search."""

_MOST_TRIGGER = 0.95
_ROUNDS = 300
_CLOSE_ENOUGH = 1e-4
_FEWEST = 50
_TINY = 1e-300
_AHEAD_DAYS = 7.0


def fit(cell: np.ndarray, time: np.ndarray, span: tuple[int, int], half_life_days: float) -> float:
    """The likeliest trigger, 0 to 0.95.

    :param cell: of each incident, shape (incidents,)
    :param time: of each incident, seconds, shape (incidents,)
    :param span: begin and end of the history, seconds
    :param half_life_days: time within which half of the incidents come that one brings about
    """
    if len(cell) < _FEWEST:
        return USUAL_TRIGGER
    order = np.lexsort((time, cell))
    cell, day = cell[order], time[order] / DAY_S
    rate = np.log(2.0) / half_life_days
    excited = rate * _past(cell, day, rate)
    _, place = np.unique(cell, return_inverse=True)
    days = max((span[1] - span[0]) / DAY_S, 1.0)
    # Children of the last incidents are still to come.
    parents = float((1.0 - np.exp(-rate * (span[1] / DAY_S - day))).sum())
    trigger = USUAL_TRIGGER
    background = np.bincount(place) * (1.0 - trigger) / days
    for _ in range(_ROUNDS):
        offspring = trigger * excited
        born = offspring / np.maximum(background[place] + offspring, _TINY)
        background = np.bincount(place, 1.0 - born) / days
        better = min(float(born.sum()) / max(parents, 1e-9), _MOST_TRIGGER)
        moved, trigger = abs(better - trigger), better
        if moved < _CLOSE_ENOUGH:
            break
    return trigger


def expected(
    cell: np.ndarray, time: np.ndarray, cells: int, span: tuple[int, int], half_life_days: float, trigger: float
) -> np.ndarray:
    """What the model expects of each cell over the coming week, on the scale of a history's count; shape (cells,).

    The background is such that the model expects of each cell's past as many incidents as there were: all incidents
    less those that earlier ones have called forth so far.

    :param span: begin of the history, and now, seconds
    """
    begin, as_of = span
    rate = np.log(2.0) / half_life_days
    still = np.bincount(cell, np.exp(-rate * (as_of - time) / DAY_S), minlength=cells)
    count = np.bincount(cell, minlength=cells)
    background = count - trigger * (count - still)
    # The aftermath fades during the week.
    a_day = trigger * still * (1.0 - np.exp(-rate * _AHEAD_DAYS)) / _AHEAD_DAYS
    return np.asarray(background + a_day * (as_of - begin) / DAY_S)


def _past(cell: np.ndarray, day: np.ndarray, rate: float) -> np.ndarray:
    """For every incident the sum over earlier ones of its cell of exp(-rate x wait); sorted by cell, then day.

    ``s[i] = f[i] (s[i - 1] + 1)`` where f fades over the wait since the one before, for all at once by doubling.
    """
    factor = np.zeros(len(day))
    follows = np.flatnonzero(cell[1:] == cell[:-1]) + 1
    factor[follows] = np.exp(-rate * (day[follows] - day[follows - 1]))
    total = factor.copy()
    step = 1
    while step < len(factor) and factor.any():
        total[step:] += factor[step:] * total[:-step].copy()
        factor[step:] *= factor[:-step].copy()
        step *= 2
    return total
