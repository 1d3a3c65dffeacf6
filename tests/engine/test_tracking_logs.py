"""Logs of real receivers, as the bytes they are, through real ports: what comes out is what is in them."""

from __future__ import annotations

import asyncio
from collections import Counter

import pytest
from log_player import CUT, WAYS, direct, play
from tracking_fakes import any_unit, running

from patrol_missions.engine.tracking.gateway_sources import make_source
from patrol_missions.engine.tracking.nmea import NmeaParser
from patrol_missions.engine.tracking.taip import TaipParser

RMC = b"$GPRMC,132820.60,A,4134.49821229,N,09345.03351845,W,3.252,92.308,180326,,,A*73"


@pytest.mark.parametrize("way", WAYS)
def test_the_last_report_is_told_when_a_stream_ends(way):
    found = asyncio.run(play(way, NmeaParser, RMC))  # without the end of its line
    assert [fix.at % 60 for fix in found.fixes] == pytest.approx([20.6])
    assert not found.rejected


def test_the_last_report_of_a_log_is_replayed(tmp_path):
    (tmp_path / "night.nmea").write_bytes(RMC)
    past = {"kind": "replay", "name": "past", "file": str(tmp_path / "night.nmea"), "unit": "car 1"}

    async def replayed():
        async with running(make_source(past, any_unit(), written=None)) as heard:
            await heard.until_says("to its end")
            return heard.fixes

    assert [fix.at % 60 for fix in asyncio.run(replayed())] == pytest.approx([20.6])


@pytest.mark.parametrize("way", WAYS)
def test_every_log_comes_through(shared_data, way):
    logs = [path for path in sorted((shared_data / "nmea").iterdir()) if path.suffix in {".log", ".txt"}]
    assert len(logs) == 35
    streams = [(NmeaParser, path.read_bytes()) for path in logs]
    streams += [(TaipParser, path.read_bytes()) for path in (shared_data / "taip").glob("*.txt")]
    total = Counter()
    for parser, data in streams:
        found, whole = asyncio.run(play(way, parser, data)), direct(parser, data)
        assert found.fixes == whole.fixes
        assert way == CUT or found.rejected == whole.rejected, "lines of no message that are cut count twice"
        total.update(found.rejected)
        total["reports"] += len(found.fixes)
    assert total["reports"] == 1269
    assert {"no message", "no checksum", "no position", "not readable", "only an estimate"} <= set(total)
