"""The job “allocate_missions”: JSON parameters and a forecast table in, missions out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from patrol_missions.core.errors import InputError
from patrol_missions.core.jobs import JobResult
from patrol_missions.core.tables import Table
from patrol_missions.engine.context import JobContext
from patrol_missions.engine.data.zones import zone
from patrol_missions.engine.missions import candidates, plan, weights
from patrol_missions.engine.missions.planning import Settings


def run(parameters: Mapping[str, Any], tables: Mapping[str, Table], context: JobContext) -> JobResult:
    """Allocate missions to every shift of a forecast.

    Parameters
    ----------
    parameters
        ``missions_per_district``, ``quotas`` {district: number}, ``harm_kept`` (share), ``ceiling`` (probability),
        ``dose_minutes``, ``seed``; ``weights`` (rows) and ``weights_preset`` (key), both null to take the harm as it
        is in the layer, rows without a preset to change their categories alone; ``labels`` {field: category};
        ``time_zone`` (IANA), for the text of the patrol window. What is absent or null takes the default of
        :class:`patrol_missions.engine.missions.planning.Settings`.
    tables
        ``forecast``.
    context
        Takes progress and warnings.

    Returns
    -------
    JobResult
        Tables ``missions`` and ``allocation``; values as in :class:`patrol_missions.engine.missions.plan.Plan`, the
        settings used, the weights used and the warnings.
    """
    if "forecast" not in tables:
        raise InputError("No forecast was given.", "Give the layer that Forecast risk made.")
    settings = _settings(parameters)
    clock = zone(str(parameters.get("time_zone") or "UTC"))
    context.progress(0.05, "Reading the forecast")
    found = candidates.read(tables["forecast"], parameters.get("labels") or {})
    rows, preset = parameters.get("weights"), parameters.get("weights_preset")
    warnings: tuple[str, ...] = ()
    if rows or preset:
        resolved, warnings = weights.resolve(preset, rows, list(found.expected), found.weights)
        found = candidates.reweighed(found, resolved)
    context.progress(0.3, "Drawing missions")
    made = plan.make(found, settings, clock)
    warnings = (*warnings, *made.warnings)
    for sentence in warnings:
        context.warning(sentence)
    context.progress(1.0)
    values = {
        **made.values,
        "settings": asdict(settings),
        "weights": [{**asdict(weight), "value": weight.value} for weight in found.weights],
        "warnings": list(warnings),
    }
    return JobResult(values, {"missions": made.missions, "allocation": made.allocation})


def _settings(parameters: Mapping[str, Any]) -> Settings:
    default = Settings()
    quotas = parameters.get("quotas") or {}
    return Settings(
        per_district=_whole(
            parameters.get("missions_per_district"), default.per_district, "The number of missions per district"
        ),
        quotas={str(name).strip(): _whole(n, 0, f"The number of missions of {name}") for name, n in quotas.items()},
        harm_kept=_number(parameters.get("harm_kept"), default.harm_kept, "The share of harm to keep"),
        ceiling=_number(parameters.get("ceiling"), default.ceiling, "The largest chance of a cell"),
        dose_minutes=_number(parameters.get("dose_minutes"), default.dose_minutes, "The time to spend in a cell"),
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


def _number(value: Any, default: float, what: str) -> float:
    if value is None:
        return default
    try:
        number = float(value)
    except (TypeError, ValueError):
        raise InputError(f"{what} is “{value}”, which is not a number.", "Give a number.") from None
    if not abs(number) < float("inf"):
        raise InputError(f"{what} is {value}.", "Give a finite number.")
    return number
