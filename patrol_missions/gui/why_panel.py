"""The panel “Why here?”: a clicked cell's expected incidents, the reasons, and what happened nearby lately."""

from __future__ import annotations

import math
from collections.abc import Sequence

from qgis.core import QgsProcessingUtils, QgsProject, QgsVectorLayer
from qgis.gui import QgsDockWidget
from qgis.PyQt.QtCore import QCoreApplication, QLocale, QTimeZone
from qgis.PyQt.QtWidgets import QComboBox, QHBoxLayout, QLabel, QProgressBar, QWidget

from patrol_missions.bridge.environment import can_execute
from patrol_missions.gui import recipes
from patrol_missions.gui.forms import (
    Banner,
    Card,
    Note,
    Page,
    add_row,
    button,
    explain,
    form,
    heading,
    quiet,
    shrinkable,
    theme_icon,
)
from patrol_missions.gui.project_state import ProjectState
from patrol_missions.gui.runner import Done, Runner
from patrol_missions.gui.why_facts import RECENT_DAYS, Cell, Reasons, labels_of, read_reasons, recent_incidents
from patrol_missions.gui.why_reasons import ReasonList

_MOST_INCIDENTS = 8

_Key = tuple[tuple[str, str], str]


class WhyPanel(QgsDockWidget):
    """Shows what the layers say at once, and the reasons when the engine has given them."""

    def __init__(self, state: ProjectState, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._state = state
        self.runner = Runner(QgsProject.instance(), self)
        self._cell: Cell | None = None
        self._asked = ""
        self._answers: dict[str, dict[_Key, Reasons]] = {}
        self._made_at = state.at("forecast")
        self.setObjectName("patrolMissionsWhyDock")
        self.setWindowTitle(tr("Why here?"))
        self._lay_out()
        self._say_empty()
        self.shift.currentIndexChanged.connect(lambda _index: self._show())
        self.category.currentIndexChanged.connect(lambda _index: self._show())
        self.runner.progressed.connect(self._progressed)
        self.runner.step_done.connect(self._take)
        self.runner.succeeded.connect(lambda _title, _keys: self._ended(""))
        self.runner.failed.connect(lambda _title, sentence: self._ended(sentence))
        self.runner.canceled.connect(lambda _title: self._ended(tr("The reasons were not worked out.")))
        state.changed.connect(self._state_changed)

    def _lay_out(self) -> None:
        page = Page()
        self.banner = Banner()
        self.place = heading("")
        self.shift, self.category = shrinkable(QComboBox()), shrinkable(QComboBox())
        pickers = form()
        add_row(pickers, tr("&Shift"), self.shift, tr("The shift of the forecast to look at."))
        add_row(pickers, tr("&Category"), self.category, tr("The kind of crime to look at."))
        self.expected_card = Card(tr("Expected"), theme_icon("mActionCalculateField"))
        self.expected, self.compared = QLabel(), Note()
        large = self.expected.font()
        large.setPointSizeF(large.pointSizeF() * 1.5)
        self.expected.setFont(large)
        self.expected_card.column.addWidget(self.expected)
        self.expected_card.column.addWidget(self.compared)
        self.reasons_card = Card(tr("Reasons"), theme_icon("mActionIdentify"))
        self.reasons, self.footnote = ReasonList(), quiet(Note())
        self.progress = QProgressBar()
        explain(self.progress, tr("Progress"), tr("How far the engine is with the reasons."))
        self.cancel = button(tr("Cancel"), tr("Stop working out the reasons."))
        self.cancel.clicked.connect(self.runner.cancel)
        self.again = button(tr("Work out the reasons"), tr("Ask the engine why."))
        self.again.clicked.connect(self._ask)
        running = QHBoxLayout()
        running.addWidget(self.progress, 1)
        running.addWidget(self.cancel)
        self.reasons_card.column.addLayout(running)
        self.reasons_card.column.addWidget(self.again)
        self.reasons_card.column.addWidget(self.reasons)
        self.reasons_card.column.addWidget(self.footnote)
        self.nearby_card = Card(
            tr("Nearby in the last {days} days").format(days=RECENT_DAYS), theme_icon("mIconPointLayer")
        )
        self.nearby = Note()
        self.nearby_card.column.addWidget(self.nearby)
        for part in (self.banner, self.place):
            page.column.addWidget(part)
        page.column.addLayout(pickers)
        for part in (self.expected_card, self.reasons_card, self.nearby_card):
            page.column.addWidget(part)
        page.column.addStretch(1)
        self._parts = (self.place, self.shift, self.category, self.expected_card, self.reasons_card, self.nearby_card)
        self._captions = [pickers.labelForField(box) for box in (self.shift, self.category)]
        self.setWidget(page)

    def tear_down(self) -> None:
        """Let go of everything outside of this widget."""
        self._state.changed.disconnect(self._state_changed)
        self.runner.tear_down()

    # --- what to show

    def show_cell(self, cell: Cell | None, forecast: QgsVectorLayer | None) -> None:
        """Show a cell, or say why there is none, and ask the engine for its reasons."""
        self._forget_old()
        self._cell = cell
        if cell is None or forecast is None:
            self.runner.cancel()
            self._say_empty()
            return
        labels = labels_of(forecast, self._state.layer("incidents"), cell.fields)
        first = self.category.currentText() or cell.top[0]
        zone = self._zone()
        _fill(self.shift, [each.title(zone) for each in cell.shifts], self.shift.currentText())
        _fill(self.category, labels, first)
        for part in (*self._parts, *self._captions):
            part.setVisible(True)
        district = tr(" · district {district}").format(district=cell.district) if cell.district else ""
        self.place.setText(tr("Cell {cell}{district}").format(cell=cell.cell_id, district=district))
        self.banner.say("", "")
        self._ask()

    def _say_empty(self) -> None:
        for part in (*self._parts, *self._captions):
            part.setVisible(False)
        if self._state.layer("forecast") is None:
            self.banner.say("mIconInfo", tr("There is no forecast in this project yet. Plan missions first."))
        else:
            self.banner.say("mIconInfo", tr("Click a cell of the risk map to learn why it is forecast as it is."))

    def say_outside(self) -> None:
        """The click was beside all cells."""
        self.show_cell(None, None)
        if self._state.layer("forecast") is not None:
            self.banner.say("mIconInfo", tr("The forecast has no cell there. Click inside the jurisdiction."))

    def _state_changed(self) -> None:
        if self._state.layer("forecast") is None:
            self.show_cell(None, None)
        elif self._cell is None:
            self._say_empty()
        elif self._state.at("forecast") != self._made_at:
            self.banner.say("mIconWarning", tr("There is a new forecast. Click the cell again."))

    def _forget_old(self) -> None:
        if self._state.at("forecast") != self._made_at:
            self._made_at = self._state.at("forecast")
            self._answers.clear()

    # --- the engine

    def _ask(self) -> None:
        """Have the reasons worked out unless they are known; a run for another cell is ended first."""
        if self._cell is None:
            return
        able, problem = can_execute()
        if self._cell.cell_id not in self._answers:
            if not able:
                self.banner.say("mIconWarning", problem)
            elif self.runner.busy():
                self.runner.cancel()  # its end asks again
            else:
                self.banner.say("", "")
                self._asked = self._cell.cell_id
                output = QgsProcessingUtils.generateTempFilename("explanations.gpkg")
                self.runner.run(tr("Why here?"), [recipes.explain_step(self._state, self._asked, output)])
        self._show()

    def _progressed(self, percent: float, text: str) -> None:
        self.progress.setValue(int(percent))
        self.progress.setToolTip(text)

    def _take(self, done: Done) -> None:
        self._answers[self._asked] = read_reasons(done.layers["explanations"])
        if done.values.get("WARNINGS"):
            self.banner.say("mIconWarning", str(done.values["WARNINGS"]))

    def _ended(self, sentence: str) -> None:
        if self._cell is not None and self._cell.cell_id != self._asked:
            self._ask()
            return
        if sentence:
            self.banner.say("mIconWarning", sentence)
        self._show()

    # --- one shift and category

    def _show(self) -> None:
        at, what = self.shift.currentIndex(), self.category.currentIndex()
        cell = self._cell
        if cell is None or not (0 <= at < len(cell.shifts) and 0 <= what < len(cell.fields)):
            return
        self._show_expected(cell.expected[at][what], cell.average[at][what])
        found = self._answers.get(cell.cell_id, {}).get((cell.shifts[at].key(), cell.fields[what]))
        busy = self.runner.busy()
        self.progress.setVisible(busy and found is None)
        self.cancel.setVisible(busy and found is None)
        self.again.setVisible(not busy and found is None and can_execute()[0])
        self.reasons.show_reasons(found.listed if found is not None else [])
        self.footnote.setText(_footnote(found) if found is not None else "")
        self.footnote.setVisible(found is not None)
        self._show_nearby(cell)

    def _show_expected(self, expected: float, average: float) -> None:
        self.expected.setText(tr("{number} incidents").format(number=_figure(expected)))
        text = tr("About one in {shifts} such shifts.").format(shifts=_figure(1 / expected)) if 0 < expected < 1 else ""
        if average > 0 and not math.isnan(average):
            text += " " + tr("{factor} times the average cell of the district ({average}).").format(
                factor=_figure(expected / average), average=_figure(average)
            )
        self.compared.setText(text.strip())

    def _show_nearby(self, cell: Cell) -> None:
        incidents, forecast = self._state.layer("incidents"), self._state.layer("forecast")
        if incidents is None or forecast is None:
            self.nearby.setText(tr("The checked incidents are not in the project."))
            return
        found = recent_incidents(incidents, cell, forecast, self.category.currentText())
        zone = self._zone()
        lines = []
        for each in found[:_MOST_INCIDENTS]:
            when = QLocale().toString(
                each.start.toTimeZone(zone), "ddd d MMM HH:mm" if each.time_known else "ddd d MMM"
            )
            lines.append(tr("{when} · {metres:.0f} m").format(when=when, metres=each.distance_m))
        if len(found) > _MOST_INCIDENTS:
            lines.append(tr("and {number} before").format(number=len(found) - _MOST_INCIDENTS))
        self.nearby.setText(
            "\n".join(lines) or tr("None in this cell or the eight around it before the forecast began.")
        )

    def _zone(self) -> QTimeZone:
        zone = QTimeZone(self._state.data.time_zone.encode()) if self._state.data.time_zone else QTimeZone.utc()
        return zone if zone.isValid() else QTimeZone.utc()


def _fill(box: QComboBox, texts: Sequence[str], wanted: str) -> None:
    box.blockSignals(True)
    box.clear()
    box.addItems(list(texts))
    box.setCurrentIndex(max(box.findText(wanted), 0))
    box.blockSignals(False)


def _footnote(found: Reasons) -> str:
    text = tr("Against a typical cell and shift ({average} incidents). How the model reckons, not a proof of a cause.")
    if found.by_baseline:
        text += " " + tr("This category is forecast by a simple baseline.")
    return text.format(average=_figure(found.average))


def _figure(value: float) -> str:
    """Two significant digits."""
    digits = 1 - math.floor(math.log10(abs(value))) if value else 0
    return QLocale().toString(round(value, digits), "f", min(max(digits, 0), 6))


def tr(text: str) -> str:
    """The text in the user's language."""
    return QCoreApplication.translate("WhyPanel", text)
