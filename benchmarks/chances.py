"""Are the logged chances true? Plans drawn again and again with every kind of constraint on, and an effect found back.

    python benchmarks/chances.py [plans, default 10000] [replications of the trial, default 400]

Run it with the engine's Python; ``PATROL_STAGE`` or build/stage holds the staged plugin.

First: how often each cell is drawn over many plans, against its chance; whether any plan breaks a cap; how much harm is
kept. Then a trial on the plans' own randomness: patrol is given a known effect, and outcomes of missions and controls,
each over its logged probability, are to find it, with intervals that hold it as often as they claim.
"""

from __future__ import annotations

import os
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
from scipy import stats

STAGE = Path(os.environ.get("PATROL_STAGE", Path(__file__).resolve().parent.parent / "build" / "stage"))
sys.path.insert(0, str(STAGE))

from draw import city  # noqa: E402 - from this folder

from patrol_missions.core.tables import Table  # noqa: E402 - from the stage
from patrol_missions.engine.missions import candidates, planning  # noqa: E402
from patrol_missions.engine.missions.areas import AreaRules, Areas  # noqa: E402
from patrol_missions.engine.missions.candidates import Candidates  # noqa: E402
from patrol_missions.engine.missions.overrides import Overrides  # noqa: E402
from patrol_missions.engine.missions.planning import Circumstances, Settings  # noqa: E402

MISSIONS = 9  # per district; with a control share of 10 %, exactly one control beside them
SHIFTS = 40
EFFECT = 0.3  # share of incidents that patrol in the trial prevents


def forecast(harm: np.ndarray, column: np.ndarray, row: np.ndarray, district: np.ndarray, shifts: int) -> Candidates:
    """Candidates with the same harm in every shift."""
    start = np.datetime64("2021-01-04T07:00:00", "s") + np.arange(shifts) * np.timedelta64(24, "h")
    cells = len(harm)
    columns = {"col": np.tile(column, shifts), "row": np.tile(row, shifts), "harm": np.tile(harm, shifts)}
    columns["start"] = np.repeat(start, cells)
    columns["end"] = columns["start"] + np.timedelta64(8, "h")
    columns["shift_date"] = columns["start"].astype("datetime64[D]").astype("datetime64[s]")
    table = Table(columns).with_text("shift", ["Patrol"] * len(columns["start"]))
    return candidates.read(table.with_text("district", [str(d) for d in np.tile(district, shifts).tolist()]), {})


def made_up() -> tuple[np.ndarray, ...]:
    """Three districts of 100 cells whose harm clusters."""
    return city(3, 10)


def hostile() -> tuple[np.ndarray, ...]:
    """Ties, cells without harm, one cell with nearly all of it, a district of hardly more cells than missions."""
    harm, column, row, district = (each.copy() for each in city(3, 10))
    harm[district == 0] = 1.0
    harm[(district == 1) & (row > 4)] = 0.0
    harm[np.flatnonzero(district == 1)[0]] = 1e6
    keep = (district != 2) | (column < 22) & (row < 7)
    return tuple(each[keep] for each in (harm, column, row, district))


