"""A newcomer's way, by clicks: first page, cancel, sample city, missions on the map, plan again, reopen, unload."""

from __future__ import annotations

import os
import sqlite3
from collections import Counter
from contextlib import closing
from pathlib import Path

from qgis.core import QgsApplication, QgsProject
from qgis.gui import QgsCollapsibleGroupBoxBasic
from qgis.PyQt.QtCore import QDateTime, QEvent, Qt
from qgis.PyQt.QtGui import QMouseEvent
from qgis.PyQt.QtTest import QTest
from qgis.PyQt.QtWidgets import (
    QAbstractButton,
    QAbstractItemView,
    QAbstractSpinBox,
    QAction,
    QApplication,
    QComboBox,
    QDialog,
    QDockWidget,
    QSlider,
    QToolButton,
    QWidget,
)
from qgis.utils import loadPlugin, startPlugin, unloadPlugin

OUT = Path(os.environ["PATROL_DESKTOP_OUT"])
START, DATA, WEIGHTS, PLAN, LIVE, REPORT = range(6)


def children() -> list[int]:
    """Processes that this QGIS has started and that still run."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue  # it ended meanwhile
        if int(fields[1]) == os.getpid() and fields[0] != "Z":
            found.append(int(stat.parent.name))
    return found


def row_at(desk, number):
    """Viewport and middle of a listed mission."""
    listed = desk.dock.plan.list
    index = listed.mission_index(number)
    listed.scrollTo(index)
    desk.breathe()
    return listed.viewport(), listed.visualRect(index).center()


def hover(desk, widget, position):
    """The mouse over a place; QTest's own move depends on where the real pointer is."""
    none = Qt.MouseButton.NoButton
    modifier = Qt.KeyboardModifier.NoModifier
    move = QMouseEvent(QEvent.Type.MouseMove, position, widget.mapToGlobal(position), none, none, modifier)
    QApplication.sendEvent(widget, move)
    desk.breathe()


def step_the_panel_welcomes_and_its_button_toggles_it(desk):
    desk.window.resize(1600, 1000)
    dock = desk.dock
    desk.wait(10, "the panel to show itself the first time", dock.isVisible)
    assert dock.pages.currentIndex() == START
    button = next(
        b for b in desk.iface.pluginToolBar().findChildren(QToolButton)
        if b.defaultAction() is not None and b.defaultAction().objectName() == "patrolMissionsAction"
    )  # fmt: skip
    desk.click(button)
    assert not dock.isVisible()
    desk.click(button)
    assert dock.isVisible()
    desk.grab("start")


def step_the_engine_is_ready(desk):
    welcome = desk.dock.welcome
    assert welcome.sample_button.isEnabled()
    assert not welcome.set_up_button.isVisible()
    assert welcome.engine_menu.isVisible()


def step_empty_pages_say_what_comes_next(desk):
    dock = desk.dock
    tabs = dock.tabs
    desk.click(tabs, tabs.tabRect(PLAN).center())
    assert "sample city" in dock.plan.status.text()
    assert not dock.plan.plan_button.isEnabled()
    assert not dock.plan.list.isVisible()
    desk.grab("plan_empty")
    desk.click(tabs, tabs.tabRect(DATA).center())
    assert not dock.data.train_button.isEnabled()
    dock.data.ensureWidgetVisible(dock.data.check_button)
    desk.click(dock.data.check_button)
    assert any("Choose the incident layer." in text for text in desk.messages())
    assert not dock.runner.busy()
    desk.iface.messageBar().clearWidgets()
    desk.grab("data_empty")
    desk.click(tabs, tabs.tabRect(START).center())


def step_a_run_can_be_cancelled(desk):
    dock = desk.dock
    desk.click(dock.welcome.sample_button)
    assert dock.runner.busy()
    assert not dock.welcome.sample_button.isEnabled()
    desk.wait(30, "the engine to work", lambda: children() and dock.run_bar.progress.value() >= 1)
    desk.click(dock.run_bar.cancel_button)
    desk.wait(3, "the run to stop", lambda: not dock.runner.busy())
    desk.wait(3, "the engine's process to end", lambda: not children())
    assert any("was cancelled" in text for text in desk.messages())
    assert dock.welcome.sample_button.isEnabled()
    assert not dock.run_bar.cancel_button.isVisible()
    desk.iface.messageBar().clearWidgets()


