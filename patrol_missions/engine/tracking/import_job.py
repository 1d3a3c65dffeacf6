"""The job ``import_tracks``: logs of past patrols in, visits of patrol out, and perhaps into a ledger."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import fields, replace
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np

from patrol_missions.core.errors import InputError
from patrol_missions.core.jobs import JobResult
from patrol_missions.core.tables import Table
from patrol_missions.engine.context import JobContext
from patrol_missions.engine.data.dates import parse_dates
from patrol_missions.engine.data.zones import Zone, zone
from patrol_missions.engine.tracking import trails
from patrol_missions.engine.tracking.fixes import Belief, Fix
from patrol_missions.engine.tracking.ledger import Ground, open_ledger
from patrol_missions.engine.tracking.lines import NO_TIME, NO_UNIT
from patrol_missions.engine.tracking.past import Past, Reports, fold
from patrol_missions.engine.tracking.projection import projection
from patrol_missions.engine.tracking.stays import Rules
from patrol_missions.engine.tracking.track_files import TrackFile

_READ, _TOLD = 0.5, 0.9  # of the work once all is read, and once all stays are told


def run(parameters: Mapping[str, Any], tables: Mapping[str, Table], context: JobContext) -> JobResult:
    """Tell where units were, and for how long.

    Parameters
    ----------
    parameters
        ``crs`` of the grid (anything that PROJ takes) and ``cell_size_m``. ``files`` (paths of logs; a log that does
        not name its unit is of the unit that the file is named after). Perhaps ``time_zone`` (IANA; of times that do
        not say theirs; UTC by default), ``rules`` {name of a field of :class:`Rules` or :class:`Belief`: number}, and
        ``ledger`` (a file or an address), to which the stays are added, and whether ``trails`` are wanted.
    tables
        Perhaps ``fixes`` (``unit, at``, ``longitude, latitude`` in WGS 84, perhaps ``accuracy_m``), and ``cells``
        (``col, row``): what happened elsewhere is then not kept.
    context
        Takes progress and warnings.

    Returns
    -------
    JobResult
        Tables ``visits`` (:func:`visits_table.table`; passes are in it, too), ``refused`` (``reason, reports``), and
        where they are wanted ``trails`` (:func:`trails.table`); the totals, how many stays were new to the ledger, and
        the warnings.
    """
    rules, belief = _settings(parameters)
    project = projection(str(parameters["crs"]))
    clock = str(parameters.get("time_zone") or "UTC")
    reports, warnings = _read(parameters.get("files") or [], tables.get("fixes"), zone(clock), belief, context)
    part = context.part(_READ, _TOLD)
    whole = fold(reports, project, rules, lambda done: part.progress(done, "Telling the stays"))
    past = whole
    if "cells" in tables:
        past = whole.within(set(zip(tables["cells"]["col"].tolist(), tables["cells"]["row"].tolist())))
        if whole.entries and not past.entries:
            warnings.append("No unit was ever inside the grid: see whether tracks and grid are of the same place.")
    visits = [each for each in past.entries if each.is_visit]
    values = {
        "reports": len(reports),
        "units": len(reports.units()),
        "visits": len(visits),
        "passes": len(past.entries) - len(visits),
        "minutes": sum(each.stay.seconds for each in visits) / 60.0,
        "outside": len(whole.entries) - len(past.entries),
        "refused": whole.refused,
        "added": _add(parameters, past, rules, context),
        "warnings": warnings,
    }
    for sentence in warnings:
        context.warning(sentence)
    context.progress(1.0)
    counts = Table({"reports": np.array(list(whole.refused.values()), dtype=np.int64)})
    results = {"visits": past.table(rules.size_m), "refused": counts.with_text("reason", whole.refused)}
    if parameters.get("trails"):
        results["trails"] = trails.table(reports.trails())
    return JobResult(values, results)


def _settings(parameters: Mapping[str, Any]) -> tuple[Rules, Belief]:
    given: dict[str, Any] = {str(name): float(value) for name, value in (parameters.get("rules") or {}).items()}
    known = {each.name for kind in (Rules, Belief) for each in fields(kind)} - {"size_m", "jumps"}
    for name, value in given.items():
        if name not in known or not 0 <= value < float("inf"):
            raise InputError(f"The rule {name} = {value:g} is none that stays are told by.", "Give a number from 0 on.")
    size_m = float(parameters["cell_size_m"])
    if not size_m > 0:
        raise InputError(f"The cell size is {size_m:g} m.", "Give a size above zero.")
    of_belief = {each.name for each in fields(Belief)}
    belief = Belief(**{name: value for name, value in given.items() if name in of_belief})
    return replace(Rules(size_m=size_m), **{name: given[name] for name in given if name not in of_belief}), belief


def _read(
    files: list[str], table: Table | None, clock: Zone, belief: Belief, context: JobContext
) -> tuple[Reports, list[str]]:
    """All reports, and sentences on files that could not be read."""
    reports = Reports(belief, time.time())
    failures: list[InputError] = []
    for number, name in enumerate(files):
        path = Path(name)
        context.progress(_READ * number / len(files), f"Reading {path.name}")
        log = TrackFile(path, path.name.split(".")[0], ZoneInfo(clock.name))
        try:
            for fix in log.fixes():
                reports.add(fix)
        except InputError as error:
            failures.append(error)
        reports.refused.update(log.rejected)
    if table is not None:
        context.progress(0.0, "Reading the positions")
        for each in _rows(table, clock, reports):
            reports.add(each)
    if len(reports) == 0:
        raise (
            failures[0]
            if len(failures) == 1
            else InputError(
                f"No position can be used{_why(reports)}.", "Choose logs or points with a unit, a time and a place."
            )
        )
    return reports, [str(each) for each in failures]


def _why(reports: Reports) -> str:
    told = ", ".join(f"{why}: {count:,}" for why, count in reports.refused.most_common(3))
    return f" ({told})" if told else ""


def _rows(table: Table, clock: Zone, reports: Reports) -> Iterator[Fix]:
    """Reports of a table; rows without a unit or a time are refused."""
    moments = parse_dates(table["at"]).to_utc(clock, written_in_utc=False)
    unknown = np.isnat(moments)
    accuracy = table["accuracy_m"] if "accuracy_m" in table else np.full(len(table), np.nan)
    columns = (moments.astype(np.int64), table["longitude"], table["latitude"], accuracy)
    for unit, untimed, at, longitude, latitude, off in zip(
        table.text("unit"), unknown.tolist(), *(each.tolist() for each in columns)
    ):
        if untimed or not unit:
            reports.refused[NO_UNIT if not unit else NO_TIME] += 1
        else:
            yield Fix(str(unit), float(at), longitude, latitude, None if np.isnan(off) else off)


def _add(parameters: Mapping[str, Any], past: Past, rules: Rules, context: JobContext) -> int | None:
    """How many stays were new to the ledger; ``None`` without one."""
    if not parameters.get("ledger"):
        return None
    context.progress(_TOLD, "Adding to the ledger")
    with open_ledger(str(parameters["ledger"]), Ground(str(parameters["crs"]), rules.size_m), create=True) as ledger:
        return ledger.add_past(past.entries, past.gaps)
