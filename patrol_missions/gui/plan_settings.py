"""The part of the plan page that says how missions are chosen."""

from __future__ import annotations

from typing import Any

from qgis.gui import QgsCollapsibleGroupBoxBasic, QgsDateTimeEdit, QgsDoubleSpinBox, QgsSpinBox
from qgis.PyQt.QtCore import QCoreApplication, QDateTime, Qt, QTimeZone, pyqtSignal
from qgis.PyQt.QtWidgets import QCheckBox, QFormLayout, QHBoxLayout, QLabel, QSlider, QVBoxLayout, QWidget

from patrol_missions.gui.forms import Note, add_row, default, explain, form, help_of, theme_icon, tool_button
from patrol_missions.gui.project_state import PlanForm
from patrol_missions.gui.quotas_table import QuotasTable
from patrol_missions.gui.trade_off_box import TradeOffBox


class PlanSettings(QWidget):
    """Missions, also by district, harm kept and weights in sight; dose, shifts and seed under "Advanced"."""

    changed = pyqtSignal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._zone = QTimeZone.utc()
        self.trade_off = TradeOffBox()
        self.quotas = QuotasTable()
        self.advanced = QgsCollapsibleGroupBoxBasic(tr("Advanced"))
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addLayout(self._main_rows())
        column.addWidget(self.trade_off)
        column.addWidget(self.quotas)
        column.addWidget(self.advanced)
        self.advanced.setLayout(self._more_rows())
        self.advanced.setCollapsed(True)
        self._connect()

    def _main_rows(self) -> QFormLayout:
        rows = form()
        self.missions = _whole(1, 50, default("allocatemissions", "MISSIONS_PER_DISTRICT", 3))
        add_row(rows, tr("&Missions per district"), self.missions, help_of("allocatemissions", "MISSIONS_PER_DISTRICT"))
        self.harm_kept = QSlider(Qt.Orientation.Horizontal)
        self.harm_kept.setRange(50, 100)
        self.harm_kept.setPageStep(5)
        self._kept_text = QLabel()
        self._kept_text.setMinimumWidth(self._kept_text.fontMetrics().boundingRect("100 %").width() + 4)
        self._kept_text.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        self.harm_kept.valueChanged.connect(lambda value: self._kept_text.setText(f"{value} %"))
        self.harm_kept.setValue(int(default("allocatemissions", "HARM_KEPT", 90)))
        kept = _beside(self.harm_kept, self._kept_text)
        kept.setFocusProxy(self.harm_kept)
        add_row(rows, tr("&Harm kept"), kept, help_of("allocatemissions", "HARM_KEPT"))
        self.weights = Note()
        self.weights_button = tool_button(
            theme_icon("mActionToggleEditing"), tr("Change the weights"), tr("Go to the Weights page.")
        )
        by = _beside(self.weights, self.weights_button)
        by.setFocusProxy(self.weights_button)
        add_row(rows, tr("&Weights"), by, tr("What one incident of each category counts."))
        return rows

    def _more_rows(self) -> QFormLayout:
        rows = form()
        self.dose = QgsDoubleSpinBox()
        self.dose.setRange(1.0, 120.0)
        self.dose.setDecimals(0)
        self.dose.setSuffix(tr(" min"))
        self.dose.setClearValue(float(default("allocatemissions", "DOSE_MINUTES", 15)))
        self.dose.clear()
        add_row(rows, tr("&Dose"), self.dose, help_of("allocatemissions", "DOSE_MINUTES"))
        self.mind_doses = QCheckBox(tr("Mi&nd doses"))
        self.mind_doses.setChecked(PlanForm().mind_doses)
        explain(self.mind_doses, tr("Mind doses"), help_of("allocatemissions", "MIND_DOSES"))
        rows.addRow("", self.mind_doses)
        self.start = QgsDateTimeEdit()
        self.start.setAllowNull(True)
        self.start.setNullRepresentation(tr("after the data"))
        self.start.setDisplayFormat("yyyy-MM-dd HH:mm")
        self.start.setCalendarPopup(True)
        self.start.clear()
        add_row(rows, tr("Shifts &from"), self.start, help_of("forecastrisk", "START"))
        self.shift_count = _whole(1, 1000, default("forecastrisk", "SHIFT_COUNT", 21))
        add_row(rows, tr("Shifts &ahead"), self.shift_count, help_of("forecastrisk", "SHIFT_COUNT"))
        self.seed = _whole(0, 2_147_483_647, default("allocatemissions", "SEED", 1))
        add_row(rows, tr("S&eed"), self.seed, help_of("allocatemissions", "SEED"))
        return rows

    def _connect(self) -> None:
        self.trade_off.set_share(self.harm_kept.value())
        self.trade_off.share_chosen.connect(self.harm_kept.setValue)
        self.harm_kept.valueChanged.connect(self.trade_off.set_share)
        for signal in (
            self.missions.valueChanged, self.harm_kept.valueChanged, self.quotas.changed, self.dose.valueChanged,
            self.mind_doses.toggled, self.start.valueChanged, self.shift_count.valueChanged, self.seed.valueChanged,
        ):  # fmt: skip
            signal.connect(lambda *_: self.changed.emit())

    def set_zone(self, zone: QTimeZone) -> None:
        """Times on this page are local to the jurisdiction."""
        self._zone = zone

    def answers(self) -> PlanForm:
        """What the page says now."""
        start = ""
        if not self.start.isNull():
            wall = self.start.dateTime()
            moment = QDateTime(wall.date(), wall.time(), self._zone)
            start = moment.toUTC().toString(Qt.DateFormat.ISODate)
        values: dict[str, Any] = {
            "missions_per_district": self.missions.value(),
            "quotas": self.quotas.values(),
            "harm_kept": float(self.harm_kept.value()),
            "dose_minutes": self.dose.value(),
            "start": start,
            "shift_count": self.shift_count.value(),
            "seed": self.seed.value(),
            "mind_doses": self.mind_doses.isChecked(),
        }
        return PlanForm(**values)

    def show_answers(self, answers: PlanForm) -> None:
        """Show stored answers."""
        self.blockSignals(True)  # they are no changes
        self.missions.setValue(answers.missions_per_district)
        self.quotas.set_values(answers.quotas)
        self.harm_kept.setValue(int(answers.harm_kept))
        self.dose.setValue(answers.dose_minutes)
        if answers.start:
            moment = QDateTime.fromString(answers.start, Qt.DateFormat.ISODate).toTimeZone(self._zone)
            self.start.setDateTime(QDateTime(moment.date(), moment.time()))
        else:
            self.start.clear()
        self.shift_count.setValue(answers.shift_count)
        self.seed.setValue(answers.seed)
        self.mind_doses.setChecked(answers.mind_doses)
        self.blockSignals(False)


def _beside(wide: QWidget, narrow: QWidget) -> QWidget:
    """Two widgets in a row, of which the first takes the room."""
    both = QWidget()
    row = QHBoxLayout(both)
    row.setContentsMargins(0, 0, 0, 0)
    row.addWidget(wide, 1)
    row.addWidget(narrow)
    return both


def _whole(least: int, most: int, value: Any) -> QgsSpinBox:
    box = QgsSpinBox()
    box.setRange(least, most)
    box.setClearValue(int(value))
    box.clear()
    return box


def tr(text: str) -> str:
    """The text in the user's language."""
    return QCoreApplication.translate("PlanSettings", text)
