"""Allocate missions: a metered, random choice of cells per district and shift, by the published law."""

from __future__ import annotations

from typing import Any

import numpy as np
from qgis.core import (
    QgsProcessing,
    QgsProcessingContext,
    QgsProcessingFeedback,
    QgsProcessingOutputNumber,
    QgsProcessingParameterBoolean,
    QgsProcessingParameterFeatureSink,
    QgsProcessingParameterFeatureSource,
    QgsProcessingParameterFileDestination,
    QgsProcessingParameterMatrix,
    QgsProcessingParameterNumber,
    QgsProcessingParameterString,
)

from patrol_missions.bridge.sources import LayerSource
from patrol_missions.core.jobs import Job
from patrol_missions.core.tables import Table
from patrol_missions.processing_algorithms import checks, dose_limits, plan_circumstances, visits
from patrol_missions.processing_algorithms import parameters as shared
from patrol_missions.processing_algorithms.base import LayerContent, PatrolAlgorithm, cell_layer, in_order
from patrol_missions.processing_algorithms.forecast_layer import category_labels, read_forecast
from patrol_missions.processing_algorithms.layer_styles import style_missions
from patrol_missions.processing_algorithms.plan_circumstances import PlanReader
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
    WEIGHTS_VERSION = "WEIGHTS_VERSION"
    HARM_KEPT = "HARM_KEPT"
    DOSE_MINUTES = "DOSE_MINUTES"
    VISITS = "VISITS"
    MIND_DOSES = "MIND_DOSES"
    LIMITS = "LIMITS"
    MOST_CONSECUTIVE = dose_limits.MOST_CONSECUTIVE
    COOL_DOWN_HOURS = dose_limits.COOL_DOWN_HOURS
    OVERRIDES = "OVERRIDES"
    AREAS = plan_circumstances.AREAS
    AREA_FIELD = plan_circumstances.AREA_FIELD
    AREA_SHARE = "AREA_SHARE"
    AREA_HARM_RATIO = "AREA_HARM_RATIO"
    EXPLORATION = "EXPLORATION"
    CONTROL = "CONTROL"
    UNITS = "UNITS"
    MOST_MISSIONS = "MOST_MISSIONS"
    SPEED_KMH = "SPEED_KMH"
    TIME_ZONE = "TIME_ZONE"
    SEED = "SEED"
    OUTPUT = "OUTPUT"
    SUMMARY = "SUMMARY"
    ROUTES = "ROUTES"
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
        self.add(
            QgsProcessingParameterFeatureSource(
                self.FORECAST, self.tr("Risk forecast"), [QgsProcessing.SourceType.TypeVectorPolygon]
            ),
            self.tr("Forecast made by Forecast risk, of one or more shifts."),
        )
        self._add_numbers()
        self._add_weights()
        self._add_doses()
        self._add_judgement()
        self._add_areas()
        self._add_units()
        self._add_clock()
        self.add_results()

    def add_results(self) -> None:
        """Declare outputs."""
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
        self.add(
            QgsProcessingParameterFeatureSink(
                self.ROUTES, self.tr("Planned visits"), QgsProcessing.SourceType.TypeVector, None, True
            ),
            self.tr("Table with a row per planned visit: who goes where, and when, in the order of the way."),
        )
        self.add(
            QgsProcessingParameterFileDestination(
                self.PLAN, self.tr("Plan file"), self.tr("Plan files (*.zip)"), None, True
            ),
            self.tr("The plan with all that it was made from, for Publish plan and Replay plan."),
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
        self.add(
            QgsProcessingParameterString(self.WEIGHTS_VERSION, self.tr("Version of the weights"), None, False, True),
            self.tr("What these weights are called, who approved them and when; kept in the plan."),
            advanced=True,
        )

    def _add_doses(self) -> None:
        self.add(visits.parameter(self.VISITS), visits.parameter_help())
        self.add(
            QgsProcessingParameterBoolean(self.MIND_DOSES, self.tr("Mind doses"), False),
            self.tr(
                "Whether missions of one shift count as patrol for the next, so that cells rest when they had enough. "
                "With visits of patrol it is always so."
            ),
        )
        self.add(dose_limits.parameter(self.LIMITS), dose_limits.parameter_help(), advanced=True)
        dose_limits.add_rests(self)

    def _add_judgement(self) -> None:
        real = QgsProcessingParameterNumber.Type.Double
        self.add(
            QgsProcessingParameterFeatureSource(
                self.OVERRIDES, self.tr("Overrides"), [QgsProcessing.SourceType.TypeVector], None, True
            ),
            self.tr(
                "Decisions of people, a row each: the fields kind (suppress, add, lock, move or box), reason and "
                "author; cell_id for the cell, to_cell_id for the one that a mission is moved to; perhaps shift, "
                "valid_from and valid_to (UTC). A box is a polygon and counts as one mission of its district."
            ),
        )
        self.add(
            QgsProcessingParameterNumber(self.EXPLORATION, self.tr("Exploration (%)"), real, 0.0, False, 0.0, 50.0),
            self.tr(
                "Share of the missions that is spread evenly over all open cells, so that quiet ones are seen, too."
            ),
            advanced=True,
            decimals=1,
        )
        self.add(
            QgsProcessingParameterNumber(self.CONTROL, self.tr("Controls (%)"), real, 0.0, False, 0.0, 50.0),
            self.tr(
                "Share of the drawn cells that get no mission, by lot, so that the effect of missions can be told. "
                "They are drawn beside the missions, which stay as many."
            ),
            advanced=True,
            decimals=1,
        )

    def _add_areas(self) -> None:
        real = QgsProcessingParameterNumber.Type.Double
        plan_circumstances.add_neighbourhoods(self, self.tr("Areas that limits are for."))
        self.add(
            QgsProcessingParameterNumber(
                self.AREA_SHARE, self.tr("Most missions in a neighbourhood (%)"), real, None, True, 0.0, 100.0
            ),
            self.tr("Largest share of a shift's missions in one neighbourhood; blank for no limit."),
            advanced=True,
            decimals=1,
        )
        self.add(
            QgsProcessingParameterNumber(
                self.AREA_HARM_RATIO, self.tr("Most missions against harm"), real, None, True, 0.0, 1000.0
            ),
            self.tr(
                "Largest share of the missions in a neighbourhood over its share of expected harm: 1.5 allows half as "
                "many again as its harm would give it; blank for no limit."
            ),
            advanced=True,
            decimals=2,
        )

    def _add_units(self) -> None:
        integer, real = QgsProcessingParameterNumber.Type.Integer, QgsProcessingParameterNumber.Type.Double
        self.add(
            QgsProcessingParameterFeatureSource(
                self.UNITS, self.tr("Units"), [QgsProcessing.SourceType.TypeVector], None, True
            ),
            self.tr(
                "Patrol units, a row each: the fields unit, district and minutes (for missions in a shift), perhaps "
                "shift. Districts get as many missions as their units have time for, and each mission its unit."
            ),
            advanced=True,
        )
        self.add(
            QgsProcessingParameterNumber(
                self.MOST_MISSIONS, self.tr("Most missions of a unit"), integer, 3, False, 1, 100
            ),
            self.tr("Missions that one unit takes in a shift at most."),
            advanced=True,
        )
        self.add(
            QgsProcessingParameterNumber(
                self.SPEED_KMH, self.tr("Speed of travel (km/h)"), real, 30.0, False, 1.0, 200.0
            ),
            self.tr("How fast units get from mission to mission, in a straight line."),
            advanced=True,
            decimals=1,
        )

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
        dose_limits.limit_rules(parameters.get(self.LIMITS, dose_limits.DEFAULT_LIMITS))
        sentence = plan_circumstances.neighbourhoods_problem(self, parameters, context)
        return sentence or checks.forecast_problem(self.source(parameters, self.FORECAST, context))

    def prepare(
        self, parameters: dict[str, Any], context: QgsProcessingContext, feedback: QgsProcessingFeedback
    ) -> None:
        """Take hold of the layers."""
        self.hold(parameters, context)
        self.styled(self.OUTPUT, style_missions)

    def hold(self, parameters: dict[str, Any], context: QgsProcessingContext) -> None:
        """Take hold of the layers of the inputs."""
        self._forecast = LayerSource.from_parameter(self, parameters, self.FORECAST, context)
        self._size_m = checks.cell_size_m(self.source(parameters, self.FORECAST, context))
        self._visits = visits.source_of(self, parameters, self.VISITS, context)
        self._layers = {
            name: LayerSource.from_parameter(self, parameters, name, context)
            for name in (self.OVERRIDES, self.AREAS, self.UNITS)
            if parameters.get(name)
        }

    def process(
        self, parameters: dict[str, Any], context: QgsProcessingContext, feedback: QgsProcessingFeedback
    ) -> dict[str, Any]:
        """Read, draw, write."""
        harm_kept = self.parameterAsDouble(parameters, self.HARM_KEPT, context) / 100.0
        job = self.asked("allocate_missions", parameters, context, feedback, harm_kept=harm_kept)
        plan = self.parameterAsFileOutput(parameters, self.PLAN, context)
        result = self.run_job(job, feedback, {"plan": plan}, (0.4, 0.8))
        feedback.setProgressText(self.tr("Writing the missions"))
        missions = result.tables["missions"]
        content = cell_layer(missions, self._size_m, self._forecast.crs, _FIRST)
        output = self.write_layer(parameters, self.OUTPUT, context, content, PartialFeedback(feedback, 0.8, 0.95))
        allocation = result.tables["allocation"]
        content = LayerContent(allocation, in_order(allocation, ("district", "shift")))
        summary = self.write_layer(parameters, self.SUMMARY, context, content, PartialFeedback(feedback, 0.95, 0.98))
        ways = result.tables["visits"]
        content = LayerContent(ways, list(ways.columns))
        routes = self.write_layer(parameters, self.ROUTES, context, content, PartialFeedback(feedback, 0.98, 1.0))
        return {
            self.OUTPUT: output,
            self.SUMMARY: summary,
            self.ROUTES: routes,
            self.PLAN: plan,
            self.MISSIONS: len(missions),
        }

    def asked(
        self,
        name: str,
        parameters: dict[str, Any],
        context: QgsProcessingContext,
        feedback: QgsProcessingFeedback,
        **decided: float,
    ) -> Job:
        """What the engine is asked for, read from parameters and layers; the first 40 % of the run.

        :param name: of the job
        :param decided: further parameters of the job
        """
        feedback.setProgressText(self.tr("Reading the forecast"))
        forecast = read_forecast(self._forecast, PartialFeedback(feedback, 0.0, 0.3))
        tables = self._tables(parameters, forecast, context, PartialFeedback(feedback, 0.3, 0.4))
        chosen = self.parameterAsEnumString(parameters, self.WEIGHTS_PRESET, context)
        zone = self.parameterAsString(parameters, self.TIME_ZONE, context).strip()
        return Job(
            name,
            {
                "missions_per_district": self.parameterAsInt(parameters, self.MISSIONS_PER_DISTRICT, context),
                "quotas": shared.quota_rows(parameters.get(self.QUOTAS)),
                "ceiling": None,
                "dose_minutes": self.parameterAsDouble(parameters, self.DOSE_MINUTES, context),
                "seed": self.parameterAsInt(parameters, self.SEED, context),
                "weights": shared.weight_rows(parameters.get(self.WEIGHTS)),
                "weights_preset": shared.PRESETS.get(chosen),
                "weights_version": self.parameterAsString(parameters, self.WEIGHTS_VERSION, context).strip(),
                "labels": category_labels(forecast),
                "time_zone": zone or next(iter(forecast.labels.get("time_zone", ())), "UTC"),
                "cell_size_m": self._size_m,
                **self._limits(parameters, context),
                **decided,
            },
            {"forecast": forecast, **tables},
        )

    def _tables(
        self, parameters: dict[str, Any], forecast: Table, context: QgsProcessingContext, feedback: PartialFeedback
    ) -> dict[str, Table]:
        """What the plan goes by beside the forecast."""
        crs, transforms = self._forecast.crs, context.transformContext()
        reader = PlanReader(crs, transforms, self._size_m, feedback)
        tables: dict[str, Table] = {}
        if self._visits is not None:
            tables["visits"] = visits.read(self._visits, crs, transforms, self._size_m, feedback)
        if self.OVERRIDES in self._layers:
            tables |= reader.overrides(self._layers[self.OVERRIDES])
        if self.AREAS in self._layers:
            field = self.parameterAsString(parameters, self.AREA_FIELD, context)
            cells = np.unique(np.stack([forecast["col"], forecast["row"]]), axis=1)
            tables["areas"] = reader.neighbourhoods(self._layers[self.AREAS], field, cells[0], cells[1])
        if self.UNITS in self._layers:
            tables["units"] = reader.units(self._layers[self.UNITS])
        return tables

    def _limits(self, parameters: dict[str, Any], context: QgsProcessingContext) -> dict[str, Any]:
        """Doses, areas, exploration, controls and units, as parameters of the job."""

        def number(name: str) -> float | None:
            return None if parameters.get(name) is None else self.parameterAsDouble(parameters, name, context)

        share = number(self.AREA_SHARE)
        rules = None
        if self._visits is not None or self.parameterAsBool(parameters, self.MIND_DOSES, context):
            rules = {
                **dose_limits.limit_rules(parameters.get(self.LIMITS, dose_limits.DEFAULT_LIMITS)),
                **dose_limits.rest_rules(self, parameters, context),
            }
        return {
            "dose_rules": rules,
            "area_share": None if share is None else share / 100.0,
            "area_harm_ratio": number(self.AREA_HARM_RATIO),
            "exploration": self.parameterAsDouble(parameters, self.EXPLORATION, context) / 100.0,
            "control": self.parameterAsDouble(parameters, self.CONTROL, context) / 100.0,
            "most_missions": self.parameterAsInt(parameters, self.MOST_MISSIONS, context),
            "speed_kmh": self.parameterAsDouble(parameters, self.SPEED_KMH, context),
        }