def step_the_sample_city_ends_with_missions(desk):
    dock = desk.dock
    failures, shares = [], []
    dock.runner.failed.connect(lambda title, sentence: failures.append(sentence))
    dock.runner.progressed.connect(lambda percent, text: shares.append(percent))
    desk.click(dock.welcome.sample_button)
    desk.wait(10, "the run to be under way", dock.run_bar.cancel_button.isVisible)
    desk.grab("running")
    desk.wait_for_run(150)
    assert failures == []
    assert shares == sorted(shares)
    assert dock.pages.currentIndex() == PLAN
    assert dock.plan.list.count() > 0
    assert dock.plan.status.text() == ""
    assert any("missions in 21 shifts" in text for text in desk.messages())
    assert dock.plan.shift.count() == 21
    desk.notes["missions"] = dock.plan.list.count()


def step_results_are_grouped_and_stored_in_a_file(desk):
    project = QgsProject.instance()
    group = project.layerTreeRoot().findGroup("Patrol Missions").findGroup("Sample city")
    assert [node.name() for node in group.children()][:4] == ["Missions", "Incidents", "Risk", "Grid"]
    sources = {layer.name(): layer.source() for layer in project.mapLayers().values()}
    assert all(".gpkg|" in source for source in sources.values()), sources
    assert project.crs().authid() == "EPSG:32618"
    boundary = desk.dock.state.layer("sample_boundary").extent()
    assert desk.iface.mapCanvas().extent().intersects(boundary)
    desk.canvas_ready()
    desk.grab("sample_city")


def step_a_click_goes_there_and_tells_why(desk):
    canvas = desk.iface.mapCanvas()
    before = canvas.extent()
    desk.click(*row_at(desk, 1))
    mission = desk.dock.plan.list.currentIndex().data(Qt.ItemDataRole.UserRole + 1)
    cell = desk.dock.state.layer("missions").getGeometry(mission.feature_id).boundingBox()
    assert canvas.extent().contains(cell)
    assert canvas.extent().width() < before.width()
    assert desk.dock.plan.detail.isVisible()
    desk.canvas_ready()
    desk.grab("mission")


def step_the_arrow_keys_go_along_the_missions(desk):
    listed = desk.dock.plan.list
    listed.setFocus()
    before = desk.iface.mapCanvas().extent().center()
    QTest.keyClick(listed, Qt.Key.Key_Down)
    desk.breathe()
    assert desk.iface.mapCanvas().extent().center() != before


def step_pointing_highlights_until_the_mouse_leaves(desk):
    band = desk.dock.map._band
    viewport, middle = row_at(desk, 0)
    hover(desk, viewport, middle)
    assert band.asGeometry().area() > 0
    QApplication.sendEvent(viewport, QEvent(QEvent.Type.Leave))
    desk.breathe()
    assert band.numberOfVertices() == 0


def step_a_double_click_opens_the_mission(desk):
    viewport, middle = row_at(desk, 0)
    desk.click(viewport, middle)  # the first of the two
    known = set(QApplication.topLevelWidgets())
    QTest.mouseDClick(viewport, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, middle)

    def opened():
        return [
            w for w in QApplication.topLevelWidgets() if w not in known and isinstance(w, QDialog) and w.isVisible()
        ]

    desk.wait(5, "the mission's form", opened)
    assert "Missions" in opened()[0].windowTitle()
    opened()[0].close()
    desk.breathe()


def step_the_map_shows_the_shift_that_is_picked(desk):
    plan, canvas = desk.dock.plan, desk.iface.mapCanvas()
    for _ in range(2):
        desk.click(plan.later)
        shift = plan.current_shift()
        assert canvas.temporalRange().begin() == shift.start
        assert canvas.temporalRange().end() == shift.end
    assert plan.shift.currentIndex() == 2
    assert plan.list.count() == desk.notes["missions"]
    layer = desk.dock.state.layer("missions")
    filtered = layer.temporalProperties().isVisibleInTemporalRange(canvas.temporalRange())
    assert filtered
    desk.click(plan.only)
    assert canvas.temporalController().navigationMode() == 0
    assert not canvas.mapSettings().isTemporal() or canvas.temporalRange().isInfinite()
    desk.click(plan.only)
    assert canvas.temporalRange().begin() == plan.current_shift().start
    desk.click(plan.earlier)
    desk.click(plan.earlier)
    assert not plan.earlier.isEnabled()


def step_planning_again_keeps_the_forecast(desk):
    dock = desk.dock
    forecast = dock.state.layer("forecast").id()
    districts = dock.plan.list.model().rowCount()
    dock.plan.settings.missions.setValue(1)
    desk.iface.messageBar().clearWidgets()
    desk.click(dock.plan.plan_button)
    desk.wait_for_run(30)
    assert dock.plan.list.count() == districts, "one mission in each district"
    assert dock.state.layer("forecast").id() == forecast
    assert [layer.name() for layer in QgsProject.instance().mapLayers().values()].count("Missions") == 1


