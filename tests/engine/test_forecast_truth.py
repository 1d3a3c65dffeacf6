"""On the sample city, whose law is known, the forecast comes nearer to the truth than every baseline it carries."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from forecast_truth import SHIPPED, SURFACE, Held, coming_shifts, events_of, hold, make, resampled

CODES = ("B0", "B1", "B2", "B3", "B4", "B5", "B6", "B7")


@pytest.fixture(scope="module")
def held(tmp_path_factory: pytest.TempPathFactory) -> list[Held]:
    city = make(tmp_path_factory.mktemp("city"), seed=4, cells=900, years=3, incidents=90_000, forecast_shifts=21)
    return hold(city)[0]


def test_places_are_ranked_as_they_truly_are(held: list[Held]) -> None:
    for each in held:
        low, high = resampled(each, SHIPPED, Held.rank)
        assert low > 0.88, f"{each.category}: {low:.3f} to {high:.3f}"


def test_numbers_are_as_large_as_they_truly_are(held: list[Held]) -> None:
    for each in held:
        low, high = resampled(each, SHIPPED, Held.slope)
        assert 0.9 < low < high < 1.1, f"{each.category}: slope {low:.3f} to {high:.3f}"
        assert each.expected[SHIPPED].sum() == pytest.approx(each.truth.sum(), rel=0.2), each.category


def test_trees_ship_only_where_they_are_truly_better_than_every_baseline(held: list[Held]) -> None:
    with_trees = [each for each in held if each.ships == "LightGBM"]
    assert len(with_trees) >= 2
    for each in with_trees:
        for code in CODES:
            assert each.loss(SHIPPED).sum() < each.loss(code).sum(), (each.category, code)
            assert each.rank(SHIPPED) > each.rank(code), (each.category, code)


def test_the_risk_surface_by_itself_is_nearer_the_truth_than_every_baseline(held: list[Held]) -> None:
    for code in CODES:
        better = [each.loss(code).sum() / each.loss(SURFACE).sum() for each in held]
        assert np.mean(np.log(better)) > 0, code
        assert min(better) > 0.95, code


@pytest.mark.parametrize("code", CODES)
def test_over_all_categories_it_is_better_than_each_baseline_beyond_chance(held: list[Held], code: str) -> None:
    """Mean over categories of the loss against the truth; cells resampled."""
    better = np.mean([each.loss(code) - each.loss(SHIPPED) for each in held], axis=0)
    rng = np.random.default_rng(1)
    cells = len(better)
    low = np.quantile([better[rng.integers(0, cells, cells)].sum() for _ in range(1000)], 0.025)
    assert low > 0
    rank = np.mean([each.rank(SHIPPED) - each.rank(code) for each in held])
    assert rank > 0


def test_planned_events_bring_it_nearer_to_the_truth(tmp_path: Path) -> None:
    """Thefts around the arena: without its calendar a forecast cannot know on which evenings its visitors come."""
    city = make(tmp_path, seed=11, cells=400, years=3, incidents=60_000, forecast_shifts=42)
    planned, thefts = events_of(city), ["Theft", "Theft from vehicle"]
    near = planned.nearby(coming_shifts(city))
    instance, cell = np.divmod(near.key, near.cells)
    with_them, without = (hold(city, categories=thefts, planned=each)[0] for each in (planned, None))
    assert len(near.instances) >= 3
    assert with_them[1].ships == "LightGBM"
    for knows, blind in zip(with_them, without):
        if knows.ships != "LightGBM":
            continue
        lost = [each.lost(SHIPPED) for each in (knows, blind)]
        there = [each[instance, cell].sum() for each in lost]
        assert there[0] < 0.6 * there[1], f"{knows.category}: {there[0]:.3f} with, {there[1]:.3f} without"
        assert lost[0].sum() < lost[1].sum(), knows.category
