"""What missions are called and what is said about them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from patrol_missions.engine.missions.candidates import Candidates, Groups

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_MOST = 3  # categories named per mission
_WORTH_NAMING = 0.2  # share of the harm


def mission_ids(groups: Groups, group: Ints, order: Ints) -> NDArray[np.str_]:
    """Names such as ``"2020-01-03 Night 05-2"``: operational date, shift, district, number within the district."""
    stems = [
        f"{date:%Y-%m-%d} {shift} " + (f"{district}-" if district else "")
        for date, shift, district in zip(groups.date.tolist(), groups.shift, groups.district)
    ]
    names = [f"{stems[g]}{number}" for g, number in zip(group.tolist(), order.tolist())]
    return np.array(names, dtype=np.str_) if names else np.empty(0, dtype="<U1")


def windows(opens: NDArray[np.datetime64], closes: NDArray[np.datetime64]) -> list[str]:
    """Spans of local wall time such as ``"22:00–00:00"``."""
    return [f"{a:%H:%M}–{b:%H:%M}" for a, b in zip(opens.tolist(), closes.tolist())]


def top_categories(missions: Candidates) -> list[tuple[str, ...]]:
    """Categories that make up at least a fifth of each mission's harm, most first, three at most; the largest always.

    Where the weights behind the harm cannot be told, the forecast's top category stands alone.
    """
    if not missions.weights:
        table = missions.table
        tops = table.text("top_category").tolist() if "top_category" in table else [None] * len(missions.harm)
        return [(str(top),) if top is not None else () for top in tops]
    names = [weight.category for weight in missions.weights]
    share = missions.contributions()
    best = np.argsort(-share, axis=1, kind="stable")[:, :_MOST]
    result = []
    for line, picks in zip(share, best.tolist()):
        result.append(
            tuple(names[k] for i, k in enumerate(picks) if line[k] >= _WORTH_NAMING or (i == 0 and line[k] > 0))
        )
    return result


def purposes(
    missions: Candidates,
    means: Mapping[str, Floats],
    tops: Sequence[tuple[str, ...]],
    spans: Sequence[str],
    dose_minutes: float,
) -> list[str]:
    """One sentence per mission: what to do when, to deter what, and how much of it is expected.

    :param means: expected incidents of the mean cell, per category and group
    """
    known = {category: (values, means[category][missions.group]) for category, values in missions.expected.items()}
    return [
        _purpose(
            top,
            span.replace("–", " and "),
            dose_minutes,
            [(e[i], m[i]) for e, m in (known[c] for c in top if c in known)],
        )
        for i, (top, span) in enumerate(zip(tops, spans))
    ]


def _purpose(top: tuple[str, ...], span: str, dose_minutes: float, figures: list[tuple[Any, Any]]) -> str:
    seen = f"Be seen here for {dose_minutes:g} minutes between {span}"
    if not top:
        return f"{seen}; no harm is expected here, but every cell keeps a chance of being drawn."
    what = " and ".join([", ".join(top[:-1]), top[-1]] if len(top) > 1 else top)
    here, mean = sum(f[0] for f in figures), sum(f[1] for f in figures)
    if not mean > 0:
        return f"{seen} to deter {what}."
    which = "incidents" if len(top) == 1 else "such incidents"
    return (
        f"{seen} to deter {what}: {here:.2g} {which} are expected here in the shift, "
        f"{here / mean:.1f} times the district's average cell."
    )
