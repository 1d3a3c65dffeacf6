"""Checks that several algorithms share; each answers with the user's sentence, or an empty text when all is well."""

from __future__ import annotations

import math
import zipfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from qgis.core import (
    QgsCoordinateReferenceSystem,
    QgsCoordinateTransform,
    QgsCoordinateTransformContext,
    QgsCsException,
    QgsFeatureRequest,
    QgsProcessingAlgorithm,
    QgsProcessingContext,
    QgsProcessingFeatureSource,
    QgsRectangle,
    QgsUnitTypes,
)
from qgis.PyQt.QtCore import QCoreApplication

from patrol_missions.core import withheld
from patrol_missions.core.errors import InputError
from patrol_missions.core.grid import parse_cell_id
from patrol_missions.core.names import EXPECTED

GRID_FIELDS = ("cell_id", "col", "row", "district", "share_inside")
"""Fields that Build grid writes and everything after it reads."""
INCIDENT_FIELDS = ("category", "start", "end", "reported", "time_known")
"""Fields of clean incidents that training and forecasting read."""
FORECAST_FIELDS = ("cell_id", "district", "shift", "shift_date", "start", "end", "harm", "rank", "percentile")
"""Fields that tell a forecast layer."""


def tr(text: str) -> str:
    """The text in the user's language."""
    return QCoreApplication.translate("PatrolChecks", text)


def suggested_crs(
    crs: QgsCoordinateReferenceSystem, extent: QgsRectangle, transforms: QgsCoordinateTransformContext
) -> str:
    """EPSG code of the UTM zone (WGS 84) that holds an extent's centre; empty where that cannot be told."""
    if not crs.isValid() or extent.isNull() or not extent.isFinite():
        return ""
    try:
        to_degrees = QgsCoordinateTransform(crs, QgsCoordinateReferenceSystem("EPSG:4326"), transforms)
        centre = to_degrees.transform(extent.center())
    except QgsCsException:
        return ""
    if not (-180.0 <= centre.x() <= 180.0 and -80.0 <= centre.y() <= 84.0):
        return ""
    zone = min(math.floor((centre.x() + 180.0) / 6.0) + 1, 60)
    return f"EPSG:{(32600 if centre.y() >= 0 else 32700) + zone}"


def metre_problem(crs: QgsCoordinateReferenceSystem, subject: str, suggestion: str) -> str:
    """Why squares in metres cannot be laid out in a CRS.

    :param crs: a valid CRS
    :param subject: who has it, to begin the sentence with
    :param suggestion: a CRS that would do, or an empty text
    """
    if not crs.isGeographic() and crs.mapUnits() == QgsUnitTypes.DistanceUnit.DistanceMeters:
        return ""
    unit = tr("degrees") if crs.isGeographic() else QgsUnitTypes.toString(crs.mapUnits())
    remedy = (
        tr("choose {code} as the grid CRS").format(code=suggestion)
        if suggestion
        else tr("choose a projected CRS in metres that suits the place as the grid CRS")
    )
    return tr("{subject} is in {unit} ({crs}), and cells are squares in metres: {remedy}.").format(
        subject=subject, unit=unit, crs=crs.authid() or crs.description(), remedy=remedy
    )


def crs_problem(source: QgsProcessingFeatureSource, transforms: QgsCoordinateTransformContext) -> str:
    """Why squares in metres cannot be laid out in a layer's CRS."""
    crs, layer = source.sourceCrs(), tr("Layer “{layer}”").format(layer=source.sourceName())
    if not crs.isValid():
        return tr("{subject} has no coordinate reference system: set it in the layer's properties.").format(
            subject=layer
        )
    return metre_problem(crs, layer, suggested_crs(crs, source.sourceExtent(), transforms))


def fields_problem(source: QgsProcessingFeatureSource, wanted: tuple[str, ...], made_by: str) -> str:
    """Which of the fields that a step relies on a layer lacks."""
    missing = [name for name in wanted if source.fields().lookupField(name) < 0]
    if not missing:
        return ""
    return tr("Layer “{layer}” has no field {fields}: choose a layer made by {algorithm}.").format(
        layer=source.sourceName(), fields=", ".join(f"“{name}”" for name in missing), algorithm=made_by
    )


def empty_problem(source: QgsProcessingFeatureSource) -> str:
    """Whether a layer has nothing in it (layers that do not know how much they hold pass)."""
    if source.featureCount() != 0:
        return ""
    return tr("Layer “{layer}” is empty.").format(layer=source.sourceName())


