"""What missions caught: by hand on a small city, by enumeration, and whether intervals hold what they say."""

from __future__ import annotations

import itertools
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
from patrol_missions.engine.missions.capture import by_lot, hide, quantiles
from patrol_missions.engine.missions.plan_file import PlanFile
from patrol_missions.engine.missions.shares import Share, effective, share

SIZE_M = 250.0
ZONE = "America/New_York"
EVENING = np.datetime64("2024-06-03T19:00:00")  # 15:00 in New York, a Monday
HOUR = np.timedelta64(3600, "s")
WEIGHTS = [
    {"category": "Robbery", "severity": 10.0, "preventability": 0.5},
    {"category": "Theft", "severity": 1.0, "preventability": 1.0},
]
ROBBERY, THEFT = 0, 1
CELLS = 12  # in a row: the first eight are West, the others East


def shift(number: int) -> dict[str, Any]:
    """Evenings and nights of eight hours, one after the other."""
    start = EVENING + (number // 2) * 24 * HOUR + (number % 2) * 8 * HOUR
    name = ("Evening", "Night")[number % 2]
    return {"shift": name, "shift_date": start - 8 * HOUR, "start": start, "end": start + 8 * HOUR}


def table(rows: list[dict[str, Any]]) -> Table:
    """Rows as a table; texts are coded."""
    columns = {name: [row[name] for row in rows] for name in rows[0]}
    texts = {name: values for name, values in columns.items() if isinstance(values[0], str)}
    found = Table({name: np.array(values) for name, values in columns.items() if name not in texts})
    for name, values in texts.items():
        found = found.with_text(name, values)
    return found


def missions(*cells: tuple[int, int], minutes: float = 15.0) -> Table:
    """Missions from shift and cell."""
    return table([{"col": cell, "row": 0, **shift(at), "dose_minutes": minutes} for at, cell in cells])


def forecast(shifts: int = 1, harm: Any = None) -> Table:
    """Thefts expected: the more, the higher the cell's number, unless told otherwise."""
    rows = [
        {"col": cell, "row": 0, **shift(at), "district": "West" if cell < 8 else "East"}
        for at in range(shifts)
        for cell in range(CELLS)
    ]
    values = np.tile(np.arange(1.0, CELLS + 1) if harm is None else np.asarray(harm, dtype=float), shifts)
    return Table({**table(rows).columns, "expected_theft": values, "harm": values}, table(rows).labels)


def incidents(*given: tuple[float, float, int], hours: float = 0.0) -> Table:
    """Incidents from the hours after :data:`EVENING`, the cell (0.5 is its middle to the east), and the category."""
    after, cell, category = (np.array(each, dtype=np.float64) for each in zip(*given))
    start = EVENING + (3600 * after).astype("timedelta64[s]")
    end = start + np.timedelta64(int(3600 * hours), "s") if hours else np.full(len(start), np.datetime64("NaT", "s"))
    columns = {"x": cell * SIZE_M, "y": np.full(len(cell), 125.0), "start": start, "end": end}
    return Table({**columns, "category": category.astype(np.int32)}, {"category": ("Robbery", "Theft")})


def told(tmp_path: Path, tables: dict[str, Table], **more: Any) -> tuple[JobResult, list[str]]:
    """The job's answer, sent through a folder as the worker does, and what it warned of."""
    said: list[str] = []

    def listen(message: messages.Message) -> None:
        if isinstance(message, messages.Warning):
            said.append(message.text)

    parameters = {"cell_size_m": SIZE_M, "time_zone": ZONE, "weights": WEIGHTS, "weights_preset": None, **more}
    answer = find("capture_report")(parameters, tables, JobContext(tmp_path, listen))
    folders.write_result(tmp_path, answer)
    assert answer.values["warnings"] == said
    return folders.read_result(tmp_path), said


def row(found: JobResult, choice: str, measure: str = "incidents", part: str = "all", name: str = "all") -> dict:
    """One row of the table of captures."""
    rows = found.tables["capture"]
    wanted = {"part": part, "name": name, "measure": measure, "choice": choice}
    (at,) = np.flatnonzero(np.all([rows.text(key) == value for key, value in wanted.items()], axis=0))
    return {key: values[at] for key, values in rows.columns.items() if key not in rows.labels}


WEEK_BEFORE = [(-30.0, 2.5, THEFT), (-50.0, 2.5, THEFT), (-60.0, 9.5, ROBBERY), (-24.0 * 8, 5.5, ROBBERY)]
TONIGHT = [(1.0, 0.5, ROBBERY), (2.0, 2.5, THEFT), (3.0, 7.5, THEFT), (4.0, 11.5, ROBBERY), (5.0, 3.5, THEFT)]


def test_what_was_caught_by_hand(tmp_path: Path) -> None:
    plan = missions((0, 0), (0, 7), (0, 9))
    given = {"missions": plan, "incidents": incidents(*WEEK_BEFORE, *TONIGHT), "forecast": forecast()}
    found, said = told(tmp_path, given)
    # Two of eight cells in the west, one of four in the east: every incident is caught by lot one time in four.
    for measure, total, caught, greedy, last in (
        ("incidents", 5, 2, 2, 1),
        ("harm", 23, 11, 11, 1),
        ("preventable harm", 13, 6, 6, 1),
    ):
        mine = row(found, "missions", measure)
        assert (mine["incidents"], mine["total"], mine["caught"]) == (5, total, caught)
        assert mine["share"] == pytest.approx(caught / total)
        assert row(found, "chance", measure)["share"] == pytest.approx(0.25)
        assert row(found, "greedy", measure)["caught"] == greedy  # cells 6, 7 and 11
        # Cell 2 and, by lot, one of the seven others in the west: 0, 3 and 7 with a chance of 1/7; cell 9 in the east.
        extra = {"incidents": 3, "harm": 12, "preventable harm": 7}[measure] / 7
        assert row(found, "last week", measure)["caught"] == pytest.approx(last + extra)
        lead = row(found, "chance", measure)
        assert lead["lead"] == pytest.approx(caught / total - 0.25)
        assert -1 <= lead["lead_low"] < lead["lead"] < lead["lead_high"] <= 1
    assert found.values["incidents_missions"] == pytest.approx(0.4)
    assert found.values["independent"] == "incidents"
    assert said[-1] == (
        "There are 5 incidents in the shifts of the missions, so the intervals are wide. Judge by weeks, not by nights."
    )
    report = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "Missions caught 46.2&nbsp;% of preventable harm; that cannot be told from chance" in report


def test_cells_of_a_shift_count_in_that_shift_alone(tmp_path: Path) -> None:
    plan = missions((0, 3), (1, 5))
    happened = incidents((1, 3.5, THEFT), (9, 3.5, THEFT), (9, 5.5, THEFT), (1, 5.5, THEFT), (15, 1.5, THEFT))
    found, _ = told(tmp_path, {"missions": plan, "incidents": happened})
    assert row(found, "missions")["caught"] == 2
    assert row(found, "missions", part="shift", name="Evening")["share"] == pytest.approx(1 / 2)
    assert row(found, "missions", part="shift", name="Night")["share"] == pytest.approx(1 / 3)
    assert set(found.tables["capture"].labels["choice"]) == {"missions"}  # there is no forecast


def test_uncertain_times_count_by_their_share(tmp_path: Path) -> None:
    plan = missions((0, 3), (1, 5))
    happened = incidents((6, 3.5, THEFT), (6, 5.5, THEFT), (15, 0.5, THEFT), hours=8.0)
    found, _ = told(tmp_path, {"missions": plan, "incidents": happened})
    # Two hours of eight in the evening, six in the night; of the last, one hour in the night and the rest in no shift.
    mine = row(found, "missions")
    assert mine["total"] == pytest.approx(2 + 1 / 8)
    assert mine["caught"] == pytest.approx(2 / 8 + 6 / 8)


def test_chance_is_the_mean_over_all_draws(tmp_path: Path) -> None:
    happened = incidents(*((1.0, cell + 0.5, cell % 2) for cell in (0, 1, 1, 4, 7, 8, 8, 9, 11)))
    total: list[dict[str, float]] = []
    for west in itertools.combinations(range(8), 3):
        for east in itertools.combinations(range(8, 12), 2):
            plan = missions(*((0, cell) for cell in (*west, *east)))
            hit = np.isin(np.floor(happened["x"] / SIZE_M), [*west, *east])
            worth = np.array([[1.0, 1.0], [10.0, 1.0], [5.0, 1.0]])[:, happened["category"]]
            total.append(dict(enumerate((worth * hit).sum(axis=1) / worth.sum(axis=1))))
    found, _ = told(tmp_path, {"missions": plan, "incidents": happened, "forecast": forecast()})
    for at, measure in enumerate(("incidents", "harm", "preventable harm")):
        mean = np.mean([each[at] for each in total])
        assert row(found, "chance", measure)["share"] == pytest.approx(mean)


@pytest.mark.parametrize("seed", range(5))
def test_ties_are_drawn_by_lot(seed: int) -> None:
    rng = np.random.default_rng(seed)
    score, group = rng.integers(0, 3, 9).astype(float), np.array([0, 0, 0, 0, 0, 1, 1, 1, 1])
    most = np.array([rng.integers(0, 6), rng.integers(0, 5)])
    chance = by_lot(score, group, most)
    for at in range(2):
        mine = np.flatnonzero(group == at)
        draws = [set(each) for each in itertools.combinations(mine.tolist(), int(most[at]))]
        top = max((sum(score[list(draw)]) for draw in draws), default=0.0)
        best = [draw for draw in draws if sum(score[list(draw)]) == top]
        frequency = [np.mean([cell in draw for draw in best]) for cell in mine.tolist()]
        np.testing.assert_allclose(chance[mine], frequency)


def test_nothing_of_the_shift_itself_is_known_to_last_week(tmp_path: Path) -> None:
    late = incidents((-10.0, 4.5, THEFT), (-20.0, 1.5, THEFT), (2.0, 4.5, THEFT), (3.0, 1.5, THEFT))
    reported = late["start"] + np.array([48, 1, 0, 0]) * HOUR
    given = {
        "missions": missions((0, 0)),
        "incidents": Table({**late.columns, "reported": reported}, late.labels),
        "forecast": forecast(),
    }
    found, _ = told(tmp_path, given)
    assert row(found, "last week")["caught"] == 1  # cell 1; what happened in cell 4 was reported later


def test_a_history_that_begins_with_the_shift_gives_no_last_week(tmp_path: Path) -> None:
    given = {"missions": missions((0, 0)), "incidents": incidents(*TONIGHT), "forecast": forecast()}
    found, said = told(tmp_path, given)
    assert set(found.tables["capture"].labels["choice"]) == {"missions", "chance", "greedy"}
    assert any("last week's harm is left out" in sentence for sentence in said)


def test_the_way_to_the_nearest_mission(tmp_path: Path) -> None:
    happened = incidents((1, 3.5, THEFT), (1, 5.2, THEFT), (1, 11.0, THEFT), (2, 4.0, THEFT))
    found, _ = told(tmp_path, {"missions": missions((0, 3), (1, 11)), "incidents": happened})
    # From the edge of cell 3: 0 m, 300 m and 1,750 m.
    np.testing.assert_allclose(found.tables["distances"]["metres"], [0, 0, 300, 1750, 1750])
    assert found.values["missed_within_a_cell"] == pytest.approx(1 / 3)
    assert np.isnan(quantiles(np.zeros(0), np.zeros(0))).all()


def test_patrol_delivered_and_where_it_went(tmp_path: Path) -> None:
    middle, quarter = SIZE_M / 2, np.timedelta64(900, "s")
    begins = EVENING + np.array([60, 120, 180, -6, 240, 474]).astype("timedelta64[m]")
    visits = Table(
        {
            "x": np.array([0, 0, 5, 7, 7, 9]) * SIZE_M + middle,
            "y": np.full(6, middle),
            "start": begins,
            "end": begins + quarter,
        }
    )
    given = {
        "missions": missions((0, 0), (0, 7), (0, 9), minutes=20.0),
        "incidents": incidents(*TONIGHT),
        "forecast": forecast(),
        "visits": visits,
    }
    found, _ = told(tmp_path, given)
    values = found.values
    assert values["planned_minutes"] == 60
    assert values["delivered_minutes"] == pytest.approx(30 + 9 + 15 + 6)
    assert values["patrol_minutes"] == pytest.approx(30 + 9 + 15 + 6 + 15)
    assert values["visited"] == 1
    assert values["whole_dose"] == pytest.approx(2 / 3)
    areas = found.tables["exposure"]
    assert areas.text("area").tolist() == ["East", "West"]
    assert areas["planned_minutes"].tolist() == [20, 40]
    np.testing.assert_allclose(areas["share_of_harm"], [42 / 78, 36 / 78])
    np.testing.assert_allclose(areas["ratio"], [(1 / 3) / (42 / 78), (2 / 3) / (36 / 78)])
    assert values["uneven_by_harm"] == pytest.approx(42 / 78 - 1 / 3)
    assert values["delivered_uneven_by_harm"] == pytest.approx(42 / 78 - 6 / 60)


def test_every_visit_of_a_mission_is_planned_patrol(tmp_path: Path) -> None:
    planned = missions((0, 0), (0, 7), minutes=20.0)
    twice = Table({**planned.columns, "visits": np.array([1, 3])}, planned.labels)
    found, _ = told(tmp_path, {"missions": twice, "incidents": incidents(*TONIGHT), "forecast": forecast()})
    assert found.values["planned_minutes"] == 80


def test_areas_take_the_place_of_districts(tmp_path: Path) -> None:
    areas = Table({"col": np.arange(10), "row": np.zeros(10, dtype=int), "people": np.full(10, 20.0)})
    areas = areas.with_text("area", ["Mill"] * 4 + ["Quay"] * 6)
    given = {
        "missions": missions((0, 0), (0, 7), (0, 9)),
        "incidents": incidents(*(3 * TONIGHT)),
        "forecast": forecast(),
        "areas": areas,
    }
    found, _ = told(tmp_path, given)
    exposure = found.tables["exposure"]
    assert exposure.text("area").tolist() == ["Mill", "Quay"]
    assert exposure["people"].tolist() == [80, 120]
    np.testing.assert_allclose(exposure["minutes_per_1000"], [187.5, 250])
    assert row(found, "missions", part="area", name="Mill")["incidents"] == 9
    # Three incidents are few, and so are the three outside every area; together they are still to be doubted.
    assert row(found, "missions", part="area", name="Quay")["withheld"]
    assert row(found, "missions", part="area", name="no area")["withheld"]


def test_small_numbers_by_district_are_withheld(tmp_path: Path) -> None:
    given = {"missions": missions((0, 0)), "incidents": incidents(*TONIGHT), "forecast": forecast()}
    found, _ = told(tmp_path, given)
    for name in ("West", "East"):
        mine = row(found, "missions", part="district", name=name)
        assert mine["withheld"]
        assert np.isnan([mine[key] for key in ("incidents", "total", "caught", "share", "low", "high")]).all()
    assert "withheld" in (tmp_path / "report.html").read_text(encoding="utf-8")


def test_no_total_gives_a_small_number_back() -> None:
    assert hide(np.array([4.0, 9.0, 7.0])).tolist() == [True, False, True]
    assert hide(np.array([4.0, 4.0, 9.0])).tolist() == [True, True, True]
    assert hide(np.array([3.0, 3.0, 9.0])).tolist() == [True, True, False]
    assert hide(np.array([5.0, 9.0])).tolist() == [False, False]
    assert hide(np.array([4.6, 9.0])).tolist() == [True, True]
    assert hide(np.array([1.0])).tolist() == [True]


def test_turnover_looks_back_into_the_plan_before(tmp_path: Path) -> None:
    plan = missions((2, 0), (2, 7), (3, 9), (4, 0), (4, 1))
    given = {"missions": plan, "incidents": incidents((34, 0.5, THEFT), (70, 0.5, THEFT))}
    assert told(tmp_path, given)[0].values["turnover"] == pytest.approx(1 / 2)
    given["previous"] = missions((0, 7), (1, 9))
    assert told(tmp_path, given)[0].values["turnover"] == pytest.approx(2 / 5)
    given["missions"] = missions((2, 0))
    assert told(tmp_path, {**given, "previous": missions((1, 0))})[0].values["turnover"] is None


def test_categories_not_in_use_count_nowhere(tmp_path: Path) -> None:
    own = [{**WEIGHTS[ROBBERY], "use": False}, WEIGHTS[THEFT]]
    given = {"missions": missions((0, 0)), "incidents": incidents(*TONIGHT)}
    found, _ = told(tmp_path, given, weights=own)
    assert row(found, "missions")["incidents"] == 3
    assert row(found, "missions", "harm")["total"] == 3
    assert found.tables["capture"].labels["name"].count("Robbery") == 0


def test_shifts_to_come_are_left_out(tmp_path: Path) -> None:
    given = {"missions": missions((0, 0), (1, 4), (2, 4)), "incidents": incidents(*TONIGHT)}
    found, said = told(tmp_path, given)
    assert (found.values["shifts"], found.values["missions"]) == (1, 1)
    assert said[0] == "Shifts that began after the last incident, and are left out: 2."
    assert "began 3 hours before the last shift ended" in said[1]


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"missions": missions((9, 0))}, "No shift of the missions had begun"),
        ({"missions": missions((0, 40))}, "does not have cell 40E0N in a shift in which it has a mission"),
        ({"missions": missions((0, 0)).take(np.zeros(0, dtype=int))}, "There are no missions"),
        ({"missions": Table({"col": np.zeros(1), "row": np.zeros(1)})}, "have no “shift”, “start”, “end”"),
        ({"forecast": forecast().take(np.zeros(0, dtype=int))}, "The forecast has no rows"),
        ({"incidents": incidents(*TONIGHT).take(np.zeros(0, dtype=int))}, "No incident has a time"),
    ],
)
def test_what_cannot_be_judged_is_said(tmp_path: Path, change: dict[str, Table], sentence: str) -> None:
    given = {"missions": missions((0, 0)), "incidents": incidents(*TONIGHT), "forecast": forecast(), **change}
    with pytest.raises(InputError, match=sentence):
        told(tmp_path, given)


