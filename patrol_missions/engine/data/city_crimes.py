"""The crime of the sample city as a table of facts: categories, when and where each happens, and how it repeats.

None of the numbers is measured; they are set so that the city has what real histories have: places that draw certain
crimes at certain hours, seasons, weekends, patches without visible cause, and near repeats.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

Bump = tuple[float, float, float]
"""Hour of the peak, width in hours (standard deviation), height."""


@dataclass(frozen=True)
class Clock:
    """A rhythm of the week: a floor of 1 plus bumps over the day, and a factor by day of the week.

    Days begin at 06:00, so that the small hours belong to the evening before.

    :param weekday: bumps of ordinary days
    :param weekend: bumps of the days off
    :param days: factors Monday to Sunday
    :param days_off: which days have the bumps of ``weekend``, 0 = Monday
    """

    weekday: tuple[Bump, ...]
    weekend: tuple[Bump, ...]
    days: tuple[float, ...] = (1.0,) * 7
    days_off: tuple[int, ...] = (5, 6)


CLOCKS: Mapping[str, Clock] = {
    "shopping": Clock(
        ((13.0, 2.5, 8.0), (17.5, 2.0, 9.0)), ((14.5, 3.0, 12.0),), (0.95, 0.95, 1.0, 1.0, 1.15, 1.2, 0.75)
    ),
    "nightlife": Clock(
        ((22.5, 2.0, 6.0),), ((24.5, 2.0, 22.0), (21.0, 2.0, 6.0)), (0.5, 0.55, 0.65, 0.85, 1.6, 1.9, 0.95), (4, 5)
    ),
    "street": Clock(((20.5, 3.0, 9.0),), ((22.0, 3.0, 11.0),), (0.95, 0.95, 0.95, 1.0, 1.1, 1.1, 0.95), (4, 5)),
    "school": Clock(((15.3, 0.8, 22.0), (8.0, 0.7, 6.0)), ((16.0, 3.0, 1.0),), (1.25, 1.25, 1.25, 1.25, 1.2, 0.4, 0.4)),
    "overnight": Clock(((26.5, 2.5, 9.0),), ((26.0, 3.0, 9.0),), (1.0, 1.0, 1.0, 1.0, 1.05, 1.0, 0.9)),
    "working day": Clock(
        ((10.5, 2.5, 11.0), (14.5, 2.0, 7.0)), ((19.0, 3.5, 6.0),), (1.1, 1.1, 1.1, 1.1, 1.1, 0.8, 0.7)
    ),
    "home": Clock(((19.5, 3.5, 5.0),), ((21.0, 4.0, 6.5),), (0.95, 0.92, 0.92, 0.95, 1.05, 1.1, 1.11), (4, 5)),
    "office": Clock(((11.0, 2.5, 14.0), (9.0, 0.4, 8.0)), ((12.0, 3.0, 4.0),), (1.25, 1.2, 1.2, 1.15, 1.2, 0.6, 0.4)),
}


@dataclass(frozen=True)
class Component:
    """One way in which a category comes about.

    :param share: of the category's background
    :param clock: when, by name in ``CLOCKS``
    :param places: coefficient of the log density of each kind of place
    :param residents: exponent of the people who live there
    :param workers: exponent of the people who work there
    """

    share: float
    clock: str
    places: Mapping[str, float] = field(default_factory=dict)
    residents: float = 0.0
    workers: float = 0.0


@dataclass(frozen=True)
class Crime:
    """One category.

    :param label: planning category, or what the category is called when it is none
    :param planned: whether missions are planned for it and the truth tells it
    :param share: of all incidents
    :param components: where and when
    :param offspring: near repeats per incident
    :param decay_days: mean time to a near repeat
    :param spread_m: distance of a near repeat, standard deviation along each axis
    :param season: height of the yearly wave of the log rate
    :param season_peak: day of the year of its crest
    :param trend: change of the log rate per year
    :param poverty: effect on the log rate of vacancy and low income, per standard deviation
    :param patchiness: standard deviation of the log rate that no visible thing explains
    :param crowd: events: rise of the city's rate for 10,000 visitors, felt near the venue only
    :param raw: raw texts of the agency and their shares
    """

    label: str
    planned: bool
    share: float
    components: tuple[Component, ...]
    offspring: float
    decay_days: float
    spread_m: float
    season: float
    season_peak: int
    trend: float
    poverty: float
    patchiness: float
    crowd: float
    raw: Mapping[str, float]


CRIMES: tuple[Crime, ...] = (
    Crime(
        "Theft", True, 0.205,
        (
            Component(0.60, "shopping", {"shop": 1.15, "transit stop": 0.15, "parking": 0.15}, workers=0.15),
            Component(0.15, "nightlife", {"bar": 1.3}),
            Component(0.25, "home", {}, residents=0.7),
        ),
        0.10, 10.0, 200.0, 0.10, 200, 0.02, 0.15, 0.65, 0.10,
        {"THEFT - RETAIL": 0.38, "THEFT - ALL OTHERS": 0.34, "THEFT OF PACKAGE": 0.16,
         "THEFT - PURSE / PICKPOCKET": 0.08, "LARCENY FROM BLDG": 0.04},
    ),
    Crime(
        "Theft from vehicle", True, 0.150,
        (
            Component(0.60, "overnight", {"parking": 0.25}, residents=0.6),
            Component(0.25, "shopping", {"parking": 1.1, "shop": 0.3, "park": 0.3}),
            Component(0.15, "nightlife", {"bar": 0.6, "parking": 0.4}),
        ),
        0.30, 5.0, 250.0, 0.08, 300, 0.05, 0.08, 0.75, 0.18,
        {"THEFT FROM VEHICLE": 0.72, "THEFT OF VEH PARTS - CATALYTIC CONVERTER": 0.16,
         "BREAKING & ENTERING AUTO": 0.12},
    ),
    Crime(
        "Motor vehicle theft", True, 0.075,
        (
            Component(0.65, "overnight", {"parking": 0.2}, residents=0.6),
            Component(0.35, "street", {"fuel station": 0.5, "transit stop": 0.2, "parking": 0.4}),
        ),
        0.15, 4.0, 300.0, 0.10, 310, 0.08, 0.30, 0.70, 0.03,
        {"MOTOR VEHICLE THEFT": 0.83, "UNAUTHORIZED USE OF MOTOR VEHICLE": 0.17},
    ),
    Crime(
        "Burglary", True, 0.080,
        (
            Component(0.60, "working day", {"school": 0.15}, residents=0.75),
            Component(0.40, "overnight", {"shop": 0.55, "bar": 0.2}),
        ),
        0.25, 8.0, 200.0, 0.12, 215, -0.06, 0.38, 0.75, 0.0,
        {"BURGLARY - RESIDENTIAL / FORCED": 0.44, "BURGLARY - RESIDENTIAL / NO FORCE": 0.22,
         "BURGLARY - COMMERCIAL": 0.26, "BURGLARY - GARAGE / SHED": 0.08},
    ),
    Crime(
        "Robbery", True, 0.055,
        (
            Component(0.35, "nightlife", {"bar": 1.5, "transit stop": 0.45}),
            Component(0.47, "street", {"transit stop": 0.7, "shop": 0.4, "fuel station": 0.7}),
            Component(0.18, "school", {"school": 1.1, "transit stop": 0.4}),
        ),
        0.15, 5.0, 250.0, 0.12, 290, -0.03, 0.42, 0.75, 0.08,
        {"ROBBERY - STREET / NO WEAPON": 0.42, "ROBBERY - STREET / GUN": 0.27, "ROBBERY - BUSINESS": 0.18,
         "CARJACKING": 0.08, "ROBBERY - RESIDENCE": 0.05},
    ),
    Crime(
        "Aggravated assault", True, 0.060,
        (
            Component(0.40, "nightlife", {"bar": 1.6}),
            Component(0.40, "home", {}, residents=0.7),
            Component(0.20, "street", {"transit stop": 0.3, "park": 0.4, "shop": 0.2}),
        ),
        0.20, 10.0, 150.0, 0.20, 200, -0.02, 0.50, 0.75, 0.10,
        {"AGGRAVATED ASSAULT - NO FIREARM": 0.62, "AGGRAVATED ASSAULT - FIREARM": 0.26, "SHOOTING INCIDENT": 0.12},
    ),
    Crime(
        "Simple assault", False, 0.120,
        (Component(0.65, "home", {}, residents=0.7), Component(0.35, "nightlife", {"bar": 1.4})),
        0.10, 10.0, 200.0, 0.15, 200, 0.0, 0.35, 0.45, 0.12,
        {"ASSAULT - SIMPLE": 0.8, "ASSAULT - DOMESTIC / SIMPLE": 0.2},
    ),
    Crime(
        "Vandalism", False, 0.080,
        (Component(0.7, "overnight", {}, residents=0.6), Component(0.3, "school", {"school": 0.7, "park": 0.4})),
        0.20, 6.0, 200.0, 0.12, 180, 0.0, 0.20, 0.45, 0.05,
        {"VANDALISM / CRIMINAL MISCHIEF": 1.0},
    ),
    Crime(
        "Fraud", False, 0.060, (Component(1.0, "office", {}, residents=0.5, workers=0.3),),
        0.02, 10.0, 250.0, 0.03, 60, 0.10, 0.0, 0.30, 0.0,
        {"FRAUD": 0.75, "IDENTITY THEFT": 0.25},
    ),
    Crime(
        "Narcotics", False, 0.045,
        (Component(0.7, "street", {"transit stop": 0.7, "shop": 0.3}), Component(0.3, "nightlife", {"bar": 0.4})),
        0.30, 4.0, 150.0, 0.05, 150, -0.15, 0.60, 0.80, 0.02,
        {"NARCOTICS - POSSESSION": 0.7, "NARCOTICS - SALE / DISTRIBUTION": 0.3},
    ),
    Crime(
        "Driving under the influence", False, 0.015, (Component(1.0, "nightlife", {"bar": 0.5, "fuel station": 0.3}),),
        0.02, 5.0, 250.0, 0.03, 350, 0.0, 0.0, 0.40, 0.05,
        {"DRIVING UNDER THE INFLUENCE": 1.0},
    ),
    Crime(
        "All other offenses", False, 0.053, (Component(1.0, "home", {"transit stop": 0.2}, residents=0.6),),
        0.05, 8.0, 250.0, 0.05, 170, 0.0, 0.25, 0.45, 0.03,
        {"ALL OTHER OFFENSES": 0.82, "DISORDERLY CONDUCT": 0.18},
    ),
    Crime(
        "Homicide", False, 0.002, (Component(1.0, "nightlife", {"bar": 0.5}, residents=0.3),),
        0.05, 15.0, 200.0, 0.20, 200, 0.0, 0.60, 0.60, 0.0,
        {"HOMICIDE - CRIMINAL": 1.0},
    ),
)  # fmt: skip
