"""From a forecast to missions: quotas, names, texts, accounts, replay, and what is said when something is wrong."""

from __future__ import annotations

import io
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from missions_forecast import CATEGORIES, LABELS, WEIGHTS, forecast

from patrol_missions.core import jobs, messages
from patrol_missions.core.errors import InputError
from patrol_missions.core.jobs import JobResult
from patrol_missions.core.names import expected_fields
from patrol_missions.core.tables import Table
from patrol_missions.engine.context import JobContext
from patrol_missions.engine.missions.allocate_job import run

ZONE = "America/New_York"


def allocate(table: Table | None = None, **parameters: Any) -> JobResult:
    """Run the job on a table; settings that are not given take their defaults."""
    given = {"time_zone": ZONE, "labels": LABELS, **parameters}
    with TemporaryDirectory() as folder:
        return run(given, {"forecast": forecast() if table is None else table}, JobContext(Path(folder)))


def with_columns(table: Table, **columns: np.ndarray) -> Table:
    return Table({**table.columns, **columns}, table.labels)


def as_bytes(table: Table) -> bytes:
    """The table as the worker would write it."""
    buffer = io.BytesIO()
    np.savez(buffer, **dict(table.columns))
    return buffer.getvalue() + repr(table.labels).encode()


def test_every_district_gets_its_number_in_every_shift() -> None:
    result = allocate(forecast(shifts=6), missions_per_district=3, quotas={"05": 1, "Süd": 0})
    missions, allocation = result.tables["missions"], result.tables["allocation"]
    counted: dict[tuple[str, str], int] = {}
    for key in zip(missions["start"].astype(str), missions.text("district"), strict=True):
        counted[key] = counted.get(key, 0) + 1
    assert len(allocation) == 18
    for start, district, number in zip(
        allocation["start"].astype(str), allocation.text("district"), allocation["missions"], strict=True
    ):
        assert number == {"01": 3, "05": 1, "Süd": 0}[district]
        assert counted.get((start, district), 0) == number
    assert result.values["missions"] == len(missions) == 6 * 4
    assert (result.values["shifts"], result.values["districts"]) == (6, 3)
    np.testing.assert_allclose(allocation["harm_kept"], [0.9, 0.9, 1.0] * 6, atol=1e-6)
    assert result.values["harm_kept"] == pytest.approx(0.9, abs=1e-6)


def test_missions_are_rows_of_the_forecast_with_what_a_briefing_needs() -> None:
    table = forecast()
    missions = allocate(table, dose_minutes=20).tables["missions"]
    assert set(table.columns) < set(missions.columns)
    source = {
        (c, r, s): h for c, r, s, h in zip(table["col"], table["row"], table["start"], table["harm"], strict=True)
    }
    for c, r, s, h in zip(missions["col"], missions["row"], missions["start"], missions["harm"], strict=True):
        assert source[(c, r, s)] == h
    assert missions["mission_id"][:2].tolist() == ["2020-01-03 Day 01-1", "2020-01-03 Day 01-2"]
    assert len(set(missions["mission_id"].tolist())) == len(missions)
    assert (missions["dose_minutes"] == 20).all()
    assert ((missions["inclusion_probability"] > 0) & (missions["inclusion_probability"] <= 0.95)).all()
    # Ordered by shift, district and harm; numbered within the district.
    keys = list(zip(missions["start"].astype(int), missions.text("district"), -missions["harm"], strict=True))
    assert keys == sorted(keys)
    assert missions["order"].tolist() == [1, 2, 3] * 9


def test_window_is_the_peak_in_local_time_within_the_shift() -> None:
    missions = allocate().tables["missions"]
    np.testing.assert_array_equal(missions["window_start"], missions["peak_start"])
    night = missions.take(np.array([s == "Night" for s in missions.text("shift")]))
    assert len(night) == 9
    for start, text in zip(night["window_start"], night.text("window"), strict=True):
        local = (start - np.timedelta64(5, "h")).item()  # New York in January
        assert text.startswith(f"{local:%H:%M}–")
    assert (missions["window_start"] >= missions["start"]).all()
    assert (missions["window_end"] <= missions["end"]).all()


