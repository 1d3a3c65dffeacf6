"""The community's weights: kept, undone, approved, locked, imported, shown, and drawn on the map at once."""

from __future__ import annotations

import json
import re

import numpy as np
import pytest
from qgis.core import QgsFeature, QgsGeometry, QgsProject, QgsVectorLayer
from qgis.PyQt.QtCore import QDate, QDateTime, Qt

from patrol_missions.core.errors import InputError
from patrol_missions.core.presets import KINDS, PRESETS
from patrol_missions.core.weights import resolve
from patrol_missions.gui import recipes, weights_book
from patrol_missions.gui.missions import ShiftInstance
from patrol_missions.gui.page_weights import WeightsPage
from patrol_missions.gui.project_state import DataForm, PlanForm, ProjectState, WeightsForm
from patrol_missions.gui.weights_book import WeightsBook, as_table, asked, told
from patrol_missions.gui.weights_dialogs import RecordDialog, differences
from patrol_missions.gui.weights_preview import WeightsPreview
from patrol_missions.processing_algorithms import weights_file
from patrol_missions.processing_algorithms.layer_styles import RISK, style_forecast

CATEGORIES = ["Burglary", "Robbery", "Drugs", "Theft, bicycles"]
FIELDS = ["expected_burglary", "expected_robbery", "expected_drugs", "expected_theft_bicycles"]


@pytest.fixture
def book(state):
    state.record("train", {"CATEGORIES": "\n".join(CATEGORIES)}, {})
    return WeightsBook(state)


def row_of(book, category):
    return next(weight for weight in book.weights(CATEGORIES) if weight.category == category)


def test_untouched_weights_are_the_presets(book):
    assert book.weights(CATEGORIES) == resolve("rand", None, CATEGORIES)[0]
    assert not row_of(book, "Drugs").use


def test_a_change_is_undone_and_done_again(book):
    book.set("Robbery", severity=10.0)
    book.set("Robbery", preventability=0.25)
    assert (row_of(book, "Robbery").severity, row_of(book, "Robbery").preventability) == (10.0, 0.25)
    book.stack.undo()
    assert row_of(book, "Robbery").preventability == KINDS["robbery"].preventability
    assert row_of(book, "Robbery").severity == 10.0
    book.stack.undo()
    assert book.form.rows == []
    book.stack.redo()
    assert row_of(book, "Robbery").severity == 10.0


def test_a_drag_is_one_step_and_other_things_are_others(book):
    for severity in (10.0, 20.0, 30.0):
        book.set("Robbery", severity=severity)
    book.set("Burglary", severity=5.0)
    assert book.stack.count() == 2
    book.stack.undo()
    book.stack.undo()
    assert book.form.rows == []


def test_what_equals_the_preset_is_not_kept(book):
    book.set("Robbery", severity=10.0)
    book.set("Robbery", severity=PRESETS["rand"].severity["robbery"])
    assert book.form.rows == []
    assert as_table(book.form, CATEGORIES) == []


def test_an_enforcement_driven_category_counts_with_its_reason(book):
    book.set("Drugs", use=True, reason="Council order 12")
    assert row_of(book, "Drugs").use
    assert as_table(book.form, CATEGORIES) == [["Drugs", "", "", "yes", "Council order 12"]]


def test_another_preset_takes_back_severities_of_ones_own_and_keeps_the_rest(book):
    book.set("Robbery", severity=10.0, preventability=0.1)
    book.set("Burglary", severity=7.0)
    book.set_preset("sentence_days")
    assert row_of(book, "Robbery").severity == PRESETS["sentence_days"].severity["robbery"]
    assert row_of(book, "Robbery").preventability == 0.1
    assert row_of(book, "Burglary").severity == PRESETS["sentence_days"].severity["burglary"]


def test_an_approved_version_keeps_its_numbers_and_comes_back(book):
    book.set("Robbery", severity=10.0)
    book.set("Drugs", use=True, reason="Council order 12")
    book.approve("Council", "A. Chief", "Vote", CATEGORIES)
    approved = book.weights(CATEGORIES)
    assert book.form.version == "Council"
    assert told(book.form).startswith("Council, approved by A. Chief on 20")
    book.set("Robbery", severity=11.0)
    assert book.form.version == ""
    assert told(book.form) == "RAND cost of crime (2007 US dollars), changed and not approved"
    book.set_preset("police_cost")
    book.load("Council")
    assert book.weights(CATEGORIES) == approved
    assert book.form.version == "Council"
    (kept,) = book.versions()
    assert [row["severity"] for row in kept.rows] == [weight.severity for weight in approved]
    book.stack.undo()
    assert book.form.preset == "police_cost"
    assert len(book.versions()) == 1  # what was approved is on record


