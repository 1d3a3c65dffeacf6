"""What goes to the ledger: gathered, written in a thread every fifth of a second, and tried again where it fails.

Reports and stays are kept in memory while the ledger cannot be written. That memory is bounded: what no longer fits is
dropped, oldest first, counted and told.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Executor
from contextlib import suppress
from typing import Any

from patrol_missions.core.errors import PatrolError, is_disk_full
from patrol_missions.engine.tracking.ledger_rows import (
    CALLED_AWAY,
    LEFT,
    Assignment,
    Batch,
    Entry,
    Gap,
    Heard,
    Note,
)
from patrol_missions.engine.tracking.stays import Rules, Stay

EVERY_S = 0.2
_AT_ONCE = 20_000  # reports in one transaction
_LONGEST_WAIT_S = 5.0

_LOG = logging.getLogger(__name__)

Tell = Callable[[str, Mapping[str, Any]], None]


class Journal:
    """Gathers and writes.

    :param write: writes a batch, all or nothing; called in ``thread``, and again with the same where it failed
    :param tell: hears a sentence and figures when the ledger fails and when it is well again
    :param most: reports that are kept while the ledger fails
    :ivar dropped: reports that no longer fitted
    :ivar away: units that were called away, and when
    :ivar silent_since: units whose last stay ended unheard, and when
    """

    def __init__(
        self, write: Callable[[Batch], None], thread: Executor, rules: Rules, tell: Tell, most: int = 500_000
    ) -> None:
        self._write, self._thread, self._rules, self._tell, self._most = write, thread, rules, tell, most
        self._heard: list[Heard] = []
        self._stays: list[Entry] = []
        self._gaps: list[Gap] = []
        self._notes: list[Note] = []
        self._assignments: list[Assignment] = []
        self._checkpoints: dict[str, Mapping[str, Any]] = {}
        self.silent_since: dict[str, float] = {}
        self._waiting: list[asyncio.Future[bool]] = []
        self._wanted = asyncio.Event()
        self._ended = False
        self.trouble = ""
        self.dropped = 0
        self.away: dict[str, float] = {}

    def hear(self, reports: Iterable[Heard]) -> None:
        """Write these reports soon."""
        self._heard += reports
        over = len(self._heard) - self._most
        if over > 0:
            del self._heard[:over]
            self.dropped += over

    def settle(self, settled: Iterable[tuple[str, Stay]]) -> list[Entry]:
        """Write these final stays soon, and the gaps between them; the rows that they are."""
        entries = []
        for unit, stay in settled:
            away = self.away.get(unit)
            called = away is not None and stay.start <= away <= stay.end
            if away is not None and away <= stay.end:
                del self.away[unit]
            # Who was called away may be heard no more; it is known what ended the stay.
            known = stay._replace(gap=False) if called else stay
            entries.append(Entry.of(unit, known, self._rules, ended_by=CALLED_AWAY if called else LEFT))
            since = self.silent_since.pop(unit, None)
            if since is not None and since < stay.start:
                self._gaps.append(Gap(unit, since, stay.start))
            if known.gap:
                self.silent_since[unit] = stay.end
        self._stays += entries
        return entries

    def unwritten(self) -> list[tuple[str, Stay]]:
        """Final stays that are not written yet."""
        return [(each.unit, each.stay) for each in self._stays]

    def assign(self, assignments: Iterable[Assignment]) -> None:
        """Write who has which mission soon."""
        self._assignments += assignments

    def note(self, note: Note) -> None:
        """Write what somebody said soon."""
        self._notes.append(note)

    def keep(self, checkpoints: Mapping[str, Mapping[str, Any]]) -> None:
        """Keep what is known of some units once all their reports so far are written."""
        self._checkpoints.update(checkpoints)

    @property
    def backlog(self) -> int:
        """Reports that are not written yet."""
        return len(self._heard)

    async def written(self) -> bool:
        """Wait until all so far is written; false at once where the ledger fails."""
        if self.trouble:
            return False
        waiting = asyncio.get_running_loop().create_future()
        self._waiting.append(waiting)
        self._wanted.set()
        return await waiting

    async def run(self) -> None:
        """Write again and again, until :meth:`end`; what there is then is written once more."""
        wait_s = EVERY_S
        while not self._ended:
            with suppress(asyncio.TimeoutError):
                await asyncio.wait_for(self._wanted.wait(), EVERY_S)
            self._wanted.clear()
            good = await self.flush()
            wait_s = EVERY_S if good else min(_LONGEST_WAIT_S, 2 * wait_s)
            if not good and not self._ended:
                await asyncio.sleep(wait_s)
        await self.flush()

    def end(self) -> None:
        """Let :meth:`run` come to its end; cutting it off could lose the batch that it is writing."""
        self._ended = True
        self._wanted.set()

    async def flush(self) -> bool:
        """Write what there is; whether it was all taken."""
        while self._heard or self._stays or self._gaps or self._assignments or self._notes or self._checkpoints:
            batch, waiting = self._next()
            try:
                await asyncio.get_running_loop().run_in_executor(self._thread, self._write, batch)
            except Exception as error:  # noqa: BLE001 - whatever it is, tracking goes on and people are told
                self._failed(batch, waiting, error)
                return False
            self._well(waiting)
        self._well(self._take_waiting())
        return True

    def _next(self) -> tuple[Batch, list[asyncio.Future[bool]]]:
        heard, self._heard = self._heard[:_AT_ONCE], self._heard[_AT_ONCE:]
        if self._heard:  # what is known of a unit counts only after all its reports
            return Batch(heard), []
        batch = Batch(heard, self._stays, self._gaps, self._assignments, self._notes, self._checkpoints)
        self._stays, self._gaps, self._assignments, self._notes, self._checkpoints = [], [], [], [], {}
        return batch, self._take_waiting()

    def _take_waiting(self) -> list[asyncio.Future[bool]]:
        waiting, self._waiting = self._waiting, []
        return waiting

    def _failed(self, batch: Batch, waiting: list[asyncio.Future[bool]], error: Exception) -> None:
        """Put all back to where it was, and say why."""
        later, self._heard = self._heard, list(batch.heard)
        self.hear(later)
        self._stays, self._gaps = [*batch.stays, *self._stays], [*batch.gaps, *self._gaps]
        self._assignments = [*batch.assignments, *self._assignments]
        self._notes = [*batch.notes, *self._notes]
        self._checkpoints = {**batch.checkpoints, **self._checkpoints}
        _answer([*waiting, *self._take_waiting()], False)
        reason = _reason(error)
        if not isinstance(error, PatrolError):
            _LOG.warning("The ledger could not be written.", exc_info=error)
        self.trouble = f"The ledger cannot be written: {reason} Reports are kept in memory meanwhile."
        if self.dropped:
            self.trouble += f" {self.dropped} no longer fitted and are lost."
        self._tell(self.trouble, {"waiting": self.backlog, "dropped": self.dropped})

    def _well(self, waiting: list[asyncio.Future[bool]]) -> None:
        if self.trouble and not self._heard:
            lost = f"; {self.dropped} reports are lost" if self.dropped else ""
            self.trouble = ""
            self._tell(f"The ledger is written again{lost}.", {"waiting": 0, "dropped": self.dropped})
        _answer(waiting, True)


def _answer(waiting: Iterable[asyncio.Future[bool]], good: bool) -> None:
    for each in waiting:
        if not each.done():
            each.set_result(good)


def _reason(error: Exception) -> str:
    if isinstance(error, PatrolError):
        return str(error)
    if isinstance(error, OSError) and is_disk_full(error):
        return "the disk is full."
    return f"{(str(error).strip().splitlines() or [type(error).__name__])[0]}."
