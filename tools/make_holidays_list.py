"""Makes resources/holidays.csv: the countries and regions whose public holidays the engine knows, for the pick list.

Run it with the engine's Python after the ``holidays`` package was updated; a test tells when it is due:

    build/venv-engine/bin/python tools/make_holidays_list.py
"""

from __future__ import annotations

import csv
from pathlib import Path

import holidays
from holidays.registry import COUNTRIES

LIST = Path(__file__).resolve().parent.parent / "resources" / "holidays.csv"
_SMALL = ("and", "of", "the")


def rows() -> list[tuple[str, str]]:
    """Codes, such as US-PA, and names, such as "United States, Pennsylvania", in the order of the names."""
    found = []
    for key, (_class, code, *_other) in COUNTRIES.items():
        words = [word if word in _SMALL else word.capitalize() for word in key.split("_")]
        country = " ".join(words)
        found.append((code, country))
        listed = holidays.country_holidays(code)
        aliases = listed.get_subdivision_aliases()
        # Of several names of a region, the longest is the one for people; the others are codes.
        found += [(f"{code}-{each}", f"{country}, {max([each, *aliases[each]], key=len)}") for each in aliases]
    return sorted(found, key=lambda row: row[1].casefold())


if __name__ == "__main__":
    with LIST.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(("code", "name"))
        writer.writerows(rows())
