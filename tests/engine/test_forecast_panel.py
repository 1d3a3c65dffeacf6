"""Incidents into cells and shifts, what was known when, and the running history."""

from __future__ import annotations

from time import tzset

import numpy as np
import pytest
from forecast_makers import FIRST, SHIFTS, SIZE_M, ZONE, grid_table, hot_city, incident_table, panel_of, plan

from patrol_missions.core.errors import InputError
from patrol_missions.core.shifts import parse_shifts
from patrol_missions.core.tables import Table
from patrol_missions.engine.data.shifts import ShiftPlan
from patrol_missions.engine.data.zones import zone
from patrol_missions.engine.forecast import hours, timeline
from patrol_missions.engine.forecast import panel as panels
from patrol_missions.engine.forecast.history import HALF_LIVES_DAYS, History, weekend
from patrol_missions.engine.forecast.panel import DAY_S, Cells, Panel
from patrol_missions.engine.forecast.raster import Raster


def seconds(text: str) -> int:
    return int(np.datetime64(text, "s").astype(np.int64))


def three(reported: list[str], end: list[str] | None = None) -> Table:
    """Three incidents in the first cell on three days."""
    starts = np.array(["2018-03-01T15:00", "2018-03-02T15:00", "2018-03-03T15:00"], dtype="datetime64[s]")
    return incident_table(
        np.full(3, 2000.5 * SIZE_M),
        np.full(3, 17000.5 * SIZE_M),
        ["Theft"] * 3,
        starts,
        None if end is None else np.array(end, dtype="datetime64[s]"),
        np.array(reported, dtype="datetime64[s]"),
    )


def test_an_incident_is_known_from_its_report_else_from_the_end_of_its_interval() -> None:
    incidents = three(["2018-03-09T10:00", "NaT", "NaT"], ["NaT", "2018-03-02T20:00", "NaT"])
    panel = panel_of(incidents, grid_table(4, 4))
    assert panel.events.known.tolist() == [
        seconds("2018-03-02T20:00"),
        seconds("2018-03-03T15:00"),
        seconds("2018-03-09T10:00"),
    ]
    early = panel_of(incidents, grid_table(4, 4), np.datetime64("2018-03-03T16:00"))
    assert len(early.events) == 2, "the first was not reported yet"


def test_the_place_s_zone_decides_and_not_the_computer_s(monkeypatch: pytest.MonkeyPatch) -> None:
    incidents, cells = hot_city(days=60, incidents=2000)
    local = zone(ZONE).to_local(incidents["start"])

    def built(place: str, clock: str) -> Panel:
        columns = {**incidents.columns, "start": zone(clock).to_utc(local)}
        plan = ShiftPlan(parse_shifts(SHIFTS), place)
        return panels.build(Table(columns, incidents.labels), Cells.of(cells, SIZE_M), plan, None, None)

    def keys(panel: Panel) -> np.ndarray:
        """Weekday, shift and cell of every incident."""
        labels = panel.labels(0, panel.end)
        instance, cell = np.divmod(labels.key, len(panel.cells))
        weekday = panel.instances.date[instance].astype("datetime64[D]").astype(np.int64) % 7
        return np.column_stack([weekday, panel.instances.shift[instance], cell])

    phoenix, tokyo = built("America/Phoenix", "America/Phoenix"), built("Asia/Tokyo", "Asia/Tokyo")
    np.testing.assert_array_equal(keys(phoenix), keys(tokyo))
    wrong = keys(built("Asia/Tokyo", "America/Phoenix"))
    assert wrong.shape != keys(tokyo).shape or (wrong != keys(tokyo)).any(), "the test can see a wrong zone"
    monkeypatch.setenv("TZ", "Asia/Kathmandu")
    tzset()
    try:
        np.testing.assert_array_equal(keys(built("Asia/Tokyo", "Asia/Tokyo")), keys(tokyo))
    finally:
        monkeypatch.undo()
        tzset()


def test_a_report_months_later_does_not_stretch_the_history() -> None:
    panel = panel_of(three(["NaT", "NaT", "2018-09-01T00:00"]), grid_table(4, 4))
    assert panel.end == seconds("2018-03-03T15:00")
    assert len(panel.events) == 2


