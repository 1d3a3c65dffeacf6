"""How long a dose is taken to act, and how much patrol a cell may get: the settings of dosage, and why they are so."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from patrol_missions.core.errors import InputError


@dataclass(frozen=True)
class Window:
    """Limits of the minutes in a cell in some days; ``None`` for no limit.

    :param what: what is counted, and over which time, for sentences
    """

    days: float
    what: str
    soft: float | None
    hard: float | None

    @property
    def from_minutes(self) -> float:
        """Minutes above which a mission is worth less; infinite for none."""
        return self.to_minutes if self.soft is None else float(self.soft)

    @property
    def to_minutes(self) -> float:
        """Minutes that no mission may go beyond; infinite for none."""
        return float("inf") if self.hard is None else float(self.hard)

    def check(self) -> None:
        """Refuse what makes no sense."""
        for kind, limit in (("soft", self.soft), ("hard", self.hard)):
            if limit is not None and not 0 < limit < float("inf"):
                raise InputError(f"The {kind} limit is {limit:g} {self.what}.", "Give a number above 0, or no limit.")
        if self.soft is not None and self.hard is not None and self.soft > self.hard:
            raise InputError(
                f"The soft limit of {self.soft:g} {self.what} is above the hard one of {self.hard:g}.",
                "Lower the soft limit, or raise the hard one.",
            )


@dataclass(frozen=True)
class DoseRules:
    """Settings of dosage.

    *Fading.* Sacramento's trial sent patrol back about every two hours, so the fast part has a time constant of 1.5
    hours. In Perth deterrence lasted four days, in Bedfordshire nothing of it was seen the next day; a slow part of
    30 % lies between the two, and is a judgement. How much less one more visit does meanwhile was measured nowhere, so
    what still acts counts with a small power only.

    *Limits*, in doses of 15 minutes. Soft: three in 24 hours, the most that a trial ordered for one day (Birmingham,
    London); two a day over a week and over four weeks, twice what Bedfordshire and Southend saw their effect with.
    Hard: eight in 24 hours, one every two hours through two shifts, as often as Sacramento's patrols came; four a day
    over a week; three a day over four weeks. The longer the time, the less a day, so that no cell stays at the limit of
    a shorter one. What is too much in the eyes of residents is not known: the limits are a judgement. So is the number
    of shifts in a row, after which a cell rests for one.

    :param fast_hours: time constant of the fast part of a dose
    :param slow_share: share of a dose that fades slowly, linearly to nothing; 0 to 1
    :param slow_days: days until then
    :param gamma: power of 1 - residual deterrence in the worth of one more mission
    :param soft_minutes_24h: beyond so many minutes a mission is worth less and less, down to 0 at the hard limit
    :param hard_minutes_24h: a mission that would go beyond so many minutes is not planned
    :param soft_per_1000_28d: the same for minutes in 28 days per 1,000 residents and workers
    :param hard_per_1000_28d: the same for minutes in 28 days per 1,000 residents and workers
    :param most_consecutive: shifts in a row with patrol, after which the cell rests for one
    :param cool_down_hours: for how long a cell stays closed once it has no room for one more mission
    """

    fast_hours: float = 1.5
    slow_share: float = 0.3
    slow_days: float = 4.0
    gamma: float = 0.25
    soft_minutes_24h: float | None = 45.0
    hard_minutes_24h: float | None = 120.0
    soft_minutes_7d: float | None = 210.0
    hard_minutes_7d: float | None = 420.0
    soft_minutes_28d: float | None = 840.0
    hard_minutes_28d: float | None = 1260.0
    soft_per_1000_28d: float | None = None
    hard_per_1000_28d: float | None = None
    most_consecutive: int | None = 3
    cool_down_hours: float = 24.0

    @classmethod
    def of(cls, given: Mapping[str, Any]) -> DoseRules:
        """Rules from JSON: numbers by the names of the settings; absent ones take their defaults, null is no limit."""
        names = [each.name for each in fields(cls)]
        unknown = sorted(set(given) - set(names))
        if unknown:
            raise InputError(f"There is no rule of dosage “{unknown[0]}”.", f"There are {', '.join(names)}.")
        return cls(**{name: _number(value, name) for name, value in given.items()})

    @property
    def windows(self) -> tuple[Window, ...]:
        """The limits of minutes, by how far back they look."""
        return (
            Window(1.0, "minutes in 24 hours", self.soft_minutes_24h, self.hard_minutes_24h),
            Window(7.0, "minutes in 7 days", self.soft_minutes_7d, self.hard_minutes_7d),
            Window(28.0, "minutes in 28 days", self.soft_minutes_28d, self.hard_minutes_28d),
        )

    @property
    def per_1000(self) -> Window:
        """The limits of minutes per 1,000 people."""
        what = "minutes per 1,000 people in 28 days"
        return Window(28.0, what, self.soft_per_1000_28d, self.hard_per_1000_28d)

    def check_fits(self, dose_minutes: float) -> None:
        """Refuse limits under which no cell could ever have a mission of so many minutes."""
        for window in self.windows:
            if window.hard is not None and window.hard < dose_minutes:
                raise InputError(
                    f"A mission of {dose_minutes:g} minutes is beyond the hard limit of {window.hard:g} {window.what}.",
                    "Plan shorter missions, or raise the limit.",
                )

    def __post_init__(self) -> None:
        self._check_fading()
        for window in (*self.windows, self.per_1000):
            window.check()
        most = self.most_consecutive
        if most is not None and not (most >= 1 and most == most // 1):
            raise InputError(
                f"The limit is {most:g} shifts in a row.", "Give a whole number of 1 or more, or no limit."
            )
        if not 0 <= self.cool_down_hours < float("inf"):
            raise InputError(f"The cool-down is {self.cool_down_hours:g} hours.", "Give 0 or more, such as 24.")

    def _check_fading(self) -> None:
        for what, value in (("the fast part of a dose", self.fast_hours), ("the slow part of a dose", self.slow_days)):
            if not 0 < value < float("inf"):
                raise InputError(f"The time in which {what} fades is {value:g}.", "Give a number above 0.")
        if not 0 <= self.slow_share <= 1:
            raise InputError(
                f"The share of a dose that fades slowly is {100 * self.slow_share:g} %.",
                "Give a share between 0 and 100 %.",
            )
        if not 0 <= self.gamma < float("inf"):
            raise InputError(f"The power of what still acts (gamma) is {self.gamma:g}.", "Give 0 or more, such as 1.")


def _number(value: Any, name: str) -> Any:
    if value is None and name.startswith(("soft", "hard", "most")):
        return None
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise InputError(f"The rule of dosage “{name}” is “{value}”, which is not a number.", "Give a number.")
    return value
