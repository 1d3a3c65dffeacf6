"""Tables of a GeoPackage that take the place of older ones at once, when they are whole, or not at all."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from osgeo import gdal
from qgis.core import (
    QgsDataSourceUri,
    QgsProcessingContext,
    QgsProcessingOutputLayerDefinition,
    QgsProperty,
    QgsProviderRegistry,
)

from patrol_missions.bridge.processes import Feedback
from patrol_missions.core.errors import Canceled, InputError

ENDING = "_unfinished"
_SCHEME = "ogr:"


@dataclass(frozen=True)
class _Table:
    path: Path
    name: str

    @property
    def draft(self) -> str:
        return self.name + ENDING


class Drafts:
    """The tables that one run of an algorithm writes.

    Each is written beside the one that it is to replace, under a name that says so. :meth:`deliver` puts all of them in
    their places; :meth:`discard` removes them, and what was there before stays as it was. Of a run that was killed a
    draft may stay behind; the next run overwrites it.
    """

    def __init__(self) -> None:
        self._tables: list[_Table] = []

    def instead_of(self, value: object, context: QgsProcessingContext) -> Any:
        """An output's value that writes to a draft; None where the output is no table of a GeoPackage."""
        text = _text(value, context)
        if not text.startswith(_SCHEME):
            return None
        uri = QgsDataSourceUri(text[len(_SCHEME) :])
        table = _Table(Path(uri.database()), uri.table())
        if table.path.suffix.lower() != ".gpkg" or not table.name:
            return None
        uri.setDataSource("", table.draft, uri.geometryColumn())
        self._tables.append(table)
        changed = _SCHEME + uri.uri(False)
        if not isinstance(value, QgsProcessingOutputLayerDefinition):
            return changed
        definition = QgsProcessingOutputLayerDefinition(value)
        definition.sink = QgsProperty.fromValue(changed)
        return definition

    def deliver(self, feedback: Feedback) -> None:
        """Put the drafts in their places, those of one file in one transaction; their writers must be closed."""
        if self._tables and feedback.isCanceled():
            raise Canceled
        for path in {table.path: None for table in self._tables}:
            _swap(path, [table for table in self._tables if table.path == path])
        self._tables.clear()

    def discard(self) -> None:
        """Remove the drafts that were not delivered; their writers must be closed."""
        for table in self._tables:
            with suppress(RuntimeError):  # nobody takes an unfinished table for a result, and the next run removes it
                dataset = gdal.OpenEx(str(table.path), gdal.OF_VECTOR | gdal.OF_UPDATE)
                if dataset is not None:
                    _drop(dataset, table.draft)
        self._tables.clear()


def final(destination: str, context: QgsProcessingContext) -> str:
    """Where the draft at a destination will be in the end; what is to be loaded then is what is there."""
    registry = QgsProviderRegistry.instance()
    parts = registry.decodeUri("ogr", destination)
    parts["layerName"] = parts["layerName"][: -len(ENDING)]
    place: str = registry.encodeUri("ogr", parts)
    to_load = context.layersToLoadOnCompletion()
    if destination in to_load:
        to_load[place] = to_load.pop(destination)
        context.setLayersToLoadOnCompletion(to_load)
    return place


def _text(value: object, context: QgsProcessingContext) -> str:
    if isinstance(value, QgsProcessingOutputLayerDefinition):
        value = value.sink
    if isinstance(value, QgsProperty):
        value, _fine = value.valueAsString(context.expressionContext())
    return value if isinstance(value, str) else ""


def _swap(path: Path, tables: list[_Table]) -> None:
    """Drop the old tables and give the new ones their names."""
    dataset, done = None, False
    with suppress(RuntimeError):  # GDAL raises or answers with a code, as it is set up; what counts is what came of it
        gdal.ErrorReset()
        dataset = gdal.OpenEx(str(path), gdal.OF_VECTOR | gdal.OF_UPDATE)
        if dataset is not None and dataset.StartTransaction() == gdal.CE_None:
            for table in tables:
                _drop(dataset, table.name)
                dataset.ExecuteSQL(f'ALTER TABLE "{table.draft}" RENAME TO "{table.name}"')
            names = {dataset.GetLayerByIndex(index).GetName() for index in range(dataset.GetLayerCount())}
            swapped = all(table.name in names and table.draft not in names for table in tables)
            done = swapped and dataset.CommitTransaction() == gdal.CE_None
    if done:
        return
    reason = gdal.GetLastErrorMsg() or "no reason was given"
    with suppress(RuntimeError, AttributeError):
        dataset.RollbackTransaction()
    raise InputError(
        f"The results could not be stored in {path} ({reason}).",
        "Close the file in other programs and run this step again; what the file held before is still there.",
    )


def _drop(dataset: gdal.Dataset, name: str) -> None:
    for index in range(dataset.GetLayerCount()):
        if dataset.GetLayerByIndex(index).GetName().lower() == name.lower():
            dataset.DeleteLayer(index)
            return
