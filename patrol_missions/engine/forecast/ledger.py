"""What a backtest found beyond deviance and hits: by district, in harm, and as the rule of choice would have had it.

Everything is kept as sums per week, so that any score can be computed on any choice of weeks.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from patrol_missions.core.tables import Table
from patrol_missions.engine.forecast import calibration, metrics
from patrol_missions.engine.forecast.backtest import MODEL, CategoryBacktest
from patrol_missions.engine.forecast.calibration import BINS

RULE = "Rule"
"""Each category by what the rule of choice would have shipped, judging by the weeks before."""

_FIRST_CHOICE = "B4"  # before any week was judged
_FEWEST_WEEKS = 8  # fewer cannot show that trees are better
_SEED = 1

Happened = tuple[np.ndarray, np.ndarray, np.ndarray]


MISSIONS = 3
"""Missions of a district in a shift, unless asked otherwise."""


class Weighed(Protocol):
    """What one incident of a category weighs."""

    @property
    def severity(self) -> float:
        """Of one incident."""

    @property
    def preventability(self) -> float:
        """Share that patrol can deter."""

    @property
    def basis(self) -> str:
        """Where the severity comes from."""

    @property
    def use(self) -> bool:
        """Whether it counts at all."""


@dataclass(frozen=True, eq=False)
class Planned:
    """What plans are judged by.

    :param district: of each cell, int64, shape (cells,)
    :param districts: names
    :param missions: cells flagged per district and shift
    :param severity: of one incident, shape (categories,)
    :param preventability: share that patrol can deter, shape (categories,)
    :param basis: where each severity comes from
    :param warnings: what the user should know of them
    """

    district: np.ndarray
    districts: tuple[str, ...]
    missions: int
    severity: np.ndarray
    preventability: np.ndarray
    basis: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()

    @classmethod
    def of(cls, cells: Table, missions: int, weights: Sequence[Weighed], warnings: tuple[str, ...]) -> Planned:
        """Plans for the districts of a table of cells; it may have none."""
        names = cells.labels.get("district", ("",))
        district = cells["district"].astype(np.int64) if "district" in cells else np.zeros(len(cells), dtype=np.int64)
        if (district < 0).any():
            district, names = np.where(district < 0, len(names), district), (*names, "no district")
        severity = np.array([each.severity if each.use else 0.0 for each in weights])
        preventability = np.array([each.preventability for each in weights])
        return cls(district, names, missions, severity, preventability, tuple(each.basis for each in weights), warnings)

    @property
    def kinds(self) -> np.ndarray:
        """What one incident counts as incident, as harm and as preventable harm, shape (3, categories)."""
        return np.stack([np.ones_like(self.severity), self.severity, self.severity * self.preventability])


@dataclass(eq=False)
class Kept:
    """Sums of one forecast of one category, after running calibration.

    :param cells: cell-shifts by bin of log expected incidents, shape (weeks, bins)
    :param incidents: incidents, same shape
    :param expected: incidents, shape (weeks, districts)
    :param deviance: shape (weeks, districts)
    """

    cells: np.ndarray
    incidents: np.ndarray
    expected: np.ndarray
    deviance: np.ndarray

    @classmethod
    def empty(cls, weeks: int, districts: int) -> Kept:
        """Nothing yet."""
        return cls(*(np.zeros((weeks, size)) for size in (BINS, BINS, districts, districts)))


@dataclass(eq=False)
class Caught:
    """What plans by one forecast caught of all categories, as incidents, harm and preventable harm.

    :param areas: in shares of the area, shape (weeks, areas, 3)
    :param missions: in the missions of each district, shape (weeks, districts, 3)
    :param turnover: missions that were none in the shift before, summed over shifts, shape (weeks,)
    """

    areas: np.ndarray
    missions: np.ndarray
    turnover: np.ndarray


class Ledger:
    """Watches a backtest; see :class:`~patrol_missions.engine.forecast.backtest.Watcher`."""

    def __init__(self, weeks: int, categories: int, planned: Planned) -> None:
        self.planned, self.weeks = planned, weeks
        self.kept: list[dict[str, Kept]] = [{} for _ in range(categories)]
        self.caught: dict[str, Caught] = {}
        self.observed = np.zeros((categories, weeks, len(planned.districts)))
        self.saturated = np.zeros((categories, weeks))
        self.most = np.zeros((categories, weeks, len(metrics.AREAS)))
        self.happened = np.zeros((weeks, len(planned.districts), 3))
        self.shifts = np.zeros(weeks)
        self.rule = [[_FIRST_CHOICE] for _ in range(categories)]
        self._maps: list[dict[str, np.ndarray]] = [{} for _ in range(categories)]
        self._events: list[Happened] = [(np.zeros(0),) * 3 for _ in range(categories)]
        self._last: dict[str, np.ndarray] = {}
        self._members = [np.flatnonzero(planned.district == each) for each in range(len(planned.districts))]

    def forecast(self, week: int, category: int, code: str, expected: np.ndarray, happened: Happened) -> None:
        """Keep the sums of one forecast."""
        instance, cell, count = happened
        self._maps[category][code] = expected.astype(np.float32)
        if code == "B0":
            self._observe(week, category, expected.shape, happened)
        districts = len(self._members)
        if code not in self.kept[category]:
            self.kept[category][code] = Kept.empty(self.weeks, districts)
        kept = self.kept[category][code]
        log = np.log(expected)
        kept.cells[week] = np.bincount(calibration.bins(log.ravel()), minlength=BINS)
        told = log[instance, cell]
        kept.incidents[week] = np.bincount(calibration.bins(told), count, minlength=BINS)
        kept.expected[week] = np.bincount(self.planned.district, expected.sum(axis=0), minlength=districts)
        constant = count * (np.log(count) - told) - count
        kept.deviance[week] = 2 * (
            kept.expected[week] + np.bincount(self.planned.district[cell], constant, minlength=districts)
        )

    def _observe(self, week: int, category: int, shape: tuple[int, ...], happened: Happened) -> None:
        instance, cell, count = happened
        district = self.planned.district[cell]
        self._events[category] = happened
        self.shifts[week] = shape[0]
        self.observed[category, week] = np.bincount(district, count, minlength=len(self._members))
        self.saturated[category, week] = metrics.saturated(count)
        flagged = (math.ceil(share * shape[1]) for share in metrics.AREAS)
        self.most[category, week] = [metrics.most_hits(instance, count, number) for number in flagged]

    def week_over(self, week: int, categories: Sequence[CategoryBacktest]) -> None:
        """Judge the plans of the week, then let the rule choose for the next one."""
        value = self.planned.kinds
        events = _Events.of(self._events, value, self.planned.district)
        self.happened[week] = events.by_district(np.ones(len(events.cell)), len(self._members))
        codes = dict.fromkeys(code for maps in self._maps for code in maps)
        ways: dict[str, Sequence[str]] = {code: [code] * len(self._maps) for code in codes}
        ways[RULE] = [chosen[-1] for chosen in self.rule]
        for way, shipped in ways.items():
            # Where no trees could be grown, a plan by trees takes what the rule would have taken.
            picked = [code if code in maps else rule for code, rule, maps in zip(shipped, ways[RULE], self._maps)]
            harm = np.zeros_like(self._maps[0][picked[0]])
            for weight, code, maps in zip(value[2].astype(np.float32), picked, self._maps):
                harm += weight * maps[code]
            self._plan(week, way, harm, events)
        for category, chosen in zip(categories, self.rule):
            chosen.append(best_so_far(category, week + 1))

    def _plan(self, week: int, way: str, harm: np.ndarray, events: _Events) -> None:
        districts = len(self._members)
        if way not in self.caught:
            areas = np.zeros((self.weeks, len(metrics.AREAS), 3))
            self.caught[way] = Caught(areas, np.zeros((self.weeks, districts, 3)), np.zeros(self.weeks))
        caught = self.caught[way]
        flagged = np.array([math.ceil(share * harm.shape[1]) for share in metrics.AREAS])
        chance = metrics.chance_flagged(harm, events.instance, events.cell, flagged)
        caught.areas[week] = (events.value[:, :, None] * chance[None]).sum(axis=1).T
        chosen = np.zeros(harm.shape, dtype=bool)
        in_mission = np.zeros(len(events.cell))
        for district, members in enumerate(self._members):
            if len(members) == 0:
                continue
            part, mine = harm[:, members], events.district == district
            cut = metrics.Cut.of(part, np.array([self.planned.missions]))
            in_mission[mine] = cut.chance(events.instance[mine], harm[events.instance[mine], events.cell[mine]])[:, 0]
            chosen[:, members] = cut.flags(part)
        caught.missions[week] = events.by_district(in_mission, districts)
        before = self._last.get(way, chosen[:1])
        caught.turnover[week] = metrics.turnover(np.concatenate([before, chosen])).sum()
        self._last[way] = chosen[-1:]


@dataclass(frozen=True, eq=False)
class _Events:
    """All categories' incidents of a week; ``value`` has shape (3, events)."""

    instance: np.ndarray
    cell: np.ndarray
    district: np.ndarray
    value: np.ndarray

    @classmethod
    def of(cls, events: Sequence[Happened], value: np.ndarray, district: np.ndarray) -> _Events:
        instance = np.concatenate([each[0] for each in events]).astype(np.int64)
        cell = np.concatenate([each[1] for each in events]).astype(np.int64)
        counts = [value[:, [category]] * each[2][None] for category, each in enumerate(events)]
        return cls(instance, cell, district[cell], np.concatenate(counts, axis=1))

    def by_district(self, share: np.ndarray, districts: int) -> np.ndarray:
        """Sums of a share of each incident, shape (districts, 3)."""
        return np.stack([np.bincount(self.district, share * each, minlength=districts) for each in self.value], axis=1)


def best_so_far(category: CategoryBacktest, weeks: int) -> str:
    """What the rule of choice ships by the first weeks alone: trees when certainly better than every baseline."""
    deviance: Mapping[str, np.ndarray] = {code: each.deviance[:weeks] for code, each in category.methods.items()}
    best = min((code for code in deviance if code != MODEL), key=lambda code: deviance[code].sum())
    if MODEL not in deviance or weeks < _FEWEST_WEEKS:
        return best
    draws = metrics.block_draws(weeks, np.random.default_rng(_SEED))
    gains = [draws @ (each - deviance[MODEL]) for code, each in deviance.items() if code != MODEL]
    return MODEL if all(metrics.interval(gain)[0] > 0 for gain in gains) else best
