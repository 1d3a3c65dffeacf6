"""Are the logged chances true? Plans drawn again and again with every kind of constraint on, and an effect found back.

    python benchmarks/chances.py [shifts drawn, default 20000] [the same in Philadelphia, default 2000]
                                 [weeks planned, default 20] [the same in Philadelphia, default 5]

Run it with the engine's Python; ``PATROL_STAGE`` or build/stage holds the staged plugin.

First one shift, drawn over and over: how often each cell is drawn, against its chance; whether any plan breaks a cap;
how much harm is kept. The law is solved once for each set of its arguments, which most of these plans share; all else
is the plan's own way. Then whole weeks, in which missions of one shift count as patrol for the next.

Last a trial on the plans' own randomness: patrol is given a known effect, and outcomes of missions and controls, each
over its logged probability, are to find it, with intervals that hold it as often as they claim. A control weighs as
much as all the missions that it stands for, so where incidents are rare the figures of single shifts are skewed, and
the interval of a short trial holds too seldom. How long a trial must be is told by their skewness G: more than
28 + 25 G^2 shifts (Cochran 1977, *Sampling Techniques*, 3rd ed., section 2.15; with an estimated variance Sugden, Smith
& Jones 2000, *Journal of the Royal Statistical Society B* 62:787-793). G is measured in shifts that no trial uses.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from scipy import stats

STAGE = Path(os.environ.get("PATROL_STAGE", Path(__file__).resolve().parent.parent / "build" / "stage"))
sys.path.insert(0, str(STAGE))

from constrained import Bounds, Case, hostile, made_up, philadelphia  # noqa: E402 - needs the path above

from patrol_missions.engine.missions import planning  # noqa: E402 - from the stage
from patrol_missions.engine.missions.candidates import Candidates  # noqa: E402
from patrol_missions.engine.missions.dosage import AT_HARD, STATES  # noqa: E402
from patrol_missions.engine.missions.planning import Drawn  # noqa: E402

EFFECT = 0.3  # share of incidents that patrol in the trial prevents
SETS = 4  # of incidents for the same plans
PILOT = 0.1  # share of the shifts that tells the skewness
SHORT = 40  # shifts of a trial that may be too short
KEPT_LAWS = 50
SEED, WEEKS_SEED = 100, 1_000_000  # of the first plan


def solved_once(solve: Callable[..., Any]) -> Callable[..., Any]:
    """A pure function that remembers what it found."""
    found: dict[tuple[Any, ...], Any] = {}

    def remembered(*given: Any) -> Any:
        key = tuple(_key(each) for each in given)
        if key not in found:
            if len(found) >= KEPT_LAWS:
                found.clear()
            found[key] = solve(*given)
        return found[key]

    return remembered


def _key(given: Any) -> Any:
    if isinstance(given, np.ndarray):
        return given.tobytes()
    return (given.area.tobytes(), given.most.tobytes()) if isinstance(given, planning.Limits) else given


@dataclass
class Counts:
    """What was drawn over many plans against what was to be expected, per row or group.

    :param districts: of the groups
    """

    districts: Sequence[str | None]
    plans: int = 0
    broken: int = 0
    squares: float = 0.0
    sums: dict[str, np.ndarray] = field(default_factory=dict)

    def add(self, found: Candidates, plan: Drawn, broken: bool) -> None:
        """Count one more plan."""
        drawn = plan.selected | plan.control
        self.plans += 1
        self.broken += broken
        self.squares += float((plan.value @ (drawn - plan.chance)) ** 2)
        for name, more in {
            "drawn": drawn,
            "chance": plan.chance,
            "missions": plan.selected,
            "mission chance": plan.mission_chance,
            "value": np.bincount(found.group, plan.value * drawn, minlength=len(self.districts)),
            "expected": plan.expected,
            "greedy": plan.greedy,
        }.items():
            self.sums[name] = self.sums.get(name, 0.0) + more.astype(float)

    def agreement(self, often: str, chance: str) -> str:
        """The largest deviation of a cell's frequency, and how probable so large a one is."""
        count, p = self.sums[often], self.sums[chance] / self.plans
        sure = (p < 1e-9) | (p > 1 - 1e-9)
        wrong = int(np.count_nonzero(count[sure] != np.rint(self.plans * p[sure])))
        count, p = count[~sure], p[~sure]
        half = 0.5 * stats.binom.pmf(count, self.plans, p)
        tail = np.minimum(stats.binom.sf(count, self.plans, p) + half, stats.binom.cdf(count - 1, self.plans, p) + half)
        farthest = float(tail.min())
        so_far = -np.expm1(len(p) * np.log1p(-2 * farthest))
        return (
            f"largest deviation {stats.norm.isf(farthest):.1f} of {len(p):,} (one so large: p = {so_far:.2f}), "
            f"{wrong} of {np.count_nonzero(sure):,} certain ones wrong"
        )

    def told(self, case: Case) -> str:
        """All of it in words."""
        value, expected, greedy = (self.sums[name] for name in ("value", "expected", "greedy"))
        wanted, some = case.settings.harm_kept, greedy > 0
        able = some & (np.abs(expected - wanted * greedy) < 1e-5 * greedy)
        district = np.unique(np.array(self.districts).astype(str), return_inverse=True)[1]
        kept, best = (np.bincount(district[able], each[able]) for each in (value, greedy))
        kept = 100 * kept[best > 0] / best[best > 0]
        whole, error, logged = (100 * each / greedy.sum() for each in (value.sum(), self.squares**0.5, expected.sum()))
        return (
            f"  drawn: {self.agreement('drawn', 'chance')}\n"
            f"  missions: {self.agreement('missions', 'mission chance')}\n"
            f"  plans that break a cap, a size or a decision by hand: {self.broken}\n"
            f"  harm kept in the {np.count_nonzero(able)} of {np.count_nonzero(some)} districts and shifts whose "
            f"constraints allow {100 * wanted:g} %: {kept.min():.2f} to {kept.max():.2f} % by district; everywhere "
            f"{whole:.2f} % (standard error {error:.2f}), logged {logged:.2f} %"
        )


