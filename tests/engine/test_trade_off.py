"""The job of the trade-off: each share of harm kept held against the plan that Allocate missions makes with it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from missions_forecast import LABELS, forecast

from patrol_missions.core.errors import InputError
from patrol_missions.core.jobs import JobResult
from patrol_missions.core.messages import Warning
from patrol_missions.core.tables import Table
from patrol_missions.engine.context import JobContext
from patrol_missions.engine.jobs import find
from patrol_missions.engine.missions.curve import MOST_SHIFTS, SHARES

FORECAST = forecast(shifts=6)
FIRST = FORECAST.take(FORECAST["start"] < np.unique(FORECAST["start"])[MOST_SHIFTS])
CELLS = np.unique(np.column_stack([FORECAST["col"], FORECAST["row"]]), axis=0)


def run(name: str, folder: Path, table: Table, *, areas: Table | None = None, **parameters: Any) -> JobResult:
    given = {"time_zone": "America/New_York", "labels": LABELS, "cell_size_m": 250.0, **parameters}
    tables = {"forecast": table} if areas is None else {"forecast": table, "areas": areas}
    return find(name)(given, tables, JobContext(folder, lambda _: None))


def halves(people: tuple[float, float]) -> Table:
    """The cells of the first district and all others as areas, with people per cell."""
    first = CELLS[:, 0] < 1906
    columns = {"col": CELLS[:, 0], "row": CELLS[:, 1], "people": np.where(first, *people)}
    return Table(columns).with_text("area", np.where(first, "One", "Other").tolist())


def test_each_row_is_the_plan_of_its_share(tmp_path: Path) -> None:
    curve = run("trade_off", tmp_path, FORECAST).tables["curve"]
    assert curve["harm_kept"].tolist() == list(SHARES)
    for at in (0, 6, 9):
        plan = run("allocate_missions", tmp_path, FIRST, harm_kept=SHARES[at])
        chance = plan.tables["chances"]["chance"]
        harm = np.sum(chance * plan.tables["chances"]["value"])
        assert curve["harm"][at] == pytest.approx(harm / plan.tables["allocation"]["harm_unrestricted"].sum(), rel=1e-6)
        assert curve["turnover"][at] == pytest.approx(np.sum(chance * (1 - chance)) / chance.sum())
        assert curve["effective_cells"][at] == pytest.approx(chance.sum() / np.sum(chance**2))
    assert np.isnan(curve["uneven_by_harm"]).all()
    assert np.isnan(curve["uneven_by_people"]).all()


def test_evenness_is_told_by_areas_and_people(tmp_path: Path) -> None:
    curve = run("trade_off", tmp_path, FORECAST, areas=halves((10.0, 30.0))).tables["curve"]
    plan = run("allocate_missions", tmp_path, FIRST, harm_kept=SHARES[4])
    chance, first = plan.tables["chances"]["chance"], plan.tables["chances"]["col"] < 1906
    had = chance[first].sum() / chance.sum()
    inside = CELLS[:, 0] < 1906
    people = 10.0 * inside.sum() / (10.0 * inside.sum() + 30.0 * (~inside).sum())
    harm = FIRST["harm"].astype(np.float64)
    by_harm = harm[FIRST["col"] < 1906].sum() / harm.sum()
    assert curve["uneven_by_people"][4] == pytest.approx(abs(had - people))
    assert curve["uneven_by_harm"][4] == pytest.approx(abs(had - by_harm), rel=1e-5)


def test_limits_and_weights_count_and_the_share_asked_for_does_not(tmp_path: Path) -> None:
    plain = run("trade_off", tmp_path, FORECAST).tables["curve"]
    same = run("trade_off", tmp_path, FORECAST, harm_kept=0.5).tables["curve"]
    bound = run("trade_off", tmp_path, FORECAST, areas=halves((1.0, 1.0)), area_share=0.2).tables["curve"]
    assert same["harm"].tolist() == plain["harm"].tolist()
    assert (bound["harm"] < plain["harm"] - 0.01).all()
    other = run("trade_off", tmp_path, FORECAST, weights_preset="sentence_days").tables["curve"]
    assert not np.allclose(other["harm"], plain["harm"], rtol=1e-4)


def test_what_to_know_of_the_inputs_is_said(tmp_path: Path) -> None:
    said: list[Any] = []
    given = {"labels": {**LABELS, next(iter(LABELS)): "Jaywalking"}, "weights_preset": "rand", "cell_size_m": 250.0}
    answer = find("trade_off")(given, {"forecast": FORECAST}, JobContext(tmp_path, said.append))
    assert any("Jaywalking" in sentence for sentence in answer.values["warnings"])
    assert [each.text for each in said if isinstance(each, Warning)] == answer.values["warnings"]
    with pytest.raises(InputError, match="No forecast was given"):
        find("trade_off")({}, {}, JobContext(tmp_path, said.append))
