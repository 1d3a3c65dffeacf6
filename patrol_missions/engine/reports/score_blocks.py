"""Blocks of a page that tell the scores of a backtest: short tables first, and every score with its interval in folds.

The model card and the backtest's report are made of the same blocks, so that both say the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np

from patrol_missions.engine.forecast import calibration, metrics
from patrol_missions.engine.forecast.backtest import MODEL, CategoryBacktest
from patrol_missions.engine.forecast.backtest_scores import ALL, CAUGHT, Score, Scores
from patrol_missions.engine.forecast.calibration import Tally
from patrol_missions.engine.forecast.choice import Choice
from patrol_missions.engine.forecast.ledger import RULE
from patrol_missions.engine.reports import card_figures, html

MOST_PANELS = 12
NAMES = {
    RULE: "as it ships",
    MODEL: "the model",
    "B0": "same everywhere",
    "B1": "all-time count",
    "B2": "last 365 days",
    "B3": "recent count",
    "B4": "kernel density",
    "B5": "all categories",
    "B6": "cell effects",
    "B7": "self-exciting",
}
"""What each code stands for, in two words or three."""

_FOUND_AREA, _PAI_AREA, _PLAN_AREA = 0.05, 0.02, 0.02
_HARM = "preventable_harm_caught"
_KINDS = dict(zip(CAUGHT, ("Incidents", "Harm", "Preventable harm")))


class _Line(NamedTuple):
    """A row of a table of all scores."""

    label: str
    metric: str
    area: float = 0.0
    times: float = 1.0
    digits: int = 2


_LINES = (
    _Line("Deviance explained, %", "deviance_explained", 0.0, 100.0, 1),
    _Line("Log score", "log_score"),
    _Line("Total ratio", "total_ratio"),
    _Line("Intercept", "intercept"),
    _Line("Slope", "slope"),
    *(
        _Line(f"{name} {100 * area:g} %", metric, area, times, digits)
        for name, metric, times, digits in (
            ("Hits", "hit_rate", 100.0, 1),
            ("PAI", "pai", 1.0, 2),
            ("PEI", "pei", 100.0, 1),
            ("SER", "ser", 1.0, 2),
        )
        for area in metrics.AREAS
    ),
)
_PLAN_LINES = (
    *(
        _Line(f"{name}, {where}", f"{kind}{how}", area, 100.0, 1)
        for kind, name in _KINDS.items()
        for where, how, area in (
            ("missions", "_by_missions", 0.0),
            *((f"{100 * area:g} %", "", area) for area in metrics.AREAS),
        )
    ),
    _Line("Turnover", "turnover", 0.0, 100.0, 1),
)


def judged(scores: Scores) -> list[tuple[int, Choice, CategoryBacktest]]:
    """Number, choice and backtest of every category of which something happened in the weeks tested."""
    pairs = zip(scores.tested.choices, scores.tested.backtests)
    return [(number, *pair) for number, pair in enumerate(pairs) if pair[1].observed.sum() > 0]


def short_table(scores: Scores, ships: str) -> list[html.Html]:
    """One row per category: what ships, and what it is worth.

    :param ships: heading of the column that tells what ships
    """
    rows: list[tuple[object, ...]] = []
    for choice, tested in zip(scores.tested.choices, scores.tested.backtests):
        row = (choice.category, choice.incidents, chip(choice))
        if tested.observed.sum() <= 0:
            rows.append((*row, "", "", "", "", ""))
            continue
        best = tested.best_baseline()
        gain = next((each for each in choice.gains if each.baseline == best), None)
        worth = (
            _stacked(scores.get(choice.category, choice.ships, metric, area), times, digits, unit)
            for metric, area, times, digits, unit in (
                ("deviance_explained", 0.0, 100.0, 1, " %"),
                ("hit_rate", _FOUND_AREA, 100.0, 1, " %"),
                ("pai", _PAI_AREA, 1.0, 1, ""),
            )
        )
        lead = _interval((gain.relative, gain.low, gain.high), 100.0, 1, " %", signed=True) if gain else "–"
        rows.append((*row, *worth, html.stacked(best, f"{100 * tested.explained(best):.1f} %"), lead))
    headers = (
        "Category",
        "Incidents",
        ships,
        "Explains",
        "Found in 5 %",
        "PAI 2 %",
        "Best baseline",
        "LightGBM’s gain",
    )
    note = (
        "Explains: share of the deviance of a map that is the same everywhere (B0). Found: share of the incidents in "
        f"the {100 * _FOUND_AREA:g} % of cells where most was expected, shift by shift; PAI: the same in "
        f"{100 * _PAI_AREA:g} % of cells, over that share, so 1 is as good as chance. Gain: how much more LightGBM "
        "explains than the best baseline, in percent of what that explains. Small figures are 95 % intervals from "
        "whole weeks drawn again and again, the same for all; gains compare week by week, so they can be certain "
        "where intervals overlap."
    )
    return [html.table(headers, rows, numeric=range(3, len(headers))), html.paragraph(note)]


def chip(choice: Choice) -> html.Html:
    """What ships, as a coloured word."""
    return html.chip("good", "LightGBM") if choice.uses_trees else html.chip("note", choice.ships)


def gains(scores: Scores) -> list[html.Html]:
    """LightGBM against each baseline, as a figure; nothing where no trees were grown."""
    with_trees = [choice for _, choice, _ in judged(scores) if choice.gains][:MOST_PANELS]
    if not with_trees:
        return []
    codes = {gain.baseline for choice in with_trees for gain in choice.gains} - {"B0"}
    caption = (
        "How much more of the deviance LightGBM explains than each baseline, in percent of what the baseline "
        "explains, with 95 % intervals from resampled weeks. Right of zero, LightGBM is better; filled marks: "
        "beyond chance. What lies beyond 60 % is drawn at the edge."
    )
    drawing = card_figures.gains(with_trees, {code: NAMES[code] for code in sorted(codes)})
    return [html.heading("Against the baselines"), html.figure(drawing, caption)]


def plans(scores: Scores) -> list[html.Html]:
    """What missions would have held, had they been planned by each forecast."""
    caught, planned = scores.ledger.caught, scores.ledger.planned
    codes = [code for code in NAMES if code in caught]
    rows = []
    for code in dict.fromkeys((RULE, *(code for code in (MODEL,) if code in caught), _best_plans(scores), "B1")):
        shown = (
            _stacked(scores.get(ALL, code, metric, area), 100.0, 1, " %")
            for metric, area in (
                ("incidents_caught_by_missions", 0.0),
                (f"{_HARM}_by_missions", 0.0),
                (_HARM, _PLAN_AREA),
            )
        )
        lead = _lead(scores, code) if code != RULE else ""
        rows.append((_column(code), *shown, lead, _stacked(scores.get(ALL, code, "turnover"), 100.0, 0, " %")))
    headers = ("Plans by", "Incidents", "Preventable harm", "… in 2 % of cells", "Rule’s lead there", "Turnover")
    note = (
        "Share of all incidents, and of their preventable harm (severity × preventability), that happened in the "
        "missions of the shift: the cells of each district with the most expected preventable harm; and in the 2 % of "
        "all cells with the most. The rule takes for each category what it would have shipped by the weeks before; "
        "LightGBM takes trees wherever there are any. Below: the best single baseline, and the count of all time. "
        "Turnover: share of missions that were none in the shift before."
    )
    weighed = zip(scores.tested.panel.categories, planned.severity, planned.preventability, planned.basis)
    worth = [(name, f"{severity:,.6g}", f"{100 * share:.0f} %", basis) for name, severity, share, basis in weighed]
    weights = ("Category", "Severity", "Preventable", "Severity from")
    every = [code for code in codes if code != "B0"]  # which catches as much as it flags
    drawing = card_figures.caught(
        [_title(code) for code in every],
        [[scores.get(ALL, code, _HARM, area) for area in metrics.AREAS] for code in every],
    )
    caption = "Share of preventable harm in the 0.5, 1, 2 and 5 % of cells flagged in each shift, with 95 % intervals."
    return [
        html.heading("What plans would have caught"),
        html.paragraph(_in_words(scores)),
        html.table(headers, rows, numeric=range(1, len(headers))),
        html.paragraph(note),
        html.figure(drawing, caption),
        html.fold(
            "All scores of plans",
            [
                _matrix([_column(code) for code in codes], _told(scores, ALL, codes, _PLAN_LINES)),
                html.paragraph("Held by missions, and by the cells flagged in shares of the area; all in percent."),
            ],
        ),
        html.fold("What an incident weighs", [html.table(weights, worth, numeric=(1, 2))]),
    ]


def _best_plans(scores: Scores) -> str:
    """The baseline whose missions held most preventable harm."""
    caught = scores.ledger.caught
    return max(
        (code for code in caught if code not in (RULE, MODEL)), key=lambda code: caught[code].missions[:, :, 2].sum()
    )


def _in_words(scores: Scores) -> str:
    planned, cells = scores.ledger.planned, len(scores.tested.panel.cells)
    sizes = np.bincount(planned.district, minlength=len(planned.districts))
    share = float(np.minimum(sizes, planned.missions).sum()) / cells
    held = scores.get(ALL, RULE, f"{_HARM}_by_missions")
    if held is None or not np.isfinite(held.value):
        return ""
    low, high = (100 * end for end in held.interval)
    where = "each district" if (sizes > 0).sum() > 1 else "the city"
    return (
        f"In each shift, {planned.missions} missions in {where}, {100 * share:.1f} % of all cells, planned by what "
        f"would have shipped at the time, held {100 * held.value:.1f} % of the harm that patrol can prevent (95 % "
        f"interval {low:.1f} to {high:.1f} %): {held.value / share:.1f} times as much as cells drawn by lot."
    )


def _lead(scores: Scores, code: str) -> html.Html | str:
    rule, other = (scores.get(ALL, each, _HARM, _PLAN_AREA) for each in (RULE, code))
    return "" if rule is None or other is None else _interval(rule.minus(other), 100.0, 1, " points", signed=True)


def reliability(scores: Scores) -> list[html.Html]:
    """Whether what ships expects as many as there are, in all and by how much is expected."""
    panels, rows = [], []
    for number, choice, _ in judged(scores):
        kept = scores.ledger.kept[number][choice.ships]
        found = [scores.get(choice.category, choice.ships, metric) for metric in ("total_ratio", "intercept", "slope")]
        total, _, slope = (f"{each.value:.2f}" if each else "" for each in found)
        tally = Tally(kept.cells[:, None], kept.incidents[:, None])
        panels.append((choice.category, f"total {total}\nslope {slope}", calibration.tenths(tally)))
        rows.append((choice.category, choice.ships, *(_stacked(each, 1.0, 2) for each in found)))
    caption = (
        "Expected and observed incidents per 1,000 cell-shifts in ten groups of rising expectation, in the weeks "
        "tested, for what ships; bars are 95 % ranges of chance. On the line, what was expected is what happened."
    )
    note = (
        "Total: observed over expected incidents, best 1; intercept: its logarithm, best 0. Slope: best 1; below it, "
        "contrasts between cells were exaggerated, above it understated. Small figures are 95 % intervals."
    )
    return [
        html.heading("Are the numbers right?"),
        html.figure(card_figures.reliability(panels[:MOST_PANELS]), caption),
        html.table(("Category", "Ships", "Total", "Intercept", "Slope"), rows, numeric=(2, 3, 4)),
        html.paragraph(note),
    ]


def districts(scores: Scores) -> list[html.Html]:
    """Preventable harm in the missions of each district; nothing where there is but one."""
    ledger = scores.ledger
    if len(ledger.planned.districts) < 2:
        return []
    best = _best_plans(scores)
    rule, other = ledger.caught[RULE].missions[:, :, 2], ledger.caught[best].missions[:, :, 2]
    happened = ledger.happened[:, :, 2]
    told = [scores.ratios(above, happened) for above in (rule, other, rule - other)]
    rows = [
        (
            name or "–",
            round(float(ledger.happened[:, at, 0].sum())),
            *(_interval(each[at], 100.0, 1, " %") for each in told[:2]),
            _interval(told[2][at], 100.0, 1, " points", signed=True),
        )
        for at, name in enumerate(ledger.planned.districts)
        if happened[:, at].sum() > 0
    ]
    leads = told[2][happened.sum(axis=0) > 0]
    note = (
        "Share of each district’s preventable harm that happened in its missions, planned by the rule and by the best "
        f"single baseline ({_title(best)}). The rule held certainly more in {int((leads[:, 1] > 0).sum())} of "
        f"{len(leads)} districts, certainly less in {int((leads[:, 2] < 0).sum())}; chance alone would say either of "
        "2.5 % of them. How well each forecast does in each district is under all scores."
    )
    headers = ("District", "Incidents", "Rule", best, "Rule’s lead")
    table = html.table(headers, rows, numeric=range(2, len(headers)))
    return [html.heading("By district"), html.paragraph(note), html.fold("All districts", [table])]


def everything(scores: Scores) -> list[html.Html]:
    """Every score of every forecast, a fold per category."""
    note = (
        "Every forecast with 95 % intervals. Gain: how much more LightGBM explains than that baseline, in percent of "
        "what it explains. Log score: mean log probability of what happened, per incident; nearer to 0 is better. "
        "Total ratio: observed over expected; intercept: its logarithm; slope: see above. Hits: percent of incidents "
        "in that share of the cells of each shift; PAI: hits over that share; PEI: hits in percent of the most that "
        "any such choice could have held; SER: incidents per flagged square kilometre and week. Only compare PAI, PEI "
        "and SER at the same share of area and size of cells."
    )
    blocks = [html.heading("All scores"), html.paragraph(note)]
    for number, choice, tested in judged(scores):
        codes = [code for code in NAMES if code in tested.methods]
        columns = [_column(code, code == choice.ships) for code in codes]
        lines = _told(scores, choice.category, codes, _LINES)
        lines.insert(1, _gain_line(choice, codes))
        settings = scores.tested.settings[number]
        words = "; ".join(f"{code}: {settings[code].words}" for code in codes if code in settings)
        inside = [_matrix(columns, lines), html.paragraph(f"{words}.")]
        if len(scores.ledger.planned.districts) > 1:
            inside += [
                html.heading("Deviance explained by district, %", 3),
                _matrix(columns, _by_district(scores, number, codes)),
            ]
        ships = "LightGBM ships" if choice.uses_trees else f"{_title(choice.ships)} ships"
        blocks.append(html.fold(f"{choice.category}: {ships}", inside))
    return blocks


def _by_district(scores: Scores, number: int, codes: Sequence[str]) -> list[tuple[object, ...]]:
    found = [scores.explained_by_district(number, code) for code in codes]
    observed = scores.ledger.observed[number].sum(axis=0)
    names = scores.ledger.planned.districts
    heads = [html.stacked(name or "–", f"incidents: {count:,.0f}") for name, count in zip(names, observed)]
    return [
        (head, *(_interval(each[at], 100.0, 1) for each in found)) for at, head in enumerate(heads) if observed[at] > 0
    ]


def _gain_line(choice: Choice, codes: Sequence[str]) -> tuple[object, ...]:
    known = {gain.baseline: (gain.relative, gain.low, gain.high) for gain in choice.gains if gain.baseline != "B0"}
    cells = (_interval(known[code], 100.0, 1, signed=True) if code in known else "" for code in codes)
    return ("LightGBM’s gain, %", *cells)


def _told(scores: Scores, category: str, codes: Sequence[str], lines: Iterable[_Line]) -> list[tuple[object, ...]]:
    return [
        (
            line.label,
            *(_stacked(scores.get(category, code, line.metric, line.area), line.times, line.digits) for code in codes),
        )
        for line in lines
    ]


def _matrix(columns: Sequence[html.Html], lines: Sequence[Sequence[object]]) -> html.Html:
    """Forecasts side by side."""
    return html.table(("", *columns), lines, numeric=range(1, len(columns) + 1), dense=True)


def _column(code: str, ships: bool = False) -> html.Html:
    head = html.stacked("LightGBM" if code == MODEL else code, NAMES[code])
    return html.Html(head + html.chip("good", "ships")) if ships else head


def _title(code: str) -> str:
    return {RULE: "Rule", MODEL: "LightGBM"}.get(code, f"{code} {NAMES[code]}")


def _stacked(score: Score | None, times: float, digits: int, unit: str = "") -> html.Html | str:
    return "" if score is None else _interval((score.value, *score.interval), times, digits, unit)


def _interval(
    found: Sequence[float] | np.ndarray, times: float, digits: int, unit: str = "", signed: bool = False
) -> html.Html | str:
    """A value above the ends of its interval."""
    if not np.isfinite(found[0]):
        return ""
    value, low, high = (_number(times * each, digits, signed) for each in found)
    return html.stacked(f"{value}{unit}", f"{low} to {high}")


def _number(value: float, digits: int, signed: bool) -> str:
    digits = min(digits, 1) if abs(value) >= 10 else digits
    if round(value, digits) == 0:
        return f"{0:.{digits}f}"
    return f"{value:{'+' if signed else ''}.{digits}f}".replace("-", "−")
