"""The land of the sample city: its shape, river and bay, main streets, neighbourhoods and districts.

Everything is decided on a raster of 50 m pixels, five to a side of a cell, from which polygons are traced.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from scipy import ndimage
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import dijkstra
from scipy.spatial import cKDTree

from patrol_missions.core.errors import PatrolError
from patrol_missions.engine.data.city_polygons import OUTSIDE
from patrol_missions.engine.data.city_process import CellMap
from patrol_missions.engine.data.city_random import LAYOUT, pick, smooth_field, stream

EPSG = 32618
"""UTM zone 18 north."""
CENTRE = (750_000.0, 4_350_000.0)
"""In the open Atlantic off New Jersey, where no real city can be mistaken for it."""
CELL_SIZE_M = 250.0
PIXEL_M = 50.0
MIN_SHARE = 0.25
"""Squares with less land than this are no cells, as in a grid that is built over the boundary."""

_PER_CELL = 5  # pixels along a side of a cell
_DISTRICTS = (
    "Central", "Union", "Foundry", "Orchard", "Chapel Hill", "Mill Creek",
    "Fairview", "Kingsbridge", "Ashford", "Linden", "Copper Hill", "Stonegate",
)  # fmt: skip


@dataclass(frozen=True, eq=False)
class Layout:
    """The city's raster, cells and neighbourhoods; rasters have row 0 in the south.

    :param origin: x and y of the raster's lower left corner, on the cell grid
    :param inside: within the boundary, water included, bool
    :param water: the river, bool
    :param area: neighbourhood of every pixel inside, else -1, int32
    :param district_of_area: district of every neighbourhood, int64
    :param district_names: in the order of their numbers
    :param density: people per pixel in relative terms, 0 off the land
    :param centre: x and y of the busiest spot
    :param streets: main streets as lines of points, each of shape (k, 2)
    """

    origin: tuple[float, float]
    inside: np.ndarray
    water: np.ndarray
    area: np.ndarray
    district_of_area: np.ndarray
    district_names: tuple[str, ...]
    density: np.ndarray
    centre: tuple[float, float]
    streets: tuple[np.ndarray, ...]

    @cached_property
    def land(self) -> np.ndarray:
        """Pixels of the city that are not water."""
        return np.asarray(self.inside & ~self.water)

    @cached_property
    def cells(self) -> CellMap:
        """Squares with enough land, row by row from the south-west."""
        share = _land_share(self.land)
        rows, columns = np.nonzero(share >= MIN_SHARE)
        left, bottom = (int(v // CELL_SIZE_M) for v in self.origin)
        return CellMap(columns + left, rows + bottom, share[rows, columns])

    @cached_property
    def cell_of_pixel(self) -> np.ndarray:
        """Cell of every land pixel, -1 for water, for pixels outside and for land too little to make a cell."""
        lookup = np.full(tuple(n // _PER_CELL for n in self.land.shape), -1, dtype=np.int64)
        rows, columns = np.nonzero(_land_share(self.land) >= MIN_SHARE)
        lookup[rows, columns] = np.arange(len(rows))
        return np.where(self.land, np.repeat(np.repeat(lookup, _PER_CELL, 0), _PER_CELL, 1), -1)

    def centres_of(self, pixels: np.ndarray) -> np.ndarray:
        """Coordinates of the middles of pixels given by flat index, shape (k, 2)."""
        rows, columns = np.divmod(pixels, self.inside.shape[1])
        return np.column_stack([self.origin[0] + (columns + 0.5) * PIXEL_M, self.origin[1] + (rows + 0.5) * PIXEL_M])

    def pixels_at(self, points: np.ndarray) -> np.ndarray:
        """Flat index of the pixel under each point; points off the raster get the nearest one."""
        height, width = self.inside.shape
        columns = np.clip(((points[:, 0] - self.origin[0]) // PIXEL_M).astype(np.int64), 0, width - 1)
        rows = np.clip(((points[:, 1] - self.origin[1]) // PIXEL_M).astype(np.int64), 0, height - 1)
        return np.asarray(rows * width + columns)

    def mean_in_cells(self, raster: np.ndarray) -> np.ndarray:
        """Mean of a raster over each cell's land, shape (cells,)."""
        cell = self.cell_of_pixel.ravel()
        held = np.flatnonzero(cell >= 0)
        total = np.bincount(cell[held], weights=raster.ravel()[held], minlength=len(self.cells))
        return np.asarray(total / np.bincount(cell[held], minlength=len(self.cells)))


