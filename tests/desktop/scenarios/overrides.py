"""Overrides: a mission ruled out, one moved, a box drawn, undo and withdrawal by keyboard; the plan is published.

Then what harm kept costs is looked at, and a plan of shifts that are over is held against what happened in them.
"""

from __future__ import annotations

from qgis.core import QgsCoordinateTransform, QgsProject
from qgis.PyQt.QtCore import QDateTime, QPoint, Qt, QTimer
from qgis.PyQt.QtTest import QTest
from qgis.PyQt.QtWidgets import QApplication, QDialogButtonBox

from patrol_missions.gui.override_dialog import OverrideDialog
from patrol_missions.gui.override_layer import BOX, MOVE, SUPPRESS

PLAN, REPORT = 3, 5


def on_map(desk, point):
    """Where a point in the forecast's CRS is in the map's viewport."""
    canvas, layer = desk.iface.mapCanvas(), desk.dock.state.layer("forecast")
    there = QgsCoordinateTransform(layer.crs(), canvas.mapSettings().destinationCrs(), QgsProject.instance())
    return canvas.getCoordinateTransform().transform(there.transform(point)).toQPointF().toPoint()


def answer(desk, reason, name):
    """Fill in the dialog as soon as it is open."""

    def fill():
        dialog = QApplication.activeModalWidget()
        if not isinstance(dialog, OverrideDialog):
            desk.notes["dialog"] = f"{type(dialog).__name__} instead of the dialog"
            if dialog is not None:
                dialog.close()
            return
        dialog.reason.setText(reason)
        if not dialog.author.text():
            dialog.author.setText("Sgt. Lee")
        desk.grab(name, dialog)
        dialog.buttons.button(QDialogButtonBox.StandardButton.Ok).click()

    QTimer.singleShot(400, fill)


def click_map(desk, point):
    """A left click on the map."""
    button, modifier = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
    QTest.mouseClick(desk.iface.mapCanvas().viewport(), button, modifier, on_map(desk, point))
    desk.breathe()


def mission(desk, number):
    """A listed mission and the middle of its cell."""
    listed = desk.dock.plan.list.mission_index(number).data(Qt.ItemDataRole.UserRole + 1)
    shape = desk.dock.state.layer("missions").getGeometry(listed.feature_id)
    return listed, shape.centroid().asPoint()


def cells(desk):
    """Cells with a mission in the listed shift."""
    return {mission(desk, number)[0].cell_id for number in range(desk.dock.plan.list.count())}


def step_a_plan_is_made(desk):
    desk.plugin.dock.setUserVisible(True)
    box = desk.dock.plan.overrides
    desk.dock.show_page(PLAN)
    box.setCollapsed(False)
    desk.breathe()
    assert "plan missions first" in box.hint.text()
    assert not any(button.isEnabled() for button in box.tools.values())
    desk.grab("overrides_0_empty")
    desk.dock.show_page(0)
    desk.click(desk.dock.welcome.sample_button)
    desk.wait(10, "the run", desk.dock.runner.busy)
    desk.wait_for_run(170)
    desk.canvas_ready()
    desk.iface.messageBar().clearWidgets()


def step_a_mission_is_ruled_out(desk):
    box = desk.dock.plan.overrides
    listed, middle = mission(desk, 0)
    desk.notes["ruled_out"] = listed.cell_id
    desk.click(box.tools[SUPPRESS])
    assert "Click a cell" in box.hint.text()
    answer(desk, "Street closed", "overrides_1_dialog")
    click_map(desk, middle)
    assert "dialog" not in desk.notes, desk.notes
    assert box.list.count() == 1
    assert f"{listed.cell_id}\nStreet closed · Sgt. Lee" in box.list.item(0).text()
    assert box.hint.text().startswith("Click a cell"), "the tool stays for the next"


def step_a_mission_is_moved(desk):
    box = desk.dock.plan.overrides
    desk.click(box.tools[MOVE])
    listed, middle = mission(desk, desk.dock.plan.list.count() - 1)
    desk.notes["moved"] = listed.cell_id
    click_map(desk, middle)
    assert listed.cell_id in box.hint.text()
    taken = cells(desk)
    target = next(
        feature for feature in desk.dock.state.layer("forecast").getFeatures()
        if feature["cell_id"] not in taken and feature.geometry().centroid().asPoint().distance(middle) < 600
    )  # fmt: skip
    desk.notes["target"] = target["cell_id"]
    answer(desk, "Market day", "overrides_2_dialog")
    click_map(desk, target.geometry().centroid().asPoint())
    assert box.list.count() == 2
    assert f"{listed.cell_id} → {target['cell_id']}" in box.list.item(1).text()


