"""NMEA: one report for each moment, with the right date, whatever the receiver, and never for a guess."""

from __future__ import annotations

import json
import math
from datetime import datetime, timezone

import nmea_features
import pynmea2
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tracking_streams import cut_anywhere, with_checksum

from patrol_missions.engine.tracking.clock import DAY_S, moment
from patrol_missions.engine.tracking.fixes import Fix
from patrol_missions.engine.tracking.nmea import NmeaParser
from patrol_missions.engine.tracking.nmea_epoch import Dates
from patrol_missions.engine.tracking.values import KNOT_MPS

NOW = datetime(2026, 3, 18, 13, 30, tzinfo=timezone.utc).timestamp()
A_LOG = Dates(from_now=False, week_counter=False)
RMC = "GPRMC,132820.60,A,4134.49821229,N,09345.03351845,W,3.252,92.308,180326,11.5985,E,D"
GGA = "GPGGA,132820.60,4134.49821229,N,09345.03351845,W,2,09,1.0,278.020,M,-31.442,M,7.6,0133"


def stream(*bodies):
    """Sentences with their checksums, as bytes."""
    return b"".join(b"$" + with_checksum(body.encode()) + b"\r\n" for body in bodies)


def parsed(*bodies, now=NOW, dates=None):
    """All reports of whole sentences, and why others are none."""
    parser = NmeaParser("car", dates)
    found = parser.feed(stream(*bodies), now) + parser.finish(now)
    return found, dict(parser.rejected)


def utc(text):
    return moment(text)


# --- moments


def test_sentences_of_one_moment_are_one_report():
    found, rejected = parsed(GGA, RMC)
    assert rejected == {}
    assert len(found) == 1
    assert found[0].unit == "car"
    assert found[0].at == pytest.approx(utc("2026-03-18T13:28:20.6Z"))
    assert (found[0].longitude, found[0].latitude) == pytest.approx((-93.750558641, 41.574970205), abs=1e-9)
    assert found[0].speed_mps == pytest.approx(1.673, abs=5e-4)
    assert found[0].heading_deg == 92.308
    assert found[0].accuracy_m == 5.0


def test_the_first_report_waits_for_the_next_moment_and_later_ones_for_the_last_sentence():
    parser = NmeaParser("car")
    later = [body.replace("132820.60", "132821.60") for body in (GGA, RMC)]
    assert parser.feed(stream(GGA, RMC), NOW) == []
    assert [fix.at % 60 for fix in parser.feed(stream(later[0]), NOW)] == pytest.approx([20.6])
    last = parser.feed(stream(later[1]), NOW)
    assert [(fix.at % 60, fix.heading_deg) for fix in last] == [(pytest.approx(21.6), 92.308)]
    assert parser.finish(NOW) == []


def test_a_receiver_that_says_more_than_before_makes_no_second_report():
    moments = [[body.replace("20.60", f"{second}.60") for body in (RMC, GGA)] for second in (20, 21, 22)]
    found, _ = parsed(moments[0][0], moments[1][0], *moments[2])
    assert [fix.at % 60 for fix in found] == pytest.approx([20.6, 21.6, 22.6])


def test_times_that_are_rounded_differently_are_one_moment():
    found, _ = parsed(
        "GPGLL,3908.8199,N,00023.0832,W,120824.758,A",
        "GPGGA,120824.76,3908.8199,N,00023.0832,W,1,06,2.1,00176,M,,,,",
        "GPRMC,120824.76,A,3908.8199,N,00023.0832,W,00.0,000.0,180326,01.,W",
    )
    assert len(found) == 1


def test_ten_reports_a_second_stay_ten():
    found, _ = parsed(*(RMC.replace("20.60", f"20.{tenth}0") for tenth in range(10)))
    assert len(found) == 10


