"""Which algorithms a button runs, with which parameters: from the pages' answers to steps for the runner."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from qgis.core import QgsProcessingOutputLayerDefinition, QgsProject, QgsVectorLayer
from qgis.PyQt.QtCore import QCoreApplication, QDateTime, Qt

from patrol_missions.core.errors import InputError
from patrol_missions.core.names import slug
from patrol_missions.gui import settings, weights_book
from patrol_missions.gui.forms import PROVIDER
from patrol_missions.gui.guess import guess_field
from patrol_missions.gui.layers import roles
from patrol_missions.gui.missions import ShiftInstance
from patrol_missions.gui.project_state import FILE, RECORD, DataForm, PlanForm, ProjectState
from patrol_missions.gui.runner import Step
from patrol_missions.processing_algorithms.parameters import PRESETS
from patrol_missions.processing_algorithms.setup_engine import SetupEngineAlgorithm

SAMPLE = ("boundary", "districts", "exclusions", "places", "areas", "events", "incidents")
"""Outputs of the sample city; the project knows each as ``sample_<name>``."""


_INCIDENTS_PER_CELL = 38  # in three years: as busy a city as the algorithm's own defaults make


_REASONS = 6  # as many as a reader takes in


@dataclass(frozen=True)
class Files:
    """The files of one jurisdiction, side by side: the GeoPackage with its layers, the model, the reports."""

    package: Path

    def beside(self, ending: str) -> str:
        """A file that is named after the GeoPackage."""
        return str(self.package.with_name(f"{self.package.stem}_{ending}"))

    def table(self, name: str, project: QgsProject) -> QgsProcessingOutputLayerDefinition:
        """A layer of the GeoPackage as the destination of an algorithm; it replaces the layer of that name."""
        path = self.package.as_posix().replace("'", "\\'")
        return QgsProcessingOutputLayerDefinition(f"ogr:dbname='{path}' table=\"{name}\" (geom)", project)


def default_package(project: QgsProject, jurisdiction: str) -> Path:
    """Where a jurisdiction is stored unless the user says otherwise: beside the project, or in the data folder."""
    name = slug(jurisdiction) if jurisdiction.strip() else "jurisdiction"
    home = project.homePath()
    return (Path(home) if home else settings.data_folder() / name) / f"{name}.gpkg"


def files_of(form: DataForm) -> Files:
    """The jurisdiction's files, in a folder that exists."""
    package = Path(form.package)
    if not form.package or package.suffix.lower() != ".gpkg" or not package.is_absolute():
        raise InputError(
            tr("“{path}” cannot hold the results.").format(path=form.package),
            tr("Choose a GeoPackage (.gpkg) under “Results”."),
        )
    package.parent.mkdir(parents=True, exist_ok=True)
    return Files(package)


def check_steps(state: ProjectState) -> list[Step]:
    """Build the grid and check the incidents."""
    files, project = files_of(state.data), state.project

    def grid() -> dict[str, Any]:
        form = state.data
        return {
            "BOUNDARY": form.boundary,
            "SIZE": form.cell_size_m,
            "CRS": form.crs,
            "DISTRICTS": form.districts,
            "DISTRICT_FIELD": form.district_field,
            "EXCLUSIONS": form.exclusions,
            "OUTPUT": files.table("grid", project),
        }

    def check() -> dict[str, Any]:
        form = state.data
        return {
            "INCIDENTS": form.incidents,
            "GRID": _made(state, "grid"),
            "CATEGORY_FIELD": form.category_field,
            "START_FIELD": form.start_field,
            "END_FIELD": form.end_field,
            "REPORTED_FIELD": form.reported_field,
            "ID_FIELD": form.id_field,
            "RECORDED_DISTRICT_FIELD": form.recorded_district_field,
            "X_FIELD": form.x_field,
            "Y_FIELD": form.y_field,
            "COORDINATES_CRS": form.coordinates_crs,
            "TIME_ZONE": form.time_zone,
            "TIMES_ARE": form.times_are,
            "CATEGORY_MAP": form.category_map,
            "OUTPUT": files.table("incidents", project),
            "FINDINGS": files.table("findings", project),
            "REPORT": files.beside("data_report.html"),
            "MAP_OUTPUT": files.beside("categories.csv"),
        }

    return [
        _step("grid", "buildgrid", tr("Build the grid"), grid, {"OUTPUT": "grid"}, 1),
        _step("check", "checkincidents", tr("Check the incidents"), check,
              {"OUTPUT": "incidents", "FINDINGS": "findings"}, 3),
    ]  # fmt: skip


