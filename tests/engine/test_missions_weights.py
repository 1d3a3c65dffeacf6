"""Weights: presets, the user's own rows, and the words by which categories are recognised."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from patrol_missions.core.category_rules import is_enforcement_driven
from patrol_missions.core.errors import InputError
from patrol_missions.core.presets import DEFAULT_PRESET, KINDS, OTHER_PREVENTABILITY, PRESETS
from patrol_missions.core.weights import harm, kind_of, resolve

PHILADELPHIA = {
    "Thefts": "theft",
    "Theft from Vehicle": "theft_from_vehicle",
    "Motor Vehicle Theft": "vehicle_theft",
    "Aggravated Assault Firearm": "aggravated_assault",
    "Aggravated Assault No Firearm": "aggravated_assault",
    "Other Assaults": "simple_assault",
    "Robbery No Firearm": "robbery",
    "Burglary Non-Residential": "burglary",
    "Homicide - Criminal": "homicide",
    "Rape": "rape",
    "Vandalism/Criminal Mischief": "vandalism",
    "Arson": "arson",
    "Weapon Violations": None,
}


@pytest.mark.parametrize(("category", "kind"), PHILADELPHIA.items())
def test_real_categories_are_recognised(category: str, kind: str | None) -> None:
    assert kind_of(category) == kind


@pytest.mark.parametrize(
    ("category", "kind"),
    [
        ("BURGLARIES", "burglary"),
        ("theft of motor vehicle", "vehicle_theft"),
        ("theft from motor vehicle", "theft_from_vehicle"),
        ("Vehicle break-ins", "theft_from_vehicle"),
        ("Common assault", "simple_assault"),
        ("Assault", "aggravated_assault"),
        ("🚗 theft (auto)", "vehicle_theft"),
        ("Грабёж", None),
        ("", None),
    ],
)
def test_words_decide_whatever_their_order_case_and_ornament(category: str, kind: str | None) -> None:
    assert kind_of(category) == kind


def test_every_preset_names_its_source_and_only_known_kinds() -> None:
    assert DEFAULT_PRESET in PRESETS
    for preset in PRESETS.values():
        assert str(preset.year) in preset.source
        assert set(preset.severity) <= set(KINDS)
        assert min(preset.severity.values()) > 0
        # All three scales agree on this much of the order of harm.
        assert preset.severity["homicide"] > preset.severity["robbery"] > preset.severity["burglary"]
        assert preset.severity["burglary"] > preset.severity["theft"]


def test_published_values() -> None:
    """RAND OP-279 in 2007 dollars agrees with RAND IG105 in 2010 dollars: both its figures are 5 % higher."""
    rand = PRESETS["rand"].severity
    assert 91_694 / rand["aggravated_assault"] == pytest.approx(1.05, abs=0.002)
    assert 9_533 / rand["vehicle_theft"] == pytest.approx(1.05, abs=0.002)
    (robbery,), warnings = resolve("police_cost", None, ["Robbery"])
    assert (robbery.severity, robbery.preventability, robbery.value) == (2_229, 0.5, 1_114.5)
    assert warnings == ()


def test_a_category_without_a_preset_value_gets_the_lowest_and_a_sentence() -> None:
    weights, warnings = resolve("rand", None, ["Robbery", "Arson"])
    assert weights[1].severity == min(PRESETS["rand"].severity.values())
    assert len(warnings) == 1
    assert "Arson" in warnings[0]
    assert "2,139" in warnings[0]


def test_own_rows_win_and_may_leave_gaps() -> None:
    rows = [{"category": "robbery", "severity": "9", "preventability": None}, {"category": "Rape", "preventability": 1}]
    (robbery, rape), warnings = resolve("rand", rows, ["Robbery", "Rape"])
    assert (robbery.severity, robbery.preventability) == (9, 0.5)
    assert (rape.severity, rape.preventability) == (PRESETS["rand"].severity["rape"], 1)
    assert len(warnings) == 1
    assert "Robbery" in warnings[0] and "US dollars" in warnings[0]


@pytest.mark.parametrize(
    ("preset", "rows", "words"),
    [
        ("rand", [{"category": "Robbery", "severity": -1}], ("severity", "Robbery", "-1")),
        ("rand", [{"category": "Robbery", "severity": "much"}], ("Robbery", "much", "not a number")),
        ("rand", [{"category": "Robbery", "severity": float("nan")}], ("Robbery", "not a number")),
        ("rand", [{"category": "Robbery", "severity": float("inf")}], ("Robbery", "not a number")),
        ("rand", [{"category": "Robbery", "preventability": 1.2}], ("preventability", "Robbery", "1.2")),
        ("rand", [{"category": "Robbery", "preventability": -0.1}], ("preventability", "-0.1")),
        ("rand", [{"category": "Piracy", "severity": 1}], ("Piracy", "Robbery, Грабёж")),
        ("rand", [{"category": "Кража", "severity": 1}], ("Кража",)),
        ("rand", [{"severity": 1}], ("no category",)),
        (
            "rand",
            [{"category": "Robbery", "severity": 1}, {"category": "ROBBERY!", "severity": 2}],
            ("Robbery", "twice"),
        ),
        ("bogus", None, ("bogus", "rand")),
        (None, [{"category": "Robbery", "severity": 1}], ("Грабёж", "No severity")),
    ],
)
def test_what_cannot_be_used_is_said_in_a_sentence(preset: str | None, rows: list | None, words: tuple) -> None:
    with pytest.raises(InputError) as error:
        resolve(preset, rows, ["Robbery", "Грабёж"])
    for word in words:
        assert word in str(error.value)
    assert error.value.hint


def test_harm_is_the_weighted_sum() -> None:
    weights, _ = resolve(
        None, [{"category": "A", "severity": 4, "preventability": 0.5}, {"category": "B", "severity": 1}], "AB"
    )
    expected = {"A": np.array([0.0, 1.0, 0.25], dtype=np.float32), "B": np.array([1.0, 0.0, 0.5], dtype=np.float32)}
    np.testing.assert_allclose(harm(expected, weights), [0.3, 2.0, 0.65])


@given(st.lists(st.text(max_size=30), unique=True, max_size=8))
def test_any_names_at_all_get_one_positive_weight_each_in_order(categories: list[str]) -> None:
    for preset in PRESETS:
        weights, warnings = resolve(preset, None, categories)
        assert [weight.category for weight in weights] == categories
        assert all(weight.use != is_enforcement_driven(weight.category) for weight in weights)
        assert all((weight.value > 0) == weight.use for weight in weights)
        told = sum(weight.basis.endswith("lowest value") or not weight.use for weight in weights)
        assert len(warnings) == told


DRUGS = "Narcotics / Drug Law Violations"


def test_what_reflects_where_police_look_counts_with_a_written_reason_alone() -> None:
    (robbery, drugs), warnings = resolve("rand", None, ["Robbery", DRUGS])
    assert robbery.use
    assert not drugs.use
    assert drugs.value == 0
    assert "does not count" in warnings[0]
    with pytest.raises(InputError, match="without a reason") as caught:
        resolve("rand", [{"category": DRUGS, "use": "yes", "reason": "  "}], ["Robbery", DRUGS])
    assert "Write down why" in caught.value.hint
    rows = [{"category": DRUGS, "use": "yes", "reason": "Residents' survey of May, question 4"}]
    (_, drugs), warnings = resolve("rand", rows, ["Robbery", DRUGS])
    assert drugs.use
    assert drugs.value > 0
    assert drugs.reason == "Residents' survey of May, question 4"
    assert any("question 4" in each for each in warnings)


@pytest.mark.parametrize("said", ["no", "No", False, "0", "off"])
def test_any_category_can_be_switched_off(said: object) -> None:
    (robbery, theft), _ = resolve("rand", [{"category": "Robbery", "use": said}], ["Robbery", "Theft"])
    assert (robbery.use, robbery.value) == (False, 0.0)
    assert robbery.severity > theft.severity > 0
    expected = {"Robbery": np.array([5.0]), "Theft": np.array([1.0])}
    assert harm(expected, [robbery, theft])[0] == theft.value


def test_a_switch_that_is_neither_yes_nor_no_is_told() -> None:
    with pytest.raises(InputError, match="weights table says use = “maybe” for “Robbery”"):
        resolve("rand", [{"category": "Robbery", "use": "maybe"}], ["Robbery"])


def test_the_published_law_has_the_very_numbers_of_the_code() -> None:
    """docs/law.md is what people read; it must not drift from what is computed."""
    text = (Path(__file__).resolve().parents[2] / "docs" / "law.md").read_text(encoding="utf-8")
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if line.startswith("|")]
    severity = {row[0]: row[1:] for row in rows if len(row) == 4}
    preventability = {
        name: float(row[1]) for row in rows if len(row) == 3 and row[1][:2] == "0." for name in row[0].split(", ")
    }
    for key, kind in KINDS.items():
        assert preventability[kind.label] == kind.preventability
        for preset, cell in zip(PRESETS.values(), severity[kind.label], strict=True):
            stated = None if cell == "–" else float(cell.split()[0].replace(",", ""))
            assert stated == preset.severity.get(key)
    assert preventability["anything else"] == OTHER_PREVENTABILITY
