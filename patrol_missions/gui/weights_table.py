"""The table of the weights: what counts, how severe it is, how much of it patrol deters, and what missions cover."""

from __future__ import annotations

from collections.abc import Sequence

from qgis.PyQt.QtCore import QCoreApplication, QLocale, Qt, pyqtSignal
from qgis.PyQt.QtGui import QPalette
from qgis.PyQt.QtWidgets import QAbstractItemView, QHeaderView, QTableWidget, QTableWidgetItem, QWidget

from patrol_missions.core.weights import Weight
from patrol_missions.gui.forms import compact, explain, wrapped
from patrol_missions.gui.weights_preview import Change

MOST = 1e9
"""Largest severity that can be typed: a hundred times that of a homicide in dollars."""

_CATEGORY, _SEVERITY, _DETERS, _CHANGE = range(4)


class WeightsTable(QTableWidget):
    """A row per category: a tick where it counts, severity and share deterred to be edited, the rest to be read."""

    picked = pyqtSignal(str)  # category
    ticked = pyqtSignal(str, bool)
    numbered = pyqtSignal(str, str, float)  # category, severity or preventability, number

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(0, 4, parent)
        self.setHorizontalHeaderLabels([tr("Category"), tr("Severity"), tr("Deters"), tr("Change")])
        for column, text in (
            (_CATEGORY, tr("Ticked categories count when places are compared.")),
            (_SEVERITY, tr("What one incident costs, in the unit of the preset.")),
            (_DETERS, tr("Share of such incidents that visible patrol can deter.")),
            (_CHANGE, tr("What these weights change in the incidents expected where the shift’s missions are.")),
        ):
            self.horizontalHeaderItem(column).setToolTip(wrapped(text))
        compact(self)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setTabKeyNavigation(False)
        self.setWordWrap(False)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        header = self.horizontalHeader()
        header.setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        header.setSectionResizeMode(_CATEGORY, QHeaderView.ResizeMode.Stretch)
        explain(self, tr("Weights"), tr("Space ticks a category, F2 edits a number, the fields below show the rest."))
        self.setToolTip("")  # rows and headers have their own
        self._weights: list[Weight] = []
        self.itemChanged.connect(self._edited)
        self.currentCellChanged.connect(lambda row, *_: self._pick(row))

    def show_weights(self, weights: Sequence[Weight], change: Change | None, editable: bool) -> None:
        """Show weights in their order."""
        self.blockSignals(True)
        same = [each.category for each in weights] == [each.category for each in self._weights]
        self._weights = list(weights)
        if not same:
            self.setRowCount(len(weights))
        for row, weight in enumerate(weights):
            self._show(row, weight, change, editable)
        if not same:
            rows = sum(self.rowHeight(row) for row in range(min(len(weights), 10)))
            self.setFixedHeight(rows + self.horizontalHeader().sizeHint().height() + 2 * self.frameWidth())
            self.setCurrentCell(0 if weights else -1, _CATEGORY)
        self.blockSignals(False)
        if not same:
            self._pick(self.currentRow())

    def _pick(self, row: int) -> None:
        self.picked.emit(self._weights[row].category if 0 <= row < len(self._weights) else "")

    def _show(self, row: int, weight: Weight, change: Change | None, editable: bool) -> None:
        before, after = 0.0, 0.0
        if change is not None and len(change.after) == len(self._weights):
            before, after = float(change.before[row]), float(change.after[row])
        texts = (
            weight.category,
            plain_number(weight.severity),
            f"{100 * weight.preventability:.0f} %",
            _percent(before, after),
        )
        seen = Qt.ItemFlag.ItemIsSelectable | Qt.ItemFlag.ItemIsEnabled
        group = QPalette.ColorGroup.Active if weight.use else QPalette.ColorGroup.Disabled
        brush = self.palette().brush(group, QPalette.ColorRole.Text)
        for column, text in enumerate(texts):
            item = self.item(row, column)
            if item is None:
                item = QTableWidgetItem()
                self.setItem(row, column, item)
            item.setText(text)
            item.setForeground(brush)
            flags = seen
            if column == _CATEGORY:
                item.setCheckState(Qt.CheckState.Checked if weight.use else Qt.CheckState.Unchecked)
                item.setToolTip(wrapped(" ".join(filter(None, [weight.category, weight.basis, weight.reason]))))
                flags |= Qt.ItemFlag.ItemIsUserCheckable if editable else Qt.ItemFlag.NoItemFlags
            else:
                item.setTextAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
                if editable and column in (_SEVERITY, _DETERS):
                    flags |= Qt.ItemFlag.ItemIsEditable
                if column == _CHANGE:
                    told = tr("Expected where the missions are: {before} as planned, {after} by these weights.")
                    item.setToolTip(
                        wrapped(told.format(before=plain_number(before), after=plain_number(after))) if before else ""
                    )
            item.setFlags(flags)

    def _edited(self, item: QTableWidgetItem) -> None:
        weight, column = self._weights[item.row()], item.column()
        if column == _CATEGORY:
            use = item.checkState() == Qt.CheckState.Checked
            if use != weight.use:
                self.ticked.emit(weight.category, use)
            return
        number, fine = QLocale().toDouble(item.text().replace("%", "").strip())
        if column == _DETERS:
            fine, number = fine and 0.0 <= number <= 100.0, number / 100.0
        name = "severity" if column == _SEVERITY else "preventability"
        # what is no number gives way to the number before: the page shows the weights again
        fine = fine and 0 <= number <= MOST
        self.numbered.emit(weight.category, name, number if fine else getattr(weight, name))


def plain_number(value: float) -> str:
    """Three digits or all whole ones, in the user's way of writing."""
    if abs(value) >= 100 or value == 0:
        return QLocale().toString(float(value), "f", 0)
    return QLocale().toString(float(value), "g", 3)


def _percent(before: float, after: float) -> str:
    """A change with its sign; empty where there was nothing."""
    if before <= 0:
        return ""
    change = round(100 * (after / before - 1))
    sign = "+" if change > 0 else "−" if change < 0 else "±"
    return f"{sign}{abs(change)} %"


def tr(text: str) -> str:
    """The text in the user's language."""
    return QCoreApplication.translate("WeightsTable", text)
