"""The gateway: a process of its own that hears position reports, tracks units, writes the ledger and tells clients.

It runs on whether anybody listens or not, until it is told to stop. Start it with the engine's Python and the path of
its settings; its first words on standard output are a greeting, or the sentence why it cannot run. Then it tells in
``gateway.json`` of its run folder where clients connect.
"""

from __future__ import annotations

import asyncio
import gc
import json
import logging
import math
import os
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from itertools import groupby, islice
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import Any

from patrol_missions import __version__
from patrol_missions.core import messages
from patrol_missions.core.errors import InputError, PatrolError
from patrol_missions.engine.tracking import assignments
from patrol_missions.engine.tracking.clock import DAY_S
from patrol_missions.engine.tracking.fixes import Fix
from patrol_missions.engine.tracking.gateway_clients import Clients
from patrol_missions.engine.tracking.gateway_clock import OwnClock
from patrol_missions.engine.tracking.gateway_desk import MANUAL, Desk
from patrol_missions.engine.tracking.gateway_journal import Journal
from patrol_missions.engine.tracking.gateway_settings import DOOR, Settings, owned, token_of, write_private
from patrol_missions.engine.tracking.gateway_sources import Sources, event_of
from patrol_missions.engine.tracking.ledger import Ground, Ledger, open_ledger
from patrol_missions.engine.tracking.ledger_rows import Entry, Heard
from patrol_missions.engine.tracking.limits import Guard
from patrol_missions.engine.tracking.projection import projection
from patrol_missions.engine.tracking.sources import SourceState
from patrol_missions.engine.tracking.stays import Stay
from patrol_missions.engine.tracking.timers import Mission
from patrol_missions.engine.tracking.tracker import FIX, LEFT, Event, Tracker

TURN_S = 0.05
_TICK_S = 1.0
_LAST_WRITE_S = 10.0
_COLLECT_S = 3600.0
_FORGET_AGAIN_S = 600.0
_SWITCH_S = 0.0005  # or each of thousands of small reads would wait five milliseconds for the thread that writes

