"""What a plan is asked for: JSON parameters and tables, read and checked, and the plan made from them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from patrol_missions.core import weights
from patrol_missions.core.errors import InputError
from patrol_missions.core.law_groups import Ints
from patrol_missions.core.tables import Table
from patrol_missions.engine.context import JobContext
from patrol_missions.engine.data.zones import Zone, zone
from patrol_missions.engine.missions import candidates, circumstances, crews, plan
from patrol_missions.engine.missions.areas import AreaRules
from patrol_missions.engine.missions.candidates import Candidates
from patrol_missions.engine.missions.crews import Crews, Driving, Travel
from patrol_missions.engine.missions.planning import Circumstances, Settings
from patrol_missions.engine.missions.routes import Rules
from patrol_missions.engine.missions.streets import Network


@dataclass(frozen=True, eq=False)
class Request:
    """Everything that decides a plan, read and checked.

    :param asked: missions asked for, per group of the candidates
    :param warnings: of reading it
    """

    candidates: Candidates
    settings: Settings
    asked: Ints
    given: Circumstances
    crews: Crews | None
    driving: Driving
    clock: Zone
    weights_version: str
    warnings: tuple[str, ...]

    @classmethod
    def of(cls, parameters: Mapping[str, Any], tables: Mapping[str, Table]) -> Request:
        """A job's parameters and tables, see :func:`patrol_missions.engine.missions.allocate_job.run`."""
        settings = _settings(parameters)
        clock = zone(str(parameters.get("time_zone") or "UTC"))
        found, warnings = _weighed(parameters, tables["forecast"])
        rules = Rules(
            _whole(parameters.get("most_missions"), Rules.most_missions, "The number of missions of a unit"),
            _whole(parameters.get("visits"), Rules.visits, "The number of visits of a mission"),
            _number(parameters.get("revisit_gap_minutes"), Rules.revisit_gap_minutes, "The time between two visits"),
        )
        given, told = circumstances.of(parameters, tables, found, settings.dose_minutes, rules.visits, clock)
        travel = Travel(
            _number(parameters.get("speed_kmh"), Travel.speed_kmh, "The speed of travel"),
            _number(parameters.get("allowance_minutes"), Travel.allowance_minutes, "The time for the way"),
        )
        asked = plan.numbers(found.groups, settings)
        crew = Crews.of(tables["units"], found.groups) if "units" in tables else None
        if crew is not None:
            able = crew.capacity(found.groups, settings.dose_minutes, travel, rules)
            named = [district in settings.quotas for district in found.groups.district]
            asked = np.where(named, np.minimum(asked, able), able)
            told = (*told, *_capacity_told(found, able))
        return cls(
            found,
            settings,
            asked,
            given,
            crew,
            Driving(
                rules,
                travel,
                _streets(tables["streets"], travel) if "streets" in tables else None,
                _number(parameters.get("cell_size_m"), 250.0, "The cell size"),
            ),
            clock,
            str(parameters.get("weights_version") or "").strip(),
            (*warnings, *told),
        )

    def plan(self, context: JobContext) -> tuple[dict[str, Any], dict[str, Table]]:
        """The plan's figures and tables."""
        made = plan.make(self.candidates, self.settings, self.clock, self.given, self.asked)
        context.progress(0.7, "Sharing out the missions")
        shared = crews.schedule(
            made.missions,
            made.group,
            self.candidates.groups,
            self.crews,
            self.driving,
            self.settings.seed,
            self.clock,
        )
        warnings = [*self.warnings, *made.warnings, *shared.warnings]
        values = {
            **made.values,
            **shared.values,
            "settings": asdict(self.settings),
            "weights": [{**asdict(weight), "value": weight.value} for weight in self.candidates.weights],
            "weights_version": self.weights_version,
            "warnings": warnings,
        }
        results = {
            "missions": self._with_visits(shared.missions),
            "visits": shared.visits,
            "allocation": made.allocation,
            "chances": made.chances,
        }
        return values, results

    def _with_visits(self, missions: Table) -> Table:
        """The missions with the number of visits of each, unless it is one, which a plan need not say."""
        visits = self.driving.rules.visits
        if visits == 1:
            return missions
        return Table({**missions.columns, "visits": np.full(len(missions), visits, dtype=np.int32)}, missions.labels)


def _weighed(parameters: Mapping[str, Any], forecast: Table) -> tuple[Candidates, tuple[str, ...]]:
    """The forecast as candidates, with the weights asked for."""
    found = candidates.read(forecast, parameters.get("labels") or {})
    rows, preset = parameters.get("weights"), parameters.get("weights_preset")
    if not (rows or preset):
        return found, ()
    resolved, warnings = weights.resolve(preset, rows, list(found.expected), found.weights)
    return candidates.reweighed(found, resolved), warnings


def _capacity_told(found: Candidates, able: Ints) -> list[str]:
    """Districts whose units can take no mission."""
    none = sorted({found.groups.district[at] or candidates.NO_DISTRICT for at in np.flatnonzero(able == 0).tolist()})
    if not none:
        return []
    listed = ", ".join(none[:5]) + (f" and {len(none) - 5} more" if len(none) > 5 else "")
    return [f"The units leave no time for missions in some shifts of {listed}, so none are planned there."]


def _streets(table: Table, travel: Travel) -> Network:
    ends = np.column_stack([table[name] for name in ("x0", "y0", "x1", "y1")])
    speed = table["speed_kmh"] if "speed_kmh" in table else np.full(len(table), travel.speed_kmh)
    return Network.of(ends, np.where(np.isfinite(speed) & (speed > 0), speed, travel.speed_kmh))


def _settings(parameters: Mapping[str, Any]) -> Settings:
    default = Settings()
    quotas = parameters.get("quotas") or {}
    limits = {
        name: _number(parameters.get(f"area_{name}"), None, f"The limit of areas “{name}”")
        for name in ("share", "minutes_per_1000", "harm_ratio")
    }
    return Settings(
        per_district=_whole(
            parameters.get("missions_per_district"), default.per_district, "The number of missions per district"
        ),
        quotas={str(name).strip(): _whole(n, 0, f"The number of missions of {name}") for name, n in quotas.items()},
        harm_kept=_number(parameters.get("harm_kept"), default.harm_kept, "The share of harm to keep"),
        ceiling=_number(parameters.get("ceiling"), default.ceiling, "The largest chance of a cell"),
        exploration=_number(parameters.get("exploration"), default.exploration, "The share of exploration"),
        control=_number(parameters.get("control"), default.control, "The share of controls"),
        dose_minutes=_number(parameters.get("dose_minutes"), default.dose_minutes, "The time to spend in a cell"),
        areas=AreaRules(**limits),
        seed=_whole(parameters.get("seed"), default.seed, "The seed"),
    )


def _whole(value: Any, default: int, what: str) -> int:
    number = _number(value, default, what)
    # Beyond 2^53 a float cannot tell neighbouring whole numbers apart; JSON integers come as int and stay exact.
    if isinstance(value, int):
        return value
    if number != int(number):
        raise InputError(f"{what} is {value}.", "Give a whole number.")
    return int(number)


def _number(value: Any, default: Any, what: str) -> Any:
    if value is None:
        return default
    try:
        number = float(value)
    except (TypeError, ValueError):
        raise InputError(f"{what} is “{value}”, which is not a number.", "Give a number.") from None
    if not abs(number) < float("inf"):
        raise InputError(f"{what} is {value}.", "Give a finite number.")
    return number
