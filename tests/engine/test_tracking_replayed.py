"""Packets that are sent again, at once, later and days later: refused, counted, and of no effect whatever."""

from __future__ import annotations

import signal
import socket
import sqlite3
import time
from contextlib import closing

import pytest
from gateway_process import LATITUDE, LONGITUDE, Gateway
from tracking_streams import with_checksum

DAY_S = 86_400
ELSEWHERE = LONGITUDE + 0.03
SOURCES = {
    "udp": {"kind": "udp", "name": "cars", "port": 0, "units": {"127.0.0.1": "car1"}},
    "tcp": {"kind": "tcp_server", "name": "cars", "port": 0, "units": {"127.0.0.1": "car1"}},
    "http": {"kind": "http", "name": "cars", "port": 0},
}


def rmc(at, longitude):
    """A report as receivers write it, with its date."""
    moment = time.gmtime(at)
    place = f"{int(LATITUDE):02d}{LATITUDE % 1 * 60:07.4f},N,{int(longitude):03d}{longitude % 1 * 60:07.4f},E"
    body = f"GPRMC,{time.strftime('%H%M%S', moment)}.00,A,{place},0.0,0.0,{time.strftime('%d%m%y', moment)},,,A"
    return b"$" + with_checksum(body.encode()) + b"\r\n"


def request(at, longitude):
    """A report as telephones send it."""
    return f"GET /?id=car1&timestamp={at}&lat={LATITUDE}&lon={longitude} HTTP/1.1\r\nHost: x\r\n\r\n".encode()


class Sender:
    """Sends packets to a gateway's source."""

    def __init__(self, gateway, way):
        self._way, self._port = way, gateway.port()

    def send(self, packets):
        if self._way == "udp":
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as letter:
                for each in packets:
                    letter.sendto(each, ("127.0.0.1", self._port))
            return
        with socket.create_connection(("127.0.0.1", self._port), 10) as call:
            for each in packets:
                call.sendall(each)
                if self._way == "http":
                    assert b" 200 " in call.recv(1000), "so that the telephone does not keep it"


def refused(client, count):
    """Wait until so many were refused as heard before."""
    told = {}
    while sum(told.get(why, 0) for why in ("heard twice", "too late")) < count:
        told = client.until_event("refused")["refused"]
    return told


def picture(client):
    """Where the unit is, what the mission has got, and since when."""
    found = client.ask("snapshot")
    return found["minutes"], sorted(
        (each["event"], each["at"], each.get("longitude"), each.get("minutes")) for each in found["events"]
    )


def stays(folder):
    with closing(sqlite3.connect(folder / "ledger.db")) as ledger:
        return ledger.execute("select unit, col, row, start_s, end_s from patrol_stays order by start_s").fetchall()


def shift(way, now):
    """Ten minutes elsewhere and, days later, ten minutes in a mission; and the settings of the gateway."""
    packet = request if way == "http" else rmc
    long_ago = [packet(now - 3 * DAY_S + second, ELSEWHERE) for second in range(0, 600, 20)]
    today = [packet(now - 600 + second, LONGITUDE) for second in range(0, 600, 20)]
    missions = [{"mission_id": "m1", "cells": [[1565, 23271]], "start": now - 9000, "end": now + 9000}]
    return long_ago, today, {"sources": [SOURCES[way]], "missions": missions}


@pytest.mark.parametrize("way", ["udp", "tcp", "http"])
def test_packets_that_are_sent_again_change_nothing(tmp_path, way):
    now = int(time.time())
    long_ago, today, settings = shift(way, now)
    with Gateway(tmp_path, **settings) as gateway, gateway.client() as client:
        sender = Sender(gateway, way)
        sender.send([*long_ago, *today])
        client.until_event("fix", at=float(now - 20))
        before = picture(client)
        assert before[0]["m1"] == pytest.approx(580 / 60, abs=0.1)
        sender.send([*today, *long_ago])  # at once, and days later
        assert refused(client, 60)["heard twice"] >= 5
        sender.send([*long_ago, *today])  # again
        refused(client, 120)
        assert picture(client) == before
        assert client.ask("stop")["ok"]
        gateway.process.wait(15)
    assert [row[4] - row[3] for row in stays(tmp_path)] == [580, 580]


def test_packets_that_are_sent_again_to_a_gateway_that_was_killed_change_nothing(tmp_path):
    now = int(time.time())
    long_ago, today, settings = shift("tcp", now)
    for life in range(2):
        with Gateway(tmp_path, **settings) as gateway, gateway.client() as client:
            Sender(gateway, "tcp").send([*long_ago, *today])
            if life:
                refused(client, 60)
            else:
                client.until_event("fix", at=float(now - 20))
            assert picture(client)[0]["m1"] == pytest.approx(580 / 60, abs=0.1)
            time.sleep(0.5)
            gateway.end(signal.SIGKILL)


def test_all_that_are_sent_again_are_counted_together_wherever_they_are_found(tmp_path):
    now = int(time.time())
    one, other = rmc(now - 20, LONGITUDE), rmc(now - 10, LONGITUDE)
    with Gateway(tmp_path, sources=[SOURCES["tcp"]]) as gateway, gateway.client() as client:
        Sender(gateway, "tcp").send([one, one, other, one])  # within its moment, and after it
        client.until(lambda event: event.get("refused") == {"heard twice": 2})
