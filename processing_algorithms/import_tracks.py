"""Import tracks: logs of past patrols to visits of patrol in cells."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from qgis.core import (
    QgsCoordinateReferenceSystem,
    QgsProcessing,
    QgsProcessingContext,
    QgsProcessingFeedback,
    QgsProcessingOutputNumber,
    QgsProcessingOutputString,
    QgsProcessingParameterFeatureSink,
    QgsProcessingParameterFeatureSource,
    QgsProcessingParameterField,
    QgsProcessingParameterMultipleLayers,
    QgsProcessingParameterNumber,
    QgsProcessingParameterString,
    QgsWkbTypes,
)

from patrol_missions.bridge.batches import As
from patrol_missions.bridge.layers import read_points
from patrol_missions.bridge.places import read_grid
from patrol_missions.bridge.sources import LayerSource
from patrol_missions.core.jobs import Job
from patrol_missions.core.tables import Table
from patrol_missions.processing_algorithms import audit_inputs, checks, squares, trails
from patrol_missions.processing_algorithms.base import LayerContent, PatrolAlgorithm
from patrol_missions.processing_algorithms.layer_styles import style_trails, style_visits
from patrol_missions.processing_algorithms.progress import PartialFeedback

_FIELDS = ("cell_id", "unit", "start", "end", "minutes", "kind", "ended_by")
_MINUTE_S = 60.0


class ImportTracksAlgorithm(PatrolAlgorithm):
    """Positions of units to a layer of visits."""

    GROUP = "data"

    FILES = "FILES"
    TRACKS = "TRACKS"
    UNIT_FIELD = "UNIT_FIELD"
    TIME_FIELD = "TIME_FIELD"
    GRID = "GRID"
    TIME_ZONE = "TIME_ZONE"
    LEAVE_AFTER = "LEAVE_AFTER"
    LEAVE_BEYOND = "LEAVE_BEYOND"
    GAP = "GAP"
    SHORTEST = "SHORTEST"
    ACCURACY = "ACCURACY"
    LEDGER = "LEDGER"
    VISITS = "VISITS"
    VISIT_COUNT = "VISIT_COUNT"
    PASS_COUNT = "PASS_COUNT"  # nosec B105 - a stay too short to be a visit
    REFUSED = "REFUSED"
    ADDED = "ADDED"
    POINTS = "POINTS"
    WARNINGS = "WARNINGS"

    def name(self) -> str:
        """The algorithm's id."""
        return "importtracks"

    def displayName(self) -> str:  # noqa: N802 - QGIS's name
        """The algorithm's name for people."""
        return self.tr("Import tracks")

    def shortDescription(self) -> str:  # noqa: N802 - QGIS's name
        """One line on what it does."""
        return self.tr("Turns recorded positions of units into visits of patrol in the grid's cells.")

    def keywords(self) -> str:
        """Words that find it."""
        return self.tr("tracks,GPS,AVL,GPX,NMEA,CSV,visits,patrol,dose,positions,ledger,import")

    def help_text(self) -> str:
        """What it does and gives."""
        return self.tr(
            "<p>Reads logs of past patrols (GPX, NMEA or CSV, gzipped or not) or a layer of points, and tells who was "
            "in which cell from when to when, by the rules of live tracking: a unit that strays over a cell's border "
            "and comes back never left; when nothing is heard, nobody knows where it was, and the time counts nowhere; "
            "a jump that no car can drive is not believed unless it lasts.</p>"
            "<p>The order of reports is of no matter, and what is there twice counts once. Whatever could not be used "
            "is counted in the log, by why.</p>"
            "<p>The visits are what Dose map, Capture report, Allocate missions and the forecast take as visits of "
            "patrol. A unit is a call sign or a car: leave names and numbers of officers out of the logs.</p>"
        )

    def initAlgorithm(self, configuration: dict[str, Any] | None = None) -> None:  # noqa: N802 - QGIS's name
        """Declare inputs and outputs."""
        self._add_inputs()
        self._add_rules()
        self._add_outputs()

    def _add_inputs(self) -> None:
        self.add(
            QgsProcessingParameterMultipleLayers(
                self.FILES, self.tr("Logs"), QgsProcessing.SourceType.TypeFile, None, True
            ),
            self.tr(
                "Files of recorded positions: .gpx, .csv or .tsv, or NMEA sentences in any other; each may be gzipped "
                "(.gz). The columns of a table are found by their names, such as unit, time, lat and lon. A log that "
                "does not name its unit is of the unit that the file is named after."
            ),
        )
        self.add(
            QgsProcessingParameterFeatureSource(
                self.TRACKS, self.tr("Positions"), [QgsProcessing.SourceType.TypeVectorPoint], None, True
            ),
            self.tr("A layer of points, one per report, beside the logs or in their place."),
        )
        for name, title, text in (
            (self.UNIT_FIELD, self.tr("Unit field"), self.tr("Field of the points with the call sign or the car.")),
            (
                self.TIME_FIELD,
                self.tr("Time field"),
                self.tr("Field of the points with the moment: date and time, text, or seconds since 1970."),
            ),
        ):
            self.add(
                QgsProcessingParameterField(
                    name, title, None, self.TRACKS, QgsProcessingParameterField.DataType.Any, False, True
                ),
                text,
            )
        self.add(
            QgsProcessingParameterFeatureSource(
                self.GRID, self.tr("Grid"), [QgsProcessing.SourceType.TypeVectorPolygon]
            ),
            self.tr("Cells made by Build grid. What happened outside of them is counted, and not kept."),
        )
        self.add(
            QgsProcessingParameterString(self.TIME_ZONE, self.tr("Time zone of the logs"), "UTC"),
            self.tr(
                "What times are in that do not say it themselves, by its IANA name, such as America/New_York. Those of "
                "GPX and NMEA are always in UTC."
            ),
        )

    def _add_rules(self) -> None:
        real = QgsProcessingParameterNumber.Type.Double
        for name, title, default, least, most, text in (
            (
                self.LEAVE_AFTER, self.tr("Left after (seconds outside)"), 90.0, 0.0, 3_600.0,
                self.tr("A unit that is outside of a cell for longer has left it, from when it was first outside."),
            ),
            (
                self.LEAVE_BEYOND, self.tr("Left beyond (metres)"), 30.0, 0.0, 10_000.0,
                self.tr("A unit that is further outside of a cell has left it at once."),
            ),
            (
                self.GAP, self.tr("Silence (seconds)"), 180.0, 1.0, 86_400.0,
                self.tr(
                    "Reports further apart have a gap between them, which belongs to no cell. It must be longer than "
                    "units take from one report to the next."
                ),
            ),
            (
                self.SHORTEST, self.tr("Shortest visit (minutes)"), 2.0, 0.0, 480.0,
                self.tr("A shorter stay is a pass. Below two minutes a stay has no dose."),
            ),
            (
                self.ACCURACY, self.tr("Largest inaccuracy (metres)"), 50.0, 1.0, 10_000.0,
                self.tr("Reports whose receiver says that they may be further off are not used."),
            ),
        ):  # fmt: skip
            self.add(
                QgsProcessingParameterNumber(name, title, real, default, False, least, most),
                text, advanced=True, decimals=1,
            )  # fmt: skip

    def _add_outputs(self) -> None:
        self.add(
            audit_inputs.log_file(self.LEDGER, self.tr("Ledger"), True),
            self.tr(
                "A ledger of live tracking to which the stays are added: an SQLite file, made if it is not there, or "
                "the address of a PostgreSQL database, such as postgresql://ana@db.example.org/police. What it has "
                "already is never doubled. Passwords belong into the server's password file (.pgpass)."
            ),
            advanced=True,
        )
        self.add(
            QgsProcessingParameterFeatureSink(
                self.VISITS, self.tr("Visits of patrol"), QgsProcessing.SourceType.TypeVectorPoint
            ),
            self.tr(
                "A point in the middle of the cell per stay, with unit, start and end (UTC), minutes, whether it was a "
                "visit or a pass, and what ended it."
            ),
        )
        trails.add_output(self)
        self.add_outputs(
            QgsProcessingOutputNumber(self.VISIT_COUNT, self.tr("Visits")),
            QgsProcessingOutputNumber(self.PASS_COUNT, self.tr("Passes")),
            QgsProcessingOutputNumber(self.REFUSED, self.tr("Reports that were of no use")),
            QgsProcessingOutputNumber(self.ADDED, self.tr("Stays that were new to the ledger")),
            QgsProcessingOutputNumber(self.POINTS, self.tr("Points of the trails")),
            QgsProcessingOutputString(self.WARNINGS, self.tr("What to know about the logs")),
        )

    def problem(self, parameters: dict[str, Any], context: QgsProcessingContext) -> str:
        """Inputs that cannot work."""
        tracks = parameters.get(self.TRACKS)
        if not tracks and not self._files(parameters, context):
            return self.tr("There is nothing to import: choose logs, or a layer of points.")
        if tracks and not (parameters.get(self.UNIT_FIELD) and parameters.get(self.TIME_FIELD)):
            return self.tr("Say which fields of the points hold the unit and the time.")
        grid = self.source(parameters, self.GRID, context)
        return checks.grid_problem(grid, context.transformContext())

    def prepare(
        self, parameters: dict[str, Any], context: QgsProcessingContext, feedback: QgsProcessingFeedback
    ) -> None:
        """Take hold of the layers."""
        self._grid = LayerSource.from_parameter(self, parameters, self.GRID, context)
        self._tracks = (
            LayerSource.from_parameter(self, parameters, self.TRACKS, context) if parameters.get(self.TRACKS) else None
        )
        self.styled(self.VISITS, style_visits)
        self.styled(trails.TRAILS, style_trails)

    def process(
        self, parameters: dict[str, Any], context: QgsProcessingContext, feedback: QgsProcessingFeedback
    ) -> dict[str, Any]:
        """Read, tell the stays, write."""
        feedback.setProgressText(self.tr("Reading the positions"))
        cells, size_m = read_grid(self._grid, PartialFeedback(feedback, 0.0, 0.1))
        tables = {"cells": Table({name: cells[name] for name in ("col", "row")})}
        if self._tracks is not None:
            tables["fixes"] = self._fixes(self._tracks, parameters, context, PartialFeedback(feedback, 0.1, 0.3))
        job = Job("import_tracks", self._settings(parameters, context, size_m), tables)
        result = self.run_job(job, feedback, span=(0.3, 0.8))
        feedback.setProgressText(self.tr("Writing the visits"))
        found = squares.named_cells(result.tables["visits"])
        shapes = squares.points(found["x"], found["y"])
        content = LayerContent(found, _FIELDS, QgsWkbTypes.Type.Point, self._grid.crs, shapes)
        output = self.write_layer(parameters, self.VISITS, context, content, PartialFeedback(feedback, 0.8, 0.9))
        points = result.tables.get("trails")
        way = PartialFeedback(feedback, 0.9, 1.0)
        values = result.values
        self._say(values, feedback)
        return {
            self.VISITS: output,
            trails.TRAILS: trails.write(self, parameters, context, points, way) if points is not None else "",
            self.VISIT_COUNT: values["visits"],
            self.PASS_COUNT: values["passes"],
            self.REFUSED: sum(values["refused"].values()),
            self.ADDED: values["added"] or 0,
            self.POINTS: len(points) if points is not None else 0,
            self.WARNINGS: " ".join(values["warnings"]),
        }

    def _files(self, parameters: dict[str, Any], context: QgsProcessingContext) -> list[str]:
        """Whole paths of the logs."""
        given = self.parameterAsFileList(parameters, self.FILES, context)  # a blank one where none is given
        return [path for path in map(audit_inputs.place, given) if path]

    def _fixes(
        self,
        tracks: LayerSource,
        parameters: dict[str, Any],
        context: QgsProcessingContext,
        feedback: PartialFeedback,
    ) -> Table:
        """The points, as the engine takes them."""
        unit, at = (self.parameterAsString(parameters, name, context) for name in (self.UNIT_FIELD, self.TIME_FIELD))
        is_number = tracks.fields.at(tracks.fields.lookupField(at)).isNumeric()
        columns = {"unit": (unit, As.LABEL), "at": (at, As.NUMBER if is_number else As.TIME)}
        degrees = QgsCoordinateReferenceSystem("EPSG:4326")
        found = read_points(tracks, columns, degrees, context.transformContext(), feedback)
        named = {"unit": found["unit"], "at": found["at"], "longitude": found["x"], "latitude": found["y"]}
        return Table(named, {"unit": found.labels["unit"]})

    def _settings(self, parameters: dict[str, Any], context: QgsProcessingContext, size_m: float) -> dict[str, Any]:
        """Parameters of the job."""
        rules = {
            "after_s": self.parameterAsDouble(parameters, self.LEAVE_AFTER, context),
            "beyond_m": self.parameterAsDouble(parameters, self.LEAVE_BEYOND, context),
            "gap_s": self.parameterAsDouble(parameters, self.GAP, context),
            "shortest_s": _MINUTE_S * self.parameterAsDouble(parameters, self.SHORTEST, context),
            "accuracy_m": self.parameterAsDouble(parameters, self.ACCURACY, context),
        }
        return {
            "files": self._files(parameters, context),
            "crs": proj_text(self._grid.crs),
            "cell_size_m": size_m,
            "time_zone": self.parameterAsString(parameters, self.TIME_ZONE, context).strip(),
            "rules": rules,
            "ledger": audit_inputs.place(self.parameterAsFile(parameters, self.LEDGER, context)),
            "trails": bool(parameters.get(trails.TRAILS)),
        }

    def _say(self, found: Mapping[str, Any], feedback: QgsProcessingFeedback) -> None:
        """The totals in the log, and what could not be used, by why."""
        feedback.pushInfo(
            self.tr(
                "{reports} reports of {units} units: {visits} visits with {minutes} minutes, {passes} passes; "
                "{outside} stays were outside of the grid."
            ).format(
                **{name: f"{found[name]:,}" for name in ("reports", "units", "visits", "passes", "outside")},
                minutes=f"{found['minutes']:,.0f}",
            )
        )
        for reason, count in found["refused"].items():
            feedback.pushInfo(self.tr("Not used, {reason}: {count}").format(reason=reason, count=f"{count:,}"))
        if found["added"] is not None:
            feedback.pushInfo(self.tr("New to the ledger: {count} stays").format(count=f"{found['added']:,}"))


def proj_text(crs: QgsCoordinateReferenceSystem) -> str:
    """A coordinate reference system as PROJ knows it anywhere: those that a user made have a number only here."""
    code = crs.authid()
    return code if code and not code.startswith("USER:") else crs.toWkt()
