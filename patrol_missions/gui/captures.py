"""What a capture report tells in the panel, as its table has it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from qgis.core import NULL, QgsVectorLayer
from qgis.PyQt.QtCore import QCoreApplication, QLocale

ALL = "all"
PARTS = ("category", "district", "area", "shift")
"""What incidents are divided by."""

MEASURES = ("incidents", "harm", "preventable harm")
MISSIONS, CHANCE = "missions", "chance"
CHOICES = (MISSIONS, CHANCE, "greedy", "last week")
_KEY = ("part", "name", "measure", "choice")
_NUMBERS = ("incidents", "share", "low", "high", "lead_low", "lead_high")
_FIELDS = (*_KEY, *_NUMBERS, "withheld")


@dataclass(frozen=True)
class Caught:
    """What one choice of cells caught of one part of the incidents, by one measure; NaN where it is not known."""

    incidents: float
    share: float
    low: float
    high: float
    lead_low: float
    lead_high: float
    withheld: bool

    def told(self) -> str:
        """The share with its interval, one under the other."""
        if math.isnan(self.share):
            return "–"
        return f"{100 * self.share:.0f} %\n{100 * self.low:.0f}–{100 * self.high:.0f} %"


class Captures:
    """The rows of the table by what they are of."""

    def __init__(self, layer: QgsVectorLayer | None = None) -> None:
        self._rows: dict[tuple[str, str, str, str], Caught] = {}
        if layer is None or any(layer.fields().lookupField(name) < 0 for name in _FIELDS):
            return
        for feature in layer.getFeatures():
            part, name, measure, choice = (str(feature[field]) for field in _KEY)
            numbers = (_number(feature[field]) for field in _NUMBERS)
            self._rows[part, name, measure, choice] = Caught(*numbers, bool(feature["withheld"]))

    def __bool__(self) -> bool:
        return bool(self._rows)

    def of_all(self, measure: str, choice: str) -> Caught | None:
        """What a choice caught of all incidents; nothing where there were none, or it was not compared."""
        return self._rows.get((ALL, ALL, measure, choice))

    def choices(self) -> list[str]:
        """Those that were compared, the missions first."""
        return [choice for choice in CHOICES if (ALL, ALL, MEASURES[0], choice) in self._rows]

    def parts(self) -> list[str]:
        """What the incidents can be divided by: where there is more than one of it."""
        return [part for part in PARTS if len(self.names(part)) > 1]

    def names(self, part: str) -> list[str]:
        """Names of a part, those with the most incidents first, and what is withheld last."""
        found = {key[1]: row for key, row in self._rows.items() if key[0] == part}
        return sorted(found, key=lambda name: (found[name].withheld, -_or_zero(found[name].incidents), name))

    def row(self, part: str, name: str, choice: str) -> Caught | None:
        """What a choice caught of the incidents of a part."""
        return self._rows.get((part, name, MEASURES[0], choice))

    def verdict(self) -> tuple[str, str]:
        """An icon and the sentence that matters most: the preventable harm in missions, held against chance."""
        mine, chance = (self.of_all(MEASURES[-1], choice) for choice in (MISSIONS, CHANCE))
        if mine is None:
            return "mIconInfo", tr(
                "No incident was in the shifts of the plan, so there was nothing to catch. Choose incidents that reach "
                "to the end of its shifts."
            )
        if math.isnan(mine.share):
            return "mIconInfo", tr("The incidents in the shifts of the plan have a weight of 0: there was no harm.")
        told = tr("Missions caught {share:.0f} % of preventable harm").format(share=100 * mine.share)
        if chance is None:
            return "mIconInfo", told + "."
        if chance.lead_low > 0:
            return "mIconSuccess", tr("{caught}, more than cells by lot.").format(caught=told)
        if chance.lead_high < 0:
            return "mIconWarning", tr("{caught}, less than cells by lot.").format(caught=told)
        return "mIconInfo", tr("{caught}; that cannot be told from chance.").format(caught=told)


def choice_title(choice: str) -> str:
    """What a choice of cells is called."""
    titles = {
        MISSIONS: tr("Missions"),
        CHANCE: tr("By lot"),
        "greedy": tr("Most forecast harm"),
        "last week": tr("Last week’s harm"),
    }
    return titles[choice]


def choice_help(choice: str) -> str:
    """What a choice of cells is."""
    texts = {
        MISSIONS: tr("The cells of the plan’s missions."),
        CHANCE: tr("Cells drawn by lot, each as likely as any other of its district: what luck alone catches."),
        "greedy": tr("The cells with the most harm in the forecast, which is where a plan without chance would go."),
        "last week": tr("The cells with the most harm in the week before the plan."),
    }
    return texts[choice]


def part_title(part: str) -> str:
    """What incidents are divided by, in words."""
    titles = {
        "category": tr("By category"),
        "district": tr("By district"),
        "area": tr("By area"),
        "shift": tr("By shift"),
    }
    return titles[part]


def count(number: float) -> str:
    """A number of incidents, which may be a part of one."""
    return QLocale().toString(number, "f", 0 if number >= 10 or number == round(number) else 1)


def _number(value: Any) -> float:
    return math.nan if value is None or value == NULL else float(value)


def _or_zero(value: float) -> float:
    return 0.0 if math.isnan(value) else value


def tr(text: str) -> str:
    """The text in the user's language."""
    return QCoreApplication.translate("Captures", text)
