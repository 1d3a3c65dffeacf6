"""The card with which a person approves of the plan and publishes it."""

from __future__ import annotations

from qgis.PyQt.QtCore import QCoreApplication, pyqtSignal
from qgis.PyQt.QtWidgets import QLineEdit, QWidget

from patrol_missions.gui.forms import Card, Note, add_row, button, explain, form, help_of, side_by_side, theme_icon
from patrol_missions.gui.project_state import ProjectState


class PublishCard(Card):
    """Who approves is typed each time: publishing is a person's act."""

    wanted = pyqtSignal(str, str)  # who approves, and why

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(tr("Publish"), theme_icon("mActionFileSave"), parent)
        self._able = False
        self.author, self.approval = QLineEdit(), QLineEdit()
        rows = form()
        add_row(rows, tr("Approved &by"), self.author, help_of("publishplan", "AUTHOR"), True)
        add_row(rows, tr("Be&cause"), self.approval, help_of("publishplan", "APPROVAL"), True)
        self.publish_button = button(
            tr("Appro&ve and publish"), tr("Add the plan to the audit log of this jurisdiction, for good."),
            theme_icon("mActionFileSave"),
        )  # fmt: skip
        self.publish_button.clicked.connect(
            lambda: self.wanted.emit(self.author.text().strip(), self.approval.text().strip())
        )
        self.told = Note()
        self.seal = QLineEdit()
        self.seal.setReadOnly(True)  # to be copied
        explain(self.seal, tr("Hash of the record"), tr("Verify audit log holds the log against it."))
        self.column.addLayout(rows)
        self.column.addLayout(side_by_side(self.publish_button))
        self.column.addWidget(self.told)
        self.column.addWidget(self.seal)
        for line in (self.author, self.approval):
            line.textChanged.connect(lambda _text: self._allow())
        self._allow()

    def refresh(self, state: ProjectState, busy: bool, stale: str) -> None:
        """Whether there is something to publish.

        :param stale: why the missions are not what the answers ask for any more, or an empty text
        """
        planned, published = state.at("allocate"), state.at("publish")
        done = planned is not None and published is not None and published > planned
        told = stale
        if done:
            told = tr("Published as record {number}. Keep its hash where nobody can change it:")
            told = told.format(number=state.value("publish", "NUMBER"))
        self._able = bool(state.value("allocate", "PLAN")) and not (busy or done or stale)
        self.seal.setText(str(state.value("publish", "HASH")) if done else "")
        self.seal.setCursorPosition(0)
        self.seal.setVisible(done)
        self.told.setText(told)
        self.told.setVisible(bool(told))
        if done:
            self.author.clear()
            self.approval.clear()
        self._allow()

    def _allow(self) -> None:
        said = bool(self.author.text().strip() and self.approval.text().strip())
        self.author.setEnabled(self._able)
        self.approval.setEnabled(self._able)
        self.publish_button.setEnabled(self._able and said)


def tr(text: str) -> str:
    """The text in the user's language."""
    return QCoreApplication.translate("PublishCard", text)
