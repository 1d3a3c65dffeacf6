"""The plan page counts down to the next shift, and districts can have numbers of missions of their own."""

from __future__ import annotations

import pytest
from qgis.core import QgsFeature, QgsVectorLayer
from qgis.gui import QgsSpinBox
from qgis.PyQt.QtCore import QDateTime, Qt

from patrol_missions.gui import recipes
from patrol_missions.gui.countdown import Countdown, countdown, soonest
from patrol_missions.gui.missions import ShiftInstance
from patrol_missions.gui.override_layer import Overrides
from patrol_missions.gui.page_plan import PlanPage
from patrol_missions.gui.plan_settings import PlanSettings
from patrol_missions.gui.project_state import DataForm, PlanForm
from patrol_missions.gui.quotas_table import districts_of
from patrol_missions.gui.readiness import readiness
from patrol_missions.processing_algorithms.parameters import quota_rows


def moment(text):
    return QDateTime.fromString(f"2020-01-{text}:00Z", Qt.DateFormat.ISODate)


DAY = ShiftInstance("Day", "2020-01-06", moment("06T12:00"), moment("06T20:00"))
EVENING = ShiftInstance("Evening", "2020-01-06", moment("06T18:00"), moment("07T02:00"))
NIGHT = ShiftInstance("Night", "2020-01-06", moment("07T04:00"), moment("07T12:00"))
SHIFTS = [DAY, EVENING, NIGHT]
OVER = "The shifts of this plan are over. For later ones, check newer incidents, or set “Shifts from” under Advanced."


@pytest.mark.parametrize(
    ("now", "sentence", "first"),
    [
        ("03T10:30", "Next: Day in 3 d 1 h.", 0),
        ("06T11:59", "Next: Day in 1 min.", 0),
        ("06T12:00", "Day runs for another 8 h 0 min. Next: Evening in 6 h 0 min.", 0),
        (
            "06T19:15",
            "Day runs for another 45 min. Evening runs for another 6 h 45 min. Next: Night in 8 h 45 min.",
            0,
        ),
        ("06T20:00", "Evening runs for another 6 h 0 min. Next: Night in 8 h 0 min.", 1),
        ("07T03:30", "Next: Night in 30 min.", 2),
        ("07T11:00", "Night runs for another 1 h 0 min. No later shift is planned.", 2),
        ("07T12:00", OVER, 0),
    ],
)
def test_the_next_shift_is_counted_down_to(qgis_application, now, sentence, first):
    assert countdown(SHIFTS, moment(now)) == sentence
    assert soonest(SHIFTS, moment(now)) == first


def test_begun_minutes_count(qgis_application):
    assert countdown([NIGHT], moment("07T03:58").addSecs(1)) == "Next: Night in 2 min."
    assert countdown([NIGHT], moment("07T03:59").addSecs(59)) == "Next: Night in 1 min."


def test_the_countdown_runs_while_it_is_seen(qgis_application):
    line = Countdown()
    assert line.text() == ""
    now = QDateTime.currentDateTimeUtc()
    line.show_shifts([ShiftInstance("Late", "2020-01-06", now.addSecs(7200), now.addSecs(9000))])
    assert line.text() == "Next: Late in 2 h 0 min."
    assert not line._timer.isActive()
    line.show()
    assert line._timer.isActive()
    line.hide()
    assert not line._timer.isActive()


def numbers(settings):
    return {box.accessibleName(): box for box in settings.quotas.table.findChildren(QgsSpinBox)}


def test_a_district_gets_a_number_of_its_own(processing):
    settings = PlanSettings()
    assert settings.quotas.isHidden(), "there is no district yet"
    settings.quotas.show_districts(["9", "10", "Center"])
    assert not settings.quotas.isHidden()
    boxes = numbers(settings)
    assert [box.text() for box in boxes.values()] == ["as the rest"] * 3
    assert settings.answers().quotas == []
    boxes["Missions in 10"].setValue(0)
    boxes["Missions in 9"].setValue(5)
    assert settings.answers().quotas == ["9", "5", "10", "0"]
    assert quota_rows(settings.answers().quotas) == {"9": 5, "10": 0}
    assert settings.quotas.title() == "Missions by district (2 set)"
    boxes["Missions in 10"].clear()
    assert settings.answers().quotas == ["9", "5"]


def test_quotas_come_back_and_wait_for_their_districts(processing):
    settings = PlanSettings()
    settings.show_answers(PlanForm(quotas=["9", "5", "10", "0"]))
    assert settings.answers().quotas == ["9", "5", "10", "0"], "the grid may not be there yet"
    settings.quotas.show_districts(["10", "11"])
    assert settings.answers().quotas == ["10", "0"], "the plan knows of no other district"
    settings.quotas.show_districts(["9", "10"])
    assert settings.answers().quotas == ["9", "5", "10", "0"]
    assert numbers(settings)["Missions in 9"].value() == 5
    settings.show_answers(PlanForm())
    assert settings.answers().quotas == []


def grid(names, uri="Polygon?crs=EPSG:32618&field=cell_id:string&field=district:string"):
    layer = QgsVectorLayer(uri, "grid", "memory")
    for name in names:
        feature = QgsFeature(layer.fields())
        if name is not None:
            feature.setAttribute("district", name)
        layer.dataProvider().addFeatures([feature])
    return layer


def test_districts_are_those_of_the_grid(qgis_application):
    assert districts_of(None) == []
    assert districts_of(grid([], "Polygon?crs=EPSG:32618&field=cell_id:string")) == []
    assert districts_of(grid(["10", "9", None, "10", "Center"])) == ["9", "10", "Center"]


def test_the_page_takes_districts_from_the_project_and_plans_with_quotas(processing, project, state, tmp_path):
    page = PlanPage(Overrides(state))
    layer = grid(["9", "10"])
    project.addMapLayer(layer)
    state.record("grid", {}, {"grid": layer})
    state.record("forecast", {}, {"forecast": layer})
    page.refresh(state, False, readiness(state, page.answers(), ""))
    numbers(page.settings)["Missions in 9"].setValue(4)
    state.set_data(DataForm(package=str(tmp_path / "city.gpkg")))
    state.set_plan(page.answers())
    (step,) = recipes.plan_steps(state, forecast_anew=False)
    assert step.parameters()["QUOTAS"] == ["9", "4"]
    state.set_plan(PlanForm())
    (step,) = recipes.plan_steps(state, forecast_anew=False)
    assert "QUOTAS" not in step.parameters()
