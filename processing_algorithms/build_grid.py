"""Build grid: square cells over a jurisdiction, with stable names, districts and exclusion areas."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from qgis.core import (
    QgsCoordinateReferenceSystem,
    QgsDistanceArea,
    QgsFeature,
    QgsFeatureSink,
    QgsField,
    QgsFields,
    QgsGeometry,
    QgsPointXY,
    QgsProcessing,
    QgsProcessingContext,
    QgsProcessingFeedback,
    QgsProcessingOutputNumber,
    QgsProcessingParameterCrs,
    QgsProcessingParameterDistance,
    QgsProcessingParameterFeatureSink,
    QgsProcessingParameterFeatureSource,
    QgsProcessingParameterField,
    QgsProcessingParameterMultipleLayers,
    QgsProcessingParameterNumber,
    QgsUnitTypes,
    QgsVectorLayer,
    QgsWkbTypes,
)
from qgis.PyQt.QtCore import QVariant

from patrol_missions.bridge.features import add_features
from patrol_missions.bridge.sources import LayerSource, layers_of
from patrol_missions.core.errors import InputError
from patrol_missions.core.grid import cell_id
from patrol_missions.processing_algorithms import checks
from patrol_missions.processing_algorithms.areas import AreaReader, dissolve, polygons_only
from patrol_missions.processing_algorithms.base import PatrolAlgorithm
from patrol_missions.processing_algorithms.cell_shares import Window, cell_shares
from patrol_missions.processing_algorithms.styling import style_grid

MOST_CELLS = 500_000
_MOST_WINDOW = 40 * MOST_CELLS  # a thin diagonal area has a large block around it
_BATCH = 2_000
_DISTORTION = 0.01
ONE_DISTRICT = "All"
"""District of every cell where no districts are given."""


class BuildGridAlgorithm(PatrolAlgorithm):
    """Cells over a boundary; needs QGIS alone."""

    NEEDS_ENGINE = False
    GROUP = "data"

    BOUNDARY = "BOUNDARY"
    SIZE = "SIZE"
    CRS = "CRS"
    MIN_SHARE = "MIN_SHARE"
    DISTRICTS = "DISTRICTS"
    DISTRICT_FIELD = "DISTRICT_FIELD"
    EXCLUSIONS = "EXCLUSIONS"
    OUTPUT = "OUTPUT"
    CELLS = "CELLS"
    AREA_KM2 = "AREA_KM2"

    def name(self) -> str:
        """The algorithm's id."""
        return "buildgrid"

    def displayName(self) -> str:  # noqa: N802 - QGIS's name
        """The algorithm's name for people."""
        return self.tr("Build grid")

    def shortDescription(self) -> str:  # noqa: N802 - QGIS's name
        """One line on what it does."""
        return self.tr("Lays square cells with stable names over a jurisdiction.")

    def keywords(self) -> str:
        """Words that find it."""
        return self.tr("grid,cells,squares,fishnet,boundary,jurisdiction,districts,beats,exclusions")

    def help_text(self) -> str:
        """What it does and gives."""
        return self.tr(
            "<p>Covers a jurisdiction with square cells, the places that every later step forecasts and plans for.</p>"
            "<p>The grid's lines lie on multiples of the cell size in the grid's CRS, so a cell keeps its name "
            "(<i>cell_id</i>, column and row) when the boundary changes.</p>"
            "<p>Works without the engine.</p>"
        )

    def initAlgorithm(self, configuration: dict[str, Any] | None = None) -> None:  # noqa: N802 - QGIS's name
        """Declare inputs and outputs."""
        polygons = [QgsProcessing.SourceType.TypeVectorPolygon]
        self.add(
            QgsProcessingParameterFeatureSource(self.BOUNDARY, self.tr("Boundary"), polygons),
            self.tr(
                "Polygons of the area planned for: one or many, with or without holes. Overlaps count once and invalid "
                "polygons are mended."
            ),
        )
        size = QgsProcessingParameterDistance(self.SIZE, self.tr("Cell size"), 250.0, "", False, 10.0, 20_000.0)
        size.setDefaultUnit(QgsUnitTypes.DistanceUnit.DistanceMeters)
        self.add(
            size,
            self.tr(
                "Side of a cell in metres. The default of 250 m is about what one patrol can cover on foot in a "
                "quarter of an hour; smaller cells need more incidents to forecast well."
            ),
            decimals=1,
        )
        self.add(
            QgsProcessingParameterCrs(self.CRS, self.tr("Grid CRS"), None, True),
            self.tr(
                "Projected CRS in metres for the grid, such as the place's UTM zone. Left blank, the boundary's own "
                "CRS is used. Keep it for good: cells are named by their column and row in it."
            ),
        )
        self._add_areas(polygons)
        self.add(
            QgsProcessingParameterFeatureSink(self.OUTPUT, self.tr("Grid"), QgsProcessing.SourceType.TypeVectorPolygon),
            self.tr("Full square cells with cell_id, col, row, district and share_inside (0 to 1)."),
        )
        self.add_outputs(
            QgsProcessingOutputNumber(self.CELLS, self.tr("Number of cells")),
            QgsProcessingOutputNumber(self.AREA_KM2, self.tr("Area inside (km²)")),
        )

    def _add_areas(self, polygons: list[int]) -> None:
        self.add(
            QgsProcessingParameterFeatureSource(self.DISTRICTS, self.tr("Districts"), polygons, None, True),
            self.tr(
                "Patrol divisions; missions are allotted per district. A cell belongs to the district with the largest "
                "share of it. Left blank, the whole area is one district."
            ),
        )
        self.add(
            QgsProcessingParameterField(
                self.DISTRICT_FIELD, self.tr("District name field"), None, self.DISTRICTS, optional=True
            ),
            self.tr("Field of the district layer that holds their names or numbers; needed when there are districts."),
        )
        self.add(
            QgsProcessingParameterMultipleLayers(
                self.EXCLUSIONS, self.tr("Exclusion areas"), QgsProcessing.SourceType.TypeVectorPolygon, None, True
            ),
            self.tr(
                "Polygon layers of what is no patrol area, such as water, police stations or hospitals; their area "
                "counts as outside. To exclude places given as points, buffer them first."
            ),
        )
        share = QgsProcessingParameterNumber.Type.Double
        self.add(
            QgsProcessingParameterNumber(self.MIN_SHARE, self.tr("Minimum share inside"), share, 0.25, False, 0.0, 1.0),
            self.tr(
                "Cells with less than this share of their area inside the boundary (without exclusions) are left out, "
                "and incidents in them take no part. 0 keeps every cell that the boundary touches."
            ),
            advanced=True,
            decimals=2,
        )

    def problem(self, parameters: dict[str, Any], context: QgsProcessingContext) -> str:
        """CRS, empty layers and the district field."""
        return (
            self._boundary_problem(parameters, context)
            or self._district_problem(parameters, context)
            or self._exclusion_problem(parameters, context)
        )

    def _boundary_problem(self, parameters: dict[str, Any], context: QgsProcessingContext) -> str:
        boundary = self.source(parameters, self.BOUNDARY, context)
        sentence = checks.empty_problem(boundary)
        chosen = self.parameterAsCrs(parameters, self.CRS, context)
        if sentence or not (parameters.get(self.CRS) and boundary.sourceCrs().isValid()):
            return sentence or checks.crs_problem(boundary, context.transformContext())
        if not chosen.isValid():
            return self.tr("The grid CRS “{crs}” is not known.").format(crs=parameters[self.CRS])
        suggestion = checks.suggested_crs(boundary.sourceCrs(), boundary.sourceExtent(), context.transformContext())
        return checks.metre_problem(chosen, self.tr("The grid CRS"), suggestion)

    def _district_problem(self, parameters: dict[str, Any], context: QgsProcessingContext) -> str:
        if not parameters.get(self.DISTRICTS):
            return ""
        districts = self.source(parameters, self.DISTRICTS, context)
        if districts.fields().lookupField(self.parameterAsString(parameters, self.DISTRICT_FIELD, context)) < 0:
            return self.tr("Choose the field of layer “{layer}” that holds the districts' names.").format(
                layer=districts.sourceName()
            )
        return checks.empty_problem(districts)

    def _exclusion_problem(self, parameters: dict[str, Any], context: QgsProcessingContext) -> str:
        for layer in layers_of(self, parameters, self.EXCLUSIONS, context):
            is_vector = isinstance(layer, QgsVectorLayer)
            if not is_vector or layer.geometryType() != QgsWkbTypes.GeometryType.PolygonGeometry:
                return self.tr("Exclusion layer “{layer}” has no polygons: buffer points and lines first.").format(
                    layer=layer.name()
                )
        return ""

    def prepare(
        self, parameters: dict[str, Any], context: QgsProcessingContext, feedback: QgsProcessingFeedback
    ) -> None:
        """Take snapshots of layers that other threads may read."""
        self._boundary = LayerSource.from_parameter(self, parameters, self.BOUNDARY, context)
        self._districts = (
            LayerSource.from_parameter(self, parameters, self.DISTRICTS, context)
            if parameters.get(self.DISTRICTS)
            else None
        )
        self._exclusions = [
            LayerSource.from_layer(layer) for layer in layers_of(self, parameters, self.EXCLUSIONS, context)
        ]
        self.styled(self.OUTPUT, style_grid)

    def process(
        self, parameters: dict[str, Any], context: QgsProcessingContext, feedback: QgsProcessingFeedback
    ) -> dict[str, Any]:
        """Measure the shares and write the cells."""
        boundary = self._boundary
        size_m = self.parameterAsDouble(parameters, self.SIZE, context)
        chosen = self.parameterAsCrs(parameters, self.CRS, context)
        crs = chosen if chosen.isValid() else boundary.crs
        reader = AreaReader(crs, context.transformContext(), feedback)

        feedback.setProgressText(self.tr("Reading the boundary"))
        area = reader.area(boundary)
        if area.isNull():
            raise InputError(
                self.tr("Layer “{layer}” has no usable polygon.").format(layer=boundary.name),
                self.tr("Choose a polygon layer that covers the jurisdiction."),
            )
        excluded = dissolve(reader.area(layer) for layer in self._exclusions)
        inside = area if excluded.isNull() else polygons_only(area.difference(excluded))
        window = self._window(area, size_m)
        _warn_of_distortion(crs, area, context, feedback)
        feedback.setProgress(10)

        feedback.setProgressText(self.tr("Measuring the cells"))
        shares = np.zeros((window.rows, window.columns))
        if not inside.isNull():
            shares = cell_shares(inside, window, size_m, feedback.isCanceled)
        kept = self._keep(shares, self.parameterAsDouble(parameters, self.MIN_SHARE, context), feedback)
        feedback.setProgress(30)
        names = self._district_names(parameters, context, reader, window, size_m, kept, feedback)
        feedback.setProgress(50)

        feedback.setProgressText(self.tr("Writing the cells"))
        sink, destination = self.open_sink(parameters, self.OUTPUT, context, _fields(), QgsWkbTypes.Type.Polygon, crs)
        _write(sink, window, size_m, shares, kept, names, feedback)
        self.load_styled(destination, self.OUTPUT, context)
        area_km2 = float(shares[kept].sum()) * size_m**2 / 1e6
        feedback.pushInfo(
            self.tr("{cells} cells, {area} km² inside.").format(cells=int(kept.sum()), area=f"{area_km2:,.1f}")
        )
        return {self.OUTPUT: destination, self.CELLS: int(kept.sum()), self.AREA_KM2: area_km2}

    def _window(self, area: QgsGeometry, size_m: float) -> Window:
        """The block of cells around the area; a sentence with a size that works when there would be too many."""
        window = Window.around(area.boundingBox(), size_m)
        cells = area.area() / size_m**2
        if cells <= MOST_CELLS and window.cells <= _MOST_WINDOW:
            return window
        box = area.boundingBox()
        least = max(math.sqrt(area.area() / MOST_CELLS), math.sqrt(box.area() / _MOST_WINDOW))
        step = 10 ** max(math.floor(math.log10(least)) - 1, 0)
        raise InputError(
            self.tr(
                "Cells of {size} m over this boundary would be about {cells}, and a grid holds {most} at most."
            ).format(size=f"{size_m:g}", cells=f"{cells:,.0f}", most=f"{MOST_CELLS:,}"),
            self.tr("Use cells of {size} m or more.").format(size=f"{math.ceil(least * 1.05 / step) * step:g}"),
        )

    def _keep(
        self,
        shares: np.ndarray,
        least: float,
        feedback: QgsProcessingFeedback,
    ) -> np.ndarray:
        """Mask of the cells that are kept; says how much of the area is left out."""
        kept = (shares >= least) & (shares > 0)
        if not kept.any():
            raise InputError(
                self.tr("No cell has {share} or more of its area inside layer “{layer}”.").format(
                    share=f"{least:.0%}", layer=self._boundary.name
                ),
                self.tr("Use smaller cells or a smaller minimum share, and see that exclusions do not cover it all."),
            )
        dropped = int(((shares > 0) & ~kept).sum())
        if dropped:
            lost = 1.0 - float(shares[kept].sum()) / float(shares.sum())
            feedback.pushInfo(
                self.tr("Cells left out with less than {share} inside: {cells}, {lost} of the area.").format(
                    cells=dropped, share=f"{least:.0%}", lost=f"{lost:.1%}"
                )
            )
        return kept

    def _district_names(
        self,
        parameters: dict[str, Any],
        context: QgsProcessingContext,
        reader: AreaReader,
        window: Window,
        size_m: float,
        kept: np.ndarray,
        feedback: QgsProcessingFeedback,
    ) -> np.ndarray:
        """Name of each cell's district (object array, None where there is none)."""
        if self._districts is None:
            return np.full(kept.shape, ONE_DISTRICT, dtype=object)
        field = self.parameterAsString(parameters, self.DISTRICT_FIELD, context)
        feedback.setProgressText(self.tr("Finding each cell's district"))
        areas = reader.areas_by(self._districts, field)
        names = np.full(kept.shape, None, dtype=object)
        best = np.zeros(kept.shape)
        for name, area in areas.items():
            block = Window.around(area.boundingBox(), size_m).overlap(window)
            if block is None:
                continue
            part = block.within(window)
            shares = cell_shares(area, block, size_m, feedback.isCanceled)
            better = shares > best[part]
            best[part][better] = shares[better]
            names[part][better] = name
        lost = int((kept & (best == 0)).sum())
        if lost:
            feedback.pushWarning(
                self.tr("Cells that lie in no district of layer “{layer}”, and keep an empty one: {cells}.").format(
                    cells=lost, layer=self._districts.name
                )
            )
        return names


