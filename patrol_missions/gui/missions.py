"""Missions as the panel shows them, read from the mission layer."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from qgis.core import NULL, QgsFeature, QgsVectorLayer
from qgis.PyQt.QtCore import QDateTime, QLocale, Qt, QTimeZone

_MOMENT = "yyyy-MM-dd HH:mm:ss"


@dataclass(frozen=True)
class ShiftInstance:
    """One occurrence of a shift; ``start`` and ``end`` are UTC."""

    name: str
    date: str
    start: QDateTime
    end: QDateTime

    def key(self) -> tuple[str, str]:
        """What tells it from other occurrences."""
        return self.name, self.date

    def title(self, zone: QTimeZone) -> str:
        """Weekday, date, name and local times, for people."""
        start, end = self.start.toTimeZone(zone), self.end.toTimeZone(zone)
        # the operational date names the shift: a night that begins after midnight belongs to the evening before
        day = QLocale().toString(QDateTime.fromString(self.date, Qt.DateFormat.ISODate).date(), "ddd d MMM")
        whole_hours = start.time().minute() == 0 and end.time().minute() == 0
        clock = "HH" if whole_hours else "HH:mm"
        return f"{day} · {self.name} {start.toString(clock)}–{end.toString(clock)}"


def told_at(moment: QDateTime, zone: QTimeZone) -> str:
    """A moment in local time, for people."""
    return str(QLocale().toString(moment.toTimeZone(zone), "ddd d MMM yyyy HH:mm"))


def own_time(shift: ShiftInstance, others: Iterable[ShiftInstance]) -> tuple[QDateTime, QDateTime]:
    """The longest part of a shift in which no other runs, so that a map filtered by it shows this shift alone.

    The whole shift where there is no such part.
    """
    rest = [(shift.start, shift.end)]
    for other in others:
        if other.key() != shift.key():
            rest = [part for whole in rest for part in _without(whole, other)]
    return max(rest, key=lambda part: part[0].secsTo(part[1]), default=(shift.start, shift.end))


def _without(part: tuple[QDateTime, QDateTime], other: ShiftInstance) -> list[tuple[QDateTime, QDateTime]]:
    before = (part[0], min(part[1], other.start))
    after = (max(part[0], other.end), part[1])
    return [piece for piece in (before, after) if piece[0] < piece[1]]


@dataclass(frozen=True)
class Mission:
    """One mission; ``feature_id`` finds it in the layer."""

    feature_id: int
    mission_id: str
    cell_id: str
    district: str
    shift: ShiftInstance
    order: int
    category: str
    categories: str
    window: str
    purpose: str
    reasons: str
    dose_minutes: float
    probability: float


def read_missions(layer: QgsVectorLayer) -> list[Mission]:
    """All missions of a layer: by shift, district and order."""
    found = [_mission(feature) for feature in layer.getFeatures()]
    return sorted(found, key=lambda m: (m.shift.start, m.shift.name, natural(m.district), m.order))


def shifts_of(missions: Iterable[Mission]) -> list[ShiftInstance]:
    """The shifts that have missions, in the order of the missions."""
    return list({mission.shift.key(): mission.shift for mission in missions}.values())


def capital(text: str) -> str:
    """The text with a capital first letter."""
    return text[:1].upper() + text[1:]


def as_utc(value: QDateTime) -> QDateTime:
    """A time of a layer as UTC; some versions of QGIS drop the zone that the file gives, and ours are all UTC."""
    if value.timeSpec() == Qt.TimeSpec.LocalTime:
        return QDateTime(value.date(), value.time(), QTimeZone.utc())
    return value.toUTC()


def zone_of(name: str) -> QTimeZone:
    """A time zone by its IANA name; UTC where it has none that is known here."""
    zone = QTimeZone(name.encode()) if name else QTimeZone.utc()
    return zone if zone.isValid() else QTimeZone.utc()


def starts_at(start: QDateTime) -> str:
    """Expression for features that start at a UTC time, in a form that files answer themselves."""
    return f"\"start\" = to_datetime('{start.toString(_MOMENT)}', '{_MOMENT}')"


def before(moment: QDateTime) -> str:
    """Expression for features that start before a UTC time, in a form that files answer themselves."""
    return f"\"start\" < to_datetime('{moment.toString(_MOMENT)}', '{_MOMENT}')"


def natural(text: str) -> tuple[int, float, str]:
    """Sorts “9” before “10”, and numbers before names."""
    try:
        return 0, float(text), text
    except ValueError:
        return 1, 0.0, text.casefold()


def _mission(feature: QgsFeature) -> Mission:
    shift = ShiftInstance(
        _text(feature["shift"]), _date(feature["shift_date"]), as_utc(feature["start"]), as_utc(feature["end"])
    )
    return Mission(
        feature_id=feature.id(),
        mission_id=_text(feature["mission_id"]),
        cell_id=_text(feature["cell_id"]),
        district=_text(feature["district"]),
        shift=shift,
        order=int(feature["order"]),
        category=_text(feature["top_category"]),
        categories=_text(feature["top_categories"]),
        window=_text(feature["window"]),
        purpose=_text(feature["purpose"]),
        reasons=_text(feature["reasons"]),
        dose_minutes=float(feature["dose_minutes"]),
        probability=float(feature["inclusion_probability"]),
    )


def _text(value: Any) -> str:
    return "" if value is None or value == NULL else str(value)


def _date(value: Any) -> str:
    text: str = value.toString(Qt.DateFormat.ISODate) if hasattr(value, "toString") else str(value)
    return text[:10]
