"""What algorithms that use a trained model are given: the model, and what it learned from, again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from qgis.core import (
    QgsProcessing,
    QgsProcessingContext,
    QgsProcessingParameterFeatureSource,
    QgsProcessingParameterFile,
)

from patrol_missions.processing_algorithms import checks, days, events, visits
from patrol_missions.processing_algorithms import parameters as shared
from patrol_missions.processing_algorithms.base import PatrolAlgorithm
from patrol_missions.processing_algorithms.parameters import tr

MODEL = "MODEL"
GRID = "GRID"
INCIDENTS = "INCIDENTS"


def add(algorithm: PatrolAlgorithm, model_help: str, incidents_help: str) -> None:
    """Declare them.

    :param model_help: which model is wanted
    :param incidents_help: which incidents are wanted
    """
    polygons, points = QgsProcessing.SourceType.TypeVectorPolygon, QgsProcessing.SourceType.TypeVectorPoint
    file = QgsProcessingParameterFile.Behavior.File
    algorithm.add(QgsProcessingParameterFile(MODEL, tr("Model bundle"), file, "zip"), model_help)
    algorithm.add(
        QgsProcessingParameterFeatureSource(GRID, tr("Grid"), [polygons]),
        tr("The grid that the model was trained on."),
    )
    algorithm.add(QgsProcessingParameterFeatureSource(INCIDENTS, tr("Clean incidents"), [points]), incidents_help)
    algorithm.add(shared.indicators("INDICATORS"), tr("The layers that the model was trained with."))
    algorithm.add(shared.kind_field("KIND_FIELD"), shared.kind_field_help())
    algorithm.add(
        shared.indicator_fields("INDICATOR_FIELDS", GRID),
        tr("The fields of the grid that the model was trained with."),
    )
    algorithm.add(days.weather("WEATHER"), days.weather_help())
    algorithm.add(
        days.terms("SCHOOL_TERMS"),
        tr(
            "Table with the first and last day of every school term, past and to come, in its fields start and end. "
            "Left blank, the terms are those that the model was trained with."
        ),
    )
    algorithm.add(events.parameter("EVENTS"), events.parameter_help())
    algorithm.add(visits.parameter("VISITS"), visits.parameter_help())


def problem(algorithm: PatrolAlgorithm, parameters: dict[str, Any], context: QgsProcessingContext) -> str:
    """Why they cannot work, or an empty text."""
    grid = algorithm.source(parameters, GRID, context)
    return (
        checks.model_problem(Path(algorithm.parameterAsFile(parameters, MODEL, context)))
        or checks.history_problem(grid, algorithm.source(parameters, INCIDENTS, context), context.transformContext())
        or checks.indicators_problem(algorithm, parameters, grid, context)
    )
