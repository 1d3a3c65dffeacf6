"""The pick list of holidays names what the engine knows, all of it and nothing else."""

from __future__ import annotations

import csv
from pathlib import Path

import holidays

from patrol_missions.engine.forecast.calendar import Calendar


def test_the_list_is_what_the_engine_knows(stage: Path) -> None:
    with (stage / "patrol_missions" / "resources" / "holidays.csv").open(encoding="utf-8", newline="") as file:
        listed = {row["code"]: row["name"] for row in csv.DictReader(file)}
    known = holidays.list_supported_countries(include_aliases=False)
    regions = {f"{country}-{region}" for country, all_of_it in known.items() for region in all_of_it}
    assert set(listed) == set(known) | regions, "run tools/make_holidays_list.py"
    assert len(set(listed.values())) == len(listed)
    for code in ("US-PA", "AU-NSW Western", "DE-Augsburg", "AX"):
        assert Calendar(code).holidays == code
