"""Work on categories side by side.

Every category is worked on by one thread: arrays this small gain nothing from being cut up, and threads that share one
array wait for each other, which on a busy machine takes longer than the work itself.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

_T = TypeVar("_T")


class Workers:
    """A number of threads; results do not depend on it."""

    def __init__(self, threads: int) -> None:
        self._pool = ThreadPoolExecutor(threads) if threads > 1 else None

    def each(self, function: Callable[[int], _T], count: int) -> list[_T]:
        """``[function(0), ..., function(count - 1)]``; the first error, in that order, is raised."""
        if self._pool is None:
            return [function(index) for index in range(count)]
        return list(self._pool.map(function, range(count)))
