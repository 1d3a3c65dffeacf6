"""From parameters and layers to what the engine is asked for when it plans, for Allocate missions and Trade-off."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from qgis.core import QgsGeometry, QgsProcessingContext, QgsProcessingFeedback

from patrol_missions.bridge.sources import LayerSource
from patrol_missions.core.jobs import Job
from patrol_missions.core.tables import Table
from patrol_missions.processing_algorithms import checks, dose_limits, plan_circumstances, visits
from patrol_missions.processing_algorithms import parameters as shared
from patrol_missions.processing_algorithms import plan_parameters as plan
from patrol_missions.processing_algorithms.base import PatrolAlgorithm
from patrol_missions.processing_algorithms.forecast_layer import category_labels, read_forecast
from patrol_missions.processing_algorithms.parameters import tr
from patrol_missions.processing_algorithms.plan_circumstances import PlanReader
from patrol_missions.processing_algorithms.progress import PartialFeedback


class PlanAlgorithm(PatrolAlgorithm):
    """An algorithm with the inputs of a plan.

    ``forecast``, ``size_m`` (side of a cell) and, once :meth:`asked` has read the overrides, ``boxes`` (drawn shapes by
    name, in the forecast's CRS) are there for results.
    """

    GROUP = "missions"

    def problem(self, parameters: dict[str, Any], context: QgsProcessingContext) -> str:
        """Layers and tables that cannot work."""
        shared.weight_rows(parameters.get(plan.WEIGHTS))
        shared.quota_rows(parameters.get(plan.QUOTAS))
        sentence = plan_circumstances.neighbourhoods_problem(self, parameters, context)
        sentence = sentence or self._limits_problem(parameters)
        return sentence or checks.forecast_problem(self.source(parameters, plan.FORECAST, context))

    def _limits_problem(self, parameters: dict[str, Any]) -> str:
        """Limits that have nothing to go by."""
        rules = dose_limits.limit_rules(parameters.get(plan.LIMITS, dose_limits.DEFAULT_LIMITS))
        given = [name for name in plan.AREA_LIMITS if parameters.get(name) is not None]
        areas = parameters.get(plan_circumstances.AREAS)
        if given and not areas:
            limit = self.parameterDefinition(given[0]).description()
            return tr("“{limit}” needs neighbourhoods. Choose their layer, or leave it blank.").format(limit=limit)
        if areas and parameters.get(plan_circumstances.AREA_PEOPLE_FIELD):
            return ""
        if any(rules.get(name) is not None for name in dose_limits.PER_1000):
            return tr("The limit of dose per 1,000 people needs people. Choose the neighbourhoods with their people.")
        if plan.AREA_MINUTES_PER_1000 in given:
            return tr("The limit per 1,000 people needs people. Choose the fields that count them, or leave it blank.")
        return ""

    def prepare(
        self, parameters: dict[str, Any], context: QgsProcessingContext, feedback: QgsProcessingFeedback
    ) -> None:
        """Take hold of the layers."""
        self.forecast = LayerSource.from_parameter(self, parameters, plan.FORECAST, context)
        self.size_m = checks.cell_size_m(self.source(parameters, plan.FORECAST, context))
        self.boxes: dict[str, QgsGeometry] = {}
        self._visits = visits.source_of(self, parameters, plan.VISITS, context)
        self._layers = {
            name: LayerSource.from_parameter(self, parameters, name, context)
            for name in (plan.OVERRIDES, plan_circumstances.AREAS, plan.UNITS, plan.STREETS)
            if self.parameterDefinition(name) is not None and parameters.get(name)
        }

    def asked(
        self,
        name: str,
        parameters: dict[str, Any],
        context: QgsProcessingContext,
        feedback: QgsProcessingFeedback,
        decided: Mapping[str, Any],
    ) -> Job:
        """What the engine is asked for, read from parameters and layers; the first 40 % of the run.

        :param name: of the job
        :param decided: further parameters of the job
        """
        feedback.setProgressText(self.tr("Reading the forecast"))
        forecast = read_forecast(self.forecast, PartialFeedback(feedback, 0.0, 0.3))
        tables = self._tables(parameters, forecast, context, PartialFeedback(feedback, 0.3, 0.4))
        chosen = self.parameterAsEnumString(parameters, plan.WEIGHTS_PRESET, context)
        zone = self.parameterAsString(parameters, plan.TIME_ZONE, context).strip()
        return Job(
            name,
            {
                "missions_per_district": self.parameterAsInt(parameters, plan.MISSIONS_PER_DISTRICT, context),
                "quotas": shared.quota_rows(parameters.get(plan.QUOTAS)),
                "ceiling": None,
                "dose_minutes": self.parameterAsDouble(parameters, plan.DOSE_MINUTES, context),
                "seed": self.parameterAsInt(parameters, plan.SEED, context),
                "weights": shared.weight_rows(parameters.get(plan.WEIGHTS)),
                "weights_preset": shared.PRESETS.get(chosen),
                "labels": category_labels(forecast),
                "time_zone": zone or next(iter(forecast.labels.get("time_zone", ())), "UTC"),
                "cell_size_m": self.size_m,
                **self._limits(parameters, context),
                **decided,
            },
            {"forecast": forecast, **tables},
        )

    def _tables(
        self, parameters: dict[str, Any], forecast: Table, context: QgsProcessingContext, feedback: PartialFeedback
    ) -> dict[str, Table]:
        """What the plan goes by beside the forecast."""
        crs, transforms = self.forecast.crs, context.transformContext()
        reader = PlanReader(crs, transforms, self.size_m, forecast, feedback)
        tables: dict[str, Table] = {}
        if self._visits is not None:
            tables["visits"] = visits.read(self._visits, crs, transforms, self.size_m, feedback)
        if plan.OVERRIDES in self._layers:
            found, self.boxes = reader.overrides(self._layers[plan.OVERRIDES])
            tables |= found
        if plan_circumstances.AREAS in self._layers:
            field = self.parameterAsString(parameters, plan_circumstances.AREA_FIELD, context)
            people = self.parameterAsFields(parameters, plan_circumstances.AREA_PEOPLE_FIELD, context)
            tables["areas"] = reader.neighbourhoods(self._layers[plan_circumstances.AREAS], field, people)
        if plan.UNITS in self._layers:
            tables["units"] = reader.units(self._layers[plan.UNITS])
            if plan.STREETS in self._layers:
                field = self.parameterAsString(parameters, plan.STREET_SPEED_FIELD, context)
                tables["streets"] = reader.streets(self._layers[plan.STREETS], field)
        return tables

    def _limits(self, parameters: dict[str, Any], context: QgsProcessingContext) -> dict[str, Any]:
        """Doses, areas, exploration, controls and units, as parameters of the job."""

        def number(name: str) -> float | None:
            return None if parameters.get(name) is None else self.parameterAsDouble(parameters, name, context)

        share = number(plan.AREA_SHARE)
        rules = None
        if self._visits is not None or self.parameterAsBool(parameters, plan.MIND_DOSES, context):
            rules = {
                **dose_limits.limit_rules(parameters.get(plan.LIMITS, dose_limits.DEFAULT_LIMITS)),
                **dose_limits.rest_rules(self, parameters, context),
            }
        return {
            "dose_rules": rules,
            "area_share": None if share is None else share / 100.0,
            "area_harm_ratio": number(plan.AREA_HARM_RATIO),
            "area_minutes_per_1000": number(plan.AREA_MINUTES_PER_1000),
            "exploration": self.parameterAsDouble(parameters, plan.EXPLORATION, context) / 100.0,
            "control": self.parameterAsDouble(parameters, plan.CONTROL, context) / 100.0,
            "most_missions": self.parameterAsInt(parameters, plan.MOST_MISSIONS, context),
            "visits": self.parameterAsInt(parameters, plan.VISITS_PER_MISSION, context),
        }
