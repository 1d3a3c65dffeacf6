"""The job ``forecast_risk``: tonight's forecast from a bundle and the newest incidents, without training."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timezone
from typing import Any

import numpy as np

from patrol_missions.core import weights
from patrol_missions.core.errors import InputError
from patrol_missions.core.jobs import JobResult
from patrol_missions.core.names import expected_fields
from patrol_missions.core.tables import Table
from patrol_missions.engine.context import JobContext
from patrol_missions.engine.data.shifts import ShiftPlan
from patrol_missions.engine.forecast import inputs, panel, planning, reasons, settings
from patrol_missions.engine.forecast.bundle import Bundle
from patrol_missions.engine.forecast.panel import DAY_S, Cells, Panel
from patrol_missions.engine.forecast.planning import Plan
from patrol_missions.engine.forecast.workers import Workers

_STALE_DAYS = 3
_FRESH_DAYS = 14
_PEAK_HOURS = 2.0
_LOST_HISTORY_DAYS = 30


def run(parameters: Mapping[str, Any], tables: Mapping[str, Table], context: JobContext) -> JobResult:
    """Expected incidents, harm, rank, peak hours and reasons per cell and shift.

    :raises InputError: when bundle, grid, incidents or weights do not fit together
    """
    given = inputs.read_for_model(parameters, tables)
    model, cells, places, days, warnings = given.model, given.cells, given.indicators, given.days, given.warnings
    if model.facts.get("weather") and days.weather is None:
        warnings.append("The model was tested with weather, and none is given: the forecast takes no notice of it.")
    context.progress(0.1, "Sorting incidents into cells and shifts")
    history, begin, said = _history(model, cells, tables["incidents"], parameters)
    warnings += said
    if places.patrol is not None:
        warnings += places.patrol.ends_early(history.end)
    count = int(parameters.get("shift_count") or 21)
    instances = model.plan.following(begin, count)
    if len(instances) == 0:
        raise InputError("No shift starts in the days asked for.", "Check the start and the weekdays of the shifts.")
    labels = [each.label for each in model.categories]
    resolved, about = weights.asked_for(parameters, labels)
    warnings += about
    context.progress(0.2, f"Forecasting {len(instances)} shifts")
    peak = float(parameters.get("peak_hours") or _PEAK_HOURS)
    values = [weight.value for weight in resolved]
    plan = planning.forecast(
        model, history, places, days, instances, values, peak, Workers(settings.threads(parameters))
    )
    context.progress(0.8, "Writing the reasons")
    codes, texts = reasons.explain(plan, model.categories)
    for text in warnings:
        context.warning(text)
    table = _table(plan, model.plan, tables["cells"], labels, codes, texts)
    return JobResult(
        {
            "start": settings.words(instances.start[0]),
            "as_of": settings.words(history.end),
            "time_zone": model.plan.time_zone,
            "shifts": len(instances),
            "warnings": list(warnings),
            "categories": expected_fields(labels),
            "weights": [
                {"category": w.category, "severity": w.severity, "preventability": w.preventability, "basis": w.basis}
                for w in resolved
            ],
        },
        {"forecast": table},
    )


def _history(
    model: Bundle, cells: Cells, incidents: Table, parameters: Mapping[str, Any]
) -> tuple[Panel, np.datetime64, list[str]]:
    """What is known, the moment from which to plan, and warnings about the history."""
    labels = [each.label for each in model.categories]
    asked = settings.moment(parameters.get("start"), "start")
    # A history that runs on after the start is cut off there: only what was known then counts.
    whole = panel.build(incidents, cells, model.plan, labels, asked)
    now = settings.moment(parameters.get("now"), "present time") or np.datetime64(
        datetime.now(timezone.utc).replace(tzinfo=None), "s"
    )
    begin, warnings = _begin(asked, whole.end, now, model.plan)
    late = (int(begin.astype(np.int64)) - whole.end) / DAY_S
    if late > _STALE_DAYS:
        warnings.append(
            f"The newest incident became known {late:.0f} days before the first shift; later ones are missing."
        )
    learned = settings.moment(model.facts.get("history_begin"), "history's begin")
    lost = 0.0 if learned is None else (whole.begin - int(learned.astype(np.int64))) / DAY_S
    if lost > _LOST_HISTORY_DAYS:
        warnings.append(
            f"The incidents begin {lost:.0f} days later than those the model was trained on; give it the whole "
            "history, or cells that were busy long ago look quiet."
        )
    unknown = [label for label in settings.present(incidents, None)[0] if label not in labels]
    if unknown:
        warnings.append(f"The model does not know {', '.join(sorted(unknown))}; train it again to forecast them.")
    return whole, begin, warnings


def _begin(
    asked: np.datetime64 | None, end: int, now: np.datetime64, plan: ShiftPlan
) -> tuple[np.datetime64, list[str]]:
    """Moment from which shifts are planned: as asked, else now, else right after a history that ended long ago."""
    if asked is not None:
        return asked, []
    last = np.datetime64(end, "s")
    if np.timedelta64(0, "s") <= now - last <= np.timedelta64(_FRESH_DAYS, "D"):
        return now, []
    start = plan.following(last, 1).start
    first = start[0] if len(start) else last
    ended, local = (str(each)[:16].replace("T", " ") for each in plan.zone.to_local(np.array([last, first])))
    ended = ended[:10]
    text = (
        f"No start was given and the history ends on {ended}, so the forecast begins with the next shift, "
        f"{local} local time."
    )
    return last, [text]


def _table(
    plan: Plan, shifts: ShiftPlan, cells: Table, labels: list[str], codes: np.ndarray, texts: tuple[str, ...]
) -> Table:
    """The forecast table, shift by shift, cells in the order of the grid."""
    instances, count = plan.instances, len(cells)

    def per_cell(values: np.ndarray) -> np.ndarray:
        return np.tile(values, len(instances))

    def per_shift(values: np.ndarray) -> np.ndarray:
        return np.repeat(values, count)

    rank = plan.rank.reshape(-1)
    columns = {
        "col": per_cell(cells["col"]),
        "row": per_cell(cells["row"]),
        "district": per_cell(cells["district"]) if "district" in cells else np.full(len(rank), -1, dtype=np.int32),
        "shift": per_shift(instances.shift.astype(np.int32)),
        "shift_date": per_shift(instances.date.astype("datetime64[s]")),
        "start": per_shift(instances.start),
        "end": per_shift(instances.end),
        "exposure_hours": per_shift(instances.exposure_hours.astype(np.float32)),
    }
    for index, name in enumerate(expected_fields(labels).values()):
        columns[name] = plan.expected[index].reshape(-1)
    columns |= {
        "harm": plan.harm.reshape(-1),
        "rank": rank,
        "percentile": (100.0 * (count - rank) / max(count - 1, 1)).astype(np.float32),
        "top_category": plan.top.reshape(-1).astype(np.int32),
        "peak_start": plan.peak_start.reshape(-1),
        "peak_end": plan.peak_end.reshape(-1),
        "reasons": codes.reshape(-1),
    }
    coded = {
        "district": cells.labels.get("district", ()),
        "shift": tuple(each.name for each in shifts.shifts),
        "top_category": tuple(labels),
        "reasons": texts,
    }
    return Table(columns, coded)