def test_another_forecast_is_refused_and_part_of_one_said(tmp_path: Path) -> None:
    late = incidents(*TONIGHT, (20, 0.5, THEFT), (30, 0.5, THEFT))
    given = {"incidents": late, "forecast": forecast(1)}
    found, said = told(tmp_path, {**given, "missions": missions((0, 0), (2, 0))})
    assert found.values["shifts"] == 1
    assert "Shifts that the forecast does not have, and that are left out: 1." in said
    with pytest.raises(InputError, match="none of the shifts"):
        told(tmp_path, {**given, "missions": missions((2, 0))})


def test_a_quiet_night_is_a_report_too(tmp_path: Path) -> None:
    happened = incidents((-5, 0.5, THEFT), (40, 0.5, THEFT))
    found, said = told(tmp_path, {"missions": missions((0, 0)), "incidents": happened, "forecast": forecast()})
    assert found.values["incidents_missions"] is None
    assert any("nothing to catch" in sentence for sentence in said)
    assert "There was nothing to catch" in (tmp_path / "report.html").read_text(encoding="utf-8")


def test_shares_by_hand() -> None:
    found = share(np.array([1.0, 0, 0, 0, 1]), np.ones(5), 5.0)
    # Clopper & Pearson of 2 in 5.
    assert (found.value, round(found.low, 4), round(found.high, 4)) == (0.4, 0.0527, 0.8534)
    none = share(np.zeros(3), np.ones(3), 3.0)
    assert (none.value, none.low, round(none.high, 4)) == (0, 0, 0.7076)
    every = share(np.ones(3), np.ones(3), 3.0)
    assert (every.value, round(every.low, 4), every.high) == (1, 0.2924, 1)
    sure = share(np.full(4, 0.2), np.ones(4))
    assert sure.low == pytest.approx(0.2) == sure.high
    assert np.isnan(share(np.zeros(2), np.zeros(2)).value)
    assert effective(np.array([2.0, 2, 0])) == 2
    same = found.minus(found)
    assert same.value == 0 and same.low <= 0 <= same.high


