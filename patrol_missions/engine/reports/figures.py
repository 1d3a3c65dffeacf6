"""Pictures for HTML pages: inline SVG whose ink follows the page, so that they read in light, dark and on paper."""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import PathPatch
from matplotlib.path import Path
from matplotlib.ticker import FuncFormatter, MaxNLocator

BLUE = "#3f88c5"
ORANGE = "#d9822b"
GREY = "#8b96a0"
_MOST_TICKS = 6
_STEPS = (1, 2, 3, 6, 12, 24, 60)  # months between ticks
_INK = "#010203"  # stands for the page's own text colour
_STYLE: dict[Any, Any] = {
    "svg.fonttype": "none",
    "svg.hashsalt": "patrol-missions",
    "font.family": "sans-serif",
    "font.size": 10.0,
    "axes.titlesize": 10.0,
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": GREY,
    "axes.linewidth": 0.8,
    "axes.labelcolor": _INK,
    "axes.titlecolor": _INK,
    "text.color": _INK,
    "xtick.color": GREY,
    "ytick.color": GREY,
    "xtick.labelcolor": _INK,
    "ytick.labelcolor": _INK,
    "axes.axisbelow": True,
}


@contextmanager
def style() -> Iterator[None]:
    """The look of all figures; draw and call :func:`to_svg` inside."""
    with mpl.rc_context(_STYLE):
        yield


def new(width: float, height: float) -> Figure:
    """A figure in inches, kept tidy by matplotlib's layout engine."""
    return Figure(figsize=(width, height), layout="constrained")


def light_grid(axes: Axes) -> None:
    """Faint horizontal lines to read values by."""
    axes.grid(axis="y", color=GREY, alpha=0.25, linewidth=0.8)
    axes.tick_params(length=0)


def months(when: np.ndarray, panels: Sequence[tuple[str, np.ndarray]]) -> Figure:
    """Counts per month, a panel per name.

    :param when: month of each incident, datetime64[M]
    :param panels: title, and which incidents count in it (bool)
    """
    axis = np.arange(when.min(), when.max() + 1)
    days = axis.astype("datetime64[D]")
    step = next((each for each in _STEPS if len(axis) <= each * _MOST_TICKS), 120)
    ticks = np.flatnonzero(axis.astype(np.int64) % step == 0)  # months since 1970: whole years begin at Januaries
    length = 4 if step >= 12 else 7
    rows, columns = -(-len(panels) // 2), min(len(panels), 2)
    figure = new(9.2, 0.4 + 1.35 * rows)
    grid = figure.subplots(rows, columns, sharex=True, squeeze=False).ravel()
    for axes, (title, mine) in zip(grid, panels):
        counts = np.bincount((when[mine] - axis[0]).astype(int), minlength=len(axis))
        axes.fill_between(days, counts, color=BLUE, alpha=0.25, linewidth=0)
        axes.plot(days, counts, color=BLUE, linewidth=1.4)
        axes.set_title(title)
        axes.set_ylim(bottom=0)
        axes.set_xticks(days[ticks], [str(month)[:length] for month in axis[ticks]])
        axes.yaxis.set_major_locator(MaxNLocator(3, integer=True))
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
        light_grid(axes)
    for axes in grid[len(panels) :]:
        axes.set_visible(False)
        grid[len(panels) - 2].tick_params(labelbottom=True)  # the lowest of its column shows the years
    return figure


def polygons(axes: Axes, vertices: np.ndarray, corners: int, colour: str) -> None:
    """Closed rings as one filled shape; each ring has so many vertices, the last the same as the first."""
    codes = np.full(len(vertices), Path.LINETO, dtype=np.uint8)
    codes[::corners], codes[corners - 1 :: corners] = Path.MOVETO, Path.CLOSEPOLY
    axes.add_patch(PathPatch(Path(vertices, codes), facecolor=colour, edgecolor=colour, linewidth=0.15))


def to_svg(figure: Figure) -> str:
    """The figure as SVG text: same input, same text."""
    buffer = io.BytesIO()
    with warnings.catch_warnings():
        # Text stays text, so a letter that matplotlib's font lacks is drawn by the reader's browser.
        warnings.filterwarnings("ignore", "Glyph .* missing")
        figure.savefig(buffer, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    text = buffer.getvalue().decode("utf-8")
    text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    return text.replace(_INK, "currentColor").replace("font: 10px 'sans-serif'", "font: 10px sans-serif")
