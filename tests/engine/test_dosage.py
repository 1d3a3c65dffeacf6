"""Dosage against numbers worked by hand and slow reckonings, and laws that must hold whatever patrol did."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from patrol_missions.core.errors import InputError
from patrol_missions.core.shifts import parse_shifts
from patrol_missions.engine.data import dose
from patrol_missions.engine.data.dose import Visits
from patrol_missions.engine.data.shifts import ShiftPlan
from patrol_missions.engine.missions.dosage import (
    AT_HARD,
    COOLING,
    NONE,
    OVER_SOFT,
    RESTING,
    STATES,
    UNDER_SOFT,
    DoseRules,
    DoseState,
)
from patrol_missions.engine.missions.shift_runs import ShiftRuns

CELLS = 12
HOUR_S, DAY_S = 3_600, 86_400
NOW = 1_600_000_000
NOBODY = np.zeros(0, dtype=np.int64)
NO_SHIFTS = (NOBODY, NOBODY)
ABUTTING = [("Day", "07:00", "15:00"), ("Late", "15:00", "23:00"), ("Night", "23:00", "07:00")]
OVERLAPPING = [*ABUTTING, ("Power", "18:00", "02:00"), ("Weekend", "20:00", "04:00", "Fri-Sat")]
SHORT = settings(max_examples=60, deadline=None)
FEW = settings(max_examples=20, deadline=None)
seeds = st.integers(0, 2**32 - 1)


def plan_of(rows: list[tuple[str, ...]], zone: str = "America/New_York") -> ShiftPlan:
    keys = ("name", "start", "end", "weekdays")
    return ShiftPlan(parse_shifts([dict(zip(keys, row)) for row in rows]), zone)


def shifts_of(plan: ShiftPlan, first: int, last: int) -> tuple[np.ndarray, np.ndarray]:
    """Starts and ends of the shift instances between two moments (seconds UTC)."""
    found = plan.instances(np.datetime64(first, "s"), np.datetime64(last, "s"))
    return found.start.astype(np.int64), found.end.astype(np.int64)


def some(seed: int, count: int = 300, days: float = 30) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Cells, starts and ends of visits in the days before :data:`NOW`; some cells have many, some hardly any."""
    rng = np.random.default_rng(seed)
    end = NOW - (days * DAY_S * rng.random(count)).astype(np.int64)
    return (CELLS * rng.random(count) ** 2).astype(np.int64), end - rng.integers(60, 40 * 60, count), end


def state_of(
    visits: tuple[np.ndarray, np.ndarray, np.ndarray],
    rules: DoseRules | None = None,
    moment: int = NOW,
    shifts: tuple[np.ndarray, np.ndarray] = NO_SHIFTS,
    **more: Any,
) -> DoseState:
    return DoseState.of(Visits.of(CELLS, *visits), moment, rules or DoseRules(), shifts, **more)


def stays(*given: tuple[int, float, float], cells: int = CELLS) -> Visits:
    """Visits from the cell, the hours before :data:`NOW` at which each ended, and its minutes."""
    cell, ago, minutes = (np.array(each) for each in zip(*given))
    end = NOW - (ago * HOUR_S).astype(np.int64)
    return Visits.of(cells, cell, end - (60 * minutes).astype(np.int64), end)


def told(state: DoseState) -> dict[str, np.ndarray]:
    names = ("minutes_24h", "minutes_7d", "minutes_28d", "residual", "consecutive", "state", "open", "worth")
    return {name: getattr(state, name) for name in names}


# --- fading


def test_what_is_left_of_a_dose() -> None:
    fading = (1.5, 0.3, 4.0)
    hours = np.array([0.0, 1.5, 24.0, 48.0, 96.0, 500.0])
    wanted = 0.7 * np.exp(-hours / 1.5) + 0.3 * np.array([1, 1 - 1.5 / 96, 0.75, 0.5, 0, 0])
    np.testing.assert_allclose(dose.left(hours * HOUR_S, *fading), wanted, rtol=1e-12)
    assert (np.diff(dose.left(np.linspace(0, 4 * DAY_S, 500), *fading)) < 0).all()
    assert dose.left(np.array([HOUR_S]), 1.0, 0.0, 4.0)[0] == pytest.approx(np.exp(-1))