@pytest.mark.parametrize("talker", ["GP", "GN", "GL", "GA", "GB", "BD", "GQ", "QZ", "GI", "IN"])
def test_every_system_of_satellites(talker):
    found, _ = parsed(talker + GGA[2:], talker + RMC[2:])
    assert len(found) == 1


@pytest.mark.parametrize(
    ("body", "speed", "accuracy"),
    [
        ("GNGNS,132820.60,4134.49821229,N,09345.03351845,W,AAN,09,1.4,278.0,-31.4,,", None, 7.0),
        ("GPGLL,4134.49821229,N,09345.03351845,W,132820.60,A,A", None, None),
        ("GPGLL,4134.49821229,N,09345.03351845,W,132820.60,A", None, None),
        (GGA, None, 5.0),
        (RMC, 3.252 * KNOT_MPS, None),
    ],
)
def test_each_sentence_with_a_position_is_enough(body, speed, accuracy):
    found, _ = parsed(body)
    assert [(fix.speed_mps, fix.accuracy_m) for fix in found] == [(speed, accuracy)]
    assert found[0].at == pytest.approx(utc("2026-03-18T13:28:20.6Z"))


def test_speed_without_rmc_and_accuracy_by_the_receiver():
    found, _ = parsed(GGA, "GPVTG,92.3,T,,M,10.0,N,18.5,K,A", "GPGST,132820.60,11,,,,3.0,4.0,1.1")
    assert (found[0].speed_mps, found[0].heading_deg) == (pytest.approx(10 * KNOT_MPS), 92.3)
    assert found[0].accuracy_m == 5.0, "3 m north and 4 m east"
    assert parsed(RMC, "GNGSA,A,3,29,20,18,16,51,13,44,26,,,,,0.99,0.54,0.83,1")[0][0].accuracy_m == pytest.approx(2.7)


def test_degrees_without_leading_zeros():
    found, _ = parsed(RMC.replace("4134.49821229,N,09345.03351845,W", "134.5,S,30.25,E"))
    assert (found[0].longitude, found[0].latitude) == pytest.approx((30.25 / 60, -1 - 34.5 / 60))


@pytest.mark.parametrize(
    ("text", "latitude"),
    [("4160.0000,N", 42.0), (" 4134.5,N", 41.575), ("8960.,S", -90.0)],
)
def test_degrees_as_receivers_round_and_pad_them(text, latitude):
    found, _ = parsed(RMC.replace("4134.49821229,N", text))
    assert found[0].latitude == pytest.approx(latitude)


def test_a_position_by_differences_of_an_old_receiver():
    found, _ = parsed(RMC[:-2].replace(",A,", ",D,"))
    assert found[0].latitude == pytest.approx(41.574970205)


# --- what is no position


@pytest.mark.parametrize(
    "body",
    [
        "GPRMC,132820.60,V,4134.49821229,N,09345.03351845,W,0.0,0.0,180326,,,A",
        "GPRMC,132820.60,A,4134.49821229,N,09345.03351845,W,0.0,0.0,180326,,,N",
        "GPRMC,,V,,,,,,,,,,N",
        "GPGGA,132820.60,4134.49821229,N,09345.03351845,W,0,00,50.0,280.2,M,-31.6,M,0.0,0000",
        "GPGGA,,,,,,0,,,,M,,M,,",
        GGA.replace(",2,09,", ",1,00,"),
        "GPGLL,,,,,132820.60,V,N",
        "GNGNS,132820.60,,,,,NNN,00,,,,,",
    ],
)
def test_without_a_fix_there_is_no_report(body):
    assert parsed(body) == ([], {"no position": 1})


@pytest.mark.parametrize(
    "body",
    [
        RMC[:-1] + "E",
        GGA.replace(",W,2,", ",W,6,"),
        GGA.replace(",W,2,", ",W,7,"),
        GGA.replace(",W,2,", ",W,8,"),
        "GNGNS,132820.60,4134.49821229,N,09345.03351845,W,EEN,09,1.4,278.0,-31.4,,",
    ],
)
def test_an_estimate_is_no_position(body):
    assert parsed(body) == ([], {"only an estimate": 1})


