"""Build grid: shares are exact, names are stable, and what cannot be gridded is said in a sentence."""

from __future__ import annotations

import re
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import Listener
from made_layers import box, memory_layer, polygons
from qgis.core import (
    QgsGeometry,
    QgsProcessingContext,
    QgsProcessingException,
    QgsProcessingFeatureSourceDefinition,
    QgsVectorLayer,
)
from qgis.PyQt.QtCore import NULL

from patrol_missions.core.grid import parse_cell_id
from patrol_missions.processing_algorithms.cell_shares import Window, cell_shares

X, Y = 480_000, 4_420_000  # corner of a cell of 250 m in UTM zone 18


@pytest.fixture
def build(processing: Any, feedback: Listener) -> Any:
    """Run the algorithm; gives its answer."""

    def run(boundary: Any, **parameters: Any) -> dict[str, Any]:
        return processing.run(
            "patrolmissions:buildgrid", {"BOUNDARY": boundary, "OUTPUT": "memory:", **parameters}, feedback=feedback
        )

    return run


def refusal(build: Any, *arguments: Any, **parameters: Any) -> str:
    """The sentence with which a run is refused."""
    with pytest.raises(QgsProcessingException) as caught:
        build(*arguments, **parameters)
    return str(caught.value)


def cells(answer: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """The grid's attributes by cell id."""
    names = answer["OUTPUT"].fields().names()
    return {f["cell_id"]: dict(zip(names, f.attributes())) for f in answer["OUTPUT"].getFeatures()}


def test_cells_are_full_squares_named_by_column_and_row(build: Any) -> None:
    answer = build(polygons(box(X + 10, Y + 10, X + 740, Y + 490)))
    assert answer["CELLS"] == 6
    assert answer["AREA_KM2"] == pytest.approx(0.730 * 0.480)
    assert answer["OUTPUT"].fields().names() == ["cell_id", "col", "row", "district", "share_inside"]
    for feature in answer["OUTPUT"].getFeatures():
        column, row = parse_cell_id(feature["cell_id"])
        assert (feature["col"], feature["row"]) == (column, row)
        square = QgsGeometry.fromWkt(box(column * 250, row * 250, column * 250 + 250, row * 250 + 250))
        assert feature.geometry().equals(square)
    assert cells(answer)[f"{X // 250}E{Y // 250}N"]["share_inside"] == pytest.approx((240 * 240) / 250**2)
    assert cells(answer)[f"{X // 250 + 1}E{Y // 250}N"]["share_inside"] == pytest.approx((250 * 240) / 250**2)


def test_shares_of_ragged_areas_equal_plain_intersections() -> None:
    draw = np.random.default_rng(7)
    for _ in range(20):
        corners = 8 + int(draw.integers(40))
        angles = np.sort(draw.uniform(0, 2 * np.pi, corners))
        radii = draw.uniform(200, 3000, corners)
        ring = ",".join(f"{X + r * np.cos(a)} {Y + r * np.sin(a)}" for a, r in zip(angles, radii))
        first = ring.split(",", maxsplit=1)[0]
        area = QgsGeometry.fromWkt(f"POLYGON(({ring},{first}))").makeValid()
        area = area.difference(QgsGeometry.fromWkt(box(X + 100, Y - 900, X + 1700, Y + 300)))
        window = Window.around(area.boundingBox(), 250.0)
        plain = np.zeros((window.rows, window.columns))
        for i in range(window.rows):
            for j in range(window.columns):
                square = Window(window.column + j, window.row + i, 1, 1).rectangle(250.0)
                plain[i, j] = area.intersection(QgsGeometry.fromRect(square)).area() / 250.0**2
        np.testing.assert_allclose(cell_shares(area, window, 250.0), plain, atol=1e-9)


def test_holes_slivers_and_overlaps(build: Any) -> None:
    frame = (
        f"POLYGON(({X} {Y},{X + 2000} {Y},{X + 2000} {Y + 2000},{X} {Y + 2000},{X} {Y}),"
        f"({X + 500} {Y + 500},{X + 1500} {Y + 500},{X + 1500} {Y + 1500},{X + 500} {Y + 1500},{X + 500} {Y + 500}))"
    )
    sliver = box(X - 0.001, Y, X, Y + 2000)
    again = box(X, Y, X + 400, Y + 400)
    answer = build(polygons(frame, sliver, again))
    assert answer["CELLS"] == 64 - 16
    assert all(cell["share_inside"] == 1.0 for cell in cells(answer).values())


def test_minimum_share_and_what_it_leaves_out(build: Any, feedback: Listener) -> None:
    town = polygons(box(X, Y, X + 300, Y + 250))  # one whole cell and a fifth of the next
    assert build(town)["CELLS"] == 1
    assert "Cells left out with less than 25% inside: 1, 16.7% of the area." in feedback.lines
    assert build(town, MIN_SHARE=0.2)["CELLS"] == 2
    assert build(town, MIN_SHARE=0.0)["CELLS"] == 2


def test_one_cell(build: Any) -> None:
    assert build(polygons(box(X + 1, Y + 1, X + 249, Y + 249)))["CELLS"] == 1


def test_nothing_reaches_the_minimum_share(build: Any) -> None:
    sentence = refusal(build, polygons(box(X + 1, Y + 1, X + 20, Y + 20)))
    assert "No cell has 25% or more of its area inside layer “Town”." in sentence


def test_names_are_stable_when_the_boundary_changes(build: Any) -> None:
    small = cells(build(polygons(box(X + 260, Y + 260, X + 1300, Y + 1300))))
    large = cells(build(polygons(box(X - 3100, Y - 700, X + 1300, Y + 2222))))
    assert set(small) < set(large)
    for name, cell in small.items():
        assert (large[name]["col"], large[name]["row"]) == (cell["col"], cell["row"])


def test_district_of_the_largest_share(build: Any, feedback: Listener) -> None:
    districts = memory_layer(
        "Polygon",
        [
            (box(X, Y, X + 100, Y + 250), [7.0]),
            (box(X + 180, Y, X + 500, Y + 250), [7.0]),  # two pieces of one district: 70 % of the first cell
            (box(X + 100, Y, X + 180, Y + 250), [9.0]),
            (box(X, Y + 250, X + 500, Y + 500), [None]),
        ],
        "name:double",
        name="Beats",
    )
    answer = cells(build(polygons(box(X, Y, X + 500, Y + 500)), DISTRICTS=districts, DISTRICT_FIELD="name"))
    first, above = f"{X // 250}E{Y // 250}N", f"{X // 250}E{Y // 250 + 1}N"
    assert answer[first]["district"] == "7"
    assert answer[above]["district"] in (None, NULL)
    assert "Cells that lie in no district of layer “Beats”, and keep an empty one: 2." in feedback.warnings
    assert "Polygons of layer “Beats” left out for want of a name in field “name”: 1." in feedback.warnings


def test_without_districts_the_area_is_one(build: Any) -> None:
    assert {cell["district"] for cell in cells(build(polygons(box(X, Y, X + 500, Y + 500)))).values()} == {"All"}


def test_exclusions_count_as_outside(build: Any) -> None:
    town = polygons(box(X, Y, X + 1000, Y + 500))
    lake = polygons(box(X, Y, X + 600, Y + 500), name="Lake")
    station = polygons(box(-75.0, 39.0, -74.99, 39.01), crs="EPSG:4326", name="Far station")
    answer = cells(build(town, EXCLUSIONS=[lake, station]))
    assert len(answer) == 4
    assert answer[f"{X // 250 + 2}E{Y // 250}N"]["share_inside"] == pytest.approx(0.6)


def test_exclusions_that_cover_all(build: Any) -> None:
    town = polygons(box(X, Y, X + 1000, Y + 500))
    assert "see that exclusions do not cover it all" in refusal(build, town, EXCLUSIONS=[town])


def test_exclusion_points_are_refused(build: Any) -> None:
    points = memory_layer("Point", [(f"POINT({X} {Y})", [])], name="Stations")
    sentence = refusal(build, polygons(box(X, Y, X + 500, Y + 500)), EXCLUSIONS=[points])
    assert "Exclusion layer “Stations” has no polygons: buffer points and lines first." in sentence


def test_empty_boundary(build: Any) -> None:
    assert "Layer “Nothing” is empty." in refusal(build, polygons(name="Nothing"))


def test_boundary_without_any_area(build: Any) -> None:
    assert "Layer “Town” has no usable polygon." in refusal(build, polygons(None, None))


def test_degrees_name_the_zone_to_choose(build: Any) -> None:
    degrees = polygons(box(-75.2, 39.9, -75.1, 40.0), crs="EPSG:4326", name="Philadelphia")
    sentence = refusal(build, degrees)
    assert (
        "Layer “Philadelphia” is in degrees (EPSG:4326), and cells are squares in metres: "
        "choose EPSG:32618 as the grid CRS."
    ) in sentence
    assert build(degrees, CRS="EPSG:32618")["OUTPUT"].crs().authid() == "EPSG:32618"


@pytest.mark.parametrize(("longitude", "latitude", "code"), [(151.2, -33.9, "EPSG:32756"), (-180.0, 10.0, "EPSG:32601"),
                                                             (179.9, 66.0, "EPSG:32660")])  # fmt: skip
def test_suggested_zones(build: Any, longitude: float, latitude: float, code: str) -> None:
    place = polygons(box(longitude, latitude, longitude + 0.01, latitude + 0.01), crs="EPSG:4326")
    assert f"choose {code} as the grid CRS" in refusal(build, place)


def test_no_suggestion_beyond_the_zones(build: Any) -> None:
    pole = polygons(box(0, 86, 1, 87), crs="EPSG:4326")
    assert "choose a projected CRS in metres that suits the place" in refusal(build, pole)


def test_feet_are_refused(build: Any) -> None:
    feet = polygons(box(2_690_000, 240_000, 2_700_000, 250_000), crs="EPSG:2272", name="State plane")
    # QGIS has called the unit by several names
    assert re.search(r"Layer “State plane” is in .*feet.* \(EPSG:2272\)", refusal(build, feet))
    assert re.search(r"The grid CRS is in .*feet.* \(EPSG:2272\)", refusal(build, feet, CRS="EPSG:2272"))


def test_chosen_crs_in_degrees_or_unknown(build: Any) -> None:
    town = polygons(box(X, Y, X + 500, Y + 500))
    assert "The grid CRS is in degrees (EPSG:4326)" in refusal(build, town, CRS="EPSG:4326")
    assert "The grid CRS “EPSG:999999” is not known." in refusal(build, town, CRS="EPSG:999999")


def test_boundary_without_crs(build: Any) -> None:
    nowhere = polygons(box(X, Y, X + 500, Y + 500), crs="", name="Nowhere")
    sentence = refusal(build, nowhere, CRS="EPSG:32618")
    assert "Layer “Nowhere” has no coordinate reference system" in sentence


def test_web_mercator_is_warned_about(build: Any, feedback: Listener) -> None:
    build(polygons(box(-75.2, 39.9, -75.1, 40.0), crs="EPSG:4326"), CRS="EPSG:3857")
    assert any("1,000 m in the grid CRS EPSG:3857 are 76" in warning for warning in feedback.warnings)
    assert any("EPSG:32618 keeps true lengths" in warning for warning in feedback.warnings)


def test_no_warning_in_a_true_crs(build: Any, feedback: Listener) -> None:
    build(polygons(box(X, Y, X + 500, Y + 500)))
    assert feedback.warnings == []


def test_invalid_polygons_are_mended(build: Any, feedback: Listener) -> None:
    bow_tie = f"POLYGON(({X} {Y},{X + 1000} {Y + 1000},{X + 1000} {Y},{X} {Y + 1000},{X} {Y}))"
    answer = build(polygons(bow_tie))
    assert answer["AREA_KM2"] == pytest.approx(0.5)
    assert "Invalid polygons of layer “Town” that were mended, and may need a look: 1." in feedback.warnings


def test_too_many_cells_says_a_size_that_works(build: Any) -> None:
    country = polygons(box(X, Y, X + 200_000, Y + 200_000))
    sentence = refusal(build, country)
    assert "would be about 640,000, and a grid holds 500,000 at most." in sentence
    assert "Use cells of 300 m or more." in sentence


def test_thin_diagonal_areas_are_bounded_too(build: Any) -> None:
    strip = f"POLYGON(({X} {Y},{X + 10} {Y},{X + 2_000_010} {Y + 2_000_000},{X + 2_000_000} {Y + 2_000_000},{X} {Y}))"
    assert "Use cells of" in refusal(build, polygons(strip))


def test_district_field_is_asked_for(build: Any) -> None:
    town = polygons(box(X, Y, X + 500, Y + 500))
    sentence = refusal(build, town, DISTRICTS=town)
    assert "Choose the field of layer “Town” that holds the districts' names." in sentence


def test_selected_features_only(build: Any, context: QgsProcessingContext) -> None:
    from qgis.core import QgsProject

    town = polygons(box(X, Y, X + 500, Y + 500), box(X + 5000, Y, X + 5250, Y + 250))
    QgsProject.instance().addMapLayer(town, False)
    try:
        town.selectByIds([2])
        assert build(QgsProcessingFeatureSourceDefinition(town.id(), True))["CELLS"] == 1
    finally:
        QgsProject.instance().removeMapLayer(town.id())


def test_layers_may_be_removed_while_it_works(context: QgsProcessingContext, feedback: Listener) -> None:
    """As when another project is opened: the work goes on in another thread until it hears of it."""
    from qgis.core import QgsApplication, QgsProject

    town = box(X, Y, X + 500, Y + 500)
    layers = [
        polygons(town),
        memory_layer("Polygon", [(town, ["1"])], "name:string"),
        polygons(box(X, Y, X + 250, Y + 250)),
    ]
    ids = [QgsProject.instance().addMapLayer(layer, False).id() for layer in layers]
    parameters = {
        "BOUNDARY": ids[0],
        "DISTRICTS": ids[1],
        "DISTRICT_FIELD": "name",
        "EXCLUSIONS": [ids[2]],
        "OUTPUT": "memory:",
    }
    algorithm = QgsApplication.processingRegistry().createAlgorithmById("patrolmissions:buildgrid")
    context.setProject(QgsProject.instance())
    assert algorithm.prepareAlgorithm(parameters, context, feedback)
    layers.clear()
    QgsProject.instance().removeMapLayers(ids)
    assert algorithm.processAlgorithm(parameters, context, feedback)["CELLS"] == 3


def test_cancel_gives_nothing(processing: Any, feedback: Listener) -> None:
    feedback.progressChanged.connect(lambda _: feedback.cancel())
    answer = processing.run(
        "patrolmissions:buildgrid",
        {"BOUNDARY": polygons(box(X, Y, X + 100_000, Y + 100_000)), "OUTPUT": "memory:"},
        feedback=feedback,
    )
    assert answer == {}


def test_a_whole_city_in_three_seconds(build: Any, shared_data: Path) -> None:
    districts = f"{shared_data / 'context_philadelphia.gpkg'}|layername=police_districts"
    began = time.perf_counter()
    answer = build(districts, CRS="EPSG:32618", DISTRICTS=districts, DISTRICT_FIELD="dist_num")
    seconds = time.perf_counter() - began
    assert answer["CELLS"] == 6014
    assert answer["AREA_KM2"] == pytest.approx(369.2, rel=0.005)
    assert len({cell["district"] for cell in cells(answer).values()}) == 21
    assert seconds < 3.0


def test_a_city_with_self_intersecting_districts(build: Any, feedback: Listener, shared_data: Path) -> None:
    districts = f"{shared_data / 'context_portland.gpkg'}|layername=police_districts"
    layer = QgsVectorLayer(districts, "Portland")
    bad = sum(not feature.geometry().isGeosValid() for feature in layer.getFeatures())
    build(layer, CRS="EPSG:32610")
    assert bad == 2
    assert "Invalid polygons of layer “Portland” that were mended, and may need a look: 2." in feedback.warnings
