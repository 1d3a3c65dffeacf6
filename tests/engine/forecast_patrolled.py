"""A made-up city in which patrol holds incidents down where it is, and moves on every few months."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from forecast_makers import FIRST, SIZE_M, ZONE, grid_table, incident_table

from patrol_missions.core.tables import Table
from patrol_missions.engine.data.zones import zone

DETERRED = 0.4
"""Share of the incidents that patrol deters while it is on."""

_PATROLLED = 0.2  # of the cells, the hottest
_SHARE_ON = 0.5
_GONE_DAYS = 10


@dataclass(frozen=True, eq=False)
class Patrolled:
    """The city.

    :param gone: cells that were patrolled for months until ten days before the end
    :param on: cells where patrol goes on
    :param come: cells to which it came ten days before the end
    :param never: cells that are never patrolled
    :param rate: true incidents a day per cell after the end, while patrol stays as it is at the end
    """

    incidents: Table
    cells: Table
    visits: Table
    gone: np.ndarray
    on: np.ndarray
    come: np.ndarray
    never: np.ndarray
    rate: np.ndarray


def make(seed: int, width: int = 24, days: int = 800, incidents: int = 30_000) -> Patrolled:
    """Heat per cell for good; the hottest fifth are patrolled half of the time, in bouts of two to six months."""
    rng = np.random.default_rng(seed)
    cells, count = grid_table(width, width), width * width
    heat = rng.gamma(0.4, 1.0, count) + 0.02
    heat *= incidents / days / heat.sum()
    hot = np.argsort(-heat)[: int(_PATROLLED * count)]
    on = np.zeros((days, count), dtype=bool)
    for cell in hot.tolist():
        day = -int(rng.integers(0, 200))
        while day < days:
            bout, pause = rng.integers(60, 180, 2)
            on[max(day, 0) : max(day + int(bout), 0), cell] = True
            day += int(bout + pause)
    # At the end: patrol goes on in a third of them; it has just left another, after months, for the last.
    gone, goes_on, come = np.array_split(rng.permutation(hot), 3)
    on[-150:, np.concatenate([gone, goes_on])] = True
    on[-150:, come] = False
    on[-_GONE_DAYS:, gone] = False
    on[-_GONE_DAYS:, come] = True
    number = rng.poisson(heat * np.where(on, 1 - DETERRED, 1.0))
    day, cell = (np.repeat(each, number.ravel()) for each in np.divmod(np.arange(days * count), count))
    return Patrolled(
        incident_table(*_inside(rng, cells, cell), ["Theft"] * len(cell), _moments(rng, day)),
        cells,
        _visits(rng, cells, on),
        gone,
        goes_on,
        come,
        np.setdiff1d(np.arange(count), hot),
        heat * np.where(on[-1], 1 - DETERRED, 1.0),
    )


def _visits(rng: np.random.Generator, cells: Table, on: np.ndarray) -> Table:
    """Four visits of about twelve minutes a day and cell while patrol is on, and passes everywhere."""
    day, cell = (np.repeat(each, 4) for each in np.nonzero(on))
    passes = rng.integers(0, on.shape[0], on.size // 10), rng.integers(0, on.shape[1], on.size // 10)
    minutes = np.concatenate([rng.gamma(6.0, 2.0, len(day)), rng.uniform(0.1, 1.5, len(passes[0]))])
    day, cell = np.concatenate([day, passes[0]]), np.concatenate([cell, passes[1]])
    start = _moments(rng, day)
    x, y = _inside(rng, cells, cell)
    return Table({"x": x, "y": y, "start": start, "end": start + (60 * minutes).astype("timedelta64[s]")})


def _inside(rng: np.random.Generator, cells: Table, cell: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    x, y = ((cells[name][cell] + rng.random(len(cell))) * SIZE_M for name in ("col", "row"))
    return x, y


def _moments(rng: np.random.Generator, day: np.ndarray) -> np.ndarray:
    """UTC moments within local days."""
    return zone(ZONE).to_utc(FIRST + (day * 86_400 + rng.integers(0, 86_000, len(day))).astype("timedelta64[s]"))
