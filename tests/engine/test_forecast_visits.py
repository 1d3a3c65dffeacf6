"""Visits of patrol: what the models see of them, what they do to a forecast, and what is wrong with a list."""

from __future__ import annotations

import json
import time
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import forecast_patrolled
import numpy as np
import pytest
from forecast_makers import (
    FIRST,
    SIZE_M,
    ZONE,
    Said,
    grid_table,
    hot_city,
    panel_of,
    plan,
    train_parameters,
)
from forecast_patrolled import Patrolled

from patrol_missions.core.errors import InputError
from patrol_missions.core.tables import Table
from patrol_missions.engine.data import dose
from patrol_missions.engine.data.zones import zone
from patrol_missions.engine.forecast import bundle, explain_job, forecast_job, indicators, train_job, visits
from patrol_missions.engine.forecast.baselines import DEFAULTS
from patrol_missions.engine.forecast.day_factor import DayFactor
from patrol_missions.engine.forecast.features import Features
from patrol_missions.engine.forecast.history import History
from patrol_missions.engine.forecast.panel import DAY_S, Cells, Panel
from patrol_missions.engine.forecast.surface import Surfaces
from patrol_missions.engine.forecast.visits import FEATURES, Patrol

X, Y = 2008.5 * SIZE_M, 17008.5 * SIZE_M
HERE = 8 * 16 + 8  # the cell of X, Y in a city of 16 x 16 cells
MOMENT = "datetime64[s]"
MISSING = float("nan")
STAY = ("2018-05-04T19:00", "2018-05-04T19:15")


def listed(*rows: tuple[float, float, str, str], local: bool = True) -> Table:
    """A table of visits from x, y, start and end."""
    x, y, start, end = (np.array(each) for each in zip(*rows))
    names = ("start_local", "end_local") if local else ("start", "end")
    columns = {"x": x.astype(float), "y": y.astype(float)}
    return Table(columns | {name: np.array(each, dtype=MOMENT) for name, each in zip(names, (start, end))})


def empty(given: Table) -> Table:
    return given.take(np.zeros(0, dtype=np.int64))


def of(table: Table) -> Patrol:
    found = visits.of(Cells.of(grid_table(16, 16), SIZE_M), {"visits": table}, zone(ZONE))
    assert found is not None
    return found


def rows_of(panel: Panel, moment: int, patrol: Patrol | None) -> tuple[Features, np.ndarray]:
    """Features of every cell in 21 shifts from a moment on."""
    places = replace(indicators.compute(panel.cells, [], {}), patrol=patrol)
    coming, surfaces = plan().following(np.datetime64(moment, "s"), 21), Surfaces(panel.cells, [DEFAULTS["B4"]] * 2)
    seen = Features(History(panel).advance(moment), coming, surfaces, places, (0, 1), DayFactor())
    return seen, seen.rows(0, np.tile(np.arange(256), 21), np.repeat(np.arange(21), 256))


def test_the_models_see_the_faded_dose_here_and_next_door() -> None:
    patrol = of(listed((X, Y, *STAY), (X, Y, "2018-05-01T19:00", "2018-05-01T19:05"), (X + SIZE_M, Y, *STAY)))
    moment = int(zone(ZONE).to_utc(np.array(["2018-05-07T19:15"], dtype=MOMENT))[0].astype(np.int64))
    short, month, around = (each.reshape(16, 16) for each in patrol.columns(moment))
    five = float(dose.effective(np.array([5.0]))[0])
    age = 6 + 10 / 1440
    assert short[8, 8] == pytest.approx(0.5 + five * 0.5 ** (age / 3))
    assert month[8, 8] == pytest.approx(0.5 ** (3 / 28) + five * 0.5 ** (age / 28))
    assert around[8, 8] == pytest.approx(0.5 ** (3 / 28), rel=1e-5)
    assert around[7, 7] == pytest.approx(month[8, 8], rel=1e-5)
    assert (short > 0).sum() == 2
    assert patrol.period == ("2018-05-01", "2018-05-04")


