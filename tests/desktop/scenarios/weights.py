"""Weights: moved with the map following, undone, approved, locked, compared, and used by the next plan."""

from __future__ import annotations

import time

from qgis.PyQt.QtCore import Qt, QTimer
from qgis.PyQt.QtTest import QTest
from qgis.PyQt.QtWidgets import QApplication, QDialogButtonBox

from patrol_missions.gui.weights_dialogs import CompareDialog, RecordDialog

START, _DATA, WEIGHTS, PLAN = range(4)


def answer(desk, picture, **texts):
    """Fill in the dialog as soon as it is open."""

    def fill():
        dialog = QApplication.activeModalWidget()
        if not isinstance(dialog, RecordDialog):
            desk.notes["dialog"] = f"{type(dialog).__name__} instead of the dialog"
            if dialog is not None:
                dialog.close()
            return
        assert not dialog.buttons.button(QDialogButtonBox.StandardButton.Ok).isEnabled()
        for key, text in texts.items():
            dialog.lines[key].setText(text)
        desk.grab(picture, dialog)
        dialog.buttons.button(QDialogButtonBox.StandardButton.Ok).click()

    QTimer.singleShot(400, fill)


def risk(desk):
    return desk.dock.state.layer("forecast")


def pick(page, category):
    """Choose a category's row."""
    row = next(r for r in range(page.table.rowCount()) if page.table.item(r, 0).text() == category)
    page.table.setCurrentCell(row, 0)
    return row


def step_an_empty_page_says_what_comes_next(desk):
    desk.plugin.dock.setUserVisible(True)
    desk.window.resize(1600, 1000)
    desk.dock.show_page(WEIGHTS)
    desk.breathe()
    page = desk.dock.weights
    assert "Train a model" in page.status.text()
    assert not page.table.isVisible()
    assert not page.card.isVisible()
    desk.grab("weights_0_empty")


def step_a_plan_is_made(desk):
    desk.dock.show_page(START)
    desk.click(desk.dock.welcome.sample_button)
    desk.wait(10, "the run", desk.dock.runner.busy)
    desk.wait_for_run(170)
    desk.canvas_ready()
    desk.iface.messageBar().clearWidgets()
    assert "RAND" in desk.dock.plan.settings.weights.text()
    desk.click(desk.dock.plan.settings.weights_button)
    desk.breathe(100)
    page = desk.dock.weights
    assert desk.dock.pages.currentIndex() == WEIGHTS
    assert page.table.rowCount() > 3
    assert page.effect_text.text() == "The map and the missions are by these weights."
    assert not page.plan_button.isEnabled()
    desk.grab("weights_1_as_planned")


def step_the_map_follows_a_weight(desk):
    page = desk.dock.weights
    page.ensureWidgetVisible(page.effect)
    row = pick(page, "Burglary")
    before = page.table.item(row, 3).text()
    assert before == "±0 %"
    page.card.factor.setFocus()
    begin = time.perf_counter()
    for _ in range(6):
        QTest.keyClick(page.card.factor, Qt.Key.Key_PageUp)
    desk.breathe()
    desk.canvas_ready()
    desk.notes["six_moves_s"] = time.perf_counter() - begin
    assert risk(desk).name() == "Risk *"
    assert "expected_burglary" in risk(desk).renderer().classAttribute()
    assert "missions would go elsewhere" in page.effect_text.text()
    assert page.table.item(row, 3).text().startswith("+")
    assert page.plan_button.isEnabled()
    assert "other settings" in desk.dock.plan.status.text()
    desk.grab("weights_2_moved")


def step_undo_takes_a_drag_back_at_once(desk):
    page = desk.dock.weights
    desk.click(page.undo_button)
    desk.breathe(50)
    assert risk(desk).name() == "Risk"
    assert "percentile" in risk(desk).renderer().classAttribute()
    assert not page.undo_button.isEnabled()
    desk.click(page.redo_button)
    desk.breathe(50)
    assert risk(desk).name() == "Risk *"


def step_they_are_approved_and_locked(desk):
    page = desk.dock.weights
    answer(desk, "weights_3_approve", name="Council 2026", person="A. Chief", reason="Vote of 3 November")
    desk.click(page.approve_button)
    assert "dialog" not in desk.notes, desk.notes
    assert page.version.currentText().startswith("Council 2026, approved by A. Chief on ")
    assert not page.approve_button.isEnabled()
    answer(desk, "weights_4_lock", person="A. Chief", reason="Until the spring vote")
    desk.click(page.lock_button)
    assert "Until the spring vote" in page.status.text()
    assert not page.card.severity.isEnabled()
    assert not page.preset.isEnabled()
    desk.grab("weights_5_locked")
    answer(desk, "weights_6_unlock", person="B. Chief", reason="Another vote")
    desk.click(page.lock_button)
    assert page.card.severity.isEnabled()
    assert page.status.text() == ""


def step_versions_are_compared(desk):
    page = desk.dock.weights
    pick(page, "Robbery")
    page.card.deters.setValue(80)
    desk.breathe()

    def look():
        dialog = QApplication.activeModalWidget()
        desk.notes["compared"] = isinstance(dialog, CompareDialog) and [
            dialog.table.item(0, column).text() for column in range(4)
        ]
        desk.grab("weights_7_compare", dialog)
        dialog.close()

    QTimer.singleShot(400, look)
    desk.click(page.compare_button)
    assert desk.notes["compared"] == ["Robbery", "Deters", "50 %", "80 %"]
    page.version.setCurrentIndex(page.version.findData("Council 2026"))
    page.version.activated.emit(page.version.currentIndex())
    desk.breathe()
    assert desk.dock.state.weights.version == "Council 2026"


def step_the_next_plan_uses_them(desk):
    page, dock = desk.dock.weights, desk.dock
    page.ensureWidgetVisible(page.plan_button)
    desk.click(page.plan_button)
    assert dock.pages.currentIndex() == PLAN
    assert "Council 2026" in dock.plan.settings.weights.text()
    desk.click(dock.plan.plan_button)
    desk.wait(10, "the run", dock.runner.busy)
    desk.wait_for_run(120)
    desk.canvas_ready()
    dock.show_page(WEIGHTS)
    desk.breathe(100)
    assert page.effect_text.text() == "The map and the missions are by these weights."
    assert risk(desk).name() == "Risk"
    desk.iface.messageBar().clearWidgets()
    desk.grab("weights_8_planned")
