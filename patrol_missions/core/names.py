"""Field names for categories: what a category is called by people, and the field that holds its numbers."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

EXPECTED = "expected_"
"""Prefix of the fields that hold expected incidents."""

_LONGEST = 40  # with the prefix well inside the 63 characters of PostgreSQL


def slug(text: str) -> str:
    """Lower-case letters, digits and underscores that stand for a text: ``"Theft (auto)"`` gives ``"theft_auto"``."""
    ascii_text = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    return re.sub(r"[^a-z0-9]+", "_", ascii_text.lower()).strip("_")[:_LONGEST].rstrip("_") or "category"


def expected_fields(categories: Iterable[str]) -> dict[str, str]:
    """Field of expected incidents per category, in the order given; texts with the same slug are numbered apart."""
    fields: dict[str, str] = {}
    taken: set[str] = set()
    for category in categories:
        base = candidate = slug(category)
        number = 2
        while candidate in taken:
            candidate = f"{base}_{number}"
            number += 1
        taken.add(candidate)
        fields[category] = EXPECTED + candidate
    return fields
