"""The looks of the sample city's layers, and their order on the map."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
from qgis.core import (
    QgsExpression,
    QgsFillSymbol,
    QgsGraduatedSymbolRenderer,
    QgsLayerTree,
    QgsLayerTreeLayer,
    QgsLayerTreeNode,
    QgsProject,
    QgsRendererRange,
    QgsVectorLayer,
)

from patrol_missions.core.names import EXPECTED
from patrol_missions.processing_algorithms.layer_styles import RISK, RISK_OPACITY, first_shift_only, play, risk_label

_STYLES = Path(__file__).resolve().parent.parent / "resources" / "styles"
_ORDER = ("EVENTS", "PLACES", "INCIDENTS", "DISTRICTS", "BOUNDARY", "EXCLUSIONS", "TRUTH", "AREAS")  # the top one first
_ROLE = "patrol_missions/sample"


def sample_style(output: str) -> Callable[[QgsVectorLayer], None]:
    """What styles the layer of an output and puts it in its place among the city's others."""

    def apply(layer: QgsVectorLayer) -> None:
        if output == "TRUTH":
            _style_truth(layer)
        else:
            layer.loadNamedStyle(str(_STYLES / f"sample_{output.lower()}.qml"))
            layer.triggerRepaint()
        layer.setCustomProperty(_ROLE, output)
        _into_order(layer, QgsProject.instance().layerTreeRoot())

    return apply


def _into_order(layer: QgsVectorLayer, root: QgsLayerTree) -> None:
    """Move a layer above the first of the city's layers that belongs below it; Processing loads them in any order."""
    node = root.findLayer(layer.id())
    if node is None:
        return
    group = node.parent()
    ranks = [_rank(other) for other in group.children()]
    at, own = group.children().index(node), _rank(node)
    above = [number for number, rank in enumerate(ranks) if 0 <= rank < own]
    below = [number for number, rank in enumerate(ranks) if rank > own]
    if above and above[-1] > at:
        group.insertChildNode(above[-1] + 1, node.clone())
        group.removeChildNode(node)
    elif below and below[0] < at:
        group.insertChildNode(below[0], node.clone())
        group.removeChildNode(node)


def _rank(node: QgsLayerTreeNode) -> int:
    """Place in the order; -1 for layers that are not the city's."""
    layer = node.layer() if isinstance(node, QgsLayerTreeLayer) else None
    role = layer.customProperty(_ROLE) if layer is not None else None
    return _ORDER.index(role) if role in _ORDER else -1


def _style_truth(layer: QgsVectorLayer) -> None:
    """Cells by the expected incidents of all categories, in the forecast's colours; classes from the first shift."""
    fields = [name for name in layer.fields().names() if name.startswith(EXPECTED)]
    value = " + ".join(map(QgsExpression.quotedColumnRef, fields))
    ranges = []
    for (lower, _, colour), low, high in zip(RISK, *_limits(layer, fields)):
        symbol = QgsFillSymbol.createSimple(
            {"color": colour, "outline_color": colour, "outline_width": "0.1", "joinstyle": "miter"}
        )
        ranges.append(QgsRendererRange(low, high, symbol, risk_label(lower)))
    layer.setRenderer(QgsGraduatedSymbolRenderer(first_shift_only(layer, value), ranges))
    layer.setOpacity(RISK_OPACITY)
    play(layer)
    layer.triggerRepaint()


def _limits(layer: QgsVectorLayer, fields: list[str]) -> tuple[list[float], list[float]]:
    """Lower and upper limit of each class: percentiles of the first shift, and open ends."""
    start = None
    totals = []
    for feature in layer.getFeatures():
        start = start or feature["start"]
        if feature["start"] != start:
            break
        totals.append(sum(feature[name] for name in fields))
    percentiles = [lower for lower, _, _ in RISK[:-1]]
    inner = np.percentile(totals or [0.0], percentiles).tolist()
    return [*inner, 0.0], [1e9, *inner]