def step_a_district_gets_a_number_of_its_own(desk):
    dock = desk.dock
    districts, quotas = dock.plan.list.model().rowCount(), dock.plan.settings.quotas
    quotas.setCollapsed(False)
    desk.breathe()
    first = quotas.table.cellWidget(0, 1)
    first.setFocus()
    QTest.keyClick(first, Qt.Key.Key_Up)
    assert first.value() == 0, "one step above “as the rest”"
    first.setValue(3)
    desk.click(dock.plan.plan_button)
    desk.wait_for_run(30)
    assert dock.plan.list.count() == districts + 2, "three missions in one district, one in each of the others"
    desk.grab("quotas")
    quotas.setCollapsed(True)
    desk.iface.messageBar().clearWidgets()


def step_cancelling_while_a_result_is_written_keeps_the_one_before(desk):
    dock = desk.dock
    layer, count = dock.state.layer("forecast"), dock.plan.settings.shift_count
    before, shifts = layer.featureCount(), count.value()
    count.setValue(60)
    heard = []

    def cancel(_percent, text):
        if text == "Writing the forecast":
            heard.append(text)
            if len(heard) == 2:  # some rows are in the file
                dock.runner.cancel()

    dock.runner.progressed.connect(cancel)
    desk.click(dock.plan.plan_button)
    desk.wait_for_run(30)
    dock.runner.progressed.disconnect(cancel)
    assert len(heard) > 1
    assert any("was cancelled" in message for message in desk.messages()), desk.messages()
    with closing(sqlite3.connect(layer.source().partition("|")[0])) as file:
        tables = [name for (name,) in file.execute("SELECT table_name FROM gpkg_contents")]
        assert file.execute("SELECT count(*) FROM forecast").fetchone() == (before,)
    assert not [name for name in tables if name.endswith("_unfinished")]
    assert dock.state.layer("forecast") is layer
    assert len(list(layer.getFeatures())) == before
    desk.iface.messageBar().clearWidgets()
    count.setValue(shifts)


def step_every_control_has_a_name_a_help_and_the_keyboard(desk):
    bare, mute, unreachable = [], [], []
    desk.dock.data.indicators.setCollapsed(False)
    desk.dock.plan.settings.quotas.setCollapsed(False)
    for number in (START, DATA, WEIGHTS, PLAN, LIVE, REPORT):
        desk.dock.show_page(number)
        desk.breathe()
        page = desk.dock.pages.currentWidget().widget()
        for widget in page.findChildren(QWidget):
            if not widget.isVisible() or not isinstance(widget, CONTROLS):
                continue
            chain = [widget, *ancestors(widget, page)]
            what = f"{number}: {type(widget).__name__} in {[type(w).__name__ for w in chain[1:]]}"
            ours = any(w.accessibleName() for w in chain)
            arrow = isinstance(widget.parent(), QgsCollapsibleGroupBoxBasic)  # QGIS's own, to fold the box
            if not ours and not arrow:
                bare.append(what)
            if ours and not any(w.accessibleDescription() for w in chain):
                mute.append(what)
            if widget.accessibleName() and widget.focusPolicy() == Qt.FocusPolicy.NoFocus and not widget.focusProxy():
                unreachable.append(what)
    assert not bare, bare
    assert not mute, mute
    assert not unreachable, unreachable


CONTROLS = (QAbstractButton, QComboBox, QAbstractSpinBox, QSlider, QAbstractItemView)


def ancestors(widget, page):
    """The composite controls that a widget is part of, not the boxes and cards that group them."""
    up = widget.parent()
    while up is not None and up is not page and type(up).__name__ not in ("Card", "PlanSettings"):
        yield up
        up = up.parent()


def step_a_narrow_panel_shows_everything(desk):
    desk.window.resizeDocks([desk.dock], [300], Qt.Orientation.Horizontal)
    desk.breathe(100)
    wide = []
    names = ("start", "data", "weights", "plan", "live", "report")
    for number, name in enumerate(names):
        desk.dock.show_page(number)
        desk.breathe(50)
        page = desk.dock.pages.currentWidget()
        if page.widget().width() > page.viewport().width():
            wide.append(f"{name}: {page.widget().width()} in {page.viewport().width()}")
        desk.grab(f"narrow_{name}", desk.dock)
    assert desk.dock.width() <= 310, desk.dock.width()
    assert not wide, wide
    desk.window.resizeDocks([desk.dock], [360], Qt.Orientation.Horizontal)


