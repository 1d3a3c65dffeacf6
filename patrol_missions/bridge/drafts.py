"""GeoPackages, and tables in them, that take the place of older ones at once, when they are whole, or not at all."""

from __future__ import annotations

import shutil
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
_SUFFIX = ".gpkg"


@dataclass(frozen=True)
class _Table:
    path: Path
    name: str
    looked_up_by: str

    @property
    def draft(self) -> str:
        return self.name + ENDING


@dataclass(frozen=True)
class _File:
    """A whole GeoPackage; its draft has the same name, which QGIS gives to the table in it, in a folder beside it."""

    path: Path
    text: str
    looked_up_by: str

    @property
    def folder(self) -> Path:
        return self.path.with_name(f".{self.path.name}{ENDING}")

    @property
    def draft(self) -> str:
        return (self.folder / self.path.name).as_posix()


class Drafts:
    """The GeoPackages, or tables in them, that one run of an algorithm writes.

    Each is written beside the one that it is to replace, under a name that says so. :meth:`deliver` puts all of them in
    their places; :meth:`discard` removes them, and what was there before stays as it was. Of a run that was killed a
    draft may stay behind; the next run overwrites it.
    """

    def __init__(self) -> None:
        self._tables: list[_Table] = []
        self._files: list[_File] = []

    def instead_of(self, value: object, context: QgsProcessingContext, looked_up_by: str = "") -> Any:
        """An output's value that writes to a draft; None where the output is neither a GeoPackage nor in one.

        :param looked_up_by: a field by whose value rows are asked for; the table gets an index of it
        """
        text = _text(value, context)
        in_one = text.startswith(_SCHEME)
        changed = (
            self._beside_table(text[len(_SCHEME) :], looked_up_by) if in_one else self._beside_file(text, looked_up_by)
        )
        if not changed or not isinstance(value, QgsProcessingOutputLayerDefinition):
            return changed or None
        definition = QgsProcessingOutputLayerDefinition(value)
        definition.sink = QgsProperty.fromValue(changed)
        return definition

    def _beside_table(self, text: str, looked_up_by: str) -> str:
        uri = QgsDataSourceUri(text)
        table = _Table(Path(uri.database()), uri.table(), looked_up_by)
        if table.path.suffix.lower() != _SUFFIX or not table.name:
            return ""
        self._tables.append(table)
        uri.setDataSource("", table.draft, uri.geometryColumn())
        return _SCHEME + uri.uri(False)

    def _beside_file(self, text: str, looked_up_by: str) -> str:
        file = _File(Path(text), text, looked_up_by)
        if file.path.suffix.lower() != _SUFFIX or not file.path.parent.is_dir():
            return ""
        try:
            shutil.rmtree(file.folder, ignore_errors=True)
            file.folder.mkdir()
        except OSError:  # QGIS says why nothing can be written there
            return ""
        self._files.append(file)
        return file.draft

    def place(self, destination: str, context: QgsProcessingContext) -> str:
        """Where a draft will be in the end; what is to be loaded then is what is there."""
        place = self._place(destination)
        to_load = context.layersToLoadOnCompletion()
        if destination in to_load:
            to_load[place] = to_load.pop(destination)
            context.setLayersToLoadOnCompletion(to_load)
        return place

    def _place(self, destination: str) -> str:
        for file in self._files:
            if destination.startswith(file.draft):
                return file.text + destination[len(file.draft) :]
        registry = QgsProviderRegistry.instance()
        parts = registry.decodeUri("ogr", destination)
        place: str = registry.encodeUri("ogr", {**parts, "layerName": parts["layerName"][: -len(ENDING)]})
        return place

    def deliver(self, feedback: Feedback) -> None:
        """Put the drafts in their places, tables of one file in one transaction; their writers must be closed."""
        if (self._tables or self._files) and feedback.isCanceled():
            raise Canceled
        for path in {table.path: None for table in self._tables}:
            _swap(path, [table for table in self._tables if table.path == path])
        for file in self._files:
            _replace(file)
        self._tables, self._files = [], []

    def discard(self) -> None:
        """Remove the drafts that were not delivered; their writers must be closed."""
        for table in self._tables:
            with suppress(RuntimeError):  # nobody takes an unfinished table for a result, and the next run removes it
                dataset = gdal.OpenEx(str(table.path), gdal.OF_VECTOR | gdal.OF_UPDATE)
                if dataset is not None:
                    _drop(dataset, table.draft)
        for file in self._files:
            shutil.rmtree(file.folder, ignore_errors=True)
        self._tables, self._files = [], []


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
                if table.looked_up_by:
                    _index(dataset, table.name, table.looked_up_by)
            names = {dataset.GetLayerByIndex(index).GetName() for index in range(dataset.GetLayerCount())}
            swapped = all(table.name in names and table.draft not in names for table in tables)
            done = swapped and dataset.CommitTransaction() == gdal.CE_None
    if done:
        return
    reason = gdal.GetLastErrorMsg() or "no reason was given"
    with suppress(RuntimeError, AttributeError):
        dataset.RollbackTransaction()
    raise _not_stored(path, reason)


def _replace(file: _File) -> None:
    """Move a whole file over the older one."""
    try:
        if Path(file.draft).is_file():
            if file.looked_up_by:
                with suppress(RuntimeError):  # without the index all is as it should be, and slower
                    dataset = gdal.OpenEx(file.draft, gdal.OF_VECTOR | gdal.OF_UPDATE)
                    _index(dataset, dataset.GetLayerByIndex(0).GetName(), file.looked_up_by)
                    dataset = None  # closes it
            for log in ("-wal", "-shm"):  # of the older file; the new one would be taken for damaged beside it
                file.path.with_name(file.path.name + log).unlink(missing_ok=True)
            Path(file.draft).replace(file.path)
    except OSError as error:
        raise _not_stored(file.path, error.strerror or str(error)) from error
    shutil.rmtree(file.folder, ignore_errors=True)


def _not_stored(path: Path, reason: str) -> InputError:
    return InputError(
        f"The results could not be stored in {path} ({reason}).",
        "Close the file in other programs and run this step again; what the file held before is still there.",
    )


def _index(dataset: gdal.Dataset, table: str, field: str) -> None:
    # A table that somebody has renamed keeps its index, and the name with it.
    dataset.ExecuteSQL(f'CREATE INDEX IF NOT EXISTS "{table}_by_{field}" ON "{table}" ("{field}")')


def _drop(dataset: gdal.Dataset, name: str) -> None:
    for index in range(dataset.GetLayerCount()):
        if dataset.GetLayerByIndex(index).GetName().lower() == name.lower():
            dataset.DeleteLayer(index)
            return
