"""The datasheet: which incidents a model learned from, which not and why, and how well their times are known."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from patrol_missions.engine.forecast.panel import DAY_S, Panel
from patrol_missions.engine.forecast.training import Trained
from patrol_missions.engine.reports import figures, html

_VERDICTS = {
    "ok": ("good", "fit for planning"),
    "caution": ("caution", "usable with care"),
    "stop": ("stop", "do not plan with this table yet"),
}
_MOST_PANELS = 12


def blocks(trained: Trained, left_out: Mapping[str, str], quality: Mapping[str, str] | None) -> list[html.Html]:
    """Data used and left out.

    :param left_out: categories that are not in the model, and why
    :param quality: what Check incidents said: ``verdict`` and ``sentence``
    """
    panel = trained.panel
    made = [html.heading("Datasheet: the incidents"), _quality(quality), *_rows(panel)]
    if left_out:
        lines = [(name, reason) for name, reason in left_out.items()]
        made += [html.heading("Categories left out", 3), html.table(("Category", "Why"), lines)]
    made += [html.heading("What is known of each category", 3), *_categories(panel), *_months(panel)]
    made.append(
        html.paragraph(
            "Read of each incident: place, category, begin and end of the time in which it happened, and the time of "
            "its report. Nothing about persons. Types that Check incidents did not use never reach the model; its "
            "report says which, and why."
        )
    )
    return made


def _quality(quality: Mapping[str, str] | None) -> html.Html:
    if quality is None:
        return html.paragraph("The layer does not carry the verdict of Check incidents; see the report of that check.")
    level, title = _VERDICTS[quality["verdict"]]
    return html.banner(level, f"Check incidents said: {title}", quality["sentence"])


def _rows(panel: Panel) -> list[html.Html]:
    intake = panel.intake
    dropped = [(f"left out: {reason}", rows) for reason, rows in intake.left_out if rows]
    lines = [("read", intake.read), *dropped, ("used", len(panel.events))]
    rows = [(what, rows, f"{100 * rows / max(intake.read, 1):.1f} %") for what, rows in lines]
    return [html.table(("Rows of the incident layer", "Rows", "Share"), rows, numeric=(1, 2))]


def _categories(panel: Panel) -> list[html.Html]:
    events = panel.events
    delay = (events.known - events.last) / DAY_S
    rows = []
    for index, name in enumerate(panel.categories):
        mine = events.category == index
        wide = (events.last - events.first)[mine] / 3600.0
        late = delay[mine]
        rows.append(
            (
                name,
                int(mine.sum()),
                f"{100 * np.mean(wide == 0):.0f} %",
                f"{np.median(wide[wide > 0]):.0f} h" if (wide > 0).any() else "–",
                f"{100 * np.mean(late > 0):.0f} %",
                f"{np.quantile(late, 0.9):.1f} days" if (late > 0).any() else "–",
                f"{100 * len(np.unique(events.cell[mine])) / len(panel.cells):.0f} %",
            )
        )
    headers = ("Category", "Incidents", "Exact time", "Else within", "Known late", "90 % known in", "Cells with any")
    note = (
        "Exact time: the moment is known, not only an interval or the day; else within: median length of the interval, "
        "over which an incident is spread. Known late: reported after it ended; without report times every incident "
        "counts as known when it ended, which flatters the test a little. Cells with any: share of the grid's cells "
        "with at least one incident."
    )
    return [html.table(headers, rows, numeric=range(1, len(headers))), html.paragraph(note)]


def _months(panel: Panel) -> list[html.Html]:
    zone = panel.instances.zone
    months = zone.to_local(panel.events.time.astype("datetime64[s]")).astype("datetime64[M]")
    shown = enumerate(panel.categories[:_MOST_PANELS])
    figure = figures.months(months, [(name, panel.events.category == index) for index, name in shown])
    return [
        html.figure(figures.to_svg(figure), "Incidents used per month; the first and last month may be part of one.")
    ]
