"""What the algorithms that give trails share: the output, and how it is written."""

from __future__ import annotations

from typing import Any

from qgis.core import (
    QgsCoordinateReferenceSystem,
    QgsProcessing,
    QgsProcessingContext,
    QgsProcessingParameterFeatureSink,
    QgsWkbTypes,
)
from qgis.PyQt.QtCore import QCoreApplication

from patrol_missions.core.tables import Table
from patrol_missions.processing_algorithms import squares
from patrol_missions.processing_algorithms.base import LayerContent, PatrolAlgorithm
from patrol_missions.processing_algorithms.progress import PartialFeedback

TRAILS = "TRAILS"
_FIELDS = ("unit", "start", "end", "until")


def add_output(algorithm: PatrolAlgorithm) -> None:
    """Declare the layer."""
    algorithm.add(
        QgsProcessingParameterFeatureSink(TRAILS, tr("Trails"), QgsProcessing.SourceType.TypeVectorPoint, None, True),
        tr(
            "The positions themselves, at most one per unit in ten seconds, for QGIS’s temporal controller to play: "
            "each stays for ten minutes, fading. Keep the layer no longer than you may keep positions."
        ),
    )


def write(
    algorithm: PatrolAlgorithm,
    parameters: dict[str, Any],
    context: QgsProcessingContext,
    points: Table,
    feedback: PartialFeedback,
) -> str:
    """Write the layer; gives its destination."""
    shapes = squares.points(points["longitude"], points["latitude"])
    degrees = QgsCoordinateReferenceSystem("EPSG:4326")
    content = LayerContent(points, _FIELDS, QgsWkbTypes.Type.Point, degrees, shapes)
    return algorithm.write_layer(parameters, TRAILS, context, content, feedback)


def tr(text: str) -> str:
    """The text in the user's language."""
    return QCoreApplication.translate("Trails", text)
