"""How long it takes from place to place: along streets where they are known, in straight lines elsewhere.

Streets are two-way. Parts that are not connected but come within 15 m of each other are taken to meet there, as lines
that were drawn a little short. Those that are still not connected with the largest part (by length) are left out:
nobody could reach them. A place is reached straight from the nearest point at which streets meet, bend or end, or of
which long straight streets have one at least every 100 m. Two places whose straight way is shorter than their ways to
the streets together, such as neighbours in a park, are reached straight from each other, too. All ways are shortest
paths of one graph with the places in it, so no way is longer than one with a stop at another place.

Without streets a way is as long as the straight line times a *detour factor* of 1.3. This is an assumption, between
what was found for random places in cities, about 1.2 (G. F. Newell, *Traffic Flow on Transportation Networks*, 1980),
and what was found for drives to hospitals in the United States, about 1.4 (F. P. Boscoe, K. A. Henry & M. S. Zdeb,
*The Professional Geographer* 64(2), 188-196, 2012). Short ways, rivers and railways mean more detour.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import connected_components, dijkstra
from scipy.spatial import cKDTree

from patrol_missions.core.errors import InputError
from patrol_missions.core.grid import cell_keys

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

DETOUR = 1.3
"""Length of a way through streets over that of the straight line, where the streets are not known."""

_SNAP_M = 0.1  # as where intersections are counted
_BRIDGED_M = 15.0  # between parts of a street layer, as of lanes drawn apart or lines drawn short
_LONGEST_M = 100.0  # between points of a street from which places are reached
_FARTHEST_M = 1e8  # no coordinate on Earth is beyond, in any projection
_TOLD = 0.02  # share of the streets that is left out before it is worth a sentence
_WORK = 4_000_000  # distances held at once
_M_PER_MINUTE = 1000.0 / 60.0  # at 1 km/h


@dataclass(frozen=True, eq=False)
class Network:
    """Streets that are connected with each other.

    :param node_xy: points from which places are reached, metres, float64, shape (nodes, 2)
    :param link: the two nodes of each piece of street, int64, shape (links, 2)
    :param minutes: travel along each piece, either way, float64, shape (links,)
    :param warnings: sentences that the user should read
    """

    node_xy: Floats
    link: Ints
    minutes: Floats
    warnings: tuple[str, ...] = ()

    @classmethod
    def of(cls, ends: np.ndarray, speed_kmh: float | np.ndarray) -> Network:
        """The largest connected part of streets.

        :param ends: x and y of the begin, x and y of the end of straight segments, metres, shape (segments, 4);
            segments meet where they share an end (within about 0.1 m), so that a bridge is no crossing
        :param speed_kmh: of all segments, or of each, shape (segments,)
        :raises InputError: no streets; coordinates or speeds that are missing, or speeds that are not above 0
        """
        ends = np.asarray(ends, dtype=np.float64).reshape(-1, 4)
        speed = np.broadcast_to(np.asarray(speed_kmh, dtype=np.float64), len(ends))
        _check_coordinates(ends, "street segments")
        _check_speed(speed, "street segments")
        near_m = np.hypot(*(ends[:, 2:] - ends[:, :2]).T)
        node_xy, node = _joined(ends.reshape(-1, 2))
        begin, end = node.reshape(-1, 2).T
        kept = begin != end
        if not kept.any():
            raise InputError("There are no streets.", "Choose a layer of street lines, or plan without streets.")
        bridges = _bridges(begin, end, node_xy)
        begin, end = (np.concatenate([each, more]) for each, more in zip((begin, end), bridges.T))
        near_m = np.concatenate([near_m, np.hypot(*(node_xy[bridges[:, 1]] - node_xy[bridges[:, 0]]).T)])
        speed = np.concatenate([speed, np.full(len(bridges), np.median(speed))])
        kept = begin != end
        connected = _largest_part(begin, end, near_m, len(node_xy))
        kept &= connected
        whole = np.stack([begin[kept], end[kept]], axis=1)
        minutes = near_m[kept] / (speed[kept] * _M_PER_MINUTE)
        node_xy, link, minutes = _cut(node_xy, whole, near_m[kept], minutes)
        used, link = np.unique(link, return_inverse=True)
        lost = float(near_m[~connected].sum() / near_m.sum())
        return cls(node_xy[used], link.reshape(-1, 2).astype(np.int64), minutes, _left_out(lost))

    def nearest(self, places_xy: np.ndarray) -> tuple[Floats, Ints]:
        """Metres straight from each place to where it meets the streets, and that node, shape (places,)."""
        away_m, node = cKDTree(self.node_xy).query(places_xy)
        return np.asarray(away_m, dtype=np.float64), np.asarray(node, dtype=np.int64)


def travel_minutes(places_xy: np.ndarray, network: Network | None, speed_kmh: float) -> Floats:
    """Minutes from each place to each other, float64, shape (places, places); symmetric.

    :param places_xy: metres, shape (places, 2)
    :param network: streets, or ``None`` for straight lines with detours
    :param speed_kmh: off the streets
    :raises InputError: places without coordinates; a speed that is not above 0
    """
    places_xy = np.asarray(places_xy, dtype=np.float64).reshape(-1, 2)
    _check_coordinates(places_xy, "places")
    _check_speed(np.array([speed_kmh], dtype=np.float64), "ways off the streets")
    minutes_per_m = 1.0 / (speed_kmh * _M_PER_MINUTE)
    straight_m = np.hypot(*(places_xy[:, np.newaxis] - places_xy).transpose(2, 0, 1))
    if network is None or len(places_xy) == 0:
        return np.asarray(straight_m * (DETOUR * minutes_per_m))
    # Places join the streets as nodes of their own, so that every way is a shortest path of one and the same graph.
    away_m, node = network.nearest(places_xy)
    place = len(network.node_xy) + np.arange(len(places_xy))
    one, other = np.nonzero(np.triu(straight_m < away_m[:, np.newaxis] + away_m, 1))
    link = np.concatenate([network.link, np.stack([place, node], 1), np.stack([place[one], place[other]], 1)])
    minutes = np.concatenate([network.minutes, away_m * minutes_per_m, straight_m[one, other] * minutes_per_m])
    graph = _graph(link, minutes, len(network.node_xy) + len(places_xy))
    found = np.empty_like(straight_m)
    step = max(1, _WORK // graph.shape[0])
    for first in range(0, len(place), step):
        found[first : first + step] = dijkstra(graph, indices=place[first : first + step])[:, place]
    return np.minimum(found, found.T)  # a way and its return are added up in other orders


def _joined(points: Floats) -> tuple[Floats, Ints]:
    """Distinct points, and which of them each point is."""
    snapped = np.round(points / _SNAP_M).astype(np.int64)
    _, first, index = np.unique(cell_keys(snapped[:, 0], snapped[:, 1]), return_index=True, return_inverse=True)
    return points[first], index.reshape(-1).astype(np.int64)


def _bridges(begin: Ints, end: Ints, node_xy: Floats) -> Ints:
    """Pairs of nodes of different parts that are near each other, shape (bridges, 2)."""
    part = _parts(begin, end, len(node_xy))
    near = cKDTree(node_xy).query_pairs(_BRIDGED_M, output_type="ndarray").reshape(-1, 2)
    apart = near[part[near[:, 0]] != part[near[:, 1]]]
    return np.asarray(apart[np.lexsort(apart.T)], dtype=np.int64)


def _parts(begin: Ints, end: Ints, nodes: int) -> Ints:
    """Which connected part each node is of."""
    graph = csr_matrix((np.ones(len(begin)), (begin, end)), shape=(nodes, nodes))
    return np.asarray(connected_components(graph, directed=False)[1])


def _largest_part(begin: Ints, end: Ints, length_m: Floats, nodes: int) -> NDArray[np.bool_]:
    """Which links belong to the connected part with the longest streets, shape (links,)."""
    part = _parts(begin, end, nodes)
    return np.asarray(part[begin] == np.argmax(np.bincount(part[begin], length_m)))


def _left_out(share: float) -> tuple[str, ...]:
    if share <= _TOLD:
        return ()
    sentence = (
        f"{100 * share:.0f} % of the length of the streets is not connected with the rest and was left out. Streets "
        "are connected where their lines share a point: split lines where they cross, or plan without streets."
    )
    return (sentence,)


def _cut(node_xy: Floats, link: Ints, length_m: Floats, minutes: Floats) -> tuple[Floats, Ints, Floats]:
    """Long links in equal pieces with nodes between them: all nodes, links and their minutes.

    The new nodes are each on one link only, so that streets which cross without meeting stay apart.
    """
    pieces = np.maximum(np.ceil(length_m / _LONGEST_M), 1.0).astype(np.int64)
    of = np.repeat(np.arange(len(link)), pieces)
    number = np.arange(len(of)) - (np.cumsum(pieces) - pieces)[of]
    inner = number > 0
    begin, end = link[of, 0], link[of, 1]
    begin[inner] = len(node_xy) + np.arange(np.count_nonzero(inner))
    end[:-1][inner[1:]] = begin[1:][inner[1:]]
    share = (number[inner] / pieces[of[inner]])[:, np.newaxis]
    between = (1.0 - share) * node_xy[link[of[inner], 0]] + share * node_xy[link[of[inner], 1]]
    return np.concatenate([node_xy, between]), np.stack([begin, end], axis=1), (minutes / pieces)[of]


def _graph(link: Ints, minutes: Floats, nodes: int) -> csr_matrix:
    """Both ways of every link; of several between the same nodes the quickest."""
    one, other = np.concatenate([link, link[:, ::-1]]).T
    both = np.concatenate([minutes, minutes])
    order = np.lexsort((both, other, one))
    order = order[np.diff(one[order] * nodes + other[order], prepend=-1) != 0]
    return csr_matrix((both[order], (one[order], other[order])), shape=(nodes, nodes))


def _check_coordinates(values: Floats, what: str) -> None:
    wrong = np.count_nonzero(~(np.abs(values) < _FARTHEST_M).all(axis=1))  # also of NaN
    if wrong:
        raise InputError(
            f"{wrong} of {len(values)} {what} have no coordinates, or none on Earth.",
            "Mend or leave out these features, and use a projected coordinate system in metres.",
        )


def _check_speed(speed_kmh: Floats, what: str) -> None:
    wrong = np.flatnonzero(~(np.isfinite(speed_kmh) & (speed_kmh > 0)))
    if len(wrong):
        raise InputError(
            f"The speed of {what} is {speed_kmh[wrong[0]]:g} km/h.", "Give speeds above 0 everywhere, such as 30 km/h."
        )
