"""Missions of shifts that are over, put back on the ground on which they were chosen."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from patrol_missions.core import grid
from patrol_missions.core.errors import InputError
from patrol_missions.core.grid import cell_id, cell_keys
from patrol_missions.core.law_groups import Floats, Ints, sums
from patrol_missions.core.tables import Table, encode_text
from patrol_missions.engine.data.shifts import Instances
from patrol_missions.engine.data.zones import Zone
from patrol_missions.engine.forecast import settings
from patrol_missions.engine.missions.candidates import NO_DISTRICT, Candidates

_NEEDED = ("col", "row", "shift", "start", "end")
_HINT = "Give the layer that Allocate missions made."
_MINUTES = 15.0  # of a mission that does not say


@dataclass(frozen=True, eq=False)
class PastPlan:
    """Missions and the cells around them.

    :param instances: the shifts that had missions, by start and name
    :param names: of shifts, sorted; ``instances.shift`` indexes them
    :param shift: of each place with a mission, an index of the instances, shape (places,); a place is a cell in a shift
    :param cell: of each place, an index of the cells, same shape
    :param minutes: planned in each place, same shape
    :param missions: number of missions; two in one place count twice
    :param columns: grid column of each cell, shape (cells,)
    :param rows: grid row, same shape
    :param district: of each cell, an index of ``districts``, same shape
    :param districts: names, sorted
    :param size_m: side of a cell
    :param candidates: the forecast of these shifts; ``None`` without one
    :param warnings: what to tell the user
    """

    instances: Instances
    names: tuple[str, ...]
    shift: Ints
    cell: Ints
    minutes: Floats
    missions: int
    columns: Ints
    rows: Ints
    district: Ints
    districts: tuple[str, ...]
    size_m: float
    candidates: Candidates | None
    warnings: tuple[str, ...]

    @cached_property
    def has_mission(self) -> NDArray[np.bool_]:
        """Which cells had one, shape (shifts, cells)."""
        found = np.zeros((len(self.instances), len(self.columns)), dtype=bool)
        found[self.shift, self.cell] = True
        return found

    @cached_property
    def row_of(self) -> Ints:
        """Row of the forecast of each cell and shift, -1 where it has none, shape (shifts, cells)."""
        found = np.full((len(self.instances), len(self.columns)), -1, dtype=np.int64)
        if self.candidates is not None:
            shift = _same_shift(self.candidates, self.instances, self.names)[self.candidates.group]
            rows = np.flatnonzero(shift >= 0)
            found[shift[rows], self.candidates.cell[rows]] = rows
        return found

    def locate(self, x: Floats, y: Floats) -> Ints:
        """Index of the cell that holds each point, -1 outside them all."""
        return grid.locate(x, y, self.columns, self.rows, self.size_m)

    @classmethod
    def of(
        cls, missions: Table, candidates: Candidates | None, around: Table, size_m: float, zone: Zone, last: int
    ) -> PastPlan:
        """Missions of the shifts that had begun by a moment.

        :param missions: ``col, row, shift, start, end`` (UTC), perhaps ``shift_date``, ``district``, ``dose_minutes``
            (of a visit), ``visits`` and ``box``
        :param candidates: the forecast that the missions were drawn from, perhaps of more shifts
        :param around: ``col, row`` and perhaps ``district`` of what else is looked at; cells where there is no forecast
        :param last: seconds UTC
        :raises InputError: the table is empty or not one of missions; none of them is over, or in the forecast
        """
        instances, names, shift = _shifts(missions, zone)
        told = _about_boxes(missions)
        fine = instances.start.astype(np.int64) <= last
        if not fine.any():
            raise InputError(
                f"No shift of the missions had begun when the last incident did, on {settings.words(last)}.",
                "Wait until the incidents of the shifts are in the record, or choose missions of shifts that are over.",
            )
        told += _left_out(~fine, "Shifts that began after the last incident, and are left out")
        if candidates is not None:
            there = np.zeros(len(instances), dtype=bool)
            known = _same_shift(candidates, instances, names)
            there[known[known >= 0]] = True
            if not (fine & there).any():
                raise InputError(
                    "The forecast has none of the shifts that the missions are for.",
                    "Choose the forecast that the missions were made from, or leave it blank.",
                )
            told += _left_out(fine & ~there, "Shifts that the forecast does not have, and that are left out")
            fine &= there
        number = np.where(fine, np.cumsum(fine) - 1, -1)
        rows = np.flatnonzero(number[shift] >= 0)
        kept, shift = missions.take(rows), number[shift[rows]]
        columns, lines, district, districts = _ground(kept, candidates, around)
        cell = _cells(kept, columns, lines)
        place, at = np.unique(shift * len(columns) + cell, return_inverse=True)
        planned = sums(at.reshape(-1), _minutes(kept), len(place))
        shift, cell = place // len(columns), place % len(columns)
        ground = (columns, lines, district, districts, size_m, candidates)
        plan = cls(instances.take(fine), names, shift, cell, planned, len(kept), *ground, tuple(told))
        strange = cell[plan.row_of[shift, cell] < 0]
        if candidates is not None and len(strange):
            raise _strange(int(columns[strange[0]]), int(lines[strange[0]]))
        return plan


def _shifts(missions: Table, zone: Zone) -> tuple[Instances, tuple[str, ...], Ints]:
    """The shifts that missions are for, the shifts' names, and the shift of each mission."""
    if len(missions) == 0:
        raise InputError("There are no missions.", _HINT)
    missing = [name for name in _NEEDED if name not in missions]
    if missing:
        raise InputError(f"The missions have no {', '.join(f'“{name}”' for name in missing)}.", _HINT)
    start, end = (missions[name].astype("datetime64[s]") for name in ("start", "end"))
    texts = missions.text("shift").tolist()
    if np.isnat(start).any() or np.isnat(end).any() or None in texts:
        raise InputError("Some missions do not say in which shift they are.", _HINT)
    if (end <= start).any():
        raise InputError("A shift of the missions ends before it starts.", _HINT)
    names = tuple(sorted(set(texts)))
    name = np.array([names.index(text) for text in texts], dtype=np.int64)
    told = np.stack([start.astype(np.int64), name, end.astype(np.int64)])
    found, first, shift = np.unique(told, axis=1, return_index=True, return_inverse=True)
    for at in range(len(names)):
        mine = found[:, found[1] == at]
        if (mine[0, 1:] < mine[2, :-1]).any():
            raise InputError(
                f"The shift “{names[at]}” of the missions overlaps itself.",
                "Choose missions of plans that do not have the same shift at different times.",
            )
    days = missions["shift_date"] if "shift_date" in missions else zone.to_local(start).astype("datetime64[D]")
    date = days.astype("datetime64[s]")[first]
    instances = Instances(zone, found[1].astype(np.int32), date, start[first], end[first])
    return instances, names, shift.reshape(-1).astype(np.int64)


