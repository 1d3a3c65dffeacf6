"""What goes wrong in the field: kill -9, full disks, lost servers, cables, clocks. Nothing is lost, nothing doubled."""

from __future__ import annotations

import os
import resource
import signal
import socket
import threading
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import audit_server
import pytest
from audit_places import Server
from gateway_killing import Vehicles, check, coming, compare, ended, settings_of
from gateway_process import Client, Gateway, taip
from tracking_world import World, made_up

from patrol_missions.engine.tracking.gateway_clock import OwnClock
from patrol_missions.engine.tracking.ledger import open_ledger

ALWAYS = (-1e9, 1e12)
HOUR_S = 3_600.0


def test_killed_again_and_again_the_ledger_is_as_if_nothing_had_happened(tmp_path: Path) -> None:
    told = check(tmp_path, made_up(8_000), 2, 5, str(tmp_path / "ledger.db"))
    assert told["in the middle of the reports"] == 2, told
    assert told["stays"] > 10, told


def disturbed(
    folder: Path, world: World, target: str, fault: Callable[[Gateway, Client], None], **more: Any
) -> dict[str, Any]:
    """What came of a watch with a fault in the middle, which is all that a watch without it comes to."""
    vehicles = Vehicles(coming(world, 5))
    with Gateway(folder, **{**settings_of(world), "ledger": target, **more}) as gateway, gateway.client() as client:
        assert client.ask("follow", units=[])["ok"]
        port = gateway.port("phones")
        making = threading.Thread(target=fault, args=(gateway, client))
        vehicles.drive(port, vehicles.count // 2, making.start)
        making.join()
        snapshot = ended(gateway, client)
    return compare(world, target, snapshot, vehicles)


def hears(client: Client, words: str, seconds: float = 30.0) -> str:
    return client.until(lambda event: event["event"] == "state" and words in event["text"], seconds)["text"]


def test_a_full_disk_is_told_and_nothing_is_lost(tmp_path: Path) -> None:
    ledger = tmp_path / "ledger.db"

    def fault(gateway: Gateway, client: Client) -> None:
        process = gateway.process.pid
        _, most = resource.prlimit(process, resource.RLIMIT_FSIZE)
        resource.prlimit(process, resource.RLIMIT_FSIZE, (tmp_path.joinpath("ledger.db-wal").stat().st_size, most))
        assert "The ledger cannot be written: " in hears(client, "the disk is full")
        resource.prlimit(process, resource.RLIMIT_FSIZE, (most, most))
        hears(client, "The ledger is written again.")

    assert disturbed(tmp_path, made_up(3_000), str(ledger), fault)["stays"] > 10


def test_a_server_that_is_started_again_is_told_and_nothing_is_lost(tmp_path: Path) -> None:
    binaries = audit_server.programs()
    if binaries is None:
        pytest.skip("POSTGRESQL ABSENT: no /usr/lib/postgresql/*/bin, so no server was stopped under the gateway.")
    with audit_server.restartable(binaries) as server:
        Server(server.port, "postgres").run("CREATE DATABASE gateway")

        def fault(_gateway: Gateway, client: Client) -> None:
            server.stop()
            hears(client, "The ledger cannot be written")
            server.start()
            hears(client, "The ledger is written again.")

        target = Server(server.port, "gateway").target
        assert disturbed(tmp_path, made_up(1_500), target, fault)["stays"] > 3


def clock(ahead_s: str) -> str:
    """What puts the clock of a gateway's computer."""
    return f"import time; real_time = time.time\ntime.time = lambda: real_time() + {ahead_s}"


def test_our_clock_may_be_put_forward_and_back(tmp_path: Path) -> None:
    """Reports of these very hours: for a clock that is put back they are from the future, for one put forward old."""
    put = tmp_path / "clock"
    put.write_text("0")
    before = clock(f"float(open({str(put)!r}).read() or 0)")

    def fault(_gateway: Gateway, client: Client) -> None:
        for seconds, words in ((3 * HOUR_S, "put forward by 3.0 h"), (-3 * HOUR_S, "put back by 3.0 h")):
            put.write_text(str(seconds))
            assert hears(client, words).endswith("if the new time is the right one.")
        put.write_text("0")
        hears(client, "clock is right again")

    world = made_up(4_000, int(time.time()) - 4_000)
    found = disturbed(tmp_path, world, str(tmp_path / "ledger.db"), fault, before=before)
    assert found["stays"] > 10


def test_a_clock_goes_on_evenly_and_tells_once_what_was_done_to_it() -> None:
    now = {"wall": 1_000.0, "steady": 50.0}
    clock = OwnClock(lambda: now["wall"], lambda: now["steady"])
    now.update(wall=1_010.0, steady=60.0)
    assert (clock.now(), clock.look()) == (1_010.0, "")
    now.update(wall=1_015.0, steady=61.0)
    assert (clock.now(), clock.look()) == (1_011.0, ""), "clocks are kept right by small steps"
    now["wall"] -= 600.0
    assert (clock.now(), clock.latest(), clock.earliest()) == (1_011.0, 1_011.0, 415.0)
    assert "put back by 10 min" in clock.look()
    assert clock.look() == ""
    now["wall"] += 660.0
    assert (clock.now(), clock.latest(), clock.earliest()) == (1_011.0, 1_075.0, 1_011.0)
    assert "put forward by 64 s" in clock.look()
    now["wall"] -= 64.0
    assert clock.look() == "This computer's clock is right again."


# --- lines that break


def journalled(folder: Path) -> list[float]:
    with open_ledger(folder / "ledger.db") as ledger:
        return [each.fix.at for each in ledger.journal(ALWAYS)]


def stays(folder: Path) -> list[tuple[float, float]]:
    with open_ledger(folder / "ledger.db") as ledger:
        return [(each.stay.start, each.stay.end) for each in ledger.stays(ALWAYS)]


def says(client: Client, words: str) -> None:
    client.until(lambda event: event["event"] == "source" and words in event["text"], 30.0)


def texts(client: Client) -> list[str]:
    """How the sources are."""
    return [each["text"] for each in client.ask("snapshot")["sources"]] or [""]


def test_a_receiver_is_unplugged_and_plugged_in_again(tmp_path: Path) -> None:
    port, first = tmp_path / "receiver", int(time.time()) - 60

    class Plugged:
        def __init__(self) -> None:
            self.master, self._slave = os.openpty()
            port.symlink_to(os.ttyname(self._slave))

        def report(self, client: Client, second: int) -> None:
            os.write(self.master, taip("car1", first + second))
            client.until_event("fix", at=float(first + second))

        def unplug(self) -> None:
            port.unlink()
            os.close(self._slave)
            os.close(self.master)

    plugged = Plugged()
    source = {"kind": "serial", "name": "receiver", "port": str(port), "unit": "car1", "format": "taip"}
    with Gateway(tmp_path, sources=[source]) as gateway, gateway.client() as client:
        while "is open" not in texts(client)[0]:
            time.sleep(0.02)
        for second in range(0, 20, 5):
            plugged.report(client, second)
        plugged.unplug()
        says(client, "plug the receiver in")
        plugged = Plugged()
        says(client, "is open")
        for second in range(20, 40, 5):
            plugged.report(client, second)
        assert client.ask("stop")["ok"]
        assert gateway.process.wait(15) == 0
        plugged.unplug()
    assert journalled(tmp_path) == [first + second for second in range(0, 40, 5)]
    assert stays(tmp_path) == [(first, first + 35)]


def test_a_receiver_s_clock_may_be_wrong_for_a_while(tmp_path: Path) -> None:
    """Its reports are refused, and told to be; they are refused once more after a restart by when they would fit."""
    first, source = int(time.time()) - 60, {"kind": "tcp_server", "name": "cars", "format": "taip", "port": 0}
    with Gateway(tmp_path, sources=[source]) as gateway, gateway.client() as client, gateway.car() as car:
        for second in (0, 10, 10 + 3 * 3_600, 20, 20 - 3 * 3_600, 30):
            car.sendall(taip("car1", first + second))
        client.until_event("fix", at=first + 30.0)
        client.until_event("refused", refused={"from the future": 1, "too late": 1})
        time.sleep(0.5)
        gateway.end(signal.SIGKILL)
    four_hours = clock(str(4 * HOUR_S))
    with Gateway(tmp_path, before=four_hours, sources=[source]) as gateway, gateway.client() as client:
        with gateway.car() as car:
            car.sendall(taip("car1", first + 40))
            client.until_event("fix", at=first + 40.0)
        assert client.ask("stop")["ok"]
        assert gateway.process.wait(15) == 0
    assert stays(tmp_path) == [(first, first + 40)]


def test_the_network_is_cut_and_comes_back(tmp_path: Path) -> None:
    first = int(time.time()) - 60
    hub = socket.create_server(("127.0.0.1", 0))
    number = hub.getsockname()[1]
    source = {"kind": "tcp", "name": "hub", "port": number, "format": "taip", "unit": "car1"}
    with Gateway(tmp_path, sources=[source]) as gateway, gateway.client() as client:
        for begin in (0, 20):
            line, _ = hub.accept()
            with closing(line):
                for second in range(begin, begin + 20, 5):
                    line.sendall(taip("car1", first + second))
                    client.until_event("fix", at=float(first + second))
                if begin:
                    assert texts(client) == ["Positions come in."]
                    break
                hub.close()
            says(client, "nothing listens there")
            hub = socket.create_server(("127.0.0.1", number))
            says(client, "Connected to")
        assert client.ask("stop")["ok"]
        assert gateway.process.wait(15) == 0
    hub.close()
    assert journalled(tmp_path) == [first + second for second in range(0, 40, 5)]
    assert stays(tmp_path) == [(first, first + 35)]
