"""Job ``about``: which Python this is, and whether it has every package the engine needs.

Runs on the standard library alone, so that it can also speak when everything else is missing.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module, metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

import patrol_missions
from patrol_missions.core.errors import EngineError

if TYPE_CHECKING:
    from patrol_missions.core.jobs import JobResult
    from patrol_missions.core.tables import Table
    from patrol_missions.engine.context import JobContext

_REQUIREMENTS = Path(patrol_missions.__file__).with_name("requirements.txt")
_LINE = re.compile(r"([A-Za-z0-9_.-]+)(?:\[[^\]]*\])?\s*(?:>=\s*([0-9.]+))?")

_MODULES = {"pyserial": "serial"}
"""What packages are imported as that are not imported by their own name."""


@dataclass(frozen=True)
class Package:
    """A required package: the lowest version that will do, the one found, and what is wrong with it, if anything."""

    name: str
    minimum: str
    version: str | None
    problem: str


def packages(requirements: Path = _REQUIREMENTS) -> list[Package]:
    """Look up, and import, every package that a requirements file names."""
    lines = (line.split("#")[0].strip() for line in requirements.read_text(encoding="utf-8").splitlines())
    return [_look_up(match[1], match[2] or "0") for match in map(_LINE.match, filter(None, lines)) if match]


def _look_up(name: str, minimum: str) -> Package:
    try:
        version = metadata.version(name)
    except metadata.PackageNotFoundError:
        return Package(name, minimum, None, f"{name} is missing")
    if _numbers(version) < _numbers(minimum):
        return Package(name, minimum, version, f"{name} is {version} and must be {minimum} or newer")
    try:
        import_module(_MODULES.get(name, name))
    except Exception as error:  # noqa: BLE001 - a package fails in ways of its own (a missing system library)
        reason = str(error).strip().splitlines() or [type(error).__name__]
        return Package(name, minimum, version, f"{name} {version} cannot be imported ({reason[0]})")
    return Package(name, minimum, version, "")


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", version.split("+", maxsplit=1)[0])[:3])


def require(found: list[Package]) -> None:
    """Raise :class:`EngineError` that names everything wrong at once, with the command that mends it."""
    wrong = [package for package in found if package.problem]
    if wrong:
        wanted = " ".join(f'"{package.name}>={package.minimum}"' for package in wrong)
        raise EngineError(
            f"The Python at {sys.executable} cannot run the engine: {'; '.join(p.problem for p in wrong)}.",
            f'Run Set up engine, or mend this Python with: "{sys.executable}" -m pip install --upgrade {wanted}',
        )


def run(_parameters: Mapping[str, Any], _tables: Mapping[str, Table], _context: JobContext) -> JobResult:
    """Versions of Python and of each required package; :class:`EngineError` when one is missing, old or broken."""
    from patrol_missions.core.jobs import JobResult  # needs numpy, which may be what is missing

    found = packages()
    require(found)
    versions = {package.name: package.version for package in found}
    return JobResult({"python": sys.version.split()[0], "executable": sys.executable, "packages": versions})
