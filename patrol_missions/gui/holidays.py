"""The pick list of countries and regions whose public holidays the engine knows, and a guess from a time zone."""

from __future__ import annotations

import csv
from functools import lru_cache
from pathlib import Path

from qgis.PyQt.QtCore import QCoreApplication, QLocale, QTimeZone
from qgis.PyQt.QtWidgets import QComboBox, QWidget

from patrol_missions.gui.forms import find_anywhere, shrinkable

LIST = Path(__file__).resolve().parent.parent / "resources" / "holidays.csv"


@lru_cache(maxsize=1)
def known() -> dict[str, str]:
    """Name of each country and region by its code, such as ``US-PA``, in the order of the names."""
    with LIST.open(encoding="utf-8", newline="") as file:
        return {row["code"]: row["name"] for row in csv.DictReader(file)}


def country_of(time_zone: str) -> str:
    """ISO code of the country that a time zone is of; empty where it is of none, or its holidays are not known."""
    zone = QTimeZone(time_zone.encode())
    if not zone.isValid():
        return ""
    country = zone.territory() if hasattr(zone, "territory") else zone.country()  # renamed in Qt 6.2
    anything = QLocale.Language.AnyLanguage, QLocale.Script.AnyScript
    locales = QLocale.matchingLocales(*anything, country) if country else []
    code = locales[0].name().rpartition("_")[2] if locales else ""
    return code if code in known() else ""


class HolidayPicker(QComboBox):
    """A country or region, found by typing a part of its name or code; other codes are left for the engine to judge."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        shrinkable(self)
        self.addItem("", "")
        for code, name in known().items():
            self.addItem(f"{name} ({code})", code)
        find_anywhere(self)
        self.lineEdit().setPlaceholderText(QCoreApplication.translate("HolidayPicker", "none"))
        self.lineEdit().setClearButtonEnabled(True)
        self.currentIndexChanged.connect(lambda _index: self.lineEdit().setCursorPosition(0))  # long names begin there

    def code(self) -> str:
        """The code of what is chosen, or what was typed."""
        text = self.currentText().strip()
        at = self.findText(text)
        return str(self.itemData(at)) if at >= 0 else text

    def set_code(self, code: str) -> None:
        """Choose by code."""
        at = self.findData(code)
        if at >= 0:
            self.setCurrentIndex(at)
        else:
            self.setEditText(code)
