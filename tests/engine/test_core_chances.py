"""Chances for trying out weights are those of the law, as the engine solves it where nothing limits it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from patrol_missions.core.chances import shift_chances
from patrol_missions.engine.missions.inclusion import inclusion_probabilities, most_missions


@given(st.integers(0, 2**32 - 1), st.sampled_from([0.6, 0.9, 0.98, 1.0]))
def test_they_are_those_of_the_engine(seed, kept):
    rng = np.random.default_rng(seed)
    districts = int(rng.integers(1, 6))
    district = np.concatenate([np.arange(districts), rng.integers(0, districts, int(rng.integers(1, 200)))])
    rng.shuffle(district)
    harm = rng.gamma(0.4, 1.0, len(district)) * rng.integers(0, 2, len(district))
    harm = np.round(harm, int(rng.integers(0, 6)))  # ties
    missions = np.minimum(rng.integers(0, 8, districts), most_missions(np.bincount(district), 0.95))

    chances = shift_chances(harm, district, missions, kept)

    by_engine = inclusion_probabilities(harm, district, missions, kept, 0.95).probability
    assert chances == pytest.approx(by_engine, abs=1e-7)


def test_missions_that_do_not_fit_are_left_out():
    chances = shift_chances(np.array([3.0, 1.0, 2.0]), np.array([0, 0, 1]), np.array([9, 9]), 0.9)
    assert np.bincount([0, 0, 1], chances) == pytest.approx([1.0, 0.0])


def test_no_missions_are_no_chances():
    assert not shift_chances(np.ones(3), np.array([0, 1, 2]), np.zeros(3, dtype=np.int64), 0.9).any()
