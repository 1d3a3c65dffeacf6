"""A layer that a user chose, ready to be read in any thread."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from qgis.core import (
    QgsCoordinateReferenceSystem,
    QgsFeature,
    QgsFeatureRequest,
    QgsFields,
    QgsProcessingAlgorithm,
    QgsProcessingContext,
    QgsProcessingFeatureSource,
    QgsProcessingFeatureSourceDefinition,
    QgsVectorLayer,
    QgsVectorLayerFeatureSource,
    QgsWkbTypes,
)

from patrol_missions.bridge.batches import ROWS, Batch, encoder
from patrol_missions.bridge.columnar import ColumnarFile, columnar_file
from patrol_missions.bridge.wkb import point_coordinates
from patrol_missions.core.errors import InputError


@dataclass(frozen=True)
class LayerSource:
    """What is needed of a layer to read it later, off the main thread; make it in ``prepareAlgorithm``.

    ``columnar`` is set where the layer's file may be read column by column instead of feature by feature.
    """

    name: str
    fields: QgsFields
    crs: QgsCoordinateReferenceSystem
    wkb_type: QgsWkbTypes.Type
    count: int
    features_of: QgsProcessingFeatureSource | QgsVectorLayerFeatureSource
    columnar: ColumnarFile | None = None

    @classmethod
    def from_parameter(
        cls, algorithm: QgsProcessingAlgorithm, parameters: dict[str, Any], name: str, context: QgsProcessingContext
    ) -> LayerSource:
        """The layer of a feature source parameter, with all that the user set: selection, filter, limit."""
        source = algorithm.parameterAsSource(parameters, name, context)
        if source is None:
            raise InputError(algorithm.invalidSourceError(parameters, name))
        whole = _whole_layer(parameters.get(name), context)
        layer = algorithm.parameterAsVectorLayer({name: whole}, name, context) if whole is not None else None
        columnar = columnar_file(layer) if layer is not None else None
        count = int(source.featureCount())
        return cls(source.sourceName(), source.fields(), source.sourceCrs(), source.wkbType(), count, source, columnar)

    @classmethod
    def from_layer(cls, layer: QgsVectorLayer) -> LayerSource:
        """A whole layer, such as one of several chosen in a parameter."""
        features = QgsVectorLayerFeatureSource(layer)
        count = int(layer.featureCount())
        return cls(layer.name(), layer.fields(), layer.crs(), layer.wkbType(), count, features, columnar_file(layer))

    @property
    def is_spatial(self) -> bool:
        """Whether its features have a place."""
        return QgsWkbTypes.geometryType(self.wkb_type) not in (
            QgsWkbTypes.GeometryType.NullGeometry,
            QgsWkbTypes.GeometryType.UnknownGeometry,
        )

    def field_name(self, wanted: str) -> str:
        """The field's name as the layer spells it; :class:`InputError` when there is no such field."""
        place = self.fields.lookupField(wanted)
        if place < 0:
            raise InputError(
                f"Layer “{self.name}” has no field “{wanted}”.",
                f"It has {', '.join(self.fields.names()) or 'no fields'}.",
            )
        return str(self.fields.at(place).name())

    def features(self, names: Sequence[str], geometry: bool) -> Iterator[QgsFeature]:
        """The features with no more than the named fields."""
        request = QgsFeatureRequest().setSubsetOfAttributes(list(names), self.fields)
        if not geometry:
            request.setFlags(QgsFeatureRequest.Flag.NoGeometry)
        if isinstance(self.features_of, QgsProcessingFeatureSource):
            skip = QgsProcessingFeatureSource.Flag.FlagSkipGeometryValidityChecks
            yield from self.features_of.getFeatures(request, skip)
        else:
            yield from self.features_of.getFeatures(request)

    def batches(self, names: Sequence[str], geometry: bool) -> Iterator[Batch]:
        """The rows, feature by feature: the way that works for every layer."""
        places = [self.fields.lookupField(name) for name in names]
        encoders = [encoder(self.fields.at(place).type()) for place in places]
        columns: list[list[Any]] = [[] for _ in names]
        shapes: list[bytes] = []

        def batch() -> Batch:
            encoded = [encode(column) for encode, column in zip(encoders, columns)]
            values = {name: pair[0] for name, pair in zip(names, encoded)}
            missing = {name: pair[1] for name, pair in zip(names, encoded)}
            x, y = point_coordinates(shapes) if geometry else (None, None)
            return Batch(values, missing, x, y)

        for row, feature in enumerate(self.features(names, geometry), start=1):
            attributes = feature.attributes()
            for column, place in zip(columns, places):
                column.append(attributes[place])
            if geometry:
                shapes.append(bytes(feature.geometry().asWkb()))
            if row % ROWS == 0:
                yield batch()
                for column in (*columns, shapes):
                    column.clear()
        yield batch()


def _whole_layer(value: object, context: QgsProcessingContext) -> object | None:
    """The layer that a parameter's value names; None when it stands for only some of the layer's features."""
    if not isinstance(value, QgsProcessingFeatureSourceDefinition):
        return value
    limited = value.featureLimit >= 0
    filtered = bool(getattr(value, "filterExpression", ""))  # newer than QGIS 3.22
    if value.selectedFeaturesOnly or limited or filtered:
        return None
    text, _fine = value.source.valueAsString(context.expressionContext())
    return text