def constraints(found: Candidates, rng: np.random.Generator) -> Circumstances:
    """Areas, a cell closed and one set by hand."""
    area = (found.columns // 4) * 3 + found.rows // 4
    names = tuple(str(each) for each in range(int(area.max()) + 1))
    areas = Areas(names, area, np.full(len(area), 100.0))
    picked = rng.choice(len(area), 2, replace=False)
    at = {"col": found.columns[picked], "row": found.rows[picked]}
    table = Table({**at, "to_col": at["col"], "to_row": at["row"]})
    for name, texts in (("kind", ["add", "suppress"]), ("reason", ["a", "b"]), ("author", ["A", "B"])):
        table = table.with_text(name, texts)
    return Circumstances(areas, Overrides.of(table, None, found.columns, found.rows))


SETTINGS = Settings(
    harm_kept=0.85, exploration=0.1, control=0.1, per_district=MISSIONS, areas=AreaRules(share=0.25, harm_ratio=3.0)
)


def frequencies(name: str, parts: tuple[np.ndarray, ...], plans: int) -> None:
    """Draw many plans and hold frequencies against chances."""
    found = forecast(*parts, 1)
    given, asked = constraints(found, np.random.default_rng(1)), np.full(len(found.groups), MISSIONS)
    drawn_often, mission_often = np.zeros(len(found.harm)), np.zeros(len(found.harm))
    chance, mission_chance, broken = np.zeros(len(found.harm)), np.zeros(len(found.harm)), 0
    begin = time.perf_counter()
    for seed in range(plans):
        plan = planning.run(found, replace(SETTINGS, seed=seed), asked, given)
        drawn = plan.selected | plan.control
        drawn_often += drawn
        mission_often += plan.selected
        chance += plan.chance
        mission_chance += plan.mission_chance
        none = np.zeros(len(found.columns))
        harm = np.bincount(found.cell, found.harm)
        most = given.areas.most(SETTINGS.areas, int(asked.sum()), harm, none, SETTINGS.dose_minutes)
        held = np.bincount(given.areas.area[found.cell[drawn]], minlength=len(most))
        sizes = np.bincount(found.group[plan.selected], minlength=len(asked))
        broken += bool((held > np.floor(most + 1e-9)).any() or (sizes != plan.number).any() or plan.barred[drawn].any())
    told = []
    for often, sums in ((drawn_often, chance), (mission_often, mission_chance)):
        sure = (sums < 1e-9) | (sums > plans - 1e-9)
        wrong = int(np.count_nonzero(often[sure] != np.rint(sums[sure])))
        p = (sums / plans)[~sure]
        z = (often[~sure] - plans * p) / np.sqrt(plans * p * (1 - p))
        largest = f"largest deviation {np.abs(z).max():.1f} of {len(z)} (expected {_largest(len(z)):.1f})"
        told.append(f"{largest}, {wrong} wrong")
    kept = float((plan.value * drawn_often).sum() / plans / plan.greedy.sum())
    print(
        f"{name}: {plans:,} plans of {len(found.harm)} cells in {time.perf_counter() - begin:.0f} s; drawn: {told[0]}; "
        f"missions: {told[1]}; plans that break a cap, a size or a closed cell: {broken}; harm kept "
        f"{100 * kept:.2f} % (logged {100 * plan.expected.sum() / plan.greedy.sum():.2f} %)",
        flush=True,
    )


def _largest(count: int) -> float:
    """Median of the largest of so many standard normal deviations."""
    return float(stats.norm.isf((1 - 0.5 ** (1 / count)) / 2))


def trial(name: str, parts: tuple[np.ndarray, ...], replications: int) -> None:
    """Find a known effect from missions and controls, each over its logged probability."""
    found = forecast(*parts, SHIFTS)
    given, asked = constraints(found, np.random.default_rng(1)), np.full(len(found.groups), MISSIONS)
    shift = found.group // 3
    rate = 0.05 + 0.5 * found.harm / found.harm.max()
    estimates, holds = [], 0
    for seed in range(replications):
        rng = np.random.default_rng([7, seed])
        plan = planning.run(found, replace(SETTINGS, seed=seed), asked, given)
        untouched = rng.poisson(rate)
        prevented = rng.binomial(untouched, EFFECT)
        outcome = untouched - np.where(plan.selected, prevented, 0)
        control_chance = plan.chance - plan.mission_chance
        part = (control_chance > 1e-12) & ~plan.forced  # cells set by hand have no control
        weight = np.where(part, plan.chance, 0.0)
        # What the forecast expects is taken off first: it leaves the estimate unbiased and its interval narrower.
        surprise = outcome - rate
        per_row = np.zeros(len(rate))
        for chosen, probability, sign in (
            (plan.selected, plan.mission_chance, 1.0),
            (plan.control, control_chance, -1.0),
        ):
            here = chosen & part
            per_row[here] = sign * (weight * surprise)[here] / probability[here]
        per_shift = np.bincount(shift, per_row)
        truth = -EFFECT * float((weight * rate).sum()) / SHIFTS
        half = stats.t.ppf(0.975, SHIFTS - 1) * per_shift.std(ddof=1) / np.sqrt(SHIFTS)
        estimates.append(per_shift.mean() - truth)
        holds += abs(per_shift.mean() - truth) <= half
    bias, error = float(np.mean(estimates)), float(np.std(estimates, ddof=1) / np.sqrt(replications))
    print(
        f"{name}: {replications} trials of {SHIFTS} shifts; effect {truth:.3f} incidents a shift; bias {bias:+.4f} "
        f"(standard error {error:.4f}); 95 % intervals hold the truth in {100 * holds / replications:.1f} %",
        flush=True,
    )


def main() -> None:
    """Print what was found."""
    plans, replications = (int(each) for each in [*sys.argv[1:], *("10000", "400")[len(sys.argv) - 1 :]])
    for name, parts in (("made-up city", made_up()), ("hostile city", hostile())):
        frequencies(name, parts, plans)
        trial(name, parts, replications)


if __name__ == "__main__":
    main()
