"""The gateway as it runs: a process with real sockets and a real ledger, clients that come and go, and kill -9."""

from __future__ import annotations

import asyncio
import errno
import json
import os
import signal
import socket
import sqlite3
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlencode

import pytest
from gateway_process import CRS, LATITUDE, LONGITUDE, Client, Gateway, settings, taip

from patrol_missions.core import messages
from patrol_missions.core.errors import InputError
from patrol_missions.engine.tracking.fixes import Fix
from patrol_missions.engine.tracking.gateway_journal import Journal
from patrol_missions.engine.tracking.gateway_settings import Settings, owned
from patrol_missions.engine.tracking.ledger import Ground, open_ledger
from patrol_missions.engine.tracking.ledger_rows import Assignment, Batch, Entry, Gap, Heard
from patrol_missions.engine.tracking.stays import Rules, Stay

METRE = 1 / 67_800  # degrees of longitude here


@pytest.fixture
def gateway(tmp_path):
    with Gateway(tmp_path) as running:
        yield running


def rows(folder, table, what="*"):
    with closing(sqlite3.connect(folder / "ledger.db")) as ledger:
        return ledger.execute(f"select {what} from {table}").fetchall()


def drive(car, unit, start, minutes, longitude=LONGITUDE, every_s=10):
    """Reports of a unit that stands still for some minutes."""
    for second in range(0, int(minutes * 60), every_s):
        car.sendall(taip(unit, start + second, longitude))


def mission(cell, start, **more):
    return {"mission_id": "m1", "cells": [cell], "start": start, "end": start + 7200, **more}


# --- events


def test_from_a_report_to_an_event(gateway):
    with gateway.client() as client, gateway.car() as car:
        sent = time.time()
        car.sendall(taip("car1", sent))
        event = client.until_event("fix", unit="car1")
        assert event["at"] == int(sent)
        assert (event["longitude"], event["latitude"]) == pytest.approx((LONGITUDE, LATITUDE))
        entered = client.until_event("entered", unit="car1")
        assert len(entered["cell"]) == 2


def test_a_mission_from_its_start_to_its_end_and_into_the_ledger(gateway, tmp_path):
    now = time.time() - 2400
    with gateway.client() as client, gateway.car() as car:
        car.sendall(taip("car1", now))
        cell = client.until_event("entered")["cell"]
        assert client.ask("missions", missions=[mission(cell, now - 60)])["count"] == 1
        drive(car, "car1", now, 16)
        for kind in ("started", "amber", "done"):
            client.until_event(kind, mission="m1")
        drive(car, "car1", now + 960, 5, LONGITUDE + 1000 * METRE)
        client.until_event("left", unit="car1", cell=cell)
        visit = client.until_event("visit", unit="car1", cell=cell)
        assert visit["minutes"] == pytest.approx(16, abs=0.2)
    assert gateway.end() == (0, "")
    (stay,) = [row for row in rows(tmp_path, "patrol_stays", "col, row, kind") if list(row[:2]) == cell]
    assert stay[2] == "visit"
    assert len(rows(tmp_path, "patrol_journal")) == 96 + 30


def test_who_comes_later_gets_the_whole_picture(gateway):
    with gateway.client() as first, gateway.car() as car:
        car.sendall(taip("car1", time.time()) + taip("car2", time.time()))
        first.until_event("entered", unit="car2")
    with gateway.client() as second:
        found = second.ask("snapshot")
        assert {each["unit"] for each in found["events"] if each["event"] == "fix"} == {"car1", "car2"}
        assert [each["state"] for each in found["sources"]] == ["running"]
        assert found["ledger"]["dropped"] == 0


def test_only_units_that_are_followed_are_streamed(gateway):
    with gateway.client() as all_of_them, gateway.client() as one, gateway.car() as car:
        assert one.ask("follow", units=["car2"])["ok"]
        car.sendall(taip("car1", time.time()))
        all_of_them.until_event("fix", unit="car1")
        car.sendall(taip("car2", time.time()))
        fix = one.until(lambda event: event["event"] == "fix")
        assert fix["unit"] == "car2"
        one.ask("follow", units=None)
        car.sendall(taip("car3", time.time()))
        one.until_event("fix", unit="car3")


