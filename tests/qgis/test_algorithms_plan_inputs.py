"""What a plan goes by beside the forecast, through Processing: visits, overrides, boxes, areas, units, plan files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from made_layers import box, memory_layer
from plans import allocate, overrides, refused, rows
from qgis.core import NULL
from sample_chain import Chain


def test_people_overrule_the_draw_and_it_says_so(chain: Chain, keep: Any) -> None:
    forecast = chain.layer("forecast")
    first = next(forecast.getFeatures())
    cells = sorted({row["cell_id"] for row in rows(forecast) if row["district"] == first["district"]})
    closed = rows(chain.layer("missions"))[0]["cell_id"]
    free = [cell for cell in cells if cell != closed]
    at = first.geometry().boundingBox()
    square = box(at.xMinimum() - 60, at.yMinimum() + 20, at.xMinimum() + 190, at.yMinimum() + 200)
    layer = overrides(
        (None, closed, NULL, "suppress", NULL),
        (None, free[-1], NULL, "Lock", NULL),
        (square, NULL, NULL, "box", "Market"),
        crs=forecast.crs().authid(),
    )
    found = rows(allocate(chain, OVERRIDES=keep(layer))["OUTPUT"])
    assert closed not in {row["cell_id"] for row in found}
    locked = [row for row in found if row["origin"] == "lock"]
    assert {row["cell_id"] for row in locked} == {free[-1]}
    assert len(locked) == 4
    assert {(row["override_reason"], row["override_author"]) for row in locked} == {("asked by residents", "Ana")}
    market = [row for row in found if row["box"] == "Market"]
    assert len(market) == 4
    assert {row["origin"] for row in market} == {"box"}


def test_visits_and_doses_move_missions_on(chain: Chain, keep: Any) -> None:
    forecast = chain.layer("forecast")
    start = min(feature["start"] for feature in forecast.getFeatures())
    before = rows(chain.layer("missions"))
    top = next(row for row in before if row["start"] == start)["cell_id"]
    stays = [
        (None, [top, start.addSecs(-60 * ago).toString("yyyy-MM-ddTHH:mm:ss"),
                start.addSecs(-60 * ago + 1800).toString("yyyy-MM-ddTHH:mm:ss")])
        for ago in (400, 300, 200, 100)
    ]  # fmt: skip
    visits = memory_layer("None", stays, "cell_id:string,start:string,end:string", name="Stays")
    found = rows(allocate(chain, VISITS=keep(visits))["OUTPUT"])
    assert all(row["cell_id"] != top for row in found if row["start"] == start)
    runs: dict[str, int] = {}
    for row in rows(allocate(chain, MIND_DOSES=True, MOST_CONSECUTIVE=1)["OUTPUT"]):
        runs[row["cell_id"]] = runs.get(row["cell_id"], 0) + 1
    assert max(runs.values()) <= 2  # of four shifts, since each is followed by one of rest


def test_units_take_the_missions_and_visit_them_in_order(chain: Chain, keep: Any) -> None:
    districts = sorted({str(row["district"]) for row in rows(chain.layer("grid"))})
    units = memory_layer(
        "None",
        [(None, [f"Adam {number}", district, 120.0]) for number, district in enumerate(districts)],
        "unit:string,district:string,minutes:double",
        name="Crews",
    )
    answer = allocate(chain, UNITS=keep(units), ROUTES="memory:")
    visits = rows(answer["ROUTES"])
    assert answer["MISSIONS"] > 0
    assert {row["unit"] for row in visits} <= {f"Adam {number}" for number in range(len(districts))}
    assert len({row["mission_id"] for row in visits}) == answer["MISSIONS"]


def test_the_plan_file_is_made_again_to_the_byte(chain: Chain, tmp_path: Path) -> None:
    import processing

    plan = str(tmp_path / "plan.zip")
    allocate(chain, PLAN=plan, EXPLORATION=10, CONTROL=20, MIND_DOSES=True)
    answer = processing.run("patrolmissions:replayplan", {"PLAN": plan, "OUTPUT": "memory:"})
    assert answer["IDENTICAL"]


@pytest.mark.parametrize(
    ("fields", "row", "words"),
    [
        ("kind:string,reason:string,author:string,cell_id:string", ["forbid", "why", "Ana", "1E1N"], "“forbid”"),
        ("kind:string,reason:string,author:string,cell_id:string", ["add", "", "Ana", "1E1N"], "has no reason"),
        ("kind:string,reason:string,author:string,cell_id:string", ["add", "why", "Ana", "1E1N"], "1E1N"),
        ("kind:string,reason:string,author:string,cell_id:string", ["box", "why", "Ana", NULL], "no polygons"),
        ("kind:string,cell_id:string", ["add", "1E1N"], "no field “reason”, “author”"),
    ],
)
def test_overrides_that_cannot_be_get_a_sentence(
    chain: Chain, keep: Any, fields: str, row: list[Any], words: str
) -> None:
    assert words in refused(chain, OVERRIDES=keep(memory_layer("None", [(None, row)], fields, name="Said")))


def test_other_layers_that_cannot_be_get_a_sentence(chain: Chain, keep: Any) -> None:
    nobody = keep(memory_layer("None", [(None, ["A"])], "unit:string", name="Nobody"))
    assert "cannot be one of units: it has no field “district”, “minutes”" in refused(chain, UNITS=nobody)
    far = memory_layer("Polygon", [(box(0, 0, 1, 1), ["X"])], "name:string", name="Far away")
    assert "“Far away” is inside the forecast" in refused(chain, AREAS=keep(far), AREA_FIELD="name")


def test_the_trade_off_shows_what_harm_costs(chain: Chain) -> None:
    import processing

    parameters = {"FORECAST": chain.path("forecast"), "MISSIONS_PER_DISTRICT": 2, "OUTPUT": "memory:"}
    found = rows(processing.run("patrolmissions:tradeoff", parameters)["OUTPUT"])
    assert [row["harm_kept"] for row in found] == sorted(row["harm_kept"] for row in found)
    assert len(found) == 10
    harm, turnover = ([row[name] for row in found] for name in ("harm", "turnover"))
    assert harm == sorted(harm)
    assert turnover == sorted(turnover, reverse=True)
    nine_tenths = min(found, key=lambda row: abs(row["harm_kept"] - 0.9))
    assert nine_tenths["harm"] == pytest.approx(0.9, abs=0.01)
