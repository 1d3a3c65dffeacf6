"""Weather by day, as known at a moment: observed days once they are past, forecasts once issued, else the usual.

Every number is a departure from what is usual at that time of the year, in the unit of its own spread, so tables in
degrees Fahrenheit and inches serve as well as those in degrees Celsius and millimetres.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from patrol_missions.core.errors import InputError
from patrol_missions.core.tables import Table
from patrol_missions.engine.data.shifts import Instances
from patrol_missions.engine.data.zones import Zone

MEASURES = ("temperature", "precipitation", "snow")
_YEAR_DAYS = 365.2425
_FEWEST_DAYS = 60  # of weather known before it is made use of
_MOST_SPREADS = 4.0
_FULL_YEARS = 1.5  # of days before the year's course is fitted rather than its mean
_DAY = np.timedelta64(1, "D")


@dataclass(frozen=True, eq=False)
class Weather:
    """Daily weather; all arrays have shape (rows,).

    :param day: the day that a row is about, datetime64[D]
    :param known: moment from which it was known, seconds UTC: for observations the end of the local day, for forecasts
        the moment of issue
    :param observed: whether the row is an observation
    :param values: by measure, float64, NaN where missing
    """

    day: np.ndarray
    known: np.ndarray
    observed: np.ndarray
    values: dict[str, np.ndarray]

    @classmethod
    def of(cls, table: Table, zone: Zone) -> Weather:
        """Weather from a table with ``date`` and any of :data:`MEASURES`; rows with a time ``issued`` are forecasts.

        :raises InputError: when there is no row with a date, or no measure
        """
        measures = [name for name in MEASURES if name in table]
        dated = ~np.isnat(table["date"])
        if not measures or not dated.any():
            raise InputError(
                "The weather table has no usable rows.",
                "It needs a field date and at least one of temperature, precipitation and snow.",
            )
        table = table.take(np.flatnonzero(dated))
        day = table["date"].astype("datetime64[D]")
        missing = np.full(len(day), np.datetime64("NaT"), dtype="datetime64[s]")
        issued = table["issued"].astype("datetime64[s]") if "issued" in table else missing
        observed = np.isnat(issued)
        over = zone.to_utc((day + _DAY).astype("datetime64[s]"))
        known = np.where(observed, over, issued).astype("datetime64[s]").astype(np.int64)
        # By day, observations last, forecasts by issue: of several rows the last one known is the best.
        order = np.lexsort((known, observed, day))
        values = {name: table[name].astype(np.float64)[order] for name in measures}
        return cls(day[order], known[order], observed[order], values)

    def columns(self, instances: Instances, as_of: int) -> dict[str, np.ndarray]:
        """Departures from the usual by measure on the days of the instances, as known then; 0 for nothing."""
        wanted = instances.date.astype("datetime64[D]")
        rows = np.flatnonzero(self.known <= as_of)
        day, observed = self.day[rows], self.observed[rows]
        found = {}
        for name, values in self.values.items():
            given = np.isfinite(values[rows])
            mine, there = day[given], observed[given]
            # Amounts of rain and snow are many small ones and a few large: their logarithm is compared.
            amount = values[rows][given]
            amount = amount if name == "temperature" else _log_amount(amount, there)
            found[name] = _departures(mine, amount, there, wanted)
        return found


def _log_amount(amount: np.ndarray, observed: np.ndarray) -> np.ndarray:
    some = np.maximum(amount, 0.0)
    fell = some[observed & (some > 0)]
    return np.asarray(np.log1p(some / fell.mean() if len(fell) else some))


def _departures(day: np.ndarray, value: np.ndarray, observed: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """How far the wanted days' values lie from the usual of the observed ones, in standard deviations."""
    result = np.zeros(len(wanted))
    if observed.sum() < _FEWEST_DAYS:
        return result
    past, seen = day[observed], value[observed]
    years = float((past.max() - past.min()).astype(np.int64)) / _YEAR_DAYS
    harmonics = 2 if years >= _FULL_YEARS else 0
    usual = np.linalg.lstsq(_course(past, harmonics), seen, rcond=None)[0]
    spread = float((seen - _course(past, harmonics) @ usual).std())
    if spread <= 0:
        return result
    departure = np.clip((value - _course(day, harmonics) @ usual) / spread, -_MOST_SPREADS, _MOST_SPREADS)
    place = np.searchsorted(day, wanted, side="right") - 1
    there = (place >= 0) & (day[np.maximum(place, 0)] == wanted)
    result[there] = departure[place[there]]
    return result


def _course(day: np.ndarray, harmonics: int) -> np.ndarray:
    """The year as a few sines and cosines, shape (days, 1 + 2 x harmonics)."""
    angle = 2 * np.pi * (day.astype(np.float64) / _YEAR_DAYS)
    waves = [wave(number * angle) for number in range(1, harmonics + 1) for wave in (np.sin, np.cos)]
    return np.stack([np.ones(len(day)), *waves], axis=1)
