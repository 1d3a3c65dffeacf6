"""What the category map leaves out, what it does not know, and what it uses in spite of a warning."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from patrol_missions.core import category_rules
from patrol_missions.engine.data.categories import Mapped
from patrol_missions.engine.data.record import Finding, Record

_MANY = 0.05
_NAMED = 12


@dataclass(frozen=True)
class _Group:
    """Crime types of one kind; ``words`` say it, with ``{singular|plural}`` where the number matters.

    With more than 5 % of all rows the finding has the severity ``many``.
    """

    check: str
    picks: Callable[[Mapped], bool]
    words: str
    remedy: str
    severity: str = "note"
    many: str = "note"


_GROUPS = (
    _Group(
        "Enforcement-driven types",
        lambda mapped: mapped.enforcement and not mapped.use,
        "that police find mostly by their own activity {is|are} left out",
        "Planning by them sends patrols back to where they have been; the category map can switch one on if you write "
        "the reason.",
    ),
    _Group(
        "Enforcement-driven types in use",
        lambda mapped: mapped.enforcement and mapped.use,
        "that police find mostly by their own activity {is|are} in use by your choice",
        "The reason in the category map is printed in this report.",
    ),
    _Group(
        "Unknown types",
        lambda mapped: mapped.reason == category_rules.UNKNOWN,
        "{is|are} not recognised and left out",
        "Give each a planning category in the category map and use that map from now on.",
        many="caution",
    ),
    _Group(
        "Mixed types",
        lambda mapped: mapped.reason == category_rules.MIXED,
        "{mixes|mix} many kinds of offence and {is|are} left out",
        "Ask for the finer type, or map it if you know what it holds.",
    ),
    _Group(
        "No type",
        lambda mapped: mapped.reason == category_rules.BLANK,
        "{is|are} blank",
        "Fill in the type in the source.",
        many="caution",
    ),
    _Group(
        "New types",
        lambda mapped: not mapped.saved and mapped.raw.strip() != "",
        "{is|are} not in your category map and taken as suggested",
        "Look at the new lines of the category map and save it again.",
        severity="caution",
        many="caution",
    ),
)


def category_findings(record: Record) -> list[Finding]:
    """One finding per kind of crime types that the user should know of."""
    n = len(record)
    rows = np.bincount(record.category, minlength=len(record.mapping))
    mapped_by_user = any(mapped.saved for mapped in record.mapping)
    found = []
    if not record.use.any():
        found.append(
            Finding(
                "stop",
                "Crime types",
                n,
                1.0,
                "No row is of a crime type that is in use.",
                "Switch on at least one type in the category map.",
            )
        )
    for group in _GROUPS:
        mine = np.flatnonzero([group.picks(mapped) for mapped in record.mapping])
        if not len(mine) or (group.check == "New types" and not mapped_by_user):
            continue
        count = int(rows[mine].sum())
        severity = group.many if count > _MANY * n else group.severity
        found.append(
            Finding(severity, group.check, count, count / n, _sentence(group, record, rows, mine), group.remedy)
        )
    return found


def _sentence(group: _Group, record: Record, rows: np.ndarray, mine: np.ndarray) -> str:
    subject = "1 crime type" if len(mine) == 1 else f"{len(mine)} crime types"
    verb = re.sub(r"\{(\w+)\|(\w+)\}", r"\1" if len(mine) == 1 else r"\2", group.words)
    frequent = mine[np.argsort(-rows[mine], kind="stable")][:_NAMED]
    named = ", ".join(f"{record.mapping[i].raw.strip() or 'blank'} ({rows[i]:,})" for i in frequent)
    return f"{subject} {verb}: {named}{' and others' if len(mine) > _NAMED else ''}."
