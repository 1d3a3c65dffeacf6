"""Puts what a step made where it belongs: layers into the project, answers into its state."""

from __future__ import annotations

from patrol_missions.gui import layers, weights_book
from patrol_missions.gui.project_state import ProjectState
from patrol_missions.gui.readiness import asked_of_curve, asked_of_forecast, asked_of_model, asked_of_plan
from patrol_missions.gui.runner import Done
from patrol_missions.gui.sample import sample_made


def keep(state: ProjectState, done: Done) -> None:
    """Add the layers, each in place of the one before, and remember what the step answered."""
    if "trails" in done.layers:  # they are in memory, each in a table of its own
        layers.remove(state.project, "trails")
        done.layers["trails"].setCustomProperty("skipMemoryLayersCheck", 1)  # nothing is lost with them
    for role, layer in done.layers.items():
        layers.place(state.project, layer, role, state.data.jurisdiction)
    values = dict(done.values)
    if done.step.key == "forecast":
        values["asked"] = asked_of_forecast(state.plan, state.data, state.weights)
        values["weights"] = weights_book.asked(state.weights)
    if done.step.key == "allocate":
        values["asked"] = asked_of_plan(state, state.plan)
    if done.step.key == "trade_off":
        values["asked"] = asked_of_curve(state, state.plan)
    if done.step.key == "train":
        values["asked"] = asked_of_model(state.data)
    state.record(done.step.key, values, done.layers)
    if done.step.key == "sample":
        state.set_data(sample_made(state))
