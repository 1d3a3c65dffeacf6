"""The check finds by itself what is wrong with two real city records."""

from __future__ import annotations

import sqlite3
import struct
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from incident_makers import findings
from matplotlib.path import Path as Outline

from patrol_missions.core.jobs import JobResult
from patrol_missions.core.tables import Table, encode_text
from patrol_missions.engine.context import JobContext
from patrol_missions.engine.data import check_job
from patrol_missions.engine.data.zones import zone

SIZE_M = 250.0


def metres(lon: np.ndarray, lat: np.ndarray, middle: tuple[float, float]) -> tuple[np.ndarray, np.ndarray]:
    """Equirectangular metres around a city, good to a few metres over its width."""
    x = (lon - middle[0]) * 111_320 * np.cos(np.radians(middle[1])) + 500_000
    return x, (lat - middle[1]) * 110_950 + 4_000_000


def outer_rings(blob: bytes) -> list[np.ndarray]:
    """Outer rings (points x 2) of a polygon or multipolygon as GeoPackage stores it."""
    envelope = {0: 0, 1: 32, 2: 48, 3: 48, 4: 64}[(blob[3] >> 1) & 7]
    rings: list[np.ndarray] = []

    def polygon(at: int) -> int:
        count = struct.unpack_from("<I", blob, at + 5)[0]
        at += 9
        for number in range(count):
            points = struct.unpack_from("<I", blob, at)[0]
            if number == 0:
                rings.append(np.frombuffer(blob, "<f8", 2 * points, at + 4).reshape(-1, 2))
            at += 4 + 16 * points
        return at

    at = 8 + envelope
    if struct.unpack_from("<I", blob, at + 1)[0] == 3:
        polygon(at)
    else:
        many = struct.unpack_from("<I", blob, at + 5)[0]
        at += 9
        for _ in range(many):
            at = polygon(at)
    return rings


