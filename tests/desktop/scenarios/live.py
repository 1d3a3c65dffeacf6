"""Live: a log is replayed, a car drives into a mission, its countdown runs on the map; QGIS leaves and comes back."""

from __future__ import annotations

import csv
import os
from datetime import datetime, timezone
from pathlib import Path

from qgis.core import QgsCoordinateReferenceSystem, QgsCoordinateTransform, QgsProject
from qgis.PyQt.QtCore import Qt
from qgis.PyQt.QtWidgets import QAbstractItemView, QDockWidget, QWidget

from patrol_missions.gui.live_model import AMBER, DONE
from patrol_missions.gui.live_session import OFF, ON
from patrol_missions.gui.missions import zone_of
from patrol_missions.gui.past_shift_dialog import PastShiftDialog

START, _DATA, _WEIGHTS, PLAN, LIVE, _REPORT = range(6)
OUT = Path(os.environ["PATROL_DESKTOP_OUT"])


def mission(desk):
    """The first listed mission, the middle of its cell in degrees, and when its shift begins."""
    listed = desk.dock.plan.list.mission_index(0).data(256 + 1)
    layer = desk.dock.state.layer("missions")
    to_degrees = QgsCoordinateTransform(layer.crs(), QgsCoordinateReferenceSystem("EPSG:4326"), QgsProject.instance())
    middle = to_degrees.transform(layer.getGeometry(listed.feature_id).centroid().asPoint())
    return listed, middle, listed.shift.start.toSecsSinceEpoch()


def narrow(desk):
    """The panel as narrow as people make it."""
    desk.window.resizeDocks([desk.dock], [300], Qt.Orientation.Horizontal)
    desk.breathe(300)


def assert_fits(desk):
    page = desk.dock.live
    for part in page.widget().findChildren(QWidget):
        if part.isVisible() and not isinstance(part.parent(), QAbstractItemView):
            right = part.mapTo(page.viewport(), part.rect().topRight()).x()
            assert right <= page.viewport().width(), (type(part).__name__, part.accessibleName(), right)


def step_an_empty_page_says_what_comes_next(desk):
    desk.plugin.dock.setUserVisible(True)
    desk.window.resize(1600, 1000)
    desk.dock.show_page(LIVE)
    desk.breathe()
    assert "no missions to time yet" in desk.dock.live.status.text()
    assert not desk.dock.live.start_button.isEnabled()
    desk.grab("live_0_empty")


def step_a_plan_is_made(desk):
    desk.dock.show_page(START)
    desk.click(desk.dock.welcome.sample_button)
    desk.wait(10, "the run", desk.dock.runner.busy)
    desk.wait_for_run(170)
    desk.canvas_ready()
    desk.iface.messageBar().clearWidgets()
    desk.dock.show_page(LIVE)
    desk.breathe()
    assert desk.dock.live.start_button.isEnabled()
    desk.click(desk.dock.live.start_button)
    assert "Name the" in desk.dock.live.status.text()
    desk.grab("live_1_ready")


def step_nothing_of_a_source_is_cut(desk):
    narrow(desk)
    kind = desk.dock.live.source.kind
    for number in range(kind.count()):
        kind.setCurrentIndex(number)
        desk.breathe(100)
        desk.grab(f"live_1_source_{number}", desk.dock)
        assert_fits(desk)
    desk.dock.widen()


def step_a_log_is_replayed(desk):
    """Car 12 comes from 1.5 km away, stays for 20 minutes in the mission, and leaves."""
    listed, middle, begins = mission(desk)
    desk.notes["mission"] = listed.mission_id
    path = OUT / "cars.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["unit", "time", "latitude", "longitude"])
        for second in range(0, 1800, 5):
            away = max(0.0, 1500.0 - 15.0 * second, 15.0 * (second - 1380))
            moment = datetime.fromtimestamp(begins + 600 + second, timezone.utc).isoformat()
            writer.writerow(["12", moment, middle.y(), middle.x() + away / 85_000.0])
    page = desk.dock.live
    page.source.kind.setCurrentIndex(page.source.kind.findData("replay"))
    page.source.file.setFilePath(str(path))
    page.source.speed.setValue(60.0)
    desk.click(page.start_button)
    desk.wait(30, "the gateway", lambda: desk.dock.live_link.session.state == ON)
    desk.wait(10, "the car", lambda: page.table.model().rowCount() == 1)
    page.table.selectRow(0)
    desk.wait(20, "the timer", lambda: page.table.model().index(0, 2).data() != "")
    desk.canvas_ready()
    assert page.table.model().index(0, 1).data() == listed.cell_id
    desk.wait(10, "the risk where it is", page.risk.isVisible)
    assert "Times the district" in page._risks.text()
    assert "28 days" in page._recent.text()
    assert "Why here" in page._reasons.text()
    assert page.coverage.isVisible()
    desk.grab("live_2_running")


