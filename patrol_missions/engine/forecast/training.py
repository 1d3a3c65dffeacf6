"""Training from one end of the history to the other, in one pass over it.

Baselines' settings are chosen on weeks before the backtest; trees learn from weeks before the backtest and are judged,
beside every baseline, on the weeks of the backtest as they roll by; what ships is then trained again on the whole
history.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from patrol_missions.engine.forecast import choice as choosing
from patrol_missions.engine.forecast import features as featuring
from patrol_missions.engine.forecast import hours, model, sampling, timeline, tuning
from patrol_missions.engine.forecast.backtest import Backtest, CategoryBacktest, Watcher, raw_log_expected
from patrol_missions.engine.forecast.baselines import Baseline
from patrol_missions.engine.forecast.choice import Choice
from patrol_missions.engine.forecast.day_factor import DayFactor
from patrol_missions.engine.forecast.features import Features
from patrol_missions.engine.forecast.history import History
from patrol_missions.engine.forecast.indicators import Indicators
from patrol_missions.engine.forecast.model import Trees
from patrol_missions.engine.forecast.panel import WEEK_S, Labels, Panel
from patrol_missions.engine.forecast.surface import Start, Surfaces
from patrol_missions.engine.forecast.timeline import Design, Timeline
from patrol_missions.engine.forecast.workers import Workers

Progress = Callable[[float, str], None]

_FEWEST_POSITIVES = 300
_FEWEST_ORIGINS = 10
_NEGATIVES_PER_POSITIVE = 2
_NEGATIVES = (60_000, 240_000)
_CHECK_WEEKS = 2


@dataclass(frozen=True, eq=False)
class Findings:
    """What a backtest found.

    :param choices: what each category would ship by the whole backtest
    :param backtests: how every forecast did, per category; empty when the history is too short
    :param settings: the baselines of each category by code
    """

    panel: Panel
    timeline: Timeline
    choices: tuple[Choice, ...]
    backtests: tuple[CategoryBacktest, ...]
    settings: tuple[dict[str, Baseline], ...]


@dataclass(frozen=True, eq=False)
class Trained(Findings):
    """Everything that training found out; its choices are what each category does ship.

    :param trees: the trees of the categories that ship them, else ``None``
    :param starts: maps from which the trees of each category start
    :param hourly: :func:`patrol_missions.engine.forecast.hours.profiles`
    """

    trees: tuple[Trees | None, ...]
    starts: tuple[Start, ...]
    feature_names: tuple[str, ...]
    others: tuple[int, ...]
    hourly: np.ndarray


def train(
    panel: Panel,
    indicators: Indicators,
    days: DayFactor,
    seed: int,
    workers: Workers,
    progress: Progress,
    watcher: Watcher | None = None,
) -> Trained:
    """Choose, train, judge and train again; the same input and seed give the same result on any machine."""
    return _Training(panel, indicators, days, seed, workers, progress).run(watcher)


def judge(
    panel: Panel,
    indicators: Indicators,
    days: DayFactor,
    seed: int,
    workers: Workers,
    progress: Progress,
    design: Design,
    watcher: Watcher | None = None,
) -> Findings:
    """Choose settings, train and judge by a design, week by week, each with what was known as it began."""
    return _Training(panel, indicators, days, seed, workers, progress, design).judge(watcher)


class _Training:
    def __init__(
        self,
        panel: Panel,
        indicators: Indicators,
        days: DayFactor,
        seed: int,
        workers: Workers,
        progress: Progress,
        design: Design = timeline.TRAINING,
    ) -> None:
        self.panel, self.indicators, self.seed, self.progress = panel, indicators, seed, progress
        self.days = days.fresh()
        self.workers = workers
        self.timeline = timeline.of(panel, design)
        self.count = len(panel.categories)
        self.others = featuring.frequent(panel.counts)
        self.rows = [sampling.Rows() for _ in range(self.count)]
        sequence = np.random.SeedSequence(seed).spawn(self.count + 1)
        self.draws = [np.random.default_rng(each) for each in sequence[1:]]
        self.bootstrap = np.random.default_rng(sequence[0])
        self.settings, self.starts = tuning.choose(
            panel, self.timeline.tuning, lambda part: progress(0.12 * part, "Trying the settings of the maps")
        )
        self.surfaces = Surfaces(panel.cells, self.starts)
        self.names: list[str] = []
        self._known: dict[int, list[Labels]] = {}
        self.no_trees = [""] * self.count
        self.trees: list[Trees | None] = [None] * self.count

    def judge(self, watcher: Watcher | None) -> Findings:
        judged = self._judge(self._first_grown(), 0.35, 1.0, watcher)
        choices = self._choose(judged)
        return Findings(self.panel, self.timeline, tuple(choices), tuple(judged), tuple(self.settings))

    def _first_grown(self) -> History:
        """The history as the backtest begins, when the first trees are grown."""
        when = self.timeline
        history = History(self.panel)
        before = when.training[when.training < when.begin_backtest]
        self._gather(history, before, 0.12, 0.3)
        self._grow(when.begin_backtest, "Training", 0.3)
        return history

    def run(self, watcher: Watcher | None) -> Trained:
        when = self.timeline
        judged = self._judge(self._first_grown(), 0.45, 0.8, watcher)
        choices = self._choose(judged)
        final, choices = self._grow_again(choices, judged, 0.8, 0.98)
        return Trained(
            self.panel,
            when,
            tuple(choices),
            tuple(judged),
            tuple(self.settings),
            tuple(final),
            tuple(self.starts),
            tuple(self.names),
            self.others,
            hours.profiles(self.panel),
        )

    def _features(self, history: History, rows: slice) -> Features:
        instances = self.panel.instances.take(rows)
        return Features(history, instances, self.surfaces, self.indicators, self.others, self.days)

    def _labels(self, known_by: int) -> list[Labels]:
        if known_by not in self._known:
            self._known = {known_by: [self.panel.labels(category, known_by) for category in range(self.count)]}
        return self._known[known_by]

    def _gather(self, history: History, origins: np.ndarray, low: float, high: float) -> None:
        """Training rows of several origins."""
        for number, origin in enumerate(origins):
            self._gather_one(history, int(origin))
            self.progress(low + (high - low) * (number + 1) / len(origins), "Computing what was known week by week")

    def _gather_one(self, history: History, origin: int) -> None:
        """Training rows of one origin, with the incidents that were known when trees were next grown."""
        rows = timeline.span(self.panel, origin, self.timeline.step_s)
        if rows.stop <= rows.start:
            return
        history.advance(origin)
        labels = self._labels(self.timeline.next_growth(origin))
        features = self._features(history, rows)
        self.names = features.names()
        per_origin = len(self.timeline.training)

        def gather(category: int) -> None:
            wanted = np.clip(_NEGATIVES_PER_POSITIVE * len(labels[category].key), *_NEGATIVES) / per_origin
            cell, instance, count, weight = sampling.sample(
                features, category, labels[category], rows.start, rows.stop, int(wanted) + 1, self.draws[category]
            )
            log = features.log_surface(category, cell, instance)
            self.rows[category].add(features.rows(category, cell, instance), count, weight, log, origin)

        self.workers.each(gather, self.count)

    def _grow(self, moment: int, text: str, done: float) -> None:
        """Trees that know nothing later than a moment; ``None`` where there was too little to learn from at first."""
        self.progress(done, text)

        # What is judged has trees from begin to end, or not at all.
        self.no_trees = [why or self._too_little(category) for category, why in enumerate(self.no_trees)]

        def grow(category: int) -> Callable[[], Trees] | None:
            if self.no_trees[category]:
                return None
            rows = self.rows[category].between(self.timeline.since(moment), moment - self.timeline.step_s)
            stopping = self.timeline.stopping(moment)
            return partial(model.fit, rows, featuring.signs(self.names), self.seed, stopping_from=stopping)

        self.trees[:] = self.workers.apart(grow, self.count)

    def _too_little(self, category: int) -> str:
        """Why no trees can be grown; empty when they can."""
        rows = self.rows[category]
        if rows.origins < _FEWEST_ORIGINS:
            return "LightGBM was not tried: the history is too short."
        if rows.positives >= _FEWEST_POSITIVES:
            return ""
        return (
            f"LightGBM was not tried: {rows.positives} cell-shifts with incidents to learn from, "
            f"{_FEWEST_POSITIVES} are needed."
        )

    def _judge(self, history: History, low: float, high: float, watcher: Watcher | None) -> list[CategoryBacktest]:
        """The backtest, week by week; training rows of the same weeks are gathered on the way."""
        when = self.timeline
        weeks = len(when.backtest)
        if weeks == 0:
            return []
        labels = self._labels(self.panel.end)
        shifts = len(self.panel.plan.shifts)
        test = Backtest(weeks, shifts, self.settings, self.trees, self.workers, self.panel.cells, watcher)
        late = when.training[when.training >= when.begin_backtest]
        for number, origin in enumerate(when.backtest):
            done = low + (high - low) * number / weeks
            if origin in when.growth[1:]:
                self._grow(int(origin), "Training again", done)
            rows = timeline.span(self.panel, int(origin), WEEK_S)
            history.advance(int(origin))
            test.week(number, self._features(history, rows), labels, rows.start, rows.stop)
            until = int(origin) + WEEK_S
            for each in late[(late >= origin) & (late < until)]:
                self._gather_one(history, int(each))
            self.progress(done, "Forecasting past weeks as they began")
        return test.finish()

    def _choose(self, judged: list[CategoryBacktest]) -> list[Choice]:
        choices = []
        for category, (name, incidents) in enumerate(zip(self.panel.categories, self.panel.counts.tolist())):
            chosen = self.settings[category]
            if not judged or judged[category].observed.sum() <= 0:
                reason = (
                    "The history is too short for a backtest."
                    if not judged
                    else "No incident falls in the weeks of the backtest, so nothing could be judged."
                )
                shifts = len(self.panel.plan.shifts)
                choices.append(choosing.without_backtest(name, incidents, shifts, chosen, reason))
                continue
            choices.append(
                choosing.choose(
                    name,
                    incidents,
                    chosen,
                    judged[category],
                    self.no_trees[category],
                    self.bootstrap,
                )
            )
        return choices

    def _grow_again(
        self,
        choices: list[Choice],
        judged: list[CategoryBacktest],
        low: float,
        high: float,
    ) -> tuple[list[Trees | None], list[Choice]]:
        """Trees from the whole history where trees ship, if their totals agree with the last weeks."""
        self.progress(low, "Training on the whole history")

        def grow(category: int) -> Callable[[], Trees] | None:
            last = self.trees[category]
            if not choices[category].uses_trees or last is None:
                return None
            rows, signs = self.rows[category].whole(), featuring.signs(self.names)
            return partial(model.fit, rows, signs, self.seed, rounds=last.rounds)

        final = self.workers.apart(grow, self.count)
        self.progress(high, "Checking totals")
        ratios = self._ratios(final)
        for category, ratio in ratios.items():
            if ratio.agrees:
                continue
            final[category] = None
            choices[category] = choosing.refused(
                choices[category], ratio.value, judged[category], self.settings[category]
            )
        return final, choices

    def _ratios(self, final: Sequence[Trees | None]) -> dict[int, _Ratio]:
        """Expected over observed in the last weeks, not sampled, for every category with trees."""
        sums = {category: [0.0, 0.0] for category, trees in enumerate(final) if trees is not None}
        if not sums:
            return {}
        history, labels = History(self.panel), self._labels(self.panel.end)
        for origin in self.timeline.backtest[-_CHECK_WEEKS:]:
            rows = timeline.span(self.panel, int(origin), WEEK_S)
            features = self._features(history.advance(int(origin)), rows)
            for category, (expected, observed) in sums.items():
                trees = final[category]
                if trees is None:
                    continue
                log = raw_log_expected(trees, features, category)
                happened = float(labels[category].between(rows.start, rows.stop)[2].sum())
                sums[category] = [expected + float(np.exp(log).sum()), observed + happened]
        return {category: _Ratio(*pair) for category, pair in sums.items()}


@dataclass(frozen=True)
class _Ratio:
    expected: float
    observed: float

    @property
    def value(self) -> float:
        return self.expected / max(self.observed, 1e-9)

    @property
    def agrees(self) -> bool:
        return choosing.totals_agree(self.expected, self.observed)
