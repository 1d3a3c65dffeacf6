"""The job “allocate_missions”: JSON parameters and a forecast table in, missions out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from patrol_missions.core.errors import InputError
from patrol_missions.core.jobs import JobResult
from patrol_missions.core.tables import Table
from patrol_missions.engine.context import JobContext
from patrol_missions.engine.missions.plan_file import PlanFile
from patrol_missions.engine.missions.request import Request

FILE = "plan.zip"
"""Name of the plan file in the job's folder."""


def run(parameters: Mapping[str, Any], tables: Mapping[str, Table], context: JobContext) -> JobResult:
    """Allocate missions to every shift of a forecast.

    Parameters
    ----------
    parameters
        What is absent or null takes its default.

        Numbers: ``missions_per_district``, ``quotas`` {district: number}, ``harm_kept`` (share), ``ceiling``
        (probability), ``exploration`` and ``control`` (shares), ``dose_minutes``, ``seed``
        (:class:`patrol_missions.engine.missions.planning.Settings`).
        Limits: ``area_share``, ``area_minutes_per_1000``, ``area_harm_ratio``
        (:class:`patrol_missions.engine.missions.areas.AreaRules`); ``dose_rules``
        (:meth:`patrol_missions.engine.missions.dosage.DoseRules.of`; null leaves doses out of account).
        Units: ``most_missions`` of a unit, ``visits`` of a mission, ``revisit_gap_minutes``, ``speed_kmh``,
        ``allowance_minutes`` for the way to a mission.
        Weights: ``weights`` (rows) and ``weights_preset`` (key), both null to take the harm as it is in the layer, rows
        without a preset to change their categories alone; ``weights_version``, what they are called and who approved
        them; ``labels`` {field: category}.
        Others: ``cell_size_m``; ``time_zone`` (IANA) of texts and of visits in local time.
    tables
        ``forecast``; perhaps ``visits``, ``areas``, ``overrides``, ``boxes``, ``units``, ``streets`` (``x0, y0, x1,
        y1``, perhaps ``speed_kmh``).
    context
        Takes progress and warnings.

    Returns
    -------
    JobResult
        Tables ``missions``, ``visits`` (one row per visit planned), ``allocation`` and ``chances``; values as in
        :class:`patrol_missions.engine.missions.plan.Plan`, the settings used, the weights used and the warnings; file
        ``plan``.
    """
    if "forecast" not in tables:
        raise InputError("No forecast was given.", "Give the layer that Forecast risk made.")
    context.progress(0.05, "Reading the forecast")
    request = Request.of(parameters, tables)
    context.progress(0.2, "Drawing missions")
    values, results = request.plan(context)
    for sentence in values["warnings"]:
        context.warning(sentence)
    context.progress(0.9, "Keeping the plan")
    (context.folder / FILE).write_bytes(PlanFile(parameters, tables, values, results).pack())
    context.progress(1.0)
    return JobResult(values, results, {"plan": FILE})
