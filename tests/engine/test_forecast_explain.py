"""Explanations: contributions add up, carry the right sign, and the words say what can be counted."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from forecast_makers import SIZE_M, Said, hot_city, incident_table, panel_of, train_parameters

from patrol_missions.core.errors import InputError
from patrol_missions.core.jobs import JobResult
from patrol_missions.core.tables import Table
from patrol_missions.engine.forecast import bundle, explain_job, forecast_job, indicators, planning, train_job
from patrol_missions.engine.forecast.baselines import DEFAULTS
from patrol_missions.engine.forecast.bundle import Bundle
from patrol_missions.engine.forecast.contribution_words import Words
from patrol_missions.engine.forecast.contributions import (
    AROUND,
    HERE,
    PLACE,
    RECENT,
    TIME,
    Contributions,
    contributions,
    group_of,
)
from patrol_missions.engine.forecast.day_factor import DayFactor
from patrol_missions.engine.forecast.features import Features

BARS = Table({"x": np.array([2003.5, 2010.5]) * SIZE_M, "y": np.array([17003.5, 17009.5]) * SIZE_M})
INDICATOR = [{"name": "bars", "table": "indicator_0"}]
CELLS = 256


@pytest.fixture(scope="module")
def city() -> tuple[Table, Table]:
    incidents, cells = hot_city(days=400, incidents=7000)
    rare = incident_table(incidents["x"][:12], incidents["y"][:12], ["Arson"] * 12, incidents["start"][200:6200:500])
    joined = {name: np.concatenate([incidents[name], rare[name]]) for name in incidents.columns}
    joined["category"] = np.concatenate([incidents["category"], rare["category"] + 2]).astype(np.int32)
    return Table(joined, {"category": (*incidents.labels["category"], "Arson")}), cells


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, city: tuple[Table, Table]) -> Path:
    folder = tmp_path_factory.mktemp("explained")
    tables = {"incidents": city[0], "cells": city[1], "indicator_0": BARS}
    train_job.run(train_parameters(indicators=INDICATOR), tables, Said(folder).context)
    return folder


def parameters(folder: Path, **other: Any) -> dict[str, Any]:
    return {
        "model": str(folder / "model.zip"),
        "cell_size_m": SIZE_M,
        "shift_count": 6,
        "weights_preset": "rand",
        "indicators": INDICATOR,
        **other,
    }


@pytest.fixture(scope="module")
def forecast(folder: Path, city: tuple[Table, Table]) -> Table:
    tables = {"incidents": city[0], "cells": city[1], "indicator_0": BARS}
    return forecast_job.run(parameters(folder), tables, Said(folder).context).tables["forecast"]


def explain(folder: Path, city: tuple[Table, Table], forecast: Table, **other: Any) -> tuple[JobResult, Said]:
    said = Said(folder)
    tables = {"incidents": city[0], "cells": city[1], "indicator_0": BARS, "forecast": forecast}
    return explain_job.run(parameters(folder, **other), tables, said.context), said


@pytest.fixture(scope="module")
def trained(folder: Path, city: tuple[Table, Table]) -> tuple[Bundle, Features]:
    model = bundle.load(folder / "model.zip")
    panel = panel_of(*city)
    places = indicators.compute(panel.cells, INDICATOR, {"indicator_0": BARS})
    instances = model.plan.following(np.datetime64(panel.end, "s"), 24)
    return model, planning.features_of(model, panel, places, DayFactor(), instances)


def all_rows(features: Features) -> tuple[np.ndarray, np.ndarray]:
    instance, cell = np.meshgrid(np.arange(len(features.instances)), np.arange(CELLS), indexing="ij")
    return cell.ravel(), instance.ravel()


def taken_apart(trained: tuple[Bundle, Features], label: str) -> Contributions:
    model, features = trained
    number = [each.label for each in model.categories].index(label)
    return contributions(model.categories[number], features, number, *all_rows(features))


@pytest.mark.parametrize("label", ["Theft", "Robbery", "Arson"])
def test_effects_add_up_to_the_forecast(trained: tuple[Bundle, Features], label: str) -> None:
    model, features = trained
    found = taken_apart(trained, label)
    number = [each.label for each in model.categories].index(label)
    assert (model.categories[number].trees is None) == (label == "Arson"), "both kinds are to be taken apart"
    np.testing.assert_allclose(found.log_average + found.effect.sum(axis=1), found.log_expected, atol=1e-9)
    log = planning.uncalibrated(model.categories[number], features, number)
    log = model.categories[number].calibration.apply(log, features.instances.shift[:, None])
    np.testing.assert_allclose(found.log_expected, log.ravel(), atol=1e-12)
    # What is left when maps and trees are taken away is the time's alone: were a Shapley value wrong, it would be seen.
    time = found.effect[:, found.groups.index(TIME)].reshape(-1, CELLS)
    assert np.ptp(time, axis=1).max() < 1e-9
    assert np.ptp(time) > 0.1


def test_the_average_is_that_of_the_city_and_its_week(trained: tuple[Bundle, Features]) -> None:
    found = taken_apart(trained, "Theft")
    week = slice(0, 21 * CELLS)
    assert found.log_average == pytest.approx(found.log_expected[week].mean(), abs=0.05)
    assert np.abs(found.effect[week].mean(axis=0)).max() < 0.05


@pytest.mark.parametrize("code", sorted(DEFAULTS))
def test_every_baseline_is_taken_apart(trained: tuple[Bundle, Features], code: str) -> None:
    model, features = trained
    number = [each.label for each in model.categories].index("Theft")
    plain = replace(model.categories[number], trees=None, baseline=DEFAULTS[code], ships=code)
    found = contributions(plain, features, number, *all_rows(features))
    np.testing.assert_allclose(found.log_average + found.effect.sum(axis=1), found.log_expected, atol=1e-9)
    time = found.effect[:, found.groups.index(TIME)].reshape(-1, CELLS)
    assert np.ptp(time, axis=1).max() < 1e-9
    places = np.delete(found.effect, found.groups.index(TIME), axis=1)
    assert (np.abs(places).max() > 0.3) == (code != "B0"), "where all cells are alike no place raises anything"


def test_what_a_cell_has_seen_raises_it(trained: tuple[Bundle, Features]) -> None:
    _, features = trained
    history = features.history
    found = taken_apart(trained, "Theft")
    theft = history.panel.categories.index("Theft")
    counts = np.tile(history.total[theft], len(features.instances))
    here = found.effect[:, found.groups.index(HERE)]
    assert np.corrcoef(np.log1p(counts), here)[0, 1] > 0.8
    assert (here[counts >= np.quantile(counts, 0.95)] > 0).mean() > 0.9
    assert (here[counts <= np.quantile(counts, 0.25)] < 0).mean() > 0.9
    around = history.panel.cells.raster.neighbourhood(history.total[theft], 1) - history.total[theft]
    effect = found.effect[:, found.groups.index(AROUND)]
    assert np.corrcoef(np.tile(around, len(features.instances)), effect)[0, 1] > 0.3


def test_every_feature_has_a_group(trained: tuple[Bundle, Features]) -> None:
    _, features = trained
    groups = {name: group_of(name, features.indicators.names) for name in features.names()}
    own = {name: group for name, group in groups.items() if group.startswith(PLACE)}
    assert set(own) == {"distance to bars", "bars within 250 m", "bars within 500 m"}
    assert set(own.values()) == {PLACE + "bars"}
    assert groups["own count 7 d"] == RECENT
    assert group_of("distance to wine bars", ("bars", "wine bars")) == PLACE + "wine bars"
    assert group_of("value of vacant lots", ()) == PLACE + "vacant lots"
    assert group_of("daylight", ()) == PLACE + "daylight"


def test_the_job_answers_for_every_row_and_category(folder: Path, city: tuple[Table, Table], forecast: Table) -> None:
    wanted = forecast.take(forecast["rank"] <= 4)
    result, said = explain(folder, city, wanted, reasons=3)
    table = result.tables["explanations"]
    assert said.warnings() == []
    keys = list(zip(table["col"], table["row"], table["start"], table.text("category")))
    assert len(set(keys)) == len(wanted) * 3
    assert set(table["rank"]) == {1, 2, 3}
    np.testing.assert_array_equal(table.text("direction") == "raises", table["effect"] >= 1)
    assert table["share"].min() >= 0
    assert table["share"].max() <= 100
    then = {(c, r, s): e for c, r, s, e in zip(wanted["col"], wanted["row"], wanted["start"], wanted["expected_theft"])}
    theft = table.take(table.text("category") == "Theft")
    np.testing.assert_allclose(
        theft["expected"], [then[key] for key in zip(theft["col"], theft["row"], theft["start"])], rtol=1e-5
    )
    assert set(table.take(table.text("category") == "Arson").text("forecast_by")) == {"B5"}
    assert set(theft.text("forecast_by")) == {"LightGBM"}


def test_all_effects_of_a_row_multiply_to_its_ratio(folder: Path, city: tuple[Table, Table], forecast: Table) -> None:
    result, _ = explain(folder, city, forecast.take(np.array([3, 700])), reasons=99, category="Theft")
    table = result.tables["explanations"]
    for place in np.unique(table["col"]):
        mine = table.take(table["col"] == place)
        # Effects below 1 % are not told, so a little may be missing.
        assert np.prod(mine["effect"]) == pytest.approx(mine["expected"][0] / mine["average"][0], rel=0.03)
        assert mine["share"].sum() > 97
        assert (np.diff(mine["share"]) <= 1e-3).all()


def test_the_words_are_true(folder: Path, city: tuple[Table, Table], forecast: Table) -> None:
    incidents, _ = city
    wanted = forecast.take(np.arange(0, len(forecast), 13))
    result, _ = explain(folder, city, wanted, reasons=99)
    table = result.tables["explanations"]
    where = np.floor(incidents["x"] / SIZE_M) * 100_000 + np.floor(incidents["y"] / SIZE_M)
    as_of = np.datetime64(result.values["as_of"].rstrip("Z"), "s")
    checked = {"here": 0, "recent": 0}
    for row in range(0, len(table), 3):
        mine = incidents["category"] == incidents.labels["category"].index(str(table.text("category")[row]))
        text = str(table.text("text")[row])
        key = table["col"][row] * 100_000 + table["row"][row]
        if found := re.match(r"(\w+) incidents? of \w+ in this cell in the last \d+ months", text):
            said = {"no": 0, "one": 1}.get(found[1]) if not found[1].isdigit() else int(found[1])
            assert said == (mine & (where == key)).sum()
            checked["here"] += 1
        if found := re.match(r"(\w+) incidents? of \w+ in this cell and (\w+) next to it in the last 28 days", text):
            said = sum(int(part) if part.isdigit() else int(part == "one") for part in found.groups())
            near = np.isin(where, [key + dx * 100_000 + dy for dx in (-1, 0, 1) for dy in (-1, 0, 1)])
            fresh = (incidents["start"] >= as_of - np.timedelta64(28, "D")) & (incidents["start"] <= as_of)
            assert said == (mine & near & fresh).sum()
            checked["recent"] += 1
    assert min(checked.values()) > 5, checked


def test_distances_are_true(trained: tuple[Bundle, Features]) -> None:
    _, features = trained
    words = Words(features, 0, "Theft")
    said = [words.say(PLACE + "bars", cell, 0) for cell in range(CELLS)]
    cells = features.history.panel.cells
    x, y = (cells.column + 0.5) * SIZE_M, (cells.row + 0.5) * SIZE_M
    nearest = np.hypot(x[:, None] - BARS["x"], y[:, None] - BARS["y"]).min(axis=1)
    for text, distance in zip(said, nearest):
        if distance >= 750:
            assert text == "no bars within 750 m"
        else:
            assert int(text.split()[1]) == pytest.approx(distance, abs=10)
    assert 0 < (nearest < 750).sum() < CELLS


def test_a_forecast_of_other_incidents_is_told(folder: Path, city: tuple[Table, Table], forecast: Table) -> None:
    wanted = forecast.take(forecast["rank"] <= 2)
    newer = city[0].take(city[0]["start"] < wanted["start"].min() - np.timedelta64(20, "D"))
    _, said = explain(folder, (newer, city[1]), wanted)
    assert any("made with other incidents or another model" in text for text in said.warnings())


def test_what_cannot_be_explained_is_a_sentence(folder: Path, city: tuple[Table, Table], forecast: Table) -> None:
    with pytest.raises(InputError, match="does not know the category “Piracy”"):
        explain(folder, city, forecast.take(np.array([0])), category="Piracy")
    with pytest.raises(InputError, match="no row of the forecast"):
        explain(folder, city, forecast.take(np.zeros(0, dtype=np.int64)))
    strange = Table({**forecast.take(np.array([0])).columns, "col": np.array([5])}, forecast.labels)
    with pytest.raises(InputError, match="cells that the grid does not have"):
        explain(folder, city, strange)
    odd = Table(dict(forecast.take(np.array([0])).columns), {**forecast.labels, "shift": ("Dawn", "Noon", "Dusk")})
    with pytest.raises(InputError, match="shifts that the model does not know"):
        explain(folder, city, odd)


def test_threads_change_nothing(folder: Path, city: tuple[Table, Table], forecast: Table) -> None:
    wanted = forecast.take(forecast["rank"] <= 2)
    one, two = (explain(folder, city, wanted, threads=number)[0].tables["explanations"] for number in (1, 2))
    assert one.labels == two.labels
    for name in one.columns:
        np.testing.assert_array_equal(one[name], two[name])
