"""Units and missions as ordinary layers, which users style as they like; updated in place while units move.

What changes is written as it comes, a little at a time; the map is drawn less often, by whoever knows when it can be.
"""

from __future__ import annotations

from collections.abc import Container, Iterable

from qgis.core import (
    QgsCategorizedSymbolRenderer,
    QgsCoordinateReferenceSystem,
    QgsFeature,
    QgsFillSymbol,
    QgsGeometry,
    QgsMarkerSymbol,
    QgsPalLayerSettings,
    QgsPointXY,
    QgsProject,
    QgsProperty,
    QgsRectangle,
    QgsRendererCategory,
    QgsSymbolLayer,
    QgsVectorLayer,
    QgsVectorLayerSimpleLabeling,
)
from qgis.PyQt.QtCore import QCoreApplication
from qgis.PyQt.QtGui import QColor

from patrol_missions.gui import layers
from patrol_missions.gui.live_model import AMBER, DONE, OVER, RUNNING, WAITING, LiveModel, Mission, Unit
from patrol_missions.processing_algorithms.layer_styles import haloed

UNITS, PROGRESS = "live_units", "live_missions"
_UNIT_FIELDS = "field=unit:string&field=heading:double&field=speed_kmh:double&field=age_s:double&field=state:string"
_MISSION_FIELDS = (
    "field=mission_id:string&field=state:string&field=minutes:double&field=dose_minutes:double&field=units:string"
)
_HEARD, _OLD, _SILENT = "heard", "old", "silent"
_OLD_S = 30.0
_AGED_S = 5.0
"""How old the age of a unit that does not move may get."""
_UNIT_LOOKS = {_HEARD: "#1f4e79", _OLD: "#8c8c8c", _SILENT: "#b2182b"}
_MISSION_LOOKS = {
    WAITING: ("#5d6b7a", "no"),
    RUNNING: ("#1b7837", "solid"),
    AMBER: ("#f1a340", "solid"),
    DONE: ("#2166ac", "solid"),
    OVER: ("#b2182b", "b_diagonal"),
}


class LiveLayers:
    """Two memory layers in the jurisdiction's group; they go with the session."""

    def __init__(
        self, project: QgsProject, jurisdiction: str, crs: QgsCoordinateReferenceSystem, size_m: float
    ) -> None:
        self._project, self._size_m = project, size_m
        self.remove()  # those of a session that was saved with the project
        self.units = QgsVectorLayer(f"Point?crs=EPSG:4326&{_UNIT_FIELDS}", "", "memory")
        self.missions = QgsVectorLayer(f"Polygon?crs={crs.authid()}&{_MISSION_FIELDS}", "", "memory")
        if not self.missions.crs().isValid() or self.missions.crs() != crs:
            self.missions.setCrs(crs)
        self._unit_ids: dict[str, int] = {}
        self._shown_at: dict[str, float] = {}
        self._to_draw: dict[str, QgsVectorLayer] = {}
        self._mission_ids: dict[str, int] = {}
        for layer in (self.units, self.missions):
            layer.setCustomProperty("skipMemoryLayersCheck", 1)  # nothing is lost with them: the ledger has it all
        _style_units(self.units)
        _style_missions(self.missions)
        layers.place(project, self.missions, PROGRESS, jurisdiction)
        layers.place(project, self.units, UNITS, jurisdiction)

    def remove(self) -> None:
        """Take the layers out of the project."""
        layers.remove(self._project, UNITS, PROGRESS)

    def show(self, model: LiveModel, now: float) -> None:
        """Bring the layers up to date with what changed since the last call."""
        moved, changed = model.taken()
        self._show_missions(model, changed, now)
        aged = [name for name, at in self._shown_at.items() if now - at > _AGED_S and name in model.units]
        self._show_units([model.units[name] for name in moved.union(aged)], now)

    def draw(self) -> None:
        """Have the map drawn anew where something changed since the last call."""
        to_draw, self._to_draw = self._to_draw, {}
        for layer in to_draw.values():
            layer.triggerRepaint()

    def _show_units(self, units: Iterable[Unit], now: float) -> None:
        provider = self.units.dataProvider()
        new, shapes, values = [], {}, {}
        for unit in units:
            self._shown_at[unit.name] = now
            attributes = [unit.name, unit.heading_deg, _kmh(unit), round(now - unit.at, 1), _heard(unit, now)]
            shape = QgsGeometry.fromPointXY(QgsPointXY(unit.longitude, unit.latitude))
            known = self._unit_ids.get(unit.name)
            if known is None:
                feature = QgsFeature(self.units.fields())
                feature.setAttributes(attributes)
                feature.setGeometry(shape)
                new.append(feature)
            else:
                shapes[known] = shape
                values[known] = dict(enumerate(attributes))
        if new:
            for feature in provider.addFeatures(new)[1]:
                self._unit_ids[feature["unit"]] = feature.id()
        if shapes:
            provider.changeFeatures(values, shapes)
        if new or shapes:
            self._to_draw[UNITS] = self.units

    def _show_missions(self, model: LiveModel, changed: Container[str], now: float) -> None:
        provider = self.missions.dataProvider()
        running = {name: mission for name, mission in model.missions.items() if mission.runs(now)}
        gone = [known for name, known in self._mission_ids.items() if name not in running]
        if gone:
            provider.deleteFeatures(gone)
            self._mission_ids = {name: known for name, known in self._mission_ids.items() if name in running}
        new, values = [], {}
        for mission in running.values():
            if mission.mission_id not in changed and mission.mission_id in self._mission_ids:
                continue
            attributes = [
                mission.mission_id, mission.state, round(mission.minutes_at(now), 1), mission.dose_minutes,
                ", ".join(sorted(mission.inside)),
            ]  # fmt: skip
            known = self._mission_ids.get(mission.mission_id)
            if known is None:
                feature = QgsFeature(self.missions.fields())
                feature.setAttributes(attributes)
                feature.setGeometry(self._shape(mission))
                new.append(feature)
            else:
                values[known] = dict(enumerate(attributes))
        if new:
            for feature in provider.addFeatures(new)[1]:
                self._mission_ids[feature["mission_id"]] = feature.id()
        if values:
            provider.changeAttributeValues(values)
        if new or values or gone:
            self.missions.updateExtents()
            self._to_draw[PROGRESS] = self.missions

    def _shape(self, mission: Mission) -> QgsGeometry:
        size = self._size_m
        squares = [
            QgsGeometry.fromRect(QgsRectangle(column * size, row * size, (column + 1) * size, (row + 1) * size))
            for column, row in mission.cells
        ]
        return QgsGeometry.unaryUnion(squares)