def test_a_version_outlives_a_change_of_its_preset(book, monkeypatch):
    book.approve("Council", "A. Chief", "Vote", CATEGORIES)
    before = row_of(book, "Robbery").severity
    monkeypatch.setitem(PRESETS["rand"].severity, "robbery", 1.0)
    book.set("Burglary", severity=3.0)
    book.load("Council")
    assert row_of(book, "Robbery").severity == before


def test_versions_have_names_of_their_own(book):
    book.approve("Council", "A. Chief", "Vote", CATEGORIES)
    book.set("Robbery", severity=10.0)
    with pytest.raises(InputError, match="There is a version “Council” already"):
        book.approve("Council", "B. Chief", "Vote", CATEGORIES)
    assert [each.approved_by for each in book.versions()] == ["A. Chief"]


def test_locked_weights_do_not_change(book):
    book.set("Robbery", severity=10.0)
    with pytest.raises(InputError, match="no approved version"):
        book.set_lock(True, "A. Chief", "Until the vote")
    book.approve("Council", "A. Chief", "Vote", CATEGORIES)
    book.set_lock(True, "A. Chief", "Until the vote")
    locked = book.form
    book.set("Robbery", severity=11.0)
    book.set_preset("police_cost")
    book.take([{"category": "Robbery", "severity": 5.0}], CATEGORIES)
    assert not book.stack.canUndo()
    assert book.form == locked
    book.set_lock(False, "B. Chief", "Another vote")
    book.set("Robbery", severity=11.0)
    assert row_of(book, "Robbery").severity == 11.0
    assert [(each["on"], each["person"], each["reason"]) for each in book.form.locks] == [
        (True, "A. Chief", "Until the vote"), (False, "B. Chief", "Another vote"),
    ]  # fmt: skip


def test_all_of_it_comes_back_with_the_project(book, project, tmp_path):
    book.set("Robbery", severity=10.0)
    book.approve("Rat für Sicherheit", "Ä. Chef", "Abstimmung", CATEGORIES)
    assert project.write(str(tmp_path / "p.qgz"))
    again = QgsProject()
    assert again.read(str(tmp_path / "p.qgz"))
    assert WeightsBook(ProjectState(again)).form == book.form


def test_a_preset_that_is_gone_gives_way_to_the_default(project, state):
    project.writeEntry("PatrolMissions", "weights", json.dumps({"preset": "gone"}))
    assert ProjectState(project).weights == WeightsForm()


# --- files


def survey(tmp_path, text):
    path = tmp_path / "survey.csv"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_survey_gives_the_median_of_its_answers(tmp_path):
    path = survey(tmp_path, "Category;Severity\nrobbery;100\nRobbery;1\nrobbery;40\nburglary;7\nPiracy;3\n;9\n")
    rows, sentence = weights_file.read(path, CATEGORIES)
    assert rows == [{"category": "Robbery", "severity": 40.0}, {"category": "Burglary", "severity": 7.0}]
    assert "2 categories taken over" in sentence
    assert "3 at most" in sentence
    assert "Drugs, Theft, bicycles" in sentence
    assert "Piracy" in sentence


def test_a_table_says_what_counts_and_why(tmp_path, book):
    path = survey(
        tmp_path,
        'category,severity,preventability,use,reason\nDrugs,5,0.2,yes,Order 12\n"Theft, bicycles",2,,no,Too minor\n',
    )
    rows, _ = weights_file.read(path, CATEGORIES)
    book.take(rows, CATEGORIES)
    drugs, theft = row_of(book, "Drugs"), row_of(book, "Theft, bicycles")
    assert (drugs.severity, drugs.preventability, drugs.use, drugs.reason) == (5.0, 0.2, True, "Order 12")
    assert (theft.severity, theft.use, theft.reason) == (2.0, False, "Too minor")


