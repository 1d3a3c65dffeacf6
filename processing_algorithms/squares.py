"""Cells and points as well-known binary, made in arrays: many thousands of features in a few milliseconds."""

from __future__ import annotations

import struct

import numpy as np

from patrol_missions.core.grid import cell_ids
from patrol_missions.core.tables import Table

_POLYGON, _POINT, _MULTIPOLYGON = 3, 1, 6
_SQUARE = np.dtype([("order", "u1"), ("type", "<u4"), ("rings", "<u4"), ("points", "<u4"), ("xy", "<f8", (5, 2))])
_SPOT = np.dtype([("order", "u1"), ("type", "<u4"), ("xy", "<f8", 2)])


def squares(columns: np.ndarray, rows: np.ndarray, size_m: float) -> list[bytes]:
    """The square of each cell."""
    made = np.zeros(len(columns), dtype=_SQUARE)
    made["order"], made["type"], made["rings"], made["points"] = 1, _POLYGON, 1, 5
    for corner, (dx, dy) in enumerate(((0, 0), (1, 0), (1, 1), (0, 1), (0, 0))):
        made["xy"][:, corner, 0] = (np.asarray(columns) + dx) * size_m
        made["xy"][:, corner, 1] = (np.asarray(rows) + dy) * size_m
    return _pieces(made)


def many(polygon: bytes) -> bytes:
    """A polygon as a multipolygon of one."""
    return struct.pack("<BII", 1, _MULTIPOLYGON, 1) + polygon


def points(x: np.ndarray, y: np.ndarray) -> list[bytes]:
    """The point of each pair of coordinates."""
    made = np.zeros(len(x), dtype=_SPOT)
    made["order"], made["type"] = 1, _POINT
    made["xy"][:, 0], made["xy"][:, 1] = x, y
    return _pieces(made)


def _pieces(made: np.ndarray) -> list[bytes]:
    whole, size = made.tobytes(), made.dtype.itemsize
    return [whole[i : i + size] for i in range(0, len(whole), size)]


def named_cells(table: Table) -> Table:
    """The table with the cells' names as its first column, ``cell_id``."""
    names = np.array(cell_ids(table["col"], table["row"]), dtype=np.str_)
    return Table({"cell_id": names, **table.columns}, table.labels)
