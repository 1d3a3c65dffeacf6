"""The facts behind the groups of contributions, in plain words: counted where the cell is, beside what is usual."""

from __future__ import annotations

import numpy as np

from patrol_missions.core.nearness import FARTHEST_M
from patrol_missions.engine.forecast.contributions import (
    AREA,
    AROUND,
    ELSEWHERE,
    EVENTS,
    HABITS,
    HERE,
    PATROL,
    PLACE,
    RECENT,
    TIME,
    VALUE_OF,
)
from patrol_missions.engine.forecast.features import Features
from patrol_missions.engine.forecast.history import weekdays
from patrol_missions.engine.forecast.reasons import DAYS, YEARS, incidents, looked_back, within_a_sentence

_RECENT_DAYS = 28.0
_FEWEST_FOR_HABITS = 6.0
_WEEK = np.timedelta64(7, "D")

TITLES = {
    RECENT: "lately",
    HERE: "this cell",
    AROUND: "surroundings",
    ELSEWHERE: "other crime here",
    HABITS: "hours of this place",
    TIME: "day and shift",
    AREA: "size",
    EVENTS: "planned events",
    PATROL: "patrol lately",
}
"""What a group is called in one or two words; the others are called as their indicator or feature."""


def title(group: str) -> str:
    """The group's short name."""
    return TITLES.get(group, group[len(PLACE) :])


