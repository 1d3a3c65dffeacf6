"""Fields and layers that no forecast may be made from: who people are, rather than what a place is like.

Judged by the name alone, in English and by the codes of the United States census. It is a guard against mistakes,
not against ill will: whoever renames a field or layer can pass it.
"""

from __future__ import annotations

import re

_MEASURES = (
    r"(?:pct|perc|percent|prop|share|rate|pop|population|num|count|total|tot|non|not|nh|non_?hispanic|med|median)"
)


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_WORDS: dict[str, frozenset[str]] = {
    "the race, ethnicity or origin of residents": _words(
        """
        race races racial ethnic ethnicity ethnicities white whites black blacks asian asians hispanic
        hispanics latino latinos latina latinx hisp african africans caucasian indigenous aian nhpi
        native_american native_americans american_indian pacific_islander nonwhite minority minorities
        bipoc multiracial biracial two_or_more_races african_american pct_blk blk_pct citizen citizens
        citizenship noncitizen noncitizens immigrant immigrants immigration foreign_born ancestry nativity
        nationality language_spoken arab arabs
        """
    ),
    "the religion of residents": _words(
        """
        religion religions religious faith denomination christian christians catholic catholics protestant
        protestants evangelical evangelicals mormon mormons jewish jew jews judaism muslim muslims islam
        islamic hindu hindus buddhist buddhists sikh sikhs atheist atheists
        """
    ),
    "the education of residents": _words(
        """
        education educational educated educ edu attainment bachelor bachelors graduate graduates grads
        diploma diplomas college_degree college_degrees degree_holders some_college less_than_high_school
        less_high_school no_high_school high_school_or hs_grad no_hs literacy illiterate dropout dropouts
        """
    ),
    "who owns and who rents a home": _words(
        """
        owner owners homeowner homeowners homeownership home_ownership ownership_rate owned_homes
        owned_units owner_occ ownerocc owneroccupied own_occ tenure renter renters renter_occ
        renteroccupied rental_units rental_households mortgage mortgages
        """
    ),
    "single persons": _words(
        """
        first_name firstname last_name lastname surname given_name givenname middle_name full_name
        fullname maiden_name victim_name suspect suspects offender offenders offender_id arrestee
        arrestees defendant defendants inmate inmates parolee parolees probationer probationers dob
        birth_date birthdate birthday date_of_birth birth_year ssn social_security person_id personid
        people_id passport_number driver_license drivers_license licence_plate license_plate plate_number
        phone_number email gang_member gang_members fingerprint mugshot
        """
    ),
}
_CENSUS_TABLES = (
    (re.compile(r"[bc]0[2-7]\d{3}[a-z]*|s05\d\d|[bc]16\d{3}"), "the race, ethnicity or origin of residents"),
    (re.compile(r"[bcs]\d{5}[a-i]"), "the race, ethnicity or origin of residents"),
    (re.compile(r"[bc]1[45]\d{3}|s1[45]\d\d"), "the education of residents"),
    (re.compile(r"b250(0[3789]|1[0-5]|2[67]|3[2-8]|4[2-6]|8[1-9]|9[1-8])|s250[2-4]"), "who owns and who rents a home"),
)
_LONGEST_PHRASE = 4


def reason(name: str) -> str:
    """What a field, layer or kind of this name is about that must not steer patrols; empty where it may be used.

    >>> reason("PctHispanic")
    'the race, ethnicity or origin of residents'
    """
    tokens = _tokens(name)
    for pattern, what in _CENSUS_TABLES:
        if any(pattern.fullmatch(token) for token in tokens):
            return what
    bare = [_bare(token) for token in tokens]
    for words in (tokens, bare):
        phrases = {
            "_".join(words[begin : begin + length])
            for begin in range(len(words))
            for length in range(1, _LONGEST_PHRASE + 1)
        }
        for what, listed in _WORDS.items():
            if phrases & listed:
                return what
    return ""


def _tokens(name: str) -> list[str]:
    """The words of a name: ``"PctOwnerOcc_2020"`` has pct, owner, occ; census codes stay whole."""
    spaced = re.sub(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", " ", name)
    words = [word.lower() for word in re.split(r"[^A-Za-z0-9]+", spaced) if word]
    # An estimate's name is its table's with a line number: B03002_012E, B15003e22.
    codes = [match[0] for word in words if (match := re.match(r"[bcs]\d{4,5}[a-i]?(?=e?\d*$|$)", word))]
    letters = [part for word in words for part in re.findall(r"[a-z]+", word)]
    return letters + codes


def _bare(word: str) -> str:
    """A word without the measure that it is run together with: ``"pctblack"`` is black."""
    return re.sub(rf"^{_MEASURES}|{_MEASURES}$", "", word)
