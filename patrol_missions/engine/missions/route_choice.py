"""The best choice of routes, found exactly.

The choice is a set partitioning (M. L. Balinski & R. E. Quandt, *Operations Research* 12, 300-304, 1964): each visit is
in one chosen route or goes without a unit, and of each kind of unit, those that are available alike, there are as many
routes as units. In this order the choice

1. loses least value of visits without a unit;
2. has least travel, plus a tenth of the time by which visits begin late;
3. where that is equal, has the smallest sum of lots, one lot for each route of each kind of unit.

Units that are alike take the routes in the order of their first visits.

HiGHS solves it. The linear program comes first; its prices tell how much dearer a choice gets, at least, by taking a
route. So a good choice from few routes rules most others out, and the whole-number program stays small and yet exact.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.optimize import LinearConstraint, linprog, milp

from patrol_missions.core.errors import PatrolError
from patrol_missions.engine.missions.draw import Stream
from patrol_missions.engine.missions.route_list import Crews, Floats, Ints, Routes, Visits, inserted

Mask = NDArray[np.bool_]

MOST_NODES = 500
"""Steps that HiGHS may take to prove a choice: a limit that is the same on every machine, unlike one of time."""

_FEW = 4  # columns to begin with, and to add at a time, per row
_GROWTH = 4  # of the number of columns from one attempt to the next
_NOISE = 1e-6  # of HiGHS's arithmetic


def choose(visits: Visits, crews: Crews, most: int, stream: Stream) -> tuple[list[list[int]], bool]:
    """The visits of each unit in their order, and whether no choice is better.

    Where there are too many routes, the choice is the best among shorter ones, with more visits inserted one by one.

    :param most: visits of one unit
    :param stream: of the lots
    """
    most = min(most, len(visits))
    kinds, kind = crews.kinds()
    routes = Routes.of(visits, kinds, most)
    simple = inserted([[] for _ in range(len(crews))], visits, crews, routes.most)
    if len(routes.kind) == 0:
        return inserted(simple, visits, crews, most), routes.most == most
    # All lots of a choice together are below 1, the smallest difference of costs.
    lots = stream.uniforms(len(routes.kind)) / len(crews)
    chosen, best = _best(visits, routes, np.bincount(kind), lots, routes.index(simple, kind))
    paths: list[list[int]] = [[] for _ in range(len(crews))]
    for number in range(len(kinds)):
        taken = [path[path >= 0].tolist() for path in routes.path[chosen[routes.kind[chosen] == number]]]
        begins = [max(int(visits.earliest_s[path[0]]), int(kinds.start_s[number])) for path in taken]
        for unit, (_, path) in zip(np.flatnonzero(kind == number).tolist(), sorted(zip(begins, taken))):
            paths[unit] = path
    if routes.most < most:
        return inserted(paths, visits, crews, most), False
    return paths, best


def _best(visits: Visits, routes: Routes, units: Ints, lots: Floats, start: Ints) -> tuple[Ints, bool]:
    """The best choice of routes, and whether that is certain; from a choice to start with."""
    count = len(routes.kind)
    program = _Program.of(routes, units, len(visits))
    idle = np.zeros(len(visits), dtype=np.int64)
    lost = np.concatenate([np.zeros(count), visits.value])
    picked = np.zeros(len(lost), dtype=bool)
    picked[start] = True
    picked[count:] = ~np.isin(np.arange(len(visits)), routes.path[start])
    allowed, certain = np.ones(len(lost), dtype=bool), True
    if picked[count:].any():
        # A trace of the routes' costs, less than any value in all, so that not too many choices are equal.
        dearest = np.zeros(len(units))
        np.maximum.at(dearest, routes.kind, routes.cost)
        trace = routes.cost * (0.5 / max(float(dearest @ units), 1.0))
        picked, may_be, certain = program.least(lost + np.concatenate([trace, idle]), picked, 0.5)
        allowed[:count] = may_be[:count]
    cost = np.concatenate([routes.cost + lots, idle])
    columns = np.flatnonzero(allowed)
    program = program.limited(lost, float(lost[picked].sum()) + 0.5).take(columns)
    picked, _, proven = program.least(cost[columns], picked[columns], 0.0)
    chosen = columns[picked]
    return np.asarray(chosen[chosen < count]), certain and proven


@dataclass(frozen=True, eq=False)
class _Program:
    """Columns to choose from: routes, and then for each visit that it goes without a unit.

    :param matrix: shape (rows, columns)
    :param exactly: number of first rows that are to be 1
    :param most: what the other rows may be at most
    """

    matrix: sparse.csc_matrix
    exactly: int
    most: Floats

    @classmethod
    def of(cls, routes: Routes, units: Ints, visits: int) -> _Program:
        """Each visit once, and no kind of unit more often than there are units."""
        count = len(routes.kind)
        route, place = np.nonzero(routes.path >= 0)
        row = np.concatenate([routes.path[route, place], visits + routes.kind, np.arange(visits)])
        column = np.concatenate([route, np.arange(count), count + np.arange(visits)])
        matrix = sparse.csc_matrix((np.ones(len(row)), (row, column)), shape=(visits + len(units), count + visits))
        return cls(matrix, visits, units.astype(np.float64))

    def limited(self, amount: Floats, most: float) -> _Program:
        """The same with one row more."""
        matrix = sparse.vstack([self.matrix, sparse.csc_matrix(amount)]).tocsc()
        return replace(self, matrix=matrix, most=np.append(self.most, most))

    def take(self, columns: Ints) -> _Program:
        """The same with some of the columns; those of visits without a unit must be among them."""
        return replace(self, matrix=self.matrix[:, columns])

    def least(self, cost: Floats, start: Mask, margin: float) -> tuple[Mask, Mask, bool]:
        """The choice of least cost, columns that may be in a choice that is as good, and whether that is certain.

        :param start: a choice that is possible
        :param margin: differences of cost below this do not matter
        """
        bound, solution, reduced, used = self._relaxed(cost, start)
        picked = solution > 0.5
        if np.abs(solution - picked).max() <= _NOISE:
            return picked, reduced <= margin + _NOISE, True
        picked, tried, certain = start, np.zeros(len(cost), dtype=bool), True
        order = np.lexsort((~used, reduced))
        few = _FEW * self.matrix.shape[0]
        while True:
            gap = float(cost[picked].sum()) - bound
            able = reduced <= gap + margin + _NOISE
            if not certain or gap < margin or not (able & ~tried).any():
                return picked, able | (not certain), certain
            tried = picked.copy()
            tried[order[:few]] = True
            tried &= able
            few *= _GROWTH
            better = self._whole(cost, tried)
            picked, certain = (picked, False) if better is None else (better, True)

    def _relaxed(self, cost: Floats, start: Mask) -> tuple[float, Floats, Floats, Mask]:
        """The linear program: least cost, solution, reduced cost of each column, and columns that were needed.

        It begins with few columns; others join while they would lower the cost.
        """
        used = start.copy()
        used[-self.exactly :] = True
        while True:
            part = self.matrix[:, used]
            found = linprog(  # type: ignore[call-overload]  # whose stubs do not know that it takes sparse matrices
                cost[used],
                A_ub=part[self.exactly :],
                b_ub=self.most,
                A_eq=part[: self.exactly],
                b_eq=np.ones(self.exactly),
                method="highs-ds",
            )
            if not found.success:
                raise PatrolError(f"No routes were found ({found.message}).", "Plan with fewer visits of each unit.")
            reduced = cost - self.matrix.T @ np.concatenate([found.eqlin.marginals, found.ineqlin.marginals])
            cheap = np.flatnonzero((reduced < -_NOISE) & ~used)
            if len(cheap) == 0:
                solution = np.zeros(len(cost))
                solution[used] = found.x
                return float(found.fun), solution, reduced, used
            used[cheap[np.argsort(reduced[cheap], kind="stable")[: _FEW * self.matrix.shape[0]]]] = True

    def _whole(self, cost: Floats, columns: Mask) -> Mask | None:
        """The choice of least cost among some columns; ``None`` where HiGHS came to no end."""
        ones = np.ones(self.exactly)
        least, most = np.append(ones, np.full(len(self.most), -np.inf)), np.append(ones, self.most)
        found = milp(
            cost[columns],
            integrality=np.ones(int(columns.sum()), dtype=np.int64),
            constraints=LinearConstraint(self.matrix[:, columns], least, most),
            options={"mip_rel_gap": 0.0, "node_limit": MOST_NODES},
        )
        if found.status != 0:
            return None
        picked = np.zeros(len(cost), dtype=bool)
        picked[columns] = found.x > 0.5
        return picked
