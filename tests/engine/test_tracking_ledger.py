"""The ledger in SQLite and in a real PostgreSQL: all of a batch or none, never twice, whole after a kill, forgetful."""

from __future__ import annotations

import os
import random
import resource
import sqlite3
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any, Union

import ledger_process
import numpy as np
import pytest
from audit_places import File, Server
from killing import END
from ledger_process import RULES, Tracking, go_on, reports

from patrol_missions.core.errors import InputError
from patrol_missions.core.tables import Table
from patrol_missions.engine.storage import database
from patrol_missions.engine.storage.sqlite import SqliteFile
from patrol_missions.engine.tracking import drawn_boxes, trails
from patrol_missions.engine.tracking.fixes import Belief, Fix
from patrol_missions.engine.tracking.ledger import Ground, Ledger, open_ledger
from patrol_missions.engine.tracking.ledger_rows import (
    CALLED_AWAY,
    GAP,
    Assignment,
    Batch,
    Entry,
    Gap,
    Heard,
    Note,
)
from patrol_missions.engine.tracking.stays import Rules, Stay
from patrol_missions.engine.tracking.timers import Mission
from patrol_missions.engine.tracking.tracker import Alarms, Tracker

Place = Union[File, Server]
GROUND = Ground("EPSG:26910")
AT_ONCE = 200  # reports
ALWAYS = (-1e9, 1e12)


def heard(number: int, unit: str = "A1", at: float | None = None, **more: Any) -> Heard:
    when = 60.0 * number if at is None else at
    return Heard(Fix(unit, when, -122.4, 37.7 + number / 1e4, **more), when + 2.0, "udp")


def entry(unit: str, cell: tuple[int, int], start: float, minutes: float, **more: Any) -> Entry:
    return Entry.of(unit, Stay(cell, start, start + 60 * minutes), RULES, **more)


EXACT = {"accuracy_m": 4.5, "speed_mps": 0.0, "heading_deg": 359.5}
BATCH = Batch(
    heard=[heard(1), heard(2, **EXACT)],
    stays=[
        entry("A1", (2191, 16700), 60, 10, mission_id="M1"),
        entry("A1", (2192, 16700), 660, 1),
        entry("B2", (-1, 0), 60.25, 3, ended_by=CALLED_AWAY),
    ],
    gaps=[Gap("B2", 240.25, 900)],
    assignments=[Assignment("A1", "M1", 50, author="desk")],
    notes=[Note("called away", 240, "B2", author="desk", text="§ é")],
    checkpoints={"A1": {"settled": None, "settled_at": 60.0}},
)


def content(target: Any) -> list[Any]:
    """All that is in a ledger."""
    with open_ledger(target) as ledger:
        read = (ledger.journal, ledger.stays, ledger.gaps, ledger.assignments, ledger.notes)
        return [*(list(each(ALWAYS)) for each in read), ledger.checkpoints()]


def refusal(target: Any, **how: Any) -> InputError:
    with pytest.raises(InputError) as caught, open_ledger(target, **how) as ledger:
        ledger.write(BATCH)
    assert caught.value.hint
    assert caught.value.message.endswith(".")
    return caught.value


# --- what it does


def test_what_is_written_is_there_once_however_often_it_is_written(place: Place) -> None:
    with open_ledger(place.target, GROUND, create=True) as ledger:
        for _ in range(3):
            ledger.write(BATCH)
        assert ledger.ground == GROUND
    by_start = sorted(BATCH.stays, key=lambda each: each.stay.start)
    told = [BATCH.heard, by_start, BATCH.gaps, BATCH.assignments, BATCH.notes, BATCH.checkpoints]
    assert content(place.target) == told
    with open_ledger(place.target, Ground("EPSG:26910"), create=True) as ledger:
        ledger.write(Batch(assignments=[Assignment("A1", "M1", 50, 700, "desk")]))
        assert ledger.assignments(ALWAYS) == [Assignment("A1", "M1", 50, 700, "desk")]
        assert ledger.assignments((701, 800)) == []


