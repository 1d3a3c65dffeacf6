"""The look of the map of doses: where patrol has been, where it is enough, and where none may be planned.

Cells that missions may go to are plain: paler where nothing was done, and amber above the soft limit. Closed cells are
dark, each kind with a pattern of its own, so that they are told apart without their colours.
"""

from __future__ import annotations

from qgis.core import (
    QgsCategorizedSymbolRenderer,
    QgsFillSymbol,
    QgsLinePatternFillSymbolLayer,
    QgsLineSymbol,
    QgsRendererCategory,
    QgsSymbolLayer,
    QgsVectorLayer,
)
from qgis.PyQt.QtCore import QCoreApplication

DOSE_OPACITY = 0.85

_EDGE_WIDTH = "0.1"  # millimetres; an outline of the fill's colour closes the hairlines between squares
_STRIPE_WIDTH, _STRIPE_GAP = 0.45, 1.3  # millimetres
_RISING, _FALLING = 45.0, 135.0  # degrees


def tr(text: str) -> str:
    """The text in the user's language."""
    return QCoreApplication.translate("PatrolStyles", text)


def style_doses(layer: QgsVectorLayer) -> None:
    """Colour cells by whether they have had enough; the legend has every state, whether or not a cell is in it."""
    layer.setRenderer(
        QgsCategorizedSymbolRenderer(
            "state", [QgsRendererCategory(state, symbol, label) for state, symbol, label in _looks()]
        )
    )
    layer.setOpacity(DOSE_OPACITY)
    layer.setDisplayExpression(
        "\"cell_id\" || ': ' || \"state\" || ', ' || round(\"minutes_28d\") || ' min / 28 d'",
    )
    layer.triggerRepaint()


def _looks() -> list[tuple[str, QgsFillSymbol, str]]:
    """State as the engine calls it, symbol, and what the legend says."""
    return [
        ("none", _plain("#eceff1"), tr("No patrol in 28 days")),
        ("under soft limit", _plain("#93b2d3"), tr("Under the soft limits")),
        ("over soft limit", _plain("#ffca28"), tr("Over a soft limit: worth less")),
        ("at hard limit", _plain("#9c0050"), tr("At a hard limit: closed")),
        ("cooling down", _striped("#e9bcd2", "#9c0050", _RISING), tr("Cooling down: closed")),
        ("resting", _striped("#d3d8de", "#37424f", _FALLING), tr("Resting for a shift: closed")),
    ]


def _plain(colour: str) -> QgsFillSymbol:
    return QgsFillSymbol.createSimple(
        {"color": colour, "outline_color": colour, "outline_width": _EDGE_WIDTH, "joinstyle": "miter"}
    )


def _striped(ground: str, colour: str, angle: float) -> QgsFillSymbol:
    """Stripes upon a pale ground."""
    symbol = _plain(ground)
    symbol.appendSymbolLayer(_stripes(colour, angle))
    return symbol


def _stripes(colour: str, angle: float) -> QgsSymbolLayer:
    stripes = QgsLinePatternFillSymbolLayer()
    stripes.setLineAngle(angle)
    stripes.setDistance(_STRIPE_GAP)
    stripes.setSubSymbol(QgsLineSymbol.createSimple({"line_color": colour, "line_width": str(_STRIPE_WIDTH)}))
    return stripes
