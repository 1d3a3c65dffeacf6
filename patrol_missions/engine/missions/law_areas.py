"""The law under limits of areas: what an area may have at most, whichever districts its cells lie in.

Two questions arise. Which choice is the best that the limits allow? That is a linear program over blocks (the cells
that share a district and an area), solved by HiGHS; within a block only its most valuable cells can matter, so the
program stays small. And which probabilities have most entropy? Each limit that binds takes the same from the log odds
of all cells of its area, its *price*; the prices minimise a convex function (the dual of the law), found by Newton
steps along which every district keeps its number of missions and its share of harm.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from patrol_missions.core import law_groups
from patrol_missions.core.errors import PatrolError
from patrol_missions.core.law_groups import Floats, Ints, Problem, Solution
from patrol_missions.engine.missions import programs

EXACT = 1e-9
"""Missions by which a limit may be passed in the mean; the draw rounds it off."""

_STEPS = 100
_SHORTEST = 1e-12
_LONGEST = 4.0  # log odds that a price moves at first where nothing holds it; more once that went well
_ARMIJO = 1e-4
_FLAT = 1e-9  # by how much of itself rounding may lift the dual


@dataclass(frozen=True)
class Limits:
    """What areas may have at most.

    :param area: area of each cell, 0 .. areas - 1, or -1 for a cell without limit
    :param most: missions in each area, infinite for no limit
    """

    area: Ints
    most: Floats

    def sums(self, probability: Floats) -> Floats:
        """Expected missions in each area."""
        inside = self.area >= 0
        return law_groups.sums(self.area[inside], probability[inside], len(self.most))

    def hold(self, probability: Floats) -> bool:
        """Whether no area has more than it may."""
        return bool((self.sums(probability) <= self.most + EXACT).all())

    def take(self, cells: NDArray[np.bool_], taken: Floats) -> Limits:
        """The limits on some of the cells, when the others have their probabilities for good."""
        settled = replace(self, area=np.where(cells, -1, self.area))
        return Limits(self.area[cells], self.most - settled.sums(np.where(cells, 0.0, taken)))


def fill(
    value: Floats, start: Ints, cells: Ints, amount: Floats, room: Floats, limits: Limits | None
) -> tuple[Floats, Floats]:
    """As :func:`law_groups.fill`, within the limits of areas where they matter."""
    poured, pivot = law_groups.fill(value, start, cells, amount, room)
    if limits is None or limits.hold(poured):
        return poured, pivot
    best = _program(value, cells, amount, room, limits)
    # The least valuable cell that gets something is the marginal one.
    got = np.where(best > EXACT, value, np.inf)
    marginal = np.minimum.reduceat(got, start)
    return best, np.where(np.isfinite(marginal), marginal, np.maximum.reduceat(value, start))


def choose(value: Floats, start: Ints, cells: Ints, number: Floats, limits: Limits | None) -> Floats:
    """The best choice of whole cells that the limits allow: 1 per chosen cell, else 0."""
    group = np.repeat(np.arange(len(cells)), cells)
    order = np.lexsort((-value, group))
    chosen = np.zeros(len(value))
    chosen[order] = np.arange(len(value)) - np.repeat(start, cells) < np.repeat(number, cells) - 0.5
    if limits is not None and not limits.hold(chosen):
        return _program(value, cells, number, np.ones(len(value)), limits)
    return chosen


def _program(value: Floats, cells: Ints, amount: Floats, room: Floats, limits: Limits) -> Floats:
    """The amounts per cell that hold most value, within amounts per group and limits of areas."""
    group = np.repeat(np.arange(len(cells)), cells)
    block = group * (len(limits.most) + 1) + limits.area + 1
    order = np.lexsort((-value, block))
    begins = np.flatnonzero(np.concatenate(([True], np.diff(block[order]) != 0)))
    sizes = np.diff(np.append(begins, len(order)))
    full = np.cumsum(room[order])
    before = full - room[order] - np.repeat(full[begins] - room[order][begins], sizes)
    # Of a block, only so many of the best cells as could hold the whole amount of its group.
    used = order[(before < amount[group[order]] - EXACT) & (room[order] > 0)]
    rows, areas = group[used], limits.area[used]
    columns = np.arange(len(used))
    equal = sparse.csr_matrix((np.ones(len(used)), (rows, columns)), shape=(len(cells), len(used)))
    bounded = np.flatnonzero(np.isfinite(limits.most))
    within = np.isin(areas, bounded)
    line = np.searchsorted(bounded, areas[within])
    upper = sparse.csr_matrix((np.ones(int(within.sum())), (line, columns[within])), shape=(len(bounded), len(used)))
    best = programs.best(
        value[used] / max(float(value.max()), 1e-300),
        upper,
        limits.most[bounded],
        equal,
        amount,
        np.column_stack([np.zeros(len(used)), room[used]]),
    )
    if best is None:
        raise PatrolError("The limits of areas leave no plan.", "Raise the limits, or ask for fewer missions.")
    poured = np.zeros(len(value))
    poured[used] = best
    return poured


def solve(problem: Problem, limits: Limits) -> tuple[Solution, Floats]:
    """Probabilities within the limits, and the price of each area in log odds.

    :param problem: whose edge lies within the limits
    """
    found = law_groups.solve(problem)
    price = np.zeros(len(limits.most))
    if limits.hold(found.probability):
        return found, price
    steep = ~np.isfinite(found.sharpness)
    if steep.any():  # those have their only choice; the others have what is left
        inside = np.repeat(~steep, problem.cells)
        probability, sharpness, offset = problem.edge.copy(), found.sharpness.copy(), found.offset.copy()
        if (~steep).any():
            part, price = solve(problem.take(~steep), limits.take(inside, problem.edge))
            probability[inside] = part.probability
            sharpness[~steep], offset[~steep] = part.sharpness, part.offset
        return Solution(probability, sharpness, offset), price
    return _priced(problem, limits, found)


def _priced(problem: Problem, limits: Limits, found: Solution) -> tuple[Solution, Floats]:
    """Newton's method for the prices, which are never negative; the dual of the law falls with every step."""
    price = np.zeros(len(limits.most))
    bounded = np.isfinite(limits.most)
    room = np.where(bounded, limits.most, 0.0)
    value = _dual(problem, limits, room, price, found)
    longest = _LONGEST
    for _ in range(_STEPS):
        if _unmet(limits, bounded, price, found) <= EXACT:
            break
        gradient = np.where(bounded, room - limits.sums(found.probability), 0.0)  # of the dual
        moving = bounded & ((price > 0) | (gradient < 0))
        step = np.zeros(len(price))
        curvature = _curvature(problem, limits, found)[np.ix_(moving, moving)]
        # Where all cells of an area are at their bounds its price moves nothing yet, and Newton would go to no end.
        ridge = 1e-12 + 1e-9 * np.diag(curvature).max(initial=0.0) + np.abs(gradient[moving]) / longest
        step[moving] = np.linalg.solve(curvature + np.diag(ridge), -gradient[moving])
        part, moved = 1.0, False
        while part > _SHORTEST:
            there = np.maximum(price + part * step, 0.0)
            next_found = law_groups.solve(problem, _tilt(limits, there), found)
            next_value = _dual(problem, limits, room, there, next_found)
            falls = next_value <= value + _ARMIJO * float(gradient @ (there - price))
            # Near the end the dual is flat to the last digits, and what is left to mend tells more; farther off, prices
            # that mend more and cost more lead back and forth for ever.
            flat = next_value <= value + _FLAT * (1.0 + abs(value))
            mends = flat and _unmet(limits, bounded, there, next_found) < 0.5 * _unmet(limits, bounded, price, found)
            if falls or mends:
                moved = bool((there != price).any())
                break
            part /= 2.0
        if not moved:
            break
        price, found, value = there, next_found, next_value
        longest = max(_LONGEST, longest * (2.0 if part == 1.0 else part))
    return found, price


