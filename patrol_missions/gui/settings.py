"""The user's settings: each is declared here once, with its key, its type and what holds when it was never set."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

from qgis.core import QgsSettings
from qgis.PyQt.QtCore import QStandardPaths

T = TypeVar("T", str, bool, int)

_PREFIX = "plugins/patrol_missions/"


@dataclass(frozen=True)
class Setting(Generic[T]):
    """One setting of the user's profile; the type is that of ``default``."""

    key: str
    default: T

    def get(self) -> T:
        """The value, or the default."""
        value: T = QgsSettings().value(_PREFIX + self.key, self.default, type=type(self.default))
        return value

    def set(self, value: T) -> None:
        """Remember a value."""
        QgsSettings().setValue(_PREFIX + self.key, value)


WELCOMED = Setting("welcomed", False)
"""Whether the panel has shown itself once, so that a newcomer finds it and nobody is shown it twice."""

DATA_FOLDER = Setting("data-folder", "")
"""Where jurisdictions are stored while the project has no folder; empty means Documents/Patrol Missions."""

SAMPLE_CELLS = Setting("sample-cells", 1600)
"""Size of the sample city; fewer cells make it quicker on slow computers."""

AUTHOR = Setting("author", "")
"""Who decides against the draw on this computer; asked for with every override."""


def data_folder() -> Path:
    """Folder for new jurisdictions of projects that are not saved yet."""
    chosen = DATA_FOLDER.get()
    if chosen:
        return Path(chosen)
    documents = QStandardPaths.writableLocation(QStandardPaths.StandardLocation.DocumentsLocation)
    return Path(documents or Path.home()) / "Patrol Missions"
