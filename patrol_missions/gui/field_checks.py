"""A combo box in which any number of a layer's numeric fields can be ticked."""

from __future__ import annotations

from collections.abc import Iterable

from qgis.core import QgsVectorLayer
from qgis.gui import QgsCheckableComboBox
from qgis.PyQt.QtCore import QCoreApplication, Qt
from qgis.PyQt.QtWidgets import QWidget

from patrol_missions.gui.forms import shrinkable


class FieldChecks(QgsCheckableComboBox):
    """Offers the numeric fields of a layer."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        shrinkable(self)
        self.setDefaultText(QCoreApplication.translate("FieldChecks", "none"))

    def set_layer(self, layer: QgsVectorLayer | None, ticked: Iterable[str] = ()) -> None:
        """Offer the fields of a layer, some of them ticked."""
        wanted = set(ticked)
        self.clear()
        for field in layer.fields() if layer is not None else ():
            if field.isNumeric():
                state = Qt.CheckState.Checked if field.name() in wanted else Qt.CheckState.Unchecked
                self.addItemWithCheckState(field.name(), state, field.name())

    def names(self) -> list[str]:
        """The ticked fields."""
        return [str(name) for name in self.checkedItemsData()]
