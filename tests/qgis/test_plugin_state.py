"""What the panel knows is stored in the project, survives it, and judges what can be done next."""

from __future__ import annotations

import time
from dataclasses import replace

from qgis.core import QgsProject, QgsVectorLayer

from patrol_missions.gui.layers import ROLE_PROPERTY, place
from patrol_missions.gui.project_state import SCOPE, DataForm, PlanForm, ProjectState, WeightsForm
from patrol_missions.gui.readiness import Readiness, asked_of_forecast, asked_of_plan, readiness


def layer(project, name="layer", uri="Polygon?crs=EPSG:32618&field=cell_id:string"):
    made = QgsVectorLayer(uri, name, "memory")
    project.addMapLayer(made)
    return made


def test_answers_and_records_come_back_with_the_project(project, state, tmp_path):
    gpkg = tmp_path / "a.gpkg"
    from qgis.core import QgsVectorFileWriter

    options = QgsVectorFileWriter.SaveVectorOptions()
    options.layerName = "grid"
    source = QgsVectorLayer("Polygon?crs=EPSG:32618&field=cell_id:string", "g", "memory")
    QgsVectorFileWriter.writeAsVectorFormatV3(source, str(gpkg), project.transformContext(), options)
    grid = QgsVectorLayer(f"{gpkg}|layername=grid", "grid", "ogr")
    project.addMapLayer(grid)
    state.set_data(DataForm(jurisdiction="Saint-Ouen “Est”", shifts=["Night", "22:00", "06:00", "Fri,Sat"]))
    state.set_plan(PlanForm(missions_per_district=5, harm_kept=75.0, seed=9))
    state.record("grid", {"CELLS": 12, "OUTPUT": "x", "layer": object()}, {"grid": grid})
    file = tmp_path / "p.qgz"
    assert project.write(str(file))

    again = QgsProject()
    resumed = ProjectState(again)
    heard = []
    resumed.changed.connect(lambda: heard.append(1))
    assert again.read(str(file))
    assert heard
    assert resumed.data == state.data
    assert resumed.plan == PlanForm(missions_per_district=5, harm_kept=75.0, seed=9)
    assert resumed.value("grid", "CELLS") == 12
    assert resumed.layer("grid").source() == grid.source()
    assert resumed.at("grid") == state.at("grid")
    resumed.tear_down()


def test_entries_of_another_version_or_damaged_are_passed_over(project, state):
    project.writeEntry(SCOPE, "data", '{"jurisdiction": "Kept", "cell_size_m": "wide", "gone": 1}')
    project.writeEntry(SCOPE, "records", "{broken")
    project.writeEntry(SCOPE, "layers", "[1, 2]")
    again = ProjectState(project)
    assert again.data == DataForm(jurisdiction="Kept")
    assert again.layer("grid") is None
    assert again.at("check") is None
    again.tear_down()


def test_a_new_project_knows_nothing(project, state):
    state.set_data(DataForm(jurisdiction="Old"))
    project.clear()
    assert state.data == DataForm()


def test_a_removed_layer_is_told_and_is_none(project, state):
    grid = layer(project)
    state.record("grid", {}, {"grid": grid})
    heard = []
    state.changed.connect(lambda: heard.append(1))
    project.removeMapLayer(grid.id())
    assert heard
    assert state.layer("grid") is None


def test_readiness_leads_from_nothing_to_missions(project, state):
    plan = PlanForm()
    assert readiness(state, plan, "No engine.").sentence == "No engine."
    assert "sample city" in readiness(state, plan, "").sentence
    state.record("grid", {}, {"grid": layer(project)})
    state.record("check", {}, {"incidents": layer(project, uri="Point?crs=EPSG:32618")})
    assert "Train" in readiness(state, plan, "").sentence
    state.record("train", {"MODEL": "m.zip"}, {})
    ready = readiness(state, plan, "")
    assert (ready.can_plan, ready.forecast_anew) == (True, True)
    state.record(
        "forecast", {"asked": asked_of_forecast(plan, state.data, state.weights)}, {"forecast": layer(project)}
    )
    ready = readiness(state, plan, "")
    assert (ready.can_plan, ready.forecast_anew) == (True, False)
    state.record("allocate", {}, {"missions": layer(project)})
    assert readiness(state, plan, "").sentence == ""


