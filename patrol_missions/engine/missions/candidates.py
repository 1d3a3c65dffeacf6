"""The forecast as the allocation sees it: checked, in one fixed order, grouped by shift and district."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from patrol_missions.core import weights as weighing
from patrol_missions.core.errors import InputError
from patrol_missions.core.grid import cell_id, cell_keys
from patrol_missions.core.names import EXPECTED
from patrol_missions.core.tables import Table, encode_text
from patrol_missions.core.weights import Weight
from patrol_missions.engine.missions.overrides import Box

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

NO_DISTRICT = "no district"
"""What the cells without a district are called where a name is needed; they are planned for as one group."""

_NEEDED = ("col", "row", "shift", "shift_date", "start", "end")
_HINT = "Give the layer that Forecast risk made."


@dataclass(frozen=True)
class Groups:
    """Districts x shifts, ordered by start, shift and district; arrays of shape (groups,).

    :param district: name, ``None`` for the cells without one
    :param shift: name
    :param date: operational date, datetime64[s]
    :param start: UTC, datetime64[s]
    :param end: UTC, datetime64[s]
    :param cells: number of cells
    """

    district: tuple[str | None, ...]
    shift: tuple[str, ...]
    date: NDArray[np.datetime64]
    start: NDArray[np.datetime64]
    end: NDArray[np.datetime64]
    cells: Ints

    def __len__(self) -> int:
        return len(self.district)


@dataclass(frozen=True)
class Candidates:
    """Rows of the forecast (cell x shift), ordered by group, column and row.

    :param table: the forecast's columns in that order
    :param harm: what a mission in each cell is worth, float64
    :param group: index into ``groups`` of each row
    :param expected: expected incidents per category, float64
    :param weights: weights that make up the harm; empty when they cannot be told
    """

    table: Table
    harm: Floats
    group: Ints
    groups: Groups
    expected: Mapping[str, Floats]
    weights: tuple[Weight, ...]

    @cached_property
    def _cells(self) -> tuple[Ints, Ints, Ints]:
        """Column and row of each cell, and the index of each row's cell."""
        keys = cell_keys(self.table["col"], self.table["row"])
        _, first, index = np.unique(keys, return_index=True, return_inverse=True)
        return self.table["col"][first], self.table["row"][first], index.reshape(-1)

    @property
    def columns(self) -> Ints:
        """Grid column of each cell of the forecast, shape (cells,)."""
        return self._cells[0]

    @property
    def rows(self) -> Ints:
        """Grid row of each cell of the forecast, shape (cells,)."""
        return self._cells[1]

    @property
    def cell(self) -> Ints:
        """Index of the cell of each row."""
        return self._cells[2]

    @cached_property
    def shifts(self) -> tuple[tuple[slice, slice], ...]:
        """Rows and groups of each shift instance, in the order of their start."""
        groups = self.groups
        told = list(zip(groups.start.tolist(), groups.shift))
        first = [at for at in range(len(groups)) if at == 0 or told[at] != told[at - 1]]
        ends = np.concatenate(([0], np.cumsum(groups.cells)))
        return tuple((slice(int(ends[a]), int(ends[b])), slice(a, b)) for a, b in zip(first, [*first[1:], len(groups)]))

    def first_shifts(self, number: int) -> Candidates:
        """The first shifts alone."""
        rows, groups = self.shifts[min(number, len(self.shifts)) - 1]
        few = self.take(np.arange(rows.stop))
        parts = {each.name: getattr(self.groups, each.name)[: groups.stop] for each in fields(Groups)}
        return replace(few, groups=Groups(**parts))

    def take(self, rows: Ints) -> Candidates:
        """Some of the rows, in the order given; no longer ordered by group unless that order is."""
        expected = {category: values[rows] for category, values in self.expected.items()}
        return replace(
            self, table=self.table.take(rows), harm=self.harm[rows], group=self.group[rows], expected=expected
        )

    def joined(self, others: Sequence[Candidates]) -> Candidates:
        """These rows, and those of others made from the same forecast after them."""
        if not others:
            return self
        every = [self, *others]
        columns = {name: np.concatenate([each.table[name] for each in every]) for name in self.table.columns}
        expected = {category: np.concatenate([each.expected[category] for each in every]) for category in self.expected}
        harm, group = (np.concatenate([getattr(each, name) for each in every]) for name in ("harm", "group"))
        return replace(self, table=Table(columns, self.table.labels), harm=harm, group=group, expected=expected)

    def in_box(self, group: int, box: Box) -> tuple[Candidates, int]:
        """A drawn box in the shift of a group as a row of its own, and the row of the cell that holds most of it.

        What is expected in it is what is expected in its cells, by the share of each that it covers.
        """
        start, shift = self.groups.start[group], self.groups.shift[group]
        at = next(
            rows for rows, groups in self.shifts
            if self.groups.start[groups.start] == start and self.groups.shift[groups.start] == shift
        )  # fmt: skip
        place = {cell: at.start + row for row, cell in enumerate(self.cell[at].tolist())}
        inside = [(place[cell], number) for number, cell in enumerate(box.cell.tolist()) if cell in place]
        rows, numbers = (np.array(each) for each in zip(*inside))
        covered = box.covered[numbers]
        most = int(rows[np.argmax(box.share[numbers])])
        part = self.take(np.array([most]))
        expected = {category: np.array([(values[rows] * covered).sum()]) for category, values in self.expected.items()}
        harm = np.array([(self.harm[rows] * covered).sum()])
        summed = {name: np.array([(self.table[name][rows] * covered).sum()]).astype(self.table[name].dtype)
                  for name in self.table.columns if name.startswith(EXPECTED) or name == "harm"}  # fmt: skip
        table = Table({**part.table.columns, **summed}, part.table.labels)
        return replace(part, table=table, harm=harm, group=np.array([group]), expected=expected), most

    def means(self) -> dict[str, Floats]:
        """Expected incidents of the mean cell, per category and group."""
        groups = len(self.groups)
        return {
            category: np.bincount(self.group, values, minlength=groups) / self.groups.cells
            for category, values in self.expected.items()
        }

    def contributions(self) -> Floats:
        """Share of the harm of each row that is due to each category, shape (rows, categories); 0 without harm."""
        parts = np.stack([self.expected[w.category] * w.value for w in self.weights], axis=1)
        whole = parts.sum(axis=1, keepdims=True)
        return np.asarray(np.divide(parts, whole, out=np.zeros_like(parts), where=whole > 0))


