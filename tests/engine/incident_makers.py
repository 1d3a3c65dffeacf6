"""A small clean city record that tests spoil in one way at a time."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from patrol_missions.core.jobs import JobResult
from patrol_missions.core.tables import Table, encode_text
from patrol_missions.engine.context import JobContext
from patrol_missions.engine.data import check_job
from patrol_missions.engine.data.zones import zone

ZONE = "America/Chicago"
NOW = "2024-06-01T12:00:00Z"
SIZE_M = 250.0
_HOURS = np.array([5, 4, 3, 2, 1, 1, 1, 2, 4, 5, 6, 6, 7, 7, 7, 8, 9, 9, 9, 8, 8, 7, 7, 6], dtype=float)


def square_cells(side: int = 20) -> Table:
    """side x side cells whose south-west corner lies at 100 km, 200 km; west and east halves are districts."""
    column, row = (part.ravel() for part in np.meshgrid(np.arange(side) + 400, np.arange(side) + 800))
    district = (column >= 400 + side // 2).astype(np.int32)
    return Table(
        {"col": column, "row": row, "district": district, "share_inside": np.ones(len(column))},
        {"district": ("West", "East")},
    )


def clean_columns(n: int = 6000, years: int = 3, seed: int = 5) -> dict[str, Any]:
    """Columns of ``incidents_raw`` without any fault, local times up to 31 May 2024."""
    rng = np.random.default_rng(seed)
    days = rng.integers(0, years * 365, n)
    minutes = rng.choice(24, n, p=_HOURS / _HOURS.sum()) * 60 + rng.integers(0, 60, n)
    start = np.sort(np.datetime64("2024-05-31T00:00:00") - days * 86_400 + minutes * 60)
    start[zone(ZONE).skipped(start)] += 7200
    x, y = 100_000 + rng.random(n) * 5000, 200_000 + rng.random(n) * 5000
    types = np.array(["Robbery", "Burglary", "Theft", "Motor Vehicle Theft"], dtype=object)[rng.integers(0, 4, n)]
    return {
        "x": x,
        "y": y,
        "raw_x": x.copy(),
        "raw_y": y.copy(),
        "category": types,
        "start": start,
        "event_id": np.arange(n, dtype=np.int64),
    }


def as_table(columns: dict[str, Any]) -> Table:
    coded = {name: encode_text(columns[name]) for name in ("category", "district") if name in columns}
    plain = {name: values for name, values in columns.items() if name not in coded}
    return Table({**plain, **{k: c for k, (c, _) in coded.items()}}, {k: labels for k, (_, labels) in coded.items()})


def check(columns: dict[str, Any], folder: Path, cells: Table | None = None, **parameters: Any) -> JobResult:
    """Run the job ``check_incidents``."""
    settings = {
        "cell_size_m": SIZE_M,
        "time_zone": ZONE,
        "times_are": "local",
        "category_map": [],
        "layer_name": "Test",
        "now": NOW,
        **parameters,
    }
    return check_job.run(
        settings,
        {"incidents_raw": as_table(columns), "cells": square_cells() if cells is None else cells},
        JobContext(folder),
    )


def findings(result: JobResult) -> dict[str, dict[str, Any]]:
    """Findings by the name of their check."""
    table = result.tables["findings"]
    texts = {name: table.text(name) for name in ("severity", "check", "finding", "remedy")}
    return {
        texts["check"][i]: {
            "rows": int(table["rows"][i]),
            "share": float(table["share"][i]),
            **{k: v[i] for k, v in texts.items()},
        }
        for i in range(len(table))
    }
