"""Settings of the baselines, chosen on weeks before the backtest."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from patrol_missions.engine.forecast import baselines
from patrol_missions.engine.forecast.baselines import DEFAULTS, FAMILIES, Baseline
from patrol_missions.engine.forecast.history import History
from patrol_missions.engine.forecast.panel import WEEK_S, Panel

_EVERY = 2
_TRIED = [(code, each) for code, family in FAMILIES.items() for each in family]


def choose(
    panel: Panel, origins: np.ndarray, progress: Callable[[float], None]
) -> tuple[list[dict[str, Baseline]], list[str]]:
    """For each category the best setting of every baseline, and the code of the best baseline.

    All baselines share level and rhythm, so the Poisson deviance of a week differs between them only by the sum of
    ``count x log(share)``: that is what is compared. Every second week is tried.
    """
    fit = np.zeros((len(panel.categories), len(_TRIED)))
    history = History(panel)
    events = panel.events
    tried = origins[(len(origins) - 1) % _EVERY :: _EVERY]
    for number, origin in enumerate(tried):
        history.advance(int(origin))
        coming = (events.time >= origin) & (events.time < origin + WEEK_S)
        for category in range(len(panel.categories)):
            cells = events.cell[coming & (events.category == category)]
            if len(cells):
                share = baselines.shares(history, category, [each for _, each in _TRIED])
                fit[category] += np.log(share[:, cells]).sum(axis=1)
        progress((number + 1) / len(tried))
    if len(tried) == 0 or not fit.any():
        return [dict(DEFAULTS) for _ in panel.categories], ["B4"] * len(panel.categories)
    return [_best_of_each(row) for row in fit], [_best(row) for row in fit]


def _best_of_each(fit: np.ndarray) -> dict[str, Baseline]:
    if not fit.any():
        return dict(DEFAULTS)
    chosen: dict[str, Baseline] = {}
    for code in FAMILIES:
        places = [index for index, (family, _) in enumerate(_TRIED) if family == code]
        chosen[code] = _TRIED[max(places, key=lambda index: fit[index])][1]
    return chosen


def _best(fit: np.ndarray) -> str:
    return _TRIED[int(np.argmax(fit))][0] if fit.any() else "B4"
