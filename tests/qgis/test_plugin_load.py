"""Without a window (as in qgis_process) the plugin offers its algorithms, and takes them back.

In a process of its own, because the registry of this one may hold our provider for other tests.
"""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

_START = """
import sys
sys.path.insert(0, sys.argv[1])
import logging
from qgis.core import QgsApplication
application = QgsApplication([], True)
application.initQgis()
import patrol_missions
from patrol_missions.gui import log
registry = QgsApplication.processingRegistry()
def offered():
    return [provider.id() for provider in registry.providers()].count("patrolmissions")
def check(expected, what):
    if not expected:
        sys.exit(f"not so: {what}")
"""

_TWICE = """
for turn in range(2):
    plugin = patrol_missions.classFactory(None)
    plugin.initProcessing()
    check(offered() == 1, "one provider")
    check(registry.algorithmById("patrolmissions:allocatemissions") is not None, "algorithms")
    check(len(log.LOGGER.handlers) == 1, "one log handler")
    plugin.unload()
    check(offered() == 0, "no provider after unload")
    check(log.LOGGER.handlers == [], "no log handler after unload")
"""

_BOTH_CALLS = """
plugin = patrol_missions.classFactory(None)
plugin.initProcessing()
plugin.initGui()
check(offered() == 1, "one provider though QGIS calls both")
plugin.unload()
"""

_LOG = """
plugin = patrol_missions.classFactory(None)
plugin.initProcessing()
heard = []
QgsApplication.messageLog().messageReceived.connect(lambda text, tag, level: heard.append((text, tag, int(level))))
logging.getLogger("patrol_missions.gui.runner").warning("A %s matter", "grave")
logging.getLogger("patrol_missions").info("said")
QgsApplication.processEvents()
plugin.unload()
check(("A grave matter", "Patrol Missions", 1) in heard, f"the warning in {heard}")
check(("said", "Patrol Missions", 0) in heard, f"the information in {heard}")
"""


@pytest.mark.parametrize("script", [_TWICE, _BOTH_CALLS, _LOG], ids=["load twice", "both calls", "log"])
def test_plugin_without_an_interface(script, stage, tmp_path):
    environment = {**os.environ, "QT_QPA_PLATFORM": "offscreen", "QGIS_CUSTOM_CONFIG_PATH": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", _START + script, str(stage)],
        cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