def step_the_project_remembers(desk):
    project, dock = QgsProject.instance(), desk.dock
    file = str(OUT / "plan.qgz")
    listed = dock.plan.list.count()
    assert project.write(file)
    desk.iface.newProject(False)
    assert dock.plan.list.count() == 0
    assert dock.pages.currentIndex() == START
    assert not dock.plan.plan_button.isEnabled()
    desk.iface.addProject(file)
    desk.wait(10, "the project", lambda: project.fileName() == file)
    assert dock.pages.currentIndex() == PLAN
    assert dock.plan.list.count() == listed
    assert dock.plan.plan_button.isEnabled()
    assert dock.plan.settings.missions.value() == 1
    assert dock.data.answers().category_field
    desk.canvas_ready()


def step_opening_the_project_in_the_midst_of_a_run_stops_it_first(desk):
    project, dock = QgsProject.instance(), desk.dock
    listed = dock.plan.list.count()
    for milliseconds in (0, 100):
        dock.plan.settings.shift_count.setValue(5)
        desk.click(dock.plan.plan_button)
        desk.breathe(milliseconds)
        project.setDirty(False)
        desk.iface.addProject(str(OUT / "plan.qgz"))
        desk.wait(5, "the run to stop", lambda: not dock.runner.busy())
        unread = [layer.name() for layer in project.mapLayers().values() if not list(layer.getFeatures())]
        assert unread == []
        assert dock.plan.list.count() == listed
    assert not children()


def surroundings(desk):
    """What of the plugin could stay behind in QGIS."""
    project = QgsProject.instance()
    names = ("readProject", "cleared", "layersAdded", "layersRemoved", "layersWillBeRemoved")
    return {
        "docks": sorted(dock.objectName() for dock in desk.window.findChildren(QDockWidget)),
        "actions": sorted(f"{a.objectName()} {a.text()}" for a in desk.window.findChildren(QAction)),
        "children": sorted(f"{type(c).__name__} {c.objectName()}" for c in desk.window.children()),
        "toolbar": len(desk.iface.pluginToolBar().actions()),
        "menu": sorted(action.text() for action in desk.iface.pluginMenu().actions()),
        "canvas": len(desk.iface.mapCanvas().scene().items()),
        "providers": sorted(p.id() for p in QgsApplication.processingRegistry().providers()),
        "signals": {name: project.receivers(getattr(project, name)) for name in names},
        "tasks": QgsApplication.taskManager().count(),
    }


def settle(desk):
    """As when QGIS is back in its own event loop: only then are deleted widgets gone."""
    desk.breathe(50)
    QApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)


def differences(more, before):
    """What is new, for the report."""
    return {
        key: sorted((Counter(value) - Counter(before[key])).elements())
        if isinstance(value, list)
        else (before[key], value)
        for key, value in more.items()
    }


def step_unloading_leaves_nothing_behind(desk):
    desk.wait(10, "finished tasks to be cleared", lambda: not QgsApplication.taskManager().countActiveTasks())
    assert unloadPlugin("patrol_missions")
    settle(desk)
    without = surroundings(desk)
    assert "patrolMissionsDock" not in without["docks"]
    assert "patrolmissions" not in without["providers"]
    assert desk.iface.mapCanvas().temporalController().navigationMode() == 0
    seen = []
    for _ in range(2):
        assert loadPlugin("patrol_missions")
        assert startPlugin("patrol_missions")
        settle(desk)
        seen.append(surroundings(desk))
        assert desk.dock.plan.list.count() > 0, "the project is still open"
        desk.dock.setUserVisible(True)
        desk.click(*row_at(desk, 0))
        desk.breathe(600)  # the cell flashes for 0.4 s
        assert unloadPlugin("patrol_missions")
        settle(desk)
        more = {key: value for key, value in surroundings(desk).items() if value != without[key]}
        assert not more, differences(more, without)
    assert seen[0] == seen[1], seen
    assert "patrolMissionsDock" in seen[0]["docks"]
    assert loadPlugin("patrol_missions")
    assert startPlugin("patrol_missions")


def step_unloading_in_the_midst_of_a_run_stops_it(desk):
    desk.dock.setUserVisible(True)
    desk.dock.plan.settings.shift_count.setValue(5)
    desk.dock.show_page(PLAN)
    desk.click(desk.dock.plan.plan_button)
    assert desk.dock.runner.busy()
    began = QDateTime.currentMSecsSinceEpoch()
    assert unloadPlugin("patrol_missions")
    assert QDateTime.currentMSecsSinceEpoch() - began < 6000
    desk.wait(5, "the engine's process to end", lambda: not children())
    desk.breathe(200)
    assert loadPlugin("patrol_missions")
    assert startPlugin("patrol_missions")
