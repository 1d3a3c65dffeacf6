"""Incidents from a GeoPackage into arrays: the columnar way against feature by feature, time and memory as ratios.

    python benchmarks/layer_to_table.py [rows, default 1200000]

Run it with a Python that can import QGIS, and ``PATROL_STAGE`` or build/stage holding the staged plugin.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

STAGE = Path(os.environ.get("PATROL_STAGE", Path(__file__).resolve().parent.parent / "build" / "stage"))
CATEGORIES = ("Theft from vehicle", "Burglary", "Robbery", "Assault", "Vandalism", "Fraud", "Narcotics", "Other")


def write_incidents(path: Path, rows: int) -> None:
    """A GeoPackage of points in degrees with category, time and number."""
    import numpy as np
    from osgeo import ogr, osr

    rng = np.random.default_rng(1)
    system = osr.SpatialReference()
    system.ImportFromEPSG(4326)
    dataset = ogr.GetDriverByName("GPKG").CreateDataSource(str(path))
    layer = dataset.CreateLayer("incidents", system, ogr.wkbPoint, ["SPATIAL_INDEX=NO"])
    for name, kind in (("category", ogr.OFTString), ("start", ogr.OFTDateTime), ("event_id", ogr.OFTInteger64)):
        layer.CreateField(ogr.FieldDefn(name, kind))
    x, y = rng.uniform(-75.3, -74.95, rows), rng.uniform(39.85, 40.14, rows)
    category = rng.integers(0, len(CATEGORIES), rows)
    seconds = rng.integers(0, 4 * 365 * 86400, rows)
    times = np.datetime_as_string(np.datetime64("2016-01-01T00:00:00") + seconds.astype("m8[s]")).tolist()
    layer.StartTransaction()
    for row in range(rows):
        feature = ogr.Feature(layer.GetLayerDefn())
        feature.SetField(0, CATEGORIES[category[row]])
        feature.SetField(1, times[row] + "Z")
        feature.SetField(2, row)
        point = ogr.Geometry(ogr.wkbPoint)
        point.AddPoint_2D(x[row], y[row])
        feature.SetGeometryDirectly(point)
        layer.CreateFeature(feature)
    layer.CommitTransaction()


def read(path: Path, columnar: bool) -> None:
    """Read the file once and print seconds, and the megabytes that the reading took above idle."""
    sys.path.insert(0, str(STAGE))
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    from qgis.core import QgsApplication, QgsCoordinateReferenceSystem, QgsCoordinateTransformContext, QgsVectorLayer

    application = QgsApplication([], False)
    application.initQgis()
    from patrol_missions.bridge.batches import As
    from patrol_missions.bridge.layers import read_points
    from patrol_missions.bridge.sources import LayerSource

    source = LayerSource.from_layer(QgsVectorLayer(f"{path}|layername=incidents", "incidents", "ogr"))
    if not columnar:
        source = replace(source, columnar=None)
    columns = {"category": ("category", As.LABEL), "start": ("start", As.TIME), "event_id": ("event_id", As.ID)}
    target = QgsCoordinateReferenceSystem("EPSG:32618")
    idle = memory_mb("VmRSS")
    start = time.perf_counter()
    table = read_points(source, columns, target, QgsCoordinateTransformContext())
    seconds = time.perf_counter() - start
    print(f"{seconds:.3f} {memory_mb('VmHWM') - idle:.0f} {len(table)}")
    application.exitQgis()


def memory_mb(name: str) -> float:
    """A memory figure of this process (Linux): ``VmRSS`` now, ``VmHWM`` at its highest."""
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith(name))


def main() -> None:
    """Measure both ways, each in a process of its own, and print the ratio."""
    if len(sys.argv) == 4:
        read(Path(sys.argv[2]), sys.argv[1] == "columnar")
        return
    rows = int(sys.argv[1]) if len(sys.argv) > 1 else 1_200_000
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "incidents.gpkg"
        write_incidents(path, rows)
        took = {}
        for way in ("columnar", "features"):
            command = [sys.executable, __file__, way, str(path), "child"]
            words = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
            took[way] = float(words[0]), float(words[1])
            print(f"{way:10}{rows:>12,} rows {took[way][0]:8.2f} s {took[way][1]:8.0f} MB above idle")
        ratios = [took["features"][i] / took["columnar"][i] for i in (0, 1)]
        print(f"columnar is {ratios[0]:.1f} times as fast and takes {1 / ratios[1]:.2f} of the memory")


if __name__ == "__main__":
    main()