@pytest.mark.parametrize(
    ("severities", "told"),
    [
        ({"Robbery": 14.0, "Burglary": 9.0}, True),
        ({"Robbery": 60_000.0, "Burglary": 9.0}, False),
        ({"Robbery": 2e6, "Burglary": 9e5}, True),
        ({"Robbery": 14.0, "Burglary": 9.0, "Drugs": 1.0, "Theft, bicycles": 2.0}, False),
        ({}, False),
    ],
)
def test_severities_in_another_unit_than_those_that_stay_are_told(severities, told):
    before = {"Robbery": 67_277.0, "Burglary": 13_096.0, "Drugs": 2_139.0, "Theft, bicycles": 2_139.0}
    rows = [{"category": category, "severity": severity} for category, severity in severities.items()]
    sentence = weights_file.other_unit([*rows, {"category": "Drugs", "use": False}], before, CATEGORIES)
    assert bool(sentence) == told
    if told:
        assert "than the rest (2,139)" in sentence


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("category,harm\nRobbery,1\n", "has no column severity"),
        ("category,severity\nPiracy,1\n", "No category of survey.csv is one of the forecast"),
        ("category,severity\nRobbery,much\n", "The severity of “Robbery” is “much”, which is not a number"),
        ("category,severity,use\nRobbery,1,perhaps\n", "says use = “perhaps” for “Robbery”"),
        ("category,severity\nRobbery,-1\n", "The severity of “Robbery” is -1"),
        ("category,severity,preventability\nRobbery,1,30\n", "The preventability of “Robbery” is 30"),
        ("category,severity,use\nDrugs,1,yes\n", "uses it without a reason"),
        ("category,severity\nRobbery,nan\n", "is “nan”, which is not a number"),
    ],
)
def test_a_bad_file_changes_nothing_and_says_why(tmp_path, book, text, sentence):
    before = book.form
    with pytest.raises(InputError, match=sentence):
        book.take(weights_file.read(survey(tmp_path, text), CATEGORIES)[0], CATEGORIES)
    assert book.form == before


# --- what differs


def test_differences_are_told_one_by_one():
    left = resolve("rand", None, CATEGORIES)[0]
    right = resolve("rand", [{"category": "Drugs", "use": True, "reason": "Order 12"}], CATEGORIES[:3])[0]
    assert differences(left, right) == [
        ("Drugs", "Counts", "no", "yes"),
        ("Drugs", "Reason", "", "Order 12"),
        ("Theft, bicycles", "Counts", "yes", "–"),
        ("Theft, bicycles", "Severity", "2,139", "–"),
        ("Theft, bicycles", "Deters", "30 %", "–"),
        ("Theft, bicycles", "Reason", "", "–"),
    ]
    assert differences(left, left) == []


def test_nothing_is_recorded_without_all_that_is_asked(processing):
    dialog = RecordDialog("Lock", "Why", {"person": ("&Person", ""), "reason": ("&Because", "")})
    ok = dialog.buttons.button(dialog.buttons.StandardButton.Ok)
    dialog.lines["person"].setText("A. Chief")
    assert not ok.isEnabled()
    dialog.lines["reason"].setText("  ")
    assert not ok.isEnabled()
    dialog.lines["reason"].setText("Vote")
    assert ok.isEnabled()
    assert dialog.answers() == {"person": "A. Chief", "reason": "Vote"}


# --- what they would change


DAY = QDateTime.fromString("2020-01-07T12:00:00Z", Qt.DateFormat.ISODate)
NIGHT = ShiftInstance("Night", "2020-01-07", DAY.addSecs(8 * 3600), DAY.addSecs(16 * 3600))


@pytest.fixture
def forecast(book, state, project):
    """Forty cells in two districts and two shifts; burglary is where robbery is not."""
    names = "&".join(f"field={name}:double" for name in [*FIELDS, "harm", "percentile"])
    layer = QgsVectorLayer(
        "Polygon?crs=EPSG:32618&field=shift:string&field=shift_date:date&field=start:datetime&field=end:datetime"
        f"&field=district:string&{names}", "Risk", "memory",
    )  # fmt: skip
    features = []
    values = [weight.value for weight in book.weights(CATEGORIES)]
    for shift in range(2):
        for cell in range(40):
            expected = [0.01 * cell, 0.0005 * (40 - cell) * (1 + shift), 0.3, 0.1]
            start = DAY.addSecs(8 * 3600 * shift)
            feature = QgsFeature(layer.fields())
            feature.setAttributes([
                ("Day", "Night")[shift], QDate(2020, 1, 7), start, start.addSecs(8 * 3600), "NS"[cell % 2],
                *expected, float(np.dot(expected, values)), 50.0,
            ])  # fmt: skip
            feature.setGeometry(QgsGeometry.fromWkt(f"Polygon (({cell} 0, {cell + 1} 0, {cell} 1, {cell} 0))"))
            features.append(feature)
    layer.dataProvider().addFeatures(features)
    style_forecast(layer)
    project.addMapLayer(layer)
    state.record("forecast", {"weights": asked(book.form)}, {"forecast": layer})
    return layer