def test_strangers_are_shown_and_admitted(tmp_path):
    with Gateway(tmp_path, limits={"units": ["car1"]}) as gateway, gateway.client() as client, gateway.car() as car:
        car.sendall(taip("stranger", time.time()) + taip("x' OR 1=1--", time.time()))
        told = client.until_event("refused")
        while "name of a unit not allowed" not in told["refused"]:
            told = client.until_event("refused")
        assert told["quarantined"] == {"stranger": 1}
        assert client.ask("admit", unit="stranger")["ok"]
        assert not client.ask("admit", unit="<b>")["ok"]
        car.sendall(taip("stranger", time.time()))
        client.until_event("fix", unit="stranger")


def test_names_that_mean_something_elsewhere_break_out_of_nothing(tmp_path):
    good = ["Müller 12/3", "Экипаж 5", "car-1_a.b:2"]
    bad = [
        "x'); DROP TABLE patrol_stays;--", 'x"; DELETE FROM patrol_journal;', "x' OR '1'='1", "<b>x",
        "x<script src=//y>", "x&lt;b&gt;", "a\\b", "x${jndi:ldap://y}", "=1+1", "x%s%n", "../../etc/passwd", "a|b`c`",
    ]  # fmt: skip
    source = {"kind": "http", "name": "phones", "port": 0}
    with Gateway(tmp_path, sources=[source]) as gateway, gateway.client() as client:
        phone = HTTPConnection("127.0.0.1", gateway.port("phones"), timeout=10)
        for name in [*bad, *good]:
            query = urlencode({"id": name, "timestamp": int(time.time()), "lat": LATITUDE, "lon": LONGITUDE})
            phone.request("GET", f"/?{query}")
            answer = phone.getresponse()
            answer.read()
            assert answer.status == (200 if name in good else 403), name
        phone.close()
        told = client.until(lambda event: event.get("refused") == {"name of a unit not allowed": len(bad)})
        assert told["quarantined"] == {}
        fixes = [each["unit"] for each in client.ask("snapshot")["events"] if each["event"] == "fix"]
        assert fixes == good
        assert client.ask("stop")["ok"]
        gateway.process.wait(15)
    assert sorted(rows(tmp_path, "patrol_journal", "unit")) == sorted((name,) for name in good), "as they were sent"


def test_packets_that_are_replayed_count_once(gateway, tmp_path):
    now = time.time()
    with gateway.client() as client, gateway.car() as car, gateway.car() as again:
        packets = b"".join(taip("car1", now - 60 + second) for second in range(50))
        car.sendall(packets)
        client.until_event("fix", at=int(now - 60) + 49.0)
        again.sendall(packets)
        told = client.until_event("refused")
        while told["refused"].get("heard twice", 0) < 50:
            told = client.until_event("refused")
    gateway.end()
    assert len(rows(tmp_path, "patrol_journal")) == 50


# --- what people at the desk say


def test_a_unit_is_entered_by_hand_and_taken_back(gateway, tmp_path):
    with gateway.client() as client, gateway.car() as car:
        now = time.time()
        client.ask("missions", missions=[mission([1565, 23271], now - 60)])
        assert client.ask("enter", unit="foot patrol", mission="m1", author="desk")["ok"]
        assert client.until_event("entered", unit="foot patrol")["cell"] == [1565, 23271]
        client.until_event("started", mission="m1")
        car.sendall(taip("foot patrol", now, LONGITUDE + 0.01))
        told = client.until_event("refused")
        assert told["refused"] == {"report of a unit that is entered by hand": 1}
        assert client.ask("away", unit="foot patrol", text="burglar alarm")["ok"]
        assert client.until_event("note", kind="called away")["text"] == "burglar alarm"
        assert client.ask("back", unit="foot patrol")["ok"]
        assert client.ask("undo", unit="foot patrol")["undone"] == "back"
        assert not client.ask("leave", unit="foot patrol")["ok"]
        assert not client.ask("enter", unit="car 7", mission="unknown")["ok"]
        assert not client.ask("enter", unit="<b>", cell=[1, 1])["ok"]
    gateway.end()
    kinds = [row[0] for row in sorted(rows(tmp_path, "patrol_notes", "kind, at_s, author"), key=lambda row: row[1])]
    assert kinds == ["entered by hand", "called away", "back", "undo"]