def make_layout(seed: int, cells: int, step: Callable[[float], None] = lambda _: None) -> Layout:
    """A city of about so many cells of land (within 2 %); ``step`` is told how far it is, 0 to 1."""
    rng = stream(seed, LAYOUT)
    radius = np.sqrt(cells / np.pi) * CELL_SIZE_M
    half = int(np.ceil(1.75 * radius / CELL_SIZE_M)) + 4
    origin = (CENTRE[0] - half * CELL_SIZE_M, CENTRE[1] - half * CELL_SIZE_M)
    along = (np.arange(2 * half * _PER_CELL) + 0.5) * PIXEL_M - half * CELL_SIZE_M
    x, y = np.meshgrid(along, along)
    shape = (len(along), len(along))
    river_y = _river_line(rng, along, radius)
    attraction, sea, water = _terrain(rng, x, y, radius, river_y, shape)
    step(0.3)
    inside = _cut_to_size(attraction, sea, water, cells)
    step(0.6)
    water &= inside
    land = inside & ~water
    centre = (-0.05 * radius, float(np.interp(-0.05 * radius, along, river_y)) + 0.16 * radius)
    hubs = _hubs(rng, land, x, y, centre, radius, cells)
    density = np.where(land, _density(rng, x, y, hubs, radius, shape), 0.0)
    streets = _main_streets(rng, hubs, radius)
    north = y > river_y[None, :]
    step(0.7)
    area = _areas(rng, inside, north, density, cells)
    district_of_area = _districts(area, north, density, cells)
    step(1.0)
    base = np.array([origin[0] + half * CELL_SIZE_M, origin[1] + half * CELL_SIZE_M])
    middle = (float(base[0] + centre[0]), float(base[1] + centre[1]))
    names = _DISTRICTS[: int(district_of_area.max()) + 1]
    return Layout(
        origin, inside, water, area, district_of_area, names, density, middle, tuple(line + base for line in streets)
    )


