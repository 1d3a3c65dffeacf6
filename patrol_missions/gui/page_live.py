"""The page for the running shift: where positions come from, who is where, how long yet, and the risk anywhere."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from qgis.PyQt.QtCore import QCoreApplication, pyqtSignal
from qgis.PyQt.QtWidgets import QApplication, QCheckBox, QHBoxLayout, QWidget

from patrol_missions.gui.forms import Banner, Card, Note, Page, button, explain, quiet, side_by_side, theme_icon
from patrol_missions.gui.live_session import OFF, ON, STARTING, LiveSession
from patrol_missions.gui.live_sources import SourceForm
from patrol_missions.gui.risk_here import Here
from patrol_missions.gui.units_table import UnitsTable

_MOST_RISKS = 6


class LivePage(Page):
    """Shows a :class:`LiveSession`; buttons ask the dock."""

    start_wanted = pyqtSignal(dict)  # settings of the source
    stop_wanted = pyqtSignal()
    followed = pyqtSignal(str)  # unit, or an empty text for the mouse

    def __init__(self, session: LiveSession, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self._problem = ""
        self.status = Banner()
        self.source = SourceForm()
        self.start_button = button(
            tr("&Start"), tr("Track units from this source; it goes on when QGIS is closed."),
            theme_icon("mActionStart"), primary=True,
        )  # fmt: skip
        self.stop_button = button(tr("S&top"), tr("End live tracking."), theme_icon("mActionStop"))
        self.start_button.clicked.connect(self._start)
        self.stop_button.clicked.connect(self.stop_wanted)
        self.table = UnitsTable()
        self.table.setMinimumHeight(110)
        self.table.picked.connect(self.followed)
        self.sound = QCheckBox(tr("Soun&d when a mission has its minutes"))
        explain(self.sound, tr("Sound"), tr("Beeps when a mission is done."))
        self._by_hand()
        self.risk = Card(tr("Risk here"), theme_icon("mActionIdentify"))
        self._place, self._risks, self._reasons = Note(), Note(), quiet(Note())
        for part in (self._place, self._risks, self._reasons):
            self.risk.column.addWidget(part)
        self.counts = quiet(Note())
        self.admit_button = button(tr("T&rack these units"), tr("Let the units in that nobody named so far."))
        self.admit_button.clicked.connect(self._admit)
        self.column.addWidget(self.status)
        self.column.addWidget(self.source)
        self.column.addLayout(side_by_side(self.start_button, self.stop_button))
        self.column.addWidget(self.table)
        self.column.addLayout(self._hand_row)
        self.column.addWidget(self.sound)
        self.column.addWidget(self.risk)
        self.column.addWidget(self.counts)
        self.column.addLayout(side_by_side(self.admit_button))
        self.column.addStretch(1)
        session.finished.connect(lambda _mission: QApplication.beep() if self.sound.isChecked() else None)
        session.changed.connect(self.show_session)
        self.show_risk(None)

    def _by_hand(self) -> None:
        self.enter_button = button(
            tr("&In a mission"),
            tr("Say that the chosen unit is in the mission that is chosen on the Plan page, for units without GPS."),
        )
        self.away_button = button(tr("&Called away"), tr("Say that the chosen unit was called away; its timer rests."))
        self.undo_button = button(tr("U&ndo"), tr("Take back what was said last of the chosen unit."))
        self.away_button.clicked.connect(lambda: self._session.ask("away", unit=self.table.unit()))
        self.undo_button.clicked.connect(lambda: self._session.ask("undo", unit=self.table.unit()))
        self._hand_row = QHBoxLayout()
        for each in (self.enter_button, self.away_button, self.undo_button):
            self._hand_row.addWidget(each)
        self._hand_row.addStretch(1)

    def refresh(self, problem: str) -> None:
        """Show how things stand.

        :param problem: why nothing can be tracked, in one sentence with the remedy; empty where it can
        """
        self._problem = problem
        self.show_session()

    def show_session(self) -> None:
        """Show state, units and counts as they are now."""
        session = self._session
        off, on = session.state == OFF, session.state == ON
        self.source.setVisible(off)
        if off:
            self.show_risk(None)
        self.start_button.setVisible(off)
        self.start_button.setEnabled(not self._problem)
        self.stop_button.setVisible(not off)
        self.table.setVisible(on)
        for part in (self.enter_button, self.away_button, self.undo_button):
            part.setVisible(on)
            part.setEnabled(on and bool(self.table.unit()))
        self.sound.setVisible(on)
        self._tell_status()
        if on and self.isVisible():
            self.table.show_units(session.model, session.now())
            self._tell_counts(session.refused, session.quarantined)
        self.counts.setVisible(on)
        self.admit_button.setVisible(on and bool(session.quarantined))

    def show_risk(self, here: Here | None, place: str = "") -> None:
        """Show what the forecast says of a place; None hides it."""
        self.risk.setVisible(here is not None)
        if here is None:
            return
        self._place.setText(tr("{place}, district {district}: higher than {percentile:.0f} % of all cells.").format(
            place=place, district=here.district or "–", percentile=here.percentile))  # fmt: skip
        lines = [
            tr("{times:.1f} × {category} ({expected:.2g})").format(
                category=risk.category, expected=risk.expected, times=risk.times
            )
            for risk in here.risks[:_MOST_RISKS]
        ]
        head = tr("Times the district’s mean, and incidents expected in the shift:")
        self._risks.setText("\n".join([head, *lines]))
        self._reasons.setText(here.reasons)
        self._reasons.setVisible(bool(here.reasons))

    def _admit(self) -> None:
        for unit in sorted(self._session.quarantined):
            self._session.ask("admit", unit=unit)

    def _start(self) -> None:
        problem = self.source.problem()
        if problem:
            self.status.say("mIconWarning", problem)
            return
        self.start_wanted.emit(self.source.settings())

    def _tell_status(self) -> None:
        session = self._session
        if session.state == STARTING:
            self.status.say("mIconInfo", tr("Live tracking starts …"))
        elif session.state == OFF:
            self.status.say("mIconInfo" if self._problem else "", self._problem)
        else:
            texts = [str(each.get("text") or "") for each in session.sources.values()]
            bad = any(each.get("state") in ("failed", "silent") for each in session.sources.values())
            self.status.say("mIconWarning" if bad else "mIconInfo", " ".join(filter(None, texts)))

    def _tell_counts(self, refused: Mapping[str, Any], quarantined: Mapping[str, Any]) -> None:
        parts = []
        if quarantined:
            parts.append(
                tr("Units that nobody named, not tracked: {units}.").format(units=", ".join(sorted(quarantined)[:10]))
            )
        if refused:
            told = ", ".join(f"{reason} {count}" for reason, count in sorted(refused.items()))
            parts.append(tr("Refused: {counts}.").format(counts=told))
        self.counts.setText(" ".join(parts))


def tr(text: str) -> str:
    """The text in the user's language."""
    return QCoreApplication.translate("LivePage", text)
