"""Why a cell and shift: two or three short sentences, each a fact counted from the incidents known when planning.

Every sentence is about the category that adds most to the cell's harm in that shift. A sentence is a template and a few
whole numbers packed into one, so tens of thousands of cell-shifts are worked out as arrays and only distinct sentences
are ever written out.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from patrol_missions.engine.forecast.bundle import CategoryModel
from patrol_missions.engine.forecast.features import Features
from patrol_missions.engine.forecast.history import History, weekdays
from patrol_missions.engine.forecast.panel import DAY_S
from patrol_missions.engine.forecast.planning import Plan

MOST = 3
DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_TOP_PERCENTS = (1, 2, 5, 10, 25)
_NEAR_M = 200.0
_NEAR_AN_EVENT = 0.1
_PATROLLED_MIN = 60.0
_EVENT = "a planned event nearby in this shift"
YEARS = 3
"""How far back long-run counts look."""
_SEPARATOR = "; "

_Part = tuple[np.ndarray, np.ndarray]
"""Which rows a sentence holds for (bool), and its numbers packed into one int64 per row."""


@dataclass(frozen=True)
class _Sentence:
    """A kind of sentence: its rows, its packed numbers and how to write them out."""

    holds: np.ndarray
    number: np.ndarray
    write: Callable[[int], str]


def explain(plan: Plan, models: Sequence[CategoryModel]) -> tuple[np.ndarray, tuple[str, ...]]:
    """Codes (int32, shape (instances, cells)) into texts, and the texts.

    :param models: what forecasts each category
    """
    shape = plan.top.shape
    codes = np.zeros(shape, dtype=np.int32)
    texts: list[str] = []
    for category in np.unique(plan.top).tolist():
        instance, cell = np.nonzero(plan.top == category)
        sentences = _Facts(plan.features, category, models[category]).sentences(instance, cell)
        local, written = _combine(sentences)
        codes[instance, cell] = local + len(texts)
        texts += written
    return codes, tuple(texts)


def _combine(sentences: list[_Sentence]) -> tuple[np.ndarray, list[str]]:
    """The first :data:`MOST` sentences that hold for each row, joined; codes per row and texts."""
    rows = len(sentences[0].holds)
    chosen = np.full((rows, MOST), -1, dtype=np.int64)
    filled = np.zeros(rows, dtype=np.int64)
    written: list[str] = []
    for sentence in sentences:
        take = np.flatnonzero(sentence.holds & (filled < MOST))
        numbers, code = np.unique(sentence.number[take], return_inverse=True)
        chosen[take, filled[take]] = code + len(written)
        filled[take] += 1
        written += [sentence.write(int(number)) for number in numbers]
    combinations, code = np.unique(chosen, axis=0, return_inverse=True)
    texts = [_SEPARATOR.join(written[part] for part in row if part >= 0) for row in combinations.tolist()]
    return code.reshape(-1).astype(np.int32), texts


def within_a_sentence(label: str) -> str:
    """A category's name in small letters, unless it is an acronym."""
    return label[:1].lower() + label[1:] if label[1:2].islower() else label


def incidents(count: int) -> str:
    """A number of incidents in words."""
    return "one incident" if count == 1 else f"{count} incidents"


