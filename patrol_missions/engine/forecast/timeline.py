"""Which weeks the models learn from, are chosen on and are judged on; never the same ones."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from patrol_missions.engine.forecast.panel import DAY_S, WEEK_S, Panel

BACKTEST_WEEKS = 52
"""A year, so that every season is judged."""

TUNING_WEEKS = 26
TRAINING_WEEKS = 130
STOPPING_WEEKS = 10
GROWTH_WEEKS = 26
"""Trees that are judged are grown anew so often, as they would be in use."""

_WARM_UP_WEEKS = 30
_STEP_DAYS = 8
_FEWEST_WEEKS = 12
_LATEST_REPORTS_DAYS = 14


@dataclass(frozen=True)
class Design:
    """How a history is split.

    :param weeks: weeks of the backtest; 0 for as many as there should be
    :param growth_weeks: after so many weeks of the backtest trees are grown anew
    :param memory_weeks: how far back training weeks go; 0 for all
    :param sliding: trees forget what lies further back than that whenever they are grown, not only at the end
    """

    weeks: int = 0
    growth_weeks: int = GROWTH_WEEKS
    memory_weeks: int = TRAINING_WEEKS
    sliding: bool = False


@dataclass(frozen=True, eq=False)
class Timeline:
    """Moments in seconds UTC.

    :param tuning: origins of weeks on which baselines' settings are tried
    :param training: origins whose coming days the models learn from; eight days apart, so that every weekday comes at
        every distance
    :param backtest: weekly origins on which everything is judged
    :param growth: moments of the backtest, its begin the first, at which trees are grown from all that was known
    :param end: labels after it are not complete yet
    :param window_s: trees learn from training weeks of so long before they are grown; 0 for all
    """

    tuning: np.ndarray
    training: np.ndarray
    backtest: np.ndarray
    growth: np.ndarray
    end: int
    window_s: int = 0

    @property
    def begin_backtest(self) -> int:
        """End of what was known when settings were chosen and trees first grown."""
        return int(self.growth[0])

    @property
    def step_s(self) -> int:
        """Span that each training origin looks ahead."""
        return _STEP_DAYS * DAY_S

    def since(self, moment: int) -> int:
        """First moment of the training weeks from which trees are grown at a moment."""
        return moment - self.window_s if self.window_s else 0

    def stopping(self, moment: int) -> int:
        """Start of the training weeks before a moment of growth on which the number of trees is chosen."""
        first = max(int(self.training[0]) if len(self.training) else moment, self.since(moment))
        return moment - min(STOPPING_WEEKS * WEEK_S, max(moment - first, 0) // 4)

    def next_growth(self, origin: int) -> int:
        """First moment of growth by which the span of a training origin has ended; the history's end after the last."""
        later = self.growth[self.growth >= origin + self.step_s]
        return int(later[0]) if len(later) else self.end


TRAINING = Design()
"""What training a model goes by."""


def history_weeks(panel: Panel) -> int:
    """Whole weeks that can be judged or learned from."""
    return int(max((_last_complete(panel) - panel.begin) // WEEK_S, 0))


def of(panel: Panel, design: Design = TRAINING) -> Timeline:
    """Split a panel's history; short histories get fewer weeks of everything, down to none."""
    end = _last_complete(panel)
    weeks = max((end - panel.begin) // WEEK_S, 0)
    judged = min(design.weeks or min(BACKTEST_WEEKS, weeks // 3), weeks) if weeks >= _FEWEST_WEEKS else 0
    begin_backtest = int(end - judged * WEEK_S)
    before = (begin_backtest - panel.begin) // WEEK_S
    tried = min(TUNING_WEEKS, before // 4) if judged else 0
    warm_up = min(_WARM_UP_WEEKS * WEEK_S, int(0.4 * (begin_backtest - panel.begin)))
    first, memory = panel.begin + warm_up, design.memory_weeks * WEEK_S
    if memory:
        first = max(first, (begin_backtest if design.sliding else end) - memory)
    step = _STEP_DAYS * DAY_S
    # Counted back from the backtest, so that no training span reaches into it.
    training = np.concatenate(
        [np.arange(begin_backtest - step, first, -step)[::-1], np.arange(begin_backtest, end - step, step)]
    )
    growth = begin_backtest + WEEK_S * np.arange(0, max(judged, 1), design.growth_weeks)
    return Timeline(
        begin_backtest - WEEK_S * np.arange(tried, 0, -1),
        training.astype(np.int64) if judged else np.zeros(0, dtype=np.int64),
        begin_backtest + WEEK_S * np.arange(judged),
        growth.astype(np.int64),
        end,
        memory if design.sliding else 0,
    )


def _last_complete(panel: Panel) -> int:
    """End of the last shift by which nine in ten incidents were known at the end of the history."""
    lag = panel.events.known - panel.events.time
    late = int(min(np.quantile(lag, 0.9), _LATEST_REPORTS_DAYS * DAY_S)) if len(lag) else 0
    ends = panel.instances.end.astype(np.int64)
    done = ends[ends <= panel.end - late]
    return int(done.max()) if len(done) else panel.begin


def span(panel: Panel, origin: int, length_s: int) -> slice:
    """Rows of the panel's instances that start within ``length_s`` seconds from ``origin``."""
    start = panel.instances.start.astype(np.int64)
    first, last = np.searchsorted(start, [origin, origin + length_s])
    return slice(int(first), int(last))
