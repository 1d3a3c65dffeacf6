"""The law within districts: probabilities of a given share of harm, for many district shifts at once.

A cell's log odds are ``sharpness x (value - pivot) + tilt - offset``. The sharpness (1 / temperature) meets the share
of harm, the offset the number of missions; the tilt is what limits of areas take from a cell. An inner search for the
offset lies inside an outer one for the sharpness, both Newton's, in brackets that are halved whenever Newton would
leave them.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

CEILING = 0.95
"""Largest probability of a mission unless a plan says otherwise: no cell is ever certain."""

KEPT_TOLERANCE = 1e-10
"""Of the greedy harm; the promise is 1e-6."""

_SUM_TOLERANCE = 1e-13  # of the number of missions, before the last rounding is spread
_LOG_SHARPNESS = (-14.0, 35.0)  # natural logarithm of (largest value / T): from all but uniform to all but greedy
_STEPS = 200  # halving alone needs fewer; Newton takes about ten
_FIRST_SHARPNESS = np.exp(2.0)
_FAR = 40.0  # log odds beyond which a chance is 0 or 1 to the last digit


@dataclass(frozen=True)
class Problem:
    """Groups of cells laid end to end, each with at least one cell, values scaled to a largest one of 1.

    :param value: per cell
    :param start: first cell of each group
    :param cells: number of cells per group
    :param number: missions per group; whole, less what is settled elsewhere
    :param low: smallest probability per cell
    :param high: largest probability per cell
    :param target: value that each group is to keep
    :param edge: probabilities per cell of the greedy choice within the bounds
    :param pivot: value of the greedy choice's marginal cell, per group; measuring from there keeps the logistic curve
        exact however steep it gets
    """

    value: Floats
    start: Ints
    cells: Ints
    number: Floats
    low: Floats
    high: Floats
    target: Floats
    edge: Floats
    pivot: Floats

    def total(self, per_cell: Floats) -> Floats:
        """Sum over each group."""
        return np.asarray(np.add.reduceat(per_cell, self.start))

    def spread(self, per_group: NDArray[Any]) -> NDArray[Any]:
        """One value per cell from one per group."""
        return np.repeat(per_group, self.cells)

    def take(self, groups: NDArray[np.bool_]) -> Problem:
        """The same for some of the groups."""
        if groups.all():
            return self
        inside = np.repeat(groups, self.cells)
        cells = self.cells[groups]
        per_cell = {name: getattr(self, name)[inside] for name in ("value", "low", "high", "edge")}
        per_group = {name: getattr(self, name)[groups] for name in ("number", "target", "pivot")}
        return replace(self, start=starts(cells), cells=cells, **per_cell, **per_group)


@dataclass(frozen=True)
class Solution:
    """Probabilities per cell; sharpness and offset per group, from which a next search may start.

    :param sharpness: 0 where the share is kept without any, infinite where only the greedy choice keeps it
    """

    probability: Floats
    sharpness: Floats
    offset: Floats


def sums(group: Ints, values: NDArray[Any], groups: int) -> Floats:
    """Sum of values over each group."""
    return np.bincount(group, values, minlength=groups).astype(np.float64)


def starts(cells: Ints) -> Ints:
    """First place of groups of so many cells laid end to end."""
    return np.concatenate(([0], np.cumsum(cells)[:-1])).astype(np.int64)


def fill(value: Floats, start: Ints, cells: Ints, amount: Floats, room: Floats) -> tuple[Floats, Floats]:
    """Pour an amount per group into the cells of most value; the amount per cell, and the marginal cell's value.

    Cells tied with the marginal one share what is left in proportion to their room: the limit of the law as the
    temperature goes to 0.
    """
    group = np.repeat(np.arange(len(cells)), cells)
    order = np.lexsort((-value, group))
    inside = room[order]
    full = np.cumsum(inside)
    full -= np.repeat(full[start] - inside[start], cells)
    enough = full >= np.repeat(amount, cells) - 1e-9
    place = np.arange(len(value)) - np.repeat(start, cells)
    marginal = np.minimum.reduceat(np.where(enough, place, np.repeat(cells - 1, cells)), start)
    pivot = value[order][start + marginal]
    limit = np.repeat(pivot, cells)
    above, tied = np.where(value > limit, room, 0.0), np.where(value == limit, room, 0.0)
    left = amount - np.add.reduceat(above, start)
    share = left / np.maximum(np.add.reduceat(tied, start), 1e-300)
    return np.clip(above + tied * np.repeat(share, cells), 0.0, room), pivot


def solve(problem: Problem, tilt: Floats | None = None, last: Solution | None = None) -> Solution:
    """The probabilities of most entropy that keep each group's share, given what areas take.

    Groups whose target lies beyond what the bounds allow get the greedy choice within the bounds.

    :param tilt: added to each cell's log odds
    :param last: where to start from
    """
    groups = len(problem.cells)
    tilts = np.zeros(len(problem.value)) if tilt is None else tilt
    begin = last or Solution(problem.edge, np.zeros(groups), np.zeros(groups))
    probability, offset = _at_sharpness(problem, np.zeros(groups), tilts, begin.offset)
    even = problem.spread(problem.number / problem.cells)
    uneven = (even < problem.low) | (even > problem.high) | (tilts != 0)
    probability = np.where(problem.spread(problem.total(uneven.astype(np.float64)) > 0), probability, even)
    sharpness = np.zeros(groups)
    slack = KEPT_TOLERANCE * _scale(problem)
    # A share that the most even chances keep anyhow leaves nothing to gain by sharpness.
    short = problem.total(probability * problem.value) < problem.target - slack
    steep = short & (problem.total(problem.edge * problem.value) <= problem.target + slack)
    probability = np.where(problem.spread(steep), problem.edge, probability)
    sharpness[steep] = np.inf
    rest = short & ~steep
    if rest.any():
        inside = np.repeat(rest, problem.cells)
        warm = np.where(np.isfinite(begin.sharpness) & (begin.sharpness > 0), begin.sharpness, _FIRST_SHARPNESS)
        found = _between(problem.take(rest), tilts[inside], warm[rest], begin.offset[rest])
        probability[inside], sharpness[rest], offset[rest] = found.probability, found.sharpness, found.offset
    return Solution(probability, sharpness, offset)


def _scale(problem: Problem) -> Floats:
    """What a gap in a group's value is measured by."""
    return np.maximum(problem.target, 1e-300)


