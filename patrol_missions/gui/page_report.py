"""The page of the morning after: what was planned, held against what happened."""

from __future__ import annotations

from pathlib import Path

from qgis.gui import QgsFileWidget, QgsSpinBox
from qgis.PyQt.QtCore import QCoreApplication, QDateTime, Qt, QTimeZone, QUrl, pyqtSignal
from qgis.PyQt.QtGui import QDesktopServices
from qgis.PyQt.QtWidgets import QComboBox, QVBoxLayout, QWidget

from patrol_missions.gui.capture_tables import CaptureTables
from patrol_missions.gui.captures import Captures, count
from patrol_missions.gui.compat import LAYER_FILTER
from patrol_missions.gui.forms import (
    Banner,
    Note,
    Page,
    add_row,
    button,
    explain,
    form,
    help_of,
    quiet,
    shrinkable,
    side_by_side,
    theme_icon,
)
from patrol_missions.gui.layer_picker import LayerPicker
from patrol_missions.gui.missions import told_at, zone_of
from patrol_missions.gui.project_state import FILE, LAST, RECORD, ProjectState, ReportForm
from patrol_missions.gui.report_readiness import report_problem

ROLE = "captures"


class ReportPage(Page):
    """Fills a :class:`ReportForm`; the button asks the dock to run it."""

    report_wanted = pyqtSignal()
    changed = pyqtSignal()
    trouble = pyqtSignal(str)  # sentence

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._at = ""
        self._published = 0
        self._page = ""
        rows = form()
        self.plan = shrinkable(QComboBox())
        explain(self.plan, tr("Plan"), tr("The plan whose missions are held against what happened."))
        for title, data in (
            (tr("The last plan of this project"), LAST),
            (tr("A published plan"), RECORD),
            (tr("A plan file"), FILE),
        ):
            self.plan.addItem(title, data)
        self.number = QgsSpinBox()
        self.number.setRange(1, 2_147_483_647)
        self.number.setPrefix(tr("Record") + " ")
        explain(self.number, tr("Record"), help_of("capturereport", "NUMBER"))
        self.file = QgsFileWidget()
        self.file.setFilter(tr("Plan files") + " (*.zip)")
        explain(self.file, tr("Plan file"), help_of("capturereport", "PLAN"))
        which = QWidget()
        which.setFocusProxy(self.plan)
        column = QVBoxLayout(which)
        column.setContentsMargins(0, 0, 0, 0)
        for part in (self.plan, self.number, self.file):
            column.addWidget(part)
        add_row(rows, tr("&Plan"), which, self.plan.accessibleDescription())
        self.incidents = LayerPicker(
            LAYER_FILTER.PointLayer,
            optional=True,
            hint=tr("Records that are not points yet are chosen, and checked, on the Data page."),
        )
        self.incidents.combo.setAllowEmptyLayer(True, tr("the checked incidents"))
        add_row(rows, tr("&Incidents"), self.incidents, help_of("capturereport", "INCIDENTS"))
        self.report_button = button(
            tr("&Make the report"), tr("Hold the missions against the incidents of their shifts."),
            theme_icon("mActionStart"), primary=True,
        )  # fmt: skip
        self.open_button = button(
            tr("&Open the report"), tr("Open the whole capture report in the browser."), theme_icon("mActionOpenTable")
        )
        self.status = Banner()
        self.tables = CaptureTables()
        self.column.addLayout(rows)
        self.column.addLayout(side_by_side(self.report_button))
        self.made = quiet(Note())
        for part in (self.status, self.made):
            self.column.addWidget(part)
        self.column.addLayout(side_by_side(self.open_button))  # of its own: both are wider than a narrow panel
        self.column.addWidget(self.tables)
        self.column.addStretch(1)

        self.report_button.clicked.connect(self.report_wanted)
        self.open_button.clicked.connect(self._open)
        self.incidents.unreadable.connect(self.trouble)
        self.plan.currentIndexChanged.connect(lambda _index: self._show_rows())
        for signal in (
            self.plan.currentIndexChanged, self.number.valueChanged, self.file.fileChanged, self.incidents.changed
        ):  # fmt: skip
            signal.connect(lambda *_: self.changed.emit())
        self._show_rows()

    def answers(self) -> ReportForm:
        """What the page says now."""
        return ReportForm(
            self.plan.currentData(), self.number.value(), self.file.filePath().strip(), self.incidents.layer_id()
        )

    def show_answers(self, state: ProjectState) -> None:
        """Show stored answers."""
        answers = state.report
        self.blockSignals(True)  # they are no changes
        self.plan.setCurrentIndex(max(self.plan.findData(answers.plan), 0))
        self._published = int(state.value("publish", "NUMBER", 0))
        self.number.setValue(answers.number or max(self._published, 1))
        self.file.setFilePath(answers.file)
        self.incidents.set_layer(state.project.mapLayer(answers.incidents))
        self.blockSignals(False)

    def refresh(self, state: ProjectState, busy: bool, engine_problem: str) -> None:
        """Show the report there is, and what can be done next."""
        self._offer_record(state)
        zone = zone_of(state.data.time_zone)
        problem = report_problem(state, self.answers(), engine_problem, zone)
        layer = state.layer(ROLE)
        self.report_button.setEnabled(not busy and not problem)
        self.status.say("mIconWarning" if engine_problem else "mIconInfo", problem or _next(layer is not None))
        self._page = str(state.value("report", "REPORT"))
        self.open_button.setVisible(bool(self._page) and Path(self._page).is_file())
        at = f"{layer.id()}{state.value('report', 'at')}" if layer is not None else ""
        if at != self._at:
            self._at = at
            self.tables.show_captures(Captures(layer), str(state.value("report", "WARNINGS")))
            self.made.setText(_made(state, zone))
        self.made.setVisible(bool(at))
        self.tables.setVisible(bool(at))

    def _offer_record(self, state: ProjectState) -> None:
        """Follow what is published, until another record is wanted."""
        newest = int(state.value("publish", "NUMBER", 0))
        if newest != self._published:
            self._published = newest
            self.number.setValue(newest)

    def _show_rows(self) -> None:
        self.number.setVisible(self.plan.currentData() == RECORD)
        self.file.setVisible(self.plan.currentData() == FILE)

    def _open(self) -> None:
        QDesktopServices.openUrl(QUrl.fromLocalFile(self._page))


def _next(reported: bool) -> str:
    return "" if reported else tr("Next: make the report of the plan’s shifts that are over.")


def _made(state: ProjectState, zone: QTimeZone) -> str:
    """What the report that is shown is of."""
    moment = QDateTime.fromString(str(state.value("report", "at")), Qt.DateFormat.ISODate)
    return tr("Report of {moment}: {number} incidents in the shifts.").format(
        moment=told_at(moment, zone),
        number=count(float(state.value("report", "INCIDENT_COUNT", 0.0))),
    )


def tr(text: str) -> str:
    """The text in the user's language."""
    return QCoreApplication.translate("ReportPage", text)
