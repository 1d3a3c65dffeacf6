"""A weight is moved: the map in other colours, and what tonight's missions would gain and lose, beside a plain redraw.

    python benchmarks/weight_preview.py [cells on a side, default 100] [moves, default 15]

Run it with a Python that can import QGIS, and ``PATROL_STAGE`` or build/stage holding the staged plugin. The forecast
is a GeoPackage of 21 shifts, eight categories and 25 districts; the map is as large as a desktop shows it.
"""

from __future__ import annotations

import os
import sqlite3
import sys
import tempfile
import time
from contextlib import closing
from pathlib import Path

import numpy as np

STAGE = Path(os.environ.get("PATROL_STAGE", Path(__file__).resolve().parent.parent / "build" / "stage"))
sys.path.insert(0, str(STAGE))
os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

from qgis.core import (  # noqa: E402 - after the platform is chosen
    QgsApplication,
    QgsCoordinateReferenceSystem,
    QgsCoordinateTransformContext,
    QgsDateTimeRange,
    QgsFeature,
    QgsField,
    QgsFields,
    QgsGeometry,
    QgsMapRendererParallelJob,
    QgsMapSettings,
    QgsProject,
    QgsRectangle,
    QgsVectorFileWriter,
    QgsVectorLayer,
    QgsWkbTypes,
)
from qgis.PyQt.QtCore import QDate, QDateTime, QSize, Qt, QTime, QVariant  # noqa: E402

SIZE_M, SHIFTS, BLOCKS = 250, 21, 5
NAMES = ("Burglary", "Robbery", "Theft", "Arson", "Vandalism", "Vehicle theft", "Assault", "Theft from vehicle")
FIRST = QDateTime(QDate(2026, 11, 28), QTime(7, 0), Qt.TimeSpec.UTC)


def write_forecast(path: Path, side: int) -> None:
    """A forecast layer as Forecast risk writes it, without the fields that nobody reads here."""
    from patrol_missions.core.names import expected_fields

    rng = np.random.default_rng(1)
    fields = QgsFields()
    for name in ("cell_id", "district", "shift"):
        fields.append(QgsField(name, QVariant.String))
    fields.append(QgsField("shift_date", QVariant.Date))
    for name in ("start", "end"):
        fields.append(QgsField(name, QVariant.DateTime))
    for name in ("harm", "percentile", *expected_fields(NAMES).values()):
        fields.append(QgsField(name, QVariant.Double))
    options = QgsVectorFileWriter.SaveVectorOptions()
    options.driverName, options.layerName, options.layerOptions = "GPKG", "forecast", ["SPATIAL_INDEX=NO"]
    crs = QgsCoordinateReferenceSystem("EPSG:32618")
    writer = QgsVectorFileWriter.create(
        str(path), fields, QgsWkbTypes.Type.Polygon, crs, QgsCoordinateTransformContext(), options
    )
    for shift in range(SHIFTS):
        start = FIRST.addSecs(shift * 8 * 3600)
        expected = rng.gamma(0.3, 0.02, (side * side, len(NAMES)))
        harm = expected.sum(axis=1)
        percentile = 100.0 * harm.argsort().argsort() / (side * side - 1)
        for cell in range(side * side):
            column, row = cell % side, cell // side
            district = f"{column * BLOCKS // side}{row * BLOCKS // side}"
            feature = QgsFeature(fields)
            feature.setAttributes([
                f"{column}E{row}N", district, ("Day", "Evening", "Night")[shift % 3], start.date(), start,
                start.addSecs(8 * 3600), float(harm[cell]), float(percentile[cell]), *expected[cell].tolist(),
            ])  # fmt: skip
            x, y = column * SIZE_M, row * SIZE_M
            feature.setGeometry(QgsGeometry.fromRect(QgsRectangle(x, y, x + SIZE_M, y + SIZE_M)))
            writer.addFeature(feature)
    del writer  # writes it
    with closing(sqlite3.connect(path)) as package:  # as Forecast risk leaves it
        package.execute("CREATE INDEX forecast_by_start ON forecast (start)")


def draw(layer: QgsVectorLayer) -> None:
    """Draw the map of the first shift."""
    settings = QgsMapSettings()
    settings.setLayers([layer])
    settings.setOutputSize(QSize(1000, 800))
    settings.setExtent(layer.extent())
    settings.setDestinationCrs(layer.crs())
    settings.setTemporalRange(QgsDateTimeRange(FIRST, FIRST.addSecs(8 * 3600), True, False))
    settings.setIsTemporal(True)
    job = QgsMapRendererParallelJob(settings)
    job.start()
    job.waitForFinished()


def main(side: int, moves: int) -> None:
    """Write the forecast, move a weight again and again."""
    QgsApplication.setPrefixPath(os.environ.get("QGIS_PREFIX_PATH", "/usr"), True)
    application = QgsApplication([], True)
    application.initQgis()
    from patrol_missions.gui.project_state import PlanForm, ProjectState
    from patrol_missions.gui.weights_book import WeightsBook
    from patrol_missions.gui.weights_preview import WeightsPreview
    from patrol_missions.processing_algorithms.layer_styles import style_forecast

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "forecast.gpkg"
        write_forecast(path, side)
        layer = QgsVectorLayer(f"{path}|layername=forecast", "Risk", "ogr")
        style_forecast(layer)
        project = QgsProject.instance()
        project.addMapLayer(layer)
        state = ProjectState(project)
        state.record("train", {"CATEGORIES": "\n".join(NAMES)}, {})
        state.record("forecast", {}, {"forecast": layer})
        book, preview, plan = WeightsBook(state), WeightsPreview(state), PlanForm()
        begin = time.perf_counter()
        preview.change(book.weights(NAMES), plan, None)
        first = time.perf_counter() - begin
        plain, reckoned, drawn = [], [], []
        for _ in range(moves):
            begin = time.perf_counter()
            draw(layer)
            plain.append(time.perf_counter() - begin)
        for move in range(moves):
            begin = time.perf_counter()
            book.set("Burglary", severity=13_000.0 * 1.1**move)
            weights = book.weights(NAMES)
            preview.change(weights, plan, None)
            reckoned.append(time.perf_counter() - begin)
            preview.recolour(weights, None)
            draw(layer)
            drawn.append(time.perf_counter() - begin)
        middle = [float(np.median(each)) for each in (plain, reckoned, drawn)]
        print(
            f"{side * side:,} cells, {SHIFTS} shifts, {moves} moves: from the move to the map in other colours "
            f"{middle[2]:.3f} s (largest {max(drawn):.3f}), of which gains and losses {middle[1]:.3f} s; a plain "
            f"redraw of the same map {middle[0]:.3f} s: {middle[2] / middle[0]:.2f} times; the shift is read once, "
            f"{first:.2f} s"
        )
        project.clear()


if __name__ == "__main__":
    main(*(int(each) for each in (*sys.argv[1:], *("100", "15")[len(sys.argv) - 1 :])))
