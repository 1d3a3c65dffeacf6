"""What else shifts risk: asked on the data page, kept with the project, given alike to training and forecast."""

from __future__ import annotations

from dataclasses import replace

import pytest
from conftest import close
from made_layers import box, memory_layer
from qgis.core import QgsProject

from patrol_missions.gui import recipes
from patrol_missions.gui.guess import guess_measures
from patrol_missions.gui.holidays import country_of, known
from patrol_missions.gui.page_data import DataPage
from patrol_missions.gui.project_state import DataForm, PlanForm, ProjectState
from patrol_missions.gui.readiness import asked_of_forecast, asked_of_model, changed_since_training, readiness

MINE = (
    "indicators",
    "areas",
    "area_sums",
    "area_means",
    "streets",
    "events",
    "holidays",
    "weather",
    "school_terms",
    "visits",
)


@pytest.fixture
def page(open_project):
    page = DataPage()
    yield page
    close(page)


@pytest.fixture
def layers(open_project):
    """A layer for each question."""
    times, numbers = "start:string,end:string", "population:integer,pct_black:double,income:double,label:string"
    made = {
        "places": memory_layer("Point", [("POINT(1 1)", [])], name="bars"),
        "parks": memory_layer("Polygon", [(box(0, 0, 9, 9), [])], name="parks"),
        "areas": memory_layer("Polygon", [(box(0, 0, 9, 9), [5, 1.0, 2.0, "a"])], numbers, name="tracts"),
        "streets": memory_layer("LineString", [("LINESTRING(0 0, 9 9)", [])], name="streets"),
        "events": memory_layer("Point", [("POINT(1 1)", ["2024-01-01", "2024-01-02"])], times, name="games"),
        "weather": memory_layer("None", [(None, ["2024-01-01", 3.0])], "date:string,temperature:double", name="days"),
        "visits": memory_layer("Point", [("POINT(1 1)", ["2024-01-01", "2024-01-02"])], times, name="stays"),
        "terms": memory_layer("None", [(None, ["2024-01-01", "2024-06-01"])], times, name="terms"),
    }
    open_project.addMapLayers(list(made.values()), False)
    return {name: layer.id() for name, layer in made.items()}


@pytest.fixture
def filled(layers):
    """Everything given."""
    return DataForm(
        jurisdiction="J", package="/somewhere/j.gpkg", time_zone="America/New_York", shifts=["A", "01:00", "02:00", ""],
        indicators=[layers["places"], layers["parks"]], areas=layers["areas"], area_sums=["population"],
        area_means=["income"], streets=layers["streets"], events=layers["events"], holidays="US-PA",
        weather=layers["weather"], school_terms=layers["terms"], visits=layers["visits"],
    )  # fmt: skip


def test_a_first_page_has_them_folded_and_needs_none(page):
    assert page.indicators.isCollapsed()
    given = page.indicators.answers()
    given.pop("holidays")
    assert not any(given.values())
    assert "indicator" not in page.problem().lower()


def test_answers_survive_the_project_and_are_shown_again(page, filled, open_project, tmp_path):
    state = ProjectState(open_project)
    state.set_data(filled)
    state.tear_down()
    again = ProjectState(open_project)
    assert again.data == filled
    again.tear_down()
    page.show_answers(filled)
    assert {name: page.answers().__dict__[name] for name in MINE if name != "indicators"} == {
        name: filled.__dict__[name] for name in MINE if name != "indicators"
    }
    assert sorted(page.answers().indicators) == sorted(filled.indicators), "points, lines and areas alike"
    assert page.indicators.title() == "Indicators (8)"
    page.show_answers(DataForm(time_zone="America/New_York"))
    assert not any(page.indicators.answers().values())
    assert page.indicators.title() == "Indicators"


