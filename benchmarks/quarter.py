"""A quarter of a year of patrol, planned night by night: always the highest cells beside the published law.

    python benchmarks/quarter.py

Run it with the engine's Python; ``PATROL_STAGE`` or build/stage holds the staged plugin. Incidents, districts and
neighbourhoods of Philadelphia are read from ``../shared/data``, which is not part of the project; where that is absent,
the script says so. Each week of the last quarter of 2019 is forecast as it began. Missions of one night count as visits
for the nights after it. *Harm* is what the forecast expects, weighed by the default scale; *caught* is what happened.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, os.environ.get("PATROL_STAGE", str(ROOT / "build" / "stage")))

from cities import DATA, PHILADELPHIA  # noqa: E402 - needs the path above
from polygons import holding  # noqa: E402

from patrol_missions.core import weights  # noqa: E402
from patrol_missions.core.names import expected_fields  # noqa: E402
from patrol_missions.core.presets import DEFAULT_PRESET  # noqa: E402
from patrol_missions.core.tables import Table  # noqa: E402
from patrol_missions.engine.context import JobContext  # noqa: E402
from patrol_missions.engine.data.dose import Visits  # noqa: E402
from patrol_missions.engine.data.zones import zone  # noqa: E402
from patrol_missions.engine.forecast import inputs, settings, timeline, training  # noqa: E402
from patrol_missions.engine.forecast.backtest import MODEL  # noqa: E402
from patrol_missions.engine.forecast.panel import WEEK_S  # noqa: E402
from patrol_missions.engine.forecast.timeline import Design  # noqa: E402
from patrol_missions.engine.forecast.workers import Workers  # noqa: E402
from patrol_missions.engine.missions import candidates, planning  # noqa: E402
from patrol_missions.engine.missions.areas import Areas  # noqa: E402
from patrol_missions.engine.missions.circumstances import shift_instances  # noqa: E402
from patrol_missions.engine.missions.curve import unevenness  # noqa: E402
from patrol_missions.engine.missions.dosage import DoseRules, DoseState  # noqa: E402
from patrol_missions.engine.missions.overrides import Overrides  # noqa: E402
from patrol_missions.engine.missions.planning import Circumstances, Settings  # noqa: E402

UNTIL = "2020-01-01"
WEEKS = 13
PER_DISTRICT = 3
KEPT = (0.9, 0.95, 0.98)
EXPLORATION = 0.02
RULES = {
    "doses by default": DoseRules(),
    "limits alone": DoseRules(gamma=0.0, soft_minutes_24h=None, soft_minutes_7d=None, soft_minutes_28d=None),
}
"""Dosage: all of it, or just the limits that no mission may go beyond."""
CONTEXT = DATA / "context_philadelphia.gpkg"


@dataclass
class Quarter:
    """Forecasts and incidents of each week, by planned shift."""

    cells: Table
    weeks: list[Table]
    happened: list[np.ndarray]


class _Maps:
    """Keeps the model's maps of a backtest."""

    def __init__(self) -> None:
        self.expected: dict[tuple[int, int], np.ndarray] = {}
        self.happened: dict[tuple[int, int], Any] = {}

    def forecast(self, week: int, category: int, code: str, expected: np.ndarray, happened: Any) -> None:
        if code == MODEL:
            self.expected[week, category] = expected.astype(np.float32)
            self.happened[week, category] = happened

    def week_over(self, week: int, categories: Any) -> None:
        """Nothing is judged here."""