def test_nothing_else_that_the_models_see_moves() -> None:
    panel = panel_of(*hot_city(days=120, incidents=3000))
    moment = panel.begin + 90 * DAY_S
    without, before = rows_of(panel, moment, None)
    given, after = rows_of(panel, moment, of(listed((X, Y, "2018-03-20T19:00", "2018-03-20T19:30"))))
    names = given.names()
    assert [name for name in names if name not in FEATURES] == without.names()
    others = [column for column, name in enumerate(names) if name not in FEATURES]
    np.testing.assert_array_equal(after[:, others], before)
    assert after[:, names.index(FEATURES[0])].reshape(21, 256)[:, HERE].min() > 0
    np.testing.assert_array_equal(given.kinds[1], without.kinds[1])


def test_visits_that_end_later_move_nothing() -> None:
    panel = panel_of(*hot_city(days=120, incidents=3000))
    moment = panel.begin + 90 * DAY_S
    rng = np.random.default_rng(3)
    start = moment + rng.integers(-40 * DAY_S, 20 * DAY_S, 3000)
    end = start + rng.integers(0, 3600, 3000)
    x, y = (X + rng.normal(0, 900, 3000), Y + rng.normal(0, 900, 3000))
    later = end > moment
    garbled = np.where(later, rng.permutation(x), x), np.where(later, rng.permutation(y), y)
    longer = np.where(later, end + rng.integers(0, 9999, 3000), end)
    tables = [
        Table({"x": a, "y": b, "start": start.astype(MOMENT), "end": c.astype(MOMENT)})
        for a, b, c in ((x, y, end), (*garbled, longer))
    ]
    seen = [rows_of(panel, moment, of(each))[1] for each in tables]
    np.testing.assert_array_equal(*seen)
    names = rows_of(panel, moment, of(tables[0]))[0].names()
    assert (seen[0][:, names.index(FEATURES[1])] > 0).sum() > 1000


def test_a_million_visits_take_no_time() -> None:
    rng = np.random.default_rng(4)
    start = np.datetime64("2018-01-01", "s") + rng.integers(0, 700 * DAY_S, 1_000_000).astype("timedelta64[s]")
    width = 16 * SIZE_M
    x, y = ((first * SIZE_M) + rng.random(1_000_000) * width for first in (2000, 17000))
    began = time.process_time()
    patrol = of(Table({"x": x, "y": y, "start": start, "end": start + np.timedelta64(600, "s")}))
    read = time.process_time()
    for day in range(100, 700, 60):
        patrol.columns(int(np.datetime64("2018-01-01", "s").astype(np.int64)) + day * DAY_S)
    assert read - began < 5.0
    assert time.process_time() - read < 5.0, "ten moments"


@pytest.fixture(scope="module")
def city() -> Patrolled:
    return forecast_patrolled.make(21)


