"""Keeps a jurisdiction's GeoPackage in one journal mode while algorithms write to it and the map reads from it.

QGIS writes GeoPackages with a write-ahead log and reads them without the right to make one. When a writer is done and
closes last, it deletes its log, and the layers that are open in the project can no longer be read ("unable to open
database file"). One connection that stays open keeps the log where it is.
"""

from __future__ import annotations

from pathlib import Path

from osgeo import gdal
from qgis.core import QgsProject, QgsSettings, QgsVectorLayer
from qgis.PyQt.QtCore import QStorageInfo

from patrol_missions.core.errors import InputError

_NETWORKS = ("nfs", "cifs", "smb", "fuse.sshfs", "afs", "9p")
_JOURNAL = "OGR_SQLITE_JOURNAL"


class PackageHold:
    """At most one GeoPackage at a time."""

    def __init__(self, project: QgsProject) -> None:
        self._project = project
        self._path: Path | None = None
        self._dataset: gdal.Dataset | None = None

    def hold(self, path: Path) -> None:
        """Make the file if it is not there, and keep it open; :class:`InputError` when that cannot be."""
        if self._path == path and path.exists():
            return
        self.release()
        dataset = _open(path)
        if dataset is None:
            raise InputError(
                f"The GeoPackage {path} cannot be written ({gdal.GetLastErrorMsg() or 'no reason was given'}).",
                "Close it in other programs, or choose another file under “Results”.",
            )
        self._path = path
        self._dataset = dataset if _takes_a_log(path) else None
        self.reload_layers()  # those opened before there was a log, as by opening a project, cannot read beside it

    def release(self) -> None:
        """Let go of the file; layers that are still open take over its log first."""
        if self._dataset is None:
            return
        self.reload_layers()
        self._path = self._dataset = None

    def reload_layers(self) -> None:
        """Have the layers of the file ask it again."""
        for layer in self._project.mapLayers().values():
            if isinstance(layer, QgsVectorLayer) and layer.source().startswith(f"{self._path}|"):
                layer.dataProvider().reloadData()


def _open(path: Path) -> gdal.Dataset | None:
    """The GeoPackage for writing; GDAL either answers None or raises, as it is set up."""
    try:
        if not path.exists():
            # made and closed without a log first, so that the file itself says what it is
            made = gdal.GetDriverByName("GPKG").Create(str(path), 0, 0, 0, gdal.GDT_Unknown)
            if made is None:
                return None
            del made
        gdal.SetThreadLocalConfigOption(_JOURNAL, "WAL" if _takes_a_log(path) else "DELETE")
        return gdal.OpenEx(str(path), gdal.OF_VECTOR | gdal.OF_UPDATE)
    except RuntimeError:
        return None
    finally:
        gdal.SetThreadLocalConfigOption(_JOURNAL, None)


def _takes_a_log(path: Path) -> bool:
    """Whether QGIS would use a write-ahead log there: by its settings, and never on a network drive."""
    wanted: bool = QgsSettings().value("qgis/walForSqlite3", True, type=bool)
    kind = bytes(QStorageInfo(str(path.parent)).fileSystemType()).decode(errors="replace").lower()
    return wanted and not kind.startswith(_NETWORKS) and not str(path).startswith(("//", "\\\\"))
