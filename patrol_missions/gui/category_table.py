"""The table that maps recorded categories to planning categories; kept as a CSV file that can be used again."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from qgis.PyQt.QtCore import QCoreApplication, Qt, pyqtSignal
from qgis.PyQt.QtWidgets import QAbstractItemView, QHeaderView, QTableWidget, QTableWidgetItem, QWidget

from patrol_missions.core.errors import InputError
from patrol_missions.core.tables import Table
from patrol_missions.gui.forms import compact, explain
from patrol_missions.processing_algorithms import category_map

_RAW, _CATEGORY, _ROWS, _REASON = range(4)
_NO = frozenset(("", "no", "n", "false", "f", "0"))


class CategoryTable(QTableWidget):
    """Recorded as (ticked where used), planning category, rows, reason; tick, category and reason can be edited."""

    edited = pyqtSignal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(0, 4, parent)
        self.setHorizontalHeaderLabels([tr("Recorded as"), tr("Category"), tr("Rows"), tr("Reason")])
        compact(self)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setWordWrap(False)
        self.horizontalHeader().setSectionResizeMode(QHeaderView.ResizeMode.Interactive)
        self.horizontalHeader().setStretchLastSection(True)
        explain(
            self,
            tr("Categories"),
            tr("Which recorded categories are used, and as which planning category. Those that are not say why."),
        )
        self.itemChanged.connect(lambda _item: self.edited.emit())

    def load(self, path: Path) -> None:
        """Show the mapping in a file."""
        rows = category_map.read(path)
        self.blockSignals(True)
        self.setRowCount(len(rows))
        for number, row in enumerate(rows):
            self._show(number, row)
        self.blockSignals(False)
        for column, most in ((_RAW, 170), (_CATEGORY, 110), (_ROWS, 70)):
            self.resizeColumnToContents(column)
            self.setColumnWidth(column, min(self.columnWidth(column), most))
        shown = min(max(len(rows), 3), 8)
        self.setFixedHeight(self.horizontalHeader().sizeHint().height() + shown * self.rowHeight(0) + 24)

    def save(self, path: Path) -> None:
        """Write the mapping as it stands."""
        rows = range(self.rowCount())
        table = Table({"rows": np.array([self._count(row) for row in rows], dtype=np.int64)})
        for name, column in (("raw", _RAW), ("category", _CATEGORY), ("reason", _REASON)):
            table = table.with_text(name, [self.item(row, column).text() for row in rows])
        used = [self.item(row, _RAW).checkState() == Qt.CheckState.Checked for row in rows]
        table = table.with_text("use", ["yes" if use else "no" for use in used])
        try:
            category_map.write(path, table)
        except OSError as error:
            raise InputError(
                tr("The categories could not be saved to {file} ({reason}).").format(file=path, reason=error.strerror)
            ) from error

    def _count(self, row: int) -> int:
        return int(self.item(row, _ROWS).data(Qt.ItemDataRole.DisplayRole))

    def _show(self, number: int, row: dict[str, str]) -> None:
        fixed = Qt.ItemFlag.ItemIsSelectable | Qt.ItemFlag.ItemIsEnabled
        raw = QTableWidgetItem(row["raw"])
        raw.setFlags(fixed | Qt.ItemFlag.ItemIsUserCheckable)
        raw.setToolTip(row["raw"])
        used = row["use"].strip().lower() not in _NO
        raw.setCheckState(Qt.CheckState.Checked if used else Qt.CheckState.Unchecked)
        count = QTableWidgetItem()
        text = row.get("rows", "")
        count.setData(Qt.ItemDataRole.DisplayRole, int(text) if text.isdigit() else 0)
        count.setFlags(fixed)
        count.setTextAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        reason = QTableWidgetItem(row.get("reason", ""))
        reason.setToolTip(reason.text())
        items = {_RAW: raw, _CATEGORY: QTableWidgetItem(row["category"]), _ROWS: count, _REASON: reason}
        for column, item in items.items():
            self.setItem(number, column, item)


def tr(text: str) -> str:
    """The text in the user's language."""
    return QCoreApplication.translate("CategoryTable", text)
