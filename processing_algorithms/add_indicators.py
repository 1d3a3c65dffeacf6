"""Add indicators: what shifts risk around each cell, as numeric fields of the grid."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from qgis.core import (
    QgsFeature,
    QgsFeatureSink,
    QgsField,
    QgsFields,
    QgsProcessing,
    QgsProcessingContext,
    QgsProcessingFeedback,
    QgsProcessingOutputString,
    QgsProcessingParameterFeatureSink,
    QgsProcessingParameterFeatureSource,
    QgsProcessingParameterField,
    QgsProcessingParameterString,
    QgsRectangle,
    QgsVectorLayer,
    QgsWkbTypes,
)
from qgis.PyQt.QtCore import QVariant

from patrol_missions.bridge.features import add_features
from patrol_missions.bridge.places import read_grid
from patrol_missions.bridge.shapes import Target, read_segments
from patrol_missions.bridge.sources import LayerSource, layers_of
from patrol_missions.core import streets
from patrol_missions.core.errors import Canceled, InputError
from patrol_missions.core.names import slug
from patrol_missions.core.nearness import RADII_M, Segments, near
from patrol_missions.processing_algorithms import checks, history
from patrol_missions.processing_algorithms import parameters as shared
from patrol_missions.processing_algorithms.area_values import area_values
from patrol_missions.processing_algorithms.areas import AreaReader
from patrol_missions.processing_algorithms.base import PatrolAlgorithm
from patrol_missions.processing_algorithms.progress import PartialFeedback
from patrol_missions.processing_algorithms.styling import style_grid

_BATCH = 2_000
_MOST_RADII = 6
_RADIUS_M = (10.0, 5_000.0)


@dataclass(frozen=True)
class _Cells:
    """The grid: columns and rows of its cells, and where it is."""

    columns: np.ndarray
    rows: np.ndarray
    target: Target


class AddIndicatorsAlgorithm(PatrolAlgorithm):
    """Measures places, areas and streets around each cell; needs QGIS alone."""

    NEEDS_ENGINE = False
    GROUP = "data"

    GRID = "GRID"
    LAYERS = "LAYERS"
    KIND_FIELD = "KIND_FIELD"
    RADII = "RADII"
    AREAS = "AREAS"
    AREA_SUMS = "AREA_SUMS"
    AREA_MEANS = "AREA_MEANS"
    STREETS = "STREETS"
    OUTPUT = "OUTPUT"
    FIELDS = "FIELDS"

    def name(self) -> str:
        """The algorithm's id."""
        return "addindicators"

    def displayName(self) -> str:  # noqa: N802 - QGIS's name
        """The algorithm's name for people."""
        return self.tr("Add indicators")

    def shortDescription(self) -> str:  # noqa: N802 - QGIS's name
        """One line on what it does."""
        return self.tr("Measures places, areas and streets around each cell, as fields of the grid.")

    def keywords(self) -> str:
        """Words that find it."""
        return self.tr(
            "indicators,risk terrain,places,points of interest,distance,density,kernel,count,census,population,income,"
            "streets,intersections,features"
        )

    def help_text(self) -> str:
        """What it does and gives."""
        return self.tr(
            "<p>Gives the grid a numeric field per measure: how far the nearest bar is and how many there are around, "
            "how many people live in a cell, how much street it has. Choose those that may shift risk as indicator "
            "fields in Train model and again in Forecast risk.</p>"
            "<p>Fields on the race, ethnicity, religion, education or home ownership of residents, and on single "
            "persons, are refused: patrols must not follow who people are.</p>"
            "<p>Works without the engine.</p>"
        )

    def initAlgorithm(self, configuration: dict[str, Any] | None = None) -> None:  # noqa: N802 - QGIS's name
        """Declare inputs and outputs."""
        polygons = [QgsProcessing.SourceType.TypeVectorPolygon]
        self.add(
            QgsProcessingParameterFeatureSource(self.GRID, self.tr("Grid"), polygons),
            self.tr("Cells made by Build grid, with or without indicators already."),
        )
        self._add_places()
        self._add_areas(polygons)
        self.add(
            QgsProcessingParameterFeatureSource(
                self.STREETS, self.tr("Streets"), [QgsProcessing.SourceType.TypeVectorLine], None, True
            ),
            self.tr(
                "Lines of streets: gives the metres of street in each cell, and the intersections. Streets meet where "
                "three or more ways share a vertex, so a bridge is no intersection."
            ),
        )
        self.add(
            QgsProcessingParameterFeatureSink(
                self.OUTPUT, self.tr("Grid with indicators"), QgsProcessing.SourceType.TypeVectorPolygon
            ),
            self.tr("The grid with all its fields, and one numeric field per measure."),
        )
        self.add_outputs(QgsProcessingOutputString(self.FIELDS, self.tr("Fields added")))

    def _add_places(self) -> None:
        self.add(
            shared.indicators(self.LAYERS),
            self.tr(
                "Points, lines or areas such as bars, schools or parks. Gives the distance from each cell's centre to "
                "the nearest (up to 750 m), and their number and kernel density within the radii. A place is near "
                "when any part of it is; whoever is inside an area is at distance 0."
            ),
        )
        self.add(
            shared.kind_field(self.KIND_FIELD),
            self.tr(
                "Layers that have this field are split by its values, so that bars and schools of one layer get "
                "fields of their own; other layers are one kind each."
            ),
        )
        self.add(
            QgsProcessingParameterString(self.RADII, self.tr("Radii (m)"), ",".join(f"{r:g}" for r in RADII_M)),
            self.tr(
                "Distances in metres within which places are counted, separated by commas; up to six, from 10 to "
                "5,000. About one and two blocks tell most."
            ),
        )

    def _add_areas(self, polygons: list[int]) -> None:
        self.add(
            QgsProcessingParameterFeatureSource(self.AREAS, self.tr("Areas with numbers"), polygons, None, True),
            self.tr(
                "Polygons with numbers, such as census tracts. Numbers are taken to be spread evenly over a polygon; "
                "the census bureau's codes for “no data” (-666666666 and the like) count as no number."
            ),
        )
        numeric = QgsProcessingParameterField.DataType.Numeric
        self.add(
            QgsProcessingParameterField(
                self.AREA_SUMS, self.tr("Fields to share out"), None, self.AREAS, numeric, True, True
            ),
            self.tr(
                "Amounts, such as population or vacant lots: each cell gets of every polygon the share of the "
                "polygon that lies in it."
            ),
        )
        self.add(
            QgsProcessingParameterField(
                self.AREA_MEANS, self.tr("Fields to average"), None, self.AREAS, numeric, True, True
            ),
            self.tr(
                "Rates and averages, such as median income or the share of vacant lots: each cell gets the average "
                "of the polygons in it, weighted by area; none where there is no polygon with a number."
            ),
        )

    def problem(self, parameters: dict[str, Any], context: QgsProcessingContext) -> str:
        """Layers, fields and radii that cannot work."""
        if not any(parameters.get(name) for name in (self.LAYERS, self.AREAS, self.STREETS)):
            return self.tr("There is nothing to measure: choose indicator layers, areas with numbers, or streets.")
        self._radii(parameters, context)
        return (
            checks.grid_problem(self.source(parameters, self.GRID, context), context.transformContext())
            or self._layers_problem(parameters, context)
            or self._areas_problem(parameters, context)
        )

    def _layers_problem(self, parameters: dict[str, Any], context: QgsProcessingContext) -> str:
        for layer in layers_of(self, parameters, self.LAYERS, context):
            if not isinstance(layer, QgsVectorLayer) or not layer.isSpatial():
                return self.tr("Layer “{layer}” has no shapes to measure distances to.").format(layer=layer.name())
        if not parameters.get(self.LAYERS):
            return ""
        return checks.withheld_problem([self.parameterAsString(parameters, self.KIND_FIELD, context)])

    def _areas_problem(self, parameters: dict[str, Any], context: QgsProcessingContext) -> str:
        sums, means = (self.parameterAsFields(parameters, name, context) for name in (self.AREA_SUMS, self.AREA_MEANS))
        if not parameters.get(self.AREAS):
            if sums or means:
                return self.tr("Choose the areas that the fields to share out or to average are of.")
            return ""
        areas = self.source(parameters, self.AREAS, context)
        if not sums and not means:
            return self.tr("Choose fields of layer “{layer}” to share out or to average.").format(
                layer=areas.sourceName()
            )
        return checks.empty_problem(areas) or checks.numbers_problem(areas, [*sums, *means])

    def _radii(self, parameters: dict[str, Any], context: QgsProcessingContext) -> list[float]:
        """The radii in metres, each once, from small to large."""
        text = self.parameterAsString(parameters, self.RADII, context)
        try:
            radii = sorted({float(each) for each in text.replace(";", ",").split(",") if each.strip()})
        except ValueError:
            radii = []
        low, high = _RADIUS_M
        if not 0 < len(radii) <= _MOST_RADII or not all(low <= radius <= high for radius in radii):
            raise InputError(
                self.tr("The radii read “{text}”.").format(text=text),
                self.tr("Give one to six numbers from 10 to 5000, such as 250,500."),
            )
        return radii

    def prepare(
        self, parameters: dict[str, Any], context: QgsProcessingContext, feedback: QgsProcessingFeedback
    ) -> None:
        """Take snapshots of layers that other threads may read."""
        self._grid = LayerSource.from_parameter(self, parameters, self.GRID, context)
        layers = layers_of(self, parameters, self.LAYERS, context)
        self._layers = [(history.name_of(layer), LayerSource.from_layer(layer)) for layer in layers]
        self._areas, self._streets = (
            LayerSource.from_parameter(self, parameters, name, context) if parameters.get(name) else None
            for name in (self.AREAS, self.STREETS)
        )
        self.styled(self.OUTPUT, style_grid)

    def process(
        self, parameters: dict[str, Any], context: QgsProcessingContext, feedback: QgsProcessingFeedback
    ) -> dict[str, Any]:
        """Measure, then write the cells with what was measured."""
        feedback.setProgressText(self.tr("Reading the grid"))
        table, size_m = read_grid(self._grid, PartialFeedback(feedback, 0.0, 0.05))
        columns, rows = table["col"], table["row"]
        box = QgsRectangle(
            columns.min() * size_m, rows.min() * size_m, (columns.max() + 1) * size_m, (rows.max() + 1) * size_m
        )
        target = Target(self._grid.crs, context.transformContext(), size_m, box)
        cells = _Cells(columns, rows, target)
        measured: dict[str, np.ndarray] = {}
        kind_field = self.parameterAsString(parameters, self.KIND_FIELD, context).strip()
        self._measure_places(cells, kind_field, self._radii(parameters, context), measured, feedback)
        if self._areas is not None:
            feedback.setProgressText(self.tr("Sharing out the numbers of the areas"))
            reader = AreaReader(target.crs, target.transforms, feedback)
            sums = self.parameterAsFields(parameters, self.AREA_SUMS, context)
            means = self.parameterAsFields(parameters, self.AREA_MEANS, context)
            step = PartialFeedback(feedback, 0.6, 0.8)
            found = area_values(reader, self._areas, (sums, means), (columns, rows, size_m), step)
            for name, values in found:
                self._keep(measured, name, values)
        if self._streets is not None:
            self._measure_streets(cells, measured, PartialFeedback(feedback, 0.8, 0.9))
        feedback.setProgressText(self.tr("Writing the cells"))
        destination = self._write(parameters, context, measured, PartialFeedback(feedback, 0.9, 1.0))
        feedback.pushInfo(self.tr("Fields added: {fields}.").format(fields=", ".join(measured)))
        return {self.OUTPUT: destination, self.FIELDS: ",".join(measured)}

    def _measure_places(
        self,
        cells: _Cells,
        kind_field: str,
        radii: list[float],
        measured: dict[str, np.ndarray],
        feedback: QgsProcessingFeedback,
    ) -> None:
        """Distance to the nearest, number and density, for every kind of every layer."""
        for number, (layer, source) in enumerate(self._layers):
            feedback.setProgressText(self.tr("Measuring layer “{layer}”").format(layer=source.name))
            begin, end = (0.05 + 0.55 * (number + part) / len(self._layers) for part in (0, 1))
            step = PartialFeedback(feedback, begin, (begin + end) / 2)
            kinds = read_segments(source, cells.target, step, kind_field)
            if len(kinds) > history.MOST_KINDS:
                raise history.too_many_kinds(layer, sum(kind is not None for kind in kinds))
            if not kinds:
                feedback.pushWarning(
                    self.tr("Layer “{layer}” has no shapes, so that nothing of it is near.").format(layer=layer)
                )
                kinds = {None: Segments(np.empty((0, 4)), np.empty(0, dtype=np.int64))}
            for place, (kind, segments) in enumerate(kinds.items()):
                name = kind or layer
                sentence = checks.withheld_problem([name])
                if sentence:
                    raise InputError(sentence)
                part = (end - begin) / 2 / len(kinds)
                low = (begin + end) / 2 + part * place
                found = near(
                    cells.columns, cells.rows, cells.target.size_m, segments, radii, _teller(feedback, low, low + part)
                )
                self._keep(measured, f"{slug(name)}_nearest_m", np.round(found.distance_m, 1))
                for radius, count, density in zip(radii, found.count, found.density):
                    self._keep(measured, f"{slug(name)}_count_{radius:g}m", count)
                    self._keep(measured, f"{slug(name)}_density_{radius:g}m", density)

    def _measure_streets(self, cells: _Cells, measured: dict[str, np.ndarray], feedback: PartialFeedback) -> None:
        feedback.setProgressText(self.tr("Measuring the streets"))
        read = read_segments(self._streets, cells.target, feedback)
        ends = read[None].ends if read else np.empty((0, 4))
        size_m = cells.target.size_m
        metres = np.round(streets.lengths(cells.columns, cells.rows, size_m, ends), 1)
        self._keep(measured, "street_length_m", metres)
        self._keep(measured, "street_intersections", streets.intersections(cells.columns, cells.rows, size_m, ends))

    def _keep(self, measured: dict[str, np.ndarray], name: str, values: np.ndarray) -> None:
        """Take a field in; a sentence when there is one of the name."""
        if self._grid.fields.lookupField(name) >= 0:
            raise InputError(
                self.tr("Grid “{layer}” has a field “{field}” already.").format(layer=self._grid.name, field=name),
                self.tr("Choose the grid without it, or rename the layer that it is measured from."),
            )
        if name in measured:
            raise InputError(
                self.tr("Two layers or kinds would make the field “{field}”.").format(field=name),
                self.tr("Rename one of them."),
            )
        measured[name] = values

    def _write(
        self,
        parameters: dict[str, Any],
        context: QgsProcessingContext,
        measured: dict[str, np.ndarray],
        feedback: PartialFeedback,
    ) -> str:
        """Write the cells in their order; gives the destination."""
        fields = QgsFields(self._grid.fields)
        for name, values in measured.items():
            fields.append(QgsField(name, QVariant.LongLong if values.dtype.kind == "i" else QVariant.Double))
        sink, destination = self.open_sink(
            parameters, self.OUTPUT, context, fields, QgsWkbTypes.Type.Polygon, self._grid.crs
        )
        _write_cells(sink, self._grid, fields, measured, context, feedback)
        self.load_styled(destination, self.OUTPUT, context)
        return destination


def _write_cells(
    sink: QgsFeatureSink | None,
    grid: LayerSource,
    fields: QgsFields,
    measured: dict[str, np.ndarray],
    context: QgsProcessingContext,
    feedback: PartialFeedback,
) -> None:
    columns = [[None if value != value else value for value in values.tolist()] for values in measured.values()]  # noqa: PLR0124 - NaN alone differs from itself
    batch: list[QgsFeature] = []
    for row, cell in enumerate(grid.whole_features(grid.crs, context.transformContext())):
        made = QgsFeature(fields)
        made.setGeometry(cell.geometry())
        made.setAttributes([*cell.attributes(), *(column[row] for column in columns)])
        batch.append(made)
        if len(batch) == _BATCH:
            add_features(batch, sink, feedback)
            feedback.setProgress(100.0 * row / max(grid.count, 1))
            batch = []
    add_features(batch, sink, feedback, last=True)


def _teller(feedback: QgsProcessingFeedback, begin: float, end: float) -> Callable[[float], None]:
    """What moves the progress bar from begin to end, and ends the work when the user cancels."""

    def tell(done: float) -> None:
        if feedback.isCanceled():
            raise Canceled
        feedback.setProgress(100.0 * (begin + (end - begin) * done))

    return tell
