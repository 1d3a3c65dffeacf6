"""Nightly plan: the model file is what its maker makes, and it plans from an export in one run."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import pytest
from conftest import Listener
from made_layers import memory_layer
from qgis.core import (
    Qgis,
    QgsApplication,
    QgsProcessingException,
    QgsProcessingModelAlgorithm,
    QgsProcessingOutputLayerDefinition,
    QgsVectorLayer,
)
from sample_chain import Chain

from patrol_missions.processing_algorithms.nightly_plan import MODEL

TOOL = Path(__file__).resolve().parents[2] / "tools" / "make_nightly_model.py"
INPUTS = (
    "INCIDENTS", "CATEGORY_FIELD", "START_FIELD", "END_FIELD", "REPORTED_FIELD", "ID_FIELD",
    "RECORDED_DISTRICT_FIELD", "X_FIELD", "Y_FIELD", "COORDINATES_CRS", "TIME_ZONE", "TIMES_ARE",
    "CATEGORY_MAP", "GRID", "MODEL", "INDICATORS", "KIND_FIELD", "INDICATOR_FIELDS", "WEATHER",
    "SCHOOL_TERMS", "EVENTS", "VISITS", "START", "SHIFT_COUNT", "WEIGHTS_PRESET", "MISSIONS_PER_DISTRICT", "HARM_KEPT",
    "DOSE_MINUTES", "SEED",
)  # fmt: skip
OUTPUTS = {"MISSIONS", "SUMMARY", "FORECAST", "REPORT"}


@pytest.fixture
def algorithm(processing: Any) -> QgsProcessingModelAlgorithm:
    """The model as the toolbox has it."""
    return QgsApplication.processingRegistry().algorithmById("patrolmissions:nightlyplan")


def outputs(algorithm: QgsProcessingModelAlgorithm) -> dict[str, str]:
    """Our name of each output, and what this QGIS calls it."""
    names = [definition.name() for definition in algorithm.destinationParameterDefinitions()]
    return {name.rpartition(":")[2].upper(): name for name in names}


def plan(chain: Chain, algorithm: QgsProcessingModelAlgorithm, **other: Any) -> dict[str, Any]:
    """Parameters of a run."""
    destinations = dict.fromkeys(outputs(algorithm).values(), "TEMPORARY_OUTPUT")
    return chain.check(
        CATEGORY_MAP=chain.path("mapping.csv"),
        MODEL=chain.path("model.zip"),
        INDICATORS=[chain.path("places")],
        **destinations,
        **other,
    )


def refusal(processing: Any, parameters: dict[str, Any], feedback: Listener) -> str:
    """What is said when a run must fail: its sentence is in the log of an old QGIS, in the error of a new one."""
    with pytest.raises(QgsProcessingException) as caught:
        processing.run("patrolmissions:nightlyplan", parameters, feedback=feedback)
    return "\n".join([str(caught.value), *feedback.lines])


def test_the_file_is_what_its_maker_makes(processing: Any, tmp_path: Path) -> None:
    specification = importlib.util.spec_from_file_location("make_nightly_model", TOOL)
    assert specification is not None
    assert specification.loader is not None
    maker = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(maker)
    again = tmp_path / "again.model3"
    assert maker.build().toFile(str(again))
    stored, new = QgsProcessingModelAlgorithm(), QgsProcessingModelAlgorithm()
    assert stored.fromFile(str(MODEL))
    assert new.fromFile(str(again))  # read back, since a file knows no difference between null and empty texts
    # Newer versions of QGIS describe parameters with more words than the one that made the file.
    made_here = Qgis.QGIS_VERSION_INT < 32300
    parts = stored.toVariant().keys() if made_here else ("children", "modelVariables", "model_name")
    for part in parts:
        assert stored.toVariant()[part] == new.toVariant()[part], part


def test_inputs_and_outputs_keep_their_names(algorithm: QgsProcessingModelAlgorithm) -> None:
    names = [d.name() for d in algorithm.parameterDefinitions() if not d.isDestination()]
    assert tuple(names) == INPUTS
    assert set(outputs(algorithm)) == OUTPUTS
    steps = algorithm.childAlgorithms()
    assert {name: step.algorithmId() for name, step in steps.items()} == {
        "check": "patrolmissions:checkincidents",
        "forecast": "patrolmissions:forecastrisk",
        "allocate": "patrolmissions:allocatemissions",
    }
    assert all(step.algorithm() is not None for step in steps.values())


def test_the_time_zone_must_be_said(algorithm: QgsProcessingModelAlgorithm) -> None:
    """Neither the zone of the computer that made the file nor of the one that runs it is the place's."""
    assert algorithm.parameterDefinition("TIME_ZONE").defaultValue() is None