def _same_shift(candidates: Candidates, instances: Instances, names: tuple[str, ...]) -> Ints:
    """Index of the shift that each group of a forecast is of, -1 where it is none of them."""
    told = zip(instances.start.astype(np.int64).tolist(), instances.shift.tolist())
    known = {(start, names[shift]): number for number, (start, shift) in enumerate(told)}
    groups = candidates.groups
    keys = zip(groups.start.astype(np.int64).tolist(), groups.shift)
    return np.array([known.get(key, -1) for key in keys], dtype=np.int64)


def _ground(missions: Table, candidates: Candidates | None, around: Table) -> tuple[Ints, Ints, Ints, tuple[str, ...]]:
    """Column, row and district of each cell, and the districts' names."""
    if candidates is not None:
        names = [name or NO_DISTRICT for name in candidates.groups.district]
        districts = tuple(sorted(set(names)))
        code = np.array([districts.index(name) for name in names], dtype=np.int64)
        district = np.zeros(len(candidates.columns), dtype=np.int64)
        district[candidates.cell] = code[candidates.group]
        return candidates.columns, candidates.rows, district, districts
    both = (missions, around)
    columns, lines = (np.concatenate([table[name].astype(np.int64) for table in both]) for name in ("col", "row"))
    texts = [
        (text or "").strip() or NO_DISTRICT
        for table in both
        for text in (table.text("district").tolist() if "district" in table else [""] * len(table))
    ]
    districts = tuple(sorted(set(texts)))
    _, first = np.unique(cell_keys(columns, lines), return_index=True)
    codes, labels = encode_text(texts)
    lookup = np.array([districts.index(label) for label in labels], dtype=np.int64)
    return columns[first], lines[first], lookup[codes][first], districts


def _cells(missions: Table, columns: Ints, rows: Ints) -> Ints:
    """Index of the cell of each mission."""
    keys, wanted = cell_keys(columns, rows), cell_keys(missions["col"], missions["row"])
    order = np.argsort(keys, kind="stable")
    found = order[np.minimum(np.searchsorted(keys, wanted, sorter=order), len(keys) - 1)]
    strange = np.flatnonzero(keys[found] != wanted)
    if len(strange):
        at = int(strange[0])
        raise _strange(int(missions["col"][at]), int(missions["row"][at]))
    return found


def _minutes(missions: Table) -> Floats:
    """Planned in each mission, all its visits together."""
    number = len(missions)
    dose = missions["dose_minutes"].astype(np.float64) if "dose_minutes" in missions else np.full(number, _MINUTES)
    visits = missions["visits"].astype(np.float64) if "visits" in missions else np.ones(number)
    return np.nan_to_num(dose, nan=_MINUTES) * np.nan_to_num(visits, nan=1.0)


def _strange(column: int, row: int) -> InputError:
    return InputError(
        f"The forecast does not have cell {cell_id(column, row)} in a shift in which it has a mission.",
        "Choose the forecast that the missions were made from, or leave it blank.",
    )


def _left_out(which: NDArray[np.bool_], what: str) -> list[str]:
    number = int(which.sum())
    return [f"{what}: {number}."] if number else []


def _about_boxes(missions: Table) -> list[str]:
    """Drawn boxes are known by one cell alone."""
    if "box" not in missions:
        return []
    number = sum(bool(name) for name in missions.text("box").tolist())
    return [f"Missions in drawn boxes, which count as the cell that holds most of them: {number}."] if number else []