def one_shift(case: Case, plans: int) -> tuple[np.ndarray, np.ndarray]:
    """Draw one shift many times; what the trial found in each and the truth, shapes (plans, SETS) and (plans,)."""
    found, rng = case.shift, np.random.default_rng([7, SEED])
    (rows, groups), asked = found.shifts[0], case.asked(found)
    bounds = Bounds.of(case, np.arange(rows.stop), int(found.groups.start[0].astype(np.int64)), case.stays)
    counts, begin = Counts(found.groups.district), time.perf_counter()
    effects, truths = np.zeros((plans, SETS)), np.zeros(plans)
    for number in range(plans):
        plan = planning.run(found, replace(case.settings, seed=SEED + number), asked, case.given)
        counts.add(found, plan, bounds.broken(case, plan, rows, groups))
        effects[number], truths[number] = outcome(plan, case.rate[rows], rng)
        if number == 0:
            print(f"{case.name}, {len(found.harm):,} cells: {_in_force(case, plan, bounds)}", flush=True)
    print(f"  {plans:,} plans of one shift in {time.perf_counter() - begin:.0f} s\n{counts.told(case)}", flush=True)
    return effects, truths


def _in_force(case: Case, plan: Drawn, bounds: Bounds) -> str:
    """How many cells and areas each constraint is about."""
    areas, cell = case.given.areas, case.shift.cell
    inside = areas.area[cell] >= 0
    mean = np.bincount(areas.area[cell][inside], plan.chance[inside], minlength=len(areas.names))
    doses = [f"{int((plan.state == code).sum())} {state}" for code, state in enumerate(STATES) if code]
    high = np.count_nonzero((plan.chance > case.settings.ceiling - 1e-9) & ~plan.forced)
    return (
        f"{np.count_nonzero(mean > np.floor(bounds.most) - 1e-6)} of {len(mean)} areas at their limit, "
        f"{np.count_nonzero(plan.barred)} cells closed by hand, {np.count_nonzero(plan.forced)} set, {len(plan.boxes)} "
        f"box; by doses {', '.join(doses)}; {high} at the ceiling; {plan.controls.sum()} controls beside "
        f"{plan.number.sum()} missions"
    )


def outcome(plan: Drawn, rate: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, float]:
    """Missions less controls, each over its probability, in sets of incidents of their own; and the truth.

    The effect is that on the cells that could be drawn as either, each counted with its chance of being drawn.
    """
    control_chance = plan.chance - plan.mission_chance
    part = (control_chance > 1e-12) & ~plan.forced  # cells set by hand have no control
    here = np.flatnonzero((plan.selected | plan.control) & part)
    untouched = rng.poisson(rate[here], (SETS, len(here)))
    happened = np.where(plan.selected[here], rng.binomial(untouched, 1 - EFFECT), untouched)
    over = np.where(plan.selected[here], plan.mission_chance[here], -control_chance[here])
    # What the forecast expects is taken off first: it leaves the estimate unbiased and its interval narrower.
    found = ((happened - rate[here]) * plan.chance[here] / over).sum(axis=1)
    return found, -EFFECT * float((plan.chance * rate)[part].sum())


