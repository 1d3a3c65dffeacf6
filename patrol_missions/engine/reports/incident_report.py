"""The report on an incident table, for the analyst and for the file."""

from __future__ import annotations

import numpy as np
from matplotlib.ticker import FuncFormatter, MaxNLocator

from patrol_missions.engine.data import check_places
from patrol_missions.engine.data.quality import Checked, planning_categories
from patrol_missions.engine.reports import figures, html

_LEVEL = {"ok": "good", "caution": "caution", "stop": "stop"}
_TITLE = {"ok": "Fit for planning", "caution": "Usable with care", "stop": "Stop: do not plan with this table yet"}
_WORD = {"stop": "stop", "caution": "caution", "note": "note", "good": "fine"}
_MOST_PANELS = 8
_MOST_TYPES = 60


def render(checked: Checked, layer_name: str) -> str:
    """The whole page."""
    record = checked.record
    period = "" if np.isnat(checked.history.first) else f", {checked.history.first} to {checked.history.last}"
    blocks = [
        html.banner(
            _LEVEL[checked.verdict], _TITLE[checked.verdict], checked.sentence.partition(": ")[2] or checked.sentence
        ),
        html.facts(_facts(checked)),
        html.heading("Findings"),
        html.table(
            ("", "Check", "Rows", "Share", "What was found and what to do"),
            [
                (
                    html.chip(f.severity, _WORD[f.severity]),
                    f.check,
                    f.rows or "",
                    _percent(f.share) if f.rows else "",
                    html.stacked(f.finding, f.remedy),
                )
                for f in checked.findings
            ],
            numeric=(2, 3),
        ),
    ]
    if len(record):
        with figures.style():
            blocks += [*_history(checked), *_clock(checked), *_places(checked)]
        blocks += _types(checked)
    return html.page(
        f"Check of {layer_name}",
        f"{len(record):,} rows read{period}, times in {record.zone.name}",
        blocks,
        "Patrol Missions. Only place, time, type and id of each incident are read; nothing about persons.",
    )


def _facts(checked: Checked) -> list[tuple[str, object]]:
    record = checked.record
    used = int(record.use.sum())
    rate = (record.use & record.geocoded).sum() / used if used else 0.0
    known = checked.clock.known[checked.keep].mean() if checked.keep.any() else 0.0
    return [
        ("Rows read", len(record)),
        ("of types in use", used),
        ("with a usable place", _percent(float(rate))),
        ("Rows kept", int(checked.keep.sum())),
        ("with a time of day", _percent(float(known))),
        ("Days covered", checked.history.days),
    ]


def _history(checked: Checked) -> list[html.Html]:
    planning, labels = planning_categories(checked.record, checked.keep)
    if not labels:
        return []
    months = checked.record.zone.to_local(checked.clock.start[checked.keep]).astype("datetime64[M]")
    shown = enumerate(labels[:_MOST_PANELS])
    titled = [(f"{label}  ({(planning == code).sum():,})", planning == code) for code, label in shown]
    figure = figures.months(months, titled)
    return [
        html.heading("History"),
        html.figure(figures.to_svg(figure), "Kept incidents per month and planning category."),
    ]


def _clock(checked: Checked) -> list[html.Html]:
    record, clock = checked.record, checked.clock
    dated = record.use & ~np.isnat(record.start)
    timed = dated & record.dates.has_time
    if not timed.any():
        return [html.heading("Time of day"), html.paragraph("The record tells no time of day.")]
    bins = (record.local.astype(np.int64) % 86_400) // 1800
    good = np.bincount(bins[timed & clock.known], minlength=48)
    default = np.bincount(bins[timed & ~clock.known], minlength=48)
    figure = figures.new(9.2, 2.6)
    axes = figure.subplots()
    left = np.arange(48) / 2
    axes.bar(left, good, width=0.46, align="edge", color=figures.BLUE, label="time known")
    if default.any():
        axes.bar(
            left,
            default,
            bottom=good,
            width=0.46,
            align="edge",
            color=figures.ORANGE,
            label="default for an unknown time",
        )
        axes.legend(frameon=False, loc="upper left", ncols=2, fontsize=9)
        axes.margins(y=0.18)
    axes.set_xlim(0, 24)
    axes.set_xticks(range(0, 25, 3), [f"{hour:02d}:00" for hour in range(0, 25, 3)])
    axes.yaxis.set_major_locator(MaxNLocator(4, integer=True))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
    figures.light_grid(axes)
    return [
        html.heading("Time of day"),
        html.figure(figures.to_svg(figure), "Rows of the types in use per half hour, local time."),
    ]


