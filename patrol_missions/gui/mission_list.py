"""The list of missions by district: two lines each, beside the colour that the map gives their category."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import groupby

from qgis.core import QgsCategorizedSymbolRenderer, QgsSimpleFillSymbolLayer, QgsSymbol, QgsVectorLayer
from qgis.PyQt.QtCore import QCoreApplication, QEvent, QModelIndex, QObject, QRect, QSize, Qt, pyqtSignal
from qgis.PyQt.QtGui import QColor, QPainter, QPalette, QPen, QStandardItem, QStandardItemModel
from qgis.PyQt.QtWidgets import (
    QAbstractItemView,
    QAction,
    QApplication,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QTreeView,
    QWidget,
)

from patrol_missions.gui.forms import explain, theme_icon, wrapped
from patrol_missions.gui.missions import Mission, capital
from patrol_missions.gui.override_layer import LOCK, SUPPRESS, kind_icon, kind_title

_MISSION = Qt.ItemDataRole.UserRole + 1
_SECOND_LINE = Qt.ItemDataRole.UserRole + 2
_COLOUR = Qt.ItemDataRole.UserRole + 3
_PAD, _SWATCH = 4, 14


class MissionList(QTreeView):
    """Missions of one shift."""

    chosen = pyqtSignal(object)  # Mission that was clicked or reached with the keyboard
    pointed = pyqtSignal(object)  # Mission under the mouse, or None
    opened = pyqtSignal(object)  # Mission that was double-clicked or on which Enter was pressed
    decided = pyqtSignal(str, object)  # kind of override, and the Mission that it is for

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._model = QStandardItemModel(self)
        self.setModel(self._model)
        self.setItemDelegate(_TwoLines(self))
        self.setHeaderHidden(True)
        self.setRootIsDecorated(True)
        self.setIndentation(12)
        self.setUniformRowHeights(False)
        self.setMouseTracking(True)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setExpandsOnDoubleClick(True)
        self.setMinimumHeight(160)
        explain(
            self, tr("Missions"),
            tr("Missions of the shift by district. A click goes there, two open it, its menu overrides it."),
        )  # fmt: skip
        self.setToolTip("")  # the rows have their own
        self.clicked.connect(self._clicked)
        self.activated.connect(self._activated)
        self.selectionModel().currentChanged.connect(self._current_changed)
        self.viewport().installEventFilter(self)
        self.setContextMenuPolicy(Qt.ContextMenuPolicy.ActionsContextMenu)
        self.overrides = [self._decision(kind) for kind in (SUPPRESS, LOCK)]

    def _decision(self, kind: str) -> QAction:
        """What can be decided of the current mission without the mouse: the keyboard's way to an override."""
        action = QAction(theme_icon(kind_icon(kind)), f"{kind_title(kind)} …", self)
        action.triggered.connect(lambda: self._decide(kind))
        self.addAction(action)
        return action

    def mission(self) -> Mission | None:
        """The mission that is chosen."""
        found: Mission | None = self.currentIndex().data(_MISSION)
        return found

    def _decide(self, kind: str) -> None:
        mission = self.mission()
        if mission is not None:
            self.decided.emit(kind, mission)

    def show_missions(self, missions: Sequence[Mission], colours: Mapping[str, QColor]) -> None:
        """List missions that are sorted by district."""
        self._model.clear()
        self.pointed.emit(None)
        for district, group in groupby(missions, key=lambda mission: mission.district):
            members = list(group)
            head = QStandardItem(
                tr("{district} · {count} missions").format(district=district, count=len(members))
                if len(members) != 1
                else tr("{district} · 1 mission").format(district=district)
            )
            font = head.font()
            font.setBold(True)
            head.setFont(font)
            head.setFlags(Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsSelectable)
            for mission in members:
                head.appendRow(_row(mission, colours.get(mission.category)))
            self._model.appendRow(head)
        self.expandAll()

    def count(self) -> int:
        """How many missions are listed."""
        return sum(self._model.item(row).rowCount() for row in range(self._model.rowCount()))

    def mission_index(self, number: int) -> QModelIndex:
        """Where the n-th listed mission is, for the keyboard and for tests."""
        for row in range(self._model.rowCount()):
            head = self._model.item(row)
            if number < head.rowCount():
                return head.child(number).index()
            number -= head.rowCount()
        return QModelIndex()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802 - Qt's name
        """Tell which mission the mouse is over, and when it leaves."""
        if event.type() == QEvent.Type.MouseMove:
            self.pointed.emit(self.indexAt(event.pos()).data(_MISSION))
        elif event.type() in (QEvent.Type.Leave, QEvent.Type.Hide):
            self.pointed.emit(None)
        return super().eventFilter(watched, event)

    def _clicked(self, index: QModelIndex) -> None:
        mission = index.data(_MISSION)
        if mission is not None:
            self.chosen.emit(mission)

    def _current_changed(self, current: QModelIndex, _previous: QModelIndex) -> None:
        # the mouse is served by `clicked`, which comes for the current row too
        if not QApplication.mouseButtons() and current.data(_MISSION) is not None:
            self.chosen.emit(current.data(_MISSION))

    def _activated(self, index: QModelIndex) -> None:
        mission = index.data(_MISSION)
        if mission is not None:
            self.opened.emit(mission)


