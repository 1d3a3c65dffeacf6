"""Tracks of the past to visits, against a plain reckoning of its own on three weeks of taxis, and odd input."""

from __future__ import annotations

import csv
import gzip
import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tracking_reference import SIZE, pieces, stays, utm_10

from patrol_missions.core.errors import InputError
from patrol_missions.core.jobs import JobResult
from patrol_missions.core.tables import Table, encode_text
from patrol_missions.engine.context import JobContext
from patrol_missions.engine.tracking.import_job import run
from patrol_missions.engine.tracking.ledger import open_ledger
from patrol_missions.engine.tracking.ledger_rows import Entry
from patrol_missions.engine.tracking.projection import projection
from patrol_missions.engine.tracking.stays import Point, Rules, Stay
from patrol_missions.engine.tracking.track import Track

UTM = "EPSG:32610"
LATENESS_S = 120.0
TAXIS = "gps/sf_taxi_cabspotting_3units.csv.gz"
Visit = tuple[str, int, int, int, int]


def work(folder: Path, files: list[Path] | None = None, fixes: Table | None = None, **more: Any) -> JobResult:
    tables = {} if fixes is None else {"fixes": fixes}
    cells = more.pop("cells", None)
    if cells is not None:
        columns = np.array(cells).T
        tables["cells"] = Table({"col": columns[0], "row": columns[1]})
    given = {"crs": UTM, "cell_size_m": SIZE, "files": [str(each) for each in files or []], **more}
    return run(given, tables, JobContext(folder))


def visits(found: Table) -> list[Visit]:
    start, end = (found[name].astype(np.int64).tolist() for name in ("start", "end"))
    return list(zip(found.text("unit").tolist(), found["col"].tolist(), found["row"].tolist(), start, end))


# --- against the plain reckoning


@pytest.fixture(scope="module")
def rows(shared_data: Path) -> list[dict[str, str]]:
    with gzip.open(shared_data / TAXIS, "rt") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def reckoned(rows: list[dict[str, str]]) -> list[Visit]:
    found = []
    for unit in sorted({row["unit_id"] for row in rows}):
        theirs = {int(row["unix_time"]): row for row in reversed(rows) if row["unit_id"] == unit}
        points = [(float(at), *utm_10(float(row["lon"]), float(row["lat"]))) for at, row in sorted(theirs.items())]
        found += [
            (unit, col, row, int(start), int(end)) for piece in pieces(points) for col, row, start, end in stays(piece)
        ]
    return sorted(found, key=lambda each: (each[3], each[0]))


def test_the_reference_projects_as_proj_does(rows: list[dict[str, str]]) -> None:
    places = np.array([(float(row["lon"]), float(row["lat"])) for row in rows[::500]])
    assert np.stack(projection(UTM)(*places.T), axis=1) == pytest.approx(
        np.array([utm_10(*each) for each in places.tolist()]), abs=1e-5, rel=0
    )


def written(path: Path, rows: list[dict[str, str]]) -> Path:
    with path.open("w", newline="") as file:
        table = csv.DictWriter(file, list(rows[0]))
        table.writeheader()
        table.writerows(rows)
    return path


def test_real_tracks_come_to_the_reckoned_visits(
    tmp_path: Path,
    shared_data: Path,
    rows: list[dict[str, str]],
    reckoned: list[Visit],
    capsys: pytest.CaptureFixture[str],
) -> None:
    result = work(tmp_path, [shared_data / TAXIS])
    found = result.tables["visits"]
    assert visits(found) == reckoned
    long = [each for each in reckoned if each[4] - each[3] >= 120]
    assert (result.values["visits"], result.values["passes"]) == (len(long), len(reckoned) - len(long))
    assert result.values["minutes"] == pytest.approx(sum(each[4] - each[3] for each in long) / 60)
    with capsys.disabled():
        print(f"\n{len(rows)} reports: {result.values}")  # noqa: T201


def test_order_doubles_and_files_are_of_no_matter(
    tmp_path: Path, rows: list[dict[str, str]], reckoned: list[Visit]
) -> None:
    mixed = [*rows, *rows[::3]]
    random.Random(1).shuffle(mixed)
    half = len(mixed) // 2
    files = [written(tmp_path / "a.csv", mixed[:half]), written(tmp_path / "b.csv", mixed[half:])]
    result = work(tmp_path, files)
    assert visits(result.tables["visits"]) == reckoned
    assert result.values["refused"]["heard twice"] == len(rows[::3]) + len(rows) - len(
        {(row["unit_id"], row["unix_time"]) for row in rows}
    )


