"""The draw: exact chances, fixed size, spread, and byte-for-byte replay."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from patrol_missions.engine.missions.draw import Stream, draw
from patrol_missions.engine.missions.inclusion import inclusion_probabilities

SIZES, NUMBER = (20, 14, 10), (4, 3, 2)
GROUP = np.repeat(np.arange(3), SIZES)
COLUMN = np.concatenate([np.arange(size) % 5 for size in SIZES]) + 1900
ROW = np.concatenate([np.arange(size) // 5 for size in SIZES]) + 17000
VALUE = np.random.default_rng(8).lognormal(0, 1.3, len(GROUP))
LAW = inclusion_probabilities(VALUE, GROUP, np.array(NUMBER), 0.85, 0.95).probability

PUBLISHED = ["0x1.00fe4baca58e0p-5", "0x1.ba986046f31d1p-1", "0x1.66422b15688b0p-5"]
PUBLISHED_DRAW = [8, 9, 15, 17, 21, 29, 33, 35, 36]


def streams(seed: int) -> list[Stream]:
    return [Stream(seed, 1_578_027_600, ("Night", district)) for district in ("01", "05", "Süd")]


def replicate(seeds: range) -> np.ndarray:
    """Selections of the small city under many seeds, shape (seeds, cells)."""
    count = len(seeds)
    group = (3 * np.arange(count)[:, np.newaxis] + GROUP).ravel()
    sources = [stream for seed in seeds for stream in streams(seed)]
    flat = draw(np.tile(LAW, count), np.tile(COLUMN, count), np.tile(ROW, count), group, sources)
    return flat.reshape(count, len(GROUP))


def chi_square(selected: np.ndarray, law: np.ndarray, constraints: int) -> float:
    """P value of the selection frequencies against the law, from a Wald statistic with the draws' own covariance.

    Selections within a draw are correlated (fixed size, competing neighbours): the plain chi-square does not hold;
    with the covariance estimated from many draws the statistic is chi-square, one degree of freedom less per district.
    """
    count = len(selected)
    off = selected.mean(axis=0) - law
    covariance = np.cov(selected.T.astype(np.float64)) / count
    statistic = off @ np.linalg.pinv(covariance, rcond=1e-9, hermitian=True) @ off
    return float(stats.chi2.sf(statistic, len(law) - constraints))


@pytest.fixture(scope="module")
def hundred_thousand() -> np.ndarray:
    return np.concatenate([replicate(range(first, first + 10_000)) for first in range(0, 100_000, 10_000)])


def test_size_is_fixed_in_every_district_of_a_hundred_thousand_draws(hundred_thousand: np.ndarray) -> None:
    for district, number in enumerate(NUMBER):
        assert (hundred_thousand[:, district == GROUP].sum(axis=1) == number).all()


def test_frequencies_of_a_hundred_thousand_draws_agree_with_the_law(hundred_thousand: np.ndarray) -> None:
    assert chi_square(hundred_thousand, LAW, 3) > 0.01
    count = len(hundred_thousand)
    z = (hundred_thousand.sum(axis=0) - count * LAW) / np.sqrt(count * LAW * (1 - LAW))
    assert np.abs(z).max() < stats.norm.isf(0.005 / len(LAW))  # Bonferroni, two-sided 1 %


def test_the_check_of_frequencies_notices_a_draw_that_is_slightly_wrong(hundred_thousand: np.ndarray) -> None:
    """Picking one after another in proportion to the law, as is often done, does not have these chances."""
    rng = np.random.default_rng(9)
    wrong = np.zeros((20_000, len(LAW)), dtype=bool)
    for district, number in enumerate(NUMBER):
        cells = np.flatnonzero(district == GROUP)
        # The largest of log(u)/p are a successive draw without replacement (Efraimidis & Spirakis).
        keys = np.log(rng.random((len(wrong), len(cells)))) / LAW[cells]
        wrong[np.arange(len(wrong))[:, np.newaxis], cells[np.argsort(-keys, axis=1)[:, :number]]] = True
    assert chi_square(wrong, LAW, 3) < 1e-12
    nudged = LAW + np.where(np.arange(len(LAW)) == 0, 0.01, 0) - np.where(np.arange(len(LAW)) == 1, 0.01, 0)
    assert chi_square(hundred_thousand, nudged, 3) < 1e-6


def systematic(law: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Random systematic draw: same chances and size, no regard to place."""
    order = rng.permutation(len(law))
    ends = np.concatenate(([0.0], np.cumsum(law[order]))) + rng.random()
    selected = np.zeros(len(law), dtype=bool)
    selected[order] = np.diff(np.floor(ends)) > 0
    return selected


