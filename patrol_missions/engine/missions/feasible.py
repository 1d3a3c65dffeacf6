"""Whether a shift's numbers can be had at all, and the nearest ones that can.

What may be chosen, what must be, and what areas may have at most are never changed. Where they leave no room for the
missions asked for, as few missions as possible are given up; where they leave none for the exploration floor, it is
lowered for all cells alike. Both questions are small programs over blocks, the cells that share a district and
an area.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from patrol_missions.core.law_groups import Floats, Ints, sums
from patrol_missions.engine.missions import programs
from patrol_missions.engine.missions.law_areas import Limits

_SLACK = 1e-9


@dataclass(frozen=True)
class Fitted:
    """What can be had.

    :param number: missions per group, at most those asked for
    :param alone: missions that each group could have if areas had no limits
    :param low: smallest probability of each cell
    :param explored: share of the exploration asked for that fits, 0 to 1
    """

    number: Ints
    alone: Ints
    low: Floats
    explored: float


def fit(
    number: Ints, group: Ints, low: Floats, high: Floats, exploration: float = 0.0, limits: Limits | None = None
) -> Fitted:
    """The nearest numbers of missions that can be had, and the floors under the cells' probabilities.

    :param number: asked for, per group, at least the sum of ``low``
    :param group: of each cell
    :param low: probability that each cell has to have: 1 where a mission is set, else 0
    :param high: largest probability of each cell
    :param exploration: share of each group's missions to be spread evenly over its open cells
    """
    groups = len(number)
    must = np.rint(sums(group, low, groups)).astype(np.int64)
    can = np.floor(sums(group, high, groups) + _SLACK).astype(np.int64)
    alone = np.maximum(np.minimum(number, can), must)
    if limits is not None and not len(limits.most):
        limits = None
    blocks = None if limits is None else _Blocks(group, limits, low, high)
    fitted = alone if blocks is None else np.maximum(blocks.numbers(alone, must), must)
    can_explore = high if limits is None else np.where(_is_full(limits, low), 0.0, high)
    floor = _floor(fitted - must, group, low, can_explore, exploration)
    explored = 1.0 if blocks is None else blocks.explored(fitted, floor)
    return Fitted(fitted, alone, low + explored * floor, explored)


def _is_full(limits: Limits, low: Floats) -> NDArray[np.bool_]:
    """Cells of areas that have no room beside what must be; a floor there would take that of all other cells away."""
    full = limits.most - limits.sums(low) < _SLACK
    return np.asarray((limits.area >= 0) & full[limits.area])


def _floor(number: Ints, group: Ints, low: Floats, high: Floats, exploration: float) -> Floats:
    """Chance that every open cell should have at least."""
    open_ = (high > 0) & (low == 0)
    cells = np.bincount(group, open_, minlength=len(number))
    share = exploration * number / np.maximum(cells, 1)
    return np.where(open_, np.minimum(share[group], high), 0.0)


class _Blocks:
    """Cells that share a group and an area, taken together."""

    def __init__(self, group: Ints, limits: Limits, low: Floats, high: Floats) -> None:
        width = len(limits.most) + 1
        keys, block = np.unique(group * width + limits.area + 1, return_inverse=True)
        block = block.reshape(-1)
        self.group, self.area, self.block = keys // width, keys % width - 1, block
        self.most = limits.most
        self.low, self.high = (sums(block, each, len(keys)) for each in (low, high))

    def _by_area(self) -> tuple[sparse.csr_matrix, Floats]:
        """Which blocks each bounded area holds, and what it may have."""
        bounded = np.flatnonzero(np.isfinite(self.most))
        inside = np.flatnonzero(np.isin(self.area, bounded))
        line = np.searchsorted(bounded, self.area[inside])
        shape = (len(bounded), len(self.group))
        return sparse.csr_matrix((np.ones(len(inside)), (line, inside)), shape=shape), self.most[bounded]

    def _by_group(self, groups: int) -> sparse.csr_matrix:
        count = len(self.group)
        return sparse.csr_matrix((np.ones(count), (self.group, np.arange(count))), shape=(groups, count))

    def numbers(self, number: Ints, must: Ints) -> Ints:
        """Most missions in all, none of the groups above its number or below what must be."""
        within, most = self._by_area()
        count, groups = len(self.group), len(number)
        found = programs.best(
            np.concatenate([np.zeros(count), np.ones(groups)]),
            sparse.hstack([within, sparse.csr_matrix((within.shape[0], groups))]),
            most,
            sparse.hstack([self._by_group(groups), -sparse.identity(groups)]),
            np.zeros(groups),
            np.column_stack([np.append(self.low, must), np.append(self.high, number)]),
            np.append(np.zeros(count), np.ones(groups)),
        )
        # Where what is set by hand is too much for an area, which the caller refuses, nothing is found.
        return must if found is None else np.rint(found[count:]).astype(np.int64)

    def explored(self, number: Ints, floor: Floats) -> float:
        """Largest share of the cells' floors with which groups can still have their numbers."""
        extra = sums(self.block, floor, len(self.group))
        if not extra.any():
            return 1.0
        within, most = self._by_area()
        count = len(self.group)
        # block - share x floor >= low, beside the limits of areas and the numbers of groups
        above = sparse.hstack([-sparse.identity(count), sparse.csr_matrix(extra[:, None])])
        none = sparse.csr_matrix((within.shape[0], 1))
        equal = sparse.hstack([self._by_group(len(number)), sparse.csr_matrix((len(number), 1))])
        found = programs.best(
            np.append(np.zeros(count), 1.0),
            sparse.vstack([sparse.hstack([within, none]), above]),
            np.concatenate([most, -self.low]),
            equal,
            number.astype(np.float64),
            np.column_stack([np.append(self.low, 0.0), np.append(self.high, 1.0)]),
        )
        return 0.0 if found is None else max(0.0, float(found[-1]))
