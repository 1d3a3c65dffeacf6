"""The job of the backtest: every score again from the full table of cells and shifts, and what it refuses."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from forecast_makers import SIZE_M, Said, hot_city, panel_of, train_parameters

from patrol_missions.core.errors import InputError
from patrol_missions.core.jobs import JobResult
from patrol_missions.core.tables import Table
from patrol_missions.engine.forecast import backtest_job, indicators, metrics, timeline, training
from patrol_missions.engine.forecast.backtest import MODEL
from patrol_missions.engine.forecast.day_factor import DayFactor
from patrol_missions.engine.forecast.ledger import RULE, Ledger, Planned, best_so_far
from patrol_missions.engine.forecast.panel import WEEK_S
from patrol_missions.engine.forecast.timeline import Design
from patrol_missions.engine.forecast.training import Findings
from patrol_missions.engine.forecast.workers import Workers

WEEKS = 26
CITY = hot_city(incidents=12_000)


def run(folder: Path, city: tuple[Table, Table] = CITY, **other: Any) -> tuple[JobResult, Said]:
    said = Said(folder)
    given = {"weeks": WEEKS, "refit_weeks": 13, "window": "expanding", "missions_per_district": 3, **other}
    tables = {"incidents": city[0], "cells": city[1]}
    return backtest_job.run(train_parameters(weights_preset="rand", **given), tables, said.context), said


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, JobResult, Said]:
    folder = tmp_path_factory.mktemp("backtest")
    return folder, *run(folder, jitters=1)


class Everything(Ledger):
    """A ledger that also keeps every forecast as it was told."""

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self.told: dict[tuple[int, int, str], tuple[np.ndarray, np.ndarray]] = {}

    def forecast(self, week: int, category: int, code: str, expected: np.ndarray, happened: Any) -> None:
        full = np.zeros(expected.shape)
        np.add.at(full, happened[:2], happened[2])
        self.told[week, category, code] = (expected, full)
        super().forecast(week, category, code, expected, happened)


@pytest.fixture(scope="module")
def watched() -> tuple[Everything, Findings]:
    panel = panel_of(*CITY)
    planned = Planned(
        CITY[1]["district"].astype(np.int64), ("West", "East"), 3, np.array([5.0, 1.0]), np.array([0.5, 0.2])
    )
    ledger = Everything(WEEKS, 2, planned)
    none = indicators.compute(panel.cells, [], {})
    tested = training.judge(panel, none, DayFactor(), 1, Workers(2), lambda *_: None, Design(WEEKS, 13, 0), ledger)
    return ledger, tested


def test_sums_by_district_are_those_of_the_full_table(watched: tuple[Everything, Findings]) -> None:
    ledger, tested = watched
    west = ledger.planned.district == 0
    for code in ("B3", "B6", "B7", MODEL):
        expected, count = ledger.told[5, 1, code]
        kept = ledger.kept[1][code]
        slow = [metrics.deviance(count[:, side], expected[:, side]) for side in (west, ~west)]
        np.testing.assert_allclose(kept.deviance[5], slow, rtol=1e-9)
        np.testing.assert_allclose(kept.expected[5], [expected[:, west].sum(), expected[:, ~west].sum()])
        whole = sum(ledger.kept[1][code].deviance.sum(axis=1))
        assert whole == pytest.approx(tested.backtests[1].methods[code].deviance.sum(), rel=1e-3)
        assert kept.cells[5].sum() == expected.size
        assert kept.incidents[5].sum() == pytest.approx(count.sum())
    assert ledger.observed.sum() == pytest.approx(sum(each.observed.sum() for each in tested.backtests))


def test_plans_catch_what_a_slow_plan_catches(watched: tuple[Everything, Findings]) -> None:
    ledger, _ = watched
    value = np.array([[1.0, 1.0], [5.0, 1.0], [2.5, 0.2]])
    for code in ("B4", MODEL):
        areas, missions, before = np.zeros(3), np.zeros((2, 3)), None
        turned = 0.0
        pairs = [ledger.told[7, category, code] for category in range(2)]
        harm = sum(weight * expected for weight, (expected, _) in zip(value[2], pairs))
        assert isinstance(harm, np.ndarray)
        for shift, scores in enumerate(harm):
            top = sorted(range(len(scores)), key=lambda cell: -scores[cell])
            flagged = top[: math.ceil(0.02 * len(scores))]
            chosen = set()
            for kind, (_, count) in enumerate(pairs):
                areas += value[:, kind] * count[shift, flagged].sum()
            for district in range(2):
                mine = [cell for cell in top if ledger.planned.district[cell] == district][:3]
                chosen |= set(mine)
                for kind, (_, count) in enumerate(pairs):
                    missions[district] += value[:, kind] * count[shift, mine].sum()
            turned += 0.0 if before is None else len(chosen - before) / len(chosen)
            before = chosen
        caught = ledger.caught[code]
        np.testing.assert_allclose(caught.areas[7, metrics.AREAS.index(0.02)], areas, rtol=1e-6)
        np.testing.assert_allclose(caught.missions[7], missions, rtol=1e-6)
        assert turned <= caught.turnover[7] <= turned + 1, "besides, the first shift against the week before"


def test_the_rule_chooses_by_the_weeks_before(watched: tuple[Everything, Findings]) -> None:
    ledger, tested = watched
    for category, chosen in zip(tested.backtests, ledger.rule):
        assert chosen[0] == "B4", "nothing was judged yet"
        assert MODEL not in chosen[:8], "too few weeks to claim anything"
        assert chosen[3] == min(
            (code for code in category.methods if code != MODEL),
            key=lambda code: category.methods[code].deviance[:3].sum(),
        )
        assert chosen[-1] == best_so_far(category, WEEKS)
    week = 20
    picked = [chosen[week] for chosen in ledger.rule]
    if len(set(picked)) == 1:
        np.testing.assert_array_equal(ledger.caught[RULE].areas[week], ledger.caught[picked[0]].areas[week])


def test_what_happens_later_moves_no_earlier_week(watched: tuple[Everything, Findings]) -> None:
    """Incidents after a week are put elsewhere: forecasts up to it stay as they were, trees and choices included."""
    _, tested = watched
    incidents, cells = CITY
    turn = tested.timeline.begin_backtest + 16 * WEEK_S
    late = incidents["start"].astype(np.int64) >= turn
    columns = dict(incidents.columns)
    columns["x"] = np.where(late, columns["x"][::-1], columns["x"])
    columns["y"] = np.where(late, columns["y"][::-1], columns["y"])
    panel = panel_of(Table(columns, incidents.labels), cells)
    other = Everything(WEEKS, 2, watched[0].planned)
    none = indicators.compute(panel.cells, [], {})
    training.judge(panel, none, DayFactor(), 1, Workers(1), lambda *_: None, Design(WEEKS, 13, 0), other)
    same = [key for key in watched[0].told if key[0] <= 16]
    for key in same:
        np.testing.assert_array_equal(other.told[key][0], watched[0].told[key][0], err_msg=str(key))
    assert [chosen[:17] for chosen in other.rule] == [chosen[:17] for chosen in watched[0].rule]
    changed = [key for key in watched[0].told if key[0] == 20 and key[2] == "B3"]
    assert any((other.told[key][0] != watched[0].told[key][0]).any() for key in changed)


def test_scores_are_told_with_intervals_for_every_forecast(done: tuple[Path, JobResult, Said]) -> None:
    _, result, said = done
    table = result.tables["scores"]
    names = set(zip(table.text("category"), table.text("forecast"), table.text("metric")))
    for code in ("B0", "B1", "B2", "B3", "B4", "B5", "B6", "B7", MODEL):
        for metric in ("deviance_explained", "log_score", "slope", "intercept", "total_ratio", "pai", "pei", "ser"):
            assert ("Theft", code, metric) in names
        for metric in ("preventable_harm_caught", "harm_caught_by_missions", "turnover"):
            assert ("All categories", code, metric) in names
    known = np.isfinite(table["value"])
    inside = (table["low"] <= table["value"] + 1e-9) & (table["value"] <= table["high"] + 1e-9)
    assert known.mean() > 0.95
    assert inside[known].mean() > 0.98
    value = {
        (c, f, m, round(float(a), 1)): v
        for c, f, m, a, v in zip(
            table.text("category"), table.text("forecast"), table.text("metric"), table["area_percent"], table["value"]
        )
    }
    flagged = math.ceil(0.05 * 256) / 256
    assert value["Theft", "B3", "pai", 5.0] == pytest.approx(value["Theft", "B3", "hit_rate", 5.0] / flagged)
    assert 0.95 < value["Theft", "B0", "pai", 2.0] < 1.05, "a map that is the same everywhere is as good as chance"
    assert 0 < value["Theft", MODEL, "pei", 2.0] <= 1
    assert json.loads(json.dumps(result.values))["weeks"] == WEEKS
    assert said.warnings() == []


def test_districts_add_up(done: tuple[Path, JobResult, Said]) -> None:
    table = done[1].tables["districts"]
    theft = (table.text("category") == "Theft") & (table.text("forecast") == "B4")
    assert list(table.text("district")[theft]) == ["West", "East"]
    whole = (table.text("category") == "All categories") & (table.text("forecast") == RULE)
    assert table["incidents"][whole].sum() > table["incidents"][theft].sum() > 100
    assert ((table["preventable_harm_caught"][whole] > 0) & (table["preventable_harm_caught"][whole] < 1)).all()


def test_the_report_says_what_was_found(done: tuple[Path, JobResult, Said]) -> None:
    page = (done[0] / "backtest.html").read_text(encoding="utf-8")
    for words in ("beats every baseline in", "What plans would have caught", "With the grid moved", "B7 self-exciting"):
        assert words in page
    assert "nan" not in page.replace("resonan", "")


def test_a_history_that_is_too_short_is_refused_with_what_would_do(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="to test 52 of them, 78 are needed"):
        run(tmp_path, weeks=52)
    with pytest.raises(InputError, match="cannot tell forecasts apart"):
        run(tmp_path, weeks=12)


def test_a_sliding_window_forgets(watched: tuple[Everything, Findings]) -> None:
    panel = watched[1].panel
    sliding, growing = (timeline.of(panel, Design(26, 13, memory, memory > 0)) for memory in (10, 0))
    assert len(sliding.growth) == 2
    moment = int(sliding.growth[1])
    assert sliding.since(moment) == moment - 10 * WEEK_S
    assert growing.since(moment) == 0
    assert sliding.training[0] > growing.training[0]
    assert len(sliding.backtest) == len(growing.backtest) == 26


def test_a_moved_grid_sees_the_same_points_elsewhere() -> None:
    offsets = backtest_job._offsets(20, 1, SIZE_M)
    assert offsets.shape == (20, 2)
    assert ((offsets >= 0) & (offsets < SIZE_M)).all()
    assert np.ptp(offsets, axis=0).min() > 0.5 * SIZE_M
