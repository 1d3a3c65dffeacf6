"""Figures of the model card and the backtest's report.

What they say is in shapes and shades as well as in colours, so that a copier keeps it.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter

from patrol_missions.engine.forecast.backtest_scores import Score
from patrol_missions.engine.forecast.choice import Choice
from patrol_missions.engine.reports import figures

_MARKS = "os^Dv<>Pp*hX"
_HOPELESS = 0.6  # gains beyond this tell nothing more than "far better"
_WIDTH = 9.2


def gains(choices: Sequence[Choice], names: dict[str, str]) -> str:
    """Gain of the model over each baseline with its interval, a row per category; filled where it is certain.

    :param names: what each baseline's code stands for, in a word or two
    """
    codes = [code for code in names if any(g.baseline == code for choice in choices for g in choice.gains)]
    figure = figures.new(_WIDTH, 0.9 + (0.16 + 0.1 * len(codes)) * len(choices))
    axes = figure.subplots()
    axes.axvline(0, color=figures.GREY, linewidth=1.0)
    for row, choice in enumerate(choices):
        known = {gain.baseline: gain for gain in choice.gains}
        for place, code in enumerate(codes):
            if code not in known:
                continue
            gain = known[code]
            y = row + 0.72 * ((place + 0.5) / len(codes) - 0.5)
            colour = figures.BLUE if gain.certain else figures.ORANGE
            low, middle, high = (
                100 * float(np.clip(v, -_HOPELESS, _HOPELESS)) for v in (gain.low, gain.relative, gain.high)
            )
            axes.plot([low, high], [y, y], color=colour, linewidth=1.5, solid_capstyle="butt")
            face = colour if gain.certain else "#ffffff"
            axes.plot(middle, y, _MARKS[place], color=colour, markerfacecolor=face, markersize=4.5, clip_on=False)
        if row:
            axes.axhline(row - 0.5, color=figures.GREY, alpha=0.25, linewidth=0.8)
    for place, code in enumerate(codes):
        axes.plot([], [], _MARKS[place], color=figures.BLUE, markersize=5, label=f"{code} {names[code]}")
    axes.set_yticks(range(len(choices)), [choice.category for choice in choices])
    axes.set_ylim(len(choices) - 0.5, -0.5)
    axes.set_xlim(right=100 * _HOPELESS)
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:+g} %" if value else "0"))
    axes.grid(axis="x", color=figures.GREY, alpha=0.25, linewidth=0.8)
    axes.tick_params(length=0)
    columns = min(len(codes), 4)
    figure.legend(loc="outside upper left", ncols=columns, frameon=False, fontsize=9, handletextpad=0.2)
    return figures.to_svg(figure)


def caught(names: Sequence[str], scores: Sequence[Sequence[Score | None]]) -> str:
    """Share caught by each way to plan, a row each, with a panel per area flagged; the first row's value as a line.

    :param scores: of each name, one per area
    """
    areas = len(scores[0])
    figure = figures.new(_WIDTH, 0.9 + 0.27 * len(names))
    panels = figure.subplots(1, areas, sharey=True)
    leader = names.index("Rule") if "Rule" in names else 0
    for place, axes in enumerate(panels):
        lead = scores[leader][place]
        if lead is not None:
            axes.axvline(100 * lead.value, color=figures.GREY, linewidth=1.0, alpha=0.7)
        for row, mine in enumerate(scores):
            score = mine[place]
            if score is None:
                continue
            low, high = score.interval
            colour = figures.ORANGE if names[row].startswith("B") else figures.BLUE
            axes.plot([100 * low, 100 * high], [row, row], color=colour, linewidth=1.8, solid_capstyle="butt")
            axes.plot(100 * score.value, row, "s" if colour == figures.ORANGE else "o", color=colour, markersize=4.5)
            axes.set_title(f"{100 * score.area:g} % of cells")
        axes.set_yticks(range(len(names)), names)
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g} %"))
        axes.grid(axis="x", color=figures.GREY, alpha=0.25, linewidth=0.8)
        axes.tick_params(length=0)
        axes.margins(x=0.12)
    panels[0].invert_yaxis()
    return figures.to_svg(figure)


def reliability(panels: Sequence[tuple[str, str, tuple[np.ndarray, np.ndarray, np.ndarray]]]) -> str:
    """Observed against expected per 1,000 cell-shifts, a panel per category.

    :param panels: title, note, and cell-shifts, expected and observed incidents by group
    """
    figure, grid = _panels(len(panels), 2.75)
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
    figure.supxlabel("expected", fontsize=10)
    figure.supylabel("observed", fontsize=10)
    return figures.to_svg(figure)


def area_curves(shares: np.ndarray, panels: Sequence[tuple[str, dict[str, np.ndarray]]]) -> str:
    """Prediction accuracy index against share of area, a panel per category.

    :param shares: shares of area, shape (shares,)
    :param panels: title, and for each forecast by its name the index and the ends of its interval, shape (3, shares)
    """
    figure, grid = _panels(len(panels), 2.4, sharex=True)
    lines: dict[str, Line2D] = {}
    styles = (("-", figures.BLUE, 2.0), ("--", figures.ORANGE, 1.6), (":", figures.GREY, 1.6))
    for axes, (title, curves) in zip(grid, panels):
        for (name, (middle, low, high)), (dashes, colour, width) in zip(curves.items(), styles):
            (line,) = axes.plot(100 * shares, middle, dashes, color=colour, linewidth=width)
            axes.fill_between(100 * shares, low, high, color=colour, alpha=0.18, linewidth=0)
            lines.setdefault(name, line)
        axes.axhline(1.0, color=figures.GREY, linewidth=0.8)
        axes.set(xscale="log", title=title)
        axes.set_ylim(bottom=0)
        ticks = [v for v in (0.5, 1, 2, 5, 10, 20) if 100 * shares[0] <= v <= 100 * shares[-1]]
        axes.set_xticks(ticks, [f"{v:g}" for v in ticks])
        axes.xaxis.set_minor_formatter(FuncFormatter(lambda *_: ""))
        axes.grid(color=figures.GREY, alpha=0.2, linewidth=0.8)
        axes.tick_params(length=0, which="both", labelbottom=True)
    figure.supxlabel("share of the cells of a shift, %", fontsize=10)
    figure.supylabel("PAI", fontsize=10)
    figure.legend(list(lines.values()), list(lines), loc="outside upper left", ncols=3, frameon=False, fontsize=9)
    return figures.to_svg(figure)


MAP_CLASSES = (
    ("too few incidents", "#8b96a024"),
    ("better, beyond chance", "#cde1f3"),
    ("better", "#abc3d8"),
    ("worse", "#c9833f"),
    ("worse, beyond chance", "#8a2b08"),
)
"""From light to dark, so that what is worse is darker on paper, too; the first lets a dark page through."""


def maps(column: np.ndarray, row: np.ndarray, panels: Sequence[tuple[str, np.ndarray]]) -> str:
    """Cells coloured by class, a map per category.

    :param column: of each cell
    :param row: of each cell
    :param panels: title, and index into :data:`MAP_CLASSES` of each cell
    """
    x, y = column - column.min(), row - row.min()
    wide, high = int(x.max()) + 1, int(y.max()) + 1
    columns = _columns(len(panels))
    height = min(max(_WIDTH / columns * high / wide, 1.2), 4.5)
    figure, grid = _panels(len(panels), height + 0.25)
    for axes, (title, classes) in zip(grid, panels):
        for index, (_, colour) in enumerate(MAP_CLASSES):
            _squares(axes, x[classes == index], y[classes == index], colour)
        axes.set(xlim=(0, wide), ylim=(0, high), title=title)
        axes.set_aspect("equal")
        axes.set_axis_off()
    handles = [Line2D([], [], marker="s", linestyle="", markersize=8, color=colour) for _, colour in MAP_CLASSES]
    names = [name for name, _ in MAP_CLASSES]
    figure.legend(handles, names, loc="outside upper left", ncols=5, frameon=False, fontsize=9, handletextpad=0.2)
    return figures.to_svg(figure)


def importance(groups: Sequence[str], categories: Sequence[str], shares: np.ndarray) -> str:
    """Shares of what was learned, as a table whose cells are the darker the larger the share.

    :param shares: 0 to 1, shape (groups, categories)
    """
    figure = figures.new(_WIDTH, 0.7 + 0.3 * len(groups))
    axes = figure.subplots()
    top = max(float(shares.max()), 1e-9)
    for y, line in enumerate(shares):
        for x, share in enumerate(line):
            depth = share / top
            axes.fill_between(
                [x - 0.49, x + 0.49], y - 0.46, y + 0.46, color=figures.BLUE, alpha=0.06 + 0.64 * depth, linewidth=0
            )
            axes.text(x, y, f"{100 * share:.0f} %", ha="center", va="center", fontsize=9)
    axes.set_xlim(-0.5, len(categories) - 0.5)
    axes.set_ylim(len(groups) - 0.5, -0.5)
    axes.set_yticks(range(len(groups)), groups)
    axes.set_xticks(range(len(categories)), [_broken(name) for name in categories], fontsize=9)
    axes.xaxis.tick_top()
    axes.tick_params(length=0)
    for spine in axes.spines.values():
        spine.set_visible(False)
    return figures.to_svg(figure)


def _columns(count: int) -> int:
    """Panels in a row: four only where that fills the last row better."""
    return min(count, 4 if count in (4, 7, 8) else 3)


def _panels(count: int, height: float, sharex: bool = False) -> tuple[Figure, list[Axes]]:
    columns = _columns(count)
    rows = -(-count // columns)
    figure = figures.new(_WIDTH, 0.45 + height * rows * 3 / max(columns, 3))
    grid = figure.subplots(rows, columns, squeeze=False, sharex=sharex).ravel()
    for axes in grid[count:]:
        axes.set_visible(False)
    return figure, list(grid[:count])


def _squares(axes: Axes, x: np.ndarray, y: np.ndarray, colour: str) -> None:
    """Unit squares as one shape, those next to each other in a row joined."""
    if len(x) == 0:
        return
    order = np.lexsort((x, y))
    x, y = x[order], y[order]
    begins = np.flatnonzero(np.concatenate([[True], (np.diff(y) != 0) | (np.diff(x) != 1)]))
    ends = np.concatenate([begins[1:], [len(x)]]) - 1
    spans = [(int(x[a]), int(x[b]) + 1, int(y[a])) for a, b in zip(begins, ends)]
    outline = [(left, right, bottom, bottom + 1) for left, right, bottom in spans]
    vertices = np.array([[(a, c), (b, c), (b, d), (a, d), (a, c)] for a, b, c, d in outline], dtype=float)
    figures.polygons(axes, vertices.reshape(-1, 2), 5, colour)


def _broken(name: str) -> str:
    """A long name on two lines."""
    words = name.split()
    half = (len(words) + 1) // 2
    return " ".join(words[:half]) + "\n" + " ".join(words[half:]) if len(name) > 12 and len(words) > 1 else name
