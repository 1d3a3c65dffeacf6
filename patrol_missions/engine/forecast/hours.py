"""At which hours of the local week each category happens, for patrol windows within a shift."""

from __future__ import annotations

import numpy as np

from patrol_missions.engine.data.shifts import Instances
from patrol_missions.engine.data.zones import Zone
from patrol_missions.engine.forecast.panel import Panel

HOURS = 168
"""Hours of the local week, Monday 00:00 first."""

_LONGEST_S = 12 * 3600  # a longer interval says nothing about the hour
_DAY_PRIOR = 100.0
_CITY_PRIOR = 20.0
_FLAT_PRIOR = 24.0
_KINDS = ((0, 1, 2, 3), (4,), (5,), (6,))  # Monday to Thursday, Friday, Saturday, Sunday


def profiles(panel: Panel) -> np.ndarray:
    """Share of a category's incidents in each hour of the week, shape (categories, 168); rows sum to 1.

    Shrunk step by step: kind of day (Monday to Thursday, Friday, Saturday, Sunday) towards the category's own day, that
    towards the day of all categories together, that towards an even day.
    """
    counts = _counts(panel).reshape(len(panel.categories), 7, 24)
    counts = 0.25 * np.roll(counts, 1, axis=2) + 0.5 * counts + 0.25 * np.roll(counts, -1, axis=2)
    day = counts.sum(axis=1)
    city = day.sum(axis=0) + _FLAT_PRIOR / 24
    own = day + _CITY_PRIOR * city / city.sum()
    own = own / own.sum(axis=1, keepdims=True)
    result = np.empty_like(counts)
    per_day = (counts.sum(axis=2) + 1.0) / (counts.sum(axis=(1, 2)) + 7.0)[:, None]
    for kind in _KINDS:
        pooled = counts[:, kind].sum(axis=1) + _DAY_PRIOR * own
        pooled /= pooled.sum(axis=1, keepdims=True)
        result[:, kind] = pooled[:, None, :] * per_day[:, list(kind), None]
    return result.reshape(len(panel.categories), HOURS) / result.sum(axis=(1, 2))[:, None]


def _counts(panel: Panel) -> np.ndarray:
    """Incidents per category and hour of the local week, intervals spread evenly over their hours."""
    events = panel.events
    usable = np.flatnonzero(events.last - events.first <= _LONGEST_S)
    span = ((events.last[usable] - events.first[usable]) // 3600 + 1).astype(np.int64)
    who = np.repeat(usable, span)
    step = np.arange(len(who)) - np.repeat(np.cumsum(span) - span, span)
    hour = hour_of_week(panel.plan.zone, (events.first[who] + step * 3600).astype("datetime64[s]"))
    key = events.category[who].astype(np.int64) * HOURS + hour
    size = len(panel.categories) * HOURS
    weight = np.repeat(1.0 / span, span)
    return np.bincount(key, weight, minlength=size).reshape(-1, HOURS)


def hour_of_week(zone: Zone, moments: np.ndarray) -> np.ndarray:
    """Hour of the local week (0 = Monday 00:00) of UTC moments, int64."""
    hours = zone.to_local(moments).astype("datetime64[h]").astype(np.int64)
    return (hours + 3 * 24) % HOURS


def peak_windows(
    hourly: np.ndarray, instances: Instances, harm: np.ndarray, instance: int, length_hours: float
) -> tuple[np.ndarray, np.ndarray]:
    """The stretch of one shift in which most of each cell's harm is expected.

    :param hourly: :func:`profiles`, shape (categories, 168)
    :param harm: expected harm of the shift per category and cell, shape (categories, cells)
    :param instance: which of the instances
    :param length_hours: length of the window; a shorter shift is taken whole
    :returns: begin and end, UTC datetime64[s], shape (cells,); windows begin on full hours after the shift's start
    """
    begin, end = (int(v[instance].astype(np.int64)) for v in (instances.start, instances.end))
    length = round(length_hours * 3600)
    starts = np.arange(begin, max(end - length, begin) + 1, 3600)
    # Quarters of an hour follow the profile closely enough for shifts that do not begin on the hour.
    quarters = np.arange(begin, end, 900)
    weight = hourly[:, hour_of_week(instances.zone, (quarters + 450).astype("datetime64[s]"))]
    weight = weight / weight.sum(axis=1, keepdims=True)
    running = np.concatenate([np.zeros((len(weight), 1)), np.cumsum(weight, axis=1)], axis=1)
    low = np.searchsorted(quarters, starts)
    high = np.searchsorted(quarters, np.minimum(starts + length, end))
    inside = running[:, high] - running[:, low]
    best = starts[np.argmax(harm.T @ inside, axis=1)]
    return best.astype("datetime64[s]"), np.minimum(best + length, end).astype("datetime64[s]")
