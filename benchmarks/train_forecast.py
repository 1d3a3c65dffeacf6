"""Training and forecasting on a real city: time, memory and forecast quality, beside a peer on the same incidents.

    python benchmarks/train_forecast.py                 ours on Philadelphia 2016-2019 (two runs, about a minute)
    python benchmarks/train_forecast.py --peer          and PyPI's predspot 1.0.0 in an environment of its own (minutes)
    python benchmarks/train_forecast.py --truth 3       and three sample cities, held against their truth

Run it with the engine's Python; ``PATROL_STAGE`` or build/stage holds the staged plugin. The incidents are read from
``../shared/data``, which is not part of the project; where that is absent, the script says so.

What one run covers: ours trains eight categories x three shifts a day x 250 m cells with a 52-week backtest of the
model and eight baselines, calibration and card, and forecasts three and 21 shifts per category. The peer fits one
weekly series per cell of all categories pooled, without shifts, calibration or test, and forecasts one week.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
STAGE = Path(os.environ.get("PATROL_STAGE", ROOT / "build" / "stage"))
OURS = ("train_model", "forecast_risk of 3", "forecast_risk of 21")
"""Jobs, forecasts with their number of shifts."""

PEER_HOME = ROOT / "build" / "venv-predspot"
PEER_PACKAGES = ("predspot==1.0.0", "lightgbm")

_PEER = """
import sys
import geopandas as gpd, lightgbm as lgb, pandas as pd, shapely
from predspot import Dataset, PredictionPipeline
from predspot.crime_mapping import QuadratCount, create_gridsquares
from predspot.feature_engineering import AR, Diff
from predspot.utilities import PandasFeatureUnion

crimes = pd.read_csv(sys.argv[1], parse_dates=["t"])
cells = pd.read_csv(sys.argv[2])
squares = shapely.box(cells.west, cells.south, cells.east, cells.north)
area = gpd.GeoDataFrame(geometry=[shapely.union_all(squares)], crs=4326)
grid = create_gridsquares(area, resolution=0.25)
pipeline = PredictionPipeline(
    mapping=QuadratCount(tfreq="W", grid=grid),
    fextraction=PandasFeatureUnion([("ar", AR(lags=12)), ("diff", Diff(lags=12))]),
    estimator=lgb.LGBMRegressor(n_estimators=100, num_leaves=31, n_jobs=2, verbose=-1),
)
pipeline.fit(Dataset(crimes, area))
print("cells", len(grid), "forecast", len(pipeline.predict()))
"""


def read(folder: Path) -> None:
    """Write the incidents as a job's tables (``train``) and as the peer's table (``crimes.csv``)."""
    import pandas as pd
    from cities import PHILADELPHIA

    from patrol_missions.core.jobs import Job, write_job

    city = PHILADELPHIA
    incidents, cells = city.tables("2016-01-01", "2020-01-01")
    local = city.clock.to_local(incidents["start"])
    longitude, latitude = city.degrees(incidents["x"], incidents["y"])
    pd.DataFrame({"tag": "crime", "t": local, "lon": longitude, "lat": latitude}).to_csv(
        folder / "crimes.csv", index=False
    )
    west, south = city.degrees(cells["col"] * city.size_m, cells["row"] * city.size_m)
    east, north = city.degrees((cells["col"] + 1) * city.size_m, (cells["row"] + 1) * city.size_m)
    pd.DataFrame({"west": west, "south": south, "east": east, "north": north}).to_csv(folder / "cells.csv", index=False)
    shifts = [dict(each) for each in city.shifts]
    parameters: dict[str, Any] = {"cell_size_m": city.size_m, "time_zone": city.time_zone, "shifts": shifts, "seed": 1}
    write_job(folder, Job("train_model", parameters, {"incidents": incidents, "cells": cells}))
    kinds = len(incidents.labels["category"])
    print(f"{len(incidents):,} incidents, {kinds} categories, {len(cells):,} cells of {city.size_m:g} m, 4 years")


def ours(name: str, folder: Path, threads: int) -> None:
    """One of :data:`OURS` in this process, as the worker does it; answers land beside the model."""
    from patrol_missions.core.jobs import read_job
    from patrol_missions.engine import memory
    from patrol_missions.engine.context import JobContext
    from patrol_missions.engine.jobs import find

    job = read_job(folder)
    parameters = {**job.parameters, "threads": threads}
    name, _, shifts = name.partition(" of ")
    if shifts:
        parameters |= {"model": str(folder / "model.zip"), "shift_count": int(shifts), "weights_preset": "rand"}
    memory.give_back_early()
    start = time.perf_counter()
    result = find(name)(parameters, job.tables, JobContext(folder, lambda *_: None))
    print(f"inside the job {time.perf_counter() - start:.1f} s", flush=True)
    if name == "train_model":
        (folder / "scores.json").write_text(json.dumps(dict(result.values)["categories"]), encoding="utf-8")


def truth(cities: int) -> None:
    """Sample cities: what the forecast loses against the truth, beside its best baseline."""
    sys.path.insert(0, str(ROOT / "tests" / "engine"))
    import forecast_truth

    print("\n| seed | category | ships | loss | best baseline's | rank correlation [95 %] | slope [95 %] |")
    print("|---|---|---|---:|---:|---|---|")
    for seed in range(101, 101 + cities):
        with tempfile.TemporaryDirectory() as folder:
            made = forecast_truth.make(
                Path(folder), seed=seed, cells=900, years=3, incidents=90_000, forecast_shifts=21
            )
            held, _ = forecast_truth.hold(made)
        shipped = forecast_truth.SHIPPED
        for each in held:
            best = min(each.loss(code).sum() for code in each.expected if code[0] == "B")
            rank = forecast_truth.resampled(each, shipped, forecast_truth.Held.rank)
            slope = forecast_truth.resampled(each, shipped, forecast_truth.Held.slope)
            print(
                f"| {seed} | {each.category} | {each.ships} | {each.loss(shipped).sum():.4f} | {best:.4f} "
                f"| {each.rank(shipped):.3f} [{rank[0]:.3f}, {rank[1]:.3f}] "
                f"| {each.slope(shipped):.3f} [{slope[0]:.3f}, {slope[1]:.3f}] |"
            )


def peer_python() -> Path:
    """Python of the peer's environment, made on first use."""
    python = PEER_HOME / "bin" / "python"
    if not python.is_file():
        subprocess.run([sys.executable, "-m", "venv", str(PEER_HOME)], check=True)
        subprocess.run([str(python), "-m", "pip", "install", "--quiet", *PEER_PACKAGES], check=True)
    return python


