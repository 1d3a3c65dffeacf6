"""From degrees to metres of the grid."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from pyproj import CRS, Transformer
from pyproj.exceptions import CRSError

from patrol_missions.core.errors import InputError

Project = Callable[[np.ndarray, np.ndarray], "tuple[np.ndarray, np.ndarray]"]
"""Longitudes and latitudes (WGS 84, degrees) to eastings and northings in metres; infinite where there are none."""


def projection(crs: str) -> Project:
    """The way into a projected coordinate reference system in metres.

    :param crs: anything that PROJ understands, such as ``EPSG:26910`` or WKT
    :raises InputError: it is unknown, or not one of metres
    """
    transformer = Transformer.from_crs("EPSG:4326", _metric(crs), always_xy=True)

    def project(longitudes: np.ndarray, latitudes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        x, y = transformer.transform(np.asarray(longitudes, dtype=float), np.asarray(latitudes, dtype=float))
        return np.asarray(x), np.asarray(y)

    return project


def same(one: str, other: str) -> bool:
    """Whether two texts are of one coordinate reference system."""
    return one == other or bool(_known(one).equals(_known(other), ignore_axis_order=True))


def _metric(crs: str) -> CRS:
    found = _known(crs)
    if not found.is_projected or any(axis.unit_conversion_factor != 1.0 for axis in found.axis_info[:2]):
        raise InputError(
            f"The coordinate reference system {found.name} is not one of metres.", "Use that of the grid's cells."
        )
    return found


def _known(crs: str) -> CRS:
    try:
        return CRS.from_user_input(crs)
    except CRSError as error:
        raise InputError(
            f"The coordinate reference system “{crs[:80]}” is not known.", "Write it like EPSG:26910, or as WKT."
        ) from error