class _TwoLines(QStyledItemDelegate):
    """Draws a mission: a square in the map's colour, what and when, and under it why, shortened to the width."""

    def sizeHint(self, option: QStyleOptionViewItem, index: QModelIndex) -> QSize:  # noqa: N802 - Qt's name
        """Two lines for missions, one for districts."""
        size = super().sizeHint(option, index)
        lines = 2 if index.data(_MISSION) is not None else 1
        return QSize(size.width(), option.fontMetrics.height() * lines + 2 * _PAD)

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: QModelIndex) -> None:
        """Draw the row."""
        if index.data(_MISSION) is None:
            super().paint(painter, option, index)
            return
        full = QStyleOptionViewItem(option)
        self.initStyleOption(full, index)
        title, full.text = full.text, ""
        style = full.widget.style() if full.widget is not None else QApplication.style()
        style.drawControl(QStyle.ControlElement.CE_ItemViewItem, full, painter, full.widget)
        selected = bool(full.state & QStyle.StateFlag.State_Selected)
        ink = full.palette.color(QPalette.ColorRole.HighlightedText if selected else QPalette.ColorRole.Text)
        painter.save()
        self._swatch(painter, full.rect, index.data(_COLOUR) or ink, ink)
        left = full.rect.left() + _SWATCH + 3 * _PAD
        height = full.fontMetrics.height()
        line = QRect(left, full.rect.top() + _PAD, full.rect.right() - left - _PAD, height)
        painter.setFont(full.font)
        painter.setPen(ink)
        self._write(painter, full, line, title)
        ink.setAlphaF(0.72)
        painter.setPen(ink)
        self._write(painter, full, line.translated(0, height), index.data(_SECOND_LINE))
        painter.restore()

    @staticmethod
    def _swatch(painter: QPainter, rect: QRect, colour: QColor, ink: QColor) -> None:
        box = QRect(rect.left() + _PAD + 1, rect.top() + _PAD + 2, _SWATCH, _SWATCH)
        rim = QColor(ink)
        rim.setAlphaF(0.45)  # so that dark colours stand out in dark themes, and pale ones in light themes
        painter.setPen(QPen(rim, 1))
        painter.drawRect(box.adjusted(-2, -2, 2, 2))
        fill = QColor(colour)
        fill.setAlphaF(0.25)
        painter.setPen(QPen(colour, 2))
        painter.setBrush(fill)
        painter.drawRect(box)

    @staticmethod
    def _write(painter: QPainter, option: QStyleOptionViewItem, rect: QRect, text: str) -> None:
        short = option.fontMetrics.elidedText(text, Qt.TextElideMode.ElideRight, rect.width())
        painter.drawText(rect, int(Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft), short)


def _row(mission: Mission, colour: QColor | None) -> QStandardItem:
    title = f"{mission.window}   {mission.categories or mission.category}"
    item = QStandardItem(title)
    item.setData(mission, _MISSION)
    item.setData(capital(mission.reasons or mission.purpose), _SECOND_LINE)
    item.setData(colour, _COLOUR)
    item.setData(f"{mission.district}: {title}. {mission.reasons}", Qt.ItemDataRole.AccessibleTextRole)
    item.setToolTip(wrapped(mission.purpose or title))
    return item


def colours_of(layer: QgsVectorLayer) -> dict[str, QColor]:
    """Colour of each category on the map, also after the user has styled it anew."""
    renderer = layer.renderer()
    if not isinstance(renderer, QgsCategorizedSymbolRenderer):
        return {}
    return {str(category.value()): _strongest(category.symbol()) for category in renderer.categories()}


def _strongest(symbol: QgsSymbol) -> QColor:
    """The colour that a symbol is known by: the most saturated of its outlines and fills, never its white casing."""
    colours = []
    for part in symbol.symbolLayers():
        if part.subSymbol() is not None:
            colours.append(part.subSymbol().color())
        elif isinstance(part, QgsSimpleFillSymbolLayer):
            colours.append(part.strokeColor())
            colours += [part.fillColor()] if part.brushStyle() != Qt.BrushStyle.NoBrush else []
    strong = (c for c in colours if c.isValid())
    return max(strong, key=lambda c: c.saturationF() * c.alphaF(), default=symbol.color())


def tr(text: str) -> str:
    """The text in the user's language."""
    return QCoreApplication.translate("MissionList", text)