def test_live_tracking_tells_the_same_of_reports_that_come_late_and_twice(
    rows: list[dict[str, str]], reckoned: list[Visit]
) -> None:
    rng = random.Random(2)
    project = projection(UTM)
    x, y = project(*(np.array([float(row[name]) for row in rows]) for name in ("lon", "lat")))
    points = [
        (row["unit_id"], Point(float(row["unix_time"]), *place))
        for row, place in zip(rows, zip(x.tolist(), y.tolist()))
    ]
    coming = [(each[1].at + rng.uniform(0, LATENESS_S - 1), each) for each in [*points, *points[::4]]]
    tracks: dict[str, Track] = {}
    found: list[tuple[str, Stay]] = []
    for _, (unit, point) in sorted(coming, key=lambda each: each[0]):
        track = tracks.setdefault(unit, Track(Rules(), LATENESS_S))
        track.add(point)
        found += [(unit, stay) for stay in track.settle()]
    found += [(unit, stay) for unit, track in tracks.items() for stay in track.close()]
    told = [(unit, *stay.cell, int(stay.start), int(stay.end)) for unit, stay in found]
    assert sorted(told, key=lambda each: (each[3], each[0])) == reckoned


# --- made tracks


def place_of(col: float, row: float) -> tuple[float, float]:
    """Longitude and latitude of a place in cells."""
    from pyproj import Transformer

    return Transformer.from_crs(UTM, "EPSG:4326", always_xy=True).transform(col * SIZE, row * SIZE)


def table(*given: tuple[str, str, float, float], **more: Any) -> Table:
    """Reports: unit, time, and where in cells."""
    places = np.array([place_of(col, row) for _, _, col, row in given]).reshape(-1, 2)
    codes, labels = encode_text([unit or None for unit, *_ in given])
    times = np.array([each[1] for each in given], dtype=str)
    columns = {"unit": codes, "at": times, "longitude": places[:, 0], "latitude": places[:, 1], **more}
    return Table(columns, {"unit": labels})


DRIVE = [
    ("A1", "2026-03-01 12:00:00", 2200.5, 16700.5),
    ("A1", "2026-03-01 12:02:00", 2200.6, 16700.5),
    ("A1", "2026-03-01 12:04:00", 2201.5, 16700.5),
    ("A1", "2026-03-01 12:05:00", 2202.5, 16700.5),
    ("A1", "2026-03-01 14:00:00", 2202.5, 16700.5),
    ("B2", "2026-03-01 12:00:00", 2200.5, 16700.5),
]


def noon(minutes: float) -> int:
    return int(np.datetime64("2026-03-01T12:00:00", "s").astype(np.int64) + 60 * minutes)


def test_points_of_a_layer_come_to_visits_and_passes(tmp_path: Path) -> None:
    result = work(tmp_path, fixes=table(*DRIVE))
    found = result.tables["visits"]
    assert visits(found) == [
        ("A1", 2200, 16700, noon(0), noon(4)),
        ("B2", 2200, 16700, noon(0), noon(0)),
        ("A1", 2201, 16700, noon(4), noon(5)),
        ("A1", 2202, 16700, noon(5), noon(5)),
        ("A1", 2202, 16700, noon(120), noon(120)),
    ]
    assert found.text("kind").tolist() == ["visit", "pass", "pass", "pass", "pass"]
    assert found.text("ended_by").tolist() == ["left", "end", "left", "gap", "end"]
    assert found["minutes"].tolist() == [4, 0, 1, 0, 0]
    assert (found["x"][0], found["y"][0]) == (2200.5 * SIZE, 16700.5 * SIZE)
    told = {name: result.values[name] for name in ("reports", "units", "visits", "passes", "minutes", "outside")}
    assert told == {"reports": 6, "units": 2, "visits": 1, "passes": 4, "minutes": 4, "outside": 0}


def test_rules_are_the_user_s(tmp_path: Path) -> None:
    result = work(
        tmp_path, fixes=table(*DRIVE), rules={"gap_s": 1e5, "shortest_s": 60, "after_s": 1e5, "beyond_m": 260}
    )
    assert result.values["visits"] == 2
    for rules in ({"gap_s": -1}, {"gap_s": float("nan")}, {"size_m": 3}, {"speed": 3}):
        with pytest.raises(InputError, match="is none that stays are told by"):
            work(tmp_path, fixes=table(*DRIVE), rules=rules)