def district_cells(path: Path, name_field: str, middle: tuple[float, float]) -> Table:
    """Cells whose centre lies in a police district."""
    with sqlite3.connect(path) as database:
        rows = database.execute(f"SELECT geom, {name_field} FROM police_districts").fetchall()
    outlines = [
        (str(name), np.column_stack(metres(*ring.T, middle))) for blob, name in rows for ring in outer_rings(blob)
    ]
    low, high = (np.array([pick(ring, axis=0) for _, ring in outlines]) for pick in (np.min, np.max))
    grid = np.meshgrid(*(np.arange(low[:, i].min() // SIZE_M, high[:, i].max() // SIZE_M + 1) for i in (0, 1)))
    column, row = (part.ravel().astype(np.int64) for part in grid)
    names = sorted({name for name, _ in outlines})
    district = np.full(len(column), -1, dtype=np.int32)
    for name, ring in outlines:
        district[Outline(ring).contains_points((np.column_stack([column, row]) + 0.5) * SIZE_M)] = names.index(name)
    inside = district >= 0
    return Table(
        {
            "col": column[inside],
            "row": row[inside],
            "district": district[inside],
            "share_inside": np.ones(int(inside.sum())),
        },
        {"district": tuple(names)},
    )


def raw_table(frame: pd.DataFrame, middle: tuple[float, float], district: str | None = None) -> Table:
    lon, lat = frame["lon"].to_numpy(), frame["lat"].to_numpy()
    x, y = metres(lon, lat, middle)
    codes, labels = encode_text(frame["category"].tolist())
    columns: dict[str, np.ndarray] = {"x": x, "y": y, "raw_x": lon, "raw_y": lat, "category": codes}
    columns["start"] = frame["datetime_start"].to_numpy().astype(str)
    columns["event_id"] = frame["event_id"].to_numpy().astype(str)
    texts = {"category": labels}
    if district:
        columns["district"], texts["district"] = encode_text(frame[district].tolist())
    return Table(columns, texts)


def run(raw: Table, cells: Table, time_zone: str, folder: Path, **more: Any) -> JobResult:
    parameters = {
        "cell_size_m": SIZE_M,
        "time_zone": time_zone,
        "times_are": "local",
        "category_map": [],
        "layer_name": "Real",
        **more,
    }
    return check_job.run(parameters, {"incidents_raw": raw, "cells": cells}, JobContext(folder))


def said(result: JobResult) -> dict[str, Any]:
    """The job's values."""
    return dict(result.values)


PHILADELPHIA = (-75.15, 40.0)


@pytest.fixture(scope="module")
def philadelphia(shared_data: Path) -> tuple[pd.DataFrame, Table]:
    text = dict.fromkeys(("event_id", "category", "datetime_start", "district"), str)
    frame = pd.read_csv(shared_data / "philadelphia_2016_2020.csv.gz", usecols=[*text, "lon", "lat"], dtype=text)
    return frame, district_cells(shared_data / "context_philadelphia.gpkg", "dist_num", PHILADELPHIA)


@pytest.fixture(scope="module")
def checked(
    philadelphia: tuple[pd.DataFrame, Table], tmp_path_factory: pytest.TempPathFactory
) -> tuple[JobResult, float, Path]:
    frame, cells = philadelphia
    raw = raw_table(frame, PHILADELPHIA)
    folder = tmp_path_factory.mktemp("philadelphia")
    begin = time.process_time()
    result = run(raw, cells, "America/New_York", folder)
    return result, time.process_time() - begin, folder


def test_philadelphia_in_a_few_seconds(checked: tuple[JobResult, float, Path]) -> None:
    result, seconds, folder = checked
    assert said(result)["rows_read"] == 770_799 and said(result)["verdict"] == "caution"
    assert seconds < 10  # about 3 s on an idle core
    assert (folder / "report.html").stat().st_size < 500_000


def test_philadelphias_faults_are_found(checked: tuple[JobResult, float, Path]) -> None:
    found = findings(checked[0])
    assert (
        "Homicide - Criminal (all 1,799 rows)" in found["Midnight spike"]["finding"]
        and found["Midnight spike"]["rows"] == 1802
    )
    # 2,463 rows of all districts lie at one point that the police map puts at the city's edge.
    assert found["Bogus geocode"]["rows"] == 2463 and "-75.26380374, 40.05509472" in found["Bogus geocode"]["finding"]
    # The largest real pile is the yard of a police station.
    assert "-75.07816588, 40.02237091" in found["Pile-up"]["finding"] and "3,619" in found["Pile-up"]["finding"]
    for name in (
        "Narcotic / Drug Law Violations (44,038)",
        "DRIVING UNDER THE INFLUENCE (14,337)",
        "Prostitution and Commercialized Vice (3,608)",
    ):
        assert name in found["Enforcement-driven types"]["finding"]
    assert found["Rows repeated"]["rows"] + found["Repeated ids"]["rows"] == 20
    assert 20_000 < found["One event, several rows"]["rows"] < 21_000
    assert found["No coordinates"]["rows"] == 5485 and found["Stray dates"]["rows"] == 81
    assert found["Geocoding"]["severity"] == "good" and found["Time zone"]["severity"] == "good"
    assert "Noon spike" not in found and "Null island" not in found and "Skipped hour" not in found


def test_philadelphia_cleaned(checked: tuple[JobResult, float, Path], philadelphia: tuple[pd.DataFrame, Table]) -> None:
    table, frame = checked[0].tables["incidents"], philadelphia[0]
    assert table["time_known"].all()
    local = zone("America/New_York").to_local(table["start"]).astype(str)
    as_read = frame["datetime_start"].to_numpy()[table["source_row"]]
    # The hour that is shown twice in autumn is read as its first showing, the one skipped in spring as the change.
    assert (local != as_read).sum() < 30
    assert set(said(checked[0])["categories"]) == {
        "Theft",
        "Theft from vehicle",
        "Aggravated assault",
        "Burglary",
        "Robbery",
        "Motor vehicle theft",
    }


def test_philadelphia_with_homicide_switched_on_knows_only_its_days(
    philadelphia: tuple[pd.DataFrame, Table], tmp_path: Path
) -> None:
    frame, cells = philadelphia
    violent = frame[frame["category"].isin(["Homicide - Criminal", "Robbery Firearm"])]
    wanted = [{"raw": "Homicide - Criminal", "category": "Homicide", "use": "yes", "reason": ""}]
    table = run(raw_table(violent, PHILADELPHIA), cells, "America/New_York", tmp_path, category_map=wanted).tables[
        "incidents"
    ]
    homicide = table.text("category") == "Homicide"
    assert homicide.sum() > 1700 and not table["time_known"][homicide].any() and table["time_known"][~homicide].all()


def test_the_sources_own_district_shows_where_addresses_fail(
    philadelphia: tuple[pd.DataFrame, Table], tmp_path: Path
) -> None:
    frame, cells = philadelphia
    sample = frame.iloc[::4]
    found = findings(run(raw_table(sample, PHILADELPHIA, "district"), cells, "America/New_York", tmp_path))
    assert "22 different districts" in found["Bogus geocode"]["finding"]
    assert "1 district stays below 85.0 %: 77 (" in found["Geocoding by district"]["finding"]


def test_philadelphia_read_as_utc_is_noticed(philadelphia: tuple[pd.DataFrame, Table], tmp_path: Path) -> None:
    frame, cells = philadelphia
    found = findings(
        run(raw_table(frame.iloc[::4], PHILADELPHIA), cells, "America/New_York", tmp_path, times_are="utc")
    )
    assert found["Time zone"]["severity"] == "caution" and "Read as local time" in found["Time zone"]["finding"]


def test_portland_has_dates_only(shared_data: Path, tmp_path: Path) -> None:
    text = dict.fromkeys(("event_id", "category", "datetime_start"), str)
    frame = pd.read_csv(
        shared_data / "portland_nij_crimes_2012_2017feb.csv.gz", usecols=[*text, "lon", "lat"], dtype=text
    )
    middle = (-122.65, 45.53)
    x, y = metres(frame["lon"].to_numpy(), frame["lat"].to_numpy(), middle)
    near = (np.abs(x - 500_000) < 20_000) & (np.abs(y - 4_000_000) < 15_000)
    cells_xy = np.unique(np.column_stack([x[near] // SIZE_M, y[near] // SIZE_M]).astype(np.int64), axis=0)
    cells = Table({"col": cells_xy[:, 0], "row": cells_xy[:, 1], "share_inside": np.ones(len(cells_xy))})
    result = run(raw_table(frame, middle), cells, "America/Los_Angeles", tmp_path)
    found, table = findings(result), result.tables["incidents"]
    assert said(result)["verdict"] == "caution"
    assert found["Date only"]["rows"] == len(frame) and "Midnight spike" not in found and "Time zone" not in found
    assert not table["time_known"].any() and (table["district"] == -1).all()
    assert "One event, several rows" not in found  # same day and place is not the same event
    assert set(said(result)["categories"]) == {"Motor vehicle theft", "Burglary"}
    assert "STREET CRIMES (157,512)" in found["Mixed types"]["finding"]
    assert said(result)["first_date"] == "2012-03-01" and said(result)["last_date"] == "2017-02-28"
