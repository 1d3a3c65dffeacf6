"""Dates out of text, in the formats that records systems write."""

from __future__ import annotations

import time
from datetime import datetime, timedelta, timezone

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from patrol_missions.engine.data.dates import parse_dates
from patrol_missions.engine.data.zones import zone

EAST = zone("America/New_York")


def texts(values: np.ndarray) -> list[str]:
    return values.astype(str).tolist()


@pytest.mark.parametrize(
    ("text", "wall", "has_time"),
    [
        ("2020-01-31", "2020-01-31T00:00:00", False),
        ("2020-01-31T05:06:07", "2020-01-31T05:06:07", True),
        ("2020-01-31 05:06:07.123456", "2020-01-31T05:06:07", True),
        ("2020/1/3 4:05", "2020-01-03T04:05:00", True),
        ("1/31/2020 5:06:07 PM", "2020-01-31T17:06:07", True),
        ("1/31/2020, 12:06 a.m.", "2020-01-31T00:06:00", True),
        ("01/31/2020 12:00:00 PM", "2020-01-31T12:00:00", True),
        ("1/31/98", "1998-01-31T00:00:00", False),
        ("31/01/2020 17:06", "2020-01-31T17:06:00", True),
        ("31.01.2020", "2020-01-31T00:00:00", False),
        ("5.1.2020 17:06:07", "2020-01-05T17:06:07", True),
        ("20200131", "2020-01-31T00:00:00", False),
        ("202001310506", "2020-01-31T05:06:00", True),
        ("20200131T050607", "2020-01-31T05:06:07", True),
        ("31-Jan-2020 17:06", "2020-01-31T17:06:00", True),
        ("31JAN20", "2020-01-31T00:00:00", False),
        ("January 31, 2020 5:06\u202fPM", "2020-01-31T17:06:00", True),
        ("  2020-01-31  ", "2020-01-31T00:00:00", False),
        ("2020-02-29", "2020-02-29T00:00:00", False),
    ],
)
def test_formats_without_a_zone(text: str, wall: str, has_time: bool) -> None:
    parsed = parse_dates(np.array([text]))
    assert (texts(parsed.wall), parsed.has_time.tolist(), parsed.has_offset.tolist()) == ([wall], [has_time], [False])
    assert (parsed.failed, parsed.missing, len(parsed.formats)) == (0, 0, 1)


@pytest.mark.parametrize(
    ("text", "utc"),
    [
        ("2020-01-31T05:06:07Z", "2020-01-31T05:06:07"),
        ("2020-01-31 05:06:07 UTC", "2020-01-31T05:06:07"),
        ("2020-01-31T05:06:07.5+05:30", "2020-01-30T23:36:07"),
        ("2020-01-31 05:06:07-05", "2020-01-31T10:06:07"),
        ("2020-01-31T05:06:07-0930", "2020-01-31T14:36:07"),
        ("20200131T050607Z", "2020-01-31T05:06:07"),
        ("1580447167", "2020-01-31T05:06:07"),
        ("1580447167.0", "2020-01-31T05:06:07"),
        ("1580447167123", "2020-01-31T05:06:07"),
    ],
)
@pytest.mark.parametrize("written_in_utc", [True, False])
def test_stated_offsets_win_over_the_setting(text: str, utc: str, written_in_utc: bool) -> None:
    parsed = parse_dates(np.array([text]))
    assert parsed.has_offset.tolist() == [True]
    assert texts(parsed.to_utc(EAST, written_in_utc)) == [utc]


@settings(max_examples=150, deadline=None)
@given(
    st.lists(st.datetimes(datetime(1990, 1, 1), datetime(2040, 1, 1)), min_size=1, max_size=30),
    st.sampled_from(
        ["%Y-%m-%d %H:%M:%S", "%Y%m%d%H%M%S", "%d-%b-%Y %H:%M:%S", "%B %d, %Y %I:%M:%S %p", "%Y-%m-%dT%H:%M:%S%z"]
    ),
    st.integers(-14 * 60, 14 * 60),
)
def test_what_is_written_is_read_back(moments: list[datetime], pattern: str, offset: int) -> None:
    info = timezone(timedelta(minutes=offset))
    parsed = parse_dates(np.array([moment.replace(tzinfo=info).strftime(pattern) for moment in moments]))
    assert parsed.wall.tolist() == [moment.replace(microsecond=0) for moment in moments]
    assert parsed.failed == 0 and not parsed.ambiguous
    if "%z" in pattern:
        assert parsed.offset_s.tolist() == [offset * 60] * len(moments)


