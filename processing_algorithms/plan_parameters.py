"""What a plan is asked for, as parameters: those that Allocate missions and Trade-off share, and those of the way."""

from __future__ import annotations

from qgis.core import (
    QgsProcessing,
    QgsProcessingParameterBoolean,
    QgsProcessingParameterFeatureSource,
    QgsProcessingParameterField,
    QgsProcessingParameterMatrix,
    QgsProcessingParameterNumber,
    QgsProcessingParameterString,
)

from patrol_missions.processing_algorithms import dose_limits, plan_circumstances, visits
from patrol_missions.processing_algorithms import parameters as shared
from patrol_missions.processing_algorithms.base import PatrolAlgorithm
from patrol_missions.processing_algorithms.parameters import tr

FORECAST = "FORECAST"
MISSIONS_PER_DISTRICT = "MISSIONS_PER_DISTRICT"
QUOTAS = "QUOTAS"
HARM_KEPT = "HARM_KEPT"
DOSE_MINUTES = "DOSE_MINUTES"
SEED = "SEED"
WEIGHTS_PRESET = "WEIGHTS_PRESET"
WEIGHTS = "WEIGHTS"
WEIGHTS_VERSION = "WEIGHTS_VERSION"
VISITS = "VISITS"
MIND_DOSES = "MIND_DOSES"
LIMITS = "LIMITS"
OVERRIDES = "OVERRIDES"
EXPLORATION = "EXPLORATION"
CONTROL = "CONTROL"
AREA_SHARE = "AREA_SHARE"
AREA_HARM_RATIO = "AREA_HARM_RATIO"
AREA_MINUTES_PER_1000 = "AREA_MINUTES_PER_1000"
UNITS = "UNITS"
MOST_MISSIONS = "MOST_MISSIONS"
VISITS_PER_MISSION = "VISITS_PER_MISSION"
REVISIT_GAP_MINUTES = "REVISIT_GAP_MINUTES"
SPEED_KMH = "SPEED_KMH"
STREETS = "STREETS"
STREET_SPEED_FIELD = "STREET_SPEED_FIELD"
TIME_ZONE = "TIME_ZONE"

AREA_LIMITS = (AREA_SHARE, AREA_HARM_RATIO, AREA_MINUTES_PER_1000)
"""Limits of neighbourhoods."""

AS_IN_FORECAST = "As in the forecast"
"""The choice that keeps the forecast's own harm (stored in models and scripts)."""

_WHOLE, _REAL = QgsProcessingParameterNumber.Type.Integer, QgsProcessingParameterNumber.Type.Double


def add_numbers(algorithm: PatrolAlgorithm) -> None:
    """Declare the forecast, and how many missions each district gets."""
    algorithm.add(
        QgsProcessingParameterFeatureSource(
            FORECAST, tr("Risk forecast"), [QgsProcessing.SourceType.TypeVectorPolygon]
        ),
        tr("Forecast made by Forecast risk, of one or more shifts."),
    )
    algorithm.add(
        QgsProcessingParameterNumber(
            MISSIONS_PER_DISTRICT, tr("Missions per district and shift"), _WHOLE, 3, False, 0, 1000
        ),
        tr("How many cells each district gets in each shift."),
    )
    headers = [tr("District"), tr("Missions")]
    algorithm.add(
        QgsProcessingParameterMatrix(QUOTAS, tr("Missions by district"), 0, False, headers, [], True),
        tr("Districts with another number of missions, as rows of district and number."),
    )


def add_harm_kept(algorithm: PatrolAlgorithm) -> None:
    """Declare how much harm the draw keeps."""
    algorithm.add(
        QgsProcessingParameterNumber(HARM_KEPT, tr("Harm kept (%)"), _REAL, 90.0, False, 1.0, 100.0),
        tr(
            "Harm covered on average, as a share of what the highest cells would cover. Lower reaches more places "
            "and is harder to predict; 100 takes the highest cells as far as the 95 % ceiling on any one cell "
            "allows."
        ),
        decimals=1,
    )