def test_a_moment_is_no_fix_if_one_sentence_says_so():
    assert parsed(GGA, RMC.replace(",A,", ",V,")) == ([], {"no position": 1})


@pytest.mark.parametrize(
    "body",
    [
        RMC.replace("4134.49", "9134.49"),
        RMC.replace("4134.49", "4160.49"),
        RMC.replace("4134.49821229", "4134"),
        RMC.replace("4134.49821229", "9060.0"),
        RMC.replace("09345.03", "18100.03"),
        RMC.replace(",N,", ",X,"),
        RMC.replace(",N,", ",,"),
        RMC.replace("132820.60", "242820.60"),
        RMC.replace("180326", "2208-1"),
        RMC.replace("180326", "310226"),
        RMC.replace("3.252", "-3.252"),
        RMC.replace("3.252", "nan"),
        RMC.replace("3.252", "9999"),
        RMC.replace("92.308", "360.1"),
        GGA.replace("1.0,", "inf,"),
        "GPZDA,132820.60,18,13,2026,00,00",
        f"GPZDA,132820.60,18,3,{'20' * 20},00,00",
    ],
)
def test_values_out_of_bounds_are_not_taken(body):
    assert parsed(body) == ([], {"not readable": 1})


# --- dates


def test_without_a_date_a_log_has_no_reports_and_a_live_stream_those_of_today():
    assert parsed(GGA, dates=A_LOG) == ([], {"no date": 1})
    assert parsed(GGA)[0][0].at == pytest.approx(utc("2026-03-18T13:28:20.6Z"))
    late = utc("2026-03-18T00:10:00Z")
    before_midnight, _ = parsed(GGA.replace("132820.60", "235959.00"), now=late)
    assert before_midnight[0].at == utc("2026-03-17T23:59:59Z")


def test_midnight_between_two_sentences():
    gga = [GGA.replace("132820.60", second) for second in ("235959.00", "000000.00", "000001.00")]
    found, _ = parsed(RMC.replace("132820.60", "235958.00"), *gga, dates=A_LOG)
    assert [fix.at - utc("2026-03-19T00:00:00Z") for fix in found] == [-2, -1, 0, 1]
    told = RMC.replace("132820.60", "000000.00").replace("180326", "190326")
    found, _ = parsed(RMC.replace("132820.60", "235959.00"), gga[0], gga[1], told, dates=A_LOG)
    assert [fix.at - utc("2026-03-19T00:00:00Z") for fix in found] == [-1, 0]


def test_after_a_silence_of_days_the_date_is_not_that_of_before():
    parser = NmeaParser("car")
    parser.feed(stream(RMC), NOW)
    found = parser.feed(stream(GGA), NOW + 3 * DAY_S) + parser.finish(NOW + 3 * DAY_S)
    assert [fix.at for fix in found] == pytest.approx([utc("2026-03-18T13:28:20.6Z")])
    found = parser.feed(stream(GGA.replace("20.60", "21.60")), NOW + 3 * DAY_S) + parser.finish(NOW + 3 * DAY_S)
    assert [fix.at for fix in found] == pytest.approx([utc("2026-03-21T13:28:21.6Z")])


def test_the_year_by_zda():
    found, _ = parsed(GGA, "GPZDA,132820.60,07,09,2018,00,00", dates=A_LOG)
    assert found[0].at == pytest.approx(utc("2018-09-07T13:28:20.6Z"))


