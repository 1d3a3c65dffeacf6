"""Shifts: what users may write, and exact tiling of the time line in every zone and year."""

from __future__ import annotations

import time
from datetime import datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from patrol_missions.core.errors import InputError
from patrol_missions.core.shifts import EVERY_DAY, Shift, parse_shifts, parse_weekdays
from patrol_missions.engine.data.shifts import ShiftPlan
from patrol_missions.engine.data.zones import zone

ZONES = [
    "America/New_York",
    "America/St_Johns",
    "America/Havana",
    "America/Sao_Paulo",
    "America/Nuuk",
    "Europe/London",
    "Europe/Dublin",
    "Africa/Casablanca",
    "Africa/Cairo",
    "Asia/Kathmandu",
    "Asia/Beirut",
    "Asia/Tehran",
    "Australia/Lord_Howe",
    "Pacific/Apia",
    "Pacific/Auckland",
    "UTC",
]
SHORT = settings(max_examples=120, deadline=None)
zones_st = st.sampled_from(ZONES)
moments_st = st.integers(
    int(datetime(1995, 1, 1, tzinfo=timezone.utc).timestamp()),
    int(datetime(2035, 1, 1, tzinfo=timezone.utc).timestamp()),
)
edges_st = st.lists(st.integers(0, 1439), min_size=1, max_size=6, unique=True).map(sorted)


def clock(minutes: int) -> str:
    return f"{minutes // 60:02d}:{minutes % 60:02d}"


def tiling(edges: list[int]) -> tuple[Shift, ...]:
    following = edges[1:] + edges[:1]
    return tuple(Shift(f"S{i}", clock(a), clock(b)) for i, (a, b) in enumerate(zip(edges, following)))


def slow_to_utc(wall: datetime, name: str) -> datetime:
    """First moment at which the clock of the zone shows ``wall`` or later, by zoneinfo alone."""
    info = ZoneInfo(name)
    guess = wall.replace(tzinfo=info, fold=0).astimezone(timezone.utc)
    if guess.astimezone(info).replace(tzinfo=None) == wall:
        return guess
    low, high = guess - timedelta(hours=30), guess + timedelta(hours=30)
    while high - low > timedelta(seconds=1):
        middle = (low + (high - low) / 2).replace(microsecond=0)
        low, high = (low, middle) if middle.astimezone(info).replace(tzinfo=None) >= wall else (middle, high)
    return high


def as_datetime(value: np.datetime64) -> datetime:
    return value.astype("datetime64[s]").item().replace(tzinfo=timezone.utc)


@SHORT
@given(zones_st, moments_st)
def test_local_time_is_what_zoneinfo_says(name: str, seconds: int) -> None:
    moment = np.array([seconds], dtype="datetime64[s]")
    local = zone(name).to_local(moment)[0]
    assert local.item() == datetime.fromtimestamp(seconds, ZoneInfo(name)).replace(tzinfo=None)


@SHORT
@given(zones_st, moments_st, st.integers(-180, 180))
def test_wall_time_becomes_its_first_showing_or_the_clock_change(name: str, seconds: int, near: int) -> None:
    table = zone(name)
    # Half of the draws lie within three hours of a clock change, where it matters.
    change = (
        table.changes[np.searchsorted(table.changes, seconds) % max(len(table.changes), 1)]
        if len(table.changes)
        else seconds
    )
    for base in (seconds, int(change)):
        wall = (datetime(1970, 1, 1) + timedelta(seconds=base, minutes=near)).replace(second=0)
        wall += timedelta(seconds=int(table.offsets[-1]))
        found = table.to_utc(np.array([wall], dtype="datetime64[s]"))[0]
        assert as_datetime(found) == slow_to_utc(wall, name)


@pytest.mark.parametrize("name", ZONES)
def test_later_wall_times_never_come_before_earlier_ones(name: str) -> None:
    wall = np.arange("2010-01-01", "2013-01-01", 7 * 60, dtype="datetime64[s]")
    utc = zone(name).to_utc(wall)
    assert (np.diff(utc.astype(np.int64)) >= 0).all()
    shown = zone(name).to_local(utc)
    assert np.array_equal(shown != wall, zone(name).skipped(wall))
    assert (shown >= wall).all()


def test_missing_times_stay_missing() -> None:
    none = np.array(["NaT", "2020-07-01T12:00:00"], dtype="datetime64[s]")
    berlin = zone("Europe/Berlin")
    assert np.isnat(berlin.to_utc(none)).tolist() == [True, False]
    assert np.isnat(berlin.to_local(none)).tolist() == [True, False]
    assert berlin.skipped(none).tolist() == [False, False]


def test_skipped_and_repeated_times_of_new_york() -> None:
    east = zone("America/New_York")
    wall = np.array(["2020-03-08T02:30:00", "2020-03-08T03:00:00", "2020-11-01T01:30:00"], dtype="datetime64[s]")
    assert east.to_utc(wall).astype(str).tolist() == [
        "2020-03-08T07:00:00",
        "2020-03-08T07:00:00",
        "2020-11-01T05:30:00",
    ]
    assert east.skipped(wall).tolist() == [True, False, False]


