"""Travel times: by hand, against a slow way, and what holds for any streets and places."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from patrol_missions.core.errors import InputError
from patrol_missions.engine.missions.streets import DETOUR, Network, travel_minutes

KMH = 60.0  # a kilometre a minute


def streets(*lines: list[tuple[float, float]]) -> np.ndarray:
    """Segments of lines through points."""
    return np.array([(*one, *other) for line in lines for one, other in zip(line, line[1:])], dtype=float)


def test_along_streets_and_round_a_corner() -> None:
    network = Network.of(streets([(0, 0), (1000, 0), (1000, 2000)]), KMH)
    found = travel_minutes(np.array([(0, 0), (1000, 0), (1000, 2000)]), network, KMH)
    np.testing.assert_allclose(found, [[0, 1, 3], [1, 0, 2], [3, 2, 0]], atol=1e-12)
    assert network.warnings == ()


def test_to_the_streets_and_from_them_in_straight_lines() -> None:
    network = Network.of(streets([(0, 0), (1000, 0)]), KMH)
    found = travel_minutes(np.array([(0, 300), (1400, 300)]), network, 30.0)
    assert found[0, 1] == pytest.approx(0.6 + 1.0 + 1.0)  # at half the speed off the streets
    np.testing.assert_allclose(network.nearest(np.array([(0, 300), (1400, 300)]))[0], [300, 500])


def test_each_street_has_its_own_speed_and_the_quickest_way_is_taken() -> None:
    ends = streets([(0, 0), (1000, 0)], [(0, 0), (500, 500), (1000, 0)])
    found = travel_minutes(np.array([(0, 0), (1000, 0)]), Network.of(ends, np.array([10.0, 60.0, 60.0])), KMH)
    assert found[0, 1] == pytest.approx(math.sqrt(2))
    # Of two streets between the same corners it is the quicker one, not both.
    double = np.concatenate([ends[:1], ends[:1, [2, 3, 0, 1]]])
    found = travel_minutes(ends[0].reshape(2, 2), Network.of(double, np.array([60.0, 30.0])), KMH)
    assert found[0, 1] == pytest.approx(1.0)


def test_streets_meet_where_they_share_a_point_and_not_where_they_cross() -> None:
    near = streets([(0, 0), (1000, 0)], [(1000.03, 0.02), (1000, 1000)])
    found = travel_minutes(np.array([(0, 0), (1000, 1000)]), Network.of(near, KMH), KMH)
    assert found[0, 1] == pytest.approx(2.0, abs=1e-3)
    bridge = streets([(0, 0), (1000, 0)], [(510, -490), (510, 510)], [(1000, 0), (1000, 2000), (510, 510)])
    # From the street below the bridge to the one on it, all the way round.
    places = np.array([(500, 0), (510, 510)])
    assert travel_minutes(places, Network.of(bridge, KMH), KMH)[0, 1] > 2.0


def test_long_streets_are_reached_anywhere() -> None:
    network = Network.of(streets([(0, 0), (5000, 0)]), KMH)
    away_m, _ = network.nearest(np.column_stack([np.linspace(0, 5000, 77), np.full(77, 20.0)]))
    assert away_m.max() <= math.hypot(50, 20) + 1e-9
    found = travel_minutes(np.array([(1010, 20), (4020, 20)]), network, KMH)
    assert 3.01 <= found[0, 1] <= 3.2


def test_streets_that_nobody_can_reach_are_left_out_and_named() -> None:
    island = streets([(0, 0), (10_000, 0)], [(4000, 3000), (5000, 3000)])
    network = Network.of(island, KMH)
    assert len(network.warnings) == 1
    assert network.warnings[0].startswith("9 % of the length of the streets is not connected with the rest")
    found = travel_minutes(np.array([(4000, 3000), (0, 0)]), network, KMH)
    assert found[0, 1] == pytest.approx(3.0 + 4.0)
    assert np.isfinite(found).all()


def test_neighbours_far_from_all_streets_reach_each_other_straight() -> None:
    network = Network.of(streets([(0, 0), (1000, 0)]), KMH)
    found = travel_minutes(np.array([(0, 9000), (300, 9000), (0, 9000)]), network, KMH)
    np.testing.assert_allclose(found, [[0, 0.3, 0], [0.3, 0, 0.3], [0, 0.3, 0]], atol=1e-12)
    far = travel_minutes(np.array([(0, 4e6), (0, 0)]), network, KMH)
    assert far[0, 1] == pytest.approx(4000)


def test_without_streets_straight_lines_with_detours() -> None:
    found = travel_minutes(np.array([(0, 0), (3000, 4000)]), None, 30.0)
    np.testing.assert_allclose(found, [[0, 10 * DETOUR], [10 * DETOUR, 0]])


@pytest.mark.parametrize("network", [None, Network.of(streets([(0, 0), (9, 0)]), KMH)])
@pytest.mark.parametrize("count", [0, 1])
def test_no_place_and_one(network: Network | None, count: int) -> None:
    np.testing.assert_array_equal(travel_minutes(np.zeros((count, 2)), network, KMH), np.zeros((count, count)))


NAN = math.nan


@pytest.mark.parametrize(
    ("ends", "speed", "message"),
    [
        (np.empty((0, 4)), KMH, "There are no streets."),
        (np.array([(1, 2, 1, 2.01)]), KMH, "There are no streets."),
        (np.array([(0, 0, NAN, 1), (0, 0, 5, 1)]), KMH, "1 of 2 street segments have no coordinates"),
        (np.array([(0, 0, 1e300, 1)]), KMH, "1 of 1 street segments have no coordinates, or none on Earth."),
        (np.array([(0, 0, 9, 9)]), 0.0, "The speed of street segments is 0 km/h."),
        (np.array([(0, 0, 9, 9), (9, 9, 0, 4)]), np.array([30, -5.0]), "The speed of street segments is -5 km/h."),
        (np.array([(0, 0, 9, 9)]), NAN, "The speed of street segments is nan km/h."),
        (np.array([(0, 0, 9, 9)]), math.inf, "The speed of street segments is inf km/h."),
    ],
)
def test_streets_that_cannot_be_used(ends: np.ndarray, speed: float | np.ndarray, message: str) -> None:
    with pytest.raises(InputError) as caught:
        Network.of(ends, speed)
    assert message in caught.value.message
    assert caught.value.hint


@pytest.mark.parametrize("network", [None, Network.of(streets([(0, 0), (9, 0)]), KMH)])
def test_places_and_speeds_that_cannot_be_used(network: Network | None) -> None:
    with pytest.raises(InputError, match="1 of 2 places have no coordinates"):
        travel_minutes(np.array([(0, 0), (NAN, 0)]), network, KMH)
    for speed in (0.0, -1.0, NAN, math.inf):
        with pytest.raises(InputError, match="The speed of ways off the streets is"):
            travel_minutes(np.zeros((2, 2)), network, speed)


def slowly(ends: np.ndarray, speed: np.ndarray, places: np.ndarray, off_kmh: float) -> np.ndarray:
    """Floyd and Warshall's algorithm over corners and places; for streets of at most 100 m without loose parts."""
    corners = sorted({(x, y) for x, y in ends.reshape(-1, 2).tolist()})
    points = corners + [(x, y) for x, y in places.tolist()]
    count, first = len(points), len(corners)
    way = [[0.0 if i == j else math.inf for j in range(count)] for i in range(count)]

    def link(i: int, j: int, kmh: float) -> None:
        minutes = math.dist(points[i], points[j]) / (kmh / 0.06)
        way[i][j] = way[j][i] = min(way[i][j], minutes)

    for (x1, y1, x2, y2), kmh in zip(ends.tolist(), speed.tolist()):
        if (x1, y1) != (x2, y2):
            link(corners.index((x1, y1)), corners.index((x2, y2)), kmh)
    away = [min(math.dist(point, corner) for corner in corners) for point in points]
    for i in range(first, count):
        link(i, min(range(first), key=lambda c: math.dist(points[i], points[c])), off_kmh)
        for j in range(first, i):
            if math.dist(points[i], points[j]) < away[i] + away[j]:
                link(i, j, off_kmh)
    for k in range(count):
        for i in range(count):
            for j in range(count):
                way[i][j] = min(way[i][j], way[i][k] + way[k][j])
    return np.array(way)[first:, first:]


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 2**32 - 1), st.integers(2, 12), st.integers(1, 7))
@example(0, 2, 1)
def test_any_streets_give_what_the_slow_way_gives(seed: int, corners: int, places: int) -> None:
    rng = np.random.default_rng(seed)
    at = rng.uniform(0, 70, (corners, 2))  # no two corners more than 100 m apart
    tree = [(int(rng.integers(i)), i) for i in range(1, corners)]
    pairs = np.array([*tree, *rng.integers(0, corners, (corners, 2)).tolist()])
    ends, speed = at[pairs].reshape(-1, 4), rng.uniform(5, 90, len(pairs))
    where = rng.uniform(-60, 130, (places, 2))
    where[0] = at[0]
    found = travel_minutes(where, Network.of(ends, speed), 20.0)
    np.testing.assert_allclose(found, slowly(ends, speed, where, 20.0), atol=1e-9)


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 2**32 - 1), st.booleans())
def test_times_are_distances(seed: int, with_streets: bool) -> None:
    """0 to itself, the same both ways, and never longer than with a stop on the way."""
    rng = np.random.default_rng(seed)
    ends = rng.integers(0, 6, (30, 4)) * rng.choice([40.0, 700.0])
    ends[0] = (0, 0, 4000, 0)
    places = np.concatenate([rng.uniform(-500, 4500, (9, 2)), rng.uniform(-60_000, 60_000, (3, 2)), ends[:2, :2]])
    network = Network.of(ends, rng.uniform(10, 80, len(ends))) if with_streets else None
    found = travel_minutes(places, network, 25.0)
    assert np.isfinite(found).all() and (found >= 0).all()
    np.testing.assert_array_equal(found, found.T)
    np.testing.assert_array_equal(np.diag(found), 0)
    assert (found[:, None, :] <= found[:, :, None] + found[None, :, :] + 1e-9).all()
    if network is None:
        straight = np.hypot(*(places[:, None] - places).transpose(2, 0, 1))
        np.testing.assert_allclose(found, straight * DETOUR / (25.0 / 0.06))


@pytest.mark.parametrize(("gap_m", "joined"), [(10.0, True), (20.0, False)])
def test_parts_that_nearly_touch_are_taken_to_meet(gap_m: float, joined: bool) -> None:
    ends = np.array([[0.0, 0, 300, 0], [300 + gap_m, 0, 500, 0]])
    network = Network.of(ends, 60.0)
    assert (network.warnings == ()) == joined
    assert (network.node_xy[:, 0].max() == 500) == joined
