"""How far a jurisdiction is on the way to missions, and what comes next, as one sentence."""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import asdict, dataclass, replace

from qgis.PyQt.QtCore import QCoreApplication

from patrol_missions.gui import weights_book
from patrol_missions.gui.project_state import DataForm, PlanForm, ProjectState, WeightsForm


@dataclass(frozen=True)
class Readiness:
    """Whether missions can be planned, whether that needs a new forecast, and what to tell the user.

    :param plan_anew: the missions that there are were asked for otherwise
    """

    can_plan: bool
    forecast_anew: bool
    icon: str
    sentence: str
    plan_anew: bool = False


def asked_of_forecast(form: PlanForm, data: DataForm, weights: WeightsForm) -> str:
    """The answers that a forecast depends on; stored with it, so that a changed answer is noticed."""
    coming = [data.weather, data.school_terms, data.events, data.visits]
    return json.dumps([form.start, form.shift_count, weights_book.asked(weights), *coming])


def asked_of_plan(state: ProjectState, form: PlanForm) -> str:
    """The answers that missions depend on beside their forecast; stored with them."""
    visits = state.data.visits if form.mind_doses else ""
    return json.dumps([asdict(replace(form, start="", shift_count=0)), visits, weights_book.told(state.weights)])


def asked_of_curve(state: ProjectState, form: PlanForm) -> str:
    """What a trade-off curve depends on; stored with it. Neither the share of harm kept nor the seed is part of it."""
    made = [state.value(key, "at") for key in ("forecast", "overrides")]
    doses = [state.data.areas, form.dose_minutes, form.mind_doses, state.data.visits if form.mind_doses else ""]
    return json.dumps([*made, form.missions_per_district, form.quotas, *doses])


def asked_of_model(data: DataForm) -> str:
    """The answers that a model depends on; stored with it.

    Of lists that go on, such as planned events, it depends on their being given: newer ones are for the forecast.
    """
    return json.dumps({
        "shifts": data.shifts,
        "time_zone": data.time_zone,
        "places": sorted(data.indicators),
        "areas": [data.areas, sorted(data.area_sums), sorted(data.area_means)],
        "streets": data.streets,
        "events": bool(data.events),
        "holidays": data.holidays,
        "weather": bool(data.weather),
        "school_terms": bool(data.school_terms),
        "visits": bool(data.visits),
    })  # fmt: skip


_SAME = ("places", "areas", "streets")
"""A forecast must have the same of these as its model."""


def changed_since_training(state: ProjectState, data: DataForm, of: Collection[str] = ()) -> list[str]:
    """What of the answers is not as it was when the model was trained, in words.

    :param of: only these, unless empty
    """
    words = {
        "shifts": tr("shifts"),
        "time_zone": tr("time zone"),
        "places": tr("places"),
        "areas": tr("areas"),
        "streets": tr("streets"),
        "events": tr("planned events"),
        "holidays": tr("public holidays"),
        "weather": tr("weather"),
        "school_terms": tr("school terms"),
        "visits": tr("patrol visits"),
    }
    before = json.loads(state.value("train", "asked") or "{}")  # older projects did not keep it
    now = json.loads(asked_of_model(data))
    return [words[name] for name in of or now if before.get(name, now[name]) != now[name]]


def _removed(state: ProjectState) -> list[str]:
    """Which layers that a forecast needs are not in the project any more, in words."""
    data = state.data
    needed = {
        tr("places"): data.indicators,
        tr("planned events"): [data.events],
        tr("weather"): [data.weather],
        tr("school terms"): [data.school_terms],
        tr("patrol visits"): [data.visits],
    }
    return [what for what, ids in needed.items() if any(each and not state.project.mapLayer(each) for each in ids)]


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
    for what, sentence in (
        (_removed(state), tr("Removed from the project: {what}. Add it again, or choose another on the Data page.")),
        (
            changed_since_training(state, state.data, _SAME),
            tr("Changed since the model was trained: {what}. Train it anew on the Data page, or choose as before."),
        ),
    ):
        if what:
            return Readiness(False, False, "mIconWarning", sentence.format(what=", ".join(what)))
    stale = _stale_sentence(state, form)
    if stale:
        return Readiness(True, True, "mIconWarning", stale)
    if state.layer("forecast") is None:
        return Readiness(
            True, True, "mIconInfo", tr("The model is ready. Plan missions forecasts the risk and chooses them.")
        )
    if state.layer("missions") is None:
        return Readiness(True, False, "mIconInfo", tr("The forecast is ready. Plan missions chooses among its cells."))
    asked = state.value("allocate", "asked")
    if asked and asked != asked_of_plan(state, form):
        sentence = tr("The missions were planned with other settings. Plan missions applies those of now.")
        return Readiness(True, False, "mIconInfo", sentence, plan_anew=True)
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
    if state.value("forecast", "asked") != asked_of_forecast(form, state.data, state.weights):
        return tr("The forecast was made with other settings. Plan missions makes it anew.")
    return ""


def tr(text: str) -> str:
    """The text in the user's language."""
    return QCoreApplication.translate("Readiness", text)
