"""Plans of a week under limits of dose: whatever moment of their shift missions are carried out at, the limits hold."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from missions_forecast import LABELS, forecast

from patrol_missions.core.tables import Table
from patrol_missions.engine.context import JobContext
from patrol_missions.engine.missions.allocate_job import run

SIZE_M = 250.0
DAY_S = 86_400
SHIFTS = 21
FORECAST = forecast([("North", 12), ("South", 9)], shifts=SHIFTS)
CELLS = np.unique(np.column_stack([FORECAST["col"], FORECAST["row"]]), axis=0)
FIRST = FORECAST["start"].min()


def history(rng: np.random.Generator, count: int) -> Table:
    """Visits of 1 to 40 minutes in the four weeks before the plan, most of them in few cells."""
    cell = CELLS[(len(CELLS) * rng.random(count) ** 3).astype(int)]
    end = FIRST - (rng.random(count) * 28 * DAY_S).astype("timedelta64[s]")
    x, y = ((cell[:, axis] + 0.5) * SIZE_M for axis in (0, 1))
    return Table({"x": x, "y": y, "start": end - rng.integers(60, 2_400, count).astype("timedelta64[s]"), "end": end})


def missions(folder: Path, visits: Table, seed: int, **more: Any) -> Table:
    """The missions of a week, three per district and shift."""
    people = {"people": np.where(np.arange(len(CELLS)) % 3 == 0, 400.0, np.nan)}
    areas = Table({"col": CELLS[:, 0], "row": CELLS[:, 1], **people}).with_text("area", ["All"] * len(CELLS))
    given = {"time_zone": "America/New_York", "labels": LABELS, "cell_size_m": SIZE_M, "seed": seed, **more}
    tables = {"forecast": FORECAST, "visits": visits, "areas": areas}
    return run(given, tables, JobContext(folder, lambda _: None)).tables["missions"]


def cell_of(col: np.ndarray, row: np.ndarray) -> np.ndarray:
    """Indices of cells."""
    names = {tuple(each): place for place, each in enumerate(CELLS.tolist())}
    return np.array([names[pair] for pair in zip(col.tolist(), row.tolist())], dtype=np.int64)


@pytest.mark.parametrize("seed", range(8))
def test_no_cell_goes_beyond_a_hard_limit(seed: int, tmp_path: Path) -> None:
    rng = np.random.default_rng(seed)
    minutes = float(rng.choice([12.5, 15.0, 20.0]))
    rules = {
        "soft_minutes_24h": 20.0, "hard_minutes_24h": 45.0, "soft_minutes_7d": None, "hard_minutes_7d": 105.0,
        "soft_minutes_28d": 100.0, "hard_minutes_28d": 240.0, "hard_per_1000_28d": 300.0, "most_consecutive": None,
        "cool_down_hours": float(rng.choice([0.0, 24.0])),
    }  # fmt: skip
    visits = history(rng, 120)
    more = {"dose_minutes": minutes, "dose_rules": rules, "exploration": 0.1, "control": float(rng.choice([0.0, 0.2]))}
    made = missions(tmp_path, visits, seed, **more)
    cell = cell_of(made["col"], made["row"])
    assert len(made) > SHIFTS
    begin, over = (made[name].astype(np.int64) for name in ("start", "end"))
    end = begin + (60 * minutes + (over - begin - 60 * minutes) * rng.random(len(made))).astype(np.int64)
    stay = (visits["end"] - visits["start"]).astype(np.int64) / 60
    visited = cell_of(*((visits[axis] // SIZE_M).astype(np.int64) for axis in ("x", "y")))
    where = np.concatenate([visited[stay >= 2], cell])
    when = np.concatenate([visits["end"].astype(np.int64)[stay >= 2], end])
    spent = np.concatenate([stay[stay >= 2], np.full(len(made), minutes)])
    for c, e in zip(cell.tolist(), end.tolist()):
        by_people = 0.4 * 300.0 if c % 3 == 0 else np.inf
        for days, hard in ((1, 45.0), (7, 105.0), (28, min(240.0, by_people))):
            within = (where == c) & (when <= e) & (when > e - days * DAY_S)
            assert spent[within].sum() <= hard + 1e-6


@pytest.mark.parametrize("most", [1, 2, 3])
def test_no_cell_has_missions_in_more_shifts_in_a_row(most: int, tmp_path: Path) -> None:
    nobody = history(np.random.default_rng(0), 0)
    rules = {"most_consecutive": most, "hard_minutes_24h": None, "hard_minutes_7d": None, "hard_minutes_28d": None}
    made = missions(tmp_path, nobody, most, dose_rules=rules, missions_per_district=5)
    starts = np.unique(FORECAST["start"])
    there = np.zeros((len(starts) + 1, len(CELLS)), dtype=bool)
    there[np.searchsorted(starts, made["start"]), cell_of(made["col"], made["row"])] = True
    run_length = longest = np.zeros(len(CELLS), dtype=np.int64)
    for shift in there:
        run_length = np.where(shift, run_length + 1, 0)
        longest = np.maximum(longest, run_length)
    assert longest.max() == most
