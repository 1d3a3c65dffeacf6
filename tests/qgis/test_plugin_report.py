"""The morning after: which plan is held against which incidents, what is missing first, and what is shown of it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from made_layers import box, memory_layer
from qgis.core import NULL, QgsProcessingContext, QgsProject
from qgis.PyQt.QtCore import QDateTime, Qt
from qgis.PyQt.QtWidgets import QApplication
from test_algorithms_capture import morning_after

from patrol_missions.gui import recipes
from patrol_missions.gui.captures import Captures, count
from patrol_missions.gui.missions import zone_of
from patrol_missions.gui.page_report import ReportPage
from patrol_missions.gui.project_state import (
    FILE,
    LAST,
    RECORD,
    DataForm,
    ProjectState,
    ReportForm,
    WeightsForm,
)
from patrol_missions.gui.report_readiness import report_problem
from patrol_missions.gui.results import keep
from patrol_missions.gui.runner import Done

NEW_YORK = zone_of("America/New_York")
FIELDS = (
    "part:string,name:string,measure:string,choice:string,incidents:double,total:double,caught:double,share:double,"
    "low:double,high:double,lead:double,lead_low:double,lead_high:double,withheld:boolean"
)


def moment(text):
    return QDateTime.fromString(f"{text}:00Z", Qt.DateFormat.ISODate)


def missions(*starts):
    return memory_layer("Polygon", [(None, [moment(start)]) for start in starts], "start:datetime", name="Missions")


def incidents(*starts, name="Incidents"):
    return memory_layer("Point", [(None, [moment(start)]) for start in starts], "start:datetime", name=name)


def captures(low=0.05, high=0.3, share=0.4):
    """A table of captures; the missions lead chance from ``low`` to ``high``."""
    rows = []
    for measure in ("incidents", "harm", "preventable harm"):
        rows.append(("all", "all", measure, "missions", 50, 50, 20, share, 0.28, 0.52, NULL, NULL, NULL, False))
        rows.append(("all", "all", measure, "chance", 50, 50, 8, 0.16, 0.12, 0.2, 0.24, low, high, False))
    for name, number in (("Robbery", 20), ("Arson", 30), ("Theft", 0)):
        for choice, caught in (("missions", 0.5), ("chance", 0.1)):
            told = (number, number, 1, caught, 0.2, 0.8, NULL, NULL, NULL, False)
            rows.append(("category", name, "incidents", choice, *told))
    for name, hidden in (("1", False), ("2", True)):
        for choice in ("missions", "chance"):
            told = (NULL,) * 9 if hidden else (6, 6, 3, 0.5, 0.2, 0.8, NULL, NULL, NULL)
            rows.append(("district", name, "incidents", choice, *told, hidden))
    rows.append(("shift", "Night", "incidents", "missions", 50, 50, 20, 0.4, 0.2, 0.5, NULL, NULL, NULL, False))
    return memory_layer("None", [(None, row) for row in rows], FIELDS, name="Captures")


# --- what is missing


@pytest.fixture
def planned(processing, project, state, tmp_path):
    """A project with a grid and missions of 6 January 2020."""
    ground, plan = memory_layer("Polygon", [(box(0, 0, 1, 1), [])]), missions("2020-01-07T04:00", "2020-01-06T12:00")
    project.addMapLayers([ground, plan])
    state.set_data(DataForm(jurisdiction="City", package=str(tmp_path / "city.gpkg"), time_zone="America/New_York"))
    state.record("grid", {}, {"grid": ground})
    state.record("allocate", {}, {"missions": plan})
    return state


def checked(state, layer):
    state.project.addMapLayer(layer)
    state.record("check", {}, {"incidents": layer})
    return layer


def problem(state, form=None, engine="", now="2020-01-09T00:00"):
    return report_problem(state, form or ReportForm(), engine, NEW_YORK, moment(now))


def test_each_thing_that_is_missing_is_said_with_what_to_do(processing, state):
    assert problem(state, engine="Set up the engine.") == "Set up the engine."
    assert problem(state) == "There is no plan yet. Plan missions first, or choose a plan file."
    assert problem(state, ReportForm(FILE)) == "Choose the plan file."
    assert "does not exist" in problem(state, ReportForm(FILE, file="/no/plan.zip"))
    assert problem(state, ReportForm(RECORD)).startswith("No plan was published")


def test_incidents_are_needed(planned):
    assert problem(planned).startswith("There are no checked incidents.")
    checked(planned, incidents("2020-01-06T13:00"))
    assert problem(planned) == ""


def test_incidents_that_end_before_the_plan_are_said_in_local_time(planned):
    checked(planned, incidents("2020-01-01T03:30", "2020-01-05T03:30"))
    assert problem(planned) == (
        "The incidents end on Sat 4 Jan 2020 22:30, before the plan’s first shift on Mon 6 Jan 2020 07:00. Check newer "
        "incidents on the Data page first, or choose checked ones here. To try a report without them, plan shifts that "
        "are over, with “Shifts from” under Advanced on the Plan page; the model has learnt from their incidents, "
        "which flatters it."
    )
    newer = incidents("2020-01-06T12:00", name="Newer")
    planned.project.addMapLayer(newer)
    assert problem(planned, ReportForm(incidents=newer.id())) == ""


def test_a_plan_that_is_still_to_come_is_waited_for(planned):
    checked(planned, incidents("2020-01-05T03:30"))
    assert "is still to come" in problem(planned, now="2020-01-06T11:00")
    assert "Check newer incidents" in problem(planned, now="2020-01-06T13:00")


def test_incidents_without_times_are_refused(planned):
    checked(planned, incidents(name="Empty"))
    assert problem(planned).startswith("Layer “Empty” has no incidents with a time.")


def test_without_a_grid_plans_cannot_be_laid_out(planned):
    checked(planned, incidents("2020-01-06T13:00"))
    planned.project.removeMapLayer(planned.layer("grid").id())
    assert problem(planned).startswith("The grid was removed")


# --- which plan, and which incidents


def given(state, form=None):
    state.set_report(form or ReportForm())
    return recipes.report_step(state).parameters()


def test_the_last_plan_is_taken_from_its_file(planned, tmp_path):
    checked(planned, incidents("2020-01-06T13:00"))
    planned.set_weights(WeightsForm(preset="sentence_days"))
    asked = given(planned)
    assert asked["WEIGHTS_PRESET"] == "Sentence days"
    assert asked["MISSIONS"] == planned.layer("missions").id(), "the file of an older project is not there"
    assert "FORECAST" not in asked
    behind = memory_layer("Polygon", [], "cell_id:string")
    planned.project.addMapLayer(behind)
    planned.record("forecast", {}, {"forecast": behind})
    assert "FORECAST" not in given(planned), "it is newer than the missions"
    planned.record("allocate", {}, {})
    assert given(planned)["FORECAST"] == behind.id()
    file = tmp_path / "city_plan.zip"
    file.touch()
    planned.record("allocate", {"PLAN": str(file)}, {})
    asked = given(planned)
    assert asked["PLAN"] == str(file)
    assert not {"MISSIONS", "FORECAST"} & set(asked)
    assert asked["GRID"] == planned.layer("grid").id()
    assert asked["INCIDENTS"] == planned.layer("incidents").id()
    assert "WEIGHTS_PRESET" not in asked, "the plan has its own weights"
    assert asked["REPORT"] == str(tmp_path / "city_capture_report.html")
    assert "VISITS" not in asked


def test_another_plan_and_other_incidents_are_taken(planned, tmp_path):
    planned.set_data(replace(planned.data, visits="stays"))
    asked = given(planned, ReportForm(FILE, 3, "/plans/monday.zip", "newer"))
    assert (asked["PLAN"], asked["INCIDENTS"], asked["VISITS"]) == ("/plans/monday.zip", "newer", "stays")
    asked = given(planned, ReportForm(RECORD, 3, "/plans/monday.zip", "newer"))
    assert (asked["LOG"], asked["NUMBER"]) == (str(tmp_path / "city_audit.sqlite"), 3)
    assert "PLAN" not in asked


def test_answers_are_kept_in_the_project(project, state):
    form = ReportForm(FILE, 4, "/plans/monday.zip", "newer")
    state.set_report(form)
    resumed = ProjectState(project)
    assert resumed.report == form
    resumed.tear_down()


# --- the page


@pytest.fixture
def page(open_project):
    return ReportPage()


def test_a_plan_file_and_a_record_are_asked_for_where_they_are_wanted(page):
    heard = []
    page.changed.connect(lambda: heard.append(page.answers()))
    assert page.answers() == ReportForm(LAST, 1)
    assert page.file.isHidden()
    assert page.number.isHidden()
    page.plan.setCurrentIndex(page.plan.findData(FILE))
    assert not page.file.isHidden()
    page.file.setFilePath("/plans/monday.zip")
    page.plan.setCurrentIndex(page.plan.findData(RECORD))
    assert page.file.isHidden()
    assert not page.number.isHidden()
    page.number.setValue(2)
    assert heard[-1] == ReportForm(RECORD, 2, "/plans/monday.zip")


def test_the_page_shows_kept_answers_and_follows_what_is_published(page):
    state = ProjectState(QgsProject.instance())
    newer = incidents("2020-01-06T12:00")
    state.project.addMapLayer(newer)
    state.set_report(ReportForm(RECORD, 0, "", newer.id()))
    state.record("publish", {"NUMBER": 3}, {})
    heard = []
    page.changed.connect(lambda: heard.append(1))
    page.show_answers(state)
    assert heard == [], "stored answers are no change"
    assert page.answers() == ReportForm(RECORD, 3, "", newer.id())
    page.number.setValue(1)
    page.refresh(state, False, "")
    assert page.number.value() == 1
    state.record("publish", {"NUMBER": 4}, {})
    page.refresh(state, False, "")
    assert page.number.value() == 4
    state.tear_down()


def test_the_button_waits_for_what_is_missing(page, planned):
    page.refresh(planned, False, "")
    assert not page.report_button.isEnabled()
    assert page.status.text().startswith("There are no checked incidents.")
    assert page.tables.isHidden()
    assert page.open_button.isHidden()
    checked(planned, incidents("2020-01-06T13:00"))
    page.refresh(planned, False, "")
    assert page.report_button.isEnabled()
    assert page.status.text().startswith("Next: make the report")
    page.refresh(planned, True, "")
    assert not page.report_button.isEnabled()


def texts(table):
    return [
        [table.item(row, column).text() for column in range(table.columnCount())] for row in range(table.rowCount())
    ]


@pytest.fixture
def reported(planned, tmp_path):
    checked(planned, incidents("2020-01-06T13:00"))
    (tmp_path / "report.html").touch()
    values = {"REPORT": str(tmp_path / "report.html"), "WARNINGS": "Judge by weeks.", "INCIDENT_COUNT": 50.0}
    keep(planned, Done(recipes.report_step(planned), values, {"captures": captures()}))
    return planned


def test_the_figures_of_a_report_are_shown(page, reported):
    page.refresh(reported, False, "")
    assert not page.tables.isHidden()
    assert not page.open_button.isHidden()
    assert page.status.text() == ""
    assert page.made.text().endswith(": 50 incidents in the shifts.")
    tables = page.tables
    assert tables.verdict.text() == "Missions caught 40 % of preventable harm, more than cells by lot."
    assert tables.warnings.text() == "Judge by weeks."
    assert texts(tables.choices) == [
        ["Missions", *["40 %\n28–52 %"] * 3],
        ["By lot", *["16 %\n12–20 %"] * 3],
    ]
    assert [tables.part.itemData(index) for index in range(tables.part.count())] == ["category", "district"]
    assert [row[:2] for row in texts(tables.parts)] == [["Arson", "30"], ["Robbery", "20"], ["Theft", "0"]]
    tables.part.setCurrentIndex(1)
    assert texts(tables.parts) == [["1", "6", "50 %\n20–80 %", "50 %\n20–80 %"], ["2", "withheld", "", ""]]


def test_what_is_compared_is_explained(page, reported):
    page.refresh(reported, False, "")
    assert "drawn by lot" in page.tables.choices.item(1, 0).toolTip()
    assert "drawn by lot" in page.tables.parts.horizontalHeaderItem(3).toolTip()
    assert "counts in part" in page.tables.parts.horizontalHeaderItem(1).toolTip()


def test_a_report_fits_a_narrow_panel(page, reported):
    page.resize(300, 800)
    page.show()
    page.refresh(reported, False, "")
    QApplication.processEvents()
    assert page.open_button.isVisible()
    assert page.widget().width() <= page.viewport().width()
    page.close()


def test_a_table_is_no_choice_and_the_page_says_what_to_do_with_it(page, tmp_path):
    (tmp_path / "newer.csv").write_text("category,start,lng,lat\nRobbery,2020-01-06 13:00,1,2\n")
    heard = []
    page.trouble.connect(heard.append)
    page.incidents.open_file(str(tmp_path / "newer.csv"))
    (sentence,) = heard
    assert sentence == (
        "“newer” is in the project now, but layers of its kind cannot be chosen here. Records that are not points yet "
        "are chosen, and checked, on the Data page."
    )
    assert page.incidents.combo.currentText() == "the checked incidents"
    QgsProject.instance().clear()


@pytest.mark.parametrize(
    ("layer", "icon", "ending"),
    [
        (lambda: captures(0.05, 0.3), "mIconSuccess", "more than cells by lot."),
        (lambda: captures(-0.1, 0.3), "mIconInfo", "that cannot be told from chance."),
        (lambda: captures(-0.3, -0.1), "mIconWarning", "less than cells by lot."),
        (lambda: captures(share=NULL), "mIconInfo", "there was no harm."),
        (lambda: None, "mIconInfo", "Choose incidents that reach to the end of its shifts."),
        (lambda: memory_layer("None", [], "name:string"), "mIconInfo", "to the end of its shifts."),
    ],
)
def test_the_verdict_is_by_the_interval(layer, icon, ending):
    told = Captures(layer()).verdict()
    assert told[0] == icon
    assert told[1].endswith(ending)


def test_parts_of_incidents_are_told(qgis_application):
    assert [count(number) for number in (12.4, 3.0, 2.5)] == ["12", "3", "2.5"]


def test_a_run_gives_the_report(chain, project, state, tmp_path):
    import processing

    plan = str(tmp_path / "plan.zip")
    asked = {"FORECAST": chain.path("forecast"), "MISSIONS_PER_DISTRICT": 2, "OUTPUT": "memory:", "PLAN": plan}
    processing.run("patrolmissions:allocatemissions", asked)
    grid, happened = chain.layer("grid"), morning_after(chain)
    project.addMapLayers([grid, happened])
    state.set_data(DataForm(jurisdiction="City", package=str(tmp_path / "city.gpkg")))
    state.record("grid", {}, {"grid": grid})
    state.record("allocate", {"PLAN": plan}, {})
    state.record("check", {}, {"incidents": happened})
    context = QgsProcessingContext()
    context.setProject(project)
    step = recipes.report_step(state)
    answer = processing.run(step.algorithm, {**step.parameters(), "OUTPUT": "memory:"}, context=context)
    assert Path(answer["REPORT"]).is_file()
    found = Captures(answer["OUTPUT"])
    assert found.choices() == ["missions", "chance", "greedy", "last week"]
    assert found.verdict()[0] == "mIconSuccess"
