"""The check for what QGIS 3.22 lacks and Qt 6 breaks: it looks names up in the QGIS at hand, so it is tested in one."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).resolve().parents[2] / "tools"))

from check_qgis_api import check

BAD = {
    "from qgis.core import QgsNotThere": "has no QgsNotThere",
    "from qgis.core import Qgis\nQgis.NotThere": "Qgis.NotThere does not exist",
    "from qgis.core import Qgis\nQgis.MessageLevel.NotThere": "does not exist",
    "from qgis.core import Qgis\nlevel = Qgis.Warning": "write Qgis.MessageLevel.Warning",
    "from qgis.core import QgsTask\nflag = QgsTask.CanCancel": "write QgsTask.Flag.CanCancel",
    "from qgis.PyQt.QtCore import Qt\nQt.RightDockWidgetArea": "write Qt.DockWidgetArea.RightDockWidgetArea",
    "from qgis.PyQt.QtWidgets import QMessageBox\nf(QMessageBox.Yes)": "write QMessageBox.StandardButton.Yes",
    "from qgis.PyQt.QtCore import QMetaType\nQMetaType.Type.Int": "QVariant.Int",
    "from qgis.PyQt.QtCore import QVariant\nQVariant()": "use NULL",
    "from qgis.PyQt.QtCore import QRegExp": "QRegularExpression",
    "from qgis.PyQt.QtCore import QDateTime\nQDateTime(2020, 1, 1, 0, 0, 0, 0)": "takes no numbers",
    "from qgis.PyQt.QtGui import QAction": "from qgis.PyQt.QtWidgets",
    "from PyQt5.QtCore import Qt": "import from qgis.PyQt",
    "def f(:": "cannot read the file",
    "import sip": "import from qgis.PyQt",
    "import resources_rc": "compiled resources",
    "dialog.exec_()": "use exec()",
    "combo.activated[str].connect(f)": "textActivated",
    "self.fontMetrics().width('x')": "horizontalAdvance",
    "from qgis.core import Qgis\ntry:\n    f()\nexcept KeyError:\n    Qgis.NotThere": "does not exist",
}
GOOD = [
    "from qgis.core import Qgis, QgsTask, QgsProcessing\nQgis.MessageLevel.Warning, QgsTask.Flag.CanCancel",
    "from qgis.core import QgsProcessing\nQgsProcessing.SourceType.TypeVectorPoint",
    "from qgis.core import QgsField\nfrom qgis.PyQt.QtCore import QVariant\nQgsField('n', QVariant.Int)",
    "from qgis.PyQt.QtCore import Qt\nQt.DockWidgetArea.RightDockWidgetArea | Qt.ItemDataRole.UserRole",
    "from qgis.core import Qgis\nunit = Qgis.NotThere.Metres if hasattr(Qgis, 'NotThere') else None",
    "from qgis.core import Qgis\ntry:\n    unit = Qgis.NotThere\nexcept AttributeError:\n    unit = None",
    "try:\n    from qgis.core import QgsNotThere\nexcept ImportError:\n    QgsNotThere = None",
    "from qgis.core import QgsProject\nQgsProject.instance().anything.at_all",
    "self.fontMetrics().boundingRect('x').width()",
]


@pytest.mark.parametrize(("code", "words"), BAD.items())
def test_it_finds(tmp_path, code, words):
    (tmp_path / "module.py").write_text(code)
    assert any(words in problem for problem in check(tmp_path)), check(tmp_path)


@pytest.mark.parametrize("code", GOOD)
def test_it_lets_pass(tmp_path, code):
    (tmp_path / "module.py").write_text(code)
    assert check(tmp_path) == []


def test_the_plugin_names_nothing_that_is_not_here(stage):
    assert check(stage) == []
