"""Shift report: what missions were to get of patrol and what they got, and the visits, out of a ledger."""

from __future__ import annotations

from typing import Any

import numpy as np
from qgis.core import (
    NULL,
    QgsCoordinateReferenceSystem,
    QgsProcessing,
    QgsProcessingContext,
    QgsProcessingFeedback,
    QgsProcessingOutputNumber,
    QgsProcessingOutputString,
    QgsProcessingParameterBoolean,
    QgsProcessingParameterDateTime,
    QgsProcessingParameterFeatureSink,
    QgsProcessingParameterFeatureSource,
    QgsWkbTypes,
)

from patrol_missions.bridge.batches import As
from patrol_missions.bridge.layers import read_table
from patrol_missions.bridge.sources import LayerSource
from patrol_missions.core.errors import InputError
from patrol_missions.core.grid import parse_cell_id
from patrol_missions.core.jobs import Job
from patrol_missions.core.tables import Table
from patrol_missions.processing_algorithms import audit_inputs, squares, trails
from patrol_missions.processing_algorithms import parameters as shared
from patrol_missions.processing_algorithms.base import LayerContent, PatrolAlgorithm, in_order
from patrol_missions.processing_algorithms.layer_styles import style_trails, style_visits
from patrol_missions.processing_algorithms.progress import PartialFeedback

_VISIT_FIELDS = ("cell_id", "unit", "start", "end", "minutes", "kind", "ended_by")
_MISSION_FIELDS = {
    "mission_id": As.LABEL,
    "cell_id": As.LABEL,
    "start": As.TIME,
    "end": As.TIME,
    "dose_minutes": As.NUMBER,
    "top_category": As.LABEL,
}


class ShiftReportAlgorithm(PatrolAlgorithm):
    """A ledger to visits and a report."""

    GROUP = "missions"

    LEDGER = "LEDGER"
    MISSIONS = "MISSIONS"
    START = "START"
    END = "END"
    BY_UNIT = "BY_UNIT"
    VISITS = "VISITS"
    REPORT = "REPORT"
    VISIT_COUNT = "VISIT_COUNT"
    MINUTES = "MINUTES"
    POINTS = "POINTS"
    WARNINGS = "WARNINGS"

    def name(self) -> str:
        """The algorithm's id."""
        return "shiftreport"

    def displayName(self) -> str:  # noqa: N802 - QGIS's name
        """The algorithm's name for people."""
        return self.tr("Shift report")

    def shortDescription(self) -> str:  # noqa: N802 - QGIS's name
        """One line on what it does."""
        return self.tr("Reads what patrol delivered from a ledger, and holds it against the missions.")

    def keywords(self) -> str:
        """Words that find it."""
        return self.tr("ledger,shift,report,visits,dose,delivered,planned,patrol,GPS,AVL")

    def help_text(self) -> str:
        """What it does and gives."""
        return self.tr(
            "<p>The ledger keeps every stay of every unit in the grid's cells, as live tracking or Import tracks told "
            "it. This reads its visits as a layer, which Dose map, Allocate missions, Capture report and the forecast "
            "take as visits of patrol.</p><p>With missions it tells, too, how many minutes each was to get and got, "
            "whoever came. Units are told only where that is asked for, and nobody is ranked.</p>"
        )

    def initAlgorithm(self, configuration: dict[str, Any] | None = None) -> None:  # noqa: N802 - QGIS's name
        """Declare inputs and outputs."""
        self.add(
            audit_inputs.log_file(self.LEDGER, self.tr("Ledger"), False),
            self.tr("The SQLite file of the ledger, or the address of its PostgreSQL database."),
        )
        self.add(
            QgsProcessingParameterFeatureSource(
                self.MISSIONS, self.tr("Missions"), [QgsProcessing.SourceType.TypeVectorPolygon], None, True
            ),
            self.tr("Missions made by Allocate missions, to hold the visits against."),
        )
        moment = QgsProcessingParameterDateTime.Type.DateTime
        for name, title, text in (
            (self.START, self.tr("From"), self.tr("Visits that ended before are left out; blank for all.")),
            (self.END, self.tr("Until"), self.tr("Visits that began later are left out; blank for all.")),
        ):
            self.add(QgsProcessingParameterDateTime(name, title, moment, None, True), text)
        self.add(
            QgsProcessingParameterBoolean(self.BY_UNIT, self.tr("Units, too"), False),
            self.tr("Whether the report tells how many missions each unit was in, and its minutes there."),
            advanced=True,
        )
        self.add(
            QgsProcessingParameterFeatureSink(
                self.VISITS, self.tr("Visits of patrol"), QgsProcessing.SourceType.TypeVectorPoint
            ),
            self.tr("A point in the middle of the cell per visit, with unit, start and end (UTC) and minutes."),
        )
        self.add(
            QgsProcessingParameterFeatureSink(
                self.REPORT, self.tr("Shift report"), QgsProcessing.SourceType.TypeVector, None, True
            ),
            self.tr("Planned and delivered minutes, visits and passes: of all missions, of each, and by category."),
        )
        trails.add_output(self)
        self.add_outputs(
            QgsProcessingOutputNumber(self.VISIT_COUNT, self.tr("Visits")),
            QgsProcessingOutputNumber(self.MINUTES, self.tr("Minutes of patrol")),
            QgsProcessingOutputNumber(self.POINTS, self.tr("Points of the trails")),
            QgsProcessingOutputString(self.WARNINGS, self.tr("What to know about the trails")),
        )

    def problem(self, parameters: dict[str, Any], context: QgsProcessingContext) -> str:
        """A report of nothing."""
        if parameters.get(self.REPORT) and not parameters.get(self.MISSIONS):
            return self.tr("The report needs the missions. Choose their layer, or leave the report out.")
        return ""

    def prepare(
        self, parameters: dict[str, Any], context: QgsProcessingContext, feedback: QgsProcessingFeedback
    ) -> None:
        """Take hold of the missions."""
        given = parameters.get(self.MISSIONS)
        self._missions = LayerSource.from_parameter(self, parameters, self.MISSIONS, context) if given else None
        self.styled(self.VISITS, style_visits)
        self.styled(trails.TRAILS, style_trails)

    def process(
        self, parameters: dict[str, Any], context: QgsProcessingContext, feedback: QgsProcessingFeedback
    ) -> dict[str, Any]:
        """Read, write."""
        tables = {}
        if self._missions is not None:
            tables["missions"] = _missions(self._missions, PartialFeedback(feedback, 0.0, 0.2))
            tables["boxes"] = _boxes(self._missions)
        job = Job(
            "read_ledger",
            {
                "ledger": audit_inputs.place(self.parameterAsFile(parameters, self.LEDGER, context)),
                "start": shared.iso_utc(self.parameterAsDateTime(parameters, self.START, context)),
                "end": shared.iso_utc(self.parameterAsDateTime(parameters, self.END, context)),
                "by_unit": self.parameterAsBool(parameters, self.BY_UNIT, context),
                "trails": bool(parameters.get(trails.TRAILS)),
            },
            tables,
        )
        result = self.run_job(job, feedback, span=(0.2, 0.7))
        found = squares.named_cells(result.tables["visits"])
        crs = QgsCoordinateReferenceSystem(result.values["crs"])
        shapes = squares.points(found["x"], found["y"])
        content = LayerContent(found, _VISIT_FIELDS, QgsWkbTypes.Type.Point, crs, shapes)
        visits = self.write_layer(parameters, self.VISITS, context, content, PartialFeedback(feedback, 0.7, 0.9))
        report = ""
        if "report" in result.tables:
            table = result.tables["report"]
            content = LayerContent(table, in_order(table, ("part", "name")))
            report = self.write_layer(parameters, self.REPORT, context, content, PartialFeedback(feedback, 0.9, 0.92))
        points = result.tables.get("trails")
        way = PartialFeedback(feedback, 0.92, 1.0)
        return {
            self.VISITS: visits,
            self.REPORT: report,
            trails.TRAILS: trails.write(self, parameters, context, points, way) if points is not None else "",
            self.POINTS: len(points) if points is not None else 0,
            self.WARNINGS: " ".join(result.values["warnings"]),
            self.VISIT_COUNT: result.values["visits"],
            self.MINUTES: result.values["minutes"],
        }


