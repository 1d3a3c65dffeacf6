"""The part of the plan page that shows what harm kept costs, so that it is seen before anybody decides."""

from __future__ import annotations

from qgis.gui import QgsCollapsibleGroupBoxBasic
from qgis.PyQt.QtCore import QCoreApplication, pyqtSignal
from qgis.PyQt.QtWidgets import QVBoxLayout, QWidget

from patrol_missions.gui.forms import Note, button, quiet, side_by_side, theme_icon
from patrol_missions.gui.project_state import PlanForm, ProjectState
from patrol_missions.gui.readiness import Readiness, asked_of_curve
from patrol_missions.gui.trade_off import TradeOff
from patrol_missions.gui.trade_off_curve import TradeOffCurve

ROLE = "trade_off"


class TradeOffBox(QgsCollapsibleGroupBoxBasic):
    """One line on how things stand, the curve where there is one, and the button that draws it."""

    wanted = pyqtSignal()
    share_chosen = pyqtSignal(int)  # percent

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(tr("What it costs"), parent)
        self._at = ""
        self._found = TradeOff()
        self.hint = Note()
        self.curve = TradeOffCurve()
        self.curve.share_chosen.connect(self.share_chosen)
        self.reading = quiet(Note())
        self.draw_button = button(
            tr("Dra&w the curve"),
            tr("Plan the first shifts for ten shares of harm kept, and show what each comes to."),
            theme_icon("mActionStart"),
        )
        self.draw_button.clicked.connect(self.wanted)
        column = QVBoxLayout(self)
        for part in (self.hint, self.curve, self.reading):
            column.addWidget(part)
        column.addLayout(side_by_side(self.draw_button))
        self.collapsedStateChanged.connect(lambda _closed: self._show_parts())
        self._show_parts()

    def set_share(self, share: int) -> None:
        """Mark the chosen share."""
        self.curve.set_share(share)
        self.reading.setText(self._found.sentence(share))

    def refresh(self, state: ProjectState, form: PlanForm, busy: bool, ready: Readiness) -> None:
        """Show the curve there is, and what can be done next.

        :param form: the answers as they are now
        """
        layer = state.layer(ROLE)
        at = f"{layer.id()}{state.value(ROLE, 'at')}" if layer is not None else ""
        if at != self._at:
            self._at, self._found = at, TradeOff.read(layer)
        there = ready.can_plan and state.layer("forecast") is not None
        old = bool(self._found) and (ready.forecast_anew or state.value(ROLE, "asked") != asked_of_curve(state, form))
        self.hint.setText(self._told(there, ready.forecast_anew, old))
        self.draw_button.setText(tr("Dra&w it again") if self._found else tr("Dra&w the curve"))
        self.draw_button.setEnabled(there and not ready.forecast_anew and not busy)
        self.curve.show_curve(self._found, old)
        self.set_share(self.curve.share())
        self._show_parts()

    def _told(self, there: bool, forecast_anew: bool, old: bool) -> str:
        if not there:
            return tr("The curve needs a forecast, which Plan missions makes.")
        if forecast_anew:
            return tr("The curve needs a newer forecast, which Plan missions makes.")
        if old:
            return tr("Old: the forecast or the settings changed since it was drawn.")
        return "" if self._found else tr("Not drawn yet: see what each share gives before you decide for one.")

    def _show_parts(self) -> None:
        """A closed box does not hide what is shown later by itself."""
        opened = not self.isCollapsed()
        self.hint.setVisible(opened and bool(self.hint.text()))
        self.draw_button.setVisible(opened)
        for part in (self.curve, self.reading):
            part.setVisible(opened and bool(self._found))


def tr(text: str) -> str:
    """The text in the user's language."""
    return QCoreApplication.translate("TradeOffBox", text)
