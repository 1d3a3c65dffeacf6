"""What the tests of the house look at: the staged modules and the imports between them."""

from __future__ import annotations

import ast
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tools"))


@dataclass(frozen=True)
class Import:
    """One import of a module: what is imported, and whether it happens when the module is (not inside a function)."""

    name: str
    at_once: bool


@dataclass(frozen=True)
class Module:
    """A staged module by its dotted name."""

    name: str
    path: Path
    tree: ast.Module
    imports: tuple[Import, ...]


@pytest.fixture(scope="session")
def modules(stage: Path) -> dict[str, Module]:
    """Every staged module with what it imports, type-checking imports left out."""
    return read_modules(stage)


def read_modules(root: Path) -> dict[str, Module]:
    """Parse every module of ``patrol_missions`` below a folder."""
    paths = {_dotted(path.relative_to(root)): path for path in sorted((root / "patrol_missions").rglob("*.py"))}
    found = {}
    for name, path in paths.items():
        tree = ast.parse(path.read_text(encoding="utf-8"))
        found[name] = Module(name, path, tree, tuple(_imports(tree, set(paths))))
    return found


def _dotted(path: Path) -> str:
    parts = path.with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def _imports(tree: ast.AST, known: set[str], at_once: bool = True):
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            continue
        if isinstance(node, ast.Import):
            yield from (Import(alias.name, at_once) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            for alias in node.names:  # a module, or a name in one
                whole = f"{node.module}.{alias.name}"
                yield Import(whole if whole in known else node.module, at_once)
        else:
            inside = isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda))
            yield from _imports(node, known, at_once and not inside)
