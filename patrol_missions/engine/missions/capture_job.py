"""The job ``capture_report``: missions of shifts that are over, and what happened, in; what they caught out."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from patrol_missions import __version__
from patrol_missions.core import grid, weights
from patrol_missions.core.errors import InputError
from patrol_missions.core.jobs import JobResult
from patrol_missions.core.names import expected_fields
from patrol_missions.core.presets import DEFAULT_PRESET
from patrol_missions.core.tables import Table
from patrol_missions.core.weights import Weight
from patrol_missions.engine.context import JobContext
from patrol_missions.engine.data.zones import Zone, zone
from patrol_missions.engine.missions import candidates as forecasts
from patrol_missions.engine.missions import capture, delivery, plan_source, presence
from patrol_missions.engine.missions.areas import Areas
from patrol_missions.engine.missions.candidates import Candidates
from patrol_missions.engine.missions.capture import Capture, Incidents
from patrol_missions.engine.missions.delivery import Delivered
from patrol_missions.engine.missions.past_plan import PastPlan
from patrol_missions.engine.missions.plan_file import PlanFile
from patrol_missions.engine.reports import capture_report

FEW = 30
"""Below so many incidents the intervals are so wide that a word must be said."""

_REPORT = "report.html"
_WEIGHTS = ("weights", "weights_preset")
_HOUR_S, _DAY_S = 3_600, 86_400
_LATE_HOURS = 2
_WEEK_DAYS = 7


def run(parameters: Mapping[str, Any], tables: Mapping[str, Table], context: JobContext) -> JobResult:
    """Tell what missions caught.

    Parameters
    ----------
    parameters
        ``cell_size_m``; ``time_zone`` (IANA); ``weights`` (rows) and ``weights_preset`` (key), by which harm is told;
        ``labels`` {field of the forecast: category}. Perhaps ``plan``, or ``log`` and ``number``
        (:func:`patrol_missions.engine.missions.plan_source.read`): missions, forecast, areas, labels, and weights and
        time zone where none are given, are then those of that plan.
    tables
        ``missions`` (``col, row, shift, start, end``, perhaps ``shift_date, district, dose_minutes, visits,
        box``);
        ``incidents`` (``x, y, category, start``, perhaps ``end, reported, time_known, district``); perhaps ``forecast``
        that the missions were made from, ``visits`` of patrol, ``areas`` (``col, row, area``, perhaps ``people``) and
        ``previous``, missions of the plan before.
    context
        Takes progress and warnings.

    Returns
    -------
    JobResult
        Tables ``capture`` (:meth:`patrol_missions.engine.missions.capture.Capture.table`), ``exposure``
        (:func:`patrol_missions.engine.missions.delivery.exposure`) and ``distances``; the figures of the report and the
        warnings; file ``report``.
    """
    if plan_source.is_given(parameters):
        context.progress(0.02, "Reading the plan")
        parameters, tables = _of_plan(plan_source.read(parameters), parameters, tables)
    clock, size_m = zone(str(parameters["time_zone"])), float(parameters["cell_size_m"])
    happened = tables["incidents"]
    start = happened["start"].astype("datetime64[s]")
    if np.isnat(start).all():
        raise InputError("No incident has a time.", "Choose the incidents that Check incidents made.")
    context.progress(0.1, "Reading missions and forecast")
    counted, given, told = _weighed(parameters, tables)
    last = int(start[~np.isnat(start)].astype(np.int64).max())
    around = _around(tables, size_m)
    plan = PastPlan.of(tables["missions"], given, around, size_m, clock, last)
    incidents = Incidents.of(happened, plan, counted)
    areas = Areas.of(tables["areas"], plan.columns, plan.rows) if "areas" in tables else Areas.none(len(plan.columns))
    found = Capture(plan, incidents, areas)
    visits, about_visits = _visits(tables, plan, clock)
    told = [*told, *plan.warnings, *about_visits, *_about_times(plan, start, last), *_about_numbers(found)]
    for sentence in told:
        context.warning(sentence)
    if incidents.lost:
        context.log(f"Incidents outside the cells, without a time, or of categories not in use: {incidents.lost:,}.")
    context.progress(0.4, "Comparing")
    metres, weight = found.distances()
    near = Table({"missed_share": np.array(capture.QUANTILES), "metres": capture.quantiles(metres, weight)})
    divided = areas if areas.names else delivery.districts(plan)
    results = {
        "capture": found.table(),
        "exposure": delivery.exposure(plan, divided, visits),
        "distances": near,
    }
    beside = float(weight[metres <= size_m].sum() / weight.sum()) if weight.sum() > 0 else math.nan
    values = {
        **_figures(found, beside),
        "planned_minutes": float(plan.minutes.sum()),
        **({} if visits is None else visits.figures(plan)),
        **delivery.uneven(plan, divided, visits),
        "divided_by": "area" if areas.names else "district",
        "turnover": delivery.turnover(plan, tables.get("previous")),
        "warnings": told,
    }
    context.progress(0.8, "Writing the report")
    facts = {**values, "version": __version__, "time_zone": str(parameters["time_zone"])}
    (context.folder / _REPORT).write_text(capture_report.render(results, facts), encoding="utf-8")
    context.progress(1.0)
    return JobResult(_plain(values), results, {"report": _REPORT})


def _of_plan(
    kept: PlanFile, parameters: Mapping[str, Any], tables: Mapping[str, Table]
) -> tuple[dict[str, Any], dict[str, Table]]:
    """What a plan knows of itself, and the rest of what was given."""
    size_m, given_m = float(kept.parameters["cell_size_m"]), float(parameters["cell_size_m"])
    if size_m != given_m:
        raise InputError(
            f"The cells of the plan measure {size_m:g} m and those of the grid {given_m:g} m.",
            "Choose the grid that the plan was made on.",
        )
    made = {"missions": kept.results["missions"], "forecast": kept.tables["forecast"]}
    areas = {"areas": kept.tables["areas"]} if "areas" in kept.tables else {}
    own = {
        "labels": kept.parameters.get("labels") or {},
        "time_zone": parameters["time_zone"] or kept.parameters["time_zone"],
    }
    weighed = any(kept.parameters.get(name) for name in _WEIGHTS)  # else by the forecast, which does not tell how
    if weighed and not any(parameters.get(name) for name in _WEIGHTS):
        own["weights"] = kept.values["weights"]
        own["weights_preset"] = kept.parameters.get("weights_preset") or DEFAULT_PRESET  # of what else happened
    return {**parameters, **own}, {**areas, **tables, **made}


def _weighed(
    parameters: Mapping[str, Any], tables: Mapping[str, Table]
) -> tuple[tuple[Weight, ...], Candidates | None, list[str]]:
    """A weight per category, those of the incidents first; the forecast with harm by them; what to know of them."""
    categories = tables["incidents"].labels.get("category", ())
    if not categories:
        raise InputError("The incidents have no categories.", "Choose the incidents that Check incidents made.")
    if "forecast" not in tables:
        counted, told = weights.asked_for(parameters, categories)
        return counted, None, list(told)
    own = {field: category for category, field in expected_fields(categories).items()}
    given = forecasts.read(tables["forecast"], {**own, **(parameters.get("labels") or {})})
    counted, told = weights.asked_for(parameters, tuple(dict.fromkeys([*categories, *given.expected])))
    known = {weight.category: weight for weight in counted}
    return counted, forecasts.reweighed(given, [known[category] for category in given.expected]), list(told)


def _around(tables: Mapping[str, Table], size_m: float) -> Table:
    """Cells in which incidents or visits were."""
    columns: list[np.ndarray] = []
    rows: list[np.ndarray] = []
    district: list[str | None] = []
    for name in ("incidents", "visits"):
        if name in tables:
            table = tables[name]
            there = np.isfinite(table["x"]) & np.isfinite(table["y"])
            column, row = grid.columns_rows(table["x"][there], table["y"][there], size_m)
            columns.append(column)
            rows.append(row)
            district += table.text("district")[there].tolist() if "district" in table else [None] * len(column)
    return Table({"col": np.concatenate(columns), "row": np.concatenate(rows)}).with_text("district", district)


def _visits(tables: Mapping[str, Table], plan: PastPlan, clock: Zone) -> tuple[Delivered | None, list[str]]:
    if "visits" not in tables:
        return None, []
    cells = Table({"col": plan.columns, "row": plan.rows})
    visits, told = presence.read(cells, tables["visits"], plan.size_m, clock)
    delivered = Delivered.of(plan, visits)
    if delivered.per_cell.sum() <= 0:
        told = (*told, "No visit of patrol was in the shifts of the missions.")
    return delivered, list(told)


def _about_times(plan: PastPlan, start: np.ndarray, last: int) -> list[str]:
    """Where the record begins and ends, held against the shifts."""
    told = []
    late = (int(plan.instances.end.astype(np.int64).max()) - last) / _HOUR_S
    if late > _LATE_HOURS:
        told.append(
            f"The last incident began {late:.0f} hours before the last shift ended. Where incidents are still to come "
            "into the record, the shares will change."
        )
    begins = int(plan.instances.start.astype(np.int64).min())
    known = (begins - int(start[~np.isnat(start)].astype(np.int64).min())) / _DAY_S
    if plan.candidates is not None and known < _WEEK_DAYS - 1:
        told.append(
            "The incidents do not go back a week before the first shift, so that the choice by last week's harm is "
            f"{'left out' if known <= 0 else 'of fewer days'}."
        )
    return told


def _about_numbers(found: Capture) -> list[str]:
    """Whether there are enough incidents to tell anything by."""
    number = float(found.entries.weight.sum())
    if number <= 0:
        return ["No incident was in the shifts of the missions, so there is nothing to catch."]
    if number < FEW:
        what = "is one incident" if round(number) == 1 else f"are {number:.0f} incidents"
        sentence = f"There {what} in the shifts of the missions, so the intervals are wide. "
        return [sentence + "Judge by weeks, not by nights."]
    return []


def _figures(found: Capture, beside: float) -> dict[str, Any]:
    """What was judged, and the shares of all incidents that each choice caught."""
    plan, every = found.plan, np.ones(len(found.entries), dtype=bool)
    shares = {
        f"{measure}_{name}".replace(" ", "_"): each.value
        for at, measure in enumerate(capture.MEASURES)
        for name, each in found.shares(at, every).items()
    }
    return {
        "first_day": str(plan.instances.date.min())[:10],
        "last_day": str(plan.instances.date.max())[:10],
        "shifts": len(plan.instances),
        "missions": plan.missions,
        "mission_cells": len(np.unique(plan.cell)),
        "cell_size_m": plan.size_m,
        "incidents": float(found.entries.weight.sum()),
        "independent": "days" if found.by_days else "incidents",
        **shares,
        "missed_within_a_cell": beside,
    }


def _plain(values: Mapping[str, Any]) -> dict[str, Any]:
    """The figures as JSON takes them: nothing for what is not a number."""
    return {
        name: None if isinstance(value, float) and not math.isfinite(value) else value for name, value in values.items()
    }
