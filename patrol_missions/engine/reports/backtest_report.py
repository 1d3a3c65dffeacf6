"""The report of a backtest: what a model is worth beside the counts that every analyst already has."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from patrol_missions.engine.forecast import calibration, metrics
from patrol_missions.engine.forecast.backtest import MODEL, CategoryBacktest
from patrol_missions.engine.forecast.backtest_scores import ALL, Score, Scores
from patrol_missions.engine.forecast.calibration import Tally
from patrol_missions.engine.forecast.choice import Choice
from patrol_missions.engine.forecast.ledger import RULE
from patrol_missions.engine.reports import backtest_figures, card_figures, figures, html

_MOST_PANELS = 12
_MAIN_AREA = 0.02
_CAUGHT = "preventable_harm_caught"


@dataclass(frozen=True)
class Jitter:
    """One category with the grid's origin moved.

    :param offset_m: by how much, east and north
    :param gain: of the trees over the best baseline; not a number without trees
    :param explained: by the best baseline
    :param pai: at 2 % of the area, of what ships
    """

    category: str
    offset_m: tuple[float, float]
    best: str
    ships: str
    gain: float
    explained: float
    pai: float


def render(scores: Scores, moved: Sequence[Jitter], facts: Mapping[str, Any]) -> str:
    """The whole page."""
    blocks = [_verdict(scores), html.facts(_figures(scores, facts))]
    with figures.style():
        blocks += [*_gains(scores), *_plans(scores, facts), *_areas(scores), *_reliability(scores)]
    blocks += [*_districts(scores), *_moved(moved), *_method(facts)]
    where = str(facts["jurisdiction"])
    period = f"{str(facts['first_week'])[:10]} to {str(facts['end'])[:10]}"
    return html.page(
        f"Backtest: {where}" if where else "Backtest",
        f"{facts['weeks']} weeks, {period}, each forecast with what was known as it began",
        blocks,
        f"Patrol Missions {facts['version']}.",
    )


def _judged(scores: Scores) -> list[tuple[Choice, CategoryBacktest]]:
    pairs = zip(scores.tested.choices, scores.tested.backtests)
    return [pair for pair in pairs if pair[1].observed.sum() > 0]


def _verdict(scores: Scores) -> html.Html:
    judged = _judged(scores)
    won = [choice for choice, _ in judged if choice.uses_trees]
    lost = [c.category for c, _ in judged if c.gains and min(c.gains, key=lambda gain: gain.relative).high < 0]
    text = (
        "Every forecast had the same incidents, level and rhythm, and was calibrated alike on the weeks before. "
        + (f"It is certainly worse than some baseline for {_listed(lost)}." if lost else "")
    ).strip()
    if not won:
        return html.banner("note", f"LightGBM beats every baseline in none of {len(judged)} categories", text)
    title = f"LightGBM beats every baseline in {len(won)} of {len(judged)} categories"
    return html.banner("good", title, text)


def _figures(scores: Scores, facts: Mapping[str, Any]) -> list[tuple[str, object]]:
    return [
        ("Weeks tested", int(facts["weeks"])),
        ("Incidents in them", round(float(scores.ledger.observed.sum()))),
        ("Categories", len(scores.tested.choices)),
        ("Cells", int(facts["cells"])),
        ("Cell size", f"{facts['cell_size_m']:g} m"),
        ("Districts", int(facts["districts"])),
    ]


def _gains(scores: Scores) -> list[html.Html]:
    rows = []
    for choice, judged in _judged(scores):
        best = judged.best_baseline()
        gain = next((each for each in choice.gains if each.baseline == best), None)
        shown = MODEL if gain else best
        rows.append(
            (
                choice.category,
                round(float(judged.observed.sum())),
                html.chip("good", "LightGBM") if choice.uses_trees else html.chip("note", choice.ships),
                f"{best}, {_percent(judged.explained(best))}",
                _percent(judged.explained(MODEL)) if gain else "",
                f"{100 * gain.relative:+.1f} % [{100 * gain.low:+.1f}, {100 * gain.high:+.1f}]" if gain else "",
                _with_interval(scores.get(choice.category, shown, "slope"), 1.0),
                _with_interval(scores.get(choice.category, shown, "total_ratio"), 1.0),
            )
        )
    headers = ("Category", "Incidents", "Rule", "Best baseline", "LightGBM", "Gain", "Slope", "Total ratio")
    note = (
        "Best baseline and LightGBM: deviance explained. Gain: how much more LightGBM explains, in percent of what the "
        "best baseline explains. Slope and total ratio (observed over expected) are 1 where numbers are right. "
        "In brackets 95 % intervals from whole weeks drawn again and again, the same weeks for both. Rule: what would "
        "ship; LightGBM only where it certainly beats every baseline."
    )
    blocks = [html.heading("By category"), html.table(headers, rows, numeric=(3, 4, 5, 6, 7)), html.paragraph(note)]
    with_trees = [choice for choice, _ in _judged(scores) if choice.gains][:_MOST_PANELS]
    if with_trees:
        caption = (
            "Gain of LightGBM over each baseline, in percent of what the baseline explains, with 95 % intervals. Right "
            "of zero, LightGBM is better; beyond 60 % is drawn at the edge."
        )
        blocks.append(
            html.figure(
                card_figures.gains(
                    with_trees,
                    {code: name.split(" ", 1)[1] for code, name in _NAMES.items() if code not in (RULE, MODEL, "B0")},
                ),
                caption,
            )
        )
    return blocks


def _plans(scores: Scores, facts: Mapping[str, Any]) -> list[html.Html]:
    codes = list(scores.ledger.caught)
    rows = []
    for code in codes:
        lead = _lead(scores, RULE, code, _CAUGHT, _MAIN_AREA) if code != RULE else ""
        cells = [
            _with_interval(scores.get(ALL, code, metric, area), 100.0, "%")
            for metric, area in (
                ("incidents_caught_by_missions", 0.0),
                (f"{_CAUGHT}_by_missions", 0.0),
                (_CAUGHT, _MAIN_AREA),
            )
        ]
        rows.append((_stacked(code), *cells, lead, _plain(scores.get(ALL, code, "turnover"), 100.0, " %")))
    headers = ("Plans by", "Incidents", "Preventable harm", "… in 2 % of area", "Rule’s lead", "Turnover")
    missions = int(facts["missions_per_district"])
    note = (
        "Share of all incidents and of their preventable harm (severity × preventability) that happened in the "
        f"missions of the shift: the {missions} cells of each district with the most expected preventable harm; and in "
        "the 2 % of all cells with the most. The rule takes for each category what it would have shipped by the weeks "
        "before; LightGBM takes trees wherever there are any. Turnover: share of missions that were none in the shift "
        "before."
    )
    shown = [code for code in codes if scores.get(ALL, code, _CAUGHT, _MAIN_AREA)]
    drawing = backtest_figures.caught(
        [_NAMES[code] for code in shown],
        [[scores.get(ALL, code, _CAUGHT, area) for area in metrics.AREAS] for code in shown],
    )
    caption = "Share of preventable harm in the 0.5, 1, 2 and 5 % of cells flagged in each shift, with 95 % intervals."
    return [
        html.heading("What plans would have caught"),
        html.table(headers, rows, numeric=range(1, 6)),
        html.paragraph(note),
        html.figure(drawing, caption),
    ]


def _lead(scores: Scores, model: str, other: str, metric: str, area: float) -> str:
    first, second = scores.get(ALL, model, metric, area), scores.get(ALL, other, metric, area)
    if first is None or second is None:
        return ""
    value, low, high = (100 * each for each in first.minus(second))
    return f"{value:+.1f} [{low:+.1f}, {high:+.1f}]"


def _areas(scores: Scores) -> list[html.Html]:
    rows: list[tuple[object, ...]] = []
    for choice, judged in _judged(scores):
        best = judged.best_baseline()
        for place, code in enumerate(dict.fromkeys([MODEL if MODEL in judged.methods else best, best])):
            row: list[object] = [choice.category if place == 0 else "", "LightGBM" if code == MODEL else code]
            row += [_plain(scores.get(choice.category, code, "hit_rate", area), 100.0) for area in metrics.AREAS]
            row.append(_plain(scores.get(choice.category, code, "pai", _MAIN_AREA)))
            row.append(_plain(scores.get(choice.category, code, "pei", _MAIN_AREA), 100.0))
            row.append(_plain(scores.get(choice.category, code, "ser", _MAIN_AREA)))
            rows.append(tuple(row))
    areas = [f"{100 * area:g} %" for area in metrics.AREAS]
    headers = (
        "Category",
        "Forecast",
        *(f"Hits {a}" for a in areas),
        "PAI 2 %",
        "PEI 2 %",
        "SER 2 %",
    )
    note = (
        "LightGBM and the best baseline. Hits: percent of incidents in that share of the cells of each shift; PAI: the "
        "same over that share, so 1 is as good as chance; PEI: percent of the most that any such choice could have "
        "held; SER: incidents per flagged square kilometre and week. All forecasts and intervals are in the table of "
        "scores."
    )
    return [
        html.heading("Incidents in small areas"),
        html.table(headers, rows, numeric=range(2, 9)),
        html.paragraph(note),
    ]


def _reliability(scores: Scores) -> list[html.Html]:
    panels = []
    for number, (choice, judged) in enumerate(zip(scores.tested.choices, scores.tested.backtests)):
        if judged.observed.sum() <= 0:
            continue
        kept = scores.ledger.kept[number][choice.ships]
        tally = Tally(kept.cells[:, None], kept.incidents[:, None])
        slope = _plain(scores.get(choice.category, choice.ships, "slope"), 1.0)
        total = _plain(scores.get(choice.category, choice.ships, "total_ratio"), 1.0)
        panels.append((choice.category, f"total {total}\nslope {slope}", calibration.tenths(tally)))
    caption = (
        "Expected and observed incidents per 1,000 cell-shifts of what the rule ships, in ten groups of rising "
        "expectation; bars are 95 % ranges of chance. On the line, what was expected is what happened."
    )
    drawing = card_figures.reliability(panels[:_MOST_PANELS])
    return [html.heading("Are the numbers right?"), html.figure(drawing, caption)]


def _districts(scores: Scores) -> list[html.Html]:
    ledger = scores.ledger
    best = max(
        (code for code in ledger.caught if code not in (RULE, MODEL)),
        key=lambda code: ledger.caught[code].missions[:, :, 2].sum(),
    )
    rule, other = ledger.caught[RULE].missions[:, :, 2], ledger.caught[best].missions[:, :, 2]
    happened = ledger.happened[:, :, 2]
    rows = []
    for at, name in enumerate(ledger.planned.districts):
        total = happened[:, at].sum()
        if total <= 0:
            continue
        with np.errstate(divide="ignore", invalid="ignore"):
            drawn = (scores.draws @ (rule - other)[:, at]) / (scores.draws @ happened[:, at])
        low, high = (100 * each for each in metrics.interval(drawn))
        share, others = 100 * rule[:, at].sum() / total, 100 * other[:, at].sum() / total
        incidents = round(float(ledger.happened[:, at, 0].sum()))
        lead = f"{share - others:+.1f} [{low:+.1f}, {high:+.1f}]"
        rows.append((name or "–", incidents, f"{share:.1f} %", f"{others:.1f} %", lead))
    note = f"Preventable harm in the missions of each district, by the rule and by the best single baseline ({best})."
    headers = ("District", "Incidents", "Rule", best, "Rule’s lead")
    return [html.heading("By district"), html.paragraph(note), html.table(headers, rows, numeric=(2, 3, 4))]


def _moved(moved: Sequence[Jitter]) -> list[html.Html]:
    if not moved:
        return []
    rows = []
    for category in dict.fromkeys(each.category for each in moved):
        mine = [each for each in moved if each.category == category]
        gain = np.array([100 * each.gain for each in mine if not np.isnan(each.gain)])
        pai = [each.pai for each in mine]
        rows.append(
            (
                category,
                f"{sum(each.ships == MODEL for each in mine)} of {len(mine)}",
                ", ".join(sorted({each.best for each in mine})),
                f"{np.median(gain):+.1f} % ({gain.min():+.1f} to {gain.max():+.1f})" if len(gain) else "",
                f"{np.median(pai):.1f} ({min(pai):.1f} to {max(pai):.1f})",
            )
        )
    note = (
        "The same test on grids whose lines lie elsewhere, at random. What holds only on one of them is luck. Gain: of "
        "LightGBM over the best baseline; PAI: of what the rule ships; median, and range."
    )
    headers = ("Category", "LightGBM ships", "Best baselines", "Gain", "PAI 2 %")
    return [html.heading("With the grid moved"), html.paragraph(note), html.table(headers, rows, numeric=(3, 4))]


def _method(facts: Mapping[str, Any]) -> list[html.Html]:
    window = (
        "all weeks before"
        if facts["window"] == "expanding"
        else "the two years before, older weeks being forgotten as time goes on"
    )
    text = (
        f"Settings of the baselines were chosen on weeks before {str(facts['first_week'])[:10]}. LightGBM was trained "
        f"on {window}, again every {facts['refit_weeks']} weeks. Features, levels, calibration and the rule's choices "
        "use what was known as each week began; an incident is known from its report. Nothing was chosen on the weeks "
        "tested, except the sentence which forecast the rule ships by all of them together."
    )
    rows = [(name.replace("_", " "), str(value)) for name, value in facts.items()]
    return [html.heading("How it was tested"), html.paragraph(text), html.table(("What", "Value"), rows)]


_NAMES = {
    RULE: "Rule",
    MODEL: "LightGBM",
    "B0": "B0 same everywhere",
    "B1": "B1 all-time count",
    "B2": "B2 last 365 days",
    "B3": "B3 recency-weighted count",
    "B4": "B4 kernel density",
    "B5": "B5 all categories together",
    "B6": "B6 cell effects",
    "B7": "B7 self-exciting",
}


def _stacked(code: str) -> html.Html:
    """A forecast's name for a narrow column."""
    name = _NAMES[code]
    return html.stacked(code, name[3:]) if name.startswith(f"{code} ") else html.stacked(name)


def _plain(score: Score | None, times: float = 1.0, unit: str = "") -> str:
    if score is None or np.isnan(score.value):
        return ""
    value = times * score.value
    return f"{value:.2f}{unit}" if abs(value) < 10 else f"{value:.1f}{unit}"


def _with_interval(score: Score | None, times: float, unit: str = "") -> str:
    if score is None or np.isnan(score.value):
        return ""
    digits = 1 if unit else 2
    low, high = score.interval
    gap = f" {unit}" if unit else ""
    return f"{times * score.value:.{digits}f}{gap} [{times * low:.{digits}f}, {times * high:.{digits}f}]"


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names[:-1]) + f" and {names[-1]}" if len(names) > 1 else "".join(names)
