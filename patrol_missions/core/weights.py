"""What one incident of each category weighs when places are compared: severity x preventability.

Severity comes from a published preset or from the user's own table; preventability (the share that visible patrol can
deter) is a documented judgement that the user may replace. Rows of the user's table always win over the preset.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from patrol_missions.core.category_rules import is_enforcement_driven, switch
from patrol_missions.core.errors import InputError
from patrol_missions.core.names import slug
from patrol_missions.core.presets import DEFAULT_PRESET, KINDS, OTHER_PREVENTABILITY, PRESETS, Preset

_OWN = "own table"


@dataclass(frozen=True)
class Weight:
    """What one incident of a category counts: ``severity`` (unit of the preset) and ``preventability`` (0 to 1).

    ``basis`` says in words where the severity comes from, for reports and the plan's record. A category that is not in
    ``use`` counts nothing; ``reason`` is why an enforcement-driven one does.
    """

    category: str
    severity: float
    preventability: float
    basis: str = ""
    use: bool = True
    reason: str = ""

    @property
    def value(self) -> float:
        """Severity x preventability, 0 for a category that is not in use."""
        return self.severity * self.preventability if self.use else 0.0


def asked_for(parameters: Mapping[str, Any], categories: Sequence[str]) -> tuple[tuple[Weight, ...], tuple[str, ...]]:
    """:func:`resolve` by a job's ``weights_preset`` and ``weights``; the default preset where it has neither."""
    rows = parameters.get("weights")
    return resolve(parameters.get("weights_preset") or (None if rows else DEFAULT_PRESET), rows, categories)


def resolve(
    preset: str | None,
    rows: Sequence[Mapping[str, Any]] | None,
    categories: Sequence[str],
    otherwise: Sequence[Weight] = (),
) -> tuple[tuple[Weight, ...], tuple[str, ...]]:
    """One weight per category, in the order of ``categories``, and sentences that the user should read.

    Parameters
    ----------
    preset
        Key of :data:`patrol_missions.core.presets.PRESETS`, or ``None`` when ``rows`` covers every category.
    rows
        The user's table: ``{"category", "severity", "preventability", "use", "reason"}``; a severity or preventability
        that is absent or ``None`` is taken from the preset; ``use`` is true unless it is false, ``"no"`` or the like.
        Categories are recognised in spite of case, accents and punctuation. Those that mostly reflect where police
        look are in use only with a ``reason``.
    categories
        Planning categories, as they are called by people.
    otherwise
        Without a preset: weights of the categories that ``rows`` does not have, such as those of an earlier step.

    Raises
    ------
    InputError
        A row that is negative, not a number, beyond 0..1, of an unknown category or given twice; an unknown preset;
        a category for which nothing gives a weight; an enforcement-driven one in use without a reason.

    Notes
    -----
    A category that the preset has no value for takes the preset's *lowest* severity, with a warning: never 0, which
    would silently drop it from the plan, and never a middling value that could outrank a category that was published.
    """
    scale = _preset(preset)
    given = _given(rows or (), categories)
    earlier = {weight.category: weight for weight in otherwise}
    weights: list[Weight] = []
    warnings: list[str] = []
    for category in categories:
        row = given.get(category, _Given())
        use, told = _in_use(category, row)
        warnings += told
        severity, kind = row.severity, kind_of(category)
        preventability = row.preventability
        if preventability is None:
            preventability = KINDS[kind].preventability if kind else OTHER_PREVENTABILITY
        if severity is not None:
            weights.append(Weight(category, severity, preventability, _OWN, use, row.reason))
            continue
        if scale is None and category in earlier and category not in given:
            weights.append(earlier[category])
            continue
        if scale is None:
            raise InputError(
                f"No severity is given for the category “{category}”.",
                "Add it to the weights table or choose a preset that fills the gaps.",
            )
        found = scale.severity.get(kind or "")
        if found is None:
            found = min(scale.severity.values())
            if use:
                warnings.append(
                    f"{scale.label} has no value for “{category}”; its lowest, {found:,.6g} {scale.unit}, is used. "
                    "Enter a severity for it in the weights table to change that."
                )
            basis = f"{scale.label}, lowest value"
        else:
            basis = f"{scale.label}: {KINDS[str(kind)].label}"
        weights.append(Weight(category, found, preventability, basis, use, row.reason))
    own = [weight.category for weight in weights if weight.basis == _OWN]
    if scale is not None and 0 < len(own) < len(weights):
        warnings.append(
            f"The severity of {', '.join(own)} is from your table and the others are from {scale.label}; "
            f"they are compared as they stand, so yours must be in {scale.unit} too."
        )
    return tuple(weights), tuple(warnings)