@SHORT
@given(zones_st, edges_st, moments_st, st.integers(1, 400))
def test_abutting_shifts_tile_the_time_line(name: str, edges: list[int], seconds: int, days: int) -> None:
    first = np.datetime64(seconds, "s")
    last = first + np.timedelta64(days, "D")
    found = ShiftPlan(tiling(edges), name).instances(first, last)
    assert (found.end[:-1] == found.start[1:]).all()
    assert found.start[0] <= first < found.end[0]
    assert found.start[-1] < last <= found.end[-1]
    assert (found.exposure_hours > 0).all()
    elapsed = (found.end[-1] - found.start[0]).astype(np.int64) / 3600
    assert found.exposure_hours.sum() == pytest.approx(elapsed, abs=1e-6)


@SHORT
@given(zones_st, st.integers(0, 1439), st.integers(0, 1439), st.sets(st.integers(0, 6), min_size=1), moments_st)
def test_a_moment_is_in_exactly_the_shifts_whose_wall_span_holds_it(
    name: str, start: int, end: int, days: set[int], seconds: int
) -> None:
    shift = Shift("X", clock(start), clock(end), tuple(sorted(days)))
    plan = ShiftPlan((shift,), name)
    moment = np.datetime64(seconds, "s")
    found = plan.instances(moment, moment + np.timedelta64(1, "s"))
    local = datetime.fromtimestamp(seconds, ZoneInfo(name))
    day_before = (local - timedelta(hours=2)).utcoffset(), (local + timedelta(hours=2)).utcoffset()
    if day_before[0] != day_before[1]:
        return  # within a repeated hour the first showing counts; the test above pins that rule
    wall = local.replace(tzinfo=None)
    expected = []
    for back in (0, 1):
        date = (wall - timedelta(days=back)).replace(hour=0, minute=0, second=0)
        begin = date + timedelta(minutes=start)
        finish = begin + timedelta(minutes=shift.length_minutes)
        if date.weekday() in days and begin <= wall < finish:
            expected.append(date)
    held = (found.start <= moment) & (moment < found.end)
    assert [value.item() for value in found.date[held]] == expected


@SHORT
@given(zones_st, edges_st, moments_st)
def test_operational_date_is_the_local_date_of_the_start(name: str, edges: list[int], seconds: int) -> None:
    first = np.datetime64(seconds, "s")
    plan = ShiftPlan(tiling(edges), name)
    found = plan.instances(first, first + np.timedelta64(40, "D"))
    wall = found.date + np.array([shift.start_minutes * 60 for shift in plan.shifts])[found.shift]
    regular = ~plan.zone.skipped(wall)
    local_date = plan.zone.to_local(found.start).astype("datetime64[D]")
    assert (local_date[regular] == found.date[regular].astype("datetime64[D]")).all()
    assert len(set(zip(found.shift.tolist(), found.date.tolist()))) == len(found)


def test_days_of_23_and_25_hours() -> None:
    plan = ShiftPlan((Shift("All", "00:00", "00:00"),), "America/New_York")
    year = plan.instances(np.datetime64("2020-01-01T05:00"), np.datetime64("2021-01-01T05:00"))
    hours = dict(zip(year.date.astype("datetime64[D]").astype(str).tolist(), year.exposure_hours.tolist()))
    assert len(year) == 366
    assert {day: h for day, h in hours.items() if h != 24} == {"2020-03-08": 23.0, "2020-11-01": 25.0}
    lord_howe = ShiftPlan((Shift("All", "00:00", "00:00"),), "Australia/Lord_Howe")
    half = lord_howe.instances(np.datetime64("2020-01-01"), np.datetime64("2021-01-01")).exposure_hours
    assert sorted(set(half.tolist())) == [23.5, 24.0, 24.5]


def test_a_day_that_apia_skipped_has_no_shifts_and_no_hole() -> None:
    plan = ShiftPlan(
        parse_shifts([{"name": "Day", "start": "8", "end": "20"}, {"name": "Night", "start": "20", "end": "8"}]),
        "Pacific/Apia",
    )
    found = plan.instances(np.datetime64("2011-12-28"), np.datetime64("2012-01-02"))
    assert (found.end[:-1] == found.start[1:]).all()
    days = found.date[found.shift == 0].astype("datetime64[D]").astype(str).tolist()
    assert "2011-12-29" in days and "2011-12-30" not in days and "2011-12-31" in days


