"""What a plan has to go by beside the forecast, from a job's tables: doses, areas, overrides, units, streets."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from patrol_missions.core.law_groups import Ints
from patrol_missions.core.tables import Table
from patrol_missions.engine.data.dose import Visits
from patrol_missions.engine.data.zones import Zone
from patrol_missions.engine.missions import presence
from patrol_missions.engine.missions.areas import Areas
from patrol_missions.engine.missions.candidates import Candidates, Groups
from patrol_missions.engine.missions.dosage import DoseRules, DoseState
from patrol_missions.engine.missions.overrides import Overrides
from patrol_missions.engine.missions.planning import Circumstances

_DAYS_BACK = 28
_DAY, _WEEK = np.timedelta64(1, "D"), np.timedelta64(7, "D")


def of(
    parameters: Mapping[str, Any],
    tables: Mapping[str, Table],
    candidates: Candidates,
    dose_minutes: float,
    visits_of_mission: int,
    clock: Zone,
) -> tuple[Circumstances, tuple[str, ...]]:
    """Circumstances and sentences that the user should read.

    :param parameters: ``cell_size_m``; ``dose_rules``, or null to leave doses out of account
    :param tables: perhaps ``visits``, ``areas`` (``col, row, area, people``), ``overrides`` and ``boxes``
    :param dose_minutes: of one visit
    :param visits_of_mission: in its shift
    """
    columns, rows = candidates.columns, candidates.rows
    areas = Areas.of(tables["areas"], columns, rows) if "areas" in tables else Areas.none(len(columns))
    overrides = Overrides.none(len(columns))
    if "overrides" in tables and len(tables["overrides"]):
        overrides = Overrides.of(tables["overrides"], tables.get("boxes"), columns, rows)
    if parameters.get("dose_rules") is None:
        return Circumstances(areas, overrides, None, visits_of_mission), ()
    rules = DoseRules.of(parameters["dose_rules"])
    nobody = np.zeros(0, dtype=np.int64)
    visits = Visits.of(len(columns), nobody, nobody, nobody)
    warnings: tuple[str, ...] = ()
    if "visits" in tables and len(tables["visits"]):
        cells = Table({"col": columns, "row": rows})
        visits, warnings = presence.read(cells, tables["visits"], float(parameters["cell_size_m"]), clock)
    first = int(candidates.groups.start[0].astype(np.int64))
    shifts = shift_instances(candidates.groups, clock)
    state = DoseState.of(visits, first, rules, shifts, dose_minutes * visits_of_mission, areas.people)
    return Circumstances(areas, overrides, state, visits_of_mission), warnings


def shift_instances(groups: Groups, clock: Zone) -> tuple[Ints, Ints]:
    """Starts and ends (seconds UTC) of the forecast's shifts and of those before them, in order of start.

    Those before are the forecast's own, repeated every week where it covers a whole one, else every day, by local time.
    """
    start, end = clock.to_local(groups.start), clock.to_local(groups.end)
    pairs = np.unique(np.stack([start.astype(np.int64), end.astype(np.int64)]), axis=1)
    start, end = (each.astype("datetime64[s]") for each in pairs)
    # With a shift of the week missing, patrol in it would be in no shift, and runs would be told too short.
    longest_gap = np.diff(start).max(initial=np.timedelta64(0, "s"))
    period = _WEEK if start[0] + _WEEK - start[-1] <= longest_gap else _DAY
    cycle = start < start[0] + period
    back = np.arange(1, int(_DAYS_BACK * _DAY / period) + 1)[::-1, None] * period
    before = [np.concatenate([(each[cycle][None, :] - back).ravel(), each]) for each in (start, end)]
    begin, until = (clock.to_utc(each).astype(np.int64) for each in before)
    order = np.argsort(begin, kind="stable")
    return begin[order], until[order]
