"""Finds uses of QGIS and Qt that fail on the oldest QGIS we support, or on Qt 6.

Usage: check_qgis_api.py FOLDER, with the Python of the QGIS to check against; or
       check_qgis_api.py FOLDER --qt6, with a Python that has PyQt6 and need not have QGIS.

The code is read, not run. Every name it imports from ``qgis`` is looked up in the QGIS at hand, and every chain of
attributes on such a name is followed as far as classes go, so that
- a name, attribute or enum that this QGIS does not have is found (on 3.22 what came later, on a newer one what went);
- an enum value that is not named through its enum (``Qt.RightDockWidgetArea`` instead of
  ``Qt.DockWidgetArea.RightDockWidgetArea``) is found by its type, which no list of names could keep up with.
With ``--qt6`` the same is done for what comes from ``qgis.PyQt``, in PyQt6. Code that asks first (``hasattr``,
``try ... except AttributeError`` or ``ImportError``) may name what is not there.
"""

from __future__ import annotations

import ast
import importlib
import sys
from pathlib import Path

_GONE_FROM_QT6 = {
    "QRegExp": "QRegularExpression",
    "QDesktopWidget": "QGuiApplication.screens()",
    "qApp": "QApplication.instance()",
    "QMatrix": "QTransform",
    "QTextCodec": "Python's own codecs",
}
_GONE_METHODS = {"exec_": "exec", "toTime_t": "toSecsSinceEpoch", "fromTime_t": "fromSecsSinceEpoch"}
# PyQt5 has QVariant.Int and its kind without a scope, and QGIS puts them back on Qt 6: the one spelling good for both.
_UNSCOPED_IS_RIGHT = {"QVariant"}
# Exists on PyQt5, but QgsField of QGIS 3.22 takes no such type.
_TOO_NEW = {"QMetaType": "QVariant.Int and its kind"}
# What qgis.PyQt offers on Qt 6 although PyQt6 has it elsewhere or not at all.
_QGIS_HELPS = {"QtWidgets": ("QAction", "QActionGroup", "QShortcut"), "QtCore": ("NULL", "QVariant")}
# Moved to another module in Qt 6; qgis.PyQt offers them at the new place on both.
_MOVED = {("qgis.PyQt.QtGui", "QAction"): "qgis.PyQt.QtWidgets"}
_ASKING = {"AttributeError", "ImportError", "ModuleNotFoundError"}


