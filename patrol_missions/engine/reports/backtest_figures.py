"""Figures of the backtest's report."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.ticker import FuncFormatter

from patrol_missions.engine.forecast.backtest_scores import Score
from patrol_missions.engine.reports import figures


def caught(names: Sequence[str], scores: Sequence[Sequence[Score | None]]) -> str:
    """Share caught by each way to plan, a row each, with a panel per area flagged; the first row's value as a line.

    :param scores: of each name, one per area
    """
    areas = len(scores[0])
    figure = figures.new(9.2, 0.9 + 0.27 * len(names))
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
