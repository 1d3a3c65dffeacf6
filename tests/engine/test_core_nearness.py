"""Distances, counts and densities of places, metres and intersections of streets: by hand and against a slow way."""

from __future__ import annotations

import math

import numpy as np
import pytest

from patrol_missions.core import nearness, streets
from patrol_missions.core.errors import Canceled
from patrol_missions.core.nearness import FARTHEST_M, Near, Segments, near

SIZE = 100.0


def cells(width: int = 12, height: int = 9) -> tuple[np.ndarray, np.ndarray]:
    """A block of cells with a hole and a bite."""
    columns, rows = (v.ravel() for v in np.meshgrid(np.arange(40, 40 + width), np.arange(70, 70 + height)))
    kept = ~((columns == 45) & (rows == 75)) & ~((columns > 48) & (rows > 76))
    return columns[kept], rows[kept]


def centre(column: int, row: int) -> tuple[float, float]:
    return (column + 0.5) * SIZE, (row + 0.5) * SIZE


def points(*xy: tuple[float, float]) -> Segments:
    ends = np.array([(x, y, x, y) for x, y in xy]).reshape(-1, 4)
    return Segments(ends, np.arange(len(ends)))


def slowly(columns: np.ndarray, rows: np.ndarray, segments: Segments, radii: list[float]) -> Near:
    """The same, a cell, a feature and a segment at a time."""
    shape = (len(radii), len(columns))
    found = Near(np.full(len(columns), FARTHEST_M), np.zeros(shape, dtype=np.int64), np.zeros(shape))
    for cell, (column, row) in enumerate(zip(columns.tolist(), rows.tolist())):
        px, py = centre(column, row)
        for feature in set(segments.feature.tolist()):
            best = math.inf
            for x1, y1, x2, y2 in segments.ends[segments.feature == feature].tolist():
                dx, dy = x2 - x1, y2 - y1
                long = dx * dx + dy * dy
                t = 0.0 if long == 0 else min(max(((px - x1) * dx + (py - y1) * dy) / long, 0.0), 1.0)
                best = min(best, math.dist((px, py), (x1 + t * dx, y1 + t * dy)))
            found.distance_m[cell] = min(found.distance_m[cell], best)
            for place, radius in enumerate(radii):
                if best <= radius:
                    found.count[place, cell] += 1
                    found.density[place, cell] += 3 / math.pi / (radius / 1000) ** 2 * (1 - (best / radius) ** 2) ** 2
    return found


def same(found: Near, wanted: Near) -> None:
    np.testing.assert_allclose(found.distance_m, wanted.distance_m, atol=1e-9)
    np.testing.assert_array_equal(found.count, wanted.count)
    np.testing.assert_allclose(found.density, wanted.density, atol=1e-9)


def test_a_place_by_hand() -> None:
    columns, rows = cells()
    x, y = centre(40, 70)
    found = near(columns, rows, SIZE, points((x + 30, y + 40), (x + 30, y + 40)), [100.0])
    here = int(np.flatnonzero((columns == 40) & (rows == 70))[0])
    assert found.distance_m[here] == pytest.approx(50.0)
    assert found.count[0, here] == 2
    assert found.density[0, here] == pytest.approx(2 * 3 / math.pi / 0.01 * 0.75**2)
    assert found.distance_m.max() == FARTHEST_M
    assert found.count.sum() == 2 * 4  # the centres of four cells are within 100 m


def test_a_kernel_holds_one_place_whatever_its_radius() -> None:
    columns, rows = (v.ravel() for v in np.meshgrid(np.arange(60), np.arange(60)))
    found = near(columns, rows, SIZE, points((3021.0, 2987.0)), [400.0, 900.0])
    np.testing.assert_allclose(found.density.sum(axis=1) * (SIZE / 1000) ** 2, 1.0, atol=0.01)


@pytest.mark.parametrize("seed", range(4))
def test_features_of_all_kinds_against_a_slow_way(monkeypatch: pytest.MonkeyPatch, seed: int) -> None:
    """Long and short lines, points, features of many pieces that go on from one part of the work to the next."""
    monkeypatch.setattr(nearness, "_PAIRS", 3000)
    rng = np.random.default_rng(seed)
    columns, rows = cells()
    begin = rng.uniform((3000, 6000), (6500, 9000), (40, 2))
    way = rng.normal(0, 1, (40, 2)) * rng.choice([0, 20, 900], (40, 1))
    segments = Segments(np.concatenate([begin, begin + way], axis=1), np.sort(rng.integers(0, 12, 40)))
    radii = [60.0, 250.0, 900.0]
    same(near(columns, rows, SIZE, segments, radii), slowly(columns, rows, segments, radii))