def test_holidays_follow_the_time_zone_until_the_user_has_the_say(page):
    zone, holidays = page.incidents.time_zone, page.indicators.holidays
    for name, country in (("Europe/Paris", "FR"), ("America/Chicago", "US"), ("UTC", "")):
        zone.setCurrentText(name)
        assert holidays.code() == country
    zone.setCurrentText("Europe/Berlin")
    holidays.setCurrentText("Germany, Bayern (DE-BY)")
    assert page.answers().holidays == "DE-BY"
    zone.setCurrentText("Europe/London")
    assert page.answers().holidays == "DE-BY"
    page.show_answers(DataForm(time_zone="Europe/Paris"))
    zone.setCurrentText("Europe/London")
    assert page.answers().holidays == "", "none was an answer"
    holidays.setEditText("XY")
    assert page.answers().holidays == "XY", "the engine has the last word"


def test_countries_are_told_by_time_zones():
    assert known()["US-PA"] == "United States, Pennsylvania"
    assert country_of("America/New_York") == "US"
    assert country_of("Nowhere/Else") == country_of("UTC") == country_of("") == ""


def test_amounts_are_told_from_rates_and_what_is_refused_is_not_suggested(page, layers):
    page.indicators.areas.set_layer(QgsProject.instance().mapLayer(layers["areas"]))
    assert (page.answers().area_sums, page.answers().area_means) == (["population"], ["income"])
    assert page.indicators.sums.count() == 3, "any number may be chosen; Add indicators refuses with the reason"
    found = guess_measures(
        ["POP2020", "TotPop", "vacancy_percent", "MedianRent", "jobs", "fid", "pct_hispanic", "per_km2"]
    )
    assert found == (["POP2020", "TotPop", "jobs"], ["vacancy_percent", "MedianRent", "per_km2"])
    page.indicators.areas.set_layer(None)
    assert page.answers().area_sums == []
    assert not page.indicators.sums.isVisibleTo(page)


def made(state, **layers):
    """The state as after a run."""
    for role in ("grid", "incidents", "measured", "forecast", "missions"):
        layer = memory_layer("Polygon", [], name=role)
        state.project.addMapLayer(layer, False)
        layers[role] = layer
    state.record("grid", {}, {"grid": layers["grid"]})
    state.record("check", {}, {"incidents": layers["incidents"]})
    state.record("measure", {"FIELDS": "population_sum,income_mean"}, {"measured": layers["measured"]})
    state.record("train", {"MODEL": "m.zip", "asked": asked_of_model(state.data)}, {})
    asked = asked_of_forecast(PlanForm(), state.data, state.weights)
    state.record("forecast", {"asked": asked}, {"forecast": layers["forecast"]})
    state.record("allocate", {}, {"missions": layers["missions"]})


@pytest.fixture
def known_state(open_project, filled, tmp_path):
    """A jurisdiction with everything given, planned once."""
    state = ProjectState(open_project)
    state.set_data(replace(filled, package=str(tmp_path / "j.gpkg")))
    made(state)
    yield state
    state.tear_down()


def given(steps, key):
    return next(step for step in steps if step.key == key).parameters()


def test_training_forecast_and_reasons_are_given_the_same(known_state, filled):
    state = known_state
    alike = ("GRID", "INCIDENTS", "INDICATORS", "INDICATOR_FIELDS", "WEATHER", "SCHOOL_TERMS", "EVENTS", "VISITS")
    asked = [
        given(recipes.train_steps(state), "train"),
        given(recipes.plan_steps(state, forecast_anew=True), "forecast"),
        recipes.explain_step(state, "1E1N", "why.gpkg").parameters(),
    ]
    for name in alike:
        assert asked[0][name] == asked[1][name] == asked[2][name], name
    assert asked[0]["GRID"] == state.layer("measured").id()
    assert asked[0]["INDICATOR_FIELDS"] == ["population_sum", "income_mean"]
    assert asked[0]["HOLIDAYS"] == "US-PA"
    measured = given(recipes.train_steps(state), "measure")
    assert (measured["AREAS"], measured["AREA_SUMS"]) == (filled.areas, ["population"])
    assert (measured["AREA_MEANS"], measured["STREETS"]) == (["income"], filled.streets)


