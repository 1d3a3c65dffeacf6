"""Replay plan: a plan made again from its file, or from the audit log, and held against what it was."""

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
)

from patrol_missions.core.jobs import Job
from patrol_missions.processing_algorithms import audit_inputs
from patrol_missions.processing_algorithms.base import LayerContent, PatrolAlgorithm
from patrol_missions.processing_algorithms.progress import PartialFeedback


class ReplayPlanAlgorithm(PatrolAlgorithm):
    """A plan to a table of what comes out otherwise."""

    GROUP = "missions"

    PLAN = audit_inputs.PLAN
    LOG = audit_inputs.LOG
    NUMBER = "NUMBER"
    OUTPUT = "OUTPUT"
    IDENTICAL = "IDENTICAL"
    VERSIONS = "VERSIONS"
    MISSIONS = "MISSIONS"

    def name(self) -> str:
        """The algorithm's id."""
        return "replayplan"

    def displayName(self) -> str:  # noqa: N802 - QGIS's name
        """The algorithm's name for people."""
        return self.tr("Replay plan")

    def shortDescription(self) -> str:  # noqa: N802 - QGIS's name
        """One line on what it does."""
        return self.tr("Makes a past plan again and tells whether the same comes of it.")

    def keywords(self) -> str:
        """Words that find it."""
        return self.tr("replay,reproduce,audit,plan,again,seed,identical,differences,versions,missions")

    def help_text(self) -> str:
        """What it does and gives."""
        return self.tr(
            "<p>Makes a plan again from all that it was made from, and gives a table of what is not the same. The "
            "table is empty when every byte is. Give a plan file, or the audit log and the number of a record.</p>"
        )

    def initAlgorithm(self, configuration: dict[str, Any] | None = None) -> None:  # noqa: N802 - QGIS's name
        """Declare inputs and outputs."""
        audit_inputs.add_plan(self, self.tr("The plan file (.zip), unless the plan is in the audit log."), True)
        audit_inputs.add_log(self, True)
        self.add(
            audit_inputs.record_number(self.NUMBER, self.tr("Record")),
            self.tr("Number of the plan's record in the audit log."),
        )
        self.add(
            QgsProcessingParameterFeatureSink(self.OUTPUT, self.tr("Differences"), QgsProcessing.SourceType.TypeVector),
            self.tr("Table with a row for everything that comes out otherwise."),
        )
        self.add_outputs(
            QgsProcessingOutputBoolean(self.IDENTICAL, self.tr("The same comes of it")),
            QgsProcessingOutputString(self.VERSIONS, self.tr("What reckoned then and reckons now")),
            QgsProcessingOutputNumber(self.MISSIONS, self.tr("Number of missions")),
        )

    def process(
        self, parameters: dict[str, Any], context: QgsProcessingContext, feedback: QgsProcessingFeedback
    ) -> dict[str, Any]:
        """Have it made again, write what differs."""
        given = parameters.get(self.NUMBER) is not None
        job = Job(
            "replay_plan",
            {
                "plan": audit_inputs.place(self.parameterAsFile(parameters, self.PLAN, context)),
                "log": audit_inputs.place(self.parameterAsFile(parameters, self.LOG, context)),
                "number": self.parameterAsInt(parameters, self.NUMBER, context) if given else None,
            },
        )
        result = self.run_job(job, feedback, span=(0.0, 0.95))
        found = result.tables["differences"]
        content = LayerContent(found, list(found.columns))
        output = self.write_layer(parameters, self.OUTPUT, context, content, PartialFeedback(feedback, 0.95, 1.0))
        versions = " ".join(result.values["versions"])
        same, other = self.tr("The same comes of it, to the byte."), self.tr("Something else comes of it.")
        feedback.pushInfo(f"{same if result.values['identical'] else other} {versions}".strip())
        return {
            self.OUTPUT: output,
            self.IDENTICAL: result.values["identical"],
            self.VERSIONS: versions,
            self.MISSIONS: result.values["missions"],
        }
