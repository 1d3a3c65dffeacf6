"""Create sample city: layers as described, styled and in order, that Build grid turns into the cells of the truth."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from conftest import Listener
from qgis.core import (
    QgsGeometry,
    QgsProcessingContext,
    QgsProcessingException,
    QgsProcessingOutputLayerDefinition,
    QgsProject,
    QgsVectorLayer,
)
from qgis.PyQt.QtCore import NULL
from support import enable, run_algorithm

SINKS = ("BOUNDARY", "DISTRICTS", "EXCLUSIONS", "PLACES", "AREAS", "EVENTS", "INCIDENTS", "TRUTH")
SMALL = {"CELLS": 150, "YEARS": 1, "INCIDENT_COUNT": 3_000, "SHIFTS_AHEAD": 2}


@pytest.fixture(scope="module")
def made(processing: Any, engine_python: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """A small city in one GeoPackage: the algorithm's answer, its layers in place of their paths."""
    package = tmp_path_factory.mktemp("city") / "city.gpkg"
    sinks = {name: f"ogr:dbname='{package}' table=\"{name.lower()}\" (geom)" for name in SINKS}
    answer = processing.run("patrolmissions:createsamplecity", {**SMALL, **sinks}, feedback=Listener())
    layers = {name: QgsVectorLayer(answer[name], name.lower(), "ogr") for name in SINKS}
    assert all(layer.isValid() for layer in layers.values())
    return {**answer, **layers}


def attributes(layer: QgsVectorLayer, field: str) -> list[Any]:
    return [feature[field] for feature in layer.getFeatures()]


def union(layer: QgsVectorLayer) -> QgsGeometry:
    return QgsGeometry.unaryUnion([feature.geometry() for feature in layer.getFeatures()])


def test_layers_have_their_fields_and_coordinate_system(made: dict[str, Any]) -> None:
    fields = {name: made[name].fields().names()[1:] for name in SINKS}  # after the GeoPackage's own fid
    assert fields["BOUNDARY"] == ["name", "population"]
    assert fields["DISTRICTS"] == ["district", "population"]
    assert fields["EXCLUSIONS"] == ["kind", "name"]
    assert fields["PLACES"] == ["name", "kind"]
    assert fields["AREAS"] == ["area_id", "district", "population", "workers", "median_income", "vacancy_percent"]
    assert fields["EVENTS"] == ["start", "end", "attendance", "reach_m", "kind", "place"]
    assert fields["INCIDENTS"] == ["event_id", "category_raw", "start", "end", "reported", "district"]
    assert fields["TRUTH"][:5] == ["cell_id", "shift", "shift_date", "start", "end"]
    assert len([name for name in fields["TRUTH"] if name.startswith("expected_")]) == 6
    assert {made[name].crs().authid() for name in SINKS} == {"EPSG:32618"}
    assert made["HISTORY_END"] == "2025-01-01T05:00:00Z"
    assert made["TIME_ZONE"] == "America/New_York"
    assert made["ROWS"] == made["INCIDENTS"].featureCount()
    assert 2_700 < made["ROWS"] < 3_300


def test_polygons_are_valid_and_tile(made: dict[str, Any]) -> None:
    for name in ("BOUNDARY", "DISTRICTS", "AREAS", "EXCLUSIONS", "TRUTH"):
        assert all(feature.geometry().isGeosValid() for feature in made[name].getFeatures()), name
    boundary = union(made["BOUNDARY"])
    for name in ("DISTRICTS", "AREAS"):
        parts = sum(feature.geometry().area() for feature in made[name].getFeatures())
        assert parts == pytest.approx(boundary.area(), rel=1e-9)
        assert union(made[name]).symDifference(boundary).area() < 1e-6 * boundary.area()
    assert all(boundary.contains(feature.geometry()) for feature in made["PLACES"].getFeatures())


def test_incidents_keep_their_mess(made: dict[str, Any]) -> None:
    incidents = made["INCIDENTS"]
    nowhere = sum(1 for feature in incidents.getFeatures() if not feature.hasGeometry())
    assert 0.02 < nowhere / incidents.featureCount() < 0.12
    assert sum(1 for end in attributes(incidents, "end") if end == NULL) > 100
    assert len(set(attributes(incidents, "event_id"))) < incidents.featureCount()
    clock = [start.time().toString("HH:mm") for start in attributes(incidents, "start")]
    assert clock.count("00:00") > 15


def test_the_grid_over_the_boundary_is_the_grid_of_the_truth(made: dict[str, Any], processing: Any) -> None:
    grid = processing.run(
        "patrolmissions:buildgrid",
        {
            "BOUNDARY": made["BOUNDARY"], "DISTRICTS": made["DISTRICTS"], "DISTRICT_FIELD": "district",
            "EXCLUSIONS": [made["EXCLUSIONS"]], "OUTPUT": "memory:",
        },
    )["OUTPUT"]  # fmt: skip
    shares = {feature["cell_id"]: feature["share_inside"] for feature in grid.getFeatures()}
    truth = set(attributes(made["TRUTH"], "cell_id"))
    assert len(truth) == made["TRUTH"].featureCount() / SMALL["SHIFTS_AHEAD"]
    assert len(truth ^ set(shares)) <= 0.02 * len(truth)  # only where the share is on the edge of too little
    assert all(shares[cell] < 0.3 for cell in set(shares) - truth)


