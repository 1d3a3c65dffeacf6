"""What training and forecasting are told about patrol: visits as points, or as a table that names the cells."""

from __future__ import annotations

from typing import Any

import numpy as np
from qgis.core import (
    QgsCoordinateReferenceSystem,
    QgsCoordinateTransformContext,
    QgsProcessing,
    QgsProcessingAlgorithm,
    QgsProcessingContext,
    QgsProcessingFeedback,
    QgsProcessingParameterFeatureSource,
    QgsWkbTypes,
)

from patrol_missions.bridge.batches import As
from patrol_missions.bridge.layers import read_points, read_table
from patrol_missions.bridge.sources import LayerSource
from patrol_missions.core import grid
from patrol_missions.core.errors import InputError
from patrol_missions.core.tables import Table
from patrol_missions.processing_algorithms.days import moments, spelled
from patrol_missions.processing_algorithms.events import check_times, times_of
from patrol_missions.processing_algorithms.parameters import tr

_CELL = "cell_id"


def parameter(name: str) -> QgsProcessingParameterFeatureSource:
    """The parameter for visits."""
    return QgsProcessingParameterFeatureSource(
        name, tr("Visits of patrol"), [QgsProcessing.SourceType.TypeVector], None, True
    )


def parameter_help() -> str:
    """Help of :func:`parameter`."""
    return tr(
        "Stays of patrol in cells, as from vehicle location, with the fields start and end (UTC), or start_local and "
        "end_local (the place's own time): points, or a table without geometry with the field cell_id of the grid. A "
        "stay below two minutes counts as a pass, and not at all. No other field is read. The visits must be as "
        "complete for the past as for the last weeks; an empty layer says that nobody patrolled."
    )


def source_of(
    algorithm: QgsProcessingAlgorithm, parameters: dict[str, Any], name: str, context: QgsProcessingContext
) -> LayerSource | None:
    """The layer, if one is given; a sentence for a layer that cannot be one of visits."""
    if not parameters.get(name):
        return None
    source = LayerSource.from_parameter(algorithm, parameters, name, context)
    check_times(source, tr("Layer “{layer}” does not say when its visits were."))
    points = QgsWkbTypes.geometryType(source.wkb_type) == QgsWkbTypes.GeometryType.PointGeometry
    if not points and (source.is_spatial or _CELL not in spelled(source)):
        raise InputError(
            tr("Layer “{layer}” does not say where its visits were.").format(layer=source.name),
            tr("Choose a layer of points, or a table without geometry with the grid's field cell_id."),
        )
    return source


def read(
    source: LayerSource,
    crs: QgsCoordinateReferenceSystem,
    transforms: QgsCoordinateTransformContext,
    size_m: float,
    feedback: QgsProcessingFeedback,
) -> Table:
    """The visits, as the engine takes them; those of a table are in the middle of their cell."""
    there = spelled(source)
    times = times_of(there) or ()
    fields = {field: (there[field], As.TIME) for field in times}
    if source.is_spatial:
        found = read_points(source, fields, crs, transforms, feedback)
        x, y = found["x"], found["y"]
    else:
        found = read_table(source, {**fields, _CELL: (there[_CELL], As.LABEL)}, feedback)
        x, y = _middles(found, size_m)
    return Table({"x": x, "y": y, **{field: moments(found[field], source.name, field) for field in times}})


def _middles(found: Table, size_m: float) -> tuple[np.ndarray, np.ndarray]:
    """Centres of the cells named, NaN where none is."""
    cells = np.array([grid.parse_cell_id(name) for name in found.labels[_CELL]], dtype=np.float64).reshape(-1, 2)
    x, y = (np.append(each, np.nan)[found[_CELL]] for each in grid.centres(*cells.T, size_m))  # -1: none, the last
    return x, y
