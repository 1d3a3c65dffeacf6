"""Planned events: how near they are to cells and shifts, what they do to a forecast, and what is wrong with a list."""

from __future__ import annotations

import json
import time
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from forecast_makers import (
    FIRST,
    SIZE_M,
    ZONE,
    Said,
    grid_table,
    hot_city,
    incident_table,
    panel_of,
    plan,
    train_parameters,
)

from patrol_missions.core.errors import InputError
from patrol_missions.core.tables import Table
from patrol_missions.engine.data.zones import zone
from patrol_missions.engine.forecast import bundle, events, explain_job, forecast_job, indicators, train_job
from patrol_missions.engine.forecast.baselines import DEFAULTS
from patrol_missions.engine.forecast.day_factor import DayFactor
from patrol_missions.engine.forecast.events import FEATURE, Events, Nearby
from patrol_missions.engine.forecast.features import Features
from patrol_missions.engine.forecast.history import History
from patrol_missions.engine.forecast.indicators import Indicators
from patrol_missions.engine.forecast.panel import Cells, Panel
from patrol_missions.engine.forecast.surface import Surfaces

X, Y = 2008.5 * SIZE_M, 17008.5 * SIZE_M
VENUE = 8 * 16 + 8  # the cell of X, Y in a city of 16 x 16 cells
DAYS = 430
MOMENT = "datetime64[s]"


def listed(*rows: tuple[float, float, str, str], reach: float | list[float] | None = None, local: bool = True) -> Table:
    """A table of events from x, y, start and end."""
    x, y, start, end = (np.array(each) for each in zip(*rows))
    names = ("start_local", "end_local") if local else ("start", "end")
    columns = {"x": x.astype(float), "y": y.astype(float)}
    columns |= {name: np.array(each, dtype=MOMENT) for name, each in zip(names, (start, end))}
    if reach is not None:
        columns["reach_m"] = np.broadcast_to(np.asarray(reach, dtype=float), len(rows)).copy()
    return Table(columns)


def of(table: Table, width: int = 16) -> Events:
    found = events.of(Cells.of(grid_table(width, width), SIZE_M), {"events": table}, zone(ZONE))
    assert found is not None
    return found


def shifts(first: str, count: int):
    return plan().following(zone(ZONE).to_utc(np.array([first], dtype=MOMENT))[0], count)


def picture(nearby: Nearby, count: int, width: int = 16) -> np.ndarray:
    """Every pair, shape (instances, rows, columns)."""
    instance, cell = np.divmod(np.arange(count * width * width), width * width)
    return nearby.of(cell, instance).reshape(count, width, width)


def test_an_event_counts_by_its_share_of_the_shift_and_its_distance() -> None:
    # Day 7-15, Evening 15-23, Night 23-7; felt from 18 to 24 o'clock.
    found = picture(of(listed((X, Y, "2018-05-04T19:00", "2018-05-04T23:00"))).nearby(shifts("2018-05-04T07:00", 4)), 4)
    day, evening, night, next_day = found
    assert (day == 0).all()
    assert (next_day == 0).all()
    assert evening[8, 8] == pytest.approx(5 / 8)
    assert night[8, 8] == pytest.approx(1 / 8)
    # The next cell's square begins half a cell away: 125 of 500 m; diagonally 125 m twice; the one after at 375 m.
    assert evening[8, 9] == pytest.approx(5 / 8 * (1 - 125 / 500))
    assert evening[9, 9] == pytest.approx(5 / 8 * (1 - 125 * np.sqrt(2) / 500))
    assert evening[8, 10] == pytest.approx(5 / 8 * (1 - 375 / 500))
    assert evening[8, 11] == 0
    np.testing.assert_allclose(evening, evening.T)


def test_events_add_up_and_are_capped_and_a_small_one_is_felt_in_its_cell() -> None:
    whole = (X, Y, "2018-05-04T00:00", "2018-05-05T00:00")
    coming = shifts("2018-05-04T07:00", 1)
    assert picture(of(listed(whole, whole)).nearby(coming), 1)[0, 8, 8] == 2.0
    assert picture(of(listed(whole, whole, whole)).nearby(coming), 1)[0, 8, 8] == 2.0
    small = picture(of(listed(whole, reach=3.0)).nearby(coming), 1)[0]
    assert small[8, 8] == 1.0
    assert (small > 0).sum() == 1
    reaches = of(listed(whole, (X - 2000, Y, *whole[2:]), reach=[100.0, np.nan]))
    assert picture(reaches.nearby(coming), 1)[0, 8, 9] == 0.0, "its own reach"
    assert picture(reaches.nearby(coming), 1)[0, 8, 1] == pytest.approx(0.75), "the usual reach"


