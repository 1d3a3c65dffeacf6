"""Which field of an incident layer is which, guessed from its name; the user has the last word."""

from __future__ import annotations

import re
from collections.abc import Iterable

from patrol_missions.core import withheld

# Per role, patterns from the surest to the vaguest; names are compared in lower case with all separators as "_".
_PATTERNS = {
    "category": (
        r"(planning_)?category", r"(crime|offen[cs]e|incident|event|call)_(type|category|class|code_?name)",
        r"(text_)?general_code", r"primary_type|nibrs_desc.*|ucr_desc.*", r"type|class|offen[cs]e|crime|description",
        r".*(categor|crime|offen[cs]e).*", r".*(type|class|desc).*",
    ),
    "start": (
        r"(date_?time|event|incident|occurred|occurrence|offen[cs]e)?_?(start|from|begin)(_?(date)?_?(time)?(_utc)?)?",
        r"(dispatch|occur(red|rence)?|incident|event|offen[cs]e|crime)_(on_)?(date_?time|datetime|date)",
        r"date_?time|datetime|timestamp", r"date|date_occ|occ_date|occurred_?(on|at)?", r".*_fr(om)?_(dt|date).*",
        r".*(occur|start|from|begin).*", r".*(date|time|_dt).*",
    ),
    "end": (
        r"(date_?time|event|incident|occurred|occurrence|offen[cs]e)?_?(end|to|until)(_?(date)?_?(time)?(_utc)?)?",
        r".*(date|time).*_(end|to|until)|(end|to|until)_.*(date|time).*", r".*_to_(dt|date).*",
    ),
    "reported": (
        r"reported(_?(date)?_?(time)?(_?at)?(_utc)?)?",
        r"(report(ed)?|rptd?)_?(dat|dt|time).*|(date|time)_(report(ed)?|rptd)|.*(reported|entered).*",
    ),
    "id": (
        r"event_id|incident_id|(case|event|incident|report|cad|dc|dr)_?(number|num|no|key|id)", r"id|objectid|uuid",
        r".*_(id|key|number|no)",
    ),
    "x": (r"x|point_x|lon|lng|long|longitude|easting", r"(x|lon).*|.*_(x|lon|lng|longitude|easting)"),
    "y": (r"y|point_y|lat|latitude|northing", r"(y|lat).*|.*_(y|lat|latitude|northing)"),
    "district": (
        r"district|district_(name|id|no|num|number)|beat|precinct|division|sector|psa|zone|area_?name",
        r".*(dist|beat|precinct|division|sector|psa).*", r"name|label", r".*name.*",
    ),
    "area": (
        r"(area|tract|ward|neighbou?rhood|block_?group|zone|geo)_?(name|label|id|code|no)?\d*", r"name|label",
        r".*name.*", r".*_(id|code)",
    ),
    "recorded_district": (
        r"district|(dc_)?dist(rict)?_(name|id|no|num|number)?|(dc_)?dist", r"beat|precinct|division|sector|psa",
    ),
}  # fmt: skip


def guess_field(names: Iterable[str], role: str, taken: Iterable[str] = ()) -> str:
    """The name that fits a role best, or an empty text; names in ``taken`` already have a role."""
    used = set(taken)
    free = [name for name in names if name not in used]
    for pattern in _PATTERNS[role]:
        for name in free:
            if re.fullmatch(pattern, re.sub(r"[\W_]+", "_", name.lower()).strip("_")):
                return name
    return ""


# Of areas: what is an amount and can be shared out, and what is a rate or an average.
_RATE = (
    r"(.*_)?(pct|percent(age)?|rate|share|ratio|density|median.*|mean|avg|average|per)(_.*)?|.*income.*|.*(pct|percent)"
)
_AMOUNT = (
    r"(.*_)?((tot(al)?)?pop(ulation)?\d*|residents|inhabitants|households|units|jobs|workers|employe(es|d)|visitors|beds|vacan(t|cies)"
    r"|total|count)(_.*)?"
)


def guess_measures(names: Iterable[str]) -> tuple[list[str], list[str]]:
    """Which numeric fields of areas are amounts, and which are rates or averages; the others are neither."""
    plain = {name: re.sub(r"[\W_]+", "_", name.lower()).strip("_") for name in names if not withheld.reason(name)}
    rates = [name for name, text in plain.items() if re.fullmatch(_RATE, text)]
    return [name for name, text in plain.items() if name not in rates and re.fullmatch(_AMOUNT, text)], rates


def guess_fields(names: Iterable[str], wanted: Iterable[str]) -> dict[str, str]:
    """A name per role, or an empty text; each name is given once, so put the roles with the plainest names first."""
    available = list(names)
    found: dict[str, str] = {}
    for role in wanted:
        found[role] = guess_field(available, role, [name for name in found.values() if name])
    return found