def test_silence_after_the_data_end_is_not_taken_for_peace() -> None:
    incidents, cells = hot_city(days=60, incidents=2000)
    newest = panel_of(incidents, cells).end
    soon, late = (panel_of(incidents, cells, np.datetime64(newest + days * DAY_S, "s")) for days in (1, 30))
    assert soon.end == newest + DAY_S
    assert late.end == newest


def test_entries_share_an_interval_among_shifts_and_labels_add_them_up() -> None:
    # 22:00 to 02:00 local (EST): one hour of Evening and three of Night.
    starts = np.array(["2018-03-02T03:00", "2018-03-02T04:30"], dtype="datetime64[s]")
    ends = np.array(["2018-03-02T07:00", "NaT"], dtype="datetime64[s]")
    incidents = incident_table(np.full(2, 2001.5 * SIZE_M), np.full(2, 17000.5 * SIZE_M), ["Theft"] * 2, starts, ends)
    panel = panel_of(incidents, grid_table(4, 4))
    instance, cell, count = panel.labels(0, panel.end).between(0, len(panel.instances))
    names = [panel.plan.shifts[i].name for i in panel.instances.shift[instance]]
    assert (names, cell.tolist(), count.tolist()) == (["Evening", "Night"], [1, 1], [0.25, 1.75])
    assert panel.labels(0, seconds("2018-03-02T06:00")).count.tolist() == [1.0], "the interval's end was not known yet"


def test_what_lies_outside_or_has_no_time_does_not_count() -> None:
    incidents = three(["NaT"] * 3)
    incidents.columns["x"][0] = 0.0
    incidents.columns["start"][1] = np.datetime64("NaT")
    assert len(panel_of(incidents, grid_table(4, 4)).events) == 1
    incidents.columns["x"][:] = np.nan
    with pytest.raises(InputError, match="No incident of the chosen categories"):
        panel_of(incidents, grid_table(4, 4))


def slow_decayed(panel, as_of: int, half_life: float) -> np.ndarray:
    """The same counts by the book: one incident after another."""
    counts = np.zeros((len(panel.categories), len(panel.cells)))
    for cell, category, time, known in zip(
        panel.events.cell, panel.events.category, panel.events.time, panel.events.known
    ):
        if known <= as_of:
            counts[category, cell] += 0.5 ** ((as_of - time) / DAY_S / half_life)
    return counts


def test_history_moved_on_in_steps_equals_counting_by_the_book() -> None:
    incidents, cells = hot_city(days=120, incidents=1500)
    rng = np.random.default_rng(3)
    late = incidents["start"] + (rng.exponential(2 * DAY_S, len(incidents))).astype("timedelta64[s]")
    incidents.columns["reported"][:] = late
    panel = panel_of(incidents, cells)
    history = History(panel)
    for day in (20, 21, 60, 100):
        history.advance(panel.begin + day * DAY_S)
    for index, half_life in enumerate(HALF_LIVES_DAYS):
        np.testing.assert_allclose(
            history.decayed[index], slow_decayed(panel, history.as_of, half_life), rtol=1e-9, atol=1e-12
        )
    known = panel.events.known <= history.as_of
    recent = known & (panel.events.time >= history.as_of - 28 * DAY_S)
    assert history.within(28.0).sum() == recent.sum()
    assert history.total.sum() == known.sum()
    with pytest.raises(ValueError, match="forward"):
        history.advance(history.as_of - 1)


def test_completeness_finds_the_report_lag() -> None:
    incidents, cells = hot_city(days=300, incidents=9000)
    rng = np.random.default_rng(5)
    lag = rng.exponential(7 * DAY_S, len(incidents)).astype(np.int64)
    incidents.columns["reported"][:] = incidents["start"] + lag.astype("timedelta64[s]")
    panel = panel_of(incidents, cells, FIRST + np.timedelta64(290, "D"))
    share = History(panel).advance(panel.end).completeness(4)
    ages = (np.arange(28) + 0.5).reshape(4, 7)
    np.testing.assert_allclose(share, np.tile((1 - np.exp(-ages / 7)).mean(axis=1), (2, 1)), atol=0.04)


