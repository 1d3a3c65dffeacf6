"""What became of missions: patrol delivered against planned, where the minutes went, and how missions moved on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from patrol_missions.core import law_groups
from patrol_missions.core.grid import cell_keys
from patrol_missions.core.law_groups import Floats
from patrol_missions.core.tables import Table
from patrol_missions.engine.data.dose import SHORTEST_MIN, Visits
from patrol_missions.engine.missions.areas import FEWEST_PEOPLE, Areas
from patrol_missions.engine.missions.curve import unevenness
from patrol_missions.engine.missions.past_plan import PastPlan

_ENOUGH = 1e-6  # minutes that a dose may lack and still be whole


@dataclass(frozen=True, eq=False)
class Delivered:
    """Minutes of patrol in the shifts of a plan; stays below two minutes within a shift are passes and do not count.

    :param in_place: minutes in each place with a mission, shape (places,)
    :param per_cell: minutes in each cell, shape (cells,)
    """

    in_place: Floats
    per_cell: Floats

    @classmethod
    def of(cls, plan: PastPlan, visits: Visits) -> Delivered:
        """What visits in the plan's cells came to; where shifts overlap a minute counts in each of them."""
        per_cell, in_place = np.zeros(len(plan.columns)), np.zeros(len(plan.cell))
        first, last = (each.astype(np.int64) for each in (plan.instances.start, plan.instances.end))
        for shift in range(len(plan.instances)):
            inside = np.minimum(visits.end, last[shift]) - np.maximum(visits.start, first[shift])
            rows = np.flatnonzero(inside >= 60 * SHORTEST_MIN)
            minutes = law_groups.sums(visits.cell[rows], inside[rows] / 60.0, len(plan.columns))
            per_cell += minutes
            mine = plan.shift == shift
            in_place[mine] = minutes[plan.cell[mine]]
        return cls(in_place, per_cell)

    def figures(self, plan: PastPlan) -> dict[str, float]:
        """Totals; shares are NaN where there is nothing to share."""
        planned, total = float(plan.minutes.sum()), float(self.per_cell.sum())
        inside = float(self.in_place.sum())
        return {
            "delivered_minutes": inside,
            "delivered_share": inside / planned if planned > 0 else np.nan,
            "visited": float((self.in_place > 0).mean()),
            "whole_dose": float((self.in_place >= plan.minutes - _ENOUGH).mean()),
            "patrol_minutes": total,
            "patrol_in_missions": inside / total if total > 0 else np.nan,
        }


def exposure(plan: PastPlan, areas: Areas, delivered: Delivered | None) -> Table:
    """Minutes of missions per area against expected harm, a row per area.

    ``ratio`` is the share of the minutes over the share of the harm: 1 where an area had what its harm calls for. What
    is not known is NaN: harm without a forecast, minutes delivered without visits, minutes per 1,000 people below 50 of
    them.
    """
    missions = areas.sums(law_groups.sums(plan.cell, np.ones(len(plan.cell)), len(plan.columns)))
    planned, harm = areas.sums(planned_per_cell(plan)), areas.sums(expected_harm(plan))
    nothing = np.full(len(areas.names), np.nan)
    carried_out = nothing if delivered is None else areas.sums(_in_missions(plan, delivered))
    people = areas.sums(areas.people)
    columns = {
        "missions": missions,
        "planned_minutes": planned,
        "share_of_minutes": _part(planned),
        "share_of_harm": _part(harm),
        "ratio": _over(_part(planned), _part(harm)),
        "delivered_minutes": carried_out,
        "delivered_ratio": _over(_part(carried_out), _part(harm)),
        "people": np.where(people > 0, people, np.nan),
        "minutes_per_1000": np.where(people >= FEWEST_PEOPLE, 1000.0 * _over(planned, people), np.nan),
    }
    return Table(columns).with_text("area", list(areas.names))


def uneven(plan: PastPlan, areas: Areas, delivered: Delivered | None) -> dict[str, float]:
    """Share of the minutes that would have to move for every area to have its share of the harm, or of the people."""
    planned, harm = planned_per_cell(plan), expected_harm(plan)
    return {
        "uneven_by_harm": unevenness(areas, planned, harm),
        "uneven_by_people": unevenness(areas, planned, areas.people),
        "delivered_uneven_by_harm": np.nan
        if delivered is None
        else unevenness(areas, _in_missions(plan, delivered), harm),
    }


def districts(plan: PastPlan) -> Areas:
    """The districts as areas."""
    return Areas(plan.districts, plan.district, np.full(len(plan.columns), np.nan))


def planned_per_cell(plan: PastPlan) -> Floats:
    """Minutes of missions planned in each cell."""
    return law_groups.sums(plan.cell, plan.minutes, len(plan.columns))


def expected_harm(plan: PastPlan) -> Floats:
    """Harm expected in each cell in the shifts of the plan, NaN without a forecast."""
    if plan.candidates is None:
        return np.full(len(plan.columns), np.nan)
    harm = np.append(plan.candidates.harm, 0.0)  # the last for cells that the forecast leaves out of a shift
    return np.asarray(harm[plan.row_of].sum(axis=0))


def turnover(plan: PastPlan, before: Table | None) -> float:
    """Share of the missions in cells that had none in the shift of the same name before; NaN without such a shift.

    :param before: missions of earlier plans: ``col, row, shift, start``
    """
    starts = plan.instances.start.astype(np.int64)
    keys = cell_keys(plan.columns, plan.rows)
    had: dict[str, dict[int, set[int]]] = {}
    names = [plan.names[at] for at in plan.instances.shift.tolist()]
    now = list(zip(plan.shift.tolist(), keys[plan.cell].tolist()))
    for shift, key in now:
        had.setdefault(names[shift], {}).setdefault(int(starts[shift]), set()).add(key)
    if before is not None:
        moments = before["start"].astype("datetime64[s]").astype(np.int64).tolist()
        for name, start, key in zip(
            before.text("shift").tolist(), moments, cell_keys(before["col"], before["row"]).tolist()
        ):
            had.setdefault(name, {}).setdefault(start, set()).add(key)
    new: list[bool] = []
    for shift, key in now:
        earlier = [start for start in had[names[shift]] if start < starts[shift]]
        if earlier:
            new.append(key not in had[names[shift]][max(earlier)])
    return float(np.mean(new)) if new else np.nan


def _in_missions(plan: PastPlan, delivered: Delivered) -> Floats:
    return law_groups.sums(plan.cell, delivered.in_place, len(plan.columns))


def _part(values: Floats) -> Floats:
    """Share of each in their sum."""
    total = values.sum()
    return values / total if total > 0 else np.full(len(values), np.nan)


def _over(above: Floats, below: Floats) -> Floats:
    return np.divide(above, below, out=np.full(len(above), np.nan), where=below > 0)
