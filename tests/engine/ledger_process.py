"""A process that tracks units and writes a ledger until it is killed, again and again: ``TARGET TIMES SEED``.

Each life goes on from what the ledger has, hears the last reports of the life before once more, and says after each
batch how many reports are in the journal for good.
"""

from __future__ import annotations

import os
import random
import sys
import time
from collections.abc import Iterator

sys.path.insert(0, os.environ["PATROL_STAGE"])

from killing import kill_again_and_again

from patrol_missions.engine.tracking.fixes import Fix
from patrol_missions.engine.tracking.ledger import Ledger, open_ledger
from patrol_missions.engine.tracking.ledger_rows import Batch, Entry, Heard
from patrol_missions.engine.tracking.stays import Point, Rules
from patrol_missions.engine.tracking.track import Track

LONGEST_S = 0.6
RULES = Rules()
LATENESS_S = 120.0
REPORTS = 12_000
AT_ONCE, AGAIN = 20, 50
METRES = 111_320.0  # of a degree, near enough for a plane of our own


def reports() -> list[Heard]:
    """Three units that wander, now and then unheard, reported in disorder within the lateness."""
    rng = random.Random(20260301)
    places = {unit: [0.0, 0.0, 0.0] for unit in ("A1", "B2", "C3")}
    told = []
    for _ in range(REPORTS // 3):
        for unit, place in places.items():
            place[0] += rng.choice((5.0, 15.0, 60.0)) if rng.random() < 0.99 else 1_000.0
            place[1] += rng.uniform(-120, 120)
            place[2] += rng.uniform(-120, 120)
            fix = Fix(unit, place[0], place[1] / METRES, place[2] / METRES)
            told.append(Heard(fix, place[0] + rng.uniform(0, LATENESS_S - 1), "radio"))
    return sorted(told, key=lambda each: each.received_at)


class Tracking:
    """All units, as a gateway has them."""

    def __init__(self, kept: dict[str, dict[str, object]]) -> None:
        self.tracks = {unit: Track.resumed(RULES, LATENESS_S, each) for unit, each in kept.items()}

    def take(self, heard: Heard) -> Iterator[Entry]:
        fix = heard.fix
        track = self.tracks.setdefault(fix.unit, Track(RULES, LATENESS_S))
        track.add(Point(fix.at, fix.longitude * METRES, fix.latitude * METRES))
        for stay in track.settle():
            yield Entry.of(fix.unit, stay, RULES)

    def closed(self) -> list[Entry]:
        """The end of all."""
        return [
            Entry.of(unit, stay, RULES, ended_by="end") for unit, track in self.tracks.items() for stay in track.close()
        ]

    def kept(self) -> dict[str, dict[str, object]]:
        return {unit: track.kept() for unit, track in self.tracks.items()}


def resumed(ledger: Ledger) -> tuple[Tracking, list[Entry]]:
    """Where the ledger is, and the stays since its checkpoints."""
    tracking = Tracking(ledger.checkpoints())
    return tracking, [entry for heard in ledger.since_checkpoints() for entry in tracking.take(heard)]


def go_on(ledger: Ledger, told: list[Heard], report: int | None = None) -> Tracking:
    """Track what the ledger does not have yet."""
    known = {(each.fix.unit, each.fix.at) for each in ledger.journal((-1e9, 1e12))}
    first = next((n for n, each in enumerate(told) if (each.fix.unit, each.fix.at) not in known), len(told))
    tracking, entries = resumed(ledger)
    for number, begin in enumerate(range(max(first - AGAIN, 0), len(told), AT_ONCE)):
        batch = told[begin : begin + AT_ONCE]
        entries += [entry for heard in batch for entry in tracking.take(heard)]
        ledger.write(Batch(batch, entries, checkpoints=tracking.kept() if number % 7 == 6 else {}))
        entries = []
        if report is not None:
            os.write(report, f"{begin + len(batch)}\n".encode())
    ledger.write(Batch(stays=entries))
    return tracking


if __name__ == "__main__":
    where, times, seed = sys.argv[1:]
    all_told = reports()

    def work(name: str, report: int) -> None:
        with open_ledger(where) as ledger:
            go_on(ledger, all_told, report)
            time.sleep(60)

    with open_ledger(where):
        pass  # what must be imported is so before the first life
    kill_again_and_again(work, int(times), int(seed), LONGEST_S)
