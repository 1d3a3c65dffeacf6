"""How far a coming shift instance departs from level and rhythm: holidays, weather and the like.

    incidents = level x rhythm x exp(effects . (conditions - conditions of the weeks behind the level))

The level is an average of recent weeks and holds whatever prevailed in them; only what differs from them moves it
further. The effects are fitted by Poisson regression to the totals of past instances, each with the level as it would
have been at the time: first for all categories together, shrunk towards none, then for each category, shrunk towards
all together. How far depends on the spread of the totals around the fit (quasi-Poisson), so that a noisy category
claims little. The factor serves the model and every baseline alike.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from patrol_missions.core.errors import InputError
from patrol_missions.core.tables import Table
from patrol_missions.engine.data.shifts import Instances
from patrol_missions.engine.data.zones import Zone
from patrol_missions.engine.forecast import baselines
from patrol_missions.engine.forecast.baselines import LEVEL_WEEKS
from patrol_missions.engine.forecast.calendar import Calendar
from patrol_missions.engine.forecast.history import History
from patrol_missions.engine.forecast.panel import DAY_S, WEEK_S
from patrol_missions.engine.forecast.weather import Weather

LEARNT_WEEKS = 156
"""Past weeks from which effects are learnt."""

REFIT_DAYS = 28
"""Effects change slowly: they are kept for so long while moving through the history."""

_FEWEST_WEEKS = 26
_FEWEST_INCIDENTS = 50
_CITY_SPREAD = 0.15  # standard deviation of effects in all categories together, as log factors
_OWN_SPREAD = 0.07  # of a category's around these
_STEPS = 6
_LARGEST = 0.7  # log factor
_TINY = 1e-9


@dataclass(eq=False)
class DayFactor:
    """Factors on the totals of shift instances, fitted again every :data:`REFIT_DAYS` of a history that moves on.

    :param weather: ``None`` leaves it out
    """

    calendar: Calendar = field(default_factory=Calendar)
    weather: Weather | None = None
    _effects: np.ndarray | None = field(default=None, init=False)
    _fitted: int = field(default=0, init=False)

    def factors(self, history: History, instances: Instances) -> np.ndarray:
        """Factor on level x rhythm, shape (categories, instances); 1 where nothing is known of them."""
        values = self._conditions(history, instances)
        weeks = (history.as_of - history.panel.begin) // WEEK_S
        if values.shape[1] == 0 or weeks < _FEWEST_WEEKS:
            return np.ones((len(history.total), len(instances)))
        if self._effects is None or not 0 <= history.as_of - self._fitted < REFIT_DAYS * DAY_S:
            self._effects, self._fitted = self._fit(history), history.as_of
        departure = values - _behind(self._past(history, LEVEL_WEEKS), 1)[0]
        return np.asarray(np.exp(np.clip(self._effects @ departure.T, -_LARGEST, _LARGEST)))

    def fresh(self) -> DayFactor:
        """The same without what was fitted, for another history."""
        return DayFactor(self.calendar, self.weather)

    def _conditions(self, history: History, instances: Instances) -> np.ndarray:
        """Conditions of instances as known now, shape (instances, columns)."""
        columns = self.calendar.columns(instances)
        if self.weather is not None:
            columns |= self.weather.columns(instances, history.as_of)
        return np.stack(list(columns.values()), axis=1) if columns else np.zeros((len(instances), 0))

    def _past(self, history: History, weeks: int) -> _Past:
        """The instances of so many past weeks."""
        everything = history.panel.instances
        start, end = everything.start.astype(np.int64), everything.end.astype(np.int64)
        week = (history.as_of - 1 - start) // WEEK_S
        rows = np.flatnonzero((end <= history.as_of) & (week < weeks))
        instances = everything.take(rows)
        return _Past(rows, week[rows], instances, self._conditions(history, instances))

    def _fit(self, history: History) -> np.ndarray:
        """Effects by category, shape (categories, columns)."""
        levels = baselines.past_levels(history, LEARNT_WEEKS)
        weeks = levels.shape[1]
        past = self._past(history, weeks + LEVEL_WEEKS)
        learnt = past.week < weeks
        week, instances = past.week[learnt], past.instances.take(learnt)
        complete = np.ones((len(levels), weeks))
        complete[:, :LEVEL_WEEKS] = history.completeness(LEVEL_WEEKS)[:, :weeks]
        expected = (levels * complete)[:, week] * baselines.pattern(history, instances)
        departure = past.conditions[learnt] - _behind(past, weeks + 1)[week + 1]
        happened = history.by_instance[:, past.rows[learnt]]
        none = np.zeros(departure.shape[1])
        city = _effects(departure, happened.sum(axis=0), expected.sum(axis=0), none, _CITY_SPREAD)
        return np.stack(
            [
                _effects(departure, observed, mean, city, _OWN_SPREAD) if observed.sum() >= _FEWEST_INCIDENTS else city
                for observed, mean in zip(happened, expected)
            ]
        )


@dataclass(frozen=True, eq=False)
class _Past:
    """Past instances: rows of the panel's, weeks back from now, and conditions, shape (instances, columns)."""

    rows: np.ndarray
    week: np.ndarray
    instances: Instances
    conditions: np.ndarray


