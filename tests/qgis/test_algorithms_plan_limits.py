"""Limits of a plan through Processing: each of them moves missions, or is refused with a sentence."""

from __future__ import annotations

from typing import Any

import pytest
from plans import allocate, crews, halves, in_west, refused, rows
from qgis.core import QgsVectorLayer
from sample_chain import Chain


def test_minutes_per_1000_people_bound_a_neighbourhood(chain: Chain, keep: Any) -> None:
    people = halves(chain, "residents:double,workers:double", residents=(60.0, 9000.0), workers=(40.0, 9000.0))
    given = {"AREAS": keep(people), "AREA_FIELD": "name", "AREA_PEOPLE_FIELD": ["residents", "workers"]}
    free = in_west(chain, allocate(chain, **given)["OUTPUT"])
    assert min(free.values()) > 1
    # 100 people and 150 minutes per 1,000 of them are one mission of 15 minutes; 60 people alone would be none
    bound = in_west(chain, allocate(chain, **given, AREA_MINUTES_PER_1000=150)["OUTPUT"])
    assert len(bound) == len(free)
    assert max(bound.values()) == 1
    assert sum(bound.values()) > 1
    week = in_west(chain, allocate(chain, **given, AREA_MINUTES_PER_1000=150, MIND_DOSES=True)["OUTPUT"])
    assert sum(week.values()) == 1


def test_the_trade_off_tells_evenness_by_people(chain: Chain, keep: Any) -> None:
    import processing

    given = {"FORECAST": chain.path("forecast"), "OUTPUT": "memory:", "AREA_FIELD": "name"}
    layer = keep(halves(chain, "people:double", people=(1000.0, 9000.0)))
    found = rows(
        processing.run("patrolmissions:tradeoff", {**given, "AREAS": layer, "AREA_PEOPLE_FIELD": "people"})["OUTPUT"]
    )
    assert all(0 < row["uneven_by_people"] < 1 for row in found)


def harm_in_west(chain: Chain) -> dict[str, float]:
    """Share of the expected harm in the western half, by start of the shift."""
    forecast = chain.layer("forecast")
    middle = forecast.extent().center().x()
    sums: dict[str, list[float]] = {}
    for feature in forecast.getFeatures():
        both = sums.setdefault(feature["start"].toString("yyyy-MM-dd HH:mm"), [0.0, 0.0])
        both[feature.geometry().centroid().asPoint().x() >= middle] += feature["harm"]
    return {start: west / (west + east) for start, (west, east) in sums.items()}


def per_shift(layer: QgsVectorLayer) -> dict[str, int]:
    found: dict[str, int] = {}
    for row in rows(layer):
        start = row["start"].toString("yyyy-MM-dd HH:mm")
        found[start] = found.get(start, 0) + 1
    return found


@pytest.mark.parametrize("limit", [{"AREA_SHARE": 25}, {"AREA_HARM_RATIO": 0.6}])
def test_a_neighbourhood_has_no_more_than_its_share(chain: Chain, keep: Any, limit: dict[str, float]) -> None:
    given = {"AREAS": keep(halves(chain)), "AREA_FIELD": "name"}
    free = allocate(chain, **given)["OUTPUT"]
    total = max(per_shift(free).values())
    west_share = harm_in_west(chain)

    def beyond(layer: QgsVectorLayer) -> int:
        """Missions above the limit."""
        found, all_of_them = in_west(chain, layer), per_shift(layer)
        over = 0
        for start, share in west_share.items():
            for missions, part in ((found[start], share), (all_of_them[start] - found[start], 1 - share)):
                most = 0.25 * total if "AREA_SHARE" in limit else 0.6 * part * total
                over += max(missions - max(int(most + 1e-9), 1), 0)
        return over

    assert beyond(free) > 0
    assert beyond(allocate(chain, **given, **limit)["OUTPUT"]) == 0


def test_exploration_gives_every_cell_a_chance(chain: Chain) -> None:
    def least(**given: Any) -> float:
        return min(row["mission_chance"] for row in rows(allocate(chain, CHANCES="memory:", **given)["CHANCES"]))

    cells: dict[str, set[str]] = {}
    for row in rows(chain.layer("forecast")):
        cells.setdefault(row["district"], set()).add(row["cell_id"])
    floor = 0.5 * 2 / max(len(each) for each in cells.values())
    assert least(EXPLORATION=50) >= floor - 1e-9
    assert least() < 0.9 * floor


