"""What other weights would do to the risk map and to the missions of one shift, at once and without the engine."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from qgis.core import NULL, QgsExpression, QgsFeatureRequest, QgsVectorLayer

from patrol_missions.core.chances import shift_chances
from patrol_missions.core.names import expected_fields
from patrol_missions.core.weights import Weight
from patrol_missions.gui.layers import roles
from patrol_missions.gui.missions import ShiftInstance, as_utc, starts_at
from patrol_missions.gui.project_state import PlanForm, ProjectState
from patrol_missions.gui.weights_book import categories_of
from patrol_missions.processing_algorithms.layer_styles import colour_by_harm, drawn_only, first_shift, style_forecast

_DAY = "yyyy-MM-dd"


@dataclass(frozen=True)
class Change:
    """What weights come to in one shift.

    :param before: expected incidents in missions by the forecast's own harm, per category in the order of the weights
    :param after: the same by the weights tried
    :param missions: number of missions
    :param moved: how many of them would be expected elsewhere
    """

    before: np.ndarray
    after: np.ndarray
    missions: float
    moved: float


@dataclass(frozen=True)
class _Shift:
    """The cells of one shift: expected incidents (cells, categories), harm as forecast, and district.

    :param is_first: expression of what is drawn while the map is not temporal; it takes a look at the whole layer
    """

    expected: np.ndarray
    harm: np.ndarray
    district: np.ndarray
    districts: list[str]
    is_first: str

    def numbers(self, form: PlanForm) -> np.ndarray:
        """Missions per district."""
        quotas: Mapping[str, str] = dict(zip(form.quotas[::2], form.quotas[1::2]))
        return np.array([int(quotas.get(name, form.missions_per_district)) for name in self.districts], dtype=np.int64)


class WeightsPreview:
    """Remembers the shift that it read last."""

    def __init__(self, state: ProjectState) -> None:
        self._state = state
        self._key: tuple[str, ...] = ()
        self._read: _Shift | None = None

    def change(self, weights: Sequence[Weight], form: PlanForm, shift: ShiftInstance | None) -> Change | None:
        """What the weights would change in a shift, the forecast's first unless given; None without a forecast."""
        cells = self._shift(shift)
        if cells is None:
            return None
        missions = cells.numbers(form)
        kept = form.harm_kept / 100.0
        before = shift_chances(cells.harm, cells.district, missions, kept)
        after = shift_chances(_harm(cells, weights), cells.district, missions, kept)
        moved = 0.5 * float(np.abs(after - before).sum())
        return Change(before @ cells.expected, after @ cells.expected, float(before.sum()), moved)

    def recolour(self, weights: Sequence[Weight], shift: ShiftInstance | None) -> None:
        """Colour the risk layer by the weights."""
        layer, cells = self._state.layer("forecast"), self._shift(shift)
        if layer is None or cells is None:
            return
        fields = expected_fields(weight.category for weight in weights)
        parts = [f'{weight.value!r} * "{fields[weight.category]}"' for weight in weights if weight.value > 0]
        colour_by_harm(layer, drawn_only(cells.is_first, " + ".join(parts) or "0"), _harm(cells, weights))
        layer.setName(f"{roles()['forecast'].title} *")

    def restore(self) -> None:
        """Colour the risk layer as it was forecast."""
        layer = self._state.layer("forecast")
        title = roles()["forecast"].title
        if layer is not None and layer.name() != title:
            style_forecast(layer)
            layer.setName(title)

    def _shift(self, shift: ShiftInstance | None) -> _Shift | None:
        layer = self._state.layer("forecast")
        if layer is None:
            return None
        named = shift.key() if shift is not None else ()
        key = (layer.id(), str(self._state.value("forecast", "at")), *named)
        if key != self._key:
            fields = list(expected_fields(categories_of(self._state)).values())
            there = set(fields) <= set(layer.fields().names())  # else it is of another model
            self._key, self._read = key, _cells(layer, fields, shift or _first(layer)) if there else None
        return self._read


def _harm(cells: _Shift, weights: Sequence[Weight]) -> np.ndarray:
    return np.asarray(cells.expected @ np.array([weight.value for weight in weights]))


def _first(layer: QgsVectorLayer) -> ShiftInstance | None:
    """The forecast's first shift."""
    start = as_utc(layer.minimumValue(layer.fields().lookupField("start")))
    request = QgsFeatureRequest().setFlags(QgsFeatureRequest.Flag.NoGeometry).setLimit(1)
    request.setFilterExpression(starts_at(start))
    for feature in layer.getFeatures(request):
        day = feature["shift_date"].toString(_DAY)
        return ShiftInstance(str(feature["shift"]), day, as_utc(feature["start"]), as_utc(feature["end"]))
    return None


def _cells(layer: QgsVectorLayer, fields: Sequence[str], shift: ShiftInstance | None) -> _Shift | None:
    """One shift of a forecast layer; None where it has no cells."""
    if shift is None:
        return None
    request = QgsFeatureRequest().setFlags(QgsFeatureRequest.Flag.NoGeometry)
    request.setSubsetOfAttributes([*fields, "harm", "district"], layer.fields())
    named = QgsExpression.createFieldEqualityExpression("shift", shift.name)
    request.setFilterExpression(f"{named} AND {starts_at(shift.start)}")
    there = layer.fields().lookupField("district") >= 0
    rows = [
        ([feature[name] for name in fields], feature["harm"], feature["district"] if there else "")
        for feature in layer.getFeatures(request)
    ]
    if not rows:
        return None
    names = ["" if name in (None, NULL) else str(name) for _, _, name in rows]
    districts = sorted(set(names))
    place = {name: index for index, name in enumerate(districts)}
    return _Shift(
        np.array([values for values, _, _ in rows], dtype=np.float64).reshape(len(rows), -1),
        np.array([harm for _, harm, _ in rows], dtype=np.float64),
        np.array([place[name] for name in names], dtype=np.int64),
        districts,
        first_shift(layer),
    )
