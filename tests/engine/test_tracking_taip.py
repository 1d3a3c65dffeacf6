"""TAIP: positions of vehicle modems, with the day that now makes likely."""

from __future__ import annotations

from functools import reduce
from operator import xor

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tracking_streams import cut_anywhere

from patrol_missions.engine.tracking.clock import DAY_S, moment
from patrol_missions.engine.tracking.taip import TaipParser

NOW = moment("2026-03-18T13:00:00Z")
PV = "RPV46640+4197412-0752857900015802;ID=5102"


def message(body):
    signed = f">{body};*".encode()
    return b"%b%02X<" % (signed, reduce(xor, signed))


def parsed(*bodies, now=NOW):
    parser = TaipParser("radio")
    return parser.feed(b"\r\n".join(map(message, bodies)), now), dict(parser.rejected)


def test_a_position_and_speed_message():
    (fix,), rejected = parsed("RPV46640+4197412-0752857903015812;ID=5102")
    assert rejected == {}
    assert (fix.unit, fix.at) == ("5102", moment("2026-03-18T12:57:20Z"))
    assert (fix.longitude, fix.latitude) == (-75.28579, 41.97412)
    assert (fix.speed_mps, fix.heading_deg) == (pytest.approx(30 * 0.44704), 158)


def test_a_long_navigation_message():
    body = "RLN03874500+347770828-0923453071+000608270105+0000292309" + "0" * 46 + "12;ID=0017"
    (fix,), _ = parsed(body)
    assert (fix.unit, fix.at) == ("0017", moment("2026-03-18T01:04:34.5Z"))
    assert (fix.longitude, fix.latitude) == (-92.3453071, 34.7770828)
    assert (fix.speed_mps, fix.heading_deg) == (pytest.approx(10.5 * 0.44704), 292.3)


def test_messages_that_tell_the_date():
    (fix,), _ = parsed("RGP041120190000-3137454-064075520001883004D50;ID=8385;#IP0:0080")
    assert (fix.unit, fix.at) == ("8385", moment("2020-11-04T19:00:00Z"))
    assert (fix.longitude, fix.latitude) == (-64.07552, -31.37454)
    (event,), _ = parsed("REV012410346640+4197412-0752857900015802;ID=5102")
    assert event.at == moment("2026-03-18T12:57:20Z")
    (rolled,), _ = parsed("REV010362346640+4197412-0752857900015802;ID=5102")
    assert rolled.at == moment("2026-03-18T12:57:20Z"), "a week counter of ten bits"


@pytest.mark.parametrize(
    ("now", "at"),
    [
        ("2026-03-18T00:30:00Z", "2026-03-17T23:53:20Z"),
        ("2026-03-18T11:50:00Z", "2026-03-17T23:53:20Z"),
        ("2026-03-18T23:53:00Z", "2026-03-18T23:53:20Z"),
    ],
)
def test_the_day_is_the_nearest(now, at):
    (fix,), _ = parsed("RPV86000+4197412-0752857900015802", now=moment(now))
    assert fix.at == moment(at)


@pytest.mark.parametrize("extra", ["", ";ID=", ";ID=\a7", ";ID=" + "7" * 33, ";IL=7"])
def test_a_message_without_a_name_is_the_source_s(extra):
    assert parsed("RPV46640+4197412-0752857900015802" + extra)[0][0].unit == "radio"


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (PV.replace("15802", "15892"), "no position"),
        (PV.replace("15802", "15800"), "no position"),
        (PV.replace("15802", "15862"), "only an estimate"),
        (PV.replace("15802", "15882"), "only an estimate"),
        ("RGP041120190000-3137454-064075520001880004D50", "no position"),
        (PV.replace("+41", "+91"), "not readable"),
        (PV.replace("-075", "-185"), "not readable"),
        (PV.replace("15802", "99902"), "not readable"),
        (PV.replace("46640", "4664"), "not readable"),
        ("RGP311120190000-3137454-064075520001883004D50", "not readable"),
    ],
)
def test_what_is_no_position(body, why):
    assert parsed(body) == ([], {why: 1})


def test_other_messages_are_passed_over():
    assert parsed("RAL03874+00185+00012;ID=0017", "QPV", "SID0017", "RCP03874+347771-092345312;ID=0017") == ([], {})


def test_a_checksum_is_needed_unless_the_source_sends_none():
    bare = f">{PV}<".encode()
    strict, lenient = TaipParser("radio"), TaipParser("radio", checksums=False)
    assert strict.feed(bare, NOW) == []
    assert strict.rejected == {"no checksum": 1}
    assert len(lenient.feed(bare, NOW)) == 1
    assert lenient.feed(message(PV).replace(b"4197", b"4297"), NOW) == []
    assert lenient.rejected == {"wrong checksum": 1}


def test_real_modems(shared_data):
    parser = TaipParser("radio")
    found = parser.feed((shared_data / "taip" / "taip_samples.txt").read_bytes(), moment("2020-11-04T12:00:00Z"))
    assert [fix.unit for fix in found] == ["8385", "0017", "0017", "5102"]
    assert parser.rejected == {"wrong checksum": 1}


pieces = st.one_of(
    st.sampled_from([message(PV), message("RPV86399+4197412-0752857900015802"), b">", b"<", b">R", b"\n"]),
    st.binary(max_size=30),
    st.builds(lambda size: b"y" * size, st.integers(1_000, 1_100)),
)


@given(st.lists(pieces, max_size=12).map(b"".join), st.lists(st.integers(0, 3_000), max_size=8))
def test_any_bytes_cut_anywhere_give_the_same(data, cuts):
    whole, parts = TaipParser("radio"), TaipParser("radio")
    found = [fix for part in cut_anywhere(data, cuts) for fix in parts.feed(part, NOW)]
    assert found == whole.feed(data, NOW)
    assert parts.rejected == whole.rejected


@given(st.integers(0, 86_399), st.integers(-9_000_000, 9_000_000), st.integers(-18_000_000, 18_000_000))
def test_what_is_written_is_read_again(second, north, east):
    (fix,), _ = parsed(f"RPV{second:05d}{north:+08d}{east:+09d}03015832;ID=7")
    assert abs(fix.at - NOW) <= DAY_S / 2
    assert fix.at % DAY_S == second
    assert (fix.latitude, fix.longitude) == pytest.approx((north / 1e5, east / 1e5), abs=1e-9)
