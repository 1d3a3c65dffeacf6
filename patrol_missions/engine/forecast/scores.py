"""The backtest as one table: a row per category and forecast."""

from __future__ import annotations

import numpy as np

from patrol_missions.core.tables import Table, encode_text
from patrol_missions.engine.forecast import calibration
from patrol_missions.engine.forecast.backtest import AREA_SHARES, MODEL
from patrol_missions.engine.forecast.baselines import Baseline
from patrol_missions.engine.forecast.training import Trained


def score_table(trained: Trained) -> Table:
    """Scores of the backtest; empty when there was none.

    Columns: category, forecast (code), settings, ships, weeks, incidents, deviance, deviance_explained, gain_of_model
    with its interval, total_ratio, slope, hit_rate and pai per share of area.
    """
    rows: list[dict[str, object]] = []
    for index, choice in enumerate(trained.choices):
        if trained.backtests is None:
            break
        judged = trained.backtests[index]
        gains = {gain.baseline: gain for gain in choice.gains}
        observed = float(judged.observed.sum())
        for code, each in judged.methods.items():
            ratio, slope = calibration.unpenalised(each.tally)
            gain = gains.get(code)
            row: dict[str, object] = {
                "category": choice.category,
                "forecast": code,
                "settings": _settings(trained, index, code),
                "ships": code == choice.ships,
                "weeks": len(each.deviance),
                "incidents": observed,
                "deviance": float(each.deviance.sum()),
                "deviance_explained": judged.explained(code),
                "gain_of_model": np.nan if gain is None else gain.relative,
                "gain_low": np.nan if gain is None else gain.low,
                "gain_high": np.nan if gain is None else gain.high,
                "total_ratio": ratio,
                "slope": slope,
            }
            for share in AREA_SHARES:
                rate = float(each.found(share).sum()) / observed if observed else np.nan
                row[f"hit_rate_{100 * share:g}"] = rate
                row[f"pai_{100 * share:g}"] = rate / share
            rows.append(row)
    return _table(rows)


def _settings(trained: Trained, index: int, code: str) -> str:
    if code != MODEL:
        return trained.settings[index][code].words
    start = trained.starts[index]
    return f"on the {start.words}" if isinstance(start, Baseline) else "on the risk surface"


def _table(rows: list[dict[str, object]]) -> Table:
    names = list(rows[0]) if rows else ["category", "forecast", "ships"]
    columns: dict[str, np.ndarray] = {}
    labels: dict[str, tuple[str, ...]] = {}
    for name in names:
        values = [row[name] for row in rows]
        if name in ("category", "forecast", "settings"):
            columns[name], labels[name] = encode_text(str(value) for value in values)
        elif name == "ships":
            columns[name] = np.array(values, dtype=bool)
        else:
            columns[name] = np.array(values, dtype=np.int32 if name == "weeks" else np.float64)
    return Table(columns, labels)
