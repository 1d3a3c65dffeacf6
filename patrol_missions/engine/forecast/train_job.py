"""The job ``train_model``: from clean incidents and a grid to a model bundle and its card."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import lightgbm
import numpy as np

from patrol_missions import __version__
from patrol_missions.core import weights
from patrol_missions.core.jobs import JobResult
from patrol_missions.core.tables import Table
from patrol_missions.engine import cluster
from patrol_missions.engine.context import JobContext
from patrol_missions.engine.forecast import bundle, indicators, inputs, settings, timeline, training
from patrol_missions.engine.forecast.backtest_scores import Scores
from patrol_missions.engine.forecast.bundle import Bundle, CategoryModel
from patrol_missions.engine.forecast.calendar import Calendar
from patrol_missions.engine.forecast.ledger import MISSIONS, Ledger, Planned
from patrol_missions.engine.forecast.scores import score_table
from patrol_missions.engine.forecast.training import Trained
from patrol_missions.engine.forecast.workers import Workers
from patrol_missions.engine.reports import model_card


def run(parameters: Mapping[str, Any], tables: Mapping[str, Table], context: JobContext) -> JobResult:
    """Train, judge, choose and write the bundle and its card.

    :raises InputError: when there is too little to learn from, or the input does not fit together
    """
    read = inputs.read(parameters, tables, context)
    history, places, days, missing = read.panel, read.indicators, read.days, read.missing
    listed = parameters.get("indicators") or []
    seed, threads = int(parameters.get("seed") or 0), settings.threads(parameters)
    weeks = len(timeline.of(history).backtest)
    # The card tells what plans would have caught with the usual weights and missions, whatever is planned with later.
    planned = Planned.of(tables["cells"], MISSIONS, *weights.asked_for({}, history.categories))
    ledger = Ledger(weeks, len(history.categories), planned)
    part = context.part(0.02, 0.97)
    with cluster.reach(parameters.get("scheduler")) as helping:
        trained = training.train(history, places, days, seed, Workers(threads, helping), part.progress, ledger)
    scores = Scores(trained, ledger, seed) if weeks else None
    context.progress(0.97, "Writing the model and its card")
    facts = _facts(trained, parameters, tables, listed)
    made = _bundle(trained, places, days.calendar, facts)
    bundle.save(made, context.folder / "model.zip")
    left_out = dict.fromkeys(missing, "no incident in the layer")
    left_out |= dict.fromkeys(read.outside, "no incident inside the grid")
    page = model_card.render(trained, scores, facts, places, left_out, parameters.get("quality"))
    (context.folder / "model_card.html").write_text(page, encoding="utf-8")
    for each in trained.choices:
        context.log(f"{each.category}: {each.why}")
    return JobResult(
        _values(trained, facts, missing),
        {"scores": score_table(trained, scores)},
        {"model": "model.zip", "card": "model_card.html"},
    )


def _facts(
    trained: Trained, parameters: Mapping[str, Any], tables: Mapping[str, Table], listed: list[Mapping[str, Any]]
) -> dict[str, Any]:
    """What the bundle and the card say about how the model came to be."""
    history, when = trained.panel, trained.timeline
    shifts = ", ".join(f"{each.name} {each.start}–{each.end}" for each in history.plan.shifts)
    used = ["incidents", "cells", *(str(each["table"]) for each in listed)]
    used += [name for name in ("weather", "school_terms", "events", "visits") if name in tables]
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
        "weather": "weather" in tables,
        "input_sha256": {name: settings.fingerprint(tables[name]) for name in used},
    }


def _bundle(trained: Trained, places: indicators.Indicators, calendar: Calendar, facts: Mapping[str, Any]) -> Bundle:
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
        calendar,
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
