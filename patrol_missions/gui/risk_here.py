"""What there is to know of the cell where a unit or the mouse is: risk, what happened lately, why, and what to do."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from qgis.core import NULL, QgsExpression, QgsFeature, QgsFeatureRequest, QgsVectorLayer
from qgis.PyQt.QtCore import QDateTime

from patrol_missions.core.grid import parse_cell_id
from patrol_missions.core.names import EXPECTED
from patrol_missions.gui.live_missions import cells_of
from patrol_missions.gui.missions import as_utc, starts_at
from patrol_missions.gui.nearby import Recent

Cell = tuple[int, int]


@dataclass(frozen=True)
class Risk:
    """Expected incidents of one category in a cell and shift.

    :param times: how many times the mean cell of its district
    """

    category: str
    expected: float
    times: float


@dataclass(frozen=True)
class Here:
    """What there is to know of a cell.

    :param risks: from the highest against its district to the lowest
    :param reasons: why it has a mission, else why the forecast says what it says
    :param recent: incidents there and around, or None where no layer tells
    :param tactic: that of its mission
    """

    district: str
    percentile: float
    risks: tuple[Risk, ...]
    reasons: str
    recent: tuple[Recent, ...] | None = None
    tactic: str = ""


class ShiftRisk:
    """The forecast of the shift that runs, read once."""

    def __init__(self, layer: QgsVectorLayer, names: dict[str, str], now: QDateTime) -> None:
        """Read the rows of the shift that runs now, or of the next one.

        :param names: category as people call it, per field of expected incidents
        """
        self._fields = [name for name in layer.fields().names() if name.startswith(EXPECTED)]
        self._names = [names.get(name, name[len(EXPECTED) :].replace("_", " ").capitalize()) for name in self._fields]
        self.shift, self.start, self.end = _running(layer, now)
        self._rows: dict[Cell, int] = {}
        self._texts: list[tuple[str, str]] = []
        expected: list[list[float]] = []
        percentile: list[float] = []
        there = set(layer.fields().names())
        for feature in layer.getFeatures(_request(self.shift, self.start)):
            self._rows[parse_cell_id(str(feature["cell_id"]))] = len(expected)
            expected.append([float(feature[name]) for name in self._fields])
            percentile.append(float(feature["percentile"]) if "percentile" in there else np.nan)
            self._texts.append((_text(feature, "district"), _text(feature, "reasons")))
        self._expected = np.array(expected, dtype=np.float64).reshape(len(expected), len(self._fields))
        self._percentile = np.array(percentile)
        districts = np.array([district for district, _ in self._texts])
        self._means = {name: self._expected[districts == name].mean(axis=0) for name in set(districts.tolist())}

    def here(self, cell: Cell) -> Here | None:
        """What the forecast says of a cell; None outside of it."""
        row = self._rows.get(cell)
        if row is None:
            return None
        district, reasons = self._texts[row]
        mean = self._means[district]
        risks = [
            Risk(name, float(value), float(value / average) if average > 0 else 1.0)
            for name, value, average in zip(self._names, self._expected[row], mean)
        ]
        risks.sort(key=lambda risk: -risk.times)
        return Here(district, float(self._percentile[row]), tuple(risks), reasons)


class ShiftMissions:
    """What the missions of a shift say of their cells, read once."""

    def __init__(self, layer: QgsVectorLayer, size_m: float, shift: str, start: QDateTime) -> None:
        self._told: dict[Cell, tuple[str, str]] = {}
        for feature in layer.getFeatures(_request(shift, start, shapes=True)):
            told = _text(feature, "reasons"), _text(feature, "tactic")
            for cell in cells_of(feature, size_m):
                self._told.setdefault(cell, told)

    def at(self, cell: Cell) -> tuple[str, str]:
        """Reasons and tactic of a cell's mission; empty where there is none, or it does not say."""
        return self._told.get(cell, ("", ""))


def _text(feature: QgsFeature, name: str) -> str:
    """A text, empty where the layer has no such field or no value in it."""
    value = feature[name] if feature.fields().lookupField(name) >= 0 else None
    return "" if value in (None, NULL) else str(value)


def _running(layer: QgsVectorLayer, now: QDateTime) -> tuple[str, QDateTime, QDateTime]:
    """Name, start and end of the shift that runs, else of the next one, else of the last one."""
    request = QgsFeatureRequest().setFlags(QgsFeatureRequest.Flag.NoGeometry)
    request.setSubsetOfAttributes(["shift", "start", "end"], layer.fields())
    starts = sorted(layer.uniqueValues(layer.fields().lookupField("start")), key=as_utc)
    best: tuple[str, QDateTime, QDateTime] | None = None
    for start in starts:
        moment = as_utc(start)
        wanted = QgsFeatureRequest(request).setFilterExpression(starts_at(moment)).setLimit(1)
        for feature in layer.getFeatures(wanted):
            best = (str(feature["shift"]), moment, as_utc(feature["end"]))
        if best is not None and best[2] > now:
            break
    return best or ("", now, now)


def _request(shift: str, start: QDateTime, *, shapes: bool = False) -> QgsFeatureRequest:
    named = QgsExpression.createFieldEqualityExpression("shift", shift)
    request = QgsFeatureRequest()
    if not shapes:
        request.setFlags(QgsFeatureRequest.Flag.NoGeometry)
    return request.setFilterExpression(f"{named} AND {starts_at(start)}")
