"""Routes that units can keep: how one is timed, all of them of a kind of unit, and a simple choice, visit by visit.

A *route* is an order of visits of one unit. Each visit begins at its earliest time or as soon as the unit can be there,
and not after its latest; all of it lies within the unit's availability, and visits and travel within its uncommitted
time. Waiting takes none of that time. A unit begins its first visit without travel: where it comes from is not known.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

TRAVEL_WEIGHT = 10
"""What a second of travel costs, when a second by which a visit begins late costs 1."""

MOST_TRIES = 5_000_000
"""Routes that are looked at; where there would be more, those of most visits are left out."""


@dataclass(frozen=True, eq=False)
class Visits:
    """What is to be done, times in whole seconds; arrays of shape (visits,).

    :param value: whole number above 0
    :param earliest_s: when the visit begins at the earliest, UTC
    :param latest_s: and at the latest
    :param service_s: how long it takes
    :param travel_s: from each visit's place to each other's, shape (visits, visits)
    """

    value: Ints
    earliest_s: Ints
    latest_s: Ints
    service_s: Ints
    travel_s: Ints

    def __len__(self) -> int:
        return len(self.value)


@dataclass(frozen=True, eq=False)
class Crews:
    """Who can do it, times in whole seconds; arrays of shape (units,), or (kinds,) for units that are alike.

    :param start_s: available from, UTC
    :param end_s: until
    :param budget_s: uncommitted time
    """

    start_s: Ints
    end_s: Ints
    budget_s: Ints

    def __len__(self) -> int:
        return len(self.start_s)

    def kinds(self) -> tuple[Crews, Ints]:
        """The different kinds, in the order of their first unit, and the kind of each unit."""
        each = np.stack([self.start_s, self.end_s, self.budget_s])
        _, first, kind = np.unique(each, axis=1, return_index=True, return_inverse=True)
        return Crews(*each[:, np.sort(first)]), np.argsort(np.argsort(first))[kind.reshape(-1)]


def timed(path: list[int], visits: Visits, crews: Crews, unit: int) -> tuple[list[int], int] | None:
    """When the visits of a route begin, and what it costs; ``None`` when the unit cannot keep it."""
    begins: list[int] = []
    now, used, cost = int(crews.start_s[unit]), 0, 0
    for place, visit in enumerate(path):
        travel = int(visits.travel_s[path[place - 1], visit]) if place else 0
        earliest, service = int(visits.earliest_s[visit]), int(visits.service_s[visit])
        begin = max(earliest, now + travel)
        now, used = begin + service, used + travel + service
        if begin > visits.latest_s[visit] or now > crews.end_s[unit] or used > crews.budget_s[unit]:
            return None
        begins.append(begin)
        cost += TRAVEL_WEIGHT * travel + begin - earliest
    return begins, cost


def inserted(paths: list[list[int]], visits: Visits, crews: Crews, most: int) -> list[list[int]]:
    """Routes with more visits in them: those in none yet, the most valuable first, go to where they add least cost.

    Of equal visits and places the first is taken. Visits that fit nowhere stay in no route.
    """
    paths = [list(path) for path in paths]
    timings = [timed(path, visits, crews, unit) for unit, path in enumerate(paths)]
    costs = [timing[1] if timing else 0 for timing in timings]
    placed = {visit for path in paths for visit in path}
    for visit in np.argsort(-visits.value, kind="stable").tolist():
        best: tuple[int, int, list[int]] | None = None
        for unit, path in enumerate(paths if visit not in placed else []):
            for place in range(len(path) + 1 if len(path) < most else 0):
                longer = [*path[:place], visit, *path[place:]]
                timing = timed(longer, visits, crews, unit)
                if timing is not None and (best is None or timing[1] - costs[unit] < best[0]):
                    best = (timing[1] - costs[unit], unit, longer)
        if best is not None:
            added, unit, paths[best[1]] = best
            costs[unit] += added
    return paths


@dataclass(frozen=True, eq=False)
class Routes:
    """For every set of visits that a kind of unit can do, the order that costs least.

    Of orders that cost the same it is the one that takes the visit listed first first.

    :param kind: shape (routes,)
    :param path: visits in order, -1 after the last, shape (routes, most)
    :param cost: shape (routes,)
    """

    kind: Ints
    path: Ints
    cost: Ints

    @property
    def most(self) -> int:
        """Visits of the longest routes that were looked for."""
        return self.path.shape[1]

    @classmethod
    def of(cls, visits: Visits, kinds: Crews, most: int) -> Routes:
        """All of at most so many visits; of fewer where there would be too many routes."""
        nothing = np.zeros(1, dtype=np.int64)
        ends = [_Ends(np.empty((1, 0), np.int64), nothing + start, nothing, nothing) for start in kinds.start_s]
        lengths: list[list[tuple[Ints, Ints]]] = []
        tries = 0
        while len(lengths) < most:
            tries += sum(len(each.path) for each in ends) * len(visits)
            if tries > MOST_TRIES:
                break
            ends = [each.longer(visits, kinds, kind) for kind, each in enumerate(ends)]
            lengths.append([each.cheapest() for each in ends])
        found = [cls(np.empty(0, np.int64), np.empty((0, len(lengths)), np.int64), np.empty(0, np.int64))]
        for length, each in enumerate(lengths, 1):
            for kind, (path, cost) in enumerate(each):
                whole = np.full((len(path), len(lengths)), -1, dtype=np.int64)
                whole[:, :length] = path
                found.append(cls(np.full(len(path), kind), whole, cost))
        return cls(*(np.concatenate([getattr(each, name) for each in found]) for name in ("kind", "path", "cost")))

    def index(self, paths: list[list[int]], kind: Ints) -> Ints:
        """Which routes have the visits of units' routes, the kind of each unit given; shape (units with visits,)."""
        sets = np.sort(self.path, axis=1)
        found = []
        for path, number in zip(paths, kind.tolist()):
            if path:
                wanted = np.array([*[-1] * (self.most - len(path)), *sorted(path)])
                found.append(int(np.flatnonzero((self.kind == number) & (sets == wanted).all(axis=1))[0]))
        return np.array(found, dtype=np.int64)