def test_reports_that_are_not_settled_are_told_in_the_order_in_which_they_came(place: Place) -> None:
    with open_ledger(place.target, GROUND, create=True) as ledger:
        ledger.write(BATCH)
        later = [heard(9), heard(3), heard(0), heard(1, "B2"), heard(7, "B2")]
        ledger.write(Batch(later, checkpoints={"B2": {"settled": None, "settled_at": None}}))
        assert list(ledger.since_checkpoints()) == [heard(2, **EXACT), later[0], later[1], *later[3:]]
        ledger.write(Batch([heard(10)], checkpoints={each: {"settled_at": 420.0} for each in ("A1", "B2")}))
        assert list(ledger.since_checkpoints()) == [heard(9), heard(10)]


def test_a_checkpoint_before_anything_is_settled_has_all_reports_after_it(place: Place) -> None:
    with open_ledger(place.target, GROUND, create=True) as ledger:
        ledger.write(Batch([heard(1), heard(2)], checkpoints={"A1": {"settled": None, "settled_at": None}}))
        assert list(ledger.since_checkpoints()) == [heard(1), heard(2)]
        assert ledger.checkpoints() == {"A1": {"settled": None, "settled_at": None}}
        ledger.forget(100)
        assert list(ledger.checkpoints()) == ["A1"]
        ledger.forget(1_000)
        assert ledger.checkpoints() == {}


def test_no_report_however_odd_stops_the_ledger(place: Place) -> None:
    nowhere = [Heard(Fix("A1", at, x, 1.0), 1.0) for at, x in ((float("nan"), 0.0), (1.0, float("inf")))]
    odd = Heard(Fix("A\0\ud8001’", 1.0, 0.0, 0.0, accuracy_m=float("inf")), 1.0, "\0")
    with open_ledger(place.target, GROUND, create=True) as ledger:
        ledger.write(Batch([*nowhere, odd], notes=[Note("undo", 1.0, text="a\0b")]))
        (found,) = ledger.journal(ALWAYS)
        assert (found.fix.unit, found.source) == ("A?1’", "")
        assert [note.text for note in ledger.notes(ALWAYS)] == ["ab"]


def test_visits_are_a_table_for_the_algorithms(place: Place) -> None:
    with open_ledger(place.target, GROUND, create=True) as ledger:
        ledger.write(BATCH)
        found = ledger.visits(ALWAYS)
        assert len(ledger.visits((700, 5_000))) == 0, "the pass does not count, and the visits are over"
        assert len(ledger.visits((600, 5_000))) == 1
    assert found["x"].tolist() == [2191.5 * 250, -125.0]
    assert found["y"].tolist() == [16700.5 * 250, 125.0]
    assert found["start"].astype(str).tolist() == ["1970-01-01T00:01:00", "1970-01-01T00:01:00"]
    assert found["end"].astype(str).tolist() == ["1970-01-01T00:11:00", "1970-01-01T00:04:00"]
    assert found["minutes"].tolist() == [10, 3]
    assert found.text("unit").tolist() == ["A1", "B2"]
    assert found.text("ended_by").tolist() == ["left", "called away"]


# --- past stays


def test_past_stays_do_not_double_what_is_there(place: Place) -> None:
    live = entry("A1", (0, 0), 1_000, 10)
    past = [
        entry("A1", (5, 5), 100, 15),  # up to the very moment
        entry("A1", (0, 0), 1_001, 9),
        entry("A1", (0, 0), 900, 20),
        entry("A1", (0, 0), 1_000, 0),
        entry("A1", (7, 7), 1_600, 5),
        entry("B2", (0, 0), 1_000, 10),
    ]
    with open_ledger(place.target, GROUND, create=True) as ledger:
        ledger.write(Batch(stays=[live]))
        assert ledger.add_past(past, [Gap("A1", 0, 100)]) == 3
        assert ledger.add_past(past, [Gap("A1", 0, 100)]) == 0
        assert ledger.stays(ALWAYS) == [past[0], live, past[5], past[4]]
        assert len(ledger.gaps(ALWAYS)) == 1


# --- forgetting


