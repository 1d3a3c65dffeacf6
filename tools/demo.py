"""The main job from end to end without a window: a made-up city, its missions for tonight, a project and a map.

    python tools/demo.py build/demo

runs the very steps that the panel's "Open the sample city" runs, and leaves a GeoPackage with all layers, a QGIS
project that opens styled, a picture of the map, the reports as HTML, and a printed summary of the first shift's
missions.
"""

from __future__ import annotations

import logging
import os
import shutil
import sys
import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import Any

sys.path.insert(0, os.environ["PATROL_STAGE"])

from qgis.core import (
    QgsApplication,
    QgsDateTimeRange,
    QgsMapRendererParallelJob,
    QgsMapSettings,
    QgsProject,
    QgsRectangle,
    QgsReferencedRectangle,
    QgsVectorLayer,
)
from qgis.PyQt.QtCore import QEventLoop, QSize, QTimeZone
from qgis.PyQt.QtGui import QColor

SIZE = QSize(1400, 1100)


def main(folder: Path) -> int:
    """Make everything in ``folder``; the exit code."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    # the user's own profile must neither be used nor changed
    os.environ["QGIS_CUSTOM_CONFIG_PATH"] = str(folder / "profile")
    application = QgsApplication([], True)
    application.initQgis()
    try:
        return _run(folder.resolve())
    finally:
        QgsProject.instance().clear()
        application.exitQgis()
        shutil.rmtree(folder / "profile", ignore_errors=True)


def _run(folder: Path) -> int:
    sys.path.append(str(Path(QgsApplication.pkgDataPath()) / "python" / "plugins"))
    from processing.core.Processing import Processing

    from patrol_missions.gui.package_hold import PackageHold
    from patrol_missions.gui.project_state import ProjectState
    from patrol_missions.gui.results import keep
    from patrol_missions.gui.runner import Runner
    from patrol_missions.gui.sample import sample_form, sample_steps
    from patrol_missions.processing_algorithms.provider import PatrolMissionsProvider

    logging.getLogger("patrol_missions").addHandler(logging.NullHandler())  # what matters is printed below
    Processing.initialize()
    provider = PatrolMissionsProvider()  # QGIS does not keep it alive
    QgsApplication.processingRegistry().addProvider(provider)
    project = QgsProject.instance()
    project.setFileName(str(folder / "sample_city.qgz"))
    state, runner, loop = ProjectState(project), Runner(project), QEventLoop()
    problems: list[str] = []

    def failed(_title: str, sentence: str) -> None:
        problems.append(sentence)
        loop.quit()

    runner.said.connect(lambda kind, text: print(f"== {text}" if kind == "title" else f"   {text}", flush=True)
                        if kind in ("title", "step", "warning") else None)  # fmt: skip
    runner.step_done.connect(lambda done: keep(state, done))
    runner.failed.connect(failed)
    runner.succeeded.connect(lambda *_: loop.quit())
    state.set_data(sample_form(project))
    hold = PackageHold(project)
    hold.hold(Path(state.data.package))
    runner.run("Sample city", sample_steps(state))
    if runner.busy():
        loop.exec()
    hold.release()
    if problems:
        print(problems[0], file=sys.stderr)
        return 1
    _finish(folder, project, state)
    return 0


def _finish(folder: Path, project: QgsProject, state: Any) -> None:
    from patrol_missions.gui.missions import read_missions, shifts_of

    grid = state.layer("grid")
    missions = read_missions(state.layer("missions"))
    tonight = shifts_of(missions)[0]
    during = QgsDateTimeRange(tonight.start, tonight.end, True, False)
    extent = QgsRectangle(grid.extent())
    extent.scale(1.05)
    project.setCrs(grid.crs())
    project.timeSettings().setTemporalRange(during)
    project.viewSettings().setDefaultViewExtent(QgsReferencedRectangle(extent, grid.crs()))
    if not project.write():
        raise SystemExit(f"The project could not be written: {project.error()}")
    picture = folder / "missions.png"
    _render(project, extent, during, picture)
    zone = QTimeZone(state.data.time_zone.encode())
    print(f"\nMissions for {tonight.title(zone)}\n")
    for mission in missions:
        if mission.shift.key() == tonight.key():
            head = f"  {mission.mission_id}  {mission.window}, {mission.dose_minutes:.0f} min  {mission.categories}"
            print(head)
            print(textwrap.fill(mission.reasons, 100, initial_indent="      ", subsequent_indent="      "))
    project.clear()  # the GeoPackage is whole once nothing reads it any more
    print("\nMade:")
    for made in sorted(folder.iterdir()):
        if made.is_file():
            print(f"  {made}  ({made.stat().st_size / 1024:,.0f} KiB)")
    print(f"\nOpen {folder / 'sample_city.qgz'} in QGIS to see them.")


def _render(project: QgsProject, extent: QgsRectangle, during: QgsDateTimeRange, picture: Path) -> None:
    settings = QgsMapSettings()
    settings.setLayers(_visible(project))
    settings.setDestinationCrs(project.crs())
    settings.setTransformContext(project.transformContext())
    settings.setExtent(extent)
    settings.setOutputSize(SIZE)
    settings.setBackgroundColor(QColor("white"))
    settings.setIsTemporal(True)
    settings.setTemporalRange(during)
    job = QgsMapRendererParallelJob(settings)
    job.start()
    job.waitForFinished()
    if not job.renderedImage().save(str(picture)):
        raise SystemExit(f"{picture} could not be written.")


def _visible(project: QgsProject) -> Sequence[QgsVectorLayer]:
    return [node.layer() for node in project.layerTreeRoot().findLayers() if node.isVisible()]


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1] if len(sys.argv) > 1 else "build/demo")))
