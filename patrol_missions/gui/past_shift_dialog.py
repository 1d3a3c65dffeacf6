"""The dialog that asks which past shift, or which log, is to be played on the map."""

from __future__ import annotations

from collections.abc import Sequence

from qgis.gui import QgsFileWidget
from qgis.PyQt.QtCore import QCoreApplication, QDateTime, QTimeZone
from qgis.PyQt.QtWidgets import QComboBox, QDateEdit, QDialog, QDialogButtonBox, QVBoxLayout, QWidget

from patrol_missions.core.errors import PatrolError
from patrol_missions.gui.forms import Note, add_row, form, shrinkable
from patrol_missions.gui.live_sources import log_filter
from patrol_missions.gui.missions import ShiftInstance
from patrol_missions.gui.past_shifts import shifts_on

_WIDTH = 340


class PastShiftDialog(QDialog):
    """Begins with the last shift of yesterday.

    :param shifts: as the data page keeps them
    :param ledger: whether there is a ledger; else only a log can be chosen
    """

    def __init__(self, shifts: Sequence[object], zone: QTimeZone, ledger: bool, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._shifts, self._zone = shifts, zone
        self._found: list[ShiftInstance] = []
        self.setWindowTitle(tr("Load a past shift"))
        self.source = shrinkable(QComboBox())
        if ledger:
            self.source.addItem(tr("The ledger of live tracking"), True)
        self.source.addItem(tr("A log of positions"), False)
        self.day, self.shift = QDateEdit(), shrinkable(QComboBox())
        self.day.setCalendarPopup(True)
        self.day.setDisplayFormat("ddd d MMM yyyy")
        today = QDateTime.currentDateTimeUtc().toTimeZone(zone).date()
        self.day.setMaximumDate(today)
        self.log = QgsFileWidget()
        self.log.setFilter(log_filter())
        rows = form()
        add_row(rows, tr("&From"), self.source, tr("Where the positions are kept."))
        self._of_ledger = [
            add_row(rows, tr("&Day"), self.day, tr("The day on which the shift began, by the place’s own time.")),
            self.day,
            add_row(rows, tr("&Shift"), self.shift, tr("The shift that began on that day.")),
            self.shift,
        ]
        self._of_log = [
            add_row(rows, tr("&Log"), self.log, tr("GPX, NMEA or CSV; all of it is loaded."), True),
            self.log,
        ]
        self.note = Note()
        self.buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Ok | QDialogButtonBox.StandardButton.Cancel)
        self.buttons.button(QDialogButtonBox.StandardButton.Ok).setText(tr("Load"))
        self.buttons.accepted.connect(self.accept)
        self.buttons.rejected.connect(self.reject)
        column = QVBoxLayout(self)
        column.addLayout(rows)
        column.addWidget(self.note)
        column.addWidget(self.buttons)
        self.day.dateChanged.connect(self._list)
        self.day.setDate(today.addDays(-1))
        for changed in (self.source.currentIndexChanged, self.shift.currentIndexChanged, self.log.fileChanged):
            changed.connect(self._show)
        self._show()
        self.setMinimumWidth(_WIDTH)

    def chosen(self) -> ShiftInstance | None:
        """The shift; None where a log was chosen, or there is no shift on that day."""
        at = self.shift.currentIndex()
        return self._found[at] if self.source.currentData() and at >= 0 else None

    def _list(self, *_: object) -> None:
        """List the day's shifts; the last one is chosen."""
        problem = ""
        try:
            self._found = shifts_on(self.day.date(), self._shifts, self._zone)
        except PatrolError as error:
            self._found, problem = [], str(error)
        self._problem = problem or ("" if self._found else tr("No shift begins on that day."))
        self.shift.blockSignals(True)
        self.shift.clear()
        self.shift.addItems([shift.title(self._zone) for shift in self._found])
        self.shift.setCurrentIndex(len(self._found) - 1)
        self.shift.blockSignals(False)
        self._show()

    def _show(self, *_: object) -> None:
        ledger = bool(self.source.currentData())
        for part in self._of_ledger:
            part.setVisible(ledger)
        for part in self._of_log:
            part.setVisible(not ledger)
        ready = self.chosen() is not None if ledger else bool(self.log.filePath())
        told = tr("Trails are played by QGIS’s temporal controller. They are not kept with the project.")
        self.note.setText(self._problem if ledger and self._problem else told)
        self.buttons.button(QDialogButtonBox.StandardButton.Ok).setEnabled(ready)


def tr(text: str) -> str:
    """The text in the user's language."""
    return QCoreApplication.translate("PastShiftDialog", text)
