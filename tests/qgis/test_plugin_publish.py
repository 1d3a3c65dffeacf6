"""A person approves of a plan with a name and a reason; only then is it published, and once."""

from __future__ import annotations

import pytest

from patrol_missions.gui import recipes
from patrol_missions.gui.project_state import DataForm
from patrol_missions.gui.publish_card import PublishCard


@pytest.fixture
def planned(processing, state, tmp_path):
    state.set_data(DataForm(jurisdiction="City", package=str(tmp_path / "city.gpkg")))
    state.record("allocate", {"PLAN": str(tmp_path / "city_plan.zip")}, {})
    return state


def card(state, busy=False, stale=""):
    card = PublishCard()
    card.refresh(state, busy, stale)
    return card


def test_nothing_is_published_without_a_name_and_a_reason(planned):
    made, wanted = card(planned), []
    made.wanted.connect(lambda *said: wanted.append(said))
    assert made.author.text() == ""
    assert not made.publish_button.isEnabled()
    made.author.setText("Capt. Ito ")
    assert not made.publish_button.isEnabled()
    made.approval.setText("Fits the staffing of the week.")
    made.publish_button.click()
    assert wanted == [("Capt. Ito", "Fits the staffing of the week.")]


@pytest.mark.parametrize(("busy", "stale"), [(True, ""), (False, "Plan missions first.")])
def test_a_plan_that_is_not_the_last_word_is_not_published(planned, busy, stale):
    made = card(planned, busy, stale)
    assert made.told.text() == stale
    assert not made.author.isEnabled()


def test_plans_without_a_file_cannot_be_published(state):
    state.record("allocate", {}, {})
    assert not card(state).author.isEnabled()


def test_a_published_plan_says_where_and_is_done(planned):
    made = card(planned)
    made.author.setText("Capt. Ito")
    planned.record("publish", {"NUMBER": 3, "HASH": "ab12"}, {})
    made.refresh(planned, False, "")
    assert made.told.text().startswith("Published as record 3.")
    assert made.seal.text() == "ab12"
    assert made.author.text() == ""
    assert not made.author.isEnabled()
    planned.record("allocate", {"PLAN": "another.zip"}, {})
    made.refresh(planned, False, "")
    assert made.author.isEnabled()


def test_the_first_plan_begins_the_log(planned, tmp_path):
    given = recipes.publish_step(planned, "Capt. Ito", "Fits.").parameters
    assert given()["LOG"] == str(tmp_path / "city_audit.sqlite")
    assert given()["PLAN"] == str(tmp_path / "city_plan.zip")
    assert given()["NEW_LOG"] is True
    (tmp_path / "city_audit.sqlite").touch()
    assert given()["NEW_LOG"] is False