@dataclass(frozen=True, eq=False)
class _Ends:
    """Routes of one kind and one length, and how each ends.

    :param path: visits in order, shape (routes, length)
    :param free_s: when the last visit is over, shape (routes,)
    :param used_s: time of visits and travel, shape (routes,)
    :param cost: shape (routes,)
    """

    path: Ints
    free_s: Ints
    used_s: Ints
    cost: Ints

    def longer(self, visits: Visits, kinds: Crews, kind: int) -> _Ends:
        """All possible routes with one visit more."""
        length = self.path.shape[1]
        travel = visits.travel_s[self.path[:, -1]] if length else np.zeros((1, len(visits)), dtype=np.int64)
        begin = np.maximum(visits.earliest_s, self.free_s[:, np.newaxis] + travel)
        free = begin + visits.service_s
        used = self.used_s[:, np.newaxis] + travel + visits.service_s
        possible = (begin <= visits.latest_s) & (free <= kinds.end_s[kind]) & (used <= kinds.budget_s[kind])
        np.put_along_axis(possible, self.path, False, axis=1)
        route, visit = np.nonzero(possible)
        cost = self.cost[:, np.newaxis] + TRAVEL_WEIGHT * travel + begin - visits.earliest_s
        path = np.concatenate([self.path[route], visit[:, np.newaxis]], axis=1)
        return _Ends(path, free[possible], used[possible], cost[possible])

    def cheapest(self) -> tuple[Ints, Ints]:
        """Of the routes with the same visits the one that costs least: path and cost."""
        sets = np.sort(self.path, axis=1)
        order = np.lexsort((*self.path.T[::-1], self.cost, *sets.T[::-1]))
        new = np.ones(len(order), dtype=bool)
        new[1:] = (np.diff(sets[order], axis=0) != 0).any(axis=1)
        return self.path[order[new]], self.cost[order[new]]