def train_steps(state: ProjectState, measured: bool | None = None) -> list[Step]:
    """Measure areas and streets where there are any, then train the model.

    :param measured: whether there are any, where the answers do not say so yet
    """
    files, project = files_of(state.data), state.project

    def train() -> dict[str, Any]:
        form = state.data
        return {
            **_history(state),
            "SHIFTS": list(form.shifts),
            "TIME_ZONE": form.time_zone,
            "HOLIDAYS": form.holidays,
            "MODEL": files.beside("model.zip"),
            "CARD": files.beside("model_card.html"),
            "SCORES": files.table("scores", project),
        }

    steps = [_step("train", "trainmodel", tr("Train the model"), train, {"SCORES": "scores"}, 12)]
    return [_measure_step(state), *steps] if (_has_measures(state.data) if measured is None else measured) else steps


def _history(state: ProjectState) -> dict[str, Any]:
    """What training, forecasting and explaining are given alike: the past, and all that shifts risk."""
    form = state.data
    measured = _has_measures(form)
    return {
        "GRID": _made(state, "measured" if measured else "grid"),
        "INCIDENTS": _made(state, "incidents"),
        "INDICATORS": form.indicators,
        "INDICATOR_FIELDS": state.value("measure", "FIELDS").split(",") if measured else [],
        "WEATHER": form.weather,
        "SCHOOL_TERMS": form.school_terms,
        "EVENTS": form.events,
        "VISITS": form.visits,
    }


def _has_measures(form: DataForm) -> bool:
    return bool(form.areas or form.streets)


def _measure_step(state: ProjectState) -> Step:
    """Measure areas and streets around each cell."""
    files, project = files_of(state.data), state.project

    def measure() -> dict[str, Any]:
        form = state.data
        return {
            "GRID": _made(state, "grid"),
            "AREAS": form.areas,
            "AREA_SUMS": form.area_sums,
            "AREA_MEANS": form.area_means,
            "STREETS": form.streets,
            "OUTPUT": files.table("measured", project),
        }

    return _step("measure", "addindicators", tr("Measure areas and streets"), measure, {"OUTPUT": "measured"}, 1)


def plan_steps(state: ProjectState, forecast_anew: bool) -> list[Step]:
    """Forecast where that is needed, then allocate the missions."""
    form, files, project = state.plan, files_of(state.data), state.project

    def forecast() -> dict[str, Any]:
        return {
            "MODEL": state.value("train", "MODEL"),
            **_history(state),
            "START": _moment(form),
            "SHIFT_COUNT": form.shift_count,
            **_weights(state),
            "OUTPUT": files.table("forecast", project),
        }

    def allocate() -> dict[str, Any]:
        return {
            **_asked_of_plan(state),
            "WEIGHTS_VERSION": weights_book.told(state.weights),
            "HARM_KEPT": form.harm_kept,
            "OUTPUT": files.table("missions", project),
            "SUMMARY": files.table("summary", project),
            "PLAN": files.beside("plan.zip"),
        }

    steps = [_step("allocate", "allocatemissions", tr("Choose the missions"), allocate,
                   {"OUTPUT": "missions", "SUMMARY": "summary"}, 1)]  # fmt: skip
    if forecast_anew:
        steps.insert(0, _step("forecast", "forecastrisk", tr("Forecast the risk"), forecast, {"OUTPUT": "forecast"}, 3))
        if _has_measures(state.data) and not _is_measured(state):
            steps.insert(0, _measure_step(state))
    return [*(visits_steps(state) if form.mind_doses else []), *steps]


def visits_steps(state: ProjectState) -> list[Step]:
    """Read what live tracking has in its ledger, where there is one and no visits were chosen."""
    files = files_of(state.data)
    ledger = ledger_of(state)
    if state.data.visits or not Path(ledger).exists():
        return []

    def visits() -> dict[str, Any]:
        return {"LEDGER": ledger, "VISITS": files.table("visits", state.project)}

    return [_step("visits", "shiftreport", tr("Read the visits of patrol"), visits, {"VISITS": "visits"}, 1)]