def test_a_forecast_grows_stale(project, state):
    plan = PlanForm()
    state.record("grid", {}, {"grid": layer(project)})
    state.record("check", {}, {"incidents": layer(project)})
    state.record("train", {"MODEL": "m.zip"}, {})
    state.record(
        "forecast", {"asked": asked_of_forecast(plan, state.data, state.weights)}, {"forecast": layer(project)}
    )
    assert not readiness(state, plan, "").forecast_anew
    assert readiness(state, PlanForm(shift_count=3), "").forecast_anew
    state.record("allocate", {"asked": asked_of_plan(state, plan)}, {"missions": layer(project)})
    assert readiness(state, plan, "") == Readiness(True, False, "", "")
    for other in (replace(plan, seed=2), replace(plan, harm_kept=80.0), replace(plan, quotas=["9", "1"])):
        ready = readiness(state, other, "")
        assert (ready.plan_anew, ready.forecast_anew) == (True, False)
        assert "other settings" in ready.sentence
    state.set_weights(WeightsForm(version="Council", versions=[{
        "name": "Council", "approved_by": "A", "reason": "B", "at": "2020-01-01", "preset": "rand", "rows": [],
    }]))  # fmt: skip
    assert readiness(state, plan, "").plan_anew, "the plan does not name the version yet"
    assert not readiness(state, PlanForm(missions_per_district=9, seed=4), "").forecast_anew
    time.sleep(0.01)  # later by the clock
    state.record("check", {}, {"incidents": layer(project)})
    stale = readiness(state, plan, "")
    assert stale.forecast_anew
    assert "older than the checked incidents" in stale.sentence
    project.removeMapLayer(state.layer("grid").id())
    assert not readiness(state, plan, "").can_plan


def test_results_stand_in_their_group_in_order_whatever_came_first(project):
    for role in ("grid", "forecast", "findings", "missions", "sample_boundary", "incidents"):
        place(project, QgsVectorLayer("Polygon?crs=EPSG:32618", role, "memory"), role, "Springfield")
    root = project.layerTreeRoot()
    assert [child.name() for child in root.children()] == ["Patrol Missions"]
    group = root.findGroup("Patrol Missions").findGroup("Springfield")
    names = [child.name() for child in group.children()]
    assert names[:4] == ["Missions", "Incidents", "Risk", "Grid"]
    assert sorted(names[4:]) == ["Sample city", "Tables"]
    seen = {node.layer().customProperty(ROLE_PROPERTY): node.itemVisibilityChecked() for node in group.findLayers()}
    assert seen["missions"] and seen["forecast"] and not seen["incidents"]


def test_a_result_takes_the_place_of_the_one_before(project, tmp_path):
    file = tmp_path / "missions.csv"
    file.write_text("id\n1\n", encoding="utf-8")
    first, second = (QgsVectorLayer(str(file), "missions", "ogr") for _ in range(2))
    project.addMapLayer(QgsVectorLayer(str(file), "the user's own", "ogr"))
    for layer in (first, second):
        place(project, layer, "missions", "Springfield")
    assert sorted(layer.name() for layer in project.mapLayers().values()) == ["Missions", "the user's own"]
    assert project.mapLayer(second.id()) is second
    place(project, QgsVectorLayer("Polygon?crs=EPSG:32617", "b", "memory"), "missions", "Shelbyville")
    assert len(project.mapLayers()) == 3, "another jurisdiction keeps its own"


def test_the_grid_gives_way_to_the_forecast(project):
    for role in ("grid", "forecast"):
        place(project, QgsVectorLayer("Polygon?crs=EPSG:32618", role, "memory"), role, "Springfield")
    group = project.layerTreeRoot().findGroup("Patrol Missions").findGroup("Springfield")
    assert {node.name(): node.itemVisibilityChecked() for node in group.findLayers()} == {"Risk": True, "Grid": False}
