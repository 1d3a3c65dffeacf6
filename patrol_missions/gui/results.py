"""Puts what a step made where it belongs: layers into the project, answers into its state."""

from __future__ import annotations

from qgis.core import QgsProject, QgsVectorLayer

from patrol_missions.gui import layers
from patrol_missions.gui.project_state import ProjectState
from patrol_missions.gui.readiness import asked_of_forecast
from patrol_missions.gui.runner import Done
from patrol_missions.gui.sample import sample_made


def keep(state: ProjectState, done: Done) -> None:
    """Add the layers, each in place of the one before, and remember what the step answered."""
    for role, layer in done.layers.items():
        layers.place(state.project, layer, role, state.data.jurisdiction)
    values = dict(done.values)
    if done.step.key == "forecast":
        values["asked"] = asked_of_forecast(state.plan)
    state.record(done.step.key, values, done.layers)
    if done.step.key == "sample":
        state.set_data(sample_made(state))


def rows_of(project: QgsProject) -> dict[str, int]:
    """How many rows each of our layers has, by source."""
    return {layer.source(): int(layer.featureCount()) for layer in _ours(project)}


def drop_half_written(project: QgsProject, before: dict[str, int]) -> bool:
    """Remove layers that a run had begun to replace when it ended: what is left in the file is no result.

    :param before: :func:`rows_of` when nothing was being written
    :returns: whether the project has any of those layers
    """
    known = [layer for layer in _ours(project) if layer.source() in before]
    for layer in known:
        layer.dataProvider().reloadData()
        if not layer.isValid() or layer.featureCount() != before[layer.source()]:
            project.removeMapLayer(layer.id())
    return bool(known)


def _ours(project: QgsProject) -> list[QgsVectorLayer]:
    return [
        layer
        for layer in project.mapLayers().values()
        if isinstance(layer, QgsVectorLayer) and layer.isValid() and layer.customProperty(layers.ROLE_PROPERTY, "")
    ]