def step_nothing_of_the_running_page_is_cut(desk):
    narrow(desk)
    desk.grab("live_2_narrow")
    assert_fits(desk)
    desk.dock.widen()


def step_amber_and_done_are_shown(desk):
    session = desk.dock.live_link.session
    timed = session.model.missions[desk.notes["mission"]]
    desk.wait(30, "amber", lambda: timed.state == AMBER)
    desk.breathe(1100)
    desk.grab("live_3_amber")
    desk.wait(30, "done", lambda: timed.state == DONE)
    desk.breathe(1100)
    desk.canvas_ready()
    desk.grab("live_4_done")
    layer = desk.dock.state.project.mapLayersByName("Missions in progress")[0]
    states = {feature["mission_id"]: feature["state"] for feature in layer.getFeatures()}
    assert states[desk.notes["mission"]] == DONE


def step_the_watch_outlives_the_project(desk):
    project, session = QgsProject.instance(), desk.dock.live_link.session
    file = str(OUT / "live.qgz")
    assert project.write(file)
    desk.iface.newProject(False)
    assert session.state == OFF
    desk.iface.addProject(file)
    desk.wait(10, "the project", lambda: project.fileName() == file)
    desk.wait(10, "the watch to be joined again", lambda: session.state == ON)
    desk.wait(10, "its missions", lambda: session.model.missions[desk.notes["mission"]].minutes >= 15)
    desk.dock.show_page(LIVE)
    desk.breathe(1100)
    desk.grab("live_5_again")


def step_it_is_stopped(desk):
    page, session = desk.dock.live, desk.dock.live_link.session
    desk.click(page.stop_button)
    desk.wait(10, "the end", lambda: session.state == OFF)
    assert page.start_button.isVisible()
    folder = Path(desk.dock.live_link._folder())
    desk.wait(10, "the gateway to be gone", lambda: not (folder / "gateway.json").exists())
    assert Path(desk.dock.state.data.package).with_name("sample_city_ledger.sqlite").exists()
    desk.grab("live_6_stopped")


def step_a_past_shift_is_chosen_and_played(desk):
    dock = desk.dock
    listed = mission(desk)[0]
    zone = zone_of(dock.state.data.time_zone)
    dialog = PastShiftDialog(dock.state.data.shifts, zone, True, dock)
    dialog.day.setDate(listed.shift.start.toTimeZone(zone).date())
    dialog.show()
    desk.breathe(100)
    names = [dialog.shift.itemText(row) for row in range(dialog.shift.count())]
    desk.notes["shifts"] = names
    dialog.shift.setCurrentIndex(names.index(listed.shift.title(zone)))
    shift = dialog.chosen()
    assert (shift.start, shift.end) == (listed.shift.start, listed.shift.end)
    desk.grab("live_7_dialog", dialog)
    dialog.reject()
    dock.load_past(shift)
    desk.wait(10, "the run", dock.runner.busy)
    desk.wait_for_run(60)
    layer = dock.state.layer("trails")
    assert layer.featureCount() > 100
    controller = desk.iface.mapCanvas().temporalController()
    desk.notes["frames"] = controller.totalFrameCount()
    panel = desk.window.findChild(QDockWidget, "Temporal Controller")
    assert panel.isVisible()
    desk.canvas_ready()
    desk.grab("live_8_past")
    controller.setCurrentFrameNumber(10)
    desk.canvas_ready()
    desk.grab("live_8_past_later")
    dock.load_past(None, str(OUT / "cars.csv"))  # in which are the reports after the watch was stopped, too
    desk.wait(10, "the run", dock.runner.busy)
    desk.wait_for_run(60)
    assert dock.state.layer("trails").featureCount() == 180
    assert len(dock.state.project.mapLayersByName("Trails of a past shift")) == 1
    assert controller.totalFrameCount() > desk.notes["frames"]
    panel.hide()
    dock.map.show_time(None)
    desk.iface.messageBar().clearWidgets()


def step_the_next_plan_minds_the_visit(desk):
    dock = desk.dock
    dock.show_page(PLAN)
    desk.click(dock.plan.plan_button)
    desk.wait(10, "the run", dock.runner.busy)
    desk.wait_for_run(60)
    visits = list(dock.state.layer("visits").getFeatures())
    long = [visit for visit in visits if visit["minutes"] >= 15]
    assert [visit["unit"] for visit in long] == ["12"]
    desk.notes["visit_minutes"] = long[0]["minutes"]
    assert dock.runner.busy() is False
    assert dock.state.at("allocate") > dock.state.at("visits")
