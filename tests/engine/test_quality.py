"""The check of an incident table finds each fault by itself, keeps quiet where there is none, and judges the whole."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from incident_makers import SIZE_M, ZONE, as_table, check, clean_columns, findings, square_cells

from patrol_missions.core.errors import InputError
from patrol_missions.core.tables import Table
from patrol_missions.engine.data.zones import zone

NAT = np.datetime64("NaT", "s")


def test_a_clean_record_is_fit_and_nothing_is_made_up(tmp_path: Path) -> None:
    result = check(clean_columns(), tmp_path)
    found = findings(result)
    assert result.values["verdict"] == "ok", result.values["sentence"]
    assert {f["severity"] for f in found.values()} <= {"good", "note"}
    assert set(found) - {"Outside the cells"} == {"Geocoding", "Time zone", "Enough to learn from"}
    assert result.values["rows_read"] == result.values["rows_kept"] == 6000


def test_the_clean_table_has_the_contract_and_nothing_about_persons(tmp_path: Path) -> None:
    columns = clean_columns(500)
    columns["victim_name"] = np.array(["Jane"] * 500)
    table = check(columns, tmp_path).tables["incidents"]
    assert list(table.columns) == [
        "x",
        "y",
        "category",
        "start",
        "end",
        "reported",
        "time_known",
        "source_row",
        "event_id",
        "category_raw",
        "start_local",
        "district",
        "col",
        "row",
    ]
    assert set(table.text("category")) == {"Robbery", "Burglary", "Theft", "Motor vehicle theft"}
    assert set(table.text("category_raw")) == {"Robbery", "Burglary", "Theft", "Motor Vehicle Theft"}
    assert (np.floor(table["x"] / SIZE_M) == table["col"]).all() and (
        np.floor(table["y"] / SIZE_M) == table["row"]
    ).all()
    assert ((table["col"] >= 410) == (table.text("district") == "East")).all()
    rows = table["source_row"]
    assert table["event_id"].tolist() == rows.astype(str).tolist()
    assert (zone(ZONE).to_local(table["start"]) == columns["start"][rows]).all()
    assert table["start_local"].tolist() == [str(t)[:16].replace("T", " ") for t in columns["start"][rows]]
    assert np.isnat(table["end"]).all() and np.isnat(table["reported"]).all() and table["time_known"].all()


@pytest.mark.parametrize(("lost", "verdict"), [(0.10, "ok"), (0.13, "ok"), (0.16, "stop"), (1.0, "stop")])
def test_the_geocoding_rate_decides(tmp_path: Path, lost: float, verdict: str) -> None:
    columns = clean_columns()
    gone = np.random.default_rng(1).permutation(6000)[: round(6000 * lost)]
    for name in ("x", "y", "raw_x", "raw_y"):
        columns[name][gone] = np.nan
    result = check(columns, tmp_path)
    assert result.values["verdict"] == verdict
    assert findings(result)["Geocoding"]["rows"] == len(gone)
    if lost == 1.0:
        assert "None of the 6,000 rows of the types in use has a usable place." in result.values["sentence"]
    assert check(columns, tmp_path, minimum_geocoding_rate=0).values["verdict"] == ("ok" if lost < 1 else "stop")


def test_rates_by_type_and_by_the_sources_district(tmp_path: Path) -> None:
    columns = clean_columns()
    columns["district"] = np.where(columns["x"] < 101_000, "1st", "2nd").astype(object)
    lost = (columns["district"] == "1st") & (np.arange(6000) % 2 == 0)
    lost |= (columns["category"] == "Burglary") & (np.arange(6000) % 6 == 0)
    columns["raw_x"][lost] = columns["x"][lost] = np.nan
    found = findings(check(columns, tmp_path))
    assert (
        "1st (" in found["Geocoding by district"]["finding"] and "2nd" not in found["Geocoding by district"]["finding"]
    )
    assert (
        "Burglary (" in found["Geocoding by crime type"]["finding"]
        and "Robbery" not in found["Geocoding by crime type"]["finding"]
    )


def test_null_island_far_away_and_outside(tmp_path: Path) -> None:
    columns = clean_columns()
    columns["raw_x"][:10], columns["raw_y"][:10] = 0.0, 0.0
    columns["raw_y"][10:15] = -1.0
    columns["raw_x"][15:18] = 0.0
    columns["x"][20:27] += 300_000
    columns["x"][27:29] = np.nan  # a coordinate that the grid's system cannot show
    columns["x"][30:60] = 105_100 + np.arange(30)
    found = findings(check(columns, tmp_path))
    assert (found["Null island"]["rows"], found["Far away"]["rows"], found["Outside the cells"]["rows"]) == (18, 9, 30)
    assert found["Null island"]["severity"] == "caution"


def test_a_wrong_coordinate_system_stops(tmp_path: Path) -> None:
    columns = clean_columns()
    columns["x"] += 4000  # most points fall beside the grid
    result = check(columns, tmp_path)
    assert result.values["verdict"] == "stop" and "lie outside the planned cells" in result.values["sentence"]
    columns["x"] += 1e6
    assert check(columns, tmp_path).values["verdict"] == "stop"


def snapped(n: int = 20_000) -> dict[str, object]:
    columns = clean_columns(n)
    for name in ("x", "raw_x"):
        columns[name] = np.round(columns[name] / 125) * 125 + 1
    for name in ("y", "raw_y"):
        columns[name] = np.round(columns[name] / 125) * 125 + 1
    columns["category"] = np.random.default_rng(9).choice(
        np.array(["Theft", "Robbery", "Burglary", "Motor Vehicle Theft", "Fraud", "Other Assaults"], dtype=object), n
    )
    return columns


def test_points_snapped_to_blocks_are_no_pile_ups(tmp_path: Path) -> None:
    found = findings(check(snapped(), tmp_path))
    assert "Pile-up" not in found and "Bogus geocode" not in found


def test_a_police_station_and_a_default_geocode(tmp_path: Path) -> None:
    columns = snapped()
    station, default = np.arange(600), np.arange(5000, 5400)
    for names, value in ((("x", "raw_x"), 102_626.0), (("y", "raw_y"), 202_626.0)):
        for name in names:
            columns[name][station] = value  # type: ignore[index]
    columns["category"][station] = "Fraud"  # type: ignore[index]
    for name, value in (("x", 107_000.0), ("raw_x", 107_000.0), ("y", 207_000.0), ("raw_y", 207_000.0)):
        columns[name][default] = value  # type: ignore[index]
    result = check(columns, tmp_path)
    found = findings(result)
    assert abs(found["Pile-up"]["rows"] - 600) < 40 and "102626, 202626" in found["Pile-up"]["finding"]
    assert found["Bogus geocode"]["rows"] == 400 and "107000, 207000" in found["Bogus geocode"]["finding"]
    assert found["Geocoding"]["rows"] >= 200  # rows at the default do not count as geocoded
    assert not np.isin(default, result.tables["incidents"]["source_row"]).any()


def test_repeated_rows_ids_and_several_victims(tmp_path: Path) -> None:
    columns = clean_columns()
    for values in columns.values():
        values[1:4] = values[0]  # the same row four times
        values[11:13] = values[10]
    columns["event_id"][11:13] = (-5, -6)  # three victims of one event
    columns["event_id"][21] = columns["event_id"][20]  # a report with two offences
    result = check(columns, tmp_path)
    found = findings(result)
    assert (
        found["Rows repeated"]["rows"],
        found["One event, several rows"]["rows"],
        found["Repeated ids"]["rows"],
    ) == (3, 2, 1)
    assert result.values["rows_kept"] == 6000 - 5
    assert {0, 10, 20, 21} <= set(result.tables["incidents"]["source_row"].tolist())


def test_same_day_and_place_is_not_one_event_when_the_time_is_unknown(tmp_path: Path) -> None:
    columns = clean_columns()
    columns["start"] = columns["start"].astype("datetime64[D]").astype("datetime64[s]")
    for name in ("x", "raw_x", "y", "raw_y", "category", "start"):
        columns[name][1:5] = columns[name][0]
    assert check(columns, tmp_path).values["rows_kept"] == 6000


def test_midnight_and_noon_stand_for_unknown_in_the_types_that_use_them_so(tmp_path: Path) -> None:
    columns = clean_columns()
    burglary = np.flatnonzero(columns["category"] == "Burglary")
    columns["start"][burglary[::3]] = columns["start"][burglary[::3]].astype("datetime64[D]")
    theft = np.flatnonzero(columns["category"] == "Theft")[:200]
    columns["start"][theft] = columns["start"][theft].astype("datetime64[D]") + np.timedelta64(12, "h")
    result = check(columns, tmp_path)
    found, table = findings(result), result.tables["incidents"]
    assert "Burglary (" in found["Midnight spike"]["finding"] and "Robbery" not in found["Midnight spike"]["finding"]
    assert "Theft (" in found["Noon spike"]["finding"]
    unknown = ~table["time_known"]
    local = zone(ZONE).to_local(table["start"][unknown])
    assert (local == local.astype("datetime64[D]")).all()
    assert {len(text) for text in table["start_local"][unknown].tolist()} == {10}
    assert unknown.sum() == pytest.approx(len(burglary) / 3 + 200, abs=15)
    robbery = table.text("category") == "Robbery"
    assert table["time_known"][robbery].all()


def test_times_rounded_to_the_hour_are_no_spikes(tmp_path: Path) -> None:
    columns = clean_columns()
    columns["start"] = columns["start"].astype("datetime64[h]").astype("datetime64[s]")
    found = findings(check(columns, tmp_path))
    assert "Midnight spike" not in found and "Noon spike" not in found and found["Full hours"]["severity"] == "note"


@pytest.mark.parametrize("as_text", [True, False])
def test_dates_only(tmp_path: Path, as_text: bool) -> None:
    columns = clean_columns()
    days = columns["start"].astype("datetime64[D]")
    columns["start"] = days.astype(str).astype("<U10") if as_text else days.astype("datetime64[s]")
    result = check(columns, tmp_path, times_are="utc" if as_text else "local")
    found, table = findings(result), result.tables["incidents"]
    assert "Shifts of one day cannot be told apart" in found["Date only"]["finding"]
    assert not table["time_known"].any() and result.values["verdict"] == "caution"
    assert (zone(ZONE).to_local(table["start"]) == days[table["source_row"]]).all()


def test_utc_read_as_local_is_noticed_and_read_as_utc_is_right(tmp_path: Path) -> None:
    columns = clean_columns(40_000)
    columns["start"] = zone(ZONE).to_utc(columns["start"])
    wrong = findings(check(columns, tmp_path))
    assert wrong["Time zone"]["severity"] == "caution" and "Read as UTC, it would be" in wrong["Time zone"]["finding"]
    assert findings(check(columns, tmp_path, times_are="utc"))["Time zone"]["severity"] == "good"


def test_the_hour_that_clocks_skip_betrays_utc(tmp_path: Path) -> None:
    columns = clean_columns(40_000)
    gap = np.datetime64("2023-03-12T02:10:00") + np.arange(15) * 60
    columns["start"][:15], columns["start"][100:115], columns["start"][200:215] = (
        gap,
        gap + np.timedelta64(7, "D"),
        gap - np.timedelta64(7, "D"),
    )
    found = findings(check(columns, tmp_path))
    assert found["Skipped hour"]["severity"] == "caution" and found["Skipped hour"]["rows"] == 15


def test_midnight_of_the_sources_utc_clock_keeps_its_date(tmp_path: Path) -> None:
    columns = clean_columns()
    utc = zone(ZONE).to_utc(columns["start"])
    robbery = columns["category"] == "Robbery"
    written = columns["start"].astype("datetime64[D]")
    columns["start"] = np.where(robbery, written.astype("datetime64[s]"), utc)
    result = check(columns, tmp_path, times_are="utc")
    table = result.tables["incidents"]
    mine = table.text("category") == "Robbery"
    assert not table["time_known"][mine].any() and table["time_known"][~mine].all()
    assert (zone(ZONE).to_local(table["start"][mine]) == written[table["source_row"][mine]]).all()


def test_future_and_stray_dates_are_left_out(tmp_path: Path) -> None:
    columns = clean_columns()
    columns["start"][:4] = np.datetime64("2199-01-01T10:10:00")
    columns["start"][4:9] = np.datetime64("1900-01-01T03:04:05") + np.arange(5) * 86_400 * 400
    result = check(columns, tmp_path)
    found = findings(result)
    assert (found["Future dates"]["rows"], found["Stray dates"]["rows"]) == (4, 5)
    assert result.values["rows_kept"] == 5991 and result.values["first_date"] >= "2021-05-01"


def test_gaps_weak_months_an_incomplete_end_and_level_shifts(tmp_path: Path) -> None:
    columns = clean_columns(40_000)
    day = columns["start"].astype("datetime64[D]")
    month = day.astype("datetime64[M]").astype(str)
    keep = ~np.isin(day.astype(str), ["2023-04-03", "2023-04-04"])
    keep &= (month != "2022-11") | (np.arange(40_000) % 3 == 0)
    keep &= (day < np.datetime64("2024-05-18")) | (np.arange(40_000) % 4 == 0)
    keep &= (columns["category"] != "Theft") | (day > np.datetime64("2022-12-01")) | (np.arange(40_000) % 2 == 0)
    found = findings(check({name: values[keep] for name, values in columns.items()}, tmp_path))
    assert (
        "2 days have no rows" in found["Empty days"]["finding"]
        and "2023-04-03, 2023-04-04" in found["Empty days"]["finding"]
    )
    assert "2022-11" in found["Weak months"]["finding"] and "1 month holds" in found["Weak months"]["finding"]
    assert "newest two weeks" in found["Newest days"]["finding"]
    assert "Theft" in found["Level shifts"]["finding"] and "Robbery" not in found["Level shifts"]["finding"]


def test_surges_and_first_days(tmp_path: Path) -> None:
    columns = clean_columns(20_000)
    burglary = np.flatnonzero(columns["category"] == "Burglary")
    columns["start"][burglary[:400]] = np.datetime64("2023-06-01T10:00:00") + np.arange(400) * 6000
    theft = np.flatnonzero(columns["category"] == "Theft")[:1500]
    columns["start"][theft] = (
        columns["start"][theft].astype("datetime64[M]").astype("datetime64[s]") + np.arange(1500) % 900 * 60 + 36_060
    )
    found = findings(check(columns, tmp_path))
    assert "Burglary 2023-06" in found["Surges"]["finding"]
    assert found["First of the month"]["rows"] > 1500


def test_intervals_and_report_lag(tmp_path: Path) -> None:
    columns = clean_columns()
    rng = np.random.default_rng(2)
    end = columns["start"] + (rng.exponential(6, 6000) * 3600).astype(np.int64)
    end[:50] = columns["start"][:50] - 7200
    end[50:100] = columns["start"][50:100] + 10 * 86_400
    end[100:3000] = NAT
    reported = np.where(np.isnat(end), columns["start"], end) + rng.integers(0, 3 * 86_400, 6000)
    reported[:100] = columns["start"][:100] - 5 * 86_400
    columns.update(end=end, reported=reported)
    result = check(columns, tmp_path)
    found, table = findings(result), result.tables["incidents"]
    assert found["Intervals"]["rows"] == 3100 and "50 over a week" in found["Intervals"]["finding"]
    assert found["Swapped ends"]["rows"] == 50 and found["Reported too early"]["rows"] == 100
    assert "nine of ten within" in found["Report lag"]["finding"]
    given = ~np.isnat(table["end"])
    assert (table["end"][given] >= table["start"][given]).all() and given.sum() == 3100


def test_a_bare_end_date_means_the_end_of_that_day(tmp_path: Path) -> None:
    columns = clean_columns()
    columns["end"] = columns["start"].astype("datetime64[D]").astype(str).astype("<U10")
    result = check(columns, tmp_path)
    assert "Swapped ends" not in findings(result)
    local_end = zone(ZONE).to_local(result.tables["incidents"]["end"])
    assert (local_end == columns["start"].astype("datetime64[D]") + 1).all()


@pytest.mark.parametrize(
    "pattern", ["%Y-%m-%d %H:%M:%S", "%m/%d/%Y %I:%M:%S %p", "%d/%m/%Y %H:%M", "%d.%m.%Y %H:%M", "%Y%m%d%H%M"]
)
def test_text_dates_of_five_formats(tmp_path: Path, pattern: str) -> None:
    columns = clean_columns()
    written = columns["start"].copy()
    columns["start"] = np.array([moment.strftime(pattern) for moment in written.tolist()])
    result = check(columns, tmp_path)
    assert result.values["rows_kept"] == 6000 and findings(result)["Date format"]["severity"] == "good"
    table = result.tables["incidents"]
    assert (
        zone(ZONE).to_local(table["start"]).astype("datetime64[m]")
        == written[table["source_row"]].astype("datetime64[m]")
    ).all()


def test_ambiguous_and_unreadable_dates(tmp_path: Path) -> None:
    columns = clean_columns()
    columns["start"] = np.array(["03/04/2023 10:11"] * 6000)
    assert "month/day/year was taken" in findings(check(columns, tmp_path))["Date format"]["finding"]
    columns["start"] = np.array(["sometime"] * 5999 + [""])
    result = check(columns, tmp_path)
    assert result.values["verdict"] == "stop"
    assert "None of the 6,000 dates can be understood, such as “sometime”" in result.values["sentence"]
    good = clean_columns()
    text = good["start"].astype(str)
    text[::4] = "n.d. 1"
    good["start"] = text
    result = check(good, tmp_path)
    assert result.values["verdict"] == "stop" and "1,500 dates cannot be understood" in result.values["sentence"]


def test_no_rows_and_one_row(tmp_path: Path) -> None:
    for n, sentence in ((0, "The incident layer has no rows."), (1, "Only 1 usable row is left")):
        columns = {name: values[:n] for name, values in clean_columns().items()}
        result = check(columns, tmp_path)
        assert result.values["verdict"] == "stop" and sentence in result.values["sentence"]
        assert result.values["rows_kept"] == len(result.tables["incidents"]) == n
        assert sentence in (tmp_path / "report.html").read_text(encoding="utf-8")


def test_a_short_history(tmp_path: Path) -> None:
    columns = clean_columns()
    late = columns["start"] > np.datetime64("2023-09-01")
    assert "less than a year" in check({k: v[late] for k, v in columns.items()}, tmp_path).values["sentence"]
    late = columns["start"] > np.datetime64("2023-01-01")
    assert check({k: v[late] for k, v in columns.items()}, tmp_path).values["verdict"] == "caution"


def test_all_categories_off_and_a_saved_map(tmp_path: Path) -> None:
    columns = clean_columns()
    types = ["Robbery", "Burglary", "Theft", "Motor Vehicle Theft"]
    off = [{"raw": raw, "category": raw, "use": "no", "reason": "not ours"} for raw in types]
    result = check(columns, tmp_path, category_map=off)
    assert (
        result.values["verdict"] == "stop" and "No row is of a crime type that is in use." in result.values["sentence"]
    )
    assert len(result.tables["incidents"]) == 0
    result = check(columns, tmp_path, category_map=[{**off[2], "use": "yes", "category": "Stealing"}, off[0], off[1]])
    assert list(result.values["categories"]) == ["Stealing", "Motor vehicle theft"]
    assert "Motor Vehicle Theft (" in findings(result)["New types"]["finding"]


def test_missing_types_enforcement_and_unknown_ones_are_named(tmp_path: Path) -> None:
    columns = clean_columns()
    columns["category"][:60] = None
    columns["category"][60:160] = "Narcotics"
    columns["category"][160:900] = "code 17"
    result = check(columns, tmp_path)
    found = findings(result)
    assert found["No type"]["rows"] == 60 and found["No type"]["severity"] == "note"
    assert "Narcotics (100)" in found["Enforcement-driven types"]["finding"]
    assert found["Unknown types"]["rows"] == 740 and found["Unknown types"]["severity"] == "caution"
    table = result.tables["category_map"]
    lines = {raw: (use, reason) for raw, use, reason in zip(table.text("raw"), table.text("use"), table.text("reason"))}
    assert lines["Narcotics"][0] == "no" and lines["Robbery"] == ("yes", "") and "" in lines
    mine = [{"raw": "Narcotics", "category": "Drugs", "use": "yes", "reason": "Residents' calls only."}]
    again = check(columns, tmp_path, category_map=mine)
    assert "by your choice" in findings(again)["Enforcement-driven types in use"]["finding"]
    assert "Residents' calls only." in (tmp_path / "report.html").read_text(encoding="utf-8")


def test_a_thousand_types_with_quotes_and_emoji(tmp_path: Path) -> None:
    columns = clean_columns()
    columns["category"] = np.array([f"🚔 \"type\" <b>{i % 1000}</b> & 'co'" for i in range(6000)], dtype=object)
    columns["category"][:3000] = "Robbery “armed” <script>alert(1)</script>"
    result = check(columns, tmp_path)
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert len(result.tables["category_map"]) == 1001 and result.values["rows_kept"] == 3000
    assert (
        "<script" not in page and "<b>" not in page and "&lt;script&gt;alert(1)&lt;/script&gt;" in page and "🚔" in page
    )


def test_sentences_for_wrong_settings(tmp_path: Path) -> None:
    columns = clean_columns(10)
    with pytest.raises(InputError, match="no time zone"):
        check(columns, tmp_path, time_zone="Chicago")
    with pytest.raises(InputError, match="“mars”"):
        check(columns, tmp_path, times_are="mars")
    with pytest.raises(InputError, match="120 %"):
        check(columns, tmp_path, minimum_geocoding_rate=120)
    with pytest.raises(InputError, match="no cells"):
        check(columns, tmp_path, cells=square_cells().take(np.zeros(400, dtype=bool)))
    del columns["start"]
    with pytest.raises(InputError, match="no column “start”"):
        check(columns, tmp_path)


def test_the_page_stands_alone_and_is_the_same_every_time(tmp_path: Path) -> None:
    columns = clean_columns()
    columns["district"] = np.where(columns["x"] < 101_000, "1st", "2nd").astype(object)
    columns["raw_x"][:20] = np.nan
    check(columns, tmp_path)
    first = (tmp_path / "report.html").read_text(encoding="utf-8")
    check(columns, tmp_path)
    assert (tmp_path / "report.html").read_text(encoding="utf-8") == first
    assert first.count("<svg") == 3 and "prefers-color-scheme:dark" in first and "@media print" in first
    assert "<script" not in first and "src=" not in first and 'href="http' not in first
    assert "#010203" not in first


def test_rows_are_the_same_whatever_their_order(tmp_path: Path) -> None:
    columns = clean_columns()
    columns["raw_x"][:40] = 0.0
    order = np.random.default_rng(3).permutation(6000)
    straight = check(columns, tmp_path)
    shuffled = check({name: values[order] for name, values in columns.items()}, tmp_path)
    assert straight.values["sentence"] == shuffled.values["sentence"]
    assert {k: v["rows"] for k, v in findings(straight).items()} == {
        k: v["rows"] for k, v in findings(shuffled).items()
    }
    assert isinstance(as_table(columns), Table)


def test_spellings_of_one_type_are_one_line_of_the_map(tmp_path: Path) -> None:
    columns = clean_columns()
    columns["category"][::50] = "  theft "
    table = check(columns, tmp_path).tables["category_map"]
    assert sorted(table.text("raw")) == ["Burglary", "Motor Vehicle Theft", "Robbery", "Theft"]
    assert table["rows"].sum() == 6000