class _Check(ast.NodeVisitor):
    def __init__(self, file: Path, *, qt6: bool) -> None:
        self.file = file
        self.qt6 = qt6
        self.known: dict[str, object] = {}
        self.problems: list[str] = []
        self.asking = 0

    def say(self, node: ast.AST, text: str) -> None:
        self.problems.append(f"{self.file}:{node.lineno}: {text}")  # type: ignore[attr-defined]

    def visit_Try(self, node: ast.Try) -> None:
        names = {n.id for h in node.handlers if h.type for n in ast.walk(h.type) if isinstance(n, ast.Name)}
        self._visit_asking(node.body, bool(names & _ASKING))
        for part in (*node.handlers, *node.orelse, *node.finalbody):
            self.visit(part)

    def visit_If(self, node: ast.If) -> None:
        self._visit_condition(node)

    def visit_IfExp(self, node: ast.IfExp) -> None:
        self._visit_condition(node)

    def _visit_condition(self, node: ast.If | ast.IfExp) -> None:
        asks = any(isinstance(n, ast.Name) and n.id in {"hasattr", "getattr"} for n in ast.walk(node.test))
        self.visit(node.test)
        for part in (node.body, node.orelse):
            self._visit_asking(part if isinstance(part, list) else [part], asks)

    def _visit_asking(self, nodes: list[ast.stmt] | list[ast.expr], asks: bool) -> None:
        self.asking += asks
        for part in nodes:
            self.visit(part)
        self.asking -= asks

    def visit_Import(self, node: ast.Import) -> None:
        for name in node.names:
            self._module_is_ours(node, name.name)

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        module = node.module or ""
        self._module_is_ours(node, module)
        source = module.replace("qgis.PyQt", "PyQt6") if self.qt6 else module
        if source.split(".")[0] != ("PyQt6" if self.qt6 else "qgis"):
            return
        for name in node.names:
            if name.name in _GONE_FROM_QT6:
                self.say(node, f"{name.name} is gone from Qt 6; use {_GONE_FROM_QT6[name.name]}")
            if (module, name.name) in _MOVED:
                self.say(node, f"import {name.name} from {_MOVED[module, name.name]}")
            if self.qt6 and name.name in _QGIS_HELPS.get(source.rpartition(".")[2], ()):
                continue
            found = _member(source, name.name)
            if found is not None:
                self.known[name.asname or name.name] = found
            elif not self.asking:
                self.say(node, f"{source} has no {name.name}")

    def _module_is_ours(self, node: ast.AST, module: str) -> None:
        if module.split(".")[0] in {"PyQt5", "PyQt6", "PySide2", "PySide6", "sip"}:
            self.say(node, f"import from qgis.PyQt instead of {module}")
        if module.endswith(("resources_rc", "_rc")):
            self.say(node, "compiled resources are gone from Qt 6; load files by their path")

    def visit_Attribute(self, node: ast.Attribute) -> None:
        if node.attr in _GONE_METHODS:
            self.say(node, f"{node.attr}() is gone from Qt 6; use {_GONE_METHODS[node.attr]}()")
        chain = _chain(node)
        if chain and chain[0] in self.known:
            self._follow(node, chain)
        else:
            self.generic_visit(node)

    def _follow(self, node: ast.Attribute, chain: list[str]) -> None:
        place = self.known[chain[0]]
        if chain[0] in _TOO_NEW:
            self.say(node, f"{'.'.join(chain)} is not taken by QGIS 3.22; use {_TOO_NEW[chain[0]]}")
        for depth, name in enumerate(chain[1:], start=1):
            if not isinstance(place, type):
                return  # a value: what its methods return is beyond reading
            found = getattr(place, name, None)
            path = ".".join(chain[: depth + 1])
            if found is None:
                if not self.asking and name != "__doc__":
                    self.say(node, f"{path} does not exist in {'PyQt6' if self.qt6 else 'this QGIS'}")
                return
            if _is_enum_value(found) and type(found) is not place and chain[0] not in _UNSCOPED_IS_RIGHT:
                self.say(node, f"{path} lacks its scope: write {'.'.join(chain[:depth])}.{type(found).__name__}.{name}")
            place = found

    def visit_Subscript(self, node: ast.Subscript) -> None:
        if isinstance(node.value, ast.Attribute) and node.value.attr == "activated":
            self.say(node, "activated[str] is gone from Qt 6; use textActivated")
        self.generic_visit(node)

    def visit_Call(self, node: ast.Call) -> None:
        name = _called(node)
        if name == "QDateTime" and len(node.args) >= 7:
            self.say(node, "QDateTime takes no numbers in Qt 6; use QDateTime(QDate(...), QTime(...), ...)")
        if name == "QVariant":
            self.say(node, "QVariant cannot be made in PyQt6; use NULL from qgis.core")
        if name == "width" and _called(getattr(node.func, "value", node)) in {
            "fontMetrics",
            "QFontMetrics",
            "QFontMetricsF",
        }:
            self.say(node, "QFontMetrics.width() is gone from Qt 6; use horizontalAdvance()")
        self.generic_visit(node)


def _called(node: ast.expr) -> str:
    """Name of the function or method that a call calls, without what stands before the dot."""
    function = node.func if isinstance(node, ast.Call) else None
    return getattr(function, "attr", None) or getattr(function, "id", "")


def _member(module: str, name: str) -> object | None:
    """What a module offers by that name, a module in it included; None when there is no such thing."""
    try:
        found = getattr(importlib.import_module(module), name, None)
        return importlib.import_module(f"{module}.{name}") if found is None else found
    except ImportError:
        return None


def _chain(node: ast.Attribute) -> list[str]:
    """``["Qt", "DockWidgetArea", "RightDockWidgetArea"]``, or nothing where the chain starts with no plain name."""
    names: list[str] = []
    place: ast.expr = node
    while isinstance(place, ast.Attribute):
        names.append(place.attr)
        place = place.value
    return [place.id, *reversed(names)] if isinstance(place, ast.Name) else []


def _is_enum_value(value: object) -> bool:
    kind = type(value)
    return not isinstance(value, type) and type(kind).__name__ in {"enumtype", "EnumMeta", "EnumType"}


def check(folder: Path, *, qt6: bool = False) -> list[str]:
    """Every problem in the Python files below a folder, as ``file:line: sentence``."""
    problems = []
    for file in sorted(folder.rglob("*.py")):
        visitor = _Check(file, qt6=qt6)
        try:
            visitor.visit(ast.parse(file.read_text(encoding="utf-8")))
        except SyntaxError as error:
            visitor.problems.append(f"{file}:{error.lineno}: this Python cannot read the file: {error.msg}")
        problems += visitor.problems
    return problems


if __name__ == "__main__":
    found = check(Path(sys.argv[1]), qt6="--qt6" in sys.argv)
    print("\n".join(found))
    sys.exit(1 if found else 0)
