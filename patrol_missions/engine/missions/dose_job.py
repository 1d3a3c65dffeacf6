"""The job ``dose_map``: what patrol has done in every cell lately, what of it still acts, and where it is enough."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import numpy as np

from patrol_missions.core.errors import InputError
from patrol_missions.core.jobs import JobResult
from patrol_missions.core.law_groups import Floats, Ints
from patrol_missions.core.tables import Table
from patrol_missions.engine.context import JobContext
from patrol_missions.engine.data.dose import FULL_MIN, SHORTEST_MIN, Visits
from patrol_missions.engine.data.shifts import ShiftPlan
from patrol_missions.engine.data.zones import Zone
from patrol_missions.engine.forecast import settings
from patrol_missions.engine.forecast.panel import DAY_S
from patrol_missions.engine.missions import presence
from patrol_missions.engine.missions.areas import Areas
from patrol_missions.engine.missions.dosage import AT_HARD, COOLING, OVER_SOFT, RESTING, STATES, DoseRules, DoseState
from patrol_missions.engine.missions.planning import Settings

_OPTIONAL = ", or leave the visits blank"  # in sentences for algorithms that do without
_DAYS = 28
_LATE_DAYS = 3
_BESIDE = 0.01  # share of visits beside another that is worth a word


def run(parameters: Mapping[str, Any], tables: Mapping[str, Table], context: JobContext) -> JobResult:
    """Doses per cell as of a moment.

    Parameters
    ----------
    parameters
        ``cell_size_m``; ``as_of`` (ISO, UTC; null for the end of the last visit); ``shifts`` (rows) and ``time_zone``
        (IANA), by which shifts in a row are told; ``rules``, as :meth:`DoseRules.of` takes them; ``dose_minutes`` of
        one more mission.
    tables
        ``cells`` (``col, row, district``), ``visits`` (``x, y`` in the grid's CRS, ``start, end`` in UTC or
        ``start_local, end_local``); perhaps ``people`` (``col, row, people``: residents and workers of a cell).
    context
        Takes progress and warnings.

    Returns
    -------
    JobResult
        Table ``doses``, a row per cell; the totals, the settings used and the warnings.
    """
    rules = DoseRules.of(parameters.get("rules") or {})
    dose_minutes = Settings(dose_minutes=float(parameters.get("dose_minutes") or FULL_MIN)).dose_minutes
    plan = settings.shift_plan(parameters)
    cells = tables["cells"]
    visits, warnings = _read(cells, tables["visits"], float(parameters["cell_size_m"]), plan.zone, context)
    as_of = _moment(visits, parameters.get("as_of"))
    context.progress(0.4, "Adding up the visits")
    people = Areas.of(tables["people"], cells["col"], cells["row"]).people if "people" in tables else None
    shifts = _shifts(plan, as_of, rules)
    state = DoseState.of(visits, as_of, rules, shifts, dose_minutes, people)
    lately = visits.between(as_of - _DAYS * DAY_S, as_of)
    told = [*warnings, *_about_time(visits, lately, as_of), *_about_doubles(lately)]
    for sentence in told:
        context.warning(sentence)
    context.progress(0.8, "Telling where it is enough")
    values = {
        "as_of": settings.words(as_of),
        "visits": len(lately),
        **_totals(state),
        "rules": asdict(rules),
        "dose_minutes": dose_minutes,
        "time_zone": plan.time_zone,
        "warnings": told,
    }
    context.progress(1.0)
    table = _table(cells, state, lately, people)
    opens = _closed_until(state, shifts[0])
    return JobResult(values, {"doses": Table({**table.columns, "closed_until": opens}, table.labels)})


def _read(cells: Table, table: Table, size_m: float, zone: Zone, context: JobContext) -> tuple[Visits, tuple[str, ...]]:
    """The visits in cells, and what to know about them; says in the log how many rows do not count."""
    try:
        visits, warnings = presence.read(cells, table, size_m, zone)
    except InputError as error:
        raise InputError(error.message, error.hint.replace(_OPTIONAL, "")) from error
    lost = len(table) - len(visits)
    if lost:
        context.log(f"Visits outside the grid, without a place or a time, or below {SHORTEST_MIN:g} minutes: {lost:,}.")
    return visits, warnings


def _moment(visits: Visits, as_of: Any) -> int:
    """The moment asked for, or the end of the last visit, seconds UTC."""
    asked = settings.moment(as_of, "as-of time")
    if asked is not None:
        return int(asked.astype(np.int64))
    if len(visits) == 0:
        raise InputError(
            "There is no visit of patrol of two minutes or more, and none to tell the moment of the map by.",
            "Choose a layer with visits, or give a moment.",
        )
    return int(visits.end[-1])


def _shifts(plan: ShiftPlan, as_of: int, rules: DoseRules) -> tuple[Ints, Ints]:
    """Starts and ends of the shifts of four weeks, the one under way included, and of those in which cells open again.

    Nothing closes a cell for longer than the longest limit looks back and the cool-down after it.
    """
    ahead = int(_DAYS * DAY_S + rules.cool_down_hours * 3_600) + 1
    first, last = (np.datetime64(moment, "s") for moment in (as_of - _DAYS * DAY_S, as_of + ahead))
    found = plan.instances(first, last)
    return found.start.astype(np.int64), found.end.astype(np.int64)


def _closed_until(state: DoseState, starts: Ints) -> np.ndarray:
    """Start of the first shift in which each closed cell is open again if no patrol comes before; NaT for the others.

    A cell stays NaT, too, when a limit per 1,000 people has no room for even one mission.
    """
    until = np.full(len(state.open), np.datetime64("NaT"), dtype="datetime64[s]")
    closed = ~state.open
    for start in starts[starts > state.moment_s].tolist():
        if not closed.any():
            break
        opens = closed & state.at(start).open
        until[opens] = np.datetime64(start, "s")
        closed &= ~opens
    return until


def _about_time(visits: Visits, lately: Visits, as_of: int) -> list[str]:
    """What to know about when the visits were."""
    day = settings.words(as_of)[:10]
    told = []
    later = int((visits.end > as_of).sum())
    if later:
        told.append(f"Visits of patrol that ended after the moment of the map, and do not count: {later:,}.")
    if len(lately) == 0:
        told.append(f"No visit of patrol ended in the {_DAYS} days up to {day}: nothing is left of any.")
        return told
    quiet = (as_of - int(lately.end[-1])) / DAY_S
    if quiet > _LATE_DAYS:
        told.append(f"The last visit of patrol ended {quiet:.0f} days before {day}; what came since is not in the map.")
    known = (as_of - int(visits.end[0])) / DAY_S
    if known < _DAYS - 1:
        back = f"{known:.0f} days" if known >= 1.5 else "one day"
        told.append(f"The visits of patrol go back {back}; minutes in {_DAYS} days are those of fewer days.")
    return told


def _about_doubles(lately: Visits) -> list[str]:
    """Two patrols at a time in a cell, or one of them twice: no field says which."""
    beside = int(lately.beside_another.sum())
    if beside < max(_BESIDE * len(lately), 1):
        return []
    text = f"{beside:,} of {len(lately):,} visits began while another went on in their cell, and both count. Whether "
    return [text + "they are two patrols or one written down twice cannot be told: no field about units is read."]


def _totals(state: DoseState) -> dict[str, float | int | None]:
    """Sums over all cells; the shares of all minutes in 28 days that fell in the busiest cells."""
    number = np.bincount(state.state, minlength=len(STATES)).tolist()
    return {
        "minutes_24h": float(state.minutes_24h.sum()),
        "minutes_7d": float(state.minutes_7d.sum()),
        "minutes_28d": float(state.minutes_28d.sum()),
        "cells": len(state.state),
        "cells_visited": int((state.minutes_28d > 0).sum()),
        "over_soft": number[OVER_SOFT],
        "at_hard": number[AT_HARD],
        "cooling": number[COOLING],
        "resting": number[RESTING],
        "busiest_1_percent": _busiest(state.minutes_28d, 0.01),
        "busiest_5_percent": _busiest(state.minutes_28d, 0.05),
    }


def _busiest(minutes: Floats, share: float) -> float | None:
    """Share of the minutes in so large a share of the cells, those with most; ``None`` without any minutes."""
    total = float(minutes.sum())
    most = np.sort(minutes)[-max(int(np.ceil(share * len(minutes))), 1) :]
    return float(most.sum()) / total if total > 0 else None


def _table(cells: Table, state: DoseState, lately: Visits, people: Floats | None) -> Table:
    last = np.full(len(cells), np.datetime64("NaT"), dtype="datetime64[s]")
    last[lately.cell] = lately.end.astype("datetime64[s]")  # in the order in which they ended
    columns: dict[str, np.ndarray] = {
        **{name: cells[name] for name in ("col", "row", "district") if name in cells},
        "as_of": np.full(len(cells), state.moment_s).astype("datetime64[s]"),
        "minutes_24h": state.minutes_24h.astype(np.float32),
        "minutes_7d": state.minutes_7d.astype(np.float32),
        "minutes_28d": state.minutes_28d.astype(np.float32),
        "visits_28d": np.bincount(lately.cell, minlength=len(cells)).astype(np.int32),
        "last_visit": last,
        "consecutive_shifts": state.consecutive.astype(np.int32),
        "state": state.state.astype(np.int32),
        "open": state.open,
        "residual_deterrence": state.residual.astype(np.float32),
        "worth": state.worth.astype(np.float32),
    }
    if people is not None:
        columns["people"] = people.astype(np.float32)
        columns["per_1000_28d"] = state.per_1000_28d.astype(np.float32)
    return Table(columns, {**cells.labels, "state": STATES})
