"""How far a jurisdiction is on the way to missions, and what comes next, as one sentence."""

from __future__ import annotations

import json
from dataclasses import dataclass

from qgis.PyQt.QtCore import QCoreApplication

from patrol_missions.gui.project_state import PlanForm, ProjectState


@dataclass(frozen=True)
class Readiness:
    """Whether missions can be planned, whether that needs a new forecast, and what to tell the user."""

    can_plan: bool
    forecast_anew: bool
    icon: str
    sentence: str


def asked_of_forecast(form: PlanForm) -> str:
    """The answers that a forecast depends on; stored with it, so that a changed answer is noticed."""
    return json.dumps([form.start, form.shift_count, form.weights_preset])


def readiness(state: ProjectState, form: PlanForm, engine_problem: str) -> Readiness:
    """Judge the state."""
    if engine_problem:
        return Readiness(False, False, "mIconWarning", engine_problem)
    if not state.value("train", "MODEL"):
        checked = state.layer("incidents") is not None
        sentence = (
            tr("There is no model yet. Train one on the Data page.")
            if checked
            else tr("There is no model yet. Open the sample city, or choose your data on the Data page.")
        )
        return Readiness(False, False, "mIconInfo", sentence)
    if state.layer("grid") is None or state.layer("incidents") is None:
        return Readiness(
            False, False, "mIconWarning",
            tr("The grid or the checked incidents were removed from the project. Check the data again."),
        )  # fmt: skip
    stale = _stale_sentence(state, form)
    if stale:
        return Readiness(True, True, "mIconWarning", stale)
    if state.layer("forecast") is None:
        return Readiness(
            True, True, "mIconInfo", tr("The model is ready. Plan missions forecasts the risk and chooses them.")
        )
    if state.layer("missions") is None:
        return Readiness(True, False, "mIconInfo", tr("The forecast is ready. Plan missions chooses among its cells."))
    return Readiness(True, False, "", "")


def _stale_sentence(state: ProjectState, form: PlanForm) -> str:
    made = state.at("forecast")
    if made is None:
        return ""
    for key, sentence in (
        ("check", tr("The forecast is older than the checked incidents. Plan missions makes it anew.")),
        ("train", tr("The forecast is older than the model. Plan missions makes it anew.")),
    ):
        when = state.at(key)
        if when is not None and when > made:
            return sentence
    if state.value("forecast", "asked") != asked_of_forecast(form):
        return tr("The forecast was made with other settings. Plan missions makes it anew.")
    return ""


def tr(text: str) -> str:
    """The text in the user's language."""
    return QCoreApplication.translate("Readiness", text)
