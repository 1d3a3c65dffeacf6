"""The backtest that training makes as one table: a row per category and forecast."""

from __future__ import annotations

import numpy as np

from patrol_missions.core.tables import Table
from patrol_missions.engine.forecast import metrics
from patrol_missions.engine.forecast.backtest import MODEL
from patrol_missions.engine.forecast.backtest_scores import Scores, to_table
from patrol_missions.engine.forecast.baselines import Baseline
from patrol_missions.engine.forecast.training import Trained

_FIRST = ("category", "forecast", "settings", "ships", "weeks", "incidents", "deviance")
_WHOLE = ("deviance_explained", "log_score", "total_ratio", "intercept", "slope")
_GAIN = ("gain_of_model", "gain_low", "gain_high")
_BY_AREA = ("hit_rate", "pai", "pei", "ser")


def score_table(trained: Trained, scores: Scores | None) -> Table:
    """Scores of the backtest; empty when there was none.

    Columns: category, forecast (code), settings, ships, weeks, incidents, deviance, gain of the model with its
    interval, and the metrics of ``docs/metrics.md``, those of small areas with the share of the area in percent.
    """
    areas = [(metric, area) for metric in _BY_AREA for area in metrics.AREAS]
    names = (*_FIRST, *_GAIN, *_WHOLE, *(f"{metric}_{100 * area:g}".replace(".", "_") for metric, area in areas))
    rows: list[tuple[object, ...]] = []
    for number, (choice, judged) in enumerate(zip(trained.choices, trained.backtests)):
        gains = {gain.baseline: (gain.relative, gain.low, gain.high) for gain in choice.gains}
        for code, each in judged.methods.items():
            wanted = [*((metric, 0.0) for metric in _WHOLE), *areas]
            found = [scores.get(choice.category, code, *which) if scores else None for which in wanted]
            rows.append(
                (
                    choice.category,
                    code,
                    _settings(trained, number, code),
                    code == choice.ships,
                    len(each.deviance),
                    float(judged.observed.sum()),
                    float(each.deviance.sum()),
                    *gains.get(code, (np.nan,) * 3),
                    *(np.nan if score is None else score.value for score in found),
                )
            )
    return to_table(names, rows)


def _settings(trained: Trained, index: int, code: str) -> str:
    if code != MODEL:
        return trained.settings[index][code].words
    start = trained.starts[index]
    return f"on the {start.words}" if isinstance(start, Baseline) else "on the risk surface"
