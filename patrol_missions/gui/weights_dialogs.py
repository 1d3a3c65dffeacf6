"""The dialogs of the weights: who approves, locks or unlocks them and why, and what differs between two versions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from qgis.PyQt.QtCore import QCoreApplication, Qt
from qgis.PyQt.QtWidgets import (
    QComboBox,
    QDialog,
    QDialogButtonBox,
    QHeaderView,
    QLineEdit,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

from patrol_missions.core.weights import Weight
from patrol_missions.gui.forms import Note, add_row, compact, explain, form, shrinkable


class RecordDialog(QDialog):
    """Asks for texts, all of which must be given, for something that stays on record.

    :param asked: label and help per key
    """

    def __init__(
        self, title: str, told: str, asked: Mapping[str, tuple[str, str]], parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self.setWindowTitle(title)
        self.lines = {key: QLineEdit() for key in asked}
        rows = form()
        for key, (label, help_text) in asked.items():
            add_row(rows, label, self.lines[key], help_text, True)
            self.lines[key].textChanged.connect(self._allow)
        self.buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Ok | QDialogButtonBox.StandardButton.Cancel)
        self.buttons.accepted.connect(self.accept)
        self.buttons.rejected.connect(self.reject)
        column = QVBoxLayout(self)
        column.addWidget(Note(told))
        column.addLayout(rows)
        column.addWidget(self.buttons)
        self.setMinimumWidth(340)
        self._allow()

    def answers(self) -> dict[str, str]:
        """What was typed, per key."""
        return {key: line.text().strip() for key, line in self.lines.items()}

    def _allow(self, *_: object) -> None:
        self.buttons.button(QDialogButtonBox.StandardButton.Ok).setEnabled(all(self.answers().values()))


class CompareDialog(QDialog):
    """Two sets of weights side by side; what differs is bold.

    :param sets: weights per name, in the order in which they are offered
    """

    def __init__(self, sets: Mapping[str, Sequence[Weight]], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle(tr("Compare weights"))
        self._sets = sets
        self.left, self.right = shrinkable(QComboBox()), shrinkable(QComboBox())
        rows = form()
        for combo, label in ((self.left, tr("&From")), (self.right, tr("&To"))):
            combo.addItems(list(sets))
            add_row(rows, label, combo, tr("Weights to compare."))
            combo.currentIndexChanged.connect(self._compare)
        self.table = QTableWidget(0, 4)
        self.table.setHorizontalHeaderLabels([tr("Category"), tr("What"), tr("From"), tr("To")])
        compact(self.table)
        self.table.setEditTriggers(QTableWidget.EditTrigger.NoEditTriggers)
        self.table.setTabKeyNavigation(False)
        header = self.table.horizontalHeader()
        header.setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        for column in (2, 3):
            header.setSectionResizeMode(column, QHeaderView.ResizeMode.Stretch)
        explain(self.table, tr("Differences"), tr("What differs between the two."))
        self.same = Note(tr("They are the same."))
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Close)
        buttons.rejected.connect(self.reject)
        column = QVBoxLayout(self)
        column.addLayout(rows)
        column.addWidget(self.table, 1)
        column.addWidget(self.same)
        column.addWidget(buttons)
        self.resize(520, 360)
        self.right.setCurrentIndex(self.right.count() - 1)
        self._compare()

    def _compare(self, *_: object) -> None:
        found = differences(self._sets[self.left.currentText()], self._sets[self.right.currentText()])
        self.table.setRowCount(len(found))
        for row, texts in enumerate(found):
            for column, text in enumerate(texts):
                item = QTableWidgetItem(text)
                item.setToolTip(text)
                if column >= 2 and texts[1] != tr("Reason"):
                    item.setTextAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
                self.table.setItem(row, column, item)
        self.table.setVisible(bool(found))
        self.same.setVisible(not found)


def differences(left: Sequence[Weight], right: Sequence[Weight]) -> list[tuple[str, str, str, str]]:
    """Category, what of it, before and after; of all that differs."""
    old, new = ({weight.category: weight for weight in side} for side in (left, right))
    rows = []
    for category in [*old, *(name for name in new if name not in old)]:
        before, after = _told(old.get(category)), _told(new.get(category))
        rows += [
            (category, what, before.get(what, "–"), after.get(what, "–"))
            for what in {**before, **after}
            if before.get(what) != after.get(what)
        ]
    return rows


def _told(weight: Weight | None) -> dict[str, str]:
    if weight is None:
        return {}
    return {
        tr("Counts"): tr("yes") if weight.use else tr("no"),
        tr("Severity"): f"{weight.severity:,.6g}",
        tr("Deters"): f"{100 * weight.preventability:.4g} %",
        tr("Reason"): weight.reason,
    }


def tr(text: str) -> str:
    """The text in the user's language."""
    return QCoreApplication.translate("WeightsDialogs", text)