def _land_share(land: np.ndarray) -> np.ndarray:
    """Share of land of every square of the cell grid."""
    height, width = (n // _PER_CELL for n in land.shape)
    return np.asarray(land.reshape(height, _PER_CELL, width, _PER_CELL).mean(axis=(1, 3)))


def _river_line(rng: np.random.Generator, along: np.ndarray, radius: float) -> np.ndarray:
    """Northing of the river's middle at every easting: three slow waves through the middle of the city."""
    line = np.zeros_like(along)
    for waves, height in ((0.9, 0.16), (1.9, 0.07), (4.1, 0.025)):
        line += height * radius * np.sin(2 * np.pi * (waves * along / (2 * radius) + rng.random()))
    return np.asarray(line - np.interp(0.0, along, line) - 0.1 * radius)


def _terrain(
    rng: np.random.Generator, x: np.ndarray, y: np.ndarray, radius: float, river_y: np.ndarray, shape: tuple[int, int]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """How strongly each pixel belongs to the city, the sea with its bay, and the river."""
    noise = 0.20 * smooth_field(rng, shape, 0.30 * radius / PIXEL_M)
    noise += 0.06 * smooth_field(rng, shape, 0.07 * radius / PIXEL_M)
    attraction = noise - np.hypot(x / 1.05, y) / radius
    coast = 0.62 * radius + 0.10 * radius * smooth_field(rng, shape, 0.18 * radius / PIXEL_M)[:, :1]
    coast = coast + 0.03 * radius * smooth_field(rng, shape, 0.05 * radius / PIXEL_M)
    narrow = float(np.clip(0.017 * radius, 60.0, 130.0))
    mouth = 0.55 * radius - narrow
    width = narrow + mouth / (1.0 + np.exp(-(x - 0.62 * radius) / (0.11 * radius)))
    channel = np.abs(y - river_y[None, :]) < width
    bay = channel & (width > 2.2 * narrow)
    return attraction, (x > coast) | bay, channel & ~bay


def _cut_to_size(attraction: np.ndarray, sea: np.ndarray, water: np.ndarray, cells: int) -> np.ndarray:
    """The connected region of strongest attraction that makes the number of cells asked for, by bisection."""
    low, high = float(attraction.min()), float(attraction.max())
    inside = ~sea
    for _ in range(18):
        level = (low + high) / 2.0
        inside = _solid((attraction > level) & ~sea)
        found = int((_land_share(inside & ~water) >= MIN_SHARE).sum())
        if abs(found - cells) <= 0.003 * cells:
            break
        low, high = (level, high) if found > cells else (low, level)
    if inside[[0, -1]].any() or inside[:, [0, -1]].any():
        raise PatrolError("The sample city grew beyond its map.", "Use another seed.")
    return inside


def _solid(mask: np.ndarray) -> np.ndarray:
    """The largest connected part, without holes or threads one pixel wide."""
    opened = ndimage.binary_opening(mask, np.ones((3, 3), dtype=bool))
    parts, count = ndimage.label(opened)
    if count == 0:
        return np.asarray(opened)
    largest = 1 + int(np.argmax(np.bincount(parts.ravel())[1:]))
    return np.asarray(ndimage.binary_fill_holes(parts == largest))


def _hubs(
    rng: np.random.Generator,
    land: np.ndarray,
    x: np.ndarray,
    y: np.ndarray,
    centre: tuple[float, float],
    radius: float,
    cells: int,
) -> np.ndarray:
    """The centre and lesser centres, one for about 400 cells, kept apart from each other; shape (k, 2)."""
    inner = ndimage.binary_erosion(land, iterations=max(2, int(0.05 * radius / PIXEL_M)))
    spots = np.flatnonzero(inner if inner.any() else land)
    candidates = np.column_stack([x.ravel()[spots], y.ravel()[spots]])
    hubs = [np.array(centre)]
    for _ in range(min(max(cells // 400, 2), 14)):
        tried = candidates[pick(rng, np.ones(len(candidates)), 40)]
        apart = cKDTree(np.array(hubs)).query(tried)[0]
        hubs.append(tried[int(np.argmax(apart * (0.6 + 0.4 * rng.random(len(tried)))))])
    return np.array(hubs)


def _density(
    rng: np.random.Generator, x: np.ndarray, y: np.ndarray, hubs: np.ndarray, radius: float, shape: tuple[int, int]
) -> np.ndarray:
    """People: dense around the centre and lesser centres, thinning outwards, patchy throughout."""
    total = np.full(shape, 0.15)
    total += np.exp(-np.hypot(x - hubs[0, 0], y - hubs[0, 1]) / (0.42 * radius))
    for hub in hubs[1:]:
        total += 0.35 * np.exp(-((x - hub[0]) ** 2 + (y - hub[1]) ** 2) / (2 * (0.13 * radius + 200.0) ** 2))
    return np.asarray(total * np.exp(0.35 * smooth_field(rng, shape, 8.0)))


def _main_streets(rng: np.random.Generator, hubs: np.ndarray, radius: float) -> list[np.ndarray]:
    """Long streets through the centre, and streets that tie each lesser centre to the nearest earlier one."""
    streets = []
    turn = rng.random() * np.pi
    t = np.linspace(-1.0, 1.0, 80)
    for number in range(3):
        angle = turn + np.pi * number / 3 + 0.25 * (rng.random() - 0.5)
        bend = 0.18 * radius * (rng.random() - 0.5) * 2
        ahead, aside = np.array([np.cos(angle), np.sin(angle)]), np.array([-np.sin(angle), np.cos(angle)])
        streets.append(hubs[0] + 1.5 * radius * t[:, None] * ahead + bend * (t**2 * (1.2 - t**2))[:, None] * aside)
    s = np.linspace(-0.25, 1.25, 60)[:, None]
    for number in range(1, len(hubs)):
        earlier = hubs[:number]
        nearest = earlier[int(np.argmin(np.hypot(*(earlier - hubs[number]).T)))]
        ahead = hubs[number] - nearest
        aside = 0.25 * (rng.random() - 0.5) * np.array([-ahead[1], ahead[0]])
        streets.append(nearest + s * ahead + 4.0 * s * (1.0 - s) * aside)
    return streets


def _areas(
    rng: np.random.Generator, inside: np.ndarray, north: np.ndarray, density: np.ndarray, cells: int
) -> np.ndarray:
    """Neighbourhoods: nearest-site regions, smaller where more people live, never across the river."""
    wanted = int(np.clip(cells // 14, 4, 3000))
    weight = np.sqrt(density) + 1e-9 * inside
    area = np.full(inside.shape, OUTSIDE, dtype=np.int32)
    taken = 0
    for side in (inside & north, inside & ~north):
        pixels = np.flatnonzero(side)
        if len(pixels) == 0:
            continue
        rows, columns = np.divmod(pixels, inside.shape[1])
        points = np.column_stack([columns, rows]).astype(np.float64)
        mass = weight.ravel()[pixels]
        count = max(1, round(wanted * mass.sum() / weight.sum()))
        sites = points[pick(rng, mass, count)]
        some = np.arange(0, len(points), 1 + len(points) // (60 * count))  # 60 pixels tell where a middle is
        for _ in range(6):  # Lloyd's steps towards sites in the middle of the people they serve
            nearest = cKDTree(sites).query(points[some])[1]
            held = np.bincount(nearest, weights=mass[some], minlength=count)
            moved = [np.bincount(nearest, weights=mass[some] * points[some, k], minlength=count) for k in (0, 1)]
            sites = np.where(held[:, None] > 0, np.column_stack(moved) / np.maximum(held, 1e-12)[:, None], sites)
        area.ravel()[pixels] = cKDTree(sites).query(points)[1] + taken
        taken += count
    return _tidied(area, inside)


def _tidied(area: np.ndarray, inside: np.ndarray) -> np.ndarray:
    """Give split-off bits of a neighbourhood to their neighbours until there are none, and number the rest 0, 1, ..."""
    for _ in range(10):
        area, bits = _joined(area, inside)
        if not bits:
            break
    return area


def _joined(area: np.ndarray, inside: np.ndarray) -> tuple[np.ndarray, bool]:
    kept = area.copy()
    boxes: list[Any] = ndimage.find_objects(area + 1)  # None where a site got no pixel
    for number, box in enumerate(boxes):
        if box is None:
            continue
        parts, count = ndimage.label(area[box] == number)
        sizes = np.bincount(parts.ravel(), minlength=2)[1:]
        lost = np.ones(count + 1, dtype=bool)
        lost[0] = False
        if count and sizes.max() >= 12:
            lost[1 + int(np.argmax(sizes))] = False
        kept[box][lost[parts]] = OUTSIDE
    bits = bool((kept[inside] == OUTSIDE).any())
    nearest = ndimage.distance_transform_edt(kept < 0, return_distances=False, return_indices=True)
    filled = np.where(inside, kept[tuple(nearest)], OUTSIDE)
    _, numbers = np.unique(filled[inside], return_inverse=True)
    result = np.full(area.shape, OUTSIDE, dtype=np.int32)
    result[inside] = numbers.reshape(-1).astype(np.int32)
    return result, bits


def _districts(area: np.ndarray, north: np.ndarray, density: np.ndarray, cells: int) -> np.ndarray:
    """Districts of neighbouring neighbourhoods with about equal numbers of people, never across the river."""
    inside = area >= 0
    count = int(area.max()) + 1
    people = np.bincount(area[inside], weights=density[inside], minlength=count)
    size = np.bincount(area[inside], minlength=count)
    rows, columns = np.nonzero(inside)
    points = np.column_stack([np.bincount(area[inside], weights=v, minlength=count) / size for v in (columns, rows)])
    is_north = np.bincount(area[inside], weights=north[inside], minlength=count) / size > 0.5
    wanted = min(int(np.clip(round(4 + cells / 400), 4, 12)), count)
    seeds: list[int] = []
    for side in (is_north, ~is_north):
        members = np.flatnonzero(side)
        if len(members):
            share = max(1, round(wanted * people[members].sum() / people.sum()))
            seeds += _spread(points[members], people[members], members, min(share, len(members)))
    distance = _walking(area, points, is_north)
    return _balanced(distance, np.array(seeds[: len(_DISTRICTS)]), people)


def _spread(points: np.ndarray, people: np.ndarray, members: np.ndarray, count: int) -> list[int]:
    """Neighbourhoods in the middle of ``count`` groups of people (k-means, started from the farthest of all)."""
    chosen = [int(np.argmax(people))]
    while len(chosen) < count:
        chosen.append(int(np.argmax(cKDTree(points[chosen]).query(points)[0])))
    sites = points[chosen]
    for _ in range(30):
        nearest = cKDTree(sites).query(points)[1]
        total = np.maximum(np.bincount(nearest, weights=people, minlength=count), 1e-12)
        moved = [np.bincount(nearest, weights=people * points[:, k], minlength=count) / total for k in (0, 1)]
        sites = np.column_stack(moved)
    middles = dict.fromkeys(np.atleast_1d(cKDTree(points).query(sites)[1]).tolist())
    return [int(members[i]) for i in middles]


def _walking(area: np.ndarray, points: np.ndarray, is_north: np.ndarray) -> np.ndarray:
    """Distance between all neighbourhoods through their shared sides, infinite across the river."""
    pairs = np.concatenate(
        [
            np.column_stack([area[:, :-1].ravel(), area[:, 1:].ravel()]),
            np.column_stack([area[:-1].ravel(), area[1:].ravel()]),
        ]
    )
    pairs = np.unique(pairs[(pairs[:, 0] != pairs[:, 1]) & (pairs >= 0).all(axis=1)], axis=0)
    pairs = pairs[is_north[pairs[:, 0]] == is_north[pairs[:, 1]]]
    length = np.hypot(*(points[pairs[:, 0]] - points[pairs[:, 1]]).T)
    graph = csr_matrix((length, (pairs[:, 0], pairs[:, 1])), shape=(len(points), len(points)))
    return np.asarray(dijkstra(graph, directed=False))


def _balanced(distance: np.ndarray, seeds: np.ndarray, people: np.ndarray) -> np.ndarray:
    """Each neighbourhood to the nearest seed; the most peopled district is number 0."""
    reach = distance[seeds]
    home = np.argmin(reach, axis=0)
    stranded = ~np.isfinite(reach.min(axis=0))
    home[stranded] = np.argmax(np.bincount(home[~stranded], weights=people[~stranded]))
    _, home = np.unique(home, return_inverse=True)
    order = np.argsort(-np.bincount(home, weights=people), kind="stable")
    rank = np.empty(len(order), dtype=np.int64)
    rank[order] = np.arange(len(order))
    return rank[home]
