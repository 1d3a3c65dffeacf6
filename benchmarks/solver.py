"""A plan with every kind of constraint: how long it takes, and the same optimum by a general-purpose convex solver.

    python benchmarks/solver.py

Run it with a Python that has the engine's packages; ``PATROL_STAGE`` or build/stage holds the staged plugin. The
comparison needs ``cvxpy`` (with Clarabel) besides, which is no part of the engine: put both into an environment of
their own. Without it the script says so and times ours alone.
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

import numpy as np

STAGE = Path(os.environ.get("PATROL_STAGE", Path(__file__).resolve().parent.parent / "build" / "stage"))
sys.path.insert(0, str(STAGE))

from constrained import case_of  # noqa: E402 - from this folder
from draw import city  # noqa: E402

from patrol_missions.engine.missions import planning  # noqa: E402 - from the stage
from patrol_missions.engine.missions.inclusion import inclusion_probabilities  # noqa: E402
from patrol_missions.engine.missions.law_areas import Limits  # noqa: E402

SHIFTS, MISSIONS = 3, 10


def plan(districts: int, side: int) -> None:
    """Time of law and draw of a whole plan with every constraint on."""
    case = case_of("city", *city(districts, side))
    found = case.week.first_shifts(SHIFTS)
    asked = case.asked(found)
    start = time.perf_counter()
    drawn = planning.run(found, case.settings, asked, case.given)
    print(
        f"{len(found.columns):,} cells, {districts} districts, {len(case.given.areas.names)} areas, {SHIFTS} shifts: "
        f"{time.perf_counter() - start:.1f} s, {np.count_nonzero(drawn.selected):,} missions, "
        f"{np.count_nonzero(drawn.control)} controls",
        flush=True,
    )


def compare(districts: int, side: int) -> None:
    """Law and solver on one shift with limits of areas and bounds of each cell."""
    try:
        import cvxpy
    except ImportError:
        print("cvxpy is not installed here, so there is no comparison.")
        return
    value, column, row, district = city(districts, side)
    rng = np.random.default_rng(4)
    area = (column // 4) * (side // 4 + 1) + row // 4
    low, high = np.where(rng.random(len(value)) < 0.1, 0.01, 0.0), np.where(rng.random(len(value)) < 0.05, 0.3, 0.95)
    number = np.full(districts, MISSIONS)
    limits = Limits(area, np.full(area.max() + 1, 1.5))
    start = time.perf_counter()
    law = inclusion_probabilities(value, district, number, 0.85, high, low, limits)
    ours = time.perf_counter() - start
    chance = cvxpy.Variable(len(value))
    member = [np.flatnonzero(district == each) for each in range(districts)]
    inside = [np.flatnonzero(area == each) for each in range(area.max() + 1)]
    asked = [cvxpy.sum(chance[rows]) == MISSIONS for rows in member]
    asked += [value[rows] @ chance[rows] >= 0.85 * best for rows, best in zip(member, law.greedy)]
    asked += [cvxpy.sum(chance[rows]) <= 1.5 for rows in inside if len(rows)]
    entropy = cvxpy.sum(cvxpy.entr(chance)) + cvxpy.sum(cvxpy.entr(1 - chance))
    problem = cvxpy.Problem(cvxpy.Maximize(entropy), [*asked, chance >= low, chance <= high])
    start = time.perf_counter()
    problem.solve(solver="CLARABEL", tol_gap_abs=1e-11, tol_gap_rel=1e-11, tol_feas=1e-11)
    theirs = time.perf_counter() - start
    p = law.probability
    with np.errstate(divide="ignore", invalid="ignore"):
        reached = -np.nansum(p * np.log(p)) - np.nansum((1 - p) * np.log1p(-p))
    print(
        f"{len(value):,} cells, {districts} districts, {len(inside)} areas, one shift: ours {ours:.3f} s, Clarabel "
        f"{theirs:.1f} s ({theirs / ours:.0f} times as long); probabilities differ by at most "
        f"{np.abs(p - chance.value).max():.1e}, the optimum by {abs(reached / problem.value - 1):.1e} of itself",
        flush=True,
    )


def main() -> None:
    """Print the figures."""
    for districts, side in ((25, 20), (25, 63)):
        plan(districts, side)
    for districts, side in ((5, 15), (25, 20)):
        compare(districts, side)


if __name__ == "__main__":
    main()
