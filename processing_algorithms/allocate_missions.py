"""Allocate missions: a metered, random choice of cells per district and shift, by the published law."""

from __future__ import annotations

from typing import Any

from qgis.core import (
    QgsProcessing,
    QgsProcessingContext,
    QgsProcessingFeedback,
    QgsProcessingOutputNumber,
    QgsProcessingParameterFeatureSink,
    QgsProcessingParameterFeatureSource,
    QgsProcessingParameterMatrix,
    QgsProcessingParameterNumber,
    QgsProcessingParameterString,
)

from patrol_missions.bridge.sources import LayerSource
from patrol_missions.core.jobs import Job
from patrol_missions.processing_algorithms import checks
from patrol_missions.processing_algorithms import parameters as shared
from patrol_missions.processing_algorithms.base import LayerContent, PatrolAlgorithm, cell_layer, in_order
from patrol_missions.processing_algorithms.forecast_layer import category_labels, read_forecast
from patrol_missions.processing_algorithms.layer_styles import style_missions
from patrol_missions.processing_algorithms.progress import PartialFeedback

AS_IN_FORECAST = "As in the forecast"
"""The choice that keeps the forecast's own harm (stored in models and scripts)."""

_FIRST = (
    "mission_id",
    "cell_id",
    "district",
    "shift",
    "shift_date",
    "order",
    "window",
    "dose_minutes",
    "top_categories",
    "purpose",
    "reasons",
    "inclusion_probability",
)
"""Fields of the missions that people look for, before the forecast's numbers."""


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
        self._add_clock()
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
                "and is harder to predict; 100 takes the highest cells as far as the 95 % ceiling on any one cell "
                "allows."
            ),
            decimals=1,
        )
        self.add(
            QgsProcessingParameterNumber(
                self.DOSE_MINUTES, self.tr("Minutes per mission"), real, 15.0, False, 1.0, 480.0
            ),
            self.tr(
                "How long a visit should last. Studies of patrol at hot spots found about 15 minutes to do the most."
            ),
            decimals=1,
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

    def _add_clock(self) -> None:
        self.add(
            QgsProcessingParameterString(self.TIME_ZONE, self.tr("Time zone"), None, False, True),
            self.tr("IANA name of the zone that patrol windows are told in. Left blank, it is the forecast's."),
            advanced=True,
        )

    def problem(self, parameters: dict[str, Any], context: QgsProcessingContext) -> str:
        """Layers and tables that cannot work."""
        shared.weight_rows(parameters.get(self.WEIGHTS))
        shared.quota_rows(parameters.get(self.QUOTAS))
        return checks.forecast_problem(self.source(parameters, self.FORECAST, context))

    def prepare(
        self, parameters: dict[str, Any], context: QgsProcessingContext, feedback: QgsProcessingFeedback
    ) -> None:
        """Take hold of the layer."""
        self._forecast = LayerSource.from_parameter(self, parameters, self.FORECAST, context)
        self._size_m = checks.cell_size_m(self.source(parameters, self.FORECAST, context))
        self.styled(self.OUTPUT, style_missions)

    def process(
        self, parameters: dict[str, Any], context: QgsProcessingContext, feedback: QgsProcessingFeedback
    ) -> dict[str, Any]:
        """Read, draw, write."""
        feedback.setProgressText(self.tr("Reading the forecast"))
        forecast = read_forecast(self._forecast, PartialFeedback(feedback, 0.0, 0.4))
        chosen = self.parameterAsEnumString(parameters, self.WEIGHTS_PRESET, context)
        zone = self.parameterAsString(parameters, self.TIME_ZONE, context).strip()
        job = Job(
            "allocate_missions",
            {
                "missions_per_district": self.parameterAsInt(parameters, self.MISSIONS_PER_DISTRICT, context),
                "quotas": shared.quota_rows(parameters.get(self.QUOTAS)),
                "harm_kept": self.parameterAsDouble(parameters, self.HARM_KEPT, context) / 100.0,
                "ceiling": None,
                "dose_minutes": self.parameterAsDouble(parameters, self.DOSE_MINUTES, context),
                "seed": self.parameterAsInt(parameters, self.SEED, context),
                "weights": shared.weight_rows(parameters.get(self.WEIGHTS)),
                "weights_preset": shared.PRESETS.get(chosen),
                "labels": category_labels(forecast),
                "time_zone": zone or next(iter(forecast.labels.get("time_zone", ())), "UTC"),
            },
            {"forecast": forecast},
        )
        result = self.run_job(job, feedback, span=(0.4, 0.8))
        feedback.setProgressText(self.tr("Writing the missions"))
        missions = result.tables["missions"]
        content = cell_layer(missions, self._size_m, self._forecast.crs, _FIRST)
        output = self.write_layer(parameters, self.OUTPUT, context, content, PartialFeedback(feedback, 0.8, 0.95))
        allocation = result.tables["allocation"]
        content = LayerContent(allocation, in_order(allocation, ("district", "shift")))
        summary = self.write_layer(parameters, self.SUMMARY, context, content, PartialFeedback(feedback, 0.95, 1.0))
        return {self.OUTPUT: output, self.SUMMARY: summary, self.MISSIONS: len(missions)}
