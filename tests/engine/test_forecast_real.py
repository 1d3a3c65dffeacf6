"""Two years of a real city: the forecast beats the count that every analyst has, and its numbers are right."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from forecast_makers import SHIFTS, Said, train_parameters

from patrol_missions.core import grid
from patrol_missions.core.jobs import JobResult
from patrol_missions.core.tables import Table, encode_text
from patrol_missions.engine.data.zones import zone
from patrol_missions.engine.forecast import forecast_job, train_job

SIZE_M = 250.0
CATEGORIES = {
    "Theft from Vehicle": "Theft from vehicle",
    "Motor Vehicle Theft": "Vehicle theft",
    "Robbery Firearm": "Robbery",
    "Robbery No Firearm": "Robbery",
}
TRAINED_UNTIL = "2018-12-31T12:00:00"


@pytest.fixture(scope="module")
def philadelphia(shared_data: Path) -> tuple[Table, Table]:
    """Incidents of 2016 to January 2019 in flat metres, and every cell that has any."""
    columns = ["event_id", "category", "datetime_start", "lon", "lat"]
    raw = pd.read_csv(shared_data / "philadelphia_2016_2020.csv.gz", usecols=columns).drop_duplicates("event_id")
    raw = raw[raw["category"].isin(CATEGORIES) & raw["lat"].between(39.86, 40.14) & raw["lon"].between(-75.29, -74.95)]
    raw = raw[raw["datetime_start"].between("2016-01-01", "2019-01-08")]
    degree = 6_371_000 * np.pi / 180
    x = (raw["lon"].to_numpy() + 80) * degree * np.cos(np.radians(40.0))
    y = raw["lat"].to_numpy() * degree
    local = pd.to_datetime(raw["datetime_start"]).to_numpy().astype("datetime64[s]")
    codes, labels = encode_text(raw["category"].map(CATEGORIES))
    start = zone("America/New_York").to_utc(local)
    column, row = grid.columns_rows(x, y, SIZE_M)
    cells = np.unique(np.column_stack([column, row]), axis=0)
    incidents = Table({"x": x, "y": y, "category": codes, "start": start}, {"category": labels})
    inside = np.ones(len(cells))
    return incidents, Table({"col": cells[:, 0].copy(), "row": cells[:, 1].copy(), "share_inside": inside})


@pytest.fixture(scope="module")
def trained(philadelphia: tuple[Table, Table], tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, JobResult]:
    folder = tmp_path_factory.mktemp("philadelphia")
    parameters = train_parameters(cell_size_m=SIZE_M, as_of=TRAINED_UNTIL, shifts=SHIFTS)
    tables = {"incidents": philadelphia[0], "cells": philadelphia[1]}
    return folder, train_job.run(parameters, tables, Said(folder).context)


def test_trees_beat_every_baseline_on_weeks_not_seen(trained: tuple[Path, JobResult]) -> None:
    scores = trained[1].tables["scores"]
    answer = dict(trained[1].values)
    ships = {name: each["ships"] for name, each in answer["categories"].items()}
    assert list(ships.values()).count("LightGBM") >= 2, ships
    for category in ships:
        rows = scores.take(scores.text("category") == category)
        assert (rows["weeks"] == 52).all()
        model = rows.take(rows.text("forecast") == "LightGBM")
        others = rows.take(rows.text("forecast") != "LightGBM")
        assert model["deviance_explained"][0] > others["deviance_explained"].max(), category


def test_numbers_are_right_before_any_calibration(trained: tuple[Path, JobResult]) -> None:
    scores = trained[1].tables["scores"]
    model = scores.take(scores.text("forecast") == "LightGBM")
    assert (np.abs(model["total_ratio"] - 1) < 0.15).all(), model["total_ratio"]
    assert (np.abs(model["slope"] - 1) < 0.15).all(), model["slope"]


def test_the_next_week_comes_as_expected(philadelphia: tuple[Table, Table], trained: tuple[Path, JobResult]) -> None:
    incidents, cells = philadelphia
    parameters = {
        "model": str(trained[0] / "model.zip"),
        "cell_size_m": SIZE_M,
        "shift_count": 21,
        "start": TRAINED_UNTIL,
        "weights_preset": "rand",
    }
    tables = {"incidents": incidents, "cells": cells}
    result = forecast_job.run(parameters, tables, Said(trained[0]).context)
    table = result.tables["forecast"]
    expected = sum(table[name].astype(float) for name in table.columns if name.startswith("expected_"))
    cell = grid.locate(incidents["x"], incidents["y"], cells["col"], cells["row"], SIZE_M)
    happened = np.zeros(len(table))
    for shift in range(21):
        first = shift * len(cells)
        inside = (incidents["start"] >= table["start"][first]) & (incidents["start"] < table["end"][first])
        happened[first : first + len(cells)] = np.bincount(cell[inside], minlength=len(cells))
    assert happened.sum() > 300
    assert expected.sum() == pytest.approx(happened.sum(), rel=0.2)
    top = np.argsort(-expected)[: len(expected) // 20]
    assert happened[top].sum() / happened.sum() > 3 * 0.05