def test_the_same_weights_change_nothing(book, state, forecast):
    change = WeightsPreview(state).change(book.weights(CATEGORIES), PlanForm(), None)
    assert change.missions == pytest.approx(6.0)
    assert change.moved == pytest.approx(0.0, abs=1e-9)
    np.testing.assert_allclose(change.after, change.before)


def test_more_weight_on_a_category_moves_missions_to_it(book, state, forecast):
    book.set("Robbery", severity=1e9)
    change = WeightsPreview(state).change(book.weights(CATEGORIES), PlanForm(quotas=["N", "1"]), None)
    assert change.missions == pytest.approx(4.0)
    assert 0 < change.moved <= change.missions
    assert change.after[1] > change.before[1]
    assert change.after[0] < change.before[0]


def test_the_shift_that_is_shown_is_the_one_that_counts(book, state, forecast):
    preview = WeightsPreview(state)
    day = preview.change(book.weights(CATEGORIES), PlanForm(), None)
    night = preview.change(book.weights(CATEGORIES), PlanForm(), NIGHT)
    assert night.before[1] > 1.3 * day.before[1]
    gone = ShiftInstance("Night", "2021-01-07", NIGHT.start.addDays(366), NIGHT.end.addDays(366))
    assert preview.change(book.weights(CATEGORIES), PlanForm(), gone) is None


def colours(layer, shift="Day"):
    """Colour of each cell of a shift, as the renderer has it."""
    renderer = layer.renderer()
    from qgis.core import QgsExpressionContext, QgsExpressionContextUtils, QgsRenderContext

    context = QgsRenderContext()
    context.setExpressionContext(QgsExpressionContext(QgsExpressionContextUtils.globalProjectLayerScopes(layer)))
    renderer.startRender(context, layer.fields())
    found = []
    for feature in layer.getFeatures():
        if feature["shift"] == shift:
            context.expressionContext().setFeature(feature)
            symbol = renderer.symbolForFeature(feature, context)
            found.append(symbol.color().name() if symbol is not None else "")
    renderer.stopRender(context)
    return found


def test_the_map_follows_the_weights_and_comes_back(book, state, forecast):
    preview = WeightsPreview(state)
    assert set(colours(forecast)) == {RISK[4][2]} or set(colours(forecast)) == {RISK[5][2]}
    book.set("Robbery", severity=1e9)
    preview.recolour(book.weights(CATEGORIES), None)
    seen = colours(forecast)
    assert seen[0] == RISK[0][2]  # the most robberies
    assert seen[-1] == RISK[-1][2]
    assert seen.count(RISK[-1][2]) == 20
    assert forecast.name() == "Risk *"
    preview.restore()
    assert forecast.name() == "Risk"
    assert len(set(colours(forecast))) == 1


def test_cells_without_harm_are_in_the_lowest_class(book, state, forecast):
    book.set("Burglary", use=False)
    book.set("Theft, bicycles", use=False)
    weights = book.weights(CATEGORIES)
    forecast.startEditing()
    index = forecast.fields().lookupField("expected_robbery")
    for feature in forecast.getFeatures():
        if feature["expected_robbery"] < 0.019:
            forecast.changeAttributeValue(feature.id(), index, 0.0)
    assert forecast.commitChanges()
    WeightsPreview(state).recolour(weights, None)
    seen = colours(forecast)
    assert seen[0] == RISK[0][2]
    assert seen.count(RISK[-1][2]) == 37


# --- the page


@pytest.fixture
def page(book, state, forecast, processing):
    made = WeightsPage(book, WeightsPreview(state))
    made.refresh(state, PlanForm(), None, "", False)
    made.show()
    yield made
    made.close()


def cell(page, category, column):
    row = next(r for r in range(page.table.rowCount()) if page.table.item(r, 0).text() == category)
    return page.table.item(row, column)


def test_without_a_model_the_page_says_what_comes_next(state, processing):
    page = WeightsPage(WeightsBook(state), WeightsPreview(state))
    page.refresh(state, PlanForm(), None, "", False)
    assert "Train a model" in page.status.text()
    assert not page.table.isVisibleTo(page)


def test_without_a_forecast_it_says_so(state, book, processing):
    page = WeightsPage(book, WeightsPreview(state))
    page.refresh(state, PlanForm(), None, "", False)
    page._draw()
    assert "There is no forecast yet" in page.effect_text.text()
    assert cell(page, "Robbery", 3).text() == ""
    assert page.plan_button.isEnabled()


