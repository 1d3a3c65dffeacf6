"""Trade-off: what randomness costs and buys, before anybody decides how much of it to have."""

from __future__ import annotations

from typing import Any

from qgis.core import (
    QgsProcessing,
    QgsProcessingContext,
    QgsProcessingFeedback,
    QgsProcessingParameterFeatureSink,
)

from patrol_missions.processing_algorithms import plan_parameters as plan
from patrol_missions.processing_algorithms.base import LayerContent
from patrol_missions.processing_algorithms.plan_inputs import PlanAlgorithm
from patrol_missions.processing_algorithms.progress import PartialFeedback


class TradeOffAlgorithm(PlanAlgorithm):
    """The inputs of a plan to a table of what each share of harm kept comes to."""

    OUTPUT = "OUTPUT"

    def name(self) -> str:
        """The algorithm's id."""
        return "tradeoff"

    def displayName(self) -> str:  # noqa: N802 - QGIS's name
        """The algorithm's name for people."""
        return self.tr("Trade-off")

    def shortDescription(self) -> str:  # noqa: N802 - QGIS's name
        """One line on what it does."""
        return self.tr("Shows what harm kept costs in turnover, spread and evenness, before a plan is made.")

    def keywords(self) -> str:
        """Words that find it."""
        return self.tr("trade-off,curve,harm kept,turnover,spread,exposure,disparity,missions,randomness")

    def help_text(self) -> str:
        """What it does and gives."""
        return self.tr(
            "<p>Plans the first three shifts of a forecast for ten shares of <i>harm kept</i>, with everything else as "
            "in Allocate missions, and tells what each comes to. All is reckoned from the chances, so nothing depends "
            "on the luck of a draw.</p>"
            "<p>Look for the share from which more harm costs much turnover and spread, decide, and use it in "
            "Allocate missions.</p>"
        )

    def initAlgorithm(self, configuration: dict[str, Any] | None = None) -> None:  # noqa: N802 - QGIS's name
        """The inputs of a plan, but for the share that is to be decided and the way from mission to mission."""
        plan.add_numbers(self)
        plan.add_dose_and_seed(self)
        plan.add_circumstances(self)
        plan.add_units(self)
        plan.add_clock(self)
        self.add(
            QgsProcessingParameterFeatureSink(self.OUTPUT, self.tr("Trade-off"), QgsProcessing.SourceType.TypeVector),
            self.tr(
                "A row per share of harm kept: the harm in missions over the best there is with nothing in the way, "
                "the share of missions that another draw would put elsewhere, the number of equally likely cells per "
                "mission, and the share of missions that would have to move for every neighbourhood to have its share "
                "of harm, or of people."
            ),
        )

    def process(
        self, parameters: dict[str, Any], context: QgsProcessingContext, feedback: QgsProcessingFeedback
    ) -> dict[str, Any]:
        """Read, reckon, write."""
        job = self.asked("trade_off", parameters, context, feedback, {})
        table = self.run_job(job, feedback, span=(0.4, 0.95)).tables["curve"]
        content = LayerContent(table, list(table.columns))
        step = PartialFeedback(feedback, 0.95, 1.0)
        return {self.OUTPUT: self.write_layer(parameters, self.OUTPUT, context, content, step)}
