"""The model bundle: one zip of JSON and LightGBM text, the same bytes for the same input and seed.

``model.json`` describes everything; ``trees_<n>.txt`` holds the trees of the n-th category where trees ship;
``sha256.txt`` tells whether they are still what was written. Nothing in it is executable and nothing names the machine
or the moment it was made on.
"""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from patrol_missions.core import grid
from patrol_missions.core.errors import InputError
from patrol_missions.engine.data.shifts import Shift, ShiftPlan
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

KIND = "patrol missions model"

_EPOCH = (1980, 1, 1, 0, 0, 0)  # the earliest moment a zip can hold: archives differ only where contents do
_MAIN = "model.json"
_SEAL = "sha256.txt"
_SAME_GRID = 0.8
_GRID_HINT = "Use the grid that the model was trained on, or train the model again."
_FILE_HINT = "Choose the .zip that Train model made."
_LARGEST_BYTES = 500_000_000
_BROKEN = (
    *(zipfile.BadZipFile, zlib.error, EOFError, RuntimeError),  # a damaged zip; the last when it calls itself encrypted
    *(ValueError, TypeError, LookupError, AttributeError, OverflowError),  # other values than were written
)


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
        "kind": KIND,
        "schema": SCHEMA,
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
    files = {_MAIN: json.dumps(document, ensure_ascii=False, allow_nan=False, indent=1)}
    for index, each in enumerate(bundle.categories):
        if each.trees is not None:
            files[f"trees_{index}.txt"] = each.trees.text
    content = {name: text.encode() for name, text in files.items()}
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in {**content, _SEAL: seal(content).encode()}.items():
            _write(archive, name, data)


def seal(content: Mapping[str, bytes]) -> str:
    """SHA-256 of a bundle's files but the one that it is kept in: tells a file that was edited or damaged later."""
    digest = hashlib.sha256()
    for name in sorted(set(content) - {_SEAL}):
        digest.update(f"{name}:{len(content[name])};".encode())
        digest.update(content[name])
    return digest.hexdigest()


def load(path: Path) -> Bundle:
    """Read a bundle; :class:`InputError` says what is wrong with a file that is none, damaged or of another version."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise InputError(f"The model {path.name} cannot be read ({error.strerror}).", _FILE_HINT) from error
    if content[:2] != b"PK":
        raise _foreign(path)
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            return _unpack(archive, path)
    except _BROKEN as error:
        raise _damaged(path) from error


def _unpack(archive: zipfile.ZipFile, path: Path) -> Bundle:
    if sum(info.file_size for info in archive.infolist()) > _LARGEST_BYTES:
        raise InputError(f"The file {path.name} is far too large for a model.", _FILE_HINT)
    if _MAIN not in archive.namelist():
        raise _foreign(path)
    document = json.loads(archive.read(_MAIN))
    if not isinstance(document, dict) or document.get("kind") != KIND:
        raise _foreign(path)
    if document["schema"] != SCHEMA:
        raise InputError(
            f"The model {path.name} has format {document['schema']}; this version of the plugin reads format {SCHEMA}.",
            "Train the model again, or install the version of the plugin that made it.",
        )
    content = {info.filename: archive.read(info) for info in archive.infolist()}
    if content[_SEAL].decode() != seal(content):
        raise _damaged(path)
    trees = [
        content[f"trees_{index}.txt"].decode() if each["trees"] else None
        for index, each in enumerate(document["categories"])
    ]
    return _from_json(document, trees)


def _foreign(path: Path) -> InputError:
    return InputError(f"The file {path.name} is not a model of Patrol Missions.", _FILE_HINT)


def _damaged(path: Path) -> InputError:
    return InputError(
        f"The model {path.name} is damaged.", "Train the model again, or take an undamaged copy of the file."
    )


def _write(archive: zipfile.ZipFile, name: str, data: bytes) -> None:
    info = zipfile.ZipInfo(name, _EPOCH)
    info.compress_type = zipfile.ZIP_DEFLATED
    info.external_attr = 0o644 << 16
    info.create_system = 3
    archive.writestr(info, data)


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
