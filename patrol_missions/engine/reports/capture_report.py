"""The next-morning report: what the missions of past shifts caught, beside other choices of as many cells."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.ticker import FuncFormatter

from patrol_missions.core.tables import Table
from patrol_missions.engine.missions.capture import ALL, CHANCE, GREEDY, LAST_WEEK, MEASURES, MISSIONS
from patrol_missions.engine.reports import figures, html

_NAMES = {MISSIONS: "Missions", CHANCE: "By lot", GREEDY: "Most forecast harm", LAST_WEEK: "Last week’s harm"}
_HEADINGS = {"category": "By category", "shift": "By shift", "district": "By district", "area": "By area"}
_MAIN = MEASURES[-1]
_WIDTH = 9.2
_MOST_ROWS = 60

_Row = Mapping[str, Any]


class _Found:
    """The rows of the table of captures by what they are of."""

    def __init__(self, table: Table) -> None:
        names = [name for name in table.columns if name not in table.labels]
        texts = zip(*(table.text(name).tolist() for name in ("part", "name", "measure", "choice")))
        numbers = zip(*(table[name].tolist() for name in names))
        self._rows: dict[tuple[str, ...], _Row] = {key: dict(zip(names, row)) for key, row in zip(texts, numbers)}

    def of_all(self, measure: str, choice: str) -> _Row | None:
        """What a choice caught of all incidents; ``None`` where there were none or it was not compared."""
        return self._rows.get((ALL, ALL, measure, choice))

    def choices(self) -> list[str]:
        """Those compared, the missions first."""
        return [name for name in _NAMES if (ALL, ALL, _MAIN, name) in self._rows]

    def parts(self, part: str) -> list[str]:
        """Names of a part, in the table's order."""
        return list(dict.fromkeys(key[1] for key in self._rows if key[0] == part))

    def row(self, part: str, name: str, measure: str, choice: str) -> _Row:
        """One row."""
        return self._rows[part, name, measure, choice]


def render(tables: Mapping[str, Table], facts: Mapping[str, Any]) -> str:
    """The whole page.

    :param tables: ``capture``, ``distances`` and ``exposure``
    :param facts: the figures and warnings of the job
    """
    found = _Found(tables["capture"])
    blocks = [_verdict(found), html.facts(_figures(facts))]
    if facts["warnings"]:
        blocks += [html.heading("What to know first"), html.bullets(facts["warnings"])]
    if found.choices():
        with figures.style():
            blocks += _caught(found)
        blocks += [block for part in _HEADINGS for block in _divided(found, part)]
        blocks += _missed(tables["distances"], facts)
    blocks += [*_delivered(facts), *_exposure(tables["exposure"], facts), *_method(facts)]
    days = (
        facts["first_day"]
        if facts["first_day"] == facts["last_day"]
        else f"{facts['first_day']} to {facts['last_day']}"
    )
    return html.page(
        "What missions caught",
        f"{days}, times in {facts['time_zone']}",
        blocks,
        f"Patrol Missions {facts['version']}. Only place, time and type of incidents are read; nothing about persons.",
    )


def _verdict(found: _Found) -> html.Html:
    mine, chance = (found.of_all(_MAIN, name) for name in (MISSIONS, CHANCE))
    if mine is None:
        return html.banner("note", "There was nothing to catch", "No incident was in the shifts of the missions.")
    if not np.isfinite(mine["share"]):
        return html.banner("note", "There was no harm to catch", "The incidents have a weight of 0.")
    caught = f"Missions caught {_percent(mine['share'])} of preventable harm"
    if chance is None:
        text = "Without the forecast that they were drawn from they cannot be compared with other choices."
        return html.banner("note", caught, text)
    text = _in_words(found)
    if chance["lead_low"] > 0:
        return html.banner("good", f"{caught}, more than by lot", text)
    if chance["lead_high"] < 0:
        return html.banner("caution", f"{caught}, less than by lot", text)
    return html.banner("note", f"{caught}; that cannot be told from chance", text)


def _in_words(found: _Found) -> str:
    sentences = []
    for choice, told in (
        (CHANCE, "As many cells drawn by lot would have caught {share} on average"),
        (GREEDY, "the cells with most forecast harm {share}"),
        (LAST_WEEK, "those with most harm in the week before {share}"),
    ):
        row = found.of_all(_MAIN, choice)
        if row is not None:
            sentences.append(told.format(share=_percent(row["share"])))
    return html.listed(sentences) + ", in the same districts and shifts."


def _figures(facts: Mapping[str, Any]) -> list[tuple[str, object]]:
    delivered = [("Dose delivered", _percent(facts["delivered_share"]))] if "delivered_share" in facts else []
    return [
        ("Incidents", round(facts["incidents"])),
        ("Missions", int(facts["missions"])),
        ("in different cells", int(facts["mission_cells"])),
        ("Shifts", int(facts["shifts"])),
        ("Minutes planned", round(facts["planned_minutes"])),
        *delivered,
        ("Turnover", _percent(facts["turnover"])),
    ]


