"""The audit log in SQLite and in a real PostgreSQL: whole, in turn, never forked unseen, and every fault a sentence."""

from __future__ import annotations

import hashlib
import itertools
import multiprocessing
import os
import random
import resource
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import datetime, timezone
from functools import partial
from pathlib import Path
from typing import Any, Union

import audit_server
import psycopg
import pytest
from audit_places import File, Server
from killing import END

from patrol_missions.core.errors import InputError
from patrol_missions.engine.missions import audit, audit_postgres
from patrol_missions.engine.missions.audit_store import AuditLog, open_log
from patrol_missions.engine.storage import database, sqlite
from patrol_missions.engine.storage.sqlite import SqliteFile

Place = Union[File, Server]
NOON = datetime(2026, 3, 1, 12, 0, 0, tzinfo=timezone.utc)
ZERO = "0" * 64
EVERY = int(os.environ.get("PATROL_FLIP_EVERY", "7"))
"""Which bytes of the file are flipped; 1 takes all of them, which takes a minute."""
names = map("copy_{}".format, itertools.count())


def fill(log: AuditLog, count: int = 3, author: str = "Ana") -> None:
    for number in range(count):
        log.append("plan", author, {"n": number, "why": "§ é"}, {"plan.json": b"[]", "map": b"map%d" % number}, NOON)


@pytest.fixture
def filled(place: Place) -> Place:
    """A log of three records."""
    with open_log(place.target, create=True) as log:
        fill(log)
    return place


@pytest.fixture
def filled_file(file: File) -> File:
    with open_log(file.target, create=True) as log:
        fill(log)
    return file


@pytest.fixture
def filled_server(server: Server) -> Server:
    with open_log(server.target, create=True) as log:
        fill(log)
    return server


def found(place: Place, expected: Any = None) -> list[str]:
    with open_log(place.target) as log:
        return [finding.what for finding in log.verify(expected)]


def refusal(target: Any, act: Callable[[AuditLog], object] = lambda log: log.verify(), **how: Any) -> InputError:
    with pytest.raises(InputError) as caught, open_log(target, **how) as log:
        act(log)
    assert caught.value.hint
    assert caught.value.message.endswith(".")
    return caught.value


# --- what it does


def test_what_is_appended_is_there(place: Place) -> None:
    data = random.Random(1).randbytes(300_000)
    with open_log(place.target, create=True) as log:
        assert log.head() is None
        assert log.records() == ()
        first = log.append(
            "plan", "Zoë O'Neil", {"z": [1.0, None], "a": "\x00 “"}, {"a": data, "b": b"", "c": data}, NOON
        )
        second = log.append("weights", "Bo", {}, {"other": data}, NOON, after=first.hash)
        log_id = log.log_id
    with open_log(str(place.target), create=True) as log:
        assert log.log_id == log_id
        assert log.records() == (first, second)
        assert log.record(1) == first
        assert log.head() == second
        assert (first.number, first.previous, second.previous) == (1, audit.origin(log_id), first.hash)
        assert first.attachments["a"] == first.attachments["c"] == hashlib.sha256(data).hexdigest()
        assert log.attachment(first.attachments["a"]) == data
        assert log.attachment(first.attachments["b"]) == b""
        assert log.verify((2, second.hash)) == []


def test_the_same_attachment_is_kept_once_and_compressed(file: File) -> None:
    with open_log(file.target, create=True) as log:
        for _ in range(10):
            log.append("plan", "Ana", {}, {"plan": b"cell 1, " * 100_000}, NOON)
    assert file.target.stat().st_size < 100_000


def test_who_saw_an_older_log_is_told_who_published_meanwhile(place: Place) -> None:
    with open_log(place.target, create=True) as log:
        begin = audit.head_hash(log.log_id, None)
        first = log.append("plan", "Ana", {}, {}, NOON, after=begin)
        log.append("plan", "Ana", {}, {}, NOON, after=first.hash)
    for seen in (begin, first.hash):
        refused = refusal(place.target, lambda log, seen=seen: log.append("plan", "Bo", {}, {}, NOON, after=seen))
        assert "Somebody published meanwhile: record 2 (“plan”), by Ana, at 2026-03-01T12:00:00Z." in refused.message
        assert refused.hint == "Look at it, and publish again."
    with open_log(place.target) as log:
        assert len(log.records()) == 2


def test_who_saw_more_than_there_is_is_told(place: Place) -> None:
    with open_log(place.target, create=True):
        pass
    for _ in range(2):
        refused = refusal(place.target, lambda log: log.append("plan", "Bo", {}, {}, NOON, after=ZERO))
        assert "The record that this one is to follow is not in the audit log" in refused.message
        assert "a backup that was restored" in refused.hint
        with open_log(place.target) as log:
            fill(log, 1)