@pytest.mark.parametrize("slow_share", [0.0, 0.3, 1.0])
@pytest.mark.parametrize("span_h", [(-8, 0), (-5, 3), (0, 8), (2, 2), (40, 48), (90, 200), (-2, -1)])
def test_the_mean_over_a_span_is_that_of_its_moments(slow_share: float, span_h: tuple[int, int]) -> None:
    fading = (1.5, slow_share, 4.0)
    ages = np.linspace(*span_h, 200_001) * HOUR_S
    wanted = dose.left(np.maximum(ages, 0), *fading).mean()
    young, old = (np.array([hours * HOUR_S]) for hours in span_h)
    assert dose.mean_left(young, old, *fading)[0] == pytest.approx(wanted, abs=2e-5)


def test_several_visits_add_up_and_never_exceed_a_whole_dose() -> None:
    found = DoseState.of(stays((0, 0, 15), (1, 24, 15), (2, 24, 15), (2, 48, 6)), NOW, DoseRules(gamma=1.0), NO_SHIFTS)
    day, two, six = 0.3 * 0.75 + 0.7 * np.exp(-16), 0.3 * 0.5 + 0.7 * np.exp(-32), (1 - np.exp(-1)) / (1 - np.exp(-2.5))
    wanted = [1, day, 1 - (1 - day) * (1 - six * two), *[0] * 9]
    np.testing.assert_allclose(found.residual, wanted, atol=1e-12)
    assert found.worth.tolist() == pytest.approx((1 - np.array(wanted)).tolist())


@SHORT
@given(seeds)
def test_minutes_and_residual_equal_a_slow_reckoning(seed: int) -> None:
    cell, start, end = some(seed, 150)
    rules = DoseRules(gamma=2.0)
    acting, minutes = np.ones(CELLS), np.zeros((3, CELLS))
    for c, s, e in zip(cell.tolist(), start.tolist(), end.tolist()):
        stay, age = (e - s) / 60, NOW - e
        if stay < 2:
            continue
        curve = min(1, (1 - np.exp(-stay / 6)) / (1 - np.exp(-2.5)))
        acting[c] *= 1 - curve * (0.7 * np.exp(-age / 5400) + 0.3 * max(0, 1 - age / (4 * DAY_S)))
        for row, days in enumerate((1, 7, 28)):
            minutes[row, c] += stay if age < days * DAY_S else 0
    found = state_of((cell, start, end), rules)
    np.testing.assert_allclose(found.residual, 1 - acting, atol=1e-12)
    np.testing.assert_allclose([found.minutes_24h, found.minutes_7d, found.minutes_28d], minutes, atol=1e-9)
    taper = np.clip([(120 - minutes[0]) / 75, (420 - minutes[1]) / 210, (1260 - minutes[2]) / 420], 0, 1).min(axis=0)
    np.testing.assert_allclose(found.worth, acting**2 * taper, atol=1e-9)


