"""The model card: what a model is, what it was made from, how well it does, and where it does not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from patrol_missions.engine.forecast import calibration
from patrol_missions.engine.forecast.backtest import AREA_SHARES, MODEL, CategoryBacktest
from patrol_missions.engine.forecast.choice import Choice
from patrol_missions.engine.forecast.indicators import Indicators
from patrol_missions.engine.forecast.training import Trained
from patrol_missions.engine.reports import card_figures, figures, html

_MOST_PANELS = 12
_TOP_FEATURES = 8
_OFFICERS = (
    "A cell on the map is a place where, over many shifts, more incidents are expected than elsewhere. It says nothing "
    "about anyone who is there: being in it is no ground for suspicion, a stop or a search. Most cells see no incident "
    "in most shifts, even the first on the list; the numbers are averages, to be read as more or less, not as what "
    "will happen."
)
_LIMITS = (
    "It knows only recorded incidents: crime not reported, or recorded late or in the wrong place, is not in it.",
    (
        "Where patrols find incidents by themselves, more patrol makes more records. Categories that depend on "
        "enforcement should be left out; Check incidents leaves them out by default."
    ),
    "It does not know what patrols did. Where they deterred incidents, it may expect too few once they stay away.",
    (
        "It learned from the past. After a change of recording, of boundaries or of life in the city, train it again "
        "and look at the level: the forecast follows the last weeks, but needs a few of them."
    ),
    "It describes places and hours, never persons. No field about a person is read.",
)


def render(trained: Trained, facts: Mapping[str, Any], indicators: Indicators, left_out: Sequence[str]) -> str:
    """The whole page.

    :param facts: what the bundle says of itself (versions, period, hashes)
    :param indicators: place layers and fields of the grid
    :param left_out: categories asked for of which there was no incident
    """
    where = str(facts["jurisdiction"])
    blocks = [_verdict(trained), html.facts(_figures(trained, facts)), *_choices(trained, left_out)]
    if trained.backtests is not None:
        with figures.style():
            blocks += [*_gains(trained), *_scores(trained), *_reliability(trained)]
    blocks += [html.heading("For officers"), html.paragraph(_OFFICERS), html.heading("Limits")]
    blocks += [html.paragraph(f"• {text}") for text in _LIMITS]
    blocks += [*_made_of(trained, indicators), *_record(facts)]
    period = f"{str(facts['history_begin'])[:10]} to {str(facts['history_end'])[:10]}"
    title = f"Model card: {where}" if where else "Model card"
    return html.page(
        title,
        f"Expected incidents per cell and shift, learned from {period}",
        blocks,
        f"Patrol Missions {facts['version']}.",
    )


def _verdict(trained: Trained) -> html.Html:
    learned = [each.category for each in trained.choices if each.uses_trees]
    total = len(trained.choices)
    if trained.backtests is None:
        return html.banner(
            "caution",
            "Baselines only, not tested",
            "The history is too short to test a forecast on weeks that it has not seen. Simple baselines ship.",
        )
    weeks = len(trained.timeline.backtest)
    if not learned:
        text = f"On {weeks} weeks that it had not seen, LightGBM beat the simple baselines beyond doubt in no category."
        return html.banner("note", "The best simple baselines ship", text)
    rest = "" if len(learned) == total else f" In the other {total - len(learned)} the best baseline ships."
    text = (
        f"Tested on {weeks} weeks that it had not seen: LightGBM explains more of what happened than every simple "
        f"baseline, beyond doubt, for {_listed(learned)}.{rest}"
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


def _choices(trained: Trained, left_out: Sequence[str]) -> list[html.Html]:
    rows = [
        (
            each.category,
            each.incidents,
            html.chip("good", "LightGBM") if each.uses_trees else html.chip("note", each.ships),
            each.why,
        )
        for each in trained.choices
    ]
    blocks = [html.heading("What ships"), html.table(("Category", "Incidents", "Ships", "Why"), rows)]
    if left_out:
        blocks.append(html.paragraph(f"Left out, as there is no incident of it: {_listed(left_out)}."))
    return blocks


def _judged(trained: Trained) -> list[tuple[Choice, CategoryBacktest]]:
    return [pair for pair in zip(trained.choices, trained.backtests or ()) if pair[1].observed.sum() > 0]


def _gains(trained: Trained) -> list[html.Html]:
    with_trees = [choice for choice in trained.choices if choice.gains][:_MOST_PANELS]
    if not with_trees:
        return []
    caption = (
        "How much more of the deviance LightGBM explains than each baseline, in percent of what the baseline explains, "
        "with 95 % intervals from resampled weeks. Right of zero, LightGBM is better; beyond 60 % is drawn at the edge."
    )
    return [html.heading("Against the baselines"), html.figure(card_figures.gains(with_trees), caption)]


def _scores(trained: Trained) -> list[html.Html]:
    rows: list[tuple[object, ...]] = []
    for index, (choice, judged) in enumerate(zip(trained.choices, trained.backtests or ())):
        observed = float(judged.observed.sum())
        gains = {gain.baseline: gain for gain in choice.gains}
        for code, each in judged.methods.items():
            name: object = "LightGBM" if code == MODEL else f"{code}, {trained.settings[index][code].words}"
            if code == choice.ships:
                name = html.Html(f"{html.stacked(name)} {html.chip('good', 'ships')}")
            gain = gains.get(code)
            hits = [float(each.found(share).sum()) / max(observed, 1e-9) for share in AREA_SHARES]
            rows.append(
                (
                    choice.category if code == "B0" else "",
                    name,
                    _percent(judged.explained(code)) if observed else "",
                    f"{100 * gain.low:+.1f} to {100 * gain.high:+.1f} %" if gain and code != "B0" else "",
                    *(f"{rate / share:.1f}" if observed else "" for rate, share in zip(hits, AREA_SHARES)),
                    _percent(hits[-1]) if observed else "",
                )
            )
    headers = ("Category", "Forecast", "Explained", "LightGBM’s gain", "PAI 1 %", "PAI 5 %", "Hits 5 %")
    note = (
        "Each week was forecast with what was known as it began. Explained: share of the Poisson deviance of a uniform "
        "map that is explained, after running calibration of every forecast alike. Gain: 95 % interval of how much "
        "more LightGBM explains, over what that baseline explains. Hits: share of incidents in the 5 % of cells with "
        "the highest expectation in each shift; PAI: that share over the share of area, so 1 is as good as chance."
    )
    table = html.table(
        headers, rows, caption=f"Scores on {len(trained.timeline.backtest)} weeks", numeric=(2, 3, 4, 5, 6)
    )
    return [table, html.paragraph(note)]


def _reliability(trained: Trained) -> list[html.Html]:
    panels = []
    for choice, judged in _judged(trained)[:_MOST_PANELS]:
        tally = calibration.running(judged.methods[choice.ships].tally)
        ratio, slope = calibration.unpenalised(tally)
        panels.append((choice.category, f"total {ratio:.2f}\nslope {slope:.2f}", calibration.tenths(tally)))
    if not panels:
        return []
    caption = (
        "Expected and observed incidents per 1,000 cell-shifts in ten groups of rising expectation, in the weeks "
        "tested; bars are 95 % ranges of chance. On the line, what was expected is what happened. Total: observed over "
        "expected, best 1; slope below 1: contrasts between cells were exaggerated."
    )
    return [html.heading("Are the numbers right?"), html.figure(card_figures.reliability(panels), caption)]


def _made_of(trained: Trained, indicators: Indicators) -> list[html.Html]:
    blocks = [
        html.heading("How it works"),
        html.paragraph(
            "Every forecast is the level of the last weeks, moved by last year's season, times the rhythm of shift and "
            "weekday, times a map of where incidents happen. LightGBM learns by which factor a cell and shift differ "
            "from that. The result is calibrated on the weeks tested, per shift and category."
        ),
    ]
    names = np.array(trained.feature_names, dtype=object)
    rows = []
    for choice, trees in zip(trained.choices, trained.trees):
        if trees is not None:
            gain = trees.gains()
            top = np.argsort(-gain, kind="stable")[:_TOP_FEATURES]
            words = [f"{_feature(str(names[i]), trained)} ({100 * gain[i] / max(gain.sum(), 1e-9):.0f} %)" for i in top]
            rows.append((choice.category, ", ".join(words)))
    if rows:
        blocks.append(html.table(("Category", "What LightGBM leans on most (share of what it learned)"), rows))
    for what, used in (("Indicator layers", indicators.names), ("Indicator fields of the grid", indicators.fields)):
        blocks.append(html.paragraph(f"{what}: {_listed(used) if used else 'none'}."))
    return blocks


def _feature(name: str, trained: Trained) -> str:
    """A feature's name for people: other categories by their names."""
    for place, index in enumerate(trained.others):
        if name == f"count of other {place}":
            return f"count of {trained.panel.categories[index]}"
    return name


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


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names[:-1]) + f" and {names[-1]}" if len(names) > 1 else "".join(names)


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"