def test_truth_is_made_only_when_asked_for(processing: Any, engine_python: Path, feedback: Listener) -> None:
    answer = processing.run(
        "patrolmissions:createsamplecity",
        {**SMALL, **{name: "memory:" for name in SINKS if name != "TRUTH"}, "MESS": False},
        feedback=feedback,
    )
    assert "TRUTH" not in answer
    assert "Writing: Incidents as recorded" in feedback.texts
    assert all(feature.hasGeometry() for feature in answer["INCIDENTS"].getFeatures())
    assert feedback.progress == sorted(feedback.progress)


def test_results_load_styled_and_in_order(processing: Any, engine_python: Path) -> None:
    from processing.gui.Postprocessing import handleAlgorithmResults
    from qgis.core import QgsApplication

    project = QgsProject.instance()
    project.clear()  # of what other tests left
    context = QgsProcessingContext()
    context.setProject(project)
    algorithm = QgsApplication.processingRegistry().algorithmById("patrolmissions:createsamplecity").create()
    sinks = {name: QgsProcessingOutputLayerDefinition("TEMPORARY_OUTPUT", project) for name in SINKS}
    parameters = {**SMALL, **sinks}
    try:
        _, fine = algorithm.run(parameters, context, Listener())
        assert fine
        assert handleAlgorithmResults(algorithm, context, Listener(), parameters=parameters)
        layers = [node.layer() for node in project.layerTreeRoot().children()]
        order = [layer.customProperty("patrol_missions/sample") for layer in layers]
        assert order == ["EVENTS", "PLACES", "INCIDENTS", "DISTRICTS", "BOUNDARY", "EXCLUSIONS", "TRUTH", "AREAS"]
        by_role = dict(zip(order, layers))
        for name, classes in (("PLACES", 11), ("EXCLUSIONS", 3), ("EVENTS", 2)):
            categories = {category.value() for category in by_role[name].renderer().categories()}
            assert len(categories) == classes
            assert set(attributes(by_role[name], "kind")) <= categories
        assert by_role["DISTRICTS"].labelsEnabled()
        assert by_role["INCIDENTS"].renderer().symbol().opacity() < 0.2
        assert by_role["TRUTH"].temporalProperties().isActive()
        ranges = by_role["TRUTH"].renderer().ranges()
        assert [(a.lowerValue(), b.upperValue()) for a, b in zip(ranges, ranges[1:])] == [
            (a.lowerValue(), a.lowerValue()) for a in ranges[:-1]
        ]
    finally:
        project.clear()


def test_it_can_be_cancelled(processing: Any, engine_python: Path, context: QgsProcessingContext) -> None:
    from qgis.core import QgsApplication

    listener = Listener()
    listener.progressChanged.connect(lambda done: listener.cancel() if done > 2 else None)
    algorithm = QgsApplication.processingRegistry().algorithmById("patrolmissions:createsamplecity").create()
    parameters = {**SMALL, "CELLS": 4_000, "INCIDENT_COUNT": 300_000, "INCIDENTS": "memory:"}
    results, _ = algorithm.run(parameters, context, listener)
    assert "INCIDENTS" not in results
    assert max(listener.progress) < 50


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"CELLS": 0}, "The number of cells is 0, and it must be a whole number from 100 to 25,000."),
        ({"CELLS": -3}, "The number of cells is -3"),
        ({"CELLS": 1_000_000}, "The number of cells is 1000000"),
        ({"INCIDENT_COUNT": 1_000_000_000}, "The number of incidents is 1000000000"),
        ({"YEARS": 0}, "The number of years is 0"),
        ({"SEED": -1}, "The seed is -1"),
    ],
)
def test_numbers_that_make_no_city_are_refused(
    processing: Any, engine_python: Path, wrong: dict[str, int], words: str
) -> None:
    with pytest.raises(QgsProcessingException, match=words):
        processing.run("patrolmissions:createsamplecity", {**SMALL, **wrong, "PLACES": "memory:"}, feedback=Listener())


def test_no_output_at_all_is_refused(processing: Any, engine_python: Path) -> None:
    with pytest.raises(QgsProcessingException, match="No output is asked for"):
        processing.run("patrolmissions:createsamplecity", SMALL, feedback=Listener())


def test_every_parameter_has_help(processing: Any) -> None:
    from qgis.core import QgsApplication

    algorithm = QgsApplication.processingRegistry().algorithmById("patrolmissions:createsamplecity")
    assert all(definition.help() for definition in algorithm.parameterDefinitions())
    assert algorithm.parameterDefinition("TRUTH").createByDefault() is False


def test_qgis_process_makes_it(stage: Path, engine_python: Path, tmp_path: Path) -> None:
    enable(tmp_path, stage)
    output = tmp_path / "incidents.gpkg"
    run_algorithm(
        "patrolmissions:createsamplecity", {**SMALL, "INCIDENTS": output, "SEED": 4}, profile=tmp_path, plugins=stage
    )
    layer = QgsVectorLayer(str(output), "incidents", "ogr")
    assert layer.isValid()
    assert 2_700 < layer.featureCount() < 3_300
