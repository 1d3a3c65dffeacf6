"""A layer made by Forecast risk as a table for the engine."""

from __future__ import annotations

import numpy as np
from qgis.PyQt.QtCore import QCoreApplication

from patrol_missions.bridge.batches import As
from patrol_missions.bridge.layers import read_table
from patrol_missions.bridge.processes import Feedback
from patrol_missions.bridge.sources import LayerSource
from patrol_missions.core.errors import InputError
from patrol_missions.core.grid import parse_cell_id
from patrol_missions.core.names import EXPECTED, slug
from patrol_missions.core.tables import Table

_KINDS = {
    "district": As.LABEL,
    "shift": As.LABEL,
    "shift_date": As.TIME,
    "start": As.TIME,
    "end": As.TIME,
    "exposure_hours": As.NUMBER,
    "harm": As.NUMBER,
    "rank": As.NUMBER,
    "percentile": As.NUMBER,
    "top_category": As.LABEL,
    "peak_start": As.TIME,
    "peak_end": As.TIME,
    "reasons": As.LABEL,
    "time_zone": As.LABEL,
}
"""Fields of a forecast layer, and what they become; beside them, every field of expected incidents is a number."""


def tr(text: str) -> str:
    """The text in the user's language."""
    return QCoreApplication.translate("ForecastLayer", text)


def read_forecast(source: LayerSource, feedback: Feedback) -> Table:
    """All rows, with the columns ``col, row`` for the cell and the layer's own."""
    names = source.fields.names()
    columns = {name: (name, kind) for name, kind in _KINDS.items() if name in names}
    columns.update({name: (name, As.NUMBER) for name in names if name.startswith(EXPECTED)})
    table = read_table(source, {"cell_id": ("cell_id", As.LABEL), **columns}, feedback)
    cells = np.array([parse_cell_id(name) for name in table.labels["cell_id"]], dtype=np.int64).reshape(-1, 2)
    place = table["cell_id"]
    if (place < 0).any():
        raise InputError(
            tr("Layer “{layer}” has rows without a cell id.").format(layer=source.name),
            tr("Choose a layer made by Forecast risk."),
        )
    kept = {"col": cells[place, 0], "row": cells[place, 1], **{name: table[name] for name in columns}}
    kept["rank"] = np.nan_to_num(kept["rank"]).astype(np.int32)
    return Table(kept, {name: texts for name, texts in table.labels.items() if name in kept})


def category_labels(forecast: Table) -> dict[str, str]:
    """Category as people call it, per field of expected incidents, where the forecast's top categories tell."""
    labels: dict[str, str] = {}
    doubtful = set()
    for category in forecast.labels.get("top_category", ()):
        field = EXPECTED + slug(category)
        if field in labels or field not in forecast:
            doubtful.add(field)
        labels[field] = category
    return {field: category for field, category in labels.items() if field not in doubtful}
