"""Real cities as the tables that the engine's jobs take; nothing of them is part of the project.

The files lie in ``../shared/data``. Cells are those in which an incident of any kind was ever recorded: without a
boundary, squares on water or beyond the border would only make every forecast look better.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd

from patrol_missions.core import grid
from patrol_missions.core.tables import Table, encode_text
from patrol_missions.engine.data.zones import Zone, zone

ROOT = Path(__file__).resolve().parent.parent
DATA = ROOT.parent / "shared" / "data"

_METRES_A_DEGREE = 6_371_000 * np.pi / 180
_METRES_A_FOOT = 0.3048

THREE_SHIFTS = (
    {"name": "Day", "start": "07:00", "end": "15:00"},
    {"name": "Evening", "start": "15:00", "end": "23:00"},
    {"name": "Night", "start": "23:00", "end": "07:00"},
)
WHOLE_DAY = ({"name": "Day", "start": "00:00", "end": "00:00"},)


@dataclass(frozen=True)
class City:
    """How to read one city.

    :param categories: planning category of each recorded one that counts
    :param corner: west, south, east, north in degrees; what lies outside is a wrong geocode
    :param wrong_places: longitude and latitude to which unknown places were geocoded
    """

    file: str
    time_zone: str
    size_m: float
    shifts: tuple[Mapping[str, str], ...]
    categories: Mapping[str, str]
    corner: tuple[float, float, float, float]
    wrong_places: tuple[tuple[float, float], ...] = ()
    feet: bool = field(default=False)

    @property
    def path(self) -> Path:
        """Where the city's incidents lie."""
        return DATA / self.file

    @property
    def clock(self) -> Zone:
        """The city's time zone."""
        return zone(self.time_zone)

    def tables(self, first: str, last: str) -> tuple[Table, Table]:
        """Incidents from one local day up to (not including) another, and all cells of the city."""
        raw = pd.read_csv(self.path).drop_duplicates("event_id")
        west, south, east, north = self.corner
        raw = raw[raw["lon"].between(west, east) & raw["lat"].between(south, north)]
        for longitude, latitude in self.wrong_places:
            raw = raw[(raw["lon"] - longitude).abs().gt(1e-4) | (raw["lat"] - latitude).abs().gt(1e-4)]
        cells = np.unique(np.column_stack(grid.columns_rows(*self._metres(raw), self.size_m)), axis=0)
        raw = raw[raw["category"].isin(list(self.categories))]
        x, y = self._metres(raw)
        local = pd.to_datetime(raw["datetime_start"])
        keep = ((local >= first) & (local < last)).to_numpy()
        codes, labels = encode_text(raw["category"].map(self.categories)[keep])
        start = self.clock.to_utc(local[keep].to_numpy().astype("datetime64[s]"))
        columns = {"x": x[keep], "y": y[keep], "category": codes, "start": start}
        if not (local.dt.normalize() != local).any():
            columns["time_known"] = np.zeros(len(start), dtype=bool)
        corners = {"col": cells[:, 0].copy(), "row": cells[:, 1].copy(), "share_inside": np.ones(len(cells))}
        return Table(columns, {"category": labels}), Table(corners)

    def degrees(self, x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Longitude and latitude of a city whose metres were made from degrees."""
        return x / self._metres_a_degree_east - 180.0, y / _METRES_A_DEGREE

    def _metres(self, raw: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
        if self.feet:
            return raw["x"].to_numpy() * _METRES_A_FOOT, raw["y"].to_numpy() * _METRES_A_FOOT
        return (raw["lon"].to_numpy() + 180.0) * self._metres_a_degree_east, raw["lat"].to_numpy() * _METRES_A_DEGREE

    @property
    def _metres_a_degree_east(self) -> float:
        return float(_METRES_A_DEGREE * np.cos(np.radians((self.corner[1] + self.corner[3]) / 2)))


PHILADELPHIA = City(
    "philadelphia_2016_2020.csv.gz",
    "America/New_York",
    250.0,
    THREE_SHIFTS,
    {
        "Thefts": "Theft",
        "Theft from Vehicle": "Theft from vehicle",
        "Motor Vehicle Theft": "Vehicle theft",
        "Burglary Residential": "Residential burglary",
        "Robbery No Firearm": "Robbery",
        "Robbery Firearm": "Robbery",
        "Aggravated Assault No Firearm": "Aggravated assault",
        "Aggravated Assault Firearm": "Aggravated assault",
        "Other Assaults": "Other assaults",
        "Vandalism/Criminal Mischief": "Vandalism",
    },
    (-75.29, 39.86, -74.95, 40.14),
    ((-75.26380374, 40.05509472),),
)

PORTLAND = City(
    "portland_nij_crimes_2012_2017feb.csv.gz",
    "America/Los_Angeles",
    180.0,
    WHOLE_DAY,
    {"BURGLARY": "Burglary", "MOTOR VEHICLE THEFT": "Vehicle theft", "STREET CRIMES": "Street crimes"},
    (-122.85, 45.42, -122.46, 45.66),
    feet=True,
)
