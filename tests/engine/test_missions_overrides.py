"""What people decide against the draw: in force when it should be, on the record, and never against itself."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from missions_forecast import LABELS, forecast

from patrol_missions.core.errors import InputError
from patrol_missions.core.grid import cell_id
from patrol_missions.core.tables import Table
from patrol_missions.engine.data.zones import zone
from patrol_missions.engine.missions import candidates, plan
from patrol_missions.engine.missions.areas import AreaRules, Areas
from patrol_missions.engine.missions.overrides import ADD, BOX, LOCK, MOVE, SUPPRESS, Overrides
from patrol_missions.engine.missions.planning import Circumstances, Settings

FOUND = candidates.read(forecast(), LABELS)
COLUMNS, ROWS = FOUND.columns, FOUND.rows
NOT_A_TIME = np.datetime64("NaT", "s")
CLOCK = zone("America/New_York")


def table(*rows: dict[str, Any]) -> Table:
    """Overrides; a cell is given by its index."""

    def place(name: str, axis: np.ndarray) -> np.ndarray:
        return np.array([axis[row[name]] if name in row else 0 for row in rows], dtype=np.int64)

    def texts(name: str, default: str | None) -> list[str | None]:
        return [row.get(name, default) for row in rows]

    def moments(name: str) -> np.ndarray:
        return np.array([np.datetime64(row[name], "s") if name in row else NOT_A_TIME for row in rows])

    columns = {
        "col": place("cell", COLUMNS),
        "row": place("cell", ROWS),
        "to_col": place("to", COLUMNS),
        "to_row": place("to", ROWS),
        "valid_from": moments("valid_from"),
        "valid_to": moments("valid_to"),
    }
    made = Table(columns)
    for name, default in (
        ("kind", None),
        ("reason", "roadworks"),
        ("author", "A. Mays"),
        ("shift", None),
        ("box", None),
    ):
        made = made.with_text(name, texts(name, default))
    return made


def overrides(*rows: dict[str, Any], boxes: Table | None = None) -> Overrides:
    return Overrides.of(table(*rows), boxes, COLUMNS, ROWS)


def planned(*rows: dict[str, Any], boxes: Table | None = None, area: Areas | None = None, **settings: Any) -> plan.Plan:
    given = Circumstances(area or Areas.none(len(COLUMNS)), overrides(*rows, boxes=boxes))
    return plan.make(FOUND, Settings(**settings), CLOCK, given)


def cells_of(made: plan.Plan, shift: str) -> set[tuple[int, int]]:
    mine = made.missions.take(made.missions.text("shift") == shift)
    return set(zip(mine["col"].tolist(), mine["row"].tolist()))


def place(cell: int) -> tuple[int, int]:
    return int(COLUMNS[cell]), int(ROWS[cell])


BEST = int(np.argmax(np.bincount(FOUND.cell, FOUND.harm)))
QUIET = int(np.argmin(np.bincount(FOUND.cell, FOUND.harm)))


def test_a_suppressed_cell_has_no_mission_and_the_number_stays() -> None:
    before = planned()
    made = planned({"kind": SUPPRESS, "cell": BEST})
    assert len(made.missions) == len(before.missions)
    for shift in ("Day", "Late", "Night"):
        assert place(BEST) not in cells_of(made, shift)
    here = (made.chances["col"] == COLUMNS[BEST]) & (made.chances["row"] == ROWS[BEST])
    assert (made.chances["chance"][here] == 0).all()
    assert set(made.chances.text("outcome")[here]) == {SUPPRESS}


@pytest.mark.parametrize("kind", [ADD, LOCK])
def test_an_added_or_kept_mission_takes_one_of_the_district_s(kind: str) -> None:
    made = planned({"kind": kind, "cell": QUIET, "shift": "Late", "reason": "school fair"}, per_district=2)
    assert len(made.missions) == 3 * 3 * 2
    assert place(QUIET) in cells_of(made, "Late")
    mission = made.missions.take((made.missions["col"] == COLUMNS[QUIET]) & (made.missions["row"] == ROWS[QUIET]))
    late = mission.take(mission.text("shift") == "Late")
    assert late.text("origin").tolist() == [kind]
    assert late.text("override_reason").tolist() == ["school fair"]
    assert late.text("override_author").tolist() == ["A. Mays"]
    assert late["inclusion_probability"].tolist() == [1.0]
    assert made.allocation["by_hand"].sum() == 1


def test_a_mission_is_moved() -> None:
    made = planned({"kind": MOVE, "cell": BEST, "to": QUIET})
    for shift in ("Day", "Late", "Night"):
        assert place(QUIET) in cells_of(made, shift)
        assert place(BEST) not in cells_of(made, shift)


def test_overrides_hold_in_their_shift_and_time_alone() -> None:
    starts = [FOUND.groups.start[groups.start] for _, groups in FOUND.shifts]
    for row, expected in (
        ({"shift": "Late"}, [False, True, False]),
        ({"shift": ""}, [True, True, True]),
        ({"valid_to": str(starts[1])}, [True, False, False]),
        ({"valid_from": str(starts[1])}, [False, True, True]),
        ({"valid_from": str(starts[1]), "valid_to": str(starts[2])}, [False, True, False]),
    ):
        found = overrides({"kind": SUPPRESS, "cell": 4, **row})
        names = ("Day", "Late", "Night")
        assert [bool(found.during(n, s).barred[4]) for n, s in zip(names, starts, strict=True)] == expected


def test_more_set_by_hand_than_asked_for_is_planned_and_told() -> None:
    mine = np.flatnonzero(FOUND.group[: FOUND.groups.cells[0]] == 0)[:3]
    rows = [{"kind": ADD, "cell": int(FOUND.cell[at]), "shift": "Day"} for at in mine]
    made = planned(*rows, per_district=1)
    assert made.allocation["missions"][0] == 3
    assert any("More missions are set by hand than asked for" in each for each in made.warnings)


def box_table(share: float = 0.5) -> Table:
    return Table(
        {
            "col": COLUMNS[[0, 1]],
            "row": ROWS[[0, 1]],
            "covered": np.array([0.5, 0.25]),
            "share": np.array([2 * share / 1.5, 1 - 2 * share / 1.5]),
        }
    ).with_text("box", ["Market", "Market"])


def test_a_drawn_box_is_a_mission_like_the_rest() -> None:
    made = planned({"kind": BOX, "box": "Market", "shift": "Night"}, boxes=box_table(), per_district=2)
    assert len(made.missions) == 3 * 3 * 2
    market = made.missions.take(made.missions.text("box") == "Market")
    assert len(market) == 1
    night = FOUND.groups.shift.index("Night")
    rows = [int(np.flatnonzero((FOUND.cell == cell) & (FOUND.group >= night))[0]) for cell in (0, 1)]
    field = next(iter(LABELS))
    wanted = 0.5 * FOUND.table[field][rows[0]] + 0.25 * FOUND.table[field][rows[1]]
    assert market[field][0] == pytest.approx(wanted, rel=1e-5)
    assert market.text("origin").tolist() == [BOX]
    assert market["inclusion_probability"].tolist() == [1.0]


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ([{"kind": "close", "cell": 1}], ("called “close”",)),
        ([{"kind": ADD, "cell": 1, "reason": " "}], ("“add”", "no reason")),
        ([{"kind": ADD, "cell": 1, "author": None}], ("no author",)),
        ([{"kind": ADD, "cell": 1}, {"kind": SUPPRESS, "cell": 1, "reason": "park"}], ("roadworks", "park")),
        ([{"kind": MOVE, "cell": 1, "to": 2}, {"kind": SUPPRESS, "cell": 2}], (cell_id(*place(2)),)),
        ([{"kind": BOX, "box": "Harbour"}], ("“Harbour” lies outside",)),
    ],
)
def test_what_cannot_be_is_said(rows: list[dict[str, Any]], words: tuple[str, ...]) -> None:
    with pytest.raises(InputError) as caught:
        planned(*rows, boxes=box_table())
    for word in words:
        assert word in str(caught.value)
    assert caught.value.hint


def test_a_cell_that_the_forecast_lacks_is_named() -> None:
    made = table({"kind": ADD, "cell": 1})
    with pytest.raises(InputError, match="cell 7E9N, which the forecast does not have"):
        Overrides.of(
            Table({**made.columns, "col": np.array([7]), "row": np.array([9])}, made.labels), None, COLUMNS, ROWS
        )


def test_what_is_set_by_hand_counts_against_the_limits_of_areas() -> None:
    one_area = Areas(("Old town",), np.zeros(len(COLUMNS), dtype=np.int64), np.full(len(COLUMNS), np.nan))
    rows = [{"kind": ADD, "cell": cell} for cell in (0, 1, 2)]
    with pytest.raises(InputError, match="3 missions are set by hand in “Old town”"):
        planned(*rows, area=one_area, areas=AreaRules(share=0.2))


def test_all_cells_suppressed_leave_a_plan_without_missions_and_a_sentence() -> None:
    made = planned(*({"kind": SUPPRESS, "cell": cell} for cell in range(len(COLUMNS))))
    assert len(made.missions) == 0
    assert any("has 0 cells (and 40 closed by doses or by hand)" in each for each in made.warnings)


def test_the_price_of_what_people_decide_is_told() -> None:
    free, held = planned(), planned({"kind": SUPPRESS, "cell": BEST})
    assert free.values["price_of_overrides"] == 0
    assert held.values["price_of_overrides"] > 0.02
    steps = ("overrides", "dose", "areas", "randomness")
    lost = sum(held.values[f"price_of_{step}"] for step in steps)
    kept = held.allocation["harm"].sum() / held.allocation["harm_unrestricted"].sum()
    assert lost == pytest.approx(1 - kept)
