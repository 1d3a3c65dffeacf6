"""Expected incidents, harm and peak hours of coming shifts, from a bundle and the newest incidents."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from patrol_missions.engine.data.shifts import Instances
from patrol_missions.engine.forecast import baselines, hours
from patrol_missions.engine.forecast.backtest import log_expected
from patrol_missions.engine.forecast.bundle import Bundle, CategoryModel
from patrol_missions.engine.forecast.day_factor import DayFactor
from patrol_missions.engine.forecast.features import Features
from patrol_missions.engine.forecast.history import History
from patrol_missions.engine.forecast.indicators import Indicators
from patrol_missions.engine.forecast.panel import Panel
from patrol_missions.engine.forecast.surface import Surfaces
from patrol_missions.engine.forecast.workers import Workers

_HIGHEST = 1000.0  # expected incidents of one cell and shift; far above anything real, it only keeps numbers finite


@dataclass(frozen=True, eq=False)
class Plan:
    """A forecast by instance and cell.

    :param expected: incidents, float32, shape (categories, instances, cells)
    :param harm: sum over categories of expected incidents x weight, float32, shape (instances, cells)
    :param top: category (index) that adds most to the harm, int32, shape (instances, cells)
    :param rank: 1 = most harm within the shift, int32, shape (instances, cells)
    :param peak_start: begin of the peak hours, UTC, datetime64[s], shape (instances, cells)
    """

    features: Features
    instances: Instances
    expected: np.ndarray
    harm: np.ndarray
    top: np.ndarray
    rank: np.ndarray
    peak_start: np.ndarray
    peak_end: np.ndarray


def forecast(
    bundle: Bundle,
    panel: Panel,
    indicators: Indicators,
    days: DayFactor,
    instances: Instances,
    weights: Sequence[float],
    peak_hours: float,
    workers: Workers,
) -> Plan:
    """Forecast instances from what the panel knows at its end.

    :param weights: harm of one incident per category, in the order of the bundle
    """
    features = features_of(bundle, panel, indicators, days, instances)
    expected = np.stack(
        workers.each(lambda index: _expected(bundle.categories[index], features, index), len(bundle.categories))
    )
    value = np.asarray(weights, dtype=np.float64)
    shape = (len(instances), len(panel.cells))
    harm, top, rank = np.zeros(shape, np.float32), np.zeros(shape, np.int32), np.zeros(shape, np.int32)
    peak_start, peak_end = (np.zeros(shape, dtype="datetime64[s]") for _ in range(2))
    hourly = np.stack([model.hourly for model in bundle.categories])
    for instance in range(len(instances)):
        parts = expected[:, instance].astype(np.float64) * value[:, None]
        harm[instance] = parts.sum(axis=0)
        # Where every weight is zero there is no harm; the most expected category is named all the same.
        top[instance] = np.argmax(parts if parts.any() else expected[:, instance], axis=0)
        order = np.argsort(-harm[instance], kind="stable")
        rank[instance, order] = np.arange(1, shape[1] + 1)
        mix = parts if parts.any() else expected[:, instance].astype(np.float64)
        peak_start[instance], peak_end[instance] = hours.peak_windows(hourly, instances, mix, instance, peak_hours)
    return Plan(features, instances, expected, harm, top, rank, peak_start, peak_end)


def features_of(
    bundle: Bundle, panel: Panel, indicators: Indicators, days: DayFactor, instances: Instances
) -> Features:
    """What the models see of instances, from what the panel knows at its end."""
    history = History(panel).advance(panel.end)
    labels = [model.label for model in bundle.categories]
    others = [labels.index(name) for name in bundle.others]
    surfaces = Surfaces(panel.cells, [model.start for model in bundle.categories])
    return Features(history, instances, surfaces, indicators, others, days)


def _expected(model: CategoryModel, features: Features, category: int) -> np.ndarray:
    """Calibrated expected incidents of one category, float32, shape (instances, cells)."""
    log = uncalibrated(model, features, category)
    log = model.calibration.apply(log, features.instances.shift[:, None])
    return np.exp(np.minimum(log, np.log(_HIGHEST))).astype(np.float32)


def uncalibrated(model: CategoryModel, features: Features, category: int) -> np.ndarray:
    """Log of one category's expected incidents before calibration, float64, shape (instances, cells)."""
    if model.trees is not None:
        return log_expected(model.trees, features, category)
    totals = np.log(np.maximum(features.totals[category], 1e-12))
    share = baselines.shares(features.history, category, [model.baseline])[0]
    return np.asarray(np.log(np.maximum(share, 1e-12))[None, :] + totals[:, None])
