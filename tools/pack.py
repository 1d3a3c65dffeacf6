"""Packs the staged plugin into a zip: the same bytes for the same files, whoever packs them and when.

Usage: pack.py STAGED_PLUGIN ZIP
"""

from __future__ import annotations

import sys
import zipfile
from pathlib import Path

_TIME = (2020, 1, 1, 0, 0, 0)  # any fixed moment that a zip can hold
_MODE = 0o100644  # a plain file that nobody executes


def pack(plugin: Path, target: Path) -> None:
    """Write every file below ``plugin`` into ``target``, under one root folder of the plugin's name."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for file in sorted(plugin.rglob("*"), key=lambda path: path.relative_to(plugin).as_posix()):
            if file.is_dir() or file.suffix == ".pyc":
                continue
            entry = zipfile.ZipInfo(f"{plugin.name}/{file.relative_to(plugin).as_posix()}", _TIME)
            entry.external_attr = _MODE << 16
            entry.create_system = 3  # Unix, so that the mode counts on every system that packs
            archive.writestr(entry, file.read_bytes(), zipfile.ZIP_DEFLATED, 9)


if __name__ == "__main__":
    pack(Path(sys.argv[1]), Path(sys.argv[2]))
    print(f"{sys.argv[2]}: {Path(sys.argv[2]).stat().st_size / 1e6:.2f} MB")