def compare(threads: int, with_peer: bool) -> None:
    """Time and memory of both jobs and, if asked for, of the peer."""
    from cities import PHILADELPHIA
    from measure import Run, measure

    if not PHILADELPHIA.path.is_file():
        print(f"REAL DATA ABSENT: {PHILADELPHIA.path} does not exist, so nothing was measured.")
        return
    with tempfile.TemporaryDirectory() as text:
        folder = Path(text)
        read(folder)
        runs: dict[str, Run] = {}
        for name in OURS:
            command = [sys.executable, str(Path(__file__).resolve()), "--job", name, text, "--threads", str(threads)]
            runs[name] = measure(command)
        if with_peer:
            (folder / "peer.py").write_text(_PEER, encoding="utf-8")
            runs["predspot"] = measure(
                [str(peer_python()), *(str(folder / each) for each in ("peer.py", "crimes.csv", "cells.csv"))]
            )
        print(f"\n| run, {threads} threads | wall s | processor s | peak MB | |\n|---|---:|---:|---:|---|")
        for name, run in runs.items():
            note = run.output.strip().splitlines()[-1] if run.output.strip() else ""
            failed = "" if run.exit_code == 0 else f"FAILED ({run.exit_code}) "
            print(f"| {name} | {run.wall_s:.1f} | {run.cpu_s:.1f} | {run.peak_mb:,.0f} | {failed}{note} |")
        if with_peer and runs["predspot"].exit_code == 0:
            total = runs["train_model"].wall_s + runs["forecast_risk of 21"].wall_s
            ratio = runs["predspot"].wall_s / total
            print(f"\nOurs takes 1/{ratio:.1f} of the peer's time, for 24 series with backtest against 1.")
        if runs["train_model"].exit_code == 0:
            print("\n| category | incidents | ships | deviance explained | why |\n|---|---:|---|---:|---|")
            for category, each in json.loads((folder / "scores.json").read_text(encoding="utf-8")).items():
                explained = f"{100 * each['deviance_explained']:.1f} %"
                print(f"| {category} | {each['incidents']:,} | {each['ships']} | {explained} | {each['why']} |")


def main() -> None:
    """Read the command line and run."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--peer", action="store_true", help="also run predspot 1.0.0 (several minutes)")
    parser.add_argument(
        "--truth", type=int, default=0, metavar="N", help="also hold N sample cities against their truth"
    )
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--job", nargs=2, metavar=("NAME", "FOLDER"), help=argparse.SUPPRESS)
    asked = parser.parse_args()
    sys.path[:0] = [str(STAGE), str(Path(__file__).resolve().parent)]
    if asked.job:
        ours(asked.job[0], Path(asked.job[1]), asked.threads)
        return
    compare(asked.threads, asked.peer)
    if asked.truth:
        truth(asked.truth)


if __name__ == "__main__":
    main()