def test_units_are_forgotten_everywhere_and_minutes_stay(place: Place) -> None:
    old = [entry("A1", (0, 0), 100, 10), entry("B2", (0, 0), 100, 10), entry("A1", (0, 1), 700, 10)]
    batch = Batch(
        [heard(1), heard(20)],
        old,
        [Gap("A1", 1, 2), Gap("A1", 3, 1e4)],
        [Assignment("A1", "M", 1, 2), Assignment("B2", "M", 1)],
        [Note("undo", 1, "A1"), Note("undo", 1e4, "A1")],
        {"A1": {"settled_at": 1_200}, "B2": {"settled_at": 999}, "C3": {"settled_at": None}},
    )
    with open_ledger(place.target, GROUND, create=True) as ledger:
        ledger.write(batch)
        counts = ledger.forget(1_000)
        assert counts["patrol_stays"] == 2
        assert [each.unit for each in ledger.stays(ALWAYS)] == ["", "", "A1"]
        assert sum(ledger.visits(ALWAYS)["minutes"]) == 30
        assert [each.fix.at for each in ledger.journal(ALWAYS)] == [1_200]
        assert (len(ledger.gaps(ALWAYS)), len(ledger.notes(ALWAYS))) == (1, 1)
        assert ledger.assignments(ALWAYS) == [Assignment("B2", "M", 1)], "still under way"
        assert list(ledger.checkpoints()) == ["A1"]
        assert ledger.forget(1_000)["patrol_stays"] == 0
        assert ledger.forget(10)["patrol_stays"] == 0
        assert ledger.add_past(old[:2]) == 0, "nobody can tell whether they are there already"
        ledger.forget(1_000, delete_stays=True)
        assert [each.unit for each in ledger.stays(ALWAYS)] == ["A1"]


def test_what_is_forgotten_is_gone_from_the_file(file: File) -> None:
    with open_ledger(file.target, GROUND, create=True) as ledger:
        ledger.write(Batch([heard(n, "SECRET-UNIT") for n in range(50)]))
        ledger.forget(1e6)
    assert b"SECRET-UNIT" not in file.target.read_bytes()


# --- the report of a shift


def missions() -> Table:
    moments = {name: np.array([at] * 3, dtype="datetime64[s]") for name, at in (("start", 600), ("end", 3_600))}
    plain = {"col": np.array([1, 2, 3]), "row": np.zeros(3, dtype=int), "dose_minutes": np.array([15.0, 15.0, 30.0])}
    table = Table({**plain, **moments}).with_text("mission_id", ["M1", "M2", "M3"])
    return table.with_text("category", ["robbery", "burglary", "robbery"])


def test_a_shift_is_told_by_mission_and_category_and_units_only_when_asked(file: File) -> None:
    with open_ledger(file.target, GROUND, create=True) as ledger:
        ledger.write(
            Batch(
                stays=[
                    entry("Zed", (1, 0), 300, 10),  # five minutes of it in the shift
                    entry("A1", (1, 0), 660, 9),  # four of them with Zed
                    entry("A1", (2, 0), 1_200, 1),
                    entry("A1", (3, 0), 3_000, 60),
                    entry("B2", (9, 9), 700, 30),
                ]
            )
        )
        plain = ledger.shift_report(missions(), ALWAYS)
        units = ledger.shift_report(missions(), ALWAYS, by_unit=True)
        half = ledger.shift_report(missions(), (0, 900))
    rows = list(zip(plain.text("part"), plain.text("name"), plain["planned_minutes"], plain["delivered_minutes"]))
    assert rows == [
        ("all", "", 60, 20),
        ("mission", "M1", 15, 10),
        ("mission", "M2", 15, 0),
        ("mission", "M3", 30, 10),
        ("category", "robbery", 45, 20),
        ("category", "burglary", 15, 0),
    ]
    assert (plain["visits"].tolist()[:3], plain["passes"].tolist()[:3]) == ([3, 2, 0], [1, 0, 1])
    assert plain["share"].tolist()[:2] == pytest.approx([1 / 3, 2 / 3])
    assert units.text("name").tolist()[6:] == ["A1", "Zed"], "by name, and nobody who was in no mission"
    assert units["delivered_minutes"].tolist()[6:] == [19, 5]
    assert units["missions"].tolist()[6:] == [3, 1]
    assert np.isnan(units["planned_minutes"][6:]).all()
    assert half["delivered_minutes"].tolist()[:4] == [5, 5, 0, 0]


def edges(*rings: list[tuple[float, float]], mission: int = 0) -> Table:
    pairs = [(*one, *other) for ring in rings for one, other in zip(ring, ring[1:])]
    columns = dict(zip(("x1", "y1", "x2", "y2"), np.array(pairs, dtype=float).T))
    return Table({"mission": np.full(len(pairs), mission), **columns})


