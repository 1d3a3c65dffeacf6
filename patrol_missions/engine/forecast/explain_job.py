"""The job ``explain_forecast``: why some cells are expected to have what a forecast says, in some shifts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from patrol_missions.core.errors import InputError
from patrol_missions.core.grid import cell_keys
from patrol_missions.core.jobs import JobResult
from patrol_missions.core.names import expected_fields
from patrol_missions.core.tables import Table, encode_text
from patrol_missions.engine.context import JobContext
from patrol_missions.engine.data.shifts import Instances, ShiftPlan
from patrol_missions.engine.forecast import inputs, planning, settings
from patrol_missions.engine.forecast import panel as panels
from patrol_missions.engine.forecast.bundle import Bundle
from patrol_missions.engine.forecast.contribution_words import Words, title
from patrol_missions.engine.forecast.contributions import Contributions, contributions
from patrol_missions.engine.forecast.features import Features
from patrol_missions.engine.forecast.panel import Cells, Panel
from patrol_missions.engine.forecast.workers import Workers

_REASONS = 4
_LEAST_EFFECT = 0.01
_MOST_ROWS = 20_000
_STALE = 0.05
RAISES, LOWERS = "raises", "lowers"


@dataclass(frozen=True, eq=False)
class _Asked:
    """The rows to explain, as indices of cells and instances, and where each stands in the forecast's table."""

    cell: np.ndarray
    instance: np.ndarray
    instances: Instances


def run(parameters: Mapping[str, Any], tables: Mapping[str, Table], context: JobContext) -> JobResult:
    """The most telling reasons per row of the forecast and category.

    :raises InputError: when bundle, grid, incidents and forecast do not fit together
    """
    given = inputs.read_for_model(parameters, tables)
    model, cells, places, days, warnings = given.model, given.cells, given.indicators, given.days, given.warnings
    forecast = tables["forecast"]
    asked = _asked(model.plan, cells, forecast)
    chosen = _categories(model, parameters.get("category"))
    context.progress(0.1, "Sorting incidents into cells and shifts")
    panel = _known(model, cells, tables["incidents"], asked.instances.start[0])
    context.progress(0.3, "Computing what was known")
    features = planning.features_of(model, panel, places, days, asked.instances)
    done = 0

    def one(number: int) -> Contributions:
        nonlocal done
        found = contributions(model.categories[chosen[number]], features, chosen[number], asked.cell, asked.instance)
        done += 1
        context.progress(0.3 + 0.6 * done / len(chosen), "Taking the forecast apart")
        return found

    made = Workers(settings.threads(parameters)).each(one, len(chosen))
    fields = list(expected_fields(each.label for each in model.categories).values())
    if any(_differs(made[n], forecast, fields[category]) for n, category in enumerate(chosen)):
        warnings.append(
            "The forecast was made with other incidents or another model; the reasons are those of today's. "
            "Run Forecast risk again to bring both together."
        )
    for text in warnings:
        context.warning(text)
    most = int(parameters.get("reasons") or _REASONS)
    parts = [_rows(model, features, asked, category, part, most) for category, part in zip(chosen, made)]
    table = _table(parts, forecast, model)
    values = {"rows": len(table), "as_of": settings.words(panel.end), "warnings": list(warnings)}
    return JobResult({**values, "time_zone": model.plan.time_zone}, {"explanations": table})


