"""The page where a community says what counts: weights per category, who approved them, and what they would change."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from qgis.PyQt.QtCore import QCoreApplication, Qt, QTimer, pyqtSignal
from qgis.PyQt.QtWidgets import QComboBox, QFileDialog, QHBoxLayout, QToolButton, QWidget

from patrol_missions.core.category_rules import is_enforcement_driven
from patrol_missions.core.errors import PatrolError
from patrol_missions.core.presets import PRESETS
from patrol_missions.core.weights import Weight, resolve
from patrol_missions.gui.forms import (
    Banner,
    Card,
    Note,
    Page,
    add_row,
    button,
    form,
    quiet,
    shrinkable,
    side_by_side,
    theme_icon,
    tool_button,
)
from patrol_missions.gui.missions import ShiftInstance
from patrol_missions.gui.project_state import PlanForm, ProjectState
from patrol_missions.gui.weight_card import WeightCard
from patrol_missions.gui.weights_book import WeightsBook, asked, categories_of
from patrol_missions.gui.weights_dialogs import CompareDialog, RecordDialog
from patrol_missions.gui.weights_preview import Change, WeightsPreview
from patrol_missions.gui.weights_table import WeightsTable
from patrol_missions.processing_algorithms import weights_file


class WeightsPage(Page):
    """Shows a :class:`WeightsBook`; changes are drawn on the map at once, and count when missions are planned."""

    plan_wanted = pyqtSignal()
    trouble = pyqtSignal(str)
    told = pyqtSignal(str)

    def __init__(self, book: WeightsBook, preview: WeightsPreview, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._book, self._preview = book, preview
        self._state: ProjectState | None = None
        self._plan, self._shift, self._shift_title = PlanForm(), None, ""
        self._categories: list[str] = []
        self._picked = ""
        self._busy = False
        self._change: Change | None = None
        self.status = Banner()
        self.table = WeightsTable()
        self.card = WeightCard()
        self._redraw = QTimer(self)
        self._redraw.setSingleShot(True)
        self._redraw.setInterval(0)  # several changes of one moment are drawn once
        self._redraw.timeout.connect(self._draw)
        self.column.addWidget(self.status)
        self._add_scales()
        self.column.addWidget(self.table)
        self.column.addWidget(self.card)
        self._add_effect()
        self.column.addStretch(1)
        self.table.picked.connect(self._pick)
        self.table.ticked.connect(self._tick)
        self.table.numbered.connect(lambda category, name, value: self._set(category, **{name: value}))
        self.card.moved.connect(lambda category, name, value: self._set(category, **{name: value}))
        self.card.reset.connect(
            lambda category: self._set(category, severity=None, preventability=None, use=None, reason=None)
        )
        book.changed.connect(self._changed)
        book.stack.indexChanged.connect(lambda _index: self._allow_undo())

    def _add_scales(self) -> None:
        self.preset, self.version = shrinkable(QComboBox()), shrinkable(QComboBox())
        for key, preset in PRESETS.items():
            self.preset.addItem(preset.label, key)
        self.preset.activated.connect(lambda _index: self._book.set_preset(self.preset.currentData()))
        self.version.activated.connect(lambda _index: self._book.load(self.version.currentData() or ""))
        self.source = quiet(Note())
        self.scales = QWidget()
        rows = form()
        self.scales.setLayout(rows)
        rows.setContentsMargins(0, 0, 0, 0)
        add_row(rows, tr("&Preset"), self.preset, tr("Published severities that what you do not set is taken from."))
        rows.addRow(self.source)
        add_row(rows, tr("&Version"), self.version, tr("Weights that were approved; choose one to go back to it."))
        self.approve_button = self._tool("mActionFileSave", tr("Approve"), tr("Keep these weights as a version, with "
                                         "who approved them and why."), self._approve)  # fmt: skip
        self.compare_button = self._tool("mActionOpenTable", tr("Compare"), tr("Show what differs between versions."),
                                         self._compare)  # fmt: skip
        self.import_button = self._tool("mActionFileOpen", tr("Import"), tr("Take severities from a CSV file, such as "
                                        "a survey’s: columns category and severity, perhaps preventability, use and "
                                        "reason."), self._import)  # fmt: skip
        self.lock_button = self._tool("locked", tr("Lock"), tr("Keep everybody from changing the weights until they "
                                      "are unlocked with a reason."), self._lock)  # fmt: skip
        self.lock_button.setCheckable(True)
        self.undo_button = self._tool(
            "mActionUndo", tr("Undo"), tr("Take back the last change."), self._book.stack.undo
        )
        self.redo_button = self._tool("mActionRedo", tr("Redo"), tr("Do again what was taken back."),
                                      self._book.stack.redo)  # fmt: skip
        line = QHBoxLayout()
        line.setSpacing(3)
        self.approve_button.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)  # more is too wide
        for each in (self.approve_button, self.import_button, self.compare_button, self.lock_button):
            line.addWidget(each)
        line.addStretch(1)
        line.addWidget(self.undo_button)
        line.addWidget(self.redo_button)
        rows.addRow(line)
        self.column.addWidget(self.scales)

    def _add_effect(self) -> None:
        self.effect = Card(tr("What it changes"), theme_icon("mActionIdentify"))
        self.effect_text = Note()
        self.plan_button = button(
            tr("P&lan missions by these weights"), tr("Go to the Plan page: weights count when missions are planned."),
            theme_icon("mActionStart"),
        )  # fmt: skip
        self.plan_button.clicked.connect(self.plan_wanted)
        self.effect.column.addWidget(self.effect_text)
        self.effect.column.addLayout(side_by_side(self.plan_button))
        self.column.addWidget(self.effect)

    def _tool(self, icon: str, text: str, help_text: str, act: Callable[[], object]) -> QToolButton:
        made = tool_button(theme_icon(icon), text, help_text)
        made.clicked.connect(lambda *_: act())
        return made

    # --- showing

    def refresh(
        self, state: ProjectState, plan: PlanForm, shift: ShiftInstance | None, shift_title: str, busy: bool
    ) -> None:
        """Show the project's weights.

        :param plan: the answers of the plan page, by which missions are counted
        :param shift: the shift that they are counted in; the forecast's first where there are no missions yet
        """
        self._state, self._plan, self._shift, self._shift_title = state, plan, shift, shift_title
        categories = categories_of(state)
        if categories != self._categories:
            self._categories, self._change = categories, None
        self._busy = busy
        self._changed()

    def _changed(self) -> None:
        """Show what the book says; the map follows when the events at hand are done."""
        if self._state is None:
            return
        there, lock = bool(self._categories), self._book.lock()
        editable = lock is None
        for part in (self.scales, self.table, self.effect):
            part.setVisible(there)
        self._tell_status()
        if not there:
            self.card.show_weight(None, None, False)
            return
        self._show_scales(editable)
        self._show_weights()
        if self.isVisible():
            self._redraw.start()

    def _show_scales(self, editable: bool) -> None:
        form_ = self._book.form
        preset = PRESETS[form_.preset]
        self.preset.setCurrentIndex(self.preset.findData(form_.preset))
        self.preset.setEnabled(editable)
        self.source.setText(preset.source)
        self.version.clear()
        if not form_.version:
            self.version.addItem(tr("not approved"), "")
        for each in reversed(self._book.versions()):
            self.version.addItem(each.title(), each.name)
        self.version.setCurrentIndex(max(0, self.version.findData(form_.version)))
        self.version.setEnabled(editable and bool(form_.versions))
        version = self._book.version(form_.version)
        self.version.setToolTip(f"{version.title()}: {version.reason}" if version else "")
        self.approve_button.setEnabled(editable and not form_.version)
        self.compare_button.setEnabled(bool(form_.versions))
        self.import_button.setEnabled(editable)
        self.lock_button.setChecked(not editable)
        self.lock_button.setEnabled(not editable or bool(form_.version))
        self._allow_undo()

    def _allow_undo(self) -> None:
        editable, stack = self._book.lock() is None, self._book.stack
        self.undo_button.setEnabled(editable and stack.canUndo())
        self.redo_button.setEnabled(editable and stack.canRedo())

    def _show_weights(self) -> None:
        self.table.show_weights(self._weights(), self._change, self._book.lock() is None)
        self._show_card()

    def _show_card(self) -> None:
        weight = next((each for each in self._weights() if each.category == self._picked), None)
        base = resolve(self._book.form.preset, None, [self._picked])[0][0] if weight is not None else None
        self.card.show_weight(weight, base, self._book.lock() is None)

    def _weights(self) -> tuple[Weight, ...]:
        return self._book.weights(self._categories)

    def _tell_status(self) -> None:
        lock = self._book.lock()
        if not self._categories:
            self.status.say(
                "mIconInfo",
                tr("There are no categories to weigh yet. Train a model on the Data page, or open the sample city."),
            )
        elif lock is not None:
            self.status.say(
                "locked",
                tr("Locked at “{version}” by {person} on {day}: {reason}").format(
                    version=lock["version"], person=lock["person"], day=lock["at"][:10], reason=lock["reason"]
                ),
            )
        else:
            self.status.say("", "")

    def _draw(self) -> None:
        """Show what the weights change, in the table, in words and on the map."""
        state = self._state
        if state is None or not self._categories:
            return
        weights = self._weights()
        any_ = any(weight.value > 0 for weight in weights)
        tried = state.layer("forecast") is not None and asked(self._book.form) != state.value("forecast", "weights")
        self._change = self._preview.change(weights, self._plan, self._shift) if any_ else None
        self._show_weights()
        self._tell_effect(self._change, any_, tried)
        if tried and any_:
            self._preview.recolour(weights, self._shift)
        else:
            self._preview.restore()

    def _tell_effect(self, change: Change | None, any_: bool, tried: bool) -> None:
        if not any_:
            text = tr("No category counts. Tick one, and give it a severity and a share that patrol deters.")
        elif change is None:
            text = tr("There is no forecast yet: plan missions, and the map will follow every change here.")
        elif not tried:
            text = tr("The map and the missions are by these weights.")
        else:
            text = tr(
                "{shift}: {moved} of {missions} missions would go elsewhere. The map shows these weights; missions "
                "follow when they are planned."
            ).format(
                shift=self._shift_title or tr("First shift"), moved=f"{change.moved:.1f}",
                missions=f"{change.missions:.0f}",
            )  # fmt: skip
        self.effect_text.setText(text)
        self.plan_button.setEnabled(any_ and (tried or change is None) and not self._busy)

    # --- changing

    def _pick(self, category: str) -> None:
        self._picked = category
        if self._state is not None and self._categories:
            self._show_card()

    def _set(self, category: str, **given: object) -> None:
        weight = next(each for each in self._weights() if each.category == category)
        if is_enforcement_driven(category) and weight.use and given.get("reason") == "":
            given["use"] = False  # it counts by its reason alone
        self._book.set(category, **given)
        self._changed()  # also where nothing changed: the table shows what holds

    def _tick(self, category: str, use: bool) -> None:
        reason = self._book.row(category).get("reason", "")
        if use and is_enforcement_driven(category) and not reason:
            dialog = RecordDialog(
                category,
                tr("“{category}” mostly reflects where police look: to plan by it sends patrol back to where it was. "
                   "It counts only with a reason, which is kept in every plan.").format(category=category),
                {"reason": (tr("&Reason"), tr("Why it is right to plan by it here."))},
                self,
            )  # fmt: skip
            if not dialog.exec():
                self._changed()
                return
            reason = dialog.answers()["reason"]
        self._set(category, use=use, reason=reason)

    def _approve(self) -> None:
        dialog = RecordDialog(
            tr("Approve these weights"),
            tr("They are kept as a version that nobody can change, and named in every plan made by them."),
            {
                "name": (tr("&Name"), tr("What the version is called, such as “Council, spring 2027”.")),
                "person": (tr("Approved &by"), tr("The person who approves of them.")),
                "reason": (tr("Be&cause"), tr("Why: a vote, a survey, an order.")),
            },
            self,
        )
        if dialog.exec():
            self._try(lambda: self._book.approve(**dialog.answers(), categories=self._categories))

    def _lock(self) -> None:
        on = self._book.lock() is None
        dialog = RecordDialog(
            tr("Lock the weights") if on else tr("Unlock the weights"),
            tr("Who does it, and why, is kept in the project."),
            {
                "person": (tr("&Person"), tr("Who does it.")),
                "reason": (tr("Be&cause"), tr("Why.")),
            },
            self,
        )
        if dialog.exec():
            self._try(lambda: self._book.set_lock(on, **dialog.answers()))
        self._changed()

    def _compare(self) -> None:
        form_ = self._book.form
        sets: dict[str, Sequence[Weight]] = {
            each.title(): resolve(each.preset, each.rows, [row["category"] for row in each.rows])[0]
            for each in self._book.versions()
        }
        if not form_.version:
            sets[tr("As they are now")] = self._weights()
        CompareDialog(sets, self).exec()

    def _import(self) -> None:
        path, _ = QFileDialog.getOpenFileName(self, tr("Import weights"), "", tr("CSV files (*.csv);;All files (*)"))
        if path:
            self.take_file(Path(path))

    def take_file(self, path: Path) -> None:
        """Take weights from a CSV file, and tell what was taken."""

        def take() -> None:
            rows, told = weights_file.read(path, self._categories)
            before = self._weights()
            doubt = weights_file.other_unit(rows, {each.category: each.severity for each in before}, self._categories)
            self._book.take(rows, self._categories)
            self.told.emit(told)
            if doubt:
                self.trouble.emit(doubt)

        self._try(take)

    def _try(self, act: Callable[[], object]) -> None:
        try:
            act()
        except PatrolError as error:
            self.trouble.emit(str(error))


def tr(text: str) -> str:
    """The text in the user's language."""
    return QCoreApplication.translate("WeightsPage", text)
