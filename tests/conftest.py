"""Everything is tested from the stage: the very tree that the zip and the wheel are made from."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
STAGE = Path(os.environ.get("PATROL_STAGE", ROOT / "build" / "stage")).resolve()

if not (STAGE / "patrol_missions" / "metadata.txt").is_file():
    pytest.exit(f"There is no staged plugin in {STAGE}: run “make stage” first.", returncode=4)

# The checkout holds a second copy of every module; only the stage may be imported.
sys.path[:] = [str(STAGE), *(p for p in sys.path if Path(p or ".").resolve() not in (ROOT, STAGE))]


@pytest.fixture(scope="session")
def stage() -> Path:
    """Folder that holds the staged ``patrol_missions``."""
    return STAGE


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Real city data beside the checkout; tests that need it skip loudly where it is absent."""
    folder = ROOT.parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip(f"REAL DATA ABSENT: {folder} does not exist, so this real-data test did not run.")
    return folder