def grid_problem(source: QgsProcessingFeatureSource, transforms: QgsCoordinateTransformContext) -> str:
    """Why a layer cannot serve as the grid."""
    return (
        fields_problem(source, GRID_FIELDS, tr("Build grid"))
        or empty_problem(source)
        or crs_problem(source, transforms)
    )


def withheld_problem(names: Iterable[str]) -> str:
    """Which of some fields, layers or kinds must not steer patrols, and why."""
    for name in names:
        told = withheld.reason(name)
        if told:
            return tr("“{name}” is about {what}, which may not steer patrols: leave it out.").format(
                name=name, what=told
            )
    return ""


def numbers_problem(source: QgsProcessingFeatureSource, fields: Sequence[str]) -> str:
    """Which of some fields a layer lacks, or are no numbers, or must not steer patrols."""
    for name in fields:
        place = source.fields().lookupField(name)
        if place < 0:
            return tr("Layer “{layer}” has no field “{field}”.").format(layer=source.sourceName(), field=name)
        if not source.fields().at(place).isNumeric():
            return tr("Field “{field}” of layer “{layer}” holds no numbers: choose numeric fields.").format(
                layer=source.sourceName(), field=name
            )
    return withheld_problem(fields)


def indicators_problem(
    algorithm: QgsProcessingAlgorithm,
    parameters: dict[str, Any],
    grid: QgsProcessingFeatureSource,
    context: QgsProcessingContext,
) -> str:
    """Why the parameters KIND_FIELD and INDICATOR_FIELDS cannot be used."""
    fields = algorithm.parameterAsFields(parameters, "INDICATOR_FIELDS", context)
    own = [name for name in fields if name.lower() in (*GRID_FIELDS, "fid")]
    if own:
        return tr("Field “{field}” of the grid is no indicator: leave it out of the indicator fields.").format(
            field=own[0]
        )
    kind = algorithm.parameterAsString(parameters, "KIND_FIELD", context)
    return withheld_problem([kind]) or numbers_problem(grid, fields)


def history_problem(
    grid: QgsProcessingFeatureSource, incidents: QgsProcessingFeatureSource, transforms: QgsCoordinateTransformContext
) -> str:
    """Why a grid and clean incidents cannot be learned or forecast from."""
    return (
        grid_problem(grid, transforms)
        or fields_problem(incidents, INCIDENT_FIELDS, tr("Check incidents"))
        or empty_problem(incidents)
    )


def forecast_problem(forecast: QgsProcessingFeatureSource) -> str:
    """Why a layer cannot serve as the forecast."""
    sentence = fields_problem(forecast, FORECAST_FIELDS, tr("Forecast risk")) or empty_problem(forecast)
    if sentence or any(name.startswith(EXPECTED) for name in forecast.fields().names()):
        return sentence
    return tr("Layer “{layer}” has no field of expected incidents: choose a layer made by {algorithm}.").format(
        layer=forecast.sourceName(), algorithm=tr("Forecast risk")
    )


def model_problem(path: Path) -> str:
    """Why a file cannot be a model bundle; whether it is one the engine knows."""
    if not path.is_file():
        return tr("The model bundle {file} does not exist.").format(file=path)
    if not zipfile.is_zipfile(path):
        return tr("The file {file} is no model bundle: choose a zip file made by {algorithm}.").format(
            file=path, algorithm=tr("Train model")
        )
    return ""


def cell_size_m(source: QgsProcessingFeatureSource) -> float:
    """Side of the cells in metres, read from the first; :class:`InputError` when it is not one of our grids.

    Missions in drawn boxes are no cells, and are passed over.
    """
    request = QgsFeatureRequest()
    if source.fields().lookupField("box") >= 0:
        request.setFilterExpression("coalesce(\"box\", '') = ''")
    for feature in source.getFeatures(request):
        column, _row = parse_cell_id(feature["cell_id"])
        box = feature.geometry().boundingBox()
        size = round(box.width(), 6)
        if size > 0 and math.isclose(box.xMinimum(), column * size, rel_tol=0, abs_tol=size * 1e-3):
            return size
        break
    raise InputError(
        tr("The first cell of layer “{layer}” is not the square that its cell id names.").format(
            layer=source.sourceName()
        ),
        tr("Build the grid again with Build grid; do not edit or reproject it."),
    )
