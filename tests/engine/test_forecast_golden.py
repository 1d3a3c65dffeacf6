"""A model that was trained long ago still forecasts what it did: format and features of the bundle stay what they are.

Made anew only where a format is new, beside those before it, which must go on working:

    python tests/engine/test_forecast_golden.py
"""

from __future__ import annotations

import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest

GOLDEN = Path(__file__).with_name("golden")
FORMATS = sorted(path.stem for path in GOLDEN.glob("*.zip"))
_SHIFTS = 6


def forecast(model: Path, folder: Path) -> np.ndarray:
    """Expected incidents of both categories, shape (2, shifts x cells)."""
    from forecast_makers import SIZE_M, Said, hot_city

    from patrol_missions.engine.forecast import forecast_job

    incidents, cells = hot_city(days=400, incidents=7000)
    parameters = {"model": str(model), "cell_size_m": SIZE_M, "shift_count": _SHIFTS, "weights_preset": "rand"}
    result = forecast_job.run(parameters, {"incidents": incidents, "cells": cells}, Said(folder).context)
    return np.stack([result.tables["forecast"][f"expected_{name}"] for name in ("theft", "robbery")])


@pytest.mark.parametrize("name", FORMATS)
def test_old_models_forecast_what_they_did(name: str, tmp_path: Path) -> None:
    told = np.load(GOLDEN / f"{name}.npy")
    np.testing.assert_allclose(forecast(GOLDEN / f"{name}.zip", tmp_path), told, rtol=1e-4)


def test_todays_format_is_among_them() -> None:
    from patrol_missions.engine.forecast import bundle

    assert f"format_{bundle.SCHEMA}" in FORMATS


def main() -> None:
    """Train today's model, and keep it with its forecast."""
    from forecast_makers import Said, hot_city, train_parameters

    from patrol_missions.engine.forecast import bundle, train_job

    with TemporaryDirectory() as text:
        folder = Path(text)
        incidents, cells = hot_city(days=400, incidents=7000)
        answer = train_job.run(train_parameters(), {"incidents": incidents, "cells": cells}, Said(folder).context)
        sys.stdout.write(f"{[each['ships'] for each in answer.values['categories'].values()]}\n")
        kept = GOLDEN / f"format_{bundle.SCHEMA}.zip"
        kept.write_bytes((folder / "model.zip").read_bytes())
        np.save(kept.with_suffix(".npy"), forecast(kept, folder))


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "build" / "stage"))
    main()
