"""Features by the kind of fact that they stand for, in words for people."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from patrol_missions.engine.forecast.indicators import Indicators

_HERE = "this category here"
_AROUND = "this category around"
_LATELY = "the last weeks, here and around"
_OTHERS = "other categories"
_HABITS = "shift and weekend habits of the place"
_CELL = "share of the cell inside"

_LATE = ("7 d", "28 d", "month kernel", "days since last")


def of(names: Sequence[str], indicators: Indicators) -> tuple[list[str], np.ndarray]:
    """Kinds of facts, and the kind (index) of every feature.

    :param names: features as :meth:`~patrol_missions.engine.forecast.features.Features.names` gives them
    :param indicators: place layers and fields of the grid
    """
    kinds = [_kind(name, indicators) for name in names]
    found = list(dict.fromkeys(kinds))
    return found, np.array([found.index(kind) for kind in kinds], dtype=np.int64)


def _kind(name: str, indicators: Indicators) -> str:
    near = [each for each in indicators.names if name == f"distance to {each}" or name.startswith(f"{each} within ")]
    if near:
        return f"near {max(near, key=len)}"
    if name.startswith("value of "):
        return name.removeprefix("value of ")
    if name.startswith(("shift", "weekend", "start hour")):
        return _HABITS
    if name.startswith(("all categories", "count of other")):
        return _OTHERS
    if any(part in name for part in _LATE):
        return _LATELY
    if "around" in name or "kernel" in name:
        return _AROUND
    if name == "share inside":
        return _CELL
    return _HERE if "count" in name or "surface" in name else name
