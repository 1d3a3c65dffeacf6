"""What Check incidents said of the data travels with the loaded layer to the model card."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from conftest import Listener
from qgis.core import QgsApplication, QgsProcessingContext, QgsProcessingOutputLayerDefinition, QgsProject
from sample_chain import ZONE, Chain


def test_a_loaded_layer_carries_the_verdict_to_the_card(processing: Any, chain: Chain, tmp_path: Path) -> None:
    from processing.gui.Postprocessing import handleAlgorithmResults

    project = QgsProject.instance()
    project.clear()  # of what other tests left
    context = QgsProcessingContext()
    context.setProject(project)
    algorithm = QgsApplication.processingRegistry().algorithmById("patrolmissions:checkincidents").create()
    parameters = chain.check(OUTPUT=QgsProcessingOutputLayerDefinition(str(tmp_path / "clean.gpkg"), project))
    try:
        answer, fine = algorithm.run(parameters, context, Listener())
        assert fine
        assert handleAlgorithmResults(algorithm, context, Listener(), parameters=parameters)
        (layer,) = project.mapLayers().values()
        assert layer.renderer().type() == "singleSymbol"
        assert layer.setSubsetString("category = 'Theft from vehicle'")  # enough for a card, and sooner
        card = tmp_path / "card.html"
        wanted = chain.history(
            INCIDENTS=layer.id(),
            SHIFTS=[["All day", "00:00", "00:00", ""]],
            TIME_ZONE=ZONE,
            MODEL=str(tmp_path / "model.zip"),
            CARD=str(card),
        )
        processing.run("patrolmissions:trainmodel", wanted)
    finally:
        project.clear()
    page = card.read_text(encoding="utf-8")
    said = {"ok": "fit for planning", "caution": "usable with care"}[answer["VERDICT"]]
    assert f"Check incidents said: {said}" in page


def test_a_layer_that_carries_none_says_so(chain: Chain) -> None:
    page = Path(chain.path("card.html")).read_text(encoding="utf-8")
    assert "does not carry the verdict of Check incidents" in page
