"""The end of the draw under limits of areas: what is left undecided is settled so that no area gets more than it may.

Within a block (the cells that share a district and an area) the draw leaves at most one cell undecided. Those cells are
the edges of a graph between districts and areas, and are settled by dependent rounding (Gandhi, Khuller, Parthasarathy
& Srinivasan 2006, *Journal of the ACM* 53:324-360): along a cycle or a longest path, chances are moved up and down in
turn, by one of two amounts drawn so that none changes on average. Every node on the way keeps its sum, so districts get
their whole number of missions, and an area its expected number rounded up or down.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from patrol_missions.core.law_groups import Floats, Ints

WHOLE = 1e-7
"""A chance so near 0 or 1 is a rounding error: limits are met to 1e-9."""

Node = tuple[str, int]


def settle(chance: Floats, group: Ints, area: Ints, uniforms: Iterator[float]) -> Ints:
    """Places, among the undecided cells, of those that are selected.

    :param chance: of each undecided cell, between 0 and 1; sums to a whole number in every group
    :param group: of each
    :param area: of each, -1 where no limit matters
    :param uniforms: random numbers; one is taken per step, and every step decides a cell
    """
    graph = _Graph(chance, group, area)
    while graph.open:
        up, down = graph.trail()
        rise = min([1.0 - graph.chance[e] for e in up] + [graph.chance[e] for e in down])
        fall = min([graph.chance[e] for e in up] + [1.0 - graph.chance[e] for e in down])
        move = rise if next(uniforms) * (rise + fall) < fall else -fall
        graph.move(up, move)
        graph.move(down, -move)
    return np.flatnonzero(graph.chance > 0.5)


class _Graph:
    """Undecided cells as edges between districts and areas."""

    def __init__(self, chance: Floats, group: Ints, area: Ints) -> None:
        self.chance = np.array(chance, dtype=np.float64)
        self.ends: list[tuple[Node, Node]] = [
            (("district", g), ("area", a) if a >= 0 else ("alone", e))
            for e, (g, a) in enumerate(zip(group.tolist(), area.tolist()))
        ]
        self.open: dict[int, None] = {}
        self.at: dict[Node, dict[int, None]] = {}
        for edge, nodes in enumerate(self.ends):
            if not self._is_whole(edge):
                self.open[edge] = None
                for node in nodes:
                    self.at.setdefault(node, {})[edge] = None

    def _is_whole(self, edge: int) -> bool:
        return not WHOLE < self.chance[edge] < 1.0 - WHOLE

    def move(self, edges: list[int], by: float) -> None:
        """Change chances; what becomes whole is decided."""
        for edge in edges:
            self.chance[edge] += by
            if self._is_whole(edge):
                self.chance[edge] = round(float(self.chance[edge]))
                del self.open[edge]
                for node in self.ends[edge]:
                    del self.at[node][edge]

    def trail(self) -> tuple[list[int], list[int]]:
        """A cycle, or else a path that cannot be made longer, as its even and its odd edges."""
        node = next((end for edge in self.open for end in self.ends[edge] if len(self.at[end]) == 1), None)
        if node is None:
            node = self.ends[next(iter(self.open))][0]
        edges: list[int] = []
        seen = {node: 0}
        while True:
            onward = next((edge for edge in self.at[node] if not edges or edge != edges[-1]), None)
            if onward is None:
                break
            edges.append(onward)
            one, other = self.ends[onward]
            node = other if node == one else one
            if node in seen:
                edges = edges[seen[node] :]
                break
            seen[node] = len(edges)
        return edges[::2], edges[1::2]
