"""Stays and tracks: minutes are conserved, order of arrival is of no matter, a restart loses and doubles nothing."""

from __future__ import annotations

import json
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from patrol_missions.engine.tracking.fixes import Refusal
from patrol_missions.engine.tracking.stays import Point, Rules, Stay, step
from patrol_missions.engine.tracking.track import Track

RULES = Rules()
LATENESS = 120.0


def stays(points, rules=RULES):
    """All stays of points in order, the last one as far as it is known."""
    state, found = None, []
    for point in points:
        state, ended = step(state, point, rules)
        found += ended
    return [*found, state.stay()] if state is not None else found


def at_minutes(*places):
    """Points (minute, x), in the first row of cells."""
    return [Point(60.0 * minute, x, 100.0) for minute, x in places]


def test_a_plain_drive():
    found = stays(at_minutes((0, 100), (1, 120), (2, 400), (3, 420), (4, 900), (5, 900)))
    assert found == [Stay((0, 0), 0, 120), Stay((1, 0), 120, 240), Stay((3, 0), 240, 300)]


def test_straying_over_the_border_is_not_leaving():
    found = stays(at_minutes((0, 240), (1, 255), (2, 240), (3, 270), (3.5, 245), (4, 240)))
    assert found == [Stay((0, 0), 0, 240)]


def test_thirty_metres_outside_is_left_at_once_from_when_it_was_first_outside():
    found = stays(at_minutes((0, 240), (1, 255), (1.5, 285), (2, 300)))
    assert found == [Stay((0, 0), 0, 60), Stay((1, 0), 60, 120)]


def test_a_minute_and_a_half_outside_is_left():
    near = stays(at_minutes((0, 240), (1, 255), (2, 255), (2.55, 255), (2.6, 240)))
    assert near[0] == Stay((0, 0), 0, 60)
    back = stays(at_minutes((0, 240), (1, 255), (2, 255), (2.5, 240), (3, 240)))
    assert back == [Stay((0, 0), 0, 180)]


def test_silence_belongs_to_no_stay():
    found = stays(at_minutes((0, 100), (2, 100), (10, 100), (11, 100)))
    assert found == [Stay((0, 0), 0, 120, gap=True), Stay((0, 0), 600, 660)]


def test_a_jump_is_not_believed_unless_it_lasts():
    astray = [Point(0, 100, 100), Point(10, 90_000, 100), Point(20, 100, 100)]
    assert stays(astray) == [Stay((0, 0), 0, 20)]
    moved = [Point(0, 100, 100), *(Point(10 + t, 90_000, 100) for t in range(3)), Point(60, 90_000, 100)]
    assert stays(moved) == [Stay((0, 0), 0, 0, gap=True), Stay((360, 0), 10, 60)]


# --- laws

moves = st.lists(
    st.tuples(st.floats(0.5, 400.0), st.floats(-200.0, 200.0), st.floats(-200.0, 200.0)), min_size=1, max_size=60
)


def path(steps):
    """Points from differences in time and place, with a wild one now and then."""
    at = x = y = 0.0
    points = []
    for number, (wait, dx, dy) in enumerate(steps):
        at, x, y = at + round(wait, 1), x + dx, y + dy
        wild = 1e6 if number % 7 == 6 else 0.0
        points.append(Point(round(at, 1), x + wild, y))
    return points


@given(moves)
def test_minutes_are_conserved(steps):
    points = path(steps)
    found = stays(points)
    assert found[0].start == points[0].at
    for one, other in zip(found, found[1:]):
        assert one.start <= one.end <= other.start
        assert one.gap or one.end == other.start, "only silence and jumps take time from the stays"
    state = None
    for point in points:
        state, _ = step(state, point, RULES)
    assert found[-1].end == state.last.at
    lost = sum(other.start - one.end for one, other in zip(found, found[1:]))
    assert sum(stay.seconds for stay in found) + lost == pytest.approx(state.last.at - points[0].at)


def shuffled(points, seed):
    """An order in which each point comes at most the lateness after the newest before it, and some come twice."""
    rng = random.Random(seed)
    late = [(point.at + rng.uniform(0, LATENESS - 1), point) for point in points]
    late += [(point.at + rng.uniform(0, LATENESS - 1), point) for point in points if rng.random() < 0.3]
    return [point for _, point in sorted(late, key=lambda each: each[0])]


def gather(track, points):
    found = []
    for point in points:
        track.add(point)
        found += track.settle()
    return found


@given(moves, st.integers(0, 2**32 - 1))
def test_the_order_of_arrival_is_of_no_matter(steps, seed):
    points = path(steps)
    track = Track(RULES, LATENESS)
    found = gather(track, shuffled(points, seed))
    assert [*found, *track.close()] == stays(points)


@given(moves, st.integers(0, 2**32 - 1), st.integers(1, 100))
def test_a_restart_loses_and_doubles_nothing(steps, seed, cut):
    arriving = shuffled(path(steps), seed)
    one = Track(RULES, LATENESS)
    whole = [*gather(one, arriving), *one.close()]
    first = Track(RULES, LATENESS)
    found = gather(first, arriving[:cut])
    second = Track.resumed(RULES, LATENESS, json.loads(json.dumps(first.kept())))
    for point in arriving[:cut]:  # the journal, once more
        second.add(point)
    found += gather(second, arriving[cut:])
    assert [*found, *second.close()] == whole


def test_what_comes_too_late_or_twice_is_told():
    track = Track(RULES, LATENESS)
    assert track.add(Point(0.0, 1.0, 1.0)) is None
    assert track.add(Point(1000.0, 1.0, 1.0)) is None
    track.settle()
    assert track.add(Point(0.0, 2.0, 2.0)) is Refusal.LATE
    assert track.add(Point(1000.0, 1.0, 1.0)) is Refusal.TWICE
    assert track.add(Point(1000.0, 2.0, 1.0), accuracy_m=5.0) is Refusal.TWICE
    assert track.add(Point(1001.0, 1e7, 1.0)) is Refusal.JUMP


def test_what_is_too_late_does_not_hang_on_when_it_was_settled():
    for settles in (True, False):
        track = Track(RULES, LATENESS)
        track.add(Point(0.0, 1.0, 1.0))
        track.add(Point(1000.0, 1.0, 1.0))
        if settles:
            track.settle()
        assert track.add(Point(1000.0 - LATENESS, 1.0, 1.0)) is Refusal.LATE
        assert track.add(Point(1001.0 - LATENESS, 1.0, 1.0)) is None


def test_of_two_receivers_the_more_accurate_counts():
    track = Track(RULES, LATENESS)
    track.add(Point(0.0, 100.0, 100.0), accuracy_m=30.0)
    assert track.add(Point(0.0, 300.0, 100.0), accuracy_m=3.0) is None
    assert track.close() == [Stay((1, 0), 0.0, 0.0)]