def read(forecast: Table, labels: Mapping[str, str]) -> Candidates:
    """Check a forecast, put it into its fixed order, and take its harm as it is.

    :param labels: category as people call it, per ``expected_`` field; others are called after their field
    :raises InputError: the forecast is empty, misses a column, has missing or doubled rows
    """
    if len(forecast) == 0:
        raise InputError("The forecast has no rows.", _HINT)
    missing = [name for name in _NEEDED if name not in forecast]
    if missing:
        raise InputError(f"The forecast has no {', '.join(f'“{name}”' for name in missing)}.", _HINT)
    order, group, groups = _grouped(forecast)
    table = forecast.take(order)
    _no_doubles(table, group, groups)
    expected: dict[str, Floats] = {}
    for field in table.columns:
        if field.startswith(EXPECTED):
            category = labels.get(field) or _from_field(field)
            # Two fields under one name would make one of them vanish from the harm.
            name = f"{category} ({field})" if category in expected else category
            expected[name] = np.asarray(table[field], dtype=np.float64)
    for category, values in expected.items():
        wrong = np.count_nonzero(~(np.isfinite(values) & (values >= 0)))
        if wrong:
            raise InputError(
                f"Expected incidents of “{category}” are negative or missing in {wrong} of {len(table)} rows.", _HINT
            )
    harm = np.asarray(table["harm"], dtype=np.float64) if "harm" in table else np.full(len(table), np.nan)
    return Candidates(table, harm, group, groups, expected, _recovered(harm, expected))


def reweighed(candidates: Candidates, weights: Sequence[Weight]) -> Candidates:
    """The same with harm from other weights, and rank, percentile and top category to match."""
    if not candidates.expected:
        raise InputError(
            "The forecast has no expected incidents per category, so its harm cannot be weighed anew.",
            "Give the layer that Forecast risk made, or leave the weights as in the forecast.",
        )
    if not any(weight.value > 0 for weight in weights):
        raise InputError(
            "No category has a weight above 0, so no cell matters more than another.",
            "Switch a category on, and give it a severity and a preventability above 0.",
        )
    harm = weighing.harm(candidates.expected, weights)
    rank, percentile = _ranks(harm, candidates.table)
    parts = np.stack([candidates.expected[w.category] * w.value for w in weights], axis=1)
    top = np.where(parts.max(axis=1) > 0, np.argmax(parts, axis=1), -1).astype(np.int32)
    columns = {
        **candidates.table.columns,
        "harm": harm.astype(np.float32),
        "rank": rank,
        "percentile": percentile,
        "top_category": top,
    }
    table = Table(columns, {**candidates.table.labels, "top_category": tuple(w.category for w in weights)})
    return Candidates(table, harm, candidates.group, candidates.groups, candidates.expected, tuple(weights))


