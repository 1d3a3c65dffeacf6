"""Holidays, darkness, school days and weather: what they are, what they do to the totals; none sees the future."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from forecast_makers import FIRST, SIZE_M, ZONE, Said, grid_table, incident_table, panel_of, plan, train_parameters

from patrol_missions.core.errors import InputError
from patrol_missions.core.tables import Table
from patrol_missions.engine.data.zones import zone
from patrol_missions.engine.forecast import baselines, bundle, day_factor, forecast_job, train_job
from patrol_missions.engine.forecast.calendar import Calendar, darkness
from patrol_missions.engine.forecast.day_factor import DayFactor
from patrol_missions.engine.forecast.history import History
from patrol_missions.engine.forecast.panel import DAY_S, Panel
from patrol_missions.engine.forecast.weather import Weather

DAYS = 900
NONE = np.datetime64("NaT", "s")


def instances(first: str, days: int):
    start = zone(ZONE).to_utc(np.array([first], dtype="datetime64[s]"))[0]
    return plan().following(start, 3 * days)


def on(date: str, columns: dict[str, np.ndarray], name: str, first: str = "2018-01-01") -> list[float]:
    at = 3 * int((np.datetime64(date) - np.datetime64(first)).astype(int))
    return columns[name][at : at + 3].tolist()


def weather_table(days: int = DAYS, seed: int = 4) -> Table:
    """Temperature with a year's course, and rain on one day in three."""
    rng = np.random.default_rng(seed)
    date = FIRST.astype("datetime64[D]") + np.arange(days)
    course = 12.0 - 10.0 * np.cos(2 * np.pi * np.arange(days) / 365.25)
    rain = np.where(rng.random(days) < 1 / 3, rng.gamma(1.0, 5.0, days), 0.0)
    return Table(
        {
            "date": date.astype("datetime64[s]"),
            "temperature": course + rng.normal(0, 4.0, days),
            "precipitation": rain,
        }
    )


def city(effect: np.ndarray, per_day: float = 60.0, seed: int = 2) -> Panel:
    """Incidents all over a small grid and the shifts of a day; ``effect`` is the log factor of each day."""
    rng = np.random.default_rng(seed)
    day = np.repeat(np.arange(DAYS), rng.poisson(per_day * np.exp(effect)))
    local = FIRST + (day * DAY_S + 7 * 3600 + rng.integers(0, DAY_S, len(day))).astype("timedelta64[s]")
    x, y = (2000 + rng.random(len(day)) * 6) * SIZE_M, (17000 + rng.random(len(day)) * 6) * SIZE_M
    kind = np.where(rng.random(len(day)) < 0.5, "Theft", "Robbery")
    return panel_of(incident_table(x, y, kind, zone(ZONE).to_utc(local)), grid_table(6, 6))


def holiday_effect() -> np.ndarray:
    """Half of the incidents on public holidays, nothing else."""
    day = instances("2018-01-01", DAYS)
    return np.where(Calendar("US-PA").columns(day)["holiday"][::3] > 0, np.log(0.5), 0.0)


def test_the_calendar_knows_holidays_eves_school_days_and_the_night() -> None:
    calendar = Calendar("US-PA", -75.2, 40.0, (("2018-09-04", "2018-12-21"),))
    columns = calendar.columns(instances("2018-01-01", 365))
    assert on("2018-12-25", columns, "holiday") == [1, 1, 1]
    assert on("2018-12-24", columns, "eve") == [1, 1, 1]
    assert on("2018-12-25", columns, "eve") == [0, 0, 0]
    assert on("2018-11-22", columns, "holiday Thanksgiving Day") == [1, 1, 1]
    assert columns["holiday Thanksgiving Day"].sum() == 3
    assert on("2018-09-03", columns, "school day") == [0, 0, 0], "before term"
    assert on("2018-09-07", columns, "school day") == [1, 1, 1]
    assert on("2018-09-08", columns, "school day") == [0, 0, 0], "Saturday"
    day, evening, night = on("2018-06-21", columns, "darkness")
    assert day == 0.0
    assert evening == pytest.approx(2.4 / 8, abs=0.07), "sunset 20:33"
    assert night == pytest.approx(6.5 / 8, abs=0.07), "sunrise 5:32"
    assert on("2018-12-21", columns, "darkness")[1] == pytest.approx(6.4 / 8, abs=0.07), "sunset 16:38"
    assert on("2018-07-27", columns, "moonlight")[2] > 0.75, "full moon"
    assert on("2018-07-12", columns, "moonlight")[2] < 0.05, "new moon"


def test_where_the_sun_never_rises_or_sets_the_night_is_long_or_none() -> None:
    assert darkness(instances("2018-12-20", 1), 20.0, 75.0).tolist() == [1.0, 1.0, 1.0]
    assert darkness(instances("2018-06-20", 1), 20.0, 75.0).tolist() == [0.0, 0.0, 0.0]


