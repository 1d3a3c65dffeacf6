"""The part of the data page about incidents: the layer, what its fields mean, and what its times mean."""

from __future__ import annotations

from typing import Any

from qgis.core import QgsCoordinateReferenceSystem, QgsFieldProxyModel, QgsProject
from qgis.gui import QgsCollapsibleGroupBoxBasic, QgsFieldComboBox, QgsProjectionSelectionWidget
from qgis.PyQt.QtCore import QCoreApplication, QTimeZone, pyqtSignal
from qgis.PyQt.QtWidgets import QComboBox, QFormLayout, QWidget

from patrol_missions.gui.compat import LAYER_FILTER
from patrol_missions.gui.forms import add_row, find_anywhere, form, help_of, options, shrinkable
from patrol_missions.gui.guess import guess_fields
from patrol_missions.gui.layer_picker import LayerPicker
from patrol_missions.gui.project_state import DataForm
from patrol_missions.processing_algorithms.parameters import local_time_zone

_GUESSED = ("category", "id", "reported", "end", "start", "x", "y", "recorded_district")
_ALWAYS = _GUESSED[:5] + _GUESSED[7:]  # x and y are only asked for tables without points


class IncidentsBox(QgsCollapsibleGroupBoxBasic):
    """Incident layer, fields and time zone."""

    unreadable = pyqtSignal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(tr("Incidents"), parent)
        self._layout = form()
        self.setLayout(self._layout)
        kinds = LAYER_FILTER.PointLayer | LAYER_FILTER.NoGeometry
        self.layer = LayerPicker(kinds)
        self.layer.changed.connect(self._layer_changed)
        self.layer.unreadable.connect(self.unreadable)
        add_row(
            self._layout, tr("&Layer"), self.layer,
            tr("Recorded incidents: points, or a table with coordinates. It is only read, never changed."), needed=True,
        )  # fmt: skip
        self.fields: dict[str, QgsFieldComboBox] = {}
        for role, label, needed in (
            ("category", tr("&Category"), True),
            ("start", tr("&Start"), True),
            ("end", tr("&End"), False),
            ("reported", tr("&Reported"), False),
            ("id", tr("I&d"), False),
            ("recorded_district", tr("District"), False),
        ):
            self._add_field(self._layout, role, label, needed)
        self._layout.addRow(self._coordinates())
        self.times_are = shrinkable(QComboBox())
        self.times_are.addItems(options("checkincidents", "TIMES_ARE"))
        add_row(self._layout, tr("&Times are"), self.times_are, help_of("checkincidents", "TIMES_ARE"))
        self.time_zone = _zones()
        add_row(self._layout, tr("Time &zone"), self.time_zone, help_of("checkincidents", "TIME_ZONE"))
        self._layer_changed()

    def _coordinates(self) -> QWidget:
        """What only tables without points are asked."""
        self._table_part = QWidget()
        layout = form()
        layout.setContentsMargins(0, 0, 0, 0)
        self._table_part.setLayout(layout)
        for role, label in (("x", tr("&X")), ("y", tr("&Y"))):
            self._add_field(layout, role, label, needed=True)
            self.fields[role].setFilters(QgsFieldProxyModel.Filter.Numeric | QgsFieldProxyModel.Filter.String)
        self.coordinates_crs = QgsProjectionSelectionWidget()
        self.coordinates_crs.setCrs(QgsCoordinateReferenceSystem("EPSG:4326"))
        add_row(layout, tr("Coordinates in"), self.coordinates_crs, help_of("checkincidents", "COORDINATES_CRS"))
        return self._table_part

    def _add_field(self, layout: QFormLayout, role: str, label: str, needed: bool) -> None:
        combo = QgsFieldComboBox()
        shrinkable(combo)
        combo.setAllowEmptyFieldName(True)
        add_row(layout, label, combo, help_of("checkincidents", f"{role.upper()}_FIELD"), needed)
        self.fields[role] = combo

    def _layer_changed(self) -> None:
        layer = self.layer.layer()
        guesses = guess_fields(layer.fields().names(), _GUESSED) if layer is not None else {}
        for role, combo in self.fields.items():
            combo.setLayer(layer)
            combo.setField(guesses.get(role, ""))
        self._table_part.setVisible(self._is_table())

    def _is_table(self) -> bool:
        layer = self.layer.layer()
        return layer is not None and not layer.isSpatial()

    def answers(self) -> dict[str, Any]:
        """The answers, by their names in the form."""
        table = self._is_table()
        chosen = {role: combo.currentField() for role, combo in self.fields.items()}
        return {
            "incidents": self.layer.layer_id(),
            **{f"{role}_field": chosen[role] for role in _ALWAYS},
            "x_field": chosen["x"] if table else "",
            "y_field": chosen["y"] if table else "",
            "coordinates_crs": _crs_text(self.coordinates_crs.crs()) if table else "",
            "times_are": self.times_are.currentText(),
            "time_zone": self.time_zone.currentText().strip(),
        }

    def show_answers(self, answers: DataForm) -> None:
        """Show stored answers."""
        layer = QgsProject.instance().mapLayer(answers.incidents)
        self.layer.set_layer(layer)
        self._layer_changed()
        if layer is not None:
            for role, combo in self.fields.items():
                combo.setField(getattr(answers, f"{role}_field"))
        if answers.coordinates_crs:
            self.coordinates_crs.setCrs(QgsCoordinateReferenceSystem(answers.coordinates_crs))
        if answers.times_are:
            self.times_are.setCurrentText(answers.times_are)
        if answers.time_zone:
            self.time_zone.setCurrentText(answers.time_zone)

    def problem(self) -> str:
        """What is missing, or an empty text."""
        layer = self.layer.layer()
        if layer is None:
            return tr("Choose the incident layer.")
        for role, what in (("category", tr("category")), ("start", tr("start"))):
            if not self.fields[role].currentField():
                return tr("Choose the field that holds the incidents’ {what}.").format(what=what)
        if self._is_table() and not (self.fields["x"].currentField() and self.fields["y"].currentField()):
            return tr("“{layer}” has no points: choose its X and Y fields.").format(layer=layer.name())
        if self.time_zone.findText(self.time_zone.currentText().strip()) < 0:
            return tr("“{zone}” is not a time zone: choose one such as America/New_York.").format(
                zone=self.time_zone.currentText()
            )
        return ""


def _zones() -> QComboBox:
    combo = shrinkable(QComboBox())
    names = sorted(bytes(zone).decode() for zone in QTimeZone.availableTimeZoneIds())
    combo.addItems([name for name in names if "/" in name or name == "UTC"])
    find_anywhere(combo)
    combo.setCurrentText(local_time_zone())
    return combo


def _crs_text(crs: QgsCoordinateReferenceSystem) -> str:
    return crs.authid() or crs.toWkt()


def tr(text: str) -> str:
    """The text in the user's language."""
    return QCoreApplication.translate("IncidentsBox", text)