@SHORT
@given(seeds, st.integers(0, 250))
def test_laws_that_hold_whatever_patrol_did(seed: int, fewer: int) -> None:
    cell, start, end = some(seed)
    shifts = shifts_of(plan_of(OVERLAPPING), NOW - 28 * DAY_S, NOW + DAY_S)
    rules = DoseRules(cool_down_hours=30)
    all_of_it = state_of((cell, start, end), rules, shifts=shifts)
    assert (all_of_it.residual >= 0).all()
    assert (all_of_it.residual <= 1).all()
    assert ((all_of_it.worth >= 0) & (all_of_it.worth <= 1)).all()
    np.testing.assert_array_equal(all_of_it.open, all_of_it.state < AT_HARD)
    # More visits: never fewer minutes, less deterrence, more worth, or a shorter run.
    part = state_of((cell[fewer:], start[fewer:], end[fewer:]), rules, shifts=shifts)
    for name in ("minutes_24h", "minutes_7d", "minutes_28d", "residual", "consecutive", "cool_s"):
        assert (getattr(all_of_it, name) >= getattr(part, name) - 1e-9).all(), name
    assert (all_of_it.worth <= part.worth + 1e-9).all()
    assert (all_of_it.open <= part.open).all()
    # Longer ones: never less.
    longer = state_of((cell, start - 300, end), rules, shifts=shifts)
    assert (longer.residual >= all_of_it.residual - 1e-12).all()
    assert (longer.minutes_28d >= all_of_it.minutes_28d).all()
    # Older ones: never more.
    later = all_of_it.at(NOW + 5 * HOUR_S)
    assert (later.residual <= all_of_it.residual + 1e-12).all()
    assert (later.minutes_7d <= all_of_it.minutes_7d).all()
    # The order of rows, and the date, say nothing, to the last digit.
    order = np.random.default_rng(seed).permutation(len(cell))
    mixed = state_of((cell[order], start[order], end[order]), rules, shifts=shifts)
    year = 364 * DAY_S
    moved = state_of(
        (cell, start + year, end + year), rules, NOW + year, (shifts[0] + year, shifts[1] + year)
    )  # fmt: skip
    for name, values in told(all_of_it).items():
        np.testing.assert_array_equal(getattr(mixed, name), values, name)
        np.testing.assert_array_equal(getattr(moved, name), values, name)
    # What has not ended is not known.
    garbled = np.where(end > NOW - 6 * HOUR_S, (cell + 1) % CELLS, cell)
    for name, values in told(state_of((cell, start, end), rules, NOW - 6 * HOUR_S, shifts)).items():
        same = state_of((garbled, start, end), rules, NOW - 6 * HOUR_S, shifts)
        np.testing.assert_array_equal(getattr(same, name), values, name)


# --- limits


def test_states_and_taper_by_hand() -> None:
    rules = DoseRules(soft_minutes_7d=None, hard_minutes_7d=None, most_consecutive=None, slow_share=0.0)
    found = DoseState.of(
        stays((1, 23, 45), (2, 23, 60), (3, 23, 100), (4, 23, 110), (5, 25, 110), (6, 49, 119), (7, 24 * 29, 60),
              (8, 50, 500), (8, 100, 400)),
        NOW, rules, NO_SHIFTS,
    )  # fmt: skip
    wanted = [NONE, UNDER_SOFT, OVER_SOFT, OVER_SOFT, AT_HARD, UNDER_SOFT, UNDER_SOFT, NONE, OVER_SOFT]
    # Cell 5 had no room from 25 hours ago to an hour ago; it cooled down for 24 hours from its stay on.
    assert found.state[:9].tolist() == wanted
    assert found.open[:9].tolist() == [True] * 4 + [False] + [True] * 4
    taper = [1, 1, 0.8, 20 / 75, 10 / 75, 1, 1, 1, (1260 - 900) / 420]
    assert found.taper[:9].tolist() == pytest.approx(taper)
    assert found.worth[:9].tolist() == pytest.approx(taper, abs=1e-6)
    assert [STATES[code] for code in (NONE, AT_HARD, RESTING)] == ["none", "at hard limit", "resting"]


def test_blank_limits_are_none_and_equal_ones_a_step() -> None:
    blank = dict.fromkeys(
        ("soft_minutes_24h", "hard_minutes_24h", "soft_minutes_7d", "hard_minutes_7d", "soft_minutes_28d",
         "hard_minutes_28d", "most_consecutive"),
    )  # fmt: skip
    lots = stays(*[(1, 12, 500)] * 3)
    free = DoseState.of(lots, NOW, DoseRules(**blank), NO_SHIFTS)
    assert free.state[1] == UNDER_SOFT
    assert free.taper.tolist() == [1.0] * CELLS
    soft = DoseState.of(lots, NOW, DoseRules(**{**blank, "soft_minutes_24h": 60.0}), NO_SHIFTS)
    assert (soft.state[1], soft.taper[1]) == (OVER_SOFT, 1.0)
    one_below, at = stays((1, 12, 44)), stays((1, 12, 60))
    for more in ({"hard_minutes_24h": 60.0}, {"hard_minutes_24h": 60.0, "soft_minutes_24h": 60.0}):
        rules = DoseRules(**{**blank, **more})
        below, reached = (DoseState.of(each, NOW, rules, NO_SHIFTS) for each in (one_below, at))
        assert (below.state[1], below.taper[1]) == (UNDER_SOFT, 1.0)
        assert (reached.state[1], reached.taper[1]) == (AT_HARD, 0.0)


