"""Patrol Missions: plan police patrols for the most deterrence with the least policing, and show the reasons."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from patrol_missions.plugin import PatrolMissionsPlugin

__version__ = "0.1.0"


def classFactory(iface: object) -> PatrolMissionsPlugin:  # noqa: N802 - QGIS's name
    """What QGIS calls to load the plugin; ``iface`` is None in qgis_process."""
    from patrol_missions.plugin import PatrolMissionsPlugin

    return PatrolMissionsPlugin(iface)