@pytest.mark.parametrize("number", [12, 60, 400])
def test_intervals_hold_what_they_say(number: int) -> None:
    """Incidents of two categories, caught by missions with 0.3 and by another choice with 0.2, often by both."""
    rng = np.random.default_rng(number)
    held, leads, rounds = 0, 0, 600
    for _ in range(rounds):
        worth = np.where(rng.random(number) < 0.2, 5.0, 1.0)
        drawn = rng.random(number)
        mine, other = drawn < 0.3, (drawn > 0.15) & (drawn < 0.35)
        one, two = (share(worth * hit, worth, effective(worth)) for hit in (mine, other))
        held += one.low <= 0.3 <= one.high
        lead = one.minus(two)
        leads += lead.low <= 0.1 <= lead.high
    assert held / rounds > 0.93
    assert leads / rounds > 0.93


def test_days_that_go_together_make_intervals_wider() -> None:
    rng = np.random.default_rng(3)
    days = np.repeat(np.arange(40), 20)
    hit = (rng.random(40) < 0.3)[days].astype(float)  # a night's incidents are caught all, or none
    alone = share(hit, np.ones(800), 800.0)
    together = share(np.bincount(days, hit), np.bincount(days).astype(float), 800.0)
    assert alone.value == together.value
    assert together.high - together.low > 3 * (alone.high - alone.low)