def cells_of_visits(folder):
    found = sorted(rows(folder, "patrol_stays", "start_s, end_s, col, row, unit, ended_by"))
    return [(row[4], [row[2], row[3]], row[0], row[1], row[5]) for row in found]


def last_fix(client, unit):
    events = client.ask("snapshot")["events"]
    return next(each for each in events if each["event"] == "fix" and each["unit"] == unit)


def test_what_is_entered_by_hand_outlives_the_gateway(tmp_path):
    missions = [mission([1565, 23271], time.time() - 60), {**mission([1600, 23300], time.time()), "mission_id": "m2"}]
    now = int(time.time())
    more = {"missions": missions, "rules": {"fastest_mps": 1e9}}
    with Gateway(tmp_path, **more) as gateway, gateway.client() as client, gateway.car() as car:
        drive(car, "car 1", now - 300, 5)
        assert client.ask("enter", unit="foot 1", mission="m1")["ok"]
        assert client.ask("enter", unit="foot 1", mission="m2")["ok"]
        assert client.ask("enter", unit="foot 2", mission="m1")["ok"]
        assert client.ask("undo", unit="foot 2")["ok"]
        assert client.ask("enter", unit="foot 3", mission="m1")["ok"]
        assert client.ask("leave", unit="foot 3")["ok"]
        client.until_event("fix", at=now - 10.0, unit="car 1")
        assert client.ask("away", unit="car 1")["ok"]
        time.sleep(0.5)
        there = last_fix(client, "foot 1")
        gateway.end(signal.SIGKILL)
    with Gateway(tmp_path, **more) as gateway, gateway.client() as client, gateway.car() as car:
        found = client.ask("snapshot")
        assert found["by_hand"] == ["foot 1"]
        assert list(found["away"]) == ["car 1"]
        end = time.monotonic() + 10
        while last_fix(client, "foot 1")["at"] <= there["at"]:
            assert time.monotonic() < end
        again = last_fix(client, "foot 1")
        assert (again["longitude"], again["latitude"]) == (there["longitude"], there["latitude"])
        assert client.ask("undo", unit="foot 1")["undone"] == "entered by hand"
        assert client.ask("snapshot")["by_hand"] == ["foot 1"], "where it was entered before"
        later = int(time.time()) + 2
        car.sendall(taip("car 1", later))
        client.until_event("fix", unit="car 1", at=float(later))
        assert client.ask("stop")["ok"]
        assert gateway.process.wait(15) == 0
    ended = {unit: why for unit, _, _, _, why in cells_of_visits(tmp_path)}
    assert ended["car 1"] == "called away"
    with Gateway(tmp_path, **more) as gateway, gateway.client() as client:
        assert client.ask("snapshot")["by_hand"] == [], "the watch was ended"


def test_undo_takes_back_what_an_entry_by_hand_made(tmp_path):
    """The unit's own reports are all that counts, as if nobody had entered it."""
    now = int(time.time())
    missions = [mission([1700, 23300], now - 60)]
    more = {"alarms": {"lateness_s": 0.5}, "missions": missions, "rules": {"fastest_mps": 1e9}}
    with Gateway(tmp_path, **more) as gateway, gateway.client() as client, gateway.car() as car:
        drive(car, "car1", now - 300, 5)
        client.until_event("fix", at=now - 10.0)
        (cell,) = (each["cell"] for each in client.ask("snapshot")["events"] if each["event"] == "entered")
        for place in ({"mission": "m1"}, {"cell": [1800, 23300]}, {"cell": [1900, 23300]}):
            assert client.ask("enter", unit="car1", **place)["ok"]
            time.sleep(0.8)
        client.until_event("started", mission="m1")
        assert client.ask("snapshot")["minutes"]["m1"] > 0
        time.sleep(0.3)
        assert [each[1] for each in cells_of_visits(tmp_path)] == [cell, [1700, 23300]]
        for _ in range(3):
            assert client.ask("undo", unit="car1")["undone"] == "entered by hand"
        assert client.until_event("waiting", mission="m1")["minutes"] == 0
        assert client.until_event("entered", unit="car1", cell=cell)
        snapshot = client.ask("snapshot")
        assert snapshot["minutes"] == {"m1": 0}
        assert {each["event"] for each in snapshot["events"] if "mission" in each} == {"waiting"}
        car.sendall(taip("car1", now + 2))
        client.until_event("fix", at=now + 2.0)
        assert client.ask("stop")["ok"]
        assert gateway.process.wait(15) == 0
    assert cells_of_visits(tmp_path) == [("car1", cell, now - 300, now + 2, "left")]
    assert {row[0] for row in rows(tmp_path, "patrol_journal", "source")} == {"cars"}
    assert sorted(row[0] for row in rows(tmp_path, "patrol_notes", "kind")) == ["entered by hand"] * 3 + ["undo"] * 3