def test_local_times_follow_the_clock_and_utc_ones_do_not() -> None:
    local = of(listed((X, Y, "2018-01-05T19:00", "2018-01-05T22:00"), (X, Y, "2018-07-06T19:00", "2018-07-06T22:00")))
    utc = listed(
        (X, Y, "2018-01-06T00:00", "2018-01-06T03:00"), (X, Y, "2018-07-06T23:00", "2018-07-07T02:00"), local=False
    )
    np.testing.assert_array_equal(local.begin, of(utc).begin)
    np.testing.assert_array_equal(local.over, of(utc).over)


def test_it_equals_a_slow_reckoning_of_every_pair() -> None:
    rng = np.random.default_rng(3)
    start = np.datetime64("2018-03-01T00:00", "s") + rng.integers(0, 40 * 86_400, 60).astype("timedelta64[s]")
    length = rng.integers(0, 30 * 3600, 60).astype("timedelta64[s]")
    x, y = X + rng.normal(0, 1500, 60), Y + rng.normal(0, 1500, 60)
    reach = rng.choice([20.0, 300.0, 500.0, 1200.0], 60)
    table = Table({"x": x, "y": y, "start": start, "end": start + length, "reach_m": reach})
    coming = shifts("2018-03-10T07:00", 50)
    grid, hour = grid_table(16, 16), np.timedelta64(3600, "s")
    wanted = np.zeros((50, 256))
    for one in range(60):
        low = np.array([grid["col"], grid["row"]]).T * SIZE_M
        spot = np.array([x[one], y[one]])
        away = np.hypot(*(spot - np.clip(spot, low, low + SIZE_M)).T)
        weight = np.maximum(1 - away / reach[one], 0)
        for number in range(50):
            until = min(coming.end[number], start[one] + length[one] + hour)
            felt = (until - max(coming.start[number], start[one] - hour)) / (coming.end[number] - coming.start[number])
            wanted[number] += max(felt, 0) * weight
    found = picture(of(table).nearby(coming), 50).reshape(50, 256)
    np.testing.assert_allclose(found, np.minimum(wanted, 2.0), atol=1e-6)
    assert (found > 0).any(axis=1).sum() > 30


def test_five_thousand_events_in_four_years_take_a_moment() -> None:
    rng = np.random.default_rng(1)
    start = FIRST + rng.integers(0, 4 * 365 * 86_400, 5000).astype("timedelta64[s]")
    place = (2000 + 64 * rng.random(5000)) * SIZE_M, (17000 + 64 * rng.random(5000)) * SIZE_M
    table = Table({"x": place[0], "y": place[1], "start": start, "end": start + np.timedelta64(3 * 3600, "s")})
    coming = shifts("2018-01-01T07:00", 3 * 4 * 365)
    began = time.process_time()
    nearby = of(table, 64).nearby(coming)
    assert time.process_time() - began < 2.0
    assert len(nearby.key) > 100_000
    assert len(nearby.key) < 0.02 * len(coming) * 64 * 64


def features(panel: Panel, planned: Events | None) -> Features:
    none = indicators.compute(panel.cells, [], {})
    places = Indicators(none.names, none.distance_m, none.density, none.fields, none.values, planned)
    history = History(panel).advance(panel.end)
    coming = plan().following(np.datetime64(panel.end, "s"), 21)
    return Features(history, coming, Surfaces(panel.cells, [DEFAULTS["B4"]] * 2), places, (0, 1), DayFactor())


def game(panel: Panel) -> tuple[float, float, str, str]:
    """An event in the fifth of the coming shifts."""
    start = plan().following(np.datetime64(panel.end, "s"), 5).start[4]
    return X, Y, str(start + np.timedelta64(7200, "s")), str(start + np.timedelta64(10800, "s"))


def test_features_elsewhere_stay_as_they_are() -> None:
    panel = panel_of(*hot_city(days=120, incidents=3000))
    without, given = features(panel, None), features(panel, of(listed(game(panel), local=False)))
    assert given.names() == [*without.names(), FEATURE]
    instance, cell = (each.ravel() for each in np.meshgrid(np.arange(21), np.arange(256), indexing="ij"))
    before, after = without.rows(0, cell, instance), given.rows(0, cell, instance)
    np.testing.assert_array_equal(after[:, :-1], before)
    column = after[:, -1].reshape(21, 256)
    assert column[4, VENUE] == pytest.approx(3 / 8)
    column[4] = 0
    assert not column.any()
    # The shift with the event is like no other; the rest are alike as before.
    examples, kind = given.kinds
    assert (kind == kind[4]).sum() == 1
    np.testing.assert_array_equal(examples[kind[4]], 4)
    others = np.arange(21) != 4
    same = without.kinds[1][:, None] == without.kinds[1][None, :]
    np.testing.assert_array_equal((kind[:, None] == kind[None, :])[others][:, others], same[others][:, others])