def test_the_last_mission_that_fits() -> None:
    rules = DoseRules(most_consecutive=None)
    for minutes, fits in ((105.0, True), (105.1, False)):
        found = DoseState.of(stays((1, 2, minutes)), NOW, rules, NO_SHIFTS, 15.0)
        assert found.open[1] == fits
    assert DoseState.of(stays((1, 2, 105.1)), NOW, rules, NO_SHIFTS, 14.0).open[1]


def test_rates_per_1000_people() -> None:
    people = np.array([1000.0, 500.0, 49.0, np.nan, 0.0, *[2000.0] * 7])
    given_ = stays(*[(cell, 100, 60) for cell in range(6)])
    rules = DoseRules(soft_per_1000_28d=50.0, hard_per_1000_28d=100.0, most_consecutive=None)
    found = DoseState.of(given_, NOW, rules, NO_SHIFTS, people=people)
    assert found.per_1000_28d[:2].tolist() == [60, 120]
    assert np.isnan(found.per_1000_28d[2:5]).all()  # too few for a rate
    assert found.state[:6].tolist() == [OVER_SOFT, AT_HARD, UNDER_SOFT, UNDER_SOFT, UNDER_SOFT, UNDER_SOFT]
    assert found.taper[:6].tolist() == pytest.approx([0.8, 0, 1, 1, 1, 1])
    assert np.isnan(state_of((NOBODY, NOBODY, NOBODY)).per_1000_28d).all()
    # A limit that one mission alone would break leaves a cell without any.
    crowd = DoseState.of(stays((0, 700, 15)), NOW, DoseRules(hard_per_1000_28d=100.0), NO_SHIFTS, people=people)
    assert (~crowd.open).tolist() == [False] * 12
    assert DoseState.of(stays((0, 1, 15)), NOW, rules, NO_SHIFTS, people=np.full(CELLS, 60.0)).open.sum() == 0


def test_a_cell_that_was_full_stays_closed_for_the_cool_down() -> None:
    """Its last visit left no room for one more; room comes back with age, the cell opens when it has cooled down."""
    visits = stays((1, 23.5, 60), (1, 1, 50), (2, 1, 50))
    rules = DoseRules(most_consecutive=None)
    states = [
        DoseState.of(visits, NOW, rules, NO_SHIFTS).at(NOW + hours * HOUR_S).state[1].item()
        for hours in (0, 1, 22, 23, 24)
    ]
    assert states == [AT_HARD, COOLING, COOLING, UNDER_SOFT, UNDER_SOFT]
    without = DoseState.of(visits, NOW, replace(rules, cool_down_hours=0.0), NO_SHIFTS)
    assert without.at(NOW + HOUR_S).open.all()
    # A visit by others while it cools down, with room for more, does not start it anew.
    once_more = DoseState.of(stays((1, 24.5, 60), (1, 12, 50), (1, 0.2, 5)), NOW, rules, NO_SHIFTS)
    assert [once_more.at(NOW + hours * HOUR_S).open[1].item() for hours in (0, 11, 13)] == [False, False, True]


