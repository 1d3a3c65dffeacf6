"""The page where an analyst says what the data are, has them checked, and trains the model."""

from __future__ import annotations

from pathlib import Path

from qgis.core import QgsProject
from qgis.gui import QgsCollapsibleGroupBoxBasic, QgsFileWidget, QgsFilterLineEdit
from qgis.PyQt.QtCore import QCoreApplication, QTimer, QUrl, pyqtSignal
from qgis.PyQt.QtGui import QDesktopServices
from qgis.PyQt.QtWidgets import QVBoxLayout, QWidget

from patrol_missions.gui.data_check import CheckBox
from patrol_missions.gui.data_incidents import IncidentsBox
from patrol_missions.gui.data_indicators import IndicatorsBox
from patrol_missions.gui.data_place import PlaceBox
from patrol_missions.gui.forms import Banner, Page, add_row, button, default, form, side_by_side, theme_icon
from patrol_missions.gui.project_state import DataForm, ProjectState
from patrol_missions.gui.readiness import changed_since_training
from patrol_missions.gui.recipes import default_package
from patrol_missions.gui.shifts_table import ShiftsTable


class DataPage(Page):
    """Fills a :class:`DataForm`; the buttons ask the dock to run it."""

    check_wanted = pyqtSignal()
    train_wanted = pyqtSignal()
    plan_wanted = pyqtSignal()
    trouble = pyqtSignal(str)  # sentence

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._state: ProjectState | None = None
        self._engine_problem = ""
        self._category_map = ""
        self._suggested = ""
        self.incidents = IncidentsBox()
        self.place = PlaceBox()
        self.shifts = ShiftsTable()
        self.indicators = IndicatorsBox()
        self.found = CheckBox()
        shifts_box = QgsCollapsibleGroupBoxBasic(tr("Shifts"))
        QVBoxLayout(shifts_box).addWidget(self.shifts)
        self.shifts.set_values(default("trainmodel", "SHIFTS", []))

        self.status = Banner()
        self.check_button = button(
            tr("Chec&k data"),
            tr("Build the grid, check the incidents and say whether they are fit to plan with."),
            theme_icon("mActionStart"), primary=True,
        )  # fmt: skip
        self.train_button = button(
            tr("T&rain"), tr("Train the model on the checked incidents."), theme_icon("mActionStart")
        )
        self.card_button = button(
            tr("Model card"), tr("Open what is known of the model: data, methods, accuracy, limits."),
            theme_icon("mActionOpenTable"),
        )  # fmt: skip
        self.plan_button = button(
            tr("Go to &plan"), tr("Plan missions with the trained model."), theme_icon("mActionArrowRight")
        )
        self.check_button.clicked.connect(self.check_wanted)
        self.train_button.clicked.connect(self.train_wanted)
        self.plan_button.clicked.connect(self.plan_wanted)
        self.card_button.clicked.connect(self._open_card)
        self._card = ""

        for part in (self.incidents, self.place, shifts_box, self.indicators, self._results_box()):
            self.column.addWidget(part)
        self.column.addLayout(side_by_side(self.check_button))
        self.column.addWidget(self.found)
        self.column.addWidget(self.status)
        self.column.addLayout(side_by_side(self.train_button, self.card_button))
        self.column.addLayout(side_by_side(self.plan_button))
        self.column.addStretch(1)

        self.incidents.unreadable.connect(self.trouble)
        self.place.unreadable.connect(self.trouble)
        self.indicators.unreadable.connect(self.trouble)
        self.indicators.changed.connect(self._tell_status)
        self.incidents.time_zone.currentTextChanged.connect(self.indicators.suggest_country)
        self.indicators.suggest_country(self.incidents.time_zone.currentText())
        self.found.trouble.connect(self.trouble)
        self.found.mapping_saved.connect(self._use_mapping)
        self.place.boundary.changed.connect(self._suggest_name)
        for picker in (self.incidents.layer, self.place.boundary, self.place.districts):
            picker.changed.connect(self._tell_status)

    def _results_box(self) -> QWidget:
        box = QgsCollapsibleGroupBoxBasic(tr("Results"))
        layout = form()
        box.setLayout(layout)
        self.name = QgsFilterLineEdit()
        self.name.textChanged.connect(self._suggest_package)
        add_row(
            layout, tr("&Jurisdiction"), self.name, tr("Name of the area; results are grouped under it."), needed=True
        )
        self.package = QgsFileWidget()
        self.package.setStorageMode(QgsFileWidget.StorageMode.SaveFile)
        self.package.setFilter(tr("GeoPackage") + " (*.gpkg)")
        self.package.setConfirmOverwrite(False)
        add_row(
            layout, tr("Stored &in"), self.package,
            tr("GeoPackage for grid, incidents, forecast and missions. The model and the reports go beside it."),
        )  # fmt: skip
        self._suggest_package()
        return box

    def tear_down(self) -> None:
        """Stop listening to the project."""
        self.place.tear_down()
        self.indicators.tear_down()

    def answers(self) -> DataForm:
        """What the page says now."""
        return DataForm(
            jurisdiction=self.name.text().strip(),
            package=self.package.filePath().strip(),
            shifts=self.shifts.values(),
            category_map=self._category_map,
            **self.incidents.answers(),
            **self.place.answers(),
            **self.indicators.answers(),
        )

    def show_answers(self, answers: DataForm) -> None:
        """Show stored answers."""
        self._category_map = answers.category_map
        self.incidents.show_answers(answers)
        self.place.show_answers(answers)
        self.indicators.show_answers(answers)
        self.indicators.suggest_country(self.incidents.time_zone.currentText())
        self.shifts.set_values(answers.shifts or default("trainmodel", "SHIFTS", []))
        self.name.setText(answers.jurisdiction)
        if answers.package:
            self.package.setFilePath(answers.package)
        else:
            self._suggest_package()

    def problem(self) -> str:
        """What is missing before the data can be checked, or an empty text."""
        found = self.incidents.problem() or self.place.problem() or self.shifts.problem()
        if not found and not self.name.text().strip():
            found = tr("Give the jurisdiction a name under “Results”.")
        return found

    def refresh(self, state: ProjectState, busy: bool, engine_problem: str) -> None:
        """Show what has been done and what can be done next."""
        if self.found.refresh(state):
            QTimer.singleShot(0, self._go_to_verdict)  # once it is laid out
        ready = not busy and not engine_problem
        checked = state.layer("incidents") is not None and state.layer("grid") is not None
        trained = bool(state.value("train", "MODEL"))
        self._card = state.value("train", "CARD")
        self.check_button.setEnabled(ready)
        self.check_button.setText(tr("Chec&k again") if checked else tr("Chec&k data"))
        self.train_button.setEnabled(ready and checked)
        self.card_button.setVisible(trained and Path(self._card).is_file())
        self.plan_button.setVisible(trained)
        self._state, self._engine_problem = state, engine_problem
        self._tell_status()

    def _tell_status(self) -> None:
        """Say how things stand, and what comes next."""
        state = self._state
        if state is None:
            return
        trained = bool(state.value("train", "MODEL"))
        changed = changed_since_training(state, self.answers()) if trained else []
        if self._engine_problem:
            self.status.say("mIconWarning", self._engine_problem)
        elif changed:
            told = tr("Changed since the model was trained: {what}. Train it anew, so that it counts.")
            self.status.say("mIconWarning", told.format(what=", ".join(changed)))
        elif trained and _later(state, "check", "train"):
            self.status.say(
                "mIconInfo",
                tr(
                    "The data were checked since the model was trained. Train it anew, or plan with the model as it is."
                ),
            )
        elif trained:
            self.status.say("mIconSuccess", tr("The model is trained. Next: plan missions."))
        elif state.layer("incidents") is not None and state.layer("grid") is not None:
            self.status.say("mIconInfo", tr("Next: train the model on the checked incidents."))
        else:
            missing = self.incidents.problem() or self.place.problem()
            first = tr("Next: choose incidents and boundary, then check the data.")
            self.status.say("mIconInfo", first if missing else tr("Next: check the data."))

    def _go_to_verdict(self) -> None:
        self.ensureWidgetVisible(self.found.findings)
        self.ensureWidgetVisible(self.found.verdict)

    def _suggest_name(self) -> None:
        layer = self.place.boundary.layer()
        if layer is not None and self.name.text().strip() in ("", self._suggested):
            name = layer.name().replace("_", " ").strip()
            self._suggested = name.capitalize() if name.islower() else name
            self.name.setText(self._suggested)

    def _suggest_package(self) -> None:
        """Follow the name, unless the user chose a file of their own."""
        suggestion = str(default_package(QgsProject.instance(), self.name.text()))
        if self.package.filePath() in ("", getattr(self, "_suggested_package", "")):
            self._suggested_package = suggestion
            self.package.setFilePath(suggestion)

    def _use_mapping(self, path: str) -> None:
        self._category_map = path

    def _open_card(self) -> None:
        QDesktopServices.openUrl(QUrl.fromLocalFile(self._card))


def _later(state: ProjectState, one: str, other: str) -> bool:
    first, second = state.at(one), state.at(other)
    return first is not None and second is not None and first > second


def tr(text: str) -> str:
    """The text in the user's language."""
    return QCoreApplication.translate("DataPage", text)