def test_a_box_holds_the_cells_whose_middle_it_holds() -> None:
    square = [(-300.0, 10.0), (600.0, 10.0), (600.0, 740.0), (-300.0, 740.0), (-300.0, 10.0)]
    hole = [(130.0, 300.0), (400.0, 300.0), (400.0, 500.0), (130.0, 500.0), (130.0, 300.0)]
    assert drawn_boxes.cells(edges(square), 250.0) == {0: {(column, row) for column in (-1, 0, 1) for row in (0, 1, 2)}}
    with_hole = drawn_boxes.cells(edges(square, hole, mission=7), 250.0)[7]
    assert with_hole == {(column, row) for column in (-1, 0, 1) for row in (0, 1, 2)} - {(1, 1)}
    slanted = [(0.0, 0.0), (1000.0, 0.0), (0.0, 1000.0), (0.0, 0.0)]
    assert {cell for cell in drawn_boxes.cells(edges(slanted), 250.0)[0] if sum(cell) != 3} == {
        (column, row) for column in range(4) for row in range(4) if column + row < 3
    }


def test_all_cells_of_a_box_deliver_and_who_goes_from_one_to_the_next_has_not_left(file: File) -> None:
    box = edges([(250.0, 0.0), (1000.0, 0.0), (1000.0, 250.0), (250.0, 250.0), (250.0, 0.0)], mission=1)
    with open_ledger(file.target, GROUND, create=True) as ledger:
        ledger.write(
            Batch(
                stays=[
                    entry("A1", (1, 0), 700, 1.5),
                    entry("A1", (2, 0), 790, 1.5),  # together three minutes
                    entry("A1", (3, 0), 2_000, 1.0),  # alone a pass
                    entry("B2", (3, 0), 2_060, 5.0),  # as A1 leaves
                ]
            )
        )
        plain, drawn = (ledger.shift_report(missions(), ALWAYS, by_unit=True, boxes=each) for each in (None, box))
    lines = list(zip(drawn.text("name"), drawn["delivered_minutes"], drawn["visits"], drawn["passes"]))
    assert plain["delivered_minutes"].tolist()[1:4] == [0, 0, 5]
    assert lines[1:4] == [("M1", 0, 0, 1), ("M2", 8, 2, 1), ("M3", 5, 1, 1)]
    assert [line[:2] for line in lines[-2:]] == [("A1", 3), ("B2", 10)]


def test_reports_of_a_time_are_trails_by_unit(place: Place) -> None:
    late = Heard(Fix("B2", 100.0, -122.4, 37.7), 90_000.0, "phones")
    close = [heard(number, "A1", at) for number, at in ((1, 60.0), (2, 65.0), (3, 70.0), (4, 400.0), (5, 900.0))]
    with open_ledger(place.target, GROUND, create=True) as ledger:
        ledger.write(Batch(heard=[*reversed(close), late, heard(6, "C3", 1e6)]))
        points = trails.table((h.fix.unit, h.fix.at, h.fix.longitude, h.fix.latitude) for h in ledger.reports((0, 900)))
        assert ledger.forgotten() is None
        ledger.forget(50.0)
        assert ledger.forgotten() == 50.0
    moments = [points[name].astype(np.int64).tolist() for name in ("start", "end", "until")]
    assert points.text("unit").tolist() == ["A1"] * 4 + ["B2"]
    assert moments == [[60, 70, 400, 900, 100], [660, 670, 1000, 1500, 700], [70, 250, 580, 1080, 280]]
    assert points["latitude"].tolist()[:2] == pytest.approx([37.7001, 37.7003])
    assert len(trails.table([])) == 0


# --- sudden ends


@pytest.fixture(scope="module")
def told() -> list[Heard]:
    return reports()


@pytest.fixture(scope="module")
def whole(told: list[Heard]) -> set[Entry]:
    """The stays of a run that nothing interrupts."""
    tracking = Tracking({})
    return {*(entry for each in told for entry in tracking.take(each)), *tracking.closed()}


