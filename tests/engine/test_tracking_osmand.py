"""Reports by web request: what phones send is read, and what is wrong with others is said in a sentence."""

from __future__ import annotations

import json
import math
from contextlib import suppress
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from patrol_missions.core.errors import InputError
from patrol_missions.engine.tracking.clock import moment
from patrol_missions.engine.tracking.fixes import Fix
from patrol_missions.engine.tracking.osmand import parse_json, parse_query

NOW = moment("2026-03-18T13:00:00Z")
PLACE = "id=CAR7&lat=41.5&lon=-93.75"


def test_a_whole_report():
    query = "id=CAR7&timestamp=1773838820&lat=41.5&lon=-93.75&speed=10&bearing=92.5&altitude=3&accuracy=4.5&batt=80"
    assert parse_query(query, NOW) == Fix("CAR7", 1773838820.0, -93.75, 41.5, 4.5, 10 * 1852 / 3600, 92.5)


@pytest.mark.parametrize(
    "text", ["1773838820", "1773838820000", "2026-03-18T13:00:20Z", "2026-03-18T14:00:20+01:00", "2026-03-18 13:00:20",
             "2026-03-18T13:00:20.000Z"]
)  # fmt: skip
def test_every_way_to_tell_a_time(text):
    assert parse_query(f"{PLACE}&timestamp={quote(text)}", NOW).at == moment("2026-03-18T13:00:20Z")


def test_other_names_and_what_may_be_left_out():
    assert parse_query("deviceid=7&location=41.5,-93.75&heading=3", NOW) == Fix("7", NOW, -93.75, 41.5, heading_deg=3)
    assert parse_query(f"{PLACE}&hdop=1.2", NOW).accuracy_m == 6.0
    assert parse_query(f"{PLACE}&accuracy=0&speed=-1&bearing=-1", NOW) == Fix("CAR7", NOW, -93.75, 41.5)


@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        ("", "whose"),
        ("lat=41.5&lon=-93.75", "whose"),
        (f"id={'x' * 65}&lat=41.5&lon=-93.75", "whose"),
        ("id=CAR%0A7&lat=41.5&lon=-93.75", "whose"),
        ("id=CAR7", "no position"),
        ("id=CAR7&lat=41.5", "no position"),
        ("id=CAR7&location=41.5", "no position"),
        ("id=CAR7&lat=91&lon=0", "“91” of lat"),
        ("id=CAR7&lat=nan&lon=0", "“nan” of lat"),
        ("id=CAR7&lat=1&lon=east", "“east” of lon"),
        (f"{PLACE}&speed=inf", "“inf” of speed"),
        (f"{PLACE}&speed=%0A%1B1", "“  1” of speed"),
        (f"{PLACE}&timestamp=%00{'x' * 99}", "“ x{31}” is not understood"),
        (f"{PLACE}&timestamp=yesterday", "“yesterday”"),
        (f"{PLACE}&timestamp=2026-02-30T00:00:00Z", "“2026-02-30T00:00:00Z”"),
        (f"{PLACE}&valid=false", "not valid"),
        (PLACE + "&a=" + "x" * 2_048, "longer than"),
        (PLACE + "&a=1" * 80, "more than"),
    ],
)
def test_what_is_wrong_is_said(query, sentence):
    with pytest.raises(InputError, match=sentence):
        parse_query(query, NOW)


COORDS = {"latitude": 41.5, "longitude": -93.75, "speed": 3.5, "heading": 92.5, "accuracy": 4.5, "altitude": 3}


def body(coords, **others):
    return json.dumps({"location": {"coords": coords, "is_moving": True, **others}, "device_id": "CAR7"}).encode()


def test_newer_apps_send_json_with_metres_a_second():
    at = moment("2026-03-18T13:00:20.5Z")
    assert parse_json(body(COORDS, timestamp="2026-03-18T13:00:20.500Z"), NOW) == Fix(
        "CAR7", at, -93.75, 41.5, 4.5, 3.5, 92.5
    )
    still = parse_json(body({**COORDS, "speed": -1, "heading": -1}), NOW)
    assert still == Fix("CAR7", NOW, -93.75, 41.5, 4.5)


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (b"", "no JSON"),
        (b"\xff", "no JSON"),
        (b"[" * 5_000, "no JSON"),
        (b"[1]", "whose"),
        (b'{"location": 3}', "whose"),
        (b'{"device_id": "CAR7", "location": {"coords": [1]}}', "no position"),
        (body({**COORDS, "latitude": 91}), "“91” of lat"),
        (body({**COORDS, "latitude": True}), "“True” of lat"),
        (body(COORDS, timestamp="soon"), "“soon”"),
        (b" " * 20_000, "longer than"),
    ],
)
def test_what_is_wrong_with_json_is_said(data, sentence):
    with pytest.raises(InputError, match=sentence):
        parse_json(data, NOW)


parts = st.one_of(
    st.sampled_from(
        ["id=", "CAR7", "&", "lat=", "lon=", "location=", "timestamp=", "speed=", "1e999", "-0", "%", "%00"]
    ),
    st.text(max_size=10),
    st.floats().map(str),
    st.integers().map(str),
)


@given(st.lists(parts, max_size=20).map("".join))
def test_any_text_gives_a_report_or_a_sentence(query):
    with suppress(InputError):
        fix = parse_query(query, NOW)
        assert math.isfinite(fix.at)
        assert abs(fix.latitude) <= 90
        assert abs(fix.longitude) <= 180


@given(st.floats(-90, 90), st.floats(-180, 180), st.integers(0, 2**32))
def test_what_is_written_is_read_again(latitude, longitude, at):
    assert parse_query(f"id=7&lat={latitude!r}&lon={longitude!r}&timestamp={at}", NOW) == Fix(
        "7", at, longitude, latitude
    )
