"""Settings of baselines and risk surfaces, chosen on weeks before the backtest.

All maps share level and rhythm, so the Poisson deviance of a week differs between them only by the sum of
``count x log(share)``: that is what is compared.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from patrol_missions.engine.forecast import baselines
from patrol_missions.engine.forecast.baselines import DEFAULTS, FAMILIES, Baseline
from patrol_missions.engine.forecast.history import History
from patrol_missions.engine.forecast.panel import WEEK_S, Panel
from patrol_missions.engine.forecast.surface import DEFAULT, TRIED, Roughness, Start, Surfaces

_EVERY = 2
_CODES = [code for code, family in FAMILIES.items() for _ in family]
_TRIED = [each for family in FAMILIES.values() for each in family]
_SURFACES_PART = 0.5
_CLEARLY = 0.02  # log likelihood per incident


def choose(
    panel: Panel, origins: np.ndarray, progress: Callable[[float], None]
) -> tuple[list[dict[str, Baseline]], list[Start]]:
    """For each category the best setting of every baseline, and the map from which its trees start.

    That map is the risk surface, which has more for the trees to go by, unless some baseline did clearly better. Every
    second week is tried.
    """
    categories = range(len(panel.categories))
    tried = origins[(len(origins) - 1) % _EVERY :: _EVERY]
    roughness = _roughness(panel, tried, lambda part: progress(_SURFACES_PART * part))
    surfaces, history = Surfaces(panel.cells, roughness), History(panel)
    candidates = _candidates(panel, tried)
    fit = np.zeros((len(categories), len(_TRIED)))
    surface_fit, incidents = np.zeros(len(categories)), np.zeros(len(categories))
    for number, origin in enumerate(tried):
        history.advance(int(origin))
        for category in categories:
            cells = _coming(panel, category, int(origin), int(origin) + WEEK_S)
            if len(cells):
                share = baselines.shares(history, category, candidates[category])
                fit[category] += np.log(share[:, cells]).sum(axis=1)
                surface_fit[category] += surfaces.log_share(history, category)[cells].sum()
                incidents[category] += len(cells)
        progress(_SURFACES_PART + (1.0 - _SURFACES_PART) * (number + 1) / len(tried))
    starts = [
        surface if own + _CLEARLY * count >= row.max() else mine[int(np.argmax(row))]
        for surface, own, count, row, mine in zip(roughness, surface_fit, incidents, fit, candidates)
    ]
    return [_best_of_each(row, mine) for row, mine in zip(fit, candidates)], starts


def _candidates(panel: Panel, origins: np.ndarray) -> list[list[Baseline]]:
    """For each category the settings to be tried, with what is fitted as of the first origin."""
    categories = range(len(panel.categories))
    if len(origins) == 0:
        return [list(_TRIED) for _ in categories]
    history = History(panel).advance(int(origins[0]))
    return [baselines.excited(history, category, _TRIED) for category in categories]


def _roughness(panel: Panel, origins: np.ndarray, progress: Callable[[float], None]) -> list[Roughness]:
    """For each category the roughness of the surface which, as of the first origin, fits the weeks up to the last."""
    chosen = [DEFAULT] * len(panel.categories)
    if len(origins) == 0:
        return chosen
    history = History(panel).advance(int(origins[0]))
    surfaces = Surfaces(panel.cells, chosen)
    for category in range(len(panel.categories)):
        cells = _coming(panel, category, int(origins[0]), int(origins[-1]) + WEEK_S)
        if len(cells):
            fit = surfaces.try_out(history, category)[:, cells].sum(axis=1)
            chosen[category] = TRIED[int(np.argmax(fit))]
        progress((category + 1) / len(panel.categories))
    return chosen


def _coming(panel: Panel, category: int, first: int, last: int) -> np.ndarray:
    """Cells of a category's incidents between two moments."""
    events = panel.events
    return np.asarray(events.cell[(events.time >= first) & (events.time < last) & (events.category == category)])


def _best_of_each(fit: np.ndarray, candidates: Sequence[Baseline]) -> dict[str, Baseline]:
    if not fit.any():
        return dict(DEFAULTS)
    chosen: dict[str, Baseline] = {}
    for code in FAMILIES:
        places = [index for index, family in enumerate(_CODES) if family == code]
        chosen[code] = candidates[max(places, key=lambda index: fit[index])]
    return chosen
