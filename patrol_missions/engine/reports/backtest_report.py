"""The report of a backtest: what a model is worth beside the counts that every analyst already has."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from patrol_missions.engine.forecast.backtest import MODEL
from patrol_missions.engine.forecast.backtest_scores import Scores
from patrol_missions.engine.reports import figures, html, score_blocks


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
        blocks += [
            html.heading("By category"),
            *score_blocks.short_table(scores, "Would ship"),
            *score_blocks.plans(scores),
            *score_blocks.gains(scores),
            *score_blocks.reliability(scores),
        ]
    blocks += [*score_blocks.districts(scores), *_moved(moved), *score_blocks.everything(scores), *_method(facts)]
    where = str(facts["jurisdiction"])
    period = f"{str(facts['first_week'])[:10]} to {str(facts['end'])[:10]}"
    return html.page(
        f"Backtest: {where}" if where else "Backtest",
        f"{facts['weeks']} weeks, {period}, each forecast with what was known as it began",
        blocks,
        f"Patrol Missions {facts['version']}.",
    )


def _verdict(scores: Scores) -> html.Html:
    judged = [choice for _, choice, _ in score_blocks.judged(scores)]
    won = [choice for choice in judged if choice.uses_trees]
    lost = [c.category for c in judged if c.gains and min(c.gains, key=lambda gain: gain.relative).high < 0]
    text = (
        "Every forecast had the same incidents, level and rhythm, and was calibrated alike on the weeks before. "
        + (f"It is certainly worse than some baseline for {html.listed(lost)}." if lost else "")
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