@SHORT
@given(seeds, st.sampled_from([6.0, 24.0, 100.0]))
def test_cool_downs_equal_a_slow_reckoning(seed: int, cool: float) -> None:
    cell, start, end = some(seed, 500, 20)
    rules = DoseRules(hard_minutes_24h=60.0, cool_down_hours=cool)
    found = state_of((cell, start, end), rules)
    minutes = (end - start) / 60
    good = minutes >= 2
    for own in range(CELLS):
        mine = good & (cell == own)
        until = -np.inf
        for moment in end[mine].tolist():
            sums = [minutes[mine & (end <= moment) & (end > moment - days * DAY_S)].sum() for days in (1, 7, 28)]
            if any(spent + 15 > hard + 1e-6 for spent, hard in zip(sums, (60, 420, 1260))):
                until = max(until, moment + cool * HOUR_S)
        assert (until > NOW) == (found.cool_s[own] > NOW)
        assert not (until > NOW and found.open[own])


# --- shifts in a row


def runs_by_hand(shifts: tuple[np.ndarray, np.ndarray], begins: list[int], moment: int) -> int:
    """Shifts in a row of one cell, told as :mod:`shift_runs` tells it."""
    spans = list(zip(*(each.tolist() for each in shifts)))
    there = [False] * len(spans)
    for begin in begins:
        on = [place for place, (start, end) in enumerate(spans) if start <= begin < end]
        if on:
            there[max(on)] = True
    count = 0
    for place in reversed(range(len(spans))):
        start, end = spans[place]
        beside = [k for k, (s, e) in enumerate(spans) if s < end and e > start]
        if end <= moment and not any(there[k] for k in beside):
            break
        count += there[place]
    return count


@SHORT
@given(seeds, st.sampled_from([ABUTTING, OVERLAPPING, [("Night", "22:00", "03:00", "Fri-Sun")]]))
def test_shifts_in_a_row_equal_a_slow_count(seed: int, rows: list[tuple[str, ...]]) -> None:
    cell, start, end = some(seed, 120, 8)
    shifts = shifts_of(plan_of(rows), NOW - 8 * DAY_S, NOW + DAY_S)
    found = state_of((cell, start, end), shifts=shifts)
    long = (end - start) >= 120
    wanted = [runs_by_hand(shifts, start[long & (cell == own)].tolist(), NOW) for own in range(CELLS)]
    assert found.consecutive.tolist() == wanted


def in_a_row(rows: list[tuple[str, ...]], local: list[str], as_of: str, zone: str = "America/New_York") -> int:
    """Shifts in a row of a cell with visits that began at local times, as of a local time."""
    plan = plan_of(rows, zone)
    moments = plan.zone.to_utc(np.array([*local, as_of], dtype="datetime64[s]")).astype(np.int64)
    begin, now = moments[:-1], int(moments[-1])
    shifts = shifts_of(plan, now - 20 * DAY_S, now + DAY_S)
    return int(ShiftRuns.none(*shifts, 1).plus(np.zeros(len(begin), dtype=np.int64), begin).in_a_row(now)[0])


def test_shifts_in_a_row_by_hand() -> None:
    day, late, night = "2020-09-07T10:00", "2020-09-07T16:00", "2020-09-07T23:30"
    assert in_a_row(ABUTTING, [day, late, night], "2020-09-08T07:00") == 3
    assert in_a_row(ABUTTING, [day, late, late, late], "2020-09-07T23:00") == 2
    assert in_a_row(ABUTTING, [day, night], "2020-09-08T07:00") == 1  # nobody came in the late shift
    assert in_a_row(ABUTTING, [day, late], "2020-09-08T07:00") == 0  # nor at night
    assert in_a_row(ABUTTING, [day, late], "2020-09-08T06:59") == 2  # the night is not over
    assert in_a_row(ABUTTING, [], "2020-09-08T07:00") == 0


def test_shifts_in_a_row_across_hours_without_a_shift() -> None:
    nights = [("Night", "22:00", "06:00", "Fri-Sat")]
    visits = ["2020-09-04T23:00", "2020-09-05T23:00", "2020-09-11T23:00"]  # Friday, Saturday, the next Friday
    assert in_a_row(nights, visits, "2020-09-12T12:00") == 3
    assert in_a_row(nights, visits[:2], "2020-09-12T12:00") == 0