def _unmet(limits: Limits, bounded: NDArray[np.bool_], price: Floats, found: Solution) -> float:
    """By how many missions an area has more than it may, or less where it has a price."""
    over = (limits.sums(found.probability) - limits.most)[bounded]
    return float(np.where(price[bounded] > 0, np.abs(over), over).max(initial=0.0))


def _tilt(limits: Limits, price: Floats) -> Floats:
    return np.where(limits.area >= 0, -price[limits.area], 0.0)


def _dual(problem: Problem, limits: Limits, room: Floats, price: Floats, found: Solution) -> float:
    """Entropy and what the limits would have cost: the function of the prices whose least value is the law's."""
    p = found.probability
    inside = p[(p > 0) & (p < 1)]
    entropy = -float((inside * np.log(inside) + (1.0 - inside) * np.log1p(-inside)).sum())
    kept = problem.total(p * problem.value) - problem.target
    return entropy + float(price @ (room - limits.sums(p))) + float((found.sharpness * kept).sum())


def _curvature(problem: Problem, limits: Limits, found: Solution) -> Floats:
    """How the areas' sums fall with the prices, when districts keep number and share; shape (areas, areas)."""
    areas = len(limits.most)
    weight = law_groups.free(problem, found.probability)
    group = np.repeat(np.arange(len(problem.cells)), problem.cells)
    inside = limits.area >= 0
    block = group[inside] * areas + limits.area[inside]
    size = len(problem.cells) * areas
    away = problem.value - problem.spread(problem.pivot)
    ones = np.bincount(block, weight[inside], minlength=size).reshape(-1, areas)
    values = np.bincount(block, (weight * away)[inside], minlength=size).reshape(-1, areas)
    total, mean, square = (problem.total(each) for each in (weight, weight * away, weight * away * away))
    curvature = np.diag(ones.sum(axis=0))
    # What the offset gives back, and where a share of harm is kept, the sharpness.
    safe = np.where(total > 0, total, 1.0)
    curvature -= (ones / safe[:, None]).T @ ones
    spread = square - mean * mean / safe
    bent = (found.sharpness > 0) & (spread > 1e-14 * np.maximum(square, 1e-300)) & (total > 0)
    rest = (values - ones * (mean / safe)[:, None])[bent]
    curvature -= (rest / spread[bent][:, None]).T @ rest
    return np.asarray(curvature)
