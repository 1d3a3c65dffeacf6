"""Every job the worker can do, by name.

Functions are named, not imported: a job brings in only the packages it needs, so a short job starts fast.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any, cast

from patrol_missions.core.errors import WorkerError
from patrol_missions.core.jobs import JobResult
from patrol_missions.core.tables import Table
from patrol_missions.engine.context import JobContext

JOBS: dict[str, str] = {
    "about": "patrol_missions.engine.about:run",
    "sample_city": "patrol_missions.engine.data.sample_city:run",
    "check_incidents": "patrol_missions.engine.data.check_job:run",
    "train_model": "patrol_missions.engine.forecast.train_job:run",
    "backtest_model": "patrol_missions.engine.forecast.backtest_job:run",
    "forecast_risk": "patrol_missions.engine.forecast.forecast_job:run",
    "explain_forecast": "patrol_missions.engine.forecast.explain_job:run",
    "allocate_missions": "patrol_missions.engine.missions.allocate_job:run",
    "trade_off": "patrol_missions.engine.missions.trade_off_job:run",
    "capture_report": "patrol_missions.engine.missions.capture_job:run",
    "dose_map": "patrol_missions.engine.missions.dose_job:run",
    "import_tracks": "patrol_missions.engine.tracking.import_job:run",
    "read_ledger": "patrol_missions.engine.tracking.ledger_job:run",
    "publish_plan": "patrol_missions.engine.missions.publish_job:run",
    "replay_plan": "patrol_missions.engine.missions.replay_job:run",
    "verify_audit": "patrol_missions.engine.missions.verify_job:run",
    "export_register": "patrol_missions.engine.missions.register_job:run",
    "continue_log": "patrol_missions.engine.missions.continue_job:run",
}
"""Name of a job and ``module:function`` that does it."""


JobFunction = Callable[[Mapping[str, Any], Mapping[str, Table], JobContext], JobResult]
"""A job: JSON parameters and input tables in, an answer out."""


def find(name: str) -> JobFunction:
    """The function of a job; :class:`WorkerError` when there is none of that name."""
    if name not in JOBS:
        raise WorkerError(
            f"The engine has no job “{name}”; it has {', '.join(JOBS)}.",
            "Restart QGIS so that both sides use the same version of the plugin.",
        )
    module, function = JOBS[name].split(":")
    return cast(JobFunction, getattr(import_module(module), function))
