r"""Where and when incidents happen: a linear self-exciting process on cells, simulated and foretold exactly.

In cell :math:`c` the expected rate of a category, given everything before time :math:`t`, is

.. math:: \lambda_c(t) = \mu_c(t) + h(t) \sum_{i:\,t_i < t} \kappa\,\beta\,e^{-\beta (t - t_i)} K_{c_i c}

a background :math:`\mu` plus, for every earlier incident, near repeats: about :math:`\kappa` of them, after an
exponential time of mean :math:`1/\beta`, at an hour of day as the rhythm :math:`h` (mean 1) has it, in a cell as the
kernel :math:`K` has it. Near repeats that fall into water or outside the city are lost. Because the rate is linear in
the past, the expected future obeys a linear differential equation (:func:`expected_counts`): the truth needs no
simulation.

The kernel depends on the cell of the first incident, not on the spot within it; spots may therefore be given afterwards
by any rule without changing the process.

Source: Hawkes, A. G. (1971), Spectra of some self-exciting and mutually exciting point processes, Biometrika 58(1);
cluster simulation: Hawkes & Oakes (1974), J. Appl. Probab. 11(3).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from scipy.sparse import csr_matrix
from scipy.special import ndtr

from patrol_missions.engine.data.city_random import exponential, pick, unit_process

REACH_CELLS = 4
"""Near repeats farther than this many columns or rows away are cut off, and the rest scaled up to make up for them."""


@dataclass(frozen=True, eq=False)
class CellMap:
    """The cells of the city and their neighbours.

    :param columns: of every cell, int64, shape (n,)
    :param rows: of every cell, int64, shape (n,)
    :param land_share: share of the cell's square that is land of the city, float64, shape (n,)
    """

    columns: np.ndarray
    rows: np.ndarray
    land_share: np.ndarray
    index: np.ndarray = field(init=False, repr=False)
    """Cell at (row, column) of a raster with a margin of ``REACH_CELLS``; -1 where there is none."""

    def __post_init__(self) -> None:
        rows, columns = (v - v.min() + REACH_CELLS for v in (self.rows, self.columns))
        index = np.full((int(rows.max()) + REACH_CELLS + 1, int(columns.max()) + REACH_CELLS + 1), -1, dtype=np.int32)
        index[rows, columns] = np.arange(len(self))
        object.__setattr__(self, "index", index)

    def __len__(self) -> int:
        return len(self.columns)

    def neighbour(self, cells: np.ndarray, right: np.ndarray | int, up: np.ndarray | int) -> np.ndarray:
        """The cell so many columns to the right and rows up (at most ``REACH_CELLS``) of each; -1 for none."""
        rows = self.rows[cells] - self.rows.min() + REACH_CELLS + up
        columns = self.columns[cells] - self.columns.min() + REACH_CELLS + right
        return np.asarray(self.index[rows, columns])


@dataclass(frozen=True, eq=False)
class Process:
    """One category's law.

    :param weights: how the background of each component lies over the cells, rows sum to 1, shape (components, n)
    :param rates: background incidents per hour of each component, by hour of the clock, shape (components, hours)
    :param rhythm: factor on near repeats by hour, mean about 1, shape (hours,)
    :param offspring: near repeats per incident, before the lost ones
    :param decay_hours: mean time to a near repeat
    :param spread_m: standard deviation of a near repeat's distance in x and in y
    :param cell_size_m: side of a cell
    """

    weights: np.ndarray
    rates: np.ndarray
    rhythm: np.ndarray
    offspring: float
    decay_hours: float
    spread_m: float
    cell_size_m: float


@dataclass(frozen=True, eq=False)
class Happenings:
    """Incidents as the process made them, parents before their near repeats.

    :param time: hours since the clock's start, float64
    :param cell: index into the cells, int64
    :param parent: index into these very arrays of the incident it repeats, -1 for none of them
    :param generation: 0 for background
    """

    time: np.ndarray
    cell: np.ndarray
    parent: np.ndarray
    generation: np.ndarray

    def __len__(self) -> int:
        return len(self.time)


def offset_probabilities(spread_m: float, cell_size_m: float) -> np.ndarray:
    """Probabilities that a near repeat lies -REACH_CELLS..REACH_CELLS cells away along one axis.

    The first incident is uniform in its cell and the distance normal, which integrates in closed form.
    """

    def twice_integrated(x: np.ndarray) -> np.ndarray:
        z = x / spread_m
        return np.asarray(x * ndtr(z) + spread_m * np.exp(-0.5 * z * z) / np.sqrt(2.0 * np.pi))

    edges = np.arange(-REACH_CELLS - 1, REACH_CELLS + 2) * cell_size_m
    inside = np.diff(twice_integrated(edges), 2) / cell_size_m
    return np.asarray(inside / inside.sum())


def kernel(cells: CellMap, spread_m: float, cell_size_m: float) -> csr_matrix:
    """``K[c, d]``: probability that a near repeat of an incident in cell c happens in cell d; rows sum to at most 1."""
    along = offset_probabilities(spread_m, cell_size_m)
    everyone = np.arange(len(cells))
    sources, targets, values = [], [], []
    for up in range(-REACH_CELLS, REACH_CELLS + 1):
        for right in range(-REACH_CELLS, REACH_CELLS + 1):
            found = cells.neighbour(everyone, right, up)
            there = np.flatnonzero(found >= 0)
            sources.append(there)
            targets.append(found[there])
            values.append(along[up + REACH_CELLS] * along[right + REACH_CELLS] * cells.land_share[found[there]])
    entries = (np.concatenate(values), (np.concatenate(sources), np.concatenate(targets)))
    return csr_matrix(entries, shape=(len(cells), len(cells)))


def simulate(
    process: Process,
    cells: CellMap,
    start: float,
    end: float,
    background: np.random.Generator,
    repeats: np.random.Generator,
    history: Happenings | None = None,
    step: Callable[[], None] = lambda: None,
) -> Happenings:
    """Incidents of ``[start, end)`` (hours since the clock's start), given what happened before ``start``.

    :param background: draws the incidents that repeat nothing
    :param repeats: draws near repeats
    :param history: earlier incidents, whose near repeats after ``start`` belong to the future
    :param step: called between stages, for progress
    """
    time, cell = _background(process, start, end, background)
    if history is not None:
        later, there, _ = _repeats(process, cells, history.time, history.cell, start, end, repeats)
        time, cell = np.concatenate([time, later]), np.concatenate([cell, there])
    parts = [(time, cell, np.full(len(time), -1, dtype=np.int64))]
    made = 0
    while len(time):
        step()
        older = len(time)
        time, cell, parent = _repeats(process, cells, time, cell, start, end, repeats)
        parts.append((time, cell, parent + made))
        made += older
    generation = np.repeat(np.arange(len(parts), dtype=np.int32), [len(part[0]) for part in parts])
    columns = [np.concatenate(column) for column in zip(*parts)]
    return Happenings(columns[0], columns[1], columns[2], generation)


def _background(process: Process, start: float, end: float, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Times and cells of a Poisson process, by the inverse of its cumulative intensity, component by component."""
    hours = np.arange(process.rates.shape[1] + 1, dtype=np.float64)
    times, places = [], []
    for weights, rates in zip(process.weights, process.rates):
        total = np.concatenate([[0.0], np.cumsum(rates)])
        first, last = np.interp([start, end], hours, total)
        moments = np.interp(first + unit_process(rng, float(last - first)), total, hours)
        times.append(np.clip(moments, start, np.nextafter(end, start)))
        places.append(pick(rng, weights, len(moments)))
    return np.concatenate(times), np.concatenate(places)


def _repeats(
    process: Process,
    cells: CellMap,
    time: np.ndarray,
    cell: np.ndarray,
    start: float,
    end: float,
    rng: np.random.Generator,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Near repeats of the given incidents within ``[start, end)``: times, cells and which incident each repeats.

    Made at the rhythm's highest factor, then thinned to the rhythm of the hour and to the land of the cell.
    """
    highest = float(process.rhythm.max())
    each = process.offspring * highest
    parent = np.minimum((unit_process(rng, each * len(time)) / max(each, 1e-12)).astype(np.int64), len(time) - 1)
    moment = time[parent] + process.decay_hours * exponential(rng, len(parent))
    along = offset_probabilities(process.spread_m, process.cell_size_m)
    right = pick(rng, along, len(parent)) - REACH_CELLS
    up = pick(rng, along, len(parent)) - REACH_CELLS
    chance = rng.random(len(parent))
    kept = np.flatnonzero((moment >= start) & (moment < end))
    parent, moment, chance = parent[kept], moment[kept], chance[kept]
    found = cells.neighbour(cell[parent], right[kept], up[kept])
    share = process.rhythm[moment.astype(np.int64)] / highest * cells.land_share[found]
    kept = np.flatnonzero((found >= 0) & (chance < share))
    return moment[kept], found[kept].astype(np.int64), parent[kept]


def growth(process: Process, repeats: csr_matrix) -> float:
    """Incidents in the long run per background incident: the geometric series of near repeats, less the lost ones."""
    share = process.rates.sum(axis=1) / process.rates.sum()
    generation = share @ process.weights
    total = 0.0
    for _ in range(200):
        total += float(generation.sum())
        generation = process.offspring * (repeats.T @ generation)
        if generation.sum() < 1e-12:
            break
    return total


def expected_counts(
    process: Process,
    repeats: csr_matrix,
    history: Happenings,
    now: float,
    starts: np.ndarray,
    ends: np.ndarray,
    step: Callable[[float], None] = lambda _: None,
) -> np.ndarray:
    r"""Expected incidents of each future span in each cell, given the history: the known truth.

    With :math:`S` the rate of near repeats in a cell before rhythm,

    .. math:: E[S]' = -\beta E[S] + \kappa \beta K^T (\mu + h E[S])

    where :math:`\mu` and :math:`h` are constant within an hour. Each piece is solved by its Taylor series to the third
    order; with decays of days the remainder per hour is below 1e-8 of S.

    :param repeats: the :func:`kernel` of the process
    :param now: end of the history in hours since the clock's start; only incidents before it count
    :param starts: of the spans in hours, at or after ``now``, shape (m,)
    :param ends: of the spans in hours, shape (m,)
    :param step: told how far it is, 0 to 1
    :return: shape (m, n)
    """
    beta = 1.0 / process.decay_hours
    excite = (process.offspring * beta * repeats.T).tocsr()
    past = history.time < now
    fading = np.exp(-beta * (now - history.time[past]))
    state = excite @ np.bincount(history.cell[past], weights=fading, minlength=repeats.shape[0])
    result = np.zeros((len(starts), repeats.shape[0]))
    horizon = float(ends.max()) if len(ends) else now
    edges = np.unique(np.concatenate([[now], np.arange(np.ceil(now), horizon), starts, ends]))
    for number, (left, right) in enumerate(zip(edges[:-1], edges[1:])):
        hour, length = int(left), float(right - left)
        background = process.rates[:, hour] @ process.weights
        rhythm = float(process.rhythm[hour])
        slope = excite @ (background + rhythm * state) - beta * state
        second = rhythm * (excite @ slope) - beta * slope
        third = rhythm * (excite @ second) - beta * second
        area = length * (state + length * (slope / 2.0 + length * (second / 6.0 + length * third / 24.0)))
        state = state + length * (slope + length * (second / 2.0 + length * third / 6.0))
        inside = np.flatnonzero((starts <= left) & (ends >= right))
        if len(inside):
            result[inside] += length * background + rhythm * area
        if number % 24 == 0:
            step(number / len(edges))
    return result