def _warn_of_distortion(
    crs: QgsCoordinateReferenceSystem,
    area: QgsGeometry,
    context: QgsProcessingContext,
    feedback: QgsProcessingFeedback,
) -> None:
    """Warn where a metre of the CRS is far from a metre on the ground, as in Web Mercator."""
    measure = QgsDistanceArea()
    measure.setSourceCrs(crs, context.transformContext())
    measure.setEllipsoid("EPSG:7030")
    centre = area.boundingBox().center()
    length_m = measure.measureLine(centre, QgsPointXY(centre.x() + 1000.0, centre.y()))
    if abs(length_m / 1000.0 - 1.0) > _DISTORTION:
        suggestion = checks.suggested_crs(crs, area.boundingBox(), context.transformContext())
        feedback.pushWarning(
            checks.tr(
                "1,000 m in the grid CRS {crs} are {metres} m on the ground here; {better} keeps true lengths."
            ).format(crs=crs.authid(), metres=f"{length_m:,.0f}", better=suggestion or checks.tr("another CRS"))
        )


def _fields() -> QgsFields:
    fields = QgsFields()
    fields.append(QgsField("cell_id", QVariant.String, len=40))
    fields.append(QgsField("col", QVariant.Int))
    fields.append(QgsField("row", QVariant.Int))
    fields.append(QgsField("district", QVariant.String))
    fields.append(QgsField("share_inside", QVariant.Double))
    return fields


def _write(
    sink: QgsFeatureSink,
    window: Window,
    size_m: float,
    shares: np.ndarray,
    kept: np.ndarray,
    names: np.ndarray,
    feedback: QgsProcessingFeedback,
) -> None:
    """Write the cells row by row from the south-west."""
    rows, columns = np.nonzero(kept)
    fields, batch = _fields(), []
    for number, (i, j) in enumerate(zip(rows.tolist(), columns.tolist()), start=1):
        column, row = window.column + j, window.row + i
        cell = QgsFeature(fields)
        cell.setGeometry(QgsGeometry.fromRect(Window(column, row, 1, 1).rectangle(size_m)))
        cell.setAttributes([cell_id(column, row), column, row, names[i, j], round(float(shares[i, j]), 6)])
        batch.append(cell)
        if len(batch) == _BATCH or number == len(rows):
            add_features(batch, sink, feedback, last=number == len(rows))
            batch = []
            feedback.setProgress(50 + 50 * number / len(rows))
