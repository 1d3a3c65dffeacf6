"""Small made-up cities for the tests of the forecast: laws simple enough to know what must come out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from patrol_missions.core.shifts import parse_shifts
from patrol_missions.core.tables import Table, encode_text
from patrol_missions.engine.context import JobContext
from patrol_missions.engine.data.shifts import ShiftPlan
from patrol_missions.engine.data.zones import zone
from patrol_missions.engine.forecast import panel as panels
from patrol_missions.engine.forecast.panel import Cells, Panel

SIZE_M = 250.0
ZONE = "America/New_York"
SHIFTS = [
    {"name": "Day", "start": "07:00", "end": "15:00", "weekdays": "Mon-Sun"},
    {"name": "Evening", "start": "15:00", "end": "23:00", "weekdays": "Mon-Sun"},
    {"name": "Night", "start": "23:00", "end": "07:00", "weekdays": "Mon-Sun"},
]
FIRST = np.datetime64("2018-01-01", "s")


def plan() -> ShiftPlan:
    return ShiftPlan(parse_shifts(SHIFTS), ZONE)


def grid_table(width: int, height: int, column: int = 2000, row: int = 17000) -> Table:
    columns, rows = (v.ravel() for v in np.meshgrid(np.arange(width), np.arange(height)))
    district = (columns >= width // 2).astype(np.int32)
    return Table(
        {
            "col": column + columns.astype(np.int64),
            "row": row + rows.astype(np.int64),
            "district": district,
            "share_inside": np.ones(len(columns)),
        },
        {"district": ("West", "East")},
    )


def incident_table(
    x: np.ndarray,
    y: np.ndarray,
    category: list[str] | np.ndarray,
    start: np.ndarray,
    end: np.ndarray | None = None,
    reported: np.ndarray | None = None,
) -> Table:
    """Clean incidents, as Check incidents gives them; times UTC."""
    codes, labels = encode_text([str(each) for each in category])
    none = np.full(len(codes), np.datetime64("NaT"), dtype="datetime64[s]")
    return Table(
        {
            "x": np.asarray(x, dtype=np.float64),
            "y": np.asarray(y, dtype=np.float64),
            "category": codes,
            "start": np.asarray(start).astype("datetime64[s]"),
            "end": none if end is None else end,
            "reported": none.copy() if reported is None else reported,
            "time_known": np.ones(len(codes), dtype=bool),
        },
        {"category": labels},
    )


def hot_city(
    seed: int = 1,
    width: int = 16,
    days: int = 430,
    incidents: int = 9000,
    categories: tuple[str, ...] = ("Theft", "Robbery"),
) -> tuple[Table, Table]:
    """Incidents and cells: a few hot cells, evenings busiest, and a hot spot for two weeks that wanders."""
    rng = np.random.default_rng(seed)
    cells = grid_table(width, width)
    heat = rng.gamma(0.3, 1.0, width * width) + 0.02
    wander = rng.integers(0, width * width, days // 14 + 1)
    when = np.sort(rng.random(incidents)) * days * 86_400
    chosen = rng.choice(width * width, incidents, p=heat / heat.sum())
    passing = rng.random(incidents) < 0.3
    chosen[passing] = wander[(when[passing] // (14 * 86_400)).astype(int)]
    hour = np.where(rng.random(incidents) < 0.5, rng.normal(19, 2, incidents), rng.random(incidents) * 24) % 24
    local = FIRST + (when // 86_400 * 86_400 + hour * 3600).astype("timedelta64[s]")
    x = (cells["col"][chosen] + rng.random(incidents)) * SIZE_M
    y = (cells["row"][chosen] + rng.random(incidents)) * SIZE_M
    names = np.array(categories)[(rng.random(incidents) < 0.3).astype(int) % len(categories)]
    return incident_table(x, y, names, zone(ZONE).to_utc(local)), cells


def panel_of(incidents: Table, cells: Table, as_of: np.datetime64 | None = None) -> Panel:
    return panels.build(incidents, Cells.of(cells, SIZE_M), plan(), None, as_of)


class Said:
    """A job's context that keeps what was said."""

    def __init__(self, folder: Path) -> None:
        self.messages: list[Any] = []
        self.context = JobContext(folder, self.messages.append)

    def warnings(self) -> list[str]:
        return [m.text for m in self.messages if type(m).__name__ == "Warning"]


def train_parameters(**other: Any) -> dict[str, Any]:
    return {
        "cell_size_m": SIZE_M,
        "time_zone": ZONE,
        "shifts": SHIFTS,
        "categories": None,
        "as_of": None,
        "seed": 1,
        "threads": 2,
        "jurisdiction": "Testville",
        **other,
    }
