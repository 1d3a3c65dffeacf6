"""The scores of a backtest with intervals: whole weeks are drawn again and again, the same ones for every forecast."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from patrol_missions.core.tables import Table, encode_text
from patrol_missions.engine.forecast import metrics
from patrol_missions.engine.forecast.backtest import CURVE_SHARES, MODEL, CategoryBacktest
from patrol_missions.engine.forecast.calibration import CENTRES
from patrol_missions.engine.forecast.ledger import RULE, Ledger
from patrol_missions.engine.forecast.training import Findings

ALL = "All categories"
CAUGHT = ("incidents_caught", "harm_caught", "preventable_harm_caught")
_TEXTS = ("category", "forecast", "metric", "district", "settings")
_TYPES: Mapping[str, type] = {"ships": np.bool_, "weeks": np.int32}


@dataclass(frozen=True, eq=False)
class Score:
    """One score of one forecast.

    :param category: planning category, or :data:`ALL`
    :param forecast: code
    :param metric: name, as in ``docs/metrics.md``
    :param area: share of the area flagged in each shift; not a number where that has no meaning
    :param drawn: the score on the bootstrap's draws of weeks, shape (draws,)
    """

    category: str
    forecast: str
    metric: str
    area: float
    value: float
    drawn: np.ndarray

    @property
    def interval(self) -> tuple[float, float]:
        """95 % interval."""
        return metrics.interval(self.drawn)

    def minus(self, other: Score) -> tuple[float, float, float]:
        """Difference to another forecast's score with its interval, on the same weeks."""
        return (self.value - other.value, *metrics.interval(self.drawn - other.drawn))


