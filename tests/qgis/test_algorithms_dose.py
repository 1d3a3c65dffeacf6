"""The dose map through Processing: fields, limits, people, clocks, looks, sentences."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from conftest import Listener
from made_layers import box, memory_layer
from qgis.core import (
    NULL,
    QgsApplication,
    QgsCategorizedSymbolRenderer,
    QgsFeature,
    QgsMapRendererSequentialJob,
    QgsMapSettings,
    QgsProcessingContext,
    QgsProcessingException,
    QgsProcessingOutputLayerDefinition,
    QgsProject,
    QgsVectorLayer,
)
from qgis.PyQt.QtCore import QDateTime, QSize, Qt
from qgis.PyQt.QtGui import QColor

from patrol_missions.core.errors import InputError
from patrol_missions.processing_algorithms import dose_limits, dose_styles

ZONE = "America/New_York"
STATES = ("none", "under soft limit", "over soft limit", "at hard limit", "cooling down", "resting")
GRID_FIELDS = "cell_id:string,col:integer,row:integer,district:string,share_inside:double,residents:double,jobs:integer"
FULL = [("2025-03-01 06:00", "2025-03-01 07:45"), ("2025-03-01 10:00", "2025-03-01 10:15")]
"""105 minutes and 15 more, up to the hard limit of a day."""
ONCE = [("2025-03-01 11:45", "2025-03-01 12:00")]


@pytest.fixture
def grid() -> Iterator[QgsVectorLayer]:
    """Six cells in a row, with residents and jobs."""
    rows = [
        (
            box(500_000 + 250 * n, 4_350_000, 500_250 + 250 * n, 4_350_250),
            [f"{2000 + n}E17400N", 2000 + n, 17400, "West" if n < 3 else "East", 1.0, residents, 100 * n],
        )
        for n, residents in enumerate((100.0, 400.0, NULL, NULL, 10.0, 0.0))
    ]
    layer = memory_layer("Polygon", rows, GRID_FIELDS, name="Cells")
    QgsProject.instance().addMapLayer(layer)
    yield layer
    QgsProject.instance().removeMapLayer(layer.id())


def cells_of(*given: tuple[int, list[tuple[str, str]]], local: bool = False) -> QgsVectorLayer:
    """A table of visits by cell."""
    rows = [(None, [f"{2000 + cell}E17400N", *stay]) for cell, stays in given for stay in stays]
    suffix = "_local" if local else ""
    return memory_layer("None", rows, f"cell_id:string,start{suffix}:string,end{suffix}:string", name="Stays")


def run(grid: QgsVectorLayer, visits: QgsVectorLayer, **more: Any) -> tuple[dict[int, QgsFeature], dict[str, Any]]:
    """The cells by their place in the row, and the answer."""
    import processing

    given = {"GRID": grid, "VISITS": visits, "TIME_ZONE": ZONE, "OUTPUT": "memory:", **more}
    answer = processing.run("patrolmissions:dosemap", given)
    return {int(each["cell_id"][:4]) - 2000: each for each in answer["OUTPUT"].getFeatures()}, answer


def utc(text: str) -> QDateTime:
    """A moment in UTC."""
    moment = QDateTime.fromString(text, Qt.DateFormat.ISODate)
    moment.setTimeSpec(Qt.TimeSpec.UTC)
    return moment


def same(found: QDateTime, wanted: str) -> bool:
    """Whether a field of a layer tells a moment in UTC."""
    return found.toString("yyyy-MM-ddTHH:mm:ss") == utc(wanted).toString("yyyy-MM-ddTHH:mm:ss")


def test_every_cell_is_told(processing: Any, engine_python: Path, grid: QgsVectorLayer) -> None:
    cells, answer = run(grid, cells_of((1, FULL), (2, ONCE)))
    assert sorted(cells) == list(range(6))
    names = [field.name() for field in answer["OUTPUT"].fields()]
    assert names[:3] == ["cell_id", "district", "state"]
    assert "people" not in names
    assert [cells[n]["state"] for n in range(3)] == ["none", "at hard limit", "under soft limit"]
    assert [cells[n]["minutes_24h"] for n in range(3)] == [0, 120, 15]
    assert [cells[n]["minutes_28d"] for n in range(3)] == [0, 120, 15]
    assert [cells[n]["visits_28d"] for n in range(3)] == [0, 2, 1]
    assert [cells[n]["open"] for n in range(3)] == [True, False, True]
    assert cells[2]["residual_deterrence"] == 1.0
    assert cells[0]["closed_until"] == NULL
    # Full at 10:15; 24 hours later the day shift has begun (at 12:00 UTC a day on), and the next is from 20:00.
    assert same(cells[1]["closed_until"], "2025-03-02T12:00:00")
    assert same(cells[1]["as_of"], "2025-03-01T12:00:00")
    assert cells[0]["last_visit"] == NULL
    assert (cells[0]["district"], cells[5]["district"]) == ("West", "East")
    assert (answer["MOMENT"], answer["VISITED"], answer["CLOSED"]) == ("2025-03-01T12:00:00Z", 2, 1)
    assert "The visits of patrol go back" in answer["WARNINGS"]
    assert answer["OUTPUT"].crs() == grid.crs()


def test_the_place_s_own_time_and_points_say_the_same(
    processing: Any, engine_python: Path, grid: QgsVectorLayer
) -> None:
    plain, _ = run(grid, cells_of((2, ONCE)))
    local, answer = run(grid, cells_of((2, [("2025-03-01 06:45", "2025-03-01 07:00")]), local=True))
    assert answer["MOMENT"] == "2025-03-01T12:00:00Z"
    point = memory_layer("Point", [("POINT(500510 4350100)", ONCE[0])], "start:string,end:string")
    points, _ = run(grid, point)
    for other in (local, points):
        assert [each.attributes() for each in other.values()] == [each.attributes() for each in plain.values()]


def test_limits_are_the_user_s(processing: Any, engine_python: Path, grid: QgsVectorLayer) -> None:
    visits = cells_of((1, FULL), (2, ONCE))
    cells, _ = run(grid, visits, LIMITS=[["24 hours", "10", ""]])
    assert [cells[n]["state"] for n in range(3)] == ["none", "over soft limit", "over soft limit"]
    cells, _ = run(grid, visits, LIMITS="24 hours,,,7 Days,,20")
    assert [cells[n]["state"] for n in range(3)] == ["none", "at hard limit", "at hard limit"]
    cells, _ = run(grid, visits, MOST_CONSECUTIVE=1)
    assert cells[2]["state"] == "resting"
    cells, _ = run(grid, visits, MOST_CONSECUTIVE=0, DOSE_MINUTES=106)
    assert [cells[n]["state"] for n in range(3)] == ["none", "at hard limit", "at hard limit"]
    cells, _ = run(grid, visits, AS_OF="2025-03-02T09:00:00Z")
    assert [cells[n]["state"] for n in range(3)] == ["none", "cooling down", "under soft limit"]
    cells, _ = run(grid, visits, AS_OF="2025-03-02T09:00:00Z", COOL_DOWN_HOURS=0)
    assert [cells[n]["state"] for n in range(3)] == ["none", "under soft limit", "under soft limit"]


def test_people_make_rates(processing: Any, engine_python: Path, grid: QgsVectorLayer) -> None:
    cells, _ = run(grid, cells_of((1, FULL), (0, ONCE), (5, ONCE)), PEOPLE_FIELDS=["residents", "jobs"])
    assert [cells[n]["people"] for n in range(6)] == [100, 500, 200, 300, 410, 500]
    assert [cells[n]["per_1000_28d"] for n in (0, 1, 2)] == [150, 240, 0]
    cells, _ = run(grid, cells_of((1, FULL), (0, ONCE)), PEOPLE_FIELDS=["residents"])
    assert cells[2]["people"] == NULL
    assert [cells[n]["per_1000_28d"] for n in (2, 4, 5)] == [NULL, NULL, NULL]  # nobody counted, or below 50
    limits = [["28 days per 1,000 people", "", "160"]]
    cells, _ = run(grid, cells_of((0, ONCE)), PEOPLE_FIELDS=["residents"], LIMITS=limits)
    assert cells[0]["state"] == "at hard limit"


def test_the_log_tells_how_patrol_is_spread(
    processing: Any, engine_python: Path, grid: QgsVectorLayer, feedback: Listener
) -> None:
    given = {"GRID": grid, "VISITS": cells_of((1, FULL), (2, ONCE)), "TIME_ZONE": ZONE, "OUTPUT": "memory:"}
    processing.run("patrolmissions:dosemap", given, feedback=feedback)
    assert "135 minutes of patrol in 28 days, in 2 of 6 cells. Closed cells: 1." in feedback.lines
    assert "The 5 % of cells with most patrol had 89% of it." in feedback.lines


@pytest.mark.parametrize(
    ("more", "sentence"),
    [
        ({"LIMITS": [["24 hours", "500", "120"]]}, "The soft limit of 500 minutes in 24 hours is above the hard one"),
        ({"LIMITS": [["24 hours", "many", "120"]]}, "“24 hours” is “many”, which is not a number"),
        ({"LIMITS": [["3 days", "1", "2"]]}, "The limits of dose have no row “3 days”"),
        ({"LIMITS": [["7 days", "1", "2"]] * 2}, "The limits of dose have two rows “7 days”"),
        ({"DOSE_MINUTES": 240}, "A mission of 240 minutes is beyond the hard limit of 120 minutes in 24 hours"),
        ({"PEOPLE_FIELDS": ["district"]}, "“district” of layer “Cells” holds no numbers"),
        ({"TIME_ZONE": "Mars/Phobos"}, "Mars/Phobos"),
        ({"SHIFTS": []}, "There are no shifts."),
    ],
)
def test_settings_that_cannot_work_are_a_sentence(
    processing: Any, engine_python: Path, grid: QgsVectorLayer, more: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(QgsProcessingException, match=sentence):
        run(grid, cells_of((2, ONCE)), **more)


def test_layers_that_cannot_work_are_a_sentence(processing: Any, engine_python: Path, grid: QgsVectorLayer) -> None:
    with pytest.raises(QgsProcessingException, match="does not say when its visits were"):
        run(grid, memory_layer("Point", [("POINT(500510 4350100)", ONCE[0])], "begin:string,to:string"))
    with pytest.raises(QgsProcessingException, match="There is no visit of patrol of two minutes or more"):
        run(grid, cells_of((2, [("2025-03-01 11:59", "2025-03-01 12:00")])))
    with pytest.raises(QgsProcessingException, match="No visit of patrol is inside the grid"):
        run(grid, cells_of((90, ONCE)))
    with pytest.raises(QgsProcessingException, match="choose a layer made by Build grid"):
        run(memory_layer("Polygon", [(box(0, 0, 1, 1), [])]), cells_of((2, ONCE)))


def test_the_limits_shown_are_the_engine_s_own() -> None:
    """What the dialog shows must be what a run without the table does."""
    rules = dose_limits.limit_rules(list(dose_limits.DEFAULT_LIMITS))
    assert rules["soft_per_1000_28d"] is rules["hard_per_1000_28d"] is None
    assert (rules["soft_minutes_24h"], rules["hard_minutes_28d"]) == (45.0, 1260.0)
    assert dose_limits.limit_rules(None) == {}
    with pytest.raises(InputError, match="Give every row all its values"):
        dose_limits.limit_rules("24 hours,45")


def test_a_run_with_the_limits_shown_and_without_is_the_same(
    processing: Any, engine_python: Path, grid: QgsVectorLayer
) -> None:
    visits = cells_of((1, FULL), (2, ONCE * 3), (3, FULL * 2), (4, ONCE * 4))
    shown, _ = run(grid, visits, LIMITS=list(dose_limits.DEFAULT_LIMITS))
    left, _ = run(grid, visits, LIMITS=[["28 days per 1000 people", "", ""]])
    assert [each.attributes() for each in shown.values()] == [each.attributes() for each in left.values()]


def test_states_are_told_apart_at_once(processing: Any) -> None:
    rows = [(box(250 * n, 0, 250 * n + 250, 250), [f"{n}E0N", state, 15.0]) for n, state in enumerate(STATES)]
    layer = memory_layer("Polygon", rows, "cell_id:string,state:string,minutes_28d:double")
    dose_styles.style_doses(layer)
    renderer = layer.renderer()
    assert isinstance(renderer, QgsCategorizedSymbolRenderer)
    assert [each.value() for each in renderer.categories()] == list(STATES)
    assert all(each.label() for each in renderer.categories())
    settings = QgsMapSettings()
    settings.setLayers([layer])
    settings.setDestinationCrs(layer.crs())
    settings.setExtent(layer.extent())
    settings.setOutputSize(QSize(600, 100))
    settings.setBackgroundColor(QColor("white"))
    job = QgsMapRendererSequentialJob(settings)
    job.start()
    job.waitForFinished()
    image = job.renderedImage()
    shades = []
    for n in range(len(STATES)):
        pixels = [QColor(image.pixel(x, y)) for x in range(100 * n + 20, 100 * n + 80, 3) for y in range(20, 80, 3)]
        shades.append(tuple(sum(part) / len(pixels) for part in zip(*(p.getRgb()[:3] for p in pixels))))
    apart = [
        sum((a - b) ** 2 for a, b in zip(one, other)) ** 0.5
        for place, one in enumerate(shades)
        for other in shades[:place]
    ]
    assert min(apart) > 30


def test_the_layer_is_styled_when_it_is_loaded(
    processing: Any, engine_python: Path, grid: QgsVectorLayer, feedback: Listener, tmp_path: Path
) -> None:
    context = QgsProcessingContext()
    context.setProject(QgsProject.instance())
    given = {
        "GRID": grid,
        "VISITS": cells_of((2, ONCE)),
        "TIME_ZONE": ZONE,
        "OUTPUT": QgsProcessingOutputLayerDefinition(str(tmp_path / "doses.gpkg"), QgsProject.instance()),
    }
    algorithm = QgsApplication.processingRegistry().createAlgorithmById("patrolmissions:dosemap")
    results, fine = algorithm.run(given, context, feedback)
    assert fine
    styler = context.layersToLoadOnCompletion()[results["OUTPUT"]].postProcessor()
    layer = QgsVectorLayer(results["OUTPUT"], "Doses", "ogr")
    styler.postProcessLayer(layer, context, feedback)
    assert layer.renderer().classAttribute() == "state"
