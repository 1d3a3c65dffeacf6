"""The list of reasons: a bar to the right for what raises expected incidents, to the left for what lowers them."""

from __future__ import annotations

from collections.abc import Sequence

from qgis.PyQt.QtCore import QCoreApplication, QRectF, QSize, Qt
from qgis.PyQt.QtGui import QColor, QPainter, QPaintEvent
from qgis.PyQt.QtWidgets import QHBoxLayout, QLabel, QSizePolicy, QVBoxLayout, QWidget

from patrol_missions.gui.forms import Note, heading, quiet
from patrol_missions.gui.missions import capital
from patrol_missions.gui.why_facts import Reason

RAISES, LOWERS = QColor("#e2762b"), QColor("#3d84c6")
_TRACK, _MIDDLE = QColor(128, 128, 128, 60), QColor(128, 128, 128, 230)
"""Greys that are seen on light and dark: themes that are style sheets leave the palette as it was."""
_BAR_HEIGHT = 9


class ReasonList(QWidget):
    """Reasons one under the other."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(0, 0, 0, 0)
        self._column.setSpacing(9)
        self.rows: list[QWidget] = []

    def show_reasons(self, reasons: Sequence[Reason]) -> None:
        """Show these in place of those before."""
        for row in self.rows:
            self._column.removeWidget(row)
            row.setParent(None)
            row.deleteLater()
        longest = max((reason.share for reason in reasons), default=1.0)
        self.rows = [_row(reason, reason.share / max(longest, 1e-9)) for reason in reasons]
        for row in self.rows:
            self._column.addWidget(row)


class Bar(QWidget):
    """A bar from the middle: its length is the reason's share beside the strongest one's.

    :param length: 0 to 1, to the right where the reason raises, to the left where it lowers
    """

    def __init__(self, length: float, raises: bool, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._length, self._raises = length, raises
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    def sizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        """A thin strip."""
        return QSize(80, _BAR_HEIGHT)

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802 - Qt's name
        """Draw the track, the bar and the middle."""
        painter = QPainter(self)
        painter.fillRect(self.rect(), _TRACK)
        half = self.width() / 2.0
        wide = max(half * self._length, 2.0)
        left = half if self._raises else half - wide
        painter.fillRect(QRectF(left, 0.0, wide, float(self.height())), RAISES if self._raises else LOWERS)
        painter.fillRect(QRectF(half - 0.5, 0.0, 1.0, float(self.height())), _MIDDLE)
        painter.end()


def _row(reason: Reason, length: float) -> QWidget:
    raises = reason.effect >= 1
    row = QWidget()
    column = QVBoxLayout(row)
    column.setContentsMargins(0, 0, 0, 0)
    column.setSpacing(3)
    top = QHBoxLayout()
    top.addWidget(heading(capital(reason.name)), 1)
    factor = QLabel(f"{'▲' if raises else '▼'} × {reason.effect:.2g}")
    factor.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
    top.addWidget(factor)
    column.addLayout(top)
    column.addWidget(Bar(length, raises))
    column.addWidget(quiet(Note(capital(reason.text))))
    way = tr("raises") if raises else tr("lowers")
    told = tr("{way} the expected incidents: {share:.0f} % of all reasons").format(way=capital(way), share=reason.share)
    row.setToolTip(told)
    row.setAccessibleName(f"{reason.name}: {told}. {reason.text}")
    return row


def tr(text: str) -> str:
    """The text in the user's language."""
    return QCoreApplication.translate("ReasonList", text)
