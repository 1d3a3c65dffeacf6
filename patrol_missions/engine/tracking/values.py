"""Numbers as receivers and files write them: bounds, and units into metres and seconds."""

from __future__ import annotations

KNOT_MPS = 1_852 / 3_600
MPH_MPS = 0.44704

FASTEST_MPS = 600.0
"""More is no speed of anything that patrols, aircraft included."""

RANGE_ERROR_M = 5.0
"""One standard deviation of a measured distance to a satellite: with the horizontal dilution it gives the accuracy."""


def number(text: str, least: float, largest: float) -> float | None:
    """A number; ``None`` for an empty text, ``ValueError`` for one that is no number within the bounds."""
    if not text:
        return None
    found = float(text)
    if not least <= found <= largest:
        raise ValueError(text)
    return found
