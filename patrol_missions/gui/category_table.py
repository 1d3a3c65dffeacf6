"""The table that maps recorded categories to planning categories; kept as a CSV file that can be used again."""

from __future__ import annotations

import csv
from pathlib import Path

from qgis.PyQt.QtCore import QCoreApplication, Qt, pyqtSignal
from qgis.PyQt.QtWidgets import QAbstractItemView, QHeaderView, QTableWidget, QTableWidgetItem, QWidget

from patrol_missions.core.errors import InputError
from patrol_missions.gui.forms import explain

COLUMNS = ("raw", "category", "use", "reason", "rows")
_YES = frozenset(("yes", "true", "1", "use", "y", "on"))
_RAW, _CATEGORY, _USE, _ROWS, _REASON = range(5)


class CategoryTable(QTableWidget):
    """Recorded as, planning category, use, rows, reason; the second, third and last can be edited."""

    edited = pyqtSignal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(0, 5, parent)
        self.setHorizontalHeaderLabels([tr("Recorded as"), tr("Category"), tr("Use"), tr("Rows"), tr("Reason")])
        self.verticalHeader().setVisible(False)
        self.setAlternatingRowColors(True)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setWordWrap(False)
        header = self.horizontalHeader()
        for column in range(5):
            header.setSectionResizeMode(column, QHeaderView.ResizeMode.Interactive)
        header.setStretchLastSection(True)
        explain(
            self, tr("Categories"),
            tr("Which recorded categories count, and as which planning category. Rows that are not used say why."),
        )  # fmt: skip
        self.itemChanged.connect(lambda _item: self.edited.emit())

    def load(self, path: Path) -> None:
        """Show the mapping in a file."""
        try:
            with path.open(encoding="utf-8-sig", newline="") as file:
                rows = list(csv.DictReader(file))
        except (OSError, ValueError, csv.Error) as error:
            raise InputError(tr("The categories in {file} cannot be read.").format(file=path), str(error)) from error
        if rows and not {"raw", "category", "use"} <= set(rows[0]):
            raise InputError(
                tr("{file} is not a category mapping.").format(file=path),
                tr("It needs the columns raw, category and use."),
            )
        self.blockSignals(True)
        self.setRowCount(len(rows))
        for number, row in enumerate(rows):
            self._show(number, row)
        self.blockSignals(False)
        for column, most in ((_RAW, 190), (_CATEGORY, 130), (_USE, 60), (_ROWS, 80)):
            self.resizeColumnToContents(column)
            self.setColumnWidth(column, min(self.columnWidth(column), most))
        shown = min(max(len(rows), 3), 8)
        self.setFixedHeight(self.horizontalHeader().sizeHint().height() + shown * self.rowHeight(0) + 24)

    def save(self, path: Path) -> None:
        """Write the mapping as it stands."""
        try:
            with path.open("w", encoding="utf-8", newline="") as file:
                writer = csv.writer(file)
                writer.writerow(COLUMNS)
                for row in range(self.rowCount()):
                    used = self.item(row, _USE).checkState() == Qt.CheckState.Checked
                    text = {column: self.item(row, column).text() for column in (_RAW, _CATEGORY, _REASON)}
                    count = self.item(row, _ROWS).data(Qt.ItemDataRole.DisplayRole)
                    writer.writerow([text[_RAW], text[_CATEGORY], "yes" if used else "no", text[_REASON], count])
        except OSError as error:
            raise InputError(
                tr("The categories could not be saved to {file} ({reason}).").format(file=path, reason=error.strerror)
            ) from error

    def _show(self, number: int, row: dict[str, str]) -> None:
        fixed = Qt.ItemFlag.ItemIsSelectable | Qt.ItemFlag.ItemIsEnabled
        raw = QTableWidgetItem(row["raw"])
        raw.setFlags(fixed)
        raw.setToolTip(row["raw"])
        use = QTableWidgetItem()
        use.setFlags(fixed | Qt.ItemFlag.ItemIsUserCheckable)
        used = str(row["use"]).strip().lower() in _YES
        use.setCheckState(Qt.CheckState.Checked if used else Qt.CheckState.Unchecked)
        count = QTableWidgetItem()
        text = str(row.get("rows") or "0")
        count.setData(Qt.ItemDataRole.DisplayRole, int(text) if text.isdigit() else text)
        count.setFlags(fixed)
        count.setTextAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        reason = QTableWidgetItem(row.get("reason") or "")
        reason.setToolTip(reason.text())
        for column, item in ((_RAW, raw), (_CATEGORY, QTableWidgetItem(row["category"])), (_USE, use),
                             (_ROWS, count), (_REASON, reason)):  # fmt: skip
            self.setItem(number, column, item)


def tr(text: str) -> str:
    """The text in the user's language."""
    return QCoreApplication.translate("CategoryTable", text)
