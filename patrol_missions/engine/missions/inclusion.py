"""Inclusion probabilities: the published law by which cells get their chance of a mission.

Within one district and shift, with values ``v`` (harm) and ``n`` missions, the probabilities ``p`` maximise

    sum(p * v) + T * sum(-p ln p - (1 - p) ln(1 - p))    subject to    sum(p) = n,  floor <= p <= ceiling.

The entropy is that of Poisson sampling, so the optimum has the closed form of a logistic curve in the value,

    p = clip(1 / (1 + exp(-(v - mu) / T)), floor, ceiling)

(stationarity of the Lagrangian for the cells between the bounds; mu is the price of one more mission). The temperature
``T`` is found so that the expected harm, sum(p * v), is the wanted share of what the best ``n`` cells hold.

There is one temperature per district and shift: every district's residents get the same published share, and a
district with one outstanding cell cannot pay for randomness elsewhere (under a common temperature, quiet districts
would be drawn nearly at random and harmful ones nearly without chance).

All groups (district x shift) are solved at once: an inner Newton search for mu inside an outer one for T, both inside
brackets that are halved whenever Newton would leave them.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from patrol_missions.core.errors import InputError

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_KEPT_TOLERANCE = 1e-10  # of the greedy harm; the promise is 1e-6
_SUM_TOLERANCE = 1e-13  # of the number of missions, before the last rounding is spread
_LOG_SHARPNESS = (-14.0, 35.0)  # natural logarithm of (largest value / T): from all but uniform to all but greedy
_SLACK = 1e-10  # missions by which rounding may make cells x ceiling miss a whole number
_STEPS = 200  # halving alone needs fewer; Newton takes about ten


@dataclass(frozen=True)
class Inclusion:
    """Answer of :func:`inclusion_probabilities`.

    :param probability: per cell, in the order given; sums to ``number`` in every group
    :param temperature: per group, in units of the value; 0 where only the bounds keep the choice from being greedy,
        infinite where all cells of the group have the same chance
    :param greedy: per group, value of the best ``number`` cells
    :param expected: per group, expected value of the draw, sum(probability x value)
    """

    probability: Floats
    temperature: Floats
    greedy: Floats
    expected: Floats

    @property
    def kept(self) -> Floats:
        """Share of the greedy value that is kept, per group; 1 where there is nothing to keep."""
        some = self.greedy > 0
        return np.where(some, self.expected / np.where(some, self.greedy, 1.0), 1.0)


def most_missions(cells: Ints, ceiling: float) -> Ints:
    """Largest number of missions that groups of so many cells can hold under a ceiling."""
    return np.asarray(np.floor(cells * ceiling + _SLACK), dtype=np.int64)


def inclusion_probabilities(
    value: Floats, group: Ints, number: Ints, harm_kept: float, ceiling: float, floor: float = 0.0
) -> Inclusion:
    """Solve the law for all groups.

    Parameters
    ----------
    value
        What a mission in each cell is worth, shape (cells,), finite and not negative.
    group
        Group of each cell, 0 .. groups - 1, every group with at least one cell.
    number
        Missions per group, shape (groups,); ``cells * floor <= number <= cells * ceiling`` in each.
    harm_kept
        Wanted share of the greedy value, above 0 and at most 1. Where even equal chances keep more, chances are equal;
        where the bounds keep less, the bounds decide.
    ceiling, floor
        Largest and smallest inclusion probability.

    Raises
    ------
    InputError
        Values that are negative or not numbers; bounds that cannot hold the number of missions.
    """
    value, group, number = np.asarray(value, np.float64), np.asarray(group, np.int64), np.asarray(number, np.int64)
    _check(value, group, number, ceiling, floor)
    order = np.argsort(group, kind="stable")
    problem = _Problem.make(value[order], np.bincount(group, minlength=len(number)), number, ceiling, floor)
    sorted_probability, sharpness = _solve(problem, harm_kept)
    probability = np.empty_like(sorted_probability)
    probability[order] = sorted_probability
    with np.errstate(divide="ignore", over="ignore"):
        temperature = np.where(problem.scale > 0, problem.scale, np.inf) / sharpness
    return Inclusion(
        probability,
        temperature,
        problem.greedy * problem.scale,
        problem.total(sorted_probability * problem.value) * problem.scale,
    )


def _check(value: Floats, group: Ints, number: Ints, ceiling: float, floor: float) -> None:
    wrong = np.count_nonzero(~(np.isfinite(value) & (value >= 0)))
    if wrong:
        raise InputError(
            f"The harm of {wrong} of {len(value)} cells is negative or not a number.",
            "Make the forecast again, or correct the weights.",
        )
    if not 0 <= floor <= ceiling <= 1 or ceiling <= 0:
        raise InputError(
            f"Inclusion probabilities between {floor:g} and {ceiling:g} are not possible.",
            "The floor is at least 0, the ceiling above 0 and at most 1, and the floor is not above the ceiling.",
        )
    cells = np.bincount(group, minlength=len(number))
    bad = (number < 0) | (number > most_missions(cells, ceiling)) | (number < cells * floor - _SLACK)
    if bad.any():
        where = int(np.argmax(bad))
        raise InputError(
            f"{number[where]} missions among {cells[where]} cells do not fit between the floor of {floor:g} and the "
            f"ceiling of {ceiling:g} on inclusion probabilities.",
            "Ask for another number of missions or move the bounds.",
        )


@dataclass(frozen=True)
class _Problem:
    """Groups laid end to end, values scaled to a largest one of 1.

    ``edge`` are the probabilities of the greedy choice under the bounds, ``most`` its value, and ``pivot`` the value of
    its marginal cell; measuring values from there keeps the logistic curve exact however steep it gets.
    """

    value: Floats
    start: Ints
    cells: Ints
    number: Ints
    low: float
    high: float
    scale: Floats
    pivot: Floats
    greedy: Floats
    most: Floats
    edge: Floats

    @classmethod
    def make(cls, value: Floats, cells: Ints, number: Ints, high: float, low: float) -> _Problem:
        start = np.concatenate(([0], np.cumsum(cells)[:-1])).astype(np.int64)
        scale = np.maximum.reduceat(value, start)
        value = value / np.repeat(np.where(scale > 0, scale, 1.0), cells)
        pivot, greedy, edge = _greedy(value, start, cells, number, high, low)
        most = np.add.reduceat(edge * value, start)
        return cls(value, start, cells, number, low, high, scale, pivot, greedy, most, edge)

    def total(self, per_cell: Floats) -> Floats:
        """Sum over each group."""
        return np.asarray(np.add.reduceat(per_cell, self.start))

    def spread(self, per_group: Floats) -> Floats:
        """One value per cell from one per group."""
        return np.repeat(per_group, self.cells)

    def take(self, groups: NDArray[np.bool_]) -> _Problem:
        """The same for some of the groups."""
        if groups.all():
            return self
        inside = np.repeat(groups, self.cells)
        cells = self.cells[groups]
        start = np.concatenate(([0], np.cumsum(cells)[:-1])).astype(np.int64)
        return replace(
            self,
            value=self.value[inside],
            start=start,
            cells=cells,
            number=self.number[groups],
            scale=self.scale[groups],
            pivot=self.pivot[groups],
            greedy=self.greedy[groups],
            most=self.most[groups],
            edge=self.edge[inside],
        )


def _greedy(
    value: Floats, start: Ints, cells: Ints, number: Ints, high: float, low: float
) -> tuple[Floats, Floats, Floats]:
    """Value of the marginal cell, value of the best whole cells, and the greedy probabilities within the bounds.

    Cells tied with the marginal one share what is left equally: the limit of the law as the temperature goes to 0.
    """
    group = np.repeat(np.arange(len(cells)), cells)
    best_first = value[np.lexsort((-value, group))]
    rank = np.arange(len(value)) - np.repeat(start, cells)
    greedy = np.add.reduceat(np.where(rank < np.repeat(number, cells), best_first, 0.0), start)
    room = high - low
    full = np.floor((number - cells * low) / room + 1e-9) if room > 0 else np.zeros(len(cells))
    pivot = best_first[start + np.clip(full, 0, cells - 1).astype(np.int64)]
    marginal = np.repeat(pivot, cells)
    above, tied = value > marginal, value == marginal
    left = number - cells * low - np.add.reduceat(above.astype(np.float64), start) * room
    share = left / np.add.reduceat(tied.astype(np.float64), start)
    edge = low + np.where(above, room, np.where(tied, np.repeat(share, cells), 0.0))
    return pivot, greedy, np.clip(edge, low, high)


def _solve(problem: _Problem, harm_kept: float) -> tuple[Floats, Floats]:
    """Probabilities per cell and sharpness (1 / temperature, for scaled values) per group."""
    target = harm_kept * problem.greedy
    even = np.clip(problem.spread(problem.number / problem.cells), problem.low, problem.high)
    # A tie of all cells, or a share that equal chances keep anyhow, leaves nothing to gain by sharpness.
    flat = (problem.total(even * problem.value) >= target) | (problem.number == 0)
    steep = ~flat & (target >= problem.most - _KEPT_TOLERANCE * problem.greedy)
    probability = np.where(problem.spread(flat), even, problem.edge)
    sharpness = np.where(flat, 0.0, np.inf)
    between = ~(flat | steep)
    if between.any():
        inside = problem.spread(between)
        probability[inside], sharpness[between] = _between(problem.take(between), target[between])
    return probability, sharpness


def _between(problem: _Problem, target: Floats) -> tuple[Floats, Floats]:
    """Outer search: the sharpness at which each group's expected value meets its target."""
    groups = len(target)
    low, high = np.full(groups, _LOG_SHARPNESS[0]), np.full(groups, _LOG_SHARPNESS[1])
    log_sharpness, offset = np.full(groups, 2.0), np.zeros(groups)
    probability = np.zeros(len(problem.value))
    before = np.full(groups, np.inf)
    open_ = np.ones(groups, dtype=bool)
    for _ in range(_STEPS):
        part = problem.take(open_)
        sharpness = np.exp(log_sharpness[open_])
        part_probability, offset[open_] = _at_sharpness(part, sharpness, offset[open_])
        probability[problem.spread(open_)] = part_probability
        gap = part.total(part_probability * part.value) - target[open_]
        slope = sharpness * _variance(part, part_probability)
        below = gap < 0
        low[open_] = np.where(below, log_sharpness[open_], low[open_])
        high[open_] = np.where(below, high[open_], log_sharpness[open_])
        done = (np.abs(gap) <= _KEPT_TOLERANCE * part.greedy) | (high[open_] - low[open_] <= 1e-13)
        step = _next(log_sharpness[open_], gap, before[open_], slope, low[open_], high[open_])
        log_sharpness[open_], before[open_] = np.where(done, log_sharpness[open_], step), np.abs(gap)
        open_[open_] = ~done
        if not open_.any():
            break
    return probability, np.exp(log_sharpness)