def test_overlapping_shifts_and_weekday_masks() -> None:
    plan = ShiftPlan(
        parse_shifts(
            [
                {"name": "Day", "start": "07:00", "end": "19:00"},
                {"name": "Night", "start": "19:00", "end": "07:00"},
                {"name": "Power", "start": "18:00", "end": "02:00", "weekdays": "Fri-Sat"},
            ]
        ),
        "Europe/London",
    )
    week = plan.instances(np.datetime64("2023-01-02T07:00"), np.datetime64("2023-01-09T07:00"))
    assert np.bincount(week.shift).tolist() == [7, 7, 2]
    assert (np.diff(week.start.astype(np.int64)) >= 0).all()
    power = week.date[week.shift == 2].astype("datetime64[D]").astype(str).tolist()
    assert power == ["2023-01-06", "2023-01-07"]


def test_following_shifts_start_at_or_after_the_moment() -> None:
    plan = ShiftPlan(tiling([7 * 60, 15 * 60, 23 * 60]), "America/New_York")
    moment = np.datetime64("2020-03-07T12:00:00")  # 07:00 local: a shift starts at that very moment
    found = plan.following(moment, 21)
    assert len(found) == 21 and found.start[0] == moment
    assert len(plan.following(moment + np.timedelta64(1, "s"), 400)) == 400
    seldom = ShiftPlan((Shift("Sunday", "10:00", "12:00", (6,)),), "UTC")
    assert len(seldom.following(moment, 60)) == 60
    assert len(seldom.following(moment, 0)) == 0


def test_a_year_of_shifts_takes_milliseconds() -> None:
    plan = ShiftPlan(tiling([0, 8 * 60, 16 * 60]), "America/New_York")
    begin = time.process_time()
    for _ in range(10):
        plan.instances(np.datetime64("2019-01-01"), np.datetime64("2020-01-01"))
    assert (time.process_time() - begin) / 10 < 0.05


@pytest.mark.parametrize(
    ("text", "days"),
    [
        ("", EVERY_DAY),
        ("Mon-Fri", (0, 1, 2, 3, 4)),
        ("Sat,Sun", (5, 6)),
        ("Fri-Mon", (0, 4, 5, 6)),
        ("Fri – Mon", (0, 4, 5, 6)),
        ("monday TO friday", (0, 1, 2, 3, 4)),
        ("Mon Wed Fri", (0, 2, 4)),
        ("tue, THURS & Sa", (1, 3, 5)),
        ("Tue Thu-Sat", (1, 3, 4, 5)),
        ("weekends", (5, 6)),
        ("Wed", (2,)),
        ("Mon-Sun", EVERY_DAY),
    ],
)
def test_weekdays_as_people_write_them(text: str, days: tuple[int, ...]) -> None:
    assert parse_weekdays(text) == days


@pytest.mark.parametrize("text", ["Mon-Wed-Fri", "Lun-Ven", "S", "T", "1-5", "-", ",", "Mon-"])
def test_weekdays_that_cannot_be_understood(text: str) -> None:
    with pytest.raises(InputError, match="weekdays of shift “Late” read"):
        parse_shifts([{"name": "Late", "start": "15:00", "end": "23:00", "weekdays": text}])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("7:00", "07:00"),
        ("0730", "07:30"),
        ("23", "23:00"),
        ("07:00:00", "07:00"),
        ("7 PM", "19:00"),
        ("12 am", "00:00"),
        ("12:30pm", "12:30"),
    ],
)
def test_times_as_people_write_them(text: str, expected: str) -> None:
    assert parse_shifts([{"name": "A", "start": text, "end": "24:00"}])[0] == Shift("A", expected, "00:00")


@pytest.mark.parametrize("text", ["", "25:00", "7:60", "13 pm", "0 am", "noon", "24:00", "07:30:15", "-1:00"])
def test_times_that_are_none(text: str) -> None:
    with pytest.raises(InputError, match="start of shift “Early”"):
        parse_shifts([{"name": "Early", "start": text, "end": "12:00"}])


def test_sentences_for_bad_shift_tables() -> None:
    row = {"name": "Night", "start": "22:00", "end": "06:00"}
    with pytest.raises(InputError, match="Shift 2 has no name"):
        parse_shifts([row, {"name": " ", "start": "06:00", "end": "14:00"}])
    with pytest.raises(InputError, match="Two shifts are called “night”"):
        parse_shifts([row, {**row, "name": "night"}])
    assert len(parse_shifts([row, {"name": "", "start": "", "end": ""}, {"name": None}])) == 1
    with pytest.raises(InputError, match="no shifts"):
        ShiftPlan((), "UTC")
    with pytest.raises(InputError, match="no time zone called “Mars/Olympus”"):
        ShiftPlan(parse_shifts([row]), "Mars/Olympus")
    with pytest.raises(InputError, match="time zone"):
        zone("../../etc/passwd")
    with pytest.raises(InputError, match="missing"):
        ShiftPlan(parse_shifts([row]), "UTC").instances(np.datetime64("NaT"), np.datetime64("2020-01-01"))


def test_midnight_to_midnight_is_24_hours_and_wrapping_shifts_cross_it() -> None:
    assert Shift("All", "00:00", "00:00").length_minutes == 1440
    assert Shift("Night", "23:00", "07:00").length_minutes == 480
    assert Shift("Odd", "06:00", "06:01").length_minutes == 1
