"""Create sample city: an invented city with its history, for trying things out and for measuring against its truth."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from qgis.core import (
    QgsCoordinateReferenceSystem,
    QgsProcessing,
    QgsProcessingContext,
    QgsProcessingFeedback,
    QgsProcessingOutputNumber,
    QgsProcessingOutputString,
    QgsProcessingParameterBoolean,
    QgsProcessingParameterFeatureSink,
    QgsProcessingParameterNumber,
    QgsWkbTypes,
)

from patrol_missions.bridge import wkb
from patrol_missions.bridge.features import fields_of, write_rows
from patrol_missions.bridge.polygons import polygon_shapes
from patrol_missions.core.grid import cell_ids
from patrol_missions.core.jobs import Job
from patrol_missions.core.tables import Table
from patrol_missions.processing_algorithms.base import PatrolAlgorithm
from patrol_missions.processing_algorithms.progress import PartialFeedback
from patrol_missions.processing_algorithms.sample_styles import sample_style

_SIMULATED = 0.5  # where the progress bar is when the engine is done
_POINTS = frozenset({"PLACES", "EVENTS", "INCIDENTS"})


@dataclass(frozen=True)
class _Rows:
    """A table ready to be written: the columns that become fields, and a shape per row."""

    table: Table
    names: list[str]
    shapes: list[bytes | None]


class CreateSampleCityAlgorithm(PatrolAlgorithm):
    """A simulated city as layers."""

    GROUP = "data"

    CELLS = "CELLS"
    YEARS = "YEARS"
    INCIDENT_COUNT = "INCIDENT_COUNT"
    MESS = "MESS"
    SHIFTS_AHEAD = "SHIFTS_AHEAD"
    SEED = "SEED"
    BOUNDARY = "BOUNDARY"
    DISTRICTS = "DISTRICTS"
    EXCLUSIONS = "EXCLUSIONS"
    PLACES = "PLACES"
    AREAS = "AREAS"
    EVENTS = "EVENTS"
    INCIDENTS = "INCIDENTS"
    TRUTH = "TRUTH"
    HISTORY_END = "HISTORY_END"
    TIME_ZONE = "TIME_ZONE"
    ROWS = "ROWS"

    def name(self) -> str:
        """The algorithm's id."""
        return "createsamplecity"

    def displayName(self) -> str:  # noqa: N802 - QGIS's name
        """The algorithm's name for people."""
        return self.tr("Create sample city")

    def shortDescription(self) -> str:  # noqa: N802 - QGIS's name
        """One line on what it does."""
        return self.tr("Makes an invented city with places, people, events and years of incidents to try things on.")

    def keywords(self) -> str:
        """Words that find it."""
        return self.tr("sample,example,demo,test,synthetic,simulated,training,city,incidents,data,truth")

    def help_text(self) -> str:
        """What it does and gives."""
        return self.tr(
            "<p>Simulates a city that does not exist: its map, its people, its events, and years of incidents with "
            "seasons, weekends, nights, crime that gathers around places, and near repeats. Nobody's data is in it.</p>"
            "<p>It lies in the open Atlantic off New Jersey (EPSG:32618) and lives by the time of New York; its "
            "history ends on 31 December 2024. The same seed gives the same city.</p>"
            "<p>Because the law behind the incidents is known, so is the truth that a forecast tries to find: ask for "
            "the expected incidents of the next shifts to measure one.</p>"
        )

    def initAlgorithm(self, configuration: dict[str, Any] | None = None) -> None:  # noqa: N802 - QGIS's name
        """Declare inputs and outputs."""
        self._add_numbers()
        self._add_sink(
            self.BOUNDARY, self.tr("Boundary"), self.tr("Outline of the city, a polygon with its name and population.")
        )
        self._add_sink(
            self.DISTRICTS, self.tr("Districts"), self.tr("Patrol districts by name; together they cover the boundary.")
        )
        self._add_sink(
            self.EXCLUSIONS,
            self.tr("Exclusion areas"),
            self.tr("Grounds that no patrol is planned for: the river, the police station, hospitals."),
        )
        self._add_sink(
            self.PLACES,
            self.tr("Places"),
            self.tr("Points of interest by kind: bars, schools, transit stops and so on."),
        )
        self._add_sink(
            self.AREAS,
            self.tr("Neighbourhoods"),
            self.tr("Small areas with population, workers, median_income (dollars) and vacancy_percent."),
        )
        self._add_sink(
            self.EVENTS,
            self.tr("Events"),
            self.tr("Games and concerts with start and end (UTC), attendance and reach_m, past and planned."),
        )
        self._add_sink(
            self.INCIDENTS,
            self.tr("Incidents as recorded"),
            self.tr(
                "What the police wrote down: event_id, category_raw, start, end, reported, district. Times are the "
                "city's wall time, as agencies export them; Check incidents makes them fit for use."
            ),
        )
        self._add_sink(
            self.TRUTH,
            self.tr("True expectation"),
            self.tr(
                "Expected incidents of each planning category in every cell and coming shift, known from the law of "
                "the simulation and from what has happened. For measuring forecasts; leave it out to look around."
            ),
            extra=True,
        )
        self.add_outputs(
            QgsProcessingOutputString(self.HISTORY_END, self.tr("End of the history (UTC)")),
            QgsProcessingOutputString(self.TIME_ZONE, self.tr("Time zone of the city")),
            QgsProcessingOutputNumber(self.ROWS, self.tr("Number of recorded incidents")),
        )

    def _add_numbers(self) -> None:
        # Without ranges of QGIS, whose answer to a number out of range does not say the range; the engine's does.
        integer = QgsProcessingParameterNumber.Type.Integer
        self.add(
            QgsProcessingParameterNumber(self.CELLS, self.tr("Number of cells"), integer, 1600),
            self.tr("Size of the city in cells of 250 m, 100 to 25,000; it comes out within 2 %. 1,600 are 100 km²."),
        )
        self.add(
            QgsProcessingParameterNumber(self.YEARS, self.tr("Years of history"), integer, 3),
            self.tr("How many years the incidents go back, 1 to 20."),
        )
        self.add(
            QgsProcessingParameterNumber(self.INCIDENT_COUNT, self.tr("Number of incidents"), integer, 60_000),
            self.tr(
                "About so many incidents of all categories in the whole history; chance makes it a little more or less."
            ),
        )
        self.add(
            QgsProcessingParameterBoolean(self.MESS, self.tr("With the mess of real files"), True),
            self.tr(
                "Record the incidents as real agencies do: free-text categories, missing and wild coordinates, points "
                "at the police station, midnights for unknown times, swapped and open intervals, late reports, rows "
                "twice. Off, every row is right."
            ),
        )
        self.add(
            QgsProcessingParameterNumber(self.SEED, self.tr("Seed"), integer, 1),
            self.tr("The same numbers and the same seed give the same city; another seed, another city."),
        )
        self.add(
            QgsProcessingParameterNumber(self.SHIFTS_AHEAD, self.tr("Shifts ahead"), integer, 21),
            self.tr(
                "For how many shifts after the history the true expectation is told: Day from 07:00, Evening from "
                "15:00, Night from 23:00."
            ),
            advanced=True,
        )

    def _add_sink(self, name: str, title: str, text: str, *, extra: bool = False) -> None:
        kind = QgsProcessing.SourceType
        geometry = kind.TypeVectorPoint if name in _POINTS else kind.TypeVectorPolygon
        sink = QgsProcessingParameterFeatureSink(name, title, geometry, None, True)
        sink.setCreateByDefault(not extra)
        self.add(sink, text, advanced=extra)

    def problem(self, parameters: dict[str, Any], context: QgsProcessingContext) -> str:
        """Nothing to make."""
        if any(parameters.get(name) for name in self._sinks()):
            return ""
        return self.tr(
            "No output is asked for. Choose at least one layer to make, such as the boundary or the incidents."
        )

    def prepare(
        self, parameters: dict[str, Any], context: QgsProcessingContext, feedback: QgsProcessingFeedback
    ) -> None:
        """Have each layer styled when it is loaded."""
        for name in self._sinks():
            self.styled(name, sample_style(name))

    def process(
        self, parameters: dict[str, Any], context: QgsProcessingContext, feedback: QgsProcessingFeedback
    ) -> dict[str, Any]:
        """Have the engine simulate, and write the layers one after another."""
        result = self.run_job(self._job(parameters, context), feedback, {}, (0.0, _SIMULATED))
        crs = QgsCoordinateReferenceSystem(f"EPSG:{result.values['epsg']}")
        wanted = [name for name in self._sinks() if parameters.get(name)]
        total = sum(len(result.tables[name.lower()]) for name in wanted)
        answer: dict[str, Any] = {}
        done = 0
        for name in wanted:
            feedback.setProgressText(
                self.tr("Writing: {layer}").format(layer=self.parameterDefinition(name).description())
            )
            rows = _rows(name.lower(), result.tables, result.values["cell_size_m"])
            span = [_SIMULATED + (1.0 - _SIMULATED) * part / max(total, 1) for part in (done, done + len(rows.table))]
            destination = self._write(name, rows, crs, parameters, context, PartialFeedback(feedback, span[0], span[1]))
            self.load_styled(destination, name, context)
            answer[name] = destination
            done += len(rows.table)
        for label, value in (("cells", result.values["cells"]), ("incidents", result.values["rows"]["incidents"])):
            feedback.pushInfo(f"{label}: {value:,}")
        return {
            **answer,
            self.HISTORY_END: result.values["history_end"],
            self.TIME_ZONE: result.values["time_zone"],
            self.ROWS: result.values["rows"]["incidents"],
        }

    def _sinks(self) -> tuple[str, ...]:
        return (
            self.BOUNDARY, self.DISTRICTS, self.EXCLUSIONS, self.PLACES,
            self.AREAS, self.EVENTS, self.INCIDENTS, self.TRUTH,
        )  # fmt: skip

    def _job(self, parameters: dict[str, Any], context: QgsProcessingContext) -> Job:
        ahead = self.parameterAsInt(parameters, self.SHIFTS_AHEAD, context)
        asked = {
            "cells": self.parameterAsInt(parameters, self.CELLS, context),
            "years": self.parameterAsInt(parameters, self.YEARS, context),
            "incidents": self.parameterAsInt(parameters, self.INCIDENT_COUNT, context),
            "mess": self.parameterAsBool(parameters, self.MESS, context),
            "seed": self.parameterAsInt(parameters, self.SEED, context),
            "forecast_shifts": ahead if parameters.get(self.TRUTH) else 0,
        }
        return Job("sample_city", asked)

    def _write(
        self,
        name: str,
        rows: _Rows,
        crs: QgsCoordinateReferenceSystem,
        parameters: dict[str, Any],
        context: QgsProcessingContext,
        feedback: PartialFeedback,
    ) -> str:
        """Write one layer and close it, so that the next may go into the same file."""
        geometry = QgsWkbTypes.Type.Point if name in _POINTS else QgsWkbTypes.Type.MultiPolygon
        sink, destination = self.open_sink(parameters, name, context, fields_of(rows.table, rows.names), geometry, crs)
        write_rows(rows.table, rows.names, sink, feedback, rows.shapes)
        return destination


def _rows(name: str, tables: dict[str, Table], size_m: float) -> _Rows:
    """What is written of one of the job's tables."""
    table = tables[name]
    if name == "truth":
        squares = wkb.squares(table["col"], table["row"], size_m)
        named = table.with_text("cell_id", cell_ids(table["col"], table["row"]))
        names = ["cell_id", *(column for column in table.columns if column not in ("col", "row"))]
        return _Rows(named, names, list(squares))
    if "x" in table:
        names = [column for column in table.columns if column not in ("x", "y")]
        return _Rows(table, names, wkb.points(table["x"], table["y"]))
    return _Rows(table, list(table.columns), polygon_shapes(tables[f"{name}_vertices"], len(table)))
