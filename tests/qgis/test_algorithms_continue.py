"""A copy of the audit log goes on as the log, where a person decides so."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from qgis.core import QgsProcessingException


@pytest.fixture
def log(engine_python: Path, stage: Path, tmp_path: Path) -> Path:
    """An empty log."""
    path = tmp_path / "audit.sqlite"
    code = (
        f"import sys; sys.path.insert(0, {str(stage)!r})\n"
        "from patrol_missions.engine.missions.audit_store import open_log\n"
        f"with open_log({str(path)!r}, create=True): pass"
    )
    subprocess.run([str(engine_python), "-I", "-c", code], check=True)
    return path


def go_on(processing: Any, log: Path, **more: Any) -> dict[str, Any]:
    given = {"LOG": str(log), "AUTHOR": "Ana Ruiz", "REASON": "A new computer", **more}
    return processing.run("patrolmissions:continuelog", given)


def test_a_copy_goes_on(processing: Any, log: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy.sqlite"
    shutil.copy(log, copy)
    record = go_on(processing, copy)
    assert record["NUMBER"] == 1
    given = {"LOG": str(copy), "NUMBER": 1, "HASH": record["HASH"], "OUTPUT": "memory:"}
    assert processing.run("patrolmissions:verifyaudit", given)["SOUND"] is True


def test_what_does_not_go_on_is_said(processing: Any, log: Path) -> None:
    with pytest.raises(QgsProcessingException, match="lives here already"):
        go_on(processing, log)
    with pytest.raises(QgsProcessingException, match="Nobody says that the audit log is to go on here"):
        go_on(processing, log, AUTHOR=" ")
    with pytest.raises(QgsProcessingException, match="without a reason"):
        go_on(processing, log, REASON=" ")
