"""Weights from a CSV file, such as the answers of a community survey."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Any

from qgis.PyQt.QtCore import QCoreApplication

from patrol_missions.core.category_rules import switch
from patrol_missions.core.errors import InputError
from patrol_missions.core.names import slug
from patrol_missions.processing_algorithms.csv_rows import read_rows

_NUMBERS = ("severity", "preventability")
_APART = 20.0  # times that every severity of a file differs from what it was, where its unit is another


def read(path: Path, categories: Sequence[str]) -> tuple[list[dict[str, Any]], str]:
    """Rows as :func:`patrol_missions.core.weights.resolve` takes them, and what to tell of them.

    Where several rows are of one category, as the answers of a survey, the median of their numbers counts, so that
    neither a slip nor a few loud answers decide.

    :param categories: those that there are weights for; rows of others are passed over
    :raises InputError: the file cannot be read, or holds no weights
    """
    hint = tr("It needs category and severity, and may have preventability, use and reason.")
    known = {slug(category): category for category in categories}
    answers: dict[str, list[dict[str, str]]] = {}
    unknown: dict[str, None] = {}
    for row in read_rows(path, tr("table of weights"), ("category", "severity"), hint):
        name = row["category"].strip()
        if not name:
            continue
        if slug(name) in known:
            answers.setdefault(known[slug(name)], []).append(row)
        else:
            unknown[name] = None
    if not answers:
        raise InputError(
            tr("No category of {file} is one of the forecast.").format(file=path.name),
            tr("The forecast’s categories are: {categories}.").format(categories=", ".join(categories)),
        )
    rows = [_row(category, given) for category, given in answers.items()]
    return rows, _told(answers, list(unknown), categories)


def other_unit(rows: Sequence[Mapping[str, Any]], before: Mapping[str, float], categories: Sequence[str]) -> str:
    """A warning where severities of a file and those that stay seem to be in different units; else an empty text.

    A survey's marks from 1 to 10 beside costs in dollars would leave the plan to the categories that were not asked
    about. Nobody's view of a category differs from a published one that much for all of them at once.

    :param rows: as :func:`read` gives them
    :param before: severities until now, by category
    """
    taken = {row["category"]: row["severity"] for row in rows if row.get("severity") is not None}
    rest = [before[category] for category in categories if category in before and category not in taken]
    ratios = [severity / before[category] for category, severity in taken.items() if before.get(category, 0) > 0]
    if not rest or not ratios or (max(ratios) >= 1 / _APART and min(ratios) <= _APART):
        return ""
    told = tr("The file’s severities ({taken}) seem to be in another unit than the rest ({rest}): import all or none.")
    return told.format(taken=_span(taken.values()), rest=_span(rest))


def _span(numbers: Iterable[float]) -> str:
    ordered = sorted(numbers)
    low, high = ordered[0], ordered[-1]
    return f"{low:,.6g}" if low == high else tr("{low:,.6g} to {high:,.6g}").format(low=low, high=high)


def _row(category: str, answers: Sequence[Mapping[str, str]]) -> dict[str, Any]:
    row: dict[str, Any] = {"category": category}
    for name in _NUMBERS:
        numbers = [_number(each[name], name, category) for each in answers if each.get(name, "").strip()]
        if numbers:
            row[name] = median(numbers)
    said = [each["use"] for each in answers if each.get("use", "").strip()]
    if said:
        row["use"] = switch(said[-1], tr("table of weights"), category)
    reasons = [each["reason"].strip() for each in answers if each.get("reason", "").strip()]
    if reasons:
        row["reason"] = reasons[-1]
    return row


def _number(text: str, name: str, category: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise InputError(
            tr("The {what} of “{row}” is “{text}”, which is not a number.").format(what=name, row=category, text=text),
            tr("Write it with digits and a decimal point."),
        ) from None


def _told(answers: Mapping[str, Sequence[object]], unknown: Sequence[str], categories: Sequence[str]) -> str:
    sentences = [tr("{number} categories taken over.").format(number=len(answers))]
    most = max(len(rows) for rows in answers.values())
    if most > 1:
        sentences.append(tr("Of several answers ({number} at most) the median counts.").format(number=most))
    rest = [category for category in categories if category not in answers]
    if rest:
        sentences.append(
            tr("Not in the file, so as before: {names}. All severities are compared as they stand.").format(
                names=", ".join(rest)
            )
        )
    if unknown:
        sentences.append(
            tr("Passed over, since there is no forecast of them: {names}.").format(names=", ".join(unknown))
        )
    return " ".join(sentences)


def tr(text: str) -> str:
    """The text in the user's language."""
    return QCoreApplication.translate("PatrolWeightsFile", text)
