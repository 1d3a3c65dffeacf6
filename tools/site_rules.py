"""What plugins.qgis.org rejects, blocks or marks when a plugin is uploaded, as far as it can be told without a network.

Usage: site_rules.py ZIP
"""

from __future__ import annotations

import configparser
import re
import stat
import sys
import zipfile
from pathlib import Path, PurePosixPath

LARGEST_ZIP = 25_000_000
REQUIRED = ("name", "description", "version", "qgisMinimumVersion", "author", "email", "about", "tracker", "repository")
# Not required by the site, but without one of these QGIS or its users are worse off.
EXPECTED = (
    "homepage",
    "changelog",
    "tags",
    "icon",
    "category",
    "hasProcessingProvider",
    "qgisMaximumVersion",
    "server",
)
_WEB = (r"https?://[^/\s]+.*", "is no web address")
_YES_NO = (r"True|False", "is neither True nor False")
_PATTERNS = {
    "author": (r"[^/]+", "has a slash"),
    "deprecated": _YES_NO,
    "email": (r"[^@\s]+@[^@\s]+\.[^@\s]+", "is no address"),
    "experimental": _YES_NO,
    "homepage": _WEB,
    "name": (r"(?i)(?!.*plugin).+", "should not say “plugin”"),
    "qgisMaximumVersion": (r"\d+\.\d+", "is not MAJOR.MINOR"),
    "qgisMinimumVersion": (r"\d+\.\d+", "is not MAJOR.MINOR"),
    "repository": _WEB,
    "server": _YES_NO,
    "tracker": _WEB,
    "version": (r"\d+\.\d+\.\d+", "is not MAJOR.MINOR.PATCH"),
}
_FORBIDDEN_FOLDERS = {"__pycache__", "__MACOSX", ".git"}
_SUSPICIOUS = {".exe", ".dll", ".so", ".dylib", ".bat", ".sh", ".ps1", ".cmd", ".pyc", ".pyd", ".pyo"}


def zip_problems(path: Path) -> list[str]:
    """Everything the site would find wrong with the zip, one sentence each; none for a good one."""
    problems = []
    if path.stat().st_size > LARGEST_ZIP:
        problems.append(f"the zip is larger than {LARGEST_ZIP:,} bytes")
    with zipfile.ZipFile(path) as archive:
        if archive.testzip():
            problems.append("the zip is damaged")
        entries = archive.infolist()
        for entry in entries:
            problems += _entry_problems(entry)
        names = {entry.filename for entry in entries}
        roots = sorted({name.split("/")[0] for name in names})
        if len(roots) != 1:
            return [*problems, f"the zip has not one root folder but {len(roots)}: {', '.join(roots)}"]
        root = roots[0]
        if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_]+", root):
            problems.append(f"the root folder “{root}” is no name for a Python package")
        missing = [name for name in ("__init__.py", "metadata.txt", "LICENSE") if f"{root}/{name}" not in names]
        problems += [f"{name} is missing from the root folder" for name in missing]
        if "metadata.txt" not in missing:
            inside = {name[len(root) + 1 :] for name in names}
            problems += metadata_problems(archive.read(f"{root}/metadata.txt").decode("utf-8"), inside)
    return problems


def _entry_problems(entry: zipfile.ZipInfo) -> list[str]:
    path = PurePosixPath(entry.filename)
    problems = []
    if path.is_absolute() or ".." in path.parts or "\\" in entry.filename or ":" in entry.filename:
        problems.append(f"{path} leads out of the folder")
    if _FORBIDDEN_FOLDERS & set(path.parts):
        problems.append(f"{path} is in a forbidden folder")
    if any(part.startswith(".") for part in path.parts):
        problems.append(f"{path} is hidden")
    if path.suffix.lower() in _SUSPICIOUS:
        problems.append(f"{path} is of a kind that is blocked")
    if (entry.external_attr >> 16) & (stat.S_IXUSR | stat.S_IXGRP | stat.S_IXOTH) and not entry.is_dir():
        problems.append(f"{path} is executable")
    return problems


def metadata_problems(text: str, files: set[str]) -> list[str]:
    """What is wrong with a metadata.txt, given the names of the files beside it."""
    parser = configparser.ConfigParser()
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    try:
        parser.read_string(text)
        values = dict(parser.items("general"))
    except configparser.Error as error:
        return [f"metadata.txt cannot be read: {error}"]
    problems = [f"metadata.txt lacks {key}" for key in (*REQUIRED, *EXPECTED) if not values.get(key, "").strip()]
    problems += [
        f"{key}={value} in metadata.txt {problem}"
        for key, (pattern, problem) in _PATTERNS.items()
        for value in [values.get(key, "")]
        if value and not re.fullmatch(pattern, value, re.DOTALL)
    ]
    if values.get("icon") and values["icon"] not in files:
        problems.append(f"icon={values['icon']} in metadata.txt is not in the zip")
    if "supportsQt6" in values:
        problems.append("supportsQt6 in metadata.txt means nothing any more")
    return problems


if __name__ == "__main__":
    found = zip_problems(Path(sys.argv[1]))
    for problem in found:
        print(f"{sys.argv[1]}: {problem}")
    sys.exit(1 if found else 0)
