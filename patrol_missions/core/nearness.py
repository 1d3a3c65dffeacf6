"""How far from a place it still counts: what indicators made in QGIS and in the engine have in common."""

from __future__ import annotations

RADII_M = (250.0, 500.0)
"""Places are counted within these distances of a cell's centre."""

FARTHEST_M = 750.0
"""Distances end here: from farther on, a distance is a coordinate in disguise, and models learn each place by heart."""
