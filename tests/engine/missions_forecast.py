"""A made-up forecast for the tests of the missions: harm that clusters, districts, three shifts a day."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from patrol_missions.core.names import expected_fields
from patrol_missions.core.tables import Table

CATEGORIES = ("Robbery", "Theft from Vehicle", "Burglary")
LABELS = {field: category for category, field in expected_fields(CATEGORIES).items()}
WEIGHTS = (67_277 * 0.5, 2_139 * 0.5, 13_096 * 0.4)
SHIFTS = (("Day", 7), ("Late", 15), ("Night", 23))


def forecast(
    districts: Sequence[tuple[str | None, int]] = (("01", 40), ("05", 30), ("Süd", 25)), shifts: int = 3, seed: int = 1
) -> Table:
    """A forecast of ``shifts`` shifts (from 2020-01-03 in New York) over districts of so many cells, 6 cells wide."""
    rng = np.random.default_rng(seed)
    sizes = [size for _, size in districts]
    cells = sum(sizes)
    district = [name for name, size in districts for _ in range(size)]
    within = np.concatenate([np.arange(size) for size in sizes])
    col = 1900 + within % 6 + 8 * np.repeat(np.arange(len(sizes)), sizes)
    row = 300 + within // 6
    base = rng.lognormal(-6.0, 1.3, (len(CATEGORIES), cells)) * rng.lognormal(0.0, 0.8, cells)
    columns: dict[str, np.ndarray] = {"col": np.tile(col, shifts), "row": np.tile(row, shifts)}
    number = np.repeat(np.arange(shifts), cells)
    day = (np.datetime64("2020-01-03") + number // 3).astype("datetime64[s]")
    hours = np.array([hour for _, hour in SHIFTS])[number % 3]
    columns["shift_date"] = day
    columns["start"] = day + (hours + 5) * np.timedelta64(3600, "s")  # New York is 5 h behind UTC in January
    columns["end"] = columns["start"] + np.timedelta64(8 * 3600, "s")
    columns["exposure_hours"] = np.full(len(number), 8.0, dtype=np.float32)
    expected = (base[:, np.newaxis, :] * rng.uniform(0.5, 1.5, (1, shifts, 1))).reshape(len(CATEGORIES), -1)
    for (field, _), values in zip(LABELS.items(), expected, strict=True):
        columns[field] = values.astype(np.float32)
    harm = sum(weight * columns[field].astype(float) for weight, field in zip(WEIGHTS, LABELS, strict=True))
    columns["harm"] = np.asarray(harm, dtype=np.float32)
    peak = rng.integers(0, 7, len(number))
    columns["peak_start"] = columns["start"] + peak * np.timedelta64(3600, "s")
    columns["peak_end"] = columns["peak_start"] + np.timedelta64(2 * 3600, "s")
    return (
        Table(columns)
        .with_text("district", district * shifts)
        .with_text("shift", [SHIFTS[i % 3][0] for i in number.tolist()])
        .with_text("reasons", ["steady"] * len(number))
    )
