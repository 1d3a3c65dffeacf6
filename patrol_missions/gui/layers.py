"""Where results go in the layer tree: one group per jurisdiction, missions on top, risk under them."""

from __future__ import annotations

from dataclasses import dataclass

from qgis.core import QgsLayerTreeGroup, QgsLayerTreeLayer, QgsProject, QgsVectorLayer
from qgis.PyQt.QtCore import QCoreApplication

ROOT_GROUP = "Patrol Missions"
ROLE_PROPERTY = "patrol_missions/role"


@dataclass(frozen=True)
class Role:
    """What a layer is to us: its name in the tree, whether it is drawn at first, and the subgroup it lies in."""

    title: str
    visible: bool = True
    subgroup: str = ""


def roles() -> dict[str, Role]:
    """All roles, in the order of the tree from top to bottom."""

    def tr(text: str) -> str:
        return QCoreApplication.translate("Layers", text)

    data, tables = tr("Sample city"), tr("Tables")
    return {
        "live_units": Role(tr("Units")),
        "live_missions": Role(tr("Missions in progress")),
        "trails": Role(tr("Trails of a past shift")),
        "overrides": Role(tr("Overrides")),
        "missions": Role(tr("Missions")),
        "incidents": Role(tr("Incidents"), visible=False),
        "forecast": Role(tr("Risk")),
        "grid": Role(tr("Grid")),
        "measured": Role(tr("Grid with indicators"), visible=False),
        "sample_events": Role(tr("Events"), visible=False, subgroup=data),
        "sample_places": Role(tr("Places"), visible=False, subgroup=data),
        "sample_incidents": Role(tr("Incidents as recorded"), visible=False, subgroup=data),
        "sample_exclusions": Role(tr("Exclusion areas"), visible=False, subgroup=data),
        "sample_districts": Role(tr("Districts"), subgroup=data),
        "sample_areas": Role(tr("Neighbourhoods"), visible=False, subgroup=data),
        "sample_boundary": Role(tr("Boundary"), subgroup=data),
        "visits": Role(tr("Visits of patrol"), visible=False, subgroup=tables),
        "summary": Role(tr("Plan summary"), visible=False, subgroup=tables),
        "captures": Role(tr("Captures"), visible=False, subgroup=tables),
        "trade_off": Role(tr("Trade-off"), visible=False, subgroup=tables),
        "scores": Role(tr("Model scores"), visible=False, subgroup=tables),
        "findings": Role(tr("Findings of the data check"), visible=False, subgroup=tables),
    }


def place(project: QgsProject, layer: QgsVectorLayer, role: str, jurisdiction: str) -> None:
    """Add a result to the project in its group and its place; an older layer of the same table gives way to it."""
    for other in list(project.mapLayers().values()):
        if other.customProperty(ROLE_PROPERTY, "") == role and other.source() == layer.source():
            project.removeMapLayer(other.id())
    known = roles()
    spot = known[role]
    layer.setName(spot.title)
    layer.setCustomProperty(ROLE_PROPERTY, role)
    group = _group(_group(project.layerTreeRoot(), ROOT_GROUP, at=0), jurisdiction, at=0)
    if spot.subgroup:
        group = _group(group, spot.subgroup, at=-1, open_=False)
    order = list(known)
    project.addMapLayer(layer, False)
    node = group.insertLayer(_index(group, order, order.index(role)), layer)
    node.setItemVisibilityChecked(spot.visible)
    if role == "forecast":  # its cells are the grid's
        _hide(group, "grid")
    node.setExpanded(role in ("missions", "forecast"))


def remove(project: QgsProject, *unwanted: str) -> None:
    """Take the layers of some roles out of the project."""
    for layer in list(project.mapLayers().values()):
        if layer.customProperty(ROLE_PROPERTY, "") in unwanted:
            project.removeMapLayer(layer.id())


def _group(parent: QgsLayerTreeGroup, name: str, at: int, open_: bool = True) -> QgsLayerTreeGroup:
    for child in parent.children():
        if isinstance(child, QgsLayerTreeGroup) and child.name() == name:
            return child
    made = parent.insertGroup(at, name)
    made.setExpanded(open_)
    return made


def _index(group: QgsLayerTreeGroup, order: list[str], wanted: int) -> int:
    """Index in the group before the first layer that belongs under the wanted place."""
    children = group.children()
    for index, node in enumerate(children):
        if isinstance(node, QgsLayerTreeGroup):
            return index
        role = _role(node)
        if role in order and order.index(role) > wanted:
            return index
    return len(children)


def _hide(group: QgsLayerTreeGroup, role: str) -> None:
    for node in group.children():
        if _role(node) == role:
            node.setItemVisibilityChecked(False)


def _role(node: object) -> str:
    layer = node.layer() if isinstance(node, QgsLayerTreeLayer) else None
    return str(layer.customProperty(ROLE_PROPERTY, "")) if layer is not None else ""
