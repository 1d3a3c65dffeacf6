"""What missions caught: the share of incidents, harm and preventable harm that fell into them, cell and shift.

The same incidents are held against three other choices of as many cells per district and shift: by lot (*chance*, an
expectation in closed form: cells chosen over cells there are), by the forecast's harm (*greedy*), and by the harm of
the seven days before, as known when the shift began (*last week*). Ties are drawn by lot, so that an incident in one
of them counts with the chance of its cell.

An incident whose time is uncertain counts in each shift with the share of its interval that falls there.

What missions catch says whether they were where incidents happened, and not whether they did any good: a mission that
deters loses what it would have caught.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from patrol_missions.core import grid
from patrol_missions.core.law_groups import Floats, Ints, sums
from patrol_missions.core.tables import Table
from patrol_missions.core.weights import Weight
from patrol_missions.engine.data import aoristic
from patrol_missions.engine.missions.areas import Areas
from patrol_missions.engine.missions.past_plan import PastPlan
from patrol_missions.engine.missions.register import SMALLEST, withheld
from patrol_missions.engine.missions.shares import Share, effective, share

MISSIONS, CHANCE, GREEDY, LAST_WEEK = "missions", "chance", "greedy", "last week"
MEASURES = ("incidents", "harm", "preventable harm")

FEWEST_DAYS = 8
"""From so many days on, days are what is independent; with fewer, incidents are taken to be."""

QUANTILES = (0.1, 0.25, 0.5, 0.75, 0.9)
"""Shares of the missed incidents for which it is told how near the nearest mission was."""

ALL = "all"
_NUMBERS = ("incidents", "total", "caught", "share", "low", "high", "lead", "lead_low", "lead_high")
_NO_AREA = "no area"
_WEEK_S = 7 * 86_400


@dataclass(frozen=True, eq=False)
class Incidents:
    """Incidents in cells and of categories in use.

    :param x: in the grid's CRS, float64, shape (incidents,)
    :param y: the same
    :param cell: index of the cell
    :param category: index of ``categories``
    :param categories: names
    :param worth: what one incident counts by each of the :data:`MEASURES`, shape (3, categories)
    :param start: UTC, datetime64[s]
    :param end: the same, NaT where there is none
    :param time_known: False where only the local day is known
    :param known: seconds UTC from which it was known: its report, without one its end
    :param lost: number of incidents left out: outside the cells, without a time, or of a category not in use
    """

    x: Floats
    y: Floats
    cell: Ints
    category: Ints
    categories: tuple[str, ...]
    worth: Floats
    start: NDArray[np.datetime64]
    end: NDArray[np.datetime64]
    time_known: NDArray[np.bool_]
    known: Ints
    lost: int

    @classmethod
    def of(cls, table: Table, plan: PastPlan, weights: Sequence[Weight]) -> Incidents:
        """Incidents of a clean table; one weight per category that it names, in that order, and perhaps more."""
        start = table["start"].astype("datetime64[s]")
        cell = plan.locate(table["x"].astype(np.float64), table["y"].astype(np.float64))
        named = [weights[at] for at in range(len(table.labels["category"]))]
        use = np.array([*(weight.use for weight in named), False])
        rows = np.flatnonzero((cell >= 0) & ~np.isnat(start) & use[table["category"]])
        start = start[rows]
        end, reported = (_moments(table, name)[rows] for name in ("end", "reported"))
        known = np.where(~np.isnat(reported), reported, np.where(np.isnat(end), start, np.maximum(start, end)))
        severity = np.array([weight.severity for weight in named])
        return cls(
            table["x"][rows].astype(np.float64),
            table["y"][rows].astype(np.float64),
            cell[rows],
            table["category"][rows].astype(np.int64),
            tuple(weight.category for weight in named),
            np.stack([np.ones(len(named)), severity, [weight.value for weight in named]]),
            start,
            end,
            table["time_known"][rows] if "time_known" in table else np.ones(len(rows), dtype=bool),
            known.astype(np.int64),
            len(table) - len(rows),
        )

    def __len__(self) -> int:
        return len(self.cell)

    def harm_of_the_week_before(self, moment: int, cells: int) -> Floats | None:
        """Preventable harm per cell in the week before a moment (seconds UTC), as known then; ``None`` if nothing was.

        Each incident counts where it started.
        """
        start = self.start.astype(np.int64)
        rows = (start >= moment - _WEEK_S) & (start < moment) & (self.known <= moment)
        if not rows.any():
            return None
        return sums(self.cell[rows], self.worth[-1][self.category[rows]], cells)


def _moments(table: Table, name: str) -> NDArray[np.datetime64]:
    return table[name].astype("datetime64[s]") if name in table else np.full(len(table), np.datetime64("NaT", "s"))


def by_lot(score: Floats, group: Ints, most: Ints) -> Floats:
    """Chance of each row to be among the highest of its group, ties drawn by lot.

    :param score: shape (rows,)
    :param group: of each row, an index of ``most``
    :param most: rows chosen per group, never more than it has
    """
    order = np.lexsort((-score, group))
    number = np.bincount(group, minlength=len(most))
    first = np.cumsum(number) - number
    some = np.flatnonzero(most > 0)
    edge = np.full(len(most), np.inf)
    edge[some] = score[order[first[some] + most[some] - 1]]
    higher = np.bincount(group, score > edge[group], minlength=len(most))
    equal = np.bincount(group, score == edge[group], minlength=len(most))
    tied = np.divide(most - higher, equal, out=np.zeros(len(most)), where=equal > 0)
    return np.select([score > edge[group], score == edge[group]], [1.0, tied[group]], 0.0)


@dataclass(frozen=True, eq=False)
class Capture:
    """Incidents of the shifts of a plan, and what each choice of cells caught of them.

    :param plan: the missions
    :param incidents: of those shifts and of the week before
    :param areas: such as neighbourhoods, of the plan's cells
    """

    plan: PastPlan
    incidents: Incidents
    areas: Areas

    @cached_property
    def entries(self) -> aoristic.Entries:
        """Shares of the incidents in the shifts."""
        each = self.incidents
        return aoristic.spread(self.plan.instances, each.start, each.end, each.time_known)

    @cached_property
    def cell(self) -> Ints:
        """Cell of each entry."""
        return self.incidents.cell[self.entries.incident]

    @cached_property
    def category(self) -> Ints:
        """Category of each entry."""
        return self.incidents.category[self.entries.incident]

    @cached_property
    def caught(self) -> Mapping[str, Floats]:
        """Chance of each entry to be caught, per choice of cells; without a forecast by the missions alone."""
        plan, shift = self.plan, self.entries.instance
        found = {MISSIONS: plan.has_mission[shift, self.cell].astype(np.float64)}
        if plan.candidates is None:
            return found
        # Cells that the forecast leaves out of a shift cannot be chosen; their incidents are missed by all.
        row, group = plan.row_of[shift, self.cell], plan.candidates.group
        number = np.bincount(group[plan.row_of[plan.shift, plan.cell]], minlength=len(plan.candidates.groups))
        chances = {
            CHANCE: (number / plan.candidates.groups.cells)[group],
            GREEDY: by_lot(plan.candidates.harm, group, number),
        }
        week = self._harm_of_last_week()
        if week is not None:
            chances[LAST_WEEK] = by_lot(week, group, number)
        return found | {name: np.where(row >= 0, each[row], 0.0) for name, each in chances.items()}

    def _harm_of_last_week(self) -> Floats | None:
        """Harm of the week before its shift per row of the forecast; ``None`` where it is not known for every shift."""
        plan = self.plan
        if plan.candidates is None:
            return None
        harm = np.zeros(len(plan.candidates.group))
        for shift, start in enumerate(plan.instances.start.astype(np.int64).tolist()):
            week = self.incidents.harm_of_the_week_before(start, len(plan.columns))
            if week is None:
                return None
            rows = plan.row_of[shift]
            harm[rows[rows >= 0]] = week[rows >= 0]
        return harm

    @cached_property
    def by_days(self) -> bool:
        """Whether days, and not incidents, are taken to be independent."""
        return len(np.unique(self._day)) >= FEWEST_DAYS

    @property
    def _day(self) -> Ints:
        return self.plan.instances.date.astype("datetime64[D]").astype(np.int64)[self.entries.instance]

    @cached_property
    def _unit(self) -> Ints:
        """What each entry belongs to that is independent of the rest."""
        which = self._day if self.by_days else self.entries.incident
        return np.unique(which, return_inverse=True)[1].reshape(-1).astype(np.int64)

    def shares(self, measure: int, rows: NDArray[np.bool_]) -> dict[str, Share]:
        """Share caught by each choice of cells, by one of the :data:`MEASURES`, of some of the entries."""
        weight = np.where(rows, self.entries.weight * self.incidents.worth[measure][self.category], 0.0)
        units = int(self._unit.max(initial=-1)) + 1
        whole = sums(self._unit, weight, units)
        most = effective(sums(self.entries.incident, weight, len(self.incidents)))
        return {
            name: share(sums(self._unit, weight * hit, units), whole, np.inf if name == CHANCE else most)
            for name, hit in self.caught.items()
        }

    def groups(self) -> Iterator[tuple[str, tuple[str, ...], Ints]]:
        """Ways to divide the entries: what by, the names, and the name of each entry."""
        plan, here = self.plan, len(self.entries)
        yield ALL, (ALL,), np.zeros(here, dtype=np.int64)
        yield "category", self.incidents.categories, self.category
        yield "shift", plan.names, plan.instances.shift[self.entries.instance].astype(np.int64)
        yield "district", plan.districts, plan.district[self.cell]
        if self.areas.names:
            area = self.areas.area[self.cell]
            yield "area", (*self.areas.names, _NO_AREA), np.where(area < 0, len(self.areas.names), area)

    def table(self) -> Table:
        """A row per part of the incidents, measure and choice of cells.

        ``lead`` is the missions' share less that of the other choice. Small numbers of incidents are withheld by
        district and area, and with them the next larger ones where the total would give them back.
        """
        rows: list[tuple[object, ...]] = []
        for by, names, name in self.groups():
            counts = sums(name, self.entries.weight, len(names))
            hidden = hide(counts) if by in ("district", "area") else np.zeros(len(names), dtype=bool)
            for at in np.flatnonzero((counts > 0) | hidden).tolist():
                if by == "area" and names[at] == _NO_AREA and counts[at] == 0:
                    continue
                for measure, told in enumerate(MEASURES):
                    rows += self._rows((by, names[at], told), measure, name == at, bool(hidden[at]))
        numbers = np.array([row[4:-1] for row in rows], dtype=np.float64).reshape(len(rows), len(_NUMBERS))
        columns = {column: values.copy() for column, values in zip(_NUMBERS, numbers.T)}
        table = Table({**columns, "withheld": np.array([row[-1] for row in rows], dtype=bool)})
        for place, column in enumerate(("part", "name", "measure", "choice")):
            table = table.with_text(column, [str(row[place]) for row in rows])
        return table

    def _rows(
        self, key: tuple[str, str, str], measure: int, rows: NDArray[np.bool_], hidden: bool
    ) -> Iterator[tuple[object, ...]]:
        if hidden:
            yield from ((*key, name, *[np.nan] * len(_NUMBERS), True) for name in self.caught)
            return
        found = self.shares(measure, rows)
        weight = self.entries.weight * self.incidents.worth[measure][self.category]
        incidents, total = float(self.entries.weight[rows].sum()), float(weight[rows].sum())
        for name, mine in found.items():
            lead = (np.nan,) * 3
            if name != MISSIONS:
                less = found[MISSIONS].minus(mine)
                lead = (less.value, less.low, less.high)
            held = float((weight * self.caught[name])[rows].sum())
            yield (*key, name, incidents, total, held, mine.value, mine.low, mine.high, *lead, False)

    def distances(self) -> tuple[Floats, Floats]:
        """Metres from each missed incident to the edge of the nearest mission of its shift, and its weight there."""
        plan, missed = self.plan, np.flatnonzero(self.caught[MISSIONS] == 0)
        incident, shift = self.entries.incident[missed], self.entries.instance[missed]
        x, y = self.incidents.x[incident], self.incidents.y[incident]
        metres = np.zeros(len(missed))
        for at in np.unique(shift).tolist():
            here, cells = np.flatnonzero(shift == at), plan.cell[plan.shift == at]
            middle_x, middle_y = grid.centres(plan.columns[cells], plan.rows[cells], plan.size_m)
            beyond = (
                np.maximum(np.abs(place[here, None] - middle) - plan.size_m / 2.0, 0.0)
                for place, middle in ((x, middle_x), (y, middle_y))
            )
            metres[here] = np.hypot(*beyond).min(axis=1)
        return metres, self.entries.weight[missed]


def hide(counts: Floats) -> NDArray[np.bool_]:
    """Which numbers of incidents by district or area are withheld; their total is told."""
    whole = np.floor(counts + 1e-9).astype(np.int64)
    hidden, gives_back = withheld(whole, SMALLEST)
    told = np.flatnonzero(~hidden)
    if gives_back and len(told):
        hidden[told[np.argmin(whole[told])]] = True
    return hidden


def quantiles(metres: Floats, weight: Floats) -> Floats:
    """Distances within which each of the :data:`QUANTILES` of the weight lies, NaN where there is none."""
    if weight.sum() <= 0:
        return np.full(len(QUANTILES), np.nan)
    order = np.argsort(metres, kind="stable")
    reached = np.cumsum(weight[order]) / weight.sum()
    return metres[order][np.searchsorted(reached, np.array(QUANTILES) - 1e-12)]
