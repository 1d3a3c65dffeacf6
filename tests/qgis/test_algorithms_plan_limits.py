"""Limits of a plan through Processing: each of them moves missions, or is refused with a sentence."""

from __future__ import annotations

from typing import Any

import pytest
from plans import allocate, halves, in_west, refused, rows
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


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"AREA_SHARE": 50}, "“Most missions in a neighbourhood (%)” needs neighbourhoods"),
        ({"AREA_MINUTES_PER_1000": 50}, "“Most minutes per 1,000 people” needs neighbourhoods"),
        ({"AREAS": "", "AREA_MINUTES_PER_1000": 50}, "The limit per 1,000 people needs people"),
        ({"AREAS": "", "AREA_PEOPLE_FIELD": "name"}, "Field “name” of layer “Halves” holds no numbers"),
        ({"AREAS": "", "AREA_PEOPLE_FIELD": "hispanic"}, "“hispanic” is about"),
        ({"AREAS": "", "AREA_PEOPLE_FIELD": "wrong"}, "The number of people in a cell is below 0"),
    ],
)
def test_limits_that_cannot_be_get_a_sentence(chain: Chain, keep: Any, given: dict[str, Any], words: str) -> None:
    if "AREAS" in given:
        layer = halves(chain, "hispanic:double,wrong:double", hispanic=(1.0, 1.0), wrong=(-900.0, 1.0))
        given = {**given, "AREAS": keep(layer), "AREA_FIELD": "name"}
    assert words in refused(chain, **given)
