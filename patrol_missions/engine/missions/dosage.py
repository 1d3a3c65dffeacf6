"""What patrol has done in each cell as of a moment: what of it still acts, and whether the cell has had enough.

All patrol counts, not missions alone. Missions that are planned count, too: a plan goes from shift to shift with
:meth:`DoseState.at` and :meth:`DoseState.after`, in the order in which the shifts start.

>>> nobody = np.zeros(0, dtype=np.int64)
>>> before = DoseState.of(Visits.of(2, nobody, nobody, nobody), 0, DoseRules(), (nobody, nobody))
>>> after = before.after(np.array([1]), 15.0, 0, 900).at(900 + 90 * 60)
>>> after.minutes_24h.tolist(), after.residual.round(3).tolist()
([0.0, 15.0], [0.0, 0.553])
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from patrol_missions.core.law_groups import Floats, Ints
from patrol_missions.engine.data import dose
from patrol_missions.engine.data.dose import FULL_MIN, SHORTEST_MIN, Visits
from patrol_missions.engine.missions.areas import FEWEST_PEOPLE
from patrol_missions.engine.missions.dose_rules import DoseRules
from patrol_missions.engine.missions.shift_runs import ShiftRuns

__all__ = ["STATES", "DoseRules", "DoseState"]

STATES = ("none", "under soft limit", "over soft limit", "at hard limit", "cooling down", "resting")
"""What the codes of :attr:`DoseState.state` mean; cells of the last three are closed."""
NONE, UNDER_SOFT, OVER_SOFT, AT_HARD, COOLING, RESTING = range(len(STATES))

_HOUR_S, _DAY_S = 3_600, 86_400
_DUST_MIN = 1e-6  # what sums of minutes may be off by
_NEVER = np.iinfo(np.int64).min
_GONE = 40.0  # after so many time constants, nothing of the fast part is left in a float64

Flags = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class DoseState:
    """Cells as of a moment; make it with :meth:`of`. Arrays of shape (cells,), unless said otherwise.

    :param known_s: moment up to which visits are known, seconds UTC
    :param moment_s: moment for which residual deterrence is told
    :param shift_start_s: start of the shift for which limits are told
    :param dose_minutes: of one more mission
    :param cell: of each stay that counts, delivered or planned, shape (stays,)
    :param early_s: when it ends at the earliest, seconds UTC, shape (stays,)
    :param end_s: when it ends at the latest; the same as ``early_s`` for what was delivered
    :param minutes: how long it is, shape (stays,)
    :param runs: shifts with patrol
    :param people: residents and workers, NaN where unknown or too few for a rate
    :param cool_s: until when each cell cools down, seconds UTC
    """

    rules: DoseRules
    known_s: int
    moment_s: int
    shift_start_s: int
    dose_minutes: float
    cell: Ints
    early_s: Ints
    end_s: Ints
    minutes: Floats
    runs: ShiftRuns
    people: Floats
    cool_s: Ints

    @classmethod
    def of(
        cls,
        visits: Visits,
        moment_s: int,
        rules: DoseRules,
        shifts: tuple[Ints, Ints],
        dose_minutes: float = FULL_MIN,
        people: Floats | None = None,
    ) -> DoseState:
        """What the visits that have ended by a moment did.

        :param shifts: starts and ends (seconds UTC) of shift instances, past and to be planned, in order of start
        :param dose_minutes: of one more mission
        :param people: residents and workers, NaN where unknown. Below :data:`FEWEST_PEOPLE` in a cell no rate per
            1,000 is told: one visit alone would make it hundreds, and who passes through such a cell is not counted
        :raises InputError: one mission alone is beyond a hard limit
        """
        rules.check_fits(dose_minutes)
        back_days = max([rules.slow_days, *(window.days for window in rules.windows)])
        keep_s = int(back_days * _DAY_S + max(rules.cool_down_hours, _GONE * rules.fast_hours) * _HOUR_S)
        known = visits.between(moment_s - keep_s, moment_s)
        counted = np.full(visits.cells, np.nan) if people is None else np.asarray(people, dtype=np.float64)
        state = cls(
            rules,
            moment_s,
            moment_s,
            moment_s,
            dose_minutes,
            known.cell,
            known.end,
            known.end,
            known.minutes,
            ShiftRuns.none(*shifts, visits.cells).plus(known.cell, known.start),
            np.where(counted >= FEWEST_PEOPLE, counted, np.nan),
            np.full(visits.cells, _NEVER),
        )
        return replace(state, cool_s=state.cooled(np.ones(visits.cells, dtype=bool)))

    def at(self, moment_s: int, shift_start_s: int | None = None) -> DoseState:
        """The same at another moment (seconds UTC); what is known stays known, so none is before ``known_s``.

        :param shift_start_s: the shift that gets missions, where deterrence is wanted for another moment than its
            start, such as its middle: limits and shifts in a row are always told as it starts
        """
        start_s = moment_s if shift_start_s is None else shift_start_s
        return replace(self, moment_s=max(moment_s, self.known_s), shift_start_s=start_s)

    def after(self, cells: Ints, minutes: Floats | float, start_s: Ints | int, end_s: Ints | int) -> DoseState:
        """With missions planned, each at a moment of its span that nobody knows yet.

        They count at once, and until the last moment at which they can count. Those below two minutes are passes and
        count nothing.

        :param cells: one per mission
        :param minutes: to be spent there; one number, or one per mission; so with start and end
        :param start_s: start of the shift or of the patrol window, seconds UTC
        :param end_s: its end
        """
        cells, spent, begin, end = np.broadcast_arrays(cells, minutes, start_s, end_s)
        stays = spent >= SHORTEST_MIN
        cells, begin, end = (each[stays].astype(np.int64) for each in (cells, begin, end))
        spent = spent[stays].astype(np.float64)
        more = replace(
            self,
            cell=np.concatenate([self.cell, cells]),
            early_s=np.concatenate([self.early_s, np.minimum(begin + np.rint(60.0 * spent).astype(np.int64), end)]),
            end_s=np.concatenate([self.end_s, end]),
            minutes=np.concatenate([self.minutes, spent]),
            runs=self.runs.plus(cells, begin),
        )
        touched = np.zeros(len(self.cool_s), dtype=bool)
        touched[cells] = True
        return replace(more, cool_s=more.cooled(touched))

    # --- what was done

    @cached_property
    def minutes_24h(self) -> Floats:
        """Minutes of the stays, each whole, that ended in the 24 hours before the shift, and of those planned."""
        return self._minutes_within(1.0)

    @cached_property
    def minutes_7d(self) -> Floats:
        """The same of 7 days."""
        return self._minutes_within(7.0)

    @cached_property
    def minutes_28d(self) -> Floats:
        """The same of 28 days."""
        return self._minutes_within(28.0)

    @property
    def per_1000_28d(self) -> Floats:
        """Minutes in 28 days per 1,000 residents and workers, NaN where they are too few or unknown."""
        return 1000.0 * self.minutes_28d / self.people

    @cached_property
    def consecutive(self) -> Ints:
        """Shifts in a row with patrol, see :mod:`shift_runs`."""
        return self.runs.in_a_row(self.shift_start_s)

    @cached_property
    def residual(self) -> Floats:
        """Residual deterrence, 1 - product over the stays of (1 - dose x what is left of it), 0 to 1.

        Of a planned stay it is the mean over the moments at which it may be; what of it is to come acts wholly.
        """
        fast, share, days = self.rules.fast_hours, self.rules.slow_share, self.rules.slow_days
        acting_s = int(max(days * _DAY_S * (share > 0), _GONE * fast * _HOUR_S))
        lately = np.flatnonzero(self.end_s > self.moment_s - acting_s)
        early, end = self.early_s[lately], self.end_s[lately]
        acts = dose.left(np.maximum(self.moment_s - end, 0), fast, share, days)
        span = np.flatnonzero(early < end)
        acts[span] = dose.mean_left(self.moment_s - end[span], self.moment_s - early[span], fast, share, days)
        acts *= dose.effective(self.minutes[lately])
        with np.errstate(divide="ignore"):
            logs = np.log1p(-np.minimum(acts, 1.0))  # minus infinity for a whole dose just given
        return np.asarray(np.abs(np.expm1(np.bincount(self.cell[lately], logs, minlength=len(self.cool_s)))))

    # --- whether it is enough

    @cached_property
    def at_hard_limit(self) -> Flags:
        """Cells without room for one more mission: it would break a hard limit."""
        return np.asarray((self._minutes + self.dose_minutes > self._limits[1] + _DUST_MIN).any(axis=0))

    @cached_property
    def open(self) -> Flags:
        """Cells that may have one more mission in the shift."""
        return self.state < AT_HARD

    @cached_property
    def state(self) -> Ints:
        """Code of :data:`STATES`; the first that applies of at hard limit, cooling down, resting, over soft limit."""
        most = np.inf if self.rules.most_consecutive is None else self.rules.most_consecutive
        over = (self._minutes > self._limits[0] + _DUST_MIN).any(axis=0)
        rests = self.consecutive >= most
        cases = [self.at_hard_limit, self.shift_start_s < self.cool_s, rests, over, self.minutes_28d > 0]
        return np.select(cases, [AT_HARD, COOLING, RESTING, OVER_SOFT, UNDER_SOFT], NONE).astype(np.int64)

    @cached_property
    def worth(self) -> Floats:
        """Share of a cell's harm that one more mission has to work with: (1 - residual)^gamma x taper, 0 to 1."""
        return np.asarray((1.0 - self.residual) ** self.rules.gamma * self.taper)

    @cached_property
    def taper(self) -> Floats:
        """1 up to the soft limit, from there linearly down to 0 at the hard one; the lowest of all limits counts."""
        soft, hard = self._limits
        left = hard - self._minutes
        with np.errstate(invalid="ignore"):  # infinite limits
            falls = np.where(np.isinf(hard), 1.0, left / np.maximum(hard - soft, _DUST_MIN))
        return np.asarray(np.clip(falls, 0.0, 1.0).min(axis=0))

    @cached_property
    def _minutes(self) -> Floats:
        """Minutes that each limit is about, shape (limits, cells): of the three windows, and per 1,000 people."""
        return np.stack([self.minutes_24h, self.minutes_7d, self.minutes_28d, self.minutes_28d])

    @cached_property
    def _limits(self) -> tuple[Floats, Floats]:
        """Soft and hard limits in minutes, each of shape (limits, cells), infinite where there is none."""
        thousands = np.nan_to_num(self.people, nan=np.inf) / 1000.0
        per_cell = [np.ones(len(thousands))] * len(self.rules.windows) + [thousands]
        limits = (*self.rules.windows, self.rules.per_1000)
        soft = np.stack([each.from_minutes * many for each, many in zip(limits, per_cell)])
        hard = np.stack([each.to_minutes * many for each, many in zip(limits, per_cell)])
        return soft, hard

    def _minutes_within(self, days: float) -> Floats:
        late = self.end_s > self.shift_start_s - int(days * _DAY_S)
        return np.bincount(self.cell[late], self.minutes[late], minlength=len(self.cool_s)).astype(np.float64)

    def cooled(self, cells: Flags) -> Ints:
        """``cool_s`` anew for some cells: from the last stay after which there was no room for one more mission."""
        stays = np.flatnonzero(cells[self.cell])
        stays = stays[np.lexsort((self.end_s[stays], self.cell[stays]))]
        cool_s = np.where(cells, _NEVER, self.cool_s)
        if len(stays) == 0:
            return cool_s
        cell, end = self.cell[stays], self.end_s[stays]
        days = [*(window.days for window in self.rules.windows), self.rules.per_1000.days]
        # Cells one after the other on one line of time, farther apart than any window looks back.
        line = cell * (int(np.ptp(end)) + int(max(days) * _DAY_S) + 1) + (end - end.min())
        total = np.concatenate([[0.0], np.cumsum(self.minutes[stays])])
        until = total[np.searchsorted(line, line, side="right")]
        room = np.full(len(stays), np.inf)
        for window_days, hard in zip(days, self._limits[1]):
            before = total[np.searchsorted(line, line - int(window_days * _DAY_S), side="right")]
            room = np.minimum(room, hard[cell] - (until - before))
        full = room < self.dose_minutes - _DUST_MIN
        np.maximum.at(cool_s, cell[full], end[full] + int(self.rules.cool_down_hours * _HOUR_S))
        return cool_s
