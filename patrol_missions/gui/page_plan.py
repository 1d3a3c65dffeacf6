"""The page where missions are planned and read: settings, shift, missions by district, and why each is there."""

from __future__ import annotations

from collections.abc import Sequence

from qgis.core import QgsDateTimeRange
from qgis.PyQt.QtCore import QCoreApplication, QDateTime, QTimeZone, pyqtSignal
from qgis.PyQt.QtWidgets import QCheckBox, QComboBox, QHBoxLayout, QVBoxLayout, QWidget

from patrol_missions.gui import weights_book
from patrol_missions.gui.countdown import Countdown, soonest
from patrol_missions.gui.forms import (
    Banner,
    Card,
    Note,
    Page,
    button,
    explain,
    quiet,
    shrinkable,
    theme_icon,
    tool_button,
)
from patrol_missions.gui.mission_list import MissionList, colours_of
from patrol_missions.gui.missions import Mission, ShiftInstance, capital, own_time, read_missions, shifts_of, zone_of
from patrol_missions.gui.override_box import OverrideBox
from patrol_missions.gui.override_dialog import OverrideDialog
from patrol_missions.gui.override_layer import ROLE, Override, Overrides
from patrol_missions.gui.plan_settings import PlanSettings
from patrol_missions.gui.project_state import PlanForm, ProjectState
from patrol_missions.gui.publish_card import PublishCard
from patrol_missions.gui.quotas_table import districts_of
from patrol_missions.gui.readiness import Readiness


