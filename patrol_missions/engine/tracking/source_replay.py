"""Past reports, given again as if they came in now: to try rules out, to show a shift to others, and for tests.

A replay has a clock of its own, which is that of its log. Times of stays are therefore those that the log has, at any
speed.
"""

from __future__ import annotations

import asyncio
import time
from bisect import bisect_left
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from patrol_missions.engine.tracking.fixes import Fix
from patrol_missions.engine.tracking.limits import Guard
from patrol_missions.engine.tracking.sources import (
    RUNNING,
    STOPPED,
    WAITING,
    SourceState,
    Take,
    Told,
    number_of,
    text_of,
)

_STEP_S = 0.05


class ReplaySource:
    """Gives the reports of a log at so many times its speed; can be paused and put to another moment.

    :param settings: ``name``, ``file``, and perhaps ``unit`` (for logs that name none), ``speed`` (1)
    :param log: reads the log, in a thread: its reports in the order of their times
    """

    def __init__(self, settings: Mapping[str, Any], log: Callable[[], Sequence[Fix]], guard: Guard) -> None:
        self.name = text_of(settings, "name")
        self._log, self._guard = log, guard
        self._speed = number_of(settings, "speed", 1.0, 0.01, 10_000.0)
        self._paused = False
        self._at: float | None = None
        self._wanted: float | None = None
        self._real = 0.0

    def now(self) -> float | None:
        """The moment of the log, in seconds since 1970 UTC; ``None`` before its first report."""
        return self._at

    def pause(self, paused: bool = True) -> None:
        """Stand still, or go on."""
        self._paused = paused

    def run_at(self, speed: float) -> None:
        """Go at so many times the log's speed from now on.

        :raises InputError: it is no speed
        """
        self._speed = number_of({"name": self.name, "speed": speed}, "speed", None, 0.01, 10_000.0)

    def seek(self, at: float) -> None:
        """Go on from another moment of the log, before or after; whoever tracks must begin anew."""
        self._wanted = at

    async def run(self, take: Take, told: Told) -> None:
        """Give reports until the log ends or it is cancelled; it may be put to another moment even after its end."""
        reports = await asyncio.get_running_loop().run_in_executor(None, self._log)
        while True:
            told(SourceState(self.name, RUNNING, "The log is being replayed."))
            if not await self._play(reports, take, told):
                told(SourceState(self.name, STOPPED, "The log has been replayed to its end."))
                while not self._is_left():
                    await asyncio.sleep(_STEP_S)

    async def _play(self, reports: Sequence[Fix], take: Take, told: Told) -> bool:
        """Go through the log once; whether it was left for another moment."""
        since, self._wanted = self._wanted, None
        self._real = time.monotonic()
        start = bisect_left([fix.at for fix in reports], since) if since is not None else 0
        at = since if since is not None else (reports[0].at if reports else 0.0)
        due: list[Fix] = []
        for fix in reports[start:]:
            while fix.at > at:
                self._give(due, at, take)
                due = []
                at += await self._step(told)
                if self._is_left():
                    return True
            due.append(fix)
        self._give(due, at, take)
        return False

    def _is_left(self) -> bool:
        return self._wanted is not None

    def _stands_still(self) -> bool:
        return self._paused and not self._is_left()

    async def _step(self, told: Told) -> float:
        """Wait a little; by how much the log's clock has gone on."""
        await asyncio.sleep(_STEP_S)
        if self._stands_still():
            told(SourceState(self.name, WAITING, "The replay is paused."))
            while self._stands_still():
                await asyncio.sleep(_STEP_S)
            told(SourceState(self.name, RUNNING, "The log is being replayed."))
            self._real = time.monotonic()
        now = time.monotonic()
        passed_s, self._real = (now - self._real) * self._speed, now
        return passed_s

    def _give(self, due: list[Fix], at: float, take: Take) -> None:
        self._at = at
        # At a hundred times the speed a unit sends a hundred times as often: the log's own clock bounds it.
        passed = self._guard.passed(due, at)
        if passed:
            take(passed)
