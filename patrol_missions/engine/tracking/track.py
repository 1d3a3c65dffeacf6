"""One unit's reports as they come in: late, twice, out of order; and the stays that they come to.

Reports may be late by ``lateness_s`` against the newest of the unit: until then a stay may still change, and nothing of
it goes into the ledger. Whatever the order in which reports come within that time, the stays are those of the same
reports in order.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from patrol_missions.engine.tracking.fixes import Refusal
from patrol_missions.engine.tracking.stays import Point, Rules, State, Stay, step


class _Step(NamedTuple):
    """A report, what was known after it, and the stays that it ended."""

    point: Point
    accuracy_m: float
    state: State
    ended: tuple[Stay, ...]


class Track:
    """A unit's reports of the last minutes.

    :ivar settled: what is known after all reports that can come no earlier any more
    """

    def __init__(
        self, rules: Rules, lateness_s: float, settled: State | None = None, settled_at: float = -math.inf
    ) -> None:
        self._rules, self._lateness_s = rules, lateness_s
        self.settled, self._settled_at = settled, settled_at
        self._steps: list[_Step] = []
        self._endings: list[_Step] = []  # those that ended a stay: few of hundreds, and asked for with every report

    @property
    def newest(self) -> float:
        """Time of the newest report."""
        return self._steps[-1].point.at if self._steps else self._settled_at

    @property
    def state(self) -> State | None:
        """What is known after the newest report."""
        return self._steps[-1].state if self._steps else self.settled

    def ended(self) -> list[Stay]:
        """Stays that ended and may still change."""
        return [stay for each in self._endings for stay in each.ended]

    def add(self, point: Point, accuracy_m: float = 0.0) -> Refusal | None:
        """Take a report; why it was of no use, or ``None``.

        Of two at one moment, as of two receivers in a car, the more accurate one counts.
        """
        # By the newest report, not by what happens to be settled: the same reports are refused in whatever batches.
        if point.at <= max(self._settled_at, self.newest - self._lateness_s):
            return Refusal.LATE
        place = len(self._steps)  # nearly all reports come in order, so the search starts at the end
        while place and self._steps[place - 1].point.at >= point.at:
            place -= 1
        there = self._steps[place] if place < len(self._steps) else None
        rest: list[tuple[Point, float]] = [(each.point, each.accuracy_m) for each in self._steps[place:]]
        if there is not None and there.point.at == point.at:
            if (there.accuracy_m, there.point.x, there.point.y) <= (accuracy_m, point.x, point.y):
                return Refusal.TWICE
            rest = rest[1:]
        del self._steps[place:]
        self._endings = [each for each in self._endings if each.point.at < point.at]
        self._go_through([(point, accuracy_m), *rest])
        return Refusal.JUMP if self._is_doubted(point) else None

    def settle(self, at: float | None = None) -> list[Stay]:
        """Stays that ended for good: no report that can still come changes them.

        :param at: the moment up to which all has come; by default the newest report's, less the lateness
        """
        until = self.newest - self._lateness_s if at is None else at
        count = 0
        while count < len(self._steps) and self._steps[count].point.at <= until:
            count += 1
        if not count:
            return []
        last = self._steps[count - 1]
        del self._steps[:count]
        self.settled, self._settled_at = last.state, last.point.at
        done = [each for each in self._endings if each.point.at <= last.point.at]
        del self._endings[: len(done)]
        return [stay for each in done for stay in each.ended]

    def close(self, *, gap: bool = False) -> list[Stay]:
        """All stays, the last one with what is known of it: nothing more is heard of the unit.

        :param gap: nobody knows where it is, and it may be heard again
        """
        ended = self.settle(self.newest)
        if self.settled is not None:
            ended.append(self.settled.stay()._replace(gap=gap))
            self.settled = None
        return ended

    def kept(self) -> dict[str, Any]:
        """What is settled, as JSON takes it: with the reports since then, from the journal, it is all that is known."""
        return {
            "settled": None if self.settled is None else self.settled._asdict(),
            "settled_at": self._settled_at if math.isfinite(self._settled_at) else None,
        }

    @classmethod
    def resumed(cls, rules: Rules, lateness_s: float, kept: Mapping[str, Any]) -> Track:
        """Go on from what :meth:`kept` gave; reports that are settled already are refused as late."""
        found, since = kept["settled"], kept["settled_at"]
        state = None if found is None else State(
            Point(*found["last"]), (int(found["cell"][0]), int(found["cell"][1])), found["since"],
            tuple(Point(*each) for each in found["outside"]), tuple(Point(*each) for each in found["doubted"]),
        )  # fmt: skip
        return cls(rules, lateness_s, state, -math.inf if since is None else since)

    def _go_through(self, reports: Iterable[tuple[Point, float]]) -> None:
        state = self.state
        for point, accuracy_m in reports:
            state, ended = step(state, point, self._rules)
            self._steps.append(_Step(point, accuracy_m, state, ended))
            if ended:
                self._endings.append(self._steps[-1])

    def _is_doubted(self, point: Point) -> bool:
        state = self.state
        return state is not None and point in state.doubted