class Scores:
    """All scores of a backtest.

    :param seed: of the draws; ``draws`` says how often each week is in each of them, shape (draws, weeks)
    """

    def __init__(self, tested: Findings, ledger: Ledger, seed: int) -> None:
        self.tested, self.ledger = tested, ledger
        self.draws = metrics.block_draws(ledger.weeks, np.random.default_rng(seed))
        cells = tested.panel.cells
        self.area_km2 = len(cells) * cells.size_m**2 / 1e6
        made = [*self._of_categories(), *self._of_plans()]
        self.found = {(each.category, each.forecast, each.metric, each.area): each for each in made}

    def get(self, category: str, forecast: str, metric: str, area: float = 0.0) -> Score | None:
        """One score; ``area`` 0 where it has no meaning."""
        return self.found.get((category, forecast, metric, area))

    def _ratio(self, name: tuple[str, str, str, float], above: np.ndarray, below: np.ndarray) -> Score:
        """A score that is one sum over weeks over another."""
        with np.errstate(divide="ignore", invalid="ignore"):
            return _score(name, self._sums(above) / self._sums(below))

    def _sums(self, weekly: np.ndarray) -> np.ndarray:
        """The sum over all weeks, then those over the weeks of every draw."""
        return np.concatenate([[weekly.sum()], self.draws @ weekly])

    def _of_categories(self) -> Iterator[Score]:
        for number, (category, judged) in enumerate(zip(self.tested.panel.categories, self.tested.backtests)):
            if judged.observed.sum() <= 0:
                continue
            for code in judged.methods:
                yield from self._of_forecast(number, category, code, judged)
                yield from self._of_areas(number, category, code, judged)

    def _of_forecast(self, number: int, category: str, code: str, judged: CategoryBacktest) -> Iterator[Score]:
        ledger, kept = self.ledger, self.ledger.kept[number][code]
        observed = ledger.observed[number].sum(axis=1)
        nothing, deviance = judged.methods["B0"].deviance, judged.methods[code].deviance
        expected = kept.expected.sum(axis=1)
        yield self._ratio((category, code, "deviance_explained", 0.0), nothing - deviance, nothing)
        yield self._ratio((category, code, "log_score", 0.0), ledger.saturated[number] - deviance / 2, observed)
        total = self._ratio((category, code, "total_ratio", 0.0), observed, expected)
        yield total
        with np.errstate(divide="ignore"):
            yield Score(category, code, "intercept", 0.0, float(np.log(total.value)), np.log(total.drawn))
        line = metrics.calibration_line(CENTRES, kept.cells, kept.incidents)
        yield Score(category, code, "slope", 0.0, line.slope, line.slope + (self.draws - 1.0) @ line.influence)

    def _of_areas(self, number: int, category: str, code: str, judged: CategoryBacktest) -> Iterator[Score]:
        observed = self._sums(self.ledger.observed[number].sum(axis=1))
        weeks, cells = self._sums(np.ones(self.draws.shape[1])), len(self.tested.panel.cells)
        for place, area in enumerate(metrics.AREAS):
            hits = self._sums(judged.methods[code].found(area))
            most = self._sums(self.ledger.most[number, :, place])
            flagged = math.ceil(area * cells) / cells
            with np.errstate(divide="ignore", invalid="ignore"):
                yield _score((category, code, "hit_rate", area), hits / observed)
                yield _score((category, code, "pai", area), metrics.pai(hits, observed, flagged))
                yield _score((category, code, "pei", area), metrics.pei(hits, most))
                found = metrics.search_efficiency(hits, flagged * self.area_km2, weeks)
            yield _score((category, code, "ser", area), found)

    def _of_plans(self) -> Iterator[Score]:
        happened = self.ledger.happened.sum(axis=1)
        for code, caught in self.ledger.caught.items():
            for kind, metric in enumerate(CAUGHT):
                for place, area in enumerate(metrics.AREAS):
                    above = caught.areas[:, place, kind]
                    yield self._ratio((ALL, code, metric, area), above, happened[:, kind])
                above = caught.missions[:, :, kind].sum(axis=1)
                yield self._ratio((ALL, code, f"{metric}_by_missions", 0.0), above, happened[:, kind])
            yield self._ratio((ALL, code, "turnover", 0.0), caught.turnover, self.ledger.shifts)

    def table(self) -> Table:
        """A row per score, with the model's lead over it on the same weeks."""
        rows = []
        for each in self.found.values():
            best = RULE if each.category == ALL else MODEL
            model = self.get(each.category, best, each.metric, each.area)
            lead = (np.nan,) * 3 if model is None or model is each else model.minus(each)
            area = 100 * each.area or np.nan
            rows.append((each.category, each.forecast, each.metric, area, each.value, *each.interval, *lead))
        names = ("category", "forecast", "metric", "area_percent", "value", "low", "high")
        return to_table((*names, "lead_of_model", "lead_low", "lead_high"), rows)

    def districts(self) -> Table:
        """A row per category, forecast and district, and per plan and district."""
        ledger, rows = self.ledger, []
        names = ledger.planned.districts
        for number, (category, judged) in enumerate(zip(self.tested.panel.categories, self.tested.backtests)):
            if judged.observed.sum() <= 0:
                continue
            for code, kept in ledger.kept[number].items():
                observed, expected = ledger.observed[number].sum(axis=0), kept.expected.sum(axis=0)
                shares = self.explained_by_district(number, code)
                rows += [
                    (category, code, name, observed[at], expected[at], *shares[at], np.nan)
                    for at, name in enumerate(names)
                ]
        for code, caught in ledger.caught.items():
            harm, happened = caught.missions[:, :, 2].sum(axis=0), ledger.happened[:, :, 2].sum(axis=0)
            incidents = ledger.happened[:, :, 0].sum(axis=0)
            for at, name in enumerate(names):
                share = harm[at] / happened[at] if happened[at] else np.nan
                rows.append((ALL, code, name, incidents[at], np.nan, np.nan, np.nan, np.nan, share))
        columns = ("category", "forecast", "district", "incidents", "expected", "deviance_explained", "low", "high")
        return to_table((*columns, "preventable_harm_caught"), rows)

    def explained_by_district(self, number: int, code: str) -> np.ndarray:
        """Deviance explained of one category with its interval, shape (districts, 3)."""
        kept = self.ledger.kept[number]
        nothing = kept["B0"].deviance
        return self.ratios(nothing - kept[code].deviance, nothing)

    def pai(self, judged: CategoryBacktest, code: str) -> np.ndarray:
        """Prediction accuracy index at every one of the :data:`CURVE_SHARES` with its interval, shape (shares, 3)."""
        cells = len(self.tested.panel.cells)
        shares = np.ceil(np.array(CURVE_SHARES) * cells) / cells
        return self.ratios(judged.methods[code].hits / shares, np.repeat(judged.observed[:, None], len(shares), axis=1))

    def ratios(self, above: np.ndarray, below: np.ndarray) -> np.ndarray:
        """Several ratios of sums over weeks, with their intervals.

        :param above: shape (weeks, ratios)
        :param below: same shape
        :return: shape (ratios, 3)
        """
        with np.errstate(divide="ignore", invalid="ignore"):
            drawn = (self.draws @ above) / (self.draws @ below)
            values = above.sum(axis=0) / below.sum(axis=0)
        return np.array([(value, *metrics.interval(each)) for value, each in zip(values, drawn.T)])


def _score(name: tuple[str, str, str, float], values: np.ndarray) -> Score:
    """A score from its value and those of the draws, in one array."""
    return Score(*name, float(values[0]), values[1:])


def to_table(names: Sequence[str], rows: Sequence[Sequence[object]]) -> Table:
    """Rows as a table: columns of text, and of numbers."""
    columns: dict[str, np.ndarray] = {}
    labels: dict[str, tuple[str, ...]] = {}
    for place, name in enumerate(names):
        values = [row[place] for row in rows]
        if name in _TEXTS:
            columns[name], labels[name] = encode_text(str(value) for value in values)
        else:
            columns[name] = np.array(values, dtype=_TYPES.get(name, np.float64))
    return Table(columns, labels)


def summary(scores: Scores) -> Mapping[str, object]:
    """The scores as plain values, for scripts: category, forecast and metric (with the area in percent)."""
    answer: dict[str, dict[str, dict[str, object]]] = {}
    for each in scores.found.values():
        name = f"{each.metric}_{100 * each.area:g}" if each.area else each.metric
        low, high = each.interval
        triple = [None if np.isnan(value) else round(value, 6) for value in (each.value, low, high)]
        answer.setdefault(each.category, {}).setdefault(each.forecast, {})[name] = triple
    return answer
