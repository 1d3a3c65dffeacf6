"""A past shift on the map: which shifts a day has, what is asked for, and how trails look at a time."""

from __future__ import annotations

from pathlib import Path

import pytest
from qgis.core import (
    QgsExpressionContext,
    QgsExpressionContextScope,
    QgsExpressionContextUtils,
    QgsFeature,
    QgsGeometry,
    QgsPointXY,
    QgsProperty,
    QgsTemporalNavigationObject,
    QgsVectorLayer,
)
from qgis.gui import QgsMapCanvas
from qgis.PyQt.QtCore import QDate, QDateTime, Qt, QTimeZone
from qgis.PyQt.QtWidgets import QDialogButtonBox, QDockWidget, QMainWindow

from patrol_missions.core.errors import InputError
from patrol_missions.gui import layers, recipes
from patrol_missions.gui.compat import TEMPORAL_ANIMATED, TEMPORAL_OFF
from patrol_missions.gui.map_link import MapLink
from patrol_missions.gui.past_shift_dialog import PastShiftDialog
from patrol_missions.gui.past_shifts import shifts_on, time_of
from patrol_missions.gui.project_state import DataForm
from patrol_missions.gui.results import keep
from patrol_missions.gui.runner import Done
from patrol_missions.processing_algorithms.layer_styles import style_trails

SHIFTS = ["Day", "07:00", "15:00", "", "Night", "23:00", "07:00", "Mon-Sun", "Late", "18:00", "02:00", "Fri,Sat"]
ZONE = QTimeZone(b"America/New_York")


def utc(text):
    return QDateTime.fromString(f"{text}Z", Qt.DateFormat.ISODate)


@pytest.mark.parametrize(
    ("day", "wanted"),
    [
        (QDate(2025, 1, 3), [("Day", "01-03T12", "01-03T20"), ("Late", "01-03T23", "01-04T07"),
                             ("Night", "01-04T04", "01-04T12")]),
        (QDate(2025, 3, 8), [("Day", "03-08T12", "03-08T20"), ("Late", "03-08T23", "03-09T07"),
                             ("Night", "03-09T04", "03-09T11")]),  # the clocks go forward
        (QDate(2025, 1, 6), [("Day", "01-06T12", "01-06T20"), ("Night", "01-07T04", "01-07T12")]),
    ],
)  # fmt: skip
def test_the_shifts_of_a_day(day, wanted):
    found = shifts_on(day, SHIFTS, ZONE)
    assert [(each.name, each.start, each.end) for each in found] == [
        (name, utc(f"2025-{start}:00:00"), utc(f"2025-{end}:00:00")) for name, start, end in wanted
    ]
    assert {each.date for each in found} == {day.toString(Qt.DateFormat.ISODate)}


def ok(dialog):
    return dialog.buttons.button(QDialogButtonBox.StandardButton.Ok).isEnabled()


def test_the_dialog_begins_with_yesterday_s_last_shift(processing):
    dialog = PastShiftDialog(SHIFTS, ZONE, True)
    yesterday = QDateTime.currentDateTimeUtc().toTimeZone(ZONE).date().addDays(-1)
    assert dialog.chosen() == shifts_on(yesterday, SHIFTS, ZONE)[-1]
    assert dialog.chosen().name == "Night"
    assert ok(dialog)
    dialog.shift.setCurrentIndex(0)
    assert dialog.chosen().name == "Day"
    dialog.source.setCurrentIndex(1)
    assert (dialog.chosen(), ok(dialog)) == (None, False)
    assert not dialog.day.isVisibleTo(dialog)
    dialog.log.setFilePath("/tmp/cars.csv")
    assert ok(dialog)


def test_the_dialog_says_why_nothing_can_be_loaded(processing):
    weekend = PastShiftDialog(["Late", "18:00", "02:00", "Fri,Sat"], ZONE, True)
    weekend.day.setDate(QDate(2025, 1, 6))
    assert (ok(weekend), weekend.note.text()) == (False, "No shift begins on that day.")
    weekend.day.setDate(QDate(2025, 1, 4))
    assert ok(weekend)
    wrong = PastShiftDialog(["Late", "18:00", "late", ""], ZONE, True)
    assert not ok(wrong)
    assert "which is not a time of day" in wrong.note.text()
    with pytest.raises(InputError):
        shifts_on(QDate(2025, 1, 4), ["Late", "18:00", "late", ""], ZONE)
    alone = PastShiftDialog(SHIFTS, ZONE, False)
    assert alone.source.count() == 1
    assert alone.log.isVisibleTo(alone)


