"""What randomness costs and buys: one plan for many shares of harm kept, before anybody decides for one.

Everything is reckoned from the chances, so nothing of it depends on the luck of a draw.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from patrol_missions.core import law_groups
from patrol_missions.core.law_groups import Floats, Ints
from patrol_missions.core.tables import Table
from patrol_missions.engine.missions import planning
from patrol_missions.engine.missions.areas import Areas
from patrol_missions.engine.missions.candidates import Candidates
from patrol_missions.engine.missions.planning import Circumstances, Drawn, Settings

SHARES = (0.5, 0.6, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95, 0.98, 1.0)
"""Shares of harm kept for which the curve is drawn."""

MOST_SHIFTS = 3
"""A plan's first shifts stand for all."""


def trade_off(
    candidates: Candidates,
    settings: Settings,
    asked: Ints,
    given: Circumstances,
    shares: Sequence[float] = SHARES,
    tell: Callable[[float], None] = lambda _: None,
) -> Table:
    """A row per share of harm kept.

    ``harm`` expected in missions over the best there is with nothing in the way; ``turnover`` share of missions that a
    second, independent draw would put elsewhere; ``effective_cells`` number of equally likely cells with the same
    spread, per mission; ``uneven_by_harm`` share of the missions that would have to move for every area to have as
    much as its share of harm; ``uneven_by_people`` the same for its share of residents and workers. The last two are
    NaN without areas or people.

    :param tell: hears the share done, 0 to 1
    """
    few = candidates.first_shifts(MOST_SHIFTS)
    rows = []
    for number, share in enumerate(shares):
        drawn = planning.run(few, replace(settings, harm_kept=share), asked[: len(few.groups)], given)
        rows.append([share, *_figures(few, drawn, given.areas)])
        tell((number + 1) / len(shares))
    names = ("harm_kept", "harm", "turnover", "effective_cells", "uneven_by_harm", "uneven_by_people")
    return Table(dict(zip(names, np.array(rows, dtype=np.float64).T.copy())))


def _figures(candidates: Candidates, drawn: Drawn, areas: Areas) -> tuple[float, ...]:
    chance, whole = drawn.chance, float(drawn.harm[0].sum())
    missions = float(chance.sum())
    squares = float((chance**2).sum())
    if missions <= 0:
        return (np.nan,) * 5
    per_cell, harm = (
        law_groups.sums(candidates.cell, each, len(candidates.columns)) for each in (chance, candidates.harm)
    )
    return (
        float(drawn.harm[-1].sum()) / whole if whole > 0 else np.nan,
        1.0 - squares / missions,
        missions / squares,
        unevenness(areas, per_cell, harm),
        unevenness(areas, per_cell, areas.people),
    )


def unevenness(areas: Areas, missions: Floats, yardstick: Floats) -> float:
    """Share of the missions that would have to move for each area to have its share of a yardstick; NaN without one.

    Half the sum of the absolute differences of both shares (the index of dissimilarity of Duncan & Duncan 1955,
    *American Sociological Review* 20:210-217).

    :param missions: or minutes, per cell
    :param yardstick: harm or people, per cell
    """
    if len(areas.names) < 2:
        return float("nan")
    wanted, had = areas.sums(yardstick), areas.sums(missions)
    if wanted.sum() <= 0 or had.sum() <= 0:
        return float("nan")
    return 0.5 * float(np.abs(had / had.sum() - wanted / wanted.sum()).sum())