@pytest.mark.parametrize("code", ["us-pa", "AU-NSW Western", "de-augsburg"])
def test_regions_are_known_however_they_are_written(code: str) -> None:
    assert Calendar(code).columns(instances("2018-01-01", 1))["holiday"].tolist() == [1.0, 1.0, 1.0]


@pytest.mark.parametrize("code", ["XY", "US-XX", "Pennsylvania"])
def test_holidays_of_nowhere_are_refused(code: str) -> None:
    with pytest.raises(InputError, match=f"public holidays of “{code}” are not known"):
        Calendar(code)


def test_the_factor_finds_what_holidays_do_and_leaves_other_days_alone() -> None:
    panel = city(holiday_effect())
    history = History(panel).advance(int(zone(ZONE).to_utc(np.array(["2019-12-22"], "M8[s]"))[0].astype(np.int64)))
    coming = panel.plan.following(np.datetime64(history.as_of, "s"), 21)
    factor = DayFactor(Calendar("US-PA")).factors(history, coming)
    christmas = coming.date == np.datetime64("2019-12-25")
    assert ((factor[:, christmas] > 0.48) & (factor[:, christmas] < 0.7)).all(), "half, shrunk towards none"
    np.testing.assert_allclose(factor[:, ~christmas], 1.0, atol=0.06)


def test_a_level_low_from_holidays_is_put_right_after_them() -> None:
    panel = city(holiday_effect())
    history = History(panel).advance(int(zone(ZONE).to_utc(np.array(["2020-01-03"], "M8[s]"))[0].astype(np.int64)))
    coming = panel.plan.following(np.datetime64(history.as_of, "s"), 21)
    assert (DayFactor(Calendar("US-PA")).factors(history, coming) > 1.01).all()


def test_without_any_conditions_or_history_the_factor_is_one() -> None:
    panel = city(np.zeros(DAYS))
    history = History(panel).advance(panel.end)
    coming = panel.plan.following(np.datetime64(history.as_of, "s"), 6)
    assert (DayFactor().factors(history, coming) == 1.0).all()
    young = History(panel).advance(panel.begin + 100 * DAY_S)
    assert (DayFactor(Calendar("US-PA")).factors(young, coming) == 1.0).all()


def test_noise_claims_little() -> None:
    panel = city(np.zeros(DAYS), per_day=8.0)
    history = History(panel).advance(panel.end)
    days = DayFactor(Calendar("US-PA", -75.2, 40.0), Weather.of(weather_table(), plan().zone))
    factor = days.factors(history, panel.plan.following(np.datetime64(history.as_of, "s"), 90))
    assert np.abs(np.log(factor)).max() < 0.15


def test_past_levels_are_those_that_were_expected_then() -> None:
    panel = city(np.zeros(DAYS))
    found = baselines.past_levels(History(panel).advance(panel.end), 60)
    for back in (1, 7, 60):
        then = History(panel).advance(panel.end - back * 7 * DAY_S)
        np.testing.assert_allclose(found[:, back - 1], baselines.level(then, 1)[:, 0], rtol=0.01)


def known(table: Table, as_of: str, days: int = 14) -> dict[str, np.ndarray]:
    when = int(np.datetime64(as_of, "s").astype(np.int64))
    start = zone(ZONE).to_utc(np.array([as_of[:10]], dtype="datetime64[s]"))[0]
    return Weather.of(table, plan().zone).columns(plan().following(start, 3 * days), when)


def test_weather_is_as_observed_once_past_as_forecast_once_issued_and_else_the_usual() -> None:
    table = weather_table()
    as_of = "2020-02-10T18:00"
    columns = known(table, as_of)
    assert not columns["temperature"].any(), "neither today nor tomorrow has been observed yet"
    at = int((np.datetime64("2020-02-12") - FIRST.astype("datetime64[D]")).astype(int))
    hot = {name: values[[at, at, at]].copy() for name, values in table.columns.items()}
    hot["temperature"][:] = 99.0, 30.0, -99.0
    issued = np.array(["2020-02-08", "2020-02-10", "2020-02-11"], dtype="datetime64[s]")
    none = np.full(len(table), NONE)
    given = {name: np.concatenate([table[name], values]) for name, values in hot.items()}
    joined = Table({**given, "issued": np.concatenate([none, issued])})
    columns = known(joined, as_of)
    assert (columns["temperature"][6:9] > 3.0).all(), "the newest forecast that was there"
    assert not columns["temperature"][:6].any()
    assert not columns["temperature"][9:].any()
    later = known(joined, "2020-02-14T18:00")
    wanted = Weather.of(table, plan().zone).columns(
        instances("2020-02-12", 1), int(np.datetime64("2020-02-14T18:00", "s").astype(np.int64))
    )
    assert abs(wanted["temperature"]).max() < 3.0
    assert later["temperature"].shape == (42,)