def test_without_a_peak_the_window_is_the_whole_shift() -> None:
    table = forecast()
    none = np.full(len(table), np.datetime64("NaT"), dtype="datetime64[s]")
    missions = allocate(with_columns(table, peak_start=none, peak_end=none)).tables["missions"]
    np.testing.assert_array_equal(missions["window_end"], missions["end"])
    assert set(missions.text("window")) == {"07:00–15:00", "15:00–23:00", "23:00–07:00"}
    bare = Table({k: v for k, v in table.columns.items() if not k.startswith("peak")}, table.labels)
    np.testing.assert_array_equal(allocate(bare).tables["missions"]["window_end"], missions["window_end"])


def test_top_categories_hold_a_fifth_of_the_harm_each() -> None:
    missions = allocate().tables["missions"]
    parts = np.stack([missions[f] * w for f, w in zip(LABELS, WEIGHTS, strict=True)], axis=1)
    share = parts / parts.sum(axis=1, keepdims=True)
    for line, text in zip(share, missions.text("top_categories"), strict=True):
        expected = [CATEGORIES[k] for k in np.argsort(-line) if line[k] >= 0.2]
        assert text.split(", ") == expected


@pytest.mark.parametrize(
    ("parts", "named"),
    [
        ((60, 20, 20), "Robbery, Theft from Vehicle, Burglary"),
        ((61, 20, 19), "Robbery, Theft from Vehicle"),
        ((10, 9, 81), "Burglary"),
        ((45, 0, 55), "Burglary, Robbery"),
    ],
)
def test_exactly_a_fifth_is_worth_naming(parts: tuple[int, int, int], named: str) -> None:
    table = forecast()
    expected = {field: np.full(len(table), part / 1024) for field, part in zip(LABELS, parts, strict=True)}
    weights = [{"category": category, "severity": 1, "preventability": 1} for category in CATEGORIES]
    missions = allocate(with_columns(table, **expected), weights=weights).tables["missions"]
    assert set(missions.text("top_categories")) == {named}


def test_two_fields_of_one_category_both_count() -> None:
    result = allocate(labels=dict.fromkeys(LABELS, "Theft"), weights_preset="rand")
    assert len({weight["category"] for weight in result.values["weights"]}) == 3
    harm = sum(w["value"] * result.tables["missions"][f] for w, f in zip(result.values["weights"], LABELS, strict=True))
    np.testing.assert_allclose(result.tables["missions"]["harm"], harm, rtol=1e-6)


def test_districts_and_shifts_that_are_alike_draw_apart() -> None:
    """Two districts with the same cells and harm, and two shifts that start together, do not share their luck."""
    table = forecast([("01", 40), ("05", 40)])
    table = with_columns(table, harm=np.ones(len(table), np.float32), start=np.full(len(table), table["start"][0]))
    table = with_columns(table, end=table["start"] + np.timedelta64(8 * 3600, "s"))
    missions = allocate(table).tables["missions"]
    places: dict[tuple[str, str], set[tuple[int, int]]] = {}
    for shift, district, col, row in zip(
        missions.text("shift"), missions.text("district"), missions["col"], missions["row"], strict=True
    ):
        places.setdefault((shift, district), set()).add((int(col) % 8, int(row)))
    assert len(places) == 6
    assert len({frozenset(cells) for cells in places.values()}) == 6


def test_purpose_says_when_what_and_how_much() -> None:
    missions = allocate().tables["missions"]
    for text, window, top in zip(
        missions.text("purpose"), missions.text("window"), missions.text("top_categories"), strict=True
    ):
        assert text.startswith(f"Be seen here for 15 minutes between {window.replace('–', ' and ')} to deter {top[:5]}")
        assert " expected here in the shift, " in text
        assert text.endswith("times the district's average cell.")