def ledger_of(state: ProjectState) -> str:
    """Where live tracking keeps its ledger."""
    return files_of(state.data).beside("ledger.sqlite")


def _visits(state: ProjectState) -> str:
    """Id of the layer of visits: the one that was chosen, else that of live tracking; empty where there is none."""
    layer = state.layer("visits")
    return state.data.visits or (layer.id() if layer is not None and layer.featureCount() else "")


def _weights(state: ProjectState) -> dict[str, Any]:
    """The community's weights, for the forecast's harm and, with their reasons, for the plan's record."""
    labels = {key: label for label, key in PRESETS.items()}
    return {
        "WEIGHTS_PRESET": labels[state.weights.preset],
        "WEIGHTS": weights_book.as_table(state.weights, weights_book.categories_of(state)),
    }


def curve_step(state: ProjectState) -> Step:
    """What each share of harm kept would come to in the plan that the answers ask for."""
    output = files_of(state.data).table("trade_off", state.project)

    def curve() -> dict[str, Any]:
        return {**_asked_of_plan(state), **_neighbourhoods(state), "OUTPUT": output}

    return _step("trade_off", "tradeoff", tr("Draw the trade-off curve"), curve, {"OUTPUT": "trade_off"}, 1)


def _asked_of_plan(state: ProjectState) -> dict[str, Any]:
    """What a plan and its trade-off curve are asked for alike: all but the share of harm kept."""
    form = state.plan
    return {
        "FORECAST": _made(state, "forecast"),
        "MISSIONS_PER_DISTRICT": form.missions_per_district,
        "QUOTAS": form.quotas,
        **_weights(state),
        "OVERRIDES": _overrides(state),
        "DOSE_MINUTES": form.dose_minutes,
        "MIND_DOSES": form.mind_doses,
        "VISITS": _visits(state) if form.mind_doses else "",  # visits alone would have doses minded, too
        "SEED": form.seed,
    }


def _neighbourhoods(state: ProjectState) -> dict[str, str]:
    """The areas of the data page, where one of their fields looks like their name."""
    layer = state.project.mapLayer(state.data.areas)
    field = guess_field(layer.fields().names(), "area") if isinstance(layer, QgsVectorLayer) else ""
    return {"AREAS": state.data.areas, "AREA_FIELD": field} if field else {}


def _overrides(state: ProjectState) -> str:
    """Id of the layer of overrides, where there are any."""
    layer = state.layer("overrides")
    return layer.id() if layer is not None and layer.featureCount() else ""


def _is_measured(state: ProjectState) -> bool:
    """Whether areas and streets were measured on the grid as it is."""
    grid, measured = state.at("grid"), state.at("measure")
    return state.layer("measured") is not None and grid is not None and measured is not None and measured > grid


def publish_step(state: ProjectState, author: str, approval: str) -> Step:
    """Add the plan to the jurisdiction's audit log, which begins with the first plan that is published."""
    log = files_of(state.data).beside("audit.sqlite")

    def publish() -> dict[str, Any]:
        return {
            "PLAN": state.value("allocate", "PLAN"),
            "AUTHOR": author,
            "APPROVAL": approval,
            "LOG": log,
            "NEW_LOG": not Path(log).exists(),
            "MODEL": state.value("train", "MODEL"),
        }

    return _step("publish", "publishplan", tr("Publish the plan"), publish, {}, 1)


def report_step(state: ProjectState) -> Step:
    """Hold a plan against what happened in its shifts."""
    form, files = state.report, files_of(state.data)
    output = files.table("captures", state.project)

    def planned() -> dict[str, Any]:
        if form.plan == RECORD:
            return {"LOG": files.beside("audit.sqlite"), "NUMBER": form.number}
        file = form.file if form.plan == FILE else state.value("allocate", "PLAN")
        if form.plan == FILE or (file and Path(file).is_file()):
            return {"PLAN": file}
        forecast, at, planned_at = state.layer("forecast"), state.at("forecast"), state.at("allocate")
        behind = forecast is not None and at is not None and planned_at is not None and at < planned_at
        missions = {"MISSIONS": _made(state, "missions"), "FORECAST": forecast.id() if behind else ""}
        return {**missions, **_weights(state)}

    def report() -> dict[str, Any]:
        return {
            **planned(),
            "GRID": _made(state, "grid"),
            "INCIDENTS": form.incidents or _made(state, "incidents"),
            "VISITS": _visits(state),
            "REPORT": files.beside("capture_report.html"),
            "OUTPUT": output,
        }

    return _step("report", "capturereport", tr("Make the capture report"), report, {"OUTPUT": "captures"}, 1)