def _asked(plan: ShiftPlan, cells: Cells, forecast: Table) -> _Asked:
    """Where the forecast's rows are in the grid and in the coming shifts; at least a week of these, for the average."""
    if len(forecast) == 0:
        raise InputError("There is no row of the forecast to explain.", "Choose cells that the forecast has.")
    if len(forecast) > _MOST_ROWS:
        raise InputError(
            f"There are {len(forecast):,} cells and shifts to explain; {_MOST_ROWS:,} can be explained at once.",
            "Choose fewer cells or fewer shifts.",
        )
    keys = cell_keys(cells.column, cells.row)
    order = np.argsort(keys)
    wanted = cell_keys(forecast["col"], forecast["row"])
    place = order[np.minimum(np.searchsorted(keys, wanted, sorter=order), len(keys) - 1)]
    if (keys[place] != wanted).any():
        raise InputError(
            f"{int((keys[place] != wanted).sum())} rows of the forecast are in cells that the grid does not have.",
            "Choose the grid that the forecast was made with.",
        )
    start = forecast["start"].astype("datetime64[s]")
    first = start.min()
    span = max((start.max() - first).astype(np.int64) // 86_400, 7) + 1
    instances = plan.following(first, sum(len(shift.weekdays) for shift in plan.shifts) * (int(span) // 7 + 1))
    known = {(moment, shift): row for row, (moment, shift) in enumerate(zip(instances.start, instances.shift.tolist()))}
    names = [shift.name for shift in plan.shifts]
    number = {label: names.index(label) for label in forecast.labels["shift"] if label in names}
    at = [known.get((moment, number.get(name)), -1) for moment, name in zip(start, forecast.text("shift"))]
    instance = np.array(at, dtype=np.int64)
    if (instance < 0).any():
        raise InputError(
            "The forecast has shifts that the model does not know.", "Choose the model that the forecast was made with."
        )
    return _Asked(place, instance, instances)


def _known(model: Bundle, cells: Cells, incidents: Table, begin: np.datetime64) -> Panel:
    """What was known as the forecast began: a history that runs on is cut off, as the forecast did."""
    moments = [incidents[name][~np.isnat(incidents[name])] for name in ("start", "end", "reported")]
    last = max((times.max() for times in moments if len(times)), default=begin)
    labels = [each.label for each in model.categories]
    return panels.build(incidents, cells, model.plan, labels, begin if last > begin else None)


def _categories(model: Bundle, wanted: object) -> list[int]:
    labels = [each.label for each in model.categories]
    if not wanted:
        return list(range(len(labels)))
    if str(wanted) not in labels:
        raise InputError(f"The model does not know the category “{wanted}”.", f"It knows {', '.join(labels)}.")
    return [labels.index(str(wanted))]


def _differs(made: Contributions, forecast: Table, field: str) -> bool:
    """Whether the forecast says something else than what is being explained."""
    if field not in forecast:
        return True
    then = np.maximum(np.asarray(forecast[field], dtype=np.float64), 1e-9)
    return bool((np.abs(made.log_expected - np.log(then)) > _STALE).any())


def _rows(
    model: Bundle, features: Features, asked: _Asked, category: int, made: Contributions, most: int
) -> dict[str, Any]:
    """Columns of one category's reasons, the strongest first for every row."""
    size = np.abs(made.effect)
    order = np.argsort(-size, axis=1, kind="stable")[:, :most]
    rank = np.broadcast_to(np.arange(order.shape[1]), order.shape)
    # The strongest is told however weak it is, so that no cell goes without an answer.
    kept = (np.take_along_axis(size, order, axis=1) >= _LEAST_EFFECT) | (rank == 0)
    row, place = np.nonzero(kept)
    group = order[row, place]
    words = Words(features, category, model.categories[category].label)
    effect = made.effect[row, group]
    texts = [
        words.say(made.groups[g], int(asked.cell[r]), int(asked.instance[r]))
        for r, g in zip(row.tolist(), group.tolist())
    ]
    return {
        "row": row,
        "category": np.full(len(row), category, dtype=np.int32),
        "expected": np.exp(made.log_expected[row]).astype(np.float32),
        "average": np.full(len(row), np.exp(made.log_average), dtype=np.float32),
        "rank": (place + 1).astype(np.int32),
        "reason": [title(made.groups[g]) for g in group.tolist()],
        "text": texts,
        "direction": np.where(effect >= 0, 0, 1).astype(np.int32),
        "effect": np.exp(effect).astype(np.float32),
        "share": (100.0 * np.abs(effect) / np.maximum(size.sum(axis=1)[row], 1e-12)).astype(np.float32),
    }


def _table(parts: list[dict[str, Any]], forecast: Table, model: Bundle) -> Table:
    """All categories' reasons, in the order of the forecast's rows, then of the categories."""
    plain = {
        name: np.concatenate([part[name] for part in parts])
        for name in ("row", "category", "expected", "average", "rank", "direction", "effect", "share")
    }
    order = np.lexsort((plain["rank"], plain["category"], plain["row"]))
    row = plain.pop("row")[order]
    reason, reasons = encode_text([each for part in parts for each in part["reason"]])
    text, texts = encode_text([each for part in parts for each in part["text"]])
    place = {name: forecast[name][row] for name in ("col", "row", "district", "shift", "shift_date", "start", "end")}
    columns = {name: values[order] for name, values in {**plain, "reason": reason, "text": text}.items()}
    # What is forecast by a baseline is told: its reasons are of a simpler kind.
    ships, codes = encode_text([each.ships for each in model.categories])
    columns["forecast_by"] = ships[columns["category"]]
    first = ("category", "expected", "average", "rank", "reason", "text", "direction", "effect", "share", "forecast_by")
    labels = {
        **{name: forecast.labels[name] for name in ("district", "shift")},
        "category": tuple(each.label for each in model.categories),
        "direction": (RAISES, LOWERS),
        "reason": reasons,
        "text": texts,
        "forecast_by": codes,
    }
    return Table({**place, **{name: columns[name] for name in first}}, labels)
