"""Forecast quality on real cities, held against every baseline: what docs/results.md shows.

    python benchmarks/accuracy.py              all tests (about five minutes)
    python benchmarks/accuracy.py 2019         one of them: 2019 (its first half), year (all of it), 2020 or portland

Run it with the engine's Python; ``PATROL_STAGE`` or build/stage holds the staged plugin. The incidents are read from
``../shared/data``, which is not part of the project; where that is absent, the script says so.

Each test goes through its weeks in turn. Settings, trees, level and calibration of a week come from what was known when
it began; every baseline has the same level, rhythm, day factor and running calibration as the model. Differences are
taken on the same weeks, with intervals of 95 % by bootstrap of whole weeks. No model, feature or constant was chosen by
looking at the weeks tested here. Plans flag the cells with the most expected preventable harm, by each scale of
severity; incidents are those caught by the plans of the first.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, os.environ.get("PATROL_STAGE", str(ROOT / "build" / "stage")))

from cities import PHILADELPHIA, PORTLAND, City  # noqa: E402 - needs the path above

from patrol_missions.core import weights  # noqa: E402
from patrol_missions.core.presets import DEFAULT_PRESET, PRESETS  # noqa: E402
from patrol_missions.engine.context import JobContext  # noqa: E402
from patrol_missions.engine.forecast import inputs, metrics, settings, training  # noqa: E402
from patrol_missions.engine.forecast.backtest import MODEL, CategoryBacktest  # noqa: E402
from patrol_missions.engine.forecast.backtest_scores import ALL, Scores  # noqa: E402
from patrol_missions.engine.forecast.ledger import Ledger, Planned  # noqa: E402
from patrol_missions.engine.forecast.timeline import Design  # noqa: E402
from patrol_missions.engine.forecast.workers import Workers  # noqa: E402

AREA = 0.02


@dataclass(frozen=True)
class Trial:
    """One test: incidents of ``first`` up to ``last``, of which the last weeks are forecast.

    :param holidays: region whose public holidays count
    :param weekly: judge each cell by its sum over the week instead of shift by shift
    """

    title: str
    city: City
    first: str
    last: str
    weeks: int
    holidays: str
    weekly: bool = False


TRIALS = {
    "2019": Trial("Philadelphia, first half of 2019", PHILADELPHIA, "2016-01-01", "2019-07-01", 26, "US-PA"),
    "year": Trial("Philadelphia, all of 2019", PHILADELPHIA, "2016-01-01", "2020-01-01", 52, "US-PA"),
    "2020": Trial("Philadelphia in the pandemic, 2020", PHILADELPHIA, "2016-01-01", "2021-01-01", 52, "US-PA"),
    "portland": Trial(
        "Portland, the half year before March 2017", PORTLAND, "2012-03-01", "2017-03-01", 26, "US-OR", True
    ),
}


class Watch:
    """A ledger of plans per scale of severity, and besides the deviance of whole weeks per cell."""

    def __init__(self, weeks: int, categories: Sequence[str], cells: int) -> None:
        self.weeks = weeks
        self.by_week: list[dict[str, np.ndarray]] = [{} for _ in categories]
        self.ledgers = {
            preset: Ledger(weeks, len(categories), _planned(preset, categories, cells)) for preset in PRESETS
        }

    def forecast(self, week: int, category: int, code: str, expected: np.ndarray, happened: Any) -> None:
        """Keep one forecast of one week."""
        for ledger in self.ledgers.values():
            ledger.forecast(week, category, code, expected, happened)
        _, cell, count = happened
        there = np.bincount(cell, count, minlength=expected.shape[1])
        total = expected.sum(axis=0)
        some = there > 0
        logs = (there[some] * np.log(there[some] / total[some])).sum()
        self.by_week[category].setdefault(code, np.zeros(self.weeks))[week] = 2 * (logs - there.sum() + total.sum())

    def week_over(self, week: int, categories: Sequence[CategoryBacktest]) -> None:
        """Judge the plans of the week."""
        for ledger in self.ledgers.values():
            ledger.week_over(week, categories)


def _planned(preset: str, categories: Sequence[str], cells: int) -> Planned:
    """Plans of :data:`AREA` of all cells, by one scale of severity."""
    kinds, _ = weights.resolve(preset, None, categories)
    severity, preventability = (np.array([getattr(k, name) for k in kinds]) for name in ("severity", "preventability"))
    return Planned(np.zeros(cells, dtype=np.int64), ("",), int(np.ceil(AREA * cells)), severity, preventability)


def run(trial: Trial) -> None:
    """Forecast, judge and print one test."""
    print(f"\n## {trial.title}\n")
    if not trial.city.path.is_file():
        print(f"REAL DATA ABSENT: {trial.city.path} does not exist, so nothing was measured.")
        return
    incidents, cells = trial.city.tables(trial.first, trial.last)
    parameters: dict[str, Any] = {
        "cell_size_m": trial.city.size_m,
        "time_zone": trial.city.time_zone,
        "shifts": [dict(each) for each in trial.city.shifts],
        "holidays": trial.holidays,
    }
    context = JobContext(Path(tempfile.gettempdir()), lambda *_: None)
    read = inputs.read(parameters, {"incidents": incidents, "cells": cells}, context)
    watch = Watch(trial.weeks, read.panel.categories, len(cells))
    start = time.perf_counter()
    tested = training.judge(
        read.panel,
        read.indicators,
        read.days,
        1,
        Workers(settings.threads({})),
        lambda *_: None,
        Design(trial.weeks),
        watch,
    )
    scores = {preset: Scores(tested, ledger, 1) for preset, ledger in watch.ledgers.items()}
    begin = str(np.datetime64(tested.timeline.begin_backtest, "s"))[:10]
    print(
        f"{len(incidents):,} incidents since {trial.first}, {len(cells):,} cells of {trial.city.size_m:g} m, "
        f"{trial.weeks} weekly origins from {begin}; {time.perf_counter() - start:.0f} s.\n"
    )
    _categories(read.panel.categories, tested.backtests, watch, scores[DEFAULT_PRESET], trial.weekly)
    _plans(scores)


def _categories(
    names: Sequence[str],
    judged: Sequence[CategoryBacktest],
    watch: Watch,
    scores: Scores,
    weekly: bool,
) -> None:
    codes = [code for code in judged[0].methods if code not in ("B0", MODEL)]
    print("Deviance explained, in percent" + (", of whole weeks" if weekly else "") + ":\n")
    print("| category | incidents a week | " + " | ".join(codes) + " | model | over the best [95 %] | slope | ratio |")
    print("|---|---:|" + "---:|" * (len(codes) + 2) + "---:|---:|---:|")
    gains = []
    for number, (name, found) in enumerate(zip(names, judged)):
        deviance = watch.by_week[number] if weekly else {code: each.deviance for code, each in found.methods.items()}
        explained = {code: 1 - each.sum() / deviance["B0"].sum() for code, each in deviance.items()}
        best = max(codes, key=lambda code: explained[code])
        told = [f"**{100 * explained[c]:.2f}**" if c == best else f"{100 * explained[c]:.2f}" for c in codes]
        if MODEL in deviance:
            better, scale = deviance[best] - deviance[MODEL], (deviance["B0"] - deviance[best]).sum()
            low, high = metrics.interval(scores.draws @ better / scale)
            gains.append((better.sum() / scale, low, high))
            gain = f"{100 * gains[-1][0]:+.1f} % [{100 * low:+.1f}, {100 * high:+.1f}]"
            told += [f"{100 * explained[MODEL]:.2f}", gain]
        else:
            told += ["none", "no trees"]
        for metric in ("slope", "total_ratio"):
            score = scores.get(name, MODEL, metric)
            told.append("" if score is None else f"{score.value:.3f}")
        print(f"| {name} | {found.observed.mean():.0f} | " + " | ".join(told) + " |")
    above, below = sum(low > 0 for _, low, _ in gains), sum(high < 0 for *_, high in gains)
    median = 100 * float(np.median([each[0] for each in gains]))
    print(
        f"\nMedian gain {median:.1f} %; interval above 0 in {above} of {len(names)} categories, below 0 in {below}.\n"
    )


def _plans(scores: Mapping[str, Scores]) -> None:
    """What the cells flagged by the plans of each forecast held, all categories together, by scale of severity."""
    metrics_of = {preset: (each, "preventable_harm_caught") for preset, each in scores.items()}
    metrics_of["incidents"] = (scores[DEFAULT_PRESET], "incidents_caught")
    print(f"Preventable harm caught in {100 * AREA:g} % of the area, shift by shift, in percent of all:\n")
    print("| plans by | " + " | ".join(f"{name} | the model's lead [95 %]" for name in metrics_of) + " |")
    print("|---|" + "---:|---:|" * len(metrics_of))
    for code in scores[DEFAULT_PRESET].ledger.caught:
        told = []
        for each, metric in metrics_of.values():
            score, model = (each.found[ALL, way, metric, AREA] for way in (code, MODEL))
            value, low, high = (100 * part for part in model.minus(score))
            told += [f"{100 * score.value:.2f}", f"{value:+.2f} [{low:+.2f}, {high:+.2f}]" if code != MODEL else ""]
        print(f"| {code} | " + " | ".join(told) + " |")


def main(asked: Sequence[str]) -> None:
    """The tests asked for, or all."""
    for name in asked or TRIALS:
        run(TRIALS[name])


if __name__ == "__main__":
    main(sys.argv[1:])
