"""The verdict of Check incidents, carried by its layer through the project to the model card."""

from __future__ import annotations

from qgis.core import QgsVectorLayer

_VERDICT = "patrol_missions/verdict"
_SENTENCE = "patrol_missions/verdict_sentence"


def keep(layer: QgsVectorLayer, verdict: str, sentence: str) -> None:
    """Have a layer carry a verdict; the project stores it with the layer."""
    layer.setCustomProperty(_VERDICT, verdict)
    layer.setCustomProperty(_SENTENCE, sentence)


def of(layer: QgsVectorLayer | None) -> dict[str, str] | None:
    """What a layer carries: ``verdict`` (ok, caution or stop) and ``sentence``; ``None`` when it carries none."""
    verdict = layer.customProperty(_VERDICT) if layer is not None else None
    return {"verdict": str(verdict), "sentence": str(layer.customProperty(_SENTENCE) or "")} if verdict else None