class PlanPage(Page):
    """Fills a :class:`PlanForm`; the button asks the dock to run it."""

    plan_wanted = pyqtSignal()
    weights_wanted = pyqtSignal()
    override_wanted = pyqtSignal(object)  # Override with its reason and author
    time_shown = pyqtSignal(object)  # QgsDateTimeRange that the map is to show, or None for all

    def __init__(self, overrides: Overrides, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._kept = overrides
        self._at = ""
        self._grid_at = ""
        self._missions: list[Mission] = []
        self._shifts: list[ShiftInstance] = []
        self._colours: dict[str, object] = {}
        self._zone = QTimeZone.utc()
        self.settings = PlanSettings()
        self.settings.weights_button.clicked.connect(self.weights_wanted)
        self.overrides = OverrideBox(overrides.stack)
        self.plan_button = button(
            tr("&Plan missions"), tr("Forecast the risk where needed, and choose missions by the published law."),
            theme_icon("mActionStart"), primary=True,
        )  # fmt: skip
        self.plan_button.clicked.connect(self.plan_wanted)
        self.status = Banner()
        self.list = MissionList()
        self.list.chosen.connect(self._show_detail)
        self.publish = PublishCard()
        self._detail_card()

        row = QHBoxLayout()
        row.addWidget(self.plan_button)
        row.addStretch(1)
        self.column.addWidget(self.settings)
        self.column.addWidget(self.overrides)
        self.column.addLayout(row)
        self.column.addWidget(self.status)
        self.column.addWidget(self._shift_row())
        self.column.addWidget(self.list, 1)
        self.column.addWidget(self.detail)
        self.column.addWidget(self.publish)
        self.column.addStretch(0)  # takes the room while there is no list

    def _shift_row(self) -> QWidget:
        self.shift = shrinkable(QComboBox())
        explain(self.shift, tr("Shift"), tr("The shift whose missions are listed and drawn."))
        self.shift.currentIndexChanged.connect(self._shift_changed)
        self.earlier = tool_button(theme_icon("mActionArrowLeft"), tr("Earlier shift"), tr("Go to the shift before."))
        self.earlier.clicked.connect(lambda: self._step(-1))
        self.later = tool_button(theme_icon("mActionArrowRight"), tr("Later shift"), tr("Go to the shift after."))
        self.later.clicked.connect(lambda: self._step(1))
        self.only = QCheckBox(tr("M&ap shows this shift only"))
        explain(
            self.only, tr("Map shows this shift only"),
            tr("Sets QGIS’s temporal controller to the shift, so that missions and risk of other shifts are hidden."),
        )  # fmt: skip
        self.only.setChecked(True)
        self.only.toggled.connect(lambda _on: self._tell_shift())
        row = QHBoxLayout()
        row.setSpacing(3)
        row.addWidget(self.earlier)
        row.addWidget(self.shift, 1)
        row.addWidget(self.later)
        self.countdown = Countdown()
        self.shift_box = QWidget()
        column = QVBoxLayout(self.shift_box)
        column.setContentsMargins(0, 0, 0, 0)
        column.addLayout(row)
        column.addWidget(self.countdown)
        column.addWidget(self.only)
        return self.shift_box

    def _detail_card(self) -> None:
        self.detail = Card(tr("Why here"), theme_icon("mActionIdentify"))
        self._purpose = Note()
        self._reasons = Note()
        self._numbers = quiet(Note())
        for part in (self._purpose, self._reasons, self._numbers):
            self.detail.column.addWidget(part)
        self.detail.setVisible(False)

    def answers(self) -> PlanForm:
        """What the page says now."""
        return self.settings.answers()

    def show_answers(self, state: ProjectState) -> None:
        """Show stored answers."""
        self._set_zone(state)
        self.settings.show_answers(state.plan)
        self.settings.trade_off.setCollapsed(state.layer("trade_off") is not None)

    def refresh(self, state: ProjectState, busy: bool, ready: Readiness) -> None:
        """Show the missions there are, and what can be done next."""
        self._set_zone(state)
        self.settings.weights.setText(weights_book.told(state.weights))
        self.plan_button.setEnabled(ready.can_plan and not busy)
        self.plan_button.setToolTip(self.plan_button.accessibleDescription() if ready.can_plan else ready.sentence)
        self.status.say(ready.icon, ready.sentence)
        self._show_districts(state)
        self.settings.trade_off.refresh(state, self.answers(), busy, ready)
        layer = state.layer("missions")
        at = f"{layer.id()}{state.value('allocate', 'at')}" if layer is not None else ""
        if at != self._at:
            self._at = at
            self._missions = read_missions(layer) if layer is not None else []
            self._colours = colours_of(layer) if layer is not None else {}
            self._show_shifts(shifts_of(self._missions))
        self._show_overrides(state, busy)
        there = bool(self._missions)
        asks_more = ready.forecast_anew or ready.plan_anew or _overridden_since(state)
        self.publish.refresh(state, busy, tr("Changed since it was planned: plan missions first.") if asks_more else "")
        for part in (self.shift_box, self.list, self.publish):
            part.setVisible(there)
        self.detail.setVisible(there and self.detail.isVisibleTo(self))

    def current_shift(self) -> ShiftInstance | None:
        """The shift that is listed."""
        index = self.shift.currentIndex()
        return self._shifts[index] if 0 <= index < len(self._shifts) else None

    def _set_zone(self, state: ProjectState) -> None:
        self._zone = zone_of(state.data.time_zone)
        self.settings.set_zone(self._zone)

    def _show_districts(self, state: ProjectState) -> None:
        grid = state.layer("grid")
        at = f"{grid.id()}{state.value('grid', 'at')}" if grid is not None else ""
        if at != self._grid_at:
            self._grid_at = at
            self.settings.quotas.show_districts(districts_of(grid))

    def _show_overrides(self, state: ProjectState, busy: bool) -> None:
        self.overrides.show_overrides(self._kept.listed(), self._zone)
        able = bool(self._missions) and state.layer("forecast") is not None and not busy
        self.overrides.set_able(able, _overridden_since(state))
        for action in self.list.overrides:
            action.setEnabled(able)

    def ask(self, draft: Override) -> None:
        """Ask for the reason of what was clicked or drawn on the map."""
        shift = self.current_shift()
        if shift is not None:
            dialog = OverrideDialog(draft, shift, self._zone, self)
            if dialog.exec():
                self.override_wanted.emit(dialog.override())

    def _show_shifts(self, shifts: Sequence[ShiftInstance]) -> None:
        before = self.current_shift()
        self._shifts = list(shifts)
        self.shift.blockSignals(True)
        self.shift.clear()
        self.shift.addItems([shift.title(self._zone) for shift in shifts])
        keys = [shift.key() for shift in shifts]
        again = keys.index(before.key()) if before and before.key() in keys else -1
        self.shift.setCurrentIndex(again if again >= 0 else soonest(shifts, QDateTime.currentDateTimeUtc()))
        self.shift.blockSignals(False)
        self.countdown.show_shifts(shifts)
        self._shift_changed()

    def _step(self, by: int) -> None:
        self.shift.setCurrentIndex(max(0, min(self.shift.count() - 1, self.shift.currentIndex() + by)))

    def _shift_changed(self) -> None:
        shift = self.current_shift()
        index = self.shift.currentIndex()
        self.earlier.setEnabled(index > 0)
        self.later.setEnabled(index < self.shift.count() - 1)
        key = shift.key() if shift is not None else None
        self.shift.setToolTip(self.shift.currentText())
        self.list.show_missions([m for m in self._missions if m.shift.key() == key], self._colours)
        self.detail.setVisible(False)
        self._tell_shift()

    def _tell_shift(self) -> None:
        shift = self.current_shift()
        if shift is None or not self.only.isChecked():
            self.time_shown.emit(None)
            return
        begin, end = own_time(shift, self._shifts)
        self.time_shown.emit(QgsDateTimeRange(begin, end, True, False))

    def _show_detail(self, mission: Mission) -> None:
        self._purpose.setText(mission.purpose)
        self._reasons.setText(capital(mission.reasons))
        self._reasons.setVisible(mission.reasons not in ("", mission.purpose))
        self._numbers.setText(
            tr("Cell {cell} · {dose:.0f} minutes · chosen with a probability of {share:.0%}").format(
                cell=mission.cell_id, dose=mission.dose_minutes, share=mission.probability
            )
        )
        self.detail.setVisible(True)


def _overridden_since(state: ProjectState) -> bool:
    """Whether people decided something that the missions do not know of yet."""
    changed, planned = state.at(ROLE), state.at("allocate")
    return changed is not None and (planned is None or changed > planned)


def tr(text: str) -> str:
    """The text in the user's language."""
    return QCoreApplication.translate("PlanPage", text)
