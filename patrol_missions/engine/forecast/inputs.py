"""What jobs read alike: training and backtest from their parameters, forecast and explanation for a trained model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from patrol_missions.core.errors import InputError
from patrol_missions.core.tables import Table
from patrol_missions.engine.context import JobContext
from patrol_missions.engine.data.shifts import ShiftPlan
from patrol_missions.engine.forecast import bundle, day_factor, events, indicators, panel, settings, visits
from patrol_missions.engine.forecast.bundle import Bundle
from patrol_missions.engine.forecast.day_factor import DayFactor
from patrol_missions.engine.forecast.indicators import Indicators
from patrol_missions.engine.forecast.panel import DAY_S, Cells, Panel

_FEWEST_INCIDENTS = 20
_FEWEST_DAYS = 28


@dataclass(frozen=True, eq=False)
class Inputs:
    """What was read.

    :param missing: categories asked for of which there is no incident
    :param outside: categories whose incidents all lie outside the grid
    """

    panel: Panel
    indicators: Indicators
    days: DayFactor
    missing: list[str]
    outside: list[str]


def read(parameters: Mapping[str, Any], tables: Mapping[str, Table], context: JobContext) -> Inputs:
    """Read a job's parameters and tables.

    :raises InputError: when there is too little to learn from, or the input does not fit together
    """
    plan = settings.shift_plan(parameters)
    cells = Cells.of(tables["cells"], float(parameters["cell_size_m"]))
    incidents = tables["incidents"]
    names, missing = settings.present(incidents, parameters.get("categories"))
    for name in missing:
        context.warning(f"There is no incident of the category “{name}”; it is left out of the model.")
    context.progress(0.01, "Sorting incidents into cells and shifts")
    planned = events.of(cells, tables, plan.zone)
    if planned is not None and len(planned.begin) == 0:
        raise InputError(
            "The list of planned events is empty: nothing can be learned from it.",
            "Choose a layer that has the past ones, too, or leave the events blank.",
        )
    patrol = visits.to_learn_from(cells, tables, plan.zone)
    places = replace(indicators.of(cells, parameters, tables), events=planned, patrol=patrol)
    days = day_factor.of(day_factor.calendar_of(parameters), tables, plan.zone)
    history = panel.build(incidents, cells, plan, names, settings.moment(parameters.get("as_of"), "as-of time"))
    history = _with_incidents(history, incidents, plan, parameters, context)
    _check_enough(history)
    for warning in planned.warnings if planned is not None else ():
        context.warning(warning)
    for warning in (*patrol.warnings, *patrol.begins_late(history.begin)) if patrol is not None else ():
        context.warning(warning)
    return Inputs(history, places, days, missing, [name for name in names if name not in history.categories])


@dataclass(frozen=True, eq=False)
class ForModel:
    """A trained model and what it is asked with.

    :param indicators: those that the model knows, in its order
    :param warnings: what differs a little from training
    """

    model: Bundle
    cells: Cells
    indicators: Indicators
    days: DayFactor
    warnings: list[str]


def read_for_model(parameters: Mapping[str, Any], tables: Mapping[str, Table]) -> ForModel:
    """Read a bundle and what a job gives it.

    :raises InputError: when bundle, grid and indicators do not fit together
    """
    model = bundle.load(Path(str(parameters["model"])))
    cells = Cells.of(tables["cells"], float(parameters["cell_size_m"]))
    planned = events.of(cells, tables, model.plan.zone)
    patrol = visits.of(cells, tables, model.plan.zone)
    places = replace(indicators.of(cells, parameters, tables), events=planned, patrol=patrol)
    warnings = model.check(cells, places)
    places = places.only(model.indicators, model.indicator_fields)
    places = replace(
        places,
        events=(planned or events.none(cells)) if model.knows_events else None,
        patrol=(patrol or visits.none(cells)) if model.knows_visits else None,
    )
    # A table without rows says nothing of the coming days, as if none were given.
    filled = {name: table for name, table in tables.items() if len(table)}
    return ForModel(model, cells, places, day_factor.of(model.calendar, filled, model.plan.zone), warnings)


def _with_incidents(
    history: Panel, incidents: Table, plan: ShiftPlan, parameters: Mapping[str, Any], context: JobContext
) -> Panel:
    """The panel without categories that have no incident inside the cells."""
    counts = history.counts
    if (counts > 0).all():
        return history
    for name in np.array(history.categories, dtype=object)[counts == 0]:
        context.warning(f"No incident of the category “{name}” lies inside the grid; it is left out of the model.")
    kept = [name for name, count in zip(history.categories, counts) if count]
    return panel.build(incidents, history.cells, plan, kept, settings.moment(parameters.get("as_of"), "as-of time"))


def _check_enough(history: Panel) -> None:
    count, days = len(history.events), (history.end - history.begin) / DAY_S
    if count < _FEWEST_INCIDENTS:
        noun = "incident" if count == 1 else "incidents"
        raise InputError(
            f"Only {count} {noun} can be used, and a model needs at least {_FEWEST_INCIDENTS}.",
            "Use a longer history, or categories with more incidents.",
        )
    if days < _FEWEST_DAYS:
        raise InputError(
            f"The incidents span only {days:.0f} days, and a model needs at least {_FEWEST_DAYS}.",
            "Use a longer history; two years or more make a good model.",
        )
