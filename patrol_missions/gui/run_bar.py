"""The strip under the pages: what is running, how far it is, Cancel, and the log."""

from __future__ import annotations

from qgis.PyQt.QtCore import QCoreApplication
from qgis.PyQt.QtGui import QFontDatabase
from qgis.PyQt.QtWidgets import QFrame, QHBoxLayout, QLabel, QPlainTextEdit, QProgressBar, QSizePolicy, QVBoxLayout

from patrol_missions.gui.forms import button, explain, theme_icon, tool_button
from patrol_missions.gui.runner import Runner

_LOG_LINES = 2000
_SIGNS = {"title": "\n— {} —", "warning": "⚠ {}", "error": "✖ {}"}


class RunBar(QFrame):
    """Listens to the runner; hidden until something was run."""

    def __init__(self, runner: Runner) -> None:
        super().__init__()
        self._runner = runner
        self._title = QLabel()
        self._title.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.progress = QProgressBar()
        self.progress.setRange(0, 100)
        explain(self.progress, tr("Progress"), tr("How far the whole run is."))
        self.cancel_button = button(tr("Cancel"), tr("Stop the run. What earlier steps finished is kept."))
        self.cancel_button.clicked.connect(self._cancel)
        self.log_button = tool_button(
            theme_icon("mMessageLog"), tr("Log"), tr("Show or hide what the steps have said.")
        )
        self.log_button.setCheckable(True)
        self.log = QPlainTextEdit()
        self.log.setReadOnly(True)
        self.log.setMaximumBlockCount(_LOG_LINES)
        self.log.setFont(QFontDatabase.systemFont(QFontDatabase.SystemFont.FixedFont))
        self.log.setMinimumHeight(90)
        self.log.setMaximumHeight(220)
        self.log.setVisible(False)
        explain(
            self.log, tr("Log"), tr("What the steps have said. QGIS's log panel has it too, under Patrol Missions.")
        )
        self.log_button.toggled.connect(self.log.setVisible)

        top = QHBoxLayout()
        top.addWidget(self._title, 1)
        top.addWidget(self.log_button)
        row = QHBoxLayout()
        row.addWidget(self.progress, 1)
        row.addWidget(self.cancel_button)
        column = QVBoxLayout(self)
        column.setContentsMargins(9, 4, 9, 6)
        column.setSpacing(4)
        column.addLayout(top)
        column.addLayout(row)
        column.addWidget(self.log)
        self.setVisible(False)

        runner.started.connect(self._start)
        runner.progressed.connect(self._move)
        runner.said.connect(self._write)
        runner.succeeded.connect(lambda title, _keys: self._stop(tr("{run}: done").format(run=title)))
        runner.failed.connect(lambda title, _sentence: self._stop(tr("{run}: stopped").format(run=title)))
        runner.canceled.connect(lambda title: self._stop(tr("{run}: cancelled").format(run=title)))

    def _start(self, title: str) -> None:
        self.log.clear()
        self._say(title)
        self.progress.setValue(0)
        self.cancel_button.setEnabled(True)
        self.cancel_button.setVisible(True)
        self.progress.setVisible(True)
        self.setVisible(True)

    def _move(self, percent: float, text: str) -> None:
        self.progress.setValue(int(percent))
        self._say(text)

    def _write(self, kind: str, text: str) -> None:
        if kind != "debug":
            self.log.appendPlainText(_SIGNS.get(kind, "{}").format(text))

    def _cancel(self) -> None:
        self.cancel_button.setEnabled(False)
        self._say(tr("Stopping …"))
        self._runner.cancel()

    def _stop(self, text: str) -> None:
        self._say(text)
        self.progress.setVisible(False)
        self.cancel_button.setVisible(False)

    def _say(self, text: str) -> None:
        self._title.setText(text)
        self._title.setToolTip(text)


def tr(text: str) -> str:
    """The text in the user's language."""
    return QCoreApplication.translate("RunBar", text)
