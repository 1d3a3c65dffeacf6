"""The looks of the forecast and of the missions, made to be read the moment they appear.

Both layers hold many shifts of the same cells on top of each other. While the map is not temporal they draw the first
shift alone; with QGIS's temporal controller on, they draw what its time range holds.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from qgis.core import (
    Qgis,
    QgsCategorizedSymbolRenderer,
    QgsCentroidFillSymbolLayer,
    QgsExpression,
    QgsFeatureRequest,
    QgsFillSymbol,
    QgsGraduatedSymbolRenderer,
    QgsMarkerSymbol,
    QgsPalLayerSettings,
    QgsProperty,
    QgsRendererCategory,
    QgsRendererRange,
    QgsRuleBasedLabeling,
    QgsSimpleFillSymbolLayer,
    QgsSingleSymbolRenderer,
    QgsSymbolLayer,
    QgsTextBufferSettings,
    QgsTextFormat,
    QgsUnitTypes,
    QgsVectorLayer,
    QgsVectorLayerSimpleLabeling,
)
from qgis.PyQt.QtCore import QCoreApplication, QDateTime
from qgis.PyQt.QtGui import QColor

from patrol_missions.core.names import EXPECTED, slug

# A quiet ramp of one hue that darkens evenly: most of a city stays pale, and the eye goes to the top few percent.
RISK = (
    (98.0, 100.0, "#16365c"),
    (95.0, 98.0, "#2f5d92"),
    (90.0, 95.0, "#5b87b8"),
    (80.0, 90.0, "#93b2d3"),
    (50.0, 80.0, "#c4d5e6"),
    (0.0, 50.0, "#e9eff5"),
)
RISK_OPACITY = 0.75
CHANCES = (1.0, 0.75, 0.5, 0.25, 0.1, 0.02, 0.0)
"""Bounds of the classes of chances, in the colours of the risk."""

# Eight colours that stay apart for every kind of colour vision (CIE Lab distance of 14 or more between any two, for
# full colour vision and simulated protan, deutan and tritan).
PALETTE = ("#ef6c00", "#4527a0", "#00b08b", "#9c0050", "#29a3ff", "#ffca28", "#7b4a2d", "#1b1f24")
OTHER = "#7f8c97"

_CLOSE = 40_000  # scale denominator below which labels have room for the window and the categories
_DIGITS = "yyyy-MM-dd HH:mm:ss"
_FAR = 90_000  # beyond it, a cell is too small to see and a marker stands for it


def tr(text: str) -> str:
    """The text in the user's language."""
    return QCoreApplication.translate("PatrolStyles", text)


def style_forecast(layer: QgsVectorLayer) -> None:
    """Colour cells by their percentile of harm within the shift, and let the temporal controller play the shifts."""
    _shade(layer, first_shift_only(layer, '"percentile"'), [(*each, risk_label(each[0])) for each in RISK])
    play(layer)


def colour_by_harm(layer: QgsVectorLayer, value: str, harm: np.ndarray) -> None:
    """Colour cells by another harm.

    :param value: expression of the harm in the layer's fields, null for what is not drawn
    :param harm: of the cells of one shift; its percentiles are the ramp's classes
    """
    bounds = np.percentile(harm, [lower for lower, _, _ in RISK])
    # Where many cells share a harm, such as none at all, they belong to the lower of the classes.
    lowest = [float(np.nextafter(bound, np.inf)) for bound in bounds[:-1]] + [0.0]
    highest = [float(np.finfo(np.float64).max), *lowest]
    looks = [(colour, risk_label(lower)) for lower, _, colour in RISK]
    _shade(layer, value, [(*bounds, *look) for bounds, look in zip(zip(lowest, highest), looks)])


def style_chances(layer: QgsVectorLayer) -> None:
    """Colour cells by their chance of a mission, and let the temporal controller play the shifts."""
    colours = [colour for _, _, colour in RISK]
    bounds = zip(CHANCES[1:], CHANCES)
    classes = [(*pair, colour) for pair, colour in zip(bounds, colours)]
    labelled = [(*each, f"{100 * each[0]:g}–{100 * each[1]:g} %") for each in classes]
    _shade(layer, first_shift_only(layer, '"mission_chance"'), labelled)
    play(layer)


