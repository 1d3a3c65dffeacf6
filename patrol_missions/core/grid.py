"""Grid arithmetic: which square a point falls in, and the stable name of that square.

The grid's origin is snapped to multiples of the cell size in a projected metre CRS, so column = floor(x / size) and
row = floor(y / size): names survive a changed boundary, and points join cells by arithmetic instead of by geometry.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np

from patrol_missions.core.errors import InputError

_CELL_ID = re.compile(r"(-?\d+)E(-?\d+)N")
_HALF = 1 << 31
# Beyond this a column or row is a wild coordinate, not a place on Earth; it keeps `cell_keys` free of overflow.
_LIMIT = _HALF - 1


def columns_rows(x: np.ndarray, y: np.ndarray, size_m: float) -> tuple[np.ndarray, np.ndarray]:
    """Columns and rows (int64) of points; coordinates that are not finite or not on Earth give the far corner cell.

    :param x: eastings in metres, shape (n,)
    :param y: northings in metres, shape (n,)
    :param size_m: side of a cell in metres
    """
    if not size_m > 0:
        raise InputError(f"The cell size is {size_m} m.", "Give a size above zero.")
    columns, rows = (_floor(np.asarray(v, dtype=np.float64) / size_m) for v in (x, y))
    return columns, rows


def _floor(values: np.ndarray) -> np.ndarray:
    wild = ~(np.abs(values) < _LIMIT)  # also true for NaN
    return np.where(wild, -_LIMIT, np.floor(np.where(wild, 0.0, values))).astype(np.int64)


def cell_keys(columns: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """One sortable int64 per cell, for joins by `numpy.searchsorted`."""
    return (np.asarray(columns, dtype=np.int64) << 32) + (np.asarray(rows, dtype=np.int64) + _HALF)


def locate(x: np.ndarray, y: np.ndarray, columns: np.ndarray, rows: np.ndarray, size_m: float) -> np.ndarray:
    """Index (int64) into the given cells of the one that holds each point; -1 outside them all."""
    keys = cell_keys(columns, rows)
    if len(keys) == 0:
        return np.full(len(x), -1, dtype=np.int64)
    order = np.argsort(keys, kind="stable")
    wanted = cell_keys(*columns_rows(x, y, size_m))
    place = np.minimum(np.searchsorted(keys, wanted, sorter=order), len(keys) - 1)
    found = order[place]
    return np.where(keys[found] == wanted, found, -1)


@dataclass(frozen=True, eq=False)
class Block:
    """The smallest rectangle of cells around a grid's, and which cell lies where in it.

    :param column: first column
    :param row: first row
    :param index: index of the cell, -1 where there is none, int32, shape (rows, columns)
    """

    column: int
    row: int
    index: np.ndarray

    @classmethod
    def of(cls, columns: np.ndarray, rows: np.ndarray) -> Block:
        """The block around cells given by column and row."""
        column, row = int(np.min(columns)), int(np.min(rows))
        index = np.full((int(np.max(rows)) - row + 1, int(np.max(columns)) - column + 1), -1, dtype=np.int32)
        index[np.asarray(rows) - row, np.asarray(columns) - column] = np.arange(len(columns))
        return cls(column, row, index)

    def at(self, columns: np.ndarray, rows: np.ndarray) -> np.ndarray:
        """Index of the cells at columns and rows (arrays of one shape), -1 where there is none."""
        height, width = self.index.shape
        j, i = columns - self.column, rows - self.row
        within = (i >= 0) & (i < height) & (j >= 0) & (j < width)
        return np.where(within, self.index[np.where(within, i, 0), np.where(within, j, 0)], -1)


def centres(columns: np.ndarray, rows: np.ndarray, size_m: float) -> tuple[np.ndarray, np.ndarray]:
    """Eastings and northings in metres of the cells' centres."""
    return (np.asarray(columns) + 0.5) * size_m, (np.asarray(rows) + 0.5) * size_m


def cell_id(column: int, row: int) -> str:
    """The cell's stable name, such as ``"1943E17702N"``."""
    return f"{column}E{row}N"


def cell_ids(columns: np.ndarray, rows: np.ndarray) -> list[str]:
    """Names of many cells."""
    return [cell_id(c, r) for c, r in zip(np.asarray(columns).tolist(), np.asarray(rows).tolist())]


def parse_cell_id(text: str) -> tuple[int, int]:
    """Column and row of a cell's name; :class:`InputError` for anything else."""
    match = _CELL_ID.fullmatch(str(text))
    if match is None:
        raise InputError(
            f"“{text}” is not a cell id.", "Cell ids look like 1943E17702N; build the grid with Build grid."
        )
    return int(match[1]), int(match[2])
