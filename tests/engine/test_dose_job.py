"""The job of the dose map: tables in, a row per cell and totals out, and what it says about the visits."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from patrol_missions.core import jobs as folders
from patrol_missions.core import messages
from patrol_missions.core.errors import InputError
from patrol_missions.core.jobs import JobResult
from patrol_missions.core.tables import Table
from patrol_missions.engine.context import JobContext
from patrol_missions.engine.jobs import find

SIZE_M = 250.0
WIDTH = 10
ZONE = "America/New_York"
END = np.datetime64("2024-12-30T17:00:00")  # noon in New York, a Monday
SHIFTS = [
    {"name": "Day", "start": "07:00", "end": "15:00"},
    {"name": "Late", "start": "15:00", "end": "23:00"},
    {"name": "Night", "start": "23:00", "end": "07:00"},
]


def cells(count: int = 200) -> Table:
    """Cells in rows of ten, from column 2000 and row 17000 on."""
    number = np.arange(count)
    names = [f"{place // 50}" for place in number.tolist()]
    return Table({"col": 2000 + number % WIDTH, "row": 17_000 + number // WIDTH}).with_text("district", names)


def visits(*given: tuple[int, float, float], local: bool = False) -> Table:
    """Visits from the cell, the hours before :data:`END` at which each ended, and its minutes."""
    cell, ago, minutes = (np.array(each, dtype=np.float64) for each in zip(*given)) if given else [np.zeros(0)] * 3
    end = END - (60 * ago).astype("timedelta64[m]") - (np.timedelta64(5, "h") if local else np.timedelta64(0, "h"))
    x, y = (2000 + cell % WIDTH + 0.5) * SIZE_M, (17_000 + cell // WIDTH + 0.5) * SIZE_M
    start = end - (60 * minutes).astype("timedelta64[s]")
    suffix = "_local" if local else ""
    return Table({"x": x, "y": y, f"start{suffix}": start, f"end{suffix}": end})


def dosed(table: Table, tmp_path: Path, people: Table | None = None, **more: Any) -> tuple[JobResult, list[str]]:
    """The job's answer, sent through a folder as the worker does, and what it warned of."""
    told: list[str] = []

    def listen(message: messages.Message) -> None:
        if isinstance(message, messages.Warning):
            told.append(message.text)

    parameters = {"cell_size_m": SIZE_M, "as_of": None, "shifts": SHIFTS, "time_zone": ZONE, "rules": {}, **more}
    tables = {"cells": cells(), "visits": table, **({} if people is None else {"people": people})}
    answer = find("dose_map")(parameters, tables, JobContext(tmp_path, listen))
    folders.write_result(tmp_path, answer)
    assert answer.values["warnings"] == told
    return folders.read_result(tmp_path), told


OFTEN = ((7, 0.5, 15), (7, 6, 15), (7, 14, 15), (7, 30, 15), (8, 100, 100), (8, 400, 30), (9, 10, 20), (9, 12, 90))


def test_a_row_per_cell_and_totals(tmp_path: Path) -> None:
    found, told = dosed(visits(*OFTEN, (150, 26 * 24, 15)), tmp_path)
    doses, values = found.tables["doses"], found.values
    assert told == ["The visits of patrol go back 26 days; minutes in 28 days are those of fewer days."]
    assert len(doses) == 200
    assert doses["minutes_24h"][[7, 8, 9, 150]].tolist() == [45, 0, 110, 0]
    assert doses["minutes_7d"][[7, 8, 9, 150]].tolist() == [60, 100, 110, 0]
    assert doses["minutes_28d"][[7, 8, 9, 150]].tolist() == [60, 130, 110, 15]
    assert doses["visits_28d"][[0, 7, 8, 9]].tolist() == [0, 4, 2, 2]
    # Cell 7 had patrol late at night, early in the morning and by day; cell 9 late in the evening and at night.
    assert doses["consecutive_shifts"][[7, 8, 9]].tolist() == [3, 0, 2]
    assert doses.text("state")[[0, 7, 8, 9]].tolist() == ["none", "resting", "under soft limit", "at hard limit"]
    assert doses["open"][[0, 7, 8, 9]].tolist() == [True, False, True, False]
    assert doses.text("district")[[0, 199]].tolist() == ["0", "3"]
    assert set(doses["as_of"].tolist()) == {(END - np.timedelta64(30, "m")).item()}
    assert doses["last_visit"][7] == END - np.timedelta64(30, "m")
    assert np.isnat(doses["last_visit"][0])
    assert (doses["residual_deterrence"][7], doses["worth"][7]) == (1.0, 0.0)
    assert "people" not in doses
    wanted = {
        "as_of": "2024-12-30T16:30:00Z", "visits": 9, "minutes_24h": 155, "minutes_7d": 270, "minutes_28d": 315,
        "cells": 200, "cells_visited": 4, "over_soft": 0, "at_hard": 1, "cooling": 0, "resting": 1, "time_zone": ZONE,
        "dose_minutes": 15,
    }  # fmt: skip
    assert {name: values[name] for name in wanted} == wanted
    assert values["busiest_1_percent"] == pytest.approx(240 / 315)  # two cells of 200
    assert values["busiest_5_percent"] == 1.0
    assert values["rules"]["hard_minutes_24h"] == 120


