"""A gateway that is killed again and again while vehicles send, most of them each report until it is answered.

Run it with how often to kill it, and perhaps ``postgresql``.

Three taxis stand for the vehicles. Their reports come late and twice, as far as a report may.
"""

from __future__ import annotations

import random
import socket
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack, suppress
from operator import ne
from pathlib import Path
from typing import Any

from gateway_process import Client, Gateway
from tracking_reference import Reckoning
from tracking_world import LATENESS_S, UTM, World, taxis

from patrol_missions.engine.tracking.fixes import Fix
from patrol_missions.engine.tracking.ledger import open_ledger

ALWAYS = (-1e9, 1e12)
PAUSE_S = 0.008
"""Between the reports of a vehicle, so that a life is long enough for what is known of the vehicles to be kept."""

LONGEST_S = 0.05
"""A life is no longer than this after it was doomed."""

SETTINGS: dict[str, Any] = {
    "grid": {"crs": UTM, "size_m": 250},
    "limits": {"units": "any", "reports_per_second": 1e6, "reports_at_once": 1_000_000},
    "sources": [{"kind": "http", "name": "phones", "port": 0}],
    "checkpoint_s": 1.0,
    "keep_days": 100_000,
}


def settings_of(world: World) -> dict[str, Any]:
    """Settings of a gateway that times a world's missions."""
    missions = [{**vars(each), "cells": [list(cell) for cell in each.cells]} for each in world.missions]
    return {**SETTINGS, "missions": missions}


def coming(world: World, seed: int) -> dict[str, list[Fix]]:
    """Reports of each unit in the order in which they come."""
    rng = random.Random(seed)
    late = [(fix.at + rng.uniform(0, LATENESS_S - 1), fix) for fix in world.fixes]
    late += [(fix.at + rng.uniform(0, LATENESS_S - 1), fix) for fix in world.fixes if rng.random() < 0.2]
    found: dict[str, list[Fix]] = {}
    for _, fix in sorted(late, key=lambda each: each[0]):
        found.setdefault(fix.unit, []).append(fix)
    return found


class Vehicles:
    """Send their reports one after the other; who gets no answer sends the same again, but for one of them.

    :ivar left: what is to be sent, by unit, the next one last
    :ivar careless: the one that sends nothing again
    :ivar answered: unit and second of what was answered
    """

    def __init__(self, reports: dict[str, list[Fix]]) -> None:
        self.left = {unit: fixes[::-1] for unit, fixes in reports.items()}
        self.careless = max(self.left)
        self.answered: set[tuple[str, float]] = set()

    @property
    def count(self) -> int:
        """How many reports are left."""
        return sum(map(len, self.left.values()))

    def drive(self, port: int, until: int = 0, doom: Callable[[], None] | None = None) -> None:
        """Send all; ``OSError`` when the gateway is gone.

        :param doom: called when no more than ``until`` are left
        """
        with ExitStack() as closing:
            lines = {}
            for unit in self.left:
                line = closing.enter_context(socket.create_connection(("127.0.0.1", port), 10))
                line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                lines[unit] = line
            while self.count:
                if doom is not None and self.count <= until:
                    doom()
                    doom = None
                self._exchange(lines)
                time.sleep(PAUSE_S)
        if doom is not None:
            doom()

    def _exchange(self, lines: dict[str, socket.socket]) -> None:
        """Send the next report of each, and hear the answers."""
        sent = {unit: fixes[-1] for unit, fixes in self.left.items() if fixes}
        for unit, fix in sent.items():
            target = f"/?id={unit}&timestamp={fix.at:.0f}&lat={fix.latitude!r}&lon={fix.longitude!r}"
            lines[unit].sendall(f"GET {target} HTTP/1.1\r\nHost: gateway\r\n\r\n".encode())
        if self.careless in sent:
            self.left[self.careless].pop()
        for unit, fix in sent.items():
            answer = lines[unit].recv(1_000)
            if not answer:
                raise ConnectionResetError
            if b" 200 " in answer:
                self.answered.add((unit, fix.at))
                if unit != self.careless:
                    self.left[unit].pop()