def _places(checked: Checked) -> list[html.Html]:
    record = checked.record
    blocks = [html.heading("Places")]
    if record.district is not None:
        blocks.append(_missing_by_district(checked))
    if checked.piles:
        blocks.append(
            html.table(
                ("Coordinate in the source", "Rows", "in use", "Share", "Why it stands out", "Types"),
                [
                    (
                        f"{p.x:.10g}, {p.y:.10g}{'' if p.inside else ' (beyond the cells)'}",
                        p.rows,
                        p.used_rows,
                        _percent(p.rows / len(record)),
                        p.why,
                        p.types,
                    )
                    for p in checked.piles
                ],
                caption="Coordinates at which rows pile up",
                numeric=(3,),
            )
        )
    types = tuple(mapped.raw or "(blank)" for mapped in record.mapping)
    weak = [rate for rate in check_places.rates(record, record.category, types) if rate.geocoded < rate.rows]
    if weak:
        blocks.append(
            html.table(
                ("Crime type", "Rows", "without a usable place", "Geocoded"),
                [
                    (r.group, r.rows, r.rows - r.geocoded, _percent(r.share))
                    for r in sorted(weak, key=lambda rate: rate.share)[:15]
                ],
                caption="Crime types with the lowest geocoding rate",
                numeric=(3,),
            )
        )
    return blocks if len(blocks) > 1 else []


def _missing_by_district(checked: Checked) -> html.Html:
    record = checked.record
    district = np.where(record.use, record.district if record.district is not None else -1, -1)
    groups = check_places.rates(record, district, record.districts)[:40]
    groups = sorted(groups, key=lambda rate: rate.share, reverse=True)
    figure = figures.new(9.2, 0.6 + 0.22 * len(groups))
    axes = figure.subplots()
    missing = [100 * (1 - rate.share) for rate in groups]
    axes.barh(range(len(groups)), missing, color=figures.ORANGE, height=0.7)
    axes.set_yticks(range(len(groups)), [rate.group for rate in groups])
    axes.set_ylim(-0.6, len(groups) - 0.4)
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g} %"))
    axes.grid(axis="x", color=figures.GREY, alpha=0.25, linewidth=0.8)
    axes.tick_params(length=0)
    return html.figure(
        figures.to_svg(figure), "Share of rows of the types in use without a usable place, by the source's district."
    )


def _types(checked: Checked) -> list[html.Html]:
    record = checked.record
    rows = np.bincount(record.category, minlength=len(record.mapping))
    order = np.argsort(-rows, kind="stable")
    order = order[np.argsort([not record.mapping[i].use for i in order], kind="stable")]
    lines = [
        (
            record.mapping[i].raw or "(blank)",
            record.mapping[i].category,
            html.chip("good", "yes") if record.mapping[i].use else "no",
            int(rows[i]),
            record.mapping[i].reason,
        )
        for i in order[:_MOST_TYPES]
    ]
    more = f"; the first {_MOST_TYPES} of {len(order):,}" if len(order) > _MOST_TYPES else ""
    return [
        html.heading("Crime types"),
        html.table(
            ("In the source", "Planning category", "Used", "Rows", "Reason"),
            lines,
            caption=f"What becomes of each crime type{more}",
        ),
    ]


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %" if share == 0 or share >= 0.001 else "< 0.1 %"