def test_when_closed_cells_open_again(tmp_path: Path) -> None:
    """Cell 7 rests for a shift, cell 9 cools down for a day; where one mission is too much, there is no end of it."""
    found, _ = dosed(visits(*OFTEN), tmp_path)
    doses = found.tables["doses"]
    assert np.isnat(doses["closed_until"][doses["open"]]).all()
    # Patrol may still come by day, so the late shift is its rest, and the night shift starts at 23:00 in New York.
    assert doses["closed_until"][7] == np.datetime64("2024-12-31T04:00:00")
    # It was full at 02:00 in New York; 24 hours later the night shift has begun, and the day shift starts at 07:00.
    assert doses["closed_until"][9] == np.datetime64("2024-12-31T12:00:00")
    rules = {"hard_per_1000_28d": 50.0}
    people = Table({**cells(12).columns, "people": np.full(12, 250.0)})
    doses = dosed(visits(*OFTEN), tmp_path, people, rules=rules)[0].tables["doses"]
    assert not doses["open"][3]
    assert np.isnat(doses["closed_until"][3])  # one mission alone is beyond the limit


def test_as_of_an_earlier_and_a_later_moment(tmp_path: Path) -> None:
    before, told = dosed(visits(*OFTEN), tmp_path, as_of="2024-12-30T05:00:00Z")
    assert before.tables["doses"]["minutes_24h"][[7, 9]].tolist() == [30, 90]
    assert "Visits of patrol that ended after the moment of the map, and do not count: 3." in told
    after, told = dosed(visits(*OFTEN, (3, 999, 9)), tmp_path, as_of="2025-01-10T17:00:00Z")
    assert after.values["minutes_7d"] == 0
    assert after.values["minutes_28d"] == 300
    assert told == ["The last visit of patrol ended 11 days before 2025-01-10; what came since is not in the map."]
    nothing, told = dosed(visits(*OFTEN), tmp_path, as_of="2025-03-01T00:00:00Z")
    assert told == ["No visit of patrol ended in the 28 days up to 2025-03-01: nothing is left of any."]
    assert nothing.values["busiest_1_percent"] is None
    assert set(nothing.tables["doses"].text("state").tolist()) == {"none"}
    assert nothing.tables["doses"]["worth"].tolist() == [1.0] * 200


def test_nobody_patrolled(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="There is no visit of patrol of two minutes or more"):
        dosed(visits(), tmp_path)
    with pytest.raises(InputError, match="Choose a layer with visits, or give a moment"):
        dosed(visits((1, 1, 1.5)), tmp_path)
    found, told = dosed(visits(), tmp_path, as_of="2024-12-30T17:00:00Z")
    assert len(told) == 1
    assert found.values["cells_visited"] == 0


def test_the_place_s_own_time_says_the_same(tmp_path: Path) -> None:
    plain, _ = dosed(visits(*OFTEN), tmp_path)
    local, _ = dosed(visits(*OFTEN, local=True), tmp_path)
    for name, values in plain.tables["doses"].columns.items():
        np.testing.assert_array_equal(local.tables["doses"][name], values, name)


def test_people_make_rates(tmp_path: Path) -> None:
    listed = cells(12).columns
    people = Table({"col": listed["col"][::-1], "row": listed["row"][::-1], "people": np.arange(12)[::-1] * 100.0})
    rules = {"hard_per_1000_28d": 150.0}
    found, _ = dosed(visits(*OFTEN), tmp_path, people, rules=rules)
    doses = found.tables["doses"]
    assert doses["people"][[0, 7, 11]].tolist() == [0, 700, 1100]
    assert np.isnan(doses["people"][12:]).all()
    assert doses["per_1000_28d"][8] == pytest.approx(130 / 0.8)
    assert np.isnan(doses["per_1000_28d"][[0, 12]]).all()
    assert doses.text("state")[[8, 0]].tolist() == ["at hard limit", "none"]
    worse = Table({**people.columns, "people": people["people"] - 1})
    with pytest.raises(InputError, match="The number of people in a cell is below 0"):
        dosed(visits(*OFTEN), tmp_path, worse)


def test_visits_beside_each_other_are_told(tmp_path: Path) -> None:
    _, told = dosed(visits((3, 1, 30), (3, 1.1, 20), (3, 900, 20)), tmp_path)
    assert len(told) == 1
    assert told[0].startswith("1 of 2 visits began while another went on in their cell, and both count.")
    _, told = dosed(visits((3, 1, 30), (4, 1.1, 20), (3, 900, 20)), tmp_path)
    assert told == []


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"x": np.array([np.nan])}, "No visit of patrol has a place. Choose a layer with them."),
        ({"end": np.array(["NaT"], dtype="datetime64[s]")}, "No visit of patrol has a start and an end."),
        ({"x": np.array([0.0])}, "No visit of patrol is inside the grid. Choose a layer of visits with its right"),
        ({"end": np.array([END - np.timedelta64(9, "h")])}, "A visit of patrol ends before it starts."),
    ],
)
def test_visits_that_cannot_be_used(change: dict[str, np.ndarray], sentence: str, tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        dosed(Table({**visits((1, 1, 15)).columns, **change}), tmp_path)
    assert sentence in str(caught.value)
    assert "blank" not in str(caught.value)


def test_settings_that_make_no_sense(tmp_path: Path) -> None:
    some = visits(*OFTEN)
    with pytest.raises(InputError, match="The soft limit of 500 minutes in 24 hours is above the hard one of 120"):
        dosed(some, tmp_path, rules={"soft_minutes_24h": 500.0})
    with pytest.raises(
        InputError, match="A mission of 240 minutes is beyond the hard limit of 120 minutes in 24 hours"
    ):
        dosed(some, tmp_path, dose_minutes=240.0)
    with pytest.raises(InputError, match="There is no time zone called"):
        dosed(some, tmp_path, time_zone="Nowhere")
    with pytest.raises(InputError, match="which is not a date and time"):
        dosed(some, tmp_path, as_of="soon")
