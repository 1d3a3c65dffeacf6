"""A newcomer's days: the sample city, what harm kept costs, a survey's weights approved, a mission ruled out, the plan
published, and the report of the morning after; all of it by what the pages say comes next."""

from __future__ import annotations

import os
import re
from pathlib import Path

from qgis.core import QgsCoordinateTransform, QgsProject
from qgis.PyQt.QtCore import QDateTime, Qt, QTimer
from qgis.PyQt.QtTest import QTest
from qgis.PyQt.QtWidgets import QApplication, QDialog, QDialogButtonBox

from patrol_missions.gui.override_layer import SUPPRESS

OUT = Path(os.environ["PATROL_DESKTOP_OUT"])
START, DATA, WEIGHTS, PLAN, LIVE, REPORT = range(6)
SURVEY = "category,severity\nAggravated assault,10\nBurglary,9\nMotor vehicle theft,4\nRobbery,8\n"
REST = "Theft,2\nTheft from vehicle,3\n"


def go_to(desk, page):
    """The page, by a click on its tab."""
    tabs = desk.dock.tabs
    desk.click(tabs, tabs.tabRect(page).center())
    assert desk.dock.pages.currentIndex() == page


def press(desk, page, button):
    """A click on a button of a page that starts a run; until the run ends."""
    failures = []
    desk.dock.runner.failed.connect(lambda _title, sentence: failures.append(sentence))
    page.ensureWidgetVisible(button)
    desk.click(button)
    desk.wait(10, "the run", desk.dock.runner.busy)
    desk.wait_for_run(170)
    assert failures == []
    desk.canvas_ready()


def answer(desk, picture, **texts):
    """Fill in the dialog as soon as it is open; ``texts`` by the names of its lines."""

    def fill():
        dialog = QApplication.activeModalWidget()
        if not isinstance(dialog, QDialog):
            desk.notes["dialog"] = "there was none"
            return
        lines = getattr(dialog, "lines", None) or vars(dialog)
        for name, text in texts.items():
            lines[name].setText(text)
        desk.grab(picture, dialog)
        dialog.buttons.button(QDialogButtonBox.StandardButton.Ok).click()

    QTimer.singleShot(400, fill)


def import_survey(desk, name, text):
    """Take weights from a file, as the page's button does once it is chosen."""
    desk.iface.messageBar().clearWidgets()
    (OUT / name).write_text(text, encoding="utf-8")
    desk.dock.weights.take_file(OUT / name)
    desk.breathe(50)


def listed(desk):
    """Missions of the shift shown, by cell."""
    of = desk.dock.plan.list
    found = [of.mission_index(number).data(Qt.ItemDataRole.UserRole + 1) for number in range(of.count())]
    return {mission.cell_id: mission for mission in found}


def step_the_start_page_leads_to_a_plan(desk):
    desk.window.resize(1600, 1000)
    desk.dock.setUserVisible(True)
    press(desk, desk.dock.welcome, desk.dock.welcome.sample_button)
    desk.window.resizeDocks([desk.dock], [370], Qt.Orientation.Horizontal)
    assert desk.dock.pages.currentIndex() == PLAN
    assert desk.dock.plan.list.count() > 0
    assert "“Shifts from” under Advanced" in desk.dock.plan.countdown.text()
    desk.iface.messageBar().clearWidgets()
    desk.grab("newcomer_1_plan")


def step_what_harm_kept_costs_is_read(desk):
    box = desk.dock.plan.settings.trade_off
    press(desk, desk.dock.plan, box.draw_button)
    assert re.match(r"With 90 % of harm kept, .* Missions cover \d+ % of the harm", box.reading.text())
    desk.iface.messageBar().clearWidgets()
    desk.grab("newcomer_2_curve")
    box.setCollapsed(True)


def step_a_survey_of_some_categories_is_warned_of(desk):
    go_to(desk, WEIGHTS)
    page = desk.dock.weights
    import_survey(desk, "part.csv", SURVEY)
    assert any("in another unit" in text for text in desk.messages()), desk.messages()
    desk.grab("newcomer_3_warned")
    desk.click(page.undo_button)
    import_survey(desk, "survey.csv", SURVEY + REST)
    assert not any("in another unit" in text for text in desk.messages()), desk.messages()


