"""What the provider offers, with and without the engine: ids, help, icons, tags, sentences."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from conftest import Listener
from qgis.core import QgsApplication, QgsProcessingAlgorithm, QgsProcessingException, QgsProcessingProvider, QgsSettings
from qgis.PyQt.QtSvg import QSvgRenderer

from patrol_missions.core.presets import PRESETS
from patrol_missions.processing_algorithms import parameters as shared
from patrol_missions.processing_algorithms.provider import ALGORITHMS

IDS = {
    "addindicators",
    "allocatemissions",
    "backtestmodel",
    "buildgrid",
    "capturereport",
    "checkincidents",
    "continuelog",
    "createsamplecity",
    "dosemap",
    "explainforecast",
    "exportregister",
    "forecastrisk",
    "importtracks",
    "shiftreport",
    "nightlyplan",
    "publishplan",
    "replayplan",
    "setupengine",
    "tradeoff",
    "trainmodel",
    "verifyaudit",
}
WITHOUT_ENGINE = {"addindicators", "buildgrid", "setupengine"}


@pytest.fixture
def provider(processing: Any) -> QgsProcessingProvider:
    """Our provider as registered."""
    return QgsApplication.processingRegistry().providerById("patrolmissions")


@pytest.fixture
def no_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing names an engine's Python, and none was set up in the tests' own profile."""
    monkeypatch.delenv("PATROL_ENGINE_PYTHON", raising=False)
    QgsSettings().remove("plugins/patrol_missions/engine-python")


def test_every_algorithm_is_offered(provider: QgsProcessingProvider) -> None:
    assert {algorithm.name() for algorithm in provider.algorithms()} == IDS
    assert len(provider.algorithms()) == len(IDS)
    assert provider.id() == "patrolmissions"
    assert Path(provider.svgIconPath()).is_file()


def test_ids_are_plain(provider: QgsProcessingProvider) -> None:
    for algorithm in provider.algorithms():
        assert re.fullmatch(r"[a-z]+", algorithm.name())
        assert re.fullmatch(r"[a-z]+", algorithm.groupId())
        assert all(re.fullmatch(r"[A-Z][A-Z0-9_]*", d.name().partition(":")[2] or d.name())
                   for d in algorithm.parameterDefinitions())  # fmt: skip


@pytest.mark.parametrize("name", sorted(IDS))
def test_help_tags_and_icon(provider: QgsProcessingProvider, name: str) -> None:
    algorithm = provider.algorithm(name)
    assert len(algorithm.tags()) >= 5
    assert algorithm.shortDescription().endswith(".")
    assert algorithm.helpUrl().endswith(f"docs/algorithms.md#{name}")
    assert QSvgRenderer(algorithm.svgIconPath()).isValid()
    assert not algorithm.icon().isNull()
    text = algorithm.shortHelpString()
    for definition in algorithm.parameterDefinitions():
        assert definition.description() in text, definition.name()
        if not definition.isDestination() or name != "nightlyplan":
            assert definition.help(), definition.name()


def test_icons_differ(provider: QgsProcessingProvider) -> None:
    drawings = {Path(algorithm.svgIconPath()).read_text() for algorithm in provider.algorithms()}
    assert len(drawings) == len(IDS)


def test_the_documentation_has_every_algorithm_and_parameter(provider: QgsProcessingProvider) -> None:
    page = (Path(__file__).resolve().parents[2] / "docs" / "algorithms.md").read_text(encoding="utf-8")
    for algorithm in provider.algorithms():
        section = page.partition(f'<a id="{algorithm.name()}"></a>')[2].partition("<a id=")[0]
        assert algorithm.displayName() in section
        for definition in algorithm.parameterDefinitions():
            assert f"`{definition.name()}`" in section, (algorithm.name(), definition.name())


def test_without_the_engine_the_remedy_is_said(provider: QgsProcessingProvider, no_engine: None) -> None:
    for algorithm in provider.algorithms():
        fine, sentence = algorithm.canExecute()
        assert fine == (algorithm.name() in WITHOUT_ENGINE), algorithm.name()
        assert fine or "Run Set up engine" in sentence


def test_with_the_engine_all_can_run(provider: QgsProcessingProvider, engine_python: Path) -> None:
    assert all(algorithm.canExecute()[0] for algorithm in provider.algorithms())


def test_a_run_without_the_engine_says_the_same(
    processing: Any, no_engine: None, feedback: Listener, tmp_path: Path
) -> None:
    with pytest.raises(QgsProcessingException, match="Run Set up engine"):
        processing.run("patrolmissions:createsamplecity", {"INCIDENTS": "memory:"}, feedback=feedback)


def test_formats_that_cut_field_names_are_not_offered(provider: QgsProcessingProvider) -> None:
    offered = provider.supportedOutputVectorLayerExtensions()
    assert "gpkg" in offered
    assert "shp" not in offered


def test_copies_are_of_the_same_kind(provider: QgsProcessingProvider) -> None:
    for algorithm in provider.algorithms():
        copy = algorithm.create()
        assert isinstance(copy, QgsProcessingAlgorithm)
        assert copy.id() == algorithm.id()
        names = [d.name() for d in algorithm.parameterDefinitions()]
        assert [d.name() for d in copy.parameterDefinitions()] == names


def test_the_list_has_no_doubles() -> None:
    assert len(set(ALGORITHMS)) == len(ALGORITHMS)


def test_every_preset_of_the_engine_can_be_chosen() -> None:
    assert set(shared.PRESETS.values()) == set(PRESETS)