def step_a_box_is_drawn(desk):
    box, view = desk.dock.plan.overrides, desk.iface.mapCanvas().viewport()
    desk.click(box.tools[BOX])
    _, middle = mission(desk, 1)
    start = on_map(desk, middle)
    button, modifier = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
    answer(desk, "Festival", "overrides_3_dialog")
    QTest.mousePress(view, button, modifier, start)
    QTest.mouseMove(view, start + QPoint(30, 24))
    QTest.mouseRelease(view, button, modifier, start + QPoint(60, 48))
    desk.wait(5, "the box", lambda: box.list.count() == 3)
    assert "Plan missions applies the changes." not in box.hint.text(), "the tool is still in use"
    desk.click(box.tools[BOX])
    assert box.hint.text() == "Plan missions applies the changes."
    desk.canvas_ready()
    desk.grab("overrides_4_drawn")


def step_the_keyboard_withdraws_and_undoes(desk):
    box = desk.dock.plan.overrides
    box.list.setFocus()
    box.list.setCurrentRow(2)
    QTest.keyClick(box.list, Qt.Key.Key_Delete)
    desk.breathe()
    assert box.list.count() == 2
    QTest.keyClick(box.list, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    desk.breathe()
    assert box.list.count() == 3
    box.list.setCurrentRow(2)
    desk.click(box.withdraw_button)
    assert box.list.count() == 2


def step_the_plan_follows(desk):
    box = desk.dock.plan.overrides
    desk.click(desk.dock.plan.plan_button)
    desk.wait_for_run(30)
    now = cells(desk)
    assert desk.notes["ruled_out"] not in now
    assert desk.notes["moved"] not in now
    assert desk.notes["target"] in now
    assert "Plan missions applies" not in box.hint.text()
    desk.canvas_ready()
    desk.grab("overrides_5_planned")


def step_the_plan_is_published_by_a_person(desk):
    plan = desk.dock.plan
    card = plan.publish
    plan.overrides.setCollapsed(True)
    desk.breathe()
    plan.ensureWidgetVisible(card)
    assert card.author.text() == ""
    assert not card.publish_button.isEnabled()
    QTest.keyClicks(card.author, "Capt. Ito")
    QTest.keyClicks(card.approval, "Fits the staffing of the week.")
    desk.click(card.publish_button)
    desk.wait_for_run(60)
    assert card.told.text().startswith("Published as record 1."), card.told.text()
    assert not card.publish_button.isEnabled()
    plan.ensureWidgetVisible(card)
    desk.grab("overrides_6_published")


def step_what_harm_kept_costs_is_drawn_and_chosen_from(desk):
    plan = desk.dock.plan
    box, slider = plan.settings.trade_off, plan.settings.harm_kept
    plan.ensureWidgetVisible(box.draw_button)
    desk.breathe()
    assert box.hint.text().startswith("Not drawn yet")
    desk.grab("curve_0_empty")
    desk.click(box.draw_button)
    desk.wait_for_run(60)
    assert box.curve.isVisible(), desk.messages()
    assert not box.hint.isVisible()
    plan.ensureWidgetVisible(box.reading)
    desk.breathe(50)
    desk.click(box.curve, QPoint(round(box.curve.x_of(75)), 40))
    assert slider.value() == 75
    QTest.keyClick(box.curve, Qt.Key.Key_Right)
    assert slider.value() == box.curve.share() == 76
    assert box.reading.text().startswith("With 76 % of harm kept")
    desk.iface.messageBar().clearWidgets()
    desk.grab("curve_1_chosen")
    plan.settings.mind_doses.setChecked(False)
    assert box.hint.text().startswith("Old: ")
    desk.grab("curve_2_old")
    plan.settings.mind_doses.setChecked(True)
    assert not box.hint.isVisible()
    box.setCollapsed(True)


def step_a_plan_whose_shifts_have_no_incidents_yet_waits(desk):
    page, tabs = desk.dock.report, desk.dock.tabs
    desk.click(tabs, tabs.tabRect(REPORT).center())
    assert desk.dock.pages.currentWidget() is page
    assert page.status.text().startswith("The incidents end on"), page.status.text()
    assert not page.report_button.isEnabled()
    desk.grab("report_0_waits")


def step_a_past_plan_is_held_against_what_happened(desk):
    dock, page = desk.dock, desk.dock.report
    incidents = dock.state.layer("incidents")
    last = incidents.maximumValue(incidents.fields().lookupField("start"))
    dock.plan.settings.start.setDateTime(QDateTime(last.date().addDays(-8), last.time()))
    assert "other settings" in dock.plan.status.text(), "the page follows its settings"
    dock.show_page(PLAN)
    desk.click(dock.plan.plan_button)
    desk.wait_for_run(90)
    dock.show_page(REPORT)
    desk.breathe()
    assert page.report_button.isEnabled(), page.status.text()
    desk.click(page.report_button)
    desk.wait_for_run(60)
    assert page.tables.isVisible(), desk.messages()
    assert page.tables.verdict.text().startswith("Missions caught")
    assert page.open_button.isVisible()
    assert page.tables.choices.rowCount() == 4
    assert page.tables.part.count() > 1
    desk.iface.messageBar().clearWidgets()
    desk.breathe(100)
    desk.grab("report_1_made")