def step_its_weights_are_approved(desk):
    page = desk.dock.weights
    answer(desk, "newcomer_4_approve", name="Survey 2025", person="A. Chief", reason="Vote of the council")
    desk.click(page.approve_button)
    assert "dialog" not in desk.notes, desk.notes
    assert page.version.currentText().startswith("Survey 2025, approved by A. Chief")
    desk.grab("newcomer_5_approved")


def step_missions_are_planned_by_them(desk):
    page, plan = desk.dock.weights, desk.dock.plan
    page.ensureWidgetVisible(page.plan_button)
    desk.click(page.plan_button)
    press(desk, plan, plan.plan_button)
    assert "Survey 2025" in plan.settings.weights.text()
    assert plan.status.text() == ""


def step_a_mission_is_ruled_out(desk):
    plan, box, canvas = desk.dock.plan, desk.dock.plan.overrides, desk.iface.mapCanvas()
    layer = desk.dock.state.layer("missions")
    cell, mission = next(iter(listed(desk).items()))
    box.setCollapsed(False)
    plan.ensureWidgetVisible(box)
    desk.click(box.tools[SUPPRESS])
    there = QgsCoordinateTransform(layer.crs(), canvas.mapSettings().destinationCrs(), QgsProject.instance())
    middle = there.transform(layer.getGeometry(mission.feature_id).centroid().asPoint())
    place = canvas.getCoordinateTransform().transform(middle).toQPointF().toPoint()
    answer(desk, "newcomer_6_override", reason="Street closed", author="Sgt. Lee")
    QTest.mouseClick(canvas.viewport(), Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, place)
    desk.wait(5, "the override", lambda: box.list.count() == 1)
    desk.click(box.tools[SUPPRESS])
    assert not plan.publish.publish_button.isEnabled(), "what was changed is planned first"
    press(desk, plan, plan.plan_button)
    assert cell not in listed(desk)
    box.setCollapsed(True)


def step_the_plan_is_published(desk):
    card = desk.dock.plan.publish
    QTest.keyClicks(card.author, "Capt. Ito")
    QTest.keyClicks(card.approval, "Fits the staffing")
    press(desk, desk.dock.plan, card.publish_button)
    assert card.told.text().startswith("Published as record 1.")


def step_the_report_says_what_it_needs(desk):
    go_to(desk, REPORT)
    page = desk.dock.report
    assert not page.report_button.isEnabled()
    assert "with “Shifts from” under Advanced on the Plan page" in page.status.text()
    page.incidents.open_file(str(OUT / "survey.csv"))
    assert any("chosen, and checked, on the Data page" in text for text in desk.messages()), desk.messages()
    assert page.incidents.combo.currentText() == "the checked incidents"
    desk.grab("newcomer_7_report_waits")
    desk.iface.messageBar().clearWidgets()


def step_it_is_followed_to_a_report(desk):
    plan, page = desk.dock.plan, desk.dock.report
    incidents = desk.dock.state.layer("incidents")
    last = incidents.maximumValue(incidents.fields().lookupField("start"))
    go_to(desk, PLAN)
    plan.settings.advanced.setCollapsed(False)
    desk.breathe(50)
    plan.ensureWidgetVisible(plan.settings.start)
    plan.settings.start.setDateTime(QDateTime(last.date().addDays(-8), last.time()))
    press(desk, plan, plan.plan_button)
    go_to(desk, REPORT)
    assert page.status.text() == "Next: make the report of the plan’s shifts that are over."
    press(desk, page, page.report_button)
    assert page.tables.verdict.text().startswith("Missions caught")
    tables = page.tables.choices
    desk.notes["shares"] = [
        [tables.item(row, column).text() for column in range(tables.columnCount())] for row in range(tables.rowCount())
    ]
    desk.iface.messageBar().clearWidgets()
    desk.grab("newcomer_8_report")


def step_all_of_it_fits_a_narrow_panel(desk):
    wide = []
    for number, name in enumerate(("start", "data", "weights", "plan", "report")):
        go_to(desk, number)
        desk.window.resizeDocks([desk.dock], [300], Qt.Orientation.Horizontal)
        desk.breathe(50)
        page = desk.dock.pages.currentWidget()
        if page.widget().width() > page.viewport().width():
            wide.append(f"{name}: {page.widget().width()} in {page.viewport().width()}")
        desk.grab(f"newcomer_9_narrow_{name}", desk.dock)
    assert desk.dock.width() <= 310, desk.dock.width()
    assert not wide, wide
