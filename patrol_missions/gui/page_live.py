"""The page for the running shift: where positions come from, who is where, how long yet, and the risk anywhere."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from qgis.PyQt.QtCore import QCoreApplication, pyqtSignal
from qgis.PyQt.QtWidgets import QApplication, QCheckBox, QHBoxLayout, QProgressBar, QWidget

from patrol_missions.gui.forms import Banner, Card, Note, Page, button, explain, quiet, side_by_side, theme_icon
from patrol_missions.gui.live_model import Coverage
from patrol_missions.gui.live_session import OFF, ON, STARTING, LiveSession
from patrol_missions.gui.live_sources import SourceForm
from patrol_missions.gui.nearby import DAYS, Recent
from patrol_missions.gui.risk_here import Here
from patrol_missions.gui.units_table import UnitsTable

_MOST_RISKS = 6


class LivePage(Page):
    """Shows a :class:`LiveSession`; buttons ask the dock."""

    start_wanted = pyqtSignal(dict)  # settings of the source
    stop_wanted = pyqtSignal()
    past_wanted = pyqtSignal()
    followed = pyqtSignal(str)  # unit, or an empty text for the mouse

    def __init__(self, session: LiveSession, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self._problem = ""
        self.status = Banner()
        self.source = SourceForm()
        self.source.kind.currentIndexChanged.connect(lambda _index: self._tell_status())
        self.start_button = button(
            tr("&Start"), tr("Track units from this source; it goes on when QGIS is closed."),
            theme_icon("mActionStart"), primary=True,
        )  # fmt: skip
        self.stop_button = button(tr("S&top"), tr("End live tracking."), theme_icon("mActionStop"))
        self.start_button.clicked.connect(self._start)
        self.stop_button.clicked.connect(self.stop_wanted)
        self.coverage, self.missions = QProgressBar(), Note()
        self.coverage.setTextVisible(False)  # not every theme has a colour in which it could be read
        explain(
            self.coverage, tr("Minutes delivered"),
            tr("Minutes that the missions of the running shift have had of patrol. More than a mission was to get does "
               "not count for another one."),
        )  # fmt: skip
        self.table = UnitsTable()
        self.table.picked.connect(self.followed)
        self.sound = QCheckBox(tr("Soun&d when a mission is done"))
        explain(self.sound, tr("Sound"), tr("Beeps when a mission has its minutes."))
        self._by_hand()
        self.risk = Card(tr("Risk here"), theme_icon("mActionIdentify"))
        self._place, self._tactic, self._risks = Note(), Note(), Note()
        self._recent, self._reasons = Note(), quiet(Note())
        for part in (self._place, self._tactic, self._risks, self._recent, self._reasons):
            self.risk.column.addWidget(part)
        self.past_button = button(
            tr("Load a past s&hift …"), tr("Play where units were in a past shift on the map."),
            theme_icon("propertyicons/temporal"),
        )  # fmt: skip
        self.past_button.clicked.connect(self.past_wanted)
        self.counts = quiet(Note())
        self.admit_button = button(tr("T&rack these units"), tr("Let the units in that nobody named so far."))
        self.admit_button.clicked.connect(self._admit)
        self.column.addWidget(self.status)
        self.column.addWidget(self.source)
        self.column.addLayout(side_by_side(self.start_button, self.stop_button))
        self.column.addWidget(self.coverage)
        self.column.addWidget(self.missions)
        self.column.addWidget(self.table)
        self.column.addLayout(self._hand_row)
        self.column.addWidget(self.sound)
        self.column.addWidget(self.risk)
        self.column.addWidget(self.counts)
        self.column.addLayout(side_by_side(self.admit_button))
        self.column.addLayout(side_by_side(self.past_button))
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

    def refresh(self, problem: str, can_load: bool) -> None:
        """Show how things stand.

        :param problem: why nothing can be tracked, in one sentence with the remedy; empty where it can
        :param can_load: whether a past shift can be loaded now
        """
        self._problem = problem
        self.past_button.setEnabled(can_load)
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
        self._tell_coverage(session.model.coverage(session.now()) if on else None)
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
        """Show what is known of a place; None hides it."""
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
        tactic = tr("The mission here: {tactic}").format(tactic=here.tactic) if here.tactic else ""
        reasons = tr("Why here: {reasons}").format(reasons=here.reasons) if here.reasons else ""
        for part, text in ((self._tactic, tactic), (self._recent, _lately(here.recent)), (self._reasons, reasons)):
            part.setText(text)
            part.setVisible(bool(text))

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

    def _tell_coverage(self, coverage: Coverage | None) -> None:
        self.missions.setVisible(coverage is not None)
        self.coverage.setVisible(coverage is not None and coverage.planned > 0)
        if coverage is None:
            return
        if not coverage.missions:
            self.missions.setText(tr("No mission of the plan is in a shift that runs now."))
            return
        planned, delivered = round(coverage.planned), int(coverage.delivered)
        self.coverage.setRange(0, planned)
        self.coverage.setValue(delivered)
        done = tr("{done} of {missions} missions done, {delivered} of {planned} minutes.").format(
            done=coverage.done, missions=coverage.missions, delivered=delivered, planned=planned
        )
        rest = tr("{running} in progress, {waiting} waiting.").format(
            running=coverage.running, waiting=coverage.waiting
        )
        self.missions.setText(f"{done}\n{rest}")

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


def _lately(recent: Sequence[Recent] | None) -> str:
    """What happened there lately, in words; empty where no layer of incidents tells."""
    if recent is None:
        return ""
    if not recent:
        return tr("No incident here or in the cells around in the {days} days before the shift.").format(days=DAYS)
    lines = [
        tr("{category}: {count}, the latest {ago}").format(count=each.count, category=each.category, ago=_ago(each))
        for each in recent[:_MOST_RISKS]
    ]
    head = tr("Here and in the cells around, in the {days} days before the shift:").format(days=DAYS)
    return "\n".join([head, *lines])


def _ago(recent: Recent) -> str:
    if recent.days_ago == 0:
        return tr("within a day")
    return tr("1 day ago") if recent.days_ago == 1 else tr("{days} days ago").format(days=recent.days_ago)


def tr(text: str) -> str:
    """The text in the user's language."""
    return QCoreApplication.translate("LivePage", text)
