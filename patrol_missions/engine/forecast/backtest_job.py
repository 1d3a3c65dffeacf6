"""The job ``backtest_model``: how a model and every baseline would have done, week by week, on an agency's own data."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from patrol_missions import __version__
from patrol_missions.core import weights
from patrol_missions.core.errors import InputError
from patrol_missions.core.jobs import JobResult
from patrol_missions.core.messages import Message
from patrol_missions.core.tables import Table
from patrol_missions.engine import cluster
from patrol_missions.engine.cluster import Cluster, Pending
from patrol_missions.engine.context import JobContext
from patrol_missions.engine.forecast import inputs, settings, timeline, training
from patrol_missions.engine.forecast.backtest_scores import Scores, summary
from patrol_missions.engine.forecast.inputs import Inputs
from patrol_missions.engine.forecast.ledger import MISSIONS, Ledger, Planned
from patrol_missions.engine.forecast.timeline import Design
from patrol_missions.engine.forecast.training import Findings
from patrol_missions.engine.forecast.workers import Workers
from patrol_missions.engine.reports import backtest_report
from patrol_missions.engine.reports.backtest_report import Jitter

FEWEST_WEEKS = 26
_WEEKS_BEFORE = 26
_SLIDING_WEEKS = 104


def run(parameters: Mapping[str, Any], tables: Mapping[str, Table], context: JobContext) -> JobResult:
    """Test, and write report and tables.

    :raises InputError: when the history is too short for the weeks asked for, or the input does not fit together
    """
    read = inputs.read(parameters, tables, context)
    design = _design(parameters, read)
    missions = int(parameters.get("missions_per_district") or MISSIONS)
    planned = Planned.of(tables["cells"], missions, *weights.asked_for(parameters, read.panel.categories))
    for warning in planned.warnings:
        context.warning(warning)
    jitters, seed = int(parameters.get("jitters") or 0), int(parameters.get("seed") or 0)
    ledger = Ledger(design.weeks, len(read.panel.categories), planned)
    offsets = _offsets(jitters, seed, read.panel.cells.size_m)
    with cluster.reach(parameters.get("scheduler")) as helping:
        # Whole tests are what a cluster is best at; beside them this computer does its own test by itself.
        away = _start(parameters, tables, design, offsets, helping) if helping else []
        workers = Workers(settings.threads(parameters), None if away else helping)
        share = 0.95 if helping else 0.95 / (1 + jitters)
        part = context.part(0.02, 0.02 + share)
        tested = training.judge(read.panel, read.indicators, read.days, seed, workers, part.progress, design, ledger)
        moved = [each for test in away for each in test.result()]
    for number, offset in enumerate([] if helping else offsets):
        part = context.part(0.02 + share * (number + 1), 0.02 + share * (number + 2))
        moved += _moved(parameters, design, offset, tables, part)
    context.progress(0.98, "Writing the report")
    scores = Scores(tested, ledger, seed)
    facts = _facts(parameters, tested, design, planned)
    page = backtest_report.render(scores, moved, facts)
    (context.folder / "backtest.html").write_text(page, encoding="utf-8")
    for each in tested.choices:
        context.log(f"{each.category}: {each.why}")
    return JobResult(
        {"scores": summary(scores), "choices": {each.category: each.ships for each in tested.choices}, **facts},
        {"scores": scores.table(), "districts": scores.districts()},
        {"report": "backtest.html"},
    )


def _design(parameters: Mapping[str, Any], read: Inputs) -> Design:
    weeks = int(parameters.get("weeks") or timeline.BACKTEST_WEEKS)
    if weeks < FEWEST_WEEKS:
        raise InputError(
            f"A backtest of {weeks} weeks cannot tell forecasts apart.", f"Test at least {FEWEST_WEEKS} weeks."
        )
    there = timeline.history_weeks(read.panel)
    if there < weeks + _WEEKS_BEFORE:
        most = there - _WEEKS_BEFORE
        raise InputError(
            f"The history has {there} whole weeks; to test {weeks} of them, {weeks + _WEEKS_BEFORE} are needed.",
            f"Test {most} weeks, or use a longer history."
            if most >= FEWEST_WEEKS
            else f"Use a history of at least {FEWEST_WEEKS + _WEEKS_BEFORE} weeks.",
        )
    sliding = parameters.get("window") == "sliding"
    growth = int(parameters.get("refit_weeks") or timeline.GROWTH_WEEKS)
    return Design(weeks, growth, _SLIDING_WEEKS if sliding else 0, sliding)


def _offsets(jitters: int, seed: int, size_m: float) -> np.ndarray:
    """By how much the grid's origin is moved each time, metres, shape (jitters, 2)."""
    return np.random.default_rng(np.random.SeedSequence([seed, jitters])).random((jitters, 2)) * size_m


def _start(
    parameters: Mapping[str, Any], tables: Mapping[str, Table], design: Design, offsets: np.ndarray, helping: Cluster
) -> list[Pending[list[Jitter]]]:
    """The tests on moved grids, on their way to a cluster."""
    if len(offsets) == 0:
        return []
    there, sent = {**parameters, "threads": 1}, helping.share(dict(tables))
    return [helping.start(partial(_moved, there, design, offset), sent) for offset in offsets]


def _silent(_: Message) -> None:
    """Whatever there is to say was said of the grid as it is."""


def _moved(
    parameters: Mapping[str, Any],
    design: Design,
    offset: np.ndarray,
    tables: Mapping[str, Table],
    context: JobContext | None = None,
) -> list[Jitter]:
    """The same test with the grid's lines elsewhere: all points are moved the other way."""
    context = context or JobContext(Path(), _silent)
    shifted = {
        name: Table({**table.columns, "x": table["x"] - offset[0], "y": table["y"] - offset[1]}, table.labels)
        if "x" in table and "y" in table
        else table
        for name, table in tables.items()
    }
    read = inputs.read(parameters, shifted, context)
    seed, workers = int(parameters.get("seed") or 0), Workers(settings.threads(parameters))
    tested = training.judge(read.panel, read.indicators, read.days, seed, workers, context.progress, design)
    return [_jitter(tested, number, offset) for number in range(len(tested.backtests))]


def _jitter(tested: Findings, number: int, offset: np.ndarray) -> Jitter:
    judged, choice = tested.backtests[number], tested.choices[number]
    best = judged.best_baseline()
    gain = next((each.relative for each in choice.gains if each.baseline == best), float("nan"))
    hits = judged.methods[choice.ships].found(0.02).sum() / max(judged.observed.sum(), 1e-9)
    where = (float(offset[0]), float(offset[1]))
    return Jitter(choice.category, where, best, choice.ships, gain, judged.explained(best), float(hits / 0.02))


def _facts(parameters: Mapping[str, Any], tested: Findings, design: Design, planned: Planned) -> dict[str, Any]:
    history, when = tested.panel, tested.timeline
    return {
        "version": __version__,
        "jurisdiction": str(parameters.get("jurisdiction") or ""),
        "seed": int(parameters.get("seed") or 0),
        "weeks": design.weeks,
        "window": "sliding" if design.sliding else "expanding",
        "refit_weeks": design.growth_weeks,
        "first_week": settings.words(when.begin_backtest),
        "end": settings.words(when.end),
        "history_begin": settings.words(history.begin),
        "incidents": len(history.events),
        "cells": len(history.cells),
        "cell_size_m": history.cells.size_m,
        "missions_per_district": planned.missions,
        "districts": len(planned.districts),
    }
