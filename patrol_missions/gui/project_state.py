"""What the project knows of a jurisdiction: the answers given, the layers and files made, and when.

It is stored in the project, so that opening the project again goes on where it was left. Pages read it and are told
when it changed; only the dock writes to it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from datetime import datetime, timezone
from typing import Any, TypeVar

from qgis.core import QgsProject, QgsVectorLayer
from qgis.PyQt.QtCore import QObject, pyqtSignal

from patrol_missions.core.presets import DEFAULT_PRESET, PRESETS

SCOPE = "PatrolMissions"

F = TypeVar("F", "DataForm", "PlanForm", "ReportForm", "WeightsForm")

LAST, RECORD, FILE = "", "record", "file"
"""Plans that a report can be of: the last one, a record of the audit log, a file."""


@dataclass(frozen=True)
class DataForm:
    """What the data page asks. Layers are ids of project layers; an empty text is "none"."""

    jurisdiction: str = ""
    package: str = ""
    incidents: str = ""
    category_field: str = ""
    start_field: str = ""
    end_field: str = ""
    reported_field: str = ""
    id_field: str = ""
    recorded_district_field: str = ""
    x_field: str = ""
    y_field: str = ""
    coordinates_crs: str = ""
    times_are: str = ""
    time_zone: str = ""
    boundary: str = ""
    districts: str = ""
    district_field: str = ""
    crs: str = ""
    cell_size_m: float = 250.0
    exclusions: list[str] = field(default_factory=list)
    indicators: list[str] = field(default_factory=list)
    areas: str = ""
    area_sums: list[str] = field(default_factory=list)
    area_means: list[str] = field(default_factory=list)
    streets: str = ""
    events: str = ""
    holidays: str = ""
    weather: str = ""
    school_terms: str = ""
    visits: str = ""
    shifts: list[str] = field(default_factory=list)
    category_map: str = ""


@dataclass(frozen=True)
class PlanForm:
    """What the plan page asks. ``start`` is ISO UTC; empty means the first shift after the incidents end."""

    missions_per_district: int = 3
    harm_kept: float = 90.0
    dose_minutes: float = 15.0
    start: str = ""
    shift_count: int = 21
    seed: int = 1
    quotas: list[str] = field(default_factory=list)
    mind_doses: bool = True


@dataclass(frozen=True)
class WeightsForm:
    """What one incident of each category counts, and what was approved before.

    ``rows`` hold what differs from the preset, as :func:`patrol_missions.core.weights.resolve` takes them; ``version``
    is the name of the approved version that they are, empty when they were changed since.
    """

    preset: str = DEFAULT_PRESET
    rows: list[dict[str, Any]] = field(default_factory=list)
    version: str = ""
    versions: list[dict[str, Any]] = field(default_factory=list)
    locks: list[dict[str, Any]] = field(default_factory=list)


@dataclass(frozen=True)
class ReportForm:
    """What the report page asks. ``incidents`` is the id of a layer; empty means those that were checked."""

    plan: str = LAST
    number: int = 0
    file: str = ""
    incidents: str = ""


class ProjectState(QObject):
    """The stored state; ``changed`` tells that anything of it did."""

    changed = pyqtSignal()

    def __init__(self, project: QgsProject, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.project = project
        self._load()
        project.readProject.connect(self._reload)
        project.cleared.connect(self._reload)
        project.layersRemoved.connect(self._tell)

    def tear_down(self) -> None:
        """Stop listening to the project."""
        self.project.readProject.disconnect(self._reload)
        self.project.cleared.disconnect(self._reload)
        self.project.layersRemoved.disconnect(self._tell)

    def _load(self) -> None:
        self.data = _form(DataForm(), self._read("data"))
        self.plan = _form(PlanForm(), self._read("plan"))
        weights = _form(WeightsForm(), self._read("weights"))
        self.weights = weights if weights.preset in PRESETS else WeightsForm()  # else by a version that has others
        self.report = _form(ReportForm(), self._read("report"))
        self._records: dict[str, dict[str, Any]] = self._read("records")
        self._layers: dict[str, str] = self._read("layers")

    def _reload(self, *_: object) -> None:
        self._load()
        self.changed.emit()

    def _tell(self, *_: object) -> None:
        self.changed.emit()

    def set_data(self, form: DataForm) -> None:
        """Keep the data page's answers."""
        self.data = form
        self._write("data", asdict(form))

    def set_plan(self, form: PlanForm) -> None:
        """Keep the plan page's answers."""
        self.plan = form
        self._write("plan", asdict(form))

    def set_weights(self, form: WeightsForm) -> None:
        """Keep the weights page's answers."""
        self.weights = form
        self._write("weights", asdict(form))

    def set_report(self, form: ReportForm) -> None:
        """Keep the report page's answers."""
        self.report = form
        self._write("report", asdict(form))

    # --- what was made

    def layer(self, role: str) -> QgsVectorLayer | None:
        """The project's layer in a role ("grid", "missions" ...), or None when it was never made or was removed."""
        found = self.project.mapLayer(self._layers.get(role, ""))
        return found if isinstance(found, QgsVectorLayer) and found.isValid() else None

    def record(self, key: str, values: Mapping[str, Any], layers: Mapping[str, QgsVectorLayer]) -> None:
        """Keep what a step answered, the layers it made, and when."""
        plain = {name: value for name, value in values.items() if isinstance(value, (str, int, float, bool))}
        self._records[key] = {**plain, "at": datetime.now(timezone.utc).isoformat()}
        self._layers.update({role: layer.id() for role, layer in layers.items()})
        self._write("records", self._records)
        self._write("layers", self._layers)
        self.changed.emit()

    def forget(self) -> None:
        """Forget what was made (not the answers): another jurisdiction begins."""
        self._records, self._layers = {}, {}
        self._write("records", {})
        self._write("layers", {})
        self.changed.emit()

    def value(self, key: str, name: str, default: Any = "") -> Any:
        """What a step answered under a name."""
        return self._records.get(key, {}).get(name, default)

    def at(self, key: str) -> datetime | None:
        """When a step was last done."""
        text = self.value(key, "at")
        return datetime.fromisoformat(text) if text else None

    # --- storage

    def _read(self, entry: str) -> dict[str, Any]:
        text, _ = self.project.readEntry(SCOPE, entry, "")
        try:
            found = json.loads(text or "{}")
        except ValueError:  # edited by hand; the rest of the project is still good
            return {}
        return found if isinstance(found, dict) else {}

    def _write(self, entry: str, value: dict[str, Any]) -> None:
        self.project.writeEntry(SCOPE, entry, json.dumps(value, ensure_ascii=False))


def _form(empty: F, stored: Mapping[str, Any]) -> F:
    """A form with the stored answers that still fit it; those of other versions are passed over."""
    known = {f.name: type(getattr(empty, f.name)) for f in fields(empty)}
    return replace(empty, **{k: v for k, v in stored.items() if k in known and isinstance(v, known[k])})
