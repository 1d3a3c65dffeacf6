"""What harm kept costs is seen before it is decided: the curve is read, drawn, chosen from, and gets old."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from made_layers import memory_layer
from qgis.core import NULL, QgsProcessingContext, QgsProject
from qgis.PyQt.QtCore import QEvent, QPoint, QPointF, Qt
from qgis.PyQt.QtGui import QColor, QMouseEvent
from qgis.PyQt.QtTest import QTest

from patrol_missions.gui import recipes
from patrol_missions.gui.override_layer import Overrides
from patrol_missions.gui.page_plan import PlanPage
from patrol_missions.gui.plan_settings import PlanSettings
from patrol_missions.gui.project_state import DataForm, PlanForm, ProjectState
from patrol_missions.gui.readiness import Readiness, readiness
from patrol_missions.gui.results import keep
from patrol_missions.gui.runner import Done
from patrol_missions.gui.trade_off import Measure, TradeOff
from patrol_missions.gui.trade_off_box import TradeOffBox
from patrol_missions.gui.trade_off_curve import TradeOffCurve, contrast

FIELDS = (
    "harm_kept:double,harm:double,turnover:double,effective_cells:double,uneven_by_harm:double,uneven_by_people:double"
)
ROWS = [  # not in their order
    (None, [1.0, 0.98, 0.1, 1.0, NULL, NULL]),
    (None, [0.5, 0.50, 0.9, 13.0, NULL, NULL]),
    (None, [0.9, 0.88, 0.6, 2.0, NULL, NULL]),
]


def table(rows=ROWS):
    return memory_layer("None", rows, FIELDS, name="Trade-off")


def test_a_table_is_read_in_percent_and_between_its_rows():
    curve = TradeOff.read(table())
    assert curve.shares == (50.0, 90.0, 100.0)
    assert curve.at(curve.turnover, 90) == pytest.approx(60)
    assert curve.at(curve.turnover, 95) == pytest.approx(35)
    assert curve.at(curve.cells, 70) == pytest.approx(7.5)
    assert curve.at(curve.harm, 100) == pytest.approx(98)
    assert curve.at(curve.cells, 30) == pytest.approx(13), "before the first share it is as there"
    assert [measure.title for measure in curve.measures()] == [
        "Turnover from draw to draw",
        "Equally likely cells per mission",
    ]
    assert "another draw puts 60 % of the missions elsewhere" in curve.sentence(90)
    assert "a choice among 2.0 cells" in curve.sentence(90)


def test_unevenness_has_a_panel_where_it_is_known():
    rows = [(None, [*values[:4], 0.3, 0.2]) for _, values in ROWS]
    curve = TradeOff.read(table(rows))
    assert [round(value) for value in curve.measures()[2].values] == [30, 30, 30]


@pytest.mark.parametrize("made", [lambda: None, lambda: memory_layer("None", [], "name:string"), lambda: table([])])
def test_what_is_no_curve_is_none(made):
    curve = TradeOff.read(made())
    assert not curve
    assert curve.sentence(90) == ""
    assert curve.measures() == ()


@pytest.mark.parametrize(
    ("values", "top"),
    [((0.0,), 1), ((92.8, 9), 100), ((13.8,), 15), ((1.2, math.nan), 1.5), ((100.0,), 100), ((7,), 8)],
)
def test_an_axis_ends_with_a_round_number(values, top):
    assert Measure("", values, True).top() == pytest.approx(top)


@pytest.fixture
def drawn(qgis_application):
    widget = TradeOffCurve()
    widget.show_curve(TradeOff.read(table()), old=False)
    widget.set_share(90)
    widget.resize(330, widget.sizeHint().height())
    return widget


def chosen(widget):
    heard = []
    widget.share_chosen.connect(heard.append)
    return heard


def test_a_click_chooses_and_places_and_shares_agree(drawn):
    heard = chosen(drawn)
    assert [drawn.share_at(drawn.x_of(share)) for share in range(50, 101)] == list(range(50, 101))
    QTest.mouseClick(
        drawn, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, QPoint(round(drawn.x_of(70)), 40)
    )
    assert heard == [70]
    assert drawn.share() == 70
    QTest.mouseClick(drawn, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, QPoint(0, 40))
    assert heard[-1] == 50, "beside the axis is its end"


@pytest.mark.parametrize(
    ("key", "share"),
    [
        ("Left", 89),
        ("Right", 91),
        ("Down", 89),
        ("Up", 91),
        ("PageDown", 85),
        ("PageUp", 95),
        ("Home", 50),
        ("End", 100),
    ],
)
def test_keys_move_the_share(drawn, key, share):
    heard = chosen(drawn)
    QTest.keyClick(drawn, getattr(Qt.Key, f"Key_{key}"))
    assert heard == [share]


def test_keys_stop_at_the_ends(drawn):
    drawn.set_share(100)
    QTest.keyClick(drawn, Qt.Key.Key_Right)
    assert drawn.share() == 100


def test_the_mouse_reads_without_choosing(drawn):
    heard, none = chosen(drawn), Qt.MouseButton.NoButton
    assert drawn.reading(0) == "60 %"
    spot = QPointF(drawn.x_of(50), 40)
    drawn.mouseMoveEvent(QMouseEvent(QEvent.Type.MouseMove, spot, none, none, Qt.KeyboardModifier.NoModifier))
    assert (drawn.pointed(), drawn.reading(0), drawn.reading(1)) == (50, "90 %", "13.0")
    drawn.leaveEvent(QEvent(QEvent.Type.Leave))
    assert drawn.reading(1) == "2.0"
    assert heard == []
    assert drawn.share() == 90


def test_screen_readers_are_told_what_is_chosen(drawn):
    assert drawn.accessibleName() == "Trade-off curve"
    assert drawn.accessibleDescription().startswith("With 90 % of harm kept")
    drawn.set_share(100)
    assert drawn.accessibleDescription().startswith("With 100 % of harm kept")
    assert drawn.focusPolicy() == Qt.FocusPolicy.StrongFocus


def test_the_line_is_drawn_and_an_old_one_is_faint(drawn):
    def ink(widget):
        """How much of the picture stands apart from its ground."""
        picture = widget.grab().toImage()
        ground = picture.pixelColor(0, 0)
        pixels = [picture.pixelColor(x, y) for x in range(0, picture.width(), 2) for y in range(picture.height())]
        return sum(contrast(pixel, ground) - 1 for pixel in pixels)

    fresh = ink(drawn)
    drawn.show_curve(TradeOff.read(table()), old=True)
    assert 0 < ink(drawn) < fresh
    drawn.show_curve(TradeOff(), old=False)
    assert ink(drawn) == 0


def test_contrast_is_that_of_the_guidelines():
    assert contrast(QColor("white"), QColor("black")) == pytest.approx(21)
    assert contrast(QColor("#767676"), QColor("white")) == pytest.approx(4.54, abs=0.01)


def test_the_slider_and_the_curve_are_one(processing):
    settings = PlanSettings()
    assert settings.trade_off.curve.share() == settings.harm_kept.value() == 90
    settings.trade_off.curve.share_chosen.emit(70)
    assert settings.answers().harm_kept == 70
    settings.harm_kept.setValue(80)
    assert settings.trade_off.curve.share() == 80


READY = Readiness(True, False, "", "")


@pytest.fixture
def forecast(processing, project, state, tmp_path):
    """A project with a forecast."""
    layer = memory_layer("Polygon", [], "cell_id:string")
    project.addMapLayer(layer)
    state.set_data(DataForm(jurisdiction="City", package=str(tmp_path / "city.gpkg")))
    state.record("forecast", {}, {"forecast": layer})
    return state


def box_of(state, ready=READY, busy=False, form=None):
    box = TradeOffBox()
    box.refresh(state, form or state.plan, busy, ready)
    return box


def test_without_a_forecast_it_says_what_to_do(processing, state):
    box = box_of(state)
    assert box.hint.text() == "The curve needs a forecast, which Plan missions makes."
    assert not box.draw_button.isEnabled()
    assert box.curve.isHidden()


def test_before_it_is_drawn_it_asks_to_be_seen(forecast):
    box = box_of(forecast)
    assert box.hint.text() == "Not drawn yet: see what each share gives before you decide for one."
    assert box.draw_button.isEnabled()
    assert not box_of(forecast, busy=True).draw_button.isEnabled()
    anew = Readiness(True, True, "mIconWarning", "The forecast is older.")
    box = box_of(forecast, anew)
    assert box.hint.text() == "The curve needs a newer forecast, which Plan missions makes."
    assert not box.draw_button.isEnabled()


def test_it_is_asked_for_all_that_a_plan_is_but_the_share(forecast):
    visits = memory_layer("None", [], "cell_id:string")
    forecast.set_data(replace(forecast.data, visits=visits.id()))
    forecast.set_plan(PlanForm(missions_per_district=4, harm_kept=70.0, quotas=["9", "5"], dose_minutes=20.0))
    given = recipes.curve_step(forecast).parameters()
    (plan,) = recipes.plan_steps(forecast, forecast_anew=False)
    asked = plan.parameters()
    for name in ("OUTPUT", "SUMMARY", "PLAN", "HARM_KEPT", "WEIGHTS_VERSION"):
        asked.pop(name)
    given.pop("OUTPUT")
    assert given == asked
    assert (given["MIND_DOSES"], given["VISITS"]) == (True, visits.id())


def test_doses_are_left_out_of_account_where_they_are_not_to_be_minded(forecast):
    visits = memory_layer("None", [], "cell_id:string")
    forecast.set_data(replace(forecast.data, visits=visits.id()))
    forecast.set_plan(PlanForm(mind_doses=False))
    (step,) = recipes.plan_steps(forecast, forecast_anew=False)
    assert step.parameters()["MIND_DOSES"] is False
    assert "VISITS" not in step.parameters(), "visits alone would have them minded"


@pytest.fixture
def kept(forecast):
    """The project with its curve."""
    step = recipes.curve_step(forecast)
    layer = table()
    keep(forecast, Done(step, {}, {"trade_off": layer}))
    return forecast


def test_it_is_kept_in_the_project_as_a_table(kept):
    node = kept.project.layerTreeRoot().findLayer(kept.layer("trade_off").id())
    assert node.parent().name() == "Tables"
    box = box_of(kept)
    assert box.hint.text() == ""
    assert not box.curve.isHidden()
    assert box.draw_button.text() == "Dra&w it again"
    assert box.reading.text() == box.curve.accessibleDescription()


@pytest.mark.parametrize(
    "form",
    [
        PlanForm(missions_per_district=7),
        PlanForm(quotas=["9", "1"]),
        PlanForm(dose_minutes=20.0),
        PlanForm(mind_doses=False),
    ],
)
def test_it_is_old_when_the_settings_changed(kept, form):
    assert box_of(kept, form=form).hint.text().startswith("Old: ")
    assert not box_of(kept, form=form).curve.isHidden()


def test_it_is_old_when_the_forecast_or_the_overrides_changed(kept):
    kept.record("overrides", {}, {})
    assert box_of(kept).hint.text().startswith("Old: ")
    keep(kept, Done(recipes.curve_step(kept), {}, {}))
    assert box_of(kept).hint.text() == ""
    kept.record("forecast", {}, {})
    assert box_of(kept).hint.text().startswith("Old: ")


def test_another_share_or_seed_does_not_make_it_old(kept):
    assert box_of(kept, form=PlanForm(harm_kept=60.0, seed=5)).hint.text() == ""


def test_the_page_follows_each_change_of_the_settings(open_project):
    state = ProjectState(QgsProject.instance())
    page = PlanPage(Overrides(state))
    heard = []
    page.settings.changed.connect(lambda: heard.append(page.answers()))
    page.show_answers(state)
    assert heard == [], "stored answers are no change"
    page.settings.missions.setValue(7)
    page.settings.mind_doses.setChecked(False)
    assert [form.mind_doses for form in heard] == [True, False]
    page.refresh(state, False, readiness(state, page.answers(), ""))
    assert page.settings.trade_off.hint.text()
    state.tear_down()


def test_a_run_gives_the_curve(chain, project, state, tmp_path):
    layer = chain.layer("forecast")
    project.addMapLayer(layer)
    state.set_data(DataForm(jurisdiction="City", package=str(tmp_path / "city.gpkg")))
    state.record("forecast", {}, {"forecast": layer})
    import processing

    context = QgsProcessingContext()
    context.setProject(project)
    given = {**recipes.curve_step(state).parameters(), "OUTPUT": "memory:"}
    curve = TradeOff.read(processing.run("patrolmissions:tradeoff", given, context=context)["OUTPUT"])
    assert len(curve.shares) == 10
    assert list(curve.turnover) == sorted(curve.turnover, reverse=True)
    assert curve.measures()[1].told(curve.at(curve.cells, 100)).startswith("1.")
