"""Figures of the model card."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.ticker import FuncFormatter

from patrol_missions.engine.forecast.choice import Choice
from patrol_missions.engine.reports import figures

_SHADES = {"B1": 0.45, "B2": 0.45, "B3": 0.7, "B4": 1.0, "B5": 0.45, "B6": 0.7, "B7": 0.7}
_MARKS = {"B1": "s", "B2": "D", "B3": "^", "B4": "o", "B5": "v", "B6": "P", "B7": "X"}
_HOPELESS = 0.6  # gains beyond this tell nothing more than "far better"
_NAMES = {
    "B1": "all-time count",
    "B2": "365 days",
    "B3": "recent count",
    "B4": "kernel density",
    "B5": "all categories",
    "B6": "cell effects",
    "B7": "self-exciting",
}


def gains(choices: Sequence[Choice]) -> str:
    """Gain of the model over each baseline with its interval, a row per category."""
    figure = figures.new(9.2, 0.9 + 0.62 * len(choices))
    axes = figure.subplots()
    codes = [code for code in _MARKS if any(g.baseline == code for choice in choices for g in choice.gains)]
    axes.axvline(0, color=figures.GREY, linewidth=1.0)
    for row, choice in enumerate(choices):
        known = {gain.baseline: gain for gain in choice.gains}
        for place, code in enumerate(codes):
            if code not in known:
                continue
            gain = known[code]
            y = row + 0.13 * (place - (len(codes) - 1) / 2)
            colour = figures.BLUE if gain.certain else figures.ORANGE
            low, middle, high = (100 * min(v, _HOPELESS) for v in (gain.low, gain.relative, gain.high))
            axes.plot([low, high], [y, y], color=colour, linewidth=1.6, alpha=_SHADES[code], solid_capstyle="butt")
            axes.plot(middle, y, _MARKS[code], color=colour, markersize=4.5, alpha=_SHADES[code])
    for code in codes:
        axes.plot(
            [], [], _MARKS[code], color=figures.BLUE, markersize=5, label=f"{code} {_NAMES[code]}", alpha=_SHADES[code]
        )
    axes.set_yticks(range(len(choices)), [choice.category for choice in choices])
    axes.invert_yaxis()
    axes.set_xlim(right=100 * _HOPELESS)
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:+g} %" if value else "0"))
    axes.grid(axis="x", color=figures.GREY, alpha=0.25, linewidth=0.8)
    axes.tick_params(length=0)
    figure.legend(loc="outside upper left", ncols=len(codes), frameon=False, fontsize=9, handletextpad=0.2)
    return figures.to_svg(figure)


def reliability(panels: Sequence[tuple[str, str, tuple[np.ndarray, np.ndarray, np.ndarray]]]) -> str:
    """Observed against expected per 1,000 cell-shifts, a panel per category.

    :param panels: title, note, and cell-shifts, expected and observed incidents by group
    """
    columns = min(3, len(panels))
    rows = -(-len(panels) // columns)
    figure = figures.new(9.2, 0.2 + 2.75 * rows)
    grid = figure.subplots(rows, columns, squeeze=False).ravel()
    for axes, (title, note, (cells, expected, observed)) in zip(grid, panels):
        x, y = 1000 * expected / cells, 1000 * observed / cells
        spread = 1000 * 1.96 * np.sqrt(np.maximum(observed, 1.0)) / cells
        low, high = 0.6 * min(x.min(), max(y[y > 0].min(initial=x.min()), 1e-9)), 1.7 * max(x.max(), y.max())
        axes.plot([low, high], [low, high], color=figures.GREY, linewidth=1.0)
        axes.vlines(x, np.maximum(y - spread, low), y + spread, color=figures.BLUE, alpha=0.45, linewidth=1.6)
        axes.plot(x, np.maximum(y, low), "o", color=figures.BLUE, markersize=4)
        axes.set(xscale="log", yscale="log", xlim=(low, high), ylim=(low, high), title=title)
        axes.set_aspect("equal")
        axes.text(0.96, 0.05, note, transform=axes.transAxes, ha="right", va="bottom", fontsize=9)
        for axis in (axes.xaxis, axes.yaxis):
            axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
            axis.set_minor_formatter(FuncFormatter(lambda *_: ""))
        axes.grid(color=figures.GREY, alpha=0.2, linewidth=0.8)
        axes.tick_params(length=0, which="both")
    for axes in grid[len(panels) :]:
        axes.set_visible(False)
    figure.supxlabel("expected", fontsize=10)
    figure.supylabel("observed", fontsize=10)
    return figures.to_svg(figure)