def _missions(source: LayerSource, feedback: PartialFeedback) -> Table:
    """Missions as the engine takes them; those with several visits are to get them all."""
    there = source.fields.names()
    missing = [name for name in _MISSION_FIELDS if name not in there]
    if missing:
        raise InputError(
            f"Layer “{source.name}” has no field “{missing[0]}”.", "Choose missions made by Allocate missions."
        )
    columns = {name: (name, kind) for name, kind in _MISSION_FIELDS.items()}
    if "visits" in there:
        columns["visits"] = ("visits", As.NUMBER)
    found = read_table(source, columns, feedback)
    cells = np.array([parse_cell_id(name) for name in found.labels["cell_id"]], dtype=np.int64).reshape(-1, 2)
    place = found["cell_id"]
    minutes = found["dose_minutes"]
    if "visits" in found:
        minutes = minutes * np.nan_to_num(found["visits"], nan=1.0)
    table = Table({"col": cells[place, 0], "row": cells[place, 1], "start": found["start"], "end": found["end"],
                   "dose_minutes": minutes})  # fmt: skip
    return table.with_text("mission_id", found.text("mission_id")).with_text("category", found.text("top_category"))


def _boxes(source: LayerSource) -> Table:
    """The edges of missions in drawn boxes; ``mission`` is the row of the mission."""
    edges: list[tuple[float, float, float, float]] = []
    missions: list[int] = []
    if "box" in source.fields.names():
        for number, feature in enumerate(source.features(["box"], geometry=True)):
            shape = feature.geometry()
            if feature["box"] in (None, NULL, "") or not shape.convertToMultiType():
                continue
            for ring in (ring for part in shape.asMultiPolygon() for ring in part):
                edges += [(one.x(), one.y(), other.x(), other.y()) for one, other in zip(ring, ring[1:])]
            missions += [number] * (len(edges) - len(missions))
    ends = np.array(edges, dtype=np.float64).reshape(-1, 4)
    columns = dict(zip(("x1", "y1", "x2", "y2"), ends.T.copy()))
    return Table({"mission": np.array(missions, dtype=np.int64), **columns})
