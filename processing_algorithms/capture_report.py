"""Capture report: what the missions of past shifts caught, beside other choices of as many cells."""

from __future__ import annotations

import math
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
    QgsProcessingParameterFileDestination,
    QgsProcessingParameterString,
)

from patrol_missions.bridge.batches import As
from patrol_missions.bridge.layers import read_points, read_table
from patrol_missions.bridge.places import read_grid
from patrol_missions.bridge.sources import LayerSource
from patrol_missions.core.grid import parse_cell_id
from patrol_missions.core.jobs import Job
from patrol_missions.core.tables import Table
from patrol_missions.processing_algorithms import audit_inputs, checks, plan_circumstances, visits
from patrol_missions.processing_algorithms import parameters as shared
from patrol_missions.processing_algorithms.base import LayerContent, PatrolAlgorithm, in_order
from patrol_missions.processing_algorithms.forecast_layer import category_labels, read_forecast
from patrol_missions.processing_algorithms.plan_circumstances import PlanReader
from patrol_missions.processing_algorithms.progress import PartialFeedback

_MISSION_FIELDS = ("mission_id", "cell_id", "shift", "shift_date", "start", "end", "dose_minutes")
"""Fields that tell a layer of missions."""

_KINDS = {
    "cell_id": As.LABEL,
    "district": As.LABEL,
    "shift": As.LABEL,
    "shift_date": As.TIME,
    "start": As.TIME,
    "end": As.TIME,
    "dose_minutes": As.NUMBER,
    "visits": As.NUMBER,
    "box": As.LABEL,
    "time_zone": As.LABEL,
}
_INCIDENTS = {
    "category": As.LABEL,
    "start": As.TIME,
    "end": As.TIME,
    "reported": As.TIME,
    "time_known": As.FLAG,
    "district": As.LABEL,
}


AS_IN_PLAN = "As in the plan"
"""The choice that takes the weights of the plan itself (stored in models and scripts)."""


