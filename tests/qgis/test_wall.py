"""QGIS's side of the wall, in real sub-processes of QGIS's own Python: it needs none of the engine's packages."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from qgis.core import QgsApplication

WALL = """
import importlib, pkgutil, sys

ENGINE = {"pandas", "scipy", "lightgbm", "matplotlib", "sklearn", "tzdata", "joblib", "pyarrow"}

class Wall:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in ENGINE:
            raise ImportError(f"{name} is on the other side of the wall")
        if name.startswith("patrol_missions.engine"):
            raise ImportError(f"{name} is the engine")

sys.meta_path.insert(0, Wall())
sys.path.insert(0, STAGE)
sys.path.append(QGIS_PLUGINS)
"""
IMPORT_ALL = (
    WALL
    + """
import patrol_missions
found = []
for module in pkgutil.walk_packages(patrol_missions.__path__, "patrol_missions.", onerror=lambda name: None):
    if not module.name.startswith("patrol_missions.engine"):
        importlib.import_module(module.name)
        found.append(module.name)
print(*found)
"""
)


def run(code: str, stage: Path, folder: Path) -> subprocess.CompletedProcess[str]:
    plugins = str(Path(QgsApplication.pkgDataPath()) / "python" / "plugins")
    code = code.replace("STAGE", repr(str(stage))).replace("QGIS_PLUGINS", repr(plugins))
    command = [sys.executable, "-I", "-c", code]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=120, check=False)


def test_qgis_side_imports_with_the_engine_walled_off(stage, tmp_path):
    ended = run(IMPORT_ALL, stage, tmp_path)
    assert ended.returncode == 0, ended.stderr
    found = set(ended.stdout.split())
    assert {
        f"patrol_missions.{name}" for name in ("plugin", "bridge", "gui", "processing_algorithms.provider")
    } <= found


@pytest.mark.parametrize("module", ["pandas", "scipy.stats", "patrol_missions.engine.jobs"])
def test_the_wall_of_this_test_stands(stage, tmp_path, module):
    ended = run(f"{WALL}\nimport {module}", stage, tmp_path)
    assert ended.returncode != 0
    assert ended.stderr.rstrip().endswith(("on the other side of the wall", "is the engine"))


def test_the_provider_lists_its_algorithms_with_the_engine_walled_off(stage, tmp_path):
    code = f"""{IMPORT_ALL}
from qgis.core import QgsApplication
application = QgsApplication([], False)
application.initQgis()
from patrol_missions.processing_algorithms.provider import PatrolMissionsProvider
provider = PatrolMissionsProvider()
QgsApplication.processingRegistry().addProvider(provider)
print("algorithms:", *sorted(algorithm.name() for algorithm in provider.algorithms()))
application.exitQgis()
"""
    ended = run(code, stage, tmp_path)
    assert ended.returncode == 0, ended.stderr
    listed = ended.stdout.splitlines()[-1].removeprefix("algorithms: ").split()
    assert {"buildgrid", "checkincidents", "trainmodel", "forecastrisk", "allocatemissions", "setupengine"} <= set(
        listed
    )
