"""Where a plan falls short of what was asked for, and why, in sentences for the user."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from patrol_missions.core.law_groups import Ints
from patrol_missions.engine.missions.candidates import NO_DISTRICT
from patrol_missions.engine.missions.feasible import Fitted

_NAMED = 5  # districts named in one sentence


class Shortfalls:
    """Gathers what falls short, shift by shift; of every district the worst."""

    def __init__(self) -> None:
        self._few: dict[str, tuple[int, int]] = {}
        self._areas: dict[str, tuple[int, int]] = {}
        self._hand: dict[str, tuple[int, int]] = {}
        self._cells: dict[str, tuple[int, int]] = {}
        self._overruled = 0
        self._explored = 1.0

    def by_hand(self, districts: Sequence[str | None], asked: Ints, set_by_hand: Ints) -> None:
        """Districts with more missions set by hand than were asked for."""
        for at in np.flatnonzero(set_by_hand > asked).tolist():
            name = districts[at] or NO_DISTRICT
            self._keep(self._hand, name, int(set_by_hand[at]), int(asked[at]), most=True)

    def note(self, districts: Sequence[str | None], wanted: Ints, fitted: Fitted, cells: Ints, closed: Ints) -> None:
        """What could not be had in a shift.

        :param cells: per district
        :param closed: cells that doses or a person closed, per district
        """
        self._explored = min(self._explored, fitted.explored)
        for at in np.flatnonzero(fitted.number < wanted).tolist():
            name = districts[at] or NO_DISTRICT
            by_areas = fitted.number[at] < min(fitted.alone[at], wanted[at])
            had, asked = int(fitted.number[at]), int(wanted[at])
            if by_areas:
                self._keep(self._areas, name, had, asked)
            elif self._keep(self._few, name, had, asked):
                self._cells[name] = (int(cells[at] - closed[at]), int(closed[at]))

    def closed_by_hand(self, number: int) -> None:
        """Missions set by hand in cells that doses have closed."""
        self._overruled = max(self._overruled, number)

    @staticmethod
    def _keep(worst: dict[str, tuple[int, int]], name: str, had: int, wanted: int, most: bool = False) -> bool:
        """Keep the worst of a district; whether this is it."""
        before = worst.get(name)
        worse = before is None or (had - wanted > before[0] - before[1]) == most
        if worse:
            worst[name] = (had, wanted)
        return worse

    def sentences(self, ceiling: float) -> list[str]:
        """What the user should know."""
        said = []
        if self._few:
            parts = []
            for name, (had, wanted) in self._few.items():
                cells, closed = self._cells[name]
                also = f" (and {closed} closed by doses or by hand)" if closed else ""
                parts.append(
                    f"{name} has {cells} cell{'s' if cells != 1 else ''}{also}, enough for {had} of {wanted} missions"
                )
            said.append(
                f"A cell's chance is at most {100 * ceiling:g} %, so some districts get fewer missions: "
                f"{_shortened(parts)}."
            )
        if self._areas:
            said.append(
                f"The limits of areas leave fewer missions than asked for: {_listed(self._areas)}. Raise the limits, "
                "or ask for fewer missions."
            )
        if self._hand:
            listed = _listed(self._hand)
            said.append(f"More missions are set by hand than asked for, and all are planned: {listed}.")
        if self._overruled:
            said.append(
                f"{self._overruled} missions of a shift are set by hand in cells that doses had closed."
                if self._overruled > 1
                else "A mission is set by hand in a cell that doses had closed."
            )
        if self._explored < 1.0 - 1e-6:
            said.append(
                f"The limits of areas leave room for {100 * self._explored:.0f} % of the exploration asked for."
            )
        return said


def _listed(worst: Mapping[str, Sequence[int]]) -> str:
    return _shortened([f"{name} has {had} of {wanted}" for name, (had, wanted) in worst.items()])


def _shortened(parts: Sequence[str]) -> str:
    more = f"; and {len(parts) - _NAMED} more districts" if len(parts) > _NAMED else ""
    return "; ".join(parts[:_NAMED]) + more
