"""What training and forecasting are told about planned events: a layer of points with times."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

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
from patrol_missions.bridge.layers import read_points
from patrol_missions.bridge.sources import LayerSource
from patrol_missions.core.errors import InputError
from patrol_missions.core.tables import Table
from patrol_missions.processing_algorithms.days import moments, spelled
from patrol_missions.processing_algorithms.parameters import tr

_TIMES = (("start", "end"), ("start_local", "end_local"))
"""Names of the fields in UTC, and in the place's own time."""


def parameter(name: str) -> QgsProcessingParameterFeatureSource:
    """The parameter for planned events."""
    points = QgsProcessing.SourceType.TypeVectorPoint
    return QgsProcessingParameterFeatureSource(name, tr("Planned events"), [points], None, True)


def parameter_help() -> str:
    """Help of :func:`parameter`."""
    return tr(
        "Points of games, concerts, markets and the like, past and to come, with the fields start and end (UTC), or "
        "start_local and end_local (the place's own time), and, if there is one, reach_m: how far an event is felt, in "
        "metres (500 where blank). The list must be as complete for the past as for the coming shifts."
    )


def source_of(
    algorithm: QgsProcessingAlgorithm, parameters: dict[str, Any], name: str, context: QgsProcessingContext
) -> LayerSource | None:
    """The layer, if one is given; a sentence for a layer that cannot be one of events."""
    if not parameters.get(name):
        return None
    source = LayerSource.from_parameter(algorithm, parameters, name, context)
    if QgsWkbTypes.geometryType(source.wkb_type) != QgsWkbTypes.GeometryType.PointGeometry:
        raise InputError(
            tr("Layer “{layer}” has no points that say where its events take place.").format(layer=source.name),
            tr("Choose a layer of points, or leave the planned events blank."),
        )
    check_times(source, tr("Layer “{layer}” does not say when its events take place."))
    return source


def times_of(there: Collection[str]) -> tuple[str, str] | None:
    """The fields that tell begin and end, of those that are there (in small letters): in UTC, else in local time."""
    return next((pair for pair in _TIMES if all(field in there for field in pair)), None)


def check_times(source: LayerSource, sentence: str) -> None:
    """Raise the sentence for a layer without fields that tell begin and end."""
    if times_of(spelled(source)) is None:
        raise InputError(
            sentence.format(layer=source.name),
            tr("It needs the fields start and end (UTC), or start_local and end_local."),
        )


def read(
    source: LayerSource,
    crs: QgsCoordinateReferenceSystem,
    transforms: QgsCoordinateTransformContext,
    feedback: QgsProcessingFeedback,
) -> Table:
    """The events, as the engine takes them."""
    there = spelled(source)
    times = times_of(there) or ()
    fields = {field: (there[field], As.TIME) for field in times}
    if "reach_m" in there:
        fields["reach_m"] = (there["reach_m"], As.NUMBER)
    found = read_points(source, fields, crs, transforms, feedback)
    kept = {name: found[name] for name in ("x", "y", "reach_m") if name in found}
    return Table({**kept, **{field: moments(found[field], source.name, field) for field in times}})
