"""Where a plan is, through Processing: chances of all cells, boxes as drawn, and overrides by their shape alone."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from made_layers import box, memory_layer
from plans import allocate, decided, free_cells, overrides, refused, rows, square
from qgis.core import (
    NULL,
    QgsCoordinateReferenceSystem,
    QgsCoordinateTransform,
    QgsGeometry,
    QgsProject,
    QgsVectorLayer,
    QgsWkbTypes,
)
from sample_chain import Chain

from patrol_missions.processing_algorithms.layer_styles import style_chances, style_missions


def test_chances_of_all_cells_are_told(chain: Chain) -> None:
    answer = allocate(chain, CHANCES="memory:", CONTROL=20)
    layer = answer["CHANCES"]
    found = rows(layer)
    assert len(found) == chain.layer("forecast").featureCount()
    missions = {(row["cell_id"], row["start"].toString()): row for row in rows(answer["OUTPUT"])}
    chosen = [row for row in found if row["outcome"] == "mission"]
    assert {(row["cell_id"], row["start"].toString()) for row in chosen} == set(missions)
    for row in chosen:
        mission = missions[row["cell_id"], row["start"].toString()]
        assert row["mission_chance"] == pytest.approx(mission["inclusion_probability"])
        assert row["end"] == mission["end"]
    assert any(row["outcome"] == "control" for row in found)
    assert sum(row["mission_chance"] for row in found) == pytest.approx(answer["MISSIONS"])
    style_chances(layer)
    classes = layer.renderer().ranges()
    for row in found:
        assert any(each.lowerValue() <= row["mission_chance"] <= each.upperValue() for each in classes)
    assert classes[0].label() == "75–100 %"
    assert layer.temporalProperties().isActive()


def market(chain: Chain) -> tuple[QgsGeometry, QgsGeometry]:
    """A box across two cells, and the square of the cell that holds most of it."""
    cell = square(chain, free_cells(chain, 1)[0])
    at = cell.boundingBox()
    return QgsGeometry.fromWkt(
        box(at.xMinimum() + 90, at.yMinimum() + 20, at.xMaximum() + 60, at.yMaximum() - 30)
    ), cell


def same(one: QgsGeometry, other: QgsGeometry) -> bool:
    return one.symDifference(other).area() < 1e-3


def in_boxes(layer: QgsVectorLayer) -> list[QgsGeometry]:
    return [QgsGeometry(feature.geometry()) for feature in layer.getFeatures("\"box\" = 'Market'")]


def test_missions_in_boxes_are_shown_as_they_were_drawn(chain: Chain, keep: Any) -> None:
    drawn, cell = market(chain)
    crs = chain.layer("forecast").crs().authid()
    layer = overrides((drawn.asWkt(), NULL, NULL, "box", "Market"), crs=crs)
    missions = allocate(chain, OVERRIDES=keep(layer))["OUTPUT"]
    shapes = in_boxes(missions)
    assert len(shapes) == 4
    assert all(same(shape, drawn) for shape in shapes)
    others = [feature.geometry() for feature in missions.getFeatures('"box" IS NULL')]
    assert others
    assert {round(shape.area()) for shape in others} == {round(cell.area())}


def test_boxes_of_several_parts_are_shown_whole_and_flat(chain: Chain, keep: Any) -> None:
    drawn, _ = market(chain)
    second = QgsGeometry(drawn)
    second.translate(500, 0)
    both = QgsGeometry.collectGeometry([drawn, second])
    crs = chain.layer("forecast").crs().authid()
    both.get().addZValue(12.0)
    made_of = [(both.asWkt(), [NULL, NULL, "box", "asked by residents", "Ana", "Market"])]
    fields = "cell_id:string,to_cell_id:string,kind:string,reason:string,author:string,box:string"
    layer = memory_layer("MultiPolygonZ", made_of, fields, crs, name="Overrides")
    missions = allocate(chain, OVERRIDES=keep(layer), OUTPUT="TEMPORARY_OUTPUT")["OUTPUT"]
    assert all(same(shape, both) for shape in in_boxes(missions))
    assert all(feature.geometry().isGeosValid() for feature in missions.getFeatures())
    assert not any(QgsWkbTypes.hasZ(feature.geometry().wkbType()) for feature in missions.getFeatures())
    style_missions(missions)


def test_a_capture_report_takes_missions_in_boxes(chain: Chain, keep: Any) -> None:
    import processing

    drawn, _ = market(chain)
    crs = chain.layer("forecast").crs().authid()
    layer = overrides((drawn.asWkt(), NULL, NULL, "box", "Market"), crs=crs)
    missions = allocate(chain, OVERRIDES=keep(layer), VISITS_PER_MISSION=2)["OUTPUT"]
    ordered = memory_layer("Polygon", [], "", crs, name="Missions")
    ordered.dataProvider().addAttributes(missions.fields().toList())
    ordered.updateFields()
    first = list(missions.getFeatures("\"box\" = 'Market'")) + list(missions.getFeatures('"box" IS NULL'))
    assert ordered.dataProvider().addFeatures(first)[0]
    late = chain.crowded(square(chain, free_cells(chain, 1)[0]).centroid(), _days(missions))
    given = {"MISSIONS": keep(ordered), "INCIDENTS": keep(late), "REPORT": "TEMPORARY_OUTPUT", "EXPOSURE": "memory:"}
    answer = processing.run("patrolmissions:capturereport", given)
    assert "Missions in drawn boxes, which count as the cell that holds most of them" in answer["WARNINGS"]
    assert {row["planned_minutes"] / row["missions"] for row in rows(answer["EXPOSURE"]) if row["missions"]} == {30.0}


def _days(missions: QgsVectorLayer) -> Any:
    return np.array([row["end"].date().toString("yyyy-MM-dd") for row in rows(missions)][-1:], dtype="datetime64[D]")


@pytest.mark.parametrize(("shape", "crs"), [("Point", "EPSG:4326"), ("Polygon", "EPSG:32618")])
def test_the_cell_under_a_shape_is_meant_where_none_is_named(chain: Chain, keep: Any, shape: str, crs: str) -> None:
    forecast, there = chain.layer("forecast"), QgsCoordinateReferenceSystem(crs)
    to_crs = QgsCoordinateTransform(forecast.crs(), there, QgsProject.instance())
    add, lock = free_cells(chain, 2)
    closed = rows(chain.layer("missions"))[0]["cell_id"]
    shapes = [square(chain, cell) for cell in (add, lock, closed)]
    drawn = [each.buffer(-20, 2) if shape == "Polygon" else each.centroid() for each in shapes]
    for each in drawn:
        each.transform(to_crs)
    layer = decided(
        *((each.asWkt(), kind, cell) for each, kind, cell in zip(drawn, ("add", "Lock", "suppress"), (NULL, "", NULL))),
        crs=crs,
        shape=shape,
    )
    found = rows(allocate(chain, OVERRIDES=keep(layer))["OUTPUT"])
    assert {row["cell_id"] for row in found if row["origin"] == "add"} == {add}
    assert {row["cell_id"] for row in found if row["origin"] == "lock"} == {lock}
    assert closed not in {row["cell_id"] for row in found}


def test_a_polygon_round_a_cell_means_one_that_it_lies_in(chain: Chain, keep: Any) -> None:
    shapes = {row["cell_id"]: square(chain, row["cell_id"]) for row in rows(chain.layer("missions"))}
    ground = QgsGeometry.unaryUnion([feature.geometry() for feature in chain.layer("grid").getFeatures()])
    rings = {name: each.buffer(130, 2).difference(each.buffer(120, 2)) for name, each in shapes.items()}
    name, ring = next((name, ring) for name, ring in rings.items() if ground.contains(ring))
    assert shapes[name].contains(ring.centroid())
    layer = decided((ring.asWkt(), "add", NULL), crs=chain.layer("forecast").crs().authid())
    found = rows(allocate(chain, OVERRIDES=keep(layer))["OUTPUT"])
    (added,) = {row["cell_id"] for row in found if row["origin"] == "add"}
    assert square(chain, added).intersects(ring)


def test_a_mission_is_moved(chain: Chain, keep: Any) -> None:
    drawn = rows(chain.layer("missions"))[0]["cell_id"]
    (free,) = free_cells(chain, 1)
    layer = overrides((None, drawn, free, "move", NULL), crs=chain.layer("forecast").crs().authid())
    found = rows(allocate(chain, OVERRIDES=keep(layer))["OUTPUT"])
    assert drawn not in {row["cell_id"] for row in found}
    moved = [row for row in found if row["cell_id"] == free]
    assert len(moved) == 4
    assert {row["origin"] for row in moved} == {"move"}


def test_an_override_holds_within_its_time_and_its_shift(chain: Chain, keep: Any) -> None:
    starts = sorted({row["start"] for row in rows(chain.layer("forecast"))})
    first, second = free_cells(chain, 2)
    name = rows(chain.layer("forecast"))[0]["shift"]
    made_of = [
        (None, [first, "lock", "asked", "Ana", NULL, starts[1], starts[3]]),
        (None, [second, "add", "asked", "Ana", name, NULL, NULL]),
    ]
    fields = "cell_id:string,kind:string,reason:string,author:string,shift:string,valid_from:datetime,valid_to:datetime"
    layer = memory_layer("None", made_of, fields, name="For a while")
    found = rows(allocate(chain, OVERRIDES=keep(layer))["OUTPUT"])
    assert sorted(row["start"] for row in found if row["origin"] == "lock") == starts[1:3]
    added = [row for row in found if row["origin"] == "add"]
    assert {row["shift"] for row in added} == {name}
    assert len(added) == 2


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ((box(0, 0, 9, 9), "add", NULL), "The override “add” in row 2 lies in no cell of the forecast"),
        ((None, "suppress", NULL), "The override “suppress” in row 2 has no cell_id. Name the cell, or draw"),
        ((box(0, 0, 9, 9), "move", NULL), "The override “move” in row 2 has no cell_id. Name the cell."),
        ((box(0, 0, 9, 9), "move", "1E1N"), "The override “move” in row 2 has no to_cell_id"),
    ],
)
def test_overrides_without_a_place_get_a_sentence(
    chain: Chain, keep: Any, row: tuple[Any, str, Any], words: str
) -> None:
    fine = (None, "lock", free_cells(chain, 1)[0])
    assert words in refused(chain, OVERRIDES=keep(decided(fine, row, crs=chain.layer("forecast").crs().authid())))
