"""What the forecast and the incidents say of one cell, and the reasons that the engine gave, ready to be shown."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from qgis.core import (
    NULL,
    QgsCoordinateTransform,
    QgsCsException,
    QgsExpression,
    QgsFeature,
    QgsFeatureRequest,
    QgsGeometry,
    QgsPointXY,
    QgsProject,
    QgsVectorLayer,
)
from qgis.PyQt.QtCore import QDateTime, Qt

from patrol_missions.core.grid import cell_id, columns_rows
from patrol_missions.core.names import EXPECTED, expected_fields, slug
from patrol_missions.gui.missions import ShiftInstance, as_utc

RECENT_DAYS = 28


@dataclass(frozen=True)
class Cell:
    """A cell of the forecast.

    ``expected`` is incidents per shift and field, in the order of ``shifts``; ``average`` the same for the mean cell of
    its district.
    """

    cell_id: str
    district: str
    shape: QgsGeometry
    size_m: float
    shifts: Sequence[ShiftInstance]
    fields: Sequence[str]
    expected: Sequence[Sequence[float]]
    average: Sequence[Sequence[float]]
    top: Sequence[str]


@dataclass(frozen=True)
class Reason:
    """One reason: its short name, the fact, the factor on expected incidents, its share of all reasons (0 to 100)."""

    name: str
    text: str
    effect: float
    share: float


@dataclass(frozen=True)
class Reasons:
    """The reasons of one shift and category, the strongest first."""

    expected: float
    average: float
    by_baseline: bool
    listed: Sequence[Reason]


@dataclass(frozen=True)
class Incident:
    """An incident near the cell."""

    start: QDateTime
    time_known: bool
    distance_m: float


def find_cell(layer: QgsVectorLayer, point: QgsPointXY) -> Cell | None:
    """The cell at a point in the layer's CRS, None outside of all; every cell comes once a shift."""
    first = next(layer.getFeatures(QgsFeatureRequest().setLimit(1)), None)
    if first is None or first.geometry().isNull():
        return None
    size = round(first.geometry().boundingBox().width(), 6)
    columns, rows = columns_rows([point.x()], [point.y()], size)
    name = cell_id(int(columns[0]), int(rows[0]))
    request = QgsFeatureRequest().setFilterExpression(f'"cell_id" = {QgsExpression.quotedString(name)}')
    found = sorted(layer.getFeatures(request), key=lambda f: (as_utc(f["start"]), str(f["shift"])))
    if not found:
        return None
    fields = [field.name() for field in layer.fields() if field.name().startswith(EXPECTED)]
    shifts = [_shift(feature) for feature in found]
    district = _text(found[0]["district"])
    means = _district_means(layer, district, fields)
    return Cell(
        name, district, QgsGeometry(found[0].geometry()), size, shifts, fields,
        [[_number(feature[name]) for name in fields] for feature in found],
        [means.get(shift.key(), [math.nan] * len(fields)) for shift in shifts],
        [_text(feature["top_category"]) for feature in found],
    )  # fmt: skip


def labels_of(forecast: QgsVectorLayer, incidents: QgsVectorLayer | None, fields: Sequence[str]) -> list[str]:
    """What people call the category of each field of expected incidents, as the layers tell."""
    told = set(forecast.uniqueValues(forecast.fields().lookupField("top_category")))
    if incidents is not None:
        told |= incidents.uniqueValues(incidents.fields().lookupField("category"))
    known = {EXPECTED + slug(_text(label)): _text(label) for label in told if _text(label)}
    return [known.get(name) or name[len(EXPECTED) :].replace("_", " ").capitalize() for name in fields]


def read_reasons(table: QgsVectorLayer) -> dict[tuple[tuple[str, str], str], Reasons]:
    """Reasons by shift and field of expected incidents, from a table made by Explain forecast."""
    rows: dict[tuple[tuple[str, str], str], list[QgsFeature]] = {}
    for feature in table.getFeatures():
        rows.setdefault((_shift(feature).key(), str(feature["category"])), []).append(feature)
    fields = expected_fields(dict.fromkeys(category for _, category in rows))
    return {
        (shift, fields[category]): Reasons(
            float(features[0]["expected"]),
            float(features[0]["average"]),
            str(features[0]["forecast_by"]) != "LightGBM",
            [Reason(str(f["reason"]), str(f["text"]), float(f["effect"]), float(f["share"])) for f in features],
        )
        for (shift, category), features in rows.items()
    }


def recent_incidents(layer: QgsVectorLayer, cell: Cell, forecast: QgsVectorLayer, category: str) -> list[Incident]:
    """Incidents of a category in the cell and the eight around it in the days before the forecast, newest first."""
    before = min(shift.start for shift in cell.shifts)
    since = before.addDays(-RECENT_DAYS)
    box = cell.shape.boundingBox()
    box.grow(cell.size_m * 0.999)
    context = QgsProject.instance().transformContext()
    there = QgsCoordinateTransform(forecast.crs(), layer.crs(), context)
    back = QgsCoordinateTransform(layer.crs(), forecast.crs(), context)
    try:
        request = QgsFeatureRequest(there.transformBoundingBox(box))
    except QgsCsException:  # the incidents' CRS does not reach there
        return []
    request.setFilterExpression(f'"category" = {QgsExpression.quotedString(category)}')
    middle = cell.shape.boundingBox().center()
    found = []
    for feature in layer.getFeatures(request):
        start = as_utc(feature["start"])
        point = back.transform(feature.geometry().asPoint())
        if since <= start <= before and box.contains(point):
            found.append(Incident(start, bool(feature["time_known"]), middle.distance(point)))
    return sorted(found, key=lambda each: each.start, reverse=True)


def _district_means(layer: QgsVectorLayer, district: str, fields: Sequence[str]) -> dict[tuple[str, str], list[float]]:
    """Mean expected incidents per cell of a district, by shift."""
    request = QgsFeatureRequest().setFlags(QgsFeatureRequest.Flag.NoGeometry)
    request.setSubsetOfAttributes(["district", "shift", "shift_date", *fields], layer.fields())
    where = f'"district" = {QgsExpression.quotedString(district)}' if district else '"district" is null'
    sums: dict[tuple[str, str], list[float]] = {}
    counts: dict[tuple[str, str], int] = {}
    for feature in layer.getFeatures(request.setFilterExpression(where)):
        key = _text(feature["shift"]), _date(feature)
        sums[key] = [total + _number(feature[name]) for total, name in zip(sums.get(key, [0.0] * len(fields)), fields)]
        counts[key] = counts.get(key, 0) + 1
    return {key: [total / counts[key] for total in totals] for key, totals in sums.items()}


def _shift(feature: QgsFeature) -> ShiftInstance:
    return ShiftInstance(_text(feature["shift"]), _date(feature), as_utc(feature["start"]), as_utc(feature["end"]))


def _date(feature: QgsFeature) -> str:
    return str(feature["shift_date"].toString(Qt.DateFormat.ISODate))[:10]


def _text(value: object) -> str:
    return "" if value is None or value == NULL else str(value)


def _number(value: object) -> float:
    return 0.0 if value is None or value == NULL else float(value)  # type: ignore[arg-type]
