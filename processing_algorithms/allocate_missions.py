"""Allocate missions: a metered, random choice of cells per district and shift, by the published law."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from qgis.core import (
    QgsGeometry,
    QgsProcessing,
    QgsProcessingContext,
    QgsProcessingFeedback,
    QgsProcessingOutputNumber,
    QgsProcessingParameterFeatureSink,
    QgsProcessingParameterFileDestination,
    QgsWkbTypes,
)

from patrol_missions.core.tables import Table
from patrol_missions.processing_algorithms import checks, squares
from patrol_missions.processing_algorithms import plan_parameters as plan
from patrol_missions.processing_algorithms.base import LayerContent, cell_layer, in_order
from patrol_missions.processing_algorithms.layer_styles import style_chances, style_missions
from patrol_missions.processing_algorithms.plan_inputs import PlanAlgorithm
from patrol_missions.processing_algorithms.progress import PartialFeedback

_FIRST = (
    "mission_id",
    "cell_id",
    "district",
    "shift",
    "shift_date",
    "order",
    "window",
    "dose_minutes",
    "visits",
    "top_categories",
    "purpose",
    "reasons",
    "inclusion_probability",
)
"""Fields of the missions that people look for, before the forecast's numbers."""

_FIRST_OF_CHANCES = ("cell_id", "district", "shift", "start", "end", "mission_chance", "outcome")


class AllocateMissionsAlgorithm(PlanAlgorithm):
    """A forecast layer to missions."""

    OUTPUT = "OUTPUT"
    SUMMARY = "SUMMARY"
    ROUTES = "ROUTES"
    CHANCES = "CHANCES"
    PLAN = "PLAN"
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
            "<p>With <i>visits of patrol</i>, or <i>Mind doses</i>, cells that had enough patrol rest, and the focus "
            "moves on from shift to shift. <i>Overrides</i> are decisions of people, with reason and author: they are "
            "inputs of the plan, and part of its file. The <i>plan file</i> holds all that the plan was made from; "
            "Publish plan writes it to the audit log, and Replay plan makes it again.</p>"
        )

    def initAlgorithm(self, configuration: dict[str, Any] | None = None) -> None:  # noqa: N802 - QGIS's name
        """Declare inputs and outputs."""
        plan.add_numbers(self)
        plan.add_harm_kept(self)
        plan.add_dose_and_seed(self)
        plan.add_circumstances(self)
        plan.add_units(self)
        plan.add_travel(self)
        plan.add_clock(self)
        plan.add_weights_version(self)
        self._add_results()

    def _add_results(self) -> None:
        """Declare outputs."""
        self.add(
            QgsProcessingParameterFeatureSink(
                self.OUTPUT, self.tr("Missions"), QgsProcessing.SourceType.TypeVectorPolygon
            ),
            self.tr(
                "The chosen cells, and boxes as they were drawn, with order, patrol window, dose, categories, reasons "
                "and inclusion probability."
            ),
        )
        self.add(
            QgsProcessingParameterFeatureSink(
                self.SUMMARY, self.tr("Plan summary"), QgsProcessing.SourceType.TypeVector, None, True
            ),
            self.tr("Table with a row per shift and district: missions, and the share of harm that the draw keeps."),
        )
        self.add(
            QgsProcessingParameterFeatureSink(
                self.ROUTES, self.tr("Planned visits"), QgsProcessing.SourceType.TypeVector, None, True
            ),
            self.tr("Table with a row per planned visit: who goes where, and when, in the order of the way."),
        )
        self.add(
            QgsProcessingParameterFeatureSink(
                self.CHANCES, self.tr("Chances"), QgsProcessing.SourceType.TypeVectorPolygon, None, True
            ),
            self.tr(
                "Every cell in every shift with its chance of a mission, what a mission there is worth, and what "
                "became of it."
            ),
        )
        self.add(
            QgsProcessingParameterFileDestination(
                self.PLAN, self.tr("Plan file"), self.tr("Plan files (*.zip)"), None, True
            ),
            self.tr("The plan with all that it was made from, for Publish plan and Replay plan."),
        )
        self.add_outputs(QgsProcessingOutputNumber(self.MISSIONS, self.tr("Number of missions")))

    def problem(self, parameters: dict[str, Any], context: QgsProcessingContext) -> str:
        """What is wrong with the inputs, or with the field of the streets' speed."""
        field = self.parameterAsString(parameters, plan.STREET_SPEED_FIELD, context)
        if parameters.get(plan.STREETS) and field:
            streets = self.source(parameters, plan.STREETS, context)
            return super().problem(parameters, context) or checks.numbers_problem(streets, [field])
        return super().problem(parameters, context)

    def prepare(
        self, parameters: dict[str, Any], context: QgsProcessingContext, feedback: QgsProcessingFeedback
    ) -> None:
        """Take hold of the layers."""
        super().prepare(parameters, context, feedback)
        self.styled(self.OUTPUT, style_missions)
        self.styled(self.CHANCES, style_chances)

    def process(
        self, parameters: dict[str, Any], context: QgsProcessingContext, feedback: QgsProcessingFeedback
    ) -> dict[str, Any]:
        """Read, draw, write."""
        decided = {
            "harm_kept": self.parameterAsDouble(parameters, plan.HARM_KEPT, context) / 100.0,
            "revisit_gap_minutes": self.parameterAsDouble(parameters, plan.REVISIT_GAP_MINUTES, context),
            "speed_kmh": self.parameterAsDouble(parameters, plan.SPEED_KMH, context),
            "weights_version": self.parameterAsString(parameters, plan.WEIGHTS_VERSION, context).strip(),
        }
        job = self.asked("allocate_missions", parameters, context, feedback, decided)
        file = self.parameterAsFileOutput(parameters, self.PLAN, context)
        result = self.run_job(job, feedback, {"plan": file}, (0.4, 0.8))
        feedback.setProgressText(self.tr("Writing the missions"))
        visits = self.parameterAsInt(parameters, plan.VISITS_PER_MISSION, context)
        missions = _with_visits(result.tables["missions"], visits)
        content = _as_drawn(cell_layer(missions, self.size_m, self.forecast.crs, _FIRST), self.boxes)
        output = self.write_layer(parameters, self.OUTPUT, context, content, PartialFeedback(feedback, 0.8, 0.95))
        allocation = result.tables["allocation"]
        content = LayerContent(allocation, in_order(allocation, ("district", "shift")))
        summary = self.write_layer(parameters, self.SUMMARY, context, content, PartialFeedback(feedback, 0.95, 0.98))
        ways = result.tables["visits"]
        content = LayerContent(ways, list(ways.columns))
        routes = self.write_layer(parameters, self.ROUTES, context, content, PartialFeedback(feedback, 0.98, 0.99))
        chances = ""
        if parameters.get(self.CHANCES):
            table = _with_ends(result.tables["chances"], allocation)
            content = cell_layer(table, self.size_m, self.forecast.crs, _FIRST_OF_CHANCES)
            chances = self.write_layer(parameters, self.CHANCES, context, content, PartialFeedback(feedback, 0.99, 1.0))
        return {
            self.OUTPUT: output,
            self.SUMMARY: summary,
            self.ROUTES: routes,
            self.CHANCES: chances,
            self.PLAN: file,
            self.MISSIONS: len(missions),
        }


