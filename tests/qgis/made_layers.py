"""Small layers made for tests."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from qgis.core import QgsFeature, QgsGeometry, QgsVectorLayer


def memory_layer(
    kind: str,
    rows: Iterable[tuple[str | None, Sequence[Any]]],
    fields: str = "",
    crs: str = "EPSG:32618",
    name: str = "Made",
) -> QgsVectorLayer:
    """A memory layer from WKT and attributes.

    :param kind: geometry type, such as ``Polygon`` or ``None`` for a table
    :param rows: WKT (None for no geometry) and attribute values per feature
    :param fields: ``"name:string,number:double"``
    """
    uri = f"{kind}?crs={crs}" + "".join(f"&field={field}" for field in fields.split(",") if field)
    layer = QgsVectorLayer(uri, name, "memory")
    assert layer.isValid(), uri
    features = []
    for wkt, values in rows:
        feature = QgsFeature(layer.fields())
        if wkt is not None:
            feature.setGeometry(QgsGeometry.fromWkt(wkt))
        feature.setAttributes(list(values))
        features.append(feature)
    assert layer.dataProvider().addFeatures(features)[0]
    layer.updateExtents()
    return layer


def polygons(*wkt: str | None, crs: str = "EPSG:32618", name: str = "Town") -> QgsVectorLayer:
    """A polygon layer without attributes."""
    return memory_layer("MultiPolygon", [(each, []) for each in wkt], crs=crs, name=name)


def box(x0: float, y0: float, x1: float, y1: float) -> str:
    """A rectangle as WKT."""
    return f"POLYGON(({x0} {y0},{x1} {y0},{x1} {y1},{x0} {y1},{x0} {y0}))"