def test_numbers_are_edited_in_the_table(page, book):
    page.table.setCurrentCell(1, 0)
    cell(page, "Robbery", 1).setText("500")
    assert row_of(book, "Robbery").severity == 500.0
    cell(page, "Robbery", 2).setText("25 %")
    assert row_of(book, "Robbery").preventability == 0.25
    assert page.card.title.text() == "Robbery weighs 125"


@pytest.mark.parametrize(("column", "text"), [(1, "much"), (1, "-5"), (2, "150"), (2, ""), (1, "inf"), (1, "nan")])
def test_what_is_no_number_gives_way_to_the_number_before(page, book, column, text):
    before = cell(page, "Robbery", column).text()
    cell(page, "Robbery", column).setText(text)
    assert book.form.rows == []
    assert cell(page, "Robbery", column).text() == before


def test_the_card_moves_the_category_that_is_picked(page, book):
    page.table.setCurrentCell(1, 0)
    assert page.card.title.text().startswith("Robbery weighs 33")
    page.card.factor.setValue(50)
    assert row_of(book, "Robbery").severity == pytest.approx(672_770, rel=1e-3)
    page.card.deters.setValue(80)
    assert row_of(book, "Robbery").preventability == 0.8
    page._draw()
    assert "missions would go elsewhere" in page.effect_text.text()
    assert cell(page, "Robbery", 3).text().startswith("+")
    page.card.reset_button.click()
    assert book.form.rows == []


def test_ticking_an_enforcement_driven_category_asks_why(page, book, monkeypatch):
    asked_for = []

    def refuse(dialog):
        asked_for.append(dialog.windowTitle())
        return 0

    monkeypatch.setattr(RecordDialog, "exec", refuse)
    cell(page, "Drugs", 0).setCheckState(Qt.CheckState.Checked)
    assert asked_for == ["Drugs"]
    assert not row_of(book, "Drugs").use
    assert cell(page, "Drugs", 0).checkState() == Qt.CheckState.Unchecked

    def answer(dialog):
        dialog.lines["reason"].setText("Order 12")
        return 1

    monkeypatch.setattr(RecordDialog, "exec", answer)
    cell(page, "Drugs", 0).setCheckState(Qt.CheckState.Checked)
    assert row_of(book, "Drugs").use
    cell(page, "Drugs", 0).setCheckState(Qt.CheckState.Unchecked)
    assert not row_of(book, "Drugs").use
    assert row_of(book, "Drugs").reason == "Order 12"  # kept for the next time


def test_no_category_at_all_is_told(page, book):
    for category in CATEGORIES:
        book.set(category, use=False)
    page._draw()
    assert "No category counts" in page.effect_text.text()
    assert not page.plan_button.isEnabled()


def test_a_file_that_cannot_be_used_is_told(page, tmp_path):
    heard = []
    page.trouble.connect(heard.append)
    page.take_file(survey(tmp_path, "category,harm\nRobbery,1\n"))
    assert len(heard) == 1
    assert "has no column severity" in heard[0]


def test_a_mark_of_ones_own_is_shown_with_its_decimals_and_as_ones_own(page, book):
    page.table.setCurrentCell(cell(page, "Robbery", 0).row(), 0)
    assert page.card.about.text().startswith("RAND cost of crime (2007 US dollars): robbery.")
    book.set("Robbery", severity=9.5)
    page._draw()
    assert page.card.severity.value() == 9.5
    assert re.match(r"The severity is your own, instead of 67.?277 \(RAND cost of crime", page.card.about.text())


def test_a_survey_of_some_categories_in_marks_is_warned_of(page, tmp_path):
    warned = []
    page.trouble.connect(warned.append)
    page.take_file(survey(tmp_path, "category,severity\nRobbery,9\n"))
    assert len(warned) == 1
    assert "seem to be in another unit" in warned[0]


def test_a_plan_is_made_by_the_weights_and_names_their_version(book, state, forecast, tmp_path):
    state.set_data(DataForm(jurisdiction="City", package=str(tmp_path / "city.gpkg")))
    book.set("Robbery", severity=10.0)
    book.approve("Council", "A. Chief", "Vote", CATEGORIES)
    ahead, allocate = (step.parameters() for step in recipes.plan_steps(state, False)[-1:] * 2)
    assert ahead == allocate
    assert allocate["WEIGHTS_PRESET"] == "RAND cost of crime"
    assert allocate["WEIGHTS"] == [["Robbery", "10.0", "", "", ""]]
    assert allocate["WEIGHTS_VERSION"] == weights_book.told(state.weights)