def add_dose_and_seed(algorithm: PatrolAlgorithm) -> None:
    """Declare how long a visit is, and the seed."""
    algorithm.add(
        QgsProcessingParameterNumber(DOSE_MINUTES, tr("Minutes per mission"), _REAL, 15.0, False, 1.0, 480.0),
        tr("How long a visit should last. Studies of patrol at hot spots found about 15 minutes to do the most."),
        decimals=1,
    )
    algorithm.add(
        QgsProcessingParameterNumber(SEED, tr("Seed"), _WHOLE, 1, False, 0, 2**31 - 1),
        tr("The same seed on the same forecast gives the same plan; take another for another draw."),
    )


def add_circumstances(algorithm: PatrolAlgorithm) -> None:
    """Declare weights, doses, overrides, exploration, controls and the limits of neighbourhoods."""
    algorithm.add(
        shared.preset(WEIGHTS_PRESET, (AS_IN_FORECAST,)),
        tr("What one incident of each category counts; “As in the forecast” keeps the forecast's harm."),
        advanced=True,
    )
    algorithm.add(shared.weights(WEIGHTS), shared.weights_help(), advanced=True)
    _add_doses(algorithm)
    _add_judgement(algorithm)
    _add_areas(algorithm)


def _add_doses(algorithm: PatrolAlgorithm) -> None:
    algorithm.add(visits.parameter(VISITS), visits.parameter_help())
    algorithm.add(
        QgsProcessingParameterBoolean(MIND_DOSES, tr("Mind doses"), False),
        tr(
            "Whether missions of one shift count as patrol for the next, so that cells rest when they had enough. "
            "With visits of patrol it is always so."
        ),
    )
    algorithm.add(dose_limits.parameter(LIMITS), dose_limits.parameter_help(), advanced=True)
    dose_limits.add_rests(algorithm)


def _add_judgement(algorithm: PatrolAlgorithm) -> None:
    algorithm.add(
        QgsProcessingParameterFeatureSource(
            OVERRIDES, tr("Overrides"), [QgsProcessing.SourceType.TypeVector], None, True
        ),
        tr(
            "Decisions of people, a row each: the fields kind (suppress, add, lock, move or box), reason and "
            "author; cell_id for the cell, to_cell_id for the one that a mission is moved to; perhaps shift, "
            "valid_from and valid_to (UTC). Without cell_id the cell to suppress, add or lock is the one under the "
            "middle of the shape. A box is a polygon and counts as one mission of its district."
        ),
    )
    algorithm.add(
        QgsProcessingParameterNumber(EXPLORATION, tr("Exploration (%)"), _REAL, 0.0, False, 0.0, 50.0),
        tr("Share of the missions that is spread evenly over all open cells, so that quiet ones are seen, too."),
        advanced=True,
        decimals=1,
    )
    algorithm.add(
        QgsProcessingParameterNumber(CONTROL, tr("Controls (%)"), _REAL, 0.0, False, 0.0, 50.0),
        tr(
            "Share of the drawn cells that get no mission, by lot, so that the effect of missions can be told. "
            "They are drawn beside the missions, which stay as many."
        ),
        advanced=True,
        decimals=1,
    )


def _add_areas(algorithm: PatrolAlgorithm) -> None:
    plan_circumstances.add_neighbourhoods(algorithm, tr("Areas that limits are for."))
    algorithm.add(
        QgsProcessingParameterNumber(
            AREA_SHARE, tr("Most missions in a neighbourhood (%)"), _REAL, None, True, 0.0, 100.0
        ),
        tr("Largest share of a shift's missions in one neighbourhood; blank for no limit."),
        advanced=True,
        decimals=1,
    )
    algorithm.add(
        QgsProcessingParameterNumber(AREA_HARM_RATIO, tr("Most missions against harm"), _REAL, None, True, 0.0, 1000.0),
        tr(
            "Largest share of the missions in a neighbourhood over its share of expected harm: 1.5 allows half as "
            "many again as its harm would give it; blank for no limit."
        ),
        advanced=True,
        decimals=2,
    )
    algorithm.add(
        QgsProcessingParameterNumber(
            AREA_MINUTES_PER_1000, tr("Most minutes per 1,000 people"), _REAL, None, True, 0.0, 100_000.0
        ),
        tr(
            "Most minutes of patrol per 1,000 people of a neighbourhood in seven days; blank for no limit, and none "
            "below 50 people. Patrol and missions before the shift count with visits of patrol, or Mind doses; "
            "otherwise each shift counts alone."
        ),
        advanced=True,
        decimals=1,
    )


