"""Chances of one shift while people still try out weights: the law without limits of areas, doses and overrides.

A plan is made by the engine, with everything that counts; this answers at once what weights alone would change.
"""

from __future__ import annotations

import numpy as np

from patrol_missions.core import law_groups
from patrol_missions.core.law_groups import Floats, Ints, Problem


def shift_chances(
    harm: Floats, district: Ints, missions: Ints, harm_kept: float, ceiling: float = law_groups.CEILING
) -> Floats:
    """Inclusion probability of each cell.

    Parameters
    ----------
    harm
        What a mission in each cell is worth, shape (cells,), finite and not negative.
    district
        District of each cell, 0 .. districts - 1.
    missions
        Missions per district, shape (districts,); those that do not fit under the ceiling are left out.
    harm_kept
        Share of the greedy harm, above 0 and at most 1.
    ceiling
        Largest inclusion probability.
    """
    order = np.argsort(district, kind="stable")
    held = np.bincount(district, minlength=len(missions))
    number = np.minimum(missions, np.floor(held * ceiling + 1e-10)).astype(np.float64)
    asked = (number > 0)[district[order]]
    rows = order[asked]
    chance = np.zeros(len(harm))
    if len(rows) == 0:
        return chance
    groups = np.flatnonzero(number > 0)
    cells, number, plain = held[groups], number[groups], harm[rows]
    start = law_groups.starts(cells)
    scale = np.maximum.reduceat(plain, start)
    scale = np.where(scale > 0, scale, 1.0)
    value = plain / np.repeat(scale, cells)
    best, _ = law_groups.fill(value, start, cells, number, np.ones(len(rows)))
    edge, pivot = law_groups.fill(value, start, cells, number, np.full(len(rows), ceiling))
    target = harm_kept * np.add.reduceat(best * value, start)
    low, high = np.zeros(len(rows)), np.full(len(rows), ceiling)
    chance[rows] = law_groups.solve(Problem(value, start, cells, number, low, high, target, edge, pivot)).probability
    return chance
