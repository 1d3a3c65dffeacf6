"""A layer combo box with a button that opens a file as a layer."""

from __future__ import annotations

from pathlib import Path

from qgis.core import (
    QgsFillSymbol,
    QgsMapLayer,
    QgsProject,
    QgsSingleSymbolRenderer,
    QgsVectorLayer,
    QgsWkbTypes,
)
from qgis.gui import QgsMapLayerComboBox
from qgis.PyQt.QtCore import QCoreApplication, pyqtSignal, pyqtSlot
from qgis.PyQt.QtWidgets import QFileDialog, QHBoxLayout, QWidget

from patrol_missions.gui.forms import shrinkable, theme_icon, tool_button


class LayerPicker(QWidget):
    """One of the project's layers of the given kinds, or a file that becomes one."""

    changed = pyqtSignal()
    unreadable = pyqtSignal(str)  # sentence

    def __init__(
        self, filters: object, optional: bool = False, parent: QWidget | None = None, *, hint: str = ""
    ) -> None:
        """Show the project's layers of a kind.

        :param hint: what to do with a file that is of another kind
        """
        super().__init__(parent)
        self._hint = hint
        self.combo = QgsMapLayerComboBox()
        shrinkable(self.combo)
        self.combo.setFilters(filters)
        self.combo.setAllowEmptyLayer(True, tr("none") if optional else tr("choose a layer"))
        self.combo.setCurrentIndex(0)
        self.combo.layerChanged.connect(self._tell)
        self.open_button = tool_button(
            theme_icon("mActionFileOpen"), tr("Open a file"), tr("Add a file to the project and choose it here.")
        )
        self.open_button.clicked.connect(self._open)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(3)
        row.addWidget(self.combo, 1)
        row.addWidget(self.open_button)
        self.setFocusProxy(self.combo)

    @pyqtSlot()  # without the layer: it may be on its way out, and is asked for when it is wanted
    def _tell(self) -> None:
        self.changed.emit()

    def layer(self) -> QgsVectorLayer | None:
        """The chosen layer."""
        return self.combo.currentLayer()

    def layer_id(self) -> str:
        """Id of the chosen layer, or an empty text."""
        layer = self.layer()
        return layer.id() if layer is not None else ""

    def set_layer(self, layer: QgsMapLayer | None) -> None:
        """Choose a layer of the project."""
        self.combo.setLayer(layer)

    def _open(self) -> None:
        filters = (
            tr("Layers")
            + " (*.gpkg *.csv *.csv.gz *.shp *.geojson *.json *.parquet *.fgb *.xlsx *.zip);;"
            + tr("All files")
            + " (*)"
        )
        path, _ = QFileDialog.getOpenFileName(self, tr("Open a layer"), QgsProject.instance().homePath(), filters)
        if path:
            self.open_file(path)

    def open_file(self, path: str) -> None:
        """Add a file to the project and choose it."""
        source = f"/vsigzip/{path}" if path.lower().endswith(".gz") else path
        layer = QgsVectorLayer(source, Path(path).name.split(".")[0], "ogr")
        if not layer.isValid():
            self.unreadable.emit(tr("{file} cannot be read as a layer.").format(file=path))
            return
        if layer.geometryType() == QgsWkbTypes.GeometryType.PolygonGeometry:  # a fill would tint the risk above it
            outline = {"style": "no", "outline_color": "#5d6b80", "outline_width": "0.5"}
            layer.setRenderer(QgsSingleSymbolRenderer(QgsFillSymbol.createSimple(outline)))
        before = self.layer()
        QgsProject.instance().addMapLayer(layer)
        self.set_layer(layer)
        if self.layer() is None:  # a layer that is not offered leaves the box blank
            self.combo.setCurrentIndex(0)
            self.set_layer(before)
            told = tr("“{layer}” is in the project now, but layers of its kind cannot be chosen here.")
            self.unreadable.emit(f"{told.format(layer=layer.name())} {self._hint}".strip())


def tr(text: str) -> str:
    """The text in the user's language."""
    return QCoreApplication.translate("LayerPicker", text)
