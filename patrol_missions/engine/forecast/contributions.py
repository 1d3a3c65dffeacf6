"""By how much each kind of fact raises or lowers expected incidents, for chosen cells and shifts.

The log of expected incidents is a sum: parts of the map from which a category starts, what each feature adds in the
trees (their Shapley values), and the rest, which is the same for all cells of a shift: level and rhythm. Everything is
summed by groups that people can tell apart, and each group is counted from its average over a usual week in cells that
stand for all, so that

    log expected = average + sum of the groups' effects

holds to the last digit, for trees and baselines alike.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from patrol_missions.engine.forecast import planning, visits
from patrol_missions.engine.forecast.bundle import CategoryModel
from patrol_missions.engine.forecast.events import FEATURE
from patrol_missions.engine.forecast.features import Features
from patrol_missions.engine.forecast.surface import baseline_parts

AREA, ELSEWHERE, AROUND, HERE = "area", "elsewhere", "around", "here"
RECENT, HABITS, TIME, EVENTS, PATROL = "recent", "habits", "time", "events", "patrol"
VALUE_OF = "value of "
"""Prefix of features that are fields of the grid."""

PLACE = "place "
"""Prefix of a group that is named after an indicator or a feature."""

_OF_THE_MAP = (AREA, ELSEWHERE, AROUND, HERE)
_MOST_CELLS, _FEWEST_CELLS, _REFERENCE_ROWS = 200, 50, 1200
_CHUNK_ROWS = 4096
_WEEK = np.timedelta64(7, "D")

_GROUPS = {
    "share of the surface": HERE,
    "days since last": RECENT,
    "days since last around": RECENT,
    "month kernel against the surface": RECENT,
    "own count 7 d": RECENT,
    "own count 28 d": RECENT,
    "own count around 7 d": RECENT,
    "own count around 28 d": RECENT,
    "own count wide around 28 d": RECENT,
    "own count 91 d": HERE,
    "own count 365 d": HERE,
    "half-year count against the surface": HERE,
    "year count against the surface": HERE,
    "two-year count against the surface": HERE,
    "all-time count against the surface": HERE,
    "quarter kernel against the surface": AROUND,
    "year kernel against the surface": AROUND,
    "wide kernel against the surface": AROUND,
    "own count around 91 d": AROUND,
    "own count around 365 d": AROUND,
    "all categories against the surface": ELSEWHERE,
    "all categories 28 d": ELSEWHERE,
    "all categories 365 d": ELSEWHERE,
    "all categories around 91 d": ELSEWHERE,
    "share inside": AREA,
    "shift share": HABITS,
    "shift share around": HABITS,
    "shift share of all categories": HABITS,
    "weekend share": HABITS,
    "weekend share around": HABITS,
    "weekend share of all categories": HABITS,
    "shift": HABITS,
    "start hour": HABITS,
    "weekend": HABITS,
    FEATURE: EVENTS,
    **dict.fromkeys(visits.FEATURES, PATROL),
}


@dataclass(frozen=True, eq=False)
class Contributions:
    """What made the expected incidents of some rows (a cell in a shift) of one category.

    :param groups: kinds of facts; those that begin with :data:`PLACE` are named after an indicator or a feature
    :param effect: what each group adds to the log of expected incidents, float64, shape (rows, groups)
    :param log_expected: of each row, float64, shape (rows,)
    :param log_average: mean log of expected incidents of a usual week in the cells that stand for all
    """

    groups: tuple[str, ...]
    effect: np.ndarray
    log_expected: np.ndarray
    log_average: float


def group_of(feature: str, indicators: Sequence[str]) -> str:
    """The group a feature belongs to; one that nobody has sorted in is a group of its own."""
    if feature in _GROUPS:
        return _GROUPS[feature]
    if feature.startswith("count of other "):
        return ELSEWHERE
    if feature.startswith(VALUE_OF):
        return PLACE + feature[len(VALUE_OF) :]
    about = [name for name in indicators if feature == f"distance to {name}" or feature.startswith(f"{name} within ")]
    return PLACE + (max(about, key=len) if about else feature)


def contributions(
    model: CategoryModel, features: Features, category: int, cell: np.ndarray, instance: np.ndarray
) -> Contributions:
    """Effects on rows of one category.

    :param features: of instances that begin with a usual week; the average is taken over their first seven days
    :param cell: indices, shape (rows,)
    :param instance: indices, shape (rows,)
    """
    return _Sums(model, features, category).of(cell, instance)


class _Sums:
    """Everything about one category that its rows share."""

    def __init__(self, model: CategoryModel, features: Features, category: int) -> None:
        self.model, self.features, self.category = model, features, category
        self.log = planning.uncalibrated(model, features, category)
        if model.trees is not None:
            self.map = features.surfaces.parts(features.history, category)
        else:
            self.map = baseline_parts(features.history, category, model.baseline)
        names = features.names() if model.trees is not None else []
        self.place = [group_of(name, features.indicators.names) for name in names]
        self.groups = tuple(dict.fromkeys([*_OF_THE_MAP, *self.place, TIME]))
        self.week = self._usual_week()

    def of(self, cell: np.ndarray, instance: np.ndarray) -> Contributions:
        calibration = self.model.calibration
        average, rest = self._average()
        effect = calibration.slope * (self._of_places(cell, instance) - average)
        time = self.groups.index(TIME)
        level = np.array(calibration.level)[self.features.instances.shift]
        own = self.log[instance, cell] - self._of_places(cell, instance).sum(axis=1)
        effect[:, time] = calibration.slope * (own - rest) + level[instance] - level[self.week].mean()
        log_expected = calibration.apply(self.log[instance, cell], self.features.instances.shift[instance])
        usual = calibration.slope * (average.sum() + rest - calibration.centre) + calibration.centre
        return Contributions(self.groups, effect, log_expected, float(usual + level[self.week].mean()))

    def _usual_week(self) -> np.ndarray:
        start = self.features.instances.start
        return np.flatnonzero(start < start.min() + _WEEK)

    def _average(self) -> tuple[np.ndarray, float]:
        """Mean of each group over a usual week in the cells that stand for all, and of the rest over the week."""
        examples, kind = self.features.kinds
        kinds, often = np.unique(kind[self.week], return_counts=True)
        cells = self._standing_for_all(len(kinds))
        total = np.zeros(len(self.groups))
        for each, number in zip(kinds.tolist(), often.tolist()):
            here = self._of_places(cells, np.full(len(cells), examples[each]))
            total += number * here.mean(axis=0)
        # The rest is the same for all cells, so any of them tells it.
        first = np.full(len(self.week), cells[0])
        rest = self.log[self.week, first] - self._of_places(first, self.week).sum(axis=1)
        return total / len(self.week), float(rest.mean())

    def _standing_for_all(self, kinds: int) -> np.ndarray:
        """Cells evenly from the quietest to the busiest, few enough for their Shapley values to take no time."""
        order = np.argsort(self.map.sum(axis=0), kind="stable")
        count = min(max(_REFERENCE_ROWS // kinds, _FEWEST_CELLS), _MOST_CELLS, len(order))
        return order[((np.arange(count) + 0.5) * len(order) / count).astype(np.int64)]

    def _of_places(self, cell: np.ndarray, instance: np.ndarray) -> np.ndarray:
        """Log effects of the groups before calibration and centring, shape (rows, groups); 0 for :data:`TIME`."""
        found = np.zeros((len(cell), len(self.groups)))
        for place, group in enumerate(_OF_THE_MAP):
            found[:, self.groups.index(group)] = self.map[place, cell]
        if self.model.trees is None:
            return found
        column = np.array([self.groups.index(group) for group in self.place])
        member = (column[:, None] == np.arange(len(self.groups))[None, :]).astype(np.float64)
        for first in range(0, len(cell), _CHUNK_ROWS):
            rows = slice(first, first + _CHUNK_ROWS)
            seen = self.features.rows(self.category, cell[rows], instance[rows])
            found[rows] += self.model.trees.contributions(seen) @ member
        return found
