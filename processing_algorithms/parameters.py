"""Parameters that several algorithms share, and what users put into them as plain values for the engine."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from typing import Any

from qgis.core import (
    QgsProcessing,
    QgsProcessingParameterEnum,
    QgsProcessingParameterField,
    QgsProcessingParameterMatrix,
    QgsProcessingParameterMultipleLayers,
    QgsProcessingParameterString,
)
from qgis.PyQt.QtCore import QCoreApplication, QDateTime, Qt, QTimeZone

from patrol_missions.core.errors import InputError

PRESETS: Mapping[str, str] = {
    "RAND cost of crime": "rand",
    "Sentence days": "sentence_days",
    "Police labour cost": "police_cost",
}
"""What the user chooses (stored in models and scripts, so never renamed), and the key of ``core.presets``."""

DEFAULT_SHIFTS = (
    "Day", "07:00", "15:00", "Mon-Sun",
    "Evening", "15:00", "23:00", "Mon-Sun",
    "Night", "23:00", "07:00", "Mon-Sun",
)  # fmt: skip


def tr(text: str) -> str:
    """The text in the user's language."""
    return QCoreApplication.translate("PatrolParameters", text)


def local_time_zone() -> str:
    """IANA name of this computer's time zone, UTC where it is not known by one."""
    found = bytes(QTimeZone.systemTimeZoneId()).decode("ascii", "ignore")
    return found if "/" in found and not found.startswith("Etc/") else "UTC"


def time_zone(name: str) -> QgsProcessingParameterString:
    """The parameter for an IANA time zone."""
    return QgsProcessingParameterString(name, tr("Time zone"), local_time_zone())


def preset(name: str, first: Sequence[str] = ()) -> QgsProcessingParameterEnum:
    """The parameter for a published scale of severities; ``first`` are choices before them."""
    options = [*first, *PRESETS]
    return QgsProcessingParameterEnum(name, tr("Weights"), options, False, options[0], False, True)


def weights(name: str) -> QgsProcessingParameterMatrix:
    """The parameter for the user's own weights."""
    headers = [tr("Category"), tr("Severity"), tr("Preventability (0-1)"), tr("Use (yes or no)"), tr("Reason")]
    return QgsProcessingParameterMatrix(name, tr("Own weights"), 0, False, headers, [], True)


def weights_help() -> str:
    """Help of :func:`weights`."""
    return tr(
        "Rows that replace the preset's: category, severity of one incident (in the preset's unit), and the share of "
        "such incidents that visible patrol can deter (0 to 1); a blank number is taken from the preset. Perhaps "
        "whether the category counts (yes or no), and why: one that mostly reflects where police look counts only with "
        "a reason. In qgis_process give rows as JSON, or a line of values separated by commas per row."
    )


def indicators(name: str) -> QgsProcessingParameterMultipleLayers:
    """The parameter for indicator layers."""
    any_shape = QgsProcessing.SourceType.TypeVectorAnyGeometry
    return QgsProcessingParameterMultipleLayers(name, tr("Indicator layers"), any_shape, None, True)


def kind_field(name: str) -> QgsProcessingParameterString:
    """The parameter for the field by which indicator layers are split."""
    return QgsProcessingParameterString(name, tr("Kind field of the indicators"), "kind", False, True)


def kind_field_help() -> str:
    """Help of :func:`kind_field`."""
    return tr(
        "Indicator layers that have this field are split by its values, so that bars and schools of one layer count "
        "apart; other layers are one kind each. The same in training and forecasting."
    )


def indicator_fields(name: str, grid: str) -> QgsProcessingParameterField:
    """The parameter for numeric fields of the grid that a model learns from."""
    numeric = QgsProcessingParameterField.DataType.Numeric
    return QgsProcessingParameterField(name, tr("Indicator fields of the grid"), None, grid, numeric, True, True)


def matrix_rows(value: Any, columns: int, name: str, least: int | None = None) -> list[list[str]]:
    """Rows of a table parameter: flat from the dialog, nested from scripts, text from the command line.

    Rows without any text are dropped. Nested rows may leave out their last values; values in one long list that do not
    fill its rows are an :class:`InputError`.

    :param value: what QGIS hands over
    :param columns: how many columns the table has
    :param name: what the table is called, for the sentence
    :param least: the values that a row cannot do without, where a line of a text is a row and may leave out the others
    """
    if value is None or value == "":
        return []
    if isinstance(value, str):
        lines = list(csv.reader(value.splitlines()))
        by_line = least is not None and (len(lines) > 1 or len(lines[0]) < columns)
        value = lines if by_line else [cell for line in lines for cell in line]
    flat: list[str] = []
    for item in value:
        if isinstance(item, (list, tuple)):
            flat += [_text(cell) for cell in item] + [""] * (columns - len(item))
        else:
            flat.append(_text(item))
    if len(flat) % columns:
        raise InputError(
            tr("The table “{name}” has {cells} values, which do not fill rows of {columns}.").format(
                name=name, cells=len(flat), columns=columns
            ),
            tr("Give every row all its values; a value may be blank."),
        )
    rows = [flat[i : i + columns] for i in range(0, len(flat), columns)]
    return [row for row in rows if any(row)]


def _text(value: Any) -> str:
    if value is None or (hasattr(value, "isNull") and value.isNull()):
        return ""
    return str(value).strip()


def shift_rows(value: Any) -> list[dict[str, str]]:
    """Shifts as the engine takes them."""
    keys = ("name", "start", "end", "weekdays")
    rows = [dict(zip(keys, row)) for row in matrix_rows(value, len(keys), tr("Shifts"))]
    if not rows:
        raise InputError(tr("There are no shifts."), tr("Add at least one with a name, a start and an end."))
    return rows


def weight_rows(value: Any) -> list[dict[str, Any]] | None:
    """The user's weights as the engine takes them; None when there are none."""
    rows = matrix_rows(value, 5, tr("Own weights"), least=1)
    return [
        {
            "category": category,
            "severity": _number(severity, tr("severity"), category),
            "preventability": _number(preventability, tr("preventability"), category),
            "use": use,
            "reason": reason,
        }
        for category, severity, preventability, use, reason in rows
    ] or None


def quota_rows(value: Any) -> dict[str, int]:
    """Missions per district as the engine takes them."""
    quotas: dict[str, int] = {}
    for district, missions in matrix_rows(value, 2, tr("Missions by district")):
        number = _number(missions, tr("number of missions"), district)
        if number is None or number < 0 or number != int(number):
            raise InputError(
                tr("District “{district}” has “{missions}” missions.").format(district=district, missions=missions),
                tr("Give a whole number, zero or above."),
            )
        if district in quotas:
            raise InputError(tr("District “{district}” has two rows of missions.").format(district=district))
        quotas[district] = int(number)
    return quotas


def _number(text: str, what: str, row: str) -> float | None:
    if not text:
        return None
    try:
        return float(text)
    except ValueError:
        raise InputError(
            tr("The {what} of “{row}” is “{text}”, which is not a number.").format(what=what, row=row, text=text),
            tr("Write it with digits and a decimal point."),
        ) from None


def iso_utc(moment: QDateTime) -> str | None:
    """A moment as ISO text in UTC, None when there is none."""
    return moment.toUTC().toString(Qt.DateFormat.ISODate) if moment.isValid() else None
