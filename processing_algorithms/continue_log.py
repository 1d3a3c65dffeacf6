"""Continue audit log: a copy of the log that is to go on as the log, as a person decides."""

from __future__ import annotations

from typing import Any

from qgis.core import (
    QgsProcessingContext,
    QgsProcessingFeedback,
    QgsProcessingOutputNumber,
    QgsProcessingOutputString,
    QgsProcessingParameterString,
)

from patrol_missions.core.jobs import Job
from patrol_missions.processing_algorithms import audit_inputs
from patrol_missions.processing_algorithms.base import PatrolAlgorithm


class ContinueLogAlgorithm(PatrolAlgorithm):
    """A copy of an audit log to the log."""

    GROUP = "missions"

    LOG = audit_inputs.LOG
    AUTHOR = "AUTHOR"
    REASON = "REASON"
    NUMBER = "NUMBER"
    HASH = "HASH"
    MOMENT = "MOMENT"

    def name(self) -> str:
        """The algorithm's id."""
        return "continuelog"

    def displayName(self) -> str:  # noqa: N802 - QGIS's name
        """The algorithm's name for people."""
        return self.tr("Continue audit log")

    def shortDescription(self) -> str:  # noqa: N802 - QGIS's name
        """One line on what it does."""
        return self.tr("Lets a copy or a restored backup go on as the audit log.")

    def keywords(self) -> str:
        """Words that find it."""
        return self.tr("continue,move,audit,log,copy,backup,restore,hash chain,new computer")

    def help_text(self) -> str:
        """What it does and gives."""
        return self.tr(
            "<p>A copy of the audit log can be read and verified, but takes no records, so that there are never two "
            "logs that went on apart. When the log was moved to another computer, or the original is lost, this says "
            "so in a record of its own, and from then on the copy takes records.</p>"
            "<p>Make sure that nobody publishes to the original any more. A copy that is not sound is refused.</p>"
        )

    def initAlgorithm(self, configuration: dict[str, Any] | None = None) -> None:  # noqa: N802 - QGIS's name
        """Declare inputs and outputs."""
        audit_inputs.add_log(self)
        self.add(
            QgsProcessingParameterString(self.AUTHOR, self.tr("Decided by")),
            self.tr("Name of the person who decides that the log goes on here."),
        )
        self.add(
            QgsProcessingParameterString(self.REASON, self.tr("Reason"), None, True),
            self.tr("Why, such as a new computer, and what became of the original."),
        )
        self.add_outputs(
            QgsProcessingOutputNumber(self.NUMBER, self.tr("Number of the record")),
            QgsProcessingOutputString(self.HASH, self.tr("Hash of the record")),
            QgsProcessingOutputString(self.MOMENT, self.tr("Moment of the record (UTC)")),
        )

    def process(
        self, parameters: dict[str, Any], context: QgsProcessingContext, feedback: QgsProcessingFeedback
    ) -> dict[str, Any]:
        """Have it go on."""
        job = Job(
            "continue_log",
            {
                "log": audit_inputs.place(self.parameterAsFile(parameters, self.LOG, context)),
                "author": self.parameterAsString(parameters, self.AUTHOR, context),
                "reason": self.parameterAsString(parameters, self.REASON, context),
            },
        )
        values = self.run_job(job, feedback).values
        return {self.NUMBER: values["number"], self.HASH: values["hash"], self.MOMENT: values["at"]}
