"""What the panel “Why here?” reads from the layers, and what it says when something is missing."""

from __future__ import annotations

import pytest
import sample_chain
from conftest import close
from qgis.core import QgsCoordinateTransform, QgsPointXY, QgsProject

from patrol_missions.core.names import expected_fields
from patrol_missions.gui.project_state import ProjectState
from patrol_missions.gui.why_facts import RECENT_DAYS, find_cell, labels_of, read_reasons, recent_incidents
from patrol_missions.gui.why_panel import WhyPanel
from patrol_missions.gui.why_reasons import Bar


@pytest.fixture
def forecast(processing):
    return sample_chain.made().layer("forecast")


@pytest.fixture
def state(open_project):
    """Of the open project."""
    state = ProjectState(open_project)
    yield state
    state.tear_down()


@pytest.fixture
def panel(state):
    panel = WhyPanel(state)
    yield panel
    close(panel)


def best(layer):
    """The row of most harm in the first shift."""
    rows = [feature for feature in layer.getFeatures() if feature["rank"] == 1]
    return min(rows, key=lambda feature: feature["start"])


def test_a_cell_is_found_by_any_of_its_points(forecast):
    feature = best(forecast)
    box = feature.geometry().boundingBox()
    for x, y in ((box.xMinimum() + 0.1, box.yMinimum() + 0.1), (box.center().x(), box.center().y())):
        cell = find_cell(forecast, QgsPointXY(x, y))
        assert cell.cell_id == feature["cell_id"]
    rows = [f for f in forecast.getFeatures() if f["cell_id"] == cell.cell_id]
    assert len(cell.shifts) == len(rows) == 4
    assert [shift.start for shift in cell.shifts] == sorted(shift.start for shift in cell.shifts)
    at = [shift.key() for shift in cell.shifts].index((feature["shift"], feature["shift_date"].toString("yyyy-MM-dd")))
    assert cell.expected[at] == pytest.approx([feature[name] for name in cell.fields])
    assert find_cell(forecast, QgsPointXY(0.0, 0.0)) is None


def test_the_average_is_that_of_the_district(forecast):
    feature = best(forecast)
    cell = find_cell(forecast, feature.geometry().centroid().asPoint())
    for shift, average in zip(cell.shifts, cell.average):
        mine = [
            f for f in forecast.getFeatures()
            if f["district"] == cell.district
            and (f["shift"], f["shift_date"].toString("yyyy-MM-dd")) == shift.key()
        ]  # fmt: skip
        assert len(mine) > 5
        for name, value in zip(cell.fields, average):
            assert value == pytest.approx(sum(f[name] for f in mine) / len(mine))


def test_fields_are_called_as_their_categories(forecast):
    told = {f["top_category"] for f in forecast.getFeatures()}
    fields = [f.name() for f in forecast.fields() if f.name().startswith("expected_")]
    labels = labels_of(forecast, None, fields)
    assert told <= set(labels)
    assert all(label[0].isupper() for label in labels)
    assert len(set(labels)) == len(fields)


def test_recent_incidents_are_those_around_before_the_forecast(forecast):
    incidents = sample_chain.made().layer("clean")
    cell = find_cell(forecast, best(forecast).geometry().centroid().asPoint())
    centre = cell.shape.boundingBox().center()
    to_cells = QgsCoordinateTransform(incidents.crs(), forecast.crs(), QgsProject.instance())
    first = cell.shifts[0].start
    counts = []
    for category in sorted({f["category"] for f in incidents.getFeatures()}):
        found = recent_incidents(incidents, cell, forecast, category)
        slow = 0
        for feature in incidents.getFeatures():
            place = to_cells.transform(feature.geometry().asPoint())
            near = max(abs(place.x() - centre.x()), abs(place.y() - centre.y())) <= 1.5 * cell.size_m
            days = feature["start"].secsTo(first) / 86_400
            slow += feature["category"] == category and near and 0 <= days <= RECENT_DAYS
        assert len(found) == slow, category
        assert [each.start for each in found] == sorted((each.start for each in found), reverse=True)
        assert all(each.distance_m <= 1.5 * cell.size_m * 2**0.5 for each in found)
        counts.append(slow)
    assert sum(counts) > 0


def test_reasons_are_found_by_shift_and_field(processing, forecast):
    chain = sample_chain.made()
    cell = find_cell(forecast, best(forecast).geometry().centroid().asPoint())
    answer = processing.run(
        "patrolmissions:explainforecast",
        chain.history(
            FORECAST=chain.path("forecast"), MODEL=chain.path("model.zip"), CELLS=cell.cell_id, OUTPUT="memory:why"
        ),
    )
    found = read_reasons(answer["OUTPUT"])
    assert set(found) == {(shift.key(), field) for shift in cell.shifts for field in cell.fields}
    for at, shift in enumerate(cell.shifts):
        for place, field in enumerate(cell.fields):
            reasons = found[shift.key(), field]
            assert reasons.expected == pytest.approx(cell.expected[at][place], rel=1e-3)
            shares = [reason.share for reason in reasons.listed]
            assert shares == sorted(shares, reverse=True)
    odd = list(expected_fields([sample_chain.ODD]).values())
    assert labels_of(forecast, chain.layer("clean"), odd) == [sample_chain.ODD]


def test_without_a_forecast_the_panel_says_what_comes_first(panel):
    assert "no forecast in this project yet" in panel.banner.text()
    assert not panel.reasons_card.isVisibleTo(panel)


def test_once_there_is_a_forecast_the_panel_says_to_click_it(panel, state, forecast):
    state.project.addMapLayer(forecast, False)
    state.record("forecast", {}, {"forecast": forecast})
    assert "Click a cell of the risk map" in panel.banner.text()


def test_without_the_engine_the_layers_still_tell(panel, state, forecast, monkeypatch):
    monkeypatch.delenv("PATROL_ENGINE_PYTHON", raising=False)
    incidents = sample_chain.made().layer("clean")
    state.project.addMapLayers([forecast, incidents], False)
    state.record("forecast", {}, {"forecast": forecast, "incidents": incidents})
    cell = find_cell(forecast, best(forecast).geometry().centroid().asPoint())
    panel.show_cell(cell, forecast)
    assert "Run Set up engine" in panel.banner.text()
    assert not panel.runner.busy()
    assert not panel.again.isVisibleTo(panel)
    assert panel.category.currentText() == cell.top[0]
    assert "incidents" in panel.expected.text()
    assert panel.reasons.rows == []
    assert panel.nearby.text()
    panel.say_outside()
    assert "no cell there" in panel.banner.text()
    state.record("forecast", {}, {})
    assert not panel.reasons_card.isVisibleTo(panel)


@pytest.mark.parametrize("raises", [True, False])
def test_a_bar_points_the_way(qgis_application, raises):
    bar = Bar(0.5, raises)
    bar.resize(100, 9)
    picture = bar.grab().toImage()
    scale = picture.width() / 100
    strong = [picture.pixelColor(int(x * scale), picture.height() // 2).saturation() > 100 for x in (30, 40, 60, 70)]
    assert strong == ([False, False, True, True] if raises else [True, True, False, False])
