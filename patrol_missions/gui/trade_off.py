"""What each share of harm kept comes to, as the table of the trade-off tells it."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

from qgis.core import NULL, QgsVectorLayer
from qgis.PyQt.QtCore import QCoreApplication, QLocale


@dataclass(frozen=True)
class Measure:
    """One thing that the share of harm kept is paid with, or buys.

    :param title: what its panel is called
    :param values: of each share, NaN where it is not known
    :param percent: whether they are shares in percent, or plain numbers
    """

    title: str
    values: tuple[float, ...]
    percent: bool

    def told(self, value: float) -> str:
        """A value in words."""
        if math.isnan(value):
            return "–"
        return f"{value:.0f} %" if self.percent else QLocale().toString(value, "f", 1)

    def top(self) -> float:
        """A round number that none of the values is above."""
        most = max((value for value in self.values if not math.isnan(value)), default=0.0)
        if most <= 0:
            return 1.0
        step = 10.0 ** math.floor(math.log10(most))
        return next(step * each for each in (1, 1.5, 2, 3, 4, 5, 6, 8, 10) if step * each >= most * (1 - 1e-9))


@dataclass(frozen=True)
class TradeOff:
    """The curve.

    :param shares: of harm kept in percent, rising
    :param harm: that missions cover, in percent of the most that could be covered with nothing in the way
    :param turnover: missions that another draw would put elsewhere, in percent
    :param cells: equally likely cells per mission
    :param uneven: missions out of line with neighbourhoods' harm, in percent
    """

    shares: tuple[float, ...] = ()
    harm: tuple[float, ...] = ()
    turnover: tuple[float, ...] = ()
    cells: tuple[float, ...] = ()
    uneven: tuple[float, ...] = ()

    @classmethod
    def read(cls, layer: QgsVectorLayer | None) -> TradeOff:
        """The table that Trade-off made; nothing where there is none, or it is another table."""
        names = ("harm_kept", "harm", "turnover", "effective_cells", "uneven_by_harm")
        if layer is None or any(layer.fields().lookupField(name) < 0 for name in names):
            return cls()
        rows = sorted(tuple(_number(feature[name]) for name in names) for feature in layer.getFeatures())
        shares, harm, turnover, cells, uneven = ([row[at] for row in rows] for at in range(len(names)))
        return cls(_percent(shares), _percent(harm), _percent(turnover), tuple(cells), _percent(uneven))

    def __bool__(self) -> bool:
        return len(self.shares) > 1

    def measures(self) -> tuple[Measure, ...]:
        """Those that are known."""
        every = (
            Measure(tr("Turnover from draw to draw"), self.turnover, True),
            Measure(tr("Equally likely cells per mission"), self.cells, False),
            Measure(tr("Unevenness over areas"), self.uneven, True),
        )
        return tuple(each for each in every if any(not math.isnan(value) for value in each.values))

    def at(self, values: Sequence[float], share: float) -> float:
        """A measure's value at a share of harm kept, along the line between its neighbours."""
        upper = min(max(bisect_right(self.shares, share), 1), len(self.shares) - 1)
        left, right = self.shares[upper - 1], self.shares[upper]
        way = min(max((share - left) / (right - left), 0.0), 1.0)
        return values[upper - 1] + way * (values[upper] - values[upper - 1])

    def sentence(self, share: float) -> str:
        """What a share of harm kept gives, in words."""
        if not self:
            return ""
        moved, cells, harm = (self.at(values, share) for values in (self.turnover, self.cells, self.harm))
        told = tr(
            "With {share:.0f} % of harm kept, another draw puts {moved:.0f} % of the missions elsewhere, and each "
            "mission is as open as a choice among {cells} cells. Missions cover {harm:.0f} % of the harm that "
            "the cells with the most of it hold."
        )
        spread = QLocale().toString(cells, "f", 1)
        return told.format(share=share, moved=moved, cells=spread, harm=harm)


def _percent(values: Sequence[float]) -> tuple[float, ...]:
    return tuple(100.0 * value for value in values)


def _number(value: object) -> float:
    return math.nan if value is None or value == NULL else float(str(value))


def tr(text: str) -> str:
    """The text in the user's language."""
    return QCoreApplication.translate("TradeOff", text)
