"""Logs of past patrols: what they hold is read, whatever wrote them, and what they are not is said in a sentence."""

from __future__ import annotations

import gzip
from contextlib import suppress
from datetime import timedelta, timezone

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tracking_streams import with_checksum

from patrol_missions.core.errors import InputError
from patrol_missions.engine.tracking.clock import moment
from patrol_missions.engine.tracking.fixes import Fix
from patrol_missions.engine.tracking.track_files import TrackFile
from patrol_missions.engine.tracking.values import KNOT_MPS

AT = moment("2026-03-18T13:28:20Z")
POINT = '<trkpt lat="41.5" lon="-93.75"><ele>3</ele><time>2026-03-18T13:28:20Z</time>{}</trkpt>'
GPX = '<?xml version="1.0" encoding="utf-8"?><gpx version="1.1" xmlns="http://www.topografix.com/GPX/1/1">{}</gpx>'
TRACK = GPX.format("<trk><name>a</name><trkseg/><trkseg>{}</trkseg></trk>")


def read(folder, name, content, **settings):
    """All reports of a file, and why others are none."""
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    track = TrackFile(path, "car", **settings)
    return list(track.fixes()), dict(track.rejected)


def refusal(folder, name, content):
    with pytest.raises(InputError) as caught:
        read(folder, name, content)
    return str(caught.value)


# --- GPX


def test_a_gpx_track_with_an_empty_segment(tmp_path):
    assert read(tmp_path, "a.gpx", TRACK.format(POINT.format(""))) == ([Fix("car", AT, -93.75, 41.5)], {})


def test_gpx_1_0_and_extensions_tell_speed_course_and_accuracy(tmp_path):
    old = "<speed>3.5</speed><course>92.5</course><hdop>1.2</hdop>"
    inside = "<g:speed>3.5</g:speed><g:course>92.5</g:course>"
    new = f"<hdop>1.2</hdop><extensions><g:x xmlns:g='g'>{inside}</g:x></extensions>"
    for said in (old, new):
        found, _ = read(tmp_path, "a.gpx", TRACK.format(POINT.format(said)))
        assert found == [Fix("car", AT, -93.75, 41.5, 6.0, 3.5, 92.5)]


def test_gpx_with_a_bom_in_other_encodings_and_gzipped(tmp_path):
    text = TRACK.format(POINT.format("<desc>Šibenik</desc>"))
    for content in (b"\xef\xbb\xbf" + text.encode(), text.replace("utf-8", "utf-16").encode("utf-16")):
        assert len(read(tmp_path, "a.gpx", content)[0]) == 1
    assert len(read(tmp_path, "a.gpx.gz", gzip.compress(text.encode()))[0]) == 1


def test_points_without_a_time_or_place_are_counted(tmp_path):
    points = [POINT.format("")] + ['<trkpt lat="41.5" lon="-93.75"/>'] * 2 + [POINT.replace("41.5", "99.5")]
    found, rejected = read(tmp_path, "a.gpx", TRACK.format("".join(points)))
    assert len(found) == 1
    assert rejected == {"no time": 2, "not readable": 1}


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (GPX.format(""), "The file a.gpx holds no position with a time."),
        (
            TRACK.format('<trkpt lat="1" lon="1"/>'),
            "holds no position with a time (1 × no time). Choose a recorded track",
        ),
        (GPX.format('<wpt lat="1" lon="1"><time>2026-03-18T13:28:20Z</time></wpt>'), "no position with a time. Choose"),
        (TRACK.format(POINT.format(""))[:-10], "The file a.gpx is no whole GPX file: "),
        ("", "The file a.gpx is no whole GPX file: no element found"),
        ("lat,lon,time", "The file a.gpx is no whole GPX file: "),
        (TRACK.replace("utf-8", "klingon"), "The file a.gpx is no whole GPX file: "),
        ("<a>" * 100, "its tags are 64 deep"),
        ('<gpx a="' + "x" * 6_000_000, "The file a.gpx is no GPX file."),
    ],
)
def test_what_is_wrong_with_a_gpx_file_is_said(tmp_path, content, sentence):
    assert sentence in refusal(tmp_path, "a.gpx", content)


def test_entities_are_refused_before_they_are_read(tmp_path):
    laughs = '<!ENTITY a "ha">' + "".join(f'<!ENTITY {b} "{f"&{a};" * 10}">' for a, b in zip("abcdefgh", "bcdefghi"))
    for inside in (laughs, '<!ENTITY i SYSTEM "file:///etc/hostname">', ""):
        content = f'<?xml version="1.0"?><!DOCTYPE gpx [{inside}]><gpx><name>&i;</name></gpx>'
        assert "has a document type, which no GPX file needs" in refusal(tmp_path, "a.gpx", content)


# --- CSV


@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_columns_are_found_by_name(tmp_path, separator):
    rows = [
        "Vehicle ID,Longitude,Latitude,Time (UTC),Speed (knots),Heading,Accuracy m",
        "7,-93.75,41.5,2026-03-18 13:28:20,10,92,5",
    ]
    found, rejected = read(tmp_path, "a.csv", "\ufeff" + "\r\n".join(rows).replace(",", separator))
    assert found == [Fix("7", AT, -93.75, 41.5, 5.0, 10 * KNOT_MPS, 92.0)]
    assert rejected == {}


