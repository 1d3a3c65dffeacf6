"""The gateway's own clock: it goes on evenly, whatever this computer's clock is put to meanwhile."""

from __future__ import annotations

import time
from collections.abc import Callable

_STEP_S = 5.0  # less is how clocks are kept right


class OwnClock:
    """Starts with this computer's clock, and counts on by itself.

    :param wall: this computer's clock
    :param steady: seconds that nobody can put forward or back
    """

    def __init__(self, wall: Callable[[], float] | None = None, steady: Callable[[], float] | None = None) -> None:
        self._wall, self._steady = wall or time.time, steady or _running_s
        self._ahead_s = self._wall() - self._steady()
        self._told_s = 0.0

    def now(self) -> float:
        """Seconds since 1970 UTC."""
        return self._steady() + self._ahead_s

    def latest(self) -> float:
        """The same, or this computer's clock where that is ahead: either may be right about a report's time."""
        return max(self.now(), self._wall())

    def earliest(self) -> float:
        """The same, or this computer's clock where that is behind."""
        return min(self.now(), self._wall())

    def look(self) -> str:
        """What there is to tell of this computer's clock since the last look."""
        step_s = self._wall() - self.now()
        if abs(step_s - self._told_s) <= _STEP_S:
            return ""
        self._told_s = step_s
        if abs(step_s) <= _STEP_S:
            self._told_s = 0.0
            return "This computer's clock is right again."
        return (
            f"This computer's clock was put {'forward' if step_s > 0 else 'back'} by {_long(abs(step_s))}. Times go on "
            "as before; end the gateway and start it again if the new time is the right one."
        )


def _running_s() -> float:
    """Seconds that have passed, with those in which the computer slept."""
    for name in ("CLOCK_BOOTTIME", "CLOCK_MONOTONIC"):  # of Linux and macOS; that of Windows counts them anyway
        if hasattr(time, name):
            return time.clock_gettime(getattr(time, name))
    return time.monotonic()


def _long(seconds: float) -> str:
    minutes = seconds / 60
    if minutes < 1.5:
        return f"{seconds:.0f} s"
    return f"{minutes:.0f} min" if minutes < 90 else f"{minutes / 60:.1f} h"
