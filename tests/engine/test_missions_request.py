"""The whole job: doses, areas, units, controls and overrides together, kept in a file and made again from it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from missions_forecast import LABELS, forecast

from patrol_missions.core.errors import InputError
from patrol_missions.core.jobs import JobResult
from patrol_missions.core.tables import Table
from patrol_missions.engine.context import JobContext
from patrol_missions.engine.missions import replay
from patrol_missions.engine.missions.allocate_job import run
from patrol_missions.engine.missions.dosage import STATES
from patrol_missions.engine.missions.plan_file import PlanFile

ZONE = "America/New_York"
SIZE_M = 250.0
FORECAST = forecast(shifts=6)
CELLS = np.unique(np.column_stack([FORECAST["col"], FORECAST["row"]]), axis=0)
START = FORECAST["start"].min()


def allocate(folder: Path, tables: dict[str, Table] | None = None, **parameters: Any) -> JobResult:
    given = {"time_zone": ZONE, "labels": LABELS, "cell_size_m": SIZE_M, **parameters}
    said: list[Any] = []
    return run(given, {"forecast": FORECAST, **(tables or {})}, JobContext(folder, said.append))


def visits(rng: np.random.Generator, count: int, days: float = 3.0) -> Table:
    """Visits of a quarter of an hour in random cells in the days before the plan."""
    cell = CELLS[rng.integers(0, len(CELLS), count)]
    start = START - (rng.random(count) * days * 86_400 + 900).astype("timedelta64[s]")
    x, y = ((cell[:, axis] + 0.5) * SIZE_M for axis in (0, 1))
    return Table({"x": x, "y": y, "start": start, "end": start + np.timedelta64(900, "s")})


def areas(count: int = 6) -> Table:
    """Strips of cells as neighbourhoods, with people."""
    strip = (CELLS[:, 0] // 2) % count
    columns = {"col": CELLS[:, 0], "row": CELLS[:, 1], "people": 200.0 + 40.0 * strip}
    return Table(columns).with_text("area", [f"Area {number}" for number in strip.tolist()])


def units(*rows: tuple[str, str, float]) -> Table:
    table = Table({"minutes": np.array([row[2] for row in rows], dtype=np.float64)})
    return table.with_text("unit", [row[0] for row in rows]).with_text("district", [row[1] for row in rows])


def overrides() -> Table:
    at = {"col": CELLS[[3, 30], 0], "row": CELLS[[3, 30], 1]}
    made = Table({**at, "to_col": at["col"], "to_row": at["row"]})
    for name, texts in (("kind", ["add", "suppress"]), ("reason", ["fair", "closed"]), ("author", ["A", "B"])):
        made = made.with_text(name, texts)
    return made


def everything(seed: int) -> tuple[dict[str, Table], dict[str, Any]]:
    """Tables and parameters with all kinds of constraints on."""
    rng = np.random.default_rng(seed)
    tables = {"visits": visits(rng, int(rng.integers(0, 60)))}
    parameters: dict[str, Any] = {
        "seed": int(rng.integers(0, 2**31)),
        "harm_kept": float(rng.choice([0.7, 0.9, 0.97])),
        "exploration": float(rng.choice([0.0, 0.05, 0.2])),
        "control": float(rng.choice([0.0, 0.2])),
        "dose_rules": {},
    }
    if rng.random() < 0.6:
        tables["areas"] = areas(int(rng.integers(2, 9)))
        parameters |= {"area_share": 0.3, "area_harm_ratio": 2.0}
    if rng.random() < 0.5:
        tables["overrides"] = overrides()
    if rng.random() < 0.5:
        tables["units"] = units(*((f"{n}", d, 60.0) for n, d in enumerate(["01", "05", "Süd", "01"])))
    return tables, parameters


def test_random_plans_are_made_again_to_the_byte(tmp_path: Path) -> None:
    for seed in range(25):
        tables, parameters = everything(seed)
        allocate(tmp_path, tables, **parameters)
        content = (tmp_path / "plan.zip").read_bytes()
        kept = PlanFile.unpack(content, "plan.zip")
        again = replay.replay(kept, JobContext(tmp_path, lambda _: None))
        assert again.differences == ()
        assert again.versions == ()
        assert kept.pack() == content


def test_a_plan_that_was_edited_is_told_apart(tmp_path: Path) -> None:
    tables, parameters = everything(5)
    allocate(tmp_path, tables, **parameters)
    kept = PlanFile.unpack((tmp_path / "plan.zip").read_bytes(), "plan.zip")
    missions = kept.results["missions"]
    other = missions["col"].copy()
    other[0] += 1
    edited = PlanFile(
        kept.parameters,
        kept.tables,
        {**kept.values, "missions": 1},
        {**kept.results, "missions": Table({**missions.columns, "col": other}, missions.labels)},
    )
    said = replay.replay(edited, JobContext(tmp_path, lambda _: None)).differences
    assert f"“col” of the table “missions” differs in 1 of {len(missions)} rows." in said
    assert "Other figures: missions." in said
    assert kept.fingerprint("in") == edited.fingerprint("in")
    assert kept.fingerprint("out") != edited.fingerprint("out")
    old = PlanFile(kept.parameters, kept.tables, kept.values, kept.results, {**kept.versions, "numpy": "1.0"})
    assert replay.replay(old, JobContext(tmp_path, lambda _: None)).versions[0].startswith("numpy was 1.0 and is ")


def test_planned_missions_rest_cells_and_move_on(tmp_path: Path) -> None:
    still = allocate(tmp_path)
    moving = allocate(tmp_path, dose_rules={"most_consecutive": 1})
    runs = {}
    for name, made in (("still", still), ("moving", moving)):
        found = made.tables["missions"]
        shifts = sorted(set(found["start"].tolist()))
        cells = [set(zip(*(found.take(found["start"] == np.datetime64(s))[n].tolist() for n in ("col", "row"))))
                 for s in shifts]  # fmt: skip
        runs[name] = sum(len(a & b) for a, b in zip(cells, cells[1:]))
    assert runs["moving"] == 0 < runs["still"]
    assert moving.values["distinct_cells"] > still.values["distinct_cells"]
    states = set(moving.tables["chances"]["dose_state"].tolist())
    assert STATES.index("resting") in states
    closed = moving.tables["chances"].take(moving.tables["chances"]["dose_state"] >= 3)
    assert (closed["chance"] == 0).all()
    assert moving.values["price_of_dose"] > 0


def test_visits_lower_what_a_mission_is_worth(tmp_path: Path) -> None:
    best = np.argmax(FORECAST["harm"][: len(CELLS)])
    where = {"x": (FORECAST["col"][[best]] + 0.5) * SIZE_M, "y": (FORECAST["row"][[best]] + 0.5) * SIZE_M}
    last = Table({**where, "start": np.array([START - 1800]), "end": np.array([START - 900])})
    made = allocate(tmp_path, {"visits": last}, dose_rules={"gamma": 1.0})
    chances = made.tables["chances"]
    here = (chances["col"] == FORECAST["col"][best]) & (chances["row"] == FORECAST["row"][best])
    first = chances.take(here & (chances["start"] == START))
    assert first["residual_deterrence"][0] > 0.8
    assert first["value"][0] < 0.2 * FORECAST["harm"][best]


def test_controls_are_drawn_like_missions_and_get_none(tmp_path: Path) -> None:
    made = allocate(tmp_path, control=0.25)
    chances, missions = made.tables["chances"], made.tables["missions"]
    outcome = chances.text("outcome")
    assert made.values["controls"] == (outcome == "control").sum() == 6 * 3
    assert len(missions) == (outcome == "mission").sum() == 6 * 3 * 3
    drawn = np.bincount(np.unique(chances["start"], return_inverse=True)[1], chances["chance"])
    np.testing.assert_allclose(drawn, 9 + np.bincount(
        np.unique(chances["start"], return_inverse=True)[1], outcome == "control"))  # fmt: skip
    assert (chances["mission_chance"] <= chances["chance"] + 1e-12).all()
    per_district = made.tables["allocation"]["controls"]
    assert per_district.sum() == 6 * 3


def test_units_decide_how_many_missions_there_are(tmp_path: Path) -> None:
    crew = units(("Adam 1", "01", 60), ("Adam 2", "01", 300), ("Boy 1", "05", 20), ("Carl 1", "Süd", 30))
    made = allocate(tmp_path, {"units": crew})
    allocation = made.tables["allocation"]
    asked = dict(zip(allocation.text("district").tolist(), allocation["asked"].tolist()))
    assert asked == {"01": 2 + 3, "05": 0, "Süd": 1}
    assert any("leave no time for missions in some shifts of 05" in each for each in made.values["warnings"])
    missions = made.tables["missions"]
    assert set(missions.text("unit").tolist()) <= {"Adam 1", "Adam 2", "Carl 1"}
    assert (missions["planned_start"] >= missions["start"]).all()
    assert (missions["planned_end"] <= missions["end"]).all()
    assert (missions["visit_order"] >= 1).all()
    fewer = allocate(tmp_path, {"units": crew}, quotas={"01": 1})
    assert fewer.tables["allocation"]["asked"][0] == 1


@pytest.mark.parametrize(
    ("tables", "parameters", "words"),
    [
        ({"units": units(("", "01", 60))}, {}, "has no name"),
        ({"units": units(("A", "09", 60))}, {}, "no district called “09”"),
        ({"units": units(("A", "01", -5))}, {}, "-5 minutes"),
        ({"units": units(("A", "01", 60)).with_text("shift", ["Dawn"])}, {}, "the shift “Dawn”"),
        ({}, {"speed_kmh": 0}, "speed of travel is 0"),
        ({}, {"exploration": 0.7}, "evenly is 70 %"),
        ({}, {"control": -0.1}, "controls is -10 %"),
        ({}, {"area_share": 2}, "largest share of missions in one area is 2"),
        ({}, {"dose_rules": {"soft_minutes_24h": 90, "hard_minutes_24h": 60}}, "soft limit"),
        ({"streets": Table({n: np.zeros(0) for n in ("x0", "y0", "x1", "y1")})}, {}, "no streets"),
    ],
)
def test_absurd_requests_get_a_sentence(
    tmp_path: Path, tables: dict[str, Table], parameters: dict[str, Any], words: str
) -> None:
    with pytest.raises(InputError, match=words) as caught:
        allocate(tmp_path, tables, **parameters)
    assert caught.value.hint


def test_limits_that_leave_too_little_room_are_told(tmp_path: Path) -> None:
    one = Table({"col": CELLS[:, 0], "row": CELLS[:, 1], "people": np.full(len(CELLS), 30.0)})
    made = allocate(
        tmp_path, {"areas": one.with_text("area", ["Everywhere"] * len(CELLS))}, area_minutes_per_1000=40, dose_rules={}
    )
    assert made.values["missions"] == 2850 * 0.04 // 15
    assert any("limits of areas leave fewer missions" in each for each in made.values["warnings"])


def test_no_units_and_cells_all_closed_give_empty_plans_that_say_why(tmp_path: Path) -> None:
    nobody = allocate(tmp_path, {"units": units(("A", "01", 0), ("B", "05", 0), ("C", "Süd", 0))})
    assert nobody.values["missions"] == 0
    assert any("The units leave no time for missions" in each for each in nobody.values["warnings"])
    none = allocate(tmp_path, missions_per_district=0)
    assert "No missions were asked for, so the plan is empty." in none.values["warnings"]
    at = {"col": CELLS[:, 0], "row": CELLS[:, 1]}
    closed = Table({**at, "to_col": at["col"], "to_row": at["row"]})
    for name, text in (("kind", "suppress"), ("reason", "parade"), ("author", "A")):
        closed = closed.with_text(name, [text] * len(CELLS))
    shut = allocate(tmp_path, {"overrides": closed})
    assert shut.values["missions"] == 0
    assert any("closed" in each for each in shut.values["warnings"])


def test_a_district_of_one_cell_and_floors_above_caps_are_told(tmp_path: Path) -> None:
    alone = np.where(np.arange(len(FORECAST)) % len(CELLS) == 0, "Alone", "Others").tolist()
    one = run(
        {"time_zone": ZONE, "labels": LABELS, "cell_size_m": SIZE_M},
        {"forecast": FORECAST.with_text("district", alone)},
        JobContext(tmp_path, lambda _: None),
    )
    assert any("Alone" in each for each in one.values["warnings"])
    tight = allocate(tmp_path, {"areas": areas(2)}, area_share=0.02, exploration=0.5)
    assert any("The limits of areas leave fewer missions than asked for" in each for each in tight.values["warnings"])
    low = allocate(tmp_path, ceiling=0.01, exploration=0.5)
    assert any("1 %" in each for each in low.values["warnings"])


@pytest.mark.parametrize("field", ["harm", next(name for name in FORECAST.columns if name.startswith("expected_"))])
def test_a_missing_number_in_the_forecast_is_refused(tmp_path: Path, field: str) -> None:
    values = FORECAST[field].copy()
    values[3] = np.nan
    with pytest.raises(InputError, match=r"missing|not a number") as caught:
        run(
            {"time_zone": ZONE, "labels": LABELS},
            {"forecast": Table({**FORECAST.columns, field: values}, FORECAST.labels)},
            JobContext(tmp_path, lambda _: None),
        )
    assert caught.value.hint


def test_weights_that_are_all_zero_are_refused(tmp_path: Path) -> None:
    rows = [{"category": name, "severity": 0} for name in LABELS.values()]
    with pytest.raises(InputError, match="No category has a weight above 0"):
        allocate(tmp_path, weights=rows)


def test_every_visit_of_a_mission_counts_as_patrol(tmp_path: Path) -> None:
    rules = {"hard_minutes_24h": 30.0, "soft_minutes_24h": None, "most_consecutive": None, "cool_down_hours": 0.0}

    def most_in_a_day(**given: Any) -> int:
        missions = allocate(tmp_path, dose_rules=rules, harm_kept=1.0, revisit_gap_minutes=10.0, **given)
        table = missions.tables["missions"].take(missions.tables["missions"]["start"] < START + np.timedelta64(1, "D"))
        return int(np.unique(np.column_stack([table["col"], table["row"]]), axis=0, return_counts=True)[1].max())

    assert most_in_a_day() == 2
    assert most_in_a_day(visits=2) == 1


def test_every_visit_of_a_mission_counts_against_the_limit_of_its_area(tmp_path: Path) -> None:
    one = areas(1)
    people = float(one["people"].sum())
    given: dict[str, Any] = {"area_minutes_per_1000": 60.0 * 1000.0 / people, "revisit_gap_minutes": 10.0}
    asked = allocate(tmp_path, {"areas": one}, **given)
    twice = allocate(tmp_path, {"areas": one}, visits=2, **given)
    shifts = len(np.unique(FORECAST["start"]))
    assert [len(each.tables["missions"]) for each in (asked, twice)] == [4 * shifts, 2 * shifts]


def test_a_plan_says_how_often_its_missions_are_visited_where_it_is_not_once(tmp_path: Path) -> None:
    assert "visits" not in allocate(tmp_path).tables["missions"]
    allocate(tmp_path, visits=3, revisit_gap_minutes=10.0)
    kept = PlanFile.unpack((tmp_path / "plan.zip").read_bytes(), "plan.zip")
    assert set(kept.results["missions"]["visits"].tolist()) == {3}
