"""All units at once: who entered what, timers of missions, silence, and a restart in the middle of a visit."""

from __future__ import annotations

import json
import random

import numpy as np
import pytest

from patrol_missions.engine.tracking.fixes import Belief, Fix, Refusal
from patrol_missions.engine.tracking.stays import Rules, Stay
from patrol_missions.engine.tracking.timers import Mission, Presence, level, minutes, passed
from patrol_missions.engine.tracking.tracker import Alarms, Tracker

METRE = 1e-5  # degrees, in the flat world of these tests
MISSION = Mission("m1", ((0, 0),), 0.0, 8 * 3600.0, 15.0, 20.0)


def flat(longitude: np.ndarray, latitude: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return longitude / METRE, latitude / METRE


def fix(unit: str, minute: float, x: float, y: float = 100.0, **more: float) -> Fix:
    return Fix(unit, 60.0 * minute, x * METRE, y * METRE, **more)


def tracker(*missions: Mission, **alarms: float) -> Tracker:
    return Tracker(flat, Rules(), Belief(), Alarms(**alarms), missions)


def drive(tracked: Tracker, fixes: list[Fix]) -> list[dict]:
    """Everything that is told while fixes come at their own times."""
    told = []
    for each in fixes:
        told += tracked.take([each], each.at)
        told += tracked.tick(each.at)
    return [event.json() for event in told]


def kinds(told: list[dict], *leave_out: str) -> list[str]:
    return [each["event"] for each in told if each["event"] not in ("fix", *leave_out)]


def test_a_timer_starts_nears_its_end_ends_and_warns() -> None:
    there = [fix("7", minute, 100.0) for minute in range(22)]
    told = drive(tracker(MISSION), there)
    assert [(each["event"], each["at"] / 60) for each in told if each["event"] != "fix"] == [
        ("entered", 0), ("started", 0), ("amber", 12), ("done", 15), ("over", 21),
    ]  # fmt: skip
    assert told[-1]["mission"] == "m1"
    assert told[-2]["event"] == "fix"


def test_two_units_at_once_count_once_and_one_after_the_other_add_up() -> None:
    both = sorted((fix(unit, minute, 100.0) for unit in "78" for minute in range(9)), key=lambda each: each.at)
    assert kinds(drive(tracker(MISSION), both)) == ["entered", "started", "entered"]
    tracked = tracker(MISSION)
    first = [fix("7", minute, 100.0) for minute in range(9)] + [fix("7", 9, 900.0)]
    second = [fix("8", 20 + minute, 100.0) for minute in range(7)]
    assert kinds(drive(tracked, [*first, *second]), "silent") == [
        "entered", "started", "left", "entered", "entered", "left", "amber", "done",
    ]  # fmt: skip
    assert tracked.minutes()["m1"] == pytest.approx(15.0)


def test_called_away_and_back_goes_on_with_the_minutes_it_had() -> None:
    there = [fix("7", minute, 100.0) for minute in range(8)]
    away = [fix("7", 8, 2000.0), fix("7", 9, 4000.0), fix("7", 10, 2000.0)]
    back = [fix("7", 11 + minute, 100.0) for minute in range(8)]
    told = drive(tracker(MISSION), [*there, *away, *back])
    assert [each["at"] / 60 for each in told if each["event"] == "done"] == [18]


def test_only_the_minutes_of_the_shift_count() -> None:
    tonight = Mission("m1", ((0, 0),), 600.0, 3600.0, 15.0, 20.0)
    told = drive(tracker(tonight), [fix("7", minute, 100.0) for minute in range(27)])
    assert [(each["event"], each["at"] / 60) for each in told if "mission" in each] == [
        ("started", 10), ("amber", 22), ("done", 25),
    ]  # fmt: skip


def test_a_late_report_tells_what_was_not_seen_and_takes_nothing_back() -> None:
    tracked = tracker(MISSION)
    told = drive(tracked, [fix("7", minute, 100.0) for minute in (0, 1, 2)])
    told = drive(tracked, [fix("7", 4, 100.0)])
    assert kinds(told) == []
    away = [event.json() for event in tracked.take([fix("7", 3, 100.0)], 240.0)]
    assert away == []
    assert tracked.minutes()["m1"] == pytest.approx(4.0)


def test_silence_is_told_once_and_ends_the_stay() -> None:
    tracked = tracker(MISSION)
    drive(tracked, [fix("7", minute, 100.0) for minute in range(3)])
    told = [event.json() for second in range(121, 900, 10) for event in tracked.tick(float(second))]
    assert kinds(told) == ["silent", "left"]
    assert tracked.settled() == [("7", Stay((0, 0), 0.0, 120.0, gap=True))]
    assert kinds(drive(tracked, [fix("7", 20, 100.0)])) == ["back", "entered"]


def test_when_the_watch_is_over_all_stays_end() -> None:
    tracked = tracker(MISSION)
    drive(tracked, [fix("7", minute, 100.0) for minute in range(6)])
    assert tracked.settled() == []
    tracked.close()
    assert tracked.settled() == [("7", Stay((0, 0), 0.0, 300.0))]
    assert kinds(drive(tracked, [fix("7", 6, 100.0)])) == []
    assert tracked.minutes()["m1"] == pytest.approx(5.0)


@pytest.mark.parametrize(
    ("bad", "refusal"),
    [
        (Fix("7", 0.0, 0.0, 0.0), Refusal.NO_POSITION),
        (Fix("7", 0.0, float("nan"), 1.0), Refusal.NO_POSITION),
        (Fix("7", 0.0, 1.0, 91.0), Refusal.NO_POSITION),
        (Fix("7", 0.0, 1.0, 1.0, accuracy_m=80.0), Refusal.INACCURATE),
        (Fix("7", 0.0, 1.0, 1.0, accuracy_m=float("nan")), Refusal.INACCURATE),
        (Fix("7", 100.0, 1.0, 1.0), Refusal.FUTURE),
    ],
)
def test_what_may_not_be_believed_is_counted(bad: Fix, refusal: Refusal) -> None:
    tracked = tracker()
    assert tracked.take([bad], 0.0) == []
    assert tracked.refused == {refusal: 1}


def patrol(seed: int, count: int = 400) -> list[Fix]:
    """Three units that wander about the cells of two missions, with pauses."""
    rng = random.Random(seed)
    fixes = []
    for unit in "789":
        minute, x, y = rng.random(), 100.0, 100.0
        for _ in range(count // 3):
            minute += rng.choice((0.25, 0.5, 1.0, 6.0) if rng.random() < 0.1 else (0.25,))
            x, y = (max(0.0, min(each + rng.gauss(0, 30), 700.0)) for each in (x, y))
            fixes.append(fix(unit, minute, x, y))
    return sorted(fixes, key=lambda each: each.at)


@pytest.mark.parametrize("seed", range(20))
def test_after_a_restart_all_is_as_if_there_had_been_none(seed: int) -> None:
    missions = (MISSION, Mission("m2", ((1, 1), (1, 2)), 0.0, 8 * 3600.0))
    fixes = patrol(seed)
    undisturbed = tracker(*missions)
    drive(undisturbed, fixes)
    cut = random.Random(seed).randrange(len(fixes))
    checkpoint = random.Random(seed + 1).randrange(cut + 1)

    first = tracker(*missions)
    drive(first, fixes[:checkpoint])
    ledger = first.settled()
    kept = json.loads(json.dumps(first.kept()))
    drive(first, fixes[checkpoint:cut])
    ledger_since = first.settled()  # written, and then the process is killed
    second = tracker(*missions)
    now = fixes[cut].at
    second.resume(kept, now)
    second.count([*ledger, *ledger_since], now)
    for each in fixes[:cut]:  # the journal once more; nobody waits between its reports
        second.take([each], each.at)
    drive(second, fixes[cut:])

    assert second.minutes() == pytest.approx(undisturbed.minutes())
    again = second.settled()
    assert len(again) == len(set(again))
    assert {*ledger, *ledger_since, *again} == set(undisturbed.settled())


def test_minutes_are_those_of_the_union() -> None:
    rng = np.random.default_rng(1)
    for _ in range(200):
        starts = rng.uniform(-100, 1000, 6)
        presences = [Presence("7", start, start + length) for start, length in zip(starts, rng.uniform(0, 300, 6))]
        seconds = np.arange(0, 600, 0.5) + 0.25
        covered = np.any([(each.start <= seconds) & (seconds < each.end) for each in presences], axis=0)
        mission = Mission("m", ((0, 0),), 0.0, 600.0)
        assert minutes(mission, presences) == pytest.approx(covered.sum() / 120, abs=0.06)


def test_levels_pass_one_after_the_other() -> None:
    assert level(MISSION, 0.0, 0.8) == "started"
    assert level(MISSION, 12.0, 0.8) == "amber"
    assert level(MISSION, 15.0, 0.8) == "done"
    assert level(MISSION, 20.0, 0.8) == "done"
    assert level(MISSION, 20.1, 0.8) == "over"
    assert passed("", "done") == ("started", "amber", "done")
    assert passed("amber", "amber") == ()
    assert Mission.of({"mission_id": 7, "cells": [[1, 2]], "start": 0, "end": 9, "minutes": None}) == Mission(
        "7", ((1, 2),), 0.0, 9.0
    )


def test_a_receiver_whose_clock_is_wrong_is_not_silent() -> None:
    tracked = tracker(MISSION)
    told = []
    for minute in range(10):
        told += tracked.take([fix("7", minute, 100.0)], 60.0 * minute + 7200.0)
        told += tracked.tick(60.0 * minute + 7201.0)
    assert kinds([event.json() for event in told], "started") == ["entered"]
    assert kinds([event.json() for event in tracked.tick(9 * 60.0 + 7200.0 + 181.0)]) == ["silent"]


def test_a_mission_is_not_started_by_a_unit_that_left_before_its_shift() -> None:
    tonight = Mission("m1", ((0, 0),), 150.0, 3600.0)
    told = drive(tracker(tonight), [fix("7", 0, 100.0), fix("7", 1, 100.0), fix("7", 2, 900.0), fix("7", 3, 900.0)])
    assert "started" not in kinds(told)


def test_what_was_final_before_a_mission_was_set_counts() -> None:
    tracked = tracker()
    drive(tracked, [fix("7", minute, 100.0) for minute in range(14)])
    drive(tracked, [fix("7", 14 + minute, 900.0) for minute in range(6)])
    tracked.set_missions([MISSION])
    assert tracked.minutes() == {"m1": 0.0}
    for _ in range(2):
        told = tracked.count(tracked.settled() or [("7", Stay((0, 0), 0.0, 840.0))], 1200.0)
    assert tracked.minutes() == {"m1": 14.0}
    assert kinds([event.json() for event in told]) == []
