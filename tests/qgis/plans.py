"""Plans made through Processing from the made-up city's forecast, and what goes into them."""

from __future__ import annotations

from typing import Any

import pytest
from made_layers import memory_layer
from qgis.core import QgsGeometry, QgsProcessingException, QgsVectorLayer
from sample_chain import Chain

FIELDS = "cell_id:string,to_cell_id:string,kind:string,reason:string,author:string,box:string"


def allocate(chain: Chain, **given: Any) -> dict[str, Any]:
    import processing

    parameters = {"FORECAST": chain.path("forecast"), "MISSIONS_PER_DISTRICT": 2, "OUTPUT": "memory:", **given}
    return dict(processing.run("patrolmissions:allocatemissions", parameters))


def refused(chain: Chain, **given: Any) -> str:
    with pytest.raises(QgsProcessingException) as caught:
        allocate(chain, **given)
    return str(caught.value)


def rows(layer: QgsVectorLayer) -> list[dict[str, Any]]:
    return [dict(zip(layer.fields().names(), feature.attributes())) for feature in layer.getFeatures()]


def overrides(*given: tuple[Any, ...], crs: str) -> QgsVectorLayer:
    """Rows of WKT, cell, other cell, kind and name of the box."""
    made_of = [(wkt, [cell, there, kind, "asked by residents", "Ana", name]) for wkt, cell, there, kind, name in given]
    return memory_layer("Polygon", made_of, FIELDS, crs, name="Overrides")


def halves(chain: Chain, fields: str = "", **numbers: tuple[Any, Any]) -> QgsVectorLayer:
    """The cells' ground as two neighbourhoods, West and East.

    :param fields: further fields, as for :func:`made_layers.memory_layer`
    :param numbers: values of those fields in West and in East
    """
    forecast = chain.layer("forecast")
    middle = forecast.extent().center().x()
    cells = {feature["cell_id"]: QgsGeometry(feature.geometry()) for feature in forecast.getFeatures()}
    west = [shape.boundingBox().center().x() < middle for shape in cells.values()]
    grounds = [
        QgsGeometry.unaryUnion([shape for shape, here in zip(cells.values(), west) if here == side])
        for side in (True, False)
    ]
    made_of = [
        (ground.asWkt(), [name, *(pair[at] for pair in numbers.values())])
        for at, (name, ground) in enumerate(zip(("West", "East"), grounds))
    ]
    all_fields = "name:string" + (f",{fields}" if fields else "")
    return memory_layer("MultiPolygon", made_of, all_fields, forecast.crs().authid(), name="Halves")


def in_west(chain: Chain, layer: QgsVectorLayer) -> dict[str, int]:
    """Number of missions in the western half, by start of the shift."""
    middle = chain.layer("forecast").extent().center().x()
    found: dict[str, int] = {}
    for feature in layer.getFeatures():
        start = feature["start"].toString("yyyy-MM-dd HH:mm")
        found[start] = found.get(start, 0) + (feature.geometry().centroid().asPoint().x() < middle)
    return found


def crews(chain: Chain, minutes: float = 120.0) -> QgsVectorLayer:
    """One unit in each district."""
    districts = sorted({str(row["district"]) for row in rows(chain.layer("grid"))})
    made_of = [(None, [f"Adam {number}", district, minutes]) for number, district in enumerate(districts)]
    return memory_layer("None", made_of, "unit:string,district:string,minutes:double", name="Crews")


def decided(*given: tuple[str | None, str, Any], crs: str, shape: str = "Polygon") -> QgsVectorLayer:
    """Overrides from WKT, kind and cell."""
    made_of = [(wkt, [kind, cell, "asked by residents", "Ana"]) for wkt, kind, cell in given]
    fields = "kind:string,cell_id:string,reason:string,author:string"
    return memory_layer(shape, made_of, fields, crs, name="Decided")


def free_cells(chain: Chain, count: int) -> list[str]:
    """Cells of one district that have no mission in the made-up city's plan."""
    taken = {row["cell_id"] for row in rows(chain.layer("missions"))}
    forecast = rows(chain.layer("forecast"))
    here = sorted({row["cell_id"] for row in forecast if row["district"] == forecast[0]["district"]} - taken)
    assert len(here) >= count
    return here[:count]


def square(chain: Chain, cell: str) -> QgsGeometry:
    """The shape of a cell."""
    return QgsGeometry(next(chain.layer("forecast").getFeatures(f"\"cell_id\" = '{cell}'")).geometry())