@pytest.mark.parametrize("time", ["1773840500", "1773840500.0", "1773840500000", "2026-03-18T13:28:20.0+00:00"])
def test_every_way_to_write_a_time(tmp_path, time):
    assert read(tmp_path, "a.csv", f"time,lat,lon\n{time},41.5,-93.75")[0] == [Fix("car", AT, -93.75, 41.5)]


def test_times_without_an_offset_are_in_the_zone_that_is_said(tmp_path):
    east = timezone(timedelta(hours=2))
    found, _ = read(tmp_path, "a.csv", "time,lat,lon\n2026-03-18T15:28:20,1,1\n2026-03-18T13:28:20Z,1,1", zone=east)
    assert [fix.at for fix in found] == [AT, AT]


def test_bytes_of_no_text_do_not_stop_a_table(tmp_path):
    content = b"time,lat,lon,note\n1773840500,1,2,\0\xff\n1773840501,1,2,\n"
    assert [fix.at - AT for fix in read(tmp_path, "a.csv", content)[0]] == [0, 1]


def test_date_and_time_in_columns_of_their_own(tmp_path):
    assert read(tmp_path, "a.csv", "Date,Time,lat,lon\n2026-03-18,13:28:20,1,2") == ([Fix("car", AT, 2, 1)], {})


def test_rows_that_cannot_be_used_are_counted(tmp_path):
    rows = [
        "time,lat,lon,speed",
        f"{AT},41.5,-93.75,3",
        f"{AT},91,0,3",
        "soon,41.5,0,3",
        f"{AT},,,3",
        f"{AT}",
        "",
    ]
    found, rejected = read(tmp_path, "a.csv", "\n".join(rows))
    assert found == [Fix("car", AT, -93.75, 41.5)], "a speed without its unit is left out"
    assert rejected == {"not readable": 1, "no time": 1, "no position": 2}


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("", "The table a.csv has no column for time and lat and lon."),
        ("when,lat,lon\n1,1,1", "The table a.csv has no column for time. Columns are found by name; it may be time"),
        ("time,lat,lon\n", "The file a.csv holds no position with a time."),
        ("time,lat,lon\nsoon,1,1\n", "holds no position with a time (1 × no time)."),
        ('time,lat,lon\n1,1,"' + "1,1,1\n" * 30_000, "has a quotation mark that is never closed"),
    ],
)
def test_what_is_wrong_with_a_table_is_said(tmp_path, content, sentence):
    assert sentence in refusal(tmp_path, "a.csv", content)


# --- NMEA and files in general


def test_an_nmea_log_without_a_last_line_end(tmp_path):
    log = b"$" + with_checksum(b"GPRMC,132820.00,A,4130.00,N,09345.00,W,0.0,,180326,,,A")
    assert read(tmp_path, "a.log", log)[0] == [Fix("car", AT, -93.75, 41.5, None, 0.0)]
    assert read(tmp_path, "a.nmea.gz", gzip.compress(log))[0] == [Fix("car", AT, -93.75, 41.5, None, 0.0)]


def test_what_is_wrong_in_an_nmea_log_is_counted(tmp_path):
    good = b"$" + with_checksum(b"GPRMC,132820.00,A,4130.00,N,09345.00,W,0.0,,180326,,,A") + b"\n"
    found, rejected = read(tmp_path, "a.log", b"y" * 2_000 + b"\n" + good.replace(b"4130", b"4131") + good)
    assert len(found) == 1
    assert rejected == {"too long": 1, "wrong checksum": 1}


def test_files_that_cannot_be_read(tmp_path):
    with pytest.raises(InputError, match="There is no file"):
        list(TrackFile(tmp_path / "none.log", "car").fixes())
    with pytest.raises(InputError, match="cannot be read"):
        list(TrackFile(tmp_path, "car").fixes())
    whole = gzip.compress(b"time,lat,lon\n" + b"1,1,1\n" * 1_000)
    for broken in (whole[:-12], b"\0" * 50, whole[:20] + b"\xff\xff\xff" + whole[23:]):
        assert "The gzip file a.csv.gz is damaged or incomplete." in refusal(tmp_path, "a.csv.gz", broken)


def test_real_files(shared_data):
    counts = {}
    for path in sorted((shared_data / "gps").iterdir()):
        track = TrackFile(path, "car")
        try:
            counts[path.name] = len(list(track.fixes()))
        except InputError as error:
            counts[path.name] = error.message
        assert track.rejected == {}
    assert counts == {
        "around-visnjan-with-car.gpx": 104,
        "sf_taxi_cabspotting_3units.csv.gz": 70_128,
        "track-with-empty-segment.gpx": 9,
        "unicode_with_bom.gpx": "The file unicode_with_bom.gpx holds no position with a time.",
    }


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sampled_from(["gpx", "csv", "log", "csv.gz"]), st.data())
def test_any_bytes_give_reports_or_a_sentence(tmp_path, kind, data):
    seed = {"gpx": TRACK.format(POINT.format("")), "csv": f"time,lat,lon\n{AT},1,1\n", "log": "$GPRMC,"}.get(
        kind, ""
    ).encode()
    if kind == "csv.gz":
        seed = gzip.compress(b"time,lat,lon\n1,1,1\n")
    cut = data.draw(st.integers(0, len(seed)))
    content = seed[:cut] + data.draw(st.binary(max_size=20)) + seed[cut + data.draw(st.integers(0, 5)) :]
    with suppress(InputError):
        found, _ = read(tmp_path, f"a.{kind}", content)
        assert all(abs(fix.latitude) <= 90 and abs(fix.longitude) <= 180 for fix in found)
