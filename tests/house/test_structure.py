"""The structure drawn from the imports is the design: one wall, floors that stand on each other, no circles."""

from __future__ import annotations

import ast
import sys

import pytest
from conftest import Module, read_modules

PACKAGE = "patrol_missions"
LONGEST = 500
QT = {"qgis", "PyQt5", "PyQt6", "sip", "processing", "osgeo"}
ENGINE_PACKAGES = {
    "numpy", "pandas", "scipy", "lightgbm", "matplotlib", "tzdata", "holidays", "astral", "sqlalchemy",
    "pyproj", "pynmea2", "serial", "h11",
}  # fmt: skip
CLUSTER = (
    "patrol_missions.engine.cluster"  # the only module that may know Dask, which is no part of the default environment
)
# Each part with the parts of the package that it may import; what is missing here may import nothing of it.
PARTS = {
    "core": {"core"},
    "engine": {"core", "engine", ""},
    "bridge": {"core", "bridge", ""},
    "processing_algorithms": {"core", "bridge", "processing_algorithms", "resources", "gui.compat", ""},
    "gui": {"core", "bridge", "gui", "processing_algorithms", "resources", ""},
    "plugin": {"core", "bridge", "gui", "processing_algorithms", "resources", ""},
    "resources": set(),
    "": {"plugin"},  # classFactory
}
# Packages from outside, besides the standard library.
OUTSIDE = {
    "core": {"numpy"},
    "engine": ENGINE_PACKAGES,
    "bridge": {"numpy", *QT},
    "processing_algorithms": {"numpy", *QT},
    "gui": {"numpy", *QT},
    "plugin": {"numpy", *QT},
    "resources": set(),
    "": set(),
}
ENGINE_FLOORS = ("data", "forecast", "missions", "tactics", "reports")  # a floor never imports one after it
# Modules named so are jobs: they stand above all floors, though in the folder of one, and nobody below uses them.
JOB = "_job"
ABOVE = {"tracking", "jobs", "worker"}


def part(name: str) -> str:
    """The part of the package that a module belongs to: ``core``, ``engine`` ..., and "" for the package itself."""
    return [*name.split("."), ""][1]


def ours(name: str) -> bool:
    return name.split(".")[0] == PACKAGE


def crossings(modules: dict[str, Module]) -> list[str]:
    """Imports that the table of parts does not allow."""
    found = []
    for module in modules.values():
        for imported, at_once in {(i.name, i.at_once) for i in module.imports}:
            if ours(imported):
                inside = imported.split(".", 1)[1] if "." in imported else ""
                allowed = PARTS[part(module.name)]
                good = part(imported) in allowed or any(
                    rule and f"{inside}.".startswith(f"{rule}.") for rule in allowed
                )
            else:
                top = imported.split(".")[0]
                good = top in OUTSIDE[part(module.name)] or top in sys.stdlib_module_names
                good = good or (module.name == CLUSTER and top in {"dask", "distributed"} and not at_once)
            if not good:
                found.append(f"{module.name} imports {imported}")
    return sorted(found)


def upward(modules: dict[str, Module]) -> list[str]:
    """Imports from a floor of the engine to one above it, to jobs or the worker, or into or out of tracking."""
    found = []
    for module in modules.values():
        here = floor(module.name)
        if here in ENGINE_FLOORS or here == "tracking":
            seen = {i.name for i in module.imports if part(i.name) == "engine"}
            found += [f"{module.name} imports {name}" for name in sorted(seen) if not stands_on(here, floor(name))]
    return found


def floor(name: str) -> str:
    """The floor of the engine that a module is on: ``data`` ..., ``jobs`` for a job, "" outside the engine."""
    parts = [*name.split("."), "", ""]
    if parts[1] != "engine":
        return ""
    return "jobs" if name.endswith(JOB) else parts[2]


def stands_on(upper: str, lower: str) -> bool:
    """Whether a module on one floor of the engine may import one on another."""
    if upper == "tracking":
        return lower not in ENGINE_FLOORS
    return lower not in ABOVE and (
        lower not in ENGINE_FLOORS or ENGINE_FLOORS.index(lower) <= ENGINE_FLOORS.index(upper)
    )


