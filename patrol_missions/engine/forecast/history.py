"""What is known at a moment: the running state from which baselines and features are computed.

:meth:`History.advance` is the only way in, and it reads nothing that became known after the moment asked for. Training,
backtest and planning all go through it, so none of them can see the future.

Counts fade by half: an incident of age ``a`` counts ``2 ** (-a / half_life)``. Moving on by ``dt`` multiplies every
count by ``2 ** (-dt / half_life)`` and adds what became known meanwhile, so one pass over the incidents serves any
number of moments.
"""

from __future__ import annotations

import numpy as np

from patrol_missions.engine.data.shifts import Instances
from patrol_missions.engine.forecast.panel import DAY_S, WEEK_S, Panel

HALF_LIVES_DAYS = (7.0, 28.0, 91.0, 182.0, 365.0, 730.0)
"""Memories of the decayed counts per cell."""

PROFILE_HALF_LIFE_DAYS = 365.0
"""Memory of everything about shifts and weekdays."""

SEASON_WEEKS = 120
"""Weekly city totals are kept this far back: two years for the season, and some for the level."""

_EVENING_HOUR = 17

NEVER_DAYS = 1500.0
"""Days since the last incident where there was none."""


class History:
    """State as of a moment; arrays are indexed by category, then cell.

    ``decayed``  (half-lives, categories, cells) faded counts
    ``total``    (categories, cells) all incidents
    ``by_shift`` (categories, shifts, cells) faded aoristic counts per shift
    ``on_weekends`` the same, only weekend shifts (see :func:`weekend`)
    ``by_weekday`` (categories, shifts, 7) the same for the whole city by weekday of the operational date
    ``instances_by_weekday`` (shifts, 7) faded number of shift instances that have ended
    ``by_instance`` (categories, panel instances) aoristic counts of the whole city, not faded
    ``last_time`` (categories, cells) time of the last incident, seconds UTC (far past: none)
    """

    def __init__(self, panel: Panel) -> None:
        self.panel = panel
        categories, cells, shifts = len(panel.categories), len(panel.cells), len(panel.plan.shifts)
        self.as_of = panel.begin
        self.decayed = np.zeros((len(HALF_LIVES_DAYS), categories, cells))
        self.total = np.zeros((categories, cells))
        self.by_shift = np.zeros((categories, shifts, cells))
        self.on_weekends = np.zeros((categories, shifts, cells))
        self.by_weekday = np.zeros((categories, shifts, 7))
        self.instances_by_weekday = np.zeros((shifts, 7))
        self.by_instance = np.zeros((categories, len(panel.instances)))
        self.faded_total = np.zeros(categories)
        self.faded_days = 0.0
        self.last_time = np.full((categories, cells), -int(NEVER_DAYS * DAY_S), dtype=np.int64) + panel.begin
        self._event = self._entry = self._instance = 0
        self._event_key = panel.events.category.astype(np.int64) * cells + panel.events.cell
        self._weekday = weekdays(panel.instances.date)
        self._weekend = weekend(panel.instances)
        self._instance_end = panel.instances.end.astype(np.int64)
        self._instance_order = np.argsort(self._instance_end, kind="stable")

    def advance(self, as_of: int) -> History:
        """Take in everything that became known up to ``as_of`` (seconds UTC, not before the last call)."""
        if as_of < self.as_of:
            raise ValueError("A history only moves forward.")
        self._fade(as_of)
        self._take_events(as_of)
        self._take_entries(as_of)
        self._take_instances(as_of)
        self.as_of = as_of
        return self

    def _fade(self, as_of: int) -> None:
        days = (as_of - self.as_of) / DAY_S
        self.decayed *= (0.5 ** (days / np.array(HALF_LIVES_DAYS)))[:, None, None]
        factor = 0.5 ** (days / PROFILE_HALF_LIFE_DAYS)
        self.by_shift *= factor
        self.on_weekends *= factor
        self.by_weekday *= factor
        self.instances_by_weekday *= factor
        self.faded_total *= factor
        rate = np.log(2.0) / PROFILE_HALF_LIFE_DAYS
        self.faded_days = self.faded_days * factor + (1.0 - factor) / rate

    def _take_events(self, as_of: int) -> None:
        events, first = self.panel.events, self._event
        last = int(np.searchsorted(events.known, as_of, side="right"))
        self._event = last
        key, age = self._event_key[first:last], (as_of - events.time[first:last]) / DAY_S
        size, shape = self.total.size, self.total.shape
        for index, half_life in enumerate(HALF_LIVES_DAYS):
            self.decayed[index] += np.bincount(key, 0.5 ** (age / half_life), minlength=size).reshape(shape)
        self.total += np.bincount(key, minlength=size).reshape(shape)
        faded = 0.5 ** (age / PROFILE_HALF_LIFE_DAYS)
        self.faded_total += np.bincount(events.category[first:last], faded, minlength=shape[0])
        np.maximum.at(self.last_time.reshape(-1), key, events.time[first:last])

    def _take_entries(self, as_of: int) -> None:
        entries, first = self.panel.entries, self._entry
        last = int(np.searchsorted(entries.known, as_of, side="right"))
        self._entry = last
        instance, category = entries.instance[first:last], entries.category[first:last]
        shift = self.panel.instances.shift[instance]
        np.add.at(self.by_instance, (category, instance), entries.weight[first:last])
        age = (as_of - entries.time[first:last]) / DAY_S
        weight = entries.weight[first:last] * 0.5 ** (age / PROFILE_HALF_LIFE_DAYS)
        _, shifts, cells = self.by_shift.shape
        row = category.astype(np.int64) * shifts + shift
        key = row * cells + entries.cell[first:last]
        self.by_shift += np.bincount(key, weight, minlength=self.by_shift.size).reshape(self.by_shift.shape)
        free = self._weekend[instance]
        self.on_weekends += np.bincount(key[free], weight[free], minlength=self.by_shift.size).reshape(
            self.by_shift.shape
        )
        week = row * 7 + self._weekday[instance]
        self.by_weekday += np.bincount(week, weight, minlength=self.by_weekday.size).reshape(self.by_weekday.shape)

    def _take_instances(self, as_of: int) -> None:
        first = self._instance
        last = int(np.searchsorted(self._instance_end[self._instance_order], as_of, side="right"))
        self._instance = last
        rows = self._instance_order[first:last]
        weight = 0.5 ** ((as_of - self._instance_end[rows]) / DAY_S / PROFILE_HALF_LIFE_DAYS)
        key = self.panel.instances.shift[rows].astype(np.int64) * 7 + self._weekday[rows]
        shape = self.instances_by_weekday.shape
        self.instances_by_weekday += np.bincount(key, weight, minlength=shape[0] * 7).reshape(shape)

    def known(self, category: int) -> tuple[np.ndarray, np.ndarray]:
        """Cell and time (seconds UTC) of all known incidents of a category, in the order in which they became known."""
        events = self.panel.events
        rows = np.flatnonzero(events.category[: self._event] == category)
        return events.cell[rows], events.time[rows]

    def within(self, days: float) -> np.ndarray:
        """Incidents of the last days per category and cell, shape (categories, cells)."""
        events = self.panel.events
        since = self.as_of - int(days * DAY_S)
        # Nothing is known before it happens, so what happened since then also became known since then.
        first = int(np.searchsorted(events.known, since, side="left"))
        recent = events.time[first : self._event] >= since
        key = self._event_key[first : self._event][recent]
        return np.bincount(key, minlength=self.total.size).reshape(self.total.shape).astype(np.float64)

    def weekly(self, most: int = SEASON_WEEKS) -> np.ndarray:
        """City totals of whole weeks back from now, newest first, shape (categories, weeks); only whole weeks known."""
        events = self.panel.events
        weeks = min((self.as_of - self.panel.begin) // WEEK_S, most)
        first = int(np.searchsorted(events.known, self.as_of - weeks * WEEK_S, side="left"))
        age = (self.as_of - events.time[first : self._event]) // WEEK_S
        inside = age < weeks
        key = events.category[first : self._event][inside].astype(np.int64) * weeks + age[inside]
        categories = len(self.total)
        return np.bincount(key, minlength=categories * weeks).reshape(categories, weeks).astype(np.float64)

    def completeness(self, weeks: int) -> np.ndarray:
        """Share of each of the last weeks' incidents that is known by now, shape (categories, weeks), newest first.

        From how long incidents of the year before took to become known; the last 60 days are left out of that, as
        their late ones are still missing.
        """
        events = self.panel.events
        categories = len(self.total)
        share = np.ones((categories, weeks))
        first = int(np.searchsorted(events.known, self.as_of - 425 * DAY_S, side="left"))
        window = slice(first, self._event)
        old = events.time[window] < self.as_of - 60 * DAY_S
        lag = (events.known[window] - events.time[window])[old]
        if len(lag) < 30 or np.mean(lag > DAY_S) < 0.001:
            return share
        category = events.category[window][old]
        ages = (np.arange(weeks * 7) + 0.5) * DAY_S
        city = np.searchsorted(np.sort(lag), ages, side="right") / len(lag)
        for index in range(categories):
            own = np.sort(lag[category == index])
            known = np.searchsorted(own, ages, side="right")
            share[index] = ((known + 30 * city) / (len(own) + 30)).reshape(weeks, 7).mean(axis=1)
        return np.maximum(share, 0.05)

    def days_since_last(self) -> np.ndarray:
        """Days since the last known incident, shape (categories, cells), at most :data:`NEVER_DAYS`."""
        return np.minimum((self.as_of - self.last_time) / DAY_S, NEVER_DAYS)


def weekdays(date: np.ndarray) -> np.ndarray:
    """Weekday (0 = Monday) of datetime64 dates, int64."""
    return (date.astype("datetime64[D]").astype(np.int64) + 3) % 7


def weekend(instances: Instances) -> np.ndarray:
    """Which shift instances are weekend for night life: Friday evening to Sunday evening by the start, shape (n,)."""
    day = weekdays(instances.date)
    local = instances.zone.to_local(instances.start)
    late = local - local.astype("datetime64[D]") >= np.timedelta64(_EVENING_HOUR, "h")
    return np.where(late, (day == 4) | (day == 5), (day == 5) | (day == 6))
