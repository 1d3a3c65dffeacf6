"""Verify audit log: whether it is as it was written, by its own hashes, by a witness and by a copy."""

from __future__ import annotations

from typing import Any

from qgis.core import (
    QgsProcessing,
    QgsProcessingContext,
    QgsProcessingFeedback,
    QgsProcessingOutputBoolean,
    QgsProcessingOutputNumber,
    QgsProcessingOutputString,
    QgsProcessingParameterFeatureSink,
    QgsProcessingParameterString,
)

from patrol_missions.core.jobs import Job
from patrol_missions.processing_algorithms import audit_inputs
from patrol_missions.processing_algorithms.base import LayerContent, PatrolAlgorithm
from patrol_missions.processing_algorithms.progress import PartialFeedback


class VerifyAuditAlgorithm(PatrolAlgorithm):
    """An audit log to a table of what is wrong with it."""

    GROUP = "missions"

    LOG = audit_inputs.LOG
    NUMBER = "NUMBER"
    HASH = "HASH"
    COPY = "COPY"
    OUTPUT = "OUTPUT"
    SOUND = "SOUND"
    RECORDS = "RECORDS"
    LAST_HASH = "LAST_HASH"
    VERDICT = "VERDICT"

    def name(self) -> str:
        """The algorithm's id."""
        return "verifyaudit"

    def displayName(self) -> str:  # noqa: N802 - QGIS's name
        """The algorithm's name for people."""
        return self.tr("Verify audit log")

    def shortDescription(self) -> str:  # noqa: N802 - QGIS's name
        """One line on what it does."""
        return self.tr("Tells whether the audit log is as it was written.")

    def keywords(self) -> str:
        """Words that find it."""
        return self.tr("verify,audit,log,hash chain,tampering,check,integrity,witness,copy,backup")

    def help_text(self) -> str:
        """What it does and gives."""
        return self.tr(
            "<p>Reckons every hash of the log anew and gives a table of what is wrong: records that were changed, "
            "taken away, put in or exchanged, attachments that are not what was published, and guards of the database "
            "that are gone. The table is empty for a sound log.</p>"
            "<p>Whoever can rewrite the whole log can make a sound one of it. That shows only against the number and "
            "hash of a record that were kept elsewhere, or against a copy.</p>"
        )

    def initAlgorithm(self, configuration: dict[str, Any] | None = None) -> None:  # noqa: N802 - QGIS's name
        """Declare inputs and outputs."""
        audit_inputs.add_log(self)
        self.add(
            audit_inputs.record_number(self.NUMBER, self.tr("Witnessed record")),
            self.tr("Number of a record that was kept elsewhere when it was published."),
        )
        self.add(
            QgsProcessingParameterString(self.HASH, self.tr("Witnessed hash"), None, False, True),
            self.tr("The hash that was kept with the number."),
        )
        self.add(
            audit_inputs.log_file(self.COPY, self.tr("Copy of the log"), True),
            self.tr("Another copy, such as a backup or another agency's: told is where the two went on apart."),
            advanced=True,
        )
        self.add(
            QgsProcessingParameterFeatureSink(self.OUTPUT, self.tr("Findings"), QgsProcessing.SourceType.TypeVector),
            self.tr("Table with a row for everything that is wrong."),
        )
        self.add_outputs(
            QgsProcessingOutputBoolean(self.SOUND, self.tr("The log is sound")),
            QgsProcessingOutputNumber(self.RECORDS, self.tr("Number of records")),
            QgsProcessingOutputString(self.LAST_HASH, self.tr("Hash of the last record")),
            QgsProcessingOutputString(self.VERDICT, self.tr("Verdict")),
        )

    def process(
        self, parameters: dict[str, Any], context: QgsProcessingContext, feedback: QgsProcessingFeedback
    ) -> dict[str, Any]:
        """Have it verified, write what was found."""
        given = parameters.get(self.NUMBER) is not None
        job = Job(
            "verify_audit",
            {
                "log": audit_inputs.place(self.parameterAsFile(parameters, self.LOG, context)),
                "copy": audit_inputs.place(self.parameterAsFile(parameters, self.COPY, context)),
                "number": self.parameterAsInt(parameters, self.NUMBER, context) if given else None,
                "hash": self.parameterAsString(parameters, self.HASH, context),
            },
        )
        result = self.run_job(job, feedback, span=(0.0, 0.95))
        found = result.tables["findings"]
        content = LayerContent(found, list(found.columns))
        output = self.write_layer(parameters, self.OUTPUT, context, content, PartialFeedback(feedback, 0.95, 1.0))
        feedback.pushInfo(result.values["sentence"])
        return {
            self.OUTPUT: output,
            self.SOUND: result.values["sound"],
            self.RECORDS: result.values["records"],
            self.LAST_HASH: result.values["hash"],
            self.VERDICT: result.values["sentence"],
        }
