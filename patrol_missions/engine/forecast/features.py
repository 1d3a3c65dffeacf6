"""What the models see of a cell, a shift instance and a category, as known at a moment.

One class computes features for training, backtest and planning alike. It reads the history only through
:class:`~patrol_missions.engine.forecast.history.History`, which holds nothing that became known later, so a feature
cannot see the future.

Features of places are columns per cell, features of a shift per cell and shift, features of time per instance, those of
planned events sparse; rows are put together only where they are asked for, so nothing of size cells x instances x
features ever exists.

Coordinates are not among them: trees would learn each place's luck in the training weeks by heart, which the counts
will have taken in by the time it matters (on simulated cities the forecast is the worse for them).
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

import numpy as np
from scipy import ndimage

from patrol_missions.engine.data.shifts import Instances
from patrol_missions.engine.forecast import baselines, events, visits
from patrol_missions.engine.forecast.baselines import Baseline
from patrol_missions.engine.forecast.day_factor import DayFactor
from patrol_missions.engine.forecast.events import Nearby
from patrol_missions.engine.forecast.history import HALF_LIVES_DAYS, NEVER_DAYS, History, weekend
from patrol_missions.engine.forecast.indicators import Indicators
from patrol_missions.engine.forecast.surface import Surfaces

MOST_OTHERS = 8
"""Categories, most frequent first, whose own counts every model sees."""

_SHORT, _MONTH, _QUARTER, _YEAR = (HALF_LIVES_DAYS.index(days) for days in (7.0, 28.0, 91.0, 365.0))
_SHIFT_PRIOR = 1.0
_TINY = 1e-12

_RIVALS = (
    ("month kernel", Baseline("kernel", 28.0, 2.0)),
    ("quarter kernel", Baseline("kernel", 91.0, 1.3)),
    ("half-year count", Baseline("decay", 182.0, prior=0.1)),
    ("year count", Baseline("decay", 365.0, prior=0.1)),
    ("two-year count", Baseline("decay", 730.0, prior=0.1)),
    ("all-time count", Baseline("count", prior=0.1)),
    ("year kernel", Baseline("kernel", 365.0, 0.9)),
    ("wide kernel", Baseline("kernel", 365.0, 2.0)),
)
_COUNTS = ((_SHORT, "7 d"), (_MONTH, "28 d"), (_QUARTER, "91 d"), (_YEAR, "365 d"))

_RAISING = ("own count 7 d", "own count 28 d", "own count around 7 d", "own count around 28 d", events.FEATURE)
_LOWERING = ("days since last", "days since last around")


def signs(names: Sequence[str]) -> np.ndarray:
    """Where theory says which way a feature works: 1 if more of it cannot lower the risk, -1 if it cannot raise it.

    A place where a crime has just happened, or next to one, is no safer for it, all else equal (repeat and near-repeat
    victimisation: Townsley, Homel & Chaseling 2003, Brit. J. Criminol. 43:615-633), nor one by a planned event. Shape
    (features,), 0 where there is no such theory.
    """
    return np.array([(name in _RAISING) - (name in _LOWERING) for name in names], dtype=np.int64)


class Features:
    """Features as known now, for any cells and any of the given instances.

    :param history: advanced to the moment of planning; must not be advanced while this is in use
    :param instances: shift instances that rows may refer to
    :param surfaces: the risk surfaces on which the models stand
    :param indicators: place layers, fields of the grid, planned events and visits of patrol
    :param others: categories (indices) whose counts every model sees
    :param days: factors of holidays, weather and the like on the totals
    """

    def __init__(
        self,
        history: History,
        instances: Instances,
        surfaces: Surfaces,
        indicators: Indicators,
        others: Sequence[int],
        days: DayFactor,
    ) -> None:
        self.history, self.instances, self.surfaces = history, instances, surfaces
        self.indicators, self.others = indicators, tuple(others)
        self.totals = baselines.totals(history, instances) * days.factors(history, instances)
        self._blocks: dict[int, tuple[np.ndarray, np.ndarray]] = {}
        self._log_share: dict[int, np.ndarray] = {}

    def log_surface(self, category: int, cell: np.ndarray, instance: np.ndarray) -> np.ndarray:
        """Log of the incidents that the risk surface expects, where trees start from; float64, shape (rows,)."""
        return np.asarray(self.log_share(category)[cell] + np.log(np.maximum(self.totals[category], _TINY))[instance])

    def log_share(self, category: int) -> np.ndarray:
        """Log of each cell's share of the risk surface, shape (cells,)."""
        if category not in self._log_share:
            self._log_share[category] = self.surfaces.log_share(self.history, category)
        return self._log_share[category]

    def rows(self, category: int, cell: np.ndarray, instance: np.ndarray) -> np.ndarray:
        """Features of cells and instances (indices, shape (rows,)) as float32, shape (rows, features)."""
        by_cell, by_shift = self._category_blocks(category)
        shift = self.instances.shift[instance]
        parts = [by_cell[cell], by_shift[shift, cell], self._time[instance]]
        if self.nearby is not None:
            parts.append(self.nearby.of(cell, instance)[:, None])
        return np.concatenate(parts, axis=1)

    def names(self) -> list[str]:
        """Names of the features, in the order of the columns."""
        own = ["share of the surface"]
        own += [f"{name} against the surface" for name, _ in _RIVALS]
        own += ["all categories against the surface"]
        own += [f"own count {label}" for _, label in _COUNTS]
        own += [f"own count around {label}" for _, label in _COUNTS]
        own += [
            "own count wide around 28 d",
            "all categories 28 d",
            "all categories 365 d",
            "all categories around 91 d",
        ]
        own += ["days since last", "days since last around", "share inside"]
        own += [f"count of other {place}" for place in range(len(self.others))]
        own += self.indicators.columns()[0]
        own += visits.FEATURES if self.indicators.patrol is not None else ()
        own += ["shift share", "shift share around", "shift share of all categories"]
        own += ["weekend share", "weekend share around", "weekend share of all categories"]
        own += ["shift", "start hour", "weekend"]
        return own if self.nearby is None else [*own, events.FEATURE]

    def _category_blocks(self, category: int) -> tuple[np.ndarray, np.ndarray]:
        if category not in self._blocks:
            self._blocks[category] = (self._by_cell(category), self._by_shift(category))
        return self._blocks[category]

    def _by_cell(self, category: int) -> np.ndarray:
        """Features of places, float32, shape (cells, features)."""
        history = self.history
        cells = history.panel.cells
        share = self.log_share(category)
        rivals = baselines.shares(history, category, [rival for _, rival in _RIVALS])
        columns = [share + np.log(len(cells)), *(np.log(rivals) - share), self._pooled_log_share - share]
        decayed = history.decayed[:, category]
        columns += [decayed[index] for index, _ in _COUNTS]
        columns += [self._around[0][index, category] for index in range(len(_COUNTS))]
        columns.append(self._around[1][category])
        columns += self._everything
        since = history.days_since_last()[category]
        columns += [since, self._around_minimum(since), cells.share_inside]
        columns += [history.decayed[_YEAR, other] for other in self.others]
        columns += self.indicators.columns()[1] + self._patrol
        return np.stack(columns, axis=1).astype(np.float32)

    def _by_shift(self, category: int) -> np.ndarray:
        """Features of a cell in a shift, float32, shape (shifts, cells, features)."""
        own = self.history.by_shift[category]
        around = self.history.panel.cells.raster.neighbourhood(own, 1)
        free = self.history.on_weekends[category]
        free_around = self.history.panel.cells.raster.neighbourhood(free, 1)
        values = [_lift(own), _lift(around), self._shift_of_all]
        values += [_share(free, own), _share(free_around, around), self._weekend_of_all]
        return np.stack(values, axis=2).astype(np.float32)

    @cached_property
    def kinds(self) -> tuple[np.ndarray, np.ndarray]:
        """Instances that stand for all that look alike to the models, and for each instance which of them.

        One with planned events is like no other.
        """
        own = np.zeros(len(self.instances))
        if self.nearby is not None:
            own[self.nearby.instances] = 1 + np.arange(len(self.nearby.instances))
        alike = np.column_stack([self._time, own])
        _, examples, kind = np.unique(alike, axis=0, return_index=True, return_inverse=True)
        return examples, kind.reshape(-1)

    @cached_property
    def nearby(self) -> Nearby | None:
        """How near planned events are; ``None`` where the models know nothing of events."""
        planned = self.indicators.events
        return None if planned is None else planned.nearby(self.instances)

    @cached_property
    def _patrol(self) -> list[np.ndarray]:
        """What patrol did lately; nothing where the models know nothing of visits."""
        patrol = self.indicators.patrol
        return [] if patrol is None else patrol.columns(self.history.as_of)

    @cached_property
    def _time(self) -> np.ndarray:
        """Features of shift instances, float32, shape (instances, features)."""
        instances = self.instances
        local = instances.zone.to_local(instances.start)
        hour = (local - local.astype("datetime64[D]")).astype(np.int64) / 3600.0
        return np.stack([instances.shift, hour, weekend(instances)], axis=1).astype(np.float32)

    @cached_property
    def _around(self) -> tuple[np.ndarray, np.ndarray]:
        """Own counts of the eight neighbours (counts, categories, cells), and of the wider ring for a month."""
        raster = self.history.panel.cells.raster
        chosen = self.history.decayed[[index for index, _ in _COUNTS]]
        near = raster.neighbourhood(chosen, 1)
        wide = raster.neighbourhood(chosen[1], 3) - near[1]
        return near - chosen, wide

    @cached_property
    def _everything(self) -> list[np.ndarray]:
        """Counts of all categories together: a month, a year, and around the cell for a quarter."""
        everything = self.history.decayed.sum(axis=1)
        around = self.history.panel.cells.raster.neighbourhood(everything[_QUARTER], 1)
        return [everything[_MONTH], everything[_YEAR], around]

    @cached_property
    def _pooled_log_share(self) -> np.ndarray:
        everything = self.history.decayed[_YEAR].sum(axis=0)
        smooth = self.history.panel.cells.raster.smooth(everything, 0.6)
        return np.asarray(np.log((smooth + 0.02) / (smooth + 0.02).sum()))

    @cached_property
    def _weekend_of_all(self) -> np.ndarray:
        return _share(self.history.on_weekends.sum(axis=0), self.history.by_shift.sum(axis=0))

    @cached_property
    def _shift_of_all(self) -> np.ndarray:
        return _lift(self.history.by_shift.sum(axis=0))

    def _around_minimum(self, days: np.ndarray) -> np.ndarray:
        raster = self.history.panel.cells.raster
        picture = np.full((raster.height, raster.width), NEVER_DAYS, dtype=np.float32)
        picture.reshape(-1)[raster.flat] = days
        return raster.gather(ndimage.minimum_filter(picture, size=3, mode="nearest"))


def frequent(counts: np.ndarray) -> tuple[int, ...]:
    """The most frequent categories (indices), at most :data:`MOST_OTHERS`, most frequent first."""
    return tuple(int(index) for index in np.argsort(-counts, kind="stable")[:MOST_OTHERS])


def _lift(by_shift: np.ndarray) -> np.ndarray:
    """Log of a cell's share of a shift over the city's, shrunk towards none; shape (shifts, cells)."""
    city = by_shift.sum(axis=1, keepdims=True)
    expected = by_shift.sum(axis=0) * city / max(float(city.sum()), _TINY)
    return np.asarray(np.log((by_shift + _SHIFT_PRIOR) / (expected + _SHIFT_PRIOR)))


def _share(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    """Log of one part of a cell's incidents over the city's part, shrunk towards none; shape (shifts, cells)."""
    city = part.sum(axis=1, keepdims=True) / np.maximum(whole.sum(axis=1, keepdims=True), _TINY)
    return np.asarray(np.log((part + _SHIFT_PRIOR) / (whole * city + _SHIFT_PRIOR)))
