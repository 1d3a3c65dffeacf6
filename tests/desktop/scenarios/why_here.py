"""Why here?: without a forecast, a click on the riskiest cell, other categories, cancel, a click outside, unloading."""

from __future__ import annotations

from qgis.core import QgsCoordinateTransform, QgsFeatureRequest, QgsPointXY, QgsProject
from qgis.PyQt.QtCore import Qt
from qgis.PyQt.QtTest import QTest
from qgis.PyQt.QtWidgets import QAction, QDockWidget
from qgis.utils import loadPlugin, startPlugin, unloadPlugin

DATA = 1


def panel(desk):
    """The panel of the tool."""
    return desk.plugin.why.panel


def click_map(desk, point):
    """A left click on the map, at a point in the forecast's CRS."""
    canvas, layer = desk.iface.mapCanvas(), desk.dock.state.layer("forecast")
    there = QgsCoordinateTransform(layer.crs(), canvas.mapSettings().destinationCrs(), QgsProject.instance())
    place = canvas.getCoordinateTransform().transform(there.transform(point))
    button, modifier = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
    QTest.mouseClick(canvas.viewport(), button, modifier, place.toQPointF().toPoint())
    desk.breathe()


def best(desk, rank=1):
    """A cell of the first shift by its rank."""
    request = QgsFeatureRequest().setFilterExpression(f'"rank" = {rank}').setLimit(1)
    return next(desk.dock.state.layer("forecast").getFeatures(request))


def wait_for_reasons(desk):
    """Until the engine has answered."""
    desk.wait(60, "the reasons", lambda: not panel(desk).runner.busy())
    desk.breathe(100)


def step_the_panel_waits_until_it_is_asked_for(desk):
    assert panel(desk).isHidden()


def step_without_a_forecast_the_panel_says_what_comes_first(desk):
    desk.window.findChild(QAction, "patrolMissionsWhyAction").trigger()
    desk.wait(5, "the panel", lambda: panel(desk).isVisible())
    assert desk.dock in desk.window.tabifiedDockWidgets(panel(desk))
    assert "no forecast" in panel(desk).banner.text()
    desk.grab("why_1_empty", panel(desk))
    panel(desk).setUserVisible(False)


def step_a_plan_is_made(desk):
    desk.plugin.dock.setUserVisible(True)
    desk.click(desk.dock.welcome.sample_button)
    desk.wait(10, "the run", desk.dock.runner.busy)
    desk.wait_for_run(170)
    assert desk.dock.state.layer("forecast") is not None
    assert "Click a cell" in panel(desk).banner.text()
    desk.canvas_ready()


def step_the_data_page_shows_what_the_plan_was_made_with(desk):
    dock = desk.dock
    dock.setUserVisible(True)
    dock.show_page(DATA)
    box, page = dock.data.indicators, dock.data
    assert box.isCollapsed(), "a first model does without"
    assert box.title() == "Indicators (3)"
    box.setCollapsed(False)
    page.ensureWidgetVisible(box.terms)
    page.ensureWidgetVisible(box.places)
    desk.breathe(100)
    assert box.events.layer() == dock.state.layer("sample_events")
    assert box.areas.layer() == dock.state.layer("sample_areas")
    assert box.sums.names() == ["population", "workers"]
    assert box.means.names() == ["median_income", "vacancy_percent"]
    assert "Next: plan missions" in page.status.text()
    desk.grab("why_0_indicators")
    box.holidays.set_code("US-NJ")
    assert "Changed since the model was trained: public holidays." in page.status.text()
    box.holidays.set_code("")
    assert "Changed" not in page.status.text()


def step_the_reasons_are_asked_for_with_the_games_of_the_forecast(desk):
    layer = desk.dock.state.layer("forecast")
    game = next(desk.dock.state.layer("sample_events").getFeatures()).geometry()
    by_a_game = QgsFeatureRequest().setFilterRect(game.boundingBox().buffered(1.0))
    row = next(layer.getFeatures(by_a_game))
    desk.window.findChild(QAction, "patrolMissionsWhyAction").trigger()
    desk.canvas_ready()
    click_map(desk, row.geometry().centroid().asPoint())
    wait_for_reasons(desk)
    shown = panel(desk)
    assert row["cell_id"] in shown.place.text()
    assert shown.reasons.rows
    assert shown.banner.text() == "", "a model trained with events would miss them"
    shown.show_cell(None, layer)


def step_a_click_tells_at_once_what_the_layers_know(desk):
    desk.dock.setUserVisible(False)
    desk.window.findChild(QAction, "patrolMissionsWhyAction").trigger()
    desk.window.resizeDocks([panel(desk)], [360], Qt.Orientation.Horizontal)
    desk.canvas_ready()
    click_map(desk, best(desk).geometry().centroid().asPoint())
    shown = panel(desk)
    assert best(desk)["cell_id"] in shown.place.text()
    assert "incidents" in shown.expected.text()
    assert "times the average cell of the district" in shown.compared.text()
    assert shown.shift.count() == 21
    assert shown.progress.isVisible()
    assert shown.cancel.isVisible()
    desk.grab("why_2_running")


def step_the_reasons_follow(desk):
    wait_for_reasons(desk)
    shown = panel(desk)
    assert shown.banner.text() == "", shown.banner.text()
    assert 2 <= len(shown.reasons.rows) <= 6
    assert not shown.progress.isVisible()
    assert all(row.accessibleName() for row in shown.reasons.rows)
    desk.grab("why_3_reasons")
    desk.grab("why_4_panel", shown.widget().widget())


def step_shift_and_category_are_answered_from_the_same_run(desk):
    shown = panel(desk)
    before = [row.accessibleName() for row in shown.reasons.rows]
    shown.category.setCurrentIndex((shown.category.currentIndex() + 1) % shown.category.count())
    shown.shift.setCurrentIndex(4)
    assert not shown.runner.busy()
    assert shown.reasons.rows
    assert [row.accessibleName() for row in shown.reasons.rows] != before


def step_another_click_overtakes_the_run(desk):
    for rank in (20, 60):
        click_map(desk, best(desk, rank).geometry().centroid().asPoint())
    wait_for_reasons(desk)
    desk.wait(60, "the last cell's reasons", lambda: not panel(desk).runner.busy() and panel(desk).reasons.rows)
    assert best(desk, 60)["cell_id"] in panel(desk).place.text()


def step_cancel_leaves_a_way_to_ask_again(desk):
    click_map(desk, best(desk, 100).geometry().centroid().asPoint())
    shown = panel(desk)
    desk.click(shown.cancel)
    wait_for_reasons(desk)
    assert "not worked out" in shown.banner.text()
    desk.click(shown.again)
    wait_for_reasons(desk)
    assert shown.reasons.rows


def step_a_click_beside_the_city_is_told(desk):
    extent = desk.dock.state.layer("forecast").extent()
    click_map(desk, QgsPointXY(extent.xMinimum() - 200, extent.yMinimum() - 200))
    assert "no cell there" in panel(desk).banner.text()
    assert not panel(desk).reasons_card.isVisible()


def step_unloading_takes_all_of_it_back(desk):
    click_map(desk, best(desk, 30).geometry().centroid().asPoint())
    assert unloadPlugin("patrol_missions")
    desk.breathe(300)
    assert desk.window.findChild(QDockWidget, "patrolMissionsWhyDock") is None
    assert "Why here?" not in [action.text() for action in desk.iface.pluginToolBar().actions()]
    assert loadPlugin("patrol_missions")
    assert startPlugin("patrol_missions")
    assert desk.plugin.why is not None