def forecast(weeks: int = WEEKS) -> Quarter:
    """Forecasts of the last weeks, each as it began, and preventable harm that happened, shape (shifts, cells)."""
    city = PHILADELPHIA
    incidents, cells = city.tables("2016-01-01", UNTIL)
    parameters: dict[str, Any] = {
        "cell_size_m": city.size_m,
        "time_zone": city.time_zone,
        "shifts": [dict(each) for each in city.shifts],
        "holidays": "US-PA",
    }
    read = inputs.read(
        parameters, {"incidents": incidents, "cells": cells}, JobContext(Path(tempfile.gettempdir()), lambda *_: None)
    )
    maps = _Maps()
    workers = Workers(settings.threads({}))
    tested = training.judge(read.panel, read.indicators, read.days, 1, workers, lambda *_: None, Design(weeks), maps)
    names = read.panel.categories
    value = np.array([each.value for each in weights.resolve(DEFAULT_PRESET, None, names)[0]])
    x, y = ((cells[axis] + 0.5) * city.size_m for axis in ("col", "row"))
    district = holding(CONTEXT, "police_districts", "dist_num", *city.degrees(x, y))
    quarter = Quarter(cells, [], [])
    for week, origin in enumerate(tested.timeline.backtest):
        rows = timeline.span(read.panel, int(origin), WEEK_S)
        shifts = read.panel.instances.take(rows)
        expected = np.stack([maps.expected[week, category] for category in range(len(names))])
        count, size = len(shifts), len(cells)
        columns = {axis: np.tile(cells[axis], count) for axis in ("col", "row")}
        for column, moments in (("shift_date", shifts.date), ("start", shifts.start), ("end", shifts.end)):
            columns[column] = np.repeat(moments.astype("datetime64[s]"), size)
        for field, values in zip(expected_fields(names).values(), expected):
            columns[field] = values.ravel()
        columns["harm"] = np.tensordot(value, expected.astype(np.float64), 1).ravel()
        shift = [read.panel.plan.shifts[number].name for number in np.repeat(shifts.shift, size).tolist()]
        table = (
            Table(columns)
            .with_text("shift", shift)
            .with_text("district", [None if each is None else str(each) for each in district.tolist()] * count)
        )
        quarter.weeks.append(table)
        caught = np.zeros((count, size))
        for category in range(len(names)):
            instance, cell, number = maps.happened[week, category]
            np.add.at(caught, (instance.astype(int), cell.astype(int)), number * value[category])
        quarter.happened.append(caught)
    return quarter


def tracts(cells: Table) -> Table:
    """The census tract of each cell and its share of the people there: a table of areas as the engine takes it."""
    at = PHILADELPHIA.degrees(*((cells[axis] + 0.5) * PHILADELPHIA.size_m for axis in ("col", "row")))
    tract = holding(CONTEXT, "census_tracts_pop", "GEOID", *at)
    people = holding(CONTEXT, "census_tracts_pop", "total_pop", *at).astype(float)
    there = np.array([each is not None for each in tract])
    number, count = np.unique(tract[there].astype(str), return_inverse=True, return_counts=True)[1:]
    people[there] /= count[number]
    return Table({"col": cells["col"], "row": cells["row"], "people": people}).with_text("area", tract.tolist())


@dataclass
class Kept:
    """What a quarter of plans comes to; a row per planned shift, or per cell."""

    harm: float = 0.0
    caught: float = 0.0
    visits: np.ndarray | None = None  # shape (shifts, cells)


def always_the_highest(quarter: Quarter) -> Kept:
    """The best cells of every district, every shift."""
    return _over(quarter, None)


def by_the_law(quarter: Quarter, chosen: Settings, rules: DoseRules | None) -> Kept:
    """The published law, each plan for a week with the missions of the weeks before as visits."""
    return _over(quarter, (chosen, rules))


def _over(quarter: Quarter, law: tuple[Settings, DoseRules | None] | None) -> Kept:
    clock, cells = zone(PHILADELPHIA.time_zone), len(quarter.cells)
    result, rows = Kept(), []
    past: list[tuple[np.ndarray, np.ndarray]] = []  # cells and ends of missions
    for week, (table, happened) in enumerate(zip(quarter.weeks, quarter.happened)):
        found = candidates.read(table, {})
        asked = np.full(len(found.groups), PER_DISTRICT)
        if law is None:
            selected = _highest(found)
        else:
            chosen, rules = law
            dose = None if rules is None else _doses(found, past, rules, clock, chosen.dose_minutes)
            given = Circumstances(Areas.none(cells), Overrides.none(cells), dose)
            drawn = planning.run(found, Settings(**{**vars(chosen), "seed": chosen.seed + week}), asked, given)
            selected = drawn.selected
        instance = np.unique(found.groups.start[found.group], return_inverse=True)[1]
        there = np.zeros((instance.max() + 1, cells), dtype=bool)
        place = _place(found, quarter.cells)
        there[instance[selected], place[selected]] = True
        rows.append(there)
        result.harm += float(found.harm[selected].sum())
        result.caught += float(happened[there].sum())
        ends = found.groups.end[found.group].astype(np.int64)
        past.append((found.cell[selected], ends[selected]))
    result.visits = np.concatenate(rows)
    return result