def check_killed(place: Place, stage: Path, times: int, told: list[Heard], whole: set[Entry]) -> int:
    """Kill a tracking process so many times and finish its work; how many reports were confirmed by killed ones."""
    with open_ledger(place.target, GROUND, create=True):
        pass
    program = [sys.executable, ledger_process.__file__, str(place.target), str(times), "20260301"]
    environment = {**os.environ, "PATROL_STAGE": str(stage)}
    ended = subprocess.run(program, env=environment, capture_output=True, text=True, timeout=150, check=True)
    lives = ended.stdout.split(END)[:-1]
    assert len(lives) == times
    confirmed = max((int(line) for life in lives for line in life.split("\n")[:-1]), default=0)
    with open_ledger(place.target) as ledger:
        assert len(list(ledger.journal(ALWAYS))) >= confirmed, "what was confirmed is there"
        assert set(ledger.stays(ALWAYS)) <= whole, "no stay that is half there"
        tracking = go_on(ledger, told)
        ledger.write(Batch(stays=tracking.closed()))
        found = ledger.stays(ALWAYS)
        assert list(ledger.journal(ALWAYS)) == told, "no report is lost or there twice, and all are in order"
    assert len(found) == len(whole)
    assert set(found) == whole
    return confirmed


def test_a_killed_process_loses_and_doubles_nothing_on_sqlite(
    file: File, stage: Path, told: list[Heard], whole: set[Entry]
) -> None:
    assert check_killed(file, stage, 30, told, whole) > 200


def test_a_killed_process_loses_and_doubles_nothing_on_postgresql(
    server: Server, stage: Path, told: list[Heard], whole: set[Entry]
) -> None:
    assert check_killed(server, stage, 15, told, whole) > 20


# --- reports that are taken back


class Ledgered:
    """A tracker and its ledger, as a gateway has them."""

    def __init__(self, ledger: Ledger, missions: Sequence[Mission]) -> None:
        self.ledger = ledger
        self.tracker = Tracker(plane, Rules(), Belief(), Alarms(), missions)

    def take(self, told: Sequence[Heard], rng: random.Random) -> None:
        for each in told:
            self.tracker.take([each.fix], each.received_at)
            self.write([each], rng.random() < 0.1)

    def write(self, told: Sequence[Heard] = (), keeps: bool = False) -> None:
        stays = [Entry.of(unit, stay, RULES) for unit, stay in self.tracker.settled()]
        self.ledger.write(Batch(told, stays, checkpoints=self.tracker.kept() if keeps else {}))

    def end(self) -> tuple[list[Entry], dict[str, float]]:
        minutes = self.tracker.minutes()
        self.tracker.close()
        self.write()
        return self.ledger.stays(ALWAYS), minutes


def plane(longitude: np.ndarray, latitude: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return longitude * ledger_process.METRES, latitude * ledger_process.METRES


@pytest.mark.parametrize("seed", range(6))
def test_what_is_taken_back_was_never_there(tmp_path: Path, seed: int) -> None:
    rng = random.Random(seed)
    own = [each for each in reports()[: rng.randrange(50, 300)] if each.fix.unit == "A1"]
    since = own[-1].received_at + rng.uniform(1, 200)
    by_hand = [
        Heard(Fix("A1", since + 10.0 * number, 0.001 * rng.random(), 0.0), since + 10.0 * number, "manual")
        for number in range(rng.randrange(1, 60))
    ]
    until = by_hand[-1].received_at
    later = [Heard(replace(each.fix, at=until + 15.0 * number), until + 15.0 * number, "radio")
             for number, each in enumerate(own[-9:])]  # fmt: skip
    cells = sorted({(col, row) for col in range(-3, 4) for row in range(-3, 4)})
    missions = [Mission(str(cell), (cell,), 0.0, 1e9) for cell in cells]
    found = []
    for name, undone in (("plain", []), ("undone", by_hand)):
        with open_ledger(tmp_path / name, GROUND, create=True) as ledger:
            watch = Ledgered(ledger, missions)
            watch.take(own, rng)
            watch.take(undone, rng)
            if undone:
                kept, heard = ledger.take_back("A1", "manual", since, RULES.gap_s)
                again = [(each.fix, each.received_at) for each in heard]
                watch.tracker.begin_again("A1", kept, again, until)
            watch.take(later, rng)
            found.append((*watch.end(), list(ledger.journal(ALWAYS))))
    assert found[0] == found[1]


# --- faults, each a sentence; the same batch is taken afterwards


BIG = Batch([heard(n % 90, f"unit {n}") for n in range(20_000)])


def test_a_full_disk_takes_nothing_and_later_all(file: File) -> None:
    with open_ledger(file.target, GROUND, create=True) as ledger:
        ledger.write(BATCH)
        before = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (500_000, before[1]))
        try:
            with pytest.raises(InputError, match="could not be written or read: the disk is full, or faulty"):
                ledger.write(BIG)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)
        assert list(ledger.journal(ALWAYS)) == BATCH.heard
        ledger.write(BIG)
        assert len(list(ledger.journal(ALWAYS))) == 20_002


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A drive of one megabyte."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True, check=False).returncode != 0:
        pytest.skip(
            "NO DRIVE: this user may not mount one, so the ledger was not tested on a disk that is really full."
        )
    try:
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def fill(ledger: Ledger, taken: list[Heard]) -> None:
    """Write batches; ``taken`` gets what was written."""
    for begin in range(0, len(BIG.heard), AT_ONCE):
        batch = BIG.heard[begin : begin + AT_ONCE]
        ledger.write(Batch(batch))
        taken += batch


