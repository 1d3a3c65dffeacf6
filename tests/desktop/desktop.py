"""Starts a real QGIS, with the staged plugin and a profile of its own, and has it play a scenario."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sysconfig
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
_PROFILE = """[PythonPlugins]
patrol_missions=true
processing=true

[qgis]
checkVersion=false
newsFeed\\http\\feed.qgis.org\\disabled=true

[plugins]
patrol_missions\\sample-cells={cells}

[UI]
UITheme={theme}
"""


@dataclass(frozen=True)
class Played:
    """What a scenario left behind."""

    steps: list[dict[str, Any]]
    planned: int
    notes: Mapping[str, Any]
    log: list[str]
    tracebacks: list[str]
    exit_code: int
    output: str
    folder: Path

    def errors(self) -> list[str]:
        """Errors of steps, with QGIS's log behind them, so that a failure can be understood from the report."""
        tail = "\n".join(["--- QGIS's log", *self.log[-60:], "--- output", self.output[-3000:]])
        return [f"{step['step']}\n{step['error']}\n{tail}" for step in self.steps if step["error"]]


def play(scenario: str, folder: Path, stage: Path, seconds: float, theme: str = "default", cells: int = 200) -> Played:
    """Play ``scenarios/<scenario>.py``; fails when QGIS does not end by itself in time."""
    profile = folder / "profiles" / "profiles" / "default" / "QGIS"
    profile.mkdir(parents=True)
    (profile / "QGIS3.ini").write_text(_PROFILE.format(theme=theme, cells=cells), encoding="utf-8")
    home = folder / "home"
    (home / "run").mkdir(parents=True)
    (home / "run").chmod(0o700)
    environment = {
        **os.environ,
        # QGIS's Python finds its library by the first python3 on the path, which must be the one QGIS was built for
        "PATH": os.pathsep.join([sysconfig.get_config_var("BINDIR"), os.environ["PATH"]]),
        "HOME": str(home),
        "XDG_RUNTIME_DIR": str(home / "run"),
        "QGIS_PLUGINPATH": str(stage),
        "QT_QPA_PLATFORM": "xcb",
        "PYQGIS_STARTUP": str(HERE / "startup.py"),
        "PATROL_DESKTOP_OUT": str(folder),
        "PATROL_DESKTOP_SCENARIO": str(HERE / "scenarios" / f"{scenario}.py"),
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    command = ["qgis", "--profiles-path", str(folder / "profiles"), "--nologo", "--noversioncheck",
               "--code", str(HERE / "driver.py")]  # fmt: skip
    if not os.environ.get("DISPLAY"):
        command = ["xvfb-run", "--auto-servernum", "--server-args", "-screen 0 1600x1000x24", *command]
    process = subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True
    )
    try:
        output = process.communicate(timeout=seconds)[0].decode(errors="replace")
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        output = process.communicate()[0].decode(errors="replace")
        raise AssertionError(f"QGIS did not end within {seconds:.0f} s. It said:\n{output[-4000:]}") from None
    (folder / "output.txt").write_text(output, encoding="utf-8")
    results = folder / "results.json"
    if not results.is_file():
        raise AssertionError(f"QGIS ended with code {process.returncode} before the scenario did:\n{output[-4000:]}")
    return Played(**json.loads(results.read_text(encoding="utf-8")), exit_code=process.returncode, output=output,
                  folder=folder)  # fmt: skip


def missing() -> str:
    """What this machine lacks for these tests, or an empty text."""
    if shutil.which("qgis") is None:
        return "QGIS ABSENT: these tests start a real QGIS window."
    if not os.environ.get("DISPLAY") and shutil.which("xvfb-run") is None:
        return "NO DISPLAY: install xvfb, or run in a desktop session."
    return ""
