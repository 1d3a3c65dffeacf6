"""Work on categories side by side.

Every category is worked on by one thread: arrays this small gain nothing from being cut up, and threads that share one
array wait for each other, which on a busy machine takes longer than the work itself. What stands alone can go to a
cluster.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from patrol_missions.engine.cluster import Cluster

_T = TypeVar("_T")


class Workers:
    """A number of threads, and a cluster if there is one; results depend on neither."""

    def __init__(self, threads: int, cluster: Cluster | None = None) -> None:
        self._pool = ThreadPoolExecutor(threads) if threads > 1 else None
        self._cluster = cluster

    def each(self, function: Callable[[int], _T], count: int) -> list[_T]:
        """``[function(0), ..., function(count - 1)]``; the first error, in that order, is raised."""
        if self._pool is None:
            return [function(index) for index in range(count)]
        return list(self._pool.map(function, range(count)))

    def apart(self, task: Callable[[int], Callable[[], _T] | None], count: int) -> list[_T | None]:
        """What ``task(0)()``, ..., ``task(count - 1)()`` give, ``None`` where there is no task.

        Tasks go to the cluster if there is one, so they stand alone: partial calls of functions of modules. They are
        made as late as they can be, for what they hold may be large.
        """
        if self._cluster is not None:
            sent = (task(index) for index in range(count))
            pending = [None if each is None else self._cluster.start(each) for each in sent]
            return [None if each is None else each.result() for each in pending]

        def do(index: int) -> _T | None:
            made = task(index)
            return None if made is None else made()

        return self.each(do, count)
