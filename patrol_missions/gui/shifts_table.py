"""The table of shifts: name, start, end and weekdays in local wall time."""

from __future__ import annotations

import re
from collections.abc import Sequence

from qgis.PyQt.QtCore import QCoreApplication, pyqtSignal
from qgis.PyQt.QtWidgets import (
    QAbstractItemView,
    QHBoxLayout,
    QHeaderView,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

from patrol_missions.gui.forms import compact, explain, theme_icon, tool_button

_COLUMNS = 4
_CLOCK = re.compile(r"([01]?\d|2[0-3]):[0-5]\d|24:00")


class ShiftsTable(QWidget):
    """An editable table whose rows can be added and removed; ``values`` is flat, as the algorithm takes it."""

    changed = pyqtSignal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.table = QTableWidget(0, _COLUMNS)
        self.table.setHorizontalHeaderLabels([tr("Shift"), tr("Start"), tr("End"), tr("Weekdays")])
        compact(self.table)
        self.table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        header = self.table.horizontalHeader()
        header.setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        header.setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
        header.setSectionResizeMode(3, QHeaderView.ResizeMode.Stretch)
        header.setMinimumSectionSize(48)
        explain(
            self.table, tr("Shifts"),
            tr("Shifts in local time. They may cross midnight and overlap. Weekdays are those on which a shift starts, "
               "such as Mon-Sun or Fri,Sat."),
        )  # fmt: skip
        self.table.itemChanged.connect(lambda _item: self.changed.emit())
        self.table.itemSelectionChanged.connect(self._allow)

        self.add_button = tool_button(theme_icon("symbologyAdd"), tr("Add a shift"), tr("Add a shift to the table."))
        self.add_button.clicked.connect(self._add)
        self.remove_button = tool_button(
            theme_icon("symbologyRemove"), tr("Remove the shift"), tr("Remove the selected shifts from the table.")
        )
        self.remove_button.clicked.connect(self._remove)
        row = QHBoxLayout()
        row.addWidget(self.add_button)
        row.addWidget(self.remove_button)
        row.addStretch(1)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(3)
        column.addWidget(self.table)
        column.addLayout(row)
        self._allow()

    def values(self) -> list[str]:
        """Name, start, end, weekdays; row after row."""
        cells = (self.table.item(r, c) for r in range(self.table.rowCount()) for c in range(_COLUMNS))
        return [cell.text().strip() if cell is not None else "" for cell in cells]

    def set_values(self, values: Sequence[object]) -> None:
        """Show shifts, flat or as rows."""
        flat = [str(v) for row in values for v in (row if isinstance(row, (list, tuple)) else [row])]
        rows = [flat[i : i + _COLUMNS] for i in range(0, len(flat) - _COLUMNS + 1, _COLUMNS)]
        self.table.blockSignals(True)
        self.table.setRowCount(0)
        for row in rows:
            self._append(row)
        self.table.blockSignals(False)
        self._fit()

    def problem(self) -> str:
        """What is wrong with the shifts, or an empty text."""
        values = self.values()
        if not values:
            return tr("There is no shift. Add one under “Shifts”.")
        for row in range(0, len(values), _COLUMNS):
            name, start, end, _days = values[row : row + _COLUMNS]
            if not name:
                return tr("Shift {number} has no name.").format(number=row // _COLUMNS + 1)
            for clock in (start, end):
                if not _CLOCK.fullmatch(clock):
                    return tr("Shift “{name}” has the time “{clock}”: write hours and minutes, such as 22:00.").format(
                        name=name, clock=clock
                    )
        return ""

    def _add(self) -> None:
        self._append([tr("New shift"), "18:00", "02:00", "Fri,Sat"])
        self._fit()
        last = self.table.rowCount() - 1
        self.table.setCurrentCell(last, 0)
        self.table.editItem(self.table.item(last, 0))
        self.changed.emit()

    def _remove(self) -> None:
        for row in sorted({index.row() for index in self.table.selectedIndexes()}, reverse=True):
            self.table.removeRow(row)
        self._fit()
        self.changed.emit()

    def _append(self, row: Sequence[str]) -> None:
        at = self.table.rowCount()
        self.table.insertRow(at)
        for column, text in enumerate(row):
            self.table.setItem(at, column, QTableWidgetItem(text))

    def _allow(self) -> None:
        self.remove_button.setEnabled(bool(self.table.selectedIndexes()))

    def _fit(self) -> None:
        """As high as its rows, so that the page scrolls and not the table."""
        rows = sum(self.table.rowHeight(r) for r in range(self.table.rowCount()))
        frame = 2 * self.table.frameWidth()
        self.table.setFixedHeight(min(rows, 240) + self.table.horizontalHeader().sizeHint().height() + frame)


def tr(text: str) -> str:
    """The text in the user's language."""
    return QCoreApplication.translate("ShiftsTable", text)
