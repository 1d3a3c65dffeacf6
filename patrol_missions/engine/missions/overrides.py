"""What a person decided against the draw: cells without or with a mission, missions moved, boxes of one's own.

An override holds for shifts that start within its time of validity, of one name or of any. It has a reason and an
author, and is an input of the plan: the same overrides give the same plan.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from patrol_missions.core.errors import InputError
from patrol_missions.core.grid import cell_id, cell_keys
from patrol_missions.core.law_groups import Floats, Ints
from patrol_missions.core.tables import Table

SUPPRESS, ADD, LOCK, MOVE, BOX = "suppress", "add", "lock", "move", "box"
KINDS = (SUPPRESS, ADD, LOCK, MOVE, BOX)
"""No mission in a cell; a mission in it; a drawn mission kept; a mission here instead of there; a box of one's own."""

_FOREVER = np.datetime64("2200-01-01", "s")


@dataclass(frozen=True, eq=False)
class Box:
    """A drawn box: it counts as a mission of the district that holds most of it.

    :param name: what it is called
    :param cell: the cells that it touches, shape (n,)
    :param covered: share of each of these cells that it covers
    :param share: share of the box that lies in each of them
    :param row: of the overrides' table
    """

    name: str
    cell: Ints
    covered: Floats
    share: Floats
    row: int


@dataclass(frozen=True, eq=False)
class Effects:
    """What holds in one shift.

    :param barred: cells that get no mission, shape (cells,)
    :param forced: cells that get one for certain, shape (cells,)
    :param row: row of the overrides' table that says so, -1 for none, shape (cells,)
    """

    barred: NDArray[np.bool_]
    forced: NDArray[np.bool_]
    row: Ints
    boxes: tuple[Box, ...]


@dataclass(frozen=True, eq=False)
class Overrides:
    """All overrides of a plan.

    :param table: see :meth:`of`
    :param cell: index of the cell that each is about, -1 for boxes
    :param target: index of the cell to which a mission is moved, -1 for others
    """

    table: Table
    cell: Ints
    target: Ints
    boxes: tuple[Box, ...]
    cells: int

    @classmethod
    def none(cls, cells: int) -> Overrides:
        """No overrides."""
        empty = np.zeros(0, dtype=np.int64)
        return cls(Table({}), empty, empty, (), cells)

    @classmethod
    def of(cls, table: Table, boxes: Table | None, columns: Ints, rows: Ints) -> Overrides:
        """Overrides of the cells given by column and row.

        :param table: ``kind``, ``reason``, ``author`` (texts), ``col``, ``row``, ``to_col``, ``to_row`` (whole
            numbers; the last two for moves), ``shift`` and ``box`` (texts or none), ``valid_from``, ``valid_to``
            (UTC or NaT)
        :param boxes: ``box`` (text), ``col``, ``row``, ``covered`` (share of the cell), ``share`` (of the box)
        :raises InputError: an unknown kind or cell, a reason or an author that is missing, a box without cells
        """
        kinds = table.text("kind")
        _check_texts(table, kinds)
        keys = cell_keys(columns, rows)
        order = np.argsort(keys, kind="stable")
        about = np.isin(kinds.astype(str), (SUPPRESS, ADD, LOCK, MOVE))
        moves = kinds.astype(str) == MOVE
        cell = _places(table, "col", "row", about, keys, order)
        target = _places(table, "to_col", "to_row", moves, keys, order)
        named = table.text("box") if "box" in table else np.full(len(table), None, dtype=object)
        found = tuple(
            _box(str(named[row]), row, boxes, keys, order) for row in np.flatnonzero(kinds.astype(str) == BOX).tolist()
        )
        return cls(table, cell, target, found, len(columns))

    def during(self, shift: str, start: np.datetime64) -> Effects:
        """What holds in a shift.

        :param shift: its name
        :param start: UTC, datetime64[s]
        :raises InputError: a cell that is to have a mission and to have none
        """
        barred, forced = (np.zeros(self.cells, dtype=bool) for _ in range(2))
        why = np.full(self.cells, -1, dtype=np.int64)
        if len(self.table) == 0:
            return Effects(barred, forced, why, ())
        active = self._active(shift, start)
        kinds = self.table.text("kind").astype(str)
        for row in np.flatnonzero(active).tolist():
            kind, here, there = kinds[row], int(self.cell[row]), int(self.target[row])
            places = {SUPPRESS: ((here, barred),), MOVE: ((here, barred), (there, forced))}.get(kind, ((here, forced),))
            for place, mark in places:
                if place < 0:
                    continue
                other = forced if mark is barred else barred
                if other[place]:
                    self._contradict(row, int(why[place]), place, shift)
                mark[place], why[place] = True, row
        return Effects(barred, forced, why, tuple(box for box in self.boxes if active[box.row]))

    def _active(self, shift: str, start: np.datetime64) -> NDArray[np.bool_]:
        table = self.table
        active = np.ones(len(table), dtype=bool)
        if "shift" in table:
            names = table.text("shift")
            active &= np.array([name is None or str(name).strip() in ("", shift) for name in names], dtype=bool)
        if "valid_from" in table:
            begins = table["valid_from"].astype("datetime64[s]")
            active &= np.isnat(begins) | (begins <= start)
        if "valid_to" in table:
            ends = table["valid_to"].astype("datetime64[s]")
            active &= np.where(np.isnat(ends), _FOREVER, ends) > start
        return active

    def _contradict(self, row: int, other: int, cell: int, shift: str) -> None:
        reasons, kinds = self.table.text("reason"), self.table.text("kind")
        place = self.table["col"], self.table["row"]
        at = next(r for r in (row, other) if self.cell[r] == cell or self.target[r] == cell)
        if self.target[at] == cell:
            place = self.table["to_col"], self.table["to_row"]
        name = cell_id(int(place[0][at]), int(place[1][at]))
        raise InputError(
            f"Cell {name} is to have a mission and to have none in the shift “{shift}”: “{kinds[other]}” "
            f"({reasons[other]}) and “{kinds[row]}” ({reasons[row]}).",
            "Withdraw one of the two.",
        )


