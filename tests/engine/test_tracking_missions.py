"""Units and the timers of missions against a plain reckoning: in order, and late, twice and out of order.

Three taxis stand for patrol cars. Their missions lie where they were most often, whatever comes of that.
"""

from __future__ import annotations

import csv
import gzip
import math
import random
from collections import Counter
from itertools import groupby
from pathlib import Path

import numpy as np
import pytest
from tracking_reference import GONE_S, LEVELS, SILENT_S, SIZE, Plan, Reckoning, Report, Told, utm_10

from patrol_missions.engine.tracking.fixes import Belief, Fix
from patrol_missions.engine.tracking.projection import projection
from patrol_missions.engine.tracking.stays import Rules
from patrol_missions.engine.tracking.timers import Mission
from patrol_missions.engine.tracking.tracker import FIX, Alarms, Event, Project, Tracker

LATENESS_S = 120.0
SHIFT_S = 8 * 3600
DAYS = 2
UTM = "EPSG:32610"
METRE = 1e-5  # degrees, in the flat world of the made-up patrol


def flat(longitude: np.ndarray, latitude: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return longitude / METRE, latitude / METRE


class World:
    """Reports as the engine and as the reckoning take them, and missions over them."""

    def __init__(
        self, fixes: list[Fix], project: Project, places: list[tuple[float, float]], first_s: int, shifts: int
    ) -> None:
        self.fixes, self.project = fixes, project
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

    def reckoned(self) -> Reckoning:
        plans = [
            Plan(
                each.mission_id, frozenset(each.cells),
                *map(int, (each.start, each.end, each.minutes, each.most_minutes)),
            )
            for each in self.missions
        ]  # fmt: skip
        return Reckoning(self.reports, plans)

    def tracker(self) -> Tracker:
        return Tracker(self.project, Rules(), Belief(), Alarms(lateness_s=LATENESS_S), self.missions)


def made_up() -> World:
    """A day of three cars in a few streets, now and then silent, astray or gone."""
    rng = random.Random(20260302)
    fixes = []
    for unit in ("A1", "B2", "C3"):
        at, x, y = rng.randrange(60), 600.0, 600.0
        while at < 86_400:
            if rng.random() < 0.02:
                at += rng.choice((170, 185, 250, 310, 2_000))
            at += rng.choice((5, 10, 20, 60))
            step = rng.choice((0.0, 0.0, 5.0, 40.0, 120.0))
            x, y = (min(max(each + rng.uniform(-step, step), 0.0), 1_800.0) for each in (x, y))
            astray = 50_000.0 if rng.random() < 0.01 else 0.0
            fixes.append(Fix(unit, float(at), (x + astray) * METRE, y * METRE))
    fixes.sort(key=lambda each: each.at)
    places = np.stack(flat(*np.array([(each.longitude, each.latitude) for each in fixes]).T), axis=1)
    return World(fixes, flat, [tuple(each) for each in places.tolist()], -3600, 4)


def taxis(path: Path, days: float) -> World:
    """The taxis' busiest days, with missions where they are most often in all three weeks."""
    with gzip.open(path, "rt") as file:
        rows = {(row["unit_id"], int(row["unix_time"])): row for row in csv.DictReader(file)}
    busiest, _ = Counter(at // 86_400 for _, at in rows).most_common(1)[0]
    first_s = (busiest if days < 20 else 0) * 86_400
    fixes, places = [], []
    for (unit, at), row in sorted(rows.items(), key=lambda each: (each[0][1], each[0][0])):
        fixes.append(Fix(unit, float(at), float(row["lon"]), float(row["lat"])))
        places.append(utm_10(float(row["lon"]), float(row["lat"])))
    if not first_s:
        first_s = int(fixes[0].at) // 86_400 * 86_400
    world = World(fixes, projection(UTM), places, first_s, int(3 * days))
    kept = [number for number, fix in enumerate(fixes) if first_s <= fix.at < first_s + 86_400 * days]
    world.fixes, world.reports = [fixes[number] for number in kept], [world.reports[number] for number in kept]
    return world


@pytest.fixture(scope="module", params=["made up", "taxis"])
def world(request: pytest.FixtureRequest) -> World:
    if request.param == "made up":
        return made_up()
    return taxis(request.getfixturevalue("shared_data") / "gps" / "sf_taxi_cabspotting_3units.csv.gz", DAYS)


@pytest.fixture(scope="module")
def reckoned(world: World) -> Reckoning:
    return world.reckoned()


def play(tracker: Tracker, coming: list[tuple[float, Fix]]) -> list[tuple[float, Event]]:
    """What is told when, if reports are taken at these moments, and the clock is looked at when silence may tell."""
    moments = [(at, 0, number) for number, (at, _) in enumerate(coming)]
    moments += {(at + wait_s + 1, 1, 0) for at, _ in coming for wait_s in (SILENT_S, GONE_S)}
    told = []
    for at, is_tick, number in sorted(moments):
        events = tracker.tick(at) if is_tick else tracker.take([coming[number][1]], at)
        told += [(at, event) for event in events if event.kind != FIX]
    return told


def stays(tracker: Tracker) -> list[tuple[str, int, int, int, int]]:
    return sorted((unit, *stay.cell, int(stay.start), int(stay.end)) for unit, stay in tracker.settled())


def by_name(told: list[Told]) -> list[Told]:
    """What one report tells of several missions in one order; nothing else changes its place."""
    found: list[Told] = []
    for (is_mission, _), group in groupby(told, key=lambda each: (each[0] in LEVELS, each[1])):
        at_once = list(group)
        found += sorted(at_once, key=lambda each: each[2]) if is_mission else at_once
    return found


def test_in_order_all_is_as_reckoned(world: World, reckoned: Reckoning) -> None:
    tracker = world.tracker()
    told = play(tracker, [(fix.at, fix) for fix in world.fixes])
    found = [
        (event.kind, int(event.at), event.mission or event.unit, None if event.mission else event.cell)
        for _, event in told
    ]
    assert by_name(found) == by_name(reckoned.told)
    assert stays(tracker) == sorted(reckoned.stays)
    assert tracker.minutes() == pytest.approx(reckoned.minutes(), rel=1e-12)
    assert {"left", "silent", "back", *LEVELS} <= {event.kind for _, event in told}, "all of it happens"


def test_late_and_twice_and_out_of_order_it_comes_to_the_same(world: World, reckoned: Reckoning) -> None:
    """Stays and minutes are those of the reports in order. What is told meanwhile rests on what has come in by then:

    every level that the minutes come to in the end is told, once and in its turn, and none before the shift could have
    had so many; a unit leaves what it has entered.
    """
    rng = random.Random(7)
    coming = [(fix.at + rng.uniform(0, LATENESS_S - 1), fix) for fix in world.fixes]
    coming += [(fix.at + rng.uniform(0, LATENESS_S - 1), fix) for fix in world.fixes if rng.random() < 0.3]
    tracker = world.tracker()
    told = play(tracker, sorted(coming, key=lambda each: each[0]))
    assert stays(tracker) == sorted(reckoned.stays)
    assert tracker.minutes() == pytest.approx(reckoned.minutes(), rel=1e-12)

    levels: dict[str, list[str]] = {}
    missions = {each.mission_id: each for each in world.missions}
    there: dict[str, object] = {}
    for at, event in told:
        if event.mission:
            levels.setdefault(event.mission, []).append(event.kind)
            mission = missions[event.mission]
            share = {"started": 0.0, "amber": 0.8, "done": 1.0, "over": mission.most_minutes / mission.minutes}
            assert at - mission.start >= 60 * share[event.kind] * mission.minutes
        elif event.kind == "entered":
            assert event.unit not in there
            there[event.unit] = event.cell
        elif event.kind == "left":
            assert there.pop(event.unit) == event.cell
    for found in levels.values():
        assert tuple(found) == LEVELS[: len(found)]
    for name, minutes in reckoned.minutes().items():
        mission = missions[name]
        reached = 1 + sum(minutes >= each * mission.minutes for each in (0.8, 1.0)) + (minutes > mission.most_minutes)
        assert len(levels.get(name, ())) >= (reached if minutes else 0)
