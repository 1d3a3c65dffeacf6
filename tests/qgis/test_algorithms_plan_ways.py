"""How units get from mission to mission through Processing: how fast, along which streets, how often."""

from __future__ import annotations

from typing import Any

import pytest
from made_layers import memory_layer
from plans import allocate, crews, refused, rows
from qgis.core import NULL, QgsVectorLayer
from sample_chain import Chain

STEP_M = 250.0


def ways(chain: Chain, keep: Any, **given: Any) -> list[dict[str, Any]]:
    """The planned visits of one unit in each district."""
    return rows(allocate(chain, UNITS=keep(crews(chain)), ROUTES="memory:", **given)["ROUTES"])


def travel(visits: list[dict[str, Any]]) -> float:
    return sum(row["travel_minutes"] for row in visits)


def streets(chain: Chain, bridges: int, speed: Any = NULL) -> QgsVectorLayer:
    """A street along every row of cells, all cut by a river in the middle but for some in the south.

    In each half a street from south to north connects them.
    """
    extent = chain.layer("forecast").extent()
    west, south, east, north = extent.xMinimum(), extent.yMinimum(), extent.xMaximum(), extent.yMaximum()
    river, count = extent.center().x(), int((north - south) / STEP_M)
    heights = [south + (number + 0.5) * STEP_M for number in range(count)]
    lines = []
    for number, y in enumerate(heights):
        banks = (river, river) if number < bridges else (river - 60, river + 60)
        lines += [[(west, y), (banks[0], y)], [(banks[1], y), (east, y)]]
    lines += [[(x, y) for y in heights] for x in (west, east)]
    made_of = [("LINESTRING(" + ",".join(f"{x} {y}" for x, y in line) + ")", [speed]) for line in lines]
    return memory_layer("LineString", made_of, "limit:double", chain.layer("forecast").crs().authid(), name="Streets")


def test_a_slower_unit_travels_longer(chain: Chain, keep: Any) -> None:
    assert travel(ways(chain, keep, SPEED_KMH=10)) > 1.5 * travel(ways(chain, keep)) > 0


def test_a_river_without_bridges_is_a_long_way_round(chain: Chain, keep: Any) -> None:
    bridged = ways(chain, keep, STREETS=keep(streets(chain, bridges=1000)))
    cut = ways(chain, keep, STREETS=keep(streets(chain, bridges=1)))
    straight = ways(chain, keep)
    assert travel(cut) > travel(bridged) > 0
    assert travel(bridged) != pytest.approx(travel(straight))
    when = [{(row["mission_id"], row["planned_start"].toString()) for row in each} for each in (cut, bridged)]
    assert when[0] != when[1]


def test_streets_have_speeds_of_their_own(chain: Chain, keep: Any) -> None:
    slow = keep(streets(chain, bridges=1000, speed=10.0))
    said = ways(chain, keep, STREETS=slow, STREET_SPEED_FIELD="limit")
    unsaid = ways(chain, keep, STREETS=slow)
    assert travel(said) > 1.5 * travel(unsaid)
    blank = streets(chain, bridges=1000)
    assert ways(chain, keep, STREETS=keep(blank), STREET_SPEED_FIELD="limit") == unsaid


def test_missions_are_visited_as_often_as_said_and_not_sooner(chain: Chain, keep: Any) -> None:
    def gaps(**given: Any) -> list[float]:
        answer = allocate(chain, ROUTES="memory:", **given)
        assert {row["visits"] for row in rows(answer["OUTPUT"])} == {given["VISITS_PER_MISSION"]}
        visits: dict[str, list[dict[str, Any]]] = {}
        for row in rows(answer["ROUTES"]):
            visits.setdefault(row["mission_id"], []).append(row)
        assert len(visits) == answer["MISSIONS"]
        assert {len(each) for each in visits.values()} == {given["VISITS_PER_MISSION"]}
        ordered = [sorted(each, key=lambda row: row["visit"]) for each in visits.values()]
        return [
            before["planned_end"].secsTo(after["planned_start"]) / 60
            for each in ordered
            for before, after in zip(each, each[1:])
        ]

    assert min(gaps(VISITS_PER_MISSION=3)) >= 120
    assert 30 <= min(gaps(VISITS_PER_MISSION=3, REVISIT_GAP_MINUTES=30)) < 120
    few = allocate(chain, UNITS=keep(crews(chain)), VISITS_PER_MISSION=3)["MISSIONS"]
    assert few == allocate(chain, UNITS=keep(crews(chain)))["MISSIONS"] / 3  # a unit makes three visits at most


def test_streets_that_cannot_be_get_a_sentence(chain: Chain, keep: Any) -> None:
    units = keep(crews(chain))
    none = keep(memory_layer("LineString", [], "limit:double,name:string", name="Nowhere"))
    assert "There are no streets" in refused(chain, UNITS=units, STREETS=none)
    sentence = refused(chain, UNITS=units, STREETS=none, STREET_SPEED_FIELD="name")
    assert "“name” of layer “Nowhere” holds no numbers" in sentence
