"""The sample city's layers as tables: attributes in one, the vertices of polygons in another beside it."""

from __future__ import annotations

import numpy as np

from patrol_missions.core.tables import Table
from patrol_missions.engine.data.city_layout import PIXEL_M, Layout
from patrol_missions.engine.data.city_mess import Recorded
from patrol_missions.engine.data.city_places import People, Places, PlannedEvents, Venue, excluded_grounds
from patrol_missions.engine.data.city_polygons import OUTSIDE, assemble, trace, vertex_table

_TOLERANCE_M = 6.0


def polygon_tables(layout: Layout, places: Places, people: People) -> dict[str, Table]:
    """Boundary, districts, neighbourhoods and excluded grounds; the first three are made of the same lines."""
    count = len(people.population)
    arcs = trace(layout.area, layout.origin, PIXEL_M, _TOLERANCE_M)
    everything = np.zeros(count, dtype=np.int64)
    names = np.array(layout.district_names)
    residents = np.bincount(layout.district_of_area, weights=people.population).astype(np.int64)
    grounds = excluded_grounds(layout, places)
    polygons = {
        "boundary": assemble(arcs, everything),
        "districts": assemble(arcs, layout.district_of_area),
        "areas": assemble(arcs, np.arange(count)),
        "exclusions": [_ground(layout, pixels, kind == "water") for kind, _, pixels in grounds],
    }
    attributes = {
        "boundary": Table({"name": np.array(["Sample City"]), "population": np.array([int(people.population.sum())])}),
        "districts": Table({"district": names, "population": residents}),
        "areas": Table(
            {
                "area_id": np.array([f"{number:04d}" for number in range(1, count + 1)]),
                "district": names[layout.district_of_area],
                "population": people.population,
                "workers": people.workers,
                "median_income": people.median_income,
                "vacancy_percent": people.vacancy,
            }
        ),
        "exclusions": Table(
            {"kind": np.array([kind for kind, _, _ in grounds]), "name": np.array([name for _, name, _ in grounds])}
        ),
    }
    vertices = {f"{name}_vertices": vertex_table(made) for name, made in polygons.items()}
    return {**attributes, **vertices}


def _ground(layout: Layout, pixels: np.ndarray, smooth: bool) -> list[list[np.ndarray]]:
    arcs = trace(np.where(pixels, 0, OUTSIDE), layout.origin, PIXEL_M, _TOLERANCE_M if smooth else 0.0)
    return assemble(arcs, np.zeros(1, dtype=np.int64))[0]


def places_table(places: Places) -> Table:
    """Kind, name and spot of every place."""
    return Table({"name": places.name, "x": places.x, "y": places.y}).with_text("kind", places.kind.tolist())


def events_table(events: PlannedEvents, stages: tuple[Venue, ...]) -> Table:
    """Games and concerts, those planned after the history included; times in UTC."""
    venue = events.venue
    kinds = {"stadium": "ball game", "arena": "arena event"}
    columns = {
        "x": np.array([stage.x for stage in stages])[venue],
        "y": np.array([stage.y for stage in stages])[venue],
        "start": events.start,
        "end": events.end,
        "attendance": events.attendance,
        "reach_m": np.array([stage.reach_m for stage in stages])[venue],
        "kind": venue.astype(np.int32),
        "place": venue.astype(np.int32),
    }
    labels = {"kind": tuple(kinds[stage.kind] for stage in stages), "place": tuple(stage.name for stage in stages)}
    return Table(columns, labels)


def incidents_table(record: Recorded, layout: Layout) -> Table:
    """The agency's file; ``start``, ``end`` and ``reported`` are wall time without a zone."""
    columns = {
        "event_id": record.event_id,
        "category_raw": record.raw,
        "start": record.start,
        "end": record.end,
        "reported": record.reported,
        "district": record.district,
        "x": record.x,
        "y": record.y,
    }
    return Table(columns, {"category_raw": record.raw_labels, "district": layout.district_names})
