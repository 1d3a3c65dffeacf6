"""What a person decided against the draw, kept as a layer of the jurisdiction's GeoPackage that anyone can read."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from qgis.core import (
    NULL,
    QgsCategorizedSymbolRenderer,
    QgsCoordinateReferenceSystem,
    QgsFeature,
    QgsField,
    QgsFields,
    QgsFillSymbol,
    QgsGeometry,
    QgsProject,
    QgsProviderRegistry,
    QgsRendererCategory,
    QgsVectorFileWriter,
    QgsVectorLayer,
    QgsWkbTypes,
)
from qgis.PyQt.QtCore import QCoreApplication, QDateTime, QObject, QVariant, pyqtSignal

from patrol_missions.core.errors import PatrolError
from patrol_missions.gui import layers, recipes
from patrol_missions.gui.compat import QUndoCommand, QUndoStack
from patrol_missions.gui.missions import as_utc
from patrol_missions.gui.project_state import ProjectState

ADD, SUPPRESS, LOCK, MOVE, BOX = "add", "suppress", "lock", "move", "box"
KINDS = (ADD, SUPPRESS, LOCK, MOVE, BOX)

ROLE = "overrides"
_TEXTS = ("override_id", "kind", "cell_id", "to_cell_id", "reason", "author", "shift")
_TIMES = ("valid_from", "valid_to")
_ICONS = {
    ADD: "symbologyAdd",
    SUPPRESS: "symbologyRemove",
    LOCK: "locked",
    MOVE: "mActionMoveFeature",
    BOX: "mActionAddPolygon",
}
_COLOURS = {ADD: "#1b9e4b", SUPPRESS: "#d7301f", LOCK: "#6a51a3", MOVE: "#e08214", BOX: "#1f78b4"}


@dataclass(frozen=True)
class Override:
    """One decision; times are UTC, and None or an empty text sets no bound."""

    kind: str
    shape: QgsGeometry
    reason: str
    author: str
    cell_id: str = ""
    to_cell_id: str = ""
    shift: str = ""
    valid_from: QDateTime | None = None
    valid_to: QDateTime | None = None
    override_id: str = field(default_factory=lambda: uuid.uuid4().hex)

    def place(self) -> str:
        """Where it holds, in words."""
        if self.kind == BOX:
            return tr("drawn box")
        return f"{self.cell_id} → {self.to_cell_id}" if self.to_cell_id else self.cell_id


class Overrides(QObject):
    """The project's overrides; every change can be undone."""

    failed = pyqtSignal(str)  # the sentence, when a change could not be written

    def __init__(self, state: ProjectState, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._state = state
        self.stack = QUndoStack(self)

    def listed(self) -> list[Override]:
        """All of them, in the order in which they were made."""
        layer = self._state.layer(ROLE)
        return [_override(feature) for feature in layer.getFeatures()] if layer is not None else []

    def add(self, override: Override) -> None:
        """Decide something."""
        self.stack.push(_Change(self, kind_title(override.kind), added=[override]))

    def withdraw(self, overrides: Sequence[Override]) -> None:
        """Take decisions back."""
        if overrides:
            self.stack.push(_Change(self, tr("Withdraw"), removed=overrides))

    def change(self, added: Iterable[Override], removed: Iterable[Override]) -> None:
        """Write to the layer.

        :raises PatrolError: it cannot be written
        """
        layer = self._state.layer(ROLE) or self._open()
        gone = {override.override_id for override in removed}
        ids = [feature.id() for feature in layer.getFeatures() if feature["override_id"] in gone]
        features = [_feature(override, layer.fields()) for override in added]
        provider = layer.dataProvider()
        done = not ids or provider.deleteFeatures(ids)
        if not done or (features and not provider.addFeatures(features)[0]):
            raise PatrolError(
                tr("The overrides cannot be written ({reason}).").format(reason=provider.lastError()),
                tr("Close the GeoPackage in other programs, and try again."),
            )
        layer.updateExtents()
        layer.triggerRepaint()
        self._state.record(ROLE, {}, {ROLE: layer})

    def _open(self) -> QgsVectorLayer:
        """The table of the jurisdiction's GeoPackage; it is made where there is none."""
        forecast = self._state.layer("forecast")
        if forecast is None:
            raise PatrolError(tr("There is no forecast yet."), tr("Plan missions first."))
        package = recipes.files_of(self._state.data).package
        if not _there(package):
            _make(package, forecast.crs())
        layer = _table(package)
        if not layer.isValid():
            raise PatrolError(
                tr("The overrides cannot be kept in {file}.").format(file=package),
                tr("Choose another GeoPackage under “Results”."),
            )
        layer.setRenderer(
            QgsCategorizedSymbolRenderer(
                "kind", [QgsRendererCategory(kind, _symbol(kind), kind_title(kind)) for kind in KINDS]
            )
        )
        layers.place(self._state.project, layer, ROLE, self._state.data.jurisdiction)
        return layer


class _Change(QUndoCommand):
    """Overrides added and withdrawn at once."""

    def __init__(
        self, overrides: Overrides, text: str, added: Sequence[Override] = (), removed: Sequence[Override] = ()
    ) -> None:
        super().__init__(text)
        self._overrides, self._added, self._removed = overrides, list(added), list(removed)

    def redo(self) -> None:
        """Do it, for the first time or again."""
        self._write(self._added, self._removed)

    def undo(self) -> None:
        """Take it back."""
        self._write(self._removed, self._added)

    def _write(self, added: Sequence[Override], removed: Sequence[Override]) -> None:
        """Qt calls this and cannot pass an error on; what could not be done is not in the stack either."""
        try:
            self._overrides.change(added, removed)
        except (PatrolError, OSError) as error:
            self.setObsolete(True)
            self._overrides.failed.emit(str(error))


def kind_title(kind: str) -> str:
    """What a kind is called for people."""
    return {
        ADD: tr("Add a mission"),
        SUPPRESS: tr("No mission"),
        LOCK: tr("Keep the mission"),
        MOVE: tr("Move the mission"),
        BOX: tr("Box"),
    }.get(kind, kind)


def kind_icon(kind: str) -> str:
    """Name of the icon of a kind in QGIS's theme."""
    return _ICONS.get(kind, "")


def _make(package: Path, crs: QgsCoordinateReferenceSystem) -> None:
    fields = QgsFields()
    for name in _TEXTS:
        fields.append(QgsField(name, QVariant.String))
    for name in _TIMES:
        fields.append(QgsField(name, QVariant.DateTime))
    options = QgsVectorFileWriter.SaveVectorOptions()
    options.driverName, options.layerName, options.fileEncoding = "GPKG", ROLE, "UTF-8"
    if package.exists():
        options.actionOnExistingFile = QgsVectorFileWriter.ActionOnExistingFile.CreateOrOverwriteLayer
    context = QgsProject.instance().transformContext()
    writer = QgsVectorFileWriter.create(str(package), fields, QgsWkbTypes.Type.Polygon, crs, context, options)
    del writer  # writes it


def _there(package: Path) -> bool:
    """Whether the file has the table; opening it to see would log an error."""
    ogr = QgsProviderRegistry.instance().providerMetadata("ogr")
    return package.exists() and any(part.name() == ROLE for part in ogr.querySublayers(str(package)))


def _table(package: Path) -> QgsVectorLayer:
    return QgsVectorLayer(f"{package}|layername={ROLE}", layers.roles()[ROLE].title, "ogr")


def _symbol(kind: str) -> QgsFillSymbol:
    pattern = {SUPPRESS: "diagonal_x", MOVE: "b_diagonal"}.get(kind, "no")
    colour = _COLOURS[kind]
    return QgsFillSymbol.createSimple(
        {"style": pattern, "color": colour, "outline_color": colour, "outline_width": "0.9", "outline_style": "dash"}
    )


def _feature(override: Override, fields: QgsFields) -> QgsFeature:
    feature = QgsFeature(fields)
    for name in _TEXTS:
        feature.setAttribute(name, getattr(override, name) or None)
    for name in _TIMES:
        feature.setAttribute(name, getattr(override, name))
    feature.setGeometry(override.shape)
    return feature


def _override(feature: QgsFeature) -> Override:
    texts = {name: "" if feature[name] in (None, NULL) else str(feature[name]) for name in _TEXTS}
    times = {name: None if feature[name] in (None, NULL) else as_utc(feature[name]) for name in _TIMES}
    return Override(shape=QgsGeometry(feature.geometry()), **texts, **times)


def tr(text: str) -> str:
    """The text in the user's language."""
    return QCoreApplication.translate("Overrides", text)