def test_a_week_counter_that_began_anew():
    body = "GPRMC,000231.42,A,4829.0005,N,00022.0016,E,0.16,212.28,220899,,,A"
    assert parsed(body, now=utc("2019-04-07T00:02:40Z"))[0][0].at == pytest.approx(utc("2019-04-07T00:02:31.42Z"))
    assert parsed(body, now=utc("2038-11-21T00:02:40Z"))[0][0].at == pytest.approx(utc("2038-11-21T00:02:31.42Z"))
    for now in (utc("2019-05-07T00:02:40Z"), NOW):
        assert parsed(body, now=now)[0][0].at == pytest.approx(utc("1999-08-22T00:02:31.42Z")), "the date of no today"
    replayed, _ = parsed(body, now=utc("2019-04-07T00:02:40Z"), dates=A_LOG)
    assert replayed[0].at == pytest.approx(utc("1999-08-22T00:02:31.42Z"))


# --- several units


def line(before, body):
    return before + b"$" + with_checksum(body.encode()) + b"\r\n"


@pytest.mark.parametrize(
    "before",
    [b"CAR7,", b"CAR7:", b"CAR7 ", b"CAR7, ", b"\\" + with_checksum(b"s:CAR7,c:1700000000") + b"\\",
     b"\\" + with_checksum(b"g:1-2-73,s:CAR7") + b"\\"],
)  # fmt: skip
def test_units_by_name_or_tag_block(before):
    parser = NmeaParser("radio")
    found = parser.feed(line(before, GGA) + line(b"", GGA) + line(before, RMC) + line(b"", RMC), NOW)
    found += parser.finish(NOW)
    assert sorted(fix.unit for fix in found) == ["CAR7", "radio"]
    assert len({(fix.longitude, fix.latitude) for fix in found}) == 1


@pytest.mark.parametrize("tags", [b"c:1700000000", b"s:", b"s:\x07", b"s:" + b"x" * 33])
def test_a_tag_block_without_a_name_is_the_source_s(tags):
    parser = NmeaParser("radio")
    parser.feed(line(b"\\" + with_checksum(tags) + b"\\", RMC), NOW)
    assert [fix.unit for fix in parser.finish(NOW)] == ["radio"]


def test_a_tag_block_with_an_error_names_nobody():
    parser = NmeaParser("radio")
    parser.feed(line(b"\\s:CAR7,c:1700000000*00\\", RMC), NOW)
    assert parser.finish(NOW) == []
    assert parser.rejected == {"wrong checksum": 1}


def test_a_stream_cannot_make_the_parser_remember_without_end():
    parser = NmeaParser("radio")
    found = [fix for number in range(1_100) for fix in parser.feed(line(f"CAR{number},".encode(), RMC), NOW)]
    assert [fix.unit for fix in found] == [f"CAR{number}" for number in range(100)], "silent for longest"
    assert [fix.unit for fix in parser.finish(NOW)] == [f"CAR{number}" for number in range(100, 1_100)]


# --- lines


BARE = b"".join(
    ("$" + body.replace("20.60", f"{second}.60") + "\r\n").encode() for second in (20, 21, 22) for body in (GGA, RMC)
)


