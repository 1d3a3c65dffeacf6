"""How many minutes of patrol a cell may get, as users give it: a table of soft and hard limits, and rests."""

from __future__ import annotations

import re
from typing import Any

from qgis.core import QgsProcessingContext, QgsProcessingParameterMatrix, QgsProcessingParameterNumber

from patrol_missions.core.errors import InputError
from patrol_missions.processing_algorithms.base import PatrolAlgorithm
from patrol_missions.processing_algorithms.parameters import matrix_rows, tr

MOST_CONSECUTIVE = "MOST_CONSECUTIVE"
COOL_DOWN_HOURS = "COOL_DOWN_HOURS"
DEFAULT_LIMITS = (
    "24 hours", "45", "120",
    "7 days", "210", "420",
    "28 days", "840", "1260",
    "28 days per 1000 people", "", "",
)  # fmt: skip
"""Rows of the table. Their first words are stored in models and scripts, so they are never renamed or translated."""

_WINDOWS = {
    "24 hours": "minutes_24h",
    "7 days": "minutes_7d",
    "28 days": "minutes_28d",
    "28 days per 1000 people": "per_1000_28d",
}
"""What the rows are called, and the end of the engine's names of their limits."""

PER_1000 = ("soft_per_1000_28d", "hard_per_1000_28d")
"""The engine's names of the limits that need to know how many people there are."""


def parameter(name: str) -> QgsProcessingParameterMatrix:
    """The parameter for the limits of minutes."""
    headers = [tr("Minutes in"), tr("Soft limit"), tr("Hard limit")]
    return QgsProcessingParameterMatrix(name, tr("Limits of dose"), 4, True, headers, list(DEFAULT_LIMITS), True)


def parameter_help() -> str:
    """Help of :func:`parameter`."""
    return tr(
        "Minutes of patrol in a cell: above the soft limit a mission there is worth less and less, and none is planned "
        "that would go beyond the hard limit. A blank number is no limit; a row left out keeps its limits. The "
        "defaults are doses of 15 minutes as trials gave them, and a judgement."
    )


def add_rests(algorithm: PatrolAlgorithm) -> None:
    """Declare when cells rest."""
    integer, real = QgsProcessingParameterNumber.Type.Integer, QgsProcessingParameterNumber.Type.Double
    algorithm.add(
        QgsProcessingParameterNumber(MOST_CONSECUTIVE, tr("Most shifts in a row"), integer, 3, False, 0, 1000),
        tr("After so many shifts in a row with patrol a cell rests for one; 0 is no limit."),
        advanced=True,
    )
    algorithm.add(
        QgsProcessingParameterNumber(COOL_DOWN_HOURS, tr("Cool-down (hours)"), real, 24.0, False, 0.0, 8760.0),
        tr("For how long a cell stays closed once it has no room for one more mission."),
        advanced=True,
        decimals=1,
    )


def rest_rules(
    algorithm: PatrolAlgorithm, parameters: dict[str, Any], context: QgsProcessingContext
) -> dict[str, float | None]:
    """What :func:`add_rests` was given, by the names of the engine's rules of dosage; None is no limit."""
    return {
        "most_consecutive": algorithm.parameterAsInt(parameters, MOST_CONSECUTIVE, context) or None,
        "cool_down_hours": algorithm.parameterAsDouble(parameters, COOL_DOWN_HOURS, context),
    }


def limit_rules(value: Any) -> dict[str, float | None]:
    """Limits as the engine takes them, by the names of its rules of dosage; None is no limit."""
    rules: dict[str, float | None] = {}
    for window, soft, hard in matrix_rows(value, 3, tr("Limits of dose")):
        ending = _WINDOWS.get(re.sub(r"\s+", " ", window.replace(",", "")).lower())
        if ending is None:
            raise InputError(
                tr("The limits of dose have no row “{row}”.").format(row=window),
                tr("The rows are {rows}.").format(rows=", ".join(f"“{each}”" for each in _WINDOWS)),
            )
        if f"soft_{ending}" in rules:
            raise InputError(tr("The limits of dose have two rows “{row}”.").format(row=window))
        rules[f"soft_{ending}"] = _minutes(soft, window)
        rules[f"hard_{ending}"] = _minutes(hard, window)
    return rules


def _minutes(text: str, row: str) -> float | None:
    if not text:
        return None
    try:
        return float(text)
    except ValueError:
        raise InputError(
            tr("A limit of dose in the row “{row}” is “{text}”, which is not a number.").format(row=row, text=text),
            tr("Write minutes with digits, or leave it blank for no limit."),
        ) from None