def test_what_is_refused_is_told_by_why(tmp_path: Path) -> None:
    given = table(
        *DRIVE[:2],
        ("", DRIVE[2][1], 2201.5, 16700.5),
        ("A1", "soon", 2201.5, 16700.5),
        ("A1", "2099-01-01 00:00:00", 2201.5, 16700.5),
        DRIVE[2],
        DRIVE[1],
        accuracy_m=np.array([np.nan, 5, 5, 5, 5, 500, 6]),
    )
    result = work(tmp_path, fixes=given)
    why = {"no unit": 1, "no time": 1, "from the future": 1, "too inaccurate": 1, "heard twice": 1}
    assert result.values["refused"] == why
    refused = result.tables["refused"]
    assert dict(zip(refused.text("reason"), refused["reports"].tolist())) == why
    assert visits(result.tables["visits"]) == [("A1", 2200, 16700, noon(0), noon(2))]


def test_times_without_a_zone_are_in_the_one_given(tmp_path: Path) -> None:
    path = tmp_path / "night.csv"
    longitude, latitude = place_of(2200.5, 16700.5)
    path.write_text(f"unit,time,lon,lat\nA1,2026-07-01 05:00:00,{longitude},{latitude}\n")
    for given in ({"files": [path]}, {"fixes": table(("A1", "2026-07-01 05:00:00", 2200.5, 16700.5))}):
        (visit,) = visits(work(tmp_path, **given, time_zone="America/Los_Angeles").tables["visits"])
        assert visit[3] == np.datetime64("2026-07-01T12:00:00").astype(int)


def test_a_file_that_cannot_be_read_does_not_stop_the_others(tmp_path: Path) -> None:
    bad = tmp_path / "bad.csv"
    bad.write_text("a,b\n1,2\n")
    longitude, latitude = place_of(2200.5, 16700.5)
    (tmp_path / "Car 7.csv").write_text(f"time,lon,lat\n2026-07-01T12:00:00Z,{longitude},{latitude}\n")
    result = work(tmp_path, [bad, tmp_path / "Car 7.csv"])
    (warning,) = result.values["warnings"]
    assert "The table bad.csv has no column" in warning
    assert visits(result.tables["visits"])[0][0] == "Car 7"
    with pytest.raises(InputError, match=r"The table bad\.csv has no column"):
        work(tmp_path, [bad])
    with pytest.raises(InputError, match="No position can be used"):
        work(tmp_path, fixes=table(("", "2026-07-01 05:00:00", 2200.5, 16700.5)))


def test_what_happened_outside_the_grid_is_not_kept(tmp_path: Path) -> None:
    ledger = tmp_path / "ledger.sqlite"
    result = work(tmp_path, fixes=table(*DRIVE), cells=[(2200, 16700)], ledger=str(ledger))
    assert {visit[1] for visit in visits(result.tables["visits"])} == {2200}
    assert (result.values["outside"], result.values["added"], result.values["warnings"]) == (3, 2, [])
    with open_ledger(ledger) as found:
        assert {each.stay.cell for each in found.stays((0, 1e12))} == {(2200, 16700)}
    result = work(tmp_path, fixes=table(*DRIVE), cells=[(0, 0)])
    assert "No unit was ever inside the grid" in result.values["warnings"][0]


def test_an_import_into_a_ledger_doubles_nothing(tmp_path: Path) -> None:
    ledger = str(tmp_path / "ledger.sqlite")
    added = [work(tmp_path, fixes=table(*DRIVE), ledger=ledger).values["added"] for _ in range(2)]
    assert added == [5, 0]
    with open_ledger(ledger) as found:
        assert [each.source for each in found.stays((0, 1e12))] == ["import"] * 5
        (gap,) = found.gaps((0, 1e12))
        assert (gap.unit, gap.start, gap.end) == ("A1", noon(5), noon(120))
        assert all(isinstance(each, Entry) for each in found.stays((0, 1e12)))
    with pytest.raises(InputError, match="is of another grid"):
        work(tmp_path, fixes=table(*DRIVE), ledger=ledger, cell_size_m=100.0)


def test_a_grid_that_is_not_in_metres_is_told(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="not one of metres"):
        work(tmp_path, fixes=table(*DRIVE), crs="EPSG:4326")
