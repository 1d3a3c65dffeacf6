"""Units and the timers of missions against a plain reckoning: in order, and late, twice and out of order."""

from __future__ import annotations

import random
from itertools import groupby

import pytest
from tracking_reference import GONE_S, LEVELS, SILENT_S, Reckoning, Told
from tracking_world import LATENESS_S, World, made_up, taxis

from patrol_missions.engine.tracking.fixes import Fix
from patrol_missions.engine.tracking.tracker import FIX, Event, Tracker

DAYS = 1


@pytest.fixture(scope="module", params=["made up", "taxis"])
def world(request: pytest.FixtureRequest) -> World:
    if request.param == "made up":
        return made_up(43_200)
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
