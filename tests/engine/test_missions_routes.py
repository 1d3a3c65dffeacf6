"""Routes: the best of all by a slow reference, the rules, the drawn times, and how many missions units can take."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from patrol_missions.core.errors import InputError
from patrol_missions.engine.missions import route_choice, route_list
from patrol_missions.engine.missions.draw import Stream
from patrol_missions.engine.missions.routes import Missions, Routes, Rules, Units, capacity, make

START = 1_578_027_600
HOUR = 3600
SHIFT = (START, START + 8 * HOUR)
STREAM = Stream(7, START, ("Night", "05"))


def missions(
    travel: np.ndarray | float, value: object = 1.0, minutes: object = 15.0, windows: object = (0, 8), count: int = 0
) -> Missions:
    """Missions with windows in hours of the shift; ``travel`` is a matrix, or the same everywhere for ``count``."""
    matrix = np.asarray(travel, dtype=float)
    if matrix.ndim == 0:
        matrix = matrix * (1 - np.eye(count))
    size = len(matrix)
    window = np.broadcast_to(np.asarray(windows, dtype=float).reshape(-1, 2), (size, 2))
    opens, closes = (START + np.rint(window * HOUR).astype(np.int64)).T
    spread = [np.broadcast_to(np.asarray(v, dtype=float), size).copy() for v in (value, minutes)]
    return Missions(spread[0], spread[1], opens, closes, matrix)


def units(*each: tuple[float, float, float]) -> Units:
    """Units from (first hour, last hour, uncommitted minutes)."""
    table = np.array(each, dtype=float).reshape(-1, 3)
    hours = START + np.rint(table[:, :2] * HOUR).astype(np.int64)
    return Units(tuple(f"unit {n}" for n in range(len(table))), hours[:, 0], hours[:, 1], table[:, 2])


def city(seed: int, count: int, crews: int, window_hours: float = 3.0) -> tuple[Missions, Units]:
    """A plausible district: missions in 5 by 5 km, windows of some hours, units with half an hour to two hours."""
    rng = np.random.default_rng(seed)
    place = rng.uniform(0, 5, (count, 2))
    travel = np.hypot(*(place[:, None] - place).transpose(2, 0, 1)) * 1.3 / 25 * 60
    opens = np.floor(rng.uniform(0, 8 - window_hours, count))
    found = missions(travel, rng.lognormal(0, 0.8, count), 15.0, np.stack([opens, opens + window_hours], axis=1))
    first, last = rng.integers(0, 3, crews), 8 - rng.integers(0, 3, crews)
    return found, units(*zip(first.tolist(), last.tolist(), rng.integers(30, 120, crews).tolist()))


def check_rules(found: Routes, asked: Missions, crews: Units, rules: Rules) -> None:
    """Everything that holds for any answer, one visit at a time."""
    count = len(asked) * rules.visits
    assert sorted(zip(found.mission.tolist(), found.number.tolist())) == list(
        itertools.product(range(len(asked)), range(1, rules.visits + 1))
    )
    used, travel = [0.0] * len(crews), 0.0
    for unit in range(len(crews)):
        route = np.flatnonzero(found.unit == unit)
        route = route[np.argsort(found.order[route])]
        assert found.order[route].tolist() == list(range(1, len(route) + 1))
        assert len(route) <= rules.most_missions
        for place, visit in enumerate(route.tolist()):
            assert max(found.drawn_s[visit], crews.start_s[unit]) <= found.arrival_s[visit]
            assert found.departure_s[visit] <= crews.end_s[unit]
            way = float(asked.travel_minutes[found.mission[route[place - 1]], found.mission[visit]]) if place else 0.0
            assert found.travel_before_minutes[visit] == pytest.approx(way, abs=0.5 / 60 + 1e-9)
            if place:
                ready = found.departure_s[route[place - 1]] + 60 * found.travel_before_minutes[visit]
                assert found.arrival_s[visit] >= ready - 1e-6
            used[unit] += found.travel_before_minutes[visit] + float(asked.service_minutes[found.mission[visit]])
            travel += found.travel_before_minutes[visit]
        assert used[unit] <= crews.minutes[unit] + 1e-6
    np.testing.assert_allclose(found.used_minutes, used, atol=0.02 * count)
    assert found.travel_minutes == pytest.approx(travel)
    served = set(found.mission[found.unit >= 0].tolist())
    assert found.missions_without_unit == len(asked) - len(served)
    check_times(found, asked, rules)


def check_times(found: Routes, asked: Missions, rules: Rules) -> None:
    service = np.rint(asked.service_minutes * 60)[found.mission]
    np.testing.assert_array_equal(found.departure_s - found.arrival_s, service)
    nobody = found.unit < 0
    np.testing.assert_array_equal(found.arrival_s[nobody], found.drawn_s[nobody])
    assert (found.order[nobody] == 0).all() and (found.travel_before_minutes[nobody] == 0).all()
    opens, closes = windows_of(asked, rules)
    assert (found.drawn_s >= opens[found.mission]).all()
    assert (found.drawn_s + service <= closes[found.mission]).all()
    assert (found.departure_s <= SHIFT[1]).all()
    same = found.mission[1:] == found.mission[:-1]
    gap_s = found.arrival_s[1:] - found.departure_s[:-1]
    assert (gap_s[same] >= 60 * rules.revisit_gap_minutes).all()


def windows_of(asked: Missions, rules: Rules) -> tuple[np.ndarray, np.ndarray]:
    """Windows as they count: within the shift, and the whole shift where they are too short."""
    opens, closes = np.maximum(asked.open_s, SHIFT[0]), np.minimum(asked.close_s, SHIFT[1])
    needed = rules.visits * asked.service_minutes * 60 + (rules.visits - 1) * rules.revisit_gap_minutes * 60
    short = closes - opens < np.rint(needed)
    return np.where(short, SHIFT[0], opens), np.where(short, SHIFT[1], closes)


def kinds_of(crews: Units) -> list[tuple[int, int, int]]:
    """Start, end and seconds of each unit, as far as they matter in the shift."""
    found = []
    for first, last, minutes in zip(crews.start_s.tolist(), crews.end_s.tolist(), crews.minutes.tolist()):
        start, end = max(first, SHIFT[0]), min(last, SHIFT[1])
        found.append((start, end, min(int(60 * minutes), max(end - start, 0))))
    return found


def costs_of(found: Routes, asked: Missions, rules: Rules) -> Callable[[tuple[int, ...], tuple[int, int, int]], float]:
    """What a route of a kind of unit costs, infinite where it is not possible; times in plain whole numbers."""
    service = np.rint(asked.service_minutes * 60).astype(int)[found.mission].tolist()
    drawn = found.drawn_s.tolist()
    latest = [
        drawn[v + 1] - 60 * rules.revisit_gap_minutes - service[v]
        if found.number[v] < rules.visits
        else SHIFT[1] - service[v]
        for v in range(len(drawn))
    ]

    def cost_of(path: tuple[int, ...], kind: tuple[int, int, int]) -> float:
        now, used, cost = kind[0], 0, 0
        for place, visit in enumerate(path):
            minutes = asked.travel_minutes[found.mission[path[place - 1]], found.mission[visit]] if place else 0.0
            way = round(60 * float(minutes))
            begin = max(drawn[visit], now + way)
            now, used = begin + service[visit], used + way + service[visit]
            cost += 10 * way + begin - drawn[visit]
            if begin > latest[visit] or now > kind[1] or used > kind[2]:
                return math.inf
        return cost

    return cost_of


def slowly(found: Routes, asked: Missions, crews: Units, rules: Rules, stream: Stream) -> list[list[tuple[int, ...]]]:
    """Routes of each kind of unit in the best of all ways to share the drawn visits, from all orders of all sets."""
    count, cost_of, kinds = len(found.mission), costs_of(found, asked, rules), kinds_of(crews)
    largest = max(float(asked.value.max()), 1e-300)
    later = np.where(found.number > 1, 0.1, 1.0)
    value = [max(1, round(10_000 * float(asked.value[m]) / largest * part)) for m, part in zip(found.mission, later)]
    listed = []
    for length in range(1, rules.most_missions + 1):
        for kind, some in itertools.product(dict.fromkeys(kinds), itertools.combinations(range(count), length)):
            cost, path = min((cost_of(path, kind), path) for path in itertools.permutations(some))
            if cost < math.inf:
                listed.append((kind, cost, path))
    lots = replace(stream, names=(*stream.names, "lots")).uniforms(len(listed)).tolist()

    def best(units: list[tuple[int, int, int]], free: frozenset[int]) -> tuple[float, float, float, tuple[object, ...]]:
        if not units:
            return sum(value[v] for v in free), 0, 0, ()
        found = [best(units[1:], free)]
        for (kind, cost, path), lot in zip(listed, lots):
            if kind == units[0] and free.issuperset(path):
                lost, more, chance, rest = best(units[1:], free - set(path))
                found.append((lost, cost + more, lot + chance, ((kind, path), *rest)))
        return min(found, key=lambda each: each[:3])

    chosen = best(kinds, frozenset(range(count)))[3]
    shared: dict[tuple[int, int, int], list[tuple[int, ...]]] = {kind: [] for kind in kinds}
    for kind, path in chosen:  # type: ignore[misc]
        shared[kind].append(path)
    drawn = found.drawn_s.tolist()
    return [sorted(paths, key=lambda p: (max(drawn[p[0]], kind[0]), p)) for kind, paths in shared.items()]


def by_kind(found: Routes, crews: Units) -> list[list[tuple[int, ...]]]:
    """Routes of the units of each kind, in the order of the units; as :func:`slowly` gives them."""
    shared: dict[tuple[int, int, int], list[tuple[int, ...]]] = {}
    for unit, kind in enumerate(kinds_of(crews)):
        route = np.flatnonzero(found.unit == unit)
        path = tuple(route[np.argsort(found.order[route])].tolist())
        shared.setdefault(kind, []).extend([path] if path else [])
    return list(shared.values())


@settings(deadline=None, max_examples=150)
@given(st.data())
def test_no_other_choice_is_better(data: st.DataObject) -> None:
    """Value, then travel and lateness, then lots, against all orders of all sets; many cases are equal by design."""
    number = data.draw(st.integers(1, 5))
    visits = data.draw(st.integers(1, 2 if number < 3 else 1))
    few = st.sampled_from([0.0, 4.0, 11.0, 30.0])
    travel = np.array(data.draw(st.lists(few, min_size=number**2, max_size=number**2))).reshape(number, number)
    windows = data.draw(
        st.lists(st.sampled_from([(0, 8), (0, 1), (0, 0.5), (1, 2), (0.5, 4)]), min_size=number, max_size=number)
    )
    value = data.draw(st.lists(st.sampled_from([0.0, 1.0, 2.0, 2.5]), min_size=number, max_size=number))
    asked = missions(travel * (1 - np.eye(number)), value, data.draw(st.sampled_from([12.5, 20.0])), windows)
    crew = st.tuples(st.sampled_from([0, 1.5]), st.sampled_from([0.75, 3, 8]), st.sampled_from([20, 40, 70]))
    crews = units(*data.draw(st.lists(crew.filter(lambda c: c[0] <= c[1]), min_size=1, max_size=3)))
    rules = Rules(data.draw(st.integers(1, 3)), visits, 30.0)
    stream = replace(STREAM, seed=data.draw(st.integers(0, 10**9)))
    found = make(asked, crews, SHIFT, rules, stream)
    check_rules(found, asked, crews, rules)
    assert by_kind(found, crews) == slowly(found, asked, crews, rules, stream)


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 2**32 - 1), st.integers(0, 12), st.integers(0, 5), st.integers(1, 4), st.integers(1, 3))
def test_every_rule_is_obeyed(seed: int, count: int, crews: int, most: int, visits: int) -> None:
    rng = np.random.default_rng(seed)
    asked, able = city(seed, count, crews, float(rng.choice([0.1, 1.0, 4.0])))
    asked = replace(asked, service_minutes=rng.choice([7.3, 15.0, 40.0], count))
    rules = Rules(most, visits, float(rng.choice([0.0, 45.0, 120.0])))
    found = make(asked, able, SHIFT, rules, replace(STREAM, seed=seed))
    check_rules(found, asked, able, rules)
    again = make(asked, able, SHIFT, rules, replace(STREAM, seed=seed))
    for name in ("unit", "order", "drawn_s", "arrival_s", "departure_s"):
        np.testing.assert_array_equal(getattr(found, name), getattr(again, name))


def test_by_hand() -> None:
    """Two missions next to each other and two far off: two units that each stay on their side, the late one late."""
    travel = np.full((4, 4), 25.0)
    travel[0, 1] = travel[1, 0] = travel[2, 3] = travel[3, 2] = 2.0
    np.fill_diagonal(travel, 0)
    minute = 1 / 60
    at = [(1, 1 + 15 * minute), (1, 2), (4, 4 + 15 * minute), (4, 5)]  # the first of each pair at a certain time
    asked = missions(travel, 1.0, 15.0, at)
    crews = units((0, 8, 40), (0, 8, 31))
    found = make(asked, crews, SHIFT, Rules(), STREAM)
    assert found.missions_without_unit == 1  # two visits with 2 minutes between them do not fit into 31 minutes
    assert found.travel_minutes == 2.0
    assert found.used_minutes[0] == 32.0 and found.used_minutes[1] == 15.0
    more = make(asked, replace(crews, minutes=np.array([40.0, 32.0])), SHIFT, Rules(), STREAM)
    assert more.unit[0] == more.unit[1] != more.unit[2] == more.unit[3]
    assert more.order.tolist() == [1, 2, 1, 2]
    assert more.arrival_s[0] == START + HOUR and more.departure_s[0] == START + HOUR + 900
    assert more.arrival_s[1] == max(more.drawn_s[1], START + HOUR + 900 + 120)
    assert more.travel_minutes == 4.0
    assert more.warnings == ()


def test_value_goes_before_travel_and_the_number_of_visits() -> None:
    travel = np.array([[0, 30, 1], [30, 0, 30], [1, 30, 0]], dtype=float)
    windows = [(0, 8)] * 3
    found = make(missions(travel, [5, 9.5, 4], 15.0, windows), units((0, 8, 30)), SHIFT, Rules(), STREAM)
    assert found.unit.tolist() == [-1, 0, -1]
    found = make(missions(travel, [5, 8.5, 4], 15.0, windows), units((0, 8, 31)), SHIFT, Rules(), STREAM)
    assert found.unit.tolist() == [0, -1, 0]


def test_missions_without_value_are_visited_when_there_is_time() -> None:
    found = make(missions(5.0, 0.0, count=3), units((0, 8, 100)), SHIFT, Rules(), STREAM)
    assert (found.unit == 0).all()


def test_only_ratios_of_value_matter() -> None:
    asked, crews = city(3, 9, 3)
    one, other = (make(replace(asked, value=asked.value * f), crews, SHIFT, Rules(2), STREAM) for f in (1, 1e-7))
    np.testing.assert_array_equal(one.unit, other.unit)


def test_units_that_are_equal_to_all_purposes_are_chosen_by_lot_and_those_alike_in_turn() -> None:
    asked = missions(0.0, count=1)
    by_lot = [int(make(asked, units((0, 8, 60), (0, 8, 50)), SHIFT, Rules(), replace(STREAM, seed=s)).unit[0])
              for s in range(200)]  # fmt: skip
    assert stats.binomtest(sum(by_lot), 200).pvalue > 1e-3
    alike = [make(asked, units((0, 8, 60), (0, 8, 60)), SHIFT, Rules(), replace(STREAM, seed=s)) for s in range(9)]
    assert [each.unit.tolist() for each in alike] == [[0]] * 9
    # More time than the shift has left for it makes no difference.
    longer = units((0, 8, 9000), (-3, 11, 700))
    assert make(asked, longer, SHIFT, Rules(), replace(STREAM, seed=1)).unit.tolist() == [0]


def test_the_largest_district_is_planned_exactly() -> None:
    asked, crews = city(2, 30, 10, 4.0)
    found = make(asked, crews, SHIFT, Rules(), STREAM)
    check_rules(found, asked, crews, Rules())
    assert found.warnings == ()


@pytest.mark.parametrize("tries", [0, 100, 1000])
def test_too_many_routes(tries: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """The best of shorter routes, and the rest one by one: never less value than by routes of one visit."""
    asked, crews = city(5, 14, 4)
    exact = make(asked, crews, SHIFT, Rules(4), STREAM)
    monkeypatch.setattr(route_list, "MOST_TRIES", tries)
    found = make(asked, crews, SHIFT, Rules(4), STREAM)
    check_rules(found, asked, crews, Rules(4))
    assert "too many possible routes" in found.warnings[-1]
    assert not any("too many" in sentence for sentence in exact.warnings)
    served = [float(asked.value[each.unit >= 0].sum()) for each in (found, exact)]
    assert served[0] <= served[1] + 1e-3
    assert np.count_nonzero(found.unit >= 0) > len(crews)


def test_visits_one_by_one_by_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    """The most valuable first, each to where it costs least, before another visit where that is better."""
    monkeypatch.setattr(route_list, "MOST_TRIES", 0)
    travel = np.array([[0, 10, 3], [10, 0, 10], [3, 10, 0]], dtype=float)
    late, early = (4, 4.25), (1, 1.25)
    asked = missions(travel, [9, 8, 7], 15.0, [late, early, early])
    found = make(asked, units((0, 8, 40), (0, 8, 40)), SHIFT, Rules(), STREAM)
    assert found.unit.tolist() == [0, 1, 0]
    assert found.order.tolist() == [2, 1, 1]


def test_a_proof_that_takes_too_long(monkeypatch: pytest.MonkeyPatch) -> None:
    asked, crews = city(5, 20, 6)
    monkeypatch.setattr(route_choice, "MOST_NODES", 0)
    found = make(asked, crews, SHIFT, Rules(), STREAM)
    check_rules(found, asked, crews, Rules())
    assert "too many possible routes" in found.warnings[-1]


def test_times_are_drawn_before_units_are_known() -> None:
    asked, crews = city(1, 8, 3)
    rules = Rules(3, 2, 60.0)
    found = make(asked, crews, SHIFT, rules, STREAM)
    for other in (units(), units((0, 8, 500))):
        np.testing.assert_array_equal(make(asked, other, SHIFT, rules, STREAM).drawn_s, found.drawn_s)
    some = Missions(*(v[:5] for v in (asked.value, asked.service_minutes, asked.open_s, asked.close_s)),
                    asked.travel_minutes[:5, :5])  # fmt: skip
    np.testing.assert_array_equal(make(some, crews, SHIFT, rules, STREAM).drawn_s, found.drawn_s[:10])
    assert (make(asked, crews, SHIFT, rules, replace(STREAM, seed=8)).drawn_s != found.drawn_s).all()


def test_the_times_are_those_that_were_published() -> None:
    """Fixed for ever: a logged plan must replay on any later version."""
    found = make(missions(5.0, windows=(1, 5), count=3), units(), SHIFT, Rules(3, 2, 60.0), STREAM)
    assert (found.drawn_s - START).tolist() == PUBLISHED


PUBLISHED = [4351, 11085, 8230, 14591, 7475, 13921]


def test_start_times_are_uniform_over_the_part_of_the_window_where_the_visit_fits() -> None:
    count = 4000
    asked = missions(np.zeros((count, count)), windows=(2, 5))
    drawn = make(asked, units(), SHIFT, Rules(), STREAM).drawn_s - START - 2 * HOUR
    assert drawn.min() >= 0 and drawn.max() <= 165 * 60
    assert stats.kstest((drawn + 0.5) / (165 * 60 + 1), "uniform").pvalue > 0.01
    assert stats.kstest(drawn / (180 * 60), "uniform").pvalue < 1e-6  # the check sees a quarter of an hour


def test_times_of_several_visits_are_uniform_among_those_that_keep_the_gap() -> None:
    count = 4000
    asked = missions(np.zeros((count, count)), windows=(0, 8))
    rules = Rules(3, 2, 120.0)
    drawn = (make(asked, units(), SHIFT, rules, STREAM).drawn_s - START).reshape(-1, 2)
    spare = 8 * HOUR - 2 * 900 - 7200
    first, second = drawn[:, 0] / spare, (drawn[:, 1] - 8100) / spare
    assert (first <= second).all()
    # Uniform on a triangle: the smaller of two uniform numbers, the larger, and their difference.
    assert stats.kstest(1 - (1 - first) ** 2, "uniform").pvalue > 0.01
    assert stats.kstest(second**2, "uniform").pvalue > 0.01
    assert stats.kstest(1 - (1 - (second - first)) ** 2, "uniform").pvalue > 0.01


def test_start_times_do_not_follow_the_numbers_of_the_draw() -> None:
    """The draw takes its numbers from the same stream; visits of cells that were drawn must not be told from them."""
    drawn = make(missions(5.0, count=6), units(), SHIFT, Rules(), STREAM).drawn_s - START
    assert np.abs(drawn / (465 * 60) - STREAM.uniforms(6)).max() > 0.01


def test_nothing_to_do_and_nobody_to_do_it() -> None:
    none = make(missions(np.zeros((0, 0))), units((0, 8, 60)), SHIFT, Rules(), STREAM)
    assert len(none.mission) == 0 and none.used_minutes.tolist() == [0.0] and none.warnings == ()
    assert none.travel_minutes == 0 and none.missions_without_unit == 0
    asked = missions(5.0, count=3)
    for crews in (
        units(),
        units((0, 8, 0)),
        units((0, 8, 14.9)),
        units((-9, -1, 99), (9, 12, 99)),
        units((2, 2.2, 99)),
    ):
        found = make(asked, crews, SHIFT, Rules(), STREAM)
        check_rules(found, asked, crews, Rules())
        assert found.missions_without_unit == 3 and (found.unit == -1).all()
        assert found.missions_without_unit == 3


def test_windows_shorter_than_the_visits_give_way_to_the_shift() -> None:
    asked = missions(0.0, windows=[(3, 3.2), (3, 4), (7.9, 9)], count=3)
    found = make(asked, units((0, 8, 60)), SHIFT, Rules(), STREAM)
    check_rules(found, asked, units((0, 8, 60)), Rules())
    assert len(found.warnings) == 1
    assert "In 2 of 3 missions the patrol window is too short" in found.warnings[0]
    exactly = make(missions(0.0, windows=(3, 3.25), count=1), units((0, 8, 60)), SHIFT, Rules(), STREAM)
    assert exactly.drawn_s.tolist() == [START + 3 * HOUR] and exactly.warnings == ()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda: missions(0.0, value=[1, math.nan], count=2), "The value of mission 2 is nan."),
        (lambda: missions(0.0, value=-1.0, count=2), "The value of mission 1 is -1."),
        (lambda: missions(0.0, minutes=0.0, count=1), "The time of a visit to mission 1 is 0."),
        (lambda: missions(np.array([[0, 1], [-2, 0]])), "The travel time from mission 2 is -2."),
        (lambda: missions(np.array([[0, np.inf], [2, 0]])), "The travel time from mission 1 is inf."),
        (lambda: missions(0.0, windows=(3, 3), count=1), "The patrol window of mission 1 ends before it begins."),
        (lambda: units((0, 8, 30), (0, 8, math.nan)), "The uncommitted time of unit 2 is nan."),
        (lambda: units((0, 8, -1)), "The uncommitted time of unit 1 is -1."),
        (lambda: units((8, 0, 30)), "The unit “unit 0” ends before it starts."),
        (lambda: Rules(0), "A unit may make 0 visits."),
        (lambda: Rules(visits=0), "0 visits are asked for in each mission."),
        (lambda: Rules(revisit_gap_minutes=-5), "The time between visits is -5 minutes."),
        (lambda: Rules(revisit_gap_minutes=math.nan), "The time between visits is nan minutes."),
        (lambda: capacity(np.array([60.0, -1]), 15, 10, 3, 1), "The uncommitted time of unit 2 is -1."),
        (lambda: capacity(np.array([60.0]), 0, 10, 3, 1), "The time of a visit is 0."),
        (lambda: capacity(np.array([60.0]), 15, math.nan, 3, 1), "The time to get to a visit is nan."),
        (
            lambda: make(missions(0.0, windows=(8, 9), count=2), units(), SHIFT, Rules(), STREAM),
            "The patrol window of mission 1 is outside the shift.",
        ),
        (
            lambda: make(missions(0.0, count=2), units(), SHIFT, Rules(3, 4, 150), STREAM),
            "4 visits of 15 minutes and the time between them take more than the 480 minutes of the shift.",
        ),
        (
            lambda: make(missions(0.0, minutes=481, count=2), units(), SHIFT, Rules(), STREAM),
            "A visit of 481 minutes takes more than the 480 minutes of the shift.",
        ),
    ],
)
def test_what_cannot_be_planned(change: Callable[[], object], message: str) -> None:
    with pytest.raises(InputError) as caught:
        change()
    assert caught.value.message == message
    assert caught.value.hint


@pytest.mark.parametrize(
    ("minutes", "dose", "allowance", "most", "visits", "missions_able"),
    [
        ([60, 60], 15, 5, 3, 1, 6),
        ([59.9, 60], 15, 5, 3, 1, 5),
        ([600, 600], 15, 5, 3, 1, 6),
        ([600, 600], 15, 5, 3, 2, 3),
        ([40, 40, 40], 15, 5, 3, 4, 1),  # units may share a mission's visits
        ([14, 15], 15, 0, 3, 1, 1),
        ([0.3] * 10, 0.1, 0.0, 3, 1, 30),  # 0.3 / 0.1 is a little less than 3
        ([], 15, 5, 3, 1, 0),
        ([0, 0], 15, 5, 3, 1, 0),
    ],
)
def test_what_units_can_take(
    minutes: list[float], dose: float, allowance: float, most: int, visits: int, missions_able: int
) -> None:
    assert capacity(np.array(minutes, dtype=float), dose, allowance, most, visits) == missions_able


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 2**32 - 1), st.lists(st.floats(0, 200), min_size=1, max_size=4), st.integers(1, 3))
def test_missions_within_the_capacity_all_have_a_unit_where_they_follow_each_other(
    seed: int, minutes: list[float], most: int
) -> None:
    able = capacity(np.array(minutes), 10.0, 6.0, most, 1)
    slots = np.arange(able) / 3
    asked = missions(6.0, 1.0, 10.0, np.stack([slots, slots + 1 / 6], axis=1), able)
    crews = units(*((0, 8, m) for m in minutes))
    found = make(asked, crews, SHIFT, Rules(most), replace(STREAM, seed=seed))
    assert found.missions_without_unit == 0
    check_rules(found, asked, crews, Rules(most))