class CaptureReportAlgorithm(PatrolAlgorithm):
    """Missions and incidents to a report and tables."""

    GROUP = "missions"

    MISSIONS = "MISSIONS"
    INCIDENTS = "INCIDENTS"
    FORECAST = "FORECAST"
    VISITS = "VISITS"
    PLAN = audit_inputs.PLAN
    LOG = audit_inputs.LOG
    NUMBER = "NUMBER"
    GRID = "GRID"
    PREVIOUS = "PREVIOUS"
    AREAS = plan_circumstances.AREAS
    AREA_FIELD = plan_circumstances.AREA_FIELD
    AREA_PEOPLE_FIELD = plan_circumstances.AREA_PEOPLE_FIELD
    WEIGHTS_PRESET = "WEIGHTS_PRESET"
    WEIGHTS = "WEIGHTS"
    TIME_ZONE = "TIME_ZONE"
    REPORT = "REPORT"
    OUTPUT = "OUTPUT"
    EXPOSURE = "EXPOSURE"
    INCIDENT_COUNT = "INCIDENT_COUNT"
    CAUGHT = "CAUGHT"
    BY_LOT = "BY_LOT"
    WARNINGS = "WARNINGS"

    def name(self) -> str:
        """The algorithm's id."""
        return "capturereport"

    def displayName(self) -> str:  # noqa: N802 - QGIS's name
        """The algorithm's name for people."""
        return self.tr("Capture report")

    def shortDescription(self) -> str:  # noqa: N802 - QGIS's name
        """One line on what it does."""
        return self.tr("Tells the next morning what missions caught, beside chance and other choices of cells.")

    def keywords(self) -> str:
        """Words that find it."""
        return self.tr(
            "capture,report,morning,evaluation,hit rate,harm,chance,hot spots,exposure,turnover,dose,missions"
        )

    def help_text(self) -> str:
        """What it does and gives."""
        return self.tr(
            "<p>Holds missions of shifts that are over against the incidents of those shifts: the share of incidents, "
            "harm and preventable harm that happened in them. Beside it stands what as many cells per district would "
            "have caught by lot, by the forecast's harm alone, and by the harm of the week before, each with its "
            "interval.</p>"
            "<p>Tells, too, how near the missed incidents were, how much of the planned patrol was delivered, how the "
            "minutes were spread over districts or neighbourhoods, and how missions moved on.</p>"
            "<p>A mission that deters loses what it would have caught: the report says whether missions were where "
            "incidents happened, and not whether they did any good. One night is little; judge by weeks, with the "
            "missions of many plans in one layer.</p>"
        )

    def initAlgorithm(self, configuration: dict[str, Any] | None = None) -> None:  # noqa: N802 - QGIS's name
        """Declare inputs and outputs."""
        self._add_inputs()
        self._add_plan()
        self._add_division()
        self._add_weights()
        self._add_outputs()

    def _add_inputs(self) -> None:
        polygons = [QgsProcessing.SourceType.TypeVectorPolygon]
        self.add(
            QgsProcessingParameterFeatureSource(self.MISSIONS, self.tr("Missions"), polygons, None, True),
            self.tr(
                "Missions made by Allocate missions, of one or more shifts; unless they are those of a plan file or of "
                "a record of the audit log."
            ),
        )
        self.add(
            QgsProcessingParameterFeatureSource(
                self.INCIDENTS, self.tr("Clean incidents"), [QgsProcessing.SourceType.TypeVectorPoint]
            ),
            self.tr("Incidents made by Check incidents, up to the end of the shifts, and from a week before them on."),
        )
        self.add(
            QgsProcessingParameterFeatureSource(self.FORECAST, self.tr("Risk forecast"), polygons, None, True),
            self.tr(
                "The forecast that the missions were made from. Without it there is nothing to compare the missions "
                "with; shifts that it does not have are left out."
            ),
        )
        self.add(visits.parameter(self.VISITS), visits.parameter_help())
        self.add(
            QgsProcessingParameterFeatureSource(self.PREVIOUS, self.tr("Missions before"), polygons, None, True),
            self.tr("Missions of the plan before, so that turnover is known of the first shifts, too."),
            advanced=True,
        )

    def _add_plan(self) -> None:
        told = self.tr("The plan file (.zip) with missions and forecast, in place of their layers; it needs the grid.")
        audit_inputs.add_plan(self, told, True)
        audit_inputs.add_log(self, True)
        self.add(
            audit_inputs.record_number(self.NUMBER, self.tr("Record")),
            self.tr("Number of the plan's record in the audit log, in place of layers; it needs the grid."),
        )
        polygons = [QgsProcessing.SourceType.TypeVectorPolygon]
        self.add(
            QgsProcessingParameterFeatureSource(self.GRID, self.tr("Grid"), polygons, None, True),
            self.tr("The grid on which a plan file's missions were planned; not needed with a layer of missions."),
        )

    def _add_division(self) -> None:
        what_for = self.tr("Areas by which incidents and minutes are told beside districts; they need the forecast.")
        plan_circumstances.add_neighbourhoods(self, what_for)

    def _add_weights(self) -> None:
        self.add(
            shared.preset(self.WEIGHTS_PRESET, (AS_IN_PLAN,)),
            self.tr(
                "Published scale by which incidents of different categories are compared. “As in the plan” takes the "
                "weights of the plan file or record; where there were none but the forecast's, and for a mission "
                "layer, RAND's are taken."
            ),
        )
        self.add(shared.weights(self.WEIGHTS), shared.weights_help(), advanced=True)
        self.add(
            QgsProcessingParameterString(self.TIME_ZONE, self.tr("Time zone"), None, False, True),
            self.tr("The place's time zone by its IANA name. Left blank, it is the missions'."),
            advanced=True,
        )

    def _add_outputs(self) -> None:
        table = QgsProcessing.SourceType.TypeVector
        self.add(
            QgsProcessingParameterFileDestination(
                self.REPORT, self.tr("Capture report"), self.tr("HTML files (*.html)")
            ),
            self.tr("What was caught, with figures, as one HTML page."),
        )
        self.add(
            QgsProcessingParameterFeatureSink(self.OUTPUT, self.tr("Captures"), table, None, True),
            self.tr("Table with a row per part of the incidents, measure and choice of cells; small numbers withheld."),
        )
        self.add(
            QgsProcessingParameterFeatureSink(self.EXPOSURE, self.tr("Exposure"), table, None, True),
            self.tr("Table with a row per neighbourhood, or district: minutes of missions against expected harm."),
        )
        self.add_outputs(
            QgsProcessingOutputNumber(self.INCIDENT_COUNT, self.tr("Incidents in the shifts")),
            QgsProcessingOutputNumber(self.CAUGHT, self.tr("Share of preventable harm caught")),
            QgsProcessingOutputNumber(self.BY_LOT, self.tr("Share that cells drawn by lot would have caught")),
            QgsProcessingOutputString(self.WARNINGS, self.tr("What to know about the report")),
        )

    def problem(self, parameters: dict[str, Any], context: QgsProcessingContext) -> str:
        """Layers and tables that cannot work."""
        shared.weight_rows(parameters.get(self.WEIGHTS))
        sentence = plan_circumstances.neighbourhoods_problem(self, parameters, context)
        if sentence:
            return sentence
        if parameters.get(self.AREAS) and not parameters.get(self.FORECAST) and parameters.get(self.MISSIONS):
            return self.tr("Neighbourhoods need the forecast that the missions were made from. Choose it, too.")
        incidents = self.source(parameters, self.INCIDENTS, context)
        sentence = self._missions_problem(parameters, context)
        sentence = sentence or checks.fields_problem(incidents, checks.INCIDENT_FIELDS, self.tr("Check incidents"))
        sentence = sentence or checks.empty_problem(incidents)
        if sentence or not parameters.get(self.FORECAST):
            return sentence
        return checks.forecast_problem(self.source(parameters, self.FORECAST, context))

    def _missions_problem(self, parameters: dict[str, Any], context: QgsProcessingContext) -> str:
        ways = [name for name in (self.MISSIONS, self.PLAN, self.LOG) if parameters.get(name)]
        if len(ways) != 1:
            return self.tr("Give missions in one way: as a layer, as a plan file, or as a record of the audit log.")
        if ways == [self.LOG] and parameters.get(self.NUMBER) is None:
            return self.tr("Give the number of the plan's record in the audit log.")
        if ways != [self.MISSIONS] and not parameters.get(self.GRID):
            return self.tr("A plan file or record needs the grid that it was planned on. Choose it, too.")
        if ways != [self.MISSIONS] and parameters.get(self.FORECAST):
            return self.tr("A plan file or record has its own forecast. Leave the forecast blank.")
        for name in (self.MISSIONS, self.PREVIOUS):
            if parameters.get(name):
                source = self.source(parameters, name, context)
                sentence = checks.fields_problem(source, _MISSION_FIELDS, self.tr("Allocate missions"))
                if name == self.MISSIONS:
                    sentence = sentence or checks.empty_problem(source)
                if sentence:
                    return sentence
        return ""

    def prepare(
        self, parameters: dict[str, Any], context: QgsProcessingContext, feedback: QgsProcessingFeedback
    ) -> None:
        """Take hold of the layers."""
        # missions may be drawn boxes, which do not tell the size of a cell
        self._ground = next(name for name in (self.FORECAST, self.MISSIONS, self.GRID) if parameters.get(name))
        self._size_m = checks.cell_size_m(self.source(parameters, self._ground, context))
        self._visits = visits.source_of(self, parameters, self.VISITS, context)
        self._layers = {
            name: LayerSource.from_parameter(self, parameters, name, context)
            for name in (self.MISSIONS, self.INCIDENTS, self.FORECAST, self.PREVIOUS, self.AREAS, self.GRID)
            if parameters.get(name)
        }

    def process(
        self, parameters: dict[str, Any], context: QgsProcessingContext, feedback: QgsProcessingFeedback
    ) -> dict[str, Any]:
        """Read, compare, deliver."""
        feedback.setProgressText(self.tr("Reading missions and incidents"))
        tables = self._tables(parameters, context, PartialFeedback(feedback, 0.0, 0.5))
        zone = self.parameterAsString(parameters, self.TIME_ZONE, context).strip()
        chosen = self.parameterAsEnumString(parameters, self.WEIGHTS_PRESET, context)
        job = Job(
            "capture_report",
            {
                "cell_size_m": self._size_m,
                "time_zone": zone or _zone_of(tables),
                "weights": shared.weight_rows(parameters.get(self.WEIGHTS)),
                "weights_preset": shared.PRESETS.get(chosen),
                "labels": category_labels(tables["forecast"]) if "forecast" in tables else {},
                "plan": audit_inputs.place(self.parameterAsFile(parameters, self.PLAN, context)),
                "log": audit_inputs.place(self.parameterAsFile(parameters, self.LOG, context)),
                "number": self.parameterAsInt(parameters, self.NUMBER, context),
            },
            tables,
        )
        report = self.parameterAsFileOutput(parameters, self.REPORT, context)
        result = self.run_job(job, feedback, {"report": report}, (0.5, 0.95))
        written = {}
        for name, key, first in (
            (self.OUTPUT, "capture", ("part", "name", "measure", "choice")),
            (self.EXPOSURE, "exposure", ("area",)),
        ):
            found = result.tables[key]
            content = LayerContent(found, in_order(found, first))
            step = PartialFeedback(feedback, 0.95, 1.0)
            written[name] = self.write_layer(parameters, name, context, content, step)
        values = result.values
        return {
            self.REPORT: report,
            **written,
            self.INCIDENT_COUNT: values["incidents"],
            self.CAUGHT: _number(values.get("preventable_harm_missions")),
            self.BY_LOT: _number(values.get("preventable_harm_chance")),
            self.WARNINGS: " ".join(values["warnings"]),
        }

    def _tables(
        self, parameters: dict[str, Any], context: QgsProcessingContext, feedback: PartialFeedback
    ) -> dict[str, Table]:
        """All layers, as the engine takes them, in the CRS of the missions' cells."""
        crs = self._layers[self._ground].crs
        transforms = context.transformContext()
        happened = self._layers[self.INCIDENTS]
        there = happened.fields.names()
        columns = {name: (name, kind) for name, kind in _INCIDENTS.items() if name in there}
        tables = {"incidents": read_points(happened, columns, crs, transforms, feedback)}
        if self.MISSIONS in self._layers:
            tables["missions"] = _missions(self._layers[self.MISSIONS], feedback)
        if self.PREVIOUS in self._layers:
            tables["previous"] = _missions(self._layers[self.PREVIOUS], feedback)
        if self._visits is not None:
            tables["visits"] = visits.read(self._visits, crs, transforms, self._size_m, feedback)
        if self.FORECAST in self._layers:
            forecast = read_forecast(self._layers[self.FORECAST], feedback)
            tables["forecast"] = forecast
        if self.AREAS in self._layers:
            where = tables["forecast"] if "forecast" in tables else read_grid(self._layers[self.GRID], feedback)[0]
            reader = PlanReader(crs, transforms, self._size_m, where, feedback)
            field = self.parameterAsString(parameters, self.AREA_FIELD, context)
            people = self.parameterAsFields(parameters, self.AREA_PEOPLE_FIELD, context)
            tables["areas"] = reader.neighbourhoods(self._layers[self.AREAS], field, people)
        return tables


def _missions(source: LayerSource, feedback: PartialFeedback) -> Table:
    """A layer of missions, with the columns ``col, row`` for the cell."""
    names = source.fields.names()
    found = read_table(source, {name: (name, kind) for name, kind in _KINDS.items() if name in names}, feedback)
    cells = np.array([parse_cell_id(name) for name in found.text("cell_id")], dtype=np.int64).reshape(-1, 2)
    columns = {name: values for name, values in found.columns.items() if name != "cell_id"}
    labels = {name: texts for name, texts in found.labels.items() if name != "cell_id"}
    return Table({"col": cells[:, 0], "row": cells[:, 1], **columns}, labels)


def _zone_of(tables: dict[str, Table]) -> str:
    """The zone that a layer of missions names; empty where a plan file is to say it."""
    return next(iter(tables["missions"].labels.get("time_zone", ())), "UTC") if "missions" in tables else ""


def _number(value: float | None) -> float:
    """A share, not a number where nothing happened."""
    return math.nan if value is None else value