def test_a_disk_that_is_really_full_takes_nothing_and_later_all(small_disk: Path) -> None:
    ballast = small_disk / "ballast"
    with open_ledger(small_disk / "ledger.sqlite", GROUND, create=True) as ledger:
        ledger.write(BATCH)
        ballast.write_bytes(bytes(500_000))
        taken: list[Heard] = []
        with pytest.raises(InputError, match="full") as caught:
            fill(ledger, taken)
        assert caught.value.hint
        assert list(ledger.journal(ALWAYS)) == [*BATCH.heard, *taken]
        ballast.unlink()
        ledger.write(Batch(BIG.heard[: len(taken) + AT_ONCE]))
        assert list(ledger.journal(ALWAYS)) == [*BATCH.heard, *BIG.heard[: len(taken) + AT_ONCE]]


def test_a_disk_that_says_that_it_is_full_is_told(file: File, monkeypatch: pytest.MonkeyPatch) -> None:
    with open_ledger(file.target, GROUND, create=True):
        pass
    connect = SqliteFile._connect

    def small(self: SqliteFile, how: str) -> sqlite3.Connection:
        connection = connect(self, how)
        connection.execute("PRAGMA max_page_count = 40")
        return connection

    monkeypatch.setattr(SqliteFile, "_connect", small)
    with open_ledger(file.target) as ledger:
        with pytest.raises(InputError, match="The disk is full: the ledger"):
            ledger.write(BIG)
        ledger.write(BATCH)
    assert content(file.target)[0] == BATCH.heard


def test_a_ledger_that_is_locked_takes_the_batch_later(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "PATIENCE_S", 0.3)
    with open_ledger(place.target, GROUND, create=True) as ledger, open_ledger(place.target) as other:
        with other._database.writing():
            with pytest.raises(InputError, match="is locked: another program has been writing to it for more than"):
                ledger.write(BATCH)
            assert list(ledger.journal(ALWAYS)) == [], "reading goes on"
        ledger.write(BATCH)
        assert list(other.journal(ALWAYS)) == BATCH.heard


def test_a_server_that_is_lost_is_told_and_found_again(server: Server) -> None:
    with open_ledger(server.target, GROUND, create=True) as ledger:
        others = "FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
        lose = f"SELECT pg_terminate_backend(pid) {others}"
        ledger.write(Batch([heard(1)]))
        server.run(lose)
        ledger.write(Batch([heard(2)]))  # it was lost between two batches

        class Losing(list[Heard]):
            def __iter__(self) -> Iterator[Heard]:
                server.run(lose)
                return super().__iter__()

        batch = Batch(Losing([heard(3)]), BATCH.stays)
        with pytest.raises(InputError, match=r"The connection to the ledger in the database .* was lost") as caught:
            ledger.write(batch)
        assert "Write the same again" in caught.value.hint
        ledger.write(Batch([heard(3)], BATCH.stays))
        assert list(ledger.journal(ALWAYS)) == [heard(1), heard(2), heard(3)]