def circles(modules: dict[str, Module]) -> list[list[str]]:
    """Groups of modules that import each other in a ring, imports inside functions included (Tarjan's algorithm)."""
    graph = {
        name: sorted({i.name for i in module.imports if i.name in modules and (i.at_once or name != PACKAGE)} - {name})
        for name, module in modules.items()
    }
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    rings: list[list[str]] = []

    def visit(name: str) -> None:
        index[name] = low[name] = len(index)
        stack.append(name)
        for other in graph[name]:
            if other not in index:
                visit(other)
                low[name] = min(low[name], low[other])
            elif other in stack:
                low[name] = min(low[name], index[other])
        if low[name] == index[name]:
            ring = stack[stack.index(name) :]
            del stack[-len(ring) :]
            if len(ring) > 1:
                rings.append(sorted(ring))

    for name in graph:
        if name not in index:
            visit(name)
    return rings


def test_nothing_crosses_the_wall_or_climbs_from_the_ground_floor(modules):
    assert crossings(modules) == []


def test_the_engine_s_floors_stand_on_each_other(modules):
    assert upward(modules) == []


def test_there_are_no_circles(modules):
    assert circles(modules) == []


def test_modules_stay_short(modules):
    lengths = {m.name: len(m.path.read_text(encoding="utf-8").splitlines()) for m in modules.values()}
    assert {name: lines for name, lines in lengths.items() if lines > LONGEST} == {}


def test_every_module_says_what_it_is(modules):
    assert [m.name for m in modules.values() if not ast.get_docstring(m.tree)] == []


def test_the_design_s_parts_are_there(modules):
    assert {part(name) for name in modules} == set(PARTS)


@pytest.mark.parametrize(
    ("name", "code", "rule"),
    [
        ("core/a.py", "import patrol_missions.bridge.b", crossings),
        ("core/a.py", "import pandas", crossings),
        ("engine/a.py", "from qgis.core import Qgis", crossings),
        ("engine/a.py", "def f():\n    from patrol_missions.gui import b", crossings),
        ("bridge/a.py", "from patrol_missions.engine import b", crossings),
        ("gui/a.py", "import scipy.stats", crossings),
        ("processing_algorithms/a.py", "from patrol_missions.gui.dock import b", crossings),
        ("engine/data/a.py", "from patrol_missions.engine.reports import b", upward),
        ("engine/cluster.py", "import distributed", crossings),
        ("engine/a.py", "def f():\n    import distributed", crossings),
        ("engine/forecast/a.py", "from patrol_missions.engine.missions import b", upward),
        ("engine/data/a.py", "from patrol_missions.engine import tracking", upward),
        ("engine/data/a.py", "from patrol_missions.engine.data import check_job", upward),
        ("engine/tracking/a.py", "from patrol_missions.engine.data import b", upward),
        ("engine/data/a.py", "from patrol_missions.engine.worker import main", upward),
        ("engine/data/a.py", "import patrol_missions.engine.data.b", circles),
        ("engine/data/a.py", "def f():\n    from patrol_missions.engine.data.b import x", circles),
    ],
)
def test_the_rules_find_what_they_forbid(tmp_path, name, code, rule):
    files = {
        name: code,
        "engine/data/b.py": "from patrol_missions.engine.data import a",
        "engine/data/check_job.py": "",
        "engine/tracking/__init__.py": "",
    }
    for file, text in files.items():
        path = tmp_path / PACKAGE / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    assert rule(read_modules(tmp_path))


def test_the_rules_allow_what_the_design_allows(tmp_path):
    files = {
        "__init__.py": "def classFactory(iface):\n    from patrol_missions.plugin import P",
        "plugin.py": "from patrol_missions import __version__\nfrom patrol_missions.gui.dock import D",
        "gui/dock.py": "import numpy, json\nfrom patrol_missions.bridge import b",
        "bridge/b.py": "from qgis.core import Qgis\nfrom patrol_missions.core import c",
        "core/c.py": "import numpy",
        "engine/data/check_job.py": "from patrol_missions.engine.reports import r",
        "engine/cluster.py": "def f():\n    from distributed import Client",
        "engine/jobs.py": "def f():\n    from patrol_missions.engine.data import check_job",
        "engine/reports/r.py": "from patrol_missions.engine.data import d",
        "engine/data/d.py": "import pandas\nfrom typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import qgis.core",
    }
    for file, text in files.items():
        path = tmp_path / PACKAGE / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    found = read_modules(tmp_path)
    assert crossings(found) + upward(found) + circles(found) == []