@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.dates(datetime(1990, 1, 1).date(), datetime(2040, 1, 1).date()), min_size=1, max_size=30), st.booleans()
)
def test_the_whole_column_decides_which_number_is_the_day(days: list[object], day_first: bool) -> None:
    days = [*days, datetime(2020, 5, 23).date()]
    pattern = "%d/%m/%Y" if day_first else "%m/%d/%Y"
    parsed = parse_dates(np.array([day.strftime(pattern) for day in days]))  # type: ignore[attr-defined]
    assert parsed.wall.astype("datetime64[D]").tolist() == days
    assert parsed.formats == ("day/month/year" if day_first else "month/day/year",)
    assert not parsed.ambiguous and parsed.mixed == 0


def test_a_column_that_does_not_decide_says_so() -> None:
    slashes = parse_dates(np.array(["03/04/2020", "5/6/2020 10:00"]))
    assert slashes.ambiguous and texts(slashes.wall.astype("datetime64[D]")) == ["2020-03-04", "2020-05-06"]
    dots = parse_dates(np.array(["03.04.2020"]))
    assert not dots.ambiguous and texts(dots.wall.astype("datetime64[D]")) == ["2020-04-03"]


def test_rows_that_contradict_the_others_fail_and_are_counted() -> None:
    parsed = parse_dates(np.array(["12/31/2020", "11/30/2020", "01/13/2020", "31/12/2020"]))
    assert (parsed.mixed, parsed.failed, parsed.examples) == (1, 1, ("31/12/2020",))
    assert texts(parsed.wall)[-1] == "NaT"


def test_what_is_no_date_is_counted_with_three_examples() -> None:
    rubbish = [
        "2020-02-30",
        "about noon",
        "2020-01-31T24:30",
        "00/00/0000",
        "2020-13-01",
        "日付",
        "1/31/2020 13:00 PM",
        "2020-01-3",
        "x" * 80,
    ]
    parsed = parse_dates(np.array([*rubbish, "", "NULL", " ", "n/a", "2020-01-31"]))
    failed = len(rubbish) - 1  # 2020-01-3 is the third
    assert (parsed.failed, parsed.missing) == (failed, 4)
    assert parsed.examples == ("2020-02-30", "about noon", "2020-01-31T24:30")
    assert np.isnat(parsed.wall).sum() == failed + 4


def test_long_texts_that_begin_like_dates_are_none() -> None:
    parsed = parse_dates(np.array(["2020-01-31" + " " * 50 + "or so"]))
    assert parsed.failed == 1


def test_numbers_and_datetimes() -> None:
    numbers = parse_dates(np.array([20200131.0, np.nan, 1580447167.0]))
    assert texts(numbers.wall) == ["2020-01-31T00:00:00", "NaT", "2020-01-31T05:06:07"]
    assert parse_dates(np.array([20200131], dtype=np.int64)).failed == 0
    dates = parse_dates(np.array(["2020-01-31T05:06:07.9", "NaT"], dtype="datetime64[ms]"))
    assert texts(dates.wall) == ["2020-01-31T05:06:07", "NaT"]
    assert dates.missing == 1 and dates.has_time.tolist() == [True, False]


def test_no_rows() -> None:
    parsed = parse_dates(np.zeros(0, dtype="<U10"))
    assert len(parsed.wall) == 0 and parsed.formats == () and not parsed.ambiguous


def test_local_times_dates_only_and_utc() -> None:
    parsed = parse_dates(np.array(["2020-07-01 12:00", "2020-07-01"]))
    assert texts(parsed.to_utc(EAST, False)) == ["2020-07-01T16:00:00", "2020-07-01T04:00:00"]
    assert texts(parsed.to_utc(EAST, True)) == ["2020-07-01T12:00:00", "2020-07-01T04:00:00"]


def test_three_quarters_of_a_million_dates_take_about_a_second() -> None:
    moments = np.datetime64("2016-01-01T00:00:00") + np.random.default_rng(1).integers(0, 10**8, 770_000)
    column = np.datetime_as_string(moments)
    begin = time.process_time()
    parsed = parse_dates(column)
    assert time.process_time() - begin < 4  # about 0.7 s on an idle core
    assert (parsed.wall == moments).all()