def test_harm_is_weighed_anew_when_weights_are_given() -> None:
    table = forecast()
    rows = [{"category": c, "severity": s, "preventability": 1} for c, s in zip(CATEGORIES, (0, 0, 10), strict=True)]
    missions = allocate(table, weights=rows).tables["missions"]
    np.testing.assert_allclose(missions["harm"], 10 * missions["expected_burglary"], rtol=1e-6)
    assert set(missions.text("top_category")) == {"Burglary"}
    assert set(missions.text("top_categories")) == {"Burglary"}
    best = missions["harm"].argmax()
    assert missions["rank"][best] == 1
    assert missions["percentile"][best] == 100
    preset = allocate(table, weights_preset="rand")
    as_is = allocate(table)
    # The made-up forecast is weighed by this very preset, so both choose alike.
    assert preset.tables["missions"]["mission_id"].tolist() == as_is.tables["missions"]["mission_id"].tolist()
    np.testing.assert_array_equal(preset.tables["missions"]["col"], as_is.tables["missions"]["col"])
    assert [w["value"] for w in as_is.values["weights"]] == pytest.approx(WEIGHTS, rel=1e-4)


def test_own_rows_without_a_preset_leave_the_other_categories_as_in_the_forecast() -> None:
    result = allocate(weights=[{"category": "burglary", "severity": 0}])
    values = [weight["value"] for weight in result.values["weights"]]
    assert values == pytest.approx([*WEIGHTS[:2], 0], rel=1e-4)
    assert "Burglary" not in " ".join(result.tables["missions"].text("top_categories"))


def test_harm_that_is_no_weighted_sum_is_used_as_it_is() -> None:
    """An analyst's own harm field: nothing is said of its parts but the forecast's top category."""
    table = forecast()
    own = with_columns(table, harm=np.sqrt(table["harm"])).with_text("top_category", ["Robbery"] * len(table))
    result = allocate(own)
    assert result.values["weights"] == []
    assert set(result.tables["missions"].text("top_categories")) == {"Robbery"}


def test_the_same_inputs_and_seed_give_the_same_bytes() -> None:
    first, again = allocate(seed=5), allocate(seed=5)
    for name in ("missions", "allocation"):
        assert as_bytes(first.tables[name]) == as_bytes(again.tables[name])
    assert first.values == again.values
    assert as_bytes(first.tables["missions"]) != as_bytes(allocate(seed=6).tables["missions"])


def test_order_of_rows_and_of_labels_does_not_matter() -> None:
    table = forecast()
    mixed = table.take(np.random.default_rng(0).permutation(len(table)))
    names = list(mixed.text("district"))
    mixed = Table({k: v for k, v in mixed.columns.items() if k != "district"}, mixed.labels)
    first, other = (allocate(t).tables["missions"] for t in (table, mixed.with_text("district", names)))
    for name in first.columns:
        np.testing.assert_array_equal(first.text(name), other.text(name))


def test_one_night_more_does_not_change_the_nights_before() -> None:
    """Each shift draws from its own stream, so a longer plan begins with the shorter one."""
    table = forecast(shifts=6)
    early = table.take(table["start"] < np.datetime64("2020-01-04T05:00:00"))
    shorter, longer = (allocate(t).tables["missions"] for t in (early, table))
    assert longer["mission_id"].tolist()[: len(shorter)] == shorter["mission_id"].tolist()
    np.testing.assert_array_equal(longer["col"][: len(shorter)], shorter["col"])


