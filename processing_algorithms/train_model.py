"""Train model: a model bundle and its card from clean incidents."""

from __future__ import annotations

from typing import Any

from qgis.core import (
    QgsProcessing,
    QgsProcessingContext,
    QgsProcessingFeedback,
    QgsProcessingOutputString,
    QgsProcessingParameterDateTime,
    QgsProcessingParameterFeatureSink,
    QgsProcessingParameterFeatureSource,
    QgsProcessingParameterFileDestination,
    QgsProcessingParameterMatrix,
    QgsProcessingParameterNumber,
    QgsProcessingParameterString,
)

from patrol_missions.core.jobs import Job
from patrol_missions.processing_algorithms import checks, days, events, history, verdicts, visits
from patrol_missions.processing_algorithms import parameters as shared
from patrol_missions.processing_algorithms.base import LayerContent, PatrolAlgorithm
from patrol_missions.processing_algorithms.progress import PartialFeedback


class TrainModelAlgorithm(PatrolAlgorithm):
    """Learns where and when each category is likely, and how well that is known."""

    GROUP = "forecasting"

    GRID = "GRID"
    INCIDENTS = "INCIDENTS"
    SHIFTS = "SHIFTS"
    TIME_ZONE = "TIME_ZONE"
    INDICATORS = "INDICATORS"
    KIND_FIELD = "KIND_FIELD"
    INDICATOR_FIELDS = "INDICATOR_FIELDS"
    HOLIDAYS = "HOLIDAYS"
    WEATHER = "WEATHER"
    SCHOOL_TERMS = "SCHOOL_TERMS"
    EVENTS = "EVENTS"
    VISITS = "VISITS"
    AS_OF = "AS_OF"
    SEED = "SEED"
    THREADS = "THREADS"
    SCHEDULER = "SCHEDULER"
    MODEL = "MODEL"
    CARD = "CARD"
    SCORES = "SCORES"
    CATEGORIES = "CATEGORIES"

    def name(self) -> str:
        """The algorithm's id."""
        return "trainmodel"

    def displayName(self) -> str:  # noqa: N802 - QGIS's name
        """The algorithm's name for people."""
        return self.tr("Train model")

    def shortDescription(self) -> str:  # noqa: N802 - QGIS's name
        """One line on what it does."""
        return self.tr("Learns where and when each type of crime is likely, and tests how well.")

    def keywords(self) -> str:
        """Words that find it."""
        return self.tr(
            "train,model,learn,forecast,prediction,crime,lightgbm,poisson,backtest,model card,kernel density"
        )

    def help_text(self) -> str:
        """What it does and gives."""
        return self.tr(
            "<p>Learns, per category, how many incidents to expect in each cell and shift: from what happened there "
            "and near there lately and over the years, the hour, the weekday, the season, and the indicators.</p>"
            "<p>Each category is tested on periods that the model has not seen. It ships the learned model only where "
            "that beats every simple baseline, otherwise the best baseline; the model card says which and how well.</p>"
            "<p>Train again when a few weeks of new incidents have come in.</p>"
        )

    def initAlgorithm(self, configuration: dict[str, Any] | None = None) -> None:  # noqa: N802 - QGIS's name
        """Declare inputs and outputs."""
        self.add_inputs()
        self.add_advanced()
        self.add(
            QgsProcessingParameterFileDestination(
                self.MODEL, self.tr("Model bundle"), self.tr("Model bundles (*.zip)")
            ),
            self.tr("The model, for Forecast risk: a zip of plain text files."),
        )
        self.add(
            QgsProcessingParameterFileDestination(
                self.CARD, self.tr("Model card"), self.tr("HTML files (*.html)"), None, True
            ),
            self.tr("What the model is, what it was made from, how well it does and where it does not."),
        )
        self.add(
            QgsProcessingParameterFeatureSink(
                self.SCORES, self.tr("Model scores"), QgsProcessing.SourceType.TypeVector, None, True
            ),
            self.tr("Table of the tests: each category's model and baselines."),
        )
        self.add_outputs(QgsProcessingOutputString(self.CATEGORIES, self.tr("Categories in the model, one per line")))

    def add_inputs(self) -> None:
        """Declare what is read."""
        self.add(
            QgsProcessingParameterFeatureSource(
                self.GRID, self.tr("Grid"), [QgsProcessing.SourceType.TypeVectorPolygon]
            ),
            self.tr("Cells made by Build grid."),
        )
        self.add(
            QgsProcessingParameterFeatureSource(
                self.INCIDENTS, self.tr("Clean incidents"), [QgsProcessing.SourceType.TypeVectorPoint]
            ),
            self.tr("Incidents made by Check incidents; two years or more make a good model."),
        )
        headers = [self.tr("Shift"), self.tr("Start"), self.tr("End"), self.tr("Weekdays")]
        self.add(
            QgsProcessingParameterMatrix(
                self.SHIFTS, self.tr("Shifts"), 3, False, headers, list(shared.DEFAULT_SHIFTS), True
            ),
            self.tr(
                "Shifts in local time, such as 22:00 to 06:00. They may cross midnight, overlap and differ by weekday; "
                "weekdays are those on which a shift starts, such as Mon-Sun or Fri, Sat."
            ),
        )
        self.add(
            shared.time_zone(self.TIME_ZONE),
            self.tr("The place's time zone by its IANA name, such as America/New_York; the shifts' times are in it."),
        )
        self.add(
            shared.indicators(self.INDICATORS),
            self.tr(
                "Places that shift risk: bars, schools, transit stops. Being near a line or in an area counts like "
                "being near a point. Forecast risk needs the same layers again."
            ),
        )
        self.add(shared.kind_field(self.KIND_FIELD), shared.kind_field_help())
        self.add(
            shared.indicator_fields(self.INDICATOR_FIELDS, self.GRID),
            self.tr(
                "Numeric fields of the grid that shift risk, such as those made by Add indicators. Cells without a "
                "number get the city's median. Forecast risk needs the same fields again."
            ),
        )
        self.add(
            days.holidays(self.HOLIDAYS),
            self.tr(
                "Country by its ISO code, with the region where holidays differ, such as US-PA or DE-BY. Holidays and "
                "their eves then raise or lower the totals of their days. Blank for none."
            ),
        )
        self.add(days.weather(self.WEATHER), days.weather_help())
        self.add(
            days.terms(self.SCHOOL_TERMS),
            self.tr("Table with the first and last day of every school term in its fields start and end."),
        )
        self.add(events.parameter(self.EVENTS), events.parameter_help())
        self.add(visits.parameter(self.VISITS), visits.parameter_help())

    def add_advanced(self) -> None:
        """Declare what few change."""
        integer = QgsProcessingParameterNumber.Type.Integer
        self.add(
            QgsProcessingParameterDateTime(
                self.AS_OF, self.tr("As of"), QgsProcessingParameterDateTime.Type.DateTime, None, True
            ),
            self.tr(
                "Use only what was known at this moment. Left blank, all incidents are used. A time without a zone is "
                "in this computer's time zone."
            ),
            advanced=True,
        )
        self.add(
            QgsProcessingParameterNumber(self.SEED, self.tr("Seed"), integer, 1, False, 0, 2**31 - 1),
            self.tr("The same seed on the same data gives the same model."),
            advanced=True,
        )
        self.add(
            QgsProcessingParameterNumber(self.THREADS, self.tr("Threads"), integer, 0, False, 0, 256),
            self.tr("Processor threads to use; 0 leaves the choice to the engine."),
            advanced=True,
        )
        self.add(
            QgsProcessingParameterString(self.SCHEDULER, self.tr("Scheduler of a cluster"), "", False, True),
            self.tr(
                "Address of the scheduler of a Dask cluster, such as tcp://host:8786, whose workers then take a part "
                "of the work. The result is the same. Blank to compute on this computer."
            ),
            advanced=True,
        )

    def problem(self, parameters: dict[str, Any], context: QgsProcessingContext) -> str:
        """Layers and shifts that cannot work."""
        shared.shift_rows(parameters.get(self.SHIFTS, shared.DEFAULT_SHIFTS))
        grid = self.source(parameters, self.GRID, context)
        return (
            checks.history_problem(grid, self.source(parameters, self.INCIDENTS, context), context.transformContext())
            or checks.indicators_problem(self, parameters, grid, context)
            or self._lists_problem(parameters, context)
        )

    def _lists_problem(self, parameters: dict[str, Any], context: QgsProcessingContext) -> str:
        """Which list has nothing to learn from; a forecast may do with such a one."""
        given = (name for name in (self.WEATHER, self.SCHOOL_TERMS, self.EVENTS, self.VISITS) if parameters.get(name))
        found = (checks.empty_problem(self.source(parameters, name, context)) for name in given)
        return next(filter(None, found), "")

    def prepare(
        self, parameters: dict[str, Any], context: QgsProcessingContext, feedback: QgsProcessingFeedback
    ) -> None:
        """Take hold of the layers."""
        self._sources = history.Sources.of(self, parameters, context)
        self._quality = verdicts.of(self.parameterAsVectorLayer(parameters, self.INCIDENTS, context))

    def given(self, parameters: dict[str, Any], context: QgsProcessingContext, read: history.History) -> dict[str, Any]:
        """The inputs as the engine takes them, for training and for testing."""
        return {
            "cell_size_m": read.cell_size_m,
            "time_zone": self.parameterAsString(parameters, self.TIME_ZONE, context).strip(),
            "shifts": shared.shift_rows(parameters.get(self.SHIFTS, shared.DEFAULT_SHIFTS)),
            "categories": None,
            "as_of": shared.iso_utc(self.parameterAsDateTime(parameters, self.AS_OF, context)),
            "seed": self.parameterAsInt(parameters, self.SEED, context),
            "threads": self.parameterAsInt(parameters, self.THREADS, context),
            "scheduler": self.parameterAsString(parameters, self.SCHEDULER, context).strip(),
            "jurisdiction": self._sources.grid.name,
            "quality": self._quality,
            "indicators": read.indicators,
            "indicator_fields": read.indicator_fields,
            "calendar": {"holidays": self.parameterAsString(parameters, self.HOLIDAYS, context), **read.place},
        }

    def process(
        self, parameters: dict[str, Any], context: QgsProcessingContext, feedback: QgsProcessingFeedback
    ) -> dict[str, Any]:
        """Read, train, deliver."""
        feedback.setProgressText(self.tr("Reading the incidents"))
        read = history.read(self._sources, feedback, 0.1)
        job = Job("train_model", self.given(parameters, context, read), read.tables)
        model = self.parameterAsFileOutput(parameters, self.MODEL, context)
        card = self.parameterAsFileOutput(parameters, self.CARD, context)
        result = self.run_job(job, feedback, {"model": model, "card": card}, (0.1, 0.99))
        found = result.tables["scores"]
        content = LayerContent(found, list(found.columns))
        scores = self.write_layer(parameters, self.SCORES, context, content, PartialFeedback(feedback, 0.99, 1.0))
        return {
            self.MODEL: model,
            self.CARD: card,
            self.SCORES: scores,
            self.CATEGORIES: "\n".join(result.values["categories"]),
        }
