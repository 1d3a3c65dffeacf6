"""What a plan goes by beside the forecast, read from layers: overrides, neighbourhoods, units, streets."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from qgis.core import (
    QgsCoordinateReferenceSystem,
    QgsCoordinateTransformContext,
    QgsGeometry,
    QgsProcessing,
    QgsProcessingContext,
    QgsProcessingParameterFeatureSource,
    QgsProcessingParameterField,
    QgsRectangle,
    QgsWkbTypes,
)

from patrol_missions.bridge.batches import As
from patrol_missions.bridge.layers import read_table
from patrol_missions.bridge.shapes import Target, read_segments
from patrol_missions.bridge.sources import LayerSource
from patrol_missions.core import grid
from patrol_missions.core.errors import InputError
from patrol_missions.core.tables import Table
from patrol_missions.processing_algorithms import checks
from patrol_missions.processing_algorithms.area_values import area_values
from patrol_missions.processing_algorithms.areas import AreaReader, polygons_only
from patrol_missions.processing_algorithms.base import PatrolAlgorithm
from patrol_missions.processing_algorithms.cell_shares import Window, cell_shares
from patrol_missions.processing_algorithms.days import moments, spelled
from patrol_missions.processing_algorithms.parameters import tr
from patrol_missions.processing_algorithms.progress import PartialFeedback

AREAS = "AREAS"
AREA_FIELD = "AREA_FIELD"
AREA_PEOPLE_FIELD = "AREA_PEOPLE_FIELD"
BOX = "box"
_MOVE, _IN_A_CELL = "move", ("add", "suppress", "lock")
_TEXTS = ("kind", "reason", "author", "shift", "box")
_MOMENTS = ("valid_from", "valid_to")
_CELLS = {"cell_id": ("col", "row"), "to_cell_id": ("to_col", "to_row")}


def add_neighbourhoods(algorithm: PatrolAlgorithm, what_for: str) -> None:
    """Declare neighbourhoods, the field with their names and those with their people.

    :param what_for: first sentence of the help
    """
    polygons = [QgsProcessing.SourceType.TypeVectorPolygon]
    algorithm.add(
        QgsProcessingParameterFeatureSource(AREAS, tr("Neighbourhoods"), polygons, None, True),
        what_for + " " + tr("A cell belongs to the one that holds most of it."),
        advanced=True,
    )
    kind = QgsProcessingParameterField.DataType
    algorithm.add(
        QgsProcessingParameterField(
            AREA_FIELD, tr("Name field of the neighbourhoods"), None, AREAS, kind.Any, False, True
        ),
        tr("Field with what each neighbourhood is called."),
        advanced=True,
    )
    algorithm.add(
        QgsProcessingParameterField(
            AREA_PEOPLE_FIELD, tr("People fields of the neighbourhoods"), None, AREAS, kind.Numeric, True, True
        ),
        tr(
            "Fields that count who lives and works in each polygon; they are added up. People are taken to be spread "
            "evenly over a polygon, and each cell gets those of the share that lies in it."
        ),
        advanced=True,
    )


def neighbourhoods_problem(
    algorithm: PatrolAlgorithm, parameters: dict[str, Any], context: QgsProcessingContext
) -> str:
    """What is wrong with what :func:`add_neighbourhoods` was given; empty when nothing is."""
    if parameters.get(AREAS) and not algorithm.parameterAsString(parameters, AREA_FIELD, context):
        return tr("The neighbourhoods have no name field. Choose the field with what each is called.")
    fields = algorithm.parameterAsFields(parameters, AREA_PEOPLE_FIELD, context)
    if not parameters.get(AREAS) or not fields:
        return ""
    return checks.numbers_problem(algorithm.source(parameters, AREAS, context), fields)


class PlanReader:
    """Reads layers in the grid of a forecast.

    :param crs: of the grid
    :param size_m: side of a cell
    :param forecast: its cells are those that can be patrolled
    """

    def __init__(
        self,
        crs: QgsCoordinateReferenceSystem,
        transforms: QgsCoordinateTransformContext,
        size_m: float,
        forecast: Table,
        feedback: PartialFeedback,
    ) -> None:
        self._crs, self._transforms, self._size_m, self._feedback = crs, transforms, size_m, feedback
        columns, rows = (forecast[name].astype(np.int64) for name in ("col", "row"))
        _, first = np.unique(grid.cell_keys(columns, rows), return_index=True)
        self._columns, self._rows = columns[first], rows[first]

    def overrides(self, source: LayerSource) -> tuple[dict[str, Table], dict[str, QgsGeometry]]:
        """Tables ``overrides`` and, where boxes were drawn, ``boxes``, as the engine takes them; the boxes by name."""
        there = spelled(source)
        _must_have(source, there, ("kind", "reason", "author"), tr("overrides"))
        columns: dict[str, tuple[str, As]] = {name: (there[name], As.LABEL) for name in _TEXTS if name in there}
        columns |= {name: (there[name], As.TIME) for name in _MOMENTS if name in there}
        columns |= {name: (there[name], As.LABEL) for name in _CELLS if name in there}
        found = read_table(source, columns, self._feedback)
        kinds = [str(kind or "").strip().lower() for kind in found.text("kind").tolist()]
        shapes = [QgsGeometry()] * len(found)
        if source.wkb_type != QgsWkbTypes.Type.NoGeometry:
            shapes = [feature.geometry() for feature in source.whole_features(self._crs, self._transforms)]
        kept: dict[str, np.ndarray] = {}
        for name, (column, row) in _CELLS.items():
            labels = found.text(name).tolist() if name in found else [None] * len(found)
            cells = np.array([self._cell(name, *each) for each in zip(range(len(found)), kinds, labels, shapes)])
            kept[column], kept[row] = cells.reshape(-1, 2).astype(np.int64).T
        kept |= {name: moments(found[name], source.name, name) for name in _MOMENTS if name in found}
        table = Table(kept)
        for name in ("reason", "author", "shift"):
            if name in found:
                table = table.with_text(name, found.text(name))
        table = table.with_text("kind", kinds)
        if BOX not in kinds:
            return {"overrides": table}, {}
        names = self._box_names(found, kinds)
        drawn = self._drawn(source, names, shapes)
        return {"overrides": table.with_text("box", names), "boxes": self._boxes(drawn)}, drawn

    def neighbourhoods(self, source: LayerSource, field: str, people: Sequence[str] = ()) -> Table:
        """The area that holds most of each cell, as a table of the cells that are in one.

        :param people: fields with the people of each polygon; their sum is shared out over the cells by area
        """
        columns, rows = self._columns, self._rows
        reader = AreaReader(self._crs, self._transforms, self._feedback)
        block = grid.Block.of(columns, rows)
        height, width = block.index.shape
        window = Window(block.column, block.row, width, height)
        most = np.zeros(len(columns))
        best = np.full(len(columns), -1, dtype=np.int64)
        names = []
        for number, (name, area) in enumerate(reader.areas_by(source, field).items()):
            names.append(name)
            near = Window.around(area.boundingBox(), self._size_m).overlap(window)
            if near is None:
                continue
            share = cell_shares(area, near, self._size_m, self._feedback.isCanceled).ravel()
            index = block.index[near.within(window)].ravel()
            more = np.flatnonzero((index >= 0) & (share > 0))
            more = more[share[more] > most[index[more]]]
            most[index[more]], best[index[more]] = share[more], number
        inside = np.flatnonzero(best >= 0)
        if len(inside) == 0:
            raise InputError(
                tr("No polygon of layer “{layer}” is inside the forecast.").format(layer=source.name),
                tr("Choose the neighbourhoods of the same place."),
            )
        found = {"col": columns[inside], "row": rows[inside]}
        if people:
            shared = area_values(reader, source, (people, ()), (columns, rows, self._size_m), self._feedback)
            found["people"] = sum(values for _, values in shared)[inside]
        return Table(found).with_text("area", [names[number] for number in best[inside].tolist()])

    def units(self, source: LayerSource) -> Table:
        """Units with their district and the minutes that they have for missions in a shift."""
        there = spelled(source)
        _must_have(source, there, ("unit", "district", "minutes"), tr("units"))
        kinds = {"unit": As.LABEL, "district": As.LABEL, "minutes": As.NUMBER, "shift": As.LABEL}
        columns = {name: (there[name], kind) for name, kind in kinds.items() if name in there}
        return read_table(source, columns, self._feedback)

    def streets(self, source: LayerSource, speed_field: str) -> Table:
        """Straight pieces of streets and the speed on them, NaN where the field has none.

        :param speed_field: km/h; empty where the layer does not say
        """
        target = Target(self._crs, self._transforms, self._size_m, QgsRectangle())
        speeds = read_segments(source, target, self._feedback, speed_field)
        ends = np.concatenate([np.empty((0, 4)), *(each.ends for each in speeds.values())])
        speed = [np.full(len(each.ends), np.nan if text is None else float(text)) for text, each in speeds.items()]
        places = dict(zip(("x0", "y0", "x1", "y1"), ends.T.copy()))
        return Table({**places, "speed_kmh": np.concatenate([np.empty(0), *speed])})

    def _box_names(self, found: Table, kinds: list[str]) -> list[str | None]:
        """What each box is called; those without a name are numbered."""
        given: list[Any] = found.text("box").tolist() if "box" in found else [None] * len(kinds)
        names = [str(name or "").strip() or tr("Box {number}").format(number=at + 1) for at, name in enumerate(given)]
        boxes = [name if kind == BOX else None for name, kind in zip(names, kinds)]
        named = [name for name in boxes if name is not None]
        double = next((name for name in named if named.count(name) > 1), None)
        if double is not None:
            raise InputError(
                tr("Two boxes are called “{name}”.").format(name=double), tr("Give each box a name of its own.")
            )
        return boxes

    def _cell(self, field: str, at: int, kind: str, label: str | None, shape: QgsGeometry) -> tuple[int, int]:
        """Column and row of the cell that an override names or, where it names none, lies in; 0 where it needs none."""
        if label and label.strip():
            return grid.parse_cell_id(label)
        told = {"kind": kind, "row": at + 1, "field": field}
        if kind == _MOVE or (kind in _IN_A_CELL and field == "cell_id" and shape.isEmpty()):
            raise InputError(
                tr("The override “{kind}” in row {row} has no {field}.").format(**told),
                tr("Name the cell.") if kind == _MOVE else tr("Name the cell, or draw where it is."),
            )
        if kind not in _IN_A_CELL or field != "cell_id":
            return 0, 0
        shape = shape.makeValid()
        middle = shape.centroid()
        point = (middle if shape.contains(middle) else shape.pointOnSurface()).asPoint()
        x, y = np.array([point.x()]), np.array([point.y()])
        cell = int(grid.locate(x, y, self._columns, self._rows, self._size_m)[0])
        if cell < 0:
            raise InputError(
                tr("The override “{kind}” in row {row} lies in no cell of the forecast.").format(**told),
                tr("Move it, or withdraw it."),
            )
        return int(self._columns[cell]), int(self._rows[cell])

    def _drawn(self, source: LayerSource, names: list[str | None], shapes: list[QgsGeometry]) -> dict[str, QgsGeometry]:
        """The polygon of each box by its name; of one part where it has no more."""
        if QgsWkbTypes.geometryType(source.wkb_type) != QgsWkbTypes.GeometryType.PolygonGeometry:
            raise InputError(
                tr("Layer “{layer}” has overrides of the kind “box” and no polygons.").format(layer=source.name),
                tr("Draw the boxes in a layer of polygons."),
            )
        found: dict[str, QgsGeometry] = {}
        for name, shape in zip(names, shapes):
            if name is None:
                continue
            area = polygons_only(shape.makeValid())
            if not area.isNull():
                area.get().dropZValue()
                area.get().dropMValue()
            if area.isNull() or not area.area() > 0:
                raise InputError(tr("The box “{name}” has no area.").format(name=name), tr("Draw it anew."))
            parts = area.asGeometryCollection()
            found[name] = parts[0] if len(parts) == 1 else area
        return found

    def _boxes(self, drawn: dict[str, QgsGeometry]) -> Table:
        """The cells that each box touches, with how much of the cell it covers, and how much of it lies there."""
        parts: list[tuple[str, int, int, float, float]] = []
        for name, area in drawn.items():
            window = Window.around(area.boundingBox(), self._size_m)
            shares = cell_shares(area, window, self._size_m, self._feedback.isCanceled)
            for row, column in np.argwhere(shares > 0).tolist():
                covered = float(shares[row, column])
                part = covered / float(shares.sum())
                parts.append((name, window.column + column, window.row + row, covered, part))
        whole = {"col": np.array([each[1] for each in parts]), "row": np.array([each[2] for each in parts])}
        shared = {"covered": np.array([each[3] for each in parts]), "share": np.array([each[4] for each in parts])}
        return Table({**whole, **shared}).with_text("box", [each[0] for each in parts])


def _must_have(source: LayerSource, there: dict[str, str], wanted: tuple[str, ...], what: str) -> None:
    missing = [name for name in wanted if name not in there]
    if missing:
        raise InputError(
            tr("Layer “{layer}” cannot be one of {what}: it has no field {fields}.").format(
                layer=source.name, what=what, fields=", ".join(f"“{name}”" for name in missing)
            ),
            tr("Add the field, or choose another layer."),
        )