def _at_sharpness(problem: _Problem, sharpness: Floats, offset: Floats) -> tuple[Floats, Floats]:
    """Inner search: probabilities of the given sharpness that sum to the number of missions.

    The logistic curve's argument is sharpness x (value - pivot) - offset; the bracket on the offset holds because all
    cells would lie on one side of the even chance at its ends.
    """
    exponent = problem.spread(sharpness) * (problem.value - problem.spread(problem.pivot))
    share = problem.number / problem.cells
    even = np.log(share) - np.log1p(-share)
    low = np.minimum.reduceat(exponent, problem.start) - even
    high = np.maximum.reduceat(exponent, problem.start) - even
    offset = np.clip(offset, low, high)
    before = np.full(len(offset), np.inf)
    for _ in range(_STEPS):
        probability = np.clip(_logistic(exponent - problem.spread(offset)), problem.low, problem.high)
        gap = problem.number - problem.total(probability)
        above = gap > 0  # too few: the offset must fall
        high, low = np.where(above, offset, high), np.where(above, low, offset)
        width = high - low
        done = (np.abs(gap) <= _SUM_TOLERANCE * problem.number) | (width <= 4e-16 * np.maximum(np.abs(offset), 1.0))
        if done.all():
            break
        step = _next(offset, gap, before, problem.total(_free(problem, probability)), low, high)
        offset, before = np.where(done, offset, step), np.abs(gap)
    return _exact_sum(problem, probability), offset


