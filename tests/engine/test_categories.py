"""Raw crime types to planning categories: suggestions, saved mappings, and what may not be switched on silently."""

from __future__ import annotations

import pytest

from patrol_missions.core.errors import InputError
from patrol_missions.engine.data.categories import map_all, suggest


@pytest.mark.parametrize(
    ("category", "raws"),
    [
        ("Robbery", ["Robbery Firearm", "ATTEMPTED ROBBERY", "Carjacking", "robbery - armed (weapon)", "ROBB"]),
        (
            "Aggravated assault",
            [
                "Aggravated Assault No Firearm",
                "FELONY ASSAULT",
                "AGG ASLT",
                "ASSAULT W/DANGEROUS WEAPON",
                "Assault: knife",
                "SHOTS FIRED AT INHABITED DWELLING",
                "Shooting",
            ],
        ),
        ("Assault", ["ASSAULT"]),
        ("Burglary", ["Burglary Non-Residential", "B&E", "BREAKING AND ENTERING", "Unlawful Entry", "HOME INVASION"]),
        (
            "Motor vehicle theft",
            ["Motor Vehicle Theft", "VEHICLE - STOLEN", "GRAND LARCENY OF MOTOR VEHICLE", "Theft (auto)", "MVT", "GTA"],
        ),
        (
            "Theft from vehicle",
            [
                "Theft from Vehicle",
                "BURGLARY FROM VEHICLE",
                "THEFT F/AUTO",
                "Auto Burglary",
                "BREAKING & ENTERING AUTO",
                "TFMV",
                "Larceny - From Vehicle",
            ],
        ),
        (
            "Theft",
            [
                "Thefts",
                "PETIT LARCENY",
                "Bicycle theft",
                "Shoplifting",
                "THEFT - RETAIL",
                "LARCENY-NON VEHICLE",
                "Theft from the person",
            ],
        ),
    ],
)
def test_victim_reported_street_crime_is_on(category: str, raws: list[str]) -> None:
    for raw in raws:
        mapped = suggest(raw)
        assert (mapped.category, mapped.use, mapped.enforcement) == (category, True, False), raw


@pytest.mark.parametrize(
    "raw",
    [
        "Narcotic / Drug Law Violations",
        "NARCOTICS",
        "POSSESSION OF MARIJUANA",
        "Prostitution and Commercialized Vice",
        "DRIVING UNDER THE INFLUENCE",
        "DUI",
        "VEHICLE AND TRAFFIC LAWS",
        "Weapon Violations",
        "Possession of weapons",
        "Gambling Violations",
        "Liquor Law Violations",
        "Disorderly Conduct",
        "Anti-social behaviour",
        "Vagrancy/Loitering",
        "Public Drunkenness",
        "Warrant - Bench",
        "Receiving Stolen Property",
        "TRESPASSING",
        "RESISTING ARREST",
        "ASSAULT WITH DEADLY WEAPON ON POLICE OFFICER",
    ],
)
def test_what_police_find_by_themselves_is_off_with_the_reason(raw: str) -> None:
    mapped = suggest(raw)
    assert mapped.enforcement and not mapped.use
    assert "where they have been" in mapped.reason


@pytest.mark.parametrize(
    "raw",
    [
        "Fraud",
        "Embezzlement",
        "THEFT OF IDENTITY",
        "Offenses Against Family and Children",
        "Rape",
        "Other Assaults",
        "Vandalism",
        "Arson",
        "All Other Offenses",
        "Homicide - Justifiable",
        "Homicide - Criminal",
        "MURDER & NON-NEGL. MANSLAUGHTER",
        "Violence and sexual offences",
    ],
)
def test_other_types_are_off_with_a_reason_but_may_be_switched_on(raw: str) -> None:
    mapped = suggest(raw)
    assert not mapped.use and not mapped.enforcement and mapped.reason
    assert map_all([raw], [{"raw": raw, "category": "Mine", "use": "yes", "reason": ""}])[0].use


def test_what_is_not_recognised_or_blank_says_so() -> None:
    assert suggest("0610").reason == suggest("Ω≈ç").reason == "Not recognised; map it to a category to use it."
    assert suggest(" ").reason == "The record has no crime type."


def test_saved_mapping_wins_and_new_types_are_marked() -> None:
    saved = [
        {"raw": "Thefts", "category": "Stealing", "use": "yes", "reason": ""},
        {"raw": "BURGLARY", "category": "Burglary", "use": "no", "reason": "Handled by another unit."},
    ]
    thefts, loose, burglary, new = map_all(["Thefts", " thefts ", "BURGLARY", "Robbery"], saved)
    assert (thefts.category, thefts.use, thefts.saved) == ("Stealing", True, True)
    assert (loose.raw, loose.category) == (" thefts ", "Stealing")
    assert (burglary.use, burglary.reason) == (False, "Handled by another unit.")
    assert new.use and not new.saved


@pytest.mark.parametrize("reason", ["", "   ", suggest("Narcotics").reason])
def test_enforcement_driven_types_need_a_reason_of_the_users_own(reason: str) -> None:
    with pytest.raises(
        InputError, match="uses “Narcotics”, which police find mostly by their own activity, without a reason"
    ):
        map_all(["Narcotics"], [{"raw": "Narcotics", "category": "Robbery", "use": "yes", "reason": reason}])
    with pytest.raises(InputError, match="without a reason"):
        map_all(["35A"], [{"raw": "35A", "category": "Drugs", "use": "yes", "reason": reason}])
    mapped = map_all(
        ["Narcotics"],
        [{"raw": "Narcotics", "category": "Drugs", "use": True, "reason": "Residents' calls only, council 2024-05."}],
    )[0]
    assert mapped.use and mapped.enforcement and mapped.reason.startswith("Residents")


def test_sentences_for_bad_mappings() -> None:
    row = {"raw": "A", "category": "Theft", "use": "yes", "reason": ""}
    with pytest.raises(InputError, match="use = “perhaps” for “A”"):
        map_all(["A"], [{**row, "use": "perhaps"}])
    with pytest.raises(InputError, match="uses “A” without a category"):
        map_all(["A"], [{**row, "category": " "}])
    with pytest.raises(InputError, match="“A” twice"):
        map_all(["A"], [row, {**row, "use": "no"}])
    assert map_all(["A"], [row, row])[0].use
    assert not map_all(["A"], [{**row, "use": None}])[0].use


def test_a_mapping_used_again_gives_the_same_whatever_the_texts() -> None:
    odd = [
        'say "hi", she; said',
        "🚗 theft",
        "Vol à l’étalage",
        "two\nlines",
        "'",
        "=SUM(A1)",
        "  padded  ",
        "",
        *(f"type {i:04d}" for i in range(1000)),
    ]
    table = map_all(odd)
    rows = [{"raw": m.raw, "category": m.category, "use": "yes" if m.use else "no", "reason": m.reason} for m in table]
    again = map_all(odd, rows)
    assert [(m.raw, m.category, m.use) for m in again] == [(m.raw, m.category, m.use) for m in table]
    assert all(m.saved for m in again)
