"""How results look the moment they appear: styles are set by a post-processor that outlives the algorithm."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from pathlib import Path

from qgis.core import (
    QgsProcessingContext,
    QgsProcessingFeedback,
    QgsProcessingLayerPostProcessorInterface,
    QgsVectorLayer,
)


class LayerStyler(QgsProcessingLayerPostProcessorInterface):
    """Calls a function with the layer when it is loaded into the project (main thread)."""

    def __init__(self, apply: Callable[[QgsVectorLayer], None]) -> None:
        super().__init__()
        self._apply = apply

    def postProcessLayer(  # noqa: N802 - QGIS's name
        self, layer: QgsVectorLayer, context: QgsProcessingContext, feedback: QgsProcessingFeedback
    ) -> None:
        """Style the layer."""
        if isinstance(layer, QgsVectorLayer) and layer.isValid():
            self._apply(layer)


# QGIS keeps only a C++ pointer to a post-processor, and the copy of the algorithm that made it is deleted at the end of
# the run; without a reference of our own the style would be lost, or QGIS would crash.
_ALIVE: deque[LayerStyler] = deque(maxlen=256)


def keep_alive(styler: LayerStyler) -> LayerStyler:
    """Hold on to a post-processor until long after its layers were loaded."""
    _ALIVE.append(styler)
    return styler


_STYLES = Path(__file__).resolve().parent.parent / "resources" / "styles"


def style_grid(layer: QgsVectorLayer) -> None:
    """Thin outlines that leave the map below readable."""
    layer.loadNamedStyle(str(_STYLES / "grid.qml"))
    layer.triggerRepaint()
