"""The model card: what a model is, what it was made from, how well it does, and where it does not."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from patrol_missions.engine.forecast.training import Trained
from patrol_missions.engine.reports import html


def render(trained: Trained, facts: Mapping[str, Any], indicators: tuple[str, ...], left_out: list[str]) -> str:
    """The whole page."""
    rows = [(each.category, each.incidents, each.ships, each.why) for each in trained.choices]
    return html.page(
        "Model card", str(facts["jurisdiction"]), [html.table(("Category", "Incidents", "Ships", "Why"), rows)]
    )