@pytest.fixture(scope="module")
def trained(city: Patrolled, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Folders of a model with visits and of one without."""
    found = {}
    for name, more in (("with", {"visits": city.visits}), ("without", {})):
        found[name] = tmp_path_factory.mktemp(name)
        train_job.run(train_parameters(), tables_of(city) | more, Said(found[name]).context)
    return found


def tables_of(city: Patrolled) -> dict[str, Table]:
    return {"incidents": city.incidents, "cells": city.cells}


def forecast(folder: Path, city: Patrolled, given: Table | None) -> tuple[Table, list[str]]:
    said = Said(folder)
    tables = tables_of(city) | ({} if given is None else {"visits": given})
    parameters: dict[str, Any] = {"model": str(folder / "model.zip"), "cell_size_m": SIZE_M, "shift_count": 21}
    return forecast_job.run(parameters, tables, said.context).tables["forecast"], said.warnings()


def a_day(found: Table) -> np.ndarray:
    """Expected incidents a day per cell."""
    return found["expected_theft"].reshape(21, -1).sum(axis=0, dtype=np.float64) / 7


def lost(expected: np.ndarray, city: Patrolled, cells: np.ndarray) -> float:
    """Poisson deviance per incident that a forecast loses against the truth in some cells."""
    truth, expected = city.rate[cells], expected[cells]
    return float(2 * (expected - truth + truth * np.log(truth / expected)).sum() / truth.sum())


def test_where_patrol_has_gone_the_forecast_is_nearer_the_truth(trained: dict[str, Path], city: Patrolled) -> None:
    found, warnings = forecast(trained["with"], city, city.visits)
    assert not any("patrol" in each for each in warnings)
    seeing, blind = a_day(found), a_day(forecast(trained["without"], city, None)[0])
    # Months of patrol made the hot cells that it left look calmer than they are, and those it came to hotter.
    truth = {name: city.rate[getattr(city, name)].sum() for name in ("gone", "come")}
    assert blind[city.gone].sum() < 0.8 * truth["gone"]
    assert seeing[city.gone].sum() > 0.85 * truth["gone"]
    assert blind[city.come].sum() > 1.15 * truth["come"]
    assert seeing[city.come].sum() < 1.1 * truth["come"]
    for cells, part in ((city.gone, 0.4), (city.come, 0.4), (city.on, 0.8), (np.arange(len(seeing)), 0.6)):
        assert lost(seeing, city, cells) < part * lost(blind, city, cells)
    assert lost(seeing, city, city.never) < 1.1 * lost(blind, city, city.never), "elsewhere nothing is lost"


def test_reasons_say_that_patrol_has_gone(trained: dict[str, Path], city: Patrolled) -> None:
    found, _ = forecast(trained["with"], city, city.visits)
    reasons = found.text("reasons").reshape(21, -1)[0]
    gone = [each for each in reasons[city.gone] if "but not in the last 7" in each]
    assert len(gone) > 0.5 * len(city.gone)
    assert "h in the last 28 days, but not in the last 7" in gone[0]
    assert not any("patrolled" in each for each in reasons[np.concatenate([city.on, city.never])])


def test_the_explanation_says_which_way_patrol_moves_the_forecast(trained: dict[str, Path], city: Patrolled) -> None:
    found, _ = forecast(trained["with"], city, city.visits)
    busiest = [group[np.argmax(city.rate[group])] for group in (city.gone, city.come)]
    parameters = {"model": str(trained["with"] / "model.zip"), "cell_size_m": SIZE_M, "reasons": 20}
    tables = tables_of(city) | {"visits": city.visits, "forecast": found.take(np.array(busiest))}
    told = explain_job.run(parameters, tables, Said(trained["with"]).context).tables["explanations"]
    at = np.flatnonzero(told.text("reason") == "patrol lately")
    assert told.text("direction")[at].tolist() == ["raises", "lowers"]
    texts = told.text("text")[at]
    assert texts[0].startswith("patrolled ")
    assert "in the last 28 days, 0 h of them in the last 7 (typical cell: 0 h)" in texts[0]
    assert "in the last 28 days" in texts[1]
    assert " 0 h of them" not in texts[1]


def test_a_model_and_its_visits_belong_together(trained: dict[str, Path], city: Patrolled) -> None:
    model = bundle.load(trained["with"] / "model.zip")
    assert model.knows_visits
    assert set(model.facts["input_sha256"]) == {"incidents", "cells", "visits"}
    none, told = forecast(trained["with"], city, None)
    assert any("none are given: the forecast takes all cells for unpatrolled lately" in each for each in told)
    nobody, told = forecast(trained["with"], city, empty(city.visits))
    assert not any("patrol" in each for each in told), "an empty list says that nobody patrolled"
    np.testing.assert_array_equal(none["harm"], nobody["harm"])
    old = city.visits.take(np.flatnonzero(city.visits["end"] < city.visits["end"].max() - np.timedelta64(6, "D")))
    told = forecast(trained["with"], city, old)[1]
    assert any("The last visit of patrol ended 6 days before the last incident became known" in each for each in told)
    blind, told = forecast(trained["without"], city, city.visits)
    assert "The model was trained without visits of patrol, and ignores those given." in told
    for name, column in forecast(trained["without"], city, None)[0].columns.items():
        np.testing.assert_array_equal(column, blind[name])


def test_bundle_and_card_say_what_was_used(trained: dict[str, Path]) -> None:
    documents, cards = {}, {}
    for name, folder in trained.items():
        with zipfile.ZipFile(folder / "model.zip") as archive:
            documents[name] = archive.read("model.json").decode()
        cards[name] = (folder / "model_card.html").read_text("utf-8")
    assert set(FEATURES) < set(json.loads(documents["with"])["features"])
    assert "patrol " not in documents["without"].replace("patrol missions", "")
    assert "visits" not in documents["without"]
    assert "Visits of patrol: " in cards["with"]
    assert "Of patrols it knows the visits it was given." in cards["with"]
    assert "It does not know what patrols did." not in cards["with"]
    assert "It does not know what patrols did." in cards["without"]
    assert "isits of patrol" not in cards["without"]


def test_threads_and_the_order_of_visits_make_no_difference(tmp_path: Path) -> None:
    small = forecast_patrolled.make(3, width=12, days=420, incidents=14_000)
    category = (np.arange(len(small.incidents)) % 2).astype(np.int32)
    incidents = Table({**small.incidents.columns, "category": category}, {"category": ("Robbery", "Theft")})
    mixed = small.visits.take(np.random.default_rng(1).permutation(len(small.visits)))
    made = []
    for threads, given in ((1, small.visits), (2, mixed)):
        said = Said(tmp_path)
        tables = {"incidents": incidents, "cells": small.cells, "visits": given}
        train_job.run(train_parameters(threads=threads), tables, said.context)
        made.append(bundle.load(tmp_path / "model.zip"))
    first, second = made
    assert first.feature_names == second.feature_names
    for one, other in zip(first.categories, second.categories):
        assert (one.trees is None) == (other.trees is None)
        if one.trees is not None and other.trees is not None:
            assert one.trees.text == other.trees.text
            np.testing.assert_array_equal(one.trees.regression.weight, other.trees.regression.weight)
    assert any(each.trees is not None for each in first.categories), "else nothing is compared"


@pytest.mark.parametrize(
    ("table", "sentence"),
    [
        (listed((X, Y, *STAY[::-1]), (X, Y, *STAY)), "A visit of patrol ends before it starts"),
        (listed((X, Y, *STAY[::-1]), (X, Y, *STAY[::-1])), "2 visits of patrol end before they start"),
        (listed((X, Y, "NaT", "NaT")), "No visit of patrol has a start and an end"),
        (listed((MISSING, MISSING, *STAY)), "No visit of patrol has a place"),
        (listed((MISSING, MISSING, *STAY), (X, Y, STAY[0], "NaT")), "No visit of patrol has a place and times"),
        (listed((X + 90_000, Y, *STAY)), "No visit of patrol is inside the grid"),
    ],
)
def test_lists_that_cannot_be_right_are_refused_with_a_sentence(table: Table, sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        of(table)


def test_rows_that_are_not_whole_are_told_and_there_must_be_something_to_learn_from() -> None:
    some = of(listed((X, Y, *STAY), (MISSING, MISSING, *STAY), (X, Y, STAY[0], "NaT"), (X + 90_000, Y, *STAY)))
    assert some.warnings == ("Visits of patrol without a place or a time are left out: 2.",)
    assert len(some.visits) == 1
    cells = Cells.of(grid_table(16, 16), SIZE_M)
    for table in (empty(listed((X, Y, *STAY))), listed((X, Y, "2018-05-04T19:00", "2018-05-04T19:01"))):
        assert len(of(table).visits) == 0
        with pytest.raises(InputError, match="There is no visit of patrol of two minutes or more to learn from"):
            visits.to_learn_from(cells, {"visits": table}, zone(ZONE))
    assert visits.to_learn_from(cells, {}, zone(ZONE)) is None


def test_visits_that_begin_long_after_the_incidents_are_told() -> None:
    begin = int(FIRST.astype(np.int64))
    patrol = of(listed((X, Y, *STAY)))
    assert patrol.begins_late(begin)[0].startswith("The visits of patrol begin on 2018-05-04, long after the incidents")
    assert patrol.begins_late(begin + 70 * DAY_S) == []