def trial(effects: np.ndarray, truths: np.ndarray) -> None:
    """Whether trials of so many shifts each find the effect."""
    pilot = int(PILOT * len(truths))
    skewness = float(stats.skew((effects - truths[:, None])[:pilot].ravel()))
    long = int(np.ceil(28 + 25 * skewness**2))
    effects, truths = effects[pilot:], truths[pilot:]
    off = effects.mean(axis=1) - truths
    print(
        f"  effect {truths.mean():.3f} incidents a shift; bias {off.mean():+.4f} (standard error "
        f"{stats.sem(off):.4f}) over {len(off):,} shifts; skewness of a shift {skewness:.2f}"
    )
    for shifts in (SHORT, long):
        trials = len(truths) // shifts
        if trials < 2:
            print(f"  trials of {shifts} shifts: too few shifts were drawn")
            continue
        part = effects[: trials * shifts].reshape(trials, shifts, SETS)
        truth = truths[: trials * shifts].reshape(trials, shifts).mean(axis=1)
        error = part.std(axis=1, ddof=1) / np.sqrt(shifts)
        away = part.mean(axis=1) - truth[:, None]
        beyond = away / error
        limit = stats.t.ppf(0.975, shifts - 1)
        holds = (np.abs(beyond) <= limit).mean(axis=1)
        enough = " (long enough by the rule)" if shifts == long else ""
        print(
            f"  {trials:,} trials of {shifts} shifts{enough}: 95 % intervals hold the truth in "
            f"{100 * holds.mean():.1f} % (standard error {100 * stats.sem(holds):.1f}), are wholly above it in "
            f"{100 * (beyond > limit).mean():.1f} %, below it in {100 * (beyond < -limit).mean():.1f} %; estimated "
            f"variance {(error**2).mean() / away.var():.2f} of the true one, correlation of estimate and standard "
            f"error {np.corrcoef(away.ravel(), error.ravel())[0, 1]:.2f}",
            flush=True,
        )


def weeks(case: Case, plans: int) -> None:
    """Plan whole weeks, where doses go from shift to shift."""
    found = case.week
    asked, counts, begin = case.asked(found), Counts(found.groups.district), time.perf_counter()
    for number in range(plans):
        plan = planning.run(found, replace(case.settings, seed=WEEKS_SEED + number), asked, case.given)
        counts.add(found, plan, any(_broken_shifts(case, plan)))
    print(
        f"  {plans:,} plans of {len(found.shifts)} shifts in {time.perf_counter() - begin:.0f} s; in the last of them "
        f"doses close {int((plan.state >= AT_HARD).sum())} cells in a shift\n{counts.told(case)}",
        flush=True,
    )


def _broken_shifts(case: Case, plan: Drawn) -> Iterator[bool]:
    found, stays = case.week, case.stays
    for rows, groups in found.shifts:
        start, end = (int(each[groups.start].astype(np.int64)) for each in (found.groups.start, found.groups.end))
        inside = np.arange(rows.start, rows.stop)
        yield Bounds.of(case, inside, start, stays).broken(case, plan, rows, groups)
        boxes = [box.cell for at, box in plan.boxes if groups.start <= at < groups.stop]
        stays = stays.plus(np.concatenate([found.cell[inside[plan.selected[rows]]], *boxes]), start, end)


def main() -> None:
    """Print what was found."""
    numbers = [int(each) for each in [*sys.argv[1:], *("20000", "2000", "20", "5")[len(sys.argv) - 1 :]]]
    planning.inclusion_probabilities = solved_once(planning.inclusion_probabilities)
    planning.feasible.fit = solved_once(planning.feasible.fit)
    for make, at in ((made_up, 0), (hostile, 0), (philadelphia, 1)):
        case = make()
        if case is None:
            print("REAL DATA ABSENT: Philadelphia is left out, since its incidents do not lie in ../shared/data.")
            continue
        trial(*one_shift(case, numbers[at]))
        weeks(case, numbers[2 + at])


if __name__ == "__main__":
    main()