def test_controls_are_drawn_beside_the_missions(chain: Chain) -> None:
    def outcomes(**given: Any) -> list[str]:
        found = [row["outcome"] for row in rows(allocate(chain, CHANCES="memory:", **given)["CHANCES"])]
        return [each for each in found if each in ("mission", "control")]

    without, half = outcomes(), outcomes(CONTROL=50)
    assert without.count("control") == 0
    assert half.count("mission") == half.count("control") == without.count("mission")


def places(chain: Chain, **given: Any) -> list[set[str]]:
    """Cells with missions in one shift after the other, of a plan that keeps as much harm as it may."""
    layer = allocate(chain, MIND_DOSES=True, HARM_KEPT=100, **given)["OUTPUT"]
    starts: dict[str, set[str]] = {}
    for row in rows(layer):
        starts.setdefault(row["start"].toString("yyyy-MM-dd HH:mm"), set()).add(row["cell_id"])
    return [starts[start] for start in sorted(starts)]


def again(shifts: list[set[str]]) -> int:
    """Missions in cells that had one in the shift before."""
    return sum(len(one & other) for one, other in zip(shifts, shifts[1:]))


ONCE_A_DAY = ["24 hours", "", "15"]
PER_1000 = ["28 days per 1000 people", "", "100"]


def test_a_hard_limit_closes_cells(chain: Chain) -> None:
    free = {"MOST_CONSECUTIVE": 0, "COOL_DOWN_HOURS": 0}
    assert again(places(chain, **free)) > 0
    assert again(places(chain, **free, LIMITS=ONCE_A_DAY)) == 0


def test_a_limit_per_1000_people_closes_cells(chain: Chain, keep: Any) -> None:
    ground = halves(chain)
    west, east = (200.0 * feature.geometry().area() / 250.0**2 for feature in ground.getFeatures())  # 200 in each cell
    layer = keep(halves(chain, "people:double", people=(west, east)))
    given = {"AREAS": layer, "AREA_FIELD": "name", "MOST_CONSECUTIVE": 0, "COOL_DOWN_HOURS": 0}
    bound = places(chain, **given, AREA_PEOPLE_FIELD="people", LIMITS=PER_1000)
    assert len(set().union(*bound)) == sum(len(each) for each in bound)


def test_full_cells_cool_down(chain: Chain) -> None:
    given = {"MOST_CONSECUTIVE": 0, "LIMITS": ONCE_A_DAY}
    soon, never = (places(chain, **given, COOL_DOWN_HOURS=hours) for hours in (0, 1000))
    assert len(set().union(*soon)) < sum(len(each) for each in soon)
    assert len(set().union(*never)) == sum(len(each) for each in never)


def test_cells_rest_after_shifts_in_a_row(chain: Chain) -> None:
    assert again(places(chain, COOL_DOWN_HOURS=0)) > 0
    assert again(places(chain, COOL_DOWN_HOURS=0, MOST_CONSECUTIVE=1)) == 0


@pytest.mark.parametrize("most", [1, 2])
def test_a_unit_takes_no_more_missions_than_it_may(chain: Chain, keep: Any, most: int) -> None:
    units = crews(chain)
    answer = allocate(chain, UNITS=keep(units), MOST_MISSIONS=most)
    assert answer["MISSIONS"] == most * units.featureCount() * 4


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"AREA_SHARE": 50}, "“Most missions in a neighbourhood (%)” needs neighbourhoods"),
        ({"AREA_MINUTES_PER_1000": 50}, "“Most minutes per 1,000 people” needs neighbourhoods"),
        ({"AREAS": "", "AREA_FIELD": None}, "The neighbourhoods have no name field"),
        ({"AREAS": "", "AREA_MINUTES_PER_1000": 50}, "The limit per 1,000 people needs people"),
        ({"MIND_DOSES": True, "LIMITS": PER_1000}, "The limit of dose per 1,000 people needs people"),
        ({"AREAS": "", "AREA_PEOPLE_FIELD": "name"}, "Field “name” of layer “Halves” holds no numbers"),
        ({"AREAS": "", "AREA_PEOPLE_FIELD": "hispanic"}, "“hispanic” is about"),
        ({"AREAS": "", "AREA_PEOPLE_FIELD": "wrong"}, "The number of people in a cell is below 0"),
    ],
)
def test_limits_that_cannot_be_get_a_sentence(chain: Chain, keep: Any, given: dict[str, Any], words: str) -> None:
    if "AREAS" in given:
        layer = halves(chain, "hispanic:double,wrong:double", hispanic=(1.0, 1.0), wrong=(-900.0, 1.0))
        given = {"AREA_FIELD": "name", **given, "AREAS": keep(layer)}
    assert words in refused(chain, **given)
