"""False claims of skill: how often the rule ships LightGBM in cities in which only a map is to be learned.

    python benchmarks/no_skill.py                 100 cities of each kind, with 2 processes (about 8 minutes)
    python benchmarks/no_skill.py --cities 20

Run it with the engine's Python; ``PATROL_STAGE`` or build/stage holds the staged plugin. Every city has a seed of its
own, and a known rate per cell that never changes. Kinds: *noise*, all cells alike; *scattered*, each cell with a rate
of its own; *smooth*, rates alike in cells near each other. In the first two no model can be better than the right
baseline, so shipping one is a false claim. In smooth cities the risk surface may truly be the better map; there the
claim is held against the truth.
"""

from __future__ import annotations

import argparse
import os
import sys
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

ROOT = Path(__file__).resolve().parent.parent
STAGE = Path(os.environ.get("PATROL_STAGE", ROOT / "build" / "stage"))
sys.path[:0] = [str(STAGE), str(ROOT / "tests" / "engine")]

if TYPE_CHECKING:
    from forecast_no_skill import Verdict

DAYS, INCIDENTS = 400, 3000


def one(kind: str, seed: int) -> Verdict:
    """One city; its seeds differ from those of the tests."""
    from forecast_no_skill import judged

    return judged(kind, 1000 + seed, DAYS, INCIDENTS)


def main() -> None:
    """Print a table with a row per kind."""
    from forecast_no_skill import NOISE, SCATTERED, SMOOTH, wilson

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cities", type=int, default=100)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--kinds", nargs="+", default=[NOISE, SCATTERED, SMOOTH])
    options = parser.parse_args()
    print(f"{options.cities} cities of each kind: {DAYS} days, about {INCIDENTS:,} incidents, 144 cells, 3 shifts.\n")
    print("| kind | LightGBM ships | 95 % interval | truly nearer to the truth, of these | truly nearer, of all |")
    print("|---|---:|---|---:|---:|")
    with ProcessPoolExecutor(options.processes) as pool:
        for kind in options.kinds:
            found = list(pool.map(partial(one, kind), range(options.cities)))
            ships = [each for each in found if each.ships_model]
            low, high = wilson(len(ships), len(found))
            right, nearer = (sum(each.model_is_nearer for each in group) for group in (ships, found))
            print(
                f"| {kind} | {len(ships)} of {len(found)} | {100 * low:.1f} to {100 * high:.1f} % "
                f"| {right} of {len(ships)} | {nearer} of {len(found)} |",
                flush=True,
            )


if __name__ == "__main__":
    main()
