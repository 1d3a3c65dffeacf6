"""Forecast risk: expected incidents and harm of every cell in the next shifts."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from qgis.core import (
    QgsProcessing,
    QgsProcessingContext,
    QgsProcessingFeedback,
    QgsProcessingOutputString,
    QgsProcessingParameterDateTime,
    QgsProcessingParameterFeatureSink,
    QgsProcessingParameterNumber,
)

from patrol_missions.core.jobs import Job
from patrol_missions.core.tables import Table
from patrol_missions.processing_algorithms import history, model_inputs
from patrol_missions.processing_algorithms import parameters as shared
from patrol_missions.processing_algorithms.base import PatrolAlgorithm, cell_layer
from patrol_missions.processing_algorithms.layer_styles import style_forecast
from patrol_missions.processing_algorithms.progress import PartialFeedback


class ForecastRiskAlgorithm(PatrolAlgorithm):
    """A model bundle and the latest incidents to a forecast layer."""

    GROUP = "forecasting"

    MODEL = "MODEL"
    GRID = "GRID"
    INCIDENTS = "INCIDENTS"
    INDICATORS = "INDICATORS"
    KIND_FIELD = "KIND_FIELD"
    INDICATOR_FIELDS = "INDICATOR_FIELDS"
    WEATHER = "WEATHER"
    SCHOOL_TERMS = "SCHOOL_TERMS"
    EVENTS = "EVENTS"
    VISITS = "VISITS"
    START = "START"
    SHIFT_COUNT = "SHIFT_COUNT"
    WEIGHTS_PRESET = "WEIGHTS_PRESET"
    WEIGHTS = "WEIGHTS"
    OUTPUT = "OUTPUT"
    FIRST_START = "FIRST_START"

    def name(self) -> str:
        """The algorithm's id."""
        return "forecastrisk"

    def displayName(self) -> str:  # noqa: N802 - QGIS's name
        """The algorithm's name for people."""
        return self.tr("Forecast risk")

    def shortDescription(self) -> str:  # noqa: N802 - QGIS's name
        """One line on what it does."""
        return self.tr("Gives the expected incidents and harm of every cell in the next shifts.")

    def keywords(self) -> str:
        """Words that find it."""
        return self.tr("forecast,risk,prediction,harm,hot spots,shifts,expected,crime,temporal,severity,weights")

    def help_text(self) -> str:
        """What it does and gives."""
        return self.tr(
            "<p>One square per cell and shift, with the expected incidents of each category, the harm (expected "
            "incidents times what one of them counts), its rank and percentile within the shift, the peak hours and "
            "the reasons.</p><p>The map shows the first shift; QGIS's temporal controller plays the others.</p>"
            "<p>These are long-run averages of places and hours. They say nothing about any person.</p>"
        )

    def initAlgorithm(self, configuration: dict[str, Any] | None = None) -> None:  # noqa: N802 - QGIS's name
        """Declare inputs and outputs."""
        model_inputs.add(
            self,
            self.tr("Model made by Train model."),
            self.tr("Incidents made by Check incidents, up to now: the latest ones matter most."),
        )
        self.add(
            QgsProcessingParameterDateTime(
                self.START, self.tr("Start"), QgsProcessingParameterDateTime.Type.DateTime, None, True
            ),
            self.tr(
                "The first shift is the first that starts then or later. Left blank, that is from now on, or after the "
                "last incident when the history ended weeks ago. A time without a zone is in this computer's time zone."
            ),
        )
        integer = QgsProcessingParameterNumber.Type.Integer
        self.add(
            QgsProcessingParameterNumber(self.SHIFT_COUNT, self.tr("Number of shifts"), integer, 21, False, 1, 400),
            self.tr("How many shifts to forecast; 21 are a week of three shifts a day."),
        )
        self.add(
            shared.preset(self.WEIGHTS_PRESET),
            self.tr(
                "Published severity of one incident of each category: society's cost in dollars (RAND), days of prison "
                "(in the manner of the Cambridge Crime Harm Index, approximate), or the cost of the police's work. "
                "Each is multiplied with the share of such incidents that visible patrol can deter."
            ),
        )
        self.add(shared.weights(self.WEIGHTS), shared.weights_help(), advanced=True)
        self.add(
            QgsProcessingParameterFeatureSink(
                self.OUTPUT, self.tr("Risk forecast"), QgsProcessing.SourceType.TypeVectorPolygon
            ),
            self.tr(
                "Cells per shift with start and end (UTC), expected incidents, harm, rank, percentile and reasons."
            ),
        )
        self.add_outputs(QgsProcessingOutputString(self.FIRST_START, self.tr("Start of the first shift (UTC)")))

    def problem(self, parameters: dict[str, Any], context: QgsProcessingContext) -> str:
        """Layers and files that cannot work."""
        shared.weight_rows(parameters.get(self.WEIGHTS))
        return model_inputs.problem(self, parameters, context)

    def prepare(
        self, parameters: dict[str, Any], context: QgsProcessingContext, feedback: QgsProcessingFeedback
    ) -> None:
        """Take hold of the layers."""
        self._sources = history.Sources.of(self, parameters, context)
        self.styled(self.OUTPUT, style_forecast)

    def process(
        self, parameters: dict[str, Any], context: QgsProcessingContext, feedback: QgsProcessingFeedback
    ) -> dict[str, Any]:
        """Read, forecast, write."""
        feedback.setProgressText(self.tr("Reading the incidents"))
        read = history.read(self._sources, feedback, 0.2)
        job = Job(
            "forecast_risk",
            {
                "model": str(Path(self.parameterAsFile(parameters, self.MODEL, context)).absolute()),
                "cell_size_m": read.cell_size_m,
                "shift_count": self.parameterAsInt(parameters, self.SHIFT_COUNT, context),
                "start": shared.iso_utc(self.parameterAsDateTime(parameters, self.START, context)),
                "weights": shared.weight_rows(parameters.get(self.WEIGHTS)),
                "weights_preset": shared.PRESETS[self.parameterAsEnumString(parameters, self.WEIGHTS_PRESET, context)],
                "indicators": read.indicators,
                "indicator_fields": read.indicator_fields,
            },
            read.tables,
        )
        result = self.run_job(job, feedback, span=(0.2, 0.6))
        feedback.setProgressText(self.tr("Writing the forecast"))
        table = result.tables["forecast"]
        zone = {"time_zone": np.zeros(len(table), dtype=np.int32)}
        table = Table({**table.columns, **zone}, {**table.labels, "time_zone": (result.values["time_zone"],)})
        # Every cell comes once a shift, so a spatial index finds little and takes as long to make as the layer itself.
        content = replace(cell_layer(table, read.cell_size_m, read.crs), indexed=False)
        output = self.write_layer(parameters, self.OUTPUT, context, content, PartialFeedback(feedback, 0.6, 1.0))
        return {self.OUTPUT: output, self.FIRST_START: result.values["start"]}
