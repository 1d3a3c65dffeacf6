"""Export register: what everybody may know of the plans in the audit log, as a table to publish."""

from __future__ import annotations

from typing import Any

from qgis.core import (
    QgsProcessing,
    QgsProcessingContext,
    QgsProcessingFeedback,
    QgsProcessingOutputNumber,
    QgsProcessingParameterFeatureSink,
    QgsProcessingParameterNumber,
)

from patrol_missions.core.jobs import Job
from patrol_missions.processing_algorithms import audit_inputs
from patrol_missions.processing_algorithms.base import LayerContent, PatrolAlgorithm, in_order
from patrol_missions.processing_algorithms.progress import PartialFeedback

_FIRST = (
    "record",
    "published",
    "shift_date",
    "shift",
    "district",
    "missions",
    "withheld",
    "plan_missions",
    "harm_kept",
)


class ExportRegisterAlgorithm(PatrolAlgorithm):
    """An audit log to a table for everybody."""

    GROUP = "missions"

    LOG = audit_inputs.LOG
    SMALLEST = "SMALLEST"
    OUTPUT = "OUTPUT"
    PLANS = "PLANS"
    WITHHELD = "WITHHELD"

    def name(self) -> str:
        """The algorithm's id."""
        return "exportregister"

    def displayName(self) -> str:  # noqa: N802 - QGIS's name
        """The algorithm's name for people."""
        return self.tr("Export register")

    def shortDescription(self) -> str:  # noqa: N802 - QGIS's name
        """One line on what it does."""
        return self.tr("Makes a public table of all published plans, with small numbers withheld.")

    def keywords(self) -> str:
        """Words that find it."""
        return self.tr("register,public,transparency,audit,log,open data,publish,suppress,small numbers,oversight")

    def help_text(self) -> str:
        """What it does and gives."""
        return self.tr(
            "<p>Gives a row per published plan, shift and district: number of missions, share of harm kept, the law's "
            "settings, and the record's hash, by which anybody who is shown the record later can tell that it is the "
            "one. Cells, names of persons, reasons and the numbers of missions asked for are left out.</p>"
            "<p>Small numbers of missions are withheld, and the total of a plan where it would give them back. A log "
            "that is not sound is refused.</p>"
        )

    def initAlgorithm(self, configuration: dict[str, Any] | None = None) -> None:  # noqa: N802 - QGIS's name
        """Declare inputs and outputs."""
        audit_inputs.add_log(self)
        integer = QgsProcessingParameterNumber.Type.Integer
        self.add(
            QgsProcessingParameterNumber(self.SMALLEST, self.tr("Fewest missions to tell"), integer, 5, False, 0, 1000),
            self.tr("Numbers below this are withheld; 0 tells every number."),
        )
        self.add(
            QgsProcessingParameterFeatureSink(self.OUTPUT, self.tr("Register"), QgsProcessing.SourceType.TypeVector),
            self.tr("Table with a row per published plan, shift and district."),
        )
        self.add_outputs(
            QgsProcessingOutputNumber(self.PLANS, self.tr("Number of plans")),
            QgsProcessingOutputNumber(self.WITHHELD, self.tr("Numbers withheld")),
        )

    def process(
        self, parameters: dict[str, Any], context: QgsProcessingContext, feedback: QgsProcessingFeedback
    ) -> dict[str, Any]:
        """Have the register made, write it."""
        job = Job(
            "export_register",
            {
                "log": audit_inputs.place(self.parameterAsFile(parameters, self.LOG, context)),
                "smallest": self.parameterAsInt(parameters, self.SMALLEST, context),
            },
        )
        result = self.run_job(job, feedback, span=(0.0, 0.9))
        table = result.tables["register"]
        content = LayerContent(table, in_order(table, _FIRST))
        output = self.write_layer(parameters, self.OUTPUT, context, content, PartialFeedback(feedback, 0.9, 1.0))
        return {
            self.OUTPUT: output,
            self.PLANS: result.values["plans"],
            self.WITHHELD: result.values["withheld"],
        }
