"""Explain forecast: why cells are expected to have what the forecast says, in plain words."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from qgis.core import (
    QgsProcessing,
    QgsProcessingContext,
    QgsProcessingFeedback,
    QgsProcessingOutputNumber,
    QgsProcessingOutputString,
    QgsProcessingParameterFeatureSink,
    QgsProcessingParameterFeatureSource,
    QgsProcessingParameterNumber,
    QgsProcessingParameterString,
)

from patrol_missions.bridge.sources import LayerSource
from patrol_missions.core.errors import InputError
from patrol_missions.core.grid import cell_ids, parse_cell_id
from patrol_missions.core.jobs import Job
from patrol_missions.core.tables import Table
from patrol_missions.processing_algorithms import checks, history, model_inputs, squares
from patrol_missions.processing_algorithms.base import LayerContent, PatrolAlgorithm, in_order
from patrol_missions.processing_algorithms.forecast_layer import read_forecast
from patrol_missions.processing_algorithms.progress import PartialFeedback


class ExplainForecastAlgorithm(PatrolAlgorithm):
    """A forecast layer to a table of reasons."""

    GROUP = "forecasting"

    FORECAST = "FORECAST"
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
    CELLS = "CELLS"
    TOP = "TOP"
    CATEGORY = "CATEGORY"
    REASONS = "REASONS"
    OUTPUT = "OUTPUT"
    ROWS = "ROWS"
    KNOWN = "KNOWN"
    WARNINGS = "WARNINGS"

    def name(self) -> str:
        """The algorithm's id."""
        return "explainforecast"

    def displayName(self) -> str:  # noqa: N802 - QGIS's name
        """The algorithm's name for people."""
        return self.tr("Explain forecast")

    def shortDescription(self) -> str:  # noqa: N802 - QGIS's name
        """One line on what it does."""
        return self.tr("Tells why cells are expected to have what the forecast says, in plain words.")

    def keywords(self) -> str:
        """Words that find it."""
        return self.tr("explain,why,reasons,contributions,shapley,forecast,risk,interpretation,hot spots")

    def help_text(self) -> str:
        """What it does and gives."""
        return self.tr(
            "<p>A row per cell, shift, category and reason: what is known there, whether it raises or lowers the "
            "expected incidents against a typical cell and shift, by which factor, and its share of all reasons. The "
            "factors of all reasons multiply to expected over average.</p>"
            "<p>It says how the model reckons, for categories that ship a baseline as well. It is no proof of a cause, "
            "and says nothing about any person.</p>"
        )

    def initAlgorithm(self, configuration: dict[str, Any] | None = None) -> None:  # noqa: N802 - QGIS's name
        """Declare inputs and outputs."""
        self._add_inputs()
        self._add_choice()
        self.add(
            QgsProcessingParameterFeatureSink(
                self.OUTPUT, self.tr("Explanations"), QgsProcessing.SourceType.TypeVector
            ),
            self.tr("Table with a row per cell, shift, category and reason, the strongest first."),
        )
        self.add_outputs(
            QgsProcessingOutputNumber(self.ROWS, self.tr("Number of reasons")),
            QgsProcessingOutputString(self.KNOWN, self.tr("Moment up to which incidents were known (UTC)")),
            QgsProcessingOutputString(self.WARNINGS, self.tr("What to know about the reasons")),
        )

    def _add_inputs(self) -> None:
        polygons = QgsProcessing.SourceType.TypeVectorPolygon
        self.add(
            QgsProcessingParameterFeatureSource(self.FORECAST, self.tr("Risk forecast"), [polygons]),
            self.tr("Forecast made by Forecast risk; its cells and shifts, or the selected ones, are explained."),
        )
        model_inputs.add(
            self,
            self.tr("The model that made the forecast."),
            self.tr("The incidents that the forecast was made with; later ones are left out."),
        )

    def _add_choice(self) -> None:
        integer = QgsProcessingParameterNumber.Type.Integer
        self.add(
            QgsProcessingParameterString(self.CELLS, self.tr("Cells"), None, False, True),
            self.tr("Ids of the cells to explain, separated by commas. Left blank, the cells of most harm are."),
        )
        self.add(
            QgsProcessingParameterNumber(self.TOP, self.tr("Cells per shift"), integer, 10, False, 1, 10_000),
            self.tr("How many cells of most harm to explain in each shift, where no cells are named."),
        )
        self.add(
            QgsProcessingParameterString(self.CATEGORY, self.tr("Category"), None, False, True),
            self.tr("The planning category to explain. Left blank, all are."),
        )
        self.add(
            QgsProcessingParameterNumber(self.REASONS, self.tr("Reasons"), integer, 4, False, 1, 50),
            self.tr("How many reasons to give at most for each cell, shift and category."),
        )

    def problem(self, parameters: dict[str, Any], context: QgsProcessingContext) -> str:
        """Layers and files that cannot work."""
        for name in self._named(parameters, context):
            parse_cell_id(name)
        sentence = checks.forecast_problem(self.source(parameters, self.FORECAST, context))
        return sentence or model_inputs.problem(self, parameters, context)

    def prepare(
        self, parameters: dict[str, Any], context: QgsProcessingContext, feedback: QgsProcessingFeedback
    ) -> None:
        """Take hold of the layers."""
        self._sources = history.Sources.of(self, parameters, context)
        self._forecast = LayerSource.from_parameter(self, parameters, self.FORECAST, context)

    def process(
        self, parameters: dict[str, Any], context: QgsProcessingContext, feedback: QgsProcessingFeedback
    ) -> dict[str, Any]:
        """Read, explain, write."""
        feedback.setProgressText(self.tr("Reading the forecast"))
        forecast = read_forecast(self._forecast, PartialFeedback(feedback, 0.0, 0.15))
        named = self._named(parameters, context)
        rows = self._chosen(forecast, named, self.parameterAsInt(parameters, self.TOP, context))
        feedback.setProgressText(self.tr("Reading the incidents"))
        read = history.read(self._sources, PartialFeedback(feedback, 0.15, 0.4), 1.0)
        job = Job(
            "explain_forecast",
            {
                "model": str(Path(self.parameterAsFile(parameters, self.MODEL, context)).absolute()),
                "cell_size_m": read.cell_size_m,
                "indicators": read.indicators,
                "indicator_fields": read.indicator_fields,
                "category": self.parameterAsString(parameters, self.CATEGORY, context).strip() or None,
                "reasons": self.parameterAsInt(parameters, self.REASONS, context),
            },
            {**read.tables, "forecast": forecast.take(rows)},
        )
        result = self.run_job(job, feedback, span=(0.4, 0.95))
        table = squares.named_cells(result.tables["explanations"])
        columns = [name for name in in_order(table, ("cell_id",)) if name not in ("col", "row")]
        output = self.write_layer(
            parameters, self.OUTPUT, context, LayerContent(table, columns), PartialFeedback(feedback, 0.95, 1.0)
        )
        return {
            self.OUTPUT: output,
            self.ROWS: len(table),
            self.KNOWN: result.values["as_of"],
            self.WARNINGS: " ".join(result.values["warnings"]),
        }

    def _named(self, parameters: dict[str, Any], context: QgsProcessingContext) -> list[str]:
        text = self.parameterAsString(parameters, self.CELLS, context)
        return [name.strip() for name in text.split(",") if name.strip()]

    def _chosen(self, forecast: Table, named: list[str], top: int) -> np.ndarray:
        """Rows of the named cells, or of the cells of most harm in each shift."""
        if not named:
            return np.flatnonzero((forecast["rank"] >= 1) & (forecast["rank"] <= top))
        names = np.array(cell_ids(forecast["col"], forecast["row"]), dtype=object)
        missing = sorted(set(named) - set(names))
        if missing:
            raise InputError(
                self.tr("Layer “{layer}” has no cell {cells}.").format(
                    layer=self._forecast.name, cells=", ".join(missing[:5])
                ),
                self.tr("Choose cells that the forecast has."),
            )
        return np.flatnonzero(np.isin(names, named))