def harm(expected: Mapping[str, NDArray[Any]], weights: Sequence[Weight]) -> NDArray[np.float64]:
    """Sum over categories of expected incidents x weight, in float64; shape of the arrays in ``expected``."""
    total = np.zeros(np.shape(next(iter(expected.values()), ())), dtype=np.float64)
    for weight in weights:
        total += np.asarray(expected[weight.category], dtype=np.float64) * weight.value
    return total


def kind_of(category: str) -> str | None:
    """Kind of crime (key of :data:`KINDS`) that a category's name means, or ``None``."""
    words = _words(category)
    best: str | None = None
    length = 0
    for key, phrases in _PHRASES.items():
        longest = max((len(phrase) for phrase in phrases if phrase <= words), default=0)
        if longest > length:
            best, length = key, longest
    return best


def _words(text: str) -> frozenset[str]:
    return frozenset(_singular(word) for word in slug(text).split("_"))


def _singular(word: str) -> str:
    if word.endswith("ies"):
        return word[:-3] + "y"
    return word[:-1] if word.endswith("s") and not word.endswith("ss") else word


_PHRASES = {key: tuple(_words(phrase) for phrase in kind.phrases) for key, kind in KINDS.items()}


def _preset(key: str | None) -> Preset | None:
    if key is None:
        return None
    try:
        return PRESETS[key]
    except KeyError:
        raise InputError(f"There is no weights preset “{key}”.", f"Choose one of: {', '.join(PRESETS)}.") from None


@dataclass(frozen=True)
class _Given:
    """What a row of the user's table says of a category; ``use`` is ``None`` where it says nothing."""

    severity: float | None = None
    preventability: float | None = None
    use: bool | None = None
    reason: str = ""


def _given(rows: Sequence[Mapping[str, Any]], categories: Sequence[str]) -> dict[str, _Given]:
    """Checked rows of the user's table by category."""
    given: dict[str, _Given] = {}
    for row in rows:
        category = _recognise(str(row.get("category") or "").strip(), categories)
        if category in given:
            raise InputError(f"The weights table has the category “{category}” twice.", "Keep one of its rows.")
        severity = _number(row.get("severity"), category, "severity")
        preventability = _number(row.get("preventability"), category, "preventability")
        if severity is not None and severity < 0:
            raise InputError(f"The severity of “{category}” is {severity:g}.", "A severity is zero or above.")
        if preventability is not None and not 0 <= preventability <= 1:
            raise InputError(
                f"The preventability of “{category}” is {preventability:g}.",
                "It is a share between 0 (patrol deters none of it) and 1 (all of it).",
            )
        said = row.get("use")
        use = None if said is None or said == "" else switch(said, "weights table", category)
        given[category] = _Given(severity, preventability, use, str(row.get("reason") or "").strip())
    return given


def _in_use(category: str, row: _Given) -> tuple[bool, list[str]]:
    """Whether a category counts, and what to tell of it."""
    if not is_enforcement_driven(category) or row.use is False:
        return row.use is not False, []
    if row.reason:
        return True, [f"“{category}” mostly reflects where police look; it counts because: {row.reason}"]
    if row.use:
        raise InputError(
            f"“{category}” mostly reflects where police look, and the weights table uses it without a reason.",
            "Write down why it is right here, or switch it off.",
        )
    sentence = (
        f"“{category}” mostly reflects where police look, so it does not count. To use it, switch it on in the weights "
        "table and write down why."
    )
    return False, [sentence]


def _recognise(name: str, categories: Sequence[str]) -> str:
    if name in categories:
        return name
    # Texts without any Latin letter or digit all share one slug, so only a unique likeness counts.
    alike = [category for category in categories if slug(category) == slug(name)] if name else []
    if len(alike) == 1 and (slug(name) != slug("") or name.casefold() == alike[0].casefold()):
        return alike[0]
    raise InputError(
        f"The weights table has the category “{name}”, which the forecast does not have."
        if name
        else "A row of the weights table has no category.",
        f"The forecast's categories are: {', '.join(categories)}.",
    )


def _number(value: Any, category: str, what: str) -> float | None:
    if value is None or (isinstance(value, str) and not value.strip()):
        return None
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = math.nan
    if not math.isfinite(number):
        raise InputError(f"The {what} of “{category}” is “{value}”, which is not a number.", "Enter a plain number.")
    return number
