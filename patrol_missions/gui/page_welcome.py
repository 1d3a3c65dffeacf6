"""The first page: set up the engine, look at the sample city, or begin with one's own data."""

from __future__ import annotations

from qgis.PyQt.QtCore import QCoreApplication, pyqtSignal
from qgis.PyQt.QtWidgets import QFileDialog, QHBoxLayout, QMenu, QPushButton, QToolButton, QWidget

from patrol_missions.bridge.environment import INSTALLED_MB, EngineEnvironment
from patrol_missions.gui.forms import Card, Note, Page, button, explain, quiet, theme_icon


class WelcomePage(Page):
    """Three cards; the first closes up once the engine is there."""

    set_up_engine = pyqtSignal()
    use_python = pyqtSignal(str)  # path of the Python
    check_engine = pyqtSignal()
    remove_engine = pyqtSignal()
    open_sample = pyqtSignal()
    use_data = pyqtSignal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._ready = False
        self.column.addWidget(
            Note(tr("From incident history to tonight’s missions: where, when and why a patrol does the most good."))
        )
        self.column.addWidget(self._engine_card())
        self.column.addWidget(self._sample_card())
        self.column.addWidget(self._data_card())
        self.column.addStretch(1)

    def _engine_card(self) -> Card:
        self.engine_card = Card(tr("1  Set up the engine"), theme_icon("mActionOptions"))
        self._engine_text = quiet(Note())
        self.set_up_button = button(
            tr("Set up &engine"),
            tr("Makes a private Python environment for the statistics. Nothing is installed into QGIS. It can be "
               "cancelled, goes on where it stopped, and can be removed again."),
        )  # fmt: skip
        self.set_up_button.clicked.connect(self.set_up_engine)
        self.python_button = button(
            tr("Use &another Python …"),
            tr("Take an existing Python 3.9 or newer that has the packages of requirements.txt."),
        )
        self.python_button.clicked.connect(self._choose_python)
        self.engine_menu = self._menu()
        row = QHBoxLayout()
        row.addWidget(self.set_up_button)
        row.addWidget(self.python_button)
        row.addStretch(1)
        self.engine_card.top.addWidget(self.engine_menu)
        self.engine_card.column.addWidget(self._engine_text)
        self.engine_card.column.addLayout(row)
        return self.engine_card

    def _menu(self) -> QToolButton:
        more = QToolButton()
        more.setText(tr("Change"))
        more.setAutoRaise(True)
        more.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        explain(more, tr("Change the engine"), tr("Check, replace or remove the engine."))
        menu = QMenu(more)
        menu.addAction(tr("Check that it works"), self.check_engine.emit)
        menu.addAction(tr("Set up a private environment"), self.set_up_engine.emit)
        menu.addAction(tr("Use another Python …"), self._choose_python)
        menu.addSeparator()
        menu.addAction(theme_icon("mActionDeleteSelected"), tr("Remove"), self.remove_engine.emit)
        more.setMenu(menu)
        return more

    def _sample_card(self) -> Card:
        card = Card(tr("2  Look at the sample city"), theme_icon("mActionShowAllLayers"))
        self._sample_text = Note(
            tr("A made-up city with three years of incidents. It is made on this computer, checked, forecast and "
               "planned, and ends with missions on the map. This takes a minute or two.")
        )  # fmt: skip
        self.sample_button = button(
            tr("Open the &sample city"), tr("Make the sample city and run every step on it."), primary=True
        )
        self.sample_button.clicked.connect(self.open_sample)
        card.column.addWidget(self._sample_text)
        card.column.addLayout(_left(self.sample_button))
        return card

    def _data_card(self) -> Card:
        card = Card(tr("3  Use my data"), theme_icon("mActionAddOgrLayer"))
        self.data_button = button(
            tr("Use &my data"),
            tr("Choose an incident layer and a boundary, and check them."),
            theme_icon("mActionArrowRight"),
        )
        self.data_button.clicked.connect(self.use_data)
        card.column.addWidget(
            Note(tr("You need recorded incidents (where, when, what) and the boundary of the area that is patrolled."))
        )
        card.column.addLayout(_left(self.data_button))
        return card

    def refresh(self, busy: bool) -> None:
        """Show how things stand with the engine."""
        engine = EngineEnvironment()
        stamp = engine.stamp()
        problem = engine.problem()
        self._ready = not problem
        interrupted = stamp is not None and not stamp.ready
        if self._ready:
            size = tr(", {size} MB").format(size=stamp.size_mb) if stamp and not engine.chosen() else ""
            self._engine_text.setText(
                tr("The engine is ready: {python}{size}").format(
                    python=engine.chosen() or engine.private_python, size=size
                )
            )
        elif interrupted:
            self._engine_text.setText(tr("The set-up was interrupted. It goes on where it stopped."))
        else:
            self._engine_text.setText(
                tr("The statistics run in a Python of their own, so nothing is installed into QGIS. About {size} MB "
                   "in {folder}; removable at any time.").format(size=INSTALLED_MB, folder=engine.folder)
            )  # fmt: skip
        self.engine_card.set_icon(theme_icon("mIconSuccess" if self._ready else "mActionOptions"))
        self.set_up_button.setText(tr("Go on with the set-&up") if interrupted else tr("Set up &engine"))
        self.set_up_button.setVisible(not self._ready)
        self.python_button.setVisible(not self._ready)
        self.engine_menu.setVisible(self._ready)
        for control in (self.set_up_button, self.python_button, self.engine_menu):
            control.setEnabled(not busy)
        self.sample_button.setEnabled(self._ready and not busy)
        self._sample_hint()

    def _sample_hint(self) -> None:
        why_not = "" if self._ready else " " + tr("Set up the engine first.")
        self.sample_button.setToolTip(tr("Make the sample city and run every step on it.") + why_not)

    def _choose_python(self) -> None:
        path, _ = QFileDialog.getOpenFileName(self, tr("Python for the engine"))
        if path:
            self.use_python.emit(path)


def _left(widget: QPushButton) -> QHBoxLayout:
    row = QHBoxLayout()
    row.addWidget(widget)
    row.addStretch(1)
    return row


def tr(text: str) -> str:
    """The text in the user's language."""
    return QCoreApplication.translate("WelcomePage", text)
