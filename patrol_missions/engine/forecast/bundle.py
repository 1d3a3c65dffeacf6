"""The model bundle: a sealed file of JSON and LightGBM text, the same bytes for the same input and seed.

``model.json`` describes everything; ``trees_<n>.txt`` holds the trees of the n-th category where trees ship. Nothing
names the machine or the moment it was made on.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from patrol_missions.core import grid
from patrol_missions.core.errors import InputError
from patrol_missions.core.shifts import Shift
from patrol_missions.engine.data.sealed import BROKEN, Format
from patrol_missions.engine.data.shifts import ShiftPlan
from patrol_missions.engine.forecast import visits
from patrol_missions.engine.forecast.baselines import Baseline
from patrol_missions.engine.forecast.calendar import Calendar
from patrol_missions.engine.forecast.calibration import Calibration
from patrol_missions.engine.forecast.events import FEATURE, Events
from patrol_missions.engine.forecast.hours import HOURS
from patrol_missions.engine.forecast.indicators import Indicators
from patrol_missions.engine.forecast.model import Trees
from patrol_missions.engine.forecast.panel import Cells
from patrol_missions.engine.forecast.regression import Regression
from patrol_missions.engine.forecast.surface import Roughness, Start
from patrol_missions.engine.forecast.visits import Patrol

SCHEMA = 5
"""Version of the bundle's format."""

FORMAT = Format(
    "patrol missions model",
    SCHEMA,
    "model.json",
    "model",
    "Choose the .zip that Train model made.",
    "Train the model again",
)

_SAME_GRID = 0.8
_GRID_HINT = "Use the grid that the model was trained on, or train the model again."


@dataclass(frozen=True, eq=False)
class CategoryModel:
    """What one category forecasts with.

    :param label: planning category
    :param incidents: incidents it learned from
    :param ships: ``"LightGBM"`` or a baseline's code
    :param why: one sentence
    :param start: map from which the trees start
    :param hourly: share of incidents per hour of the local week, shape (168,)
    """

    label: str
    incidents: int
    ships: str
    why: str
    baseline: Baseline
    calibration: Calibration
    start: Start
    trees: Trees | None
    hourly: np.ndarray


@dataclass(frozen=True, eq=False)
class Bundle:
    """A trained model, ready to forecast from the newest incidents.

    :param indicators: names of the place layers it was trained with
    :param indicator_fields: names of the grid's fields it was trained with
    :param others: categories whose counts every model sees, in order
    :param calendar: what is known of days years ahead
    :param columns: grid columns of the cells it was trained on
    :param facts: what else is worth knowing: versions, hashes, period, seed, jurisdiction
    """

    categories: tuple[CategoryModel, ...]
    plan: ShiftPlan
    cell_size_m: float
    indicators: tuple[str, ...]
    indicator_fields: tuple[str, ...]
    feature_names: tuple[str, ...]
    others: tuple[str, ...]
    calendar: Calendar
    columns: np.ndarray
    rows: np.ndarray
    facts: Mapping[str, Any]

    @property
    def knows_events(self) -> bool:
        """Whether planned events move the forecast."""
        return FEATURE in self.feature_names

    @property
    def knows_visits(self) -> bool:
        """Whether visits of patrol move the forecast."""
        return visits.FEATURES[0] in self.feature_names

    def _check_indicators(self, names: Sequence[str], fields: Sequence[str]) -> None:
        missing = [f"“{name}” is missing" for name in self.indicators if name not in names]
        extra = [f"“{name}” is new" for name in names if name not in self.indicators]
        if missing or extra:
            raise InputError(
                f"The indicator layers are not those the model was trained with: {', '.join(missing + extra)}.",
                "Choose the same indicator layers, under the same names, as in training.",
            )
        absent = [f"“{name}”" for name in self.indicator_fields if name not in fields]
        if absent:
            raise InputError(
                f"The model was trained with fields of the grid that are not among the indicator fields: "
                f"{', '.join(absent)}.",
                "Choose a grid that has them, and choose them as indicator fields.",
            )

    def check(self, cells: Cells, indicators: Indicators) -> list[str]:
        """Warnings about cells and indicators that differ a little; :class:`InputError` when they do not fit."""
        if abs(cells.size_m - self.cell_size_m) > 1e-6:
            raise InputError(
                f"The model was trained on cells of {self.cell_size_m:g} m; the grid has cells of {cells.size_m:g} m.",
                _GRID_HINT,
            )
        mine, theirs = (grid.cell_keys(*pair) for pair in ((self.columns, self.rows), (cells.column, cells.row)))
        shared = len(np.intersect1d(mine, theirs)) / max(len(mine), len(theirs), 1)
        if shared < _SAME_GRID:
            raise InputError(
                f"The model was trained on another grid: only {100 * shared:.0f} % of the cells are the same.",
                _GRID_HINT,
            )
        self._check_indicators(indicators.names, indicators.fields)
        warnings = []
        if shared < 1.0:
            warnings.append(
                f"{100 * (1 - shared):.1f} % of the grid's cells differ from those the model was trained on."
            )
        unused = [f"“{name}”" for name in indicators.fields if name not in self.indicator_fields]
        if unused:
            warnings.append(
                f"The model was trained without these indicator fields, and ignores them: {', '.join(unused)}."
            )
        return warnings + self._about_events(indicators.events) + self._about_visits(indicators.patrol)

    def _about_events(self, events: Events | None) -> list[str]:
        if self.knows_events and events is None:
            return ["The model was trained with planned events, and none are given: the forecast expects none."]
        if events is not None and not self.knows_events:
            return ["The model was trained without planned events, and ignores those given."]
        return list(events.warnings) if events is not None else []

    def _about_visits(self, patrol: Patrol | None) -> list[str]:
        if self.knows_visits and patrol is None:
            text = "The model was trained with visits of patrol, and none are given: the forecast takes all cells for "
            return [text + "unpatrolled lately."]
        if patrol is not None and not self.knows_visits:
            return ["The model was trained without visits of patrol, and ignores those given."]
        return list(patrol.warnings) if patrol is not None else []