def _logistic(x: Floats) -> Floats:
    with np.errstate(over="ignore"):  # exp of a very negative x is infinite, and the answer rightly 0
        return np.asarray(1.0 / (1.0 + np.exp(-x)))


def _next(at: Floats, gap: Floats, before: Floats, slope: Floats, low: Floats, high: Floats) -> Floats:
    """Newton's next point if it lies inside the bracket and the last step halved the gap, else the bracket's middle."""
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        step = at - gap / slope
    good = (step > low) & (step < high) & (2.0 * np.abs(gap) <= before)
    return np.where(good, step, 0.5 * (low + high))


def _free(problem: _Problem, probability: Floats) -> Floats:
    """Slope of each probability in its exponent: p (1 - p) between the bounds, 0 on them."""
    inside = (probability > problem.low) & (probability < problem.high)
    return np.where(inside, probability * (1.0 - probability), 0.0)


def _variance(problem: _Problem, probability: Floats) -> Floats:
    """Slope of the expected value in the sharpness, at a fixed sum: the weighted variance of the free cells' values."""
    weight = _free(problem, probability)
    total = problem.total(weight)
    safe = np.where(total > 0, total, 1.0)
    away = problem.value - problem.spread(problem.total(weight * problem.value) / safe)
    return problem.total(weight * away * away)


def _exact_sum(problem: _Problem, probability: Floats) -> Floats:
    """Spread the last rounding error of the sum over the free cells, in proportion to how easily they move."""
    weight = _free(problem, probability)
    total = problem.total(weight)
    gap = problem.number - problem.total(probability)
    share = np.where(total > 0, gap / np.where(total > 0, total, 1.0), 0.0)
    return np.clip(probability + problem.spread(share) * weight, problem.low, problem.high)