def test_one_run_gives_tonight(
    chain: Chain, processing: Any, algorithm: QgsProcessingModelAlgorithm, tmp_path: Path
) -> None:
    names = outputs(algorithm)
    parameters = plan(chain, algorithm, SHIFT_COUNT=2, MISSIONS_PER_DISTRICT=1)
    parameters[names["MISSIONS"]] = str(tmp_path / "missions.gpkg")
    answer = processing.run("patrolmissions:nightlyplan", parameters)
    missions = QgsVectorLayer(answer[names["MISSIONS"]], "missions", "ogr")
    forecast = answer[names["FORECAST"]]
    forecast = forecast if isinstance(forecast, QgsVectorLayer) else QgsVectorLayer(forecast, "forecast", "ogr")
    districts = {feature["district"] for feature in chain.layer("grid").getFeatures()}
    assert missions.featureCount() == 2 * len(districts)
    assert forecast.featureCount() == 2 * chain.layer("grid").featureCount()
    assert {feature["time_zone"] for feature in missions.getFeatures()} == {"America/New_York"}
    assert Path(answer[names["REPORT"]]).is_file()


def test_it_stops_on_data_not_fit_to_plan_with(
    chain: Chain, processing: Any, algorithm: QgsProcessingModelAlgorithm, feedback: Listener, tmp_path: Path
) -> None:
    cell = next(chain.layer("grid").getFeatures()).geometry().centroid().asWkt()
    layer = memory_layer(
        "Point", [(cell, ["THEFT - RETAIL", "2024-12-30 10:00"])], "kind:string,at:string",
        crs=chain.layer("grid").crs().authid(), name="One call",
    )  # fmt: skip
    parameters = plan(chain, algorithm)
    for name in ("END_FIELD", "REPORTED_FIELD", "ID_FIELD", "RECORDED_DISTRICT_FIELD"):
        parameters.pop(name)
    report = tmp_path / "report.html"
    parameters |= {"INCIDENTS": layer, "CATEGORY_FIELD": "kind", "START_FIELD": "at"}
    parameters[outputs(algorithm)["REPORT"]] = str(report)
    assert "See the data quality report" in refusal(processing, parameters, feedback)
    assert report.is_file()


def test_a_wrong_layer_is_named_from_within_the_model(
    chain: Chain, processing: Any, algorithm: QgsProcessingModelAlgorithm, feedback: Listener
) -> None:
    parameters = plan(chain, algorithm) | {"GRID": chain.path("boundary")}
    assert "Layer “boundary” has no field “cell_id”" in refusal(processing, parameters, feedback)


def test_results_are_styled_when_they_are_loaded(
    chain: Chain, processing: Any, algorithm: QgsProcessingModelAlgorithm, tmp_path: Path
) -> None:
    """As the toolbox and batch do it: layers go to the project by way of their post-processors."""
    from processing.gui.Postprocessing import handleAlgorithmResults
    from qgis.core import QgsProcessingContext, QgsProcessingFeedback, QgsProject

    project = QgsProject()
    context = QgsProcessingContext()
    context.setProject(project)
    names = outputs(algorithm)
    parameters = plan(chain, algorithm, SHIFT_COUNT=2)
    for name in ("MISSIONS", "FORECAST"):
        target = QgsProcessingOutputLayerDefinition(str(tmp_path / f"{name.lower()}.gpkg"), project)
        parameters[names[name]] = target
    copy = algorithm.create()
    _answer, fine = copy.run(parameters, context, QgsProcessingFeedback(False))
    assert fine
    assert handleAlgorithmResults(copy, context, QgsProcessingFeedback(False))
    looks = {layer.renderer().type(): layer for layer in project.mapLayers().values()}
    assert set(looks) == {"graduatedSymbol", "categorizedSymbol"}
    assert all(layer.temporalProperties().isActive() for layer in looks.values())
    assert looks["categorizedSymbol"].labelsEnabled()
