"""Many raw crime types to the few categories a plan is made for, as a table that the user can save, edit and reuse."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from patrol_missions.core import category_rules as rules
from patrol_missions.core.category_rules import switch
from patrol_missions.core.errors import InputError

NO_TYPE = ""
"""Stands for the rows without any crime type."""


@dataclass(frozen=True)
class Mapped:
    """What becomes of one raw crime type.

    :param raw: text as it stands in the source; blank for rows without one
    :param category: planning category
    :param use: whether plans are made by it
    :param reason: why it is not used, or why an enforcement-driven one is
    :param enforcement: what police find by their own activity
    :param saved: it comes from the user's mapping, not from a suggestion
    """

    raw: str
    category: str
    use: bool
    reason: str
    enforcement: bool = False
    saved: bool = False


def suggest(raw: str) -> Mapped:
    """Best guess for a raw crime type by its words."""
    if not raw.strip():
        return Mapped(raw, "Unknown", False, rules.BLANK)
    rule = rules.rule_for(raw)
    if rule is None:
        return Mapped(raw, "Unknown", False, rules.UNKNOWN)
    return Mapped(raw, rule.category, rule.use, rule.reason, rule.enforcement)


def map_all(raws: Iterable[str], saved: Iterable[Mapping[str, object]] = ()) -> list[Mapped]:
    """What becomes of every raw type: by the saved mapping where it has the type, else by suggestion.

    :param saved: rows with ``raw``, ``category``, ``use``, ``reason``; types are matched exactly, else in spite of case
        and spaces
    :raises InputError: a row without a category, a ``use`` that is neither yes nor no, one type mapped in two ways, or
        an enforcement-driven type switched on without a reason of the user's own
    """
    chosen = _read_rows(saved)
    loose: dict[str, Mapped] = {}
    for mapped in chosen.values():
        loose.setdefault(alike(mapped.raw), mapped)
    result = []
    for raw in raws:
        own = chosen.get(raw) or loose.get(alike(raw))
        result.append(suggest(raw) if own is None else replace(own, raw=raw))
    return result


def _read_rows(saved: Iterable[Mapping[str, object]]) -> dict[str, Mapped]:
    chosen: dict[str, Mapped] = {}
    for number, row in enumerate(saved, start=2):  # line 1 of the file is its header
        raw = _text(row, "raw")
        category, reason = (_text(row, key).strip() for key in ("category", "reason"))
        mapped = _checked(raw, category, switch(row.get("use"), "category map", raw), reason, number)
        before = chosen.setdefault(raw, mapped)
        if (before.category, before.use) != (mapped.category, mapped.use):
            raise InputError(f"The category map has “{raw}” twice with different answers.", "Keep one of the two rows.")
    return chosen


def _checked(raw: str, category: str, use: bool, reason: str, line: int) -> Mapped:
    if use and not category:
        raise InputError(
            f"Line {line} of the category map uses “{raw}” without a category.", "Write a category or set use to no."
        )
    by_words = next((found for found in (suggest(raw), suggest(category)) if found.enforcement), None)
    if use and by_words and reason in ("", by_words.reason, rules.ENFORCEMENT):
        raise InputError(
            f"The category map uses “{raw}”, which police find mostly by their own activity, without a reason.",
            "Planning by it sends patrols back to where they already were; write why it is right here in the column "
            "reason, or set use to no.",
        )
    if not use and not reason:
        reason = "Switched off in the category map."
    return Mapped(raw, category or "Unknown", use, reason, by_words is not None, True)


def _text(row: Mapping[str, object], key: str) -> str:
    value = row.get(key)
    return "" if value is None else str(value)


def alike(raw: str) -> str:
    """What spellings of one type have in common, whatever their case and spaces."""
    return re.sub(r"\s+", " ", raw).strip().casefold()
