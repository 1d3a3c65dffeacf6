"""Which unit goes to which mission of a district and shift, in what order and when.

**When.** Each visit has an earliest time drawn by lot, uniform within the part of its mission's patrol window where it
fits. Nobody should be able to tell when police will come: where short visits to bus stops could be foreseen, victims
reported more crime than without them (B. Ariel & H. Partridge, *Journal of Quantitative Criminology* 33(4), 809-833,
2017). The times of several visits to a mission are drawn together, uniform among all that keep the gap from the end of
one visit to the begin of the next. A visit may begin later than drawn, after its window if it must, but never so late
that it does not end within the shift, or that the gap before the next one is not kept. A window that is too short gives
way to the whole shift.

**Who.** Of all ways to share the visits among the units, the one that serves most value, and of these the one with
least travel (:mod:`patrol_missions.engine.missions.route_choice`). The first visit of each mission is worth the
mission's value, in steps of a ten-thousandth of the largest one, and at least one step; later visits are worth a tenth
of it, so that no mission is visited twice before another once. Times are drawn first and do not depend on the units.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from patrol_missions.core.errors import InputError
from patrol_missions.engine.missions import route_list
from patrol_missions.engine.missions.draw import Stream
from patrol_missions.engine.missions.route_choice import choose

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_VALUE_STEPS = 10_000
_LATER_VISITS = 0.1
_SHORTEST_MINUTES = 1.0 / 60.0


@dataclass(frozen=True, eq=False)
class Missions:
    """Missions of one district and shift; arrays of shape (missions,).

    :param value: what a visit is worth, 0 or more; only ratios matter
    :param service_minutes: time of one visit, above 0
    :param open_s: begin of the patrol window, seconds since 1970 UTC
    :param close_s: its end
    :param travel_minutes: from each mission to each, shape (missions, missions)
    """

    value: Floats
    service_minutes: Floats
    open_s: Ints
    close_s: Ints
    travel_minutes: Floats

    def __post_init__(self) -> None:
        _check(self.value, 0.0, "The value of mission")
        _check(self.service_minutes, _SHORTEST_MINUTES, "The time of a visit to mission")
        _check(self.travel_minutes, 0.0, "The travel time from mission")
        wrong = np.flatnonzero(self.close_s <= self.open_s)
        if len(wrong):
            raise InputError(
                f"The patrol window of mission {wrong[0] + 1} ends before it begins.", "Give windows that last."
            )

    def __len__(self) -> int:
        return len(self.value)


@dataclass(frozen=True, eq=False)
class Units:
    """Patrol units of one district and shift; arrays of shape (units,).

    :param name: of each
    :param start_s: available from, seconds since 1970 UTC
    :param end_s: until
    :param minutes: uncommitted time, for visits and the travel between them
    """

    name: tuple[str, ...]
    start_s: Ints
    end_s: Ints
    minutes: Floats

    def __post_init__(self) -> None:
        _check(self.minutes, 0.0, "The uncommitted time of unit")
        wrong = np.flatnonzero(self.end_s < self.start_s)
        if len(wrong):
            raise InputError(f"The unit “{self.name[wrong[0]]}” ends before it starts.", "Mend its hours.")

    def __len__(self) -> int:
        return len(self.name)


@dataclass(frozen=True)
class Rules:
    """What holds for all routes.

    :param most_missions: visits of one unit in the shift, at most
    :param visits: of each mission
    :param revisit_gap_minutes: from the end of one visit to a mission to the begin of the next, at least
    """

    most_missions: int = 3
    visits: int = 1
    revisit_gap_minutes: float = 120.0

    def __post_init__(self) -> None:
        if self.most_missions < 1:
            raise InputError(f"A unit may make {self.most_missions} visits.", "Choose 1 or more.")
        if self.visits < 1:
            raise InputError(f"{self.visits} visits are asked for in each mission.", "Choose 1 or more.")
        if not 0 <= self.revisit_gap_minutes < np.inf:
            raise InputError(
                f"The time between visits is {self.revisit_gap_minutes:g} minutes.", "Choose 0 minutes or more."
            )


@dataclass(frozen=True, eq=False)
class Routes:
    """All visits, ordered by mission and number; arrays of shape (visits,) unless it says otherwise.

    :param mission: index
    :param number: of the visit within its mission, from 1
    :param unit: index, -1 where no unit has time
    :param order: of the visit within its unit's route, from 1; 0 without a unit
    :param drawn_s: earliest time drawn, seconds since 1970 UTC
    :param arrival_s: when the visit begins; as drawn where no unit has time
    :param departure_s: when it ends
    :param travel_before_minutes: to get there from the visit before, 0 for the first
    :param used_minutes: visits and travel of each unit, shape (units,)
    :param warnings: sentences that the user should read
    """

    mission: Ints
    number: Ints
    unit: Ints
    order: Ints
    drawn_s: Ints
    arrival_s: Ints
    departure_s: Ints
    travel_before_minutes: Floats
    used_minutes: Floats
    warnings: tuple[str, ...]

    @property
    def travel_minutes(self) -> float:
        """Travel of all units."""
        return float(self.travel_before_minutes.sum())

    @property
    def missions_without_unit(self) -> int:
        """Missions that nobody visits at all."""
        return len(set(self.mission.tolist()) - set(self.mission[self.unit >= 0].tolist()))


def make(missions: Missions, units: Units, shift: tuple[int, int], rules: Rules, stream: Stream) -> Routes:
    """Routes of one district and shift.

    :param shift: start and end, seconds since 1970 UTC
    :param stream: of this district and shift; the same as the draw's, since other numbers of it are taken
    :raises InputError: a patrol window outside the shift; visits that do not fit into the shift
    """
    service_s = np.rint(missions.service_minutes * 60.0).astype(np.int64)
    drawn_s, latest_s, widened = _times(missions, service_s, shift, rules, stream)
    mission = np.repeat(np.arange(len(missions)), rules.visits)
    travel_s = np.rint(np.minimum(missions.travel_minutes * 60.0, shift[1] - shift[0])).astype(np.int64)
    visits = route_list.Visits(
        _steps(missions.value, rules.visits),
        drawn_s,
        latest_s,
        service_s[mission],
        travel_s[np.ix_(mission, mission)],
    )
    crews = _crews(units, shift)
    paths, best = choose(visits, crews, rules.most_missions, replace(stream, names=(*stream.names, "lots")))
    unit, order = np.full(len(mission), -1), np.zeros(len(mission), dtype=np.int64)
    arrival_s, travel = drawn_s.copy(), np.zeros(len(mission))
    for index, path in enumerate(paths):
        timing = route_list.timed(path, visits, crews, index)
        if timing is not None:
            unit[path], order[path], arrival_s[path] = index, np.arange(len(path)) + 1, timing[0]
            travel[path[1:]] = visits.travel_s[path[:-1], path[1:]] / 60.0
    served = unit >= 0
    used = np.bincount(unit[served], (visits.service_s / 60.0 + travel)[served], minlength=len(units))
    return Routes(
        mission,
        np.tile(np.arange(rules.visits) + 1, len(missions)),
        unit,
        order,
        drawn_s,
        arrival_s,
        arrival_s + visits.service_s,
        travel,
        used.astype(np.float64),
        tuple(_warnings(len(missions), widened, best)),
    )


def capacity(
    minutes: np.ndarray, dose_minutes: float, travel_allowance_minutes: float, most_missions: int, visits: int
) -> int:
    """Missions that the units of a district can take.

    A unit makes ``min(most_missions, floor(minutes / (dose + travel allowance)))`` visits; together the units take the
    sum of these over the visits of each mission, rounded down. The allowance counts before every visit, the first one
    too, which leaves a little time for windows that do not suit.

    :param minutes: uncommitted time of each unit, shape (units,)
    :param dose_minutes: of one visit
    :param travel_allowance_minutes: to get to one visit
    :param most_missions: visits of one unit, at most
    :param visits: of each mission
    """
    rules = Rules(most_missions, visits)
    minutes = np.asarray(minutes, dtype=np.float64)
    _check(minutes, 0.0, "The uncommitted time of unit")
    _check(np.array(dose_minutes), _SHORTEST_MINUTES, "The time of a visit")
    _check(np.array(travel_allowance_minutes), 0.0, "The time to get to a visit")
    able = np.floor(minutes / (dose_minutes + travel_allowance_minutes) + 1e-9)
    return int(np.minimum(able, rules.most_missions).sum()) // rules.visits


def _times(
    missions: Missions, service_s: Ints, shift: tuple[int, int], rules: Rules, stream: Stream
) -> tuple[Ints, Ints, int]:
    """Drawn earliest and latest begin of each visit, shape (visits,), and how many windows gave way to the shift."""
    opens, closes = np.maximum(missions.open_s, shift[0]), np.minimum(missions.close_s, shift[1])
    outside = np.flatnonzero(closes <= opens)
    if len(outside):
        raise InputError(
            f"The patrol window of mission {outside[0] + 1} is outside the shift.", "Give windows within the shift."
        )
    step_s = service_s + round(rules.revisit_gap_minutes * 60.0)
    needed_s = service_s + (rules.visits - 1) * step_s
    if (needed_s > shift[1] - shift[0]).any():
        longest = f"{missions.service_minutes[np.argmax(needed_s)]:g} minutes"
        what = f"A visit of {longest} takes"
        if rules.visits > 1:
            what = f"{rules.visits} visits of {longest} and the time between them take"
        raise InputError(
            f"{what} more than the {(shift[1] - shift[0]) / 60:g} minutes of the shift.",
            "Choose fewer or shorter visits, or less time between them.",
        )
    short = closes - opens < needed_s
    opens, closes = np.where(short, shift[0], opens), np.where(short, shift[1], closes)
    source = replace(stream, names=(*stream.names, "times"))
    share = np.sort(source.uniforms(len(missions) * rules.visits).reshape(-1, rules.visits), axis=1)
    spare_s = (closes - opens - needed_s)[:, np.newaxis]
    places = np.arange(rules.visits) * step_s[:, np.newaxis] + opens[:, np.newaxis]
    drawn_s = places + np.floor(share * (spare_s + 1)).astype(np.int64)
    last_s = (shift[1] - service_s)[:, np.newaxis]
    latest_s = np.concatenate([drawn_s[:, 1:] - step_s[:, np.newaxis], last_s], axis=1)
    return drawn_s.reshape(-1), latest_s.reshape(-1), int(np.count_nonzero(short))


def _steps(value: Floats, visits: int) -> Ints:
    """Values of all visits as whole numbers above 0, shape (visits,)."""
    largest = float(value.max(initial=0.0))
    share = value / largest if largest > 0 else value
    steps = np.repeat(share * _VALUE_STEPS, visits)
    steps[np.arange(len(steps)) % visits > 0] *= _LATER_VISITS
    return np.maximum(np.rint(steps), 1.0).astype(np.int64)


def _crews(units: Units, shift: tuple[int, int]) -> route_list.Crews:
    """Units as far as they matter in the shift, so that those which are alike there are of one kind."""
    start_s, end_s = np.maximum(units.start_s, shift[0]), np.minimum(units.end_s, shift[1])
    there_s = np.maximum(end_s - start_s, 0)
    return route_list.Crews(start_s, end_s, np.floor(np.minimum(units.minutes * 60.0 + 1e-6, there_s)).astype(np.int64))


def _warnings(missions: int, widened: int, best: bool) -> list[str]:
    sentences = []
    if widened:
        sentences.append(
            f"In {widened} of {missions} missions the patrol window is too short for the visits; they may take place "
            "at any time of the shift."
        )
    if not best:
        sentences.append(
            "There are too many possible routes to compare them all, so another plan might serve more missions or need "
            "less travel. Fewer visits of each unit can be planned exactly."
        )
    return sentences


def _check(values: np.ndarray, least: float, what: str) -> None:
    """Refuse numbers that are missing or too small; along the first axis they are numbered from 1."""
    wrong = np.argwhere(~(np.isfinite(values) & (values >= least)))
    if len(wrong):
        number = f" {wrong[0][0] + 1}" if values.ndim else ""
        raise InputError(
            f"{what}{number} is {values[tuple(wrong[0])]:g}.",
            f"Give {'0 or more' if least == 0 else 'at least 1 second'}.",
        )
