"""What training and forecasting read alike: grid, incidents, indicators, tables of days, planned events, visits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from qgis.core import (
    QgsCoordinateReferenceSystem,
    QgsCoordinateTransformContext,
    QgsProcessingAlgorithm,
    QgsProcessingContext,
    QgsProcessingFeedback,
    QgsProviderRegistry,
    QgsVectorLayer,
)

from patrol_missions.bridge.batches import As
from patrol_missions.bridge.layers import read_points
from patrol_missions.bridge.places import read_grid, read_indicator
from patrol_missions.bridge.sources import LayerSource, layers_of
from patrol_missions.core.errors import InputError
from patrol_missions.core.tables import Table
from patrol_missions.processing_algorithms import events, visits
from patrol_missions.processing_algorithms.days import Days, place
from patrol_missions.processing_algorithms.progress import PartialFeedback

_COLUMNS = {
    "category": ("category", As.LABEL),
    "start": ("start", As.TIME),
    "end": ("end", As.TIME),
    "reported": ("reported", As.TIME),
    "time_known": ("time_known", As.FLAG),
}
MOST_KINDS = 50
"""An indicator layer has at most so many kinds, those without one included."""
_SPACING = 0.5  # of a cell's side, between the points that stand for an indicator's lines and areas


@dataclass(frozen=True)
class Sources:
    """Layers, taken hold of in the main thread."""

    grid: LayerSource
    incidents: LayerSource
    indicators: tuple[tuple[str, LayerSource], ...]
    kind_field: str
    fields: tuple[str, ...]
    days: Days
    events: LayerSource | None
    visits: LayerSource | None
    transforms: QgsCoordinateTransformContext

    @classmethod
    def of(
        cls, algorithm: QgsProcessingAlgorithm, parameters: dict[str, Any], context: QgsProcessingContext
    ) -> Sources:
        """GRID, INCIDENTS, INDICATORS split by KIND_FIELD, INDICATOR_FIELDS; WEATHER, SCHOOL_TERMS, EVENTS, VISITS."""
        layers = layers_of(algorithm, parameters, "INDICATORS", context)
        return cls(
            LayerSource.from_parameter(algorithm, parameters, "GRID", context),
            LayerSource.from_parameter(algorithm, parameters, "INCIDENTS", context),
            tuple((name_of(layer), LayerSource.from_layer(layer)) for layer in layers),
            algorithm.parameterAsString(parameters, "KIND_FIELD", context).strip(),
            tuple(algorithm.parameterAsFields(parameters, "INDICATOR_FIELDS", context)),
            Days.of(algorithm, parameters, context),
            events.source_of(algorithm, parameters, "EVENTS", context),
            visits.source_of(algorithm, parameters, "VISITS", context),
            context.transformContext(),
        )


@dataclass(frozen=True)
class History:
    """What was read, as the engine takes it."""

    tables: dict[str, Table]
    indicators: Sequence[dict[str, str]]
    indicator_fields: Sequence[dict[str, str]]
    place: dict[str, float]
    cell_size_m: float
    crs: QgsCoordinateReferenceSystem


def name_of(layer: QgsVectorLayer) -> str:
    """What an indicator is called: as its table or file, so that a model finds a project's layers by their paths, too.

    Filtered layers and layers without a file are called as in the project.
    """
    source = layer.dataProvider().dataSourceUri()
    parts = QgsProviderRegistry.instance().decodeUri(layer.providerType(), source)
    if layer.subsetString() or layer.providerType() == "memory":
        return layer.name()
    return parts.get("layerName") or parts.get("table") or Path(parts.get("path") or "").stem or layer.name()


def read(sources: Sources, feedback: QgsProcessingFeedback, end: float) -> History:
    """Read all layers, on the progress bar from 0 to ``end``."""
    cells, size_m = read_grid(sources.grid, PartialFeedback(feedback, 0.0, 0.1 * end), sources.fields)
    crs = sources.grid.crs
    last = 0.6 * end if sources.indicators else end
    incidents = read_points(
        sources.incidents, _COLUMNS, crs, sources.transforms, PartialFeedback(feedback, 0.1 * end, last)
    )
    tables = {"cells": cells, "incidents": incidents, **sources.days.tables(PartialFeedback(feedback, last, last))}
    if sources.events is not None:
        tables["events"] = events.read(sources.events, crs, sources.transforms, PartialFeedback(feedback, last, last))
    if sources.visits is not None:
        step = PartialFeedback(feedback, last, last)
        tables["visits"] = visits.read(sources.visits, crs, sources.transforms, size_m, step)
    names = []
    for name, source in sources.indicators:
        step = PartialFeedback(feedback, last, end)
        points = read_indicator(source, crs, sources.transforms, _SPACING * size_m, step, sources.kind_field)
        for kind, table in _by_kind(points, name).items():
            key = f"indicator_{len(names)}"
            tables[key] = table
            names.append({"name": kind, "table": key})
    fields = [{"name": name, "column": f"field_{place}"} for place, name in enumerate(sources.fields)]
    return History(tables, names, fields, place(cells, size_m, crs, sources.transforms), size_m, crs)


def too_many_kinds(layer: str, kinds: int) -> InputError:
    """The sentence for a layer whose kind field has too many values."""
    return InputError(
        f"Indicator layer “{layer}” has {kinds} kinds of places; {MOST_KINDS - 1} can be told apart.",
        "Choose a kind field with fewer values, clear it, or keep only the kinds that matter.",
    )


def _by_kind(places: Table, layer: str) -> dict[str, Table]:
    """The places of each kind, under the kind's name; those without a kind under the layer's."""
    kinds = (*places.labels["kind"], layer)
    if len(kinds) > MOST_KINDS:
        raise too_many_kinds(layer, len(kinds) - 1)
    code = places["kind"] % len(kinds)  # "no kind" is -1, the last
    split = {kind: np.flatnonzero(code == number) for number, kind in enumerate(kinds)}
    coordinates = Table({name: places[name] for name in ("x", "y")})
    return {kind: coordinates.take(rows) for kind, rows in split.items() if len(rows) or len(kinds) == 1}
