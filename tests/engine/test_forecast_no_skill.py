"""No false claims: where nothing but a map is to be learned, the baseline ships, in city after city."""

from __future__ import annotations

import pytest
from forecast_no_skill import NOISE, SCATTERED, judged, wilson

from patrol_missions.engine.forecast.backtest import MODEL

CITIES = 20
DAYS, INCIDENTS = 330, 2500


@pytest.mark.parametrize("kind", [NOISE, SCATTERED])
def test_baselines_ship_where_there_is_no_skill_to_be_had(kind: str) -> None:
    found = [judged(kind, seed, DAYS, INCIDENTS) for seed in range(CITIES)]
    assert all(MODEL in each.judged.methods for each in found), "a model that was not tried says nothing"
    assert sum(each.ships_model for each in found) <= 0.05 * CITIES
    # The truth is known: where the rule says no, it is right to.
    nearer = sum(each.model_is_nearer for each in found)
    assert nearer <= 0.05 * CITIES


def test_intervals_of_shares_by_hand() -> None:
    assert wilson(0, 100) == pytest.approx((0.0, 0.0370), abs=1e-4)
    assert wilson(50, 100) == pytest.approx((0.4038, 0.5962), abs=1e-4)