def test_a_shift_is_read_from_the_ledger_and_a_log_from_its_file(state, project, tmp_path: Path):
    state.set_data(DataForm(jurisdiction="City", package=str(tmp_path / "city.gpkg"), time_zone="America/New_York"))
    shift = shifts_on(QDate(2025, 1, 3), SHIFTS, ZONE)[0]
    step = recipes.past_step(state, shift)
    asked = step.parameters()
    assert step.algorithm == "patrolmissions:shiftreport"
    assert (asked["LEDGER"], asked["START"], asked["END"]) == (recipes.ledger_of(state), shift.start, shift.end)
    grid = QgsVectorLayer("Polygon?crs=EPSG:32618", "grid", "memory")
    project.addMapLayer(grid)
    state.record("grid", {}, {"grid": grid})
    of_log = recipes.past_step(state, None, "/tmp/cars.csv")
    assert of_log.algorithm == "patrolmissions:importtracks"
    assert of_log.parameters()["FILES"] == ["/tmp/cars.csv"]
    assert "LEDGER" not in of_log.parameters(), "what is looked at is not written down"


@pytest.fixture
def trails(processing):
    """Positions of a car each minute, as the algorithms give them."""
    layer = QgsVectorLayer(
        "Point?crs=EPSG:4326&field=unit:string&field=start:datetime&field=end:datetime&field=until:datetime",
        "trails", "memory",
    )  # fmt: skip
    first = utc("2025-01-03T12:00:30")
    for minute in range(5):
        feature = QgsFeature(layer.fields())
        at = first.addSecs(60 * minute)
        feature.setAttributes(["12", at, at.addSecs(600), at.addSecs(60)])
        feature.setGeometry(QgsGeometry.fromPointXY(QgsPointXY(-75.0 + minute / 1e3, 40.0)))
        layer.dataProvider().addFeatures([feature])
    style_trails(layer)
    return layer


def looks(layer, end=None):
    """Size, opacity (0 to 255) and label of each point at a time of the map."""
    context = QgsExpressionContext(QgsExpressionContextUtils.globalProjectLayerScopes(layer))
    scope = QgsExpressionContextScope()
    scope.setVariable("symbol_color", layer.renderer().symbol().color())
    if end is not None:
        scope.setVariable("map_end_time", end)
    context.appendScope(scope)
    part = layer.renderer().symbol().symbolLayer(0)
    properties = part.dataDefinedProperties()
    label = QgsProperty.fromExpression(layer.labeling().settings().fieldName)
    found = []
    for feature in layer.getFeatures():
        context.setFeature(feature)
        size = properties.property(part.Property.PropertySize).valueAsDouble(context)[0]
        colour = properties.property(part.Property.PropertyFillColor).valueAsColor(context)[0]
        found.append((size, colour.alpha(), label.valueAsString(context, "")[0]))
    return found


def test_where_a_unit_is_stands_out_and_its_trail_fades(trails):
    assert looks(trails) == [(1.8, 127, "")] * 5
    sizes, alphas, labels = zip(*looks(trails, utc("2025-01-03T12:04:00")))
    assert sizes == (1.8, 1.8, 1.8, 3.6, 1.8)
    assert labels == ("", "", "", "12", "")
    assert alphas[3] == 255
    assert alphas[0] < alphas[1] < alphas[2]
    later = looks(trails, utc("2025-01-03T12:08:00"))
    assert not any(label for _, _, label in later), "nobody knows where it is now"


def test_trails_are_played_from_their_first_minute(trails):
    during = time_of(trails)
    assert (during.begin(), during.end()) == (utc("2025-01-03T12:00:00"), utc("2025-01-03T12:05:30"))
    assert trails.temporalProperties().isActive()
    window = QMainWindow()
    canvas = QgsMapCanvas(window)
    panel = QDockWidget(window)
    panel.setObjectName("Temporal Controller")
    panel.hide()

    class Face:
        def mapCanvas(self):  # noqa: N802
            return canvas

        def mainWindow(self):  # noqa: N802
            return window

    controller = QgsTemporalNavigationObject(window)
    canvas.setTemporalController(controller)
    link = MapLink(Face())
    link.play(during)
    assert controller.navigationMode() == TEMPORAL_ANIMATED
    assert controller.temporalExtents() == during
    assert controller.totalFrameCount() == 6
    assert not panel.isHidden()
    link.show_time(None)
    assert controller.navigationMode() == TEMPORAL_OFF
    link.tear_down()


def test_other_trails_take_the_place_of_those_before(state, project, trails):
    state.set_data(DataForm(jurisdiction="City"))
    step = recipes.past_step(state, None, "log")
    first = trails.clone()
    for layer in (first, trails):
        keep(state, Done(step, {"POINTS": 5}, {"trails": layer}))
    assert project.mapLayersByName("Trails of a past shift") == [trails]
    assert state.layer("trails") == trails
    layers.remove(project, "trails")
    assert state.layer("trails") is None