def test_kernel_smoothing_keeps_the_sum_at_borders_and_holes() -> None:
    table = grid_table(9, 9)
    keep = np.ones(81, dtype=bool)
    keep[[40, 41, 0, 8]] = False
    raster = Raster.of(table["col"][keep], table["row"][keep])
    for cell in (0, 30, 76):
        values = np.zeros((2, 77))
        values[0, cell], values[1, :] = 5.0, 1.0
        for width in (0.6, 2.0):
            np.testing.assert_allclose(raster.smooth(values, width).sum(axis=1), [5.0, 77.0], rtol=1e-5)


def test_neighbourhood_sums_the_cells_around() -> None:
    raster = Raster.of(*(grid_table(5, 5)[name] for name in ("col", "row")))
    near = raster.neighbourhood(np.eye(25)[12], 1).reshape(5, 5)
    np.testing.assert_allclose(near, np.pad(np.ones((3, 3)), 1), atol=1e-6)


def test_cells_twice_or_none_are_told() -> None:
    table = grid_table(3, 3)
    with pytest.raises(InputError, match="same cell twice"):
        Cells.of(table.take(np.array([0, 0, 1])), SIZE_M)
    with pytest.raises(InputError, match="no cells"):
        Cells.of(table.take(np.array([], dtype=np.int64)), SIZE_M)


def test_weeks_for_tuning_training_and_judging_never_overlap() -> None:
    incidents, cells = hot_city(days=430)
    panel = panel_of(incidents, cells)
    when = timeline.of(panel)
    week = 7 * DAY_S
    assert len(when.backtest) == 20
    assert when.backtest[0] == when.begin_backtest
    assert when.backtest[-1] + week == when.end <= panel.end
    assert when.tuning[-1] + week == when.begin_backtest
    before = when.training[when.training < when.begin_backtest]
    assert before[-1] + when.step_s == when.begin_backtest
    assert panel.begin < before[0] <= when.stopping(when.begin_backtest) < when.begin_backtest


def test_hourly_profiles_and_peak_hours() -> None:
    rng = np.random.default_rng(2)
    days = np.repeat(np.arange(200), 4)
    hour = np.where(rng.random(800) < 0.8, 20.0, rng.random(800) * 24)
    local = FIRST + (days * DAY_S + hour * 3600).astype("timedelta64[s]")
    utc = plan().zone.to_utc(local)
    incidents = incident_table(np.full(800, 2000.5 * SIZE_M), np.full(800, 17000.5 * SIZE_M), ["Theft"] * 800, utc)
    panel = panel_of(incidents, grid_table(2, 2))
    hourly = hours.profiles(panel)
    np.testing.assert_allclose(hourly.sum(axis=1), 1.0)
    assert (hourly > 0).all()
    assert (np.argmax(hourly.reshape(1, 7, 24), axis=2) == 20).all()
    coming = panel.plan.following(np.datetime64("2018-08-01T00:00:00"), 3)
    evening = int(np.flatnonzero(coming.shift == 1)[0])
    begin, end = hours.peak_windows(hourly, coming, np.ones((1, 4)), evening, 2.0)
    local_begin = panel.plan.zone.to_local(begin)
    assert ((local_begin - local_begin.astype("datetime64[D]")).astype(int) // 3600).tolist() in ([19] * 4, [20] * 4)
    assert (end - begin == np.timedelta64(2, "h")).all()
    begin, end = hours.peak_windows(hourly, coming, np.ones((1, 4)), evening, 12.0)
    assert begin[0] == coming.start[evening]
    assert end[0] == coming.end[evening], "a window longer than the shift is the shift"


def test_weekend_runs_from_friday_evening_to_sunday_evening() -> None:
    week = plan().instances(np.datetime64("2018-03-05T12:00:00"), np.datetime64("2018-03-12T11:00:00"))
    names = np.array(["Day", "Evening", "Night"])[week.shift]
    day = week.date.astype("datetime64[D]").astype(str)
    free = {(d, n) for d, n, w in zip(day, names, weekend(week)) if w}
    assert free == {
        ("2018-03-09", "Night"), ("2018-03-10", "Day"), ("2018-03-10", "Evening"), ("2018-03-10", "Night"),
        ("2018-03-11", "Day"), ("2018-03-11", "Evening"),
    }  # fmt: skip
