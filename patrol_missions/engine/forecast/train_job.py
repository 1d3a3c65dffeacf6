"""The job ``train_model``: from clean incidents and a grid to a model bundle and its card."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import lightgbm
import numpy as np

from patrol_missions import __version__
from patrol_missions.core.errors import InputError
from patrol_missions.core.jobs import JobResult
from patrol_missions.core.tables import Table
from patrol_missions.engine.context import JobContext
from patrol_missions.engine.data.shifts import ShiftPlan
from patrol_missions.engine.forecast import bundle, indicators, panel, settings, training
from patrol_missions.engine.forecast.bundle import Bundle, CategoryModel
from patrol_missions.engine.forecast.panel import DAY_S, Cells, Panel
from patrol_missions.engine.forecast.scores import score_table
from patrol_missions.engine.forecast.training import Trained
from patrol_missions.engine.reports import model_card

_FEWEST_INCIDENTS = 20
_FEWEST_DAYS = 28


def run(parameters: Mapping[str, Any], tables: Mapping[str, Table], context: JobContext) -> JobResult:
    """Train, judge, choose and write the bundle and its card.

    :raises InputError: when there is too little to learn from, or the input does not fit together
    """
    plan = settings.shift_plan(parameters)
    cells = Cells.of(tables["cells"], float(parameters["cell_size_m"]))
    incidents = tables["incidents"]
    names, missing = settings.present(incidents, parameters.get("categories"))
    for name in missing:
        context.warning(f"There is no incident of the category “{name}”; it is left out of the model.")
    context.progress(0.01, "Sorting incidents into cells and shifts")
    listed = parameters.get("indicators") or []
    places = indicators.of(cells, parameters, tables)
    history = panel.build(incidents, cells, plan, names, settings.moment(parameters.get("as_of"), "as-of time"))
    history = _with_incidents(history, incidents, plan, parameters, context)
    _check_enough(history)
    seed, threads = int(parameters.get("seed") or 0), settings.threads(parameters)
    part = context.part(0.02, 0.97)
    trained = training.train(history, places, seed, threads, part.progress)
    context.progress(0.97, "Writing the model and its card")
    facts = _facts(trained, parameters, tables, listed)
    made = _bundle(trained, places, facts)
    bundle.save(made, context.folder / "model.zip")
    left_out = dict.fromkeys(missing, "no incident in the layer")
    left_out |= {name: "no incident inside the grid" for name in names if name not in trained.panel.categories}
    page = model_card.render(trained, facts, places, left_out)
    (context.folder / "model_card.html").write_text(page, encoding="utf-8")
    for each in trained.choices:
        context.log(f"{each.category}: {each.why}")
    return JobResult(
        _values(trained, facts, missing),
        {"scores": score_table(trained)},
        {"model": "model.zip", "card": "model_card.html"},
    )


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


def _facts(
    trained: Trained, parameters: Mapping[str, Any], tables: Mapping[str, Table], listed: list[Mapping[str, Any]]
) -> dict[str, Any]:
    """What the bundle and the card say about how the model came to be."""
    history, when = trained.panel, trained.timeline
    shifts = ", ".join(f"{each.name} {each.start}–{each.end}" for each in history.plan.shifts)
    used = ["incidents", "cells", *(str(each["table"]) for each in listed)]
    return {
        "version": __version__,
        "lightgbm": lightgbm.__version__,
        "numpy": np.__version__,
        "seed": int(parameters.get("seed") or 0),
        "shifts": f"{shifts} ({history.plan.time_zone})",
        "jurisdiction": str(parameters.get("jurisdiction") or ""),
        "history_begin": settings.words(history.begin),
        "history_end": settings.words(history.end),
        "incidents": len(history.events),
        "cells": len(history.cells),
        "backtest_begin": settings.words(when.begin_backtest) if len(when.backtest) else None,
        "backtest_weeks": len(when.backtest),
        "input_sha256": {name: settings.fingerprint(tables[name]) for name in used},
    }


def _bundle(trained: Trained, places: indicators.Indicators, facts: Mapping[str, Any]) -> Bundle:
    history = trained.panel
    models = tuple(
        CategoryModel(
            each.category, each.incidents, each.ships, each.why, each.baseline, each.calibration, start, trees, hourly
        )
        for each, start, trees, hourly in zip(trained.choices, trained.starts, trained.trees, trained.hourly)
    )
    return Bundle(
        models,
        history.plan,
        history.cells.size_m,
        places.names,
        places.fields,
        trained.feature_names,
        tuple(history.categories[index] for index in trained.others),
        history.cells.column,
        history.cells.row,
        facts,
    )


def _values(trained: Trained, facts: Mapping[str, Any], missing: list[str]) -> dict[str, Any]:
    categories = {}
    for index, each in enumerate(trained.choices):
        judged = trained.backtests[index] if trained.backtests else None
        categories[each.category] = {
            "incidents": each.incidents,
            "ships": each.ships,
            "baseline": f"{each.baseline.code}, {each.baseline.words}",
            "why": each.why,
            "deviance_explained": None if judged is None else judged.explained(each.ships),
        }
    return {"categories": categories, "left_out": missing, **{k: v for k, v in facts.items() if k != "input_sha256"}}
