"""The gateway of live tracking as QGIS starts and finds it: a process that goes on when QGIS ends."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import patrol_missions
from patrol_missions.bridge.processes import clean_environment
from patrol_missions.core import messages
from patrol_missions.core.errors import EngineError, PatrolError, from_kind

_DOOR, _TOKEN, _SETTINGS, _SAID = "gateway.json", "gateway.token", "settings.json", "gateway.out"
_BOOTSTRAP = (
    "import sys; sys.path.insert(0, sys.argv[1]); import patrol_missions; del sys.path[0]; "
    "from patrol_missions.engine.tracking.gateway import main; main(sys.argv[2:])"
)
_OUTLIVING: list[subprocess.Popen[bytes]] = []
"""Gateways go on when nobody holds them any more; Python would warn of each."""
_PLUGINS = Path(patrol_missions.__file__).resolve().parent.parent


@dataclass(frozen=True)
class Door:
    """Where a gateway takes clients, and what they must say."""

    host: str
    port: int
    token: str


def door(folder: Path) -> Door | None:
    """The door of the gateway that runs in a folder; None where none does, as far as its files tell."""
    try:
        found = json.loads((folder / _DOOR).read_text(encoding="utf-8"))
        token = (folder / _TOKEN).read_text(encoding="utf-8").strip()
        return Door(str(found["host"]), int(found["port"]), token)
    except (OSError, ValueError, KeyError, TypeError):
        return None


class StartingGateway:
    """A gateway that was just started; ask it from time to time how far it is.

    :param python: the engine's Python
    :param folder: its run folder
    :param settings: what it is told, as “The gateway” in live.md has it
    """

    def __init__(self, python: str | Path, folder: Path, settings: Mapping[str, Any]) -> None:
        self._folder = folder
        try:
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            (folder / _DOOR).unlink(missing_ok=True)  # of one that was killed
            path = folder / _SETTINGS
            path.touch(mode=0o600)  # it may hold a token or the address of a database
            path.write_text(json.dumps(settings, indent=1), encoding="utf-8")
            with (folder / _SAID).open("wb") as said:
                self._process = subprocess.Popen(  # nosec B603 - a list, no shell; the user's own Python
                    [str(python), "-I", "-u", "-X", "utf8", "-c", _BOOTSTRAP, str(_PLUGINS), str(path)],
                    stdin=subprocess.DEVNULL, stdout=said, stderr=subprocess.STDOUT, cwd=folder,
                    env=clean_environment(), **_apart(),
                )  # fmt: skip
            _OUTLIVING.append(self._process)
        except OSError as error:
            raise EngineError(
                f"Live tracking cannot start in {folder} ({error.strerror or error}).", "See that it can be written."
            ) from error

    def door(self) -> Door | None:
        """Its door once it takes clients; None while it is starting.

        :raises PatrolError: it ended instead
        """
        if self._process.poll() is None:
            return door(self._folder)
        raise self._why()

    def _why(self) -> PatrolError:
        said = (self._folder / _SAID).read_text(encoding="utf-8", errors="replace").splitlines()
        for line in said:
            message = messages.decode(line)
            if isinstance(message, messages.Error):
                return from_kind(message.kind, message.message, message.hint)
        last = said[-1] if said else f"exit code {self._process.returncode}"
        return EngineError(f"Live tracking did not start ({last}).", "Run Set up engine, and try again.")


def _apart() -> dict[str, Any]:
    """Options by which a process outlives this one."""
    if sys.platform == "win32":
        flags = subprocess.DETACHED_PROCESS | subprocess.CREATE_NEW_PROCESS_GROUP
        return {"creationflags": flags, "close_fds": True}
    return {"start_new_session": True}
