"""The law and the draw under limits of areas and bounds of single cells."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st
from scipy import stats
from scipy.optimize import linprog, minimize

from patrol_missions.core.errors import PatrolError
from patrol_missions.engine.missions import feasible, rounding
from patrol_missions.engine.missions.areas import AreaRules, Areas
from patrol_missions.engine.missions.draw import Stream, draw
from patrol_missions.engine.missions.inclusion import Inclusion, inclusion_probabilities
from patrol_missions.engine.missions.law_areas import EXACT, Limits

KEPT = 0.9


class City:
    """A random small city: districts and areas that cross, cells that are closed or set, limits that may bind."""

    def __init__(self, seed: int, most: int = 4) -> None:
        rng = np.random.default_rng(seed)
        districts, areas = int(rng.integers(1, 5)), int(rng.integers(1, 6))
        cells = int(rng.integers(districts * 4, 50))
        self.group = np.sort(np.concatenate([np.arange(districts), rng.integers(0, districts, cells - districts)]))
        self.limits = Limits(rng.integers(-1, areas, cells), rng.integers(1, most, areas).astype(float))
        self.value = rng.lognormal(0, 1.5, cells)
        self.high = np.full(cells, 0.95)
        self.low = np.zeros(cells)
        settled = rng.random(cells) < 0.06
        self.high[settled] = self.low[settled] = rng.random(int(settled.sum())) < 0.3
        self.high[self.low == 1] = 1.0
        self.column, self.row = np.arange(cells) % 7, np.arange(cells) // 7
        must = np.bincount(self.group, self.low).astype(np.int64)
        self.number = np.maximum(rng.integers(1, 4, districts), must)

    def fitted(self) -> feasible.Fitted:
        return feasible.fit(self.number, self.group, self.low, self.high, limits=self.limits)

    def possible(self) -> bool:
        """Whether what is set keeps the limits."""
        return bool((self.limits.sums(self.low) <= self.limits.most).all())

    def law(self, number: np.ndarray, kept: float = KEPT) -> Inclusion:
        return inclusion_probabilities(self.value, self.group, number, kept, self.high, self.low, self.limits)


def entropy(p: np.ndarray) -> float:
    inside = p[(p > 1e-12) & (p < 1 - 1e-12)]
    return float(-(inside * np.log(inside) + (1 - inside) * np.log1p(-inside)).sum())


@settings(deadline=None, max_examples=150)
@given(st.integers(0, 10_000))
@example(541)  # a first step far too long
@example(209)  # a price of hundreds of log odds
def test_sums_bounds_limits_and_the_conditions_of_the_optimum(seed: int) -> None:
    city = City(seed)
    assume(city.possible())
    number = city.fitted().number
    found = city.law(number)
    p = found.probability
    np.testing.assert_allclose(np.bincount(city.group, p, minlength=len(number)), number, atol=1e-9)
    assert (p >= city.low - 1e-12).all()
    assert (p <= city.high + 1e-12).all()
    sums = city.limits.sums(p)
    assert (sums <= city.limits.most + 2 * EXACT).all()
    assert (found.price >= 0).all()
    # Only a limit that binds has a price.
    priced = found.price > 1e-7
    np.testing.assert_allclose(sums[priced], city.limits.most[priced], atol=1e-7)
    price = np.append(found.price, 0.0)[city.limits.area]
    for district, temperature in enumerate(found.temperature):
        free = (city.group == district) & (p > city.low + 1e-9) & (p < city.high - 1e-9)
        if free.sum() > 1 and temperature > 0:
            # All free cells agree on what one more mission is worth, after the price of their area.
            odds = np.log(p[free]) - np.log1p(-p[free]) + price[free] - city.value[free] / temperature
            np.testing.assert_allclose(odds, odds.mean(), atol=1e-4)


@pytest.mark.parametrize("seed", [0, 4, 15, 19, 22, 33, 39, 50])
def test_a_general_convex_solver_finds_no_plan_of_more_entropy(seed: int) -> None:
    city = City(seed, most=3)
    if not city.possible():
        pytest.fail("choose another seed: what is set breaks the limits")
    number = city.fitted().number
    found = city.law(number, 0.8)
    if (found.kept < 0.8 - 1e-9).any():
        pytest.fail("choose another seed: the share cannot be kept")
    areas = range(len(city.limits.most))
    constraints = [
        {"type": "eq", "fun": lambda p, d=d: p[city.group == d].sum() - number[d]} for d in range(len(number))
    ]
    constraints += [
        {"type": "ineq", "fun": lambda p, a=a: city.limits.most[a] - p[city.limits.area == a].sum()} for a in areas
    ]
    constraints += [
        {
            "type": "ineq",
            "fun": lambda p, d=d: (p * city.value)[city.group == d].sum() - 0.8 * found.greedy[d],
        }
        for d in range(len(number))
    ]
    least = np.clip(city.low, 1e-9, None)
    general = minimize(
        lambda p: -entropy(p),
        np.clip(found.probability * 0.7 + 0.3 * np.clip((number / np.bincount(city.group))[city.group], 0, 0.9), least,
                np.clip(city.high, 1e-9, None)),
        jac=lambda p: np.log(np.clip(p, 1e-12, None) / np.clip(1 - p, 1e-12, None)),
        method="SLSQP",
        bounds=list(zip(least, np.maximum(np.clip(city.high, None, 1 - 1e-9), least))),
        constraints=constraints,
        options={"ftol": 1e-14, "maxiter": 500},
    )  # fmt: skip
    assert entropy(found.probability) >= -general.fun - 1e-5


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 10_000))
def test_the_greedy_choice_is_the_best_of_whole_plans(seed: int) -> None:
    city = City(seed)
    assume(city.possible())
    number = city.fitted().number
    found = city.law(number)
    upper = np.array([city.limits.area == area for area in range(len(city.limits.most))], dtype=float)
    equal = np.array([city.group == district for district in range(len(number))], dtype=float)
    whole = linprog(
        -city.value,
        A_ub=upper,
        b_ub=city.limits.most,
        A_eq=equal,
        b_eq=number,
        bounds=np.column_stack([city.low == 1, city.high > 0]).astype(float),
        integrality=np.ones(len(city.value)),
    )
    assert whole.success
    assert found.greedy.sum() == pytest.approx(-whole.fun, rel=1e-9)
    assert set(np.unique(found.choice.round(9)).tolist()) <= {0.0, 1.0}


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 10_000))
def test_no_more_missions_are_given_up_than_must_be(seed: int) -> None:
    city = City(seed, most=3)
    assume(city.possible())
    fitted = city.fitted()
    must = np.bincount(city.group, city.low, minlength=len(city.number))
    assert (fitted.number <= city.number).all()
    assert (fitted.number >= must).all()
    if fitted.number.sum() < city.number.sum():
        with pytest.raises(PatrolError):
            city.law(city.number)
    # One more mission in a district that has too few leaves nothing that could be solved.
    for district in np.flatnonzero(fitted.number < np.minimum(city.number, fitted.alone)).tolist():
        more = fitted.number.copy()
        more[district] += 1
        with pytest.raises(PatrolError):
            city.law(more)


def test_an_exploration_floor_gives_way_to_the_limits_of_areas() -> None:
    group, area = np.repeat([0, 1], 10), np.repeat([0, 1], 10)
    limits = Limits(area, np.array([1.0, np.inf]))
    fitted = feasible.fit(np.array([3, 3]), group, np.zeros(20), np.full(20, 0.95), 0.5, limits)
    np.testing.assert_array_equal(fitted.number, [1, 3])
    np.testing.assert_array_equal(fitted.alone, [3, 3])
    assert fitted.explored == 1
    np.testing.assert_allclose(fitted.low, np.repeat([0.05, 0.15], 10))
    # The second district has cells in the area, too: their floors would take the place of the first one's mission.
    area[10:] = [0] * 5 + [1] * 5
    fitted = feasible.fit(np.array([1, 3]), group, np.zeros(20), np.full(20, 0.95), 0.5, Limits(area, limits.most))
    np.testing.assert_array_equal(fitted.number, [1, 3])
    assert fitted.explored == pytest.approx(0)


def test_areas_without_room_leave_exploration_to_the_others() -> None:
    low, area = np.zeros(30), np.repeat([0, 1, 2], 10)
    low[10] = 1  # set by hand, and all that the second area may have
    limits = Limits(area, np.array([0.0, 1.0, np.inf]))
    fitted = feasible.fit(np.array([4]), np.zeros(30, dtype=int), low, np.maximum(low, 0.95), 0.5, limits)
    np.testing.assert_array_equal(fitted.number, [4])
    assert fitted.explored == 1
    np.testing.assert_allclose(fitted.low, np.where(area == 2, 0.15, low))


SMALL = City(15)
NUMBER = SMALL.fitted().number


def selections(law: np.ndarray, draws: int) -> np.ndarray:
    return np.array(
        [
            draw(
                law, SMALL.column, SMALL.row, SMALL.group, [Stream(seed, 0, ("N", str(d))) for d in range(len(NUMBER))],
                SMALL.limits,
            )
            for seed in range(draws)
        ]
    )  # fmt: skip


def test_draws_keep_every_limit_and_every_chance() -> None:
    law = SMALL.law(NUMBER, 0.7)
    assert (law.price > 0).any(), "a limit must bind for this to mean much"
    found = selections(law.probability, 6000)
    for district, number in enumerate(NUMBER):
        assert (found[:, district == SMALL.group].sum(axis=1) == number).all()
    for area, most in enumerate(SMALL.limits.most):
        assert found[:, area == SMALL.limits.area].sum(axis=1).max() <= most
    law_free = (law.probability > 1e-9) & (law.probability < 1 - 1e-9)
    p = law.probability[law_free]
    z = (found[:, law_free].mean(axis=0) - p) / np.sqrt(p * (1 - p) / len(found))
    # Bonferroni over the cells, at one in ten thousand.
    assert np.abs(z).max() < stats.norm.ppf(1 - 0.5e-4 / len(p))


@settings(deadline=None, max_examples=200)
@given(st.data())
def test_rounding_keeps_districts_whole_and_areas_within_one(data: st.DataObject) -> None:
    districts, areas = data.draw(st.integers(1, 5)), data.draw(st.integers(1, 5))
    rng = np.random.default_rng(data.draw(st.integers(0, 2**31)))
    pairs = np.array(list(itertools.product(range(districts), range(-1, areas))))
    chance = rng.random(len(pairs))
    for district in range(districts):  # make every district's sum whole
        mine = pairs[:, 0] == district
        wanted = float(np.clip(np.round(chance[mine].sum()), 1, mine.sum() - 1)) if mine.sum() > 1 else 1.0
        for _ in range(60):
            chance[mine] = np.clip(chance[mine] * wanted / chance[mine].sum(), 0.0, 1.0)
        assume(abs(chance[mine].sum() - wanted) < 1e-9)
    chosen = rounding.settle(chance, pairs[:, 0], pairs[:, 1], iter(rng.random(len(pairs)).tolist()))
    got = np.zeros(len(pairs))
    got[chosen] = 1
    for district in range(districts):
        mine = pairs[:, 0] == district
        assert got[mine].sum() == round(float(chance[mine].sum()))
    for area in range(areas):
        mine = pairs[:, 1] == area
        total = float(chance[mine].sum())
        assert np.floor(total + 1e-6 - 1e-12) - 1e-6 <= got[mine].sum() <= np.ceil(total - 1e-6)


def test_rounding_changes_no_chance_on_average() -> None:
    group, area = np.array([0, 0, 1, 1, 2, 2]), np.array([0, 1, 1, 2, 2, 0])
    chance = np.array([0.3, 0.7, 0.6, 0.4, 0.9, 0.1])
    rng = np.random.default_rng(4)
    total = np.zeros(6)
    for _ in range(20_000):
        total[rounding.settle(chance, group, area, iter(rng.random(6).tolist()))] += 1
    z = (total / 20_000 - chance) / np.sqrt(chance * (1 - chance) / 20_000)
    assert np.abs(z).max() < 4


AREAS = Areas(("A", "B", "C"), np.array([0, 0, 1, 1, 2, -1]), np.array([500.0, 500, 1000, 1000, 10, np.nan]))


@pytest.mark.parametrize(
    ("rules", "most"),
    [
        (AreaRules(), [np.inf] * 3),
        (AreaRules(share=0.25), [5, 5, 5]),
        (AreaRules(share=0.01), [1, 1, 1]),
        (AreaRules(harm_ratio=1.5), [15, 9, 3]),
        (AreaRules(minutes_per_1000=60), [2, 6, np.inf]),
        (AreaRules(share=0.2, minutes_per_1000=60), [2, 4, 4]),
    ],
)
def test_what_areas_may_have(rules: AreaRules, most: list[float]) -> None:
    harm = np.array([3.0, 2, 2, 1, 1, 1])
    minutes = np.array([20.0, 5, 20, 0, 90, 500])
    np.testing.assert_array_equal(AREAS.most(rules, 20, harm, minutes, 15.0), most)


@pytest.mark.parametrize("wrong", [{"share": 0.0}, {"share": 1.1}, {"minutes_per_1000": -1.0}, {"harm_ratio": 0.0}])
def test_limits_that_mean_nothing_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(PatrolError, match="largest"):
        AreaRules(**wrong)