def _with_visits(missions: Table, number: int) -> Table:
    """The missions with the number of visits of each."""
    return Table({**missions.columns, "visits": np.full(len(missions), number, dtype=np.int32)}, missions.labels)


def _with_ends(chances: Table, allocation: Table) -> Table:
    """The chances with the ends of their shifts."""
    told = zip(allocation.text("shift").tolist(), allocation["start"].tolist())
    place = {shift: at for at, shift in enumerate(told)}
    rows = [place[shift] for shift in zip(chances.text("shift").tolist(), chances["start"].tolist())]
    return Table({**chances.columns, "end": allocation["end"][rows]}, chances.labels)


def _as_drawn(content: LayerContent, boxes: Mapping[str, QgsGeometry]) -> LayerContent:
    """Missions in boxes with the polygons that were drawn for them."""
    names = content.table.text("box").tolist()
    if not boxes or content.shapes is None:
        return content
    several = any(shape.isMultipart() for shape in boxes.values())
    shapes = [squares.many(square) if several else square for square in content.shapes]
    for at, name in enumerate(names):
        if name in boxes:
            shape = QgsGeometry(boxes[name])
            if several:
                shape.convertToMultiType()
            shapes[at] = bytes(shape.asWkb())
    kind = QgsWkbTypes.Type.MultiPolygon if several else content.geometry_type
    return replace(content, shapes=shapes, geometry_type=kind)
