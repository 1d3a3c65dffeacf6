"""The draw: fixed size, exact inclusion probabilities, spread over the map (local pivotal method).

Grafström, Lundström & Schelin (2012), Spatially balanced sampling through the pivotal method, Biometrics 68(2),
514-520, second variant. While more than one cell is undecided, a random undecided cell meets its nearest undecided
neighbour (by lot among equals) and the two settle their probabilities ``p`` and ``q``:

    p + q < 1:   one of them becomes 0 and the other p + q; the first survives with chance p / (p + q)
    p + q >= 1:  one of them becomes 1 and the other p + q - 1; the first is taken with chance (1 - q) / (2 - p - q)

Each meeting keeps every probability in expectation, so the chance of selection is exactly the one given; it also keeps
the sum, so the number selected is fixed. Neighbours compete, so the selected cells are spread.

Randomness is the raw 64-bit stream of PCG64 seeded by :class:`numpy.random.SeedSequence`: the two parts of NumPy's
random numbers whose output is promised never to change, so that a logged plan can be replayed on any later version.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from patrol_missions.core.law_groups import Floats, Ints
from patrol_missions.engine.missions import rounding
from patrol_missions.engine.missions.law_areas import Limits

_DUST = 1e-12  # a probability so near 0 or 1 is a rounding error of the arithmetic
_PER_MEETING = 3  # random numbers: who, which of the nearest, and who wins
_BATCH = 1 << 18  # cells worked on at once, so that the tables stay in the processor's cache


@dataclass(frozen=True)
class Stream:
    """What seeds the draw of one group: nothing but names and numbers that a person can write down.

    :param seed: the plan's seed
    :param start_s: start of the shift, seconds since 1970 UTC
    :param names: texts that tell the group apart, such as shift and district
    """

    seed: int
    start_s: int
    names: tuple[str, ...]

    def uniforms(self, count: int) -> Floats:
        """So many numbers in [0, 1), the same on every machine."""
        digests = [_digest(name) for name in self.names]
        # Two's complement keeps negative seeds and times before 1970 apart from the positive ones.
        numbers = [number & 0xFFFF_FFFF_FFFF_FFFF for number in (self.seed, self.start_s)]
        raw = np.random.PCG64(np.random.SeedSequence([*numbers, *digests])).random_raw(count)
        return np.asarray((raw >> np.uint64(11)) * 2.0**-53, dtype=np.float64)


@lru_cache(maxsize=4096)
def _digest(name: str) -> int:
    """A whole number below 2^64 that stands for a text, the same in every process."""
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big")


def draw(
    probability: Floats,
    column: Ints,
    row: Ints,
    group: Ints,
    streams: Sequence[Stream],
    limits: Limits | None = None,
) -> NDArray[np.bool_]:
    """Select cells in every group.

    Parameters
    ----------
    probability
        Inclusion probabilities, shape (cells,), with a whole sum (within 1e-6) in every group.
    column, row
        Place of each cell on the grid; distance is measured between them.
    group
        Group of each cell, 0 .. groups - 1; the order of the cells does not matter.
    streams
        Source of randomness of each group.
    limits
        Whole numbers that areas must not pass, which the probabilities meet in the mean. The groups must be the
        districts of one shift.

    Returns
    -------
    ndarray of bool
        Cells selected, in the order given.
    """
    undecided = (probability > _DUST) & (probability < 1.0 - _DUST)
    selected = ~undecided & (probability > 0.5)
    area = _in_danger(limits, probability) if limits is not None else np.full(len(group), -1)
    block, sources = _blocks(group, area, streams)
    # Cells in the order of the map, so that the order in which they came does not matter.
    order = np.lexsort((row, column, block))
    order = order[undecided[order]]
    counts = np.bincount(block[order], minlength=len(sources))
    starts = np.cumsum(counts) - counts
    left: list[tuple[Ints, Floats]] = []
    for batch in _batches(counts):
        width = int(counts[batch].max())
        places = np.arange(width)
        inside = places < counts[batch][:, np.newaxis]
        slots = order[np.where(inside, starts[batch][:, np.newaxis] + places, starts[batch][:, np.newaxis])]
        uniforms = np.zeros((len(batch), width - 1, _PER_MEETING))
        for line, number in zip(uniforms, batch.tolist()):
            meetings = int(counts[number]) - 1
            line[:meetings] = sources[number].uniforms(meetings * _PER_MEETING).reshape(meetings, _PER_MEETING)
        won, rest = _contest(probability, column, row, slots, counts[batch], uniforms)
        selected[won] = True
        left.append(rest)
    if left:
        cells, chances = (np.concatenate(each) for each in zip(*left))
        order = np.argsort(block[cells])
        selected[_last(cells[order], chances[order], group, area, streams)] = True
    return selected


def _in_danger(limits: Limits, probability: Floats) -> Ints:
    """Area of each cell, -1 where an area could not have more than it may however the draw ends."""
    possible = limits.sums((probability > _DUST).astype(np.float64))
    careful = possible > limits.most + rounding.WHOLE
    return np.where((limits.area >= 0) & careful[limits.area], limits.area, -1)


def _blocks(group: Ints, area: Ints, streams: Sequence[Stream]) -> tuple[Ints, list[Stream]]:
    """The block of each cell, all that share a group and an area to be careful with, and the blocks' streams."""
    width = int(area.max(initial=-1)) + 2
    keys, block = np.unique(group * width + area + 1, return_inverse=True)
    sources = []
    for key in keys.tolist():
        stream, number = streams[key // width], key % width - 1
        sources.append(stream if number < 0 else replace(stream, names=(*stream.names, f"area {number}")))
    return block.reshape(-1).astype(np.int64), sources


def _last(cells: Ints, chances: Floats, group: Ints, area: Ints, streams: Sequence[Stream]) -> Ints:
    """Cells selected among those that no meeting has decided, at most one of each block."""
    if (area[cells] < 0).all():
        return np.asarray(cells[chances > 0.5])  # whole but for rounding
    stream = replace(streams[0], names=(*streams[0].names[:1], "areas"))
    uniforms = iter(stream.uniforms(len(cells)).tolist())
    return np.asarray(cells[rounding.settle(chances, group[cells], area[cells], uniforms)])


def _batches(counts: Ints) -> Iterator[Ints]:
    """Groups of like size together, a handful of cells at a time; groups with nothing to decide are left out."""
    by_size = np.argsort(-counts, kind="stable")
    by_size = by_size[: np.count_nonzero(counts)]
    first = 0
    while first < len(by_size):
        take = max(1, _BATCH // int(counts[by_size[first]]))
        yield by_size[first : first + take]
        first += take


def _contest(
    probability: Floats, column: Ints, row: Ints, slots: Ints, counts: Ints, uniforms: Floats
) -> tuple[Ints, tuple[Ints, Floats]]:
    """Run all meetings of blocks side by side; the cells selected, and the last ones with what is left of their chance.

    ``slots`` (blocks, width) holds the indices of the undecided cells, without meaning beyond a block's ``counts``.
    """
    # Distances are taken within a group; from its own corner they are small whole numbers and so compare exactly.
    x = (column[slots] - column[slots].min(axis=1, keepdims=True)).astype(np.float64)
    y = (row[slots] - row[slots].min(axis=1, keepdims=True)).astype(np.float64)
    state = _State(slots, x, y, probability[slots], counts.astype(np.int64))
    winners: list[Ints] = [np.empty(0, dtype=np.int64)]
    left: list[tuple[Ints, Floats]] = []
    for meeting in range(uniforms.shape[1]):
        active = state.count > 1
        if not active.all():
            left.append(state.last_ones(~active))
            state, uniforms = state.take(active), uniforms[active]
        if len(state.count) == 0:
            break
        winners.append(state.meet(uniforms[:, meeting]))
    left.append(state.last_ones(np.ones(len(state.count), dtype=bool)))
    cells, chances = (np.concatenate(each) for each in zip(*left))
    return np.concatenate(winners), (cells, chances)


@dataclass
class _State:
    """Undecided cells of groups side by side, in the first ``count`` places of each line.

    A cell that is decided is overwritten by the last one of its line.
    """

    cell: Ints
    x: Floats
    y: Floats
    p: Floats
    count: Ints

    def take(self, lines: NDArray[np.bool_]) -> _State:
        width = int(self.count[lines].max(initial=0))
        return _State(
            self.cell[lines, :width],
            self.x[lines, :width],
            self.y[lines, :width],
            self.p[lines, :width],
            self.count[lines],
        )

    def last_ones(self, lines: NDArray[np.bool_]) -> tuple[Ints, Floats]:
        """Cells left alone in some of the lines, and what their chance has become."""
        left = lines & (self.count == 1)
        width = min(self.cell.shape[1], 1)
        return self.cell[left, :width].ravel(), self.p[left, :width].ravel()

    def meet(self, uniforms: Floats) -> Ints:
        """One meeting in every line, from three random numbers each; returns the cells that are selected for good."""
        line = np.arange(len(self.count))
        first = (uniforms[:, 0] * self.count).astype(np.int64)
        second = self._nearest(line, first, uniforms[:, 1])
        p, q = self.p[line, first], self.p[line, second]
        total = p + q
        short = total < 1.0
        with np.errstate(divide="ignore", invalid="ignore"):
            chance = np.where(short, p / total, (1.0 - q) / (2.0 - total))
        wins = uniforms[:, 2] < chance
        upper, lower = np.where(short, total, 1.0), np.where(short, 0.0, total - 1.0)
        self.p[line, first] = np.where(wins, upper, lower)
        self.p[line, second] = np.where(wins, lower, upper)
        # The later place goes first: the last cell may move into it, never one that is about to go itself.
        return np.concatenate(
            [self._settle(line, np.maximum(first, second)), self._settle(line, np.minimum(first, second))]
        )

    def _nearest(self, line: Ints, first: Ints, uniform: Floats) -> Ints:
        """Place of the nearest other undecided cell, by lot among equals."""
        width = int(self.count.max())
        away = (self.x[:, :width] - self.x[line, first][:, None]) ** 2
        away += (self.y[:, :width] - self.y[line, first][:, None]) ** 2
        away[np.arange(width) >= self.count[:, None]] = np.inf
        away[line, first] = np.inf
        equal = away == away.min(axis=1, keepdims=True)
        wanted = (uniform * np.count_nonzero(equal, axis=1)).astype(np.int64)
        return np.asarray(np.argmax(np.cumsum(equal, axis=1) > wanted[:, None], axis=1))

    def _settle(self, line: Ints, place: Ints) -> Ints:
        """Take cells whose probability has become whole out of the contest; returns those that are selected."""
        p = self.p[line, place]
        done = (p < _DUST) | (p > 1.0 - _DUST)
        line, place = line[done], place[done]
        won = self.cell[line, place][p[done] > 0.5]
        self.count[line] -= 1
        last = self.count[line]
        for values in (self.cell, self.x, self.y, self.p):
            values[line, place] = values[line, last]
        return won
