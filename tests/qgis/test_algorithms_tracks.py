"""Tracks through Processing: logs and points to visits in cells, a ledger, looks, and sentences."""

from __future__ import annotations

import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from conftest import Listener
from made_layers import box, memory_layer
from qgis.core import (
    QgsCoordinateReferenceSystem,
    QgsCoordinateTransform,
    QgsFeature,
    QgsPointXY,
    QgsProcessingException,
    QgsProcessingFeedback,
    QgsProject,
    QgsVectorLayer,
)
from qgis.PyQt.QtCore import QDateTime, Qt

GRID_FIELDS = "cell_id:string,col:integer,row:integer,district:string,share_inside:double"
DRIVE = [("12:00:00", 2000.5), ("12:02:00", 2000.6), ("12:04:00", 2001.5), ("12:05:00", 2006.5), ("12:06:00", 2006.5)]


def grid_in(crs: str) -> QgsVectorLayer:
    """Three cells in a row."""
    rows = [
        (box(250 * n, 4_350_000, 250 * n + 250, 4_350_250), [f"{n}E17400N", n, 17400, "West", 1.0])
        for n in range(2000, 2003)
    ]
    return memory_layer("Polygon", rows, GRID_FIELDS, crs, "Cells")


@pytest.fixture
def grid() -> Iterator[QgsVectorLayer]:
    layer = grid_in("EPSG:32618")
    QgsProject.instance().addMapLayer(layer)
    yield layer
    QgsProject.instance().removeMapLayer(layer.id())


def degrees(column: float) -> QgsPointXY:
    """Where a place of the row of cells is."""
    systems = QgsCoordinateReferenceSystem("EPSG:32618"), QgsCoordinateReferenceSystem("EPSG:4326")
    return QgsCoordinateTransform(*systems, QgsProject.instance()).transform(QgsPointXY(250 * column, 17400.5 * 250))


@pytest.fixture
def log(tmp_path: Path) -> Path:
    places = [(time, degrees(column)) for time, column in DRIVE]
    rows = [f"Car 1,2025-03-01T{time}Z,{at.y()},{at.x()}" for time, at in places]
    path = tmp_path / "march.csv"
    path.write_text("\n".join(["unit,time,lat,lon", *rows, rows[0], "Car 1,soon,39,-75"]))
    return path


def points(crs: str = "EPSG:32618") -> QgsVectorLayer:
    rows = [
        (f"POINT({250 * column} {17400.5 * 250})", ["Car 1", f"2025-03-01 {time}", 1_740_830_400 + 60 * minute])
        for (time, column), minute in zip(DRIVE, (0, 2, 4, 5, 6))
    ]
    return memory_layer("Point", rows, "car:string,heard:string,epoch:integer", crs, "AVL")


def run(grid: QgsVectorLayer, **more: Any) -> tuple[list[QgsFeature], dict[str, Any]]:
    import processing

    answer = processing.run("patrolmissions:importtracks", {"GRID": grid, "VISITS": "memory:", **more})
    return list(answer["VISITS"].getFeatures()), answer


def told(features: list[QgsFeature]) -> list[tuple[Any, ...]]:
    return [
        (each["cell_id"], each["unit"], each["start"].toString("HH:mm:ss"), each["minutes"], each["kind"])
        for each in features
    ]


WANTED = [("2000E17400N", "Car 1", "12:00:00", 4.0, "visit"), ("2001E17400N", "Car 1", "12:04:00", 1.0, "pass")]


def test_a_log_comes_to_visits(
    processing: Any, engine_python: Path, grid: QgsVectorLayer, log: Path, feedback: Listener
) -> None:
    answer = processing.run(
        "patrolmissions:importtracks", {"GRID": grid, "FILES": [str(log)], "VISITS": "memory:"}, feedback=feedback
    )
    layer = answer["VISITS"]
    found = list(layer.getFeatures())
    assert told(found) == WANTED
    assert [field.name() for field in layer.fields()] == [
        "cell_id", "unit", "start", "end", "minutes", "kind", "ended_by",
    ]  # fmt: skip
    assert layer.crs() == grid.crs()
    assert found[0].geometry().asPoint() == QgsPointXY(2000.5 * 250, 17400.5 * 250)
    assert found[0]["end"].toString("HH:mm:ss") == "12:04:00"
    assert (answer["VISIT_COUNT"], answer["PASS_COUNT"], answer["REFUSED"], answer["WARNINGS"]) == (1, 1, 2, "")
    assert (
        "6 reports of 1 units: 1 visits with 4 minutes, 1 passes; 1 stays were outside of the grid." in feedback.lines
    )
    assert {"Not used, heard twice: 1", "Not used, no time: 1"} <= set(feedback.lines)
    assert feedback.progress[-1] > 50
    assert feedback.progress == sorted(feedback.progress)


