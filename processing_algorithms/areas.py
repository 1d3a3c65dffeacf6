"""Polygon layers as areas: read in the grid's CRS, mended, dissolved."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from qgis.core import (
    QgsCoordinateReferenceSystem,
    QgsCoordinateTransformContext,
    QgsFeature,
    QgsGeometry,
    QgsProcessingFeedback,
    QgsWkbTypes,
)
from qgis.PyQt.QtCore import NULL, QCoreApplication

from patrol_missions.bridge.sources import LayerSource
from patrol_missions.core.errors import Canceled


def tr(text: str) -> str:
    """The text in the user's language."""
    return QCoreApplication.translate("PatrolAreas", text)


def polygons_only(geometry: QgsGeometry) -> QgsGeometry:
    """The polygons of a geometry, without the points and lines that mending and cutting leave behind."""
    if geometry.isNull() or geometry.isEmpty():
        return QgsGeometry()
    if geometry.type() == QgsWkbTypes.GeometryType.PolygonGeometry:
        return geometry
    parts = [QgsGeometry(part.clone()) for part in geometry.constParts()]
    areas = [part for part in parts if part.type() == QgsWkbTypes.GeometryType.PolygonGeometry]
    return QgsGeometry.collectGeometry(areas) if areas else QgsGeometry()


def dissolve(geometries: Iterable[QgsGeometry]) -> QgsGeometry:
    """One area from many, without overlaps; a null geometry from none."""
    areas = [geometry for geometry in geometries if not geometry.isNull()]
    return polygons_only(QgsGeometry.unaryUnion(areas)) if areas else QgsGeometry()


def name_of(value: object) -> str | None:
    """A field's value as a name: ``7`` and ``7.0`` are both “7”; empty values have none."""
    if value is None or value == NULL:
        return None
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return str(value).strip() or None


class AreaReader:
    """Reads polygon layers in one CRS; says what it mended or left out.

    :param crs: CRS of the areas
    :param transforms: the project's choice of transformations
    :param feedback: hears warnings, and may cancel
    """

    def __init__(
        self,
        crs: QgsCoordinateReferenceSystem,
        transforms: QgsCoordinateTransformContext,
        feedback: QgsProcessingFeedback,
    ) -> None:
        self._crs = crs
        self._transforms = transforms
        self._feedback = feedback

    def area(self, layer: LayerSource) -> QgsGeometry:
        """The area that a layer covers, null when it has none."""
        return dissolve(geometry for _feature, geometry in self.polygons(layer))

    def areas_by(self, layer: LayerSource, field: str) -> dict[str, QgsGeometry]:
        """The area per name in a field, in order of appearance."""
        groups: dict[str, list[QgsGeometry]] = {}
        unnamed = 0
        for feature, geometry in self.polygons(layer):
            name = name_of(feature[field])
            if name is None:
                unnamed += 1
            else:
                groups.setdefault(name, []).append(geometry)
        if unnamed:
            self._feedback.pushWarning(
                tr("Polygons of layer “{layer}” left out for want of a name in field “{field}”: {count}.").format(
                    count=unnamed, layer=layer.name, field=field
                )
            )
        return {name: dissolve(geometries) for name, geometries in groups.items()}

    def polygons(self, layer: LayerSource) -> Iterator[tuple[QgsFeature, QgsGeometry]]:
        """The features that have an area, with it."""
        mended = useless = 0
        for feature in layer.whole_features(self._crs, self._transforms):
            if self._feedback.isCanceled():
                raise Canceled
            geometry = feature.geometry()
            if not geometry.isNull() and not geometry.isGeosValid():
                mended += 1
                geometry = geometry.makeValid()
            geometry = polygons_only(geometry)
            if geometry.isNull() or not geometry.area() > 0:
                useless += 1
            else:
                yield feature, geometry
        self._say(mended, useless, layer.name)

    def _say(self, mended: int, useless: int, layer_name: str) -> None:
        if mended:
            self._feedback.pushWarning(
                tr("Invalid polygons of layer “{layer}” that were mended, and may need a look: {count}.").format(
                    count=mended, layer=layer_name
                )
            )
        if useless:
            self._feedback.pushWarning(
                tr("Features of layer “{layer}” left out for want of an area: {count}.").format(
                    count=useless, layer=layer_name
                )
            )