def _caught(found: _Found) -> list[html.Html]:
    choices = found.choices()
    rows: list[tuple[object, ...]] = []
    for choice in choices:
        every = [found.row(ALL, ALL, measure, choice) for measure in MEASURES]
        lead = "" if choice == MISSIONS else _stacked(every[-1], ("lead", "lead_low", "lead_high"), " points", True)
        rows.append((_NAMES[choice], *(_stacked(row) for row in every), lead))
    heads: tuple[str, ...] = ("Cells chosen", "Incidents", "Harm", "Preventable harm", "Missions’ lead there")
    if len(choices) == 1:
        heads, rows = heads[:-1], [row[:-1] for row in rows]
    note = (
        "Share of what happened in the shifts that happened in the cells chosen. All choices have as many cells in "
        "each district and shift. Small figures are 95 % intervals; leads compare the same incidents, so they can be "
        "certain where intervals overlap."
    )
    warning = (
        "A mission that deters loses what it would have caught. The shares tell whether missions were where incidents "
        "happened, and not whether they did any good; for that, plan with controls."
    )
    return [
        html.heading("What was caught"),
        html.table(heads, rows, numeric=range(1, len(heads))),
        html.paragraph(note),
        html.paragraph(warning),
        html.figure(_drawing(found, choices), "Share caught by each choice of cells, with 95 % intervals."),
    ]


def _drawing(found: _Found, choices: Sequence[str]) -> str:
    """A panel per measure, a row per choice; the missions' share as a line."""
    figure = figures.new(_WIDTH, 0.9 + 0.32 * len(choices))
    panels = figure.subplots(1, len(MEASURES), sharey=True)
    for axes, measure in zip(panels, MEASURES):
        for place, choice in enumerate(choices):
            row = found.row(ALL, ALL, measure, choice)
            if not np.isfinite(row["share"]):
                continue
            mine = choice == MISSIONS
            colour = figures.BLUE if mine else figures.ORANGE
            if mine:
                axes.axvline(100 * row["share"], color=figures.GREY, linewidth=1.0, alpha=0.7)
            axes.plot([100 * row["low"], 100 * row["high"]], [place, place], color=colour, linewidth=1.8)
            axes.plot(100 * row["share"], place, "o" if mine else "s", color=colour, markersize=4.5, clip_on=False)
        axes.set_title(measure.capitalize())
        axes.set_xlim(left=0)
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g} %"))
        axes.grid(axis="x", color=figures.GREY, alpha=0.25, linewidth=0.8)
        axes.tick_params(length=0)
    panels[0].set_yticks(range(len(choices)), [_NAMES[choice] for choice in choices])
    panels[0].set_ylim(len(choices) - 0.5, -0.5)
    return figures.to_svg(figure)


def _divided(found: _Found, part: str) -> list[html.Html]:
    """Shares of the incidents by what they are divided by; nothing where there is but one part."""
    names, choices = found.parts(part), found.choices()
    if len(names) < 2:
        return []
    rows, hidden = [], 0
    for name in names:
        every = [found.row(part, name, MEASURES[0], choice) for choice in choices]
        if every[0]["withheld"]:
            hidden += 1
            rows.append((name, "withheld", *[""] * len(choices)))
        else:
            rows.append((name, _count(every[0]["total"]), *(_stacked(row) for row in every)))
    heads = (part.capitalize(), "Incidents", *(_NAMES[choice] for choice in choices))
    blocks = [
        html.heading(_HEADINGS[part]),
        html.table(heads, rows[:_MOST_ROWS], numeric=range(1, len(heads))),
    ]
    if len(rows) > _MOST_ROWS:
        blocks.append(
            html.paragraph(f"The first {_MOST_ROWS} of {len(rows)}; the table that goes with this page has all.")
        )
    if hidden:
        told = (
            "Numbers below 5 incidents are withheld, and with them, where the total would give them back, the next "
            "larger one."
        )
        blocks.append(html.paragraph(told))
    return [*blocks[:1], html.paragraph("Share of the incidents that each choice of cells caught."), *blocks[1:]]


def _missed(distances: Table, facts: Mapping[str, Any]) -> list[html.Html]:
    if not np.isfinite(distances["metres"]).all():
        return []
    heads = ("Of the missed incidents", *(f"{100 * share:.0f} %" for share in distances["missed_share"].tolist()))
    row = ("were within", *(f"{metres:,.0f} m" for metres in distances["metres"].tolist()))
    note = (
        f"{_percent(facts['missed_within_a_cell'])} of the missed incidents were no farther from the edge of a mission "
        f"of their shift than the side of a cell, {facts['cell_size_m']:g} m."
    )
    return [
        html.heading("How near the missed ones were"),
        html.paragraph(note),
        html.table(heads, [row], numeric=range(1, len(heads))),
    ]


