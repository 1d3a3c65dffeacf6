"""What the community's weights are, were and may be: the answers, approved versions of them, and the lock on one."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from typing import Any

from qgis.PyQt.QtCore import QCoreApplication, QObject, pyqtSignal

from patrol_missions.core.errors import InputError
from patrol_missions.core.presets import PRESETS
from patrol_missions.core.weights import Weight, resolve
from patrol_missions.gui.compat import QUndoCommand, QUndoStack
from patrol_missions.gui.project_state import ProjectState, WeightsForm

_NUMBERS = ("severity", "preventability")
_GIVEN = (*_NUMBERS, "use", "reason")


@dataclass(frozen=True)
class Version:
    """Weights that somebody approved, with all their numbers, so that no later preset changes them.

    :param at: ISO, UTC
    :param rows: one per category, as :func:`patrol_missions.core.weights.resolve` takes them
    """

    name: str
    approved_by: str
    reason: str
    at: str
    preset: str
    rows: list[dict[str, Any]]

    def title(self) -> str:
        """Name, who approved and when."""
        return tr("{name}, approved by {person} on {day}").format(
            name=self.name, person=self.approved_by, day=self.at[:10]
        )


class WeightsBook(QObject):
    """The project's weights; every change of them can be undone, what was approved or locked stays on record."""

    changed = pyqtSignal()

    def __init__(self, state: ProjectState, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._state = state
        self.stack = QUndoStack(self)

    # --- what holds

    @property
    def form(self) -> WeightsForm:
        """The answers as they stand."""
        return self._state.weights

    def weights(self, categories: Sequence[str]) -> tuple[Weight, ...]:
        """One weight per category, in their order."""
        return resolve(self.form.preset, rows_for(self.form, categories), categories)[0]

    def versions(self) -> list[Version]:
        """Approved versions, the oldest first."""
        return [Version(**each) for each in self.form.versions]

    def version(self, name: str) -> Version | None:
        """An approved version by its name."""
        return next((each for each in self.versions() if each.name == name), None)

    def lock(self) -> Mapping[str, Any] | None:
        """Who locked the weights, when and why; ``None`` while they may be changed."""
        locks = self.form.locks
        return locks[-1] if locks and locks[-1]["on"] else None

    # --- changes that can be undone

    def set(self, category: str, **given: Any) -> None:
        """Change ``severity``, ``preventability``, ``use`` or ``reason`` of a category; None takes the preset's.

        One change after another of the same thing, as while a slider is moved, is undone at once.
        """
        row = _differing(self.form.preset, {**self.row(category), "category": category, **given})
        rows = [each for each in self.form.rows if each["category"] != category]
        if len(row) > 1:
            rows.append(row)
        self._push(replace(self.form, rows=rows, version=""), f"{category}/{'/'.join(given)}")

    def row(self, category: str) -> dict[str, Any]:
        """What was said of a category itself."""
        return next((each for each in self.form.rows if each["category"] == category), {})

    def set_preset(self, key: str) -> None:
        """Take the severities of another preset; those of one's own go, since they were in the unit of the last."""
        rows = [{name: value for name, value in row.items() if name != "severity"} for row in self.form.rows]
        self._push(replace(self.form, preset=key, rows=[row for row in rows if len(row) > 1], version=""))

    def take(self, rows: Iterable[Mapping[str, Any]], categories: Sequence[str]) -> None:
        """Take rows of a table, such as a survey's, in place of what was said of their categories.

        :raises InputError: they cannot be weights; nothing changes then
        """
        given = [dict(row) for row in rows]
        resolve(self.form.preset, given, categories)
        named = {row["category"] for row in given}
        kept = [row for row in self.form.rows if row["category"] not in named]
        self._push(replace(self.form, rows=[*kept, *given], version=""))

    def load(self, name: str) -> None:
        """Go back to an approved version."""
        version = self.version(name)
        if version is not None:
            rows = [_differing(version.preset, row) for row in version.rows]
            kept = [row for row in rows if len(row) > 1]
            self._push(replace(self.form, preset=version.preset, rows=kept, version=name))

    def _push(self, form: WeightsForm, what: str = "") -> None:
        if self.lock() is None and _answers(form) != _answers(self.form):
            self.stack.push(_Change(self, self.form, form, what))

    def apply(self, form: WeightsForm) -> None:
        """Let the answers of a form hold; versions and locks are not undone with them."""
        self._keep(replace(self.form, preset=form.preset, rows=form.rows, version=form.version))

    # --- what stays on record

    def approve(self, name: str, person: str, reason: str, categories: Sequence[str]) -> None:
        """Keep the weights as a version.

        :raises InputError: there is a version of that name
        """
        if self.version(name) is not None:
            raise InputError(
                tr("There is a version “{name}” already.").format(name=name), tr("Give this one another name.")
            )
        rows = [
            {"category": each.category, **{given: getattr(each, given) for given in _GIVEN}}
            for each in self.weights(categories)
        ]
        kept = Version(name, person, reason, _now(), self.form.preset, rows)
        self._keep(replace(self.form, version=name, versions=[*self.form.versions, kept.__dict__]))

    def set_lock(self, on: bool, person: str, reason: str) -> None:
        """Lock the weights at their version, or unlock them.

        :raises InputError: the weights are no approved version
        """
        if on and not self.form.version:
            raise InputError(tr("These weights are no approved version."), tr("Approve them first."))
        entry = {"on": on, "version": self.form.version, "person": person, "reason": reason, "at": _now()}
        self._keep(replace(self.form, locks=[*self.form.locks, entry]))
        self.stack.clear()  # what was done before the lock is not undone behind it

    def _keep(self, form: WeightsForm) -> None:
        self._state.set_weights(form)
        self.changed.emit()


class _Change(QUndoCommand):
    """From one set of answers to another."""

    def __init__(self, book: WeightsBook, before: WeightsForm, after: WeightsForm, what: str) -> None:
        super().__init__()
        self._book, self._before, self.after, self.what = book, before, after, what

    def id(self) -> int:
        """Changes of the same kind may be merged."""
        return 1 if self.what else -1

    def mergeWith(self, other: QUndoCommand) -> bool:  # noqa: N802 - Qt's name
        """Take up what follows of the same thing."""
        if not isinstance(other, _Change) or other.what != self.what:
            return False
        self.after = other.after
        return True

    def redo(self) -> None:
        """Do it, for the first time or again."""
        self._book.apply(self.after)

    def undo(self) -> None:
        """Take it back."""
        self._book.apply(self._before)


def rows_for(form: WeightsForm, categories: Sequence[str]) -> list[dict[str, Any]]:
    """The rows of the categories that there are; those of others rest until their categories come back."""
    return [row for row in form.rows if row["category"] in categories]


def as_table(form: WeightsForm, categories: Sequence[str]) -> list[list[str]]:
    """The rows as algorithms take them."""
    words = {True: "yes", False: "no"}
    return [
        [
            row["category"],
            *(repr(row[name]) if name in row else "" for name in _NUMBERS),
            words.get(row.get("use"), ""),
            row.get("reason", ""),
        ]
        for row in rows_for(form, categories)
    ]


def asked(form: WeightsForm) -> str:
    """What decides the weights, to tell whether they are the same."""
    return json.dumps(_answers(form)[:2], sort_keys=True)


def told(form: WeightsForm) -> str:
    """What the weights are called, with who approved them."""
    version = next((Version(**each) for each in form.versions if each["name"] == form.version), None)
    if version is not None:
        return version.title()
    label = PRESETS[form.preset].label if form.preset in PRESETS else form.preset
    return tr("{preset}, changed and not approved").format(preset=label) if form.rows else label


def categories_of(state: ProjectState) -> list[str]:
    """Categories that there are weights for: those of the model; none before there is one."""
    return str(state.value("train", "CATEGORIES")).splitlines()


def _answers(form: WeightsForm) -> tuple[str, list[dict[str, Any]], str]:
    return form.preset, sorted(form.rows, key=lambda row: str(row["category"])), form.version


def _differing(preset: str, row: Mapping[str, Any]) -> dict[str, Any]:
    """What of a row a preset does not say itself."""
    base = resolve(preset, None, [row["category"]])[0][0]
    said = {name: row[name] for name in _GIVEN if row.get(name) not in (None, "")}
    # A reason alone would switch an enforcement-driven category on.
    kept = {name: v for name, v in said.items() if v != getattr(base, name) or (name == "use" and "reason" in said)}
    return {"category": row["category"], **kept}


def _now() -> str:
    return datetime.now(timezone.utc).isoformat(timespec="seconds")


def tr(text: str) -> str:
    """The text in the user's language."""
    return QCoreApplication.translate("WeightsBook", text)
