"""Fields that may not steer patrols, told by their names."""

from __future__ import annotations

import pytest

from patrol_missions.core.withheld import reason

ORIGIN, EDUCATION = "the race, ethnicity or origin of residents", "the education of residents"
HOMES, RELIGION, PERSONS = "who owns and who rents a home", "the religion of residents", "single persons"
PLACES = """
population total_pop median_income B01003_001E B19013_001E B25001_001E B25002_003E vacancy_percent VAC_COUNT
workers schools_count_250m high_school_nearest_m elementary_school colleges university_density_500m
poverty_rate unemployed housing_units litter SCORE trace landrace bars restaurants street_length_m
intersections temperature GROSS_AREA blockgroup church_count_250m median_age rents city_owned_lots
"""


@pytest.mark.parametrize(
    ("fields", "what"),
    [
        ("Race RACE_BLACK PctBlack pctblack PCTWHITE pop_asian nonwhite NH_White HISPANIC_LATINO foreign_born", ORIGIN),
        ("Minority_Area B03002_012E B02001e2 B01001H_001 B19013B_001E B05002_013 C16002_002 two_or_more_races", ORIGIN),
        (
            "edu_attainment bachelors_degree PctBachelor hs_grad_rate less_than_high_school B15003_022E S1501_C01",
            EDUCATION,
        ),
        ("owner_occupied PctOwnerOcc homeownership_rate renter_share tenure B25003_002E ownerocc MORTGAGES", HOMES),
        ("pct_muslim religion CATHOLICS jewish_population", RELIGION),
        ("date_of_birth DOB FirstName offender_id parolees victim_name SSN LICENSE_PLATE", PERSONS),
    ],
)
def test_fields_about_people_are_withheld(fields: str, what: str) -> None:
    assert {name: reason(name) for name in fields.split()} == dict.fromkeys(fields.split(), what)


def test_fields_about_places_are_not() -> None:
    assert [name for name in PLACES.split() if reason(name)] == []


def test_a_name_without_words_is_no_reason() -> None:
    assert [reason(name) for name in ("", "_", "2020", "é", "🏠")] == [""] * 5
