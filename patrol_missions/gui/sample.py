"""The sample city as a jurisdiction: what the data page would be told about it, and the whole chain on it."""

from __future__ import annotations

from dataclasses import replace

from qgis.core import QgsProject
from qgis.PyQt.QtCore import QCoreApplication

from patrol_missions.gui import settings
from patrol_missions.gui.guess import guess_field, guess_fields, guess_measures
from patrol_missions.gui.project_state import DataForm, ProjectState
from patrol_missions.gui.recipes import check_steps, plan_steps, sample_step, train_steps
from patrol_missions.gui.runner import Step
from patrol_missions.processing_algorithms.parameters import DEFAULT_SHIFTS


def sample_form(project: QgsProject) -> DataForm:
    """What is known of the sample city before it is made."""
    home = project.homePath()
    package = (settings.data_folder() / "sample_city" if not home else settings.Path(home)) / "sample_city.gpkg"
    return DataForm(
        jurisdiction=QCoreApplication.translate("SampleCity", "Sample city"),
        package=str(package),
        shifts=list(DEFAULT_SHIFTS),
    )


def sample_made(state: ProjectState) -> DataForm:
    """What the data page is told once the layers are there: the same guesses that a user would start from."""
    incidents, districts = state.layer("sample_incidents"), state.layer("sample_districts")
    boundary, places = state.layer("sample_boundary"), state.layer("sample_places")
    exclusions, events = state.layer("sample_exclusions"), state.layer("sample_events")
    areas = state.layer("sample_areas")
    sums, means = guess_measures([field.name() for field in areas.fields() if field.isNumeric()]) if areas else ([], [])
    wanted = ("category", "id", "reported", "end", "start", "recorded_district")
    fields = guess_fields(incidents.fields().names(), wanted) if incidents else {}
    return replace(
        state.data,
        time_zone=state.value("sample", "TIME_ZONE"),
        incidents=incidents.id() if incidents else "",
        **{f"{role}_field": name for role, name in fields.items()},
        boundary=boundary.id() if boundary else "",
        districts=districts.id() if districts else "",
        district_field=guess_field(districts.fields().names(), "district") if districts else "",
        crs=boundary.crs().authid() if boundary else "",
        exclusions=[exclusions.id()] if exclusions else [],
        indicators=[places.id()] if places else [],
        areas=areas.id() if areas else "",
        area_sums=sums,
        area_means=means,
        events=events.id() if events else "",
    )


def sample_steps(state: ProjectState) -> list[Step]:
    """From nothing to missions."""
    return [sample_step(state), *check_steps(state), *train_steps(state, True), *plan_steps(state, forecast_anew=True)]
