#!/bin/bash
# wheel.sh STAGED_PLUGIN LINT_BIN TARGET: builds the wheel from the stage, so that it holds what the zip holds.
set -euo pipefail

plugin=$1 lint=$2 target=$3
source=build/wheel/source built=build/wheel/built
rm -rf build/wheel
mkdir -p "$source" "$built" "$target"
cp pyproject.toml "$source/"
cp -r "$plugin" "$source/patrol_missions"
"$lint/pip" wheel --quiet --no-deps --no-build-isolation --wheel-dir "$built" "$source"

"$lint/python" - "$plugin" "$built"/*.whl <<'END'
import sys, zipfile
from pathlib import Path

plugin, wheel = map(Path, sys.argv[1:])
staged = {p.relative_to(plugin.parent).as_posix() for p in plugin.rglob("*") if p.is_file() and p.suffix != ".pyc"}
packed = {n for n in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in n}
if staged != packed:
    sys.exit(f"The wheel differs from the stage: {sorted(staged ^ packed)}")
print(f"{wheel.name}: {wheel.stat().st_size / 1e6:.2f} MB")
END
mv "$built"/*.whl "$target/"
rm -rf build/wheel