def _kmh(unit: Unit) -> float | None:
    return None if unit.speed_mps is None else round(3.6 * unit.speed_mps, 1)


def _heard(unit: Unit, now: float) -> str:
    if unit.silent:
        return _SILENT
    return _OLD if now - unit.at > _OLD_S else _HEARD


def _style_units(layer: QgsVectorLayer) -> None:
    categories = []
    for state, colour in _UNIT_LOOKS.items():
        symbol = QgsMarkerSymbol.createSimple(
            {
                "name": "arrowhead_filled",
                "color": colour,
                "outline_color": "#ffffff",
                "outline_width": "0.4",
                "size": "5",
            }
        )
        part = symbol.symbolLayer(0)
        part.setDataDefinedProperty(QgsSymbolLayer.Property.PropertyAngle, QgsProperty.fromExpression(
            'coalesce("heading", 0) - 90'))  # fmt: skip
        # a unit that stands or tells no heading is a dot
        part.setDataDefinedProperty(QgsSymbolLayer.Property.PropertyName, QgsProperty.fromExpression(
            "if(\"heading\" IS NULL OR coalesce(\"speed_kmh\", 0) < 2, 'circle', 'arrowhead_filled')"))  # fmt: skip
        categories.append(QgsRendererCategory(state, symbol, {_HEARD: tr("Heard"), _OLD: tr("Half a minute ago"),
                                                              _SILENT: tr("Silent")}[state]))  # fmt: skip
    layer.setRenderer(QgsCategorizedSymbolRenderer("state", categories))
    label = QgsPalLayerSettings()
    label.fieldName = "unit"
    label.setFormat(haloed(8.0))
    # Always at the same side: a name stays where it is while its unit moves, and thousands are placed in a moment.
    label.placement = QgsPalLayerSettings.Placement.OverPoint
    label.quadOffset = QgsPalLayerSettings.QuadrantPosition.QuadrantAboveRight
    label.xOffset, label.yOffset = 1.5, -1.5
    layer.setLabeling(QgsVectorLayerSimpleLabeling(label))
    layer.setLabelsEnabled(True)


def _style_missions(layer: QgsVectorLayer) -> None:
    titles = {
        WAITING: tr("Waiting"), RUNNING: tr("In progress"), AMBER: tr("Nearly done"), DONE: tr("Done"),
        OVER: tr("Over-dosed"),
    }  # fmt: skip
    categories = []
    for state, (colour, pattern) in _MISSION_LOOKS.items():
        fill = QColor(colour)
        fill.setAlpha(70)
        symbol = QgsFillSymbol.createSimple({
            "style": pattern, "outline_color": colour, "outline_width": "0.5" if state == WAITING else "1.2",
            "outline_style": "dot" if state == WAITING else "solid",
        })  # fmt: skip
        symbol.symbolLayer(0).setFillColor(fill)
        categories.append(QgsRendererCategory(state, symbol, titles[state]))
    layer.setRenderer(QgsCategorizedSymbolRenderer("state", categories))


def tr(text: str) -> str:
    """The text in the user's language."""
    return QCoreApplication.translate("LiveLayers", text)