def test_what_is_too_old_is_forgotten_at_the_start_and_every_day(tmp_path):
    def write(day):
        at = time.time() - 86_400 * day
        stay = Entry.of("car1", Stay((day, 0), at, at + 600), Rules())
        with open_ledger(tmp_path / "ledger.db", Ground(CRS), create=True) as ledger:
            ledger.write(Batch([Heard(Fix("car1", at, LONGITUDE, LATITUDE), at)], [stay]))

    def forgotten(count):
        end = time.monotonic() + 10
        while sum(unit == "" for unit, _, _, _, _ in cells_of_visits(tmp_path)) < count:
            assert time.monotonic() < end
            time.sleep(0.05)

    write(11)
    write(9)
    short_days = "import asyncio; sleep = asyncio.sleep\nasyncio.sleep = lambda s, *more: sleep(min(s, 0.2), *more)"
    with Gateway(tmp_path, before=short_days, keep_days=10):
        forgotten(1)
        write(12)
        forgotten(2)
    assert {(unit, cell[0]) for unit, cell, _, _, _ in cells_of_visits(tmp_path)} == {("", 11), ("", 12), ("car1", 9)}
    assert len(rows(tmp_path, "patrol_journal")) == 1


def test_missions_that_are_set_later_have_what_patrol_did_before(gateway):
    now = int(time.time())
    with gateway.client() as client, gateway.car() as car:
        drive(car, "car1", now - 1200, 13)
        cell = client.until_event("entered")["cell"]
        drive(car, "car1", now - 420, 5, LONGITUDE + 1000 * METRE)
        client.until_event("visit", cell=cell)
        assert client.ask("missions", missions=[mission(cell, now - 1300)])["ok"]
        client.until_event("amber", mission="m1")
        assert client.ask("snapshot")["minutes"]["m1"] == pytest.approx(13, abs=0.2)


def test_sources_are_started_and_stopped(gateway):
    with gateway.client() as client:
        extra = {"kind": "udp", "name": "more", "format": "taip", "port": 0}
        assert client.ask("start", source=extra)["ok"]
        port = gateway.port("more")
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as letter:
            letter.sendto(taip("car9", time.time()), ("127.0.0.1", port))
            client.until_event("fix", unit="car9")
        assert not client.ask("start", source=extra)["ok"], "it runs already"
        assert client.ask("stop_source", source="more")["ok"]
        client.until_event("source", name="more", state="stopped")
        assert client.ask("start", source="more")["ok"]
        assert not client.ask("start", source={"kind": "pigeon", "name": "x"})["ok"]
        assert not client.ask("start", source={"kind": "replay", "name": "past", "file": "x"})["ok"]
        assert not client.ask("stop_source", source="nobody")["ok"]


def test_a_log_is_replayed_with_its_own_clock(tmp_path):
    start = 1_700_000_000
    lines = ["unit,time,lat,lon", *(f"car1,{start + second},{LATITUDE},{LONGITUDE}" for second in range(0, 1200, 10))]
    (tmp_path / "night.csv").write_text("\n".join(lines))
    source = {"kind": "replay", "name": "past", "file": str(tmp_path / "night.csv"), "speed": 1000}
    with Gateway(tmp_path, sources=[]) as gateway, gateway.client() as client:
        client.ask("missions", missions=[mission([1565, 23271], start)])
        assert client.ask("start", source=source)["ok"]
        done = client.until_event("done", mission="m1")
        assert done["minutes"] == pytest.approx(15, abs=1.5)
        client.until_event("source", name="past", state="stopped")
        assert client.ask("seek", at=start + 1100)["ok"]
        assert client.until_event("entered", unit="car1")["at"] == start + 1100


