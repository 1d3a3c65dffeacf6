"""The job ``check_incidents``: a raw incident table in; a clean one, findings and a report out."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timezone
from typing import Any

import numpy as np

from patrol_missions.core.errors import InputError
from patrol_missions.core.jobs import JobResult
from patrol_missions.core.tables import Table
from patrol_missions.engine.context import JobContext
from patrol_missions.engine.data import quality
from patrol_missions.engine.data.categories import map_all
from patrol_missions.engine.data.record import raw_types, read, read_cells
from patrol_missions.engine.data.zones import zone
from patrol_missions.engine.reports import incident_report

_REPORT = "report.html"


def run(parameters: Mapping[str, Any], tables: Mapping[str, Table], context: JobContext) -> JobResult:
    """Check ``incidents_raw`` against ``cells``.

    Parameters: ``cell_size_m``, ``time_zone`` (IANA), ``times_are`` (``"local"`` or ``"utc"``), ``category_map`` (rows
    with raw, category, use, reason; may be empty), ``minimum_geocoding_rate`` (percent), ``layer_name``, and optionally
    ``now`` (ISO, UTC), after which rows lie in the future. Columns of ``incidents_raw``: ``x, y`` in the grid's system,
    ``category``, ``start``, and optionally ``raw_x, raw_y, end, reported, event_id`` and the source's own ``district``
    as coded text, which adds geocoding rates by district.

    Tables out: ``incidents``, ``findings``, ``category_map``. A table that is not fit for a plan is no error: the
    verdict is ``"stop"``, with the reason in ``sentence``.
    """
    times_are = str(parameters.get("times_are") or "local").lower()
    if times_are not in ("local", "utc"):
        raise InputError(f"Times are said to be “{times_are}”.", "Choose local or utc.")
    minimum = float(parameters.get("minimum_geocoding_rate", 85))
    if not 0 <= minimum <= 100:
        raise InputError(f"The minimum geocoding rate is {minimum:g} %.", "Give a percentage from 0 to 100.")
    raw = tables["incidents_raw"]
    cells = read_cells(tables["cells"], float(parameters["cell_size_m"]))
    if len(cells.columns) == 0:
        raise InputError("The grid has no cells.", "Build the grid again over your boundary.")

    context.progress(0.0, "Mapping crime types")
    codes, types = raw_types(raw)
    mapping = map_all(types, parameters.get("category_map") or ())
    context.progress(0.05, "Reading dates and places")
    record = read(raw, cells, zone(str(parameters["time_zone"])), times_are == "utc", codes, mapping)
    context.progress(0.4, "Checking")
    checked = quality.check(record, cells, minimum / 100, _now(parameters.get("now")))
    context.progress(0.7, "Writing the clean table")
    incidents = quality.clean_table(checked)
    context.progress(0.8, "Writing the report")
    page = incident_report.render(checked, str(parameters.get("layer_name") or "Incidents"))
    (context.folder / _REPORT).write_text(page, encoding="utf-8")
    context.progress(1.0, "Done")
    counts = np.bincount(incidents["category"], minlength=len(incidents.labels["category"]))
    values = {
        "verdict": checked.verdict,
        "sentence": checked.sentence,
        "rows_read": len(record),
        "rows_kept": len(incidents),
        "categories": dict(zip(incidents.labels["category"], counts.tolist())),
        "first_date": _date(checked.history.first),
        "last_date": _date(checked.history.last),
    }
    result = {
        "incidents": incidents,
        "findings": quality.findings_table(checked),
        "category_map": quality.mapping_table(record),
    }
    return JobResult(values, result, {"report": _REPORT})


def _now(text: object) -> np.datetime64:
    moment = datetime.fromisoformat(str(text).replace("Z", "+00:00")) if text else datetime.now(timezone.utc)
    if moment.tzinfo is not None:
        moment = moment.astimezone(timezone.utc).replace(tzinfo=None)
    return np.datetime64(moment, "s")


def _date(day: np.datetime64) -> str | None:
    return None if np.isnat(day) else str(day)
