"""What happened lately in a cell and around it, out of the checked incidents."""

from __future__ import annotations

from dataclasses import dataclass

from qgis.core import QgsFeatureRequest, QgsRectangle, QgsVectorLayer
from qgis.PyQt.QtCore import QDateTime

from patrol_missions.gui.missions import as_utc, before

Cell = tuple[int, int]

DAYS = 28
"""So many days before the shift are looked back on."""

_DAY_S = 86_400


@dataclass(frozen=True)
class Recent:
    """Incidents of one category.

    :param days_ago: whole days from the latest of them to the shift
    """

    category: str
    count: int
    days_ago: int


class Nearby:
    """Asks the layer once for each cell, by the rectangle of the cell and its eight neighbours.

    :param incidents: checked, in the grid's CRS
    :param shift_start: UTC; what is told is of the days before
    """

    def __init__(self, incidents: QgsVectorLayer, size_m: float, shift_start: QDateTime) -> None:
        self._incidents, self._size_m, self._until = incidents, size_m, shift_start
        self._in_time = f"{before(shift_start)} AND NOT {before(shift_start.addDays(-DAYS))}"
        self._known: dict[Cell, tuple[Recent, ...]] = {}

    def around(self, cell: Cell) -> tuple[Recent, ...]:
        """What happened there, the most frequent first."""
        if cell not in self._known:
            self._known[cell] = self._read(cell)
        return self._known[cell]

    def _read(self, cell: Cell) -> tuple[Recent, ...]:
        size, (column, row) = self._size_m, cell
        around = QgsRectangle((column - 1) * size, (row - 1) * size, (column + 2) * size, (row + 2) * size)
        request = QgsFeatureRequest(around).setFilterExpression(self._in_time)
        request.setSubsetOfAttributes(["category", "start"], self._incidents.fields())
        ages: dict[str, list[int]] = {}
        for feature in self._incidents.getFeatures(request.setFlags(QgsFeatureRequest.Flag.ExactIntersect)):
            age_s = as_utc(feature["start"]).secsTo(self._until)
            ages.setdefault(str(feature["category"]), []).append(age_s // _DAY_S)
        found = [Recent(category, len(days), min(days)) for category, days in ages.items()]
        return tuple(sorted(found, key=lambda recent: (-recent.count, recent.days_ago, recent.category)))