def test_what_cannot_be_done_is_answered_in_a_sentence(gateway):
    with gateway.client() as client:
        for asked in (
            {"do": "fly"}, {"do": ["stop"]}, {}, 5, [], {"do": "missions", "missions": 5}, {"do": "seek", "at": 1},
            {"do": "missions", "missions": [{}]}, {"do": "enter", "unit": "a", "cell": "x"},
        ):  # fmt: skip
            client.send(asked)
            answer = client.line()
            while answer["event"] != "answer":
                answer = client.line()
            assert answer["ok"] is False, asked
            assert answer["text"].endswith((".", "?")), answer
        client._socket.sendall(b"\xff\xfe no json\n")
        assert client.line()["ok"] is False
        assert client.ask("snapshot")["ok"]


# --- clients


def test_without_the_token_nothing_is_told(gateway):
    for token in ("wrong", "", "x" * 100_000):
        with gateway.client(token) as stranger:
            assert stranger.greeting.get("event") != "hello"
            stranger.send({"do": "stop"}) if stranger.greeting == {} else None
    with gateway.client() as client:
        assert client.greeting["event"] == "hello"
    assert gateway.process.poll() is None


def test_a_client_that_never_says_its_token_is_let_go(tmp_path):
    with Gateway(tmp_path, limits={"units": "any", "header_s": 0.3}) as gateway:
        door = json.loads((gateway.folder / "gateway.json").read_text())
        with socket.create_connection((door["host"], door["port"]), 5) as silent:
            silent.settimeout(5)
            assert b"token" in silent.recv(1000)
            assert silent.recv(1000) == b""


def test_files_of_the_run_folder_are_private(gateway):
    for name in ("gateway.json", "gateway.token"):
        assert (gateway.folder / name).stat().st_mode & 0o777 == 0o600
    assert gateway.folder.stat().st_mode & 0o777 == 0o700