def test_nothing_of_the_weather_to_come_is_seen() -> None:
    table = weather_table()
    as_of = "2019-10-10T18:00"
    garbled = {name: values.copy() for name, values in table.columns.items()}
    after = table["date"] >= np.datetime64("2019-10-10")
    garbled["temperature"][after] = 55.0
    garbled["precipitation"][after] = 500.0
    one, two = known(table, as_of), known(Table(garbled), as_of)
    panel = city(np.zeros(DAYS))
    history = History(panel).advance(int(np.datetime64(as_of, "s").astype(np.int64)))
    coming = panel.plan.following(np.datetime64(as_of), 21)
    both = [Weather.of(each, plan().zone) for each in (table, Table(garbled))]
    factors = [DayFactor(weather=each).factors(history, coming) for each in both]
    for name in one:
        np.testing.assert_array_equal(one[name], two[name])
    np.testing.assert_array_equal(*factors)
    garbled["temperature"][~after] = 55.0
    changed = DayFactor(weather=Weather.of(Table(garbled), plan().zone)).factors(history, coming)
    assert not np.array_equal(factors[0], changed), "the test can see changes"


def test_the_factor_finds_what_rain_does() -> None:
    table = weather_table()
    wet = np.log1p(table["precipitation"] / table["precipitation"][table["precipitation"] > 0].mean())
    panel = city(-0.4 * wet)
    at = np.datetime64("2020-03-01")
    forecasts = {name: values.copy() for name, values in table.columns.items()}
    forecasts["issued"] = np.full(len(table), NONE)
    coming_days = table["date"] >= at
    forecasts["issued"][coming_days] = at
    history = History(panel).advance(int(at.astype("datetime64[s]").astype(np.int64)) + 6 * 3600)
    coming = panel.plan.following(np.datetime64(history.as_of, "s"), 90)
    factor = DayFactor(weather=Weather.of(Table(forecasts), plan().zone)).factors(history, coming)
    row = (coming.date.astype("datetime64[D]") - FIRST.astype("datetime64[D]")).astype(int)
    slope = np.polyfit(wet[row], np.log(factor[0]), 1)[0]
    assert -0.5 < slope < -0.25


def test_a_weather_table_without_anything_to_go_by_is_refused() -> None:
    with pytest.raises(InputError, match="weather table has no usable rows"):
        Weather.of(Table({"date": np.array(["2018-01-01"], dtype="datetime64[s]")}), plan().zone)


def test_school_terms_that_end_before_they_start_are_refused() -> None:
    term = Table({"start": np.array(["2018-09-01"], "M8[s]"), "end": np.array(["2018-08-01"], "M8[s]")})
    with pytest.raises(InputError, match="ends before it starts"):
        day_factor.of(Calendar(), {"school_terms": term}, plan().zone)


def test_the_jobs_keep_the_calendar_and_ask_for_the_weather_again(tmp_path: Path) -> None:
    rng = np.random.default_rng(8)
    day = np.repeat(np.arange(300), rng.poisson(12 * np.exp(holiday_effect()[:300])))
    local = FIRST + (day * DAY_S + 7 * 3600 + rng.integers(0, DAY_S, len(day))).astype("timedelta64[s]")
    x, y = (2000 + rng.random(len(day)) * 4) * SIZE_M, (17000 + rng.random(len(day)) * 4) * SIZE_M
    incidents = incident_table(x, y, ["Theft"] * len(day), zone(ZONE).to_utc(local))
    term = Table({"start": np.array(["2018-09-01"], "M8[s]"), "end": np.array(["2018-12-20"], "M8[s]")})
    tables = {"incidents": incidents, "cells": grid_table(4, 4), "school_terms": term}
    place = {"holidays": "US-PA", "longitude": -75.2, "latitude": 40.0}
    said = Said(tmp_path)
    weather = weather_table()
    train_job.run(train_parameters(calendar=place), {**tables, "weather": weather}, said.context)
    kept = bundle.load(tmp_path / "model.zip").calendar
    assert kept == Calendar("US-PA", -75.2, 40.0, (("2018-09-01", "2018-12-20"),))
    asked = {"model": str(tmp_path / "model.zip"), "cell_size_m": SIZE_M, "shift_count": 3, "weights_preset": "rand"}
    plain = forecast_job.run(asked, {k: tables[k] for k in ("incidents", "cells")}, said.context)
    assert any("tested with weather" in text for text in said.warnings())
    said = Said(tmp_path)
    forecast_job.run(asked, {**tables, "weather": weather}, said.context)
    assert not any("weather" in text for text in said.warnings())
    assert np.isfinite(plain.tables["forecast"]["harm"]).all()
    none = {name: table.take(np.zeros(0, dtype=int)) for name, table in (("school_terms", term), ("weather", weather))}
    empty = forecast_job.run(asked, {**{k: tables[k] for k in ("incidents", "cells")}, **none}, said.context)
    np.testing.assert_array_equal(empty.tables["forecast"]["harm"], plain.tables["forecast"]["harm"])