def test_a_full_disk_of_the_server_takes_nothing(server: Server) -> None:
    with open_ledger(server.target, GROUND, create=True) as ledger:
        server.run(
            "CREATE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS "
            "$$ BEGIN RAISE EXCEPTION USING ERRCODE = 'disk_full'; END $$",
            "CREATE TRIGGER full_disk BEFORE INSERT ON patrol_notes EXECUTE FUNCTION full_disk()",
        )
        with pytest.raises(InputError, match=r"The disk of the server 127\.0\.0\.1"):
            ledger.write(BATCH)
        assert ledger.stays(ALWAYS) == []
        server.run("DROP TRIGGER full_disk ON patrol_notes")
        ledger.write(BATCH)
        assert len(ledger.stays(ALWAYS)) == 3


def test_several_desktops_write_to_one_server(server: Server, stage: Path) -> None:
    with open_ledger(server.target, GROUND, create=True):
        pass
    code = (
        f"import sys; sys.path[:0] = [{str(stage)!r}, {str(Path(__file__).parent)!r}]\n"
        "import test_tracking_ledger as t\nfrom patrol_missions.engine.tracking.ledger import open_ledger\n"
        "with open_ledger(sys.argv[1]) as ledger:\n"
        "    for n in range(30):\n"
        "        units = [f'{sys.argv[2]} {k}' for k in range(5)]\n"
        "        heard = [t.heard(n, each) for each in [*units, 'shared']]\n"
        "        ledger.write(t.Batch(heard, [t.entry('shared', (0, 0), 600 * n, 5)]))\n"
    )
    environment = {**os.environ, "PATROL_STAGE": str(stage)}
    running = [
        subprocess.Popen([sys.executable, "-c", code, server.target, f"p{n}"], env=environment) for n in range(3)
    ]
    assert [each.wait(60) for each in running] == [0, 0, 0]
    with open_ledger(server.target) as ledger:
        assert len(list(ledger.journal(ALWAYS))) == 3 * 5 * 30 + 30
        assert len(ledger.stays(ALWAYS)) == 30


def test_where_there_is_no_ledger_it_is_told(tmp_path: Path, server: Server) -> None:
    assert "There is no ledger" in refusal(tmp_path / "none.sqlite").message
    assert "is a folder" in refusal(tmp_path).message
    assert "There is no folder" in refusal(tmp_path / "x" / "y.sqlite", ground=GROUND, create=True).message
    (tmp_path / "notes.txt").write_text("Meet at noon. " * 99)
    assert "is not a ledger" in refusal(tmp_path / "notes.txt", ground=GROUND, create=True).message
    other = File(tmp_path / "other.sqlite")
    other.run("CREATE TABLE missions (x)")
    assert "holds another database" in refusal(other.target, ground=GROUND, create=True).message
    assert "There is no ledger in the database “database_" in refusal(server.target).message


def test_a_ledger_of_another_grid_or_version_is_told(place: Place) -> None:
    for crs in ("EPSG:4326", "EPSG:2227", "nonsense"):
        with pytest.raises(InputError), open_ledger(place.target, Ground(crs), create=True):
            pass
    with open_ledger(place.target, GROUND, create=True):
        pass
    for ground in (Ground("EPSG:26910", 500.0), Ground("EPSG:26911")):
        assert "is of another grid" in refusal(place.target, ground=ground).message
    from pyproj import CRS

    with open_ledger(place.target, Ground(CRS.from_epsg(26910).to_wkt())):
        pass  # the same in other words
    place.run("UPDATE patrol_ledger SET format = 2")
    assert "has format 2" in refusal(place.target).message


def test_a_checkpoint_that_cannot_be_read_is_told(place: Place) -> None:
    with open_ledger(place.target, GROUND, create=True) as ledger:
        ledger.write(BATCH)
    place.run("UPDATE patrol_checkpoints SET state = 'x'")
    with open_ledger(place.target) as ledger, pytest.raises(InputError, match="cannot be read"):
        ledger.checkpoints()


def test_the_file_is_written_ahead_and_synchronised_now_and_then(file: File) -> None:
    with open_ledger(file.target, GROUND, create=True) as ledger, ledger._database.writing() as connection:
        assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"
        assert connection.exec_driver_sql("PRAGMA synchronous").scalar() == 1
    with closing(sqlite3.connect(file.target)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)


def test_a_stay_that_ended_unheard_says_so() -> None:
    assert Entry.of("A1", Stay((0, 0), 0, 119, gap=True), RULES).ended_by == GAP
    assert not Entry.of("A1", Stay((0, 0), 0, 119), RULES).is_visit
    assert Entry.of("A1", Stay((0, 0), 0, 120), RULES).is_visit
