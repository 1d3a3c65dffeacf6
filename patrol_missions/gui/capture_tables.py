"""The figures of a capture report: the verdict, each choice of cells, and the incidents by what they were."""

from __future__ import annotations

from collections.abc import Sequence

from qgis.PyQt.QtCore import QCoreApplication, Qt
from qgis.PyQt.QtWidgets import (
    QAbstractItemView,
    QComboBox,
    QHeaderView,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

from patrol_missions.gui.captures import (
    CHANCE,
    MEASURES,
    MISSIONS,
    Captures,
    choice_help,
    choice_title,
    count,
    part_title,
)
from patrol_missions.gui.forms import Banner, Note, compact, explain, heading, quiet, shrinkable

_HIGHEST = 260


class CaptureTables(QWidget):
    """Hidden where there is no report."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._found = Captures()
        self.verdict = Banner()
        self.choices = _table(
            tr("Shares caught"),
            tr(
                "Share of what happened in the shifts that happened in the cells chosen, with its 95 % interval. All "
                "choices have as many cells in each district and shift."
            ),
        )
        self.part = shrinkable(QComboBox())
        explain(self.part, tr("Divided by"), tr("What the incidents are told by."))
        self.part.currentIndexChanged.connect(lambda _index: self._show_part())
        self.parts = _table(
            tr("Incidents by what they were"), tr("Incidents in the shifts, and the share of them that was caught.")
        )
        self.warnings = Note()
        caution = quiet(
            Note(
                tr(
                    "The shares tell whether missions were where incidents happened, and not whether they did any "
                    "good: a mission that deters loses what it would have caught."
                )
            )
        )
        self._whole = [heading(tr("Share caught")), self.choices, caution, self.part, self.parts]
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(9)
        for part in (self.verdict, self.warnings, *self._whole):
            column.addWidget(part)

    def show_captures(self, found: Captures, warnings: str) -> None:
        """Show the figures of a report.

        :param warnings: what to know about it
        """
        self._found = found
        self.verdict.say(*found.verdict())
        self.warnings.setText(warnings)
        self.warnings.setVisible(bool(warnings))
        for part in self._whole:
            part.setVisible(bool(found))
        choices = found.choices()
        rows = [[choice_title(choice), *(self._told(measure, choice) for measure in MEASURES)] for choice in choices]
        _fill(self.choices, ["", tr("Incidents"), tr("Harm"), tr("Preventable")], rows)
        for row, choice in enumerate(choices):
            self.choices.item(row, 0).setToolTip(choice_help(choice))
        before = self.part.currentData()
        self.part.blockSignals(True)
        self.part.clear()
        for part in found.parts():
            self.part.addItem(part_title(part), part)
        self.part.setCurrentIndex(max(self.part.findData(before), 0))
        self.part.blockSignals(False)
        self._show_part()

    def _told(self, measure: str, choice: str) -> str:
        found = self._found.of_all(measure, choice)
        return found.told() if found is not None else "–"

    def _show_part(self) -> None:
        part = self.part.currentData()
        for widget in (self.part, self.parts):
            widget.setVisible(part is not None)
        if part is None:
            return
        choices = [choice for choice in (MISSIONS, CHANCE) if choice in self._found.choices()]
        rows = []
        for name in self._found.names(part):
            found = [self._found.row(part, name, choice) for choice in choices]
            if any(each is None or each.withheld for each in found):
                rows.append([name, tr("withheld"), *[""] * len(choices)])
            else:
                rows.append([name, count(found[0].incidents), *(each.told() for each in found)])
        _fill(self.parts, ["", tr("Incidents"), *map(choice_title, choices)], rows)
        heads = [tr("An incident whose time is not known exactly counts in part."), *map(choice_help, choices)]
        for column, text in enumerate(heads, 1):
            self.parts.horizontalHeaderItem(column).setToolTip(text)


def _table(name: str, help_text: str) -> QTableWidget:
    table = QTableWidget(0, 0)
    compact(table)
    table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
    table.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
    table.setTabKeyNavigation(False)
    table.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
    table.setWordWrap(True)
    explain(table, name, help_text)
    return table


def _fill(table: QTableWidget, heads: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Texts to the left in the first column and numbers to the right in the rest, no higher than they need."""
    table.setColumnCount(len(heads))
    table.setHorizontalHeaderLabels(list(heads))
    table.setRowCount(len(rows))
    right = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
    left = Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter
    for row, texts in enumerate(rows):
        for column, text in enumerate(texts):
            item = QTableWidgetItem(text)
            item.setTextAlignment(right if column else left)
            item.setToolTip(text if column == 0 else "")
            table.setItem(row, column, item)
    header = table.horizontalHeader()
    header.setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
    header.setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
    table.resizeRowsToContents()
    height = sum(table.rowHeight(row) for row in range(len(rows))) + header.sizeHint().height()
    table.setFixedHeight(min(height, _HIGHEST) + 2 * table.frameWidth())


def tr(text: str) -> str:
    """The text in the user's language."""
    return QCoreApplication.translate("CaptureTables", text)