def test_turnover_counts_the_cells_that_are_new_since_the_same_shift_before() -> None:
    result = allocate(forecast(shifts=9))
    missions = result.tables["missions"]
    before: dict[str, set[tuple[int, int]]] = {}
    new = later = 0
    for start in np.unique(missions["start"]):
        rows = missions.take(missions["start"] == start)
        cells = set(zip(rows["col"].tolist(), rows["row"].tolist(), strict=True))
        name = rows.text("shift")[0]
        if name in before:
            new, later = new + len(cells - before[name]), later + len(cells)
        before[name] = cells
    assert result.values["turnover"] == pytest.approx(new / later)
    assert 0 < result.values["turnover"] < 1
    assert allocate(forecast(shifts=3)).values["turnover"] is None


def test_account_counts_different_cells_and_those_in_play() -> None:
    result = allocate(forecast(shifts=9))
    missions, allocation = result.tables["missions"], result.tables["allocation"]
    mine = np.array([d == "01" for d in missions.text("district")])
    cells = len(set(zip(missions["col"][mine].tolist(), missions["row"][mine].tolist(), strict=True)))
    rows = np.array([d == "01" for d in allocation.text("district")])
    assert set(allocation["distinct_cells"][rows].tolist()) == {cells}
    assert (allocation["effective_cells"] >= allocation["missions"]).all()
    assert (allocation["effective_cells"] <= allocation["cells"]).all()
    assert (allocation["temperature"] > 0).all()


def test_cells_without_a_district_are_a_group_of_their_own() -> None:
    result = allocate(forecast([("01", 20), (None, 15)]), quotas={"no district": 2})
    missions = result.tables["missions"]
    outside = [i for i, name in enumerate(missions.text("district")) if name is None]
    assert len(outside) == 2 * 3
    assert missions["mission_id"][outside[0]] == "2020-01-03 Day 1"
    assert set(result.tables["allocation"].text("district")) == {"01", None}
    blank = forecast([("01", 20), (" ", 15)])
    assert allocate(blank, quotas={"no district": 2}).values["missions"] == 3 * 5
    none = Table({k: v for k, v in forecast().columns.items() if k != "district"}, forecast().labels)
    assert allocate(none).values["missions"] == 3 * 3


def test_too_many_missions_for_a_small_district_are_cut_with_a_sentence() -> None:
    result = allocate(forecast([("01", 40), ("Harbour", 3), ("Island", 1)]), missions_per_district=3)
    assert result.values["missions"] == 3 * (3 + 2 + 0)
    (sentence,) = result.values["warnings"]
    assert "Harbour has 3 cells, enough for 2 of 3 missions" in sentence
    assert "Island has 1 cell, enough for 0 of 3" in sentence
    assert "95 %" in sentence
    assert allocate(forecast([("Island", 1)]), missions_per_district=1, ceiling=1.0).values["missions"] == 3


def test_harm_of_zero_everywhere_is_said_and_drawn_with_equal_chances() -> None:
    table = forecast()
    zero = {field: np.zeros(len(table), np.float32) for field in (*LABELS, "harm")}
    result = allocate(with_columns(table, **zero))
    missions = result.tables["missions"]
    assert len(missions) == 27
    np.testing.assert_allclose(missions["inclusion_probability"][missions.text("district") == "01"], 3 / 40)
    assert any("no harm is expected" in sentence for sentence in result.values["warnings"])
    assert set(missions.text("top_categories")) == {""}
    assert "every cell keeps a chance" in missions.text("purpose")[0]


def test_a_share_that_the_ceiling_cannot_keep_is_said() -> None:
    result = allocate(harm_kept=1.0, ceiling=0.8)
    (sentence,) = result.values["warnings"]
    assert "9 of 9 district shifts" in sentence
    assert "80 %" in sentence
    assert 0.8 <= result.values["harm_kept"] < 1


def test_no_missions_at_all_is_a_plan_too() -> None:
    result = allocate(missions_per_district=0)
    missions = result.tables["missions"]
    assert len(missions) == 0
    assert {"mission_id", "purpose", "window", "top_categories", "order"} <= set(missions.columns)
    assert result.values["warnings"] == ["No missions were asked for, so the plan is empty."]