def test_shifts_in_a_row_where_shifts_overlap() -> None:
    """Passing over one shift is no rest when patrol came in another at the same time; one stay is one shift."""
    assert in_a_row(OVERLAPPING, ["2020-09-07T10:00", "2020-09-07T16:00", "2020-09-07T23:30"], "2020-09-08T07:00") == 3
    assert in_a_row(OVERLAPPING, ["2020-09-07T19:00"], "2020-09-07T23:00") == 1
    assert in_a_row(OVERLAPPING, ["2020-09-07T16:00", "2020-09-07T19:00"], "2020-09-07T23:00") == 2
    assert in_a_row(OVERLAPPING, ["2020-09-07T10:00", "2020-09-08T08:00"], "2020-09-08T15:00") == 1


def test_shifts_in_a_row_on_days_when_clocks_change() -> None:
    """In spring one night is short and a quarter of an hour falls out; in autumn one night is long."""
    rows = [("Day", "07:00", "19:00"), ("Night", "19:00", "07:00")]
    spring = ["2020-03-07T08:00", "2020-03-07T20:00", "2020-03-08T06:59", "2020-03-08T18:59"]
    assert in_a_row(rows, spring, "2020-03-08T19:00") == 3
    autumn = ["2020-10-31T18:00", "2020-11-01T01:30", "2020-11-01T07:00"]
    assert in_a_row(rows, autumn, "2020-11-01T19:00") == 3
    swallowed = [("Early", "00:00", "02:15"), ("Gone", "02:15", "02:30"), ("Rest", "02:30", "00:00")]
    assert in_a_row(swallowed, ["2020-03-08T01:00", "2020-03-08T12:00"], "2020-03-09T00:00") == 2
    assert in_a_row(swallowed, ["2020-03-09T01:00", "2020-03-09T12:00"], "2020-03-10T00:00") == 1


def test_a_cell_rests_for_one_shift() -> None:
    plan = plan_of(ABUTTING)
    shifts = shifts_of(plan, NOW - 5 * DAY_S, NOW + 5 * DAY_S)
    first = int(np.searchsorted(shifts[0], NOW))
    planned = state_of((NOBODY, NOBODY, NOBODY), shifts=shifts)
    found = []
    for at in range(first, first + 8):
        start, end = int(shifts[0][at]), int(shifts[1][at])
        planned = planned.at(start)
        found.append(planned.state[3].item())
        if planned.open[3]:
            planned = planned.after(np.array([3]), 15.0, start, end)
    assert found == [NONE, UNDER_SOFT, UNDER_SOFT, RESTING, UNDER_SOFT, UNDER_SOFT, UNDER_SOFT, RESTING]


# --- plans


@SHORT
@given(seeds)
def test_what_is_planned_and_then_delivered_counts_as_a_visit(seed: int) -> None:
    cell, start, end = some(seed, 100, 10)
    rng = np.random.default_rng(seed)
    begin = NOW + np.sort(rng.integers(0, 2 * DAY_S, 40))
    more, minutes = rng.integers(0, CELLS, 40), rng.uniform(1, 30, 40)
    done = begin + (60 * minutes).astype(np.int64)
    shifts = shifts_of(plan_of(ABUTTING), NOW - 28 * DAY_S, NOW + 4 * DAY_S)
    moment = NOW + 3 * DAY_S
    planned = state_of((cell, start, end), shifts=shifts)
    for part in (slice(0, 25), slice(25, 40)):
        planned = planned.after(more[part], (done - begin)[part] / 60, begin[part], done[part])
    together = tuple(np.concatenate(each) for each in ((cell, more), (start, begin), (end, done)))
    wanted = told(state_of(together, moment=moment, shifts=shifts))
    for name, values in told(planned.at(moment)).items():
        np.testing.assert_allclose(values, wanted[name], rtol=1e-9, atol=1e-9, err_msg=name)