def _highest(found: candidates.Candidates) -> np.ndarray:
    order = np.lexsort((-found.harm, found.group))
    starts = np.cumsum(found.groups.cells) - found.groups.cells
    selected = np.zeros(len(found.harm), dtype=bool)
    selected[order] = np.arange(len(order)) - np.repeat(starts, found.groups.cells) < PER_DISTRICT
    return selected


def _doses(found: Any, past: Any, rules: DoseRules, clock: Any, minutes: float) -> DoseState:
    cell = np.concatenate([np.zeros(0, dtype=np.int64), *(each for each, _ in past)])
    end = np.concatenate([np.zeros(0, dtype=np.int64), *(each for _, each in past)])
    begin = end - 4 * 3600  # somewhere in the middle of an eight-hour shift
    visits = Visits.of(len(found.columns), cell, begin, begin + int(60 * minutes))
    first = int(found.groups.start[0].astype(np.int64))
    return DoseState.of(visits, first, rules, shift_instances(found.groups, clock), minutes)


def _place(found: candidates.Candidates, cells: Table) -> np.ndarray:
    keys = {key: number for number, key in enumerate(zip(cells["col"].tolist(), cells["row"].tolist()))}
    order = np.array([keys[key] for key in zip(found.columns.tolist(), found.rows.tolist())])
    return order[found.cell]


def _longest_run(visits: np.ndarray) -> int:
    """Most shifts in a row with a mission in one cell."""
    longest, running = 0, np.zeros(visits.shape[1], dtype=int)
    for shift in visits:
        running = (running + 1) * shift
        longest = max(longest, int(running.max()))
    return longest


def main() -> None:
    """Print the table."""
    if not PHILADELPHIA.path.is_file():
        print(f"REAL DATA ABSENT: {PHILADELPHIA.path} does not exist, so nothing was measured.")
        return
    quarter = forecast()
    areas = Areas.of(tracts(quarter.cells), quarter.cells["col"], quarter.cells["row"])
    harm = np.zeros(len(quarter.cells))
    for table in quarter.weeks:
        found = candidates.read(table, {})
        harm += np.bincount(_place(found, quarter.cells), found.harm, minlength=len(harm))
    ways: dict[str, Any] = {"always the highest": lambda: always_the_highest(quarter)}
    for kept in KEPT:
        chosen = Settings(harm_kept=kept, exploration=EXPLORATION)
        ways[f"the law, {100 * kept:g} % kept, no doses"] = lambda chosen=chosen: by_the_law(quarter, chosen, None)
        for name, rules in RULES.items():
            ways[f"the law, {100 * kept:g} % kept, {name}"] = lambda chosen=chosen, rules=rules: by_the_law(
                quarter, chosen, rules
            )
    print(
        f"{len(quarter.cells):,} cells, {quarter.weeks[0].labels['district'].__len__()} districts, {WEEKS} weeks, "
        f"{PER_DISTRICT} missions a district and shift\n"
    )
    print("| plans | harm | caught | cells visited | longest run | uneven by harm | uneven by people | s |")
    print("|---|---:|---:|---:|---:|---:|---:|---:|")
    best = None
    for name, way in ways.items():
        start = time.perf_counter()
        made = way()
        best = best or made
        total = made.visits.sum(axis=0).astype(float)
        print(
            f"| {name} | {100 * made.harm / best.harm:.1f} % | {100 * made.caught / best.caught:.1f} % "
            f"| {int((total > 0).sum()):,} | {_longest_run(made.visits)} | {unevenness(areas, total, harm):.3f} "
            f"| {unevenness(areas, total, areas.people):.3f} | {time.perf_counter() - start:.1f} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