def style_incidents(layer: QgsVectorLayer) -> None:
    """Small quiet points: there are many, and what matters comes after them."""
    look = {"name": "circle", "size": "1.2", "color": "93,107,128,110", "outline_style": "no"}
    layer.setRenderer(QgsSingleSymbolRenderer(QgsMarkerSymbol.createSimple(look)))
    layer.triggerRepaint()


def style_visits(layer: QgsVectorLayer) -> None:
    """Visits as points that grow with their minutes up to a whole dose, passes as dots."""
    visit = {"name": "circle", "color": "61,132,198,150", "outline_color": "#ffffff", "outline_width": "0.2"}
    dot = {"name": "circle", "size": "0.8", "color": "93,107,128,110", "outline_style": "no"}
    grown = QgsMarkerSymbol.createSimple(visit)
    grown.setDataDefinedSize(QgsProperty.fromExpression('1.5 + 3 * sqrt(min("minutes", 15) / 15)'))
    kinds = [("visit", grown, tr("Visit")), ("pass", QgsMarkerSymbol.createSimple(dot), tr("Pass: too short to count"))]
    layer.setRenderer(QgsCategorizedSymbolRenderer("kind", [QgsRendererCategory(*each) for each in kinds]))
    layer.setDisplayExpression("\"unit\" || ', ' || \"cell_id\" || ', ' || round(\"minutes\") || ' min'")
    play(layer)
    layer.triggerRepaint()


def style_trails(layer: QgsVectorLayer) -> None:
    """Points that fade with their age; where a unit is at the map's time is larger and has its name.

    While the map is not temporal all are drawn alike, and none has a name.
    """
    # the map's time and the layer's, by their digits: versions of QGIS differ in whether they know the zone
    now, start, end, until = (
        f"to_datetime(format_date({name}, '{_DIGITS}'), '{_DIGITS}')"
        for name in ("@map_end_time", '"start"', '"end"', '"until"')
    )
    is_here = f"coalesce({now} > {start} AND {now} <= {until}, false)"
    look = {"name": "circle", "color": "31,78,121", "outline_color": "#ffffff", "outline_width": "0.2"}
    symbol = QgsMarkerSymbol.createSimple(look)
    symbol.setDataDefinedSize(QgsProperty.fromExpression(f"if({is_here}, 3.6, 1.8)"))
    age = f"(epoch({now}) - epoch({start})) / (epoch({end}) - epoch({start}))"
    shown = f"CASE WHEN {is_here} THEN 100 ELSE coalesce(scale_linear({age}, 0, 1, 90, 25), 50) END"
    part = symbol.symbolLayer(0)
    part.setDataDefinedProperty(
        QgsSymbolLayer.Property.PropertyFillColor,
        QgsProperty.fromExpression(f"set_color_part(@symbol_color, 'alpha', 2.55 * {shown})"),
    )
    part.setDataDefinedProperty(
        QgsSymbolLayer.Property.PropertyStrokeStyle, QgsProperty.fromExpression(f"if({is_here}, 'solid', 'no')")
    )
    layer.setRenderer(QgsSingleSymbolRenderer(symbol))
    label = _label(f'if({is_here}, "unit", NULL)')
    label.placement = QgsPalLayerSettings.Placement.AroundPoint
    label.dist = 2.0
    layer.setLabeling(QgsVectorLayerSimpleLabeling(label))
    layer.setLabelsEnabled(True)
    layer.setDisplayExpression("\"unit\" || ', ' || format_date(\"start\", 'HH:mm:ss')")
    play(layer)
    layer.triggerRepaint()