def test_nothing_follows_a_last_record_that_was_edited(filled: Place) -> None:
    filled.forge("UPDATE patrol_audit_records SET author = 'Bo' WHERE number = 3")
    refused = refusal(filled.target, lambda log: log.append("plan", "Bo", {}, {}, NOON))
    assert "The last record of the audit log" in refused.message
    assert ", 3, is not as it was written." in refused.message


def test_there_is_no_fork_even_where_locks_fail(filled_server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody else appends, past the lock, after the last record was read and before the next one is written."""
    make = audit.next_record

    def meanwhile(*given: Any) -> audit.Record:
        monkeypatch.setattr(audit, "next_record", make)
        monkeypatch.setattr(audit_postgres, "_TURN", 1)
        with open_log(filled_server.target) as other:
            fill(other, 1, "Quick")
        return make(*given)

    monkeypatch.setattr(audit, "next_record", meanwhile)
    refused = refusal(filled_server.target, lambda log: log.append("plan", "Slow", {}, {"x": b"x"}, NOON))
    assert "Somebody published to the audit log in the database" in refused.message
    assert "at the same moment" in refused.message
    with open_log(filled_server.target) as log:
        assert [record.author for record in log.records()] == ["Ana", "Ana", "Ana", "Quick"]
        assert log.verify() == []


def test_what_is_refused_leaves_nothing(filled: Place) -> None:
    with open_log(filled.target) as log:
        before = log.records()
        for content in ({"x": float("nan")}, ["list"]):
            with pytest.raises(InputError):
                log.append("plan", "Ana", content, {"new": b"new"}, NOON)
        assert log.records() == before
        assert log.verify() == []


def test_what_is_not_there_is_told(filled: Place) -> None:
    refused = refusal(filled.target, lambda log: log.record(9))
    assert refused.message == "The audit log has no record 9."
    assert refused.hint == "Its last record is 3."
    assert "has no attachment" in refusal(filled.target, lambda log: log.attachment(ZERO)).message


@pytest.mark.parametrize("table", ["records", "attachments", "attached"])
def test_the_database_itself_refuses_changes(filled: Place, table: str) -> None:
    column = {"records": "number", "attachments": "sha256", "attached": "name"}[table]
    refused = [f"UPDATE patrol_audit_{table} SET {column} = {column}", f"DELETE FROM patrol_audit_{table}"]
    if isinstance(filled, File):
        refused.append(f"INSERT OR REPLACE INTO patrol_audit_{table} SELECT * FROM patrol_audit_{table} LIMIT 1")
        refused.append(f"UPDATE OR IGNORE patrol_audit_{table} SET {column} = {column}")
    else:
        refused.append(f"TRUNCATE patrol_audit_{table} CASCADE")
        refused.append(
            f"INSERT INTO patrol_audit_{table} SELECT * FROM patrol_audit_{table} LIMIT 1 "
            f"ON CONFLICT DO NOTHING; UPDATE patrol_audit_{table} SET {column} = {column}"
        )
    for statement in refused:
        with pytest.raises((sqlite3.Error, psycopg.Error), match="append-only"):
            filled.run(statement)
    assert found(filled) == []


def test_the_database_itself_refuses_a_fork(filled: Place) -> None:
    fork = (
        "INSERT INTO patrol_audit_records (number, kind, at, author, content, previous, hash) "
        "SELECT 4, kind, at, author, content, previous, hash FROM patrol_audit_records WHERE number = 3"
    )
    with pytest.raises((sqlite3.Error, psycopg.Error), match=r"append-only|unique constraint"):
        filled.run(fork)
    if isinstance(filled, File):
        with pytest.raises(sqlite3.IntegrityError, match="UNIQUE"):
            filled.forge(fork)


def test_reading_goes_on_while_somebody_writes(filled: Place) -> None:
    with open_log(filled.target) as writer, open_log(filled.target) as reader, writer._database.writing():
        assert len(reader.records()) == 3
        assert reader.verify() == []


# --- many at once, and sudden ends


def appended(lines: str) -> list[tuple[int, str]]:
    return [(int(number), digest) for number, digest in map(str.split, lines.split("\n")[:-1])]


@pytest.mark.parametrize(("processes", "count"), [(2, 20), (8, 10)])
def test_processes_append_in_turn(place: Place, stage: Path, processes: int, count: int) -> None:
    """The first of them make the log."""
    program = [sys.executable, str(Path(__file__).with_name("audit_process.py")), "append", str(place.target)]
    environment = {**os.environ, "PATROL_STAGE": str(stage)}
    running = [
        subprocess.Popen([*program, f"p{n}", str(count)], env=environment, stdout=subprocess.PIPE, text=True)
        for n in range(processes)
    ]
    reports = [appended(each.communicate(timeout=60)[0]) for each in running]
    assert [each.returncode for each in running] == [0] * processes
    assert [len(each) for each in reports] == [count] * processes
    with open_log(place.target) as log:
        assert sorted(itertools.chain(*reports)) == [(record.number, record.hash) for record in log.records()]
        assert len(log.records()) == processes * count
        assert log.verify() == []


def check_killed(place: Place, stage: Path, times: int) -> Counter[str]:
    """Kill an appending process so many times; what was reported is whole, and nothing is half there."""
    with open_log(place.target, create=True):
        pass
    program = [sys.executable, str(Path(__file__).with_name("audit_process.py")), "killed", str(place.target)]
    environment = {**os.environ, "PATROL_STAGE": str(stage)}
    command = [*program, str(times), "20260301"]
    ended = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=80, check=True)
    lives = [appended(life) for life in ended.stdout.split(END)[:-1]]
    assert len(lives) == times
    counts: Counter[str] = Counter()
    with open_log(place.target) as log:
        assert log.verify() == []
        records = log.records()
        for life, reported in enumerate(lives):
            mine = [(record.number, record.hash) for record in records if record.author == f"life {life}"]
            assert mine[: len(reported)] == reported
            assert len(mine) <= len(reported) + 1, "one at most was written and not yet reported"
            counts["reported"] += len(reported)
            counts["written, not yet reported"] += len(mine) - len(reported)
        for record in records:
            for sha256 in record.attachments.values():
                log.attachment(sha256)
    return counts


def test_a_process_that_is_killed_leaves_whole_records_on_sqlite(file: File, stage: Path) -> None:
    assert check_killed(file, stage, 60)["reported"] > 0


def test_a_process_that_is_killed_leaves_whole_records_on_postgresql(server: Server, stage: Path) -> None:
    assert check_killed(server, stage, 25)["reported"] > 0


# --- copies


def copied(original: Place, port: int | None = None) -> Place:
    if isinstance(original, File):
        copy = File(original.target.with_name(f"copy{next(names)}.sqlite"))
        shutil.copy2(original.target, copy.target)
        return copy
    name = next(names)
    Server(original.port, "postgres").run(f"CREATE DATABASE {name} TEMPLATE {original.database}")
    return Server(original.port, name)


def test_a_copy_is_read_and_goes_on_only_when_somebody_says_so(filled: Place) -> None:
    copy = copied(filled)
    with open_log(filled.target) as log, open_log(copy.target) as other:
        fill(log, 1)
        assert audit.compare(other.records(), log.records()).relation == audit.BEGINS
        assert other.verify() == []
        assert (log.lives_here(), other.lives_here()) == (True, False)
        with pytest.raises(InputError, match="is a copy or a restored backup; its last record is 3") as caught:
            other.append("plan", "Bo", {}, {}, NOON)
        assert "If the original is in use, publish there." in caught.value.hint
        with pytest.raises(InputError, match="without a reason"):
            other.continue_here("Bo", " ", NOON)
        moved = other.continue_here("Bo", "The server was replaced.", NOON)
        assert (moved.number, moved.kind, moved.content["reason"]) == (4, "moved", "The server was replaced.")
        assert len({bytes.fromhex(moved.content[each]) for each in ("from", "to")}) == 2
        assert other.lives_here()
        fill(other, 1, "Bo")
        with pytest.raises(InputError, match="lives here already"):
            other.continue_here("Bo", "Again.", NOON)
        assert (other.verify(), log.verify()) == ([], [])
        parted = audit.compare(log.records(), other.records())
        assert (parted.relation, parted.shared, parted.other) == (audit.PARTED, 3, moved)
        fill(log, 1)  # the original still lives where it did


def test_an_empty_copy_is_told(place: Place) -> None:
    with open_log(place.target, create=True):
        pass
    copy = copied(place)
    assert "backup; it is empty." in refusal(copy.target, lambda log: log.append("plan", "Bo", {}, {}, NOON)).message


def test_a_log_that_forgot_where_it_lives_is_a_copy(filled: Place) -> None:
    for place in ("''", "'file'", "'database 1'"):
        filled.run(f"UPDATE patrol_audit SET place = {place}")
        assert "is a copy" in refusal(filled.target, lambda log: log.append("plan", "Bo", {}, {}, NOON)).message


def test_a_moved_file_is_no_copy_and_a_restored_one_is(filled_file: File) -> None:
    moved = File(filled_file.target.with_name("moved.sqlite"))
    filled_file.target.rename(moved.target)
    with open_log(moved.target) as log:
        fill(log, 1)
    backup = copied(moved)
    moved.target.unlink()
    shutil.copy2(backup.target, moved.target)
    assert "restored backup" in refusal(moved.target, lambda log: log.append("plan", "Bo", {}, {}, NOON)).message


def test_a_log_restored_over_itself_is_found_by_what_was_seen(filled_file: File) -> None:
    """The file is the same to the system, so only who saw more of the log can tell."""
    backup = copied(filled_file)
    with open_log(filled_file.target) as log:
        fill(log, 1)
        head = log.head()
    assert head is not None
    shutil.copyfile(backup.target, filled_file.target)
    refused = refusal(filled_file.target, lambda log: log.append("plan", "Bo", {}, {}, NOON, after=head.hash))
    assert "a backup that was restored" in refused.hint
    (finding,) = found(filled_file, (head.number, head.hash))
    assert "its end was cut off" in finding


def test_tables_restored_in_the_same_database_are_a_copy(filled_server: Server) -> None:
    backup = filled_server.dumped()
    filled_server.run("DROP TABLE patrol_audit_attached, patrol_audit_attachments, patrol_audit_records, patrol_audit")
    filled_server.run("DROP FUNCTION patrol_audit_refuse", backup)
    assert found(filled_server) == []
    refused = refusal(filled_server.target, lambda log: log.append("plan", "Bo", {}, {}, NOON))
    assert "is a copy or a restored backup; its last record is 3." in refused.message
    with open_log(filled_server.target) as log:
        log.continue_here("Bo", "The tables were lost.", NOON)
        fill(log, 1)
        assert log.verify() == []


def test_a_server_on_another_timeline_is_a_copy(filled_server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    number = "SELECT system_identifier || '.{}' FROM pg_control_system()"
    monkeypatch.setattr(audit_postgres, "_SERVER_NUMBER", number.format("00000001"))
    with open_log(filled_server.target) as log:
        fill(log, 1)
    monkeypatch.setattr(audit_postgres, "_SERVER_NUMBER", number.format("00000002"))
    assert "is a copy" in refusal(filled_server.target, lambda log: log.append("plan", "Bo", {}, {}, NOON)).message


def test_a_server_that_hides_its_number_makes_no_copy(filled_server: Server) -> None:
    place = filled_server
    place.run(
        f"CREATE ROLE {place.database} LOGIN PASSWORD 'writer'",
        "REVOKE EXECUTE ON FUNCTION pg_control_system FROM PUBLIC",
        f"GRANT SELECT ON ALL TABLES IN SCHEMA public TO {place.database}",
        f"GRANT INSERT ON patrol_audit_records, patrol_audit_attachments, patrol_audit_attached TO {place.database}",
    )
    with open_log(place.address(place.database, "writer")) as log:
        fill(log, 1, "Writer")
        assert log.verify() == []
    with open_log(place.target) as log:
        fill(log, 1)


# --- forgery and damage


EXCHANGE = ((9, 1), (1, 2), (2, 9))  # of two numbers: new and old ones, step by step
EDITED = "Record 2 is not as it was written."
EDIT = "UPDATE patrol_audit_records SET {} WHERE number = 2"
ONE = "FROM patrol_audit_attachments LIMIT 1"
ADDED = "INSERT INTO patrol_audit_records SELECT 4, kind, at, author, content, hash, hash FROM patrol_audit_records {}"


@pytest.mark.parametrize(
    ("sentence", "statements"),
    [
        (EDITED, [EDIT.format("author = 'Bo'")]),
        (EDITED, [EDIT.format("content = '{ }'")]),
        (EDITED, [EDIT.format("content = 'no JSON'")]),
        (EDITED, [EDIT.format(f"content = '{'[' * 100_000}'")]),
        (EDITED, ["DELETE FROM patrol_audit_attached WHERE number = 2 AND name = 'map'"]),
        (EDITED, [f"INSERT INTO patrol_audit_attached SELECT 2, 'more', sha256 {ONE}"]),
        (EDITED, [f"UPDATE patrol_audit_records SET number = {new} WHERE number = {old}" for new, old in EXCHANGE]),
        ("Record 2 is stored otherwise than it was written.", [EDIT.format("content = replace(content, ',', ', ')")]),
        ("Record 2 is missing.", ["DELETE FROM patrol_audit_records WHERE number = 2"]),
        (
            "Attachments are kept for record 9, which is not there.",
            [f"INSERT INTO patrol_audit_attached SELECT 9, 'more', sha256 {ONE}"],
        ),
        ("Record 2 is missing.", [EDIT.format("number = 4")]),
        ("Record 4 is not as it was written.", [ADDED.format("WHERE number = 3")]),
        ("Record 1 does not begin this log: it comes from another one.", ["UPDATE patrol_audit SET log_id = 'other'"]),
        (
            "The attachment “map” of record 3 is not as it was written.",
            ["UPDATE patrol_audit_attachments SET stored_sha256 = 'x'"],
        ),
        ("The attachment “map” of record 3 is missing.", ["DELETE FROM patrol_audit_attachments"]),
        (
            "An attachment (SHA-256 x) belongs to no record.",
            [f"INSERT INTO patrol_audit_attachments SELECT 'x', 'y', data {ONE}"],
        ),
    ],
)
def test_forgeries_are_found(filled: Place, sentence: str, statements: list[str]) -> None:
    filled.forge(*statements)
    assert sentence in found(filled)


def test_a_cut_end_is_found_by_what_was_witnessed(filled: Place) -> None:
    with open_log(filled.target) as log:
        head = log.head()
    assert head is not None
    filled.forge(
        "DELETE FROM patrol_audit_attached WHERE number = 3", "DELETE FROM patrol_audit_records WHERE number = 3"
    )
    filled.forge("DELETE FROM patrol_audit_attachments WHERE sha256 NOT IN (SELECT sha256 FROM patrol_audit_attached)")
    assert found(filled) == []
    assert found(filled, (3, head.hash)) == [
        "Record 3 was witnessed elsewhere, and the log ends with record 2: its end was cut off."
    ]


@pytest.mark.parametrize(
    ("statement", "sentence"),
    [
        ("DROP TRIGGER patrol_audit_records_delete", "trigger patrol_audit_records_delete of the log is missing."),
        (
            "CREATE TRIGGER t BEFORE INSERT ON patrol_audit_records BEGIN SELECT RAISE(IGNORE); END",
            "trigger t was not made with the log.",
        ),
        (
            "ALTER TABLE patrol_audit_records ADD COLUMN more TEXT",
            "table patrol_audit_records of the log is not as it was made.",
        ),
        ("CREATE TABLE other (x)", "table other was not made with the log."),
    ],
)
def test_changes_of_the_file_s_tables_are_found(filled_file: File, statement: str, sentence: str) -> None:
    filled_file.run(statement)
    assert found(filled_file) == [f"The {sentence}"]


REPLACE = "CREATE OR REPLACE FUNCTION patrol_audit_refuse() RETURNS trigger LANGUAGE plpgsql"
ALTER = "ALTER TABLE patrol_audit_records "
GUARD = "trigger patrol_audit_records.patrol_audit_refuse of the log"


@pytest.mark.parametrize(
    ("statement", "sentence"),
    [
        ("DROP TRIGGER patrol_audit_refuse ON patrol_audit_records", f"{GUARD} is missing."),
        (f"{ALTER} DISABLE TRIGGER ALL", f"{GUARD} is not as it was made."),
        (f"{REPLACE} AS 'BEGIN RETURN NULL; END'", f"{GUARD} is not as it was made."),
        (f"{ALTER} ADD COLUMN more text", "column patrol_audit_records.more was not made with the log."),
        (
            f"{ALTER} ALTER COLUMN kind TYPE varchar(90)",
            "column patrol_audit_records.kind of the log is not as it was made.",
        ),
        (
            f"{ALTER} DROP CONSTRAINT patrol_audit_records_previous_key",
            "key patrol_audit_records: UNIQUE (previous) of the log is missing.",
        ),
        (
            "CREATE RULE r AS ON INSERT TO patrol_audit_records DO INSTEAD NOTHING",
            "rule patrol_audit_records.r was not made with the log.",
        ),
    ],
)
def test_changes_of_the_server_s_tables_are_found(filled_server: Server, statement: str, sentence: str) -> None:
    filled_server.run(statement)
    assert f"The {sentence}" in found(filled_server)


def test_a_damaged_attachment_is_not_handed_out(filled: Place) -> None:
    filled.forge("UPDATE patrol_audit_attachments SET data = stored_sha256" + ("::bytea" * isinstance(filled, Server)))
    with open_log(filled.target) as log:
        head = log.head()
        assert head is not None
        with pytest.raises(InputError, match="is not as it was written"):
            log.attachment(head.attachments["map"])


def state(path: Path) -> tuple[list[str], Any, Any]:
    """What is told of a log, and all that is in it where nothing is."""
    with open_log(path) as log:
        told = [finding.what for finding in log.verify()]
        if told:
            return told, None, None
        records = log.records()
        return [], records, {key: log.attachment(key) for record in records for key in record.attachments.values()}


def test_every_byte_of_every_column_is_watched(file: File, capsys: pytest.CaptureFixture[str]) -> None:
    with open_log(file.target, create=True) as log:
        fill(log, 2)
    with file.unguarded() as forger:
        guards_gone = found(file)
        checked = 0
        for table in ("patrol_audit_records", "patrol_audit_attachments", "patrol_audit_attached", "patrol_audit"):
            columns = [row[1] for row in forger.execute(f"PRAGMA table_info({table})")]
            for row in forger.execute(f"SELECT rowid, * FROM {table}").fetchall():
                for column, value in zip(columns, row[1:]):
                    for changed in variants(value):
                        kind = "BLOB" if isinstance(value, bytes) else "TEXT"
                        setting = "?" if isinstance(value, int) else f"CAST(? AS {kind})"
                        forger.execute(f"UPDATE {table} SET {column} = {setting} WHERE rowid = ?", (changed, row[0]))
                        assert is_noticed(file, column, guards_gone), (table, column, changed)
                        key = changed if column == "number" and table == "patrol_audit_records" else row[0]
                        forger.execute(f"UPDATE {table} SET {column} = ? WHERE rowid = ?", (value, key))
                        checked += 1
        assert found(file) == guards_gone, "all is as it was"
    with capsys.disabled():
        sys.stdout.write(f"\n{checked} changes of single bytes in columns, all found\n")
    assert checked > 1800
    assert found(file) == []


def variants(value: Any) -> Iterator[Any]:
    """Each byte of a stored value otherwise, in its lowest bit and in its highest."""
    if isinstance(value, int):
        yield from (value + 10, -value)
        return
    data = value if isinstance(value, bytes) else value.encode()
    for at, mask in itertools.product(range(len(data)), (0x01, 0x80)):
        yield bytes([*data[:at], data[at] ^ mask, *data[at + 1 :]])


def is_noticed(file: File, column: str, guards_gone: list[str]) -> bool:
    try:
        if column != "place":
            return found(file) != guards_gone
        with open_log(file.target) as log:
            fill(log, 1)
    except InputError:
        return True
    return False


def flipped(path: Path, folder: Path, before: Any, places: range) -> Counter[str]:
    """Flip one byte after the other, at random, and count what comes of it."""
    data = path.read_bytes()
    moments, outcomes = random.Random(places.start), Counter[str]()
    victim = folder / f"flipped{places.start}"
    for at in places:
        changed = bytearray(data)
        changed[at] ^= moments.randrange(1, 256)
        with victim.open("r+b" if at > places.start else "wb") as file:  # once emptied, it would go to the disk at once
            file.write(changed)
            file.truncate()
        try:
            now = state(victim)
        except InputError:
            outcomes["told"] += 1
            continue
        if now[0]:
            outcomes["found"] += 1
        else:
            outcomes["as before" if now == before else f"WRONG at {at}"] += 1
    return outcomes


def test_bytes_all_over_the_file_may_flip(file: File, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with open_log(file.target, create=True) as log:
        fill(log, 2)
    file.run("PRAGMA journal_mode = DELETE", "PRAGMA page_size = 512", "VACUUM")
    before = state(file.target)
    size = file.target.stat().st_size
    work = partial(flipped, file.target, tmp_path, before)
    with multiprocessing.get_context("fork").Pool(2) as pool:
        outcomes = sum(pool.map(work, [range(begin, size, 2 * EVERY) for begin in (0, EVERY)]), Counter[str]())
    with capsys.disabled():
        sys.stdout.write(f"\n{len(range(0, size, EVERY))} of {size} bytes of the file flipped: {dict(outcomes)}\n")
    assert sum(outcomes.values()) == len(range(0, size, EVERY))
    assert set(outcomes) == {"told", "found", "as before"}, "told at once, found on verifying, or without effect"


# --- sentences


def test_a_path_that_leads_nowhere_is_told(tmp_path: Path) -> None:
    assert "cannot be reached (File name too long)" in refusal(tmp_path / ("long" * 100)).message


def test_a_log_that_cannot_be_read_now_is_not_accused(file: File, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite, "is_local", lambda path: False)
    monkeypatch.setattr(database, "PATIENCE_S", 0.3)
    with open_log(file.target, create=True) as log, closing(sqlite3.connect(file.target)) as other:
        fill(log)
        other.execute("BEGIN EXCLUSIVE")
        with pytest.raises(InputError, match="is locked"):
            log.verify()


def test_where_there_is_no_log_it_is_told(tmp_path: Path, server: Server) -> None:
    assert "There is no audit log" in refusal(tmp_path / "none.sqlite").message
    assert not (tmp_path / "none.sqlite").exists()
    assert "is a folder" in refusal(tmp_path).message
    assert "There is no folder" in refusal(tmp_path / "none" / "audit.sqlite", create=True).message
    (tmp_path / "empty.sqlite").touch()
    assert "There is no audit log in the file" in refusal(tmp_path / "empty.sqlite").message
    (tmp_path / "notes.txt").write_text("Meet at noon. " * 99)
    for how in ({}, {"create": True}):
        assert "is not an audit log" in refusal(tmp_path / "notes.txt", **how).message
    assert "There is no audit log in the database “database_" in refusal(server.target).message


def test_another_database_is_left_alone(file: File) -> None:
    file.run("CREATE TABLE missions (x)")
    before = file.target.read_bytes()
    assert "There is no audit log" in refusal(file.target).message
    assert "holds another database" in refusal(file.target, create=True).message
    assert file.target.read_bytes() == before


def test_a_newer_format_is_told(filled: Place) -> None:
    filled.run("UPDATE patrol_audit SET format = 2")
    refused = refusal(filled.target)
    assert "has format 2; this version of the plugin reads format 1" in refused.message
    assert "Install the version" in refused.hint


def test_a_log_that_is_two_or_none_is_told(filled: Place) -> None:
    filled.run("INSERT INTO patrol_audit VALUES ('other', 1, 'nowhere')")
    assert "is damaged" in refusal(filled.target).message
    filled.run("DELETE FROM patrol_audit")
    assert "is damaged" in refusal(filled.target, create=True).message


def test_a_log_that_somebody_keeps_locked_is_told(filled: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "PATIENCE_S", 0.3)
    with open_log(filled.target) as holder, holder._database.writing():
        refused = refusal(filled.target, lambda log: log.append("plan", "Bo", {}, {}, NOON))
    assert "is locked: another program has been writing to it for more than 0.3 s" in refused.message
    with open_log(filled.target) as log:
        fill(log, 1)


@contextmanager
def nobody() -> Iterator[Path]:
    """A folder that whoever runs this may write to at first, as somebody who is not let in everywhere."""
    folder = Path(tempfile.mkdtemp(prefix="audit_"))
    is_root = os.geteuid() == 0
    if is_root:
        os.chown(folder, 65534, -1)
        os.seteuid(65534)
    try:
        yield folder
    finally:
        if is_root:
            os.seteuid(0)
        shutil.rmtree(folder)


@pytest.mark.parametrize("closed", ["file", "folder", "both"])
def test_a_place_that_cannot_be_written_to_is_read_and_told(closed: str) -> None:
    with nobody() as folder:
        path = folder / "audit.sqlite"
        with open_log(path, create=True) as log:
            fill(log)
        if closed in ("file", "both"):
            path.chmod(0o444)
        if closed in ("folder", "both"):
            folder.chmod(0o555)
        told, records, _ = state(path)
        assert (told, len(records)) == ([], 3)
        refused = refusal(path, lambda log: log.append("plan", "Bo", {}, {"x": b"x"}, NOON))
        assert "cannot be opened or written to" in refused.message
        if closed != "file":
            assert "cannot be opened or written to" in refusal(folder / "new.sqlite", create=True).message
        folder.chmod(0o755)


def test_a_file_that_cannot_be_read_is_told() -> None:
    with nobody() as folder:
        path = folder / "audit.sqlite"
        with open_log(path, create=True) as log:
            fill(log)
        path.chmod(0)
        assert "cannot be opened" in refusal(path).message


def test_more_of_a_log_in_a_place_that_cannot_be_written_to_is_not_overlooked() -> None:
    """The newest records may wait in a file beside it, which only somebody who may write can read."""
    with nobody() as folder:
        with open_log(folder / "audit.sqlite", create=True) as log:
            fill(log)
            (folder / "copy").mkdir()
            for end in ("", "-wal"):
                shutil.copy2(folder / f"audit.sqlite{end}", folder / "copy" / f"audit.sqlite{end}")
        assert (folder / "copy" / "audit.sqlite-wal").stat().st_size
        (folder / "copy").chmod(0o555)
        refused = refusal(folder / "copy" / "audit.sqlite")
        assert "cannot be opened" in refused.message
        (folder / "copy").chmod(0o755)
        with open_log(folder / "copy" / "audit.sqlite") as log:
            assert len(log.records()) == 3


def test_a_full_disk_is_told_and_leaves_the_log_whole(filled_file: File) -> None:
    noise = random.Random(1).randbytes(2_000_000)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (500_000, before[1]))
    try:
        refused = refusal(filled_file.target, lambda log: log.append("plan", "Bo", {}, {"x": noise}, NOON))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert "could not be written or read: the disk is full, or faulty" in refused.message
    assert found(filled_file) == []
    with open_log(filled_file.target) as log:
        assert len(log.records()) == 3
        log.append("plan", "Bo", {}, {"x": noise}, NOON)


def test_a_disk_that_says_that_it_is_full_is_told(filled_file: File, monkeypatch: pytest.MonkeyPatch) -> None:
    connect = SqliteFile._connect

    def small(self: SqliteFile, how: str) -> sqlite3.Connection:
        connection = connect(self, how)
        connection.execute("PRAGMA max_page_count = 20")
        return connection

    monkeypatch.setattr(SqliteFile, "_connect", small)
    noise = random.Random(1).randbytes(200_000)
    refused = refusal(filled_file.target, lambda log: log.append("plan", "Bo", {}, {"x": noise}, NOON))
    assert refused.message.startswith("The disk is full: the audit log")
    assert found(filled_file) == []


def test_a_file_that_goes_away_is_told(filled_file: File) -> None:
    with open_log(filled_file.target) as log:
        filled_file.target.rename(filled_file.target.with_name("away"))
        with pytest.raises(InputError, match="is gone"):
            log.append("plan", "Bo", {}, {}, NOON)


def mode(file: File) -> str:
    with closing(sqlite3.connect(file.target)) as connection:
        return connection.execute("PRAGMA journal_mode").fetchone()[0]


def test_the_write_ahead_log_stays_off_network_drives(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    local, remote = File(tmp_path / "local.sqlite"), File(tmp_path / "remote.sqlite")
    with open_log(local.target, create=True) as log:
        fill(log)
    assert mode(local) == "wal"
    monkeypatch.setattr(sqlite, "is_local", lambda path: False)
    for file in (local, remote):
        with open_log(file.target, create=True) as log:
            fill(log)
        assert mode(file) == "delete"
        assert found(file) == []


def test_which_drives_are_this_computer_s_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mounts = (
        "/dev/a / ext4 rw 0 0\nhost:/x /data nfs4 rw 0 0\n//host/y /data/my\\040share cifs rw 0 0\n"
        "tmpfs /data/é tmpfs rw 0 0\n"
    )
    real = Path.read_text
    monkeypatch.setattr(Path, "read_text", lambda self, **how: mounts if "mounts" in self.name else real(self, **how))
    for path, local in (
        ("/audit", True),
        ("/data/audit", False),
        ("/data/my share/audit", False),
        ("/data/my", False),
        ("/data/é/audit", True),
    ):
        assert sqlite.is_local(Path(path)) == local


def test_every_commit_is_on_the_disk(filled_file: File) -> None:
    with open_log(filled_file.target) as log, log._database.writing() as connection:
        assert connection.exec_driver_sql("PRAGMA synchronous").scalar() == 3
        assert connection.exec_driver_sql("PRAGMA foreign_keys").scalar() == 1


def test_servers_that_do_not_answer_or_refuse_are_told_without_the_password(server: Server) -> None:
    silent = Server(audit_server._free_port(), server.database)
    cases = [
        (silent.address("ana", "s3cret-word"), "of the audit log does not answer"),
        (server.address("postgres", "s3cret-word"), "did not let you into"),
        (Server(server.port, "nowhere").target.replace("postgresql:", "postgres:"), "“nowhere” does not exist"),
        ("postgresql://ana:s3cret-word@host:port/x", "cannot be understood"),
        ("mysql://ana:s3cret-word@host/x", "cannot be understood"),
        ("postgresql://", "cannot be understood"),
        (f"postgresql://127.0.0.1:{server.port}/x?user=ana&password=s3cret-word", "did not let you into"),
    ]
    for address, sentence in cases:
        with pytest.raises(InputError) as caught, open_log(address):
            pass
        said = "".join(traceback.format_exception(None, caught.value, caught.value.__traceback__))
        said = said.replace("s3cret-word", "", said.count('"s3cret-word"'))
        assert sentence.replace("“", '"').replace("”", '"') in str(caught.value).replace("“", '"').replace("”", '"')
        assert caught.value.hint
        assert "s3cret-word" not in said
        assert audit_server.PASSWORD not in said


def test_a_server_that_is_lost_in_mid_run_is_told_and_found_again(filled_server: Server, monkeypatch: Any) -> None:
    others = "FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
    lose = f"SELECT pg_terminate_backend(pid) {others}"
    make = audit.next_record
    with open_log(filled_server.target) as log:
        filled_server.run(lose)
        fill(log, 1)  # it was lost between two runs
        monkeypatch.setattr(audit, "next_record", lambda *given: filled_server.run(lose) or make(*given))
        with pytest.raises(InputError, match="was lost") as caught:
            fill(log, 1)
        assert "before you publish again" in caught.value.hint
        monkeypatch.undo()
        fill(log, 1)
        assert len(log.records()) == 5


def test_what_a_server_does_not_allow_is_told(filled_server: Server) -> None:
    place = filled_server
    place.run(
        f"CREATE ROLE {place.database} LOGIN PASSWORD 'reader'",
        f"GRANT SELECT ON ALL TABLES IN SCHEMA public TO {place.database}",
    )
    target = place.address(place.database, "reader")
    with open_log(target) as log:
        assert log.verify() == []
    assert "You may not do this" in refusal(target, lambda log: log.append("plan", "Bo", {}, {}, NOON)).message
    place.run(f"ALTER DATABASE {place.database} SET default_transaction_read_only = on")
    assert "You may not do this" in refusal(place.target, lambda log: log.append("plan", "Bo", {}, {}, NOON)).message
    with open_log(place.target) as log:
        assert log.verify() == []


def test_a_full_disk_of_the_server_is_told(filled_server: Server) -> None:
    filled_server.run(
        "CREATE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN RAISE EXCEPTION USING ERRCODE = 'disk_full'; END $$",
        "CREATE TRIGGER full_disk BEFORE INSERT ON patrol_audit_attachments EXECUTE FUNCTION full_disk()",
    )
    refused = refusal(filled_server.target, lambda log: log.append("plan", "Bo", {}, {"x": b"new"}, NOON))
    assert "The disk of the server 127.0.0.1" in refused.message


def test_a_database_that_cannot_hold_all_texts_is_told(port: int) -> None:
    name = next(names)
    Server(port, "postgres").run(f"CREATE DATABASE {name} ENCODING 'LATIN1' TEMPLATE template0")
    assert "keeps texts as LATIN1" in refusal(Server(port, name).target, create=True).message