@pytest.mark.parametrize("time", ["heard", "epoch"])
def test_points_say_the_same(processing: Any, engine_python: Path, grid: QgsVectorLayer, time: str) -> None:
    found, _ = run(grid, TRACKS=points(), UNIT_FIELD="car", TIME_FIELD=time)
    assert told(found) == WANTED


def test_a_grid_in_a_system_of_one_s_own(processing: Any, engine_python: Path) -> None:
    system = QgsCoordinateReferenceSystem()
    assert system.createFromProj("+proj=tmerc +lat_0=0 +lon_0=-75 +k=0.9996 +x_0=500000 +datum=WGS84 +units=m")
    grid = grid_in("EPSG:32618")
    grid.setCrs(system)
    tracks = points()
    tracks.setCrs(system)
    found, _ = run(grid, TRACKS=tracks, UNIT_FIELD="car", TIME_FIELD="heard")
    assert told(found) == WANTED


def test_times_and_rules_are_the_user_s(processing: Any, engine_python: Path, grid: QgsVectorLayer) -> None:
    given = {"TRACKS": points(), "UNIT_FIELD": "car", "TIME_FIELD": "heard"}
    found, _ = run(grid, **given, TIME_ZONE="America/New_York", SHORTEST=1)
    assert [each[2] for each in told(found)] == ["17:00:00", "17:04:00"]
    assert [each[4] for each in told(found)] == ["visit", "visit"]
    found, _ = run(grid, **given, GAP=100)
    assert [each["ended_by"] for each in found] == ["gap", "gap", "left"]


def test_visits_go_into_the_dose_map(processing: Any, engine_python: Path, grid: QgsVectorLayer) -> None:
    _, answer = run(grid, TRACKS=points(), UNIT_FIELD="car", TIME_FIELD="heard")
    doses = processing.run(
        "patrolmissions:dosemap", {"GRID": grid, "VISITS": answer["VISITS"], "TIME_ZONE": "UTC", "OUTPUT": "memory:"}
    )
    assert {each["cell_id"]: each["minutes_24h"] for each in doses["OUTPUT"].getFeatures()} == {
        "2000E17400N": 4, "2001E17400N": 0, "2002E17400N": 0,
    }  # fmt: skip


def test_a_ledger_takes_them_once(
    processing: Any, engine_python: Path, grid: QgsVectorLayer, log: Path, tmp_path: Path
) -> None:
    ledger = tmp_path / "ledger.sqlite"
    added = [run(grid, FILES=str(log), LEDGER=str(ledger))[1]["ADDED"] for _ in range(2)]
    assert added == [2, 0]
    with closing(sqlite3.connect(ledger)) as connection:
        assert connection.execute("SELECT unit, source, count(*) FROM patrol_stays").fetchone() == (
            "Car 1",
            "import",
            2,
        )


def test_what_cannot_work_is_told(processing: Any, engine_python: Path, grid: QgsVectorLayer, tmp_path: Path) -> None:
    none = tmp_path / "none.gpx"
    for given, sentence in (
        ({}, "There is nothing to import"),
        ({"TRACKS": points()}, "Say which fields"),
        ({"TRACKS": points(), "UNIT_FIELD": "car", "TIME_FIELD": "car"}, "No position can be used (no time: 5)"),
        ({"FILES": [str(none)]}, "There is no file"),
    ):
        with pytest.raises(QgsProcessingException) as caught:
            run(grid, **given)
        assert sentence in str(caught.value)


def test_a_run_can_be_cancelled(processing: Any, engine_python: Path, grid: QgsVectorLayer, log: Path) -> None:
    feedback = QgsProcessingFeedback()
    feedback.cancel()
    answer = processing.run(
        "patrolmissions:importtracks", {"GRID": grid, "FILES": [str(log)], "VISITS": "memory:"}, feedback=feedback
    )
    assert "VISITS" not in answer


