"""Training rows: every cell-shift with an incident, and a weighted sample of those without.

Where nothing happened is by far the most. Cells are put into strata by their share of the risk surface; from each
stratum and week a fixed number of cell-shifts is drawn with replacement and weighted by how many each stands for, so
weighted sums over the sample are unbiased for the whole panel.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np

from patrol_missions.engine.forecast.features import Features
from patrol_missions.engine.forecast.panel import Labels

STRATA = 12


@dataclass(frozen=True, eq=False)
class TrainingSet:
    """Rows to learn from.

    :param features: float32, shape (rows, features)
    :param count: incidents, aoristic, float32, shape (rows,)
    :param weight: cell-shifts that each row stands for, float32
    :param log_surface: log of the incidents that the risk surface expects, float64
    :param origin: moment as of which the row was computed, seconds UTC, ascending
    """

    features: np.ndarray
    count: np.ndarray
    weight: np.ndarray
    log_surface: np.ndarray
    origin: np.ndarray

    def __len__(self) -> int:
        return len(self.count)

    def take(self, rows: slice) -> TrainingSet:
        """Some consecutive rows, without copying."""
        return TrainingSet(
            self.features[rows], self.count[rows], self.weight[rows], self.log_surface[rows], self.origin[rows]
        )


class Rows:
    """Training rows of one category, gathered origin by origin.

    :ivar origins: how many origins there are rows of
    :ivar positives: how many rows have incidents
    """

    def __init__(self) -> None:
        self._parts: list[TrainingSet] = []
        self.origins = self.positives = 0

    def add(
        self, features: np.ndarray, count: np.ndarray, weight: np.ndarray, log_surface: np.ndarray, origin: int
    ) -> None:
        """Append the rows of one origin."""
        origins = np.full(len(count), origin, dtype=np.int64)
        counts, weights = count.astype(np.float32), weight.astype(np.float32)
        self._parts.append(TrainingSet(features, counts, weights, log_surface, origins))
        self.origins += 1
        self.positives += int((count > 0).sum())

    def between(self, first: int, last: int) -> TrainingSet:
        """The rows of origins from one moment up to another."""
        rows = self.whole()
        begin = int(np.searchsorted(rows.origin, first, side="left"))
        return rows.take(slice(begin, int(np.searchsorted(rows.origin, last, side="right"))))

    def whole(self) -> TrainingSet:
        """All rows so far. They are kept as one part from then on: memory holds them once."""
        names = [each.name for each in fields(TrainingSet)]
        self._parts = [TrainingSet(*(np.concatenate([getattr(p, name) for p in self._parts]) for name in names))]
        return self._parts[0]


def sample(
    features: Features, category: int, labels: Labels, first: int, last: int, negatives: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Cells, instances (counted from ``first``), incidents and weights of one origin's training rows.

    :param first: panel row of the first instance of ``features``
    :param last: panel row after the last one
    :param negatives: cell-shifts without incident to draw
    """
    instance, cell, count = labels.between(first, last)
    spans = last - first
    share = np.exp(features.log_share(category))
    order = np.argsort(-share, kind="stable")
    edges = _strata(share[order])
    drawn_cell, drawn_instance, weight = [], [], []
    masses = np.add.reduceat(share[order], edges[:-1]) * np.diff(edges)
    quota = np.maximum(np.rint(negatives * np.sqrt(masses) / np.sqrt(masses).sum()), 4).astype(np.int64)
    for low, high, number in zip(edges[:-1], edges[1:], quota):
        draws = rng.random((2, number))
        drawn_cell.append(order[low + (draws[0] * (high - low)).astype(np.int64)])
        drawn_instance.append((draws[1] * spans).astype(np.int64))
        weight.append(np.full(number, (high - low) * spans / number))
    cells, instances, weights = (np.concatenate(part) for part in (drawn_cell, drawn_instance, weight))
    key = instance * labels.cells + cell
    drawn = (instances + first) * labels.cells + cells
    place = np.minimum(np.searchsorted(key, drawn), max(len(key) - 1, 0))
    empty = key[place] != drawn if len(key) else np.ones(len(drawn), dtype=bool)
    return (
        np.concatenate([cell, cells[empty]]),
        np.concatenate([instance - first, instances[empty]]),
        np.concatenate([count, np.zeros(int(empty.sum()))]),
        np.concatenate([np.ones(len(cell)), weights[empty]]),
    )


def _strata(share: np.ndarray) -> np.ndarray:
    """Borders of strata in cells ordered by falling share: equal steps of the logarithm of the rank."""
    cells = len(share)
    edges = np.unique(np.rint(np.geomspace(1, cells + 1, STRATA + 1)).astype(np.int64) - 1)
    return edges if len(edges) > 1 else np.array([0, cells])
