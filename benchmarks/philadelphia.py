"""The whole chain on a real city, by qgis_process: wall time, processor time and peak memory of every step.

    python benchmarks/philadelphia.py build/philadelphia

reads the incident history and districts of Philadelphia from ``../shared/data``, which is not part of the project, and
says so loudly where that is absent. History until the end of 2019 trains; the first week of 2020 is planned.
"""

from __future__ import annotations

import gzip
import json
import os
import shutil
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent))

from measure import Run, measure

ROOT = Path(__file__).resolve().parent.parent
DATA = ROOT.parent / "shared" / "data"
SHIFTS = "Day,07:00,15:00,Mon-Sun,Evening,15:00,23:00,Mon-Sun,Night,23:00,07:00,Mon-Sun"
PLANNED = "2020-01-01T00:00:00-05:00"


def steps(folder: Path) -> dict[str, dict[str, Any]]:
    """Parameters of every step, in order, by algorithm."""
    districts = f"{DATA / 'context_philadelphia.gpkg'}|layername=police_districts"

    def layer(name: str) -> str:
        return str(folder / f"{name}.gpkg")

    return {
        "buildgrid": {
            "BOUNDARY": districts,
            "CRS": "EPSG:32618",
            "DISTRICTS": districts,
            "DISTRICT_FIELD": "dist_numc",
            "OUTPUT": layer("grid"),
        },
        "checkincidents": {
            "INCIDENTS": str(folder / "philadelphia.csv"),
            "X_FIELD": "lon",
            "Y_FIELD": "lat",
            "COORDINATES_CRS": "EPSG:4326",
            "CATEGORY_FIELD": "category",
            "START_FIELD": "datetime_start",
            "ID_FIELD": "event_id",
            "RECORDED_DISTRICT_FIELD": "district",
            "GRID": layer("grid"),
            "TIME_ZONE": "America/New_York",
            "OUTPUT": layer("incidents"),
            "FINDINGS": layer("findings"),
            "REPORT": str(folder / "check.html"),
            "MAP_OUTPUT": str(folder / "categories.csv"),
        },
        "trainmodel": {
            "GRID": layer("grid"),
            "INCIDENTS": layer("incidents"),
            "SHIFTS": SHIFTS,
            "TIME_ZONE": "America/New_York",
            "AS_OF": PLANNED,
            "SEED": 1,
            "MODEL": str(folder / "model.zip"),
            "CARD": str(folder / "card.html"),
            "SCORES": layer("scores"),
        },
        "forecastrisk": {
            "MODEL": str(folder / "model.zip"),
            "GRID": layer("grid"),
            "INCIDENTS": layer("incidents"),
            "START": PLANNED,
            "SHIFT_COUNT": 21,
            "OUTPUT": layer("forecast"),
        },
        "allocatemissions": {
            "FORECAST": layer("forecast"),
            "SEED": 1,
            "OUTPUT": layer("missions"),
            "SUMMARY": layer("summary"),
        },
    }


def run_chain(folder: Path) -> dict[str, Run]:
    """Run every step; stops at the first that fails, with what it printed."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    with (
        gzip.open(DATA / "philadelphia_2016_2020.csv.gz", "rb") as source,
        (folder / "philadelphia.csv").open("wb") as copy,
    ):
        shutil.copyfileobj(source, copy)
    environment = {
        **os.environ,
        "QT_QPA_PLATFORM": "offscreen",
        "QGIS_CUSTOM_CONFIG_PATH": str(folder.resolve() / "profile"),
    }
    measure([qgis_process(), "plugins", "enable", "patrol_missions"], environment)
    runs = {}
    for name, parameters in steps(folder.resolve()).items():
        arguments = [f"--{key}={value}" for key, value in parameters.items()]
        run = measure([qgis_process(), "run", f"patrolmissions:{name}", *arguments], environment)
        (folder / f"{name}.log").write_text(run.output, encoding="utf-8")
        if run.exit_code != 0:
            raise SystemExit(f"{name} failed:\n{run.output[-3000:]}")
        runs[name] = run
        print(f"{name:<18}{run.wall_s:8.1f} s wall {run.cpu_s:8.1f} s processor {run.peak_mb:8.0f} MB", flush=True)
    return runs


def qgis_process() -> str:
    """The tool itself: Debian's wrapper around that of 3.22 passes an option that the tool rejects."""
    found = shutil.which("qgis_process.bin") or shutil.which("qgis_process")
    if found is None:
        raise SystemExit("qgis_process is not installed: run make setup first.")
    return found


def main() -> None:
    """Run the chain into the folder that the first argument names."""
    if not DATA.is_dir():
        raise SystemExit(f"REAL DATA ABSENT: {DATA} does not exist, so nothing was measured.")
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else ROOT / "build" / "philadelphia")
    runs = run_chain(folder)
    figures = {name: {"wall_s": r.wall_s, "cpu_s": r.cpu_s, "peak_mb": r.peak_mb} for name, r in runs.items()}
    (folder / "figures.json").write_text(json.dumps(figures, indent=2), encoding="utf-8")


if __name__ == "__main__":
    main()
