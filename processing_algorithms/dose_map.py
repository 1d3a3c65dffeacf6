"""Dose map: how much patrol every cell has had, what of it still acts, and where it is enough."""

from __future__ import annotations

from typing import Any

import numpy as np
from qgis.core import (
    QgsProcessing,
    QgsProcessingContext,
    QgsProcessingFeedback,
    QgsProcessingOutputNumber,
    QgsProcessingOutputString,
    QgsProcessingParameterDateTime,
    QgsProcessingParameterFeatureSink,
    QgsProcessingParameterFeatureSource,
    QgsProcessingParameterField,
    QgsProcessingParameterMatrix,
    QgsProcessingParameterNumber,
)

from patrol_missions.bridge.places import read_grid
from patrol_missions.bridge.sources import LayerSource
from patrol_missions.core.jobs import Job
from patrol_missions.core.tables import Table
from patrol_missions.processing_algorithms import checks, dose_limits, visits
from patrol_missions.processing_algorithms import parameters as shared
from patrol_missions.processing_algorithms.base import PatrolAlgorithm, cell_layer
from patrol_missions.processing_algorithms.dose_styles import style_doses
from patrol_missions.processing_algorithms.progress import PartialFeedback

_FIRST = (
    "cell_id",
    "district",
    "state",
    "open",
    "closed_until",
    "minutes_24h",
    "minutes_7d",
    "minutes_28d",
    "visits_28d",
    "last_visit",
    "consecutive_shifts",
    "residual_deterrence",
    "worth",
)
"""Fields in the order in which people ask for them."""