class _Facts:
    """Everything that can be said about one category."""

    def __init__(self, features: Features, category: int, model: CategoryModel) -> None:
        self.features, self.history = features, features.history
        self.category = category
        self.label = within_a_sentence(model.label)
        self.learned = model.trees is not None  # baselines take no notice of events and patrol
        self.cells = self.history.panel.cells

    def sentences(self, instance: np.ndarray, cell: np.ndarray) -> list[_Sentence]:
        """Sentences for rows of instance and cell, the most telling first."""
        found = [*self._events(instance, cell), self._recent(cell), *self._patrol(cell), self._standing(cell)]
        found += [self._own_shift(instance, cell), *self._places(cell)]
        found += [self._city_rhythm(instance), self._last(cell), self._count(cell), self._quiet(cell)]
        return found

    def _events(self, instance: np.ndarray, cell: np.ndarray) -> list[_Sentence]:
        """A planned event is near, and not only for moments or from afar."""
        nearby = self.features.nearby
        if nearby is None or not self.learned:
            return []
        near = nearby.of(cell, instance) >= _NEAR_AN_EVENT
        return [_Sentence(near, np.zeros(len(cell), dtype=np.int64), lambda _: _EVENT)]

    def _recent(self, cell: np.ndarray) -> _Sentence:
        """More than usual in the cell and the eight around it in four weeks."""
        raster = self.cells.raster
        around = np.rint(raster.neighbourhood(self.history.within(28.0)[self.category], 1)).astype(np.int64)
        usual = raster.neighbourhood(self.history.within(364.0)[self.category], 1) / 13.0
        holds = (around >= 2) & (around >= 1.3 * usual)
        return _Sentence(
            holds[cell],
            around[cell],
            lambda n: f"{n} incidents of {self.label} in this cell or next to it in the last 28 days, more than usual",
        )

    def _patrol(self, cell: np.ndarray) -> list[_Sentence]:
        """Patrol that may have held incidents down has gone."""
        patrol = self.features.indicators.patrol
        if patrol is None or not self.learned:
            return []
        lately, week = (patrol.visits.minutes_within(self.history.as_of, days) for days in (28.0, 7.0))
        return [
            _Sentence(
                ((lately >= _PATROLLED_MIN) & (week == 0))[cell],
                np.rint(lately / 60.0).astype(np.int64)[cell],
                lambda n: f"patrolled {n} h in the last 28 days, but not in the last 7",
            )
        ]

    def _standing(self, cell: np.ndarray) -> _Sentence:
        """Among the busiest cells of the last years."""
        counts = self.history.within(365.0 * YEARS)[self.category]
        order = np.sort(counts)
        ahead = len(counts) - np.searchsorted(order, counts, side="left")  # cells with at least as many
        percent = np.zeros(len(counts), dtype=np.int64)
        for top in sorted(_TOP_PERCENTS, reverse=True):
            percent[(ahead <= len(counts) * top / 100) & (counts >= 2)] = top
        span = looked_back(self.history)
        return _Sentence(
            (percent > 0)[cell], percent[cell], lambda n: f"among the busiest {n} % of cells for {self.label} {span}"
        )

    def _own_shift(self, instance: np.ndarray, cell: np.ndarray) -> _Sentence:
        """The cell's own share of this shift stands out from the city's."""
        own = self.history.by_shift[self.category]
        city = own.sum(axis=1) / max(float(own.sum()), 1e-9)
        total = own.sum(axis=0)
        share = own / np.maximum(total, 1e-9)
        holds = (total >= 6) & (share >= city[:, None] + 0.12) & (share >= 1.25 * city[:, None])
        shift = self.features.instances.shift[instance]
        percent = np.rint(100 * share).astype(np.int64) * 1000 + np.rint(100 * city).astype(np.int64)[:, None]
        packed = percent * 100 + np.arange(len(own))[:, None]
        names = [each.name for each in self.history.panel.plan.shifts]

        def write(number: int) -> str:
            shares, at = divmod(number, 100)
            here, everywhere = divmod(shares, 1000)
            return f"{here} % of {self.label} here falls in the {names[at]} shift ({everywhere} % citywide)"

        return _Sentence(holds[shift, cell], packed[shift, cell], write)

    def _places(self, cell: np.ndarray) -> list[_Sentence]:
        """Near places around which the category is more frequent, as counted from the incidents."""
        counts = self.history.within(365.0 * YEARS)[self.category]
        found = []
        for name, distance in zip(self.features.indicators.names, self.features.indicators.distance_m):
            near = distance <= _NEAR_M
            if near.sum() < 5 or counts[near].sum() < 20 or near.all():
                continue
            ratio = float(counts[near].mean() / max(counts.mean(), 1e-9))
            if ratio < 1.25:
                continue
            number = np.full(len(cell), round(10 * ratio), dtype=np.int64)
            found.append(_Sentence(near[cell], number, self._write_place(name)))
        return found

    def _write_place(self, name: str) -> Callable[[int], str]:
        return lambda n: f"{name} within {_NEAR_M:g} m, where {self.label} is {n / 10:g} times the average"

    def _city_rhythm(self, instance: np.ndarray) -> _Sentence:
        """The weekday's shift is above the usual for the category, hour for hour."""
        history = self.history
        counts = history.by_weekday[self.category]
        length = np.array([each.length_minutes / 60.0 for each in history.panel.plan.shifts])[:, None]
        hours = history.instances_by_weekday * length
        rate = counts / np.maximum(hours, 1e-9)
        usual = counts.sum() / max(float(hours.sum()), 1e-9)
        factor = np.where((counts >= 15) & (hours > 0), rate / max(usual, 1e-12), 0.0)
        instances = self.features.instances
        key = instances.shift.astype(np.int64) * 7 + weekdays(instances.date)
        packed = np.rint(10 * factor).astype(np.int64).reshape(-1)[key] * 10_000 + key
        names = [each.name for each in history.panel.plan.shifts]

        def write(number: int) -> str:
            tenths, place = divmod(number, 10_000)
            shift, day = divmod(place, 7)
            return f"{DAYS[day]} {names[shift]} has {tenths / 10:g} times the usual {self.label} citywide"

        return _Sentence((factor.reshape(-1)[key] >= 1.15)[instance], packed[instance], write)

    def _last(self, cell: np.ndarray) -> _Sentence:
        """The last one was days ago."""
        days = np.ceil(self.history.days_since_last()[self.category]).astype(np.int64)
        return _Sentence(
            (days <= 14)[cell],
            days[cell],
            lambda n: f"last {self.label} here {n} days ago" if n > 1 else f"last {self.label} here a day ago at most",
        )

    def _count(self, cell: np.ndarray) -> _Sentence:
        """Plain count in the cell."""
        counts = np.rint(self.history.within(365.0 * YEARS)[self.category]).astype(np.int64)
        span = looked_back(self.history)
        return _Sentence(
            (counts > 0)[cell], counts[cell], lambda n: f"{incidents(n)} of {self.label} in this cell {span}"
        )

    def _quiet(self, cell: np.ndarray) -> _Sentence:
        """Nothing here, so the surroundings speak."""
        counts = self.history.within(365.0 * YEARS)[self.category]
        around = np.rint(self.cells.raster.neighbourhood(counts, 1)).astype(np.int64)
        span = looked_back(self.history)
        return _Sentence(
            (counts == 0)[cell],
            around[cell],
            lambda n: f"no {self.label} in this cell {span}, {n or 'none'} in the eight around it",
        )


def looked_back(history: History) -> str:
    """The years that long-run counts look back, or the whole of a shorter history."""
    days = (history.as_of - history.panel.begin) / DAY_S
    if days >= 365 * YEARS:
        return f"in the last {YEARS} years"
    return f"in the last {days / 30.44:.0f} months" if days >= 60 else f"in the last {days:.0f} days"
