"""The law of inclusion probabilities, held against solvers that know nothing of its closed form."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize

from patrol_missions.core.errors import InputError
from patrol_missions.engine.missions.inclusion import Inclusion, inclusion_probabilities, most_missions


def one(value: list[float] | np.ndarray, number: int, kept: float, ceiling: float, floor: float = 0.0) -> Inclusion:
    """The law for a single group."""
    group = np.zeros(len(value), dtype=np.int64)
    return inclusion_probabilities(np.asarray(value, float), group, np.array([number]), kept, ceiling, floor)


def entropy(p: np.ndarray) -> float:
    inside = p[(p > 0) & (p < 1)]
    return float(-(inside * np.log(inside) + (1 - inside) * np.log1p(-inside)).sum())


def reference(value: list[float], number: int, kept: float, ceiling: float, floor: float) -> list[float] | None:
    """The law by two nested bisections in plain Python, cell by cell; ``None`` where no temperature meets the share.

    Independent of the code under test: no Newton, no pivot, no scaling, no arrays.
    """
    target = kept * sum(sorted(value, reverse=True)[:number])

    def at(temperature: float) -> list[float]:
        low, high = min(value) - 800 * temperature, max(value) + 800 * temperature
        for _ in range(100):
            price = (low + high) / 2
            p = [min(max(logistic((v - price) / temperature), floor), ceiling) for v in value]
            low, high = (price, high) if sum(p) > number else (low, price)
        return p

    def logistic(x: float) -> float:
        return 1 / (1 + math.exp(-x)) if x > 0 else 1 - 1 / (1 + math.exp(x))

    def holds(p: list[float]) -> float:
        return sum(a * b for a, b in zip(p, value, strict=True))

    cold, hot = 1e-4 * max(value), 1e4 * max(value)
    if not holds(at(hot)) < target < holds(at(cold)):
        return None
    for _ in range(50):
        middle = math.sqrt(cold * hot)
        cold, hot = (middle, hot) if holds(at(middle)) > target else (cold, middle)
    return at(math.sqrt(cold * hot))


def test_two_hundred_random_problems_agree_with_a_slow_reference() -> None:
    rng = np.random.default_rng(20)
    compared = 0
    worst = 0.0
    while compared < 200:
        cells = int(rng.integers(2, 13))
        ceiling = float(rng.uniform(0.5, 1.0))
        most = int(most_missions(np.array(cells), ceiling))
        if most < 1:
            continue
        number = int(rng.integers(1, most + 1))
        floor = float(rng.choice([0.0, 0.5 * number / cells]))
        value = rng.lognormal(0, rng.uniform(0.1, 2.0), cells)
        if rng.random() < 0.3:
            value = np.round(value)  # ties and zeros
        kept = float(rng.uniform(0.3, 1.0))
        if not value.max() > 0:
            continue
        wanted = reference(value.tolist(), number, kept, ceiling, floor)
        if wanted is None:
            continue
        found = one(value, number, kept, ceiling, floor)
        assert found.kept[0] == pytest.approx(kept, abs=1e-6)
        worst = max(worst, float(np.abs(found.probability - wanted).max()))
        compared += 1
    assert worst < 1e-6


@pytest.mark.parametrize("seed", range(12))
def test_a_general_convex_solver_finds_the_same_optimum(seed: int) -> None:
    """SLSQP on the primal problem at the temperature found."""
    rng = np.random.default_rng(seed)
    cells, number = int(rng.integers(4, 10)), int(rng.integers(1, 4))
    value = rng.lognormal(0, 1, cells)
    ceiling, floor = 0.9, 0.02
    found = one(value, number, 0.85, ceiling, floor)
    temperature = float(found.temperature[0])
    if not 0 < temperature < math.inf:
        pytest.fail("choose other values: here the bounds alone decide")

    def loss(p: np.ndarray) -> float:
        return -float(p @ value) - temperature * entropy(p)

    def slope(p: np.ndarray) -> np.ndarray:
        return -value + temperature * np.log(p / (1 - p))

    general = minimize(
        loss,
        np.full(cells, number / cells),
        jac=slope,
        method="SLSQP",
        bounds=[(floor, ceiling)] * cells,
        constraints=[{"type": "eq", "fun": lambda p: p.sum() - number, "jac": np.ones_like}],
        options={"ftol": 1e-15, "maxiter": 1000},
    )
    assert general.success
    assert loss(found.probability) <= general.fun + 1e-9
    np.testing.assert_allclose(found.probability, general.x, atol=1e-6)


def test_the_share_of_harm_is_kept_with_the_most_entropy_there_is() -> None:
    """The same plan from the other side: most entropy among all plans that keep the share."""
    value = np.array([9.0, 5.0, 4.0, 2.5, 1.0, 0.5, 0.1])
    found = one(value, 3, 0.9, 0.95)
    general = minimize(
        lambda p: -entropy(p),
        np.full(7, 3 / 7),
        jac=lambda p: np.log(p / (1 - p)),
        method="SLSQP",
        bounds=[(1e-6, 0.95)] * 7,
        constraints=[
            {"type": "eq", "fun": lambda p: p.sum() - 3, "jac": np.ones_like},
            {"type": "ineq", "fun": lambda p: p @ value - 0.9 * 18, "jac": lambda p: value},
        ],
        options={"ftol": 1e-15, "maxiter": 1000},
    )
    assert general.success
    assert found.greedy[0] == 18
    assert entropy(found.probability) >= -general.fun - 1e-8
    np.testing.assert_allclose(found.probability, general.x, atol=1e-6)


@settings(deadline=None, max_examples=150)
@given(st.data())
def test_every_group_meets_the_conditions_of_the_optimum(data: st.DataObject) -> None:
    """Sum, bounds, share and the Karush-Kuhn-Tucker conditions, for any values at all."""
    ceiling = data.draw(st.floats(0.3, 1.0))
    kept = data.draw(st.floats(0.05, 1.0))
    values, numbers = [], []
    for _ in range(data.draw(st.integers(1, 4))):
        cells = data.draw(st.integers(1, 9))
        value = data.draw(st.lists(st.one_of(st.just(0.0), st.floats(1e-12, 1e3)), min_size=cells, max_size=cells))
        values.append(value)
        numbers.append(data.draw(st.integers(0, int(most_missions(np.array(cells), ceiling)))))
    value = np.concatenate(values)
    group = np.repeat(np.arange(len(values)), [len(v) for v in values])
    shuffle = np.random.default_rng(data.draw(st.integers(0, 9))).permutation(len(value))
    found = inclusion_probabilities(value[shuffle], group[shuffle], np.array(numbers), kept, ceiling)
    probability = np.empty(len(value))
    probability[shuffle] = found.probability
    for index, number in enumerate(numbers):
        p, v, temperature = probability[group == index], value[group == index], found.temperature[index]
        assert abs(p.sum() - number) < 1e-9
        assert p.min() >= 0
        assert p.max() <= ceiling
        greedy = np.sort(v)[::-1][:number].sum()
        assert found.greedy[index] == pytest.approx(greedy, rel=1e-12)
        assert found.expected[index] == pytest.approx(p @ v, rel=1e-9, abs=1e-300)
        assert (np.diff(p[np.argsort(v, kind="stable")]) >= -1e-12).all()  # never a smaller chance for more harm
        if 0 < temperature < np.inf:
            assert found.kept[index] == pytest.approx(kept, abs=1e-6)
            free = (p > 0) & (p < ceiling)
            price = v[free] - temperature * (np.log(p[free]) - np.log1p(-p[free]))
            # The chance p itself is known to 1e-16 or so, which is this much of its logarithm.
            slack = temperature * 1e-9 / np.minimum(p[free], 1 - p[free]) + 1e-9 * v.max()
            middle = np.median(price)
            assert (np.abs(price - middle) <= slack + slack[np.argmin(np.abs(price - middle))]).all()
        elif temperature == 0:
            assert found.kept[index] <= kept + 1e-9
        else:
            np.testing.assert_allclose(p, number / len(p))
            assert found.kept[index] >= kept - 1e-9


def test_equal_values_get_equal_chances_whatever_is_asked() -> None:
    for value in ([0.0] * 5, [3.0] * 5):
        found = one(value, 2, 1.0, 0.9)
        np.testing.assert_allclose(found.probability, 0.4)
        assert found.kept[0] == 1
        assert found.temperature[0] == np.inf


def test_ties_at_the_margin_share_what_is_left() -> None:
    found = one([5, 2, 2, 2, 1], 2, 1.0, 0.9)
    np.testing.assert_allclose(found.probability, [0.9, 1.1 / 3, 1.1 / 3, 1.1 / 3, 0])
    assert found.temperature[0] == 0


def test_greedy_itself_is_the_law_without_ceiling_at_the_full_share() -> None:
    found = one([4, 1, 3, 2], 2, 1.0, 1.0)
    np.testing.assert_array_equal(found.probability, [1, 0, 1, 0])
    assert found.kept[0] == 1


def test_more_share_kept_means_a_lower_temperature_and_less_entropy() -> None:
    value = np.random.default_rng(3).lognormal(0, 1.5, 60)
    plans = [one(value, 3, kept, 0.95) for kept in (0.5, 0.7, 0.9, 0.94)]
    temperatures = [float(plan.temperature[0]) for plan in plans]
    assert temperatures == sorted(temperatures, reverse=True)
    entropies = [entropy(plan.probability) for plan in plans]
    assert entropies == sorted(entropies, reverse=True)


def test_the_unit_of_harm_does_not_matter() -> None:
    value = np.random.default_rng(4).lognormal(0, 2, 40)
    plain, scaled = one(value, 3, 0.9, 0.95), one(value * 1e-9, 3, 0.9, 0.95)
    np.testing.assert_allclose(plain.probability, scaled.probability, rtol=1e-12)
    assert scaled.temperature[0] == pytest.approx(plain.temperature[0] * 1e-9)


def test_fifteen_orders_of_magnitude_in_one_district() -> None:
    value = np.logspace(-12, 3, 200)
    found = one(value, 4, 0.9, 0.95)
    assert found.kept[0] == pytest.approx(0.9, abs=1e-6)
    assert abs(found.probability.sum() - 4) < 1e-9


def test_a_district_with_one_dominant_cell_rotates_over_the_rest() -> None:
    found = one([1000.0, *[1e-9] * 19], 3, 0.9, 0.95)
    assert found.probability[0] == pytest.approx(0.9, abs=1e-5)
    np.testing.assert_allclose(found.probability[1:], 2.1 / 19, rtol=1e-4)


def test_floor_gives_every_cell_its_exploration() -> None:
    value = np.linspace(10, 0, 20) ** 2
    assert one(value, 2, 0.7, 0.95).probability.min() < 0.03
    found = one(value, 2, 0.7, 0.95, floor=0.03)
    assert found.probability.min() == 0.03
    assert (found.probability == 0.03).sum() > 2
    assert found.kept[0] == pytest.approx(0.7, abs=1e-6)
    assert found.probability.sum() == pytest.approx(2, abs=1e-9)


def test_single_cell_needs_no_ceiling() -> None:
    assert most_missions(np.array(1), 0.95) == 0
    np.testing.assert_array_equal(one([7.0], 1, 0.9, 1.0).probability, [1.0])
    np.testing.assert_array_equal(one([7.0], 0, 0.9, 0.95).probability, [0.0])


@pytest.mark.parametrize(
    ("value", "number", "ceiling", "floor", "words"),
    [
        ([1, -1, 2], 1, 0.9, 0.0, ("1 of 3 cells", "negative")),
        ([1, math.nan, math.inf], 1, 0.9, 0.0, ("2 of 3 cells",)),
        ([1, 2, 3], 3, 0.9, 0.0, ("3 missions", "3 cells")),
        ([1, 2, 3], 1, 0.9, 0.5, ("floor of 0.5",)),
        ([1, 2, 3], 1, 0.3, 0.5, ("between 0.5 and 0.3",)),
        ([1, 2, 3], -1, 0.9, 0.0, ("-1 missions",)),
    ],
)
def test_what_cannot_be_solved_is_said(value: list, number: int, ceiling: float, floor: float, words: tuple) -> None:
    with pytest.raises(InputError) as error:
        one(value, number, 0.9, ceiling, floor)
    for word in words:
        assert word in str(error.value)


def test_a_whole_city_is_solved_together_as_each_district_alone() -> None:
    rng = np.random.default_rng(5)
    sizes = rng.integers(5, 60, 25)
    group = np.repeat(np.arange(25), sizes)
    value = rng.lognormal(0, 2, len(group))
    number = rng.integers(0, 4, 25)
    together = inclusion_probabilities(value, group, number, 0.9, 0.95)
    for index in range(25):
        alone = one(value[group == index], int(number[index]), 0.9, 0.95)
        np.testing.assert_allclose(together.probability[group == index], alone.probability, atol=1e-9)