def test_a_sentence_needs_its_checksum():
    parser = NmeaParser("car")
    bare = ("$" + RMC + "\r\n").encode()
    assert parser.feed(bare, NOW) + parser.finish(NOW) == []
    assert parser.rejected == {"no checksum": 1}
    found = parser.feed(BARE[: len(BARE) // 3] + stream(RMC) + BARE, NOW) + parser.finish(NOW)
    assert [fix.heading_deg for fix in found] == [92.308], "one with a checksum"
    assert parser.rejected == {"no checksum": 1 + 2 + 6}


def test_a_receiver_that_never_sends_a_checksum_is_believed_from_its_first_sentence_on():
    parser = NmeaParser("car")
    found = parser.feed(BARE, NOW) + parser.finish(NOW)
    assert [fix.at % 60 for fix in found] == pytest.approx([20.6, 21.6, 22.6])
    assert [fix.longitude for fix in found] == pytest.approx([-93.750558641] * 3)
    assert not parser.rejected
    wrong = stream(RMC).replace(b"4134.4", b"4135.4")
    assert parser.feed(wrong, NOW) + parser.finish(NOW) == []
    assert parser.rejected == {"wrong checksum": 1}


def test_what_is_no_sentence_does_not_make_a_receiver_one_without_checksums():
    parser = NmeaParser("car")
    assert parser.feed(b"$\xb5b\x01,\n" * 9 + BARE[: len(BARE) // 3], NOW) + parser.finish(NOW) == []
    assert parser.rejected == {"no checksum": 11}


def test_a_sentence_that_comes_again_is_counted_and_changes_nothing():
    parser = NmeaParser("car")
    once = stream(GGA, RMC)
    found = parser.feed(once + once + stream(RMC, RMC.replace("20.60", "21.60")), NOW) + parser.finish(NOW)
    assert [fix.at % 60 for fix in found] == pytest.approx([20.6, 21.6])
    assert parser.rejected == {"heard twice": 3}


def test_a_sentence_that_broke_off_does_not_take_the_next_one_with_it():
    parser = NmeaParser("car")
    found = parser.feed(b"\xa0\xa2$GPGGA,030130" + stream(RMC), NOW) + parser.finish(NOW)
    assert len(found) == 1
    assert parser.rejected == {"no checksum": 1}


def test_a_line_without_an_end_is_dropped_and_the_next_one_is_read():
    parser = NmeaParser("car")
    for _ in range(1_000):
        assert parser.feed(b"x" * 1_000, NOW) == []
    found = parser.feed(b"\n" + stream(RMC), NOW) + parser.finish(NOW)
    assert len(found) == 1
    assert parser.rejected == {"too long": 1}


# --- laws

places = st.tuples(st.floats(-180, 180), st.floats(-90, 90))


def angle(degrees, digits):
    """Degrees and minutes as receivers write them."""
    whole = int(abs(degrees))
    minutes = f"{(abs(degrees) - whole) * 60:010.7f}"
    return (whole + 1, "00.0000000") if minutes.startswith("60") else (whole, minutes)


def written(fix):
    """RMC and GGA of a report, by pynmea2."""
    when = datetime.fromtimestamp(fix.at, timezone.utc)
    clock = when.strftime("%H%M%S.") + f"{when.microsecond // 1000:03d}"
    (east, east_minutes), (north, north_minutes) = angle(fix.longitude, 3), angle(fix.latitude, 2)
    place = (
        f"{north:02d}{north_minutes}",
        "NS"[fix.latitude < 0],
        f"{east:03d}{east_minutes}",
        "EW"[fix.longitude < 0],
    )
    speed, heading = f"{fix.speed_mps / KNOT_MPS:.4f}", f"{fix.heading_deg:.3f}"
    rmc = pynmea2.RMC("GP", "RMC", (clock, "A", *place, speed, heading, when.strftime("%d%m%y"), "", "", "A"))
    gga = pynmea2.GGA("GP", "GGA", (clock, *place, "1", "08", f"{fix.accuracy_m / 5:.4f}", "1", "M", "1", "M", "", ""))
    return f"{gga}\r\n{rmc}\r\n".encode()


@given(
    st.integers(946_684_800_000, 3_471_292_799_000),
    places,
    st.floats(0.01, 500),
    st.floats(0, 100),
    st.floats(0, 359.9),
)
def test_what_is_written_is_read_again(millis, place, accuracy, speed, heading):
    fix = Fix("car", millis / 1_000, *place, accuracy, speed, heading)
    parser = NmeaParser("car", A_LOG)
    found = parser.feed(written(fix), 0.0) + parser.finish(0.0)
    assert len(found) == 1
    assert found[0].at == pytest.approx(fix.at, abs=1e-3)
    assert (found[0].longitude, found[0].latitude) == pytest.approx(place, abs=1e-8)
    assert (found[0].accuracy_m, found[0].speed_mps, found[0].heading_deg) == pytest.approx(
        (accuracy, speed, heading), abs=1e-3
    )


pieces = st.one_of(
    st.sampled_from([stream(GGA), stream(RMC), stream(RMC.replace("20.60", "21.60")), line(b"CAR7,", GGA), b"$", b"*"]),
    st.binary(max_size=40),
    st.builds(lambda size: b"y" * size, st.integers(1_000, 1_100)),
)


@given(st.lists(pieces, max_size=12).map(b"".join), st.lists(st.integers(0, 4_000), max_size=8))
def test_any_bytes_cut_anywhere_give_the_same(data, cuts):
    whole, parts = NmeaParser("car"), NmeaParser("car")
    found = [fix for part in cut_anywhere(data, cuts) for fix in parts.feed(part, NOW)] + parts.finish(NOW)
    assert found == whole.feed(data, NOW) + whole.finish(NOW)
    assert parts.rejected == whole.rejected
    assert all(abs(fix.latitude) <= 90 and abs(fix.longitude) <= 180 and math.isfinite(fix.at) for fix in found)


# --- what few logs show


def latitudes(log):
    """The latitudes in a log of one position a second, in the order of their reports."""
    parser = NmeaParser("car", A_LOG)
    found = parser.feed(log, NOW) + parser.finish(NOW)
    assert [fix.at for fix in found] == sorted({fix.at for fix in found})
    return [fix.latitude for fix in found]


@pytest.mark.parametrize("feature", nmea_features.WHOLE)
def test_a_position_for_each_second_whatever_the_receiver_does(feature):
    expected = [nmea_features.latitude(second) for second in nmea_features.SECONDS]
    assert latitudes(nmea_features.WHOLE[feature]) == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("feature", nmea_features.WITHOUT_TWO)
def test_seconds_without_a_position_that_is_measured_are_left_out(feature):
    expected = [nmea_features.latitude(second) for second in nmea_features.SECONDS if second not in (3, 4)]
    assert latitudes(nmea_features.WITHOUT_TWO[feature]) == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("feature", nmea_features.NOWHERE)
def test_what_is_no_position_makes_none(feature):
    assert latitudes(nmea_features.NOWHERE[feature]) == []


# --- real receivers


def test_positions_are_those_of_gpsd(shared_data):
    log = shared_data / "nmea" / "nmea-fuzzy-cases.log"
    parser = NmeaParser("car", A_LOG)
    found = parser.feed(log.read_bytes(), NOW) + parser.finish(NOW)
    said = (
        json.loads(text)
        for text in (log.parent / f"{log.name}.gpsd-json.chk").read_text().splitlines()
        if text[0] == "{"
    )
    gpsd = {round(moment(each["time"]), 2): each for each in said if each["class"] == "TPV" and "time" in each}
    assert len(found) == len(gpsd) == 14
    for fix in found:
        there = gpsd[round(fix.at, 2)]
        assert (fix.longitude, fix.latitude) == pytest.approx((there["lon"], there["lat"]), abs=1e-8)
        assert fix.speed_mps == pytest.approx(there["speed"], abs=6e-4)


def test_every_real_log_whatever_the_cuts(shared_data):
    logs = sorted(path for path in (shared_data / "nmea").iterdir() if path.suffix in {".log", ".txt"})
    assert len(logs) == 35
    for log in logs:
        data = log.read_bytes()[:12_000] + b"\n"
        whole, parts = NmeaParser("car", A_LOG), NmeaParser("car", A_LOG)
        found = [fix for at in range(0, len(data), 7) for fix in parts.feed(data[at : at + 7], NOW)] + parts.finish(NOW)
        assert found == whole.feed(data, NOW) + whole.finish(NOW)
        assert parts.rejected == whole.rejected
        assert len({fix.at for fix in found}) >= len(found) - 9, "only one receiver's clock goes back"
