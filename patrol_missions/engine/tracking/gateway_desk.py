"""What people at the desk ask of the gateway: missions, sources, and what they know better than the receivers.

A unit that is entered by hand is where the desk says, until it is said to have left: its own reports are put aside, and
one is made for it every ten seconds in the middle of its cell, so that all else follows as from any other report.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pyproj import Transformer

from patrol_missions.core.errors import InputError, PatrolError
from patrol_missions.engine.tracking.fixes import Fix
from patrol_missions.engine.tracking.gateway_clients import Command
from patrol_missions.engine.tracking.gateway_settings import missions_of
from patrol_missions.engine.tracking.ledger_rows import Heard, Note
from patrol_missions.engine.tracking.source_replay import ReplaySource

if TYPE_CHECKING:
    from patrol_missions.engine.tracking.gateway import Gateway

MANUAL, CLIENT = "manual", "client"
ASIDE = "report of a unit that is entered by hand"
ENTERED, LEFT, AWAY, BACK, UNDO = "entered by hand", "left by hand", "called away", "back", "undo"
_EVERY_S = 10.0
_REMEMBERED = 20

Place = tuple[float, float]
"""Longitude and latitude."""


@dataclass(frozen=True)
class _Said:
    """Something that was said of a unit, and the place that it was said to be at."""

    kind: str
    at: float
    place: Place | None


class Desk:
    """Does what clients ask for.

    :ivar commands: what can be asked for, by its name
    """

    def __init__(self, gateway: Gateway, stopped: asyncio.Event) -> None:
        self._gateway, self._stopped = gateway, stopped
        self._back = Transformer.from_crs(gateway.settings.crs, "EPSG:4326", always_xy=True)
        self._there: dict[str, Place] = {}
        self._said: dict[str, list[_Said]] = {}
        self._given_at = 0.0
        self.commands: dict[str, Command] = {
            "missions": self._missions,
            "start": self._start,
            "stop_source": self._stop_source,
            "admit": self._admit,
            "report": self._report,
            "enter": self._enter,
            "leave": self._leave,
            "away": self._away,
            "back": self._come_back,
            "undo": self._undo,
            "pause": self._pause,
            "speed": self._speed,
            "seek": self._seek,
            "snapshot": self._snapshot,
            "stop": self._stop,
        }

    def resume(self, said: Iterable[tuple[Note, Heard | None]]) -> None:
        """Go on from the notes in the ledger, each with the report that was made with it."""
        for note, heard in said:
            theirs = self._said.setdefault(note.unit, [])
            if note.kind != UNDO:
                place = None if heard is None else (heard.fix.longitude, heard.fix.latitude)
                theirs.append(_Said(note.kind, note.at, place))
                del theirs[:-_REMEMBERED]
            elif theirs:
                theirs.pop()
        for unit in self._said:
            self._follow(unit)
            if unit in self._there:
                self._gateway.guard.admit(unit)

    def shown(self) -> Mapping[str, Any]:
        """Which units are entered by hand, and which were called away, and when."""
        last = {unit: self._last(unit, AWAY, BACK, ENTERED, LEFT) for unit in self._said}
        away = {unit: each.at for unit, each in last.items() if each is not None and each.kind == AWAY}
        return {"by_hand": sorted(self._there), "away": away}

    def without_manual(self, fixes: list[Fix]) -> list[Fix]:
        """Reports but for those of units that are entered by hand."""
        if not self._there:
            return fixes
        kept = [fix for fix in fixes if fix.unit not in self._there]
        self._gateway.guard.counted[ASIDE] += len(fixes) - len(kept)
        return kept

    def tick(self) -> None:
        """Report for the units that are entered by hand."""
        if self._there and time.monotonic() - self._given_at >= _EVERY_S:
            self._given_at, now = time.monotonic(), self._gateway.now()
            self._gateway.put(MANUAL, [Fix(unit, now, *place) for unit, place in self._there.items()])

    # --- missions and sources

    async def _missions(self, asked: Mapping[str, Any]) -> Mapping[str, Any]:
        missions = missions_of(asked.get("missions"))
        await self._gateway.time_missions(missions, str(asked.get("author") or "")[:100])
        return {"count": len(missions)}

    async def _start(self, asked: Mapping[str, Any]) -> Mapping[str, Any]:
        settings = asked.get("source")
        if isinstance(settings, str):
            await self._gateway.sources.start_again(settings)
        elif isinstance(settings, Mapping):
            self._gateway.sources.start(settings)
        else:
            raise InputError("Which source?", "Give its name, or its settings.")
        if self._gateway.sources.replay() is not None:
            self._gateway.begin_anew()
        return {}

    async def _stop_source(self, asked: Mapping[str, Any]) -> Mapping[str, Any]:
        await self._gateway.sources.stop(_text(asked, "source"))
        return {}

    async def _admit(self, asked: Mapping[str, Any]) -> Mapping[str, Any]:
        self._gateway.guard.admit(_text(asked, "unit"))
        return {}

    async def _report(self, asked: Mapping[str, Any]) -> Mapping[str, Any]:
        """Reports that the client has from elsewhere, such as from QGIS's own receiver."""
        fixes = fixes_of(asked.get("fixes"))
        for fix in fixes:
            self._gateway.guard.admit(fix.unit)
        self._gateway.put(CLIENT, self.without_manual(fixes))
        return {"count": len(fixes)}

    # --- what people know better

    async def _enter(self, asked: Mapping[str, Any]) -> Mapping[str, Any]:
        unit, cell = _text(asked, "unit"), self._cell(asked)
        self._gateway.guard.admit(unit)
        size_m = self._gateway.settings.rules.size_m
        place = self._back.transform((cell[0] + 0.5) * size_m, (cell[1] + 0.5) * size_m)
        now = self._note(ENTERED, asked, place)
        self._gateway.put(MANUAL, [Fix(unit, now, *place)])  # of the note's moment: a restart finds the place by it
        return {}

    async def _leave(self, asked: Mapping[str, Any]) -> Mapping[str, Any]:
        unit = _text(asked, "unit")
        if unit not in self._there:
            raise InputError(f"The unit {unit} is not entered by hand.", "Its own reports tell when it leaves.")
        self._note(LEFT, asked)
        return {}

    async def _away(self, asked: Mapping[str, Any]) -> Mapping[str, Any]:
        self._note(AWAY, asked)
        return {}

    async def _come_back(self, asked: Mapping[str, Any]) -> Mapping[str, Any]:
        self._note(BACK, asked)
        return {}

    async def _undo(self, asked: Mapping[str, Any]) -> Mapping[str, Any]:
        """Take back what was said last of a unit, and the reports that were made because of it."""
        unit = _text(asked, "unit")
        said = self._said.get(unit)
        if not said:
            raise InputError(f"Nothing was said of the unit {unit}.")
        last = said.pop()
        self._follow(unit)
        if last.kind == ENTERED:
            try:
                await self._gateway.take_back(unit, MANUAL, last.at)
            except PatrolError:
                said.append(last)
                self._follow(unit)
                raise
        self._write(UNDO, asked, last.kind)
        return {"undone": last.kind}

    def _note(self, kind: str, asked: Mapping[str, Any], place: Place | None = None) -> float:
        """Remember and write what was said; its moment."""
        unit = _text(asked, "unit")
        now = self._write(kind, asked, str(asked.get("text") or "")[:500])
        said = self._said.setdefault(unit, [])
        said.append(_Said(kind, now, place))
        del said[:-_REMEMBERED]
        self._follow(unit)
        return now

    def _last(self, unit: str, *kinds: str) -> _Said | None:
        return next((each for each in reversed(self._said[unit]) if each.kind in kinds), None)

    def _follow(self, unit: str) -> None:
        """Make what was said of a unit so."""
        there, away = self._last(unit, ENTERED, LEFT, AWAY), self._last(unit, AWAY)
        if there is not None and there.place is not None:
            self._there[unit] = there.place
        else:
            self._there.pop(unit, None)
        if away is not None:
            self._gateway.journal.away[unit] = away.at
        else:
            self._gateway.journal.away.pop(unit, None)

    def _write(self, kind: str, asked: Mapping[str, Any], text: str) -> float:
        unit, mission = _text(asked, "unit"), str(asked.get("mission") or "")[:100]
        now, author = self._gateway.now(), str(asked.get("author") or "")[:100]
        self._gateway.journal.note(Note(kind, now, unit, mission, author, text))
        event = {"event": "note", "at": now, "unit": unit, "mission": mission, "kind": kind, "text": text}
        self._gateway.clients.tell([event])
        return now

    def _cell(self, asked: Mapping[str, Any]) -> tuple[int, int]:
        """The cell that is asked for, or the first of the mission that is."""
        cell = asked.get("cell")
        if cell is None:
            mission = _text(asked, "mission")
            for each in self._gateway.missions:
                if each.mission_id == mission:
                    return each.cells[0]
            raise InputError(f"There is no mission “{mission}”.", "Set the missions first, or name a cell.")
        try:
            return int(cell[0]), int(cell[1])
        except (TypeError, ValueError, IndexError) as error:
            raise InputError("A cell is a pair of column and row.") from error

    # --- replays

    async def _pause(self, asked: Mapping[str, Any]) -> Mapping[str, Any]:
        self._replay().pause(bool(asked.get("paused", True)))
        return {}

    async def _speed(self, asked: Mapping[str, Any]) -> Mapping[str, Any]:
        self._replay().run_at(asked.get("speed") or 0)
        return {}

    async def _seek(self, asked: Mapping[str, Any]) -> Mapping[str, Any]:
        at = asked.get("at")
        if not isinstance(at, (int, float)):
            raise InputError("To which moment?", "Give seconds since 1970 UTC as “at”.")
        self._replay().seek(float(at))
        self._gateway.begin_anew()
        return {}

    def _replay(self) -> ReplaySource:
        replay = self._gateway.sources.replay()
        if replay is None:
            raise InputError("Nothing is being replayed.", "Start a source of the kind “replay”.")
        return replay

    # --- the gateway itself

    async def _snapshot(self, _asked: Mapping[str, Any]) -> Mapping[str, Any]:
        return self._gateway.snapshot()

    async def _stop(self, _asked: Mapping[str, Any]) -> Mapping[str, Any]:
        for unit in list(self._there):
            self._note(LEFT, {"unit": unit, "text": "The watch ended."})
        self._gateway.end_watch()
        asyncio.get_running_loop().call_later(0.05, self._stopped.set)  # after the answer
        return {}


def fixes_of(given: Any) -> list[Fix]:
    """Position reports from a list of objects with the names of :class:`Fix`.

    :raises InputError: one of them lacks something
    """
    try:
        return [
            Fix(
                str(each["unit"]), float(each["at"]), float(each["longitude"]), float(each["latitude"]),
                *(None if each.get(name) is None else float(each[name])
                  for name in ("accuracy_m", "speed_mps", "heading_deg")),
            )
            for each in given
        ]  # fmt: skip
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise InputError(
            "The reports cannot be read.", "Each needs unit, at (seconds since 1970 UTC), longitude and latitude."
        ) from error


def _text(asked: Mapping[str, Any], name: str) -> str:
    value = asked.get(name)
    if not isinstance(value, str) or not value:
        raise InputError(f"The command needs a text for “{name}”.")
    return value
