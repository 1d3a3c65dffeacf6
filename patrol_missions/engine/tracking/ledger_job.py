"""The job ``read_ledger``: visits of patrol and what missions got, out of a ledger."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timezone
from typing import Any

import numpy as np

from patrol_missions.core.errors import InputError
from patrol_missions.core.jobs import JobResult
from patrol_missions.core.tables import Table
from patrol_missions.engine.context import JobContext
from patrol_missions.engine.tracking import trails
from patrol_missions.engine.tracking.ledger import open_ledger

_ALWAYS = (0.0, 253_402_300_799.0)  # until the end of the year 9999


def run(parameters: Mapping[str, Any], tables: Mapping[str, Table], context: JobContext) -> JobResult:
    """Read a ledger.

    Parameters
    ----------
    parameters
        ``ledger`` (a file or an address); perhaps ``start`` and ``end`` (ISO, UTC), ``by_unit``, and whether ``trails``
        are wanted.
    tables
        Perhaps ``missions`` (``mission_id, col, row, start, end, dose_minutes``, perhaps ``category``), and ``boxes``,
        the edges of those in drawn boxes (:func:`patrol_missions.engine.tracking.drawn_boxes.cells`).
    context
        Takes progress.

    Returns
    -------
    JobResult
        Tables ``visits`` (:meth:`patrol_missions.engine.tracking.ledger.Ledger.visits`) and, with missions, ``report``
        (:func:`patrol_missions.engine.tracking.shift_report.report`), and where they are wanted ``trails``
        (:func:`patrol_missions.engine.tracking.trails.table`); ``crs`` of the ledger, the totals, and warnings.
    """
    between = _moment(parameters.get("start"), _ALWAYS[0]), _moment(parameters.get("end"), _ALWAYS[1])
    if between[1] <= between[0]:
        raise InputError("The end is not after the start.", "Exchange them, or leave one of them blank.")
    with open_ledger(str(parameters["ledger"])) as ledger:
        context.progress(0.2, "Reading the visits")
        visits = ledger.visits(between)
        results = {"visits": visits}
        if "missions" in tables:
            context.progress(0.6, "Holding them against the missions")
            results["report"] = ledger.shift_report(
                tables["missions"], between, by_unit=bool(parameters.get("by_unit")), boxes=tables.get("boxes")
            )
        warnings = []
        if parameters.get("trails"):
            context.progress(0.7, "Reading the trails")
            results["trails"] = trails.table(
                (each.fix.unit, each.fix.at, each.fix.longitude, each.fix.latitude) for each in ledger.reports(between)
            )
            warnings = _lacking(len(results["trails"]), ledger.forgotten(), between)
        crs = ledger.ground.crs
    for sentence in warnings:
        context.warning(sentence)
    context.progress(1.0)
    values = {"crs": crs, "visits": len(visits), "minutes": float(np.sum(visits["minutes"])), "warnings": warnings}
    return JobResult(values, results)


def _lacking(points: int, forgotten: float | None, between: tuple[float, float]) -> list[str]:
    """What is to be known of trails that are not whole."""
    if forgotten is not None and forgotten > between[0]:
        moment = datetime.fromtimestamp(forgotten, timezone.utc)
        return [f"Position reports from before {moment:%Y-%m-%d %H:%M} UTC were deleted, as the days to keep them say."]
    return [] if points else ["The ledger has no position report of that time."]


def _moment(text: Any, otherwise: float) -> float:
    if not text:
        return otherwise
    moment = datetime.fromisoformat(str(text).replace("Z", "+00:00"))
    return (moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc)).timestamp()