def test_clients_that_die_or_do_not_read_hold_nobody_up(gateway):
    with gateway.client() as good, gateway.car() as car:
        dead = gateway.client()
        lazy = gateway.client()
        dead._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        dead.close()
        now, count = int(time.time()), 120_000
        before = resident(gateway.process.pid)
        for first in range(0, count, 1000):
            units = range(first, first + 1000)
            car.sendall(b"".join(taip(f"car{number % 2000}", now - 100 + number // 2000) for number in units))
        good.until_event("fix", unit="car1999", at=now - 100.0 + 59, seconds=60)
        assert resident(gateway.process.pid) - before < 200_000_000
        missed, read = 0, 0
        while not missed and read < count:
            read += 1
            if read % 1000 == 0:
                car.sendall(taip("car1", time.time()))
            missed = lazy.line().get("missed", 0)
        assert 0 < missed < count
        lazy.close()


def resident(process: int) -> int:
    return int(Path(f"/proc/{process}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


# --- starting and ending


def test_only_one_gateway_for_a_run_folder(gateway, tmp_path):
    with pytest.raises(InputError, match=f"process {gateway.process.pid}"), owned(gateway.folder):
        pass
    (tmp_path / "other").mkdir()
    second = Gateway.__new__(Gateway)
    second.__init__(tmp_path, sources=[])
    assert isinstance(second.first, messages.Error)
    assert "runs in" in second.first.message
    assert second.process.wait(10) == 1
    second.__exit__()


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT, "stop"])
def test_it_ends_cleanly(gateway, tmp_path, how):
    with gateway.client() as client, gateway.car() as car:
        now = int(time.time())
        car.sendall(taip("car1", now - 150) + taip("car1", now))
        client.until_event("fix", at=float(now))
        if how == "stop":
            assert client.ask("stop")["ok"]
        else:
            gateway.process.send_signal(how)
        client.until_event("state", text="The gateway ends.")
    assert gateway.process.wait(15) == 0
    assert gateway.process.stderr.read() == b""
    assert not (gateway.folder / "gateway.json").exists()
    assert len(rows(tmp_path, "patrol_journal")) == 2
    assert len(rows(tmp_path, "patrol_checkpoints")) == 1


def test_it_goes_on_without_whoever_started_it(gateway):
    gateway.process.stdout.close()
    with gateway.client() as client, gateway.car() as car:
        car.sendall(taip("car1", time.time()))
        client.until_event("fix")


def test_killed_at_any_moment_no_minute_is_lost_or_doubled(tmp_path):
    """Reports are sent once more after each death, as trackers do that got no answer; the stays are as without it."""
    start = int(time.time()) - 3600
    reports = [(start + second, LONGITUDE + second // 900 * 600 * METRE) for second in range(0, 3300, 10)]
    rules = {"gap_s": 7200}  # the reports are old, and the gateway must not take that for silence
    third = len(reports) // 3
    for life, end in enumerate((third, 2 * third, len(reports))):
        more = {"checkpoint_s": 1.0, "rules": rules}
        with Gateway(tmp_path, **more) as gateway, gateway.client() as client, gateway.car() as car:
            sent = reports[max(0, life * third - 20) : end]
            for number, (at, longitude) in enumerate(sent):
                car.sendall(taip("car1", at, longitude))
                if number % 40 == 39:
                    time.sleep(0.3)  # so that checkpoints fall between
            client.until_event("fix", at=float(sent[-1][0]))
            time.sleep(0.5)
            if life < 2:
                gateway.end(signal.SIGKILL)
            else:
                assert gateway.end()[0] == 0
    found = sorted(rows(tmp_path, "patrol_stays", "start_s, end_s, kind"))
    assert [(row[0] - start, row[1] - start) for row in found] == [(0, 900), (900, 1800), (1800, 2700)]
    assert len(rows(tmp_path, "patrol_journal")) == len(reports)


def test_a_gap_that_began_before_the_gateway_died_is_written(tmp_path):
    now = int(time.time())
    with Gateway(tmp_path, checkpoint_s=1.0) as gateway, gateway.client() as client, gateway.car() as car:
        drive(car, "car1", now - 3000, 5)
        drive(car, "car1", now - 2000, 5)
        client.until_event("fix", at=now - 2000 + 290.0)
        time.sleep(1.5)
        gateway.end(signal.SIGKILL)
    assert len(rows(tmp_path, "patrol_gaps")) == 0
    with Gateway(tmp_path) as gateway, gateway.client() as client, gateway.car() as car:
        drive(car, "car1", now - 1700, 5, LONGITUDE + 1000 * METRE)
        client.until_event("fix", at=now - 1700 + 290.0)
        gateway.end()
    assert rows(tmp_path, "patrol_gaps", "start_s, end_s") == [(now - 3000 + 290, now - 2000)]


def test_a_stay_that_silence_ended_is_not_continued_by_a_restart(tmp_path):
    """Reports that were kept back come once the unit was given up; they begin a stay, and none is lost in the old."""
    start = int(time.time()) - 100
    more = {"rules": {"gap_s": 1.0}, "alarms": {"lateness_s": 0.5, "silent_s": 1.0}, "checkpoint_s": 1000.0}
    with Gateway(tmp_path, **more) as gateway, gateway.client() as client, gateway.car() as car:
        car.sendall(taip("car1", start) + taip("car1", start + 1))
        client.until_event("left", unit="car1")
        car.sendall(taip("car1", start + 2) + taip("car1", start + 3))
        client.until_event("fix", at=start + 3.0)
        time.sleep(0.5)
        gateway.end(signal.SIGKILL)
    with Gateway(tmp_path, **more) as gateway, gateway.client() as client, gateway.car() as car:
        car.sendall(taip("car1", start + 4))
        client.until_event("fix", at=start + 4.0)
        assert client.ask("stop")["ok"]
        assert gateway.process.wait(15) == 0
    assert [each[2:4] for each in cells_of_visits(tmp_path)] == [(start, start + 1), (start + 2, start + 4)]


def test_a_mission_s_minutes_outlive_the_gateway(tmp_path):
    start = int(time.time()) - 3000
    missions = [mission([1565, 23271], start)]
    with Gateway(tmp_path, missions=missions) as gateway, gateway.client() as client, gateway.car() as car:
        drive(car, "car1", start, 13)
        client.until_event("amber")
        time.sleep(0.5)
        gateway.end(signal.SIGKILL)
    with Gateway(tmp_path, missions=missions) as gateway, gateway.client() as client, gateway.car() as car:
        assert client.ask("snapshot")["minutes"]["m1"] == pytest.approx(13, abs=0.2)
        drive(car, "car1", start + 780, 3)
        client.until_event("done", mission="m1")


def test_who_has_which_mission_is_in_the_ledger_once_and_ends_when_the_plan_changes(tmp_path):
    now = int(time.time())
    first = [mission([1, 1], now - 600, unit="car1"), {**mission([2, 2], now - 600, unit="car2"), "mission_id": "m2"},
             {**mission([3, 3], now - 600), "mission_id": "m3"}]  # fmt: skip
    later = {**mission([4, 4], now + 9000, unit="car1"), "mission_id": "m4"}
    what = "unit, mission_id, start_s, end_s, author"
    whole = ("car1", "m1", now - 600, now + 6600, "Ana")

    def assigned():
        time.sleep(0.5)
        return sorted(rows(tmp_path, "patrol_assignments", what))

    with Gateway(tmp_path) as gateway, gateway.client() as client:
        client.ask("missions", missions=[*first, later], author="Ana")
        told = [whole, ("car1", "m4", now + 9000, now + 16200, "Ana"), ("car2", "m2", now - 600, now + 6600, "Ana")]
        assert assigned() == told
        client.ask("missions", missions=[*first, later], author="Ana")
        assert assigned() == told
    with Gateway(tmp_path, missions=[*first, later]) as gateway, gateway.client() as client:
        assert assigned() == told, "a gateway that starts again keeps who gave them"
        client.ask("missions", missions=[first[0], {**first[1], "unit": "car3"}], author="Ben")
        kept, withdrawn, ended, given = assigned()
        assert kept == whole
        assert withdrawn == ("car1", "m4", now + 9000, now + 9000, "Ana")
        assert ended[:3] == ("car2", "m2", now - 600)
        assert now <= ended[3] <= time.time()
        assert given == ("car3", "m2", now - 600, now + 6600, "Ben")


def test_http_reports_are_in_the_ledger_when_they_are_answered(tmp_path):
    source = {"kind": "http", "name": "phones", "port": 0, "token": "secret"}
    with Gateway(tmp_path, sources=[source]) as gateway, gateway.car("phones") as phone:
        target = f"/?id=phone1&timestamp={int(time.time())}&lat={LATITUDE}&lon={LONGITUDE}&token=secret"
        phone.sendall(f"GET {target} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        assert b" 200 " in phone.recv(1000)
        gateway.end(signal.SIGKILL)
    assert len(rows(tmp_path, "patrol_journal")) == 1


def test_a_ledger_that_is_locked_is_told_and_nothing_is_lost(gateway, tmp_path):
    with gateway.client() as client, gateway.car() as car:
        car.sendall(taip("car1", time.time() - 5))
        client.until_event("fix")
        with closing(sqlite3.connect(tmp_path / "ledger.db", isolation_level=None)) as holder:
            holder.execute("begin immediate")
            car.sendall(taip("car1", time.time()))
            told = client.until_event("state", seconds=60)
            assert "The ledger cannot be written" in told["text"]
            assert told["ledger"]["waiting"] >= 1
            car.sendall(taip("car1", time.time() + 3))
            client.until_event("fix")
            holder.execute("rollback")
        told = client.until_event("state", seconds=60)
        assert "written again" in told["text"]
    gateway.end()
    assert len(rows(tmp_path, "patrol_journal")) == 3


# --- the journal by itself


def report(number):
    return Heard(Fix("car1", float(number), LONGITUDE, LATITUDE), float(number), "cars")


def journal_of(write, **more):
    told = []
    thread = ThreadPoolExecutor(1)
    return Journal(write, thread, Rules(), lambda text, figures: told.append((text, dict(figures))), **more), told


def test_reports_that_cannot_be_written_are_kept_within_bounds_and_what_is_lost_is_told():
    written, broken = [], [True]

    def write(batch):
        if broken[0]:
            raise OSError(errno.ENOSPC, "No space left on device")
        written.extend(batch.heard)

    async def play():
        journal, told = journal_of(write, most=100)
        for number in range(150):
            journal.hear([report(number)])
            if number % 30 == 0:
                assert not await journal.flush()
        assert journal.backlog == 100
        assert await journal.written() is False
        broken[0] = False
        assert await journal.flush()
        assert not journal.trouble
        return told

    told = asyncio.run(play())
    assert "the disk is full" in told[0][0]
    assert told[-1] == ("The ledger is written again; 50 reports are lost.", {"waiting": 0, "dropped": 50})
    assert written == [report(number) for number in range(50, 150)]


def test_a_batch_that_failed_is_written_again_in_its_order():
    batches, fails = [], [2]

    def write(batch):
        batches.append(batch)
        if fails[0]:
            fails[0] -= 1
            raise InputError("The ledger is locked.")

    async def play():
        journal, told = journal_of(write)
        journal.hear([report(1)])
        journal.settle([("car1", Stay((0, 0), 0.0, 300.0))])
        journal.assign([Assignment("car1", "m1", 0.0)])
        journal.keep({"car1": {"settled_at": 1.0}})
        assert not await journal.flush()
        journal.hear([report(2)])
        journal.keep({"car1": {"settled_at": 2.0}})
        assert not await journal.flush()
        assert await journal.flush()
        assert await journal.flush()
        return told

    told = asyncio.run(play())
    assert [text.partition(":")[0] for text, _ in told] == ["The ledger cannot be written"] * 2 + [
        "The ledger is written again."
    ]
    assert len(batches) == 3
    assert batches[-1].heard == [report(1), report(2)]
    assert [entry.stay.end for entry in batches[-1].stays] == [300.0]
    assert batches[-1].assignments == [Assignment("car1", "m1", 0.0)]
    assert batches[-1].checkpoints == {"car1": {"settled_at": 2.0}}


def test_gaps_and_calls_are_told_from_the_stays():
    journal, _ = journal_of(lambda batch: None)
    journal.away.update(car1=900.0, car2=500.0)
    entries = journal.settle(
        [
            ("car1", Stay((0, 0), 0.0, 300.0, gap=True)),
            ("car2", Stay((0, 0), 0.0, 300.0)),
            ("car1", Stay((1, 0), 700.0, 940.0)),
            ("car1", Stay((2, 0), 940.0, 2000.0)),
            ("car2", Stay((0, 0), 300.0, 600.0, gap=True)),
            ("car2", Stay((0, 0), 900.0, 1000.0)),
        ]
    )
    assert [each.ended_by for each in entries] == ["gap", "left", "called away", "left", "called away", "left"]
    batch, _ = journal._next()
    assert batch.gaps == [Gap("car1", 300.0, 700.0)]


# --- settings


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"folder": ""}, "folder"), ({"grid": {}}, "crs"), ({"grid": {"crs": "EPSG:4326"}}, "metres"),
        ({"grid": {"crs": "nonsense"}}, "not known"), ({"rules": {"gap": 5}}, "gap"),
        ({"rules": {"gap_s": 0}}, "gap_s"),
        ({"limits": {"x": 1}}, "x"), ({"limits": {"addresses": ["x"]}}, "network"), ({"sources": {}}, "sources"),
        ({"sources": [{"kind": "serial", "name": "gps"}]}, "gps"), ({"missions": "none.json"}, "none.json"),
        ({"missions": [{}]}, "missions"), ({"colour": 1}, "colour"), ({"ledger": "/nowhere/ledger.db"}, "/nowhere"),
        ({"port": -1}, "port"),
    ],
)  # fmt: skip
def test_settings_that_are_wrong_end_it_with_a_sentence(tmp_path, more, words):
    gateway = Gateway(tmp_path, **more)
    try:
        assert isinstance(gateway.first, messages.Error), gateway.process.communicate()
        assert words in gateway.first.message
        code, errors = gateway.process.wait(10), gateway.process.stderr.read().decode()
        assert (code, errors) == (1, "")
    finally:
        gateway.__exit__()


def test_settings_are_read_whole(tmp_path):
    path = tmp_path / "settings.json"
    (tmp_path / "missions.json").write_text(json.dumps([mission([1, 2], 0.0)]))
    given = settings(tmp_path, missions="missions.json", rules={"gap_s": 60}, port=5000, token_file="x")
    path.write_text(json.dumps(given))
    read = Settings.read(path)
    assert read.rules.gap_s == 60
    assert read.rules.size_m == 250
    assert read.missions[0].cells == ((1, 2),)
    assert read.limits.units is None
    assert read.port == 5000


def test_a_token_that_is_too_short_is_refused(tmp_path):
    (tmp_path / "token").write_text("1234")
    gateway = Gateway(tmp_path, token_file=str(tmp_path / "token"))
    assert "too short" in gateway.first.message
    gateway.process.wait(10)
    gateway.__exit__()


def test_a_client_needs_no_more_than_the_run_folder(gateway):
    with Client(gateway.folder) as client:
        assert client.greeting["event"] == "hello"
