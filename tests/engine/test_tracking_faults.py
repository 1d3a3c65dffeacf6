"""What goes wrong in the field: kill -9, full disks, lost servers, cables, clocks. Nothing is lost, nothing doubled."""

from __future__ import annotations

from gateway_killing import check
from tracking_world import made_up


def test_killed_again_and_again_the_ledger_is_as_if_nothing_had_happened(tmp_path):
    told = check(tmp_path, made_up(9_000), 4, 5, str(tmp_path / "ledger.db"))
    assert told["in the middle of the reports"] >= 3, told
    assert told["stays"] > 20, told
