"""Three cities with every kind of constraint on, and what no plan of theirs may do, reckoned anew.

Made-up: three districts whose harm clusters. Hostile: ties, cells without harm, one cell with nearly all of it, a
district of hardly more cells than missions. Philadelphia: the real city as the engine forecast it for the last week of
2019, with its police districts, and its census tracts as areas; its data are no part of the project.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from cities import PHILADELPHIA  # the caller has put the stage on the path
from draw import city
from quarter import forecast as philadelphia_forecast
from quarter import tracts

from patrol_missions.core.tables import Table
from patrol_missions.engine.data.dose import Visits
from patrol_missions.engine.data.zones import Zone, zone
from patrol_missions.engine.missions import candidates
from patrol_missions.engine.missions.areas import FEWEST_PEOPLE, AreaRules, Areas
from patrol_missions.engine.missions.candidates import Candidates
from patrol_missions.engine.missions.circumstances import shift_instances
from patrol_missions.engine.missions.dosage import DoseRules, DoseState
from patrol_missions.engine.missions.overrides import Overrides
from patrol_missions.engine.missions.planning import Circumstances, Drawn, Settings

MISSIONS = 9  # per district; with a control share of 10 %, one control beside them
SHIFT_S, DAY_S = 8 * 3600, 86_400
SHIFTS = 21
RULES = DoseRules(soft_per_1000_28d=1000.0, hard_per_1000_28d=3000.0)
PEOPLE_A_CELL = 100.0

PAST = {
    "at a limit": np.arange(8) * 2.5 + 1,
    "cooling down": np.arange(8) * 1.5 + 19,
    "resting": np.array([4, 12, 20]),
    "over a soft limit": np.arange(4) + 9.5,
    "patrolled": np.array([12]),
}
"""Hours before the plan at which patrol had been in some cells, by what it makes of them."""


@dataclass(frozen=True, eq=False)
class Stays:
    """Patrol of a quarter of an hour each, delivered or planned: cells, and first and last moment in seconds UTC."""

    cell: np.ndarray
    start: np.ndarray
    end: np.ndarray

    def plus(self, cell: np.ndarray, start: int, end: int) -> Stays:
        """With missions that may come at any time of a shift."""
        more = (cell, np.full(len(cell), start), np.full(len(cell), end))
        return Stays(*(np.concatenate(each) for each in zip((self.cell, self.start, self.end), more)))


@dataclass(frozen=True, eq=False)
class Case:
    """A week to be planned.

    :param rate: incidents per row of the week
    :param stays: of patrol before it
    """

    name: str
    week: Candidates
    rate: np.ndarray
    settings: Settings
    given: Circumstances
    stays: Stays

    @cached_property
    def shift(self) -> Candidates:
        """The first shift alone."""
        return self.week.first_shifts(1)

    def asked(self, found: Candidates) -> np.ndarray:
        """Missions per group."""
        usual = self.settings.per_district
        return np.array([self.settings.quotas.get(name or "", usual) for name in found.groups.district])


def made_up() -> Case:
    """Three districts of 100 cells."""
    return case_of("made-up city", *city(3, 10))


def hostile() -> Case:
    """Whatever could break the law."""
    harm, column, row, district = (each.copy() for each in city(3, 10))
    harm[district == 0] = 1.0
    harm[(district == 1) & (row > 4)] = 0.0
    harm[np.flatnonzero(district == 1)[0]] = 1e6
    keep = (district != 2) | (column < 22) & (row < 7)
    return case_of("hostile city", *(each[keep] for each in (harm, column, row, district)))


def philadelphia() -> Case | None:
    """The real city; nothing where its data are absent. District 77 is the airport: four cells."""
    if not PHILADELPHIA.path.is_file():
        return None
    quarter = philadelphia_forecast(1)
    found = candidates.read(quarter.weeks[0], {})
    areas = Areas.of(tracts(quarter.cells), found.columns, found.rows)
    rules = AreaRules(share=0.25, harm_ratio=3.0, minutes_per_1000=60.0)
    rate = np.sum(list(found.expected.values()), axis=0)
    return _constrained("Philadelphia", found, rate, areas, rules, PHILADELPHIA.clock, {"77": 0})


def case_of(name: str, harm: np.ndarray, column: np.ndarray, row: np.ndarray, district: np.ndarray) -> Case:
    """A city with every constraint on, with the same harm in every shift."""
    cells = len(harm)
    start = np.datetime64("2021-01-04T07:00:00", "s") + np.arange(SHIFTS) * np.timedelta64(SHIFT_S, "s")
    columns = {"col": np.tile(column, SHIFTS), "row": np.tile(row, SHIFTS), "harm": np.tile(harm, SHIFTS)}
    columns["start"] = np.repeat(start, cells)
    columns["end"] = columns["start"] + np.timedelta64(SHIFT_S, "s")
    columns["shift_date"] = columns["start"].astype("datetime64[D]").astype("datetime64[s]")
    names = [name for at in range(SHIFTS) for name in [("Day", "Late", "Night")[at % 3]] * cells]
    table = Table(columns).with_text("shift", names)
    found = candidates.read(table.with_text("district", [str(d) for d in np.tile(district, SHIFTS).tolist()]), {})
    area = (found.columns // 4) * 3 + found.rows // 4
    areas = Areas(tuple(str(each) for each in range(int(area.max()) + 1)), area, np.full(len(area), PEOPLE_A_CELL))
    rules = AreaRules(share=0.25, harm_ratio=1.5, minutes_per_1000=300.0)
    return _constrained(name, found, 0.05 + 0.5 * found.harm / found.harm.max(), areas, rules, zone("UTC"), {})


def _constrained(
    name: str,
    week: Candidates,
    rate: np.ndarray,
    areas: Areas,
    rules: AreaRules,
    clock: Zone,
    quotas: dict[str, int],
) -> Case:
    """Overrides for a day, and patrol in the days before, neither in the highest cells of any district."""
    settings = Settings(harm_kept=0.85, exploration=0.1, control=0.1, per_district=MISSIONS, quotas=quotas, areas=rules)
    first = week.first_shifts(1)
    start = int(first.groups.start[0].astype(np.int64))
    ranked = np.split(first.cell[np.lexsort((-first.harm, first.group))], np.cumsum(first.groups.cells)[:-1])
    large = [cells for cells, district in zip(ranked, first.groups.district) if len(cells) > 40 and district]
    chosen = _one_of_each_area(np.concatenate([cells[12:] for cells in large]), areas)
    overrides = _overrides(week, chosen, start)
    patrolled = [cells[1:][~np.isin(areas.area[cells[1:]], areas.area[chosen])] for cells in large]
    past = [each for cells in patrolled for each in zip(cells.tolist(), PAST.values())]
    cell = np.concatenate([np.full(len(hours), at) for at, hours in past])
    begin = start - np.concatenate([np.rint(3600 * hours).astype(np.int64) for _, hours in past])
    stays = Stays(cell, begin, begin + int(60 * settings.dose_minutes))
    visits = Visits.of(len(week.columns), stays.cell, stays.start, stays.end)
    shifts = shift_instances(week.groups, clock)
    dose = DoseState.of(visits, start, RULES, shifts, settings.dose_minutes, areas.people)
    return Case(name, week, rate, settings, Circumstances(areas, overrides, dose), stays)


def _one_of_each_area(cells: np.ndarray, areas: Areas) -> np.ndarray:
    """Six cells by lot, each in another area with people enough for a mission a shift, all day."""
    cells = np.random.default_rng(1).permutation(cells)
    cells = cells[(areas.area[cells] >= 0) & (areas.sums(areas.people)[areas.area[cells]] > 1000)]
    return cells[np.sort(np.unique(areas.area[cells], return_index=True)[1])[:6]]


def _overrides(week: Candidates, cells: np.ndarray, start: int) -> Overrides:
    """A cell closed, one added, one locked, a mission moved and a drawn box."""
    kinds = ("suppress", "add", "lock", "move", "box")
    about, target = cells[[0, 1, 2, 3, 5]], cells[[0, 1, 2, 4, 5]]
    columns = {"col": week.columns[about], "row": week.rows[about]}
    columns |= {"to_col": week.columns[target], "to_row": week.rows[target]}
    columns["valid_from"] = np.full(len(kinds), start).astype("datetime64[s]")
    columns["valid_to"] = columns["valid_from"] + np.timedelta64(DAY_S, "s")
    table = Table(columns).with_text("kind", kinds).with_text("reason", ["of a kind"] * 5)
    table = table.with_text("author", ["somebody"] * 5).with_text("box", [None] * 4 + ["Box"])
    at = {"col": week.columns[cells[5:]], "row": week.rows[cells[5:]]}
    boxes = Table({**at, "covered": np.array([0.5]), "share": np.array([1.0])}).with_text("box", ["Box"])
    return Overrides.of(table, boxes, week.columns, week.rows)


@dataclass(frozen=True, eq=False)
class Bounds:
    """What the plan of one shift may do, from the rules' own words and not by the engine's code.

    :param closed: cells that doses close
    :param most: drawn cells and boxes in each area
    """

    closed: np.ndarray
    most: np.ndarray

    @classmethod
    def of(cls, case: Case, rows: np.ndarray, start: int, stays: Stays) -> Bounds:
        """Of the shift that holds these rows and starts at this moment (seconds UTC)."""
        week, areas, settings = case.week, case.given.areas, case.settings
        cells, dose = len(week.columns), settings.dose_minutes
        lately = np.bincount(stays.cell[stays.end > start - 7 * DAY_S], minlength=cells) * dose
        harm = np.bincount(week.cell[rows], week.harm[rows], minlength=cells)
        asked = case.asked(case.shift).sum()
        rules, people = settings.areas, areas.sums(areas.people)
        by_share = max(rules.share * asked, 1.0)
        by_harm = np.maximum(rules.harm_ratio * areas.sums(harm) / harm.sum() * asked, 1.0)
        by_people = (rules.minutes_per_1000 * people / 1000.0 - areas.sums(lately)) / dose
        most = np.minimum(by_share, np.minimum(by_harm, np.where(people < FEWEST_PEOPLE, np.inf, by_people)))
        closed = _full(stays, start, areas.people, dose) | _tired(stays, start, cells)
        return cls(closed, np.maximum(most, 0.0) + 1e-6)

    def broken(self, case: Case, plan: Drawn, rows: slice, groups: slice) -> bool:
        """Whether the plan breaks one of them, or a size, or what was closed or set by hand."""
        found, areas = case.week, case.given.areas
        drawn, forced = (plan.selected | plan.control)[rows], plan.forced[rows]
        cell, group = found.cell[rows], found.group[rows] - groups.start
        boxes = [box for at, box in plan.boxes if groups.start <= at < groups.stop]
        inside = np.concatenate([areas.area[cell[drawn]], [areas.area[box.cell[0]] for box in boxes]]).astype(int)
        in_boxes = [at - groups.start for at, _ in plan.boxes if groups.start <= at < groups.stop]
        count = groups.stop - groups.start
        missions = np.bincount([*group[plan.selected[rows]], *in_boxes], minlength=count)
        return bool(
            (np.bincount(inside[inside >= 0], minlength=len(self.most)) > self.most).any()
            or (missions != plan.number[groups]).any()
            or (missions > case.asked(case.shift)).any()
            or (np.bincount(group[plan.control[rows]], minlength=count) != plan.controls[groups]).any()
            or (drawn & (plan.barred[rows] | self.closed[cell]) & ~forced).any()
            or (forced & ~plan.selected[rows]).any()
        )


def _full(stays: Stays, start: int, people: np.ndarray, dose: float) -> np.ndarray:
    """Cells that a mission would take beyond a hard limit, or that cool down since there was no room for one."""
    limits = [(1, RULES.hard_minutes_24h), (7, RULES.hard_minutes_7d), (28, RULES.hard_minutes_28d)]
    most = [(days, np.full(len(people), minutes)) for days, minutes in limits]
    most.append((28, np.where(people >= FEWEST_PEOPLE, RULES.hard_per_1000_28d * people / 1000.0, np.inf)))
    closed = np.zeros(len(people), dtype=bool)
    for days, minutes in most:
        lately = np.bincount(stays.cell[stays.end > start - days * DAY_S], minlength=len(people)) * dose
        closed |= lately + dose > minutes + 1e-6
    warm = np.flatnonzero(stays.end + 3600 * RULES.cool_down_hours > start)
    for cell, end in set(zip(stays.cell[warm].tolist(), stays.end[warm].tolist())):
        before = stays.end[(stays.cell == cell) & (stays.end <= end)]
        for days, minutes in most:
            closed[cell] |= np.count_nonzero(before > end - days * DAY_S) * dose + dose > minutes[cell] + 1e-6
    return closed


def _tired(stays: Stays, start: int, cells: int) -> np.ndarray:
    """Cells with patrol in as many of the last shifts as there may be in a row; shifts follow each other."""
    before = (start - 1 - stays.start) // SHIFT_S  # shifts between
    there = np.zeros((RULES.most_consecutive, cells), dtype=bool)
    late = (before >= 0) & (before < RULES.most_consecutive)
    there[before[late], stays.cell[late]] = True
    return there.all(axis=0)