def test_a_mission_to_come_counts_from_now_to_the_last_moment_at_which_it_can_count() -> None:
    nobody = state_of((NOBODY, NOBODY, NOBODY), DoseRules(slow_share=0.0))
    planned = nobody.after(np.array([4]), 15.0, NOW, NOW + 8 * HOUR_S)
    assert planned.minutes_24h[4] == 15
    assert planned.residual[4] == pytest.approx(1.0)
    assert planned.at(NOW + 32 * HOUR_S - 1).minutes_24h[4] == 15
    assert planned.at(NOW + 32 * HOUR_S).minutes_24h[4] == 0
    # At the end of the shift it may have been at any moment of it: the mean of what is left.
    ages = np.linspace(0, 7.75 * 3600, 100_001)
    assert planned.at(NOW + 8 * HOUR_S).residual[4] == pytest.approx(np.exp(-ages / 5400).mean(), abs=1e-4)
    assert nobody.after(np.array([4]), 1.9, NOW, NOW + 8 * HOUR_S).minutes_24h[4] == 0  # a pass


def test_deterrence_may_be_told_for_another_moment_than_limits() -> None:
    found = DoseState.of(stays((1, 23, 45), (1, 20, 70)), NOW, DoseRules(), NO_SHIFTS)
    middle = found.at(NOW + 4 * HOUR_S, NOW)
    assert middle.residual[1] < found.residual[1]
    np.testing.assert_array_equal(middle.state, found.state)
    assert found.at(NOW + 4 * HOUR_S).state[1] != found.state[1]
    # A shift under way: what was delivered in it counts.
    under_way = found.at(NOW - 5 * HOUR_S)
    assert (under_way.moment_s, under_way.shift_start_s) == (NOW, NOW - 5 * HOUR_S)
    assert under_way.minutes_24h[1] == 115


@FEW
@given(seeds, st.sampled_from([ABUTTING, OVERLAPPING]), st.sampled_from([15.0, 12.5, 37.0]))
def test_hard_limits_hold_when_only_open_cells_are_visited(
    seed: int, rows: list[tuple[str, ...]], minutes: float
) -> None:
    """Missions in open cells, delivered at any moment of their shift: no window that ends with one is ever too full."""
    rng = np.random.default_rng(seed)
    people = rng.uniform(0, 3000, CELLS)
    rules = DoseRules(
        hard_minutes_24h=60.0, soft_minutes_24h=30.0, soft_minutes_7d=None, hard_minutes_7d=150.0,
        soft_minutes_28d=420.0, hard_minutes_28d=420.0, most_consecutive=None, hard_per_1000_28d=300.0,
        cool_down_hours=float(rng.choice([0, 24])),
    )  # fmt: skip
    shifts = shifts_of(plan_of(rows), NOW - 28 * DAY_S, NOW + 14 * DAY_S)
    cell, start, end = some(seed, 30, 28)
    state = state_of((cell, start, end), rules, shifts=shifts, dose_minutes=minutes, people=people)
    done_cell, done_end = [], []
    for begin, over in zip(*(each[shifts[0] >= NOW].tolist() for each in shifts)):
        state = state.at(begin)
        chosen = np.flatnonzero(state.open)
        state = state.after(chosen, minutes, begin, over)
        done_cell.append(chosen)
        done_end.append(
            begin + (60 * minutes + (over - begin - 60 * minutes) * rng.random(len(chosen))).astype(np.int64)
        )
    mission_cell, mission_end = np.concatenate(done_cell), np.concatenate(done_end)
    assert len(mission_cell) > CELLS
    stay = (end - start) / 60
    all_cell, all_end = np.concatenate([cell, mission_cell]), np.concatenate([end, mission_end])
    spent = np.concatenate([np.where(stay >= 2, stay, 0), np.full(len(mission_cell), minutes)])
    by_people = np.where(people >= 50, 0.3 * people, np.inf)
    for c, e in zip(mission_cell.tolist(), mission_end.tolist()):
        for days, hard in ((1, 60), (7, 150), (28, min(420, by_people[c]))):
            within = (all_cell == c) & (all_end <= e) & (all_end > e - days * DAY_S)
            assert spent[within].sum() <= hard + 1e-6


