"""The part of the data page about the place: boundary, districts and the grid."""

from __future__ import annotations

from typing import Any

from qgis.core import QgsCoordinateReferenceSystem, QgsProject, QgsWkbTypes
from qgis.gui import (
    QgsCollapsibleGroupBoxBasic,
    QgsDoubleSpinBox,
    QgsFieldComboBox,
    QgsProjectionSelectionWidget,
)
from qgis.PyQt.QtCore import QCoreApplication, pyqtSignal
from qgis.PyQt.QtWidgets import QWidget

from patrol_missions.gui.compat import LAYER_FILTER
from patrol_missions.gui.forms import add_row, default, form, help_of, shrinkable
from patrol_missions.gui.guess import guess_field
from patrol_missions.gui.layer_checks import LayerChecks
from patrol_missions.gui.layer_picker import LayerPicker
from patrol_missions.gui.project_state import DataForm
from patrol_missions.processing_algorithms.checks import suggested_crs


class PlaceBox(QgsCollapsibleGroupBoxBasic):
    """Boundary, districts and grid."""

    unreadable = pyqtSignal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(tr("Place"), parent)
        layout = form()
        self.setLayout(layout)
        polygons = LAYER_FILTER.PolygonLayer
        self.boundary = LayerPicker(polygons)
        self.boundary.changed.connect(self._suggest_crs)
        self.boundary.unreadable.connect(self.unreadable)
        add_row(layout, tr("&Boundary"), self.boundary, help_of("buildgrid", "BOUNDARY"), needed=True)
        self.districts = LayerPicker(polygons, optional=True)
        self.districts.changed.connect(self._suggest_field)
        self.districts.unreadable.connect(self.unreadable)
        add_row(layout, tr("Dis&tricts"), self.districts, help_of("buildgrid", "DISTRICTS"))
        self.district_field = QgsFieldComboBox()
        shrinkable(self.district_field)
        self.district_field.setAllowEmptyFieldName(True)
        self._field_caption = add_row(
            layout, tr("District &name"), self.district_field, help_of("buildgrid", "DISTRICT_FIELD")
        )
        self.crs = QgsProjectionSelectionWidget()
        self.crs.setNotSetText(tr("as the boundary"))
        self.crs.setOptionVisible(QgsProjectionSelectionWidget.CrsOption.CrsNotSet, True)
        add_row(layout, tr("Grid CRS"), self.crs, help_of("buildgrid", "CRS"))
        self.cell_size = QgsDoubleSpinBox()
        self.cell_size.setRange(10.0, 20_000.0)
        self.cell_size.setDecimals(0)
        self.cell_size.setSingleStep(50.0)
        self.cell_size.setSuffix(" m")
        size = float(default("buildgrid", "SIZE", 250.0))
        self.cell_size.setClearValue(size)
        self.cell_size.setValue(size)
        add_row(layout, tr("Ce&ll size"), self.cell_size, help_of("buildgrid", "SIZE"))
        self.exclusions = LayerChecks((QgsWkbTypes.GeometryType.PolygonGeometry,), ("sample_exclusions",))
        add_row(layout, tr("E&xclusions"), self.exclusions, help_of("buildgrid", "EXCLUSIONS"))
        self._suggest_field()

    def tear_down(self) -> None:
        """Stop listening to the project."""
        self.exclusions.tear_down()

    def answers(self) -> dict[str, Any]:
        """The answers, by their names in the form."""
        crs = self.crs.crs()
        return {
            "boundary": self.boundary.layer_id(),
            "districts": self.districts.layer_id(),
            "district_field": self.district_field.currentField() if self.districts.layer_id() else "",
            "crs": (crs.authid() or crs.toWkt()) if crs.isValid() else "",
            "cell_size_m": self.cell_size.value(),
            "exclusions": self.exclusions.ids(),
        }

    def show_answers(self, answers: DataForm) -> None:
        """Show stored answers."""
        project = QgsProject.instance()
        self.boundary.set_layer(project.mapLayer(answers.boundary))
        self.districts.set_layer(project.mapLayer(answers.districts))
        self._suggest_field()
        if answers.district_field:
            self.district_field.setField(answers.district_field)
        if answers.crs:
            self.crs.setCrs(QgsCoordinateReferenceSystem(answers.crs))
        else:
            self._suggest_crs()
        self.cell_size.setValue(answers.cell_size_m)
        self.exclusions.set_ids(answers.exclusions)

    def problem(self) -> str:
        """What is missing, or an empty text."""
        if self.boundary.layer() is None:
            return tr("Choose the boundary of the area that is patrolled.")
        if self.districts.layer() is not None and not self.district_field.currentField():
            return tr("Choose the field that names the districts.")
        return ""

    def _suggest_crs(self) -> None:
        layer = self.boundary.layer()
        if layer is None:
            self.crs.setCrs(QgsCoordinateReferenceSystem())
            return
        crs = layer.crs()
        if crs.isGeographic():
            code = suggested_crs(crs, layer.extent(), QgsProject.instance().transformContext())
            crs = QgsCoordinateReferenceSystem(code)
        self.crs.setCrs(crs)

    def _suggest_field(self) -> None:
        layer = self.districts.layer()
        self.district_field.setLayer(layer)
        self.district_field.setField(guess_field(layer.fields().names(), "district") if layer is not None else "")
        self.district_field.setVisible(layer is not None)
        self._field_caption.setVisible(layer is not None)


def tr(text: str) -> str:
    """The text in the user's language."""
    return QCoreApplication.translate("PlaceBox", text)
