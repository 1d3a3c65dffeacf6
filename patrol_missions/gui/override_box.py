"""The part of the plan page that lists what people decided against the draw, and takes up the tools to decide more."""

from __future__ import annotations

from collections.abc import Sequence

from qgis.gui import QgsCollapsibleGroupBoxBasic
from qgis.PyQt.QtCore import QCoreApplication, QEvent, Qt, QTimeZone, pyqtSignal
from qgis.PyQt.QtGui import QKeyEvent, QKeySequence
from qgis.PyQt.QtWidgets import (
    QAbstractItemView,
    QHBoxLayout,
    QListWidget,
    QListWidgetItem,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from patrol_missions.gui.compat import QUndoStack
from patrol_missions.gui.forms import Note, explain, quiet, theme_icon, tool_button, wrapped
from patrol_missions.gui.missions import told_at
from patrol_missions.gui.override_layer import ADD, BOX, KINDS, LOCK, MOVE, SUPPRESS, Override, kind_icon, kind_title

_OVERRIDE = Qt.ItemDataRole.UserRole + 1


class OverrideBox(QgsCollapsibleGroupBoxBasic):
    """Tools, the list, and what can be done with its rows.

    :param stack: says whether there is anything to undo or redo
    """

    tool_wanted = pyqtSignal(str)  # kind, or an empty text to put the tool away
    withdrawn = pyqtSignal(list)  # Overrides to take back
    undo_wanted = pyqtSignal()
    redo_wanted = pyqtSignal()

    def __init__(self, stack: QUndoStack, parent: QWidget | None = None) -> None:
        super().__init__(tr("Overrides"), parent)
        self._stack = stack
        self._stale = False
        self.tools = {kind: self._tool(kind) for kind in KINDS}
        self.undo_button = tool_button(theme_icon("mActionUndo"), tr("Undo"), tr("Take back the last change (Ctrl+Z)."))
        self.redo_button = tool_button(theme_icon("mActionRedo"), tr("Redo"), tr("Do again what was taken back."))
        self.withdraw_button = tool_button(
            theme_icon("mActionDeleteSelected"), tr("Withdraw"), tr("Take back the selected overrides (Delete).")
        )
        self.undo_button.clicked.connect(self.undo_wanted)
        self.redo_button.clicked.connect(self.redo_wanted)
        self.withdraw_button.clicked.connect(self._withdraw)
        stack.canUndoChanged.connect(lambda _can: self._allow())
        stack.canRedoChanged.connect(lambda _can: self._allow())
        self.hint = quiet(Note())
        self.list = _List(self)
        self.list.itemSelectionChanged.connect(self._allow)
        row = QHBoxLayout()
        row.setSpacing(3)
        for button in self.tools.values():
            row.addWidget(button)
        row.addStretch(1)
        for button in (self.undo_button, self.redo_button, self.withdraw_button):
            row.addWidget(button)
        column = QVBoxLayout(self)
        column.addLayout(row)
        column.addWidget(self.hint)
        column.addWidget(self.list)
        self.setCollapsed(True)
        self.collapsedStateChanged.connect(lambda _closed: self._show_list())
        self._able = False
        self.show_overrides([], QTimeZone.utc())
        self.show_hint("")

    def show_overrides(self, overrides: Sequence[Override], zone: QTimeZone) -> None:
        """List them."""
        self.list.clear()
        for override in overrides:
            ends = told_at(override.valid_to, zone) if override.valid_to else ""
            first = f"{kind_title(override.kind)} · {override.place()}"
            parts = [override.shift, tr("until {time}").format(time=ends) if ends else tr("until withdrawn")]
            told = " · ".join([override.reason, override.author, *filter(None, parts)])
            item = QListWidgetItem(theme_icon(kind_icon(override.kind)), f"{first}\n{told}")
            item.setData(_OVERRIDE, override)
            item.setToolTip(wrapped(f"{first}. {told}"))
            self.list.addItem(item)
        self._show_list()
        rows = sum(self.list.sizeHintForRow(row) for row in range(self.list.count()))
        self.list.setFixedHeight(min(rows, 180) + 2 * self.list.frameWidth())
        self.setTitle(tr("Overrides ({count})").format(count=len(overrides)) if overrides else tr("Overrides"))
        self._allow()

    def set_able(self, able: bool, stale: bool) -> None:
        """Whether anything can be decided now, and whether the missions do not know of the last change yet."""
        self._able, self._stale = able, stale
        self._allow()
        held = any(button.isChecked() for button in self.tools.values())
        if held and not able:
            self.tool_wanted.emit("")
        elif not held:
            self.show_hint("")

    def show_hint(self, text: str) -> None:
        """What to do on the map, or what the box is for."""
        rest = (
            tr("Plan missions applies the changes.")
            if self._stale
            else tr("Missions that you set, keep, move or rule out yourself, with a reason.")
            if self._able
            else tr("There is nothing to override yet: plan missions first.")
        )
        self.hint.setText(text or rest)

    def release_tools(self) -> None:
        """No tool is in use."""
        for button in self.tools.values():
            button.setChecked(False)
        self.show_hint("")

    def _tool(self, kind: str) -> QToolButton:
        helps = {
            ADD: tr("Click a cell that is to have a mission."),
            SUPPRESS: tr("Click a cell that is to have none."),
            LOCK: tr("Click the cell of a mission that is to stay when missions are planned again."),
            MOVE: tr("Click the cell of a mission, then the cell that is to have it instead."),
            BOX: tr("Draw a box that is to be patrolled as one mission."),
        }
        button = tool_button(theme_icon(kind_icon(kind)), kind_title(kind), helps[kind])
        button.setCheckable(True)
        button.clicked.connect(lambda on: self._take(kind, on))
        return button

    def _take(self, kind: str, on: bool) -> None:
        self.tool_wanted.emit(kind if on else "")
        for other, button in self.tools.items():
            button.setChecked(on and other == kind)

    def _show_list(self) -> None:
        """The list shows where it has rows; a closed box does not hide what is shown later by itself."""
        self.list.setVisible(self.list.count() > 0 and not self.isCollapsed())

    def _withdraw(self) -> None:
        self.withdrawn.emit([item.data(_OVERRIDE) for item in self.list.selectedItems()])

    def _allow(self) -> None:
        for button in self.tools.values():
            button.setEnabled(self._able)
        self.undo_button.setEnabled(self._able and self._stack.canUndo())
        self.redo_button.setEnabled(self._able and self._stack.canRedo())
        self.withdraw_button.setEnabled(self._able and bool(self.list.selectedItems()))


class _List(QListWidget):
    """Delete withdraws, the standard keys undo and redo; QGIS's own actions of these keys rest meanwhile."""

    def __init__(self, box: OverrideBox) -> None:
        super().__init__()
        self.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setTextElideMode(Qt.TextElideMode.ElideRight)
        explain(self, tr("Overrides"), tr("What people decided against the draw. Delete takes the selected ones back."))
        self.setToolTip("")  # the rows have their own
        self._keys = (
            (QKeySequence.StandardKey.Delete, box.withdraw_button),
            (QKeySequence.StandardKey.Undo, box.undo_button),
            (QKeySequence.StandardKey.Redo, box.redo_button),
        )

    def event(self, event: QEvent) -> bool:
        """Claim the keys before QGIS's shortcuts do."""
        if event.type() == QEvent.Type.ShortcutOverride and self._meant(event) is not None:
            event.accept()
            return True
        return super().event(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802 - Qt's name
        """Press the key's button."""
        button = self._meant(event)
        if button is None:
            super().keyPressEvent(event)
        else:
            button.click()

    def _meant(self, event: QKeyEvent) -> QToolButton | None:
        return next((button for key, button in self._keys if event.matches(key)), None)


def tr(text: str) -> str:
    """The text in the user's language."""
    return QCoreApplication.translate("OverrideBox", text)
