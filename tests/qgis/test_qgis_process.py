"""The chain by ``qgis_process``, as a server runs it, and what it says without the engine."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from qgis.core import QgsApplication, QgsVectorLayer
from sample_chain import ZONE, Chain
from support import enable, qgis_process, run_algorithm

IDS = (
    "addindicators", "allocatemissions", "backtestmodel", "buildgrid", "checkincidents", "createsamplecity",
    "forecastrisk", "nightlyplan", "setupengine", "trainmodel",
)  # fmt: skip


@pytest.fixture(scope="module")
def profile(stage: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A profile with the staged plugin switched on."""
    folder = tmp_path_factory.mktemp("profile")
    enable(folder, stage)
    return folder


def test_list_without_the_engine(stage: Path, profile: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PATROL_ENGINE_PYTHON", raising=False)
    ended = qgis_process("list", profile=profile, plugins=stage)
    assert ended.returncode == 0
    assert "Traceback" not in ended.stdout + ended.stderr
    listed = ended.stdout.partition("Patrol Missions")[2].split("\n\n")[0]
    for name in IDS:
        assert f"patrolmissions:{name}\t" in listed


def test_help_of_the_model(stage: Path, profile: Path) -> None:
    """The model is complete only once its steps are registered, so its help is the one that can go wrong."""
    ended = qgis_process("--json", "help", "patrolmissions:nightlyplan", profile=profile, plugins=stage)
    assert "Traceback" not in ended.stdout + ended.stderr
    told = json.loads(ended.stdout[ended.stdout.index("{") :])
    assert told["algorithm_details"]["id"] == "patrolmissions:nightlyplan"
    assert any(name.upper().endswith("MISSIONS") for name in told["outputs"])


def test_a_run_without_the_engine_says_what_to_do(
    stage: Path, profile: Path, chain: Chain, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("PATROL_ENGINE_PYTHON", raising=False)
    values = {"FORECAST": chain.path("forecast"), "OUTPUT": tmp_path / "missions.gpkg"}
    with pytest.raises(RuntimeError, match="Run Set up engine") as caught:
        run_algorithm("patrolmissions:allocatemissions", values, profile=profile, plugins=stage)
    assert "Traceback" not in str(caught.value)


def test_the_chain(stage: Path, profile: Path, chain: Chain, tmp_path: Path) -> None:
    def run(algorithm: str, **values: Any) -> dict[str, Any]:
        return run_algorithm(f"patrolmissions:{algorithm}", values, profile=profile, plugins=stage)

    mapping = chain.path("mapping.csv")
    checked = run("checkincidents", **chain.check(CATEGORY_MAP=mapping, OUTPUT=tmp_path / "clean.gpkg"))
    assert checked["ROWS_KEPT"] == chain.answers["checkincidents"]["ROWS_KEPT"]
    places = {"GRID": chain.path("grid"), "INCIDENTS": tmp_path / "clean.gpkg", "INDICATORS": chain.path("places")}
    trained = run(
        "trainmodel", **places, TIME_ZONE=ZONE, HOLIDAYS="US-PA", MODEL=tmp_path / "model.zip",
        SHIFTS="Day,07:00,19:00,Mon-Sun,Night “late”,19:00,07:00,",
    )  # fmt: skip
    assert trained["CATEGORIES"] == chain.answers["trainmodel"]["CATEGORIES"]
    assert Path(trained["MODEL"]).read_bytes() == Path(chain.path("model.zip")).read_bytes()
    forecast = run("forecastrisk", **places, MODEL=trained["MODEL"], SHIFT_COUNT=4, OUTPUT=tmp_path / "forecast.gpkg")
    assert forecast["FIRST_START"] == chain.answers["forecastrisk"]["FIRST_START"]
    run(
        "allocatemissions",
        FORECAST=tmp_path / "forecast.gpkg",
        MISSIONS_PER_DISTRICT=2,
        OUTPUT=tmp_path / "missions.gpkg",
        SUMMARY=tmp_path / "summary.gpkg",
    )
    ours = [f.attributes() for f in chain.layer("missions").getFeatures()]
    theirs = [f.attributes() for f in QgsVectorLayer(str(tmp_path / "missions.gpkg"), "m", "ogr").getFeatures()]
    assert theirs == ours


def test_the_nightly_plan(stage: Path, profile: Path, chain: Chain, tmp_path: Path) -> None:
    model = QgsApplication.processingRegistry().algorithmById("patrolmissions:nightlyplan")
    names = [definition.name() for definition in model.destinationParameterDefinitions()]
    files = {name: tmp_path / f"{name.rpartition(':')[2].lower()}.gpkg" for name in names}
    report = next(name for name in names if name.upper().endswith("REPORT"))
    files[report] = tmp_path / "report.html"
    values = chain.check(
        MODEL=chain.path("model.zip"),
        INDICATORS=chain.path("places"),
        CATEGORY_MAP=chain.path("mapping.csv"),
        SHIFT_COUNT=2,
        **files,
    )
    run_algorithm("patrolmissions:nightlyplan", values, profile=profile, plugins=stage)
    missions = QgsVectorLayer(str(tmp_path / "missions.gpkg"), "missions", "ogr")
    districts = {feature["district"] for feature in chain.layer("grid").getFeatures()}
    assert missions.featureCount() == 3 * 2 * len(districts)
    assert "<html" in (tmp_path / "report.html").read_text(encoding="utf-8")
