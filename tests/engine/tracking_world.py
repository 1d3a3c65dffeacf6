"""Patrols to hold the engine against a plain reckoning: three taxis, and a made-up one, with missions on their ground.

The missions lie where the units are most often, whatever comes of that.
"""

from __future__ import annotations

import csv
import gzip
import math
import random
from collections import Counter
from collections.abc import Collection
from pathlib import Path

from tracking_reference import SIZE, Plan, Reckoning, Report, utm_10

from patrol_missions.engine.tracking.fixes import Belief, Fix
from patrol_missions.engine.tracking.projection import projection
from patrol_missions.engine.tracking.stays import Rules
from patrol_missions.engine.tracking.timers import Mission
from patrol_missions.engine.tracking.tracker import Alarms, Tracker

LATENESS_S = 120.0
SHIFT_S = 8 * 3600
UTM = "EPSG:32610"


class World:
    """Reports as the engine and as the reckoning take them, and missions over them."""

    def __init__(self, fixes: list[Fix], first_s: int, shifts: int) -> None:
        self.fixes = fixes
        places = [utm_10(fix.longitude, fix.latitude) for fix in fixes]
        self.reports: list[Report] = [(fix.unit, int(fix.at), *place) for fix, place in zip(fixes, places)]
        often = Counter((math.floor(x / SIZE), math.floor(y / SIZE)) for x, y in places)
        cells = [cell for cell, _ in often.most_common(40)]
        self.missions = []
        for number in range(shifts):
            start = first_s + number * SHIFT_S
            for place, cell in enumerate(cells):
                self._add(f"{number}.{place}", (cell,), start, start + SHIFT_S)
            for place, cell in enumerate(cells[:5]):  # a second one in the same cell, over half the shift, for longer
                self._add(f"{number}.{place} again", (cell,), start, start + SHIFT_S // 2, 30.0, 45.0)
            column, row = cells[0]
            self._add(
                f"{number} box", tuple((column + i, row + j) for i in (0, 1) for j in (0, 1)), start, start + SHIFT_S
            )

    def _add(self, name: str, cells: tuple[tuple[int, int], ...], start: int, end: int, *minutes: float) -> None:
        self.missions.append(Mission(name, cells, float(start), float(end), *minutes))

    def reckoned(self, heard: Collection[tuple[str, float]] | None = None) -> Reckoning:
        """What comes of it, or of those reports (unit and second) that were heard."""
        reports = [each for each in self.reports if heard is None or each[:2] in heard]
        plans = [
            Plan(
                each.mission_id, frozenset(each.cells),
                *map(int, (each.start, each.end, each.minutes, each.most_minutes)),
            )
            for each in self.missions
        ]  # fmt: skip
        return Reckoning(reports, plans)

    def tracker(self) -> Tracker:
        return Tracker(projection(UTM), Rules(), Belief(), Alarms(lateness_s=LATENESS_S), self.missions)


def made_up(seconds: int, first_s: int = 0) -> World:
    """Three cars in a few streets, now and then silent, astray or gone."""
    rng = random.Random(20260302)
    fixes = []
    for unit in ("A1", "B2", "C3"):
        at, x, y = rng.randrange(60), 600.0, 600.0
        while True:
            if rng.random() < 0.02:
                at += rng.choice((170, 185, 250, 310, 2_000))
            at += rng.choice((5, 10, 20, 60))
            if at >= seconds:
                break
            step = rng.choice((0.0, 0.0, 5.0, 40.0, 120.0))
            x, y = (min(max(each + rng.uniform(-step, step), 0.0), 1_800.0) for each in (x, y))
            astray = 50_000.0 if rng.random() < 0.01 else 0.0
            longitude, latitude = -122.4 + (x + astray) / 88_000, 37.75 + y / 111_000
            fixes.append(Fix(unit, float(first_s + at), round(longitude, 6), round(latitude, 6)))
    fixes.sort(key=lambda each: each.at)
    return World(fixes, first_s - 3600, 1 + seconds // SHIFT_S)


def taxis(path: Path, days: float) -> World:
    """The taxis' busiest days, with missions where they are most often in all three weeks."""
    with gzip.open(path, "rt") as file:
        rows = {(row["unit_id"], int(row["unix_time"])): row for row in csv.DictReader(file)}
    busiest, _ = Counter(at // 86_400 for _, at in rows).most_common(1)[0]
    first_s = 86_400 * (busiest if days < 20 else min(at for _, at in rows) // 86_400)
    fixes = [
        Fix(unit, float(at), float(row["lon"]), float(row["lat"]))
        for (unit, at), row in sorted(rows.items(), key=lambda each: (each[0][1], each[0][0]))
    ]
    world = World(fixes, first_s, int(3 * days))
    kept = [number for number, fix in enumerate(fixes) if first_s <= fix.at < first_s + 86_400 * days]
    world.fixes, world.reports = [fixes[number] for number in kept], [world.reports[number] for number in kept]
    return world