def test_what_happens_later_moves_nothing() -> None:
    """Incidents after the moment are garbled: neither the other features nor nearness to events move."""
    incidents, cells = hot_city(days=120, incidents=3000)
    panel = panel_of(incidents, cells)
    moment = panel.begin + 90 * 86_400
    later = incidents["start"].astype(np.int64) > moment
    rng = np.random.default_rng(2)
    garbled = Table(
        {**incidents.columns, "x": np.where(later, rng.permutation(incidents["x"]), incidents["x"])}, incidents.labels
    )
    start = plan().following(np.datetime64(moment, "s"), 5).start[4]
    planned = of(listed((X, Y, str(start), str(start + np.timedelta64(7200, "s"))), local=False))
    rows = []
    for each in (panel, panel_of(garbled, cells)):
        none = indicators.compute(each.cells, [], {})
        places = Indicators(none.names, none.distance_m, none.density, none.fields, none.values, planned)
        coming = plan().following(np.datetime64(moment, "s"), 21)
        surfaces = Surfaces(each.cells, [DEFAULTS["B4"]] * 2)
        seen = Features(History(each).advance(moment), coming, surfaces, places, (0, 1), DayFactor())
        rows.append(seen.rows(0, np.tile(np.arange(256), 21), np.repeat(np.arange(21), 256)))
    np.testing.assert_array_equal(*rows)
    assert rows[0][:, -1].max() > 0


@pytest.fixture(scope="module")
def town() -> tuple[Table, Table, Table]:
    """Incidents, cells, and a game on every fifth evening that brings four thefts on average to the venue's cell."""
    incidents, cells = hot_city(days=DAYS, incidents=9000)
    rng = np.random.default_rng(5)
    day = np.arange(2, DAYS + 20, 5)
    evening = FIRST + (day * 86_400 + 19 * 3600).astype("timedelta64[s]")
    number = np.where(day < DAYS - 2, rng.poisson(4.0, len(day)), 0)
    when = np.repeat(evening, number) + rng.integers(-1800, 3 * 3600, number.sum()).astype("timedelta64[s]")
    spot = rng.uniform(-0.5, 0.5, (2, number.sum())) * SIZE_M
    more = incident_table(X + spot[0], Y + spot[1], ["Theft"] * number.sum(), zone(ZONE).to_utc(when))
    joined = {name: np.concatenate([incidents[name], more[name]]) for name in incidents.columns}
    theft = incidents.labels["category"].index("Theft")
    joined["category"] = np.concatenate([incidents["category"], np.full(number.sum(), theft, dtype=np.int32)])
    games = listed(*((X, Y, str(each), str(each + np.timedelta64(9000, "s"))) for each in evening))
    return Table(joined, incidents.labels), cells, games


