"""Check incidents: what the history is worth, and a clean incident layer for training."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

from qgis.core import (
    QgsProcessing,
    QgsProcessingContext,
    QgsProcessingFeatureSource,
    QgsProcessingFeedback,
    QgsProcessingOutputNumber,
    QgsProcessingOutputString,
    QgsProcessingParameterBoolean,
    QgsProcessingParameterCrs,
    QgsProcessingParameterEnum,
    QgsProcessingParameterFeatureSink,
    QgsProcessingParameterFeatureSource,
    QgsProcessingParameterField,
    QgsProcessingParameterFile,
    QgsProcessingParameterFileDestination,
    QgsProcessingParameterNumber,
    QgsVectorLayer,
    QgsWkbTypes,
)
from qgis.PyQt.QtCore import QVariant

from patrol_missions.bridge.batches import As
from patrol_missions.bridge.layers import CoordinateFields, read_points
from patrol_missions.bridge.places import read_grid
from patrol_missions.bridge.sources import LayerSource
from patrol_missions.core.errors import InputError
from patrol_missions.core.jobs import Job, JobResult
from patrol_missions.core.tables import Table
from patrol_missions.processing_algorithms import category_map, checks, squares, verdicts
from patrol_missions.processing_algorithms import parameters as shared
from patrol_missions.processing_algorithms.base import LayerContent, PatrolAlgorithm
from patrol_missions.processing_algorithms.layer_styles import style_incidents
from patrol_missions.processing_algorithms.progress import PartialFeedback

TIMES_ARE = {"Local time": "local", "UTC": "utc"}
"""What the user chooses (stored in models and scripts), and what the engine calls it."""
CLEAN_FIELDS = (
    "event_id",
    "category",
    "category_raw",
    "start",
    "end",
    "reported",
    "start_local",
    "time_known",
    "cell_id",
    "district",
)
_TIME_TYPES = (QVariant.String, QVariant.Date, QVariant.DateTime)


class CheckIncidentsAlgorithm(PatrolAlgorithm):
    """Raw incidents to a verdict, a report and a clean layer."""

    GROUP = "data"

    INCIDENTS = "INCIDENTS"
    GRID = "GRID"
    CATEGORY_FIELD = "CATEGORY_FIELD"
    START_FIELD = "START_FIELD"
    END_FIELD = "END_FIELD"
    REPORTED_FIELD = "REPORTED_FIELD"
    ID_FIELD = "ID_FIELD"
    RECORDED_DISTRICT_FIELD = "RECORDED_DISTRICT_FIELD"
    X_FIELD = "X_FIELD"
    Y_FIELD = "Y_FIELD"
    COORDINATES_CRS = "COORDINATES_CRS"
    TIME_ZONE = "TIME_ZONE"
    TIMES_ARE = "TIMES_ARE"
    CATEGORY_MAP = "CATEGORY_MAP"
    MINIMUM_GEOCODING_RATE = "MINIMUM_GEOCODING_RATE"
    STOP_ON_BAD_DATA = "STOP_ON_BAD_DATA"
    OUTPUT = "OUTPUT"
    FINDINGS = "FINDINGS"
    REPORT = "REPORT"
    MAP_OUTPUT = "MAP_OUTPUT"
    VERDICT = "VERDICT"
    SENTENCE = "SENTENCE"
    ROWS_READ = "ROWS_READ"
    ROWS_KEPT = "ROWS_KEPT"

    def name(self) -> str:
        """The algorithm's id."""
        return "checkincidents"

    def displayName(self) -> str:  # noqa: N802 - QGIS's name
        """The algorithm's name for people."""
        return self.tr("Check incidents")

    def shortDescription(self) -> str:  # noqa: N802 - QGIS's name
        """One line on what it does."""
        return self.tr("Reports on the quality of an incident history and gives a clean incident layer.")

    def keywords(self) -> str:
        """Words that find it."""
        return self.tr("incidents,crime,quality,geocoding,duplicates,time zone,dates,categories,clean,report")

    def help_text(self) -> str:
        """What it does and gives."""
        return self.tr(
            "<p>Looks for what spoils a forecast: places that were not geocoded, points outside the boundary, "
            "duplicates, times that are only defaults, pile-ups at one point, late reports, wrong time zones, and "
            "categories that record police activity more than crime.</p>"
            "<p>Gives a verdict (<i>ok</i>, <i>caution</i> or <i>stop</i>), a report to read, and the incidents that "
            "are fit for training, with times in UTC.</p>"
            "<p>Many raw categories become a few planning categories. The mapping can be saved, edited as a table and "
            "used again.</p>"
        )

    def initAlgorithm(self, configuration: dict[str, Any] | None = None) -> None:  # noqa: N802 - QGIS's name
        """Declare inputs and outputs."""
        self._add_layers()
        self._add_times()
        self._add_choices()
        self._add_outputs()

    def _add_layers(self) -> None:
        self.add(
            QgsProcessingParameterFeatureSource(
                self.INCIDENTS, self.tr("Incidents"), [QgsProcessing.SourceType.TypeVector]
            ),
            self.tr("Points, or a table (such as a CSV file) with coordinates in two fields."),
        )
        self.add(
            QgsProcessingParameterFeatureSource(
                self.GRID, self.tr("Grid"), [QgsProcessing.SourceType.TypeVectorPolygon]
            ),
            self.tr("Cells made by Build grid. Incidents outside them are reported and left out."),
        )
        self.add(
            QgsProcessingParameterField(self.CATEGORY_FIELD, self.tr("Category field"), None, self.INCIDENTS),
            self.tr("Field with the type of crime as recorded."),
        )

    def _field(self, name: str, label: str, help_text: str, *, optional: bool = True, advanced: bool = False) -> None:
        parameter = QgsProcessingParameterField(name, label, None, self.INCIDENTS, optional=optional)
        self.add(parameter, help_text, advanced=advanced)

    def _add_times(self) -> None:
        self._field(
            self.START_FIELD,
            self.tr("Start time field"),
            self.tr("When the incident happened or began: a date and time, or text in any usual format."),
            optional=False,
        )
        self._field(
            self.END_FIELD,
            self.tr("End time field"),
            self.tr(
                "When it had happened at the latest, for incidents found later; its risk is spread over the interval."
            ),
        )
        self._field(
            self.REPORTED_FIELD,
            self.tr("Report time field"),
            self.tr("When it was reported, to learn how late reports come in."),
        )
        self.add(
            shared.time_zone(self.TIME_ZONE),
            self.tr("The place's time zone by its IANA name, such as America/New_York."),
        )
        self.add(
            QgsProcessingParameterEnum(
                self.TIMES_ARE, self.tr("Times are in"), list(TIMES_ARE), False, next(iter(TIMES_ARE)), False, True
            ),
            self.tr(
                "Whether the recorded times are the place's local time or UTC. Times that carry an offset keep it."
            ),
        )

    def _add_choices(self) -> None:
        self._field(
            self.ID_FIELD,
            self.tr("Incident number field"),
            self.tr("Field that identifies an incident, to find repeated rows."),
        )
        self._field(
            self.RECORDED_DISTRICT_FIELD,
            self.tr("Recorded district field"),
            self.tr(
                "District as recorded, known even where there is no place: shows in which districts geocoding fails."
            ),
        )
        coordinates = self.tr("For tables without points: field with the {axis}.")
        self._field(self.X_FIELD, self.tr("X or longitude field"), coordinates.format(axis=self.tr("x or longitude")))
        self._field(self.Y_FIELD, self.tr("Y or latitude field"), coordinates.format(axis=self.tr("y or latitude")))
        self.add(
            QgsProcessingParameterCrs(self.COORDINATES_CRS, self.tr("CRS of the coordinate fields"), "EPSG:4326", True),
            self.tr("For tables without points: what the coordinates are in."),
        )
        self.add(
            QgsProcessingParameterFile(
                self.CATEGORY_MAP,
                self.tr("Category mapping"),
                QgsProcessingParameterFile.Behavior.File,
                "csv",
                None,
                True,
            ),
            self.tr(
                "CSV table with the columns raw, category, use (yes or no) and reason, such as the one that this "
                "algorithm writes. Left blank, categories are grouped by their words."
            ),
        )
        number = QgsProcessingParameterNumber.Type.Double
        self.add(
            QgsProcessingParameterNumber(
                self.MINIMUM_GEOCODING_RATE, self.tr("Minimum geocoding rate (%)"), number, 85.0, False, 0.0, 100.0
            ),
            self.tr("Share of incidents with a usable place below which a map of them is not to be relied on."),
            decimals=1,
            advanced=True,
        )
        self.add(
            QgsProcessingParameterBoolean(self.STOP_ON_BAD_DATA, self.tr("Fail when the verdict is “stop”"), False),
            self.tr(
                "For plans that run by themselves: ends with an error, after writing the report, on data not fit to "
                "use."
            ),
            advanced=True,
        )

    def _add_outputs(self) -> None:
        self.add(
            QgsProcessingParameterFeatureSink(
                self.OUTPUT, self.tr("Clean incidents"), QgsProcessing.SourceType.TypeVectorPoint
            ),
            self.tr(
                "Points with planning category, times in UTC, cell and district: what Train model and Forecast risk "
                "read."
            ),
        )
        self.add(
            QgsProcessingParameterFeatureSink(
                self.FINDINGS, self.tr("Findings"), QgsProcessing.SourceType.TypeVector, None, True
            ),
            self.tr("Table of what was found: severity, rows, share, and what to do about it."),
        )
        self.add(
            QgsProcessingParameterFileDestination(
                self.REPORT, self.tr("Data quality report"), self.tr("HTML files (*.html)"), None, True
            ),
            self.tr("The findings with figures, as one HTML page."),
        )
        self.add(
            QgsProcessingParameterFileDestination(
                self.MAP_OUTPUT, self.tr("Category mapping used"), self.tr("CSV files (*.csv)"), None, True, False
            ),
            self.tr("The mapping of raw to planning categories, to edit and use again."),
        )
        self.add_outputs(
            QgsProcessingOutputString(self.VERDICT, self.tr("Verdict (ok, caution or stop)")),
            QgsProcessingOutputString(self.SENTENCE, self.tr("Verdict in a sentence")),
            QgsProcessingOutputNumber(self.ROWS_READ, self.tr("Rows read")),
            QgsProcessingOutputNumber(self.ROWS_KEPT, self.tr("Rows kept")),
        )

    def problem(self, parameters: dict[str, Any], context: QgsProcessingContext) -> str:
        """Layers, fields and coordinates that cannot work."""
        grid = self.source(parameters, self.GRID, context)
        incidents = self.source(parameters, self.INCIDENTS, context)
        return (
            checks.grid_problem(grid, context.transformContext())
            or checks.empty_problem(incidents)
            or self._fields_problem(parameters, incidents, context)
            or self._place_problem(parameters, incidents, context)
        )

    def _fields_problem(
        self, parameters: dict[str, Any], incidents: QgsProcessingFeatureSource, context: QgsProcessingContext
    ) -> str:
        times = (self.START_FIELD, self.END_FIELD, self.REPORTED_FIELD)
        for name in (self.CATEGORY_FIELD, *times, self.ID_FIELD, self.RECORDED_DISTRICT_FIELD):
            field = self.parameterAsString(parameters, name, context)
            index = incidents.fields().lookupField(field)
            if field and index < 0:
                return self.tr("Layer “{layer}” has no field “{field}”.").format(
                    layer=incidents.sourceName(), field=field
                )
            if field and name in times and incidents.fields().at(index).type() not in _TIME_TYPES:
                return self.tr(
                    "Field “{field}” of layer “{layer}” holds {type}: choose a date field, or text that gives dates."
                ).format(field=field, layer=incidents.sourceName(), type=incidents.fields().at(index).typeName())
        return ""

    def _place_problem(
        self, parameters: dict[str, Any], incidents: QgsProcessingFeatureSource, context: QgsProcessingContext
    ) -> str:
        layer = incidents.sourceName()
        x, y = (self.parameterAsString(parameters, name, context) for name in (self.X_FIELD, self.Y_FIELD))
        kind = QgsWkbTypes.geometryType(incidents.wkbType())
        if kind == QgsWkbTypes.GeometryType.PointGeometry:
            if not incidents.sourceCrs().isValid():
                return self.tr(
                    "Layer “{layer}” has no coordinate reference system: set it in the layer's properties."
                ).format(layer=layer)
            return ""
        if kind != QgsWkbTypes.GeometryType.NullGeometry:
            return self.tr("Layer “{layer}” has no points: choose a point layer or a table with coordinates.").format(
                layer=layer
            )
        if not (x and y):
            return self.tr("Layer “{layer}” is a table: choose its fields with the coordinates.").format(layer=layer)
        for field in (x, y):
            if incidents.fields().lookupField(field) < 0:
                return self.tr("Layer “{layer}” has no field “{field}”.").format(layer=layer, field=field)
        if not self.parameterAsCrs(parameters, self.COORDINATES_CRS, context).isValid():
            return self.tr("Choose what the coordinates of layer “{layer}” are in.").format(layer=layer)
        return ""

    def prepare(
        self, parameters: dict[str, Any], context: QgsProcessingContext, feedback: QgsProcessingFeedback
    ) -> None:
        """Take hold of the layers."""
        self._grid = LayerSource.from_parameter(self, parameters, self.GRID, context)
        self._incidents = LayerSource.from_parameter(self, parameters, self.INCIDENTS, context)
        self._said: dict[str, str] = {}
        self.styled(self.OUTPUT, partial(_finish, self._said))

    def process(
        self, parameters: dict[str, Any], context: QgsProcessingContext, feedback: QgsProcessingFeedback
    ) -> dict[str, Any]:
        """Read, check, write."""
        cells, size_m = read_grid(self._grid, PartialFeedback(feedback, 0.0, 0.02))
        feedback.setProgressText(self.tr("Reading the incidents"))
        raw = self._read(parameters, context, feedback)
        mapping = self.parameterAsFile(parameters, self.CATEGORY_MAP, context)
        job = Job(
            "check_incidents",
            {
                "cell_size_m": size_m,
                "time_zone": self.parameterAsString(parameters, self.TIME_ZONE, context).strip(),
                "times_are": TIMES_ARE[self.parameterAsEnumString(parameters, self.TIMES_ARE, context)],
                "layer_name": self._incidents.name,
                "category_map": category_map.read(Path(mapping)) if mapping else [],
                "minimum_geocoding_rate": self.parameterAsDouble(parameters, self.MINIMUM_GEOCODING_RATE, context),
            },
            {"incidents_raw": raw, "cells": cells},
        )
        report = self.parameterAsFileOutput(parameters, self.REPORT, context)
        result = self.run_job(job, feedback, {"report": report}, (0.3, 0.7))
        verdict, sentence = result.values["verdict"], result.values["sentence"]
        self._said.update(verdict=verdict, sentence=sentence)
        answer = {self.REPORT: report, **self._write(parameters, context, result, feedback)}
        if verdict == "stop" and self.parameterAsBoolean(parameters, self.STOP_ON_BAD_DATA, context):
            raise InputError(
                sentence, self.tr("See the data quality report: {file}").format(file=report) if report else ""
            )
        (feedback.pushInfo if verdict == "ok" else feedback.pushWarning)(sentence)
        return {
            **answer,
            self.VERDICT: verdict,
            self.SENTENCE: sentence,
            self.ROWS_READ: result.values["rows_read"],
            self.ROWS_KEPT: result.values["rows_kept"],
        }

    def _read(
        self, parameters: dict[str, Any], context: QgsProcessingContext, feedback: QgsProcessingFeedback
    ) -> Table:
        wanted = (
            ("category", self.CATEGORY_FIELD, As.LABEL),
            ("start", self.START_FIELD, As.TIME),
            ("end", self.END_FIELD, As.TIME),
            ("reported", self.REPORTED_FIELD, As.TIME),
            ("event_id", self.ID_FIELD, As.ID),
            ("district", self.RECORDED_DISTRICT_FIELD, As.LABEL),
        )
        chosen = ((name, self.parameterAsString(parameters, key, context), kind) for name, key, kind in wanted)
        columns = {name: (field, kind) for name, field, kind in chosen if field}
        coordinates = None
        if not self._incidents.is_spatial:
            coordinates = CoordinateFields(
                self.parameterAsString(parameters, self.X_FIELD, context),
                self.parameterAsString(parameters, self.Y_FIELD, context),
                self.parameterAsCrs(parameters, self.COORDINATES_CRS, context),
            )
        return read_points(
            self._incidents,
            columns,
            self._grid.crs,
            context.transformContext(),
            PartialFeedback(feedback, 0.02, 0.3),
            coordinates,
        )

    def _write(
        self,
        parameters: dict[str, Any],
        context: QgsProcessingContext,
        result: JobResult,
        feedback: QgsProcessingFeedback,
    ) -> dict[str, Any]:
        feedback.setProgressText(self.tr("Writing the clean incidents"))
        clean = result.tables["incidents"]
        shapes = squares.points(clean["x"], clean["y"])
        content = LayerContent(squares.named_cells(clean), CLEAN_FIELDS, QgsWkbTypes.Type.Point, self._grid.crs, shapes)
        output = self.write_layer(parameters, self.OUTPUT, context, content, PartialFeedback(feedback, 0.7, 0.99))
        found = result.tables["findings"]
        findings = self.write_layer(
            parameters,
            self.FINDINGS,
            context,
            LayerContent(found, list(found.columns)),
            PartialFeedback(feedback, 0.99, 1.0),
        )
        mapping = self.parameterAsFileOutput(parameters, self.MAP_OUTPUT, context)
        if mapping:
            category_map.write(Path(mapping), result.tables["category_map"])
        return {self.OUTPUT: output, self.FINDINGS: findings, self.MAP_OUTPUT: mapping}


def _finish(said: dict[str, str], layer: QgsVectorLayer) -> None:
    """Style the clean incidents and have them carry what was said of them."""
    style_incidents(layer)
    verdicts.keep(layer, **said)
