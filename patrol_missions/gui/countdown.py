"""The line that tells which shift runs, which comes next, and how long until then."""

from __future__ import annotations

from collections.abc import Sequence

from qgis.PyQt.QtCore import QCoreApplication, QDateTime, QTimer
from qgis.PyQt.QtGui import QHideEvent, QShowEvent
from qgis.PyQt.QtWidgets import QWidget

from patrol_missions.gui.forms import Note, quiet
from patrol_missions.gui.missions import ShiftInstance

_EVERY_MS = 10_000
"""How often the line is told anew: it counts minutes."""


class Countdown(Note):
    """Counts down while it is seen."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent=parent)
        quiet(self)
        self._shifts: list[ShiftInstance] = []
        self._timer = QTimer(self)
        self._timer.setInterval(_EVERY_MS)
        self._timer.timeout.connect(self._tell)

    def show_shifts(self, shifts: Sequence[ShiftInstance]) -> None:
        """Count down to the next of these."""
        self._shifts = list(shifts)
        self._tell()

    def showEvent(self, event: QShowEvent) -> None:  # noqa: N802 - Qt's name
        """Go on."""
        super().showEvent(event)
        self._tell()
        self._timer.start()

    def hideEvent(self, event: QHideEvent) -> None:  # noqa: N802 - Qt's name
        """Rest."""
        super().hideEvent(event)
        self._timer.stop()

    def _tell(self) -> None:
        self.setText(countdown(self._shifts, QDateTime.currentDateTimeUtc()))


def countdown(shifts: Sequence[ShiftInstance], now: QDateTime) -> str:
    """The sentences for a moment; empty where there is no shift."""
    if not shifts:
        return ""
    running = [shift for shift in shifts if shift.start <= now < shift.end]
    coming = min((shift for shift in shifts if shift.start > now), key=lambda shift: shift.start, default=None)
    said = [
        tr("{shift} runs for another {span}.").format(shift=shift.name, span=span(now.secsTo(shift.end)))
        for shift in running
    ]
    if coming is not None:
        said.append(tr("Next: {shift} in {span}.").format(shift=coming.name, span=span(now.secsTo(coming.start))))
    elif running:
        said.append(tr("No later shift is planned."))
    else:
        said.append(
            tr(
                "The shifts of this plan are over. For later ones, check newer incidents, or set “Shifts from” under "
                "Advanced."
            )
        )
    return " ".join(said)


def soonest(shifts: Sequence[ShiftInstance], now: QDateTime) -> int:
    """Index of the shift that a reader wants first: one that runs, else the next; the first when all are over."""
    left = [number for number, shift in enumerate(shifts) if shift.end > now]
    return min(left, key=lambda number: shifts[number].start, default=0)


def span(seconds: int) -> str:
    """A length of time in its two largest units; minutes are begun ones, so that the last reads “1 min”."""
    hours, minutes = divmod(-(-seconds // 60), 60)
    days, hours = divmod(hours, 24)
    if days:
        return tr("{days} d {hours} h").format(days=days, hours=hours)
    if hours:
        return tr("{hours} h {minutes} min").format(hours=hours, minutes=minutes)
    return tr("{minutes} min").format(minutes=minutes)


def tr(text: str) -> str:
    """The text in the user's language."""
    return QCoreApplication.translate("Countdown", text)
