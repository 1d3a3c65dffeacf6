"""The engine's side of the wall, in real sub-processes: it lives without QGIS. QGIS's side is tested in tests/qgis."""

from __future__ import annotations

import subprocess
import sys

import pytest

WALL = """
import importlib, pkgutil, sys

class Wall:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {"qgis", "PyQt5", "PyQt6", "sip", "processing", "osgeo"}:
            raise ImportError(f"{name} is on the other side of the wall")

sys.meta_path.insert(0, Wall())
sys.path.insert(0, STAGE)
"""
IMPORT_ALL = (
    WALL
    + """
found = []
for top in ("patrol_missions.core", "patrol_missions.engine"):
    package = importlib.import_module(top)
    for module in pkgutil.walk_packages(package.__path__, top + "."):
        importlib.import_module(module.name)
        found.append(module.name)
qgis_side = {"gui", "bridge", "processing_algorithms", "plugin"}
crossed = [name for name in sys.modules if name.startswith("patrol_missions.") and name.split(".")[1] in qgis_side]
print(len(found), *crossed)
"""
)


def run(code: str, stage, folder) -> subprocess.CompletedProcess:
    code = code.replace("STAGE", repr(str(stage)))
    command = [sys.executable, "-I", "-c", code]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=120, check=False)


def test_engine_and_core_import_with_qgis_walled_off(stage, tmp_path):
    ended = run(IMPORT_ALL, stage, tmp_path)
    assert ended.returncode == 0, ended.stderr
    count, *crossed = ended.stdout.split()
    assert int(count) > 10
    assert crossed == []


@pytest.mark.parametrize("module", ["qgis.core", "PyQt5.QtCore"])
def test_the_wall_of_this_test_stands(stage, tmp_path, module):
    ended = run(f"{WALL}\nimport {module}", stage, tmp_path)
    assert ended.returncode != 0
    assert "on the other side of the wall" in ended.stderr


def test_core_needs_nothing_but_numpy(stage, tmp_path):
    code = """
import importlib, pkgutil, sys
sys.path.insert(0, STAGE)
before = set(sys.modules)
package = importlib.import_module("patrol_missions.core")
for module in pkgutil.walk_packages(package.__path__, "patrol_missions.core."):
    importlib.import_module(module.name)
tops = {n.split(".")[0] for n in set(sys.modules) - before}
print(*sorted(t for t in tops if t not in sys.stdlib_module_names and not t.startswith("_")))
"""
    ended = run(code, stage, tmp_path)
    assert ended.returncode == 0, ended.stderr
    assert set(ended.stdout.split()) == {"numpy", "patrol_missions"}
