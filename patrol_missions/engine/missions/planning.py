"""The plan's one way through the shifts: what each cell is worth, what stands in its way, its chance, and the draw.

Shifts come in the order of their start, and the missions of one count as visits for those after it. So the focus moves
on, and no cell gets more than the limits of dose allow, however many shifts are planned at once.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from patrol_missions.core import law_groups
from patrol_missions.core.errors import InputError
from patrol_missions.core.law_groups import Floats, Ints
from patrol_missions.engine.missions import feasible, law_areas
from patrol_missions.engine.missions.areas import AreaRules, Areas
from patrol_missions.engine.missions.candidates import Candidates
from patrol_missions.engine.missions.draw import Stream, draw
from patrol_missions.engine.missions.inclusion import Inclusion, check_harm, inclusion_probabilities
from patrol_missions.engine.missions.law_areas import Limits
from patrol_missions.engine.missions.overrides import Box, Overrides
from patrol_missions.engine.missions.shortfalls import Shortfalls

if TYPE_CHECKING:
    from patrol_missions.engine.missions.dosage import DoseState

Flags = NDArray[np.bool_]

STEPS = ("overrides", "dose", "areas", "randomness")
"""What takes harm away from the best choice there is, in this order."""


@dataclass(frozen=True)
class Settings:
    """What the analyst decides.

    :param per_district: missions per district and shift
    :param quotas: other numbers for some districts, by name
    :param harm_kept: share of the value of the best choice that the draw keeps on average, above 0 and at most 1
    :param ceiling: largest probability of being drawn; below 1, no cell is ever certain
    :param exploration: share of the missions that is spread evenly over all cells
    :param control: share of the cells drawn that get no mission, so that missions can be judged against them
    :param dose_minutes: time to spend in the cell
    :param areas: limits of areas
    :param seed: any whole number; the same seed gives the same missions
    """

    per_district: int = 3
    quotas: Mapping[str, int] = field(default_factory=dict)
    harm_kept: float = 0.9
    ceiling: float = law_groups.CEILING
    exploration: float = 0.0
    control: float = 0.0
    dose_minutes: float = 15.0
    areas: AreaRules = field(default_factory=AreaRules)
    seed: int = 1

    def __post_init__(self) -> None:
        if not 0 < self.harm_kept <= 1:
            raise InputError(
                f"The share of harm to keep is {100 * self.harm_kept:g} %.", "Choose a share above 0 and up to 100 %."
            )
        if not 0 < self.ceiling <= 1:
            raise InputError(
                f"The largest chance of a cell is {100 * self.ceiling:g} %.", "Choose one above 0 and up to 100 %."
            )
        for what, share in (("missions spread evenly", self.exploration), ("cells kept as controls", self.control)):
            if not 0 <= share <= 0.5:
                raise InputError(f"The share of {what} is {100 * share:g} %.", "Choose a share between 0 and 50 %.")
        if not 0 < self.dose_minutes <= 1440:
            raise InputError(
                f"The time to spend in a cell is {self.dose_minutes:g} minutes.", "Choose more than 0, such as 15."
            )
        for name, number in (("every district", self.per_district), *self.quotas.items()):
            if number < 0:
                raise InputError(f"{number} missions are asked for in {name}.", "Choose 0 or more.")


@dataclass(frozen=True, eq=False)
class Circumstances:
    """What a plan has to go by beside forecast and settings.

    :param dose: what patrol has delivered, as of the first shift; ``None`` leaves doses out of account
    :param visits: of each mission in its shift, each as long as the settings say
    """

    areas: Areas
    overrides: Overrides
    dose: DoseState | None = None
    visits: int = 1

    @classmethod
    def none(cls, cells: int) -> Circumstances:
        """Nothing."""
        return cls(Areas.none(cells), Overrides.none(cells))


@dataclass(frozen=True, eq=False)
class Drawn:
    """The draw and all that led to it. Arrays are per row of the candidates unless said otherwise.

    :param chance: probability of being drawn, as a mission or as a control
    :param mission_chance: probability of a mission
    :param selected: rows that have a mission
    :param control: rows that were drawn and have none
    :param forced: missions that a person set
    :param barred: cells that a person closed
    :param state: what doses say of the cell (codes of :mod:`dosage`); 0 without doses
    :param residual: residual deterrence; 0 without doses
    :param value: harm that a mission can still deter
    :param override: row of the table of overrides that decided, -1 for none
    :param asked: missions asked for, per group
    :param number: missions planned, drawn boxes included, per group
    :param controls: cells drawn as controls, per group
    :param law: temperature, greedy value, expected value and value kept, per group
    :param harm: of the best choice after each of :data:`STEPS`, the first without any; shape (5, groups)
    :param boxes: drawn boxes by group
    """

    chance: Floats
    mission_chance: Floats
    selected: Flags
    control: Flags
    forced: Flags
    barred: Flags
    state: Ints
    residual: Floats
    value: Floats
    override: Ints
    asked: Ints
    number: Ints
    controls: Ints
    temperature: Floats
    greedy: Floats
    expected: Floats
    harm: Floats
    boxes: tuple[tuple[int, Box], ...]
    warnings: tuple[str, ...]


def run(candidates: Candidates, settings: Settings, asked: Ints, given: Circumstances) -> Drawn:
    """Plan shift by shift.

    :param asked: missions asked for, per group of the candidates
    :raises InputError: harm that is negative or missing; overrides that contradict each other or a limit
    """
    check_harm(candidates.harm)
    return _Run(candidates, settings, asked, given).run()


class _Run:
    def __init__(self, candidates: Candidates, settings: Settings, asked: Ints, given: Circumstances) -> None:
        rows, groups = len(candidates.harm), len(candidates.groups)
        self.candidates, self.settings, self.given, self.asked = candidates, settings, given, asked
        self.dose = given.dose
        self.chance, self.mission_chance, self.residual, self.value = (np.zeros(rows) for _ in range(4))
        self.selected, self.control, self.forced, self.barred = (np.zeros(rows, dtype=bool) for _ in range(4))
        self.state, self.override = np.zeros(rows, dtype=np.int64), np.full(rows, -1, dtype=np.int64)
        self.number, self.controls = np.zeros(groups, dtype=np.int64), np.zeros(groups, dtype=np.int64)
        self.temperature, self.greedy, self.expected = (np.zeros(groups) for _ in range(3))
        self.harm = np.zeros((len(STEPS) + 1, groups))
        self.boxes: list[tuple[int, Box]] = []
        self.short = Shortfalls()

    def run(self) -> Drawn:
        for rows, groups in self.candidates.shifts:
            _Shift(self, rows, groups).plan()
        return Drawn(
            self.chance,
            self.mission_chance,
            self.selected,
            self.control,
            self.forced,
            self.barred,
            self.state,
            self.residual,
            self.value,
            self.override,
            self.asked,
            self.number,
            self.controls,
            self.temperature,
            self.greedy,
            self.expected,
            self.harm,
            tuple(self.boxes),
            tuple(self.short.sentences(self.settings.ceiling)),
        )


@dataclass(frozen=True, eq=False)
class _Placed:
    """A drawn box in its district and area (-1: none), and the harm expected in it."""

    box: Box
    group: int
    area: int
    harm: float


class _Shift:
    """One shift: ``rows`` of the candidates, whose groups are the districts.

    :ivar group: district of each row, counted from the shift's first
    :ivar low: 1 where a mission is set
    :ivar high: largest chance of each row, 0 where there must be no mission
    """

    def __init__(self, run: _Run, rows: slice, groups: slice) -> None:
        candidates, settings = run.candidates, run.settings
        self.run, self.rows, self.groups = run, rows, groups
        self.cell = candidates.cell[rows]
        self.group = candidates.group[rows] - groups.start
        self.count = groups.stop - groups.start
        self.name, self.start = candidates.groups.shift[groups.start], candidates.groups.start[groups.start]
        self.end = candidates.groups.end[groups.start]
        self.harm = candidates.harm[rows]
        effects = run.given.overrides.during(self.name, self.start)
        self.barred, self.forced = effects.barred[self.cell], effects.forced[self.cell]
        self.boxes = [box for box in (self._placed(each) for each in effects.boxes) if box is not None]
        run.override[rows] = effects.row[self.cell]
        self._look_at_doses()
        self.low = self.forced.astype(np.float64)
        self.high = np.where(self.barred | (self.closed & ~self.forced), 0.0, settings.ceiling)
        self.high[self.forced] = 1.0

    def _look_at_doses(self) -> None:
        """What doses say of each cell, and what a mission in it is therefore worth."""
        run, rows = self.run, self.rows
        worth, self.closed = np.ones(len(self.cell)), np.zeros(len(self.cell), dtype=bool)
        self.minutes = np.zeros(len(run.given.areas.area))
        if run.dose is not None:
            run.dose = run.dose.at(int(self.start.astype(np.int64)))
            worth, self.closed = run.dose.worth[self.cell], ~run.dose.open[self.cell]
            run.residual[rows], run.state[rows] = run.dose.residual[self.cell], run.dose.state[self.cell]
            self.minutes = run.dose.minutes_7d
        self.value = self.harm * worth
        run.value[rows], run.barred[rows], run.forced[rows] = self.value, self.barred, self.forced

    def _placed(self, box: Box) -> _Placed | None:
        """A box in the district that holds most of it; nothing when none of its cells is in the shift."""
        place = {cell: row for row, cell in enumerate(self.cell.tolist())}
        parts = [(place[cell], at) for at, cell in enumerate(box.cell.tolist()) if cell in place]
        if not parts:
            return None
        rows, at = (np.array(each) for each in zip(*parts))
        group = int(np.argmax(np.bincount(self.group[rows], box.share[at], minlength=self.count)))
        area = int(self.run.given.areas.area[box.cell[int(np.argmax(box.share))]])
        return _Placed(box, group, area, float((self.harm[rows] * box.covered[at]).sum()))

    def plan(self) -> None:
        """Fit the numbers, solve the law, draw, and count the missions as visits."""
        run, rows, groups, settings = self.run, self.rows, self.groups, self.run.settings
        boxes = np.bincount([box.group for box in self.boxes], minlength=self.count).astype(np.int64)
        by_hand = np.bincount(self.group, self.forced, minlength=self.count).astype(np.int64)
        wanted = np.maximum(run.asked[groups] - boxes, by_hand)
        extra = self._controls(wanted - by_hand)
        limits = self._limits(int((wanted + boxes).sum()))
        fitted = feasible.fit(wanted + extra, self.group, self.low, self.high, settings.exploration, limits)
        self._tell(run.asked[groups], wanted, by_hand + boxes, fitted)
        law = inclusion_probabilities(
            self.value, self.group, fitted.number, settings.harm_kept, self.high, fitted.low, limits
        )
        table = run.candidates.table
        drawn = draw(law.probability, table["col"][rows], table["row"][rows], self.group, self._streams(), limits)
        number = np.minimum(fitted.number, wanted)
        control, share = self._pick_controls(drawn & ~self.forced, fitted.number - number)
        run.chance[rows], run.selected[rows], run.control[rows] = law.probability, drawn & ~control, control
        run.mission_chance[rows] = law.probability * np.where(self.forced, 1.0, 1.0 - share[self.group])
        run.number[groups], run.controls[groups] = number + boxes, fitted.number - number
        run.temperature[groups], run.greedy[groups], run.expected[groups] = law.temperature, law.greedy, law.expected
        run.harm[:, groups] = self._account(law, wanted + extra, boxes)
        run.boxes += [(groups.start + placed.group, placed.box) for placed in self.boxes]
        self._count_as_visits(drawn & ~control)

    def _tell(self, asked: Ints, wanted: Ints, by_hand: Ints, fitted: feasible.Fitted) -> None:
        """Keep what the user should know."""
        districts = self.run.candidates.groups.district[self.groups]
        shut = np.bincount(self.group, self.high == 0, minlength=self.count)
        self.run.short.by_hand(districts, asked, by_hand)
        self.run.short.closed_by_hand(int(np.count_nonzero(self.closed & self.forced)))
        self.run.short.note(districts, wanted, fitted, np.bincount(self.group, minlength=self.count), shut)

    # --- what stands in the way

    def _limits(self, missions: int) -> Limits | None:
        """What areas may still have, drawn boxes taken off; refuses what was set by hand beyond it."""
        areas, settings = self.run.given.areas, self.run.settings
        if not settings.areas.any or not areas.names:
            return None
        harm = np.zeros(len(areas.area))
        harm[self.cell] = self.harm
        dose_minutes = settings.dose_minutes * self.run.given.visits
        most = areas.most(settings.areas, missions, harm, self.minutes, dose_minutes)
        area = areas.area[self.cell]
        held = np.bincount(area[self.forced & (area >= 0)], minlength=len(areas.names))
        boxes = np.bincount([box.area for box in self.boxes if box.area >= 0], minlength=len(areas.names))
        over = np.flatnonzero(held + boxes > most)
        if len(over):
            at = int(over[0])
            raise InputError(
                f"{held[at] + boxes[at]} missions are set by hand in “{areas.names[at]}” in the shift “{self.name}”, "
                f"where the limits of areas allow {most[at]:g}.",
                "Withdraw some of them, or raise the limit.",
            )
        return Limits(area, most - boxes)

    def _streams(self) -> list[Stream]:
        names = self.run.candidates.groups.district[self.groups]
        return [self._stream(self.name, district or "") for district in names]

    def _stream(self, *names: str) -> Stream:
        return Stream(self.run.settings.seed, int(self.start.astype(np.int64)), names)

    # --- controls

    def _controls(self, number: Ints) -> Ints:
        """Cells to draw beside the missions, so that the wanted share of what is drawn can go without.

        Fractions are rounded up or down by lot, so that each district's expectation and the shift's total are right.
        """
        share = self.run.settings.control
        if share == 0:
            return np.zeros(self.count, dtype=np.int64)
        ends = np.cumsum(number * share / (1.0 - share)) + self._stream(self.name, "controls").uniforms(1)[0]
        return np.diff(np.floor(ends), prepend=0.0).astype(np.int64)

    def _pick_controls(self, drawn: Flags, extra: Ints) -> tuple[Flags, Floats]:
        """Which of the cells drawn go without a mission, by lot; and their share of those drawn, per district."""
        control = np.zeros(len(drawn), dtype=bool)
        counts = np.bincount(self.group[drawn], minlength=self.count)
        for group in np.flatnonzero(extra).tolist():
            mine = np.flatnonzero(drawn & (self.group == group))
            district = self.run.candidates.groups.district[self.groups.start + group] or ""
            lots = self._stream(self.name, district, "controls").uniforms(len(mine))
            control[mine[np.argsort(lots, kind="stable")[: extra[group]]]] = True
        return control, extra / np.maximum(counts, 1)

    # --- accounts

    def _account(self, law: Inclusion, wanted: Ints, boxes: Ints) -> Floats:
        """Harm of the best choice with nothing in the way, and after each of :data:`STEPS`; shape (5, districts)."""
        cells = np.bincount(self.group, minlength=self.count)
        start = law_groups.starts(cells)
        in_boxes = np.bincount(
            [box.group for box in self.boxes], [box.harm for box in self.boxes], minlength=self.count
        )

        def best(value: Floats, number: Ints) -> Floats:
            return law_areas.choose(value, start, cells, np.minimum(number, cells), None)

        def by_hand(value: Floats, closed: Flags) -> Floats:
            rank = np.where(self.forced, np.inf, np.where(closed, -1.0, value))
            return np.where(closed & ~self.forced, 0.0, best(rank, wanted))

        chosen = np.stack(
            [
                best(self.harm, wanted + boxes),
                by_hand(self.harm, self.barred),
                by_hand(self.value, self.high == 0),
                law.choice,
                law.probability,
            ]
        )
        harm = np.stack([np.bincount(self.group, each * self.harm, minlength=self.count) for each in chosen])
        harm[1:] += in_boxes
        return np.asarray(harm)

    def _count_as_visits(self, missions: Flags) -> None:
        """What is planned counts as patrol at some moment of its shift, for the shifts to come."""
        run = self.run
        if run.dose is None:
            return
        minutes = run.settings.dose_minutes
        start, end = (int(each.astype(np.int64)) for each in (self.start, self.end))
        cells = [self.cell[missions], *(placed.box.cell for placed in self.boxes)]
        parts = [np.full(len(cells[0]), minutes), *(minutes * placed.box.share for placed in self.boxes)]
        visits = run.given.visits
        run.dose = run.dose.after(np.concatenate(cells * visits), np.concatenate(parts * visits), start, end)
