"""The gateway's sources: made from their settings, started and stopped, and how each of them is."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

from patrol_missions.core.errors import InputError, PatrolError
from patrol_missions.engine.tracking.fixes import Fix
from patrol_missions.engine.tracking.gpsd_json import GpsdParser
from patrol_missions.engine.tracking.limits import Guard
from patrol_missions.engine.tracking.nmea import NmeaParser
from patrol_missions.engine.tracking.osmand import parse_query
from patrol_missions.engine.tracking.source_gpsd import GpsdSource
from patrol_missions.engine.tracking.source_http import HttpSource, Written
from patrol_missions.engine.tracking.source_net import TcpClient, TcpServer, UdpServer
from patrol_missions.engine.tracking.source_replay import ReplaySource
from patrol_missions.engine.tracking.source_serial import SerialSource
from patrol_missions.engine.tracking.sources import FAILED, STOPPED, ParserFor, Source, SourceState, text_of
from patrol_missions.engine.tracking.taip import TaipParser
from patrol_missions.engine.tracking.track_files import TrackFile

_LOG = logging.getLogger(__name__)
_FORMATS: Mapping[str, ParserFor] = {"nmea": NmeaParser, "taip": TaipParser, "gpsd": GpsdParser}
_KINDS: Mapping[str, Callable[[Mapping[str, Any], ParserFor, Guard], Source]] = {
    "serial": SerialSource,
    "tcp": TcpClient,
    "tcp_server": TcpServer,
    "udp": UdpServer,
}
_SEE = "See “Sources and security” in live.md."


def make_source(settings: Mapping[str, Any], guard: Guard, written: Written) -> Source:
    """A source from its settings.

    :param settings: ``kind`` and ``name``, perhaps ``format``, and what the source itself asks for
    :param written: waits until all that was taken is in the ledger; see :class:`HttpSource`
    :raises InputError: something is missing or wrong
    """
    kind = text_of(settings, "kind")
    if kind == "http":
        return HttpSource(settings, parse_query, guard, written)
    if kind == "gpsd":
        return GpsdSource(settings, GpsdParser, guard)
    if kind == "replay":
        return _replay(settings, guard)
    if kind not in _KINDS:
        known = ", ".join([*_KINDS, "gpsd", "http", "replay"])
        raise InputError(f"There is no source of the kind “{kind}”; there are {known}.", _SEE)
    words = text_of(settings, "format", "nmea")
    if words not in _FORMATS:
        raise InputError(f"There is no format “{words}”; there are {', '.join(_FORMATS)}.", _SEE)
    return _KINDS[kind](settings, _FORMATS[words], guard)


def _replay(settings: Mapping[str, Any], guard: Guard) -> ReplaySource:
    log = TrackFile(Path(text_of(settings, "file")), text_of(settings, "unit", ""))

    def read() -> list[Fix]:
        return sorted(log.fixes(), key=lambda fix: fix.at)  # files of several units often have one after the other

    return ReplaySource(settings, read, guard)


class Sources:
    """All sources of a gateway.

    :param take: hears a source's name and its reports
    :param told: hears how a source is
    :ivar states: how each source is, by its name
    """

    def __init__(
        self,
        guard: Guard,
        written: Written,
        take: Callable[[str, list[Fix]], None],
        told: Callable[[SourceState], None],
    ) -> None:
        self._guard, self._written, self._take, self._told = guard, written, take, told
        self._settings: dict[str, Mapping[str, Any]] = {}
        self._running: dict[str, tuple[Source, asyncio.Task[None]]] = {}
        self.states: dict[str, SourceState] = {}

    def start(self, settings: Mapping[str, Any]) -> None:
        """Start a source.

        :raises InputError: its settings are wrong, or it cannot run beside those that run
        """
        source = make_source(settings, self._guard, self._written)
        if source.name in self._running:
            raise InputError(f"The source “{source.name}” runs already.", "Stop it first.")
        if self._running and (isinstance(source, ReplaySource) or self.replay() is not None):
            raise InputError(
                "A replay has a clock of its own and cannot run beside other sources.", "Stop the others first."
            )
        self._settings[source.name] = settings
        self._running[source.name] = source, asyncio.ensure_future(self._run(source))

    async def stop(self, name: str) -> None:
        """Stop a source and wait until it has let go of its port.

        :raises InputError: there is none
        """
        if name not in self._running:
            raise InputError(f"No source “{name}” runs.", f"Those that run: {', '.join(self._running) or 'none'}.")
        _, task = self._running.pop(name)
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
        self._hear(SourceState(name, STOPPED, "It was stopped."))

    async def start_again(self, name: str) -> None:
        """Start a source that was stopped, as it was.

        :raises InputError: there never was one
        """
        if name not in self._settings:
            raise InputError(f"There is no source “{name}”.", "Give its settings to start it.")
        self.start(self._settings[name])

    async def close(self) -> None:
        """Stop all."""
        for name in list(self._running):
            await self.stop(name)

    def replay(self) -> ReplaySource | None:
        """The replay that runs."""
        return next((each for each, _ in self._running.values() if isinstance(each, ReplaySource)), None)

    def shown(self) -> list[dict[str, Any]]:
        """How all are, and the ports that they have."""
        ports = {name: source.port for name, (source, _) in self._running.items() if hasattr(source, "port")}
        return [{**asdict(state), "port": ports.get(name)} for name, state in self.states.items()]

    async def _run(self, source: Source) -> None:
        while True:
            try:
                await source.run(lambda fixes: self._take(source.name, fixes), self._hear)
            except PatrolError as error:
                self._hear(SourceState(source.name, FAILED, str(error)))
            except Exception as error:  # noqa: BLE001 - one source must not end the others
                _LOG.exception("The source %s failed unexpectedly.", source.name)
                reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
                self._hear(SourceState(source.name, FAILED, f"It failed unexpectedly ({reason}) and is tried again."))
            await asyncio.sleep(5.0)

    def _hear(self, state: SourceState) -> None:
        self.states[state.name] = state
        self._told(state)


def event_of(state: SourceState) -> dict[str, Any]:
    """What clients hear of it."""
    return {"event": "source", "at": time.time(), **asdict(state)}
