"""The parts of the model card that only a model has: curves of the index, ranges of counts, and where it is worse."""

from __future__ import annotations

import numpy as np

from patrol_missions.engine.forecast import calibration, intervals
from patrol_missions.engine.forecast.backtest import CURVE_SHARES, MODEL, CategoryBacktest
from patrol_missions.engine.forecast.backtest_scores import Scores
from patrol_missions.engine.forecast.blocks import Blocks
from patrol_missions.engine.forecast.choice import Choice
from patrol_missions.engine.reports import card_figures, html, score_blocks
from patrol_missions.engine.reports.score_blocks import MOST_PANELS

_BUSIEST = 0.01
_FEW_IN_BLOCK = 10  # with hardly any, the difference is that of two guesses and the same every week
_FOUR_WEEKS = 4


def curves(scores: Scores) -> list[html.Html]:
    """How the index falls with the share of area."""
    panels = []
    for _, choice, judged in score_blocks.judged(scores)[:MOST_PANELS]:
        codes = {"LightGBM": MODEL, "best baseline": judged.best_baseline(), "all-time count (B1)": "B1"}
        there = {name: code for name, code in codes.items() if code in judged.methods}
        panels.append((_title(choice, judged), {name: scores.pai(judged, code).T for name, code in there.items()}))
    caption = (
        "Prediction accuracy index (PAI): how many times more incidents fell into the cells with the highest "
        "expectation than into an area of the same size chosen by lot, by the share of cells chosen; bands are "
        "95 % intervals. Only compare values at the same share and cell size."
    )
    return [
        html.heading("Where incidents fell"),
        html.figure(card_figures.area_curves(np.array(CURVE_SHARES), panels), caption),
    ]


def counts(scores: Scores) -> list[html.Html]:
    """How far counts stray from what is expected."""
    rows = []
    weeks = scores.ledger.weeks
    for _, choice, judged in score_blocks.judged(scores):
        tally = calibration.running(judged.methods[choice.ships].tally)
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


def maps(scores: Scores) -> list[html.Html]:
    """Where the model is worse than the best baseline."""
    tested = [(choice, judged) for _, choice, judged in score_blocks.judged(scores) if MODEL in judged.methods]
    tested = tested[:MOST_PANELS]
    if not tested:
        return []
    cells = scores.tested.panel.cells
    blocks = Blocks.of(cells)
    panels, rows = [], []
    for choice, judged in tested:
        best = judged.best_baseline()
        happened = blocks.sums(judged.happened)
        gain = judged.methods[best].by_block - judged.methods[MODEL].by_block
        classes = _classes(scores, gain, happened)
        panels.append((_title(choice, judged), classes[blocks.of_cell]))
        count = np.bincount(classes, minlength=len(card_figures.MAP_CLASSES))
        parts = np.bincount(classes, happened, len(count)) / max(float(happened.sum()), 1e-9)
        shown = (f"{blocks_of} ({100 * part:.0f} %)" for blocks_of, part in zip(count.tolist(), parts))
        rows.append((choice.category, *shown))
    side = blocks.side_cells * cells.size_m
    caption = (
        f"Blocks of {side:,.0f} m in which LightGBM was better or worse than the best baseline in the weeks "
        f"tested, by the difference in deviance. Blocks with fewer than {_FEW_IN_BLOCK} incidents cannot tell. Of "
        "those that can, chance alone would call 2.5 % worse beyond chance."
    )
    headers = ("Category", *(name.capitalize() for name, _ in card_figures.MAP_CLASSES))
    return [
        html.heading("Where it is worse than the best baseline"),
        html.figure(card_figures.maps(cells.column, cells.row, panels), caption),
        html.table(headers, rows, "Blocks, and the share of the incidents that fell into them", range(1, 6)),
    ]


def _classes(scores: Scores, gain: np.ndarray, happened: np.ndarray) -> np.ndarray:
    """Class of each block for the map.

    :param gain: shape (weeks, blocks)
    :param happened: incidents, shape (blocks,)
    """
    low, high = np.quantile(scores.draws @ gain, [0.025, 0.975], axis=0)
    middle = gain.sum(axis=0)
    return np.select([happened < _FEW_IN_BLOCK, low > 0, middle >= 0, high >= 0], [0, 1, 2, 3], 4)


def _title(choice: Choice, judged: CategoryBacktest) -> str:
    """The category, and the baseline where that ships."""
    plain = choice.uses_trees or MODEL not in judged.methods
    return choice.category if plain else f"{choice.category} ({choice.ships} ships)"


def _range(count: intervals.CountRange) -> tuple[object, ...]:
    mean = f"{count.expected:.1f}" if count.expected < 100 else f"{count.expected:.0f}"
    return mean, f"{count.low:.0f} to {count.high:.0f}", f"{100 * count.held:.0f} %"
