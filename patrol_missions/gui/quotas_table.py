"""The table of districts that get another number of missions than the rest."""

from __future__ import annotations

from collections.abc import Sequence

from qgis.core import NULL, QgsVectorLayer
from qgis.gui import QgsCollapsibleGroupBoxBasic, QgsSpinBox
from qgis.PyQt.QtCore import QCoreApplication, Qt, pyqtSignal
from qgis.PyQt.QtWidgets import QAbstractItemView, QHeaderView, QTableWidget, QTableWidgetItem, QVBoxLayout, QWidget

from patrol_missions.gui.forms import compact, explain, help_of
from patrol_missions.gui.missions import natural

_AS_THE_REST, _MOST = -1, 50


class QuotasTable(QgsCollapsibleGroupBoxBasic):
    """A row per district; ``values`` is flat, as the algorithm takes it, and holds only those that differ."""

    changed = pyqtSignal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(tr("Missions by district"), parent)
        self._quotas: dict[str, str] = {}
        self._districts: list[str] = []
        self.table = QTableWidget(0, 2)
        self.table.setHorizontalHeaderLabels([tr("District"), tr("Missions")])
        compact(self.table)
        self.table.setSelectionMode(QAbstractItemView.SelectionMode.NoSelection)
        self.table.setTabKeyNavigation(False)  # Tab goes from number to number, and out
        header = self.table.horizontalHeader()
        header.setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
        header.setSectionResizeMode(1, QHeaderView.ResizeMode.ResizeToContents)
        explain(self.table, tr("Missions by district"), help_of("allocatemissions", "QUOTAS"))
        column = QVBoxLayout(self)
        column.addWidget(self.table)
        self.setCollapsed(True)
        self.setVisible(False)

    def values(self) -> list[str]:
        """District, missions; row after row."""
        shown = (name for name in self._quotas if not self._districts or name in self._districts)
        return [text for name in sorted(shown, key=natural) for text in (name, self._quotas[name])]

    def set_values(self, values: Sequence[str]) -> None:
        """Show quotas, flat."""
        self._quotas = dict(zip(values[::2], values[1::2]))
        self._fill()

    def show_districts(self, districts: Sequence[str]) -> None:
        """Let these districts be chosen; quotas of others rest until their districts come back."""
        if list(districts) != self._districts:
            self._districts = list(districts)
            self._fill()

    def _fill(self) -> None:
        self.table.setRowCount(len(self._districts))
        for row, name in enumerate(self._districts):
            item = QTableWidgetItem(name)
            item.setFlags(Qt.ItemFlag.ItemIsEnabled)
            self.table.setItem(row, 0, item)
            self.table.setCellWidget(row, 1, self._number(name))
        self.table.verticalHeader().setDefaultSectionSize(QgsSpinBox().sizeHint().height())
        rows = sum(self.table.rowHeight(row) for row in range(self.table.rowCount()))
        frame = 2 * self.table.frameWidth()
        self.table.setFixedHeight(min(rows, 240) + self.table.horizontalHeader().sizeHint().height() + frame)
        self.setVisible(len(self._districts) > 1)
        self._entitle()

    def _number(self, district: str) -> QgsSpinBox:
        box = QgsSpinBox()
        box.setRange(_AS_THE_REST, _MOST)
        box.setClearValue(_AS_THE_REST, tr("as the rest"))
        box.setValue(int(self._quotas.get(district, _AS_THE_REST)))
        explain(
            box, tr("Missions in {district}").format(district=district),
            tr("Missions of this district in each shift, where it is not to get as many as the rest."),
        )  # fmt: skip
        box.valueChanged.connect(lambda value: self._set(district, value))
        return box

    def _set(self, district: str, number: int) -> None:
        if number == _AS_THE_REST:
            self._quotas.pop(district, None)
        else:
            self._quotas[district] = str(number)
        self._entitle()
        self.changed.emit()

    def _entitle(self) -> None:
        """A closed box tells, too, that some districts differ."""
        differ = len(self.values()) // 2
        self.setTitle(tr("Missions by district ({count} set)").format(count=differ) if differ
                      else tr("Missions by district"))  # fmt: skip


def districts_of(grid: QgsVectorLayer | None) -> list[str]:
    """The districts of a grid, “9” before “10”."""
    field = grid.fields().lookupField("district") if grid is not None else -1
    if grid is None or field < 0:
        return []
    return sorted((str(name) for name in grid.uniqueValues(field) if name not in (None, NULL, "")), key=natural)


def tr(text: str) -> str:
    """The text in the user's language."""
    return QCoreApplication.translate("QuotasTable", text)
