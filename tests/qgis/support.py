"""The command-line program ``qgis_process``, run as a user or a server would run it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any


def qgis_process(*arguments: object, profile: Path, plugins: Path | None = None) -> subprocess.CompletedProcess[str]:
    """Run ``qgis_process`` with a profile folder of its own.

    :param profile: where QGIS keeps the profile; the plugins installed in it are in ``profiles/default/python/plugins``
    :param plugins: folder of plugins that are not installed but on ``QGIS_PLUGINPATH``; None for installed ones alone
    """
    # Debian's wrapper passes an option for the desktop program that this one rejects; the program itself is beside it.
    program = shutil.which("qgis_process.bin") or shutil.which("qgis_process")
    if program is None:
        raise FileNotFoundError("qgis_process is not installed.")
    environment = {key: value for key, value in os.environ.items() if key != "QGIS_PLUGINPATH"}
    environment |= {"QT_QPA_PLATFORM": "offscreen", "QGIS_CUSTOM_CONFIG_PATH": str(profile)}
    if plugins is not None:
        environment["QGIS_PLUGINPATH"] = str(plugins)
    command = [program, *map(str, arguments)]
    return subprocess.run(
        command, env=environment, cwd=profile, capture_output=True, text=True, timeout=300, check=False
    )


def enable(profile: Path, plugins: Path | None = None) -> None:
    """Switch the plugin on in a profile."""
    ended = qgis_process("plugins", "enable", "patrol_missions", profile=profile, plugins=plugins)
    if ended.returncode != 0:
        raise RuntimeError(ended.stdout + ended.stderr)


def run_algorithm(
    algorithm: str, parameters: Mapping[str, object], *, profile: Path, plugins: Path | None = None
) -> dict[str, Any]:
    """Results of an algorithm by its id; an error that quotes the program's own words when it fails."""
    values = [f"{key}={value}" for key, value in parameters.items()]
    ended = qgis_process("--json", "run", algorithm, "--", *values, profile=profile, plugins=plugins)
    if ended.returncode != 0:
        raise RuntimeError(f"{algorithm} ended with {ended.returncode}:\n{ended.stdout}\n{ended.stderr}")
    return json.loads(ended.stdout[ended.stdout.index("{") :])["results"]