def style_missions(layer: QgsVectorLayer) -> None:
    """Outline missions in the colour of their top category, with their order and window as labels."""
    # No category for “all other values”: it would draw the nulls, which are the shifts not shown.
    categories = [
        QgsRendererCategory(category, _mission_symbol(colour), category)
        for category, colour in category_colours(layer).items()
    ]
    layer.setRenderer(QgsCategorizedSymbolRenderer(first_shift_only(layer, '"top_category"'), categories))
    layer.setLabeling(_mission_labels(layer))
    layer.setLabelsEnabled(True)
    play(layer)
    layer.triggerRepaint()


def category_colours(layer: QgsVectorLayer) -> dict[str, str]:
    """Colour per top category in a layer: by the category's place among the expected fields, so it keeps its colour."""
    fields = [name for name in layer.fields().names() if name.startswith(EXPECTED)]
    index = layer.fields().lookupField("top_category")
    found = sorted(str(value) for value in layer.uniqueValues(index) if value)

    def place(category: str) -> int:
        field = EXPECTED + slug(category)
        return fields.index(field) if field in fields else len(fields)

    found.sort(key=place)
    colours = {}
    for number, category in enumerate(found):
        spot = place(category) if place(category) < len(fields) else number
        colours[category] = PALETTE[spot] if spot < len(PALETTE) else OTHER
    return colours


def risk_label(lower: float) -> str:
    """What a class of the ramp is called in the legend."""
    if lower == 0.0:
        return tr("Lower half")
    if lower == 50.0:
        return tr("Upper half")
    return tr("Top {percent}%").format(percent=f"{100.0 - lower:g}")


def _shade(layer: QgsVectorLayer, value: str, classes: Sequence[tuple[float, float, str, str]]) -> None:
    """Colour cells by a value.

    :param value: expression, null for what is not drawn
    :param classes: lower and upper bound, colour and label
    """
    ranges = []
    for lower, upper, colour, label in classes:
        symbol = QgsFillSymbol.createSimple(
            # an outline of the same colour closes the hairlines between squares
            {"color": colour, "outline_color": colour, "outline_width": "0.1", "joinstyle": "miter"}
        )
        ranges.append(QgsRendererRange(lower, upper, symbol, label))
    layer.setRenderer(QgsGraduatedSymbolRenderer(value, ranges))
    layer.setOpacity(RISK_OPACITY)
    layer.triggerRepaint()


def first_shift_only(layer: QgsVectorLayer, value: str) -> str:
    """Expression for a renderer: the value, or null (not drawn) for later shifts while the map is not temporal."""
    return drawn_only(first_shift(layer), value)


def first_shift(layer: QgsVectorLayer) -> str:
    """Expression that is true of the first shift's features; empty where there are no times."""
    first = layer.minimumValue(layer.fields().lookupField("start"))
    if not isinstance(first, QDateTime) or not first.isValid():
        return ""
    pattern = "yyyy-MM-dd HH:mm"
    return f"format_date(\"start\", '{pattern}') = {QgsExpression.quotedString(first.toString(pattern))}"


def drawn_only(is_first: str, value: str) -> str:
    """The value where the map is temporal or the feature is of the first shift (:func:`first_shift`), else null."""
    return f"CASE WHEN @map_start_time IS NOT NULL OR {is_first} THEN {value} END" if is_first else value


def play(layer: QgsVectorLayer) -> None:
    """Have QGIS's temporal controller show each feature from its start to its end."""
    properties = layer.temporalProperties()
    properties.setMode(Qgis.VectorTemporalMode.FeatureDateTimeStartAndEndFromFields)
    properties.setStartField("start")
    properties.setEndField("end")
    properties.setLimitMode(Qgis.VectorTemporalLimitMode.IncludeBeginExcludeEnd)
    properties.setIsActive(True)


