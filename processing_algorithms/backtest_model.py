"""Backtest model: what the forecast would have been worth, week by week, beside every simple baseline."""

from __future__ import annotations

from typing import Any

from qgis.core import (
    QgsProcessing,
    QgsProcessingContext,
    QgsProcessingFeedback,
    QgsProcessingOutputString,
    QgsProcessingParameterEnum,
    QgsProcessingParameterFeatureSink,
    QgsProcessingParameterFileDestination,
    QgsProcessingParameterNumber,
)

from patrol_missions.core.jobs import Job
from patrol_missions.processing_algorithms import history
from patrol_missions.processing_algorithms import parameters as shared
from patrol_missions.processing_algorithms.base import LayerContent
from patrol_missions.processing_algorithms.progress import PartialFeedback
from patrol_missions.processing_algorithms.train_model import TrainModelAlgorithm

WINDOWS = {"All weeks before": "expanding", "The two years before": "sliding"}
"""What the user chooses (stored in models and scripts, so never renamed), and what the engine calls it."""


class BacktestModelAlgorithm(TrainModelAlgorithm):
    """Tests on past weeks what Train model would have made; reads what it reads."""

    WEEKS = "WEEKS"
    WINDOW = "WINDOW"
    REFIT_WEEKS = "REFIT_WEEKS"
    MISSIONS_PER_DISTRICT = "MISSIONS_PER_DISTRICT"
    WEIGHTS_PRESET = "WEIGHTS_PRESET"
    WEIGHTS = "WEIGHTS"
    JITTERS = "JITTERS"
    REPORT = "REPORT"
    DISTRICTS = "DISTRICTS"
    BETTER = "BETTER"

    def name(self) -> str:
        """The algorithm's id."""
        return "backtestmodel"

    def displayName(self) -> str:  # noqa: N802 - QGIS's name
        """The algorithm's name for people."""
        return self.tr("Backtest model")

    def shortDescription(self) -> str:  # noqa: N802 - QGIS's name
        """One line on what it does."""
        return self.tr("Shows on past weeks what the forecast is worth beside every simple baseline.")

    def keywords(self) -> str:
        """Words that find it."""
        return self.tr(
            "backtest,test,validate,evaluation,accuracy,skill,baseline,PAI,PEI,hit rate,calibration,rolling origin,ETAS"
        )

    def help_text(self) -> str:
        """What it does and gives."""
        return self.tr(
            "<p>Goes back in time and forecasts one week after the other with nothing but what was known as each week "
            "began, by the learned model and by every simple baseline: counts, kernel density, regression with cell "
            "effects, and the self-exciting model. Then it compares them with what happened.</p>"
            "<p>The report says how much each explains, whether its numbers are right, how many incidents and how much "
            "harm its plans would have caught, in which districts, and how sure all that is.</p>"
            "<p>It takes longer than training, and again as long for every grid moved. No model comes out of it.</p>"
        )

    def initAlgorithm(self, configuration: dict[str, Any] | None = None) -> None:  # noqa: N802 - QGIS's name
        """Declare inputs and outputs."""
        self.add_inputs()
        self._add_test()
        self.add_advanced()
        self.add(
            QgsProcessingParameterFileDestination(
                self.REPORT, self.tr("Backtest report"), self.tr("HTML files (*.html)")
            ),
            self.tr("What was found, with figures, as one HTML page."),
        )
        table = QgsProcessing.SourceType.TypeVector
        self.add(
            QgsProcessingParameterFeatureSink(self.SCORES, self.tr("Backtest scores"), table, None, True),
            self.tr("Table of every score of every forecast with its interval, and by how much the model leads."),
        )
        self.add(
            QgsProcessingParameterFeatureSink(self.DISTRICTS, self.tr("Backtest by district"), table, None, True),
            self.tr("Table with a row per category, forecast and district."),
        )
        self.add_outputs(
            QgsProcessingOutputString(self.BETTER, self.tr("Categories in which the model beats every baseline"))
        )

    def _add_test(self) -> None:
        integer = QgsProcessingParameterNumber.Type.Integer
        self.add(
            QgsProcessingParameterNumber(self.WEEKS, self.tr("Weeks to test"), integer, 52, False, 26, 520),
            self.tr(
                "The last weeks of the history, forecast one by one; 52 see every season. At least 26 weeks must come "
                "before them, to learn from."
            ),
        )
        self.add(
            QgsProcessingParameterEnum(
                self.WINDOW, self.tr("Learn from"), list(WINDOWS), False, next(iter(WINDOWS)), False, True
            ),
            self.tr("Weeks from which the model learns each time that it is trained."),
        )
        self.add(
            QgsProcessingParameterNumber(
                self.REFIT_WEEKS, self.tr("Train again after (weeks)"), integer, 13, False, 1, 520
            ),
            self.tr("How often the model is trained anew, as it would be in use; fewer weeks take longer."),
            advanced=True,
        )
        self.add(
            QgsProcessingParameterNumber(
                self.MISSIONS_PER_DISTRICT, self.tr("Missions per district and shift"), integer, 3, False, 1, 1000
            ),
            self.tr("How many cells each district would be given in each shift."),
        )
        self.add(
            shared.preset(self.WEIGHTS_PRESET),
            self.tr("Published scale by which incidents of different categories are compared."),
        )
        self.add(shared.weights(self.WEIGHTS), shared.weights_help(), advanced=True)
        self.add(
            QgsProcessingParameterNumber(self.JITTERS, self.tr("Grids moved"), integer, 0, False, 0, 100),
            self.tr(
                "Repeats the test so many times with the grid's lines elsewhere, to see what is luck of the lines. "
                "Each takes about as long as the test itself."
            ),
            advanced=True,
        )

    def process(
        self, parameters: dict[str, Any], context: QgsProcessingContext, feedback: QgsProcessingFeedback
    ) -> dict[str, Any]:
        """Read, test, deliver."""
        feedback.setProgressText(self.tr("Reading the incidents"))
        read = history.read(self._sources, feedback, 0.05)
        asked = {
            "weeks": self.parameterAsInt(parameters, self.WEEKS, context),
            "window": WINDOWS[self.parameterAsEnumString(parameters, self.WINDOW, context)],
            "refit_weeks": self.parameterAsInt(parameters, self.REFIT_WEEKS, context),
            "missions_per_district": self.parameterAsInt(parameters, self.MISSIONS_PER_DISTRICT, context),
            "weights": shared.weight_rows(parameters.get(self.WEIGHTS)),
            "weights_preset": shared.PRESETS[self.parameterAsEnumString(parameters, self.WEIGHTS_PRESET, context)],
            "jitters": self.parameterAsInt(parameters, self.JITTERS, context),
        }
        job = Job("backtest_model", {**self.given(parameters, context, read), **asked}, read.tables)
        report = self.parameterAsFileOutput(parameters, self.REPORT, context)
        result = self.run_job(job, feedback, {"report": report}, (0.05, 0.98))
        tables = {}
        for name, key, low in ((self.SCORES, "scores", 0.98), (self.DISTRICTS, "districts", 0.99)):
            found = result.tables[key]
            content = LayerContent(found, list(found.columns))
            step = PartialFeedback(feedback, low, low + 0.01)
            tables[name] = self.write_layer(parameters, name, context, content, step)
        better = [category for category, ships in result.values["choices"].items() if ships == "LightGBM"]
        return {self.REPORT: report, **tables, self.BETTER: ", ".join(better)}
