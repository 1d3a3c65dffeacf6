"""Which forecast a category ships, and why: the rule that keeps claims honest."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from patrol_missions.engine.forecast import backtest, calibration
from patrol_missions.engine.forecast.backtest import MODEL, CategoryBacktest, Gain
from patrol_missions.engine.forecast.baselines import Baseline
from patrol_missions.engine.forecast.calibration import Calibration

FEW = 150
"""Below this many incidents a category borrows the map of all categories: its own backtest cannot tell maps apart."""

_TOTALS_OFF = 3.0


@dataclass(frozen=True)
class Choice:
    """What one category ships.

    :param ships: ``"LightGBM"`` or a baseline's code
    :param baseline: the baseline that ships, or the best one where trees ship
    :param why: one sentence for the card
    """

    category: str
    incidents: int
    ships: str
    baseline: Baseline
    calibration: Calibration
    why: str
    gains: tuple[Gain, ...] = field(default=())

    @property
    def uses_trees(self) -> bool:
        """Whether trees ship."""
        return self.ships == MODEL


def without_backtest(category: str, incidents: int, shifts: int, chosen: dict[str, Baseline], reason: str) -> Choice:
    """A category whose history is too short or too thin to judge anything."""
    code = "B5" if incidents < FEW else "B4"
    return Choice(category, incidents, code, chosen[code], Calibration.none(shifts), reason)


def choose(
    category: str,
    incidents: int,
    chosen: dict[str, Baseline],
    judged: CategoryBacktest,
    no_trees: str,
    rng: np.random.Generator,
) -> Choice:
    """LightGBM when it beats every baseline beyond doubt on the backtest, else the best baseline.

    :param no_trees: why no trees were grown; empty when they were
    """
    best = judged.best_baseline()
    if incidents < FEW:
        tally = judged.methods["B5"].tally
        why = f"Only {incidents} incidents: the map of all categories together, with these on top."
        return Choice(category, incidents, "B5", chosen["B5"], calibration.fit(tally), why)
    words = f"{best}, {chosen[best].words}"
    if MODEL not in judged.methods:
        return _ship(category, incidents, best, chosen, judged, f"{no_trees} The best baseline ships: {words}.")
    won = tuple(backtest.gains(judged, rng))
    observed = float(judged.observed.sum())
    if not totals_agree(judged.raw_total, observed):
        times = judged.raw_total / max(observed, 1e-9)
        why = (
            f"LightGBM was refused: over the backtest it expected {times:.2f} times the incidents that happened. "
            f"The best baseline ships: {words}."
        )
        return _ship(category, incidents, best, chosen, judged, why, won)
    closest = next(gain for gain in won if gain.baseline == best)
    said = f"{100 * closest.relative:+.1f} %, 95 % interval {100 * closest.low:+.1f} to {100 * closest.high:+.1f} %"
    if all(gain.certain for gain in won):
        why = f"LightGBM explains more than every baseline: {said} over the best one ({words})."
        tally = judged.methods[MODEL].tally
        return Choice(category, incidents, MODEL, chosen[best], calibration.fit(tally), why, won)
    why = f"LightGBM is not certainly better than the best baseline ({said}), which ships: {words}."
    return _ship(category, incidents, best, chosen, judged, why, won)


def refused(choice: Choice, ratio: float, judged: CategoryBacktest, chosen: dict[str, Baseline]) -> Choice:
    """The choice after the final trees failed the check of totals."""
    best = judged.best_baseline()
    why = (
        f"LightGBM was refused: trained on the whole history it expects {ratio:.2f} times the incidents that happened. "
        f"The best baseline ships: {best}, {chosen[best].words}."
    )
    return _ship(choice.category, choice.incidents, best, chosen, judged, why, choice.gains)


def totals_agree(expected: float, observed: float) -> bool:
    """Whether a total lies near enough to what happened, allowing for drift and chance.

    What trees say of places is given the total of level and rhythm afterwards, so a city whose crime fell by half since
    the trees were grown is no fault of theirs; trees that diverged are off by far more.
    """
    noise = 3.0 / max(observed, 1.0) ** 0.5
    return bool(abs(np.log(max(expected, 1e-9) / max(observed, 1e-9))) <= np.log(_TOTALS_OFF) + noise)


def _ship(
    category: str,
    incidents: int,
    code: str,
    chosen: dict[str, Baseline],
    judged: CategoryBacktest,
    why: str,
    won: tuple[Gain, ...] = (),
) -> Choice:
    return Choice(category, incidents, code, chosen[code], calibration.fit(judged.methods[code].tally), why, won)
