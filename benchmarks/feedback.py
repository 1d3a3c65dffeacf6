"""Does the plan run away with its own records? Two halves of a city with the same crime, of which one was watched more.

    python benchmarks/feedback.py [figure.png]

Run it with the engine's Python; ``PATROL_STAGE`` or build/stage holds the staged plugin.

Incidents are reported wherever they happen; others are recorded only where a patrol is there to see them. The forecast
is the mean of what was recorded, so patrol makes records and records make patrol: the loop of Lum and Isaac (2016) and
of Ensign et al. (2018). Both halves have the very same true rates, cell by cell. In the history, the left half was
watched twice as much. Then patrol goes by one of four ways for half a year.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, os.environ.get("PATROL_STAGE", str(ROOT / "build" / "stage")))

from patrol_missions.core.tables import Table  # noqa: E402 - needs the path above
from patrol_missions.engine.data.dose import Visits  # noqa: E402
from patrol_missions.engine.missions import candidates, planning  # noqa: E402
from patrol_missions.engine.missions.areas import Areas  # noqa: E402
from patrol_missions.engine.missions.dosage import DoseRules, DoseState  # noqa: E402
from patrol_missions.engine.missions.overrides import Overrides  # noqa: E402
from patrol_missions.engine.missions.planning import Circumstances, Settings  # noqa: E402

SIDE, DAYS, MISSIONS, CITIES = 10, 182, 10, 8
SHIFT_HOURS = 8
REPORTED = 0.2  # share of incidents that people report; of the others a patrol sees SEEN
SEEN = 1.0
PATROLLED_BEFORE = (0.2, 0.1)  # chance of a patrol per shift in the year before, left and right
FIRST = np.datetime64("2021-01-04T07:00:00", "s")


@dataclass(frozen=True)
class Way:
    """How patrol is sent.

    :param choose: from what is expected per cell and the shift's number to the cells that get a mission
    :param learns_from_patrol: whether what only patrol sees goes into the forecast
    """

    choose: Callable[[np.ndarray, int], np.ndarray]
    learns_from_patrol: bool


def highest(expected: np.ndarray, shift: int) -> np.ndarray:
    """The cells with the most, every time; ties by lot."""
    lot = np.random.default_rng(shift).random(len(expected))
    return np.lexsort((lot, -expected))[:MISSIONS]


class Law:
    """The published law with doses by default: what was planned counts as patrol for the shifts to come."""

    def __init__(self, rules: DoseRules | None) -> None:
        nobody = np.zeros(0, dtype=np.int64)
        starts = FIRST.astype(np.int64) + np.arange(DAYS * 24 // SHIFT_HOURS) * SHIFT_HOURS * 3600
        self._shifts = (starts, starts + SHIFT_HOURS * 3600)
        visits = Visits.of(SIDE * SIDE, nobody, nobody, nobody)
        self._dose = None if rules is None else DoseState.of(visits, int(starts[0]), rules, self._shifts)

    def __call__(self, expected: np.ndarray, shift: int) -> np.ndarray:
        """Cells drawn for one shift."""
        column, row = (each.ravel() for each in np.meshgrid(np.arange(SIDE), np.arange(SIDE)))
        start, end = (int(each[shift]) for each in self._shifts)
        moments = {"start": start, "end": end, "shift_date": start - start % 86_400}
        columns = {name: np.full(SIDE * SIDE, at).astype("datetime64[s]") for name, at in moments.items()}
        table = Table({"col": column, "row": row, "harm": expected.astype(np.float64), **columns})
        found = candidates.read(table.with_text("shift", ["Patrol"] * SIDE * SIDE), {})
        given = Circumstances(Areas.none(SIDE * SIDE), Overrides.none(SIDE * SIDE), self._dose)
        drawn = planning.run(found, Settings(exploration=0.05, seed=shift), np.array([MISSIONS]), given)
        rows = np.flatnonzero(drawn.selected)
        if self._dose is not None:
            self._dose = self._dose.after(found.cell[rows], 15.0, start, end)
        return found.table["row"][rows] * SIDE + found.table["col"][rows]


def half_year(way: Way, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Whether each cell had a patrol in each shift, shape (shifts, cells), and its true rate, shape (cells,)."""
    rng = np.random.default_rng(seed)
    half = rng.gamma(4.0, 0.01, (SIDE, SIDE // 2))
    rate = np.concatenate([half, half[:, ::-1]], axis=1).ravel()
    left = np.tile(np.arange(SIDE) < SIDE // 2, SIDE)
    shifts = DAYS * 24 // SHIFT_HOURS  # of the history, and of the half year that is planned
    before = np.where(left, *PATROLLED_BEFORE)
    seen = (1 - REPORTED) * SEEN * before * way.learns_from_patrol
    recorded = rng.poisson(shifts * rate * (REPORTED + seen)).astype(float)
    patrolled = np.zeros((shifts, SIDE * SIDE), dtype=bool)
    for shift in range(shifts):
        patrolled[shift, way.choose(recorded / (shifts + shift), shift + seed * shifts)] = True
        recorded += rng.poisson(rate * REPORTED)
        if way.learns_from_patrol:
            recorded += patrolled[shift] * rng.poisson(rate * (1 - REPORTED) * SEEN)
    return patrolled, rate


def main() -> None:
    """Print the table, and draw the figure where a place for it is given."""
    left = np.tile(np.arange(SIDE) < SIDE // 2, SIDE)
    ways: dict[str, Callable[[], Way]] = {
        "always the highest": lambda: Way(highest, True),
        "the law, no doses": lambda: Way(_numbered(Law(None)), True),
        "the law": lambda: Way(_numbered(Law(DoseRules())), True),
        "the law, reported incidents alone": lambda: Way(_numbered(Law(DoseRules())), False),
    }
    shares: dict[str, np.ndarray] = {}
    print("| patrol goes to | left half, share of patrol | range | cells with patrol | most patrol in a cell |")
    print("|---|---:|---:|---:|---:|")
    for name, make in ways.items():
        runs = [half_year(make(), seed)[0] for seed in range(CITIES)]
        shares[name] = np.stack([each[:, left].sum(axis=1) / MISSIONS for each in runs])
        last = shares[name][:, -shares[name].shape[1] // 4 :].mean(axis=1)
        cells = np.mean([each.any(axis=0).sum() for each in runs])
        most = np.mean([each.mean(axis=0).max() for each in runs])
        print(
            f"| {name} | {100 * last.mean():.1f} % | {100 * last.min():.0f}-{100 * last.max():.0f} % | {cells:.0f} "
            f"of {SIDE * SIDE} | {100 * most:.0f} % of shifts |",
            flush=True,
        )
    if len(sys.argv) > 1:
        _draw(shares, Path(sys.argv[1]))


def _numbered(law: Law) -> Callable[[np.ndarray, int], np.ndarray]:
    """A law called with running numbers of shifts, which differ from city to city."""
    return lambda expected, number: law(expected, number % (DAYS * 24 // SHIFT_HOURS))


def _draw(shares: dict[str, np.ndarray], path: Path) -> None:
    from patrol_missions.engine.reports import figures

    with figures.style():
        figure = figures.new(7.2, 3.2)
        axes = figure.add_subplot()
        figures.light_grid(axes)
        weeks = np.arange(DAYS // 7) + 1
        for name, values in shares.items():
            weekly = 100 * values.reshape(CITIES, len(weeks), -1).mean(axis=2)
            (line,) = axes.plot(weeks, weekly.mean(axis=0), label=name)
            axes.fill_between(weeks, *np.percentile(weekly, [10, 90], axis=0), color=line.get_color(), alpha=0.12)
        axes.axhline(50, color="0.3", linewidth=0.8, linestyle=":")
        axes.set(
            xlabel="week", ylabel="patrol in the half watched more before, %", ylim=(30, 100), xlim=(1, len(weeks))
        )
        axes.legend(frameon=False, fontsize=8)
        figure.savefig(path, dpi=130, bbox_inches="tight")


if __name__ == "__main__":
    main()
