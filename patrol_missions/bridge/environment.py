"""Which Python the engine runs in: a private environment of its own, or one that the user names."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import sys
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from qgis.core import QgsApplication, QgsSettings

import patrol_missions
from patrol_missions.bridge.processes import Feedback
from patrol_missions.bridge.worker_process import run_job
from patrol_missions.core.errors import EngineError
from patrol_missions.core.jobs import Job

VARIABLE = "PATROL_ENGINE_PYTHON"
"""Environment variable whose Python wins over settings, for servers and tests."""
SETTING = "plugins/patrol_missions/engine-python"
"""Settings key of the Python that the user named; absent for the private environment."""
REQUIREMENTS = Path(patrol_missions.__file__).with_name("requirements.lock")
INSTALLED_MB = 470
"""What a private environment takes on disk, measured on Linux with Python 3.11; 150 MB of it are downloaded."""

_STAMP = "patrol_missions_engine.json"
_SET_UP = "Run Set up engine (toolbox: Patrol Missions > Engine, or the panel's first page)."


@dataclass(frozen=True)
class Stamp:
    """What the private environment says of itself, beside its files."""

    ready: bool
    requirements: str
    size_mb: int = 0


class EngineEnvironment:
    """The engine's Python and its state.

    :param folder: where the private environment is or will be; by default within the user's QGIS profile
    :param requirements: pinned requirements file that the private environment is made from
    """

    def __init__(self, folder: Path | None = None, requirements: Path = REQUIREMENTS) -> None:
        self.folder = folder or Path(QgsApplication.qgisSettingsDirPath()) / "patrol_missions" / "engine"
        self.requirements = requirements

    @property
    def private_python(self) -> Path:
        """The Python within the private environment, whether it exists or not."""
        inside = ("Scripts", "python.exe") if sys.platform == "win32" else ("bin", "python")
        return self.folder.joinpath(*inside)

    def chosen(self) -> Path | None:
        """The Python that the environment variable or the setting names, if either does."""
        named = os.environ.get(VARIABLE) or QgsSettings().value(SETTING, "", type=str)
        return Path(named).absolute() if named else None  # the worker starts in a folder of its own

    def problem(self) -> str:
        """What keeps the engine from running, with its remedy; empty when nothing does. Starts no process."""
        chosen = self.chosen()
        if chosen is None:
            return self._private_problem()
        if chosen.is_file():
            return ""
        source = f"environment variable {VARIABLE}" if os.environ.get(VARIABLE) else "engine setting"
        return f"The Python that the {source} names, {chosen}, does not exist. {_SET_UP}"

    def _private_problem(self) -> str:
        stamp = self.stamp()
        problem = ""
        if stamp is None:
            problem = "The engine is not set up."
        elif not stamp.ready:
            problem = "The set-up of the engine was not finished, and goes on where it stopped."
        elif not self.private_python.is_file():
            problem = f"The engine's environment in {self.folder} is damaged."
        elif stamp.requirements != fingerprint(self.requirements):
            problem = "The engine was set up for another version of the plugin; only what changed is fetched."
        return f"{problem} {_SET_UP}" if problem else ""

    def python(self) -> Path:
        """The engine's Python; :class:`EngineError` when the engine cannot run."""
        problem = self.problem()
        if problem:
            raise EngineError(problem)
        return self.chosen() or self.private_python

    def check(self, feedback: Feedback | None = None, python: Path | None = None) -> dict[str, Any]:
        """Start the engine and have it import every package; its answer (``python``, ``executable``, ``packages``).

        :param python: the Python to try, by default the engine's
        :raises EngineError: names everything that is missing, old or broken at once, and the command that mends it
        """
        return dict(run_job(python or self.python(), Job("about"), feedback).values)

    def use(self, python: Path, feedback: Feedback | None = None) -> dict[str, Any]:
        """Take an existing Python, once it has proved fit, and remember it."""
        answer = self.check(feedback, python)
        QgsSettings().setValue(SETTING, str(python.absolute()))
        return answer

    def use_private(self) -> None:
        """Forget the Python that the user named."""
        QgsSettings().remove(SETTING)

    def stamp(self) -> Stamp | None:
        """What the private environment says of itself; None where there is none."""
        try:
            return Stamp(**json.loads((self.folder / _STAMP).read_text(encoding="utf-8")))
        except FileNotFoundError:
            return None
        except (OSError, ValueError, TypeError):
            return Stamp(ready=False, requirements="")

    def write_stamp(self, stamp: Stamp) -> None:
        """Note the private environment's state beside its files."""
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / _STAMP).write_text(json.dumps(asdict(stamp)), encoding="utf-8")

    def size_mb(self) -> int:
        """Megabytes that the private environment takes on disk."""
        return round(sum(path.lstat().st_size for path in self.folder.rglob("*")) / 1e6)

    def remove(self) -> None:
        """Delete the private environment and forget any Python that the user named."""
        self.use_private()
        if self.stamp() is None:
            return  # nothing there, or a folder that is not ours
        try:
            shutil.rmtree(self.folder)
        except OSError as error:
            raise EngineError(
                f"{error.filename or self.folder} could not be deleted ({error.strerror or error}).",
                "End every step that uses the engine, or restart QGIS, and remove it again.",
            ) from error


def can_execute() -> tuple[bool, str]:
    """Whether the engine can run, and the sentence for the user when it cannot; fast enough for every menu."""
    problem = EngineEnvironment().problem()
    return not problem, problem


@lru_cache(maxsize=4)
def fingerprint(requirements: Path) -> str:
    """Short hash of a requirements file: what an environment was made from."""
    return hashlib.sha256(requirements.read_bytes()).hexdigest()[:16]