def save(bundle: Bundle, path: Path) -> None:
    """Write the bundle; the same bundle gives the same bytes."""
    document = {
        "facts": dict(bundle.facts),
        "shifts": [
            {"name": s.name, "start": s.start, "end": s.end, "weekdays": list(s.weekdays)} for s in bundle.plan.shifts
        ],
        "time_zone": bundle.plan.time_zone,
        "cell_size_m": bundle.cell_size_m,
        "indicators": list(bundle.indicators),
        "indicator_fields": list(bundle.indicator_fields),
        "features": list(bundle.feature_names),
        "others": list(bundle.others),
        "calendar": asdict(bundle.calendar),
        "categories": [_to_json(each) for each in bundle.categories],
        "cells": {"columns": bundle.columns.tolist(), "rows": bundle.rows.tolist()},
    }
    trees = {
        f"trees_{index}.txt": each.trees.text.encode()
        for index, each in enumerate(bundle.categories)
        if each.trees is not None
    }
    path.write_bytes(FORMAT.pack(document, trees, indent=1))


def load(path: Path) -> Bundle:
    """Read a bundle; :class:`InputError` says what is wrong with a file that is none, damaged or of another version."""
    document, files = FORMAT.load(path)
    try:
        trees = [
            files[f"trees_{index}.txt"].decode() if each["trees"] else None
            for index, each in enumerate(document["categories"])
        ]
        return _from_json(document, trees)
    except BROKEN as error:
        raise FORMAT.damaged(path.name) from error


def _to_json(model: CategoryModel) -> dict[str, Any]:
    return {
        "label": model.label,
        "incidents": model.incidents,
        "ships": model.ships,
        "why": model.why,
        "baseline": asdict(model.baseline),
        "calibration": model.calibration.to_json(),
        "start": asdict(model.start),
        "trees": model.trees.rounds if model.trees is not None else 0,
        "regression": model.trees.regression.to_json() if model.trees is not None else None,
        "hourly": [round(float(value), 8) for value in model.hourly],
    }


def _start(document: dict[str, Any]) -> Start:
    return Baseline(**document) if "kind" in document else Roughness(**document)


def _calendar(document: dict[str, Any]) -> Calendar:
    return Calendar(**{**document, "terms": tuple((str(first), str(last)) for first, last in document["terms"])})


def _from_json(document: dict[str, Any], trees: list[str | None]) -> Bundle:
    categories = []
    shifts = tuple(Shift(s["name"], s["start"], s["end"], tuple(s["weekdays"])) for s in document["shifts"])
    for each, text in zip(document["categories"], trees):
        hourly = np.array(each["hourly"], dtype=np.float64)
        calibration = Calibration.from_json(each["calibration"])
        if hourly.shape != (HOURS,) or len(calibration.level) != len(shifts):
            raise ValueError("lengths")
        grown = None
        if text is not None:
            grown = Trees(Regression.from_json(each["regression"]), text, int(each["trees"]))
            if {grown.width, len(grown.regression.weight)} != {len(document["features"])}:
                raise ValueError("features")
        categories.append(
            CategoryModel(
                each["label"],
                int(each["incidents"]),
                each["ships"],
                each["why"],
                Baseline(**each["baseline"]),
                calibration,
                _start(each["start"]),
                grown,
                hourly,
            )
        )
    return Bundle(
        tuple(categories),
        ShiftPlan(shifts, document["time_zone"]),
        float(document["cell_size_m"]),
        tuple(document["indicators"]),
        tuple(document["indicator_fields"]),
        tuple(document["features"]),
        tuple(document["others"]),
        _calendar(document["calendar"]),
        np.array(document["cells"]["columns"], dtype=np.int64),
        np.array(document["cells"]["rows"], dtype=np.int64),
        document["facts"],
    )