def test_without_areas_and_streets_nothing_is_measured(known_state, filled):
    known_state.set_data(replace(known_state.data, areas="", streets=""))
    assert [step.key for step in recipes.train_steps(known_state)] == ["train"]
    asked = given(recipes.train_steps(known_state), "train")
    assert asked["GRID"] == known_state.layer("grid").id()
    assert "INDICATOR_FIELDS" not in asked


def test_a_grid_built_anew_is_measured_anew_before_the_forecast(known_state):
    state = known_state
    assert [step.key for step in recipes.plan_steps(state, forecast_anew=True)] == ["forecast", "allocate"]
    state.record("grid", {}, {"grid": state.layer("grid")})
    assert [step.key for step in recipes.plan_steps(state, forecast_anew=True)] == ["measure", "forecast", "allocate"]
    assert [step.key for step in recipes.plan_steps(state, forecast_anew=False)] == ["allocate"]


@pytest.mark.parametrize(
    ("change", "told", "blocks"),
    [
        ({"indicators": []}, "places", True),
        ({"area_sums": []}, "areas", True),
        ({"streets": ""}, "streets", True),
        ({"holidays": "US"}, "public holidays", False),
        ({"events": ""}, "planned events", False),
        ({"weather": ""}, "weather", False),
        ({"school_terms": ""}, "school terms", False),
        ({"visits": ""}, "patrol visits", False),
        ({"shifts": ["B", "01:00", "02:00", ""]}, "shifts", False),
    ],
)
def test_what_changes_the_model_is_told_by_name(known_state, change, told, blocks):
    state = known_state
    assert changed_since_training(state, state.data) == []
    assert readiness(state, PlanForm(), "").sentence == ""
    state.set_data(replace(state.data, **change))
    assert changed_since_training(state, state.data) == [told]
    ready = readiness(state, PlanForm(), "")
    assert ready.can_plan is not blocks
    assert (f"Changed since the model was trained: {told}." in ready.sentence) is blocks


def test_newer_lists_are_for_the_forecast_not_for_the_model(known_state, layers):
    state = known_state
    for name, other in (("events", "places"), ("weather", "terms"), ("school_terms", "weather"), ("visits", "places")):
        before = state.data
        state.set_data(replace(before, **{name: layers[other]}))
        assert changed_since_training(state, state.data) == []
        ready = readiness(state, PlanForm(), "")
        assert (ready.can_plan, ready.forecast_anew) == (True, True), name
        state.set_data(before)
    assert not readiness(state, PlanForm(), "").forecast_anew


def test_a_layer_that_was_removed_is_named(known_state, layers):
    for name, told in (
        ("events", "planned events"),
        ("places", "places"),
        ("terms", "school terms"),
        ("visits", "patrol visits"),
    ):
        layer = known_state.project.mapLayer(layers[name]).clone()
        known_state.project.removeMapLayer(layers[name])
        ready = readiness(known_state, PlanForm(), "")
        assert not ready.can_plan
        assert f"Removed from the project: {told}." in ready.sentence
        known_state.project.addMapLayer(layer, False)
        taken = "indicators" if name == "places" else "school_terms" if name == "terms" else name
        known_state.set_data(replace(known_state.data, **{taken: [] if name == "places" else ""}))


def test_the_page_tells_at_once_what_is_not_as_in_training(known_state, page):
    page.show_answers(known_state.data)
    page.refresh(known_state, False, "")
    assert "The model is trained" in page.status.text()
    page.indicators.holidays.set_code("US-NJ")
    assert "Changed since the model was trained: public holidays." in page.status.text()
    page.indicators.events.set_layer(None)
    assert "planned events, public holidays" in page.status.text()
    page.show_answers(known_state.data)
    assert "The model is trained" in page.status.text()


def test_projects_from_before_know_of_no_change(known_state):
    known_state.record("train", {"MODEL": "m.zip"}, {})
    assert changed_since_training(known_state, DataForm()) == []
