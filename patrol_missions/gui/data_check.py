"""The part of the data page that shows what the check found: verdict, findings, categories."""

from __future__ import annotations

from pathlib import Path

from qgis.core import NULL, QgsVectorLayer
from qgis.gui import QgsCollapsibleGroupBoxBasic
from qgis.PyQt.QtCore import QCoreApplication, Qt, QUrl, pyqtSignal
from qgis.PyQt.QtGui import QDesktopServices
from qgis.PyQt.QtWidgets import QFileDialog, QListWidget, QListWidgetItem, QVBoxLayout, QWidget

from patrol_missions.core.errors import PatrolError
from patrol_missions.gui.category_table import CategoryTable
from patrol_missions.gui.forms import Banner, Note, button, explain, heading, quiet, side_by_side, theme_icon, wrapped
from patrol_missions.gui.project_state import ProjectState

_ICONS = {"ok": "mIconSuccess", "info": "mIconInfo", "caution": "mIconWarning", "warning": "mIconWarning",
          "stop": "mIconCritical", "error": "mIconCritical"}  # fmt: skip
_GRAVEST_FIRST = ("stop", "error", "caution", "warning", "info", "ok")


class CheckBox(QgsCollapsibleGroupBoxBasic):
    """Verdict, findings and categories of the last check; hidden before there was one."""

    mapping_saved = pyqtSignal(str)  # path
    trouble = pyqtSignal(str)  # sentence

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(tr("What the check found"), parent)
        self._at = ""
        self._report = ""
        self._map = ""
        self.verdict = Banner()
        self.findings = QListWidget()
        self.findings.setWordWrap(True)
        self.findings.setResizeMode(QListWidget.ResizeMode.Adjust)
        self.findings.setSpacing(2)
        self.findings.setTextElideMode(Qt.TextElideMode.ElideNone)
        self.findings.setFixedHeight(220)
        self.findings.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        explain(self.findings, tr("Findings"), tr("What the check found, the gravest first, each with its remedy."))
        self.report_button = button(
            tr("Open the re&port"),
            tr("Open the whole data-quality report in the browser."),
            theme_icon("mActionOpenTable"),
        )
        self.report_button.clicked.connect(self._open_report)
        self.categories = CategoryTable()
        self.categories.edited.connect(self._allow_save)
        self.save_button = button(
            tr("Sa&ve categories"),
            tr("Keep the table beside the results. The next check uses it."),
            theme_icon("mActionFileSave"),
        )
        self.save_button.clicked.connect(self._save)
        self.load_button = button(
            tr("L&oad …"), tr("Use a category table that was saved before, such as another year’s.")
        )
        self.load_button.clicked.connect(self._load)
        self._changed = quiet(Note())

        column = QVBoxLayout(self)
        column.addWidget(self.verdict)
        column.addWidget(self.findings)
        column.addLayout(side_by_side(self.report_button))
        column.addWidget(heading(tr("Categories")))
        column.addWidget(self.categories)
        column.addLayout(side_by_side(self.save_button, self.load_button))
        column.addWidget(self._changed)
        self.setVisible(False)

    def refresh(self, state: ProjectState) -> bool:
        """Show the last check; whether it is another than the one shown before."""
        at = state.value("check", "at")
        self.setVisible(bool(at))
        if at == self._at:
            return False
        self._at = at
        if not at:
            return False
        self._report = state.value("check", "REPORT")
        self._map = state.value("check", "MAP_OUTPUT")
        verdict = str(state.value("check", "VERDICT")).lower()
        self.verdict.say(_ICONS.get(verdict, "mIconInfo"), str(state.value("check", "SENTENCE")))
        self._show_findings(state.layer("findings"))
        self.report_button.setEnabled(Path(self._report).is_file())
        if self._map and Path(self._map).is_file():
            self._show_map(Path(self._map))
        self.save_button.setEnabled(False)
        self._changed.setText("")
        return True

    def _show_findings(self, layer: QgsVectorLayer | None) -> None:
        self.findings.clear()
        if layer is None:
            return
        found = [{name: _text(feature[name]) for name in layer.fields().names()} for feature in layer.getFeatures()]
        gravity = {name: place for place, name in enumerate(_GRAVEST_FIRST)}
        for row in sorted(found, key=lambda row: gravity.get(row.get("severity", "").lower(), 9)):
            icon = theme_icon(_ICONS.get(row.get("severity", "").lower(), "mIconInfo"))
            item = QListWidgetItem(icon, f"{row.get('check', '')}: {row.get('finding', '')}")
            item.setToolTip(wrapped(row.get("remedy") or row.get("finding", "")))
            self.findings.addItem(item)

    def _show_map(self, path: Path) -> bool:
        try:
            self.categories.load(path)
        except PatrolError as error:
            self.trouble.emit(str(error))
            return False
        return True

    def _allow_save(self) -> None:
        self.save_button.setEnabled(True)
        self._changed.setText(tr("Save the categories and check again, so that the change counts."))

    def _save(self) -> None:
        try:
            self.categories.save(Path(self._map))
        except PatrolError as error:
            self.trouble.emit(str(error))
            return
        self.save_button.setEnabled(False)
        self._changed.setText(tr("Saved. Check again, so that the change counts."))
        self.mapping_saved.emit(self._map)

    def _load(self) -> None:
        path, _ = QFileDialog.getOpenFileName(self, tr("Category table"), str(Path(self._map).parent), "CSV (*.csv)")
        if path and self._show_map(Path(path)):
            self._allow_save()

    def _open_report(self) -> None:
        QDesktopServices.openUrl(QUrl.fromLocalFile(self._report))


def _text(value: object) -> str:
    return "" if value is None or value == NULL else str(value)


def tr(text: str) -> str:
    """The text in the user's language."""
    return QCoreApplication.translate("CheckBox", text)
