"""The drawing of a trade-off: a panel per measure over one axis of harm kept, and the chosen share across them all."""

from __future__ import annotations

import math

from qgis.PyQt.QtCore import QCoreApplication, QEvent, QPointF, QRectF, QSize, Qt, pyqtSignal
from qgis.PyQt.QtGui import (
    QBrush,
    QColor,
    QFocusEvent,
    QFont,
    QFontMetrics,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPalette,
    QPen,
    QPolygonF,
)
from qgis.PyQt.QtWidgets import QLabel, QSizePolicy, QWidget

from patrol_missions.gui.trade_off import Measure, TradeOff

LEAST, MOST = 50, 100
"""Shares of harm kept in percent that can be chosen."""

_TICKS = range(LEAST, MOST + 1, 10)
_PAGE = 5
_GAP = 8
_EDGE = 3
_MARK = 4.5
_OLD = 0.45
_LIGHT, _DARK = QColor("#efefef"), QColor("#323232")
_CONTRAST = 3.0
"""Least contrast of a line with what is under it (WCAG 2.1, 1.4.11)."""


class TradeOffCurve(QWidget):
    """A click or the arrow keys choose a share; the mouse over it reads the others."""

    share_chosen = pyqtSignal(int)  # percent

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._curve = TradeOff()
        self._measures: tuple[Measure, ...] = ()
        self._share = MOST
        self._pointed: int | None = None
        self._old = False
        self._word = QLabel(self)  # has the colour of text, which themes that are style sheets give to labels alone
        self._word.hide()
        self.setMouseTracking(True)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setAccessibleName(tr("Trade-off curve"))
        self.setToolTip(tr("Click, or use the arrow keys, to choose the harm kept."))

    def show_curve(self, curve: TradeOff, old: bool) -> None:
        """Draw a curve; an old one is faint."""
        self._curve, self._measures, self._old = curve, curve.measures(), old
        self._describe()
        self.updateGeometry()

    def set_share(self, share: int) -> None:
        """Mark the share that is chosen."""
        self._share = min(max(share, LEAST), MOST)
        self._describe()

    def share(self) -> int:
        """The share that is marked."""
        return self._share

    def pointed(self) -> int | None:
        """The share that the mouse is over."""
        return self._pointed

    def reading(self, measure: int) -> str:
        """What a panel tells: the measure's value where the mouse is, or else at the chosen share."""
        share = self._share if self._pointed is None else self._pointed
        found = self._measures[measure]
        return found.told(self._curve.at(found.values, share))

    def x_of(self, share: float) -> float:
        """Where a share is on the axis."""
        ground = self._ground()
        return ground.left() + ground.width() * (share - LEAST) / (MOST - LEAST)

    def share_at(self, x: float) -> int:
        """The share at a place."""
        ground = self._ground()
        share = LEAST + (MOST - LEAST) * (x - ground.left()) / max(ground.width(), 1.0)
        return round(min(max(share, LEAST), MOST))

    def sizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        """High enough for all panels to be read."""
        line = self._metrics().height()
        return QSize(20 * line, len(self._measures) * self._panel_height() - _GAP + 2 * line + 3 * _EDGE)

    def minimumSizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        """Narrower, and as high."""
        return QSize(10 * self._metrics().height(), self.sizeHint().height())

    # --- what people do

    def mousePressEvent(self, event: QMouseEvent) -> None:  # noqa: N802 - Qt's name
        """Choose the share under the mouse."""
        if event.button() == Qt.MouseButton.LeftButton:
            self._choose(self.share_at(event.pos().x()))

    def mouseMoveEvent(self, event: QMouseEvent) -> None:  # noqa: N802 - Qt's name
        """Read, or draw the chosen share along."""
        self._point(self.share_at(event.pos().x()))
        if event.buttons() & Qt.MouseButton.LeftButton:
            self._choose(self.share_at(event.pos().x()))

    def leaveEvent(self, event: QEvent) -> None:  # noqa: N802 - Qt's name
        """Read the chosen share again."""
        super().leaveEvent(event)
        self._point(None)

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802 - Qt's name
        """The keys of a slider."""
        places = {
            Qt.Key.Key_Left: self._share - 1,
            Qt.Key.Key_Down: self._share - 1,
            Qt.Key.Key_Right: self._share + 1,
            Qt.Key.Key_Up: self._share + 1,
            Qt.Key.Key_PageDown: self._share - _PAGE,
            Qt.Key.Key_PageUp: self._share + _PAGE,
            Qt.Key.Key_Home: LEAST,
            Qt.Key.Key_End: MOST,
        }
        if event.key() in places:
            self._choose(places[event.key()])
        else:
            super().keyPressEvent(event)

    def focusInEvent(self, event: QFocusEvent) -> None:  # noqa: N802 - Qt's name
        """Show the frame of the focus."""
        super().focusInEvent(event)
        self.update()

    def focusOutEvent(self, event: QFocusEvent) -> None:  # noqa: N802 - Qt's name
        """Take it away."""
        super().focusOutEvent(event)
        self.update()

    def _choose(self, share: int) -> None:
        self.set_share(share)
        self.share_chosen.emit(self._share)

    def _point(self, share: int | None) -> None:
        if share != self._pointed:
            self._pointed = share
            self.update()

    def _describe(self) -> None:
        self.setAccessibleDescription(self._curve.sentence(self._share))
        self.update()

    # --- drawing

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802 - Qt's name
        """Draw all."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setFont(self._font())
        if self._curve:
            self._draw_axis(painter)
            for number, measure in enumerate(self._measures):
                self._draw_panel(painter, measure, number)
        if self.hasFocus():
            painter.setPen(QPen(self._accent(), 1.0))  # many styles draw no frame around what is no control of theirs
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawRoundedRect(QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5), _EDGE, _EDGE)

    def _draw_panel(self, painter: QPainter, measure: Measure, number: int) -> None:
        ground, metrics, top = self._plot(number), self._metrics(), measure.top()
        title = QRectF(_EDGE, ground.top() - metrics.height() - _EDGE, self.width() - 2 * _EDGE, metrics.height())
        reading = self.reading(number)
        painter.setPen(self._ink())
        strong = self._font(bold=True)
        room = title.width() - QFontMetrics(strong).boundingRect(reading).width() - _GAP
        text = metrics.elidedText(measure.title, Qt.TextElideMode.ElideRight, int(room))
        painter.drawText(title, Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter, text)
        painter.setFont(strong)
        painter.drawText(title, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter, reading)
        painter.setFont(self._font())
        for share in (0.0, 0.5, 1.0):
            y = ground.bottom() - share * ground.height()
            painter.setPen(QPen(self._ink(0.45 if share == 0 else 0.18), 1.0))
            painter.drawLine(QPointF(ground.left(), y), QPointF(ground.right(), y))
        painter.setPen(self._ink(0.75))
        beside = QRectF(0, ground.top(), ground.left() - _EDGE, ground.height())
        for value, side in ((top, Qt.AlignmentFlag.AlignTop), (0.0, Qt.AlignmentFlag.AlignBottom)):
            painter.drawText(beside, Qt.AlignmentFlag.AlignRight | side, _tick(measure, value))
        for share, style in ((self._pointed, Qt.PenStyle.DotLine), (self._share, Qt.PenStyle.SolidLine)):
            if share is not None:
                painter.setPen(QPen(self._ink(0.8), 1.0, style))
                painter.drawLine(QPointF(self.x_of(share), ground.top()), QPointF(self.x_of(share), ground.bottom()))

        def spot_of(share: float, value: float) -> QPointF:
            return QPointF(self.x_of(share), ground.bottom() - ground.height() * value / top)

        painter.setOpacity(_OLD if self._old else 1.0)
        known = [(s, v) for s, v in zip(self._curve.shares, measure.values) if not math.isnan(v)]
        line = [spot_of(share, value) for share, value in known]
        painter.setPen(QPen(self._accent(), 2.0))
        painter.drawPolyline(QPolygonF(line))
        painter.setBrush(self._accent())
        for spot in line:
            painter.drawEllipse(spot, 1.5, 1.5)
        painter.setOpacity(1.0)
        painter.setPen(QPen(self._ink(), 1.5))
        for share, brush in ((self._pointed, QBrush()), (self._share, QBrush(self._accent()))):
            value = math.nan if share is None else self._curve.at(measure.values, share)
            if not math.isnan(value):
                painter.setBrush(brush)
                painter.drawEllipse(spot_of(share, value), _MARK, _MARK)

    def _draw_axis(self, painter: QPainter) -> None:
        """The ticks of harm kept under all panels, with the chosen share and that of the mouse among them."""
        ground, metrics = self._ground(), self._metrics()
        below = QRectF(ground.left(), ground.bottom() - _GAP + _EDGE, ground.width(), metrics.height())
        marked = [self._share] if self._pointed is None else [self._pointed, self._share]
        taken: list[QRectF] = []
        for shares, font, ink in ((marked, self._font(bold=True), 1.0), (_TICKS, self._font(), 0.75)):
            painter.setFont(font)
            painter.setPen(self._ink(ink))
            for share in shares:
                spot = self._spot(share, below, painter.fontMetrics())
                if not any(spot.intersects(other) for other in taken):
                    painter.drawText(spot, Qt.AlignmentFlag.AlignCenter, f"{share} %")
                    taken.append(spot)
        below.translate(0, metrics.height())
        painter.drawText(below, Qt.AlignmentFlag.AlignCenter, tr("Harm kept"))

    def _spot(self, share: int, row: QRectF, metrics: QFontMetrics) -> QRectF:
        """Where the number of a share goes: under its place, and within the widget."""
        width = metrics.boundingRect(f"{share} %").width() + _EDGE
        left = min(max(self.x_of(share) - width / 2, 0.0), self.width() - width)
        return QRectF(left, row.top(), width, row.height())

    def _ground(self) -> QRectF:
        """From the top of the first panel's title to the axis."""
        metrics = self._metrics()
        labels = [_tick(each, each.top()) for each in self._measures] or [""]
        left = max(metrics.boundingRect(label).width() for label in labels) + 2.0 * _EDGE
        right = metrics.boundingRect("100 %").width() / 2.0
        height = len(self._measures) * self._panel_height()
        return QRectF(left, _EDGE, max(self.width() - left - right, 1.0), height)

    def _plot(self, number: int) -> QRectF:
        """Where the line of a panel is drawn."""
        ground, title = self._ground(), self._metrics().height() + _EDGE
        top = ground.top() + number * self._panel_height() + title
        return QRectF(ground.left(), top, ground.width(), self._panel_height() - title - _GAP)

    def _panel_height(self) -> int:
        return 5 * self._metrics().height() + 2 * _GAP

    def _font(self, bold: bool = False) -> QFont:
        font = QFont(self.font())
        font.setPointSizeF(font.pointSizeF() * 0.9)
        font.setBold(bold)
        return font

    def _metrics(self) -> QFontMetrics:
        return QFontMetrics(self._font())

    def _ink(self, strength: float = 1.0) -> QColor:
        """The theme's colour of text, weaker where it is less to say."""
        self._word.ensurePolished()
        colour = QColor(self._word.palette().color(self._word.foregroundRole()))
        colour.setAlphaF(strength)
        return colour

    def _accent(self) -> QColor:
        """The theme's own accent, where it stands out from the ground, which is light where text is dark."""
        accent, ink = self.palette().color(QPalette.ColorRole.Highlight), self._ink()
        ground = _DARK if contrast(ink, _DARK) > contrast(ink, _LIGHT) else _LIGHT
        return accent if contrast(accent, ground) >= _CONTRAST else ink


def contrast(one: QColor, other: QColor) -> float:
    """How far two colours stand apart: 1 to 21, by the Web Content Accessibility Guidelines 2.1."""
    darker, lighter = sorted(_luminance(each) for each in (one, other))
    return (lighter + 0.05) / (darker + 0.05)


def _luminance(colour: QColor) -> float:
    parts = (colour.redF(), colour.greenF(), colour.blueF())
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _tick(measure: Measure, value: float) -> str:
    """The number beside the top or the foot of a panel."""
    return f"{value:.0f} %" if measure.percent and value else f"{value:g}"


def tr(text: str) -> str:
    """The text in the user's language."""
    return QCoreApplication.translate("TradeOffCurve", text)
