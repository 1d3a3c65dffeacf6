"""The law and the draw: time on a large city, exactness over many draws, spread over the map beside draws without it.

    python benchmarks/draw.py [draws, default 100000]

Run it with the engine's Python; ``PATROL_STAGE`` or build/stage holds the staged plugin.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from scipy import stats
from scipy.optimize import minimize

STAGE = Path(os.environ.get("PATROL_STAGE", Path(__file__).resolve().parent.parent / "build" / "stage"))
sys.path.insert(0, str(STAGE))

from patrol_missions.engine.missions.draw import Stream, draw  # noqa: E402 - from the stage
from patrol_missions.engine.missions.inclusion import inclusion_probabilities  # noqa: E402

_BATCH = 10_000


def city(districts: int, side: int, seed: int = 1) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Harm, column, row and district of square districts in a line; harm is skewed and clusters in space."""
    rng = np.random.default_rng(seed)
    column, row = (grid.ravel() for grid in np.meshgrid(np.arange(districts * side), np.arange(side)))
    centres = rng.uniform(0, [districts * side, side], (3 * districts, 2))
    away = ((column[:, None] - centres[:, 0]) ** 2 + (row[:, None] - centres[:, 1]) ** 2).min(axis=1)
    return rng.lognormal(0, 0.8, len(column)) * (0.1 + np.exp(-away / 8)), column, row, column // side


def speed(districts: int, side: int, shifts: int) -> None:
    """Time of law and draw for a whole plan."""
    value, column, row, district = city(districts, side)
    group = (districts * np.arange(shifts)[:, None] + district).ravel()
    harm = np.tile(value, shifts) * np.random.default_rng(2).uniform(0.5, 1.5, len(group))
    number = np.full(districts * shifts, 3)
    begin = time.perf_counter()
    law = inclusion_probabilities(harm, group, number, 0.9, 0.95)
    solved = time.perf_counter()
    streams = [Stream(1, 3600 * i, (str(i % districts),)) for i in range(districts * shifts)]
    selected = draw(law.probability, np.tile(column, shifts), np.tile(row, shifts), group, streams)
    drawn = time.perf_counter()
    sums = np.bincount(group, law.probability)
    print(
        f"{districts} districts x {shifts} shifts, {len(group):,} cell shifts: law {solved - begin:.2f} s, draw "
        f"{drawn - solved:.2f} s; sums within {np.abs(sums - 3).max():.0e}, share kept within "
        f"{np.abs(law.kept - 0.9).max():.0e}, {np.count_nonzero(selected):,} missions"
    )


def solver(cells: int = 200) -> None:
    """One district by a general-purpose solver: the same optimum, and the ratio of the times."""
    value = city(1, 15)[0][:cells]
    group = np.zeros(cells, dtype=np.int64)
    begin = time.perf_counter()
    law = inclusion_probabilities(value, group, np.array([3]), 0.9, 0.95)
    ours = time.perf_counter() - begin
    temperature = law.temperature[0]
    begin = time.perf_counter()
    general = minimize(
        lambda p: -p @ value + temperature * (p * np.log(p) + (1 - p) * np.log1p(-p)).sum(),
        np.full(cells, 3 / cells),
        jac=lambda p: -value + temperature * np.log(p / (1 - p)),
        method="SLSQP",
        bounds=[(1e-12, 0.95)] * cells,
        constraints=[{"type": "eq", "fun": lambda p: p.sum() - 3, "jac": np.ones_like}],
        options={"ftol": 1e-13, "maxiter": 2000},
    )
    theirs = time.perf_counter() - begin
    difference = np.abs(general.x - law.probability).max()
    print(
        f"One district of {cells} cells: {1000 * ours:.1f} ms, {theirs / ours:,.0f} times as fast as SciPy's SLSQP, "
        f"which is told the temperature; probabilities differ by {difference:.0e} at most"
    )


def exactness(draws: int) -> None:
    """Selection frequencies of a small city against the law."""
    value, column, row, district = city(3, 4)
    number = np.array([3, 3, 2])
    law = inclusion_probabilities(value, district, number, 0.85, 0.95).probability
    total, products = np.zeros(len(law)), np.zeros((len(law), len(law)))
    sizes_right, begin = True, time.perf_counter()
    for first in range(0, draws, _BATCH):
        count = min(_BATCH, draws - first)
        group = (3 * np.arange(count)[:, None] + district).ravel()
        streams = [Stream(seed, 0, (name,)) for seed in range(first, first + count) for name in "ABC"]
        flat = draw(np.tile(law, count), np.tile(column, count), np.tile(row, count), group, streams)
        lines = flat.reshape(count, -1).astype(np.float64)
        sizes_right &= bool((np.bincount(group[flat], minlength=3 * count).reshape(-1, 3) == number).all())
        total += lines.sum(axis=0)
        products += lines.T @ lines
    taken = time.perf_counter() - begin
    off = total / draws - law
    covariance = (products / draws - np.outer(total, total) / draws**2) / draws
    p_value = stats.chi2.sf(off @ np.linalg.pinv(covariance, rcond=1e-9, hermitian=True) @ off, len(law) - 3)
    z = off / np.sqrt(law * (1 - law) / draws)
    print(
        f"{draws:,} seeded draws of {len(law)} cells in {taken:.1f} s: size {'always' if sizes_right else 'NOT ALWAYS'}"
        f" right, chi-square p = {p_value:.2f}, largest deviation {np.abs(z).max():.1f} standard errors"
    )


def spread(draws: int = 400) -> None:
    """Stevens & Olsen's measure of imbalance beside draws of the same chances that ignore place."""
    value, column, row, _ = city(1, 15)
    law = inclusion_probabilities(value, np.zeros(len(value), np.int64), np.array([12]), 0.6, 0.9).probability
    rng = np.random.default_rng(3)

    def local() -> np.ndarray:
        stream = Stream(int(rng.integers(2**31)), 0, ())
        return draw(law, column, row, np.zeros(len(law), np.int64), [stream])

    def systematic() -> np.ndarray:
        order = rng.permutation(len(law))
        ends = np.concatenate(([0.0], np.cumsum(law[order]))) + rng.random()
        selected = np.zeros(len(law), dtype=bool)
        selected[order] = np.diff(np.floor(ends)) > 0
        return selected

    def independent() -> np.ndarray:
        while True:
            selected = rng.random(len(law)) < law
            if np.count_nonzero(selected) == 12:
                return selected

    def imbalance(selected: np.ndarray) -> float:
        chosen = np.flatnonzero(selected)
        away = (column[:, None] - column[chosen]) ** 2 + (row[:, None] - row[chosen]) ** 2
        nearest = away == away.min(axis=1, keepdims=True)
        mass = (law[:, None] * nearest / nearest.sum(axis=1, keepdims=True)).sum(axis=0)
        return float(((mass - 1) ** 2).mean())

    ways: dict[str, Callable[[], np.ndarray]] = {
        "local pivotal": local, "random systematic": systematic, "conditional Poisson": independent
    }  # fmt: skip
    means = {name: np.mean([imbalance(way()) for _ in range(draws)]) for name, way in ways.items()}
    listed = ", ".join(f"{name} {mean:.3f}" for name, mean in means.items())
    print(f"Spatial imbalance B over {draws} draws (less is better spread): {listed}")


if __name__ == "__main__":
    speed(21, 15, 21)
    speed(25, 20, 3)
    solver()
    exactness(int(sys.argv[1]) if len(sys.argv) > 1 else 100_000)
    spread()
