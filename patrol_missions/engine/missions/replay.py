"""A past plan made again from its file, and held against what it was."""

from __future__ import annotations

from dataclasses import dataclass

from patrol_missions.engine.context import JobContext
from patrol_missions.engine.missions.plan_file import PlanFile, differences, versions
from patrol_missions.engine.missions.request import Request


@dataclass(frozen=True)
class Replay:
    """What came of making a plan again.

    :param differences: sentences; none when the plan is the same to the byte
    :param versions: sentences on what reckoned then and reckons now
    """

    differences: tuple[str, ...]
    versions: tuple[str, ...]

    @property
    def identical(self) -> bool:
        """Whether every byte of every table is the same."""
        return not self.differences


def replay(kept: PlanFile, context: JobContext) -> Replay:
    """Make a plan again from its own request.

    :param context: takes progress
    """
    values, results = Request.of(kept.parameters, kept.tables).plan(context)
    again = PlanFile(kept.parameters, kept.tables, values, results)
    now = versions()
    changed = [
        f"{name} was {then or 'unknown'} and is {now[name]}."
        for name, then in ((name, kept.versions.get(name)) for name in now)
        if then != now[name]
    ]
    return Replay(tuple(differences(kept, again)), tuple(changed))