_LOG = logging.getLogger(__name__)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the gateway whose settings the first argument names, until it is told to stop."""
    sys.setswitchinterval(_SWITCH_S)
    # Going through millions of reports in search of rings would hold everything up for a second, again and again.
    gc.set_threshold(20_000, 20, 1_000_000)
    path = Path((sys.argv[1:] if arguments is None else arguments)[0])
    try:
        settings = Settings.read(path)
        with owned(settings.folder):
            _log_to(settings.folder / "gateway.log")
            asyncio.run(_run(settings))
    except PatrolError as error:
        _say(messages.Error(error.kind, error.message, error.hint))
        sys.exit(1)


async def _run(settings: Settings) -> None:
    stopped = asyncio.Event()
    _stop_by_signal(stopped)
    thread = ThreadPoolExecutor(1, "ledger")
    with ExitStack() as closing:
        ground = Ground(settings.crs, settings.rules.size_m)
        ledger = closing.enter_context(open_ledger(settings.ledger, ground, create=True))
        closing.callback(thread.shutdown)
        gateway = Gateway(settings, ledger, thread, stopped)
        hello = messages.Hello(__version__, messages.SCHEMA, sys.version.split()[0], os.getpid())
        await gateway.run(lambda: _say(hello))


def _say(message: messages.Message) -> None:
    """Whoever started the gateway may be gone."""
    with suppress(OSError):
        os.write(1, f"{messages.encode(message)}\n".encode("ascii"))


def _log_to(path: Path) -> None:
    handler = RotatingFileHandler(path, maxBytes=1_000_000, backupCount=2, encoding="utf-8", delay=True)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    logging.basicConfig(handlers=[handler], level=logging.WARNING)


def _stop_by_signal(stopped: asyncio.Event) -> None:
    loop = asyncio.get_running_loop()
    for name in ("SIGTERM", "SIGINT", "SIGBREAK"):
        number = getattr(signal, name, None)
        if number is None:
            continue
        try:
            loop.add_signal_handler(number, stopped.set)
        except NotImplementedError:  # Windows
            signal.signal(number, lambda *_: loop.call_soon_threadsafe(stopped.set))


class Gateway:
    """Everything between the sources and those who listen; on one event loop, but for writing.

    :param thread: writes the ledger, one batch after the other
    :param stopped: set to stop it
    """

    def __init__(self, settings: Settings, ledger: Ledger, thread: ThreadPoolExecutor, stopped: asyncio.Event) -> None:
        self.settings, self._ledger, self._thread, self._stopped = settings, ledger, thread, stopped
        self._project = projection(settings.crs)
        self.missions = settings.missions
        self._clock = OwnClock()
        self._latest = self._clock.latest()  # for all that arrives until the next turn
        self.guard = Guard(settings.limits)
        self.journal = Journal(ledger.write, thread, settings.rules, self._tell_ledger)
        self.sources = Sources(self.guard, self.journal.written, self._hear, self._tell_source)
        self.tracker = self._new_tracker()
        self.desk = Desk(self, stopped)
        self._arrived: list[Fix] = []
        self._held = False
        self._assigned: assignments.Assigned = {}
        self._last: dict[tuple[str, str], dict[str, Any]] = {}
        self._changed: dict[str, None] = {}
        self._told_counts: dict[str, int] = {}
        self._ticked_at = self._collected_at = time.monotonic()
        greeting = {"event": "hello", "version": __version__, "schema": messages.SCHEMA, "pid": os.getpid()}
        self.clients = Clients(token_of(settings), greeting, self.desk.commands, settings.limits.header_s)

    async def run(self, ready: Callable[[], None]) -> None:
        """Run until told to stop.

        :param ready: called once clients can connect
        """
        self._resume()
        server = await self.clients.listen(self.settings.host, self.settings.port)
        port = server.sockets[0].getsockname()[1]
        door = self.settings.folder / DOOR
        write_private(door, json.dumps({"host": self.settings.host, "port": port, "pid": os.getpid()}))
        writing = asyncio.ensure_future(self.journal.run())
        turning = asyncio.ensure_future(self._turns())
        forgetting = asyncio.ensure_future(self._forget())
        try:
            for each in self.settings.sources:
                self.sources.start(each)
            ready()
            await self._stopped.wait()
        finally:
            door.unlink(missing_ok=True)
            server.close()
            await self.sources.close()
            turning.cancel()
            forgetting.cancel()
            self._turn()
            self.journal.keep(self.tracker.kept())
            self.journal.end()
            await asyncio.wait([writing], timeout=_LAST_WRITE_S)
            if self.journal.backlog:
                _LOG.error("%d reports could not be written at the end.", self.journal.backlog)
            self.clients.tell([{"event": "state", "at": time.time(), "text": "The gateway ends."}])
            await self.clients.close()

    def now(self) -> float:
        """Seconds since 1970 UTC: our clock's, or that of the log that is replayed."""
        replay = self.sources.replay()
        at = replay.now() if replay is not None else None
        return self._clock.now() if at is None else at

    async def time_missions(self, missions: tuple[Mission, ...], author: str) -> None:
        """Time these missions from now on, with what patrol did in them before.

        :param author: who gives them to their units
        """
        self._assign(missions, author)
        self.missions = missions
        self.tracker.set_missions(missions)
        known = {each.mission_id for each in missions}
        self._last = {key: event for key, event in self._last.items() if key[0] != "mission" or key[1] in known}
        await self.journal.written()
        stays = self.journal.unwritten()
        try:
            stays += await asyncio.get_running_loop().run_in_executor(self._thread, self._stays_of, missions)
        except PatrolError as error:
            text = f"What patrol did in these missions before is not counted: {error} Set them again later."
            self.clients.tell([{"event": "state", "at": self.now(), "text": text}])
        self.clients.tell(self._remember(self.tracker.count(stays, self.now())))

    def _assign(self, missions: tuple[Mission, ...], author: str) -> None:
        """Write which unit has which of these missions, and which it has no more."""
        assigned = assignments.of_missions(missions, author, self._assigned)
        self.journal.assign(assignments.changes(self._assigned, assigned, self.now()))
        self._assigned = assigned

    def begin_anew(self) -> None:
        """Forget where everybody is: the clock has been put to another moment."""
        self.tracker = self._new_tracker()
        self._arrived, self._last, self._changed = [], {}, {}

    def end_watch(self) -> None:
        """Write the stays that are still going on as ended: somebody says that the watch is over.

        A gateway that is ended otherwise, as by the system, goes on with them when it starts again.
        """
        self._turn()
        self.tracker.close()
        self._settle()
        self.journal.keep(self.tracker.kept())  # with the stays: the reports alone would not end them again

    async def take_back(self, unit: str, source: str, since: float) -> None:
        """Take back what a source reported of a unit since a moment, and what came of it.

        :raises InputError: the ledger cannot be written now
        """
        self._turn()
        self._held = True  # what arrives meanwhile is tracked afterwards
        try:
            if not await self.journal.written():
                raise InputError("It cannot be taken back while the ledger cannot be written.", "Try again later.")
            margin_s, loop = self.settings.rules.gap_s, asyncio.get_running_loop()
            kept, heard = await loop.run_in_executor(
                self._thread, self._ledger.take_back, unit, source, since, margin_s
            )
            silent = await loop.run_in_executor(self._thread, self._ledger.silent_since)
            self.journal.silent_since.pop(unit, None)
            self.journal.silent_since.update({name: at for name, at in silent.items() if name == unit})
            again = [(each.fix, each.received_at) for each in heard]
            self.clients.tell(self._remember(self.tracker.begin_again(unit, kept, again, self.now())))
            self._settle()
            self.journal.keep(self.tracker.kept([unit]))
        finally:
            self._held = False

    def put(self, source: str, fixes: list[Fix]) -> None:
        """Take reports that were let in."""
        self.journal.hear(Heard(fix, self._latest, source) for fix in fixes)
        self._arrived += fixes

    def snapshot(self) -> dict[str, Any]:
        """How everything is."""
        return {
            "events": list(self._last.values()),
            "minutes": self.tracker.minutes(),
            "sources": self.sources.shown(),
            **self.desk.shown(),
            **self._counts(),
            "ledger": {"text": self.journal.trouble, "waiting": self.journal.backlog, "dropped": self.journal.dropped},
            "now": self.now(),
        }

    def _new_tracker(self) -> Tracker:
        of = self.settings
        return Tracker(self._project, of.rules, of.belief, of.alarms, self.missions)

    def _resume(self) -> None:
        """Go on from the ledger: what was kept of each unit, and the reports since then once more."""
        now = self.now()
        self.tracker.resume(self._ledger.checkpoints(), now)
        self.journal.silent_since = self._ledger.silent_since()
        self._assigned = assignments.by_key(self._ledger.assignments((now, math.inf)))
        if self.missions:
            self._assign(self.missions, "")
        self._remember(self.tracker.count(self._stays_of(self.missions), now))
        # As they were taken then: what was from the future is so again.
        for latest, heard in groupby(self._ledger.since_checkpoints(), key=lambda each: each.received_at):
            self._remember(self.tracker.take([each.fix for each in heard], min(now, latest), latest))
        self._settle()
        self._changed = dict.fromkeys(self._last_units())
        self.desk.resume(self._ledger.said(MANUAL))

    def _stays_of(self, missions: tuple[Mission, ...]) -> list[tuple[str, Stay]]:
        """Stays in the ledger that may have a part in missions."""
        if not missions:
            return []
        between = min(each.start for each in missions), max(each.end for each in missions)
        cells = {cell for each in missions for cell in each.cells}
        return [(each.unit, each.stay) for each in self._ledger.stays(between) if each.stay.cell in cells]

    def _settle(self) -> list[Entry]:
        """Hand what is final to the ledger."""
        return self.journal.settle(self.tracker.settled())

    # --- what comes in

    def _hear(self, source: str, fixes: list[Fix]) -> None:
        self.put(source, self.desk.without_manual(fixes))

    async def _turns(self) -> None:
        while True:
            await asyncio.sleep(TURN_S)
            try:
                self._turn()
            except Exception as error:  # noqa: BLE001 - one bad turn must not end the watch
                _LOG.exception("A turn failed.")
                reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
                text = f"Something unexpected happened in the gateway ({reason}); its log has the details."
                self.clients.tell([{"event": "state", "at": time.time(), "text": text}])

    def _turn(self) -> None:
        """Track what has arrived, tell it, and hand what is final to the ledger."""
        if self._held:
            return
        now, latest = self.now(), self._latest
        arrived, self._arrived, self._latest = self._arrived, [], self._clock.latest()
        self._changed.update(dict.fromkeys(fix.unit for fix in arrived))
        events = self.tracker.take(arrived, now, max(now, latest)) if arrived else []
        due = time.monotonic() - self._ticked_at >= _TICK_S
        if due:
            self._ticked_at = time.monotonic()
            self.desk.tick()
            ticked = self.tracker.tick(now)
            events += ticked
            # With the stays that silence ended: the reports alone would not end them again.
            self.journal.keep(self.tracker.kept([event.unit for event in ticked if event.kind == LEFT]))
        entries = self._settle()
        self.clients.tell([*self._remember(events), *(_visit(each) for each in entries if each.is_visit)])
        if due:
            self._tell_counts()
            self._tell_clock()
            self._check_point()
            self._collect()

    def _check_point(self) -> None:
        """Keep what is known of some of the units that have reported, so that each has its turn in time."""
        share = math.ceil(len(self._changed) * _TICK_S / max(_TICK_S, self.settings.checkpoint_s))
        units = list(islice(self._changed, share))
        for unit in units:
            del self._changed[unit]
        self.journal.keep(self.tracker.kept(units))

    def _collect(self) -> None:
        if time.monotonic() - self._collected_at >= _COLLECT_S:
            self._collected_at = time.monotonic()
            gc.collect()

    async def _forget(self) -> None:
        """Let what is too old go from the ledger, at the start and once a day."""
        while True:
            before = self._clock.earliest() - self.settings.keep_days * DAY_S
            wait_s = DAY_S
            try:
                await self.journal.written()
                await asyncio.get_running_loop().run_in_executor(self._thread, self._ledger.forget, before)
            except PatrolError as error:
                wait_s = _FORGET_AGAIN_S
                text = f"What is older than {self.settings.keep_days:g} days could not be forgotten: {error}"
                self.clients.tell([{"event": "state", "at": self.now(), "text": text}])
            await asyncio.sleep(wait_s)

    # --- what is told

    def _remember(self, events: Iterable[Event]) -> list[dict[str, Any]]:
        """Events as clients get them; the last of each kind is kept for those who come later."""
        told = [event.json() for event in events]
        for event in told:
            mission = event.get("mission", "")
            if mission:
                self._last["mission", mission] = event
            elif event["event"] == FIX:
                self._last["fix", event["unit"]] = event
            elif event["event"] in ("entered", "left"):
                self._last["cell", event["unit"]] = event
            else:
                self._last["silence", event["unit"]] = event
        return told

    def _last_units(self) -> list[str]:
        return [name for kind, name in self._last if kind == "fix"]

    def _counts(self) -> dict[str, Any]:
        refused = self.guard.counted + Counter({why.value: count for why, count in self.tracker.refused.items()})
        return {"refused": dict(refused), "quarantined": dict(self.guard.quarantined)}

    def _tell_counts(self) -> None:
        counts = self._counts()
        if counts["refused"] != self._told_counts:
            self._told_counts = counts["refused"]
            self.clients.tell([{"event": "refused", "at": time.time(), **counts}])

    def _tell_clock(self) -> None:
        text = self._clock.look()
        if text:
            _LOG.warning(text)
            self.clients.tell([{"event": "state", "at": self.now(), "text": text}])

    def _tell_source(self, state: SourceState) -> None:
        self.clients.tell([event_of(state)])

    def _tell_ledger(self, text: str, figures: Any) -> None:
        self.clients.tell([{"event": "state", "at": time.time(), "text": text, "ledger": dict(figures)}])


def _visit(entry: Entry) -> dict[str, Any]:
    stay = entry.stay
    return {
        "event": "visit", "at": stay.end, "start": stay.start, "unit": entry.unit, "cell": list(stay.cell),
        "minutes": round(stay.seconds / 60.0, 3),
    }  # fmt: skip
