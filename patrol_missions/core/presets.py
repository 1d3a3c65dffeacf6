"""Published severities per kind of crime, and the words by which a planning category is recognised as such a kind.

Pure data, so that QGIS can list the presets before the engine is installed; the arithmetic is in
``core.weights``. Only the ratios within one preset matter: units differ between presets and cancel when
cells are compared.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Preset:
    """One published scale of severity: cost or harm of one incident per kind of crime."""

    key: str
    label: str
    source: str
    year: int
    unit: str
    severity: Mapping[str, float]


@dataclass(frozen=True)
class Kind:
    """A kind of crime: the default share of it that visible patrol can deter, and phrases that name it.

    A phrase matches when all its words occur in the category's name, in any order; the phrase with the most words
    wins, and between equals the kind listed first.
    """

    label: str
    preventability: float
    why: str
    phrases: tuple[str, ...]


# Preventability is our judgement, not a measurement: trials of patrol at hot spots report reductions of roughly 8-16 %
# over all crime (Braga & Weisburd 2022), too coarse to rank kinds of crime. What decides here is where the crime
# happens (street or indoors), whether it can be seen from a patrol car, and how much it is of the moment.
KINDS: Mapping[str, Kind] = {
    "homicide": Kind(
        "homicide", 0.2, "often between people who know each other, much of it indoors",
        ("homicide", "murder", "manslaughter", "unlawful killing"),
    ),
    "rape": Kind(
        "rape and sexual assault", 0.1, "mostly indoors and between people who know each other",
        ("rape", "sexual assault", "sexual offence", "sexual offense", "sex offence", "sex offense", "sex assault",
         "sexual"),
    ),
    "robbery": Kind(
        "robbery", 0.5, "in public space, by offenders who watch who is near",
        ("robbery", "mugging", "carjacking", "hold up", "holdup"),
    ),
    "simple_assault": Kind(
        "simple assault", 0.3, "part of it in public space, mostly of the moment",
        ("simple assault", "common assault", "other assault", "minor assault", "assault without injury",
         "violence without injury", "battery simple"),
    ),
    "aggravated_assault": Kind(
        "aggravated assault", 0.3, "part of it in public space, mostly of the moment",
        ("aggravated assault", "felony assault", "serious assault", "aggravated battery", "assault", "battery",
         "shooting", "gunfire", "gun violence", "stabbing", "wounding", "grievous bodily harm",
         "violence with injury", "violence", "violent crime"),
    ),
    "theft_from_vehicle": Kind(
        "theft from a vehicle", 0.5, "in the street, in view, by offenders who pick their moment",
        ("theft from vehicle", "theft from motor vehicle", "theft from auto", "theft from car", "larceny from vehicle",
         "larceny from auto", "vehicle break in", "car break in", "auto break in", "burglary from vehicle",
         "car prowl", "tfv", "theft of vehicle part"),
    ),
    "vehicle_theft": Kind(
        "motor vehicle theft", 0.5, "in the street, in view, by offenders who pick their moment",
        ("motor vehicle theft", "vehicle theft", "auto theft", "car theft", "stolen vehicle", "stolen car", "mvt",
         "theft of vehicle", "theft of motor vehicle", "theft of auto", "theft of car", "grand theft auto",
         "vehicle crime", "joyriding"),
    ),
    "burglary": Kind(
        "burglary", 0.4, "indoors, but the way in and out is often in view",
        ("burglary", "break and enter", "breaking and entering", "break and entering", "breaking entering",
         "house breaking", "housebreaking"),
    ),
    "theft": Kind(
        "theft", 0.3, "much of it inside shops and buildings",
        ("theft", "larceny", "stealing", "shoplifting", "pickpocket", "pickpocketing", "purse snatching",
         "bicycle theft", "bike theft", "theft from person"),
    ),
    "arson": Kind("arson", 0.3, "part of it in view, rare", ("arson", "fire setting")),
    "vandalism": Kind(
        "vandalism", 0.4, "in view, of the moment",
        ("vandalism", "criminal damage", "criminal mischief", "graffiti", "damage to property", "property damage",
         "malicious mischief"),
    ),
}  # fmt: skip

OTHER_PREVENTABILITY = 0.3
"""Default share that patrol can deter of a category that is none of :data:`KINDS`."""

PRESETS: Mapping[str, Preset] = {
    preset.key: preset
    for preset in (
        Preset(
            "rand",
            "RAND cost of crime (2007 US dollars)",
            "RAND Cost of Crime Calculator, after P. Heaton, Hidden in Plain Sight (RAND OP-279, 2010): cost to "
            "victims and society of one crime in 2007 US dollars. RAND's infographic IG105 (2014) repeats aggravated "
            "assault and motor vehicle theft in 2010 dollars, both 5 % higher. Theft from a vehicle counts as larceny.",
            2010,
            "US dollars of 2007",
            {
                "homicide": 8_649_216.0,
                "rape": 217_866.0,
                "aggravated_assault": 87_238.0,
                "robbery": 67_277.0,
                "burglary": 13_096.0,
                "vehicle_theft": 9_079.0,
                "theft": 2_139.0,
                "theft_from_vehicle": 2_139.0,
            },
        ),
        Preset(
            "sentence_days",
            "Sentence days, Cambridge style (approximate)",
            "In the manner of the Cambridge Crime Harm Index (Sherman, Neyroud & Neyroud, Policing 10(3), 2016): days "
            "of prison at the starting point of the sentencing guidelines of England and Wales for a first offender. "
            "Approximate: one rounded value per broad kind, not copied from the index, which has over 700 offences; "
            "enter the values of its current table for your own categories where they matter. The index leaves out "
            "crimes that police find by themselves.",
            2016,
            "days of prison",
            {
                "homicide": 5_475.0,
                "rape": 1_825.0,
                "robbery": 365.0,
                "aggravated_assault": 182.0,
                "arson": 182.0,
                "burglary": 91.0,
                "vehicle_theft": 20.0,
                "theft": 10.0,
                "theft_from_vehicle": 10.0,
                "simple_assault": 10.0,
                "vandalism": 5.0,
            },
        ),
        Preset(
            "police_cost",
            "Police labour cost (US dollars, Texas)",
            "Hunt, Saunders & Kilmer, Estimates of Law Enforcement Costs by Crime Type for Benefit-Cost Analyses, "
            "Journal of Benefit-Cost Analysis 10(1), 2019: variable cost of the police response to one crime, for "
            "Texas as used by A. P. Wheeler for hot spots in Dallas. Theft from a vehicle counts as theft.",
            2019,
            "US dollars",
            {
                "homicide": 124_353.0,
                "aggravated_assault": 8_292.0,
                "robbery": 2_229.0,
                "burglary": 1_185.0,
                "theft": 1_024.0,
                "theft_from_vehicle": 1_024.0,
                "vehicle_theft": 769.0,
            },
        ),
    )
}

DEFAULT_PRESET = "rand"