def _grouped(forecast: Table) -> tuple[Ints, Ints, Groups]:
    """Order of the rows, group of each row in that order, and the groups."""
    shifts, shift = _names(forecast, "shift")
    districts, district = _names(forecast, "district")
    if len(shifts) < shift.max() + 1:
        raise InputError("Some rows of the forecast have no shift.", _HINT)
    moments = {name: forecast[name].astype("datetime64[s]") for name in ("shift_date", "start", "end")}
    for name, values in moments.items():
        if np.isnat(values).any():
            raise InputError(f"Some rows of the forecast have no “{name}”.", _HINT)
    keys = np.stack([moments["start"].astype(np.int64), shift, moments["shift_date"].astype(np.int64), district])
    order = np.lexsort((forecast["row"], forecast["col"], *keys[::-1]))
    keys = keys[:, order]
    begins = np.concatenate(([True], (keys[:, 1:] != keys[:, :-1]).any(axis=0)))
    first = order[begins]
    groups = Groups(
        tuple([*districts, None][code] for code in district[first].tolist()),
        tuple(shifts[code] for code in shift[first].tolist()),
        moments["shift_date"][first],
        moments["start"][first],
        moments["end"][first],
        np.diff(np.append(np.flatnonzero(begins), len(order))),
    )
    named = list(zip(groups.date.tolist(), groups.shift, groups.district))
    if len(set(named)) < len(named):
        double = next(name for name in named if named.count(name) > 1)
        raise InputError(f"The shift “{double[1]}” of {double[0]:%Y-%m-%d} starts at more than one time.", _HINT)
    return order, np.cumsum(begins) - 1, groups


def _names(forecast: Table, column: str) -> tuple[tuple[str, ...], Ints]:
    """Sorted names in a text column and the code of each row; rows without one come after the last name."""
    if column not in forecast:
        return (), np.zeros(len(forecast), dtype=np.int64)
    if column in forecast.labels:
        codes, labels = forecast[column], forecast.labels[column]
    else:
        codes, labels = encode_text(None if text is None else str(text) for text in forecast.text(column))
    clean = [label.strip() for label in labels]
    names = tuple(sorted({name for name in clean if name}))
    place = {name: index for index, name in enumerate(names)}
    lookup = np.array([*(place.get(name, len(names)) for name in clean), len(names)], dtype=np.int64)
    return names, lookup[codes]


def _no_doubles(table: Table, group: Ints, groups: Groups) -> None:
    instance = np.unique(groups.start.astype(np.int64), return_inverse=True)[1]
    names = np.unique(np.array(groups.shift), return_inverse=True)[1]
    keys = np.stack([instance[group], names[group], cell_keys(table["col"], table["row"])])
    order = np.lexsort(keys[::-1])
    same = (np.diff(keys[:, order], axis=1) == 0).all(axis=0)
    if same.any():
        at = int(order[int(np.argmax(same))])
        where = int(group[at])
        raise InputError(
            f"Cell {cell_id(int(table['col'][at]), int(table['row'][at]))} is in the forecast more than once for "
            f"{groups.shift[where]} of {groups.date[where].astype('datetime64[D]')}.",
            "Remove the doubled rows: every cell has one row per shift.",
        )


def _from_field(field: str) -> str:
    return field[len(EXPECTED) :].replace("_", " ").capitalize()


def _ranks(harm: Floats, table: Table) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    """Rank of each row within its shift (1 = most harm) and percentile (100 = most harm, 0 = least)."""
    names, shift = _names(table, "shift")
    instance = np.unique(table["start"].astype(np.int64), return_inverse=True)[1] * max(len(names), 1) + shift
    order = np.lexsort((table["row"], table["col"], -harm, instance))
    begins = np.concatenate(([True], np.diff(instance[order]) != 0))
    starts = np.flatnonzero(begins)
    cells = np.diff(np.append(starts, len(order)))
    rank = np.empty(len(order), dtype=np.int32)
    rank[order] = np.arange(len(order)) - np.repeat(starts, cells) + 1
    size = np.empty(len(order), dtype=np.int64)
    size[order] = np.repeat(cells, cells)
    return rank, (100.0 * (size - rank) / np.maximum(size - 1, 1)).astype(np.float32)


def _recovered(harm: Floats, expected: Mapping[str, Floats]) -> tuple[Weight, ...]:
    """Weights that the forecast's harm was made with, told from harm and expected incidents; none when they do not fit.

    The harm is linear in the expected incidents, so least squares finds the weights back. They are used to say which
    categories a mission is for, never to choose.
    """
    if not expected or not np.isfinite(harm).all() or not (harm > 0).any():
        return ()
    matrix = np.stack(list(expected.values()), axis=1)
    scale = matrix.max(axis=0)
    matrix = matrix / np.where(scale > 0, scale, 1.0)
    solution = np.linalg.lstsq(matrix, harm, rcond=None)[0].clip(0.0)
    if np.abs(matrix @ solution - harm).max() > 1e-3 * harm.max():
        return ()
    values = solution / np.where(scale > 0, scale, 1.0)
    return tuple(Weight(category, float(v), 1.0, "as in the forecast") for category, v in zip(expected, values))