class Words:
    """Sentences about one category, without a full stop and with a small first letter."""

    def __init__(self, features: Features, category: int, label: str) -> None:
        self.features, self.history, self.category = features, features.history, category
        self.label = within_a_sentence(label)
        self.span = looked_back(self.history)
        raster = self.history.panel.cells.raster
        self.long = self.history.within(365.0 * YEARS)[category]
        self.around = np.maximum(raster.neighbourhood(self.long, 1) - self.long, 0.0)
        everything = self.history.within(365.0).sum(axis=0)
        self.others = everything - self.history.within(365.0)[category]
        self.lately = self.history.within(_RECENT_DAYS)[category]
        self.beside = np.maximum(raster.neighbourhood(self.lately, 1) - self.lately, 0.0)
        self.usually = raster.neighbourhood(self.history.within(13 * _RECENT_DAYS)[category], 1) / 13.0
        self.since = self.history.days_since_last()[category]

    def say(self, group: str, cell: int, instance: int) -> str:
        """The fact behind one group for one cell and shift."""
        if group.startswith(PLACE):
            return self._place(group[len(PLACE) :], cell, instance)
        return {
            RECENT: self._recent,
            HERE: self._here,
            AROUND: self._around,
            ELSEWHERE: self._elsewhere,
            HABITS: self._habits,
            TIME: self._time,
            AREA: self._area,
            EVENTS: self._events,
            PATROL: self._patrol,
        }[group](cell, instance)

    def _recent(self, cell: int, _instance: int) -> str:
        last = int(np.ceil(self.since[cell]))
        text = f"{_number(self.lately[cell])} of {self.label} in this cell and {_count(self.beside[cell])} next to it "
        text += f"in the last {_RECENT_DAYS:g} days ({_figure(self.usually[cell])} usual together)"
        return text + (f", the last here {'a day' if last <= 1 else f'{last} days'} ago" if last <= 14 else "")

    def _here(self, cell: int, _instance: int) -> str:
        usual = _figure(np.median(self.long))
        return f"{_number(self.long[cell])} of {self.label} in this cell {self.span} (typical cell: {usual})"

    def _around(self, cell: int, _instance: int) -> str:
        number, usual = _number(self.around[cell]), _figure(np.median(self.around))
        return f"{number} of {self.label} in the eight cells around {self.span} (typical: {usual})"

    def _elsewhere(self, cell: int, _instance: int) -> str:
        number, usual = _number(self.others[cell]), _figure(np.median(self.others))
        return f"{number} of other kinds in this cell in the last 365 days (typical cell: {usual})"

    def _habits(self, cell: int, instance: int) -> str:
        own = self.history.by_shift[self.category]
        shift = int(self.features.instances.shift[instance])
        name = self.history.panel.plan.shifts[shift].name
        total = float(own[:, cell].sum())
        if total < _FEWEST_FOR_HABITS:
            return f"what the {name} shift is like in places such as this one"
        here = own[shift, cell] / total
        city = float(own[shift].sum() / max(own.sum(), 1e-9))
        return f"{100 * here:.0f} % of {self.label} here falls in the {name} shift ({100 * city:.0f} % citywide)"

    def _time(self, _cell: int, instance: int) -> str:
        instances, totals = self.features.instances, self.features.totals[self.category]
        week = instances.start < instances.start.min() + _WEEK
        usual = np.exp(np.log(np.maximum(totals[week], 1e-12)).mean())  # as the effects are counted: from mean logs
        factor = float(totals[instance] / usual)
        day = DAYS[int(weekdays(instances.date[instance : instance + 1])[0])]
        name = self.history.panel.plan.shifts[int(instances.shift[instance])].name
        return f"{day} {name}: {factor:.2g} times as much {self.label} citywide as in a typical shift"

    def _area(self, cell: int, _instance: int) -> str:
        inside = float(self.history.panel.cells.share_inside[cell])
        part = "the whole cell lies" if inside > 0.995 else f"{100 * inside:.0f} % of the cell lies"
        return f"{part} inside the jurisdiction"

    def _events(self, cell: int, instance: int) -> str:
        nearby = self.features.nearby
        near = 0.0 if nearby is None else float(nearby.of(np.array([cell]), np.array([instance]))[0])
        if near == 0:
            return "no planned event nearby in this shift"
        return f"planned events nearby: {_figure(near)} (1 is one in this cell all through the shift)"

    def _patrol(self, cell: int, _instance: int) -> str:
        patrol = self.features.indicators.patrol
        if patrol is None:
            return "no visit of patrol is known"
        lately, week = (patrol.visits.minutes_within(self.history.as_of, days) / 60.0 for days in (_RECENT_DAYS, 7.0))
        if lately[cell] == 0:
            return f"not patrolled in the last {_RECENT_DAYS:g} days (typical cell: {_hours(np.median(lately))})"
        text = f"patrolled {_hours(lately[cell])} in the last {_RECENT_DAYS:g} days"
        return f"{text}, {_hours(week[cell])} of them in the last 7 (typical cell: {_hours(np.median(lately))})"

    def _place(self, name: str, cell: int, instance: int) -> str:
        indicators = self.features.indicators
        if name in indicators.names:
            distance = float(indicators.distance_m[indicators.names.index(name), cell])
            if distance >= FARTHEST_M:
                return f"no {name} within {FARTHEST_M:g} m"
            return f"{name} {max(round(distance, -1), 10):.0f} m from the middle of the cell"
        names = self.features.names()
        column = names.index(name if name in names else VALUE_OF + name)
        cells = np.arange(len(self.history.panel.cells))
        values = self.features.rows(self.category, cells, np.full(len(cells), instance))[:, column]
        if np.ptp(values) == 0:  # the same for all cells: something of the time
            return f"{name}: {_figure(values[cell])}"
        return f"{name}: {_figure(values[cell])} here (typical cell: {_figure(np.median(values))})"


def _count(count: float) -> str:
    return str(round(float(count))) if round(float(count)) else "none"


def _number(count: float) -> str:
    whole = round(float(count))
    return incidents(whole) if whole else "no incident"


def _hours(hours: float) -> str:
    return f"{_figure(hours)} h" if hours >= 0.05 or hours == 0 else "a few minutes"


def _figure(value: float) -> str:
    """A number with as many digits as a reader can use."""
    value = float(value)
    if abs(value) >= 10:
        return f"{value:,.0f}"
    return f"{value:.1f}".rstrip("0").rstrip(".") if abs(value) >= 0.05 or value == 0 else f"{value:.1g}"
