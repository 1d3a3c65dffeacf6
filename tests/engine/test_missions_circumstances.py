"""The shifts before a forecast, which runs of shifts with patrol are counted in."""

from __future__ import annotations

import numpy as np
import pytest

from patrol_missions.engine.data.zones import zone
from patrol_missions.engine.missions.candidates import Groups
from patrol_missions.engine.missions.circumstances import shift_instances

PHILADELPHIA = zone("America/New_York")


def groups(starts: np.ndarray, hours: int) -> Groups:
    begin = PHILADELPHIA.to_utc(starts)
    end = PHILADELPHIA.to_utc(starts + np.timedelta64(hours, "h"))
    some = len(starts)
    return Groups((None,) * some, ("Patrol",) * some, starts, begin, end, np.ones(some, dtype=np.int64))


def every(first: str, step_hours: int, count: int) -> np.ndarray:
    return np.datetime64(first, "s") + np.arange(count) * np.timedelta64(step_hours, "h")


@pytest.mark.parametrize("count", [20, 21, 22, 3, 1])
def test_shifts_around_the_clock_leave_no_gap_however_many_are_forecast(count: int) -> None:
    """Also across the night on which clocks go back, which makes one shift an hour longer."""
    begin, end = shift_instances(groups(every("2018-11-05 07:00", 8 if count > 1 else 24, count), 8), PHILADELPHIA)
    assert begin[-1] - begin[0] > 27 * 86_400
    if count > 1:
        assert begin[1:].tolist() == end[:-1].tolist()
        assert sorted(set((end - begin).tolist())) == [8 * 3600, 9 * 3600]


def test_a_whole_week_is_repeated_as_it_is() -> None:
    week = np.concatenate([every("2020-01-06 18:00", 24, 7), every("2020-01-10 22:00", 24, 2)])
    begin, _ = shift_instances(groups(np.sort(week), 4), PHILADELPHIA)
    local = PHILADELPHIA.to_local(begin.astype("datetime64[s]"))
    late = local[(local - local.astype("datetime64[D]")) == np.timedelta64(22, "h")]
    weekdays = (late.astype("datetime64[D]").astype(np.int64) + 3) % 7  # 1970-01-01 was a Thursday; Monday is 0
    assert set(weekdays.tolist()) == {4, 5}
    assert len(late) == 2 * 5