def test_warnings_reach_the_user_while_the_job_runs(tmp_path: Path) -> None:
    said: list[messages.Message] = []
    run({"missions_per_district": 0}, {"forecast": forecast()}, JobContext(tmp_path, said.append))
    assert [m.text for m in said if isinstance(m, messages.Warning)] == [
        "No missions were asked for, so the plan is empty."
    ]
    fractions = [m.fraction for m in said if isinstance(m, messages.Progress)]
    assert fractions == sorted(fractions)
    assert fractions[-1] == 1


def test_the_answer_survives_the_job_folder(tmp_path: Path) -> None:
    result = allocate(forecast([("01", 20), ("Island", 1)]), weights_preset="sentence_days")
    jobs.write_result(tmp_path, result)
    back = jobs.read_result(tmp_path)
    assert as_bytes(back.tables["missions"]) == as_bytes(result.tables["missions"])
    assert back.values["warnings"] == result.values["warnings"]


def test_categories_with_quotes_emoji_and_alike_names() -> None:
    table = forecast()
    names = ['Theft "auto"', "🚗 💥", "🚲 💥"]
    fields = expected_fields(names)
    columns = {k: v for k, v in table.columns.items() if k not in LABELS}
    columns |= {new: table[old] for new, old in zip(fields.values(), LABELS, strict=True)}
    renamed = Table(columns, table.labels)
    rows = [{"category": name, "severity": 1 + i, "preventability": 1} for i, name in enumerate(names)]
    result = allocate(renamed, labels={field: name for name, field in fields.items()}, weights=rows)
    assert [w["category"] for w in result.values["weights"]] == names
    assert {t for text in result.tables["missions"].text("top_categories") for t in text.split(", ")} <= set(names)


BROKEN = {
    "no rows": (lambda t: t.take(np.zeros(0, np.int64)), {}, ("no rows",)),
    "no start": (lambda t: Table({k: v for k, v in t.columns.items() if k != "start"}, t.labels), {}, ("“start”",)),
    "no shift": (lambda t: with_columns(t, shift=np.full(len(t), -1, np.int32)), {}, ("no shift",)),
    "start missing": (
        lambda t: with_columns(t, start=np.where(np.arange(len(t)) == 3, np.datetime64("NaT"), t["start"])),
        {},
        ("“start”",),
    ),
    "doubled row": (
        lambda t: t.take(np.append(np.arange(len(t)), 7)),
        {},
        ("Cell 1901E301N", "more than once", "Day of 2020-01-03"),
    ),
    "same cell in two districts": (
        lambda t: with_columns(t, district=np.arange(len(t), dtype=np.int32) % 3).take(np.append(np.arange(95), 0)),
        {},
        ("more than once",),
    ),
    "two starts of one shift": (
        lambda t: with_columns(t, start=t["start"] + (np.arange(len(t)) % 2).astype("timedelta64[s]")),
        {},
        ("“Day” of 2020-01-03", "more than one time"),
    ),
    "harm not a number": (
        lambda t: with_columns(t, harm=np.where(np.arange(len(t)) < 4, np.nan, t["harm"])),
        {},
        ("4 of 285 cells",),
    ),
    "harm negative": (lambda t: with_columns(t, harm=-t["harm"]), {}, ("285 of 285 cells", "negative")),
    "no harm": (lambda t: Table({k: v for k, v in t.columns.items() if k != "harm"}, t.labels), {}, ("not a number",)),
    "expected negative": (
        lambda t: with_columns(t, expected_robbery=-t["expected_robbery"]),
        {},
        ("“Robbery”", "285 of 285"),
    ),
    "weights without expected incidents": (
        lambda t: Table({k: v for k, v in t.columns.items() if k not in LABELS}, t.labels),
        {"weights_preset": "rand"},
        ("cannot be weighed anew",),
    ),
    "shift ends before it starts": (lambda t: with_columns(t, end=t["start"]), {}, ("ends before it starts",)),
    "unknown district": (None, {"quotas": {"99": 2, "05": 1}}, ("“99”", "01, 05, Süd")),
    "quota negative": (None, {"quotas": {"05": -2}}, ("-2 missions", "05")),
    "quota broken": (None, {"quotas": {"05": 1.5}}, ("1.5", "whole number")),
    "quota text": (None, {"quotas": {"05": "many"}}, ("many", "05")),
    "missions negative": (None, {"missions_per_district": -1}, ("-1 missions",)),
    "harm kept as percent": (None, {"harm_kept": 90}, ("9000 %",)),
    "harm kept zero": (None, {"harm_kept": 0}, ("0 %",)),
    "ceiling above one": (None, {"ceiling": 1.5}, ("150 %",)),
    "ceiling not finite": (None, {"ceiling": float("inf")}, ("inf",)),
    "dose zero": (None, {"dose_minutes": 0}, ("0 minutes",)),
    "dose longer than the shift": (None, {"dose_minutes": 500}, ("480 minutes", "“Day”")),
    "time zone": (None, {"time_zone": "Mars/Olympus"}, ("Mars/Olympus",)),
    "preset": (None, {"weights_preset": "bogus"}, ("bogus",)),
    "weights of unknown category": (
        None,
        {"weights_preset": "rand", "weights": [{"category": "Piracy", "severity": 1}]},
        ("Piracy",),
    ),
}