def _check_texts(table: Table, kinds: NDArray[np.object_]) -> None:
    for row, kind in enumerate(kinds.tolist()):
        if kind not in KINDS:
            raise InputError(f"An override is called “{kind}”.", f"Choose one of: {', '.join(KINDS)}.")
        for what in ("reason", "author"):
            text = table.text(what)[row] if what in table else None
            if text is None or not str(text).strip():
                raise InputError(f"An override (“{kind}”) has no {what}.", f"Write its {what} down.")


def _places(table: Table, column: str, row: str, wanted: NDArray[np.bool_], keys: Ints, order: Ints) -> Ints:
    """Index of the cell that each row names, -1 where it is not asked for one."""
    index = np.full(len(table), -1, dtype=np.int64)
    if not wanted.any():
        return index
    named = cell_keys(table[column].astype(np.int64), table[row].astype(np.int64))
    place = np.minimum(np.searchsorted(keys, named, sorter=order), len(keys) - 1)
    found = order[place]
    unknown = np.flatnonzero(wanted & (keys[found] != named))
    if len(unknown):
        at = int(unknown[0])
        raise InputError(
            f"An override is about cell {cell_id(int(table[column][at]), int(table[row][at]))}, which the forecast "
            "does not have.",
            "Choose a cell of the forecast, or withdraw the override.",
        )
    index[wanted] = found[wanted]
    return index


def _box(name: str, row: int, boxes: Table | None, keys: Ints, order: Ints) -> Box:
    mine = np.zeros(0, dtype=np.int64) if boxes is None else np.flatnonzero(boxes.text("box") == name)
    if boxes is not None and len(mine):
        part = boxes.take(mine)
        named = cell_keys(part["col"].astype(np.int64), part["row"].astype(np.int64))
        found = order[np.minimum(np.searchsorted(keys, named, sorter=order), len(keys) - 1)]
        there = keys[found] == named
        if there.any():
            covered, share = (np.asarray(part[each], dtype=np.float64)[there] for each in ("covered", "share"))
            return Box(name, found[there], covered, share, row)
    raise InputError(f"The box “{name}” lies outside the cells of the forecast.", "Move it, or withdraw it.")
