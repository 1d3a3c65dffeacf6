"""How much of each cell lies inside an area, exactly: the area is halved along cell borders down to whole cells."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from qgis.core import QgsGeometry, QgsRectangle

from patrol_missions.core.errors import Canceled
from patrol_missions.processing_algorithms.areas import polygons_only

_FULL = 1.0 - 1e-9
_AREA_TOLERANCE = 1e-6


@dataclass(frozen=True)
class Window:
    """A block of cells: first column and row, and how many of each."""

    column: int
    row: int
    columns: int
    rows: int

    @classmethod
    def around(cls, box: QgsRectangle, size_m: float) -> Window:
        """The smallest block that covers a rectangle."""
        column, row = math.floor(box.xMinimum() / size_m), math.floor(box.yMinimum() / size_m)
        return cls(
            column,
            row,
            max(math.ceil(box.xMaximum() / size_m) - column, 1),
            max(math.ceil(box.yMaximum() / size_m) - row, 1),
        )

    @property
    def cells(self) -> int:
        """Number of cells."""
        return self.columns * self.rows

    def rectangle(self, size_m: float) -> QgsRectangle:
        """The block's outline."""
        return QgsRectangle(
            self.column * size_m,
            self.row * size_m,
            (self.column + self.columns) * size_m,
            (self.row + self.rows) * size_m,
        )

    def halves(self) -> tuple[Window, Window]:
        """The block cut across its longer side."""
        if self.columns > self.rows:
            cut = self.columns // 2
            return (
                Window(self.column, self.row, cut, self.rows),
                Window(self.column + cut, self.row, self.columns - cut, self.rows),
            )
        cut = self.rows // 2
        return (
            Window(self.column, self.row, self.columns, cut),
            Window(self.column, self.row + cut, self.columns, self.rows - cut),
        )

    def overlap(self, other: Window) -> Window | None:
        """The block that two blocks share, if any."""
        column, row = max(self.column, other.column), max(self.row, other.row)
        columns = min(self.column + self.columns, other.column + other.columns) - column
        rows = min(self.row + self.rows, other.row + other.rows) - row
        return Window(column, row, columns, rows) if columns > 0 and rows > 0 else None

    def within(self, outer: Window) -> tuple[slice, slice]:
        """Where the block's rows and columns lie in an array of shape (outer.rows, outer.columns)."""
        row, column = self.row - outer.row, self.column - outer.column
        return slice(row, row + self.rows), slice(column, column + self.columns)


def cell_shares(
    area: QgsGeometry, window: Window, size_m: float, is_canceled: Callable[[], bool] = lambda: False
) -> np.ndarray:
    """Share (0 to 1) of each cell of a block that lies inside an area, shape (rows, columns).

    :param area: valid polygons in the grid's CRS
    :param window: the block of cells
    :param size_m: side of a cell in metres
    :raises Canceled: ``is_canceled`` said so
    """
    shares = _cut(area, window, size_m, QgsGeometry.clipped, is_canceled)
    # Cutting by a rectangle is six times as fast as a general intersection but not proof against every geometry;
    # the areas tell whether it went well.
    inside = polygons_only(area.intersection(QgsGeometry.fromRect(window.rectangle(size_m)))).area() / size_m**2
    if abs(float(shares.sum()) - inside) > _AREA_TOLERANCE * max(inside, 1.0):
        shares = _cut(area, window, size_m, lambda g, box: g.intersection(QgsGeometry.fromRect(box)), is_canceled)
    return shares


def _cut(
    area: QgsGeometry,
    window: Window,
    size_m: float,
    clip: Callable[[QgsGeometry, QgsRectangle], QgsGeometry],
    is_canceled: Callable[[], bool],
) -> np.ndarray:
    shares = np.zeros((window.rows, window.columns))
    todo = [(window, area)]
    while todo:
        if is_canceled():
            raise Canceled
        block, rest = todo.pop()
        piece = polygons_only(clip(rest, block.rectangle(size_m)))
        if piece.isNull():
            continue
        share = piece.area() / (size_m**2 * block.cells)
        if share >= _FULL or block.cells == 1:
            shares[block.within(window)] = min(share, 1.0) if block.cells == 1 and share < _FULL else 1.0
        else:
            todo += [(half, piece) for half in block.halves()]
    return shares
