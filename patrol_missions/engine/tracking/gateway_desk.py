"""What people at the desk ask of the gateway: missions, sources, and what they know better than the receivers.

A unit that is entered by hand is where the desk says, until it is said to have left: its own reports are put aside, and
one is made for it every ten seconds in the middle of its cell, so that all else follows as from any other report.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pyproj import Transformer

from patrol_missions.core.errors import InputError
from patrol_missions.engine.tracking.fixes import Fix
from patrol_missions.engine.tracking.gateway_clients import Command
from patrol_missions.engine.tracking.gateway_settings import missions_of
from patrol_missions.engine.tracking.ledger_rows import Note
from patrol_missions.engine.tracking.source_replay import ReplaySource

if TYPE_CHECKING:
    from patrol_missions.engine.tracking.gateway import Gateway

MANUAL, CLIENT = "manual", "client"
ASIDE = "report of a unit that is entered by hand"
ENTERED, LEFT, AWAY, BACK, UNDO = "entered by hand", "left by hand", "called away", "back", "undo"
_EVERY_S = 10.0


class Desk:
    """Does what clients ask for.

    :ivar commands: what can be asked for, by its name
    """

    def __init__(self, gateway: Gateway, stopped: asyncio.Event) -> None:
        self._gateway, self._stopped = gateway, stopped
        self._back = Transformer.from_crs(gateway.settings.crs, "EPSG:4326", always_xy=True)
        self._there: dict[str, tuple[float, float]] = {}
        self._said: dict[str, list[str]] = {}
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
            self._given_at = time.monotonic()
            now = self._gateway.now()
            self._gateway.put(MANUAL, [Fix(unit, now, *place) for unit, place in self._there.items()])

    # --- missions and sources

    async def _missions(self, asked: Mapping[str, Any]) -> Mapping[str, Any]:
        missions = missions_of(asked.get("missions"))
        self._gateway.time_missions(missions, str(asked.get("author") or "")[:100])
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
        longitude, latitude = self._back.transform((cell[0] + 0.5) * size_m, (cell[1] + 0.5) * size_m)
        self._there[unit] = longitude, latitude
        self._given_at = 0.0
        self.tick()
        return self._note(ENTERED, asked)

    async def _leave(self, asked: Mapping[str, Any]) -> Mapping[str, Any]:
        unit = _text(asked, "unit")
        if self._there.pop(unit, None) is None:
            raise InputError(f"The unit {unit} is not entered by hand.", "Its own reports tell when it leaves.")
        return self._note(LEFT, asked)

    async def _away(self, asked: Mapping[str, Any]) -> Mapping[str, Any]:
        unit = _text(asked, "unit")
        self._gateway.journal.away[unit] = self._gateway.now()
        self._there.pop(unit, None)
        return self._note(AWAY, asked)

    async def _come_back(self, asked: Mapping[str, Any]) -> Mapping[str, Any]:
        return self._note(BACK, asked)

    async def _undo(self, asked: Mapping[str, Any]) -> Mapping[str, Any]:
        """Take back what was said last of a unit; what was told or written meanwhile stays, beside the note of it."""
        unit = _text(asked, "unit")
        said = self._said.get(unit)
        if not said:
            raise InputError(f"Nothing was said of the unit {unit}.")
        last = said.pop()
        if last == ENTERED:
            self._there.pop(unit, None)
        elif last == AWAY:
            self._gateway.journal.away.pop(unit, None)
        self._write(UNDO, asked, last)
        return {"undone": last}

    def _note(self, kind: str, asked: Mapping[str, Any]) -> Mapping[str, Any]:
        said = self._said.setdefault(_text(asked, "unit"), [])
        said.append(kind)
        del said[:-20]
        self._write(kind, asked, str(asked.get("text") or "")[:500])
        return {}

    def _write(self, kind: str, asked: Mapping[str, Any], text: str) -> None:
        unit, mission = _text(asked, "unit"), str(asked.get("mission") or "")[:100]
        now, author = self._gateway.now(), str(asked.get("author") or "")[:100]
        self._gateway.journal.note(Note(kind, now, unit, mission, author, text))
        event = {"event": "note", "at": now, "unit": unit, "mission": mission, "kind": kind, "text": text}
        self._gateway.clients.tell([event])

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
