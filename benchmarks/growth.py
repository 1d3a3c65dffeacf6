"""How training and forecasting grow with the city: 1, 4 and 16 times the cells and incidents, up to Chicago's size.

    python benchmarks/growth.py           sample cities of 600, 2,400 and 9,600 cells (about six minutes)

Run it with the engine's Python; ``PATROL_STAGE`` or build/stage holds the staged plugin. The cities are simulated, of
five years, eight categories and three shifts a day; the largest has the cells and incidents of Chicago. Each job runs
in a process of its own. *Without the test* is the time that training takes apart from judging past weeks.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [os.environ.get("PATROL_STAGE", str(ROOT / "build" / "stage")), str(ROOT / "tests" / "engine")]

import forecast_truth  # noqa: E402 - needs the path above
from cities import THREE_SHIFTS  # noqa: E402
from measure import measure  # noqa: E402

from patrol_missions.core.jobs import Job, read_job, write_job  # noqa: E402
from patrol_missions.core.messages import Progress  # noqa: E402
from patrol_missions.core.tables import Table  # noqa: E402
from patrol_missions.engine import memory  # noqa: E402
from patrol_missions.engine.context import JobContext  # noqa: E402
from patrol_missions.engine.jobs import find  # noqa: E402

SMALLEST = (600, 75_000)
TIMES = (1, 4, 16)
YEARS = 5
NIGHTLY_SHIFTS = 3
_PLANNED_SHARE = 0.625  # of the sample city's incidents; the others are of types that are not planned for
_JUDGING = "Forecasting past weeks as they began"


def write(folder: Path, cells: int, incidents: int) -> int:
    """A city as a job's tables; two frequent categories are halved by lot, which makes eight of six."""
    made = forecast_truth.make(
        folder, seed=1, cells=cells, years=YEARS, incidents=round(incidents / _PLANNED_SHARE), forecast_shifts=1
    )
    table, squares, _, _ = forecast_truth.tables_of(made)
    labels = table.labels["category"]
    frequent = np.argsort(-np.bincount(table["category"], minlength=len(labels)))[:2]
    half = np.random.default_rng(1).random(len(table)) < 0.5
    codes = table["category"].copy()
    for number, category in enumerate(frequent):
        codes[half & (table["category"] == category)] = len(labels) + number
    names = (*labels, *(f"{labels[category]}, other half" for category in frequent))
    table = Table({**table.columns, "category": codes}, {**table.labels, "category": names})
    shifts = [dict(each) for each in THREE_SHIFTS]
    parameters = {
        "cell_size_m": made.values["cell_size_m"],
        "time_zone": made.values["time_zone"],
        "shifts": shifts,
        "seed": 1,
    }
    write_job(folder, Job("train_model", parameters, {"incidents": table, "cells": squares}))
    return len(table)


def run(name: str, folder: Path) -> None:
    """One job in this process; says how long past weeks were judged."""
    job = read_job(folder)
    parameters = dict(job.parameters)
    if name == "forecast_risk":
        parameters |= {"model": str(folder / "model.zip"), "shift_count": NIGHTLY_SHIFTS, "weights_preset": "rand"}
    last, judging = time.perf_counter(), 0.0

    def hear(message: object) -> None:
        nonlocal last, judging
        now = time.perf_counter()
        if isinstance(message, Progress) and message.text == _JUDGING:
            judging += now - last
        last = now

    memory.give_back_early()  # as the worker does
    find(name)(parameters, job.tables, JobContext(folder, hear))
    print(f"judging {judging:.1f}")


def main() -> None:
    """All sizes, each in processes of its own."""
    print(
        "| cells | incidents | train, with test of 52 weeks | without the test | peak | forecast of 3 shifts | peak |"
    )
    print("|---:|---:|---:|---:|---:|---:|---:|")
    for times in TIMES:
        cells, incidents = (times * each for each in SMALLEST)
        with tempfile.TemporaryDirectory() as text:
            script = [sys.executable, str(Path(__file__).resolve())]
            asked = ["--write", text, str(cells), str(incidents)]
            written = subprocess.run([*script, *asked], check=True, capture_output=True, text=True)
            runs = [measure([*script, "--job", name, text]) for name in ("train_model", "forecast_risk")]
            if any(each.exit_code for each in runs):
                raise SystemExit("\n".join(each.output for each in runs))
            train, forecast = runs
            judging = float(train.output.split("judging")[1])
            print(
                f"| {cells:,} | {int(written.stdout):,} | {train.wall_s:.1f} s | {train.wall_s - judging:.1f} s "
                f"| {train.peak_mb:,.0f} MB | {forecast.wall_s:.1f} s | {forecast.peak_mb:,.0f} MB |",
                flush=True,
            )


if __name__ == "__main__":
    options = argparse.ArgumentParser()
    options.add_argument("--job", nargs=2, metavar=("NAME", "FOLDER"))
    options.add_argument("--write", nargs=3, metavar=("FOLDER", "CELLS", "INCIDENTS"))
    given = options.parse_args()
    if given.job:
        run(given.job[0], Path(given.job[1]))
    elif given.write:
        print(write(Path(given.write[0]), int(given.write[1]), int(given.write[2])))
    else:
        main()