def _between(problem: Problem, tilt: Floats, sharpness: Floats, offset: Floats) -> Solution:
    """Outer search: the sharpness at which each group's expected value meets its target."""
    groups = len(problem.cells)
    low, high = np.full(groups, _LOG_SHARPNESS[0]), np.full(groups, _LOG_SHARPNESS[1])
    log_sharpness, offset = np.clip(np.log(sharpness), low, high), offset.copy()
    probability = np.zeros(len(problem.value))
    before = np.full(groups, np.inf)
    open_ = np.ones(groups, dtype=bool)
    for _ in range(_STEPS):
        part, inside = problem.take(open_), np.repeat(open_, problem.cells)
        steepness = np.exp(log_sharpness[open_])
        found, offset[open_] = _at_sharpness(part, steepness, tilt[inside], offset[open_])
        probability[inside] = found
        gap = part.total(found * part.value) - part.target
        slope = steepness * _variance(part, found)
        below = gap < 0
        low[open_] = np.where(below, log_sharpness[open_], low[open_])
        high[open_] = np.where(below, high[open_], log_sharpness[open_])
        done = (np.abs(gap) <= KEPT_TOLERANCE * _scale(part)) | (high[open_] - low[open_] <= 1e-13)
        step = _next(log_sharpness[open_], gap, before[open_], slope, low[open_], high[open_])
        log_sharpness[open_], before[open_] = np.where(done, log_sharpness[open_], step), np.abs(gap)
        open_[open_] = ~done
        if not open_.any():
            break
    return Solution(probability, np.exp(log_sharpness), offset)


def _at_sharpness(problem: Problem, sharpness: Floats, tilt: Floats, offset: Floats) -> tuple[Floats, Floats]:
    """Inner search: probabilities of the given sharpness that sum to the number of missions."""
    odds = problem.spread(sharpness) * (problem.value - problem.spread(problem.pivot)) + tilt
    low = np.minimum.reduceat(odds, problem.start) - _FAR
    high = np.maximum.reduceat(odds, problem.start) + _FAR
    offset = np.clip(offset, low, high)
    before = np.full(len(offset), np.inf)
    for _ in range(_STEPS):
        probability = np.clip(_logistic(odds - problem.spread(offset)), problem.low, problem.high)
        gap = problem.number - problem.total(probability)
        above = gap > 0  # too few: the offset must fall
        high, low = np.where(above, offset, high), np.where(above, low, offset)
        done = (np.abs(gap) <= _SUM_TOLERANCE * problem.number) | (
            high - low <= 4e-16 * np.maximum(np.abs(offset), 1.0)
        )
        if done.all():
            break
        step = _next(offset, gap, before, problem.total(free(problem, probability)), low, high)
        offset, before = np.where(done, offset, step), np.abs(gap)
    # A group in which nothing is left to give stays at its floors to the last digit.
    nothing = problem.number - problem.total(problem.low) <= _SUM_TOLERANCE * np.maximum(problem.number, 1.0)
    probability = np.where(problem.spread(nothing), problem.low, _exact_sum(problem, probability))
    return probability, offset


def _logistic(x: Floats) -> Floats:
    with np.errstate(over="ignore"):  # exp of a very negative x is infinite, and the answer rightly 0
        return np.asarray(1.0 / (1.0 + np.exp(-x)))


def _next(at: Floats, gap: Floats, before: Floats, slope: Floats, low: Floats, high: Floats) -> Floats:
    """Newton's next point if it lies inside the bracket and the last step halved the gap, else the bracket's middle."""
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        step = at - gap / slope
    good = (step > low) & (step < high) & (2.0 * np.abs(gap) <= before)
    return np.where(good, step, 0.5 * (low + high))


def free(problem: Problem, probability: Floats) -> Floats:
    """Slope of each probability in its log odds: p (1 - p) between the bounds, 0 on them."""
    inside = (probability > problem.low) & (probability < problem.high)
    return np.where(inside, probability * (1.0 - probability), 0.0)


def _variance(problem: Problem, probability: Floats) -> Floats:
    """Slope of the expected value in the sharpness, at a fixed sum: the weighted variance of the free cells' values."""
    weight = free(problem, probability)
    total = problem.total(weight)
    safe = np.where(total > 0, total, 1.0)
    away = problem.value - problem.spread(problem.total(weight * problem.value) / safe)
    return problem.total(weight * away * away)


def _exact_sum(problem: Problem, probability: Floats) -> Floats:
    """Spread the last rounding error of the sum over the free cells, in proportion to how easily they move."""
    weight = free(problem, probability)
    total = problem.total(weight)
    gap = problem.number - problem.total(probability)
    share = np.where(total > 0, gap / np.where(total > 0, total, 1.0), 0.0)
    return np.clip(probability + problem.spread(share) * weight, problem.low, problem.high)