def test_moments_are_in_utc(processing: Any, engine_python: Path, grid: QgsVectorLayer) -> None:
    found, _ = run(grid, TRACKS=points(), UNIT_FIELD="car", TIME_FIELD="heard")
    assert isinstance(found[0]["start"], QDateTime)
    assert found[0]["start"].date().toString(Qt.DateFormat.ISODate) == "2025-03-01"


# --- the ledger, read again

MISSION_FIELDS = (
    "mission_id:string,cell_id:string,start:datetime,end:datetime,dose_minutes:double,top_category:string,"
    "visits:integer"
)


def missions() -> QgsVectorLayer:
    """Two missions of one shift; the second is to be visited twice."""
    start = QDateTime.fromString("2025-03-01T08:00:00Z", Qt.DateFormat.ISODate)
    rows = [
        (box(250 * n, 4_350_000, 250 * n + 250, 4_350_250),
         [f"m{n}", f"{n}E17400N", start, start.addSecs(8 * 3600), 10.0, "Robbery", visits])
        for n, visits in ((2000, None), (2002, 2))
    ]  # fmt: skip
    return memory_layer("Polygon", rows, MISSION_FIELDS, "EPSG:32618", "Missions")


def test_a_ledger_is_read_and_held_against_missions(
    processing: Any, engine_python: Path, grid: QgsVectorLayer, log: Path, tmp_path: Path
) -> None:
    ledger = tmp_path / "ledger.sqlite"
    run(grid, FILES=[str(log)], LEDGER=str(ledger))
    asked = {"LEDGER": str(ledger), "VISITS": "memory:", "REPORT": "memory:"}
    answer = processing.run("patrolmissions:shiftreport", {**asked, "MISSIONS": missions()})
    assert told(list(answer["VISITS"].getFeatures())) == WANTED[:1]
    assert answer["VISITS"].crs() == grid.crs()
    assert (answer["VISIT_COUNT"], answer["MINUTES"]) == (1, 4.0)
    lines = {
        (row["part"], row["name"]): (row["planned_minutes"], row["delivered_minutes"], row["visits"])
        for row in answer["REPORT"].getFeatures()
    }
    assert lines[("mission", "m2000")] == (10.0, 4.0, 1)
    assert lines[("mission", "m2002")] == (20.0, 0.0, 0)
    assert lines[("category", "Robbery")] == (30.0, 4.0, 1)
    assert not any(part == "unit" for part, _ in lines)
    by_unit = processing.run("patrolmissions:shiftreport", {**asked, "MISSIONS": missions(), "BY_UNIT": True})
    assert ("unit", "Car 1") in {(row["part"], row["name"]) for row in by_unit["REPORT"].getFeatures()}
    later = processing.run("patrolmissions:shiftreport", {**asked, "REPORT": None, "START": "2025-03-02T00:00:00Z"})
    assert (later["VISIT_COUNT"], later["REPORT"]) == (0, "")


def test_all_cells_of_a_drawn_box_count(
    processing: Any, engine_python: Path, grid: QgsVectorLayer, log: Path, tmp_path: Path
) -> None:
    ledger = tmp_path / "ledger.sqlite"
    run(grid, FILES=[str(log)], LEDGER=str(ledger))
    start = QDateTime.fromString("2025-03-01T08:00:00Z", Qt.DateFormat.ISODate)
    told = [start, start.addSecs(8 * 3600), 10.0, "Robbery", None]
    rows = [
        (box(250 * 2002, 4_350_000, 250 * 2003, 4_350_250), ["m1", "2002E17400N", *told, None]),
        (box(250 * 2000 - 40, 4_350_010, 250 * 2003, 4_350_260), ["m2", "2002E17400N", *told, "o1"]),
    ]
    layer = memory_layer("Polygon", rows, f"{MISSION_FIELDS},box:string", "EPSG:32618", "Missions")
    answer = processing.run(
        "patrolmissions:shiftreport",
        {"LEDGER": str(ledger), "VISITS": "memory:", "REPORT": "memory:", "MISSIONS": layer},
    )
    lines = {
        row["name"]: row["delivered_minutes"] for row in answer["REPORT"].getFeatures() if row["part"] == "mission"
    }
    assert lines["m1"] == 0.0
    assert lines["m2"] == 5.0, "and the minute in the next cell, which alone is a pass"


