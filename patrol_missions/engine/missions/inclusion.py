"""Inclusion probabilities: the published law by which cells get their chance of a mission.

In one shift, with values ``v`` (what a mission is worth), the probabilities ``p`` have the most entropy

    sum(-p ln p - (1 - p) ln(1 - p))

among all that give every district its number of missions, ``sum(p) = n``, keep its share of harm, ``sum(p v) >= share
x best``, stay between each cell's bounds, ``low <= p <= high``, and within the limits of areas, ``sum(p) <= most``.
The entropy is that of Poisson sampling, so the optimum has the closed form of a logistic curve,

    p = clip(1 / (1 + exp(-((v - mu) / T - price))), low, high)

(stationarity of the Lagrangian): ``T``, the temperature, is what the share of harm asks for, ``mu`` the price of one
more mission in the district, and ``price`` that of the area's limit, 0 where it does not bind. Where there are no
limits of areas this is the same as to maximise ``sum(p v) + T x entropy`` in every district.

There is one temperature per district and shift: every district's residents get the same published share, and a
district with one outstanding cell cannot pay for randomness elsewhere (under a common temperature, quiet districts
would be drawn nearly at random and harmful ones nearly without chance).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from patrol_missions.core import law_groups
from patrol_missions.core.errors import InputError
from patrol_missions.core.law_groups import Floats, Ints, Problem, Solution
from patrol_missions.engine.missions import law_areas
from patrol_missions.engine.missions.law_areas import Limits

_SLACK = 1e-10  # missions by which rounding may make cells x ceiling miss a whole number


@dataclass(frozen=True)
class Inclusion:
    """Answer of :func:`inclusion_probabilities`.

    :param probability: per cell, in the order given; sums to ``number`` in every group
    :param temperature: per group, in units of the value; 0 where only the bounds keep the choice from being greedy,
        infinite where the share is kept without any
    :param greedy: per group, value of the best choice that bounds and limits allow if chances were whole
    :param expected: per group, expected value of the draw, sum(probability x value)
    :param price: per area, what its limit takes from the log odds of its cells; empty without limits
    :param choice: the greedy choice: 1 per chosen cell, else 0
    """

    probability: Floats
    temperature: Floats
    greedy: Floats
    expected: Floats
    price: Floats
    choice: Floats

    @property
    def kept(self) -> Floats:
        """Share of the greedy value that is kept, per group; 1 where there is nothing to keep."""
        some = self.greedy > 0
        return np.where(some, self.expected / np.where(some, self.greedy, 1.0), 1.0)


def most_missions(cells: Ints, ceiling: float) -> Ints:
    """Largest number of missions that groups of so many cells can hold under a ceiling."""
    return np.asarray(np.floor(cells * ceiling + _SLACK), dtype=np.int64)


def inclusion_probabilities(
    value: Floats,
    group: Ints,
    number: Ints,
    harm_kept: float,
    ceiling: float | Floats,
    floor: float | Floats = 0.0,
    limits: Limits | None = None,
) -> Inclusion:
    """Solve the law for all groups.

    Parameters
    ----------
    value
        What a mission in each cell is worth, shape (cells,), finite and not negative.
    group
        Group of each cell, 0 .. groups - 1, every group with at least one cell.
    number
        Missions per group, shape (groups,); what bounds and limits can hold.
    harm_kept
        Wanted share of the greedy value, above 0 and at most 1. Where the most even chances keep more, they are taken;
        where bounds and limits keep less, they decide.
    ceiling, floor
        Largest and smallest inclusion probability, of all cells or of each. A cell whose bounds are both 1 has its
        mission for certain, one whose bounds are both 0 has none.
    limits
        What areas may have at most.

    Raises
    ------
    InputError
        Values that are negative or not numbers; bounds that cannot hold the number of missions.
    """
    value, group, number = np.asarray(value, np.float64), np.asarray(group, np.int64), np.asarray(number, np.int64)
    low, high = (np.broadcast_to(np.asarray(each, np.float64), value.shape) for each in (floor, ceiling))
    _check(value, group, number, low, high)
    order = np.argsort(group, kind="stable")
    if limits is not None:
        limits = Limits(np.asarray(limits.area, np.int64)[order], np.asarray(limits.most, np.float64))
    law = _Law(value[order], group[order], number, low[order], high[order], limits)
    sorted_probability, sharpness, price = law.solve(harm_kept)
    probability, choice = np.empty_like(sorted_probability), np.empty_like(sorted_probability)
    probability[order], choice[order] = sorted_probability, law.choice
    with np.errstate(divide="ignore"):
        temperature = np.where(np.isinf(sharpness), 0.0, np.where(law.scale > 0, law.scale, np.inf) / sharpness)
    return Inclusion(probability, temperature, law.greedy, law.expected, price, choice)


def check_harm(value: Floats) -> None:
    """Refuse harm that is negative or not a number."""
    wrong = np.count_nonzero(~(np.isfinite(value) & (value >= 0)))
    if wrong:
        raise InputError(
            f"The harm of {wrong} of {len(value)} cells is negative or not a number.",
            "Make the forecast again, or correct the weights.",
        )


def _check(value: Floats, group: Ints, number: Ints, low: Floats, high: Floats) -> None:
    check_harm(value)
    possible = np.isfinite(low) & (low >= 0) & (low <= high) & (high <= 1)
    if not possible.all() or not ((high > 0).any() or not number.any()):
        floor, ceiling = float(low.max(initial=0.0)), float(high.max(initial=0.0))
        raise InputError(
            f"Inclusion probabilities between {floor:g} and {ceiling:g} are not possible.",
            "The floor is at least 0, the ceiling above 0 and at most 1, and the floor is not above the ceiling.",
        )
    least, most = (np.bincount(group, each, minlength=len(number)) for each in (low, high))
    bad = (number < 0) | (number > np.floor(most + _SLACK)) | (number < least - _SLACK)
    if bad.any():
        where = int(np.argmax(bad))
        mine = group == where
        raise InputError(
            f"{number[where]} missions among {np.count_nonzero(mine)} cells do not fit between the floor of "
            f"{low[mine].max():g} and the ceiling of {high[mine].max():g} on inclusion probabilities.",
            "Ask for another number of missions or move the bounds.",
        )


class _Law:
    """Groups laid end to end; cells without a choice are settled first.

    :ivar scale: largest value of each group's cells that have a choice
    :ivar greedy: see :class:`Inclusion`, as ``expected`` and ``choice``
    """

    def __init__(
        self, value: Floats, group: Ints, number: Ints, low: Floats, high: Floats, limits: Limits | None
    ) -> None:
        self.value, self.group, self.number, self.low, self.high = value, group, number, low, high
        self.open = high > low
        self.limits = None if limits is None else limits.take(self.open, low)
        self.settled = np.where(self.open, 0.0, low)
        self.groups = np.flatnonzero(np.bincount(group[self.open], minlength=len(number)))
        self.scale = np.zeros(len(number))
        np.maximum.at(self.scale, group[self.open], value[self.open])
        self.choice = self.settled.copy()
        self.greedy = law_groups.sums(group, self.settled * value, len(number))
        self.expected = self.greedy.copy()

    def solve(self, harm_kept: float) -> tuple[Floats, Floats, Floats]:
        """Probabilities per cell, sharpness per group (for scaled values), price per area."""
        probability, sharpness = self.settled.copy(), np.zeros(len(self.number))
        price = np.zeros(0 if self.limits is None else len(self.limits.most))
        if len(self.groups) == 0:
            return probability, sharpness, price
        problem = self._problem(harm_kept)
        found: Solution
        if self.limits is None:
            found = law_groups.solve(problem)
        else:
            found, price = law_areas.solve(problem, self.limits)
        probability[self.open] = found.probability
        sharpness[self.groups] = found.sharpness
        self.expected[self.groups] += self.scale[self.groups] * problem.total(found.probability * problem.value)
        return probability, sharpness, price

    def _problem(self, harm_kept: float) -> Problem:
        """What is left to decide, with values scaled; sets the greedy value on the way."""
        opened, groups = self.open, self.groups
        cells = np.bincount(self.group[opened], minlength=len(self.number))[groups]
        start = law_groups.starts(cells)
        plain, low, room = self.value[opened], self.low[opened], (self.high - self.low)[opened]
        settled = law_groups.sums(self.group, self.settled, len(self.number))[groups]
        number = self.number[groups] - settled
        settled_value = self.greedy[groups]
        self.choice[opened] = law_areas.choose(plain, start, cells, number, self.limits)
        self.greedy[groups] += np.add.reduceat(self.choice[opened] * plain, start)
        scale = np.where(self.scale[groups] > 0, self.scale[groups], 1.0)
        value = plain / np.repeat(scale, cells)
        least = np.add.reduceat(low, start)
        # The program weighs districts against each other, so it takes the plain values.
        poured, pivot = law_areas.fill(plain, start, cells, number - least, room, self._above(low))
        target = (harm_kept * self.greedy[groups] - settled_value) / scale
        return Problem(value, start, cells, number, low, self.high[opened], target, low + poured, pivot / scale)

    def _above(self, low: Floats) -> Limits | None:
        """What the limits leave above the floors."""
        return None if self.limits is None else Limits(self.limits.area, self.limits.most - self.limits.sums(low))
