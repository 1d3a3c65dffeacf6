"""Patrol units and their uncommitted time: how many missions each district can take, and who makes them when."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from patrol_missions.core import grid
from patrol_missions.core.errors import InputError
from patrol_missions.core.law_groups import Ints
from patrol_missions.core.tables import Table
from patrol_missions.engine.data.zones import Zone
from patrol_missions.engine.missions import plan, routes, wording
from patrol_missions.engine.missions.candidates import NO_DISTRICT, Groups
from patrol_missions.engine.missions.draw import Stream
from patrol_missions.engine.missions.routes import Rules, Units
from patrol_missions.engine.missions.streets import Network, travel_minutes


@dataclass(frozen=True)
class Travel:
    """How units get from mission to mission.

    :param speed_kmh: where streets say nothing else
    :param allowance_minutes: reckoned for the way to each visit before the missions are known
    """

    speed_kmh: float = 30.0
    allowance_minutes: float = 10.0

    def __post_init__(self) -> None:
        if not 0 < self.speed_kmh < float("inf"):
            raise InputError(f"The speed of travel is {self.speed_kmh:g} km/h.", "Give a speed above 0, such as 30.")
        if not 0 <= self.allowance_minutes < float("inf"):
            raise InputError(
                f"The time reckoned for the way to a mission is {self.allowance_minutes:g} minutes.",
                "Give 0 minutes or more.",
            )


@dataclass(frozen=True, eq=False)
class Driving:
    """What routes go by.

    :param streets: ``None`` for straight lines
    :param size_m: side of a cell
    """

    rules: Rules
    travel: Travel
    streets: Network | None
    size_m: float


@dataclass(frozen=True, eq=False)
class Crews:
    """Units by district and shift.

    :param table: ``unit``, ``district`` (texts), ``minutes`` (uncommitted in a shift), perhaps ``shift`` (text, none
        for every shift)
    """

    table: Table

    @classmethod
    def of(cls, table: Table, groups: Groups) -> Crews:
        """Checked units; :class:`InputError` for unknown districts or shifts, names or minutes that are missing."""
        names = [district or NO_DISTRICT for district in groups.district]
        units, districts = (_texts(table, name) for name in ("unit", "district"))
        for row, (unit, minutes) in enumerate(zip(units, table["minutes"].tolist())):
            if not unit:
                raise InputError(f"Row {row + 1} of the units has no name.", "Name every unit.")
            if not 0 <= minutes < float("inf"):
                raise InputError(
                    f"The unit “{unit}” has {minutes:g} minutes of uncommitted time.", "Give 0 minutes or more."
                )
        plan.known_districts(names, dict.fromkeys(districts))
        unknown = sorted(set(_texts(table, "shift")) - {"", *groups.shift}) if "shift" in table else []
        if unknown:
            raise InputError(
                f"The units are of the shift “{unknown[0]}”, which the forecast does not have.",
                f"Its shifts are: {', '.join(dict.fromkeys(groups.shift))}.",
            )
        return cls(table)

    def units(self, groups: Groups, group: int) -> Units:
        """The units of a district and shift; they are there for the whole of it."""
        district, shift = groups.district[group] or NO_DISTRICT, groups.shift[group]
        shifts = _texts(self.table, "shift") if "shift" in self.table else [""] * len(self.table)
        here = [
            row
            for row, (where, when) in enumerate(zip(_texts(self.table, "district"), shifts))
            if where == district and when in ("", shift)
        ]
        start, end = (int(each[group].astype(np.int64)) for each in (groups.start, groups.end))
        names = _texts(self.table, "unit")
        return Units(
            tuple(names[row] for row in here),
            np.full(len(here), start),
            np.full(len(here), end),
            np.asarray(self.table["minutes"], dtype=np.float64)[here],
        )

    def capacity(self, groups: Groups, dose_minutes: float, travel: Travel, rules: Rules) -> Ints:
        """Missions that the units of each group can take."""
        return np.array(
            [
                routes.capacity(
                    self.units(groups, group).minutes,
                    dose_minutes,
                    travel.allowance_minutes,
                    rules.most_missions,
                    rules.visits,
                )
                for group in range(len(groups))
            ],
            dtype=np.int64,
        )


def _texts(table: Table, name: str) -> list[str]:
    return ["" if text is None else str(text).strip() for text in table.text(name)]


@dataclass(frozen=True)
class Schedule:
    """Who goes where and when.

    :param missions: with the first visit's ``unit``, ``visit_order``, ``planned_start``, ``planned_end`` (UTC)
    :param visits: a row per visit
    :param values: figures for the log
    """

    missions: Table
    visits: Table
    values: dict[str, float | int]
    warnings: tuple[str, ...]


def schedule(
    missions: Table,
    group: Ints,
    groups: Groups,
    crews: Crews | None,
    driving: Driving,
    seed: int,
    clock: Zone,
) -> Schedule:
    """Share out the missions of a plan.

    :param missions: as :func:`plan.make` gives them
    :param group: of each mission, in ascending order
    :param crews: without them, every mission gets its time and no unit
    """
    parts, unit_names = [], []
    warnings = [] if driving.streets is None else list(driving.streets.warnings)
    for at in np.unique(group).tolist():
        mine = np.flatnonzero(group == at)
        units = (
            Units((), *(np.zeros(0, dtype=np.int64),) * 2, np.zeros(0)) if crews is None else crews.units(groups, at)
        )
        found = _routes(missions.take(mine), units, groups, at, driving, seed)
        parts.append((mine, found))
        unit_names.append(units.name)
        warnings += found.warnings
    visits = _visits(missions, parts, unit_names)
    first = visits.take(visits["visit"] == 1)
    order = np.argsort(first["mission"], kind="stable")
    first = first.take(order)
    columns = {name: first[name] for name in ("visit_order", "planned_start", "planned_end", "travel_minutes")}
    whole = Table({**missions.columns, **columns}, missions.labels).with_text("unit", first.text("unit").tolist())
    spans = wording.windows(clock.to_local(first["planned_start"]), clock.to_local(first["planned_end"]))
    without = 0 if crews is None else sum(found.missions_without_unit for _, found in parts)
    if without:
        warnings.append(f"{without} of {len(missions)} missions have no unit, because none has the time for them.")
    values = {"travel_minutes": float(visits["travel_minutes"].sum()), "missions_without_unit": without}
    kept = {name: visits[name] for name in visits.columns if name != "mission"}
    return Schedule(
        whole.with_text("planned_time", spans), Table(kept, visits.labels), values, tuple(dict.fromkeys(warnings))
    )


def _routes(missions: Table, units: Units, groups: Groups, at: int, driving: Driving, seed: int) -> routes.Routes:
    places = np.column_stack(grid.centres(missions["col"], missions["row"], driving.size_m))
    start, end = (int(each[at].astype(np.int64)) for each in (groups.start, groups.end))
    asked = routes.Missions(
        np.maximum(np.asarray(missions["harm"], dtype=np.float64), 0.0),
        np.asarray(missions["dose_minutes"], dtype=np.float64),
        missions["window_start"].astype("datetime64[s]").astype(np.int64),
        missions["window_end"].astype("datetime64[s]").astype(np.int64),
        travel_minutes(places, driving.streets, driving.travel.speed_kmh),
    )
    stream = Stream(seed, start, (groups.shift[at], groups.district[at] or ""))
    return routes.make(asked, units, (start, end), driving.rules, stream)


def _visits(missions: Table, parts: Sequence[tuple[Ints, routes.Routes]], names: Sequence[tuple[str, ...]]) -> Table:
    """All visits of all groups; ``mission`` is the row of the missions' table."""
    if not parts:
        parts, names = [], []

    def join(values: list[np.ndarray], kind: str) -> np.ndarray:
        return np.concatenate([np.zeros(0, dtype=kind), *values]).astype(kind)

    mission = join([mine[found.mission] for mine, found in parts], "int64")
    units = [
        name[unit] if unit >= 0 else None for name, (_, found) in zip(names, parts) for unit in found.unit.tolist()
    ]
    columns = {
        "mission": mission,
        "visit": join([found.number for _, found in parts], "int32"),
        "visit_order": join([found.order for _, found in parts], "int32"),
        "planned_start": join([found.arrival_s for _, found in parts], "int64").astype("datetime64[s]"),
        "planned_end": join([found.departure_s for _, found in parts], "int64").astype("datetime64[s]"),
        "travel_minutes": join([found.travel_before_minutes for _, found in parts], "float32"),
    }
    named = missions.text("mission_id") if len(missions) else np.zeros(0, dtype=object)
    return Table(columns).with_text("unit", units).with_text("mission_id", [str(named[at]) for at in mission.tolist()])