class DoseMapAlgorithm(PatrolAlgorithm):
    """Visits of patrol to a layer of cells."""

    GROUP = "missions"

    GRID = "GRID"
    VISITS = "VISITS"
    AS_OF = "AS_OF"
    SHIFTS = "SHIFTS"
    TIME_ZONE = "TIME_ZONE"
    PEOPLE_FIELDS = "PEOPLE_FIELDS"
    DOSE_MINUTES = "DOSE_MINUTES"
    LIMITS = "LIMITS"
    MOST_CONSECUTIVE = dose_limits.MOST_CONSECUTIVE
    COOL_DOWN_HOURS = dose_limits.COOL_DOWN_HOURS
    OUTPUT = "OUTPUT"
    MOMENT = "MOMENT"
    VISITED = "VISITED"
    CLOSED = "CLOSED"
    WARNINGS = "WARNINGS"

    def name(self) -> str:
        """The algorithm's id."""
        return "dosemap"

    def displayName(self) -> str:  # noqa: N802 - QGIS's name
        """The algorithm's name for people."""
        return self.tr("Dose map")

    def shortDescription(self) -> str:  # noqa: N802 - QGIS's name
        """One line on what it does."""
        return self.tr("Shows how much patrol every cell has had, what of it still acts, and where it is enough.")

    def keywords(self) -> str:
        """Words that find it."""
        return self.tr("dose,dosage,patrol,visits,over-policing,limits,minutes,residual deterrence,cool-down,AVL,GPS")

    def help_text(self) -> str:
        """What it does and gives."""
        return self.tr(
            "<p>Adds up the visits of patrol in every cell over 24 hours, 7 days and 28 days, all patrol and not "
            "missions alone, and holds them against limits: above a <b>soft limit</b> one more mission is worth less; "
            "a cell without room for one more mission below the <b>hard limit</b> is closed, cools down afterwards, "
            "and rests after some shifts in a row. It is told when a closed cell opens again.</p>"
            "<p><i>Residual deterrence</i> is what of the doses still acts, from 0 to 1; <i>worth</i> is the share of "
            "a cell's harm that one more mission would have to work with.</p>"
            "<p>What is too much patrol is no question that data can answer: the limits are a judgement, yours to "
            "make and to state.</p>"
        )

    def initAlgorithm(self, configuration: dict[str, Any] | None = None) -> None:  # noqa: N802 - QGIS's name
        """Declare inputs and outputs."""
        self._add_inputs()
        self._add_rules()
        self.add(
            QgsProcessingParameterFeatureSink(
                self.OUTPUT, self.tr("Doses"), QgsProcessing.SourceType.TypeVectorPolygon
            ),
            self.tr(
                "Cells with minutes of patrol, shifts in a row, residual deterrence, the state, whether they are open, "
                "and the start of the shift until which they are closed (times in UTC)."
            ),
        )
        self.add_outputs(
            QgsProcessingOutputString(self.MOMENT, self.tr("Moment of the map (UTC)")),
            QgsProcessingOutputNumber(self.VISITED, self.tr("Cells with patrol in 28 days")),
            QgsProcessingOutputNumber(self.CLOSED, self.tr("Closed cells")),
            QgsProcessingOutputString(self.WARNINGS, self.tr("What to know about the visits")),
        )

    def _add_inputs(self) -> None:
        polygons = [QgsProcessing.SourceType.TypeVectorPolygon]
        self.add(
            QgsProcessingParameterFeatureSource(self.GRID, self.tr("Grid"), polygons),
            self.tr("Cells made by Build grid, with or without indicators."),
        )
        self.add(
            QgsProcessingParameterFeatureSource(
                self.VISITS, self.tr("Visits of patrol"), [QgsProcessing.SourceType.TypeVector]
            ),
            visits.parameter_help(),
        )
        self.add(
            QgsProcessingParameterDateTime(
                self.AS_OF, self.tr("As of"), QgsProcessingParameterDateTime.Type.DateTime, None, True
            ),
            self.tr(
                "The moment of the map; visits that ended later do not count. Left blank, it is the end of the last "
                "visit. A time without a zone is in this computer's time zone."
            ),
        )
        headers = [self.tr("Shift"), self.tr("Start"), self.tr("End"), self.tr("Weekdays")]
        self.add(
            QgsProcessingParameterMatrix(
                self.SHIFTS, self.tr("Shifts"), 3, False, headers, list(shared.DEFAULT_SHIFTS), True
            ),
            self.tr("Shifts in local time, as in Train model: by them it is told in how many in a row patrol came."),
        )
        self.add(
            shared.time_zone(self.TIME_ZONE),
            self.tr("The place's time zone by its IANA name, such as America/New_York; the shifts' times are in it."),
        )
        numeric = QgsProcessingParameterField.DataType.Numeric
        self.add(
            QgsProcessingParameterField(
                self.PEOPLE_FIELDS, self.tr("People fields of the grid"), None, self.GRID, numeric, True, True
            ),
            self.tr(
                "Fields of the grid that count who lives and works in a cell, such as population_sum and workers_sum "
                "made by Add indicators; they are added up. Minutes per 1,000 people are told for cells with 50 people "
                "or more."
            ),
        )

    def _add_rules(self) -> None:
        real = QgsProcessingParameterNumber.Type.Double
        self.add(
            QgsProcessingParameterNumber(
                self.DOSE_MINUTES, self.tr("Minutes per mission"), real, 15.0, False, 1.0, 480.0
            ),
            self.tr("How long one more mission would be; a cell without room for it is closed."),
            decimals=1,
        )
        self.add(dose_limits.parameter(self.LIMITS), dose_limits.parameter_help())
        dose_limits.add_rests(self)

    def problem(self, parameters: dict[str, Any], context: QgsProcessingContext) -> str:
        """Layers and tables that cannot work."""
        shared.shift_rows(parameters.get(self.SHIFTS, shared.DEFAULT_SHIFTS))
        dose_limits.limit_rules(parameters.get(self.LIMITS))
        grid = self.source(parameters, self.GRID, context)
        return checks.grid_problem(grid, context.transformContext()) or checks.numbers_problem(
            grid, self.parameterAsFields(parameters, self.PEOPLE_FIELDS, context)
        )

    def prepare(
        self, parameters: dict[str, Any], context: QgsProcessingContext, feedback: QgsProcessingFeedback
    ) -> None:
        """Take hold of the layers."""
        self._grid = LayerSource.from_parameter(self, parameters, self.GRID, context)
        self._visits = visits.source_of(self, parameters, self.VISITS, context)
        self.styled(self.OUTPUT, style_doses)

    def process(
        self, parameters: dict[str, Any], context: QgsProcessingContext, feedback: QgsProcessingFeedback
    ) -> dict[str, Any]:
        """Read, add up, write."""
        feedback.setProgressText(self.tr("Reading the visits"))
        fields = self.parameterAsFields(parameters, self.PEOPLE_FIELDS, context)
        cells, size_m = read_grid(self._grid, PartialFeedback(feedback, 0.0, 0.1), fields)
        step = PartialFeedback(feedback, 0.1, 0.4)
        tables = {
            "cells": cells,
            "visits": visits.read(self._visits, self._grid.crs, context.transformContext(), size_m, step),
        }
        if fields:
            tables["people"] = _people(cells, len(fields))
        job = Job("dose_map", {**self._settings(parameters, context), "cell_size_m": size_m}, tables)
        result = self.run_job(job, feedback, span=(0.4, 0.7))
        feedback.setProgressText(self.tr("Writing the doses"))
        doses = result.tables["doses"]
        content = cell_layer(doses, size_m, self._grid.crs, _FIRST)
        output = self.write_layer(parameters, self.OUTPUT, context, content, PartialFeedback(feedback, 0.7, 1.0))
        closed = int((~doses["open"]).sum())
        self._say(result.values, closed, feedback)
        return {
            self.OUTPUT: output,
            self.MOMENT: result.values["as_of"],
            self.VISITED: result.values["cells_visited"],
            self.CLOSED: closed,
            self.WARNINGS: " ".join(result.values["warnings"]),
        }

    def _settings(self, parameters: dict[str, Any], context: QgsProcessingContext) -> dict[str, Any]:
        """Parameters of the job, but for the size of the cells."""
        return {
            "as_of": shared.iso_utc(self.parameterAsDateTime(parameters, self.AS_OF, context)),
            "shifts": shared.shift_rows(parameters.get(self.SHIFTS, shared.DEFAULT_SHIFTS)),
            "time_zone": self.parameterAsString(parameters, self.TIME_ZONE, context).strip(),
            "dose_minutes": self.parameterAsDouble(parameters, self.DOSE_MINUTES, context),
            "rules": {
                **dose_limits.limit_rules(parameters.get(self.LIMITS)),
                **dose_limits.rest_rules(self, parameters, context),
            },
        }

    def _say(self, found: dict[str, Any], closed: int, feedback: QgsProcessingFeedback) -> None:
        """The totals, and how they are spread, in the log."""
        feedback.pushInfo(
            self.tr(
                "{minutes} minutes of patrol in 28 days, in {visited} of {cells} cells. Closed cells: {closed}."
            ).format(
                minutes=f"{found['minutes_28d']:,.0f}",
                visited=f"{found['cells_visited']:,}",
                cells=f"{found['cells']:,}",
                closed=f"{closed:,}",
            )
        )
        if found["busiest_5_percent"] is not None:
            feedback.pushInfo(
                self.tr("The 5 % of cells with most patrol had {share} of it.").format(
                    share=f"{found['busiest_5_percent']:.0%}"
                )
            )


def _people(cells: Table, fields: int) -> Table:
    """Sum of the fields about people per cell, NaN where none has a number."""
    counts = np.stack([cells[f"field_{place}"] for place in range(fields)])
    people = np.where(np.isnan(counts).all(axis=0), np.nan, np.nansum(counts, axis=0))
    return Table({"col": cells["col"], "row": cells["row"], "people": people})