def test_a_week_s_plan_takes_no_time() -> None:
    rng = np.random.default_rng(1)
    cells, count = 10_000, 100_000
    end = NOW - rng.integers(0, 29 * DAY_S, count)
    visits = Visits.of(
        cells, (cells * rng.random(count) ** 2).astype(np.int64), end - rng.integers(120, 1800, count), end
    )
    shifts = shifts_of(plan_of(ABUTTING), NOW - 28 * DAY_S, NOW + 8 * DAY_S)
    began = time.process_time()
    state = DoseState.of(visits, NOW, DoseRules(), shifts)
    coming = np.flatnonzero(shifts[0] >= NOW)[:21]
    for start, over in zip(*(each[coming].tolist() for each in shifts)):
        state = state.at(start)
        assert state.worth.shape == (cells,)
        state = state.after(rng.choice(np.flatnonzero(state.open), 100, replace=False), 15.0, start, over)
    assert time.process_time() - began < 1.0


# --- visits beside each other


def test_visits_that_begin_while_another_goes_on() -> None:
    minutes = np.array([(1, 0, 20), (1, 10, 30), (1, 25, 28), (1, 30, 40), (2, 10, 20), (1, 0, 20)])
    cell, start, end = minutes.T * np.array([[1], [60], [60]])
    visits = Visits.of(3, cell, start, end)
    spans = zip(visits.cell.tolist(), (visits.start // 60).tolist(), (visits.end // 60).tolist())
    assert sorted(span for span, beside in zip(spans, visits.beside_another.tolist()) if beside) == [
        (1, 0, 20), (1, 10, 30), (1, 25, 28),
    ]  # fmt: skip
    assert Visits.of(3, NOBODY, NOBODY, NOBODY).beside_another.tolist() == []


# --- sentences


@pytest.mark.parametrize(
    ("given_", "sentence"),
    [
        ({"soft_minutes_7d": 500}, "The soft limit of 500 minutes in 7 days is above the hard one of 420."),
        ({"hard_minutes_24h": 0}, "The hard limit is 0 minutes in 24 hours."),
        ({"soft_minutes_28d": -1.0}, "The soft limit is -1 minutes in 28 days."),
        ({"hard_minutes_28d": float("nan")}, "The hard limit is nan minutes in 28 days."),
        ({"hard_per_1000_28d": 0.0}, "The hard limit is 0 minutes per 1,000 people in 28 days."),
        ({"soft_per_1000_28d": 9, "hard_per_1000_28d": 8}, "The soft limit of 9 minutes per 1,000 people in 28 days"),
        ({"most_consecutive": 0}, "The limit is 0 shifts in a row."),
        ({"most_consecutive": 2.5}, "The limit is 2.5 shifts in a row."),
        ({"cool_down_hours": -1}, "The cool-down is -1 hours."),
        ({"fast_hours": 0}, "The time in which the fast part of a dose fades is 0."),
        ({"slow_days": 0}, "The time in which the slow part of a dose fades is 0."),
        ({"slow_share": 1.2}, "The share of a dose that fades slowly is 120 %."),
        ({"gamma": -1}, r"The power of what still acts \(gamma\) is -1."),
        ({"gamma": "high"}, "The rule of dosage “gamma” is “high”, which is not a number."),
        ({"gamma": None}, "The rule of dosage “gamma” is “None”, which is not a number."),
        ({"soft": 3}, "There is no rule of dosage “soft”. There are fast_hours, slow_share"),
    ],
)
def test_rules_that_make_no_sense(given_: dict[str, Any], sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        DoseRules.of(given_)


def test_rules_from_json() -> None:
    assert DoseRules.of({}) == DoseRules()
    some_ = DoseRules.of({"hard_minutes_24h": None, "soft_minutes_24h": 30, "most_consecutive": None})
    assert some_ == DoseRules(hard_minutes_24h=None, soft_minutes_24h=30, most_consecutive=None)


def test_a_mission_beyond_a_limit_is_told() -> None:
    with pytest.raises(
        InputError, match="A mission of 130 minutes is beyond the hard limit of 120 minutes in 24 hours"
    ):
        state_of((NOBODY, NOBODY, NOBODY), dose_minutes=130.0)
