"""Whether a plan can be held against what happened, and what is missing when it cannot, as one sentence."""

from __future__ import annotations

from pathlib import Path

from qgis.core import QgsVectorLayer
from qgis.PyQt.QtCore import QCoreApplication, QDateTime, QTimeZone

from patrol_missions.gui.missions import as_utc, told_at
from patrol_missions.gui.project_state import FILE, LAST, RECORD, ProjectState, ReportForm


def report_problem(
    state: ProjectState, form: ReportForm, engine_problem: str, zone: QTimeZone, now: QDateTime | None = None
) -> str:
    """The sentence; empty when the report can be made.

    :param zone: that times are told in
    :param now: another moment than this one
    """
    if engine_problem:
        return engine_problem
    problem = _plan_problem(state, form)
    if problem:
        return problem
    incidents = state.project.mapLayer(form.incidents) if form.incidents else state.layer("incidents")
    if not isinstance(incidents, QgsVectorLayer):
        return tr("There are no checked incidents. Check the incidents of the plan’s shifts on the Data page.")
    missions = state.layer("missions")
    if form.plan != LAST or missions is None:  # other plans are read when the report is made
        return ""
    return _time_problem(incidents, missions, zone, now or QDateTime.currentDateTimeUtc())


def _plan_problem(state: ProjectState, form: ReportForm) -> str:
    if form.plan == FILE:
        if not form.file:
            return tr("Choose the plan file.")
        if not Path(form.file).is_file():
            return tr("The plan file {file} does not exist. Choose another.").format(file=form.file)
    if form.plan == LAST and state.layer("missions") is None:
        return tr("There is no plan yet. Plan missions first, or choose a plan file.")
    if form.plan == RECORD and not state.value("publish", "NUMBER"):
        return tr("No plan was published from this project yet. Publish one on the Plan page, or choose a plan file.")
    if state.layer("grid") is None:
        return tr("The grid was removed from the project. Check the data again.")
    return ""


def _time_problem(incidents: QgsVectorLayer, missions: QgsVectorLayer, zone: QTimeZone, now: QDateTime) -> str:
    """Whether the incidents reach into the shifts of the missions."""
    first, last = _extreme(missions, "start", False), _extreme(incidents, "start", True)
    if last is None:
        return tr("Layer “{layer}” has no incidents with a time. Choose checked incidents.").format(
            layer=incidents.name()
        )
    if first is None or last >= first:
        return ""
    begins, ends = (told_at(moment, zone) for moment in (first, last))
    if first > now:
        return tr(
            "The plan’s first shift begins on {begins}, which is still to come. Come back when its incidents are known."
        ).format(begins=begins)
    return tr(
        "The incidents end on {ends}, before the plan’s first shift on {begins}. Check newer incidents on the Data "
        "page first, or choose checked ones here. To try a report without them, plan shifts that are over, with "
        "“Shifts from” under Advanced on the Plan page; the model has learnt from their incidents, which flatters it."
    ).format(ends=ends, begins=begins)


def _extreme(layer: QgsVectorLayer, field: str, highest: bool) -> QDateTime | None:
    """The first or last moment of a layer, UTC."""
    place = layer.fields().lookupField(field)
    found = (layer.maximumValue(place) if highest else layer.minimumValue(place)) if place >= 0 else None
    return as_utc(found) if isinstance(found, QDateTime) and found.isValid() else None


def tr(text: str) -> str:
    """The text in the user's language."""
    return QCoreApplication.translate("ReportReadiness", text)
