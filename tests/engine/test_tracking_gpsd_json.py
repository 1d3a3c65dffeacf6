"""gpsd's JSON: reports with a position, of one unit or of several, and what gpsd says besides."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tracking_streams import cut_anywhere

from patrol_missions.engine.tracking.clock import moment
from patrol_missions.engine.tracking.fixes import Fix
from patrol_missions.engine.tracking.gpsd_json import GpsdParser

TPV = {
    "class": "TPV", "device": "/dev/ttyUSB0", "mode": 3, "time": "2026-03-18T13:28:20.600Z", "lat": 41.574970205,
    "lon": -93.750558641, "track": 92.308, "speed": 1.673, "eph": 19.0,
}  # fmt: skip


def lines(*objects):
    return b"".join(json.dumps(each).encode() + b"\r\n" for each in objects)


def parsed(*objects, units=None):
    parser = GpsdParser("car", units)
    return parser.feed(lines(*objects), 0.0), parser


def without(*names, **others):
    return {name: value for name, value in TPV.items() if name not in names} | others


def test_a_report():
    found, parser = parsed(TPV)
    at = moment("2026-03-18T13:28:20.6Z")
    assert found == [Fix("car", at, -93.750558641, 41.574970205, 9.5, 1.673, 92.308)]
    assert parser.rejected == {}


def test_accuracy_by_its_parts_or_not_at_all():
    assert parsed(without("eph", epx=6.0, epy=8.0))[0][0].accuracy_m == 5.0
    assert parsed(without("eph", epx=6.0))[0][0].accuracy_m is None
    assert parsed(without("eph", eph="n/a"))[0][0].accuracy_m is None


@pytest.mark.parametrize(
    ("said", "why"),
    [
        (without(mode=1), "no position"),
        (without("mode"), "no position"),
        (without("lat"), "no position"),
        (without(lat=None), "no position"),
        (without(lat=91), "no position"),
        (without(lon=float("nan")), "no position"),
        (without("time"), "no time"),
        (without(time="soon"), "no time"),
        ({"class": "ERROR", "message": "Unrecognized request"}, "an error of gpsd"),
        ([1], "no message"),
    ],
)
def test_what_is_no_report(said, why):
    found, parser = parsed(said)
    assert found == []
    assert parser.rejected == {why: 1}


def test_several_devices_are_one_unit_unless_they_are_told_apart():
    other = without(device="/dev/ttyUSB1")
    assert [fix.unit for fix in parsed(TPV, other)[0]] == ["car", "car"]
    found, parser = parsed(TPV, other, without("device"), units={"/dev/ttyUSB0": "CAR7"})
    assert [fix.unit for fix in found] == ["CAR7"]
    assert parser.rejected == {"no unit": 2}


def test_what_gpsd_says_besides():
    _, parser = parsed(
        {"class": "VERSION", "release": "3.22", "proto_major": 3, "proto_minor": 14},
        {
            "class": "DEVICES",
            "devices": [{"path": "/dev/a", "activated": "2026-03-18T13:28:20.600Z"}, {"path": "/dev/b"}],
        },
        {"class": "DEVICE", "path": "/dev/a", "activated": 0},
        {"class": "SKY", "satellites": [{"PRN": number, "used": True} for number in range(150)]},
        {"class": "ERROR", "message": "Can't open /dev/b"},
    )
    assert parser.protocol == 3
    assert parser.devices == {"/dev/a": False, "/dev/b": False}
    assert parser.error == "Can't open /dev/b"
    assert parser.rejected == {"an error of gpsd": 1}


def test_it_cannot_be_made_to_remember_without_end():
    parser = GpsdParser("car")
    for number in range(1_000):
        parser.feed(lines({"class": "DEVICE", "path": f"/dev/{number}"}), 0.0)
    assert len(parser.devices) == 64
    parser.feed(b"{" * 20_000, 0.0)
    assert parser.feed(b"\n" + lines(TPV), 0.0) == parsed(TPV)[0]
    assert parser.rejected == {"too long": 1}


def test_real_gpsd(shared_data):
    said = (shared_data / "nmea" / "nmea-fuzzy-cases.log.gpsd-json.chk").read_bytes()
    parser = GpsdParser("car")
    found = parser.feed(said, 0.0)
    assert len(found) == 14
    assert parser.rejected == {"no message": 28, "no time": 1}, "its sentences, and a report before the first date"


json_values = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from([*TPV, "path", "devices"]), inner),
    max_leaves=6,
)
objects = st.builds(
    lambda kind, said: lines({**said, "class": kind}),
    st.sampled_from(["TPV", "DEVICE", "DEVICES", "VERSION", "ERROR", "SKY"]),
    st.dictionaries(st.sampled_from([*TPV, "path", "devices", "activated", "proto_major", "message"]), json_values),
)
pieces = st.one_of(objects, st.just(lines(TPV)), st.binary(max_size=30), st.just(b'{"a":' + b"[" * 5_000 + b"\n"))


@given(st.lists(pieces, max_size=10).map(b"".join), st.lists(st.integers(0, 2_000), max_size=8))
def test_any_bytes_cut_anywhere_give_the_same(data, cuts):
    whole, parts = GpsdParser("car"), GpsdParser("car")
    found = [fix for part in cut_anywhere(data, cuts) for fix in parts.feed(part, 0.0)]
    assert found == whole.feed(data, 0.0)
    assert (parts.rejected, parts.devices, parts.error) == (whole.rejected, whole.devices, whole.error)
