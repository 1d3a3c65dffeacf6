"""Aoristic weights against a slow reference, their sums, and real intervals."""

from __future__ import annotations

import csv
import gzip
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from patrol_missions.core.shifts import Shift
from patrol_missions.engine.data.aoristic import spread
from patrol_missions.engine.data.shifts import Instances, ShiftPlan

NAT = np.datetime64("NaT", "s")
THREE = (Shift("Day", "07:00", "15:00"), Shift("Late", "15:00", "23:00"), Shift("Night", "23:00", "07:00"))
OVERLAPPING = (*THREE, Shift("Power", "18:00", "02:00", (4, 5)), Shift("Noon", "12:00", "13:00", (0, 2)))
GAPPED = (Shift("Evening", "18:00", "01:00"), Shift("Morning", "06:30", "10:00", (0, 1, 2, 3, 4)))


def seconds(text: str) -> np.datetime64:
    return np.datetime64(text, "s")


def slow_weights(instances: Instances, start: int, end: int) -> dict[int, float]:
    found = {}
    for row, (a, b) in enumerate(
        zip(instances.start.astype(np.int64).tolist(), instances.end.astype(np.int64).tolist())
    ):
        overlap = max(0, min(b, end) - max(a, start))
        share = float(a <= start < b) if start == end else overlap / (end - start)
        if share > 0:
            found[row] = share
    return found


@settings(max_examples=80, deadline=None)
@given(
    st.sampled_from([THREE, OVERLAPPING, GAPPED]),
    st.sampled_from(["America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu"]),
    st.lists(st.tuples(st.integers(0, 21 * 86_400), st.integers(0, 48 * 3600)), min_size=1, max_size=12),
    st.sampled_from(["2020-03-01T00:00:00", "2020-10-25T00:00:00"]),
)
def test_weights_are_shares_of_the_interval(
    shifts: tuple[Shift, ...], name: str, spans: list[tuple[int, int]], origin: str
) -> None:
    base = seconds(origin)
    instances = ShiftPlan(shifts, name).instances(base - np.timedelta64(3, "D"), base + np.timedelta64(30, "D"))
    start = base + np.array([s for s, _ in spans])
    end = start + np.array([length for _, length in spans])
    entries = spread(instances, start, end)
    for row in range(len(spans)):
        mine = entries.incident == row
        expected = slow_weights(instances, int(start[row].astype(np.int64)), int(end[row].astype(np.int64)))
        assert entries.instance[mine].tolist() == list(expected)
        assert entries.weight[mine] == pytest.approx(list(expected.values()), abs=1e-12)
    if shifts is THREE:
        assert np.bincount(entries.incident, entries.weight) == pytest.approx(1.0)
    assert (np.diff(entries.incident) >= 0).all()


def test_points_swapped_ends_missing_ends_and_missing_starts() -> None:
    instances = ShiftPlan(THREE, "UTC").instances(seconds("2021-06-01T07:00:00"), seconds("2021-06-04T07:00:00"))
    noon, midnight = seconds("2021-06-02T12:00:00"), seconds("2021-06-02T23:00:00")
    start = np.array([noon, noon, midnight, NAT, noon])
    end = np.array([NAT, noon, noon, noon, midnight])
    entries = spread(instances, start, end)
    by_row = [
        dict(zip(entries.instance[entries.incident == r].tolist(), entries.weight[entries.incident == r]))
        for r in range(5)
    ]
    assert by_row[0] == {3: 1.0} and by_row[1] == {3: 1.0}
    assert by_row[2] == by_row[4] == {3: pytest.approx(3 / 11), 4: pytest.approx(8 / 11)}
    assert by_row[3] == {}


def test_a_point_on_an_edge_belongs_to_the_shift_that_begins() -> None:
    instances = ShiftPlan(THREE, "UTC").instances(seconds("2021-06-01T07:00:00"), seconds("2021-06-02T07:00:00"))
    entries = spread(instances, np.array([seconds("2021-06-01T15:00:00")]))
    assert entries.instance.tolist() == [1]


def test_unknown_time_covers_the_whole_local_day() -> None:
    plan = ShiftPlan((Shift("Early", "00:00", "12:00"), Shift("Later", "12:00", "00:00")), "America/New_York")
    instances = plan.instances(seconds("2020-03-01T05:00:00"), seconds("2020-03-20T04:00:00"))
    days = plan.zone.to_utc(np.array(["2020-03-08", "2020-03-10"], dtype="datetime64[s]"))
    entries = spread(instances, days, None, np.array([False, False]))
    assert entries.weight.tolist() == pytest.approx([11 / 23, 12 / 23, 0.5, 0.5])
    assert plan.zone.to_local(instances.start[entries.instance]).astype(str).tolist() == [
        "2020-03-08T00:00:00",
        "2020-03-08T12:00:00",
        "2020-03-10T00:00:00",
        "2020-03-10T12:00:00",
    ]


def test_days_from_first_to_last_when_both_are_only_days() -> None:
    plan = ShiftPlan((Shift("All", "00:00", "00:00"),), "Europe/London")
    instances = plan.instances(seconds("2020-06-01T00:00:00"), seconds("2020-06-10T00:00:00"))
    start, end = plan.zone.to_utc(np.array(["2020-06-03", "2020-06-04"], dtype="datetime64[s]"))
    entries = spread(instances, np.array([start]), np.array([end]), np.array([False]))
    assert entries.weight.tolist() == [0.5, 0.5]


def test_long_intervals_are_spread_over_their_first_two_days() -> None:
    plan = ShiftPlan(THREE, "UTC")
    instances = plan.instances(seconds("2021-06-01T00:00:00"), seconds("2021-09-01T00:00:00"))
    entries = spread(instances, np.array([seconds("2021-06-02T10:00:00")]), np.array([seconds("2031-06-09T10:00:00")]))
    assert entries.weight.sum() == pytest.approx(1)
    assert instances.end[entries.instance].max() <= seconds("2021-06-04T15:00:00")
    per_shift = np.bincount(instances.shift[entries.instance], entries.weight)
    assert per_shift == pytest.approx([1 / 3] * 3)


def test_no_incidents_and_no_instances() -> None:
    plan = ShiftPlan(THREE, "UTC")
    empty = np.zeros(0, dtype="datetime64[s]")
    assert (
        len(spread(plan.instances(seconds("2021-01-01"), seconds("2021-01-02")), empty, empty, np.zeros(0, dtype=bool)))
        == 0
    )
    nothing = plan.instances(seconds("2021-01-01"), seconds("2021-01-02")).take(slice(0, 0))
    assert len(spread(nothing, np.array([seconds("2021-01-01")]))) == 0


def test_real_intervals_keep_their_whole_weight(shared_data: Path) -> None:
    with gzip.open(shared_data / "aoristic_intervals_dc_nyc.csv.gz", "rt", encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["datetime_start"]]
    plan = ShiftPlan(THREE, "America/New_York")
    start, end = (
        plan.zone.to_utc(np.array([row[key] or "NaT" for row in rows], dtype="datetime64[s]"))
        for key in ("datetime_start", "datetime_end")
    )
    assert len(rows) > 5000 and np.isnat(end).any() and (end - start > np.timedelta64(7, "D")).any()
    entries = spread(plan.instances(start.min(), start.max() + np.timedelta64(3, "D")), start, end)
    sums = np.bincount(entries.incident, entries.weight, minlength=len(rows))
    swapped = end < start  # their true start may lie before the first instance
    assert sums[~swapped] == pytest.approx(1.0)
    assert (entries.weight > 0).all() and len(entries) > len(rows)