def trail(layer: QgsVectorLayer) -> list[tuple[str, ...]]:
    return [
        (row["unit"], *(row[name].toString("HH:mm:ss") for name in ("start", "end", "until")))
        for row in layer.getFeatures()
    ]


TRAIL = [
    ("Car 1", "12:00:00", "12:10:00", "12:02:00"),
    ("Car 1", "12:02:00", "12:12:00", "12:04:00"),
    ("Car 1", "12:04:00", "12:14:00", "12:05:00"),
    ("Car 1", "12:05:00", "12:15:00", "12:06:00"),
    ("Car 1", "12:06:00", "12:16:00", "12:09:00"),
]


def test_a_log_comes_to_trails(processing: Any, engine_python: Path, grid: QgsVectorLayer, log: Path) -> None:
    answer = processing.run(
        "patrolmissions:importtracks", {"GRID": grid, "FILES": [str(log)], "VISITS": "memory:", "TRAILS": "memory:"}
    )
    assert trail(answer["TRAILS"]) == TRAIL
    assert answer["POINTS"] == len(TRAIL)
    assert answer["TRAILS"].crs().authid() == "EPSG:4326"
    spot = next(answer["TRAILS"].getFeatures()).geometry().asPoint()
    assert spot.distance(degrees(DRIVE[0][1])) < 1e-6
    without = processing.run("patrolmissions:importtracks", {"GRID": grid, "FILES": [str(log)], "VISITS": "memory:"})
    assert (without["TRAILS"], without["POINTS"]) == ("", 0)


def test_trails_of_a_ledger_say_what_was_deleted(
    processing: Any, engine_python: Path, stage: Path, tmp_path: Path
) -> None:
    ledger = tmp_path / "ledger.sqlite"
    write = (
        "import sys; sys.path.insert(0, sys.argv[1]); import patrol_missions; del sys.path[0]\n"
        "from patrol_missions.engine.tracking.ledger import Ground, open_ledger\n"
        "from patrol_missions.engine.tracking.ledger_rows import Batch, Heard\n"
        "from patrol_missions.engine.tracking.fixes import Fix\n"
        "with open_ledger(sys.argv[2], Ground('EPSG:32618'), create=True) as ledger:\n"
        "    ledger.write(Batch([Heard(Fix('Car 1', at, -75.0, 39.3), at) for at in (1740830400.0, 1740834000.0)]))\n"
        "    ledger.forget(1740832200.0)\n"
    )
    subprocess.run([str(engine_python), "-c", write, str(stage), str(ledger)], check=True)

    def run_from(start: str, end: str) -> dict[str, Any]:
        asked = {"LEDGER": str(ledger), "VISITS": "memory:", "TRAILS": "memory:", "START": start, "END": end}
        return processing.run("patrolmissions:shiftreport", asked)  # type: ignore[no-any-return]

    answer = run_from("2025-03-01T11:00:00Z", "2025-03-01T15:00:00Z")
    assert trail(answer["TRAILS"]) == [("Car 1", "13:00:00", "13:10:00", "13:03:00")]
    assert "before 2025-03-01 12:30 UTC were deleted" in answer["WARNINGS"]
    assert run_from("2025-03-01T12:45:00Z", "2025-03-01T15:00:00Z")["WARNINGS"] == ""
    nothing = run_from("2025-03-02T00:00:00Z", "2025-03-02T08:00:00Z")
    assert nothing["POINTS"] == 0
    assert nothing["WARNINGS"] == "The ledger has no position report of that time."


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"REPORT": "memory:"}, "The report needs the missions"),
        ({"LEDGER": "gone.sqlite"}, "gone.sqlite"),
        ({"START": "2025-03-02T00:00:00Z", "END": "2025-03-01T00:00:00Z"}, "The end is not after the start"),
    ],
)
def test_a_ledger_that_cannot_be_read_is_told(
    processing: Any, engine_python: Path, grid: QgsVectorLayer, log: Path, tmp_path: Path, given: Any, sentence: str
) -> None:
    ledger = tmp_path / "ledger.sqlite"
    run(grid, FILES=[str(log)], LEDGER=str(ledger))
    with pytest.raises(QgsProcessingException, match=sentence):
        processing.run("patrolmissions:shiftreport", {"LEDGER": str(ledger), "VISITS": "memory:", **given})
