"""Add indicators: measures by hand on a small grid, what is refused, and the context layers of a real city."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import Listener
from made_layers import box, memory_layer
from qgis.core import (
    QgsCoordinateReferenceSystem,
    QgsCoordinateTransform,
    QgsFeatureRequest,
    QgsGeometry,
    QgsProcessingException,
    QgsProcessingFeatureSourceDefinition,
    QgsProject,
    QgsVectorLayer,
)
from qgis.PyQt.QtCore import NULL
from support import enable, run_algorithm

X, Y, SIZE = 500_000.0, 4_420_000.0, 250.0
WIDTH, HEIGHT = 4, 3


@pytest.fixture
def grid(processing: Any) -> QgsVectorLayer:
    """Twelve cells, with a field of their own."""
    outline = memory_layer("Polygon", [(box(X, Y, X + WIDTH * SIZE, Y + HEIGHT * SIZE), [])], name="Town")
    built = processing.run("patrolmissions:buildgrid", {"BOUNDARY": outline, "SIZE": SIZE, "OUTPUT": "memory:"})
    return processing.run(
        "native:fieldcalculator",
        {"INPUT": built["OUTPUT"], "FIELD_NAME": "note", "FIELD_TYPE": 2, "FORMULA": "'kept ' || cell_id",
         "OUTPUT": "memory:"},
    )["OUTPUT"]  # fmt: skip


@pytest.fixture
def add(processing: Any, grid: QgsVectorLayer, feedback: Listener) -> Any:
    """Run the algorithm on the small grid; gives the layer and the fields it says it has added."""

    def run(**parameters: Any) -> tuple[QgsVectorLayer, list[str]]:
        answer = processing.run(
            "patrolmissions:addindicators", {"GRID": grid, "OUTPUT": "memory:", **parameters}, feedback=feedback
        )
        return answer["OUTPUT"], answer["FIELDS"].split(",")

    return run


def centre(column: int, row: int) -> tuple[float, float]:
    """The centre of a cell, counted from the south-west."""
    return X + (column + 0.5) * SIZE, Y + (row + 0.5) * SIZE


def values(layer: QgsVectorLayer, field: str) -> np.ndarray:
    """A field as an array of rows (from the south) and columns; NaN for NULL."""
    found = np.full((HEIGHT, WIDTH), np.nan)
    for feature in layer.getFeatures():
        value = feature[field]
        found[feature["row"] - int(Y // SIZE), feature["col"] - int(X // SIZE)] = np.nan if value == NULL else value
    return found


def places(*rows: tuple[float, float, str | None], name: str = "Places", field: str = "kind") -> QgsVectorLayer:
    return memory_layer("Point", [(f"POINT ({x} {y})", [kind]) for x, y, kind in rows], f"{field}:string", name=name)


def test_places_are_split_by_kind_and_the_grid_is_kept(add: Any, grid: QgsVectorLayer) -> None:
    x, y = centre(1, 1)
    layer = places((x + 30, y + 40, "Bar & grill"), (x, y, "Bar & grill"), (x, y + 200, None))
    found, fields = add(LAYERS=[layer], RADII="260, 100")
    assert fields == [
        "bar_grill_nearest_m", "bar_grill_count_100m", "bar_grill_density_100m", "bar_grill_count_260m",
        "bar_grill_density_260m", "places_nearest_m", "places_count_100m", "places_density_100m", "places_count_260m",
        "places_density_260m",
    ]  # fmt: skip
    assert found.fields().names() == [*grid.fields().names(), *fields]
    assert found.crs() == grid.crs()
    before = {f["cell_id"]: (f["note"], f["district"], f.geometry().asWkb()) for f in grid.getFeatures()}
    assert {f["cell_id"]: (f["note"], f["district"], f.geometry().asWkb()) for f in found.getFeatures()} == before
    nearest = values(found, "bar_grill_nearest_m")
    assert nearest[1, 1] == 0
    assert nearest[1, 2] == pytest.approx(math.hypot(220, 40), abs=0.05)
    assert nearest[1, 3] == pytest.approx(math.hypot(470, 40), abs=0.05)
    assert values(found, "bar_grill_count_100m").tolist() == [[0, 0, 0, 0], [0, 2, 0, 0], [0, 0, 0, 0]]
    assert values(found, "bar_grill_count_260m")[1].tolist() == [1, 2, 2, 0]
    weights = 1 + (1 - (50 / 100) ** 2) ** 2
    assert values(found, "bar_grill_density_100m")[1, 1] == pytest.approx(3 / math.pi / 0.1**2 * weights)
    assert values(found, "places_count_260m").tolist() == [[0, 0, 0, 0], [0, 1, 0, 0], [1, 1, 1, 0]]


def test_lines_and_areas_count_once_and_by_their_nearest_part(add: Any) -> None:
    x, y = centre(0, 0)
    line = memory_layer("LineStringZ", [(f"LINESTRING Z ({x} {y + 60} 5, {x + 500} {y + 60} 6)", [])], name="Tram")
    corner = centre(3, 2)
    small = box(corner[0] - 50, corner[1] + 20, corner[0], corner[1] + 30)
    park = memory_layer(
        "MultiPolygon",
        [(box(x - 10, y - 10, x + 760, y + 10), []), (small, [])],
        name="Parks",
    )  # fmt: skip
    found, _ = add(LAYERS=[line, park], RADII="100")
    assert values(found, "tram_nearest_m")[0].tolist() == pytest.approx([60, 60, 60, math.hypot(250, 60)], abs=0.06)
    assert values(found, "tram_count_100m")[0].tolist() == [1, 1, 1, 0]
    assert values(found, "parks_nearest_m")[0].tolist() == [0, 0, 0, 0]
    assert values(found, "parks_nearest_m")[1].tolist() == [240, 240, 240, pytest.approx(240)]
    assert values(found, "parks_nearest_m")[2, 3] == 20
    assert values(found, "parks_count_100m").tolist() == [[1, 1, 1, 1], [0, 0, 0, 0], [0, 0, 0, 1]]


def test_circles_and_multipoints(add: Any) -> None:
    x, y = centre(1, 1)
    ring = f"CURVEPOLYGON (CIRCULARSTRING ({x - 100} {y}, {x} {y + 100}, {x + 100} {y}, {x} {y - 100}, {x - 100} {y}))"
    round_park = memory_layer("CurvePolygon", [(ring, [])], name="Round")
    stops = memory_layer("MultiPoint", [(f"MULTIPOINT (({x} {y}), ({x + 1} {y}), ({x + 900} {y}))", [])], name="Stops")
    found, _ = add(LAYERS=[round_park, stops], RADII="50")
    assert values(found, "round_nearest_m")[1].tolist() == pytest.approx([150, 0, 150, 400], abs=0.3)
    assert values(found, "stops_count_50m")[1, 1] == 2


def test_a_layer_in_degrees_measures_the_same(add: Any) -> None:
    to_degrees = QgsCoordinateTransform(
        QgsCoordinateReferenceSystem("EPSG:32618"), QgsCoordinateReferenceSystem("EPSG:4326"), QgsProject.instance()
    )
    x, y = centre(1, 1)
    point = QgsGeometry.fromWkt(f"POINT ({x + 30} {y + 40})")
    point.transform(to_degrees)
    layer = memory_layer("Point", [(point.asWkt(12), [])], crs="EPSG:4326", name="Bars")
    found, _ = add(LAYERS=[layer])
    assert values(found, "bars_nearest_m")[1, 1] == 50.0


def test_amounts_are_shared_out_and_rates_averaged(add: Any) -> None:
    tracts = memory_layer(
        "Polygon",
        [
            (box(X, Y, X + 500, Y + 500), [100, 40_000.0]),
            (box(X + 500, Y, X + 1000, Y + 250), [60, -666666666.0]),
            (box(X + 625, Y + 250, X + 1125, Y + 500), [30, 10_000.0]),  # a quarter of it lies outside the grid
            (box(X, Y + 250, X + 250, Y + 500), [None, 60_000.0]),  # on top of the first
        ],
        "population:integer,income:double",
        name="Tracts",
    )
    found, fields = add(AREAS=tracts, AREA_SUMS=["population"], AREA_MEANS=["income", "population"])
    assert fields == ["population_sum", "income_mean", "population_mean"]
    assert values(found, "population_sum").tolist() == [[25, 25, 30, 30], [25, 25, 7.5, 15], [0, 0, 0, 0]]
    income = values(found, "income_mean")
    assert income[0, :2].tolist() == [40_000, 40_000]
    assert income[1].tolist() == [50_000, 40_000, 10_000, 10_000]
    assert np.isnan(income[0, 2:]).all()
    assert np.isnan(income[2]).all()


def test_streets_give_metres_and_intersections(add: Any) -> None:
    x, y = centre(1, 1)
    streets = memory_layer(
        "MultiLineString",
        [
            (f"MULTILINESTRING (({x - 250} {y}, {x} {y}, {x + 250} {y}))", []),
            (f"MULTILINESTRING (({x} {y}, {x} {y + 250}))", []),
        ],
        name="Roads",
    )
    found, fields = add(STREETS=streets)
    assert fields == ["street_length_m", "street_intersections"]
    assert values(found, "street_length_m").tolist() == [[0, 0, 0, 0], [125, 375, 125, 0], [0, 125, 0, 0]]
    assert values(found, "street_intersections").tolist() == [[0, 0, 0, 0], [0, 1, 0, 0], [0, 0, 0, 0]]


def test_a_layer_without_shapes_is_far_from_all(add: Any, feedback: Listener) -> None:
    found, _ = add(LAYERS=[places(name="Nothing")], RADII="250")
    assert (values(found, "nothing_nearest_m") == 750).all()
    assert (values(found, "nothing_count_250m") == 0).all()
    assert any("“Nothing” has no shapes" in text for text in feedback.warnings)


def test_a_grid_may_be_added_to_again_and_in_part(processing: Any, add: Any, grid: QgsVectorLayer) -> None:
    x, y = centre(1, 1)
    first, _ = add(LAYERS=[places((x, y, "bar"))], RADII="250")
    again, fields = add(GRID=first, LAYERS=[places((x, y, "school"))], RADII="250")
    assert again.fields().names() == [*first.fields().names(), *fields]
    assert (values(again, "bar_nearest_m") == values(again, "school_nearest_m")).all()
    grid.selectByExpression('"col" = minimum("col")')
    part = QgsProcessingFeatureSourceDefinition(grid.id(), True)
    QgsProject.instance().addMapLayer(grid, False)
    try:
        some, _ = add(GRID=part, LAYERS=[places((x, y, "bar"))])
        assert some.featureCount() == HEIGHT
        assert values(some, "bar_nearest_m")[1, 0] == 250
    finally:
        QgsProject.instance().takeMapLayer(grid)


@pytest.mark.parametrize(
    ("parameters", "words"),
    [
        ({}, "There is nothing to measure"),
        ({"LAYERS": ["places"], "RADII": "near"}, "The radii read “near”. Give one to six numbers"),
        ({"LAYERS": ["places"], "RADII": "5"}, "The radii read “5”."),
        ({"LAYERS": ["places"], "KIND_FIELD": "Race"}, "“Race” is about the race, ethnicity or origin of residents"),
        ({"LAYERS": ["table"]}, "Layer “Table” has no shapes"),
        ({"LAYERS": ["parolees"]}, "“Parolees” is about single persons"),
        ({"LAYERS": ["places", "places"]}, "Two layers or kinds would make the field “places_nearest_m”. Rename one"),
        ({"LAYERS": ["note"]}, "has a field “note_nearest_m” already"),
        ({"AREAS": "tracts"}, "Choose fields of layer “Tracts” to share out or to average."),
        ({"AREAS": "tracts", "AREA_MEANS": ["absent"]}, "Layer “Tracts” has no field “absent”."),
        ({"AREAS": "tracts", "AREA_MEANS": ["name"]}, "Field “name” of layer “Tracts” holds no numbers"),
        ({"AREAS": "tracts", "AREA_MEANS": ["PctHispanic"]}, "“PctHispanic” is about the race, ethnicity or origin"),
        ({"AREAS": "tracts", "AREA_SUMS": ["bachelors"]}, "“bachelors” is about the education of residents"),
        ({"AREAS": "tracts", "AREA_SUMS": ["owner_occ"]}, "“owner_occ” is about who owns and who rents a home"),
        ({"GRID": "tracts", "LAYERS": ["places"]}, "Layer “Tracts” has no field “cell_id”"),
    ],
)
def test_what_cannot_be_measured_gets_a_sentence(
    processing: Any, grid: QgsVectorLayer, parameters: dict[str, Any], words: str
) -> None:
    if parameters.get("LAYERS") == ["note"]:
        grid = processing.run(
            "native:renametablefield",
            {"INPUT": grid, "FIELD": "note", "NEW_NAME": "note_nearest_m", "OUTPUT": "memory:"},
        )["OUTPUT"]
    numbers = "PctHispanic:double,bachelors:integer,owner_occ:integer,name:string"
    known = {
        "places": places((X, Y, None), field="other"),
        "note": places((X, Y, None), field="other", name="note"),
        "parolees": places((X, Y, None), field="other", name="Parolees"),
        "table": memory_layer("None", [], "a:string", name="Table"),
        "tracts": memory_layer("Polygon", [(box(X, Y, X + 500, Y + 500), [1, 2, 3, "a"])], numbers, name="Tracts"),
    }

    def layer(value: Any) -> Any:
        return known.get(value, value) if isinstance(value, str) else value

    given = {
        name: [layer(each) for each in value] if name == "LAYERS" else layer(value)
        for name, value in parameters.items()
    }
    with pytest.raises(QgsProcessingException) as caught:
        processing.run("patrolmissions:addindicators", {"GRID": grid, "OUTPUT": "memory:", **given})
    assert words in str(caught.value)


def test_cancelling_gives_nothing(add: Any, feedback: Listener) -> None:
    feedback.cancel()
    with pytest.raises(KeyError, match="OUTPUT"):
        add(LAYERS=[places((X, Y, "bar"))])


def test_from_the_command_line(stage: Path, grid: QgsVectorLayer, processing: Any, tmp_path: Path) -> None:
    profile = tmp_path / "profile"
    profile.mkdir()
    enable(profile, stage)
    for name, layer in (("grid", grid), ("bars", places((*centre(1, 1), "bar")))):
        processing.run("native:savefeatures", {"INPUT": layer, "OUTPUT": str(tmp_path / f"{name}.gpkg")})
    answer = run_algorithm(
        "patrolmissions:addindicators",
        {"GRID": tmp_path / "grid.gpkg", "LAYERS": tmp_path / "bars.gpkg", "RADII": "300",
         "OUTPUT": tmp_path / "wide.gpkg"},
        profile=profile, plugins=stage,
    )  # fmt: skip
    assert answer["FIELDS"] == "bar_nearest_m,bar_count_300m,bar_density_300m"
    wide = QgsVectorLayer(answer["OUTPUT"], "wide", "ogr")
    assert values(wide, "bar_nearest_m")[1].tolist() == [250, 0, 250, 500]


def _intersections(streets: QgsVectorLayer, grid: QgsVectorLayer) -> int:
    """Vertices inside the grid with three neighbours or more, found one by one."""
    neighbours: dict[tuple[float, float], set[tuple[float, float]]] = {}
    for feature in streets.getFeatures():
        geometry = feature.geometry()
        geometry.convertToMultiType()
        for part in geometry.asMultiPolyline():
            places = [(round(point.x(), 7), round(point.y(), 7)) for point in part]
            for one, other in zip(places, places[1:]):
                if one != other:
                    neighbours.setdefault(one, set()).add(other)
                    neighbours.setdefault(other, set()).add(one)
    to_grid = QgsCoordinateTransform(streets.crs(), grid.crs(), QgsProject.instance())
    cells = {(f["col"], f["row"]) for f in grid.getFeatures()}
    count = 0
    for place, others in neighbours.items():
        if len(others) >= 3:
            point = to_grid.transform(*place)
            count += (point.x() // SIZE, point.y() // SIZE) in cells
    return count


def test_a_real_city(processing: Any, shared_data: Path) -> None:
    """Philadelphia: its people are all shared out, and every measure agrees with QGIS's own where QGIS has one."""
    path = shared_data / "context_philadelphia.gpkg"
    if not path.is_file():
        pytest.skip(f"REAL DATA ABSENT: {path} does not exist, so this real-data test did not run.")

    def context(name: str) -> QgsVectorLayer:
        return QgsVectorLayer(f"{path}|layername={name}", name, "ogr")

    boundary = {"BOUNDARY": context("police_districts"), "CRS": "EPSG:32618", "MIN_SHARE": 0, "OUTPUT": "memory:"}
    grid = processing.run("patrolmissions:buildgrid", boundary)["OUTPUT"]
    names = ("schools", "universities", "septa_el_stations", "major_roads_osm", "commercial_corridors_polygons")
    answer = processing.run(
        "patrolmissions:addindicators",
        {
            "GRID": grid,
            "LAYERS": [context(name) for name in names],
            "AREAS": context("census_tracts_pop"),
            "AREA_SUMS": ["total_pop"],
            "STREETS": context("major_roads_osm"),
            "OUTPUT": "memory:",
        },
    )
    found = answer["OUTPUT"]
    assert len(answer["FIELDS"].split(",")) == 5 * 5 + 1 + 2
    assert found.featureCount() == grid.featureCount()
    rows = {name: np.array([f[name] for f in found.getFeatures()], float) for name in answer["FIELDS"].split(",")}
    population = sum(f["total_pop"] for f in context("census_tracts_pop").getFeatures())
    assert rows["total_pop_sum"].sum() == pytest.approx(population, rel=0.005)
    assert 0.1 < (rows["schools_nearest_m"] == 750).mean() < 0.8
    assert rows["street_intersections"].sum() == _intersections(context("major_roads_osm"), grid)
    moved = {
        name: processing.run(
            "native:reprojectlayer", {"INPUT": context(name), "TARGET_CRS": grid.crs(), "OUTPUT": "memory:"}
        )["OUTPUT"]
        for name in names
    }
    shapes = {name: [f.geometry() for f in layer.getFeatures()] for name, layer in moved.items()}
    for feature in found.getFeatures(QgsFeatureRequest().setLimit(4000)):
        if feature.id() % 97:
            continue
        middle = feature.geometry().centroid()
        for name in names:
            distances = np.array([middle.distance(shape) for shape in shapes[name]])
            assert feature[f"{name}_nearest_m"] == pytest.approx(min(distances.min(), 750.0), abs=0.06)
            assert feature[f"{name}_count_500m"] == (distances <= 500).sum()
        inside = sum(shape.intersection(feature.geometry()).length() for shape in shapes["major_roads_osm"])
        assert feature["street_length_m"] == pytest.approx(inside, abs=0.2)