def conditional_poisson(law: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Independent choices, rejected until the size is right: independence as far as a fixed size allows."""
    number = round(law.sum())
    while True:
        selected = rng.random(len(law)) < law
        if selected.sum() == number:
            return selected


def imbalance(selected: np.ndarray, law: np.ndarray, column: np.ndarray, row: np.ndarray) -> float:
    """Stevens & Olsen's measure: how far the chances nearest to each selected cell are from adding up to 1."""
    chosen = np.flatnonzero(selected)
    away = (column[:, None] - column[chosen]) ** 2 + (row[:, None] - row[chosen]) ** 2
    nearest = away == away.min(axis=1, keepdims=True)
    mass = (law[:, None] * nearest / nearest.sum(axis=1, keepdims=True)).sum(axis=0)
    return float(((mass - 1) ** 2).mean())


@pytest.mark.parametrize("rival", [systematic, conditional_poisson])
def test_missions_are_better_spread_than_by_a_draw_that_ignores_place(
    rival: Callable[[np.ndarray, np.random.Generator], np.ndarray],
) -> None:
    rng = np.random.default_rng(10)
    column, row = (a.ravel() for a in np.meshgrid(np.arange(15), np.arange(14)))
    value = rng.lognormal(0, 0.7, len(column))
    law = inclusion_probabilities(value, np.zeros(len(column), np.int64), np.array([12]), 0.6, 0.9).probability
    draws = 150
    flat = draw(
        np.tile(law, draws),
        np.tile(column, draws),
        np.tile(row, draws),
        np.repeat(np.arange(draws), len(column)),
        [Stream(seed, 0, ("spread",)) for seed in range(draws)],
    ).reshape(draws, -1)
    ours = [imbalance(line, law, column, row) for line in flat]
    theirs = [imbalance(rival(law, rng), law, column, row) for _ in range(draws)]
    assert np.mean(ours) < 0.6 * np.mean(theirs)
    assert stats.ttest_ind(ours, theirs, equal_var=False, alternative="less").pvalue < 1e-6


def test_the_same_seed_gives_the_same_draw_and_another_seed_another() -> None:
    first, again, other = (draw(LAW, COLUMN, ROW, GROUP, streams(seed)) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()


def test_the_stream_is_the_one_that_was_published() -> None:
    """Fixed for ever: a logged plan must replay on any later version of this package and of NumPy."""
    numbers = Stream(1, 1_578_027_600, ("Night", "05")).uniforms(3)
    assert [float(number).hex() for number in numbers] == PUBLISHED
    assert np.flatnonzero(draw(LAW, COLUMN, ROW, GROUP, streams(7))).tolist() == PUBLISHED_DRAW


def test_every_part_of_a_stream_matters() -> None:
    base = Stream(1, 1000, ("Night", "05"))
    others = [
        Stream(-1, 1000, ("Night", "05")),
        Stream(1, -1000, ("Night", "05")),
        Stream(1, 1000, ("Day", "05")),
        Stream(1, 1000, ("Night", "06")),
        Stream(2**63 - 1, 1000, ("Night", "05")),
    ]
    numbers = [tuple(stream.uniforms(4).tolist()) for stream in (base, *others)]
    assert len(set(numbers)) == len(numbers)
    assert all(0 <= number < 1 for line in numbers for number in line)


def test_order_of_cells_does_not_matter() -> None:
    expected = draw(LAW, COLUMN, ROW, GROUP, streams(3))
    for seed in range(5):
        mixed = np.random.default_rng(seed).permutation(len(LAW))
        found = draw(LAW[mixed], COLUMN[mixed], ROW[mixed], GROUP[mixed], streams(3))
        np.testing.assert_array_equal(found, expected[mixed])


def test_districts_do_not_disturb_each_other() -> None:
    """What is drawn in one district is the same whether or not others are planned with it."""
    together = draw(LAW, COLUMN, ROW, GROUP, streams(4))
    for district, stream in enumerate(streams(4)):
        mine = district == GROUP
        alone = draw(LAW[mine], COLUMN[mine], ROW[mine], np.zeros(mine.sum(), np.int64), [stream])
        np.testing.assert_array_equal(alone, together[mine])


@settings(deadline=None, max_examples=200)
@given(st.data())
def test_any_chances_give_the_fixed_size_and_respect_zero_and_one(data: st.DataObject) -> None:
    groups, law, numbers = [], [], []
    for index in range(data.draw(st.integers(1, 4))):
        raw = data.draw(st.lists(st.sampled_from([0.0, 1e-15, 1e-10, 0.1, 0.25, 1 / 3, 0.5, 0.9, 1 - 1e-12, 1.0]),
                                 min_size=1, max_size=12))  # fmt: skip
        p = np.array(raw)
        # The last cell makes the sum whole, as the law's own arithmetic does to within rounding.
        p = np.append(p, np.ceil(p.sum() - 1e-9) - p.sum()).clip(0, 1)
        groups.append(np.full(len(p), index))
        law.append(p)
        numbers.append(round(p.sum()))
    p, group = np.concatenate(law), np.concatenate(groups)
    column, row = np.arange(len(p)) % 4, np.arange(len(p)) // 4
    found = draw(
        p, column, row, group, [Stream(data.draw(st.integers()) % 2**63, 0, (str(i),)) for i in range(len(law))]
    )
    np.testing.assert_array_equal(np.bincount(group[found], minlength=len(law)), numbers)
    assert not found[p == 0].any()
    assert found[p == 1].all()


def test_dust_from_rounding_does_not_change_the_size() -> None:
    law = np.array([0.3, 0.3, 0.4, 1e-17, 1 - 1e-16, 0.2 + 1e-10, 0.8 - 1e-10 + 3e-10])
    for seed in range(200):
        found = draw(law, np.arange(7), np.zeros(7, np.int64), np.zeros(7, np.int64), [Stream(seed, 0, ())])
        assert found.sum() == 3


def test_wild_places_and_empty_groups() -> None:
    column = np.array([-(2**31) + 1, 0, 2**31 - 1, 5])
    found = draw(np.full(4, 0.5), column, column[::-1].copy(), np.zeros(4, np.int64), [Stream(1, 0, ())])
    assert found.sum() == 2
    assert draw(np.zeros(3), np.arange(3), np.arange(3), np.zeros(3, np.int64), [Stream(1, 0, ())]).sum() == 0
