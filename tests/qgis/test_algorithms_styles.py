"""Results as they are first seen: one shift at a time, in colours that stay with their category."""

from __future__ import annotations

import gc

import pytest
from made_layers import box, memory_layer
from qgis.core import (
    QgsDateTimeRange,
    QgsExpressionContext,
    QgsExpressionContextUtils,
    QgsMapRendererSequentialJob,
    QgsMapSettings,
    QgsVectorLayer,
)
from qgis.PyQt.QtCore import QDate, QDateTime, QSize, Qt, QTime
from qgis.PyQt.QtGui import QColor, QImage

from patrol_missions.processing_algorithms import layer_styles, styling

FIELDS = (
    "start:datetime,end:datetime,percentile:double,top_category:string,order:integer,window:string,"
    "expected_burglary:double,expected_robbery:double,expected_theft:double"
)


def shift(hour: int) -> tuple[QDateTime, QDateTime]:
    """Eight hours of a day in January, UTC."""
    start = QDateTime(QDate(2024, 1, 5), QTime(hour, 0), Qt.TimeSpec.UTC)
    return start, start.addSecs(8 * 3600)


@pytest.fixture
def layer(qgis_application: object) -> QgsVectorLayer:
    """The west cell in the first shift, the east cell in the second."""
    rows = [
        (box(0, 0, 250, 250), [*shift(0), 99.0, "Theft", 1, "02:00–04:00", 0.1, 0.2, 0.3]),
        (box(250, 0, 500, 250), [*shift(8), 99.0, "Burglary", 1, "09:00–11:00", 0.1, 0.2, 0.3]),
    ]
    return memory_layer("Polygon", rows, FIELDS)


def drawn(layer: QgsVectorLayer, hour: int | None = None) -> tuple[bool, bool]:
    """Whether anything is drawn in the west cell and in the east, with the map at an hour or not temporal."""
    settings = QgsMapSettings()
    settings.setLayers([layer])
    settings.setDestinationCrs(layer.crs())
    settings.setExtent(layer.extent())
    settings.setOutputSize(QSize(200, 100))
    settings.setBackgroundColor(QColor(0, 0, 0, 0))
    if hour is not None:
        settings.setIsTemporal(True)
        settings.setTemporalRange(QgsDateTimeRange(*shift(hour), True, False))
    context = QgsExpressionContext()
    context.appendScope(QgsExpressionContextUtils.mapSettingsScope(settings))
    settings.setExpressionContext(context)
    job = QgsMapRendererSequentialJob(settings)
    job.start()
    job.waitForFinished()
    image: QImage = job.renderedImage()
    return tuple(image.pixelColor(x, 50).alpha() > 0 for x in (50, 150))


@pytest.mark.parametrize("style", [layer_styles.style_forecast, layer_styles.style_missions])
def test_the_first_shift_alone_until_the_controller_is_on(layer: QgsVectorLayer, style: object) -> None:
    style(layer)
    assert drawn(layer) == (True, False)
    assert drawn(layer, 0) == (True, False)
    assert drawn(layer, 8) == (False, True)


def test_without_a_style_both_would_be_drawn(layer: QgsVectorLayer) -> None:
    assert drawn(layer) == (True, True)


def test_colours_stay_with_their_category(layer: QgsVectorLayer) -> None:
    """By the order of the expected fields, whichever categories a night's missions have."""
    both = layer_styles.category_colours(layer)
    assert both == {"Burglary": layer_styles.PALETTE[0], "Theft": layer_styles.PALETTE[2]}
    layer.setSubsetString("top_category = 'Theft'")
    assert layer_styles.category_colours(layer) == {"Theft": both["Theft"]}


def test_more_categories_than_colours(qgis_application: object) -> None:
    names = [f"Kind {chr(97 + n)}" for n in range(12)]
    fields = FIELDS.partition(",expected")[0] + "".join(f",expected_kind_{chr(97 + n)}:double" for n in range(12))
    rows = [(box(0, 0, 250, 250), [*shift(0), 1.0, name, 1, "", *range(12)]) for name in names]
    colours = layer_styles.category_colours(memory_layer("Polygon", rows, fields))
    assert list(colours.values()) == [*layer_styles.PALETTE, *[layer_styles.OTHER] * 4]


def test_a_style_outlives_the_algorithm_that_set_it(layer: QgsVectorLayer) -> None:
    from qgis.core import QgsProcessingContext, QgsProcessingFeedback, QgsProject

    context = QgsProcessingContext()
    details = QgsProcessingContext.LayerDetails("Risk", QgsProject.instance())
    details.setPostProcessor(styling.keep_alive(styling.LayerStyler(layer_styles.style_forecast)))
    gc.collect()
    details.postProcessor().postProcessLayer(layer, context, QgsProcessingFeedback(False))
    assert layer.renderer().type() == "graduatedSymbol"