@pytest.mark.parametrize("days", [8, 30])
def test_intervals_by_days_hold_what_they_say(days: int) -> None:
    """Nights differ: in each, missions catch with a chance of its own, 0.3 on average."""
    rng = np.random.default_rng(days)
    held, rounds = 0, 600
    for _ in range(rounds):
        number = rng.poisson(15, days)
        hits = rng.binomial(number, rng.choice([0.1, 0.5], days)).astype(float)
        found = share(hits, number.astype(float), float(number.sum()))
        held += found.low <= 0.3 <= found.high
    assert held / rounds > 0.93


def test_differences_are_narrower_than_shares_that_go_together() -> None:
    hit = np.arange(200) % 10
    one, two = (share((hit < edge).astype(float), np.ones(200), 200.0) for edge in (4, 3))
    apart = Share(two.value, two.low, two.high, np.zeros(200))
    assert one.minus(two).high - one.minus(two).low < 0.8 * (one.minus(apart).high - one.minus(apart).low)


def test_many_days_are_judged_by_days(tmp_path: Path) -> None:
    nights = range(0, 20, 2)
    plan = missions(*((at, 3) for at in nights))
    happened = incidents(*((12 * at + 1.0, cell, THEFT) for at in nights for cell in (3.5, 4.5, 9.5)))
    found, said = told(tmp_path, {"missions": plan, "incidents": happened, "forecast": forecast(20)})
    assert found.values["independent"] == "days"
    assert row(found, "missions")["share"] == pytest.approx(1 / 3)
    assert row(found, "chance")["lead_low"] > 0
    assert not any("intervals are wide" in sentence for sentence in said)
    assert "more than by lot" in (tmp_path / "report.html").read_text(encoding="utf-8")


