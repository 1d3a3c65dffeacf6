"""The shifts of a day, whether or not they were planned."""

from __future__ import annotations

from collections.abc import Sequence

from qgis.core import QgsDateTimeRange, QgsVectorLayer
from qgis.PyQt.QtCore import QDate, QDateTime, Qt, QTime, QTimeZone

from patrol_missions.core.shifts import Shift, parse_shifts
from patrol_missions.gui.missions import ShiftInstance, as_utc

_FIELDS = ("name", "start", "end", "weekdays")


def shifts_on(day: QDate, shifts: Sequence[object], zone: QTimeZone) -> list[ShiftInstance]:
    """Occurrences that begin on a local day, by their start.

    :param shifts: name, start, end, weekdays; row after row, as the data page keeps them
    :raises InputError: they cannot be understood
    """
    flat = [str(text) for text in shifts]
    rows = [dict(zip(_FIELDS, flat[at : at + len(_FIELDS)])) for at in range(0, len(flat), len(_FIELDS))]
    named = [shift for shift in parse_shifts(rows) if day.dayOfWeek() - 1 in shift.weekdays]
    return sorted((_on(day, shift, zone) for shift in named), key=lambda each: each.start)


def time_of(trails: QgsVectorLayer) -> QgsDateTimeRange:
    """From the first position to when the last one is known no more, from a whole minute on."""
    fields = trails.fields()
    first = as_utc(trails.minimumValue(fields.lookupField("start")))
    last = as_utc(trails.maximumValue(fields.lookupField("until")))
    return QgsDateTimeRange(first.addSecs(-first.time().second()), last)


def _on(day: QDate, shift: Shift, zone: QTimeZone) -> ShiftInstance:
    ends = shift.start_minutes + shift.length_minutes
    start, end = _moment(day, shift.start_minutes, zone), _moment(day.addDays(ends // 1440), ends % 1440, zone)
    return ShiftInstance(shift.name, day.toString(Qt.DateFormat.ISODate), start, end)


def _moment(day: QDate, minutes: int, zone: QTimeZone) -> QDateTime:
    """A wall time that the clocks skip is the moment at which they do."""
    time = QTime(*divmod(minutes, 60))
    moment = QDateTime(day, time, zone).toUTC()
    if moment.toTimeZone(zone).time() == time:
        return moment
    return zone.nextTransition(QDateTime(day.addDays(-1), time, zone)).atUtc
