"""What training and forecasting are told about days: holidays, weather and school terms, and where the city lies."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from qgis.core import (
    QgsCoordinateReferenceSystem,
    QgsCoordinateTransform,
    QgsCoordinateTransformContext,
    QgsCsException,
    QgsProcessing,
    QgsProcessingAlgorithm,
    QgsProcessingContext,
    QgsProcessingFeedback,
    QgsProcessingParameterFeatureSource,
    QgsProcessingParameterString,
)

from patrol_missions.bridge.batches import As
from patrol_missions.bridge.layers import read_table
from patrol_missions.bridge.sources import LayerSource
from patrol_missions.core.errors import InputError
from patrol_missions.core.tables import Table
from patrol_missions.processing_algorithms.parameters import tr

_TABLES = {
    "WEATHER": (
        "weather",
        {"date": As.TIME, "issued": As.TIME, "temperature": As.NUMBER, "precipitation": As.NUMBER, "snow": As.NUMBER},
        ("date",),
    ),
    "SCHOOL_TERMS": ("school_terms", {"start": As.TIME, "end": As.TIME}, ("start", "end")),
}
"""By parameter: the engine's name of the table, its fields, and those that must be there."""


def holidays(name: str) -> QgsProcessingParameterString:
    """The parameter for public holidays."""
    return QgsProcessingParameterString(name, tr("Public holidays of"), "", False, True)


def weather(name: str) -> QgsProcessingParameterFeatureSource:
    """The parameter for the weather table."""
    return _table(name, tr("Weather"))


def weather_help() -> str:
    """Help of :func:`weather`."""
    return tr(
        "Table of daily weather with a field date and any of temperature, precipitation and snow, in any unit. Rows "
        "with a time in the field issued (UTC) are forecasts and count from then on; the others are observations and "
        "count once the day is past. Coming days without a forecast get the usual weather of the season."
    )


def terms(name: str) -> QgsProcessingParameterFeatureSource:
    """The parameter for the table of school terms."""
    return _table(name, tr("School terms"))


def _table(name: str, title: str) -> QgsProcessingParameterFeatureSource:
    return QgsProcessingParameterFeatureSource(name, title, [QgsProcessing.SourceType.TypeVector], None, True)


@dataclass(frozen=True)
class Days:
    """Tables about days, by parameter, taken hold of in the main thread."""

    sources: dict[str, LayerSource]

    @classmethod
    def of(cls, algorithm: QgsProcessingAlgorithm, parameters: dict[str, Any], context: QgsProcessingContext) -> Days:
        """The tables that are given; a sentence for a table that lacks a field."""
        sources = {}
        for name, (_, fields, needed) in _TABLES.items():
            if algorithm.parameterDefinition(name) is None or not parameters.get(name):
                continue
            source = LayerSource.from_parameter(algorithm, parameters, name, context)
            there = spelled(source)
            missing = [field for field in needed if field not in there]
            if missing:
                raise InputError(
                    tr("Table “{table}” has no field “{field}”.").format(table=source.name, field=missing[0]),
                    tr("The fields it may have are {fields}; rename them so.").format(fields=", ".join(fields)),
                )
            sources[name] = source
        return cls(sources)

    def tables(self, feedback: QgsProcessingFeedback) -> dict[str, Table]:
        """What they hold, as the engine takes it."""
        found = {}
        for name, source in self.sources.items():
            table, fields, _ = _TABLES[name]
            there = spelled(source)
            read = read_table(source, {f: (there[f], kind) for f, kind in fields.items() if f in there}, feedback)
            times = {f: moments(read[f], source.name, f) for f, kind in fields.items() if kind is As.TIME and f in read}
            found[table] = Table({**read.columns, **times}, read.labels)
        return found


def place(
    cells: Table, size_m: float, crs: QgsCoordinateReferenceSystem, transforms: QgsCoordinateTransformContext
) -> dict[str, float]:
    """Longitude and latitude of the middle of the cells; nothing where they cannot be known."""
    x, y = ((float(np.mean(cells[name])) + 0.5) * size_m for name in ("col", "row"))
    try:
        point = QgsCoordinateTransform(crs, QgsCoordinateReferenceSystem("EPSG:4326"), transforms).transform(x, y)
    except QgsCsException:
        return {}
    # A ten-thousandth of a degree is ten metres; the rest is noise of the projection's arithmetic.
    return {"longitude": round(point.x(), 4), "latitude": round(point.y(), 4)}


def spelled(source: LayerSource) -> dict[str, str]:
    """The table's fields by their names in small letters."""
    return {name.lower(): name for name in source.fields.names()}


def moments(values: np.ndarray, table: str, field: str) -> np.ndarray:
    """Times of a field that may be text."""
    if values.dtype.kind == "M":
        return values
    if len(values) == 0:
        return np.empty(0, dtype="datetime64[s]")
    text = np.char.replace(np.char.strip(values.astype(str)), "Z", "")
    try:
        return np.where(text == "", "NaT", text).astype("datetime64[s]")
    except ValueError:
        raise InputError(
            tr("Field “{field}” of table “{table}” holds what is not a date.").format(field=field, table=table),
            tr("Write dates like 2020-01-31."),
        ) from None