def plan_file(tmp_path: Path, size_m: float = SIZE_M, **more: Table) -> str:
    """A plan of one mission, sealed."""
    asked = {"cell_size_m": size_m, "time_zone": ZONE, "labels": {"expected_theft": "Theft"}}
    asked = {**asked, "weights": WEIGHTS}
    plan = PlanFile(asked, {"forecast": forecast(), **more}, {"weights": WEIGHTS}, {"missions": missions((0, 7))})
    (tmp_path / "plan.zip").write_bytes(plan.pack())
    return str(tmp_path / "plan.zip")


def test_a_plan_file_has_missions_forecast_areas_and_time_zone(tmp_path: Path) -> None:
    areas = table([{"col": cell, "row": 0, "area": "Mill" if cell < 4 else "Quay"} for cell in range(CELLS)])
    happened = {"incidents": incidents(*WEEK_BEFORE, *TONIGHT)}
    found, _ = told(tmp_path, happened, plan=plan_file(tmp_path, areas=areas), time_zone="")
    layers = {"missions": missions((0, 7)), "forecast": forecast(), "areas": areas, **happened}
    usual, _ = told(tmp_path, layers)
    assert found.values == usual.values
    assert found.tables["capture"].text("name").tolist() == usual.tables["capture"].text("name").tolist()
    assert "Mill" in found.tables["capture"].text("name").tolist()
    other = table([{"col": cell, "row": 0, "area": "North" if cell < 4 else "South"} for cell in range(CELLS)])
    found, _ = told(tmp_path, {**happened, "areas": other}, plan=plan_file(tmp_path, areas=areas))
    assert "Mill" not in found.tables["capture"].text("name").tolist(), "areas that are given count"


def test_a_plan_is_judged_by_its_own_weights_unless_others_are_given(tmp_path: Path) -> None:
    happened = {"incidents": incidents(*(each for each in TONIGHT if each[2] == THEFT))}
    totals = []
    others = [WEIGHTS[ROBBERY], {**WEIGHTS[THEFT], "severity": 7.0}]
    for weights in (None, others):
        found, _ = told(tmp_path, happened, plan=plan_file(tmp_path), weights=weights)
        totals.append(row(found, "missions", "harm")["total"])
    assert totals[0] > 0
    assert totals[1] == 7 * totals[0]


def test_a_plan_of_other_cells_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"measure 200 m and those of the grid 250 m\.") as refused:
        told(tmp_path, {"incidents": incidents(*TONIGHT)}, plan=plan_file(tmp_path, 200.0))
    assert refused.value.hint == "Choose the grid that the plan was made on."


def test_a_plan_and_a_log_at_once_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="not clear which plan is meant"):
        told(tmp_path, {"incidents": incidents(*TONIGHT)}, plan=plan_file(tmp_path), log="audit.sqlite")
