"""What visits are worth: the curve against numbers worked by hand, and laws that must hold whatever the visits."""

from __future__ import annotations

import numpy as np
import pytest

from patrol_missions.engine.data import dose
from patrol_missions.engine.data.dose import Visits

CELLS = 30
NOW = 1_600_000_000
DAY_S = 86_400


def some(seed: int, count: int = 500) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Cells, starts and ends of visits in a year around :data:`NOW`; some in no cell, some too short to count."""
    rng = np.random.default_rng(seed)
    start = NOW + rng.integers(-300 * DAY_S, 60 * DAY_S, count)
    return rng.integers(-1, CELLS, count), start, start + rng.integers(0, 40 * 60, count)


def test_the_dose_of_a_stay_grows_ever_slower_up_to_a_quarter_of_an_hour() -> None:
    minutes = np.array([0.0, 1.99, 2.0, 6.0, 15.0, 15.1, 480.0])
    whole = 1 - np.exp(-2.5)
    expected = [0, 0, (1 - np.exp(-1 / 3)) / whole, (1 - np.exp(-1.0)) / whole, 1, 1, 1]
    np.testing.assert_allclose(dose.effective(minutes), expected, rtol=1e-12)
    fine = dose.effective(np.linspace(2, 15, 200))
    assert (np.diff(fine) > 0).all()
    assert (np.diff(fine, 2) < 0).all()


def test_a_stay_counts_from_its_end_on_and_halves() -> None:
    visits = Visits.of(3, np.array([1]), np.array([NOW - 900]), np.array([NOW]))
    assert not visits.faded(NOW - 1, 7.0).any()
    assert visits.faded(NOW, 7.0).tolist() == [0, 1, 0]
    assert visits.faded(NOW + 14 * DAY_S, 7.0).tolist() == [0, 0.25, 0]
    assert visits.minutes_within(NOW, 7.0).tolist() == [0, 15, 0]
    assert visits.minutes_within(NOW + 7 * DAY_S - 1, 7.0)[1] == 15
    assert not visits.minutes_within(NOW + 7 * DAY_S, 7.0).any()


def test_it_equals_a_slow_reckoning() -> None:
    cell, start, end = some(1)
    wanted, minutes = np.zeros(CELLS), np.zeros(CELLS)
    for c, s, e in zip(cell.tolist(), start.tolist(), end.tolist()):
        stay = (e - s) / 60
        if c >= 0 and stay >= 2 and e <= NOW:
            wanted[c] += min(1, (1 - np.exp(-stay / 6)) / (1 - np.exp(-2.5))) * 2 ** (-(NOW - e) / DAY_S / 28)
            minutes[c] += stay if e > NOW - 28 * DAY_S else 0
    visits = Visits.of(CELLS, cell, start, end)
    np.testing.assert_allclose(visits.faded(NOW, 28.0), wanted, rtol=1e-12)
    np.testing.assert_allclose(visits.minutes_within(NOW, 28.0), minutes, rtol=1e-12)


@pytest.mark.parametrize("seed", range(5))
def test_laws_that_hold_whatever_the_visits(seed: int) -> None:
    cell, start, end = some(seed)
    visits = Visits.of(CELLS, cell, start, end)
    # No minute in a cell is lost or found, but those of passes.
    stay = (end - start) / 60
    assert visits.minutes_within(NOW + 60 * DAY_S + 3600, 1e4).sum() == pytest.approx(
        stay[(stay >= 2) & (cell >= 0)].sum()
    )
    # The order of the rows says nothing, to the last digit.
    order = np.random.default_rng(seed).permutation(len(cell))
    mixed = Visits.of(CELLS, cell[order], start[order], end[order])
    np.testing.assert_array_equal(mixed.faded(NOW, 7.0), visits.faded(NOW, 7.0))
    np.testing.assert_array_equal(mixed.minutes_within(NOW, 7.0), visits.minutes_within(NOW, 7.0))
    # Nor does the date.
    later = Visits.of(CELLS, cell, start + 12_345_678, end + 12_345_678)
    np.testing.assert_array_equal(later.faded(NOW + 12_345_678, 7.0), visits.faded(NOW, 7.0))
    # Two lists add up.
    parts = [Visits.of(CELLS, cell[half], start[half], end[half]) for half in (slice(0, 200), slice(200, None))]
    np.testing.assert_allclose(sum(each.faded(NOW, 7.0) for each in parts), visits.faded(NOW, 7.0), rtol=1e-12)
    # Time without visits only fades: waiting in two steps is waiting in one.
    past = Visits.of(CELLS, cell, np.minimum(start, NOW - 3600), np.minimum(end, NOW - 600))
    np.testing.assert_allclose(past.faded(NOW + 5 * DAY_S, 7.0), past.faded(NOW, 7.0) * 0.5 ** (5 / 7), rtol=1e-9)
    # What has not ended is not known.
    garbled = np.where(end > NOW, np.random.default_rng(9).permutation(cell), cell)
    np.testing.assert_array_equal(Visits.of(CELLS, garbled, start, end).faded(NOW, 7.0), visits.faded(NOW, 7.0))


def test_none_is_none() -> None:
    nothing = np.zeros(0, dtype=np.int64)
    empty = Visits.of(CELLS, nothing, nothing, nothing)
    assert len(empty) == 0
    assert empty.faded(NOW, 7.0).tolist() == empty.minutes_within(NOW, 7.0).tolist() == [0.0] * CELLS
