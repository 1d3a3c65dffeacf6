"""The panel beside the map: its pages, the strip that shows what runs, and the wires between them.

Data flow one way: a page's answers go into the project's state, recipes turn the state into steps, the runner runs
them, what they made goes into the project and the state, and the state tells the pages that it changed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from qgis.core import Qgis, QgsProject
from qgis.gui import QgisInterface, QgsDockWidget
from qgis.PyQt.QtCore import Qt
from qgis.PyQt.QtWidgets import QDialog, QMessageBox, QStackedWidget, QTabBar, QVBoxLayout, QWidget

from patrol_missions.bridge.environment import can_execute
from patrol_missions.core.errors import PatrolError
from patrol_missions.gui import layers, recipes
from patrol_missions.gui.forms import default
from patrol_missions.gui.live_link import LiveLink
from patrol_missions.gui.map_link import MapLink
from patrol_missions.gui.missions import Mission, ShiftInstance, zone_of
from patrol_missions.gui.override_layer import Overrides
from patrol_missions.gui.override_tool import OverrideTool
from patrol_missions.gui.package_hold import PackageHold
from patrol_missions.gui.page_data import DataPage
from patrol_missions.gui.page_live import LivePage
from patrol_missions.gui.page_plan import PlanPage
from patrol_missions.gui.page_report import ReportPage
from patrol_missions.gui.page_weights import WeightsPage
from patrol_missions.gui.page_welcome import WelcomePage
from patrol_missions.gui.past_shift_dialog import PastShiftDialog
from patrol_missions.gui.past_shifts import time_of
from patrol_missions.gui.project_state import ProjectState
from patrol_missions.gui.readiness import readiness
from patrol_missions.gui.results import keep
from patrol_missions.gui.run_bar import RunBar
from patrol_missions.gui.runner import Done, Runner, Step
from patrol_missions.gui.sample import sample_form, sample_steps
from patrol_missions.gui.weights_book import WeightsBook
from patrol_missions.gui.weights_preview import WeightsPreview
from patrol_missions.processing_algorithms.setup_engine import SetupEngineAlgorithm

START, DATA, WEIGHTS, PLAN, LIVE, REPORT = range(6)
_WIDTH = 370


class PatrolDock(QgsDockWidget):
    """Pages fill parameters, the runner runs them, the project's state tells what changed."""

    def __init__(self, iface: QgisInterface) -> None:
        super().__init__(iface.mainWindow())
        self._iface = iface
        project = QgsProject.instance()
        self.state = ProjectState(project, self)
        self.runner = Runner(project, self)
        self.map = MapLink(iface)
        self.overrides = Overrides(self.state, self)
        self.override_tool = OverrideTool(iface, self.state, self)
        self.book = WeightsBook(self.state, self)
        self._hold = PackageHold(project)
        self.welcome, self.data, self.plan = WelcomePage(), DataPage(), PlanPage(self.overrides)
        self.weights = WeightsPage(self.book, WeightsPreview(self.state))
        self.report = ReportPage()
        self.live_link = LiveLink(iface.mapCanvas(), self.state, self)
        self.live = LivePage(self.live_link.session)
        self.run_bar = RunBar(self.runner)
        self.setObjectName("patrolMissionsDock")
        self.setWindowTitle(self.tr("Patrol Missions"))
        self._lay_out()
        self._connect_pages()
        self._connect_runner()
        self.state.changed.connect(self._state_changed)
        project.readProject.connect(self._project_opened)
        project.cleared.connect(self._project_opened)
        self._project_opened()

    def _lay_out(self) -> None:
        self.tabs = QTabBar()
        self.tabs.setDocumentMode(True)
        self.tabs.setExpanding(False)
        self.tabs.setDrawBase(True)
        self.pages = QStackedWidget()
        for title, help_text, page in (
            (self.tr("Start"), self.tr("Engine, sample city, first steps"), self.welcome),
            (self.tr("Data"), self.tr("Incidents, place, shifts, indicators, check, model"), self.data),
            (self.tr("Weights"), self.tr("What one incident of each category counts"), self.weights),
            (self.tr("Plan"), self.tr("Missions for the coming shifts"), self.plan),
            (self.tr("Live"), self.tr("Units on the map, timers of missions, the risk wherever a unit is"), self.live),
            (self.tr("Report"), self.tr("What was planned against what happened"), self.report),
        ):
            self.tabs.setTabToolTip(self.tabs.addTab(title), help_text)
            self.pages.addWidget(page)
        self.tabs.setAccessibleName(self.tr("Pages"))
        self.tabs.currentChanged.connect(self.pages.setCurrentIndex)
        inside = QWidget()
        column = QVBoxLayout(inside)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self.tabs)
        column.addWidget(self.pages, 1)
        column.addWidget(self.run_bar)
        self.setWidget(inside)

    def _connect_pages(self) -> None:
        self.welcome.set_up_engine.connect(lambda: self._run_engine(SetupEngineAlgorithm.CREATE))
        self.welcome.use_python.connect(lambda path: self._run_engine(SetupEngineAlgorithm.USE, path))
        self.welcome.check_engine.connect(lambda: self._run_engine(SetupEngineAlgorithm.CHECK))
        self.welcome.remove_engine.connect(self._remove_engine)
        self.welcome.open_sample.connect(self._open_sample)
        self.welcome.use_data.connect(lambda: self.show_page(DATA))
        self.data.check_wanted.connect(self._check)
        self.data.train_wanted.connect(self._train)
        self.data.plan_wanted.connect(lambda: self.show_page(PLAN))
        self.data.trouble.connect(self._complain)
        self.plan.plan_wanted.connect(self._plan)
        self.plan.settings.changed.connect(self._refresh_plan)
        self.plan.settings.trade_off.wanted.connect(self._draw_curve)
        self.plan.time_shown.connect(self.map.show_time)
        self.plan.list.pointed.connect(self._highlight)
        self.plan.list.chosen.connect(self._zoom)
        self.plan.list.opened.connect(self._open)
        self.report.report_wanted.connect(self._report)
        self.report.changed.connect(self._refresh_report)
        self.report.trouble.connect(self._complain)
        self._connect_overrides()
        self._connect_weights()
        self._connect_live()
        self.plan.publish.wanted.connect(self._publish)
        self.pages.currentChanged.connect(self._page_turned)
        self.visibilityChanged.connect(lambda visible: self.refresh() if visible else self.map.highlight(None))

    def _connect_overrides(self) -> None:
        box, tool = self.plan.overrides, self.override_tool
        box.tool_wanted.connect(lambda kind: tool.start(kind) if kind else tool.stop())
        box.undo_wanted.connect(lambda: self._decide(self.overrides.stack.undo))
        box.redo_wanted.connect(lambda: self._decide(self.overrides.stack.redo))
        box.withdrawn.connect(lambda some: self._decide(lambda: self.overrides.withdraw(some)))
        self.overrides.failed.connect(self._complain)
        tool.hinted.connect(box.show_hint)
        tool.ended.connect(box.release_tools)
        tool.drafted.connect(self.plan.ask)
        self.plan.list.decided.connect(lambda kind, mission: tool.choose(kind, mission.cell_id))
        self.plan.override_wanted.connect(lambda override: self._decide(lambda: self.overrides.add(override)))

    def _connect_weights(self) -> None:
        self.weights.plan_wanted.connect(lambda: self.show_page(PLAN))
        self.weights.trouble.connect(self._complain)
        self.weights.told.connect(self._tell)
        self.plan.weights_wanted.connect(lambda: self.show_page(WEIGHTS))
        self.book.changed.connect(self._refresh_plan)

    def _connect_live(self) -> None:
        self.live.start_wanted.connect(self.live_link.start)
        self.live.stop_wanted.connect(self.live_link.stop)
        self.live.past_wanted.connect(self._ask_past)
        self.live.followed.connect(self.live_link.follow)
        self.live.enter_button.clicked.connect(
            lambda: self.live_link.enter(self.live.table.unit(), self.plan.list.mission())
        )
        self.live_link.session.failed.connect(self._complain)
        self.live_link.risk_changed.connect(self.live.show_risk)

    def _connect_runner(self) -> None:
        self.runner.started.connect(lambda _title: self.refresh())
        self.runner.step_done.connect(self._keep)
        self.runner.succeeded.connect(self._succeeded)
        self.runner.failed.connect(self._failed)
        self.runner.canceled.connect(self._canceled)

    def tear_down(self) -> None:
        """Let go of everything outside of this widget."""
        project = QgsProject.instance()
        project.readProject.disconnect(self._project_opened)
        project.cleared.disconnect(self._project_opened)
        self.runner.tear_down()
        self.state.tear_down()
        self.data.tear_down()
        self.override_tool.tear_down()
        self.live_link.tear_down()
        self.map.tear_down()
        self._hold.release()

    def widen(self) -> None:
        """As wide as the sentences read well; the user may narrow it."""
        self._iface.mainWindow().resizeDocks([self], [_WIDTH], Qt.Orientation.Horizontal)

    def show_page(self, page: int) -> None:
        """Turn to a page."""
        self.tabs.setCurrentIndex(page)

    def refresh(self) -> None:
        """Have the pages show the state."""
        busy = self.runner.busy()
        _able, engine_problem = can_execute()
        self.welcome.refresh(busy)
        self.data.refresh(self.state, busy, engine_problem)
        self._refresh_plan()
        shift = self.plan.current_shift()
        self.weights.refresh(self.state, self.plan.answers(), shift, self.plan.shift.currentText(), busy)
        self._refresh_report()
        can_load = not (engine_problem or self.runner.busy()) and self.state.layer("grid") is not None
        self.live.refresh(self.live_link.problem(engine_problem), can_load)

    def _refresh_report(self) -> None:
        if self.pages.currentWidget() is self.report:  # it looks through the incidents for the last one
            _able, engine_problem = can_execute()
            self.report.refresh(self.state, self.runner.busy(), engine_problem)

    def _refresh_plan(self) -> None:
        _able, engine_problem = can_execute()
        ready = readiness(self.state, self.plan.answers(), engine_problem)
        self.plan.refresh(self.state, self.runner.busy(), ready)

    # --- the project

    def _project_opened(self, *_: object) -> None:
        """Another project: what runs belongs to the one before, and the pages show the new one's answers."""
        self.runner.stop()  # and wait: this project may be about to open the file that the run writes to
        self._hold.release()
        self.override_tool.stop()
        self.overrides.stack.clear()
        self.book.stack.clear()
        layers.remove(self.state.project, "trails")  # of which a stored project has the empty shell alone
        self.live_link.project_opened()
        self.data.show_answers(self.state.data)
        self.plan.show_answers(self.state)
        self.report.show_answers(self.state)
        self.refresh()
        self.show_page(PLAN if self.state.layer("missions") is not None else START)

    def _state_changed(self) -> None:
        self.refresh()

    def _keep(self, done: Done) -> None:
        """Put what a step made where it belongs, and show it."""
        keep(self.state, done)
        if done.step.key == "sample":
            self.data.show_answers(self.state.data)
        if done.step.key == "grid":
            project = self.state.project
            if project.crs().isGeographic():  # in degrees, square cells would not look it
                project.setCrs(done.layers["grid"].crs())
            self.map.zoom_to_layer(done.layers["grid"])

    # --- runs

    def _run_engine(self, action: int, python: str = "") -> None:
        step = recipes.engine_step(action, python)
        self._run(step.title, lambda: [step])

    def _remove_engine(self) -> None:
        question = self.tr("Remove the engine’s private environment from this computer? It can be set up again.")
        buttons = QMessageBox.StandardButton.Yes | QMessageBox.StandardButton.No
        answer = QMessageBox.question(self, self.tr("Remove the engine"), question, buttons)
        if answer == QMessageBox.StandardButton.Yes:
            self._run_engine(SetupEngineAlgorithm.REMOVE)

    def _open_sample(self) -> None:
        self.state.forget()
        self.state.set_data(sample_form(self.state.project))
        self.state.set_plan(self.plan.answers())
        self._run(self.tr("Sample city"), lambda: sample_steps(self.state))

    def _check(self) -> None:
        problem = self.data.problem()
        if problem:
            self._complain(problem)
            return
        answers = self.data.answers()
        if answers.jurisdiction != self.state.data.jurisdiction or answers.package != self.state.data.package:
            self.state.forget()
        self.state.set_data(answers)
        self._run(self.tr("Check data"), lambda: recipes.check_steps(self.state))

    def _train(self) -> None:
        self.state.set_data(self.data.answers())
        self._run(self.tr("Train"), lambda: recipes.train_steps(self.state))

    def _take_lists(self) -> None:
        """Newer lists, as of weather, planned events and visits, count without the data being checked again."""
        data = self.state.data
        if not self.runner.busy() and data.package and data.package == self.data.answers().package:
            now = replace(data, **self.data.indicators.lists())
            if now != data:
                self.state.set_data(now)

    def _page_turned(self, page: int) -> None:
        if page == PLAN:
            self._take_lists()
        self.refresh()

    def _plan(self) -> None:
        self._take_lists()
        ready = readiness(self.state, self.plan.answers(), "")
        self.state.set_plan(self.plan.answers())
        self._run(self.tr("Plan missions"), lambda: recipes.plan_steps(self.state, ready.forecast_anew))

    def _draw_curve(self) -> None:
        self._take_lists()
        self.state.set_plan(self.plan.answers())
        self._run(self.tr("Trade-off curve"), lambda: [recipes.curve_step(self.state)])

    def _report(self) -> None:
        self._take_lists()
        self.state.set_report(self.report.answers())
        self._run(
            self.tr("Capture report"), lambda: [*recipes.visits_steps(self.state), recipes.report_step(self.state)]
        )

    def _publish(self, author: str, approval: str) -> None:
        self._run(self.tr("Publish the plan"), lambda: [recipes.publish_step(self.state, author, approval)])

    def _ask_past(self) -> None:
        data = self.state.data
        shifts = data.shifts or default("trainmodel", "SHIFTS", [])
        dialog = PastShiftDialog(shifts, zone_of(data.time_zone), Path(recipes.ledger_of(self.state)).exists(), self)
        if dialog.exec() == QDialog.DialogCode.Accepted:
            self.load_past(dialog.chosen(), dialog.log.filePath())

    def load_past(self, shift: ShiftInstance | None, log: str = "") -> None:
        """Play where units were in a shift, or what is in a log where there is no shift."""
        step = recipes.past_step(self.state, shift, "" if shift is not None else log)
        self._run(self.tr("Past shift"), lambda: [step])

    def _show_past(self) -> None:
        """Play the trails that were loaded, and say what they lack."""
        told, layer = str(self.state.value("past", "WARNINGS")), self.state.layer("trails")
        if layer is None or not self.state.value("past", "POINTS", 0):
            layers.remove(self.state.project, "trails")
            self._complain(told)
            return
        self.map.play(time_of(layer))
        self.map.zoom_to_layer(layer)
        hint = self.tr("The trails are on the map: press play in the temporal controller, whose times are UTC.")
        self._tell(" ".join(filter(None, [hint, told])))

    def _run(self, title: str, steps: Callable[[], list[Step]]) -> None:
        if self.runner.busy():
            return
        try:
            made = steps()
            if any(step.roles for step in made):
                self._hold.hold(recipes.files_of(self.state.data).package)
        except (PatrolError, OSError) as error:  # there is no place for the results
            self._complain(str(error))
            return
        self.runner.run(title, made)

    def _stopped(self) -> None:
        self._hold.reload_layers()  # a cancel may have come when the last step had just delivered
        self.refresh()

    def _succeeded(self, title: str, keys: list[str]) -> None:
        self.refresh()
        if "past" in keys:
            self._show_past()
            return
        text = self.tr("{run}: done.").format(run=title)
        if "allocate" in keys:
            self.show_page(PLAN)
            number = int(self.state.value("allocate", "MISSIONS", 0))
            text = self.tr("{number} missions in {shifts} shifts are on the map and in the list.").format(
                number=number, shifts=self.plan.shift.count()
            )
        self._iface.messageBar().pushMessage(self.windowTitle(), text, Qgis.MessageLevel.Success)

    def _failed(self, title: str, sentence: str) -> None:
        self._stopped()
        self._complain(f"{title}: {sentence}")

    def _canceled(self, title: str) -> None:
        self._stopped()
        self._tell(self.tr("{run} was cancelled.").format(run=title))

    def _tell(self, sentence: str) -> None:
        self._iface.messageBar().pushMessage(self.windowTitle(), sentence, Qgis.MessageLevel.Info)

    def _complain(self, sentence: str) -> None:
        self._iface.messageBar().pushMessage(self.windowTitle(), sentence, Qgis.MessageLevel.Warning)

    # --- overrides

    def _decide(self, act: Callable[[], None]) -> None:
        """Change the overrides, in a file that stays readable for the map."""
        try:
            self._hold.hold(recipes.files_of(self.state.data).package)
            act()
        except (PatrolError, OSError) as error:
            self._complain(str(error))

    # --- the map

    def _highlight(self, mission: Mission | None) -> None:
        self.map.highlight(self.state.layer("missions") if mission else None, mission.feature_id if mission else -1)

    def _zoom(self, mission: Mission) -> None:
        layer = self.state.layer("missions")
        if layer is not None:
            self.map.zoom(layer, mission.feature_id)

    def _open(self, mission: Mission) -> None:
        layer = self.state.layer("missions")
        if layer is not None:
            self.map.open(layer, mission.feature_id)