def test_nothing_near_and_nothing_at_all() -> None:
    columns, rows = cells()
    for segments in (points(), points((9e6, 9e6))):
        found = near(columns, rows, SIZE, segments, [250.0])
        assert (found.distance_m == FARTHEST_M).all()
        assert not found.count.any()
        assert not found.density.any()


def test_who_hears_of_the_progress_can_end_it() -> None:
    def tell(done: float) -> None:
        raise Canceled

    with pytest.raises(Canceled):
        near(*cells(), SIZE, points(centre(41, 72)), [250.0], tell)


def test_streets_are_cut_along_the_grid() -> None:
    columns, rows = cells()
    ends = np.array([[4050.0, 7010.0, 4250.0, 7010.0], [4090.0, 7090.0, 4110.0, 7110.0], [0.0, 0.0, 50.0, 50.0]])
    metres = dict(zip(zip(columns.tolist(), rows.tolist()), streets.lengths(columns, rows, SIZE, ends).tolist()))
    half = math.hypot(10, 10)
    assert metres[40, 70] == pytest.approx(50 + half)
    assert metres[41, 70] == pytest.approx(100)
    assert metres[42, 70] == pytest.approx(50)
    assert metres[41, 71] == pytest.approx(half)
    assert sum(metres.values()) == pytest.approx(200 + 2 * half)


def test_lengths_of_many_streets_add_up_and_lie_where_they_should() -> None:
    rng = np.random.default_rng(5)
    columns, rows = (v.ravel() for v in np.meshgrid(np.arange(-10, 30), np.arange(-10, 30)))
    ends = rng.uniform(-1000, 3000, (200, 4))
    ends[:5] = np.round(ends[:5], -2)  # along lines and through corners of the grid
    found = streets.lengths(columns, rows, SIZE, ends)
    assert found.sum() == pytest.approx(np.hypot(ends[:, 2] - ends[:, 0], ends[:, 3] - ends[:, 1]).sum())
    step = np.linspace(0, 1, 20_001)[:-1] + 0.5 / 20_000
    walked = np.zeros(len(columns))
    for x1, y1, x2, y2 in ends[5:].tolist():
        column, row = (x1 + step * (x2 - x1)) // SIZE, (y1 + step * (y2 - y1)) // SIZE
        key = ((row + 10) * 40 + column + 10).astype(int)
        walked += np.bincount(key, minlength=1600) * math.hypot(x2 - x1, y2 - y1) / 20_000
    assert streets.lengths(columns, rows, SIZE, ends[5:]) == pytest.approx(walked, abs=6.0)


def chain(*xy: tuple[float, float]) -> np.ndarray:
    return np.array([(*a, *b) for a, b in zip(xy, xy[1:])], dtype=np.float64)


def test_intersections_are_where_three_ways_share_a_vertex() -> None:
    columns, rows = cells()
    x, y = centre(42, 73)
    main = chain((x - 300, y), (x, y), (x + 300, y))
    side = chain((x, y), (x, y + 300))
    bridge = chain((x + 150, y - 200), (x + 150, y + 200))  # crosses without a vertex
    bend = chain((x - 300, y), (x - 300, y + 100))  # two ways only
    around = chain(
        (x, y + 300), (x + 20, y + 320), (x - 20, y + 320), (x, y + 300)
    )  # a loop at the end of the side street
    found = streets.intersections(columns, rows, SIZE, np.concatenate([main, side, bridge, bend, around]))
    assert dict(zip(zip(columns.tolist(), rows.tolist()), found.tolist()))[42, 73] == 1
    assert found.sum() == 2
    twice = np.concatenate([main, main[::-1, [2, 3, 0, 1]], side + 0.01])
    assert streets.intersections(columns, rows, SIZE, twice).sum() == 1
    assert streets.intersections(columns, rows, SIZE, main).sum() == 0
    assert streets.intersections(columns, rows, SIZE, np.empty((0, 4))).sum() == 0
