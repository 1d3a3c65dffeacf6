"""What a job may say while it runs, and where it may leave its files."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from patrol_missions.core import messages

_LOG = logging.getLogger(__name__)


def _to_logging(message: messages.Message) -> None:
    """Where a job's words go when no worker passes them on (notebooks, tests, servers)."""
    if isinstance(message, messages.Progress):
        _LOG.debug("%3.0f %% %s", 100 * message.fraction, message.text)
    elif isinstance(message, messages.Warning):
        _LOG.warning("%s", message.text)
    elif isinstance(message, messages.Log):
        _LOG.info("%s", message.text)


@dataclass(frozen=True)
class JobContext:
    """Progress, words and a folder for one job; a part of it maps its own 0..1 into a stretch of the whole.

    :param folder: the job folder, for output files
    :param send: takes each message
    :param low: where this part begins within the whole job, 0 to 1
    :param high: where it ends
    """

    folder: Path
    send: Callable[[messages.Message], None] = _to_logging
    low: float = 0.0
    high: float = 1.0

    def progress(self, fraction: float, text: str = "") -> None:
        """Say how far this part is (0 to 1) and, when it changes, the step it is at."""
        inside = min(max(fraction, 0.0), 1.0)
        self.send(messages.Progress(self.low + (self.high - self.low) * inside, text))

    def log(self, text: str) -> None:
        """Write a line to the log."""
        self.send(messages.Log(text))

    def warning(self, text: str) -> None:
        """Tell the user something they should know although the job goes on."""
        self.send(messages.Warning(text))

    def part(self, low: float, high: float) -> JobContext:
        """A context whose 0..1 fills the stretch from ``low`` to ``high`` of this one."""
        span = self.high - self.low
        return replace(self, low=self.low + span * low, high=self.low + span * high)