def of(calendar: Calendar, tables: Mapping[str, Table], zone: Zone) -> DayFactor:
    """The factor from a calendar and a job's tables ``school_terms`` (start, end) and ``weather``, where given."""
    if "school_terms" in tables:
        calendar = replace(calendar, terms=_terms(tables["school_terms"]))
    return DayFactor(calendar, Weather.of(tables["weather"], zone) if "weather" in tables else None)


def calendar_of(parameters: Mapping[str, Any]) -> Calendar:
    """The calendar from a job's parameter ``calendar``: holidays, longitude, latitude."""
    given = parameters.get("calendar") or {}
    longitude, latitude = (
        None if given.get(name) is None else float(given[name]) for name in ("longitude", "latitude")
    )
    return Calendar(str(given.get("holidays") or "").strip(), longitude, latitude)


def _terms(table: Table) -> tuple[tuple[str, str], ...]:
    first, last = (table[name].astype("datetime64[D]") for name in ("start", "end"))
    whole = ~(np.isnat(first) | np.isnat(last))
    if (last[whole] < first[whole]).any():
        raise InputError("A school term ends before it starts.", "Mend its dates.")
    return tuple(zip(np.datetime_as_string(first[whole]).tolist(), np.datetime_as_string(last[whole]).tolist()))


def _behind(past: _Past, origins: int) -> np.ndarray:
    """Average conditions of the weeks behind the level, by origin in weeks back from now, shape (origins, columns)."""
    length = origins - 1 + LEVEL_WEEKS
    hours = past.instances.exposure_hours
    sums = np.stack([np.bincount(past.week, hours * column, length) for column in past.conditions.T], axis=1)
    total = np.bincount(past.week, hours, length)
    weight = baselines.level_weights(LEVEL_WEEKS)
    means = sums[:length] / np.maximum(total[:length], _TINY)[:, None]
    there = (total[:length] > 0).astype(np.float64)
    mass = np.correlate(there, weight, "valid")
    averages = [np.correlate(column * there, weight, "valid") / np.maximum(mass, _TINY) for column in means.T]
    return np.stack(averages, axis=1)


def _effects(
    design: np.ndarray, happened: np.ndarray, expected: np.ndarray, prior: np.ndarray, spread: float
) -> np.ndarray:
    """Most likely effects around a prior, by Newton's method; a free level takes up all else."""
    expected = np.maximum(expected, _TINY)
    level = np.log(max(float(happened.sum()), 0.5) / float(expected.sum()))
    mean = expected * np.exp(level)
    noise = max(float(np.mean((happened - mean) ** 2 / mean)), 1.0)
    whole = np.column_stack([np.ones(len(design)), design])
    trust = np.full(whole.shape[1], noise / spread**2)
    trust[0] = _TINY
    centre = np.concatenate([[level], prior])
    at = centre.copy()
    for _ in range(_STEPS):
        mean = expected * np.exp(np.clip(whole @ at, level - 3.0, level + 3.0))
        gradient = whole.T @ (happened - mean) - trust * (at - centre)
        curvature = (whole * mean[:, None]).T @ whole + np.diag(trust)
        at = at + np.clip(np.linalg.solve(curvature, gradient), -1.0, 1.0)
    return np.asarray(at[1:])
