"""An analyst's own files, by clicks: a table of coordinates and a boundary in degrees become a checked history."""

from __future__ import annotations

import csv
import os
from pathlib import Path

import numpy as np
from qgis.core import QgsProject
from qgis.PyQt.QtCore import Qt

OUT = Path(os.environ["PATROL_DESKTOP_OUT"])
DATA = 1
BOUNDARY = """{"type": "FeatureCollection", "features": [{"type": "Feature", "properties": {"name": "Old Town"},
"geometry": {"type": "Polygon", "coordinates": [[[-75.20, 39.95], [-75.15, 39.95], [-75.15, 39.98], [-75.20, 39.98],
[-75.20, 39.95]]]}}]}"""
TYPES = ("Burglary Residential", "Thefts", 'Robbery "Firearm" 🔫', "Narcotic / Drug Law Violations", "Thefts")


def step_files_are_opened_from_the_page(desk):
    random = np.random.default_rng(5)
    rows = 3000
    days = np.sort(random.integers(0, 720, rows))
    moments = (
        np.datetime64("2018-01-01")
        + days.astype("timedelta64[D]")
        + random.integers(0, 86400, rows).astype("timedelta64[s]")
    )
    with (OUT / "history.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["case_number", "text_general_code", "dispatch_date_time", "lng", "lat"])
        for number, moment in enumerate(moments):
            x, y = -75.20 + 0.05 * random.random(), 39.95 + 0.03 * random.random()
            writer.writerow([number, TYPES[number % 5], str(moment).replace("T", " "), f"{x:.6f}", f"{y:.6f}"])
    (OUT / "old_town.geojson").write_text(BOUNDARY, encoding="utf-8")
    desk.window.resize(1600, 1000)
    dock = desk.dock
    desk.click(dock.welcome.data_button)
    assert dock.pages.currentIndex() == DATA
    dock.data.incidents.layer.open_file(str(OUT / "history.csv"))
    dock.data.place.boundary.open_file(str(OUT / "old_town.geojson"))
    desk.breathe(50)
    answers = dock.data.answers()
    assert (answers.category_field, answers.start_field) == ("text_general_code", "dispatch_date_time")
    assert (answers.x_field, answers.y_field, answers.id_field) == ("lng", "lat", "case_number")
    assert answers.crs == "EPSG:32618"
    assert answers.jurisdiction == "Old town"
    dock.data.incidents.time_zone.setCurrentText("America/New_York")
    assert dock.data.answers().holidays == "US"


def step_the_check_tells_its_verdict(desk):
    page = desk.dock.data
    page.ensureWidgetVisible(page.check_button)
    desk.breathe(50)
    desk.click(page.check_button)
    desk.wait_for_run(60)
    assert page.found.isVisible(), desk.messages()
    assert page.found.verdict.text()
    assert page.found.findings.count() > 0
    assert Path(desk.dock.state.value("check", "REPORT")).is_file()
    raws = [page.found.categories.item(row, 0).text() for row in range(page.found.categories.rowCount())]
    assert 'Robbery "Firearm" 🔫' in raws
    page.ensureWidgetVisible(page.found.categories)
    desk.breathe(50)
    desk.grab("checked")
    desk.notes["kept"] = desk.dock.state.value("check", "ROWS_KEPT")


def step_enforcement_driven_categories_are_off(desk):
    table = desk.dock.data.found.categories
    states = {table.item(row, 0).text(): table.item(row, 0).checkState() for row in range(table.rowCount())}
    assert states["Narcotic / Drug Law Violations"] == Qt.CheckState.Unchecked
    assert states["Thefts"] == Qt.CheckState.Checked


def step_a_changed_category_counts_in_the_next_check(desk):
    page = desk.dock.data
    table = page.found.categories
    row = next(r for r in range(table.rowCount()) if table.item(r, 0).text() == "Thefts")
    thefts = int(table.item(row, 2).text())
    table.item(row, 0).setCheckState(Qt.CheckState.Unchecked)
    page.ensureWidgetVisible(page.found.save_button)
    desk.breathe(50)
    desk.click(page.found.save_button)
    assert page.answers().category_map.endswith("_categories.csv")
    page.ensureWidgetVisible(page.check_button)
    desk.breathe(50)
    desk.click(page.check_button)
    desk.wait_for_run(60)
    fewer = desk.notes["kept"] - desk.dock.state.value("check", "ROWS_KEPT")
    assert 0.9 * thefts < fewer <= thefts, (fewer, thefts)  # a few lay outside the cells and never counted
    names = [layer.name() for layer in QgsProject.instance().mapLayers().values()]
    assert names.count("Grid") == 1
    assert names.count("Incidents") == 1


def step_next_the_page_offers_training(desk):
    page = desk.dock.data
    assert page.train_button.isEnabled()
    assert "train" in page.status.text().lower()
    assert not page.plan_button.isVisible()
