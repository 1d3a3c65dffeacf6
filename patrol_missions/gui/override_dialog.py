"""The dialog that asks for an override's reason, its author, and how long it holds."""

from __future__ import annotations

from dataclasses import replace

from qgis.gui import QgsDateTimeEdit
from qgis.PyQt.QtCore import QCoreApplication, QDateTime, QTimeZone
from qgis.PyQt.QtWidgets import QComboBox, QDialog, QDialogButtonBox, QLineEdit, QVBoxLayout, QWidget

from patrol_missions.gui import settings
from patrol_missions.gui.forms import Note, add_row, form
from patrol_missions.gui.missions import ShiftInstance
from patrol_missions.gui.override_layer import Override, kind_title

_WIDTH = 340
_THIS, _SAME_NAME, _ALL = range(3)


class OverrideDialog(QDialog):
    """Nothing is decided without a reason and a name.

    :param shift: the shift that the page lists, for which an override holds unless the person says otherwise
    """

    def __init__(self, draft: Override, shift: ShiftInstance, zone: QTimeZone, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._draft, self._shift, self._zone = draft, shift, zone
        self.setWindowTitle(kind_title(draft.kind))
        self.reason = QLineEdit()
        self.reason.setPlaceholderText(tr("such as: market day, street closed"))
        self.author = QLineEdit(settings.AUTHOR.get())
        self.holds = QComboBox()
        self.holds.addItems([shift.title(zone), tr("Every “{shift}”").format(shift=shift.name), tr("All shifts")])
        self.until = QgsDateTimeEdit()
        self.until.setAllowNull(True)
        self.until.setNullRepresentation(tr("withdrawn"))
        self.until.setDisplayFormat("yyyy-MM-dd HH:mm")
        self.until.setCalendarPopup(True)
        self.until.clear()
        rows = form()
        add_row(rows, tr("&Reason"), self.reason, tr("Why; it is written beside the mission and in the plan."), True)
        add_row(rows, tr("&Author"), self.author, tr("Who decides; remembered for the next time."), True)
        add_row(rows, tr("&Holds for"), self.holds, tr("The shifts in which it holds."))
        add_row(rows, tr("&Until"), self.until, tr("Local time at which it ends by itself; empty until withdrawn."))
        self.buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Ok | QDialogButtonBox.StandardButton.Cancel)
        self.buttons.accepted.connect(self.accept)
        self.buttons.rejected.connect(self.reject)
        column = QVBoxLayout(self)
        column.addWidget(Note(draft.place()))
        column.addLayout(rows)
        column.addWidget(self.buttons)
        for line in (self.reason, self.author):
            line.textChanged.connect(self._allow)
        self.holds.currentIndexChanged.connect(self._show_end)
        self._show_end()
        self._allow()
        self.setMinimumWidth(_WIDTH)
        self.reason.setFocus()

    def override(self) -> Override:
        """The draft with the answers."""
        answered = replace(self._draft, reason=self.reason.text().strip(), author=self.author.text().strip())
        which = self.holds.currentIndex()
        if which == _THIS:
            shift = self._shift
            return replace(answered, shift=shift.name, valid_from=shift.start, valid_to=shift.end)
        until = None
        if not self.until.isNull():
            wall = self.until.dateTime()
            until = QDateTime(wall.date(), wall.time(), self._zone).toUTC()
        return replace(answered, shift=self._shift.name if which == _SAME_NAME else "", valid_to=until)

    def accept(self) -> None:
        """Remember the author."""
        settings.AUTHOR.set(self.author.text().strip())
        super().accept()

    def _allow(self, *_: object) -> None:
        said = bool(self.reason.text().strip() and self.author.text().strip())
        self.buttons.button(QDialogButtonBox.StandardButton.Ok).setEnabled(said)

    def _show_end(self, *_: object) -> None:
        """One shift ends when it ends; for others an end can be chosen."""
        one = self.holds.currentIndex() == _THIS
        self.until.setEnabled(not one)
        if one:
            end = self._shift.end.toTimeZone(self._zone)
            self.until.setDateTime(QDateTime(end.date(), end.time()))
        else:
            self.until.clear()


def tr(text: str) -> str:
    """The text in the user's language."""
    return QCoreApplication.translate("OverrideDialog", text)
