"""The zip, installed into a fresh profile as a user would, works there: switched on, listed, and an algorithm runs."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from qgis.core import QgsVectorLayer
from support import enable, qgis_process, run_algorithm

ROOT = Path(__file__).resolve().parents[2]
BOUNDARY = """{
 "type": "FeatureCollection", "crs": {"type": "name", "properties": {"name": "urn:ogc:def:crs:EPSG::32618"}},
 "features": [{"type": "Feature", "properties": {}, "geometry": {"type": "Polygon", "coordinates":
  [[[480000, 4420000], [482000, 4420000], [482000, 4421000], [480000, 4421000], [480000, 4420000]]]}}]
}"""


@pytest.fixture(scope="module")
def profile(stage, tmp_path_factory) -> Path:
    """A fresh profile with the zip unpacked and the plugin switched on."""
    folder = tmp_path_factory.mktemp("profile")
    packed = folder / "patrol_missions.zip"
    tool = ROOT / "tools" / "pack.py"
    subprocess.run([sys.executable, tool, stage / "patrol_missions", packed], check=True, capture_output=True)
    plugins = folder / "profiles" / "default" / "python" / "plugins"
    plugins.mkdir(parents=True)
    with zipfile.ZipFile(packed) as archive:
        archive.extractall(plugins)
    enable(folder)
    return folder


def test_it_is_switched_on_and_loaded(profile):
    ended = qgis_process("plugins", profile=profile)
    assert any("*" in line and "patrol_missions" in line for line in ended.stdout.splitlines()), ended.stdout


def test_it_lists_its_algorithms_without_an_engine_and_without_a_traceback(profile, monkeypatch):
    monkeypatch.delenv("PATROL_ENGINE_PYTHON", raising=False)
    ended = qgis_process("list", profile=profile)
    assert ended.returncode == 0
    assert "Traceback" not in ended.stdout + ended.stderr
    listed = ended.stdout[ended.stdout.index("Patrol Missions") :]
    for name in ("allocatemissions", "buildgrid", "checkincidents", "createsamplecity", "forecastrisk", "trainmodel"):
        assert f"patrolmissions:{name}" in listed


def test_an_algorithm_runs_from_it(profile, tmp_path):
    boundary = tmp_path / "boundary.geojson"
    boundary.write_text(BOUNDARY)
    output = tmp_path / "grid.gpkg"
    run_algorithm("patrolmissions:buildgrid", {"BOUNDARY": boundary, "SIZE": 250, "OUTPUT": output}, profile=profile)
    layer = QgsVectorLayer(str(output), "grid", "ogr")
    assert layer.isValid()
    assert layer.featureCount() == 8 * 4  # 2 km x 1 km on the grid's own lines
    assert {"cell_id", "col", "row", "share_inside"} <= set(layer.fields().names())
    assert layer.crs().authid() == "EPSG:32618"
    assert {feature["share_inside"] for feature in layer.getFeatures()} == {1.0}
