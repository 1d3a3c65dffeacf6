"""Small parts that the pages are put together from, so that they look and behave alike."""

from __future__ import annotations

from html import escape
from typing import Any

from qgis.core import QgsApplication, QgsProcessingParameterDefinition
from qgis.PyQt.QtCore import Qt
from qgis.PyQt.QtGui import QIcon
from qgis.PyQt.QtWidgets import (
    QComboBox,
    QCompleter,
    QFormLayout,
    QFrame,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QScrollArea,
    QSizePolicy,
    QTableView,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

PROVIDER = "patrolmissions"


def theme_icon(name: str) -> QIcon:
    """One of QGIS's own icons, in the colours of the user's theme."""
    return QgsApplication.getThemeIcon(f"/{name}.svg")


class Page(QScrollArea):
    """A page of the panel: a column that scrolls up and down and always fits the panel's width."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWidgetResizable(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        inside = QWidget()
        self.column = QVBoxLayout(inside)
        self.column.setContentsMargins(9, 9, 9, 9)
        self.column.setSpacing(9)
        self.setWidget(inside)


class Card(QFrame):
    """A framed step: an icon and a title in ``top``, under it whatever is added to ``column``."""

    def __init__(self, title: str, icon: QIcon, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setFrameShape(QFrame.Shape.StyledPanel)
        self.setAccessibleName(title)
        self.column = QVBoxLayout(self)
        self.column.setContentsMargins(12, 10, 12, 12)
        self.column.setSpacing(6)
        self.top = QHBoxLayout()
        self.top.setSpacing(8)
        self._icon = QLabel()
        self.top.addWidget(self._icon)
        self.top.addWidget(heading(title), 1)
        self.column.addLayout(self.top)
        self.set_icon(icon)

    def set_icon(self, icon: QIcon) -> None:
        """Show another icon before the title."""
        self._icon.setPixmap(icon.pixmap(20, 20))


class Note(QLabel):
    """A quiet explanation that wraps; texts from files or engines are shown as they are, never as markup."""

    def __init__(self, text: str = "", parent: QWidget | None = None) -> None:
        super().__init__(text, parent)
        self.setWordWrap(True)
        self.setTextFormat(Qt.TextFormat.PlainText)
        policy = QSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Minimum)
        policy.setHeightForWidth(True)
        self.setSizePolicy(policy)


class Banner(QFrame):
    """An icon and a sentence that says how things stand and what to do next."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setFrameShape(QFrame.Shape.StyledPanel)
        row = QHBoxLayout(self)
        row.setContentsMargins(9, 8, 9, 8)
        row.setSpacing(8)
        self._icon = QLabel()
        self._text = Note()
        row.addWidget(self._icon, 0, Qt.AlignmentFlag.AlignTop)
        row.addWidget(self._text, 1, Qt.AlignmentFlag.AlignVCenter)

    def say(self, icon: str, text: str) -> None:
        """Show a sentence with one of QGIS's icons; an empty sentence hides the banner."""
        self._icon.setPixmap(theme_icon(icon).pixmap(18, 18))
        self._text.setText(text)
        self.setAccessibleName(text)
        self.setVisible(bool(text))

    def text(self) -> str:
        """What is being said."""
        return self._text.text()


def heading(text: str) -> QLabel:
    """A short bold title."""
    label = QLabel(text)
    font = label.font()
    font.setBold(True)
    label.setFont(font)
    label.setWordWrap(True)
    return label


def quiet(label: QLabel) -> QLabel:
    """The label a little smaller: secondary by size, since themes give no reliable colour for it."""
    font = label.font()
    font.setPointSizeF(font.pointSizeF() * 0.9)
    label.setFont(font)
    return label


def form() -> QFormLayout:
    """A form whose fields go under their labels when the panel is narrow."""
    layout = QFormLayout()
    layout.setRowWrapPolicy(QFormLayout.RowWrapPolicy.WrapLongRows)
    layout.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
    layout.setHorizontalSpacing(9)
    layout.setVerticalSpacing(6)
    return layout


def add_row(layout: QFormLayout, label: str, field: QWidget, help_text: str, needed: bool = False) -> QLabel:
    """A labelled field with its tooltip; the label's mnemonic goes to the field, and bold ones must be answered."""
    caption = QLabel(label)
    caption.setBuddy(field)
    caption.setToolTip(help_text)
    font = caption.font()
    font.setBold(needed)
    caption.setFont(font)
    explain(field, label.replace("&", ""), help_text)
    layout.addRow(caption, field)
    return caption


def explain(widget: QWidget, name: str, help_text: str) -> None:
    """What a control is called and what it does, for the mouse and for screen readers."""
    widget.setAccessibleName(name)
    widget.setAccessibleDescription(help_text)
    widget.setToolTip(wrapped(help_text))


def wrapped(text: str) -> str:
    """A tooltip that is broken into lines where it is long; the text is shown as it is."""
    return f"<p>{escape(text)}</p>" if text else ""


def button(text: str, help_text: str, icon: QIcon | None = None, primary: bool = False) -> QPushButton:
    """A push button; the primary one of a page is the one that Enter presses."""
    made = QPushButton(text)
    explain(made, text.replace("&", ""), help_text)
    if icon is not None:
        made.setIcon(icon)
    if primary:
        made.setDefault(True)
        font = made.font()
        font.setBold(True)
        made.setFont(font)
    return made


def tool_button(icon: QIcon, text: str, help_text: str) -> QToolButton:
    """A small flat button that shows its icon alone."""
    made = QToolButton()
    made.setIcon(icon)
    made.setAutoRaise(True)
    made.setText(text)
    made.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
    explain(made, text, help_text)
    return made


def side_by_side(*widgets: QWidget) -> QHBoxLayout:
    """Widgets in a row, from the left."""
    row = QHBoxLayout()
    for widget in widgets:
        row.addWidget(widget)
    row.addStretch(1)
    return row


def compact(table: QTableView) -> None:
    """Rows no higher than their text needs."""
    table.verticalHeader().setVisible(False)
    table.verticalHeader().setDefaultSectionSize(table.fontMetrics().height() + 8)
    table.setAlternatingRowColors(True)


def shrinkable(combo: QComboBox) -> QComboBox:
    """A combo box that long names do not widen beyond the panel."""
    combo.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
    combo.setMinimumContentsLength(6)
    combo.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
    return combo


def find_anywhere(combo: QComboBox) -> None:
    """Let a long list be searched by any part of its texts, whatever the case."""
    combo.setEditable(True)
    combo.setInsertPolicy(QComboBox.InsertPolicy.NoInsert)
    completer = QCompleter(combo.model(), combo)
    completer.setFilterMode(Qt.MatchFlag.MatchContains)
    completer.setCaseSensitivity(Qt.CaseSensitivity.CaseInsensitive)
    combo.setCompleter(completer)


def parameter(algorithm: str, name: str) -> QgsProcessingParameterDefinition | None:
    """How an algorithm of ours defines a parameter: pages take defaults, choices and help from there."""
    found = QgsApplication.processingRegistry().algorithmById(f"{PROVIDER}:{algorithm}")
    return found.parameterDefinition(name) if found is not None else None


def default(algorithm: str, name: str, otherwise: Any) -> Any:
    """A parameter's default."""
    definition = parameter(algorithm, name)
    value = definition.defaultValue() if definition is not None else None
    return otherwise if value is None else value


def help_of(algorithm: str, name: str) -> str:
    """A parameter's help."""
    definition = parameter(algorithm, name)
    return definition.help() if definition is not None else ""


def options(algorithm: str, name: str) -> list[str]:
    """The choices of an enumerated parameter."""
    definition = parameter(algorithm, name)
    return list(definition.options()) if definition is not None else []
