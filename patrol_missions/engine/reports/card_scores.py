"""The part of the model card that tells how well the forecasts did: scores with intervals, curves, ranges and maps."""

from __future__ import annotations

from functools import cached_property

import numpy as np

from patrol_missions.engine.forecast import calibration, intervals
from patrol_missions.engine.forecast.backtest import CURVE_SHARES, MODEL, CategoryBacktest, Gain
from patrol_missions.engine.forecast.blocks import Blocks
from patrol_missions.engine.forecast.choice import Choice
from patrol_missions.engine.forecast.intervals import Interval, Weeks
from patrol_missions.engine.forecast.training import Trained
from patrol_missions.engine.reports import card_figures, html

_MOST_PANELS = 12
_TABLE_SHARES = (0.005, 0.01, 0.02, 0.05)
_BUSIEST = 0.01
_FEW_IN_BLOCK = 10  # with hardly any, the difference is that of two guesses and the same every week
_FOUR_WEEKS = 4
_SHORT = {
    "B1": "all-time count",
    "B2": "365 days",
    "B3": "recent count",
    "B4": "kernel density",
    "B5": "all categories",
    "B6": "cell effects",
    "B7": "self-exciting",
}


class Scores:
    """What the backtest says, with the same resampled weeks throughout.

    :param seed: of the resampling
    """

    def __init__(self, trained: Trained, seed: int) -> None:
        self.trained = trained
        pairs = zip(trained.choices, trained.backtests or ())
        self.judged = [pair for pair in pairs if pair[1].observed.sum() > 0]
        self.weeks = Weeks(max(len(trained.timeline.backtest), 1), np.random.default_rng(seed))

    def blocks(self) -> list[html.Html]:
        """Everything, in the order of the card; nothing when nothing was tested."""
        if not self.judged:
            return []
        return [*self._gains(), *self._table(), *self._curves(), *self._reliability(), *self._counts(), *self._maps()]

    @cached_property
    def _running(self) -> list[calibration.Tally]:
        """What ships, per tested category, as it would have been calibrated week by week."""
        return [calibration.running(judged.methods[choice.ships].tally) for choice, judged in self.judged]

    def _gains(self) -> list[html.Html]:
        with_trees = [choice for choice, _ in self.judged if choice.gains][:_MOST_PANELS]
        if not with_trees:
            return []
        codes = {gain.baseline for choice in with_trees for gain in choice.gains} - {"B0"}
        names = {code: _SHORT.get(code, "") for code in sorted(codes)}
        caption = (
            "How much more of the deviance LightGBM explains than each baseline, in percent of what the baseline "
            "explains, with 95 % intervals from resampled weeks. Right of zero, LightGBM is better; filled marks: "
            "beyond chance. What lies beyond 60 % is drawn at the edge."
        )
        return [html.heading("Against the baselines"), html.figure(card_figures.gains(with_trees, names), caption)]

    def _table(self) -> list[html.Html]:
        rows: list[tuple[object, ...]] = []
        for choice, judged in self.judged:
            gains = {gain.baseline: gain for gain in choice.gains}
            category = choice.category
            for code, each in judged.methods.items():
                if code == "B0":
                    continue
                gain = gains.get(code)
                rows.append(
                    (
                        category,
                        self._name(choice, code),
                        _percents(self._explained(judged, code)),
                        _signed(gain) if gain else "",
                        *(_plain(self._pai(judged, code, share), 1) for share in _TABLE_SHARES),
                        _percents(self.weeks.ratio(each.found(_TABLE_SHARES[-1]), judged.observed)),
                    )
                )
                category = ""
        headers = ["Category", "Forecast", "Explained", "LightGBM’s gain"]
        headers += [f"PAI {100 * share:g} %" for share in _TABLE_SHARES] + [f"Hits {100 * _TABLE_SHARES[-1]:g} %"]
        note = (
            "Each week was forecast with what was known as it began. Explained: share of the Poisson deviance of a "
            "uniform map (B0) that is explained, after running calibration of every forecast alike. Gain: how much "
            "more LightGBM explains, over what that baseline explains. Hits: share of incidents in the 5 % of cells "
            "with the highest expectation in each shift; PAI: that share over the share of area, so 1 is as good as "
            "chance. Small figures are 95 % intervals from weeks drawn anew; gains compare both forecasts week by "
            "week, so they can be certain where intervals overlap. h: half-life of the memory in days; w: width in "
            "cells."
        )
        weeks = len(self.trained.timeline.backtest)
        title = html.heading(f"Scores on {weeks} weeks that no forecast had seen", 3)
        table = html.table(headers, rows, "", range(2, len(headers)), grouped=True)
        return [title, table, html.paragraph(note)]

    def _name(self, choice: Choice, code: str) -> html.Html:
        """What a forecast is called in the table, and whether it ships."""
        chip = html.chip("good", "ships") if code == choice.ships else html.Html("")
        if code == MODEL:
            return html.stacked("LightGBM", chip)
        settings = self.trained.settings[self.trained.choices.index(choice)][code]
        memory = [f"h {settings.half_life_days:g}"] if settings.half_life_days else []
        memory += [f"w {settings.width_cells:g}"] if memory and settings.width_cells else []
        head = f"{code} ({', '.join(memory)})".replace(" ", "\u00a0") + " " if memory else f"{code} "
        return html.stacked(html.Html(head + chip), _SHORT.get(code, settings.words))

    def _explained(self, judged: CategoryBacktest, code: str) -> Interval:
        nothing, some = judged.methods["B0"].deviance, judged.methods[code].deviance
        return self.weeks.ratio(nothing - some, nothing)

    def _pai(self, judged: CategoryBacktest, code: str, share: float) -> Interval:
        return self.weeks.ratio(judged.methods[code].found(share) / share, judged.observed)

    def _curves(self) -> list[html.Html]:
        panels = []
        for choice, judged in self.judged[:_MOST_PANELS]:
            codes = {"LightGBM": MODEL, "best baseline": judged.best_baseline(), "all-time count (B1)": "B1"}
            curves = {}
            for name, code in codes.items():
                if code in judged.methods:
                    found = [self._pai(judged, code, share) for share in CURVE_SHARES]
                    curves[name] = np.array([(each.value, each.low, each.high) for each in found]).T
            panels.append((_title(choice, judged), curves))
        caption = (
            "Prediction accuracy index (PAI): how many times more incidents fell into the cells with the highest "
            "expectation than into an area of the same size chosen by lot, by the share of cells chosen; bands are "
            "95 % intervals. Only compare values at the same share and cell size."
        )
        return [
            html.heading("Where incidents fell"),
            html.figure(card_figures.area_curves(np.array(CURVE_SHARES), panels), caption),
        ]

    def _reliability(self) -> list[html.Html]:
        panels, rows = [], []
        for (choice, judged), tally in zip(self.judged, self._running):
            expected = (tally.cells * np.exp(calibration.CENTRES)).sum(axis=(1, 2))
            ratio, slope = self.weeks.ratio(judged.observed, expected), self.weeks.slope(tally)
            note = f"total {ratio.value:.2f}\nslope {slope.value:.2f}"
            panels.append((choice.category, note, calibration.tenths(tally)))
            rows.append((choice.category, choice.ships, _inline(ratio), _inline(slope)))
        caption = (
            "Expected and observed incidents per 1,000 cell-shifts in ten groups of rising expectation, in the weeks "
            "tested, for what ships; bars are 95 % ranges of chance. On the line, what was expected is what happened."
        )
        note = (
            "Total: observed over expected incidents, best 1. Slope: best 1; below it, contrasts between cells were "
            "exaggerated, above it understated. In brackets: 95 % intervals."
        )
        return [
            html.heading("Are the numbers right?"),
            html.figure(card_figures.reliability(panels[:_MOST_PANELS]), caption),
            html.table(("Category", "Ships", "Total", "Slope"), rows, numeric=(2, 3)),
            html.paragraph(note),
        ]

    def _counts(self) -> list[html.Html]:
        rows = []
        weeks = len(self.trained.timeline.backtest)
        for (choice, judged), tally in zip(self.judged, self._running):
            city = intervals.whole_city(tally)
            per_cell = judged.methods[choice.ships].expected
            place = intervals.busiest_cells(judged.happened, per_cell, _BUSIEST, min(_FOUR_WEEKS / weeks, 1.0))
            if city is not None and place is not None:
                rows.append((choice.category, *_range(city), *_range(place)))
        if not rows:
            return []
        headers = ("Category", "City, one shift", "80 % range", "held", "Busiest cell, 4 weeks", "80 % range", "held")
        note = (
            "Expected counts are averages; single counts stray around them. In four of five cases a count lies in its "
            "80 % range. Held: share of the tested shifts of the whole city, and of the cells over the whole test, "
            "whose count lay in a range worked out without them; counts are whole numbers, so more than 80 % of "
            "small ones fit. “Busiest cell” is the average of the 1 % of cells where most was expected. Ranges are "
            "those of a negative binomial law, whose spread is measured in the test."
        )
        return [
            html.heading("How many there may be"),
            html.table(headers, rows, numeric=range(1, 7)),
            html.paragraph(note),
        ]

    def _maps(self) -> list[html.Html]:
        tested = [(choice, judged) for choice, judged in self.judged if MODEL in judged.methods][:_MOST_PANELS]
        if not tested:
            return []
        cells = self.trained.panel.cells
        blocks = Blocks.of(cells)
        panels, rows = [], []
        for choice, judged in tested:
            best = judged.best_baseline()
            happened = blocks.sums(judged.happened)
            gain = judged.methods[best].by_block - judged.methods[MODEL].by_block
            classes = self._classes(gain, happened)
            panels.append((_title(choice, judged), classes[blocks.of_cell]))
            count = np.bincount(classes, minlength=len(card_figures.MAP_CLASSES))
            parts = np.bincount(classes, happened, len(count)) / max(float(happened.sum()), 1e-9)
            shown = (f"{blocks_of} ({100 * part:.0f} %)" for blocks_of, part in zip(count.tolist(), parts))
            rows.append((choice.category, best, *shown))
        side = blocks.side_cells * cells.size_m
        caption = (
            f"Blocks of {side:,.0f} m in which LightGBM was better or worse than the best baseline in the weeks "
            f"tested, by the difference in deviance. Blocks with fewer than {_FEW_IN_BLOCK} incidents cannot tell. Of "
            "those that can, chance alone would call 2.5 % worse beyond chance."
        )
        headers = ("Category", "Best baseline", *(name.capitalize() for name, _ in card_figures.MAP_CLASSES))
        return [
            html.heading("Where it is worse than the best baseline"),
            html.figure(card_figures.maps(cells.column, cells.row, panels), caption),
            html.table(headers, rows, "Blocks, and the share of the incidents that fell into them", range(2, 7)),
        ]

    def _classes(self, gain: np.ndarray, happened: np.ndarray) -> np.ndarray:
        """Class of each block for the map.

        :param gain: shape (weeks, blocks)
        :param happened: incidents, shape (blocks,)
        """
        low, high = np.quantile(self.weeks.times[1:] @ gain, [0.025, 0.975], axis=0)
        middle = gain.sum(axis=0)
        return np.select([happened < _FEW_IN_BLOCK, low > 0, middle >= 0, high >= 0], [0, 1, 2, 3], 4)


def _title(choice: Choice, judged: CategoryBacktest) -> str:
    """The category, and the baseline where that ships."""
    plain = choice.uses_trees or MODEL not in judged.methods
    return choice.category if plain else f"{choice.category} ({choice.ships} ships)"


def _range(count: intervals.CountRange) -> tuple[object, ...]:
    mean = f"{count.expected:.1f}" if count.expected < 100 else f"{count.expected:.0f}"
    return mean, f"{count.low:.0f} to {count.high:.0f}", f"{100 * count.held:.0f} %"


def _percents(of: Interval) -> html.Html:
    return html.stacked(f"{100 * of.value:.1f} %", f"{100 * of.low:.1f} to {100 * of.high:.1f}")


def _signed(gain: Gain) -> html.Html:
    return html.stacked(f"{100 * gain.relative:+.1f} %", f"{100 * gain.low:+.1f} to {100 * gain.high:+.1f}")


def _inline(of: Interval) -> str:
    return f"{of.value:.2f} ({of.low:.2f} to {of.high:.2f})"


def _plain(of: Interval, digits: int) -> html.Html:
    return html.stacked(f"{of.value:.{digits}f}", f"{of.low:.{digits}f} to {of.high:.{digits}f}")
