"""The job “trade_off”: the inputs of a plan in, what each share of harm kept comes to out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from patrol_missions.core.errors import InputError
from patrol_missions.core.jobs import JobResult
from patrol_missions.core.tables import Table
from patrol_missions.engine.context import JobContext
from patrol_missions.engine.missions import curve
from patrol_missions.engine.missions.request import Request


def run(parameters: Mapping[str, Any], tables: Mapping[str, Table], context: JobContext) -> JobResult:
    """Draw the curve of a plan.

    Parameters and tables are those of :func:`patrol_missions.engine.missions.allocate_job.run`; ``harm_kept`` is not
    used. Gives the table ``curve`` (:func:`patrol_missions.engine.missions.curve.trade_off`) and ``warnings``.
    """
    if "forecast" not in tables:
        raise InputError("No forecast was given.", "Give the layer that Forecast risk made.")
    context.progress(0.05, "Reading the forecast")
    asked = Request.of(parameters, tables)
    for sentence in asked.warnings:
        context.warning(sentence)

    def tell(done: float) -> None:
        context.progress(0.1 + 0.9 * done, "Planning for several shares of harm")

    table = curve.trade_off(asked.candidates, asked.settings, asked.asked, asked.given, tell=tell)
    return JobResult({"warnings": list(asked.warnings)}, {"curve": table})
