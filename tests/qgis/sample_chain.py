"""A small made-up city taken through the whole chain once, for every test that needs one of its layers."""

from __future__ import annotations

import csv
import os
import tempfile
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from qgis.core import NULL, QgsFeature, QgsFeatureRequest, QgsGeometry, QgsProcessingException, QgsVectorLayer
from qgis.PyQt.QtCore import QDateTime, Qt

ZONE = "America/New_York"
ODD = 'Theft “2-wheel” "quick" <b>🚲, etc.'
"""A planning category with what breaks careless code: quotes of two kinds, an emoji, a comma, a tag."""


@dataclass(frozen=True)
class Chain:
    """Paths of the layers and files, and the answer of every step, by the algorithm's id."""

    folder: Path
    answers: dict[str, dict[str, Any]]

    def path(self, name: str) -> str:
        """A layer by its short name, or a file by its whole one."""
        return str(self.folder / (name if "." in name else f"{name}.gpkg"))

    def layer(self, name: str) -> QgsVectorLayer:
        """A layer, opened."""
        layer = QgsVectorLayer(self.path(name), name, "ogr")
        assert layer.isValid(), name
        return layer

    def check(self, **other: Any) -> dict[str, Any]:
        """Parameters of Check incidents."""
        return {
            "INCIDENTS": self.path("incidents"),
            "GRID": self.path("grid"),
            "CATEGORY_FIELD": "category_raw",
            "START_FIELD": "start",
            "END_FIELD": "end",
            "REPORTED_FIELD": "reported",
            "ID_FIELD": "event_id",
            "RECORDED_DISTRICT_FIELD": "district",
            "TIME_ZONE": ZONE,
            **other,
        }

    def history(self, **other: Any) -> dict[str, Any]:
        """Parameters that Train model and Forecast risk share."""
        return {
            "GRID": self.path("grid"),
            "INCIDENTS": self.path("clean"),
            "INDICATORS": [self.path("places")],
            **other,
        }

    def crowded(self, spot: QgsGeometry, days: np.ndarray) -> QgsVectorLayer:
        """The clean thefts from vehicles, and eight more at a place on the evening of each day."""
        layer = self.layer("clean").materialize(
            QgsFeatureRequest().setFilterExpression("category = 'Theft from vehicle'")
        )
        example = next(layer.getFeatures())
        added = []
        for number, day in enumerate(np.repeat(days, 8)):
            feature = QgsFeature(example)
            feature.setGeometry(spot)
            evening = QDateTime.fromString(f"{day + 1}T01:00:00", Qt.DateFormat.ISODate)
            values = (("event_id", f"crowd {number}"), ("start", evening), ("end", NULL), ("reported", NULL))
            for field, value in values:
                feature[field] = value
            added.append(feature)
        assert layer.dataProvider().addFeatures(added)[0]
        return layer

    def refusal(self, algorithm: str, **given: Any) -> str:
        """The sentence with which an algorithm refuses what it is given beside the history."""
        import processing

        with pytest.raises(QgsProcessingException) as caught:
            processing.run(f"patrolmissions:{algorithm}", self.history(**given))
        return str(caught.value)


@lru_cache(maxsize=1)
def made() -> Chain:
    """Run the chain; the folder goes with the process."""
    if not os.environ.get("PATROL_ENGINE_PYTHON"):
        pytest.skip("ENGINE ABSENT: set PATROL_ENGINE_PYTHON to a Python with the engine's packages.")
    import processing

    folder = Path(_FOLDER.name)
    chain = Chain(folder, {})

    def run(algorithm: str, parameters: dict[str, Any]) -> None:
        chain.answers[algorithm] = processing.run(f"patrolmissions:{algorithm}", parameters)

    outputs = ("BOUNDARY", "DISTRICTS", "EXCLUSIONS", "PLACES", "INCIDENTS")
    run(
        "createsamplecity",
        {"CELLS": 200, "YEARS": 1.5, "INCIDENT_COUNT": 6000, "SHIFTS_AHEAD": 0}
        | {name: chain.path(name.lower()) for name in outputs},
    )
    run(
        "buildgrid",
        {
            "BOUNDARY": chain.path("boundary"),
            "DISTRICTS": chain.path("districts"),
            "DISTRICT_FIELD": "district",
            "EXCLUSIONS": [chain.path("exclusions")],
            "OUTPUT": chain.path("grid"),
        },
    )
    _mapping(chain)
    run(
        "checkincidents",
        chain.check(
            CATEGORY_MAP=chain.path("mapping.csv"),
            OUTPUT=chain.path("clean"),
            FINDINGS=chain.path("findings"),
            REPORT=chain.path("report.html"),
            MAP_OUTPUT=chain.path("mapping_used.csv"),
        ),
    )
    run(
        "trainmodel",
        chain.history(
            TIME_ZONE=ZONE,
            HOLIDAYS="US-PA",
            SHIFTS=[["Day", "07:00", "19:00", "Mon-Sun"], ["Night “late”", "19:00", "07:00", ""]],
            MODEL=chain.path("model.zip"),
            CARD=chain.path("card.html"),
            SCORES=chain.path("scores"),
        ),
    )
    run("forecastrisk", chain.history(MODEL=chain.path("model.zip"), SHIFT_COUNT=4, OUTPUT=chain.path("forecast")))
    run(
        "allocatemissions",
        {
            "FORECAST": chain.path("forecast"),
            "MISSIONS_PER_DISTRICT": 2,
            "OUTPUT": chain.path("missions"),
            "SUMMARY": chain.path("summary"),
        },
    )
    return chain


_FOLDER = tempfile.TemporaryDirectory(prefix="patrol_missions_chain_")


def _mapping(chain: Chain) -> None:
    """A mapping that calls some raw categories by an odd name, and leaves the others to the suggestions."""
    with Path(chain.path("mapping.csv")).open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["raw", "category", "use", "reason"])
        writer.writerows([raw, ODD, "yes", ""] for raw in ("THEFT - RETAIL", "THEFT - ALL OTHERS"))