@pytest.mark.parametrize("case", BROKEN)
def test_what_is_wrong_is_said_in_a_sentence_with_a_remedy(case: str) -> None:
    change, parameters, words = BROKEN[case]
    table = forecast() if change is None else change(forecast())
    with pytest.raises(InputError) as error:
        allocate(table, **parameters)
    for word in words:
        assert word in str(error.value)
    assert error.value.hint
    assert "\n" not in str(error.value)


def test_no_forecast_table() -> None:
    with pytest.raises(InputError, match="No forecast"):
        run({}, {}, JobContext(Path()))


@settings(deadline=None, max_examples=40)
@given(
    sizes=st.lists(st.integers(1, 25), min_size=1, max_size=5),
    number=st.integers(0, 6),
    kept=st.floats(0.1, 1.0),
    ceiling=st.floats(0.2, 1.0),
    seed=st.integers(-(2**40), 2**40),
)
def test_any_settings_give_a_plan_that_keeps_its_own_account(
    sizes: list[int], number: int, kept: float, ceiling: float, seed: int
) -> None:
    districts = [(f"D{i}", size) for i, size in enumerate(sizes)]
    result = allocate(forecast(districts), missions_per_district=number, harm_kept=kept, ceiling=ceiling, seed=seed)
    missions, allocation = result.tables["missions"], result.tables["allocation"]
    assert len(missions) == allocation["missions"].sum()
    assert (allocation["missions"] <= number).all()
    assert (allocation["missions"] <= allocation["cells"] * ceiling + 1e-9).all()
    assert len(set(missions["mission_id"].tolist())) == len(missions)
    where = list(zip(missions["start"].tolist(), missions["col"].tolist(), missions["row"].tolist(), strict=True))
    assert len(set(where)) == len(where)
    assert (missions["inclusion_probability"] <= ceiling).all()


def test_twenty_one_districts_and_shifts_of_a_large_city_take_little_time() -> None:
    table = forecast([(f"{i:02d}", 210) for i in range(21)], 21)
    assert len(table) > 92_000
    begin = time.perf_counter()
    result = allocate(table, weights_preset="rand")
    taken = time.perf_counter() - begin
    assert result.values["missions"] == 21 * 21 * 3
    assert taken < 5.0, f"{taken:.1f} s"  # 0.3 s on an idle machine
