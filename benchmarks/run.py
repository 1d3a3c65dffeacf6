"""Every benchmark, one after the other: what ``make bench`` runs.

Figures of one run are compared with each other only: each script times ours beside a peer or a baseline on the same
machine in the same minutes. Scripts that need real city data say so where it is absent, and the others still run.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
ENGINE, QGIS = (str(ROOT / "build" / name / "bin" / "python") for name in ("venv-engine", "venv-qgis"))
BENCHMARKS = (
    (QGIS, "layer_to_table.py", "A layer into arrays: columns at once beside feature by feature"),
    (ENGINE, "draw.py", "The law and the draw: beside a general solver and other designs"),
    (ENGINE, "solver.py", "Plans under every constraint: time, and the optimum of a general convex solver"),
    (QGIS, "weight_preview.py", "A weight is moved: the map in other colours, beside a plain redraw"),
    (ENGINE, "chances.py 10000 1000 5 2", "Logged chances: frequencies, caps, and a known effect found back"),
    (ENGINE, "feedback.py", "Records that patrol makes: does the plan run away with them?"),
    (ENGINE, "quarter.py", "A quarter of patrol: always the highest cells beside the law"),
    (ENGINE, "train_forecast.py --peer --truth 3", "Training and forecasting: beside predspot and the truth"),
    (ENGINE, "accuracy.py", "Forecasts of real cities beside every baseline"),
    (ENGINE, "no_skill.py --cities 20", "Cities in which there is nothing to learn: what the rule claims"),
    (ENGINE, "growth.py", "How training and forecasting grow with the city"),
    (ENGINE, "gpsd.py", "Position reports of real receivers beside gpsd's, and their speed"),
    (ENGINE, "fuzz_parsers.py", "Parsers of position reports under bytes that nobody would send"),
    (ENGINE, "fuzz_guided.py", "The same under a fuzzer that keeps what reaches new lines"),
    (ENGINE, "live_load.py 60", "Thousands of cars report once a second: how soon each is told, and nothing lost"),
    (QGIS, "live_desktop.py 60", "The desktop while thousands of units move, beside the same window without them"),
    (ENGINE, "philadelphia.py", "The whole chain on Philadelphia by qgis_process"),
)


def main() -> int:
    """Run them all; the number of those that failed."""
    failed = 0
    for python, command, title in BENCHMARKS:
        print(f"\n# {title}\n", flush=True)
        script, *arguments = command.split()
        failed += subprocess.run([python, str(ROOT / "benchmarks" / script), *arguments], check=False).returncode != 0
    return failed


if __name__ == "__main__":
    sys.exit(main())
