"""The part of the data page about all else that shifts risk: places, areas, streets, days, events and patrol."""

from __future__ import annotations

from typing import Any

from qgis.core import QgsProject, QgsWkbTypes
from qgis.gui import QgsCollapsibleGroupBoxBasic
from qgis.PyQt.QtCore import QCoreApplication, pyqtSignal
from qgis.PyQt.QtWidgets import QWidget

from patrol_missions.gui.compat import LAYER_FILTER
from patrol_missions.gui.field_checks import FieldChecks
from patrol_missions.gui.forms import Note, add_row, form, help_of
from patrol_missions.gui.guess import guess_measures
from patrol_missions.gui.holidays import HolidayPicker, country_of
from patrol_missions.gui.layer_checks import LayerChecks
from patrol_missions.gui.layer_picker import LayerPicker
from patrol_missions.gui.project_state import DataForm

_INDENT = 12


class IndicatorsBox(QgsCollapsibleGroupBoxBasic):
    """Indicators; folded until they are wanted, as a first model does without."""

    unreadable = pyqtSignal(str)
    changed = pyqtSignal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(tr("Indicators"), parent)
        self._layout = form()
        self.setLayout(self._layout)
        self._layout.addRow(
            Note(tr("What else shifts risk. None of it is needed; the model card tells what it was worth."))
        )
        self._guessed_country: str | None = ""  # None where the user has the say
        self._add_places()
        self._add_days()
        for signal in (
            self.places.checkedItemsChanged, self.sums.checkedItemsChanged, self.means.checkedItemsChanged,
            self.holidays.currentTextChanged,
            *(picker.changed for picker in self._pickers().values()),
        ):  # fmt: skip
            signal.connect(self._tell)
        for picker in self._pickers().values():
            picker.unreadable.connect(self.unreadable)
        self.setCollapsed(True)

    def _add_places(self) -> None:
        kinds = QgsWkbTypes.GeometryType
        shapes = (kinds.PointGeometry, kinds.LineGeometry, kinds.PolygonGeometry)
        self.places = LayerChecks(shapes, ("sample_places",))
        add_row(self._layout, tr("Pl&aces"), self.places, help_of("trainmodel", "INDICATORS"))
        self.areas = LayerPicker(LAYER_FILTER.PolygonLayer, optional=True)
        self.areas.changed.connect(self._suggest_fields)
        add_row(self._layout, tr("Areas"), self.areas, help_of("addindicators", "AREAS"))
        self.sums, self.means = FieldChecks(), FieldChecks()
        self._captions = [
            add_row(self._layout, tr("Totals"), self.sums, help_of("addindicators", "AREA_SUMS")),
            add_row(self._layout, tr("Avera&ges"), self.means, help_of("addindicators", "AREA_MEANS")),
        ]
        for caption in self._captions:  # of the areas above
            caption.setIndent(_INDENT)
        self.streets = LayerPicker(LAYER_FILTER.LineLayer, optional=True)
        add_row(self._layout, tr("Streets"), self.streets, help_of("addindicators", "STREETS"))
        self._suggest_fields()

    def _add_days(self) -> None:
        self.events = LayerPicker(LAYER_FILTER.PointLayer, optional=True)
        add_row(self._layout, tr("Planned e&vents"), self.events, help_of("trainmodel", "EVENTS"))
        self.holidays = HolidayPicker()
        add_row(self._layout, tr("Public &holidays"), self.holidays, help_of("trainmodel", "HOLIDAYS"))
        self.weather = LayerPicker(LAYER_FILTER.NoGeometry, optional=True)
        add_row(self._layout, tr("&Weather"), self.weather, help_of("trainmodel", "WEATHER"))
        self.terms = LayerPicker(LAYER_FILTER.NoGeometry, optional=True)
        add_row(self._layout, tr("Sch&ool terms"), self.terms, help_of("forecastrisk", "SCHOOL_TERMS"))
        self.visits = LayerPicker(LAYER_FILTER.PointLayer | LAYER_FILTER.NoGeometry, optional=True)
        add_row(self._layout, tr("Patrol visits"), self.visits, help_of("trainmodel", "VISITS"))

    def _pickers(self) -> dict[str, LayerPicker]:
        """Those for one layer, by their names in the form."""
        return {
            "areas": self.areas,
            "streets": self.streets,
            "events": self.events,
            "weather": self.weather,
            "school_terms": self.terms,
            "visits": self.visits,
        }

    def tear_down(self) -> None:
        """Stop listening to the project."""
        self.places.tear_down()

    def answers(self) -> dict[str, Any]:
        """The answers, by their names in the form."""
        layers = {name: picker.layer_id() for name, picker in self._pickers().items()}
        return {
            "indicators": self.places.ids(),
            "area_sums": self.sums.names() if layers["areas"] else [],
            "area_means": self.means.names() if layers["areas"] else [],
            "holidays": self.holidays.code(),
            **layers,
        }

    def lists(self) -> dict[str, str]:
        """Those of the answers that go on with the days: a forecast takes the newest, its model being what it is."""
        return {name: self._pickers()[name].layer_id() for name in ("events", "weather", "school_terms", "visits")}

    def show_answers(self, answers: DataForm) -> None:
        """Show stored answers."""
        project = QgsProject.instance()
        self.places.set_ids(answers.indicators)
        for name, picker in self._pickers().items():
            picker.set_layer(project.mapLayer(getattr(answers, name)))
        if self.areas.layer() is not None:
            self.sums.set_layer(self.areas.layer(), answers.area_sums)
            self.means.set_layer(self.areas.layer(), answers.area_means)
        self.holidays.set_code(answers.holidays)
        self._guessed_country = None if answers.time_zone else answers.holidays
        self._tell()

    def suggest_country(self, time_zone: str) -> None:
        """Follow the time zone, unless the user chose holidays, or none."""
        if self.holidays.code() == self._guessed_country:
            self._guessed_country = country_of(time_zone)
            self.holidays.set_code(self._guessed_country)

    def _suggest_fields(self) -> None:
        layer = self.areas.layer()
        numeric = [field.name() for field in layer.fields() if field.isNumeric()] if layer is not None else []
        sums, means = guess_measures(numeric)
        self.sums.set_layer(layer, sums)
        self.means.set_layer(layer, means)
        for widget in (self.sums, self.means, *self._captions):
            widget.setVisible(layer is not None)

    def _tell(self, *_: object) -> None:
        """The title says how many are given, so that it need not be unfolded to know."""
        given = sum(bool(value) for name, value in self.answers().items() if not name.startswith("area_"))
        self.setTitle(tr("Indicators ({number})").format(number=given) if given else tr("Indicators"))
        self.changed.emit()


def tr(text: str) -> str:
    """The text in the user's language."""
    return QCoreApplication.translate("IndicatorsBox", text)