def add_units(algorithm: PatrolAlgorithm) -> None:
    """Declare the units, and what each takes."""
    algorithm.add(
        QgsProcessingParameterFeatureSource(UNITS, tr("Units"), [QgsProcessing.SourceType.TypeVector], None, True),
        tr(
            "Patrol units, a row each: the fields unit, district and minutes (for missions in a shift), perhaps "
            "shift. Districts get as many missions as their units have time for, and each mission its unit."
        ),
        advanced=True,
    )
    algorithm.add(
        QgsProcessingParameterNumber(MOST_MISSIONS, tr("Most missions of a unit"), _WHOLE, 3, False, 1, 100),
        tr("Missions that one unit takes in a shift at most; where missions have several visits, visits."),
        advanced=True,
    )
    algorithm.add(
        QgsProcessingParameterNumber(VISITS_PER_MISSION, tr("Visits per mission"), _WHOLE, 1, False, 1, 10),
        tr("How often each mission is visited in its shift, each time for as long as the minutes per mission say."),
        advanced=True,
    )


def add_travel(algorithm: PatrolAlgorithm) -> None:
    """Declare how far visits of a mission are apart, and how units get from mission to mission."""
    algorithm.add(
        QgsProcessingParameterNumber(
            REVISIT_GAP_MINUTES, tr("Minutes between visits of a mission"), _REAL, 120.0, False, 0.0, 1440.0
        ),
        tr("From the end of one visit of a mission to the begin of its next one at least."),
        advanced=True,
        decimals=1,
    )
    algorithm.add(
        QgsProcessingParameterNumber(SPEED_KMH, tr("Speed of travel (km/h)"), _REAL, 30.0, False, 1.0, 200.0),
        tr(
            "How fast units get from mission to mission where streets say nothing else. Without streets a way is the "
            "straight line and 30 % more."
        ),
        advanced=True,
        decimals=1,
    )
    lines = [QgsProcessing.SourceType.TypeVectorLine]
    algorithm.add(
        QgsProcessingParameterFeatureSource(STREETS, tr("Streets"), lines, None, True),
        tr(
            "Lines of streets along which units get from mission to mission; not used without units. Streets are "
            "connected where their lines share a vertex, so a bridge is no crossing, and are open both ways."
        ),
        advanced=True,
    )
    numeric = QgsProcessingParameterField.DataType.Numeric
    algorithm.add(
        QgsProcessingParameterField(
            STREET_SPEED_FIELD, tr("Speed field of the streets"), None, STREETS, numeric, False, True
        ),
        tr("Field with the speed on each street in km/h; where it is blank, or 0, the speed of travel holds."),
        advanced=True,
    )


def add_clock(algorithm: PatrolAlgorithm) -> None:
    """Declare the time zone."""
    algorithm.add(
        QgsProcessingParameterString(TIME_ZONE, tr("Time zone"), None, False, True),
        tr("IANA name of the zone that patrol windows are told in. Left blank, it is the forecast's."),
        advanced=True,
    )


def add_weights_version(algorithm: PatrolAlgorithm) -> None:
    """Declare what the weights are called."""
    algorithm.add(
        QgsProcessingParameterString(WEIGHTS_VERSION, tr("Version of the weights"), None, False, True),
        tr("What these weights are called, who approved them and when; kept in the plan."),
        advanced=True,
    )
