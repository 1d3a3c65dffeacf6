"""A layer that a user chose, ready to be read in any thread."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from qgis.core import (
    QgsCoordinateReferenceSystem,
    QgsCoordinateTransformContext,
    QgsFeature,
    QgsFeatureRequest,
    QgsFields,
    QgsMapLayer,
    QgsProcessingAlgorithm,
    QgsProcessingContext,
    QgsProcessingFeatureSource,
    QgsProcessingFeatureSourceDefinition,
    QgsProcessingUtils,
    QgsProperty,
    QgsVectorLayer,
    QgsVectorLayerFeatureSource,
    QgsWkbTypes,
)

from patrol_missions.bridge.batches import ROWS, Batch, encoder
from patrol_missions.bridge.columnar import ColumnarFile, columnar_file
from patrol_missions.bridge.wkb import point_coordinates
from patrol_missions.core.errors import InputError

_LAYER_ID = re.compile(r"(.+)_[0-9a-f]{8}(_[0-9a-f]{4}){3}_[0-9a-f]{12}")


def source_of(
    algorithm: QgsProcessingAlgorithm, parameters: dict[str, Any], name: str, context: QgsProcessingContext
) -> QgsProcessingFeatureSource:
    """The layer of a parameter as QGIS reads it; a sentence that names the layer when it is gone."""
    source = algorithm.parameterAsSource(parameters, name, context)
    if source is None:
        raise _gone(algorithm, name, _text(parameters.get(name), context))
    return source


def layers_of(
    algorithm: QgsProcessingAlgorithm, parameters: dict[str, Any], name: str, context: QgsProcessingContext
) -> list[QgsMapLayer]:
    """The layers of a parameter that takes several; a sentence that names the first that is gone.

    QGIS itself passes over those in silence.
    """
    found: list[QgsMapLayer] = algorithm.parameterAsLayerList(parameters, name, context)
    given = parameters.get(name)
    if isinstance(given, (list, tuple)) and len(found) < len(given):
        for value in given:
            if isinstance(value, str) and QgsProcessingUtils.mapLayerFromString(value, context) is None:
                raise _gone(algorithm, name, value)
    return found


def missing_layer(algorithm: QgsProcessingAlgorithm, parameters: dict[str, Any], context: QgsProcessingContext) -> str:
    """The sentence for the first layer among the parameters that is gone; empty when all are there."""
    read = {"source": source_of, "multilayer": layers_of}
    for definition in algorithm.parameterDefinitions():
        if definition.type() in read and parameters.get(definition.name()):
            try:
                read[definition.type()](algorithm, parameters, definition.name(), context)
            except InputError as error:
                return str(error)
    return ""


def _gone(algorithm: QgsProcessingAlgorithm, name: str, value: str) -> InputError:
    """The sentence for a layer that was removed from the project, or a file that cannot be opened."""
    what = algorithm.parameterDefinition(name).description()
    removed = _LAYER_ID.fullmatch(value)
    if removed:  # all that is left of it is its id, which begins with its name
        return InputError(
            f"Layer “{removed[1]}”, chosen as “{what}”, is not in the project any more.",
            "Add it to the project again, or choose another layer.",
        )
    return InputError(
        f"Layer “{value}”, chosen as “{what}”, cannot be opened.", "See that it is there, or choose another layer."
    )


def _text(value: object, context: QgsProcessingContext) -> str:
    """What a parameter's value names."""
    if isinstance(value, QgsProcessingFeatureSourceDefinition):
        value = value.source
    if isinstance(value, QgsProperty):
        value, _fine = value.valueAsString(context.expressionContext())
    return str(value)


@dataclass(frozen=True)
class LayerSource:
    """What is needed of a layer to read it later, off the main thread; make it in ``prepareAlgorithm``.

    It is a snapshot: the layer may be edited or removed, and another project opened, before it is read.

    ``part`` asks for the rows that the user wants: all, or those of a filter and a limit.
    ``columnar`` is set where the layer's file may be read column by column instead of feature by feature.
    """

    name: str
    fields: QgsFields
    crs: QgsCoordinateReferenceSystem
    wkb_type: QgsWkbTypes.Type
    count: int
    features_of: QgsProcessingFeatureSource | QgsVectorLayerFeatureSource
    part: QgsFeatureRequest = field(default_factory=QgsFeatureRequest)
    columnar: ColumnarFile | None = None

    @classmethod
    def from_parameter(
        cls, algorithm: QgsProcessingAlgorithm, parameters: dict[str, Any], name: str, context: QgsProcessingContext
    ) -> LayerSource:
        """The layer of a feature source parameter, with all that the user set: selection, filter, limit."""
        source = source_of(algorithm, parameters, name, context)
        value = parameters.get(name)
        # QGIS's own source of a selection is a snapshot; that of a layer is the layer itself, and dies with it.
        selected = isinstance(value, QgsProcessingFeatureSourceDefinition) and value.selectedFeaturesOnly
        layer = None if selected else _layer(algorithm, value, name, context)
        part = None if selected else _part(value, context)
        return cls(
            source.sourceName(),
            source.fields(),
            source.sourceCrs(),
            source.wkbType(),
            int(source.featureCount()),
            QgsVectorLayerFeatureSource(layer) if layer is not None else source,
            part or QgsFeatureRequest(),
            columnar_file(layer) if layer is not None and part is None else None,
        )

    @classmethod
    def from_layer(cls, layer: QgsVectorLayer) -> LayerSource:
        """A whole layer, such as one of several chosen in a parameter."""
        return cls(
            layer.name(),
            layer.fields(),
            layer.crs(),
            layer.wkbType(),
            int(layer.featureCount()),
            QgsVectorLayerFeatureSource(layer),
            columnar=columnar_file(layer),
        )

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
        request = QgsFeatureRequest(self.part).setSubsetOfAttributes(list(names), self.fields)
        if not geometry:
            request.setFlags(QgsFeatureRequest.Flag.NoGeometry)
        yield from self._read(request)

    def whole_features(
        self, crs: QgsCoordinateReferenceSystem, transforms: QgsCoordinateTransformContext
    ) -> Iterator[QgsFeature]:
        """The features with all their fields, their shapes in a CRS."""
        yield from self._read(QgsFeatureRequest(self.part).setDestinationCrs(crs, transforms))

    def _read(self, request: QgsFeatureRequest) -> Iterator[QgsFeature]:
        if isinstance(self.features_of, QgsProcessingFeatureSource):
            # invalid shapes are for the reader to judge; QGIS would stop at the first
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


def _layer(
    algorithm: QgsProcessingAlgorithm, value: object, name: str, context: QgsProcessingContext
) -> QgsVectorLayer | None:
    """The layer that a parameter's value names."""
    if isinstance(value, QgsProcessingFeatureSourceDefinition):
        value = _text(value, context)
    return algorithm.parameterAsVectorLayer({name: value}, name, context)


def _part(value: object, context: QgsProcessingContext) -> QgsFeatureRequest | None:
    """The filter and the limit that a parameter's value sets on its layer; None when it wants the whole layer."""
    if not isinstance(value, QgsProcessingFeatureSourceDefinition):
        return None
    expression = getattr(value, "filterExpression", "")  # newer than QGIS 3.22
    if value.featureLimit < 0 and not expression:
        return None
    part = QgsFeatureRequest()
    if value.featureLimit >= 0:
        part.setLimit(value.featureLimit)
    if expression:
        part.setFilterExpression(expression)
        part.setExpressionContext(context.expressionContext())
    return part
