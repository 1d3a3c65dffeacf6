"""A combo box in which any number of the project's layers of some kinds can be ticked."""

from __future__ import annotations

from collections.abc import Iterable

from qgis.core import QgsProject, QgsVectorLayer, QgsWkbTypes
from qgis.gui import QgsCheckableComboBox
from qgis.PyQt.QtCore import QCoreApplication, Qt
from qgis.PyQt.QtWidgets import QWidget

from patrol_missions.gui.forms import shrinkable
from patrol_missions.gui.layers import ROLE_PROPERTY


class LayerChecks(QgsCheckableComboBox):
    """Offers layers that are not our own results; ``sample_roles`` are layers of the sample city that may be ticked."""

    def __init__(
        self, kinds: Iterable[QgsWkbTypes.GeometryType], sample_roles: Iterable[str], parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._kinds = tuple(kinds)
        self._roles = frozenset(("", *sample_roles))
        shrinkable(self)
        self.setDefaultText(QCoreApplication.translate("LayerChecks", "none"))
        project = QgsProject.instance()
        project.layersAdded.connect(self._list)
        project.layersRemoved.connect(self._list)
        self._list()

    def tear_down(self) -> None:
        """Stop listening to the project."""
        project = QgsProject.instance()
        project.layersAdded.disconnect(self._list)
        project.layersRemoved.disconnect(self._list)

    def ids(self) -> list[str]:
        """Ids of the ticked layers."""
        return [str(layer_id) for layer_id in self.checkedItemsData()]

    def set_ids(self, ids: Iterable[str]) -> None:
        """Tick layers."""
        self._fill(set(ids))

    def _list(self, *_: object) -> None:
        self._fill(set(self.ids()))

    def _fill(self, ticked: set[str]) -> None:
        self.clear()
        layers = [layer for layer in QgsProject.instance().mapLayers().values() if self._fits(layer)]
        for layer in sorted(layers, key=lambda layer: layer.name().casefold()):
            state = Qt.CheckState.Checked if layer.id() in ticked else Qt.CheckState.Unchecked
            self.addItemWithCheckState(layer.name(), state, layer.id())

    def _fits(self, layer: object) -> bool:
        if not isinstance(layer, QgsVectorLayer) or layer.geometryType() not in self._kinds:
            return False
        return str(layer.customProperty(ROLE_PROPERTY, "")) in self._roles