def _mission_symbol(colour: str) -> QgsFillSymbol:
    """A coloured outline on a white one, so that it stands on any map, and a marker where the cell is too small."""
    tint = QColor(colour)
    tint.setAlpha(46)
    casing = QgsSimpleFillSymbolLayer.create(
        {"style": "no", "outline_color": "#ffffff", "outline_width": "1.5", "joinstyle": "miter"}
    )
    outline = QgsSimpleFillSymbolLayer.create({"outline_color": colour, "outline_width": "0.8", "joinstyle": "miter"})
    outline.setFillColor(tint)
    marker = QgsCentroidFillSymbolLayer()
    marker.setSubSymbol(
        QgsMarkerSymbol.createSimple(
            {
                "name": "square",
                "color": colour,
                "outline_color": "#ffffff",
                "outline_width": "0.35",
                "size": "2.6",
            }
        )
    )
    # One by one: QGIS takes over a layer that is appended, but not those of a list handed to the constructor.
    symbol = QgsFillSymbol.createSimple({})
    symbol.deleteSymbolLayer(0)
    for part, shown in ((casing, "<="), (outline, "<="), (marker, ">")):
        part.setDataDefinedProperty(
            QgsSymbolLayer.Property.PropertyLayerEnabled, QgsProperty.fromExpression(f"@map_scale {shown} {_FAR}")
        )
        symbol.appendSymbolLayer(part)
    return symbol


def _mission_labels(layer: QgsVectorLayer) -> QgsRuleBasedLabeling:
    """The order within the square from afar; from near order, category and window below it."""
    order = first_shift_only(layer, '"order"')
    shown = f"({order}) IS NOT NULL"
    middle = _label('to_string("order")')
    _never_hide(middle)
    below = _label(
        "\"order\" || ' ' || coalesce(\"top_category\", '') || '\\n' || coalesce(\"window\", '')",
    )
    below.quadOffset = QgsPalLayerSettings.QuadrantPosition.QuadrantBelow
    below.offsetUnits = QgsUnitTypes.RenderUnit.RenderMapUnits
    below.yOffset = 0.5 * _cell_size(layer)  # positive is down
    root = QgsRuleBasedLabeling.Rule(None)
    for settings, nearest, furthest in ((middle, _CLOSE, _FAR), (below, 0, _CLOSE)):
        root.appendChild(QgsRuleBasedLabeling.Rule(settings, nearest, furthest, shown))
    return QgsRuleBasedLabeling(root)


def haloed(size: float) -> QgsTextFormat:
    """Dark text with a white halo, to be read on any map.

    :param size: points
    """
    halo = QgsTextBufferSettings()
    halo.setEnabled(True)
    halo.setSize(0.9)
    halo.setColor(QColor("#ffffff"))
    text = QgsTextFormat()
    text.setSize(size)
    text.setColor(QColor("#1b1f24"))
    text.setBuffer(halo)
    return text


def _label(expression: str) -> QgsPalLayerSettings:
    """Dark bold text with a white halo, upon the middle of the feature."""
    text = haloed(8.5)
    font = text.font()
    font.setBold(True)
    text.setFont(font)
    settings = QgsPalLayerSettings()
    settings.setFormat(text)
    settings.isExpression = True
    settings.fieldName = expression
    settings.placement = QgsPalLayerSettings.Placement.OverPoint
    settings.centroidWhole = True
    settings.multilineAlign = QgsPalLayerSettings.MultiLineAlign.MultiCenter
    return settings


def _never_hide(settings: QgsPalLayerSettings) -> None:
    """Draw the label even where another is in the way: a mission without its number cannot be found in the list."""
    if hasattr(settings, "placementSettings"):  # since QGIS 3.26
        placement = settings.placementSettings()
        placement.setOverlapHandling(Qgis.LabelOverlapHandling.AllowOverlapIfRequired)
        settings.setPlacementSettings(placement)
    else:
        settings.displayAll = True


def _cell_size(layer: QgsVectorLayer) -> float:
    """Side of the squares, in the layer's units."""
    squares = QgsFeatureRequest().setFilterExpression("coalesce(\"box\", '') = ''").setLimit(1)
    for feature in layer.getFeatures(squares):
        return float(feature.geometry().boundingBox().height())
    return 0.0
