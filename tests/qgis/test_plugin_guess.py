"""Which field is which, for the field names of cities' own files."""

from __future__ import annotations

import pytest

from patrol_missions.gui.guess import guess_field, guess_fields

ROLES = ("category", "id", "reported", "end", "start", "x", "y")


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (
            ["event_id", "category", "datetime_start", "lon", "lat", "ucr", "district", "hour_raw", "block"],
            {"category": "category", "id": "event_id", "start": "datetime_start", "x": "lon", "y": "lat"},
        ),
        (
            ["dc_dist", "psa", "dispatch_date_time", "dispatch_date", "dc_key", "location_block", "text_general_code",
             "point_x", "point_y"],
            {"category": "text_general_code", "id": "dc_key", "start": "dispatch_date_time", "x": "point_x",
             "y": "point_y"},
        ),
        (
            ["CMPLNT_NUM", "CMPLNT_FR_DT", "CMPLNT_TO_DT", "RPT_DT", "OFNS_DESC", "Latitude", "Longitude"],
            {"category": "OFNS_DESC", "start": "CMPLNT_FR_DT", "end": "CMPLNT_TO_DT", "reported": "RPT_DT",
             "x": "Longitude", "y": "Latitude"},
        ),
        (
            ["DR_NO", "Date Rptd", "DATE OCC", "AREA NAME", "Crm Cd Desc", "LAT", "LON"],
            {"category": "Crm Cd Desc", "id": "DR_NO", "reported": "Date Rptd", "start": "DATE OCC", "x": "LON",
             "y": "LAT"},
        ),
        (
            ["Case Number", "Date", "Block", "Primary Type", "Location Description", "Beat", "District"],
            {"category": "Primary Type", "id": "Case Number", "start": "Date"},
        ),
        (["name", "shape_area"], {}),
    ],
)  # fmt: skip
def test_fields_of_cities(names, expected):
    found = guess_fields(names, ROLES)
    assert {role: name for role, name in found.items() if name} == expected


def test_a_field_has_one_role():
    found = guess_fields(["date"], ("reported", "end", "start"))
    assert list(found.values()).count("date") == 1


@pytest.mark.parametrize(
    ("names", "expected"), [(["fid", "DIST_NUM"], "DIST_NUM"), (["gid", "label"], "label"), ([], "")]
)
def test_district_names(names, expected):
    assert guess_field(names, "district") == expected