def past_step(state: ProjectState, shift: ShiftInstance | None, log: str = "") -> Step:
    """Trails of a past shift out of the ledger, or of a log. They stay in memory: the ledger alone keeps positions."""
    memory = QgsProcessingOutputLayerDefinition("memory:", state.project)

    def ledger() -> dict[str, Any]:
        times = {"START": shift.start, "END": shift.end} if shift is not None else {}
        return {"LEDGER": ledger_of(state), **times, "VISITS": memory, "TRAILS": memory}

    def tracks() -> dict[str, Any]:
        form = state.data
        return {"FILES": [log], "GRID": _made(state, "grid"), "TIME_ZONE": form.time_zone, "VISITS": memory,
                "TRAILS": memory}  # fmt: skip

    algorithm, given = ("importtracks", tracks) if log else ("shiftreport", ledger)
    return _step("past", algorithm, tr("Read the trails"), given, {"TRAILS": "trails"}, 1)


def explain_step(state: ProjectState, cell: str, output: str) -> Step:
    """Why the forecast says what it says of one cell, in all its shifts; ``output`` is a file for the answer."""

    def why() -> dict[str, Any]:
        return {
            "FORECAST": _made(state, "forecast"),
            "MODEL": state.value("train", "MODEL"),
            **_history(state),
            "CELLS": cell,
            "REASONS": _REASONS,
            "OUTPUT": output,
        }

    return _step("explain", "explainforecast", tr("Work out the reasons"), why, {"OUTPUT": "explanations"}, 1)


def sample_step(state: ProjectState) -> Step:
    """Make the sample city; what comes after it needs the layers that this makes."""
    files = files_of(state.data)

    def create() -> dict[str, Any]:
        cells = settings.SAMPLE_CELLS.get()
        layers = {name.upper(): files.table(f"sample_{name}", state.project) for name in SAMPLE}
        return {"CELLS": cells, "INCIDENT_COUNT": cells * _INCIDENTS_PER_CELL, **layers}

    roles = {name.upper(): f"sample_{name}" for name in SAMPLE}
    return _step("sample", "createsamplecity", tr("Make the sample city"), create, roles, 3)


def engine_step(action: int, python: str = "") -> Step:
    """Create, adopt, check or remove the engine's Python environment; ``action`` is one of the algorithm's."""
    titles = {
        SetupEngineAlgorithm.CREATE: tr("Set up the engine"),
        SetupEngineAlgorithm.USE: tr("Use another Python"),
        SetupEngineAlgorithm.CHECK: tr("Check the engine"),
        SetupEngineAlgorithm.REMOVE: tr("Remove the engine"),
    }

    def engine() -> dict[str, Any]:
        return {"ACTION": action, "PYTHON": python}

    return _step("engine", "setupengine", titles[action], engine, {}, 1)


def _step(
    key: str, algorithm: str, title: str, parameters: Callable[[], dict[str, Any]], roles: dict[str, str], weight: float
) -> Step:
    def given() -> dict[str, Any]:
        """The answers; what was left empty is left to the algorithm's default."""
        return {name: value for name, value in parameters().items() if value not in ("", None, [])}

    return Step(key, f"{PROVIDER}:{algorithm}", title, given, roles, weight)


def _made(state: ProjectState, role: str) -> str:
    """Id of a layer that an earlier step made."""
    layer = state.layer(role)
    if layer is None:
        raise InputError(
            tr("Layer “{layer}” was removed from the project.").format(layer=roles()[role].title),
            {
                "forecast": tr("Plan again: it is made anew."),
                "measured": tr("Train again: it is made anew."),
            }.get(role, tr("Check the data again: it is made anew.")),
        )
    return layer.id()


def _moment(form: PlanForm) -> QDateTime | None:
    return QDateTime.fromString(form.start, Qt.DateFormat.ISODate) if form.start else None


def tr(text: str) -> str:
    """The text in the user's language."""
    return QCoreApplication.translate("Recipes", text)