@pytest.fixture(scope="module")
def trained(town: tuple[Table, Table, Table], tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Folders of a model with events and of one without."""
    found = {}
    for name, more in (("with", {"events": town[2]}), ("without", {})):
        found[name] = tmp_path_factory.mktemp(name)
        tables = {"incidents": town[0], "cells": town[1], **more}
        train_job.run(train_parameters(), tables, Said(found[name]).context)
    return found


def forecast(folder: Path, town: tuple[Table, Table, Table], games: Table | None) -> tuple[Table, list[str]]:
    said = Said(folder)
    tables = {"incidents": town[0], "cells": town[1]} | ({} if games is None else {"events": games})
    parameters: dict[str, Any] = {"model": str(folder / "model.zip"), "cell_size_m": SIZE_M, "shift_count": 21}
    return forecast_job.run(parameters, tables, said.context).tables["forecast"], said.warnings()


def evenings(town: tuple[Table, Table, Table], found: Table) -> np.ndarray:
    """Which of the forecast's shifts have a game."""
    start, end = found["start"][::256], found["end"][::256]
    felt = zone(ZONE).to_utc(town[2]["start_local"])
    return ((felt[None, :] >= start[:, None]) & (felt[None, :] < end[:, None])).any(axis=1)


def test_a_game_raises_the_forecast_around_it_for_those_hours(
    trained: dict[str, Path], town: tuple[Table, Table, Table]
) -> None:
    model = bundle.load(trained["with"] / "model.zip")
    assert model.knows_events
    assert set(model.facts["input_sha256"]) == {"incidents", "cells", "events"}
    found, warnings = forecast(trained["with"], town, town[2])
    assert not any("events" in each for each in warnings)
    expected = found["expected_theft"].reshape(21, 256)
    held = evenings(town, found)
    assert held.sum() in (1, 2)
    same = (found["shift"][::256] == found["shift"][::256][held][0]) & ~held
    assert 2.0 < expected[held, VENUE].mean() < 6.0, "four and a few"
    assert expected[same, VENUE].mean() < 0.25 * expected[held, VENUE].mean()
    reasons = found.text("reasons").reshape(21, 256)
    assert all("a planned event nearby in this shift" in each for each in reasons[held, VENUE])
    assert not any("planned event" in each for each in reasons[~held].ravel())
    # Without events the model spreads the same incidents over all evenings.
    blind = forecast(trained["without"], town, None)[0]["expected_theft"].reshape(21, 256)
    assert blind[held, VENUE].mean() < 0.6 * expected[held, VENUE].mean()


def test_the_explanation_names_the_game(trained: dict[str, Path], town: tuple[Table, Table, Table]) -> None:
    found, _ = forecast(trained["with"], town, town[2])
    row = int(np.flatnonzero(evenings(town, found))[0]) * 256 + VENUE
    parameters = {"model": str(trained["with"] / "model.zip"), "cell_size_m": SIZE_M, "category": "Theft"}
    tables = {"incidents": town[0], "cells": town[1], "events": town[2], "forecast": found.take(np.array([row]))}
    told = explain_job.run(parameters, tables, Said(trained["with"]).context).tables["explanations"]
    at = list(told.text("reason")).index("planned events")
    assert told["rank"][at] <= 2
    assert told.text("direction")[at] == "raises"
    assert told.text("text")[at].startswith("planned events nearby: 0.")
    assert told["effect"][at] > 2.0


def test_a_model_and_its_list_belong_together(trained: dict[str, Path], town: tuple[Table, Table, Table]) -> None:
    told = forecast(trained["with"], town, None)[1]
    assert "The model was trained with planned events, and none are given: the forecast expects none." in told
    told = forecast(trained["without"], town, town[2])[1]
    assert "The model was trained without planned events, and ignores those given." in told
    same = [forecast(trained["without"], town, games)[0] for games in (None, town[2])]
    for name in same[0].columns:
        np.testing.assert_array_equal(same[0][name], same[1][name])
    with zipfile.ZipFile(trained["without"] / "model.zip") as archive:
        assert "planned event" not in archive.read("model.json").decode()
    with zipfile.ZipFile(trained["with"] / "model.zip") as archive:
        assert json.loads(archive.read("model.json"))["features"][-1] == FEATURE
    assert "Planned events" in (trained["with"] / "model_card.html").read_text("utf-8")
    assert "lanned events" not in (trained["without"] / "model_card.html").read_text("utf-8")


def test_an_empty_list_expects_nothing_and_teaches_nothing(
    trained: dict[str, Path], town: tuple[Table, Table, Table]
) -> None:
    nothing = town[2].take(np.zeros(0, dtype=np.int64))
    found, warnings = forecast(trained["with"], town, nothing)
    assert not any("events" in each for each in warnings), "it is an answer, not an omission"
    blank, _ = forecast(trained["with"], town, None)
    for name in found.columns:
        np.testing.assert_array_equal(found[name], blank[name])
    tables = {"incidents": town[0], "cells": town[1], "events": nothing}
    with pytest.raises(InputError, match="nothing can be learned from it"):
        train_job.run(train_parameters(), tables, Said(trained["with"]).context)


EVENING = ("2018-05-04T19:00", "2018-05-04T22:00")
MISSING = float("nan")


@pytest.mark.parametrize(
    ("table", "sentence"),
    [
        (
            listed((X, Y, "2018-05-04T19:00", "2018-05-04T18:00"), (X, Y, *EVENING)),
            "A planned event ends before it starts",
        ),
        (listed((X, Y, "NaT", "NaT")), "No planned event has a start and an end"),
        (listed((MISSING, MISSING, *EVENING)), "No planned event has a place"),
        (listed((MISSING, MISSING, *EVENING), (X, Y, EVENING[0], "NaT")), "No planned event has a place and times"),
        (listed((X, Y, *EVENING), reach=0.0), "has a reach of 0 m"),
        (listed((X, Y, *EVENING), reach=50_000.0), "has a reach of 50000 m"),
    ],
)
def test_lists_that_cannot_be_right_are_refused_with_a_sentence(table: Table, sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        of(table)


def test_events_without_place_or_time_and_those_of_another_town_are_told() -> None:
    some = of(listed((X, Y, *EVENING), (MISSING, MISSING, *EVENING), (X, Y, EVENING[0], "NaT")))
    assert some.warnings == ("Planned events without a place or a time are left out: 2.",)
    assert len(some.begin) == 1
    far = of(listed((X + 90_000, Y, *EVENING)))
    assert far.warnings == ("No planned event reaches any cell of the grid.",)
    assert len(far.nearby(shifts("2018-05-04T07:00", 3)).key) == 0
