"""Allocate missions: a metered, random choice of cells per district and shift, by the published law."""

from __future__ import annotations

from typing import Any

from qgis.core import (
    QgsProcessing,
    QgsProcessingContext,
    QgsProcessingOutputNumber,
    QgsProcessingParameterFeatureSink,
    QgsProcessingParameterFeatureSource,
    QgsProcessingParameterMatrix,
    QgsProcessingParameterNumber,
)

from patrol_missions.processing_algorithms import checks
from patrol_missions.processing_algorithms import parameters as shared
from patrol_missions.processing_algorithms.base import PatrolAlgorithm

AS_IN_FORECAST = "As in the forecast"
"""The choice that keeps the forecast's own harm (stored in models and scripts)."""


class AllocateMissionsAlgorithm(PatrolAlgorithm):
    """A forecast layer to missions."""

    GROUP = "missions"

    FORECAST = "FORECAST"
    MISSIONS_PER_DISTRICT = "MISSIONS_PER_DISTRICT"
    QUOTAS = "QUOTAS"
    WEIGHTS_PRESET = "WEIGHTS_PRESET"
    WEIGHTS = "WEIGHTS"
    HARM_KEPT = "HARM_KEPT"
    DOSE_MINUTES = "DOSE_MINUTES"
    TIME_ZONE = "TIME_ZONE"
    SEED = "SEED"
    OUTPUT = "OUTPUT"
    SUMMARY = "SUMMARY"
    MISSIONS = "MISSIONS"

    def name(self) -> str:
        """The algorithm's id."""
        return "allocatemissions"

    def displayName(self) -> str:  # noqa: N802 - QGIS's name
        """The algorithm's name for people."""
        return self.tr("Allocate missions")

    def shortDescription(self) -> str:  # noqa: N802 - QGIS's name
        """One line on what it does."""
        return self.tr("Chooses patrol missions per district and shift, at random by a published law.")

    def keywords(self) -> str:
        """Words that find it."""
        return self.tr("missions,patrol,allocate,plan,random,inclusion probability,dose,districts,quota,hot spots")

    def help_text(self) -> str:
        """What it does and gives."""
        return self.tr(
            "<p>Chooses the cells to patrol in each district and shift. Cells are drawn at random with known "
            "probabilities that favour harm, so that patrols are not predictable, more places are reached, and their "
            "effect can be measured; <i>Harm kept</i> says how much harm the draw must cover on average, compared with "
            "always taking the highest cells.</p>"
            "<p>Each mission tells its main categories, when in the shift to go, for how long, why, and with which "
            "probability it was drawn. The same seed gives the same plan.</p>"
        )

    def initAlgorithm(self, configuration: dict[str, Any] | None = None) -> None:  # noqa: N802 - QGIS's name
        """Declare inputs and outputs."""
        self.add(
            QgsProcessingParameterFeatureSource(
                self.FORECAST, self.tr("Risk forecast"), [QgsProcessing.SourceType.TypeVectorPolygon]
            ),
            self.tr("Forecast made by Forecast risk, of one or more shifts."),
        )
        self._add_numbers()
        self._add_weights()
        self.add(
            QgsProcessingParameterFeatureSink(
                self.OUTPUT, self.tr("Missions"), QgsProcessing.SourceType.TypeVectorPolygon
            ),
            self.tr(
                "The chosen cells, with order, patrol window, dose, categories, reasons and inclusion probability."
            ),
        )
        self.add(
            QgsProcessingParameterFeatureSink(
                self.SUMMARY, self.tr("Plan summary"), QgsProcessing.SourceType.TypeVector, None, True
            ),
            self.tr("Table with a row per shift and district: missions, and the share of harm that the draw keeps."),
        )
        self.add_outputs(QgsProcessingOutputNumber(self.MISSIONS, self.tr("Number of missions")))

    def _add_numbers(self) -> None:
        integer, real = QgsProcessingParameterNumber.Type.Integer, QgsProcessingParameterNumber.Type.Double
        self.add(
            QgsProcessingParameterNumber(
                self.MISSIONS_PER_DISTRICT, self.tr("Missions per district and shift"), integer, 3, False, 0, 1000
            ),
            self.tr("How many cells each district gets in each shift."),
        )
        headers = [self.tr("District"), self.tr("Missions")]
        self.add(
            QgsProcessingParameterMatrix(self.QUOTAS, self.tr("Missions by district"), 0, False, headers, [], True),
            self.tr("Districts with another number of missions, as rows of district and number."),
        )
        self.add(
            QgsProcessingParameterNumber(self.HARM_KEPT, self.tr("Harm kept (%)"), real, 90.0, False, 1.0, 100.0),
            self.tr(
                "Harm covered on average, as a share of what the highest cells would cover. Lower reaches more places "
                "and is harder to predict; 100 always takes the highest cells."
            ),
        )
        self.add(
            QgsProcessingParameterNumber(
                self.DOSE_MINUTES, self.tr("Minutes per mission"), real, 15.0, False, 1.0, 480.0
            ),
            self.tr(
                "How long a visit should last. Studies of patrol at hot spots found about 15 minutes to do the most."
            ),
        )
        self.add(
            QgsProcessingParameterNumber(self.SEED, self.tr("Seed"), integer, 1, False, 0, 2**31 - 1),
            self.tr("The same seed on the same forecast gives the same plan; take another for another draw."),
        )

    def _add_weights(self) -> None:
        self.add(
            shared.preset(self.WEIGHTS_PRESET, (AS_IN_FORECAST,)),
            self.tr("What one incident of each category counts; “As in the forecast” keeps the forecast's harm."),
            advanced=True,
        )
        self.add(shared.weights(self.WEIGHTS), shared.weights_help(), advanced=True)

    def problem(self, parameters: dict[str, Any], context: QgsProcessingContext) -> str:
        """Layers and tables that cannot work."""
        shared.weight_rows(parameters.get(self.WEIGHTS))
        shared.quota_rows(parameters.get(self.QUOTAS))
        return checks.forecast_problem(self.source(parameters, self.FORECAST, context))
