"""The card in which the weight of one category is moved."""

from __future__ import annotations

import math

from qgis.gui import QgsDoubleSpinBox
from qgis.PyQt.QtCore import QCoreApplication, QSignalBlocker, Qt, pyqtSignal
from qgis.PyQt.QtWidgets import QHBoxLayout, QLabel, QLineEdit, QSlider, QVBoxLayout, QWidget

from patrol_missions.core.category_rules import is_enforcement_driven
from patrol_missions.core.presets import KINDS, OTHER_PREVENTABILITY
from patrol_missions.core.weights import Weight, kind_of
from patrol_missions.gui.forms import Note, add_row, button, explain, form, heading, quiet, side_by_side
from patrol_missions.gui.weights_table import MOST, plain_number

_STEPS = 50  # of the slider for a factor of ten


class WeightCard(QWidget):
    """Severity, share deterred and reason of one category; every change is told at once."""

    moved = pyqtSignal(str, str, object)  # category, what of it, value
    reset = pyqtSignal(str)  # category

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._weight: Weight | None = None
        self._base = 1.0
        self.title = heading("")
        self.about = quiet(Note())
        self.severity = QgsDoubleSpinBox()
        self.severity.setRange(0.0, MOST)
        self.severity.setShowClearButton(False)
        self.severity.setGroupSeparatorShown(True)
        self.factor = QSlider(Qt.Orientation.Horizontal)
        self.factor.setRange(-_STEPS, _STEPS)
        self.factor.setPageStep(5)
        explain(self.factor, tr("Severity against the preset"),
                tr("From a tenth of the preset’s severity to ten times it."))  # fmt: skip
        self.deters = QSlider(Qt.Orientation.Horizontal)
        self.deters.setRange(0, 100)
        self.deters.setPageStep(5)
        self.share = QLabel()
        self.share.setMinimumWidth(self.share.fontMetrics().boundingRect("100 %").width() + 4)
        self.share.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        self.reason = QLineEdit()
        rows = form()
        costs = tr("What one incident costs, in the unit of the preset. Times what patrol deters of it, it is what an "
                   "expected incident adds to a cell’s harm.")  # fmt: skip
        add_row(rows, tr("&Severity"), self.severity, costs)
        rows.addRow("", self.factor)
        both = QWidget()
        line = QHBoxLayout(both)
        line.setContentsMargins(0, 0, 0, 0)
        line.addWidget(self.deters, 1)
        line.addWidget(self.share)
        both.setFocusProxy(self.deters)
        add_row(rows, tr("Patrol &deters"), both, tr("Share of such incidents that visible patrol can deter."))
        add_row(rows, tr("Re&ason"), self.reason, tr("Why it weighs so; kept in every plan made by it."))
        self.reset_button = button(tr("As in the &preset"), tr("Take back what was changed of this category."))
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self.title)
        column.addWidget(self.about)
        column.addLayout(rows)
        column.addLayout(side_by_side(self.reset_button))
        self.severity.valueChanged.connect(lambda value: self._tell("severity", value))
        self.factor.valueChanged.connect(lambda at: self._tell("severity", _rounded(self._base * 10 ** (at / _STEPS))))
        self.deters.valueChanged.connect(lambda share: self._tell("preventability", share / 100.0))
        self.reason.editingFinished.connect(lambda: self._tell("reason", self.reason.text().strip()))
        self.reset_button.clicked.connect(lambda: self._weight and self.reset.emit(self._weight.category))

    def show_weight(self, weight: Weight | None, base: Weight | None, editable: bool) -> None:
        """Show a category's weight.

        :param base: what the preset says of it
        """
        self.setVisible(weight is not None)
        if weight is None or base is None:
            return
        self._weight, self._base = weight, base.severity or 1.0
        kept = [QSignalBlocker(each) for each in (self.severity, self.factor, self.deters, self.reason)]
        told = tr("{category} weighs {weight}") if weight.use else tr("{category} does not count")
        self.title.setText(told.format(category=weight.category, weight=plain_number(weight.value)))
        self.about.setText(_about(weight, base))
        self.severity.setDecimals(0 if min(base.severity, weight.severity) >= 100 else 2)
        if not self.severity.hasFocus():
            self.severity.setValue(weight.severity)
        if not self.factor.isSliderDown():
            self.factor.setValue(round(_STEPS * math.log10(max(weight.severity, 1e-9) / self._base)))
        self.deters.setValue(round(100 * weight.preventability))
        self.share.setText(f"{100 * weight.preventability:.0f} %")
        if not self.reason.hasFocus():
            self.reason.setText(weight.reason)
        for each in (self.severity, self.factor, self.deters, self.reason):
            each.setEnabled(editable)
        self.reset_button.setEnabled(editable and weight != base)
        del kept

    def _tell(self, name: str, value: object) -> None:
        if self._weight is not None and value != getattr(self._weight, name):
            self.moved.emit(self._weight.category, name, value)


def _about(weight: Weight, base: Weight) -> str:
    """Where the numbers come from."""
    kind = kind_of(weight.category)
    why = KINDS[kind].why if kind else ""
    deterred = tr("Patrol deters {share:.0%} by default").format(
        share=KINDS[kind].preventability if kind else OTHER_PREVENTABILITY
    )
    parts = [base.basis, f"{deterred}: {why}" if why else deterred]
    if weight.severity != base.severity:
        given = tr("The severity is your own, instead of {severity}").format(severity=plain_number(base.severity))
        parts[0] = f"{given} ({base.basis})"
    if is_enforcement_driven(weight.category):
        parts.insert(0, tr("Mostly reflects where police look, so it counts only with a reason"))
    return ". ".join(parts) + "."


def _rounded(value: float) -> float:
    """Three digits: a slider is no finer."""
    return float(f"{value:.3g}")


def tr(text: str) -> str:
    """The text in the user's language."""
    return QCoreApplication.translate("WeightCard", text)
