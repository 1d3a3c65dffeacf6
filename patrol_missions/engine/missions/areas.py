"""Areas, such as neighbourhoods, and what each may have of a shift's missions at most.

Limits are whole numbers of missions. An area may always have one mission, whatever its share of missions or of harm;
only minutes that were delivered already can close it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from patrol_missions.core.errors import InputError
from patrol_missions.core.grid import cell_id, cell_keys
from patrol_missions.core.law_groups import Floats, Ints
from patrol_missions.core.tables import Table

FEWEST_PEOPLE = 50.0
"""Below so many residents and workers an area has no limit per 1,000 people: one visit would be beyond any."""

_DUST = 1e-9


@dataclass(frozen=True)
class AreaRules:
    """Limits of areas; ``None`` for no limit.

    :param share: largest share of the missions asked for in the shift that may lie in one area
    :param minutes_per_1000: largest number of patrol minutes per 1,000 residents and workers in seven days
    :param harm_ratio: largest share of the shift's missions over the area's share of expected harm
    """

    share: float | None = None
    minutes_per_1000: float | None = None
    harm_ratio: float | None = None

    def __post_init__(self) -> None:
        for what, value, largest in (
            ("share of missions in one area", self.share, 1.0),
            ("number of minutes per 1,000 people", self.minutes_per_1000, np.inf),
            ("ratio of an area's missions to its harm", self.harm_ratio, np.inf),
        ):
            if value is not None and not 0 < value <= largest:
                raise InputError(f"The largest {what} is {value:g}.", "Choose a number above 0, or leave it blank.")

    @property
    def any(self) -> bool:
        """Whether there is any limit."""
        return any(each is not None for each in (self.share, self.minutes_per_1000, self.harm_ratio))


@dataclass(frozen=True, eq=False)
class Areas:
    """Which area each cell lies in.

    :param names: of the areas, sorted
    :param area: of each cell, -1 for none, shape (cells,)
    :param people: residents and workers of each cell, NaN where unknown, shape (cells,)
    """

    names: tuple[str, ...]
    area: Ints
    people: Floats

    @classmethod
    def none(cls, cells: int) -> Areas:
        """No areas, and nothing known of people."""
        return cls((), np.full(cells, -1, dtype=np.int64), np.full(cells, np.nan))

    @classmethod
    def of(cls, table: Table, columns: Ints, rows: Ints) -> Areas:
        """Areas of cells given by column and row, from a table of cells with ``area`` and, perhaps, ``people``."""
        keys, wanted = cell_keys(table["col"], table["row"]), cell_keys(columns, rows)
        order = np.argsort(keys, kind="stable")
        double = np.flatnonzero(np.diff(keys[order]) == 0)
        if len(double):
            at = int(order[double[0]])
            raise InputError(
                f"Cell {cell_id(int(table['col'][at]), int(table['row'][at]))} is in the table of areas twice.",
                "Give every cell one area.",
            )
        place = np.minimum(np.searchsorted(keys, wanted, sorter=order), max(len(keys) - 1, 0))
        found = order[place] if len(keys) else np.zeros(len(wanted), dtype=np.int64)
        there = keys[found] == wanted if len(keys) else np.zeros(len(wanted), dtype=bool)
        people = np.where(there, table["people"][found], np.nan) if "people" in table else np.full(len(wanted), np.nan)
        if (people < 0).any():
            raise InputError("The number of people in a cell is below 0.", "Correct the layer of areas.")
        if "area" not in table:
            return cls((), np.full(len(wanted), -1, dtype=np.int64), people)
        names = tuple(sorted(set(table.labels["area"])))
        lookup = np.array([*(names.index(label) for label in table.labels["area"]), -1], dtype=np.int64)
        area = np.where(there, lookup[table["area"][found]], -1)
        return cls(names, area, people)

    def sums(self, per_cell: Floats) -> Floats:
        """Sum over each area, NaN left out."""
        inside = (self.area >= 0) & np.isfinite(per_cell)
        return np.bincount(self.area[inside], per_cell[inside], minlength=len(self.names)).astype(np.float64)

    def most(self, rules: AreaRules, missions: int, harm: Floats, minutes: Floats, dose_minutes: float) -> Floats:
        """Missions that each area may have in a shift at most, whole numbers, infinite where there is no limit.

        :param missions: of the whole shift
        :param harm: expected in the shift, per cell
        :param minutes: of patrol in the last seven days, per cell
        :param dose_minutes: of one mission
        """
        most = np.full(len(self.names), np.inf)
        if rules.share is not None:
            most = np.minimum(most, max(1.0, np.floor(rules.share * missions + _DUST)))
        if rules.harm_ratio is not None and harm.sum() > 0:
            share = self.sums(harm) / harm.sum()
            most = np.minimum(most, np.maximum(1.0, np.floor(rules.harm_ratio * share * missions + _DUST)))
        if rules.minutes_per_1000 is not None:
            people = self.sums(self.people)
            left = rules.minutes_per_1000 * people / 1000.0 - self.sums(minutes)
            whole = np.maximum(np.floor(left / dose_minutes + _DUST), 0.0)
            most = np.where(people >= FEWEST_PEOPLE, np.minimum(most, whole), most)
        return most
