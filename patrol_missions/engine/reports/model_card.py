"""The model card and datasheet: what a model is, what it was made from, how well it does, and where it does not.

After Mitchell et al. 2019, "Model Cards for Model Reporting", and Gebru et al. 2021, "Datasheets for Datasets".
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from patrol_missions.engine.forecast import choice, contribution_words, contributions
from patrol_missions.engine.forecast.backtest_scores import Scores
from patrol_missions.engine.forecast.indicators import Indicators
from patrol_missions.engine.forecast.training import Trained
from patrol_missions.engine.reports import card_figures, card_scores, datasheet, figures, html, score_blocks

_OFFICERS = (
    (
        "A cell on the map, a box, is a place where, over many shifts, more incidents are expected than elsewhere. "
        "A box is not suspicion: it says nothing about anyone who is in it, and is no ground for a stop, a search or "
        "an arrest. What you do there needs the same grounds as anywhere else."
    ),
    (
        "Most cells see no incident in most shifts, even the first on the list. The numbers are averages, to be read "
        "as more or less, not as what will happen. No incident in a box does not mean that you were wrong to go, nor "
        "does an incident outside mean that you were wrong to leave."
    ),
)
_PATROL = "It does not know what patrols did. Where they deterred incidents, it may expect too few once they stay away."
_PATROL_KNOWN = (
    "Of patrols it knows the visits it was given. It follows what went with them in the past, which need not be what "
    "they brought about: patrols go where more is expected. It takes patrol to go on as of late, and knows nothing of "
    "patrol that is planned; what months of patrol did to counts of years, it puts right only in part."
)
_LIMITS = (
    "It knows only recorded incidents: crime not reported, or recorded late or in the wrong place, is not in it.",
    (
        "Where patrols find incidents by themselves, more patrol makes more records. Categories that depend on "
        "enforcement should be left out; Check incidents leaves them out by default."
    ),
    (
        "It learned from the past. After a change of recording, of boundaries or of life in the city, train it again "
        "and look at the level: the forecast follows the last weeks, but needs a few of them."
    ),
    (
        "Intervals come from the weeks tested. They do not cover a change of the city, and scores of one grid do not "
        "hold for another cell size."
    ),
    "It describes places and hours, never persons. No field about a person is read.",
)
_RULE = (
    "Per category, LightGBM ships only if the 95 % interval of its gain over every single baseline lies above zero on "
    "weeks that it has not seen, and if its totals agree with what happened; otherwise the best baseline ships. "
    f"Categories with fewer than {choice.FEW} incidents borrow the map of all categories (B5). Nothing was chosen on "
    "the weeks of the test: settings and trees come from before it, and what ships is then trained again on the whole "
    "history."
)


def render(
    trained: Trained,
    scores: Scores | None,
    facts: Mapping[str, Any],
    indicators: Indicators,
    left_out: Mapping[str, str],
    quality: Mapping[str, str] | None,
) -> str:
    """The whole page.

    :param scores: of the backtest; ``None`` when there was none
    :param facts: what the bundle says of itself (versions, period, hashes)
    :param indicators: place layers and fields of the grid
    :param left_out: categories that are not in the model, and why
    :param quality: what Check incidents said of the incidents, if it is known; the same data make the same model with
        or without it, so the bundle does not hold it
    """
    where = str(facts["jurisdiction"])
    with figures.style():
        blocks = [
            _verdict(trained),
            html.facts(_figures(trained, facts)),
            *_choices(trained, scores),
            *(_tested(scores) if scores is not None else []),
            html.heading("For officers"),
            *(html.paragraph(text) for text in _OFFICERS),
            html.heading("Limits"),
            html.bullets(_limits(indicators)),
            *_made_of(trained, indicators),
            *datasheet.blocks(trained, left_out, quality),
            *_record(facts),
            *(score_blocks.everything(scores) if scores is not None else []),
        ]
    period = f"{str(facts['history_begin'])[:10]} to {str(facts['history_end'])[:10]}"
    title = f"Model card and datasheet: {where}" if where else "Model card and datasheet"
    return html.page(
        title,
        f"Expected incidents per cell and shift, learned from {period}",
        blocks,
        f"Patrol Missions {facts['version']}.",
    )


def _limits(indicators: Indicators) -> list[str]:
    return [*_LIMITS[:2], _PATROL if indicators.patrol is None else _PATROL_KNOWN, *_LIMITS[2:]]


def _verdict(trained: Trained) -> html.Html:
    learned = [each.category for each in trained.choices if each.uses_trees]
    total = len(trained.choices)
    if not trained.backtests:
        return html.banner(
            "caution",
            "Baselines only, not tested",
            "The history is too short to test a forecast on weeks that it has not seen. Simple baselines ship.",
        )
    weeks = len(trained.timeline.backtest)
    if not learned:
        text = f"On {weeks} weeks that it had not seen, LightGBM beat the simple baselines beyond doubt in no category."
        return html.banner("note", "The best simple baselines ship", text)
    others = total - len(learned)
    rest = f" In the other {others if others > 1 else 'one'} the best baseline ships." if others else ""
    text = (
        f"Tested on {weeks} weeks that it had not seen: LightGBM explains more of what happened than every simple "
        f"baseline, beyond doubt, for {html.listed(learned)}.{rest}"
    )
    return html.banner("good", f"Better than every baseline in {len(learned)} of {total} categories", text)


def _figures(trained: Trained, facts: Mapping[str, Any]) -> list[tuple[str, object]]:
    panel = trained.panel
    return [
        ("Incidents", int(facts["incidents"])),
        ("Categories", len(trained.choices)),
        ("Cells", len(panel.cells)),
        ("Cell size", f"{panel.cells.size_m:g} m"),
        ("Shifts", len(panel.plan.shifts)),
        ("Weeks tested", len(trained.timeline.backtest)),
    ]


def _choices(trained: Trained, scores: Scores | None) -> list[html.Html]:
    why = [(each.category, each.incidents, score_blocks.chip(each), each.why) for each in trained.choices]
    reasons = html.table(("Category", "Incidents", "Ships", "Why"), why)
    if scores is None:
        return [html.heading("What ships"), reasons, html.paragraph(_RULE)]
    return [
        html.heading("What ships"),
        *score_blocks.short_table(scores, "Ships"),
        html.fold("Why each category ships what it ships", [reasons, html.paragraph(_RULE)]),
    ]


def _tested(scores: Scores) -> list[html.Html]:
    return [
        *score_blocks.plans(scores),
        *score_blocks.gains(scores),
        *card_scores.curves(scores),
        *score_blocks.reliability(scores),
        *card_scores.counts(scores),
        *card_scores.maps(scores),
        *score_blocks.districts(scores),
    ]


def _made_of(trained: Trained, indicators: Indicators) -> list[html.Html]:
    blocks = [
        html.heading("How it works"),
        html.paragraph(
            "Every forecast is the level of the last weeks, moved by last year's season, times the rhythm of shift and "
            "weekday, times a map of where incidents happen. A regression, and LightGBM on it, learn by which factor a "
            "cell and shift differ from that. The result is calibrated on the weeks tested, per shift and category."
        ),
    ]
    with_trees = [(each.category, trees) for each, trees in zip(trained.choices, trained.trees) if trees is not None]
    if with_trees:
        named = [contributions.group_of(name, indicators.names) for name in trained.feature_names]
        found = list(dict.fromkeys(named))
        groups = [contribution_words.title(name) for name in found]
        place = np.array([found.index(name) for name in named])
        shares = np.zeros((len(groups), len(with_trees)))
        for column, (_, trees) in enumerate(with_trees):
            gain = trees.gains()
            by_group = np.maximum(np.bincount(place, gain, minlength=len(groups)), 0.0)
            shares[:, column] = by_group / max(float(by_group.sum()), 1e-9)
        order = np.argsort(-shares.sum(axis=1), kind="stable")
        picture = card_figures.importance([groups[i] for i in order], [name for name, _ in with_trees], shares[order])
        caption = (
            "What regression and LightGBM lean on where they move incidents between cells: share of the improvement in "
            "training that each kind of fact brought. The map from which they start, which holds most of what is "
            "known, is not in it."
        )
        blocks += [html.heading("Facts it uses", 3), html.figure(picture, caption)]
        blocks.append(html.table(("Kind of fact", "Features"), _features(trained, groups, place, order)))
    for what, used in (("Indicator layers", indicators.names), ("Indicator fields of the grid", indicators.fields)):
        blocks.append(html.paragraph(f"{what}: {html.listed(used) if used else 'none'}."))
    if indicators.events is not None:
        blocks.append(html.paragraph("Planned events: as listed, from an hour before their start to an hour after."))
    if indicators.patrol is not None:
        number, (first, last) = len(indicators.patrol.visits), indicators.patrol.period
        text = f"Visits of patrol: {number:,} of two minutes or more in cells of the grid, {first} to {last}."
        blocks.append(html.paragraph(text))
    return blocks


def _features(trained: Trained, groups: Sequence[str], place: np.ndarray, order: np.ndarray) -> list[tuple[str, str]]:
    """Every feature by its name, under its kind; other categories by theirs."""
    others = {f"count of other {i}": trained.panel.categories[index] for i, index in enumerate(trained.others)}
    names = [f"count of {others[name]}" if name in others else name for name in trained.feature_names]
    return [(groups[i], "; ".join(name for name, of in zip(names, place) if of == i)) for i in order]


def _record(facts: Mapping[str, Any]) -> list[html.Html]:
    rows = [
        ("Plugin", facts["version"]),
        ("LightGBM, NumPy", f"{facts['lightgbm']}, {facts['numpy']}"),
        ("Seed", str(facts["seed"])),
        ("Shifts", str(facts["shifts"])),
        ("History", f"{facts['history_begin']} to {facts['history_end']}"),
        ("Tested from", str(facts["backtest_begin"] or "not tested")),
        *((f"SHA-256 of {name}", digest) for name, digest in facts["input_sha256"].items()),
    ]
    return [html.heading("Record"), html.table(("What", "Value"), rows)]
