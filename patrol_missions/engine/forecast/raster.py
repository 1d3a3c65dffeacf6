"""The grid's cells laid out as a raster, so that neighbours and kernel densities are separable array filters."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage, sparse

from patrol_missions.core.errors import InputError

_MOST_PIXELS = 40_000_000
_FEWEST_NEIGHBOURS = 2
_TRUNCATE = 3.0  # kernels end at three widths: 1 % of a Gaussian's mass lies beyond, in two dimensions


@dataclass(frozen=True, eq=False)
class Raster:
    """Where each cell lies in the bounding rectangle of all cells.

    :param flat: index of each cell in the flattened raster, int64, shape (cells,)
    :param height: rows of the raster
    :param width: columns of the raster
    """

    flat: np.ndarray
    height: int
    width: int

    @classmethod
    def of(cls, columns: np.ndarray, rows: np.ndarray) -> Raster:
        """The raster that spans cells given by grid column and row (int64, shape (cells,))."""
        if len(columns) == 0:
            raise InputError("The grid has no cells.", "Build the grid again with Build grid.")
        left, low = int(columns.min()), int(rows.min())
        width, height = int(columns.max()) - left + 1, int(rows.max()) - low + 1
        if width * height > _MOST_PIXELS:
            raise InputError(
                f"The grid spans {width} x {height} cells, more than {_MOST_PIXELS:,}.",
                "Use larger cells, or plan distant parts of the jurisdiction one by one.",
            )
        flat = (np.asarray(rows, dtype=np.int64) - low) * width + (np.asarray(columns, dtype=np.int64) - left)
        if len(np.unique(flat)) < len(flat):
            raise InputError("The grid has the same cell twice.", "Build the grid again with Build grid.")
        return cls(flat, height, width)

    def spread(self, values: np.ndarray) -> np.ndarray:
        """Values per cell, shape (..., cells), as pictures of shape (..., height, width), float32, 0 outside."""
        shape = values.shape[:-1]
        picture = np.zeros((*shape, self.height * self.width), dtype=np.float32)
        picture[..., self.flat] = values
        return picture.reshape(*shape, self.height, self.width)

    def gather(self, picture: np.ndarray) -> np.ndarray:
        """Pictures of shape (..., height, width) back as values per cell, shape (..., cells)."""
        return picture.reshape(*picture.shape[:-2], -1)[..., self.flat]

    def neighbourhood(self, values: np.ndarray, reach: int) -> np.ndarray:
        """Sum over the square of ``2 * reach + 1`` cells a side around each cell (itself included), same shape."""
        size = 2 * reach + 1
        picture = self.spread(values)
        for axis in (-2, -1):
            picture = ndimage.uniform_filter1d(picture, size, axis=axis, mode="constant") * np.float32(size)
        # The running mean leaves rounding dust where nothing is.
        return np.maximum(self.gather(picture), 0.0)

    def smooth(self, values: np.ndarray, width_cells: float) -> np.ndarray:
        """Gaussian kernel smoothing that keeps each map's sum: mass that would leave the cells is put back inside.

        Every cell's mass is divided by the share of its kernel that falls on cells, then spread (edge correction by
        renormalising the kernel at the source, Diggle 1985), so borders and holes neither lose nor gain incidents.

        :param values: shape (..., cells)
        :param width_cells: standard deviation of the kernel in cell sides
        """
        inside = self._filter(self.spread(np.ones(len(self.flat), dtype=np.float32)), width_cells)
        held = self.gather(inside)
        return np.maximum(self.gather(self._filter(self.spread(values / held), width_cells)), 0.0)

    def laplacian(self) -> sparse.csc_matrix:
        """Each cell's number of neighbours that share a side minus those neighbours, shape (cells, cells).

        A cell with less than two counts as having two (the missing ones are 0): else it would hang loose.
        """
        number = np.full(self.height * self.width, -1, dtype=np.int64)
        number[self.flat] = np.arange(len(self.flat))
        picture = number.reshape(self.height, self.width)
        sides = ((picture[:, :-1], picture[:, 1:]), (picture[:-1], picture[1:]))
        pairs = np.concatenate([np.stack([a[(a >= 0) & (b >= 0)], b[(a >= 0) & (b >= 0)]]) for a, b in sides], axis=1)
        cells = len(self.flat)
        one_way = sparse.coo_matrix((np.ones(pairs.shape[1]), (pairs[0], pairs[1])), shape=(cells, cells))
        beside = sparse.csc_matrix(one_way + one_way.T)
        return sparse.csc_matrix(
            sparse.diags(np.maximum(np.asarray(beside.sum(axis=1)).ravel(), _FEWEST_NEIGHBOURS)) - beside
        )

    @staticmethod
    def _filter(picture: np.ndarray, width_cells: float) -> np.ndarray:
        for axis in (-2, -1):
            picture = ndimage.gaussian_filter1d(picture, width_cells, axis=axis, mode="constant", truncate=_TRUNCATE)
        return picture
