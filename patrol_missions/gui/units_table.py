"""The table of the units that are live: who is where, how long a mission's timer has left, and when they were heard."""

from __future__ import annotations

from typing import Any

from qgis.PyQt.QtCore import QAbstractTableModel, QCoreApplication, QModelIndex, QObject, Qt, pyqtSignal
from qgis.PyQt.QtWidgets import QAbstractItemView, QHeaderView, QTableView, QWidget

from patrol_missions.core.grid import cell_id
from patrol_missions.gui.forms import compact, explain, wrapped
from patrol_missions.gui.live_model import LiveModel, Unit
from patrol_missions.gui.live_overlay import clock

_CELL, _LEFT = 1, 2
_FEWEST_SHOWN, _MOST_SHOWN = 3, 12  # rows for which there is room


class UnitsTable(QTableView):
    """A row per unit, those in missions first; the one that is chosen stays chosen while rows move."""

    picked = pyqtSignal(str)  # unit, or an empty text

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._rows = _Rows(self)
        self.setModel(self._rows)
        compact(self)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setTabKeyNavigation(False)
        header = self.horizontalHeader()
        # Widths follow the rows in view; each of thousands of rows would be measured every second otherwise.
        header.setResizeContentsPrecision(0)
        header.setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        header.setSectionResizeMode(_CELL, QHeaderView.ResizeMode.Stretch)
        explain(self, tr("Units"), tr("The unit that is chosen is followed: the risk where it is stands below."))
        self.setToolTip("")
        self._picked = ""
        self.selectionModel().selectionChanged.connect(self._pick)
        self._fit()

    def unit(self) -> str:
        """The unit that is chosen, or an empty text."""
        chosen = self.selectionModel().selectedRows()
        return self._rows.units[chosen[0].row()].name if chosen else ""

    def show_units(self, model: LiveModel, now: float) -> None:
        """Show who is where at a moment, seconds since 1970 UTC."""
        units = sorted(model.units.values(), key=lambda unit: (not model.missions_in(unit.cell, now), unit.name))
        names = [unit.name for unit in units]
        if names == [unit.name for unit in self._rows.units]:
            self._rows.update(units, model, now)
            return
        self._rows.replace(units, model, now)
        if self._picked in names:
            self.selectRow(names.index(self._picked))
        self._pick()
        self._fit()

    def _fit(self) -> None:
        """As high as its rows, so that what comes below is near; many scroll."""
        rows = min(max(len(self._rows.units), _FEWEST_SHOWN), _MOST_SHOWN) * self.verticalHeader().defaultSectionSize()
        self.setFixedHeight(rows + self.horizontalHeader().sizeHint().height() + 2 * self.frameWidth())

    def _pick(self, *_: object) -> None:
        if self.unit() != self._picked:
            self._picked = self.unit()
            self.picked.emit(self._picked)


class _Rows(QAbstractTableModel):
    """Texts are made for the rows in view alone."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.units: list[Unit] = []
        self._model, self._now = LiveModel(), 0.0
        self._titles = (
            (tr("Unit"), tr("Call sign; units in missions come first.")),
            (tr("Cell"), tr("The cell where it is.")),
            (tr("Left"), tr("Minutes and seconds that the mission there is still to get; with a plus, beyond it.")),
            (tr("Heard"), tr("How long ago it was heard last.")),
        )

    def update(self, units: list[Unit], model: LiveModel, now: float) -> None:
        """The same units in the same order, but what is told of them is another."""
        self.units, self._model, self._now = units, model, now
        if units:
            self.dataChanged.emit(self.index(0, _CELL), self.index(len(units) - 1, len(self._titles) - 1))

    def replace(self, units: list[Unit], model: LiveModel, now: float) -> None:
        """Other units, or another order."""
        self.beginResetModel()
        self.units, self._model, self._now = units, model, now
        self.endResetModel()

    def rowCount(self, parent: QModelIndex = QModelIndex()) -> int:  # noqa: B008, N802 - Qt's way
        """Units."""
        return 0 if parent.isValid() else len(self.units)

    def columnCount(self, parent: QModelIndex = QModelIndex()) -> int:  # noqa: B008, N802 - Qt's way
        """What is told of each."""
        return 0 if parent.isValid() else len(self._titles)

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> Any:  # noqa: N802 - Qt's name
        """Titles, and what they mean."""
        if orientation != Qt.Orientation.Horizontal:
            return None
        title, meaning = self._titles[section]
        return {Qt.ItemDataRole.DisplayRole: title, Qt.ItemDataRole.ToolTipRole: wrapped(meaning)}.get(role)

    def data(self, index: QModelIndex, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """A cell's text, numbers to the right."""
        if role == Qt.ItemDataRole.DisplayRole:
            return self._texts(self.units[index.row()])[index.column()]
        if role == Qt.ItemDataRole.TextAlignmentRole and index.column() >= _LEFT:
            return Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
        return None

    def _texts(self, unit: Unit) -> tuple[str, str, str, str]:
        missions = self._model.missions_in(unit.cell, self._now)
        left = clock(missions[0].left_s(self._now)) if missions else ""
        heard = tr("silent") if unit.silent else f"{max(0.0, self._now - unit.at):.0f} s"
        return unit.name, cell_id(*unit.cell) if unit.cell else "", left, heard


def tr(text: str) -> str:
    """The text in the user's language."""
    return QCoreApplication.translate("UnitsTable", text)