def _delivered(facts: Mapping[str, Any]) -> list[html.Html]:
    if "delivered_minutes" not in facts:
        return []
    rows = [
        ("Minutes planned in missions", f"{facts['planned_minutes']:,.0f}"),
        ("Minutes of patrol in them", f"{facts['delivered_minutes']:,.0f}"),
        ("… as a share of those planned", _percent(facts["delivered_share"])),
        ("Mission cells that had a visit in their shift", _percent(facts["visited"])),
        ("Mission cells that had their whole dose", _percent(facts["whole_dose"])),
        ("Minutes of patrol in all cells", f"{facts['patrol_minutes']:,.0f}"),
        ("… share of them in missions", _percent(facts["patrol_in_missions"])),
    ]
    return [
        html.heading("Patrol delivered against planned"),
        html.table(("In the shifts of the missions", ""), rows, numeric=(1,)),
        html.paragraph("Stays below two minutes are passes and do not count."),
    ]


def _exposure(table: Table, facts: Mapping[str, Any]) -> list[html.Html]:
    if len(table) < 2:
        return []
    told = ("planned_minutes", "share_of_minutes", "share_of_harm", "ratio", "delivered_ratio", "minutes_per_1000")
    heads = ("Minutes", "Share of minutes", "of expected harm", "Ratio", "Ratio delivered", "Minutes per 1,000 people")
    shown = [at for at, name in enumerate(told) if np.isfinite(table[name]).any()]
    words = (_count, _percent, _percent, _ratio, _ratio, _count)
    rows = [
        (name, int(table["missions"][row]), *(words[at](float(table[told[at]][row])) for at in shown))
        for row, name in enumerate(table.text("area").tolist())
    ]
    what = facts["divided_by"]
    notes = [
        f"{_percent(facts[key])} of the minutes {done} would have to move for every {what} to have its share {of}."
        for key, done, of in (
            ("uneven_by_harm", "planned", "of expected harm"),
            ("delivered_uneven_by_harm", "delivered in missions", "of expected harm"),
            ("uneven_by_people", "planned", "of people"),
        )
        if np.isfinite(facts[key])
    ]
    names = (what.capitalize(), "Missions", *(heads[at] for at in shown))
    return [
        html.heading("Where the minutes went"),
        html.table(names, rows[:_MOST_ROWS], numeric=range(1, len(names))),
        html.paragraph(
            " ".join([*notes, "Ratio: share of the minutes over share of expected harm; 1 is as harm calls for."])
            if "share_of_harm" in [told[at] for at in shown]
            else " ".join(notes)
        ),
    ]


def _method(facts: Mapping[str, Any]) -> list[html.Html]:
    caught = (
        "An incident is caught by a choice of cells when it happened in one of them, in the shift for which it was "
        "chosen. One whose time is uncertain counts in each shift with the share of its interval that falls there."
    )
    by_lot = (
        "By lot: every cell of a district has the same chance, its chosen cells over all its cells; the share is the "
        "mean over all draws, reckoned and not drawn."
    )
    by_harm = (
        "Most forecast harm: the highest cells of each district and shift by the forecast’s preventable harm. Last "
        "week’s harm: the same by the preventable harm of the seven days before the shift, as known when it began. "
        "Ties are drawn by lot."
    )
    harm = "Harm is severity, preventable harm severity × preventability. Categories that are not in use count nowhere."
    intervals = (
        f"Intervals take {facts['independent']} to be independent of each other and hold for small numbers (Clopper & "
        "Pearson at the effective number of incidents; differences by Newcombe’s method). They tell how much chance "
        "was in what happened, and not the luck of the draw."
    )
    turnover = "Turnover: share of the missions in cells that had none in the shift of the same name before."
    texts = (caught, by_lot, by_harm, harm, intervals, turnover)
    return [html.fold("How this is reckoned", [html.bullets(texts)])]


def _stacked(
    row: _Row, names: tuple[str, str, str] = ("share", "low", "high"), unit: str = " %", signed: bool = False
) -> html.Html | str:
    """A share in percent above the ends of its interval."""
    value, low, high = (100 * row[name] for name in names)
    if not np.isfinite(value):
        return "–"
    told = f"{_number(value, signed)}{unit}"
    # By lot, the share of a district is as sure as the number of its cells.
    return html.stacked(told, "" if low == high else f"{_number(low, signed)} to {_number(high, signed)}")


def _number(value: float, signed: bool) -> str:
    if round(value, 1) == 0:
        return "0.0"
    return f"{value:{'+' if signed else ''}.1f}".replace("-", "−")


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %" if np.isfinite(share) else "–"


def _ratio(value: float) -> str:
    return f"{value:.2f}" if np.isfinite(value) else "–"


def _count(number: float) -> str:
    """A number of incidents or minutes; fractions come from uncertain times."""
    if not np.isfinite(number):
        return "–"
    return f"{number:,.0f}" if abs(number - round(number)) < 0.05 else f"{number:,.1f}"