def kill_again_and_again(folder: Path, world: World, times: int, seed: int, **more: Any) -> dict[str, Any]:
    """Kill a gateway so many times, let it come to its end, and stop it; the last snapshot and figures."""
    rng = random.Random(seed)
    vehicles = Vehicles(coming(world, seed))
    settings = {**settings_of(world), **more}
    total = vehicles.count
    answered, kept = [], [{}]
    for life in range(times):
        until = total - rng.randrange(life * total // times, (life + 1) * total // times)
        with Gateway(folder, **settings) as gateway:
            killing = threading.Timer(rng.uniform(0, LONGEST_S), gateway.process.kill)
            with suppress(OSError):
                vehicles.drive(gateway.port("phones"), until, killing.start)
            killing.join()
            answered.append(total - vehicles.count)
        with open_ledger(settings["ledger"]) as ledger:
            kept.append(ledger.checkpoints())
    with Gateway(folder, **settings) as gateway, gateway.client() as client:
        vehicles.drive(gateway.port("phones"))
        snapshot = ended(gateway, client)
    return {
        "snapshot": snapshot,
        "vehicles": vehicles,
        "sent": total,
        "answered": answered,
        "kept": sum(map(ne, kept, kept[1:])),
    }


def ended(gateway: Gateway, client: Client) -> dict[str, Any]:
    """Stop a gateway once it has tracked all; how everything was."""
    time.sleep(0.5)  # the last reports are answered before they are tracked
    snapshot = client.ask("snapshot")
    assert client.ask("stop")["ok"]
    assert gateway.process.wait(30) == 0
    return snapshot


def check(folder: Path, world: World, times: int, seed: int, target: str, **more: Any) -> dict[str, Any]:
    """Kill so many times; afterwards all is as if nothing had happened. What a person wants to know of it."""
    found = kill_again_and_again(folder, world, times, seed, ledger=target, **more)
    between = [number for number in found["answered"] if 0 < number < found["sent"]]
    told = {"kills": times, "in the middle of the reports": len(set(between)), "lives with a checkpoint": found["kept"]}
    return told | compare(world, target, found["snapshot"], found["vehicles"])


def compare(world: World, target: str, snapshot: dict[str, Any], vehicles: Vehicles) -> dict[str, Any]:
    """A ledger and the last snapshot are those of the plain reckoning; what a person wants to know of it.

    What was answered is there, and all that was sent until it was answered. What comes of the reports is what comes of
    them without any disturbance.
    """
    with open_ledger(target) as ledger:
        journal = [
            (each.fix.unit, each.fix.at, each.fix.longitude, each.fix.latitude) for each in ledger.journal(ALWAYS)
        ]
        stays = [
            (each.unit, *each.stay.cell, int(each.stay.start), int(each.stay.end)) for each in ledger.stays(ALWAYS)
        ]
        gaps = [(each.unit, each.start, each.end) for each in ledger.gaps(ALWAYS)]
    lost = {(fix.unit, fix.at, fix.longitude, fix.latitude) for fix in world.fixes} - set(journal)
    assert len(journal) == len(set(journal)) == len(world.fixes) - len(lost)
    assert {unit for unit, *_ in lost} <= {vehicles.careless}
    heard = {each[:2] for each in journal}
    assert vehicles.answered <= heard
    reckoned: Reckoning = world.reckoned(heard)
    assert sorted(stays) == sorted(reckoned.stays)
    theirs = sorted(reckoned.stays, key=lambda each: (each[0], each[3], each[4]))
    assert sorted(gaps) == sorted(
        (one[0], one[4], other[3]) for one, other in zip(theirs, theirs[1:]) if one[0] == other[0] and one[4] < other[3]
    )
    minutes = reckoned.minutes()
    assert {name: round(each, 6) for name, each in snapshot["minutes"].items()} == {
        name: round(each, 6) for name, each in minutes.items()
    }
    levels = {each["mission"]: each["event"] for each in snapshot["events"] if "mission" in each}
    for mission in world.missions:
        done = minutes[mission.mission_id]
        if done > mission.most_minutes:
            assert levels[mission.mission_id] == "over"
        elif done >= mission.minutes:
            assert levels[mission.mission_id] in ("done", "over")
        elif done:
            assert mission.mission_id in levels
    return {
        "journal": len(journal),
        "never heard": len(lost),
        "stays": len(stays),
        "gaps": len(gaps),
        "minutes": round(sum(minutes.values()), 2),
    }


if __name__ == "__main__":
    import audit_server
    from audit_places import Server

    kills, *where = sys.argv[1:]
    night = taxis(Path(__file__).resolve().parents[3] / "shared/data/gps/sf_taxi_cabspotting_3units.csv.gz", 12)
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        address = str(Path(name) / "ledger.db")
        if where:
            server = Server(stack.enter_context(audit_server.running(audit_server.programs())), "gateway")
            Server(server.port, "postgres").run("CREATE DATABASE gateway")
            address = server.target
        began = time.monotonic()
        told = check(Path(name), night, int(kills), 20260303, address)
        sys.stdout.write(f"{told}, {time.monotonic() - began:.0f} s\n")
