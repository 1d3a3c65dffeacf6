"""One QGIS for all tests in this folder: application, Processing, our provider; QGIS's own log goes to Python's."""

from __future__ import annotations

import gc
import logging
import os
import platform
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("qgis.core", reason="QGIS ABSENT: these tests need a Python that can import qgis.core.")

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
# A profile of its own, so that nothing of the user's settings leaks in and nothing is left behind.
_PROFILE = tempfile.TemporaryDirectory(prefix="patrol_missions_profile_")
os.environ["QGIS_CUSTOM_CONFIG_PATH"] = _PROFILE.name

from osgeo import gdal  # noqa: E402
from qgis.core import (  # noqa: E402
    Qgis,
    QgsApplication,
    QgsProcessingContext,
    QgsProcessingFeedback,
    QgsProject,
    QgsVectorLayer,
)
from qgis.PyQt.QtCore import QT_VERSION_STR, QCoreApplication, QEvent  # noqa: E402
from sample_chain import Chain, made  # noqa: E402

_running: list[QgsApplication] = []
_LEVELS = {Qgis.MessageLevel.Warning: logging.WARNING, Qgis.MessageLevel.Critical: logging.ERROR}


def pytest_report_header() -> str:
    """What the tests run on."""
    libraries = f"GDAL {gdal.__version__}, Qt {QT_VERSION_STR}, Python {platform.python_version()}"
    return f"QGIS {Qgis.QGIS_VERSION}, {libraries}, profile {_PROFILE.name}"


def _forward(message: str, tag: str, level: Qgis.MessageLevel) -> None:
    logging.getLogger(f"qgis.{tag or 'general'}").log(_LEVELS.get(level, logging.INFO), "%s", message)


@pytest.fixture(scope="session", autouse=True)
def qgis_application() -> Iterator[QgsApplication]:
    """The one ``QgsApplication`` of this process."""
    application = QgsApplication([], True)
    application.initQgis()
    QgsApplication.messageLog().messageReceived.connect(_forward)
    _running.append(application)
    yield application
    QgsApplication.messageLog().messageReceived.disconnect(_forward)
    QgsProject.instance().clear()


def pytest_unconfigure() -> None:
    """End QGIS when no test holds a layer any more; a layer that outlives its provider crashes the process."""
    for name in ("last_type", "last_value", "last_traceback", "last_exc"):
        if hasattr(sys, name):
            delattr(sys, name)
    gc.collect()
    if _running:
        QgsApplication.exitQgis()


@pytest.fixture(scope="session")
def processing(qgis_application: QgsApplication) -> Iterator[object]:
    """QGIS's ``processing`` module with the native algorithms and our provider registered."""
    sys.path.append(str(Path(QgsApplication.pkgDataPath()) / "python" / "plugins"))
    import processing as module
    from processing.core.Processing import Processing

    from patrol_missions.processing_algorithms.provider import PatrolMissionsProvider

    Processing.initialize()
    provider = PatrolMissionsProvider()
    QgsApplication.processingRegistry().addProvider(provider)
    yield module
    QgsApplication.processingRegistry().removeProvider(provider)


@pytest.fixture
def project(qgis_application: QgsApplication) -> Iterator[QgsProject]:
    """A project of its own, beside the open one."""
    project = QgsProject()
    yield project
    project.clear()


@pytest.fixture
def open_project(processing: object) -> Iterator[QgsProject]:
    """The open project, empty, with our algorithms at hand."""
    project = QgsProject.instance()
    project.clear()
    yield project
    project.clear()


@pytest.fixture
def state(project: QgsProject) -> Iterator[object]:
    """What a project of its own knows of a jurisdiction."""
    from patrol_missions.gui.project_state import ProjectState

    state = ProjectState(project)
    yield state
    state.tear_down()


def close(widget: Any) -> None:
    """As the plugin does; at once, since Python's garbage collector would do so in the midst of another test."""
    widget.tear_down()
    widget.deleteLater()
    QCoreApplication.sendPostedEvents(widget, QEvent.Type.DeferredDelete)


@pytest.fixture
def context() -> QgsProcessingContext:
    """A Processing context on the (empty) project."""
    context = QgsProcessingContext()
    context.setProject(QgsProject.instance())
    return context


class Listener(QgsProcessingFeedback):
    """Feedback that remembers what it heard."""

    def __init__(self) -> None:
        super().__init__(False)
        self.progress: list[float] = []
        self.texts: list[str] = []
        self.warnings: list[str] = []
        self.lines: list[str] = []
        self.progressChanged.connect(self.progress.append)

    def setProgressText(self, text: str) -> None:  # noqa: N802
        self.texts.append(text)

    def pushWarning(self, warning: str) -> None:  # noqa: N802
        self.warnings.append(warning)

    def pushInfo(self, info: str) -> None:  # noqa: N802
        self.lines.append(info)

    pushDebugInfo = pushConsoleInfo = pushCommandInfo = pushInfo  # noqa: N815

    def reportError(self, error: str, fatalError: bool = False) -> None:  # noqa: N802, N803
        self.lines.append(error)


@pytest.fixture
def feedback() -> Listener:
    """A feedback whose ``progress``, ``texts``, ``warnings`` and ``lines`` a test can look at."""
    return Listener()


@pytest.fixture(scope="session")
def engine_python() -> Path:
    """A Python that has the engine's packages."""
    path = os.environ.get("PATROL_ENGINE_PYTHON")
    if not path:
        pytest.skip("ENGINE ABSENT: set PATROL_ENGINE_PYTHON to a Python with the engine's packages.")
    return Path(path)


@pytest.fixture
def chain(processing: object, engine_python: Path) -> Chain:
    """The made-up city, made once."""
    return made()


@pytest.fixture
def keep() -> Iterator[Callable[[QgsVectorLayer], str]]:
    """Puts layers into the project for the time of a test, and gives their ids."""
    kept: list[QgsVectorLayer] = []

    def into_project(layer: QgsVectorLayer) -> str:
        QgsProject.instance().addMapLayer(layer, False)
        kept.append(layer)
        return str(layer.id())

    yield into_project
    for layer in kept:
        QgsProject.instance().removeMapLayer(layer.id())
